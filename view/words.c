/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses, ports, ages and owners as the words of a listing. */
#include "view/view.h"

#include <inttypes.h>
#include <string.h>

#define MS_PER_S 1000
#define S_PER_MINUTE 60
#define S_PER_HOUR 3600
#define S_PER_DAY 86400

/* The bits that an IPv4 address has before its own in the common form. */
#define PREFIX4 96u

const char *view_proto_word(uint8_t proto)
{
	static char numbers[256][4];

	switch (proto) {
	case MINATO_TCP:
		return "tcp";
	case MINATO_UDP:
		return "udp";
	case MINATO_ICMP:
		return "icmp";
	case 0:
		return "any";
	case MINATO_PROTO_OTHER:
		return "other"; /* a rule about what has no ports */
	default:
		(void)snprintf(numbers[proto], sizeof(numbers[proto]), "%u", proto);
		return numbers[proto];
	}
}

const char *view_address_word(char *out, size_t size, const struct view_end *end)
{
	bool is4 = minato_addr_is4(&end->addr);
	unsigned length = end->prefix;
	bool whole;
	char text[64];

	if (is4)
		length -= length < PREFIX4 ? length : PREFIX4;
	/* ss writes 0.0.0.0 for every address of IPv4. */
	whole = length == (is4 ? 32u : 128u) || (is4 && !length && minato_addr_is_any(&end->addr));
	minato_addr_format(&end->addr, text, sizeof(text));
	if (view_end_is_any(end))
		snprintf(out, size, "*");
	else if (!whole)
		snprintf(out, size, "%s/%u", text, length);
	else
		snprintf(out, size, is4 ? "%s" : "[%s]", text);
	return out;
}

const char *view_port_word(char *out, size_t size, const struct view_end *end, uint8_t proto,
			   const struct minato_services *services)
{
	const char *name;

	if (end->first == 0 && (end->last == 0 || end->last == UINT16_MAX)) {
		snprintf(out, size, "*");
	} else if (end->last > end->first) {
		snprintf(out, size, "%u-%u", end->first, end->last);
	} else {
		name = services ? minato_services_name(services, proto, end->first) : NULL;
		if (name)
			snprintf(out, size, "%s", name);
		else
			snprintf(out, size, "%u", end->first);
	}
	return out;
}

const char *view_age_word(char *out, size_t size, int64_t ms)
{
	int64_t s = ms / MS_PER_S;

	if (ms < 0)
		snprintf(out, size, "-");
	else if (s < S_PER_MINUTE)
		snprintf(out, size, "%" PRId64 "s", s);
	else if (s < S_PER_HOUR)
		snprintf(out, size, "%" PRId64 "m%02" PRId64 "s", s / S_PER_MINUTE,
			 s % S_PER_MINUTE);
	else if (s < S_PER_DAY)
		snprintf(out, size, "%" PRId64 "h%02" PRId64 "m", s / S_PER_HOUR,
			 s % S_PER_HOUR / S_PER_MINUTE);
	else
		snprintf(out, size, "%" PRId64 "d%02" PRId64 "h", s / S_PER_DAY,
			 s % S_PER_DAY / S_PER_HOUR);
	return out;
}

/* Appends at *used as far as there is room; the text always ends with a zero. */
static void append(char *out, size_t size, size_t *used, const char *text)
{
	size_t length = strlen(text);

	if (*used + length + 1 > size)
		length = size - *used - 1;
	memcpy(out + *used, text, length);
	*used += length;
	out[*used] = 0;
}

const char *view_owners_word(char *out, size_t size, const struct view_row *row)
{
	char one[80];
	size_t used = 0;

	out[0] = 0;
	for (size_t i = 0; i < row->owner_count; i++) {
		const struct view_owner *owner = &row->owners[i];

		snprintf(one, sizeof(one), "%s(\"%s\",pid=%d,fd=%d)", i ? "," : "users:(",
			 owner->program, owner->pid, owner->fd);
		append(out, size, &used, one);
	}
	if (row->owner_count)
		append(out, size, &used, ")");
	/* What no process has open is its maker's: a published port. */
	else if (row->maker.pid && row->listening)
		snprintf(out, size, "users:((\"%s\",pid=%u))", row->maker.program, row->maker.pid);
	return out;
}

/* The host that it leads to, unless that is the one that has the port. */
static void append_behind(char *out, size_t size, size_t *used, const struct view_port *port)
{
	char word[VIEW_WORD_SIZE];

	if (!port->behind || minato_addr_is_any(&port->guest.addr) ||
	    minato_addr_equal(&port->guest.addr, &port->host.addr))
		return;
	append(out, size, used, view_address_word(word, sizeof(word), &port->guest));
	append(out, size, used, ":");
}

static void append_port(char *out, size_t size, size_t *used, const struct view_port *port)
{
	char word[VIEW_WORD_SIZE];

	if (!minato_addr_is_any(&port->host.addr)) {
		append(out, size, used, view_address_word(word, sizeof(word), &port->host));
		append(out, size, used, ":");
	}
	append(out, size, used, view_port_word(word, sizeof(word), &port->host, 0, NULL));
	append(out, size, used, "->");
	if (*port->path) {
		append(out, size, used, "unix:");
		append(out, size, used, port->path);
	} else {
		append_behind(out, size, used, port);
		append(out, size, used, view_port_word(word, sizeof(word), &port->guest, 0, NULL));
	}
	if (port->others) {
		snprintf(word, sizeof(word), "(+%u)", port->others);
		append(out, size, used, word);
	}
	append(out, size, used, "/");
	append(out, size, used, view_proto_word(port->proto));
}

const char *view_ports_word(char *out, size_t size, const struct view_port *ports, size_t count)
{
	size_t used = 0;

	out[0] = 0;
	for (size_t i = 0; i < count; i++) {
		if (i)
			append(out, size, &used, ", ");
		append_port(out, size, &used, &ports[i]);
	}
	return out;
}
