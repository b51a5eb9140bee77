/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's attempts to go out, as lines for the audit and, what was refused, for the user. */
#include "cmd/guard/attempts.h"
#include "cmd/cmd.h"
#include "conf/conf.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define TELL_AGAIN_NS (60 * NS_PER_S)
#define LINE_MAX_BYTES 4096u /* PIPE_BUF: whole or not at all */

/* ---- the audit's line ---- */

static const char *event_of(enum relay_attempt_sort sort)
{
	switch (sort) {
	case RELAY_ATTEMPT_REFUSED:
		return "refused";
	case RELAY_ATTEMPT_NAME:
		return "name";
	case RELAY_ATTEMPT_ANSWER:
		return "answer";
	case RELAY_ATTEMPT_BEGUN:
		return "begun";
	case RELAY_ATTEMPT_ENDED:
		return "ended";
	}
	return "?";
}

/* Neither TCP, UDP nor ICMP: its number stands in the place of ports. */
static bool is_other(const struct relay_attempt *a)
{
	return (uint8_t)a->proto == MINATO_PROTO_OTHER;
}

static bool has_ports(const struct relay_attempt *a)
{
	return a->proto != MINATO_ICMP && !is_other(a);
}

static const char *proto_of(const struct relay_attempt *a, char out[CONF_PROTOCOL_SIZE])
{
	const unsigned proto = is_other(a) ? a->to.port : (unsigned)a->proto;

	if (proto == MINATO_TCP || proto == MINATO_UDP)
		return proto == MINATO_TCP ? "tcp" : "udp";
	return proto == MINATO_ICMP || proto == IPPROTO_ICMPV6 ?
		       "icmp" :
		       conf_protocol_word(out, (uint8_t)proto);
}

static void put_text(json_t *line, const char *key, const char *text)
{
	if (text)
		(void)json_object_set_new(line, key, view_json_string(text));
}

static void put_end(json_t *line, const char *addr_key, const char *port_key,
		    const struct minato_endpoint *end, bool has_port)
{
	char text[64];

	minato_addr_format(&end->addr, text, sizeof(text));
	put_text(line, addr_key, text);
	if (has_port)
		(void)json_object_set_new(line, port_key, json_integer(end->port));
}

static void put_number(json_t *line, const char *key, uint64_t number)
{
	(void)json_object_set_new(line, key, json_integer((json_int_t)number));
}

char *cmd_attempt_line(const struct relay_attempt *a, const char *guest, int64_t real_ns)
{
	bool flow = a->sort == RELAY_ATTEMPT_REFUSED || a->sort == RELAY_ATTEMPT_BEGUN ||
		    a->sort == RELAY_ATTEMPT_ENDED;
	json_t *line = json_object();
	char proto[CONF_PROTOCOL_SIZE];
	char when[128];
	char *text;

	cmd_moment(real_ns, true, when, sizeof(when));
	put_text(line, "time", when);
	put_text(line, "guest", guest);
	put_text(line, "event", event_of(a->sort));
	if (flow) {
		put_text(line, "proto", proto_of(a, proto));
		put_end(line, "source", "source_port", &a->guest, has_ports(a));
		put_end(line, "destination", "port", &a->to, has_ports(a));
	} else if (a->sort == RELAY_ATTEMPT_ANSWER) {
		put_end(line, "destination", "port", &a->to, false);
	}
	/* Of flows that begin or do not attempting.c finds it. */
	if (a->program && (a->sort == RELAY_ATTEMPT_NAME || a->sort == RELAY_ATTEMPT_ENDED ||
			   (a->sort == RELAY_ATTEMPT_REFUSED && a->flow))) {
		put_text(line, "program", a->program->path);
		put_number(line, "pid", a->program->pid);
	}
	put_text(line, "name", a->name);
	put_text(line, "said", a->said);
	put_text(line, "rule", a->rule);
	put_text(line, "verdict", a->reason ? "refused" : "allowed");
	put_text(line, "reason", a->reason);
	if (a->flow)
		put_number(line, "flow", a->flow);
	if (a->sort == RELAY_ATTEMPT_ENDED) {
		put_number(line, "bytes_in", a->bytes_in);
		put_number(line, "bytes_out", a->bytes_out);
		put_number(line, "lasted_ms", (uint64_t)(a->lasted_ns / 1000000));
	}
	text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(line);
	return text;
}

/* Never waits: what finds no room is counted, and told when there is some. */
/* syscalls: write */
static void write_line(struct cmd_attempts *attempts, const char *text)
{
	char line[LINE_MAX_BYTES];
	int len = snprintf(line, sizeof(line), "%s\n", text);

	if (len <= 0 || (size_t)len >= sizeof(line) ||
	    write(attempts->audit, line, (size_t)len) != len)
		attempts->lost++;
}

static void tell_lost(struct cmd_attempts *attempts)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "{\"event\":\"lost\",\"lines\":%llu}\n",
			   (unsigned long long)attempts->lost);

	if (write(attempts->audit, line, (size_t)len) == len)
		attempts->lost = 0;
}

void cmd_attempts_write(struct cmd_attempts *attempts, const char *text)
{
	if (attempts->lost)
		tell_lost(attempts);
	if (text && !attempts->lost)
		write_line(attempts, text);
	else
		attempts->lost++;
}

/* syscalls: clock_gettime */
static void audit(struct cmd_attempts *attempts, const struct relay_attempt *attempt)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	cmd_attempting_line(attempts, attempt,
			    cmd_attempt_line(attempt, attempts->guest,
					     now.tv_sec * NS_PER_S + now.tv_nsec));
}

/* ---- the user's line ---- */

/* "api.example.com:443", "[2001:db8::1]:53/udp", "192.0.2.1" for an echo. */
static void put_place(const struct relay_attempt *a, const char *name, char *out, size_t size)
{
	char addr[64];
	int used;

	minato_addr_format(&a->to.addr, addr, sizeof(addr));
	if (name)
		used = snprintf(out, size, "%s", name);
	else
		used = snprintf(out, size, minato_addr_is4(&a->to.addr) ? "%s" : "[%s]", addr);
	if (used < 0 || (size_t)used >= size || !has_ports(a))
		return;
	(void)snprintf(out + used, size - (size_t)used, ":%u%s", a->to.port,
		       a->proto == MINATO_UDP ? "/udp" : "");
}

/* "curl -> ", or nothing. */
static size_t put_program(const struct relay_attempt *a, char *out, size_t size)
{
	const char *path = a->program ? a->program->path : "";
	/* What stands in brackets is no path, but what it calls itself. */
	const char *slash = path[0] == '/' ? strrchr(path, '/') : NULL;
	const char *name = slash ? slash + 1 : path;
	int used = *name ? snprintf(out, size, "%.64s -> ", name) : 0;

	return used > 0 && (size_t)used < size ? (size_t)used : 0;
}

static void put_words(const struct relay_attempt *a, char *out, size_t size)
{
	char proto[CONF_PROTOCOL_SIZE];
	char place[320];
	char addr[64];
	size_t used = put_program(a, out, size);

	out += used;
	size -= used;
	put_place(a, a->name, place, sizeof(place));
	if (a->sort == RELAY_ATTEMPT_NAME) {
		(void)snprintf(out, size, "the name %s (not allowed; --allow %s would)", a->name,
			       a->name);
	} else if (a->sort == RELAY_ATTEMPT_ANSWER) {
		minato_addr_format(&a->to.addr, addr, sizeof(addr));
		(void)snprintf(out, size, "%s at %s (%s%s)", a->name, addr, a->reason,
			       a->allowable ? "; --allow-private would" : "");
	} else if (is_other(a)) {
		(void)snprintf(out, size, "%s to %s (%s)", proto_of(a, proto), place, a->reason);
	} else if (a->flow) {
		(void)snprintf(out, size, "%s (%s%s%s)", place, a->reason, a->said ? ": " : "",
			       a->said ? a->said : "");
	} else if (a->allowable) {
		(void)snprintf(out, size, "%s (%s; --allow %s would)", place, a->reason, place);
	} else {
		(void)snprintf(out, size, "%s%s (%s)", a->proto == MINATO_ICMP ? "ping " : "",
			       place, a->reason);
	}
}

/* A program's file may be called anything, also what a terminal obeys, or a line of ours. */
void cmd_attempt_words(const struct relay_attempt *a, char *out, size_t size)
{
	put_words(a, out, size);
	for (; *out; out++) {
		if (*out < ' ' || *out > '~')
			*out = '?';
	}
}

static uint64_t hash_of(const char *text)
{
	uint64_t hash = 14695981039346656037u;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 1099511628211u;
	return hash ? hash : 1;
}

/* The place of this refusal among those told, or of the oldest, which gives way. */
static struct cmd_told *place_of(struct cmd_told list[CMD_TOLD_KINDS], uint64_t hash)
{
	struct cmd_told *oldest = &list[0];

	for (size_t i = 0; i < CMD_TOLD_KINDS; i++) {
		struct cmd_told *one = &list[i];

		if (one->hash == hash)
			return one;
		if (one->at_ns < oldest->at_ns)
			oldest = one;
	}
	*oldest = (struct cmd_told){ .hash = hash };
	return oldest;
}

static void tell(struct cmd_attempts *attempts, const struct relay_attempt *attempt)
{
	int64_t now = drive_now().ns;
	struct cmd_told *told;
	char words[512];

	cmd_attempt_words(attempt, words, sizeof(words));
	told = place_of(attempts->told, hash_of(words));
	if (told->at_ns && now - told->at_ns < TELL_AGAIN_NS) {
		told->since++;
		return;
	}
	if (attempts->lines >= CMD_TOLD_MAX)
		return;
	if (++attempts->lines == CMD_TOLD_MAX)
		cmd_say("refused: further ones are not told%s",
			attempts->audit >= 0 ? "; --audit has them all" :
					       " (--audit FILE notes them all)");
	else if (told->since)
		cmd_say("refused: %s, %u times more", words, told->since);
	else
		cmd_say("refused: %s", words);
	told->at_ns = now;
	told->since = 0;
}

/*
 * Each packet of such a protocol is one more event, since no flow is made of it: of a protocol and
 * destination one is noted in a minute.
 */
static bool is_noted(struct cmd_attempts *attempts, const struct relay_attempt *attempt)
{
	struct cmd_told *noted;
	char words[512];
	int64_t now;

	if (!is_other(attempt))
		return false;
	now = drive_now().ns;
	cmd_attempt_words(attempt, words, sizeof(words));
	noted = place_of(attempts->others, hash_of(words));
	if (noted->at_ns && now - noted->at_ns < TELL_AGAIN_NS)
		return true;
	noted->at_ns = now;
	return false;
}

void cmd_attempts_take(void *user, const struct relay_attempt *attempt)
{
	struct cmd_attempts *attempts = user;

	if (is_noted(attempts, attempt))
		return;
	if (attempts->audit >= 0)
		audit(attempts, attempt);
	if (attempt->reason && !attempts->quiet)
		tell(attempts, attempt);
}
