/* SPDX-License-Identifier: BSD-2-Clause */
/* What an answer of the DNS says of addresses, and as much of it as goes on to the guest. */
#include "relay/permit.h"

#include <string.h>

#define FLAGS_HIGH 2u
#define FLAGS_LOW 3u
#define QDCOUNT 4u
#define ANCOUNT 6u
#define ARCOUNT 10u
#define QR 0x80u
#define RD 0x01u
#define RA 0x80u
#define POINTER 0xc0u
#define OPT_SIZE 11u
#define DATAGRAM_MAX 4096u

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* ---- reading ---- */

/* A TTL with the highest bit set is none (RFC 2181 8). */
static uint32_t clip(uint32_t ttl)
{
	if (ttl > INT32_MAX)
		return 0;
	return ttl < DNSANSWER_TTL_MAX ? ttl : DNSANSWER_TTL_MAX;
}

/* Where the answer section is, how many of its records are looked at. */
struct section {
	const uint8_t *data;
	size_t len, begin;
	uint32_t count;
	uint16_t type;
};

/* Whether the record is of this name, in the one class that there is. */
static bool is_of(const struct dnsrecord *record, const struct dnsname *name)
{
	return record->class == DNSMSG_CLASS_IN && !record->owner.strange &&
	       strcmp(record->owner.text, name->text) == 0;
}

static bool is_seen(const struct dnsanswer *out, const char *name)
{
	for (size_t i = 0; i < out->chain_count; i++) {
		if (strcmp(out->chain[i].text, name) == 0)
			return true;
	}
	return false;
}

/*
 * Goes on along the CNAME of the last name. 1: a step was made; 0: there is none; -1: it cannot be
 * followed.
 */
static int follow(const struct section *s, struct dnsanswer *out)
{
	size_t last = out->chain_count - 1;
	size_t at = s->begin;

	for (uint32_t i = 0; i < s->count; i++) {
		struct dnsrecord record;
		struct dnsname target;
		size_t data;

		if (!dnswalk_record(s->data, s->len, &at, &record))
			return -1;
		if (record.type != DNSMSG_TYPE_CNAME || !is_of(&record, &out->chain[last]))
			continue;
		data = record.data;
		if (!dnswalk_name(s->data, s->len, &data, &target) ||
		    data != record.data + record.data_len || target.strange ||
		    target.text[0] == '\0' || out->chain_count == DNSANSWER_CHAIN ||
		    is_seen(out, target.text))
			return -1;
		out->chain_ttl[last] = clip(record.ttl);
		out->chain[out->chain_count++] = target;
		return 1;
	}
	return 0;
}

static void take_address(const struct section *s, const struct dnsrecord *record,
			 struct dnsanswer *out)
{
	struct minato_addr *addr = &out->addrs[out->addr_count];
	const uint8_t *data = s->data + record->data;

	if (out->addr_count == DNSANSWER_ADDRS) {
		out->passed_over++;
		return;
	}
	if (record->type == DNSMSG_TYPE_A)
		*addr = minato_addr4(data[0], data[1], data[2], data[3]);
	else
		memcpy(addr->bytes, data, sizeof(addr->bytes));
	/* IPv4 in the disguise of IPv6 is nobody's address (RFC 4291 2.5.5.2). */
	if (record->type == DNSMSG_TYPE_AAAA && minato_addr_is4(addr)) {
		out->passed_over++;
		return;
	}
	out->ttl[out->addr_count++] = clip(record->ttl);
}

/* The addresses of the last name. False: a record cannot be read. */
static bool collect(const struct section *s, struct dnsanswer *out)
{
	const struct dnsname *last = &out->chain[out->chain_count - 1];
	size_t wanted = s->type == DNSMSG_TYPE_A ? 4 : 16;
	size_t at = s->begin;

	for (uint32_t i = 0; i < s->count; i++) {
		struct dnsrecord record;

		if (!dnswalk_record(s->data, s->len, &at, &record))
			return false;
		if (record.type == s->type && record.data_len == wanted && is_of(&record, last))
			take_address(s, &record, out);
		else if (record.type != DNSMSG_TYPE_CNAME)
			out->passed_over++;
	}
	return true;
}

bool dnsanswer_read(const uint8_t *data, size_t len, const struct dnsmsg *m,
		    const struct dnsask *ask, struct dnsanswer *out)
{
	struct section s = { data, len, m->question_end, get16(data + ANCOUNT), ask->type };
	int step;

	out->chain_count = 1;
	out->chain[0] = ask->name;
	out->chain_ttl[0] = 0;
	out->addr_count = 0;
	out->passed_over = 0;
	if (m->question_end == 0 || ask->name.strange ||
	    (ask->type != DNSMSG_TYPE_A && ask->type != DNSMSG_TYPE_AAAA))
		return false;
	if (s.count > DNSANSWER_RECORDS)
		s.count = DNSANSWER_RECORDS;
	do
		step = follow(&s, out);
	while (step > 0);
	return step == 0 && collect(&s, out);
}

/* ---- writing ---- */

struct writing {
	uint8_t *out;
	size_t used;
};

static void put16(struct writing *w, unsigned value)
{
	w->out[w->used++] = (uint8_t)(value >> 8);
	w->out[w->used++] = (uint8_t)value;
}

static void put_name(struct writing *w, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, ".");

		w->out[w->used++] = (uint8_t)len;
		memcpy(w->out + w->used, text, len);
		w->used += len;
		text += len + (text[len] ? 1 : 0);
	}
	w->out[w->used++] = 0;
}

/* All but the data: the owner is the name that stands at `owner`. */
static void put_record(struct writing *w, size_t owner, uint16_t type, uint32_t ttl)
{
	put16(w, POINTER << 8 | (unsigned)owner);
	put16(w, type);
	put16(w, DNSMSG_CLASS_IN);
	put16(w, ttl >> 16);
	put16(w, ttl & 0xffff);
}

static void put_chain(struct writing *w, const struct dnsanswer *answer, size_t *owner)
{
	for (size_t i = 0; i + 1 < answer->chain_count; i++) {
		size_t length;

		put_record(w, *owner, DNSMSG_TYPE_CNAME, answer->chain_ttl[i]);
		length = w->used;
		put16(w, 0);
		*owner = w->used;
		put_name(w, answer->chain[i + 1].text);
		w->out[length] = (uint8_t)((w->used - *owner) >> 8);
		w->out[length + 1] = (uint8_t)(w->used - *owner);
	}
}

static void put_addresses(struct writing *w, const struct dnsanswer *answer, size_t owner)
{
	for (size_t i = 0; i < answer->addr_count; i++) {
		const struct minato_addr *addr = &answer->addrs[i];
		bool four = minato_addr_is4(addr);
		size_t size = four ? 4 : 16;

		put_record(w, owner, four ? DNSMSG_TYPE_A : DNSMSG_TYPE_AAAA, answer->ttl[i]);
		put16(w, (unsigned)size);
		memcpy(w->out + w->used, addr->bytes + (16 - size), size);
		w->used += size;
	}
}

size_t dnsanswer_write(const struct dnsanswer *answer, const struct dnsask *ask,
		       const uint8_t *query, const struct dnsmsg *m, uint8_t rcode, uint8_t *out)
{
	struct writing w = { out, m->question_end };
	size_t count = answer->chain_count - 1 + answer->addr_count;
	size_t owner = DNSMSG_HEADER;

	_Static_assert(DNSANSWER_MAX >= DNSMSG_HEADER + DNSMSG_NAME_MAX + 4 +
						DNSANSWER_CHAIN * (12 + DNSMSG_NAME_MAX) +
						DNSANSWER_ADDRS * (12 + 16) + OPT_SIZE,
		       "the longest answer has room");
	memcpy(out, query, m->question_end);
	memset(out + FLAGS_HIGH, 0, DNSMSG_HEADER - FLAGS_HIGH);
	out[FLAGS_HIGH] = (uint8_t)(QR | (query[FLAGS_HIGH] & RD));
	out[FLAGS_LOW] = (uint8_t)(RA | rcode);
	out[QDCOUNT + 1] = 1;
	out[ANCOUNT] = (uint8_t)(count >> 8);
	out[ANCOUNT + 1] = (uint8_t)count;
	put_chain(&w, answer, &owner);
	put_addresses(&w, answer, owner);
	if (!ask->edns)
		return w.used;
	out[ARCOUNT + 1] = 1;
	w.out[w.used++] = 0;
	put16(&w, DNSMSG_TYPE_OPT);
	put16(&w, DATAGRAM_MAX);
	memset(out + w.used, 0, 6);
	return w.used + 6;
}
