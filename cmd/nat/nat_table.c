/* SPDX-License-Identifier: BSD-2-Clause */
/* What minato nat verify found, as a table for people or programs. */
#include "cmd/nat/nat.h"

#include <errno.h>

size_t cmd_nat_met(const struct cmd_nat_report *report, const struct verify_outcome *outcomes)
{
	size_t met = 0;

	for (size_t i = 0; i < VERIFY_REQUIREMENTS; i++)
		met += report->ran[i] && outcomes[i].met;
	return met;
}

static size_t count_run(const struct cmd_nat_report *report)
{
	size_t count = 0;

	for (size_t i = 0; i < VERIFY_REQUIREMENTS; i++)
		count += report->ran[i];
	return count;
}

static const char *result_word(const struct verify_outcome *outcome)
{
	return outcome->met ? "met" : "deviates";
}

int cmd_nat_text(FILE *out, const struct cmd_nat_report *report)
{
	bool both = report->theirs != NULL;
	size_t count = count_run(report);

	if (!report->chosen->no_header)
		fprintf(out, "%-11s %-9s%s why\n", "id", "result", both ? " nftables " : "");
	for (size_t i = 0; i < verify_row_count; i++) {
		if (!report->ran[i])
			continue;
		fprintf(out, "%-11s %-9s", verify_rows[i].id, result_word(&report->ours[i]));
		if (both)
			fprintf(out, " %-9s", result_word(&report->theirs[i]));
		fprintf(out, " %s\n", report->ours[i].why);
		if (both)
			fprintf(out, "%31s nftables: %s\n", "", report->theirs[i].why);
	}
	if (count && !report->chosen->no_header) {
		fprintf(out, "\n%zu of %zu requirements are met\n",
			cmd_nat_met(report, report->ours), count);
		if (both)
			fprintf(out, "nftables: %zu of %zu\n", cmd_nat_met(report, report->theirs),
				count);
	}
	return fflush(out) ? -EIO : 0;
}

static json_t *row_of(const struct cmd_nat_report *report, size_t i)
{
	const struct verify_row *row = &verify_rows[i];
	json_t *object = json_pack("{s:s,s:s,s:s,s:b,s:b,s:s,s:s}", "id", row->id, "asks",
				   row->asks, "level", verify_level_word(row->level), "settles",
				   i >= VERIFY_REQUIREMENTS, "expected", row->expected, "result",
				   result_word(&report->ours[i]), "why", report->ours[i].why);

	if (report->theirs)
		json_object_set_new(object, "nftables",
				    json_pack("{s:s,s:s}", "result",
					      result_word(&report->theirs[i]), "why",
					      report->theirs[i].why));
	return object;
}

int cmd_nat_json(FILE *out, const struct cmd_nat_report *report)
{
	json_t *rows = json_array();
	json_t *object = json_pack("{s:i,s:I,s:I,s:i,s:o}", "v", VIEW_JSON_VERSION, "run",
				   (json_int_t)count_run(report), "met",
				   (json_int_t)cmd_nat_met(report, report->ours), "bar", VERIFY_BAR,
				   "rows", rows);
	int result = 0;

	if (!object)
		return -ENOMEM;
	if (report->theirs)
		json_object_set_new(object, "nftables_met",
				    json_integer((json_int_t)cmd_nat_met(report, report->theirs)));
	for (size_t i = 0; i < verify_row_count; i++) {
		if (report->ran[i])
			json_array_append_new(rows, row_of(report, i));
	}
	if (json_dumpf(object, out, JSON_INDENT(1)) || putc('\n', out) == EOF || fflush(out))
		result = -EIO;
	json_decref(object);
	return result;
}
