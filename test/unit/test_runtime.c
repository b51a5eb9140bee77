/* SPDX-License-Identifier: BSD-2-Clause */
/* The runtime directory and the sockets in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drive/drive.h"

static char base[] = "/tmp/minato-test-XXXXXX";

static int make_base(void **state)
{
	(void)state;
	memcpy(base + sizeof(base) - 7, "XXXXXX", 6);
	if (!mkdtemp(base))
		return -1;
	return setenv("XDG_RUNTIME_DIR", base, 1);
}

static int remove_base(void **state)
{
	char path[DRIVE_PATH_SIZE + 300];
	struct dirent *entry;
	DIR *directory;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/minato", base);
	/* A link of a case's own goes first: what it leads to is not ours to empty. */
	(void)unlink(path);
	directory = opendir(path);
	while (directory && (entry = readdir(directory))) {
		(void)snprintf(path, sizeof(path), "%s/minato/%s", base, entry->d_name);
		(void)unlink(path);
	}
	if (directory)
		closedir(directory);
	(void)snprintf(path, sizeof(path), "%s/minato", base);
	(void)rmdir(path);
	return rmdir(base);
}

static void in_base(char *path, size_t size, const char *name)
{
	(void)snprintf(path, size, "%s/minato/%s", base, name);
}

static void directory_is_below_the_sessions(void **state)
{
	char path[DRIVE_PATH_SIZE];
	char wanted[DRIVE_PATH_SIZE];
	struct stat info;

	(void)state;
	(void)snprintf(wanted, sizeof(wanted), "%s/minato", base);
	assert_int_equal(drive_runtime_dir(path, NULL), 0);
	assert_string_equal(path, wanted);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0700);
	assert_int_equal(drive_runtime_dir(path, NULL), 0);
}

static void directory_open_to_others_is_closed(void **state)
{
	char path[DRIVE_PATH_SIZE];
	struct stat info;

	(void)state;
	assert_int_equal(drive_runtime_dir(path, NULL), 0);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(drive_runtime_dir(path, NULL), 0);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0700);
}

static void a_symbolic_link_is_refused(void **state)
{
	struct drive_error error = { "" };
	char path[DRIVE_PATH_SIZE];
	char link[DRIVE_PATH_SIZE];

	(void)state;
	(void)snprintf(link, sizeof(link), "%s/minato", base);
	assert_int_equal(symlink("/tmp", link), 0);
	assert_int_equal(drive_runtime_dir(path, &error), -EPERM);
	assert_non_null(strstr(error.text, link));
}

static void a_file_in_its_place_is_refused(void **state)
{
	char path[DRIVE_PATH_SIZE];
	char file[DRIVE_PATH_SIZE];
	int fd;

	(void)state;
	(void)snprintf(file, sizeof(file), "%s/minato", base);
	fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(drive_runtime_dir(path, NULL), -EPERM);
}

static void a_session_directory_others_may_write_is_not_used(void **state)
{
	char path[DRIVE_PATH_SIZE];

	(void)state;
	assert_int_equal(chmod(base, 0777), 0);
	assert_int_equal(drive_runtime_dir(path, NULL), 0);
	assert_null(strstr(path, base));
}

static void without_a_session_directory_there_is_one(void **state)
{
	char path[DRIVE_PATH_SIZE];

	(void)state;
	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(drive_runtime_dir(path, NULL), 0);
	assert_int_equal(path[0], '/');
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	assert_int_equal(drive_runtime_dir(path, NULL), 0);
	assert_int_equal(path[0], '/');
}

static void names(void **state)
{
	char longest[DRIVE_NAME_SIZE + 1];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[DRIVE_NAME_SIZE - 1] = '\0';
	assert_true(drive_runtime_name_ok("web"));
	assert_true(drive_runtime_name_ok("0"));
	assert_true(drive_runtime_name_ok("a.b_c-D9"));
	assert_true(drive_runtime_name_ok(longest));
	longest[DRIVE_NAME_SIZE - 1] = 'a';
	longest[DRIVE_NAME_SIZE] = '\0';
	assert_false(drive_runtime_name_ok(longest));
	assert_false(drive_runtime_name_ok(""));
	assert_false(drive_runtime_name_ok(".hidden"));
	assert_false(drive_runtime_name_ok("-option"));
	assert_false(drive_runtime_name_ok("../up"));
	assert_false(drive_runtime_name_ok("a/b"));
	assert_false(drive_runtime_name_ok("a b"));
	assert_false(drive_runtime_name_ok("a\n"));
	assert_false(drive_runtime_name_ok("\xc3\xa9"));
}

static void socket_is_its_users_alone(void **state)
{
	char name[DRIVE_NAME_SIZE] = "web";
	char path[DRIVE_PATH_SIZE];
	struct stat info;
	int fd = drive_runtime_listen(name, false, NULL);

	(void)state;
	assert_true(fd >= 0);
	in_base(path, sizeof(path), "web.sock");
	assert_int_equal(stat(path, &info), 0);
	assert_true(S_ISSOCK(info.st_mode));
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	close(fd);
}

static void the_callers_umask_stays(void **state)
{
	char name[DRIVE_NAME_SIZE] = "web";
	mode_t before = umask(0027);
	int fd = drive_runtime_listen(name, false, NULL);

	(void)state;
	assert_int_equal(umask(before), 0027);
	close(fd);
}

static void a_name_in_use_is_said(void **state)
{
	char name[DRIVE_NAME_SIZE] = "web";
	char again[DRIVE_NAME_SIZE] = "web";
	struct drive_error error = { "" };
	int fd = drive_runtime_listen(name, false, NULL);

	(void)state;
	assert_int_equal(drive_runtime_listen(again, false, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, "web"));
	close(fd);
}

static void unique_names_count_up(void **state)
{
	char one[DRIVE_NAME_SIZE] = "web";
	char two[DRIVE_NAME_SIZE] = "web";
	char three[DRIVE_NAME_SIZE] = "web";
	int fds[3];

	(void)state;
	fds[0] = drive_runtime_listen(one, true, NULL);
	fds[1] = drive_runtime_listen(two, true, NULL);
	fds[2] = drive_runtime_listen(three, true, NULL);
	assert_string_equal(one, "web");
	assert_string_equal(two, "web-2");
	assert_string_equal(three, "web-3");
	for (int i = 0; i < 3; i++) {
		assert_true(fds[i] >= 0);
		close(fds[i]);
	}
}

static void the_longest_name_can_be_numbered(void **state)
{
	char one[DRIVE_NAME_SIZE];
	char two[DRIVE_NAME_SIZE];
	int fds[2];

	(void)state;
	memset(one, 'a', sizeof(one) - 1);
	one[sizeof(one) - 1] = '\0';
	memcpy(two, one, sizeof(two));
	fds[0] = drive_runtime_listen(one, true, NULL);
	fds[1] = drive_runtime_listen(two, true, NULL);
	assert_true(fds[0] >= 0 && fds[1] >= 0);
	assert_true(drive_runtime_name_ok(two));
	assert_string_not_equal(one, two);
	close(fds[0]);
	close(fds[1]);
}

static void a_wrong_name_is_refused(void **state)
{
	char name[DRIVE_NAME_SIZE] = "../web";

	(void)state;
	assert_int_equal(drive_runtime_listen(name, false, NULL), -EINVAL);
	assert_int_equal(drive_runtime_connect(name, NULL), -ENOENT);
}

/* Leaves the socket file of a process that was killed. */
static void leave(const char *wanted)
{
	char name[DRIVE_NAME_SIZE];
	pid_t child = fork();
	int status;

	(void)snprintf(name, sizeof(name), "%s", wanted);
	if (child == 0) {
		if (drive_runtime_listen(name, false, NULL) >= 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void a_killed_guests_name_is_free_again(void **state)
{
	char name[DRIVE_NAME_SIZE] = "web";
	int fd;

	(void)state;
	leave("web");
	fd = drive_runtime_listen(name, true, NULL);
	assert_true(fd >= 0);
	assert_string_equal(name, "web");
	close(fd);
}

struct listed {
	int count;
	char names[8][DRIVE_NAME_SIZE];
};

static void take_name(void *user, const char *name)
{
	struct listed *listed = user;

	if (listed->count < 8)
		(void)snprintf(listed->names[listed->count], DRIVE_NAME_SIZE, "%s", name);
	listed->count++;
}

static void list_has_the_living_in_order(void **state)
{
	char web[DRIVE_NAME_SIZE] = "web";
	char app[DRIVE_NAME_SIZE] = "app";
	struct listed listed = { 0 };
	char path[DRIVE_PATH_SIZE];
	int fds[2];

	(void)state;
	leave("dead");
	fds[0] = drive_runtime_listen(web, false, NULL);
	fds[1] = drive_runtime_listen(app, false, NULL);
	assert_int_equal(drive_runtime_list(take_name, &listed, NULL), 2);
	assert_int_equal(listed.count, 2);
	assert_string_equal(listed.names[0], "app");
	assert_string_equal(listed.names[1], "web");
	in_base(path, sizeof(path), "dead.sock");
	assert_int_equal(access(path, F_OK), -1);
	close(fds[0]);
	close(fds[1]);
}

static void list_of_nobody_is_empty(void **state)
{
	struct listed listed = { 0 };

	(void)state;
	assert_int_equal(drive_runtime_list(take_name, &listed, NULL), 0);
	assert_int_equal(listed.count, 0);
}

static void list_leaves_other_files_alone(void **state)
{
	char other[DRIVE_PATH_SIZE];
	struct listed listed = { 0 };
	char path[DRIVE_PATH_SIZE];
	int fd;

	(void)state;
	assert_int_equal(drive_runtime_dir(path, NULL), 0);
	in_base(other, sizeof(other), "notes");
	fd = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(drive_runtime_list(take_name, &listed, NULL), 0);
	assert_int_equal(access(other, F_OK), 0);
}

static void a_guest_that_is_busy_lives(void **state)
{
	char name[DRIVE_NAME_SIZE] = "busy";
	struct listed listed = { 0 };
	int fd = drive_runtime_listen(name, false, NULL);

	(void)state;
	/* Each listing connects once; nobody accepts, until the backlog is full. */
	for (int i = 0; i < 40; i++)
		assert_int_equal(drive_runtime_list(take_name, &listed, NULL), 1);
	close(fd);
}

static void connect_reaches_the_guest_and_knows_it(void **state)
{
	char name[DRIVE_NAME_SIZE] = "web";
	int listener = drive_runtime_listen(name, false, NULL);
	int client = drive_runtime_connect("web", NULL);
	int server;
	pid_t pid = 0;

	(void)state;
	assert_true(client >= 0);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	assert_int_equal(drive_runtime_peer(server, &pid), 0);
	assert_int_equal(pid, getpid());
	assert_int_equal(drive_runtime_peer(client, NULL), 0);
	close(client);
	close(server);
	close(listener);
}

static void connect_to_nobody_is_said(void **state)
{
	struct drive_error error = { "" };

	(void)state;
	leave("dead");
	assert_int_equal(drive_runtime_connect("dead", &error), -ENOENT);
	assert_int_equal(drive_runtime_connect("never", &error), -ENOENT);
	assert_non_null(strstr(error.text, "never"));
}

static void remove_takes_the_file_away(void **state)
{
	char name[DRIVE_NAME_SIZE] = "web";
	char path[DRIVE_PATH_SIZE];
	int fd = drive_runtime_listen(name, false, NULL);

	(void)state;
	drive_runtime_remove(name);
	in_base(path, sizeof(path), "web.sock");
	assert_int_equal(access(path, F_OK), -1);
	drive_runtime_remove(name);
	drive_runtime_remove("../../etc/passwd");
	close(fd);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_base, remove_base)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(directory_is_below_the_sessions),
		CASE(directory_open_to_others_is_closed),
		CASE(a_symbolic_link_is_refused),
		CASE(a_file_in_its_place_is_refused),
		CASE(a_session_directory_others_may_write_is_not_used),
		CASE(without_a_session_directory_there_is_one),
		CASE(names),
		CASE(socket_is_its_users_alone),
		CASE(the_callers_umask_stays),
		CASE(a_name_in_use_is_said),
		CASE(unique_names_count_up),
		CASE(the_longest_name_can_be_numbered),
		CASE(a_wrong_name_is_refused),
		CASE(a_killed_guests_name_is_free_again),
		CASE(list_has_the_living_in_order),
		CASE(list_of_nobody_is_empty),
		CASE(list_leaves_other_files_alone),
		CASE(a_guest_that_is_busy_lives),
		CASE(connect_reaches_the_guest_and_knows_it),
		CASE(connect_to_nobody_is_said),
		CASE(remove_takes_the_file_away),
	};

	return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}
