/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets of the host for forwards: bound or passed in the keeper, handed to the worker, in which
 * the relay serves them; and closed with their statement.
 */
#include "cmd/gateway/gateway.h"
#include "relay_fixture.h"

#include <sys/socket.h>

static struct gateway_doors keeper, worker;
static struct gateway_rules rules;
static struct drive_error error;
static int channel[2];

static void say(const char *text)
{
	static struct conf_statement one;
	static struct conf_report report;

	assert_int_equal(conf_statement_read(&one, text, &report), 0);
	assert_int_equal(gateway_rules_add(&rules, &one, 0), 0);
}

static int fresh(void **state)
{
	keeper = worker = (struct gateway_doors){ .count = 0 };
	assert_int_equal(cmd_channel_pair(channel), 0);
	return begin(state);
}

static int clean(void **state)
{
	int result = finish(state);

	gateway_doors_close(&keeper);
	gateway_doors_close(&worker);
	gateway_rules_free(&rules);
	close(channel[0]);
	close(channel[1]);
	return result;
}

static bool fits(const char *text)
{
	static struct conf_statement one;
	static struct conf_report report;

	assert_int_equal(conf_statement_read(&one, text, &report), 0);
	return gateway_door_fits(&one.forward);
}

static void what_a_socket_can_serve(void **state)
{
	(void)state;
	assert_true(fits("forward tcp 80 to 10.0.0.2"));
	assert_true(fits("forward tcp,udp 80-90 to 10.0.0.2:180 from 203.0.113.0/24"));
	assert_true(fits("forward tcp 80 to 10.0.0.2, 10.0.0.3 drain"));
	assert_true(fits("forward tcp 80 to 10.0.0.2 proxy v1 check every 5s"));
	assert_true(fits("forward tcp 80 to 10.0.0.2 at most 10 connections"));
	assert_true(fits("forward tcp 80-89 all to 10.0.0.2:80"));
	assert_true(fits("forward tcp 80, 90 to unix:/run/app proxy v2"));
	assert_false(fits("forward tcp 80 to [fd00::2]"));
}

/* How many sockets of the type have that port. */
static size_t bound(const struct gateway_doors *doors, int type, uint16_t port)
{
	int fds[64];
	size_t count = gateway_doors_fds(doors, NULL), found = 0;

	assert_true(count <= 64);
	assert_int_equal(gateway_doors_fds(doors, fds), count);
	for (size_t i = 0; i < count; i++) {
		int its = 0;
		socklen_t length = sizeof(its);

		assert_int_equal(getsockopt(fds[i], SOL_SOCKET, SO_TYPE, &its, &length), 0);
		found += its == type && port_of(fds[i]) == port;
	}
	return found;
}

static bool is_free(int type, uint16_t port)
{
	const struct minato_endpoint local = { minato_addr4(0, 0, 0, 0), port };
	struct sockaddr_storage name = { 0 };
	socklen_t length = drive_endpoint_to(&name, &local);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	bool is = bind(fd, (struct sockaddr *)&name, length) == 0;

	close(fd);
	return is;
}

static void opened_as_said(void **state)
{
	NEED_NETNS();
	say("inside tap in0 10.0.0.1/24");
	say("forward tcp,udp 8000-8001 to 10.0.2.100");
	say("forward tcp 8100, 8105 to 10.0.2.100 named two");
	say("forward tcp 8200 to unix:/run/app");
	say("forward tcp 8300 to [fd00::2]");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	assert_int_equal(keeper.count, 3);
	assert_int_equal(gateway_doors_fds(&keeper, NULL), 7);
	for (uint16_t port = 8000; port < 8002; port++) {
		assert_int_equal(bound(&keeper, SOCK_STREAM, port), 1);
		assert_int_equal(bound(&keeper, SOCK_DGRAM, port), 1);
	}
	assert_int_equal(bound(&keeper, SOCK_STREAM, 8100), 1);
	assert_int_equal(bound(&keeper, SOCK_STREAM, 8105), 1);
	assert_true(gateway_doors_have(&keeper, rules.conf.list[1]));
	assert_true(gateway_doors_have(&keeper, rules.conf.list[2]));
	assert_int_equal(bound(&keeper, SOCK_STREAM, 8200), 1);
	assert_true(gateway_doors_have(&keeper, rules.conf.list[3]));
	assert_false(gateway_doors_have(&keeper, rules.conf.list[4]));
	/* What is open already is not opened again. */
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	assert_int_equal(gateway_doors_fds(&keeper, NULL), 7);
}

static void all_or_nothing(void **state)
{
	int taken;

	NEED_NETNS();
	taken = host_socket(SOCK_STREAM, "0.0.0.0", 8100);
	say("forward tcp 7999 to 10.0.2.100");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	say("forward tcp 8000 to 10.0.2.100");
	say("forward tcp 8100 to 10.0.2.100");
	error.text[0] = 0;
	assert_true(gateway_doors_open(&keeper, &rules, &error) < 0);
	assert_non_null(strstr(error.text, "8100"));
	assert_int_equal(keeper.count, 1);
	assert_true(is_free(SOCK_STREAM, 8000));
	assert_false(is_free(SOCK_STREAM, 7999));
	close(taken);
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	assert_int_equal(keeper.count, 3);
}

static void what_goes_is_closed(void **state)
{
	NEED_NETNS();
	say("forward tcp 8000 to 10.0.2.100");
	say("forward udp 8001 to 10.0.2.100");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	gateway_rules_remove(&rules, 0);
	gateway_doors_prune(&keeper, &rules);
	assert_int_equal(keeper.count, 1);
	assert_true(is_free(SOCK_STREAM, 8000));
	assert_false(is_free(SOCK_DGRAM, 8001));
	gateway_doors_close(&keeper);
	assert_true(is_free(SOCK_DGRAM, 8001));
}

/* ---- descriptors that were passed ---- */

static void pass(const char *name, int fd)
{
	struct gateway_passed *passed = &keeper.passed[keeper.passed_count++];

	passed->fd = fd;
	(void)snprintf(passed->name, sizeof(passed->name), "%s", name);
}

static void passed_ones_are_taken(void **state)
{
	int fds[8];

	NEED_NETNS();
	pass("web", host_socket(SOCK_STREAM, "0.0.0.0", 8080));
	pass("dns", host_socket(SOCK_DGRAM, "127.0.0.1", 5300));
	say("forward tcp 8080 to 10.0.2.100 named web");
	say("forward tcp 8081 to 10.0.2.100 named other");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	assert_int_equal(gateway_doors_fds(&keeper, fds), 2);
	assert_int_equal(bound(&keeper, SOCK_STREAM, 8080), 1);
	/* A copy: it is there for the next gateway too. */
	assert_int_not_equal(fds[0], keeper.passed[0].fd);
	gateway_rules_remove(&rules, 0);
	gateway_doors_prune(&keeper, &rules);
	assert_int_equal(port_of(keeper.passed[0].fd), 8080);
	say("forward udp 5300 to 10.0.2.100 named dns");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	assert_int_equal(bound(&keeper, SOCK_DGRAM, 5300), 1);
}

static void passed_ones_must_be_the_forwards(void **state)
{
	NEED_NETNS();
	pass("web", host_socket(SOCK_STREAM, "0.0.0.0", 8080));
	say("forward tcp 8090 to 10.0.2.100 named web");
	assert_true(gateway_doors_open(&keeper, &rules, &error) < 0);
	assert_non_null(strstr(error.text, "no socket of a port of that forward"));
	assert_int_equal(keeper.count, 0);
	gateway_rules_free(&rules);
	say("forward udp 8080 to 10.0.2.100 named web");
	assert_true(gateway_doors_open(&keeper, &rules, &error) < 0);
	gateway_rules_free(&rules);
	say("forward tcp 8080-8081 to 10.0.2.100 named web");
	assert_true(gateway_doors_open(&keeper, &rules, &error) < 0);
	assert_non_null(strstr(error.text, "1 descriptors named web were passed, but the forward "
					   "is 2 ports"));
	assert_int_equal(keeper.count, 0);
	/* The forward that has none of them is bound as any. */
	gateway_rules_free(&rules);
	say("forward tcp 8091 to 10.0.2.100");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
}

/* ---- to the worker ---- */

static void take_all(void)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	uint32_t kind;
	size_t count;

	while (cmd_channel_peek(channel[1], &kind) != -EAGAIN) {
		assert_int_equal(kind, GATEWAY_TELL_DOOR);
		assert_int_equal(cmd_channel_receive(channel[1], &message, fds, &count), 1);
		assert_int_equal(count, 1);
		gateway_doors_take(&worker, &message, fds[0]);
	}
}

static bool is_served(uint16_t port)
{
	for (size_t i = 0; i < worker.count; i++) {
		const struct relay_publish *list = &worker.list[i].list;

		for (size_t k = 0; k < list->spec_count; k++) {
			if (list->specs[k].first <= port && list->specs[k].last >= port &&
			    !worker.list[i].fresh &&
			    relay_forward_find(w.relay, &list->specs[k]) >= 0)
				return true;
		}
	}
	return false;
}

static bool is_refused(uint16_t port)
{
	const struct minato_endpoint to = { minato_addr4(127, 0, 0, 1), port };
	struct sockaddr_storage name = { 0 };
	socklen_t length = drive_endpoint_to(&name, &to);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is = connect(fd, (struct sockaddr *)&name, length) < 0 && errno == ECONNREFUSED;

	close(fd);
	return is;
}

static void the_worker_serves_them(void **state)
{
	/* Where callers go the entry of the statement says, which applying.c makes. */
	const struct minato_entry entry = { .kind = MINATO_KIND_FORWARD,
					    .scope = OUTSIDE,
					    .face = MINATO_FACE_ANY,
					    .proto = MINATO_TCP,
					    .first = 8000,
					    .last = 8000,
					    .target = { minato_addr4(10, 0, 2, 100), 8000 },
					    .uid = MINATO_UID_NONE };
	uint64_t server, handle;
	uint32_t kind;
	int caller;

	NEED_NETNS();
	assert_int_equal(minato_entry_add(w.host, &entry, &handle), 0);
	say("inside tap in0 10.0.0.1/24");
	say("forward tcp 8000 to 10.0.2.100");
	say("forward udp 8001-8002 to 10.0.2.100");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	assert_int_equal(gateway_doors_send(&keeper, &rules, channel[0]), 0);
	take_all();
	assert_int_equal(gateway_doors_fds(&worker, NULL), 3);
	assert_int_equal(worker.count, 2);
	assert_int_equal(gateway_doors_start(&worker, &rules, w.relay, &error), 0);
	assert_true(is_served(8000) && is_served(8001) && is_served(8002));
	assert_true(gateway_doors_have(&worker, rules.conf.list[1]));
	server = guest_listen(8000);
	caller = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8000);
	UNTIL((guest_ready(server) & MINATO_READABLE) != 0);
	close(caller);
	/* Each is sent once. */
	assert_int_equal(gateway_doors_send(&keeper, &rules, channel[0]), 0);
	assert_int_equal(cmd_channel_peek(channel[1], &kind), -EAGAIN);
	/* Another comes, the first one goes. */
	gateway_rules_remove(&rules, 1);
	say("forward tcp 8003 to 10.0.2.100");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	assert_int_equal(gateway_doors_send(&keeper, &rules, channel[0]), 0);
	gateway_doors_prune(&keeper, &rules);
	take_all();
	assert_int_equal(gateway_doors_start(&worker, &rules, w.relay, &error), 0);
	assert_true(!is_served(8000) && is_served(8001) && is_served(8003));
	assert_true(is_refused(8000));
	assert_false(is_refused(8003));
}

/* A worker that begins has its keeper's. */
static void a_new_worker_inherits_them(void **state)
{
	NEED_NETNS();
	say("forward tcp 8000 to 10.0.2.100");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	gateway_doors_prune(&keeper, &rules);
	assert_false(keeper.list[0].fresh);
	gateway_doors_inherit(&worker, &keeper);
	keeper = (struct gateway_doors){ .count = 0 };
	assert_int_equal(gateway_doors_start(&worker, &rules, w.relay, &error), 0);
	assert_true(is_served(8000));
}

/* ---- forwards that share ports ---- */

/* Who wants one of the ports finds the socket that is there. */
static void one_socket_for_several_forwards(void **state)
{
	NEED_NETNS();
	say("forward tcp 8000 to 10.0.2.100");
	say("forward tcp,udp 7999-8001 to 10.0.2.101");
	say("forward udp 8000 to 10.0.2.102 from 203.0.113.9");
	say("forward tcp 8000 on 127.0.0.1 to 10.0.2.103");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	assert_int_equal(gateway_doors_fds(&keeper, NULL), 6);
	for (uint16_t port = 7999; port < 8002; port++) {
		assert_int_equal(bound(&keeper, SOCK_STREAM, port), 1);
		assert_int_equal(bound(&keeper, SOCK_DGRAM, port), 1);
	}
	for (size_t i = 0; i < 4; i++)
		assert_true(gateway_doors_have(&keeper, rules.conf.list[i]));
	gateway_doors_prune(&keeper, &rules);
	assert_int_equal(gateway_doors_fds(&keeper, NULL), 6);
}

/* Whatever the order of the lines is, what is for all addresses is opened first. */
static void all_addresses_come_first(void **state)
{
	NEED_NETNS();
	say("forward tcp 8000 on 127.0.0.1 to 10.0.2.100");
	say("forward tcp 8000-8001 to 10.0.2.101");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	assert_int_equal(gateway_doors_fds(&keeper, NULL), 2);
	gateway_doors_close(&keeper);
	keeper = (struct gateway_doors){ .count = 0 };
	/* Later it cannot be had, and it is said whose the port is. */
	gateway_rules_free(&rules);
	say("forward tcp 8000 on 127.0.0.1 to 10.0.2.100");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	say("forward tcp 8000-8001 to 10.0.2.101");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, "host port 8000/tcp of 0.0.0.0: this gateway has it"));
	assert_non_null(strstr(error.text, "'forward tcp 8000 on 127.0.0.1 to 10.0.2.100'"));
	assert_int_equal(keeper.count, 1);
}

/* A change, as keeper and worker make it; it stands, or not. */
static void change(bool stands, struct gateway_rules *before)
{
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), 0);
	assert_int_equal(gateway_doors_send(&keeper, &rules, channel[0]), 0);
	take_all();
	if (stands)
		assert_int_equal(gateway_doors_start(&worker, &rules, w.relay, &error), 0);
	else
		gateway_doors_withdraw(&worker);
	gateway_doors_prune(&keeper, stands ? &rules : before);
}

/* Where one goes, its ports are handed to the others that stand there, with who waits at them. */
static void what_goes_leaves_its_ports_to_others(void **state)
{
	int caller;

	NEED_NETNS();
	say("forward tcp 8000 to 10.0.2.100");
	say("forward tcp,udp 7999-8001 to 10.0.2.101");
	change(true, NULL);
	assert_true(is_served(7999) && is_served(8000) && is_served(8001));
	caller = host_connect(SOCK_STREAM, "192.0.2.1", "192.0.2.1", 8000);
	gateway_rules_remove(&rules, 0);
	change(true, NULL);
	assert_int_equal(gateway_doors_fds(&keeper, NULL), 6);
	assert_true(is_served(7999) && is_served(8000) && is_served(8001));
	assert_false(is_refused(8000));
	assert_true(gateway_doors_have(&worker, rules.conf.list[0]));
	close(caller);
	/* And the other way round. */
	say("forward tcp 8001 to 10.0.2.100");
	change(true, NULL);
	gateway_rules_remove(&rules, 0);
	change(true, NULL);
	assert_true(is_served(8001) && !is_served(8000));
	assert_int_equal(gateway_doors_fds(&keeper, NULL), 1);
	assert_true(is_refused(8000) && is_refused(7999) && !is_refused(8001));
}

/* What was made ready for a change that did not come to stand is gone at both ends. */
static void a_change_that_fails_leaves_nothing(void **state)
{
	struct gateway_rules before;

	NEED_NETNS();
	say("forward tcp 8000 to 10.0.2.100");
	say("forward tcp 8000-8001 to 10.0.2.101");
	change(true, NULL);
	assert_int_equal(gateway_rules_copy(&before, &rules), 0);
	gateway_rules_remove(&rules, 0);
	say("forward tcp 8002 to 10.0.2.100");
	change(false, &before);
	assert_int_equal(gateway_doors_fds(&keeper, NULL), 2);
	assert_int_equal(worker.count, 2);
	assert_true(is_free(SOCK_STREAM, 8002));
	assert_true(is_served(8000) && is_served(8001));
	/* So that the next one can come to stand. */
	change(true, NULL);
	assert_true(is_served(8000) && is_served(8001) && is_served(8002));
	assert_int_equal(gateway_doors_fds(&keeper, NULL), 3);
	gateway_rules_free(&before);
}

/* It is said who has a port of another program's. */
static void the_holder_is_named(void **state)
{
	int taken;

	NEED_NETNS();
	taken = host_socket(SOCK_STREAM, "0.0.0.0", 8100);
	say("forward tcp 8100 to 10.0.2.100");
	assert_int_equal(gateway_doors_open(&keeper, &rules, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, "host port 8100/tcp of 0.0.0.0 is taken by test_doors"));
	assert_non_null(strstr(error.text, "to free it: kill "));
	close(taken);
}

/* What a keeper that is none of ours would say. */
static void nonsense_is_closed(void **state)
{
	struct cmd_message message = { .kind = GATEWAY_TELL_DOOR, .number = -1 };
	int fd;

	NEED_NETNS();
	fd = host_socket(SOCK_STREAM, "127.0.0.1", 8000);
	gateway_doors_take(&worker, &message, fd);
	assert_true(is_free(SOCK_STREAM, 8000));
	message.number = 0;
	message.bound.doors[0].spec = GATEWAY_PIECES_MAX;
	gateway_doors_take(&worker, &message, host_socket(SOCK_STREAM, "127.0.0.1", 8000));
	assert_true(is_free(SOCK_STREAM, 8000));
	gateway_doors_take(&worker, &message, -1);
	assert_int_equal(worker.count, 0);
	/* Of a statement that is no forward. */
	message.bound.doors[0] =
		(struct relay_door){ .port = 8000, .protocol = MINATO_TCP, .four = true };
	say("inside tap in0 10.0.0.1/24");
	gateway_doors_take(&worker, &message, host_socket(SOCK_STREAM, "127.0.0.1", 8000));
	assert_int_equal(worker.count, 1);
	assert_int_equal(gateway_doors_start(&worker, &rules, w.relay, &error), -EPROTO);
	assert_int_equal(worker.count, 0);
	assert_true(is_free(SOCK_STREAM, 8000));
}

int main(void)
{
#define DOOR_CASE(name) cmocka_unit_test_setup_teardown(name, fresh, clean)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_socket_can_serve),
		DOOR_CASE(opened_as_said),
		DOOR_CASE(all_or_nothing),
		DOOR_CASE(what_goes_is_closed),
		DOOR_CASE(passed_ones_are_taken),
		DOOR_CASE(passed_ones_must_be_the_forwards),
		DOOR_CASE(the_worker_serves_them),
		DOOR_CASE(a_new_worker_inherits_them),
		DOOR_CASE(one_socket_for_several_forwards),
		DOOR_CASE(all_addresses_come_first),
		DOOR_CASE(what_goes_leaves_its_ports_to_others),
		DOOR_CASE(a_change_that_fails_leaves_nothing),
		DOOR_CASE(the_holder_is_named),
		DOOR_CASE(nonsense_is_closed),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
