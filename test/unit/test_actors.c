/* SPDX-License-Identifier: BSD-2-Clause */
/* Owners: who acts, what is inherited, how many are on record. */
#include <errno.h>

#include "hosts.h"

static struct minato_owner program(const char *name, uint32_t pid)
{
	struct minato_owner o = { .uid = 1000, .pid = pid, .started_s = 1700000000 };

	strncpy(o.program, name, sizeof(o.program) - 1);
	return o;
}

static void act(struct minato *m, const char *name, uint32_t pid)
{
	const struct minato_owner o = program(name, pid);

	assert_int_equal(minato_act_as(m, &o), 0);
}

static const char *owner_of(struct minato *m, uint64_t handle)
{
	static struct minato_owner o;

	assert_int_equal(minato_owner_get(m, handle, &o), 0);
	return o.program;
}

/* The program on the row in that state; "" for nobody's, NULL for no such row. */
static const char *owner_in(struct minato *m, enum minato_state state)
{
	static struct minato_row row;
	uint64_t cursor = 0;

	while (minato_row(m, &cursor, &row))
		if (row.kind == MINATO_KIND_SOCKET && row.state == state)
			return row.owner.program;
	return NULL;
}

static void test_rows_show_who(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	struct minato_owner o = program("nginx", 77);
	const struct minato_entry uplink = { .kind = MINATO_KIND_UPLINK, .face = MINATO_FACE_ANY };
	struct minato_row row;
	uint64_t cursor = 0;

	(void)state;
	strcpy(o.guest, "web");
	open_listener(p.a.m, "::", 8079, 5);
	assert_int_equal(minato_act_as(p.a.m, &o), 0);
	open_listener(p.a.m, "::", 8080, 5);
	assert_int_equal(minato_entry_add(p.a.m, &uplink, NULL), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(minato_row(p.a.m, &cursor, &row));
		if (row.kind == MINATO_KIND_SOCKET && row.first == 8079) {
			assert_int_equal(row.owner.uid, MINATO_UID_NONE);
			assert_int_equal(row.owner.pid, 0);
			assert_string_equal(row.owner.program, "");
			continue;
		}
		assert_int_equal(row.owner.uid, 1000);
		assert_int_equal(row.owner.pid, 77);
		assert_int_equal(row.owner.started_s, 1700000000);
		assert_string_equal(row.owner.program, "nginx");
		assert_string_equal(row.owner.guest, "web");
	}
	pair_end(&p);
}

/* A connection is its listener's, through its life to TIME-WAIT and out of the table. */
static void test_connections_inherit(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	uint64_t listener, client, server;

	(void)state;
	act(p.b.m, "sshd", 1);
	listener = open_listener(p.b.m, "::", 2222, 5);
	act(p.b.m, "other", 2);
	client = join(&p, listener, "10.0.0.2", 2222, &server);
	assert_string_equal(owner_of(p.b.m, server), "sshd");
	assert_int_equal(minato_close(p.b.m, server), 0);
	pass(&p, 10 * MILLI);
	assert_int_equal(minato_close(p.a.m, client), 0);
	pass(&p, 10 * MILLI);
	assert_string_equal(owner_in(p.b.m, MINATO_TIME_WAIT), "sshd");
	assert_string_equal(owner_in(p.b.m, MINATO_LISTEN), "sshd");
	pass(&p, 61 * SECOND);
	assert_null(owner_in(p.b.m, MINATO_TIME_WAIT));
	pair_end(&p);
}

/* A FIN once more begins the wait anew: with its owner. */
static bool lose_the_last_ack(void *user, bool from_a, uint8_t *frame, uint32_t *len)
{
	bool *lost = user;

	(void)len;
	if (*lost || from_a || (frame[47] & 0x11) != 0x10)
		return true;
	*lost = true;
	return false;
}

static void test_waits_keep_theirs(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	uint64_t listener, client, server;
	bool lost = false;

	(void)state;
	act(p.b.m, "sshd", 1);
	listener = open_listener(p.b.m, "::", 2222, 5);
	client = join(&p, listener, "10.0.0.2", 2222, &server);
	assert_int_equal(minato_close(p.b.m, server), 0);
	pass(&p, 100 * MILLI);
	p.filter = lose_the_last_ack;
	p.user = &lost;
	assert_int_equal(minato_close(p.a.m, client), 0);
	pass(&p, 5 * SECOND);
	assert_true(lost);
	assert_string_equal(owner_in(p.b.m, MINATO_TIME_WAIT), "sshd");
	pair_end(&p);
}

static void test_calls_inherit(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_entry uplink = { .kind = MINATO_KIND_UPLINK, .face = MINATO_FACE_ANY };
	const uint64_t client = open_socket(p.a.m, MINATO_TCP);
	const uint64_t sender = open_socket(p.a.m, MINATO_UDP);
	const struct minato_endpoint peer = end("10.0.0.2", 80);
	struct minato_event e;
	uint64_t entry;

	(void)state;
	act(p.b.m, "run", 1);
	assert_int_equal(minato_entry_add(p.b.m, &uplink, &entry), 0);
	assert_int_equal(minato_act_as(p.b.m, NULL), 0);
	assert_string_equal(owner_of(p.b.m, entry), "run");
	assert_int_equal(minato_connect(p.a.m, client, &peer), -EINPROGRESS);
	assert_int_equal(minato_connect(p.a.m, sender, &peer), 0);
	assert_int_equal(minato_send(p.a.m, sender, "x", 1, 0), 1);
	settle(&p);
	for (int i = 0; i < 2; i++) {
		assert_true(minato_event(p.b.m, &e));
		assert_string_equal(owner_of(p.b.m, e.socket), "run");
	}
	pair_end(&p);
}

static void test_leases_too(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_wish wish = { .proto = MINATO_TCP, .local = addr("10.0.0.1") };
	struct minato_row row;
	uint64_t cursor = 0, lease;
	uint16_t port;

	(void)state;
	act(p.a.m, "nat", 5);
	assert_int_equal(minato_port_take(p.a.m, &wish, &lease, &port), 0);
	assert_int_equal(minato_act_as(p.a.m, NULL), 0);
	while (minato_row(p.a.m, &cursor, &row) && row.kind != MINATO_KIND_LEASE)
		;
	assert_int_equal(row.kind, MINATO_KIND_LEASE);
	assert_string_equal(row.owner.program, "nat");
	assert_in_range(row.since.ns, 9 * SECOND, p.now.ns);
	assert_int_equal(minato_port_give(p.a.m, lease, true), 0);
	pair_end(&p);
}

static void test_handed_on(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_owner heir = program("worker", 9);
	const struct minato_entry uplink = { .kind = MINATO_KIND_UPLINK, .face = MINATO_FACE_ANY };
	const struct minato_wish wish = { .proto = MINATO_UDP, .local = addr("10.0.0.1") };
	uint64_t entry, s, lease;
	uint16_t port;

	(void)state;
	act(p.a.m, "master", 8);
	s = open_bound(p.a.m, MINATO_TCP, "::", 8080);
	assert_int_equal(minato_port_take(p.a.m, &wish, &lease, &port), 0);
	assert_string_equal(owner_of(p.a.m, lease), "master");
	assert_int_equal(minato_entry_add(p.a.m, &uplink, &entry), 0);
	assert_int_equal(minato_owner_set(p.a.m, s, &heir), 0);
	assert_int_equal(minato_owner_set(p.a.m, entry, NULL), 0);
	assert_string_equal(owner_of(p.a.m, s), "worker");
	assert_string_equal(owner_of(p.a.m, entry), "");
	assert_int_equal(minato_owner_copy(p.a.m, entry, s), 0);
	assert_string_equal(owner_of(p.a.m, entry), "worker");
	assert_int_equal(minato_owner_set(p.a.m, lease, &heir), 0);
	assert_string_equal(owner_of(p.a.m, lease), "worker");
	assert_int_equal(minato_owner_copy(p.a.m, s, 0), -EBADF);
	assert_int_equal(minato_owner_copy(p.a.m, 0, s), -EBADF);
	assert_int_equal(minato_close(p.a.m, s), 0);
	assert_int_equal(minato_entry_remove(p.a.m, entry), 0);
	/* The lease alone keeps the record of its owner. */
	assert_string_equal(owner_of(p.a.m, lease), "worker");
	assert_int_equal(minato_port_give(p.a.m, lease, true), 0);
	assert_int_equal(minato_owner_set(p.a.m, lease, &heir), -EBADF);
	assert_int_equal(minato_owner_set(p.a.m, s, &heir), -EBADF);
	assert_int_equal(minato_owner_set(p.a.m, entry, &heir), -EBADF);
	assert_int_equal(minato_owner_get(p.a.m, 0, &(struct minato_owner){ 0 }), -EBADF);
	pair_end(&p);
}

/* Equal owners are one record, and a record lasts as long as what it owns. */
static void test_bounded(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	const struct minato_owner third = program("third", 3);
	uint64_t s[4];
	struct host h;

	(void)state;
	c.owners_max = 2;
	h = host_new(&c, (struct minato_time){ SECOND });
	for (uint32_t round = 1; round <= 3; round++) {
		act(h.m, "first", 1);
		s[0] = open_socket(h.m, MINATO_TCP);
		act(h.m, "second", 2);
		s[1] = open_socket(h.m, MINATO_TCP);
		act(h.m, "first", 1);
		s[2] = open_socket(h.m, MINATO_TCP);
		assert_int_equal(minato_act_as(h.m, &third), -ENOSPC);
		assert_int_equal(counter(h.m, "owners_full"), 2 * round - 1);
		s[3] = open_socket(h.m, MINATO_TCP);
		assert_string_equal(owner_of(h.m, s[0]), "first");
		assert_string_equal(owner_of(h.m, s[1]), "second");
		assert_string_equal(owner_of(h.m, s[2]), "first");
		assert_string_equal(owner_of(h.m, s[3]), "");
		assert_int_equal(minato_close(h.m, s[0]), 0);
		assert_int_equal(minato_owner_set(h.m, s[3], &third), -ENOSPC);
		assert_int_equal(counter(h.m, "owners_full"), 2 * round);
		assert_int_equal(minato_close(h.m, s[2]), 0);
		assert_int_equal(minato_owner_set(h.m, s[3], &third), 0);
		assert_string_equal(owner_of(h.m, s[3]), "third");
		assert_int_equal(minato_close(h.m, s[1]), 0);
		assert_int_equal(minato_close(h.m, s[3]), 0);
	}
	host_end(&h);
}

/* Names end within their place, and what lies behind an end is no difference. */
static void test_names_are_cut(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	struct minato_owner o = program("short", 1), p = o, got;
	struct host h;
	uint64_t s;

	(void)state;
	c.owners_max = 2;
	h = host_new(&c, (struct minato_time){ SECOND });
	p.program[10] = 'x';
	assert_int_equal(minato_act_as(h.m, &o), 0);
	open_socket(h.m, MINATO_TCP);
	assert_int_equal(minato_act_as(h.m, &p), 0);
	open_socket(h.m, MINATO_TCP);
	memset(o.guest, 'g', sizeof(o.guest));
	assert_int_equal(minato_act_as(h.m, &o), 0);
	s = open_socket(h.m, MINATO_TCP);
	assert_int_equal(minato_owner_get(h.m, s, &got), 0);
	assert_int_equal(strnlen(got.guest, sizeof(got.guest)), MINATO_GUEST_SIZE - 1);
	host_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_show_who),
		cmocka_unit_test(test_connections_inherit),
		cmocka_unit_test(test_waits_keep_theirs),
		cmocka_unit_test(test_calls_inherit),
		cmocka_unit_test(test_leases_too),
		cmocka_unit_test(test_handed_on),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_names_are_cut),
	};

	return cmocka_run_group_tests_name("actors", tests, NULL, NULL);
}
