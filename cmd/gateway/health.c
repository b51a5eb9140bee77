/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers behind forwards with `check every`: each is asked for a connection now and then, which is
 * closed as soon as it stands. One that fails twice in a row, the second time a second after the
 * first, gets no new clients until it answers again; what runs to it is left alone. Of one that
 * nobody has heard of yet one failure is enough, and until then it gets none where another answers.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)
#define ANSWER_NS (3 * NS_PER_S) /* or the time between two, if that is less */
#define FAILURES 2		 /* in a row: down */
#define AGAIN_NS NS_PER_S	 /* between them, if they are not asked more often */
#define WORD_PROBE (UINT64_C(0xe3) << 56)
#define WORD_TAG (UINT64_C(0xff) << 56)

struct gateway_probe {
	struct gateway_probe *next;
	struct minato_endpoint at;
	uint32_t every_s;
	uint32_t id;
	uint64_t socket; /* 0: none under way */
	uint32_t failures;
	bool known; /* it has answered, or not, at least once */
	bool down, wanted;
	struct minato_time turned; /* when it went down */
	struct minato_time due;	   /* the next one, or the end of this one's patience */
};

static struct minato_time after(struct minato_time now, int64_t ns)
{
	return (struct minato_time){ now.ns + ns };
}

static struct gateway_probe *probe_at(const struct gateway_health *health,
				      const struct minato_endpoint *at)
{
	for (struct gateway_probe *p = health->list; p; p = p->next) {
		if (p->at.port == at->port && minato_addr_equal(&p->at.addr, &at->addr))
			return p;
	}
	return NULL;
}

/* Where a server of a forward is asked: a run, at its first port. */
static struct minato_endpoint asked_at(const struct conf_forward *forward, uint32_t server)
{
	struct minato_endpoint at = forward->server[server].at;

	if (!at.port)
		at.port = forward->run[0].first;
	return at;
}

static const struct gateway_probe *probe_of(const struct gateway_health *health,
					    const struct conf_forward *forward, uint32_t server)
{
	const struct minato_endpoint at = asked_at(forward, server);

	return probe_at(health, &at);
}

bool gateway_health_down(const struct gateway_health *health, const struct conf_forward *forward,
			 uint32_t server)
{
	const struct gateway_probe *p = probe_of(health, forward, server);

	return p && p->down;
}

int64_t gateway_health_since(const struct gateway_health *health,
			     const struct conf_forward *forward, uint32_t server)
{
	const struct gateway_probe *p = probe_of(health, forward, server);

	return p && p->down ? drive_now().ns - p->turned.ns : -1;
}

/* ---- what the host value hears ---- */

static bool is_checked(const struct conf_statement *one)
{
	return one->kind == CONF_KIND_FORWARD && one->forward.check_s;
}

/* Whether it gets no new clients: it is down, or nobody knows yet while another one answers. */
static bool is_out(const struct gateway_health *health, const struct conf_statement *one,
		   uint32_t server)
{
	const struct gateway_probe *p = probe_of(health, &one->forward, server);

	if (!p || p->known)
		return p && p->down;
	for (uint32_t i = 0; i < one->forward.server_count; i++) {
		p = probe_of(health, &one->forward, i);
		if (p && p->known && !p->down && !conf_drains_has(&health->applied->drains, one, i))
			return true;
	}
	return false;
}

/* The servers of the forward as they are now. Flows live on. */
static void tell_group(struct gateway_health *health, size_t index)
{
	const struct conf_statement *one = health->applied->rules.conf.list[index];
	struct gateway_held *held = &health->applied->held[index];
	struct minato_server servers[CONF_SERVERS_MAX];
	uint32_t count = conf_servers(one, servers);

	if (!held->group || !count)
		return;
	for (uint32_t i = 0; i < count; i++) {
		servers[i].down = is_out(health, one, i);
		if (conf_drains_has(&health->applied->drains, one, i))
			servers[i].weight = 0;
	}
	(void)minato_group_set(health->applied->host, &held->group, servers, count,
			       one->forward.sticky);
}

static void tell(struct gateway_health *health)
{
	for (size_t i = 0; i < health->applied->rules.conf.count; i++) {
		if (is_checked(health->applied->rules.conf.list[i]))
			tell_group(health, i);
	}
}

/* ---- one probe ---- */

static void say(const struct gateway_probe *p, int errnum)
{
	char text[64];

	minato_addr_format(&p->at.addr, text, sizeof(text));
	if (p->down)
		cmd_say("server %s port %u does not answer (%s): it gets no new clients", text,
			p->at.port, strerror(errnum));
	else
		cmd_say("server %s port %u answers again", text, p->at.port);
}

/* What came of it; errnum 0: it answered. */
static void judge(struct gateway_health *health, struct gateway_probe *p, int errnum)
{
	int64_t every = p->every_s * NS_PER_S;
	bool was = p->down;
	bool first = !p->known;

	if (p->socket)
		(void)minato_abort(health->applied->host, p->socket);
	p->socket = 0;
	p->failures = errnum ? p->failures + 1 : 0;
	p->down = p->failures >= FAILURES || (errnum && first);
	p->known = true;
	p->due = after(drive_now(), p->failures && !p->down && every > AGAIN_NS ? AGAIN_NS : every);
	if (p->down != was) {
		p->turned = drive_now();
		say(p, errnum);
	}
	if (p->down != was || first)
		tell(health);
}

static void ask(struct gateway_health *health, struct gateway_probe *p, struct minato_time now)
{
	struct minato *host = health->applied->host;
	uint8_t scope = minato_inside_scope(host, &p->at.addr);
	int64_t patience = p->every_s * NS_PER_S;
	int result = minato_socket(host, MINATO_TCP, scope, &p->socket);

	if (result < 0) {
		/* For want of memory of ours nobody is down. */
		p->socket = 0;
		p->due = after(now, p->every_s * NS_PER_S);
		return;
	}
	(void)minato_set_user(host, p->socket, WORD_PROBE | p->id);
	result = minato_connect(host, p->socket, &p->at);
	if (result < 0 && result != -EINPROGRESS)
		judge(health, p, -result);
	else
		p->due = after(now, patience < ANSWER_NS ? patience : ANSWER_NS);
}

bool gateway_health_event(struct gateway_health *health, const struct minato_event *event)
{
	if ((event->user & WORD_TAG) != WORD_PROBE)
		return false;
	for (struct gateway_probe *p = health->list; p; p = p->next) {
		if (p->socket != event->socket || !p->socket)
			continue;
		if (event->ready & MINATO_CONNECTED)
			judge(health, p, 0);
		else if (event->ready & (MINATO_ERROR | MINATO_HANGUP))
			judge(health, p, minato_error(health->applied->host, p->socket));
		break;
	}
	return true;
}

struct minato_time gateway_health_turn(struct gateway_health *health, struct minato_time now)
{
	struct minato_time next = MINATO_NEVER;

	for (struct gateway_probe *p = health->list; p; p = p->next) {
		if (p->due.ns <= now.ns) {
			if (p->socket)
				judge(health, p, ETIMEDOUT);
			else
				ask(health, p, now);
		}
		if (p->due.ns < next.ns)
			next = p->due;
	}
	return next;
}

/* ---- which there are ---- */

static uint32_t last_id(const struct gateway_health *health)
{
	return health->list ? health->list->id : 0;
}

static int want(struct gateway_health *health, const struct minato_endpoint *at, uint32_t every_s,
		struct minato_time now)
{
	struct gateway_probe *p = probe_at(health, at);

	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		p->at = *at;
		p->id = last_id(health) + 1;
		p->due = now;
		p->every_s = every_s;
		p->next = health->list;
		health->list = p;
	}
	/* Two forwards to one server: it is asked as often as the more impatient says. */
	if (!p->wanted || every_s < p->every_s)
		p->every_s = every_s;
	p->wanted = true;
	return 0;
}

static void drop_unwanted(struct gateway_health *health)
{
	struct gateway_probe **at = &health->list;

	while (*at) {
		struct gateway_probe *p = *at;

		if (p->wanted) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		if (p->socket)
			(void)minato_abort(health->applied->host, p->socket);
		free(p);
	}
}

int gateway_health_sync(struct gateway_health *health, struct minato_time now)
{
	const struct conf *conf = &health->applied->rest;
	int result = 0;

	for (struct gateway_probe *p = health->list; p; p = p->next)
		p->wanted = false;
	for (size_t i = 0; i < conf->count && result == 0; i++) {
		const struct conf_statement *one = conf->list[i];

		for (uint32_t k = 0; is_checked(one) && k < one->forward.server_count; k++) {
			struct minato_endpoint at = asked_at(&one->forward, k);

			result = want(health, &at, one->forward.check_s, now);
			if (result < 0)
				break;
		}
	}
	drop_unwanted(health);
	tell(health);
	return result;
}

void gateway_health_free(struct gateway_health *health)
{
	for (struct gateway_probe *p = health->list; p; p = p->next)
		p->wanted = false;
	drop_unwanted(health);
}
