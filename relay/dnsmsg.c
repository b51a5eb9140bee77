/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a DNS message that a forwarder needs: header and first question. */
#include "relay/relay.h"

#include <string.h>

/* Header (RFC 1035 4.1.1): id, flags, four counts. */
#define FLAGS_HIGH 2u /* QR, opcode, AA, TC, RD */
#define FLAGS_LOW 3u  /* RA, Z, AD, CD, rcode */
#define QDCOUNT 4u
#define QR 0x80u
#define TC 0x02u
#define OPCODE 0x78u
#define RD 0x01u
#define CD 0x10u
#define LABEL_MAX                                                                                  \
	63u /* above: a compression pointer (4.1.4), which a first question has no use for */

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Where the question that begins after the header ends, or 0. */
static size_t question_end(const uint8_t *data, size_t len)
{
	size_t at = DNSMSG_HEADER;

	while (at < len && data[at] != 0) {
		if (data[at] > LABEL_MAX)
			return 0;
		at += 1u + data[at];
		/* The final zero counts too. */
		if (at - DNSMSG_HEADER + 1 > DNSMSG_NAME_MAX)
			return 0;
	}
	at += 1 + 4; /* the zero, type and class */
	return at <= len ? at : 0;
}

bool dnsmsg_parse(const uint8_t *data, size_t len, struct dnsmsg *out)
{
	if (len < DNSMSG_HEADER)
		return false;
	out->id = get16(data);
	out->response = data[FLAGS_HIGH] & QR;
	out->truncated = data[FLAGS_HIGH] & TC;
	out->opcode = (data[FLAGS_HIGH] & OPCODE) >> 3;
	out->rcode = data[FLAGS_LOW] & 0x0f;
	out->questions = get16(data + QDCOUNT);
	out->question_end = out->questions > 0 ? question_end(data, len) : 0;
	return true;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool dnsmsg_same_question(const uint8_t *a, const uint8_t *b, const struct dnsmsg *ma,
			  const struct dnsmsg *mb)
{
	size_t end = ma->question_end;

	if (end == 0 || end != mb->question_end)
		return false;
	/* Lengths of labels are below 'A', so one fold serves them and the letters. */
	for (size_t i = DNSMSG_HEADER; i < end - 4; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return memcmp(a + end - 4, b + end - 4, 4) == 0;
}

void dnsmsg_set_id(uint8_t *data, uint16_t id)
{
	data[0] = (uint8_t)(id >> 8);
	data[1] = (uint8_t)id;
}

/* Header and question are all that stays: the other counts are nought. */
static size_t keep_question(uint8_t *data, const struct dnsmsg *m)
{
	memset(data + QDCOUNT, 0, DNSMSG_HEADER - QDCOUNT);
	if (m->question_end == 0)
		return DNSMSG_HEADER;
	data[QDCOUNT + 1] = 1;
	return m->question_end;
}

size_t dnsmsg_excuse(const uint8_t *query, const struct dnsmsg *m, enum dnsmsg_rcode rcode,
		     uint8_t *out)
{
	memmove(out, query, m->question_end ? m->question_end : DNSMSG_HEADER);
	out[FLAGS_HIGH] = (uint8_t)(QR | (query[FLAGS_HIGH] & (OPCODE | RD)));
	out[FLAGS_LOW] = (uint8_t)((query[FLAGS_LOW] & CD) | (unsigned)rcode);
	return keep_question(out, m);
}

size_t dnsmsg_truncate(uint8_t *data, const struct dnsmsg *m)
{
	data[FLAGS_HIGH] |= TC;
	return keep_question(data, m);
}
