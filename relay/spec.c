/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of -p and --reach: which ports lead to which. */
#include "relay/permit.h"
#include "relay/relay.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where in the argument we read, and where to say what is wrong with it. */
struct reading {
	const char *text; /* the whole argument */
	const char *stop; /* end of the items: the suffix or the final zero */
	struct drive_error *error;
};

/* A piece of the argument. */
struct piece {
	const char *at;
	size_t len;
};

static int fault(const struct reading *r, struct piece where, int errnum, const char *what)
{
	return relay_caret(r->error, errnum, r->text, (size_t)(where.at - r->text), where.len,
			   what);
}

/* One decimal port, 1-65535, nothing around it. */
static int read_port(const struct reading *r, struct piece p, uint16_t *out)
{
	uint32_t value = 0;

	if (p.len == 0)
		return fault(r, p, EINVAL, "a port is missing");
	for (size_t i = 0; i < p.len; i++) {
		if (p.at[i] < '0' || p.at[i] > '9')
			return fault(r, p, EINVAL, "this is not a port: only digits make one");
		value = value * 10 + (uint32_t)(p.at[i] - '0');
		if (value > 65535)
			return fault(r, p, EINVAL, "this is not a port: the highest is 65535");
	}
	if (value == 0)
		return fault(r, p, EINVAL, "this is not a port: the lowest is 1");
	*out = (uint16_t)value;
	return 0;
}

/* PORT or FIRST-LAST. */
static int read_run(const struct reading *r, struct piece p, uint16_t *first, uint16_t *last)
{
	const char *dash = memchr(p.at, '-', p.len);
	struct piece low = p;
	struct piece high = p;
	int result;

	if (dash) {
		low.len = (size_t)(dash - p.at);
		high.at = dash + 1;
		high.len = p.len - low.len - 1;
	}
	result = read_port(r, low, first);
	if (result == 0)
		result = read_port(r, high, last);
	if (result == 0 && *first > *last)
		return fault(r, p, EINVAL, "the run of ports is reversed");
	return result;
}

/* The address text without brackets. */
static int read_addr(const struct reading *r, struct piece p, struct relay_spec *spec)
{
	char text[64];
	enum drive_sort sort;

	if (p.len == 0)
		return fault(r, p, EINVAL, "an address is missing");
	if (p.len >= sizeof(text))
		return fault(r, p, EINVAL, "this is not an address");
	memcpy(text, p.at, p.len);
	text[p.len] = '\0';
	if (minato_addr_parse(text, &spec->addr) < 0)
		return fault(r, p, EINVAL,
			     "this is not an address (IPv4, or IPv6 in brackets; names are not "
			     "looked up)");
	sort = drive_addr_sort(&spec->addr);
	if (sort == DRIVE_SORT_MULTICAST || sort == DRIVE_SORT_BROADCAST)
		return fault(r, p, EINVAL, "this is not an address of one host");
	spec->every = false;
	return 0;
}

/* Takes [ADDR]: off the front of the item; leaves what follows. */
static int take_bracketed(const struct reading *r, struct piece *item, struct relay_spec *spec)
{
	const char *close = memchr(item->at, ']', item->len);
	struct piece addr = { item->at + 1, 0 };
	int result;

	if (!close)
		return fault(r, (struct piece){ item->at, 1 }, EINVAL,
			     "this bracket is not closed");
	addr.len = (size_t)(close - addr.at);
	if (!memchr(addr.at, ':', addr.len))
		return fault(r, addr, EINVAL, "brackets are for IPv6 addresses");
	result = read_addr(r, addr, spec);
	if (result < 0)
		return result;
	item->len -= (size_t)(close + 1 - item->at);
	item->at = close + 1;
	if (item->len == 0 || item->at[0] != ':')
		return fault(r, (struct piece){ item->at, 1 }, EINVAL,
			     "the address needs a colon and a port after it");
	item->at++;
	item->len--;
	return 0;
}

/* Cuts the item at its colons. Returns how many fields there are, up to 4. */
static size_t cut(struct piece item, struct piece fields[4])
{
	size_t count = 0;

	while (count < 4) {
		const char *colon = memchr(item.at, ':', item.len);

		fields[count] = item;
		if (colon)
			fields[count].len = (size_t)(colon - item.at);
		count++;
		if (!colon)
			break;
		item.len -= (size_t)(colon + 1 - item.at);
		item.at = colon + 1;
	}
	return count;
}

static bool is_word(struct piece p, const char *word)
{
	return p.len == strlen(word) && memcmp(p.at, word, p.len) == 0;
}

/* "all" or "auto" in the place of HOST; false: neither. */
static bool read_sort(struct piece p, struct relay_spec *spec)
{
	spec->sort = RELAY_PORTS;
	if (is_word(p, "all"))
		spec->sort = RELAY_ALL;
	else if (is_word(p, "auto"))
		spec->sort = RELAY_AUTO;
	if (spec->sort == RELAY_PORTS)
		return false;
	spec->first = 1;
	spec->last = UINT16_MAX;
	spec->guest = 1;
	return true;
}

/* HOST[:GUEST], with the address taken off. */
static int read_ports(const struct reading *r, const struct piece *fields, size_t count,
		      struct relay_spec *spec)
{
	uint16_t guest_last;
	int result;

	spec->guest_given = count > 1;
	if (read_sort(fields[0], spec)) {
		if (count > 1)
			return fault(r, fields[1], EINVAL,
				     "all and auto lead to the same port of the guest");
		return 0;
	}
	result = read_run(r, fields[0], &spec->first, &spec->last);
	spec->guest = spec->first;
	if (result < 0 || count == 1)
		return result;
	result = read_run(r, fields[1], &spec->guest, &guest_last);
	if (result < 0)
		return result;
	/* HOST may be a run that begins at one GUEST port. */
	if (memchr(fields[1].at, '-', fields[1].len) &&
	    guest_last - spec->guest != spec->last - spec->first)
		return fault(r, fields[1], EINVAL, "the two runs differ in length");
	if (spec->guest + (spec->last - spec->first) > 65535)
		return fault(r, fields[1], EINVAL, "the run ends above port 65535");
	return 0;
}

/* One item: [ADDR:]HOST[:GUEST]. An address found stays in the spec. */
static int read_item(const struct reading *r, struct piece item, struct relay_spec *spec)
{
	struct piece fields[4];
	size_t count;
	int result = 0;

	if (item.len == 0)
		return fault(r, item, EINVAL, "a port is missing");
	if (item.at[0] == '[') {
		result = take_bracketed(r, &item, spec);
		if (result < 0)
			return result;
		count = cut(item, fields);
		if (count > 2)
			return fault(r, fields[2], EINVAL,
				     "after the address come HOST[:GUEST], no more");
		return read_ports(r, fields, count, spec);
	}
	count = cut(item, fields);
	if (count > 3)
		return fault(r, item, EINVAL,
			     "too many colons: IPv6 addresses are written in brackets");
	/* A field with a dot is an address even where the port after it is missing. */
	if (count == 3 || memchr(fields[0].at, '.', fields[0].len)) {
		result = read_addr(r, fields[0], spec);
		if (result == 0 && count == 1)
			return fault(r, fields[0], EINVAL,
				     "the address needs a colon and a port after it");
		return result < 0 ? result : read_ports(r, fields + 1, count - 1, spec);
	}
	return read_ports(r, fields, count, spec);
}

/* Up to 65535; nothing around it. */
static bool read_number(struct piece p, uint16_t *out)
{
	uint32_t value = 0;

	for (size_t i = 0; i < p.len && value <= UINT16_MAX; i++) {
		if (p.at[i] < '0' || p.at[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(p.at[i] - '0');
	}
	*out = (uint16_t)value;
	return value >= 1 && value <= UINT16_MAX;
}

/* AT MOST NUMBER PER SOURCE, from the first blank to the end. */
static int read_bound(const struct reading *r, const char *from, struct relay_spec *spec)
{
	static const char *const words[] = { "at", "most", NULL, "per", "source" };
	const char *at = from;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct piece word = { at + strspn(at, " "), 0 };

		word.len = strcspn(word.at, " ");
		at = word.at + word.len;
		if (words[i] && !is_word(word, words[i]))
			return fault(r, word, EINVAL,
				     "behind the ports may stand: at most NUMBER per source");
		if (!words[i] && !read_number(word, &spec->per_source))
			return fault(r, word, EINVAL, "this is not a number from 1 to 65535");
	}
	at += strspn(at, " ");
	if (*at)
		return fault(r, (struct piece){ at, strlen(at) }, EINVAL,
			     "nothing may stand behind it");
	if (spec->protocols != RELAY_TCP)
		return fault(r, (struct piece){ from + 1, strlen(from + 1) }, EINVAL,
			     "a bound counts connections, which only TCP has");
	return 0;
}

/* Where a bound begins, if there is one: the blank before it, or the end. */
static const char *find_bound(const char *text)
{
	const char *blank = text + strcspn(text, " ");

	if (blank > text && blank[strspn(blank, " ")])
		return blank;
	return text + strlen(text);
}

/* The suffix, from the slash to the end or the bound. */
static int read_suffix(struct reading *r, struct relay_spec *spec)
{
	const char *blank = find_bound(r->text);
	const char *slash = memchr(r->text, '/', (size_t)(blank - r->text));
	struct piece suffix = { slash, slash ? (size_t)(blank - slash) : 0 };

	spec->protocols = RELAY_TCP;
	r->stop = slash ? slash : blank;
	if (slash && is_word(suffix, "/udp"))
		spec->protocols = RELAY_UDP;
	else if (slash && is_word(suffix, "/both"))
		spec->protocols = RELAY_TCP | RELAY_UDP;
	else if (slash && !is_word(suffix, "/tcp"))
		return fault(r, suffix, EINVAL,
			     "the suffix is /tcp, /udp or /both, once, at the end of the list");
	return *blank ? read_bound(r, blank, spec) : 0;
}

/* Whether one bind would keep the other from succeeding. */
static bool places_meet(const struct relay_spec *a, const struct relay_spec *b)
{
	if (a->every || b->every || minato_addr_equal(&a->addr, &b->addr))
		return true;
	return minato_addr_is4(&a->addr) == minato_addr_is4(&b->addr) &&
	       (minato_addr_is_any(&a->addr) || minato_addr_is_any(&b->addr));
}

/* The ports at the place that a spec takes: of the host, or of the gateway for a reach. */
static void taken_run(const struct relay_spec *spec, uint16_t *first, uint16_t *last)
{
	*first = spec->sort == RELAY_REACH ? spec->guest : spec->first;
	*last = (uint16_t)(*first + (spec->last - spec->first));
}

/*
 * Whether the two cannot stand together. `all` and `auto` take what is free, so beside ports that
 * are named they are no contradiction.
 */
static bool contradict(const struct relay_spec *a, const struct relay_spec *b, uint16_t *port)
{
	uint16_t first[2], last[2];
	bool wide_a = a->sort == RELAY_ALL || a->sort == RELAY_AUTO;
	bool wide_b = b->sort == RELAY_ALL || b->sort == RELAY_AUTO;

	if (!(a->protocols & b->protocols) || wide_a != wide_b ||
	    (a->sort == RELAY_REACH) != (b->sort == RELAY_REACH) || !places_meet(a, b))
		return false;
	taken_run(a, &first[0], &last[0]);
	taken_run(b, &first[1], &last[1]);
	*port = first[0] > first[1] ? first[0] : first[1];
	return first[0] <= last[1] && first[1] <= last[0];
}

static int refuse_duplicate(const struct reading *r, struct piece item,
			    const struct relay_publish *list, const struct relay_spec *spec)
{
	for (size_t i = 0; i < list->spec_count; i++) {
		const struct relay_spec *other = &list->specs[i];
		bool tcp = other->protocols & spec->protocols & RELAY_TCP;
		uint16_t port;
		char what[96];

		if (!contradict(other, spec, &port))
			continue;
		if (spec->sort == RELAY_ALL || spec->sort == RELAY_AUTO)
			snprintf(what, sizeof(what), "%s ports are published by all or auto twice",
				 tcp ? "tcp" : "udp");
		else if (spec->sort == RELAY_REACH)
			snprintf(what, sizeof(what),
				 "port %u/%s of the gateway leads to the host twice", port,
				 tcp ? "tcp" : "udp");
		else
			snprintf(what, sizeof(what), "host port %u/%s is published twice", port,
				 tcp ? "tcp" : "udp");
		return fault(r, item, EEXIST, what);
	}
	return 0;
}

static int append(struct relay_publish *list, const struct relay_spec *spec)
{
	struct relay_spec *specs =
		realloc(list->specs, (list->spec_count + 1) * sizeof(list->specs[0]));

	if (!specs)
		return -ENOMEM;
	list->specs = specs;
	list->specs[list->spec_count++] = *spec;
	return 0;
}

/* ~RUN: what the `all` or `auto` before it leaves out. */
static int read_except(const struct reading *r, struct piece item, struct relay_spec *spec)
{
	struct piece run = { item.at + 1, item.len - 1 };
	struct relay_run except;
	int result;

	if (!spec || (spec->sort != RELAY_ALL && spec->sort != RELAY_AUTO))
		return fault(r, item, EINVAL, "~ leaves out of all or auto, and comes after it");
	if (spec->except_count == RELAY_EXCEPT_MAX)
		return fault(r, item, EINVAL, "more is left out than one list can hold (32)");
	result = read_run(r, run, &except.first, &except.last);
	if (result == 0)
		spec->except[spec->except_count++] = except;
	return result;
}

static int add_item(const struct reading *r, struct piece item, struct relay_publish *list,
		    struct relay_spec *spec)
{
	int result = read_item(r, item, spec);

	if (result == 0)
		result = refuse_duplicate(r, item, list, spec);
	return result < 0 ? result : append(list, spec);
}

/* --reach: the same without addresses and words. */
static int add_reach(const struct reading *r, struct piece item, struct relay_publish *list,
		     struct relay_spec *spec)
{
	struct piece fields[4];
	size_t count = cut(item, fields);
	int result;

	if (count > 2 || memchr(item.at, '[', item.len))
		return fault(r, item, EINVAL,
			     "here stands HOST[:GUEST]: it leads to the host's loopback only");
	result = read_ports(r, fields, count, spec);
	if (result == 0 && spec->sort != RELAY_PORTS)
		return fault(r, item, EINVAL, "--host-loopback is what opens all of it");
	spec->sort = RELAY_REACH;
	if (result == 0)
		result = refuse_duplicate(r, item, list, spec);
	return result < 0 ? result : append(list, spec);
}

static int add_list(struct relay_publish *list, const char *text, bool reach,
		    struct drive_error *error)
{
	struct reading r = { text, text, error };
	struct relay_spec spec = { .every = true };
	size_t count_before = list->spec_count;
	const char *at = text;
	int result = read_suffix(&r, &spec);

	if (result == 0 && reach && spec.per_source) {
		const char *bound = find_bound(text) + 1;

		result = fault(&r, (struct piece){ bound, strlen(bound) }, EINVAL,
			       "a bound is for callers of ports that are published");
	}

	while (result == 0) {
		const char *comma = memchr(at, ',', (size_t)(r.stop - at));
		struct piece item = { at, (size_t)((comma ? comma : r.stop) - at) };
		bool more = list->spec_count > count_before;

		if (item.len > 0 && *item.at == '~' && !reach)
			result = read_except(&r, item,
					     more ? &list->specs[list->spec_count - 1] : NULL);
		else if (reach)
			result = add_reach(&r, item, list, &spec);
		else
			result = add_item(&r, item, list, &spec);
		if (!comma)
			break;
		at = comma + 1;
	}
	if (result < 0)
		list->spec_count = count_before;
	return result == -ENOMEM ? drive_fail(error, ENOMEM, "out of memory") : result;
}

int relay_publish_add(struct relay_publish *list, const char *text, struct drive_error *error)
{
	return add_list(list, text, false, error);
}

int relay_reach_add(struct relay_publish *list, const char *text, struct drive_error *error)
{
	return add_list(list, text, true, error);
}

/* ---- the other way, and comparing ---- */

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

static void put_run(struct writing *w, uint16_t first, uint16_t last)
{
	put(w, "%u", first);
	if (last != first)
		put(w, "-%u", last);
}

const char *relay_spec_text(const struct relay_spec *spec, char *text, size_t size)
{
	static const char *const suffixes[] = { "", "/tcp", "/udp", "/both" };
	struct writing w = { text, size, 0 };
	char addr[64];

	text[0] = '\0';
	if (!spec->every) {
		minato_addr_format(&spec->addr, addr, sizeof(addr));
		put(&w, minato_addr_is4(&spec->addr) ? "%s:" : "[%s]:", addr);
	}
	if (spec->sort == RELAY_ALL || spec->sort == RELAY_AUTO)
		put(&w, "%s", spec->sort == RELAY_ALL ? "all" : "auto");
	else
		put_run(&w, spec->first, spec->last);
	if (spec->guest != spec->first) {
		put(&w, ":");
		put_run(&w, spec->guest, (uint16_t)(spec->guest + (spec->last - spec->first)));
	}
	for (size_t i = 0; i < spec->except_count; i++) {
		put(&w, ",~");
		put_run(&w, spec->except[i].first, spec->except[i].last);
	}
	put(&w, "%s", suffixes[spec->protocols & (RELAY_TCP | RELAY_UDP)]);
	if (spec->per_source)
		put(&w, " at most %u per source", spec->per_source);
	return text;
}

bool relay_spec_excepts(const struct relay_spec *spec, uint16_t port)
{
	for (size_t i = 0; i < spec->except_count; i++) {
		if (port >= spec->except[i].first && port <= spec->except[i].last)
			return true;
	}
	return false;
}

bool relay_spec_names(const struct relay_spec *wanted, const struct relay_spec *spec)
{
	if (wanted->sort != spec->sort || wanted->protocols != spec->protocols ||
	    wanted->first != spec->first || wanted->last != spec->last ||
	    wanted->every != spec->every)
		return false;
	if (!spec->every && !minato_addr_equal(&wanted->addr, &spec->addr))
		return false;
	return !wanted->guest_given || wanted->guest == spec->guest;
}

bool relay_spec_meets(const struct relay_spec *a, const struct relay_spec *b)
{
	uint16_t port;

	return contradict(a, b, &port);
}
