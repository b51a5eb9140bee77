/* SPDX-License-Identifier: BSD-2-Clause */
/* For the files of conf/ that know what rules mean. */
#ifndef MINATO_CONF_RULES_H
#define MINATO_CONF_RULES_H

#include "conf/reader.h"

/* ---- rulenames.c: what the words behind from and to stand for ---- */

enum rules_sort {
	RULES_LAN,
	RULES_WAN,
	RULES_SELF,
	RULES_SET,  /* a set or zone of the file */
	RULES_LINK, /* a link with a name */
	RULES_DNS,
	RULES_GUEST, /* another guest, in rules of one */
	RULES_UNKNOWN,
};
struct rules_name {
	const char *name;
	const struct conf_statement *s;
	size_t index; /* of it */
};
/* By name, then by index. */
struct rules_names {
	struct rules_name *list;
	size_t count;
	const char *guest; /* the name of the guest whose rules these are, or NULL */
	const struct conf_statement *link[CONF_LINKS_MAX]; /* with a name or without */
	size_t link_count;
};
/* 0 or -ENOMEM. */
int rules_names_make(struct rules_names *names, const struct conf *conf, const char *guest);
void rules_names_free(struct rules_names *names);
enum rules_sort rules_word(const struct rules_names *names, const char *word,
			   const struct conf_statement **link);
/* Each statement of the set or zone; *at begins with 0. */
const struct conf_set *rules_set_next(const struct rules_names *names, const char *word,
				      size_t *at);

/* ---- ruleask.c: what leads in, and what one rule is about ---- */

/* Ports of these protocols that lead to those from `to` on (0: the same; `many`: all to it). */
struct rules_way {
	uint8_t protocols;
	struct conf_run run;
	uint16_t to;
	bool many;
	struct minato_addr host, on;	  /* who gets it, and where it is called; any: not said */
	const struct conf_prefix *source; /* who may call; of none: anybody */
	uint32_t source_count;
	const struct conf_except *except; /* what it leaves out */
	uint32_t except_count;
};
/* What a forward or dmz leads in, the nth of its ways; false: it has no more. */
bool rules_way(const struct conf_statement *s, uint32_t nth, struct rules_way *out);
bool rules_left_out(const struct rules_way *way, uint8_t protocol, uint16_t port);

/* Whether it is about what comes in by these protocols to some of these ports. */
bool rules_about(const struct conf_rule *rule, uint8_t protocols, const struct conf_run *run);
/* Whether it lets in: allow, or so often. */
bool rules_lets(const struct conf_rule *rule);
/* wan, or the name of an outside link. */
bool rules_outside(const struct rules_names *names, const char *word);
/* Whether it is about all that this inside sends. */
bool rules_from_inside(const struct rules_names *names, const struct conf_rule *rule,
		       const struct conf_statement *inside);
/* Whether it is about all that comes by some outside, or with `whole` by each. */
bool rules_from_outside(const struct rules_names *names, const struct conf_rule *rule, bool whole);
/* Whether it is about what is for the address, `own` if that is ours. */
bool rules_to(const struct rules_names *names, const struct conf_rule *rule,
	      const struct minato_addr *addr, bool own);
/*
 * Whether it is about calls of the way at some address that it is called at, or with `whole` at
 * each. Where nobody knows the addresses of the outside, they may be meant.
 */
bool rules_called(const struct rules_names *names, const struct conf_rule *rule,
		  const struct rules_way *way, bool whole);

/* ---- shadow.c: rules that can never match ---- */

/* Says which, and notes it in `hidden`, which has a place for each statement. 0 or -ENOMEM. */
int shadow_judge(const struct conf *conf, const struct rules_names *names, bool *hidden,
		 struct conf_report *report);

/* ---- ruleends.c: rules of a gateway about places where nobody is. 0 or -ENOMEM ---- */

int ruleends_judge(const struct conf *conf, const struct rules_names *names,
		   struct conf_report *report);

/* ---- hairpins.c ---- */

/* Rules between insides that one of the ways in, forwards and dmz by their indices, leads past. */
void hairpins_judge(const struct conf *conf, const struct rules_names *names, const size_t *ways,
		    size_t way_count, struct conf_report *report);

/* ---- hostjudge.c ---- */

/* What cannot be where the outside is the host's sockets, or elsewhere. */
void hostjudge_judge(const struct conf *conf, struct conf_report *report);

/* ---- ftpjudge.c ---- */

/* The first forward of FTP to a server whose data nothing leads to. */
void ftpjudge_judge(const struct conf *conf, struct conf_report *report);

/* ---- testjudge.c ---- */

/* `guest`: the names of its rules; NULL: of a gateway. */
void testjudge_judge(const struct conf *conf, const struct rules_names *guest,
		     struct conf_report *report);
/*
 * Whether each test that says by whom has such a statement, of a file that was read without faults:
 * of what is in force some may be over. 0, -EINVAL where there are errors now, -ENOMEM.
 */
int testjudge_credits(const struct conf *conf, struct conf_report *report);

/* ---- rulejudge.c ---- */

/* The ports that are shut to everyone but lan where no rule says otherwise: NetBIOS and SMB. */
#define RULES_SHUT_COUNT 2u
extern const struct conf_run rules_shut[RULES_SHUT_COUNT];
/*
 * Whether some of these ports, which lead to those from `to` on (`many`: all to that one), lead to
 * some of rules_shut[i] under other numbers; those.
 */
bool rules_behind(const struct conf_run *run, uint16_t to, bool many, uint32_t i,
		  struct conf_run *out);

#endif
