/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and records of DNS messages, and those that would lead a reader astray. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns_forge.h"
#include "relay/permit.h"

static struct forged f;
static struct dnsname name;

static bool walk(size_t at, size_t *end)
{
	*end = at;
	return dnswalk_name(f.data, f.len, end, &name);
}

static void a_name_is_small_letters(void **state)
{
	size_t end;

	(void)state;
	forge_question(&f, "WWW.Exa_mple-1.COM", 1);
	assert_true(walk(12, &end));
	assert_string_equal(name.text, "www.exa_mple-1.com");
	assert_false(name.strange);
	assert_int_equal(end, f.len - 4);
	forge_question(&f, ".", 1);
	assert_true(walk(12, &end));
	assert_string_equal(name.text, "");
}

static void strange_bytes_are_told(void **state)
{
	size_t end;

	(void)state;
	/* A dot within a label looks like two of them. */
	forge_question(&f, "www|example.com", 1);
	f.data[12 + 1 + 3] = '.';
	assert_true(walk(12, &end));
	assert_true(name.strange);
	assert_string_equal(name.text, "www?example.com");
	forge_question(&f, "a b.com", 1);
	assert_true(walk(12, &end) && name.strange);
}

static void pointers_lead_backwards(void **state)
{
	size_t end;

	(void)state;
	forge_question(&f, "example.com", 1);
	end = f.len;
	f.data[f.len++] = 3;
	memcpy(f.data + f.len, "www", 3);
	f.len += 3;
	forge_16(&f, 0xc00c);
	assert_true(walk(end, &end));
	assert_string_equal(name.text, "www.example.com");
	assert_int_equal(end, f.len);
}

static void a_pointer_astray_is_no_name(void **state)
{
	size_t at;
	size_t end;

	(void)state;
	forge_question(&f, "example.com", 1);
	at = f.len;
	forge_16(&f, 0xc000 | (unsigned)at); /* itself */
	assert_false(walk(at, &end));
	f.len = at;
	forge_16(&f, 0xc000 | (unsigned)(at + 2)); /* forward */
	forge_16(&f, 0x0000);
	assert_false(walk(at, &end));
	f.len = at;
	forge_16(&f, 0xc004); /* into the header */
	assert_false(walk(at, &end));
	f.len = at;
	f.data[f.len++] = 0xc0; /* half of one */
	assert_false(walk(at, &end));
	f.len = at;
	forge_16(&f, 0x8001); /* a form that was never given out */
	assert_false(walk(at, &end));
	f.len = at;
	f.data[f.len++] = 5; /* beyond the end */
	f.data[f.len++] = 'a';
	assert_false(walk(at, &end));
	/* A label, then back to before it: round and round. */
	f.len = at;
	f.data[f.len++] = 1;
	f.data[f.len++] = 'a';
	forge_16(&f, 0xc000 | (unsigned)at);
	assert_false(walk(at, &end));
}

static void a_name_is_not_too_long(void **state)
{
	char text[300] = "";
	size_t end;

	(void)state;
	for (int i = 0; i < 126; i++)
		strcat(text, "a.");
	strcat(text, "b");
	forge_question(&f, text, 1);
	assert_true(walk(12, &end));
	assert_string_equal(name.text, text);
	strcat(text, "cc");
	forge_question(&f, text, 1);
	assert_false(walk(12, &end));
}

static void a_record_is_whole_or_none(void **state)
{
	struct dnsrecord record;
	size_t begin;
	size_t whole;
	size_t at;

	(void)state;
	forge_question(&f, "example.com", 1);
	begin = f.len;
	forge_a(&f, "example.com", 300, 7);
	whole = f.len;
	at = begin;
	assert_true(dnswalk_record(f.data, whole, &at, &record));
	assert_int_equal(at, whole);
	assert_string_equal(record.owner.text, "example.com");
	assert_int_equal(record.type, 1);
	assert_int_equal(record.class, 1);
	assert_int_equal(record.ttl, 300);
	assert_int_equal(record.data_len, 4);
	assert_int_equal(f.data[record.data + 3], 7);
	for (size_t len = begin; len < whole; len++) {
		at = begin;
		assert_false(dnswalk_record(f.data, len, &at, &record));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_small_letters),
		cmocka_unit_test(strange_bytes_are_told),
		cmocka_unit_test(pointers_lead_backwards),
		cmocka_unit_test(a_pointer_astray_is_no_name),
		cmocka_unit_test(a_name_is_not_too_long),
		cmocka_unit_test(a_record_is_whole_or_none),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
