/* SPDX-License-Identifier: BSD-2-Clause */
/* For the files of conf/ that read: a line as words, and what they are taken for. */
#ifndef MINATO_CONF_READER_H
#define MINATO_CONF_READER_H

#include "conf/conf.h"

#define READER_WORD_SIZE 128u /* of a word in a buffer; longer ones are cut, and wrong */

/* A word or a comma, in the line. */
struct reader_word {
	uint16_t at, length;
};

struct reader {
	const char *line; /* ends with a zero byte */
	uint32_t number;
	struct reader_word word[CONF_LINE_MAX];
	uint32_t count, next;
	bool of_file;  /* a line of one, not a statement alone */
	bool of_guest; /* of a file of rules, where a gateway's statements do not stand */
	bool includes; /* others can be read beside it */
	bool partial;  /* a forward may be said without its target (conf_find) */
	bool failed;   /* the line's one error has been reported */
	struct conf_report *report;
};

/* ---- reader.c ---- */

/* Cuts a line of `length` <= CONF_LINE_MAX bytes. 0 or -EINVAL, reported. */
int reader_begin(struct reader *r, const char *line, size_t length);
bool reader_ended(const struct reader *r);
/* The next word, or an empty one at the end of the line. */
struct reader_word reader_here(const struct reader *r);
/* The one taken last. */
struct reader_word reader_last(const struct reader *r);
/* A copy of it in `out`, of READER_WORD_SIZE. */
const char *reader_copy(const struct reader *r, struct reader_word word, char *out);
/* Whether the next word is this one, in any case of letters; takes it. */
bool reader_takes(struct reader *r, const char *word);
/* The same without taking it; `ahead` words further on. */
bool reader_sees(const struct reader *r, uint32_t ahead, const char *word);
/* -EINVAL; the first error of a line is reported. */
int reader_fail(struct reader *r, struct reader_word where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, which names the words that may stand here instead. */
int reader_expected(struct reader *r, const char *const *words, size_t count);
/* Adds words that may have been meant by the one that the line's error is about. */
void reader_suggest(struct reader *r, const char *const *words, size_t count);
/* Takes this word. 0 or -EINVAL. */
int reader_demand(struct reader *r, const char *word);
/*
 * Takes the words of one of the phrases ("timeout udp"), the longest that fits. Its index, or
 * -EINVAL: where the words stop fitting, those that would.
 */
int reader_phrase(struct reader *r, const char *const *phrases, size_t count);
/* Notes that a part is what stands from `first` to the word taken last. */
void reader_mark(const struct reader *r, struct conf_statement *s, enum conf_part part,
		 uint32_t first);
/* Adds to a report; by line. */
struct conf_fault *reader_report(struct conf_report *report, enum conf_severity severity,
				 uint32_t line, struct conf_mark where);

/* ---- value.c: each takes one thing off the line. 0 or -EINVAL, reported ---- */

int value_number(struct reader *r, uint32_t low, uint32_t high, const char *what, uint32_t *out);
int value_span(struct reader *r, uint32_t low, uint32_t high, uint32_t *seconds);
/* An address of one host. */
int value_addr(struct reader *r, struct minato_addr *out);
/* ADDR[/LENGTH]; with `host` bits behind the prefix are the host's, else they must be zero. */
int value_prefix(struct reader *r, bool host, struct conf_prefix *out);
/* "tcp", "udp", or both with a comma. */
int value_protocols(struct reader *r, uint8_t *out);
/* Whether the next word is one of those. */
bool value_sees_protocol(const struct reader *r);
/* PORT, FIRST-LAST or the name of a service of these protocols. */
int value_run(struct reader *r, uint8_t protocols, struct conf_run *out);
/*
 * The protocols that the next word means where none was said: those of a service, both of a number.
 * It is not taken.
 */
void value_service_protocols(const struct reader *r, uint8_t *out);
/* Runs with commas between them, which do not meet. */
int value_runs(struct reader *r, uint8_t protocols, struct conf_run *out, uint32_t *count);
/* ADDR[:RUN]; without ports the run is 0, 0. */
int value_end(struct reader *r, uint8_t protocols, struct minato_addr *addr, struct conf_run *run);
/* NAME:RUN, the name of at most size - 1 bytes. */
int value_named_end(struct reader *r, uint8_t protocols, char *name, size_t size,
		    struct conf_run *run);
/* A path from the root on, or a name without a slash. */
int value_program(struct reader *r, char path[CONF_PATH_SIZE]);
/* A word of at most size - 1 bytes; `what` says what it is. */
int value_text(struct reader *r, char *out, size_t size, const char *what);
/* unix:PATH, if that is what stands here: 1; 0 if not. */
int value_socket(struct reader *r, char path[CONF_PATH_SIZE]);
int value_path(struct reader *r, char path[CONF_PATH_SIZE]);
/* A name of letters, digits and ._-. */
int value_name(struct reader *r, char out[CONF_NAME_SIZE]);
int value_ifname(struct reader *r, char out[CONF_IFNAME_SIZE]);
/* What stands behind `until` and `for`. */
int value_until(struct reader *r, struct conf_term *out);
int value_for(struct reader *r, struct conf_term *out);

/* ---- parse.c: for conf_find ---- */

/* As conf_statement_read; `partial`: a forward may be said without its target. */
int parse_alone(struct conf_statement *out, const char *text, bool partial,
		struct conf_report *report);

/* ---- sentence.c: one statement, from its first word to the end of the line ---- */

int sentence_read(struct reader *r, struct conf_statement *out);

/* What may stand at the end of a statement, in any order. */
struct sentence_clause {
	const char *word;
	int (*read)(struct reader *r, struct conf_statement *out); /* behind the word */
	bool again; /* can be said again: it looks itself at what was said */
	bool alone; /* of a statement alone: not proposed in a file */
};
/* Reads clauses to the end of the line. */
int sentence_clauses(struct reader *r, struct conf_statement *out,
		     const struct sentence_clause *clauses, size_t count);
/* Clauses of several verbs: behind `named`. */
int sentence_named(struct reader *r, struct conf_statement *out);

/* Behind `until` or `for`, which was taken last. */
int sentence_term(struct reader *r, struct conf_statement *out, struct conf_term *term);

/* ---- linkline.c, forwardline.c, natline.c, testline.c: behind the first word ---- */

int linkline_read(struct reader *r, struct conf_statement *out);
int forwardline_read(struct reader *r, struct conf_statement *out);
int forwardline_read_dmz(struct reader *r, struct conf_statement *out);
int natline_read(struct reader *r, struct conf_statement *out);
int testline_read(struct reader *r, struct conf_statement *out);

/* ---- natline.c: words of the settings, in the order of their keys ---- */

const char *natline_words(enum conf_nat_key key);
enum conf_nat_value natline_value(enum conf_nat_key key);
/* "endpoint-independent" ...; by enum minato_filtering. */
extern const char *const natline_filters[3];

/* ---- ruleline.c; setline.c: words of rules, zones, scans ---- */

int ruleline_read(struct reader *r, struct conf_statement *out);
/* Takes a type of ICMP: a number, or CONF_TYPE_NAMED + n. 0 or -EINVAL, reported. */
int ruleline_read_type(struct reader *r, struct conf_run *run);
#define RULELINE_PING CONF_TYPE_NAMED /* echo-request */
/* Whether it is a name of the DNS; with `star` also *.NAME. A final dot is taken off. */
bool ruleline_is_dns(char *name, bool star);
/* The word of a type with a name, and its numbers in IPv4 and IPv6 or -1. */
const char *ruleline_type(uint32_t named, int *four, int *six);
/* "minute" ... */
const char *ruleline_unit(uint32_t seconds);
int setline_read_zone(struct reader *r, struct conf_statement *out);
int setline_read(struct reader *r, struct conf_statement *out);
int setline_read_scans(struct reader *r, struct conf_statement *out);
int setline_read_alert(struct reader *r, struct conf_statement *out);
/* lan, wan and self, in any case of letters. */
bool setline_is_zone(const char *word);
extern const char *const setline_answers[4]; /* by enum conf_answer */
extern const char *const setline_alerts[3];  /* by enum conf_alert_sort */

/* ---- drainline.c ---- */

int drainline_read(struct reader *r, struct conf_statement *out);

/* ---- judge.c ---- */

bool judge_within(const struct conf_prefix *prefix, const struct minato_addr *addr);
/* Whether some address is in both. */
bool judge_overlap(const struct conf_prefix *a, const struct conf_prefix *b);
/* Whether an address is of a network that the link is on. */
bool judge_on_link(const struct conf_link *link, const struct minato_addr *addr);

/* ---- clash.c: statements that repeat or cover each other. 0 or -ENOMEM ---- */

int clash_judge(const struct conf *conf, struct conf_report *report);

#endif
