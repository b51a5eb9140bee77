/* SPDX-License-Identifier: BSD-2-Clause */
/* The running guests of this user: their names, and what each says of itself. */
#include "cmd/cmd.h"
#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void read_address(const json_t *reply, const char *name, struct minato_addr *addr, bool *has)
{
	const char *text = json_string_value(json_object_get(reply, name));

	*has = text && minato_addr_parse(text, addr) == 0;
}

static int read_end(struct view_end *end, const json_t *message)
{
	struct minato_endpoint one = { 0 };
	json_t *last = json_object_get(message, "last");
	int result = view_message_end_read(&one, message);

	*end = view_end_of(&one);
	if (json_is_integer(last))
		end->last = (uint16_t)json_integer_value(last);
	return result;
}

static int read_ports(struct cmd_guest *guest, const json_t *list)
{
	size_t count = json_array_size(list);
	struct view_port *ports = calloc(count ? count : 1, sizeof(*ports));

	if (!ports)
		return -ENOMEM;
	guest->ports = ports;
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);
		const char *spec = json_string_value(json_object_get(item, "spec"));
		const char *path = json_string_value(json_object_get(item, "path"));
		json_int_t others = json_integer_value(json_object_get(item, "others"));

		snprintf(ports[i].spec, sizeof(ports[i].spec), "%s", spec ? spec : "");
		snprintf(ports[i].path, sizeof(ports[i].path), "%s", path ? path : "");
		ports[i].behind = json_is_true(json_object_get(item, "behind"));
		ports[i].others = others > 0 && others < CONF_SERVERS_MAX ? (uint32_t)others : 0;
		ports[i].proto = (uint8_t)json_integer_value(json_object_get(item, "proto"));
		if (read_end(&ports[i].host, json_object_get(item, "host")) ||
		    read_end(&ports[i].guest, json_object_get(item, "guest")))
			return -EPROTO;
	}
	guest->view.ports = ports;
	guest->view.port_count = count;
	return 0;
}

/* Joins the words of the command by spaces. */
static char *join(const json_t *words)
{
	size_t size = 1;
	size_t used = 0;
	char *text;

	for (size_t i = 0; i < json_array_size(words); i++)
		size += json_string_length(json_array_get(words, i)) + sizeof("? ") - 1;
	text = calloc(1, size);
	for (size_t i = 0; text && i < json_array_size(words); i++) {
		const char *word = json_string_value(json_array_get(words, i));

		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " " : "",
					 word ? word : "?");
	}
	return text;
}

int cmd_guest_read(struct cmd_guest *guest, const json_t *reply)
{
	struct view_guest *view = &guest->view;
	const char *name = json_string_value(json_object_get(reply, "name"));
	const json_t *message;

	*guest = (struct cmd_guest){ 0 };
	if (!name || !drive_runtime_name_ok(name))
		return -EPROTO;
	snprintf(view->name, sizeof(view->name), "%s", name);
	view->pid = (int)json_integer_value(json_object_get(reply, "pid"));
	view->worker = (int)json_integer_value(json_object_get(reply, "worker"));
	view->init = (int)json_integer_value(json_object_get(reply, "init"));
	view->uid = (uint32_t)json_integer_value(json_object_get(reply, "uid"));
	view->started_s = json_integer_value(json_object_get(reply, "started"));
	view->up_ms = json_integer_value(json_object_get(reply, "uptime_ms"));
	read_address(reply, "address4", &view->addr4, &view->has4);
	read_address(reply, "address6", &view->addr6, &view->has6);
	message = json_object_get(reply, "wall");
	view->wall_in = json_is_true(json_object_get(message, "in"));
	view->wall_out = json_is_true(json_object_get(message, "out"));
	view->shut = json_is_true(json_object_get(message, "shut"));
	view->rules = (uint32_t)json_integer_value(json_object_get(message, "rules"));
	guest->command = join(json_object_get(reply, "command"));
	if (!guest->command)
		return -ENOMEM;
	view->command = guest->command;
	return read_ports(guest, json_object_get(reply, "published"));
}

void cmd_guest_free(struct cmd_guest *guest)
{
	free(guest->ports);
	free(guest->command);
	*guest = (struct cmd_guest){ 0 };
}

int cmd_guest_ask(struct cmd_guest *guest, const char *name, struct drive_error *error)
{
	struct cmd_client client;
	json_t *reply;
	int result = cmd_client_open(&client, name, error);
	bool inside;

	*guest = (struct cmd_guest){ 0 };
	if (result < 0)
		return result;
	inside = cmd_client_is_inside(&client, NULL);
	reply = cmd_client_ask(&client, "info", error);
	if (!reply) {
		cmd_client_close(&client);
		return -EPROTO;
	}
	result = cmd_guest_read(guest, reply);
	if (result < 0) {
		cmd_guest_free(guest);
		drive_fail(error, -result, "the answer of %s makes no sense", name);
	}
	guest->outside = inside;
	json_decref(reply);
	cmd_client_close(&client);
	return result;
}

struct gathering {
	struct cmd_names *names;
	bool failed;
};

static void gather(void *user, const char *name)
{
	struct gathering *gathering = user;
	struct cmd_names *names = gathering->names;
	void *list = realloc(names->list, (names->count + 1) * sizeof(*names->list));

	if (!list) {
		gathering->failed = true;
		return;
	}
	names->list = list;
	snprintf(names->list[names->count++], sizeof(*names->list), "%s", name);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

int cmd_names_read(struct cmd_names *names, struct drive_error *error)
{
	struct gathering gathering = { .names = names };
	int result;

	*names = (struct cmd_names){ 0 };
	result = drive_runtime_list(gather, &gathering, error);
	if (result >= 0 && gathering.failed)
		result = drive_fail(error, ENOMEM, "out of memory");
	if (result < 0) {
		cmd_names_free(names);
		return result;
	}
	if (names->count)
		qsort(names->list, names->count, sizeof(*names->list), compare_names);
	return 0;
}

void cmd_names_free(struct cmd_names *names)
{
	free(names->list);
	*names = (struct cmd_names){ 0 };
}

const char *cmd_names_hint(char *out, size_t size, const char *wrong)
{
	struct cmd_guess guess = { .word = wrong };
	struct cmd_names names;
	size_t used = 0;

	out[0] = 0;
	if (cmd_names_read(&names, NULL) < 0)
		return out;
	for (size_t i = 0; i < names.count; i++)
		cmd_guess_try(&guess, names.list[i]);
	if (guess.best)
		snprintf(out, size, "; did you mean %s?", guess.best);
	else if (!names.count)
		snprintf(out, size, "; no guest is running");
	for (size_t i = 0; !guess.best && i < names.count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s",
					 i ? ", " : "; running: ", names.list[i]);
	cmd_names_free(&names);
	return out;
}

static bool is_there(const char *name)
{
	struct cmd_names names;
	bool found = false;

	if (cmd_names_read(&names, NULL) < 0)
		return false;
	for (size_t i = 0; i < names.count; i++)
		found |= !strcmp(names.list[i], name);
	cmd_names_free(&names);
	return found;
}

int cmd_names_lead(struct cmd_operands *operands, const char *name)
{
	static char **words; /* until the program ends */
	char hint[256];

	if (!name)
		return CMD_GO_ON;
	if (!is_there(name)) {
		cmd_say("no guest or gateway is called %s%s", name,
			cmd_names_hint(hint, sizeof(hint), name));
		return CMD_REFUSED;
	}
	words = calloc((size_t)operands->count + 2, sizeof(words[0]));
	if (!words)
		return CMD_FAILED;
	words[0] = (char *)(uintptr_t)name;
	memcpy(words + 1, operands->words, (size_t)operands->count * sizeof(words[0]));
	operands->words = words;
	operands->count++;
	return CMD_GO_ON;
}
