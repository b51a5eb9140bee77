/* SPDX-License-Identifier: BSD-2-Clause */
/* The program: its sub-commands, their options, and what they have in common. */
#ifndef MINATO_CMD_H
#define MINATO_CMD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <termios.h>

#include "cmd/guard/asked.h"
#include "cmd/guard/attempts.h"
#include "conf/conf.h"
#include "drive/drive.h"
#include "drive/reserved.h"
#include "minato/scan.h"
#include "relay/relay.h"
#include "view/view.h"

/*
 * Exit codes. Those of `run` and `exec` are the command's own, except these, as env(1) has them:
 * FAILED for what minato could not do, 126 and 127 for a command that could not be executed.
 */
enum cmd_exit {
	CMD_OK = 0,
	CMD_REFUSED = 1, /* a port or name is taken, no such guest */
	CMD_USAGE = 2,	 /* the words of the command line are wrong */
	CMD_FAILED = 125,
};

/* As many workers may die within CMD_DEATHS_MS before the guest is given up. */
#define CMD_DEATHS_MAX 5
#define CMD_DEATHS_MS 10000

/* ---- options.c: one table of options for each command; --help is made of it ---- */

enum cmd_take {
	CMD_FLAG,   /* bool */
	CMD_TEXT,   /* const char * */
	CMD_NUMBER, /* long, between min and max */
	CMD_MANY,   /* struct cmd_many */
	CMD_MAYBE,  /* const char *: what stands behind --name=, or "" for the name alone */
};

#define CMD_MANY_MAX 1024

/* The values of an option that can be repeated, in order; borrowed from argv. */
struct cmd_many {
	size_t count;
	const char *text[CMD_MANY_MAX];
};

struct cmd_option {
	enum cmd_take take;
	char letter;	  /* 0: none */
	const char *name; /* without "--" */
	const char *arg;  /* what its value is called; NULL for a flag. FILE and DIR are paths,
			     GUEST a running guest: shells complete these */
	size_t offset;	  /* of the value in the command's own struct */
	long min, max;
	const char *help;
};

/* Options that several commands have. Their values are a struct, a member of each command's own. */
struct cmd_shared {
	const struct cmd_option *options;
	size_t count;
};

/* What the operands of a command are, for the completion of command lines. */
enum cmd_operand {
	CMD_OPERAND_OTHER,
	CMD_OPERAND_GUEST,   /* the name of a running guest; with `passes` only the first */
	CMD_OPERAND_PROGRAM, /* a program and its own words */
	CMD_OPERAND_COMMAND, /* a command of minato */
	CMD_OPERAND_VERB,    /* add, list or rm (or `verbs`), and then what is meant */
	CMD_OPERAND_FILTER,  /* a filter of ss */
	CMD_OPERAND_SHELL,   /* a shell that completions are made for */
};

/* A sub-command. Every one takes -h and --help besides its options. */
struct cmd_command {
	const char *name;
	const char *args;    /* after the options, for the usage line */
	const char *summary; /* one line */
	const char *about;   /* a paragraph under the usage line, or NULL */
	const struct cmd_option *options;
	size_t option_count;
	const struct cmd_shared *shared; /* before its own in the help; NULL: none */
	size_t shared_offset;		 /* of their struct in the command's own */
	enum cmd_operand operand;
	const char *verbs; /* of CMD_OPERAND_VERB where they are others: "show set" */
	bool passes;	   /* from the first operand on, words belong to another command */
	int (*run)(int argc, char **argv); /* argv[0] is its name; returns the exit code */
};

struct cmd_operands {
	int count;
	char **words; /* ends with NULL */
};

/* cmd_parse: nothing to say, go on. */
#define CMD_GO_ON (-1)

/*
 * Reads the command line into the command's own struct `into`, which holds the defaults, and moves
 * the operands together. Returns CMD_GO_ON, or the exit code after it has printed the help or said
 * what is wrong.
 */
int cmd_parse(const struct cmd_command *command, char **argv, void *into,
	      struct cmd_operands *operands);
/* The first operand of a command whose operands are CMD_OPERAND_VERB. */
enum cmd_verb { CMD_VERB_ADD, CMD_VERB_LIST, CMD_VERB_RM, CMD_VERB_DRAIN, CMD_VERB_UNDRAIN };
/*
 * Takes the verb off the operands, one of the command's `verbs`, or of the first three where it
 * names none; where there are none it is list. CMD_GO_ON, or the exit code
 * after it has said what is wrong.
 */
int cmd_verb_take(const struct cmd_command *command, struct cmd_operands *operands,
		  enum cmd_verb *verb);
/* The options of a command, shared ones first; NULL after the last. */
const struct cmd_option *cmd_option_at(const struct cmd_command *command, size_t index);
/* What the value is called that must follow the option, or NULL. */
const char *cmd_option_value(const struct cmd_option *option);
/* Prints the help of a command. */
void cmd_print_help(FILE *out, const struct cmd_command *command);
/* Says on stderr that the usage is wrong, with a hint at --help; returns CMD_USAGE. */
int cmd_usage(const struct cmd_command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- textfile.c: a file that the command line names ---- */

struct cmd_text {
	char *bytes; /* to be freed; a zero byte stands behind them */
	size_t size;
};
/*
 * Reads all of the file, - being standard input: at most `max` bytes. 0, or negative errno with a
 * text that names it.
 */
int cmd_text_read(struct cmd_text *text, const char *path, size_t max, struct drive_error *error);

/* ---- suggest.c: the word that was meant ---- */

/* How many letters must be added, left out, changed or swapped with their neighbour. */
size_t cmd_distance(const char *a, const char *b);

struct cmd_guess {
	const char *word; /* what was written */
	const char *best; /* the nearest so far, or NULL */
	size_t distance;
};
/* Considers one more candidate (borrowed). One that needs too many changes is never the best. */
void cmd_guess_try(struct cmd_guess *guess, const char *candidate);

/* ---- commands.c: the table of commands; main.c calls one of them ---- */

/* In the order of the help. */
extern const struct cmd_command *const cmd_commands[];
extern const size_t cmd_command_count;
/* The command of that name, or NULL. */
const struct cmd_command *cmd_find(const char *name);
/* "minato: ..." on stderr. */
void cmd_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whoever has turned stderr elsewhere goes on speaking by this descriptor. */
void cmd_say_to(int fd);
/* What is said on standard error begins with the time from now on. */
void cmd_say_dated(void);
/* moment.c: "2026-11-26T12:20:07Z", or with thousandths of a second; after 1970. */
void cmd_moment(int64_t real_ns, bool thousandths, char *out, size_t size);
/* Prints the list of commands. */
void cmd_print_commands(FILE *out);

/* ---- run.c, attach.c, exec.c, stop.c, ps.c, help.c, version.c ...: one each ---- */

extern const struct cmd_command cmd_run;
extern const struct cmd_command cmd_attach;
extern const struct cmd_command cmd_exec;
extern const struct cmd_command cmd_stop;
extern const struct cmd_command cmd_ask;
extern const struct cmd_command cmd_ps;
extern const struct cmd_command cmd_ss;
extern const struct cmd_command cmd_services;
extern const struct cmd_command cmd_forward;
extern const struct cmd_command cmd_help;
extern const struct cmd_command cmd_version;
extern const struct cmd_command cmd_completion;

/* ---- passing.c: signals and the terminal, handed on to a command that is waited for ---- */

/*
 * Whoever runs a command in the place of itself: what comes to us goes to it, and when it stops, we
 * stop, so that the shell that started us sees the job as it is.
 */
struct cmd_passing {
	void (*pass)(void *user, int signo); /* gives the signal to the command */
	void (*child)(void *user);	     /* on SIGCHLD; NULL: nobody wants it */
	void *user;
	bool alone;	      /* nobody else hears what the terminal sends: all goes to pass */
	int terminal;	      /* a descriptor of the controlling terminal, or -1 */
	pid_t foreground;     /* the process group it had */
	struct termios modes; /* and its modes; valid if `moded` */
	bool moded;
	int proc;	 /* /proc, before we may move into a guest's */
	ino_t namespace; /* of processes, ours */
};

/*
 * Takes all signals that can be passed on from the loop. Keep the struct until the end; 0 or
 * negative errno.
 */
int cmd_passing_begin(struct cmd_passing *passing, struct drive_loop *loop);
/*
 * The command was stopped: stops this process too, if a shell may be waiting for that, and returns
 * when it was continued, with the terminal as the command left it.
 */
void cmd_passing_stopped(struct cmd_passing *passing);
/*
 * Gives the terminal back to the process group that had it, as a shell does after a job, and its
 * modes too if `code` says that the command was killed.
 */
void cmd_passing_end(struct cmd_passing *passing, int code);
/* The number of a signal by name ("TERM", "SIGTERM", "15"), or -EINVAL. */
int cmd_signal_number(const char *name);

/* ---- guestname.c: what a guest is called ---- */

/* A name made of the command's own: "python3" for "/usr/bin/python3"; "guest" where none fits. */
void cmd_guest_name(char name[DRIVE_NAME_SIZE], const char *program);

/* ---- surroundings.c: --hosts and --env of run and exec ---- */

/* Lines for the guest's /etc/hosts. */
struct cmd_hosts {
	struct drive_name *list;
	size_t count;
};

/*
 * Adds what NAME=ADDRESS says; the word "gateway" stands for the addresses that has in the subnet.
 * 0 or negative errno with a text.
 */
int cmd_hosts_add(struct cmd_hosts *hosts, const char *text, const struct drive_subnet *subnet,
		  struct drive_error *error);
void cmd_hosts_free(struct cmd_hosts *hosts);
/* 0 if each is NAME=VALUE, or -EINVAL with a text. */
int cmd_environment_check(const struct cmd_many *settings, struct drive_error *error);
/*
 * This process's environment with MINATO_NAME and these settings, the last of a name; NULL when
 * memory ran out. Only the array is the caller's, to be freed.
 */
char **cmd_environment_make(const struct cmd_many *settings, const char *guest);

/* ---- detach.c: into the background, when all is ready ---- */

struct cmd_detach {
	bool awaited; /* the caller's process waits */
	int voice;    /* its standard error */
	int caller;   /* a socket to it */
};

/*
 * Goes on (CMD_GO_ON) in a new process, in a session of its own, whose standard streams lead to the
 * file `log` (appended to) or, with NULL, nowhere; but cmd_say still speaks to the caller. In the
 * process that was called it returns the exit code: CMD_OK after it printed the name when the other
 * one is ready, else what that one ended with.
 */
int cmd_detach_begin(struct cmd_detach *detach, const char *log);
/* Lets the caller go, if there is one; -EPIPE when it has gone without waiting. */
int cmd_detach_ready(struct cmd_detach *detach, const char name[DRIVE_NAME_SIZE]);

/* ---- channel.c: what keeper and worker say to each other ----
 *
 * One message of one fixed size at a time over a SOCK_SEQPACKET pair, descriptors beside it. Both
 * ends are of one program and one start, so there is no version. The worker believes the keeper;
 * the keeper believes nothing: whatever a worker sends that is not listed here, or has descriptors
 * with it, ends that worker. Nobody waits for the other: what finds no room is -EAGAIN, and the
 * sender's to try again.
 */

#define CMD_CHANNEL_FDS_MAX 16

/* What a client of the control socket may do, by where it is and with what it has come. */
enum cmd_client_right {
	CMD_CLIENT_ASKS,
	CMD_CLIENT_ORDERS, /* and give the one order that the keeper has seen */
	CMD_CLIENT_INSIDE, /* ask alone, and change nothing: it is in a guest */
};

enum cmd_message_kind {
	/* The keeper tells. */
	CMD_TELL_BEGIN = 1,   /* `begin`; beside it the tap. The first message, once. */
	CMD_TELL_NAMESERVERS, /* `nameservers`: the host's, as they are now */
	CMD_TELL_NEAR,	      /* `near`: public addresses and networks of the host, now */
	CMD_TELL_LAN,	      /* `near`: what lan is to the rules, now; number: as `filters` */
	CMD_TELL_OWN,	      /* `near`: the host's own addresses, now */
	CMD_TELL_FELLOW,      /* `fellow`, number `number`; beside it its roll, if it runs */
	CMD_TELL_CLIENT,      /* `client`; beside it its socket: it is of this user or root;
				 number: enum cmd_client_right */
	CMD_TELL_ENDED,	      /* the guest has ended: deliver its last words, then exit with 0 */
	CMD_TELL_HURRY,	      /* ... at once */
	CMD_TELL_BOUND,	      /* `bound`: what CMD_ASK_BIND led to; beside it sockets */
	CMD_TELL_LISTENERS,   /* `listeners`; beside it their descriptor */
	CMD_TELL_RELEASED,    /* all that CMD_ASK_RELEASE named before CMD_ASK_RELEASED is closed */
	CMD_TELL_ORPHANS,     /* beside it the list of orphans.c */
	CMD_TELL_PROGRAM,     /* `holding`: what CMD_ASK_PROGRAM led to */
	CMD_TELL_RULE,	      /* `rule`: to be tried; number: enum cmd_rule_verb */
	CMD_TELL_RULED,	      /* `ruled`: what became of CMD_ASK_RULE_WANTED; number: 0 or -errno */
	/* The worker asks. */
	CMD_ASK_READY = 100, /* once; number: 0, or -errno with `text`; else `text` is a warning */
	CMD_ASK_SIGNAL,	     /* number: the signal that the guest is to be sent */
	CMD_ASK_LOOK,	     /* whether the nameservers have changed; at most once per second */
	/* binding.c and orders.c say how these go together. */
	CMD_ASK_SPEC,	  /* `text`: a port to bind; number: CMD_SPEC_ */
	CMD_ASK_BIND,	  /* number: CMD_BIND_ */
	CMD_ASK_MORE,	  /* of the sockets */
	CMD_ASK_KEEP,	  /* what was bound stands */
	CMD_ASK_DROP,	  /* it does not */
	CMD_ASK_RELEASE,  /* `text`: a port that stands no more; number: CMD_SPEC_ */
	CMD_ASK_RELEASED, /* to be told when that is done */
	CMD_ASK_RESERVE,  /* `reservation`: the keeper is to note it */
	CMD_ASK_UNRESERVE,
	CMD_ASK_SCAN,	     /* `scan` was recognised, or showed more: tell of it */
	CMD_ASK_PROGRAM,     /* `inquiry`: which program's flow it is */
	CMD_ASK_REMEMBER,    /* `answer`: that the user said always, for workers to come */
	CMD_ASK_RULE_WANTED, /* `rule`: a client's; number: enum cmd_rule_verb */
	CMD_ASK_SIEVE,	     /* `surge`: what the tap is to let through */
	CMD_ASK_RULE_DONE,   /* number: 0: it is in the host value, or out of it; or -errno */
};

/* Guard/ruled.c: changes of a guest's rules. */
enum cmd_rule_verb { CMD_RULE_NONE, CMD_RULE_ADD, CMD_RULE_REMOVE, CMD_RULE_END };

/* Where a rule of a guest stands. */
struct cmd_place {
	uint64_t order;	 /* in the host value */
	int64_t until_s; /* seconds since 1970; 0: for good */
	uint32_t id;	 /* its own for the life of the guest; 0: no rule */
};
struct cmd_rule_change {
	struct cmd_place place;
	int64_t until_s;  /* as who wants it says */
	uint32_t index;	  /* among the statements */
	bool filters;	  /* END: as in `ruled` */
	uint16_t program; /* ADD: the number of the program that it names, or 0 */
	char text[1024];  /* canonical, or as who wants it says */
};

#define CMD_SPEC_FIRST 1   /* what came before is forgotten */
#define CMD_SPEC_REACH 2   /* as of --reach */
#define CMD_BIND_AUTO 1	   /* for a port that the guest opened */
#define CMD_BIND_AGAIN 2   /* was refused before: not said again */
#define CMD_SPECS_MAX 64   /* in one order */
#define CMD_ORDER_MS 15000 /* after an order has come, the worker may have ports bound */

struct cmd_message {
	uint32_t kind;
	int32_t number;
	union {
		struct {
			pid_t init, worker; /* as the keeper sees them */
			bool vnet, has6;
		} begin;
		struct {
			uint32_t count;
			struct nameserver list[NAMESERVERS_MAX];
		} nameservers;
		struct {
			uint32_t count;
			struct relay_prefix list[RELAY_NEAR_MAX];
		} near;
		struct {
			char name[DRIVE_NAME_SIZE];
		} fellow;
		struct {
			struct relay_failure failure; /* where number is negative */
			uint32_t total, count;	      /* sockets; those beside this message */
			struct relay_door doors[CMD_CHANNEL_FDS_MAX];
		} bound;
		struct minato_owner client;
		struct drive_listeners listeners;
		struct drive_reservation reservation;
		struct minato_scan scan;
		struct cmd_holding holding;
		struct cmd_scope_of answer;
		struct cmd_rule_change rule;
		struct {
			bool filters; /* sockets that can have a filter have one */
			char text[512];
		} ruled;
		struct {
			uint64_t number;
			struct kernel_flow flow;
			bool all; /* the processes that hold it; else one */
		} inquiry;
		struct relay_surge surge;
		struct drive_error text;
	};
};

int cmd_channel_pair(int ends[2]);
/* Never waits: 0, -EAGAIN, -EPIPE when the other end is gone, or another negative errno. */
int cmd_channel_send(int channel, const struct cmd_message *message, const int *fds, size_t count);
/*
 * Waits for a message; 1, 0 at the end, or negative errno (-EPROTO: one that is none). fds has room
 * for CMD_CHANNEL_FDS_MAX; the caller closes what it is given.
 */
int cmd_channel_receive(int channel, struct cmd_message *message, int *fds, size_t *count);
/* The kind of the message that waits; 0 or negative errno. */
int cmd_channel_peek(int channel, uint32_t *kind);
/* Whether what a worker sent as true or false is one of them: any other byte must not be read. */
bool cmd_channel_is_bool(const bool *at);
/* Closes them. */
void cmd_channel_drop(const int *fds, size_t count);

/* ---- capturing.c: --capture ---- */

/* The file of a capture, in keeper and worker. */
struct cmd_capturing {
	const char *path; /* NULL: none */
	const char *size_text;
	uint64_t size_max;
	uint32_t snap;
	bool quiet;
	int fd; /* 0: none */
};

struct cmd_network;

/* A number of bytes, of 1,024 bytes with k, and so on with M, G and T; or -EINVAL. */
int64_t cmd_size_parse(const char *text);
/* CMD_GO_ON, or the exit code after it has said what is wrong. */
int cmd_capture_plan(struct cmd_capturing *capturing, const struct cmd_network *chosen,
		     const struct cmd_command *command);
/* Opens the file, if there is to be one; 0 or negative errno with a text. */
int cmd_capture_create(struct cmd_capturing *capturing, struct drive_error *error);
/* A worker has died: leaves the file whole, for its reader and for the next one. */
void cmd_capture_mend(const struct cmd_capturing *capturing);
/* In the worker: begins to write; *capture stays NULL if there is no file. 0 or negative errno. */
int cmd_capture_begin(struct drive_capture **capture, const struct cmd_capturing *capturing);
/* At each turn of the loop: writes what is due, and says why it has stopped. */
void cmd_capture_turn(struct drive_capture *capture, const struct cmd_capturing *capturing,
		      struct minato_time now, struct minato_time *next);

/* ---- harbour.c: the keeper, the process that the user started ----
 *
 *   the user's shell --- minato run: keeper ------------------- init --- the command
 *                          |  ports as bound, the tap,           own namespaces
 *                          |  the control socket's listener
 *                        worker: in a sandbox
 *                          host sockets, host value, relay <- tap -> tap0
 *
 * The keeper is small and moves no traffic. It keeps what a worker cannot get by itself, so that a
 * worker that dies can be replaced; the worker is a fork of it, and inherits the published ports.
 * When the keeper dies all ends.
 */

/*
 * What a keeper does that is none of a guest's (gateway/). A harbour whose trade is NULL keeps a
 * guest.
 */
struct cmd_harbour;

struct cmd_trade {
	const char *what; /* in sentences: "the gateway" */
	/* The life of a worker; as cmd_worker_main, it does not return. */
	void (*work)(struct cmd_harbour *harbour, const struct drive_sandbox *sandbox, int channel,
		     int saying);
	/* Before each fork of a worker but the first: it inherits what this sees to. */
	void (*replace)(struct cmd_harbour *harbour);
	/* A worker is ready; `again`: in the place of one that died. */
	void (*ready)(struct cmd_harbour *harbour, const struct cmd_message *message, bool again);
	/* A message that no worker of a guest sends; negative errno: no worker of ours does. */
	int (*take)(struct cmd_harbour *harbour, const struct cmd_message *message);
	/* A command asks it to end or, by another signal, to do what that means to it. */
	int (*signal)(struct cmd_harbour *harbour, int signo);
};

/* A worker as its keeper sees it. */
struct cmd_hand {
	pid_t pid; /* -1: none */
	int pidfd;
	int channel;
	int saying; /* the read end of its standard error */
	int64_t pid_watch, channel_watch, saying_watch;
	uint32_t said; /* bytes that time has not forgiven; beyond a bound nobody listens */
	struct minato_time forgiven; /* until then it has */
	struct minato_time listen;   /* when somebody listens again; 0: nobody is deaf */
	bool told_of;		     /* that some of it is left out */
	bool ready;
	struct minato_time until; /* ready by then, or killed */
};

#define CMD_WAITING_MAX 16

/* Where who comes is, as he came: later his number may be another process's. */
struct cmd_standing {
	bool inside; /* of a guest, or it may be */
	bool beside; /* us: in our network, and certainly in no guest */
};

/* A client whose request is not yet whole. */
struct cmd_waiting {
	int fd; /* 0: free */
	struct cmd_harbour *harbour;
	int64_t watch;
	struct minato_time until;
	struct cmd_standing standing;
};

/* Who comes to the control socket, until the worker has him; admitting.c. */
struct cmd_admitting {
	struct cmd_waiting waiting[CMD_WAITING_MAX];
	int64_t watch; /* of the listener; 0: no worker is ready */
	int spare[2];  /* descriptors' places, to accept with when there are no others; -1: none */
	bool said;     /* that somebody could not be taken in */
	struct minato_time again; /* nobody is taken in until then */
};

/* ---- see/exporter.c: the process that serves a guest's metrics; cmd/see/metrics.h ---- */

struct cmd_exporter {
	struct minato_endpoint at;
	int listener; /* 0: there are to be none */
	const char *guest;
	struct drive_loop *loop;
	pid_t pid; /* 0: none */
	int pidfd;
	int64_t watch;
	uint32_t deaths; /* in a row */
	struct minato_time died;
	char end[64]; /* how the last one died */
};

/* ---- guard/alerting.c: what is done when a scan was recognised; guard/scans.h ---- */

/* With a place in the statistic: 16 MB of address space, touched as it fills. */
#define CMD_SCAN_SOURCES (1u << 20)

enum cmd_alert_sort { CMD_ALERT_SYSLOG, CMD_ALERT_COMMAND, CMD_ALERT_FILE };

#define CMD_ALERTS_WAITING 16u
/* How much is told: so much at once, and one in a second after that. */
struct cmd_alert_bound {
	struct minato_time refilled;
	uint32_t tokens;
	uint32_t left_out;	   /* since the last that was told */
	struct minato_time latest; /* of those that were left out */
};
struct cmd_alerting {
	bool syslog;
	bool unheard;  /* nobody listens there, which was said */
	bool full;     /* who listens there does not read it now */
	uint32_t unsent; /* alerts that it did not take */
	struct minato_time tried;
	bool unwritten; /* nor can the file be written to */
	char *command; /* or NULL */
	char *path;    /* of the file, or NULL */
	int file;      /* 0: none */
	pid_t pid;     /* of the command that runs; 0: none */
	int pidfd;
	int64_t watch;
	struct minato_time began; /* of that command */
	bool long_said;		  /* that it runs for long */
	/* For whom it is run next. */
	struct minato_scan waiting[CMD_ALERTS_WAITING];
	uint32_t waiting_first, waiting_count;
	struct cmd_alert_bound saying;	/* lines, syslog and commands */
	struct cmd_alert_bound writing; /* the file */
};

/* ---- guard/rulelog.c: what rules with `log` decided, of a worker ---- */

struct cmd_rule_log {
	struct minato_time since;
	uint32_t said, left_out; /* since then */
};
/* Which rule it was, NULL if it is gone, and the link that the flow came by, "" if none. */
struct conf_run;
struct minato_rule_event;
struct cmd_rule_place {
	const struct conf_statement *rule;
	char link[48];
	const char *file; /* of the rule, where it is not the first one; borrowed, or NULL */
	bool unsaid;	  /* it was an event for the audit alone: the rule has no `log` */
};
typedef void cmd_rule_place_fn(void *user, const struct minato_rule_event *event,
			       struct cmd_rule_place *out);
void cmd_rule_log_turn(struct cmd_rule_log *log, struct minato *host, struct minato_time now,
		       cmd_rule_place_fn *find, void *user);
/* As one of these, of what was no event of the table. */
void cmd_rule_log_say(struct cmd_rule_log *log, const struct minato_rule_event *event,
		      const struct cmd_rule_place *place);
/* As conf_print, for who reads it: without a place in a gateway's own words, which nobody could
   say again. */
size_t cmd_rule_print(char *out, size_t size, const struct conf_statement *one);

/* ---- guard/ruling.c: rules of a guest ---- */

#define CMD_LAN_MAX 64u

/* Another guest of this user that rules name; guard/fellows.c, guard/fellowship.c. */
#define CMD_FELLOWS_MAX 128u
struct cmd_fellow {
	char name[DRIVE_NAME_SIZE]; /* empty: the place is free */
	/* The keeper: */
	struct cmd_harbour *harbour;
	int link; /* to its keeper, or -1 */
	int64_t watch;
	int roll; /* its memory, or -1 */
	uint32_t tries;
	struct minato_time again; /* when it is called again; 0: never */
	bool untold;		  /* the worker had no room for it */
	bool met;		  /* it was called once */
	uint32_t freed;		  /* when its place became free, in turns; 0: it never was taken */
	/* The worker: */
	const struct relay_roll *page; /* NULL: it does not run */
	uint32_t turn;		       /* of it, as it was last seen */
};
struct cmd_fellows;
/* Another keeper that was given our roll, and knows by the connection that we are there. */
#define CMD_ASKERS_MAX 128u
struct cmd_asker {
	int fd; /* 0: free */
	int64_t watch;
	struct drive_loop *loop;
	struct cmd_fellows *fellows;
};
struct cmd_fellows {
	/* Their numbers in rules are their places, from 1. */
	struct cmd_fellow list[CMD_FELLOWS_MAX];
	size_t count;	/* of places */
	uint32_t freed; /* places, ever */
	int files;	   /* where control sockets come to be; 0: not watched */
	int64_t files_watch;
	struct relay_roll *own; /* NULL: there is none */
	int own_fd;
	int diag; /* asks the kernel for sockets */
	struct cmd_asker askers[CMD_ASKERS_MAX];
	size_t asker_count;
};

struct cmd_ruling {
	struct conf conf;	  /* rules, zones and sets, in their sequence */
	struct cmd_place *places; /* of each statement; conf.count of them */
	uint32_t last_id;	  /* of a place */
	/*
	 * What shuts all but what is allowed by name or --allow, if a rule says so: one at most.
	 * The relay is the end of the sequence, and the table has no entry for it.
	 */
	struct conf closing;
	/* The keeper: what is under way, and what is to be said of it. */
	enum cmd_rule_verb changing;
	struct cmd_rule_change change;
	struct drive_error note;
	struct relay_prefix lan[CMD_LAN_MAX];
	size_t lan_count;
	struct relay_prefix own[CMD_LAN_MAX]; /* the host's addresses, and its loopback */
	size_t own_count;
	struct cmd_fellows fellows;
	/* By which hosts of lan come; none where the host has no other device with an address. */
	struct relay_devices devices;
};
struct cmd_harbour;
/*
 * Reads --rule and --rules (path, or NULL) for a guest of that name (NULL: not chosen yet).
 * CMD_GO_ON, or the exit code, said.
 */
int cmd_ruling_plan(struct cmd_harbour *harbour, const struct cmd_many *rules, const char *path,
		    const char *guest);
void cmd_ruling_free(struct cmd_ruling *ruling);
/* The rule at the end, as it has decided; NULL: nobody has said it. */
const struct conf_statement *cmd_ruling_closing(const struct cmd_ruling *ruling);
struct relay_attempt;
/* The worker: a flow that nothing let out, counted for it and logged. */
void cmd_ruling_shut(struct cmd_worker *worker, const struct relay_attempt *attempt);
/*
 * Whether these sentences, which are taken over, go together for a guest that began with nothing
 * else: programs that are there, names with what shuts the rest. 0 or negative errno with a text.
 */
int cmd_ruling_whole(struct conf *conf, struct conf_report *report);

/* ---- guard/hostlinks.c ---- */

struct cmd_hostlinks {
	int fd; /* 0: none */
	int64_t watch;
	bool untold;		  /* they have changed, and the worker had no room for it */
	bool full;		  /* there were too many, which was said */
	struct minato_time again; /* when it is tried again */
};
struct cmd_harbour;
/*
 * Tells the worker CMD_TELL_NEAR, as at its beginning, if names of the guest's are not to lead
 * there; and CMD_TELL_LAN. 0 or negative errno.
 */
int cmd_hostlinks_tell(struct cmd_harbour *harbour);
/* What it could not be told, if so; when that is due. */
struct minato_time cmd_hostlinks_turn(struct cmd_harbour *harbour, struct minato_time now);
/* Tells it whenever addresses of the host change. 0 or negative errno. */
int cmd_hostlinks_watch(struct cmd_harbour *harbour);
void cmd_hostlinks_close(struct cmd_harbour *harbour);

/* ---- guard/nearby.c ---- */

/* Finds lan anew: its prefixes and devices; and the host's addresses. Whether they are others. */
bool cmd_ruling_look_around(struct cmd_ruling *ruling);

/* ---- guard/following.c: what rules mean changes while they stand ---- */

struct cmd_worker;
/* CMD_TELL_LAN. */
void cmd_following_lan(struct cmd_worker *worker, const struct cmd_message *message);
/* Other guests run, or have published other ports, or the host has other addresses. */
void cmd_following_fellows(struct cmd_worker *worker);

/* ---- guard/fellows.c: other guests that rules name: the keeper ---- */

#define CMD_ROLL_REQUEST "roll"
/* Notes a name. 0; -ENOSPC, -EINVAL. */
int cmd_fellows_add(struct cmd_fellows *fellows, const char *name);
/* Its number, from 1; 0: it is not noted. */
uint16_t cmd_fellows_number(const struct cmd_fellows *fellows, const char *name);
/*
 * Notes those that the rules of the guest of this name name. 0, or negative errno with a text; then
 * *one is the rule of which there is no room for a name, in that part.
 */
int cmd_fellows_find(struct cmd_ruling *ruling, const char *guest,
		     const struct conf_statement **one, enum conf_part *part,
		     struct drive_error *error);
/* Those that no rule names any more are forgotten, and their places are free. */
void cmd_fellows_forget(struct cmd_harbour *harbour);
/* Whether a guest of this name runs, or a gateway. */
bool cmd_fellows_runs(const char *name);
/* What is wrong with names beside the guests that run: errors and warnings. */
void cmd_fellows_judge(const struct conf *conf, const char *guest, struct conf_report *report);
/* Its own roll, before the first worker; and all that is open. */
void cmd_fellows_begin(struct cmd_harbour *harbour);
void cmd_fellows_end(struct cmd_harbour *harbour);
/* Calls those that were noted since, and tells the worker. */
void cmd_fellows_meet(struct cmd_harbour *harbour);
/* Tells a worker that begins. */
void cmd_fellows_tell(struct cmd_harbour *harbour);
void cmd_fellows_settle(struct cmd_harbour *harbour);
struct minato_time cmd_fellows_turn(struct cmd_harbour *harbour, struct minato_time now);
/* Gives a client the roll and keeps its descriptor. False: it is still the caller's. */
bool cmd_fellows_serve(struct cmd_harbour *harbour, int fd);

/* ---- guard/fellowship.c: the same: the worker ---- */

/* CMD_TELL_FELLOW and its descriptor (or -1), CMD_TELL_OWN. */
void cmd_fellowship_told(struct cmd_worker *worker, const struct cmd_message *message, int fd);
void cmd_fellowship_own(struct cmd_worker *worker, const struct cmd_message *message);
void cmd_fellowship_look(struct cmd_worker *worker);
bool cmd_fellowship_is_own(const struct cmd_ruling *ruling, const struct minato_addr *addr);
/* As relay_config's `caller`; user: the worker. */
uint16_t cmd_fellowship_caller(void *user, enum minato_proto proto,
			       const struct minato_endpoint *caller,
			       const struct minato_endpoint *local);
/* As conf_zones' `doors`; user: the worker. */
int cmd_fellowship_doors(void *user, const char *word, conf_door_fn *each, void *each_user);
/* The guest that has published this place, as our guest sees it; or NULL. */
const char *cmd_fellowship_at(struct cmd_worker *worker, enum minato_proto proto,
			      const struct minato_endpoint *to);

/* ---- guard/ruletrial.c ---- */

/* Reports what is none of a guest's. */
void cmd_ruling_judge(const struct conf *conf, struct conf_report *report);
/* Warns of a rule about a program at a path where none is now. */
void cmd_ruling_programs(const struct conf_statement *one, struct conf_report *report);
/* What the words of its rules mean; `lan` is lent to the zones. */
void cmd_ruling_zones(const struct cmd_ruling *ruling, const struct cmd_programs *programs,
		      const char *name, struct conf_zones *zones,
		      struct conf_prefix lan[CMD_LAN_MAX]);
/* Asks its test lines (conf_try_guest). 0, or negative errno with a text. */
int cmd_ruling_try(const struct cmd_ruling *ruling, const char *name, conf_verdict_fn *each,
		   void *user, struct drive_error *error);
/* The same at a start, which says what is not met, and takes the lines out. CMD_GO_ON or a code. */
int cmd_ruling_test(struct cmd_ruling *ruling, const char *name, const char *file);

/* Says which published ports are shut to all but lan though no rule says so. */
void cmd_ruling_warn(const struct cmd_harbour *harbour);
/* The struct conf's `behind` of what is published; how many. */
uint32_t cmd_ruling_behind(const struct relay_publish *list, struct conf_run *out);
/* A cmd_rule_place_fn of a guest; it audits what may not go out; user: its worker. */
void cmd_ruling_place(void *user, const struct minato_rule_event *event,
		      struct cmd_rule_place *out);
/* Rules of a start have this distance in the host value, and the first this order. */
#define CMD_RULE_STEP (UINT64_C(1) << 32)
#define CMD_RULE_FIRST (UINT64_C(1) << 62)
/* A guest's --allow has room for so many names of rules that are said while it runs. */
#define CMD_RULE_NAMES 256u
/* Whether a name of the DNS is in the rule. */
bool cmd_ruling_names(const struct conf_rule *rule);
/* Adds what a rule of this order lets out to --allow. 0, or negative errno with a text. */
int cmd_ruling_allow(struct cmd_harbour *harbour, const struct conf_rule *rule, uint64_t order,
		     struct drive_error *error);
/* The order of the n-th rule of a start, n from 1 on. */
uint64_t cmd_ruling_order(uint64_t n);
/* Entries of rules have this word with the place's id; 0: what is shut to all but lan. */
#define CMD_WORD_RULE (UINT64_C(1) << 40)
/* How many entries the rules are in a host value, with room for what is said while it runs. */
uint32_t cmd_ruling_entries(const struct cmd_harbour *harbour);
struct cmd_worker;
/* What an entry of the statement of that index needs besides: place, word, whether it logs. */
void cmd_ruling_complete(const struct cmd_harbour *harbour, size_t index,
			 struct minato_entry *entry);
/* Enters all rules, or that of one statement (SIZE_MAX: all). 0 or negative errno. */
int cmd_ruling_enter(struct cmd_worker *worker, size_t index);
/*
 * After each change: "block out everything" leaves the resolver to what is allowed before it, which
 * has to ask where its servers are. 0 or negative errno.
 */
#define CMD_WORD_RESOLVER (CMD_WORD_RULE | UINT32_MAX)
int cmd_ruling_resolver(struct cmd_worker *worker);

/*
 * In the keeper: the host's kernel is to refuse what the rules refuse at these ports, as far as it
 * can (relay_screen_list); `live`: flows may stand. Of memory that is out nothing is said: then the
 * worker refuses.
 */
void cmd_ruling_screen(const struct cmd_harbour *harbour, struct relay_publish *list, bool live);
/* In the worker: notes what the keeper makes of its sockets; `filters`: it can. */
void cmd_ruling_foresee(struct cmd_worker *worker, bool filters);
/* In the keeper, guard/rulewarn.c: how a port comes to be bound as rules and devices are now. */
#define CMD_ANEW_TEXT 512u
const char *cmd_ruling_anew(char out[CMD_ANEW_TEXT], const char *guest,
			    const struct relay_spec *spec);
/*
 * Of a port that is bound at the devices of lan, while since the last look the rules let others
 * come: says so. False: there is none.
 */
bool cmd_ruling_outgrown(struct cmd_harbour *harbour, char *out, size_t size);
/* Says so where a port is not bound at a device that was not of lan `before`. */
void cmd_ruling_devices(const struct cmd_harbour *harbour, const struct relay_devices *before);
/*
 * In the keeper: relay_publish_open of a list. Its ports for lan alone are bound at the devices of
 * lan where the kernel lets us have no filter.
 */
int cmd_ruling_open(const struct cmd_harbour *harbour, struct relay_publish *list, bool has6);

struct cmd_harbour {
	/* Filled in by the caller. */
	const struct cmd_trade *trade; /* NULL: a guest's */
	struct drive_plan plan;
	const struct drive_target *target; /* NULL: the guest is made here */
	enum drive_attach how;
	struct relay_publish publish; /* with its ports bound */
	char name[DRIVE_NAME_SIZE];
	int listener; /* of the control socket; taken over */
	bool host_loopback;
	bool quiet; /* nothing but errors is said */
	struct cmd_capturing capturing;
	struct relay_allows allows; /* where the guest may go, if closed */
	bool closed;
	struct cmd_auditing auditing;
	bool ask;		      /* about what nothing lets out */
	struct cmd_scope_of *answers; /* of always, CMD_ANSWERS_MAX of them; NULL: none yet */
	size_t answer_count;
	bool seeking;		      /* programs are looked for */
	bool sought;		      /* they can be */
	struct cmd_programs programs; /* those that rules name */
	struct kernel_seeker seeker;
	struct cmd_ruling ruling;
	struct cmd_exporter exporter;
	struct cmd_alerting alerting;

	struct relay_publish pending; /* asked for by the worker, not yet kept */
	size_t pending_sent;
	bool pending_auto, pending_bound;
	/* What was published for ports that the guest opened, when the last worker died. */
	struct relay_spec *stood;
	size_t stood_count;
	struct drive_reserved reserved;
	uint32_t refusals;	     /* of ports that the guest opened, said so far */
	struct minato_time admitted; /* when the latest client with an order was */
	uint32_t orders_due;	     /* clients with one that have not yet been heard */
	bool orders_held;	     /* they wait behind a change that is under way */

	struct drive_loop *loop;
	struct drive_guest guest; /* its tap stays open here */
	int netns; /* keeps the guest's sockets until they have said their last words */
	struct nameservers nameservers;
	struct cmd_hostlinks hostlinks;
	struct cmd_hand hand;
	struct drive_error warning;		   /* what the sandbox lacks, or empty */
	struct minato_time deaths[CMD_DEATHS_MAX]; /* of workers, the latest last */
	char hand_end[64];			   /* how the last one died, until it is said */
	struct minato_time orphans_again;
	struct cmd_admitting admitting;
	struct cmd_passing passing;
	int64_t end_watch, ear_watch;
	struct cmd_detach detach;
	bool sieved; /* the tap has a filter */
	bool cut;    /* the end was asked for: nothing that is under way is awaited */
	bool ending; /* the command has ended, with this exit code: */
	int code;
	struct minato_time ending_until;
	pid_t pid; /* ours */
	uid_t uid;
	struct minato_time started;
	int64_t started_s; /* seconds since 1970 */
};

/*
 * Makes the guest and all beside it, but does not start the command. 0 or negative errno with a
 * text; cmd_harbour_close is then due all the same.
 */
int cmd_harbour_open(struct cmd_harbour *harbour, struct drive_error *error);
/* Starts the command, if the guest is to have one. 0 or negative errno with a text. */
int cmd_harbour_go(struct cmd_harbour *harbour, struct drive_error *error);
/* Serves the guest to its end; its exit code, or negative errno with a text. */
int cmd_harbour_run(struct cmd_harbour *harbour, struct drive_error *error);
/* The process by whose number the guest is entered. */
pid_t cmd_harbour_entrance(const struct cmd_harbour *harbour);
/*
 * Gives the command a signal (where there is none, those that ask for the end are the end of the
 * attachment); 0 or negative errno. When it has ended already, the signal cuts short
 * what is still to be delivered.
 */
int cmd_harbour_signal(struct cmd_harbour *harbour, int signo);
void cmd_harbour_close(struct cmd_harbour *harbour);

/* ---- hand.c: the keeper's worker: start, messages, death ---- */

/* How long a worker may take to get ready: a thousand times what it needs. */
#define CMD_START_MS 20000

/* Forks a worker, which sets itself up and waits. 0 or negative errno with a text. */
int cmd_hand_start(struct cmd_harbour *harbour, struct drive_error *error);
/* Gives it what it begins with; the guest must be made. */
int cmd_hand_begin(struct cmd_harbour *harbour);
/*
 * Begins with the first worker, waits until it is ready, but not longer than so many milliseconds,
 * and watches it from now on. 0, or its error; then there is none any more.
 */
int cmd_hand_await(struct cmd_harbour *harbour, int patience_ms, struct drive_error *error);
/* Kills a later one that does not get ready in time; returns when that is due. */
struct minato_time cmd_hand_turn(struct cmd_harbour *harbour, struct minato_time now);
/* Sends a message without more, to a worker that is ready. */
int cmd_hand_tell(struct cmd_harbour *harbour, enum cmd_message_kind kind);
/* Ends the worker, and waits until it is gone. */
void cmd_hand_end(struct cmd_harbour *harbour);
/* Then: another one, by its maker's will. 0 or negative errno with a text. */
int cmd_hand_renew(struct cmd_harbour *harbour, struct drive_error *error);

/* ---- admitting.c: the keeper takes in who comes to the control socket ---- */

/*
 * Whether the process at the other end of a connection (who connected, or called listen()) is where
 * the keeper is, and not in a guest. No, if it lives no more, or the kernel cannot tell that.
 */
bool cmd_admitting_is_beside(const struct cmd_harbour *harbour, int fd);

/* Before anything else of it, and its end. */
void cmd_admitting_begin(struct cmd_harbour *harbour);
void cmd_admitting_end(struct cmd_harbour *harbour);
/* A worker is ready for clients; there is none any more. */
void cmd_admitting_start(struct cmd_harbour *harbour);
void cmd_admitting_stop(struct cmd_harbour *harbour);
/* The worker has read: there is room for more. */
void cmd_admitting_go_on(struct cmd_harbour *harbour);
/* No order is due any more, if the time of the latest is over. */
void cmd_admitting_lapse(struct cmd_harbour *harbour);
/* What is due; returns when it is next. */
struct minato_time cmd_admitting_turn(struct cmd_harbour *harbour, struct minato_time now);

/* ---- sieving.c: a guest that calls everywhere at once ---- */

/* In the keeper: CMD_ASK_SIEVE; and that a worker is no more. */
void cmd_sieving_take(struct cmd_harbour *harbour, const struct relay_surge *surge);
void cmd_sieving_end(struct cmd_harbour *harbour);
/* In the worker: as relay_config's `surge`; user: the worker. */
bool cmd_sieving_ask(void *user, const struct relay_surge *surge);

/* ---- binding.c: the keeper binds ports while the guest runs ---- */

/* Each takes what a worker said and believes nothing; negative errno: none of ours says that. */
int cmd_binding_spec(struct cmd_harbour *harbour, const struct cmd_message *message);
void cmd_binding_bind(struct cmd_harbour *harbour, int flags);
void cmd_binding_more(struct cmd_harbour *harbour);
void cmd_binding_keep(struct cmd_harbour *harbour);
void cmd_binding_release(struct cmd_harbour *harbour, const struct cmd_message *message);
/* Gives the worker the way to see what the guest has open. 0, or negative errno, said. */
int cmd_binding_listeners(struct cmd_harbour *harbour);
/* The worker is no more: what it had not kept, and what the guest's ports were, is closed. */
void cmd_binding_forget(struct cmd_harbour *harbour);

/* ---- orphans.c: connections of the guest whose other end died with a worker ---- */

/*
 * The keeper: tells its worker which connections the guest has. Returns when to do so again, once,
 * for what was lost; MINATO_NEVER where there are none.
 */
struct minato_time cmd_orphans_tell(struct cmd_harbour *harbour);

/* The worker's list, as it came. */
struct cmd_orphans {
	int fd; /* -1: none */
	struct minato_time next;
};
/* Takes over the descriptor of a list. */
void cmd_orphans_take(struct cmd_orphans *orphans, int fd);
/* Challenges as many as are due; returns when the next are. */
struct minato_time cmd_orphans_turn(struct cmd_orphans *orphans, struct minato *host, uint8_t scope,
				    struct minato_time now);

/* ---- worker.c: the process that moves the traffic ---- */

/* Scopes of its host value: of the guest's frames, and of what arrives at the host's sockets. */
#define CMD_SCOPE_INSIDE 0
#define CMD_SCOPE_OUTSIDE 1

struct cmd_control;

/* What is under way between a worker and its keeper. */
struct cmd_orders {
	bool busy;
	bool automatic;		   /* for a port that the guest opened, not for a client */
	struct relay_publish list; /* what was asked for, with the sockets that have come */
	uint64_t client;
	json_t *reply;		 /* of a removal, once its ports are free */
	bool unfenced;		 /* that is still to be asked for */
	struct relay_spec *owed; /* still to be released */
	size_t owed_count;
};

struct cmd_worker {
	struct cmd_harbour *harbour; /* our copy, as it was at the fork */
	int channel;
	int crowd; /* /proc/loadavg, for the loop, or -1 */
	struct drive_loop *loop;
	struct drive_tap *tap;
	struct drive_capture *capture; /* or NULL */
	int64_t tap_watch;
	bool starved; /* no chunk to read frames into: not watched for a while */
	bool blocked; /* the tap had no room: watched for room */
	struct cmd_modest {
		bool resting; /* the tap is not watched */
		struct minato_time until;
		int64_t begun_ns; /* the last look, and what was counted then */
		uint64_t frames, vain;
		int64_t spent_ns;	     /* of the processor */
		int64_t wanted_ns, switches; /* by other programs */
	} modest;
	struct minato *host;
	struct relay *relay;
	struct cmd_control *control;
	struct cmd_orders orders;
	/* Entries for what is reserved, room for CMD_RESERVED_MAX; NULL: not yet. */
	struct {
		uint64_t *entries;
		size_t count;
	} reserved;
	struct cmd_orphans orphans;
	struct cmd_attempts attempts;
	struct cmd_rule_log rule_log;
	struct cmd_witness witness;
	struct {
		bool busy;	 /* a change of rules is under way, */
		uint64_t client; /* of this client */
		uint64_t *hits;	 /* of each place's id, since the listing began */
		size_t hit_count;
		uint64_t shut;	      /* flows that nothing lets out */
		uint64_t resolver[2]; /* entries of cmd_ruling_resolver; 0: none */
	} ruled;
	struct cmd_asked asked;
	int64_t channel_watch;
	bool ending; /* the guest has ended: its last words until */
	struct minato_time ending_until;
};

/*
 * modest.c: of a guest that floods while other programs want the processor. Sets modest.resting;
 * returns when to come again.
 */
struct minato_time cmd_modest_turn(struct cmd_worker *worker, struct minato_time now);

/* The life of a worker from its first instruction, with its end of the channel. */
_Noreturn void cmd_worker_main(struct cmd_harbour *harbour, const struct drive_sandbox *sandbox,
			       int channel, int saying);
/* Its beginning: standard streams that lead nowhere but, for what goes wrong, to the keeper. */
void cmd_worker_streams(int saying);
/* An open /proc/loadavg, for the loop, or -1. */
int cmd_worker_crowd(void);
/* Asks the keeper to send the guest a signal. 0 or negative errno. */
int cmd_worker_signal(struct cmd_worker *worker, int signo);

/* Acts in the host value as the guest's own keeper: what minato makes for it by itself. */
void cmd_worker_act(struct cmd_worker *worker);

/* ---- orders.c: forwards added and removed while the guest runs ---- */

/* The keeper's answer; takes the descriptors over. */
void cmd_orders_bound(struct cmd_worker *worker, const struct cmd_message *message, const int *fds,
		      size_t count);
/* The keeper has closed what was removed. */
void cmd_orders_released(struct cmd_worker *worker);
/* The keeper is to give it up, now or when there is room to say so. */
void cmd_orders_release(struct cmd_worker *worker, const struct relay_spec *spec);
/* Says what found no room before. */
void cmd_orders_pay(struct cmd_worker *worker);
/* relay_config's; `user` is the worker. */
int cmd_orders_port_open(void *user, const struct relay_spec *spec, bool again);
void cmd_orders_port_closed(void *user, const struct relay_spec *spec);
/* struct cmd_answers's. */
int cmd_orders_add(void *user, uint64_t client, const json_t *request, struct drive_error *error);
int cmd_orders_remove(void *user, uint64_t client, const json_t *request,
		      struct drive_error *error);
json_t *cmd_orders_row(void *user, uint64_t *cursor);
/* "kernel", "devices", "late", or null: who keeps out whom rules refuse. */
json_t *cmd_wall_word(enum relay_screened screened);

/* ---- guard/ruled.c: rules of a guest that come and go while it runs ---- */

/* Whether the statement is a rule. */
bool cmd_ruled_is_rule(const struct cmd_ruling *ruling, size_t index);
/* The rule that has this place in the sequence; or NULL. */
const struct conf_statement *cmd_ruled_at(const struct cmd_ruling *ruling, uint64_t order);
/* Inserts a copy of a rule, whose end is the place's alone. 0, -ENOMEM, -ENOSPC. */
int cmd_ruled_insert(struct cmd_ruling *ruling, size_t index, const struct conf_statement *one,
		     const struct cmd_place *place);
void cmd_ruled_take_out(struct cmd_ruling *ruling, size_t index);
/* Takes those guards out of the table of which it is true. */
typedef bool cmd_ruled_is_fn(void *user, const struct minato_row *row);
void cmd_ruled_clear(struct minato *host, cmd_ruled_is_fn *is, void *user);
/* The keeper: what its worker asks, and that the worker is no more. */
void cmd_ruled_wanted(struct cmd_harbour *harbour, const struct cmd_message *message);
void cmd_ruled_done(struct cmd_harbour *harbour, const struct cmd_message *message);
void cmd_ruled_forget(struct cmd_harbour *harbour);
/* Takes out what is over; when to look again. */
struct minato_time cmd_ruled_turn(struct cmd_harbour *harbour, struct minato_time now);
/* The worker: as cmd_further's `order`; what the keeper tells; the next statement, as `row`. */
int cmd_ruled_order(void *user, uint64_t client, const json_t *request, struct drive_error *error);
void cmd_ruled_told(struct cmd_worker *worker, const struct cmd_message *message);
json_t *cmd_ruled_row(struct cmd_worker *worker, uint64_t *cursor);

/* ---- guard/whose.c ---- */

/*
 * The gateway or guest of that name; without one (NULL) the only gateway that runs, or else the
 * only guest. CMD_OK, or the exit code, said.
 */
int cmd_whose_choose(char name[DRIVE_NAME_SIZE], const char *word, bool *guest);

/* ---- guard/guestwhy.c: why a flow of a guest passes or not ---- */

/* The reply to {"request":"why","proto":P,"from":END,"to":END}: the steps. */
json_t *cmd_guest_reasons(struct cmd_worker *worker, const json_t *message);

/* ---- guard/steps.c: a step of an explanation as JSON ---- */

struct minato_step;
/* A verdict is part of it. */
bool cmd_step_judges(const struct minato_step *step);
json_t *cmd_step(const struct minato_step *step);
/*
 * Adds the statement that it is of, and its end, if it is not 0; NULL: what is shut to all but lan,
 * though nobody said so.
 */
void cmd_step_by(json_t *item, const struct conf *conf, const struct conf_statement *one,
		 int64_t until_s);
/* What a gateway or guest says there, if it may be shown: "?" if not, NULL if it says nothing. */
const char *cmd_step_says(const json_t *object, const char *member);
/*
 * "line 4 of web.conf: block tcp 22 until 2026-12-01 18:00:00", or what is known of it; and that as
 * what refuses: " by line 4: block tcp 22", ": not allowed" where no statement says so.
 */
#define CMD_STEP_PLACE_SIZE (CONF_TEXT_SIZE + 768)
const char *cmd_step_place(const json_t *step, char *out, size_t size);
const char *cmd_step_blame(const json_t *step, char *out, size_t size);

/* ---- network.c: what run and attach have in common ---- */

#define CMD_MTU_DEFAULT 1500

/* The values of the options of a guest's network. */
struct cmd_network {
	struct cmd_many publish, reach, cidr, allow, rule;
	const char *name, *log, *rules;
	const char *capture, *capture_size, *metrics, *audit;
	long mtu, ready_fd, capture_snap;
	bool only4, only6, host_loopback, allow_private, ask, detach, verbose, quiet;
};

#define CMD_NETWORK_DEFAULTS                                                                       \
	{                                                                                          \
		.mtu = CMD_MTU_DEFAULT, .ready_fd = -1,                                            \
	}

extern const struct cmd_shared cmd_network_options;
/*
 * Fills in the harbour's plan and its ports, of which none is bound yet. Returns CMD_GO_ON, or the
 * exit code after it has said what is wrong. In either case cmd_network_forget is due.
 */
int cmd_network_plan(struct cmd_harbour *harbour, const struct cmd_network *chosen,
		     const struct cmd_command *command);
/* Frees what the plan holds of a harbour that cmd_harbour_close has not closed. */
void cmd_network_forget(struct cmd_harbour *harbour);
/*
 * Goes to the background where that is asked for: to be called before anything is taken. Returns as
 * cmd_network_plan; in the caller's process the exit code, when all is ready or has failed.
 */
int cmd_network_begin(struct cmd_harbour *harbour, const struct cmd_network *chosen);
/*
 * Takes the ports and the name (by default one made of the program's): what another program can
 * have taken before us. Returns as cmd_network_plan.
 */
int cmd_network_take(struct cmd_harbour *harbour, const struct cmd_network *chosen,
		     const char *program);
/* Says that the host itself cannot reach far now, if so. */
void cmd_network_tell_route(const struct drive_subnet *subnet);
/* Says that the subnet is not the usual one. */
void cmd_network_tell_subnet(const struct drive_subnet *subnet);
/* Says the guest's addresses and what is published. */
void cmd_network_tell(const struct cmd_harbour *harbour);
/* Says what is missing in a guest that is made, or, with --verbose, what it has. */
void cmd_network_warn(const struct cmd_harbour *harbour, const struct cmd_network *chosen);
/* Tells that all is ready, and serves the guest that goes to its end; the exit code. */
int cmd_network_serve(struct cmd_harbour *harbour, const struct cmd_network *chosen);

/* ---- answers.c: what a worker says to clients of the control socket ---- */
struct cmd_answers;
struct cmd_answers cmd_answers_of(struct cmd_worker *worker);
/* Calls back for each counter of the host value, the relay and the tap. */
void cmd_worker_counters(const struct cmd_worker *worker,
			 void (*each)(void *user, const char *name, uint64_t value), void *user);

/* ---- control.c: the server's side of the control socket ---- */

/*
 * A request is one JSON object in a line, at most CMD_LINE_MAX bytes with its newline:
 * {"v":1,"request":"info"}. Each reply is one or more such lines. The last has "done":true; an
 * error has "error":"text". Requests: info; rows (lines with "rows":[...], then the last; with
 * "tcp":true each connection has a member "tcp"); cut (with "handle": ends the flow of that row);
 * stop (with "signal":number); forwards (lines with "forwards":[...], then the last); forward-add
 * and forward-rm (with "specs" and "reach", lists of texts): all or nothing, one at a time;
 * metrics (one line, after a walk through the table: all "counters", "tcp_states" as the guest
 * sees them, "udp_flows", "icmp_flows", "other_flows" (of protocols without ports), "ports" in use
 * of system, user and dynamic kind, "ports_resting", of a gateway "mappings" of TCP, UDP and ICMP,
 * and the bytes of "rules", which are forwards); reserved (lines with "reserved":[...], then the
 * last); reserve-add and reserve-rm (with one "reservation", as reserved lists them). A gateway
 * knows besides what gateway/gateway.h says. An order, which is forward-add, reserve-add,
 * reserve-rm, change or reload, is the first request of its connection, and the only order there:
 * the keeper lets the worker carry out what it has itself seen come.
 */
#define CMD_LINE_MAX 65536
#define CMD_CLIENTS_MAX 16
#define CMD_IDLE_MS 5000

struct cmd_census; /* cmd/see/metrics.h */

/* What a running guest can be asked for. */
struct cmd_answers {
	/* A new reference to the members of an info reply; NULL when memory ran out. */
	json_t *(*info)(void *user);
	/* The next row of the table, as a new reference; NULL after the last. */
	json_t *(*row)(void *user, uint64_t *cursor);
	/* As `row`, and of a connection the member "tcp". */
	json_t *(*row_tcp)(void *user, uint64_t *cursor);
	/* Ends the flow of that row's handle; 0, -ENOENT when it is none of the guest's flows. */
	int (*cut)(void *user, uint64_t handle);
	/* Sends the guest a signal; 0 or negative errno. */
	int (*signal)(void *user, int signo);
	/* Notes a reserved port, or that it is none any more; 0 or negative errno with a text. */
	int (*reserve)(void *user, const json_t *request, bool add, struct drive_error *error);
	/* The next reserved port, as `row`. */
	json_t *(*reserved)(void *user, uint64_t *cursor);
	/* The next forward, as `row`. */
	json_t *(*forward)(void *user, uint64_t *cursor);
	/* The next scan, as `row`; 0 or -EBADF. */
	json_t *(*scan)(void *user, uint64_t *cursor);
	int (*scan_forget)(void *user, uint64_t number);
	/* Goes on counting the table in a census that began all zero; true when it is complete. */
	bool (*census)(void *user, struct cmd_census *census);
	/* The reply that is made of it. */
	json_t *(*metrics)(void *user, const struct cmd_census *census);
	/*
	 * Adds forwards: 0, the reply comes by cmd_control_reply; -EAGAIN when another order is
	 * under way, cmd_control_resume says when to ask again; another negative errno with a text.
	 */
	int (*add)(void *user, uint64_t client, const json_t *request, struct drive_error *error);
	/* Removes them; otherwise as `add`. */
	int (*remove)(void *user, uint64_t client, const json_t *request,
		      struct drive_error *error);
	/* What is asked of a gateway besides (gateway/); NULL where this is none. */
	const struct cmd_further *further;
	void *user;
};

struct cmd_further {
	/* change, reload: as `add`. */
	int (*order)(void *user, uint64_t client, const json_t *request, struct drive_error *error);
	/* The name of the listing that is asked for, as a constant; NULL: it is none. */
	const char *(*listing)(const char *request);
	/* The next item of it, as `row`. */
	json_t *(*item)(void *user, const char *listing, uint64_t *cursor);
	/* The reply, as a new reference; NULL: no such request. */
	json_t *(*ask)(void *user, const char *request, const json_t *message);
};

/*
 * Answers clients from the loop. A client never blocks us: what it does not read waits in its own
 * bounded buffer, a client silent for CMD_IDLE_MS is closed, and the one silent longest gives way
 * to the seventeenth.
 */
int cmd_control_open(struct cmd_control **control, struct drive_loop *loop,
		     const struct cmd_answers *answers);
/*
 * Sees that there is a place and a descriptor for one more client, whatever traffic has taken;
 * cmd_control_admit follows.
 */
void cmd_control_expect(struct cmd_control *control);
/*
 * Takes over the client's socket, which must be non-blocking; -1: none came. `who` it is, as the
 * keeper saw it, is copied.
 */
void cmd_control_admit(struct cmd_control *control, int fd, const struct minato_owner *who,
		       enum cmd_client_right right);
/* Whether the request is one that only the keeper can carry out. */
bool cmd_control_is_order(const char *request);
/* The client of that number, or NULL when it has gone. Borrowed until the loop turns. */
const struct minato_owner *cmd_control_client(const struct cmd_control *control, uint64_t client);
/* The reply that a client waits for (reference taken over); it may be gone by now. */
void cmd_control_reply(struct cmd_control *control, uint64_t client, json_t *reply);
/* The order that was in the way is done: the next. */
void cmd_control_resume(struct cmd_control *control);
/* Ends it; the loop is not turned again afterwards. */
void cmd_control_close(struct cmd_control *control);

/* ---- asking.c: the other side ---- */

struct cmd_client {
	int fd;
	pid_t pid; /* of the running guest's minato */
	char *line;
	size_t used, parsed;
	char name[DRIVE_NAME_SIZE];
	char *request; /* the last one, while nothing of its answer has come */
	bool refused;  /* what came last was no reply, or said an error */
	int tries;
	unsigned patience_s; /* 0: as is usual */
};

/* Connects to the guest of that name; 0 or negative errno with a text (-ENOENT: no such guest). */
int cmd_client_open(struct cmd_client *client, const char *name, struct drive_error *error);
/* How long it waits for answers, from now on. */
void cmd_client_wait(struct cmd_client *client, unsigned seconds);
void cmd_client_close(struct cmd_client *client);
#define CMD_INSIDE_TEXT                                                                            \
	"orders are not taken from inside of a guest, which could open ways for itself; give "     \
	"them outside"
/*
 * Whether it is asked from inside of a guest, which gives no orders and looks into no process out
 * there; then the text of an error says so.
 */
bool cmd_client_is_inside(const struct cmd_client *client, struct drive_error *error);
/*
 * Sends a request (reference taken over). If the guest's worker dies before it has answered
 * anything, the next one is asked.
 */
int cmd_client_send(struct cmd_client *client, json_t *request, struct drive_error *error);
/*
 * The next line of the reply as a new reference; NULL with a text when there is none, it is no
 * reply, or it says an error.
 */
json_t *cmd_client_next(struct cmd_client *client, struct drive_error *error);
/* Sends {"v":1,"request":name} and returns the one line of its reply. */
json_t *cmd_client_ask(struct cmd_client *client, const char *name, struct drive_error *error);

/* ---- guests.c: running guests as the commands see them ---- */

/* An info reply, read. `reply` owns the texts. */
struct cmd_guest {
	struct view_guest view;
	struct view_port *ports;
	char *command;
	bool outside; /* of the one that we are in */
};

int cmd_guest_read(struct cmd_guest *guest, const json_t *reply);
void cmd_guest_free(struct cmd_guest *guest);
/* Asks one guest; 0 or negative errno with a text. */
int cmd_guest_ask(struct cmd_guest *guest, const char *name, struct drive_error *error);

struct cmd_names {
	char (*list)[DRIVE_NAME_SIZE];
	size_t count;
};
/* The names of all running guests of this user. 0 or negative errno with a text. */
int cmd_names_read(struct cmd_names *names, struct drive_error *error);
void cmd_names_free(struct cmd_names *names);
/* " (did you mean web?)" or " (running: a, b)", for a name that no guest has; returns `out`. */
const char *cmd_names_hint(char *out, size_t size, const char *wrong);
/*
 * -n NAME of commands that take a name as their first operand too: it is made that, NULL: nothing.
 * CMD_GO_ON, or the exit code after it has said that nothing of that name runs.
 */
int cmd_names_lead(struct cmd_operands *operands, const char *name);

/* ---- forwarding.c: what others want of the forwards of running guests ---- */

/* Adds what minato-forward(1) says of each to the array. 0 or negative errno with a text. */
int cmd_forward_rows(const char *guest, json_t *rows, struct drive_error *error);
/* Takes one away, as `forward rm`. 0 or negative errno with a text. */
int cmd_forward_remove(const char *guest, const char *spec, struct drive_error *error);

/* ---- look.c: how to draw on this terminal ---- */

/* Width, colour (never where NO_COLOR is set or TERM is dumb) and header for a stream. */
struct view_look cmd_look(FILE *out);

#endif
