/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket: requests, pieces, bounds, and clients that mean harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cmd/see/metrics.h"

static struct drive_loop *loop;
static struct cmd_control *control;

/* What the answers below were asked. */
static int last_signal;
static uint64_t rows_to_tell;

static json_t *tell_info(void *user)
{
	(void)user;
	return json_pack("{s:s}", "name", "web");
}

static json_t *tell_row(void *user, uint64_t *cursor)
{
	(void)user;
	if (*cursor == rows_to_tell)
		return NULL;
	return json_pack("{s:I}", "number", (json_int_t)(*cursor)++);
}

/* The longest that a row may be: a line must have room for all that stand in it. */
static json_t *tell_row_tcp(void *user, uint64_t *cursor)
{
	json_t *row = tell_row(user, cursor);
	static char long_text[3000];

	memset(long_text, 'x', sizeof(long_text) - 1);
	if (row)
		json_object_set_new(row, "tcp", json_string(long_text));
	return row;
}

static uint64_t last_cut;

static int take_cut(void *user, uint64_t handle)
{
	(void)user;
	last_cut = handle;
	return handle == 7 ? -ENOENT : 0;
}

static int take_signal(void *user, int signo)
{
	(void)user;
	last_signal = signo;
	return signo == SIGUSR1 ? -ESRCH : 0;
}

/* Reserved ports: what was asked last. */
static int reserved_last; /* 1: added, -1: removed */

static int take_reservation(void *user, const json_t *request, bool add, struct drive_error *error)
{
	(void)user;
	if (!json_object_get(request, "reservation"))
		return drive_fail(error, EINVAL, "no reservation");
	reserved_last = add ? 1 : -1;
	return 0;
}

/* A census takes some turns. */
static int turns_to_count;

static bool count_some(void *user, struct cmd_census *census)
{
	(void)user;
	return ++census->cursor >= (uint64_t)turns_to_count;
}

static json_t *tell_metrics(void *user, const struct cmd_census *census)
{
	(void)user;
	return json_pack("{s:I}", "turns", (json_int_t)census->cursor);
}

/* Orders: how many were begun, and whether one is under way, for whom. */
static uint32_t begun;
static bool busy;
static uint64_t customer;

static int take_order(void *user, uint64_t client, const json_t *request, struct drive_error *error)
{
	(void)user;
	if (busy)
		return -EAGAIN;
	if (json_object_get(request, "word"))
		return drive_fail(error, EINVAL, "no spec is called '%s'",
				  json_string_value(json_object_get(request, "word")));
	if (!json_object_get(request, "specs"))
		return drive_fail(error, EINVAL, "no spec");
	busy = true;
	begun++;
	customer = client;
	return 0;
}

static int take_removal(void *user, uint64_t client, const json_t *request,
			struct drive_error *error)
{
	return take_order(user, client, request, error);
}

static int setup(void **state)
{
	const struct cmd_answers answers = {
		.info = tell_info,
		.row = tell_row,
		.row_tcp = tell_row_tcp,
		.cut = take_cut,
		.signal = take_signal,
		.reserve = take_reservation,
		.reserved = tell_row,
		.forward = tell_row,
		.census = count_some,
		.metrics = tell_metrics,
		.add = take_order,
		.remove = take_removal,
	};

	(void)state;
	last_signal = 0;
	rows_to_tell = 0;
	begun = 0;
	busy = false;
	if (drive_loop_new(&loop))
		return -1;
	return cmd_control_open(&control, loop, &answers);
}

static int teardown(void **state)
{
	(void)state;
	cmd_control_close(control);
	drive_loop_free(loop);
	return 0;
}

static void turn(int times)
{
	struct minato_time past = { 0 };

	while (times-- > 0)
		assert_true(drive_loop_turn(loop, past) >= 0);
}

/* As the keeper hands on a client; returns the client's end. */
static int join_as(enum cmd_client_right right)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	cmd_control_expect(control);
	cmd_control_admit(control, ends[1], &(struct minato_owner){ .pid = 77 }, right);
	turn(2);
	return ends[0];
}

static int join(void)
{
	return join_as(CMD_CLIENT_ORDERS);
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	turn(3);
}

/* What waits for us; "" for nothing, NULL for the end. */
static const char *heard(int fd)
{
	static char text[CMD_LINE_MAX * 2];
	ssize_t got = recv(fd, text, sizeof(text) - 1, 0);

	if (got == 0 || (got < 0 && errno == ECONNRESET))
		return NULL;
	text[got > 0 ? got : 0] = 0;
	return text;
}

static void assert_error(int fd, const char *request, const char *part)
{
	const char *text;

	say(fd, request);
	text = heard(fd);
	assert_non_null(text);
	if (!strstr(text, "\"error\"") || !strstr(text, part))
		fail_msg("no error about \"%s\" in: %s", part, text);
	turn(1);
	assert_null(heard(fd));
	close(fd);
}

static void info_is_answered_in_one_line(void **state)
{
	int fd = join();

	(void)state;
	say(fd, "{\"v\":1,\"request\":\"info\"}\n");
	assert_string_equal(heard(fd), "{\"name\":\"web\",\"done\":true,\"v\":1}\n");
	close(fd);
}

static void a_request_may_come_in_pieces(void **state)
{
	int fd = join();

	(void)state;
	say(fd, "{\"v\":1,\"req");
	assert_string_equal(heard(fd), "");
	say(fd, "uest\":\"info\"}");
	assert_string_equal(heard(fd), "");
	say(fd, "\n");
	assert_non_null(strstr(heard(fd), "web"));
	close(fd);
}

static void requests_may_come_together(void **state)
{
	const char *first;
	int fd = join();

	(void)state;
	say(fd, "{\"v\":1,\"request\":\"info\"}\n{\"v\":1,\"request\":\"info\"}\n");
	first = strchr(heard(fd), '\n');
	assert_non_null(first);
	assert_non_null(strstr(first, "web"));
	close(fd);
}

static void stop_passes_the_signal(void **state)
{
	int fd = join();

	(void)state;
	say(fd, "{\"v\":1,\"request\":\"stop\",\"signal\":15}\n");
	assert_int_equal(last_signal, SIGTERM);
	assert_non_null(strstr(heard(fd), "\"done\":true"));
	close(fd);
}

/* A handle whose first bit is set is a negative number in JSON. */
static void cut_passes_the_handle(void **state)
{
	int fd = join();

	(void)state;
	say(fd, "{\"v\":1,\"request\":\"cut\",\"handle\":-2}\n");
	assert_true(last_cut == UINT64_MAX - 1);
	assert_non_null(strstr(heard(fd), "\"done\":true"));
	close(fd);
}

static void cut_needs_a_flow(void **state)
{
	(void)state;
	assert_error(join(), "{\"v\":1,\"request\":\"cut\",\"handle\":7}\n", "ended");
	assert_error(join(), "{\"v\":1,\"request\":\"cut\"}\n", "handle");
	assert_error(join(), "{\"v\":1,\"request\":\"cut\",\"handle\":\"7\"}\n", "handle");
}

static void rows_with_tcp_fit_into_lines(void **state)
{
	size_t rows = 0;
	bool done = false;
	int fd = join();

	(void)state;
	rows_to_tell = 100;
	say(fd, "{\"v\":1,\"request\":\"rows\",\"tcp\":true}\n");
	while (!done) {
		const char *text = heard(fd);

		assert_non_null(text);
		turn(1);
		for (const char *at = text; (at = strstr(at, "\"tcp\":")) != NULL; at++)
			rows++;
		done = strstr(text, "\"done\":true") != NULL;
	}
	assert_int_equal(rows, 100);
	close(fd);
}

static void a_signal_that_cannot_be_sent_is_an_error(void **state)
{
	(void)state;
	assert_error(join(), "{\"v\":1,\"request\":\"stop\",\"signal\":10}\n", "No such process");
}

/* However long what they quote is, and wherever it is cut. */
static void errors_are_whole_letters(void **state)
{
	char request[2048];

	(void)state;
	for (int pad = 0; pad < 4; pad++) {
		(void)snprintf(request, sizeof(request),
			       "{\"v\":1,\"request\":\"forward-add\",\"word\":\"%.*s", pad, "xxxx");
		while (strlen(request) < 1200)
			strcat(request, "\xf0\x9f\x9a\xa2");
		strcat(request, "\"}\n");
		assert_error(join(), request, "no spec is called '");
	}
}

static void a_signal_out_of_range_is_refused(void **state)
{
	(void)state;
	assert_error(join(), "{\"v\":1,\"request\":\"stop\"}\n", "signal");
	assert_error(join(), "{\"v\":1,\"request\":\"stop\",\"signal\":-1}\n", "signal");
	assert_error(join(), "{\"v\":1,\"request\":\"stop\",\"signal\":9999}\n", "signal");
	assert_int_equal(last_signal, 0);
}

static void what_is_wrong_is_said_and_ends_the_client(void **state)
{
	(void)state;
	assert_error(join(), "hello\n", "no JSON object");
	assert_error(join(), "[1]\n", "no JSON object");
	assert_error(join(), "\n", "no JSON object");
	assert_error(join(), "{\"v\":1,\"request\":\"fly\"}\n", "unknown request");
	assert_error(join(), "{\"v\":1}\n", "missing");
	assert_error(join(), "{\"v\":2,\"request\":\"info\"}\n", "version 1");
	assert_error(join(), "{\"request\":\"info\"}\n", "version 1");
}

/* Reads a listing to its end; how many rows it had. */
static uint64_t read_rows(int fd, bool *in_order)
{
	static char text[1 << 20];
	size_t used = 0;
	uint64_t count = 0;
	char *end = NULL;

	*in_order = true;
	for (int i = 0; i < 20000 && !end; i++) {
		ssize_t got;

		turn(1);
		got = recv(fd, text + used, sizeof(text) - used - 1, 0);
		used += got > 0 ? (size_t)got : 0;
		text[used] = 0;
		end = strstr(text, "\"done\":true");
	}
	assert_non_null(end);
	for (const char *at = text; (at = strstr(at, "\"number\":")) != NULL; at++) {
		*in_order = *in_order && strtoull(at + 9, NULL, 10) == count;
		count++;
	}
	return count;
}

static void rows_come_in_lines_that_fit(void **state)
{
	bool in_order;
	int fd = join();

	(void)state;
	rows_to_tell = 15000;
	say(fd, "{\"v\":1,\"request\":\"rows\"}\n");
	assert_int_equal(read_rows(fd, &in_order), 15000);
	assert_true(in_order);
	close(fd);
}

static void no_rows_are_an_end_alone(void **state)
{
	int fd = join();

	(void)state;
	say(fd, "{\"v\":1,\"request\":\"rows\"}\n");
	assert_string_equal(heard(fd), "{\"count\":0,\"done\":true,\"v\":1}\n");
	close(fd);
}

static void reserved_ports_are_noted_and_listed(void **state)
{
	int fd = join();

	(void)state;
	reserved_last = 0;
	say(fd, "{\"v\":1,\"request\":\"reserve-add\",\"reservation\":{}}\n");
	assert_string_equal(heard(fd), "{\"done\":true,\"v\":1}\n");
	assert_int_equal(reserved_last, 1);
	close(fd);
	fd = join();
	say(fd, "{\"v\":1,\"request\":\"reserve-rm\",\"reservation\":{}}\n");
	assert_string_equal(heard(fd), "{\"done\":true,\"v\":1}\n");
	assert_int_equal(reserved_last, -1);
	rows_to_tell = 2;
	say(fd, "{\"v\":1,\"request\":\"reserved\"}\n");
	assert_string_equal(heard(fd), "{\"reserved\":[{\"number\":0},{\"number\":1}],\"v\":1}\n"
				       "{\"count\":2,\"done\":true,\"v\":1}\n");
	close(fd);
	assert_error(join(), "{\"v\":1,\"request\":\"reserve-add\"}\n", "no reservation");
}

/* The keeper would take an order that it has not seen come for that of a worker taken over. */
static void one_order_to_a_connection(void **state)
{
	int fd = join();

	(void)state;
	reserved_last = 0;
	assert_error(join_as(CMD_CLIENT_ASKS),
		     "{\"v\":1,\"request\":\"forward-add\",\"specs\":[]}\n",
		     "an order must be the first request of its connection");
	assert_error(join_as(CMD_CLIENT_ASKS),
		     "{\"v\":1,\"request\":\"reserve-add\",\"reservation\":{}}\n",
		     "an order must be");
	assert_int_equal(reserved_last, 0);
	say(fd, "{\"v\":1,\"request\":\"reserve-add\",\"reservation\":{}}\n");
	assert_string_equal(heard(fd), "{\"done\":true,\"v\":1}\n");
	assert_error(fd, "{\"v\":1,\"request\":\"reserve-rm\",\"reservation\":{}}\n",
		     "an order must be");
	assert_int_equal(reserved_last, 1);
}

static void from_inside_one_may_ask_and_no_more(void **state)
{
	static const char *const acts[] = {
		"{\"v\":1,\"request\":\"forward-add\",\"specs\":[\"80\"]}\n",
		"{\"v\":1,\"request\":\"forward-rm\",\"specs\":[\"80\"]}\n",
		"{\"v\":1,\"request\":\"reserve-rm\",\"reservation\":{}}\n",
		"{\"v\":1,\"request\":\"cut\"}\n",
		"{\"v\":1,\"request\":\"scan-forget\",\"address\":\"192.0.2.1\"}\n",
		"{\"v\":1,\"request\":\"stop\",\"signal\":15}\n",
		"{\"v\":1,\"request\":\"answer\",\"number\":1}\n",
		"{\"v\":1,\"request\":\"reload\"}\n",
	};
	int fd = join_as(CMD_CLIENT_INSIDE);

	(void)state;
	say(fd, "{\"v\":1,\"request\":\"info\"}\n");
	assert_non_null(strstr(heard(fd), "web"));
	close(fd);
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		assert_error(join_as(CMD_CLIENT_INSIDE), acts[i], "inside of a guest");
}

static void metrics_take_some_turns(void **state)
{
	int fd = join();
	int other = join();

	(void)state;
	turns_to_count = 20;
	say(fd, "{\"v\":1,\"request\":\"metrics\"}\n");
	assert_string_equal(heard(fd), "");
	/* Others are answered meanwhile. */
	say(other, "{\"v\":1,\"request\":\"info\"}\n");
	assert_non_null(strstr(heard(other), "web"));
	turn(20);
	assert_string_equal(heard(fd), "{\"turns\":20,\"done\":true,\"v\":1}\n");
	/* Each begins anew; who goes in the middle of one leaves nothing. */
	say(fd, "{\"v\":1,\"request\":\"metrics\"}\n");
	turn(20);
	assert_string_equal(heard(fd), "{\"turns\":20,\"done\":true,\"v\":1}\n");
	turns_to_count = 1000000;
	say(fd, "{\"v\":1,\"request\":\"metrics\"}\n");
	close(fd);
	close(other);
	turn(20);
}

static void a_listing_leaves_turns_for_others(void **state)
{
	int slow = join();
	int quick = join();

	(void)state;
	rows_to_tell = UINT64_MAX;
	say(slow, "{\"v\":1,\"request\":\"rows\"}\n");
	say(quick, "{\"v\":1,\"request\":\"info\"}\n");
	assert_non_null(strstr(heard(quick), "web"));
	close(slow);
	close(quick);
	turn(3);
}

static void who_does_not_read_blocks_nobody(void **state)
{
	int deaf = join();
	int other = join();

	(void)state;
	rows_to_tell = UINT64_MAX;
	say(deaf, "{\"v\":1,\"request\":\"rows\"}\n");
	turn(2000);
	say(other, "{\"v\":1,\"request\":\"info\"}\n");
	assert_non_null(strstr(heard(other), "web"));
	close(deaf);
	close(other);
}

static void a_line_without_end_is_refused(void **state)
{
	static char line[CMD_LINE_MAX];
	size_t sent = 0;
	int fd = join();

	(void)state;
	memset(line, ' ', sizeof(line));
	while (sent < sizeof(line)) {
		ssize_t n = send(fd, line + sent, sizeof(line) - sent, MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		turn(3);
	}
	assert_non_null(strstr(heard(fd), "too long"));
	assert_null(heard(fd));
	close(fd);
}

static void a_line_of_the_full_size_is_heard(void **state)
{
	static char line[CMD_LINE_MAX];
	static const char request[] = "{\"v\":1,\"request\":\"info\"}";
	size_t sent = 0;
	int fd = join();

	(void)state;
	memset(line, ' ', sizeof(line));
	memcpy(line, request, sizeof(request) - 1);
	line[sizeof(line) - 1] = '\n';
	while (sent < sizeof(line)) {
		ssize_t n = send(fd, line + sent, sizeof(line) - sent, MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		turn(3);
	}
	assert_non_null(strstr(heard(fd), "web"));
	close(fd);
}

static void half_a_request_and_away_harms_nothing(void **state)
{
	int fd = join();

	(void)state;
	say(fd, "{\"v\":1");
	close(fd);
	turn(3);
	fd = join();
	say(fd, "{\"v\":1,\"request\":\"info\"}\n");
	assert_non_null(strstr(heard(fd), "web"));
	close(fd);
}

static void half_closed_is_still_answered(void **state)
{
	int fd = join();

	(void)state;
	assert_true(send(fd, "{\"v\":1,\"request\":\"info\"}\n", 25, 0) == 25);
	shutdown(fd, SHUT_WR);
	turn(4);
	assert_non_null(strstr(heard(fd), "web"));
	assert_null(heard(fd));
	close(fd);
}

static void the_seventeenth_takes_the_place_of_the_most_silent(void **state)
{
	int fds[CMD_CLIENTS_MAX + 1];

	(void)state;
	for (size_t i = 0; i < CMD_CLIENTS_MAX; i++)
		fds[i] = join();
	/* The first speaks, so the second is silent longest. */
	say(fds[0], "{\"v\":1,\"request\":\"info\"}\n");
	assert_non_null(strstr(heard(fds[0]), "web"));
	fds[CMD_CLIENTS_MAX] = join();
	say(fds[CMD_CLIENTS_MAX], "{\"v\":1,\"request\":\"info\"}\n");
	assert_non_null(strstr(heard(fds[CMD_CLIENTS_MAX]), "web"));
	assert_null(heard(fds[1]));
	assert_string_equal(heard(fds[0]), "");
	assert_string_equal(heard(fds[2]), "");
	for (size_t i = 0; i <= CMD_CLIENTS_MAX; i++)
		close(fds[i]);
}

/* Traffic may take every descriptor there is; who asks is answered all the same. */
static void without_descriptors_it_still_answers(void **state)
{
	const struct cmd_message message = { .kind = CMD_TELL_CLIENT };
	struct cmd_message came;
	struct rlimit before, few;
	int channel[2], ends[2], fds[CMD_CHANNEL_FDS_MAX], first, last, more;
	size_t count;

	(void)state;
	assert_int_equal(cmd_channel_pair(channel), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(cmd_channel_send(channel[0], &message, &ends[1], 1), 0);
	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	few.rlim_cur = 128;
	setrlimit(RLIMIT_NOFILE, &few);
	first = last = dup(channel[0]);
	while ((more = dup(channel[0])) >= 0)
		last = more;
	assert_int_equal(errno, EMFILE);
	cmd_control_expect(control);
	assert_int_equal(cmd_channel_receive(channel[1], &came, fds, &count), 1);
	assert_int_equal(count, 1);
	cmd_control_admit(control, fds[0], &message.client, true);
	say(ends[0], "{\"v\":1,\"request\":\"info\"}\n");
	assert_non_null(strstr(heard(ends[0]), "web"));
	setrlimit(RLIMIT_NOFILE, &before);
	while (first <= last)
		close(first++);
	close(channel[0]);
	close(channel[1]);
	close(ends[0]);
	close(ends[1]);
}

/* Whoever gave an order is known as long as it waits. */
static void a_client_is_known_by_number(void **state)
{
	int fd = join();
	const struct minato_owner *who;

	(void)state;
	say(fd, "{\"v\":1,\"request\":\"forward-add\",\"specs\":[]}\n");
	who = cmd_control_client(control, customer);
	assert_non_null(who);
	assert_int_equal(who->pid, 77);
	assert_null(cmd_control_client(control, customer + 1));
	assert_null(cmd_control_client(control, 0));
	close(fd);
}

/* A client that was announced and did not come leaves its place to the next. */
static void who_does_not_come_takes_no_place(void **state)
{
	int fd;

	(void)state;
	for (int i = 0; i < 3 * CMD_CLIENTS_MAX; i++) {
		cmd_control_expect(control);
		cmd_control_admit(control, -1, &(struct minato_owner){ .pid = 0 }, false);
	}
	fd = join();
	say(fd, "{\"v\":1,\"request\":\"info\"}\n");
	assert_non_null(strstr(heard(fd), "web"));
	close(fd);
}

static void a_flood_of_clients_leaves_it_standing(void **state)
{
	int fds[64];

	(void)state;
	for (size_t i = 0; i < 64; i++)
		fds[i] = join();
	turn(10);
	say(fds[63], "{\"v\":1,\"request\":\"info\"}\n");
	assert_non_null(strstr(heard(fds[63]), "web"));
	for (size_t i = 0; i < 64; i++)
		close(fds[i]);
	turn(20);
}

static void end_order(void)
{
	uint64_t of = customer;

	busy = false;
	cmd_control_reply(control, of, json_pack("{s:b}", "added", 1));
	cmd_control_resume(control);
	turn(3);
}

#define ADD "{\"v\":1,\"request\":\"forward-add\",\"specs\":[\"80\"]}\n"
#define REMOVE "{\"v\":1,\"request\":\"forward-rm\",\"specs\":[\"80\"]}\n"

static void an_order_is_answered_later(void **state)
{
	int fd = join();

	(void)state;
	/* What is asked besides waits for that. */
	say(fd, ADD "{\"v\":1,\"request\":\"info\"}\n");
	assert_string_equal(heard(fd), "");
	end_order();
	assert_string_equal(heard(fd), "{\"added\":true,\"done\":true,\"v\":1}\n"
				       "{\"name\":\"web\",\"done\":true,\"v\":1}\n");
	close(fd);
}

/* In place of the C library's: a clock that may be put on. */
static int64_t ahead_s;

int clock_gettime(clockid_t clock, struct timespec *out)
{
	int result = (int)syscall(SYS_clock_gettime, clock, out);

	out->tv_sec += ahead_s;
	return result;
}

/* Whoever waits for us is not silent, however long that takes; who says nothing is. */
static void who_waits_for_an_order_stays(void **state)
{
	int first = join(), second = join(), third = join();

	(void)state;
	say(first, ADD);
	say(second, ADD);
	ahead_s += CMD_IDLE_MS / 1000 + 1;
	turn(3);
	assert_null(heard(third));
	assert_string_equal(heard(first), "");
	assert_string_equal(heard(second), "");
	end_order();
	assert_non_null(strstr(heard(first), "added"));
	assert_int_equal(begun, 2);
	end_order();
	assert_non_null(strstr(heard(second), "added"));
	close(first);
	close(second);
	close(third);
}

static void orders_wait_for_one_another(void **state)
{
	int first = join();
	int second = join();
	int third = join();

	(void)state;
	say(first, ADD);
	say(third, REMOVE);
	say(second, ADD);
	assert_int_equal(begun, 1);
	assert_string_equal(heard(third), "");
	end_order();
	assert_non_null(strstr(heard(first), "added"));
	/* In the order in which they came. */
	assert_int_equal(begun, 2);
	assert_string_equal(heard(second), "");
	end_order();
	assert_non_null(strstr(heard(third), "added"));
	assert_int_equal(begun, 3);
	assert_string_equal(heard(second), "");
	end_order();
	assert_non_null(strstr(heard(second), "added"));
	close(first);
	close(second);
	close(third);
}

static void who_orders_and_goes_holds_up_nobody(void **state)
{
	int first = join();
	int second = join();
	int third = join();

	(void)state;
	say(first, ADD);
	say(second, ADD);
	say(third, ADD);
	close(first);
	close(second);
	turn(3);
	end_order();
	assert_int_equal(begun, 2);
	end_order();
	assert_non_null(strstr(heard(third), "added"));
	close(third);
}

static void a_wrong_order_is_an_error(void **state)
{
	(void)state;
	assert_error(join(), "{\"v\":1,\"request\":\"forward-add\"}\n", "no spec");
}

static void forwards_come_as_rows_do(void **state)
{
	int fd = join();

	(void)state;
	rows_to_tell = 1;
	say(fd, "{\"v\":1,\"request\":\"forwards\"}\n");
	turn(4);
	assert_string_equal(heard(fd), "{\"forwards\":[{\"number\":0}],\"v\":1}\n"
				       "{\"count\":1,\"done\":true,\"v\":1}\n");
	close(fd);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(info_is_answered_in_one_line),
		CASE(a_request_may_come_in_pieces),
		CASE(requests_may_come_together),
		CASE(stop_passes_the_signal),
		CASE(cut_passes_the_handle),
		CASE(cut_needs_a_flow),
		CASE(rows_with_tcp_fit_into_lines),
		CASE(a_signal_that_cannot_be_sent_is_an_error),
		CASE(errors_are_whole_letters),
		CASE(a_signal_out_of_range_is_refused),
		CASE(what_is_wrong_is_said_and_ends_the_client),
		CASE(rows_come_in_lines_that_fit),
		CASE(no_rows_are_an_end_alone),
		CASE(reserved_ports_are_noted_and_listed),
		CASE(one_order_to_a_connection),
		CASE(from_inside_one_may_ask_and_no_more),
		CASE(metrics_take_some_turns),
		CASE(a_listing_leaves_turns_for_others),
		CASE(who_does_not_read_blocks_nobody),
		CASE(a_line_without_end_is_refused),
		CASE(a_line_of_the_full_size_is_heard),
		CASE(half_a_request_and_away_harms_nothing),
		CASE(half_closed_is_still_answered),
		CASE(the_seventeenth_takes_the_place_of_the_most_silent),
		CASE(a_flood_of_clients_leaves_it_standing),
		CASE(an_order_is_answered_later),
		CASE(who_waits_for_an_order_stays),
		CASE(orders_wait_for_one_another),
		CASE(who_orders_and_goes_holds_up_nobody),
		CASE(a_wrong_order_is_an_error),
		CASE(forwards_come_as_rows_do),
		CASE(without_descriptors_it_still_answers),
		CASE(a_client_is_known_by_number),
		CASE(who_does_not_come_takes_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
