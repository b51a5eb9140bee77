/* SPDX-License-Identifier: BSD-2-Clause */
/* How names of services are spelled, compared and hashed. */
#include "names/names.h"

#define NAME_MAX 15
#define HASH_START 0x811c9dc5u
#define HASH_FACTOR 0x01000193u

static bool is_letter(char c)
{
	c = names_lower(c);
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

char names_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool names_equal(const char *name, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!name[i] || names_lower(name[i]) != names_lower(text[i]))
			return false;
	}
	return !name[len];
}

bool names_same(const char *a, const char *b)
{
	for (; names_lower(*a) == names_lower(*b); a++, b++) {
		if (!*a)
			return true;
	}
	return false;
}

uint32_t names_scramble(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	return x ^ x >> 16;
}

uint32_t names_hash(const char *name)
{
	uint32_t h = HASH_START;

	for (; *name; name++)
		h = (h ^ (uint8_t)names_lower(*name)) * HASH_FACTOR;
	return names_scramble(h);
}

/* What is wrong with the character at `i`. */
static enum minato_service_fault fault_at(const char *name, size_t i)
{
	if (name[i] != '-') {
		if (is_letter(name[i]) || is_digit(name[i]))
			return MINATO_SERVICE_FINE;
		return MINATO_SERVICE_CHARACTER;
	}
	if (i == 0 || !name[i + 1])
		return MINATO_SERVICE_EDGE;
	if (name[i + 1] == '-')
		return MINATO_SERVICE_HYPHENS;
	return MINATO_SERVICE_FINE;
}

/* RFC 6335 5.1. */
enum minato_service_fault minato_service_name_check(const char *name,
						    size_t *where)
{
	enum minato_service_fault fault = MINATO_SERVICE_FINE;
	bool lettered = false;
	size_t i = 0;

	for (; name[i] && fault == MINATO_SERVICE_FINE; i++) {
		fault = fault_at(name, i);
		lettered = lettered || is_letter(name[i]);
	}
	if (fault != MINATO_SERVICE_FINE)
		i--;
	else if (i == 0)
		fault = MINATO_SERVICE_EMPTY;
	else if (!lettered)
		fault = MINATO_SERVICE_LETTERLESS;
	else if (i > NAME_MAX)
		fault = MINATO_SERVICE_LONG;
	if (where)
		*where = i;
	return fault;
}

const char *minato_service_fault_text(enum minato_service_fault fault)
{
	static const char *const texts[] = {
#define X(name, text) [MINATO_SERVICE_##name] = text,
		MINATO_SERVICE_FAULTS(X)
#undef X
	};

	return texts[fault];
}
