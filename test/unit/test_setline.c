/* SPDX-License-Identifier: BSD-2-Clause */
/* zone, set, scans and alert; and sets whose members are in a file. */
#include <errno.h>

#include "conf_fixture.h"

static void sets(void **state)
{
	struct conf_set s = said("set bad 203.0.113.0/24, 2001:db8::/32").set;

	(void)state;
	assert_string_equal(s.name, "bad");
	assert_int_equal(s.count, 2);
	same_form("set bad 203.0.113.0/24, 2001:db8::/32, 192.0.2.1");
	same_form("set bad from /etc/minato/bad");
	same_form("zone office 192.0.2.0/24");
	refused("set lan 192.0.2.0/24", "lan", "a meaning already");
	refused("zone anyone 192.0.2.0/24", "anyone", "a meaning already");
	refused("set 9to5 192.0.2.0/24", "9to5", "begin with a letter");
	refused("set a.b 192.0.2.0/24", "a.b", "looked up in the DNS");
	refused("set bad 192.0.2.1, 192.0.2.1", "192.0.2.1", "stands here twice");
	refused("set bad from bad.txt", "bad.txt", "begin with a slash");
	refused("zone office from /etc/office", "from", "");
	cut_short("set bad", "a prefix is missing");
}

static void scans(void **state)
{
	(void)state;
	same_form("scans answer nothing");
	same_form("scans answer slower");
	same_form("scans answer silence for 10m");
	same_form("scans answer block for 10m growing to 1d");
	refused("scans answer loudly", "loudly", "nothing, slower, silence or block");
	refused("scans answer nothing for 10m", "for", "no time");
	refused("scans answer block for 10m growing to 5m", "5m", "more than it begins with");
	same_form("alert syslog");
	same_form("alert command /usr/local/bin/tell");
	same_form("alert file /var/log/minato.jsonl");
	refused("alert mail", "mail", "syslog, command or file");
	refused("alert file a.log", "a.log", "begin with a slash");
}

static struct conf_statement from_file(void)
{
	struct conf_statement s = said("set bad from /bad");

	s.line = 7;
	return s;
}

/* Comments, empty lines, hosts and networks; as many statements as it takes. */
static void members(void **state)
{
	const struct conf_statement named = from_file();
	char text[4096] = "# bad\n\n192.0.2.1 ; one\n2001:db8::/32\r\n";
	size_t used = strlen(text);
	uint32_t wrong;

	(void)state;
	for (unsigned i = 0; i < 2 * CONF_SET_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "10.0.%u.0/24\n", i);
	conf_free(&conf);
	assert_int_equal(conf_set_lines(&conf, &named, text, used, &wrong), 0);
	assert_int_equal(conf.count, 3);
	assert_int_equal(conf.list[0]->set.count, CONF_SET_MAX);
	assert_int_equal(conf.list[2]->set.count, 2);
	for (size_t i = 0; i < conf.count; i++) {
		assert_int_equal(conf.list[i]->line, 7);
		assert_true(conf.list[i]->set.of_file);
		assert_string_equal(conf.list[i]->set.name, "bad");
	}
	assert_addr(&conf.list[0]->set.prefix[0].addr, "192.0.2.1");
	assert_int_equal(conf.list[0]->set.prefix[1].length, 32);
	assert_addr(&conf.list[2]->set.prefix[1].addr, "10.0.79.0");
}

static void wrong_line(void **state)
{
	static const char *const texts[] = { "1.2.3.4\nx\n", "1.2.3.4\n1.2.3.4/8\n",
					     "1.2.3.4\n1.2.3.4 5.6.7.8\n", "\n1.2.3.400",
					     "#\n\x80" };
	const struct conf_statement named = from_file();

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint32_t wrong = 0;

		conf_free(&conf);
		assert_int_equal(conf_set_lines(&conf, &named, texts[i], strlen(texts[i]), &wrong),
				 -EINVAL);
		assert_int_equal(wrong, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets),
		cmocka_unit_test(scans),
		cmocka_unit_test(members),
		cmocka_unit_test(wrong_line),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
