/* SPDX-License-Identifier: BSD-2-Clause */
/* Which numbers are assigned how (RFC 6335 6). */
#include "minato/minato.h"

enum minato_port_kind minato_port_kind(uint16_t port)
{
	if (port < MINATO_PORT_USER_FIRST)
		return MINATO_PORT_SYSTEM;
	return port < MINATO_PORT_DYNAMIC_FIRST ? MINATO_PORT_USER :
						  MINATO_PORT_DYNAMIC;
}

const char *minato_port_kind_name(enum minato_port_kind kind)
{
	static const char *const names[MINATO_PORT_KIND_COUNT] = {
#define X(name, text) [MINATO_PORT_##name] = text,
		MINATO_PORT_KINDS(X)
#undef X
	};

	return (uint32_t)kind < MINATO_PORT_KIND_COUNT ? names[kind] : NULL;
}
