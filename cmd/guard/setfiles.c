/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets whose members are in files: read beside the statements that name them. */
#include "cmd/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SET_FILE_MAX (32u << 20)

static int read_one(struct conf *conf, const struct conf_statement *set, struct drive_error *error)
{
	struct cmd_text text;
	struct drive_error why;
	uint32_t wrong;
	int result = cmd_text_read(&text, set->set.path, SET_FILE_MAX, &why);

	if (result < 0)
		return drive_fail(error, -result, "the set %s: %s", set->set.name, why.text);
	result = conf_set_lines(conf, set, text.bytes, text.size, &wrong);
	free(text.bytes);
	if (result == -EINVAL)
		return drive_fail(error, EINVAL,
				  "%s:%u: a line of the set %s is no prefix, as 192.0.2.0/24",
				  set->set.path, wrong, set->set.name);
	if (result < 0)
		return drive_fail(error, -result, "the set %s: %s", set->set.name,
				  strerror(-result));
	return 0;
}

int cmd_sets_read(struct conf *conf, struct conf_report *report)
{
	size_t count = conf->count;
	struct drive_error error;
	bool right = true;

	for (size_t i = 0; i < count; i++) {
		const struct conf_statement *one = conf->list[i];
		int result = 0;

		if (one->kind == CONF_KIND_SET && one->set.path[0])
			result = read_one(conf, one, &error);
		if (result == -ENOMEM)
			return result;
		if (result < 0)
			judge_say(report, CONF_ERROR, one, CONF_PART_TARGET, 0, "%s", error.text);
		right &= result == 0;
	}
	return right ? conf_sets_judge(conf, report) : -EINVAL;
}
