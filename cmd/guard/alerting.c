/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a keeper does when a scan was recognised: says a line, and tells syslog, a command or a
 * file, as it was asked to. All of it at a bounded rate: who scans must not be able to fill a disk
 * or start programs as he likes. A command gets numbers and words of ours as its arguments and in
 * its environment, and no shell sees them.
 */
#include "cmd/guard/scans.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define MISSING_TEXT 64
#define SAYING_BURST 60u
/* As many as are known of at once; then some 60 MB in a day are the most. */
#define WRITING_BURST 4096u
#define TOKEN_NS INT64_C(1000000000)
#define QUIET_NS (2 * TOKEN_NS)
#define LONG_NS (60 * TOKEN_NS)

/* ---- ways ---- */

static int add_path(char **place, const char *path, struct drive_error *error)
{
	char *copy = strdup(path);

	if (!copy)
		return drive_fail(error, ENOMEM, "out of memory");
	free(*place);
	*place = copy;
	return 0;
}

static int add_command(struct cmd_alerting *alerting, const char *path, struct drive_error *error)
{
	if (path[0] != '/')
		return drive_fail(error, EINVAL,
				  "the command '%s' of an alert needs a path that "
				  "begins with /",
				  path);
	if (access(path, X_OK) < 0)
		return drive_fail(error, errno, "the command '%s' of an alert: %s", path,
				  strerror(errno));
	return add_path(&alerting->command, path, error);
}

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
}

static int add_file(struct cmd_alerting *alerting, const char *path, struct drive_error *error)
{
	int fd = open_file(path);

	if (fd < 0)
		return drive_fail(error, errno, "the file '%s' of alerts: %s", path,
				  strerror(errno));
	if (alerting->file > 0)
		close(alerting->file);
	alerting->file = fd;
	return add_path(&alerting->path, path, error);
}

int cmd_alerting_add(struct cmd_alerting *alerting, enum cmd_alert_sort sort, const char *path,
		     struct drive_error *error)
{
	switch (sort) {
	case CMD_ALERT_SYSLOG:
		alerting->syslog = true;
		return 0;
	case CMD_ALERT_COMMAND:
		return add_command(alerting, path, error);
	case CMD_ALERT_FILE:
		return add_file(alerting, path, error);
	}
	return drive_fail(error, EINVAL, "an alert goes to syslog, a command or a file");
}

void cmd_alerting_clear(struct cmd_alerting *alerting)
{
	alerting->syslog = false;
	alerting->waiting_count = 0;
	free(alerting->command);
	alerting->command = NULL;
	free(alerting->path);
	alerting->path = NULL;
	if (alerting->file > 0)
		close(alerting->file);
	alerting->file = 0;
}

/* ---- telling ---- */

static bool may_tell(struct cmd_alert_bound *bound, uint32_t burst, struct minato_time now)
{
	int64_t earned = (now.ns - bound->refilled.ns) / TOKEN_NS;

	if (!bound->refilled.ns) {
		bound->refilled = now;
		bound->tokens = burst;
	} else if (earned > 0) {
		bound->refilled.ns += earned * TOKEN_NS;
		bound->tokens = earned > burst ? burst : bound->tokens + (uint32_t)earned;
		if (bound->tokens > burst)
			bound->tokens = burst;
	}
	if (bound->tokens == 0) {
		bound->left_out++;
		bound->latest = now;
		return false;
	}
	bound->tokens--;
	return true;
}

/* Of the log; -errno. An older one is a stream. */
static int open_log(bool *stream)
{
	const struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(AF_UNIX, SOCK_DGRAM | flags, 0);
	int result = fd < 0 ? -errno : 0;

	*stream = false;
	if (result == 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		result = -errno;
	if (result == -EPROTOTYPE) {
		*stream = true;
		close(fd);
		fd = socket(AF_UNIX, SOCK_STREAM | flags, 0);
		result = fd < 0 ? -errno : 0;
		if (result == 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
			result = -errno;
	}
	if (result < 0 && fd >= 0)
		close(fd);
	return result < 0 ? result : fd;
}

/* syslog(3) loses what nobody listens to and says nothing, and where who listens has stopped
   reading it waits, and with it all that a keeper does. */
static int send_to_log(const char *name, const char *text)
{
	char line[CMD_SCAN_TEXT + 256], at[32] = "";
	time_t now = time(NULL);
	struct tm local;
	bool stream;
	int fd = open_log(&stream);
	int len, result = 0;

	if (fd < 0)
		return fd;
	if (localtime_r(&now, &local))
		(void)strftime(at, sizeof(at), "%b %e %T", &local);
	len = snprintf(line, sizeof(line), "<%d>%s minato[%d]: %s: %s", LOG_DAEMON | LOG_WARNING,
		       at, (int)getpid(), name, text);
	if (len >= (int)sizeof(line))
		len = sizeof(line) - 1;
	/* In a stream a line ends with a zero. */
	if (send(fd, line, (size_t)len + stream, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		result = -errno;
	close(fd);
	return result;
}

static void write_missing(char text[MISSING_TEXT], uint32_t count)
{
	(void)snprintf(text, MISSING_TEXT, "%u more were not told of; minato scans lists them",
		       count);
}

/* What it did not take before is said first. */
static int send_all_to_log(struct cmd_alerting *alerting, const char *name, const char *text)
{
	char missing[MISSING_TEXT];
	int result = 0;

	write_missing(missing, alerting->unsent);
	if (alerting->unsent)
		result = send_to_log(name, missing);
	if (result == 0)
		alerting->unsent = 0;
	return result == 0 && text ? send_to_log(name, text) : result;
}

/* A text, which stands for so many alerts; or NULL: what is still to be said. */
static void tell_syslog(struct cmd_alerting *alerting, const char *name, const char *text,
			uint32_t count)
{
	int result = send_all_to_log(alerting, name, text);

	if (result < 0)
		alerting->unsent += count;
	alerting->full = result == -EAGAIN;
	alerting->tried = drive_now();
	if (result == -EAGAIN && !alerting->unheard)
		cmd_say("alerts do not reach syslog until who listens at /dev/log reads it");
	else if (result < 0 && !alerting->unheard)
		cmd_say("alerts do not reach syslog until somebody listens at /dev/log: %s",
			strerror(-result));
	alerting->unheard = result < 0;
}

/* One that was moved away or removed is made anew; the old one is better than none. */
static void reopen_file(struct cmd_alerting *alerting)
{
	struct stat named, open;
	int fd;

	if (stat(alerting->path, &named) == 0 && fstat(alerting->file, &open) == 0 &&
	    named.st_dev == open.st_dev && named.st_ino == open.st_ino)
		return;
	fd = open_file(alerting->path);
	if (fd < 0)
		return;
	close(alerting->file);
	alerting->file = fd;
}

/* In one piece, or not at all: where there was room for a part of it that is taken back, unless
   somebody else has written behind it. */
static int write_line(int fd, const char *line, size_t len)
{
	ssize_t wrote = write(fd, line, len);
	int result = wrote < 0 ? -errno : -ENOSPC;
	struct stat file;
	off_t end;

	if (wrote == (ssize_t)len)
		return 0;
	if (wrote <= 0)
		return result;
	end = lseek(fd, 0, SEEK_CUR);
	if (end < 0 || fstat(fd, &file) < 0 || file.st_size != end ||
	    ftruncate(fd, end - wrote) < 0)
		(void)!write(fd, "\n", 1);
	return result;
}

/* Takes the object over. */
static void tell_file(struct cmd_alerting *alerting, const char *name, json_t *object)
{
	char *line, *whole = NULL;
	int result = -ENOMEM;

	json_object_set_new(object, "name", json_string(name));
	line = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	reopen_file(alerting);
	if (line && asprintf(&whole, "%s\n", line) > 0)
		result = write_line(alerting->file, whole, strlen(whole));
	if (result < 0 && !alerting->unwritten)
		cmd_say("alerts do not reach the file '%s': %s", alerting->path, strerror(-result));
	alerting->unwritten = result < 0;
	free(whole);
	free(line);
}

static void run_next(struct cmd_harbour *harbour);

static void command_ended(void *user, uint32_t events)
{
	struct cmd_harbour *harbour = user;
	struct cmd_alerting *alerting = &harbour->alerting;

	(void)events;
	if (waitpid(alerting->pid, NULL, WNOHANG) == 0)
		return;
	drive_loop_remove(harbour->loop, alerting->watch);
	close(alerting->pidfd);
	alerting->pid = 0;
	run_next(harbour);
}

static int watch_command(struct cmd_harbour *harbour, pid_t pid)
{
	struct cmd_alerting *alerting = &harbour->alerting;

	int fd = pidfd_open(pid, 0);
	int64_t watch = fd < 0 ? -errno :
				 drive_loop_add(harbour->loop, fd, EPOLLIN, command_ended, harbour);

	if (watch < 0) { /* nobody would hear of its end */
		if (fd >= 0)
			close(fd);
		return (int)watch;
	}
	alerting->pid = pid;
	alerting->pidfd = fd;
	alerting->watch = watch;
	return 0;
}

static int spawn_command(struct cmd_harbour *harbour, char *const *words)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	pid_t pid;
	int result;

	sigemptyset(&none);
	sigfillset(&all);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, 0, 1);
	(void)posix_spawn_file_actions_adddup2(&actions, 0, 2);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	(void)posix_spawnattr_setpgroup(&attributes, 0);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
							    POSIX_SPAWN_SETPGROUP);
	result = -posix_spawn(&pid, words[0], &actions, &attributes, words, environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return result == 0 ? watch_command(harbour, pid) : result;
}

static void run_command(struct cmd_harbour *harbour, const struct minato_scan *scan)
{
	struct cmd_alerting *alerting = &harbour->alerting;
	char source[64], kinds[CMD_SCAN_KINDS_TEXT], ports[16], confidence[16];
	char *const words[] = {
		alerting->command,
		harbour->name,
		source,
		kinds,
		(char *)(uintptr_t)minato_scan_tool_name(scan->tool),
		ports,
		confidence,
		(char *)(uintptr_t)(scan->blockable ? "verified" : "unverified"),
		NULL,
	};
	int result;

	(void)cmd_scan_source(source, scan);
	(void)cmd_scan_kinds(kinds, scan->kinds);
	(void)snprintf(ports, sizeof(ports), "%u", scan->ports_tried);
	(void)snprintf(confidence, sizeof(confidence), "%u", scan->confidence);
	alerting->began = drive_now();
	alerting->long_said = false;
	result = spawn_command(harbour, words);
	if (result < 0)
		cmd_say("the command of an alert, %s: %s", alerting->command, strerror(-result));
}

static void run_next(struct cmd_harbour *harbour)
{
	struct cmd_alerting *alerting = &harbour->alerting;

	while (!alerting->pid && alerting->waiting_count) {
		const uint32_t at = alerting->waiting_first;

		alerting->waiting_first = (at + 1) % CMD_ALERTS_WAITING;
		alerting->waiting_count--;
		run_command(harbour, &alerting->waiting[at]);
	}
}

/* One at a time. Some wait for it, or a scan in another's name would hide what follows it; who
   comes while all places are taken is in the listing. */
static void tell_command(struct cmd_harbour *harbour, const struct minato_scan *scan)
{
	struct cmd_alerting *alerting = &harbour->alerting;

	if (alerting->pid && !alerting->long_said &&
	    drive_now().ns - alerting->began.ns > LONG_NS) {
		cmd_say("the command of an alert, %s, process %d, has not ended for a minute: as "
			"long as it runs it is not run again",
			alerting->command, (int)alerting->pid);
		alerting->long_said = true;
	}
	if (alerting->waiting_count == CMD_ALERTS_WAITING)
		return;
	alerting->waiting[(alerting->waiting_first + alerting->waiting_count++) %
			  CMD_ALERTS_WAITING] = *scan;
	run_next(harbour);
}

/* Whoever reads what was told sees that something is missing before what follows. */
static void say_left_out(struct cmd_harbour *harbour)
{
	struct cmd_alerting *alerting = &harbour->alerting;
	const uint32_t count = alerting->saying.left_out;
	char text[MISSING_TEXT];

	write_missing(text, count);
	alerting->saying.left_out = 0;
	if (!harbour->quiet)
		cmd_say("%s: %s", harbour->name, text);
	if (alerting->syslog)
		tell_syslog(alerting, harbour->name, text, count);
}

static void write_left_out(struct cmd_harbour *harbour)
{
	struct cmd_alerting *alerting = &harbour->alerting;
	json_t *object = json_pack("{s:I}", "left_out", (json_int_t)alerting->writing.left_out);

	alerting->writing.left_out = 0;
	if (alerting->file > 0)
		tell_file(alerting, harbour->name, object);
	else
		json_decref(object);
}

static void say(struct cmd_harbour *harbour, const struct minato_scan *scan)
{
	struct cmd_alerting *alerting = &harbour->alerting;
	char text[CMD_SCAN_TEXT];

	(void)cmd_scan_text(text, scan);
	if (alerting->saying.left_out)
		say_left_out(harbour);
	if (!harbour->quiet)
		cmd_say("%s: %s", harbour->name, text);
	if (alerting->syslog)
		tell_syslog(alerting, harbour->name, text, 1);
	if (alerting->command)
		tell_command(harbour, scan);
}

int cmd_alerting_take(struct cmd_harbour *harbour, const struct cmd_message *message)
{
	struct cmd_alerting *alerting = &harbour->alerting;
	const struct minato_scan *scan = &message->scan;
	const struct minato_time now = drive_loop_now(harbour->loop);

	if (!cmd_scan_sound(scan))
		return -EPROTO;
	if (may_tell(&alerting->saying, SAYING_BURST, now))
		say(harbour, scan);
	if (alerting->file > 0 && may_tell(&alerting->writing, WRITING_BURST, now)) {
		if (alerting->writing.left_out)
			write_left_out(harbour);
		tell_file(alerting, harbour->name, cmd_scan_json(scan));
	}
	return 0;
}

/* A log that was full may be read again. */
static void try_log_again(struct cmd_harbour *harbour, struct minato_time now,
			  struct minato_time *next)
{
	struct cmd_alerting *alerting = &harbour->alerting;

	if (!alerting->syslog || !alerting->unsent || !alerting->full)
		return;
	if (now.ns >= alerting->tried.ns + QUIET_NS)
		tell_syslog(alerting, harbour->name, NULL, 0);
	if (alerting->full && alerting->tried.ns + QUIET_NS < next->ns)
		next->ns = alerting->tried.ns + QUIET_NS;
}

/* Under a flood what is told next says how many were left out; behind its end nothing comes. */
struct minato_time cmd_alerting_turn(struct cmd_harbour *harbour, struct minato_time now)
{
	struct cmd_alert_bound *bounds[] = { &harbour->alerting.saying,
					     &harbour->alerting.writing };
	struct minato_time next = MINATO_NEVER;

	for (size_t i = 0; i < 2; i++) {
		const int64_t due_ns = bounds[i]->latest.ns + QUIET_NS;

		if (!bounds[i]->left_out)
			continue;
		if (now.ns < due_ns)
			next.ns = due_ns < next.ns ? due_ns : next.ns;
		else if (i == 0)
			say_left_out(harbour);
		else
			write_left_out(harbour);
	}
	try_log_again(harbour, now, &next);
	return next;
}
