/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of what is in force: what the keeper sends to the worker, what stands when that has
 * answered, and what is told to who asked. The worker is played by the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/gateway/gateway.h"
#include "unit/netns_fixture.h"

static struct gateway_keeper keeper;
static struct drive_error error;
static int worker; /* its end of the channel */
static char folder[] = "/tmp/minato-transaction-XXXXXX";
static char path[64], state_path[64];

#define FILE_TEXT                                                                                  \
	"inside tap in0 10.0.0.1/24\n"                                                             \
	"outside tap out0 198.51.100.1/24 via 198.51.100.254\n"                                    \
	"forward tcp 80 to 10.0.0.2\n"

static void write_file(const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int begin(void **state)
{
	static struct conf_report report;
	static char fault[GATEWAY_ORDER_MAX];
	int ends[2];

	(void)state;
	memset(&keeper, 0, sizeof(keeper));
	assert_int_equal(cmd_channel_pair(ends), 0);
	worker = ends[1];
	keeper.path = path;
	keeper.harbour.hand = (struct cmd_hand){ .channel = ends[0], .ready = true, .pidfd = -1 };
	keeper.harbour.admitted = drive_now();
	keeper.entries_room = 4096;
	write_file(FILE_TEXT);
	assert_int_equal(gateway_file_read(&keeper.file, path, fault, sizeof(fault)), 0);
	assert_int_equal(gateway_rules_merge(&keeper.standing, &keeper.file, &keeper.said,
					     time(NULL), &report),
			 0);
	(void)unlink(state_path);
	assert_int_equal(gateway_state_open(&keeper.state, state_path, &error, &error), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	gateway_rules_free(&keeper.file);
	gateway_rules_free(&keeper.said);
	gateway_rules_free(&keeper.standing);
	gateway_rules_free(&keeper.pending.file);
	gateway_rules_free(&keeper.pending.said);
	gateway_rules_free(&keeper.pending.standing);
	if (keeper.state)
		gateway_state_close(keeper.state);
	close(keeper.harbour.hand.channel);
	close(worker);
	return 0;
}

/* ---- the worker ---- */

static bool is_silent(void)
{
	uint32_t kind;

	return cmd_channel_peek(worker, &kind) == -EAGAIN;
}

static struct cmd_message next_message(int *fd)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count;

	assert_false(is_silent());
	assert_int_equal(cmd_channel_receive(worker, &message, fds, &count), 1);
	assert_true(count <= 1);
	*fd = count ? fds[0] : -1;
	return message;
}

/* The statements, without the links. */
static const char *words_of(const struct gateway_rules *rules)
{
	static char got[1 << 16];
	char text[CONF_TEXT_SIZE];

	got[0] = 0;
	for (size_t i = 0; i < rules->conf.count; i++) {
		if (rules->conf.list[i]->kind == CONF_KIND_LINK)
			continue;
		(void)conf_print(text, sizeof(text), rules->conf.list[i]);
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s",
			       got[0] ? "; " : "", text);
	}
	return got;
}

/* It is given this list. */
static void is_given(const char *wanted)
{
	struct gateway_rules rules = { .until_s = NULL };
	int fd;

	assert_int_equal(next_message(&fd).kind, GATEWAY_TELL_RULES);
	assert_true(fd >= 0);
	assert_int_equal(gateway_rules_load(&rules, fd), 0);
	close(fd);
	assert_string_equal(words_of(&rules), wanted);
	gateway_rules_free(&rules);
}

static void applied(int number, const char *text)
{
	struct cmd_message message = { .kind = GATEWAY_ASK_APPLIED, .number = number };

	(void)snprintf(message.text.text, sizeof(message.text.text), "%s", text);
	assert_int_equal(gateway_order_applied(&keeper, &message), 0);
}

/* What is answered, with words among it; 0 or negative. */
static void answered(int number, const char *words)
{
	static char text[GATEWAY_ORDER_MAX];
	struct cmd_message message;
	int fd;

	text[0] = 0;
	do {
		message = next_message(&fd);
		if (message.kind == GATEWAY_TELL_PIECE)
			(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s",
				       message.text.text);
	} while (message.kind == GATEWAY_TELL_PIECE);
	assert_int_equal(message.kind, GATEWAY_TELL_DONE);
	assert_int_equal(message.number, number);
	if (!strstr(text, words) || (!words[0] && text[0]))
		fail_msg("\"%s\" does not say \"%s\"", text, words);
	assert_true(is_silent());
}

static int order(const char *json)
{
	(void)snprintf(keeper.parcel.text, sizeof(keeper.parcel.text), "%s", json);
	keeper.parcel.used = strlen(json);
	return gateway_order_take(&keeper);
}

/* The order, a worker that takes it, and what stands then. */
static void changes(const char *json, const char *standing)
{
	assert_int_equal(order(json), 0);
	assert_true(keeper.pending.busy);
	is_given(standing);
	applied(0, "");
	answered(0, "");
	assert_string_equal(words_of(&keeper.standing), standing);
	assert_false(keeper.pending.busy);
}

static void refused(const char *json, int number, const char *words)
{
	char before[4096];

	(void)snprintf(before, sizeof(before), "%s", words_of(&keeper.standing));
	assert_int_equal(order(json), 0);
	answered(number, words);
	assert_string_equal(words_of(&keeper.standing), before);
	assert_false(keeper.pending.busy);
}

#define ADD(text) "{\"request\":\"change\",\"add\":[{\"text\":\"" text "\"}]}"
#define REMOVE(text) "{\"request\":\"change\",\"remove\":[\"" text "\"]}"
#define WEB "forward tcp 80 to 10.0.0.2"
#define MAIL "forward tcp 25 to 10.0.0.3"

static size_t kept;

static int count_kept(void *user, const char *text, int64_t until_s)
{
	(void)until_s;
	if (user && strcmp(user, text) != 0)
		return 0;
	kept++;
	return 0;
}

/* How often the state file has it; NULL: anything. */
static size_t in_state(const char *text)
{
	kept = 0;
	assert_int_equal(
		gateway_state_each(keeper.state, count_kept, (void *)(uintptr_t)text, &error), 0);
	return kept;
}

/* ---- changes ---- */

static void one_is_added_and_taken_out(void **state)
{
	(void)state;
	changes(ADD(MAIL), WEB "; " MAIL);
	assert_string_equal(words_of(&keeper.said), MAIL);
	assert_int_equal(in_state(MAIL), 1);
	changes(REMOVE("forward tcp 25"), WEB);
	assert_string_equal(words_of(&keeper.said), "");
	assert_int_equal(in_state(NULL), 0);
}

static void nothing_stands_before_the_worker_has_it(void **state)
{
	(void)state;
	assert_int_equal(order(ADD(MAIL)), 0);
	is_given(WEB "; " MAIL);
	assert_true(is_silent());
	assert_string_equal(words_of(&keeper.standing), WEB);
	assert_int_equal(in_state(NULL), 0);
	applied(-ENOSPC, "no room for it");
	answered(-ENOSPC, "no room for it; nothing was changed");
	assert_string_equal(words_of(&keeper.standing), WEB);
	assert_string_equal(words_of(&keeper.said), "");
	/* What the worker has to remark is told with success. */
	assert_int_equal(order(ADD(MAIL)), 0);
	is_given(WEB "; " MAIL);
	applied(0, "one thing is not yet");
	answered(0, "one thing is not yet");
	/* An answer that nobody waits for. */
	assert_int_equal(gateway_order_applied(&keeper, NULL), -EPROTO);
}

static void wrong_ones_change_nothing(void **state)
{
	(void)state;
	refused(ADD("forward tcp 25 too 10.0.0.3"), -EINVAL, "expected");
	refused(ADD("route 10.9.0.0/16 via 10.0.0.5"), -EINVAL,
		"'route' stands in the configuration alone");
	refused(ADD("forward tcp 80 to 10.0.0.9"), -EINVAL, "tcp port 80 is forwarded already");
	refused("{\"request\":\"change\",\"add\":[{}]}", -EINVAL, "has a \"text\"");
	refused(REMOVE("forward tcp 80"), -ENOENT, "stands in line 3 of ");
	refused(REMOVE("line 3"), -EINVAL, "what stands in a line of a file is taken out there");
	refused(REMOVE("forward tcp 81"), -ENOENT, "nothing stands as 'forward tcp 81'");
	/* What shares a port with it is named, as the command that takes it away. */
	changes(ADD("forward tcp,udp 5000-5999 to 10.0.0.3"),
		WEB "; forward tcp,udp 5000-5999 to 10.0.0.3");
	refused(REMOVE("forward tcp 5500"), -ENOENT,
		"nothing stands as 'forward tcp 5500'; these have a part of it:\n"
		"    minato forward rm tcp,udp 5000-5999 to 10.0.0.3");
	refused(REMOVE("forward tcp 5000-5999"), -ENOENT,
		"    minato forward rm tcp,udp 5000-5999 to 10.0.0.3");
	refused(REMOVE("forward tcp 79-80"), -ENOENT, "\n    line 3 of ");
	changes(REMOVE("forward tcp,udp 5000-5999 to 10.0.0.3"), WEB);
	refused("{\"request\":\"change\",\"dmz\":\"on\"}", -EINVAL,
		"\"dmz\" is \"off\" or \"file\"");
	refused("{\"request\":\"change\",\"unset\":[\"timeout udp\"]}", -ENOENT,
		"nothing was said of 'nat timeout udp'");
	/* One that is wrong is all that is. */
	refused("{\"request\":\"change\",\"add\":[{\"text\":\"" MAIL "\"},{\"text\":\"forward\"}]}",
		-EINVAL, "expected");
	assert_string_equal(words_of(&keeper.said), "");
}

static void what_replaces_another(void **state)
{
	(void)state;
	changes(ADD("nat timeout udp 10m"), WEB "; nat timeout udp 10m");
	changes(ADD("nat timeout udp 20m"), WEB "; nat timeout udp 20m");
	assert_int_equal(in_state(NULL), 1);
	assert_int_equal(order("{\"request\":\"change\",\"unset\":[\"timeout udp\"]}"), 0);
	is_given(WEB);
	applied(0, "");
	answered(0, "nat timeout udp: as if nothing was said of it");
	changes(ADD("dmz 10.0.0.9"), WEB "; dmz 10.0.0.9");
	changes(ADD("dmz 10.0.0.8"), WEB "; dmz 10.0.0.8");
	changes("{\"request\":\"change\",\"dmz\":\"off\"}", WEB);
	assert_true(keeper.said.dmz_off);
	assert_int_equal(in_state("dmz off"), 1);
	changes(ADD("dmz 10.0.0.7"), WEB "; dmz 10.0.0.7");
	assert_false(keeper.said.dmz_off);
	assert_int_equal(in_state("dmz off"), 0);
}

static void rules_have_a_sequence(void **state)
{
	(void)state;
	changes(ADD("block tcp 22"), WEB "; block tcp 22");
	changes(ADD("allow tcp 22 from 203.0.113.0/24 first"),
		WEB "; allow tcp 22 from 203.0.113.0/24; block tcp 22");
	assert_int_equal(in_state(NULL), 2);
}

static void bounds(void **state)
{
	static char json[GATEWAY_ORDER_MAX];

	(void)state;
	(void)snprintf(json, sizeof(json), "{\"request\":\"change\",\"remove\":[\"\"");
	for (int i = 0; i < 64; i++)
		(void)snprintf(json + strlen(json), sizeof(json) - strlen(json), ",\"x\"");
	(void)snprintf(json + strlen(json), sizeof(json) - strlen(json), "]}");
	refused(json, -E2BIG, "more than 64 statements at once");
}

/* ---- who asks, and when ---- */

static void only_who_was_admitted_just_now(void **state)
{
	(void)state;
	keeper.harbour.admitted.ns -= (CMD_ORDER_MS + 1) * INT64_C(1000000);
	assert_int_equal(order(ADD(MAIL)), -EPERM);
	keeper.harbour.admitted.ns = 0;
	assert_int_equal(order(ADD(MAIL)), -EPERM);
	keeper.harbour.admitted = drive_now();
	assert_int_equal(order("{\"request\":\"dance\"}"), -EPROTO);
	assert_int_equal(order("no JSON"), -EPROTO);
	assert_true(is_silent());
	assert_int_equal(order(ADD(MAIL)), 0);
	is_given(WEB "; " MAIL);
	assert_int_equal(order(ADD(MAIL)), -EPERM); /* one at a time */
	applied(0, "");
	answered(0, "");
}

/* As if that time had passed. */
static void pass(int64_t ms)
{
	keeper.harbour.admitted.ns -= ms * INT64_C(1000000);
	keeper.pending.until.ns -= ms * INT64_C(1000000);
}

/* As cmd/admitting.c notes one. */
static void client_comes(void)
{
	keeper.harbour.admitted = drive_now();
	keeper.harbour.orders_due++;
}

/* The worker may take longer for a change than an order is good for. */
static void an_order_waits_behind_another(void **state)
{
	(void)state;
	client_comes();
	client_comes();
	client_comes();
	assert_int_equal(order(ADD(MAIL)), 0);
	is_given(WEB "; " MAIL);
	pass(CMD_ORDER_MS + 5000);
	applied(0, "");
	answered(0, "");
	assert_int_equal(order(ADD("forward tcp 26 to 10.0.0.3")), 0);
	is_given(WEB "; " MAIL "; forward tcp 26 to 10.0.0.3");
	pass(CMD_ORDER_MS + 5000);
	applied(-ENOSPC, "there is no room");
	answered(-ENOSPC, "there is no room; nothing was changed");
	changes(REMOVE(MAIL), WEB);
	/* Three came. */
	pass(CMD_ORDER_MS);
	assert_int_equal(order(ADD(MAIL)), -EPERM);
}

/* Behind a change that nobody ordered, too: that of a signal, or the end of a term. */
static void an_order_waits_behind_a_reload(void **state)
{
	(void)state;
	pass(CMD_ORDER_MS);
	keeper.harbour.orders_due = 7; /* who came long ago, and went */
	write_file(FILE_TEXT MAIL "\n");
	gateway_reload(&keeper);
	is_given(WEB "; " MAIL);
	client_comes();
	pass(CMD_ORDER_MS);
	applied(0, "");
	changes(ADD("forward tcp 26 to 10.0.0.3"), WEB "; " MAIL "; forward tcp 26 to 10.0.0.3");
	pass(CMD_ORDER_MS);
	assert_int_equal(order(REMOVE("forward tcp 26 to 10.0.0.3")), -EPERM);
}

/* While the keeper changes something by itself, the next one has to try again. */
static void another_change_is_under_way(void **state)
{
	(void)state;
	write_file(FILE_TEXT MAIL "\n");
	gateway_reload(&keeper);
	is_given(WEB "; " MAIL);
	assert_int_equal(order(ADD("forward tcp 26 to 10.0.0.3")), 0);
	answered(-EBUSY, "another change is under way");
	applied(0, "");
	assert_true(is_silent()); /* nobody waits for that one */
	assert_string_equal(words_of(&keeper.standing), WEB "; " MAIL);
}

/* ---- the state file ---- */

static void without_a_state_file(void **state)
{
	(void)state;
	gateway_state_close(keeper.state);
	keeper.state = NULL;
	(void)snprintf(keeper.state_error.text, sizeof(keeper.state_error.text), "no disk");
	refused(ADD(MAIL), -ENOTSUP, "no disk; nothing was changed (--volatile");
	changes("{\"request\":\"change\",\"volatile\":true,\"add\":[{\"text\":\"" MAIL "\"}]}",
		WEB "; " MAIL);
	assert_true(keeper.said.fleeting[0]);
}

static void what_is_fleeting_is_not_written(void **state)
{
	(void)state;
	changes("{\"request\":\"change\",\"volatile\":true,\"add\":[{\"text\":\"" MAIL "\"}]}",
		WEB "; " MAIL);
	assert_int_equal(in_state(NULL), 0);
	changes(ADD("forward tcp 26 to 10.0.0.3"), WEB "; " MAIL "; forward tcp 26 to 10.0.0.3");
	assert_int_equal(in_state(NULL), 1);
}

/* A mount namespace of its own, in which files of this user can be. */
static bool own_mounts(void)
{
	const uid_t user = getuid();
	const gid_t group = getgid();
	char users[32], groups[32];

	(void)snprintf(users, sizeof(users), "%u %u 1", user, user);
	(void)snprintf(groups, sizeof(groups), "%u %u 1", group, group);
	if (user == 0)
		return unshare(CLONE_NEWNS) == 0;
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       drive_proc_write("/proc/self/setgroups", "deny") == 0 &&
	       drive_proc_write("/proc/self/uid_map", users) == 0 &&
	       drive_proc_write("/proc/self/gid_map", groups) == 0;
}

/* On a disk of its own, which is full when the worker has the change already. */
static void on_a_full_disk(void)
{
	static char block[4096];
	static char before[1 << 16];
	char filler[80];
	int fd, given;

	if (!own_mounts() || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", folder, "tmpfs", 0, "size=256k") < 0)
		_exit(NO_NAMESPACE);
	(void)end(NULL);
	(void)begin(NULL);
	(void)snprintf(filler, sizeof(filler), "%s/filler", folder);
	fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		;
	/* What the state file had of room already is used up by some. */
	for (unsigned i = 0; i < 500 && !keeper.pending.undoing; i++) {
		(void)snprintf(
			block, sizeof(block),
			ADD("forward tcp %u to 10.0.0.3 named a-name-of-thirty-letters-%04u"),
			1000 + i, i);
		(void)snprintf(before, sizeof(before), "%s", words_of(&keeper.standing));
		assert_int_equal(order(block), 0);
		assert_int_equal(next_message(&given).kind, GATEWAY_TELL_RULES);
		close(given);
		applied(0, "");
		if (!keeper.pending.undoing)
			answered(0, "");
	}
	/* The worker goes back first, then the failure is told. */
	assert_true(keeper.pending.undoing);
	is_given(before);
	assert_true(is_silent());
	applied(0, "");
	answered(-ENOSPC, "the disk is full");
	assert_string_equal(words_of(&keeper.standing), before);
	unlink(filler);
	close(fd);
	assert_int_equal(order(ADD(MAIL)), 0);
	assert_int_equal(next_message(&given).kind, GATEWAY_TELL_RULES);
	applied(0, "");
	answered(0, "");
}

CHILD_CASE(what_cannot_be_written_is_undone, on_a_full_disk)

/* ---- terms ---- */

static void what_is_over_ends(void **state)
{
	struct minato_time now = drive_now();
	char json[256];

	(void)state;
	refused("{\"request\":\"change\",\"add\":[{\"text\":\"" MAIL "\",\"until\":5}]}", -EINVAL,
		"that time is over already");
	(void)snprintf(json, sizeof(json),
		       "{\"request\":\"change\",\"add\":[{\"text\":\"" MAIL "\",\"until\":%lld}]}",
		       (long long)time(NULL) + 1000);
	changes(json, WEB "; " MAIL);
	assert_true(keeper.next_end_s > time(NULL));
	assert_true(gateway_order_turn(&keeper, now).ns > now.ns);
	assert_true(is_silent());
	keeper.said.until_s[0] = time(NULL) - 1;
	keeper.next_end_s = time(NULL) - 1;
	(void)gateway_order_turn(&keeper, now);
	is_given(WEB);
	applied(0, "");
	assert_true(is_silent());
	assert_string_equal(words_of(&keeper.standing), WEB);
	assert_int_equal(in_state(NULL), 0);
	assert_int_equal(keeper.next_end_s, 0);
	assert_int_equal(gateway_order_turn(&keeper, now).ns, MINATO_NEVER.ns);
}

/* ---- reload ---- */

static void a_file_that_is_wrong_changes_nothing(void **state)
{
	(void)state;
	write_file(FILE_TEXT "forward tcp 25 too 10.0.0.3\n");
	assert_int_equal(order("{\"request\":\"reload\"}"), 0);
	answered(-EINVAL, "expected");
	assert_string_equal(words_of(&keeper.standing), WEB);
	write_file(FILE_TEXT MAIL "\n");
	assert_int_equal(order("{\"request\":\"reload\"}"), 0);
	is_given(WEB "; " MAIL);
	applied(0, "");
	answered(0, "");
	assert_string_equal(words_of(&keeper.file), WEB "; " MAIL);
}

/* SIGHUP while another change is under way, or while there is no worker. */
static void a_reload_waits(void **state)
{
	(void)state;
	assert_int_equal(order(ADD("dmz 10.0.0.9")), 0);
	is_given(WEB "; dmz 10.0.0.9");
	write_file(FILE_TEXT MAIL "\n");
	gateway_reload(&keeper);
	assert_true(keeper.reload_wanted);
	assert_true(is_silent());
	applied(0, "");
	for (int fd; next_message(&fd).kind != GATEWAY_TELL_DONE;)
		;
	is_given(WEB "; " MAIL "; dmz 10.0.0.9");
	applied(0, "");
	keeper.harbour.hand.ready = false;
	gateway_reload(&keeper);
	assert_true(keeper.reload_wanted);
	assert_true(is_silent());
}

/* ---- a worker that does not answer, or is gone ---- */

static void a_worker_that_is_gone(void **state)
{
	(void)state;
	assert_int_equal(order(ADD(MAIL)), 0);
	is_given(WEB "; " MAIL);
	gateway_order_forget(&keeper);
	assert_false(keeper.pending.busy);
	assert_true(is_silent());
	assert_string_equal(words_of(&keeper.standing), WEB);
	changes(ADD(MAIL), WEB "; " MAIL);
}

static void a_worker_that_hangs(void **state)
{
	struct minato_time now = drive_now();
	pid_t hangs = fork();
	int status;

	(void)state;
	if (hangs == 0) {
		pause();
		_exit(0);
	}
	keeper.harbour.hand.pidfd = pidfd_open(hangs, 0);
	assert_true(keeper.harbour.hand.pidfd >= 0);
	assert_int_equal(order(ADD(MAIL)), 0);
	is_given(WEB "; " MAIL);
	assert_int_equal(gateway_order_turn(&keeper, now).ns, keeper.pending.until.ns);
	assert_int_equal(waitpid(hangs, &status, WNOHANG), 0);
	now.ns = keeper.pending.until.ns;
	assert_int_equal(gateway_order_turn(&keeper, now).ns, MINATO_NEVER.ns);
	assert_int_equal(waitpid(hangs, &status, 0), hangs);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(keeper.harbour.hand.pidfd);
	gateway_order_forget(&keeper);
}

static int make_folder(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/conf", folder);
	(void)snprintf(state_path, sizeof(state_path), "%s/state", folder);
	return 0;
}

static int remove_folder(void **state)
{
	char other[80];

	(void)state;
	(void)unlink(path);
	(void)unlink(state_path);
	for (const char *const *tail = (const char *const[]){ "-wal", "-shm", "-journal", NULL };
	     *tail; tail++) {
		(void)snprintf(other, sizeof(other), "%s%s", state_path, *tail);
		(void)unlink(other);
	}
	return rmdir(folder);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(one_is_added_and_taken_out),
		CASE(nothing_stands_before_the_worker_has_it),
		CASE(wrong_ones_change_nothing),
		CASE(what_replaces_another),
		CASE(rules_have_a_sequence),
		CASE(bounds),
		CASE(only_who_was_admitted_just_now),
		CASE(an_order_waits_behind_another),
		CASE(an_order_waits_behind_a_reload),
		CASE(another_change_is_under_way),
		CASE(without_a_state_file),
		CASE(what_is_fleeting_is_not_written),
		CASE(what_cannot_be_written_is_undone),
		CASE(what_is_over_ends),
		CASE(a_file_that_is_wrong_changes_nothing),
		CASE(a_reload_waits),
		CASE(a_worker_that_is_gone),
		CASE(a_worker_that_hangs),
	};

	if (!gateway_state_built())
		return 77; /* without it nothing that is said is kept */
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
