/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames between a descriptor and a host value; a socket pair of datagrams stands for the tap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drive/drive.h"
#include "netns_fixture.h"

#define LINK 3
#define HEADER sizeof(struct virtio_net_hdr)

struct bench {
	struct drive_tap *tap;
	int far; /* the guest's end */
	uint8_t bytes[70000];
};

static int open_bench(void **state, bool vnet)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	int ends[2];

	if (!bench || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) < 0)
		return -1;
	bench->far = ends[1];
	*state = bench;
	return drive_tap_open(&bench->tap, ends[0], vnet, LINK);
}

static int open_vnet(void **state)
{
	return open_bench(state, true);
}

static int open_plain(void **state)
{
	return open_bench(state, false);
}

static int close_bench(void **state)
{
	struct bench *bench = *state;

	drive_tap_free(bench->tap);
	close(bench->far);
	free(bench);
	return 0;
}

static ssize_t receive(struct bench *bench)
{
	return recv(bench->far, bench->bytes, sizeof(bench->bytes), 0);
}

static struct drive_tap_stats stats_of(const struct bench *bench)
{
	struct drive_tap_stats stats;

	drive_tap_stats(bench->tap, &stats);
	return stats;
}

static void sends_extents_in_order_behind_a_header(void **state)
{
	char one[] = "head", two[] = "er", three[] = "payload";
	struct minato_extent extents[3] = { { one, 4 }, { two, 2 }, { three, 7 } };
	struct minato_frame_out frame = {
		.extents = extents, .extent_count = 3, .len = 13, .link = LINK
	};
	struct bench *bench = *state;
	struct virtio_net_hdr header;

	assert_int_equal(drive_tap_send(bench->tap, &frame, 1), 0);
	assert_int_equal(receive(bench), HEADER + 13);
	memcpy(&header, bench->bytes, sizeof(header));
	assert_int_equal(header.flags, 0);
	assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	assert_memory_equal(bench->bytes + HEADER, "headerpayload", 13);
	assert_int_equal(stats_of(bench).frames_out, 1);
	assert_int_equal(stats_of(bench).bytes_out, 13);
}

static void describes_a_segment_to_cut(void **state)
{
	static const struct {
		enum minato_gso gso;
		uint8_t type;
	} kinds[] = {
		{ MINATO_GSO_TCP4, VIRTIO_NET_HDR_GSO_TCPV4 },
		{ MINATO_GSO_TCP6, VIRTIO_NET_HDR_GSO_TCPV6 },
		{ MINATO_GSO_UDP, 5 },
	};
	struct bench *bench = *state;
	struct virtio_net_hdr header;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct minato_extent extent = { bench->bytes, 100 };
		struct minato_frame_out frame = { .extents = &extent,
						  .extent_count = 1,
						  .len = 100,
						  .link = LINK,
						  .gso = kinds[i].gso,
						  .gso_size = 20,
						  .header_len = 54,
						  .csum_start = 34,
						  .csum_offset = 16 };

		assert_int_equal(drive_tap_send(bench->tap, &frame, 1), 0);
		assert_int_equal(receive(bench), HEADER + 100);
		memcpy(&header, bench->bytes, sizeof(header));
		assert_int_equal(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(header.gso_type, kinds[i].type);
		assert_int_equal(header.gso_size, 20);
		assert_int_equal(header.hdr_len, 54);
		assert_int_equal(header.csum_start, 34);
		assert_int_equal(header.csum_offset, 16);
	}
}

static void plain_frames_have_no_header(void **state)
{
	struct minato_extent extent = { (uint8_t[]){ 1, 2, 3 }, 3 };
	struct minato_frame_out frame = {
		.extents = &extent, .extent_count = 1, .len = 3, .link = LINK
	};
	struct bench *bench = *state;

	assert_int_equal(drive_tap_send(bench->tap, &frame, 1), 0);
	assert_int_equal(receive(bench), 3);
	assert_memory_equal(bench->bytes, "\1\2\3", 3);
}

static void plain_offers_nothing(void **state)
{
	struct bench *bench = *state;
	struct drive_offers offers;

	drive_tap_offers(bench->tap, &offers);
	assert_false(offers.vnet);
	assert_int_equal(offers.taken, 0);
	assert_int_equal(offers.given, 0);
}

static void many_extents_are_gathered(void **state)
{
	struct minato_extent extents[1000];
	struct minato_frame_out frame = {
		.extents = extents, .extent_count = 1000, .len = 2000, .link = LINK
	};
	struct bench *bench = *state;
	uint8_t pairs[2000];

	for (int i = 0; i < 1000; i++) {
		pairs[2 * i] = (uint8_t)i;
		pairs[2 * i + 1] = (uint8_t)(i >> 8);
		extents[i] = (struct minato_extent){ pairs + 2 * i, 2 };
	}
	assert_int_equal(drive_tap_send(bench->tap, &frame, 1), 0);
	assert_int_equal(receive(bench), HEADER + 2000);
	assert_memory_equal(bench->bytes + HEADER, pairs, 2000);
}

static void frames_of_other_links_are_lost(void **state)
{
	struct minato_extent extent = { (uint8_t[]){ 1 }, 1 };
	struct minato_frame_out frame = { .extents = &extent, .extent_count = 1, .len = 1 };
	struct bench *bench = *state;

	assert_int_equal(drive_tap_send(bench->tap, &frame, 1), 0);
	assert_int_equal(receive(bench), -1);
	assert_int_equal(stats_of(bench).out_refused, 1);
}

/* Fills the pair until it takes no more; returns how many frames were taken and kept in all. */
static uint32_t block(struct bench *bench)
{
	uint32_t number = 0;
	struct minato_extent extent = { &number, sizeof(number) };
	struct minato_frame_out frame = {
		.extents = &extent, .extent_count = 1, .len = sizeof(number), .link = LINK
	};

	while (drive_tap_send(bench->tap, &frame, 1) == 0)
		assert_true(++number < 1000000);
	return number + 1;
}

static uint32_t received_number(struct bench *bench)
{
	uint32_t number = UINT32_MAX;

	if (receive(bench) == HEADER + sizeof(number))
		memcpy(&number, bench->bytes + HEADER, sizeof(number));
	return number;
}

static void a_full_tap_loses_and_reorders_nothing(void **state)
{
	uint32_t numbers[3];
	struct minato_extent extents[3];
	struct minato_frame_out frames[3];
	struct bench *bench = *state;
	uint32_t total = block(bench);

	assert_int_equal(stats_of(bench).out_blocked, 1);
	for (uint32_t i = 0; i < 3; i++) {
		numbers[i] = total + i;
		extents[i] = (struct minato_extent){ &numbers[i], 4 };
		frames[i] = (struct minato_frame_out){
			.extents = &extents[i], .extent_count = 1, .len = 4, .link = LINK
		};
	}
	assert_int_equal(drive_tap_send(bench->tap, frames, 3), 1);
	memset(numbers, 0xff, sizeof(numbers)); /* the frames are valid no longer */
	assert_int_equal(drive_tap_flush(bench->tap), 1);
	for (uint32_t i = 0; i < total + 3; i++) {
		assert_int_equal(received_number(bench), i);
		assert_true(drive_tap_flush(bench->tap) >= 0);
	}
	assert_int_equal(receive(bench), -1);
	assert_int_equal(stats_of(bench).frames_out, total + 3);
	assert_int_equal(stats_of(bench).out_refused, 0);
}

static void flush_without_anything_kept_is_done(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(drive_tap_flush(bench->tap), 0);
}

static void a_far_end_that_is_gone_loses_frames_only(void **state)
{
	struct minato_extent extent = { (uint8_t[]){ 1 }, 1 };
	struct minato_frame_out frame = {
		.extents = &extent, .extent_count = 1, .len = 1, .link = LINK
	};
	struct bench *bench = *state;

	signal(SIGPIPE, SIG_IGN);
	close(bench->far);
	bench->far = -1;
	assert_int_equal(drive_tap_send(bench->tap, &frame, 1), 0);
	assert_int_equal(stats_of(bench).out_refused, 1);
}

/* ---- with a tap of the kernel ---- */

static void asks_the_kernel(void)
{
	struct ifreq request = { .ifr_name = "tap0",
				 .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct drive_offers offers;
	struct drive_tap *tap;

	if (fd < 0)
		_exit(NO_NAMESPACE);
	DEMAND(ioctl(fd, TUNSETIFF, &request) == 0);
	DEMAND(drive_tap_open(&tap, fd, true, 0) == 0);
	DEMAND(drive_tap_fd(tap) == fd);
	drive_tap_offers(tap, &offers);
	DEMAND(offers.vnet);
	DEMAND(offers.taken & MINATO_OFFLOAD_CSUM);
	DEMAND(offers.taken & MINATO_OFFLOAD_TSO4);
	DEMAND(offers.taken & MINATO_OFFLOAD_TSO6);
	DEMAND((offers.given & offers.taken) == offers.taken);
	drive_tap_free(tap);
	DEMAND(fcntl(fd, F_GETFD) < 0);
}

NETNS_CASE(a_tap_of_the_kernel_grants_offloads, asks_the_kernel)

#define VNET(name) cmocka_unit_test_setup_teardown(name, open_vnet, close_bench)
#define PLAIN(name) cmocka_unit_test_setup_teardown(name, open_plain, close_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
		VNET(sends_extents_in_order_behind_a_header),
		VNET(describes_a_segment_to_cut),
		PLAIN(plain_frames_have_no_header),
		PLAIN(plain_offers_nothing),
		VNET(many_extents_are_gathered),
		VNET(frames_of_other_links_are_lost),
		VNET(a_full_tap_loses_and_reorders_nothing),
		VNET(flush_without_anything_kept_is_done),
		VNET(a_far_end_that_is_gone_loses_frames_only),
		cmocka_unit_test(a_tap_of_the_kernel_grants_offloads),
	};

	return cmocka_run_group_tests_name("tap", tests, NULL, NULL);
}
