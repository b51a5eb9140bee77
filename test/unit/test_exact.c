/* SPDX-License-Identifier: BSD-2-Clause */
/* One socket of the kernel's by its ends. */
#include "relay_fixture.h"

#include <linux/netlink.h>
#include <unistd.h>

#include "kernel/kernel.h"

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	return cookie;
}

static void is_found(int diag, int type, const char *where, uint16_t port)
{
	enum minato_proto proto = type == SOCK_STREAM ? MINATO_TCP : MINATO_UDP;
	int server = host_socket(type, where, port);
	int client = host_connect(type, where, where, port);
	const struct minato_endpoint local = end(where, port_of(client));
	const struct minato_endpoint remote = end(where, port);
	const struct minato_endpoint nobody = end(where, 9);
	struct kernel_exact found = { 0 };
	uint64_t whose;
	int result;
	int accepted = type == SOCK_STREAM ? host_accept(server) : -1;

	assert_int_equal(kernel_cookie(diag, proto, &local, &remote, &found), 0);
	assert_int_equal(found.cookie, cookie_of(client));
	assert_int_equal(found.uid, getuid());
	/* The other way round it is the other end. */
	assert_int_equal(kernel_cookie(diag, proto, &remote, &local, &found), 0);
	assert_int_equal(found.cookie, cookie_of(accepted >= 0 ? accepted : server));
	assert_int_equal(kernel_cookie(diag, proto, &nobody, &remote, &found), -ENOENT);
	/* What is left of it, for the other end's sake, is not that socket. */
	whose = cookie_of(client);
	close(client);
	result = kernel_cookie(diag, proto, &local, &remote, &found);
	assert_true(result == -ENOENT || (result == 0 && found.cookie == whose));
	if (accepted >= 0)
		close(accepted);
	close(server);
}

static void both_families(void **state)
{
	int diag;

	NEED_NETNS();
	diag = kernel_cookie_open();
	assert_true(diag >= 0);
	is_found(diag, SOCK_STREAM, "192.0.2.1", 7000);
	is_found(diag, SOCK_STREAM, "2001:db8::1", 7000);
	is_found(diag, SOCK_DGRAM, "192.0.2.1", 7000);
	is_found(diag, SOCK_DGRAM, "2001:db8::1", 7000);
	close(diag);
}

/* A socket that takes what comes to any address, as those of guests do. */
static void unconnected(void **state)
{
	const struct minato_endpoint local = end("192.0.2.1", 7002);
	const struct minato_endpoint remote = end("192.0.2.1", 7003);
	struct kernel_exact found = { 0 };
	int diag;
	int fd;

	NEED_NETNS();
	diag = kernel_cookie_open();
	fd = host_socket(SOCK_DGRAM, "0.0.0.0", 7002);
	assert_int_equal(kernel_cookie(diag, MINATO_UDP, &local, &remote, &found), 0);
	assert_int_equal(found.cookie, cookie_of(fd));
	close(fd);
	assert_int_equal(kernel_cookie(diag, MINATO_UDP, &local, &remote, &found), -ENOENT);
	close(diag);
}

/* An error that is none leaves no cookie, and so is no answer. */
static void what_is_no_error_is_no_answer(void **state)
{
	const struct minato_endpoint local = end("192.0.2.1", 80), remote = end("192.0.2.2", 81);
	static const int errors[] = { 5, 0, -4096, INT32_MIN };
	struct kernel_exact found;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
	/* The first question throws away what is there. */
	assert_int_equal(kernel_cookie(ends[0], MINATO_TCP, &local, &remote, &found), -EAGAIN);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		/* It is told by its number, which is that of the question: one of these. */
		for (uint32_t number = 1; number < 64; number++) {
			const struct {
				struct nlmsghdr header;
				struct nlmsgerr error;
			} answer = { { .nlmsg_len = sizeof(answer),
				       .nlmsg_type = NLMSG_ERROR,
				       .nlmsg_seq = number },
				     { .error = errors[i] } };
			assert_int_equal(send(ends[1], &answer, sizeof(answer), MSG_DONTWAIT),
					 sizeof(answer));
		}
		assert_int_equal(kernel_cookie(ends[0], MINATO_TCP, &local, &remote, &found),
				 -EPROTO);
		while (recv(ends[0], &found, sizeof(found), MSG_DONTWAIT) >= 0)
			;
	}
	close(ends[0]);
	close(ends[1]);
}

/* Nothing behind a message is looked at, however long it says that it is. */
static void what_is_too_long_is_none(void **state)
{
	const struct minato_endpoint local = end("192.0.2.1", 80), remote = end("192.0.2.2", 81);
	const struct nlmsghdr header = { .nlmsg_len = 0xfffffff0, .nlmsg_type = NLMSG_NOOP };
	struct kernel_exact found;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
	(void)kernel_cookie(ends[0], MINATO_TCP, &local, &remote, &found);
	assert_int_equal(send(ends[1], &header, sizeof(header), 0), sizeof(header));
	assert_int_equal(kernel_cookie(ends[0], MINATO_TCP, &local, &remote, &found), -EAGAIN);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { CASE(both_families), CASE(unconnected),
					    CASE(what_is_no_error_is_no_answer),
					    CASE(what_is_too_long_is_none) };

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
