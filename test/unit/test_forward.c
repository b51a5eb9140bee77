/* SPDX-License-Identifier: BSD-2-Clause */
/* Forwards that come and go while the guest runs. */
#include "relay_fixture.h"

static struct drive_error error;

static int add(const char *text)
{
	struct relay_publish list = { 0 };
	int result;

	assert_int_equal(relay_publish_add(&list, text, &error), 0);
	result = relay_publish_open(&list, true, true, &error);
	if (result == 0)
		result = relay_publish_start(w.relay, &list, &error);
	relay_publish_free(&list);
	return result;
}

static int64_t find(const char *text)
{
	struct relay_publish list = { 0 };
	int64_t id;

	assert_int_equal(relay_publish_add(&list, text, &error), 0);
	id = relay_forward_find(w.relay, &list.specs[0]);
	relay_publish_free(&list);
	return id;
}

static int take_away(const char *text)
{
	int64_t id = find(text);

	return id < 0 ? (int)id : relay_forward_remove(w.relay, (uint32_t)id);
}

/* Of the kind forward, in the table. */
static uint32_t entries(void)
{
	struct minato_row row;
	uint64_t cursor = 0;
	uint32_t count = 0;

	while (minato_row(w.host, &cursor, &row))
		count += row.kind == MINATO_KIND_FORWARD;
	return count;
}

static struct relay_standing standing(const char *text)
{
	struct relay_standing out = { 0 };
	uint64_t cursor = 0;
	int64_t id = find(text);

	relay_forward_count(w.relay);
	while (relay_forward_next(w.relay, &cursor, &out))
		if (out.id == id)
			return out;
	fail_msg("%s does not stand", text);
	return out;
}

static int call_errno(uint16_t port)
{
	struct minato_endpoint peer = end("127.0.0.1", port);
	struct sockaddr_storage name = { 0 };
	socklen_t len = drive_endpoint_to(&name, &peer);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = connect(fd, (struct sockaddr *)&name, len) < 0 ? errno : 0;

	close(fd);
	return result;
}

static uint64_t accepted(uint64_t listener)
{
	struct minato_endpoint peer;
	uint64_t s = 0;

	UNTIL(minato_accept(w.guest, listener, &s, &peer) == 0);
	return s;
}

static void one_entry_for_a_run(void **state)
{
	struct minato_row row;
	uint64_t cursor = 0;
	uint32_t seen = 0;

	NEED_NETNS();
	assert_int_equal(add("8000-8099:9000"), 0);
	while (minato_row(w.host, &cursor, &row)) {
		if (row.kind != MINATO_KIND_FORWARD)
			continue;
		assert_int_equal(row.first, 8000);
		assert_int_equal(row.last, 8099);
		assert_int_equal(row.target.port, 9000);
		seen++;
	}
	assert_int_equal(seen, 2); /* a family each */
	assert_int_equal(standing("8000-8099").socket_count, 100);
}

static void the_offset_is_kept(void **state)
{
	uint64_t listener;
	uint64_t s;
	int fd;

	NEED_NETNS();
	assert_int_equal(add("8000-8099:9000"), 0);
	listener = guest_listen(9042);
	fd = host_connect(SOCK_STREAM, "127.0.0.1", "127.0.0.1", 8042);
	s = accepted(listener);
	host_says(fd, "x");
	guest_hears(s, "x");
	close(fd);
}

static void added_later(void **state)
{
	uint64_t listener;
	int fd;

	NEED_NETNS();
	assert_int_equal(add("8080:80"), 0);
	listener = guest_listen(81);
	assert_int_equal(call_errno(8081), ECONNREFUSED);
	assert_int_equal(add("8081:81"), 0);
	fd = host_connect(SOCK_STREAM, "127.0.0.1", "127.0.0.1", 8081);
	accepted(listener);
	close(fd);
}

static void removed_refuses(void **state)
{
	NEED_NETNS();
	assert_int_equal(add("8080:80,8081:81"), 0);
	assert_int_equal(entries(), 4);
	assert_int_equal(take_away("8080"), 0);
	assert_int_equal(entries(), 2);
	assert_int_equal(call_errno(8080), ECONNREFUSED);
	assert_int_equal(call_errno(8081), 0);
	assert_int_equal(take_away("8080"), -ENOENT);
}

static void flows_outlive_it(void **state)
{
	uint64_t listener;
	uint64_t s;
	int fd;

	NEED_NETNS();
	assert_int_equal(add("8080:80"), 0);
	listener = guest_listen(80);
	fd = host_connect(SOCK_STREAM, "127.0.0.1", "127.0.0.1", 8080);
	s = accepted(listener);
	host_says(fd, "before");
	guest_hears(s, "before");
	assert_int_equal(take_away("8080"), 0);
	host_says(fd, "after");
	guest_hears(s, "after");
	guest_says(s, "answer");
	host_hears(fd, "answer");
	/* And the port can be given anew meanwhile. */
	assert_int_equal(add("8080:81"), 0);
	assert_int_equal(standing("8080").flows, 0);
	close(fd);
	turns(5);
	host_says(host_connect(SOCK_STREAM, "127.0.0.1", "127.0.0.1", 8080), "");
}

static void counts(void **state)
{
	struct relay_standing now_stands;
	uint64_t listener;
	uint64_t s;
	int fd;

	NEED_NETNS();
	assert_int_equal(add("8080:80"), 0);
	listener = guest_listen(80);
	fd = host_connect(SOCK_STREAM, "127.0.0.1", "127.0.0.1", 8080);
	s = accepted(listener);
	host_says(fd, "question");
	guest_hears(s, "question");
	guest_says(s, "no");
	host_hears(fd, "no");
	now_stands = standing("8080");
	assert_int_equal(now_stands.flows, 1);
	assert_int_equal(now_stands.flows_ever, 1);
	assert_int_equal(now_stands.hits, 1);
	assert_int_equal(now_stands.bytes_in, 8);
	assert_int_equal(now_stands.bytes_out, 2);
	close(fd);
	minato_close(w.guest, s);
	UNTIL(standing("8080").flows == 0);
	assert_true(standing("8080").used.ns > now_stands.used.ns);
	assert_int_equal(standing("8080").bytes_in, 8);
	assert_int_equal(standing("8080").flows_ever, 1);
}

static void all_or_nothing(void **state)
{
	struct relay_publish list = { 0 };

	NEED_NETNS();
	assert_int_equal(add("127.0.0.1:8081:81"), 0);
	/* Bound elsewhere, so only the relay can see the contradiction. */
	assert_int_equal(relay_publish_add(&list, "8080,192.0.2.1:8082", &error), 0);
	assert_int_equal(relay_publish_open(&list, true, true, &error), 0);
	list.specs[1].addr = addr("127.0.0.1");
	list.specs[1].first = list.specs[1].last = 8081;
	assert_int_equal(relay_publish_start(w.relay, &list, &error), -EEXIST);
	relay_publish_free(&list);
	assert_int_equal(entries(), 1);
	assert_int_equal(call_errno(8080), ECONNREFUSED);
	assert_int_equal(find("8080"), -ENOENT);
	assert_int_equal(add("8080"), 0);
}

static void all_is_one_entry(void **state)
{
	uint64_t listener;
	uint64_t named;
	int fd;

	NEED_NETNS();
	drive_proc_write("/proc/sys/net/ipv4/ip_local_port_range", "2000 65535");
	assert_int_equal(add("1080:80"), 0);
	assert_int_equal(add("all"), 0);
	assert_int_equal(entries(), 4);
	assert_int_equal(standing("all").socket_count, 1998);
	listener = guest_listen(1500);
	fd = host_connect(SOCK_STREAM, "127.0.0.1", "127.0.0.1", 1500);
	accepted(listener);
	close(fd);
	/* What is named goes before it. */
	named = guest_listen(80);
	fd = host_connect(SOCK_STREAM, "127.0.0.1", "127.0.0.1", 1080);
	accepted(named);
	close(fd);
	assert_int_equal(take_away("all"), 0);
	assert_int_equal(call_errno(1500), ECONNREFUSED);
	drive_proc_write("/proc/sys/net/ipv4/ip_local_port_range", "32768 60999");
}

static void udp_clients_end_with_it(void **state)
{
	struct minato_endpoint local = { .port = 53 };
	uint64_t s;
	int fd;

	NEED_NETNS();
	assert_int_equal(add("5353:53/udp"), 0);
	s = guest_socket(MINATO_UDP);
	assert_int_equal(minato_bind(w.guest, s, &local), 0);
	fd = host_connect(SOCK_DGRAM, "127.0.0.1", "127.0.0.1", 5353);
	host_says(fd, "one");
	guest_hears(s, "one");
	assert_int_equal(standing("5353/udp").flows, 1);
	assert_int_equal(take_away("5353/udp"), 0);
	assert_null(w.relay->forwards);
	assert_int_equal(w.relay->visitors.count, 0);
	assert_int_equal(add("5353:53/udp"), 0);
	host_says(fd, "two");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_entry_for_a_run), CASE(the_offset_is_kept), CASE(added_later),
		CASE(removed_refuses),	   CASE(flows_outlive_it),   CASE(counts),
		CASE(all_or_nothing),	   CASE(all_is_one_entry),   CASE(udp_clients_end_with_it),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
