/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds a port, and which one is free. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "drive/drive.h"
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

/* Whether a holder is found at `asked` (and binding there fails) with a socket at `held`. */
static bool meets(const struct drive_place *held, const struct drive_place *asked)
{
	struct drive_holder holder;
	uint16_t port;
	int fd = take_on(held, 0, &port);
	int found = drive_port_holder(asked, port, &holder);
	int bound = drive_port_probe(asked, port);

	close(fd);
	/* Our answer must be the kernel's. */
	DEMAND((found == 0) == (bound == -EADDRINUSE));
	DEMAND(found == 0 || found == -ENOENT);
	return found == 0;
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

static void names_us(void)
{
	struct drive_place at = place("127.0.0.1", IPPROTO_TCP, false);
	struct drive_holder holder;
	char text[128];
	uint16_t port;
	int fd;

	lo_up();
	fd = take_on(&at, 0, &port);
	DEMAND(drive_port_holder(&at, port, &holder) == 0);
	DEMAND(holder.pid == getpid());
	DEMAND(holder.listening);
	DEMAND(minato_addr_equal(&holder.addr, &at.addr));
	DEMAND(strstr(holder.program, "procs"));
	(void)drive_holder_text(&holder, text, sizeof(text));
	DEMAND(strstr(text, "(pid ") && strstr(text, ", user "));
	close(fd);
	DEMAND(drive_port_holder(&at, port, &holder) == -ENOENT);
}

static void names_udp(void)
{
	struct drive_place at = place("::", IPPROTO_UDP, false);
	struct drive_place tcp = place("::", IPPROTO_TCP, false);
	struct drive_holder holder;
	uint16_t port;
	int fd;

	lo_up();
	fd = take_on(&at, 0, &port);
	DEMAND(drive_port_holder(&at, port, &holder) == 0);
	DEMAND(holder.pid == getpid() && holder.listening);
	DEMAND(drive_port_holder(&tcp, port, &holder) == -ENOENT);
	close(fd);
}

static void prefers_the_listener(void)
{
	struct drive_place at = place("127.0.0.1", IPPROTO_TCP, false);
	struct minato_endpoint end = { at.addr, 0 };
	struct sockaddr_storage to;
	struct drive_holder holder;
	socklen_t size;
	int listener, client, server;

	lo_up();
	listener = take_on(&at, 0, &end.port);
	size = drive_endpoint_to(&to, &end);
	client = socket(AF_INET, SOCK_STREAM, 0);
	DEMAND(connect(client, (struct sockaddr *)&to, size) == 0);
	server = accept(listener, NULL, NULL);
	DEMAND(server >= 0);
	DEMAND(drive_port_holder(&at, end.port, &holder) == 0);
	DEMAND(holder.listening);
	close(listener);
	DEMAND(drive_port_holder(&at, end.port, &holder) == 0);
	DEMAND(!holder.listening && holder.pid == getpid());
	close(client);
	close(server);
}

static void steps_over_taken_ones(void)
{
	struct drive_place at = place("0.0.0.0", IPPROTO_TCP, false);
	struct drive_place six = place("::", IPPROTO_UDP, true);
	struct drive_place both[2] = { at, six };
	uint16_t port;
	int one, two;

	lo_up();
	one = take_on(&at, 20001, &port);
	two = take_on(&six, 20002, &port);
	DEMAND(drive_port_next(&at, 1, 20000) == 20002);
	DEMAND(drive_port_next(&six, 1, 20000) == 20001);
	DEMAND(drive_port_next(both, 2, 20000) == 20003);
	DEMAND(drive_port_next(both, 2, 65535) == -ENOENT);
	DEMAND(drive_port_next(&at, 1, 65534) == 65535);
	close(one);
	close(two);
}

static void starts_where_we_may(void)
{
	struct drive_place at = place("0.0.0.0", IPPROTO_TCP, false);
	int lowest = drive_port_lowest();
	int next;

	lo_up();
	next = drive_port_next(&at, 1, 0);
	DEMAND(lowest >= 0 && lowest <= 1024);
	DEMAND(next > 0 && next >= lowest);
	DEMAND(drive_port_probe(&at, (uint16_t)next) == 0);
}

static void says_what_is_wrong_with_a_place(void)
{
	struct drive_place strange = place("198.51.100.9", IPPROTO_TCP, false);

	lo_up();
	DEMAND(drive_port_probe(&strange, 20000) == -EADDRNOTAVAIL);
	DEMAND(drive_port_next(&strange, 1, 20000) == -EADDRNOTAVAIL);
}

static void text_says_what_is_known(void **state)
{
	struct drive_holder seen = { .pid = 12, .inode = 5, .program = "nginx", .user = "www" };
	struct drive_holder hidden = { .inode = 5, .user = "root" };
	struct drive_holder gone = { .user = "root" };
	char text[128];

	(void)state;
	assert_string_equal(drive_holder_text(&seen, text, sizeof(text)),
			    "nginx (pid 12, user www)");
	assert_string_equal(drive_holder_text(&hidden, text, sizeof(text)),
			    "a program of user root that you may not look into");
	assert_string_equal(drive_holder_text(&gone, text, sizeof(text)),
			    "a connection that is still closing");
}

NETNS_CASE(holder_is_found_exactly_where_bind_fails, every_pair)
NETNS_CASE(holder_has_pid_program_and_user, names_us)
NETNS_CASE(holder_of_udp, names_udp)
NETNS_CASE(listener_is_named_before_its_connections, prefers_the_listener)
NETNS_CASE(next_free_port_is_free_everywhere, steps_over_taken_ones)
NETNS_CASE(next_free_port_is_one_we_may_bind, starts_where_we_may)
NETNS_CASE(foreign_address_is_no_taken_port, says_what_is_wrong_with_a_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holder_is_found_exactly_where_bind_fails),
		cmocka_unit_test(holder_has_pid_program_and_user),
		cmocka_unit_test(holder_of_udp),
		cmocka_unit_test(listener_is_named_before_its_connections),
		cmocka_unit_test(next_free_port_is_free_everywhere),
		cmocka_unit_test(next_free_port_is_one_we_may_bind),
		cmocka_unit_test(foreign_address_is_no_taken_port),
		cmocka_unit_test(text_says_what_is_known),
	};

	return cmocka_run_group_tests_name("procs", tests, NULL, NULL);
}
