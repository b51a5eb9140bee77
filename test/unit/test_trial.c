/* SPDX-License-Identifier: BSD-2-Clause */
/* The test lines of a file: what becomes of their packets, and what is said where it is not met. */
#include "conf_fixture.h"

#define HOST "inside tap lan0 10.0.0.1/24\noutside host\n"

static struct conf_verdict verdicts[64];
static size_t verdict_count;

static void take(void *user, const struct conf_verdict *verdict)
{
	(void)user;
	assert_true(verdict_count < 64);
	verdicts[verdict_count++] = *verdict;
}

static void run(const char *text)
{
	size_t culprit = 0;
	int result;

	no_fault(text);
	verdict_count = 0;
	result = conf_try(&conf, take, NULL, &culprit);
	if (result != 0)
		fail_msg("%d at line %u", result, conf.list[culprit].line);
}

/* The one test is met, or not met with this instead. */
static void met(const char *text)
{
	run(text);
	assert_int_equal(verdict_count, 1);
	if (!verdicts[0].met)
		fail_msg("%s: %s", strstr(text, "test"), verdicts[0].got);
}

static void got(const char *text, const char *instead)
{
	run(text);
	assert_int_equal(verdict_count, 1);
	assert_false(verdicts[0].met);
	assert_string_equal(verdicts[0].got, instead);
}

#define FROM "test tcp from 203.0.113.9 to 198.51.100.1:"

static void no_tests(void **state)
{
	(void)state;
	run(HOST);
	assert_int_equal(verdict_count, 0);
}

static void over_the_host(void **state)
{
	(void)state;
	met(HOST "forward tcp 80 to 10.0.0.2\n" FROM "80 reaches 10.0.0.2:80\n");
	met(HOST "forward tcp 80 to 10.0.0.2\n" FROM "81 is closed\n");
	got(HOST "forward tcp 80 to 10.0.0.2\n" FROM "81 is dropped\n", "is closed");
	got(HOST "forward tcp 80 to 10.0.0.2\n" FROM "80 is closed\n",
	    "reaches 10.0.0.2:80 by line 3");
	met(HOST "forward tcp 80-89 to 10.0.0.2:180\n" FROM "85 reaches 10.0.0.2:185\n");
	met(HOST "forward tcp 9 to unix:/run/app\n" FROM "9 reaches unix:/run/app\n");
	got(HOST "forward tcp 9 to unix:/run/app\n" FROM "9 reaches unix:/run/apq\n",
	    "reaches unix:/run/app by line 3");
	met(HOST "forward tcp 9 to 10.0.0.2:90 proxy v2\n" FROM "9 reaches 10.0.0.2:90\n");
	met(HOST "forward tcp 9 to 10.0.0.2 from 203.0.113.0/24\n" FROM "9 reaches 10.0.0.2:9\n");
	met(HOST "forward tcp 9 to 10.0.0.2 from 203.0.114.0/24\n" FROM "9 is closed\n");
	got(HOST "test tcp from inside 10.0.0.2 to 203.0.113.9:80 leaves from 198.51.100.1\n",
	    "leaves by the host's sockets, of which the file says nothing");
}

static void lists(void **state)
{
#define LIST HOST "forward tcp 443 to 10.0.0.2, 10.0.0.3:8443, 10.0.0.4 drain\n"
	(void)state;
	met(LIST FROM "443 reaches 10.0.0.2:443 or 10.0.0.3:8443\n");
	met(LIST FROM "443 reaches 10.0.0.2:443 or 10.0.0.3:8443 or 10.0.0.4:443\n");
	got(LIST FROM "443 reaches 10.0.0.2:443\n",
	    "reaches 10.0.0.2:443 or 10.0.0.3:8443 by line 3");
}

static void several(void **state)
{
	(void)state;
	run(HOST "forward tcp 80 to 10.0.0.2\n" FROM "80 is closed\n" FROM "81 is closed\n" FROM
		 "80 reaches 10.0.0.2:80\n");
	assert_int_equal(verdict_count, 3);
	assert_int_equal(verdicts[0].index, 3);
	assert_false(verdicts[0].met);
	assert_true(verdicts[1].met);
	assert_true(verdicts[2].met);
	assert_int_equal(verdicts[2].index, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_tests),
		cmocka_unit_test(over_the_host),
		cmocka_unit_test(lists),
		cmocka_unit_test(several),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
