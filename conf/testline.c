/* SPDX-License-Identifier: BSD-2-Clause */
/* test: what is to become of a packet. */
#include "conf/reader.h"

#include <errno.h>

/* An end with one port, or none where that is allowed. */
static int read_end(struct reader *r, const struct conf_test *test, bool needs_port,
		    struct minato_endpoint *out)
{
	struct conf_run run;

	if (value_end(r, test->proto == MINATO_TCP ? CONF_TCP : CONF_UDP, &out->addr, &run) < 0)
		return -EINVAL;
	if (run.first != run.last)
		return reader_fail(r, reader_last(r), "a packet has one port here, no range");
	if (needs_port && !run.first)
		return reader_fail(r, reader_last(r), "a port is missing: ADDRESS:PORT");
	out->port = run.first;
	return 0;
}

static int read_ends(struct reader *r, struct conf_test *test)
{
	do {
		if (test->end_count == CONF_ADDRESSES_MAX)
			return reader_fail(r, reader_here(r), "more than %u ends",
					   CONF_ADDRESSES_MAX);
		if (read_end(r, test, test->outcome == CONF_REACHES, &test->end[test->end_count]) <
		    0)
			return -EINVAL;
		if (minato_addr_is4(&test->end[test->end_count].addr) !=
		    minato_addr_is4(&test->destination.addr))
			return reader_fail(r, reader_last(r), "an address of the other family");
		test->end_count++;
	} while (reader_takes(r, "or"));
	return 0;
}

static int read_outcome(struct reader *r, struct conf_test *test)
{
	static const char *const phrases[] = { "reaches", "leaves from", "is closed",
					       "is dropped" };
	int which = reader_phrase(r, phrases, 4);
	int is_socket = 0;

	if (which < 0)
		return which;
	test->outcome = (enum conf_outcome)which;
	if (test->outcome == CONF_LEAVES_FROM && !test->inside)
		return reader_fail(r, reader_last(r), "only what comes from inside leaves");
	if (test->outcome == CONF_REACHES)
		is_socket = value_socket(r, test->path);
	if (is_socket < 0)
		return is_socket;
	if (!is_socket && (test->outcome == CONF_REACHES || test->outcome == CONF_LEAVES_FROM))
		return read_ends(r, test);
	return 0;
}

/* by NAME, or by line N. */
static int read_by(struct reader *r, struct conf_test *test)
{
	if (!reader_takes(r, "by"))
		return 0;
	if (!reader_takes(r, "line"))
		return value_name(r, test->by);
	return value_number(r, 1, CONF_STATEMENTS_MAX, "a line", &test->by_line);
}

int testline_read(struct reader *r, struct conf_statement *out)
{
	struct conf_test *test = &out->test;
	uint32_t first = r->next;
	uint8_t protocols;

	if (value_protocols(r, &protocols) < 0)
		return -EINVAL;
	if (protocols == (CONF_TCP | CONF_UDP))
		return reader_fail(r, reader_last(r), "a packet is of one protocol");
	test->proto = protocols == CONF_TCP ? MINATO_TCP : MINATO_UDP;
	if (reader_demand(r, "from") < 0)
		return -EINVAL;
	test->inside = reader_takes(r, "inside");
	if (read_end(r, test, false, &test->source) < 0 || reader_demand(r, "to") < 0 ||
	    read_end(r, test, true, &test->destination) < 0)
		return -EINVAL;
	if (minato_addr_is4(&test->source.addr) != minato_addr_is4(&test->destination.addr))
		return reader_fail(r, reader_last(r), "from and to are of two families");
	reader_mark(r, out, CONF_PART_SUBJECT, first);
	first = r->next;
	if (read_outcome(r, test) < 0)
		return -EINVAL;
	reader_mark(r, out, CONF_PART_TARGET, first);
	return read_by(r, test);
}
