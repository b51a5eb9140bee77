/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs of gateway.h on a host value whose frames go through it. */
#include "gateway_fixture.h"

#include <errno.h>

static struct gate g;
static struct forge f;

/* A datagram from inside; the outside port that it got. */
static uint16_t send_out(uint16_t from, const char *to)
{
	uint16_t port;

	gate_clear(&g);
	forge_udp(&f, false, 100);
	gate_ends(&f, "10.0.0.2", to);
	forge_put16(f.header, from);
	gate_send(&g, 0, &f, NULL);
	port = gate_one(&g, 1)->packet.src_port;
	assert_addr(&g.caught[0].packet.src, "198.51.100.1");
	gate_clear(&g);
	return port;
}

static struct minato_endpoint public_at(uint16_t port)
{
	return (struct minato_endpoint){ addr("198.51.100.1"), port };
}

static void nothing_without_sessions(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_IP, 1);
	const struct minato_entry e = { .kind = MINATO_KIND_DMZ, .translate = true };
	const struct minato_addr a = addr("198.51.100.1");
	struct minato_session s = { .proto = 17 };
	struct minato_nat nat;
	uint64_t cursor = 0;

	(void)state;
	g.h = host_new(&c, (struct minato_time){ 0 });
	g.m = g.h.m;
	minato_nat_init(&nat);
	assert_int_equal(minato_nat_set(g.m, &nat), -EOPNOTSUPP);
	assert_int_equal(minato_nat_get(g.m, &nat), -EOPNOTSUPP);
	assert_int_equal(minato_pool_add(g.m, 0, &a, 0, 0), -EOPNOTSUPP);
	assert_int_equal(minato_entry_add(g.m, &e, NULL), -EOPNOTSUPP);
	assert_int_equal(minato_session_adopt(g.m, &s), -EOPNOTSUPP);
	assert_int_equal(minato_inside_end(g.m, &a), -EOPNOTSUPP);
	assert_false(minato_session_next(g.m, &cursor, &s));
	c.link[0].role = MINATO_ROLE_INSIDE; /* nothing can be handed on */
	assert_int_equal(minato_size(&c), 0);
	host_end(&g.h);
}

static void roles_need_scopes_of_their_own(void **state)
{
	struct minato_config c = gate_config(MINATO_LINK_IP);

	(void)state;
	assert_true(minato_size(&c) > 0);
	c.link[2].scope = c.link[1].scope;
	assert_int_equal(minato_size(&c), 0);
	c = gate_config(MINATO_LINK_IP);
	c.sessions_max = 1u << 24;
	c.mappings_max = 1u << 24;
	assert_int_equal(minato_size(&c), 0); /* more tuples than there can be */
}

static void options_are_checked(void **state)
{
	struct minato_nat nat, again;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	assert_int_equal(minato_nat_get(g.m, &nat), 0);
	assert_int_equal(nat.udp_s, 300);
	nat.udp_s = 119;
	assert_int_equal(minato_nat_set(g.m, &nat), -EINVAL);
	nat.udp_s = 120;
	nat.tcp_established_s = 7439;
	assert_int_equal(minato_nat_set(g.m, &nat), -EINVAL);
	nat.tcp_established_s = 31 * 24 * 3600;
	assert_int_equal(minato_nat_set(g.m, &nat), -EINVAL);
	nat.tcp_established_s = 7440;
	nat.unsolicited_syn_s = 5;
	assert_int_equal(minato_nat_set(g.m, &nat), -EINVAL);
	nat.unsolicited_syn_s = 0;
	assert_int_equal(minato_nat_set(g.m, &nat), 0);
	assert_int_equal(minato_nat_get(g.m, &again), 0);
	assert_memory_equal(&nat, &again, sizeof(nat));
	gate_end(&g);
}

static void flows_and_mappings_are_seen(void **state)
{
	struct minato_session s;
	struct minato_mapping m;
	struct minato_nat_news news;
	uint64_t cursor = 0;
	uint16_t port;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	port = send_out(5000, "203.0.113.9");
	assert_true(minato_session_next(g.m, &cursor, &s));
	assert_int_equal(s.source.port, 5000);
	assert_int_equal(s.destination.port, 53);
	assert_int_equal(s.back_destination.port, port);
	assert_int_equal(s.from, 0);
	assert_int_equal(s.to, 1);
	assert_false(minato_session_next(g.m, &cursor, &s));
	assert_int_equal(
		minato_mapping_find(g.m, MINATO_UDP,
				    &(struct minato_endpoint){ addr("198.51.100.1"), port }, &m),
		0);
	assert_int_equal(m.inside.port, 5000);
	assert_int_equal(m.sessions, 1);
	assert_true(minato_nat_news(g.m, &news));
	assert_int_equal(news.kind, MINATO_NEWS_MAPPED);
	assert_int_equal(news.outside.port, port);
	assert_int_equal(minato_mapping_end(g.m, m.handle), 0);
	assert_int_equal(minato_mapping_end(g.m, m.handle), -EBADF);
	assert_int_equal(minato_session_end(g.m, s.handle), -EBADF);
	assert_true(minato_nat_news(g.m, &news));
	assert_int_equal(news.kind, MINATO_NEWS_UNMAPPED);
	assert_false(minato_nat_news(g.m, &news));
	gate_end(&g);
}

static bool find_row(enum minato_kind kind, struct minato_row *row)
{
	uint64_t cursor = 0;

	while (minato_row(g.m, &cursor, row))
		if (row->kind == kind)
			return true;
	return false;
}

static void rows_show_them(void **state)
{
	struct minato_row row;
	uint16_t port;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	port = send_out(5000, "203.0.113.9");
	assert_true(find_row(MINATO_KIND_MAPPING, &row));
	assert_addr(&row.local.addr, "198.51.100.1");
	assert_int_equal(row.local.port, port);
	assert_addr(&row.target.addr, "10.0.0.2");
	assert_true(find_row(MINATO_KIND_SESSION, &row));
	assert_addr(&row.remote.addr, "10.0.0.2");
	assert_addr(&row.local.addr, "203.0.113.9");
	assert_addr(&row.target.addr, "203.0.113.9");
	assert_int_equal(row.via.port, port);
	gate_end(&g);
}

/* One table: what either has the other does not get. */
static void sockets_and_mappings_exclude_each_other(void **state)
{
	struct minato_endpoint at;
	struct minato_entry e = { .kind = MINATO_KIND_FORWARD,
				  .scope = 1,
				  .face = MINATO_FACE_ANY,
				  .proto = MINATO_UDP,
				  .translate = true,
				  .target = { addr("10.0.0.3"), 0 } };
	struct minato_mapping m;
	uint64_t socket, handle;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	at = public_at(send_out(5000, "203.0.113.9"));
	assert_int_equal(minato_socket(g.m, MINATO_UDP, 1, &socket), 0);
	assert_int_equal(minato_bind(g.m, socket, &at), -EADDRINUSE);
	e.first = e.last = at.port;
	assert_int_equal(minato_entry_add(g.m, &e, &handle), -EADDRINUSE);
	assert_int_equal(minato_mapping_find(g.m, MINATO_UDP, &at, &m), 0);
	assert_true(handle == m.handle);
	/* A range that has it; another protocol. */
	e.first = (uint16_t)(at.port - 1);
	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	assert_int_equal(minato_entry_remove(g.m, handle), 0);
	e.proto = MINATO_TCP;
	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	assert_int_equal(minato_mapping_end(g.m, m.handle), 0);
	assert_int_equal(minato_bind(g.m, socket, &at), 0);
	gate_end(&g);
}

/* Who gets a datagram that comes from outside to the port; NULL: nobody inside. */
static const char *sent_in(uint16_t port)
{
	static char text[64];

	gate_clear(&g);
	forge_udp(&f, false, 100);
	gate_ends(&f, "203.0.113.9", "198.51.100.1");
	forge_put16(f.header, (uint16_t)(7000 + port % 1000));
	forge_put16(f.header + 2, port);
	gate_send(&g, 1, &f, NULL);
	gate_drain(&g, 32);
	if (g.count != 1 || g.caught[0].link != 0)
		return NULL;
	assert_true(minato_addr_is4(&g.caught[0].packet.dst));
	snprintf(text, sizeof(text), "10.0.0.%u:%u", g.caught[0].packet.dst.bytes[15],
		 g.caught[0].packet.dst_port);
	gate_clear(&g);
	return text;
}

static void a_range_takes_ports_over_as_mappings_end(void **state)
{
	struct minato_endpoint at;
	struct minato_entry e = { .kind = MINATO_KIND_FORWARD,
				  .scope = 1,
				  .face = MINATO_FACE_ANY,
				  .proto = MINATO_UDP,
				  .translate = true,
				  .target = { addr("10.0.0.3"), 0 } };
	struct minato_mapping m;
	char theirs[64], mine[64], beside[64];
	uint64_t handle;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	at = public_at(send_out(5000, "203.0.113.9"));
	e.first = (uint16_t)(at.port & ~63);
	e.last = e.first + 63;
	snprintf(theirs, sizeof(theirs), "10.0.0.2:5000");
	snprintf(mine, sizeof(mine), "10.0.0.3:%u", at.port);
	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	/* The mapping's port is the mapping's, the others are the range's. */
	assert_string_equal(sent_in(at.port), theirs);
	snprintf(beside, sizeof(beside), "10.0.0.3:%u", at.port ^ 1);
	assert_string_equal(sent_in(at.port ^ 1), beside);
	assert_int_equal(minato_mapping_find(g.m, MINATO_UDP, &at, &m), 0);
	assert_int_equal(minato_mapping_end(g.m, m.handle), 0);
	assert_string_equal(sent_in(at.port), mine);
	/* No new mapping gets one of them. */
	for (uint16_t i = 0; i < 2000; i++) {
		uint16_t port = send_out((uint16_t)(6000 + i), "203.0.113.9");

		assert_false(port >= e.first && port <= e.last);
	}
	gate_end(&g);
}

static void all_but_one_port_are_held(void **state)
{
	struct minato_entry e = { .kind = MINATO_KIND_RESERVED,
				  .scope = 1,
				  .face = MINATO_FACE_ANY,
				  .first = 1024,
				  .last = 40000 };
	uint64_t handle;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	assert_int_equal(minato_entry_add(g.m, &e, NULL), 0);
	e.first = 40002;
	e.last = 65535;
	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	assert_int_equal(send_out(5000, "203.0.113.9"), 40001);
	assert_int_equal(minato_entry_remove(g.m, handle), 0);
	assert_true(send_out(5001, "203.0.113.9") > 40001);
	gate_end(&g);
}

static void entries_come_back_whole(void **state)
{
	const struct minato_server servers[2] = { { { addr("10.0.0.2"), 80 }, 1, false },
						  { { addr("10.0.0.3"), 80 }, 3, true } };
	struct minato_entry e = { .kind = MINATO_KIND_FORWARD,
				  .scope = 1,
				  .face = MINATO_FACE_ANY,
				  .proto = MINATO_TCP,
				  .first = 80,
				  .last = 80,
				  .translate = true,
				  .flows_max = 7,
				  .source_flows_max = 5,
				  .user = 99 };
	struct minato_server out[4];
	struct minato_entry got;
	uint64_t handle, group = 0;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	assert_int_equal(minato_group_set(g.m, &group, servers, 2, false), 0);
	e.group = group;
	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	assert_int_equal(minato_entry_get(g.m, handle, &got), 0);
	assert_true(got.translate && got.group == group && got.user == 99);
	assert_int_equal(got.flows_max, 7);
	assert_int_equal(got.source_flows_max, 5);
	assert_int_equal(minato_group_get(g.m, group, out, 4), 2);
	assert_true(out[1].down);
	assert_int_equal(minato_group_remove(g.m, group), -EBUSY);
	assert_int_equal(minato_entry_remove(g.m, handle), 0);
	assert_int_equal(minato_group_remove(g.m, group), 0);
	assert_int_equal(minato_group_get(g.m, group, out, 4), -EBADF);
	gate_end(&g);
}

static void bounds_are_of_several_entries(void **state)
{
	struct minato_entry e = { .kind = MINATO_KIND_FORWARD,
				  .scope = 1,
				  .face = MINATO_FACE_ANY,
				  .proto = MINATO_TCP,
				  .first = 80,
				  .last = 80,
				  .target = { addr("10.0.0.2"), 80 },
				  .translate = true,
				  .flows_max = 7 };
	struct minato_entry got;
	uint64_t first, second;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	assert_int_equal(minato_entry_add(g.m, &e, &first), 0);
	e.first = e.last = 81;
	e.flows_max = 0;
	e.bounds_of = first;
	assert_int_equal(minato_entry_add(g.m, &e, &second), 0);
	assert_int_equal(minato_entry_get(g.m, second, &got), 0);
	assert_int_equal(got.bounds_of, first);
	assert_int_equal(got.flows_max, 7);
	assert_int_equal(minato_entry_get(g.m, first, &got), 0);
	assert_int_equal(got.bounds_of, 0);
	assert_int_equal(minato_entry_remove(g.m, first), 0);
	e.first = e.last = 82;
	assert_int_equal(minato_entry_add(g.m, &e, NULL), -EBADF);
	e.bounds_of = second;
	assert_int_equal(minato_entry_add(g.m, &e, NULL), 0);
	gate_end(&g);
}

/* As a keeper does whose worker died: the memory is read, another host carries on. */
static void a_successor_takes_over(void **state)
{
	const struct minato_config c = gate_config(MINATO_LINK_IP);
	struct minato_session s;
	struct gate old;
	uint64_t cursor = 0;
	uint16_t port;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	port = send_out(5000, "203.0.113.9");
	old = g;
	gate_new(&g, MINATO_LINK_IP);
	assert_true(minato_session_salvage(old.m, minato_size(&c), &c, &cursor, &s));
	assert_int_equal(minato_session_adopt(g.m, &s), 0);
	assert_false(minato_session_salvage(old.m, minato_size(&c), &c, &cursor, &s));
	gate_end(&old);
	forge_udp(&f, false, 100);
	gate_ends(&f, "203.0.113.9", "198.51.100.1");
	forge_put16(f.header, 53);
	forge_put16(f.header + 2, port);
	gate_send(&g, 1, &f, NULL);
	assert_addr(&gate_one(&g, 0)->packet.dst, "10.0.0.2");
	assert_int_equal(g.caught[0].packet.dst_port, 5000);
	gate_clear(&g);
	gate_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_without_sessions),
		cmocka_unit_test(roles_need_scopes_of_their_own),
		cmocka_unit_test(options_are_checked),
		cmocka_unit_test(flows_and_mappings_are_seen),
		cmocka_unit_test(rows_show_them),
		cmocka_unit_test(sockets_and_mappings_exclude_each_other),
		cmocka_unit_test(a_range_takes_ports_over_as_mappings_end),
		cmocka_unit_test(all_but_one_port_are_held),
		cmocka_unit_test(entries_come_back_whole),
		cmocka_unit_test(bounds_are_of_several_entries),
		cmocka_unit_test(a_successor_takes_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
