/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * -p auto: the ports that programs of the guest open are published while they are open. The guest's
 * kernel tells nobody when a program listens, so it is asked: seldom while nothing changes, often
 * for a while after something did, since programs that come and go do so together.
 */
#include "relay/relay.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDLE_NS INT64_C(50000000)
#define BUSY_NS INT64_C(5000000)
#define BUSY_FOR_NS INT64_C(1000000000) /* after a change */
#define RETRY_NS INT64_C(2000000000)	/* a host port that another holds may become free */
#define READ_MAX 2048u			/* sockets of the guest looked at, for each protocol */
#define PORTS_MAX 512u			/* published at once: beyond, the rest waits */

#define FOUR 1u
#define SIX 2u

/* A port that the guest has open. */
struct open_port {
	uint8_t protocol;
	uint8_t families; /* as it is published */
	uint8_t seen;	  /* as the guest has it now; 0: closed */
	bool refused;	  /* the host has it not: said already */
	bool stood;	  /* it was published since the guest has it open */
	uint16_t port;
	uint32_t forward; /* 0: none */
	int64_t next_ns;  /* not asked for before */
	struct relay_spec spec;
};

struct relay_auto {
	struct drive_listeners listeners;
	struct open_port *ports;
	size_t count;
	int64_t next_ns, changed_ns;
	bool asked; /* an answer is due, for: */
	uint8_t asked_protocol;
	uint16_t asked_port;
	struct drive_listener found[READ_MAX];
};

static uint8_t bit_of(uint8_t protocol)
{
	return protocol == MINATO_TCP ? RELAY_TCP : RELAY_UDP;
}

/* The spec of -p auto that a port of this protocol falls under; NULL: none. */
static const struct relay_spec *auto_spec(const struct relay *relay, uint8_t protocol,
					  uint16_t port)
{
	for (const struct relay_forward *f = relay->forwards; f; f = f->next) {
		if (!f->gone && f->spec.sort == RELAY_AUTO &&
		    f->spec.protocols & bit_of(protocol) && !relay_spec_excepts(&f->spec, port))
			return &f->spec;
	}
	return NULL;
}

static bool is_wanted(const struct relay *relay, uint8_t protocol)
{
	for (const struct relay_forward *f = relay->forwards; f; f = f->next) {
		if (!f->gone && f->spec.sort == RELAY_AUTO && f->spec.protocols & bit_of(protocol))
			return true;
	}
	return false;
}

/* ---- what the guest has open ---- */

/* The families in which it is open to others. What is bound to another address is not led to. */
static uint8_t families_of(const struct relay *relay, const struct drive_listener *l)
{
	const struct drive_subnet *s = &relay->config.subnet;
	uint8_t families = 0;

	if (l->dual)
		families = FOUR | SIX;
	else if (minato_addr_is4(&l->addr))
		families = minato_addr_is_any(&l->addr) || minato_addr_equal(&l->addr, &s->guest4) ?
				   FOUR :
				   0;
	else if (minato_addr_is_any(&l->addr) || minato_addr_equal(&l->addr, &s->guest6))
		families = SIX;
	return (uint8_t)(families & ((s->has4 ? FOUR : 0) | (s->has6 ? SIX : 0)));
}

/* A UDP port from that range was most likely chosen by the kernel, for a client. */
static bool is_client(const struct relay_auto *a, const struct drive_listener *l)
{
	return l->protocol == IPPROTO_UDP && l->port >= a->listeners.first &&
	       l->port <= a->listeners.last;
}

static struct open_port *find(struct relay_auto *a, uint8_t protocol, uint16_t port)
{
	for (size_t i = 0; i < a->count; i++) {
		if (a->ports[i].port == port && a->ports[i].protocol == protocol)
			return &a->ports[i];
	}
	return NULL;
}

/* Its place, the next one where it has none; NULL: there are too many. */
static struct open_port *place(struct relay_auto *a, uint8_t protocol, uint16_t number)
{
	struct open_port *port = find(a, protocol, number);

	if (port || a->count == PORTS_MAX)
		return port;
	port = &a->ports[a->count++];
	*port = (struct open_port){ .protocol = protocol, .port = number };
	return port;
}

static void see(struct relay *relay, const struct drive_listener *l)
{
	struct relay_auto *a = relay->automatic;
	struct open_port *port;
	uint8_t families = families_of(relay, l);

	if (!families || is_client(a, l) || !auto_spec(relay, l->protocol, l->port))
		return;
	port = place(a, l->protocol, l->port);
	if (port)
		port->seen |= families;
}

static void look(struct relay *relay, uint8_t protocol)
{
	struct relay_auto *a = relay->automatic;
	int count;

	if (!is_wanted(relay, protocol))
		return;
	count = drive_listeners_read(&a->listeners, protocol, a->found, READ_MAX);
	if (count < 0) {
		/* Not known now: as it was. */
		for (size_t i = 0; i < a->count; i++) {
			if (a->ports[i].protocol == protocol)
				a->ports[i].seen = a->ports[i].families;
		}
		return;
	}
	for (int i = 0; i < count; i++)
		see(relay, &a->found[i]);
}

/* ---- what is to be published ---- */

/* False: the address asked for is of a family in which the guest does not listen. */
static bool make_spec(const struct relay *relay, const struct open_port *port,
		      struct relay_spec *out)
{
	const struct relay_spec *from = auto_spec(relay, port->protocol, port->port);
	uint8_t family;

	if (!from)
		return false;
	*out = (struct relay_spec){
		.sort = RELAY_PORTS,
		.addr = from->addr,
		.every = from->every,
		.guest_given = true,
		.protocols = bit_of(port->protocol),
		.first = port->port,
		.last = port->port,
		.guest = port->port,
		.per_source = port->protocol == MINATO_TCP ? from->per_source : 0,
	};
	if (!from->every) {
		family = minato_addr_is4(&from->addr) ? FOUR : SIX;
		return port->seen & family;
	}
	out->every = port->seen == (FOUR | SIX);
	if (!out->every)
		out->addr = port->seen == FOUR ? minato_addr4(0, 0, 0, 0) :
						 (struct minato_addr){ { 0 } };
	return true;
}

/*
 * Named ports go before: those at the host's port, and those that lead to the guest's unless they
 * were named when it was published already.
 */
static bool is_named(const struct relay *relay, const struct relay_spec *spec, bool stood)
{
	for (const struct relay_forward *f = relay->forwards; f; f = f->next) {
		if (f->gone || f->automatic || !(f->spec.protocols & spec->protocols))
			continue;
		if (f->spec.sort == RELAY_ALL)
			return true;
		if (f->spec.sort != RELAY_PORTS)
			continue;
		if (relay_spec_meets(&f->spec, spec) ||
		    (!stood && spec->guest >= f->spec.guest &&
		     spec->guest - f->spec.guest <= f->spec.last - f->spec.first))
			return true;
	}
	return false;
}

static void withdraw(struct relay *relay, struct open_port *port)
{
	struct relay_auto *a = relay->automatic;

	a->changed_ns = relay->now.ns;
	if (!port->forward)
		return;
	relay_forward_remove(relay, port->forward);
	if (relay->config.port_closed)
		relay->config.port_closed(relay->config.port_user, &port->spec);
	port->forward = 0;
}

static void publish(struct relay *relay, struct open_port *port)
{
	struct relay_auto *a = relay->automatic;
	struct relay_spec spec;

	if (a->asked || port->forward || port->next_ns > relay->now.ns ||
	    !make_spec(relay, port, &spec) || is_named(relay, &spec, port->stood))
		return;
	port->spec = spec;
	port->next_ns = relay->now.ns + RETRY_NS;
	a->asked_protocol = port->protocol;
	a->asked_port = port->port;
	a->asked = true;
	if (relay->config.port_open(relay->config.port_user, &spec, port->refused) < 0) {
		a->asked = false;
		port->next_ns = relay->now.ns + BUSY_NS;
	}
}

static void settle(struct relay *relay)
{
	struct relay_auto *a = relay->automatic;

	for (size_t i = 0; i < a->count;) {
		struct open_port *port = &a->ports[i];
		bool changed = port->seen != port->families;
		bool wanted = auto_spec(relay, port->protocol, port->port);

		if (changed || !wanted) {
			withdraw(relay, port);
			port->families = port->seen;
			port->refused = false;
			port->next_ns = 0;
		}
		if (!port->families || !wanted) {
			a->ports[i] = a->ports[--a->count];
			continue;
		}
		publish(relay, port);
		i++;
	}
}

struct minato_time auto_turn(struct relay *relay)
{
	struct relay_auto *a = relay->automatic;
	int64_t now = relay->now.ns;

	if (!a || !relay->config.port_open ||
	    (a->count == 0 && !is_wanted(relay, MINATO_TCP) && !is_wanted(relay, MINATO_UDP)))
		return MINATO_NEVER;
	if (now < a->next_ns)
		return (struct minato_time){ a->next_ns };
	for (size_t i = 0; i < a->count; i++)
		a->ports[i].seen = 0;
	look(relay, MINATO_TCP);
	look(relay, MINATO_UDP);
	settle(relay);
	a->next_ns = now + (now - a->changed_ns < BUSY_FOR_NS ? BUSY_NS : IDLE_NS);
	return (struct minato_time){ a->next_ns };
}

void relay_auto_opened(struct relay *relay, struct relay_publish *bound)
{
	struct relay_auto *a = relay->automatic;
	struct open_port *port = find(a, a->asked_protocol, a->asked_port);
	uint32_t last = relay->last_forward;
	struct relay_spec spec;
	bool wanted = port && port->families && !port->forward && make_spec(relay, port, &spec);
	int result = -1;

	a->asked = false;
	a->next_ns = 0;
	/* It may have been closed, or opened in another family, meanwhile. */
	if (bound && wanted && relay_spec_names(&spec, &bound->specs[0]))
		result = relay_publish_start(relay, bound, NULL);
	if (result == 0) {
		port->forward = last + 1;
		port->refused = false;
		port->stood = true;
		a->changed_ns = relay->now.ns;
		forward_of(relay, port->forward)->automatic = true;
		relay->carried.forwards_ever++;
		return;
	}
	if (bound && relay->config.port_closed)
		relay->config.port_closed(relay->config.port_user, &bound->specs[0]);
	if (wanted && !bound)
		port->refused = true;
}

/* syscalls: close */
int relay_auto_listeners(struct relay *relay, const struct drive_listeners *listeners)
{
	struct relay_auto *a = relay->automatic;

	if (a) {
		close(a->listeners.fd);
		a->listeners = *listeners;
		return 0;
	}
	a = calloc(1, sizeof(*a));
	if (a)
		a->ports = calloc(PORTS_MAX, sizeof(a->ports[0]));
	if (!a || !a->ports) {
		free(a);
		close(listeners->fd);
		return -1;
	}
	a->listeners = *listeners;
	a->changed_ns = relay->now.ns;
	relay->automatic = a;
	return 0;
}

void relay_auto_stood(struct relay *relay, const struct relay_spec *spec)
{
	struct open_port *port =
		place(relay->automatic, spec->protocols & RELAY_TCP ? MINATO_TCP : MINATO_UDP,
		      spec->guest);

	if (port)
		port->stood = true;
}

void auto_free(struct relay *relay)
{
	struct relay_auto *a = relay->automatic;

	if (!a)
		return;
	close(a->listeners.fd);
	free(a->ports);
	free(a);
	relay->automatic = NULL;
}
