/* SPDX-License-Identifier: BSD-2-Clause */
/* What -p accepts, what it makes of it, and what it says where it refuses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relay/relay.h"

static struct relay_publish list;
static struct drive_error error;

static int fresh(void **state)
{
	(void)state;
	memset(&list, 0, sizeof(list));
	memset(&error, 0, sizeof(error));
	return 0;
}

static int clean(void **state)
{
	(void)state;
	free(list.specs);
	return 0;
}

static const struct relay_spec *only(const char *text)
{
	assert_int_equal(relay_publish_add(&list, text, &error), 0);
	assert_int_equal(list.spec_count, 1);
	return &list.specs[0];
}

static void refused(const char *text, const char *says)
{
	assert_int_equal(relay_publish_add(&list, text, &error), -EINVAL);
	assert_int_equal(list.spec_count, 0);
	if (!strstr(error.text, says))
		fail_msg("\"%s\" does not say \"%s\"", error.text, says);
}

/* The column of the caret and its length, in the argument. */
static void caret_is(size_t column, size_t len)
{
	const char *last = strrchr(error.text, '\n');

	assert_non_null(last);
	assert_int_equal(strspn(last + 1, " "), column + 2);
	assert_int_equal(strlen(last + 1), column + 2 + len);
	assert_int_equal(last[1 + column + 2], '^');
}

static void port_alone(void **state)
{
	const struct relay_spec *s = only("8080");

	(void)state;
	assert_true(s->every);
	assert_int_equal(s->first, 8080);
	assert_int_equal(s->last, 8080);
	assert_int_equal(s->guest, 8080);
	assert_int_equal(s->protocols, RELAY_TCP);
}

static void host_and_guest(void **state)
{
	const struct relay_spec *s = only("8080:80");

	(void)state;
	assert_int_equal(s->first, 8080);
	assert_int_equal(s->guest, 80);
}

static void suffix_udp(void **state)
{
	(void)state;
	assert_int_equal(only("53/udp")->protocols, RELAY_UDP);
}

static void suffix_both(void **state)
{
	(void)state;
	assert_int_equal(only("53/both")->protocols, RELAY_TCP | RELAY_UDP);
}

static void suffix_tcp(void **state)
{
	(void)state;
	assert_int_equal(only("53/tcp")->protocols, RELAY_TCP);
}

static void suffix_holds_for_list(void **state)
{
	(void)state;
	assert_int_equal(relay_publish_add(&list, "53,5353:54/udp", &error), 0);
	assert_int_equal(list.spec_count, 2);
	assert_int_equal(list.specs[0].protocols, RELAY_UDP);
	assert_int_equal(list.specs[1].protocols, RELAY_UDP);
	assert_int_equal(list.specs[1].guest, 54);
}

static void address4(void **state)
{
	const struct relay_spec *s = only("127.0.0.1:8080:80");
	struct minato_addr want = minato_addr4(127, 0, 0, 1);

	(void)state;
	assert_false(s->every);
	assert_true(minato_addr_equal(&s->addr, &want));
	assert_int_equal(s->guest, 80);
}

static void address4_without_guest(void **state)
{
	const struct relay_spec *s = only("127.0.0.1:8080");

	(void)state;
	assert_false(s->every);
	assert_int_equal(s->guest, 8080);
}

static void address6(void **state)
{
	const struct relay_spec *s = only("[::1]:8080:80/both");

	(void)state;
	assert_false(s->every);
	assert_int_equal(s->addr.bytes[15], 1);
	assert_int_equal(s->first, 8080);
	assert_int_equal(s->guest, 80);
}

static void address_holds_for_list(void **state)
{
	(void)state;
	assert_int_equal(relay_publish_add(&list, "127.0.0.1:80,81:82,[::1]:83", &error), 0);
	assert_int_equal(list.spec_count, 3);
	assert_false(list.specs[1].every);
	assert_true(minato_addr_equal(&list.specs[1].addr, &list.specs[0].addr));
	assert_false(minato_addr_is4(&list.specs[2].addr));
}

static void address_ends_with_argument(void **state)
{
	(void)state;
	assert_int_equal(relay_publish_add(&list, "127.0.0.1:80", &error), 0);
	assert_int_equal(relay_publish_add(&list, "81", &error), 0);
	assert_true(list.specs[1].every);
}

static void run(void **state)
{
	const struct relay_spec *s = only("8000-8009:9000");

	(void)state;
	assert_int_equal(s->first, 8000);
	assert_int_equal(s->last, 8009);
	assert_int_equal(s->guest, 9000);
}

static void run_to_run(void **state)
{
	(void)state;
	assert_int_equal(only("8000-8009:9000-9009")->guest, 9000);
}

static void lowest_and_highest(void **state)
{
	const struct relay_spec *s = only("1:65535");

	(void)state;
	assert_int_equal(s->first, 1);
	assert_int_equal(s->guest, 65535);
}

static void no_port_zero(void **state)
{
	(void)state;
	refused("0", "the lowest is 1");
	caret_is(0, 1);
}

static void no_guest_zero(void **state)
{
	(void)state;
	refused("80:0", "the lowest is 1");
	caret_is(3, 1);
}

static void no_65536(void **state)
{
	(void)state;
	refused("8080:65536/tcp", "the highest is 65535");
	caret_is(5, 5);
}

static void no_overflow(void **state)
{
	(void)state;
	refused("4294967376", "the highest is 65535");
}

static void no_reversed_run(void **state)
{
	(void)state;
	refused("8009-8000", "reversed");
	caret_is(0, 9);
}

static void no_unequal_runs(void **state)
{
	(void)state;
	refused("8000-8009:9000-9001", "differ in length");
	caret_is(10, 9);
}

static void no_run_past_the_end(void **state)
{
	(void)state;
	refused("8000-8009:65530", "ends above");
}

static void no_letters(void **state)
{
	(void)state;
	refused("http", "only digits");
	refused("80:8x", "only digits");
	caret_is(3, 2);
}

static void no_sign_or_space(void **state)
{
	(void)state;
	refused("+80", "only digits");
	refused(" 80", "only digits");
	refused("80 ", "only digits");
	refused("-80", "a port is missing");
}

static void no_empty(void **state)
{
	(void)state;
	refused("", "missing");
	refused(":80", "missing");
	refused("80:", "missing");
	refused("80,", "missing");
	refused(",80", "missing");
	refused("80,,81", "missing");
	caret_is(3, 1);
	refused("/tcp", "missing");
}

static void no_other_suffix(void **state)
{
	(void)state;
	refused("80/sctp", "/tcp, /udp or /both");
	caret_is(2, 5);
	refused("80/", "/tcp, /udp or /both");
	refused("80/TCP", "/tcp, /udp or /both");
}

static void bound_of_a_source(void **state)
{
	(void)state;
	assert_int_equal(only("80")->per_source, 0);
	list.spec_count = 0;
	assert_int_equal(only("8000-8009:9000 at most 128 per source")->per_source, 128);
	assert_int_equal(list.specs[0].last, 8009);
	assert_int_equal(list.specs[0].guest, 9000);
	list.spec_count = 0;
	assert_int_equal(only("[::1]:80/tcp  at  most 65535 per source ")->per_source, 65535);
	list.spec_count = 0;
	assert_int_equal(relay_publish_add(&list, "80,81 at most 1 per source", &error), 0);
	assert_int_equal(list.specs[0].per_source, 1);
	assert_int_equal(list.specs[1].per_source, 1);
}

static void no_other_bound(void **state)
{
	(void)state;
	refused("80 81", "at most NUMBER per source");
	caret_is(3, 2);
	refused("80 at most 5", "at most NUMBER per source");
	refused("80 at most 5 per host", "at most NUMBER per source");
	caret_is(17, 4);
	refused("80 at most 0 per source", "not a number from 1 to 65535");
	caret_is(11, 1);
	refused("80 at most 65536 per source", "not a number from 1 to 65535");
	refused("80 at most 99999999999999999999 per source", "not a number from 1 to 65535");
	refused("80 at most many per source", "not a number from 1 to 65535");
	refused("80 at most 5 per source /udp", "nothing may stand behind it");
	caret_is(24, 4);
	refused("80/both at most 5 per source", "which only TCP has");
	refused("80/udp at most 5 per source", "which only TCP has");
	assert_int_equal(relay_reach_add(&list, "80 at most 5 per source", &error), -EINVAL);
	assert_non_null(strstr(error.text, "ports that are published"));
}

static void no_suffix_inside(void **state)
{
	(void)state;
	refused("80/udp,81", "at the end of the list");
}

static void no_name_as_address(void **state)
{
	(void)state;
	refused("localhost:80:80", "names are not looked up");
	caret_is(0, 9);
}

static void no_bad_address(void **state)
{
	(void)state;
	refused("127.0.0.256:80", "not an address");
	refused("1.2.3.4", "needs a colon");
}

static void no_bare_address6(void **state)
{
	(void)state;
	refused("::1:80:80", "in brackets");
	refused("fd00::1:80", "in brackets");
}

static void no_broken_brackets(void **state)
{
	(void)state;
	refused("[::1:80", "not closed");
	caret_is(0, 1);
	refused("[::1]80", "needs a colon");
	refused("[::1]", "needs a colon");
	refused("[127.0.0.1]:80", "IPv6");
	refused("[::1]:80:81:82", "no more");
}

static void no_group(void **state)
{
	(void)state;
	refused("224.0.0.1:80", "one host");
	refused("[ff02::1]:80", "one host");
	refused("255.255.255.255:80", "one host");
}

static void twice_by_name(void **state)
{
	(void)state;
	assert_int_equal(relay_publish_add(&list, "8080:80", &error), 0);
	assert_int_equal(relay_publish_add(&list, "9000,8080:81", &error), -EEXIST);
	assert_non_null(strstr(error.text, "8080/tcp is published twice"));
	caret_is(5, 7);
	assert_int_equal(list.spec_count, 1);
}

static void twice_in_one_list(void **state)
{
	(void)state;
	assert_int_equal(relay_publish_add(&list, "80,80/udp", &error), -EEXIST);
	assert_non_null(strstr(error.text, "80/udp is published twice"));
	assert_int_equal(list.spec_count, 0);
}

static void twice_inside_a_run(void **state)
{
	(void)state;
	assert_int_equal(relay_publish_add(&list, "8000-8100", &error), 0);
	assert_int_equal(relay_publish_add(&list, "127.0.0.1:8050:80", &error), -EEXIST);
}

static void twice_on_all_and_one(void **state)
{
	(void)state;
	assert_int_equal(relay_publish_add(&list, "0.0.0.0:80", &error), 0);
	assert_int_equal(relay_publish_add(&list, "127.0.0.1:80", &error), -EEXIST);
	assert_int_equal(relay_publish_add(&list, "[::1]:80", &error), 0);
}

static void once_per_protocol(void **state)
{
	(void)state;
	assert_int_equal(relay_publish_add(&list, "80/tcp", &error), 0);
	assert_int_equal(relay_publish_add(&list, "80/udp", &error), 0);
	assert_int_equal(relay_publish_add(&list, "80/both", &error), -EEXIST);
}

static void two_to_one_guest_port(void **state)
{
	(void)state;
	assert_int_equal(relay_publish_add(&list, "8080:80,8081:80", &error), 0);
	assert_int_equal(list.spec_count, 2);
}

static void long_argument_is_cut(void **state)
{
	char text[1200] = "";

	(void)state;
	for (int i = 0; i < 200; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d,", 1000 + i);
	strcat(text, "x");
	assert_int_equal(relay_publish_add(&list, text, &error), -EINVAL);
	assert_true(strlen(error.text) < 300);
	assert_int_equal(error.text[strlen(error.text) - 1], '^');
	assert_int_equal(list.spec_count, 0);
}

static void control_bytes_are_hidden(void **state)
{
	(void)state;
	refused("80\x1b[31m", "only digits");
	assert_null(strchr(error.text, 0x1b));
}

/* ---- all and auto ---- */

static void all_ports(void **state)
{
	const struct relay_spec *s = only("all");

	(void)state;
	assert_int_equal(s->sort, RELAY_ALL);
	assert_true(s->every);
	assert_int_equal(s->protocols, RELAY_TCP);
	assert_int_equal(s->first, 1);
	assert_int_equal(s->last, 65535);
	assert_int_equal(s->guest, 1);
}

static void auto_ports_with_address(void **state)
{
	const struct relay_spec *s = only("127.0.0.1:auto/both");

	(void)state;
	assert_int_equal(s->sort, RELAY_AUTO);
	assert_false(s->every);
	assert_int_equal(s->protocols, RELAY_TCP | RELAY_UDP);
}

static void left_out(void **state)
{
	const struct relay_spec *s = only("all,~22,~8000-8099/udp");

	(void)state;
	assert_int_equal(s->except_count, 2);
	assert_true(relay_spec_excepts(s, 22));
	assert_false(relay_spec_excepts(s, 23));
	assert_true(relay_spec_excepts(s, 8000));
	assert_true(relay_spec_excepts(s, 8099));
	assert_false(relay_spec_excepts(s, 8100));
}

static void left_out_of_the_one_before(void **state)
{
	(void)state;
	assert_int_equal(relay_publish_add(&list, "8080:80,auto,~80", &error), 0);
	assert_int_equal(list.spec_count, 2);
	assert_int_equal(list.specs[0].except_count, 0);
	assert_int_equal(list.specs[1].except_count, 1);
}

static void no_leaving_out_of_ports(void **state)
{
	(void)state;
	refused("~22", "comes after it");
	refused("80-90,~85", "comes after it");
	caret_is(6, 3);
	refused("all,~", "a port is missing");
	refused("all,~99999", "the highest is 65535");
	refused("all,~90-80", "reversed");
}

static void no_more_left_out_than_fits(void **state)
{
	char text[512] = "all";

	(void)state;
	for (int i = 1; i <= 33; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ",~%d", i);
	refused(text, "32");
}

static void no_guest_of_all(void **state)
{
	(void)state;
	refused("all:80", "same port of the guest");
	caret_is(4, 2);
	refused("auto:80", "same port of the guest");
	refused("alle", "only digits");
	refused("ALL", "only digits");
}

static void all_stands_beside_ports(void **state)
{
	(void)state;
	assert_int_equal(relay_publish_add(&list, "8080:80,all", &error), 0);
	assert_int_equal(relay_publish_add(&list, "all/udp", &error), 0);
	assert_int_equal(relay_publish_add(&list, "auto", &error), -EEXIST);
	assert_non_null(strstr(error.text, "tcp ports are published by all or auto twice"));
}

/* ---- --reach ---- */

static const struct relay_spec *only_reach(const char *text)
{
	assert_int_equal(relay_reach_add(&list, text, &error), 0);
	assert_int_equal(list.spec_count, 1);
	return &list.specs[0];
}

static void refused_reach(const char *text, const char *says)
{
	assert_int_equal(relay_reach_add(&list, text, &error), -EINVAL);
	assert_int_equal(list.spec_count, 0);
	if (!strstr(error.text, says))
		fail_msg("\"%s\" does not say \"%s\"", error.text, says);
}

static void reach(void **state)
{
	const struct relay_spec *s = only_reach("5432:15432/udp");

	(void)state;
	assert_int_equal(s->sort, RELAY_REACH);
	assert_int_equal(s->first, 5432);
	assert_int_equal(s->last, 5432);
	assert_int_equal(s->guest, 15432);
	assert_int_equal(s->protocols, RELAY_UDP);
}

static void reach_takes_no_address(void **state)
{
	(void)state;
	refused_reach("127.0.0.1:80", "only digits");
	refused_reach("127.0.0.1:80:80", "loopback only");
	refused_reach("[::1]:80", "loopback only");
	refused_reach("all", "--host-loopback");
	refused_reach("80,~81", "only digits");
}

static void reach_once_per_gateway_port(void **state)
{
	(void)state;
	assert_int_equal(relay_reach_add(&list, "80,81:90", &error), 0);
	assert_int_equal(relay_reach_add(&list, "82:90", &error), -EEXIST);
	assert_non_null(strstr(error.text, "port 90/tcp of the gateway"));
	assert_int_equal(relay_reach_add(&list, "80:100", &error), 0);
	/* The host's own ports are another place. */
	assert_int_equal(relay_publish_add(&list, "90", &error), 0);
}

/* ---- back to text ---- */

static void is_text(const char *text, const char *wanted)
{
	struct relay_publish again = { 0 };
	char out[RELAY_SPEC_TEXT];

	assert_string_equal(relay_spec_text(only(text), out, sizeof(out)), wanted);
	assert_int_equal(relay_publish_add(&again, out, &error), 0);
	assert_true(relay_spec_names(&again.specs[0], &list.specs[0]));
	free(again.specs);
	list.spec_count = 0;
}

static void text_and_back(void **state)
{
	(void)state;
	is_text("8080", "8080/tcp");
	is_text("8080:80/both", "8080:80/both");
	is_text("127.0.0.1:8000-8999:9000", "127.0.0.1:8000-8999:9000-9999/tcp");
	is_text("[::1]:53/udp", "[::1]:53/udp");
	is_text("all,~22,~80-90", "all,~22,~80-90/tcp");
	is_text("8080:80 at most 5 per source", "8080:80/tcp at most 5 per source");
	is_text("0.0.0.0:auto/both", "0.0.0.0:auto/both");
}

static void text_is_cut(void **state)
{
	char out[8];

	(void)state;
	relay_spec_text(only("127.0.0.1:8080"), out, sizeof(out));
	assert_string_equal(out, "127.0.0");
}

static void named_with_and_without_guest(void **state)
{
	static struct relay_publish wanted;
	const struct relay_spec *spec = only("8080:80");

	(void)state;
	assert_int_equal(relay_publish_add(&wanted, "8080", &error), 0);
	assert_int_equal(relay_publish_add(&wanted, "127.0.0.1:8080", NULL), -EEXIST);
	assert_true(relay_spec_names(&wanted.specs[0], spec));
	wanted.spec_count = 0;
	assert_int_equal(relay_publish_add(&wanted, "8080:81", &error), 0);
	assert_int_equal(relay_publish_add(&wanted, "8080/udp", &error), 0);
	assert_int_equal(relay_publish_add(&wanted, "8079-8081", NULL), -EEXIST);
	assert_false(relay_spec_names(&wanted.specs[0], spec));
	assert_false(relay_spec_names(&wanted.specs[1], spec));
	free(wanted.specs);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(port_alone),
		CASE(host_and_guest),
		CASE(suffix_udp),
		CASE(suffix_both),
		CASE(suffix_tcp),
		CASE(suffix_holds_for_list),
		CASE(address4),
		CASE(address4_without_guest),
		CASE(address6),
		CASE(address_holds_for_list),
		CASE(address_ends_with_argument),
		CASE(run),
		CASE(run_to_run),
		CASE(lowest_and_highest),
		CASE(no_port_zero),
		CASE(no_guest_zero),
		CASE(no_65536),
		CASE(no_overflow),
		CASE(no_reversed_run),
		CASE(no_unequal_runs),
		CASE(no_run_past_the_end),
		CASE(no_letters),
		CASE(no_sign_or_space),
		CASE(no_empty),
		CASE(no_other_suffix),
		CASE(no_suffix_inside),
		CASE(bound_of_a_source),
		CASE(no_other_bound),
		CASE(no_name_as_address),
		CASE(no_bad_address),
		CASE(no_bare_address6),
		CASE(no_broken_brackets),
		CASE(no_group),
		CASE(twice_by_name),
		CASE(twice_in_one_list),
		CASE(twice_inside_a_run),
		CASE(twice_on_all_and_one),
		CASE(once_per_protocol),
		CASE(two_to_one_guest_port),
		CASE(long_argument_is_cut),
		CASE(control_bytes_are_hidden),
		CASE(all_ports),
		CASE(auto_ports_with_address),
		CASE(left_out),
		CASE(left_out_of_the_one_before),
		CASE(no_leaving_out_of_ports),
		CASE(no_more_left_out_than_fits),
		CASE(no_guest_of_all),
		CASE(all_stands_beside_ports),
		CASE(reach),
		CASE(reach_takes_no_address),
		CASE(reach_once_per_gateway_port),
		CASE(text_and_back),
		CASE(text_is_cut),
		CASE(named_with_and_without_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
