/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters read in a small world, and rows to put to them. */
#ifndef MINATO_FILTER_FIXTURE_H
#define MINATO_FILTER_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "view/filter.h"

/* http is 80, ssh 22; "split" is not one port. */
static int service_there(void *user, const char *name)
{
	(void)user;
	if (!strcmp(name, "split"))
		return -ENOTUNIQ;
	return !strcmp(name, "http") ? 80 : !strcmp(name, "ssh") ? 22 : -ENOENT;
}

/* "web" has 10.0.0.1 and fd00::1. */
static int host_there(void *user, const char *name, uint8_t family,
		      struct minato_addr addrs[FILTER_HOSTS_MAX])
{
	int count = 0;

	(void)user;
	if (strcmp(name, "web") != 0)
		return -ENOENT;
	if (family != 6)
		addrs[count++] = minato_addr4(10, 0, 0, 1);
	if (family != 4)
		minato_addr_parse("fd00::1", &addrs[count++]);
	return count;
}

static int device_there(void *user, const char *name)
{
	(void)user;
	return !strcmp(name, "eth0") ? 7 : -ENODEV;
}

static int group_there(void *user, const char *path, uint64_t *number)
{
	(void)user;
	*number = 4711;
	return strcmp(path, "/a b") ? -ENOENT : 0;
}

static const struct filter_names there = {
	.service = service_there,
	.host = host_there,
	.device = device_there,
	.group = group_there,
};

static inline struct filter_program *read_filter(const char *text)
{
	static struct filter_program program;
	struct filter_error error;

	if (filter_parse(&program, text, &there, &error))
		fail_msg("'%s' at %zu: %s", text, error.at, error.what);
	return &program;
}

static inline struct view_end end_at(const char *text, uint16_t port)
{
	struct minato_endpoint end = { .port = port };

	assert_int_equal(minato_addr_parse(text, &end.addr), 0);
	return view_end_of(&end);
}

/* A connection of TCP. */
static inline struct view_row row_at(const char *local, uint16_t port, const char *peer,
				     uint16_t peer_port)
{
	struct view_row row = { .proto = MINATO_TCP, .kind = "host", .state = "ESTAB" };

	row.local = end_at(local, port);
	row.peer = end_at(peer, peer_port);
	return row;
}

#endif
