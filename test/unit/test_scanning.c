/* SPDX-License-Identifier: BSD-2-Clause */
/* The worker's side of scans: rows, what is forgotten, and what the keeper is told unasked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "base/check.h"
#include "cmd/guard/scans.h"
#include "minato/guard.h"

static struct cmd_worker worker;
static void *memory;
static int ends[2];
static uint64_t entry;
static size_t size;

static int setup(void **state)
{
	const struct minato_entry published = { .kind = MINATO_KIND_FORWARD,
						.face = MINATO_FACE_ANY,
						.proto = MINATO_TCP,
						.first = 1,
						.last = 65535 };
	struct minato_config c;

	(void)state;
	minato_config_init(&c);
	c.seed[0] = 5;
	c.link_count = 1;
	c.link[0] = (struct minato_link_config){ .type = MINATO_LINK_IP, .mtu = 1500 };
	size = minato_size(&c);
	memory = calloc(1, size + 64);
	memset(&worker, 0, sizeof(worker));
	assert_non_null(memory);
	assert_int_equal(minato_create((void *)(((uintptr_t)memory + 63) & ~(uintptr_t)63), size,
				       &c, (struct minato_time){ 1000000000 }, &worker.host),
			 0);
	assert_int_equal(minato_entry_add(worker.host, &published, &entry), 0);
	assert_int_equal(cmd_channel_pair(ends), 0);
	worker.channel = ends[0];
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
	unpoison(worker.host, size);
	free(memory);
	return 0;
}

/* Connections to ports behind which nobody is: seven of each source. */
static void scan_by(uint8_t sources)
{
	for (uint8_t i = 1; i <= sources; i++) {
		const struct minato_endpoint remote = { minato_addr4(203, 0, 113, i), 4000 };

		for (uint16_t port = 1; port <= 7; port++) {
			const struct minato_endpoint target = { minato_addr4(192, 0, 2, 1), port };

			minato_outcome(worker.host, entry, MINATO_TCP, &remote, &target,
				       MINATO_OUTCOME_CLOSED);
		}
	}
}

/* How many the keeper hears of; each is a scan. */
static int heard(void)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count;
	uint32_t kind;
	int told = 0;

	while (cmd_channel_peek(ends[1], &kind) == 0) {
		assert_int_equal(cmd_channel_receive(ends[1], &message, fds, &count), 1);
		assert_int_equal(message.kind, CMD_ASK_SCAN);
		assert_int_equal(count, 0);
		assert_true(message.scan.recognised);
		told++;
	}
	return told;
}

static void the_keeper_is_told_a_few_a_turn(void **state)
{
	int told;

	(void)state;
	cmd_scanning_turn(&worker);
	assert_int_equal(heard(), 0);
	scan_by(20);
	cmd_scanning_turn(&worker);
	told = heard();
	assert_int_equal(told, 8);
	for (int i = 0; i < 10; i++) {
		cmd_scanning_turn(&worker);
		told += heard();
	}
	assert_int_equal(told, 20);
	/* Nothing new: nothing more. */
	scan_by(20);
	cmd_scanning_turn(&worker);
	assert_int_equal(heard(), 0);
}

/* A keeper that is gone ends nothing. */
static void a_keeper_that_is_gone(void **state)
{
	uint64_t cursor = 0;
	json_t *row;

	(void)state;
	close(ends[1]);
	ends[1] = -1;
	scan_by(3);
	cmd_scanning_turn(&worker);
	cmd_scanning_turn(&worker);
	row = cmd_scanning_row(&worker, &cursor);
	assert_non_null(row);
	json_decref(row);
}

static void rows_and_what_is_forgotten(void **state)
{
	uint64_t cursor = 0, number = 0;
	int rows = 0;
	json_t *row;

	(void)state;
	scan_by(5);
	while ((row = cmd_scanning_row(&worker, &cursor)) != NULL) {
		assert_true(json_is_true(json_object_get(row, "recognised")));
		assert_memory_equal(json_string_value(json_object_get(row, "source")), "203.0.113.",
				    10);
		number = (uint64_t)json_integer_value(json_object_get(row, "number"));
		json_decref(row);
		rows++;
	}
	assert_int_equal(rows, 5);
	assert_int_equal(cmd_scanning_forget(&worker, number), 0);
	assert_int_equal(cmd_scanning_forget(&worker, number), -EBADF);
	cursor = 0;
	for (rows = 0; (row = cmd_scanning_row(&worker, &cursor)) != NULL; rows++)
		json_decref(row);
	assert_int_equal(rows, 4);
}

/* Why a flow is shut out: by the scan of its own address and scope, while that is blocked. */
static void a_block_is_a_step_of_why(void **state)
{
	struct minato_question question = { .proto = MINATO_TCP,
					    .local = { minato_addr4(192, 0, 2, 1), 80 },
					    .remote = { minato_addr4(203, 0, 113, 1), 5000 } };
	struct minato_scan_policy policy;
	struct minato_scan row;
	uint64_t cursor = 0;
	json_t *step;

	(void)state;
	scan_by(2);
	assert_true(minato_scan_row(worker.host, &cursor, &row));
	question.scope = row.scope;
	assert_null(cmd_scanning_step(worker.host, &question));
	for (cursor = 0; minato_scan_row(worker.host, &cursor, &row); cursor = 0)
		assert_int_equal(minato_scan_forget(worker.host, row.number), 0);
	minato_scan_policy_init(&policy);
	policy.answer = MINATO_SCAN_ANSWER_BLOCK;
	policy.block_s = policy.block_max_s = 1000000000;
	assert_int_equal(minato_scan_set(worker.host, &policy), 0);
	scan_by(1);
	step = cmd_scanning_step(worker.host, &question);
	assert_non_null(step);
	assert_string_equal(json_string_value(json_object_get(step, "source")), "203.0.113.1");
	json_decref(step);
	question.scope++;
	assert_null(cmd_scanning_step(worker.host, &question));
	question.scope--;
	question.remote.addr = minato_addr4(203, 0, 113, 2);
	assert_null(cmd_scanning_step(worker.host, &question));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_keeper_is_told_a_few_a_turn),
		TEST(a_keeper_that_is_gone),
		TEST(rows_and_what_is_forgotten),
		TEST(a_block_is_a_step_of_why),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("scanning", tests, NULL, NULL);
}
