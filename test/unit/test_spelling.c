/* SPDX-License-Identifier: BSD-2-Clause */
/* The rule for names of services, and their spelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "names/names.h"

static void assert_fault(const char *name, enum minato_service_fault fault, size_t where)
{
	size_t at = SIZE_MAX;

	assert_int_equal(minato_service_name_check(name, &at), fault);
	assert_int_equal(at, where);
	assert_int_equal(minato_service_name_check(name, NULL), fault);
}

static void good_names(void **state)
{
	(void)state;
	assert_fault("a", MINATO_SERVICE_FINE, 1);
	assert_fault("http", MINATO_SERVICE_FINE, 4);
	assert_fault("914c-g", MINATO_SERVICE_FINE, 6);
	assert_fault("EtherNet-IP-2", MINATO_SERVICE_FINE, 13);
	assert_fault("abcdefghijklmno", MINATO_SERVICE_FINE, 15);
}

static void each_fault_and_where(void **state)
{
	(void)state;
	assert_fault("", MINATO_SERVICE_EMPTY, 0);
	assert_fault("80", MINATO_SERVICE_LETTERLESS, 2);
	assert_fault("1-2", MINATO_SERVICE_LETTERLESS, 3);
	assert_fault("abcdefghijklmnop", MINATO_SERVICE_LONG, 16);
	assert_fault("-a", MINATO_SERVICE_EDGE, 0);
	assert_fault("a-", MINATO_SERVICE_EDGE, 1);
	assert_fault("-", MINATO_SERVICE_EDGE, 0);
	assert_fault("a--b", MINATO_SERVICE_HYPHENS, 1);
	assert_fault("my_app", MINATO_SERVICE_CHARACTER, 2);
	assert_fault("my app", MINATO_SERVICE_CHARACTER, 2);
	assert_fault("caf\xc3\xa9", MINATO_SERVICE_CHARACTER, 3);
	assert_fault("a.b", MINATO_SERVICE_CHARACTER, 1);
}

static void faults_are_said(void **state)
{
	(void)state;
	assert_string_equal(minato_service_fault_text(MINATO_SERVICE_LETTERLESS), "has no letter");
	assert_string_equal(minato_service_fault_text(MINATO_SERVICE_FINE), "is a good name");
}

static void spellings_are_one(void **state)
{
	(void)state;
	assert_true(names_equal("http", "HTTP", 4));
	assert_true(names_equal("", "", 0));
	assert_false(names_equal("http", "https", 5));
	assert_false(names_equal("https", "http", 4));
	assert_false(names_equal("a[", "a{", 2));
	assert_int_equal(names_hash("Http"), names_hash("hTTP"));
	assert_true(names_hash("http") != names_hash("https"));
	assert_true(names_same("http", "HTTP"));
	assert_true(names_same("", ""));
	assert_false(names_same("http", "https"));
	assert_false(names_same("https", "http"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_names),
		cmocka_unit_test(each_fault_and_where),
		cmocka_unit_test(faults_are_said),
		cmocka_unit_test(spellings_are_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
