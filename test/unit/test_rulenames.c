/* SPDX-License-Identifier: BSD-2-Clause */
/* What the words behind from and to stand for. */
#include "conf/rules.h"
#include "conf_fixture.h"

static void words(void **state)
{
	const struct conf_statement *link = NULL;
	struct rules_names names;
	size_t at = 0;

	(void)state;
	no_fault("inside eth1 10.0.0.1/24 named kids\n"
		 "outside eth0 198.51.100.1/24 via 198.51.100.254\n"
		 "set bad 192.0.2.1\nzone office 192.0.2.2\nset bad 192.0.2.3\n");
	assert_int_equal(rules_names_make(&names, &conf, "web"), 0);
	assert_int_equal(rules_word(&names, "lan", &link), RULES_LAN);
	assert_int_equal(rules_word(&names, "wan", &link), RULES_WAN);
	assert_int_equal(rules_word(&names, "self", &link), RULES_SELF);
	assert_int_equal(rules_word(&names, "web", &link), RULES_SELF);
	assert_int_equal(rules_word(&names, "office", &link), RULES_SET);
	assert_int_equal(rules_word(&names, "bad", &link), RULES_SET);
	assert_int_equal(rules_word(&names, "a.example", &link), RULES_DNS);
	/* In rules of a guest anybody else is another guest. */
	assert_int_equal(rules_word(&names, "bard", &link), RULES_GUEST);
	assert_int_equal(rules_word(&names, "everybody", &link), RULES_UNKNOWN);
	assert_null(link);
	assert_int_equal(rules_word(&names, "kids", &link), RULES_LINK);
	assert_ptr_equal(link, conf.list[0]);
	/* A set is all that is said of it. */
	assert_ptr_equal(rules_set_next(&names, "bad", &at), &conf.list[2]->set);
	assert_ptr_equal(rules_set_next(&names, "bad", &at), &conf.list[4]->set);
	assert_null(rules_set_next(&names, "bad", &at));
	at = 0;
	assert_null(rules_set_next(&names, "zzz", &at));
	rules_names_free(&names);
	assert_int_equal(rules_names_make(&names, &conf, NULL), 0);
	assert_int_equal(rules_word(&names, "bard", &link), RULES_UNKNOWN);
	rules_names_free(&names);
}

static int note(void *user, size_t index, const struct conf_item *item)
{
	char *text = user;

	(void)sprintf(text + strlen(text), "%zu %s;", index, item->word);
	return strcmp(item->word, "last") == 0;
}

static void other_guests(void **state)
{
	static const char *const lines[] = { "set bad 192.0.2.1", "allow tcp 80 from db, lan, bad",
					     "block out to cache", "block tcp 80 to web",
					     "block tcp 81 from last, more" };
	char text[256] = "";

	(void)state;
	conf_free(&conf);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct conf_statement s = said(lines[i]);

		assert_int_equal(conf_add(&conf, &s), 0);
	}
	assert_int_equal(conf_guests(&conf, "web", note, text), 1);
	assert_string_equal(text, "1 db;2 cache;4 last;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(other_guests),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
