/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions of the guest in our words: nothing goes on but name, type and class. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns_forge.h"
#include "relay/permit.h"

static struct forged f;
static struct dnsask ask;
static struct dnsmsg m;
static uint8_t out[DNSASK_MAX];

static bool read_it(void)
{
	assert_true(dnsmsg_parse(f.data, f.len, &m));
	return dnsask_read(f.data, f.len, &m, &ask);
}

static void a_question_is_read(void **state)
{
	(void)state;
	forge_question(&f, "Api.Example.com", 28);
	assert_true(read_it());
	assert_string_equal(ask.name.text, "api.example.com");
	assert_int_equal(ask.type, 28);
	assert_int_equal(ask.class, 1);
	assert_false(ask.edns);
	assert_int_equal(ask.answer_max, 512);
	forge_opt(&f, 1232);
	assert_true(read_it());
	assert_true(ask.edns);
	assert_int_equal(ask.answer_max, 1232);
}

static void nothing_else_of_it_goes_on(void **state)
{
	static const uint8_t secret[] = "a secret in a record";
	struct forged plain;
	size_t len;

	(void)state;
	/* Bits of the header, letters in both cases, records, an option, bytes behind. */
	forge_question(&f, "aPI.exAMPle.cOM", 1);
	f.data[2] |= 0x7e & ~0x78;
	f.data[3] = 0xff;
	forge_record(&f, "tunnel.example", 16, 77, secret, sizeof(secret));
	forge_opt(&f, 1400);
	f.data[f.len - 1] = 8;
	forge_16(&f, 65001);
	forge_16(&f, 4);
	memcpy(f.data + f.len, "leak", 4);
	f.len += 4;
	memcpy(f.data + f.len, "behind", 6);
	f.len += 6;
	assert_true(read_it());
	len = dnsask_write(&ask, f.data, out);
	forge_question(&plain, "api.example.com", 1);
	/* Nor the size that it takes. */
	forge_opt(&plain, 4096);
	assert_int_equal(len, plain.len);
	assert_memory_equal(out, plain.data, len);
}

static void a_refusal_says_why_to_who_understands(void **state)
{
	size_t len;

	(void)state;
	forge_question(&f, "evil.example", 1);
	assert_true(read_it());
	len = dnsask_refuse(&ask, f.data, &m, DNSMSG_NXDOMAIN, DNSMSG_WHY_FILTERED, out);
	assert_int_equal(len, f.len);
	assert_true(dnsmsg_parse(out, len, &m));
	assert_true(m.response);
	assert_int_equal(m.rcode, DNSMSG_NXDOMAIN);
	assert_int_equal(m.question_end, len);
	assert_memory_equal(out + 12, f.data + 12, f.len - 12);

	forge_opt(&f, 4096);
	assert_true(read_it());
	len = dnsask_refuse(&ask, f.data, &m, DNSMSG_NXDOMAIN, DNSMSG_WHY_FILTERED, out);
	assert_int_equal(len, m.question_end + 11 + 6);
	assert_int_equal(out[11], 1);
	assert_memory_equal(out + len - 6, "\0\017\0\2\0\021", 6);
	len = dnsask_refuse(&ask, f.data, &m, 0, DNSMSG_WHY_NONE, out);
	assert_int_equal(len, m.question_end + 11);
}

static void the_version_of_edns_is_read_and_refused(void **state)
{
	size_t len;

	(void)state;
	forge_question(&f, "api.example", 1);
	forge_opt(&f, 4096);
	f.data[f.len - 5] = 1;
	assert_true(read_it());
	assert_int_equal(ask.version, 1);
	len = dnsask_refuse(&ask, f.data, &m, DNSMSG_BADVERS, DNSMSG_WHY_NONE, out);
	assert_int_equal(out[3] & 0x0f, 0);
	assert_int_equal(out[len - 6], 1);
	assert_int_equal(out[len - 5], 0);
}

static void the_longest_name_has_room(void **state)
{
	char text[256] = "";

	(void)state;
	for (int i = 0; i < 126; i++)
		strcat(text, "a.");
	strcat(text, "b");
	forge_question(&f, text, 1);
	forge_opt(&f, 4096);
	assert_true(read_it());
	assert_true(dnsask_write(&ask, f.data, out) <= DNSASK_MAX);
	assert_true(dnsask_refuse(&ask, f.data, &m, 3, DNSMSG_WHY_FILTERED, out) <= DNSASK_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_read),
		cmocka_unit_test(nothing_else_of_it_goes_on),
		cmocka_unit_test(a_refusal_says_why_to_who_understands),
		cmocka_unit_test(the_version_of_edns_is_read_and_refused),
		cmocka_unit_test(the_longest_name_has_room),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
