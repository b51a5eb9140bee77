/* SPDX-License-Identifier: BSD-2-Clause */
/* Arguments of -p and --reach: what parses is sound, and its text parses to the same. */
#include <errno.h>
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

/* A parser of arguments. */
typedef int add_fn(struct relay_publish *list, const char *text, struct drive_error *error);

static void check_spec(const struct relay_spec *spec, add_fn *add)
{
	struct relay_publish again = { 0 };
	struct drive_error error;
	char text[RELAY_SPEC_TEXT];

	demand(spec->first >= 1 && spec->first <= spec->last && spec->guest >= 1);
	demand(spec->guest + (spec->last - spec->first) <= UINT16_MAX);
	demand(spec->protocols && !(spec->protocols & ~(RELAY_TCP | RELAY_UDP)));
	demand(spec->except_count <= RELAY_EXCEPT_MAX);
	relay_spec_text(spec, text, sizeof(text));
	demand(strlen(text) < sizeof(text) - 1);
	demand(add(&again, text, &error) == 0 && again.spec_count == 1);
	demand(relay_spec_names(&again.specs[0], spec) && again.specs[0].guest == spec->guest);
	demand(again.specs[0].except_count == spec->except_count);
	demand(again.specs[0].per_source == spec->per_source);
	demand(memcmp(again.specs[0].except, spec->except,
		      spec->except_count * sizeof(spec->except[0])) == 0);
	relay_publish_free(&again);
}

static void try(const char *text, add_fn *add)
{
	struct relay_publish list = { 0 };
	struct drive_error error;
	int result = add(&list, text, &error);

	demand(result == 0 || result == -EINVAL || result == -EEXIST);
	demand((result == 0) == (list.spec_count > 0));
	for (size_t i = 0; i < list.spec_count; i++) {
		check_spec(&list.specs[i], add);
		for (size_t k = 0; k < i; k++)
			demand(!relay_spec_meets(&list.specs[i], &list.specs[k]));
	}
	relay_publish_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	try(text, relay_publish_add);
	try(text, relay_reach_add);
	free(text);
	return 0;
}
