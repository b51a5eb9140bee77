/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of a new flow behind rules and entries, for minato why: the servers of its forward
 * and how they serve, bounds that are reached, and who goes on with what ends here.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "minato/guard.h"

#define NS_PER_S INT64_C(1000000000)

/* One flow, and what is told of it. */
struct told {
	struct gateway_worker *worker;
	const struct minato_question *question;
	const struct conf_statement *one; /* its forward or dmz, or NULL */
	json_t *steps, *fate;
};

/* A step of no look-up. */
static json_t *add(struct told *told, const char *step, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static json_t *add(struct told *told, const char *step, const char *format, ...)
{
	char text[512];
	json_t *item;
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	item = json_pack("{s:s,s:b,s:s,s:s}", "step", step, "found", 1, "kind", "forward", "says",
			 text);
	if (told->one)
		gateway_step_by(item, &told->worker->applied.rules, told->one);
	json_array_append_new(told->steps, item);
	return item;
}

const char *gateway_end_words(const struct minato_endpoint *at, char out[80])
{
	size_t used;

	minato_addr_format(&at->addr, out, 64);
	used = strlen(out);
	if (at->port)
		(void)snprintf(out + used, 80 - used, " port %u", at->port);
	return out;
}

/* ---- servers ---- */

/* Those that get no new calls; how many others there are. */
static uint32_t add_servers(struct told *told)
{
	const struct gateway_worker *worker = told->worker;
	const struct conf_statement *one = told->one;
	uint32_t count = one->kind == CONF_KIND_FORWARD ? one->forward.server_count : 1;
	uint32_t open = 0;
	char at[80];

	for (uint32_t i = 0; i < count; i++) {
		bool drains = conf_drains_has(&worker->applied.drains, one, i);
		const struct minato_endpoint dmz = { .addr = one->dmz.host };
		int64_t down_ns = one->kind == CONF_KIND_FORWARD && one->forward.check_s ?
					  gateway_health_since(&worker->health, &one->forward, i) :
					  -1;

		(void)gateway_end_words(
			one->kind == CONF_KIND_FORWARD ? &one->forward.server[i].at : &dmz,
			at);
		open += !drains && down_ns < 0;
		if (drains)
			add(told, "server", "%s drains: it gets no new calls", at);
		else if (down_ns >= 0)
			add(told, "server",
			    "%s is down, since %lld s: it gets no new calls, they go to others", at,
			    (long long)(down_ns / NS_PER_S));
	}
	return open;
}

/* ---- what keeps it from beginning ---- */

static void hindrance_words(const struct minato_prospect *prospect, char *out, size_t size)
{
	const uint32_t bound = prospect->bound;

	switch ((enum minato_hindrance)prospect->hindrance) {
	case MINATO_HINDERED_NOT:
		break;
	case MINATO_HINDERED_DRAINS:
		(void)snprintf(out, size, "its only server drains");
		break;
	case MINATO_HINDERED_NO_SERVER:
		(void)snprintf(out, size, "all of its servers are down or drain");
		break;
	case MINATO_HINDERED_FORWARD_FLOWS:
		(void)snprintf(out, size, "its cap of %u connections at once is reached", bound);
		break;
	case MINATO_HINDERED_SOURCE_FLOWS:
		(void)snprintf(out, size,
			       "its cap of %u connections at once of one source is reached", bound);
		break;
	case MINATO_HINDERED_HOST_PORTS:
		(void)snprintf(out, size,
			       "the inside host has its %u ports (queries) of that protocol",
			       bound);
		break;
	case MINATO_HINDERED_HOST_SESSIONS:
		(void)snprintf(out, size, "the inside host has its %u sessions", bound);
		break;
	case MINATO_HINDERED_HOST_RATE:
		(void)snprintf(out, size,
			       "the inside host has begun its %u new ports of this second", bound);
		break;
	case MINATO_HINDERED_NO_POOL:
		(void)snprintf(out, size, "there is no outside address to translate to");
		break;
	case MINATO_HINDERED_FILTERED:
		(void)snprintf(out, size,
			       "the inside host has sent nothing there, and nat filtering lets in "
			       "only whom it has");
		break;
	case MINATO_HINDERED_NO_HAIRPIN:
		(void)snprintf(out, size, "nat hairpin is off");
		break;
	case MINATO_HINDERED_TAKEN:
		(void)snprintf(out, size,
			       "another inside host has that protocol there, by the same address");
		break;
	}
}

/* The setting that sets a bound of an inside host's; NAT_KEY_COUNT: none does. */
static enum conf_nat_key key_of(const struct told *told, uint8_t hindrance)
{
	switch ((enum minato_hindrance)hindrance) {
	case MINATO_HINDERED_HOST_PORTS:
		return told->question->proto == MINATO_TCP ? CONF_NAT_HOST_TCP :
		       told->question->proto == MINATO_UDP ? CONF_NAT_HOST_UDP :
							     CONF_NAT_HOST_ICMP;
	case MINATO_HINDERED_HOST_SESSIONS:
		return CONF_NAT_HOST_SESSIONS;
	case MINATO_HINDERED_HOST_RATE:
		return CONF_NAT_HOST_RATE;
	case MINATO_HINDERED_NO_HAIRPIN:
		return CONF_NAT_HAIRPIN;
	case MINATO_HINDERED_NOT:
	case MINATO_HINDERED_DRAINS:
	case MINATO_HINDERED_NO_SERVER:
	case MINATO_HINDERED_FORWARD_FLOWS:
	case MINATO_HINDERED_SOURCE_FLOWS:
	case MINATO_HINDERED_NO_POOL:
	case MINATO_HINDERED_FILTERED:
	case MINATO_HINDERED_TAKEN:
		break;
	}
	return CONF_NAT_KEY_COUNT;
}

static bool is_filtering(enum conf_nat_key key, uint8_t proto)
{
	return key == CONF_NAT_FILTERING ||
	       key == (proto == MINATO_TCP ? CONF_NAT_TCP_FILTERING : CONF_NAT_UDP_FILTERING);
}

/* The statement that says so: the last one, which is in force. */
static const struct conf_statement *setting_of(const struct told *told, uint8_t hindrance)
{
	const struct conf *conf = &told->worker->applied.rules.conf;
	enum conf_nat_key key = key_of(told, hindrance);

	for (size_t i = conf->count; i-- > 0;) {
		const struct conf_statement *one = conf->list[i];

		if (one->kind != CONF_KIND_NAT)
			continue;
		if (hindrance == MINATO_HINDERED_FILTERED ?
			    is_filtering(one->nat.key, told->question->proto) :
			    one->nat.key == key)
			return one;
	}
	return NULL;
}

/* Whether its sender is told (begin_refused, ends.c, relay/caller.c). */
static bool is_answered(const struct told *told, uint8_t hindrance, bool ends)
{
	struct minato_nat nat;

	/* A socket of the host has taken the call by then: it is reset. */
	if (told->worker->base.relay && told->question->scope == CONF_SCOPE_OUTSIDE)
		return told->question->proto == MINATO_TCP;
	if (hindrance == MINATO_HINDERED_DRAINS || hindrance == MINATO_HINDERED_NO_SERVER)
		return told->question->proto == MINATO_TCP || told->question->proto == MINATO_UDP;
	if (ends)
		return hindrance != MINATO_HINDERED_NO_HAIRPIN;
	return (hindrance == MINATO_HINDERED_TAKEN ||
		key_of(told, hindrance) != CONF_NAT_KEY_COUNT) &&
	       hindrance != MINATO_HINDERED_NO_HAIRPIN &&
	       minato_nat_get(told->worker->base.host, &nat) == 0 && nat.mark_unreachable;
}

static void add_hindrance(struct told *told, const struct minato_prospect *prospect, bool ends)
{
	const uint8_t hindrance = prospect->hindrance;
	bool answered = is_answered(told, hindrance, ends);
	bool servers = hindrance == MINATO_HINDERED_DRAINS ||
		       hindrance == MINATO_HINDERED_NO_SERVER;
	char text[160] = "";
	json_t *item;

	if (!servers && hindrance != MINATO_HINDERED_FORWARD_FLOWS &&
	    hindrance != MINATO_HINDERED_SOURCE_FLOWS)
		told->one = setting_of(told, hindrance);
	hindrance_words(prospect, text, sizeof(text));
	item = add(told, servers ? "server" : "bound", "%s", text);
	json_object_set_new(item, "verdict", json_string(answered ? "refused" : "dropped"));
	json_object_set_new(item, "stops", json_true());
	json_object_set_new(told->fate, "outcome", json_string(answered ? "closed" : "dropped"));
	(void)json_object_del(told->fate, "end");
	(void)json_object_del(told->fate, "path");
}

/* ---- what ends here ---- */

/* What is known of who goes on with it is what came of the last call. */
static void add_end(struct told *told, const struct gateway_held *held)
{
	const struct conf_forward *forward = &told->one->forward;
	char how[64] = "";
	char failed[128] = "";

	if (forward->proxy)
		(void)snprintf(how, sizeof(how), ", which hears of its client by PROXY v%u",
			       forward->proxy);
	if (held->dial_errnum)
		(void)snprintf(failed, sizeof(failed), "; the last call to it was refused: %s",
			       strerror(held->dial_errnum));
	if (forward->to == CONF_TO_SOCKET)
		add(told, "end", "it ends here, and goes on to the socket %s%s%s", forward->path,
		    how, failed);
	else
		add(told, "end",
		    "it ends here; a connection of the gateway's goes on to the server%s%s", how,
		    failed);
}

/* ---- who cannot be reached ---- */

static bool is_inside(const struct told *told, const struct minato_addr *addr)
{
	const struct gateway_links *links = told->worker->applied.links;

	for (size_t i = 0; i < links->count; i++) {
		if (!links->list[i].said.outside && gateway_link_has(&links->list[i].said, addr))
			return true;
	}
	return false;
}

/* By a router on an inside. */
static bool is_routed(const struct told *told, const struct minato_addr *addr)
{
	const struct conf *conf = &told->worker->applied.rules.conf;
	struct conf_link behind = { .address_count = 1 };

	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind != CONF_KIND_ROUTE ||
		    !is_inside(told, &conf->list[i]->route.via))
			continue;
		behind.address[0] = conf->list[i]->route.to;
		if (gateway_link_has(&behind, addr))
			return true;
	}
	return false;
}

/* No packet gets there; who asks for it hears of a router, or of the host's kernel. */
static void add_unreachable(struct told *told, const struct minato_addr *addr)
{
	const bool silent = told->worker->base.relay && told->question->proto != MINATO_TCP;
	char text[64];
	json_t *item;

	minato_addr_format(addr, text, sizeof(text));
	item = add(told, "server", "%s is on no inside link, and no route leads there", text);
	json_object_set_new(item, "verdict", json_string(silent ? "dropped" : "refused"));
	json_object_set_new(item, "stops", json_true());
	json_object_set_new(told->fate, "outcome", json_string(silent ? "dropped" : "closed"));
	(void)json_object_del(told->fate, "end");
	(void)json_object_del(told->fate, "path");
}

/* ---- all ---- */

static int foresee(struct told *told, struct minato_prospect *prospect, bool *ends)
{
	struct gateway_worker *worker = told->worker;
	int result = minato_foresee(worker->base.host, told->question, prospect);

	*ends = told->one && told->one->kind == CONF_KIND_FORWARD &&
		conf_ends_here(&told->one->forward);
	if (result == 0 && prospect->hindrance == MINATO_HINDERED_NOT && *ends &&
	    worker->ends.count >= GATEWAY_ENDS_MAX)
		*prospect = (struct minato_prospect){ MINATO_HINDERED_FORWARD_FLOWS,
						      GATEWAY_ENDS_MAX,
						      { .port = 0 } };
	return result;
}

void gateway_prospect(struct gateway_worker *worker, const struct minato_question *question,
		      size_t statement, json_t *steps, json_t *fate)
{
	const struct conf *conf = &worker->applied.rules.conf;
	struct told told = { worker, question, NULL, steps, fate };
	struct minato_prospect prospect;
	uint32_t open = 0;
	bool ends;
	char at[80];

	if (statement < conf->count && (conf->list[statement]->kind == CONF_KIND_FORWARD ||
					conf->list[statement]->kind == CONF_KIND_DMZ))
		told.one = conf->list[statement];
	if (foresee(&told, &prospect, &ends) < 0)
		return;
	if (told.one && !(ends && told.one->forward.to == CONF_TO_SOCKET))
		open = add_servers(&told);
	if (prospect.hindrance != MINATO_HINDERED_NOT) {
		add_hindrance(&told, &prospect, ends);
		return;
	}
	if (told.one && !(ends && told.one->forward.to == CONF_TO_SOCKET) &&
	    !minato_addr_is_any(&prospect.target.addr) &&
	    !is_inside(&told, &prospect.target.addr) &&
	    !is_routed(&told, &prospect.target.addr)) {
		add_unreachable(&told, &prospect.target.addr);
		return;
	}
	if (ends)
		add_end(&told, &worker->applied.held[statement]);
	/* Of what has no ports the number stands where they do. */
	if (!told.one || !prospect.target.port || question->proto == MINATO_PROTO_OTHER)
		return;
	if (told.one->kind == CONF_KIND_FORWARD && told.one->forward.server_count > 1)
		add(&told, "server", "this call goes to %s, one of %u that take calls",
		    gateway_end_words(&prospect.target, at), open);
	json_object_set_new(fate, "end", view_message_end(&prospect.target));
}
