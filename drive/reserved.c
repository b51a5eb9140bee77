/* SPDX-License-Identifier: BSD-2-Clause */
/* Reserved ports: their text, and the files and the list of the kernel that they stand in. */
#include "drive/reserved.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KERNELS "/proc/sys/net/ipv4/ip_local_reserved_ports"
#define SINCE "since="

/* unsealed: openat */

const char *drive_origin_word(enum drive_origin origin)
{
	static const char *const words[DRIVE_ORIGIN_COUNT] = {
#define X(name, word) [DRIVE_ORIGIN_##name] = word,
		DRIVE_ORIGINS(X)
#undef X
	};

	return (unsigned)origin < DRIVE_ORIGIN_COUNT ? words[origin] : "?";
}

/* ---- text ---- */

/* A port at *text, which is moved behind it. */
static bool read_port(const char **text, uint16_t *port)
{
	int number = drive_port_read(text);

	*port = (uint16_t)number;
	return number >= 1;
}

static bool read_protocols(const char *text, uint8_t *protocols)
{
	*protocols = DRIVE_RESERVED_BOTH;
	if (!strcmp(text, "/tcp"))
		*protocols = DRIVE_RESERVED_TCP;
	else if (!strcmp(text, "/udp"))
		*protocols = DRIVE_RESERVED_UDP;
	else
		return !*text || !strcmp(text, "/both");
	return true;
}

int drive_reservation_parse(struct drive_reservation *out, const char *text,
			    struct drive_error *error)
{
	const char *at = text;
	bool fine;

	*out = (struct drive_reservation){ .origin = DRIVE_ORIGIN_USER };
	fine = read_port(&at, &out->first);
	out->last = out->first;
	if (fine && *at == '-') {
		at++;
		fine = read_port(&at, &out->last);
	}
	if (fine && read_protocols(at, &out->protocols) && out->first <= out->last)
		return 0;
	if (fine && out->first > out->last)
		return drive_fail(error, EINVAL, "'%.40s': the range is reversed", text);
	return drive_fail(error, EINVAL,
			  "'%.40s' is no port and no range: 1 to 65535, such as 8080 or "
			  "8000-8099, with /tcp or /udp for one protocol alone",
			  text);
}

const char *drive_reservation_text(char *out, const struct drive_reservation *reservation)
{
	static const char *const protocols[] = { "", "/tcp", "/udp", "" };
	const char *protocol = protocols[reservation->protocols & DRIVE_RESERVED_BOTH];

	if (reservation->first == reservation->last)
		snprintf(out, DRIVE_RESERVATION_TEXT, "%u%s", reservation->first, protocol);
	else
		snprintf(out, DRIVE_RESERVATION_TEXT, "%u-%u%s", reservation->first,
			 reservation->last, protocol);
	return out;
}

bool drive_reservation_same(const struct drive_reservation *a, const struct drive_reservation *b)
{
	return a->first == b->first && a->last == b->last && a->protocols == b->protocols;
}

bool drive_reservation_covers(const struct drive_reservation *outer,
			      const struct drive_reservation *inner)
{
	return outer->first <= inner->first && outer->last >= inner->last &&
	       (inner->protocols & ~outer->protocols) == 0;
}

bool drive_reservation_meets(const struct drive_reservation *a, const struct drive_reservation *b)
{
	return a->first <= b->last && b->first <= a->last && a->protocols & b->protocols;
}

/* ---- lists ---- */

int drive_reserved_add(struct drive_reserved *reserved, const struct drive_reservation *one)
{
	/* Few there are: each has its own. */
	struct drive_reservation *list =
		realloc(reserved->list, (reserved->count + 1) * sizeof(list[0]));

	if (!list)
		return -ENOMEM;
	reserved->list = list;
	list[reserved->count++] = *one;
	return 0;
}

void drive_reserved_free(struct drive_reserved *reserved)
{
	free(reserved->list);
	*reserved = (struct drive_reserved){ 0 };
}

const struct drive_reservation *drive_reserved_find(const struct drive_reserved *reserved,
						    uint16_t port, uint8_t protocol)
{
	const struct drive_reservation wanted = {
		.first = port,
		.last = port,
		.protocols = protocol == MINATO_TCP ? DRIVE_RESERVED_TCP : DRIVE_RESERVED_UDP,
	};

	for (size_t i = 0; i < reserved->count; i++) {
		if (drive_reservation_meets(&reserved->list[i], &wanted))
			return &reserved->list[i];
	}
	return NULL;
}

/* ---- a file ---- */

static int64_t read_time(const char *text)
{
	struct tm when = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &when);

	return end && !*end ? (int64_t)timegm(&when) : 0;
}

/* What is no text of one line shows as '?'. */
static void take_note(struct drive_reservation *out, const char *text)
{
	snprintf(out->note, sizeof(out->note), "%s", text);
	for (char *at = out->note; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	}
}

/* A line that is no comment; cuts it into its words. */
static int read_line(struct drive_reservation *out, char *line, struct drive_error *error)
{
	char *rest = line + strcspn(line, " \t");
	int result;

	if (*rest)
		*rest++ = '\0';
	result = drive_reservation_parse(out, line, error);
	if (result < 0)
		return result;
	rest += strspn(rest, " \t");
	if (!strncmp(rest, SINCE, strlen(SINCE))) {
		char *when = rest + strlen(SINCE);

		rest = when + strcspn(when, " \t");
		if (*rest)
			*rest++ = '\0';
		out->since_s = read_time(when);
		if (!out->since_s)
			return drive_fail(error, EINVAL,
					  "'%.40s' is no time such as 2026-11-26T10:00:00Z", when);
		rest += strspn(rest, " \t");
	}
	take_note(out, rest);
	return 0;
}

static void say_wrong(drive_wrong_fn *wrong, void *user, const char *where, size_t line,
		      const char *what)
{
	char text[1024];

	if (!wrong)
		return;
	if (line)
		snprintf(text, sizeof(text), "%s:%zu: %s", where, line, what);
	else
		snprintf(text, sizeof(text), "%s", what);
	wrong(user, text);
}

int drive_reserved_stream(struct drive_reserved *reserved, FILE *file, const char *name,
			  drive_wrong_fn *wrong, void *user, struct drive_error *error)
{
	char *line = NULL;
	size_t room = 0;
	int result = 0;

	for (size_t number = 1; result == 0 && getline(&line, &room, file) >= 0; number++) {
		struct drive_reservation one;
		struct drive_error why;
		char *text = line + strspn(line, " \t");

		text[strcspn(text, "\r\n")] = '\0';
		if (!*text || *text == '#')
			continue;
		if (read_line(&one, text, &why) < 0)
			say_wrong(wrong, user, name, number, why.text);
		else if (drive_reserved_add(reserved, &one) < 0)
			result = drive_fail(error, ENOMEM, "%s: out of memory", name);
	}
	if (result == 0 && ferror(file))
		result = drive_fail(error, EIO, "%s cannot be read", name);
	free(line);
	return result;
}

int drive_reserved_file(struct drive_reserved *reserved, const char *path, enum drive_origin origin,
			drive_wrong_fn *wrong, void *user, struct drive_error *error)
{
	FILE *file = fopen(path, "re");
	size_t before = reserved->count;
	int result;

	if (!file)
		return errno == ENOENT || errno == ENOTDIR ?
			       0 :
			       drive_fail(error, errno, "%s: %s", path, strerror(errno));
	result = drive_reserved_stream(reserved, file, path, wrong, user, error);
	for (size_t i = before; i < reserved->count; i++)
		reserved->list[i].origin = origin;
	fclose(file);
	return result;
}

/* ---- all ---- */

/* The kernel writes "8080,9000-9010". */
static void read_kernels(struct drive_reserved *reserved)
{
	FILE *file = fopen(KERNELS, "re");
	struct drive_reservation one;
	char *text = NULL;
	char *rest = NULL;
	size_t room = 0;

	if (file && getline(&text, &room, file) > 0) {
		for (char *item = strtok_r(text, ",\n", &rest); item;
		     item = strtok_r(NULL, ",\n", &rest)) {
			if (drive_reservation_parse(&one, item, NULL) < 0)
				continue;
			one.origin = DRIVE_ORIGIN_KERNEL;
			(void)drive_reserved_add(reserved, &one);
		}
	}
	free(text);
	if (file)
		fclose(file);
}

void drive_reserved_read(struct drive_reserved *reserved, drive_wrong_fn *wrong, void *user)
{
	char path[DRIVE_PATH_SIZE];
	enum drive_origin origin;
	struct drive_error error;

	*reserved = (struct drive_reserved){ 0 };
	/* Without a home there is no file of the user's. */
	if (drive_reserved_path(path, &origin, NULL) == 0 && origin == DRIVE_ORIGIN_USER &&
	    drive_reserved_file(reserved, path, origin, wrong, user, &error) < 0)
		say_wrong(wrong, user, path, 0, error.text);
	if (drive_reserved_file(reserved, DRIVE_RESERVED_SYSTEM, DRIVE_ORIGIN_SYSTEM, wrong, user,
				&error) < 0)
		say_wrong(wrong, user, DRIVE_RESERVED_SYSTEM, 0, error.text);
	read_kernels(reserved);
}
