/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * minato/guard: the policy, rules for new flows.
 *
 * A rule is an entry of kind GUARD with an `order`. Of all rules that match a
 * new flow the one of the lowest order decides, of equal orders the oldest:
 *
 *	what it is about      local, local_prefix	destination
 *			      remote, remote_prefix	source
 *			      first..last		destination's ports, or
 *							types of ICMP
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
	uint8_t proto;	  /* MINATO_TCP, MINATO_UDP, MINATO_ICMP */
	uint8_t course;	  /* MINATO_COURSE_IN or _OUT */
	uint8_t icmp_type; /* ICMP; the ports are the identifier then */
	uint16_t program; /* a number, or MINATO_PROGRAM_* */
	struct minato_endpoint remote; /* source */
	struct minato_endpoint local;  /* destination */
};

#ifdef __cplusplus
}
#endif
#endif
