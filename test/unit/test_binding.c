/* SPDX-License-Identifier: BSD-2-Clause */
/* The keeper binds for its worker, and believes nothing that it says. */
#include "relay_fixture.h"

#include "cmd/cmd.h"

static struct cmd_harbour harbour;
static int worker; /* its end of the channel */

static int fresh(void **state)
{
	int ends[2];

	(void)state;
	memset(&harbour, 0, sizeof(harbour));
	assert_int_equal(cmd_channel_pair(ends), 0);
	harbour.hand.channel = ends[0];
	harbour.plan.subnet.has4 = true;
	harbour.guest.has6 = true;
	harbour.admitted = drive_now();
	worker = ends[1];
	return 0;
}

static int clean(void **state)
{
	(void)state;
	relay_publish_free(&harbour.publish);
	relay_publish_free(&harbour.pending);
	free(harbour.stood);
	close(harbour.hand.channel);
	close(worker);
	return 0;
}

static int spec(const char *text, int flags)
{
	struct cmd_message message = { .kind = CMD_ASK_SPEC, .number = flags };

	snprintf(message.text.text, sizeof(message.text.text), "%s", text);
	return cmd_binding_spec(&harbour, &message);
}

static void release(const char *text)
{
	struct cmd_message message = { .kind = CMD_ASK_RELEASE };

	snprintf(message.text.text, sizeof(message.text.text), "%s", text);
	cmd_binding_release(&harbour, &message);
}

/* What the worker is told; how many sockets came. */
static size_t told(struct cmd_message *message)
{
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count = 0;

	assert_int_equal(cmd_channel_receive(worker, message, fds, &count), 1);
	assert_int_equal(message->kind, CMD_TELL_BOUND);
	cmd_channel_drop(fds, count);
	return count;
}

static bool is_silent(void)
{
	uint32_t kind;

	return cmd_channel_peek(worker, &kind) == -EAGAIN;
}

static int bind_errno(uint16_t port)
{
	struct minato_endpoint local = end("0.0.0.0", port);
	struct sockaddr_storage name = { 0 };
	socklen_t len = drive_endpoint_to(&name, &local);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = bind(fd, (struct sockaddr *)&name, len) < 0 ? errno : 0;

	close(fd);
	return result;
}

static void bound_and_kept(void **state)
{
	struct cmd_message message;

	NEED_NETNS();
	assert_int_equal(spec("8080:80", CMD_SPEC_FIRST), 0);
	assert_int_equal(spec("5432", CMD_SPEC_REACH), 0);
	cmd_binding_bind(&harbour, 0);
	assert_int_equal(told(&message), 1);
	assert_int_equal(message.number, 0);
	assert_int_equal(message.bound.total, 1);
	assert_int_equal(message.bound.doors[0].port, 8080);
	assert_int_equal(bind_errno(8080), EADDRINUSE);
	cmd_binding_keep(&harbour);
	assert_int_equal(harbour.publish.spec_count, 2);
	assert_int_equal(harbour.publish.socket_count, 1);
	release("8080:80");
	assert_int_equal(harbour.publish.spec_count, 1);
	assert_int_equal(bind_errno(8080), 0);
}

static void many_come_when_asked_for(void **state)
{
	struct cmd_message message;

	NEED_NETNS();
	assert_int_equal(spec("8000-8039", CMD_SPEC_FIRST), 0);
	cmd_binding_bind(&harbour, 0);
	assert_int_equal(told(&message), CMD_CHANNEL_FDS_MAX);
	assert_int_equal(message.bound.total, 40);
	assert_true(is_silent());
	cmd_binding_more(&harbour);
	assert_int_equal(told(&message), CMD_CHANNEL_FDS_MAX);
	cmd_binding_more(&harbour);
	assert_int_equal(told(&message), 40 - 2 * CMD_CHANNEL_FDS_MAX);
	cmd_binding_more(&harbour);
	assert_true(is_silent());
}

static void taken_is_told(void **state)
{
	struct cmd_message message;
	int holder;

	NEED_NETNS();
	holder = host_socket(SOCK_STREAM, "127.0.0.1", 8081);
	assert_int_equal(spec("8080", CMD_SPEC_FIRST), 0);
	assert_int_equal(spec("8081", 0), 0);
	cmd_binding_bind(&harbour, 0);
	assert_int_equal(told(&message), 0);
	assert_int_equal(message.number, -EADDRINUSE);
	assert_int_equal(message.bound.failure.errnum, EADDRINUSE);
	assert_int_equal(message.bound.failure.spec, 1);
	assert_int_equal(message.bound.failure.port, 8081);
	assert_int_equal(bind_errno(8080), 0);
	close(holder);
}

static void what_stands_is_not_bound_again(void **state)
{
	struct cmd_message message;

	NEED_NETNS();
	assert_int_equal(spec("8000-8009", CMD_SPEC_FIRST), 0);
	cmd_binding_bind(&harbour, 0);
	told(&message);
	cmd_binding_keep(&harbour);
	assert_int_equal(spec("9000", CMD_SPEC_FIRST), 0);
	assert_int_equal(spec("8005:1", 0), 0);
	cmd_binding_bind(&harbour, 0);
	assert_int_equal(told(&message), 0);
	assert_int_equal(message.number, -EEXIST);
	assert_int_equal(message.bound.failure.spec, 1);
	assert_int_equal(bind_errno(9000), 0);
}

static void the_first_forgets_what_came_before(void **state)
{
	struct cmd_message message;

	NEED_NETNS();
	assert_int_equal(spec("8080", CMD_SPEC_FIRST), 0);
	cmd_binding_bind(&harbour, 0);
	told(&message);
	assert_int_equal(bind_errno(8080), EADDRINUSE);
	assert_int_equal(spec("8081", CMD_SPEC_FIRST), 0);
	assert_int_equal(bind_errno(8080), 0);
}

static void nonsense_is_no_spec(void **state)
{
	struct cmd_message message = { .kind = CMD_ASK_SPEC, .number = CMD_SPEC_FIRST };

	(void)state;
	assert_int_equal(spec("", CMD_SPEC_FIRST), -EINVAL);
	assert_int_equal(spec("80;rm", 0), -EINVAL);
	assert_int_equal(spec("all", CMD_SPEC_REACH), -EINVAL);
	memset(message.text.text, '8', sizeof(message.text.text));
	assert_int_equal(cmd_binding_spec(&harbour, &message), -EINVAL);
	release("80");
	release("");
	cmd_binding_more(&harbour);
	cmd_binding_keep(&harbour);
	assert_int_equal(harbour.publish.spec_count, 0);
	assert_true(is_silent());
}

static void no_more_specs_than_an_order_has(void **state)
{
	char text[16];

	(void)state;
	for (int i = 0; i < CMD_SPECS_MAX; i++) {
		snprintf(text, sizeof(text), "%d", 1000 + i);
		assert_int_equal(spec(text, i ? 0 : CMD_SPEC_FIRST), 0);
	}
	assert_int_equal(spec("9999", 0), -E2BIG);
}

static void nothing_to_bind_is_refused(void **state)
{
	struct cmd_message message;

	(void)state;
	cmd_binding_bind(&harbour, 0);
	assert_int_equal(told(&message), 0);
	assert_int_equal(message.number, -EINVAL);
}

static void the_guests_ports_go_with_the_worker(void **state)
{
	struct cmd_message message;

	NEED_NETNS();
	assert_int_equal(spec("8080", CMD_SPEC_FIRST), 0);
	cmd_binding_bind(&harbour, 0);
	told(&message);
	cmd_binding_keep(&harbour);
	assert_int_equal(relay_publish_add(&harbour.publish, "auto", NULL), 0);
	assert_int_equal(spec("8081", CMD_SPEC_FIRST), 0);
	cmd_binding_bind(&harbour, CMD_BIND_AUTO);
	told(&message);
	cmd_binding_keep(&harbour);
	assert_int_equal(bind_errno(8081), EADDRINUSE);
	assert_int_equal(spec("8082", CMD_SPEC_FIRST), 0);
	cmd_binding_bind(&harbour, 0);
	told(&message);
	cmd_binding_forget(&harbour);
	assert_int_equal(bind_errno(8080), EADDRINUSE);
	assert_int_equal(bind_errno(8081), 0);
	assert_int_equal(bind_errno(8082), 0);
	/* The next one is told what stood. */
	assert_int_equal(harbour.stood_count, 1);
	assert_int_equal(harbour.stood[0].guest, 8081);
	cmd_binding_forget(&harbour);
	assert_int_equal(harbour.stood_count, 1);
}

static void not_unless_somebody_asked(void **state)
{
	struct cmd_message message;

	NEED_NETNS();
	harbour.admitted.ns -= INT64_C(1000000) * CMD_ORDER_MS;
	assert_int_equal(spec("8080", CMD_SPEC_FIRST), 0);
	cmd_binding_bind(&harbour, 0);
	assert_int_equal(told(&message), 0);
	assert_int_equal(message.number, -EPERM);
	cmd_binding_bind(&harbour, CMD_BIND_AUTO);
	assert_int_equal(told(&message), 0);
	assert_int_equal(message.number, -EPERM);
	assert_int_equal(bind_errno(8080), 0);
}

static void only_what_was_bound_is_kept(void **state)
{
	struct cmd_message message;

	NEED_NETNS();
	harbour.admitted.ns = 0;
	assert_int_equal(spec("auto", CMD_SPEC_FIRST), 0);
	cmd_binding_keep(&harbour);
	assert_int_equal(harbour.publish.spec_count, 0);
	assert_int_equal(spec("8080", CMD_SPEC_FIRST), 0);
	cmd_binding_bind(&harbour, CMD_BIND_AUTO);
	assert_int_equal(told(&message), 0);
	assert_int_equal(message.number, -EPERM);
	cmd_binding_keep(&harbour);
	assert_int_equal(harbour.publish.spec_count, 0);
}

static void automatic_is_one_port(void **state)
{
	struct cmd_message message;

	NEED_NETNS();
	assert_int_equal(relay_publish_add(&harbour.publish, "auto", NULL), 0);
	assert_int_equal(spec("8080-8081", CMD_SPEC_FIRST), 0);
	cmd_binding_bind(&harbour, CMD_BIND_AUTO);
	assert_int_equal(told(&message), 0);
	assert_int_equal(message.number, -EPERM);
	assert_int_equal(spec("8080", CMD_SPEC_FIRST), 0);
	cmd_binding_bind(&harbour, CMD_BIND_AUTO);
	assert_int_equal(told(&message), 1);
}

static void refusals_fill_no_log(void **state)
{
	struct cmd_message message;
	char text[65536];
	int holder;
	int ends[2];
	ssize_t got;
	size_t lines = 0;

	NEED_NETNS();
	holder = host_socket(SOCK_STREAM, "0.0.0.0", 8081);
	assert_int_equal(pipe(ends), 0);
	cmd_say_to(ends[1]);
	assert_int_equal(relay_publish_add(&harbour.publish, "auto", NULL), 0);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(spec("0.0.0.0:8081", CMD_SPEC_FIRST), 0);
		cmd_binding_bind(&harbour, CMD_BIND_AUTO);
		told(&message);
	}
	cmd_say_to(STDERR_FILENO);
	got = read(ends[0], text, sizeof(text));
	for (ssize_t i = 0; i < got; i++)
		lines += text[i] == '\n';
	assert_int_equal(lines, 100);
	close(ends[0]);
	close(ends[1]);
	close(holder);
}

#define OWN(f) cmocka_unit_test_setup_teardown(f, fresh, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN(bound_and_kept),
		OWN(many_come_when_asked_for),
		OWN(taken_is_told),
		OWN(what_stands_is_not_bound_again),
		OWN(the_first_forgets_what_came_before),
		OWN(nonsense_is_no_spec),
		OWN(no_more_specs_than_an_order_has),
		OWN(nothing_to_bind_is_refused),
		OWN(the_guests_ports_go_with_the_worker),
		OWN(not_unless_somebody_asked),
		OWN(only_what_was_bound_is_kept),
		OWN(automatic_is_one_port),
		OWN(refusals_fill_no_log),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
