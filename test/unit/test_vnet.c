/* SPDX-License-Identifier: BSD-2-Clause */
/* What a virtio-net header says of a frame, true or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "drive/drive.h"

#define UDP_L4 5 /* VIRTIO_NET_HDR_GSO_UDP_L4 */

struct sample {
	struct virtio_net_hdr header;
	struct minato_frame frame;
	uint8_t bytes[3000];
};

/* A frame of either family with a transport header right behind that of IP. */
static void make(struct sample *s, bool is6, uint8_t proto, uint32_t len)
{
	memset(s, 0, sizeof(*s));
	s->bytes[12] = is6 ? 0x86 : 0x08;
	s->bytes[13] = is6 ? 0xdd : 0x00;
	s->bytes[14] = is6 ? 0x60 : 0x45;
	s->bytes[is6 ? 20 : 23] = proto;
	s->frame = (struct minato_frame){ .data = s->bytes, .len = len };
	s->header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	s->header.csum_start = is6 ? 54 : 34;
	s->header.csum_offset = proto == 6 ? 16 : 6;
}

static bool take(struct sample *s)
{
	return drive_vnet_take(&s->header, &s->frame, s->bytes);
}

static void nothing_said_is_nothing_known(void **state)
{
	struct sample s;

	(void)state;
	make(&s, false, 17, 100);
	s.header = (struct virtio_net_hdr){ 0 };
	s.frame.csum_trusted = s.frame.csum_partial = true;
	assert_true(take(&s));
	assert_false(s.frame.csum_trusted || s.frame.csum_partial);
	assert_int_equal(s.frame.gso, MINATO_GSO_NONE);
	s.header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	assert_true(take(&s));
	assert_true(s.frame.csum_trusted && !s.frame.csum_partial);
}

static void segments_of_each_kind_are_known(void **state)
{
	static const struct {
		bool is6;
		uint8_t proto, type;
		enum minato_gso gso;
	} kinds[] = {
		{ false, 6, VIRTIO_NET_HDR_GSO_TCPV4, MINATO_GSO_TCP4 },
		{ false, 6, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, MINATO_GSO_TCP4 },
		{ true, 6, VIRTIO_NET_HDR_GSO_TCPV6, MINATO_GSO_TCP6 },
		{ false, 17, UDP_L4, MINATO_GSO_UDP },
		{ true, 17, UDP_L4, MINATO_GSO_UDP },
	};
	struct sample s;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		make(&s, kinds[i].is6, kinds[i].proto, 2900);
		s.header.gso_type = kinds[i].type;
		s.header.gso_size = 1000;
		assert_true(take(&s));
		assert_int_equal(s.frame.gso, kinds[i].gso);
		assert_int_equal(s.frame.gso_size, 1000);
		assert_true(s.frame.csum_partial);
	}
}

static void lies_are_refused(void **state)
{
	struct sample s;

	(void)state;
	make(&s, false, 17, 100);
	s.header.csum_start = 93;
	assert_false(take(&s)); /* the field would end behind the frame */
	s.header.csum_start = 65535;
	s.header.csum_offset = 65535;
	assert_false(take(&s));
	make(&s, false, 6, 2900);
	s.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	assert_false(take(&s)); /* segments of no size */
	s.header.gso_size = 1000;
	s.header.flags = 0;
	assert_false(take(&s)); /* and without a checksum to be filled in */
	s.header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	s.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	assert_false(take(&s)); /* of the other family */
	s.header.gso_type = UDP_L4;
	assert_false(take(&s)); /* of another protocol */
	s.header.gso_type = VIRTIO_NET_HDR_GSO_UDP;
	assert_false(take(&s)); /* of a kind that nobody asked for */
	s.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	s.header.csum_start = 38;
	assert_false(take(&s)); /* of something within */
	s.header.csum_start = 34;
	assert_true(take(&s));
	s.frame.len = 40;
	assert_false(take(&s)); /* shorter than its headers */
}

/* A tunnel's inner checksum is not that of the packet: it is filled in at once. */
static void an_inner_checksum_is_filled_in(void **state)
{
	struct sample s;

	(void)state;
	make(&s, false, 17, 61);
	s.header.csum_start = 50;
	s.header.csum_offset = 6;
	memcpy(s.bytes + 50, "\x12\x34\x56\x78\x9a\xbc\x00\x11\xff\xff\xee", 11);
	assert_true(take(&s));
	assert_false(s.frame.csum_partial);
	/* 1234 + 5678 + 9abc + 0011 + ffff + ee00 = 2f178, folded f17a; its complement. */
	assert_int_equal(s.bytes[56], 0x0e);
	assert_int_equal(s.bytes[57], 0x85);
	/* Where the complement would be zero, it is sent as all ones. */
	make(&s, false, 17, 60);
	s.header.csum_start = 50;
	memcpy(s.bytes + 50, "\xff\xff\0\0\0\0\0\0\0", 10);
	assert_true(take(&s));
	assert_int_equal(s.bytes[56], 0xff);
	assert_int_equal(s.bytes[57], 0xff);
}

static void extension_headers_are_passed(void **state)
{
	struct sample s;

	(void)state;
	make(&s, true, 0, 300); /* hop-by-hop, then destination options of 16 bytes, then UDP */
	s.bytes[54] = 60;
	s.bytes[62] = 17;
	s.bytes[63] = 1;
	s.header.csum_start = 78;
	assert_true(take(&s));
	assert_true(s.frame.csum_partial);
	s.header.csum_start = 62;
	assert_true(take(&s));
	assert_false(s.frame.csum_partial);
}

static void what_we_send_is_described(void **state)
{
	struct virtio_net_hdr header;
	struct minato_frame_out frame = { .len = 3000,
					  .gso = MINATO_GSO_TCP6,
					  .gso_size = 1400,
					  .header_len = 86,
					  .csum_start = 54,
					  .csum_offset = 16 };

	(void)state;
	drive_vnet_give(&frame, &header);
	assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_TCPV6);
	assert_int_equal(header.gso_size, 1400);
	assert_int_equal(header.hdr_len, 86);
	assert_int_equal(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(header.csum_start, 54);
	assert_int_equal(header.csum_offset, 16);
	frame = (struct minato_frame_out){ .len = 100, .header_len = 42 };
	drive_vnet_give(&frame, &header);
	assert_int_equal(header.flags, 0);
	assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	assert_int_equal(header.hdr_len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said_is_nothing_known),
		cmocka_unit_test(segments_of_each_kind_are_known),
		cmocka_unit_test(lies_are_refused),
		cmocka_unit_test(an_inner_checksum_is_filled_in),
		cmocka_unit_test(extension_headers_are_passed),
		cmocka_unit_test(what_we_send_is_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
