/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom we have asked lately: who is known, for how long, and when nothing can be known. */
#include "port_fixture.h"

#include "base/time.h"

static struct minato_time now;

static struct port_key flow_key(uint8_t proto, uint32_t remote, uint16_t remote_port, uint16_t port)
{
	return (struct port_key){ .local = minato_addr4(192, 0, 2, 1),
				  .remote = minato_addr4(10, (uint8_t)(remote >> 16),
							 (uint8_t)(remote >> 8), (uint8_t)remote),
				  .local_port = port,
				  .remote_port = remote_port,
				  .scope = 1,
				  .proto = proto };
}

static void note(uint8_t proto, uint32_t remote, uint16_t remote_port, uint16_t port)
{
	const struct port_key key = flow_key(proto, remote, remote_port, port);

	port_recall_note(t, &key, now);
}

static bool asked(uint8_t proto, uint32_t remote, uint16_t remote_port, uint16_t port)
{
	const struct port_key key = flow_key(proto, remote, remote_port, port);

	return port_recall_asked(t, &key, now);
}

static void begin(void)
{
	now.ns = 1000 * NS_PER_S;
	port_recall_begin(t, now);
	now.ns += 3600 * NS_PER_S;
}

static void datagrams_are_known_by_their_flow(void **state)
{
	struct port_key other = flow_key(UDP, 7, 123, 5000);

	(void)state;
	begin();
	assert_false(asked(UDP, 7, 123, 5000));
	note(UDP, 7, 123, 5000);
	assert_true(asked(UDP, 7, 123, 5000));
	assert_false(asked(UDP, 7, 123, 5001));
	assert_false(asked(UDP, 7, 124, 5000));
	assert_false(asked(UDP, 8, 123, 5000));
	assert_false(asked(TCP, 7, 123, 5000));
	other.scope = 2;
	assert_false(port_recall_asked(t, &other, now));
	/* A socket for any remote: whoever it asked. */
	port_recall_note_port(t, 6000, now);
	assert_true(asked(UDP, 99, 1000, 6000));
	assert_false(asked(UDP, 99, 1000, 6001));
}

static void connections_are_known_by_their_server(void **state)
{
	(void)state;
	begin();
	note(TCP, 7, 443, 5000);
	assert_true(asked(TCP, 7, 443, 5000));
	assert_true(asked(TCP, 7, 443, 50001));
	assert_false(asked(TCP, 7, 80, 5000));
	assert_false(asked(TCP, 8, 443, 5000));
}

/* One span to two. */
static void it_is_forgotten(void **state)
{
	(void)state;
	begin();
	note(UDP, 7, 123, 5000);
	note(TCP, 7, 443, 5000);
	now.ns += 299 * NS_PER_S;
	assert_true(asked(UDP, 7, 123, 5000));
	now.ns += 302 * NS_PER_S;
	assert_false(asked(UDP, 7, 123, 5000));
	now.ns += (12 * 3600 - 602) * NS_PER_S;
	assert_true(asked(TCP, 7, 443, 6000));
	now.ns += 12 * 3600 * NS_PER_S;
	assert_false(asked(TCP, 7, 443, 6000));
	/* Years of silence are as two spans. */
	note(TCP, 7, 443, 5000);
	now.ns += INT64_C(3000) * 86400 * NS_PER_S;
	assert_false(asked(TCP, 7, 443, 5000));
	note(UDP, 7, 123, 5000);
	assert_true(asked(UDP, 7, 123, 5000));
}

/* From ports that ask no answer comes. */
static void callers_leave_nothing(void **state)
{
	(void)state;
	begin();
	note(UDP, 7, 40000, 5000);
	assert_false(asked(UDP, 7, 40000, 5000));
}

static void the_beginning_knows_nothing(void **state)
{
	(void)state;
	now.ns = 5 * NS_PER_S;
	port_recall_begin(t, now);
	assert_true(asked(UDP, 7, 123, 5000));
	now.ns += 121 * NS_PER_S;
	assert_false(asked(UDP, 7, 123, 5000));
	assert_true(asked(TCP, 7, 80, 5000));
	now.ns += 924 * NS_PER_S;
	assert_false(asked(TCP, 7, 80, 5000));
}

/* So much that it says nothing any more accuses nobody; below that it is right at most times. */
static void what_is_full_accuses_nobody(void **state)
{
	uint32_t wrong = 0;

	(void)state;
	begin();
	for (uint32_t i = 0; i < t->recall.bits / 4; i++)
		note(UDP, i, 123, 5000);
	for (uint32_t i = 0; i < 1000; i++)
		wrong += asked(UDP, 1u << 20 | i, 123, 5000);
	assert_in_range(wrong, 50, 300);
	for (uint32_t i = 0; i < t->recall.bits / 4; i += 97)
		assert_true(asked(UDP, i, 123, 5000));
	note(UDP, 1u << 23, 123, 5000);
	for (uint32_t i = 0; i < 1000; i++)
		assert_true(asked(UDP, 1u << 20 | i, 123, 5000));
	now.ns += 601 * NS_PER_S;
	assert_false(asked(UDP, 1, 123, 5000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(datagrams_are_known_by_their_flow),
		CASE(connections_are_known_by_their_server),
		CASE(it_is_forgotten),
		CASE(callers_leave_nothing),
		CASE(the_beginning_knows_nothing),
		CASE(what_is_full_accuses_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
