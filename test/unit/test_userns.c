/* SPDX-License-Identifier: BSD-2-Clause */
/* Id maps, and what forbids user namespaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "guest_fixture.h"
#include "netns_fixture.h"

static struct guest_run run;

static void write_to(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	DEMAND(file);
	DEMAND(fputs(text, file) >= 0);
	DEMAND(fclose(file) == 0);
}

/* Becomes the only user, with this id, of a namespace of its own. */
static void become_alone(unsigned inside)
{
	unsigned uid = geteuid();
	unsigned gid = getegid();
	char map[64];

	if (!guests_can_be() || unshare(CLONE_NEWUSER) < 0)
		_exit(NO_NAMESPACE);
	write_to("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "%u %u 1", inside, uid);
	write_to("/proc/self/uid_map", map);
	(void)snprintf(map, sizeof(map), "%u %u 1", inside, gid);
	write_to("/proc/self/gid_map", map);
}

static void prints(const char *script, bool root, const char *output)
{
	plan_guest(&run, script);
	run.plan.root = root;
	if (run_guest(&run) != 0)
		fprintf(stderr, "# %s\n", run.error.text);
	if (strcmp(run.output, output) != 0)
		fprintf(stderr, "# prints: %s\n", run.output);
	DEMAND(strcmp(run.output, output) == 0);
}

static const char maps[] = "cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups | "
			   "tr -s ' ' | sed 's/^ //'";

static void ordinary_user(void)
{
	become_alone(1234);
	prints(maps, false, "1234 1234 1\n1234 1234 1\ndeny\n");
	prints(maps, true, "0 1234 1\n0 1234 1\ndeny\n");
}

static void lonely_root(void)
{
	become_alone(0);
	prints("id -u; id -g", false, "0\n0\n");
	prints("id -u; id -g", true, "0\n0\n");
}

/* With many ids a server may change its user. */
static void mighty_root(void)
{
	if (!guests_can_be() || geteuid() != 0 || setgid(0) < 0 || setegid(1) < 0 || setegid(0) < 0)
		_exit(NO_NAMESPACE);
	prints("setpriv --reuid=1 --regid=1 --clear-groups id -u", false, "1\n");
}

static void without_namespaces(void)
{
	become_alone(0);
	write_to("/proc/sys/user/max_user_namespaces", "0");
	plan_guest(&run, "true");
	DEMAND(drive_guest_make(&run.guest, &run.plan, &run.error) == -ENOSPC);
	DEMAND(strstr(run.error.text, "sysctl user.max_user_namespaces"));
	DEMAND(run.guest.pidfd < 0 && run.guest.tap < 0);
}

static void too_many_namespaces(void)
{
	become_alone(0);
	write_to("/proc/sys/user/max_user_namespaces", "1");
	plan_guest(&run, "true");
	DEMAND(drive_guest_make(&run.guest, &run.plan, &run.error) == 0);
	struct drive_guest other;
	DEMAND(drive_guest_make(&other, &run.plan, &run.error) == -ENOSPC);
	DEMAND(strstr(run.error.text, "too many"));
	drive_guest_end(&run.guest);
}

static void stand_ins(void)
{
	struct drive_error error = { "" };

	DEMAND(drive_userns_explain(-EIO, "doing it", &error) == -EIO);
	DEMAND(strstr(error.text, "doing it: Input/output error"));
	DEMAND(drive_userns_explain(-EINVAL, "doing it", &error) == -EINVAL);
	DEMAND(strstr(error.text, "CONFIG_USER_NS"));
	DEMAND(drive_userns_explain(-EPERM, "doing it", &error) == -EPERM);
	DEMAND(strstr(error.text, "doing it: Operation not permitted. "));
	DEMAND(strlen(error.text) > 80);
}

CHILD_CASE(ids_of_an_ordinary_user, ordinary_user)
CHILD_CASE(root_of_one_id_is_like_everyone, lonely_root)
CHILD_CASE(root_keeps_all_its_ids, mighty_root)
CHILD_CASE(switched_off_is_said_with_its_remedy, without_namespaces)
CHILD_CASE(too_many_is_said_with_its_remedy, too_many_namespaces)
CHILD_CASE(every_reason_has_a_text, stand_ins)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_of_an_ordinary_user),
		cmocka_unit_test(root_of_one_id_is_like_everyone),
		cmocka_unit_test(root_keeps_all_its_ids),
		cmocka_unit_test(switched_off_is_said_with_its_remedy),
		cmocka_unit_test(too_many_is_said_with_its_remedy),
		cmocka_unit_test(every_reason_has_a_text),
	};

	return cmocka_run_group_tests_name("userns", tests, NULL, NULL);
}
