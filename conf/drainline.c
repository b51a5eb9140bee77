/* SPDX-License-Identifier: BSD-2-Clause */
/* drain: a host that gets no new flows, wherever a forward or dmz leads to it. */
#include "conf/reader.h"

#include <errno.h>

static int read_until(struct reader *r, struct conf_statement *out)
{
	return sentence_term(r, out, &out->drain.term);
}

int drainline_read(struct reader *r, struct conf_statement *out)
{
	static const struct sentence_clause clauses[] = {
		{ "until", read_until, false, false },
		{ "for", read_until, false, false },
	};
	uint32_t first = r->next;
	struct conf_run run;

	if (value_end(r, CONF_TCP | CONF_UDP, &out->drain.host, &run) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	if (run.first != run.last)
		return reader_fail(r, reader_last(r),
				   "a range drains as a whole: the port that it begins with, or "
				   "none for all of the host");
	out->drain.port = run.first;
	return sentence_clauses(r, out, clauses, sizeof(clauses) / sizeof(clauses[0]));
}

/* ---- whom it is about ---- */

/* The port of a server, of a range the first; 0: there are several. */
static uint16_t port_of(const struct conf_forward *f, uint32_t server)
{
	if (f->server[server].at.port)
		return f->server[server].at.port;
	return f->run_count == 1 ? f->run[0].first : 0;
}

/* Several ports that stay as they are: the drain may be about one of them alone. */
static bool is_all(const struct conf_forward *f, const struct conf_drain *drain, uint32_t server)
{
	return !drain->port || drain->port == port_of(f, server);
}

static bool meets(const struct conf_drain *drain, const struct conf_statement *s, uint32_t server)
{
	if (s->kind == CONF_KIND_DMZ)
		return !drain->port && minato_addr_equal(&drain->host, &s->dmz.host);
	return s->kind == CONF_KIND_FORWARD && server < s->forward.server_count &&
	       minato_addr_equal(&drain->host, &s->forward.server[server].at.addr) &&
	       is_all(&s->forward, drain, server);
}

bool conf_drain_meets(const struct conf_drain *drain, const struct conf_statement *s)
{
	uint32_t count = s->kind == CONF_KIND_FORWARD ? s->forward.server_count : 1;

	for (uint32_t i = 0; i < count; i++) {
		if (meets(drain, s, i))
			return true;
	}
	return false;
}

void conf_drains_find(struct conf_drains *drains, const struct conf *conf)
{
	drains->count = 0;
	for (size_t i = 0; i < conf->count && drains->count < CONF_DRAINS_MAX; i++) {
		if (conf->list[i]->kind == CONF_KIND_DRAIN)
			drains->list[drains->count++] = &conf->list[i]->drain;
	}
}

bool conf_drains_has(const struct conf_drains *drains, const struct conf_statement *s,
		     uint32_t server)
{
	if (s->kind == CONF_KIND_FORWARD && server < s->forward.server_count &&
	    s->forward.server[server].drain)
		return true;
	for (size_t i = 0; i < drains->count; i++) {
		if (meets(drains->list[i], s, server))
			return true;
	}
	return false;
}
