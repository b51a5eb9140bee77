/* SPDX-License-Identifier: BSD-2-Clause */
/* The sandbox from inside: what is forbidden kills, what is needed works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drive/drive.h"

/* A child's last word. */
#define BROKEN 99
#define FAILED_WITH(errnum) (100 + (errnum))

/* The reports of sanitizers need some calls more, which then find nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static int kept[2]; /* a pair of sockets that the child keeps */

static int make_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, kept);
}

static int close_pair(void **state)
{
	(void)state;
	close(kept[0]);
	close(kept[1]);
	return 0;
}

/* Runs the attempt in a sandbox; how the child ended. `whole` gets whether nothing lacked. */
static int status_of(long (*attempt)(void), bool sealed)
{
	struct drive_sandbox sandbox;
	struct drive_error warning = { "" };
	int keep[] = { 2, -1, kept[0] };
	int result = drive_sandbox_fork(&sandbox);
	int status = 0;

	assert_true(result >= 0);
	if (result == 0) {
		long got;

		if (drive_sandbox_enter(&sandbox, keep, 3, &warning) < 0)
			_exit(BROKEN);
		if (sealed && drive_sandbox_seal(&warning) < 0)
			_exit(BROKEN);
		got = attempt();
		_exit(got < 0 ? FAILED_WITH(errno) : (int)got);
	}
	close(sandbox.pidfd);
	assert_int_equal(waitpid(sandbox.pid, &status, 0), sandbox.pid);
	return status;
}

static void kills(const char *name, long (*attempt)(void))
{
	int status = status_of(attempt, true);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		fail_msg("%s is not killed by SIGSYS: status %x", name, (unsigned)status);
}

static void ends_with(const char *name, long (*attempt)(void), int code, bool sealed)
{
	int status = status_of(attempt, sealed);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
		fail_msg("%s: status %x instead of exit code %d", name, (unsigned)status, code);
}

/* ---- forbidden ---- */

static long execute(void)
{
	char *const none[] = { NULL };

	return execve("/bin/sh", none, none);
}
static long fork_one(void)
{
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}
static long fork_three(void)
{
	return syscall(SYS_clone3, NULL, 0);
}
static long trace(void)
{
	return ptrace(PTRACE_ATTACH, 1, 0, 0);
}
static long unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}
static long unix_pair(void)
{
	int ends[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}
static long netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}
static long packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}
static long raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
}
static long vsock_socket(void)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0);
}
static long other_protocol(void)
{
	return socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
}
static long mount_one(void)
{
	return mount("none", "/", "tmpfs", 0, NULL);
}
static long enter_namespace(void)
{
	return setns(kept[0], 0);
}
static long new_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}
static long kill_other(void)
{
	return kill(1, SIGTERM);
}
static long kill_thread(void)
{
	return syscall(SYS_tgkill, 4711, 4711, SIGTERM);
}
static long load_bpf(void)
{
	return syscall(SYS_bpf, BPF_PROG_LOAD, NULL, 0);
}
static long ask_keys(void)
{
	return syscall(SYS_keyctl, 0, 0, 0, 0, 0);
}
static long control_process(void)
{
	return prctl(PR_SET_DUMPABLE, 1);
}
static long control_device(void)
{
	return syscall(SYS_ioctl, 2, 0x5412 /* TIOCSTI */, "x");
}
static long map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED ?
		       -1 :
		       0;
}
static long make_code(void)
{
	return syscall(SYS_mprotect, NULL, 4096, PROT_EXEC);
}
static long attach_filter(void)
{
	int number = 0;

	return setsockopt(kept[0], SOL_SOCKET, SO_ATTACH_BPF, &number, sizeof(number));
}
static long repair(void)
{
	int on = 1;

	return setsockopt(kept[0], IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on));
}
static long netfilter(void)
{
	char nothing[64] = { 0 };

	return setsockopt(kept[0], IPPROTO_IP, 64, nothing, sizeof(nothing));
}
static long encapsulate(void)
{
	int how = 2;

	return setsockopt(kept[0], IPPROTO_UDP, UDP_ENCAP, &how, sizeof(how));
}
static long join_group(void)
{
	char nothing[64] = { 0 };

	return setsockopt(kept[0], IPPROTO_IP, IP_ADD_MEMBERSHIP, nothing, sizeof(nothing));
}
static long join_group6(void)
{
	char nothing[64] = { 0 };

	return setsockopt(kept[0], IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, nothing, sizeof(nothing));
}
static long other_congestion(void)
{
	return setsockopt(kept[0], IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}
static long own_descriptor(void)
{
	return fcntl(kept[0], F_SETOWN, 1);
}
static long use_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}
static long use_memory_of_other(void)
{
	return syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0);
}

static void what_is_not_named_kills(void **state)
{
	(void)state;
#define KILLS(name) kills(#name, name)
	KILLS(execute);
	KILLS(fork_one);
	KILLS(fork_three);
	KILLS(trace);
	KILLS(mount_one);
	KILLS(enter_namespace);
	KILLS(new_namespace);
	KILLS(kill_other);
	KILLS(kill_thread);
	KILLS(load_bpf);
	KILLS(ask_keys);
	KILLS(control_process);
	KILLS(control_device);
	KILLS(use_uring);
	KILLS(use_memory_of_other);
}

static void sockets_of_other_families_kill(void **state)
{
	(void)state;
	KILLS(unix_socket);
	KILLS(unix_pair);
	KILLS(netlink_socket);
	KILLS(packet_socket);
	KILLS(raw_socket);
	KILLS(vsock_socket);
	KILLS(other_protocol);
}

static void options_that_reach_further_kill(void **state)
{
	(void)state;
	KILLS(attach_filter);
	KILLS(repair);
	KILLS(netfilter);
	KILLS(encapsulate);
	KILLS(join_group);
	KILLS(join_group6);
	KILLS(other_congestion);
	KILLS(own_descriptor);
}

static void memory_is_not_executed(void **state)
{
	(void)state;
	if (SANITIZED)
		return;
	KILLS(map_code);
	KILLS(make_code);
}

static long open_file(void)
{
	return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}
static long make_file(void)
{
	return open("/new", O_CREAT | O_RDWR, 0600);
}

static void files_are_out_of_reach(void **state)
{
	(void)state;
	if (SANITIZED)
		ends_with("open_file", open_file, FAILED_WITH(ENOENT), true);
	else
		KILLS(open_file);
	/* Without the filter too: there is nothing, and nothing can be made. */
	ends_with("open_file unsealed", open_file, FAILED_WITH(ENOENT), false);
	ends_with("make_file unsealed", make_file, FAILED_WITH(EROFS), false);
}

/* ---- without the filter: the stages before ---- */

static long has_capability(void)
{
	for (unsigned long cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_READ, cap) == 1)
			return 1;
	/* A capability, or a way to one. */
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || sethostname("x", 1) == 0 ||
	    mount("none", "/", "tmpfs", 0, NULL) == 0)
		return 2;
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 1UL, 0, 0) == 0 ? 3 : 0;
}

static void it_has_no_capability(void **state)
{
	(void)state;
	ends_with("has_capability", has_capability, 0, false);
}

/* Both ends of the pair and much more are open in the maker. */
static long descriptors(void)
{
	long open_ones = 0;

	for (int fd = 0; fd < 1024; fd++)
		open_ones += fcntl(fd, F_GETFD) >= 0;
	return open_ones == 2 && fcntl(2, F_GETFD) >= 0 && fcntl(kept[0], F_GETFD) >= 0 ? 0 : 1;
}

static void it_keeps_only_what_it_is_to_keep(void **state)
{
	int more[2];

	(void)state;
	assert_int_equal(pipe(more), 0);
	ends_with("descriptors", descriptors, 0, false);
	close(more[0]);
	close(more[1]);
}

static long sees_nobody(void)
{
	/* Alone in its process namespace, whose first it is. */
	return getpid() == 1 && kill(2, 0) < 0 && errno == ESRCH ? 0 : 1;
}

static void it_sees_no_other_process(void **state)
{
	(void)state;
	ends_with("sees_nobody", sees_nobody, 0, false);
}

/* ---- allowed ---- */

static long work(void)
{
	const struct linger linger = { .l_onoff = 1 };
	const int on = 1;
	struct minato_time now = drive_now();
	uint64_t seed;
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int udp = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char *some = malloc(8 << 20);

	if (!some || now.ns == 0 || drive_seed(&seed, sizeof(seed)) < 0)
		return 1;
	memset(some, 1, 8 << 20);
	some = realloc(some, 16 << 20);
	free(some);
	if (tcp < 0 || setsockopt(tcp, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0 ||
	    setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    setsockopt(tcp, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on)) < 0)
		return 2;
	if (udp >= 0 && setsockopt(udp, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on)) < 0)
		return 3;
	if (fcntl(tcp, F_DUPFD_CLOEXEC, 0) < 0)
		return 4;
	return send(kept[0], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : 5;
}

static void what_is_needed_works(void **state)
{
	(void)state;
	ends_with("work", work, 0, true);
}

static long give_up(void)
{
	abort();
}

/* Not by SIGSYS: the reason of a crash must be seen. */
static void a_crash_is_a_crash(void **state)
{
	int status = status_of(give_up, true);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_not_equal(WTERMSIG(status), SIGSYS);
}

static long wait_for_ever(void)
{
	char byte;

	return recv(kept[0], &byte, 1, 0);
}

static void it_dies_with_its_maker(void **state)
{
	int report[2];
	pid_t maker;
	char byte;

	(void)state;
	assert_int_equal(pipe(report), 0);
	maker = fork();
	if (maker == 0) {
		struct drive_sandbox sandbox;
		struct drive_error warning = { "" };
		int keep[] = { report[1], kept[0] };

		if (drive_sandbox_fork(&sandbox) != 0) {
			usleep(100000);
			(void)raise(SIGKILL);
		}
		(void)drive_sandbox_enter(&sandbox, keep, 2, &warning);
		(void)!write(report[1], "x", 1);
		wait_for_ever();
		_exit(0);
	}
	close(report[1]);
	assert_int_equal(read(report[0], &byte, 1), 1);
	assert_int_equal(waitpid(maker, NULL, 0), maker);
	/* The child's end closes when it dies, and only then. */
	assert_int_equal(read(report[0], &byte, 1), 0);
	close(report[0]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_pair, close_pair)

/* ---- bare and tame ---- */

static long run_program(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static long read_itself(void)
{
	return open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

static int tame_child(long (*attempt)(void))
{
	int keep[] = { 0, 1, 2, kept[1] };
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		struct drive_error error;

		if (drive_sandbox_bare(keep, 4, &error) < 0 || drive_sandbox_tame() < 0 ||
		    fcntl(kept[0], F_GETFD) >= 0 || fcntl(kept[1], F_GETFD) < 0)
			_exit(BROKEN);
		_exit(attempt() < 0 ? FAILED_WITH(errno) : 0);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* It goes on, without what it asked for. */
static void a_tame_process_is_refused_what_is_wild(void **state)
{
	(void)state;
	assert_int_equal(tame_child(run_program), FAILED_WITH(EPERM));
	assert_int_equal(tame_child(map_code), FAILED_WITH(EPERM));
	assert_int_equal(tame_child(new_namespace), FAILED_WITH(EPERM));
	assert_int_equal(tame_child(read_itself), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_not_named_kills),
		CASE(sockets_of_other_families_kill),
		CASE(options_that_reach_further_kill),
		CASE(memory_is_not_executed),
		CASE(files_are_out_of_reach),
		CASE(it_has_no_capability),
		CASE(it_keeps_only_what_it_is_to_keep),
		CASE(it_sees_no_other_process),
		CASE(what_is_needed_works),
		CASE(a_crash_is_a_crash),
		CASE(it_dies_with_its_maker),
		CASE(a_tame_process_is_refused_what_is_wild),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
