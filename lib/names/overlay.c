/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A services file of a host, which goes before the registry.
 *
 * The value is one block: this header, the rows in the order of the file, the
 * heads of the chains by port and by name, and the names. A chain is in the
 * order of the file, so that its first row is the one that counts.
 */
#include "names/names.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"

#define NONE UINT32_MAX
#define SIZE_MAX_BITS 30
#define DECIMAL 10

struct overlay_row {
	uint32_t name; /* in the names */
	uint32_t next_by_port, next_by_name;
	uint16_t port;
	uint8_t proto;
	uint8_t alias;
};

struct minato_services {
	uint32_t count;
	uint32_t buckets; /* of either kind of chain, a power of two */
	uint32_t strange; /* lines that were not understood */
};

static struct overlay_row *rows_of(struct minato_services *services)
{
	return (struct overlay_row *)(services + 1);
}

static const struct overlay_row *rows_in(const struct minato_services *services)
{
	return (const struct overlay_row *)(services + 1);
}

/* By port; those by name follow. */
static const uint32_t *heads_in(const struct minato_services *services)
{
	return (const uint32_t *)(rows_in(services) + services->count);
}

static const char *names_in(const struct minato_services *services)
{
	return (const char *)(heads_in(services) +
			      (size_t)2 * services->buckets);
}

static uint32_t port_bucket(const struct minato_services *services,
			    uint8_t proto, uint16_t port)
{
	uint32_t hash = names_scramble((uint32_t)port << 8 | proto);

	return hash & (services->buckets - 1);
}

static uint32_t name_bucket(const struct minato_services *services,
			    const char *name)
{
	uint32_t hash = names_hash(name);

	return services->buckets + (hash & (services->buckets - 1));
}

/* ---- the text, word by word ---- */

struct reading {
	const char *next, *end;
};

struct word {
	const char *text;
	size_t len;
};

static bool ends_line(char c)
{
	return c == '\n' || c == '\r';
}

static bool is_space(char c)
{
	return (uint8_t)c <= ' ' && !ends_line(c);
}

/* The next word of this line; false at its end or at a comment. */
static bool read_word(struct reading *reading, struct word *word)
{
	const char *next = reading->next;

	while (next < reading->end && is_space(*next))
		next++;
	word->text = next;
	while (next < reading->end && *next != '#' && !is_space(*next) &&
	       !ends_line(*next))
		next++;
	word->len = (size_t)(next - word->text);
	reading->next = next;
	return word->len > 0;
}

static void skip_line(struct reading *reading)
{
	while (reading->next < reading->end && !ends_line(*reading->next))
		reading->next++;
	if (reading->next < reading->end)
		reading->next++;
}

static bool is_printable(const struct word *word)
{
	for (size_t i = 0; i < word->len; i++) {
		uint8_t c = (uint8_t)word->text[i];

		if (c <= ' ' || c > '~')
			return false;
	}
	return true;
}

/* "80/tcp"; proto is 0 for a protocol that has no ports here. */
static bool parse_port(const struct word *word, struct overlay_row *row)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} protocols[] = {
		{ "tcp", MINATO_TCP },
		{ "udp", MINATO_UDP },
		{ "sctp", MINATO_SERVICE_PROTO_SCTP },
		{ "dccp", MINATO_SERVICE_PROTO_DCCP },
	};
	uint32_t port = 0;
	size_t i = 0;

	for (; i < word->len && word->text[i] >= '0' && word->text[i] <= '9';
	     i++) {
		port = port * DECIMAL + (uint32_t)(word->text[i] - '0');
		if (port > UINT16_MAX)
			return false;
	}
	if (i == 0 || i == word->len || word->text[i] != '/')
		return false;
	row->port = (uint16_t)port;
	i++;
	for (size_t k = 0; k < sizeof(protocols) / sizeof(protocols[0]); k++) {
		if (names_equal(protocols[k].name, word->text + i,
				word->len - i))
			row->proto = protocols[k].proto;
	}
	return i < word->len;
}

/* ---- making ---- */

struct filling {
	struct overlay_row *rows; /* NULL: they are only counted */
	char *names;
	uint32_t count;
	size_t bytes; /* of the names */
	uint32_t strange;
};

static void add(struct filling *filling, struct overlay_row row,
		const struct word *name)
{
	if (filling->rows) {
		row.name = (uint32_t)filling->bytes;
		filling->rows[filling->count] = row;
		memcpy(filling->names + filling->bytes, name->text, name->len);
		filling->names[filling->bytes + name->len] = 0;
	}
	filling->count++;
	filling->bytes += name->len + 1;
}

static void read_line(struct reading *reading, struct filling *filling)
{
	struct overlay_row row = { 0 };
	struct word name, port;

	if (!read_word(reading, &name))
		return;
	if (!is_printable(&name) || !read_word(reading, &port) ||
	    !parse_port(&port, &row)) {
		filling->strange++;
		return;
	}
	if (!row.proto)
		return;
	add(filling, row, &name);
	row.alias = true;
	while (read_word(reading, &name)) {
		if (is_printable(&name))
			add(filling, row, &name);
	}
}

static void read_text(const char *text, size_t len, struct filling *filling)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct reading reading = { text, text + len };

	if (len >= sizeof(mark) - 1 && !memcmp(text, mark, sizeof(mark) - 1))
		reading.next += sizeof(mark) - 1;
	while (reading.next < reading.end) {
		read_line(&reading, filling);
		skip_line(&reading);
	}
}

static uint32_t buckets_for(uint32_t count)
{
	uint32_t buckets = 1;

	while (buckets < count)
		buckets *= 2;
	return buckets;
}

static uint64_t size_for(const struct filling *counted)
{
	uint64_t heads = (uint64_t)2 * buckets_for(counted->count);
	uint64_t rows = counted->count;

	return sizeof(struct minato_services) +
	       rows * sizeof(struct overlay_row) + heads * sizeof(uint32_t) +
	       counted->bytes;
}

size_t minato_services_size(const char *text, size_t len)
{
	struct filling counted = { 0 };
	uint64_t size;

	if (len >> SIZE_MAX_BITS)
		return 0;
	read_text(text, len, &counted);
	size = size_for(&counted);
	return size >> SIZE_MAX_BITS ? 0 : (size_t)size;
}

/* From the last row to the first, so that the first comes to the head. */
static void chain(struct minato_services *services, uint32_t *heads)
{
	struct overlay_row *rows = rows_of(services);

	for (uint32_t i = 0; i < 2 * services->buckets; i++)
		heads[i] = NONE;
	for (uint32_t i = services->count; i-- > 0;) {
		const char *name = names_in(services) + rows[i].name;
		uint32_t *by_port = heads + port_bucket(services, rows[i].proto,
							rows[i].port);
		uint32_t *by_name = heads + name_bucket(services, name);

		rows[i].next_by_port = *by_port;
		rows[i].next_by_name = *by_name;
		*by_port = i;
		*by_name = i;
	}
}

int minato_services_create(void *memory, size_t size, const char *text,
			   size_t len, struct minato_services **out)
{
	struct minato_services *services = memory;
	struct filling counted = { 0 };
	struct filling filling = { 0 };
	size_t wanted = minato_services_size(text, len);
	uint32_t *heads;

	if (!wanted || (uintptr_t)memory % sizeof(uint64_t))
		return -EINVAL;
	if (size < wanted)
		return -ENOMEM;
	read_text(text, len, &counted);
	services->count = counted.count;
	services->buckets = buckets_for(counted.count);
	services->strange = counted.strange;
	filling.rows = rows_of(services);
	heads = (uint32_t *)(filling.rows + services->count);
	filling.names = (char *)(heads + (size_t)2 * services->buckets);
	read_text(text, len, &filling);
	check(filling.count == counted.count);
	check(filling.bytes == counted.bytes);
	chain(services, heads);
	*out = services;
	return 0;
}

/* ---- asking ---- */

/* The next row of this port from row `i` of its chain on, or NONE. */
static uint32_t on_port(const struct minato_services *services, uint32_t i,
			uint8_t proto, uint16_t port)
{
	const struct overlay_row *rows = rows_in(services);

	while (i != NONE && (rows[i].port != port || rows[i].proto != proto))
		i = rows[i].next_by_port;
	return i;
}

static uint32_t first_on_port(const struct minato_services *services,
			      uint8_t proto, uint16_t port)
{
	if (!services)
		return NONE;
	return on_port(services,
		       heads_in(services)[port_bucket(services, proto, port)],
		       proto, port);
}

const char *minato_services_name(const struct minato_services *services,
				 uint8_t proto, uint16_t port)
{
	uint32_t i = first_on_port(services, proto, port);

	if (i == NONE)
		return minato_service_name(proto, port);
	return names_in(services) + rows_in(services)[i].name;
}

int minato_services_port(const struct minato_services *services, uint8_t proto,
			 const char *name)
{
	const struct overlay_row *row;
	uint32_t i = NONE;

	if (services)
		i = heads_in(services)[name_bucket(services, name)];
	for (; i != NONE; i = row->next_by_name) {
		row = rows_in(services) + i;
		if (row->proto == proto &&
		    names_same(names_in(services) + row->name, name))
			return row->port;
	}
	return minato_service_port(proto, name);
}

/* What is collected by minato_services_names. */
struct collection {
	const char **names;
	size_t count, room;
};

static void collect(struct collection *found, const char *name)
{
	for (size_t i = 0; i < found->count; i++) {
		if (names_same(found->names[i], name))
			return;
	}
	if (*name && found->count < found->room)
		found->names[found->count++] = name;
}

size_t minato_services_names(const struct minato_services *services,
			     uint8_t proto, uint16_t port, const char **names,
			     size_t room)
{
	struct collection found = { names, 0, room };
	uint32_t i = first_on_port(services, proto, port);

	while (i != NONE) {
		const struct overlay_row *row = rows_in(services) + i;

		collect(&found, names_in(services) + row->name);
		i = on_port(services, row->next_by_port, proto, port);
	}
	for (i = minato_service_first(port); i < minato_service_count(); i++) {
		struct minato_service service = minato_service_at(i);

		if (service.port != port)
			break;
		if (service.protocols & names_bit(proto))
			collect(&found, service.name);
	}
	return found.count;
}

uint32_t minato_services_count(const struct minato_services *services)
{
	return services ? services->count : 0;
}

uint32_t minato_services_strange(const struct minato_services *services)
{
	return services ? services->strange : 0;
}

struct minato_services_row
minato_services_at(const struct minato_services *services, uint32_t index)
{
	const struct overlay_row *row = rows_in(services) + index;

	check(index < services->count);
	return (struct minato_services_row){
		.name = names_in(services) + row->name,
		.port = row->port,
		.proto = row->proto,
		.alias = row->alias,
	};
}
