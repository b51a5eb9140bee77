/* SPDX-License-Identifier: BSD-2-Clause */
/* forward and dmz: what is open from outside. */
#include "conf/reader.h"

#include <errno.h>
#include <string.h>

#define CHECK_MAX 86400u
#define FLOWS_MAX 100000000u

static bool is4(const struct minato_addr *addr)
{
	return minato_addr_is4(addr);
}

/* ---- clauses that both have ---- */

static int read_on(struct reader *r, struct conf_statement *out, struct minato_addr *on)
{
	if (value_addr(r, on) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_ON, r->next - 1);
	if (!is4(on))
		return reader_fail(
			r, reader_last(r),
			"on names an IPv4 address of ours: IPv6 is opened at the host's own");
	return 0;
}

static int read_sources(struct reader *r, struct conf_statement *out, struct conf_prefix *list,
			uint32_t *count)
{
	uint32_t first = r->next;

	do {
		struct conf_prefix source;

		if (value_prefix(r, false, &source) < 0)
			return -EINVAL;
		if (*count == CONF_SOURCES_MAX)
			return reader_fail(r, reader_last(r), "more than %u prefixes behind from",
					   CONF_SOURCES_MAX);
		for (uint32_t i = 0; i < *count; i++) {
			const struct conf_prefix *other = &list[i];

			if (is4(&other->addr) != is4(&source.addr))
				return reader_fail(r, reader_last(r), "IPv4 and IPv6 in one list");
			if (judge_within(other, &source.addr) && other->length <= source.length)
				return reader_fail(r, reader_last(r),
						   "a prefix before it holds this one already");
			if (judge_within(&source, &other->addr) && source.length <= other->length)
				return reader_fail(r, reader_last(r),
						   "this prefix holds one before it already");
		}
		list[(*count)++] = source;
	} while (reader_takes(r, ","));
	reader_mark(r, out, CONF_PART_SOURCE, first);
	return 0;
}

/* at most 100 connections, at most 10 per source. */
static int read_at_most(struct reader *r, uint32_t *flows, uint32_t *source_flows)
{
	/* Of datagrams one says flows. */
	static const char *const phrases[] = { "connections", "per source", "flows" };
	struct reader_word number;
	uint32_t *into;
	uint32_t value;
	int which;

	if (reader_demand(r, "most") < 0 || value_number(r, 1, FLOWS_MAX, "a bound", &value) < 0)
		return -EINVAL;
	number = reader_last(r);
	which = reader_phrase(r, phrases, 3);
	if (which < 0)
		return which;
	into = which == 1 ? source_flows : flows;
	if (*into)
		return reader_fail(r, number, "this bound is said twice");
	*into = value;
	return 0;
}

/* ---- targets ---- */

/* The ports of a target: what the run means for the statement's own ports. */
static int set_port(struct reader *r, struct conf_forward *f, const struct conf_run *run,
		    struct conf_server *server)
{
	const struct conf_run *own = &f->run[0];
	uint32_t span = own->last - own->first;

	if (!run->first)
		return f->many_to_one ? reader_fail(r, reader_last(r),
						    "all to needs a port behind the address") :
					0;
	if (f->many_to_one && run->first != run->last)
		return reader_fail(r, reader_last(r), "all to leads to one port, not to a range");
	if (!f->many_to_one && f->run_count > 1)
		return reader_fail(r, reader_last(r),
				   "several ports keep their numbers: no port here, or say all to");
	if (!f->many_to_one && run->first != run->last &&
	    (uint32_t)(run->last - run->first) != span)
		return reader_fail(r, reader_last(r),
				   "the two ranges differ in length: %u and %u ports", span + 1,
				   run->last - run->first + 1u);
	if (!f->many_to_one && run->first + span > UINT16_MAX)
		return reader_fail(r, reader_last(r), "the range would end above port 65535");
	/* Without an offset it is as if nothing was said. */
	if (f->many_to_one || run->first != own->first)
		server->at.port = run->first;
	return 0;
}

static int read_weight(struct reader *r, struct conf_server *server)
{
	uint32_t weight;

	server->weight = 1;
	if (reader_takes(r, "weight")) {
		if (value_number(r, 1, UINT16_MAX, "a weight", &weight) < 0)
			return -EINVAL;
		server->weight = (uint16_t)weight;
	}
	server->drain = reader_takes(r, "drain");
	return 0;
}

static int read_server(struct reader *r, struct conf_forward *f)
{
	struct conf_server *server = &f->server[f->server_count];
	struct reader_word where;
	struct conf_run run;

	if (f->server_count == CONF_SERVERS_MAX)
		return reader_fail(r, reader_here(r), "more than %u servers", CONF_SERVERS_MAX);
	if (value_end(r, f->protocols, &server->at.addr, &run) < 0)
		return -EINVAL;
	where = reader_last(r);
	if (!is4(&server->at.addr)) {
		if (f->server_count > 0)
			return reader_fail(r, where,
					   "IPv6 is opened, not shared out: it stands alone");
		f->to = CONF_TO_OPEN;
		if (f->many_to_one)
			return reader_fail(r, where, "IPv6 is opened, not translated: no all to");
		if (run.first && (f->run_count > 1 || run.first != f->run[0].first ||
				  (run.last != run.first && run.last != f->run[0].last)))
			return reader_fail(
				r, where,
				"IPv6 is opened, not translated: its ports stay as they are");
		server->weight = 1;
		f->server_count++;
		return 0;
	}
	if (f->server_count > 0 && f->to == CONF_TO_OPEN)
		return reader_fail(r, where, "IPv6 is opened, not shared out: it stands alone");
	if (set_port(r, f, &run, server) < 0 || read_weight(r, server) < 0)
		return -EINVAL;
	for (uint32_t i = 0; i < f->server_count; i++) {
		if (minato_addr_equal(&f->server[i].at.addr, &server->at.addr) &&
		    f->server[i].at.port == server->at.port)
			return reader_fail(r, where, "this server stands twice here");
	}
	f->server_count++;
	return 0;
}

static int read_targets(struct reader *r, struct conf_statement *out)
{
	struct conf_forward *f = &out->forward;
	uint32_t first = r->next;
	int is_socket = value_socket(r, f->path);

	if (is_socket < 0)
		return is_socket;
	if (is_socket) {
		f->to = CONF_TO_SOCKET;
		if (f->protocols != CONF_TCP)
			return reader_fail(r, reader_last(r), "only tcp goes to a UNIX socket");
		if (f->many_to_one)
			return reader_fail(r, reader_last(r),
					   "a UNIX socket has no port: no all to");
	} else {
		do {
			if (read_server(r, f) < 0)
				return -EINVAL;
		} while (reader_takes(r, ","));
	}
	reader_mark(r, out, CONF_PART_TARGET, first);
	/* With ports of its own each server has one port, so a run of several needs all to. */
	for (uint32_t i = 0; f->server_count > 1 && i < f->server_count; i++) {
		if (f->server[i].at.port && !f->many_to_one && f->run[0].first != f->run[0].last)
			return reader_fail(
				r, r->word[first],
				"several servers behind a range keep its ports: no port here, or "
				"say all to");
	}
	if (f->on.bytes[10] && f->to == CONF_TO_OPEN)
		return reader_fail(r, r->word[first], "on is for what is translated; IPv6 is not");
	return 0;
}

/* ---- clauses of forward ---- */

static int read_sticky(struct reader *r, struct conf_statement *out)
{
	out->forward.sticky = true;
	if (out->forward.to != CONF_TO_SERVERS)
		return reader_fail(r, reader_last(r), "sticky is for a list of servers");
	return 0;
}

static int read_check(struct reader *r, struct conf_statement *out)
{
	struct conf_forward *f = &out->forward;
	uint32_t first = r->next - 1;

	if (f->to != CONF_TO_SERVERS)
		return reader_fail(r, reader_last(r), "check is for servers");
	if (!(f->protocols & CONF_TCP))
		return reader_fail(r, reader_last(r),
				   "check connects by tcp, and this forward has none");
	if (reader_demand(r, "every") < 0 || value_span(r, 1, CHECK_MAX, &f->check_s) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_EXTRA, first);
	return 0;
}

static int read_proxy(struct reader *r, struct conf_statement *out)
{
	static const char *const versions[] = { "v1", "v2" };
	struct conf_forward *f = &out->forward;
	struct reader_word where = reader_last(r);
	int version = reader_phrase(r, versions, 2);

	if (version < 0)
		return version;
	if (f->protocols != CONF_TCP)
		return reader_fail(r, where, "the PROXY protocol is spoken over tcp alone");
	if (f->to == CONF_TO_OPEN)
		return reader_fail(r, where,
				   "IPv6 is opened as it is: nothing is put before its bytes");
	f->proxy = (uint8_t)(version + 1);
	reader_mark(r, out, CONF_PART_EXTRA, r->next - 2);
	return 0;
}

static int read_forward_sources(struct reader *r, struct conf_statement *out)
{
	struct conf_forward *f = &out->forward;

	if (read_sources(r, out, f->source, &f->source_count) < 0)
		return -EINVAL;
	if (f->to == CONF_TO_SERVERS && !is4(&f->source[0].addr))
		return reader_fail(r, reader_last(r),
				   "this can never match: the server has an IPv4 address");
	if (f->to == CONF_TO_OPEN && is4(&f->source[0].addr))
		return reader_fail(r, reader_last(r),
				   "this can never match: the server has an IPv6 address");
	if (f->to == CONF_TO_SOCKET && f->on.bytes[10] && !is4(&f->source[0].addr))
		return reader_fail(r, reader_last(r),
				   "this can never match: on names an IPv4 address");
	return 0;
}

static int read_forward_bound(struct reader *r, struct conf_statement *out)
{
	uint32_t first = r->next - 1;
	int result = read_at_most(r, &out->forward.flows_max, &out->forward.source_flows_max);

	if (result == 0)
		reader_mark(r, out, CONF_PART_EXTRA, first);
	return result;
}

static int read_forward_term(struct reader *r, struct conf_statement *out)
{
	return sentence_term(r, out, &out->forward.term);
}

static int read_forward_on(struct reader *r, struct conf_forward *f, struct conf_statement *out)
{
	return reader_takes(r, "on") ? read_on(r, out, &f->on) : 0;
}

static const struct sentence_clause forward_clauses[] = {
	{ "sticky", read_sticky, false, false },    { "check", read_check, false, false },
	{ "proxy", read_proxy, false, false },	    { "from", read_forward_sources, false, false },
	{ "at", read_forward_bound, true, false },  { "until", read_forward_term, false, false },
	{ "for", read_forward_term, false, false }, { "named", sentence_named, false, false },
};

int forwardline_read(struct reader *r, struct conf_statement *out)
{
	static const char *const before_to[] = { "on", "all", "to" };
	struct conf_forward *f = &out->forward;
	uint32_t first = r->next;
	bool on = false;

	if (value_protocols(r, &f->protocols) < 0 ||
	    value_runs(r, f->protocols, f->run, &f->run_count) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	on = reader_sees(r, 0, "on");
	if (read_forward_on(r, f, out) < 0)
		return -EINVAL;
	if (r->partial && !reader_sees(r, 0, "all") && !reader_sees(r, 0, "to"))
		return sentence_clauses(r, out, forward_clauses,
					sizeof(forward_clauses) / sizeof(forward_clauses[0]));
	f->many_to_one = reader_takes(r, "all");
	if (!reader_takes(r, "to"))
		return reader_expected(r,
				       before_to + (f->many_to_one ? 2 :
						    on		   ? 1 :
								     0),
				       f->many_to_one ? 1 :
				       on	      ? 2 :
							3);
	if (read_targets(r, out) < 0)
		return -EINVAL;
	/* One port alone leads to one port in any case. */
	if (f->many_to_one && f->run_count == 1 && f->run[0].first == f->run[0].last) {
		f->many_to_one = false;
		for (uint32_t i = 0; i < f->server_count; i++) {
			if (f->server[i].at.port == f->run[0].first)
				f->server[i].at.port = 0;
		}
	}
	return sentence_clauses(r, out, forward_clauses,
				sizeof(forward_clauses) / sizeof(forward_clauses[0]));
}

/* ---- dmz ---- */

static int read_dmz_on(struct reader *r, struct conf_statement *out)
{
	return read_on(r, out, &out->dmz.on);
}

/* A protocol holds for the ports behind it, until another is said. */
static int read_except(struct reader *r, struct conf_statement *out)
{
	struct conf_dmz *dmz = &out->dmz;
	uint8_t protocols = CONF_TCP | CONF_UDP;
	uint32_t first = r->next;

	do {
		struct conf_except except = { 0 };

		if (value_sees_protocol(r) && value_protocols(r, &protocols) < 0)
			return -EINVAL;
		except.protocols = protocols;
		if (value_run(r, protocols, &except.run) < 0)
			return -EINVAL;
		if (dmz->except_count == CONF_RUNS_MAX)
			return reader_fail(r, reader_last(r),
					   "more than %u ports or ranges left out", CONF_RUNS_MAX);
		for (uint32_t i = 0; i < dmz->except_count; i++) {
			const struct conf_except *other = &dmz->except[i];

			if (other->protocols & protocols && except.run.first <= other->run.last &&
			    other->run.first <= except.run.last)
				return reader_fail(r, reader_last(r), "this is left out already");
		}
		dmz->except[dmz->except_count++] = except;
	} while (reader_takes(r, ","));
	reader_mark(r, out, CONF_PART_EXTRA, first);
	return 0;
}

static int read_dmz_sources(struct reader *r, struct conf_statement *out)
{
	struct conf_dmz *dmz = &out->dmz;

	if (read_sources(r, out, dmz->source, &dmz->source_count) < 0)
		return -EINVAL;
	if (!is4(&dmz->source[0].addr))
		return reader_fail(r, reader_last(r),
				   "this can never match: a dmz host has an IPv4 address");
	return 0;
}

static int read_dmz_bound(struct reader *r, struct conf_statement *out)
{
	return read_at_most(r, &out->dmz.flows_max, &out->dmz.source_flows_max);
}

static int read_dmz_term(struct reader *r, struct conf_statement *out)
{
	return sentence_term(r, out, &out->dmz.term);
}

int forwardline_read_dmz(struct reader *r, struct conf_statement *out)
{
	static const struct sentence_clause clauses[] = {
		{ "on", read_dmz_on, false, false },	    { "except", read_except, false, false },
		{ "from", read_dmz_sources, false, false }, { "at", read_dmz_bound, true, false },
		{ "until", read_dmz_term, false, false },   { "for", read_dmz_term, false, false },
		{ "named", sentence_named, false, false },
	};
	struct minato_addr *host = &out->dmz.host;

	if (value_addr(r, host) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_TARGET, r->next - 1);
	out->mark[CONF_PART_SUBJECT] = out->mark[CONF_PART_TARGET];
	if (!is4(host))
		return reader_fail(r, reader_last(r),
				   "a dmz is translated: an IPv4 host (IPv6 is opened by forward)");
	return sentence_clauses(r, out, clauses, sizeof(clauses) / sizeof(clauses[0]));
}
