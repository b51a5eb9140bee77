/* SPDX-License-Identifier: BSD-2-Clause */
/* test: what is to become of a packet. */
#include "conf/reader.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static uint8_t protocol_of(const struct conf_test *test)
{
	return test->proto == MINATO_TCP ? CONF_TCP : CONF_UDP;
}

static bool has_ports(const struct conf_test *test)
{
	return test->proto == MINATO_TCP || test->proto == MINATO_UDP;
}

static int check_port(struct reader *r, const struct conf_test *test,
		      const struct minato_addr *addr, const struct conf_run *run, bool needs_port)
{
	if (run->first != run->last)
		return reader_fail(r, reader_last(r), "a packet has one port here, no range");
	if (!has_ports(test) && run->first)
		return reader_fail(r, reader_last(r),
				   test->proto == MINATO_ICMP ?
					   "icmp has no ports: an address alone" :
					   "ports are of tcp and udp: an address alone");
	if (!needs_port || !has_ports(test) || run->first)
		return 0;
	if (!addr || minato_addr_is4(addr))
		return reader_fail(r, reader_last(r), "a port is missing: ADDRESS:PORT");
	return reader_fail(r, reader_last(r),
			   "a port is missing; behind IPv6 it wants brackets: [ADDRESS]:PORT");
}

/* An end with one port, or none where that is allowed. */
static int read_end(struct reader *r, const struct conf_test *test, bool needs_port,
		    struct minato_endpoint *out)
{
	struct conf_run run;

	if (value_end(r, protocol_of(test), &out->addr, &run) < 0 ||
	    check_port(r, test, &out->addr, &run, needs_port) < 0)
		return -EINVAL;
	out->port = run.first;
	return 0;
}

/* ---- of what protocol ---- */

static int read_type(struct reader *r, struct conf_test *test)
{
	struct conf_run run = { RULELINE_PING, RULELINE_PING };

	test->proto = MINATO_ICMP;
	if (!reader_sees(r, 0, "from") && ruleline_read_type(r, &run) < 0)
		return -EINVAL;
	test->type = run.first;
	return 0;
}

/* One without ports, by its name or number. */
static bool takes_other(struct reader *r, struct conf_test *test)
{
	char word[READER_WORD_SIZE];
	uint8_t number;

	if (!conf_protocol_read(reader_copy(r, reader_here(r), word), &number))
		return false;
	test->proto = (enum minato_proto)MINATO_PROTO_OTHER;
	test->type = number;
	return reader_takes(r, word);
}

static int read_protocol(struct reader *r, struct conf_test *test)
{
	static const char *const words[] = { "tcp", "udp", "icmp", "ping" };

	if (reader_takes(r, "icmp"))
		return read_type(r, test);
	if (reader_takes(r, "ping")) {
		test->proto = MINATO_ICMP;
		test->type = RULELINE_PING;
		return 0;
	}
	if (reader_takes(r, "tcp"))
		test->proto = MINATO_TCP;
	else if (reader_takes(r, "udp"))
		test->proto = MINATO_UDP;
	else if (!takes_other(r, test))
		return reader_expected(r, words, 4);
	if (!reader_takes(r, ","))
		return 0;
	return reader_fail(r, reader_here(r), "a packet is of one protocol");
}

/* ---- whence and whither ---- */

/* A name as guests have: letters, digits and dashes, which no address is. */
static bool sees_guest(const struct reader *r)
{
	struct reader_word word = reader_here(r);
	const char *text = r->line + word.at;

	if (!word.length || !isalpha((unsigned char)text[0]) || reader_sees(r, 0, "inside"))
		return false;
	for (size_t i = 0; i < word.length; i++) {
		if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_')
			return false;
	}
	return true;
}

static int read_guest(struct reader *r, struct conf_test *test)
{
	struct reader_word word = reader_here(r);

	if (word.length >= sizeof(test->caller))
		return reader_fail(r, word, "a guest's name is too long");
	memcpy(test->caller, r->line + word.at, word.length);
	r->next++;
	return 0;
}

static int read_source(struct reader *r, struct conf_test *test)
{
	if (reader_takes(r, "guest")) {
		test->guest = test->inside = true;
		return 0;
	}
	if (sees_guest(r))
		return read_guest(r, test);
	test->inside = reader_takes(r, "inside");
	return read_end(r, test, false, &test->source);
}

/* self, or a name of the DNS, before the colon: what is no address. */
static bool sees_word(const struct reader *r)
{
	struct reader_word word = reader_here(r);
	const char *text = r->line + word.at;
	size_t length = strcspn(text, ": \t,");
	char last = 0;

	length = length < word.length ? length : word.length;
	for (size_t i = 0; i < length; i++)
		last = i == 0 || text[i - 1] == '.' ? text[i] : last;
	return (length == 4 && !strncasecmp(text, "self", 4)) ||
	       (memchr(text, '.', length) && isalpha((unsigned char)last));
}

static int read_word(struct reader *r, struct conf_test *test)
{
	struct conf_run run;

	if (value_named_end(r, protocol_of(test), test->host, sizeof(test->host), &run) < 0 ||
	    check_port(r, test, NULL, &run, true) < 0)
		return -EINVAL;
	test->destination.port = run.first;
	for (char *at = test->host; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	if (!strcmp(test->host, "self")) {
		test->self = true;
		test->host[0] = 0;
		return test->inside ? reader_fail(r, reader_last(r), "self is for what comes in") :
				      0;
	}
	if (!ruleline_is_dns(test->host, false))
		return reader_fail(r, reader_last(r), "this is no address and no name");
	if (!test->guest)
		return reader_fail(r, reader_last(r),
				   "a name is where a guest goes: 'from guest to NAME:PORT'");
	return 0;
}

static int read_destination(struct reader *r, struct conf_test *test)
{
	if (sees_word(r))
		return read_word(r, test);
	if (read_end(r, test, true, &test->destination) < 0)
		return -EINVAL;
	if (!test->guest && !test->caller[0] &&
	    minato_addr_is4(&test->source.addr) != minato_addr_is4(&test->destination.addr))
		return reader_fail(r, reader_last(r), "from and to are of two families");
	return 0;
}

/* A type with a name has no number in the other family, it may be. */
static int check_type(struct reader *r, const struct conf_test *test)
{
	const struct minato_addr *addr = test->self ? &test->source.addr : &test->destination.addr;
	int four, six;

	if (test->proto != MINATO_ICMP || test->type < CONF_TYPE_NAMED || test->host[0])
		return 0;
	(void)ruleline_type(test->type, &four, &six);
	if ((minato_addr_is4(addr) ? four : six) >= 0)
		return 0;
	return reader_fail(r, r->word[0], "there is no such type of ICMP in this family");
}

/* ---- what becomes of it ---- */

static int read_ends(struct reader *r, struct conf_test *test)
{
	do {
		if (test->end_count == CONF_ADDRESSES_MAX)
			return reader_fail(r, reader_here(r), "more than %u ends",
					   CONF_ADDRESSES_MAX);
		if (read_end(r, test, test->outcome == CONF_REACHES, &test->end[test->end_count]) <
		    0)
			return -EINVAL;
		if (!test->guest && minato_addr_is4(&test->end[test->end_count].addr) !=
					    minato_addr_is4(&test->source.addr))
			return reader_fail(r, reader_last(r), "an address of the other family");
		test->end_count++;
	} while (reader_takes(r, "or"));
	return 0;
}

static int read_outcome(struct reader *r, struct conf_test *test)
{
	static const char *const phrases[] = { "reaches",    "leaves from", "is closed",
					       "is dropped", "is answered", "passes" };
	int which = reader_phrase(r, phrases, 6);
	int is_socket = 0;

	if (which < 0)
		return which;
	test->outcome = (enum conf_outcome)which;
	if (test->outcome == CONF_LEAVES_FROM && !test->inside)
		return reader_fail(r, reader_last(r), "only what comes from inside leaves");
	if (test->outcome == CONF_ANSWERED &&
	    (test->proto != MINATO_ICMP || test->type != RULELINE_PING))
		return reader_fail(r, reader_last(r), "pings alone are answered by us");
	if (test->outcome == CONF_REACHES)
		is_socket = value_socket(r, test->path);
	if (is_socket < 0)
		return is_socket;
	if (!is_socket && (test->outcome == CONF_REACHES || test->outcome == CONF_LEAVES_FROM))
		return read_ends(r, test);
	return 0;
}

/* by NAME, or by line N. */
static int read_by(struct reader *r, struct conf_statement *out)
{
	struct conf_test *test = &out->test;
	uint32_t first = r->next;

	if (!reader_takes(r, "by"))
		return 0;
	if (!reader_takes(r, "line")) {
		if (value_name(r, test->by) < 0)
			return -EINVAL;
	} else if (value_number(r, 1, CONF_LINES_MAX, "a line", &test->by_line) < 0) {
		return -EINVAL;
	} else {
		/* Of its own file. */
		test->by_line |= r->number & ~CONF_LINES_MAX;
	}
	reader_mark(r, out, CONF_PART_EXTRA, first);
	return 0;
}

int testline_read(struct reader *r, struct conf_statement *out)
{
	struct conf_test *test = &out->test;
	uint32_t first = r->next;

	if ((reader_takes(r, "program") && value_program(r, test->program) < 0) ||
	    read_protocol(r, test) < 0 || reader_demand(r, "from") < 0 ||
	    read_source(r, test) < 0 || reader_demand(r, "to") < 0 || read_destination(r, test) < 0)
		return -EINVAL;
	/* Another guest calls as a program of this host does: as the address that it calls. */
	if (test->caller[0])
		test->source.addr =
			test->self ? minato_addr4(127, 0, 0, 1) : test->destination.addr;
	if (check_type(r, test) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	first = r->next;
	if (read_outcome(r, test) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_TARGET, first);
	return read_by(r, out);
}
