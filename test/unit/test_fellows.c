/* SPDX-License-Identifier: BSD-2-Clause */
/* Other guests that rules name: their numbers, what is wrong with names, who is given a roll. */
#include "relay_fixture.h"

#include <fcntl.h>

#include "cmd/cmd.h"
#include "cmd/conf.h"

static struct cmd_harbour harbour;
static struct conf conf;
static struct conf_report report;
static char directory[] = "/tmp/minato-fellows.XXXXXX";
static int listener;

/* A guest called db listens in a runtime directory of the test's own. */
static int set_up(void **state)
{
	char name[DRIVE_NAME_SIZE] = "db";

	(void)state;
	if (!mkdtemp(directory) || setenv("XDG_RUNTIME_DIR", directory, 1) < 0)
		return -1;
	listener = drive_runtime_listen(name, false, NULL);
	return listener < 0;
}

static int tear_down(void **state)
{
	char path[128];

	(void)state;
	drive_runtime_remove("db");
	close(listener);
	(void)snprintf(path, sizeof(path), "%s/minato", directory);
	rmdir(path);
	rmdir(directory);
	return 0;
}

static void judge(const char *text)
{
	report = (struct conf_report){ .errors = 0 };
	conf_free(&conf);
	assert_int_equal(conf_read_guest(&conf, text, strlen(text), "web", &report), 0);
	report.count = 0;
	cmd_fellows_judge(&conf, "web", &report);
}

static void numbers(void **state)
{
	static struct cmd_ruling ruling;
	static const char text[] = "allow tcp 80 from db, lan, cache\nblock tcp 80\n"
				   "block out to cache, 192.0.2.1\n";
	const struct conf_statement *one = NULL;
	enum conf_part part = CONF_PART_SUBJECT;
	struct drive_error error;
	char name[16];

	(void)state;
	assert_int_equal(conf_read_guest(&ruling.conf, text, strlen(text), "web", &report), 0);
	assert_int_equal(cmd_fellows_find(&ruling, "web", &one, &part, &error), 0);
	assert_int_equal(ruling.fellows.count, 2);
	assert_int_equal(cmd_fellows_number(&ruling.fellows, "db"), 1);
	assert_int_equal(cmd_fellows_number(&ruling.fellows, "cache"), 2);
	assert_int_equal(cmd_fellows_number(&ruling.fellows, "web"), 0);
	for (unsigned i = 2; i < CMD_FELLOWS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "g%u", i);
		assert_int_equal(cmd_fellows_add(&ruling.fellows, name), 0);
	}
	assert_int_equal(cmd_fellows_add(&ruling.fellows, "more"), -ENOSPC);
	assert_int_equal(cmd_fellows_add(&ruling.fellows, "db"), 0);
	/* Which rule it is that has one too many. */
	ruling.fellows.list[1].name[0] = 'C';
	assert_int_equal(cmd_fellows_find(&ruling, "web", &one, &part, &error), -ENOSPC);
	assert_ptr_equal(one, ruling.conf.list[0]);
	assert_int_equal(part, CONF_PART_SOURCE);
	assert_non_null(strstr(error.text, "more than 128 other guests"));
	conf_free(&ruling.conf);
}

/* Names go with the rules that have them; what has been free for longest is taken first. */
static void names_go_with_their_rules(void **state)
{
	static struct cmd_harbour h;
	static const char text[] = "block tcp 80 from db, cache\nblock out to cache\n";
	const struct conf_statement *one = NULL;
	enum conf_part part = CONF_PART_SUBJECT;
	struct drive_error error;
	char name[16];

	(void)state;
	h.hand.channel = -1;
	(void)snprintf(h.name, sizeof(h.name), "web");
	assert_int_equal(conf_read_guest(&h.ruling.conf, text, strlen(text), "web", &report), 0);
	assert_int_equal(cmd_fellows_find(&h.ruling, "web", &one, &part, &error), 0);
	cmd_fellows_forget(&h);
	assert_int_equal(cmd_fellows_number(&h.ruling.fellows, "db"), 1);
	assert_int_equal(cmd_fellows_number(&h.ruling.fellows, "cache"), 2);
	conf_remove(&h.ruling.conf, 0);
	cmd_fellows_forget(&h);
	assert_int_equal(cmd_fellows_number(&h.ruling.fellows, "db"), 0);
	assert_int_equal(cmd_fellows_number(&h.ruling.fellows, "cache"), 2);
	conf_remove(&h.ruling.conf, 0);
	cmd_fellows_forget(&h);
	/* As many as one likes, one after the other. */
	for (unsigned i = 0; i < 3 * CMD_FELLOWS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "g%u", i);
		assert_int_equal(cmd_fellows_add(&h.ruling.fellows, name), 0);
		if (i == CMD_FELLOWS_MAX - 2)
			assert_int_equal(cmd_fellows_number(&h.ruling.fellows, name), 1);
		if (i == CMD_FELLOWS_MAX - 1)
			assert_int_equal(cmd_fellows_number(&h.ruling.fellows, name), 2);
		cmd_fellows_forget(&h);
		assert_int_equal(cmd_fellows_number(&h.ruling.fellows, name), 0);
	}
	conf_free(&h.ruling.conf);
}

static void what_is_wrong(void **state)
{
	(void)state;
	judge("allow tcp 80 from db\nblock tcp 80\n");
	assert_int_equal(report.count, 0);
	judge("allow tcp 80 from lna\nblock tcp 80\n");
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.count, 1);
	assert_int_equal(report.fault[0].severity, CONF_WARNING);
	assert_non_null(strstr(report.fault[0].what, "no guest called lna runs now"));
	assert_non_null(strstr(report.fault[0].what, "nobody is meant"));
	assert_int_equal(report.fault[0].candidate_count, 3);
	judge("block out tcp 80 to cache\n");
	assert_non_null(strstr(report.fault[0].what, "nobody is refused"));
	judge("block tcp 80 from cache\n");
	assert_non_null(strstr(report.fault[0].what, "programs of yours on this host"));
	/* A set that is called as a guest. */
	judge("set db 192.0.2.1\nallow tcp 80 from db\nblock tcp 80\n");
	assert_int_equal(report.errors, 1);
	assert_int_equal(report.fault[0].line, 1);
	assert_non_null(strstr(report.fault[0].what, "called db too"));
	judge("set dbs 192.0.2.1\nallow tcp 80 from dbs\nblock tcp 80\n");
	assert_int_equal(report.errors, 0);
	conf_free(&conf);
}

/* What comes with one message: a descriptor, or -1. */
static int given(int fd)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
	char text[64];
	struct iovec iov = { text, sizeof(text) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	const struct cmsghdr *c;
	int out = -1;

	if (recvmsg(fd, &msg, MSG_DONTWAIT) <= 0)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c)
		memcpy(&out, CMSG_DATA(c), sizeof(out));
	return out;
}

static void who_asks_is_given_it(void **state)
{
	const struct relay_roll *roll;
	int ends[2];
	int fd;

	(void)state;
	harbour = (struct cmd_harbour){ .name = "web" };
	assert_int_equal(drive_loop_new(&harbour.loop), 0);
	cmd_fellows_begin(&harbour);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_true(cmd_fellows_serve(&harbour, ends[0]));
	fd = given(ends[1]);
	assert_true(relay_roll_is(fd));
	assert_int_equal(relay_roll_open(fd, &roll), 0);
	assert_true(relay_roll_note(harbour.ruling.fellows.own, 99));
	assert_true(relay_roll_has(roll, 99));
	relay_roll_close(roll);
	close(fd);
	/* Its end is seen. */
	assert_int_equal(harbour.ruling.fellows.asker_count, 1);
	close(ends[1]);
	assert_true(drive_loop_turn(harbour.loop, drive_now()) >= 0);
	assert_int_equal(harbour.ruling.fellows.asker_count, 0);
	cmd_fellows_end(&harbour);
	drive_loop_free(harbour.loop);
}

/* Who rules name, as the keeper of db answers who says that he is `guest`. */
static bool is_known(const char *guest)
{
	static struct cmd_harbour asks, answers;
	bool known;
	int fd;

	asks = (struct cmd_harbour){ .name = "web", .pid = getpid(), .netns = -1 };
	answers = (struct cmd_harbour){ .pid = getpid(), .netns = -1 };
	(void)snprintf(answers.name, sizeof(answers.name), "%s", guest);
	asks.hand.channel = answers.hand.channel = -1;
	assert_int_equal(drive_loop_new(&asks.loop), 0);
	answers.loop = asks.loop;
	cmd_fellows_begin(&answers);
	assert_int_equal(cmd_fellows_add(&asks.ruling.fellows, "db"), 0);
	/* Those that only looked whether it runs. */
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
	cmd_fellows_meet(&asks);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(cmd_fellows_serve(&answers, fd));
	assert_true(drive_loop_turn(asks.loop, drive_now()) >= 0);
	known = asks.ruling.fellows.list[0].roll >= 0;
	/* Its end, or another one's answer, is not the last word: it is called again. */
	cmd_fellows_end(&answers);
	assert_true(drive_loop_turn(asks.loop, drive_now()) >= 0);
	assert_int_equal(asks.ruling.fellows.list[0].roll, -1);
	(void)cmd_fellows_turn(&asks, (struct minato_time){ drive_now().ns + 20 * 1000000 });
	assert_true(asks.ruling.fellows.list[0].link >= 0);
	close(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	/* However often: as one that listens and answers nobody. */
	for (int i = 0; i < 500; i++) {
		assert_true(drive_loop_turn(asks.loop, drive_now()) >= 0);
		(void)cmd_fellows_turn(&asks, (struct minato_time){ drive_now().ns + 2000000000 });
		assert_true(asks.ruling.fellows.list[0].link >= 0);
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		assert_true(fd >= 0);
		close(fd);
	}
	cmd_fellows_end(&asks);
	drive_loop_free(asks.loop);
	return known;
}

static void who_answers_says_who_it_is(void **state)
{
	(void)state;
	assert_true(is_known("db"));
	/* Its socket was moved to another one's name, by a process that is in it. */
	assert_false(is_known("evil"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(names_go_with_their_rules),
		cmocka_unit_test(what_is_wrong),
		cmocka_unit_test(who_asks_is_given_it),
		cmocka_unit_test(who_answers_says_who_it_is),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
