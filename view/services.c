/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of ports, from a file like /etc/services, read once. */
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

struct service {
	uint16_t port;
	uint8_t proto;
	uint32_t order; /* of the line: the first name of a port counts */
	char name[28];
};

struct view_services {
	size_t count, room;
	struct service *list; /* sorted by port and protocol */
};

static int compare(const void *a, const void *b)
{
	const struct service *x = a;
	const struct service *y = b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	if (x->proto != y->proto)
		return x->proto < y->proto ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* "name port/protocol aliases # comment". */
static bool parse_line(const char *line, struct service *service)
{
	char proto[8];
	unsigned port;

	if (sscanf(line, " %27[^# \t\n] %5u/%7[a-z]", service->name, &port, proto) != 3)
		return false;
	if (port > UINT16_MAX)
		return false;
	service->port = (uint16_t)port;
	if (!strcmp(proto, "tcp"))
		service->proto = MINATO_TCP;
	else if (!strcmp(proto, "udp"))
		service->proto = MINATO_UDP;
	else
		return false;
	return true;
}

static bool append(struct view_services *services, struct service service)
{
	if (services->count == services->room) {
		size_t room = services->room ? services->room * 2 : 512;
		struct service *list = realloc(services->list, room * sizeof(*list));

		if (!list)
			return false;
		services->list = list;
		services->room = room;
	}
	service.order = (uint32_t)services->count;
	services->list[services->count++] = service;
	return true;
}

struct view_services *view_services_load(const char *path)
{
	struct view_services *services;
	struct service service;
	char line[512];
	FILE *file = fopen(path, "re");

	if (!file)
		return NULL;
	services = calloc(1, sizeof(*services));
	while (services && fgets(line, sizeof(line), file)) {
		if (parse_line(line, &service) && !append(services, service))
			break;
	}
	fclose(file);
	if (services && services->count)
		qsort(services->list, services->count, sizeof(service), compare);
	return services;
}

void view_services_free(struct view_services *services)
{
	if (!services)
		return;
	free(services->list);
	free(services);
}

const char *view_services_name(const struct view_services *services, uint8_t proto, uint16_t port)
{
	size_t low = 0;
	size_t high = services ? services->count : 0;
	struct service wanted = { .port = port, .proto = proto };

	/* The first that is not below the wanted one; order 0 is the lowest. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&services->list[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (!services || low == services->count)
		return NULL;
	if (services->list[low].port != port || services->list[low].proto != proto)
		return NULL;
	return services->list[low].name;
}
