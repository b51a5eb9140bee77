/* SPDX-License-Identifier: BSD-2-Clause */
/* What a reload takes away and adds; which statement a word or a place means. */
#include <errno.h>

#include "conf_fixture.h"

static struct conf other;

static int end(void **state)
{
	conf_free(&other);
	return end_conf(state);
}

static void read_two(const char *old, const char *new)
{
	no_fault(old);
	conf_free(&other);
	assert_int_equal(conf_read(&other, new, strlen(new), &report), 0);
}

static void nothing_changes(void **state)
{
	struct conf_diff diff;

	(void)state;
	/* Order, comments, names of services, tests and blanks are no changes. */
	read_two(LINKS "forward tcp http to 10.0.0.2 named web\ndmz 10.0.0.9\n",
		 "dmz 10.0.0.9 # rest\n\n" LINKS "forward tcp 80 to 10.0.0.2:80 named web\n"
		 "test tcp from 203.0.113.9 to 198.51.100.1:80 reaches 10.0.0.2:80\n");
	assert_int_equal(conf_diff_make(&diff, &conf, &other), 0);
	assert_int_equal(diff.remove_count, 0);
	assert_int_equal(diff.add_count, 0);
	conf_diff_free(&diff);
}

static void difference(void **state)
{
	struct conf_diff diff;

	(void)state;
	read_two(LINKS "forward tcp 80 to 10.0.0.2\nforward tcp 25 to 10.0.0.3\nnat hairpin off\n",
		 LINKS "forward tcp 25 to 10.0.0.3\nforward tcp 80 to 10.0.0.4\ndmz 10.0.0.9\n");
	assert_int_equal(conf_diff_make(&diff, &conf, &other), 0);
	assert_int_equal(diff.remove_count, 2);
	assert_int_equal(diff.remove[0], 2);
	assert_int_equal(diff.remove[1], 4);
	assert_int_equal(diff.add_count, 2);
	assert_int_equal(diff.add[0], 3);
	assert_int_equal(diff.add[1], 4);
	conf_diff_free(&diff);
}

static void from_and_to_nothing(void **state)
{
	const struct conf none = { 0 };
	struct conf_diff diff;

	(void)state;
	no_fault(LINKS);
	assert_int_equal(conf_diff_make(&diff, &none, &conf), 0);
	assert_int_equal(diff.add_count, 2);
	assert_int_equal(diff.remove_count, 0);
	conf_diff_free(&diff);
	assert_int_equal(conf_diff_make(&diff, &conf, &none), 0);
	assert_int_equal(diff.add_count, 0);
	assert_int_equal(diff.remove_count, 2);
	conf_diff_free(&diff);
}

static void meant(void **state)
{
	(void)state;
	no_fault(LINKS "forward tcp 80 to 10.0.0.2 named web\n"
		       "forward tcp 80 to 10.0.0.3 from 192.0.2.0/24\n"
		       "dmz 10.0.0.9 named rest\n"
		       "nat hairpin off\n");
	assert_int_equal(conf_find(&conf, "web", &report), 2);
	assert_int_equal(conf_find(&conf, "rest", &report), 4);
	assert_int_equal(conf_find(&conf, "forward tcp http to 10.0.0.2 named web", &report), 2);
	/* By its place; who names a target means the one that goes there. */
	assert_int_equal(conf_find(&conf, "forward tcp http", &report), 2);
	assert_int_equal(conf_find(&conf, "forward tcp http to 10.0.0.2", &report), 2);
	assert_int_equal(conf_find(&conf, "forward tcp http to 10.0.0.2:80", &report), 2);
	assert_int_equal(conf_find(&conf, "forward tcp http to 10.0.0.77", &report), -ENOENT);
	assert_int_equal(conf_find(&conf, "forward tcp http to 10.0.0.2:81", &report), -ENOENT);
	assert_int_equal(conf_find(&conf, "forward tcp http to 10.0.0.2, 10.0.0.3", &report),
			 -ENOENT);
	assert_int_equal(conf_find(&conf, "forward tcp http to unix:/run/web", &report), -ENOENT);
	assert_int_equal(conf_find(&conf, "forward tcp http from 192.0.2.0/24", &report), 3);
	assert_int_equal(conf_find(&conf, "dmz 10.0.0.9", &report), 4);
	assert_int_equal(conf_find(&conf, "nat hairpin off", &report), 5);
	assert_int_equal(conf_find(&conf, "nat hairpin on", &report), -ENOENT);
	assert_int_equal(conf_find(&conf, "forward udp 80", &report), -ENOENT);
	assert_int_equal(conf_find(&conf, "dmz 10.0.0.8", &report), -ENOENT);
	assert_int_equal(conf_find(&conf, "wep", &report), -EINVAL);
	assert_int_equal(report.errors, 1);
}

/* Two hosts are open at one port: which of them is meant must be said. */
static void meant_of_several(void **state)
{
	(void)state;
	no_fault("inside eth1 10.0.0.1/24, 2001:db8:a::1/64\n"
		 "outside eth0 198.51.100.1/24, 2001:db8:e::1/64 via 198.51.100.254\n"
		 "forward tcp 8000 to 2001:db8:a::2\n"
		 "forward tcp 8000 to 2001:db8:a::3\n");
	assert_int_equal(conf_find(&conf, "forward tcp 8000", &report), -ENOTUNIQ);
	assert_int_equal(conf_find(&conf, "forward tcp 8000 to 2001:db8:a::3", &report), 3);
}

/* A forward without a target is none, but where one is looked for. */
static void partial_is_no_statement(void **state)
{
	(void)state;
	cut_short("forward tcp http", "expected on, all or to");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_changes),	   cmocka_unit_test(difference),
		cmocka_unit_test(from_and_to_nothing),	   cmocka_unit_test(meant),
		cmocka_unit_test(meant_of_several),
		cmocka_unit_test(partial_is_no_statement),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
