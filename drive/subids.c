/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Subordinate ids: more than one user in a guest, without root.
 *
 *   inside   outside
 *        0   the user
 *     1...   the ranges of /etc/subuid that are the user's, one after the other
 *
 * The kernel lets an ordinary user map no id but the own. newuidmap and newgidmap are setuid root
 * for this one purpose: they look the ranges up themselves and write the map.
 */
#include "drive/drive.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define RANGES_MAX 32
#define LINE_SIZE 512
#define FIRST_USUAL 100000 /* useradd's SUB_UID_MIN */
#define COUNT_USUAL 65536

/* One of the two kinds of id. */
struct kind {
	const char *file;
	const char *helper;
	const char *map; /* in /proc/PID */
	uint32_t own;
};

/* ---- the ranges ---- */

/* A number up to 2^32-1 that ends the line or stands before a colon; -1 for anything else. */
static int64_t number_at(char **at, char end)
{
	char *start = *at;
	uint64_t number;

	if (!isdigit((unsigned char)*start))
		return -1;
	number = strtoull(start, at, 10);
	if (**at != end || number > UINT32_MAX)
		return -1;
	*at += end != '\0';
	return (int64_t)number;
}

/* "NAME:FIRST:COUNT" */
static bool parse_line(char *line, struct drive_range *range, char **owner)
{
	char *at = strchr(line, ':');
	int64_t first, count;

	if (!at)
		return false;
	*at++ = '\0';
	first = number_at(&at, ':');
	count = first < 0 ? -1 : number_at(&at, '\0');
	if (count <= 0 || first + count > UINT32_MAX)
		return false;
	*owner = line;
	*range = (struct drive_range){ (uint32_t)first, (uint32_t)count };
	return true;
}

static bool is_owner(const char *text, const char *user, uint32_t id)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%u", id);
	return (user && strcmp(text, user) == 0) || strcmp(text, number) == 0;
}

/*
 * The next line that is a text, however long, without its newline: of a part of one that is too
 * long no range must be read. NULL at the end.
 */
static char *next_line(FILE *file, char line[LINE_SIZE])
{
	size_t used = 0;
	bool sound = true;
	int c;

	while ((c = getc(file)) != EOF || used > 0 || !sound) {
		if (c != '\n' && c != EOF) {
			sound = sound && c != '\0' && used < LINE_SIZE - 1;
			if (sound)
				line[used++] = (char)c;
			continue;
		}
		line[used] = '\0';
		if (sound && used > 0)
			return line;
		used = 0;
		sound = true;
	}
	return NULL;
}

int drive_subids_read(const char *path, const char *user, uint32_t id, struct drive_range *ranges,
		      int room)
{
	FILE *file = fopen(path, "re");
	uint32_t left = UINT32_MAX - 1;
	char line[LINE_SIZE];
	int count = 0;

	if (!file)
		return -errno;
	while (count < room && next_line(file, line)) {
		char *owner;

		if (!parse_line(line, &ranges[count], &owner) || !is_owner(owner, user, id) ||
		    ranges[count].count > left)
			continue;
		left -= ranges[count].count;
		count++;
	}
	(void)fclose(file);
	return count;
}

/* Where a range begins that nobody has yet, as useradd would choose it. */
static uint32_t first_free(const char *path, uint32_t least)
{
	FILE *file = fopen(path, "re");
	struct drive_range range;
	char line[LINE_SIZE];
	char *owner;

	while (file && next_line(file, line))
		if (parse_line(line, &range, &owner) && range.first + range.count > least)
			least = range.first + range.count;
	if (file)
		(void)fclose(file);
	return least;
}

static int explain_no_range(const struct kind *kind, const char *user, struct drive_error *error)
{
	uint32_t first = first_free("/etc/subgid", first_free("/etc/subuid", FIRST_USUAL));

	if (!user)
		return drive_fail(error, ENOENT,
				  "--map-subids: user %u has no name in /etc/passwd, and so no "
				  "subordinate ids",
				  geteuid());
	return drive_fail(error, ENOENT,
			  "--map-subids: %s has no range for %s; root gives one with: usermod "
			  "--add-subuids %u-%u --add-subgids %u-%u %s",
			  kind->file, user, first, first + COUNT_USUAL - 1, first,
			  first + COUNT_USUAL - 1, user);
}

/* ---- the helpers ---- */

static bool find_helper(const char *name, char *path, size_t size)
{
	const char *at = getenv("PATH");

	while (at && *at) {
		size_t length = strcspn(at, ":");

		(void)snprintf(path, size, "%.*s/%s", (int)length, at, name);
		if (*path == '/' && access(path, X_OK) == 0)
			return true;
		at += length + (at[length] == ':');
	}
	(void)snprintf(path, size, "/usr/bin/%s", name);
	return access(path, X_OK) == 0;
}

static int spawn(pid_t *child, char **argv, int saying)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;
	int result;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, 0, 1);
	(void)posix_spawn_file_actions_adddup2(&actions, saying, 2);
	(void)posix_spawnattr_init(&attributes);
	(void)sigemptyset(&set);
	(void)posix_spawnattr_setsigmask(&attributes, &set);
	(void)sigaddset(&set, SIGCHLD);
	(void)posix_spawnattr_setsigdefault(&attributes, &set);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	result = posix_spawn(child, argv[0], &actions, &attributes, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attributes);
	return -result;
}

/* Runs it to its end; what it says last goes to `said`. Whether it worked the map shows. */
static int run_helper(char **argv, char *said, size_t size)
{
	int ends[2];
	size_t used = 0;
	ssize_t got;
	pid_t child;
	int result;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	result = spawn(&child, argv, ends[1]);
	close(ends[1]);
	while (result == 0 && used < size - 1 &&
	       ((got = read(ends[0], said + used, size - 1 - used)) > 0 ||
		(got < 0 && errno == EINTR)))
		used += got > 0 ? (size_t)got : 0;
	close(ends[0]);
	said[used] = '\0';
	said[strcspn(said, "\n")] = '\0';
	/* A caller that ignores SIGCHLD has no child to wait for, but waits all the same. */
	while (result == 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return result;
}

/* Privilege of a file: the setuid bit, or capabilities. */
static bool is_privileged(const char *path)
{
	struct stat info;

	return stat(path, &info) < 0 || (info.st_mode & S_ISUID) ||
	       getxattr(path, "security.capability", NULL, 0) > 0;
}

static int explain_helper(const struct kind *kind, const char *path, const char *said,
			  struct drive_error *error)
{
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return drive_fail(error, EPERM,
				  "--map-subids: %s cannot work here, since this process may not "
				  "gain privileges (no_new_privs, set by a container or service)",
				  kind->helper);
	if (!is_privileged(path))
		return drive_fail(error, EPERM,
				  "--map-subids: %s has not the right to map ids; root gives it "
				  "with: chmod u+s %s",
				  path, path);
	return drive_fail(error, EPERM, "--map-subids: %s failed%s%s", path, *said ? ": " : "",
			  said);
}

/* The child's number and the map: (first inside, first outside, count) as words. */
static void put_words(pid_t child, uint32_t own, const struct drive_range *ranges, int count,
		      char words[][16])
{
	uint32_t inside = 1;
	int used = 0;

	(void)snprintf(words[used++], 16, "%d", (int)child);
	(void)snprintf(words[used++], 16, "0");
	(void)snprintf(words[used++], 16, "%u", own);
	(void)snprintf(words[used++], 16, "1");
	for (int i = 0; i < count; i++) {
		(void)snprintf(words[used++], 16, "%u", inside);
		(void)snprintf(words[used++], 16, "%u", ranges[i].first);
		(void)snprintf(words[used++], 16, "%u", ranges[i].count);
		inside += ranges[i].count;
	}
}

static int map_kind(pid_t child, const struct kind *kind, const char *user,
		    struct drive_error *error)
{
	struct drive_range ranges[RANGES_MAX];
	char words[4 + 3 * RANGES_MAX][16];
	char *argv[2 + 4 + 3 * RANGES_MAX] = { NULL };
	char path[512];
	char map[64];
	char said[256];
	int count = drive_subids_read(kind->file, user, geteuid(), ranges, RANGES_MAX);
	int result;

	if (count <= 0)
		return explain_no_range(kind, user, error);
	if (!find_helper(kind->helper, path, sizeof(path)))
		return drive_fail(error, ENOENT,
				  "--map-subids: there is no %s; root installs it with: apt-get "
				  "install uidmap (elsewhere the package is called shadow-utils or "
				  "shadow)",
				  kind->helper);
	put_words(child, kind->own, ranges, count, words);
	argv[0] = path;
	for (int i = 0; i < 4 + 3 * count; i++)
		argv[1 + i] = words[i];
	result = run_helper(argv, said, sizeof(said));
	if (result < 0)
		return drive_fail(error, -result, "--map-subids: %s: %s", path, strerror(-result));
	(void)snprintf(map, sizeof(map), "/proc/%d/%s", (int)child, kind->map);
	if (drive_proc_number(map, -1) >= 0)
		return 0;
	return explain_helper(kind, path, said, error);
}

int drive_subids_map(pid_t child, struct drive_error *error)
{
	const struct kind kinds[2] = {
		{ "/etc/subuid", "newuidmap", "uid_map", geteuid() },
		{ "/etc/subgid", "newgidmap", "gid_map", getegid() },
	};
	const struct passwd *entry = getpwuid(geteuid());
	char user[256] = "";
	int result;

	if (entry)
		(void)snprintf(user, sizeof(user), "%s", entry->pw_name);
	result = map_kind(child, &kinds[0], entry ? user : NULL, error);
	return result < 0 ? result : map_kind(child, &kinds[1], entry ? user : NULL, error);
}
