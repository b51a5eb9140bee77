/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of reserved ports, changed: whole and at once, or not at all. */
#include "drive/reserved.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_NAME "reserving"
#define FILE_SIZE_MAX (1u << 20)

static const char heading[] =
	"# Ports that minato chooses for nobody: see minato-reserve(1).\n"
	"# PORT or FIRST-LAST, with /tcp or /udp for one protocol alone; then what you like.\n";

/* unsealed: newfstatat mkdir openat flock fchmod fsync rename unlink geteuid close read write */

/* ---- where ---- */

int drive_reserved_path(char path[DRIVE_PATH_SIZE], enum drive_origin *origin,
			struct drive_error *error)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	int size;

	*origin = geteuid() == 0 ? DRIVE_ORIGIN_SYSTEM : DRIVE_ORIGIN_USER;
	if (*origin == DRIVE_ORIGIN_SYSTEM)
		size = snprintf(path, DRIVE_PATH_SIZE, "%s", DRIVE_RESERVED_SYSTEM);
	else if (config && config[0] == '/')
		size = snprintf(path, DRIVE_PATH_SIZE, "%s/minato/reserved", config);
	else if (home && home[0] == '/')
		size = snprintf(path, DRIVE_PATH_SIZE, "%s/.config/minato/reserved", home);
	else
		return drive_fail(error, ENOENT,
				  "neither XDG_CONFIG_HOME nor HOME says where reservations are "
				  "kept");
	if (size < 0 || size >= DRIVE_PATH_SIZE)
		return drive_fail(error, ENAMETOOLONG,
				  "the name of the file of reservations is "
				  "too long");
	return 0;
}

int drive_reserved_lock(bool alone, struct drive_error *error)
{
	char directory[DRIVE_PATH_SIZE];
	char path[DRIVE_PATH_SIZE + sizeof(LOCK_NAME) + 1];
	int result = drive_runtime_dir(directory, error);
	int fd;

	if (result < 0)
		return result;
	snprintf(path, sizeof(path), "%s/%s", directory, LOCK_NAME);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (fd >= 0 && (result = flock(fd, alone ? LOCK_EX : LOCK_SH)) < 0 && errno == EINTR)
		;
	if (fd >= 0 && result == 0)
		return fd;
	result = drive_fail(error, errno, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return result;
}

/* ---- the new text ---- */

/* The whole file, to be freed; one that is not there is empty. 0 or negative errno. */
static int read_file(const char *path, char **text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got = 1;
	int result = fd < 0 && errno != ENOENT ? -errno : 0;

	*text = calloc(1, FILE_SIZE_MAX + 1);
	while (*text && fd >= 0 && got > 0 && used < FILE_SIZE_MAX) {
		got = read(fd, *text + used, FILE_SIZE_MAX - used);
		used += got > 0 ? (size_t)got : 0;
	}
	if (!*text)
		result = -ENOMEM;
	else if (got < 0)
		result = -errno;
	else if (used == FILE_SIZE_MAX)
		result = -EFBIG;
	if (fd >= 0)
		close(fd);
	if (result < 0)
		free(*text);
	return result;
}

/* Whether the line is one of those that go. */
static bool goes(const char *line, size_t length, const struct drive_reserved *remove)
{
	struct drive_reservation one;
	char word[64];

	snprintf(word, sizeof(word), "%.*s", (int)length, line);
	line = word + strspn(word, " \t");
	word[(size_t)(line - word) + strcspn(line, " \t\r")] = '\0';
	if (drive_reservation_parse(&one, line, NULL) < 0)
		return false;
	for (size_t i = 0; i < remove->count; i++) {
		if (drive_reservation_same(&one, &remove->list[i]))
			return true;
	}
	return false;
}

static void put_line(FILE *out, const struct drive_reservation *one)
{
	char text[DRIVE_RESERVATION_TEXT];
	time_t since = (time_t)one->since_s;
	struct tm when;
	char time_text[32] = "";

	if (since && gmtime_r(&since, &when))
		(void)strftime(time_text, sizeof(time_text), " since=%Y-%m-%dT%H:%M:%SZ", &when);
	fprintf(out, "%s%s%s%s\n", drive_reservation_text(text, one), time_text,
		*one->note ? " " : "", one->note);
}

static void put_text(FILE *out, const char *old, const struct drive_reserved *add,
		     const struct drive_reserved *remove)
{
	if (!*old)
		fputs(heading, out);
	while (*old) {
		size_t length = strcspn(old, "\n");

		if (!goes(old, length, remove))
			fprintf(out, "%.*s\n", (int)length, old);
		old += length + (old[length] == '\n');
	}
	for (size_t i = 0; i < add->count; i++)
		put_line(out, &add->list[i]);
}

/* ---- in its place ---- */

/* Makes the folders above the file. */
static int make_folders(const char *path, struct drive_error *error)
{
	char folder[DRIVE_PATH_SIZE];

	snprintf(folder, sizeof(folder), "%s", path);
	for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(folder, 0755) < 0 && errno != EEXIST && errno != EROFS)
			return drive_fail(error, errno, "cannot make %s: %s", folder,
					  strerror(errno));
		*slash = '/';
	}
	return 0;
}

static int write_new(const char *path, const char *old, const struct drive_reserved *add,
		     const struct drive_reserved *remove)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	int result = 0;

	if (!out) {
		result = -errno;
		if (fd >= 0)
			close(fd);
		return result;
	}
	(void)fchmod(fd, 0644);
	put_text(out, old, add, remove);
	if (fflush(out) || fsync(fd) < 0)
		result = -errno;
	if (fclose(out) && result == 0)
		result = -errno;
	return result;
}

int drive_reserved_change(const char *path, const struct drive_reserved *add,
			  const struct drive_reserved *remove, struct drive_error *error)
{
	char real[PATH_MAX];
	char fresh[PATH_MAX + 8];
	char *old;
	int result = make_folders(path, error);

	if (result < 0)
		return result;
	/* What a link leads to is replaced, not the link. */
	if (!realpath(path, real))
		snprintf(real, sizeof(real), "%s", path);
	snprintf(fresh, sizeof(fresh), "%s.new", real);
	result = read_file(real, &old);
	if (result == 0) {
		result = write_new(fresh, old, add, remove);
		free(old);
	}
	if (result == 0 && rename(fresh, real) < 0)
		result = -errno;
	if (result == 0)
		return 0;
	(void)unlink(fresh);
	return drive_fail(error, -result, "%s: %s", real, strerror(-result));
}
