/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose flow it is: the worker's questions, and the keeper's answers about sockets of this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/cmd.h"
#include "minato/guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct cmd_harbour harbour; /* the keeper's */
static struct cmd_worker worker;
static struct {
	unsigned count;
	uint64_t word;
	struct cmd_holding holding;
	bool asks_again;
} told;

static int begin(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(cmd_channel_pair(ends), 0);
	harbour = (struct cmd_harbour){
		.hand = { .channel = ends[0], .ready = true },
		.seeker = { .proc = -1, .diag = -1 },
	};
	worker = (struct cmd_worker){ .harbour = &harbour, .channel = ends[1] };
	memset(&told, 0, sizeof(told));
	return 0;
}

static int end(void **state)
{
	(void)state;
	close(harbour.hand.channel);
	close(worker.channel);
	return 0;
}

static const struct cmd_whose tcp = {
	.flow = { MINATO_TCP, { { { 0 } }, 1000 }, { { { 0 } }, 80 } },
	.all = true,
};

static void hear(void *user, uint64_t word, const struct cmd_holding *holding)
{
	assert_ptr_equal(user, &told);
	told.count++;
	told.word = word;
	told.holding = *holding;
	if (told.asks_again) {
		told.asks_again = false;
		cmd_witness_ask(&worker, &tcp, hear, &told, word + 1000);
	}
}

static void ask(uint64_t word)
{
	cmd_witness_ask(&worker, &tcp, hear, &told, word);
}

/* The next message at that end. */
static struct cmd_message heard(int channel, uint32_t kind)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count;

	assert_int_equal(cmd_channel_receive(channel, &message, fds, &count), 1);
	assert_int_equal(message.kind, kind);
	assert_int_equal(count, 0);
	return message;
}

static bool is_silent(int channel)
{
	uint32_t kind;

	return cmd_channel_peek(channel, &kind) == -EAGAIN;
}

static void answer(uint64_t number, int32_t count)
{
	struct cmd_message message = { .kind = CMD_TELL_PROGRAM };

	message.holding.number = number;
	message.holding.count = count;
	cmd_witness_told(&worker, &message);
}

/* ---- the worker ---- */

static void each_answer_finds_its_question(void **state)
{
	struct cmd_message message;

	(void)state;
	ask(11);
	ask(12);
	assert_int_equal(told.count, 0);
	message = heard(harbour.hand.channel, CMD_ASK_PROGRAM);
	assert_int_equal(message.inquiry.number, 1);
	assert_int_equal(message.inquiry.flow.remote.port, 80);
	assert_true(message.inquiry.all);
	assert_int_equal(heard(harbour.hand.channel, CMD_ASK_PROGRAM).inquiry.number, 2);
	answer(2, 1);
	assert_int_equal(told.word, 12);
	assert_int_equal(told.holding.count, 1);
	answer(1, 0);
	assert_int_equal(told.word, 11);
	assert_int_equal(told.holding.count, 0);
	assert_int_equal(told.count, 2);
}

static void an_answer_to_nothing(void **state)
{
	(void)state;
	/* A place that is free has the number 0. */
	answer(0, 1);
	answer(1, 1);
	ask(11);
	answer(2, 1);
	answer(UINT64_MAX, 1);
	assert_int_equal(told.count, 0);
	answer(1, 1);
	answer(1, 1);
	assert_int_equal(told.count, 1);
}

static void only_what_has_ports_is_a_programs(void **state)
{
	const struct cmd_whose ping = { .flow = { .proto = MINATO_ICMP } };

	(void)state;
	cmd_witness_ask(&worker, &ping, hear, &told, 5);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.word, 5);
	assert_int_equal(told.holding.count, -EPROTONOSUPPORT);
	assert_int_equal(told.holding.program, MINATO_PROGRAM_NONE);
	assert_false(told.holding.same);
	assert_true(is_silent(harbour.hand.channel));
}

static void so_many_at_once(void **state)
{
	uint64_t last = 0;

	(void)state;
	for (uint64_t i = 1; i <= CMD_WITNESS_MAX; i++) {
		ask(i);
		last = heard(harbour.hand.channel, CMD_ASK_PROGRAM).inquiry.number;
	}
	assert_int_equal(told.count, 0);
	ask(1000);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.word, 1000);
	assert_int_equal(told.holding.count, -EBUSY);
	assert_true(is_silent(harbour.hand.channel));
	/* Who has been answered makes room, and gets no number that another has. */
	answer(3, 0);
	ask(1001);
	assert_int_equal(heard(harbour.hand.channel, CMD_ASK_PROGRAM).inquiry.number, last + 1);
	answer(last + 1, 0);
	assert_int_equal(told.word, 1001);
	assert_int_equal(told.count, 3);
}

/* Within `told` there is room for another question. */
static void the_last_one_makes_room_when_it_is_told(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= CMD_WITNESS_MAX; i++) {
		ask(i);
		(void)heard(harbour.hand.channel, CMD_ASK_PROGRAM);
	}
	told.asks_again = true;
	answer(7, 1);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.word, 7);
	answer(heard(harbour.hand.channel, CMD_ASK_PROGRAM).inquiry.number, 1);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.word, 1007);
}

static void a_keeper_that_does_not_hear(void **state)
{
	uint64_t asked = 0;

	(void)state;
	/* Its end is full: nobody waits for it. */
	while (cmd_channel_send(worker.channel, &(struct cmd_message){ .kind = CMD_ASK_LOOK },
				NULL, 0) == 0)
		asked++;
	assert_true(asked > 0);
	ask(11);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.holding.count, -EBUSY);
	/* No place was taken. */
	for (uint32_t i = 0; i < CMD_WITNESS_MAX; i++)
		assert_int_equal(worker.witness.inquiries[i].number, 0);
	while (asked-- > 0)
		(void)heard(harbour.hand.channel, CMD_ASK_LOOK);
	ask(12);
	assert_int_equal(told.count, 1);
	assert_int_equal(heard(harbour.hand.channel, CMD_ASK_PROGRAM).inquiry.number, 1);
	/* It is gone. */
	close(harbour.hand.channel);
	ask(13);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.word, 13);
	assert_int_equal(told.holding.count, -EBUSY);
	harbour.hand.channel = dup(worker.channel);
}

/* ---- the keeper ---- */

static struct minato_endpoint end_of(int fd, bool peer)
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof(at);
	struct minato_endpoint out;

	assert_int_equal(peer ? getpeername(fd, (struct sockaddr *)&at, &len) :
				getsockname(fd, (struct sockaddr *)&at, &len),
			 0);
	assert_true(drive_endpoint_from(&out, (struct sockaddr *)&at));
	return out;
}

/* Over loopback; *other listens. */
static int connected(int *other)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(*other, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(*other, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(listen(*other, 1), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* What it says of the socket. */
static struct cmd_holding look(int fd, bool all)
{
	struct cmd_message message = { .kind = CMD_ASK_PROGRAM };

	message.inquiry.number = 77;
	message.inquiry.all = all;
	message.inquiry.flow =
		(struct kernel_flow){ MINATO_TCP, end_of(fd, false), end_of(fd, true) };
	cmd_witness_look(&harbour, &message);
	message = heard(worker.channel, CMD_TELL_PROGRAM);
	assert_int_equal(message.holding.number, 77);
	return message.holding;
}

/* A process that holds the socket, as this program or another. */
static pid_t holder(int fd, bool other)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child > 0)
		return child;
	if (!other) {
		pause();
		_exit(0);
	}
	(void)dup2(fd, 0);
	execl("/bin/sleep", "sleep", "1000", (char *)NULL);
	_exit(127);
}

static void end_holder(pid_t child)
{
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void where_nobody_can_look(void **state)
{
	int other;
	int fd = connected(&other);
	struct cmd_holding holding;

	(void)state;
	/* As where the guest's /proc or its sockets could not be opened. */
	harbour.seeker = (struct kernel_seeker){ .proc = -1, .diag = -1 };
	holding = look(fd, true);
	assert_int_equal(holding.count, -EOPNOTSUPP);
	assert_false(holding.same);
	assert_int_equal(holding.program, MINATO_PROGRAM_NONE);
	cmd_witness_close(&harbour);
	close(fd);
	close(other);
}

static const struct drive_target here = { .pidfd = -1, .netns = -1 };

static void open_here(struct drive_target *target)
{
	*target = here;
	target->pid = getpid();
	harbour.target = target;
	harbour.seeking = true;
	cmd_witness_open(&harbour);
	assert_true(harbour.seeker.diag >= 0);
}

static void a_holder_and_its_program(void **state)
{
	struct drive_target target;
	int other;
	int fd = connected(&other);
	char self[512] = "";
	struct cmd_holding holding;

	(void)state;
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	open_here(&target);
	holding = look(fd, true);
	assert_int_equal(holding.count, 1);
	assert_true(holding.same);
	assert_int_equal(holding.list[0].pid, getpid());
	assert_int_equal(holding.list[1].pid, 0);
	/* No rule names it, or one does. */
	assert_int_equal(holding.program, MINATO_PROGRAM_NONE);
	assert_int_equal(cmd_programs_add(&harbour.programs, "/bin/sleep"), 0);
	assert_int_equal(cmd_programs_add(&harbour.programs, self), 0);
	holding = look(fd, true);
	assert_int_equal(holding.program, cmd_programs_number(&harbour.programs, self));
	close(fd);
	cmd_witness_close(&harbour);
	close(other);
}

static void a_socket_that_is_gone(void **state)
{
	const struct kernel_flow nowhere = { MINATO_TCP,
					     { minato_addr4(127, 0, 0, 1), 1 },
					     { minato_addr4(127, 0, 0, 1), 2 } };
	struct cmd_message message = { .kind = CMD_ASK_PROGRAM };
	struct drive_target target;

	(void)state;
	open_here(&target);
	message.inquiry.flow = nowhere;
	cmd_witness_look(&harbour, &message);
	message = heard(worker.channel, CMD_TELL_PROGRAM);
	assert_int_equal(message.holding.count, -ENOENT);
	assert_false(message.holding.same);
	cmd_witness_close(&harbour);
}

/* Every holder could have sent it, so all must run one file. */
static void several_holders(void **state)
{
	struct drive_target target;
	int other;
	int fd = connected(&other);
	pid_t fork_of_us = holder(fd, false);
	struct cmd_holding holding;
	pid_t stranger;

	(void)state;
	open_here(&target);
	holding = look(fd, true);
	assert_int_equal(holding.count, 2);
	assert_true(holding.same);
	assert_int_equal(holding.list[0].pid + holding.list[1].pid, getpid() + fork_of_us);
	/* Where nothing depends on the others, one will do. */
	assert_int_equal(look(fd, false).count, 1);
	stranger = holder(fd, true);
	for (int i = 0; i < 2000 && look(fd, true).same; i++)
		usleep(5000);
	holding = look(fd, true);
	assert_int_equal(holding.count, 3);
	assert_false(holding.same);
	assert_int_equal(holding.program, MINATO_PROGRAM_NONE);
	end_holder(stranger);
	assert_true(look(fd, true).same);
	end_holder(fork_of_us);
	assert_int_equal(look(fd, true).count, 1);
	cmd_witness_close(&harbour);
	close(fd);
	close(other);
}

/* More than are looked at: one behind them may be another program. */
static void more_holders_than_are_looked_at(void **state)
{
	enum { MANY = 17 };
	struct drive_target target;
	int other;
	int fd = connected(&other);
	pid_t children[MANY];
	struct cmd_holding holding;

	(void)state;
	for (int i = 0; i < MANY - 2; i++)
		children[i] = holder(fd, false);
	open_here(&target);
	holding = look(fd, true);
	assert_int_equal(holding.count, MANY - 1);
	assert_true(holding.same);
	children[MANY - 2] = holder(fd, false);
	holding = look(fd, true);
	assert_int_equal(holding.count, MANY);
	assert_false(holding.same);
	for (int i = 0; i < MANY - 1; i++)
		end_holder(children[i]);
	cmd_witness_close(&harbour);
	close(fd);
	close(other);
}

/* A worker that does not read gets no answer, and the keeper does not wait for it. */
static void a_worker_that_does_not_read(void **state)
{
	struct cmd_message message = { .kind = CMD_ASK_PROGRAM };
	unsigned sent = 0;

	(void)state;
	message.inquiry.number = 1;
	for (int i = 0; i < 10000; i++)
		cmd_witness_look(&harbour, &message);
	while (!is_silent(worker.channel)) {
		assert_int_equal(heard(worker.channel, CMD_TELL_PROGRAM).holding.number, 1);
		sent++;
	}
	assert_in_range(sent, 1, 9999);
}

#define WITNESSED(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITNESSED(each_answer_finds_its_question),
		WITNESSED(an_answer_to_nothing),
		WITNESSED(only_what_has_ports_is_a_programs),
		WITNESSED(so_many_at_once),
		WITNESSED(the_last_one_makes_room_when_it_is_told),
		WITNESSED(a_keeper_that_does_not_hear),
		WITNESSED(where_nobody_can_look),
		WITNESSED(a_holder_and_its_program),
		WITNESSED(a_socket_that_is_gone),
		WITNESSED(several_holders),
		WITNESSED(more_holders_than_are_looked_at),
		WITNESSED(a_worker_that_does_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
