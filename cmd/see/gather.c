/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks running guests what they measure, as any command asks them, and the host's kernel. */
#include "cmd/see/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define NS_PER_US 1000
#define PATIENCE_US 2000000 /* for all of them together */
#define LEAST_US 20000	    /* for one whose answer may wait already */

/* ---- one guest's reply ---- */

static uint64_t number(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 ? (uint64_t)value : 0;
}

static uint64_t count_at(const json_t *list, size_t i)
{
	json_int_t value = json_integer_value(json_array_get(list, i));

	return value > 0 ? (uint64_t)value : 0;
}

/* The names become labels: each is a word of ours, whoever says it. */
static bool is_counter_name(const char *name)
{
	return *name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static int read_counters(struct view_measures *measures, struct cmd_measured *measured)
{
	json_t *counters = json_object_get(measured->reply, "counters");
	const char *name;
	json_t *value;

	measured->counters = calloc(json_object_size(counters) + 1, sizeof(measured->counters[0]));
	if (!measured->counters)
		return -ENOMEM;
	json_object_foreach(counters, name, value)
	{
		if (!is_counter_name(name) || !json_is_integer(value))
			return -EPROTO;
		measured->counters[measures->counter_count++] =
			(struct view_counter){ name, (uint64_t)json_integer_value(value) };
	}
	measures->counters = measured->counters;
	return 0;
}

static int read_rules(struct view_measures *measures, struct cmd_measured *measured)
{
	const json_t *rules = json_object_get(measured->reply, "rules");
	size_t count = json_array_size(rules);

	if (count > VIEW_RULES_MAX)
		return -EPROTO;
	measured->rules = calloc(count + 1, sizeof(measured->rules[0]));
	if (!measured->rules)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(rules, i);
		const char *rule = json_string_value(json_object_get(item, "rule"));

		if (!rule)
			return -EPROTO;
		measured->rules[i] = (struct view_rule){ rule, number(item, "bytes_in"),
							 number(item, "bytes_out") };
	}
	measures->rules = measured->rules;
	measures->rule_count = count;
	measures->rules_standing = (uint32_t)number(measured->reply, "rules_standing");
	return 0;
}

static void read_table(struct view_measures *measures, const json_t *reply)
{
	static const char *const protocols[VIEW_PROTOCOLS] = { "tcp", "udp" };
	const json_t *states = json_object_get(reply, "tcp_states");
	const json_t *ports = json_object_get(reply, "ports");

	for (size_t i = 1; i < VIEW_STATES; i++)
		measures->tcp_states[i] = number(states, minato_state_name((enum minato_state)i));
	for (size_t i = 0; i < VIEW_PROTOCOLS * MINATO_PORT_KIND_COUNT; i++) {
		const json_t *list = json_object_get(ports, protocols[i / MINATO_PORT_KIND_COUNT]);
		json_int_t count =
			json_integer_value(json_array_get(list, i % MINATO_PORT_KIND_COUNT));

		measures->ports[i / MINATO_PORT_KIND_COUNT][i % MINATO_PORT_KIND_COUNT] =
			(uint32_t)count;
	}
	measures->maps = json_is_array(json_object_get(reply, "mappings"));
	for (size_t i = 0; i < VIEW_MAPPED; i++)
		measures->mappings[i] = count_at(json_object_get(reply, "mappings"), i);
	measures->udp_flows = number(reply, "udp_flows");
	measures->icmp_flows = number(reply, "icmp_flows");
	measures->other_flows = number(reply, "other_flows");
	measures->ports_resting = number(reply, "ports_resting");
}

int cmd_measures_read(struct view_measures *measures, struct cmd_measured *measured, json_t *reply)
{
	int result;

	*measured = (struct cmd_measured){ .reply = reply };
	if (!json_is_object(json_object_get(reply, "counters")))
		return -EPROTO;
	measures->started_s = json_integer_value(json_object_get(reply, "started"));
	read_table(measures, reply);
	result = read_counters(measures, measured);
	if (result == 0)
		result = read_rules(measures, measured);
	return result;
}

void cmd_measured_free(struct cmd_measured *measured)
{
	json_decref(measured->reply);
	free(measured->counters);
	free(measured->rules);
	*measured = (struct cmd_measured){ 0 };
}

/* ---- asking ---- */

/* Sends the request; the answer is read when all are asked, so that they work at the same time. */
static bool send_request(struct cmd_client *client, const char *name)
{
	return cmd_client_open(client, name, NULL) == 0 &&
	       cmd_client_send(client, json_pack("{s:s}", "request", "metrics"), NULL) == 0;
}

/* What is left of the time for all. */
static void wait_until(const struct cmd_client *client, struct minato_time deadline)
{
	int64_t left_us = (deadline.ns - drive_now().ns) / NS_PER_US;
	struct timeval patience;

	if (left_us < LEAST_US)
		left_us = LEAST_US;
	patience.tv_sec = left_us / 1000000;
	patience.tv_usec = left_us % 1000000;
	(void)setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

static void take_answer(struct view_measures *measures, struct cmd_measured *measured,
			struct cmd_client *client)
{
	const char *guest = measures->guest;
	json_t *reply = cmd_client_next(client, NULL);

	if (reply && cmd_measures_read(measures, measured, reply) == 0)
		measures->up = true;
	else
		*measures = (struct view_measures){ .guest = guest };
	if (!reply)
		*measured = (struct cmd_measured){ 0 };
}

static int ask_all(struct cmd_gathered *all, struct drive_error *error)
{
	struct minato_time deadline = { drive_now().ns + PATIENCE_US * INT64_C(1000) };
	size_t count = all->names.count;
	struct cmd_client *clients = calloc(count + 1, sizeof(*clients));

	all->measured = calloc(count + 1, sizeof(*all->measured));
	all->guests = calloc(count + 1, sizeof(*all->guests));
	if (!clients || !all->measured || !all->guests) {
		free(clients);
		return drive_fail(error, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < count; i++) {
		all->guests[i].guest = all->names.list[i];
		if (!send_request(&clients[i], all->names.list[i]))
			cmd_client_close(&clients[i]);
	}
	for (size_t i = 0; i < count; i++) {
		if (clients[i].fd >= 0) {
			wait_until(&clients[i], deadline);
			take_answer(&all->guests[i], &all->measured[i], &clients[i]);
		}
		cmd_client_close(&clients[i]);
	}
	free(clients);
	return 0;
}

static int only_name(struct cmd_names *names, const char *guest, struct drive_error *error)
{
	names->list = calloc(1, sizeof(*names->list));
	if (!names->list)
		return drive_fail(error, ENOMEM, "out of memory");
	snprintf(names->list[0], sizeof(names->list[0]), "%s", guest);
	names->count = 1;
	return 0;
}

static void forget(struct cmd_gathered *all)
{
	for (size_t i = 0; all->measured && i < all->names.count; i++)
		cmd_measured_free(&all->measured[i]);
	free(all->measured);
	free(all->guests);
	cmd_names_free(&all->names);
}

static int print(const struct view_scene *scene, bool classic, char **text, size_t *size)
{
	FILE *out = open_memstream(text, size);
	int result = out ? view_scene_write(out, scene, classic) : -ENOMEM;

	if (out && fclose(out) != 0)
		result = -ENOMEM;
	if (result == 0)
		return 0;
	if (out)
		free(*text);
	return result;
}

int cmd_metrics_text(const char *guest, bool classic, char **text, size_t *size,
		     struct drive_error *error)
{
	struct cmd_gathered all = { 0 };
	struct view_scene scene = { .version = MINATO_VERSION };
	int result = guest ? only_name(&all.names, guest, error) :
			     cmd_names_read(&all.names, error);

	if (result == 0)
		result = ask_all(&all, error);
	if (result == 0) {
		scene.guests = all.guests;
		scene.guest_count = all.names.count;
		if (!guest && cmd_host_tally(&all.host) == 0)
			scene.host = &all.host;
		result = print(&scene, classic, text, size);
		if (result < 0)
			drive_fail(error, -result, "out of memory");
	}
	forget(&all);
	return result;
}
