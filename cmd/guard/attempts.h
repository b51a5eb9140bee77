/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told of a guest's attempts to go out: to the user a line, to --audit's file all. */
#ifndef CMD_ATTEMPTS_H
#define CMD_ATTEMPTS_H

#include "relay/permit.h"

struct cmd_harbour;
struct cmd_network;
struct cmd_command;
struct cmd_holding;
struct cmd_worker;

/* ---- attempts.c: in the worker ---- */

#define CMD_TOLD_KINDS 64u /* refusals that are remembered, so that they are told once */
#define CMD_TOLD_MAX 200u  /* lines of one worker */

/* A refusal that was told. */
struct cmd_told {
	uint64_t hash; /* of its text; 0: free */
	int64_t at_ns;
	uint32_t since; /* as many more since then */
};

#define CMD_ATTEMPTS_WAITING 64u /* lines that wait until their program is known */

/* A line of the audit, in its place. */
struct cmd_attempt_wait {
	char *text;
	uint64_t number; /* of what it waits for; 0: it may be written */
};

struct cmd_attempts {
	int audit; /* where lines go, or -1 */
	bool quiet;
	const char *guest;
	uint64_t lost;	/* lines that found no room */
	uint32_t lines; /* told so far */
	struct cmd_told told[CMD_TOLD_KINDS];
	struct cmd_told others[CMD_TOLD_KINDS]; /* noted, of protocols without ports */
	struct cmd_worker *worker; /* by which programs are known; NULL: they are not */
	uint64_t asked;		   /* numbers so far */
	size_t first, waiting;	   /* of the ring */
	struct cmd_attempt_wait ring[CMD_ATTEMPTS_WAITING];
};

/* relay_config's `attempt`; `user` is the struct. */
void cmd_attempts_take(void *user, const struct relay_attempt *attempt);
/*
 * The line of an attempt for the audit, without its newline, at an instant of CLOCK_REALTIME; to be
 * freed. NULL: memory ran out.
 */
char *cmd_attempt_line(const struct relay_attempt *attempt, const char *guest, int64_t real_ns);
/* What still waits is written as it is. */
void cmd_attempts_end(struct cmd_attempts *attempts);
/* Writes a line, without its newline; never waits. */
void cmd_attempts_write(struct cmd_attempts *attempts, const char *text);

/* ---- attempting.c: lines in their order, once it is known whose they are ---- */

/*
 * Takes over the line of that attempt (NULL: it is lost), to be written after those before it. When
 * more wait than there is room for, the oldest goes on without.
 */
void cmd_attempting_line(struct cmd_attempts *attempts, const struct relay_attempt *attempt,
			 char *text);
/* Adds the members "program", "pid" and, where several hold the socket, "holders" to a line. */
char *cmd_attempting_add(char *text, const struct cmd_holding *holding);

/* ---- attempts.c again ---- */

/*
 * "api.example.com:443 (not allowed; --allow api.example.com:443 would)", for the user: one line of
 * printable ASCII, whatever the guest has called things.
 */
void cmd_attempt_words(const struct relay_attempt *attempt, char *out, size_t size);

/* ---- auditing.c: in the keeper, which alone can open files ---- */

/*
 * The file of --audit. The worker writes lines into a pipe, and never waits; the keeper appends
 * them to the file, whole lines in one write each time. A file that was moved away or removed is
 * made anew at the next line (logrotate needs no signal). Where the disk is full lines are lost and
 * counted, and the first that fits again is {"event":"lost"}.
 */
struct cmd_auditing {
	const char *path; /* NULL: none */
	int folder;	  /* where it is; -1 */
	int file;
	int in, out; /* the pipe: the keeper's end, the worker's; -1 */
	int64_t watch;
	uint64_t lost;
	uint64_t cut; /* bytes that others took out of the file, not yet said in it */
	int64_t end;  /* where its last line ended */
	bool torn;    /* its last line was cut */
	bool said;    /* that it cannot be written */
};

/* Opens the file, if there is to be one, and the pipe; 0 or negative errno with a text. */
int cmd_auditing_open(struct cmd_auditing *auditing, struct drive_error *error);
/* Writes lines from now on as they come. 0 or negative errno. */
int cmd_auditing_watch(struct cmd_auditing *auditing, struct drive_loop *loop);
/* Writes what has come; nothing is left behind where no worker writes any more. */
void cmd_auditing_drain(struct cmd_auditing *auditing);
void cmd_auditing_close(struct cmd_auditing *auditing);

#endif
