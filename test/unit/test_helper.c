/* SPDX-License-Identifier: BSD-2-Clause */
/* A network for namespaces that somebody else made, and what is left of it afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <time.h>

#include "target_fixture.h"

#define USER_NET (CLONE_NEWUSER | CLONE_NEWNET)

static struct sandbox sandbox;
static struct drive_target target;
static struct drive_guest guest;
static struct drive_plan plan;
static struct drive_error error;

static void plan_network(void)
{
	plan = (struct drive_plan){ .mtu = 1400 };
	memcpy(plan.mac, "\x52\x55\x0a\x00\x02\x64", 6);
	(void)drive_subnet_parse(&plan.subnet, "10.77.0.0/24", NULL);
	(void)drive_subnet_parse(&plan.subnet, "fd77::/64", NULL);
}

static int attach_as(enum drive_attach how)
{
	int result = drive_target_open(&target, sandbox.word, &error);

	return result < 0 ? result : drive_attach_make(&guest, &target, &plan, how, &error);
}

/* A sandbox with these namespaces, attached; skips where there can be none. */
static void begin(int namespaces)
{
	plan_network();
	if (!guests_can_be() || !sandbox_make(&sandbox, namespaces))
		skip();
	if (attach_as(DRIVE_ATTACH_ALL) != 0)
		fail_msg("%s", error.text);
}

static void end_guest(void)
{
	drive_guest_end(&guest);
	if (guest.tap >= 0)
		close(guest.tap);
	guest.tap = -1;
}

static int end(void **state)
{
	(void)state;
	end_guest();
	drive_target_close(&target);
	sandbox_end(&sandbox);
	return 0;
}

static int start(void **state)
{
	(void)state;
	guest = (struct drive_guest){ .init = -1, .pidfd = -1, .control = -1, .tap = -1 };
	sandbox.pid = -1;
	target = (struct drive_target){ -1, -1, -1, -1, -1, -1, -1, -1, "", 0, 0 };
	return 0;
}

#define INSIDE(script) sandbox_run(&sandbox, script)

static void the_network_is_configured(void **state)
{
	(void)state;
	begin(USER_NET);
	assert_string_equal(INSIDE("for i in lo tap0; do grep -c $i: /proc/net/dev; done"),
			    "1\n1\n");
	assert_string_equal(INSIDE("awk '$2 == \"00000000\" { print $1, $3 }' /proc/net/route"),
			    "tap0 02004D0A\n");
	assert_string_equal(INSIDE("awk '$6 == \"tap0\" && $1 ~ /^fd77/ { print $1, $3, $5 }' "
				   "/proc/net/if_inet6"),
			    "fd770000000000000000000000000064 40 82\n");
	assert_true(guest.has6);
	assert_true(guest.tap >= 0);
	assert_false(guest.resolved);
}

static void mtu_and_name_are_as_planned(void **state)
{
	(void)state;
	plan_network();
	plan.ifname = "net9";
	if (!guests_can_be() || !sandbox_make(&sandbox, USER_NET))
		skip();
	assert_int_equal(attach_as(DRIVE_ATTACH_ALL), 0);
	assert_non_null(strstr(INSIDE("ip link show net9"), "mtu 1400"));
	assert_non_null(strstr(sandbox.output, "52:55:0a:00:02:64"));
}

static void settings_of_the_namespace_stay(void **state)
{
	char before[sizeof(sandbox.output)];

	(void)state;
	plan_network();
	if (!guests_can_be() || !sandbox_make(&sandbox, USER_NET))
		skip();
	snprintf(before, sizeof(before), "%s",
		 INSIDE("cd /proc/sys/net/ipv4; cat ip_unprivileged_port_start ping_group_range"));
	assert_int_equal(attach_as(DRIVE_ATTACH_ALL), 0);
	assert_string_equal(
		INSIDE("cd /proc/sys/net/ipv4; cat ip_unprivileged_port_start ping_group_range"),
		before);
}

static void bare_is_the_tap_alone(void **state)
{
	(void)state;
	plan_network();
	if (!guests_can_be() || !sandbox_make(&sandbox, USER_NET))
		skip();
	assert_int_equal(attach_as(DRIVE_ATTACH_BARE), 0);
	assert_non_null(strstr(INSIDE("ip link show tap0"), "state DOWN"));
	assert_non_null(strstr(sandbox.output, "52:55:0a:00:02:64"));
	assert_string_equal(INSIDE("ip -o addr show tap0; ip route; ip link show lo up"), "");
}

static void bare_takes_a_tap_that_waits(void **state)
{
	(void)state;
	plan_network();
	if (!guests_can_be() || !sandbox_make(&sandbox, USER_NET))
		skip();
	INSIDE("ip tuntap add name tap0 mode tap");
	assert_int_equal(attach_as(DRIVE_ATTACH_ALL), -EEXIST);
	drive_target_close(&target);
	assert_int_equal(attach_as(DRIVE_ATTACH_BARE), 0);
}

static void an_interface_that_is_there_is_refused(void **state)
{
	(void)state;
	plan_network();
	if (!guests_can_be() || !sandbox_make(&sandbox, USER_NET))
		skip();
	INSIDE("ip link add tap0 type dummy || ip link add tap0 type veth peer name other");
	assert_int_equal(attach_as(DRIVE_ATTACH_ALL), -EEXIST);
	assert_non_null(strstr(error.text, "an interface tap0 already"));
	assert_non_null(strstr(error.text, "--ifname"));
	drive_target_close(&target);
	assert_int_equal(attach_as(DRIVE_ATTACH_BARE), -EEXIST);
}

static void a_second_one_is_refused(void **state)
{
	struct drive_guest second;

	(void)state;
	begin(USER_NET);
	plan.ifname = "tap1";
	assert_int_equal(drive_attach_make(&second, &target, &plan, DRIVE_ATTACH_ALL, &error),
			 -EALREADY);
	assert_non_null(strstr(error.text, "another minato serves this namespace"));
	assert_string_equal(INSIDE("ip link show tap1 2>/dev/null"), "");
	/* And when the first has ended it is welcome. */
	end_guest();
	assert_int_equal(drive_attach_make(&guest, &target, &plan, DRIVE_ATTACH_ALL, &error), 0);
}

/* It has come from outside, and may see more of the host than the sandbox may. */
static void who_is_inside_cannot_get_hold_of_the_helper(void **state)
{
	char script[128];

	(void)state;
	begin(USER_NET);
	snprintf(script, sizeof(script), "readlink /proc/%d/root || readlink /proc/%d/ns/net",
		 (int)guest.init, (int)guest.init);
	assert_string_equal(INSIDE(script), "");
}

static void after_the_end_nothing_is_left(void **state)
{
	(void)state;
	begin(USER_NET);
	end_guest();
	assert_string_equal(INSIDE("ls /proc/sys/net/ipv4/conf"), "all\ndefault\nlo\n");
	assert_string_equal(INSIDE("ip route; ip -6 route show default"), "");
}

/* ---- the resolver ---- */

#define RESOLV "grep -c ^nameserver.10.77.0.3 /etc/resolv.conf; "

static void the_resolver_is_set_and_removed(void **state)
{
	char before[sizeof(sandbox.output)];

	(void)state;
	plan_network();
	if (access("/etc/resolv.conf", F_OK) < 0 || !guests_can_be() ||
	    !sandbox_make(&sandbox, USER_NET | CLONE_NEWNS))
		skip();
	snprintf(before, sizeof(before), "%s", INSIDE("cat /etc/resolv.conf /proc/self/mountinfo"));
	assert_int_equal(attach_as(DRIVE_ATTACH_ALL), 0);
	assert_true(guest.resolved);
	assert_string_equal(INSIDE(RESOLV), "1\n");
	end_guest();
	assert_string_equal(INSIDE("cat /etc/resolv.conf /proc/self/mountinfo"), before);
}

static void our_own_resolver_stays(void **state)
{
	(void)state;
	begin(USER_NET | CLONE_NEWNS);
	assert_int_not_equal(system("grep -q ^nameserver.10.77.0.3 /etc/resolv.conf"), 0);
}

static void a_resolver_to_be_kept_is_kept(void **state)
{
	(void)state;
	plan_network();
	plan.keep_resolv = true;
	if (!guests_can_be() || !sandbox_make(&sandbox, USER_NET | CLONE_NEWNS))
		skip();
	assert_int_equal(attach_as(DRIVE_ATTACH_ALL), 0);
	assert_false(guest.resolved);
	assert_string_equal(INSIDE(RESOLV), "0\n");
}

static void search_domains_are_the_targets(void **state)
{
	(void)state;
	plan_network();
	if (access("/etc/resolv.conf", F_OK) < 0 || !guests_can_be() ||
	    !sandbox_make(&sandbox, USER_NET | CLONE_NEWNS))
		skip();
	INSIDE("mount -t tmpfs none /mnt && echo search theirs.example >/mnt/resolv && "
	       "mount --bind /mnt/resolv /etc/resolv.conf");
	assert_int_equal(attach_as(DRIVE_ATTACH_ALL), 0);
	assert_string_equal(INSIDE("grep -v '^#' /etc/resolv.conf"),
			    "nameserver 10.77.0.3\nsearch theirs.example\n");
}

static void a_target_without_resolv_conf_gets_none(void **state)
{
	(void)state;
	plan_network();
	if (!guests_can_be() || !sandbox_make(&sandbox, USER_NET | CLONE_NEWNS))
		skip();
	INSIDE("mount -t tmpfs none /etc");
	assert_int_equal(attach_as(DRIVE_ATTACH_ALL), 0);
	assert_false(guest.resolved);
	assert_non_null(strstr(guest.warning.text, "/etc/resolv.conf"));
	assert_string_equal(INSIDE("ls /etc"), "");
}

/* ---- ends ---- */

static bool is_ended(int pidfd, int ms)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };

	return poll(&ended, 1, ms) == 1;
}

static void the_end_of_the_process_is_the_end(void **state)
{
	(void)state;
	begin(USER_NET);
	assert_false(is_ended(guest.pidfd, 50));
	sandbox_end(&sandbox);
	assert_true(is_ended(guest.pidfd, 5000));
	assert_int_equal(drive_guest_reap(&guest), 0);
}

static void a_signal_is_the_end(void **state)
{
	(void)state;
	begin(USER_NET | CLONE_NEWNS);
	assert_int_equal(drive_guest_signal(&guest, SIGTERM), 0);
	assert_true(is_ended(guest.pidfd, 5000));
	assert_int_equal(drive_guest_reap(&guest), 0);
	assert_string_equal(INSIDE(RESOLV), "0\n");
	assert_int_equal(kill(sandbox.pid, 0), 0);
}

/* A maker that is killed cannot undo anything: the helper does. */
static void a_killed_maker_leaves_nothing(void **state)
{
	struct timespec moment = { .tv_nsec = 10000000 };
	pid_t maker;
	int ready[2];
	char byte;

	(void)state;
	plan_network();
	if (!guests_can_be() || !sandbox_make(&sandbox, USER_NET | CLONE_NEWNS))
		skip();
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	maker = fork();
	if (maker == 0) {
		if (attach_as(DRIVE_ATTACH_ALL) == 0)
			(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_string_equal(INSIDE(RESOLV), "1\n");
	kill(maker, SIGKILL);
	(void)waitpid(maker, NULL, 0);
	close(ready[0]);
	for (int i = 0; i < 500 && strcmp(INSIDE(RESOLV), "0\n") != 0; i++)
		(void)nanosleep(&moment, NULL);
	assert_string_equal(INSIDE(RESOLV), "0\n");
	assert_string_equal(INSIDE("ls /proc/sys/net/ipv4/conf"), "all\ndefault\nlo\n");
}

static void a_path_that_goes_is_the_end(void **state)
{
	char path[64];

	(void)state;
	plan_network();
	if (!guests_can_be() || !sandbox_make(&sandbox, USER_NET))
		skip();
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)sandbox.pid);
	assert_int_equal(drive_target_open(&target, path, &error), 0);
	assert_int_equal(drive_attach_make(&guest, &target, &plan, DRIVE_ATTACH_ALL, &error), 0);
	assert_string_equal(INSIDE("grep -c tap0 /proc/net/dev"), "1\n");
	assert_false(is_ended(guest.pidfd, 50));
	sandbox_end(&sandbox);
	assert_true(is_ended(guest.pidfd, 5000));
}

static void root_needs_no_user_namespace(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	begin(CLONE_NEWNET);
	assert_string_equal(INSIDE("grep -c tap0 /proc/net/dev"), "1\n");
}

static void a_nested_user_namespace_does_not_hinder(void **state)
{
	int pipe_of[2];
	char byte;
	pid_t pid;

	(void)state;
	plan_network();
	if (!guests_can_be())
		skip();
	assert_int_equal(pipe2(pipe_of, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		uid_t uid = geteuid();
		gid_t gid = getegid();

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(USER_NET | CLONE_NEWNS) < 0)
			_exit(1);
		map_to_root(uid, gid);
		(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
		if (unshare(CLONE_NEWUSER) < 0)
			_exit(1);
		map_to_root(0, 0);
		(void)prctl(PR_SET_DUMPABLE, 1);
		(void)!write(pipe_of[1], "", 1);
		for (;;)
			pause();
	}
	close(pipe_of[1]);
	assert_int_equal(read(pipe_of[0], &byte, 1), 1);
	close(pipe_of[0]);
	sandbox = (struct sandbox){ .pid = pid, .namespaces = USER_NET | CLONE_NEWNS };
	snprintf(sandbox.word, sizeof(sandbox.word), "%d", (int)pid);
	if (attach_as(DRIVE_ATTACH_ALL) != 0)
		fail_msg("%s", error.text);
	assert_string_equal(INSIDE("grep -c tap0 /proc/net/dev"), "1\n");
	if (access("/etc/resolv.conf", F_OK) == 0)
		assert_string_equal(INSIDE(RESOLV), "1\n");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_network_is_configured),
		CASE(mtu_and_name_are_as_planned),
		CASE(settings_of_the_namespace_stay),
		CASE(bare_is_the_tap_alone),
		CASE(bare_takes_a_tap_that_waits),
		CASE(an_interface_that_is_there_is_refused),
		CASE(a_second_one_is_refused),
		CASE(who_is_inside_cannot_get_hold_of_the_helper),
		CASE(after_the_end_nothing_is_left),
		CASE(the_resolver_is_set_and_removed),
		CASE(our_own_resolver_stays),
		CASE(a_resolver_to_be_kept_is_kept),
		CASE(search_domains_are_the_targets),
		CASE(a_target_without_resolv_conf_gets_none),
		CASE(the_end_of_the_process_is_the_end),
		CASE(a_signal_is_the_end),
		CASE(a_killed_maker_leaves_nothing),
		CASE(a_path_that_goes_is_the_end),
		CASE(root_needs_no_user_namespace),
		CASE(a_nested_user_namespace_does_not_hinder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
