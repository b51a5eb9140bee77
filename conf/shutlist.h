/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports of NetBIOS and SMB that something leads to, as a warning names them: all of them. */
#ifndef CONF_SHUTLIST_H
#define CONF_SHUTLIST_H

#include "conf/rules.h"

#define SHUTLIST_MAX 64u
#define SHUTLIST_TEXT 200u

/* Ports, and which port each leads to; of very many the first. */
struct shutlist {
	uint32_t count;
	uint16_t port[SHUTLIST_MAX], behind[SHUTLIST_MAX];
};

/* Whether all that the rule is about comes from lan, and insides by their names. */
bool shutlist_of_lan(const struct rules_names *names, const struct conf_rule *rule);
/* Adds those that are shut to all but lan since no rule says anything of them. */
void shutlist_add(struct shutlist *plain, struct shutlist *led, const struct conf *conf,
		  const struct rules_names *names, const struct rules_way *way);
/*
 * Those that a rule opens to others than lan without naming them, as 'allow everything' does, by
 * the rule that does it. Returns that rule, or NULL.
 */
const struct conf_statement *shutlist_opened(struct shutlist *list, const struct conf *conf,
					     const struct rules_names *names,
					     const struct rules_way *way);
/* "137-139, 445": the ports, or with `behind` those that they lead to. */
const char *shutlist_text(char out[SHUTLIST_TEXT], const struct shutlist *list, bool behind);
/* "tcp", "udp", or both as a rule has them. */
const char *shutlist_protocols(uint8_t protocols);
/*
 * "host port 8445 leads to port 445 of the guest (NetBIOS, SMB), and is shut to everyone but lan;
 * --rule 'allow tcp 8445' opens it": `thing` begins it ("host": of a guest), and `rule` is what is
 * said before the remedy.
 */
void shutlist_say(char *out, size_t size, const struct shutlist *list, const char *thing,
		  const char *rule, uint8_t protocols);

#endif
