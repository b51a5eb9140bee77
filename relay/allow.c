/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of --allow: where the guest may go, by name or by prefix. */
#include "relay/permit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "minato/services.h"

#define LABEL_MAX 63u

/* A piece of the argument. */
struct piece {
	const char *at;
	size_t len;
};

struct reading {
	const char *text; /* the whole argument */
	struct drive_error *error;
};

static int fault(const struct reading *r, struct piece where, const char *what)
{
	return relay_caret(r->error, EINVAL, r->text, (size_t)(where.at - r->text), where.len,
			   what);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_number(struct piece p)
{
	for (size_t i = 0; i < p.len; i++) {
		if (!is_digit(p.at[i]))
			return false;
	}
	return p.len > 0;
}

/* ---- the host ---- */

static int check_letter(const struct reading *r, const char *at)
{
	struct piece here = { at, 1 };
	char c = *at;

	if ((unsigned char)c >= 0x80)
		return fault(r, here,
			     "names outside ASCII are written as the DNS has them: xn--... "
			     "('idn2 NAME' prints it)");
	if (c == '*')
		return fault(r, here, "a star stands alone before the first dot: *.example.com");
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_')
		return 0;
	return fault(r, here, "no name of a host has this in it");
}

static int check_label(const struct reading *r, struct piece label, bool first)
{
	if (label.len == 0 && first)
		return fault(r, (struct piece){ label.at, 1 },
			     "a name begins with no dot; *.example.com is what lies below "
			     "example.com");
	if (label.len == 0)
		return fault(r, (struct piece){ label.at, 1 },
			     "between two dots of a name stands something");
	for (size_t i = 0; i < label.len; i++) {
		int result = check_letter(r, label.at + i);

		if (result < 0)
			return result;
	}
	if (label.len > LABEL_MAX)
		return fault(r, label, "between two dots of a name stand at most 63 letters");
	if (label.at[0] == '-' || label.at[label.len - 1] == '-')
		return fault(r, label, "no part of a name begins or ends with a hyphen");
	return 0;
}

/* Each label, and that the last one is no number, as those of addresses are (RFC 1123 2.1). */
static int check_name(const struct reading *r, struct piece name)
{
	struct piece rest = name;
	struct piece label;
	const char *dot;

	do {
		int result;

		dot = memchr(rest.at, '.', rest.len);
		label = (struct piece){ rest.at, dot ? (size_t)(dot - rest.at) : rest.len };
		result = check_label(r, label, rest.at == name.at);
		if (result < 0)
			return result;
		rest.len -= label.len + (dot ? 1 : 0);
		rest.at += label.len + (dot ? 1 : 0);
	} while (dot);
	if (is_number(label))
		return fault(r, name, "this is neither a name nor a whole address");
	if (name.len > RELAY_NAME_MAX)
		return fault(r, name, "a name has at most 253 letters");
	return 0;
}

static int read_name(const struct reading *r, struct piece name, struct relay_allow *out)
{
	int result;

	out->named = true;
	if (name.len > 0 && name.at[0] == '*' && (name.len == 1 || name.at[1] == '.')) {
		if (name.len < 3)
			return fault(r, name,
				     "a star alone would let everything out: it needs a domain "
				     "after it, *.example.com");
		out->below = true;
		name.at += 2;
		name.len -= 2;
	}
	if (name.len > 1 && name.at[name.len - 1] == '.')
		name.len--;
	result = check_name(r, name);
	if (result < 0)
		return result;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		out->name[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
	}
	return 0;
}

/* The bits behind the prefix are nought; else an address was meant, or another prefix. */
static bool is_clean(const struct minato_addr *addr, unsigned len)
{
	for (unsigned bit = len; bit < 128; bit++) {
		if (addr->bytes[bit / 8] & 0x80u >> bit % 8)
			return false;
	}
	return true;
}

/* /LENGTH behind an address, if there is one; *rest moves behind it. */
static int read_length(const struct reading *r, struct piece host, struct piece *rest,
		       struct relay_allow *out)
{
	unsigned max = minato_addr_is4(&out->prefix) ? 32 : 128;
	struct piece digits = { rest->at + 1, 0 };
	unsigned len = 0;

	out->prefix_len = 128;
	if (rest->len < 2 || rest->at[0] != '/' || !is_digit(rest->at[1]))
		return 0;
	while (digits.len + 1 < rest->len && is_digit(digits.at[digits.len]) && len <= max)
		len = len * 10 + (unsigned)(digits.at[digits.len++] - '0');
	if (len > max)
		return fault(r, digits,
			     max == 32 ? "a prefix of IPv4 is at most 32 bits long" :
					 "a prefix of IPv6 is at most 128 bits long");
	rest->at += digits.len + 1;
	rest->len -= digits.len + 1;
	out->prefix_len = (uint8_t)(128 - max + len);
	if (!is_clean(&out->prefix, out->prefix_len))
		return fault(r, (struct piece){ host.at, (size_t)(rest->at - host.at) },
			     "behind its length a prefix has only zeros");
	return 0;
}

static int read_address(const struct reading *r, struct piece addr, struct relay_allow *out)
{
	char text[64];

	if (addr.len >= sizeof(text))
		return fault(r, addr, "this is not an address");
	memcpy(text, addr.at, addr.len);
	text[addr.len] = '\0';
	if (minato_addr_parse(text, &out->prefix) < 0)
		return fault(r, addr, "this is not an address");
	return 0;
}

/* What no guest reaches, whatever is allowed (target_judge), in words; NULL: it is not all that. */
static const char *leads_nowhere(const struct relay_allow *allow)
{
	const struct minato_addr *addr = &allow->prefix;
	const uint8_t *four = relay_addr_within(addr);
	bool is4 = minato_addr_is4(addr);
	/* Of a translator's form the whole address alone. */
	unsigned length = is4 ? allow->prefix_len - 96u : allow->prefix_len == 128 ? 32 : 0;
	struct minato_addr inner = *addr;

	if (four)
		inner = minato_addr4(four[0], four[1], four[2], four[3]);
	if (!four && allow->prefix_len >= 10 && addr->bytes[0] == 0xfe &&
	    (addr->bytes[1] & 0xc0) == 0x80)
		return "a link-local address: from a guest nothing leads there";
	if (four && length >= 16 && four[0] == 169 && four[1] == 254)
		return "a link-local address: from a guest nothing leads there";
	if (!four && allow->prefix_len >= 8 && addr->bytes[0] == 0xff)
		return "groups are not carried";
	if (four ? length < (four[0] < 224 ? 8u : 4u) : allow->prefix_len < 128)
		return NULL;
	switch (drive_addr_sort(&inner)) {
	case DRIVE_SORT_ANY:
		return is4 ? "nobody has this address; all of IPv4 is 0.0.0.0/0" :
			     "nobody has this address; all of IPv6 is [::]/0";
	case DRIVE_SORT_LOOPBACK:
		return "a guest's loopback is its own, and needs no --allow; --reach PORT opens a "
		       "port of this host's, at the gateway's address";
	case DRIVE_SORT_MULTICAST:
		return "groups are not carried";
	case DRIVE_SORT_BROADCAST:
		return "broadcasts are not carried";
	case DRIVE_SORT_UNICAST:
		break;
	}
	return NULL;
}

/* HOST, off the front of *rest. */
static int read_host(const struct reading *r, struct piece *rest, struct relay_allow *out)
{
	struct piece host = *rest;
	bool bracket = host.len > 0 && host.at[0] == '[';
	const char *what;
	int result;

	if (bracket) {
		const char *close = memchr(host.at, ']', host.len);

		if (!close)
			return fault(r, (struct piece){ host.at, 1 }, "this bracket is not closed");
		host = (struct piece){ host.at + 1, (size_t)(close - host.at) - 1 };
		if (!memchr(host.at, ':', host.len))
			return fault(r, host, "brackets are for IPv6 addresses");
		rest->len -= host.len + 2;
		rest->at = close + 1;
	} else {
		host.len = strcspn(host.at, ":/");
		rest->at += host.len;
		rest->len -= host.len;
	}
	if (host.len == 0)
		return fault(r, host, "a name or an address is missing");
	if (!bracket && strspn(host.at, "0123456789.") < host.len)
		return read_name(r, host, out);
	result = read_address(r, host, out);
	if (result == 0)
		result = read_length(r, host, rest, out);
	what = result == 0 ? leads_nowhere(out) : NULL;
	return what ? fault(r, host, what) : result;
}

/* ---- the ports ---- */

static int read_port(const struct reading *r, struct piece p, uint16_t *out)
{
	uint32_t value = 0;

	for (size_t i = 0; i < p.len && value <= UINT16_MAX; i++)
		value = value * 10 + (uint32_t)(p.at[i] - '0');
	if (value > UINT16_MAX)
		return fault(r, p, "this is not a port: the highest is 65535");
	if (value == 0)
		return fault(r, p, "this is not a port: the lowest is 1");
	*out = (uint16_t)value;
	return 0;
}

static int read_service(const struct reading *r, struct piece p, const struct relay_allow *allow,
			uint16_t *out)
{
	char name[32];
	int port = -ENOENT;

	if (p.len < sizeof(name)) {
		memcpy(name, p.at, p.len);
		name[p.len] = '\0';
		if (allow->protocols & RELAY_TCP)
			port = minato_service_port(MINATO_TCP, name);
		if (port < 0 && allow->protocols & RELAY_UDP)
			port = minato_service_port(MINATO_UDP, name);
	}
	if (port <= 0)
		return fault(r, p, "this is neither a port nor the name of a service");
	*out = (uint16_t)port;
	return 0;
}

/* A port, a run of them, or the name of a service, which may have a hyphen in it. */
static int read_run(const struct reading *r, struct piece p, struct relay_allow *out)
{
	const char *dash = memchr(p.at, '-', p.len);
	struct piece low = { p.at, dash ? (size_t)(dash - p.at) : p.len };
	struct piece high = { dash ? dash + 1 : p.at, dash ? p.len - low.len - 1 : p.len };
	struct relay_run *run = &out->runs[out->run_count];
	int result;

	if (p.len == 0)
		return fault(r, (struct piece){ p.at, 1 }, "a port is missing");
	if (out->run_count == RELAY_ALLOW_RUNS)
		return fault(r, p, "one --allow has at most 16 ports and runs of them");
	if (!is_number(low) || !is_number(high)) {
		result = read_service(r, p, out, &run->first);
		run->last = run->first;
	} else {
		result = read_port(r, low, &run->first);
		if (result == 0)
			result = read_port(r, high, &run->last);
		if (result == 0 && run->first > run->last)
			return fault(r, p, "the run of ports is reversed");
	}
	if (result == 0)
		out->run_count++;
	return result;
}

static int read_ports(const struct reading *r, struct piece p, struct relay_allow *out)
{
	const char *comma;

	if (p.len == 3 && memcmp(p.at, "all", 3) == 0) {
		out->runs[out->run_count++] = (struct relay_run){ 1, UINT16_MAX };
		return 0;
	}
	do {
		struct piece one = p;
		int result;

		comma = memchr(p.at, ',', p.len);
		if (comma)
			one.len = (size_t)(comma - p.at);
		result = read_run(r, one, out);
		if (result < 0)
			return result;
		p.at += one.len + 1;
		p.len -= one.len + (comma ? 1 : 0);
	} while (comma);
	return 0;
}

/* The words behind slashes, off the end of *rest. */
static int read_suffixes(const struct reading *r, struct piece *rest, struct relay_allow *out)
{
	static const char *const words[] = { "/tcp", "/udp", "/both" };
	const char *slash = memchr(rest->at, '/', rest->len);
	struct piece p = { slash, slash ? rest->len - (size_t)(slash - rest->at) : 0 };

	out->protocols = 0;
	rest->len -= p.len;
	while (p.len > 0) {
		size_t len = 1 + strcspn(p.at + 1, "/");
		struct piece word = { p.at, len };
		bool known = false;

		if (len == 4 && memcmp(p.at, "/raw", 4) == 0 && !out->raw)
			known = out->raw = true;
		for (uint8_t i = 0; i < 3 && !known && !out->protocols; i++) {
			if (len != strlen(words[i]) || memcmp(p.at, words[i], len) != 0)
				continue;
			known = true;
			out->protocols = (uint8_t)(i + 1);
		}
		if (!known)
			return fault(r, word,
				     "behind the ports stand /tcp, /udp or /both, and /raw, each "
				     "once");
		p.at += len;
		p.len -= len;
	}
	if (!out->protocols)
		out->protocols = RELAY_TCP;
	return 0;
}

/* Two colons and what stands before the second makes up an address. */
static bool is_bare6(const char *text)
{
	const char *colon = strchr(text, ':');

	colon = colon ? strchr(colon + 1, ':') : NULL;
	return colon && strspn(text, "0123456789abcdefABCDEF:.") > (size_t)(colon - text);
}

static int read_all(const struct reading *r, struct relay_allow *out)
{
	struct piece rest = { r->text, strlen(r->text) };
	const char *url = strstr(r->text, "://");
	int result;

	if (url)
		return fault(r, (struct piece){ r->text, (size_t)(url - r->text) + 3 },
			     "this is a URL: the name alone, and :PORT, stand here");
	if (is_bare6(r->text))
		return fault(r, rest, "IPv6 addresses are written in brackets: [2001:db8::1]:443");
	result = read_host(r, &rest, out);
	if (result == 0)
		result = read_suffixes(r, &rest, out);
	if (result < 0)
		return result;
	if (rest.len == 0) {
		out->runs[0] = (struct relay_run){ 80, 80 };
		out->runs[1] = (struct relay_run){ 443, 443 };
		out->run_count = 2;
		return 0;
	}
	if (rest.at[0] != ':')
		return fault(r, rest, "a colon and ports stand here, or nothing");
	return read_ports(r, (struct piece){ rest.at + 1, rest.len - 1 }, out);
}

static bool revive(struct relay_allows *allows, const struct relay_allow *allow)
{
	char wanted[RELAY_ALLOW_TEXT], text[RELAY_ALLOW_TEXT];

	(void)relay_allow_text(allow, wanted, sizeof(wanted));
	for (size_t i = 0; i < allows->count; i++) {
		struct relay_allow *one = &allows->list[i];

		if (!one->gone || strcmp(relay_allow_text(one, text, sizeof(text)), wanted) != 0)
			continue;
		*one = *allow;
		allows->last = i;
		return true;
	}
	return false;
}

int relay_allow_add(struct relay_allows *allows, const char *text, struct drive_error *error)
{
	const struct reading r = { text, error };
	struct relay_allow allow = { .named = false };
	struct relay_allow *list;
	int result = read_all(&r, &allow);

	if (result < 0)
		return result;
	if (allows->room && revive(allows, &allow))
		return 0;
	if (allows->room && allows->count == allows->room)
		return drive_fail(error, ENOSPC, "too many names were allowed while it ran");
	if (!allows->room) {
		list = realloc(allows->list, (allows->count + 1) * sizeof(list[0]));
		if (!list)
			return drive_fail(error, ENOMEM, "out of memory");
		allows->list = list;
	}
	allows->last = allows->count++;
	allows->list[allows->last] = allow;
	return 0;
}

int relay_allow_reserve(struct relay_allows *allows, size_t more)
{
	size_t room = allows->count + more;
	struct relay_allow *list = realloc(allows->list, room * sizeof(list[0]));

	if (!list)
		return -ENOMEM;
	allows->list = list;
	allows->room = room;
	return 0;
}

void relay_allow_drop(struct relay_allows *allows, uint64_t order)
{
	for (size_t i = 0; i < allows->count; i++)
		allows->list[i].gone |= allows->list[i].order == order;
}

void relay_allow_free(struct relay_allows *allows)
{
	free(allows->list);
	allows->list = NULL;
	allows->count = allows->room = 0;
}

/* ---- the other way ---- */

/* Appends to a text that is cut where it has no more room. */
struct writing {
	char *text;
	size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void put(struct writing *w, const char *format, ...)
{
	va_list values;
	int len;

	va_start(values, format);
	len = vsnprintf(w->text + w->used, w->size - w->used, format, values);
	va_end(values);
	if (len > 0)
		w->used += (size_t)len < w->size - w->used ? (size_t)len : w->size - w->used - 1;
}

static void put_host(struct writing *w, const struct relay_allow *allow)
{
	bool four = minato_addr_is4(&allow->prefix);
	char addr[64];

	if (allow->named) {
		put(w, "%s%s", allow->below ? "*." : "", allow->name);
		return;
	}
	minato_addr_format(&allow->prefix, addr, sizeof(addr));
	put(w, four ? "%s" : "[%s]", addr);
	if (allow->prefix_len < 128)
		put(w, "/%u", four ? allow->prefix_len - 96u : allow->prefix_len);
}

const char *relay_allow_text(const struct relay_allow *allow, char *text, size_t size)
{
	struct writing w = { text, size, 0 };

	text[0] = '\0';
	put_host(&w, allow);
	for (size_t i = 0; i < allow->run_count; i++) {
		const struct relay_run *run = &allow->runs[i];

		put(&w, i ? "," : ":");
		if (run->first == 1 && run->last == UINT16_MAX)
			put(&w, "all");
		else
			put(&w, run->last == run->first ? "%u" : "%u-%u", run->first, run->last);
	}
	if (allow->protocols != RELAY_TCP)
		put(&w, allow->protocols == RELAY_UDP ? "/udp" : "/both");
	put(&w, "%s", allow->raw ? "/raw" : "");
	return text;
}

/* ---- what it is about ---- */

bool relay_allow_is_name(const struct relay_allow *allow, const char *name)
{
	size_t own = strlen(allow->name);
	size_t len = strlen(name);

	if (!allow->named || allow->gone)
		return false;
	if (!allow->below)
		return strcmp(allow->name, name) == 0;
	return len > own + 1 && name[len - own - 1] == '.' &&
	       strcmp(name + len - own, allow->name) == 0;
}

bool relay_allow_is_below(const struct relay_allow *allow, const char *name)
{
	size_t own = strlen(allow->name);
	size_t len = strlen(name);

	if (!allow->named || allow->gone)
		return false;
	if (len == 0)
		return true;
	if (allow->below && strcmp(allow->name, name) == 0)
		return true;
	return own > len + 1 && allow->name[own - len - 1] == '.' &&
	       strcmp(allow->name + own - len, name) == 0;
}

bool relay_allow_is_addr(const struct relay_allow *allow, const struct minato_addr *addr)
{
	unsigned bytes = allow->prefix_len / 8u;
	unsigned bits = allow->prefix_len % 8u;

	if (allow->named || allow->gone ||
	    minato_addr_is4(&allow->prefix) != minato_addr_is4(addr) ||
	    memcmp(allow->prefix.bytes, addr->bytes, bytes) != 0)
		return false;
	return bits == 0 || (allow->prefix.bytes[bytes] ^ addr->bytes[bytes]) >> (8 - bits) == 0;
}

bool relay_allow_is_port(const struct relay_allow *allow, enum minato_proto proto, uint16_t port)
{
	if (allow->gone)
		return false;
	if ((proto != MINATO_TCP || !(allow->protocols & RELAY_TCP)) &&
	    (proto != MINATO_UDP || !(allow->protocols & RELAY_UDP)))
		return false;
	for (size_t i = 0; i < allow->run_count; i++) {
		if (port >= allow->runs[i].first && port <= allow->runs[i].last)
			return true;
	}
	return false;
}
