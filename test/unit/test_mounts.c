/* SPDX-License-Identifier: BSD-2-Clause */
/* The files a guest finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "guest_fixture.h"
#include "netns_fixture.h"

static struct guest_run run;

static void assert_prints(const char *script, const char *output)
{
	if (!guests_can_be())
		skip();
	plan_guest(&run, script);
	if (run_guest(&run) != 0)
		fail_msg("%s", run.error.text);
	assert_string_equal(run.output, output);
}

static void resolver_is_the_dns_address(void **state)
{
	(void)state;
	assert_prints("grep ^nameserver /etc/resolv.conf", "nameserver 10.77.0.3\n");
}

static void resolver_can_be_kept(void **state)
{
	(void)state;
	if (!guests_can_be() || access("/etc/resolv.conf", R_OK) < 0)
		skip();
	plan_guest(&run, "grep -c 10.77.0.3 /etc/resolv.conf");
	run.plan.keep_resolv = true;
	assert_int_equal(run_guest(&run), 0);
	assert_string_equal(run.output, "0\n");
}

static void hosts_file_is_never_touched(void **state)
{
	struct stat before[2] = { 0 };
	struct stat after[2] = { 0 };

	(void)state;
	(void)lstat("/etc/resolv.conf", &before[0]);
	(void)lstat("/etc/hosts", &before[1]);
	if (!guests_can_be())
		skip();
	plan_guest(&run, "echo x >> /etc/resolv.conf; echo y >> /etc/hosts");
	run.plan.hostname = "gast";
	assert_int_equal(run_guest(&run), 0);
	(void)lstat("/etc/resolv.conf", &after[0]);
	(void)lstat("/etc/hosts", &after[1]);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(before[i].st_ino, after[i].st_ino);
		assert_int_equal(before[i].st_size, after[i].st_size);
		assert_int_equal(before[i].st_mtim.tv_nsec, after[i].st_mtim.tv_nsec);
	}
}

static void hostname_is_known_in_the_guest(void **state)
{
	(void)state;
	if (!guests_can_be())
		skip();
	plan_guest(&run, "cat /proc/sys/kernel/hostname; grep -w gast /etc/hosts");
	run.plan.hostname = "gast";
	assert_int_equal(run_guest(&run), 0);
	assert_string_equal(run.output, "gast\n10.77.0.100 gast\nfd77::64 gast\n");
}

static void names_come_before_the_hosts_own(void **state)
{
	static struct drive_name names[2] = { { .name = "db.test" }, { .name = "localhost" } };

	(void)state;
	if (!guests_can_be())
		skip();
	names[0].addr = minato_addr4(192, 0, 2, 7);
	(void)minato_addr_parse("2001:db8::9", &names[1].addr);
	plan_guest(&run, "head -n 4 /etc/hosts; test $(wc -l </etc/hosts) -gt 4");
	run.plan.names = names;
	run.plan.name_count = 2;
	assert_int_equal(run_guest(&run), 0);
	assert_string_equal(run.output, "192.0.2.7 db.test\n2001:db8::9 localhost\n"
					"10.77.0.2 host.minato.internal\n"
					"fd77::2 host.minato.internal\n");
	assert_int_equal(run.code, 0);
}

static void gateway_is_named_when_asked_for(void **state)
{
	(void)state;
	if (!guests_can_be())
		skip();
	plan_guest(&run, "grep -c host.minato.internal /etc/hosts");
	run.plan.name_gateway = true;
	assert_int_equal(run_guest(&run), 0);
	assert_string_equal(run.output, "2\n");
	assert_prints("grep -c host.minato.internal /etc/hosts", "0\n");
}

static void hosts_entries_stay(void **state)
{
	(void)state;
	if (!guests_can_be() || access("/etc/hosts", R_OK) < 0)
		skip();
	plan_guest(&run, "wc -l < /etc/hosts");
	assert_int_equal(run_guest(&run), 0);
	int before = atoi(run.output);
	plan_guest(&run, "wc -l < /etc/hosts");
	run.plan.hostname = "gast";
	assert_int_equal(run_guest(&run), 0);
	assert_int_equal(atoi(run.output), before + 4); /* the guest, the gateway */
}

static void hostname_of_the_host_stays_without_one(void **state)
{
	char name[128];

	(void)state;
	assert_int_equal(gethostname(name, sizeof(name) - 1), 0);
	strcat(name, "\n");
	assert_prints("cat /proc/sys/kernel/hostname", name);
}

static void sys_shows_the_guests_network(void **state)
{
	(void)state;
	assert_prints("ls /sys/class/net", "lo\ntap0\n");
}

static void mounts_of_the_guest_stay_inside(void **state)
{
	char script[] = "grep -c minato /proc/self/mountinfo";
	FILE *own;
	char line[1024];

	(void)state;
	assert_prints(script, "1\n");
	own = fopen("/proc/self/mountinfo", "re");
	assert_non_null(own);
	while (fgets(line, sizeof(line), own))
		assert_null(strstr(line, " - tmpfs minato "));
	(void)fclose(own);
}

/*
 * The rest needs a host's /etc to play with: a user and mount namespace with a tmpfs on /etc, in
 * which the guest is then made.
 */

static void write_to(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	DEMAND(file);
	DEMAND(fputs(text, file) >= 0);
	DEMAND(fclose(file) == 0);
}

static void play_host(void)
{
	char map[64];
	unsigned uid = geteuid();
	unsigned gid = getegid();

	if (!guests_can_be() || unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		_exit(NO_NAMESPACE);
	write_to("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	write_to("/proc/self/uid_map", map);
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	write_to("/proc/self/gid_map", map);
	DEMAND(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	DEMAND(mount("host", "/etc", "tmpfs", 0, NULL) == 0);
	write_to("/etc/marker", "host\n");
}

static void guest_prints(const char *script, const char *output)
{
	plan_guest(&run, script);
	if (run_guest(&run) != 0)
		fprintf(stderr, "# %s\n", run.error.text);
	if (strcmp(run.output, output) != 0)
		fprintf(stderr, "# prints: %s (%s)\n", run.output, run.guest.warning.text);
	DEMAND(strcmp(run.output, output) == 0);
}

static void keeps_search_lines(void)
{
	play_host();
	write_to("/etc/resolv.conf", "nameserver 192.0.2.1\nsearch example.org\n"
				     "# a note\nnameserver 192.0.2.2\noptions ndots:2\n");
	guest_prints("cat /etc/resolv.conf",
		     "nameserver 10.77.0.3\nsearch example.org\noptions ndots:2\n");
}

static void dangling_link(void)
{
	play_host();
	DEMAND(symlink("../run/nowhere/resolv.conf", "/etc/resolv.conf") == 0);
	guest_prints("cat /etc/resolv.conf /etc/marker", "nameserver 10.77.0.3\nhost\n");
}

static void link_to_a_file(void)
{
	play_host();
	write_to("/etc/real", "nameserver 192.0.2.1\n");
	DEMAND(symlink("real", "/etc/resolv.conf") == 0);
	guest_prints("cat /etc/resolv.conf /etc/real",
		     "nameserver 10.77.0.3\nnameserver 192.0.2.1\n");
}

static void absent(void)
{
	play_host();
	guest_prints("cat /etc/resolv.conf /etc/marker", "nameserver 10.77.0.3\nhost\n");
	DEMAND(strstr(run.guest.warning.text, "read-only"));
	DEMAND(access("/etc/resolv.conf", F_OK) < 0);
}

static void rename_often(void)
{
	for (int i = 0; i < 20; i++) {
		write_to("/etc/new", "nameserver 192.0.2.9\n");
		DEMAND(rename("/etc/new", "/etc/resolv.conf") == 0);
	}
}

/* The host renames new files over the old one, while the guest is made and while it runs. */
static void renamed(void)
{
	char text[64] = "";
	int in[2];
	int out[2];

	play_host();
	write_to("/etc/resolv.conf", "nameserver 192.0.2.1\n");
	DEMAND(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	DEMAND(dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1);
	plan_guest(&run, "read x; i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); "
			 "grep 10.77.0.3 /etc/resolv.conf && exit 0; done; exit 1");
	DEMAND(drive_guest_make(&run.guest, &run.plan, &run.error) == 0);
	rename_often();
	DEMAND(drive_guest_go(&run.guest, &run.error) == 0);
	rename_often();
	DEMAND(write(in[1], "\n", 1) == 1);
	DEMAND(await_guest(&run.guest) == 0);
	DEMAND(read(out[0], text, sizeof(text) - 1) > 0);
	DEMAND(strcmp(text, "nameserver 10.77.0.3\n") == 0);
	drive_guest_end(&run.guest);
}

CHILD_CASE(search_lines_of_the_host_stay, keeps_search_lines)
CHILD_CASE(resolv_conf_is_a_dangling_link, dangling_link)
CHILD_CASE(resolv_conf_is_a_link, link_to_a_file)
CHILD_CASE(resolv_conf_is_absent, absent)
CHILD_CASE(resolv_conf_is_renamed_over_outside, renamed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolver_is_the_dns_address),
		cmocka_unit_test(resolver_can_be_kept),
		cmocka_unit_test(hosts_file_is_never_touched),
		cmocka_unit_test(hostname_is_known_in_the_guest),
		cmocka_unit_test(names_come_before_the_hosts_own),
		cmocka_unit_test(gateway_is_named_when_asked_for),
		cmocka_unit_test(hosts_entries_stay),
		cmocka_unit_test(hostname_of_the_host_stays_without_one),
		cmocka_unit_test(sys_shows_the_guests_network),
		cmocka_unit_test(mounts_of_the_guest_stay_inside),
		cmocka_unit_test(search_lines_of_the_host_stay),
		cmocka_unit_test(resolv_conf_is_a_dangling_link),
		cmocka_unit_test(resolv_conf_is_a_link),
		cmocka_unit_test(resolv_conf_is_absent),
		cmocka_unit_test(resolv_conf_is_renamed_over_outside),
	};

	return cmocka_run_group_tests_name("mounts", tests, NULL, NULL);
}
