/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose interface it is: of two gateways the second one is refused, and told whose. The other
 * gateway is a process of its own, which claims what it is told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/gateway/gateway.h"

static struct gateway_links links;
static struct drive_error error;
static int other = -1; /* the way to the other gateway */

/* Of the other one; without a name it gives back all that it has. */
struct order {
	struct gateway_link link;
	char name[64];
};

static void serve(int orders)
{
	static struct gateway_links its;
	static struct order order;

	while (read(orders, &order, sizeof(order)) == (ssize_t)sizeof(order)) {
		struct drive_error its_error = { "" };
		int result = 0;

		for (size_t i = 0; !order.name[0] && i < its.count; i++)
			close(its.list[i].claim);
		if (order.name[0]) {
			its.list[its.count++] = order.link;
			result = gateway_links_claim(&its, order.name, &its_error);
		} else {
			its.count = 0;
		}
		if (write(orders, &result, sizeof(result)) < 0)
			break;
	}
	_exit(0);
}

static int start_other(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	if (fork() == 0) {
		close(ends[0]);
		serve(ends[1]);
	}
	close(ends[1]);
	other = ends[0];
	return 0;
}

static int stop_other(void **state)
{
	(void)state;
	close(other);
	(void)wait(NULL);
	return 0;
}

/* No interface of this machine: stations of the test's own. */
static struct gateway_link station(void)
{
	struct gateway_link link = {
		.said = { .sort = CONF_LINK_INTERFACE, .ifname = "eth7" },
		.ends = { .packet = 0,
			  .space = UINT64_C(1) << 62,
			  .index = 7,
			  .mac = { 2, 0, 0, 0, 0, 1 } },
		.claim = -1,
	};

	link.ends.space += (uint64_t)getpid();
	return link;
}

static int other_claims(const struct gateway_link *link, const char *name)
{
	static struct order order;
	int result = 1;

	order = (struct order){ .link = *link };
	(void)snprintf(order.name, sizeof(order.name), "%s", name);
	assert_int_equal(write(other, &order, sizeof(order)), (ssize_t)sizeof(order));
	assert_int_equal(read(other, &result, sizeof(result)), (ssize_t)sizeof(result));
	return result;
}

static int claim(const struct gateway_link *link)
{
	error.text[0] = 0;
	links.list[links.count++] = *link;
	return gateway_links_claim(&links, "edge", &error);
}

static int drop_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < links.count; i++) {
		if (links.list[i].claim >= 0)
			close(links.list[i].claim);
	}
	links.count = 0;
	return other_claims(&(struct gateway_link){ .claim = -1 }, "");
}

static void the_second_one_is_refused(void **state)
{
	const struct gateway_link link = station();

	(void)state;
	assert_int_equal(other_claims(&link, "core"), 0);
	assert_int_equal(claim(&link), -EBUSY);
	assert_non_null(strstr(error.text, "eth7 is gateway core's already"));
	assert_non_null(strstr(error.text, "'minato stop core'"));
	/* When it has ended, there is nothing to undo. */
	(void)drop_all(NULL);
	assert_int_equal(claim(&link), 0);
	assert_true(links.list[0].claim >= 0);
	assert_int_equal(other_claims(&link, "core"), -EBUSY);
}

/* Links that are opened anew, before the old ones are given up. */
static void ones_own_claims_are_in_nobodys_way(void **state)
{
	const struct gateway_link link = station();

	(void)state;
	assert_int_equal(claim(&link), 0);
	assert_int_equal(claim(&link), 0);
	assert_true(links.list[1].claim >= 0);
	assert_int_not_equal(links.list[0].claim, links.list[1].claim);
}

static void other_stations_may_be_there(void **state)
{
	struct gateway_link link = station();

	(void)state;
	assert_int_equal(other_claims(&link, "core"), 0);
	link.ends.index++;
	assert_int_equal(claim(&link), 0);
	link = station();
	link.ends.space += 1000000;
	assert_int_equal(claim(&link), 0);
	link = station();
	link.said.vlan = 12;
	assert_int_equal(claim(&link), 0);
	link = station();
	link.ends.mac[5]++;
	assert_int_equal(claim(&link), 0);
	/* And what is one station stays one. */
	link = station();
	assert_int_equal(claim(&link), -EBUSY);
}

static void taps_are_claimed_by_the_kernel(void **state)
{
	struct gateway_link link = station();

	(void)state;
	assert_int_equal(other_claims(&link, "core"), 0);
	link.ends.packet = -1;
	assert_int_equal(claim(&link), 0);
	assert_int_equal(links.list[0].claim, -1);
}

/* The name of a socket has its bounds; whose it is is seen all the same. */
static void long_names_are_cut(void **state)
{
	const struct gateway_link link = station();
	char name[64];

	(void)state;
	memset(name, 'g', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_int_equal(other_claims(&link, name), 0);
	assert_int_equal(claim(&link), -EBUSY);
	assert_non_null(strstr(error.text, "is gateway gggggggg"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, drop_all)
	const struct CMUnitTest tests[] = {
		CASE(the_second_one_is_refused),   CASE(ones_own_claims_are_in_nobodys_way),
		CASE(other_stations_may_be_there), CASE(taps_are_claimed_by_the_kernel),
		CASE(long_names_are_cut),
	};

	return cmocka_run_group_tests(tests, start_other, stop_other);
}
