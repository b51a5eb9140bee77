/* SPDX-License-Identifier: BSD-2-Clause */
/* Binding the host's ports before anything starts, and what is said where that fails. */
#include "relay_fixture.h"

#include <sys/syscall.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/resource.h>

static struct relay_publish list;
static struct drive_error error;

static int fresh(void **state)
{
	(void)state;
	memset(&list, 0, sizeof(list));
	memset(&error, 0, sizeof(error));
	return 0;
}

static int clean(void **state)
{
	(void)state;
	relay_publish_free(&list);
	return 0;
}

static int open_list(const char *text)
{
	assert_int_equal(relay_publish_add(&list, text, &error), 0);
	return relay_publish_open(&list, true, true, &error);
}

static void says(const char *text)
{
	if (!strstr(error.text, text))
		fail_msg("\"%s\" does not say \"%s\"", error.text, text);
}

/* Whether a caller finds a listener there: bound but not listening is refused. */
static int connect_errno(const char *to, uint16_t port)
{
	struct minato_endpoint peer = end(to, port);
	struct sockaddr_storage name = { 0 };
	socklen_t len = drive_endpoint_to(&name, &peer);
	int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result;

	assert_true(fd >= 0);
	result = connect(fd, (struct sockaddr *)&name, len) < 0 ? errno : 0;
	close(fd);
	return result;
}

static int bind_errno(int type, const char *text, uint16_t port, bool reuse)
{
	struct minato_endpoint local = end(text, port);
	struct sockaddr_storage name = { 0 };
	socklen_t len = drive_endpoint_to(&name, &local);
	int fd = socket(name.ss_family, type | SOCK_CLOEXEC, 0);
	int on = reuse;
	int result;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	result = bind(fd, (struct sockaddr *)&name, len) < 0 ? errno : 0;
	close(fd);
	return result;
}

static void bound_but_closed(void **state)
{
	NEED_NETNS();
	assert_int_equal(open_list("8080"), 0);
	assert_int_equal(list.socket_count, 1);
	assert_int_equal(connect_errno("127.0.0.1", 8080), ECONNREFUSED);
	assert_int_equal(connect_errno("::1", 8080), ECONNREFUSED);
}

static void nobody_can_take_it(void **state)
{
	NEED_NETNS();
	assert_int_equal(open_list("8080/both"), 0);
	assert_int_equal(list.socket_count, 2);
	assert_int_equal(bind_errno(SOCK_STREAM, "0.0.0.0", 8080, false), EADDRINUSE);
	assert_int_equal(bind_errno(SOCK_STREAM, "127.0.0.1", 8080, true), EADDRINUSE);
	assert_int_equal(bind_errno(SOCK_STREAM, "::", 8080, true), EADDRINUSE);
	assert_int_equal(bind_errno(SOCK_DGRAM, "127.0.0.1", 8080, true), EADDRINUSE);
}

static void an_address_leaves_the_others(void **state)
{
	NEED_NETNS();
	assert_int_equal(open_list("127.0.0.1:8080"), 0);
	assert_int_equal(bind_errno(SOCK_STREAM, "192.0.2.1", 8080, false), 0);
	assert_int_equal(bind_errno(SOCK_STREAM, "::1", 8080, false), 0);
}

static void ipv6_any_leaves_ipv4(void **state)
{
	NEED_NETNS();
	assert_int_equal(open_list("[::]:8080"), 0);
	assert_int_equal(bind_errno(SOCK_STREAM, "0.0.0.0", 8080, false), 0);
	assert_int_equal(bind_errno(SOCK_STREAM, "::1", 8080, false), EADDRINUSE);
}

static void a_run_is_bound_whole(void **state)
{
	NEED_NETNS();
	assert_int_equal(open_list("8000-8009:9000"), 0);
	assert_int_equal(list.socket_count, 10);
	assert_int_equal(bind_errno(SOCK_STREAM, "0.0.0.0", 8009, false), EADDRINUSE);
}

static void a_taken_port_fails_all(void **state)
{
	int holder;

	NEED_NETNS();
	holder = host_socket(SOCK_STREAM, "127.0.0.1", 8080);
	assert_int_equal(open_list("8080"), -EADDRINUSE);
	says("host port 8080/tcp: it is taken by another program");
	assert_int_equal(list.socket_count, 0);
	close(holder);
}

static void a_taken_udp_port_fails_too(void **state)
{
	int holder;

	NEED_NETNS();
	holder = host_socket(SOCK_DGRAM, "192.0.2.1", 8080);
	assert_int_equal(open_list("192.0.2.1:8080/udp"), -EADDRINUSE);
	says("host port 8080/udp of 192.0.2.1: it is taken by another program");
	close(holder);
}

static void all_or_nothing(void **state)
{
	int holder;

	NEED_NETNS();
	holder = host_socket(SOCK_STREAM, "127.0.0.1", 8082);
	assert_int_equal(open_list("8080,8081,8082"), -EADDRINUSE);
	close(holder);
	assert_int_equal(list.socket_count, 0);
	assert_int_equal(bind_errno(SOCK_STREAM, "0.0.0.0", 8080, false), 0);
}

static void no_such_address(void **state)
{
	NEED_NETNS();
	assert_int_equal(open_list("198.51.100.1:8080"), -EADDRNOTAVAIL);
	says("host port 8080/tcp of 198.51.100.1");
	says("does not have that address");
}

static void family_the_guest_lacks(void **state)
{
	NEED_NETNS();
	assert_int_equal(relay_publish_add(&list, "[::1]:8080", &error), 0);
	assert_int_equal(relay_publish_open(&list, true, false, &error), -EAFNOSUPPORT);
	says("the guest has no IPv6");
}

static void one_family_leaves_the_other(void **state)
{
	NEED_NETNS();
	assert_int_equal(relay_publish_add(&list, "8080", &error), 0);
	assert_int_equal(relay_publish_open(&list, true, false, &error), 0);
	assert_int_equal(bind_errno(SOCK_STREAM, "::1", 8080, false), 0);
	assert_int_equal(bind_errno(SOCK_STREAM, "127.0.0.1", 8080, false), EADDRINUSE);
}

/* ---- all ---- */

static void set_range(const char *text)
{
	assert_int_equal(drive_proc_write("/proc/sys/net/ipv4/ip_local_port_range", text), 0);
}

static void all_that_is_free(void **state)
{
	int holder;

	NEED_NETNS();
	set_range("2000 65535");
	drive_proc_write("/proc/sys/net/ipv4/ip_local_reserved_ports", "1500-1509");
	holder = host_socket(SOCK_STREAM, "127.0.0.1", 1100);
	assert_int_equal(relay_publish_add(&list, "1200:80", &error), 0);
	assert_int_equal(open_list("all,~1000-1099,~1300"), 0);
	/* 1-1999 without 100 and 1 left out, 10 reserved, 1 held, 1 named. */
	assert_int_equal(list.specs[0].socket_count, 1);
	assert_int_equal(list.specs[1].socket_count, 1999 - 100 - 1 - 10 - 1 - 1);
	assert_int_equal(bind_errno(SOCK_STREAM, "0.0.0.0", 1999, true), EADDRINUSE);
	assert_int_equal(bind_errno(SOCK_STREAM, "::", 1999, true), EADDRINUSE);
	assert_int_equal(bind_errno(SOCK_STREAM, "0.0.0.0", 1300, true), 0);
	assert_int_equal(bind_errno(SOCK_STREAM, "0.0.0.0", 1505, true), 0);
	assert_int_equal(bind_errno(SOCK_STREAM, "0.0.0.0", 1050, true), 0);
	assert_int_equal(bind_errno(SOCK_STREAM, "0.0.0.0", 2000, true), 0);
	drive_proc_write("/proc/sys/net/ipv4/ip_local_reserved_ports", "\n");
	set_range("32768 60999");
	close(holder);
}

static void all_of_both_at_an_address(void **state)
{
	NEED_NETNS();
	set_range("1100 65535");
	assert_int_equal(open_list("127.0.0.1:all/both"), 0);
	assert_int_equal(list.socket_count, 2 * 1099);
	assert_int_equal(bind_errno(SOCK_DGRAM, "127.0.0.1", 80, true), EADDRINUSE);
	assert_int_equal(bind_errno(SOCK_STREAM, "192.0.2.1", 80, true), 0);
	set_range("32768 60999");
}

static void all_needs_descriptors(void **state)
{
	struct rlimit before;
	struct rlimit few;

	NEED_NETNS();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	set_range("32768 60999");
	few = (struct rlimit){ before.rlim_cur < 20000 ? before.rlim_cur : 20000, 20000 };
	if (setrlimit(RLIMIT_NOFILE, &few) < 0)
		skip();
	assert_int_equal(open_list("all/both"), -EMFILE);
	/* 65,535 - 28,232 ports, twice, and what is kept. */
	says("needs 75630 open files");
	says("no more than 20000");
	says("all,~FIRST-LAST");
	says("nofile 75630");
	assert_int_equal(list.socket_count, 0);
	setrlimit(RLIMIT_NOFILE, &before);
}

static void the_limit_is_as_before(void **state)
{
	struct rlimit before;
	struct rlimit after;

	NEED_NETNS();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(open_list("8080"), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
	assert_int_equal(after.rlim_cur, before.rlim_cur);
}

static void failure_can_be_explained_later(void **state)
{
	struct drive_place places[2];
	char what[96];
	int holder;

	NEED_NETNS();
	holder = host_socket(SOCK_STREAM, "127.0.0.1", 8081);
	assert_int_equal(relay_publish_add(&list, "8080,8081", &error), 0);
	assert_int_equal(relay_publish_open(&list, true, true, NULL), -EADDRINUSE);
	assert_int_equal(list.failure.errnum, EADDRINUSE);
	assert_int_equal(list.failure.spec, 1);
	assert_int_equal(list.failure.port, 8081);
	assert_int_equal(relay_publish_explain(&list, &list.failure, true, true, &error),
			 -EADDRINUSE);
	says("host port 8081/tcp: it is taken");
	assert_string_equal(relay_publish_what(&list, &list.failure, what, sizeof(what)),
			    "host port 8081/tcp");
	assert_int_equal(relay_publish_places(&list, &list.failure, true, true, places), 2);
	assert_int_equal(relay_publish_places(&list, &list.failure, true, false, places), 1);
	close(holder);
}

/* Gives up the right to low ports for the rest of this thread's life, so it comes last. */
static void low_port_names_the_remedy(void **state)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	NEED_NETNS();
	assert_int_equal(syscall(SYS_capset, &header, none), 0);
	assert_int_equal(open_list("80"), -EACCES);
	says("host port 80/tcp");
	says("sudo sysctl net.ipv4.ip_unprivileged_port_start=80");
	says("sudo setcap cap_net_bind_service=ep /");
	says("from 1024 up");
}

#define OWN(f) cmocka_unit_test_setup_teardown(f, fresh, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN(bound_but_closed),
		OWN(nobody_can_take_it),
		OWN(an_address_leaves_the_others),
		OWN(ipv6_any_leaves_ipv4),
		OWN(a_run_is_bound_whole),
		OWN(a_taken_port_fails_all),
		OWN(a_taken_udp_port_fails_too),
		OWN(all_or_nothing),
		OWN(no_such_address),
		OWN(family_the_guest_lacks),
		OWN(one_family_leaves_the_other),
		OWN(all_that_is_free),
		OWN(all_of_both_at_an_address),
		OWN(the_limit_is_as_before),
		OWN(failure_can_be_explained_later),
		OWN(all_needs_descriptors),
		OWN(low_port_names_the_remedy),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
