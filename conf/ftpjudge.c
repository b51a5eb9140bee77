/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A forward of FTP beside the others. What it leads in is the control connection; data come to
 * ports that the server names there, which nobody reads (no ALG). They need a forward themselves.
 */
#include "conf/rules.h"

#define FTP 21u
/* Servers choose among ports above those of the system, and mostly of these (RFC 6335 6). */
#define USER_FIRST 1024u
#define DYNAMIC_FIRST 49152u
/* As many ways in are compared, and no more. */
#define STEPS_MAX 4000000u

/* One port and no other that leads to the server's port of FTP. */
static bool is_control(const struct rules_way *way)
{
	return way->protocols & CONF_TCP && way->run.first == way->run.last &&
	       !minato_addr_is_any(&way->host) && (way->to ? way->to : way->run.first) == FTP;
}

/* Whether ports lead to that host by which it can be called as it says. */
static bool is_data(const struct rules_way *way, const struct minato_addr *host)
{
	if (!(way->protocols & CONF_TCP) || !minato_addr_equal(&way->host, host) ||
	    (way->to && way->to != way->run.first) || way->run.last < USER_FIRST)
		return false;
	return way->run.last >= DYNAMIC_FIRST || (way->run.first < way->run.last && !way->many);
}

static bool has_data(const struct conf *conf, const struct minato_addr *host, uint32_t *steps)
{
	struct rules_way way;

	for (size_t i = 0; i < conf->count; i++) {
		for (uint32_t k = 0; rules_way(conf->list[i], k, &way); k++) {
			if (++*steps >= STEPS_MAX || is_data(&way, host))
				return true;
		}
	}
	return false;
}

void ftpjudge_judge(const struct conf *conf, struct conf_report *report)
{
	char host[48];
	struct rules_way way;
	uint32_t steps = 0;

	for (size_t i = 0; i < conf->count; i++) {
		for (uint32_t k = 0; rules_way(conf->list[i], k, &way); k++) {
			if (!is_control(&way) || has_data(conf, &way.host, &steps))
				continue;
			(void)minato_addr_format(&way.host, host, sizeof(host));
			judge_say(report, CONF_WARNING, conf->list[i], CONF_PART_SUBJECT, 0,
				  "of FTP this forwards the control connection alone (no ALG); the "
				  "server's passive ports need a forward too, as 'forward tcp "
				  "50000-50099 to %s'",
				  host);
			return;
		}
	}
}
