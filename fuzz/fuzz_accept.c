/* SPDX-License-Identifier: BSD-2-Clause */
/* What collectors and users say to who serves metrics: the header Accept, and ADDR:PORT. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/see/metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct minato_endpoint at;
	struct drive_error error;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	/* Who does not want the older form does not get it. */
	if (cmd_accept_classic(text))
		demand(strchr(text, '/') != NULL);
	if (cmd_listen_parse(&at, text, &error) == 0)
		demand(at.port > 0 && strlen(text) < 64);
	else
		demand(error.text[0] != '\0');
	free(text);
	return 0;
}
