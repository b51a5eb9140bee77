/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP errors that arrive: soft, hard, too big, and those that are not about us. */
#include <errno.h>

#include "hosts.h"
#include "wire/wire.h"

/* A connecting socket whose SYN goes nowhere, and the last frame it sent. */
struct dialing {
	struct host h;
	uint64_t s;
	uint8_t frame[200];
	uint32_t len;
	bool is6;
};

static struct dialing dialing_new(bool is6)
{
	struct minato_config c = small_config(MINATO_LINK_IP, 1);
	struct minato_addr a = addr("10.0.0.1");
	const struct minato_endpoint peer = end(is6 ? "fd00::2" : "10.0.0.2", 80);
	struct dialing d = { .is6 = is6 };
	struct minato_frame_out f;

	d.h = host_new(&c, (struct minato_time){ SECOND });
	minato_address_add(d.h.m, 0, &a, 24);
	a = addr("fd00::1");
	minato_address_add(d.h.m, 0, &a, 64);
	d.s = open_socket(d.h.m, MINATO_TCP);
	assert_int_equal(minato_connect(d.h.m, d.s, &peer), -EINPROGRESS);
	assert_int_equal(minato_output(d.h.m, (struct minato_time){ SECOND }, &f, 1), 1);
	d.len = flat(&f, d.frame);
	return d;
}

/* An error about the SYN, as a router says it; `shift` moves its number. */
static void answer(struct dialing *d, uint8_t type, uint8_t code, uint32_t word, uint32_t shift)
{
	uint8_t out[400] = { 0 };
	const uint32_t head = d->is6 ? 40 : 20;
	struct ip_build ip = {
		.is6 = d->is6,
		.src = addr(d->is6 ? "fd00::99" : "10.0.0.99"),
		.dst = addr(d->is6 ? "fd00::1" : "10.0.0.1"),
		.proto = d->is6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP,
		.hop_limit = 64,
		.payload_len = 8 + d->len,
	};
	struct minato_frame f = { .data = out, .len = head + 8 + d->len,
				  .chunk = MINATO_CHUNK_NONE, .csum_trusted = true };
	struct sum sum = { 0 };

	ip_build(&ip, out);
	out[head] = type;
	out[head + 1] = code;
	for (uint32_t i = 0; i < 4; i++)
		out[head + 4 + i] = (uint8_t)(word >> (24 - 8 * i));
	memcpy(out + head + 8, d->frame, d->len);
	out[head + 8 + head + 7] = (uint8_t)(out[head + 8 + head + 7] + shift);
	if (d->is6)
		sum_pseudo(&sum, &ip.src, &ip.dst, ip.proto, ip.payload_len);
	sum_add(&sum, out + head, ip.payload_len);
	sum_put(&sum, out + head + 2);
	minato_input(d->h.m, (struct minato_time){ SECOND }, &f, 1);
}

static void expect(bool is6, uint8_t type, uint8_t code, int error)
{
	struct dialing d = dialing_new(is6);

	answer(&d, type, code, 0, 0);
	assert_int_equal(minato_error(d.h.m, d.s), error);
	assert_int_equal(counter(d.h.m, "icmp_errors_received"), 1);
	host_end(&d.h);
}

/* SHLD-26 and the codes of RFC 1812 that nothing will help against. */
static void test_hard4(void **state)
{
	(void)state;
	expect(false, 3, 2, ENOPROTOOPT);
	expect(false, 3, 3, ECONNREFUSED);
	expect(false, 3, 6, ENETUNREACH);
	expect(false, 3, 7, EHOSTDOWN);
	expect(false, 3, 9, ENETUNREACH);
	expect(false, 3, 10, EHOSTUNREACH);
	expect(false, 3, 13, EHOSTUNREACH);
}

static void test_hard6(void **state)
{
	(void)state;
	expect(true, 1, 1, EACCES);
	expect(true, 1, 4, ECONNREFUSED);
	expect(true, 1, 6, EACCES);
	expect(true, 4, 1, EPROTO);
}

/* MUST-56: unreachable for now is no end. */
static void test_soft(void **state)
{
	(void)state;
	expect(false, 3, 0, 0);
	expect(false, 3, 1, 0);
	expect(false, 3, 5, 0);
	expect(false, 3, 11, 0);
	expect(false, 11, 0, 0);
	expect(true, 1, 0, 0);
	expect(true, 1, 3, 0);
	expect(true, 3, 0, 0);
	expect(true, 4, 0, 0);
}

/* RFC 5927: an error about something not in flight is not believed. */
static void test_other_number(void **state)
{
	struct dialing d = dialing_new(false);

	(void)state;
	answer(&d, 3, 3, 0, 5);
	assert_int_equal(minato_error(d.h.m, d.s), 0);
	assert_int_equal(counter(d.h.m, "drop_tcp_sequence"), 1);
	host_end(&d.h);
}

static void test_other_flow(void **state)
{
	struct dialing d = dialing_new(false);

	(void)state;
	d.frame[20] ^= 1; /* its source port */
	answer(&d, 3, 3, 0, 0);
	assert_int_equal(minato_error(d.h.m, d.s), 0);
	assert_int_equal(counter(d.h.m, "drop_closed"), 1);
	host_end(&d.h);
}

/* MUST-55: source quench, and types that mean nothing. */
static void test_unknown_types(void **state)
{
	struct dialing d = dialing_new(false), e = dialing_new(true);

	(void)state;
	answer(&d, 4, 0, 0, 0);
	answer(&d, 5, 0, 0, 0);
	answer(&d, 3, 16, 0, 0);
	assert_int_equal(counter(d.h.m, "drop_icmp_type"), 3);
	answer(&e, 1, 7, 0, 0);
	answer(&e, 99, 0, 0, 0);
	assert_int_equal(counter(e.h.m, "drop_icmp_type"), 2);
	assert_int_equal(minato_error(d.h.m, d.s) + minato_error(e.h.m, e.s), 0);
	host_end(&d.h);
	host_end(&e.h);
}

static void test_too_short_inside(void **state)
{
	struct dialing d = dialing_new(false);

	(void)state;
	d.len = 24;
	answer(&d, 3, 3, 0, 0);
	assert_int_equal(counter(d.h.m, "drop_icmp_header"), 1);
	host_end(&d.h);
}

/* RFC 1191, RFC 8201: the path is narrower than the link. */
static void too_big(const char *to, uint32_t mtu, uint32_t want)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	const bool is6 = to[0] == 'f';
	struct minato_frame_out f;
	struct minato_info info;
	static char data[1400];
	uint64_t s;
	const uint64_t c = join(&p, l, to, 80, &s);
	struct dialing d = { .h = p.a, .is6 = is6 };

	minato_send(p.a.m, c, data, sizeof(data), 0);
	assert_int_equal(minato_output(p.a.m, p.now, &f, 1), 1);
	d.len = flat(&f, (uint8_t[FRAME_MAX]){ 0 });
	memcpy(d.frame, f.extents[0].base, 100 < f.extents[0].len ? 100 : f.extents[0].len);
	d.len = (uint32_t)f.extents[0].len;
	answer(&d, is6 ? 2 : 3, is6 ? 0 : 4, mtu, 0);
	assert_int_equal(minato_info(p.a.m, c, &info), 0);
	assert_int_equal(info.pmtu, want);
	pair_end(&p);
}

static void test_too_big(void **state)
{
	(void)state;
	too_big("10.0.0.2", 1300, 1300);
	too_big("fd00::2", 1300, 1300);
	too_big("10.0.0.2", 0, 576);
	too_big("10.0.0.2", 100, 552);
	too_big("fd00::2", 100, 1280);
	/* Larger than the link is no news. */
	too_big("10.0.0.2", 9000, 1500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hard4),
		cmocka_unit_test(test_hard6),
		cmocka_unit_test(test_soft),
		cmocka_unit_test(test_other_number),
		cmocka_unit_test(test_other_flow),
		cmocka_unit_test(test_unknown_types),
		cmocka_unit_test(test_too_short_inside),
		cmocka_unit_test(test_too_big),
	};

	return cmocka_run_group_tests_name("icmp_in", tests, NULL, NULL);
}
