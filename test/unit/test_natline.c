/* SPDX-License-Identifier: BSD-2-Clause */
/* nat: every setting can be said, and what an RFC forbids cannot. */
#include <errno.h>

#include "conf_fixture.h"

#include "conf/reader.h"

static void every_setting(void **state)
{
	char text[128];

	(void)state;
	for (int key = 0; key < CONF_NAT_KEY_COUNT; key++) {
		const char *words = natline_words((enum conf_nat_key)key);
		enum conf_nat_value value = natline_value((enum conf_nat_key)key);
		struct conf_nat nat;

		if (value == CONF_NAT_COUNT)
			snprintf(text, sizeof(text), "nat at most 77 %s", words);
		else
			snprintf(text, sizeof(text), "nat %s %s", words,
				 value == CONF_NAT_TIMER  ? "3h" :
				 value == CONF_NAT_SWITCH ? "on" :
							    "address-dependent");
		nat = said(text).nat;
		assert_int_equal(nat.key, key);
		assert_int_equal(nat.value, value == CONF_NAT_TIMER ? 10800 :
					    value == CONF_NAT_COUNT ? 77 :
								      1);
		same_form(text);
	}
}

static void filters(void **state)
{
	(void)state;
	canonical("nat filtering address", "nat filtering address-dependent");
	canonical("nat tcp filtering address-and-port",
		  "nat tcp filtering address-and-port-dependent");
	canonical("nat udp filtering endpoint", "nat udp filtering endpoint-independent");
	refused("nat filtering strict", "strict", "expected endpoint-independent");
	cut_short("nat udp", "expected filtering");
}

static void switches(void **state)
{
	(void)state;
	assert_int_equal(said("nat hairpin off").nat.value, 0);
	assert_int_equal(said("nat parity on").nat.value, 1);
	refused("nat hairpin maybe", "maybe", "expected off or on");
	refused("nat hairpn on", "hairpn", "expected filtering, tcp, udp, hairpin");
	assert_true(may_stand(&report.fault[0], "hairpin"));
	refused("nat hairpin on on", "on", "complete before this word");
}

static void timers(void **state)
{
	(void)state;
	canonical("nat timeout udp 300s", "nat timeout udp 5m");
	canonical("nat timeout tcp-established 7440s", "nat timeout tcp-established 2h4m");
	same_form("nat timeout udp-short off");
	same_form("nat timeout rest off");
	same_form("nat timeout unsolicited-syn off");
	refused("nat timeout rest 8d", "8d", "from 1 to 604800");
	refused("nat timeout udp 119s", "119s", "from 120 to 2592000 seconds");
	refused("nat timeout tcp-established 2h", "2h", "from 7440");
	refused("nat timeout tcp-opening 239s", "239s", "from 240");
	refused("nat timeout tcp-closing 239s", "239s", "from 240");
	refused("nat timeout tcp-reset 239s", "239s", "from 240");
	refused("nat timeout icmp 59s", "59s", "from 60");
	refused("nat timeout unsolicited-syn 5s", "5s", "from 6");
	refused("nat timeout udp off", "off", "no time");
	refused("nat timeout tcp 5m", "tcp", "expected udp, udp-short, tcp-established");
}

static void bounds(void **state)
{
	(void)state;
	same_form("nat at most 1000 udp ports per host");
	same_form("nat at most 20 new ports per second per host");
	same_form("nat at most 200 new ports at once per host");
	canonical("nat at most unlimited tcp ports per host",
		  "nat at most unlimited tcp ports per host");
	refused("nat at most unlimited resting ports", "unlimited",
		"at most 16777216 ports can rest");
	refused("nat at most 16777217 resting ports", "16777217",
		"at most 16777216 ports can rest");
	refused("nat at most 0 udp ports per host", "0", "from 1");
	refused("nat at most 10 udp ports per guest", "guest", "expected host");
	refused("nat at most 10 new ports per hour", "hour", "expected second");
	cut_short("nat at most 10", "expected resting, tcp, udp, icmp, sessions or new");
}

/* As it is said to take it back: with its value or without. */
static void a_setting_by_its_words(void **state)
{
	(void)state;
	for (int key = 0; key < CONF_NAT_KEY_COUNT; key++)
		assert_int_equal(conf_nat_key_read(conf_nat_key_words((enum conf_nat_key)key)),
				 key);
	assert_int_equal(conf_nat_key_read("Timeout UDP"), CONF_NAT_UDP_TIMEOUT);
	assert_int_equal(conf_nat_key_read("timeout udp 10m"), CONF_NAT_UDP_TIMEOUT);
	assert_int_equal(conf_nat_key_read("at most 10 udp ports per host"), CONF_NAT_HOST_UDP);
	assert_int_equal(conf_nat_key_read(""), -EINVAL);
	assert_int_equal(conf_nat_key_read("timeout"), -EINVAL);
	assert_int_equal(conf_nat_key_read("udp  filtering at all"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_setting), cmocka_unit_test(filters),
		cmocka_unit_test(switches),	 cmocka_unit_test(timers),
		cmocka_unit_test(bounds),	 cmocka_unit_test(a_setting_by_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
