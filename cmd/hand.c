/* SPDX-License-Identifier: BSD-2-Clause */
/* The keeper's hand, its worker: started, told, listened to, and replaced when it dies. */
#include "cmd/reserve.h"
#include "cmd/guard/scans.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
/*
 * What a worker may say at once (a report of a sanitizer is the longest of use), and in each second
 * after that: what rules log may go on for as long as it lives.
 */
#define SAID_MAX 65536u
#define SAID_PER_S 16384u
/* How long a worker that was told to end may take. */
#define END_MS 1000

static void watch_hand(struct cmd_harbour *harbour);
static void take_message(struct cmd_harbour *harbour, const struct cmd_message *message);

/* ---- its standard error ---- */

/* What it says goes to the user's terminal: as text, whatever it is. */
static void print_said(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if ((text[i] < ' ' && text[i] != '\n' && text[i] != '\t') || text[i] > '~')
			text[i] = '?';
	}
	(void)fwrite(text, 1, size, stderr);
}

/* How many bytes; 0 at its end, negative where there are none now. */
static ssize_t hear_some(struct cmd_hand *hand)
{
	char text[4096];
	ssize_t got = read(hand->saying, text, sizeof(text));

	if (got <= 0)
		return got;
	print_said(text, (size_t)got);
	hand->said += (uint32_t)got;
	return got;
}

static void forgive(struct cmd_hand *hand, struct minato_time now)
{
	int64_t span_ns = now.ns - hand->forgiven.ns;

	if (span_ns <= 0)
		return;
	if (span_ns >= NS_PER_S * (SAID_MAX / SAID_PER_S + 1) ||
	    hand->said < span_ns * SAID_PER_S / NS_PER_S)
		hand->said = 0;
	else
		hand->said -= (uint32_t)(span_ns * SAID_PER_S / NS_PER_S);
	hand->forgiven = now;
}

static void hand_speaks(void *user, uint32_t events)
{
	struct cmd_harbour *harbour = user;
	struct cmd_hand *hand = &harbour->hand;
	struct minato_time now = drive_loop_now(harbour->loop);
	ssize_t got;

	(void)events;
	forgive(hand, now);
	got = hear_some(hand);
	if (got > 0 && hand->said < SAID_MAX)
		return;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	drive_loop_remove(harbour->loop, hand->saying_watch);
	hand->saying_watch = 0;
	if (got <= 0)
		return;
	hand->listen.ns = hand->forgiven.ns + NS_PER_S;
	if (!hand->told_of)
		cmd_say("the process for the traffic says too much: some of it is left out");
	hand->told_of = true;
}

/* It is listened to again; when that is due. */
static struct minato_time listen_again(struct cmd_harbour *harbour, struct minato_time now)
{
	struct cmd_hand *hand = &harbour->hand;

	if (hand->listen.ns == 0)
		return MINATO_NEVER;
	if (now.ns < hand->listen.ns)
		return hand->listen;
	hand->listen.ns = 0;
	forgive(hand, now);
	hand->saying_watch =
		drive_loop_add(harbour->loop, hand->saying, EPOLLIN, hand_speaks, harbour);
	return MINATO_NEVER;
}

/* ---- start ---- */

static void forget_hand(struct cmd_harbour *harbour)
{
	struct cmd_hand *hand = &harbour->hand;

	if (hand->pid_watch > 0)
		drive_loop_remove(harbour->loop, hand->pid_watch);
	if (hand->channel_watch > 0)
		drive_loop_remove(harbour->loop, hand->channel_watch);
	if (hand->saying_watch > 0)
		drive_loop_remove(harbour->loop, hand->saying_watch);
	cmd_admitting_stop(harbour);
	if (hand->pidfd >= 0)
		close(hand->pidfd);
	if (hand->channel >= 0)
		close(hand->channel);
	if (hand->saying >= 0)
		close(hand->saying);
	*hand = (struct cmd_hand){ .pid = -1, .pidfd = -1, .channel = -1, .saying = -1 };
}

static _Noreturn void work(struct cmd_harbour *harbour, const struct drive_sandbox *sandbox,
			   int channel, int saying)
{
	if (!harbour->trade)
		cmd_worker_main(harbour, sandbox, channel, saying);
	harbour->trade->work(harbour, sandbox, channel, saying);
	_exit(1);
}

int cmd_hand_start(struct cmd_harbour *harbour, struct drive_error *error)
{
	struct cmd_hand *hand = &harbour->hand;
	struct drive_sandbox sandbox;
	int channel[2] = { -1, -1 };
	int saying[2] = { -1, -1 };
	int result = cmd_channel_pair(channel);

	if (!harbour->trade)
		cmd_ruling_screen(harbour, &harbour->publish, false);
	/* Neither waits for the other: text that finds no room is lost. */
	if (result == 0 && pipe2(saying, O_CLOEXEC | O_NONBLOCK) < 0)
		result = -errno;
	if (result == 0)
		result = drive_sandbox_fork(&sandbox);
	if (result == 0)
		work(harbour, &sandbox, channel[1], saying[1]);
	if (channel[1] >= 0)
		close(channel[1]);
	if (saying[1] >= 0)
		close(saying[1]);
	*hand = (struct cmd_hand){
		.pid = -1,
		.pidfd = -1,
		.channel = channel[0],
		.saying = saying[0],
	};
	if (result < 0) {
		forget_hand(harbour);
		return drive_userns_explain(result, "starting the process for the traffic", error);
	}
	hand->pid = sandbox.pid;
	hand->pidfd = sandbox.pidfd;
	return 0;
}

static int tell_nameservers(struct cmd_harbour *harbour)
{
	const struct nameservers *known = &harbour->nameservers;
	struct cmd_message message = { .kind = CMD_TELL_NAMESERVERS };

	message.nameservers.count = (uint32_t)known->count;
	memcpy(message.nameservers.list, known->list, known->count * sizeof(known->list[0]));
	return cmd_channel_send(harbour->hand.channel, &message, NULL, 0);
}

int cmd_hand_begin(struct cmd_harbour *harbour)
{
	const struct drive_guest *guest = &harbour->guest;
	const struct cmd_message message = {
		.kind = CMD_TELL_BEGIN,
		.begin = { cmd_harbour_entrance(harbour), harbour->hand.pid, guest->vnet,
			   guest->has6 },
	};
	/* Nor does any other have a tap that it did not inherit. */
	int result = cmd_channel_send(harbour->hand.channel, &message, &guest->tap,
				      harbour->trade ? 0 : 1);

	harbour->hand.until.ns = drive_now().ns + CMD_START_MS * NS_PER_MS;
	if (result < 0)
		return result;
	nameservers_look(&harbour->nameservers, drive_now());
	result = tell_nameservers(harbour);
	if (result == 0 && !harbour->trade)
		cmd_fellows_tell(harbour);
	return result < 0 ? result : cmd_hostlinks_tell(harbour);
}

/* How a process ended. */
static void end_text(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "was killed by signal %d", WTERMSIG(status));
	else
		snprintf(text, size, "ended with %d", WEXITSTATUS(status));
}

/* Waits until it is gone, and forgets it; its status. */
static int reap(struct cmd_harbour *harbour)
{
	struct cmd_hand *hand = &harbour->hand;
	int status = 0;

	while (waitpid(hand->pid, &status, 0) < 0 && errno == EINTR)
		;
	/* Its last words, whatever it has said before. */
	hand->said = 0;
	while (hand->said < SAID_MAX && hear_some(hand) > 0)
		;
	forget_hand(harbour);
	if (status)
		cmd_capture_mend(&harbour->capturing);
	return status;
}

static void kill_hand(struct cmd_harbour *harbour)
{
	(void)pidfd_send_signal(harbour->hand.pidfd, SIGKILL, NULL, 0);
}

int cmd_hand_await(struct cmd_harbour *harbour, int patience_ms, struct drive_error *error)
{
	struct pollfd word = { .fd = harbour->hand.channel, .events = POLLIN };
	struct cmd_message message = { .kind = 0 };
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count = 0;
	char how[64];

	(void)cmd_hand_begin(harbour);
	if (poll(&word, 1, patience_ms) == 0) {
		kill_hand(harbour);
		(void)reap(harbour);
		return drive_fail(error, ETIMEDOUT,
				  "the process for the traffic was not ready after %d seconds, and "
				  "was killed",
				  patience_ms / 1000);
	}
	if (cmd_channel_receive(harbour->hand.channel, &message, fds, &count) == 1 &&
	    message.kind == CMD_ASK_READY && !count) {
		message.text.text[sizeof(message.text.text) - 1] = 0;
		if (message.number < 0)
			return drive_fail(error, -message.number, "%s", message.text.text);
		watch_hand(harbour);
		take_message(harbour, &message);
		return 0;
	}
	cmd_channel_drop(fds, count);
	kill_hand(harbour);
	end_text(reap(harbour), how, sizeof(how));
	return drive_fail(error, EPIPE, "the process for the traffic %s while it started", how);
}

/* ---- what it asks ---- */

static void get_ready(struct cmd_harbour *harbour, const struct cmd_message *message)
{
	struct cmd_hand *hand = &harbour->hand;

	if (hand->ready) {
		kill_hand(harbour);
		return;
	}
	if (message->number < 0) {
		cmd_say("%.*s", (int)sizeof(message->text.text) - 1, message->text.text);
		return;
	}
	hand->ready = true;
	if (harbour->trade) {
		cmd_admitting_start(harbour);
		harbour->trade->ready(harbour, message, harbour->hand_end[0]);
		harbour->hand_end[0] = 0;
		return;
	}
	if (relay_publish_has(&harbour->publish, RELAY_AUTO))
		(void)cmd_binding_listeners(harbour);
	cmd_admitting_start(harbour);
	if (harbour->hand_end[0]) {
		cmd_say("the process that carried the traffic %s; restarted, open connections "
			"were reset",
			harbour->hand_end);
		harbour->hand_end[0] = 0;
		harbour->orphans_again = cmd_orphans_tell(harbour);
		return;
	}
	harbour->warning = message->text;
	harbour->warning.text[sizeof(harbour->warning.text) - 1] = 0;
}

static void look(struct cmd_harbour *harbour)
{
	if (nameservers_look(&harbour->nameservers, drive_loop_now(harbour->loop)))
		(void)tell_nameservers(harbour);
}

/* Believes nothing. */
static void take_message(struct cmd_harbour *harbour, const struct cmd_message *message)
{
	switch (message->kind) {
	case CMD_ASK_READY:
		get_ready(harbour, message);
		break;
	case CMD_ASK_SIGNAL:
		if (message->number > 0 && message->number < NSIG)
			(void)cmd_harbour_signal(harbour, message->number);
		break;
	case CMD_ASK_LOOK:
		look(harbour);
		break;
	case CMD_ASK_PROGRAM:
		cmd_witness_look(harbour, message);
		break;
	case CMD_ASK_REMEMBER:
		cmd_asked_keep(harbour, &message->answer);
		break;
	case CMD_ASK_SPEC:
		if (cmd_binding_spec(harbour, message) < 0)
			kill_hand(harbour);
		break;
	case CMD_ASK_BIND:
		cmd_binding_bind(harbour, message->number);
		break;
	case CMD_ASK_MORE:
		cmd_binding_more(harbour);
		break;
	case CMD_ASK_KEEP:
		cmd_binding_keep(harbour);
		break;
	case CMD_ASK_DROP:
		relay_publish_free(&harbour->pending);
		break;
	case CMD_ASK_RELEASE:
		cmd_binding_release(harbour, message);
		break;
	case CMD_ASK_RESERVE:
	case CMD_ASK_UNRESERVE:
		if (cmd_reserving_take(harbour, message) < 0)
			kill_hand(harbour);
		break;
	case CMD_ASK_SIEVE:
		if (!harbour->trade)
			cmd_sieving_take(harbour, &message->surge);
		break;
	case CMD_ASK_SCAN:
		if (cmd_alerting_take(harbour, message) < 0)
			kill_hand(harbour);
		break;
	case CMD_ASK_RULE_WANTED:
		cmd_ruled_wanted(harbour, message);
		break;
	case CMD_ASK_RULE_DONE:
		cmd_ruled_done(harbour, message);
		break;
	case CMD_ASK_RELEASED:
		(void)cmd_hand_tell(harbour, CMD_TELL_RELEASED);
		break;
	default:
		if (!harbour->trade || harbour->trade->take(harbour, message) < 0)
			kill_hand(harbour);
		break;
	}
}

/* False when there is nothing more to hear. */
static bool hear_message(struct cmd_harbour *harbour)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count;
	int got = cmd_channel_receive(harbour->hand.channel, &message, fds, &count);

	if (got == 1 && !count) {
		take_message(harbour, &message);
		return true;
	}
	/* No worker of ours sends descriptors, or closes its end and lives. */
	cmd_channel_drop(fds, count);
	kill_hand(harbour);
	return false;
}

static void channel_ready(void *user, uint32_t events)
{
	struct cmd_harbour *harbour = user;
	struct cmd_hand *hand = &harbour->hand;

	if (events & EPOLLOUT) {
		drive_loop_modify(harbour->loop, hand->channel_watch, EPOLLIN);
		cmd_admitting_go_on(harbour);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !hear_message(harbour)) {
		drive_loop_remove(harbour->loop, hand->channel_watch);
		hand->channel_watch = 0;
	}
}

/* ---- its death ---- */

/* Whether too many have died lately. */
static bool count_death(struct cmd_harbour *harbour)
{
	struct minato_time now = drive_loop_now(harbour->loop);
	struct minato_time *deaths = harbour->deaths;
	size_t last = CMD_DEATHS_MAX - 1;

	memmove(deaths, deaths + 1, last * sizeof(deaths[0]));
	deaths[last] = now;
	return deaths[0].ns && now.ns - deaths[0].ns < CMD_DEATHS_MS * NS_PER_MS;
}

static void give_up(struct cmd_harbour *harbour, const char *why)
{
	cmd_say("the process that carried the traffic %s, and cannot be replaced: %s; %s is ended",
		harbour->hand_end, why, harbour->trade ? harbour->trade->what : "the guest");
	harbour->code = CMD_FAILED;
	drive_loop_stop(harbour->loop, 0);
}

int cmd_hand_renew(struct cmd_harbour *harbour, struct drive_error *error)
{
	int result = cmd_hand_start(harbour, error);

	if (result < 0)
		return result;
	watch_hand(harbour);
	/* If that fails it is dead already, which its watch tells. */
	(void)cmd_hand_begin(harbour);
	return 0;
}

static void replace(struct cmd_harbour *harbour)
{
	struct drive_error error;

	cmd_binding_forget(harbour);
	cmd_ruled_forget(harbour);
	cmd_sieving_end(harbour);
	if (harbour->trade)
		harbour->trade->replace(harbour);
	if (cmd_hand_renew(harbour, &error) < 0)
		give_up(harbour, error.text);
}

static void hand_ended(void *user, uint32_t events)
{
	struct cmd_harbour *harbour = user;
	struct pollfd left = { .fd = harbour->hand.channel, .events = POLLIN };
	char many[64];

	(void)events;
	/* Why it could not start, perhaps. */
	while (poll(&left, 1, 0) > 0 && left.revents & POLLIN && hear_message(harbour))
		;
	end_text(reap(harbour), harbour->hand_end, sizeof(harbour->hand_end));
	if (harbour->ending) {
		drive_loop_stop(harbour->loop, 0);
	} else if (count_death(harbour)) {
		snprintf(many, sizeof(many), "%d have died within %d seconds", CMD_DEATHS_MAX,
			 CMD_DEATHS_MS / 1000);
		give_up(harbour, many);
	} else {
		replace(harbour);
	}
}

static void watch_hand(struct cmd_harbour *harbour)
{
	struct cmd_hand *hand = &harbour->hand;

	hand->pid_watch = drive_loop_add(harbour->loop, hand->pidfd, EPOLLIN, hand_ended, harbour);
	hand->channel_watch =
		drive_loop_add(harbour->loop, hand->channel, EPOLLIN, channel_ready, harbour);
	hand->saying_watch =
		drive_loop_add(harbour->loop, hand->saying, EPOLLIN, hand_speaks, harbour);
}

struct minato_time cmd_hand_turn(struct cmd_harbour *harbour, struct minato_time now)
{
	struct cmd_hand *hand = &harbour->hand;
	struct minato_time next;

	if (hand->pid <= 0)
		return MINATO_NEVER;
	next = listen_again(harbour, now);
	if (hand->ready)
		return next;
	if (now.ns < hand->until.ns)
		return next.ns < hand->until.ns ? next : hand->until;
	hand->until = MINATO_NEVER;
	cmd_say("the process for the traffic was not ready after %d seconds: it is replaced",
		CMD_START_MS / 1000);
	kill_hand(harbour);
	return next;
}

int cmd_hand_tell(struct cmd_harbour *harbour, enum cmd_message_kind kind)
{
	const struct cmd_message message = { .kind = kind };

	if (!harbour->hand.ready)
		return -ENOTCONN;
	return cmd_channel_send(harbour->hand.channel, &message, NULL, 0);
}

void cmd_hand_end(struct cmd_harbour *harbour)
{
	struct cmd_hand *hand = &harbour->hand;
	struct pollfd gone = { .fd = hand->pidfd, .events = POLLIN };

	if (hand->pid <= 0)
		return;
	/* The end of the channel is the end of its work. */
	close(hand->channel);
	hand->channel = -1;
	hand->channel_watch = 0;
	if (poll(&gone, 1, END_MS) <= 0)
		kill_hand(harbour);
	(void)reap(harbour);
}
