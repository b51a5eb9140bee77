/* SPDX-License-Identifier: BSD-2-Clause */
/* The registry, asked by port and by name. */
#include "names/names.h"

#include <errno.h>

#include "base/bits.h"
#include "base/check.h"

#define PORTS_PER_WORD 64
#define GOLDEN 0x9e3779b9u

uint32_t names_bit(uint8_t proto)
{
	switch (proto) {
	case MINATO_TCP:
		return MINATO_SERVICE_TCP;
	case MINATO_UDP:
		return MINATO_SERVICE_UDP;
	case MINATO_SERVICE_PROTO_SCTP:
		return MINATO_SERVICE_SCTP;
	case MINATO_SERVICE_PROTO_DCCP:
		return MINATO_SERVICE_DCCP;
	default:
		return 0;
	}
}

/* How many ports below this one have rows. */
static uint32_t rank(uint16_t port)
{
	uint64_t below = ((uint64_t)1 << port % PORTS_PER_WORD) - 1;
	uint32_t word = port / PORTS_PER_WORD;

	return names_ranks[word] + bits_count(names_ports[word] & below);
}

/* The preferred row of a port, or the one past the last row. */
static uint32_t find_row(uint8_t proto, uint16_t port)
{
	uint32_t bit = names_bit(proto);
	uint32_t place = rank(port);
	uint32_t last;

	if (!(names_ports[port / PORTS_PER_WORD] >> port % PORTS_PER_WORD & 1))
		return names_row_count;
	last = names_starts[place + 1];
	for (uint32_t i = names_starts[place]; i < last; i++) {
		if (names_rows[i].protocols & bit)
			return i;
	}
	return names_row_count;
}

const char *minato_service_name(uint8_t proto, uint16_t port)
{
	uint32_t row = find_row(proto, port);
	const char *name;

	if (row == names_row_count)
		return NULL;
	name = names_pool + names_rows[row].name;
	return *name ? name : NULL;
}

enum minato_service_state minato_service_state(uint8_t proto, uint16_t port)
{
	uint32_t row = find_row(proto, port);

	if (row == names_row_count)
		return MINATO_SERVICE_UNASSIGNED;
	return (enum minato_service_state)names_rows[row].standing;
}

/* Where the postings of the name begin, if it is one. */
static uint32_t slot_of(const char *name)
{
	uint32_t hash = names_hash(name);
	uint64_t bucket = (uint64_t)hash * names_bucket_count >> 32;
	uint32_t moved = names_displacements[bucket] * GOLDEN;

	hash = names_scramble(hash + moved);
	return (uint32_t)((uint64_t)hash * names_slot_count >> 32);
}

int minato_service_port(uint8_t proto, const char *name)
{
	uint32_t bit = names_bit(proto);
	uint32_t i = names_slots[slot_of(name)];

	for (; i < names_posting_count; i++) {
		const struct names_row *row = &names_rows[names_postings[i]];

		if (!names_same(names_pool + row->name, name))
			return -ENOENT;
		if (row->protocols & bit)
			return row->port;
	}
	return -ENOENT;
}

uint32_t minato_service_count(void)
{
	return names_row_count;
}

struct minato_service minato_service_at(uint32_t index)
{
	const struct names_row *row;

	check(index < names_row_count);
	row = &names_rows[index];
	return (struct minato_service){
		.name = names_pool + row->name,
		.port = row->port,
		.protocols = row->protocols,
		.alias = row->alias,
		.state = (enum minato_service_state)row->standing,
	};
}

uint32_t minato_service_first(uint16_t port)
{
	return names_starts[rank(port)];
}

size_t minato_service_text(uint32_t index, char *out, size_t size)
{
	const char *code;
	size_t length = 0;

	check(index < names_row_count);
	check(size > 0);
	for (code = names_text_pool + names_rows[index].text; *code; code++) {
		uint8_t c = (uint8_t)*code;
		bool plain = names_words[c] == names_words[c + 1];
		const char *from = names_word_pool + names_words[c];
		size_t more = (size_t)(names_words[c + 1] - names_words[c]);

		if (plain) {
			from = code;
			more = 1;
		}
		for (size_t i = 0; i < more; i++, length++) {
			if (length < size - 1)
				out[length] = from[i];
		}
	}
	out[length < size - 1 ? length : size - 1] = 0;
	return length;
}

const char *minato_service_date(void)
{
	return names_date;
}

const char *minato_service_version(void)
{
	return names_version;
}
