/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames into packets: what is read, what is refused, and by which reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge.h"

static struct forge f;
static const struct packet *const p = &f.packet;

#define assert_drop(reason)                                                    \
	assert_string_equal(drop_name(forge_parse(&f)), drop_name(reason))
#define assert_delivered() assert_drop(DROP_NONE)

static void assert_addr(const struct minato_addr *a, const char *text)
{
	char out[46];
	minato_addr_format(a, out, sizeof(out));
	assert_string_equal(out, text);
}

static void set_src(const char *text)
{
	struct minato_addr a;
	assert_int_equal(minato_addr_parse(text, &a), 0);
	memcpy(f.src, a.bytes + (f.is6 ? 0 : 12), f.is6 ? 16 : 4);
}

static void set_dst(const char *text)
{
	struct minato_addr a;
	assert_int_equal(minato_addr_parse(text, &a), 0);
	memcpy(f.dst, a.bytes + (f.is6 ? 0 : 12), f.is6 ? 16 : 4);
}

static int done(void **state)
{
	(void)state;
	free(f.exact);
	f.exact = NULL;
	return 0;
}

/* --- what is read --------------------------------------------------------- */

static void a_segment_over_ipv4(void **state)
{
	(void)state;
	forge_tcp(&f, false, "\1\1\x08\x0a\0\0\0\7\0\0\0\x09", 12, 100);
	f.tos = 0x12;
	f.ttl = 33;
	f.fragment = 0x4000;
	assert_delivered();
	assert_int_equal(p->type, PACKET_TCP);
	assert_false(p->is6);
	assert_true(p->to_us_mac);
	assert_true(p->dont_fragment);
	assert_addr(&p->src, "10.0.2.100");
	assert_addr(&p->dst, "192.0.2.9");
	assert_int_equal(p->hop_limit, 33);
	assert_int_equal(p->traffic_class, 0x12);
	assert_int_equal(p->ip_proto, IP_PROTO_TCP);
	assert_int_equal(p->ip_len, 20 + 32 + 100);
	assert_ptr_equal(p->ip, f.exact + 14);
	assert_ptr_equal(p->src_mac, f.exact + 6);
	assert_ptr_equal(p->transport, f.exact + 34);
	assert_ptr_equal(p->payload, f.exact + 66);
	assert_int_equal(p->payload_len, 100);
	assert_int_equal(p->src_port, 1234);
	assert_int_equal(p->dst_port, 80);
	assert_int_equal(p->tcp.seq.v, 0x01020304);
	assert_int_equal(p->tcp.ack.v, 0x05060708);
	assert_int_equal(p->tcp.flags, TCP_PSH | TCP_ACK);
	assert_int_equal(p->tcp.window, 500);
	assert_int_equal(p->tcp.options.tsval, 7);
	assert_int_equal(p->tcp.options.tsecr, 9);
}

static void a_segment_over_ipv6(void **state)
{
	(void)state;
	forge_tcp(&f, true, NULL, 0, 3);
	f.tos = 0xab;
	f.ttl = 99;
	assert_delivered();
	assert_int_equal(p->hop_limit, 99);
	assert_int_equal(p->type, PACKET_TCP);
	assert_true(p->is6);
	assert_true(p->dont_fragment);
	assert_addr(&p->src, "fd00::64");
	assert_addr(&p->dst, "2001:db8::9");
	assert_int_equal(p->traffic_class, 0xab);
	assert_int_equal(p->ip_len, 63);
	assert_int_equal(p->payload_len, 3);
}

static void a_datagram_over_both(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		forge_udp(&f, is6, 77);
		assert_delivered();
		assert_int_equal(p->type, PACKET_UDP);
		assert_int_equal(p->src_port, 5353);
		assert_int_equal(p->dst_port, 53);
		assert_int_equal(p->payload_len, 77);
		assert_ptr_equal(p->payload, p->transport + 8);
	}
}

static void an_echo_has_its_identifier_as_ports(void **state)
{
	(void)state;
	forge_icmp(&f, false, ICMP4_ECHO, 0, 0xbeef0001, 8);
	assert_delivered();
	assert_int_equal(p->type, PACKET_ICMP4);
	assert_int_equal(p->icmp_type, ICMP4_ECHO);
	assert_int_equal(p->src_port, 0xbeef);
	assert_int_equal(p->dst_port, 0xbeef);
	assert_int_equal(p->payload_len, 8);
	assert_ptr_equal(p->payload, p->transport + 8);
	f.payload_len = 0; /* the shortest there is */
	assert_delivered();
	assert_int_equal(p->payload_len, 0);
	forge_icmp(&f, true, ICMP6_ECHO_REPLY, 0, 0xbeef0001, 8);
	assert_delivered();
	assert_int_equal(p->type, PACKET_ICMP6);
	assert_int_equal(p->dst_port, 0xbeef);
}

static void an_error_has_no_ports(void **state)
{
	(void)state;
	forge_icmp(&f, false, ICMP4_UNREACHABLE, 3, 0x11111111, 28);
	assert_delivered();
	assert_int_equal(p->icmp_code, 3);
	assert_int_equal(p->src_port, 0);
	/* 129 is a reply in ICMPv6 only, 8 a question in ICMPv4 only. */
	forge_icmp(&f, true, ICMP4_ECHO, 0, 0x11111111, 28);
	assert_delivered();
	assert_int_equal(p->src_port, 0);
}

static void the_other_familys_icmp_is_unknown(void **state)
{
	(void)state;
	forge_icmp(&f, false, ICMP6_ECHO, 0, 1, 8);
	f.next = IP_PROTO_ICMP6;
	assert_delivered();
	assert_int_equal(p->type, PACKET_OTHER);
	forge_icmp(&f, true, ICMP4_ECHO, 0, 1, 8);
	f.next = IP_PROTO_ICMP;
	assert_delivered();
	assert_int_equal(p->type, PACKET_OTHER);
}

static void an_unknown_protocol_is_told(void **state)
{
	(void)state;
	forge_start(&f, false, 132);
	f.header_len = 12;
	assert_delivered();
	assert_int_equal(p->type, PACKET_OTHER);
	assert_int_equal(p->ip_proto, 132);
	assert_int_equal(p->payload_len, 12);
	assert_ptr_equal(p->payload, p->transport);
}

static void bare_packets_need_no_mac(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		forge_tcp(&f, is6, NULL, 0, 10);
		f.ip_link = true;
		assert_delivered();
		assert_null(p->src_mac);
		assert_true(p->to_us_mac);
		assert_ptr_equal(p->ip, f.exact);
		assert_int_equal(p->is6, is6);
	}
}

static void padding_is_ignored(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 0);
	f.padding = 6;
	assert_delivered();
	assert_int_equal(p->payload_len, 0);
	assert_int_equal(p->ip_len, 40);
	forge_udp(&f, true, 5);
	f.padding = 100;
	assert_delivered();
	assert_int_equal(p->payload_len, 5);
}

static void a_run_keeps_its_size(void **state)
{
	struct minato_frame frame;
	(void)state;
	forge_tcp(&f, false, NULL, 0, 64000);
	f.wrong_checksum = true; /* not yet filled */
	forge_frame(&f);
	frame = (struct minato_frame){ .data = f.frame,
				       .len = f.len,
				       .link = 3,
				       .gso = MINATO_GSO_TCP4,
				       .gso_size = 1448,
				       .csum_trusted = true };
	assert_int_equal(packet_parse(&frame, MINATO_LINK_ETHERNET, forge_mac,
				      &f.packet),
			 DROP_NONE);
	assert_int_equal(p->gso_size, 1448);
	assert_int_equal(p->payload_len, 64000);
	assert_int_equal(p->link, 3);
	frame.csum_trusted = false;
	assert_int_equal(packet_parse(&frame, MINATO_LINK_ETHERNET, forge_mac,
				      &f.packet),
			 DROP_TCP_CHECKSUM);
	frame.csum_partial = true;
	assert_int_equal(packet_parse(&frame, MINATO_LINK_ETHERNET, forge_mac,
				      &f.packet),
			 DROP_NONE);
}

/* What was taken on trust can be looked at later. */
static void a_checksum_is_verified_when_asked(void **state)
{
	static const struct {
		uint8_t proto;
		enum drop drop;
	} of[] = { { 6, DROP_TCP_CHECKSUM },
		   { 17, DROP_UDP_CHECKSUM },
		   { 1, DROP_ICMP_CHECKSUM } };
	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		const bool is6 = i >= 3;
		const uint8_t proto = of[i % 3].proto;
		for (int wrong = 0; wrong < 2; wrong++) {
			if (proto == 6)
				forge_tcp(&f, is6, NULL, 0, 37);
			else if (proto == 17)
				forge_udp(&f, is6, 37);
			else
				forge_icmp(&f, is6, is6 ? 128 : 8, 0, 7, 37);
			f.padding = 9;
			f.trusted = true;
			f.wrong_checksum = wrong;
			assert_delivered();
			assert_int_equal(packet_verify(p),
					 wrong ? of[i % 3].drop : DROP_NONE);
		}
	}
	forge_udp(&f, false, 5);
	f.no_checksum = true;
	assert_delivered();
	assert_int_equal(packet_verify(p), DROP_NONE);
	forge_udp(&f, true, 5);
	f.no_checksum = true;
	f.trusted = true;
	assert_delivered();
	assert_int_equal(packet_verify(p), DROP_UDP_CHECKSUM);
}

static void the_longest_packet_is_read(void **state)
{
	(void)state;
	forge_udp(&f, false, 65535 - 28);
	assert_delivered();
	assert_int_equal(p->payload_len, 65507);
	forge_tcp(&f, true, NULL, 0, 65535 - 20);
	assert_delivered();
	assert_int_equal(p->payload_len, 65515);
}

/* --- link ----------------------------------------------------------------- */

static void another_mac_is_not_ours(void **state)
{
	(void)state;
	for (int byte = 0; byte < 6; byte++) {
		forge_tcp(&f, false, NULL, 0, 0);
		f.dst_mac[byte] ^= 0x40;
		assert_drop(DROP_NOT_OURS);
	}
}

static void groups_are_read_but_not_to_us(void **state)
{
	(void)state;
	forge_udp(&f, false, 1);
	memset(f.dst_mac, 0xff, 6);
	assert_delivered();
	assert_false(p->to_us_mac);
	memcpy(f.dst_mac, "\x33\x33\0\0\0\1", 6);
	assert_delivered();
	assert_false(p->to_us_mac);
}

static void without_a_mac_all_are_read(void **state)
{
	struct minato_frame frame = { .data = f.frame };
	(void)state;
	forge_tcp(&f, false, NULL, 0, 0);
	f.dst_mac[0] = 0x06;
	forge_frame(&f);
	frame.len = f.len;
	assert_int_equal(packet_parse(&frame, MINATO_LINK_ETHERNET, NULL,
				      &f.packet),
			 DROP_NONE);
	assert_true(p->to_us_mac);
	f.frame[0] |= 1;
	assert_int_equal(packet_parse(&frame, MINATO_LINK_ETHERNET, NULL,
				      &f.packet),
			 DROP_NONE);
	assert_false(p->to_us_mac);
}

static void other_ethertypes_are_refused(void **state)
{
	static const uint16_t types[] = { 0x8100, 0x88cc, 0x0100, 0, 0xffff };
	(void)state;
	for (size_t i = 0; i < 5; i++) {
		forge_tcp(&f, false, NULL, 0, 0);
		f.ethertype = types[i];
		assert_drop(DROP_ETHERTYPE);
	}
}

static void arp_is_passed_on(void **state)
{
	static const uint8_t arp[28] = { 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0,
					 0, 2, 10 };
	(void)state;
	forge_start(&f, false, 0);
	forge_frame(&f);
	memcpy(f.frame + 14, arp, 28);
	f.frame[12] = 8;
	f.frame[13] = 6;
	assert_int_equal(forge_parse_as_is(&f, 42), DROP_NONE);
	assert_int_equal(p->type, PACKET_ARP);
	assert_ptr_equal(p->transport, f.exact + 14);
	assert_int_equal(p->payload_len, 28);
	assert_int_equal(forge_parse_as_is(&f, 41), DROP_TRUNCATED);
	f.frame[14] = 9;
	assert_int_equal(forge_parse_as_is(&f, 42), DROP_ARP);
}

/* --- IPv4 ----------------------------------------------------------------- */

static void the_version_must_fit_the_ethertype(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 0);
	f.first = 0x65;
	assert_drop(DROP_IP_VERSION);
	forge_tcp(&f, true, NULL, 0, 0);
	f.first = 0x40;
	assert_drop(DROP_IP_VERSION);
	forge_tcp(&f, false, NULL, 0, 0);
	f.ip_link = true;
	f.first = 0x55;
	assert_drop(DROP_IP_VERSION);
}

static void a_short_header_length_is_refused(void **state)
{
	(void)state;
	for (uint8_t words = 0; words < 5; words++) {
		forge_tcp(&f, false, NULL, 0, 0);
		f.first = 0x40 | words;
		assert_drop(DROP_IP_HEADER);
	}
}

static void a_total_length_within_the_header_is_refused(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 0);
	f.ip_len_more = -21;
	assert_drop(DROP_IP_HEADER);
	forge_tcp(&f, false, NULL, 0, 0);
	memset(f.extra, 1, 8);
	f.extra_len = 8;
	f.ip_len_more = -21;
	assert_drop(DROP_IP_HEADER);
}

static void a_total_length_beyond_the_frame_is_truncated(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 10);
	f.ip_len_more = 1;
	assert_drop(DROP_TRUNCATED);
	forge_tcp(&f, false, NULL, 0, 10);
	memset(f.extra, 1, 8);
	f.extra_len = 8;
	f.ip_len_more = 1;
	assert_drop(DROP_TRUNCATED);
}

static void a_wrong_header_checksum_is_refused(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 0);
	f.wrong_ip_checksum = true;
	assert_drop(DROP_IP_CHECKSUM);
	f.trusted = true; /* which speaks of the transport's */
	assert_drop(DROP_IP_CHECKSUM);
	memset(f.extra, 1, 4);
	f.extra_len = 4;
	assert_drop(DROP_IP_CHECKSUM);
}

static void unknown_ip_options_are_ignored(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 9);
	memcpy(f.extra, "\x94\x04\0\0\x1e\x06xxxx\1\0", 12);
	f.extra_len = 12;
	assert_delivered();
	assert_int_equal(p->payload_len, 9);
	assert_ptr_equal(p->transport, f.exact + 14 + 32);
}

static void source_routes_are_refused(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 0);
	memcpy(f.extra, "\x83\x07\x04\x0a\0\0\1\0", 8);
	f.extra_len = 8;
	assert_drop(DROP_IP_OPTIONS);
	f.extra[0] = 0x89;
	assert_drop(DROP_IP_OPTIONS);
	memcpy(f.extra, "\1\1\1\x83\x03\x04\0\0", 8);
	assert_drop(DROP_IP_OPTIONS);
}

static void impossible_ip_options_are_refused(void **state)
{
	(void)state;
	for (int length = 0; length < 256; length++) {
		forge_tcp(&f, false, NULL, 0, 0);
		f.extra[0] = 0x44;
		f.extra[1] = (uint8_t)length;
		f.extra_len = 8;
		if (length >= 2 && length <= 8)
			assert_delivered();
		else
			assert_drop(DROP_IP_OPTIONS);
	}
	forge_tcp(&f, false, NULL, 0, 0);
	memcpy(f.extra, "\1\1\1\x44", 4);
	f.extra_len = 4;
	assert_drop(DROP_IP_OPTIONS);
}

static void the_end_of_ip_options_ends_them(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 0);
	memcpy(f.extra, "\0\x83\0\0", 4);
	f.extra_len = 4;
	assert_delivered();
}

static void impossible_sources_are_refused(void **state)
{
	static const char *const wrong[] = {
		"127.0.0.1", "127.255.255.255", "224.0.0.1", "239.1.2.3",
		"255.255.255.255",
	};
	static const char *const right[] = {
		"0.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255",
		"240.0.0.1", "255.255.255.254", "169.254.1.1",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		forge_udp(&f, false, 1);
		set_src(wrong[i]);
		assert_drop(DROP_IP_SOURCE);
	}
	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		forge_udp(&f, false, 1);
		set_src(right[i]);
		assert_delivered();
	}
}

/* Who is meant is for the stack to decide. */
static void any_destination_is_read(void **state)
{
	static const char *const all[] = { "255.255.255.255", "224.0.0.251",
					   "127.0.0.1", "0.0.0.0" };
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		forge_udp(&f, false, 1);
		set_dst(all[i]);
		assert_delivered();
		assert_addr(&p->dst, all[i]);
	}
}

static void fragments_are_told(void **state)
{
	(void)state;
	forge_udp(&f, false, 16);
	f.id = 0x1234;
	f.fragment = 0x2000;
	assert_delivered();
	assert_int_equal(p->type, PACKET_FRAGMENT);
	assert_true(p->more_fragments);
	assert_int_equal(p->fragment_offset, 0);
	assert_int_equal(p->fragment_id, 0x1234);
	assert_int_equal(p->payload_len, 24);
	assert_int_equal(p->ip_proto, IP_PROTO_UDP);
	f.fragment = 5;
	f.wrong_checksum = true; /* not for a fragment to judge */
	assert_delivered();
	assert_false(p->more_fragments);
	assert_int_equal(p->fragment_offset, 40);
}

static void impossible_fragments_are_refused(void **state)
{
	(void)state;
	forge_udp(&f, false, 15); /* more follow, but an odd end */
	f.fragment = 0x2000;
	assert_drop(DROP_IP_FRAGMENT);
	forge_udp(&f, false, 16); /* beyond the longest packet */
	f.fragment = 0x1fff;
	assert_drop(DROP_FRAGMENT_RANGE);
	f.payload_len = 11 - 8; /* and up to it, with its header */
	f.fragment = 0x1ffc;
	assert_delivered();
	assert_int_equal(p->fragment_offset + p->payload_len, 65535 - 20);
	f.payload_len++;
	assert_drop(DROP_FRAGMENT_RANGE);
	forge_start(&f, false, 17); /* of nothing */
	f.fragment = 0x2001;
	assert_drop(DROP_IP_FRAGMENT);
}

static void a_whole_packet_may_forbid_fragments(void **state)
{
	(void)state;
	forge_udp(&f, false, 1);
	assert_delivered();
	assert_false(p->dont_fragment);
	f.fragment = 0x4000;
	assert_delivered();
	assert_int_equal(p->type, PACKET_UDP);
	assert_true(p->dont_fragment);
}

/* --- IPv6 ----------------------------------------------------------------- */

static void a_payload_beyond_the_frame_is_truncated(void **state)
{
	(void)state;
	forge_tcp(&f, true, NULL, 0, 10);
	f.ip_len_more = 1;
	assert_drop(DROP_TRUNCATED);
}

static void impossible_sources6_are_refused(void **state)
{
	static const char *const wrong[] = { "::1", "ff02::1", "10.0.0.1" };
	static const char *const right[] = { "::", "fe80::1", "::2", "fec0::" };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		forge_udp(&f, true, 1);
		set_src(wrong[i]);
		assert_drop(DROP_IP_SOURCE);
	}
	for (size_t i = 0; i < 4; i++) {
		forge_udp(&f, true, 1);
		set_src(right[i]);
		assert_delivered();
	}
}

static void a_mapped_destination_is_refused(void **state)
{
	(void)state;
	forge_udp(&f, true, 1);
	set_dst("127.0.0.1");
	assert_drop(DROP_IP_DESTINATION);
	set_dst("ff02::1");
	assert_delivered();
	set_dst("::1");
	assert_delivered();
}

static void extension_headers_are_walked(void **state)
{
	static const uint8_t chain[] = {
		60, 0, 1, 4, 0, 0, 0, 0,  /* hop-by-hop: PadN */
		43, 1, 0x1e, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* dest */
		6, 0, 0, 0, 0, 0, 0, 0, /* routing, none left */
	};
	(void)state;
	forge_tcp(&f, true, NULL, 0, 11);
	f.next = 0;
	memcpy(f.extra, chain, sizeof(chain));
	f.extra_len = sizeof(chain);
	assert_delivered();
	assert_int_equal(p->type, PACKET_TCP);
	assert_int_equal(p->payload_len, 11);
	assert_int_equal(p->ip_proto, IP_PROTO_TCP);
	assert_ptr_equal(p->transport, f.exact + 14 + 40 + sizeof(chain));
}

static void a_bad_extension_header_is_refused(void **state)
{
	(void)state;
	forge_tcp(&f, true, NULL, 0, 0);
	f.next = 43;
	memcpy(f.extra, "\6\0\0\1\0\0\0\0", 8); /* a hop left */
	f.extra_len = 8;
	assert_drop(DROP_IP_EXTENSION);
}

static void fragments_of_ipv6_are_told(void **state)
{
	(void)state;
	forge_udp(&f, true, 16);
	f.next = 44;
	memcpy(f.extra, "\x11\0\0\x01\1\2\3\4", 8);
	f.extra_len = 8;
	assert_delivered();
	assert_int_equal(p->type, PACKET_FRAGMENT);
	assert_true(p->more_fragments);
	assert_int_equal(p->fragment_id, 0x01020304);
	assert_int_equal(p->ip_proto, IP_PROTO_UDP);
	assert_int_equal(p->payload_len, 24);
	f.extra[3] = 0x28; /* offset 40, the last */
	assert_delivered();
	assert_int_equal(p->fragment_offset, 40);
	assert_false(p->more_fragments);
	f.extra[2] = f.extra[3] = 0xf8; /* beyond the longest packet */
	f.extra[2] = 0xff;
	assert_drop(DROP_FRAGMENT_RANGE);
}

static void a_run_is_no_fragment(void **state)
{
	struct packet packet;
	struct minato_frame frame = { .gso = MINATO_GSO_UDP, .gso_size = 8 };

	(void)state;
	forge_udp(&f, false, 16);
	f.fragment = 0x2000;
	assert_delivered();
	frame.data = f.exact;
	frame.len = f.len;
	assert_int_equal(packet_parse(&frame, MINATO_LINK_ETHERNET, NULL, &packet),
			 DROP_IP_FRAGMENT);
}

/* RFC 1858, RFC 3128. */
static void tiny_fragments_are_refused(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 4);
	f.fragment = 0x2000;
	assert_delivered();
	f.header_len = 16;
	f.payload_len = 0;
	assert_drop(DROP_FRAGMENT_TINY);
	forge_tcp(&f, false, NULL, 0, 4);
	f.fragment = 1;
	assert_drop(DROP_FRAGMENT_TINY);
	f.fragment = 2;
	assert_delivered();
	forge_udp(&f, false, 16);
	f.fragment = 1;
	assert_delivered();
}

/* RFC 7112: the first fragment holds all headers. */
static void the_first_fragment_holds_all_headers(void **state)
{
	(void)state;
	forge_tcp(&f, true, "\1\1\1\1", 4, 0);
	f.next = 44;
	memcpy(f.extra, "\x06\0\0\x01\1\2\3\4", 8);
	f.extra_len = 8;
	assert_delivered();
	f.header_len = 16; /* not even the fixed part */
	assert_drop(DROP_FRAGMENT_TINY);
	f.header_len = 24; /* or not all options */
	f.header[12] = 0x70;
	assert_drop(DROP_FRAGMENT_TINY);
	/* Destination options that reach beyond it. */
	forge_udp(&f, true, 8);
	f.next = 44;
	memcpy(f.extra, "\x3c\0\0\x01\1\2\3\4\x11\x04\1\4\0\0\0\0", 16);
	f.extra_len = 16;
	assert_drop(DROP_FRAGMENT_TINY);
	f.extra[9] = 0;
	assert_delivered();
	/* A hop-by-hop header, or another fragment's, cannot be cut. */
	f.extra[0] = 0;
	assert_drop(DROP_IP_EXTENSION);
	memcpy(f.extra, "\x2c\0\0\x01\1\2\3\4\x11\0\0\0\1\2\3\4", 16);
	assert_drop(DROP_IP_EXTENSION);
}

/* What is put together goes the way of any packet, its checksum never trusted. */
static void a_whole_is_parsed(void **state)
{
	struct packet whole;

	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		forge_udp(&f, is6, 100);
		f.trusted = true;
		assert_delivered();
		whole = *p;
		whole.ip_proto = IP_PROTO_UDP;
		whole.gso_size = 7;
		assert_int_equal(packet_parse_whole(&whole, p->transport, 108), DROP_NONE);
		assert_int_equal(whole.type, PACKET_UDP);
		assert_int_equal(whole.payload_len, 100);
		assert_int_equal(whole.src_port, 5353);
		assert_int_equal(whole.gso_size, 0);
		assert_true(whole.fragmented);
		assert_false(whole.dont_fragment);
		f.exact[f.len - 1] ^= 1;
		whole.ip_proto = IP_PROTO_UDP;
		assert_int_equal(packet_parse_whole(&whole, p->transport, 108),
				 DROP_UDP_CHECKSUM);
	}
	whole.ip_proto = IP_PROTO_HOP_BY_HOP;
	assert_int_equal(packet_parse_whole(&whole, p->transport, 108), DROP_IP_EXTENSION);
}

static void an_atomic_fragment_is_whole(void **state)
{
	(void)state;
	forge_udp(&f, true, 16);
	f.next = 44;
	memcpy(f.extra, "\x11\0\0\0\1\2\3\4", 8);
	f.extra_len = 8;
	assert_delivered();
	assert_int_equal(p->type, PACKET_UDP);
	assert_int_equal(p->payload_len, 16);
}

static void no_next_header_is_an_unknown_protocol(void **state)
{
	(void)state;
	forge_start(&f, true, 59);
	assert_delivered();
	assert_int_equal(p->type, PACKET_OTHER);
	assert_int_equal(p->ip_proto, 59);
}

/* --- transport ------------------------------------------------------------ */

static void wrong_checksums_are_refused(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		forge_tcp(&f, is6, NULL, 0, 33);
		f.wrong_checksum = true;
		assert_drop(DROP_TCP_CHECKSUM);
		forge_udp(&f, is6, 33);
		f.wrong_checksum = true;
		assert_drop(DROP_UDP_CHECKSUM);
		forge_icmp(&f, is6, is6 ? 128 : 8, 0, 1, 33);
		f.wrong_checksum = true;
		assert_drop(DROP_ICMP_CHECKSUM);
	}
}

static void trusted_checksums_are_not_read(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		forge_tcp(&f, is6, NULL, 0, 33);
		f.wrong_checksum = f.trusted = true;
		assert_delivered();
		forge_udp(&f, is6, 33);
		f.wrong_checksum = f.trusted = true;
		assert_delivered();
	}
}

static void udp_without_checksum_is_ipv4_only(void **state)
{
	(void)state;
	forge_udp(&f, false, 5);
	f.no_checksum = true;
	assert_delivered();
	forge_udp(&f, true, 5);
	f.no_checksum = true;
	assert_drop(DROP_UDP_CHECKSUM);
}

static void a_short_transport_is_refused(void **state)
{
	(void)state;
	for (uint32_t len = 0; len < 20; len++) {
		forge_tcp(&f, len % 2, NULL, 0, 0);
		f.header_len = len;
		assert_drop(DROP_TCP_HEADER);
	}
	for (uint32_t len = 0; len < 8; len++) {
		forge_udp(&f, len % 2, 0);
		f.header_len = len;
		assert_drop(DROP_UDP_HEADER);
		forge_icmp(&f, len % 2, 128, 0, 0, 0);
		f.header_len = len;
		assert_drop(DROP_ICMP_HEADER);
	}
}

static void a_wrong_data_offset_is_refused(void **state)
{
	(void)state;
	for (uint8_t words = 0; words < 16; words++) {
		forge_tcp(&f, false, NULL, 0, 0);
		f.header[12] = (uint8_t)(words << 4);
		assert_drop(words == 5 ? DROP_NONE : DROP_TCP_HEADER);
	}
}

static void a_wrong_udp_length_is_refused(void **state)
{
	(void)state;
	for (uint32_t len = 0; len < 8; len++) {
		forge_udp(&f, false, 10);
		forge_put16(f.header + 4, len);
		assert_drop(DROP_UDP_HEADER);
	}
	forge_udp(&f, false, 10);
	forge_put16(f.header + 4, 19);
	assert_drop(DROP_UDP_HEADER);
}

static void a_shorter_udp_length_cuts(void **state)
{
	(void)state;
	forge_udp(&f, false, 10);
	forge_put16(f.header + 4, 13);
	f.no_checksum = true;
	assert_delivered();
	assert_int_equal(p->payload_len, 5);
}

static void port_zero_is_refused(void **state)
{
	(void)state;
	for (uint32_t at = 0; at <= 2; at += 2) {
		forge_tcp(&f, false, NULL, 0, 0);
		forge_put16(f.header + at, 0);
		assert_drop(DROP_TCP_PORT_ZERO);
	}
	forge_udp(&f, true, 0);
	forge_put16(f.header + 2, 0);
	assert_drop(DROP_UDP_PORT_ZERO);
}

/* RFC 768: "if not used, a value of zero is inserted". */
static void a_datagram_needs_no_source_port(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		forge_udp(&f, is6 != 0, 7);
		forge_put16(f.header, 0);
		assert_delivered();
		assert_int_equal(p->src_port, 0);
		assert_int_equal(p->payload_len, 7);
	}
}

static void empty_frames_are_truncated(void **state)
{
	(void)state;
	forge_tcp(&f, false, NULL, 0, 0);
	forge_frame(&f);
	for (uint32_t len = 0; len < 14 + 20; len++)
		assert_int_equal(forge_parse_as_is(&f, len), DROP_TRUNCATED);
	f.ip_link = true;
	assert_int_equal(forge_parse_as_is(&f, 0), DROP_TRUNCATED);
	forge_tcp(&f, true, NULL, 0, 0);
	forge_frame(&f);
	for (uint32_t len = 0; len < 14 + 40; len++)
		assert_int_equal(forge_parse_as_is(&f, len), DROP_TRUNCATED);
}

/* Everything above reads these whatever the frame was. */
static void what_was_not_read_is_nothing(void **state)
{
	(void)state;
	memset(&f.packet, 0xa5, sizeof(f.packet));
	forge_tcp(&f, false, NULL, 0, 0);
	memset(&f.packet, 0xa5, sizeof(f.packet));
	forge_frame(&f);
	assert_int_equal(forge_parse_as_is(&f, 3), DROP_TRUNCATED);
	assert_null(p->ip);
	assert_null(p->transport);
	assert_null(p->payload);
	assert_null(p->src_mac);
	assert_int_equal(p->payload_len, 0);
	assert_int_equal(p->ip_len, 0);
	assert_int_equal(p->src_port, 0);
	assert_int_equal(p->dst_port, 0);
	assert_int_equal(p->hop_limit, 0);
	assert_int_equal(p->traffic_class, 0);
	assert_int_equal(p->ip_proto, 0);
	assert_int_equal(p->icmp_code, 0);
	assert_int_equal(p->fragment_id, 0);
	assert_false(p->is6);
	assert_false(p->dont_fragment);
	assert_false(p->to_us_mac);
	assert_int_equal(p->gso_size, 0);
	assert_int_equal(p->fragment_offset, 0);
	assert_false(p->more_fragments);
	assert_int_equal(p->icmp_type, 0);
	assert_int_equal(p->type, PACKET_OTHER);
}

#define T(name) cmocka_unit_test_teardown(name, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_segment_over_ipv4),
		T(a_segment_over_ipv6),
		T(a_datagram_over_both),
		T(an_echo_has_its_identifier_as_ports),
		T(an_error_has_no_ports),
		T(the_other_familys_icmp_is_unknown),
		T(an_unknown_protocol_is_told),
		T(bare_packets_need_no_mac),
		T(padding_is_ignored),
		T(a_run_keeps_its_size),
		T(a_checksum_is_verified_when_asked),
		T(the_longest_packet_is_read),
		T(another_mac_is_not_ours),
		T(groups_are_read_but_not_to_us),
		T(without_a_mac_all_are_read),
		T(other_ethertypes_are_refused),
		T(arp_is_passed_on),
		T(the_version_must_fit_the_ethertype),
		T(a_short_header_length_is_refused),
		T(a_total_length_within_the_header_is_refused),
		T(a_total_length_beyond_the_frame_is_truncated),
		T(a_wrong_header_checksum_is_refused),
		T(unknown_ip_options_are_ignored),
		T(source_routes_are_refused),
		T(impossible_ip_options_are_refused),
		T(the_end_of_ip_options_ends_them),
		T(impossible_sources_are_refused),
		T(any_destination_is_read),
		T(fragments_are_told),
		T(impossible_fragments_are_refused),
		T(a_whole_packet_may_forbid_fragments),
		T(a_payload_beyond_the_frame_is_truncated),
		T(impossible_sources6_are_refused),
		T(a_mapped_destination_is_refused),
		T(extension_headers_are_walked),
		T(a_bad_extension_header_is_refused),
		T(fragments_of_ipv6_are_told),
		T(a_run_is_no_fragment),
		T(tiny_fragments_are_refused),
		T(the_first_fragment_holds_all_headers),
		T(a_whole_is_parsed),
		T(an_atomic_fragment_is_whole),
		T(no_next_header_is_an_unknown_protocol),
		T(wrong_checksums_are_refused),
		T(trusted_checksums_are_not_read),
		T(udp_without_checksum_is_ipv4_only),
		T(a_short_transport_is_refused),
		T(a_wrong_data_offset_is_refused),
		T(a_wrong_udp_length_is_refused),
		T(a_shorter_udp_length_cuts),
		T(port_zero_is_refused),
		T(a_datagram_needs_no_source_port),
		T(empty_frames_are_truncated),
		T(what_was_not_read_is_nothing),
	};
	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
