/* SPDX-License-Identifier: BSD-2-Clause */
/* What is written and said of a guest's attempts. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/guard/attempts.h"
#include "cmd/cmd.h"

static struct minato_endpoint end(const char *text, uint16_t port)
{
	struct minato_endpoint e = { .port = port };

	assert_int_equal(minato_addr_parse(text, &e.addr), 0);
	return e;
}

static void line_is(const struct relay_attempt *attempt, int64_t real_ns, const char *wanted)
{
	char *line = cmd_attempt_line(attempt, "web", real_ns);

	assert_string_equal(line, wanted);
	free(line);
}

static void lines_say_all(void **state)
{
	(void)state;
	line_is(&(struct relay_attempt){ .sort = RELAY_ATTEMPT_BEGUN,
					 .proto = MINATO_TCP,
					 .guest = end("10.0.2.100", 40000),
					 .to = end("198.51.100.1", 443),
					 .name = "api.example",
					 .rule = "*.example:443",
					 .flow = 7 },
		INT64_C(1790000000123456789),
		"{\"time\":\"2026-09-21T14:13:20.123Z\",\"guest\":\"web\",\"event\":\"begun\","
		"\"proto\":\"tcp\",\"source\":\"10.0.2.100\",\"source_port\":40000,"
		"\"destination\":\"198.51.100.1\",\"port\":443,\"name\":\"api.example\","
		"\"rule\":\"*.example:443\",\"verdict\":\"allowed\",\"flow\":7}");
	line_is(&(struct relay_attempt){ .sort = RELAY_ATTEMPT_ENDED,
					 .proto = MINATO_UDP,
					 .guest = end("fd00::64", 40000),
					 .to = end("2001:db8::1", 53),
					 .flow = 8,
					 .bytes_in = 5,
					 .bytes_out = 6,
					 .lasted_ns = 7999999 },
		INT64_C(951782399999000000),
		"{\"time\":\"2000-02-28T23:59:59.999Z\",\"guest\":\"web\",\"event\":\"ended\","
		"\"proto\":\"udp\",\"source\":\"fd00::64\",\"source_port\":40000,"
		"\"destination\":\"2001:db8::1\",\"port\":53,\"verdict\":\"allowed\",\"flow\":8,"
		"\"bytes_in\":5,\"bytes_out\":6,\"lasted_ms\":7}");
	line_is(&(struct relay_attempt){ .sort = RELAY_ATTEMPT_NAME,
					 .name = "evil.example",
					 .reason = "not allowed",
					 .allowable = true },
		INT64_C(951868799000000000),
		"{\"time\":\"2000-02-29T23:59:59.000Z\",\"guest\":\"web\",\"event\":\"name\","
		"\"name\":\"evil.example\",\"verdict\":\"refused\",\"reason\":\"not allowed\"}");
	line_is(&(struct relay_attempt){ .sort = RELAY_ATTEMPT_ANSWER,
					 .to = end("10.0.0.1", 0),
					 .name = "api.example",
					 .reason = "private" },
		0,
		"{\"time\":\"1970-01-01T00:00:00.000Z\",\"guest\":\"web\",\"event\":\"answer\","
		"\"destination\":\"10.0.0.1\",\"name\":\"api.example\","
		"\"verdict\":\"refused\",\"reason\":\"private\"}");
}

/* A file's name is bytes; a line of JSON is text, and has the member all the same. */
static void lines_of_any_program(void **state)
{
	(void)state;
	line_is(
		&(struct relay_attempt){
			.sort = RELAY_ATTEMPT_NAME,
			.name = "a.example",
			.program = &(const struct relay_program){ .pid = 7, .path = "/x\n\xff" } },
		0,
		"{\"time\":\"1970-01-01T00:00:00.000Z\",\"guest\":\"web\",\"event\":\"name\","
		"\"program\":\"/x\\n?\",\"pid\":7,\"name\":\"a.example\","
		"\"verdict\":\"allowed\"}");
}

static void words_are(const struct relay_attempt *attempt, const char *wanted)
{
	char words[512];

	cmd_attempt_words(attempt, words, sizeof(words));
	assert_string_equal(words, wanted);
}

static void words_say_what_would_help(void **state)
{
	struct relay_attempt a = {
		.proto = MINATO_TCP,
		.to = end("198.51.100.1", 443),
		.reason = "not allowed",
		.allowable = true,
	};

	(void)state;
	words_are(&a, "198.51.100.1:443 (not allowed; --allow 198.51.100.1:443 would)");
	a.name = "evil.example";
	words_are(&a, "evil.example:443 (not allowed; --allow evil.example:443 would)");
	a.proto = MINATO_UDP;
	a.name = NULL;
	a.to = end("2001:db8::1", 53);
	words_are(&a, "[2001:db8::1]:53/udp (not allowed; --allow [2001:db8::1]:53/udp would)");
	a.proto = MINATO_ICMP;
	a.allowable = false;
	a.reason = "echoes are not allowed";
	words_are(&a, "ping [2001:db8::1] (echoes are not allowed)");
	a = (struct relay_attempt){ .proto = MINATO_TCP,
				    .to = end("198.51.100.1", 80),
				    .name = "api.example",
				    .said = "evil.example",
				    .reason = "HTTP for another",
				    .flow = 3 };
	words_are(&a, "api.example:80 (HTTP for another: evil.example)");
	a.program = &(const struct relay_program){ .pid = 7, .path = "/usr/bin/curl" };
	words_are(&a, "curl -> api.example:80 (HTTP for another: evil.example)");
	a.program = &(const struct relay_program){ .pid = 7, .path = "[/usr/bin/curl]" };
	words_are(&a, "[/usr/bin/curl] -> api.example:80 (HTTP for another: evil.example)");
	a.program = NULL;
	a.said = NULL;
	words_are(&a, "api.example:80 (HTTP for another)");
	a.sort = RELAY_ATTEMPT_NAME;
	words_are(&a, "the name api.example (not allowed; --allow api.example would)");
	a.sort = RELAY_ATTEMPT_ANSWER;
	a.allowable = true;
	words_are(&a, "api.example at 198.51.100.1 (HTTP for another; --allow-private would)");
	/* This host's inner side is shut whatever is said. */
	a.allowable = false;
	words_are(&a, "api.example at 198.51.100.1 (HTTP for another)");
}

/* What the words propose is what an option takes. */
/* What the guest has named itself forges no line, and orders a terminal nothing. */
static void names_are_no_lines(void **state)
{
	struct relay_attempt a = {
		.proto = MINATO_TCP,
		.to = end("198.51.100.1", 80),
		.name = "a.example",
		.said = "b\nminato: c",
		.reason = "HTTP for another",
		.flow = 3,
		.program =
			&(const struct relay_program){
				.pid = 7,
				.path = "/tmp/x\nminato: --allow ended\t\033[2J\xc2\x9b" },
	};

	(void)state;
	words_are(&a, "x?minato: --allow ended??[2J?? -> a.example:80 (HTTP for another: "
		      "b?minato: c)");
}

static void what_would_help_parses(void **state)
{
	struct relay_allows allows = { .list = NULL };

	(void)state;
	assert_int_equal(relay_allow_add(&allows, "198.51.100.1:443", NULL), 0);
	assert_int_equal(relay_allow_add(&allows, "[2001:db8::1]:53/udp", NULL), 0);
	assert_int_equal(relay_allow_add(&allows, "evil.example:443", NULL), 0);
	relay_allow_free(&allows);
}

static int said[2];

static void say_into_a_pipe(void)
{
	assert_int_equal(pipe2(said, O_NONBLOCK | O_CLOEXEC), 0);
	cmd_say_to(said[1]);
}

static void was_said(const char *wanted)
{
	char text[32768];
	ssize_t got = read(said[0], text, sizeof(text) - 1);

	text[got > 0 ? got : 0] = '\0';
	assert_string_equal(text, wanted);
}

static void the_same_is_said_once(void **state)
{
	struct cmd_attempts attempts = { .audit = -1, .guest = "web" };
	const struct relay_attempt refused = { .sort = RELAY_ATTEMPT_NAME,
					       .name = "evil.example",
					       .reason = "not allowed" };
	const struct relay_attempt begun = { .sort = RELAY_ATTEMPT_BEGUN, .name = "a" };

	(void)state;
	say_into_a_pipe();
	for (int i = 0; i < 5; i++)
		cmd_attempts_take(&attempts, &refused);
	cmd_attempts_take(&attempts, &begun);
	was_said("minato: refused: the name evil.example (not allowed; --allow evil.example "
		 "would)\n");
	/* A minute later again, with how often since. */
	attempts.told[0].at_ns -= INT64_C(61000000000);
	cmd_attempts_take(&attempts, &refused);
	was_said("minato: refused: the name evil.example (not allowed; --allow evil.example "
		 "would), 4 times more\n");
	attempts.quiet = true;
	attempts.told[0].at_ns -= INT64_C(61000000000);
	cmd_attempts_take(&attempts, &refused);
	was_said("");
	cmd_say_to(STDERR_FILENO);
	close(said[0]);
	close(said[1]);
}

static struct relay_attempt other(const char *to, uint16_t number)
{
	return (struct relay_attempt){ .sort = RELAY_ATTEMPT_REFUSED,
				       .proto = (enum minato_proto)MINATO_PROTO_OTHER,
				       .guest = end("10.0.2.100", number),
				       .to = end(to, number),
				       .reason = "nothing goes out so" };
}

static uint32_t lines_of(int fd)
{
	static char text[65536];
	ssize_t got = read(fd, text, sizeof(text));
	uint32_t lines = 0;

	for (ssize_t i = 0; i < got; i++)
		lines += text[i] == '\n';
	return lines;
}

/* Of a protocol without ports each packet comes here: one line, one record. */
static void other_protocols_are_noted_once(void **state)
{
	struct relay_attempt gre = other("203.0.113.2", 47);
	const struct relay_attempt routed = other("203.0.113.2", 17);
	const struct relay_attempt elsewhere = other("2001:db8::2", 200);
	const struct relay_attempt ping = other("2001:db8::2", 58);
	struct cmd_attempts attempts = { .guest = "web" };
	int audit[2];

	(void)state;
	assert_int_equal(pipe2(audit, O_NONBLOCK | O_CLOEXEC), 0);
	attempts.audit = audit[1];
	say_into_a_pipe();
	line_is(&gre, 0,
		"{\"time\":\"1970-01-01T00:00:00.000Z\",\"guest\":\"web\",\"event\":\"refused\","
		"\"proto\":\"gre\",\"source\":\"10.0.2.100\",\"destination\":\"203.0.113.2\","
		"\"verdict\":\"refused\",\"reason\":\"nothing goes out so\"}");
	for (int i = 0; i < 100; i++)
		cmd_attempts_take(&attempts, &gre);
	was_said("minato: refused: gre to 203.0.113.2 (nothing goes out so)\n");
	assert_int_equal(lines_of(audit[0]), 1);
	cmd_attempts_take(&attempts, &routed);
	cmd_attempts_take(&attempts, &elsewhere);
	cmd_attempts_take(&attempts, &ping);
	was_said("minato: refused: udp to 203.0.113.2 (nothing goes out so)\n"
		 "minato: refused: 200 to [2001:db8::2] (nothing goes out so)\n"
		 "minato: refused: icmp to [2001:db8::2] (nothing goes out so)\n");
	assert_int_equal(lines_of(audit[0]), 3);
	/* A minute later again. */
	attempts.others[0].at_ns -= INT64_C(61000000000);
	cmd_attempts_take(&attempts, &gre);
	assert_int_equal(lines_of(audit[0]), 1);
	cmd_say_to(STDERR_FILENO);
	for (int i = 0; i < 2; i++) {
		close(said[i]);
		close(audit[i]);
	}
}

static void there_is_an_end_to_what_is_said(void **state)
{
	struct cmd_attempts attempts = { .audit = -1, .guest = "web" };
	char text[65536];
	uint32_t lines = 0;
	ssize_t got;

	(void)state;
	say_into_a_pipe();
	for (unsigned i = 0; i < 1000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.example", i);
		cmd_attempts_take(&attempts, &(struct relay_attempt){ .sort = RELAY_ATTEMPT_NAME,
								      .name = name,
								      .reason = "not allowed" });
	}
	got = read(said[0], text, sizeof(text) - 1);
	assert_true(got > 0);
	text[got] = '\0';
	for (char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, CMD_TOLD_MAX);
	assert_non_null(strstr(text, "refused: further ones are not told (--audit FILE"));
	cmd_say_to(STDERR_FILENO);
	close(said[0]);
	close(said[1]);
}

static void an_audit_that_is_full_loses_lines_and_says_so(void **state)
{
	const struct relay_attempt one = { .sort = RELAY_ATTEMPT_NAME,
					   .name = "evil.example",
					   .reason = "not allowed" };
	struct cmd_attempts attempts = { .quiet = true, .guest = "web" };
	char text[65536];
	int ends[2];
	ssize_t got;

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	attempts.audit = ends[1];
	while (!attempts.lost)
		cmd_attempts_take(&attempts, &one);
	while (write(ends[1], "\n", 1) == 1)
		;
	for (int i = 0; i < 4; i++)
		cmd_attempts_take(&attempts, &one);
	while (read(ends[0], text, sizeof(text)) > 0)
		;
	cmd_attempts_take(&attempts, &one);
	got = read(ends[0], text, sizeof(text) - 1);
	assert_true(got > 0);
	text[got] = '\0';
	assert_non_null(strstr(text, "{\"event\":\"lost\",\"lines\":5}\n{\"time\":"));
	assert_int_equal(attempts.lost, 0);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_say_all),
		cmocka_unit_test(lines_of_any_program),
		cmocka_unit_test(words_say_what_would_help),
		cmocka_unit_test(names_are_no_lines),
		cmocka_unit_test(what_would_help_parses),
		cmocka_unit_test(the_same_is_said_once),
		cmocka_unit_test(other_protocols_are_noted_once),
		cmocka_unit_test(there_is_an_end_to_what_is_said),
		cmocka_unit_test(an_audit_that_is_full_loses_lines_and_says_so),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
