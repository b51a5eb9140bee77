/* SPDX-License-Identifier: BSD-2-Clause */
/* Small frames to a packet socket, many at once; a packet socket at the wire's other end counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "wire_fixture.h"

static struct drive_ring ring;
static int far, sender;

static int packet_socket(const char *ifname, uint16_t protocol)
{
	const struct sockaddr_ll here = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);

	DEMAND(bind(fd, (const struct sockaddr *)&here, sizeof(here)) == 0);
	return fd;
}

static void open_ring(void)
{
	const int on = 1;

	lay_wire();
	far = packet_socket("f0", 0x88b5); /* for local experiments (IEEE 802) */
	sender = packet_socket("n0", 0);
	DEMAND(setsockopt(sender, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0);
	DEMAND(drive_ring_open(&ring, sender) == 0);
}

static void put(uint8_t number, uint32_t len)
{
	uint8_t frame[DRIVE_RING_BYTES] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };
	struct virtio_net_hdr header = { 0 };
	const struct iovec parts[] = { { &header, sizeof(header) },
				       { frame, 14 },
				       { frame + 14, len - 14 } };

	frame[14] = number;
	DEMAND(drive_ring_free(&ring));
	drive_ring_put(&ring, parts, 3, 2);
}

/* How many came, one after the other from `first` on, each of this length. */
static int count_far(uint8_t first, uint32_t len)
{
	uint8_t frame[4000];
	int count = 0;

	while (recv(far, frame, sizeof(frame), 0) == (ssize_t)len) {
		DEMAND(frame[14] == (uint8_t)(first + count));
		count++;
	}
	return count;
}

static void send_some(void)
{
	uint32_t lost;

	open_ring();
	DEMAND(drive_ring_send(&ring, &lost) == 0 && lost == 0);
	for (uint8_t i = 0; i < 5; i++)
		put(i, 60);
	DEMAND(count_far(0, 60) == 0);
	DEMAND(drive_ring_send(&ring, &lost) == 0 && lost == 0);
	DEMAND(count_far(0, 60) == 5);
	put(5, DRIVE_RING_BYTES - 700);
	DEMAND(drive_ring_send(&ring, &lost) == 0);
	DEMAND(count_far(5, DRIVE_RING_BYTES - 700) == 1);
	/* Around more than once. */
	for (uint32_t i = 0; i < 3 * DRIVE_RING_SLOTS; i++) {
		put((uint8_t)i, 60);
		DEMAND(i % 32 != 31 || (drive_ring_send(&ring, &lost) == 0 && lost == 0));
		DEMAND(i % 32 != 31 || count_far((uint8_t)(i - 31), 60) == 32);
	}
	drive_ring_close(&ring);
	DEMAND(!drive_ring_free(&ring));
}
NETNS_CASE(frames_leave_together_in_order, send_some)

static void fill_it(void)
{
	uint32_t lost;

	open_ring();
	for (uint32_t i = 0; i < DRIVE_RING_SLOTS; i++)
		put((uint8_t)i, 60);
	DEMAND(!drive_ring_free(&ring));
	DEMAND(drive_ring_send(&ring, &lost) == 0 && lost == 0);
	DEMAND(drive_ring_free(&ring));
}
NETNS_CASE(a_full_ring_says_so, fill_it)

static void send_down(void)
{
	uint32_t lost;

	open_ring();
	shell("ip link set n0 down");
	put(1, 60);
	put(2, 60);
	DEMAND(drive_ring_send(&ring, &lost) == -ENETDOWN && lost == 4);
	shell("ip link set n0 up");
	/* What was lost does not come late. */
	put(3, 60);
	DEMAND(drive_ring_send(&ring, &lost) == 0 && lost == 0);
	DEMAND(count_far(3, 60) == 1);
}
NETNS_CASE(what_was_not_taken_is_lost_and_does_not_come_late, send_down)

static void send_nonsense(void)
{
	uint8_t frame[60] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, 1 };
	struct virtio_net_hdr header = { .gso_type = 77, .gso_size = 1 };
	const struct iovec parts[] = { { &header, sizeof(header) }, { frame, sizeof(frame) } };
	uint32_t lost;

	open_ring();
	drive_ring_put(&ring, parts, 2, 1);
	put(2, 60);
	(void)drive_ring_send(&ring, &lost);
	DEMAND(count_far(2, 60) == 1);
	put(3, 60);
	DEMAND(drive_ring_send(&ring, &lost) == 0 && count_far(3, 60) == 1);
}
NETNS_CASE(a_malformed_frame_does_not_stop_the_others, send_nonsense)

/* A worker that was killed left its ring in the socket, which its keeper holds. */
static void inherit(void)
{
	uint32_t lost;
	pid_t child;

	open_ring();
	drive_ring_close(&ring);
	child = fork();
	if (child == 0) {
		DEMAND(drive_ring_open(&ring, sender) == 0);
		put(1, 60);
		_exit(0);
	}
	DEMAND(waitpid(child, NULL, 0) == child);
	DEMAND(drive_ring_open(&ring, sender) == 0);
	put(2, 60);
	DEMAND(drive_ring_send(&ring, &lost) == 0);
	DEMAND(count_far(2, 60) == 1);
	DEMAND(drive_ring_open(&ring, 0) < 0 && !drive_ring_free(&ring));
}
NETNS_CASE(a_successor_begins_with_a_ring_of_its_own, inherit)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_leave_together_in_order),
		cmocka_unit_test(a_full_ring_says_so),
		cmocka_unit_test(what_was_not_taken_is_lost_and_does_not_come_late),
		cmocka_unit_test(a_malformed_frame_does_not_stop_the_others),
		cmocka_unit_test(a_successor_begins_with_a_ring_of_its_own),
	};

	remember_self();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
