/* SPDX-License-Identifier: BSD-2-Clause */
/* Test lines among a guest's rules: zones, programs, names, ICMP, and what none of them may say. */
#include "conf_fixture.h"

#include <errno.h>

static struct conf_verdict verdicts[64];
static size_t verdict_count;

static void take(void *user, const struct conf_verdict *verdict)
{
	(void)user;
	assert_true(verdict_count < 64);
	verdicts[verdict_count++] = *verdict;
}

/* curl is one program by two names, wget another, and nobody knows others. */
static uint16_t number(void *user, const char *word)
{
	assert_ptr_equal(user, &conf);
	if (strstr(word, "curl"))
		return 1;
	return strcmp(word, "wget") ? 0 : 2;
}

static uint16_t fellow(void *user, const char *word)
{
	(void)user;
	return strcmp(word, "db") == 0 ? 7 : strcmp(word, "cache") == 0 ? 8 : 0;
}

static int read_rules(const char *text)
{
	conf_free(&conf);
	return conf_read_guest(&conf, text, strlen(text), "web", &report);
}

static void run(const char *text)
{
	const struct conf_prefix lan[2] = { { address("127.0.0.0"), 104 },
					    { address("192.168.7.0"), 120 } };
	const struct conf_zones zones = {
		.guest = true,
		.name = "web",
		.inside = 0,
		.outside = 1,
		.lan_face = 0xf0,
		.wan_face = 0xf1,
		.lan = lan,
		.lan_count = 2,
		.program = number,
		.program_user = &conf,
		.fellow = fellow,
	};
	size_t culprit = 0;

	if (read_rules(text) != 0)
		fail_msg("line %u: %s", report.fault[0].line, report.fault[0].what);
	verdict_count = 0;
	assert_int_equal(conf_try_guest(&conf, &zones, take, NULL, &culprit), 0);
}

static void met(const char *text)
{
	run(text);
	assert_true(verdict_count > 0);
	for (size_t i = 0; i < verdict_count; i++) {
		if (!verdicts[i].met)
			fail_msg("line %u: %s", conf.list[verdicts[i].index]->line,
				 verdicts[i].got);
	}
}

static void got(const char *text, const char *instead)
{
	run(text);
	assert_int_equal(verdict_count, 1);
	assert_false(verdicts[0].met);
	assert_string_equal(verdicts[0].got, instead);
}

static void wrong(const char *text, const char *says)
{
	assert_int_equal(read_rules(text), -EINVAL);
	if (!strstr(report.fault[0].what, says))
		fail_msg("%s: %s", text, report.fault[0].what);
}

static void inward(void **state)
{
	(void)state;
	met("allow ssh from lan\nblock tcp 22\ndrop udp from wan named quiet\n"
	    "test tcp from 192.168.7.9 to self:22 passes by line 1\n"
	    "test tcp from 127.0.0.1 to 10.9.9.9:22 passes\n"
	    "test tcp from 192.168.8.9 to self:22 is closed by line 2\n"
	    "test tcp from 2001:db8::9 to self:22 is closed by line 2\n"
	    "test udp from 192.168.8.9 to self:99 is dropped by quiet\n"
	    "test tcp from 192.168.8.9 to self:23 passes\n");
	got("block tcp 22 from wan\ntest tcp from 203.0.113.9 to self:22 passes\n",
	    "is closed by line 1");
	got("block tcp 22 from wan\ntest tcp from 203.0.113.9 to self:23 is closed\n",
	    "passes: no rule is about it");
	got("test tcp from 203.0.113.9 to self:445 passes\n",
	    "is closed by what is built in: NetBIOS and SMB are for lan alone");
	met("allow tcp 445 from 203.0.113.9\n"
	    "test tcp from 203.0.113.9 to self:445 passes by line 1\n"
	    "test tcp from 192.168.7.9 to self:445 passes\n"
	    "test tcp from 203.0.113.8 to self:445 is closed\n");
	/* One address of the host is not each. */
	met("block tcp 22 to 192.0.2.1\ntest tcp from 203.0.113.9 to 192.0.2.1:22 is closed\n"
	    "test tcp from 203.0.113.9 to self:22 passes\n");
}

/* Other guests by name: those that rules name, those that none does, and what is no guest. */
static void other_guests(void **state)
{
	(void)state;
	met("allow tcp 5432 from db\nblock tcp 5432 named shut\nblock udp from cache\n"
	    "block tcp 9 from wan\n"
	    "test tcp from db to self:5432 passes by line 1\n"
	    "test tcp from cache to self:5432 is closed by shut\n"
	    "test tcp from nobody to self:5432 is closed by shut\n"
	    "test tcp from db to [2001:db8::1]:5432 passes by line 1\n"
	    "test udp from cache to 192.0.2.1:53 is closed by line 3\n"
	    "test udp from db to self:53 passes\n"
	    "test tcp from db to self:9 passes\n");
	wrong("test tcp from lan to self:1 passes\n", "lan is neither");
	wrong("set friends 192.0.2.0/24\nallow tcp 1 from friends\nblock tcp 1\n"
	      "test tcp from friends to self:1 passes\n",
	      "friends is neither");
	wrong("test tcp from web to self:1 passes\n", "web is neither");
}

static void outward(void **state)
{
	(void)state;
	met("block out to lan\nblock out udp 443\nblock out ping to 198.51.100.0/24\n"
	    "test tcp from guest to 192.168.7.9:80 is closed by line 1\n"
	    "test tcp from guest to 192.168.8.9:80 passes\n"
	    "test udp from guest to [2001:db8::1]:443 is closed by line 2\n"
	    "test ping from guest to 198.51.100.7 is closed by line 3\n"
	    "test icmp timestamp from guest to 198.51.100.7 passes\n"
	    "test ping from guest to 198.51.101.7 passes\n"
	    "test ping from guest to 2001:db8::1 passes\n");
	/* What limits allows. */
	met("limit out tcp 25 to 1 per day\n"
	    "test tcp from guest to 203.0.113.9:25 passes by line 1\n"
	    "test tcp from guest to 203.0.113.9:25 passes by line 1\n");
}

static void programs(void **state)
{
	(void)state;
	met("allow program curl out tcp https\nblock out everything\n"
	    "test program curl tcp from guest to 203.0.113.9:443 passes by line 1\n"
	    "test program /usr/bin/curl tcp from guest to 203.0.113.9:443 passes\n"
	    "test program wget tcp from guest to 203.0.113.9:443 is closed by line 2\n"
	    "test program other tcp from guest to 203.0.113.9:443 is closed by line 2\n"
	    "test tcp from guest to 203.0.113.9:443 is closed\n"
	    "test program curl tcp from guest to 203.0.113.9:80 is closed\n");
}

static void names(void **state)
{
	(void)state;
	met("allow out tcp https to api.example.com\nblock out to 198.51.100.0/24\n"
	    "allow out tcp https to *.example.com\nallow out udp 53\nblock out everything\n"
	    "test tcp from guest to api.example.com:443 passes by line 1\n"
	    "test tcp from guest to API.example.com:443 passes by line 1\n"
	    "test tcp from guest to www.example.com:443 passes by line 3\n"
	    "test tcp from guest to a.b.example.com:443 passes by line 3\n"
	    "test tcp from guest to example.com:443 is closed by line 5\n"
	    "test tcp from guest to badexample.com:443 is closed by line 5\n"
	    "test tcp from guest to api.example.com:80 is closed by line 5\n"
	    "test udp from guest to any.example.org:53 passes by line 4\n"
	    "test tcp from guest to 203.0.113.9:443 is closed by line 5\n"
	    "test tcp from guest to www.example.com:443 passes by line 3\n");
}

static void what_a_guest_has_none_of(void **state)
{
	(void)state;
	wrong("test tcp from 203.0.113.9 to self:22 reaches 10.0.2.100:22\n", "'passes'");
	wrong("test tcp from inside 10.0.2.100 to 203.0.113.9:22 leaves from 192.0.2.1\n",
	      "'passes'");
	wrong("test ping from guest to 203.0.113.9 is answered\n", "'passes'");
	wrong("test ping from 203.0.113.9 to self is closed\n", "the host's kernel");
	wrong("test program curl tcp from 203.0.113.9 to self:22 passes\n", "goes out alone");
}

static void what_a_gateway_has_none_of(void **state)
{
#define GATEWAY "inside tap lan0 10.0.0.1/24\noutside host\n"
	static const char *const texts[] = {
		GATEWAY "test tcp from guest to 203.0.113.9:22 passes\n",
		GATEWAY "test tcp from guest to example.com:22 passes\n",
		GATEWAY "test program curl tcp from inside 10.0.0.2 to 203.0.113.9:22 passes\n",
		GATEWAY "test tcp from 203.0.113.9 to self:22 passes\n",
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		conf_free(&conf);
		assert_int_equal(conf_read(&conf, texts[i], strlen(texts[i]), &report), -EINVAL);
		assert_non_null(strstr(report.fault[0].what, i < 3 ? "guest" : "of its own"));
	}
}

/* Twice the same is said once. */
static void scans(void **state)
{
	(void)state;
	assert_int_equal(read_rules("scans answer silence\nalert syslog\nalert file /tmp/a\n"), 0);
	wrong("scans answer silence\nscans answer block\n", "");
	wrong("alert file /a\nalert file /b\n", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inward),
		cmocka_unit_test(other_guests),
		cmocka_unit_test(outward),
		cmocka_unit_test(programs),
		cmocka_unit_test(names),
		cmocka_unit_test(what_a_guest_has_none_of),
		cmocka_unit_test(what_a_gateway_has_none_of),
		cmocka_unit_test(scans),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
