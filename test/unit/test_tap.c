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
#include <sys/uio.h>
#include <unistd.h>

#include "drive/drive.h"
#include "netns_fixture.h"

#define LINK 3
#define CHUNKS 80
#define HEADER sizeof(struct virtio_net_hdr)

/*
 * A host value that only looks on: it stands in for the library's, so that what the driver says of
 * a frame can be compared with what was on the wire.
 */
struct minato {
	uint8_t chunks[CHUNKS][MINATO_CHUNK_LARGE];
	bool leased[CHUNKS];
	uint32_t chunk_count; /* how many there are to lease */
	uint32_t inputs;      /* calls of minato_input */
	uint32_t count;	      /* frames seen */
	struct minato_frame last;
	uint8_t head[64]; /* of the last frame */
	uint32_t due;	  /* frames still to put out */
	uint32_t put_out;
	struct minato_extent extent;
};

uint32_t minato_lease(struct minato *m, struct minato_extent *where)
{
	for (uint32_t i = 0; i < m->chunk_count; i++) {
		if (m->leased[i])
			continue;
		m->leased[i] = true;
		*where = (struct minato_extent){ m->chunks[i], MINATO_CHUNK_LARGE };
		return i;
	}
	return MINATO_CHUNK_NONE;
}

void minato_unlease(struct minato *m, uint32_t chunk)
{
	assert_true(m->leased[chunk]);
	m->leased[chunk] = false;
}

void minato_input(struct minato *m, struct minato_time now, const struct minato_frame *frames,
		  size_t count)
{
	(void)now;
	assert_true(count > 0);
	m->inputs++;
	for (size_t i = 0; i < count; i++) {
		m->last = frames[i];
		m->count++;
		memcpy(m->head, frames[i].data,
		       frames[i].len < sizeof(m->head) ? frames[i].len : sizeof(m->head));
		if (frames[i].chunk == MINATO_CHUNK_NONE)
			continue;
		assert_ptr_equal(frames[i].data, m->chunks[frames[i].chunk]);
		minato_unlease(m, frames[i].chunk);
	}
}

size_t minato_output(struct minato *m, struct minato_time now, struct minato_frame_out *frames,
		     size_t count)
{
	size_t i;

	(void)now;
	m->extent = (struct minato_extent){ &m->put_out, sizeof(m->put_out) };
	for (i = 0; i < count && m->due > 0; i++, m->due--)
		frames[i] = (struct minato_frame_out){
			.extents = &m->extent, .extent_count = 1, .len = 4, .link = LINK
		};
	m->put_out += (uint32_t)i;
	return i;
}

static struct minato host;

static int leases(void)
{
	int count = 0;

	for (int i = 0; i < CHUNKS; i++)
		count += host.leased[i];
	return count;
}

struct bench {
	struct drive_tap *tap;
	int far; /* the guest's end */
	uint8_t bytes[70000];
};

static int open_bench(void **state, bool vnet)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	int ends[2];

	memset(&host, 0, sizeof(host));
	host.chunk_count = CHUNKS;
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

/* Lets the guest send `size` bytes behind this header. */
static void guest_sends(struct bench *bench, const struct virtio_net_hdr *header, size_t size)
{
	struct iovec iov[2] = { { bench->bytes + 100, HEADER }, { bench->bytes, size } };
	int room = 1 << 22;

	(void)setsockopt(bench->far, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	memcpy(bench->bytes + 100, header, HEADER);
	assert_int_equal(writev(bench->far, iov, 2), HEADER + size);
}

static int read_now(struct bench *bench)
{
	return drive_tap_read(bench->tap, &host, drive_now());
}

/* Headers of a frame with TCP (6) or UDP (17) in it; what says where the checksum is. */
static void dress(struct bench *bench, struct virtio_net_hdr *header, bool six, uint8_t proto)
{
	memset(bench->bytes, 0, 80);
	bench->bytes[12] = six ? 0x86 : 0x08;
	bench->bytes[13] = six ? 0xdd : 0x00;
	bench->bytes[14] = six ? 0x60 : 0x45;
	bench->bytes[six ? 20 : 23] = proto;
	header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->csum_start = six ? 54 : 34;
	header->csum_offset = proto == 6 ? 16 : 6;
}

static void a_frame_is_read_into_its_chunk(void **state)
{
	struct bench *bench = *state;
	struct virtio_net_hdr header = { 0 };

	memcpy(bench->bytes, "0123456789", 10);
	guest_sends(bench, &header, 60);
	assert_int_equal(read_now(bench), 1);
	assert_int_equal(host.last.len, 60);
	assert_int_equal(host.last.link, LINK);
	assert_int_equal(host.last.gso, MINATO_GSO_NONE);
	assert_int_equal(host.last.gso_size, 0);
	assert_false(host.last.csum_trusted);
	assert_memory_equal(host.head, "0123456789", 10);
	assert_int_not_equal(host.last.chunk, MINATO_CHUNK_NONE);
	assert_int_equal(leases(), 0);
	assert_int_equal(stats_of(bench).frames_in, 1);
	assert_int_equal(stats_of(bench).bytes_in, 60);
}

static void an_empty_tap_gives_its_lease_back(void **state)
{
	assert_int_equal(read_now(*state), 0);
	assert_int_equal(host.inputs, 0);
	assert_int_equal(leases(), 0);
}

static void a_segment_of_the_guest_is_described(void **state)
{
	static const struct {
		bool six;
		uint8_t proto, type;
		enum minato_gso gso;
	} kinds[] = {
		{ false, 6, VIRTIO_NET_HDR_GSO_TCPV4, MINATO_GSO_TCP4 },
		{ false, 6, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, MINATO_GSO_TCP4 },
		{ true, 6, VIRTIO_NET_HDR_GSO_TCPV6, MINATO_GSO_TCP6 },
		{ true, 6, VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN, MINATO_GSO_TCP6 },
		{ false, 17, 5, MINATO_GSO_UDP },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct virtio_net_hdr header = { .gso_type = kinds[i].type, .gso_size = 1448 };

		dress(*state, &header, kinds[i].six, kinds[i].proto);
		guest_sends(*state, &header, 64000);
		assert_int_equal(read_now(*state), 1);
		assert_int_equal(host.last.len, 64000);
		assert_int_equal(host.last.gso, kinds[i].gso);
		assert_int_equal(host.last.gso_size, 1448);
		assert_true(host.last.csum_partial);
	}
}

/*
 * A guest that tunnels leaves the checksum of the inner packet to us. Whoever takes it for that of
 * the outer header changes it wrongly when the outer addresses change.
 */
static void a_checksum_within_a_tunnel_is_filled_in(void **state)
{
	struct bench *bench = *state;
	struct virtio_net_hdr header = { 0 };
	uint8_t sum = 0;

	dress(bench, &header, false, 17);
	header.csum_start = 34 + 8 + 8; /* UDP, what a tunnel has, then the inner one */
	header.csum_offset = 2;
	guest_sends(bench, &header, 54);
	assert_int_equal(read_now(bench), 1);
	assert_false(host.last.csum_partial);
	assert_false(host.last.csum_trusted);
	/* Of zeros: all ones. */
	for (size_t i = 0; i < 2; i++)
		sum |= (uint8_t)~host.head[52 + i];
	assert_int_equal(sum, 0);
}

static void what_does_not_fit_its_header_is_passed_over(void **state)
{
	struct virtio_net_hdr outside = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					  .csum_start = 60,
					  .csum_offset = 6 };
	struct virtio_net_hdr unsummed = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448 };
	struct virtio_net_hdr good = { 0 };

	guest_sends(*state, &outside, 60);
	guest_sends(*state, &unsummed, 3000);
	guest_sends(*state, &good, 61);
	for (int i = 0; i < 3; i++)
		(void)read_now(*state);
	assert_int_equal(host.count, 1);
	assert_int_equal(host.last.len, 61);
	assert_int_equal(stats_of(*state).in_malformed, 2);
	assert_int_equal(leases(), 0);
}

static void a_checked_checksum_is_trusted(void **state)
{
	struct virtio_net_hdr header = { .flags = VIRTIO_NET_HDR_F_DATA_VALID };

	guest_sends(*state, &header, 60);
	assert_int_equal(read_now(*state), 1);
	assert_true(host.last.csum_trusted);
	assert_false(host.last.csum_partial);
}

static void the_largest_frame_is_read_whole(void **state)
{
	struct virtio_net_hdr header = { 0 };

	guest_sends(*state, &header, 65535);
	assert_int_equal(read_now(*state), 1);
	assert_int_equal(host.last.len, 65535);
}

static void small_frames_come_64_at_a_time(void **state)
{
	struct virtio_net_hdr header = { 0 };

	for (int i = 0; i < 70; i++)
		guest_sends(*state, &header, 60);
	assert_int_equal(read_now(*state), 64);
	assert_int_equal(host.inputs, 1);
	assert_int_equal(read_now(*state), 6);
	assert_int_equal(read_now(*state), 0);
	assert_int_equal(host.count, 70);
}

static void large_frames_come_8_at_a_time(void **state)
{
	struct virtio_net_hdr header = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448 };

	dress(*state, &header, false, 6);
	for (int i = 0; i < 10; i++)
		guest_sends(*state, &header, 60000);
	assert_int_equal(read_now(*state), 8);
	assert_int_equal(read_now(*state), 2);
}

static void fewer_chunks_than_frames(void **state)
{
	struct virtio_net_hdr header = { 0 };

	host.chunk_count = 3;
	for (int i = 0; i < 5; i++)
		guest_sends(*state, &header, 60);
	assert_int_equal(read_now(*state), 3);
	assert_int_equal(read_now(*state), 2);
	assert_int_equal(stats_of(*state).in_no_chunk, 0);
}

static void without_a_chunk_frames_still_arrive(void **state)
{
	struct virtio_net_hdr header = { 0 };

	host.chunk_count = 0;
	guest_sends(*state, &header, 60);
	guest_sends(*state, &header, 61);
	assert_int_equal(read_now(*state), 1);
	assert_int_equal(host.last.chunk, MINATO_CHUNK_NONE);
	assert_int_equal(host.last.len, 60);
	assert_int_equal(read_now(*state), 1);
	assert_int_equal(host.last.len, 61);
	assert_int_equal(read_now(*state), 0);
	assert_int_equal(stats_of(*state).in_no_chunk, 2);
}

static void a_frame_without_content_is_counted(void **state)
{
	struct virtio_net_hdr header = { 0 };

	guest_sends(*state, &header, 0);
	assert_int_equal(read_now(*state), 0);
	assert_int_equal(host.count, 0);
	assert_int_equal(stats_of(*state).in_short, 1);
	assert_int_equal(leases(), 0);
}

static void plain_frames_are_read_without_a_header(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(send(bench->far, "abc", 3, 0), 3);
	assert_int_equal(read_now(bench), 1);
	assert_int_equal(host.last.len, 3);
	assert_false(host.last.csum_trusted);
	assert_memory_equal(host.head, "abc", 3);
}

static void all_that_is_due_is_written(void **state)
{
	struct bench *bench = *state;

	host.due = 50;
	assert_int_equal(drive_tap_write(bench->tap, &host, drive_now()), 0);
	assert_int_equal(host.due, 0);
	assert_int_equal(stats_of(bench).frames_out, 50);
	assert_int_equal(drive_tap_write(bench->tap, &host, drive_now()), 0);
	assert_int_equal(stats_of(bench).frames_out, 50);
}

static void nothing_is_asked_for_while_the_tap_is_full(void **state)
{
	struct bench *bench = *state;
	uint32_t total = block(bench);

	host.due = 5;
	assert_int_equal(drive_tap_write(bench->tap, &host, drive_now()), 1);
	assert_int_equal(host.due, 5);
	for (uint32_t i = 0; i < total; i++) {
		assert_int_equal(received_number(bench), i);
		assert_true(drive_tap_flush(bench->tap) >= 0);
	}
	assert_int_equal(drive_tap_write(bench->tap, &host, drive_now()), 0);
	assert_int_equal(host.due, 0);
}

static void sends_one(struct bench *bench, uint32_t len)
{
	struct minato_extent extent = { bench->bytes, len };
	struct minato_frame_out frame = {
		.extents = &extent, .extent_count = 1, .len = len, .link = LINK
	};

	assert_int_equal(drive_tap_send(bench->tap, &frame, 1), 0);
}

static void reads_one(struct bench *bench)
{
	uint8_t bytes[HEADER + 64] = { 0 };

	assert_int_equal(send(bench->far, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(drive_tap_read(bench->tap, &host, drive_now()), 1);
}

static void small_frames_to_and_fro_are_an_exchange(void **state)
{
	struct bench *bench = *state;

	assert_false(drive_tap_converses(bench->tap));
	reads_one(bench);
	assert_false(drive_tap_converses(bench->tap)); /* one way so far */
	sends_one(bench, 100);
	assert_true(drive_tap_converses(bench->tap));
	assert_false(drive_tap_converses(bench->tap)); /* nothing since */
	reads_one(bench);
	assert_true(drive_tap_converses(bench->tap));
	reads_one(bench);
	assert_false(drive_tap_converses(bench->tap));
	reads_one(bench);
	sends_one(bench, 100);
	assert_true(drive_tap_converses(bench->tap));
	sends_one(bench, 5000);
	reads_one(bench);
	assert_false(drive_tap_converses(bench->tap)); /* too much */
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
		VNET(a_frame_is_read_into_its_chunk),
		VNET(an_empty_tap_gives_its_lease_back),
		VNET(a_segment_of_the_guest_is_described),
		VNET(a_checksum_within_a_tunnel_is_filled_in),
		VNET(what_does_not_fit_its_header_is_passed_over),
		VNET(a_checked_checksum_is_trusted),
		VNET(the_largest_frame_is_read_whole),
		VNET(small_frames_come_64_at_a_time),
		VNET(large_frames_come_8_at_a_time),
		VNET(fewer_chunks_than_frames),
		VNET(without_a_chunk_frames_still_arrive),
		VNET(a_frame_without_content_is_counted),
		PLAIN(plain_frames_are_read_without_a_header),
		VNET(all_that_is_due_is_written),
		VNET(nothing_is_asked_for_while_the_tap_is_full),
		VNET(small_frames_to_and_fro_are_an_exchange),
		cmocka_unit_test(a_tap_of_the_kernel_grants_offloads),
	};

	return cmocka_run_group_tests_name("tap", tests, NULL, NULL);
}
