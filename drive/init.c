/* SPDX-License-Identifier: BSD-2-Clause */
/* PID 1 of a guest: sets it up, starts the command, reaps, hands on signals and the exit code. */
#include "drive/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONTROL 3 /* where the control descriptor is kept */

struct init {
	const struct drive_plan *plan;
	struct drive_etc etc[DRIVE_ETC_FILES];
	pid_t command;
	int signals;
	int mounts; /* /proc/self/mountinfo, -1 if there is none */
};

/* A maker that is gone takes us with it. */
static void say(const struct drive_word *word, int fd)
{
	if (drive_word_say(CONTROL, word, fd) < 0)
		_exit(1);
}

/* Waits for the maker's next word; it has none but "go on", and its end is our end. */
static void await(void)
{
	char go;
	ssize_t got;

	do
		got = read(CONTROL, &go, 1);
	while (got < 0 && errno == EINTR);
	if (got != 1)
		_exit(1);
}

/* Nothing of the maker is ours but its terminal: its sockets must close when it closes them. */
static void keep_only(int control)
{
	if (control != CONTROL && dup2(control, CONTROL) < 0)
		_exit(1);
	(void)fcntl(CONTROL, F_SETFD, FD_CLOEXEC);
	if (close_range(CONTROL + 1, ~0U, 0) < 0)
		for (int fd = CONTROL + 1; fd < 65536; fd++)
			(void)close(fd);
}

/* Signals that would end PID 1 are read instead; those of a fault in itself are not. */
static void take_signals(struct init *init)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
	sigset_t set;

	(void)sigfillset(&set);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		(void)sigdelset(&set, faults[i]);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	/* A maker that ignores SIGCHLD would keep children from us. */
	(void)signal(SIGCHLD, SIG_DFL);
	init->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (init->signals < 0)
		_exit(1);
}

static int set_up(struct init *init, struct drive_netns *made, struct drive_word *word)
{
	struct drive_error warning = { "" };
	const struct drive_plan *plan = init->plan;
	int result = 0;

	if (plan->hostname && sethostname(plan->hostname, strlen(plan->hostname)) < 0)
		result = drive_userns_explain(-errno, "setting the guest's host name", &word->text);
	if (result == 0)
		result = drive_mounts_make(plan, init->etc, &warning, &word->text);
	if (result == 0 && plan->workdir && chdir(plan->workdir) < 0)
		result = drive_fail(&word->text, errno, "cannot make %s the working directory: %s",
				    plan->workdir, strerror(errno));
	if (result == 0)
		result = drive_netns_make(plan, made, &warning, &word->text);
	if (result == 0 && plan->shut && (result = drive_beside_shut()) < 0)
		(void)drive_fail(&word->text, -result,
				 "cannot shut what leads past the guest's rules (seccomp): %s",
				 strerror(-result));
	if (result == 0)
		word->text = warning;
	return result;
}

/*
 * execvp says EACCES for a name that is nowhere, where some directory of PATH may not be looked
 * into. Shells call that "not found", and so do we.
 */
static bool is_nowhere(const char *name)
{
	const char *path = getenv("PATH");
	char candidate[4096];

	if (strchr(name, '/') || !path)
		return false;
	while (*path) {
		size_t size = strcspn(path, ":");

		(void)snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)size, path, name);
		if (access(candidate, F_OK) == 0)
			return false;
		path += size + (path[size] == ':');
	}
	return true;
}

int drive_init_exec(char *const *argv, char *const *envp)
{
	sigset_t none;
	int result;

	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (envp)
		environ = (char **)(uintptr_t)envp;
	(void)execvp(argv[0], argv);
	result = -errno;
	return result == -EACCES && is_nowhere(argv[0]) ? -ENOENT : result;
}

/* Forks the command. Its pipe closes unsaid when execve worked, or says why not. */
static int start_command(struct init *init)
{
	int pipe_of[2];
	int result = 0;

	if (pipe2(pipe_of, O_CLOEXEC) < 0)
		return -errno;
	init->command = fork();
	if (init->command == 0) {
		result = drive_init_exec(init->plan->argv, init->plan->envp);
		(void)!write(pipe_of[1], &result, sizeof(result));
		_exit(drive_exec_code(result));
	}
	if (init->command < 0)
		result = -errno;
	close(pipe_of[1]);
	if (result == 0 && read(pipe_of[0], &result, sizeof(result)) != (ssize_t)sizeof(result))
		result = 0;
	close(pipe_of[0]);
	return result;
}

/* Lets go of the terminal and of pipes, so that their other ends see the command close them. */
static void let_go(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3 && null >= 0; fd++)
		(void)dup2(null, fd);
	if (null > 2)
		close(null);
}

/* The maker may want to stop as well. One that does not listen need not know. */
static void tell_stop(int signo)
{
	struct drive_word word = { .result = signo };

	if (send(CONTROL, &word, sizeof(word), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE)
		_exit(1);
}

/* Ends when the command has ended; the kernel then kills what it left. */
static void reap(const struct init *init)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != init->command)
			continue;
		if (!WIFSTOPPED(status))
			_exit(drive_status_code(status));
		tell_stop(WSTOPSIG(status));
	}
}

static void hand_on_signals(const struct init *init)
{
	struct signalfd_siginfo info;

	while (read(init->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		/* Only the maker hands signals on: outside, where our namespace sees pid 0. */
		if ((int)info.ssi_signo == DRIVE_HANDED_ON && info.ssi_pid == 0)
			(void)kill(init->command, info.ssi_int);
	}
}

static _Noreturn void serve(struct init *init)
{
	struct pollfd ready[3] = {
		{ .fd = init->signals, .events = POLLIN },
		{ .fd = CONTROL, .events = POLLIN },
		{ .fd = init->mounts, .events = POLLPRI },
	};

	bool whole = drive_mounts_keep(init->etc, DRIVE_ETC_FILES);

	for (;;) {
		if (poll(ready, 3, whole ? -1 : DRIVE_MOUNTS_LOOK_MS) < 0 && errno != EINTR)
			_exit(1);
		if (ready[1].revents)
			_exit(1);
		if (ready[2].revents || !whole)
			whole = drive_mounts_keep(init->etc, DRIVE_ETC_FILES);
		hand_on_signals(init);
		reap(init);
	}
}

static void limit_files(const struct drive_plan *plan)
{
	struct rlimit limit;

	if (!plan->files || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = plan->files;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

_Noreturn void drive_init_main(int control, const struct drive_plan *plan)
{
	struct init init = { .plan = plan };
	struct drive_netns made = { .tap = -1 };
	struct drive_word word = { 0 };

	/* A program that cannot be read, or has file capabilities, hides its /proc files. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	keep_only(control);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		_exit(1);
	limit_files(plan);
	(void)prctl(PR_SET_NAME, "minato-init");
	say(&word, -1);
	await(); /* Now the ids are mapped. */
	take_signals(&init);
	word.result = set_up(&init, &made, &word);
	word.vnet = made.vnet;
	word.has6 = made.has6;
	say(&word, word.result == 0 ? made.tap : -1);
	if (word.result < 0)
		_exit(1);
	close(made.tap);
	init.mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	drive_mounts_keep(init.etc,
			  DRIVE_ETC_FILES); /* What changed before we looked raises no event. */
	await();
	word = (struct drive_word){ .result = start_command(&init) };
	say(&word, -1);
	let_go();
	serve(&init);
}
