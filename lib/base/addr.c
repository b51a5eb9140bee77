/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses: made, compared, classified, read from and written as text. */
#include "base/addr.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"

#define TEXT_SIZE_MIN 46 /* as INET6_ADDRSTRLEN */

struct minato_addr addr_from4(const uint8_t bytes[4])
{
	return minato_addr4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

bool addr_in_prefix(const struct minato_addr *a,
		    const struct minato_addr *prefix, uint32_t prefix_len)
{
	uint32_t whole = prefix_len / 8;
	uint32_t bits = prefix_len % 8;

	check(prefix_len <= 128);
	if (memcmp(a->bytes, prefix->bytes, whole) != 0)
		return false;
	if (bits == 0)
		return true;
	return (a->bytes[whole] ^ prefix->bytes[whole]) >> (8 - bits) == 0;
}

void addr_mask(struct minato_addr *a, uint32_t prefix_len)
{
	const uint32_t whole = prefix_len / 8;

	check(prefix_len <= 128);
	if (prefix_len == 128)
		return;
	a->bytes[whole] &= (uint8_t)(0xff00u >> prefix_len % 8);
	memset(&a->bytes[whole + 1], 0, 15 - whole);
}

bool addr_is_multicast(const struct minato_addr *a)
{
	if (minato_addr_is4(a))
		return (a->bytes[12] & 0xf0) == 0xe0;
	return a->bytes[0] == 0xff;
}

bool addr_is_broadcast4(const struct minato_addr *a)
{
	const struct minato_addr all = minato_addr4(255, 255, 255, 255);

	return minato_addr_equal(a, &all);
}

bool addr_is_loopback(const struct minato_addr *a)
{
	const struct minato_addr one = { { [15] = 1 } };

	if (minato_addr_is4(a))
		return a->bytes[12] == 127;
	return minato_addr_equal(a, &one);
}

bool addr_is_link_local(const struct minato_addr *a)
{
	if (minato_addr_is4(a))
		return a->bytes[12] == 169 && a->bytes[13] == 254;
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

struct minato_addr minato_addr4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct minato_addr){
		{ [10] = 0xff, [11] = 0xff, a, b, c, d }
	};
}

bool minato_addr_is4(const struct minato_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

bool minato_addr_is_any(const struct minato_addr *a)
{
	static const uint8_t zero[16];

	if (minato_addr_is4(a))
		return memcmp(addr_v4(a), zero, 4) == 0;
	return memcmp(a->bytes, zero, 16) == 0;
}

bool minato_addr_equal(const struct minato_addr *a,
		       const struct minato_addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/*
 * Reads a whole dotted quad up to the end of the text. Leading zeros are
 * refused: some read them as octal.
 */
static bool parse_quad(const char *text, uint8_t out[4])
{
	for (int i = 0; i < 4; i++) {
		uint32_t value = 0;
		uint32_t digits = 0;
		for (; *text >= '0' && *text <= '9'; text++, digits++) {
			if (digits > 0 && value == 0)
				return false;
			value = value * 10 + (uint32_t)(*text - '0');
			if (value > 255)
				return false;
		}
		if (digits == 0 || *text != (i < 3 ? '.' : '\0'))
			return false;
		out[i] = (uint8_t)value;
		text++;
	}
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Reads 1..4 hexadecimal digits; returns what follows them, NULL if none. */
static const char *parse_group(const char *text, uint8_t out[2])
{
	uint32_t value = 0;
	uint32_t digits = 0;

	for (; digits < 4 && hex_value(*text) >= 0; text++, digits++)
		value = value << 4 | (uint32_t)hex_value(*text);
	if (digits == 0)
		return NULL;
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
	return text;
}

/* What has been read of an IPv6 address (RFC 4291 2.2). */
struct text6 {
	uint8_t bytes[16];
	uint32_t len; /* bytes read */
	int gap;      /* where "::" stood, or -1 */
};

/* Reads one group or a closing quad. Returns what follows, NULL if wrong. */
static const char *parse_piece(const char *text, struct text6 *t)
{
	const char *end;

	if (t->len <= 12 && parse_quad(text, t->bytes + t->len)) {
		t->len += 4;
		return ""; /* a quad is read to the end of the text */
	}
	if (t->len == 16)
		return NULL;
	end = parse_group(text, t->bytes + t->len);
	if (end == NULL || (*end != ':' && *end != '\0'))
		return NULL;
	t->len += 2;
	return end;
}

/* Skips the colons after a piece, noting "::". NULL if they are wrong. */
static const char *parse_colons(const char *text, struct text6 *t)
{
	if (text[0] == '\0')
		return text;
	if (text[1] == ':') {
		if (t->gap >= 0)
			return NULL;
		t->gap = (int)t->len;
		return text + 2;
	}
	return text[1] == '\0' ? NULL : text + 1;
}

static bool parse6(const char *text, struct minato_addr *out)
{
	struct text6 t = { .gap = -1 };

	if (text[0] == ':') {
		if (text[1] != ':')
			return false;
		t.gap = 0;
		text += 2;
	}
	while (text != NULL && *text != '\0') {
		text = parse_piece(text, &t);
		if (text != NULL)
			text = parse_colons(text, &t);
	}
	/* "::" stands for one group or more, and only it for any. */
	if (text == NULL || (t.gap < 0 ? t.len != 16 : t.len > 14))
		return false;

	uint32_t head = t.gap < 0 ? 16 : (uint32_t)t.gap;
	uint32_t tail = t.len - head;
	*out = (struct minato_addr){ 0 };
	memcpy(out->bytes, t.bytes, head);
	memcpy(out->bytes + 16 - tail, t.bytes + head, tail);
	return true;
}

int minato_addr_parse(const char *text, struct minato_addr *out)
{
	uint8_t quad[4];

	if (parse_quad(text, quad)) {
		*out = addr_from4(quad);
		return 0;
	}
	return parse6(text, out) ? 0 : -EINVAL;
}

static char *put_decimal(char *out, uint32_t value)
{
	if (value >= 100)
		*out++ = (char)('0' + value / 100);
	if (value >= 10)
		*out++ = (char)('0' + value / 10 % 10);
	*out++ = (char)('0' + value % 10);
	return out;
}

static char *put_group(char *out, const uint8_t group[2])
{
	uint32_t value = (uint32_t)group[0] << 8 | group[1];
	int shift = 12;

	while (shift > 0 && value >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*out++ = "0123456789abcdef"[value >> shift & 15];
	return out;
}

/* The groups that "::" replaces: the longest run of two zeros or more, the
   first of equals (RFC 5952 4.2). */
static void find_gap(const uint8_t bytes[16], int *first, int *count)
{
	int run = 0;

	*first = -1;
	*count = 1;
	for (int i = 0; i < 8; i++) {
		run = bytes[2 * i] | bytes[2 * i + 1] ? 0 : run + 1;
		if (run > *count) {
			*count = run;
			*first = i - run + 1;
		}
	}
}

static char *put6(char *out, const uint8_t bytes[16])
{
	int gap, gap_count;

	find_gap(bytes, &gap, &gap_count);
	for (int i = 0; i < 8;) {
		if (i == gap) {
			*out++ = ':';
			*out++ = ':';
			i += gap_count;
			continue;
		}
		if (i > 0 && i != gap + gap_count)
			*out++ = ':';
		out = put_group(out, bytes + 2 * i);
		i++;
	}
	return out;
}

size_t minato_addr_format(const struct minato_addr *a, char *out, size_t size)
{
	char *end = out;

	check(size >= TEXT_SIZE_MIN);
	if (minato_addr_is4(a)) {
		for (int i = 0; i < 4; i++) {
			if (i > 0)
				*end++ = '.';
			end = put_decimal(end, addr_v4(a)[i]);
		}
	} else {
		end = put6(end, a->bytes);
	}
	*end = '\0';
	return (size_t)(end - out);
}
