/* SPDX-License-Identifier: BSD-2-Clause */
/* A question of the guest, the same in our own words, and a refusal of it. */
#include "relay/permit.h"

#include <string.h>

/* Header (RFC 1035 4.1.1). */
#define FLAGS_HIGH 2u
#define FLAGS_LOW 3u
#define QDCOUNT 4u
#define ANCOUNT 6u
#define NSCOUNT 8u
#define ARCOUNT 10u
#define RD 0x01u
#define RA 0x80u

#define DATAGRAM_MIN 512u  /* RFC 1035 2.3.4 */
#define DATAGRAM_MAX 4096u /* what we ask for, whatever the guest takes */
#define OPT_SIZE 11u
#define OPTION_EDE 15u
#define ADDITIONAL_MAX 8u /* records among which an OPT is looked for */

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The OPT record, wherever it stands behind the question. What cannot be read has none. */
static void find_edns(const uint8_t *data, size_t len, size_t at, struct dnsask *out)
{
	uint32_t count =
		(uint32_t)get16(data + ANCOUNT) + get16(data + NSCOUNT) + get16(data + ARCOUNT);
	struct dnsrecord record;

	for (uint32_t i = 0; i < count && i < ADDITIONAL_MAX; i++) {
		if (!dnswalk_record(data, len, &at, &record))
			return;
		if (record.type != DNSMSG_TYPE_OPT)
			continue;
		out->edns = true;
		out->version = (uint8_t)(record.ttl >> 16);
		out->answer_max = record.class;
		if (out->answer_max < DATAGRAM_MIN)
			out->answer_max = DATAGRAM_MIN;
		return;
	}
}

bool dnsask_read(const uint8_t *data, size_t len, const struct dnsmsg *m, struct dnsask *out)
{
	size_t at = DNSMSG_HEADER;

	memset(out, 0, sizeof(*out));
	out->answer_max = DATAGRAM_MIN;
	if (m->question_end == 0 || !dnswalk_name(data, len, &at, &out->name) ||
	    at + 4 != m->question_end)
		return false;
	out->type = get16(data + at);
	out->class = get16(data + at + 2);
	find_edns(data, len, m->question_end, out);
	return true;
}

/* The name in labels; its length. */
static size_t put_name(uint8_t *out, const char *text)
{
	size_t used = 0;

	while (*text) {
		size_t len = strcspn(text, ".");

		out[used++] = (uint8_t)len;
		memcpy(out + used, text, len);
		used += len;
		text += len + (text[len] ? 1 : 0);
	}
	out[used++] = 0;
	return used;
}

static size_t put_opt(uint8_t *out, uint16_t size)
{
	memset(out, 0, OPT_SIZE);
	put16(out + 1, DNSMSG_TYPE_OPT);
	put16(out + 3, size);
	return OPT_SIZE;
}

size_t dnsask_write(const struct dnsask *ask, const uint8_t *query, uint8_t *out)
{
	size_t len = DNSMSG_HEADER;

	memset(out, 0, DNSMSG_HEADER);
	memcpy(out, query, 2);
	out[FLAGS_HIGH] = query[FLAGS_HIGH] & RD;
	out[QDCOUNT + 1] = 1;
	len += put_name(out + len, ask->name.text);
	put16(out + len, ask->type);
	put16(out + len + 2, ask->class);
	len += 4;
	if (!ask->edns)
		return len;
	out[ARCOUNT + 1] = 1;
	return len + put_opt(out + len, DATAGRAM_MAX);
}

size_t dnsask_refuse(const struct dnsask *ask, const uint8_t *query, const struct dnsmsg *m,
		     uint8_t rcode, uint16_t why, uint8_t *out)
{
	size_t len = dnsmsg_excuse(query, m, DNSMSG_REFUSED, out);

	out[FLAGS_LOW] = (uint8_t)((out[FLAGS_LOW] & 0xf0) | RA | (rcode & 0x0f));
	if (!ask->edns)
		return len;
	out[ARCOUNT + 1] = 1;
	len += put_opt(out + len, DATAGRAM_MAX);
	out[len - 6] = rcode >> 4; /* RFC 6891 6.1.3 */
	if (why == DNSMSG_WHY_NONE)
		return len;
	out[len - 1] = 6;
	put16(out + len, OPTION_EDE);
	put16(out + len + 2, 2);
	put16(out + len + 4, why);
	return len + 6;
}
