/* SPDX-License-Identifier: BSD-2-Clause */
/* Scans of what is behind a gateway: who refuses, who is silent, and pings of a prefix. */
#include "gateway_fixture.h"
#include "minato/guard.h"
#include "minato/scan.h"

#define US "198.51.100.1"
#define SOURCE "198.51.100.7"
#define WEB "10.0.0.2"
#define KIND(name) (1u << MINATO_SCAN_##name)

static struct gate g;
static struct forge f, error;
static struct minato_scan row;

static void open_to(enum minato_kind kind, uint8_t proto)
{
	const struct minato_entry e = {
		.kind = kind,
		.scope = 1,
		.face = MINATO_FACE_ANY,
		.proto = kind == MINATO_KIND_DMZ ? 0 : proto,
		.first = kind == MINATO_KIND_DMZ ? 0 : 1000,
		.last = kind == MINATO_KIND_DMZ ? 0 : 1999,
		.target = { addr(WEB), kind == MINATO_KIND_DMZ ? 0 : 1000 },
		.translate = true,
	};
	uint64_t entry;

	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(minato_entry_add(g.m, &e, &entry), 0);
}

/* As nmap writes it. */
static void probe(uint16_t port)
{
	static const uint8_t mss[] = { 2, 4, 5, 0xb4 };

	forge_tcp(&f, false, mss, 4, 0);
	forge_put16(f.header, 45678);
	forge_put16(f.header + 2, port);
	f.header[13] = 0x02;
	forge_put16(f.header + 14, 1024);
	gate_ends(&f, SOURCE, US);
	gate_clear(&g);
	gate_send(&g, 1, &f, NULL);
	gate_drain(&g, 32);
}

static void datagram(uint16_t from, uint16_t port, uint8_t hops)
{
	forge_udp(&f, false, 20);
	forge_put16(f.header, from);
	forge_put16(f.header + 2, port);
	f.ttl = hops;
	gate_ends(&f, SOURCE, US);
	gate_clear(&g);
	gate_send(&g, 1, &f, NULL);
	gate_drain(&g, 32);
}

static void server_says(uint16_t port, uint8_t flags)
{
	forge_tcp(&f, false, NULL, 0, 0);
	forge_put16(f.header, port);
	forge_put16(f.header + 2, 45678);
	f.header[13] = flags;
	gate_ends(&f, WEB, SOURCE);
	gate_clear(&g);
	gate_send(&g, 0, &f, NULL);
	gate_drain(&g, 32);
}

/* An error about what came in as the last frame. */
static void host_says(uint8_t type, uint8_t code)
{
	uint8_t about[60];
	const struct caught *c;
	uint32_t len;

	assert_int_equal(g.count, 1);
	c = &g.caught[0];
	len = c->packet.ip_len < sizeof(about) ? c->packet.ip_len : sizeof(about);
	memcpy(about, c->packet.ip, len);
	forge_icmp(&error, false, type, code, 0, len);
	memcpy(error.payload, about, len);
	gate_ends(&error, WEB, SOURCE);
	gate_clear(&g);
	gate_send(&g, 0, &error, NULL);
	gate_drain(&g, 32);
}

static void wait_s(int64_t seconds)
{
	g.now.ns += seconds * SECOND;
	minato_advance(g.m, g.now);
	gate_clear(&g);
	gate_drain(&g, 32);
}

static bool recognised(const char *text)
{
	const struct minato_addr a = addr(text);

	memset(&row, 0, sizeof(row));
	return minato_scan_find(g.m, 1, &a, &row);
}

static void refused_by_who_is_behind(void **state)
{
	(void)state;
	open_to(MINATO_KIND_FORWARD, MINATO_TCP);
	for (uint16_t i = 0; i < 8; i++) {
		probe((uint16_t)(1000 + i));
		server_says((uint16_t)(1000 + i), 0x14);
	}
	assert_true(recognised(SOURCE));
	assert_int_equal(row.kinds, KIND(SYN));
	assert_int_equal(row.tool, MINATO_SCAN_TOOL_NMAP);
	gate_end(&g);
}

/* As a filter there says it. */
static void refused_by_errors(void **state)
{
	(void)state;
	open_to(MINATO_KIND_FORWARD, MINATO_TCP);
	for (uint16_t i = 0; i < 8; i++) {
		probe((uint16_t)(1000 + i));
		host_says(3, 3);
	}
	assert_true(recognised(SOURCE));
	assert_int_equal(row.kinds, KIND(SYN));
	gate_end(&g);
	open_to(MINATO_KIND_FORWARD, MINATO_UDP);
	for (uint16_t i = 0; i < 8; i++) {
		datagram(45678, (uint16_t)(1000 + i), 64);
		host_says(3, 3);
	}
	assert_true(recognised(SOURCE));
	assert_int_equal(row.kinds, KIND(UDP));
	gate_end(&g);
	/* What is too long, or a host that is down, refuses nobody. */
	open_to(MINATO_KIND_FORWARD, MINATO_UDP);
	for (uint16_t i = 0; i < 8; i++) {
		datagram(45678, (uint16_t)(1000 + i), 64);
		host_says(3, i % 2 == 0 ? 4 : 1);
	}
	assert_false(recognised(SOURCE));
	gate_end(&g);
}

static void dropped_by_who_is_behind(void **state)
{
	(void)state;
	open_to(MINATO_KIND_DMZ, 0);
	for (uint16_t i = 0; i < 20; i++)
		probe((uint16_t)(3000 + i));
	assert_false(recognised(SOURCE));
	wait_s(300);
	assert_true(recognised(SOURCE));
	assert_int_equal(row.kinds, KIND(SYN));
	assert_int_equal(row.tool, MINATO_SCAN_TOOL_NMAP);
	assert_int_equal(row.closed, 20);
	gate_end(&g);
	open_to(MINATO_KIND_DMZ, 0);
	for (uint16_t i = 0; i < 20; i++)
		datagram(45678, (uint16_t)(3000 + i), 64);
	wait_s(600);
	assert_true(recognised(SOURCE));
	assert_int_equal(row.kinds, KIND(UDP));
	gate_end(&g);
}

/* A mail client, whose server is down for hours. */
static void who_misses_six_ports_is_none(void **state)
{
	(void)state;
	open_to(MINATO_KIND_FORWARD, MINATO_TCP);
	for (uint32_t round = 0; round < 20; round++) {
		for (uint16_t i = 0; i < 6; i++)
			probe((uint16_t)(1000 + i));
		wait_s(300);
	}
	assert_false(recognised(SOURCE));
	gate_end(&g);
}

/* A monitor of 20 ports, or whoever else calls them. */
static void a_server_that_is_down_makes_no_scanners(void **state)
{
	(void)state;
	open_to(MINATO_KIND_FORWARD, MINATO_TCP);
	for (uint16_t i = 0; i < 20; i++) {
		probe((uint16_t)(1000 + i));
		server_says((uint16_t)(1000 + i), 0x12);
		forge_tcp(&f, false, NULL, 0, 0);
		forge_put16(f.header, 45678);
		forge_put16(f.header + 2, 1000u + i);
		forge_put32(f.header + 8, 0x01020305);
		f.header[13] = 0x10;
		gate_ends(&f, SOURCE, US);
		gate_send(&g, 1, &f, NULL);
		f.header[13] = 0x11;
		gate_send(&g, 1, &f, NULL);
		server_says((uint16_t)(1000 + i), 0x11);
	}
	wait_s(300);
	for (uint16_t i = 0; i < 20; i++)
		probe((uint16_t)(1000 + i));
	wait_s(300);
	assert_false(recognised(SOURCE));
	/* Other ports of it are no less tried. */
	for (uint16_t i = 20; i < 40; i++)
		probe((uint16_t)(1000 + i));
	wait_s(300);
	assert_true(recognised(SOURCE));
	gate_end(&g);
}

static void traces_and_late_answers_are_none(void **state)
{
	(void)state;
	open_to(MINATO_KIND_DMZ, 0);
	for (uint16_t i = 0; i < 30; i++)
		datagram((uint16_t)(45000 + i), (uint16_t)(33434 + i), 20);
	/* Nobody knows yet whom we asked. */
	for (uint16_t i = 0; i < 30; i++)
		datagram(123, (uint16_t)(20000 + i), 64);
	wait_s(600);
	assert_false(recognised(SOURCE));
	gate_end(&g);
}

static void ping6(const char *to)
{
	forge_icmp(&f, true, 128, 0, 0x43210001, 40);
	gate_ends(&f, "2001:db8:f::9", to);
	g.now.ns += SECOND;
	gate_clear(&g);
	gate_send(&g, 1, &f, NULL);
	gate_drain(&g, 32);
}

static void pings_of_a_prefix(void **state)
{
	char text[32];

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (uint32_t i = 0; i < 30; i++)
		ping6("fd00::2");
	assert_false(recognised("2001:db8:f::9"));
	for (uint32_t i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "fd00::%x", i + 2);
		ping6(text);
	}
	assert_true(recognised("2001:db8:f::9"));
	assert_int_equal(row.kinds, KIND(SWEEP));
	assert_int_equal(row.port_count, 0);
	assert_in_range(row.targets, 15, 30);
	gate_end(&g);
	/* What we answer ourselves is no failure. */
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (uint32_t i = 0; i < 30; i++)
		ping6("2001:db8:1::1");
	assert_false(recognised("2001:db8:f::9"));
	gate_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_by_who_is_behind),
		cmocka_unit_test(refused_by_errors),
		cmocka_unit_test(dropped_by_who_is_behind),
		cmocka_unit_test(who_misses_six_ports_is_none),
		cmocka_unit_test(a_server_that_is_down_makes_no_scanners),
		cmocka_unit_test(traces_and_late_answers_are_none),
		cmocka_unit_test(pings_of_a_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
