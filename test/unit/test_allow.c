/* SPDX-License-Identifier: BSD-2-Clause */
/* What --allow accepts, what it is about, and what it says where it refuses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relay/permit.h"

static struct relay_allows list;
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
	relay_allow_free(&list);
	return 0;
}

static const struct relay_allow *only(const char *text)
{
	relay_allow_free(&list);
	if (relay_allow_add(&list, text, &error) < 0)
		fail_msg("%s: %s", text, error.text);
	assert_int_equal(list.count, 1);
	return &list.list[0];
}

/* The text is refused, with these words and a caret of that length at that column. */
static void refused(const char *text, const char *says, size_t column, size_t len)
{
	const char *last;

	assert_int_equal(relay_allow_add(&list, text, &error), -EINVAL);
	assert_int_equal(list.count, 0);
	if (!strstr(error.text, says))
		fail_msg("\"%s\" does not say \"%s\"", error.text, says);
	last = strrchr(error.text, '\n');
	assert_non_null(last);
	if (strspn(last + 1, " ") != column + 2 || strlen(last + 1) != column + 2 + len)
		fail_msg("%s: the caret is elsewhere:\n%s", text, error.text);
}

static void reads_back(const char *text, const char *canonical)
{
	char out[RELAY_ALLOW_TEXT];
	char again[RELAY_ALLOW_TEXT];

	assert_string_equal(relay_allow_text(only(text), out, sizeof(out)), canonical);
	assert_string_equal(relay_allow_text(only(out), again, sizeof(again)), canonical);
}

static void texts_read_back(void **state)
{
	(void)state;
	reads_back("Api.Example.COM.", "api.example.com:80,443");
	reads_back("api.example.com:https", "api.example.com:443");
	reads_back("*.debian.org:80", "*.debian.org:80");
	reads_back("db:5432,8000-8099/both", "db:5432,8000-8099/both");
	reads_back("time.example:ntp/udp", "time.example:123/udp");
	reads_back("x.example:ssh/raw/tcp", "x.example:22/raw");
	reads_back("192.0.2.0/24:22", "192.0.2.0/24:22");
	/* More than what leads nowhere. */
	reads_back("0.0.0.0/0:22", "0.0.0.0/0:22");
	reads_back("[::]/0:22", "[::]/0:22");
	reads_back("224.0.0.0/3:22", "224.0.0.0/3:22");
	reads_back("192.0.2.7:all", "192.0.2.7:all");
	reads_back("192.0.2.7/32", "192.0.2.7:80,443");
	reads_back("192.0.2.7/udp", "192.0.2.7:80,443/udp");
	reads_back("[2001:db8::]/32:22", "[2001:db8::]/32:22");
	reads_back("[2001:db8::1]:443/udp", "[2001:db8::1]:443/udp");
	reads_back("0.0.0.0/0:all/both", "0.0.0.0/0:all/both");
	reads_back("[::]/0:all", "[::]/0:all");
	reads_back("_sip.example:5060", "_sip.example:5060");
	reads_back("xn--bcher-kva.example:443", "xn--bcher-kva.example:443");
	reads_back("a:domain-s", "a:853");
}

static void faults_have_their_place(void **state)
{
	(void)state;
	refused("", "is missing", 0, 1);
	refused(":443", "a name or an address is missing", 0, 1);
	refused("https://example.com/", "this is a URL", 0, 8);
	refused("b\xc3\xbc.example", "xn--", 1, 1);
	refused("exa mple.com", "no name of a host", 3, 1);
	refused("*", "a star alone", 0, 1);
	refused("*.", "a star alone", 0, 2);
	refused("*.*.example", "before the first dot", 2, 1);
	refused("www.*.example", "before the first dot", 4, 1);
	refused("w*.example", "before the first dot", 1, 1);
	refused(".example.com", "*.example.com is what lies below", 0, 1);
	refused("a..example", "between two dots", 2, 1);
	refused("-a.example", "hyphen", 0, 2);
	refused("a.b-.example", "hyphen", 2, 2);
	refused("10.0.0", "this is not an address", 0, 6);
	refused("1.2.3.4.5", "this is not an address", 0, 9);
	refused("example.7", "neither a name nor a whole address", 0, 9);
	refused("2001:db8::1", "in brackets", 0, 11);
	refused("[2001:db8::1", "not closed", 0, 1);
	refused("[192.0.2.1]:80", "brackets are for IPv6", 1, 9);
	refused("[fe80::xyz]:80", "not an address", 1, 9);
	refused("0.0.0.0:80", "all of IPv4 is 0.0.0.0/0", 0, 7);
	refused("[::]", "all of IPv6 is", 1, 2);
	refused("127.0.0.0/8", "--reach PORT", 0, 9);
	refused("[::1]:80", "--reach PORT", 1, 3);
	refused("[::ffff:127.0.0.1]:80", "--reach PORT", 1, 16);
	refused("[64:ff9b::7f00:1]:80", "--reach PORT", 1, 15);
	refused("224.0.0.0/4", "groups", 0, 9);
	refused("[ff02::fb]:5353/udp", "groups", 1, 8);
	refused("255.255.255.255", "broadcasts", 0, 15);
	refused("169.254.169.254", "link-local", 0, 15);
	refused("[fe80::]/10", "link-local", 1, 6);
	refused("192.0.2.1/24:22", "only zeros", 0, 12);
	refused("192.0.2.0/33:22", "at most 32 bits", 10, 2);
	refused("[2001:db8::]/129", "at most 128 bits", 13, 3);
	refused("example.com:", "a port is missing", 12, 1);
	refused("example.com:80,,443", "a port is missing", 15, 1);
	refused("example.com:0", "the lowest is 1", 12, 1);
	refused("example.com:65536", "the highest is 65535", 12, 5);
	refused("example.com:90-80", "reversed", 12, 5);
	refused("example.com:nosuch", "neither a port nor the name", 12, 6);
	refused("example.com:443/sctp", "/tcp, /udp or /both", 15, 5);
	refused("example.com:443/tcp/udp", "each once", 19, 4);
	refused("example.com:443/raw/raw", "each once", 19, 4);
	refused("example.com/24", "/tcp, /udp or /both", 11, 3);
}

static void a_long_name_is_refused(void **state)
{
	char label[80];
	char name[300];

	(void)state;
	memset(label, 'a', 64);
	strcpy(label + 64, ".example");
	refused(label, "63 letters", 0, 64);
	name[0] = '\0';
	for (int i = 0; i < 127; i++)
		strcat(name, "a.");
	strcat(name, "b");
	assert_int_equal(strlen(name), 255);
	assert_int_equal(relay_allow_add(&list, name, &error), -EINVAL);
	assert_non_null(strstr(error.text, "253"));
	assert_int_equal(relay_allow_add(&list, name + 2, &error), 0);
}

static void a_star_is_one_label_or_more(void **state)
{
	const struct relay_allow *a = only("*.debian.org");

	(void)state;
	assert_true(relay_allow_is_name(a, "deb.debian.org"));
	assert_true(relay_allow_is_name(a, "a.b.debian.org"));
	assert_false(relay_allow_is_name(a, "debian.org"));
	assert_false(relay_allow_is_name(a, ".debian.org"));
	assert_false(relay_allow_is_name(a, "evildebian.org"));
	assert_false(relay_allow_is_name(a, "deb.debian.org.evil.example"));
	assert_false(relay_allow_is_name(a, "org"));
	assert_false(relay_allow_is_name(a, ""));
	assert_true(relay_allow_is_below(a, "debian.org"));
	assert_true(relay_allow_is_below(a, "org"));
	assert_true(relay_allow_is_below(a, ""));
	assert_false(relay_allow_is_below(a, "deb.debian.org"));
	assert_false(relay_allow_is_below(a, "an.org"));
}

static void a_name_is_itself_alone(void **state)
{
	const struct relay_allow *a = only("api.example.com:443");

	(void)state;
	assert_true(relay_allow_is_name(a, "api.example.com"));
	assert_false(relay_allow_is_name(a, "www.api.example.com"));
	assert_false(relay_allow_is_name(a, "example.com"));
	assert_true(relay_allow_is_below(a, "example.com"));
	assert_false(relay_allow_is_below(a, "api.example.com"));
	assert_false(relay_allow_is_below(a, "ple.com"));
	assert_true(relay_allow_is_port(a, MINATO_TCP, 443));
	assert_false(relay_allow_is_port(a, MINATO_UDP, 443));
	assert_false(relay_allow_is_port(a, MINATO_TCP, 80));
	assert_false(relay_allow_is_port(a, MINATO_ICMP, 443));
}

static void a_prefix_is_of_its_family(void **state)
{
	struct minato_addr in = minato_addr4(192, 0, 2, 200);
	struct minato_addr out = minato_addr4(192, 0, 3, 1);
	struct minato_addr six = { { 0x20, 0x01, 0x0d, 0xb8 } };

	(void)state;
	assert_true(relay_allow_is_addr(only("192.0.2.128/25"), &in));
	assert_false(relay_allow_is_addr(only("192.0.2.0/25"), &in));
	assert_false(relay_allow_is_addr(only("192.0.2.0/24"), &out));
	assert_true(relay_allow_is_addr(only("0.0.0.0/0"), &out));
	assert_false(relay_allow_is_addr(only("[::]/0"), &out));
	assert_false(relay_allow_is_addr(only("0.0.0.0/0"), &six));
	assert_true(relay_allow_is_addr(only("[::]/0"), &six));
	assert_false(relay_allow_is_addr(only("a.example"), &in));
	assert_false(relay_allow_is_name(only("192.0.2.0/24"), ""));
}

/* Where flows bear them: none moves, none that is gone is another one later. */
static void some_come_and_go(void **state)
{
	struct relay_allows allows = { .list = NULL };
	struct relay_allow *first;

	(void)state;
	assert_int_equal(relay_allow_add(&allows, "a.example:80", &error), 0);
	assert_int_equal(relay_allow_reserve(&allows, 2), 0);
	first = &allows.list[0];
	assert_int_equal(relay_allow_add(&allows, "b.example:80", &error), 0);
	allows.list[allows.last].order = 7;
	assert_int_equal(relay_allow_add(&allows, "c.example", &error), 0);
	allows.list[allows.last].order = 8;
	assert_ptr_equal(first, &allows.list[0]);
	assert_true(relay_allow_is_name(&allows.list[1], "b.example"));
	relay_allow_drop(&allows, 7);
	assert_false(relay_allow_is_name(&allows.list[1], "b.example"));
	assert_false(relay_allow_is_port(&allows.list[1], MINATO_TCP, 80));
	assert_true(relay_allow_is_name(&allows.list[2], "c.example"));
	assert_int_equal(relay_allow_add(&allows, "d.example", &error), -ENOSPC);
	/* The same once more has its place again, with the order of now. */
	assert_int_equal(relay_allow_add(&allows, "b.example:80/tcp", &error), 0);
	assert_int_equal(allows.last, 1);
	assert_int_equal(allows.list[1].order, 0);
	assert_true(relay_allow_is_name(&allows.list[1], "b.example"));
	assert_int_equal(allows.count, 3);
	relay_allow_free(&allows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(some_come_and_go),
		cmocka_unit_test_setup_teardown(texts_read_back, fresh, clean),
		cmocka_unit_test_setup_teardown(faults_have_their_place, fresh, clean),
		cmocka_unit_test_setup_teardown(a_long_name_is_refused, fresh, clean),
		cmocka_unit_test_setup_teardown(a_star_is_one_label_or_more, fresh, clean),
		cmocka_unit_test_setup_teardown(a_name_is_itself_alone, fresh, clean),
		cmocka_unit_test_setup_teardown(a_prefix_is_of_its_family, fresh, clean),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
