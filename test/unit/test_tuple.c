/* SPDX-License-Identifier: BSD-2-Clause */
/* Exact tuples and associations. */
#include "unit/port_fixture.h"

static bool find(struct port_key key, struct port_tuple_ref *ref)
{
	return port_tuple_find(t, &key, ref, NULL);
}

static bool there(struct port_key key)
{
	struct port_tuple_ref ref;

	return find(key, &ref);
}

static void found_with_its_owner_and_class(void **state)
{
	struct port_key key = key_of(TCP, "10.0.2.100", 40000, "192.0.2.1", 443);
	struct port_tuple_ref ref = { .owner = PORT_OWNERS_MAX - 1,
				      .class = 14,
				      .exclusive = true };

	(void)state;
	assert_true(port_tuple_insert(t, &key, ref) >= 0);
	ref = (struct port_tuple_ref){ 0 };
	assert_true(find(key, &ref));
	assert_int_equal(ref.owner, PORT_OWNERS_MAX - 1);
	assert_int_equal(ref.class, 14);
	assert_true(ref.exclusive);
	assert_int_equal(port_tuple_count(t), 1);

	/* An IPv6 record has room for more. */
	key = key_of(TCP, "fd00::1", 40000, "2001:db8::1", 443);
	ref.owner = 0xfedcba98;
	ref.class = 9;
	assert_true(port_tuple_insert(t, &key, ref) >= 0);
	assert_true(find(key, &ref));
	assert_int_equal(ref.owner, 0xfedcba98);
	assert_int_equal(ref.class, 9);
}

static void every_part_of_the_key_counts(void **state)
{
	struct port_key key = key_of(TCP, "10.0.2.100", 40000, "192.0.2.1", 443);
	struct port_key other;

	(void)state;
	insert(key, 1);
	other = key;
	other.local = addr("10.0.2.101");
	assert_false(there(other));
	other = key;
	other.remote = addr("192.0.2.2");
	assert_false(there(other));
	other = key;
	other.local_port++;
	assert_false(there(other));
	other = key;
	other.remote_port++;
	assert_false(there(other));
	other = key;
	other.scope = 1;
	assert_false(there(other));
	other = key;
	other.proto = UDP;
	assert_false(there(other));
	other.proto = ICMP;
	assert_false(there(other));
}

static void the_face_does_not_part_a_flow(void **state)
{
	struct port_key key = key_of(TCP, "10.0.2.100", 40000, "192.0.2.1", 443);
	struct port_key out;
	int64_t tuple;

	(void)state;
	key.face = 3;
	tuple = insert(key, 1);
	key.face = 4;
	assert_true(there(key));
	assert_int_equal(insert(key, 2), -EEXIST);
	port_tuple_key(t, (uint32_t)tuple, &out);
	assert_int_equal(out.face, 3);
}

static void ends_are_not_interchangeable(void **state)
{
	(void)state;
	insert(key_of(TCP, "10.0.0.1", 1, "10.0.0.2", 2), 1);
	assert_false(there(key_of(TCP, "10.0.0.2", 2, "10.0.0.1", 1)));
}

static void ipv6_key_is_whole(void **state)
{
	struct port_key key = key_of(UDP, "fd00::64", 53, "2001:db8::1", 5353);
	struct port_key other;

	(void)state;
	insert(key, 9);
	assert_true(there(key));
	for (int i = 0; i < 16; i++) {
		other = key;
		other.remote.bytes[i] ^= 1;
		assert_false(there(other));
		other = key;
		other.local.bytes[i] ^= 0x80;
		assert_false(there(other));
	}
}

static void families_do_not_mix(void **state)
{
	(void)state;
	insert(key_of(TCP, "10.0.0.1", 1, "10.0.0.2", 2), 1);
	insert(key_of(TCP, "::10.0.0.1", 1, "::10.0.0.2", 2), 2);
	assert_true(there(key_of(TCP, "::ffff:10.0.0.1", 1, "::ffff:10.0.0.2", 2)));
	assert_int_equal(port_tuple_count(t), 2);
	assert_int_equal(insert(key_of(TCP, "10.0.0.1", 1, "10.0.0.2", 2), 1), -EEXIST);
}

static void icmp_identifiers_are_tuples(void **state)
{
	(void)state;
	insert(key_of(ICMP, "10.0.0.1", 4711, "10.0.0.2", 4711), 1);
	assert_true(there(key_of(ICMP, "10.0.0.1", 4711, "10.0.0.2", 4711)));
	assert_false(there(key_of(ICMP, "10.0.0.1", 4712, "10.0.0.2", 4712)));
}

static void key_comes_back_as_given(void **state)
{
	struct port_key keys[2] = { key_of(TCP, "10.0.2.100", 1, "192.0.2.1", 2),
				    key_of(UDP, "fd00::1", 3, "2001:db8::1", 4) };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct port_key out;
		int64_t tuple;
		keys[i].scope = (uint8_t)(15 - i);
		keys[i].face = (uint8_t)(250 + i);
		tuple = insert(keys[i], 1);
		port_tuple_key(t, (uint32_t)tuple, &out);
		assert_true(minato_addr_equal(&out.local, &keys[i].local));
		assert_true(minato_addr_equal(&out.remote, &keys[i].remote));
		assert_int_equal(out.local_port, keys[i].local_port);
		assert_int_equal(out.remote_port, keys[i].remote_port);
		assert_int_equal(out.scope, keys[i].scope);
		assert_int_equal(out.face, keys[i].face);
		assert_int_equal(out.proto, keys[i].proto);
	}
}

static void assign_changes_hands_in_place(void **state)
{
	struct port_key key = key_of(TCP, "10.0.0.1", 80, "10.0.0.2", 999);
	int64_t tuple = insert(key, 5);
	struct port_tuple_ref ref = { .owner = 6, .class = 1 };

	(void)state;
	port_tuple_assign(t, (uint32_t)tuple, ref);
	assert_true(find(key, &ref));
	assert_int_equal(ref.owner, 6);
	assert_int_equal(ref.class, 1);
	assert_int_equal(port_tuple_count(t), 1);
	port_tuple_get(t, (uint32_t)tuple, &ref);
	assert_int_equal(ref.owner, 6);
}

static void removed_is_gone_and_its_record_used_again(void **state)
{
	struct port_key key = key_of(TCP, "10.0.0.1", 80, "10.0.0.2", 999);
	int64_t tuple = insert(key, 5);

	(void)state;
	port_tuple_remove(t, (uint32_t)tuple);
	assert_false(there(key));
	assert_int_equal(port_tuple_count(t), 0);
	key.remote_port = 1000;
	assert_int_equal(insert(key, 6), tuple);
}

static void association_takes_what_its_remote_sends(void **state)
{
	struct port_key flow = key_of(UDP, "203.0.113.9", 53, "10.0.2.100", 5000);
	struct port_fate fate;

	(void)state;
	assert_true(insert(key_of(UDP, "0.0.0.0", 0, "10.0.2.100", 5000), 31) >= 0);
	fate = look_up(flow);
	assert_true(fate.exact && fate.association);
	assert_int_equal(fate.tuple.owner, 31);
	flow.local = addr("198.51.100.1");
	flow.local_port = 123;
	assert_true(look_up(flow).association);
	flow.remote_port = 5001;
	assert_false(look_up(flow).exact);
}

static void exact_tuple_goes_before_association(void **state)
{
	struct port_key flow = key_of(UDP, "203.0.113.9", 53, "10.0.2.100", 5000);
	struct port_fate fate;

	(void)state;
	insert(key_of(UDP, "::", 0, "10.0.2.100", 5000), 31);
	insert(flow, 32);
	fate = look_up(flow);
	assert_true(fate.exact && !fate.association);
	assert_int_equal(fate.owner, 32);
}

static void either_wildcard_means_the_same_association(void **state)
{
	(void)state;
	insert(key_of(UDP, "::", 0, "10.0.2.100", 5000), 31);
	assert_int_equal(insert(key_of(UDP, "0.0.0.0", 0, "10.0.2.100", 5000), 1), -EEXIST);
	assert_true(there(key_of(UDP, "0.0.0.0", 0, "10.0.2.100", 5000)));
	insert(key_of(UDP, "::", 0, "fd00::9", 5000), 33);
	assert_true(look_up(key_of(UDP, "2001:db8::1", 1, "fd00::9", 5000)).association);
}

static void no_second_probe_without_associations(void **state)
{
	struct port_key key = key_of(UDP, "::", 0, "10.0.2.100", 5000);
	uint32_t space = port_space_index(0, port_slot(UDP));
	int64_t tuple = insert(key, 1);

	(void)state;
	assert_int_equal(t->space[space].associations, 1);
	port_tuple_remove(t, (uint32_t)tuple);
	assert_int_equal(t->space[space].associations, 0);
	assert_false(there(key));
}

static void tuples_take_and_give_their_port(void **state)
{
	uint32_t space = port_space_index(0, port_slot(TCP));
	int64_t a = insert(key_of(TCP, "10.0.0.1", 4000, "10.0.0.2", 1), 1);
	int64_t b = insert(key_of(TCP, "10.0.0.1", 4000, "10.0.0.2", 2), 2);

	(void)state;
	assert_false(bitmap_free(port_bitmap(t, space), 4000));
	port_tuple_remove(t, (uint32_t)a);
	assert_false(bitmap_free(port_bitmap(t, space), 4000));
	port_tuple_remove(t, (uint32_t)b);
	assert_true(bitmap_free(port_bitmap(t, space), 4000));
}

/* Both families, all protocols: nothing but itself finds a tuple. */
static void every_sort_of_tuple_is_exact(void **state)
{
	static const uint8_t protos[] = { TCP, UDP, ICMP };
	static const char *const locals[] = { "10.0.0.1", "fd00::1" };
	static const char *const remotes[] = { "10.0.0.2", "fd00::2" };
	struct port_tuple_ref ref;

	(void)state;
	for (uint32_t i = 0; i < 12; i++) {
		struct port_key key = key_of(protos[i % 3], locals[i / 3 % 2], 77,
					     remotes[i / 3 % 2], 77);
		key.scope = (uint8_t)(i / 6 * 15);
		assert_false(port_tuple_find(t, &key, &ref, NULL));
		assert_true(insert(key, i) >= 0);
	}
	for (uint32_t i = 0; i < 12; i++) {
		struct port_key key = key_of(protos[i % 3], locals[i / 3 % 2], 77,
					     remotes[i / 3 % 2], 77);
		key.scope = (uint8_t)(i / 6 * 15);
		assert_true(port_tuple_find(t, &key, &ref, NULL));
		assert_int_equal(ref.owner, i);
		key.remote_port = 78;
		assert_false(port_tuple_find(t, &key, &ref, NULL));
	}
}

/* A record is fetched by one line, and an index is good wherever it moves. */
static void records_straddle_no_line(void **state)
{
	uint32_t tuple[2000];

	(void)state;
	for (uint16_t i = 0; i < 2000; i++)
		tuple[i] = (uint32_t)insert(i % 2 ? key_of(TCP, "10.0.0.1", 80, "10.0.0.2", i) :
						    key_of(TCP, "fd00::1", 80, "fd00::2", i), i);
	for (uint16_t i = 0; i < 2000; i++) {
		const uintptr_t at = (uintptr_t)tuple_record(t, tuple[i]);
		struct port_tuple_ref ref;
		struct port_key key;
		assert_int_equal(at % (i % 2 ? 16 : 64), 0);
		port_tuple_get(t, tuple[i], &ref);
		assert_int_equal(ref.owner, i);
		port_tuple_key(t, tuple[i], &key);
		assert_int_equal(key.remote_port, i);
	}
}

/* Tags are the only place where scope and protocol are. */
static void scope_and_protocol_come_back(void **state)
{
	static const uint8_t protos[] = { TCP, UDP, ICMP };

	(void)state;
	for (uint32_t i = 0; i < 1500; i++) {
		const bool open = i % 5 == 0;
		struct port_key key = key_of(protos[i % 3], "10.0.0.1", 80, "10.0.0.2",
					     (uint16_t)(1 + i));
		struct port_key got;
		uint32_t tuple;
		if (open) {
			key.local = addr("0.0.0.0");
			key.local_port = 0;
		}
		key.scope = (uint8_t)(i % PORT_SCOPES);
		key.face = (uint8_t)(i * 7);
		tuple = (uint32_t)insert(key, i);
		port_tuple_key(t, tuple, &got);
		assert_int_equal(got.scope, key.scope);
		assert_int_equal(got.proto, key.proto);
		assert_int_equal(got.face, key.face);
		assert_memory_equal(&got.local, &key.local, 32);
		assert_int_equal(got.local_port, key.local_port);
		assert_int_equal(got.remote_port, key.remote_port);
	}
	assert_true(bucket_sound(t));
}

/* Keys with the same ends differ in their tags by what else they have, whatever
   the hash. */
static void the_same_ends_in_all_scopes(void **state)
{
	static const uint8_t protos[] = { TCP, UDP, ICMP };

	(void)state;
	t->hash_mask = 0;
	t->spread = 0;
	for (uint32_t i = 0; i < 3 * PORT_SCOPES; i++) {
		struct port_key key = key_of(protos[i % 3], "10.0.0.1", 80, "10.0.0.2", 90);
		struct port_tuple_ref ref;
		key.scope = (uint8_t)(i / 3);
		assert_false(there(key));
		assert_true(insert(key, i) >= 0);
		assert_true(find(key, &ref));
		assert_int_equal(ref.owner, i);
	}
	assert_true(bucket_sound(t));
}

/* Under AddressSanitizer whoever touches what went is found; its neighbours stay. */
static void what_is_removed_is_poisoned(void **state)
{
	static const char *const names[] = { "192.0.2.1", "2001:db8::1" };

	(void)state;
#ifndef BASE_POISON
	skip();
#endif
	for (int six = 0; six < 2; six++) {
		const char *local = six ? "fd00::1" : "10.0.0.1";
		const char *record[7];
		uint32_t tuple[7];

		for (uint16_t i = 0; i < 7; i++)
			tuple[i] = (uint32_t)insert(key_of(TCP, local, 80, names[six], 1 + i), i);
		for (int i = 0; i < 7; i++)
			record[i] = tuple_record(t, tuple[i]);
		for (int i = 1; i < 7; i += 2)
			port_tuple_remove(t, tuple[i]);
		for (uint16_t i = 0; i < 7; i++) {
			const struct port_key key = key_of(TCP, local, 80, names[six], 1 + i);
			struct port_tuple_ref ref;
			assert_int_equal(poisoned(record[i]), i % 2);
			assert_int_equal(poisoned(record[i] + (six ? 63 : 15)), i % 2);
			assert_int_equal(port_tuple_find(t, &key, &ref, NULL), i % 2 == 0);
		}
		for (uint16_t i = 1; i < 7; i += 2)
			assert_true(insert(key_of(TCP, local, 80, names[six], 1 + i), i) >= 0);
		assert_true(bucket_sound(t));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_removed_is_poisoned),
		CASE(found_with_its_owner_and_class),
		CASE(every_part_of_the_key_counts),
		CASE(the_face_does_not_part_a_flow),
		CASE(ends_are_not_interchangeable),
		CASE(ipv6_key_is_whole),
		CASE(families_do_not_mix),
		CASE(icmp_identifiers_are_tuples),
		CASE(key_comes_back_as_given),
		CASE(assign_changes_hands_in_place),
		CASE(removed_is_gone_and_its_record_used_again),
		CASE(association_takes_what_its_remote_sends),
		CASE(exact_tuple_goes_before_association),
		CASE(either_wildcard_means_the_same_association),
		CASE(no_second_probe_without_associations),
		CASE(tuples_take_and_give_their_port),
		CASE(every_sort_of_tuple_is_exact),
		CASE(records_straddle_no_line),
		CASE(scope_and_protocol_come_back),
		CASE(the_same_ends_in_all_scopes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
