/* SPDX-License-Identifier: BSD-2-Clause */
/* From rows of the table to rows of a listing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "view/filter.h"
#include "view/view.h"

static const struct minato_time now = { INT64_C(10000000000) };

static struct minato_endpoint end_of(const char *text, uint16_t port)
{
	struct minato_endpoint end = { .port = port };

	assert_int_equal(minato_addr_parse(text, &end.addr), 0);
	return end;
}

static void assert_end(const struct view_end *end, const char *text, uint16_t first, uint16_t last)
{
	struct minato_endpoint wanted = end_of(text, first);

	assert_memory_equal(&end->addr, &wanted.addr, sizeof(wanted.addr));
	assert_int_equal(end->first, first);
	assert_int_equal(end->last, last);
}

static struct minato_row flow(enum minato_state state)
{
	return (struct minato_row){
		.kind = MINATO_KIND_SOCKET,
		.proto = MINATO_TCP,
		.state = state,
		.local = end_of("93.184.216.34", 443),
		.remote = end_of("10.0.2.100", 40000),
		.local_prefix = 128,
		.remote_prefix = 128,
		.recv_queue = 7,
		.send_queue = 9,
		.bytes_in = 100,
		.bytes_out = 200,
		.hits = 3,
		.since = { INT64_C(8500000000) },
	};
}

static struct view_row shown(const struct minato_row *row)
{
	struct view_row out;

	view_row_from(&out, row, "web", now);
	return out;
}

static void a_flow_is_seen_from_the_guest(void **state)
{
	struct minato_row row = flow(MINATO_ESTABLISHED);
	struct view_row out = shown(&row);

	(void)state;
	assert_string_equal(out.guest, "web");
	assert_string_equal(out.kind, "flow");
	assert_string_equal(out.state, "ESTAB");
	assert_false(out.listening);
	assert_end(&out.local, "10.0.2.100", 40000, 40000);
	assert_end(&out.peer, "93.184.216.34", 443, 443);
}

static void queues_and_bytes_are_the_guests(void **state)
{
	struct minato_row row = flow(MINATO_ESTABLISHED);
	struct view_row out = shown(&row);

	(void)state;
	assert_int_equal(out.recv_queue, 9);
	assert_int_equal(out.send_queue, 7);
	assert_int_equal(out.bytes_in, 200);
	assert_int_equal(out.bytes_out, 100);
	assert_int_equal(out.hits, 3);
}

static void states_are_those_of_the_guests_end(void **state)
{
	static const struct {
		enum minato_state ours;
		const char *guests;
	} pairs[] = {
		{ MINATO_SYN_SENT, "SYN-RECV" },     { MINATO_SYN_RECEIVED, "SYN-SENT" },
		{ MINATO_ESTABLISHED, "ESTAB" },     { MINATO_FIN_WAIT_1, "CLOSE-WAIT" },
		{ MINATO_FIN_WAIT_2, "CLOSE-WAIT" }, { MINATO_CLOSE_WAIT, "FIN-WAIT-2" },
		{ MINATO_LAST_ACK, "FIN-WAIT-2" },   { MINATO_CLOSING, "CLOSING" },
		{ MINATO_TIME_WAIT, "TIME-WAIT" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct minato_row row = flow(pairs[i].ours);

		assert_string_equal(shown(&row).state, pairs[i].guests);
	}
}

static void every_state_has_the_word_of_ss(void **state)
{
	(void)state;
	assert_string_equal(view_state_word(MINATO_TCP, MINATO_FIN_WAIT_1), "FIN-WAIT-1");
	assert_string_equal(view_state_word(MINATO_TCP, MINATO_LISTEN), "LISTEN");
	assert_string_equal(view_state_word(MINATO_TCP, MINATO_LAST_ACK), "LAST-ACK");
	assert_string_equal(view_state_word(MINATO_TCP, MINATO_CLOSED), "UNCONN");
	assert_string_equal(view_state_word(MINATO_TCP, MINATO_SYN_SENT), "SYN-SENT");
	assert_string_equal(view_state_word(MINATO_TCP, (enum minato_state)0), "?");
}

static void udp_is_connected_or_not(void **state)
{
	(void)state;
	assert_string_equal(view_state_word(MINATO_UDP, MINATO_ESTABLISHED), "ESTAB");
	assert_string_equal(view_state_word(MINATO_UDP, MINATO_CLOSED), "UNCONN");
}

static void age_counts_from_since(void **state)
{
	struct minato_row row = flow(MINATO_ESTABLISHED);

	(void)state;
	assert_int_equal(shown(&row).age_ms, 1500);
	row.since.ns = 0;
	assert_int_equal(shown(&row).age_ms, -1);
	row.since.ns = now.ns + 1;
	assert_int_equal(shown(&row).age_ms, -1);
}

static struct minato_row forward(uint8_t proto)
{
	return (struct minato_row){
		.kind = MINATO_KIND_FORWARD,
		.proto = proto,
		.ranged = true,
		.local = end_of("0.0.0.0", 0),
		.local_prefix = 96,
		.first = 8080,
		.last = 8089,
		.target = end_of("10.0.2.100", 80),
	};
}

static void a_forward_is_a_published_port(void **state)
{
	struct minato_row row = forward(MINATO_TCP);
	struct view_row out = shown(&row);

	(void)state;
	assert_string_equal(out.kind, "published");
	assert_string_equal(out.state, "LISTEN");
	assert_true(out.listening);
	assert_end(&out.local, "0.0.0.0", 8080, 8089);
	assert_end(&out.peer, "10.0.2.100", 80, 89);
	row = forward(MINATO_UDP);
	assert_string_equal(shown(&row).state, "UNCONN");
}

static void a_forward_whose_servers_the_table_does_not_name(void **state)
{
	struct minato_row row = forward(MINATO_TCP);
	struct view_row out;

	(void)state;
	row.target = (struct minato_endpoint){ 0 };
	out = shown(&row);
	assert_true(view_end_is_any(&out.peer));
	assert_int_equal(out.peer.last, 0);
}

static void a_forward_for_some_says_for_whom(void **state)
{
	struct minato_row row = forward(MINATO_TCP);
	struct view_row out = shown(&row);

	(void)state;
	assert_int_equal(out.from.prefix, 0);
	row.remote = end_of("203.0.113.0", 0);
	row.remote_prefix = 120;
	out = shown(&row);
	assert_int_equal(out.from.prefix, 120);
	assert_end(&out.from, "203.0.113.0", 0, 0);
}

static void what_is_opened_leads_to_itself(void **state)
{
	struct minato_row row = forward(MINATO_TCP);
	struct view_row out;

	(void)state;
	row.local = end_of("2001:db8::2", 0);
	row.local_prefix = 128;
	row.target = (struct minato_endpoint){ 0 };
	out = shown(&row);
	assert_end(&out.local, "2001:db8::2", 8080, 8089);
	assert_end(&out.peer, "2001:db8::2", 8080, 8089);
}

static void a_dmz_leads_to_its_host(void **state)
{
	struct minato_row row = forward(0);
	struct view_row out;

	(void)state;
	row.kind = MINATO_KIND_DMZ;
	row.first = 0;
	row.last = UINT16_MAX;
	row.target = end_of("10.0.0.9", 0);
	out = shown(&row);
	assert_string_equal(out.kind, "dmz");
	assert_string_equal(out.state, "LISTEN");
	assert_end(&out.local, "0.0.0.0", 0, UINT16_MAX);
	assert_end(&out.peer, "10.0.0.9", 0, 0);
}

static void a_forward_to_ipv6_is_not_any_address(void **state)
{
	struct minato_row row = forward(MINATO_TCP);
	struct view_row out;

	(void)state;
	row.local = (struct minato_endpoint){ 0 };
	row.local_prefix = 0;
	out = shown(&row);
	assert_true(view_end_is_any(&out.local));
	row.target = end_of("fd00::64", 80);
	out = shown(&row);
	assert_false(view_end_is_any(&out.local));
}

static void a_guard_shows_its_verdict(void **state)
{
	struct minato_row row = {
		.kind = MINATO_KIND_GUARD,
		.verdict = MINATO_REFUSE,
		.local = end_of("127.0.0.0", 0),
		.local_prefix = 104,
		.last = 65535,
	};
	struct view_row out = shown(&row);

	(void)state;
	assert_string_equal(out.kind, "guard");
	assert_string_equal(out.state, "REFUSE");
	assert_int_equal(out.local.prefix, 104);
	assert_int_equal(out.local.last, 65535);
	row.verdict = MINATO_DROP;
	assert_string_equal(shown(&row).state, "DROP");
}

static void the_uplink_passes(void **state)
{
	struct minato_row row = { .kind = MINATO_KIND_UPLINK, .last = 65535 };
	struct view_row out = shown(&row);

	(void)state;
	assert_string_equal(out.kind, "uplink");
	assert_string_equal(out.state, "PASS");
	assert_true(out.listening);
}

static void a_listener_of_ours_is_not_turned_round(void **state)
{
	struct minato_row row = {
		.kind = MINATO_KIND_SOCKET,
		.proto = MINATO_TCP,
		.state = MINATO_LISTEN,
		.local = end_of("10.0.2.3", 53),
	};
	struct view_row out = shown(&row);

	(void)state;
	assert_string_equal(out.kind, "service");
	assert_string_equal(out.state, "LISTEN");
	assert_true(out.listening);
	assert_end(&out.local, "10.0.2.3", 53, 53);
}

static void a_long_name_is_cut(void **state)
{
	struct minato_row row = flow(MINATO_ESTABLISHED);
	struct view_row out;
	char name[200];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	view_row_from(&out, &row, name, now);
	assert_int_equal(strlen(out.guest), VIEW_NAME_SIZE - 1);
}

/* ---- filters ---- */

static bool matches(struct view_filter filter, const struct minato_row *row)
{
	struct view_row out = shown(row);

	return view_filter_match(&filter, &out);
}

static void by_default_what_is_connected(void **state)
{
	struct minato_row connected = flow(MINATO_ESTABLISHED);
	struct minato_row waiting = forward(MINATO_TCP);

	(void)state;
	assert_true(matches((struct view_filter){ 0 }, &connected));
	assert_false(matches((struct view_filter){ 0 }, &waiting));
}

static void listening_and_all(void **state)
{
	struct minato_row connected = flow(MINATO_ESTABLISHED);
	struct minato_row waiting = forward(MINATO_TCP);

	(void)state;
	assert_false(matches((struct view_filter){ .listening = true }, &connected));
	assert_true(matches((struct view_filter){ .listening = true }, &waiting));
	assert_true(matches((struct view_filter){ .all = true }, &connected));
	assert_true(matches((struct view_filter){ .all = true }, &waiting));
	assert_true(matches((struct view_filter){ .all = true, .listening = true }, &connected));
}

static void protocols_are_chosen(void **state)
{
	struct minato_row row = flow(MINATO_ESTABLISHED);

	(void)state;
	assert_true(matches((struct view_filter){ .tcp = true }, &row));
	assert_false(matches((struct view_filter){ .udp = true }, &row));
	assert_true(matches((struct view_filter){ .tcp = true, .udp = true }, &row));
	row.proto = MINATO_UDP;
	assert_false(matches((struct view_filter){ .tcp = true }, &row));
	assert_true(matches((struct view_filter){ .udp = true }, &row));
	row.proto = MINATO_ICMP;
	assert_true(matches((struct view_filter){ 0 }, &row));
	assert_false(matches((struct view_filter){ .udp = true }, &row));
}

static void an_entry_of_both_protocols_belongs_to_each(void **state)
{
	struct minato_row row = { .kind = MINATO_KIND_UPLINK, .last = 65535 };

	(void)state;
	assert_true(matches((struct view_filter){ .tcp = true, .all = true }, &row));
	assert_true(matches((struct view_filter){ .udp = true, .all = true }, &row));
}

/* A guest has a dozen, among which its ports would not be seen. */
static void what_is_no_port_is_listed_where_it_is_asked_for(void **state)
{
	static const enum minato_kind kinds[] = { MINATO_KIND_GUARD, MINATO_KIND_UPLINK,
						  MINATO_KIND_RESERVED, MINATO_KIND_RIGHT };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct minato_row row = { .kind = kinds[i], .last = 65535 };

		assert_false(matches((struct view_filter){ .listening = true }, &row));
		assert_false(matches((struct view_filter){ .rules = true }, &row));
		assert_true(
			matches((struct view_filter){ .listening = true, .rules = true }, &row));
		assert_true(matches((struct view_filter){ .all = true }, &row));
	}
}

static void families_are_chosen(void **state)
{
	struct minato_row row = flow(MINATO_ESTABLISHED);

	(void)state;
	assert_true(matches((struct view_filter){ .only4 = true }, &row));
	assert_false(matches((struct view_filter){ .only6 = true }, &row));
	row.remote = end_of("fd00::64", 1);
	assert_false(matches((struct view_filter){ .only4 = true }, &row));
	assert_true(matches((struct view_filter){ .only6 = true }, &row));
	assert_true(matches((struct view_filter){ .only4 = true, .only6 = true }, &row));
}

/* IPv4 spoken by an IPv6 socket is the socket's family, as in ss. */
static void a_mapped_address_is_of_an_ipv6_socket(void **state)
{
	struct view_filter four = { .only4 = true }, six = { .only6 = true };
	struct view_row row = { .proto = MINATO_TCP, .state = "ESTAB", .is6 = true };

	(void)state;
	row.local.addr = minato_addr4(127, 0, 0, 1);
	row.local.prefix = 128;
	assert_false(view_filter_match(&four, &row));
	assert_true(view_filter_match(&six, &row));
}

static void what_is_over_or_not_begun_is_for_all(void **state)
{
	static const char *const states[] = { "TIME-WAIT", "SYN-RECV" };
	struct view_filter none = { 0 }, all = { .all = true };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct view_row row = { .proto = MINATO_TCP, .state = states[i] };

		assert_false(view_filter_match(&none, &row));
		assert_true(view_filter_match(&all, &row));
	}
}

static void a_wildcard_is_of_both_families(void **state)
{
	struct minato_row row = { .kind = MINATO_KIND_UPLINK, .last = 65535 };

	(void)state;
	assert_true(matches((struct view_filter){ .only4 = true, .all = true }, &row));
	assert_true(matches((struct view_filter){ .only6 = true, .all = true }, &row));
}

static void the_order_is_guest_protocol_listening_address(void **state)
{
	struct minato_row tcp = flow(MINATO_ESTABLISHED);
	struct minato_row udp = flow(MINATO_ESTABLISHED);
	struct minato_row port = forward(MINATO_TCP);
	struct minato_row both = { .kind = MINATO_KIND_UPLINK, .last = 65535 };
	struct view_row rows[6];

	(void)state;
	udp.proto = MINATO_UDP;
	view_row_from(&rows[0], &tcp, "b", now);
	view_row_from(&rows[1], &udp, "a", now);
	view_row_from(&rows[2], &tcp, "a", now);
	view_row_from(&rows[3], &port, "a", now);
	tcp.remote.port = 39999;
	view_row_from(&rows[4], &tcp, "a", now);
	view_row_from(&rows[5], &both, "a", now);
	qsort(rows, 6, sizeof(rows[0]), view_row_compare);
	assert_string_equal(rows[0].kind, "published");
	assert_int_equal(rows[1].local.first, 39999);
	assert_int_equal(rows[2].local.first, 40000);
	assert_int_equal(rows[3].proto, MINATO_UDP);
	assert_string_equal(rows[4].kind, "uplink");
	assert_string_equal(rows[5].guest, "b");
}

/* State words take the place of -a and -l, and the expression comes on top. */
static void words_are_a_filter_too(void **state)
{
	static const struct filter_names nobody = { 0 };
	static struct filter_program program;
	struct minato_row time_wait = flow(MINATO_TIME_WAIT);
	struct minato_row connected = flow(MINATO_ESTABLISHED);
	struct view_filter filter = { .program = &program };
	struct filter_error error;

	(void)state;
	assert_int_equal(filter_parse(&program, "state time-wait", &nobody, &error), 0);
	assert_true(matches(filter, &time_wait));
	assert_false(matches(filter, &connected));
	filter.listening = true;
	assert_true(matches(filter, &time_wait));
	assert_int_equal(filter_parse(&program, "dport = :443", &nobody, &error), 0);
	assert_false(matches(filter, &connected));
	filter.listening = false;
	assert_true(matches(filter, &connected));
	assert_int_equal(filter_parse(&program, "dport = :444", &nobody, &error), 0);
	assert_false(matches(filter, &connected));
}

/* ---- a gateway's ---- */

static void a_mapping_waits_at_its_outside(void **state)
{
	const struct minato_row row = {
		.kind = MINATO_KIND_MAPPING,
		.proto = MINATO_UDP,
		.handle = 77,
		.local = end_of("198.51.100.1", 23456),
		.target = end_of("10.0.0.7", 5000),
	};
	struct view_row out = shown(&row);

	(void)state;
	assert_string_equal(out.kind, "mapping");
	assert_true(out.listening);
	assert_end(&out.local, "10.0.0.7", 5000, 5000);
	assert_true(view_end_is_any(&out.peer));
	assert_int_equal(out.outside.port, 23456);
	assert_int_equal(out.handle, 77);
}

/* The inside end is local, whoever began it. */
static void a_session_is_seen_from_inside(void **state)
{
	struct minato_row row = {
		.kind = MINATO_KIND_SESSION,
		.proto = MINATO_TCP,
		.state = MINATO_ESTABLISHED,
		.scope = 0,
		.remote = end_of("10.0.0.7", 5000),
		.local = end_of("203.0.113.9", 443),
		.target = end_of("203.0.113.9", 443),
		.via = end_of("198.51.100.1", 23456),
	};
	struct view_row out = shown(&row);

	(void)state;
	assert_string_equal(out.kind, "session");
	assert_string_equal(out.state, "ESTAB");
	assert_false(out.listening);
	assert_end(&out.local, "10.0.0.7", 5000, 5000);
	assert_end(&out.peer, "203.0.113.9", 443, 443);
	assert_int_equal(out.outside.port, 23456);
	/* By a forward: the server, the client, the port that is forwarded. */
	row = (struct minato_row){
		.kind = MINATO_KIND_SESSION,
		.proto = MINATO_TCP,
		.state = MINATO_SYN_SENT,
		.scope = 1,
		.remote = end_of("203.0.113.9", 40000),
		.local = end_of("198.51.100.1", 80),
		.target = end_of("10.0.0.2", 8080),
		.via = end_of("203.0.113.9", 40000),
	};
	out = shown(&row);
	assert_string_equal(out.state, "SYN-SENT");
	assert_end(&out.local, "10.0.0.2", 8080, 8080);
	assert_end(&out.peer, "203.0.113.9", 40000, 40000);
	assert_int_equal(out.outside.port, 80);
	/* Without ports: the protocol by its number, and addresses alone. */
	row = (struct minato_row){
		.kind = MINATO_KIND_SESSION,
		.proto = MINATO_PROTO_OTHER,
		.state = MINATO_ESTABLISHED,
		.remote = end_of("10.0.0.7", 47),
		.local = end_of("203.0.113.9", 47),
		.target = end_of("203.0.113.9", 47),
		.via = end_of("198.51.100.1", 47),
	};
	out = shown(&row);
	assert_int_equal(out.proto, 47);
	assert_end(&out.local, "10.0.0.7", 0, 0);
	assert_end(&out.peer, "203.0.113.9", 0, 0);
	assert_int_equal(out.outside.port, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_is_seen_from_the_guest),
		cmocka_unit_test(queues_and_bytes_are_the_guests),
		cmocka_unit_test(states_are_those_of_the_guests_end),
		cmocka_unit_test(every_state_has_the_word_of_ss),
		cmocka_unit_test(udp_is_connected_or_not),
		cmocka_unit_test(age_counts_from_since),
		cmocka_unit_test(a_forward_is_a_published_port),
		cmocka_unit_test(a_forward_whose_servers_the_table_does_not_name),
		cmocka_unit_test(a_forward_for_some_says_for_whom),
		cmocka_unit_test(what_is_opened_leads_to_itself),
		cmocka_unit_test(a_dmz_leads_to_its_host),
		cmocka_unit_test(a_forward_to_ipv6_is_not_any_address),
		cmocka_unit_test(a_guard_shows_its_verdict),
		cmocka_unit_test(the_uplink_passes),
		cmocka_unit_test(a_listener_of_ours_is_not_turned_round),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(by_default_what_is_connected),
		cmocka_unit_test(listening_and_all),
		cmocka_unit_test(protocols_are_chosen),
		cmocka_unit_test(an_entry_of_both_protocols_belongs_to_each),
		cmocka_unit_test(what_is_no_port_is_listed_where_it_is_asked_for),
		cmocka_unit_test(families_are_chosen),
		cmocka_unit_test(a_mapped_address_is_of_an_ipv6_socket),
		cmocka_unit_test(what_is_over_or_not_begun_is_for_all),
		cmocka_unit_test(a_wildcard_is_of_both_families),
		cmocka_unit_test(the_order_is_guest_protocol_listening_address),
		cmocka_unit_test(words_are_a_filter_too),
		cmocka_unit_test(a_mapping_waits_at_its_outside),
		cmocka_unit_test(a_session_is_seen_from_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
