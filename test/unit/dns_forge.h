/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes DNS messages, also such as nobody should. */
#ifndef TEST_UNIT_DNS_FORGE_H
#define TEST_UNIT_DNS_FORGE_H

#include <stdint.h>
#include <string.h>

struct forged {
	uint8_t data[65535];
	size_t len;
};

static inline void forge_16(struct forged *f, unsigned value)
{
	f->data[f->len++] = (uint8_t)(value >> 8);
	f->data[f->len++] = (uint8_t)value;
}

/* The labels of a name, "." for the root. */
static inline void forge_name(struct forged *f, const char *text)
{
	while (*text && strcmp(text, ".") != 0) {
		size_t len = strcspn(text, ".");

		f->data[f->len++] = (uint8_t)len;
		memcpy(f->data + f->len, text, len);
		f->len += len;
		text += len + (text[len] ? 1 : 0);
	}
	f->data[f->len++] = 0;
}

/* A header and one question. */
static inline void forge_question(struct forged *f, const char *name, uint16_t type)
{
	memset(f->data, 0, 12);
	f->data[0] = 0x12;
	f->data[1] = 0x34;
	f->data[2] = 0x01;
	f->data[5] = 1;
	f->len = 12;
	forge_name(f, name);
	forge_16(f, type);
	forge_16(f, 1);
}

/* `section`: 6 answer, 8 authority, 10 additional. */
static inline void forge_count(struct forged *f, unsigned section)
{
	if (++f->data[section + 1] == 0)
		f->data[section]++;
}

static inline void forge_record(struct forged *f, const char *owner, uint16_t type, uint32_t ttl,
				const void *data, size_t len)
{
	forge_count(f, 6);
	forge_name(f, owner);
	forge_16(f, type);
	forge_16(f, 1);
	forge_16(f, ttl >> 16);
	forge_16(f, ttl & 0xffff);
	forge_16(f, (unsigned)len);
	memcpy(f->data + f->len, data, len);
	f->len += len;
}

static inline void forge_a(struct forged *f, const char *owner, uint32_t ttl, uint8_t last)
{
	const uint8_t addr[4] = { 192, 0, 2, last };

	forge_record(f, owner, 1, ttl, addr, 4);
}

static inline void forge_cname(struct forged *f, const char *owner, uint32_t ttl,
			       const char *target)
{
	static struct forged name;

	name.len = 0;
	forge_name(&name, target);
	forge_record(f, owner, 5, ttl, name.data, name.len);
}

static inline void forge_opt(struct forged *f, uint16_t size)
{
	forge_count(f, 10);
	f->data[f->len++] = 0;
	forge_16(f, 41);
	forge_16(f, size);
	memset(f->data + f->len, 0, 6);
	f->len += 6;
}

#endif
