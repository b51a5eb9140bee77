/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * minato/guard: the policy, rules for new flows.
 *
 * A rule is an entry of kind GUARD with an `order`. Of all rules that match a
 * new flow the one of the lowest order decides (of equal orders any, so rules
 * that may meet have different ones; a rule for every protocol is three, of
 * protocol 0, MINATO_ICMP and MINATO_PROTO_OTHER, which never meet):
 *
 *	what it is about      local, local_prefix	destination
 *			      remote, remote_prefix	source
 *			      first..last		destination's ports,
 *							types of ICMP, or
 *							numbers of protocols
 *			      proto, course, program, scope, face
 *	until when	      until_ns
 *	what it says	      verdict; beyond its rate rate_verdict
 *
 * PASS lets the flow go on to what the table has otherwise: an entry for it is
 * still needed. REFUSE answers at once (RST, ICMP unreachable), DROP does not.
 * Where no rule matches, all is as without rules.
 *
 * Rules are asked once, at a flow's start. An established flow carries its
 * verdict: whoever wants it ended does so himself.
 *
 * The verdict of a new flow is one look-up and a bounded number of steps,
 * however many rules there are; a rule comes and goes in as few.
 */
#ifndef MINATO_GUARD_H
#define MINATO_GUARD_H

#include "minato/minato.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which way a flow goes, of a rule and of a packet. */
#define MINATO_COURSE_ANY 0u /* of a rule alone */
/* To us; or to an inside host, by a forward, a dmz or an opening. */
#define MINATO_COURSE_IN 1u
/* Begun by a guest or an inside host, to what is beyond us. */
#define MINATO_COURSE_OUT 2u
/* Of a question alone: nothing begins, so that rules are not asked. */
#define MINATO_COURSE_NONE 3u

/*
 * Programs are numbers of the owner's, 1..65,534, each for a program that his
 * rules name. A flow is of one, or:
 */
#define MINATO_PROGRAM_NONE 0u /* of none: rules with a program do not match */
/* It is not known yet: where such a rule stands before the first that matches
   surely, the fate `asks` for it. */
#define MINATO_PROGRAM_UNKNOWN 0xffffu

/* A new flow, as rules see it. */
struct minato_question {
	uint8_t scope, face;
	uint8_t proto;	  /* MINATO_TCP, MINATO_UDP, MINATO_ICMP; and
			     MINATO_PROTO_OTHER, where its number is both ports:
			     of minato_explain and rule events alone */
	uint8_t course;	  /* MINATO_COURSE_IN or _OUT */
	uint8_t icmp_type; /* ICMP; the ports are the identifier then */
	uint16_t program; /* a number, or MINATO_PROGRAM_* */
	struct minato_endpoint remote; /* source */
	struct minato_endpoint local;  /* destination */
};

/*
 * What the table says to a new flow that has no frame, as minato_arrive, with
 * all that rules look at. (minato_arrive asks for course IN and no program.)
 */
void minato_judge(struct minato *m, const struct minato_question *question,
		  struct minato_fate *out);

/*
 * Frames of a guest (a link of role HOST that takes any destination) are asked
 * with course OUT and a program that is not known. Where rules ask for it the
 * flow becomes a held call, for whoever calls out from there:
 *  minato_call_asks	1 where it does, else 0; -EBADF, -EINVAL (no held call).
 *  minato_call_program says which program it is, NONE if that is not to be
 *			found out: the verdict (enum minato_verdict), for the
 *			owner to act upon. Until then minato_answer is
 *			-EACCES. -EBADF, -EINVAL.
 * The datagrams of one socket of a guest are one call; each further destination
 * of it is asked about with the program that was said, and is silently dropped
 * where none was and rules ask. What is no call (a socket of ours that a guest
 * speaks to) is of no program.
 */
int minato_call_asks(struct minato *m, uint64_t call);
int minato_call_program(struct minato *m, uint64_t call, uint16_t program);

/*
 * Why: the look-up of a new flow step by step, in its order. Nothing is counted
 * and nothing is taken from a rate.
 */
#define MINATO_STEPS(X)                                                        \
	X(FLOW, "flow", "a flow that exists already")                          \
	X(GUARD, "guard", "a guard without order")                             \
	X(RULE, "rule", "a rule of the policy")                                \
	X(MAPPING, "mapping", "an inside endpoint's place outside")            \
	X(ENTRY, "entry", "what stands behind the port")
enum minato_step_kind {
#define X(name, text, help) MINATO_STEP_##name,
	MINATO_STEPS(X)
#undef X
		MINATO_STEP_COUNT
};
/* "flow", "guard", ... */
const char *minato_step_name(enum minato_step_kind step);
struct minato_step {
	enum minato_step_kind step;
	bool found;		     /* something matched */
	enum minato_verdict verdict; /* of GUARD and RULE */
	bool limited;		     /* RULE: beyond its rate now */
	bool asks;		     /* RULE: the program decides */
	enum minato_kind kind; /* of what was found; ENTRY: CLOSED if nothing */
	uint64_t handle, user; /* of it, as in a fate */
	uint64_t order;	       /* RULE */
};
/*
 * Writes up to `max` steps and returns how many: the last is the one that
 * decides. 0 for a question that cannot be asked.
 */
size_t minato_explain(struct minato *m, const struct minato_question *question,
		      struct minato_step *steps, size_t max);

/*
 * Gives a rule another order, 1..UINT64_MAX-1: it keeps its handle, its hits
 * and what is left of its rate. 0, -EBADF (no entry), -EINVAL (no rule, or no
 * such order).
 */
int minato_rule_order(struct minato *m, uint64_t rule, uint64_t order);

/*
 * Beside the policy in force a host value has room for the next one, of which
 * no packet meets anything. So a large policy is replaced in small pieces,
 * between which packets flow, and yet in one step: what is new comes with
 * `next`, what stays is given its order there, and then the two change places.
 * What is left is cleared away in pieces too. A rule in both has one handle,
 * one count and one rate; it counts twice towards entries_max.
 *
 * Gives a rule its order in the next policy; with 0 it is none of it. 0,
 * -EBADF, -EINVAL (no rule, or no such order), -ENOSPC.
 */
int minato_rule_next(struct minato *m, uint64_t rule, uint64_t order);
/* The next policy is in force, and what was is the next one. */
void minato_rules_turn(struct minato *m);

/*
 * A new flow that a rule with `log` decided, or a guard without order that has
 * `log` too, also one for a group, a broadcast or a loopback address, dropped
 * before any look-up at a link with any_destination. There a packet without
 * ports (MINATO_PROTO_OTHER), or with a source route, is one of `entry` 0.
 */
struct minato_rule_event {
	struct minato_question question;
	struct minato_time at;
	enum minato_verdict verdict;
	bool limited;	/* beyond the rule's rate */
	uint64_t entry; /* the rule's handle; it may be gone */
	uint64_t user;	/* its word, as long as it is there */
};
/*
 * The oldest that nobody has taken; false: there is none. 256 wait; what comes
 * then is left out, and counted as rule_events_lost.
 */
bool minato_rule_event(struct minato *m, struct minato_rule_event *out);

#ifdef __cplusplus
}
#endif
#endif
