/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of bound ports between two processes. */
#include "relay_fixture.h"

static struct relay_publish list;
static struct relay_publish more;
static struct drive_error error;

static int clean(void **state)
{
	(void)state;
	relay_publish_free(&list);
	relay_publish_free(&more);
	return 0;
}

static void bound(struct relay_publish *to, const char *text)
{
	assert_int_equal(relay_publish_add(to, text, &error), 0);
	assert_int_equal(relay_publish_open(to, true, true, &error), 0);
}

static void drop(const char *text, bool wanted)
{
	struct relay_publish names = { 0 };

	assert_int_equal(relay_publish_add(&names, text, &error), 0);
	assert_int_equal(relay_publish_drop(&list, &names.specs[0]), wanted);
	relay_publish_free(&names);
}

/* Each socket is where its spec says. */
static void is_sound(void)
{
	size_t count = 0;

	for (size_t i = 0; i < list.spec_count; i++) {
		const struct relay_spec *spec = &list.specs[i];

		for (size_t k = 0; k < spec->socket_count; k++) {
			struct relay_door door;

			relay_publish_about(&list, spec->socket_first + k, &door);
			assert_int_equal(door.spec, i);
			assert_true(door.port >= spec->first && door.port <= spec->last);
			assert_int_equal(port_of(relay_publish_fd(&list, spec->socket_first + k)),
					 door.port);
			count++;
		}
	}
	assert_int_equal(count, list.socket_count);
}

static void joined(void **state)
{
	NEED_NETNS();
	bound(&list, "8000-8003,9000/both");
	bound(&more, "7000,7010-7019/udp");
	assert_int_equal(relay_publish_join(&list, &more), 0);
	assert_int_equal(list.spec_count, 4);
	assert_int_equal(list.socket_count, 10 + 11);
	assert_int_equal(more.spec_count, 0);
	assert_int_equal(more.socket_count, 0);
	is_sound();
}

static void dropped_from_the_middle(void **state)
{
	NEED_NETNS();
	bound(&list, "8000-8003,9000,7000-7009");
	drop("9000", true);
	assert_int_equal(list.socket_count, 14);
	is_sound();
	drop("8000-8003", true);
	is_sound();
	drop("8000-8003", false);
	drop("7000-7009", true);
	assert_int_equal(list.socket_count, 0);
	assert_int_equal(list.spec_count, 0);
	/* Closed, not only forgotten. */
	close(host_socket(SOCK_STREAM, "127.0.0.1", 9000));
}

static void adopted(void **state)
{
	NEED_NETNS();
	bound(&more, "8000-8003,9000/udp");
	assert_int_equal(relay_publish_add(&list, "8000-8003,9000/udp", &error), 0);
	for (size_t i = 0; i < more.socket_count; i++) {
		struct relay_door door;

		relay_publish_about(&more, i, &door);
		assert_int_equal(relay_publish_adopt(&list, &door, dup(relay_publish_fd(&more, i))),
				 0);
	}
	is_sound();
	assert_int_equal(list.socket_count, more.socket_count);
}

static void no_such_spec(void **state)
{
	struct relay_door door = { .spec = 1, .port = 80, .protocol = MINATO_TCP };

	NEED_NETNS();
	assert_int_equal(relay_publish_add(&list, "80", &error), 0);
	assert_int_equal(relay_publish_adopt(&list, &door, -1), -EINVAL);
	assert_int_equal(list.socket_count, 0);
}

static void clash(void **state)
{
	(void)state;
	assert_int_equal(relay_publish_add(&list, "8000-8099,auto", &error), 0);
	assert_true(relay_publish_has(&list, RELAY_AUTO));
	assert_false(relay_publish_has(&list, RELAY_REACH));
	assert_int_equal(relay_publish_add(&more, "80,8050", &error), 0);
	assert_int_equal(relay_publish_clash(&list, &more), 1);
	more.spec_count = 1;
	assert_int_equal(relay_publish_clash(&list, &more), -ENOENT);
}

#define OWN(f) cmocka_unit_test_teardown(f, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN(joined), OWN(dropped_from_the_middle), OWN(adopted), OWN(no_such_spec),
		OWN(clash),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
