/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of reserved ports: what is read is sound, and its text is read as the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/reserved.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

static void count_wrong(void *user, const char *text)
{
	size_t *wrong = user;

	demand(strncmp(text, "fuzz:", 5) == 0);
	++*wrong;
}

static void check(const struct drive_reservation *one)
{
	struct drive_reservation again;
	char text[DRIVE_RESERVATION_TEXT];

	demand(one->first >= 1 && one->first <= one->last);
	demand(one->protocols && one->protocols <= DRIVE_RESERVED_BOTH);
	demand(memchr(one->note, 0, sizeof(one->note)) != NULL);
	for (const char *at = one->note; *at; at++)
		demand((unsigned char)*at >= ' ' && *at != 0x7f);
	drive_reservation_text(text, one);
	demand(drive_reservation_parse(&again, text, NULL) == 0);
	demand(drive_reservation_same(one, &again));
	demand(drive_reservation_covers(one, &again) && drive_reservation_meets(one, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct drive_reserved reserved = { 0 };
	struct drive_error error;
	size_t lines = 1;
	size_t wrong = 0;
	FILE *file;

	if (!size)
		return 0;
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	file = fmemopen((void *)(uintptr_t)data, size, "r");
	if (!file)
		return 0;
	demand(drive_reserved_stream(&reserved, file, "fuzz", count_wrong, &wrong, &error) == 0);
	fclose(file);
	demand(reserved.count + wrong <= lines);
	for (size_t i = 0; i < reserved.count; i++)
		check(&reserved.list[i]);
	drive_reserved_free(&reserved);
	return 0;
}
