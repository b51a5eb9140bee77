/* SPDX-License-Identifier: BSD-2-Clause */
/* nat: the settings of struct minato_nat. */
#include "conf/reader.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

/* As the engine has them. */
#define SPAN_MAX (30u * 86400u)
#define REST_MAX (7u * 86400u)
#define COUNT_MAX 100000000u
#define RESTS_MAX (1u << 24)

const char *const natline_filters[3] = {
	"endpoint-independent",
	"address-dependent",
	"address-and-port-dependent",
};
/* The same shorter, in the same order. */
static const char *const filter_words[] = {
	"endpoint-independent",
	"address-dependent",
	"address-and-port-dependent",
	"endpoint",
	"address",
	"address-and-port",
};

static const struct {
	const char *words;
	enum conf_nat_value value;
} settings[CONF_NAT_KEY_COUNT] = {
#define X(name, words, value) { words, CONF_NAT_##value },
	CONF_NAT_KEYS(X)
#undef X
};

const char *natline_words(enum conf_nat_key key)
{
	return settings[key].words;
}

enum conf_nat_value natline_value(enum conf_nat_key key)
{
	return settings[key].value;
}

/* Takes the words of a setting that is a count, or that is not; "at most" with the latter. */
static int take_key(struct reader *r, bool counts)
{
	const char *words[CONF_NAT_KEY_COUNT + 1];
	int keys[CONF_NAT_KEY_COUNT + 1];
	size_t count = 0;
	int which;

	for (int i = 0; i < CONF_NAT_KEY_COUNT; i++) {
		if ((settings[i].value == CONF_NAT_COUNT) != counts)
			continue;
		words[count] = settings[i].words;
		keys[count++] = i;
	}
	if (!counts) {
		words[count] = "at most";
		keys[count++] = CONF_NAT_KEY_COUNT;
	}
	which = reader_phrase(r, words, count);
	return which < 0 ? which : keys[which];
}

/* The least value that an RFC or the engine allows for a timer. */
static uint32_t least(enum conf_nat_key key)
{
	if (key == CONF_NAT_UDP_TIMEOUT)
		return 120; /* RFC 4787 REQ-5 */
	if (key == CONF_NAT_ESTABLISHED_TIMEOUT)
		return 7440; /* RFC 5382 REQ-5 */
	if (key == CONF_NAT_OPENING_TIMEOUT || key == CONF_NAT_CLOSING_TIMEOUT ||
	    key == CONF_NAT_RESET_TIMEOUT)
		return 240; /* RFC 5382 REQ-5, RFC 7857 2.1 and 2.2 */
	if (key == CONF_NAT_OTHER_TIMEOUT)
		return 120; /* RFC 6092 3.2.2 */
	if (key == CONF_NAT_ICMP_TIMEOUT)
		return 60; /* RFC 5508 REQ-2 */
	return key == CONF_NAT_SYN_TIMEOUT ? 6 : 1;
}

static int read_timer(struct reader *r, struct conf_nat *nat)
{
	bool can_be_off = nat->key == CONF_NAT_UDP_SHORT_TIMEOUT ||
			  nat->key == CONF_NAT_REST_TIMEOUT || nat->key == CONF_NAT_SYN_TIMEOUT;

	nat->value = 0;
	if (can_be_off && reader_takes(r, "off"))
		return 0;
	return value_span(r, least(nat->key),
			  nat->key == CONF_NAT_REST_TIMEOUT ? REST_MAX : SPAN_MAX, &nat->value);
}

static int read_value(struct reader *r, struct conf_nat *nat)
{
	static const char *const switches[] = { "off", "on" };
	int word;

	switch (settings[nat->key].value) {
	case CONF_NAT_FILTER:
		word = reader_phrase(r, filter_words,
				     sizeof(filter_words) / sizeof(filter_words[0]));
		nat->value = (uint32_t)word % 3;
		return word;
	case CONF_NAT_SWITCH:
		word = reader_phrase(r, switches, 2);
		nat->value = (uint32_t)word;
		return word;
	case CONF_NAT_TIMER:
		return read_timer(r, nat);
	case CONF_NAT_COUNT:
		break;
	}
	return 0;
}

int natline_read(struct reader *r, struct conf_statement *out)
{
	struct conf_nat *nat = &out->nat;
	uint32_t first = r->next;
	int key = take_key(r, false);

	if (key == CONF_NAT_KEY_COUNT) {
		if (!reader_takes(r, "unlimited") &&
		    value_number(r, 1, COUNT_MAX, "a bound (or unlimited)", &nat->value) < 0)
			return -EINVAL;
		key = take_key(r, true);
	}
	if (key < 0)
		return key;
	nat->key = (enum conf_nat_key)key;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	/* Ports at rest are kept in memory. */
	if (nat->key == CONF_NAT_RESTS_MAX && (nat->value == 0 || nat->value > RESTS_MAX))
		return reader_fail(r, r->word[first + 2], "at most %u ports can rest", RESTS_MAX);
	return read_value(r, nat) < 0 ? -EINVAL : 0;
}

const char *conf_nat_key_words(enum conf_nat_key key)
{
	return settings[key].words;
}

int conf_nat_key_read(const char *text)
{
	static struct conf_statement one;
	static struct conf_report report;
	char line[CONF_LINE_MAX];
	int length;

	for (int key = 0; key < CONF_NAT_KEY_COUNT; key++) {
		if (!strcasecmp(settings[key].words, text))
			return key;
	}
	length = snprintf(line, sizeof(line), "nat %s", text);
	if (length < 0 || (size_t)length >= sizeof(line) ||
	    conf_statement_read(&one, line, &report) < 0 || one.kind != CONF_KIND_NAT)
		return -EINVAL;
	return (int)one.nat.key;
}
