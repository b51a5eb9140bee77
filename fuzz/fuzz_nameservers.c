/* SPDX-License-Identifier: BSD-2-Clause */
/* resolv.conf: as many servers as there is room for, each of which can be asked. */
#include <string.h>

#include "expect.h"
#include "relay/relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nameservers list = { .path = "fuzz" };
	char *text = malloc(size + 1);
	size_t lines = 1;

	expect(text != NULL);
	memcpy(text, data, size);
	text[size] = 0;
	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	nameservers_parse(&list, text, size);
	expect(list.count <= NAMESERVERS_MAX && list.count <= lines);
	for (size_t i = 0; i < list.count; i++)
		expect(!minato_addr_is_any(&list.list[i].end.addr) || list.list[i].end.port != 0);
	free(text);
	return 0;
}
