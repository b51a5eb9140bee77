/* SPDX-License-Identifier: BSD-2-Clause */
/* minato nat verify --outside and --respond: what a NAT elsewhere does. */
#include "cmd/nat/nat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ADDR[:PORT] up to `end`; false for what is none. */
static bool read_end(const char *text, size_t len, struct verify_end *out)
{
	char word[32];
	struct in_addr addr;
	const char *colon;
	char *rest = word;
	long port = VERIFY_PORT;

	if (len >= sizeof(word))
		return false;
	memcpy(word, text, len);
	word[len] = '\0';
	colon = strchr(word, ':');
	if (colon) {
		word[colon - word] = '\0';
		port = strtol(colon + 1, &rest, 10);
		if (rest == colon + 1 || *rest)
			return false;
	}
	if (port < 1 || port > UINT16_MAX - 1 || inet_pton(AF_INET, word, &addr) != 1)
		return false;
	*out = (struct verify_end){ ntohl(addr.s_addr), (uint16_t)port };
	return true;
}

int cmd_nat_respond(const struct cmd_nat_options *chosen)
{
	struct drive_error error;
	struct verify_end at;

	if (!read_end(chosen->respond, strlen(chosen->respond), &at))
		return cmd_usage(&cmd_nat, "'%s' is no IPv4 address with or without a port",
				 chosen->respond);
	if (verify_respond(&at, (double)chosen->seconds, &error) == 0)
		return CMD_OK;
	cmd_say("%s", error.text);
	return CMD_FAILED;
}

/* ---- the grade ---- */

static const char *filtering_word(const struct verify_grade *g)
{
	return g->filtering_known ? verify_dependence_word(g->filtering) : "unknown";
}

static const char *hairpin_word(const struct verify_grade *g)
{
	return !g->hairpin ? "no" : g->hairpin_external ? "yes" : "internal-source";
}

static void print_timer(const struct verify_grade *g)
{
	if (g->timed && g->over_s > 0)
		printf("%-14s lived %.1f s idle, over after %.1f s\n", "udp-timer", g->lived_s,
		       g->over_s);
	else if (g->timed)
		printf("%-14s lived %.1f s idle\n", "udp-timer", g->lived_s);
	else
		printf("%-14s not measured (--for)\n", "udp-timer");
}

static void print_foretold(const struct verify_grade *g)
{
	printf("%-14s ", "prediction");
	switch (verify_foretold(g)) {
	case VERIFY_UNJUDGED:
		printf("not judged: %u mapping%s, and 16 are wanted\n", g->got,
		       g->got == 1 ? "" : "s");
		break;
	case VERIFY_BY_CHANCE:
		printf("not told from chance: the best of %u predictors guessed %u of %u, luck "
		       "reaches %u (six bits of the port)\n",
		       g->predictors, g->guessed, g->got, g->reach);
		break;
	case VERIFY_BY_INSIDE:
		printf("predictable: the port inside is kept, %u of %u\n", g->preserved, g->got);
		break;
	case VERIFY_BY_ORDER:
		printf("predictable: \"%s\" guessed %u of %u, luck reaches %u (six bits of the "
		       "port)\n",
		       g->predictor, g->guessed, g->got, g->reach);
		break;
	}
}

static json_t *foretold_words(const struct verify_grade *g)
{
	const enum verify_foretold by = verify_foretold(g);

	return json_pack("{s:o,s:o,s:I,s:I,s:f,s:I,s:s}", "predictable",
			 by == VERIFY_UNJUDGED ? json_null() : json_boolean(by != VERIFY_BY_CHANCE),
			 "predicted_by",
			 by == VERIFY_BY_INSIDE ? json_string("the port inside") :
			 by == VERIFY_BY_ORDER	? json_string(g->predictor) :
						  json_null(),
			 "predictors", (json_int_t)g->predictors, "guessed",
			 (json_int_t)g->guessed, "guessed_by_chance", g->chance, "luck_reaches",
			 (json_int_t)g->reach, "predictor", g->predictor);
}

static void print_grade(const struct verify_grade *g)
{
	char local[24], mapped[24];

	printf("%-14s %s is %s outside%s\n", "mapped", verify_end_text(local, g->local),
	       verify_end_text(mapped, g->mapped), g->translated ? "" : ": no NAT");
	printf("%-14s %s (RFC 4787 REQ-1)\n", "mapping", verify_dependence_word(g->mapping));
	printf("%-14s %s (RFC 4787 REQ-8)\n", "filtering", filtering_word(g));
	printf("%-14s %s (RFC 4787 REQ-9)\n", "hairpin", hairpin_word(g));
	print_timer(g);
	printf("%-14s %u of %u asked for%s\n", "ports", g->got, g->asked,
	       g->evicted ? "; the first one was gone then" : "");
	printf("%-14s %u of %u (RFC 4787 REQ-4)\n", "parity-kept", g->parity, g->got);
	printf("%-14s %u of %u\n", "port-kept", g->preserved, g->got);
	printf("%-14s %s: %u outside address%s (RFC 4787 REQ-2)\n", "pooling",
	       g->addresses > 1 ? "arbitrary" : "paired", g->addresses,
	       g->addresses == 1 ? "" : "es");
	print_foretold(g);
	printf("%-14s outward %s, inward %s (RFC 4787 REQ-14)\n", "fragments",
	       g->fragments_out ? "yes" : "no", g->fragments_in ? "yes" : "no");
}

static int print_json(const struct verify_grade *g)
{
	char local[24], mapped[24];
	json_t *object = json_pack(
		"{s:i,s:s,s:s,s:b,s:s,s:s,s:s,s:o,s:o,s:I,s:I,s:b,s:I,s:I,s:I,s:b,s:b}",
		"v", VIEW_JSON_VERSION, "local", verify_end_text(local, g->local), "mapped",
		verify_end_text(mapped, g->mapped), "translated", g->translated, "mapping",
		verify_dependence_word(g->mapping), "filtering", filtering_word(g), "hairpin",
		hairpin_word(g), "udp_lived_s", g->timed ? json_real(g->lived_s) : json_null(),
		"udp_over_s", g->timed && g->over_s > 0 ? json_real(g->over_s) : json_null(),
		"asked", (json_int_t)g->asked, "got", (json_int_t)g->got, "evicted", g->evicted,
		"parity_kept", (json_int_t)g->parity, "port_kept", (json_int_t)g->preserved,
		"addresses", (json_int_t)g->addresses, "fragments_out", g->fragments_out,
		"fragments_in", g->fragments_in);
	int code = CMD_OK;

	if (object && json_object_update_new(object, foretold_words(g)) < 0) {
		json_decref(object);
		object = NULL;
	}
	if (!object || json_dumpf(object, stdout, JSON_INDENT(1)) || putchar('\n') == EOF) {
		cmd_say("cannot write the grade");
		code = CMD_FAILED;
	}
	json_decref(object);
	return code;
}

int cmd_nat_grade(const struct cmd_nat_options *chosen)
{
	struct verify_plan plan = { .seconds = (double)chosen->seconds,
				    .ports = (uint32_t)chosen->ports };
	const char *text = chosen->outside;
	const char *comma = strchr(text, ',');
	struct drive_error error;
	struct verify_grade grade;

	if (!comma || !read_end(text, (size_t)(comma - text), &plan.server[0]) ||
	    !read_end(comma + 1, strlen(comma + 1), &plan.server[1]))
		return cmd_usage(&cmd_nat, "'%s' is not two IPv4 addresses, with or without ports",
				 text);
	if (plan.server[0].addr == plan.server[1].addr)
		return cmd_usage(&cmd_nat, "the two responders must have two addresses");
	if (verify_grade(&plan, &grade, &error) < 0) {
		cmd_say("%s", error.text);
		return CMD_FAILED;
	}
	if (chosen->json)
		return print_json(&grade);
	print_grade(&grade);
	return CMD_OK;
}
