/* SPDX-License-Identifier: BSD-2-Clause */
/* The ClientHello: its one name, what it offers, and how it can be broken. */
#include "inspect_fixture.h"

static struct inspect_wish wish;

static const char *read_with(const struct bytes *extensions)
{
	struct bytes body = { .len = 0 };
	const char *fault;
	uint8_t *copy;

	put_hello(&body, extensions);
	memset(&wish, 0, sizeof(wish));
	copy = malloc(body.len);
	assert_non_null(copy);
	memcpy(copy, body.at, body.len);
	fault = hello_read(copy, body.len, &wish);
	free(copy);
	return fault;
}

static const char *read_name(const char *name, size_t len)
{
	struct bytes e = { .len = 0 };

	put_server_name(&e, name, len);
	return read_with(&e);
}

static void a_name(void **state)
{
	(void)state;
	assert_null(read_name("api.EXAMPLE.com", 15));
	assert_true(wish.named && !wish.literal && !wish.hidden);
	assert_string_equal(wish.name, "api.example.com");
	assert_string_equal(wish.alpn, "");
}

static void no_name(void **state)
{
	struct bytes e = { .len = 0 };

	(void)state;
	assert_null(read_with(&e));
	assert_false(wish.named);
}

static void names_that_are_none(void **state)
{
	char longest[300];

	(void)state;
	assert_non_null(read_name("example.com.", 12));
	assert_non_null(read_name("10.0.0.1", 8));
	assert_non_null(read_name("::1", 3));
	assert_non_null(read_name("good.example\0.bad.example", 25));
	assert_non_null(read_name("", 0));
	assert_non_null(read_name("a b", 3));
	memset(longest, 'a', sizeof(longest));
	for (size_t i = 50; i < sizeof(longest); i += 50)
		longest[i] = '.';
	assert_null(read_name(longest, 253));
	assert_non_null(read_name(longest, 256));
	assert_non_null(read_name(longest, 299));
}

static void exactly_one_name(void **state)
{
	struct bytes e = { .len = 0 }, list = { .len = 0 };

	(void)state;
	put_server_name(&e, "a.example", 9);
	put_server_name(&e, "b.example", 9);
	assert_string_equal(read_with(&e), "an extension twice");

	put16(&list, 16);
	for (unsigned i = 0; i < 2; i++) {
		put8(&list, 0);
		put16(&list, 5);
		put(&list, i ? "b.foo" : "a.foo", 5);
	}
	e.len = 0;
	put_extension(&e, 0, list.at, list.len);
	assert_string_equal(read_with(&e), "more than one server name");
	list.at[2] = 1; /* the first of another type */
	e.len = 0;
	put_extension(&e, 0, list.at, list.len);
	assert_non_null(read_with(&e));
}

static void a_list_of_another_length(void **state)
{
	static const uint8_t overlong[] = { 0, 8, 0, 0, 5, 'a', '.', 'f', 'o', 'o', 0 };
	static const uint8_t cut[] = { 0, 9, 0, 0, 5, 'a', '.', 'f', 'o', 'o' };
	static const uint8_t longer_name[] = { 0, 8, 0, 0, 6, 'a', '.', 'f', 'o', 'o' };
	struct bytes e = { .len = 0 };

	(void)state;
	put_extension(&e, 0, overlong, sizeof(overlong));
	assert_non_null(read_with(&e));
	e.len = 0;
	put_extension(&e, 0, cut, sizeof(cut));
	assert_non_null(read_with(&e));
	e.len = 0;
	put_extension(&e, 0, longer_name, sizeof(longer_name));
	assert_non_null(read_with(&e));
	e.len = 0;
	put_extension(&e, 0, NULL, 0);
	assert_non_null(read_with(&e));
}

static void what_is_offered(void **state)
{
	static const uint8_t alpn[] = { 0,   15,  2,   'h', '2', 2,   0x0a, 0x0a, 8,
					'h', 't', 't', 'p', '/', '1', '.',  '1' };
	struct bytes e = { .len = 0 };

	(void)state;
	put_extension(&e, 0x0a0a, NULL, 0);
	put_extension(&e, 16, alpn, sizeof(alpn));
	put_extension(&e, 0xfe0d, "hidden", 6);
	put_server_name(&e, "a.example", 9);
	assert_null(read_with(&e));
	assert_string_equal(wish.alpn, "h2,http/1.1");
	assert_true(wish.hidden && wish.named);

	e.len = 0;
	put_extension(&e, 16, "\0\2\0\0", 4);
	assert_non_null(read_with(&e));
	e.len = 0;
	put_extension(&e, 16, "\0\2\2a", 4);
	assert_non_null(read_with(&e));
}

static void long_offers_are_cut_between_names(void **state)
{
	struct bytes list = { .len = 0 }, e = { .len = 0 };

	(void)state;
	put16(&list, 40 + 2 + 60 + 3);
	put8(&list, 39);
	for (unsigned i = 0; i < 39; i++)
		put8(&list, 'x');
	put8(&list, 1);
	put8(&list, 'y');
	put8(&list, 59);
	for (unsigned i = 0; i < 59; i++)
		put8(&list, 'z');
	put8(&list, 2);
	put(&list, "h2", 2);
	put_extension(&e, 16, list.at, list.len);
	assert_null(read_with(&e));
	assert_string_equal(wish.alpn, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,y,h2");
}

/* Each cut of a good body is broken, but for the one without extensions, which TLS 1.2 allows. */
static void cut_anywhere(void **state)
{
	struct bytes e = { .len = 0 }, body = { .len = 0 };
	size_t bare;

	(void)state;
	put_hello(&body, &e);
	bare = body.len - 2;
	body.len = 0;
	put_server_name(&e, "a.example", 9);
	put_hello(&body, &e);
	for (size_t len = 0; len < body.len; len++) {
		uint8_t *copy = malloc(len ? len : 1);

		assert_non_null(copy);
		memcpy(copy, body.at, len);
		assert_true((hello_read(copy, len, &wish) == NULL) == (len == bare));
		free(copy);
	}
	assert_null(hello_read(body.at, body.len, &wish));
	assert_non_null(hello_read(body.at, body.len + 1, &wish));
	body.at[0] = 2;
	assert_non_null(hello_read(body.at, body.len, &wish));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name),
		cmocka_unit_test(no_name),
		cmocka_unit_test(names_that_are_none),
		cmocka_unit_test(exactly_one_name),
		cmocka_unit_test(a_list_of_another_length),
		cmocka_unit_test(what_is_offered),
		cmocka_unit_test(long_offers_are_cut_between_names),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
