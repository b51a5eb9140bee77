/* SPDX-License-Identifier: BSD-2-Clause */
/* Reserved ports in a running guest: the keeper's list, the messages, the worker's table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/reserve.h"

static struct cmd_harbour harbour;

static struct cmd_message ask(enum cmd_message_kind kind, const char *text)
{
	struct cmd_message message = { .kind = kind };

	assert_int_equal(drive_reservation_parse(&message.reservation, text, NULL), 0);
	message.reservation.origin = DRIVE_ORIGIN_GUEST;
	return message;
}

static int setup(void **state)
{
	(void)state;
	harbour = (struct cmd_harbour){ .admitted = drive_now(), .quiet = true };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	drive_reserved_free(&harbour.reserved);
	return 0;
}

static int take(enum cmd_message_kind kind, const char *text)
{
	const struct cmd_message message = ask(kind, text);

	return cmd_reserving_take(&harbour, &message);
}

static void the_keeper_notes_and_forgets(void **state)
{
	(void)state;
	assert_int_equal(take(CMD_ASK_RESERVE, "80"), 0);
	assert_int_equal(take(CMD_ASK_RESERVE, "80"), 0);
	assert_int_equal(take(CMD_ASK_RESERVE, "81-90/udp"), 0);
	assert_int_equal(harbour.reserved.count, 2);
	assert_int_equal(take(CMD_ASK_UNRESERVE, "80/tcp"), 0);
	assert_int_equal(harbour.reserved.count, 2);
	assert_int_equal(take(CMD_ASK_UNRESERVE, "80"), 0);
	assert_int_equal(harbour.reserved.count, 1);
	assert_int_equal(harbour.reserved.list[0].first, 81);
}

static void the_keeper_believes_nothing(void **state)
{
	struct cmd_message message = ask(CMD_ASK_RESERVE, "80");

	(void)state;
	message.reservation.first = 0;
	assert_int_equal(cmd_reserving_take(&harbour, &message), -EPROTO);
	message = ask(CMD_ASK_RESERVE, "80");
	message.reservation.protocols = 4;
	assert_int_equal(cmd_reserving_take(&harbour, &message), -EPROTO);
	message = ask(CMD_ASK_RESERVE, "80");
	message.reservation.last = 79;
	assert_int_equal(cmd_reserving_take(&harbour, &message), -EPROTO);
	message = ask(CMD_ASK_RESERVE, "80");
	memset(message.reservation.note, 'x', sizeof(message.reservation.note));
	assert_int_equal(cmd_reserving_take(&harbour, &message), -EPROTO);
	message = ask(CMD_ASK_RESERVE, "80");
	message.reservation.origin = DRIVE_ORIGIN_COUNT;
	assert_int_equal(cmd_reserving_take(&harbour, &message), -EPROTO);
	assert_int_equal(harbour.reserved.count, 0);
	/* Nobody has come who could have ordered it. */
	harbour.admitted.ns = 0;
	assert_int_equal(take(CMD_ASK_RESERVE, "80"), -EPERM);
	harbour.admitted.ns = drive_now().ns - 16 * INT64_C(1000000000);
	assert_int_equal(take(CMD_ASK_UNRESERVE, "80"), -EPERM);
}

static void there_is_a_bound(void **state)
{
	char text[16];

	(void)state;
	for (int i = 1; i <= CMD_RESERVED_MAX; i++) {
		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(take(CMD_ASK_RESERVE, text), 0);
	}
	assert_int_equal(take(CMD_ASK_RESERVE, "65535"), -ENOSPC);
	assert_int_equal(take(CMD_ASK_RESERVE, "5"), 0);
}

static void what_the_guest_opens_is_not_published(void **state)
{
	const struct relay_spec tcp = { .protocols = RELAY_TCP, .first = 80, .last = 80 };
	const struct relay_spec udp = { .protocols = RELAY_UDP, .first = 80, .last = 80 };

	(void)state;
	assert_false(cmd_reserving_refuses(&harbour, &tcp, false));
	assert_int_equal(take(CMD_ASK_RESERVE, "70-90/tcp"), 0);
	assert_true(cmd_reserving_refuses(&harbour, &tcp, false));
	assert_false(cmd_reserving_refuses(&harbour, &udp, false));
}

static void messages_say_the_same_again(void **state)
{
	struct drive_reservation one = ask(0, "8000-8099/udp").reservation;
	struct drive_reservation back;
	json_t *message;

	(void)state;
	one.since_s = 1795687200;
	snprintf(one.note, sizeof(one.note), "caf\xc3\xa9");
	message = cmd_reservation_message(&one);
	assert_int_equal(cmd_reservation_read(&back, message), 0);
	json_decref(message);
	assert_memory_equal(&back, &one, sizeof(one));
	/* A note that is no UTF-8. */
	snprintf(one.note, sizeof(one.note), "\xff");
	message = cmd_reservation_message(&one);
	assert_int_equal(cmd_reservation_read(&back, message), 0);
	json_decref(message);
	assert_string_equal(back.note, "?");
}

static void strange_messages_are_refused(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"{\"first\":1,\"last\":2,\"protocols\":3}",
		"{\"first\":0,\"last\":2,\"protocols\":3,\"origin\":\"user\"}",
		"{\"first\":3,\"last\":2,\"protocols\":3,\"origin\":\"user\"}",
		"{\"first\":3,\"last\":65536,\"protocols\":3,\"origin\":\"user\"}",
		"{\"first\":3,\"last\":4,\"protocols\":4,\"origin\":\"user\"}",
		"{\"first\":3,\"last\":4,\"protocols\":3,\"origin\":\"nobody\"}",
		"{\"first\":\"3\",\"last\":4,\"protocols\":3,\"origin\":\"user\"}",
	};
	struct drive_reservation got;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *message = json_loads(texts[i], 0, NULL);

		if (cmd_reservation_read(&got, message) != -EPROTO)
			fail_msg("taken: %s", texts[i]);
		json_decref(message);
	}
}

/* ---- the worker ---- */

static struct minato *make_host(void)
{
	struct minato_config config;
	struct minato *host = NULL;
	void *memory;
	size_t size;

	minato_config_init(&config);
	config.link_count = 1;
	config.link[0] = (struct minato_link_config){ .type = MINATO_LINK_IP, .mtu = 1500 };
	size = minato_size(&config);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_int_equal(minato_create(memory, size, &config, drive_now(), &host), 0);
	return host;
}

static unsigned reserved_rows(struct minato *host)
{
	struct minato_row row;
	uint64_t cursor = 0;
	unsigned count = 0;

	while (minato_row(host, &cursor, &row))
		count += row.kind == MINATO_KIND_RESERVED;
	return count;
}

static int order(struct cmd_worker *worker, const char *text, bool add)
{
	const struct cmd_message wanted = ask(0, text);
	json_t *request =
		json_pack("{s:o}", "reservation", cmd_reservation_message(&wanted.reservation));
	struct drive_error error;
	int result = cmd_reserving_order(worker, request, add, &error);

	json_decref(request);
	return result;
}

/* The table has what the list has, and the keeper hears of each change; or nothing has changed. */
static void the_worker_has_them_in_its_table(void **state)
{
	struct cmd_worker worker = { .harbour = &harbour, .host = make_host() };
	struct cmd_message heard;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count;
	int ends[2];

	(void)state;
	assert_int_equal(cmd_channel_pair(ends), 0);
	worker.channel = ends[1];
	assert_int_equal(take(CMD_ASK_RESERVE, "80"), 0);
	assert_int_equal(cmd_reserving_apply(&worker), 0);
	assert_int_equal(reserved_rows(worker.host), 1);
	assert_int_equal(order(&worker, "80-90/tcp", true), 0);
	assert_int_equal(reserved_rows(worker.host), 2);
	assert_int_equal(cmd_channel_receive(ends[0], &heard, fds, &count), 1);
	assert_int_equal(heard.kind, CMD_ASK_RESERVE);
	assert_int_equal(heard.reservation.last, 90);
	assert_int_equal(order(&worker, "80", false), 0);
	assert_int_equal(reserved_rows(worker.host), 1);
	assert_int_equal(cmd_channel_receive(ends[0], &heard, fds, &count), 1);
	assert_int_equal(heard.kind, CMD_ASK_UNRESERVE);
	close(ends[0]);
	assert_true(order(&worker, "100", true) < 0);
	assert_int_equal(reserved_rows(worker.host), 1);
	assert_int_equal(harbour.reserved.count, 1);
	close(ends[1]);
	free(worker.reserved.entries);
}

/* The same range from two files is one entry, for as long as one of them has it. */
static void twice_reserved_is_reserved_until_both_are_gone(void **state)
{
	struct cmd_worker worker = { .harbour = &harbour, .host = make_host() };
	struct cmd_message message = ask(CMD_ASK_RESERVE, "80");

	(void)state;
	assert_int_equal(cmd_reserving_take(&harbour, &message), 0);
	message.reservation.origin = DRIVE_ORIGIN_SYSTEM;
	assert_int_equal(cmd_reserving_take(&harbour, &message), 0);
	assert_int_equal(harbour.reserved.count, 2);
	assert_int_equal(cmd_reserving_apply(&worker), 0);
	assert_int_equal(reserved_rows(worker.host), 1);
	assert_int_equal(take(CMD_ASK_UNRESERVE, "80"), 0);
	assert_int_equal(cmd_reserving_apply(&worker), 0);
	assert_int_equal(reserved_rows(worker.host), 1);
	free(worker.reserved.entries);
}

/* No choice takes one of them, whoever asks by number has it. */
static void the_chooser_passes_over_them(void **state)
{
	struct cmd_worker worker = { .harbour = &harbour, .host = make_host() };
	const struct minato_wish wish = {
		.proto = MINATO_TCP,
		.local = minato_addr4(10, 0, 2, 2),
		.low = 2000,
		.high = 2003,
	};
	uint64_t lease;
	uint16_t port;

	(void)state;
	assert_int_equal(minato_address_add(worker.host, 0, &wish.local, 24), 0);
	assert_int_equal(take(CMD_ASK_RESERVE, "2000-2001"), 0);
	assert_int_equal(take(CMD_ASK_RESERVE, "2003/tcp"), 0);
	assert_int_equal(cmd_reserving_apply(&worker), 0);
	assert_int_equal(minato_port_take(worker.host, &wish, &lease, &port), 0);
	assert_int_equal(port, 2002);
	assert_int_equal(minato_port_take(worker.host, &wish, &lease, &port), -EADDRNOTAVAIL);
	free(worker.reserved.entries);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_keeper_notes_and_forgets),
		CASE(the_keeper_believes_nothing),
		CASE(there_is_a_bound),
		CASE(what_the_guest_opens_is_not_published),
		CASE(messages_say_the_same_again),
		CASE(strange_messages_are_refused),
		CASE(the_worker_has_them_in_its_table),
		CASE(twice_reserved_is_reserved_until_both_are_gone),
		CASE(the_chooser_passes_over_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
