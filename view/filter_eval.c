/* SPDX-License-Identifier: BSD-2-Clause */
/* What a filter says of a row. */
#include "view/filter.h"

#include <string.h>
#include <strings.h>

#define BIT(state) (1u << (state))
#define WAITING (BIT(MINATO_LISTEN) | BIT(MINATO_CLOSED))
/* What a kernel keeps small: no descriptor leads to it. */
#define BUCKET (BIT(MINATO_SYN_RECEIVED) | BIT(MINATO_TIME_WAIT))

uint32_t filter_state_bit(const struct view_row *row)
{
	for (unsigned state = MINATO_ESTABLISHED; state <= MINATO_CLOSING; state++) {
		if (!strcasecmp(row->state, view_state_word(MINATO_TCP, (enum minato_state)state)))
			return BIT(state);
	}
	return strcmp(row->state, "BOUND") ? FILTER_STATE_NONE : FILTER_STATE_BOUND;
}

uint32_t filter_states(const struct view_filter *filter)
{
	if (filter->program && filter->program->stated)
		return filter->program->states;
	if (filter->all)
		return UINT32_MAX;
	if (filter->listening)
		return WAITING | FILTER_STATE_NONE;
	return ~(WAITING | BUCKET | FILTER_STATE_BOUND | FILTER_STATE_NONE);
}

static bool same_bits(const struct minato_addr *a, const struct minato_addr *b, unsigned count)
{
	unsigned whole = count / 8;
	unsigned rest = count % 8;

	for (unsigned i = 0; i < whole; i++) {
		if (a->bytes[i] != b->bytes[i])
			return false;
	}
	return !rest || (a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest) == 0;
}

/* The row of a network is meant by each of its addresses; a wildcard only by itself, as in ss. */
static bool address_matches(const struct filter_node *node, const struct view_row *row,
			    const struct view_end *end)
{
	bool is4 = minato_addr_is4(&end->addr);
	unsigned count = node->prefix;

	if (!node->family)
		return true;
	if (node->family == 6 && is4 && !row->is6)
		return false;
	if (node->family == 4 && (!is4 || (node->strict && row->is6)))
		return false;
	if (!minato_addr_is_any(&end->addr) && end->prefix < count)
		count = end->prefix;
	return same_bits(&node->addr, &end->addr, count);
}

/* A row of several ports is meant by each of them; that of any port by 0, as in ss. */
static bool port_matches(enum filter_compare compare, uint16_t port, const struct view_end *end)
{
	uint16_t last = end->first || end->last < UINT16_MAX ? end->last : 0;
	bool within = end->first <= port && port <= last;

	switch (compare) {
	case FILTER_EQ:
		return within;
	case FILTER_NE:
		return !within;
	case FILTER_GT:
		return last > port;
	case FILTER_LT:
		return end->first < port;
	case FILTER_GE:
		return last >= port;
	case FILTER_LE:
		return end->first <= port;
	}
	return false;
}

static bool host_matches(const struct filter_node *node, const struct view_row *row,
			 const struct view_end *end)
{
	return address_matches(node, row, end) &&
	       (!node->ported || port_matches(FILTER_EQ, node->port, end));
}

static bool value_of(const struct filter_node *node, const struct view_row *row, const bool *values)
{
	const struct view_end *end = node->peer ? &row->peer : &row->local;

	switch (node->op) {
	case FILTER_AND:
		return values[node->left] && values[node->right];
	case FILTER_OR:
		return values[node->left] || values[node->right];
	case FILTER_NOT:
		return !values[node->left];
	case FILTER_HOST:
		return host_matches(node, row, end);
	case FILTER_PORT:
		return port_matches(node->compare, node->port, end);
	case FILTER_DEVICE:
		return row->interface == node->interface;
	case FILTER_MARK:
		return (row->mark & node->mask) == node->mark;
	case FILTER_GROUP:
		return row->cgroup == node->group;
	case FILTER_AUTOBOUND:
		return row->autobound;
	}
	return false;
}

bool filter_match(const struct filter_program *program, const struct view_row *row)
{
	bool values[FILTER_NODES_MAX];

	for (size_t i = 0; i < program->count; i++)
		values[i] = value_of(&program->nodes[i], row, values);
	return !program->count || values[program->count - 1];
}

bool filter_asks(const struct filter_program *program, enum filter_op op)
{
	for (size_t i = 0; program && i < program->count; i++) {
		if (program->nodes[i].op == op)
			return true;
	}
	return false;
}
