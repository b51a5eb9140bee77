/* SPDX-License-Identifier: BSD-2-Clause */
/* What a gateway's statements say about scans: what they get, and who is told. */
#include "cmd/gateway/gateway.h"
#include "cmd/guard/scans.h"

#include <string.h>

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

int gateway_scans_apply(struct minato *host, const struct conf *conf)
{
	struct minato_scan_policy policy;

	minato_scan_policy_init(&policy);
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

int gateway_alerts_check(const struct conf *conf, struct drive_error *error)
{
	struct cmd_alerting trial = { .syslog = false };
	int result = gateway_alerts_apply(&trial, conf, error);

	cmd_alerting_clear(&trial);
	return result;
}
