/* SPDX-License-Identifier: BSD-2-Clause */
/* Which program of a guest a flow is of, and whether the user lets it out: --ask. */
#ifndef CMD_ASKED_H
#define CMD_ASKED_H

#include "kernel/kernel.h"
#include "relay/permit.h"

#include <jansson.h>

struct cmd_further;
struct cmd_harbour;
struct cmd_message;
struct cmd_worker;

/* ---- programs.c: programs that rules name ---- */

#define CMD_PROGRAMS_MAX 64u
#define CMD_PROGRAM_WORD 256u

/* A word of a rule, and where that program is; two words may be one program. */
struct cmd_program_word {
	uint16_t number; /* 1.. */
	char word[CMD_PROGRAM_WORD];
	char path[CMD_PROGRAM_WORD];
};

struct cmd_programs {
	size_t count;
	struct cmd_program_word list[CMD_PROGRAMS_MAX];
};

/*
 * A path from the root on, or a name that is looked for where programs are (/usr/local/bin,
 * /usr/bin and so on, not the user's PATH). 0; -ENOENT where no program has that name, -ENOSPC,
 * -ENAMETOOLONG.
 */
int cmd_programs_add(struct cmd_programs *programs, const char *word);
/* Whether the path of a rule leads to no program now; says how. */
bool cmd_programs_missing(const char *path, char *out, size_t size);
/* Notes a word that the keeper has added, by its number alone: who looks for programs is he. */
void cmd_programs_note(struct cmd_programs *programs, const char *word, uint16_t number);
/* The number of a word that was added. */
uint16_t cmd_programs_number(const struct cmd_programs *programs, const char *word);
/* The number of what all of these processes run, by the files that the paths lead to now. */
uint16_t cmd_programs_of(const struct cmd_programs *programs, const struct kernel_program *list,
			 size_t count);

/* ---- witness.c: which program it is; the worker asks, the keeper looks ---- */

#define CMD_WITNESS_MAX 64u /* questions to the keeper at once */
#define CMD_HOLDERS_MAX 2u  /* processes told of those that hold a socket */

/* What was found: `count` of kernel_program_seek, and the first CMD_HOLDERS_MAX of them. */
struct cmd_holding {
	uint64_t number;
	int32_t count;
	bool same;	  /* all of them run one file, which is known */
	uint16_t program; /* its number among those that rules name, or MINATO_PROGRAM_NONE */
	struct kernel_program list[CMD_HOLDERS_MAX];
};

typedef void cmd_witness_fn(void *user, uint64_t word, const struct cmd_holding *holding);

struct cmd_witness {
	uint64_t last;
	bool over; /* nobody is asked any more */
	struct cmd_inquiry {
		uint64_t number; /* 0: free */
		cmd_witness_fn *told;
		void *user;
		uint64_t word;
	} inquiries[CMD_WITNESS_MAX];
};

/* Of whose answer something depends, of all who hold the socket; else one will do, and is quick. */
struct cmd_whose {
	struct kernel_flow flow;
	bool all;
};

/*
 * In the worker: `told` is called once, later; at once with a count of -EBUSY where too much is
 * asked. A flow of neither TCP nor UDP is -EPROTONOSUPPORT.
 */
void cmd_witness_ask(struct cmd_worker *worker, const struct cmd_whose *wanted,
		     cmd_witness_fn *told, void *user, uint64_t word);
/* The keeper's answer has come. */
void cmd_witness_told(struct cmd_worker *worker, const struct cmd_message *message);
/* In the worker at its end: who waits is told, and from now on at once, that nobody knows. */
void cmd_witness_end(struct cmd_worker *worker);
/* In the keeper: looks, and answers. */
void cmd_witness_look(struct cmd_harbour *harbour, const struct cmd_message *message);
/* Before anything of the guest's runs. Where it fails, no program is ever known. */
void cmd_witness_open(struct cmd_harbour *harbour);
void cmd_witness_close(struct cmd_harbour *harbour);

/* ---- asked.c: the questions, in the worker ---- */

#define CMD_QUESTIONS_MAX 32u
#define CMD_QUESTION_FLOWS 64u /* that wait for one answer */
#define CMD_ANSWERS_MAX 256u   /* that are remembered, of "always"; then none is any more */
#define CMD_ANSWERED_MAX 64u   /* numbers of questions that were answered lately */
#define CMD_QUESTION_MS 30000  /* without an answer by then it is no, once */
#define CMD_GONE_MS 1000       /* so often it is looked whether who waits is there still */
#define CMD_ASKER_MS 3000      /* who has not looked for so long has gone */

/* What an answer is about: one program, one destination. */
struct cmd_scope_of {
	enum minato_proto proto;
	bool known; /* the program is, and all who hold the socket run it */
	uint64_t device, inode;
	int64_t changed_ns; /* of the file: the number alone may be another's later */
	bool named;
	bool stray; /* named by a connection to where that name did not lead: to there alone */
	struct minato_endpoint to; /* named, and not stray: the port alone */
	char name[RELAY_NAME_MAX + 1];
};

struct cmd_question {
	uint64_t number; /* 0: free */
	bool open;	 /* the program is looked for before */
	bool shown;
	struct minato_time until;
	struct cmd_scope_of scope;
	struct cmd_holding holding;
	const char *reason; /* not NULL: nobody is asked, and that is why */
	struct minato_endpoint to;
	size_t flow_count;
	uint64_t flows[CMD_QUESTION_FLOWS]; /* held calls */
	pid_t pids[CMD_QUESTION_FLOWS];	    /* whose they are: other processes of one program */
	struct cmd_ends {
		struct minato_endpoint guest, to;
	} ends[CMD_QUESTION_FLOWS];
	bool looking; /* whether the socket of flows[look_at] is there still */
	size_t look_at;
	struct minato_time looked;
};

struct cmd_asked {
	uint64_t last;
	struct minato_time looked;	    /* when an asker last did */
	bool told;			    /* the user, that there is a question */
	const struct cmd_holding *deciding; /* whose flow is being decided, or NULL */
	size_t answer_count;
	uint64_t answered[CMD_ANSWERED_MAX]; /* a ring; 0: none yet */
	size_t answered_next;
	struct cmd_question questions[CMD_QUESTIONS_MAX];
	struct cmd_scope_of answers[CMD_ANSWERS_MAX];
};

enum cmd_reply { CMD_REPLY_NO, CMD_REPLY_ONCE, CMD_REPLY_ALWAYS };

/* relay_config's `ask`; `user` is the worker. */
bool cmd_asked_take(void *user, const struct relay_asking *asking);
/* relay_config's `program`; `user` is the worker. */
void cmd_asked_program(void *user, const struct relay_asking *asking);
/*
 * What was answered with always outlives the worker: it tells the keeper, and the next, which is
 * a copy of the keeper, begins with it. In the keeper: one more, if it is well-formed and fits.
 */
void cmd_asked_keep(struct cmd_harbour *harbour, const struct cmd_scope_of *answer);
/* In a worker that begins. */
void cmd_asked_begin(struct cmd_worker *worker);
/* What is due; returns when something is next. */
struct minato_time cmd_asked_turn(struct cmd_worker *worker, struct minato_time now);
/* At the worker's end: what waits is refused, so that the audit has it. */
void cmd_asked_end(struct cmd_worker *worker);
/*
 * What the control socket knows of them: the listing "questions" (number, proto, program, place,
 * flows, always: whether that may be the answer, left_ms), and the request "answer" with the
 * "number" of a question and a "reply": no, once, always. The reply to this has "late" where the
 * question has ended, with "answered": whether somebody did, and "once" where always is no more
 * than that. The request "ended" with a "number" has "answered" in its reply too. To list them is
 * to be there: who stops has gone.
 */
const struct cmd_further *cmd_asked_further(void);

#endif
