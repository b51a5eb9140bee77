/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory that outlives a worker is what it says, or is not taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/gateway/gateway.h"

static struct minato_config config;
static int fd;
static struct gateway_head *head;
static size_t size;

static int fresh(void **state)
{
	struct conf conf = { .list = NULL };
	const struct gateway_links links = {
		.list = { { .said = { .outside = false }, .mtu = 1500, .mac = { 2 } },
			  { .said = { .outside = true }, .mtu = 9000, .mac = { 2, 1 } },
			  { .said = { .outside = false }, .mtu = 1400, .mac = { 2, 2 } },
			  { .said = { .outside = false }, .mtu = 1400, .mac = { 2, 3 } } },
		.count = 4,
	};

	(void)state;
	gateway_config(&config, &conf, &links);
	fd = gateway_memory_new(&config);
	assert_true(fd >= 0);
	assert_int_equal(gateway_memory_map(fd, true, &head, &size), 0);
	head->complete = 1;
	return 0;
}

static int clean(void **state)
{
	(void)state;
	(void)munmap(head, size + GATEWAY_HEAD_SIZE);
	close(fd);
	return 0;
}

static void links_have_their_scopes(void **state)
{
	(void)state;
	assert_int_equal(config.link_count, 4);
	assert_int_equal(config.link[0].scope, 0);
	assert_int_equal(config.link[1].scope, 1);
	assert_int_equal(config.link[2].scope, 2);
	assert_int_equal(config.link[3].scope, 3);
	assert_int_equal(config.link[1].role, MINATO_ROLE_OUTSIDE);
	assert_int_equal(config.link[2].role, MINATO_ROLE_INSIDE);
	assert_int_equal(config.link[1].mtu, 9000);
}

static void it_holds_a_host_value(void **state)
{
	struct minato *host;

	(void)state;
	assert_int_equal(size, minato_size(&config));
	assert_int_equal(minato_create((uint8_t *)head + GATEWAY_HEAD_SIZE, size, &config,
				       (struct minato_time){ 1 }, &host),
			 0);
	assert_true(gateway_memory_fits(fd));
}

/* Whoever maps it may rely on that. */
static void its_length_is_sealed(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 1 << 30), -1);
}

static void it_can_be_read_only(void **state)
{
	struct gateway_head *again;
	size_t length;

	(void)state;
	assert_int_equal(gateway_memory_map(fd, false, &again, &length), 0);
	assert_int_equal(length, size);
	assert_memory_equal(again->magic, head->magic, sizeof(head->magic));
	(void)munmap(again, length + GATEWAY_HEAD_SIZE);
}

static void what_was_never_finished_is_not_taken(void **state)
{
	(void)state;
	head->complete = 0;
	assert_false(gateway_memory_fits(fd));
}

static void another_version_is_not_taken(void **state)
{
	(void)state;
	head->version[0]++;
	assert_false(gateway_memory_fits(fd));
}

static void another_shape_is_not_taken(void **state)
{
	(void)state;
	head->config.sessions_max *= 2;
	assert_false(gateway_memory_fits(fd));
	head->config.sessions_max /= 2;
	assert_true(gateway_memory_fits(fd));
	head->size++;
	assert_false(gateway_memory_fits(fd));
}

static void what_can_still_shrink_is_not_taken(void **state)
{
	int other = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(ftruncate(other, (off_t)(GATEWAY_HEAD_SIZE + size)), 0);
	assert_int_equal(pwrite(other, head, sizeof(*head), 0), sizeof(*head));
	assert_false(gateway_memory_fits(other));
	assert_int_equal(fcntl(other, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_true(gateway_memory_fits(other));
	close(other);
	assert_false(gateway_memory_fits(STDIN_FILENO));
}

static size_t page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Of all pages those that are there. */
static size_t pages_there(size_t *beside, const struct minato_range *ranges, uint32_t count)
{
	const size_t pages = (GATEWAY_HEAD_SIZE + size + page() - 1) / page();
	unsigned char *there = malloc(pages);
	size_t all = 0;

	assert_int_equal(mincore(head, GATEWAY_HEAD_SIZE + size, there), 0);
	*beside = 0;
	for (uint32_t i = 0; i < count; i++)
		for (size_t p = (GATEWAY_HEAD_SIZE + ranges[i].at) / page();
		     p < (GATEWAY_HEAD_SIZE + ranges[i].at + ranges[i].bytes) / page(); p++)
			*beside += !(there[p] & 1);
	for (size_t p = 0; p < pages; p++)
		all += there[p] & 1;
	free(there);
	return all;
}

static struct minato_time in_seconds(int64_t s)
{
	return (struct minato_time){ drive_now().ns + s * 1000000000 };
}

static void who_says_how_many_sessions_finds_their_pages(void **state)
{
	static struct conf_statement said = { .kind = CONF_KIND_CAPACITY,
					      .capacity = { CONF_SESSIONS, 20000 } };
	struct conf_statement *list[] = { &said };
	const struct conf conf = { .list = list, .count = 1 };
	const struct gateway_links links = { .count = 0 };
	struct minato_range ranges[MINATO_RANGES_MAX];
	size_t missing;
	uint32_t count;
	int64_t ready;

	(void)clean(state);
	gateway_config(&config, &conf, &links);
	assert_int_equal(config.sessions_first, 20000);
	fd = gateway_memory_new(&config);
	assert_true(fd >= 0);
	assert_int_equal(gateway_memory_map(fd, true, &head, &size), 0);
	assert_int_equal((uintptr_t)head % GATEWAY_PIECE, 0);
	count = minato_sessions_ranges(&config, ranges);
	assert_true(count > 0);
	/* There is no time. */
	assert_int_equal(gateway_memory_ready(fd, drive_now()), 0);
	assert_int_equal(pages_there(&missing, ranges, count), 1);
	/* Of a host that has 512 MB to spare, and Linux 5.14. */
	if (drive_headroom() < (uint64_t)1 << 29 || madvise(head, 1, 23) < 0)
		skip();
	ready = gateway_memory_ready(fd, in_seconds(60));
	assert_true(ready > 0);
	assert_in_range(pages_there(&missing, ranges, count), (size_t)ready / page(),
			(size_t)ready / page() + 1); /* the head's, where it is in none */
	assert_int_equal(missing, 0);
	assert_int_equal(minato_create((uint8_t *)head + GATEWAY_HEAD_SIZE, size, &config,
				       (struct minato_time){ 1 }, &(struct minato *){ NULL }),
			 0);
}

static void who_says_nothing_takes_no_memory(void **state)
{
	size_t missing;

	(void)state;
	assert_int_equal(config.sessions_first, 0);
	assert_int_equal(gateway_memory_ready(fd, in_seconds(60)), 0);
	assert_int_equal(pages_there(&missing, NULL, 0), 1); /* the head */
	assert_int_equal(gateway_memory_ready(STDIN_FILENO, in_seconds(60)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, clean)
		CASE(links_have_their_scopes),
		CASE(it_holds_a_host_value),
		CASE(its_length_is_sealed),
		CASE(it_can_be_read_only),
		CASE(what_was_never_finished_is_not_taken),
		CASE(another_version_is_not_taken),
		CASE(another_shape_is_not_taken),
		CASE(what_can_still_shrink_is_not_taken),
		CASE(who_says_how_many_sessions_finds_their_pages),
		CASE(who_says_nothing_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
