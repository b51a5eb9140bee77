/* SPDX-License-Identifier: BSD-2-Clause */
/* What the words of scan.h are called. */
#include "port/scan.h"

#include <errno.h>

const char *minato_scan_kind_name(enum minato_scan_kind kind)
{
	static const char *const names[MINATO_SCAN_KIND_COUNT] = {
#define X(name, text) [MINATO_SCAN_##name] = text,
		MINATO_SCAN_KINDS(X)
#undef X
	};

	return (uint32_t)kind < MINATO_SCAN_KIND_COUNT ? names[kind] : NULL;
}

const char *minato_scan_tool_name(enum minato_scan_tool tool)
{
	static const char *const names[MINATO_SCAN_TOOL_COUNT] = {
#define X(name, text) [MINATO_SCAN_TOOL_##name] = text,
		MINATO_SCAN_TOOLS(X)
#undef X
	};

	return (uint32_t)tool < MINATO_SCAN_TOOL_COUNT ? names[tool] : NULL;
}

const char *minato_scan_pattern_name(enum minato_scan_pattern pattern)
{
	static const char *const names[MINATO_SCAN_PATTERN_COUNT] = {
#define X(name, text) [MINATO_SCAN_PATTERN_##name] = text,
		MINATO_SCAN_PATTERNS(X)
#undef X
	};

	return (uint32_t)pattern < MINATO_SCAN_PATTERN_COUNT ? names[pattern] :
							       NULL;
}

const char *minato_scan_answer_name(enum minato_scan_answer answer)
{
	static const char *const names[MINATO_SCAN_ANSWER_COUNT] = {
#define X(name, text) [MINATO_SCAN_ANSWER_##name] = text,
		MINATO_SCAN_ANSWERS(X)
#undef X
	};

	return (uint32_t)answer < MINATO_SCAN_ANSWER_COUNT ? names[answer] :
							     NULL;
}

static bool same_word(const char *a, const char *b)
{
	while (*a != 0 && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

int minato_scan_answer_by_name(const char *name)
{
	for (uint32_t i = 0; i < MINATO_SCAN_ANSWER_COUNT; i++)
		if (same_word(name, minato_scan_answer_name(
					    (enum minato_scan_answer)i)))
			return (int)i;
	return -EINVAL;
}
