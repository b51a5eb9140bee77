/* SPDX-License-Identifier: BSD-2-Clause */
/* ARP and neighbour discovery as seen on the wire, proxy answers, learning. */
#include <errno.h>

#include "hosts.h"

/* One host on an Ethernet link, and the frames it puts out. */
struct bench {
	struct host h;
	struct minato_time now;
	uint8_t out[8][1600];
	uint32_t len[8];
	size_t count;
};

static const uint8_t guest_mac[6] = { 2, 0, 0, 0, 0, 9 };
static const uint8_t other_mac[6] = { 2, 0, 0, 0, 0, 8 };
static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t to_all[6] = { 255, 255, 255, 255, 255, 255 };

static struct bench bench_new(bool proxy)
{
	struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	struct bench b = { .now = { SECOND } };
	struct minato_addr a = addr("10.0.2.2");

	c.link[0].proxy = proxy;
	c.link[0].any_destination = proxy;
	b.h = host_new(&c, b.now);
	assert_int_equal(minato_address_add(b.h.m, 0, &a, 24), 0);
	a = addr("fd00::2");
	assert_int_equal(minato_address_add(b.h.m, 0, &a, 64), 0);
	return b;
}

static void drain(struct bench *b)
{
	struct minato_frame_out f[8];

	b->count = minato_output(b->h.m, b->now, f, 8);
	for (size_t i = 0; i < b->count; i++)
		b->len[i] = flat(&f[i], b->out[i]);
}

static void feed(struct bench *b, const uint8_t *frame, uint32_t len)
{
	const struct minato_frame f = { .data = frame, .len = len, .chunk = MINATO_CHUNK_NONE };

	minato_input(b->h.m, b->now, &f, 1);
	drain(b);
}

static void arp(struct bench *b, int operation, const uint8_t *from, const char *sender,
		const char *target, const uint8_t *to)
{
	uint8_t f[42] = { 0 };
	const uint8_t fixed[8] = { 0, 1, 8, 0, 6, 4, 0, (uint8_t)operation };
	const struct minato_addr s = addr(sender), t = addr(target);

	memcpy(f, to, 6);
	memcpy(f + 6, from, 6);
	f[12] = 8;
	f[13] = 6;
	memcpy(f + 14, fixed, 8);
	memcpy(f + 22, from, 6);
	memcpy(f + 28, s.bytes + 12, 4);
	if (operation == 2)
		memcpy(f + 32, our_mac, 6);
	memcpy(f + 38, t.bytes + 12, 4);
	feed(b, f, sizeof(f));
}

static void test_answers_for_itself(void **state)
{
	struct bench b = bench_new(false);
	const uint8_t ours[4] = { 10, 0, 2, 2 };

	(void)state;
	arp(&b, 1, guest_mac, "10.0.2.100", "10.0.2.2", to_all);
	assert_int_equal(b.count, 1);
	assert_int_equal(b.len[0], 42);
	assert_memory_equal(b.out[0], guest_mac, 6);
	assert_memory_equal(b.out[0] + 6, our_mac, 6);
	assert_int_equal(b.out[0][21], 2);
	assert_memory_equal(b.out[0] + 22, our_mac, 6);
	assert_memory_equal(b.out[0] + 28, ours, 4);
	assert_memory_equal(b.out[0] + 32, guest_mac, 6);
	host_end(&b.h);
}

/* A new MAC is told to all: by ARP as RFC 5227 2.3 says, by an advertisement of RFC 4861 7.2.6. */
static void test_announces(void **state)
{
	struct bench b = bench_new(true);
	const struct minato_addr four = addr("10.0.2.2"), six = addr("fd00::2");
	const struct minato_addr other = addr("10.0.2.50");
	const uint8_t ours[4] = { 10, 0, 2, 2 }, all_nodes[6] = { 0x33, 0x33, 0, 0, 0, 1 };

	(void)state;
	assert_int_equal(minato_announce(b.h.m, 0, &four), 0);
	drain(&b);
	assert_int_equal(b.count, 1);
	assert_memory_equal(b.out[0], to_all, 6);
	assert_int_equal(b.out[0][21], 1);
	assert_memory_equal(b.out[0] + 22, our_mac, 6);
	assert_memory_equal(b.out[0] + 28, ours, 4);
	assert_memory_equal(b.out[0] + 38, ours, 4);
	assert_int_equal(minato_announce(b.h.m, 0, &six), 0);
	drain(&b);
	assert_int_equal(b.count, 1);
	assert_memory_equal(b.out[0], all_nodes, 6);
	assert_int_equal(b.out[0][54], 136);
	assert_int_equal(b.out[0][58], 0x20); /* override alone */
	assert_memory_equal(b.out[0] + 62, six.bytes, 16);
	assert_memory_equal(b.out[0] + 80, our_mac, 6);
	/* Not of others, and not elsewhere. */
	assert_int_equal(minato_announce(b.h.m, 0, &other), -EINVAL);
	assert_int_equal(minato_announce(b.h.m, 7, &four), -EINVAL);
	host_end(&b.h);
}

static void test_silent_for_others(void **state)
{
	struct bench b = bench_new(false);

	(void)state;
	arp(&b, 1, guest_mac, "10.0.2.100", "10.0.2.50", to_all);
	assert_int_equal(b.count, 0);
	host_end(&b.h);
}

static void test_proxy_answers(void **state)
{
	struct bench b = bench_new(true);

	(void)state;
	arp(&b, 1, guest_mac, "10.0.2.100", "10.0.2.50", to_all);
	assert_int_equal(b.count, 1);
	assert_memory_equal(b.out[0] + 22, our_mac, 6);
	host_end(&b.h);
}

static void test_proxy_not_off_link(void **state)
{
	struct bench b = bench_new(true);

	(void)state;
	arp(&b, 1, guest_mac, "10.0.2.100", "10.9.9.9", to_all);
	assert_int_equal(b.count, 0);
	arp(&b, 1, guest_mac, "10.0.2.100", "10.0.2.255", to_all);
	assert_int_equal(b.count, 0);
	host_end(&b.h);
}

/* RFC 5227: a probe asks whether an address is free; so does an announcement. */
static void test_proxy_not_for_probes(void **state)
{
	struct bench b = bench_new(true);

	(void)state;
	arp(&b, 1, guest_mac, "0.0.0.0", "10.0.2.100", to_all);
	assert_int_equal(b.count, 0);
	arp(&b, 1, guest_mac, "10.0.2.100", "10.0.2.100", to_all);
	assert_int_equal(b.count, 0);
	/* But our own address is defended. */
	arp(&b, 1, guest_mac, "0.0.0.0", "10.0.2.2", to_all);
	assert_int_equal(b.count, 1);
	host_end(&b.h);
}

static void test_proxy_not_for_known(void **state)
{
	struct bench b = bench_new(true);
	const struct minato_addr neighbour = addr("10.0.2.50");

	(void)state;
	assert_int_equal(minato_neighbour_add(b.h.m, 0, &neighbour, NULL), 0);
	arp(&b, 1, guest_mac, "10.0.2.100", "10.0.2.50", to_all);
	assert_int_equal(b.count, 0);
	/* And one that was learned. */
	arp(&b, 1, other_mac, "10.0.2.51", "10.0.2.2", to_all);
	arp(&b, 1, guest_mac, "10.0.2.100", "10.0.2.51", to_all);
	assert_int_equal(b.count, 0);
	host_end(&b.h);
}

static void send_udp(struct bench *b, const char *to)
{
	const uint64_t s = open_socket(b->h.m, MINATO_UDP);
	const struct minato_datagram d = { .remote = end(to, 9) };

	assert_int_equal(minato_send_datagram(b->h.m, s, &d, "x", 1), 1);
	drain(b);
}

static bool is_arp_request(const struct bench *b, size_t i)
{
	return b->out[i][12] == 8 && b->out[i][13] == 6 && b->out[i][21] == 1;
}

static void test_resolves(void **state)
{
	struct bench b = bench_new(false);

	(void)state;
	send_udp(&b, "10.0.2.100");
	assert_int_equal(b.count, 1);
	assert_true(is_arp_request(&b, 0));
	assert_memory_equal(b.out[0], to_all, 6);
	arp(&b, 2, guest_mac, "10.0.2.100", "10.0.2.2", our_mac);
	assert_int_equal(b.count, 1);
	assert_memory_equal(b.out[0], guest_mac, 6);
	assert_int_equal(b.len[0], 14 + 20 + 8 + 1);
	host_end(&b.h);
}

/* An answer that nobody asked for teaches nothing. */
static void test_unsolicited_reply(void **state)
{
	struct bench b = bench_new(true);

	(void)state;
	arp(&b, 2, other_mac, "10.0.2.100", "10.0.2.2", our_mac);
	send_udp(&b, "10.0.2.100");
	assert_int_equal(b.count, 1);
	assert_true(is_arp_request(&b, 0));
	host_end(&b.h);
}

/* RFC 826: who asks us is learned, so that the answer needs no question. */
static void test_learns_from_request(void **state)
{
	struct bench b = bench_new(false);

	(void)state;
	arp(&b, 1, guest_mac, "10.0.2.100", "10.0.2.2", to_all);
	send_udp(&b, "10.0.2.100");
	assert_int_equal(b.count, 1);
	assert_memory_equal(b.out[0], guest_mac, 6);
	/* A new MAC in the next request takes its place. */
	arp(&b, 1, other_mac, "10.0.2.100", "10.0.2.2", to_all);
	send_udp(&b, "10.0.2.100");
	assert_memory_equal(b.out[0], other_mac, 6);
	host_end(&b.h);
}

static void test_our_address_is_ours(void **state)
{
	struct bench b = bench_new(true);

	(void)state;
	arp(&b, 1, other_mac, "10.0.2.2", "10.0.2.2", to_all);
	assert_int_equal(counter(b.h.m, "address_conflict"), 1);
	host_end(&b.h);
}

static void test_permanent_is_not_changed(void **state)
{
	struct bench b = bench_new(false);
	const struct minato_addr guest = addr("10.0.2.100");

	(void)state;
	assert_int_equal(minato_neighbour_add(b.h.m, 0, &guest, guest_mac), 0);
	arp(&b, 1, other_mac, "10.0.2.100", "10.0.2.2", to_all);
	send_udp(&b, "10.0.2.100");
	assert_memory_equal(b.out[b.count - 1], guest_mac, 6);
	host_end(&b.h);
}

static void test_gives_up(void **state)
{
	struct bench b = bench_new(false);

	(void)state;
	send_udp(&b, "10.0.2.100");
	for (int i = 0; i < 2; i++) {
		b.now.ns += SECOND + MILLI;
		assert_true(minato_deadline(b.h.m).ns <= b.now.ns);
		drain(&b);
		assert_int_equal(b.count, 1);
		assert_true(is_arp_request(&b, 0));
	}
	b.now.ns += SECOND + MILLI;
	drain(&b);
	assert_int_equal(b.count, 0);
	assert_int_equal(counter(b.h.m, "neighbour_failed"), 1);
	assert_int_equal(counter(b.h.m, "drop_neighbour"), 1);
	host_end(&b.h);
}

static void test_held_is_bounded(void **state)
{
	struct bench b = bench_new(false);
	const uint64_t s = open_socket(b.h.m, MINATO_UDP);
	const struct minato_datagram d = { .remote = end("10.0.2.100", 9) };

	(void)state;
	for (int i = 0; i < 20; i++) {
		const char c = (char)i;
		minato_send_datagram(b.h.m, s, &d, &c, 1);
	}
	drain(&b);
	assert_int_equal(counter(b.h.m, "drop_neighbour"), 4);
	arp(&b, 2, guest_mac, "10.0.2.100", "10.0.2.2", our_mac);
	/* The oldest gave way. */
	assert_int_equal(b.count, 8);
	assert_int_equal(b.out[0][42], 4);
	host_end(&b.h);
}

/* --- IPv6 ------------------------------------------------------------------- */

static void put_sum(uint8_t *ip, uint32_t len)
{
	uint32_t sum = len + 58;

	for (uint32_t i = 8; i < 40; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	for (uint32_t i = 0; i < len; i += 2)
		sum += (uint32_t)ip[40 + i] << 8 | ip[41 + i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ip[42] = (uint8_t)(~sum >> 8);
	ip[43] = (uint8_t)~sum;
}

/* NS (135) or NA (136) with the link-layer option `kind` (1 source, 2 target). */
static void nd(struct bench *b, int type, const char *src, const char *dst, const char *target,
	       const uint8_t *mac, uint8_t flags)
{
	uint8_t f[14 + 40 + 32] = { 0 };
	const struct minato_addr s = addr(src), d = addr(dst), t = addr(target);
	const uint32_t len = mac ? 32 : 24;

	if (d.bytes[0] == 0xff) {
		f[0] = f[1] = 0x33;
		memcpy(f + 2, d.bytes + 12, 4);
	} else {
		memcpy(f, our_mac, 6);
	}
	memcpy(f + 6, guest_mac, 6);
	f[12] = 0x86;
	f[13] = 0xdd;
	f[14] = 0x60;
	f[19] = (uint8_t)len;
	f[20] = 58;
	f[21] = 255;
	memcpy(f + 22, s.bytes, 16);
	memcpy(f + 38, d.bytes, 16);
	f[54] = (uint8_t)type;
	f[58] = flags;
	memcpy(f + 62, t.bytes, 16);
	if (mac) {
		f[78] = type == 135 ? 1 : 2;
		f[79] = 1;
		memcpy(f + 80, mac, 6);
	}
	put_sum(f + 14, len);
	feed(b, f, 54 + len);
}

static void test_nd_answers(void **state)
{
	struct bench b = bench_new(false);
	const struct minato_addr ours = addr("fd00::2"), guest = addr("fd00::100");

	(void)state;
	nd(&b, 135, "fd00::100", "ff02::1:ff00:2", "fd00::2", guest_mac, 0);
	assert_int_equal(b.count, 1);
	assert_memory_equal(b.out[0], guest_mac, 6);
	assert_memory_equal(b.out[0] + 22, ours.bytes, 16);
	assert_memory_equal(b.out[0] + 38, guest.bytes, 16);
	assert_int_equal(b.out[0][21], 255);
	assert_int_equal(b.out[0][54], 136);
	assert_int_equal(b.out[0][58], 0x60); /* solicited, override */
	assert_memory_equal(b.out[0] + 80, our_mac, 6);
	host_end(&b.h);
}

static void test_nd_link_local(void **state)
{
	struct bench b = bench_new(false);

	(void)state;
	/* The EUI-64 of 02:00:00:00:00:01. */
	nd(&b, 135, "fe80::9", "ff02::1:ff00:1", "fe80::ff:fe00:1", guest_mac, 0);
	assert_int_equal(b.count, 1);
	host_end(&b.h);
}

static void test_nd_proxy(void **state)
{
	struct bench b = bench_new(true);

	(void)state;
	nd(&b, 135, "fd00::100", "ff02::1:ff00:50", "fd00::50", guest_mac, 0);
	assert_int_equal(b.count, 1);
	assert_int_equal(b.out[0][58], 0x40); /* no override: RFC 4861 7.2.8 */
	/* Link-local ones lead nowhere either: who asks is to hear it at once. */
	nd(&b, 135, "fe80::9", "ff02::1:ff00:50", "fe80::50", guest_mac, 0);
	assert_int_equal(b.count, 1);
	/* Not for probes, nor of itself. */
	nd(&b, 135, "::", "ff02::1:ff00:51", "fe80::51", NULL, 0);
	assert_int_equal(b.count, 0);
	nd(&b, 135, "::", "ff02::1:ff00:100", "fd00::100", NULL, 0);
	assert_int_equal(b.count, 0);
	nd(&b, 135, "::", "ff02::1:ff00:2", "fd00::2", NULL, 0);
	assert_int_equal(b.count, 1);
	assert_int_equal(b.out[0][58], 0x20); /* to all nodes, not solicited */
	host_end(&b.h);
}

static void test_nd_resolves(void **state)
{
	struct bench b = bench_new(false);
	const struct minato_addr solicited = addr("ff02::1:ff00:100");
	const uint8_t group[6] = { 0x33, 0x33, 0xff, 0, 1, 0 };

	(void)state;
	send_udp(&b, "fd00::100");
	assert_int_equal(b.count, 1);
	assert_memory_equal(b.out[0], group, 6);
	assert_memory_equal(b.out[0] + 38, solicited.bytes, 16);
	assert_int_equal(b.out[0][54], 135);
	nd(&b, 136, "fd00::100", "fd00::2", "fd00::100", guest_mac, 0x60);
	assert_int_equal(b.count, 1);
	assert_memory_equal(b.out[0], guest_mac, 6);
	assert_int_equal(b.out[0][20], 17);
	host_end(&b.h);
}

/* RFC 4861 7.2.5: without override another MAC changes nothing. */
static void test_nd_override(void **state)
{
	struct bench b = bench_new(false);

	(void)state;
	send_udp(&b, "fd00::100");
	nd(&b, 136, "fd00::100", "fd00::2", "fd00::100", guest_mac, 0x60);
	nd(&b, 136, "fd00::100", "fd00::2", "fd00::100", other_mac, 0x40);
	send_udp(&b, "fd00::100");
	assert_memory_equal(b.out[0], guest_mac, 6);
	nd(&b, 136, "fd00::100", "fd00::2", "fd00::100", other_mac, 0x60);
	send_udp(&b, "fd00::100");
	assert_memory_equal(b.out[0], other_mac, 6);
	host_end(&b.h);
}

static void test_nd_unsolicited(void **state)
{
	struct bench b = bench_new(false);

	(void)state;
	nd(&b, 136, "fd00::100", "fd00::2", "fd00::100", guest_mac, 0x60);
	send_udp(&b, "fd00::100");
	assert_int_equal(b.out[0][54], 135);
	host_end(&b.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_for_itself),
		cmocka_unit_test(test_announces),
		cmocka_unit_test(test_silent_for_others),
		cmocka_unit_test(test_proxy_answers),
		cmocka_unit_test(test_proxy_not_off_link),
		cmocka_unit_test(test_proxy_not_for_probes),
		cmocka_unit_test(test_proxy_not_for_known),
		cmocka_unit_test(test_resolves),
		cmocka_unit_test(test_unsolicited_reply),
		cmocka_unit_test(test_learns_from_request),
		cmocka_unit_test(test_our_address_is_ours),
		cmocka_unit_test(test_permanent_is_not_changed),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_held_is_bounded),
		cmocka_unit_test(test_nd_answers),
		cmocka_unit_test(test_nd_link_local),
		cmocka_unit_test(test_nd_proxy),
		cmocka_unit_test(test_nd_resolves),
		cmocka_unit_test(test_nd_override),
		cmocka_unit_test(test_nd_unsolicited),
	};

	return cmocka_run_group_tests_name("discovery", tests, NULL, NULL);
}
