/* SPDX-License-Identifier: BSD-2-Clause */
/* drain: what can be said, and which servers it is about. */
#include "conf_fixture.h"

static void words(void **state)
{
	struct conf_drain d;

	(void)state;
	d = said("drain 10.0.0.3").drain;
	assert_addr(&d.host, "10.0.0.3");
	assert_int_equal(d.port, 0);
	d = said("drain 10.0.0.3:8080 for 2h").drain;
	assert_int_equal(d.port, 8080);
	assert_int_equal(d.term.sort, CONF_TERM_SPAN);
	same_form("drain 10.0.0.3");
	same_form("drain 10.0.0.3:8080 for 2h");
	same_form("drain [2001:db8::3]:80 until 18:00");
	canonical("DRAIN 10.0.0.3:http", "drain 10.0.0.3:80");
	cut_short("drain", "is missing");
	refused("drain 10.0.0.3:80-90", "10.0.0.3:80-90", "a range drains as a whole");
	refused("drain 10.0.0.3 sticky", "sticky", "expected until or for");
	refused("drain 10.0.0.3 for 1h until 18:00", "until", "said together");
}

static bool meets(const char *drain, const char *statement)
{
	static struct conf_statement a, b;

	a = said(drain);
	b = said(statement);
	return conf_drain_meets(&a.drain, &b);
}

static void whom_it_is_about(void **state)
{
	(void)state;
	assert_true(meets("drain 10.0.0.3", "forward tcp 80 to 10.0.0.2, 10.0.0.3"));
	assert_true(meets("drain 10.0.0.3:80", "forward tcp 80 to 10.0.0.2, 10.0.0.3"));
	assert_false(meets("drain 10.0.0.3:81", "forward tcp 80 to 10.0.0.2, 10.0.0.3"));
	assert_true(meets("drain 10.0.0.3:8080", "forward tcp 80 to 10.0.0.3:8080"));
	assert_false(meets("drain 10.0.0.3:80", "forward tcp 80 to 10.0.0.3:8080"));
	assert_true(meets("drain 10.0.0.3:6000", "forward tcp 5000-5999 to 10.0.0.3:6000"));
	assert_false(meets("drain 10.0.0.3:6001", "forward tcp 5000-5999 to 10.0.0.3:6000"));
	/* Of several ports that stay as they are none is the forward's. */
	assert_false(meets("drain 10.0.0.3:80", "forward tcp 80, 443 to 10.0.0.3"));
	assert_true(meets("drain 10.0.0.3", "forward tcp 80, 443 to 10.0.0.3"));
	assert_true(meets("drain 10.0.0.9", "dmz 10.0.0.9"));
	assert_false(meets("drain 10.0.0.9:80", "dmz 10.0.0.9"));
	assert_true(meets("drain 2001:db8::2", "forward tcp 80 to 2001:db8::2"));
	assert_false(meets("drain 10.0.0.3", "forward tcp 80 to unix:/run/a proxy v2"));
	assert_false(meets("drain 10.0.0.3", "never translate 10.0.0.3"));
}

static void in_a_file(void **state)
{
	struct conf_drains drains;

	(void)state;
	no_fault(LINKS "forward tcp 80 to 10.0.0.2, 10.0.0.3, 10.0.0.4 drain\n"
		       "drain 10.0.0.3 for 1h\n");
	conf_drains_find(&drains, &conf);
	assert_int_equal(drains.count, 1);
	assert_false(conf_drains_has(&drains, conf.list[2], 0));
	assert_true(conf_drains_has(&drains, conf.list[2], 1));
	assert_true(conf_drains_has(&drains, conf.list[2], 2));
	assert_false(conf_drains_has(&drains, conf.list[2], 3));
}

static void what_makes_no_sense(void **state)
{
	(void)state;
	one_fault(LINKS "forward tcp 80 to 10.0.0.2\ndrain 10.0.0.2:81\n", CONF_WARNING, 4,
		  "10.0.0.2:81", "no forward leads to 10.0.0.2 at this port");
	one_fault(LINKS "forward tcp 80 to 10.0.0.2\ndrain 10.0.0.3\n", CONF_WARNING, 4, "10.0.0.3",
		  "no forward and no dmz leads to 10.0.0.3");
	one_fault(LINKS "forward tcp 80 to 10.0.0.2, 10.0.0.3 drain\ndrain 10.0.0.2\n",
		  CONF_WARNING, 3, "10.0.0.2, 10.0.0.3 drain", "all drain");
	one_fault(LINKS "dmz 10.0.0.2\ndrain 10.0.0.2\ndrain 10.0.0.2 for 1h\n", CONF_ERROR, 5,
		  "10.0.0.2", "this is said already");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(whom_it_is_about),
		cmocka_unit_test(in_a_file),
		cmocka_unit_test(what_makes_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
