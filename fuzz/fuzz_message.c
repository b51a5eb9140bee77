/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the commands read of a worker's answers: JSON in a line, of which nothing is believed. A row
 * that is read says the same when it is said again; a guest and its measures are read or refused.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/see/metrics.h"
#include "expect.h"

static void check_row(const json_t *message)
{
	struct minato_row row = { .handle = 0 }, again = row;
	json_t *said;

	if (view_message_row_read(&row, message) < 0)
		return;
	expect(row.local_prefix <= 128 && row.remote_prefix <= 128);
	said = view_message_row(&row);
	expect(said != NULL);
	expect(view_message_row_read(&again, said) == 0);
	expect(row.handle == again.handle && row.kind == again.kind && row.proto == again.proto);
	expect(!memcmp(&row.local, &again.local, sizeof(row.local)));
	expect(!memcmp(&row.via, &again.via, sizeof(row.via)));
	json_decref(said);
}

static void check_guest(const json_t *message)
{
	struct cmd_guest guest = { .ports = NULL };

	if (cmd_guest_read(&guest, message) == 0)
		cmd_guest_free(&guest);
}

static void check_measures(json_t *message)
{
	struct view_measures measures = { .guest = "fuzz" };
	struct cmd_measured measured = { .rules = NULL };
	int result = cmd_measures_read(&measures, &measured, json_incref(message));

	expect(result == 0 || result == -EPROTO || result == -ENOMEM);
	expect(measures.rule_count <= VIEW_RULES_MAX);
	cmd_measured_free(&measured);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *message = json_loadb((const char *)data, size, 0, NULL);
	struct view_tcp tcp = { .rto_us = 0 };
	struct minato_endpoint end;

	if (!message)
		return 0;
	check_row(message);
	check_guest(message);
	check_measures(message);
	(void)view_json_tcp_read(&tcp, message);
	(void)view_message_end_read(&end, message);
	json_decref(message);
	return 0;
}
