/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a client of a published port is near, now: a face for what has no frame. */
#include "relay/relay.h"

#include "minato/guard.h"

static bool holds(const struct relay_prefix *prefix, const struct minato_addr *addr)
{
	for (unsigned bit = 0; bit < prefix->length; bit++) {
		if ((prefix->addr.bytes[bit / 8] ^ addr->bytes[bit / 8]) & (0x80u >> bit % 8))
			return false;
	}
	return true;
}

uint8_t zone_face(const struct relay_config *config, const struct minato_addr *client)
{
	for (size_t i = 0; i < config->lan_count; i++) {
		if (holds(&config->lan[i], client))
			return RELAY_FACE_LAN;
	}
	return RELAY_FACE_WAN;
}

uint16_t zone_caller(const struct relay_config *config, enum minato_proto proto,
		     const struct minato_endpoint *caller, const struct minato_endpoint *local)
{
	return config->caller ? config->caller(config->caller_user, proto, caller, local) :
				MINATO_PROGRAM_NONE;
}

/* NetBIOS and SMB, which worms come by. */
static bool is_shut(uint16_t port)
{
	return (port >= 137 && port <= 139) || port == 445;
}

bool zone_shuts(uint8_t face, const struct relay_spec *spec, const struct minato_fate *fate)
{
	return face != RELAY_FACE_LAN && !spec->bare && !fate->rule && is_shut(fate->target.port);
}

static uint16_t behind(const struct relay_spec *spec, uint16_t port)
{
	return (uint16_t)(spec->guest + (port - spec->first));
}

bool zone_is_shut(const struct relay_spec *spec, uint16_t port)
{
	return !spec->bare && is_shut(behind(spec, port));
}

uint16_t relay_door_behind(const struct relay *relay, uint8_t protocol,
			   const struct minato_endpoint *local)
{
	const struct relay_spec *spec = screen_spec(relay, protocol, local);

	return spec && zone_is_shut(spec, local->port) ? behind(spec, local->port) : 0;
}

void relay_lan(struct relay *relay, const struct relay_prefix *list, size_t count)
{
	relay->config.lan = list;
	relay->config.lan_count = count;
}
