/* SPDX-License-Identifier: BSD-2-Clause */
/* The registry of names, by port and by name, beside libc's way through /etc/services. */
#include "ports.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/measure.h"
#include "minato/services.h"

#define ROUNDS 9
#define LOOK_UPS 400000u
/* libc reads the file at every call. */
#define SLOW_LOOK_UPS 2000u

static uint16_t ports[LOOK_UPS];
static const char *names[LOOK_UPS];

/* Half of the ports are assigned; every name is one of TCP. */
static void choose(void)
{
	const uint32_t count = minato_service_count();

	for (uint32_t i = 0; i < LOOK_UPS; i++) {
		const uint64_t bits = scatter(i + 1);
		uint32_t index = (uint32_t)(bits >> 32) % count;
		struct minato_service row = minato_service_at(index);

		while (!*row.name || !(row.protocols & MINATO_SERVICE_TCP))
			row = minato_service_at(++index % count);
		ports[i] = i % 2 ? row.port : (uint16_t)bits;
		names[i] = row.name;
	}
}

static double by_port(const struct minato_services *file)
{
	const double begin = now_ns();
	uint32_t found = 0;

	for (uint32_t i = 0; i < LOOK_UPS; i++)
		found += minato_services_name(file, MINATO_TCP, ports[i]) != NULL;
	if (found < LOOK_UPS / 2)
		say("%u of %u ports had a name", found, LOOK_UPS);
	return (now_ns() - begin) / LOOK_UPS;
}

static double by_name(const struct minato_services *file)
{
	const double begin = now_ns();
	uint32_t found = 0;

	for (uint32_t i = 0; i < LOOK_UPS; i++)
		found += minato_services_port(file, MINATO_TCP, names[i]) >= 0;
	if (found != LOOK_UPS)
		say("%u of %u names had a port", found, LOOK_UPS);
	return (now_ns() - begin) / LOOK_UPS;
}

static void measure(const char *name, double (*run)(const struct minato_services *),
		    const struct minato_services *file)
{
	double values[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		values[i] = run(file);
	figure(name, measure_median(values, ROUNDS), "ns");
}

/* A file with every name there is. */
static struct minato_services *make_file(void)
{
	struct minato_services *file = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (uint32_t i = 0; out && i < minato_service_count(); i++) {
		const struct minato_service row = minato_service_at(i);

		if (*row.name && row.protocols & MINATO_SERVICE_TCP)
			fprintf(out, "%s %u/tcp\n", row.name, row.port);
	}
	if (out)
		fclose(out);
	size = text ? minato_services_size(text, strlen(text)) : 0;
	if (size)
		minato_services_create(reserve(size), size, text, strlen(text), &file);
	free(text);
	return file;
}

int bench_services(void)
{
	const struct minato_services *file = make_file();
	double begin;

	choose();
	measure("service_lookup_ns", by_port, NULL);
	measure("service_name_lookup_ns", by_name, NULL);
	measure("service_file_lookup_ns", by_port, file);
	measure("service_file_name_lookup_ns", by_name, file);
	begin = now_ns();
	for (uint32_t i = 0; i < SLOW_LOOK_UPS; i++)
		getservbyport(htons(ports[i]), "tcp");
	figure("service_libc_lookup_ns", (now_ns() - begin) / SLOW_LOOK_UPS, "ns");
	return file ? 0 : -1;
}
