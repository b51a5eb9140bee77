/* SPDX-License-Identifier: BSD-2-Clause */
/* The registry: every pair that IANA has named is found, by number and by name. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <cmocka.h>

#include "minato/services.h"

/* What tools/make-registry says when it has made the table. */
#define PAIRS 11856
#define SUM 0x42d37c2af489ac63u

#define NAMES_MAX 16
#define TCP MINATO_TCP
#define UDP MINATO_UDP
#define SCTP MINATO_SERVICE_PROTO_SCTP
#define DCCP MINATO_SERVICE_PROTO_DCCP

static const uint8_t protocols[] = { TCP, UDP, SCTP, DCCP };

#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static const struct {
	uint16_t port;
	const char *protocols; /* t, u */
	const char *name;
} textbook[] = {
	{ 20, "tu", "ftp-data" },     { 21, "tu", "ftp" },	   { 22, "tu", "ssh" },
	{ 23, "tu", "telnet" },	      { 25, "tu", "smtp" },	   { 53, "tu", "domain" },
	{ 67, "tu", "bootps" },	      { 68, "tu", "bootpc" },	   { 69, "tu", "tftp" },
	{ 80, "tu", "http" },	      { 110, "tu", "pop3" },	   { 119, "tu", "nntp" },
	{ 123, "tu", "ntp" },	      { 137, "tu", "netbios-ns" }, { 138, "tu", "netbios-dgm" },
	{ 139, "tu", "netbios-ssn" }, { 143, "t", "imap" },	   { 161, "tu", "snmp" },
	{ 389, "tu", "ldap" },	      { 443, "tu", "https" },	   { 445, "tu", "microsoft-ds" },
	{ 587, "tu", "submission" },  { 636, "tu", "ldaps" },	   { 993, "t", "imaps" },
	{ 995, "tu", "pop3s" },	      { 3306, "tu", "mysql" },	   { 3389, "tu", "ms-wbt-server" },
	{ 5060, "tu", "sip" },	      { 8080, "tu", "http-alt" },
};

static void what_a_textbook_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(textbook) / sizeof(textbook[0]); i++) {
		for (const char *p = textbook[i].protocols; *p; p++) {
			uint8_t proto = *p == 't' ? TCP : UDP;
			uint16_t port = textbook[i].port;
			const char *name = minato_service_name(proto, port);

			assert_non_null(name);
			assert_string_equal(name, textbook[i].name);
			/* http-alt is the name of three; its first is 591. */
			if (port != 8080)
				assert_int_equal(minato_service_port(proto, name), port);
			assert_int_equal(minato_service_state(proto, port),
					 MINATO_SERVICE_ASSIGNED);
		}
	}
	/* IANA lists 24 without a name, for any private mail system. */
	assert_null(minato_service_name(TCP, 24));
	assert_int_equal(minato_service_state(TCP, 24), MINATO_SERVICE_ASSIGNED);
}

static uint64_t sum_of(uint16_t port, uint8_t proto, const char *name)
{
	uint64_t h = 0xcbf29ce484222325u;
	char text[64];

	snprintf(text, sizeof(text), "%u/%u %s", port, proto, name);
	for (const char *c = text; *c; c++)
		h = (h ^ (uint8_t)*c) * 0x100000001b3u;
	return h;
}

static bool has_name(uint8_t proto, uint16_t port, const char *name)
{
	const char *names[NAMES_MAX];
	size_t count = minato_services_names(NULL, proto, port, names, NAMES_MAX);

	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

/* By the number all names are what the registry lists; by the name a port of that name. */
static void every_pair_both_ways(void **state)
{
	uint32_t pairs = 0;
	uint64_t sum = 0;

	(void)state;
	for (uint32_t port = 0; port <= UINT16_MAX; port++) {
		for (size_t i = 0; i < PROTOCOLS; i++) {
			const char *names[NAMES_MAX];
			size_t count = minato_services_names(NULL, protocols[i], (uint16_t)port,
							     names, NAMES_MAX);

			for (size_t k = 0; k < count; k++) {
				int found = minato_service_port(protocols[i], names[k]);

				pairs++;
				sum += sum_of((uint16_t)port, protocols[i], names[k]);
				assert_true(found >= 0);
				if (found != (int)port)
					assert_true(
						has_name(protocols[i], (uint16_t)found, names[k]));
			}
		}
	}
	assert_int_equal(pairs, PAIRS);
	assert_true(sum == SUM);
}

static void the_first_record_is_preferred(void **state)
{
	static const struct {
		uint16_t port;
		uint8_t proto;
		const char *name, *alias;
	} cases[] = {
		{ 80, TCP, "http", "www-http" },
		{ 80, UDP, "http", "www" },
		{ 3478, UDP, "stun", "stun-behavior" },
		{ 3478, TCP, "stun", "turn" },
		{ 5351, UDP, "nat-pmp", "pcp" },
		{ 2049, TCP, "nfs", "shilp" },
		{ 465, TCP, "submissions", "urd" },
		{ 512, UDP, "comsat", "biff" },
		{ 42, TCP, "name", "nameserver" },
		{ 631, TCP, "ipp", "ipps" },
		{ 210, TCP, "z39-50", "z39.50" },
		{ 3050, TCP, "gds-db", "gds_db" },
		{ 66, UDP, "sql-net", "sql*net" },
		{ 63, TCP, "whoispp", "whois++" },
		{ 44818, TCP, "EtherNet-IP-2", "EtherNet/IP-2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(minato_service_name(cases[i].proto, cases[i].port),
				    cases[i].name);
		assert_int_equal(minato_service_port(cases[i].proto, cases[i].alias),
				 cases[i].port);
		assert_true(has_name(cases[i].proto, cases[i].port, cases[i].alias));
	}
}

static void ranges_and_edges(void **state)
{
	static const uint16_t edges[] = { 0, 1023, 1024, 49151 };

	(void)state;
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		assert_null(minato_service_name(TCP, edges[i]));
		assert_int_equal(minato_service_state(TCP, edges[i]), MINATO_SERVICE_RESERVED);
		assert_int_equal(minato_service_state(UDP, edges[i]), MINATO_SERVICE_RESERVED);
	}
	assert_int_equal(minato_service_state(TCP, 49152), MINATO_SERVICE_UNASSIGNED);
	assert_int_equal(minato_service_state(TCP, 65535), MINATO_SERVICE_UNASSIGNED);
	assert_string_equal(minato_service_name(TCP, 6000), "x11");
	assert_string_equal(minato_service_name(UDP, 6063), "x11");
	assert_string_equal(minato_service_name(TCP, 6064), "ndl-ahp-svc");
	assert_string_equal(minato_service_name(TCP, 6667), "ircu");
	assert_int_equal(minato_service_port(TCP, "x11"), 6000);
}

static void case_of_letters_does_not_matter(void **state)
{
	(void)state;
	assert_int_equal(minato_service_port(TCP, "HTTPS"), 443);
	assert_int_equal(minato_service_port(TCP, "Imap"), 143);
	assert_int_equal(minato_service_port(TCP, "ethernet/ip-2"), 44818);
}

static void what_is_not_there(void **state)
{
	(void)state;
	assert_int_equal(minato_service_port(TCP, ""), -ENOENT);
	assert_int_equal(minato_service_port(TCP, "htt"), -ENOENT);
	assert_int_equal(minato_service_port(TCP, "httpss"), -ENOENT);
	assert_int_equal(minato_service_port(TCP, "no-such-service"), -ENOENT);
	assert_int_equal(minato_service_port(UDP, "bgp"), 179);
	assert_int_equal(minato_service_port(DCCP, "http"), -ENOENT);
	assert_int_equal(minato_service_port(0, "http"), -ENOENT);
	assert_null(minato_service_name(0, 80));
	assert_null(minato_service_name(DCCP, 80));
	assert_null(minato_service_name(TCP, 4));
	assert_null(minato_service_name(TCP, 65535));
	assert_int_equal(minato_service_state(0, 80), MINATO_SERVICE_UNASSIGNED);
}

static void rows_in_order(void **state)
{
	uint32_t count = minato_service_count();

	(void)state;
	for (uint32_t i = 0; i < count; i++) {
		struct minato_service row = minato_service_at(i);

		assert_true(row.protocols);
		assert_true(i == 0 || minato_service_at(i - 1).port <= row.port);
		assert_true(minato_service_first(row.port) <= i);
		if (row.alias || !*row.name)
			continue;
		for (size_t k = 0; k < PROTOCOLS; k++) {
			if (row.protocols >> k & 1)
				assert_ptr_equal(minato_service_name(protocols[k], row.port),
						 row.name);
		}
	}
	assert_int_equal(minato_service_first(0), 0);
	assert_int_equal(minato_service_first(65535), count);
	assert_int_equal(minato_service_at(minato_service_first(49150)).port, 49150);
}

static uint32_t row_of(uint16_t port, const char *name)
{
	uint32_t i = minato_service_first(port);

	while (strcmp(minato_service_at(i).name, name) != 0)
		i++;
	return i;
}

static void descriptions(void **state)
{
	char text[MINATO_SERVICE_TEXT_SIZE];
	char little[6];
	size_t longest = 0;

	(void)state;
	minato_service_text(row_of(80, "http"), text, sizeof(text));
	assert_string_equal(text, "World Wide Web HTTP");
	minato_service_text(row_of(22, "ssh"), text, sizeof(text));
	assert_string_equal(text, "The Secure Shell (SSH) Protocol");
	minato_service_text(row_of(4413, "vision-mon"), text, sizeof(text));
	assert_string_equal(text, "FORT\xc3\x89 Vision Monitoring platform");
	assert_int_equal(minato_service_text(row_of(80, "http"), little, sizeof(little)), 19);
	assert_string_equal(little, "World");
	assert_int_equal(minato_service_text(row_of(543, "klogin"), text, sizeof(text)), 0);
	assert_string_equal(text, "");
	for (uint32_t i = 0; i < minato_service_count(); i++) {
		size_t length = minato_service_text(i, text, sizeof(text));

		assert_int_equal(strlen(text), length);
		if (length > longest)
			longest = length;
	}
	assert_true(longest > 200 && longest < MINATO_SERVICE_TEXT_SIZE);
}

static void says_where_it_is_from(void **state)
{
	(void)state;
	assert_int_equal(strlen(minato_service_date()), strlen("2026-09-17"));
	assert_true(*minato_service_version());
}

/* Under a sanitizer: a search through all would take a thousand times as long as this allows. */
static void a_look_up_is_fast(void **state)
{
	struct timespec begin, end;
	uint32_t named = 0;
	int64_t ns;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (uint32_t port = 0; port <= UINT16_MAX; port++)
		named += minato_service_name(TCP, (uint16_t)port) != NULL;
	clock_gettime(CLOCK_MONOTONIC, &end);
	ns = (end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec;
	assert_true(named > 5000);
	assert_true(ns / UINT16_MAX < 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_textbook_lists),
		cmocka_unit_test(every_pair_both_ways),
		cmocka_unit_test(the_first_record_is_preferred),
		cmocka_unit_test(ranges_and_edges),
		cmocka_unit_test(case_of_letters_does_not_matter),
		cmocka_unit_test(what_is_not_there),
		cmocka_unit_test(rows_in_order),
		cmocka_unit_test(descriptions),
		cmocka_unit_test(says_where_it_is_from),
		cmocka_unit_test(a_look_up_is_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
