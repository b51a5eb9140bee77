/* SPDX-License-Identifier: BSD-2-Clause */
/* Ranges of ports in a balanced tree that knows how far each part reaches. */
#include "port/port.h"

#include "base/check.h"

/* The way from the root to a node: the places that point to each on it. */
struct path {
	uint32_t *place[INTERVAL_HEIGHT_MAX];
	uint32_t depth;
};

static uint32_t height(const struct interval *nodes, uint32_t node)
{
	return node == POOL_NONE ? 0 : nodes[node].height;
}

static bool before(const struct interval *nodes, uint32_t a, uint32_t b)
{
	if (nodes[a].first != nodes[b].first)
		return nodes[a].first < nodes[b].first;
	if (nodes[a].last != nodes[b].last)
		return nodes[a].last < nodes[b].last;
	return a < b;
}

static void take_in(struct interval *n, const struct interval *child)
{
	if (child->reach > n->reach)
		n->reach = child->reach;
	if (child->heaviest > n->heaviest)
		n->heaviest = child->heaviest;
}

/* Works out what a node knows of its subtree. */
static void refresh(struct interval *nodes, uint32_t node)
{
	struct interval *n = &nodes[node];
	uint32_t left = height(nodes, n->left);
	uint32_t right = height(nodes, n->right);

	n->height = (uint8_t)((left > right ? left : right) + 1);
	n->reach = n->last;
	n->heaviest = n->weight;
	if (left > 0)
		take_in(n, &nodes[n->left]);
	if (right > 0)
		take_in(n, &nodes[n->right]);
}

/* The left child goes up; returns the new top. */
static uint32_t turn_right(struct interval *nodes, uint32_t node)
{
	uint32_t top = nodes[node].left;

	nodes[node].left = nodes[top].right;
	nodes[top].right = node;
	refresh(nodes, node);
	refresh(nodes, top);
	return top;
}

static uint32_t turn_left(struct interval *nodes, uint32_t node)
{
	uint32_t top = nodes[node].right;

	nodes[node].right = nodes[top].left;
	nodes[top].left = node;
	refresh(nodes, node);
	refresh(nodes, top);
	return top;
}

/* Refreshes a node and, where one side is two higher, turns it. */
static uint32_t balanced(struct interval *nodes, uint32_t node)
{
	struct interval *n = &nodes[node];
	uint32_t left = height(nodes, n->left);
	uint32_t right = height(nodes, n->right);

	if (left > right + 1) {
		const struct interval *child = &nodes[n->left];
		if (height(nodes, child->left) < height(nodes, child->right))
			n->left = turn_left(nodes, n->left);
		return turn_right(nodes, node);
	}
	if (right > left + 1) {
		const struct interval *child = &nodes[n->right];
		if (height(nodes, child->right) < height(nodes, child->left))
			n->right = turn_right(nodes, n->right);
		return turn_left(nodes, node);
	}
	refresh(nodes, node);
	return node;
}

static void step(struct path *path, uint32_t *place)
{
	check(path->depth < INTERVAL_HEIGHT_MAX);
	path->place[path->depth++] = place;
}

static void rebalance(struct interval *nodes, struct path *path)
{
	while (path->depth > 0) {
		uint32_t *place = path->place[--path->depth];
		if (*place != POOL_NONE)
			*place = balanced(nodes, *place);
	}
}

/* Walks down to `node`, or to the empty place where it belongs. */
static void descend(struct interval *nodes, uint32_t *root, uint32_t node,
		    struct path *path)
{
	uint32_t *place = root;

	path->depth = 0;
	step(path, place);
	while (*place != POOL_NONE && *place != node) {
		if (before(nodes, node, *place))
			place = &nodes[*place].left;
		else
			place = &nodes[*place].right;
		step(path, place);
	}
}

void interval_insert(struct interval *nodes, uint32_t *root, uint32_t node)
{
	struct path path;

	check(nodes[node].first <= nodes[node].last);
	descend(nodes, root, node, &path);
	check(*path.place[path.depth - 1] == POOL_NONE);
	nodes[node].left = POOL_NONE;
	nodes[node].right = POOL_NONE;
	*path.place[path.depth - 1] = node;
	rebalance(nodes, &path);
}

/*
 * Puts the next node in order in the place of `node`, which has two children.
 * The path goes on to where that one was taken from.
 */
static void replace_by_next(struct interval *nodes, uint32_t node,
			    struct path *path)
{
	uint32_t *top = path->place[path->depth - 1];
	uint32_t first_below = path->depth;
	uint32_t *place = &nodes[node].right;
	uint32_t next;

	step(path, place);
	while (nodes[*place].left != POOL_NONE) {
		place = &nodes[*place].left;
		step(path, place);
	}
	next = *place;
	*place = nodes[next].right;
	nodes[next].left = nodes[node].left;
	nodes[next].right = nodes[node].right;
	*top = next;
	path->place[first_below] = &nodes[next].right;
}

void interval_remove(struct interval *nodes, uint32_t *root, uint32_t node)
{
	struct path path;
	uint32_t *place;

	descend(nodes, root, node, &path);
	place = path.place[path.depth - 1];
	check(*place == node);
	if (nodes[node].left == POOL_NONE)
		*place = nodes[node].right;
	else if (nodes[node].right == POOL_NONE)
		*place = nodes[node].left;
	else
		replace_by_next(nodes, node, &path);
	rebalance(nodes, &path);
}

/* Goes to the leftmost node of a subtree that may still meet the range. */
static void descend_left(struct interval_walk *w, uint32_t node)
{
	while (node != POOL_NONE && w->nodes[node].reach >= w->low) {
		check(w->depth < INTERVAL_HEIGHT_MAX);
		w->stack[w->depth++] = node;
		node = w->nodes[node].left;
	}
}

void interval_start(struct interval_walk *w, const struct interval *nodes,
		    uint32_t root, uint16_t low, uint16_t high)
{
	check(low <= high);
	w->nodes = nodes;
	w->low = low;
	w->high = high;
	w->depth = 0;
	descend_left(w, root);
}

uint32_t interval_next(struct interval_walk *w)
{
	while (w->depth > 0) {
		uint32_t node = w->stack[--w->depth];
		const struct interval *n = &w->nodes[node];
		/* All further nodes begin at or after this one. */
		if (n->first > w->high)
			break;
		descend_left(w, n->right);
		if (n->last >= w->low)
			return node;
	}
	w->depth = 0;
	return POOL_NONE;
}

/* The node of a subtree that weighs as much as the heaviest of it. */
static uint32_t descend_heaviest(const struct interval *nodes, uint32_t node)
{
	const uint64_t weight = nodes[node].heaviest;

	while (nodes[node].weight != weight) {
		const uint32_t left = nodes[node].left;
		const bool is_left = left != POOL_NONE &&
				     nodes[left].heaviest == weight;
		node = is_left ? left : nodes[node].right;
	}
	return node;
}

uint32_t interval_heaviest(const struct interval *nodes, uint32_t root,
			   uint16_t limit)
{
	uint32_t best = POOL_NONE; /* a node, or all of a subtree below it */
	uint64_t weight = 0;
	bool subtree = false;

	while (root != POOL_NONE) {
		const struct interval *n = &nodes[root];
		if (n->first > limit) {
			root = n->left;
			continue;
		}
		if (n->weight > weight) {
			weight = n->weight;
			best = root;
			subtree = false;
		}
		if (n->left != POOL_NONE && nodes[n->left].heaviest > weight) {
			weight = nodes[n->left].heaviest;
			best = n->left;
			subtree = true;
		}
		root = n->right;
	}
	return subtree ? descend_heaviest(nodes, best) : best;
}

uint32_t interval_find(const struct interval *nodes, uint32_t root,
		       uint16_t first, uint16_t last)
{
	while (root != POOL_NONE) {
		const struct interval *n = &nodes[root];
		if (n->first == first && n->last == last)
			return root;
		root = first < n->first ||
				       (first == n->first && last < n->last) ?
			       n->left :
			       n->right;
	}
	return POOL_NONE;
}
