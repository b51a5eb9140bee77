/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of --allow: what is taken reads back to itself, what is not has three lines. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relay/permit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

static void check_taken(const struct relay_allow *allow)
{
	struct relay_allows again = { .list = NULL };
	char text[RELAY_ALLOW_TEXT];
	char second[RELAY_ALLOW_TEXT];
	char below[RELAY_NAME_MAX + 8];

	relay_allow_text(allow, text, sizeof(text));
	demand(relay_allow_add(&again, text, NULL) == 0);
	demand(strcmp(relay_allow_text(&again.list[0], second, sizeof(second)), text) == 0);
	demand(allow->run_count > 0 && (allow->protocols & (RELAY_TCP | RELAY_UDP)));
	for (size_t i = 0; i < allow->run_count; i++)
		demand(allow->runs[i].first > 0 && allow->runs[i].first <= allow->runs[i].last);
	if (allow->named) {
		strcpy(below, "x.");
		strcat(below, allow->name);
		demand(relay_allow_is_name(allow, allow->name) == !allow->below);
		demand(relay_allow_is_name(allow, below) == allow->below);
	} else {
		demand(relay_allow_is_addr(allow, &allow->prefix));
	}
	relay_allow_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct relay_allows allows = { .list = NULL };
	struct drive_error error = { "" };
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (relay_allow_add(&allows, text, &error) == 0) {
		check_taken(&allows.list[0]);
	} else {
		const char *second = strchr(error.text, '\n');

		demand(allows.count == 0);
		demand(second && strchr(second + 1, '\n'));
	}
	relay_allow_free(&allows);
	free(text);
	return 0;
}
