/* SPDX-License-Identifier: BSD-2-Clause */
/* minato nat verify: the requirements of the NAT RFCs as a table. */
#include "cmd/nat.h"

#include <string.h>

/* Is the row among those that were asked for? All are where none was. */
static bool is_wanted(const struct cmd_nat_options *chosen, const struct verify_row *row)
{
	for (size_t i = 0; i < chosen->row.count; i++) {
		if (verify_find(chosen->row.text[i]) == row)
			return true;
	}
	return chosen->row.count == 0;
}

static int check_rows(const struct cmd_nat_options *chosen)
{
	for (size_t i = 0; i < chosen->row.count; i++) {
		struct cmd_guess guess = { .word = chosen->row.text[i] };

		if (verify_find(chosen->row.text[i]))
			continue;
		for (size_t j = 0; j < verify_row_count; j++)
			cmd_guess_try(&guess, verify_rows[j].id);
		return cmd_usage(&cmd_nat, "there is no row '%s'%s%s%s", guess.word,
				 guess.best ? "; did you mean " : "", guess.best ? guess.best : "",
				 guess.best ? "?" : "; --list shows all");
	}
	return CMD_GO_ON;
}

static int print_list(const struct cmd_nat_options *chosen)
{
	if (!chosen->no_header)
		printf("%-12s %-6s %s\n", "id", "level", "asks");
	for (size_t i = 0; i < verify_row_count; i++) {
		const struct verify_row *row = &verify_rows[i];

		if (is_wanted(chosen, row))
			printf("%-12s %-6s %s\n", row->id, verify_level_word(row->level),
			       row->asks);
	}
	return CMD_OK;
}

int cmd_nat_verify(const struct cmd_nat_options *chosen, const struct cmd_operands *operands)
{
	int code = check_rows(chosen);

	if (operands->count)
		return cmd_usage(&cmd_nat, "'%s' is one word too many", operands->words[0]);
	if (code != CMD_GO_ON)
		return code;
	if (chosen->list)
		return print_list(chosen);
	return cmd_usage(&cmd_nat, "verify wants --list");
}
