/* SPDX-License-Identifier: BSD-2-Clause */
/* "Address in use", said in the same words wherever minato meets it. */
#include "cmd/see/who.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "drive/reserved.h"

#define NEAREST 3u

static bool bindable(const struct drive_place *places, size_t count, uint16_t port)
{
	for (size_t i = 0; i < count; i++) {
		if (drive_port_probe(&places[i], port) < 0)
			return false;
	}
	return true;
}

/* Who has a claim on ports beforehand. */
struct claims {
	struct kernel_knobs knobs;
	struct drive_reserved reserved;
	int lowest;
};

static bool is_offered(const struct claims *claims, long port, uint8_t protocol)
{
	if (port < 1 || port < claims->lowest || port > UINT16_MAX)
		return false;
	return (port < claims->knobs.first || port > claims->knobs.last) &&
	       !drive_reserved_find(&claims->reserved, (uint16_t)port, protocol);
}

size_t cmd_nearest_free(const struct drive_place *places, size_t count, uint16_t port,
			uint16_t *nearest, size_t room)
{
	struct claims claims = { .lowest = drive_port_lowest() };
	size_t found = 0;

	if (kernel_knobs_read(&claims.knobs, 0) < 0)
		return 0;
	/* The kernel's too. */
	drive_reserved_read(&claims.reserved, NULL, NULL);
	for (long step = 1; step <= UINT16_MAX && found < room; step++) {
		const long both[] = { port + step, port - step };

		for (size_t i = 0; i < 2 && found < room; i++) {
			if (is_offered(&claims, both[i], places[0].protocol) &&
			    bindable(places, count, (uint16_t)both[i]))
				nearest[found++] = (uint16_t)both[i];
		}
	}
	drive_reserved_free(&claims.reserved);
	return found;
}

/* "; the nearest free ones are 81, 79, 82", or nothing. */
static void say_nearest(char *out, size_t size, const struct drive_place *places, size_t count,
			uint16_t port)
{
	uint16_t nearest[NEAREST];
	size_t found = cmd_nearest_free(places, count, port, nearest, NEAREST);
	size_t used = 0;

	out[0] = '\0';
	if (found)
		used = (size_t)snprintf(out, size, "; the nearest free %s ",
					found == 1 ? "one is" : "ones are");
	for (size_t i = 0; i < found && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%u", i ? ", " : "",
					 nearest[i]);
}

int cmd_taken(const char *what, const struct drive_place *places, size_t count, uint16_t port,
	      bool alone, struct drive_error *error)
{
	const struct cmd_holders_query query = {
		.first = port,
		.last = port,
		.tcp = places[0].protocol == MINATO_TCP,
		.udp = places[0].protocol == MINATO_UDP,
		.host = true,
		.alone = alone,
	};
	const struct cmd_holder *holder = NULL;
	struct cmd_holders holders = { 0 };
	char who[CMD_HOLDER_TEXT] = "another program";
	char since[96] = "";
	char remedy[CMD_HOLDER_TEXT] = "";
	char nearest[96];

	if (cmd_holders_find(&holders, &query, NULL) == 0)
		holder = cmd_holders_obstacle(&holders, places, count, port);
	if (holder) {
		cmd_holder_name(who, sizeof(who), holder);
		cmd_since_text(since, sizeof(since), holder->process.started_s, time(NULL));
		cmd_remedy_text(remedy, sizeof(remedy), holder);
	}
	cmd_holders_free(&holders);
	say_nearest(nearest, sizeof(nearest), places, count, port);
	return drive_fail(error, EADDRINUSE, "%s is taken by %s%s%s%s%s%s", what, who,
			  since[0] ? ", " : "", since, remedy[0] ? "; to free it: " : "", remedy,
			  nearest);
}

int cmd_publish_explain(const struct relay_publish *list, const struct relay_failure *failure,
			const struct drive_subnet *subnet, bool alone, struct drive_error *error)
{
	struct drive_place places[2];
	char what[96];
	size_t count;

	if (failure->errnum != EADDRINUSE || !failure->port)
		return relay_publish_explain(list, failure, subnet->has4, subnet->has6, error);
	count = relay_publish_places(list, failure, subnet->has4, subnet->has6, places);
	relay_publish_what(list, failure, what, sizeof(what));
	return cmd_taken(what, places, count, failure->port, alone, error);
}
