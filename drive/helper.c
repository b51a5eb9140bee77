/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The helper in somebody else's namespaces: makes the tap and the resolver there, waits, and undoes
 * what would stay.
 *
 * It enters the owner of the network namespace, not the user namespace of the process: a sandbox
 * may have gone one further down, where it has no right over its own network. From the owner it may
 * go into any mount namespace that was made there or below.
 */
#include "drive/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* How often a path is looked at: an unmount alone tells nobody. */
#define LOOK_MS 1000

struct helper {
	int control;
	const struct drive_target *target;
	const struct drive_plan *plan;
	enum drive_attach how;
	struct drive_etc etc;
	struct drive_netns made;
	struct drive_word word;
	int directory; /* inotify, -1 for a process */
	int null;
};

/* ---- entering ---- */

static int compare_fds(const void *a, const void *b)
{
	const int *x = a;
	const int *y = b;

	return (*x > *y) - (*x < *y);
}

/* Nothing of the maker is ours but its words: its sockets must close when it closes them. */
static void keep_only(const struct helper *helper)
{
	const struct drive_target *target = helper->target;
	int kept[] = { helper->control, target->pidfd, target->netns,	  target->owner,
		       target->mntns,	target->root,  target->mountinfo, target->directory };
	unsigned next = STDERR_FILENO + 1;

	qsort(kept, sizeof(kept) / sizeof(kept[0]), sizeof(kept[0]), compare_fds);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (kept[i] < (int)next)
			continue;
		if (kept[i] > (int)next)
			(void)close_range(next, (unsigned)kept[i] - 1, 0);
		next = (unsigned)kept[i] + 1;
	}
	(void)close_range(next, ~0U, 0);
}

static int refuse(const struct drive_target *target, int errnum, struct drive_error *error)
{
	const struct passwd *user;
	uid_t uid = 0;

	if (errnum != EPERM)
		return drive_fail(error, errnum, "cannot enter the namespaces: %s",
				  strerror(errnum));
	if (target->owner >= 0)
		(void)ioctl(target->owner, NS_GET_OWNER_UID, &uid);
	user = getpwuid(uid);
	return drive_fail(error, EPERM,
			  "the network namespace belongs to %s: attach as that user, or as root",
			  user ? user->pw_name : "another user");
}

/* Inside, whoever has no id there (root of the host) becomes the first that there is. */
static int become(struct drive_error *error)
{
	int64_t uid = drive_proc_number("/proc/self/uid_map", -1);
	int64_t gid = drive_proc_number("/proc/self/gid_map", -1);

	if (uid < 0 || gid < 0)
		return drive_fail(error, EPERM, "the user namespace has no id maps yet");
	if (geteuid() == (uid_t)uid && getegid() == (gid_t)gid)
		return 0;
	if (setresgid((gid_t)gid, (gid_t)gid, (gid_t)gid) < 0 ||
	    setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid) < 0)
		return drive_fail(error, errno, "cannot become the namespace's user: %s",
				  strerror(errno));
	return 0;
}

static int enter(const struct drive_target *target, struct drive_error *error)
{
	int result = 0;

	/* Supplementary groups of root mean nothing inside, and could not be dropped there. */
	if (target->owner >= 0 && geteuid() == 0)
		(void)setgroups(0, NULL);
	if (target->owner >= 0 && setns(target->owner, CLONE_NEWUSER) < 0)
		return refuse(target, errno, error);
	if (target->owner >= 0)
		result = become(error);
	if (result == 0 && setns(target->netns, CLONE_NEWNET) < 0)
		result = refuse(target, errno, error);
	return result;
}

/* ---- one at a time ---- */

/* Who else has the claim. */
static int refuse_claim(const struct sockaddr_un *name, socklen_t size, struct drive_error *error)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred peer = { .pid = 0 };
	socklen_t peer_size = sizeof(peer);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)name, size) == 0)
		(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size);
	if (fd >= 0)
		close(fd);
	return drive_fail(error, EALREADY,
			  "another minato serves this namespace already (its helper is process "
			  "%d); 'minato ps' of its user lists it",
			  (int)peer.pid);
}

/*
 * An abstract name lives in a network namespace and dies with its socket: who has it serves this
 * one. 0, or -EALREADY with a text; a kernel that forbids it does without.
 */
static int claim(struct drive_error *error)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0minato-attach" };
	socklen_t size =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name.sun_path + 1));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Open until we end. */
	if (fd < 0 || bind(fd, (const struct sockaddr *)&name, size) < 0)
		return errno == EADDRINUSE ? refuse_claim(&name, size, error) : 0;
	(void)listen(fd, 1);
	return 0;
}

/* ---- the resolver ---- */

/* The process's own resolv.conf, wherever a link there leads to. */
static FILE *open_resolv(const struct drive_target *target)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
				.resolve = RESOLVE_IN_ROOT };
	long fd = syscall(SYS_openat2, target->root, "etc/resolv.conf", &how, sizeof(how));
	FILE *file = fd < 0 ? NULL : fdopen((int)fd, "r");

	if (fd >= 0 && !file)
		close((int)fd);
	return file;
}

/* Staged in a mount namespace that we leave: in theirs there is no place for it. */
static int resolve(struct helper *helper)
{
	const struct drive_target *target = helper->target;
	struct drive_plan plan = *helper->plan;
	int result;

	plan.resolv_from = open_resolv(target);
	if (unshare(CLONE_NEWNS) < 0)
		result = -errno;
	else
		result = drive_mounts_stage(&plan, &helper->etc);
	if (plan.resolv_from)
		(void)fclose(plan.resolv_from);
	if (result == 0 && setns(target->mntns, CLONE_NEWNS) < 0)
		result = -errno;
	if (result == 0 && target->root >= 0 && (fchdir(target->root) < 0 || chroot(".") < 0))
		result = -errno;
	return result < 0 ? result : drive_mounts_put(&helper->etc);
}

/* ---- the helper's life ---- */

static int set_up(struct helper *helper)
{
	struct drive_word *word = &helper->word;
	struct drive_error warning = { "" };
	int result = enter(helper->target, &word->text);

	if (result == 0)
		result = claim(&word->text);
	if (result == 0)
		result = drive_netns_add(helper->plan, helper->how == DRIVE_ATTACH_BARE,
					 &helper->made, &warning, &word->text);
	if (result < 0)
		return result;
	if (helper->target->mntns >= 0 && !helper->plan->keep_resolv) {
		int failed = resolve(helper);

		word->resolved = failed == 0;
		if (failed < 0)
			drive_warn(&warning, "/etc/resolv.conf stays as it is (%s)",
				   strerror(-failed));
	}
	word->text = warning;
	return 0;
}

/* Where the directory of a path can be watched, its changes wake us before the next look. */
static int watch_directory(const struct drive_target *target)
{
	char path[64];
	int fd;

	if (target->directory < 0)
		return -1;
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", target->directory);
	if (fd >= 0)
		(void)inotify_add_watch(fd, path, IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF);
	return fd;
}

/* Answers the maker's only question, whether all is there. False at the end of its words. */
static bool answer(const struct helper *helper)
{
	struct drive_word there = { .result = 0 };
	char go;
	ssize_t got = read(helper->control, &go, 1);

	if (got < 0 && errno == EINTR)
		return true;
	return got == 1 && drive_word_say(helper->control, &there, -1) == 0;
}

static void serve(struct helper *helper)
{
	const struct drive_target *target = helper->target;
	int mountinfo = helper->word.resolved ? target->mountinfo : -1;
	struct pollfd ready[] = {
		{ .fd = helper->control, .events = POLLIN },
		{ .fd = target->pidfd, .events = POLLIN },
		{ .fd = helper->directory, .events = POLLIN },
		{ .fd = mountinfo, .events = POLLPRI },
	};
	/* What changed before we looked raises no event. */
	bool whole = !helper->word.resolved || drive_mounts_keep(&helper->etc, 1);
	char events[4096];

	while (drive_target_lives(target)) {
		int wait = target->pidfd < 0 ? LOOK_MS : -1;

		if (poll(ready, 4, whole ? wait : DRIVE_MOUNTS_LOOK_MS) < 0 && errno != EINTR)
			return;
		if (ready[0].revents && !answer(helper))
			return;
		if (ready[2].revents)
			(void)!read(helper->directory, events, sizeof(events));
		if (ready[3].revents || !whole)
			whole = drive_mounts_keep(&helper->etc, 1);
	}
}

static _Noreturn void help(struct helper *helper)
{
	sigset_t all;

	/* The maker decides when we end. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)prctl(PR_SET_NAME, "minato-attach");
	keep_only(helper);
	helper->directory = watch_directory(helper->target);
	helper->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* We come from outside: who is inside shall not get hold of us. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	helper->word.result = set_up(helper);
	/* A bare namespace has no other process to be entered by. */
	(void)prctl(PR_SET_DUMPABLE, helper->target->pid ? 0 : 1);
	helper->word.vnet = helper->made.vnet;
	helper->word.has6 = helper->made.has6;
	/* The pipes and the terminal of the maker are not ours to hold open. */
	for (int fd = 0; fd < 3 && helper->null >= 0; fd++)
		(void)dup2(helper->null, fd);
	if (drive_word_say(helper->control, &helper->word,
			   helper->word.result == 0 ? helper->made.tap : -1) == 0 &&
	    helper->word.result == 0) {
		close(helper->made.tap);
		serve(helper);
	}
	drive_mounts_take(&helper->etc);
	_exit(helper->word.result == 0 ? 0 : 1);
}

/* ---- the maker ---- */

static int converse(struct drive_guest *guest, struct drive_error *error)
{
	struct drive_word word = { 0 };
	int result = drive_word_hear(guest->control, &word, &guest->tap);

	if (result == 0 && word.result < 0)
		return drive_fail(error, -word.result, "%s", word.text.text);
	if (result < 0 || guest->tap < 0)
		return drive_fail(error, EPIPE, "the helper in the namespace ended by itself");
	guest->vnet = word.vnet;
	guest->has6 = word.has6;
	guest->resolved = word.resolved;
	guest->warning = word.text;
	return 0;
}

int drive_attach_make(struct drive_guest *guest, const struct drive_target *target,
		      const struct drive_plan *plan, enum drive_attach how,
		      struct drive_error *error)
{
	struct helper helper = {
		.target = target, .plan = plan, .how = how, .etc.spare = { -1, -1 }, .made.tap = -1
	};
	int ends[2];
	int result;

	*guest = (struct drive_guest){
		.init = -1, .pidfd = -1, .control = -1, .tap = -1, .attached = true
	};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return drive_fail(error, errno, "socketpair: %s", strerror(errno));
	guest->init = fork();
	if (guest->init == 0) {
		helper.control = ends[1];
		help(&helper);
	}
	result = -errno;
	close(ends[1]);
	guest->control = ends[0];
	if (guest->init > 0)
		guest->pidfd = pidfd_open(guest->init, 0);
	if (guest->init < 0 || guest->pidfd < 0)
		result = drive_fail(error, guest->init < 0 ? -result : errno,
				    "cannot start the helper");
	else
		result = converse(guest, error);
	if (result < 0) {
		drive_guest_end(guest);
		if (guest->tap >= 0)
			close(guest->tap);
		guest->tap = -1;
	}
	return result;
}
