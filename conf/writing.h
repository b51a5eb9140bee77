/* SPDX-License-Identifier: BSD-2-Clause */
/* For the files of conf/ that print: a text that is cut where it has no room, and counted on. */
#ifndef MINATO_CONF_WRITING_H
#define MINATO_CONF_WRITING_H

#include "conf/reader.h"

struct writing {
	char *text;
	size_t size, used;
};

/* ---- print.c ---- */

void writing_put(struct writing *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void writing_prefix(struct writing *w, const struct conf_prefix *prefix);
void writing_run(struct writing *w, uint32_t first, uint32_t last);
void writing_span(struct writing *w, uint32_t seconds);
void writing_term(struct writing *w, const struct conf_term *term);

/* ---- ruleprint.c ---- */

const char *ruleprint_verb(const struct conf_rule *rule);
void ruleprint_rule(struct writing *w, const struct conf_rule *rule);
void ruleprint_set(struct writing *w, const char *verb, const struct conf_set *set);
void ruleprint_scans(struct writing *w, const struct conf_scans *scans);
void ruleprint_alert(struct writing *w, const struct conf_alert *alert);

#endif
