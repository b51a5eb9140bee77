/* SPDX-License-Identifier: BSD-2-Clause */
/* DNS messages from anywhere: parsed, compared, excused and cut without a step beyond their end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relay/relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

/* What the relay makes itself must be readable to itself, and be no longer than what came. */
static void check_own(const uint8_t *data, size_t len, size_t size_max, bool has_question)
{
	struct dnsmsg m;

	demand(len <= size_max && dnsmsg_parse(data, len, &m));
	demand(m.response && m.questions == (has_question ? 1 : 0));
	demand((m.question_end != 0) == has_question);
	demand(!has_question || m.question_end == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dnsmsg m;
	struct dnsmsg again;
	uint8_t *copy;
	size_t len;

	if (!dnsmsg_parse(data, size, &m)) {
		demand(size < DNSMSG_HEADER);
		return 0;
	}
	demand(m.question_end <= size);
	demand(m.question_end == 0 || m.questions > 0);
	demand(dnsmsg_same_question(data, data, &m, &m) == (m.question_end != 0));

	/* Copies of the very size, so that a step beyond is seen. */
	copy = malloc(size);
	if (!copy)
		return 0;
	len = dnsmsg_excuse(data, &m, DNSMSG_SERVFAIL, copy);
	check_own(copy, len, size, m.question_end != 0);
	if (m.question_end) {
		demand(dnsmsg_parse(copy, len, &again));
		demand(dnsmsg_same_question(data, copy, &m, &again));
	}
	memcpy(copy, data, size);
	copy[2] |= 0x80;
	len = dnsmsg_truncate(copy, &m);
	check_own(copy, len, size, m.question_end != 0);
	free(copy);
	return 0;
}
