/* SPDX-License-Identifier: BSD-2-Clause */
/* The network namespace of a guest: settings, lo, tap0 with its addresses. */
#include "drive/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MTU6_MIN 1280 /* RFC 8200 5 */

/* A setting of this network namespace; 0 or -errno. */
static int set(const char *name, const char *value)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	return drive_proc_write(path, value);
}

/* All groups that exist in the guest may send echo requests without privilege. */
static void allow_ping(struct drive_error *warning)
{
	char own[64];

	if (set("ipv4/ping_group_range", "0 2147483647") == 0)
		return;
	(void)snprintf(own, sizeof(own), "%u %u", getegid(), getegid());
	if (set("ipv4/ping_group_range", own) < 0)
		drive_warn(warning, "ping will not work for ordinary users in the guest");
}

static void set_of_tap(const char *tap, const char *name, const char *value)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "ipv6/conf/%s/%s", tap, name);
	(void)set(path, value);
}

/* Nobody else is on this link: no address of it can be a duplicate or come from outside. */
static void set_tap(const char *tap, bool has6)
{
	static const char *const calm[] = {
		"accept_ra",	 "autoconf",	 "accept_dad",
		"dad_transmits", "use_tempaddr", "router_solicitations",
	};

	set_of_tap(tap, "disable_ipv6", has6 ? "0" : "1");
	for (size_t i = 0; has6 && i < sizeof(calm) / sizeof(calm[0]); i++)
		set_of_tap(tap, calm[i], "0");
}

/* What holds for all of the namespace. */
static void set_all(struct drive_error *warning)
{
	if (set("ipv4/ip_unprivileged_port_start", "0") < 0)
		drive_warn(warning, "ports below 1024 need root in the guest (/proc/sys is not "
				    "writable here)");
	allow_ping(warning);
	(void)set("ipv6/conf/lo/disable_ipv6", "0");
}

static int explain_tun(int errnum, struct drive_error *error)
{
	const char *why = strerror(errnum);

	if (errnum == ENOENT)
		return drive_fail(error, errnum,
				  "/dev/net/tun: %s. Root loads the driver with: modprobe tun "
				  "(in a container, start it with --device /dev/net/tun)",
				  why);
	if (errnum == ENODEV || errnum == ENXIO)
		return drive_fail(error, errnum,
				  "/dev/net/tun: %s. This kernel has no tun driver loaded; root "
				  "loads it with: modprobe tun",
				  why);
	if (errnum == EACCES)
		return drive_fail(error, errnum,
				  "/dev/net/tun: %s. Root lets everyone use it with: "
				  "chmod 0666 /dev/net/tun (which gives no right over the host's "
				  "network)",
				  why);
	if (errnum == EPERM)
		return drive_fail(error, errnum,
				  "/dev/net/tun: %s. The device is forbidden to this container or "
				  "service; start it with --device /dev/net/tun",
				  why);
	return drive_fail(error, errnum, "/dev/net/tun: %s", why);
}

static bool has_interface(const char *name)
{
	struct drive_rtnl *rtnl;
	bool found;

	if (drive_rtnl_open(&rtnl) < 0)
		return false;
	found = drive_rtnl_index(rtnl, name) >= 0;
	drive_rtnl_close(rtnl);
	return found;
}

static int refuse_name(const char *name, struct drive_error *error)
{
	return drive_fail(error, EEXIST,
			  "the namespace has an interface %s already, which another program serves "
			  "or which is no tap. End that one, or choose another name by --ifname",
			  name);
}

static int explain_tap(int result, const char *name, struct drive_error *error)
{
	char what[64];

	if (has_interface(name))
		return refuse_name(name, error);
	(void)snprintf(what, sizeof(what), "making %s in the guest", name);
	return drive_userns_explain(result, what, error);
}

/* The descriptor, -ENODEV with why there is no driver, or what the driver said without a text. */
static int ask_for_tap(const char *name, bool *vnet, struct drive_error *error)
{
	struct ifreq request = { .ifr_name = "" };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int result;

	if (fd < 0) {
		(void)explain_tun(errno, error);
		return -ENODEV;
	}
	*vnet = true;
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	result = ioctl(fd, TUNSETIFF, &request);
	if (result < 0 && errno == EINVAL) {
		*vnet = false;
		request.ifr_flags = IFF_TAP | IFF_NO_PI;
		result = ioctl(fd, TUNSETIFF, &request);
	}
	if (result < 0) {
		result = errno == ENODEV ? -EIO : -errno;
		close(fd);
		return result;
	}
	return fd;
}

static int open_tap(const char *name, bool *vnet, struct drive_error *error)
{
	int fd = ask_for_tap(name, vnet, error);

	return fd < 0 && fd != -ENODEV ? explain_tap(fd, name, error) : fd;
}

static bool kernel_has6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* One family of tap0: address and default route. */
static int number(struct drive_rtnl *rtnl, int index, const struct drive_subnet *subnet, bool six)
{
	const struct minato_addr *gateway = six ? &subnet->gateway6 : &subnet->gateway4;
	int result;

	if (six)
		result = drive_rtnl_addr_add(rtnl, index, &subnet->guest6, subnet->prefix6);
	else
		result = drive_rtnl_addr_add(rtnl, index, &subnet->guest4, subnet->prefix4);
	return result < 0 ? result : drive_rtnl_default_add(rtnl, index, gateway);
}

static int configure(struct drive_rtnl *rtnl, const struct drive_plan *plan, const char *name,
		     bool has6)
{
	int lo = drive_rtnl_index(rtnl, "lo");
	int tap = drive_rtnl_index(rtnl, name);
	int result;

	if (lo < 0 || tap < 0)
		return lo < 0 ? lo : tap;
	result = drive_rtnl_link_up(rtnl, lo, 0, NULL);
	if (result == 0)
		result = drive_rtnl_link_up(rtnl, tap, plan->mtu, plan->mac);
	if (result == 0 && plan->subnet.has4)
		result = number(rtnl, tap, &plan->subnet, false);
	if (result == 0 && has6)
		result = number(rtnl, tap, &plan->subnet, true);
	return result;
}

static int configure_bare(struct drive_rtnl *rtnl, const struct drive_plan *plan, const char *name)
{
	int tap = drive_rtnl_index(rtnl, name);

	return tap < 0 ? tap : drive_rtnl_link_set(rtnl, tap, plan->mtu, plan->mac);
}

static const char *tap_name(const struct drive_plan *plan)
{
	return plan->ifname ? plan->ifname : "tap0";
}

static void judge_ipv6(const struct drive_plan *plan, struct drive_netns *made,
		       struct drive_error *warning)
{
	made->has6 = plan->subnet.has6 && plan->mtu >= MTU6_MIN && kernel_has6();
	if (plan->subnet.has6 && !made->has6)
		drive_warn(warning, plan->mtu < MTU6_MIN ?
					    "no IPv6 in the guest: its MTU is below 1280" :
					    "no IPv6 in the guest: the kernel has none");
}

/* Gives the tap that is open its addresses, or closes it. */
static int finish(const struct drive_plan *plan, bool bare, struct drive_netns *made,
		  struct drive_error *error)
{
	const char *name = tap_name(plan);
	struct drive_rtnl *rtnl;
	int result = drive_rtnl_open(&rtnl);

	if (result == 0) {
		result = bare ? configure_bare(rtnl, plan, name) :
				configure(rtnl, plan, name, made->has6);
		drive_rtnl_close(rtnl);
	}
	if (result == 0)
		return 0;
	close(made->tap);
	return drive_fail(error, -result, "configuring %s in the guest: %s", name,
			  strerror(-result));
}

int drive_netns_make(const struct drive_plan *plan, struct drive_netns *made,
		     struct drive_error *warning, struct drive_error *error)
{
	judge_ipv6(plan, made, warning);
	made->tap = open_tap(tap_name(plan), &made->vnet, error);
	if (made->tap < 0)
		return made->tap;
	set_all(warning);
	set_tap(tap_name(plan), made->has6);
	return finish(plan, false, made, error);
}

int drive_netns_add(const struct drive_plan *plan, bool bare, struct drive_netns *made,
		    struct drive_error *warning, struct drive_error *error)
{
	judge_ipv6(plan, made, warning);
	if (!bare && has_interface(tap_name(plan)))
		return refuse_name(tap_name(plan), error);
	made->tap = open_tap(tap_name(plan), &made->vnet, error);
	if (made->tap < 0)
		return made->tap;
	set_tap(tap_name(plan), made->has6);
	return finish(plan, bare, made, error);
}

static int explain_own_tap(int result, const char *name, struct drive_error *error)
{
	if (has_interface(name))
		return drive_fail(
			error, result == -EBUSY ? EBUSY : EEXIST,
			"there is an interface %s already, which another program serves or "
			"which is no tap",
			name);
	if (result == -EPERM)
		return drive_fail(error, EPERM,
				  "making the tap %s: %s. It needs CAP_NET_ADMIN in its network "
				  "namespace; or root makes it beforehand: ip tuntap add %s mode "
				  "tap user NAME",
				  name, strerror(EPERM), name);
	return drive_fail(error, -result, "making the tap %s: %s", name, strerror(-result));
}

int drive_netns_tap(const char *name, uint32_t mtu, bool *vnet, struct drive_error *error)
{
	struct drive_rtnl *rtnl;
	int fd = ask_for_tap(name, vnet, error);
	int result;
	int index;

	if (fd < 0)
		return fd == -ENODEV ? fd : explain_own_tap(fd, name, error);
	result = drive_rtnl_open(&rtnl);
	if (result == 0) {
		index = drive_rtnl_index(rtnl, name);
		result = index < 0 ? index : drive_rtnl_link_up(rtnl, index, mtu, NULL);
		drive_rtnl_close(rtnl);
	}
	/* One that was made beforehand its maker may have set up, and we may not. */
	if (result == 0 || result == -EPERM)
		return fd;
	close(fd);
	return drive_fail(error, -result, "setting the tap %s up: %s", name, strerror(-result));
}

int drive_netns_mtu(const char *name, uint32_t mtu, struct drive_error *error)
{
	struct drive_rtnl *rtnl;
	int result = drive_rtnl_open(&rtnl);
	int index;

	if (result == 0) {
		index = drive_rtnl_index(rtnl, name);
		result = index < 0 ? index : drive_rtnl_link_set(rtnl, index, mtu, NULL);
		drive_rtnl_close(rtnl);
	}
	return result < 0 ? drive_fail(error, -result, "setting the MTU of %s to %u: %s", name, mtu,
				       strerror(-result)) :
			    0;
}
