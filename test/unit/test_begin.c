/* SPDX-License-Identifier: BSD-2-Clause */
/* What packets open: outward, inward, hairpin, and who is told no. */
#include "unit/nat_fixture.h"

static const char *const host = "10.0.0.7", *const other = "10.0.0.8";
static const char *const server = "203.0.113.9", *const stranger = "192.0.2.5";

/* --- outward ---------------------------------------------------------------------------- */

static void one_inside_endpoint_has_one_outside(void **state)
{
	struct minato_endpoint first, second;

	(void)state;
	first = map_udp(host, 5000, server, 53);
	assert_true(same_end(first, end(PUBLIC, first.port)));
	assert_true(first.port >= 1024);
	assert_true(same_end(way.dst, end(server, 53)));
	assert_int_equal(way.scope, 1);
	second = map_udp(host, 5000, stranger, 123);
	assert_true(same_end(first, second));
	second = map_udp(host, 5001, server, 53);
	assert_false(same_end(first, second));
	second = map_udp(other, 5000, server, 53);
	assert_false(same_end(first, second));
}

static void answers_come_back(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);

	(void)state;
	assert_int_equal(in(UDP, end(server, 53), at, 0), NAT_PASS);
	assert_true(same_end(way.src, end(server, 53)));
	assert_true(same_end(way.dst, end(host, 5000)));
	assert_int_equal(way.scope, 0);
	assert_int_equal(counted(NAT_COUNT_PASSED_IN), 1);
}

static void identifiers_are_mapped_whatever_the_destination(void **state)
{
	uint16_t id;

	(void)state;
	assert_int_equal(out(ICMP, end(host, 77), end(server, 77), 0), NAT_PASS);
	id = way.src.port;
	assert_int_equal(way.dst.port, id);
	assert_int_equal(out(ICMP, end(host, 77), end(stranger, 77), 0), NAT_PASS);
	assert_int_equal(way.src.port, id);
	assert_int_equal(in(ICMP, end(stranger, id), end(PUBLIC, id), 0), NAT_PASS);
	assert_true(same_end(way.dst, end(host, 77)));
	assert_int_equal(way.src.port, 77);
	assert_int_equal(in(ICMP, end("192.0.2.99", id), end(PUBLIC, id), 0), NAT_HOST);
}

/* Who believes to have a connection hears that he has none; what else opens nothing is dropped. */
static void what_opens_nothing_is_told_so_or_dropped(void **state)
{
	const struct minato_entry e = forward_entry(TCP, 80, 80, "10.0.0.2", 0);

	(void)state;
	assert_int_equal(out(TCP, end(host, 5000), end(server, 80), NAT_ACK), NAT_RESET);
	assert_int_equal(out(TCP, end(host, 5000), end(server, 80), NAT_ACK | NAT_FIN), NAT_RESET);
	assert_int_equal(out(TCP, end("fd00::7", 1), end("2001:db8::9", 80), NAT_ACK), NAT_RESET);
	assert_int_equal(out(TCP, end(host, 5000), end(server, 80), NAT_ACK | NAT_RST), NAT_DROP);
	assert_int_equal(out(TCP, end(host, 5000), end(server, 80), NAT_FIN), NAT_DROP);
	assert_int_equal(out(TCP, end(host, 5000), end(server, 80), 0), NAT_DROP);
	assert_int_equal(counted(NAT_COUNT_NO_SESSION), 6);
	assert_true(add_entry(&e) >= 0);
	assert_int_equal(out(TCP, end(host, 5000), end(PUBLIC, 80), NAT_ACK), NAT_RESET);
	/* Nobody outside hears of it. */
	assert_int_equal(in(TCP, end(server, 5000), end(PUBLIC, 80), NAT_ACK), NAT_DROP);
	assert_empty();
}

static void without_a_pool_nothing_goes(void **state)
{
	const struct minato_addr public = addr(PUBLIC);
	struct minato_nat_news news;

	(void)state;
	assert_int_equal(nat_pool_remove(n, 1, &public), 0);
	assert_int_equal(out(UDP, end(host, 5000), end(server, 53), 0), NAT_UNREACHABLE);
	assert_int_equal(way.icmp_code, 1); /* nothing is left: RFC 6888 REQ-11 */
	assert_int_equal(counted(NAT_COUNT_NO_POOL), 1);
	assert_true(nat_news(n, &news));
	assert_int_equal(news.kind, MINATO_NEWS_NO_PORT);
	assert_true(same_end(news.inside, end(host, 5000)));
	assert_empty();
}

static void a_route_is_not_translated(void **state)
{
	const struct minato_entry route = { .kind = MINATO_KIND_ROUTE,
					    .face = MINATO_FACE_ANY,
					    .local = addr("203.0.113.0"),
					    .local_prefix = 96 + 24 };
	int64_t entry;

	(void)state;
	entry = add_entry(&route);
	assert_true(entry >= 0);
	assert_int_equal(out(UDP, end(host, 5000), end(server, 53), 0), NAT_PASS);
	assert_true(same_end(way.src, end(host, 5000)));
	assert_int_equal(in(UDP, end(server, 53), end(host, 5000), 0), NAT_PASS);
	assert_true(same_end(way.dst, end(host, 5000)));
	/* Others are, from the same port too; and the route stays what it was. */
	assert_int_equal(out(UDP, end(host, 5000), end(stranger, 53), 0), NAT_PASS);
	assert_false(same_end(way.src, end(host, 5000)));
	assert_int_equal(out(UDP, end(host, 5000), end(server, 54), 0), NAT_PASS);
	assert_true(same_end(way.src, end(host, 5000)));
	nat_forward_remove(n, (uint32_t)entry);
	port_remove(t, (uint32_t)entry);
	assert_int_equal(out(UDP, end(other, 5000), end(server, 53), 0), NAT_PASS);
	assert_false(same_end(way.src, end(other, 5000)));
}

static void a_guard_stands_before_it(void **state)
{
	struct minato_entry guard = { .kind = MINATO_KIND_GUARD,
				      .verdict = MINATO_REFUSE,
				      .scope = 0,
				      .face = MINATO_FACE_ANY,
				      .proto = UDP,
				      .first = 53,
				      .last = 53 };

	(void)state;
	assert_true(port_add(t, &guard, NULL) >= 0);
	assert_int_equal(out(UDP, end(host, 5000), end(server, 53), 0), NAT_CLOSED);
	guard.verdict = MINATO_DROP;
	guard.first = guard.last = 54;
	assert_true(port_add(t, &guard, NULL) >= 0);
	assert_int_equal(out(UDP, end(host, 5000), end(server, 54), 0), NAT_DROP);
	assert_int_equal(counted(NAT_COUNT_GUARD), 2);
	assert_int_equal(out(UDP, end(host, 5000), end(server, 55), 0), NAT_PASS);
}

/* --- inward ----------------------------------------------------------------------------- */

static void anybody_may_send_to_a_mapping_by_default(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);

	(void)state;
	assert_int_equal(in(UDP, end(stranger, 999), at, 0), NAT_PASS);
	assert_true(same_end(way.dst, end(host, 5000)));
	assert_true(same_end(way.src, end(stranger, 999)));
}

static void filters_by_address(void **state)
{
	struct minato_nat options = *nat_get(n);
	struct minato_endpoint at;

	(void)state;
	options.udp_filtering = MINATO_FILTER_ADDRESS;
	assert_int_equal(nat_set(n, &options), 0);
	at = map_udp(host, 5000, server, 53);
	assert_int_equal(in(UDP, end(server, 999), at, 0), NAT_PASS);
	assert_int_equal(in(UDP, end(stranger, 53), at, 0), NAT_DROP);
	assert_int_equal(counted(NAT_COUNT_FILTERED), 1);
	/* Who was sent to may, as long as that flow lives. */
	map_udp(host, 5000, stranger, 1);
	assert_int_equal(in(UDP, end(stranger, 53), at, 0), NAT_PASS);
}

static void filters_by_address_and_port(void **state)
{
	struct minato_nat options = *nat_get(n);
	struct minato_endpoint at;

	(void)state;
	options.udp_filtering = MINATO_FILTER_ADDRESS_PORT;
	assert_int_equal(nat_set(n, &options), 0);
	at = map_udp(host, 5000, server, 53);
	assert_int_equal(in(UDP, end(server, 53), at, 0), NAT_PASS);
	assert_int_equal(in(UDP, end(server, 54), at, 0), NAT_DROP);
	/* TCP has its own (RFC 5382 REQ-3b). */
	assert_int_equal(out(TCP, end(host, 5000), end(server, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 1), way.src, NAT_SYN), NAT_PASS);
}

static void an_unsolicited_syn_waits(void **state)
{
	const struct port_key key = { .local = addr(PUBLIC),
				      .remote = addr(stranger),
				      .local_port = 4444,
				      .remote_port = 80,
				      .scope = 1,
				      .proto = TCP };
	struct minato_nat options = *nat_get(n);

	(void)state;
	assert_int_equal(in(TCP, end(stranger, 80), end(PUBLIC, 4444), NAT_SYN), NAT_WAIT_SYN);
	assert_int_equal(counted(NAT_COUNT_UNSOLICITED), 1);
	assert_false(nat_syn_met(n, &key));
	assert_int_equal(in(TCP, end(stranger, 80), end(PUBLIC, 4444), NAT_ACK), NAT_CLOSED);
	assert_int_equal(in(UDP, end(stranger, 80), end(PUBLIC, 4444), 0), NAT_CLOSED);
	options.unsolicited_syn_s = 0;
	assert_int_equal(nat_set(n, &options), 0);
	assert_int_equal(in(TCP, end(stranger, 80), end(PUBLIC, 4444), NAT_SYN), NAT_CLOSED);
	assert_empty();
}

static void simultaneous_open_meets(void **state)
{
	struct minato_nat options = *nat_get(n);
	struct minato_endpoint at;
	struct port_key key;

	(void)state;
	options.tcp_filtering = MINATO_FILTER_ADDRESS_PORT;
	assert_int_equal(nat_set(n, &options), 0);
	/* The mapping is there; a SYN of the peer comes first and waits. */
	assert_int_equal(out(TCP, end(host, 5000), end(server, 80), NAT_SYN), NAT_PASS);
	at = way.src;
	assert_int_equal(in(TCP, end(stranger, 90), at, NAT_SYN), NAT_WAIT_SYN);
	key = (struct port_key){ .local = at.addr,
				 .local_port = at.port,
				 .remote = addr(stranger),
				 .remote_port = 90,
				 .scope = 1,
				 .proto = TCP };
	assert_false(nat_syn_met(n, &key));
	assert_int_equal(out(TCP, end(host, 5000), end(stranger, 90), NAT_SYN), NAT_PASS);
	assert_true(same_end(way.src, at));
	assert_true(nat_syn_met(n, &key));
	assert_int_equal(in(TCP, end(stranger, 90), at, NAT_SYN), NAT_PASS);
}

static void sockets_and_the_host_keep_theirs(void **state)
{
	const struct port_claim claim = {
		.scope = 1, .proto = UDP, .local = addr(PUBLIC), .port = 4000
	};
	int64_t socket = port_bind(t, &claim, NULL);

	(void)state;
	assert_true(socket >= 0);
	assert_int_equal(port_accepting(t, (uint32_t)socket, true), 0);
	assert_int_equal(in(UDP, end(stranger, 1), end(PUBLIC, 4000), 0), NAT_HOST);
	assert_int_equal(in(ICMP, end(stranger, 1), end(PUBLIC, 1), 0), NAT_HOST);
}

/* --- forwards, dmz ----------------------------------------------------------------------- */

static void the_classic_picture(void **state)
{
	struct minato_entry web = forward_entry(TCP, 80, 80, "10.0.0.2", 0);
	struct minato_entry mail = forward_entry(TCP, 25, 25, "10.0.0.3", 0);
	struct minato_entry dmz = forward_entry(0, 0, 0, "10.0.0.9", 0);

	(void)state;
	dmz.kind = MINATO_KIND_DMZ;
	assert_true(add_entry(&web) >= 0);
	assert_true(add_entry(&mail) >= 0);
	assert_int_equal(in(TCP, end(stranger, 999), end(PUBLIC, 22), NAT_SYN), NAT_WAIT_SYN);
	assert_true(add_entry(&dmz) >= 0);
	assert_int_equal(in(TCP, end(stranger, 999), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_true(same_end(way.dst, end("10.0.0.2", 80)));
	assert_true(same_end(way.src, end(stranger, 999)));
	assert_int_equal(out(TCP, end("10.0.0.2", 80), end(stranger, 999), NAT_SYN | NAT_ACK),
			 NAT_PASS);
	assert_true(same_end(way.src, end(PUBLIC, 80)));
	assert_true(same_end(way.dst, end(stranger, 999)));
	assert_int_equal(in(TCP, end(stranger, 999), end(PUBLIC, 25), NAT_SYN), NAT_PASS);
	assert_true(same_end(way.dst, end("10.0.0.3", 25)));
	assert_int_equal(in(TCP, end(stranger, 999), end(PUBLIC, 22), NAT_SYN), NAT_PASS);
	assert_true(same_end(way.dst, end("10.0.0.9", 22)));
	assert_int_equal(in(UDP, end(stranger, 999), end(PUBLIC, 80), 0), NAT_PASS);
	assert_true(same_end(way.dst, end("10.0.0.9", 80)));
	/* Not past it. */
	assert_int_equal(in(TCP, end(stranger, 999), end("10.0.0.2", 80), NAT_SYN), NAT_WAIT_SYN);
	assert_int_equal(in(UDP, end(stranger, 999), end("10.0.0.2", 80), 0), NAT_CLOSED);
}

static void ranges_keep_their_offset(void **state)
{
	struct minato_entry range = forward_entry(0, 5000, 5999, "10.0.0.3", 6000);
	struct minato_entry many = forward_entry(UDP, 7000, 7999, "10.0.0.4", 53);
	struct minato_endpoint renamed;

	(void)state;
	many.many_to_one = true;
	assert_true(add_entry(&range) >= 0);
	assert_true(add_entry(&many) >= 0);
	assert_int_equal(in(UDP, end(stranger, 1), end(PUBLIC, 5123), 0), NAT_PASS);
	assert_true(same_end(way.dst, end("10.0.0.3", 6123)));
	assert_int_equal(in(UDP, end(stranger, 1), end(PUBLIC, 7123), 0), NAT_PASS);
	assert_true(same_end(way.dst, end("10.0.0.4", 53)));
	/* Two ports of one client are two flows, to one server port: told apart. */
	assert_int_equal(in(UDP, end(stranger, 2), end(PUBLIC, 7124), 0), NAT_PASS);
	assert_int_equal(out(UDP, end("10.0.0.4", 53), end(stranger, 2), 0), NAT_PASS);
	assert_true(same_end(way.src, end(PUBLIC, 7124)));
	/* One client port to both comes from another one, so that they can be told apart. */
	assert_int_equal(in(UDP, end(stranger, 2), end(PUBLIC, 7125), 0), NAT_PASS);
	renamed = way.src;
	assert_true(renamed.port != 2 && renamed.port < 1024);
	assert_int_equal(out(UDP, end("10.0.0.4", 53), renamed, 0), NAT_PASS);
	assert_true(same_end(way.src, end(PUBLIC, 7125)));
	assert_true(same_end(way.dst, end(stranger, 2)));
	assert_int_equal(out(UDP, end("10.0.0.4", 53), end(stranger, 2), 0), NAT_PASS);
	assert_true(same_end(way.src, end(PUBLIC, 7124)));
}

static void caps_of_a_forward(void **state)
{
	struct minato_entry web = forward_entry(TCP, 80, 80, "10.0.0.2", 0);
	const struct minato_endpoint at = end("10.0.0.2", 80);
	struct minato_session s;
	uint64_t cursor = 0;

	(void)state;
	web.flows_max = 3;
	web.source_flows_max = 2;
	assert_true(add_entry(&web) >= 0);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(out(TCP, at, end(stranger, 1), NAT_SYN | NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 2), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(out(TCP, at, end(stranger, 2), NAT_SYN | NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 2), end(PUBLIC, 80), NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 3), end(PUBLIC, 80), NAT_SYN), NAT_DROP);
	assert_int_equal(counted(NAT_COUNT_SOURCE_FLOWS), 1);
	assert_int_equal(in(TCP, end(server, 3), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	/* Answered, it keeps its place (opening.c). */
	assert_int_equal(out(TCP, at, end(server, 3), NAT_SYN | NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(server, 3), end(PUBLIC, 80), NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(other, 3), end(PUBLIC, 80), NAT_SYN), NAT_DROP);
	assert_int_equal(counted(NAT_COUNT_FORWARD_FLOWS), 1);
	assert_true(nat_session_next(n, &cursor, &s));
	assert_int_equal(nat_session_end(n, s.handle), 0);
	assert_int_equal(in(TCP, end(stranger, 3), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	for (cursor = 0; nat_session_next(n, &cursor, &s);)
		assert_int_equal(nat_session_end(n, s.handle), 0);
	assert_empty();
}

static void meet(struct minato_endpoint who, uint16_t port)
{
	const struct minato_endpoint at = end("10.0.0.2", port);

	assert_int_equal(in(TCP, who, end(PUBLIC, port), NAT_SYN), NAT_PASS);
	assert_int_equal(out(TCP, at, who, NAT_SYN | NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, who, end(PUBLIC, port), NAT_ACK), NAT_PASS);
}

/* Several entries of one sentence have its bounds together; each lives by itself. */
static void caps_of_several_ports_together(void **state)
{
	struct minato_entry web = forward_entry(TCP, 80, 80, "10.0.0.2", 0);
	struct minato_entry tls = forward_entry(TCP, 443, 443, "10.0.0.2", 0);
	struct minato_entry alt = forward_entry(TCP, 8080, 8080, "10.0.0.2", 0);
	struct minato_session s;
	uint64_t cursor = 0;
	int64_t first, second;

	(void)state;
	web.flows_max = 3;
	web.source_flows_max = 2;
	first = add_entry(&web);
	second = add_bounded(&tls, (uint32_t)first);
	assert_true(first >= 0 && second >= 0);
	assert_true(add_bounded(&alt, (uint32_t)second) >= 0); /* the same bounds */
	meet(end(stranger, 1), 80);
	meet(end(stranger, 1), 443);
	assert_int_equal(in(TCP, end(stranger, 2), end(PUBLIC, 8080), NAT_SYN), NAT_DROP);
	assert_int_equal(counted(NAT_COUNT_SOURCE_FLOWS), 1);
	meet(end(server, 1), 8080);
	assert_int_equal(in(TCP, end(other, 1), end(PUBLIC, 80), NAT_SYN), NAT_DROP);
	assert_int_equal(in(TCP, end(other, 1), end(PUBLIC, 443), NAT_SYN), NAT_DROP);
	assert_int_equal(counted(NAT_COUNT_FORWARD_FLOWS), 2);
	nat_forward_get(n, (uint32_t)second, &tls);
	assert_int_equal(tls.flows_max, 3);
	assert_int_equal(tls.source_flows_max, 2);
	assert_int_equal(tls.bounds_of, (uint64_t)first + 1);
	/* It goes, and its bounds stay as long as others have them. */
	remove_entry(first);
	nat_forward_get(n, (uint32_t)second, &tls);
	assert_int_equal(tls.flows_max, 3);
	assert_int_equal(tls.bounds_of, 0);
	assert_int_equal(in(TCP, end(other, 1), end(PUBLIC, 443), NAT_SYN), NAT_DROP);
	/* Both have ended at one: in all there is room for one more of that source, and of all. */
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_FIN | NAT_ACK), NAT_PASS);
	assert_int_equal(out(TCP, end("10.0.0.2", 80), end(stranger, 1), NAT_FIN | NAT_ACK),
			 NAT_PASS);
	meet(end(stranger, 2), 8080);
	assert_int_equal(in(TCP, end(stranger, 3), end(PUBLIC, 443), NAT_SYN), NAT_DROP);
	remove_entry(second);
	for (cursor = 0; nat_session_next(n, &cursor, &s);)
		assert_int_equal(nat_session_end(n, s.handle), 0);
	assert_int_equal(n->forwards.used, 2); /* that of 8080, and whose bounds it has */
	assert_int_equal(n->sources, 0);
}

/* A connection that is over is in nobody's way, though its record stays; one that goes on is. */
static void caps_count_what_goes_on(void **state)
{
	struct minato_entry web = forward_entry(TCP, 80, 80, "10.0.0.2", 0);
	const struct minato_endpoint at = end("10.0.0.2", 80);
	struct minato_session s;
	uint64_t cursor;

	(void)state;
	web.flows_max = 2;
	web.source_flows_max = 1;
	assert_true(add_entry(&web) >= 0);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 2), end(PUBLIC, 80), NAT_SYN), NAT_DROP);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_FIN | NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 2), end(PUBLIC, 80), NAT_SYN), NAT_DROP);
	assert_int_equal(out(TCP, at, end(stranger, 1), NAT_FIN | NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 2), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 2), end(PUBLIC, 80), NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 2), end(PUBLIC, 80), NAT_RST), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 3), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(out(TCP, at, end(stranger, 3), NAT_SYN | NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 3), end(PUBLIC, 80), NAT_ACK), NAT_PASS);
	/* That RST was nobody's: both go on, and the source is above its bound. */
	assert_int_equal(out(TCP, at, end(stranger, 2), NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(other, 1), end(PUBLIC, 80), NAT_SYN), NAT_DROP);
	assert_int_equal(in(TCP, end(stranger, 3), end(PUBLIC, 80), NAT_RST), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 4), end(PUBLIC, 80), NAT_SYN), NAT_DROP);
	assert_int_equal(in(TCP, end(other, 1), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	for (cursor = 0; nat_session_next(n, &cursor, &s);)
		assert_int_equal(nat_session_end(n, s.handle), 0);
	assert_empty();
}

/* By two forwards to one server: the second flow comes from another port while the first one lives,
   and from the client's own when that is over. */
static void one_client_port_by_two_forwards(void **state)
{
	struct minato_entry one = forward_entry(TCP, 80, 80, "10.0.0.2", 0);
	struct minato_entry two = forward_entry(TCP, 81, 81, "10.0.0.2", 80);
	const struct minato_endpoint at = end("10.0.0.2", 80);
	struct minato_endpoint renamed;
	struct minato_session s;
	uint64_t cursor;

	(void)state;
	assert_true(add_entry(&one) >= 0);
	assert_true(add_entry(&two) >= 0);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_FIN | NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 81), NAT_SYN), NAT_PASS);
	renamed = way.src;
	assert_true(renamed.port != 1 && renamed.port < 1024);
	assert_int_equal(out(TCP, at, renamed, NAT_SYN | NAT_ACK), NAT_PASS);
	assert_true(same_end(way.src, end(PUBLIC, 81)) && same_end(way.dst, end(stranger, 1)));
	cursor = 0;
	while (nat_session_next(n, &cursor, &s)) {
		if (same_end(s.destination, end(PUBLIC, 81)))
			assert_int_equal(nat_session_end(n, s.handle), 0);
	}
	assert_int_equal(out(TCP, at, end(stranger, 1), NAT_FIN | NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 81), NAT_SYN), NAT_PASS);
	assert_true(same_end(way.src, end(stranger, 1)));
	assert_int_equal(out(TCP, at, end(stranger, 1), NAT_SYN | NAT_ACK), NAT_PASS);
	assert_true(same_end(way.src, end(PUBLIC, 81)));
	for (cursor = 0; nat_session_next(n, &cursor, &s);)
		assert_int_equal(nat_session_end(n, s.handle), 0);
	assert_empty();
}

static void flows_outlive_their_forward(void **state)
{
	struct minato_entry web = forward_entry(TCP, 80, 80, "10.0.0.2", 0);
	const int64_t entry = add_entry(&web);

	(void)state;
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	nat_forward_remove(n, (uint32_t)entry);
	port_remove(t, (uint32_t)entry);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, end(stranger, 2), end(PUBLIC, 80), NAT_SYN), NAT_WAIT_SYN);
	assert_int_equal(n->forwards.used, 1);
	pass_ms(300 * 1000);
	assert_int_equal(n->forwards.used, 0);
	assert_empty();
}

static void wrong_forwards_are_refused(void **state)
{
	struct minato_entry e = forward_entry(TCP, 80, 80, "10.0.0.2", 0);

	(void)state;
	e.target.addr = (struct minato_addr){ { 0 } };
	e.local = addr(PUBLIC);
	e.local_prefix = 128;
	assert_int_equal(add_entry(&e), -EINVAL); /* nobody gets it */
	e = forward_entry(TCP, 80, 80, "10.0.0.2", 0);
	e.target = (struct minato_endpoint){ 0 };
	e.group = 12345;
	assert_int_equal(add_entry(&e), -EBADF);
	e = forward_entry(TCP, 80, 89, "10.0.0.2", 0);
	e.many_to_one = true;
	assert_int_equal(add_entry(&e), -EINVAL); /* to which one? */
	e = forward_entry(TCP, 80, 80, "2001:db8::1", 0);
	e.local = addr(PUBLIC);
	e.local_prefix = 128;
	assert_int_equal(add_entry(&e), -EINVAL); /* another family */
}

/* --- hairpin ----------------------------------------------------------------------------- */

static void hairpin_to_a_mapping(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);
	struct minato_endpoint seen;

	(void)state;
	assert_int_equal(out(UDP, end(other, 6000), at, 0), NAT_PASS);
	assert_true(way.hairpin);
	assert_int_equal(way.scope, 0);
	assert_true(same_end(way.dst, end(host, 5000)));
	seen = way.src;
	assert_true(minato_addr_equal(&seen.addr, &at.addr)); /* REQ-9a */
	assert_int_equal(out(UDP, end(host, 5000), seen, 0), NAT_PASS);
	assert_true(same_end(way.src, at));
	assert_true(same_end(way.dst, end(other, 6000)));
	/* Its sender is known outside by the same. */
	assert_true(same_end(map_udp(other, 6000, server, 53), seen));
}

/* Each has sent to a server, which told each of the other. */
static void hairpin_through_strict_filters(void **state)
{
	static const struct {
		uint8_t proto, flags;
	} ways[] = { { UDP, 0 }, { TCP, NAT_SYN } };

	(void)state;
	for (int strict = 0; strict < 2; strict++) {
		for (int i = 0; i < 2; i++) {
			const uint8_t proto = ways[i].proto, flags = ways[i].flags;
			const struct minato_endpoint a = end(host, (uint16_t)(5000 + strict));
			const struct minato_endpoint b = end(other, (uint16_t)(6000 + strict));
			struct minato_nat options = *nat_get(n);
			struct minato_endpoint a_out, b_out;

			options.udp_filtering = options.tcp_filtering =
				strict ? MINATO_FILTER_ADDRESS_PORT : MINATO_FILTER_ADDRESS;
			assert_int_equal(nat_set(n, &options), 0);
			assert_int_equal(out(proto, a, end(server, 53), flags), NAT_PASS);
			a_out = way.src;
			assert_int_equal(out(proto, b, end(server, 53), flags), NAT_PASS);
			b_out = way.src;
			/* The first one opens its own filter, and no other. */
			for (int k = 0; k < 3; k++)
				assert_int_equal(out(proto, a, b_out, flags), NAT_DROP);
			if (proto == TCP)
				assert_int_equal(out(proto, a, b_out, NAT_ACK), NAT_DROP);
			assert_int_equal(out(proto, b, a_out, flags), NAT_PASS);
			assert_true(way.hairpin && same_end(way.src, b_out));
			assert_true(same_end(way.dst, a));
			assert_int_equal(out(proto, a, b_out, flags), NAT_PASS);
			assert_true(way.hairpin && same_end(way.src, a_out));
			assert_true(same_end(way.dst, b));
		}
	}
}

/* Its filter has come to let it in by something else that was sent. */
static void hairpin_that_is_let_in_by_address(void **state)
{
	struct minato_nat options = *nat_get(n);
	struct minato_endpoint a_out, b_out;

	(void)state;
	options.udp_filtering = MINATO_FILTER_ADDRESS;
	assert_int_equal(nat_set(n, &options), 0);
	a_out = map_udp(host, 5000, server, 53);
	b_out = map_udp(other, 6000, server, 53);
	assert_int_equal(out(UDP, end(host, 5000), b_out, 0), NAT_DROP);
	/* To another port of our address: that is enough, by address. */
	a_out = map_udp(host, 5001, server, 53);
	assert_int_equal(out(UDP, end(other, 6000), a_out, 0), NAT_DROP);
	assert_int_equal(out(UDP, end(host, 5000), b_out, 0), NAT_PASS);
	assert_true(same_end(way.dst, end(other, 6000)));
}

static void hairpin_to_a_forward(void **state)
{
	struct minato_entry web = forward_entry(TCP, 80, 80, "10.0.0.2", 8080);
	struct minato_endpoint seen;

	(void)state;
	assert_true(add_entry(&web) >= 0);
	assert_int_equal(out(TCP, end(other, 6000), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_true(same_end(way.dst, end("10.0.0.2", 8080)));
	seen = way.src;
	assert_int_equal(out(TCP, end("10.0.0.2", 8080), seen, NAT_SYN | NAT_ACK), NAT_PASS);
	assert_true(same_end(way.src, end(PUBLIC, 80)));
	assert_true(same_end(way.dst, end(other, 6000)));
	/* The server itself too. */
	assert_int_equal(out(TCP, end("10.0.0.2", 6000), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_true(same_end(way.dst, end("10.0.0.2", 8080)));
}

static void hairpin_can_be_off(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);
	struct minato_nat options = *nat_get(n);

	(void)state;
	options.hairpin = false;
	assert_int_equal(nat_set(n, &options), 0);
	assert_int_equal(out(UDP, end(other, 6000), at, 0), NAT_DROP);
	assert_int_equal(counted(NAT_COUNT_HAIRPIN_OFF), 1);
	/* To what nobody has: ours. */
	assert_int_equal(out(UDP, end(other, 6000), end(PUBLIC, at.port ^ 1), 0), NAT_HOST);
}

/* --- IPv6 --------------------------------------------------------------------------------- */

static void ipv6_is_closed_unless_opened(void **state)
{
	const struct minato_endpoint a = end("2001:db8::7", 5000), b = end("2001:db8:f::1", 53);
	struct minato_entry open = forward_entry(TCP, 443, 443, "::", 0);

	(void)state;
	assert_int_equal(in(UDP, b, a, 0), NAT_CLOSED);
	assert_int_equal(out(UDP, a, b, 0), NAT_PASS);
	assert_true(way.same && same_end(way.src, a) && same_end(way.dst, b));
	assert_int_equal(in(UDP, b, a, 0), NAT_PASS);
	assert_true(way.same && same_end(way.src, b) && same_end(way.dst, a));
	assert_int_equal(in(TCP, b, end("2001:db8::7", 443), NAT_SYN), NAT_WAIT_SYN);
	open.local = addr("2001:db8::7");
	open.local_prefix = 128;
	assert_true(add_entry(&open) >= 0);
	assert_int_equal(in(TCP, b, end("2001:db8::7", 443), NAT_SYN), NAT_PASS);
	assert_true(way.same && same_end(way.dst, end("2001:db8::7", 443)));
	assert_int_equal(out(TCP, end("2001:db8::7", 443), b, NAT_SYN | NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, b, end("2001:db8::8", 443), NAT_SYN), NAT_WAIT_SYN);
}

static void ipv6_filters_like_ipv4(void **state)
{
	const struct minato_endpoint a = end("2001:db8::7", 5000), b = end("2001:db8:f::1", 53);
	const struct minato_endpoint c = end("2001:db8:f::2", 53);
	struct minato_nat options = *nat_get(n);

	(void)state;
	assert_int_equal(out(UDP, a, b, 0), NAT_PASS);
	assert_int_equal(in(UDP, c, a, 0), NAT_PASS);
	options.udp_filtering = MINATO_FILTER_ADDRESS_PORT;
	assert_int_equal(nat_set(n, &options), 0);
	assert_int_equal(in(UDP, end("2001:db8:f::3", 53), a, 0), NAT_DROP);
	options.inbound_opens_ipv6 = true;
	assert_int_equal(nat_set(n, &options), 0);
	assert_int_equal(in(UDP, c, end("2001:db8::9", 99), 0), NAT_PASS);
	assert_int_equal(out(UDP, end("2001:db8::9", 99), c, 0), NAT_PASS);
}

/* --- bounds of a host ---------------------------------------------------------------------- */

static void a_host_has_its_bounds(void **state)
{
	struct minato_nat options = *nat_get(n);
	struct minato_nat_news news;

	(void)state;
	options.host_udp = 2;
	options.host_sessions = 3;
	assert_int_equal(nat_set(n, &options), 0);
	map_udp(host, 1, server, 53);
	map_udp(host, 2, server, 53);
	assert_int_equal(out(UDP, end(host, 3), end(server, 53), 0), NAT_UNREACHABLE);
	assert_int_equal(way.icmp_code, 13); /* RFC 5508 REQ-8 */
	assert_int_equal(counted(NAT_COUNT_HOST_MAPPINGS), 1);
	map_udp(other, 3, server, 53);
	assert_int_equal(out(TCP, end(host, 3), end(server, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(out(TCP, end(host, 4), end(server, 80), NAT_SYN), NAT_UNREACHABLE);
	assert_int_equal(counted(NAT_COUNT_HOST_SESSIONS), 1);
	while (nat_news(n, &news) && news.kind != MINATO_NEWS_HOST_BOUND)
		;
	assert_int_equal(news.kind, MINATO_NEWS_HOST_BOUND);
	assert_int_equal(n->mappings.used, 4);
}

static void a_host_has_a_rate(void **state)
{
	struct minato_nat options = *nat_get(n);

	(void)state;
	options.host_rate = 10;
	options.host_burst = 5;
	assert_int_equal(nat_set(n, &options), 0);
	for (uint16_t i = 1; i <= 5; i++)
		map_udp(host, i, server, 53);
	assert_int_equal(out(UDP, end(host, 6), end(server, 53), 0), NAT_UNREACHABLE);
	assert_int_equal(counted(NAT_COUNT_HOST_RATE), 1);
	pass_ms(100);
	map_udp(host, 6, server, 53);
	assert_int_equal(out(UDP, end(host, 7), end(server, 53), 0), NAT_UNREACHABLE);
	/* No new mapping, no matter. */
	map_udp(host, 1, stranger, 53);
}

static void records_have_an_end(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 4096; i++)
		assert_int_equal(out(UDP, end(host, (uint16_t)(i + 1)), end(server, 53), 0),
				 NAT_PASS);
	assert_int_equal(out(UDP, end(host, 5000), end(server, 53), 0), NAT_UNREACHABLE);
	assert_int_equal(counted(NAT_COUNT_NO_MEMORY), 1);
	/* The old ones live on (RFC 6888 REQ-11d). */
	assert_int_equal(n->mappings.used, 4096);
	pass_ms(300 * 1000 + 2);
	assert_empty();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_inside_endpoint_has_one_outside),
		CASE(answers_come_back),
		CASE(identifiers_are_mapped_whatever_the_destination),
		CASE(what_opens_nothing_is_told_so_or_dropped),
		CASE(without_a_pool_nothing_goes),
		CASE(a_route_is_not_translated),
		CASE(a_guard_stands_before_it),
		CASE(anybody_may_send_to_a_mapping_by_default),
		CASE(filters_by_address),
		CASE(filters_by_address_and_port),
		CASE(an_unsolicited_syn_waits),
		CASE(simultaneous_open_meets),
		CASE(sockets_and_the_host_keep_theirs),
		CASE(the_classic_picture),
		CASE(ranges_keep_their_offset),
		CASE(caps_of_a_forward),
		CASE(caps_of_several_ports_together),
		CASE(caps_count_what_goes_on),
		CASE(one_client_port_by_two_forwards),
		CASE(flows_outlive_their_forward),
		CASE(wrong_forwards_are_refused),
		CASE(hairpin_to_a_mapping),
		CASE(hairpin_through_strict_filters),
		CASE(hairpin_that_is_let_in_by_address),
		CASE(hairpin_to_a_forward),
		CASE(hairpin_can_be_off),
		CASE(ipv6_is_closed_unless_opened),
		CASE(ipv6_filters_like_ipv4),
		CASE(a_host_has_its_bounds),
		CASE(a_host_has_a_rate),
		CASE(records_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
