/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory that outlives a worker is what it says, or is not taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
