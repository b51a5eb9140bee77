/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest may ask for, what of an answer comes to it, and where it may go then. */
#include "permit_fixture.h"

static void a_name_that_is_not_allowed_is_nobodys_business(void **state)
{
	uint8_t byte;

	NEED_NETNS();
	assert_int_equal(guest_reads(guest_asks("evil.example", 1), NULL, "evil.example", 1),
			 DNSMSG_NXDOMAIN);
	assert_int_equal(guest_reads(guest_asks("xapi.example", 28), NULL, "xapi.example", 28),
			 DNSMSG_NXDOMAIN);
	assert_int_equal(told.count[RELAY_ATTEMPT_NAME], 2);
	assert_string_equal(told.name, "xapi.example");
	assert_true(told.last.allowable);
	/* Who looks up whose an address is does not want to go there. */
	assert_int_equal(guest_reads(guest_asks("9.2.0.192.in-addr.arpa", 12), NULL,
				     "9.2.0.192.in-addr.arpa", 12),
			 DNSMSG_NXDOMAIN);
	assert_false(told.last.allowable);
	turns(3);
	assert_int_equal(recv(nameserver, &byte, 1, MSG_DONTWAIT), -1);
}

static void other_types_have_no_data(void **state)
{
	static const uint16_t types[] = { 2, 5, 6, 15, 16, 33, 64, 65, 255 };
	uint8_t byte;

	NEED_NETNS();
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(guest_reads(guest_asks("api.example", types[i]), NULL,
					     "api.example", types[i]),
				 0);
	assert_int_equal(guest_reads(guest_asks("example", 2), NULL, "example", 2), 0);
	turns(3);
	assert_int_equal(recv(nameserver, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(told.count[RELAY_ATTEMPT_NAME], 0);
}

/* It exists, since something below it does; that somebody wants to go there is told. */
static void what_stands_above_has_no_address(void **state)
{
	uint8_t byte;

	NEED_NETNS();
	assert_int_equal(guest_reads(guest_asks("example", 1), NULL, "example", 1), 0);
	assert_int_equal(guest_reads(guest_asks("sub.example", 28), NULL, "sub.example", 28), 0);
	assert_int_equal(told.count[RELAY_ATTEMPT_NAME], 2);
	assert_string_equal(told.name, "sub.example");
	turns(3);
	assert_int_equal(recv(nameserver, &byte, 1, MSG_DONTWAIT), -1);
}

static void an_answer_pins(void **state)
{
	struct permit_way way;
	const struct minato_endpoint to = end("192.0.2.1", 443);
	const struct minato_endpoint ssh = end("192.0.2.1", 22);
	const struct minato_endpoint other = end("192.0.2.1", 9000);

	NEED_NETNS();
	assert_false(permit_judge(w.relay, MINATO_TCP, &to, &way));
	assert_string_equal(way.reason, "not allowed");
	pin_host("api.example");
	assert_true(permit_judge(w.relay, MINATO_TCP, &to, &way));
	assert_true(way.looked_at);
	assert_string_equal(way.pin->name, "api.example");
	assert_false(permit_judge(w.relay, MINATO_UDP, &to, &way));
	assert_false(permit_judge(w.relay, MINATO_TCP, &ssh, &way));
	assert_string_equal(way.reason, "this port is not allowed");
	assert_non_null(permit_named(w.relay, MINATO_TCP, &to, "api.example"));
	assert_null(permit_named(w.relay, MINATO_TCP, &to, "x.sub.example"));
	/* Allowed on this port, but it has led nowhere. */
	assert_non_null(permit_named(w.relay, MINATO_TCP, &other, "api.example"));
	assert_null(permit_named(w.relay, MINATO_TCP, &other, "x.sub.example"));
	assert_null(permit_named(w.relay, MINATO_TCP, &ssh, "api.example"));
	/* 90 seconds at least, whatever its TTL says. */
	w.skew_ns += INT64_C(89000000000);
	turns(2);
	assert_true(permit_judge(w.relay, MINATO_TCP, &to, &way));
	w.skew_ns += INT64_C(2000000000);
	turns(2);
	assert_false(permit_judge(w.relay, MINATO_TCP, &to, &way));
}

static void a_prefix_needs_no_pin(void **state)
{
	const struct minato_endpoint in = end("203.0.113.9", 22);
	const struct minato_endpoint port = end("203.0.113.9", 23);
	struct permit_way way;

	NEED_NETNS();
	assert_true(permit_judge(w.relay, MINATO_TCP, &in, &way));
	assert_false(way.looked_at);
	assert_null(way.pin);
	assert_false(permit_judge(w.relay, MINATO_TCP, &port, &way));
}

static void what_the_user_names_is_pinned_for_good(void **state)
{
	const struct minato_addr addr4 = minato_addr4(10, 0, 0, 9);
	const struct minato_endpoint to = { addr4, 443 };
	struct permit_way way;

	NEED_NETNS();
	relay_pin(w.relay, "evil.example", &addr4);
	assert_false(permit_judge(w.relay, MINATO_TCP, &to, &way));
	relay_pin(w.relay, "Api.Example", &addr4);
	w.skew_ns += INT64_C(900000000000000);
	turns(2);
	assert_true(permit_judge(w.relay, MINATO_TCP, &to, &way));
	assert_string_equal(way.pin->name, "api.example");
}

static void raw_goes_before_what_is_looked_at(void **state)
{
	const struct minato_endpoint to = end("192.0.2.1", 80);
	struct permit_way way;

	NEED_NETNS();
	pin_host("raw.example");
	pin_host("api.example");
	assert_true(permit_judge(w.relay, MINATO_TCP, &to, &way));
	assert_false(way.looked_at);
	assert_string_equal(way.pin->name, "raw.example");
}

static void put_private(struct forged *f)
{
	static const uint8_t addrs[][4] = { { 10, 0, 0, 1 },	{ 127, 0, 0, 1 },
					    { 10, 0, 2, 2 },	{ 10, 0, 2, 3 },
					    { 192, 168, 0, 1 }, { 169, 254, 169, 254 } };

	f->len -= f->data[11] ? 11u : 0;
	f->data[11] = 0;
	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++)
		forge_record(f, "api.example", 1, 60, addrs[i], 4);
	forge_a(f, "other.example", 60, 1);
}

static void private_addresses_do_not_come(void **state)
{
	const struct minato_endpoint to = end("192.0.2.1", 443);
	const struct minato_endpoint ten = end("10.0.0.1", 443);
	struct dnsanswer answer;
	struct permit_way way;
	uint64_t s;

	NEED_NETNS();
	s = guest_asks("api.example", 1);
	server_answers(put_private);
	assert_int_equal(guest_reads(s, &answer, "api.example", 1), 0);
	assert_int_equal(answer.addr_count, 0);
	assert_int_equal(told.count[RELAY_ATTEMPT_ANSWER], 6);
	assert_int_equal(count_of(RELAY_COUNT_UNPINNED), 6);
	assert_false(permit_judge(w.relay, MINATO_TCP, &to, &way));
	/* They may, if that is wanted; the host's own, the subnet's and link-local ones never. */
	allows.private = true;
	s = guest_asks("api.example", 1);
	server_answers(put_private);
	assert_int_equal(guest_reads(s, &answer, "api.example", 1), 0);
	assert_int_equal(answer.addr_count, 2);
	assert_non_null(strstr(told.reason, "this host's inner side"));
	assert_true(permit_judge(w.relay, MINATO_TCP, &ten, &way));
	allows.private = false;
}

static void put_public(struct forged *f)
{
	static const uint8_t addrs[][4] = { { 8, 8, 8, 8 }, { 9, 9, 9, 9 }, { 9, 9, 8, 9 } };

	f->len -= f->data[11] ? 11u : 0;
	f->data[11] = 0;
	for (size_t i = 0; i < 3; i++)
		forge_record(f, "api.example", 1, 60, addrs[i], 4);
}

/* The host's own and its links', whatever is public about them; as they change. */
static void what_is_near_does_not_come(void **state)
{
	const struct relay_prefix near[] = {
		{ minato_addr4(9, 9, 9, 0), 96 + 24 },
		{ minato_addr4(9, 9, 8, 9), 128 },
	};
	const struct minato_endpoint eight = end("8.8.8.8", 443);
	const struct minato_endpoint nine = end("9.9.9.9", 443);
	const struct minato_addr named = minato_addr4(9, 9, 9, 7);
	const struct minato_endpoint seven = { named, 443 };
	struct dnsanswer answer;
	struct permit_way way;
	uint64_t s;

	NEED_NETNS();
	s = guest_asks("api.example", 1);
	server_answers(put_public);
	assert_int_equal(guest_reads(s, &answer, "api.example", 1), 0);
	assert_int_equal(answer.addr_count, 3);
	assert_true(permit_judge(w.relay, MINATO_TCP, &nine, &way));
	relay_pin(w.relay, "api.example", &named);
	relay_near(w.relay, near, 2);
	/* What led there does not any more, but what the user has named himself. */
	assert_false(permit_judge(w.relay, MINATO_TCP, &nine, &way));
	assert_true(permit_judge(w.relay, MINATO_TCP, &eight, &way));
	assert_true(permit_judge(w.relay, MINATO_TCP, &seven, &way));
	s = guest_asks("api.example", 1);
	server_answers(put_public);
	assert_int_equal(guest_reads(s, &answer, "api.example", 1), 0);
	assert_int_equal(answer.addr_count, 1);
	assert_int_equal(told.count[RELAY_ATTEMPT_ANSWER], 2);
	assert_string_equal(told.reason, "an address of this host or its network");
	assert_false(permit_judge(w.relay, MINATO_TCP, &nine, &way));
	/* It is private, as far as it concerns --allow-private. */
	allows.private = true;
	s = guest_asks("api.example", 1);
	server_answers(put_public);
	assert_int_equal(guest_reads(s, &answer, "api.example", 1), 0);
	assert_int_equal(answer.addr_count, 3);
	allows.private = false;
	relay_near(w.relay, near, 0);
	assert_true(permit_judge(w.relay, MINATO_TCP, &nine, &way));
}

static void put_garbage(struct forged *f)
{
	f->data[7] = 9;
	f->data[f->len++] = 0xc0;
}

static void put_nxdomain(struct forged *f)
{
	f->data[3] = 0x83;
}

static void what_cannot_be_read_is_a_failure(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = guest_asks("api.example", 1);
	server_answers(put_garbage);
	assert_int_equal(guest_reads(s, NULL, "api.example", 1), DNSMSG_SERVFAIL);
	s = guest_asks("api.example", 1);
	server_answers(put_nxdomain);
	assert_int_equal(guest_reads(s, NULL, "api.example", 1), DNSMSG_NXDOMAIN);
}

static void nothing_of_the_guests_goes_on(void **state)
{
	static struct forged asked;
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	ssize_t got = -1;

	NEED_NETNS();
	guest_asks("aPi.EXAMPLE", 1);
	UNTIL((got = recvfrom(nameserver, asked.data, sizeof(asked.data), MSG_DONTWAIT,
			      (struct sockaddr *)&from, &len)) >= 0);
	forge_question(&forged, "api.example", 1);
	assert_int_equal(got, forged.len);
	assert_memory_equal(asked.data + 2, forged.data + 2, forged.len - 2);
}

/* ---- programs ---- */

static struct {
	uint64_t call;
	uint32_t count;
	bool at_once;
	enum minato_proto proto;
	struct minato_endpoint guest, to;
} asked_for;

static const struct relay_program curl = { .pid = 7, .path = "/usr/bin/curl" };

static bool look_for(void *user, uint64_t call, enum minato_proto proto,
		     const struct minato_endpoint *guest, const struct minato_endpoint *to)
{
	(void)user;
	asked_for.call = call;
	asked_for.count++;
	asked_for.proto = proto;
	asked_for.guest = *guest;
	asked_for.to = *to;
	if (asked_for.at_once)
		relay_identified(w.relay, call, NULL);
	return true;
}

static int begin_looking(void **state)
{
	memset(&asked_for, 0, sizeof(asked_for));
	fixture_identify = look_for;
	return begin_closed(state);
}

static int finish_looking(void **state)
{
	fixture_identify = NULL;
	fixture_identify_all = false;
	return finish_closed(state);
}

static int begin_looking_at_all(void **state)
{
	fixture_identify_all = true;
	return begin_looking(state);
}

static void who_is_refused_is_looked_for_first(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = guest_connect("192.0.2.1", 9000);
	UNTIL(asked_for.count == 1);
	assert_int_equal(asked_for.proto, MINATO_TCP);
	assert_int_equal(asked_for.to.port, 9000);
	turns(3);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 0);
	assert_false(guest_ready(s) & MINATO_ERROR);
	relay_identified(w.relay, asked_for.call, &curl);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
	assert_string_equal(told.program, "/usr/bin/curl");
	assert_int_equal(told.pid, 7);
	UNTIL(guest_ready(s) & MINATO_ERROR);
	assert_int_equal(minato_error(w.guest, s), ECONNREFUSED);
	/* Too late: it is over. */
	relay_identified(w.relay, asked_for.call, &curl);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
	assert_int_equal(asked_for.count, 1);
}

static void where_nobody_can_look_it_goes_on(void **state)
{
	uint64_t s;

	NEED_NETNS();
	asked_for.at_once = true;
	s = guest_connect("192.0.2.1", 9000);
	UNTIL(guest_ready(s) & MINATO_ERROR);
	assert_int_equal(told.count[RELAY_ATTEMPT_REFUSED], 1);
	assert_int_equal(told.pid, 0);
	assert_int_equal(asked_for.count, 1);
}

static void who_asks_for_a_name_is_told_with_it(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = guest_asks("evil.example", 1);
	UNTIL(asked_for.count == 1);
	assert_int_equal(asked_for.proto, MINATO_UDP);
	relay_identified(w.relay, asked_for.call, &curl);
	assert_int_equal(guest_reads(s, NULL, "evil.example", 1), DNSMSG_NXDOMAIN);
	assert_string_equal(told.name, "evil.example");
	assert_string_equal(told.program, "/usr/bin/curl");
}

static void who_goes_out_is_looked_for_if_all_are(void **state)
{
	int listener;
	uint64_t s;
	int far;

	NEED_NETNS();
	pin_host("api.example");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 9000);
	s = guest_connect("192.0.2.1", 9000);
	UNTIL(asked_for.count == 1);
	assert_int_equal(told.count[RELAY_ATTEMPT_BEGUN], 0);
	relay_identified(w.relay, asked_for.call, &curl);
	assert_int_equal(told.count[RELAY_ATTEMPT_BEGUN], 1);
	assert_string_equal(told.program, "/usr/bin/curl");
	far = host_accept(listener);
	minato_abort(w.guest, s);
	told.pid = 0;
	UNTIL(told.count[RELAY_ATTEMPT_ENDED] == 1);
	assert_int_equal(told.pid, 7);
	close(far);
	close(listener);
}

#define CASE_LOOKING(f, begins) cmocka_unit_test_setup_teardown(f, begins, finish_looking)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_CLOSED(a_name_that_is_not_allowed_is_nobodys_business),
		CASE_CLOSED(other_types_have_no_data),
		CASE_CLOSED(what_stands_above_has_no_address),
		CASE_CLOSED(an_answer_pins),
		CASE_CLOSED(a_prefix_needs_no_pin),
		CASE_CLOSED(what_the_user_names_is_pinned_for_good),
		CASE_CLOSED(raw_goes_before_what_is_looked_at),
		CASE_CLOSED(private_addresses_do_not_come),
		CASE_CLOSED(what_is_near_does_not_come),
		CASE_CLOSED(what_cannot_be_read_is_a_failure),
		CASE_CLOSED(nothing_of_the_guests_goes_on),
		CASE_LOOKING(who_is_refused_is_looked_for_first, begin_looking),
		CASE_LOOKING(where_nobody_can_look_it_goes_on, begin_looking),
		CASE_LOOKING(who_asks_for_a_name_is_told_with_it, begin_looking),
		CASE_LOOKING(who_goes_out_is_looked_for_if_all_are, begin_looking_at_all),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
