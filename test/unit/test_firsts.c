/* SPDX-License-Identifier: BSD-2-Clause */
/* What is found out of a whole batch is not believed once it is no longer so. */
#include "unit/nat_fixture.h"

static const char *const host = "10.0.0.7", *const server = "203.0.113.9";
static const struct nat_packet opening = { .inside = true, .whose = NAT_OTHERS, .opens = true };

struct batch {
	struct port_key key[2];
	struct port_probe probe[2];
};

static void seek_of(struct batch *b, uint8_t proto, const char *from, const char *to)
{
	for (uint16_t i = 0; i < 2; i++) {
		b->key[i] = (struct port_key){ .local = addr(to),
					       .local_port = (uint16_t)(53 + i),
					       .remote = addr(from),
					       .remote_port = 5000,
					       .proto = proto };
		b->probe[i].key = &b->key[i];
	}
	port_seek(t, b->probe, 2);
	nat_seek(n, b->probe, 2);
}

static void seek(struct batch *b, const char *from, const char *to)
{
	seek_of(b, UDP, from, to);
}

static void go(struct batch *b, uint16_t which)
{
	assert_int_equal(nat_packet(n, &b->probe[which], &opening, &way), NAT_PASS);
	assert_int_equal(way.dst.port, b->key[which].local_port);
}

/* An answer to what left as `way` goes where it came from. */
static void assert_answered(const char *from)
{
	const struct minato_endpoint source = way.src, destination = way.dst;

	assert_int_equal(in(UDP, destination, source, 0), NAT_PASS);
	assert_true(same_end(way.dst, end(from, 5000)));
}

static void a_mapping_is_found_for_all(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 9);
	struct batch b;

	(void)state;
	seek(&b, host, server);
	for (uint16_t i = 0; i < 2; i++) {
		const struct port_probe *outer = NULL;
		assert_int_equal(firsts_mapping(n, &b.probe[i], &outer), 0);
		assert_true(same_end(
			(struct minato_endpoint){ outer->key->local, outer->key->local_port }, at));
		go(&b, i);
		assert_true(same_end(way.src, at));
		assert_answered(host);
		seek(&b, host, server); /* the answer was another batch */
	}
	assert_true(bucket_sound(t));
}

/* Of who has no mapping yet the port is foreseen: for the first of a batch rightly. */
static void the_other_face_is_foreseen(void **state)
{
	const struct port_probe *outer = NULL;
	struct batch b;

	(void)state;
	map_udp("10.0.0.8", 5000, server, 9); /* the walk has begun */
	seek(&b, host, server);
	assert_int_equal(firsts_mapping(n, &b.probe[0], &outer), NAT_NONE);
	assert_non_null(outer);
	go(&b, 0);
	assert_int_equal(way.src.port, outer->key->local_port);
	go(&b, 1); /* not the port that was foreseen for it: it has a mapping by now */
	assert_int_equal(way.src.port, firsts_mapping(n, &b.probe[0], &outer) == NAT_NONE ?
					       outer->key->local_port :
					       0);
	assert_answered(host);
	assert_int_equal(n->mappings.used, 2);
	assert_true(bucket_sound(t));
}

static void of_ipv6_too(void **state)
{
	struct batch b;

	(void)state;
	assert_int_equal(out(UDP, end("2001:db8::7", 5000), end("2001:db8:1::9", 9), 0), NAT_PASS);
	seek(&b, "2001:db8::7", "2001:db8:1::9");
	go(&b, 0);
	go(&b, 1);
	assert_int_equal(n->mappings.used, 1);
	assert_int_equal(n->sessions6.used, 3);
	assert_answered("2001:db8::7");
}

static void a_mapping_that_ended_is_made_anew(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 9);
	struct batch b;

	(void)state;
	seek(&b, host, server);
	assert_int_equal(nat_mapping_end(n, nat_mapping_handle(n, 0)), 0);
	go(&b, 0);
	assert_false(same_end(way.src, at));
	assert_int_equal(n->mappings.used, 1);
	go(&b, 1);
	assert_int_equal(n->mappings.used, 1);
	assert_int_equal(n->sessions4.used, 2);
	assert_answered(host);
}

/* The place that the mapping had is another's by now. */
static void nor_is_it_taken_for_another(void **state)
{
	struct minato_endpoint at;
	struct batch b;

	(void)state;
	map_udp(host, 5000, server, 9);
	seek(&b, host, server);
	assert_int_equal(nat_mapping_end(n, nat_mapping_handle(n, 0)), 0);
	n->firsts.count = 0; /* of the packet that follows nothing is kept */
	{
		const struct port_key key = { .local = addr(server),
					      .local_port = 9,
					      .remote = addr("10.0.0.8"),
					      .remote_port = 5000,
					      .proto = UDP };
		struct port_probe probe = { .key = &key };
		port_seek(t, &probe, 1);
		assert_int_equal(nat_packet(n, &probe, &opening, &way), NAT_PASS);
	}
	at = way.src;
	n->firsts.count = 2;
	go(&b, 0);
	assert_false(same_end(way.src, at));
	assert_answered(host);
	assert_int_equal(n->mappings.used, 2);
}

/* What begin.c makes of the usual flow is what it makes of any. */
static void known_or_not_the_session_is_the_same(void **state)
{
	static const uint8_t protos[] = { TCP, UDP };
	struct nat_session made[2];
	struct batch b;

	(void)state;
	n->options.udp_short_s = 20;
	for (uint32_t i = 0; i < 4; i++) {
		const uint8_t proto = protos[i / 2];
		const struct nat_packet p = { .inside = true,
					      .whose = NAT_OTHERS,
					      .opens = true,
					      .tcp_flags = proto == TCP ? NAT_SYN : 0 };
		if (i % 2 == 0)
			assert_int_equal(out(proto, end(host, 5000), end(server, 9), NAT_SYN),
					 NAT_PASS);
		seek_of(&b, proto, host, server);
		if (i % 2 != 0)
			n->firsts.count = 0; /* nothing is known of it */
		assert_int_equal(nat_packet(n, &b.probe[0], &p, &way), NAT_PASS);
		assert_int_equal(way.session, i / 2 * 2 + 1);
		made[i % 2] = *session_at(n, way.session);
		assert_int_equal(made[i % 2].generation % 2, 1);
		made[i % 2].generation = 0;
		assert_int_equal(mapping_at(n, i / 2)->count, 2);
		assert_int_equal(mapping_at(n, i / 2)->holders, 2);
		assert_int_equal(host_record(n, 0)->sessions, i / 2 * 2 + 2);
		assert_int_equal(session_at(n, i / 2 * 2)->prev, way.session);
		assert_true((made[0].flags & NAT_IS_SHORT) != 0 || proto == TCP);
		if (i % 2 == 0)
			session_end(n, way.session);
		else
			assert_memory_equal(&made[0], &made[1], sizeof(made[0]));
	}
	assert_true(bucket_sound(t));
}

/* Its other face is a stranger's by the time it begins. */
static void what_cannot_be_leaves_nothing(void **state)
{
	const struct port_probe *outer = NULL;
	struct port_tuple_ref ref = { .owner = 1, .quiet = true };
	struct port_key other;
	struct batch b;

	(void)state;
	n->options.overflow = false;
	map_udp(host, 5000, server, 9);
	seek(&b, host, server);
	assert_int_equal(firsts_mapping(n, &b.probe[0], &outer), 0);
	other = *outer->key;
	assert_int_equal(port_tuple_insert(t, &other, ref), 0);
	assert_int_equal(nat_packet(n, &b.probe[0], &opening, &way), NAT_DROP);
	assert_int_equal(nat_counter(n, NAT_COUNT_TAKEN), 1);
	assert_int_equal(n->sessions4.used, 1);
	assert_int_equal(mapping_at(n, 0)->count, 1);
	assert_false(port_tuple_find(t, &b.key[0], &ref, NULL));
	assert_true(bucket_sound(t));
}

/* Sought with a batch, and met behind the next one. */
static void a_note_of_another_batch_says_nothing(void **state)
{
	struct batch old, new;

	(void)state;
	map_udp(host, 5000, server, 9);
	map_udp("10.0.0.8", 5000, server, 9);
	seek(&old, host, server);
	seek(&new, "10.0.0.8", "192.0.2.5");
	go(&old, 0);
	assert_answered(host);
	assert_int_equal(n->mappings.used, 2);
}

/* All of it copied to another place, as a byte copy of the state may be. */
static void it_may_lie_elsewhere_meanwhile(void **state)
{
	char *before, *memory;
	struct batch b;

	(void)state;
	map_udp(host, 5000, server, 9);
	seek(&b, host, server);
	before = fixture_memory;
	memory = mmap(NULL, fixture_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(memory != MAP_FAILED);
	unpoison(before, fixture_size);
	assert_ptr_equal(mremap(before, fixture_size, fixture_size, MREMAP_MAYMOVE | MREMAP_FIXED,
				memory),
			 memory);
	fixture_memory = memory;
	n = (struct nat *)memory;
	t = nat_table(n);
	go(&b, 0);
	assert_answered(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_mapping_is_found_for_all),
		CASE(the_other_face_is_foreseen),
		CASE(of_ipv6_too),
		CASE(a_mapping_that_ended_is_made_anew),
		CASE(nor_is_it_taken_for_another),
		CASE(known_or_not_the_session_is_the_same),
		CASE(what_cannot_be_leaves_nothing),
		CASE(a_note_of_another_batch_says_nothing),
		CASE(it_may_lie_elsewhere_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
