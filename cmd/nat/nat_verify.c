/* SPDX-License-Identifier: BSD-2-Clause */
/* minato nat verify: the requirements of the NAT RFCs, run against minato, as a table. */
#include "cmd/nat/nat.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* ---- the run ---- */

static void run_ours(struct cmd_nat_report *report, struct verify_nat *nat)
{
	FILE *dump = report->chosen->packets ? stderr : NULL;

	for (size_t i = 0; i < verify_row_count; i++) {
		if (!is_wanted(report->chosen, &verify_rows[i]))
			continue;
		if (dump)
			fprintf(dump, "%s  %s\n", verify_rows[i].id, verify_rows[i].asks);
		report->ran[i] = true;
		verify_run(&verify_rows[i], nat, dump, &report->ours[i]);
	}
	verify_conclude(report->ran, report->ours);
}

/* Is all as it is expected to be? Says what is not. */
static int judge(const struct cmd_nat_report *report)
{
	size_t met = cmd_nat_met(report, report->ours);
	char list[512] = "";
	int code = CMD_OK;

	for (size_t i = 0; i < verify_row_count; i++) {
		const struct verify_row *row = &verify_rows[i];

		if (!report->ran[i] || !row->expected || report->ours[i].met)
			continue;
		if (strlen(list) + strlen(row->id) + 2 < sizeof(list)) {
			strcat(list, " ");
			strcat(list, row->id);
		}
		code = CMD_REFUSED;
	}
	if (code != CMD_OK)
		cmd_say("these should be met and deviate:%s", list);
	if (report->chosen->row.count == 0 && met < VERIFY_BAR) {
		cmd_say("%zu requirements are met, fewer than %d", met, VERIFY_BAR);
		code = CMD_REFUSED;
	}
	return code;
}

/* The other column, if it is asked for and can be had. */
static void run_theirs(struct cmd_nat_report *report)
{
	struct drive_error error = { "" };
	struct verify_outcome *theirs;

	if (!report->chosen->against)
		return;
	if (isatty(STDERR_FILENO))
		cmd_say("nftables' time is real: this takes a minute");
	theirs = calloc(verify_row_count, sizeof(*theirs));
	if (!theirs || verify_linux_run(report->ran, theirs, &error) < 0) {
		cmd_say("without the column of nftables: %s",
			*error.text ? error.text : "out of memory");
		free(theirs);
		return;
	}
	verify_conclude(report->ran, theirs);
	report->theirs = theirs;
}

static int print(const struct cmd_nat_report *report)
{
	int result = report->chosen->json ? cmd_nat_json(stdout, report) :
					    cmd_nat_text(stdout, report);

	if (result < 0)
		cmd_say("cannot write the table: %s", strerror(-result));
	return result;
}

static int run_report(const struct cmd_nat_options *chosen)
{
	struct cmd_nat_report report = {
		.chosen = chosen,
		.ran = calloc(verify_row_count, sizeof(*report.ran)),
		.ours = calloc(verify_row_count, sizeof(*report.ours)),
	};
	struct verify_nat *nat = verify_own_make(1);
	int code = CMD_FAILED;

	if (nat && report.ran && report.ours) {
		run_ours(&report, nat);
		run_theirs(&report);
		code = judge(&report);
		if (print(&report) < 0)
			code = CMD_FAILED;
	} else {
		cmd_say("out of memory");
	}
	verify_own_free(nat);
	free(report.ran);
	free(report.ours);
	free(report.theirs);
	return code;
}

/* What verify can do besides running rows goes alone. */
static int check_modes(const struct cmd_nat_options *chosen)
{
	bool rows = chosen->row.count || chosen->packets || chosen->against;

	if (chosen->outside && chosen->respond)
		return cmd_usage(&cmd_nat, "--outside and --respond do not go together");
	if ((chosen->outside || chosen->respond) && (rows || chosen->list))
		return cmd_usage(&cmd_nat,
				 "%s runs no rows: it goes without --row, --packets, "
				 "--against and --list",
				 chosen->outside ? "--outside" : "--respond");
	if (chosen->list && (chosen->packets || chosen->against))
		return cmd_usage(&cmd_nat, "--list runs no rows: it goes without --packets and "
					   "--against");
	if (chosen->seconds && !chosen->outside && !chosen->respond)
		return cmd_usage(&cmd_nat, "--for goes with --outside or --respond");
	if (chosen->against && strcmp(chosen->against, "nftables"))
		return cmd_usage(&cmd_nat, "'%s' is no NAT to run against; there is nftables",
				 chosen->against);
	return CMD_GO_ON;
}

int cmd_nat_verify(const struct cmd_nat_options *chosen, const struct cmd_operands *operands)
{
	int code = check_rows(chosen);

	if (code == CMD_GO_ON)
		code = check_modes(chosen);
	if (operands->count)
		return cmd_usage(&cmd_nat, "'%s' is one word too many", operands->words[0]);
	if (code != CMD_GO_ON)
		return code;
	if (chosen->respond)
		return cmd_nat_respond(chosen);
	if (chosen->outside)
		return cmd_nat_grade(chosen);
	return chosen->list ? print_list(chosen) : run_report(chosen);
}
