/* SPDX-License-Identifier: BSD-2-Clause */
/* inside and outside: the links of the gateway. */
#include "conf/reader.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MTU_MIN 576u
#define MTU_MIN6 1280u
#define PID_MAX 4194304u /* PID_MAX_LIMIT of Linux */
#define VLAN_MAX 4094u	 /* IEEE 802.1Q */

static bool has_family(const struct conf_link *link, bool four)
{
	for (uint32_t i = 0; i < link->address_count; i++) {
		if (minato_addr_is4(&link->address[i].addr) == four)
			return true;
	}
	return false;
}

/* The first or last address of an IPv4 subnet is no host's, but in one of two or one addresses. */
static bool is_edge(const struct conf_prefix *address)
{
	bool zeros = true;
	bool ones = true;

	if (!minato_addr_is4(&address->addr) || address->length >= 127)
		return false;
	for (unsigned bit = address->length; bit < 128; bit++) {
		bool set = address->addr.bytes[bit / 8] & (0x80u >> bit % 8);

		zeros = zeros && !set;
		ones = ones && set;
	}
	return zeros || ones;
}

static int read_addresses(struct reader *r, struct conf_link *link)
{
	do {
		struct conf_prefix address;

		if (value_prefix(r, true, &address) < 0)
			return -EINVAL;
		if (link->address_count == CONF_ADDRESSES_MAX)
			return reader_fail(r, reader_last(r), "a link has at most %u addresses",
					   CONF_ADDRESSES_MAX);
		if (is_edge(&address))
			return reader_fail(
				r, reader_last(r),
				"the first or last address of its prefix: no host has it");
		for (uint32_t i = 0; i < link->address_count; i++) {
			if (minato_addr_equal(&link->address[i].addr, &address.addr))
				return reader_fail(r, reader_last(r),
						   "this address stands twice here");
		}
		link->address[link->address_count++] = address;
	} while (reader_takes(r, ","));
	return 0;
}

static int read_via(struct reader *r, struct conf_statement *out)
{
	struct conf_link *link = &out->link;

	do {
		struct minato_addr via;
		bool four;
		bool on_link = false;

		if (value_addr(r, &via) < 0)
			return -EINVAL;
		four = minato_addr_is4(&via);
		if (!has_family(link, four))
			return reader_fail(r, reader_last(r),
					   "this link has no address of the gateway's family");
		if (link->via_count &&
		    (link->via_count == 2 || minato_addr_is4(&link->via[0]) == four))
			return reader_fail(r, reader_last(r), "one gateway of a family, no more");
		on_link |= judge_on_link(link, &via);
		for (uint32_t i = 0; i < link->address_count; i++) {
			if (minato_addr_equal(&link->address[i].addr, &via))
				return reader_fail(
					r, reader_last(r),
					"this is the link's own address, not a gateway's");
		}
		/* A link-local gateway is on any link. */
		if (!on_link && (four || via.bytes[0] != 0xfe || (via.bytes[1] & 0xc0) != 0x80))
			return reader_fail(r, reader_last(r),
					   "no prefix of this link holds that gateway");
		link->via[link->via_count++] = via;
	} while (reader_takes(r, ","));
	return 0;
}

/* Whether the word so far ahead has one of these letters in it. */
static bool holds(const struct reader *r, uint32_t ahead, const char *letters)
{
	struct reader_word word;

	if (r->next + ahead >= r->count)
		return false;
	word = r->word[r->next + ahead];
	for (size_t i = 0; i < word.length; i++) {
		if (strchr(letters, r->line[word.at + i]))
			return true;
	}
	return false;
}

static int read_space(struct reader *r, struct conf_statement *out)
{
	struct conf_link *link = &out->link;

	if (reader_demand(r, "namespace") < 0)
		return -EINVAL;
	if (reader_sees(r, 0, "pid") && holds(r, 1, "0123456789")) {
		r->next++;
		link->space = CONF_SPACE_PID;
		return value_number(r, 1, PID_MAX, "a process id", &link->space_pid);
	}
	link->space = r->line[reader_here(r).at] == '/' ? CONF_SPACE_PATH : CONF_SPACE_NAME;
	if (link->space == CONF_SPACE_PATH)
		return value_path(r, link->space_name);
	return value_name(r, link->space_name);
}

static int read_mtu(struct reader *r, struct conf_statement *out)
{
	uint32_t least = has_family(&out->link, false) ? MTU_MIN6 : MTU_MIN;

	return value_number(r, least, UINT16_MAX, "an MTU", &out->link.mtu);
}

static int read_take(struct reader *r, struct conf_statement *out)
{
	(void)r;
	out->link.take = true;
	return 0;
}

static int read_mac(struct reader *r, struct conf_statement *out)
{
	uint8_t *mac = out->link.mac;
	char text[sizeof("02:00:00:00:00:01")];
	int end = 0;

	if (value_text(r, text, sizeof(text), "a MAC address") < 0)
		return -EINVAL;
	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &end) != 6 ||
	    end + 1 != (int)sizeof(text))
		return reader_fail(r, reader_last(r),
				   "a MAC address is written like 02:00:00:00:00:01");
	if (mac[0] & 1 || !(mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]))
		return reader_fail(r, reader_last(r),
				   "no station has it: the first byte is even, and not all are 0");
	return 0;
}

static int read_vlan(struct reader *r, struct conf_statement *out)
{
	return value_number(r, 1, VLAN_MAX, "the number of a VLAN", &out->link.vlan);
}

static const struct sentence_clause clauses[] = {
	{ "via", read_via, false, false },	   { "in", read_space, false, false },
	{ "mtu", read_mtu, false, false },	   { "take", read_take, false, false },
	{ "mac", read_mac, false, false },	   { "vlan", read_vlan, false, false },
	{ "named", sentence_named, false, false },
};
/* A tap is ours alone: nobody else is there, and we say what it is like. */
static const struct sentence_clause tap_clauses[] = {
	{ "via", read_via, false, false },
	{ "in", read_space, false, false },
	{ "mtu", read_mtu, false, false },
	{ "named", sentence_named, false, false },
};
/* What a link is without addresses. */
static const struct sentence_clause host_clauses[] = { { "named", sentence_named, false, false } };

/* A keyword before an interface, and not an interface that is called so before its address. */
static bool takes_keyword(struct reader *r, const char *word)
{
	bool result = reader_sees(r, 0, word) && !holds(r, 1, "/");

	r->next += result;
	return result;
}

int linkline_read(struct reader *r, struct conf_statement *out)
{
	struct conf_link *link = &out->link;
	struct reader_word verb = reader_last(r);
	uint32_t first = r->next;

	link->outside = !strncasecmp(r->line + verb.at, "outside", verb.length);
	if (takes_keyword(r, "host")) {
		link->sort = CONF_LINK_HOST;
		reader_mark(r, out, CONF_PART_SUBJECT, first);
		if (!link->outside)
			return reader_fail(r, reader_last(r),
					   "the host's sockets can only be an outside");
		return sentence_clauses(r, out, host_clauses, 1);
	}
	if (takes_keyword(r, "tap"))
		link->sort = CONF_LINK_TAP;
	first = r->next;
	if (value_ifname(r, link->ifname) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	first = r->next;
	if (read_addresses(r, link) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_TARGET, first);
	if (link->sort == CONF_LINK_TAP)
		return sentence_clauses(r, out, tap_clauses,
					sizeof(tap_clauses) / sizeof(tap_clauses[0]));
	return sentence_clauses(r, out, clauses, sizeof(clauses) / sizeof(clauses[0]));
}
