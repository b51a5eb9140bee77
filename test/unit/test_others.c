/* SPDX-License-Identifier: BSD-2-Clause */
/* Protocols without ports: one owner of each towards a remote, and what a dmz host gets. */
#include "nat_fixture.h"

#include "minato/guard.h"

#define GRE 47
#define ESP 50
#define AH 51
#define DCCP 33
#define SCTP 132

static const char *const server = "203.0.113.9", *const other = "203.0.113.10";

static enum nat_verdict send(bool inside, uint8_t protocol, const char *src, const char *dst)
{
	const struct minato_addr from = addr(src);
	const struct minato_addr to = addr(dst);
	const struct port_key key =
		nat_other_key(inside ? 0 : 1, inside ? 0 : 1, protocol, &to, &from);
	const struct nat_packet p = {
		.inside = inside,
		.whose = nat_pool_has(n, UINT32_MAX, &to) ? NAT_OUTSIDE : NAT_OTHERS,
		.opens = true,
	};

	memset(&way, 0, sizeof(way));
	return nat_other(n, &key, &p, &way) ? NAT_PASS : nat_other_begin(n, &key, &p, &way);
}

static void leaves_as(const char *src, const char *dst)
{
	assert_true(minato_addr_equal(&way.src.addr, &(struct minato_addr[]){ addr(src) }[0]));
	assert_true(minato_addr_equal(&way.dst.addr, &(struct minato_addr[]){ addr(dst) }[0]));
}

static uint32_t sessions(void)
{
	struct minato_session s;
	uint64_t cursor = 0;
	uint32_t count = 0;

	while (nat_session_next(n, &cursor, &s)) {
		assert_int_equal(s.proto, MINATO_PROTO_OTHER);
		assert_int_equal(s.source.port, s.back_source.port);
		count++;
	}
	return count;
}

static void outward_and_back(void **state)
{
	(void)state;
	assert_int_equal(send(true, GRE, "10.0.0.7", server), NAT_PASS);
	leaves_as(PUBLIC, server);
	assert_int_equal(send(false, GRE, server, PUBLIC), NAT_PASS);
	leaves_as(server, "10.0.0.7");
	assert_int_equal(way.scope, 0);
	/* Of another protocol, or from somebody else, nothing was begun. */
	assert_int_equal(send(false, ESP, server, PUBLIC), NAT_HOST);
	assert_int_equal(send(false, GRE, other, PUBLIC), NAT_HOST);
	assert_int_equal(sessions(), 1);
}

static void one_owner_of_each_towards_a_remote(void **state)
{
	(void)state;
	assert_int_equal(send(true, SCTP, "10.0.0.7", server), NAT_PASS);
	assert_int_equal(send(true, SCTP, "10.0.0.8", server), NAT_UNREACHABLE);
	assert_int_equal(counted(NAT_COUNT_TAKEN), 1);
	/* Another protocol, or towards another one, is not taken. */
	assert_int_equal(send(true, ESP, "10.0.0.8", server), NAT_PASS);
	assert_int_equal(send(true, SCTP, "10.0.0.8", other), NAT_PASS);
	assert_int_equal(send(false, SCTP, other, PUBLIC), NAT_PASS);
	leaves_as(other, "10.0.0.8");
	assert_int_equal(send(false, SCTP, server, PUBLIC), NAT_PASS);
	leaves_as(server, "10.0.0.7");
	/* It is free when it has been silent for ten minutes. */
	pass_ms(599 * 1000);
	assert_int_not_equal(send(true, SCTP, "10.0.0.8", server), NAT_PASS);
	pass_ms(2 * 1000);
	assert_int_equal(send(true, SCTP, "10.0.0.8", server), NAT_PASS);
	assert_int_equal(send(false, SCTP, server, PUBLIC), NAT_PASS);
	leaves_as(server, "10.0.0.8");
}

static void a_host_is_counted_and_ends(void **state)
{
	const struct minato_addr host = addr("10.0.0.7");

	(void)state;
	assert_int_equal(send(true, GRE, "10.0.0.7", server), NAT_PASS);
	assert_int_equal(send(true, ESP, "10.0.0.7", server), NAT_PASS);
	assert_int_equal(host_record(n, host_find(n, 0, &host))->sessions, 2);
	assert_int_equal(nat_inside_end(n, &host), 2);
	assert_int_equal(sessions(), 0);
	assert_int_equal(host_find(n, 0, &host), NAT_NONE);
	assert_int_equal(send(true, GRE, "10.0.0.8", server), NAT_PASS);
}

static int64_t add_dmz(void)
{
	struct minato_entry dmz = forward_entry(0, 0, UINT16_MAX, "10.0.0.9", 0);

	dmz.kind = MINATO_KIND_DMZ;
	dmz.proto = 0;
	return add_entry(&dmz);
}

static void a_dmz_host_gets_them_all(void **state)
{
	struct minato_entry web = forward_entry(TCP, 80, 80, "10.0.0.2", 0);

	(void)state;
	assert_true(add_entry(&web) >= 0);
	assert_int_equal(send(false, GRE, server, PUBLIC), NAT_HOST);
	assert_true(add_dmz() >= 0);
	/* What an inside host has begun stays his. */
	assert_int_equal(send(true, ESP, "10.0.0.7", server), NAT_PASS);
	assert_int_equal(send(false, ESP, server, PUBLIC), NAT_PASS);
	leaves_as(server, "10.0.0.7");
	assert_int_equal(send(false, GRE, server, PUBLIC), NAT_PASS);
	leaves_as(server, "10.0.0.9");
	assert_int_equal(send(true, GRE, "10.0.0.9", server), NAT_PASS);
	leaves_as(PUBLIC, server);
	assert_int_not_equal(send(true, GRE, "10.0.0.7", server), NAT_PASS);
}

/* Its checksum is over the addresses; and whose list wants ports to be translated. */
static void some_stay_where_they_are(void **state)
{
	(void)state;
	assert_int_equal(send(true, AH, "10.0.0.9", server), NAT_CLOSED);
	assert_int_equal(send(true, DCCP, "10.0.0.9", server), NAT_CLOSED);
	assert_true(add_dmz() >= 0);
	assert_int_equal(send(true, AH, "10.0.0.9", server), NAT_CLOSED);
	assert_int_equal(send(false, AH, server, PUBLIC), NAT_HOST);
	assert_int_equal(send(true, DCCP, "10.0.0.7", server), NAT_CLOSED);
	assert_int_equal(send(true, DCCP, "10.0.0.9", server), NAT_PASS);
	assert_int_equal(send(false, DCCP, other, PUBLIC), NAT_PASS);
	leaves_as(other, "10.0.0.9");
	/* RFC 5597 REQ-5: two hours and four minutes. */
	pass_ms(7440 * 1000);
	assert_int_equal(sessions(), 2);
	pass_ms(2 * 1000);
	assert_int_equal(sessions(), 0);
	assert_int_equal(send(true, AH, "fd00::7", "2001:db8::9"), NAT_PASS);
}

/* Who fills the sessions by them gives way to others, as with ports. */
static void the_largest_gives_way(void **state)
{
	struct minato_addr to = addr(server);
	struct port_key key;
	const struct nat_packet p = { .inside = true, .whose = NAT_OTHERS, .opens = true };
	const struct minato_addr from = addr("10.0.0.7");
	uint32_t made = 0;

	(void)state;
	do {
		to.bytes[13] = (uint8_t)(made >> 16);
		to.bytes[14] = (uint8_t)(made >> 8);
		to.bytes[15] = (uint8_t)made;
		key = nat_other_key(0, 0, GRE, &to, &from);
		made++;
	} while (nat_other_begin(n, &key, &p, &way) == NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_NO_MEMORY), 1);
	assert_int_equal(send(true, GRE, "10.0.0.8", "192.0.2.77"), NAT_PASS);
	assert_int_equal(send(true, ESP, "10.0.0.8", "192.0.2.77"), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_HOST_VICTIM), 2);
}

static void a_hosts_bound_holds(void **state)
{
	struct minato_nat options = *nat_get(n);

	(void)state;
	options.host_sessions = 2;
	assert_int_equal(nat_set(n, &options), 0);
	assert_int_equal(send(true, GRE, "10.0.0.7", server), NAT_PASS);
	assert_int_equal(send(true, ESP, "10.0.0.7", server), NAT_PASS);
	assert_int_equal(send(true, SCTP, "10.0.0.7", server), NAT_UNREACHABLE);
	assert_int_equal(send(true, SCTP, "10.0.0.8", server), NAT_PASS);
}

static void they_end_with_their_pool(void **state)
{
	const struct minato_addr public = addr(PUBLIC);

	(void)state;
	assert_int_equal(send(true, GRE, "10.0.0.7", server), NAT_PASS);
	assert_int_equal(send(true, GRE, "fd00::7", "2001:db8::9"), NAT_PASS);
	assert_int_equal(nat_pool_remove(n, 1, &public), 1);
	assert_int_equal(sessions(), 1);
}

static void ipv6_is_closed_unless_it_was_begun(void **state)
{
	struct minato_nat options = *nat_get(n);

	(void)state;
	assert_int_equal(send(false, GRE, "2001:db8::9", "fd00::7"), NAT_CLOSED);
	assert_int_equal(send(true, GRE, "fd00::7", "2001:db8::9"), NAT_PASS);
	leaves_as("fd00::7", "2001:db8::9");
	assert_int_equal(send(false, GRE, "2001:db8::9", "fd00::7"), NAT_PASS);
	leaves_as("2001:db8::9", "fd00::7");
	assert_true(way.same);
	assert_int_equal(send(false, SCTP, "2001:db8::9", "fd00::7"), NAT_CLOSED);
	options.inbound_opens_ipv6 = true;
	assert_int_equal(nat_set(n, &options), 0);
	assert_int_equal(send(false, SCTP, "2001:db8::9", "fd00::7"), NAT_PASS);
}

/* The Internet Key Exchange comes in unasked (RFC 6092 3.2.4) where that is wished. */
static void ike_comes_in(void **state)
{
	struct minato_nat options = *nat_get(n);

	(void)state;
	assert_int_equal(in(UDP, end("2001:db8::8", 500), end("fd00::7", 500), 0), NAT_CLOSED);
	options.inbound_ipsec = true;
	assert_int_equal(nat_set(n, &options), 0);
	assert_int_equal(in(UDP, end("2001:db8::9", 500), end("fd00::7", 501), 0), NAT_CLOSED);
	assert_int_equal(in(UDP, end("2001:db8::9", 500), end("fd00::7", 500), 0), NAT_PASS);
}

static void errors_find_who_sent(void **state)
{
	const struct minato_addr public = addr(PUBLIC);
	const struct minato_addr far = addr(server);
	const struct port_key key = nat_other_key(1, 1, GRE, &public, &far);

	(void)state;
	assert_int_equal(nat_error(n, &key, false, &way), NAT_HOST);
	assert_int_equal(send(true, GRE, "10.0.0.7", server), NAT_PASS);
	assert_int_equal(nat_error(n, &key, false, &way), NAT_PASS);
	leaves_as(server, "10.0.0.7");
}

static void they_outlive_a_worker(void **state)
{
	static struct minato_session kept[4];
	uint64_t cursor = 0;
	uint32_t count = 0;

	(void)state;
	assert_true(add_dmz() >= 0);
	assert_int_equal(send(true, ESP, "10.0.0.7", server), NAT_PASS);
	assert_int_equal(send(false, GRE, server, PUBLIC), NAT_PASS);
	assert_int_equal(send(true, SCTP, "fd00::7", "2001:db8::9"), NAT_PASS);
	while (nat_session_next(n, &cursor, &kept[count]))
		count++;
	assert_int_equal(count, 3);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(nat_session_end(n, kept[i].handle), 0);
	assert_int_equal(sessions(), 0);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(nat_session_adopt(n, &kept[i]), 0);
	assert_int_equal(sessions(), 3);
	assert_int_equal(send(false, ESP, server, PUBLIC), NAT_PASS);
	leaves_as(server, "10.0.0.7");
	assert_int_equal(send(true, GRE, "10.0.0.9", server), NAT_PASS);
	leaves_as(PUBLIC, server);
	/* What could be no such flow is not adopted. */
	kept[0].destination.port++;
	kept[0].source.addr = addr("10.0.0.8");
	assert_int_equal(nat_session_adopt(n, &kept[0]), -EINVAL);
	kept[0].source.port = kept[0].destination.port = TCP;
	kept[0].back_source.port = kept[0].back_destination.port = TCP;
	assert_int_equal(nat_session_adopt(n, &kept[0]), -EINVAL);
}

/* As outside: the dmz host gets it, from the sender's outside address. */
static void hairpin_to_the_dmz_host(void **state)
{
	const struct minato_addr host = addr("10.0.0.7");
	struct minato_nat options = *nat_get(n);
	struct minato_session s;
	uint64_t cursor = 0;

	(void)state;
	assert_int_equal(send(true, GRE, "10.0.0.7", PUBLIC), NAT_HOST);
	assert_true(add_dmz() >= 0);
	assert_int_equal(send(true, GRE, "10.0.0.7", PUBLIC), NAT_PASS);
	leaves_as(PUBLIC, "10.0.0.9");
	assert_true(way.hairpin && !way.same && way.scope == 0);
	assert_int_equal(send(true, GRE, "10.0.0.9", PUBLIC), NAT_PASS);
	leaves_as(PUBLIC, "10.0.0.7");
	assert_true(nat_session_next(n, &cursor, &s));
	assert_true(s.hairpin && s.forward);
	assert_int_equal(host_record(n, host_find(n, 0, &host))->sessions, 1);
	/* Towards the dmz host one inside host has it; another protocol is free. */
	assert_int_equal(send(true, GRE, "10.0.0.8", PUBLIC), NAT_UNREACHABLE);
	assert_int_equal(counted(NAT_COUNT_TAKEN), 1);
	assert_int_equal(way.icmp_code, 1);
	assert_int_equal(host_find(n, 0, &(struct minato_addr[]){ addr("10.0.0.8") }[0]), NAT_NONE);
	assert_int_equal(send(true, ESP, "10.0.0.8", PUBLIC), NAT_PASS);
	/* Beside it others come from outside, and it goes out itself. */
	assert_int_equal(send(false, GRE, server, PUBLIC), NAT_PASS);
	leaves_as(server, "10.0.0.9");
	assert_int_equal(send(true, GRE, "10.0.0.7", other), NAT_PASS);
	pass_ms(601 * 1000);
	assert_int_equal(sessions(), 0);
	assert_int_equal(host_find(n, 0, &host), NAT_NONE);
	options.hairpin = false;
	assert_int_equal(nat_set(n, &options), 0);
	assert_int_equal(send(true, GRE, "10.0.0.7", PUBLIC), NAT_DROP);
	assert_int_equal(counted(NAT_COUNT_HAIRPIN_OFF), 1);
	assert_int_equal(host_find(n, 0, &host), NAT_NONE);
}

static void some_hairpins_are_none(void **state)
{
	(void)state;
	assert_true(add_dmz() >= 0);
	assert_int_equal(send(true, GRE, "10.0.0.9", PUBLIC), NAT_HOST); /* to himself */
	assert_int_equal(send(true, AH, "10.0.0.7", PUBLIC), NAT_HOST);
	assert_int_equal(send(true, DCCP, "10.0.0.7", PUBLIC), NAT_HOST);
	assert_int_equal(sessions(), 0);
}

static void a_hairpin_is_bounded_and_ends(void **state)
{
	const struct minato_addr host = addr("10.0.0.7"), public = addr(PUBLIC);
	struct minato_nat options = *nat_get(n);

	(void)state;
	options.host_sessions = 1;
	assert_int_equal(nat_set(n, &options), 0);
	assert_true(add_dmz() >= 0);
	assert_int_equal(send(true, GRE, "10.0.0.7", PUBLIC), NAT_PASS);
	assert_int_equal(send(true, ESP, "10.0.0.7", PUBLIC), NAT_UNREACHABLE);
	assert_int_equal(counted(NAT_COUNT_HOST_SESSIONS), 1);
	assert_int_equal(nat_inside_end(n, &host), 1);
	assert_int_equal(host_find(n, 0, &host), NAT_NONE);
	/* With its address outside; and with the host that it goes to. */
	assert_int_equal(send(true, ESP, "10.0.0.7", PUBLIC), NAT_PASS);
	assert_int_equal(nat_inside_end(n, &(struct minato_addr[]){ addr("10.0.0.9") }[0]), 1);
	assert_int_equal(send(true, ESP, "10.0.0.7", PUBLIC), NAT_PASS);
	assert_int_equal(nat_pool_remove(n, 1, &public), 1);
	assert_int_equal(host_find(n, 0, &host), NAT_NONE);
}

/* What makes way for it may be the last that its own host has. */
static void a_hairpin_makes_way_for_the_next(void **state)
{
	const struct minato_addr host = addr("10.0.0.7");
	struct minato_entry dmz = forward_entry(0, 0, UINT16_MAX, "10.0.0.9", 0);

	(void)state;
	dmz.kind = MINATO_KIND_DMZ;
	dmz.proto = 0;
	dmz.flows_max = 1;
	assert_true(add_entry(&dmz) >= 0);
	assert_int_equal(send(true, GRE, "10.0.0.7", PUBLIC), NAT_PASS);
	assert_int_equal(send(true, ESP, "10.0.0.7", PUBLIC), NAT_PASS);
	assert_int_equal(sessions(), 1);
	assert_int_equal(host_record(n, host_find(n, 0, &host))->sessions, 1);
	assert_int_equal(nat_inside_end(n, &host), 1);
	assert_int_equal(host_find(n, 0, &host), NAT_NONE);
}

static void a_hairpin_outlives_a_worker(void **state)
{
	const struct minato_addr host = addr("10.0.0.7");
	static struct minato_session kept;
	uint64_t cursor = 0;

	(void)state;
	assert_true(add_dmz() >= 0);
	assert_int_equal(send(true, GRE, "10.0.0.7", PUBLIC), NAT_PASS);
	assert_true(nat_session_next(n, &cursor, &kept));
	assert_int_equal(nat_session_end(n, kept.handle), 0);
	assert_int_equal(nat_session_adopt(n, &kept), 0);
	assert_int_equal(host_record(n, host_find(n, 0, &host))->sessions, 1);
	assert_int_equal(nat_session_adopt(n, &kept), -EADDRINUSE);
	assert_int_equal(send(true, GRE, "10.0.0.9", PUBLIC), NAT_PASS);
	leaves_as(PUBLIC, "10.0.0.7");
	pass_ms(601 * 1000);
	assert_int_equal(host_find(n, 0, &host), NAT_NONE);
	/* Of a hairpin there is always a dmz. */
	kept.forward = false;
	assert_int_equal(nat_session_adopt(n, &kept), -EINVAL);
}

/* A router's hop, with a session: so its answers pass whatever the other way's rules say. */
static void between_insides(void **state)
{
	const struct minato_addr a = addr("10.0.0.7"), b = addr("10.0.2.7");
	const struct port_key there = nat_other_key(0, 0, GRE, &b, &a);
	const struct port_key back = nat_other_key(2, 2, GRE, &a, &b);
	const struct nat_packet p = { .inside = true, .opens = true };
	const struct minato_entry block = { .kind = MINATO_KIND_GUARD,
					    .verdict = MINATO_REFUSE,
					    .proto = MINATO_PROTO_OTHER,
					    .first = GRE,
					    .last = GRE,
					    .scope = 2,
					    .face = MINATO_FACE_ANY,
					    .course = MINATO_COURSE_IN,
					    .uid = MINATO_UID_NONE,
					    .order = 1 };
	struct port_probe probe = { .key = &there }, reply = { .key = &back };
	uint32_t holder;

	(void)state;
	assert_true(port_add(t, &block, &holder) >= 0);
	port_seek(t, &reply, 1);
	assert_int_equal(nat_between(n, &reply, &p, 0, &way), NAT_PROHIBITED);
	port_seek(t, &probe, 1);
	assert_int_equal(nat_between(n, &probe, &p, 2, &way), NAT_PASS);
	assert_true(way.same && way.between && way.scope == 2);
	port_seek(t, &reply, 1);
	assert_int_equal(nat_between(n, &reply, &p, 0, &way), NAT_PASS);
	assert_int_equal(way.scope, 0);
	assert_int_equal(host_record(n, host_find(n, 0, &a))->sessions, 1);
	pass_ms(601 * 1000);
	assert_int_equal(host_find(n, 0, &a), NAT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(outward_and_back),
		CASE(hairpin_to_the_dmz_host),
		CASE(some_hairpins_are_none),
		CASE(a_hairpin_is_bounded_and_ends),
		CASE(a_hairpin_makes_way_for_the_next),
		CASE(a_hairpin_outlives_a_worker),
		CASE(between_insides),
		CASE(one_owner_of_each_towards_a_remote),
		CASE(a_host_is_counted_and_ends),
		CASE(a_dmz_host_gets_them_all),
		CASE(some_stay_where_they_are),
		CASE(the_largest_gives_way),
		CASE(a_hosts_bound_holds),
		CASE(they_end_with_their_pool),
		CASE(ipv6_is_closed_unless_it_was_begun),
		CASE(ike_comes_in),
		CASE(errors_find_who_sent),
		CASE(they_outlive_a_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
