/* SPDX-License-Identifier: BSD-2-Clause */
/* For the files of conf/ that run tests. */
#ifndef MINATO_CONF_TRIAL_H
#define MINATO_CONF_TRIAL_H

#include "conf/reader.h"

/* ---- trialsay.c ---- */

/* Where a client may get, of the servers of a forward; false: only where it got. */
bool trial_server_end(const struct conf_test *test, const struct conf_forward *f, uint32_t index,
		      struct minato_endpoint *out);
/* Whether it is met by what was found, and in words what that was. */
void trial_judge(const struct conf *conf, struct conf_verdict *verdict,
		 const struct conf_test *test, const struct conf_fate *found);

/* ---- trialrules.c: of many rules those that could decide about one flow ---- */

/* Whether a rule's entry could. Rules are asked of the ends that stand in the packet, whoever asks
   and in which course, and of what has no ports in every protocol. */
bool trial_concerns(const struct minato_entry *entry, const struct conf_test *flow);
/* A conf of borrowed statements: all that are no rules, and rules that may decide. */
struct trial_few {
	struct conf conf;
	size_t *place; /* of each statement, in the other */
	size_t all;    /* how many that has */
};
/* 0 or -ENOMEM; then too it is to be freed. */
int trial_few_make(struct trial_few *few, const struct conf *conf, const struct conf_test *flow);
/* Of a statement of `few` its place among all; of behind the last, behind the last. */
size_t trial_few_place(const struct trial_few *few, size_t index);
void trial_few_free(struct trial_few *few);

#endif
