/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments in: any order, duplicates, overlaps, time, memory, whose turn it is to go. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

#define MAX 65600u

/* One host on a bare link, with a UDP socket on port 53 of either family. */
struct world {
	struct host h;
	struct minato_time now;
	uint64_t s;
	bool is6;
	const char *from;
	uint8_t tos;
	/* The datagram that is cut: its UDP header and what follows. */
	uint8_t data[MAX];
	uint32_t len;
};
static struct world w;

static void start_with(bool is6, const struct minato_config *c)
{
	struct minato_addr a = addr("10.0.0.1");

	memset(&w, 0, sizeof(w));
	w.now.ns = 100 * SECOND;
	w.is6 = is6;
	w.from = is6 ? "fd00::9" : "10.0.0.9";
	w.h = host_new(c, w.now);
	assert_int_equal(minato_address_add(w.h.m, 0, &a, 24), 0);
	a = addr("fd00::1");
	assert_int_equal(minato_address_add(w.h.m, 0, &a, 64), 0);
	w.s = open_bound(w.h.m, MINATO_UDP, "::", 53);
}

static void start(bool is6)
{
	const struct minato_config c = small_config(MINATO_LINK_IP, 1);

	start_with(is6, &c);
}

static void finish(void)
{
	assert_int_equal(w.h.m->payload.large.used, 0);
	host_end(&w.h);
}

static struct minato_addr target(void)
{
	return addr(w.is6 ? "fd00::1" : "10.0.0.1");
}

/* A datagram of `len` bytes of payload, its checksum right. */
static void make(uint32_t len, uint8_t fill)
{
	const struct minato_addr src = addr(w.from), dst = target();
	struct sum sum = { 0 };

	w.len = 8 + len;
	for (uint32_t i = 8; i < w.len; i++)
		w.data[i] = (uint8_t)(i * 7 + i / 256 + fill);
	udp_build(w.data, 999, 53, w.len);
	sum_pseudo(&sum, &src, &dst, IP_PROTO_UDP, w.len);
	sum_add(&sum, w.data, w.len);
	sum_put(&sum, w.data + 6);
}

/* Bytes [offset, offset + len) of it, and whether more follow. */
static void part_more(uint32_t id, uint32_t offset, uint32_t len, bool more)
{
	static uint8_t packet[MAX];
	struct ip_build ip = {
		.is6 = w.is6,
		.src = addr(w.from),
		.dst = target(),
		.proto = w.is6 ? IP_PROTO_FRAGMENT : IP_PROTO_UDP,
		.hop_limit = 33,
		.traffic_class = w.tos,
		.id = (uint16_t)id,
		.payload_len = len + (w.is6 ? FRAGMENT_LEN : 0),
		.fragment_offset = offset,
		.more_fragments = more,
	};
	uint32_t at = ip_build(&ip, packet);
	struct minato_frame frame = { .data = packet, .chunk = MINATO_CHUNK_NONE };

	if (w.is6) {
		fragment_build(packet + at, IP_PROTO_UDP, offset, more, id);
		at += FRAGMENT_LEN;
	}
	memcpy(packet + at, w.data + offset, len);
	frame.len = at + len;
	minato_input(w.h.m, w.now, &frame, 1);
}

static void part(uint32_t id, uint32_t offset, uint32_t len)
{
	part_more(id, offset, len, offset + len < w.len);
}

/* The datagram has come, as it was made; or none has. */
static bool arrived(void)
{
	static uint8_t got[MAX];
	struct minato_datagram about;
	const int64_t len = minato_recv_datagram(w.h.m, w.s, &about, got, sizeof(got), 0);

	if (len == -EAGAIN)
		return false;
	assert_int_equal(len, w.len - 8);
	assert_memory_equal(got, w.data + 8, w.len - 8);
	assert_int_equal(about.ttl, 33);
	assert_false(about.dont_fragment);
	return true;
}

static uint64_t count(const char *name)
{
	return counter(w.h.m, name);
}

static void test_orders(void **state)
{
	static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					      { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		start(is6);
		make(3000, 1);
		for (uint32_t i = 0; i < 6; i++) {
			for (uint32_t k = 0; k < 3; k++) {
				const uint32_t at = orders[i][k] * 1400u;
				assert_false(arrived());
				part(i, at, w.len - at < 1400 ? w.len - at : 1400);
			}
			assert_true(arrived());
		}
		assert_int_equal(count("fragments_in"), 18);
		assert_int_equal(count("reassembled"), 6);
		finish();
	}
}

/* The longest there are: 65,507 bytes, over IPv6 65,527. */
static void test_longest(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		start(is6);
		make(is6 ? 65527 : 65507, 2);
		for (uint32_t at = 0; at < w.len; at += 8)
			part(7, at, w.len - at < 8 ? w.len - at : 8);
		assert_true(arrived());
		for (uint32_t at = 0; at < w.len; at += 1480)
			part(7, at, w.len - at < 1480 ? w.len - at : 1480);
		assert_true(arrived());
		finish();
	}
}

static void test_duplicates(void **state)
{
	(void)state;
	start(false);
	make(3000, 3);
	part(1, 0, 1400);
	part(1, 0, 1400);
	part(1, 2800, w.len - 2800);
	part(1, 2800, w.len - 2800);
	assert_int_equal(count("drop_fragment_duplicate"), 2);
	part(1, 1400, 1400);
	assert_true(arrived());
	/* The same stretch with other bytes is none. */
	part(2, 0, 1400);
	w.data[100] ^= 1;
	part(2, 0, 1400);
	w.data[100] ^= 1;
	assert_int_equal(count("drop_fragment_overlap"), 1);
	assert_int_equal(count("reassembly_spoilt"), 1);
	part(2, 1400, w.len - 1400);
	assert_false(arrived());
	assert_int_equal(count("drop_fragment_overlap"), 2);
	finish();
}

/* Each pair covers a byte twice or disagrees about the end. */
static void test_overlaps(void **state)
{
	static const struct {
		uint32_t at, len;
		bool more;
		uint32_t at2, len2;
		bool more2;
	} cases[] = {
		{ 0, 800, true, 792, 800, true },     { 800, 800, true, 0, 808, true },
		{ 0, 800, true, 0, 400, true },	      { 0, 400, true, 0, 800, true },
		{ 800, 80, true, 400, 1600, true },   { 0, 800, true, 80, 80, true },
		{ 800, 203, false, 1600, 80, true },  { 800, 203, false, 800, 200, true },
		{ 800, 203, false, 1000, 80, false }, { 1600, 80, true, 800, 203, false },
		{ 800, 203, false, 800, 202, false }, { 800, 203, false, 800, 208, true },
		{ 0, 800, true, 400, 400, false },    { 800, 200, false, 800, 200, true },
		{ 800, 80, true, 800, 80, false },
	};

	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		start(is6);
		make(3000, 4);
		for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			part_more(i, cases[i].at, cases[i].len, cases[i].more);
			assert_int_equal(w.h.m->payload.large.used, 1);
			part_more(i, cases[i].at2, cases[i].len2, cases[i].more2);
			assert_int_equal(count("reassembly_spoilt"), i + 1);
			assert_int_equal(w.h.m->payload.large.used, 0);
		}
		assert_false(arrived());
		/* In silence, also when their time is over. */
		w.now.ns += 61 * SECOND;
		minato_advance(w.h.m, w.now);
		assert_int_equal(count("icmp_errors_sent"), 0);
		assert_int_equal(count("reassembly_timeout"), 0);
		assert_int_equal(w.h.m->regrouping.pool.used, 0);
		finish();
	}
}

/* Identification, ends and (IPv4) protocol keep datagrams apart. */
static void test_apart(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		start(is6);
		make(2000, 5);
		part(1, 0, 1400);
		part(2, 1400, w.len - 1400);
		assert_false(arrived());
		w.from = is6 ? "fd00::8" : "10.0.0.8";
		make(2000, 5);
		part(1, 1400, w.len - 1400);
		assert_false(arrived());
		assert_int_equal(w.h.m->regrouping.pool.used, 3);
		part(1, 0, 1400);
		assert_true(arrived());
		w.now.ns += 60 * SECOND;
		minato_advance(w.h.m, w.now);
		assert_int_equal(count("reassembly_timeout"), 2);
		finish();
	}
}

/* Time exceeded, code 1, quotes the first fragment; without it nothing is said. */
static void test_timeout(void **state)
{
	struct minato_frame_out out;
	uint8_t bytes[2000];

	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		const uint32_t header = is6 ? 48 : 20;
		const uint32_t icmp = is6 ? 40 : 20;
		start(is6);
		make(3000, 6);
		part(1, 1400, 800);
		part(2, 1400, 800);
		part(2, 0, 1400);
		assert_int_equal(minato_deadline(w.h.m).ns, w.now.ns + 60 * SECOND);
		w.now.ns += 60 * SECOND - 1;
		assert_int_equal(minato_output(w.h.m, w.now, &out, 1), 0);
		w.now.ns++;
		assert_int_equal(minato_output(w.h.m, w.now, &out, 1), 1);
		assert_int_equal(flat(&out, bytes), is6 ? 1280 : 576);
		assert_int_equal(bytes[icmp], is6 ? 3 : 11);
		assert_int_equal(bytes[icmp + 1], 1);
		assert_int_equal(bytes[icmp + 8], is6 ? 0x60 : 0x45);
		assert_memory_equal(bytes + icmp + 8 + header, w.data, 400);
		assert_int_equal(minato_output(w.h.m, w.now, &out, 1), 0);
		assert_int_equal(count("reassembly_timeout"), 2);
		assert_int_equal(minato_deadline(w.h.m).ns, MINATO_NEVER.ns);
		finish();
	}
}

/* One flooder takes the place of himself, the patient one stays. */
static void test_victims(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_IP, 1);
	static char name[40];

	(void)state;
	c.reassemblies_max = 8;
	for (int is6 = 0; is6 < 2; is6++) {
		start_with(is6, &c);
		w.from = is6 ? "fd00:1::1" : "10.0.0.99";
		make(2000, 7);
		part(1, 0, 1400);
		for (uint32_t i = 0; i < 100; i++) {
			/* An IPv6 flooder has many addresses of one /64. */
			snprintf(name, sizeof(name), is6 ? "fd00:9::%x" : "10.0.0.9", i + 1);
			w.from = name;
			part(i + 2, 0, 1400);
		}
		assert_int_equal(w.h.m->regrouping.pool.used, 8);
		assert_int_equal(count("reassembly_victim"), 93);
		w.from = is6 ? "fd00:1::1" : "10.0.0.99";
		make(2000, 7);
		part(1, 1400, w.len - 1400);
		assert_true(arrived());
		w.now.ns += 60 * SECOND;
		minato_advance(w.h.m, w.now);
		assert_int_equal(w.h.m->regrouping.pool.used, 0);
		finish();
	}
}

static void test_no_memory(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_IP, 1);
	struct minato_extent where;
	uint32_t chunk;

	(void)state;
	c.chunks_large = 1;
	start_with(false, &c);
	chunk = minato_lease(w.h.m, &where);
	make(2000, 8);
	part(1, 0, 1400);
	assert_int_equal(count("drop_memory"), 1);
	minato_unlease(w.h.m, chunk);
	part(1, 0, 1400);
	part(1, 1400, w.len - 1400);
	assert_true(arrived());
	finish();
}

static void test_bad_checksum(void **state)
{
	(void)state;
	start(false);
	make(2000, 9);
	w.data[6] ^= 1;
	part(1, 0, 1400);
	part(1, 1400, w.len - 1400);
	assert_false(arrived());
	assert_int_equal(count("drop_udp_checksum"), 1);
	finish();
}

/* RFC 3168 5.3. */
static void test_ecn(void **state)
{
	static const struct {
		uint8_t first, second;
		int result; /* -1: refused */
	} cases[] = { { 2, 2, 2 }, { 2, 3, 3 }, { 3, 2, 3 }, { 0, 0, 0 },
		      { 0, 3, -1 }, { 1, 0, -1 }, { 1, 2, 1 } };
	struct minato_datagram about;
	uint8_t got[3000];

	(void)state;
	start(true);
	make(2000, 10);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		w.tos = cases[i].first | 0xb8;
		part(i, 0, 1400);
		w.tos = cases[i].second;
		part(i, 1400, w.len - 1400);
		if (cases[i].result < 0) {
			assert_false(arrived());
			continue;
		}
		assert_int_equal(minato_recv_datagram(w.h.m, w.s, &about, got, 3000, 0), 2000);
		assert_int_equal(about.traffic_class, 0xb8 | cases[i].result);
	}
	assert_int_equal(count("drop_fragment_ecn"), 2);
	finish();
}

/* RFC 8200 4.5: what the sender of a bad fragment hears. */
static void test_parameter_problem(void **state)
{
	static const struct {
		uint32_t at, len;
		uint8_t code, pointer;
	} cases[] = { { 0, 1401, 0, 4 }, { 64800, 800, 0, 42 }, { 8, 1401, 0, 4 } };
	struct minato_frame_out out;
	uint8_t bytes[2000];

	(void)state;
	start(true);
	make(3000, 11);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		part_more(1, cases[i].at, cases[i].len, true);
		assert_int_equal(minato_output(w.h.m, w.now, &out, 1), 1);
		flat(&out, bytes);
		assert_int_equal(bytes[40], 4);
		assert_int_equal(bytes[41], cases[i].code);
		assert_int_equal(bytes[47], cases[i].pointer);
	}
	part_more(1, 0, 0, true);
	assert_int_equal(minato_output(w.h.m, w.now, &out, 1), 0);
	finish();
}

/* A closed port is answered about the whole, as about any packet. */
static void test_refused(void **state)
{
	struct minato_frame_out out;
	uint8_t bytes[2000];

	(void)state;
	start(false);
	minato_close(w.h.m, w.s);
	make(2000, 12);
	part(1, 1400, w.len - 1400);
	part(1, 0, 1400);
	assert_int_equal(minato_output(w.h.m, w.now, &out, 1), 1);
	assert_int_equal(flat(&out, bytes), 576);
	assert_int_equal(bytes[20], 3);
	assert_int_equal(bytes[21], 3);
	assert_memory_equal(bytes + 48, w.data, 500);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),	      cmocka_unit_test(test_longest),
		cmocka_unit_test(test_duplicates),    cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_apart),	      cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_victims),	      cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_bad_checksum),  cmocka_unit_test(test_ecn),
		cmocka_unit_test(test_parameter_problem), cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
