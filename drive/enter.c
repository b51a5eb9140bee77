/* SPDX-License-Identifier: BSD-2-Clause */
/* Entering a guest that runs. */
#include "drive/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The owner of the guest: ids as init has them, seen from inside (first column of the map). */
struct owner {
	int64_t uid;
	int64_t gid;
};

static int64_t first_of(pid_t init, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)init, name);
	return drive_proc_number(path, -1);
}

/*
 * The namespaces of the process that are not ours: all of a guest that we made, of somebody else's
 * those it has. Nobody can enter the user namespace that it is in already.
 */
static int namespaces_of(pid_t pid)
{
	static const struct {
		const char *name;
		int flag;
	} kinds[] = {
		{ "user", CLONE_NEWUSER },     { "mnt", CLONE_NEWNS },	{ "net", CLONE_NEWNET },
		{ "pid", CLONE_NEWPID },       { "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC },
		{ "cgroup", CLONE_NEWCGROUP },
	};
	int flags = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct stat theirs;
		struct stat ours;
		char path[64];

		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i].name);
		if (stat(path, &ours) < 0)
			continue; /* a kernel without */
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kinds[i].name);
		if (stat(path, &theirs) < 0)
			return -errno;
		if (theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino)
			flags |= kinds[i].flag;
	}
	return flags;
}

static int join(pid_t init, struct owner *owner, struct drive_error *error)
{
	int pidfd = pidfd_open(init, 0);
	int result = 0;
	int flags;

	if (pidfd < 0)
		return drive_fail(error, errno, "the guest has ended (%s)", strerror(errno));
	flags = namespaces_of(init);
	/* Supplementary groups of root mean nothing inside, and could not be dropped there. */
	if (flags > 0 && (flags & CLONE_NEWUSER) && geteuid() == 0)
		(void)setgroups(0, NULL);
	owner->uid = flags & CLONE_NEWUSER ? first_of(init, "uid_map") : geteuid();
	owner->gid = flags & CLONE_NEWUSER ? first_of(init, "gid_map") : getegid();
	if (flags < 0)
		result = drive_fail(error, -flags, "cannot look at the guest's namespaces: %s",
				    strerror(-flags));
	else if (owner->uid < 0 || owner->gid < 0)
		result = drive_fail(error, EPERM, "cannot read the guest's id maps");
	else if (setns(pidfd, flags) < 0)
		result = drive_fail(error, errno, "cannot enter the guest's namespaces: %s",
				    strerror(errno));
	close(pidfd);
	return result;
}

/*
 * Inside, root of the host who entered somebody else's guest has no id: it becomes the guest's
 * user. The user itself has the right ids already.
 */
static int become(const struct owner *owner, struct drive_error *error)
{
	uid_t uid = (uid_t)owner->uid;
	gid_t gid = (gid_t)owner->gid;

	if (geteuid() == uid && getegid() == gid)
		return 0;
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return drive_fail(error, errno, "cannot become the guest's user: %s",
				  strerror(errno));
	return 0;
}

/*
 * Runs in the child: dies with the caller and becomes the command. The caller's "go" shows that it
 * was there when its death became our signal.
 */
static _Noreturn void run(char *const *argv, char *const *envp, int caller)
{
	int result;
	char go;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(caller, &go, 1) != 1)
		_exit(1);
	result = drive_init_exec(argv, envp);
	(void)!write(caller, &result, sizeof(result));
	_exit(drive_exec_code(result));
}

/* Lets the child go on; 0 when execve worked (the child's end closed unsaid), or what it said. */
static int release(int child)
{
	int result = 0;

	if (send(child, "", 1, MSG_NOSIGNAL) != 1)
		return -errno;
	if (read(child, &result, sizeof(result)) != (ssize_t)sizeof(result))
		result = 0;
	return result;
}

int drive_enter(pid_t init, const char *workdir, bool shut, struct drive_error *error)
{
	char directory[PATH_MAX];
	struct owner owner = { -1, -1 };
	bool known = getcwd(directory, sizeof(directory));
	int result;

	/* Nobody in there may look into us, who have the caller's files, before execve. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	result = join(init, &owner, error);
	if (result == 0 && shut && (result = drive_beside_shut()) < 0)
		(void)drive_fail(error, -result,
				 "cannot shut what leads past the guest's rules (seccomp): %s",
				 strerror(-result));
	if (result == 0)
		result = become(&owner, error);
	if (result < 0)
		return result;
	if (!known || chdir(directory) < 0)
		(void)!chdir("/");
	if (workdir && chdir(workdir) < 0)
		return drive_fail(error, errno, "cannot make %s the working directory: %s", workdir,
				  strerror(errno));
	return 0;
}

static pid_t start(char *const *argv, char *const *envp, struct drive_error *error)
{
	int ends[2];
	int result;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return drive_fail(error, errno, "socketpair: %s", strerror(errno));
	child = fork();
	if (child == 0) {
		close(ends[0]);
		run(argv, envp, ends[1]);
	}
	result = -errno;
	close(ends[1]);
	if (child > 0)
		result = release(ends[0]);
	close(ends[0]);
	if (result == 0)
		return child;
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	return drive_fail(error, -result, "cannot execute the command: %s", strerror(-result));
}

pid_t drive_enter_start(char *const *argv, char *const *envp, int *pidfd, struct drive_error *error)
{
	pid_t child = start(argv, envp, error);

	if (child < 0)
		return child;
	*pidfd = pidfd_open(child, 0);
	return *pidfd < 0 ? drive_fail(error, errno, "pidfd: %s", strerror(errno)) : child;
}
