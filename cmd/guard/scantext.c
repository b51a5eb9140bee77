/* SPDX-License-Identifier: BSD-2-Clause */
/* A scan as a line and as JSON. */
#include "cmd/guard/scans.h"

#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define KINDS_ALL ((1u << MINATO_SCAN_KIND_COUNT) - 1)

bool cmd_scan_sound(const struct minato_scan *scan)
{
	return cmd_channel_is_bool(&scan->recognised) && cmd_channel_is_bool(&scan->blockable) &&
	       (uint32_t)scan->tool < MINATO_SCAN_TOOL_COUNT &&
	       (uint32_t)scan->pattern < MINATO_SCAN_PATTERN_COUNT &&
	       (scan->kinds & ~KINDS_ALL) == 0 && scan->confidence <= 1000 &&
	       scan->port_count <= MINATO_SCAN_PORTS && scan->prefix <= 128;
}

const char *cmd_scan_kinds(char out[CMD_SCAN_KINDS_TEXT], uint32_t kinds)
{
	size_t used = 0;

	out[0] = 0;
	for (uint32_t i = 0; i < MINATO_SCAN_KIND_COUNT; i++) {
		if (kinds & 1u << i)
			used += (size_t)snprintf(out + used, CMD_SCAN_KINDS_TEXT - used, "%s%s",
						 used ? " " : "",
						 minato_scan_kind_name((enum minato_scan_kind)i));
	}
	if (!used)
		(void)snprintf(out, CMD_SCAN_KINDS_TEXT, "unknown");
	return out;
}

const char *cmd_scan_source(char *out, const struct minato_scan *scan)
{
	size_t used = minato_addr_format(&scan->source, out, 64);

	if (scan->prefix < 128)
		(void)snprintf(out + used, 64 - used, "/%u", scan->prefix);
	return out;
}

static const char *times_word(uint32_t count)
{
	return count == 1 ? "" : "s";
}

/* "3 ports of 192.0.2.1 between 20 and 80", "port 443 of some 12 addresses, 192.0.2.9 the last" */
static const char *what_text(char *out, size_t size, const struct minato_scan *scan)
{
	char target[64], of[128];

	minato_addr_format(&scan->target, target, sizeof(target));
	if (scan->targets == MINATO_SCAN_TARGETS_MAX)
		(void)snprintf(of, sizeof(of), "more than 100 addresses, %s the last", target);
	else if (scan->targets > 1)
		(void)snprintf(of, sizeof(of), "some %u addresses, %s the last", scan->targets,
			       target);
	else
		(void)snprintf(of, sizeof(of), "%s", target);
	if (!scan->port_count)
		(void)snprintf(out, size, "%s", of);
	else if (scan->first == scan->last)
		(void)snprintf(out, size, "port %u of %s", scan->first, of);
	else
		(void)snprintf(out, size, "%u port%s of %s between %u and %u", scan->ports_tried,
			       times_word(scan->ports_tried), of, scan->first, scan->last);
	return out;
}

/* ", blocked", and where it is not all of its source, which address. */
static const char *blocked_text(char out[96], const struct minato_scan *scan)
{
	char address[64];

	out[0] = 0;
	if (!scan->blocked_until.ns)
		return out;
	if (minato_addr_is_any(&scan->blocked))
		return ", blocked";
	minato_addr_format(&scan->blocked, address, sizeof(address));
	(void)snprintf(out, 96, ", %s blocked", address);
	return out;
}

const char *cmd_scan_text(char out[CMD_SCAN_TEXT], const struct minato_scan *scan)
{
	char source[64], kinds[CMD_SCAN_KINDS_TEXT], what[192], tool[32] = "", blocked[96];

	if (scan->tool != MINATO_SCAN_TOOL_UNKNOWN)
		(void)snprintf(tool, sizeof(tool), " by %s", minato_scan_tool_name(scan->tool));
	(void)snprintf(out, CMD_SCAN_TEXT,
		       "scan from %s: %s%s, %s, order %s, confidence %u.%u %%, %s%s",
		       cmd_scan_source(source, scan), cmd_scan_kinds(kinds, scan->kinds), tool,
		       what_text(what, sizeof(what), scan), minato_scan_pattern_name(scan->pattern),
		       scan->confidence / 10, scan->confidence % 10,
		       scan->blockable ? "verified" : "its address is not verified",
		       blocked_text(blocked, scan));
	return out;
}

/* ---- JSON ---- */

/* Of an instant of our clock. */
/* syscalls: clock_gettime */
static double since_1970(struct minato_time at)
{
	struct timespec wall;
	int64_t ago_ms = (drive_now().ns - at.ns) / NS_PER_MS;

	(void)clock_gettime(CLOCK_REALTIME, &wall);
	return (double)(wall.tv_sec * 1000 + wall.tv_nsec / NS_PER_MS - ago_ms) / 1000.;
}

static json_t *kinds_of(const struct minato_scan *scan)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < MINATO_SCAN_KIND_COUNT; i++) {
		if (scan->kinds & 1u << i)
			json_array_append_new(
				list, json_string(minato_scan_kind_name((enum minato_scan_kind)i)));
	}
	return list;
}

static json_t *ports_of(const struct minato_scan *scan)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < scan->port_count && i < MINATO_SCAN_PORTS; i++)
		json_array_append_new(list, json_integer(scan->ports[i]));
	return list;
}

static void set(json_t *object, const char *name, json_int_t value)
{
	json_object_set_new(object, name, json_integer(value));
}

static json_t *evidence_of(const struct minato_scan *scan)
{
	json_t *object = json_object();

	set(object, "closed", scan->closed);
	set(object, "half", scan->half);
	set(object, "impossible", scan->impossible);
	set(object, "shared", scan->shared);
	set(object, "empty", scan->empty);
	set(object, "verified", scan->verified);
	return object;
}

static void set_blocked(json_t *object, const struct minato_scan *scan)
{
	char address[64];

	json_object_set_new(object, "blocked_until", json_real(since_1970(scan->blocked_until)));
	if (minato_addr_is_any(&scan->blocked))
		return;
	minato_addr_format(&scan->blocked, address, sizeof(address));
	json_object_set_new(object, "blocked", json_string(address));
}

json_t *cmd_scan_json(const struct minato_scan *scan)
{
	bool is4 = minato_addr_is4(&scan->source);
	char source[64], target[64];
	json_t *object = json_object();

	minato_addr_format(&scan->source, source, sizeof(source));
	minato_addr_format(&scan->target, target, sizeof(target));
	json_object_set_new(object, "source", json_string(source));
	set(object, "prefix", is4 ? scan->prefix - 96 : scan->prefix);
	set(object, "scope", scan->scope);
	json_object_set_new(object, "recognised", json_boolean(scan->recognised));
	json_object_set_new(object, "kinds", kinds_of(scan));
	json_object_set_new(object, "tool", json_string(minato_scan_tool_name(scan->tool)));
	json_object_set_new(object, "pattern",
			    json_string(minato_scan_pattern_name(scan->pattern)));
	json_object_set_new(object, "confidence", json_real(scan->confidence / 1000.));
	set(object, "ports_tried", scan->ports_tried);
	set(object, "lowest", scan->first);
	set(object, "highest", scan->last);
	json_object_set_new(object, "ports", ports_of(scan));
	json_object_set_new(object, "target", json_string(target));
	set(object, "targets", scan->targets);
	json_object_set_new(object, "began", json_real(since_1970(scan->began)));
	json_object_set_new(object, "latest", json_real(since_1970(scan->latest)));
	json_object_set_new(object, "evidence", evidence_of(scan));
	json_object_set_new(object, "verified", json_boolean(scan->blockable));
	set(object, "blocks", scan->blocks);
	if (scan->blocked_until.ns > drive_now().ns)
		set_blocked(object, scan);
	set(object, "number", (json_int_t)scan->number);
	return object;
}
