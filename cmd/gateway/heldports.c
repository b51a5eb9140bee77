/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forwarded ports that mappings of inside hosts have. Of a range each such port is the mapping's
 * until that ends; a forward of one port cannot stand beside it. Either is said, with whose it is.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define HOSTS_MAX 4u /* that are named */

struct holders {
	uint32_t wanted, held; /* ports */
	struct minato_addr host[HOSTS_MAX];
	uint32_t host_count, hosts_more;
	struct minato_mapping one; /* the last that was found */
};

static bool is_within(const struct minato_addr *addr, const struct minato_addr *prefix,
		      uint32_t bits)
{
	for (uint32_t i = 0; i < bits; i++) {
		if ((addr->bytes[i / 8] ^ prefix->bytes[i / 8]) & 0x80u >> i % 8)
			return false;
	}
	return true;
}

/* An address that is translated alone has ports that a forward can want. */
static bool meets(const struct minato_entry *entry, const struct minato_mapping *mapping)
{
	const struct minato_endpoint *at = &mapping->outside;

	return mapping->proto != MINATO_ICMP && (!entry->proto || entry->proto == mapping->proto) &&
	       !minato_addr_equal(&at->addr, &mapping->inside.addr) &&
	       is_within(&at->addr, &entry->local, entry->local_prefix) &&
	       ((!entry->first && !entry->last) ||
		(at->port >= entry->first && at->port <= entry->last));
}

static void note_holder(struct holders *holders, const struct minato_mapping *mapping)
{
	uint32_t i = 0;

	holders->held++;
	holders->one = *mapping;
	while (i < holders->host_count &&
	       !minato_addr_equal(&holders->host[i], &mapping->inside.addr))
		i++;
	if (i < holders->host_count)
		return;
	if (i < HOSTS_MAX)
		holders->host[holders->host_count++] = mapping->inside.addr;
	else
		holders->hosts_more++;
}

static void find_holders(struct holders *holders, struct minato *host, const struct conf *conf,
			 const struct conf_statement *one)
{
	static struct minato_entry entries[CONF_ENTRIES_MAX];
	size_t count = conf_entries(conf, one, 0, entries);
	struct minato_mapping mapping;
	uint64_t cursor = 0;

	*holders = (struct holders){ .wanted = 0 };
	for (size_t i = 0; i < count; i++)
		holders->wanted += entries[i].first || entries[i].last ?
					   entries[i].last - entries[i].first + 1u :
					   65535u;
	while (minato_mapping_next(host, &cursor, &mapping)) {
		for (size_t i = 0; i < count; i++) {
			if (!meets(&entries[i], &mapping))
				continue;
			note_holder(holders, &mapping);
			break;
		}
	}
}

static bool is_among(const struct conf *conf, const struct conf_statement *one)
{
	for (size_t i = 0; i < conf->count; i++) {
		if (conf_same(conf->list[i], one))
			return true;
	}
	return false;
}

/* "10.0.0.2, 10.0.0.3 and others". */
static void print_hosts(const struct holders *holders, char *out, size_t size)
{
	size_t used = 0;

	out[0] = 0;
	for (uint32_t i = 0; i < holders->host_count && used < size; i++) {
		char addr[64];

		minato_addr_format(&holders->host[i], addr, sizeof(addr));
		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", addr);
	}
	if (holders->hosts_more && used < size)
		(void)snprintf(out + used, size - used, " and others");
}

void gateway_held_note(const struct gateway_applied *applied, const struct conf *before, char *out,
		       size_t size)
{
	const struct conf *conf = &applied->rest;
	struct holders holders;

	out[0] = 0;
	for (size_t i = 0; i < conf->count; i++) {
		static char text[CONF_TEXT_SIZE];
		char hosts[HOSTS_MAX * 64 + 16];

		if (conf->list[i]->kind != CONF_KIND_FORWARD || is_among(before, conf->list[i]))
			continue;
		find_holders(&holders, applied->host, conf, conf->list[i]);
		if (!holders.held)
			continue;
		(void)conf_print(text, sizeof(text), conf->list[i]);
		print_hosts(&holders, hosts, sizeof(hosts));
		gateway_note_line(out, size,
				  "%.160s: %u of %u ports %s still held by %s of %s; each is the "
				  "forward's when its mapping ends",
				  text, holders.held, holders.wanted,
				  holders.held == 1 ? "is" : "are",
				  holders.held == 1 ? "a mapping" : "mappings", hosts);
	}
}

int gateway_held_refuse(const struct gateway_applied *applied, const struct conf *conf,
			const struct conf_statement *one, struct drive_error *error)
{
	struct holders holders;
	char outside[64], inside[64], text[200], where[32] = "";

	if (one->kind != CONF_KIND_FORWARD)
		return 0;
	find_holders(&holders, applied->host, conf, one);
	if (!holders.held)
		return 0;
	minato_addr_format(&holders.one.outside.addr, outside, sizeof(outside));
	minato_addr_format(&holders.one.inside.addr, inside, sizeof(inside));
	(void)conf_print(text, sizeof(text), one);
	if (one->line)
		(void)snprintf(where, sizeof(where), "line %u: ", one->line);
	return drive_fail(error, EADDRINUSE,
			  "%s%s: %s port %u of %s is held by a mapping of %s port %u; it is free "
			  "when that ends ('minato nat end mapping %" PRIx64 "' ends it)",
			  where, text, holders.one.proto == MINATO_TCP ? "tcp" : "udp",
			  holders.one.outside.port, outside, inside, holders.one.inside.port,
			  holders.one.handle);
}
