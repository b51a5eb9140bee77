/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP errors about flows, and what is fetched ahead. */
#include "unit/nat_fixture.h"

static const char *const host = "10.0.0.7", *const other = "10.0.0.8";
static const char *const server = "203.0.113.9";

/* An error about a packet src -> dst, by the side that was to get it. */
static enum nat_verdict error(bool inside, uint8_t proto, struct minato_endpoint src,
			      struct minato_endpoint dst)
{
	const struct port_key inner = { .local = src.addr,
					.local_port = src.port,
					.remote = dst.addr,
					.remote_port = dst.port,
					.scope = inside ? 0 : 1,
					.proto = proto };

	memset(&way, 0, sizeof(way));
	return nat_error(n, &inner, inside, &way);
}

static void from_outside(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);

	(void)state;
	assert_int_equal(error(false, UDP, at, end(server, 53)), NAT_PASS);
	assert_true(same_end(way.dst, end(host, 5000)));
	assert_true(same_end(way.src, end(server, 53)));
	assert_int_equal(way.scope, 0);
	/* Of a flow that is over the mapping tells; a stranger's is nobody's. */
	assert_int_equal(error(false, UDP, at, end("192.0.2.9", 1)), NAT_PASS);
	assert_true(same_end(way.dst, end(host, 5000)));
	assert_int_equal(error(false, UDP, end(PUBLIC, at.port ^ 1), end(server, 53)), NAT_HOST);
	assert_int_equal(counted(NAT_COUNT_NO_MAPPING), 1);
	assert_int_equal(counted(NAT_COUNT_PASSED_ERRORS), 2);
}

static void from_inside(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);

	(void)state;
	assert_int_equal(in(UDP, end(server, 53), at, 0), NAT_PASS);
	/* The host says that nothing listens; outside it is seen as the public address. */
	assert_int_equal(error(true, UDP, end(server, 53), end(host, 5000)), NAT_PASS);
	assert_true(same_end(way.src, at));
	assert_true(same_end(way.dst, end(server, 53)));
	assert_int_equal(error(true, UDP, end(server, 53), end(other, 5000)), NAT_HOST);
}

static void in_a_hairpin(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);
	struct minato_endpoint seen;

	(void)state;
	assert_int_equal(out(UDP, end(other, 6000), at, 0), NAT_PASS);
	seen = way.src;
	assert_int_equal(error(true, UDP, seen, end(host, 5000)), NAT_PASS);
	assert_true(same_end(way.dst, end(other, 6000)));
	assert_true(same_end(way.src, at));
}

static void of_queries(void **state)
{
	uint16_t id;

	(void)state;
	assert_int_equal(out(ICMP, end(host, 7), end(server, 7), 0), NAT_PASS);
	id = way.src.port;
	assert_int_equal(error(false, ICMP, end(PUBLIC, id), end(server, id)), NAT_PASS);
	assert_true(same_end(way.dst, end(host, 7)));
	assert_int_equal(way.src.port, 7);
}

static void they_refresh_and_end_nothing(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		pass_ms(99 * 1000);
		assert_int_equal(error(false, UDP, at, end(server, 53)), NAT_PASS);
		assert_int_equal(error(true, UDP, end(server, 53), end(host, 5000)), NAT_PASS);
	}
	assert_int_equal(n->sessions4.used, 1);
	pass_ms(3 * 1000 + 2);
	assert_empty();
}

/* A batch of which some begin and some are known: fetching changes nothing. */
static void a_batch_is_as_its_packets(void **state)
{
	struct port_probe probes[64];
	struct port_key keys[64];
	const struct nat_packet p = { .inside = true, .whose = NAT_OTHERS, .opens = true };

	(void)state;
	for (uint16_t i = 0; i < 64; i++) {
		if (i % 3 == 0)
			map_udp(host, (uint16_t)(5000 + i), server, 53);
		keys[i] = (struct port_key){ .local = addr(i % 2 ? server : "192.0.2.5"),
					     .local_port = 53,
					     .remote = addr(host),
					     .remote_port = (uint16_t)(5000 + i),
					     .proto = UDP };
		probes[i].key = &keys[i];
	}
	port_seek(t, probes, 64);
	nat_seek(n, probes, 64);
	for (uint16_t i = 0; i < 64; i++) {
		const uint32_t before = n->mappings.used;
		assert_int_equal(nat_packet(n, &probes[i], &p, &way), NAT_PASS);
		assert_int_equal(n->mappings.used - before, i % 3 != 0);
		assert_true(same_end(way.dst, end(i % 2 ? server : "192.0.2.5", 53)));
	}
}

/* --- who calls a forward ------------------------------------------------------- */

#define SERVER_FIRST 0xfffffffeu /* wraps within the first bytes */

static const struct minato_endpoint caller = { { { [10] = 0xff, 0xff, 203, 0, 113, 9 } }, 40000 };
static uint32_t forward_session;

/* Its SYN goes in, and the server's comes back. */
static void call(void)
{
	const struct minato_entry e = forward_entry(TCP, 80, 80, host, 8080);
	const struct nat_packet answer = { .inside = true,
					   .tcp_flags = NAT_SYN | NAT_ACK,
					   .seq = SERVER_FIRST };

	assert_true(add_entry(&e) >= 0);
	assert_int_equal(in(TCP, caller, end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	forward_session = way.session;
	assert_int_equal(packet_of(answer, TCP, end(host, 8080), caller), NAT_PASS);
	assert_int_equal(way.news, NAT_NEWS_NONE);
}

static uint8_t news(uint8_t flags, uint32_t ack, bool payload)
{
	const struct nat_packet p = { .tcp_flags = flags, .ack = ack, .payload = payload };

	assert_int_equal(packet_of(p, TCP, caller, end(PUBLIC, 80)), NAT_PASS);
	return way.news;
}

static bool has_answered(void)
{
	return (session_at(n, forward_session)->tcp & NAT_TCP_ACK_A) != 0;
}

static void a_caller_names_the_servers_number(void **state)
{
	(void)state;
	call();
	assert_int_equal(news(NAT_ACK, SERVER_FIRST + 1, false), NAT_NEWS_NONE);
	assert_true(has_answered());
	assert_int_equal(news(NAT_ACK, SERVER_FIRST + 1, true), NAT_NEWS_SPOKE);
	assert_int_equal(news(NAT_ACK, SERVER_FIRST + 1, true), NAT_NEWS_NONE);
}

static void its_first_bytes_may_come_with_it(void **state)
{
	(void)state;
	call();
	assert_int_equal(news(NAT_ACK, SERVER_FIRST + 1, true), NAT_NEWS_SPOKE);
}

static void a_server_may_greet_first(void **state)
{
	(void)state;
	call();
	assert_int_equal(news(NAT_ACK, SERVER_FIRST + 1, false), NAT_NEWS_NONE);
	assert_int_equal(news(NAT_ACK, SERVER_FIRST + 1 + 4000, true), NAT_NEWS_SPOKE);
}

/* Who cannot have seen the server's number is no caller, whatever it writes, and makes nobody's
   first bytes pass for second ones. */
static void a_forged_one_says_nothing_of_its_address(void **state)
{
	(void)state;
	call();
	assert_int_equal(news(NAT_ACK, 12345, true), NAT_NEWS_NONE);
	assert_int_equal(news(NAT_ACK, SERVER_FIRST, true), NAT_NEWS_NONE);
	assert_int_equal(news(NAT_ACK, SERVER_FIRST + 2, true), NAT_NEWS_NONE);
	assert_int_equal(news(0, SERVER_FIRST + 1, true), NAT_NEWS_NONE);
	assert_int_equal(news(NAT_ACK | NAT_FIN, 12345, false), NAT_NEWS_NONE);
	/* A call that nobody has answered makes way for others, see opening.c. */
	assert_false(has_answered());
	assert_int_equal(news(NAT_ACK, SERVER_FIRST + 1, true), NAT_NEWS_SPOKE);
}

/* The number is that of this connection, until it was named. */
static void another_number_counts_until_it_was_named(void **state)
{
	const struct nat_packet again = { .inside = true,
					  .tcp_flags = NAT_SYN | NAT_ACK,
					  .seq = 7777 };

	(void)state;
	call();
	assert_int_equal(packet_of(again, TCP, end(host, 8080), caller), NAT_PASS);
	assert_int_equal(news(NAT_ACK, SERVER_FIRST + 1, true), NAT_NEWS_NONE);
	assert_int_equal(news(NAT_ACK, 7778, false), NAT_NEWS_NONE);
	assert_true(has_answered());
	assert_int_equal(packet_of(again, TCP, end(host, 8080), caller), NAT_PASS);
	assert_int_equal(news(NAT_ACK, 7778 + 65536, true), NAT_NEWS_NONE);
	assert_int_equal(news(NAT_ACK, 7778 + 65535, true), NAT_NEWS_SPOKE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(from_outside),
		CASE(from_inside),
		CASE(in_a_hairpin),
		CASE(of_queries),
		CASE(they_refresh_and_end_nothing),
		CASE(a_batch_is_as_its_packets),
		CASE(a_caller_names_the_servers_number),
		CASE(its_first_bytes_may_come_with_it),
		CASE(a_server_may_greet_first),
		CASE(a_forged_one_says_nothing_of_its_address),
		CASE(another_number_counts_until_it_was_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
