/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's resolver: to the host's nameservers and back, over UDP and TCP. */
#include "relay_fixture.h"

static char resolv[64];
static int server;
static int second;

static void write_resolv(const char *text)
{
	FILE *file = fopen(resolv, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int begin_dns(void **state)
{
	int fd;

	(void)state;
	strcpy(resolv, "/tmp/test-dns-XXXXXX");
	fd = mkstemp(resolv);
	if (fd < 0)
		return -1;
	close(fd);
	write_resolv("nameserver 127.0.0.1\nnameserver 127.0.0.2\n");
	begin_with(false, resolv);
	if (have_netns) {
		server = host_socket(SOCK_DGRAM, "127.0.0.1", 53);
		second = host_socket(SOCK_DGRAM, "127.0.0.2", 53);
	}
	return 0;
}

static int finish_dns(void **state)
{
	unlink(resolv);
	if (have_netns) {
		close(server);
		close(second);
	}
	return finish(state);
}

static const uint8_t query[] = {
	0x12, 0x34, 0x01, 0x00, 0,   1, 0,   0,	  0,   0, 0, 0, 7, 'e', 'x',
	'a',  'm',  'p',  'l',	'e', 3, 'c', 'o', 'm', 0, 0, 1, 0, 1,
};

static uint64_t ask_from(const char *dns, const uint8_t *data, size_t len)
{
	uint64_t s = guest_socket(MINATO_UDP);
	struct minato_endpoint peer = end(dns, 53);

	assert_int_equal(minato_connect(w.guest, s, &peer), 0);
	assert_int_equal(minato_send(w.guest, s, data, len, 0), len);
	return s;
}

static uint64_t ask(void)
{
	return ask_from("10.0.2.3", query, sizeof(query));
}

/* The question at a nameserver. */
struct asked {
	uint8_t data[512];
	size_t len;
	struct sockaddr_storage from;
	socklen_t from_len;
};

static void serve(int fd, struct asked *q)
{
	ssize_t got = -1;

	q->from_len = sizeof(q->from);
	UNTIL((got = recvfrom(fd, q->data, sizeof(q->data), MSG_DONTWAIT,
			      (struct sockaddr *)&q->from, &q->from_len)) >= 0);
	q->len = (size_t)got;
}

/* Answers with the question, this rcode and one byte behind, so that it is told apart. */
static void answer(int fd, struct asked *q, uint8_t rcode, uint8_t mark)
{
	q->data[2] |= 0x80;
	q->data[3] = (uint8_t)((q->data[3] & 0xf0) | rcode);
	q->data[q->len] = mark;
	assert_int_equal(sendto(fd, q->data, q->len + 1, 0, (struct sockaddr *)&q->from,
				q->from_len),
			 q->len + 1);
}

/* What the guest hears: with its own id. */
static size_t hear(uint64_t s, uint8_t *data, size_t size)
{
	int64_t got = guest_recv(s, data, size);

	assert_true(got >= 12);
	assert_int_equal(data[0], 0x12);
	assert_int_equal(data[1], 0x34);
	assert_true(data[2] & 0x80);
	return (size_t)got;
}

static void asked_and_answered(const char *dns)
{
	uint64_t s = ask_from(dns, query, sizeof(query));
	struct asked q;
	uint8_t data[512];

	serve(server, &q);
	assert_int_equal(q.len, sizeof(query));
	assert_memory_equal(q.data + 2, query + 2, sizeof(query) - 2);
	answer(server, &q, 0, 'a');
	assert_int_equal(hear(s, data, sizeof(data)), sizeof(query) + 1);
	assert_int_equal(data[sizeof(query)], 'a');
	assert_int_equal(count_of(RELAY_COUNT_DNS_ANSWERS), 1);
}

static void asked_and_answered_ipv4(void **state)
{
	NEED_NETNS();
	asked_and_answered("10.0.2.3");
}

static void asked_and_answered_ipv6(void **state)
{
	NEED_NETNS();
	asked_and_answered("fd00::3");
}

static void ids_and_ports_are_fresh(void **state)
{
	enum { COUNT = 20 };
	struct asked q[COUNT];
	int same_id = 0;
	int same_port = 0;

	NEED_NETNS();
	for (int i = 0; i < COUNT; i++) {
		ask();
		serve(server, &q[i]);
		answer(server, &q[i], 0, 'x');
		turns(1);
	}
	for (int i = 1; i < COUNT; i++) {
		same_id += memcmp(q[i].data, q[i - 1].data, 2) == 0;
		same_port += memcmp((uint8_t *)&q[i].from + 2, (uint8_t *)&q[i - 1].from + 2, 2) ==
			     0;
	}
	assert_true(same_id < 3);
	assert_true(same_port < 3);
}

static void a_wrong_id_is_no_answer(void **state)
{
	struct asked q;
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	s = ask();
	serve(server, &q);
	q.data[0] ^= 0xff;
	answer(server, &q, 0, 'f');
	q.data[0] ^= 0xff;
	UNTIL(count_of(RELAY_COUNT_DNS_STRANGE) == 1);
	answer(server, &q, 0, 't');
	hear(s, data, sizeof(data));
	assert_int_equal(data[sizeof(query)], 't');
}

static void another_question_is_no_answer(void **state)
{
	struct asked q;
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	s = ask();
	serve(server, &q);
	q.data[13] ^= 1;
	answer(server, &q, 0, 'f');
	q.data[13] ^= 1;
	UNTIL(count_of(RELAY_COUNT_DNS_STRANGE) == 1);
	answer(server, &q, 0, 't');
	hear(s, data, sizeof(data));
	assert_int_equal(data[sizeof(query)], 't');
}

static void another_server_is_not_heard(void **state)
{
	struct asked q;
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	s = ask();
	serve(server, &q);
	answer(second, &q, 0, 'f');
	turns(5);
	answer(server, &q, 0, 't');
	hear(s, data, sizeof(data));
	assert_int_equal(data[sizeof(query)], 't');
}

static void silence_moves_on_after_five_seconds(void **state)
{
	struct asked q;
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	s = ask();
	serve(server, &q);
	w.skew_ns += INT64_C(4900000000);
	turns(3);
	assert_int_equal(recv(second, data, sizeof(data), MSG_DONTWAIT), -1);
	w.skew_ns += INT64_C(200000000);
	serve(second, &q);
	answer(second, &q, 0, '2');
	hear(s, data, sizeof(data));
	assert_int_equal(data[sizeof(query)], '2');
}

static void a_server_that_fails_moves_on(void **state)
{
	static const uint8_t failures[] = { DNSMSG_SERVFAIL, DNSMSG_REFUSED, DNSMSG_NOTIMP };
	struct asked q;
	uint8_t data[512];

	NEED_NETNS();
	for (size_t i = 0; i < sizeof(failures); i++) {
		uint64_t s = ask();

		serve(server, &q);
		answer(server, &q, failures[i], '1');
		serve(second, &q);
		answer(second, &q, 0, '2');
		hear(s, data, sizeof(data));
		assert_int_equal(data[sizeof(query)], '2');
	}
}

static void no_such_name_is_an_answer(void **state)
{
	struct asked q;
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	s = ask();
	serve(server, &q);
	answer(server, &q, 3, '1');
	hear(s, data, sizeof(data));
	assert_int_equal(data[3] & 0xf, 3);
}

static void the_last_failure_is_told(void **state)
{
	struct asked q;
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	s = ask();
	serve(server, &q);
	answer(server, &q, DNSMSG_SERVFAIL, '1');
	serve(second, &q);
	answer(second, &q, DNSMSG_REFUSED, '2');
	hear(s, data, sizeof(data));
	assert_int_equal(data[3] & 0xf, DNSMSG_REFUSED);
}

static void a_closed_server_moves_on_at_once(void **state)
{
	struct asked q;
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	write_resolv("nameserver 127.0.0.9\nnameserver 127.0.0.2\n");
	s = ask();
	serve(second, &q);
	answer(second, &q, 0, '2');
	hear(s, data, sizeof(data));
	assert_int_equal(data[sizeof(query)], '2');
}

static void no_nameserver_is_servfail(void **state)
{
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	write_resolv("search example.com\n");
	s = ask();
	assert_int_equal(hear(s, data, sizeof(data)), sizeof(query));
	assert_int_equal(data[3] & 0xf, DNSMSG_SERVFAIL);
	assert_int_equal(count_of(RELAY_COUNT_DNS_FAILED), 1);
}

static void no_file_is_servfail(void **state)
{
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	unlink(resolv);
	s = ask();
	hear(s, data, sizeof(data));
	assert_int_equal(data[3] & 0xf, DNSMSG_SERVFAIL);
}

static void all_silent_is_servfail(void **state)
{
	struct asked q;
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	s = ask();
	serve(server, &q);
	w.skew_ns += INT64_C(5100000000);
	serve(second, &q);
	w.skew_ns += INT64_C(5100000000);
	hear(s, data, sizeof(data));
	assert_int_equal(data[3] & 0xf, DNSMSG_SERVFAIL);
}

static void a_changed_file_is_followed(void **state)
{
	struct asked q;

	NEED_NETNS();
	ask();
	serve(server, &q);
	answer(server, &q, 0, '1');
	write_resolv("nameserver 127.0.0.2\n");
	w.skew_ns += INT64_C(1100000000);
	turns(2);
	ask();
	serve(second, &q);
}

static void rubbish_is_dropped_or_named(void **state)
{
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	ask_from("10.0.2.3", query, 5);
	UNTIL(count_of(RELAY_COUNT_DNS_MALFORMED) == 1);
	memcpy(data, query, sizeof(query));
	data[2] |= 0x80; /* a response */
	ask_from("10.0.2.3", data, sizeof(query));
	UNTIL(count_of(RELAY_COUNT_DNS_MALFORMED) == 2);
	s = ask_from("10.0.2.3", query, sizeof(query) - 1);
	assert_int_equal(hear(s, data, sizeof(data)), DNSMSG_HEADER);
	assert_int_equal(data[3] & 0xf, DNSMSG_FORMERR);
	turns(3);
	assert_int_equal(recv(server, data, sizeof(data), MSG_DONTWAIT), -1);
}

static void a_repeated_question_is_asked_once(void **state)
{
	struct asked q;
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	s = ask();
	serve(server, &q);
	assert_int_equal(minato_send(w.guest, s, query, sizeof(query), 0), sizeof(query));
	turns(5);
	assert_int_equal(recv(server, data, sizeof(data), MSG_DONTWAIT), -1);
	answer(server, &q, 0, 'a');
	hear(s, data, sizeof(data));
}

static void an_oversized_answer_is_cut(void **state)
{
	static uint8_t large[4000];
	struct asked q;
	uint8_t data[4096];
	uint64_t s;

	NEED_NETNS();
	s = ask();
	serve(server, &q);
	memcpy(large, q.data, q.len);
	large[2] |= 0x80;
	assert_int_equal(sendto(server, large, sizeof(large), 0, (struct sockaddr *)&q.from,
				q.from_len),
			 sizeof(large));
	assert_int_equal(hear(s, data, sizeof(data)), sizeof(query));
	assert_true(data[2] & 2); /* TC: ask again by TCP */
}

static void the_oldest_question_gives_way(void **state)
{
	uint64_t first;

	NEED_NETNS();
	first = ask();
	for (int i = 0; i < 512; i++) {
		ask();
		if (i % 16 == 0)
			turn();
	}
	UNTIL(count_of(RELAY_COUNT_DNS_EVICTED) == 1);
	assert_true(first != 0);
}

static void an_association_may_ask_too(void **state)
{
	struct minato_datagram to;
	struct minato_endpoint local;
	struct asked q;
	uint8_t data[512];
	uint64_t s;

	NEED_NETNS();
	s = guest_socket(MINATO_UDP);
	local = end("10.0.2.100", 5000);
	assert_int_equal(minato_bind(w.guest, s, &local), 0);
	to = (struct minato_datagram){ .remote = end("192.0.2.1", 9999) };
	assert_int_equal(minato_send_datagram(w.guest, s, &to, "x", 1), 1);
	UNTIL(count_of(RELAY_COUNT_UDP_OUT) == 1);
	to.remote = end("10.0.2.3", 53);
	/* The port unreachable of 9999 may wait as an error. */
	turns(3);
	minato_error(w.guest, s);
	assert_int_equal(minato_send_datagram(w.guest, s, &to, query, sizeof(query)),
			 sizeof(query));
	serve(server, &q);
	answer(server, &q, 0, 'a');
	UNTIL(minato_recv_datagram(w.guest, s, &to, data, sizeof(data), 0) >= 12);
	local = end("10.0.2.3", 53);
	assert_true(minato_addr_equal(&to.remote.addr, &local.addr));
	assert_int_equal(to.remote.port, 53);
}

static void tcp_is_carried_to_the_server(void **state)
{
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "127.0.0.1", 53);
	s = join(listener, "10.0.2.3", &far);
	guest_says(s, "a question");
	host_hears(far, "a question");
	host_says(far, "an answer");
	guest_hears(s, "an answer");
	close(far);
	close(listener);
}

static void tcp_goes_to_the_second_server(void **state)
{
	int listener;
	int far;
	uint64_t s;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "127.0.0.2", 53);
	s = join(listener, "fd00::3", &far);
	guest_says(s, "a question");
	host_hears(far, "a question");
	close(far);
	close(listener);
}

static void tcp_without_server_is_servfail(void **state)
{
	uint8_t data[512];
	uint64_t s;
	size_t len = 0;

	NEED_NETNS();
	write_resolv("");
	s = guest_connect("10.0.2.3", 53);
	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	/* In two pieces, the first with an urgent byte, and two questions at once. */
	data[0] = 0;
	data[1] = sizeof(query);
	memcpy(data + 2, query, sizeof(query));
	assert_int_equal(minato_send(w.guest, s, data, 9, MINATO_MSG_OOB), 9);
	turns(3);
	assert_int_equal(minato_send(w.guest, s, data + 9, sizeof(query) - 7, 0),
			 sizeof(query) - 7);
	assert_int_equal(minato_send(w.guest, s, data, sizeof(query) + 2, 0), sizeof(query) + 2);
	while (len < 2 * (sizeof(query) + 2))
		len += (size_t)guest_recv(s, data + len, sizeof(data) - len);
	assert_int_equal(len, 2 * (sizeof(query) + 2));
	assert_int_equal(data[1], sizeof(query));
	assert_int_equal(data[2 + 3] & 0xf, DNSMSG_SERVFAIL);
	assert_int_equal(data[len - sizeof(query) + 3] & 0xf, DNSMSG_SERVFAIL);
	minato_close(w.guest, s);
	UNTIL(w.relay->lanes.count == 0);
}

#define DNS(f) cmocka_unit_test_setup_teardown(f, begin_dns, finish_dns)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DNS(asked_and_answered_ipv4),
		DNS(asked_and_answered_ipv6),
		DNS(ids_and_ports_are_fresh),
		DNS(a_wrong_id_is_no_answer),
		DNS(another_question_is_no_answer),
		DNS(another_server_is_not_heard),
		DNS(silence_moves_on_after_five_seconds),
		DNS(a_server_that_fails_moves_on),
		DNS(no_such_name_is_an_answer),
		DNS(the_last_failure_is_told),
		DNS(a_closed_server_moves_on_at_once),
		DNS(no_nameserver_is_servfail),
		DNS(no_file_is_servfail),
		DNS(all_silent_is_servfail),
		DNS(a_changed_file_is_followed),
		DNS(rubbish_is_dropped_or_named),
		DNS(a_repeated_question_is_asked_once),
		DNS(an_oversized_answer_is_cut),
		DNS(the_oldest_question_gives_way),
		DNS(an_association_may_ask_too),
		DNS(tcp_is_carried_to_the_server),
		DNS(tcp_goes_to_the_second_server),
		DNS(tcp_without_server_is_servfail),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
