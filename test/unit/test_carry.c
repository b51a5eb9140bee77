/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of what the kernel carries, and the kernel at it: a frame that is sent at one end of a
 * veth pair comes out of another one as it was ordered, and our packet socket does not see it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "drive/carry.h"
#include "netns_fixture.h"

static const uint8_t ours[6] = { 2, 0, 0, 0, 1, 1 };
static const uint8_t theirs[6] = { 2, 0, 0, 0, 2, 2 };
static struct drive_carry *carry;

static struct minato_endpoint end(const char *text, uint16_t port)
{
	struct minato_endpoint e = { .port = port };

	DEMAND(minato_addr_parse(text, &e.addr) == 0);
	return e;
}

static struct drive_carried flow(uint16_t port)
{
	struct drive_carried what = {
		.from = 1,
		.to = 2,
		.source = end("10.0.0.2", port),
		.destination = end("203.0.113.5", 80),
		.new_source = end("198.51.100.1", 60000),
		.new_destination = end("203.0.113.5", 80),
		.mtu = 1500,
		.next = 1,
	};

	memcpy(what.mac_source, ours, 6);
	memcpy(what.mac_destination, theirs, 6);
	return what;
}

static void open_carry(void)
{
	struct drive_error why = { "" };

	if (drive_carry_open(&carry, &why) < 0) {
		DEMAND(why.text[0] != '\0');
		_exit(NO_NAMESPACE);
	}
}

/* ---- the table ---- */

static void places(void)
{
	const struct minato_time now = { INT64_C(1000000000000) };
	const struct minato_time soon = { now.ns + 50000000 };
	const struct minato_time later = { now.ns + 150000000 };
	struct drive_carried what = flow(4000);
	struct drive_carry_count count;
	int place;

	open_carry();
	place = drive_carry_put(carry, &what, now);
	DEMAND(place >= 0);
	DEMAND(drive_carry_put(carry, &what, now) == -EEXIST);
	what.from = 3; /* by another interface it is another flow */
	DEMAND(drive_carry_put(carry, &what, now) >= 0);
	count = drive_carry_look(carry, place);
	DEMAND(count.frames == 0 && count.bytes == 0 && count.last.ns == now.ns);
	count = drive_carry_take(carry, place, now);
	DEMAND(count.frames == 0);
	/* A place that was left is not another's at once. */
	what.from = 1;
	DEMAND(drive_carry_put(carry, &what, soon) != place);
	drive_carry_clear(carry);
	DEMAND(drive_carry_put(carry, &what, later) >= 0);
	drive_carry_free(carry);
	drive_carry_free(NULL);
}

static void a_full_table(void)
{
	const struct minato_time now = { INT64_C(1000000000000) };
	uint32_t put = 0;
	uint32_t full = 0;

	open_carry();
	for (uint32_t i = 1; i < 65536; i++) {
		struct drive_carried what = flow((uint16_t)i);
		int place = drive_carry_put(carry, &what, now);

		DEMAND(place < (int)DRIVE_CARRY_SLOTS && (place >= 0 || place == -ENOSPC));
		put += place >= 0;
		full += place < 0;
	}
	/* Nearly all of it serves, however alike the flows are. */
	DEMAND(put > DRIVE_CARRY_SLOTS / 10 * 9 && put <= DRIVE_CARRY_SLOTS && full > 0);
	drive_carry_free(carry);
}

/* ---- the kernel ---- */

static int open_packet(const char *name)
{
	const struct sockaddr_ll here = { .sll_family = AF_PACKET,
					  .sll_protocol = htons(ETH_P_ALL),
					  .sll_ifindex = (int)if_nametoindex(name) };
	const int on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	DEMAND(fd >= 0);
	DEMAND(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) == 0);
	DEMAND(bind(fd, (const struct sockaddr *)&here, sizeof(here)) == 0);
	return fd;
}

static bool hears(int fd, uint8_t *bytes, size_t size, const uint8_t *mac)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	while (poll(&wait, 1, 2000) > 0) {
		if (recv(fd, bytes, size, 0) > 12 && memcmp(bytes, mac, 6) == 0)
			return true;
	}
	return false;
}

static uint32_t add_up(uint32_t sum, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void make_frame(uint8_t frame[60])
{
	static const uint8_t from[] = {
		2,   0,	   0,	 0, 1,	  1,	2, 0,  0, 0,   9,   9,	 8,   0,   0x45,
		0,   0,	   46,	 0, 1,	  0x40, 0, 64, 6, 0,   0,   10,	 0,   0,   2,
		203, 0,	   113,	 5, 0x0f, 0xa0, 0, 80, 0, 0,   0,   1,	 0,   0,   0,
		1,   0x50, 0x18, 1, 0,	  0,	0, 0,  0, 'm', 'i', 'n', 'a', 't', 'o',
	};
	uint32_t sum;

	memcpy(frame, from, 60);
	sum = ~add_up(0, frame + 14, 20);
	frame[24] = (uint8_t)(sum >> 8);
	frame[25] = (uint8_t)sum;
	sum = ~add_up(add_up(6 + 26, frame + 26, 8), frame + 34, 26);
	frame[50] = (uint8_t)(sum >> 8);
	frame[51] = (uint8_t)sum;
}

static void make_wires(void)
{
	DEMAND(system("PATH=$PATH:/sbin:/usr/sbin; set -e;"
		      "ip link add n0 address 02:00:00:00:01:01 type veth peer name n1;"
		      "ip link add m0 type veth peer name m1;"
		      "for i in n0 n1 m0 m1; do ip link set $i up; done") == 0);
}

static void from_one_to_another(void)
{
	struct drive_carried what = flow(4000);
	uint8_t frame[60];
	uint8_t got[2000];
	int in, up, out, out_ours, link, down, place;

	if (unshare(CLONE_NEWNET) < 0)
		_exit(NO_NAMESPACE);
	open_carry();
	make_wires();
	in = open_packet("n1");
	up = open_packet("n0");
	out = open_packet("m1");
	out_ours = open_packet("m0");
	what.from = if_nametoindex("n0");
	what.to = if_nametoindex("m0");
	link = drive_carry_join(carry, up, what.from, ours);
	if (link == -EINVAL)
		_exit(NO_NAMESPACE); /* an older kernel */
	DEMAND(link >= 0);
	down = drive_carry_join(carry, out_ours, what.to, theirs);
	DEMAND(down >= 0);
	make_frame(frame);

	DEMAND(send(in, frame, sizeof(frame), 0) == sizeof(frame));
	DEMAND(hears(up, got, sizeof(got), ours));
	what.next = 0x01020304;
	place = drive_carry_put(carry, &what, drive_now());
	DEMAND(place >= 0 && !drive_carry_begun(carry, place));
	DEMAND(send(in, frame, sizeof(frame), 0) == sizeof(frame));
	DEMAND(hears(up, got, sizeof(got), ours));
	DEMAND(!drive_carry_begun(carry, place));
	drive_carry_follow(carry, place, 1);
	DEMAND(send(in, frame, sizeof(frame), 0) == sizeof(frame));
	DEMAND(hears(out, got, sizeof(got), theirs));
	DEMAND(memcmp(got + 26, "\xc6\x33\x64\x01\xcb\0\x71\x05\xea\x60\0\x50", 12) == 0);
	DEMAND(got[22] == 63);
	DEMAND(add_up(0, got + 14, 20) == 0xffff);
	DEMAND(add_up(add_up(6 + 26, got + 26, 8), got + 34, 26) == 0xffff);
	DEMAND(memcmp(got + 54, "minato", 6) == 0);
	DEMAND(drive_carry_begun(carry, place));
	DEMAND(drive_carry_take(carry, place, drive_now()).frames == 1);
	/* The next that comes up is the next that was sent. */
	frame[15] = 4;
	DEMAND(send(in, frame, sizeof(frame), 0) == sizeof(frame));
	DEMAND(hears(up, got, sizeof(got), ours));
	DEMAND(got[15] == 4);

	/* In a hurry it begins with what is next. */
	what.source.port = 4000;
	what.next = 77;
	place = drive_carry_put(carry, &what, (struct minato_time){ INT64_MAX / 2 });
	DEMAND(place >= 0);
	drive_carry_hurry(carry, place);
	DEMAND(send(in, frame, sizeof(frame), 0) == sizeof(frame));
	DEMAND(hears(out, got, sizeof(got), theirs));
	DEMAND(drive_carry_take(carry, place, drive_now()).frames == 1);
	what.next = 1;

	/* Behind its descriptor's end nothing is carried, whatever the table says. */
	what.source.port = 4000;
	DEMAND(drive_carry_put(carry, &what, (struct minato_time){ INT64_MAX / 2 }) >= 0);
	close(link);
	DEMAND(setsockopt(up, SOL_SOCKET, SO_DETACH_BPF, &(int){ 0 }, sizeof(int)) == 0);
	DEMAND(send(in, frame, sizeof(frame), 0) == sizeof(frame));
	DEMAND(hears(up, got, sizeof(got), ours));
	drive_carry_free(carry);
}

CHILD_CASE(test_places, places)
CHILD_CASE(test_a_full_table, a_full_table)
CHILD_CASE(test_from_one_to_another, from_one_to_another)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_a_full_table),
		cmocka_unit_test(test_from_one_to_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
