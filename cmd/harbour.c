/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper: makes the guest and the worker beside it, passes signals on, admits clients, looks
 * after the nameservers, and ends when the command has ended.
 */
#include "cmd/see/metrics.h"
#include "cmd/guard/scans.h"
#include "cmd/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
/* A worker takes 5 s at most for last words; one that takes longer is stuck. */
#define LAST_WORDS_NS (7000 * NS_PER_MS)

/* Locally administered; the last byte as in the addresses. */
static const uint8_t guest_mac[6] = { 0x02, 0x6d, 0x6e, 0x74, 0x00, 0x64 };

/* ---- the end ---- */

/* The helper ends with 0 whatever it is that ends; else it could not undo what it did. */
static void mourn_helper(struct cmd_harbour *harbour)
{
	cmd_say("the helper in the namespace has died (status %d): the attachment is ended%s",
		harbour->code,
		harbour->guest.resolved ? "; 'umount /etc/resolv.conf' there gives the target its "
					  "own resolver back" :
					  "");
	harbour->code = CMD_FAILED;
}

static void guest_ended(void *user, uint32_t events)
{
	struct cmd_harbour *harbour = user;

	(void)events;
	harbour->ending = true;
	harbour->ending_until.ns = drive_loop_now(harbour->loop).ns + LAST_WORDS_NS;
	/* Ended for good: its descriptor stays readable. */
	drive_loop_remove(harbour->loop, harbour->end_watch);
	harbour->code = drive_guest_reap(&harbour->guest);
	if (harbour->target && harbour->code)
		mourn_helper(harbour);
	/* Without a worker there is nobody to deliver what is left. */
	if (harbour->cut || cmd_hand_tell(harbour, CMD_TELL_ENDED) < 0)
		drive_loop_stop(harbour->loop, 0);
}

/* Init says that the command was stopped. */
static void guest_said(void *user, uint32_t events)
{
	struct cmd_harbour *harbour = user;
	int result = drive_guest_hear(&harbour->guest);

	(void)events;
	if (result > 0)
		cmd_passing_stopped(&harbour->passing);
	else if (result < 0)
		drive_loop_remove(harbour->loop, harbour->ear_watch);
}

static struct minato_time earlier(struct minato_time a, struct minato_time b)
{
	return a.ns < b.ns ? a : b;
}

/* What is to be done at a time. */
static struct minato_time turn(void *user, struct minato_time now)
{
	struct cmd_harbour *harbour = user;
	struct minato_time next =
		earlier(cmd_admitting_turn(harbour, now), cmd_hand_turn(harbour, now));

	if (now.ns >= harbour->orphans_again.ns) {
		harbour->orphans_again = MINATO_NEVER;
		if (harbour->hand.ready)
			(void)cmd_orphans_tell(harbour);
	}
	next = earlier(next, harbour->orphans_again);
	next = earlier(next, cmd_alerting_turn(harbour, now));
	if (!harbour->trade) {
		next = earlier(next, cmd_ruled_turn(harbour, now));
		next = earlier(next, cmd_hostlinks_turn(harbour, now));
		next = earlier(next, cmd_fellows_turn(harbour, now));
	}
	if (!harbour->ending)
		return next;
	if (now.ns >= harbour->ending_until.ns)
		drive_loop_stop(harbour->loop, 0);
	return earlier(next, harbour->ending_until);
}

/* What asks an attachment to end; there is no command that could mean something else by it. */
static bool asks_for_the_end(int signo)
{
	return signo == SIGHUP || signo == SIGINT || signo == SIGQUIT || signo == SIGTERM ||
	       signo == SIGKILL;
}

int cmd_harbour_signal(struct cmd_harbour *harbour, int signo)
{
	if (harbour->trade)
		return harbour->trade->signal(harbour, signo);
	if (harbour->target && !asks_for_the_end(signo))
		return 0;
	/* The target lives on, and its connections: nothing of them is awaited. */
	harbour->cut = harbour->target;
	if (!harbour->ending)
		return drive_guest_signal(&harbour->guest, signo);
	if (signo != SIGWINCH && signo != SIGCONT && cmd_hand_tell(harbour, CMD_TELL_HURRY) < 0)
		drive_loop_stop(harbour->loop, 0);
	return 0;
}

static void pass(void *user, int signo)
{
	cmd_harbour_signal(user, signo);
}

/* ---- making ---- */

/* Without it the guest's sockets die with its last process, and what they had to say. */
static void keep_netns(struct cmd_harbour *harbour)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)harbour->guest.init);
	harbour->netns = harbour->target ? fcntl(harbour->target->netns, F_DUPFD_CLOEXEC, 3) :
					   open(path, O_RDONLY | O_CLOEXEC);
}

static void prepare(struct cmd_harbour *harbour)
{
	harbour->guest = (struct drive_guest){ -1, -1, -1, -1, .has6 = false };
	harbour->hand = (struct cmd_hand){ .pid = -1, .pidfd = -1, .channel = -1, .saying = -1 };
	harbour->netns = -1;
	harbour->orphans_again = MINATO_NEVER;
	cmd_admitting_begin(harbour);
	harbour->passing = (struct cmd_passing){
		.pass = pass, .user = harbour, .alone = harbour->target, .terminal = -1
	};
	/* Nobody there to read what we say is no reason to end a guest. */
	(void)signal(SIGPIPE, SIG_IGN);
	harbour->nameservers.path = "/etc/resolv.conf";
	harbour->pid = getpid();
	harbour->uid = getuid();
	harbour->started = drive_now();
	harbour->started_s = time(NULL);
	memcpy(harbour->plan.mac, guest_mac, sizeof(guest_mac));
}

static int watch_guest(struct cmd_harbour *harbour)
{
	harbour->end_watch =
		drive_loop_add(harbour->loop, harbour->guest.pidfd, EPOLLIN, guest_ended, harbour);
	if (harbour->end_watch < 0)
		return (int)harbour->end_watch;
	if (cmd_exporter_watch(&harbour->exporter, harbour->loop) < 0 ||
	    cmd_auditing_watch(&harbour->auditing, harbour->loop) < 0)
		return -ENOMEM;
	if (cmd_hostlinks_watch(harbour) < 0)
		cmd_say("changes of this host's addresses cannot be followed: lan, and what names "
			"may not lead to, stay what they are now");
	cmd_fellows_meet(harbour);
	return drive_loop_hook(harbour->loop, turn, harbour);
}

static int make_guest(struct cmd_harbour *harbour, struct drive_error *error)
{
	if (harbour->target)
		return drive_attach_make(&harbour->guest, harbour->target, &harbour->plan,
					 harbour->how, error);
	return drive_guest_make(&harbour->guest, &harbour->plan, error);
}

pid_t cmd_harbour_entrance(const struct cmd_harbour *harbour)
{
	/* A path has no process, but the helper is in the namespace. */
	return harbour->target && harbour->target->pid ? harbour->target->pid : harbour->guest.init;
}

int cmd_harbour_open(struct cmd_harbour *harbour, struct drive_error *error)
{
	int result;

	prepare(harbour);
	result = drive_loop_new(&harbour->loop);
	if (!result)
		result = cmd_passing_begin(&harbour->passing, harbour->loop);
	if (result < 0)
		return drive_fail(error, -result, "cannot make the loop: %s", strerror(-result));
	if (harbour->capturing.fd)
		drive_capture_clear(harbour->capturing.fd);
	cmd_fellows_begin(harbour);
	/* First, so that it enters its sandbox while the guest is made. */
	result = cmd_hand_start(harbour, error);
	if (!result)
		result = make_guest(harbour, error);
	if (result < 0)
		return result;
	keep_netns(harbour);
	cmd_witness_open(harbour);
	result = cmd_hand_await(harbour, CMD_START_MS, error);
	if (result < 0)
		return result;
	result = watch_guest(harbour);
	if (result < 0)
		return drive_fail(error, -result, "cannot watch the guest: %s", strerror(-result));
	return 0;
}

int cmd_harbour_go(struct cmd_harbour *harbour, struct drive_error *error)
{
	cmd_fellows_settle(harbour);
	return harbour->target ? 0 : drive_guest_go(&harbour->guest, error);
}

int cmd_harbour_run(struct cmd_harbour *harbour, struct drive_error *error)
{
	int result;

	if (!harbour->target)
		harbour->ear_watch = drive_loop_add(harbour->loop, drive_guest_ear(&harbour->guest),
						    EPOLLIN, guest_said, harbour);
	result = drive_loop_run(harbour->loop);
	if (result < 0)
		return drive_fail(error, -result, "the loop failed: %s", strerror(-result));
	return harbour->code;
}

static void close_guest(struct cmd_harbour *harbour)
{
	/* First: it resets what is under way. */
	cmd_hand_end(harbour);
	drive_guest_end(&harbour->guest);
	if (harbour->guest.tap >= 0)
		close(harbour->guest.tap);
	if (harbour->netns >= 0)
		close(harbour->netns);
	cmd_witness_close(harbour);
	cmd_admitting_end(harbour);
}

void cmd_harbour_close(struct cmd_harbour *harbour)
{
	if (harbour->pid)
		close_guest(harbour);
	cmd_auditing_drain(&harbour->auditing);
	cmd_auditing_close(&harbour->auditing);
	cmd_alerting_clear(&harbour->alerting);
	relay_allow_free(&harbour->allows);
	free(harbour->answers);
	harbour->answers = NULL;
	cmd_ruling_free(&harbour->ruling);
	relay_publish_free(&harbour->publish);
	relay_publish_free(&harbour->pending);
	free(harbour->stood);
	drive_reserved_free(&harbour->reserved);
	cmd_exporter_end(&harbour->exporter);
	/* Those who know this one look for the next of its name. */
	cmd_fellows_end(harbour);
	/* While the socket still listens, nobody takes its name for a dead one's. */
	drive_runtime_remove(harbour->name);
	if (harbour->listener >= 0)
		close(harbour->listener);
	if (harbour->pid)
		cmd_passing_end(&harbour->passing, harbour->code);
	cmd_hostlinks_close(harbour);
	if (harbour->loop)
		drive_loop_free(harbour->loop);
	if (harbour->capturing.fd)
		close(harbour->capturing.fd);
}
