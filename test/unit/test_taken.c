/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds a port that is taken, in words, and which ones are free. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "cmd/see/who.h"
#include "netns_fixture.h"

static struct drive_place place(const char *text, uint8_t protocol, bool v6only)
{
	struct drive_place made = { .protocol = protocol, .v6only = v6only };

	DEMAND(minato_addr_parse(text, &made.addr) == 0);
	return made;
}

/* A socket bound there, listening if TCP; port 0 chooses. */
static int take_on(const struct drive_place *at, uint16_t port, uint16_t *got)
{
	struct minato_endpoint end = { at->addr, port };
	struct sockaddr_storage to;
	socklen_t size = drive_endpoint_to(&to, &end);
	bool stream = at->protocol == IPPROTO_TCP;
	int fd = socket(to.ss_family, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
	int only = at->v6only;

	DEMAND(fd >= 0);
	if (to.ss_family == AF_INET6)
		DEMAND(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) == 0);
	DEMAND(bind(fd, (struct sockaddr *)&to, size) == 0);
	DEMAND(!stream || listen(fd, 1) == 0);
	DEMAND(getsockname(fd, (struct sockaddr *)&to, &size) == 0);
	DEMAND(drive_endpoint_from(&end, (struct sockaddr *)&to));
	*got = end.port;
	return fd;
}

static void lo_up(void)
{
	struct drive_rtnl *rtnl;

	DEMAND(drive_rtnl_open(&rtnl) == 0);
	DEMAND(drive_rtnl_link_up(rtnl, 1, 0, NULL) == 0);
	drive_rtnl_close(rtnl);
}

/* What is in the way of `asked` in this namespace; a copy, `hold` as it is only where found. */
static bool obstacle(const struct drive_place *asked, uint16_t port, struct cmd_holder *out)
{
	const struct cmd_holders_query query = {
		.first = port, .last = port, .host = true, .alone = true
	};
	const struct cmd_holder *found;
	struct cmd_holders holders;

	DEMAND(cmd_holders_find(&holders, &query, NULL) == 0);
	found = cmd_holders_obstacle(&holders, asked, 1, port);
	if (found)
		*out = *found;
	cmd_holders_free(&holders);
	return found != NULL;
}

/* Whether a holder is found at `asked` (and binding there fails) with a socket at `held`. */
static bool meets(const struct drive_place *held, const struct drive_place *asked)
{
	struct cmd_holder holder;
	uint16_t port;
	int fd = take_on(held, 0, &port);
	bool found = obstacle(asked, port, &holder);
	int bound = drive_port_probe(asked, port);

	close(fd);
	/* Our answer must be the kernel's. */
	DEMAND(found == (bound == -EADDRINUSE));
	return found;
}

static void every_pair(void)
{
	static const char *const texts[] = { "0.0.0.0", "127.0.0.1", "127.0.0.2", "::", "::1" };
	int met = 0;

	lo_up();
	for (int i = 0; i < 5 * 5 * 8; i++) {
		uint8_t protocol = i % 2 ? IPPROTO_TCP : IPPROTO_UDP;
		struct drive_place held = place(texts[i / 8 % 5], protocol, i / 2 % 2);
		struct drive_place asked = place(texts[i / 40], protocol, i / 4 % 2);

		met += meets(&held, &asked);
	}
	DEMAND(met > 60 && met < 140);
}

static void prefers_the_listener(void)
{
	struct drive_place at = place("127.0.0.1", IPPROTO_TCP, false);
	struct minato_endpoint end = { at.addr, 0 };
	struct sockaddr_storage to;
	struct cmd_holder holder;
	socklen_t size;
	int listener, client, server;

	lo_up();
	listener = take_on(&at, 0, &end.port);
	size = drive_endpoint_to(&to, &end);
	client = socket(AF_INET, SOCK_STREAM, 0);
	DEMAND(connect(client, (struct sockaddr *)&to, size) == 0);
	server = accept(listener, NULL, NULL);
	DEMAND(server >= 0);
	DEMAND(obstacle(&at, end.port, &holder));
	DEMAND(holder.hold == CMD_HOLD_LISTENER);
	close(listener);
	DEMAND(obstacle(&at, end.port, &holder));
	DEMAND(holder.hold == CMD_HOLD_CONNECTION && holder.process.pid == getpid());
	close(client);
	close(server);
}

static void names_the_holder(void)
{
	struct drive_place at = place("127.0.0.1", IPPROTO_TCP, false);
	struct drive_error error;
	char expected[128];
	uint16_t port;
	int fd;

	lo_up();
	fd = take_on(&at, 20000, &port);
	DEMAND(cmd_taken("host port 20000/tcp", &at, 1, 20000, true, &error) == -EADDRINUSE);
	snprintf(expected, sizeof(expected), "(pid %d, user ", (int)getpid());
	DEMAND(strstr(error.text, "host port 20000/tcp is taken by "));
	DEMAND(strstr(error.text, expected));
	DEMAND(strstr(error.text, "running since "));
	snprintf(expected, sizeof(expected), "to free it: kill %d", (int)getpid());
	DEMAND(strstr(error.text, expected));
	DEMAND(strstr(error.text, "the nearest free ones are 20001, 19999, 20002"));
	close(fd);
}

static void steps_over_taken_ones(void)
{
	struct drive_place at = place("0.0.0.0", IPPROTO_TCP, false);
	struct drive_place six = place("::", IPPROTO_TCP, true);
	struct drive_place both[2] = { at, six };
	uint16_t near[4];
	uint16_t port;
	int one, two;

	lo_up();
	one = take_on(&at, 20001, &port);
	two = take_on(&six, 19999, &port);
	DEMAND(cmd_nearest_free(&at, 1, 20000, near, 2) == 2);
	DEMAND(near[0] == 19999 && near[1] == 20002);
	DEMAND(cmd_nearest_free(&six, 1, 20000, near, 1) == 1 && near[0] == 20001);
	DEMAND(cmd_nearest_free(both, 2, 20000, near, 2) == 2);
	DEMAND(near[0] == 20002 && near[1] == 19998);
	close(one);
	close(two);
}

static void offers_none_that_is_kept_back(void)
{
	struct drive_place at = place("0.0.0.0", IPPROTO_TCP, false);
	uint16_t near[2];

	lo_up();
	DEMAND(drive_proc_write("/proc/sys/net/ipv4/ip_local_port_range", "20005 60000") == 0);
	DEMAND(drive_proc_write("/proc/sys/net/ipv4/ip_local_reserved_ports", "19000-20003") == 0);
	DEMAND(cmd_nearest_free(&at, 1, 20003, near, 2) == 2);
	DEMAND(near[0] == 20004 && near[1] == 18999);
	DEMAND(cmd_nearest_free(&at, 1, 65535, near, 2) == 2);
	DEMAND(near[0] == 65534 && near[1] == 65533);
}

static void says_what_is_wrong_with_a_place(void)
{
	struct drive_place strange = place("198.51.100.9", IPPROTO_TCP, false);

	lo_up();
	DEMAND(drive_port_probe(&strange, 20000) == -EADDRNOTAVAIL);
}

/* A holder with what is said of it. */
static void expect_words(const struct cmd_holder *holder, const char *name, const char *remedy)
{
	char text[CMD_HOLDER_TEXT];

	assert_string_equal(cmd_holder_name(text, sizeof(text), holder), name);
	assert_string_equal(cmd_remedy_text(text, sizeof(text), holder), remedy);
}

static void words_say_what_is_known(void **state)
{
	struct cmd_holder seen = {
		.port = 80,
		.proto = MINATO_TCP,
		.inode = 5,
		.processes = 3,
		.process = { .pid = 12, .uid = getuid(), .program = "nginx" },
		.pids = { 14, 13, 12 },
	};
	struct cmd_holder activated = {
		.inode = 5,
		.processes = 2,
		.process = { .pid = 1, .uid = getuid(), .program = "systemd" },
		.pids = { 7, 1 },
	};
	struct cmd_holder hidden = { .inode = 5, .uid = 4294967, .port = 80, .proto = MINATO_TCP };
	struct cmd_holder gone = { .hold = CMD_HOLD_TIME_WAIT, .timer_ms = 41200 };
	struct cmd_holder forward = {
		.inode = 5,
		.process = { .pid = 7 },
		.published = "web",
		.guest_port = 80,
		.spec = "8080:80",
	};
	char expected[128];
	char user[64];

	(void)state;
	cmd_user_word(user, sizeof(user), getuid());
	snprintf(expected, sizeof(expected), "nginx (pid 12, user %s, and 2 more)", user);
	/* Until the last of them is gone, the port is held. */
	expect_words(&seen, expected, "kill 12 14 13");
	snprintf(seen.process.group, sizeof(seen.process.group), "docker:0123456789ab");
	snprintf(expected, sizeof(expected),
		 "nginx (pid 12, user %s, docker:0123456789ab, and 2 more)", user);
	expect_words(&seen, expected, "docker stop 0123456789ab");
	cmd_remedy_text(expected, sizeof(expected), &activated);
	assert_null(strstr(expected, "kill"));
	assert_non_null(strstr(expected, "systemctl list-sockets"));
	if (geteuid() == 0)
		expect_words(&hidden, "something of user 4294967 that is not seen from here",
			     "it runs outside of this container, or is the kernel's own, as NFS "
			     "is");
	else
		expect_words(&hidden, "a program of user 4294967 that you may not look into",
			     "'sudo minato who 80/tcp' says more");
	expect_words(&gone, "no program any more",
		     "wait 42 s, or let the server set SO_REUSEADDR");
	expect_words(&forward, "minato (pid 7) for port 80 of guest web",
		     "minato forward rm web 8080:80");
	forward.hold = CMD_HOLD_CONNECTION;
	expect_words(&forward, "minato (pid 7) for port 80 of guest web",
		     "minato ss -K --in web sport = :80");
}

static void since_is_a_time_or_a_day(void **state)
{
	char text[96];

	(void)state;
	setenv("TZ", "UTC", 1);
	assert_string_equal(cmd_since_text(text, sizeof(text), 1000000000, 1000007380),
			    "running since 01:46:40 (2h03m)");
	assert_string_equal(cmd_since_text(text, sizeof(text), 1000000000, 1000200000),
			    "running since 2001-09-09 01:46 (2d07h)");
	assert_string_equal(cmd_since_text(text, sizeof(text), 0, 1000200000), "");
}

NETNS_CASE(holder_is_found_exactly_where_bind_fails, every_pair)
NETNS_CASE(listener_is_named_before_its_connections, prefers_the_listener)
NETNS_CASE(holder_is_named_with_the_remedy, names_the_holder)
NETNS_CASE(nearest_free_ports_are_free_everywhere, steps_over_taken_ones)
NETNS_CASE(nearest_free_ports_are_nobodys, offers_none_that_is_kept_back)
NETNS_CASE(foreign_address_is_no_taken_port, says_what_is_wrong_with_a_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holder_is_found_exactly_where_bind_fails),
		cmocka_unit_test(listener_is_named_before_its_connections),
		cmocka_unit_test(holder_is_named_with_the_remedy),
		cmocka_unit_test(nearest_free_ports_are_free_everywhere),
		cmocka_unit_test(nearest_free_ports_are_nobodys),
		cmocka_unit_test(foreign_address_is_no_taken_port),
		cmocka_unit_test(words_say_what_is_known),
		cmocka_unit_test(since_is_a_time_or_a_day),
	};

	return cmocka_run_group_tests_name("taken", tests, NULL, NULL);
}
