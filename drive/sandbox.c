/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that can do nothing but what it was given descriptors for.
 *
 *   stage 1  namespaces     drive_sandbox_fork: user, mount, process, IPC and host-name namespaces
 *   stage 2  life           it dies with its maker, has no terminal, leaves no core file
 *   stage 3  descriptors    all are closed but those it is to keep
 *   stage 4  root           an empty directory that cannot be written, nothing else in sight
 *   stage 5  capabilities   none, nor a way to get one
 *   stage 6  system calls   drive_sandbox_seal: only those named beside the code that needs them
 *
 * Ids are not mapped into the user namespace: inside, no file and no other process is its own. It
 * stays in the host's network namespace, over which it holds no capability.
 */
#include "drive/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECUREBITS                                                                                 \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                           \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |   \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* unsealed: close close_range chdir mount umount2 prctl prlimit64 setsid */

/* ---- stage 1 ---- */

/* From the best to what is always possible. */
static const uint64_t levels[] = {
	CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS,
	CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS, /* root, user namespaces off */
	0,
};

int drive_sandbox_fork(struct drive_sandbox *sandbox)
{
	const size_t count = sizeof(levels) / sizeof(levels[0]);
	long pid = -1;

	*sandbox = (struct drive_sandbox){ .pid = -1, .pidfd = -1 };
	for (size_t i = 0; i < count && pid < 0; i++) {
		struct clone_args args = {
			.flags = levels[i] | CLONE_PIDFD,
			.pidfd = (uint64_t)(uintptr_t)&sandbox->pidfd,
			.exit_signal = SIGCHLD,
		};

		sandbox->namespaces = levels[i];
		pid = syscall(SYS_clone3, &args, sizeof(args));
		if (pid < 0 && i == 0)
			sandbox->refused = errno;
	}
	if (pid < 0)
		return -errno;
	sandbox->pid = (pid_t)pid;
	return pid > 0;
}

/* ---- stage 2 ---- */

static int live_by_the_maker(struct drive_error *error)
{
	const struct rlimit none = { 0, 0 };
	sigset_t all;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return drive_fail(error, errno, "PR_SET_PDEATHSIG: %s", strerror(errno));
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return drive_fail(error, errno, "RLIMIT_CORE: %s", strerror(errno));
	/* Its own session: the terminal's signals are the maker's, and there is none to type to. */
	if (setsid() < 0)
		return drive_fail(error, errno, "setsid: %s", strerror(errno));
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	return 0;
}

/* ---- stage 3 ---- */

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a;
	int y = *(const int *)b;

	return (x > y) - (x < y);
}

/* From first to last, both included. */
static void close_between(unsigned first, unsigned last)
{
	if (first > last || close_range(first, last, 0) == 0)
		return;
	for (unsigned fd = first; fd <= last && fd < 65536; fd++)
		(void)close((int)fd);
}

static void close_others(int *keep, size_t count)
{
	unsigned next = 0;

	qsort(keep, count, sizeof(keep[0]), compare);
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < 0)
			continue;
		if ((unsigned)keep[i] > next)
			close_between(next, (unsigned)keep[i] - 1);
		next = (unsigned)keep[i] + 1;
	}
	close_between(next, ~0u);
}

/* ---- stage 4 ---- */

/*
 * pivot_root(2) of a directory onto itself stacks the old root upon the new one, from where it is
 * taken away with all that is mounted in it.
 */
static int empty_root(const char *place)
{
	if (mount("none", place, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "nr_inodes=2,nr_blocks=1,mode=555") < 0)
		return -errno;
	if (chdir(place) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

static int leave_files(struct drive_error *warning)
{
	/* What every system has, to be covered. */
	static const char *const places[] = { "/tmp", "/proc", "/dev" };
	int result = -ENOENT;

	if (mount("", "/", NULL, MS_REC | MS_UNBINDABLE, NULL) < 0)
		result = -errno;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && result == -ENOENT; i++)
		result = empty_root(places[i]);
	if (result < 0)
		drive_warn(warning, "it sees the host's files (no empty root: %s)",
			   strerror(-result));
	return result;
}

/* ---- stage 5 ---- */

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	/* Both fail without CAP_SETPCAP, which is to say: for who has nothing to drop. */
	(void)prctl(PR_SET_SECUREBITS, SECUREBITS);
	for (unsigned long cap = 0; cap < 64; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, none) < 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int give_up_rights(struct drive_error *error)
{
	int result = drop_capabilities();

	if (result < 0)
		return drive_fail(error, -result, "capabilities cannot be dropped: %s",
				  strerror(-result));
	return 0;
}

int drive_sandbox_bare(int *keep, size_t count, struct drive_error *error)
{
	int result = live_by_the_maker(error);

	if (result < 0)
		return result;
	close_others(keep, count);
	return give_up_rights(error);
}

int drive_sandbox_enter(const struct drive_sandbox *sandbox, int *keep, size_t count,
			struct drive_error *warning)
{
	int result = live_by_the_maker(warning);

	if (result < 0)
		return result;
	close_others(keep, count);
	if (sandbox->namespaces & CLONE_NEWNS)
		(void)leave_files(warning);
	else
		drive_warn(warning,
			   "it has no namespaces of its own and sees the host's files (%s)",
			   strerror(sandbox->refused));
	return give_up_rights(warning);
}

/* ---- stage 6 ---- */

/*
 * What libc calls by itself: malloc, qsort (how much memory there is, before it sorts more than
 * 1 KiB), and abort of a program that finds itself broken.
 */
/* syscalls: brk mmap munmap mremap madvise sysinfo */
/* syscalls: rt_sigprocmask rt_sigaction rt_sigreturn getpid gettid tgkill exit_group */

/* A call that may be made in some ways only: each row is one of them. */
struct way {
	int call;
	struct scmp_arg_cmp arg[3];
	unsigned count;
};

#define KIND 0xfu /* SOCK_STREAM and the like, without SOCK_NONBLOCK and SOCK_CLOEXEC */

/* Argument n is equal to, below or above a number; or, cut to the mask, equal to it. */
#define IS(n, number)                                                                              \
	{                                                                                          \
		n, SCMP_CMP_EQ, number, 0                                                          \
	}
#define BELOW(n, number)                                                                           \
	{                                                                                          \
		n, SCMP_CMP_LT, number, 0                                                          \
	}
#define ABOVE(n, number)                                                                           \
	{                                                                                          \
		n, SCMP_CMP_GT, number, 0                                                          \
	}
#define CUT(n, mask, number)                                                                       \
	{                                                                                          \
		n, SCMP_CMP_MASKED_EQ, mask, number                                                \
	}

static const struct way ways[] = {
	/* The Internet's sockets; no raw ones, and nothing of this host (unix, netlink, packet). */
	{ SCMP_SYS(socket), { IS(0, AF_INET), CUT(1, KIND, SOCK_STREAM), IS(2, 0) }, 3 },
	{ SCMP_SYS(socket), { IS(0, AF_INET), CUT(1, KIND, SOCK_DGRAM), IS(2, 0) }, 3 },
	{ SCMP_SYS(socket), { IS(0, AF_INET), CUT(1, KIND, SOCK_DGRAM), IS(2, IPPROTO_ICMP) }, 3 },
	{ SCMP_SYS(socket), { IS(0, AF_INET6), CUT(1, KIND, SOCK_STREAM), IS(2, 0) }, 3 },
	{ SCMP_SYS(socket), { IS(0, AF_INET6), CUT(1, KIND, SOCK_DGRAM), IS(2, 0) }, 3 },
	{ SCMP_SYS(socket),
	  { IS(0, AF_INET6), CUT(1, KIND, SOCK_DGRAM), IS(2, IPPROTO_ICMPV6) },
	  3 },
	/*
	 * The options that the relay sets and their like: none that attaches a program, joins a
	 * group, encapsulates, takes another congestion control, or is netfilter's.
	 */
	{ SCMP_SYS(setsockopt), { IS(1, SOL_SOCKET), BELOW(2, SO_ATTACH_FILTER) }, 2 },
	{ SCMP_SYS(setsockopt), { IS(1, IPPROTO_TCP), BELOW(2, TCP_SYNCNT + 1) }, 2 },
	{ SCMP_SYS(setsockopt), { IS(1, IPPROTO_TCP), IS(2, TCP_DEFER_ACCEPT) }, 2 },
	{ SCMP_SYS(setsockopt), { IS(1, IPPROTO_TCP), IS(2, TCP_NOTSENT_LOWAT) }, 2 },
	{ SCMP_SYS(setsockopt), { IS(1, IPPROTO_IP), BELOW(2, IP_RECVTOS + 1) }, 2 },
	{ SCMP_SYS(setsockopt), { IS(1, IPPROTO_IPV6), IS(2, IPV6_UNICAST_HOPS) }, 2 },
	{ SCMP_SYS(setsockopt), { IS(1, IPPROTO_IPV6), IS(2, IPV6_MTU_DISCOVER) }, 2 },
	{ SCMP_SYS(setsockopt), { IS(1, IPPROTO_IPV6), IS(2, IPV6_RECVERR) }, 2 },
	{ SCMP_SYS(setsockopt), { IS(1, IPPROTO_IPV6), IS(2, IPV6_V6ONLY) }, 2 },
	{ SCMP_SYS(setsockopt), { IS(1, IPPROTO_IPV6), IS(2, IPV6_RECVPKTINFO) }, 2 },
	{ SCMP_SYS(setsockopt), { IS(1, IPPROTO_IPV6), IS(2, IPV6_RECVHOPLIMIT) }, 2 },
	{ SCMP_SYS(setsockopt), { IS(1, IPPROTO_IPV6), IS(2, IPV6_RECVTCLASS) }, 2 },
	{ SCMP_SYS(setsockopt), { IS(1, IPPROTO_IPV6), IS(2, IPV6_TCLASS) }, 2 },
	{ SCMP_SYS(setsockopt), { IS(1, IPPROTO_UDP), IS(2, UDP_GRO) }, 2 },
	/*
	 * Nothing that is written can be executed, and no file is mapped but to be read alone: the
	 * keeper gives such (relay/roll.c), and mprotect is not among the calls.
	 */
	{ SCMP_SYS(mmap), { CUT(2, PROT_EXEC, 0), CUT(3, MAP_ANONYMOUS, MAP_ANONYMOUS) }, 2 },
	{ SCMP_SYS(mmap), { IS(2, PROT_READ), IS(3, MAP_SHARED) }, 2 },
	/* One more of what there is. */
	{ SCMP_SYS(fcntl), { IS(1, F_DUPFD_CLOEXEC) }, 1 },
};

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

/* What the reports of sanitizers need besides, in builds with them only. */
static const int extras[] = {
	-1,
#ifdef SANITIZED
	SCMP_SYS(openat),
	SCMP_SYS(open),
	SCMP_SYS(readlink),
	SCMP_SYS(read),
	SCMP_SYS(newfstatat),
	SCMP_SYS(stat),
	SCMP_SYS(fstat),
	SCMP_SYS(lseek),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(futex),
	SCMP_SYS(prlimit64),
	SCMP_SYS(getrlimit),
	SCMP_SYS(sched_yield),
	SCMP_SYS(mprotect),
	SCMP_SYS(write),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(mmap),
#endif
};

/* Adds the ways in which the call may be made; how many there are. */
static int add_ways(scmp_filter_ctx filter, int call, int *result)
{
	int count = 0;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && *result == 0; i++) {
		if (ways[i].call != call)
			continue;
		*result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, ways[i].count,
						 ways[i].arg);
		count++;
	}
	return count;
}

static int add_call(scmp_filter_ctx filter, int call)
{
	int result = 0;

	/* Signals for nobody but ourselves. */
	if (call == SCMP_SYS(tgkill)) {
		const struct scmp_arg_cmp ourselves = IS(0, (scmp_datum_t)getpid());

		return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &ourselves);
	}
	if (add_ways(filter, call, &result))
		return result;
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
}

static int fill_filter(scmp_filter_ctx filter)
{
	int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	/* The kernel's slow way against speculation would be for secrets that we have not. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	for (size_t i = 0; i < drive_syscall_count && result == 0; i++)
		result = add_call(filter, drive_syscalls[i].number);
	for (size_t i = 1; i < sizeof(extras) / sizeof(extras[0]) && result == 0; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, extras[i], 0);
	return result;
}

int drive_sandbox_seal(struct drive_error *warning)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int result = filter ? fill_filter(filter) : -ENOMEM;

	if (result == 0)
		result = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	if (result < 0)
		drive_warn(warning, "it may make any system call (seccomp: %s)", strerror(-result));
	return result;
}

/* ---- in the place of stage 6, for a process that is bare ---- */

/* Clone too: there are no threads in it. */
static const int wild[] = {
	SCMP_SYS(execve),	SCMP_SYS(execveat),	    SCMP_SYS(fork),
	SCMP_SYS(vfork),	SCMP_SYS(clone3),
#ifndef SANITIZED /* whose leak checker is a clone that looks into the rest */
	SCMP_SYS(clone),	SCMP_SYS(ptrace),
#endif
	SCMP_SYS(pidfd_getfd),	SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(setns),	SCMP_SYS(unshare),	    SCMP_SYS(mount),
	SCMP_SYS(umount2),	SCMP_SYS(pivot_root),	    SCMP_SYS(chroot),
	SCMP_SYS(bpf),		SCMP_SYS(perf_event_open),  SCMP_SYS(userfaultfd),
	SCMP_SYS(keyctl),	SCMP_SYS(add_key),	    SCMP_SYS(init_module),
	SCMP_SYS(finit_module), SCMP_SYS(kexec_load),	    SCMP_SYS(open_by_handle_at),
};

static int tame(scmp_filter_ctx filter)
{
	const int maps[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(pkey_mprotect) };
	const struct scmp_arg_cmp executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
	int result = 0;

	for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]) && result == 0; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), wild[i], 0);
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]) && result == 0; i++)
		result = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), maps[i], 1,
						&executable);
	return result == 0 ? seccomp_load(filter) : result;
}

int drive_sandbox_tame(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int result = filter ? tame(filter) : -ENOMEM;

	if (filter)
		seccomp_release(filter);
	return result;
}
