/* SPDX-License-Identifier: BSD-2-Clause */
/* Services files: the same rows as a naive reader finds, each found both ways, and again when
   written and read once more. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fuzz/expect.h"
#include "minato/services.h"

#define ROWS_MAX 4096
#define NAMES_MAX 64

struct row {
	const char *name;
	size_t len;
	uint16_t port;
	uint8_t proto;
	bool alias;
};

static struct row rows[ROWS_MAX];
static size_t row_count;

static bool is_printable(const char *word)
{
	for (; *word; word++) {
		if (*word < 0x21 || *word > 0x7e)
			return false;
	}
	return true;
}

static int proto_of(const char *word)
{
	if (!strcasecmp(word, "tcp"))
		return MINATO_TCP;
	if (!strcasecmp(word, "udp"))
		return MINATO_UDP;
	if (!strcasecmp(word, "sctp"))
		return MINATO_SERVICE_PROTO_SCTP;
	return strcasecmp(word, "dccp") ? -1 : MINATO_SERVICE_PROTO_DCCP;
}

/* The port before the slash, which is cut off, or -1. */
static long port_of(char *word)
{
	char *slash = strchr(word, '/');
	size_t digits = strspn(word, "0123456789");
	long port;

	if (!slash || !digits || word + digits != slash)
		return -1;
	while (digits > 5 && *word == '0') {
		word++;
		digits--;
	}
	*slash = 0;
	port = digits > 5 ? -1 : strtol(word, NULL, 10);
	return port > UINT16_MAX ? -1 : port;
}

static void keep(char *word, long port, int proto, bool alias)
{
	if (is_printable(word) && row_count < ROWS_MAX)
		rows[row_count++] =
			(struct row){ word, strlen(word), (uint16_t)port, (uint8_t)proto, alias };
}

static void read_naively(char *line)
{
	static const char space[] = " \t\v\f\x01\x02\x03\x04\x05\x06\x07\x08\x0e\x0f\x10\x11\x12"
				    "\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";
	char *name, *spec, *rest, *alias;
	long port;
	int proto;

	line[strcspn(line, "#")] = 0;
	name = strtok_r(line, space, &rest);
	spec = name ? strtok_r(NULL, space, &rest) : NULL;
	if (!spec || !is_printable(name))
		return;
	port = port_of(spec);
	if (port < 0)
		return;
	proto = proto_of(spec + strlen(spec) + 1);
	if (proto < 0)
		return;
	keep(name, port, proto, false);
	while ((alias = strtok_r(NULL, space, &rest)) != NULL)
		keep(alias, port, proto, true);
}

static struct minato_services *make(const char *text, size_t len)
{
	size_t size = minato_services_size(text, len);
	void *memory = malloc(size);
	struct minato_services *services = NULL;

	expect(memory);
	expect(minato_services_create(memory, size, text, len, &services) == 0);
	return services;
}

static void check_row(const struct minato_services *services, size_t i)
{
	struct minato_services_row row = minato_services_at(services, (uint32_t)i);
	size_t port = i;
	size_t name = i;

	expect(!strcmp(row.name, rows[i].name) && row.port == rows[i].port);
	expect(row.proto == rows[i].proto && row.alias == rows[i].alias);
	for (size_t k = i; k-- > 0;) {
		if (rows[k].proto != row.proto)
			continue;
		if (rows[k].port == row.port)
			port = k;
		if (!strcasecmp(rows[k].name, row.name))
			name = k;
	}
	expect(!strcmp(minato_services_name(services, row.proto, row.port), rows[port].name));
	expect(minato_services_port(services, row.proto, row.name) == rows[name].port);
}

static void check_names(const struct minato_services *services, uint8_t proto, uint16_t port)
{
	const char *names[NAMES_MAX];
	size_t count = minato_services_names(services, proto, port, names, NAMES_MAX);
	const char *first = minato_services_name(services, proto, port);

	expect((count > 0) == (first != NULL));
	expect(!count || !strcmp(names[0], first));
	for (size_t i = 0; i < count; i++) {
		expect(minato_services_port(services, proto, names[i]) >= 0);
		for (size_t k = 0; k < i; k++)
			expect(strcasecmp(names[i], names[k]) != 0);
	}
}

/* Writes all rows down and reads them again: nothing may change. */
static void check_round(const struct minato_services *services)
{
	uint32_t count = minato_services_count(services);
	struct minato_services *again;
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	expect(file);
	for (uint32_t i = 0; i < count; i++) {
		struct minato_services_row row = minato_services_at(services, i);
		const char *word = row.proto == MINATO_TCP		  ? "tcp" :
				   row.proto == MINATO_UDP		  ? "udp" :
				   row.proto == MINATO_SERVICE_PROTO_SCTP ? "sctp" :
									    "dccp";

		if (row.alias)
			fprintf(file, " %s", row.name);
		else
			fprintf(file, "\r\n%s\t%u/%s", row.name, row.port, word);
	}
	fclose(file);
	again = make(text, size);
	expect(minato_services_count(again) == count);
	for (uint32_t i = 0; i < count; i++) {
		struct minato_services_row a = minato_services_at(services, i);
		struct minato_services_row b = minato_services_at(again, i);

		expect(!strcmp(a.name, b.name) && a.port == b.port && a.proto == b.proto);
		expect(a.alias == b.alias);
	}
	free(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mark[] = { 0xef, 0xbb, 0xbf };
	size_t skip = size >= 3 && !memcmp(data, mark, 3) ? 3 : 0;
	struct minato_services *services = make((const char *)data, size);
	char *text = malloc(size + 1);
	char *rest = NULL;

	expect(text);
	memcpy(text, data, size);
	text[size] = 0;
	for (size_t i = 0; i < size; i++) {
		if (!text[i])
			text[i] = ' ';
	}
	row_count = 0;
	for (char *line = strtok_r(text + skip, "\r\n", &rest); line;
	     line = strtok_r(NULL, "\r\n", &rest))
		read_naively(line);
	if (row_count < ROWS_MAX) {
		expect(minato_services_count(services) == row_count);
		for (size_t i = 0; i < row_count; i++) {
			check_row(services, i);
			check_names(services, rows[i].proto, rows[i].port);
		}
		check_round(services);
	}
	if (size >= 3)
		check_names(services, data[0], (uint16_t)(data[1] << 8 | data[2]));
	free(services);
	free(text);
	return 0;
}
