/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state file: what was changed while the gateway ran and is to stand when it runs again. One
 * table of SQLite, a row for each sentence; a change is a transaction of it, written before it is
 * said to be done.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* "mnto": by it a file of ours is known. */
#define APPLICATION_ID 0x6d6e746f

/* What PRAGMA user_version is, of a file that nobody has, or somebody. */
#define VERSION_AT_REST 1
#define VERSION_RUNNING 2

struct gateway_state {
	sqlite3 *db;  /* NULL: it could be opened no more */
	bool stopped; /* when it was opened it was at rest */
	bool marked;  /* it says that we run, and can be written to */
	bool sealed;  /* open only to be read, since it cannot be opened otherwise */
	char path[PATH_MAX];
};

bool gateway_state_built(void)
{
	return true;
}

static int errno_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return EBADMSG;
	case SQLITE_CANTOPEN:
		return ENOENT;
	default:
		return EIO;
	}
}

/* What went wrong, in words that say what to do. */
static int fail(const struct gateway_state *state, int code, struct drive_error *error)
{
	int errnum = errno_of(code);

	switch (errnum) {
	case ENOSPC:
		return drive_fail(error, errnum, "the state file %s has no room: the disk is full",
				  state->path);
	case EBUSY:
		return drive_fail(
			error, errnum,
			"the state file %s is in use by another gateway (each needs one of "
			"its own: \"state FILE\")",
			state->path);
	default:
		return drive_fail(error, errnum, "the state file %s: %s", state->path,
				  state->db ? sqlite3_errmsg(state->db) : sqlite3_errstr(code));
	}
}

static int execute(struct gateway_state *state, const char *sql)
{
	return sqlite3_exec(state->db, sql, NULL, NULL, NULL);
}

static int number_of(struct gateway_state *state, const char *sql, int64_t *out)
{
	sqlite3_stmt *query = NULL;
	int code = sqlite3_prepare_v2(state->db, sql, -1, &query, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(query);
	if (code == SQLITE_ROW) {
		*out = sqlite3_column_int64(query, 0);
		code = SQLITE_OK;
	}
	sqlite3_finalize(query);
	return code;
}

/* ---- opening ---- */

/* Whether every page makes sense; SQLITE_CORRUPT where one does not. */
static int check(struct gateway_state *state)
{
	sqlite3_stmt *query = NULL;
	int code = sqlite3_prepare_v2(state->db, "PRAGMA quick_check(1)", -1, &query, NULL);
	const char *word = "";

	if (code == SQLITE_OK)
		code = sqlite3_step(query);
	if (code == SQLITE_ROW) {
		word = (const char *)sqlite3_column_text(query, 0);
		code = word && !strcmp(word, "ok") ? SQLITE_OK : SQLITE_CORRUPT;
	}
	sqlite3_finalize(query);
	return code;
}

/* A file that another program made is not ours to write to. */
static int judge(struct gateway_state *state)
{
	int64_t id = 0;
	int64_t tables = 0;
	int code = number_of(state, "PRAGMA application_id", &id);

	if (code == SQLITE_OK && id != APPLICATION_ID)
		code = number_of(state, "SELECT count(*) FROM sqlite_master", &tables);
	if (code != SQLITE_OK)
		return code;
	return id == APPLICATION_ID || !tables ? check(state) : SQLITE_NOTADB;
}

/* Instants are seconds since 1970; until 0 is for ever. */
static const char schema[] =
	"PRAGMA journal_mode=WAL;"
	/* What a change needed of the disk it has given back before the next one. */
	"PRAGMA wal_autocheckpoint=1;"
	"PRAGMA synchronous=FULL;"
	"BEGIN IMMEDIATE;"
	"PRAGMA application_id=1835955311;" /* APPLICATION_ID */
	"PRAGMA user_version=2;"	    /* VERSION_RUNNING */
	"CREATE TABLE IF NOT EXISTS sentence(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE,"
	" until INTEGER NOT NULL, since INTEGER NOT NULL);"
	"COMMIT";

/* From now on it says that a gateway runs, and what is written is on disk. */
static int mark(struct gateway_state *state)
{
	int code = execute(state, schema);

	if (code != SQLITE_OK && state->db && !sqlite3_get_autocommit(state->db))
		(void)execute(state, "ROLLBACK");
	state->marked = code == SQLITE_OK;
	return code;
}

/* What is in it can be read, or what stands in the way. */
static int prepare(struct gateway_state *state)
{
	int64_t version = VERSION_AT_REST;
	/* No other process may read it meanwhile, so there is no shared memory beside it. */
	int code = execute(state, "PRAGMA locking_mode=EXCLUSIVE");

	if (code == SQLITE_OK)
		code = judge(state);
	if (code == SQLITE_OK)
		code = number_of(state, "PRAGMA user_version", &version);
	state->stopped = version != VERSION_RUNNING;
	return code;
}

static void shut(struct gateway_state *state)
{
	(void)sqlite3_close(state->db);
	state->db = NULL;
	state->marked = state->sealed = false;
}

/* Whether a file stands that can be read alone: with a journal beside it, it is not all of it. */
static bool is_whole(const struct gateway_state *state)
{
	char log[PATH_MAX + 8];
	struct stat about;

	(void)snprintf(log, sizeof(log), "%s-wal", state->path);
	return lstat(state->path, &about) == 0 && S_ISREG(about.st_mode) &&
	       (stat(log, &about) < 0 || about.st_size == 0);
}

/* As a file that nobody writes to: nothing is made beside it. */
static int open_sealed(struct gateway_state *state)
{
	char place[3 * PATH_MAX + 32] = "file:";
	size_t used = strlen(place);
	int code;

	for (const char *at = state->path; *at; at++) {
		bool plain = *at != '%' && *at != '?' && *at != '#';

		used += (size_t)snprintf(place + used, sizeof(place) - used,
					 plain ? "%c" : "%%%02x", (unsigned char)*at);
	}
	(void)snprintf(place + used, sizeof(place) - used, "?immutable=1");
	code = sqlite3_open_v2(place, &state->db,
			       SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOFOLLOW, NULL);
	if (code == SQLITE_OK)
		code = prepare(state);
	state->sealed = code == SQLITE_OK;
	return code;
}

/* Whether what went wrong may be only that nothing can be written. */
static bool may_be_read(int code)
{
	int errnum = errno_of(code);

	return code != SQLITE_OK && errnum != EBADMSG && errnum != EBUSY && errnum != ENOMEM;
}

/*
 * Open to be read at least, with *why it cannot be written to (SQLITE_OK: it can); or what stands
 * in the way.
 */
static int try_open(struct gateway_state *state, int *why)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW;
	mode_t mask = umask(077);
	int code = sqlite3_open_v2(state->path, &state->db, flags, NULL);

	if (code == SQLITE_OK)
		code = prepare(state);
	*why = code;
	if (code == SQLITE_OK) {
		*why = mark(state);
		code = may_be_read(*why) ? SQLITE_OK : *why;
	} else if (may_be_read(code) && is_whole(state)) {
		shut(state);
		code = open_sealed(state) == SQLITE_OK ? SQLITE_OK : code;
	}
	(void)umask(mask);
	return code;
}

/* Out of the way, with what belongs to it; the time in its name keeps earlier ones. */
static int move_aside(const struct gateway_state *state, char *aside, size_t size)
{
	static const char *const parts[] = { "", "-wal", "-shm", "-journal" };
	char from[PATH_MAX + 16];
	char to[PATH_MAX + 48];
	int result = 0;

	(void)snprintf(aside, size, "%s.broken-%lld", state->path, (long long)time(NULL));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		(void)snprintf(from, sizeof(from), "%s%s", state->path, parts[i]);
		(void)snprintf(to, sizeof(to), "%s%s", aside, parts[i]);
		if (rename(from, to) < 0 && i == 0)
			result = -errno;
	}
	return result;
}

int gateway_state_open(struct gateway_state **out, const char *path, struct drive_error *warning,
		       struct drive_error *error)
{
	struct gateway_state *state = calloc(1, sizeof(*state));
	char aside[PATH_MAX + 32];
	int code;
	int why;
	int result;

	warning->text[0] = 0;
	if (!state)
		return drive_fail(error, ENOMEM, "out of memory");
	(void)snprintf(state->path, sizeof(state->path), "%s", path);
	code = try_open(state, &why);
	if (errno_of(code) == EBADMSG && code != SQLITE_OK) {
		(void)fail(state, code, error);
		shut(state);
		result = move_aside(state, aside, sizeof(aside));
		(void)drive_fail(warning, EBADMSG,
				 result < 0 ?
					 "%s; it cannot be moved away" :
					 "%s; it is kept as %s, and the gateway starts from its "
					 "configuration alone",
				 error->text, aside);
		code = result < 0 ? code : try_open(state, &why);
	}
	if (code == SQLITE_OK) {
		if (why != SQLITE_OK) {
			(void)fail(state, why, error);
			(void)drive_fail(warning, errno_of(why),
					 "%s; what was said before stands, and nothing can be "
					 "changed for good until it can be written to",
					 error->text);
		}
		*out = state;
		return 0;
	}
	result = fail(state, code, error);
	/* Not ours: nothing is noted in it. */
	shut(state);
	free(state);
	return result;
}

void gateway_state_close(struct gateway_state *state)
{
	if (!state)
		return;
	/* What is written here lies where something lay already: a full disk has room for it. */
	if (state->marked) {
		(void)execute(state, "PRAGMA wal_checkpoint(RESTART)");
		(void)execute(state, "PRAGMA user_version=1"); /* VERSION_AT_REST */
	}
	shut(state);
	free(state);
}

bool gateway_state_stopped(const struct gateway_state *state)
{
	return state->stopped;
}

/* ---- reading ---- */

int gateway_state_each(struct gateway_state *state,
		       int (*each)(void *user, const char *text, int64_t until_s), void *user,
		       struct drive_error *error)
{
	sqlite3_stmt *query = NULL;
	int64_t tables = 0;
	int result = 0;
	int code = number_of(state, "SELECT count(*) FROM sqlite_master WHERE name='sentence'",
			     &tables);

	/* Of a new one there was no room for as much as its table. */
	if (code == SQLITE_OK && !tables)
		return 0;
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(state->db, "SELECT text, until FROM sentence ORDER BY id",
					  -1, &query, NULL);
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		const char *text;

		code = sqlite3_step(query);
		if (code != SQLITE_ROW)
			break;
		text = (const char *)sqlite3_column_text(query, 0);
		result = text ? each(user, text, sqlite3_column_int64(query, 1)) : -ENOMEM;
		if (result < 0)
			break;
	}
	if (result == 0 && code != SQLITE_DONE)
		result = fail(state, code, error);
	sqlite3_finalize(query);
	return result;
}

/* ---- writing ---- */

static int write_one(struct gateway_state *state, const struct gateway_change *change)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(state->db,
				      change->remove ? "DELETE FROM sentence WHERE text=?1" :
						       "INSERT OR REPLACE INTO "
						       "sentence(text, until, since) "
						       "VALUES(?1, ?2, unixepoch())",
				      -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_bind_text(statement, 1, change->text, -1, SQLITE_STATIC);
	if (code == SQLITE_OK && !change->remove)
		code = sqlite3_bind_int64(statement, 2, change->until_s);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* What stood in the way when it was opened may be gone. */
static int unseal(struct gateway_state *state)
{
	int why = SQLITE_OK;
	int code;

	if (state->marked)
		return SQLITE_OK;
	if (state->db && !state->sealed)
		return mark(state);
	shut(state);
	code = try_open(state, &why);
	return code == SQLITE_OK ? why : code;
}

int gateway_state_write(struct gateway_state *state, const struct gateway_change *changes,
			size_t count, struct drive_error *error)
{
	int code = unseal(state);
	int result;

	if (code == SQLITE_OK)
		code = execute(state, "BEGIN IMMEDIATE");
	for (size_t i = 0; i < count && code == SQLITE_OK; i++)
		code = write_one(state, &changes[i]);
	if (code == SQLITE_OK)
		code = execute(state, "COMMIT");
	if (code == SQLITE_OK)
		return 0;
	result = fail(state, code, error);
	if (state->db && !sqlite3_get_autocommit(state->db))
		(void)execute(state, "ROLLBACK");
	return result;
}
