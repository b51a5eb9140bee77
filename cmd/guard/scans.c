/* SPDX-License-Identifier: BSD-2-Clause */
/* minato scans: who tries the doors of gateways and guests that run. */
#include "cmd/guard/scans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct scans_options {
	bool json, no_header, all;
	const char *name, *forget;
};

#define AT(field) offsetof(struct scans_options, field)

static const struct cmd_option options[] = {
	{ CMD_TEXT, 'n', "name", "GUEST", AT(name), 0, 0, "Of this guest or gateway alone." },
	{ CMD_FLAG, 'a', "all", NULL, AT(all), 0, 0,
	  "Also sources that failed and are no scan, or not yet." },
	{ CMD_FLAG, 'H', "no-header", NULL, AT(no_header), 0, 0, "No heading." },
	{ CMD_FLAG, 0, "json", NULL, AT(json), 0, 0, "JSON; minato-scans(1) says which members." },
	{ CMD_TEXT, 0, "forget", "ADDRESS", AT(forget), 0, 0,
	  "It was none: forget it, and end its block." },
};

/* ---- asking ---- */

/* Appends what one of them tells, with its name. 0 or negative errno with a text. */
static int gather(json_t *list, const char *name, struct drive_error *error)
{
	struct cmd_client client;
	bool done = false;
	int result = cmd_client_open(&client, name, error);

	if (result == 0)
		result = cmd_client_send(&client, json_pack("{s:s}", "request", "scans"), error);
	while (result == 0 && !done) {
		json_t *reply = cmd_client_next(&client, error);
		json_t *row;
		size_t i;

		if (!reply) {
			result = -EPROTO;
			break;
		}
		json_array_foreach(json_object_get(reply, "scans"), i, row)
		{
			if (json_is_object(row) &&
			    json_object_set_new(row, "name", json_string(name)) == 0)
				json_array_append(list, row);
		}
		done = json_is_true(json_object_get(reply, "done"));
		json_decref(reply);
	}
	cmd_client_close(&client);
	return result;
}

static int gather_all(json_t *list)
{
	struct drive_error error;
	struct cmd_names names;

	if (cmd_names_read(&names, &error) < 0) {
		cmd_say("%s", error.text);
		return CMD_FAILED;
	}
	for (size_t i = 0; i < names.count; i++) {
		if (gather(list, names.list[i], &error) < 0)
			cmd_say("%s: %s", names.list[i], error.text);
	}
	cmd_names_free(&names);
	return CMD_OK;
}

static int gather_one(json_t *list, const char *name)
{
	struct drive_error error;

	if (gather(list, name, &error) == 0)
		return CMD_OK;
	cmd_say("%s", error.text);
	return CMD_REFUSED;
}

/* ---- printing ---- */

/* Text of ours; what is none shows as "?". */
static const char *word(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));

	return text && *text &&
			       text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
						 "WXYZ0123456789.:-/_")] == 0 ?
		       text :
		       "?";
}

static json_int_t number(const json_t *row, const char *name)
{
	return json_integer_value(json_object_get(row, name));
}

static const char *source_word(char *out, size_t size, const json_t *row)
{
	json_int_t prefix = number(row, "prefix");
	const char *source = word(row, "source");
	bool whole = prefix == (strchr(source, ':') ? 128 : 32);

	(void)snprintf(out, size, whole ? "%s" : "%s/%d", source, (int)prefix);
	return out;
}

static const char *kinds_word(char *out, size_t size, const json_t *row)
{
	const json_t *kinds = json_object_get(row, "kinds");
	size_t used = 0;

	out[0] = 0;
	for (size_t i = 0; i < json_array_size(kinds) && used < size; i++) {
		json_t *one = json_pack("{s:O}", "w", json_array_get(kinds, i));

		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? "," : "",
					 word(one, "w"));
		json_decref(one);
	}
	return used ? out : "-";
}

static const char *time_word(char *out, size_t size, const json_t *row, const char *name)
{
	time_t at = (time_t)json_real_value(json_object_get(row, name));
	struct tm local;

	if (!localtime_r(&at, &local) || !strftime(out, size, "%m-%d %H:%M:%S", &local))
		(void)snprintf(out, size, "?");
	return out;
}

static const char *state_word(const json_t *row)
{
	if (json_object_get(row, "blocked_until"))
		return "blocked";
	if (!json_is_true(json_object_get(row, "recognised")))
		return "suspected";
	return json_is_true(json_object_get(row, "verified")) ? "verified" : "scan";
}

static void print_row(const json_t *row)
{
	char source[64], kinds[CMD_SCAN_KINDS_TEXT], began[32], latest[32];

	printf("%-12s %-22s %-9s %-20s %-8s %6d %-11s %5.1f%%  %s  %s\n", word(row, "name"),
	       source_word(source, sizeof(source), row), state_word(row),
	       kinds_word(kinds, sizeof(kinds), row), word(row, "tool"),
	       (int)number(row, "ports_tried"), word(row, "pattern"),
	       100 * json_real_value(json_object_get(row, "confidence")),
	       time_word(began, sizeof(began), row, "began"),
	       time_word(latest, sizeof(latest), row, "latest"));
}

static bool is_wanted(const struct scans_options *chosen, const json_t *row)
{
	return chosen->all || json_is_true(json_object_get(row, "recognised"));
}

static int print(const struct scans_options *chosen, const json_t *list)
{
	json_t *wanted = json_array();
	json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		if (is_wanted(chosen, row))
			json_array_append(wanted, row);
	}
	if (chosen->json) {
		json_t *all = json_pack("{s:i,s:O}", "v", VIEW_JSON_VERSION, "scans", wanted);

		json_dumpf(all, stdout, JSON_INDENT(2));
		printf("\n");
		json_decref(all);
	} else {
		if (!chosen->no_header)
			printf("%-12s %-22s %-9s %-20s %-8s %6s %-11s %6s  %-14s  %s\n", "NAME",
			       "SOURCE", "STATE", "KINDS", "TOOL", "PORTS", "ORDER", "CONF",
			       "FIRST", "LAST");
		json_array_foreach(wanted, i, row) print_row(row);
	}
	json_decref(wanted);
	return fflush(stdout) == 0 ? CMD_OK : CMD_FAILED;
}

/* ---- forgetting ---- */

static int forget_row(const json_t *row)
{
	struct cmd_client client;
	struct drive_error error;
	json_t *reply = NULL;
	json_t *request =
		json_pack("{s:s,s:I}", "request", "scan-forget", "number", number(row, "number"));
	int result = cmd_client_open(&client, word(row, "name"), &error);

	if (result < 0)
		json_decref(request);
	else
		result = cmd_client_send(&client, request, &error);
	if (result == 0)
		reply = cmd_client_next(&client, &error);
	if (!reply)
		cmd_say("%s", error.text);
	cmd_client_close(&client);
	json_decref(reply);
	return reply ? CMD_OK : CMD_REFUSED;
}

/* An address, or one with the length of its prefix, of which IPv4 has at most 32. */
struct block {
	struct minato_addr addr;
	unsigned bits; /* of 128 */
	bool whole;    /* one address */
};

static bool read_block(struct block *block, const char *text)
{
	const size_t head = strcspn(text, "/");
	char address[64], *end = NULL;
	unsigned long most, bits;

	if (head >= sizeof(address))
		return false;
	memcpy(address, text, head);
	address[head] = 0;
	if (minato_addr_parse(address, &block->addr) != 0)
		return false;
	most = minato_addr_is4(&block->addr) ? 32 : 128;
	bits = most;
	if (text[head]) {
		bits = strtoul(text + head + 1, &end, 10);
		if (text[head + 1] < '0' || text[head + 1] > '9' || *end || bits > most)
			return false;
	}
	block->bits = (unsigned)(bits + 128 - most);
	block->whole = bits == most;
	return true;
}

static bool is_within(const struct minato_addr *addr, const struct block *block)
{
	const unsigned bytes = block->bits / 8;
	const unsigned rest = block->bits % 8;

	return memcmp(addr->bytes, block->addr.bytes, bytes) == 0 &&
	       (!rest || (addr->bytes[bytes] ^ block->addr.bytes[bytes]) >> (8 - rest) == 0);
}

/*
 * Whether that source is meant: the same, written in whatever way, or that of an address within
 * it; by its first address alone too.
 */
static bool is_meant(const struct block *wanted, const struct block *source)
{
	return wanted->whole ? is_within(&wanted->addr, source) :
			       wanted->bits == source->bits && is_within(&wanted->addr, source);
}

static int forget(const struct scans_options *chosen, const json_t *list)
{
	struct block wanted, block;
	int code = CMD_REFUSED;
	bool found = false;
	json_t *row;
	size_t i;

	if (!read_block(&wanted, chosen->forget))
		return cmd_usage(&cmd_scans, "--forget '%s': that is no address", chosen->forget);
	json_array_foreach(list, i, row)
	{
		char source[64];

		if (!read_block(&block, source_word(source, sizeof(source), row)) ||
		    !is_meant(&wanted, &block))
			continue;
		found = true;
		code = forget_row(row);
		/* More than was named is let in again. */
		if (code == CMD_OK && wanted.whole && !block.whole)
			printf("%s: %s is forgotten, in which that address is\n", word(row, "name"),
			       source);
	}
	if (!found)
		cmd_say("no scan from %s is known", chosen->forget);
	return code;
}

static int run(int argc, char **argv)
{
	struct scans_options chosen = { 0 };
	struct cmd_operands operands;
	json_t *list;
	int code = cmd_parse(&cmd_scans, argv, &chosen, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	if (operands.count)
		return cmd_usage(&cmd_scans, "'%s' is one word too many", operands.words[0]);
	code = cmd_names_lead(&operands, chosen.name);
	if (code != CMD_GO_ON)
		return code;
	list = json_array();
	code = chosen.name ? gather_one(list, chosen.name) : gather_all(list);
	if (code == CMD_OK)
		code = chosen.forget ? forget(&chosen, list) : print(&chosen, list);
	json_decref(list);
	return code;
}

const struct cmd_command cmd_scans = {
	.name = "scans",
	.args = "",
	.summary = "List who tries the ports of guests and gateways.",
	.about = "A scan is recognised by what its first contacts with ports led to: about four\n"
		 "failures that no success outweighs, however slowly they come.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.run = run,
};
