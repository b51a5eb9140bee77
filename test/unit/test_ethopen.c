/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which interfaces become links of ours, and that the kernel beside us keeps silent: who asks at
 * the other end of a veth pair, as a raw SYN, hears a RST or does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "wire_fixture.h"

static struct drive_error told;
static struct drive_link_ends ends;

static const struct minato_addr ours = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 9, 0, 1 } };

static int make(struct drive_link_plan plan)
{
	plan.ifname = plan.ifname ? plan.ifname : "n0";
	plan.ours = plan.ours ? plan.ours : &ours;
	plan.ours_count = 1;
	told.text[0] = '\0';
	return drive_link_make(&ends, &plan, &told);
}

static bool says(const char *word)
{
	if (!strstr(told.text, word))
		fprintf(stderr, "# '%s' is not in: %s\n", word, told.text);
	return strstr(told.text, word) != NULL;
}

/* ---- what is refused ---- */

static void refuse_nonsense(void)
{
	static const uint8_t group[6] = { 1, 0, 0, 0, 0, 1 };

	lay_wire();
	DEMAND(make((struct drive_link_plan){ .ifname = "no0" }) == -ENODEV);
	DEMAND(says("no interface no0"));
	DEMAND(make((struct drive_link_plan){ .ifname = "a/b" }) == -EINVAL && says("a/b"));
	DEMAND(make((struct drive_link_plan){ .ifname = "" }) == -EINVAL);
	DEMAND(make((struct drive_link_plan){ .ifname = "sixteen-letters!" }) == -EINVAL);
	DEMAND(make((struct drive_link_plan){ .ifname = "lo" }) == -EINVAL && says("Ethernet"));
	DEMAND(make((struct drive_link_plan){ .vlan = 4095 }) == -EINVAL && says("4094"));
	DEMAND(make((struct drive_link_plan){ .mac = group }) == -EINVAL && says("MAC"));
	DEMAND(make((struct drive_link_plan){ .netns = "no-such-namespace" }) == -ENOENT);
	DEMAND(ends.packet == -1 && ends.sender == -1 && ends.watch == -1 && ends.filter == -1);
}
NETNS_CASE(what_makes_no_sense_is_refused_with_a_reason, refuse_nonsense)

static void refuse_without_rights(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	lay_wire();
	DEMAND(syscall(SYS_capset, &header, none) == 0);
	DEMAND(make((struct drive_link_plan){ 0 }) == -EPERM);
	DEMAND(says("CAP_NET_RAW") && says("setcap"));
	DEMAND(drive_silence("n0", &told) == -EPERM && says("CAP_NET_ADMIN"));
}
NETNS_CASE(a_missing_right_is_named, refuse_without_rights)

static void refuse_an_address_of_the_kernel(void)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };

	lay_wire();
	shell("ip addr add 10.9.0.1/24 dev f0");
	DEMAND(make((struct drive_link_plan){ 0 }) == -EADDRINUSE);
	DEMAND(says("ip addr del 10.9.0.1/24 dev f0") && says("say take"));
	/* With a MAC of our own it would answer for us no less. */
	DEMAND(make((struct drive_link_plan){ .mac = mac }) == -EADDRINUSE);
	DEMAND(make((struct drive_link_plan){ .take = true }) == 0 && ends.filter >= 0);
}
NETNS_CASE(an_address_that_the_kernel_has_is_refused, refuse_an_address_of_the_kernel)

static void refuse_a_link_local_address_of_the_kernel(void)
{
	static const struct minato_addr six = { { 0xfd, 9, [15] = 1 } };

	lay_wire();
	shell("echo 0 > /proc/sys/net/ipv6/conf/n0/disable_ipv6;"
	      "echo 0 > /proc/sys/net/ipv6/conf/n0/addr_gen_mode;"
	      "ip link set n0 down; ip link set n0 up");
	/* Of no concern where IPv6 is none. */
	DEMAND(make((struct drive_link_plan){ 0 }) == 0);
	drive_link_ends_close(&ends);
	DEMAND(make((struct drive_link_plan){ .ours = &six }) == -EADDRINUSE && says("fe80::"));
}
NETNS_CASE(the_kernels_own_link_local_address_is_seen, refuse_a_link_local_address_of_the_kernel)

static void refuse_forwarding(void)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };

	lay_wire();
	shell("echo 1 > /proc/sys/net/ipv4/conf/n0/forwarding");
	DEMAND(make((struct drive_link_plan){ 0 }) == -EBUSY);
	DEMAND(says("sysctl net.ipv4.conf.n0.forwarding=0"));
	DEMAND(make((struct drive_link_plan){ .mac = mac }) == 0);
	drive_link_ends_close(&ends);
	DEMAND(make((struct drive_link_plan){ .second_mac = true }) == 0);
	drive_link_ends_close(&ends);
	DEMAND(make((struct drive_link_plan){ .take = true }) == 0);
	drive_link_ends_close(&ends);
	shell("echo 0 > /proc/sys/net/ipv4/conf/n0/forwarding;"
	      "echo 1 > /proc/sys/net/ipv6/conf/n0/forwarding");
	DEMAND(make((struct drive_link_plan){ 0 }) == -EBUSY && says("ipv6"));
}
NETNS_CASE(an_interface_that_the_kernel_forwards_from_is_refused, refuse_forwarding)

static void tell_what_it_is_like(void)
{
	lay_wire();
	shell("ip link set n0 mtu 1400 address 02:00:00:00:00:07");
	DEMAND(make((struct drive_link_plan){ .vlan = 9 }) == 0);
	DEMAND(ends.mtu == 1400 && ends.up && ends.vlan == 9 && strcmp(ends.ifname, "n0") == 0);
	DEMAND(ends.mac[0] == 2 && ends.mac[5] == 7 && ends.filter == -1);
	DEMAND(ends.index == if_nametoindex("n0") && ends.room > 0);
	DEMAND(ends.offloads & MINATO_OFFLOAD_CSUM && ends.offloads & MINATO_OFFLOAD_TSO6);
	drive_link_ends_close(&ends);
	/* One of our own that is another each time the interface's is. */
	DEMAND(make((struct drive_link_plan){ .second_mac = true }) == 0);
	DEMAND(ends.mac[0] == 6 && ends.mac[5] == 7);
	drive_link_ends_close(&ends);
	shell("ip link set n0 address 00:10:00:00:00:07");
	DEMAND(make((struct drive_link_plan){ .second_mac = true }) == 0);
	DEMAND(ends.mac[0] == 6 && ends.mac[1] == 0x10);
	drive_link_ends_close(&ends);
	/* The kernel tells of the other end's going a moment later. */
	shell("ip link set f0 down");
	for (int i = 0; i < 300 && ends.up; i++) {
		(void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		DEMAND(make((struct drive_link_plan){ 0 }) == 0);
		drive_link_ends_close(&ends);
	}
	DEMAND(!ends.up);
}
NETNS_CASE(what_the_interface_is_like_is_told, tell_what_it_is_like)

/* ---- the kernel beside us ---- */

static int far;

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t sum(const uint8_t *at, uint32_t len, uint32_t start)
{
	for (uint32_t i = 0; i < len; i += 2)
		start += (uint32_t)at[i] << 8 | at[i + 1];
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

static void open_far(void)
{
	const struct sockaddr_ll there = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex("f0"),
	};

	shell("ip link set n0 address 02:00:00:00:00:07; ip link set f0 address 02:00:00:00:00:08;"
	      "ip addr add 10.9.0.1/24 dev n0;"
	      "ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:08 dev n0");
	far = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
	DEMAND(bind(far, (const struct sockaddr *)&there, sizeof(there)) == 0);
}

/* A SYN to a port of 10.9.0.1 where the kernel has no listener. */
static void send_syn(void)
{
	uint8_t frame[54] = { 2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 8, 0x08, 0 };
	uint8_t *ip = frame + 14;
	uint8_t *tcp = ip + 20;

	memcpy(ip, (const uint8_t[]){ 0x45, 0, 0,  40, 0, 0, 0x40, 0, 64, 6,
				      0,    0, 10, 9,  0, 2, 10,   9, 0,  1 },
	       20);
	put16(ip + 10, ~sum(ip, 20, 0));
	memcpy(tcp, (const uint8_t[]){ 0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0 },
	       16);
	put16(tcp + 16, ~sum(tcp, 20, sum(ip + 12, 8, 6 + 20)));
	DEMAND(send(far, frame, sizeof(frame), 0) == (ssize_t)sizeof(frame));
}

/* Whether the kernel answers with a RST; nothing else comes, since nobody else is there. */
static bool resets(void)
{
	struct pollfd wanted = { far, POLLIN, 0 };
	uint8_t frame[2000];

	send_syn();
	while (poll(&wanted, 1, 100) == 1) {
		ssize_t got = recv(far, frame, sizeof(frame), 0);

		if (got >= 54 && frame[23] == 6 && frame[26 + 3] == 1 && frame[47] & 4)
			return true;
	}
	return false;
}

static bool filter_is_there(void)
{
	return system("nft list table netdev minato-n0 2>/dev/null | grep -q 'policy drop'") == 0;
}

static void keep_silent(void)
{
	struct pollfd wanted;
	uint8_t frame[2000];

	lay_wire();
	open_far();
	DEMAND(resets()); /* the fault that all this is about */
	DEMAND(make((struct drive_link_plan){ .take = true }) == 0);
	DEMAND(!resets());
	/* We have seen it all the same. */
	wanted = (struct pollfd){ ends.packet, POLLIN, 0 };
	DEMAND(poll(&wanted, 1, 1000) == 1 && recv(ends.packet, frame, sizeof(frame), 0) == 64);
	drive_link_ends_close(&ends);
	DEMAND(resets());
}
NETNS_CASE(a_taken_interface_gets_no_reset_from_the_kernel, keep_silent)

/* Both the kernel and we have what arrives, but what it has no address for it does not answer. */
static void stay_silent_without_an_address(void)
{
	lay_wire();
	open_far();
	shell("ip addr del 10.9.0.1/24 dev n0; ip addr add 10.9.0.7/24 dev n0");
	DEMAND(make((struct drive_link_plan){ 0 }) == 0);
	DEMAND(!resets());
}
NETNS_CASE(a_kernel_without_our_address_sends_no_reset, stay_silent_without_an_address)

/* The filter is of who holds the descriptor: gone with the last, a kill included. */
static void end_with_its_owner(void)
{
	int ready[2];
	char byte;
	pid_t child;

	lay_wire();
	open_far();
	DEMAND(pipe(ready) == 0);
	child = fork();
	if (child == 0) {
		DEMAND(make((struct drive_link_plan){ .take = true }) == 0);
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	DEMAND(read(ready[0], &byte, 1) == 1);
	DEMAND(!resets());
	if (system("command -v nft >/dev/null") == 0)
		DEMAND(filter_is_there());
	DEMAND(make((struct drive_link_plan){ .take = true }) == -EBUSY);
	DEMAND(says("another minato"));
	DEMAND(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
	/* The kernel ends a socket of a process that was killed a moment later. */
	for (int i = 0; i < 50 && filter_is_there(); i++)
		(void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	DEMAND(resets());
	DEMAND(make((struct drive_link_plan){ .take = true }) == 0);
	DEMAND(!resets());
}
NETNS_CASE(the_filter_ends_with_who_holds_it, end_with_its_owner)

/* ---- elsewhere ---- */

/* A namespace of a child's own, which it stays in. */
static pid_t make_elsewhere(void)
{
	int ready[2];
	char byte;
	pid_t child;

	DEMAND(pipe(ready) == 0);
	child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) < 0)
			_exit(1);
		shell("ip link add e0 type veth peer name e1; ip link set e0 up; ip link set e1 up;"
		      "ip addr add 10.9.0.1/24 dev e1");
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	DEMAND(read(ready[0], &byte, 1) == 1);
	return child;
}

static void open_elsewhere(void)
{
	struct drive_link_plan plan = { .ifname = "e0" };
	char word[64];
	pid_t child;

	lay_wire();
	child = make_elsewhere();
	DEMAND(make(plan) == -ENODEV); /* not here */
	(void)snprintf(word, sizeof(word), "%d", (int)child);
	plan.netns = word;
	DEMAND(make(plan) == -EADDRINUSE && says("10.9.0.1")); /* what that kernel has */
	plan.take = true;
	DEMAND(make(plan) == 0);
	DEMAND(ends.packet >= 0 && ends.watch >= 0 && ends.filter >= 0 && ends.up);
	drive_link_ends_close(&ends);
	(void)snprintf(word, sizeof(word), "/proc/%d/ns/net", (int)child);
	DEMAND(make(plan) == 0);
	drive_link_ends_close(&ends);
	plan.ifname = "n0";
	DEMAND(make(plan) == -ENODEV && says(word));
}
NETNS_CASE(an_interface_elsewhere_is_opened_by_pid_and_path, open_elsewhere)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_makes_no_sense_is_refused_with_a_reason),
		cmocka_unit_test(a_missing_right_is_named),
		cmocka_unit_test(an_address_that_the_kernel_has_is_refused),
		cmocka_unit_test(the_kernels_own_link_local_address_is_seen),
		cmocka_unit_test(an_interface_that_the_kernel_forwards_from_is_refused),
		cmocka_unit_test(what_the_interface_is_like_is_told),
		cmocka_unit_test(a_taken_interface_gets_no_reset_from_the_kernel),
		cmocka_unit_test(a_kernel_without_our_address_sends_no_reset),
		cmocka_unit_test(the_filter_ends_with_who_holds_it),
		cmocka_unit_test(an_interface_elsewhere_is_opened_by_pid_and_path),
	};

	remember_self();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
