/* SPDX-License-Identifier: BSD-2-Clause */
/* A filter at a tap of the kernel's: what comes through it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "drive/drive.h"
#include "netns_fixture.h"

#define ALL UINT32_MAX
#define NONE 0u
#define SYN 0x02
#define ACK 0x10

static int tap, wire;

static void make(void)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct sockaddr_ll place = { .sll_family = AF_PACKET };
	int control = socket(AF_INET, SOCK_DGRAM, 0);

	strcpy(request.ifr_name, "t0");
	tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (tap < 0)
		_exit(NO_NAMESPACE);
	DEMAND(ioctl(tap, TUNSETIFF, &request) == 0);
	request.ifr_flags = IFF_UP;
	DEMAND(ioctl(control, SIOCSIFFLAGS, &request) == 0);
	wire = socket(AF_PACKET, SOCK_RAW, 0);
	place.sll_ifindex = (int)if_nametoindex("t0");
	DEMAND(bind(wire, (struct sockaddr *)&place, sizeof(place)) == 0);
	close(control);
}

/* A frame of 80 bytes to this destination. */
static void frame(uint8_t out[80], const char *to, uint8_t proto, uint8_t flags)
{
	struct minato_addr addr;
	bool four;

	DEMAND(minato_addr_parse(to, &addr) == 0);
	four = minato_addr_is4(&addr);
	memset(out, 0, 80);
	out[5] = 1;
	out[12] = four ? 0x08 : 0x86;
	out[13] = four ? 0x00 : 0xdd;
	out[14] = four ? 0x45 : 0x60;
	out[14 + (four ? 9 : 6)] = proto;
	memcpy(out + 14 + (four ? 16 : 24), addr.bytes + (four ? 12 : 0), four ? 4 : 16);
	out[14 + (four ? 20 : 40) + 13] = flags;
}

/* Of 1,000 of them, how many come through. */
static unsigned through_as_is(const uint8_t out[80])
{
	uint8_t in[2048];
	unsigned count = 0;

	/* What the kernel says by itself on a link that is new. */
	while (read(tap, in, sizeof(in)) > 0)
		;
	for (int i = 0; i < 1000; i++) {
		(void)send(wire, out, 80, 0);
		while (read(tap, in, sizeof(in)) > 0)
			count += memcmp(in, out, 80) == 0;
	}
	return count;
}

static unsigned through(const char *to, uint8_t proto, uint8_t flags)
{
	uint8_t out[80];

	frame(out, to, proto, flags);
	return through_as_is(out);
}

/* With this byte after the header of IP. */
static unsigned through_first(const char *to, uint8_t proto, uint8_t first)
{
	uint8_t out[80];

	frame(out, to, proto, 0);
	out[out[12] == 0x08 ? 34 : 54] = first;
	return through_as_is(out);
}

/* A piece of a datagram. */
static unsigned through_cut(const char *to, uint16_t where)
{
	uint8_t out[80];

	frame(out, to, IPPROTO_UDP, 0);
	if (out[12] == 0x08) {
		out[20] = (uint8_t)(where >> 8);
		out[21] = (uint8_t)where;
	} else {
		out[20] = IPPROTO_FRAGMENT;
	}
	return through_as_is(out);
}

static void sieves(void)
{
	struct drive_sieve sieve = { .chance = NONE, .strays = ALL, .count = 2 };

	make();
	DEMAND(minato_addr_parse("192.0.2.1", &sieve.known[0]) == 0);
	DEMAND(minato_addr_parse("2001:db8::7", &sieve.known[1]) == 0);
	DEMAND(through("198.51.100.1", IPPROTO_TCP, SYN) == 1000);
	DEMAND(drive_sieve_set(tap, &sieve) == 0);
	/* First contacts. */
	DEMAND(through("198.51.100.1", IPPROTO_TCP, SYN) == 0);
	DEMAND(through("198.51.100.1", IPPROTO_UDP, 0) == 0);
	DEMAND(through("2001:db8::8", IPPROTO_TCP, SYN) == 0);
	DEMAND(through("2001:db9::7", IPPROTO_UDP, 0) == 0);
	DEMAND(through_first("198.51.100.1", IPPROTO_ICMP, 8) == 0);
	DEMAND(through_first("2001:db8::8", IPPROTO_ICMPV6, 128) == 0);
	/* Pieces of such. */
	DEMAND(through_cut("198.51.100.1", 0x2000) == 0);
	DEMAND(through_cut("198.51.100.1", 0x0002) == 0);
	DEMAND(through_cut("2001:db8::8", 0) == 0);
	/* What stands. */
	DEMAND(through("198.51.100.1", IPPROTO_TCP, ACK) == 1000);
	DEMAND(through("198.51.100.1", IPPROTO_TCP, SYN | ACK) == 1000);
	DEMAND(through("2001:db8::8", IPPROTO_TCP, ACK) == 1000);
	/* Who is known. */
	DEMAND(through("192.0.2.1", IPPROTO_TCP, SYN) == 1000);
	DEMAND(through("192.0.2.1", IPPROTO_UDP, 0) == 1000);
	DEMAND(through("2001:db8::7", IPPROTO_TCP, SYN) == 1000);
	DEMAND(through("2001:db8::7", IPPROTO_UDP, 0) == 1000);
	/* By chance. */
	sieve.chance = ALL / 4;
	DEMAND(drive_sieve_set(tap, &sieve) == 0);
	DEMAND(through("198.51.100.1", IPPROTO_TCP, SYN) > 150);
	DEMAND(through("198.51.100.1", IPPROTO_TCP, SYN) < 350);
	sieve.chance = ALL;
	DEMAND(drive_sieve_set(tap, &sieve) == 0);
	DEMAND(through("198.51.100.1", IPPROTO_UDP, 0) == 1000);
	sieve.chance = NONE;
	DEMAND(drive_sieve_set(tap, &sieve) == 0);
	drive_sieve_clear(tap);
	DEMAND(through("198.51.100.1", IPPROTO_UDP, 0) == 1000);
}

static void of_no_flow(void)
{
	struct drive_sieve sieve = { .chance = ALL, .strays = NONE, .count = 1 };

	make();
	DEMAND(minato_addr_parse("192.0.2.1", &sieve.known[0]) == 0);
	DEMAND(drive_sieve_set(tap, &sieve) == 0);
	DEMAND(through("198.51.100.1", IPPROTO_TCP, ACK) == 0);
	DEMAND(through("198.51.100.1", IPPROTO_TCP, SYN | ACK) == 0);
	DEMAND(through("2001:db8::8", IPPROTO_TCP, ACK) == 0);
	DEMAND(through("198.51.100.1", IPPROTO_SCTP, 0) == 0);
	DEMAND(through_first("198.51.100.1", IPPROTO_ICMP, 0) == 0);
	DEMAND(through_first("2001:db8::8", IPPROTO_ICMPV6, 129) == 0);
	DEMAND(through_cut("198.51.100.1", 0x2000) == 0);
	DEMAND(through_cut("198.51.100.1", 0x0002) == 0);
	DEMAND(through_cut("2001:db8::8", 0) == 0);
	/* For who is known. */
	DEMAND(through("192.0.2.1", IPPROTO_TCP, ACK) == 1000);
	DEMAND(through_cut("192.0.2.1", 0x2000) == 1000);
	/* What begins a flow; that it may not be cut is no cut. */
	DEMAND(through("198.51.100.1", IPPROTO_TCP, SYN) == 1000);
	DEMAND(through("2001:db8::8", IPPROTO_UDP, 0) == 1000);
	DEMAND(through_first("198.51.100.1", IPPROTO_ICMP, 8) == 1000);
	DEMAND(through_first("2001:db8::8", IPPROTO_ICMPV6, 128) == 1000);
	DEMAND(through_cut("198.51.100.1", 0x4000) == 1000);
	sieve.strays = ALL / 4;
	DEMAND(drive_sieve_set(tap, &sieve) == 0);
	DEMAND(through("198.51.100.1", IPPROTO_TCP, ACK) > 150);
	DEMAND(through("198.51.100.1", IPPROTO_TCP, ACK) < 350);
}

/* Without which there is none. */
static void of_the_link(void)
{
	struct drive_sieve sieve = { .chance = NONE, .strays = NONE };

	make();
	DEMAND(drive_sieve_set(tap, &sieve) == 0);
	/* Neighbour and router solicitations, DHCP. */
	DEMAND(through_first("ff02::1:ff00:2", IPPROTO_ICMPV6, 135) == 1000);
	DEMAND(through_first("ff02::2", IPPROTO_ICMPV6, 133) == 1000);
	DEMAND(through_first("fe80::1", IPPROTO_ICMPV6, 135) == 1000);
	DEMAND(through("255.255.255.255", IPPROTO_UDP, 0) == 1000);
	DEMAND(through_first("fec0::1", IPPROTO_ICMPV6, 135) == 0);
	DEMAND(through("fd00::1", IPPROTO_UDP, 0) == 0);
	DEMAND(through("255.255.255.254", IPPROTO_UDP, 0) == 0);
}

static void all_that_can_be_known(void)
{
	struct drive_sieve sieve = { .chance = NONE, .strays = NONE, .count = DRIVE_SIEVE_KNOWN };
	char last[64];

	make();
	for (uint8_t i = 0; i < DRIVE_SIEVE_KNOWN; i++) {
		sieve.known[i] = minato_addr4(192, 0, 2, i);
		if (i % 2) {
			(void)snprintf(last, sizeof(last), "2001:db8::%x", i);
			DEMAND(minato_addr_parse(last, &sieve.known[i]) == 0);
		}
	}
	DEMAND(drive_sieve_set(tap, &sieve) == 0);
	DEMAND(through("192.0.2.78", IPPROTO_TCP, SYN) == 1000);
	DEMAND(through("192.0.2.79", IPPROTO_TCP, SYN) == 0);
	DEMAND(through(last, IPPROTO_UDP, 0) == 1000);
	sieve.count++;
	DEMAND(drive_sieve_set(tap, &sieve) == -EINVAL);
}

NETNS_CASE(what_comes_through, sieves)
NETNS_CASE(what_is_of_no_flow, of_no_flow)
NETNS_CASE(what_the_link_needs, of_the_link)
NETNS_CASE(as_many_as_there_is_room_for, all_that_can_be_known)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_through),
		cmocka_unit_test(what_is_of_no_flow),
		cmocka_unit_test(what_the_link_needs),
		cmocka_unit_test(as_many_as_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
