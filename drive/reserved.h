/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reserved ports: what no automatic choice takes. They stand in two files, one of the user and one
 * of the whole system, and in the kernel's ip_local_reserved_ports. A file has a reservation in a
 * line, and comments:
 *
 *     # the staging server
 *     8080/tcp  since=2026-11-26T10:00:00Z  staging
 *     9000-9099
 */
#ifndef MINATO_DRIVE_RESERVED_H
#define MINATO_DRIVE_RESERVED_H

#include <stdio.h>

#include "drive/drive.h"

#define DRIVE_RESERVED_TCP 1u
#define DRIVE_RESERVED_UDP 2u
#define DRIVE_RESERVED_BOTH 3u
#define DRIVE_NOTE_SIZE 96
#define DRIVE_RESERVATION_TEXT 24 /* room for "65534-65535/tcp" */
#define DRIVE_RESERVED_SYSTEM "/etc/minato/reserved"

/* Who reserved it. */
#define DRIVE_ORIGINS(X)                                                                           \
	X(USER, "user")	    /* in the user's file */                                               \
	X(SYSTEM, "system") /* in DRIVE_RESERVED_SYSTEM */                                         \
	X(KERNEL, "kernel") /* in net.ipv4.ip_local_reserved_ports */                              \
	X(GUEST, "guest")   /* in one guest, for its life */

enum drive_origin {
#define X(name, word) DRIVE_ORIGIN_##name,
	DRIVE_ORIGINS(X)
#undef X
		DRIVE_ORIGIN_COUNT
};
const char *drive_origin_word(enum drive_origin origin);

struct drive_reservation {
	uint16_t first, last; /* 1 <= first <= last */
	uint8_t protocols;    /* DRIVE_RESERVED_TCP, _UDP or both */
	enum drive_origin origin;
	int64_t since_s; /* seconds since 1970; 0: not known */
	char note[DRIVE_NOTE_SIZE];
};

/* All zero is an empty list. */
struct drive_reserved {
	struct drive_reservation *list;
	size_t count;
};

/* ---- reserved.c: reading ---- */

/* Parses "8080", "9000-9099/udp"; without a protocol both. 0 or -EINVAL with a text. */
int drive_reservation_parse(struct drive_reservation *out, const char *text,
			    struct drive_error *error);
/* As it is parsed. Writes into `out`, of DRIVE_RESERVATION_TEXT, and returns it. */
const char *drive_reservation_text(char *out, const struct drive_reservation *reservation);
/* Whether this is the same range for the same protocols, whoever reserved it. */
bool drive_reservation_same(const struct drive_reservation *a, const struct drive_reservation *b);
/* Whether all that `inner` reserves is reserved by `outer` alone. */
bool drive_reservation_covers(const struct drive_reservation *outer,
			      const struct drive_reservation *inner);
/* Whether there is a port that both reserve. */
bool drive_reservation_meets(const struct drive_reservation *a, const struct drive_reservation *b);

/* Adds a copy; 0 or -ENOMEM. */
int drive_reserved_add(struct drive_reserved *reserved, const struct drive_reservation *one);
void drive_reserved_free(struct drive_reserved *reserved);
/* The first that reserves this port of MINATO_TCP or MINATO_UDP, or NULL. */
const struct drive_reservation *drive_reserved_find(const struct drive_reserved *reserved,
						    uint16_t port, uint8_t protocol);

/*
 * Calls back with "FILE:LINE: what" for each line that is wrong, which is passed over. May be NULL.
 */
typedef void drive_wrong_fn(void *user, const char *text);

/*
 * Adds what a file reserves; that it is not there is no failure. 0 or negative errno with a text.
 */
int drive_reserved_file(struct drive_reserved *reserved, const char *path, enum drive_origin origin,
			drive_wrong_fn *wrong, void *user, struct drive_error *error);
/* The same of a stream, `name` in what is said; all of origin user. */
int drive_reserved_stream(struct drive_reserved *reserved, FILE *file, const char *name,
			  drive_wrong_fn *wrong, void *user, struct drive_error *error);
/*
 * All that is reserved on this host for this user: by his file, the system's and the kernel. What
 * cannot be read is said to `wrong` too. The caller frees it.
 */
void drive_reserved_read(struct drive_reserved *reserved, drive_wrong_fn *wrong, void *user);

/* ---- reservefile.c: changing ---- */

/*
 * The file that this user changes, and where it belongs: the system's as root, otherwise
 * $XDG_CONFIG_HOME/minato/reserved, or ~/.config there. 0 or negative errno with a text.
 */
int drive_reserved_path(char path[DRIVE_PATH_SIZE], enum drive_origin *origin,
			struct drive_error *error);
/*
 * Makes the change, a new file in the place of the old: `add` comes at the end, `remove` goes
 * wherever it stands, every other line stays as it is. 0 or negative errno with a text, and then
 * nothing has changed.
 */
int drive_reserved_change(const char *path, const struct drive_reserved *add,
			  const struct drive_reserved *remove, struct drive_error *error);
/*
 * Whoever changes what is reserved holds it alone; a guest that starts waits for that before its
 * name is taken, and so is told of the change or reads it. Closing the descriptor lets go. The
 * descriptor, or negative errno with a text.
 */
int drive_reserved_lock(bool alone, struct drive_error *error);

#endif
