/* SPDX-License-Identifier: BSD-2-Clause */
/* A filter in its one form. */
#include "view/filter.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define PREFIX4 96

struct paper {
	char *out;
	size_t size, used;
};

static void put(struct paper *paper, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct paper *paper, const char *format, ...)
{
	size_t room = paper->used < paper->size ? paper->size - paper->used : 0;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(room ? paper->out + paper->used : NULL, room, format, args);
	va_end(args);
	paper->used += length > 0 ? (size_t)length : 0;
}

static const char *const state_names[] = {
	NULL,	      "established", "syn-sent", "syn-recv",	   "fin-wait-1",
	"fin-wait-2", "time-wait",   "closed",	 "close-wait",	   "last-ack",
	"listening",  "closing",     NULL,	 "bound-inactive",
};

/* What is no socket is said to be in no state, so it is there when nothing but "exclude" is. */
static void put_states(struct paper *paper, uint32_t states)
{
	bool none = states & FILTER_STATE_NONE;
	size_t before = paper->used;

	for (size_t i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++) {
		bool wanted = (states >> i) & 1;

		if (state_names[i] && wanted != none)
			put(paper, "%s %s ", none ? "exclude" : "state", state_names[i]);
	}
	if (paper->used == before)
		put(paper, none ? "state all " : "exclude all ");
}

static void put_host(struct paper *paper, const struct filter_node *node)
{
	unsigned before = node->family == 4 ? PREFIX4 : 0;
	bool mapped = node->family == 6 && minato_addr_is4(&node->addr);
	char text[64];

	minato_addr_format(&node->addr, text, sizeof(text));
	put(paper, "%s %s", node->peer ? "dst" : "src", node->strict ? "inet:" : "");
	if (!node->family)
		put(paper, "*");
	else
		put(paper, "%s%s%s", node->family == 6 ? "[" : "", mapped ? "::ffff:" : "", text);
	if (node->family && node->prefix < 128)
		put(paper, "/%u", node->prefix - before);
	if (node->family == 6)
		put(paper, "]");
	if (node->ported)
		put(paper, ":%u", node->port);
}

static void put_predicate(struct paper *paper, const struct filter_node *node)
{
	static const char *const signs[] = { "=", "!=", ">", "<", ">=", "<=" };

	switch (node->op) {
	case FILTER_HOST:
		put_host(paper, node);
		break;
	case FILTER_PORT:
		put(paper, "%s %s :%u", node->peer ? "dport" : "sport", signs[node->compare],
		    node->port);
		break;
	case FILTER_DEVICE:
		put(paper, "dev %" PRIu32, node->interface);
		break;
	case FILTER_MARK:
		put(paper, "fwmark 0x%" PRIx32 "/0x%" PRIx32, node->mark, node->mask);
		break;
	case FILTER_GROUP:
		put(paper, "cgroup %" PRIu64, node->group);
		break;
	case FILTER_AUTOBOUND:
		put(paper, "autobound");
		break;
	case FILTER_AND:
	case FILTER_OR:
	case FILTER_NOT:
		break;
	}
}

/* An operator needs parentheses inside one that binds closer. */
static bool needs_parentheses(enum filter_op op, enum filter_op within)
{
	if (op == FILTER_OR)
		return within != FILTER_OR;
	return op == FILTER_AND && within == FILTER_NOT;
}

/* A node on its way to the paper: what stands within it follows step by step. */
struct step {
	uint16_t node;
	enum filter_op within;
	uint8_t done;
};

/* One piece of an operator; the node that is to be put next, or -1 when it is whole. */
static int put_piece(struct paper *paper, const struct filter_node *node, struct step *step)
{
	bool parentheses = needs_parentheses(node->op, step->within);
	bool binary = node->op == FILTER_AND || node->op == FILTER_OR;

	switch (step->done++) {
	case 0:
		put(paper, "%s%s", parentheses ? "( " : "", node->op == FILTER_NOT ? "not " : "");
		return node->left;
	case 1:
		if (!binary)
			return -1;
		put(paper, node->op == FILTER_AND ? " and " : " or ");
		return node->right;
	default:
		put(paper, parentheses ? " )" : "");
		return -1;
	}
}

static void put_nodes(struct paper *paper, const struct filter_program *program)
{
	struct step steps[FILTER_NODES_MAX + 1];
	size_t depth = 0;

	steps[depth++] = (struct step){ (uint16_t)(program->count - 1), FILTER_OR, 0 };
	while (depth) {
		struct step *top = &steps[depth - 1];
		const struct filter_node *node = &program->nodes[top->node];
		int next = -1;

		if (node->op > FILTER_NOT)
			put_predicate(paper, node);
		else
			next = put_piece(paper, node, top);
		if (next < 0)
			depth--;
		else
			steps[depth++] = (struct step){ (uint16_t)next, node->op, 0 };
	}
}

size_t filter_print(char *out, size_t size, const struct filter_program *program)
{
	struct paper paper = { out, size, 0 };

	if (size)
		out[0] = 0;
	if (program->stated)
		put_states(&paper, program->states);
	if (program->count)
		put_nodes(&paper, program);
	return paper.used;
}
