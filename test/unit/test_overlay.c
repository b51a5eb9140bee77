/* SPDX-License-Identifier: BSD-2-Clause */
/* Services files of hosts, and how they go before the registry. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "minato/services.h"

#define TCP MINATO_TCP
#define UDP MINATO_UDP
#define NAMES_MAX 8

static struct minato_services *make_of(const char *text, size_t len)
{
	size_t size = minato_services_size(text, len);
	struct minato_services *services = NULL;
	void *memory = malloc(size);

	assert_non_null(memory);
	assert_int_equal(minato_services_create(memory, size, text, len, &services), 0);
	assert_ptr_equal(services, memory);
	return services;
}

static struct minato_services *make(const char *text)
{
	return make_of(text, strlen(text));
}

static const char *const debian = "# Network services, Internet style\n"
				  "\n"
				  "tcpmux\t\t1/tcp\t\t\t\t# TCP port service multiplexer\n"
				  "http\t\t80/tcp\t\twww\t\t# WorldWideWeb HTTP\n"
				  "fsp\t\t21/udp\t\tfspd\n"
				  "webmin\t\t10000/tcp\n"
				  "x\t\t70000/tcp\n"
				  "rtmp\t\t1/ddp\n"
				  "last\t\t65535/udp#no newline";

static void what_is_not_understood_is_counted(void **state)
{
	struct minato_services *services =
		make("a 1/tcp\n# b\n\n  \t\nc\nd 4\ne /tcp\nf 6/\ng 7/tcp h\r\ni 65536/tcp\n"
		     "\xc3\xa4 8/tcp\nj 9/ddp\nk tcp/9 # x");

	(void)state;
	assert_int_equal(minato_services_count(services), 3);
	assert_int_equal(minato_services_strange(services), 7);
	assert_int_equal(minato_services_strange(NULL), 0);
	free(services);
}

static void the_file_goes_first(void **state)
{
	struct minato_services *services = make(debian);
	const char *names[NAMES_MAX];

	(void)state;
	assert_int_equal(minato_services_count(services), 7);
	assert_int_equal(minato_services_strange(services), 1);
	assert_string_equal(minato_services_name(services, UDP, 21), "fsp");
	assert_string_equal(minato_services_name(services, TCP, 21), "ftp");
	assert_string_equal(minato_services_name(services, UDP, 65535), "last");
	assert_null(minato_services_name(services, TCP, 65535));
	assert_int_equal(minato_services_names(services, TCP, 10000, names, NAMES_MAX), 2);
	assert_string_equal(names[0], "webmin");
	assert_string_equal(names[1], "ndmp");
	assert_int_equal(minato_services_names(services, TCP, 80, names, NAMES_MAX), 3);
	assert_string_equal(names[0], "http");
	assert_string_equal(names[1], "www");
	assert_string_equal(names[2], "www-http");
	assert_int_equal(minato_services_names(services, TCP, 80, names, 1), 1);
	assert_int_equal(minato_services_port(services, UDP, "FSPD"), 21);
	assert_int_equal(minato_services_port(services, TCP, "fspd"), -ENOENT);
	assert_int_equal(minato_services_port(services, TCP, "ndmp"), 10000);
	assert_int_equal(minato_services_port(services, TCP, "rtmp"), -ENOENT);
	free(services);
}

static void no_file_is_the_registry_alone(void **state)
{
	struct minato_services *empty = make("");

	(void)state;
	assert_string_equal(minato_services_name(NULL, TCP, 443), "https");
	assert_string_equal(minato_services_name(empty, TCP, 443), "https");
	assert_int_equal(minato_services_port(NULL, TCP, "https"), 443);
	assert_int_equal(minato_services_port(empty, TCP, "https"), 443);
	assert_int_equal(minato_services_count(NULL), 0);
	assert_int_equal(minato_services_count(empty), 0);
	free(empty);
}

static void a_file_of_windows(void **state)
{
	struct minato_services *services = make("\xef\xbb\xbf"
						"echo                7/tcp\r\n"
						"sunrpc            111/tcp    rpcbind portmap"
						"                      #SUN\r\n"
						"\r\n"
						"printer           515/TCP    spooler\r\n");

	(void)state;
	assert_int_equal(minato_services_count(services), 6);
	assert_int_equal(minato_services_port(services, TCP, "portmap"), 111);
	assert_int_equal(minato_services_port(services, TCP, "spooler"), 515);
	assert_string_equal(minato_services_name(services, TCP, 7), "echo");
	free(services);
}

static void any_end_of_line(void **state)
{
	struct minato_services *services = make("a 1/tcp\rb 2/tcp\n\rc 3/tcp x\r\n\vd\f4/udp");
	struct minato_services_row row;

	(void)state;
	assert_int_equal(minato_services_count(services), 5);
	row = minato_services_at(services, 3);
	assert_string_equal(row.name, "x");
	assert_int_equal(row.port, 3);
	assert_true(row.alias);
	row = minato_services_at(services, 4);
	assert_string_equal(row.name, "d");
	assert_int_equal(row.proto, UDP);
	assert_false(row.alias);
	free(services);
}

static void lines_that_are_none(void **state)
{
	static const char text[] =
		"name\nname 80\nname 80/\nname /tcp\nname 80/tcpx\nname 65536/tcp\n"
		"name 99999999999999999999/tcp\nname -1/tcp\nname 0x50/tcp\n"
		"name 80 /tcp\nname 80,tcp\n80/tcp\n#a 80/tcp\na#b 80/tcp\n"
		"n\xc3\xa4me 80/tcp\nna\0me2 5/tcp\n"
		"good 5/tcp b\x80"
		"d fine\n";
	struct minato_services *services = make_of(text, sizeof(text) - 1);

	(void)state;
	/* A NUL is white space: "na" is followed by no port. */
	assert_int_equal(minato_services_count(services), 2);
	assert_int_equal(minato_services_port(services, TCP, "good"), 5);
	assert_int_equal(minato_services_port(services, TCP, "fine"), 5);
	free(services);
}

static void the_first_line_counts(void **state)
{
	struct minato_services *services = make("one 4000/tcp\ntwo 4000/tcp\none 4001/tcp\n");
	const char *names[NAMES_MAX];

	(void)state;
	assert_string_equal(minato_services_name(services, TCP, 4000), "one");
	assert_int_equal(minato_services_port(services, TCP, "one"), 4000);
	assert_string_equal(minato_services_name(services, TCP, 4001), "one");
	assert_int_equal(minato_services_names(services, TCP, 4000, names, NAMES_MAX), 3);
	assert_string_equal(names[1], "two");
	assert_string_equal(names[2], "terabase");
	free(services);
}

static void memory_is_checked(void **state)
{
	_Alignas(8) char memory[1024];
	struct minato_services *services;
	size_t size = minato_services_size("a 1/tcp", 7);

	(void)state;
	assert_int_equal(minato_services_create(memory, size - 1, "a 1/tcp", 7, &services),
			 -ENOMEM);
	assert_int_equal(minato_services_create(memory + 4, 512, "a 1/tcp", 7, &services), -EINVAL);
	assert_int_equal(minato_services_create(memory, size, "a 1/tcp", 7, &services), 0);
	assert_int_equal(minato_services_size("", (size_t)1 << 31), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_goes_first),
		cmocka_unit_test(what_is_not_understood_is_counted),
		cmocka_unit_test(no_file_is_the_registry_alone),
		cmocka_unit_test(a_file_of_windows),
		cmocka_unit_test(any_end_of_line),
		cmocka_unit_test(lines_that_are_none),
		cmocka_unit_test(the_first_line_counts),
		cmocka_unit_test(memory_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
