/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker's list of connections that its predecessor left: each is challenged, few at a time. */
#include <fcntl.h>
#include <unistd.h>

#include "hosts.h"

#include "cmd/cmd.h"

#define CHALLENGES 64 /* in a turn */

static struct host h;
static struct cmd_orphans orphans;
static struct minato_time now;

/* As the keeper writes it. */
struct line {
	struct minato_endpoint local, remote;
};

static int begin(void **state)
{
	const struct minato_addr ours = addr("10.0.2.2");
	struct minato_config c = small_config(MINATO_LINK_IP, 1);

	(void)state;
	c.link[0].any_destination = true;
	now.ns = 10 * SECOND;
	h = host_new(&c, now);
	assert_int_equal(minato_address_add(h.m, 0, &ours, 24), 0);
	orphans = (struct cmd_orphans){ .fd = -1 };
	return 0;
}

static int finish(void **state)
{
	(void)state;
	if (orphans.fd >= 0)
		close(orphans.fd);
	host_end(&h);
	return 0;
}

/* A list of so many connections of the guest's, and some bytes more. */
static int list_of(uint16_t count, size_t more)
{
	const char rest[sizeof(struct line)] = { 0 };
	int fd = memfd_create("orphans", MFD_CLOEXEC);

	assert_true(fd >= 0);
	for (uint16_t i = 0; i < count; i++) {
		const struct line one = { end("10.0.2.100", (uint16_t)(1000 + i)),
					  end("203.0.113.9", 443) };

		assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	}
	assert_int_equal(write(fd, rest, more), more);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* How many segments come out, each in the name of the far side. */
static uint32_t challenged(void)
{
	struct minato_frame_out out[32];
	uint32_t count = 0;
	size_t got;

	while ((got = minato_output(h.m, now, out, 32)) > 0) {
		for (size_t i = 0; i < got; i++) {
			const uint8_t *ip = out[i].extents[0].base;

			assert_memory_equal(ip + 12, "\xcb\x00\x71\x09\x0a\x00\x02\x64", 8);
			assert_int_equal(ip[20] << 8 | ip[21], 443);
			assert_int_equal(ip[22] << 8 | ip[23], 1000 + count % 1000);
			count++;
		}
	}
	return count;
}

static struct minato_time turn(void)
{
	return cmd_orphans_turn(&orphans, h.m, 0, now);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void without_a_list_nothing_is_due(void **state)
{
	(void)state;
	assert_int_equal(turn().ns, MINATO_NEVER.ns);
	assert_int_equal(challenged(), 0);
}

static void a_short_list_goes_at_once(void **state)
{
	int fd = list_of(3, 0);

	(void)state;
	cmd_orphans_take(&orphans, fd);
	assert_int_equal(turn().ns, MINATO_NEVER.ns);
	assert_int_equal(challenged(), 3);
	assert_false(is_open(fd));
	assert_int_equal(orphans.fd, -1);
	assert_int_equal(turn().ns, MINATO_NEVER.ns);
}

/* Fewer than the host value may answer by resets. */
static void a_long_one_goes_in_parts(void **state)
{
	struct minato_time due;

	(void)state;
	cmd_orphans_take(&orphans, list_of(CHALLENGES, 0));
	due = turn();
	assert_int_equal(due.ns, now.ns + 100 * MILLI);
	assert_int_equal(challenged(), CHALLENGES);
	/* Not before that is due. */
	now.ns += 99 * MILLI;
	assert_int_equal(turn().ns, due.ns);
	assert_true(orphans.fd >= 0);
	now = due;
	assert_int_equal(turn().ns, MINATO_NEVER.ns);
	assert_int_equal(challenged(), 0);
	assert_int_equal(orphans.fd, -1);
}

/* Another worker's death, while the first list is under way. */
static void a_new_list_takes_the_old_ones_place(void **state)
{
	int first = list_of(200, 0);

	(void)state;
	cmd_orphans_take(&orphans, first);
	(void)turn();
	assert_int_equal(challenged(), CHALLENGES);
	cmd_orphans_take(&orphans, list_of(2, 0));
	assert_false(is_open(first));
	/* At once. */
	assert_int_equal(turn().ns, MINATO_NEVER.ns);
	assert_int_equal(challenged(), 2);
}

static void a_line_that_is_cut_is_none(void **state)
{
	(void)state;
	cmd_orphans_take(&orphans, list_of(2, sizeof(struct line) - 1));
	assert_int_equal(turn().ns, MINATO_NEVER.ns);
	assert_int_equal(challenged(), 2);
	cmd_orphans_take(&orphans, list_of(0, 0));
	assert_int_equal(turn().ns, MINATO_NEVER.ns);
	assert_int_equal(challenged(), 0);
}

static void what_cannot_be_read(void **state)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	cmd_orphans_take(&orphans, fd);
	assert_int_equal(turn().ns, MINATO_NEVER.ns);
	assert_int_equal(challenged(), 0);
	assert_false(is_open(fd));
}

#define LISTED(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTED(without_a_list_nothing_is_due),
		LISTED(a_short_list_goes_at_once),
		LISTED(a_long_one_goes_in_parts),
		LISTED(a_new_list_takes_the_old_ones_place),
		LISTED(a_line_that_is_cut_is_none),
		LISTED(what_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
