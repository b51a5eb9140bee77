/* SPDX-License-Identifier: BSD-2-Clause */
/* Links, addresses and routes by rtnetlink. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "drive/drive.h"
#include "netns_fixture.h"

struct wanted {
	const char *text;
	uint8_t length;
	bool found;
};

static struct minato_addr addr(const char *text)
{
	struct minato_addr parsed;

	DEMAND(minato_addr_parse(text, &parsed) == 0);
	return parsed;
}

static void look(void *user, const struct drive_prefix *prefix)
{
	struct wanted *wanted = user;
	struct minato_addr one = addr(wanted->text);

	if (prefix->length == wanted->length && minato_addr_equal(&prefix->addr, &one))
		wanted->found = true;
}

static bool lists(struct drive_rtnl *rtnl, int family, const char *text, uint8_t length)
{
	struct wanted wanted = { text, length, false };

	DEMAND(drive_rtnl_prefixes(rtnl, family, look, &wanted) == 0);
	return wanted.found;
}

static void indexes(void)
{
	struct drive_rtnl *rtnl;

	DEMAND(drive_rtnl_open(&rtnl) == 0);
	DEMAND(drive_rtnl_index(rtnl, "lo") == 1);
	DEMAND(drive_rtnl_index(rtnl, "nothing") == -ENODEV);
	drive_rtnl_close(rtnl);
}

static void addresses(void)
{
	struct minato_addr one = addr("10.1.2.3");
	struct drive_rtnl *rtnl;

	DEMAND(drive_rtnl_open(&rtnl) == 0);
	DEMAND(drive_rtnl_link_up(rtnl, 1, 0, NULL) == 0);
	DEMAND(drive_rtnl_addr_add(rtnl, 1, &one, 24) == 0);
	DEMAND(drive_rtnl_addr_add(rtnl, 999, &one, 24) == -ENODEV);
	DEMAND(lists(rtnl, AF_INET, "10.1.2.3", 24)); /* the address */
	DEMAND(lists(rtnl, AF_INET, "10.1.2.0", 24)); /* the route of its subnet */
	DEMAND(lists(rtnl, AF_INET, "127.0.0.0", 8));
	DEMAND(!lists(rtnl, AF_INET, "10.1.3.0", 24));
	DEMAND(!lists(rtnl, AF_INET6, "10.1.2.3", 24));
	drive_rtnl_close(rtnl);
}

static void addresses6(void)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	struct minato_addr one = addr("fd12::3");
	struct drive_rtnl *rtnl;
	int tries = 0;

	DEMAND(drive_rtnl_open(&rtnl) == 0);
	DEMAND(drive_rtnl_link_up(rtnl, 1, 0, NULL) == 0);
	DEMAND(drive_rtnl_addr_add(rtnl, 1, &one, 64) == 0);
	DEMAND(lists(rtnl, AF_INET6, "fd12::3", 64));
	/* The kernel adds the route of the address itself a little later. */
	while (!lists(rtnl, AF_INET6, "fd12::3", 128) && ++tries < 500)
		nanosleep(&moment, NULL);
	DEMAND(tries < 500);
	drive_rtnl_close(rtnl);
}

static void default_routes(void)
{
	struct minato_addr one = addr("203.0.113.5");
	struct minato_addr gateway = addr("203.0.113.1");
	struct minato_addr far = addr("198.51.100.1");
	struct drive_rtnl *rtnl;

	DEMAND(drive_rtnl_open(&rtnl) == 0);
	DEMAND(drive_rtnl_link_up(rtnl, 1, 0, NULL) == 0);
	DEMAND(drive_rtnl_addr_add(rtnl, 1, &one, 24) == 0);
	DEMAND(!lists(rtnl, AF_INET, "0.0.0.0", 0));
	DEMAND(drive_rtnl_default_add(rtnl, 1, &far) < 0);
	DEMAND(drive_rtnl_default_add(rtnl, 1, &gateway) == 0);
	DEMAND(lists(rtnl, AF_INET, "0.0.0.0", 0));
	drive_rtnl_close(rtnl);
}

static void mtu_and_mac(void)
{
	static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 };
	struct ifreq request = { .ifr_name = "tap0", .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int ask = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct drive_rtnl *rtnl;
	int tap;

	if (fd < 0)
		_exit(NO_NAMESPACE);
	DEMAND(ioctl(fd, TUNSETIFF, &request) == 0);
	DEMAND(drive_rtnl_open(&rtnl) == 0);
	tap = drive_rtnl_index(rtnl, "tap0");
	DEMAND(tap > 0);
	DEMAND(drive_rtnl_link_up(rtnl, tap, 1400, mac) == 0);
	DEMAND(ioctl(ask, SIOCGIFMTU, &request) == 0 && request.ifr_mtu == 1400);
	DEMAND(ioctl(ask, SIOCGIFHWADDR, &request) == 0);
	DEMAND(memcmp(request.ifr_hwaddr.sa_data, mac, 6) == 0);
	DEMAND(ioctl(ask, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP));
	DEMAND(drive_rtnl_link_up(rtnl, tap, 1, NULL) == -EINVAL);
	drive_rtnl_close(rtnl);
}

NETNS_CASE(interfaces_have_indexes, indexes)
NETNS_CASE(addresses_and_their_routes_are_listed, addresses)
NETNS_CASE(addresses_of_ipv6, addresses6)
NETNS_CASE(default_route_through_a_neighbour, default_routes)
NETNS_CASE(link_gets_its_mtu_and_mac, mtu_and_mac)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interfaces_have_indexes),
		cmocka_unit_test(addresses_and_their_routes_are_listed),
		cmocka_unit_test(addresses_of_ipv6),
		cmocka_unit_test(default_route_through_a_neighbour),
		cmocka_unit_test(link_gets_its_mtu_and_mac),
	};

	return cmocka_run_group_tests_name("netlink", tests, NULL, NULL);
}
