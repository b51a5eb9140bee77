/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of what is meant to listen: a line that is read says the same when it is written again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/see/audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

static void check_line(const struct cmd_expected *one)
{
	struct cmd_expectation again;
	struct cmd_holder holder = { .port = one->last, .proto = one->proto };
	char text[160];
	int length = snprintf(text, sizeof(text), "%u-%u/%s %s %s", one->first, one->last,
			      one->proto == MINATO_TCP ? "tcp" : "udp", one->program,
			      cmd_scope_word(one->scope));

	demand(one->first >= 1 && one->first <= one->last);
	demand(one->proto == MINATO_TCP || one->proto == MINATO_UDP);
	demand(cmd_expectation_read(&again, text, (size_t)length, NULL, NULL) == 0);
	demand(again.count == 1);
	demand(again.list[0].first == one->first && again.list[0].last == one->last);
	demand(again.list[0].scope == one->scope && !strcmp(again.list[0].program, one->program));
	demand(cmd_expectation_meets(&again, &holder, one->program, one->scope));
	holder.port = (uint16_t)(one->first - 1);
	demand(!cmd_expectation_meets(&again, &holder, one->program, one->scope));
	cmd_expectation_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmd_expectation all;
	struct drive_error error = { "" };
	char *text = malloc(size + 1);
	int result;

	demand(text != NULL);
	if (size)
		memcpy(text, data, size);
	result = cmd_expectation_read(&all, text, size, NULL, &error);
	demand(result == 0 || *error.text);
	for (size_t i = 0; i < all.count; i++)
		check_line(&all.list[i]);
	cmd_expectation_free(&all);
	free(text);
	return 0;
}
