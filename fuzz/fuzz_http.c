/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests from anywhere: the same account however the stream is cut, and a reader who takes
 * things lightly finds no other host in what was let through.
 */
#include "fuzz/streams.h"

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Any white space, and control characters, as sloppy readers trim them. */
static void trim(const uint8_t **at, size_t *len)
{
	while (*len > 0 && (*at)[0] <= ' ') {
		++*at;
		--*len;
	}
	while (*len > 0 && (*at)[*len - 1] <= ' ')
		--*len;
}

static bool is_word(const uint8_t *at, size_t len, const char *word)
{
	for (size_t i = 0; i < len; i++)
		if (lower(at[i]) != (uint8_t)word[i])
			return false;
	return word[len] == '\0';
}

/* Whether the value begins with the name that was told, and no more of a name follows. */
static void same_host(const uint8_t *value, size_t len, const struct inspect_wish *wish)
{
	size_t name_len = strlen(wish->name);

	trim(&value, &len);
	if (len > 0 && value[0] == '[') {
		value++;
		len--;
	}
	expect(len >= name_len);
	for (size_t i = 0; i < name_len; i++)
		expect(lower(value[i]) == (uint8_t)wish->name[i]);
	expect(len == name_len || value[name_len] == ':' || value[name_len] == '.' ||
	       value[name_len] == ']');
}

/* Lines end at a line feed or a lone carriage return, names at a colon, whatever stands around. */
static void look(const uint8_t *bytes, size_t len, const struct inspect_wish *wish)
{
	unsigned hosts = 0;
	unsigned lengths = 0;
	size_t first = 0;

	if (wish->sort != INSPECT_HTTP)
		return;
	for (size_t i = 0; i < len; i++) {
		const uint8_t *line = bytes + first;
		size_t line_len = i - first;
		const uint8_t *colon;
		size_t name_len;

		if (bytes[i] != '\n' && bytes[i] != '\r' && bytes[i] != '\0')
			continue;
		first = i + 1;
		colon = line_len ? memchr(line, ':', line_len) : NULL;
		name_len = colon ? (size_t)(colon - line) : 0;
		trim(&line, &name_len);
		if (is_word(line, name_len, "host")) {
			hosts++;
			same_host(colon + 1, (size_t)(bytes + i - colon - 1), wish);
		}
		lengths += is_word(line, name_len, "content-length") ||
			   is_word(line, name_len, "transfer-encoding");
	}
	expect(hosts <= 1 && lengths <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run_all_ways(data, size, look);
	return 0;
}
