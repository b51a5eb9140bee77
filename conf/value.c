/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers, times, addresses, ports and names, each taken off a line. */
#include "conf/reader.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "drive/drive.h"
#include "minato/services.h"

#define DAY 86400u
#define SPAN_MAX (365u * DAY)
#define DIGITS_OVER INT64_C(10000000000) /* more than ten digits say */

/* A part of a word. */
static struct reader_word part(struct reader_word word, size_t from, size_t length)
{
	return (struct reader_word){ (uint16_t)(word.at + from), (uint16_t)length };
}

/* The next word for a value; false: there is none. */
static bool take(struct reader *r, struct reader_word *word, const char *what)
{
	*word = reader_here(r);
	if (reader_ended(r) || r->line[word->at] == ',') {
		reader_fail(r, *word, "%s is missing", what);
		return false;
	}
	r->next++;
	return true;
}

/* ---- numbers and times ---- */

/* Digits alone; -1: they are none, or more than fits. */
static int64_t digits(const char *text, size_t length)
{
	int64_t value = 0;

	if (length == 0 || length > 10)
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

int value_number(struct reader *r, uint32_t low, uint32_t high, const char *what, uint32_t *out)
{
	struct reader_word word;
	int64_t value;

	if (!take(r, &word, what))
		return -EINVAL;
	value = digits(r->line + word.at, word.length);
	/* More than fits is a number all the same. */
	if (value < 0 && strspn(r->line + word.at, "0123456789") >= word.length)
		value = INT64_MAX;
	if (value < 0)
		return reader_fail(r, word, "expected %s: a whole number", what);
	if (value < low || value > high)
		return reader_fail(r, word, "%s is a number from %u to %u", what, low, high);
	*out = (uint32_t)value;
	return 0;
}

static uint32_t unit_of(char c)
{
	switch (c) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	default:
		return 0;
	}
}

int value_span(struct reader *r, uint32_t low, uint32_t high, uint32_t *seconds)
{
	struct reader_word word;
	uint64_t sum = 0;
	size_t at = 0;

	if (!take(r, &word, "a time (90s, 5m, 2h, 1d)"))
		return -EINVAL;
	while (at < word.length) {
		const char *text = r->line + word.at + at;
		size_t n = strspn(text, "0123456789");
		int64_t value = at + n < word.length ? digits(text, n) : -1;
		uint32_t unit = at + n < word.length ? unit_of(text[n]) : 0;

		/* More than fits is a number all the same. */
		if (n > 10)
			value = DIGITS_OVER;
		if (!unit || value < 0)
			return reader_fail(
				r, word,
				"this is no time: a number with s, m, h or d behind it, as "
				"90s, 5m, 2h30m");
		/* Eleven digits times a day: a word of a line cannot overflow 64 bits. */
		sum += (uint64_t)value * unit;
		at += n + 1;
	}
	if ((sum < low || sum > high) && high % DAY == 0)
		return reader_fail(r, word, "this time must be from %u to %u seconds (%ud)", low,
				   high, high / DAY);
	if (sum < low || sum > high)
		return reader_fail(r, word, "this time must be from %u to %u seconds", low, high);
	*seconds = (uint32_t)sum;
	return 0;
}

/* "18:00". */
static bool read_clock(const char *text, size_t length, struct conf_term *out)
{
	int64_t hour, minute;

	if (length != 5 || text[2] != ':')
		return false;
	hour = digits(text, 2);
	minute = digits(text + 3, 2);
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
		return false;
	out->hour = (uint8_t)hour;
	out->minute = (uint8_t)minute;
	return true;
}

/* "2026-12-01". */
static bool read_date(const char *text, size_t length, struct conf_term *out)
{
	static const uint8_t days[12] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t year, month, day;
	bool leap;

	if (length != 10 || text[4] != '-' || text[7] != '-')
		return false;
	year = digits(text, 4);
	month = digits(text + 5, 2);
	day = digits(text + 8, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days[month - 1])
		return false;
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (month == 2 && day == 29 && !leap)
		return false;
	out->year = (uint16_t)year;
	out->month = (uint8_t)month;
	out->day = (uint8_t)day;
	return true;
}

int value_until(struct reader *r, struct conf_term *out)
{
	struct reader_word word;

	if (!take(r, &word, "a time (18:00, or 2026-12-01 18:00)"))
		return -EINVAL;
	out->sort = CONF_TERM_CLOCK;
	if (memchr(r->line + word.at, '-', word.length)) {
		out->sort = CONF_TERM_DATE;
		if (!read_date(r->line + word.at, word.length, out))
			return reader_fail(r, word,
					   "this is no day: year, month and day, as 2026-12-01");
		if (!take(r, &word, "the time of that day (18:00)"))
			return -EINVAL;
	}
	if (!read_clock(r->line + word.at, word.length, out))
		return reader_fail(r, word,
				   "this is no time of day: hours and minutes, 00:00 to 23:59");
	return 0;
}

int value_for(struct reader *r, struct conf_term *out)
{
	out->sort = CONF_TERM_SPAN;
	return value_span(r, 1, SPAN_MAX, &out->seconds);
}

/* ---- addresses ---- */

static int parse_addr(struct reader *r, struct reader_word word, struct minato_addr *out)
{
	char text[READER_WORD_SIZE];

	if (minato_addr_parse(reader_copy(r, word, text), out) == 0)
		return 0;
	return reader_fail(r, word,
			   "this is no address: 10.0.0.2 or 2001:db8::2 (names are not looked up)");
}

static bool is_host(const struct minato_addr *addr)
{
	enum drive_sort sort = drive_addr_sort(addr);

	return !minato_addr_is_any(addr) && sort != DRIVE_SORT_MULTICAST &&
	       sort != DRIVE_SORT_BROADCAST;
}

static int parse_host(struct reader *r, struct reader_word word, struct minato_addr *out)
{
	int result = parse_addr(r, word, out);

	if (result == 0 && !is_host(out))
		return reader_fail(r, word, "this is not an address of one host");
	return result;
}

int value_addr(struct reader *r, struct minato_addr *out)
{
	struct reader_word word;

	return take(r, &word, "an address") ? parse_host(r, word, out) : -EINVAL;
}

static void mask(struct conf_prefix *prefix)
{
	for (unsigned bit = prefix->length; bit < 128; bit++)
		prefix->addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

static int check_bits(struct reader *r, struct reader_word word, const struct conf_prefix *prefix)
{
	struct conf_prefix network = *prefix;
	char text[64];

	mask(&network);
	if (minato_addr_equal(&network.addr, &prefix->addr))
		return 0;
	minato_addr_format(&network.addr, text, sizeof(text));
	return reader_fail(r, word, "an address of a host; the network is %s/%d", text,
			   minato_addr_is4(&network.addr) ? network.length - 96 : network.length);
}

int value_prefix(struct reader *r, bool host, struct conf_prefix *out)
{
	struct reader_word word, addr;
	const char *slash;
	int64_t length;
	int64_t most;
	int result;

	if (!take(r, &word, host ? "an address with its prefix (10.0.0.1/24)" : "a prefix"))
		return -EINVAL;
	slash = memchr(r->line + word.at, '/', word.length);
	addr = part(word, 0, slash ? (size_t)(slash - (r->line + word.at)) : word.length);
	result = host ? parse_host(r, addr, &out->addr) : parse_addr(r, addr, &out->addr);
	if (result < 0)
		return result;
	most = minato_addr_is4(&out->addr) ? 32 : 128;
	length = most;
	if (slash)
		length = digits(slash + 1, (size_t)(word.length - addr.length - 1));
	else if (host)
		return reader_fail(r, word,
				   "the prefix is missing behind the address, as in %.*s/%d",
				   addr.length, r->line + word.at, most == 32 ? 24 : 64);
	if ((length < 0 || length > most) && most == 32 &&
	    memchr(r->line + addr.at, ':', addr.length))
		return reader_fail(r, part(word, addr.length + 1u, word.length - addr.length - 1u),
				   "this is taken as IPv4, which the address is: the length of its "
				   "prefix is 0 to 32, as in 192.0.2.0/24");
	if (length < 0 || length > most)
		return reader_fail(r, part(word, addr.length + 1u, word.length - addr.length - 1u),
				   "the length of this prefix is 0 to %d", (int)most);
	out->length = (uint8_t)(most == 32 ? length + 96 : length);
	return host ? 0 : check_bits(r, word, out);
}

/* ---- protocols and ports ---- */

static const char *const protocol_words[] = { "tcp", "udp" };

bool value_sees_protocol(const struct reader *r)
{
	return reader_sees(r, 0, "tcp") || reader_sees(r, 0, "udp");
}

int value_protocols(struct reader *r, uint8_t *out)
{
	*out = 0;
	do {
		uint8_t one = reader_takes(r, "tcp") ? CONF_TCP :
			      reader_takes(r, "udp") ? CONF_UDP :
						       0;

		if (!one)
			return reader_expected(r, protocol_words, 2);
		if (*out & one)
			return reader_fail(r, reader_last(r), "this protocol is named twice");
		*out |= one;
	} while (reader_takes(r, ","));
	return 0;
}

/* One number of a port; `text` ends with a zero. */
static int port_number(struct reader *r, struct reader_word word, const char *text, uint16_t *out)
{
	const char *end = text;
	int value = drive_port_read(&end);

	if (value == -EINVAL || *end)
		return reader_fail(r, word, "this is no port: a number from 1 to 65535");
	if (value <= 0)
		return reader_fail(r, word, "this is no port: the %s is %d",
				   value ? "highest" : "lowest", value ? 65535 : 1);
	*out = (uint16_t)value;
	return 0;
}

/* What people say, and IANA does not. */
static const char *iana_name(const char *name)
{
	static const char *const names[][2] = {
		{ "dns", "domain" },
		{ "rdp", "ms-wbt-server" },
		{ "vnc", "rfb" },
		{ "smb", "microsoft-ds" },
		{ "samba", "microsoft-ds" },
		{ "postgres", "postgresql" },
		{ "mail", "smtp" },
		{ "web", "http" },
		{ "dhcp", "bootps" },
		{ "netbios", "netbios-ns" },
		{ "mssql", "ms-sql-s" },
		{ "mongo", "mongodb" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcasecmp(name, names[i][0]))
			return names[i][1];
	}
	return NULL;
}

static int service_fail(struct reader *r, struct reader_word word, const char *name)
{
	const char *known = iana_name(name);
	int result;

	if (known)
		return reader_fail(r, word, "no service is called %.40s: IANA's name of it is %s",
				   name, known);
	result = reader_fail(r, word,
			     "no service is called %.40s: a port is a number, a range "
			     "(5000-5999) or a name of a service",
			     name);

	/* Only where this very error was the line's first. */
	for (size_t i = 0; i < r->report->count; i++) {
		struct conf_fault *fault = &r->report->fault[i];

		if (fault->line == r->number && fault->column == word.at)
			fault->service = true;
	}
	return result;
}

/* Another port of that name (http-alt), or 0: one must not guess which is meant. */
static int other_port(uint8_t protocols, const char *name, int port)
{
	uint8_t set = (protocols & CONF_TCP ? MINATO_SERVICE_TCP : 0) |
		      (protocols & CONF_UDP ? MINATO_SERVICE_UDP : 0);

	for (uint32_t i = minato_service_first((uint16_t)port); i < minato_service_count(); i++) {
		struct minato_service service = minato_service_at(i);

		if (service.port != port && service.protocols & set &&
		    !strcasecmp(service.name, name))
			return service.port;
	}
	return 0;
}

static int service_run(struct reader *r, struct reader_word word, uint8_t protocols,
		       struct conf_run *out)
{
	int other;
	char name[READER_WORD_SIZE];
	int tcp = -ENOENT;
	int udp = -ENOENT;

	reader_copy(r, word, name);
	if (protocols & CONF_TCP)
		tcp = minato_service_port(MINATO_TCP, name);
	if (protocols & CONF_UDP)
		udp = minato_service_port(MINATO_UDP, name);
	if (tcp < 0 && udp < 0)
		return service_fail(r, word, name);
	if (protocols == (CONF_TCP | CONF_UDP) && tcp != udp) {
		if (tcp < 0 || udp < 0)
			return reader_fail(r, word, "%.40s is a service of %s alone: %d", name,
					   tcp < 0 ? "udp" : "tcp", tcp < 0 ? udp : tcp);
		return reader_fail(r, word, "%.40s is %d for tcp and %d for udp", name, tcp, udp);
	}
	out->first = out->last = (uint16_t)(tcp < 0 ? udp : tcp);
	other = other_port(protocols, name, out->first);
	if (other)
		return reader_fail(r, word, "%.40s is a name of %u and of %d: say which", name,
				   out->first, other);
	return 0;
}

static int parse_run(struct reader *r, struct reader_word word, uint8_t protocols,
		     struct conf_run *out)
{
	char text[READER_WORD_SIZE];
	const char *dash;
	size_t number;
	int result;

	reader_copy(r, word, text);
	number = strspn(text, "0123456789-");
	if (text[number] || !isdigit((unsigned char)text[0]))
		return service_run(r, word, protocols, out);
	dash = strchr(text, '-');
	if (!dash) {
		result = port_number(r, word, text, &out->first);
		out->last = out->first;
		return result;
	}
	number = (size_t)(dash - text);
	text[number] = 0;
	result = port_number(r, part(word, 0, number), text, &out->first);
	if (result == 0)
		result = port_number(r, part(word, number + 1, word.length - number - 1),
				     text + number + 1, &out->last);
	if (result == 0 && out->first > out->last)
		return reader_fail(r, word, "this range is reversed: %u-%u", out->last, out->first);
	return result;
}

int value_run(struct reader *r, uint8_t protocols, struct conf_run *out)
{
	struct reader_word word;

	return take(r, &word, "a port") ? parse_run(r, word, protocols, out) : -EINVAL;
}

void value_service_protocols(const struct reader *r, uint8_t *out)
{
	struct reader_word word = reader_here(r);
	char name[READER_WORD_SIZE];
	int tcp, udp;

	*out = CONF_TCP | CONF_UDP;
	reader_copy(r, word, name);
	if (isdigit((unsigned char)name[0]) && !name[strspn(name, "0123456789-")])
		return;
	tcp = minato_service_port(MINATO_TCP, name);
	udp = minato_service_port(MINATO_UDP, name);
	if (tcp >= 0 && udp < 0)
		*out = CONF_TCP;
	if (udp >= 0 && tcp < 0)
		*out = CONF_UDP;
	/* Where the two differ, value_run says so. */
}

int value_runs(struct reader *r, uint8_t protocols, struct conf_run *out, uint32_t *count)
{
	*count = 0;
	do {
		struct conf_run run;

		if (value_run(r, protocols, &run) < 0)
			return -EINVAL;
		if (*count == CONF_RUNS_MAX)
			return reader_fail(r, reader_last(r),
					   "more than %u ports or ranges in one statement",
					   CONF_RUNS_MAX);
		for (uint32_t i = 0; i < *count; i++) {
			if (run.first <= out[i].last && out[i].first <= run.last)
				return reader_fail(r, reader_last(r), "port %u is named twice here",
						   run.first > out[i].first ? run.first :
									      out[i].first);
		}
		out[(*count)++] = run;
	} while (reader_takes(r, ","));
	return 0;
}

/* ---- ends: an address, and perhaps a port ---- */

/* Where the address is in the word, and where the port; 0: there is none. */
static int split_end(struct reader *r, struct reader_word word, struct reader_word *addr,
		     size_t *port)
{
	const char *text = r->line + word.at;
	const char *close = memchr(text, ']', word.length);
	const char *colon = memchr(text, ':', word.length);

	*port = 0;
	*addr = word;
	if (text[0] == '[') {
		size_t after = close ? (size_t)(close - text) + 1 : 0;

		if (!close)
			return reader_fail(r, part(word, 0, 1), "this bracket is not closed");
		*addr = part(word, 1, after - 2);
		if (after == word.length)
			return 0;
		if (text[after] != ':')
			return reader_fail(
				r, part(word, after, word.length - after),
				"behind the bracket comes a colon and a port, or nothing");
		*port = after + 1;
		return 0;
	}
	if (colon && !memchr(colon + 1, ':', (size_t)(text + word.length - colon - 1))) {
		*addr = part(word, 0, (size_t)(colon - text));
		*port = (size_t)(colon - text) + 1;
	}
	return 0;
}

int value_end(struct reader *r, uint8_t protocols, struct minato_addr *addr, struct conf_run *run)
{
	struct reader_word word, address;
	size_t port;
	int result;

	*run = (struct conf_run){ 0, 0 };
	if (!take(r, &word, "an address"))
		return -EINVAL;
	result = split_end(r, word, &address, &port);
	if (result == 0)
		result = parse_host(r, address, addr);
	if (result < 0 || !port)
		return result;
	if (port == word.length)
		return reader_fail(r, part(word, port, 0), "a port is missing behind the colon");
	return parse_run(r, part(word, port, word.length - port), protocols, run);
}

int value_named_end(struct reader *r, uint8_t protocols, char *name, size_t size,
		    struct conf_run *run)
{
	struct reader_word word;
	const char *colon;
	size_t length;

	if (!take(r, &word, "a name"))
		return -EINVAL;
	colon = memchr(r->line + word.at, ':', word.length);
	length = colon ? (size_t)(colon - (r->line + word.at)) : word.length;
	if (length >= size)
		return reader_fail(r, part(word, 0, length), "a name has at most %zu bytes",
				   size - 1);
	memcpy(name, r->line + word.at, length);
	name[length] = 0;
	*run = (struct conf_run){ 0, 0 };
	if (!colon)
		return 0;
	if (length + 1 == word.length)
		return reader_fail(r, part(word, length + 1, 0),
				   "a port is missing behind the colon");
	return parse_run(r, part(word, length + 1, word.length - length - 1), protocols, run);
}

/* ---- texts ---- */

int value_program(struct reader *r, char path[CONF_PATH_SIZE])
{
	if (value_text(r, path, CONF_PATH_SIZE, "the path or name of a program") < 0)
		return -EINVAL;
	if (path[0] != '/' && strchr(path, '/'))
		return reader_fail(r, reader_last(r),
				   "the path of a program from the root on, or its name alone");
	return 0;
}

int value_text(struct reader *r, char *out, size_t size, const char *what)
{
	struct reader_word word;

	if (!take(r, &word, what))
		return -EINVAL;
	if (word.length >= size)
		return reader_fail(r, word, "%s has at most %zu bytes", what, size - 1);
	memcpy(out, r->line + word.at, word.length);
	out[word.length] = 0;
	return 0;
}

int value_path(struct reader *r, char path[CONF_PATH_SIZE])
{
	int result = value_text(r, path, CONF_PATH_SIZE, "a path");

	if (result == 0 && path[0] != '/')
		return reader_fail(r, reader_last(r), "this path must begin with a slash");
	return result;
}

int value_socket(struct reader *r, char path[CONF_PATH_SIZE])
{
	static const char prefix[] = "unix:";
	struct reader_word word = reader_here(r);
	size_t length = strlen(prefix);

	if (word.length < length || strncasecmp(r->line + word.at, prefix, length) != 0)
		return 0;
	r->next++;
	word = part(word, length, word.length - length);
	if (word.length == 0 || r->line[word.at] != '/')
		return reader_fail(r, word,
				   "behind unix: comes the path of a socket, from the root on");
	if (word.length >= CONF_PATH_SIZE)
		return reader_fail(r, word, "the path of a socket has at most %u bytes",
				   CONF_PATH_SIZE - 1);
	memcpy(path, r->line + word.at, word.length);
	path[word.length] = 0;
	return 1;
}

int value_name(struct reader *r, char out[CONF_NAME_SIZE])
{
	int result = value_text(r, out, CONF_NAME_SIZE, "a name");

	for (const char *at = out; result == 0 && *at; at++) {
		if (!isalnum((unsigned char)*at) && !strchr("._-", *at))
			return reader_fail(r, reader_last(r),
					   "a name is made of letters, digits and . _ -");
	}
	return result;
}

int value_ifname(struct reader *r, char out[CONF_IFNAME_SIZE])
{
	int result = value_text(r, out, CONF_IFNAME_SIZE, "the name of an interface");

	if (result == 0 &&
	    (strchr(out, '/') || strchr(out, ':') || !strcmp(out, ".") || !strcmp(out, "..")))
		return reader_fail(r, reader_last(r), "no interface can be called so");
	return result;
}
