/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of a ClientHello, in any pieces, and what else may stand there. */
#include "inspect_fixture.h"

static enum inspect_verdict read_bytes(const struct bytes *b, size_t *pass,
				       struct inspect_wish *wish)
{
	return tls_read(b->at, b->len, pass, wish);
}

static void pieces_of_any_size(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 4, 5, 50, 16384 };
	struct bytes message;

	(void)state;
	named_message(&message, "a.example");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct bytes stream = { .len = 0 };
		struct inspect_wish wish;
		size_t pass;

		put_records(&stream, &message, sizes[i]);
		for (size_t len = 0; len < stream.len; len++)
			assert_int_equal(tls_read(stream.at, len, &pass, &wish), INSPECT_MORE);
		assert_int_equal(read_bytes(&stream, &pass, &wish), INSPECT_WISH);
		assert_int_equal(pass, stream.len);
		assert_string_equal(wish.name, "a.example");
		assert_int_equal(wish.sort, INSPECT_TLS);
		/* Early data behind it does not change that. */
		put(&stream, "\x14\x03\x03\0\1\1", 6);
		assert_int_equal(read_bytes(&stream, &pass, &wish), INSPECT_WISH);
		assert_int_equal(pass, stream.len - 6);
	}
}

static void hello_of_many_kilobytes(void **state)
{
	struct bytes extensions = { .len = 0 }, message = { .len = 0 }, stream = { .len = 0 };
	static uint8_t fill[20000];
	struct inspect_wish wish;
	size_t pass;

	(void)state;
	put_extension(&extensions, 21, fill, 15000);
	put_server_name(&extensions, "a.example", 9);
	put_message(&message, &extensions);
	put_records(&stream, &message, 4000);
	assert_int_equal(read_bytes(&stream, &pass, &wish), INSPECT_WISH);
	assert_string_equal(wish.name, "a.example");

	extensions.len = message.len = stream.len = 0;
	put_extension(&extensions, 21, fill, sizeof(fill));
	put_message(&message, &extensions);
	put_records(&stream, &message, 16384);
	assert_int_equal(read_bytes(&stream, &pass, &wish), INSPECT_MALFORMED);
	assert_non_null(wish.fault);
	/* Said as soon as its length is. */
	assert_int_equal(tls_read(stream.at, 9, &pass, &wish), INSPECT_MALFORMED);
}

static void never_waits_beyond_the_window(void **state)
{
	struct bytes message, stream = { .len = 0 };
	struct inspect_wish wish;
	size_t pass;

	(void)state;
	/* 3 KB in records of one byte each: 18 KB. */
	named_message(&message, "a.example");
	message.at[2] = 12;
	while (message.len < 3200)
		put8(&message, 0);
	put_records(&stream, &message, 1);
	assert_int_equal(tls_read(stream.at, INSPECT_WINDOW - 1, &pass, &wish), INSPECT_MORE);
	assert_int_equal(tls_read(stream.at, INSPECT_WINDOW, &pass, &wish), INSPECT_MALFORMED);
}

static enum inspect_verdict changed(size_t at, uint8_t value)
{
	struct bytes message, stream = { .len = 0 };
	struct inspect_wish wish;
	size_t pass;

	named_message(&message, "a.example");
	put_records(&stream, &message, 30);
	stream.at[at] = value;
	return read_bytes(&stream, &pass, &wish);
}

static void heads_that_may_not_be(void **state)
{
	(void)state;
	assert_int_equal(changed(0, 23), INSPECT_OTHER);
	assert_int_equal(changed(1, 2), INSPECT_MALFORMED); /* which some servers read */
	assert_int_equal(changed(1, 15), INSPECT_MALFORMED);
	assert_int_equal(changed(1, 16), INSPECT_OTHER);
	assert_int_equal(changed(2, 4), INSPECT_WISH);	      /* a minor version: ignored, 5.1 */
	assert_int_equal(changed(5, 2), INSPECT_MALFORMED);   /* no ClientHello */
	assert_int_equal(changed(6, 1), INSPECT_MALFORMED);   /* of 64 KB */
	assert_int_equal(changed(35, 20), INSPECT_MALFORMED); /* within it another record */
	assert_int_equal(changed(36, 2), INSPECT_MALFORMED);
	assert_int_equal(changed(3, 0x41), INSPECT_MALFORMED); /* longer than a record may be */
}

/* Servers that skip a warning before the hello read the hello behind it. */
static void an_alert_before_it(void **state)
{
	static const uint8_t alert[] = { 21, 3, 1, 0, 2, 1, 90 };
	static const uint8_t others[][6] = {
		{ 21, 16, 1, 0, 2, 1 }, /* no version */
		{ 21, 3, 1, 1, 2, 1 },	/* no alert has that length */
		{ 21, 3, 1, 0, 3, 1 },
		{ 22, 2, 1, 0, 9, 2 }, /* no hello in another version */
		{ 22, 2, 1, 0, 0, 1 },
	};
	struct inspect_wish wish;
	size_t pass;

	(void)state;
	for (size_t len = 1; len < 5; len++)
		assert_int_equal(tls_read(alert, len, &pass, &wish), INSPECT_MORE);
	assert_int_equal(tls_read(alert, 5, &pass, &wish), INSPECT_MALFORMED);
	assert_int_equal(tls_read(alert, sizeof(alert), &pass, &wish), INSPECT_MALFORMED);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(tls_read(others[i], 6, &pass, &wish), INSPECT_OTHER);
}

static void a_record_without_bytes(void **state)
{
	static const uint8_t none[] = { 22, 3, 1, 0, 0 };
	struct inspect_wish wish;
	size_t pass;

	(void)state;
	assert_int_equal(tls_read(none, 5, &pass, &wish), INSPECT_MALFORMED);
}

/* A second hello in the same record is what one reader sees and another does not. */
static void nothing_behind_it_in_its_record(void **state)
{
	struct bytes message, second, stream = { .len = 0 };
	struct inspect_wish wish;
	size_t pass;

	(void)state;
	named_message(&message, "a.example");
	named_message(&second, "b.example");
	put(&message, second.at, second.len);
	put_records(&stream, &message, 16384);
	assert_int_equal(read_bytes(&stream, &pass, &wish), INSPECT_MALFORMED);
}

static void hello_of_ssl2(void **state)
{
	static const uint8_t hello[] = { 0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10 };
	static const uint8_t other[] = { 0x80, 0x2e, 2 };
	struct inspect_wish wish;
	size_t pass;

	(void)state;
	for (size_t len = 0; len < 4; len++)
		assert_int_equal(tls_read(hello, len, &pass, &wish), INSPECT_MORE);
	assert_int_equal(tls_read(hello, sizeof(hello), &pass, &wish), INSPECT_MALFORMED);
	assert_int_equal(tls_read(other, sizeof(other), &pass, &wish), INSPECT_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_size),
		cmocka_unit_test(hello_of_many_kilobytes),
		cmocka_unit_test(never_waits_beyond_the_window),
		cmocka_unit_test(heads_that_may_not_be),
		cmocka_unit_test(an_alert_before_it),
		cmocka_unit_test(a_record_without_bytes),
		cmocka_unit_test(nothing_behind_it_in_its_record),
		cmocka_unit_test(hello_of_ssl2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
