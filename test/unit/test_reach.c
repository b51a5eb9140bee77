/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports of the gateway that lead to the host's loopback, and the rest of it that does not. */
#include "relay_fixture.h"

#include <netinet/in.h>

static struct drive_error error;

static int add(const char *text)
{
	struct relay_publish list = { 0 };
	int result;

	assert_int_equal(relay_reach_add(&list, text, &error), 0);
	result = relay_publish_open(&list, true, true, &error);
	if (result == 0)
		result = relay_publish_start(w.relay, &list, &error);
	relay_publish_free(&list);
	return result;
}

static void take_away(const char *text)
{
	struct relay_publish list = { 0 };
	int64_t id;

	assert_int_equal(relay_reach_add(&list, text, &error), 0);
	id = relay_forward_find(w.relay, &list.specs[0]);
	assert_true(id > 0);
	assert_int_equal(relay_forward_remove(w.relay, (uint32_t)id), 0);
	relay_publish_free(&list);
}

static void guest_is_refused(const char *to, uint16_t port)
{
	uint64_t s = guest_connect(to, port);

	UNTIL(guest_ready(s) & (MINATO_ERROR | MINATO_CONNECTED));
	assert_false(guest_ready(s) & MINATO_CONNECTED);
	minato_close(w.guest, s);
}

static void leads_to_loopback(const char *host, const char *gateway)
{
	int listener = host_socket(SOCK_STREAM, host, 5432);
	uint64_t s;
	int far;

	assert_int_equal(add("5432:15432"), 0);
	s = guest_connect(gateway, 15432);
	far = host_accept(listener);
	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	guest_says(s, "question");
	host_hears(far, "question");
	host_says(far, "answer");
	guest_hears(s, "answer");
	/* Not by its own number, and nothing beside it. */
	guest_is_refused(gateway, 5432);
	guest_is_refused(gateway, 15431);
	guest_is_refused(gateway, 15433);
	close(far);
	close(listener);
}

static void tcp_ipv4(void **state)
{
	NEED_NETNS();
	leads_to_loopback("127.0.0.1", "10.0.2.2");
}

static void tcp_ipv6(void **state)
{
	NEED_NETNS();
	leads_to_loopback("::1", "fd00::2");
}

static void nothing_listens(void **state)
{
	NEED_NETNS();
	assert_int_equal(add("5432"), 0);
	guest_is_refused("10.0.2.2", 5432);
}

static void a_run(void **state)
{
	int listener;
	int far;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "127.0.0.1", 7003);
	assert_int_equal(add("7000-7009:8000"), 0);
	guest_connect("10.0.2.2", 8003);
	far = host_accept(listener);
	close(far);
	guest_is_refused("10.0.2.2", 7999);
	guest_is_refused("10.0.2.2", 8010);
	close(listener);
}

static void udp_both_ways(void **state)
{
	struct minato_endpoint to = end("10.0.2.2", 1053);
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char data[16];
	uint64_t s;
	int host;
	int64_t got;

	NEED_NETNS();
	host = host_socket(SOCK_DGRAM, "127.0.0.1", 53);
	assert_int_equal(add("53:1053/udp"), 0);
	s = guest_socket(MINATO_UDP);
	assert_int_equal(minato_connect(w.guest, s, &to), 0);
	guest_says(s, "ask");
	UNTIL((got = recvfrom(host, data, sizeof(data), 0, (struct sockaddr *)&from, &len)) > 0);
	assert_int_equal(got, 3);
	assert_int_equal(sendto(host, "yes", 3, 0, (struct sockaddr *)&from, len), 3);
	/* A connected socket takes it from no other port than the one it wrote to. */
	guest_hears(s, "yes");
	close(host);
}

static void tcp_does_not_open_udp(void **state)
{
	struct minato_endpoint to = end("10.0.2.2", 5432);
	char data[16];
	uint64_t s;
	int host;

	NEED_NETNS();
	host = host_socket(SOCK_DGRAM, "127.0.0.1", 5432);
	assert_int_equal(add("5432"), 0);
	s = guest_socket(MINATO_UDP);
	assert_int_equal(minato_connect(w.guest, s, &to), 0);
	guest_says(s, "ask");
	turns(20);
	assert_int_equal(recv(host, data, sizeof(data), 0), -1);
	close(host);
}

/* An endpoint that may speak to one port of the loopback may not speak to the next. */
static void udp_endpoint_is_judged_anew(void **state)
{
	struct minato_endpoint good = end("10.0.2.2", 1000);
	struct minato_endpoint bad = end("10.0.2.2", 1001);
	struct minato_datagram about = { .remote = good };
	char data[16];
	int open_port;
	int closed_port;
	uint64_t s;

	NEED_NETNS();
	open_port = host_socket(SOCK_DGRAM, "127.0.0.1", 1000);
	closed_port = host_socket(SOCK_DGRAM, "127.0.0.1", 1001);
	assert_int_equal(add("1000/udp"), 0);
	s = guest_socket(MINATO_UDP);
	assert_int_equal(minato_send_datagram(w.guest, s, &about, "a", 1), 1);
	UNTIL(recv(open_port, data, sizeof(data), 0) == 1);
	about.remote = bad;
	minato_send_datagram(w.guest, s, &about, "b", 1);
	turns(20);
	assert_int_equal(recv(closed_port, data, sizeof(data), 0), -1);
	close(open_port);
	close(closed_port);
}

static void removed_is_guarded_again(void **state)
{
	int listener;
	uint64_t s;
	int far;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "127.0.0.1", 5432);
	assert_int_equal(add("5432"), 0);
	assert_int_equal(add("5433"), 0);
	s = guest_connect("10.0.2.2", 5432);
	far = host_accept(listener);
	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	take_away("5432");
	guest_is_refused("10.0.2.2", 5432);
	/* What stood goes on. */
	guest_says(s, "still");
	host_hears(far, "still");
	close(far);
	close(listener);
}

static void stands_in_the_table(void **state)
{
	struct relay_about about;
	struct minato_row row;
	uint64_t cursor = 0;
	uint32_t found = 0;

	NEED_NETNS();
	assert_int_equal(add("5432:15432"), 0);
	while (minato_row(w.host, &cursor, &row)) {
		if (row.kind != MINATO_KIND_FORWARD)
			continue;
		assert_true(relay_about(w.relay, row.user, &about));
		assert_int_equal(about.what, RELAY_WHAT_REACH);
		assert_int_equal(row.first, 15432);
		assert_int_equal(row.target.port, 5432);
		found++;
	}
	assert_int_equal(found, 2);
}

static enum minato_kind fate_of(enum minato_proto proto, const char *gateway, uint16_t port)
{
	struct minato_endpoint wanted = end(gateway, port);
	struct minato_endpoint guest =
		end(minato_addr_is4(&wanted.addr) ? "10.0.2.100" : "fd00::64", 5000);
	struct minato_fate fate;

	minato_arrive(w.host, INSIDE, MINATO_FACE_ANY, proto, &guest, &wanted, &fate);
	return fate.kind;
}

/* The table itself guards what lies between, beside the judgement of each call. */
static void the_rest_is_guarded(void **state)
{
	static const char *const gateways[] = { "10.0.2.2", "fd00::2" };

	NEED_NETNS();
	assert_int_equal(add("1-9,80:443,65535"), 0);
	for (size_t i = 0; i < 2; i++) {
		const char *at = gateways[i];

		assert_int_equal(fate_of(MINATO_TCP, at, 1), MINATO_KIND_FORWARD);
		assert_int_equal(fate_of(MINATO_TCP, at, 9), MINATO_KIND_FORWARD);
		assert_int_equal(fate_of(MINATO_TCP, at, 10), MINATO_KIND_GUARD);
		assert_int_equal(fate_of(MINATO_TCP, at, 442), MINATO_KIND_GUARD);
		assert_int_equal(fate_of(MINATO_TCP, at, 443), MINATO_KIND_FORWARD);
		assert_int_equal(fate_of(MINATO_TCP, at, 444), MINATO_KIND_GUARD);
		assert_int_equal(fate_of(MINATO_TCP, at, 65534), MINATO_KIND_GUARD);
		assert_int_equal(fate_of(MINATO_TCP, at, 65535), MINATO_KIND_FORWARD);
		assert_int_equal(fate_of(MINATO_UDP, at, 443), MINATO_KIND_GUARD);
	}
	take_away("80:443");
	assert_int_equal(fate_of(MINATO_TCP, "10.0.2.2", 443), MINATO_KIND_GUARD);
	assert_int_equal(fate_of(MINATO_TCP, "10.0.2.2", 9), MINATO_KIND_FORWARD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(tcp_ipv4),
		CASE(tcp_ipv6),
		CASE(nothing_listens),
		CASE(a_run),
		CASE(udp_both_ways),
		CASE(tcp_does_not_open_udp),
		CASE(udp_endpoint_is_judged_anew),
		CASE(removed_is_guarded_again),
		CASE(stands_in_the_table),
		CASE(the_rest_is_guarded),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
