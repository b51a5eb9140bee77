/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics as text: headings and their order, suffixes, units, labels, values; both forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "view/view.h"

static const struct view_family drops = { VIEW_COUNTER, "drops", NULL, "Not delivered." };
static const struct view_family bytes = { VIEW_COUNTER, "link", "bytes", "Bytes." };
static const struct view_family start = { VIEW_GAUGE, "start_time", "seconds", "Since 1970." };
static const struct view_family build = { VIEW_INFO, "build", NULL, "Who." };

static char *text;
static size_t size;
static struct view_metrics metrics;

static void begin(bool classic)
{
	view_metrics_begin(&metrics, open_memstream(&text, &size), classic);
}

static void assert_text(const char *wanted)
{
	assert_int_equal(view_metrics_end(&metrics), 0);
	fclose(metrics.out);
	assert_string_equal(text, wanted);
	free(text);
}

static void all_types(void)
{
	const struct view_label version = { "version", "1.2" };
	const struct view_label labels[] = { { "guest", "web" }, { "reason", "closed" } };

	view_metrics_family(&metrics, &build);
	view_metrics_sample(&metrics, 1, &version, 1);
	view_metrics_family(&metrics, &drops);
	view_metrics_sample(&metrics, 7, labels, 2);
	view_metrics_sample(&metrics, 8, labels, 2);
	view_metrics_family(&metrics, &bytes);
	view_metrics_sample(&metrics, 9, NULL, 0);
	view_metrics_family(&metrics, &start);
	view_metrics_sample(&metrics, 1.5, NULL, 0);
}

static void open_form(void **state)
{
	(void)state;
	begin(false);
	all_types();
	assert_text("# TYPE minato_build info\n"
		    "# HELP minato_build Who.\n"
		    "minato_build_info{version=\"1.2\"} 1\n"
		    "# TYPE minato_drops counter\n"
		    "# HELP minato_drops Not delivered.\n"
		    "minato_drops_total{guest=\"web\",reason=\"closed\"} 7\n"
		    "minato_drops_total{guest=\"web\",reason=\"closed\"} 8\n"
		    "# TYPE minato_link_bytes counter\n"
		    "# UNIT minato_link_bytes bytes\n"
		    "# HELP minato_link_bytes Bytes.\n"
		    "minato_link_bytes_total 9\n"
		    "# TYPE minato_start_time_seconds gauge\n"
		    "# UNIT minato_start_time_seconds seconds\n"
		    "# HELP minato_start_time_seconds Since 1970.\n"
		    "minato_start_time_seconds 1.5\n"
		    "# EOF\n");
}

static void classic_form(void **state)
{
	(void)state;
	begin(true);
	all_types();
	assert_text("# TYPE minato_build_info gauge\n"
		    "# HELP minato_build_info Who.\n"
		    "minato_build_info{version=\"1.2\"} 1\n"
		    "# TYPE minato_drops_total counter\n"
		    "# HELP minato_drops_total Not delivered.\n"
		    "minato_drops_total{guest=\"web\",reason=\"closed\"} 7\n"
		    "minato_drops_total{guest=\"web\",reason=\"closed\"} 8\n"
		    "# TYPE minato_link_bytes_total counter\n"
		    "# HELP minato_link_bytes_total Bytes.\n"
		    "minato_link_bytes_total 9\n"
		    "# TYPE minato_start_time_seconds gauge\n"
		    "# HELP minato_start_time_seconds Since 1970.\n"
		    "minato_start_time_seconds 1.5\n");
}

static void a_family_without_samples_is_absent(void **state)
{
	(void)state;
	begin(false);
	view_metrics_family(&metrics, &drops);
	view_metrics_family(&metrics, &bytes);
	assert_text("# EOF\n");
}

static void label_values_are_escaped(void **state)
{
	const struct view_label label = { "a", "q\" b\\ n\n t\t \x1b[m \xc3\xa9" };

	(void)state;
	begin(false);
	view_metrics_family(&metrics, &drops);
	view_metrics_sample(&metrics, 0, &label, 1);
	assert_text("# TYPE minato_drops counter\n"
		    "# HELP minato_drops Not delivered.\n"
		    "minato_drops_total{a=\"q\\\" b\\\\ n\\n t? ?[m ??\"} 0\n"
		    "# EOF\n");
}

static void values_are_exact(void **state)
{
	(void)state;
	begin(false);
	view_metrics_family(&metrics, &start);
	view_metrics_sample(&metrics, 9007199254740991.0, NULL, 0);
	view_metrics_sample(&metrics, 0.1, NULL, 0);
	view_metrics_sample(&metrics, 1e300, NULL, 0);
	view_metrics_sample(&metrics, 18446744073709551615.0, NULL, 0);
	assert_text("# TYPE minato_start_time_seconds gauge\n"
		    "# UNIT minato_start_time_seconds seconds\n"
		    "# HELP minato_start_time_seconds Since 1970.\n"
		    "minato_start_time_seconds 9007199254740991\n"
		    "minato_start_time_seconds 0.10000000000000001\n"
		    "minato_start_time_seconds 1.0000000000000001e+300\n"
		    "minato_start_time_seconds 1.8446744073709552e+19\n"
		    "# EOF\n");
}

static void what_cannot_be_written_is_said(void **state)
{
	(void)state;
	view_metrics_begin(&metrics, fopen("/dev/full", "w"), false);
	all_types();
	assert_int_equal(view_metrics_end(&metrics), -EIO);
	fclose(metrics.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_form),
		cmocka_unit_test(classic_form),
		cmocka_unit_test(a_family_without_samples_is_absent),
		cmocka_unit_test(label_values_are_escaped),
		cmocka_unit_test(values_are_exact),
		cmocka_unit_test(what_cannot_be_written_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
