/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads filters. Two stacks instead of recursion: operators that wait for their right side, and
 * the nodes that are their sides.
 */
#include "view/filter.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t\r\n"

/* What ends a word: of the grammar's own, and of an operand, which may hold = < > and !. */
#define ENDS_WORD BLANKS "()&|=<>!"
#define ENDS_OPERAND BLANKS "()&|"

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_NOT,
	TOKEN_AND,
	TOKEN_OR,
	TOKEN_COMPARE,
};

struct token {
	enum token_kind kind;
	enum filter_compare compare;
	size_t at, length;
};

/* Longer signs first, so that none is taken for its beginning. */
static const struct sign {
	const char *text;
	enum token_kind kind;
	enum filter_compare compare;
} signs[] = {
	{ "(", TOKEN_OPEN, 0 },
	{ ")", TOKEN_CLOSE, 0 },
	{ "&&", TOKEN_AND, 0 },
	{ "&", TOKEN_AND, 0 },
	{ "||", TOKEN_OR, 0 },
	{ "|", TOKEN_OR, 0 },
	{ "==", TOKEN_COMPARE, FILTER_EQ },
	{ "=", TOKEN_COMPARE, FILTER_EQ },
	{ "!=", TOKEN_COMPARE, FILTER_NE },
	{ ">=", TOKEN_COMPARE, FILTER_GE },
	{ ">", TOKEN_COMPARE, FILTER_GT },
	{ "<=", TOKEN_COMPARE, FILTER_LE },
	{ "<", TOKEN_COMPARE, FILTER_LT },
	{ "!", TOKEN_NOT, 0 },
}, words[] = {
	{ "and", TOKEN_AND, 0 },	    { "or", TOKEN_OR, 0 },
	{ "not", TOKEN_NOT, 0 },	    { "eq", TOKEN_COMPARE, FILTER_EQ },
	{ "ne", TOKEN_COMPARE, FILTER_NE }, { "neq", TOKEN_COMPARE, FILTER_NE },
	{ "gt", TOKEN_COMPARE, FILTER_GT }, { "lt", TOKEN_COMPARE, FILTER_LT },
	{ "ge", TOKEN_COMPARE, FILTER_GE }, { "geq", TOKEN_COMPARE, FILTER_GE },
	{ "le", TOKEN_COMPARE, FILTER_LE }, { "leq", TOKEN_COMPARE, FILTER_LE },
};

static const struct predicate {
	const char *name;
	enum filter_op op;
	bool peer;
} predicates[] = {
	{ "src", FILTER_HOST, false },	   { "dst", FILTER_HOST, true },
	{ "sport", FILTER_PORT, false },   { "dport", FILTER_PORT, true },
	{ "dev", FILTER_DEVICE, false },   { "fwmark", FILTER_MARK, false },
	{ "cgroup", FILTER_GROUP, false }, { "autobound", FILTER_AUTOBOUND, false },
};

#define BIT(state) (1u << (state))
#define CONNECTED FILTER_STATES_CONNECTED
#define BUCKET (BIT(MINATO_SYN_RECEIVED) | BIT(MINATO_TIME_WAIT))

/* The names of ss(8), then those that listings show. */
static const struct state_name {
	const char *name;
	uint32_t states;
} state_names[] = {
	{ "established", BIT(MINATO_ESTABLISHED) },
	{ "syn-sent", BIT(MINATO_SYN_SENT) },
	{ "syn-recv", BIT(MINATO_SYN_RECEIVED) },
	{ "fin-wait-1", BIT(MINATO_FIN_WAIT_1) },
	{ "fin-wait-2", BIT(MINATO_FIN_WAIT_2) },
	{ "time-wait", BIT(MINATO_TIME_WAIT) },
	{ "closed", BIT(MINATO_CLOSED) },
	{ "close-wait", BIT(MINATO_CLOSE_WAIT) },
	{ "last-ack", BIT(MINATO_LAST_ACK) },
	{ "listening", BIT(MINATO_LISTEN) },
	{ "closing", BIT(MINATO_CLOSING) },
	{ "bound-inactive", FILTER_STATE_BOUND },
	{ "all", UINT32_MAX },
	{ "connected", CONNECTED },
	{ "synchronized", CONNECTED & ~BIT(MINATO_SYN_SENT) },
	{ "bucket", BUCKET },
	{ "big", ~(BUCKET | FILTER_STATE_NONE) },
	{ "estab", BIT(MINATO_ESTABLISHED) },
	{ "listen", BIT(MINATO_LISTEN) },
	{ "unconn", BIT(MINATO_CLOSED) },
	{ "close", BIT(MINATO_CLOSED) },
	{ "syn-rcv", BIT(MINATO_SYN_RECEIVED) },
	{ "bound", FILTER_STATE_BOUND },
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const char *const state_candidates[] = {
	"established", "syn-sent",   "syn-recv", "fin-wait-1",	 "fin-wait-2", "time-wait",
	"closed",      "close-wait", "last-ack", "listening",	 "closing",    "bound-inactive",
	"all",	       "connected",  "bucket",	 "synchronized", "big",	       NULL
};
static const char *const predicate_candidates[] = { "src",    "dst",	   "sport", "dport",
						    "dev",    "fwmark",	   "and",   "or",
						    "cgroup", "autobound", "not",   "state",
						    NULL };

struct parser {
	const char *text;
	size_t at;
	const struct filter_names *names;
	struct filter_program *program;
	struct filter_error *error;
	struct token waiting[FILTER_DEPTH_MAX]; /* operators and open parentheses */
	size_t waiting_count;
	uint16_t sides[FILTER_DEPTH_MAX];
	size_t side_count;
};

static int fail(struct parser *parser, const struct token *token, const char *what)
{
	parser->error->at = token->at;
	parser->error->length = token->length;
	snprintf(parser->error->what, sizeof(parser->error->what), "%s", what);
	return -EINVAL;
}

/* ---- words ---- */

static size_t skip_blanks(const char *text, size_t at)
{
	for (;;) {
		at += strspn(text + at, BLANKS);
		if (text[at] != '#' || (at && text[at - 1] != '\n'))
			return at;
		at += strcspn(text + at, "\n");
	}
}

/* The length of a word; what a backslash stands before does not end it. */
static size_t word_length(const char *word, const char *ends)
{
	size_t length = 0;

	while (word[length] && !strchr(ends, word[length]))
		length += word[length] == '\\' && word[length + 1] ? 2 : 1;
	return length;
}

static bool is_word(const char *text, const struct token *token, const char *word)
{
	return strlen(word) == token->length && !strncmp(text + token->at, word, token->length);
}

/* The next token, which stays. */
static struct token peek(const struct parser *parser)
{
	struct token token = { .at = skip_blanks(parser->text, parser->at) };
	const char *text = parser->text + token.at;

	if (!*text)
		return token;
	for (size_t i = 0; i < COUNT(signs); i++) {
		token.length = strlen(signs[i].text);
		token.kind = signs[i].kind;
		token.compare = signs[i].compare;
		if (!strncmp(text, signs[i].text, token.length))
			return token;
	}
	token.length = word_length(text, ENDS_WORD);
	token.kind = TOKEN_WORD;
	for (size_t i = 0; i < COUNT(words); i++) {
		if (is_word(parser->text, &token, words[i].text)) {
			token.kind = words[i].kind;
			token.compare = words[i].compare;
		}
	}
	return token;
}

static void take(struct parser *parser, const struct token *token)
{
	parser->at = token->at + token->length;
}

/* The next word as an operand, without its backslashes. */
static int take_operand(struct parser *parser, char word[FILTER_WORD_MAX], struct token *token)
{
	size_t used = 0;

	*token = (struct token){ .at = skip_blanks(parser->text, parser->at) };
	token->length = word_length(parser->text + token->at, ENDS_OPERAND);
	if (!token->length)
		return fail(parser, token, "something to compare with is missing here");
	for (size_t i = 0; i < token->length; i++) {
		const char *from = parser->text + token->at + i;

		if (*from == '\\' && i + 1 < token->length) {
			from++;
			i++;
		}
		if (used + 1 == FILTER_WORD_MAX)
			return fail(parser, token, "this word is too long");
		word[used++] = *from;
	}
	word[used] = 0;
	take(parser, token);
	return 0;
}

/* ---- nodes ---- */

static int add_node(struct parser *parser, const struct filter_node *node,
		    const struct token *token)
{
	struct filter_program *program = parser->program;

	if (program->count == FILTER_NODES_MAX || parser->side_count == FILTER_DEPTH_MAX)
		return fail(parser, token, "the filter has too many parts");
	parser->sides[parser->side_count++] = (uint16_t)program->count;
	program->nodes[program->count++] = *node;
	return 0;
}

static int join(struct parser *parser, enum filter_op op, const struct token *token)
{
	struct filter_node node = { .op = op };

	if (op != FILTER_NOT)
		node.right = parser->sides[--parser->side_count];
	node.left = parser->sides[--parser->side_count];
	return add_node(parser, &node, token);
}

/* Higher binds closer. An open parenthesis waits for its other. */
static int rank(enum token_kind kind)
{
	switch (kind) {
	case TOKEN_NOT:
		return 3;
	case TOKEN_AND:
		return 2;
	case TOKEN_OR:
		return 1;
	case TOKEN_OPEN:
	case TOKEN_END:
	case TOKEN_WORD:
	case TOKEN_CLOSE:
	case TOKEN_COMPARE:
		return 0;
	}
	return 0;
}

static enum filter_op op_of(enum token_kind kind)
{
	return kind == TOKEN_NOT ? FILTER_NOT : kind == TOKEN_AND ? FILTER_AND : FILTER_OR;
}

/* Joins what waits and binds at least so closely. */
static int reduce(struct parser *parser, int least)
{
	while (parser->waiting_count) {
		const struct token *top = &parser->waiting[parser->waiting_count - 1];

		if (rank(top->kind) < least)
			return 0;
		parser->waiting_count--;
		if (join(parser, op_of(top->kind), top))
			return -EINVAL;
	}
	return 0;
}

static int let_wait(struct parser *parser, const struct token *token)
{
	if (parser->waiting_count == FILTER_DEPTH_MAX)
		return fail(parser, token, "the filter is nested too deeply");
	parser->waiting[parser->waiting_count++] = *token;
	return 0;
}

/* ---- predicates ---- */

static const struct predicate *predicate_of(const struct parser *parser, const struct token *token)
{
	for (size_t i = 0; i < COUNT(predicates); i++) {
		if (token->kind == TOKEN_WORD && is_word(parser->text, token, predicates[i].name))
			return &predicates[i];
	}
	return NULL;
}

static int read_operand(struct parser *parser, struct filter_operands *operands)
{
	struct filter_node *node = &operands->nodes[0];
	char word[FILTER_WORD_MAX];
	struct token token;
	int result;

	operands->count = 1;
	if (take_operand(parser, word, &token))
		return -EINVAL;
	parser->error->at = token.at;
	parser->error->length = token.length;
	if (node->op == FILTER_HOST)
		result = filter_operand_host(operands, word, parser->names, parser->error);
	else if (node->op == FILTER_PORT)
		result = filter_operand_port(node, word, parser->names, parser->error);
	else
		result = filter_operand_other(node, word, parser->names, parser->error);
	return result;
}

/* = where there is nothing; only ports have an order. */
static int read_compare(struct parser *parser, struct filter_node *node)
{
	struct token token = peek(parser);

	node->compare = FILTER_EQ;
	if (token.kind != TOKEN_COMPARE)
		return 0;
	node->compare = token.compare;
	if (node->op != FILTER_PORT && token.compare > FILTER_NE)
		return fail(parser, &token, "expected = or !=; only ports are more or less");
	take(parser, &token);
	return 0;
}

static int read_predicate(struct parser *parser, const struct predicate *predicate,
			  const struct token *token)
{
	struct filter_operands operands = { .count = 1 };
	struct filter_node *first = &operands.nodes[0];
	enum filter_compare compare = FILTER_EQ;

	*first = (struct filter_node){ .op = predicate->op, .peer = predicate->peer };
	take(parser, token);
	if (predicate->op != FILTER_AUTOBOUND) {
		if (read_compare(parser, first))
			return -EINVAL;
		compare = first->compare;
		if (read_operand(parser, &operands))
			return -EINVAL;
	}
	for (size_t i = 0; i < operands.count; i++) {
		if (add_node(parser, &operands.nodes[i], token) ||
		    (i && join(parser, FILTER_OR, token)))
			return -EINVAL;
	}
	if (predicate->op != FILTER_PORT && compare == FILTER_NE)
		return join(parser, FILTER_NOT, token);
	return 0;
}

/* ---- the grammar ---- */

static const struct state_name *state_of(const struct parser *parser, const struct token *token)
{
	for (size_t i = 0; token->kind == TOKEN_WORD && i < COUNT(state_names); i++) {
		const char *name = state_names[i].name;

		if (strlen(name) == token->length &&
		    !strncasecmp(parser->text + token->at, name, token->length))
			return &state_names[i];
	}
	return NULL;
}

static bool is_state_word(const struct parser *parser, const struct token *token)
{
	return is_word(parser->text, token, "state") || is_word(parser->text, token, "exclude") ||
	       is_word(parser->text, token, "excl");
}

/* Says what belongs here, and knows what people write instead. */
static int no_predicate(struct parser *parser, const struct token *token)
{
	const char *word = parser->text + token->at;

	if (token->kind == TOKEN_END)
		return fail(parser, token,
			    "the filter ends too early: expected src, dst, sport, dport, dev, "
			    "fwmark, cgroup or autobound");
	if (is_state_word(parser, token))
		return fail(parser, token, "state words stand before everything else");
	if (state_of(parser, token))
		return fail(parser, token, "each state has a word before it: state or exclude");
	if (*word == ':')
		return fail(parser, token, "sport or dport says whose port this is");
	if (strchr("0123456789[*", *word))
		return fail(parser, token, "src or dst says whose address this is");
	parser->error->candidates = predicate_candidates;
	return fail(parser, token,
		    "expected src, dst, sport, dport, dev, fwmark, cgroup or autobound");
}

/* Up to the end of a predicate, with what stands before it. */
static int read_side(struct parser *parser)
{
	struct token token = peek(parser);
	const struct predicate *predicate;

	while (token.kind == TOKEN_OPEN || token.kind == TOKEN_NOT) {
		if (let_wait(parser, &token))
			return -EINVAL;
		take(parser, &token);
		token = peek(parser);
	}
	predicate = predicate_of(parser, &token);
	if (!predicate)
		return no_predicate(parser, &token);
	return read_predicate(parser, predicate, &token);
}

static int close_parentheses(struct parser *parser)
{
	struct token token;

	for (token = peek(parser); token.kind == TOKEN_CLOSE; token = peek(parser)) {
		if (reduce(parser, rank(TOKEN_OR)))
			return -EINVAL;
		if (!parser->waiting_count)
			return fail(parser, &token, "no '(' belongs to this");
		parser->waiting_count--;
		take(parser, &token);
	}
	return 0;
}

static int read_expression(struct parser *parser)
{
	struct token token = peek(parser);

	while (token.kind != TOKEN_END) {
		if (read_side(parser) || close_parentheses(parser))
			return -EINVAL;
		token = peek(parser);
		if (token.kind == TOKEN_END)
			break;
		if (token.kind == TOKEN_AND || token.kind == TOKEN_OR)
			take(parser, &token);
		else /* two predicates side by side */
			token = (struct token){ .kind = TOKEN_AND, .at = token.at };
		if (reduce(parser, rank(token.kind)) || let_wait(parser, &token))
			return -EINVAL;
		token = peek(parser);
		if (token.kind == TOKEN_END)
			return no_predicate(parser, &token);
	}
	if (reduce(parser, rank(TOKEN_OR)))
		return -EINVAL;
	if (parser->waiting_count)
		return fail(parser, &parser->waiting[parser->waiting_count - 1],
			    "this '(' is not closed");
	return 0;
}

static int read_state(struct parser *parser, uint32_t *states)
{
	struct token token = peek(parser);
	const struct state_name *found = state_of(parser, &token);

	if (found) {
		*states = found->states;
		take(parser, &token);
		return 0;
	}
	parser->error->candidates = state_candidates;
	return fail(parser, &token,
		    "expected a state: established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, "
		    "time-wait, closed, close-wait, last-ack, listening, closing, all, connected, "
		    "synchronized, bucket or big");
}

static int read_states(struct parser *parser)
{
	struct filter_program *program = parser->program;
	uint32_t states;

	for (;;) {
		struct token token = peek(parser);
		bool state = is_word(parser->text, &token, "state");

		if (!is_state_word(parser, &token))
			return 0;
		take(parser, &token);
		if (read_state(parser, &states))
			return -EINVAL;
		if (!program->stated)
			program->states = state ? 0 : UINT32_MAX;
		program->stated = true;
		program->states = state ? program->states | states : program->states & ~states;
	}
}

int filter_parse(struct filter_program *program, const char *text, const struct filter_names *names,
		 struct filter_error *error)
{
	struct parser parser = { .text = text, .names = names, .program = program, .error = error };

	program->count = 0;
	program->stated = false;
	program->states = 0;
	*error = (struct filter_error){ 0 };
	if (strlen(text) > FILTER_TEXT_MAX) {
		snprintf(error->what, sizeof(error->what), "the filter is longer than %d bytes",
			 FILTER_TEXT_MAX);
		return -EINVAL;
	}
	if (read_states(&parser))
		return -EINVAL;
	return read_expression(&parser);
}

void filter_point(FILE *out, const char *text, const struct filter_error *error)
{
	size_t begin = error->at;
	size_t length;
	size_t marks = 0;

	while (begin && text[begin - 1] != '\n')
		begin--;
	length = strcspn(text + begin, "\n");
	fputs("  ", out);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[begin + i];

		putc(c < ' ' || c >= 0x7f ? (c == '\t' ? ' ' : '?') : c, out);
	}
	fprintf(out, "\n  %*s", (int)(error->at - begin), "");
	do
		putc('^', out);
	while (++marks < error->length);
	putc('\n', out);
}
