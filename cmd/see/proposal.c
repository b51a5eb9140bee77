/* SPDX-License-Identifier: BSD-2-Clause */
/* A port for a new service, made of its name: the same name gets the same port everywhere. */
#include "cmd/see/services.h"

#include <ctype.h>
#include <errno.h>

#define FIRST MINATO_PORT_USER_FIRST
#define COUNT (MINATO_PORT_DYNAMIC_FIRST - MINATO_PORT_USER_FIRST)
/* COUNT is 1024 times this: a step that neither 2 nor this divides visits every port. */
#define PRIME 47

static uint64_t hash(const char *name)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *name; name++)
		h = (h ^ (uint8_t)tolower((unsigned char)*name)) * 0x100000001b3u;
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	return h ^ h >> 33;
}

static uint32_t step_of(uint64_t h)
{
	uint32_t step = (uint32_t)(h % COUNT) | 1;

	return step % PRIME ? step : step + 2;
}

/* Whether anybody, anywhere, has a claim to it. */
static bool is_free(const struct cmd_cards *cards, uint16_t port)
{
	if (cmd_card_ephemeral(cards, port) || cmd_card_privileged(cards, port))
		return false;
	if (cmd_known_refused(port) || cmd_card_reserved(cards, port))
		return false;
	for (size_t p = 0; p < CMD_PROTOCOLS; p++) {
		uint8_t proto = cmd_protocol(p);
		size_t first = cmd_holders_first(&cards->holders, port, proto);

		if (minato_service_state(proto, port) != MINATO_SERVICE_UNASSIGNED ||
		    minato_services_name(cards->services, proto, port))
			return false;
		if (first < cards->holders.count && cards->holders.list[first].port == port)
			return false;
	}
	return true;
}

static int check_name(const struct cmd_cards *cards, const char *name, struct drive_error *error)
{
	size_t where;
	enum minato_service_fault fault = minato_service_name_check(name, &where);

	if (fault == MINATO_SERVICE_CHARACTER || fault == MINATO_SERVICE_EDGE ||
	    fault == MINATO_SERVICE_HYPHENS)
		return drive_fail(error, EINVAL,
				  "'%s' %s, at character %zu; names of services have 1 to 15 "
				  "letters, digits and single hyphens (RFC 6335 5.1)",
				  name, minato_service_fault_text(fault), where + 1);
	if (fault != MINATO_SERVICE_FINE)
		return drive_fail(error, EINVAL,
				  "'%s' %s; names of services have 1 to 15 letters, digits and "
				  "single hyphens, and at least one letter (RFC 6335 5.1)",
				  name, minato_service_fault_text(fault));
	for (size_t p = 0; p < CMD_PROTOCOLS; p++) {
		int port = minato_services_port(cards->services, cmd_protocol(p), name);

		if (port >= 0)
			return drive_fail(error, EEXIST, "%s is a service already, at %d/%s", name,
					  port, cmd_protocol_word(cmd_protocol(p)));
	}
	return 0;
}

int cmd_propose(const struct cmd_cards *cards, const char *name, struct drive_error *error)
{
	uint64_t h = hash(name);
	uint32_t place = (uint32_t)(h >> 32) % COUNT;
	uint32_t step = step_of(h);
	int result = check_name(cards, name, error);

	if (result < 0)
		return result;
	for (uint32_t i = 0; i < COUNT; i++) {
		uint16_t port = (uint16_t)(FIRST + place);

		if (is_free(cards, port))
			return port;
		place = (place + step) % COUNT;
	}
	return drive_fail(error, EADDRNOTAVAIL, "no User Port is free of names and holders");
}
