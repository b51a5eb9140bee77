/* SPDX-License-Identifier: BSD-2-Clause */
/* What a resolv.conf(5) says, and that a changed one is read again. */
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "relay/relay.h"

static struct nameservers n;

static void read_text(const char *text)
{
	memset(&n, 0, sizeof(n));
	nameservers_parse(&n, text, strlen(text));
}

static void server_is(size_t index, const char *text)
{
	struct minato_addr want;

	assert_true(index < n.count);
	assert_int_equal(minato_addr_parse(text, &want), 0);
	assert_true(minato_addr_equal(&n.list[index].end.addr, &want));
	assert_int_equal(n.list[index].end.port, 53);
}

static void one(void **state)
{
	(void)state;
	read_text("nameserver 192.0.2.1\n");
	assert_int_equal(n.count, 1);
	server_is(0, "192.0.2.1");
}

static void in_order(void **state)
{
	(void)state;
	read_text("nameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver 127.0.0.53\n");
	assert_int_equal(n.count, 3);
	server_is(0, "192.0.2.1");
	server_is(1, "2001:db8::1");
	server_is(2, "127.0.0.53");
}

static void three_at_most(void **state)
{
	(void)state;
	read_text("nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n"
		  "nameserver 192.0.2.4\n");
	assert_int_equal(n.count, NAMESERVERS_MAX);
	server_is(2, "192.0.2.3");
}

static void other_lines(void **state)
{
	(void)state;
	read_text("# nameserver 192.0.2.9\n; nameserver 192.0.2.9\n\nsearch example.com\n"
		  "options edns0 trust-ad\nnameserver 192.0.2.1\nsortlist 10.0.0.0\n");
	assert_int_equal(n.count, 1);
	server_is(0, "192.0.2.1");
}

static void blanks(void **state)
{
	(void)state;
	read_text("nameserver\t \t192.0.2.1 \t\r\nnameserver 192.0.2.2 # the second\n"
		  "nameserver 192.0.2.3;third");
	assert_int_equal(n.count, 3);
	server_is(0, "192.0.2.1");
	server_is(1, "192.0.2.2");
	server_is(2, "192.0.2.3");
}

static void keyword_alone(void **state)
{
	(void)state;
	read_text("nameserver\nnameserver \n nameserver 192.0.2.1\nnameservers 192.0.2.1\n"
		  "nameserver192.0.2.1\nNAMESERVER 192.0.2.1\n");
	assert_int_equal(n.count, 0);
}

static void no_addresses(void **state)
{
	(void)state;
	read_text("nameserver dns.example.com\nnameserver 192.0.2.256\nnameserver 192.0.2.1\n");
	assert_int_equal(n.count, 1);
	server_is(0, "192.0.2.1");
}

static void zone_by_name(void **state)
{
	(void)state;
	read_text("nameserver fe80::1%lo\n");
	assert_int_equal(n.count, 1);
	server_is(0, "fe80::1");
	assert_int_equal(n.list[0].scope_id, if_nametoindex("lo"));
}

static void zone_by_number(void **state)
{
	(void)state;
	read_text("nameserver fe80::1%7\n");
	assert_int_equal(n.count, 1);
	assert_int_equal(n.list[0].scope_id, 7);
}

static void last_line_without_newline(void **state)
{
	(void)state;
	read_text("nameserver 192.0.2.1");
	assert_int_equal(n.count, 1);
}

static void empty(void **state)
{
	(void)state;
	read_text("");
	assert_int_equal(n.count, 0);
}

static void a_very_long_line(void **state)
{
	static char text[100000];

	(void)state;
	strcpy(text, "nameserver ");
	memset(text + 11, '1', 99000);
	strcpy(text + 99011, "\nnameserver 192.0.2.1\n");
	read_text(text);
	assert_int_equal(n.count, 1);
}

static void bytes_that_are_no_text(void **state)
{
	(void)state;
	memset(&n, 0, sizeof(n));
	nameservers_parse(&n, "nameserver 192.0.2.1\0\xff\nnameserver 192.0.2.2\n", 43);
	assert_true(n.count >= 1);
	server_is(n.count - 1, "192.0.2.2");
}

static char path[64];

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int make_file(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/nameservers-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	memset(&n, 0, sizeof(n));
	n.path = path;
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void look(int64_t seconds)
{
	nameservers_look(&n, (struct minato_time){ seconds * 1000000000 + 1 });
}

static void file_is_read(void **state)
{
	(void)state;
	write_file("nameserver 192.0.2.1\n");
	look(0);
	server_is(0, "192.0.2.1");
}

static void change_is_seen_after_a_second(void **state)
{
	(void)state;
	write_file("nameserver 192.0.2.1\n");
	look(10);
	write_file("nameserver 192.0.2.22\n");
	look(10);
	server_is(0, "192.0.2.1");
	look(11);
	server_is(0, "192.0.2.22");
}

static void file_that_goes_and_comes(void **state)
{
	(void)state;
	write_file("nameserver 192.0.2.1\n");
	look(10);
	assert_int_equal(n.count, 1);
	unlink(path);
	look(12);
	assert_int_equal(n.count, 0);
	write_file("nameserver 192.0.2.2\n");
	look(14);
	server_is(0, "192.0.2.2");
}

static void link_that_moves(void **state)
{
	char other[80];

	(void)state;
	write_file("nameserver 192.0.2.1\n");
	snprintf(other, sizeof(other), "%s-link", path);
	assert_int_equal(symlink(path, other), 0);
	n.path = other;
	look(10);
	server_is(0, "192.0.2.1");
	assert_int_equal(unlink(other), 0);
	look(12);
	assert_int_equal(n.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one),
		cmocka_unit_test(in_order),
		cmocka_unit_test(three_at_most),
		cmocka_unit_test(other_lines),
		cmocka_unit_test(blanks),
		cmocka_unit_test(keyword_alone),
		cmocka_unit_test(no_addresses),
		cmocka_unit_test(zone_by_name),
		cmocka_unit_test(zone_by_number),
		cmocka_unit_test(last_line_without_newline),
		cmocka_unit_test(empty),
		cmocka_unit_test(a_very_long_line),
		cmocka_unit_test(bytes_that_are_no_text),
		cmocka_unit_test_setup_teardown(file_is_read, make_file, remove_file),
		cmocka_unit_test_setup_teardown(change_is_seen_after_a_second, make_file,
						remove_file),
		cmocka_unit_test_setup_teardown(file_that_goes_and_comes, make_file, remove_file),
		cmocka_unit_test_setup_teardown(link_that_moves, make_file, remove_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
