/* SPDX-License-Identifier: BSD-2-Clause */
/* The links of a gateway as its keeper opens them, in a network namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/gateway/gateway.h"
#include "unit/netns_fixture.h"

static struct drive_error error;
static struct conf conf;
static struct gateway_links links;

/* Who runs this, outside of all namespaces. */
static uid_t outer;

/* A program that is executed keeps its capabilities only as root of the namespace. */
static void run(const char *command)
{
	static bool mapped;
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1", (unsigned)outer);
	if (!mapped && drive_proc_write("/proc/self/uid_map", map) < 0)
		_exit(NO_NAMESPACE);
	mapped = true;
	DEMAND(system(command) == 0);
}

static void say(const char *text)
{
	static struct conf_statement one;
	static struct conf_report report;

	DEMAND(conf_statement_read(&one, text, &report) == 0);
	DEMAND(conf_add(&conf, &one) == 0);
}

/* Whether the interface is as the words after `ip link show` say it. */
static bool shows(const char *name, const char *what)
{
	char command[256];

	snprintf(command, sizeof(command), "ip -o link show %s 2>&1 | grep -q '%s'", name, what);
	return system(command) == 0;
}

static int open_all(const struct gateway_links *old)
{
	return gateway_links_open(&links, &conf, old, NULL, &error);
}

static void taps_are_made(void)
{
	say("inside tap in0 10.0.0.1/24 mtu 1400");
	say("outside tap out0 198.51.100.1/24");
	DEMAND(open_all(NULL) == 0);
	DEMAND(links.count == 2 && !links.host);
	DEMAND(links.list[0].mtu == 1400 && links.list[1].mtu == 1500);
	DEMAND(shows("in0", "mtu 1400"));
	DEMAND(shows("in0", "[<,]UP[,>]"));
	/* Ours there; each link's own, and the same at the next start. */
	DEMAND(links.list[0].mac[0] == 0x02);
	DEMAND(memcmp(links.list[0].mac, links.list[1].mac, 6) != 0);
	gateway_links_close(&links);
	DEMAND(shows("in0", "does not exist"));
}

static void one_that_waits_is_taken(void)
{
	run("ip tuntap add in0 mode tap vnet_hdr");
	say("inside tap in0 10.0.0.1/24");
	DEMAND(open_all(NULL) == 0);
	DEMAND(links.list[0].vnet);
	gateway_links_close(&links);
	DEMAND(shows("in0", "in0"));
}

static void another_interface_is_refused(void)
{
	run("ip link add in0 type veth peer name in1");
	say("inside tap in0 10.0.0.1/24");
	DEMAND(open_all(NULL) == -EEXIST);
	DEMAND(strstr(error.text, "an interface in0 already"));
	DEMAND(links.count == 0);
}

static void one_that_fails_closes_the_others(void)
{
	say("inside tap in0 10.0.0.1/24");
	say("outside eth7 198.51.100.1/24");
	DEMAND(open_all(NULL) == -ENODEV);
	DEMAND(strstr(error.text, "eth7"));
	DEMAND(shows("in0", "does not exist"));
}

/* What is open already stays: a tap with one queue cannot be opened twice. */
static void what_is_open_is_shared(void)
{
	struct gateway_links old;
	struct stat a;
	struct stat b;

	say("inside tap in0 10.0.0.1/24");
	DEMAND(open_all(NULL) == 0);
	old = links;
	conf.list[0]->link.address[0].addr.bytes[15] = 5;
	say("outside tap out0 198.51.100.1/24");
	DEMAND(open_all(&old) == 0);
	DEMAND(links.count == 2);
	DEMAND(links.list[0].fd != old.list[0].fd);
	DEMAND(fstat(links.list[0].fd, &a) == 0 && fstat(old.list[0].fd, &b) == 0);
	DEMAND(a.st_rdev == b.st_rdev);
	/* The statement is the new one. */
	DEMAND(links.list[0].said.address[0].addr.bytes[15] == 5);
	gateway_links_close(&old);
	DEMAND(shows("in0", "in0"));
	gateway_links_close(&links);
}

/* Whether both are copies of one socket. */
static bool is_copy(int a, int b)
{
	struct stat one;
	struct stat other;

	return a != b && fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_ino == other.st_ino;
}

/* Opens what stands now beside what was open, as a reload does. */
static int change(struct gateway_links *old)
{
	int result;

	*old = links;
	result = open_all(old);
	if (result == 0)
		result = gateway_links_claim(&links, "home", &error);
	return result == 0 ? gateway_links_change(&links, old, &error) : result;
}

static void an_open_tap_gets_another_mtu(void)
{
	struct gateway_links old;

	say("inside tap in0 10.0.0.1/24");
	say("outside tap out0 198.51.100.1/24 mtu 1400");
	DEMAND(open_all(NULL) == 0);
	conf.list[0]->link.mtu = 1300;
	conf.list[1]->link.mtu = 0;
	DEMAND(change(&old) == 0);
	DEMAND(links.list[0].mtu == 1300 && shows("in0", "mtu 1300"));
	DEMAND(links.list[1].mtu == 1500 && shows("out0", "mtu 1500"));
	gateway_links_close(&old);
	DEMAND(shows("in0", "[<,]UP[,>]"));
	gateway_links_close(&links);
}

/* More than a tap takes. */
static void one_that_cannot_leaves_all_as_they_were(void)
{
	struct gateway_links old;

	say("inside tap in0 10.0.0.1/24");
	say("outside tap out0 198.51.100.1/24");
	DEMAND(open_all(NULL) == 0);
	conf.list[0]->link.mtu = 1300;
	conf.list[1]->link.mtu = 65535;
	DEMAND(change(&old) == -EINVAL);
	DEMAND(strstr(error.text, "the MTU of out0 to 65535"));
	DEMAND(shows("in0", "mtu 1500") && shows("out0", "mtu 1500"));
	gateway_links_close(&links);
	gateway_links_close(&old);
}

/* On the other side, and its namespace called by another word. */
static void a_tap_is_the_same_however_it_is_said(void)
{
	struct gateway_links old;

	say("inside tap in0 10.0.0.1/24");
	DEMAND(open_all(NULL) == 0);
	conf.list[0]->link.outside = true;
	conf.list[0]->link.space = CONF_SPACE_PATH;
	strcpy(conf.list[0]->link.space_name, "/proc/self/ns/net");
	DEMAND(change(&old) == 0);
	DEMAND(links.list[0].said.outside);
	gateway_links_close(&old);
	DEMAND(shows("in0", "in0"));
	gateway_links_close(&links);
}

static void a_tap_does_not_become_an_interface(void)
{
	struct gateway_links old;

	say("inside tap in0 10.0.0.1/24");
	DEMAND(open_all(NULL) == 0);
	conf.list[0]->link.sort = CONF_LINK_INTERFACE;
	DEMAND(change(&old) == -EBUSY);
	DEMAND(strstr(error.text, "in0 is a tap that this gateway serves"));
	gateway_links_close(&old);
}

static void make_pair(void)
{
	run("ip link add eth1 type veth peer name eth2 && ip link set eth1 up && "
	    "ip link set eth2 up");
}

static void an_open_interface_is_shared(void)
{
	struct gateway_links old;

	make_pair();
	say("inside eth1 10.0.0.1/24");
	DEMAND(open_all(NULL) == 0 && gateway_links_claim(&links, "home", &error) == 0);
	DEMAND(links.list[0].mtu == 1500 && links.list[0].ends.trusted);
	conf.list[0]->link.mtu = 1400;
	conf.list[0]->link.outside = true;
	DEMAND(change(&old) == 0);
	DEMAND(is_copy(links.list[0].ends.packet, old.list[0].ends.packet));
	DEMAND(links.list[0].mtu == 1400 && !links.list[0].ends.trusted);
	gateway_links_close(&old);
	/* The smaller one of what it takes and what was said. */
	DEMAND(system("ip link set eth1 mtu 1300") == 0);
	gateway_links_look(&links);
	DEMAND(links.list[0].mtu == 1300);
	DEMAND(system("ip link set eth1 mtu 1500") == 0);
	gateway_links_look(&links);
	DEMAND(links.list[0].mtu == 1400);
	gateway_links_close(&links);
}

/* The kernel is kept silent by the interface, not by the link. */
static void one_that_is_taken_changes_its_tag(void)
{
	struct gateway_links old;

	make_pair();
	say("inside eth1 10.0.0.1/24 take");
	if (open_all(NULL) == -EOPNOTSUPP)
		_exit(NO_NAMESPACE);
	DEMAND(links.count == 1 && gateway_links_claim(&links, "home", &error) == 0);
	conf.list[0]->link.vlan = 7;
	say("outside eth1 198.51.100.1/24 vlan 8 take");
	DEMAND(change(&old) == 0);
	DEMAND(is_copy(links.list[0].ends.filter, old.list[0].ends.filter));
	DEMAND(is_copy(links.list[1].ends.filter, old.list[0].ends.filter));
	DEMAND(links.list[0].ends.vlan == 7 && links.list[1].ends.vlan == 8);
	gateway_links_close(&old);
	gateway_links_close(&links);
	/* Both at once. */
	DEMAND(open_all(NULL) == 0);
	gateway_links_close(&links);
}

/* Another process has the interface, for a gateway of that name, until it is told to end. */
static pid_t claim_elsewhere(int *tell)
{
	int ends[2], done[2];
	char byte = 0;
	pid_t child;

	DEMAND(pipe(ends) == 0 && pipe(done) == 0);
	child = fork();
	if (child == 0) {
		close(ends[1]);
		byte = open_all(NULL) == 0 && gateway_links_claim(&links, "home", &error) == 0;
		(void)!write(done[1], &byte, 1);
		(void)!read(ends[0], &byte, 1);
		_exit(0);
	}
	close(ends[0]);
	DEMAND(read(done[0], &byte, 1) == 1 && byte == 1);
	close(done[0]);
	close(done[1]);
	*tell = ends[1];
	return child;
}

static void one_interface_has_one_gateway(void)
{
	struct gateway_links old;
	pid_t child;
	int tell;

	run("ip link add eth1 type veth peer name eth2 && ip link set eth1 up");
	say("inside eth1 10.0.0.1/24");
	child = claim_elsewhere(&tell);
	DEMAND(open_all(NULL) == 0);
	DEMAND(gateway_links_claim(&links, "second", &error) == -EBUSY);
	DEMAND(strstr(error.text, "eth1 is gateway home's already"));
	gateway_links_close(&links);
	/* Another station on the same wire, and another VLAN, are in nobody's way. */
	conf.list[0]->link.mac[0] = 0x02;
	DEMAND(open_all(NULL) == 0 && gateway_links_claim(&links, "second", &error) == 0);
	gateway_links_close(&links);
	conf.list[0]->link.mac[0] = 0;
	conf.list[0]->link.vlan = 7;
	DEMAND(open_all(NULL) == 0 && gateway_links_claim(&links, "second", &error) == 0);
	gateway_links_close(&links);
	conf.list[0]->link.vlan = 0;
	close(tell);
	DEMAND(waitpid(child, NULL, 0) == child);
	/* It is free; and one's own, opened once more, is no other's. */
	DEMAND(open_all(NULL) == 0 && gateway_links_claim(&links, "second", &error) == 0);
	old = links;
	conf.list[0]->link.mtu = 1400;
	DEMAND(open_all(&old) == 0 && gateway_links_claim(&links, "second", &error) == 0);
	gateway_links_close(&old);
	gateway_links_close(&links);
}

static void a_namespace_that_is_not_there(void)
{
	say("inside tap in0 10.0.0.1/24 in namespace nowhere-at-all");
	DEMAND(open_all(NULL) < 0);
	DEMAND(strstr(error.text, "nowhere-at-all"));
}

static void the_hosts_sockets_are_no_link(void)
{
	say("inside tap in0 10.0.0.1/24");
	say("outside host");
	DEMAND(open_all(NULL) == 0);
	DEMAND(links.count == 1 && links.host);
	gateway_links_close(&links);
}

NETNS_CASE(test_taps_are_made, taps_are_made)
NETNS_CASE(test_one_that_waits_is_taken, one_that_waits_is_taken)
NETNS_CASE(test_another_interface_is_refused, another_interface_is_refused)
NETNS_CASE(test_one_that_fails_closes_the_others, one_that_fails_closes_the_others)
NETNS_CASE(test_what_is_open_is_shared, what_is_open_is_shared)
NETNS_CASE(test_an_open_tap_gets_another_mtu, an_open_tap_gets_another_mtu)
NETNS_CASE(test_one_that_cannot_leaves_all_as_they_were, one_that_cannot_leaves_all_as_they_were)
NETNS_CASE(test_a_tap_is_the_same_however_it_is_said, a_tap_is_the_same_however_it_is_said)
NETNS_CASE(test_a_tap_does_not_become_an_interface, a_tap_does_not_become_an_interface)
NETNS_CASE(test_an_open_interface_is_shared, an_open_interface_is_shared)
NETNS_CASE(test_one_that_is_taken_changes_its_tag, one_that_is_taken_changes_its_tag)
NETNS_CASE(test_one_interface_has_one_gateway, one_interface_has_one_gateway)
NETNS_CASE(test_a_namespace_that_is_not_there, a_namespace_that_is_not_there)
NETNS_CASE(test_the_hosts_sockets_are_no_link, the_hosts_sockets_are_no_link)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taps_are_made),
		cmocka_unit_test(test_one_that_waits_is_taken),
		cmocka_unit_test(test_another_interface_is_refused),
		cmocka_unit_test(test_one_that_fails_closes_the_others),
		cmocka_unit_test(test_what_is_open_is_shared),
		cmocka_unit_test(test_an_open_tap_gets_another_mtu),
		cmocka_unit_test(test_one_that_cannot_leaves_all_as_they_were),
		cmocka_unit_test(test_a_tap_is_the_same_however_it_is_said),
		cmocka_unit_test(test_a_tap_does_not_become_an_interface),
		cmocka_unit_test(test_an_open_interface_is_shared),
		cmocka_unit_test(test_one_that_is_taken_changes_its_tag),
		cmocka_unit_test(test_one_interface_has_one_gateway),
		cmocka_unit_test(test_a_namespace_that_is_not_there),
		cmocka_unit_test(test_the_hosts_sockets_are_no_link),
	};

	outer = getuid();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
