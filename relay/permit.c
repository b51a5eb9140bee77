/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest may ask for and where it may go, and what is told of its attempts. */
#include "relay/permit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)

static const char not_allowed[] = "not allowed";
const char permit_no_echoes[] = "echoes are not allowed";
static const char not_the_port[] = "this port is not allowed";
static const char by_a_rule[] = "a rule";

/* What the user has said yes to, of one name or address and port. */
struct grant {
	struct grant *next;
	struct relay_allow allow;
};

/* One end of the guest whose program is known. */
struct identity {
	enum minato_proto proto;
	struct minato_endpoint guest;
	struct relay_program program;
};

struct permit {
	const struct relay_allows *allows; /* NULL: nothing is closed */
	struct grant *grants; /* for what flows say that go out by one; permit_judge knows none */
	uint32_t grant_count;
	struct pins *pins;
	struct waitings *waitings;
	struct hellos *hellos;
	uint64_t flows;	     /* so far */
	uint32_t identities; /* so far */
	struct identity list[PERMIT_PROGRAMS];
	uint64_t identified; /* the call that has just been; 0: none */
	struct relay_prefix near[RELAY_NEAR_MAX];
	size_t near_count;
	uint8_t room[TICKET_PEEK];
};

int permit_new(struct relay *relay, struct permit **out)
{
	const struct relay_config *config = &relay->config;
	struct permit *permit;

	*out = NULL;
	if (!config->allows && !config->attempt)
		return 0;
	permit = calloc(1, sizeof(*permit));
	if (!permit)
		return -ENOMEM;
	permit->allows = config->allows;
	permit->pins = pins_new();
	permit->hellos = hellos_new();
	if (!permit->pins || !permit->hellos || waitings_new(&permit->waitings) < 0) {
		permit_free(permit);
		return -ENOMEM;
	}
	if (permit->allows)
		pins_watch(permit->pins, pinned_leave, relay);
	*out = permit;
	return 0;
}

void permit_free(struct permit *permit)
{
	struct grant *next;

	if (!permit)
		return;
	for (struct grant *grant = permit->grants; grant; grant = next) {
		next = grant->next;
		free(grant);
	}
	waitings_free(permit->waitings);
	hellos_free(permit->hellos);
	pins_free(permit->pins);
	free(permit);
}

bool permit_is_closed(const struct relay *relay)
{
	return relay->permit && relay->permit->allows;
}

struct minato_time permit_turn(struct relay *relay)
{
	return permit_is_closed(relay) ? pins_sweep(relay->permit->pins, relay->now) : MINATO_NEVER;
}

struct pins *permit_pins(const struct relay *relay)
{
	return relay->permit->pins;
}

struct waitings *permit_waitings(const struct relay *relay)
{
	return relay->permit->waitings;
}

struct hellos *permit_hellos(const struct relay *relay)
{
	return relay->permit->hellos;
}

uint8_t *permit_room(const struct relay *relay)
{
	return relay->permit->room;
}

uint64_t permit_number(struct relay *relay)
{
	return ++relay->permit->flows;
}

void permit_tell(struct relay *relay, const struct relay_attempt *attempt)
{
	struct relay_attempt told = *attempt;

	if (!relay->config.attempt)
		return;
	if (!told.program)
		told.program = permit_program(relay, told.proto, &told.guest);
	relay->config.attempt(relay->config.attempt_user, &told);
}

/* ---- programs ---- */

const struct relay_program *permit_program(const struct relay *relay, enum minato_proto proto,
					   const struct minato_endpoint *guest)
{
	const struct permit *permit = relay->permit;

	for (uint32_t i = 0; i < PERMIT_PROGRAMS; i++) {
		const struct identity *one = &permit->list[i];

		if (one->program.pid && one->proto == proto && one->guest.port == guest->port &&
		    minato_addr_equal(&one->guest.addr, &guest->addr))
			return &one->program;
	}
	return NULL;
}

/* Of this end; what was known of it before was another socket's. */
static struct identity *remember(struct permit *permit, enum minato_proto proto,
				 const struct minato_endpoint *guest)
{
	struct identity *one = &permit->list[permit->identities++ % PERMIT_PROGRAMS];

	for (uint32_t i = 0; i < PERMIT_PROGRAMS; i++) {
		if (permit->list[i].proto == proto && permit->list[i].guest.port == guest->port &&
		    minato_addr_equal(&permit->list[i].guest.addr, &guest->addr))
			one = &permit->list[i];
	}
	*one = (struct identity){ .proto = proto, .guest = *guest };
	return one;
}

bool permit_identify(struct relay *relay, uint64_t call, enum minato_proto proto,
		     const struct minato_endpoint *to, bool refused)
{
	const struct relay_config *config = &relay->config;
	struct permit *permit = relay->permit;
	struct minato_endpoint guest = { .port = 0 };

	if (!permit || !config->identify || (!refused && !config->identify_all) ||
	    permit->identified == call)
		return false;
	minato_peer(relay->host, call, &guest);
	return config->identify(config->identify_user, call, proto, &guest, to);
}

void permit_know(struct relay *relay, enum minato_proto proto, const struct minato_endpoint *guest,
		 const struct relay_program *program)
{
	if (relay->permit && program)
		remember(relay->permit, proto, guest)->program = *program;
}

void permit_identified(struct relay *relay, uint64_t call, enum minato_proto proto,
		       const struct relay_program *program)
{
	struct permit *permit = relay->permit;
	struct minato_endpoint guest = { .port = 0 };
	struct identity *one;

	permit->identified = call;
	if (!call || minato_peer(relay->host, call, &guest) < 0)
		return;
	one = remember(permit, proto, &guest);
	if (program)
		one->program = *program;
}

void permit_refused(struct relay *relay, enum minato_proto proto,
		    const struct minato_endpoint *guest, const struct minato_endpoint *to,
		    const char *name, const char *reason)
{
	permit_tell(relay, &(struct relay_attempt){
				   .sort = RELAY_ATTEMPT_REFUSED,
				   .proto = proto,
				   .guest = *guest,
				   .to = *to,
				   .name = name,
				   .reason = reason,
				   .allowable = reason == not_allowed || reason == not_the_port,
				   .shut = reason == not_allowed || reason == not_the_port ||
					   reason == permit_no_echoes,
			   });
}

enum minato_reason permit_absent(const struct relay *relay, enum minato_proto proto)
{
	return permit_is_closed(relay) && proto == MINATO_UDP ? MINATO_REASON_PROHIBITED :
								MINATO_REASON_HOST;
}

void permit_turn_away(struct relay *relay, uint64_t call, enum minato_proto proto,
		      const struct minato_endpoint *wanted, enum target_verdict verdict)
{
	struct minato_endpoint guest = { .port = 0 };

	if (permit_identify(relay, call, proto, wanted, true))
		return;
	minato_peer(relay->host, call, &guest);
	permit_refused(relay, proto, &guest, wanted, NULL, target_words(relay, wanted));
	if (verdict == TARGET_ABSENT) {
		minato_reject(relay->host, call, permit_absent(relay, proto));
	} else if (verdict == TARGET_MULTICAST) {
		relay_count(relay, RELAY_COUNT_REFUSED_MULTICAST);
		minato_ignore(relay->host, call);
	} else {
		relay_count(relay, RELAY_COUNT_REFUSED_INNER);
		minato_refuse(relay->host, call);
	}
}

/* ---- names ---- */

static bool is_allowed(const struct relay_allows *allows, const struct dnsname *name)
{
	for (size_t i = 0; i < allows->count && !name->strange; i++) {
		if (relay_allow_is_name(&allows->list[i], name->text))
			return true;
	}
	return false;
}

/* There is something below it: "no such name" would deny that too (RFC 8020). */
static bool is_above(const struct relay_allows *allows, const struct dnsname *name)
{
	for (size_t i = 0; i < allows->count && !name->strange; i++) {
		if (relay_allow_is_below(&allows->list[i], name->text))
			return true;
	}
	return false;
}

static bool wants_addresses(const struct dnsask *ask)
{
	return ask->type == DNSMSG_TYPE_A || ask->type == DNSMSG_TYPE_AAAA;
}

void permit_denied(struct relay *relay, const struct dnsask *ask,
		   const struct relay_program *program)
{
	relay_count(relay, RELAY_COUNT_DENIED_NAME);
	permit_tell(relay, &(struct relay_attempt){
				   .sort = RELAY_ATTEMPT_NAME,
				   .proto = ask->proto,
				   .guest = ask->guest,
				   .name = ask->name.text,
				   .reason = not_allowed,
				   .allowable = wants_addresses(ask),
				   .program = program,
			   });
}

enum permit_asked permit_question(struct relay *relay, const struct dnsask *ask,
				  const uint8_t *query, const struct dnsmsg *m, uint8_t *out,
				  size_t *out_len)
{
	const struct relay_allows *allows = relay->permit->allows;
	bool addresses = wants_addresses(ask);

	if (m->opcode != 0) {
		*out_len = dnsask_refuse(ask, query, m, DNSMSG_NOTIMP, DNSMSG_WHY_NONE, out);
		return PERMIT_ANSWER;
	}
	if (ask->version != 0) {
		*out_len = dnsask_refuse(ask, query, m, DNSMSG_BADVERS, DNSMSG_WHY_NONE, out);
		return PERMIT_ANSWER;
	}
	if (ask->class != DNSMSG_CLASS_IN) {
		*out_len = dnsask_refuse(ask, query, m, DNSMSG_REFUSED, DNSMSG_WHY_FILTERED, out);
		return PERMIT_ANSWER;
	}
	if (is_allowed(allows, &ask->name) || (relay->config.ask_names && !ask->name.strange)) {
		if (addresses)
			return PERMIT_ASK;
		/* Other types carry what nobody weighs: addresses, keys, a way for data. */
		*out_len = dnsask_refuse(ask, query, m, 0, DNSMSG_WHY_FILTERED, out);
		return PERMIT_ANSWER;
	}
	/* Whoever wants its addresses wants to go there, and '*.example.com' does not say so. */
	if (is_above(allows, &ask->name)) {
		*out_len = dnsask_refuse(ask, query, m, 0, DNSMSG_WHY_FILTERED, out);
		return addresses && ask->name.text[0] ? PERMIT_DENY : PERMIT_ANSWER;
	}
	/* Not REFUSED, which a program takes for a failure that may pass, and asks again. */
	*out_len = dnsask_refuse(ask, query, m, DNSMSG_NXDOMAIN, DNSMSG_WHY_FILTERED, out);
	return PERMIT_DENY;
}

static void pin_for(struct relay *relay, const struct minato_addr *addr, const char *name,
		    int64_t until_ns)
{
	pinned_enter(relay, pins_add(relay->permit->pins, addr, name, relay->now, until_ns));
}

void relay_pin(struct relay *relay, const char *name, const struct minato_addr *addr)
{
	struct dnsname wanted = { .strange = false };
	size_t len = strlen(name);

	if (!permit_is_closed(relay) || len > RELAY_NAME_MAX)
		return;
	for (size_t i = 0; i < len; i++)
		wanted.text[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
	if (is_allowed(relay->permit->allows, &wanted))
		pin_for(relay, addr, wanted.text, INT64_MAX);
}

/* ---- answers ---- */

static bool in_a_prefix(const struct relay_allows *allows, const struct minato_addr *addr)
{
	for (size_t i = 0; i < allows->count; i++) {
		if (relay_allow_is_addr(&allows->list[i], addr))
			return true;
	}
	return false;
}

/* Whether the relay would dial it at all: nothing of the guest's own link, nothing of ours. */
static bool is_beyond(const struct relay *relay, const struct minato_addr *addr)
{
	const struct minato_endpoint to = { *addr, 1 };
	struct minato_endpoint dial;

	return target_judge(relay, MINATO_TCP, &to, &dial) == TARGET_DIAL &&
	       minato_addr_equal(&to.addr, &dial.addr);
}

static bool may_pin(const struct relay *relay, const struct minato_addr *addr)
{
	const struct relay_allows *allows = relay->permit->allows;

	if (!is_beyond(relay, addr))
		return false;
	return allows->private || in_a_prefix(allows, addr) ||
	       (relay_addr_is_public(addr) &&
		!near_holds(relay->permit->near, relay->permit->near_count, addr));
}

static bool is_out(void *relay, const struct minato_addr *addr)
{
	return !may_pin(relay, addr);
}

void relay_near(struct relay *relay, const struct relay_prefix *list, size_t count)
{
	struct permit *permit = relay->permit;

	if (!permit_is_closed(relay))
		return;
	permit->near_count = count < RELAY_NEAR_MAX ? count : RELAY_NEAR_MAX;
	memcpy(permit->near, list, permit->near_count * sizeof(list[0]));
	pins_drop(permit->pins, is_out, relay);
}

static void tell_answer(struct relay *relay, const struct dnsask *ask,
			const struct minato_addr *addr)
{
	bool beyond = is_beyond(relay, addr);

	relay_count(relay, RELAY_COUNT_UNPINNED);
	permit_tell(relay, &(struct relay_attempt){
				   .sort = RELAY_ATTEMPT_ANSWER,
				   .proto = ask->proto,
				   .guest = ask->guest,
				   .to = { .addr = *addr },
				   .name = ask->name.text,
				   .allowable = beyond,
				   .reason = !beyond ? "an address of this host's inner side or of "
						       "the guest's own link" :
					     relay_addr_is_public(addr) ?
						       "an address of this host or its network" :
						       "an address of a private network",
			   });
}

/* The shortest TTL of the chain that leads to the address. */
static uint32_t life_of(const struct dnsanswer *answer, size_t addr)
{
	uint32_t ttl = answer->ttl[addr];

	for (size_t i = 0; i + 1 < answer->chain_count; i++) {
		if (answer->chain_ttl[i] < ttl)
			ttl = answer->chain_ttl[i];
	}
	return ttl < PIN_MIN_S ? PIN_MIN_S : ttl;
}

/* Pins what may be, and takes out of the answer what may not. */
static void weigh(struct relay *relay, const struct dnsask *ask, struct dnsanswer *answer)
{
	size_t kept = 0;

	for (size_t i = 0; i < answer->addr_count; i++) {
		int64_t life = (life_of(answer, i) + PIN_GRACE_S) * NS_PER_S;

		if (!may_pin(relay, &answer->addrs[i])) {
			tell_answer(relay, ask, &answer->addrs[i]);
			continue;
		}
		pin_for(relay, &answer->addrs[i], ask->name.text, relay->now.ns + life);
		answer->addrs[kept] = answer->addrs[i];
		answer->ttl[kept++] = answer->ttl[i];
	}
	answer->addr_count = kept;
}

size_t permit_answer(struct relay *relay, const struct dnsask *ask, const uint8_t *query,
		     const struct dnsmsg *asked, const uint8_t *data, size_t len, uint8_t *out)
{
	struct dnsanswer answer;
	struct dnsmsg m;

	if (!dnsmsg_parse(data, len, &m))
		return dnsask_refuse(ask, query, asked, DNSMSG_SERVFAIL, DNSMSG_WHY_NONE, out);
	if (m.rcode != 0)
		return dnsask_refuse(ask, query, asked, m.rcode, DNSMSG_WHY_NONE, out);
	if (!dnsanswer_read(data, len, &m, ask, &answer)) {
		relay_count(relay, RELAY_COUNT_DNS_STRANGE);
		return dnsask_refuse(ask, query, asked, DNSMSG_SERVFAIL, DNSMSG_WHY_NONE, out);
	}
	if (answer.addr_count > 0) {
		weigh(relay, ask, &answer);
		if (answer.addr_count == 0)
			return dnsask_refuse(ask, query, asked, 0, DNSMSG_WHY_FORGED, out);
	}
	return dnsanswer_write(&answer, ask, query, asked, 0, out);
}

/* ---- flows ---- */

/* Among the names that lead there, the latest that may on this port, and before that rule. */
static bool judge_pins(const struct relay *relay, enum minato_proto proto,
		       const struct minato_endpoint *to, const struct pinned_rule *rule,
		       struct permit_way *way)
{
	const struct relay_allows *allows = relay->permit->allows;
	const struct pin *pin = NULL;

	while ((pin = pins_next(relay->permit->pins, &to->addr, relay->now, pin)) != NULL) {
		way->reason = not_the_port;
		for (size_t i = 0; i < allows->count; i++) {
			const struct relay_allow *allow = &allows->list[i];

			if (!relay_allow_is_name(allow, pin->name) ||
			    !relay_allow_is_port(allow, proto, to->port) ||
			    !pinned_before(allow, rule))
				continue;
			if (way->allow && !allow->raw)
				continue;
			way->allow = allow;
			way->pin = pin;
			way->looked_at = !allow->raw;
			if (allow->raw)
				return true;
		}
	}
	return way->allow;
}

bool permit_judge(const struct relay *relay, enum minato_proto proto,
		  const struct minato_endpoint *to, struct permit_way *way)
{
	const struct relay_allows *allows = relay->permit->allows;
	struct pinned_rule rule;

	*way = (struct permit_way){ .reason = not_allowed };
	if (!allows)
		return true;
	rule = pinned_rule(relay, proto, to);
	for (size_t i = 0; i < allows->count; i++) {
		if (!relay_allow_is_addr(&allows->list[i], &to->addr))
			continue;
		way->reason = not_the_port;
		if (!relay_allow_is_port(&allows->list[i], proto, to->port) ||
		    (!rule.passes && !pinned_before(&allows->list[i], &rule)))
			continue;
		way->allow = &allows->list[i];
		return true;
	}
	/*
	 * Even if a name is allowed before: whatever is said there, this rule lets it out; but not
	 * a limit, which counts no flow that the table has let out by a name before it.
	 */
	if ((rule.passes && !rule.limits) || judge_pins(relay, proto, to, &rule, way))
		return true;
	/* The table has counted this flow, and let it pass: it may be the last one of the limit. */
	if (rule.passes || rule.spent)
		return true;
	way->barred = rule.order != UINT64_MAX;
	way->silent = way->barred ? rule.drops : relay->config.silent;
	if (way->barred)
		way->reason = by_a_rule;
	return false;
}

static bool is_grant(const struct relay_allow *allow, enum minato_proto proto,
		     const struct minato_endpoint *to, const char *name)
{
	return (name ? relay_allow_is_name(allow, name) : relay_allow_is_addr(allow, &to->addr)) &&
	       relay_allow_is_port(allow, proto, to->port);
}

struct pin *permit_named(const struct relay *relay, enum minato_proto proto,
			 const struct minato_endpoint *to, const char *name)
{
	const struct relay_allows *allows = relay->permit->allows;
	const struct pinned_rule rule = pinned_rule(relay, proto, to);
	struct pin *pin = NULL;

	while ((pin = pins_next(relay->permit->pins, &to->addr, relay->now, pin)) != NULL) {
		if (strcmp(pin->name, name) != 0)
			continue;
		for (size_t i = 0; i < allows->count; i++) {
			if (relay_allow_is_name(&allows->list[i], name) &&
			    relay_allow_is_port(&allows->list[i], proto, to->port) &&
			    pinned_before(&allows->list[i], &rule))
				return pin;
		}
		for (const struct grant *grant = relay->permit->grants; grant;
		     grant = grant->next) {
			if (grant->allow.named && rule.order == UINT64_MAX &&
			    is_grant(&grant->allow, proto, to, name))
				return pin;
		}
	}
	return NULL;
}

bool permit_asks_datagrams(const struct relay *relay, const struct permit_way *way)
{
	return relay->config.ask && relay->config.ask_names && !way->allow && !way->barred;
}

bool permit_ask(struct relay *relay, uint64_t call, enum minato_proto proto,
		const struct minato_endpoint *guest, const struct minato_endpoint *to,
		const struct permit_way *way)
{
	struct relay_asking asking = {
		.call = call,
		.proto = proto,
		.guest = *guest,
		.to = *to,
		.reason = way->reason,
	};

	if (!relay->config.ask || way->allow || way->barred)
		return false;
	asking.name = permit_name_of(relay, &to->addr);
	return relay->config.ask(relay->config.ask_user, &asking);
}

static const struct pin *pin_of(const struct relay *relay, const struct minato_addr *addr,
				const char *name)
{
	const struct pin *pin = NULL;

	do
		pin = pins_next(relay->permit->pins, addr, relay->now, pin);
	while (pin && strcmp(pin->name, name) != 0);
	return pin;
}

bool permit_led(const struct relay *relay, const struct minato_addr *addr, const char *name)
{
	return pin_of(relay, addr, name) != NULL;
}

bool permit_ask_said(struct relay *relay, uint64_t lane, const struct ticket *t, const char *said,
		     const char *reason)
{
	const struct pinned_rule rule = pinned_rule(relay, t->proto, &t->to);
	const struct relay_asking asking = {
		.call = lane,
		.proto = t->proto,
		.guest = t->guest,
		.to = t->to,
		.name = said,
		.reason = reason,
		.stray = !permit_led(relay, &t->to.addr, said),
	};

	/* A rule refuses it: nobody is asked. */
	if (rule.order != UINT64_MAX && !rule.passes)
		return false;
	return relay->config.ask && relay->config.ask_names &&
	       relay->config.ask(relay->config.ask_user, &asking);
}

/* That of this name or address and port: the same one each time. */
static const struct relay_allow *grant_of(struct permit *permit, enum minato_proto proto,
					  const struct minato_endpoint *to, const char *name)
{
	struct grant *grant = permit->grants;

	while (grant && !is_grant(&grant->allow, proto, to, name))
		grant = grant->next;
	if (grant)
		return &grant->allow;
	grant = permit->grant_count < PERMIT_GRANTS_MAX ? calloc(1, sizeof(*grant)) : NULL;
	if (!grant)
		return NULL;
	grant->allow.protocols = proto == MINATO_TCP ? RELAY_TCP : RELAY_UDP;
	grant->allow.run_count = 1;
	grant->allow.runs[0] = (struct relay_run){ to->port, to->port };
	grant->allow.named = name;
	if (name)
		(void)snprintf(grant->allow.name, sizeof(grant->allow.name), "%s", name);
	grant->allow.prefix = to->addr;
	grant->allow.prefix_len = 128;
	grant->next = permit->grants;
	permit->grants = grant;
	permit->grant_count++;
	return &grant->allow;
}

bool permit_grant(struct relay *relay, enum minato_proto proto, const struct minato_endpoint *to,
		  const char *name, struct permit_way *way)
{
	const struct pin *pin = NULL;

	*way = (struct permit_way){ .reason = not_allowed };
	pin = name ? pin_of(relay, &to->addr, name) : NULL;
	/* Its time may be over since the user was asked; he was shown where it led. */
	if (name && !pin && may_pin(relay, &to->addr)) {
		pin_for(relay, &to->addr, name, relay->now.ns + PIN_MIN_S * NS_PER_S);
		pin = pin_of(relay, &to->addr, name);
	}
	if (name && !pin)
		return false;
	way->allow = grant_of(relay->permit, proto, to, name);
	way->pin = pin;
	way->looked_at = pin;
	return way->allow;
}

const char *permit_name_of(const struct relay *relay, const struct minato_addr *addr)
{
	const struct pin *pin;

	if (!permit_is_closed(relay))
		return NULL;
	pin = pins_next(relay->permit->pins, addr, relay->now, NULL);
	return pin ? pin->name : NULL;
}
