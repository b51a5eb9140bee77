/* SPDX-License-Identifier: BSD-2-Clause */
/* What statements of a gateway or guest say about scans: what they get, and who is told. */
#include "cmd/gateway/gateway.h"
#include "cmd/guard/scans.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void set_policy(struct minato_scan_policy *policy, const struct conf_scans *scans)
{
	static const enum minato_scan_answer answers[] = {
		[CONF_ANSWER_NOTHING] = MINATO_SCAN_ANSWER_NOTHING,
		[CONF_ANSWER_SLOWER] = MINATO_SCAN_ANSWER_SLOWER,
		[CONF_ANSWER_SILENCE] = MINATO_SCAN_ANSWER_SILENCE,
		[CONF_ANSWER_BLOCK] = MINATO_SCAN_ANSWER_BLOCK,
	};

	policy->answer = answers[scans->answer];
	policy->answer_s = scans->answer == CONF_ANSWER_BLOCK ? 0 : scans->seconds;
	if (scans->answer != CONF_ANSWER_BLOCK || !scans->seconds)
		return;
	policy->block_s = scans->seconds;
	policy->block_max_s = scans->grown_s ? scans->grown_s : scans->seconds;
}

int gateway_scans_apply(struct minato *host, const struct conf *conf, bool away)
{
	struct minato_scan_policy policy;

	minato_scan_policy_init(&policy);
	/* What hosts inside try outside is no more watched than beyond a link. */
	policy.away = away;
	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind == CONF_KIND_SCANS)
			set_policy(&policy, &conf->list[i]->scans);
	}
	return minato_scan_set(host, &policy);
}

int gateway_alerts_apply(struct cmd_alerting *alerting, const struct conf *conf,
			 struct drive_error *error)
{
	static const enum cmd_alert_sort sorts[] = {
		[CONF_ALERT_SYSLOG] = CMD_ALERT_SYSLOG,
		[CONF_ALERT_COMMAND] = CMD_ALERT_COMMAND,
		[CONF_ALERT_FILE] = CMD_ALERT_FILE,
	};
	int result = 0;

	cmd_alerting_clear(alerting);
	for (size_t i = 0; i < conf->count && result == 0; i++) {
		const struct conf_statement *one = conf->list[i];

		if (one->kind == CONF_KIND_ALERT)
			result = cmd_alerting_add(alerting, sorts[one->alert.sort], one->alert.path,
						  error);
	}
	return result;
}

/* Why it cannot be told; NULL: it can. */
static const char *what_hinders(const struct conf_alert *alert)
{
	char folder[CONF_PATH_SIZE];
	char *slash;

	if (alert->sort == CONF_ALERT_COMMAND && alert->path[0] != '/')
		return "its path does not begin with /";
	if (alert->sort == CONF_ALERT_COMMAND)
		return access(alert->path, X_OK) < 0 ? strerror(errno) : NULL;
	if (access(alert->path, F_OK) == 0)
		return access(alert->path, W_OK) < 0 ? strerror(errno) : NULL;
	/* It is made. */
	snprintf(folder, sizeof(folder), "%s", alert->path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = 0;
	return access(slash ? folder : ".", W_OK | X_OK) < 0 ? strerror(errno) : NULL;
}

void gateway_alerts_judge(const struct conf *conf, struct conf_report *report)
{
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *one = conf->list[i];
		const char *why = one->kind == CONF_KIND_ALERT &&
						  one->alert.sort != CONF_ALERT_SYSLOG ?
					  what_hinders(&one->alert) :
					  NULL;

		if (why)
			judge_say(report, CONF_ERROR, one, CONF_PART_SUBJECT, 0, "%s: %s",
				  one->alert.sort == CONF_ALERT_COMMAND ?
					  "this command cannot be run" :
					  "this file cannot be written to",
				  why);
	}
}

int gateway_alerts_check(const struct conf *conf, struct drive_error *error)
{
	struct cmd_alerting trial = { .syslog = false };
	int result = gateway_alerts_apply(&trial, conf, error);

	cmd_alerting_clear(&trial);
	return result;
}
