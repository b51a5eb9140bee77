/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics as text, in the two forms that collectors read: OpenMetrics 1.0, where a family has its
 * bare name and the samples its suffix, and Prometheus's older text, where both have the suffix.
 */
#include "view/view.h"

#include <errno.h>

/* A double counts exactly up to here. */
#define EXACT_MAX 9007199254740992.0

void view_metrics_begin(struct view_metrics *metrics, FILE *out, bool classic)
{
	*metrics = (struct view_metrics){ .out = out, .classic = classic };
}

static const char *type_word(const struct view_metrics *metrics, enum view_metric type)
{
	switch (type) {
	case VIEW_GAUGE:
		return "gauge";
	case VIEW_COUNTER:
		return "counter";
	case VIEW_INFO:
		return metrics->classic ? "gauge" : "info";
	}
	return "unknown";
}

static const char *suffix_of(enum view_metric type)
{
	switch (type) {
	case VIEW_GAUGE:
		return "";
	case VIEW_COUNTER:
		return "_total";
	case VIEW_INFO:
		return "_info";
	}
	return "";
}

/* The name of the family's samples, or with `bare` of the family. */
static void put_name(const struct view_metrics *metrics, bool bare)
{
	const struct view_family *family = metrics->family;

	fprintf(metrics->out, "minato_%s%s%s%s", family->name, family->unit ? "_" : "",
		family->unit ? family->unit : "", bare ? "" : suffix_of(family->type));
}

/* Escaped; what is no printable ASCII shows as '?', since the text must be UTF-8. */
static void put_escaped(const struct view_metrics *metrics, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", metrics->out);
		else if (*text == '\\' || *text == '"')
			fprintf(metrics->out, "\\%c", *text);
		else
			putc(*text < ' ' || *text > '~' ? '?' : *text, metrics->out);
	}
}

static void put_heading(const struct view_metrics *metrics, const char *what)
{
	fprintf(metrics->out, "# %s ", what);
	put_name(metrics, !metrics->classic);
	putc(' ', metrics->out);
}

void view_metrics_family(struct view_metrics *metrics, const struct view_family *family)
{
	metrics->family = family;
	metrics->begun = false;
}

/* Before the first sample: of a family without any, nothing is said. */
static void begin_family(struct view_metrics *metrics)
{
	const struct view_family *family = metrics->family;

	metrics->begun = true;
	put_heading(metrics, "TYPE");
	fprintf(metrics->out, "%s\n", type_word(metrics, family->type));
	if (family->unit && !metrics->classic) {
		put_heading(metrics, "UNIT");
		fprintf(metrics->out, "%s\n", family->unit);
	}
	put_heading(metrics, "HELP");
	fprintf(metrics->out, "%s\n", family->help);
}

static void put_value(const struct view_metrics *metrics, double value)
{
	bool counts = value > -EXACT_MAX && value < EXACT_MAX && (double)(int64_t)value == value;

	/* A count as a count; 17 digits hold any other double. */
	fprintf(metrics->out, counts ? " %.0f\n" : " %.17g\n", value);
}

void view_metrics_sample(struct view_metrics *metrics, double value,
			 const struct view_label *labels, size_t count)
{
	if (!metrics->begun)
		begin_family(metrics);
	put_name(metrics, false);
	for (size_t i = 0; i < count; i++) {
		fprintf(metrics->out, "%c%s=\"", i ? ',' : '{', labels[i].name);
		put_escaped(metrics, labels[i].value);
		putc('"', metrics->out);
	}
	if (count)
		putc('}', metrics->out);
	put_value(metrics, value);
}

int view_metrics_end(struct view_metrics *metrics)
{
	if (!metrics->classic)
		fputs("# EOF\n", metrics->out);
	return fflush(metrics->out) || ferror(metrics->out) ? -EIO : 0;
}
