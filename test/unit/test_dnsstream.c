/* SPDX-License-Identifier: BSD-2-Clause */
/* DNS over TCP where questions are weighed: each is, and each has its answer. */
#include "permit_fixture.h"

static int listener;

static int begin_stream(void **state)
{
	int result = begin_closed(state);

	if (have_netns)
		listener = host_socket(SOCK_STREAM, "127.0.0.1", 53);
	return result;
}

static int finish_stream(void **state)
{
	if (have_netns)
		close(listener);
	return finish_closed(state);
}

static void put_question(uint64_t s, const char *name, uint16_t type)
{
	uint8_t prefix[2];

	forge_question(&forged, name, type);
	prefix[0] = (uint8_t)(forged.len >> 8);
	prefix[1] = (uint8_t)forged.len;
	assert_int_equal(minato_send(w.guest, s, prefix, 2, 0), 2);
	assert_int_equal(minato_send(w.guest, s, forged.data, forged.len, 0), forged.len);
}

static uint64_t connect_dns(void)
{
	uint64_t s = guest_connect("10.0.2.3", 53);

	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	return s;
}

/* The next answer of the stream: its rcode. */
static int take_answer(uint64_t s, struct dnsanswer *out)
{
	uint8_t data[4096];
	struct dnsmsg m;
	struct dnsask ask;
	size_t len;

	UNTIL(minato_recv(w.guest, s, data, 2, MINATO_MSG_PEEK) == 2);
	len = (size_t)data[0] << 8 | data[1];
	UNTIL(minato_recv(w.guest, s, data, 2 + len, MINATO_MSG_PEEK) == (int64_t)(2 + len));
	assert_int_equal(minato_recv(w.guest, s, data, 2 + len, 0), 2 + len);
	assert_true(dnsmsg_parse(data + 2, len, &m));
	assert_true(m.response);
	assert_int_equal(m.id, 0x1234);
	assert_true(dnsask_read(data + 2, len, &m, &ask));
	if (out)
		assert_true(dnsanswer_read(data + 2, len, &m, &ask, out));
	return m.rcode;
}

/* Reads a question at the nameserver, and answers it in pieces. */
static void answer_slowly(int fd, void (*fill)(struct forged *f))
{
	static struct forged f;
	uint8_t prefix[2];

	UNTIL(recv(fd, prefix, 2, MSG_DONTWAIT | MSG_PEEK) == 2);
	assert_int_equal(recv(fd, prefix, 2, 0), 2);
	f.len = (size_t)prefix[0] << 8 | prefix[1];
	UNTIL(recv(fd, f.data, f.len, MSG_DONTWAIT) == (ssize_t)f.len);
	f.data[2] |= 0x80;
	fill(&f);
	prefix[0] = (uint8_t)(f.len >> 8);
	prefix[1] = (uint8_t)f.len;
	assert_int_equal(send(fd, prefix, 1, MSG_NOSIGNAL), 1);
	turns(2);
	assert_int_equal(send(fd, prefix + 1, 1, MSG_NOSIGNAL), 1);
	assert_int_equal(send(fd, f.data, 20, MSG_NOSIGNAL), 20);
	turns(2);
	assert_int_equal(send(fd, f.data + 20, f.len - 20, MSG_NOSIGNAL), f.len - 20);
}

static void each_question_is_weighed(void **state)
{
	struct dnsanswer answer;
	uint64_t s;
	int far;

	NEED_NETNS();
	s = connect_dns();
	put_question(s, "evil.example", 1);
	assert_int_equal(take_answer(s, NULL), DNSMSG_NXDOMAIN);
	put_question(s, "Api.Example", 1);
	put_question(s, "other.example", 28);
	far = host_accept(listener);
	/* The second is answered before the first is. */
	assert_int_equal(take_answer(s, NULL), DNSMSG_NXDOMAIN);
	answer_slowly(far, put_host);
	assert_int_equal(take_answer(s, &answer), 0);
	assert_int_equal(answer.addr_count, 1);
	assert_int_equal(told.count[RELAY_ATTEMPT_NAME], 2);
	close(far);
}

/* Which is one of the question's, as any resolver's is that asks for it inline. */
static void an_urgent_byte_does_not_stop_it(void **state)
{
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	s = connect_dns();
	forge_question(&forged, "evil.example", 1);
	data[0] = 0;
	data[1] = (uint8_t)forged.len;
	memcpy(data + 2, forged.data, forged.len);
	/* The first byte, one within and the last one. */
	for (size_t i = 0; i < 3; i++) {
		size_t len = forged.len + 2;
		size_t first = i == 0 ? 1 : i == 1 ? 20 : len;

		assert_int_equal(minato_send(w.guest, s, data, first, MINATO_MSG_OOB), first);
		turns(3);
		assert_int_equal(minato_send(w.guest, s, data + first, len - first, 0),
				 len - first);
		assert_int_equal(take_answer(s, NULL), DNSMSG_NXDOMAIN);
		forge_question(&forged, "evil.example", 1);
	}
}

static void put_many(struct forged *f)
{
	for (unsigned i = 0; i < 600; i++)
		forge_a(f, "api.example", 60, (uint8_t)i);
}

static void a_long_answer_is_cut_to_what_is_looked_at(void **state)
{
	struct dnsanswer answer;
	uint64_t s;
	int far;

	NEED_NETNS();
	s = connect_dns();
	put_question(s, "api.example", 1);
	far = host_accept(listener);
	answer_slowly(far, put_many);
	assert_int_equal(take_answer(s, &answer), 0);
	assert_int_equal(answer.addr_count, DNSANSWER_ADDRS);
	close(far);
}

static void a_nameserver_that_hangs_up_is_a_failure(void **state)
{
	uint64_t s;
	int far;

	NEED_NETNS();
	s = connect_dns();
	put_question(s, "api.example", 1);
	far = host_accept(listener);
	close(far);
	assert_int_equal(take_answer(s, NULL), DNSMSG_SERVFAIL);
}

static void the_guests_end_is_awaited_until_it_has_its_answers(void **state)
{
	uint8_t byte;
	uint64_t s;
	int far;

	NEED_NETNS();
	s = connect_dns();
	put_question(s, "api.example", 1);
	minato_shutdown(w.guest, s, MINATO_SHUT_WR);
	far = host_accept(listener);
	turns(3);
	answer_slowly(far, put_host);
	assert_int_equal(take_answer(s, NULL), 0);
	UNTIL(minato_recv(w.guest, s, &byte, 1, 0) == 0);
	assert_int_equal(w.relay->lanes.count, 0);
	close(far);
}

static void a_guest_that_leaves_is_forgotten(void **state)
{
	uint64_t s;
	int far;

	NEED_NETNS();
	s = connect_dns();
	put_question(s, "api.example", 1);
	far = host_accept(listener);
	minato_abort(w.guest, s);
	UNTIL(w.relay->lanes.count == 0);
	answer_slowly(far, put_host);
	turns(3);
	assert_int_equal(w.relay->lanes.count, 0);
	close(far);
}

static void what_is_no_question_ends_it(void **state)
{
	uint64_t s;

	NEED_NETNS();
	s = connect_dns();
	assert_int_equal(minato_send(w.guest, s, "\0\3abc", 5, 0), 5);
	UNTIL(guest_ready(s) & (MINATO_PEER_DONE | MINATO_ERROR));
	s = connect_dns();
	assert_int_equal(minato_send(w.guest, s, "\0\40abc", 5, 0), 5);
	minato_shutdown(w.guest, s, MINATO_SHUT_WR);
	UNTIL(guest_ready(s) & (MINATO_PEER_DONE | MINATO_ERROR));
	UNTIL(w.relay->lanes.count == 0);
}

#define CASE_STREAM(f) cmocka_unit_test_setup_teardown(f, begin_stream, finish_stream)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_STREAM(each_question_is_weighed),
		CASE_STREAM(an_urgent_byte_does_not_stop_it),
		CASE_STREAM(a_long_answer_is_cut_to_what_is_looked_at),
		CASE_STREAM(a_nameserver_that_hangs_up_is_a_failure),
		CASE_STREAM(the_guests_end_is_awaited_until_it_has_its_answers),
		CASE_STREAM(a_guest_that_leaves_is_forgotten),
		CASE_STREAM(what_is_no_question_ends_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
