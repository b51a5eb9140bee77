/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DNS messages from anywhere: parsed, compared, excused and cut without a step beyond their end;
 * questions in our words, and of answers as much as goes on.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relay/permit.h"
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

/* What we ask is what was asked, and reads back to itself. */
static void check_ask(const struct dnsask *ask, const uint8_t *data, const struct dnsmsg *m)
{
	uint8_t out[DNSASK_MAX];
	struct dnsask again;
	struct dnsmsg m2;
	size_t len = dnsask_refuse(ask, data, m, DNSMSG_NXDOMAIN, DNSMSG_WHY_FILTERED, out);

	demand(len <= sizeof(out) && dnsmsg_parse(out, len, &m2));
	demand(m2.response && m2.rcode == DNSMSG_NXDOMAIN);
	demand(dnsmsg_same_question(data, out, m, &m2));
	if (ask->name.strange)
		return;
	len = dnsask_write(ask, data, out);
	demand(len <= sizeof(out) && dnsmsg_parse(out, len, &m2) && !m2.response);
	demand(dnsmsg_same_question(data, out, m, &m2));
	demand(dnsask_read(out, len, &m2, &again));
	demand(again.type == ask->type && again.class == ask->class && again.edns == ask->edns);
	demand(strcmp(again.name.text, ask->name.text) == 0);
}

/* Every address that goes on is of the chain that began with the question. */
static void check_answer(const struct dnsanswer *answer, const struct dnsask *ask,
			 const uint8_t *data, const struct dnsmsg *m)
{
	static uint8_t out[DNSANSWER_MAX];
	static struct dnsanswer again;
	struct dnsmsg m2;
	size_t len = dnsanswer_write(answer, ask, data, m, 0, out);

	demand(answer->chain_count >= 1 && answer->chain_count <= DNSANSWER_CHAIN);
	demand(answer->addr_count <= DNSANSWER_ADDRS);
	demand(strcmp(answer->chain[0].text, ask->name.text) == 0);
	for (size_t i = 0; i < answer->addr_count; i++) {
		demand(minato_addr_is4(&answer->addrs[i]) == (ask->type == DNSMSG_TYPE_A));
		demand(answer->ttl[i] <= DNSANSWER_TTL_MAX);
	}
	demand(len <= sizeof(out) && dnsmsg_parse(out, len, &m2));
	demand(dnsanswer_read(out, len, &m2, ask, &again));
	demand(again.chain_count == answer->chain_count);
	demand(again.addr_count == answer->addr_count && again.passed_over == 0);
	demand(memcmp(again.addrs, answer->addrs, answer->addr_count * sizeof(answer->addrs[0])) ==
	       0);
}

static void check_words(const uint8_t *data, size_t size, const struct dnsmsg *m)
{
	static struct dnsanswer answer;
	struct dnsask ask;

	if (!dnsask_read(data, size, m, &ask))
		return;
	demand(strlen(ask.name.text) <= RELAY_NAME_MAX && ask.answer_max >= 512);
	check_ask(&ask, data, m);
	/* As an answer to itself, of both types that are followed. */
	for (int i = 0; i < 2; i++) {
		ask.type = i ? DNSMSG_TYPE_AAAA : DNSMSG_TYPE_A;
		if (dnsanswer_read(data, size, m, &ask, &answer))
			check_answer(&answer, &ask, data, m);
	}
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

	check_words(data, size, &m);
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
