/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of hosts and literals of addresses, as clients write them. */
#include "inspect/inspect.h"

#include <string.h>

#define LABEL_MAX 63u
#define GROUPS6 8u

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool of_a_name(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
	       c == '_';
}

/* Of digits alone, or 0x and digits: inet_aton and browsers make a part of an address of it. */
static bool is_number(const uint8_t *label, size_t len)
{
	bool hex = len >= 2 && label[0] == '0' && lower(label[1]) == 'x';

	for (size_t i = hex ? 2 : 0; i < len; i++)
		if (hex ? !is_hex(label[i]) : !is_digit(label[i]))
			return false;
	return true;
}

bool hostname_read(const uint8_t *text, size_t len, char out[INSPECT_NAME_MAX + 1])
{
	size_t label = 0; /* where the present one begins */

	if (len == 0 || len > INSPECT_NAME_MAX)
		return false;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && text[i] != '.') {
			if (!of_a_name(text[i]))
				return false;
			continue;
		}
		if (i == label || i - label > LABEL_MAX)
			return false;
		if (i == len && is_number(text + label, len - label))
			return false;
		label = i + 1;
	}
	for (size_t i = 0; i < len; i++)
		out[i] = (char)lower(text[i]);
	out[len] = '\0';
	return true;
}

static bool four_numbers(const uint8_t *text, size_t len)
{
	size_t at = 0;

	for (unsigned part = 0; part < 4; part++) {
		unsigned value = 0;
		size_t first = at;

		if (part > 0 && (at == len || text[at++] != '.'))
			return false;
		if (part > 0)
			first = at;
		while (at < len && is_digit(text[at]) && at - first < 3)
			value = value * 10 + (unsigned)(text[at++] - '0');
		if (at == first || value > 255 || (at - first > 1 && text[first] == '0'))
			return false;
	}
	return at == len;
}

bool hostname_literal4(const uint8_t *text, size_t len, char out[INSPECT_NAME_MAX + 1])
{
	if (!four_numbers(text, len))
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

/* RFC 4291 2.2: eight groups; "::" once stands for one or more, the last two may be IPv4. */
static bool six_groups(const uint8_t *text, size_t len)
{
	unsigned groups = 0;
	bool gap = false;
	size_t at = 0;

	if (len >= 2 && text[0] == ':' && text[1] == ':') {
		gap = true;
		at = 2;
	}
	while (at < len) {
		size_t first = at;

		while (at < len && is_hex(text[at]) && at - first < 4)
			at++;
		if (at < len && text[at] == '.')
			return four_numbers(text + first, len - first) &&
			       (gap ? groups + 2 < GROUPS6 : groups + 2 == GROUPS6);
		if (at == first || ++groups > GROUPS6)
			return false;
		if (at == len)
			break;
		if (text[at++] != ':' || at == len)
			return false;
		if (text[at] == ':') {
			if (gap)
				return false;
			gap = true;
			at++;
		}
	}
	return gap ? groups < GROUPS6 : groups == GROUPS6;
}

bool hostname_literal6(const uint8_t *text, size_t len, char out[INSPECT_NAME_MAX + 1])
{
	if (len > INSPECT_NAME_MAX || !six_groups(text, len))
		return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)lower(text[i]);
	out[len] = '\0';
	return true;
}

static const char *read_port(const uint8_t *text, size_t len, uint16_t *port)
{
	unsigned value = 0;

	/* RFC 3986 3.2.3: "host:" means the usual port. */
	if (len > 5)
		return "a port of more than five digits";
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(text[i]))
			return "a port that is no number";
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	if (value > UINT16_MAX || (len > 0 && value == 0))
		return "a port that there is not";
	*port = (uint16_t)value;
	return NULL;
}

static const char *read_bracketed(const uint8_t *text, size_t len, struct inspect_wish *wish)
{
	const uint8_t *close = memchr(text, ']', len);
	size_t end;

	if (!close)
		return "a bracket that is not closed";
	end = (size_t)(close - text);
	if (!hostname_literal6(text + 1, end - 1, wish->name))
		return "brackets around what is no IPv6 address";
	wish->named = wish->literal = true;
	if (++end == len)
		return NULL;
	if (text[end] != ':')
		return "something behind the bracket that is no port";
	return read_port(text + end + 1, len - end - 1, &wish->port);
}

const char *hostname_authority(const uint8_t *text, size_t len, struct inspect_wish *wish)
{
	const uint8_t *colon;
	size_t name_len;

	if (len == 0)
		return NULL;
	if (memchr(text, '@', len))
		return "a user before the host";
	if (text[0] == '[')
		return read_bracketed(text, len, wish);
	colon = memchr(text, ':', len);
	name_len = colon ? (size_t)(colon - text) : len;
	if (colon) {
		const char *fault = read_port(colon + 1, len - name_len - 1, &wish->port);

		if (fault)
			return fault;
	}
	if (hostname_literal4(text, name_len, wish->name)) {
		wish->named = wish->literal = true;
		return NULL;
	}
	if (name_len > 0 && text[name_len - 1] == '.')
		name_len--;
	if (!hostname_read(text, name_len, wish->name))
		return "a host that is no name";
	wish->named = true;
	return NULL;
}
