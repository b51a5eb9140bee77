/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and records of a DNS message, whoever wrote it (RFC 1035 4.1). */
#include "relay/permit.h"

#include <string.h>

#define POINTER 0xc0u
#define FIXED 10u /* type, class, TTL and length of a record */

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static char letter(uint8_t c, bool *strange)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c + ('a' - 'A'));
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
		return (char)c;
	*strange = true;
	return '?';
}

/* One label with the dot before it. False: the name is too long. */
static bool append(struct dnsname *out, size_t *used, const uint8_t *label, size_t len)
{
	if (*used + (*used ? 1 : 0) + len > RELAY_NAME_MAX)
		return false;
	if (*used)
		out->text[(*used)++] = '.';
	for (size_t i = 0; i < len; i++)
		out->text[(*used)++] = letter(label[i], &out->strange);
	return true;
}

bool dnswalk_name(const uint8_t *data, size_t len, size_t *at, struct dnsname *out)
{
	size_t limit = len; /* a pointer leads to before what it stands in */
	size_t here = *at;
	size_t begin = here;
	size_t used = 0;
	bool jumped = false;

	out->strange = false;
	while (here < limit && data[here] != 0) {
		uint8_t size = data[here];

		if ((size & POINTER) == POINTER) {
			size_t to;

			if (here + 2 > len)
				return false;
			to = get16(data + here) & 0x3fffu;
			if (to >= begin || to < DNSMSG_HEADER)
				return false;
			if (!jumped)
				*at = here + 2;
			jumped = true;
			limit = len;
			here = begin = to;
			continue;
		}
		if (size & POINTER || here + 1 + size >= limit ||
		    !append(out, &used, data + here + 1, size))
			return false;
		here += 1u + size;
	}
	if (here >= limit)
		return false;
	if (!jumped)
		*at = here + 1;
	out->text[used] = '\0';
	return true;
}

bool dnswalk_record(const uint8_t *data, size_t len, size_t *at, struct dnsrecord *out)
{
	const uint8_t *fixed;

	if (!dnswalk_name(data, len, at, &out->owner) || len - *at < FIXED)
		return false;
	fixed = data + *at;
	out->type = get16(fixed);
	out->class = get16(fixed + 2);
	out->ttl = (uint32_t)get16(fixed + 4) << 16 | get16(fixed + 6);
	out->data_len = get16(fixed + 8);
	*at += FIXED;
	if (len - *at < out->data_len)
		return false;
	out->data = *at;
	*at += out->data_len;
	return true;
}
