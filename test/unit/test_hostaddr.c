/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses: their sort, their forms in the kernel, those of the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "drive/drive.h"
#include "netns_fixture.h"

static struct minato_addr addr(const char *text)
{
	struct minato_addr parsed;

	assert_int_equal(minato_addr_parse(text, &parsed), 0);
	return parsed;
}

static void assert_sort(const char *text, enum drive_sort sort, bool inner)
{
	struct minato_addr parsed = addr(text);

	assert_int_equal(drive_addr_sort(&parsed), sort);
	assert_int_equal(drive_addr_is_inner(&parsed), inner);
}

#define SORT_CASE(name, sort, inner, ...)                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		const char *const texts[] = { __VA_ARGS__ };                                       \
                                                                                                   \
		(void)state;                                                                       \
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)                      \
			assert_sort(texts[i], sort, inner);                                        \
	}

SORT_CASE(all_of_127_is_loopback, DRIVE_SORT_LOOPBACK, true, "127.0.0.1", "127.0.0.0",
	  "127.255.255.255", "127.1.2.3")
SORT_CASE(loopback_of_ipv6, DRIVE_SORT_LOOPBACK, true, "::1")
SORT_CASE(mapped_loopback, DRIVE_SORT_LOOPBACK, true, "::ffff:127.0.0.1", "::ffff:7f00:1")
SORT_CASE(compatible_loopback, DRIVE_SORT_LOOPBACK, true, "::127.0.0.1")
SORT_CASE(any_of_ipv4, DRIVE_SORT_ANY, true, "0.0.0.0", "0.1.2.3", "0.255.255.255")
SORT_CASE(any_of_ipv6, DRIVE_SORT_ANY, true, "::")
SORT_CASE(mapped_any, DRIVE_SORT_ANY, true, "::ffff:0.0.0.0")
SORT_CASE(broadcast, DRIVE_SORT_BROADCAST, true, "255.255.255.255", "::ffff:255.255.255.255")
SORT_CASE(multicast, DRIVE_SORT_MULTICAST, false, "224.0.0.1", "239.255.255.255", "ff02::1",
	  "::ffff:224.0.0.1")
SORT_CASE(neighbours_of_the_special_ones, DRIVE_SORT_UNICAST, false, "126.255.255.255", "128.0.0.0",
	  "1.0.0.0", "223.255.255.255", "255.255.255.254", "240.0.0.1", "::1:0:1", "100::1",
	  "feff::1")
SORT_CASE(what_lans_use, DRIVE_SORT_UNICAST, false, "10.0.2.2", "192.168.0.1", "172.16.0.1",
	  "169.254.1.1", "fd00::2", "fe80::1", "2001:db8::1", "64:ff9b::7f00:1")

static void endpoint_of_ipv4(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80) };
	struct minato_addr wanted = addr("192.0.2.7");
	struct minato_endpoint end;

	(void)state;
	in.sin_addr.s_addr = htonl(0xc0000207);
	assert_true(drive_endpoint_from(&end, (struct sockaddr *)&in));
	assert_true(minato_addr_equal(&end.addr, &wanted));
	assert_int_equal(end.port, 80);
}

static void mapped_endpoint_of_ipv6_is_ipv4(void **state)
{
	struct minato_addr wanted = addr("192.0.2.7");
	struct minato_endpoint end = { wanted, 443 };
	struct sockaddr_storage to;

	(void)state;
	assert_int_equal(drive_endpoint_to6(&to, &end), sizeof(struct sockaddr_in6));
	assert_int_equal(to.ss_family, AF_INET6);
	memset(&end, 0, sizeof(end));
	assert_true(drive_endpoint_from(&end, (struct sockaddr *)&to));
	assert_true(minato_addr_is4(&end.addr));
	assert_true(minato_addr_equal(&end.addr, &wanted));
	assert_int_equal(end.port, 443);
}

static void endpoints_go_there_and_back(void **state)
{
	const char *const texts[] = { "192.0.2.1", "0.0.0.0", "::", "2001:db8::5", "::1" };
	struct sockaddr_storage to;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct minato_endpoint end = { addr(texts[i]), (uint16_t)(65535 - i) };
		struct minato_endpoint back;
		bool four = minato_addr_is4(&end.addr);

		assert_int_equal(drive_endpoint_to(&to, &end),
				 four ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		assert_int_equal(to.ss_family, four ? AF_INET : AF_INET6);
		assert_true(drive_endpoint_from(&back, (struct sockaddr *)&to));
		assert_true(minato_addr_equal(&end.addr, &back.addr));
		assert_int_equal(end.port, back.port);
	}
}

static void other_families_have_no_endpoint(void **state)
{
	struct sockaddr_storage other = { .ss_family = AF_UNIX };
	struct minato_endpoint end;

	(void)state;
	assert_false(drive_endpoint_from(&end, (struct sockaddr *)&other));
}

static bool holds(const struct drive_hostaddr *list, int count, const char *text, uint8_t prefix)
{
	struct minato_addr wanted = addr(text);

	for (int i = 0; i < count; i++)
		if (minato_addr_equal(&list[i].addr, &wanted) && list[i].prefix == prefix &&
		    list[i].loopback && list[i].interface == 1)
			return true;
	return false;
}

static void lists_loopback_with_its_prefixes(void)
{
	struct drive_hostaddr list[8];
	struct drive_rtnl *rtnl;
	int count;

	DEMAND(drive_rtnl_open(&rtnl) == 0);
	DEMAND(drive_hostaddr_read(list, 8) == 0);
	DEMAND(drive_rtnl_link_up(rtnl, 1, 0, NULL) == 0);
	count = drive_hostaddr_read(list, 8);
	DEMAND(count >= 1 && count <= 2);
	DEMAND(holds(list, count, "127.0.0.1", 8));
	DEMAND(count == 1 || holds(list, count, "::1", 128));
	drive_rtnl_close(rtnl);
}

NETNS_CASE(hosts_addresses_are_listed, lists_loopback_with_its_prefixes)

static void counts_what_does_not_fit(void)
{
	struct minato_addr more = addr("10.1.2.3");
	struct drive_hostaddr list[1];
	struct drive_rtnl *rtnl;

	DEMAND(drive_rtnl_open(&rtnl) == 0);
	DEMAND(drive_rtnl_link_up(rtnl, 1, 0, NULL) == 0);
	DEMAND(drive_rtnl_addr_add(rtnl, 1, &more, 24) == 0);
	DEMAND(drive_hostaddr_read(list, 1) >= 2);
	DEMAND(drive_hostaddr_read(NULL, 0) >= 2);
	drive_rtnl_close(rtnl);
}

NETNS_CASE(more_addresses_than_room_are_counted, counts_what_does_not_fit)

static void tells_of_a_new_address(void)
{
	struct minato_addr more = addr("10.1.2.3");
	int fd = drive_hostaddr_watch();
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct drive_rtnl *rtnl;

	DEMAND(fd >= 0);
	DEMAND(drive_rtnl_open(&rtnl) == 0);
	DEMAND(drive_rtnl_link_up(rtnl, 1, 0, NULL) == 0);
	(void)drive_hostaddr_drain(fd);
	DEMAND(drive_hostaddr_drain(fd) == 0);
	DEMAND(drive_rtnl_addr_add(rtnl, 1, &more, 24) == 0);
	DEMAND(poll(&ready, 1, 2000) == 1);
	DEMAND(drive_hostaddr_drain(fd) == 1);
	DEMAND(drive_hostaddr_drain(fd) == 0);
	close(fd);
	drive_rtnl_close(rtnl);
}

NETNS_CASE(changes_are_told, tells_of_a_new_address)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_127_is_loopback),
		cmocka_unit_test(loopback_of_ipv6),
		cmocka_unit_test(mapped_loopback),
		cmocka_unit_test(compatible_loopback),
		cmocka_unit_test(any_of_ipv4),
		cmocka_unit_test(any_of_ipv6),
		cmocka_unit_test(mapped_any),
		cmocka_unit_test(broadcast),
		cmocka_unit_test(multicast),
		cmocka_unit_test(neighbours_of_the_special_ones),
		cmocka_unit_test(what_lans_use),
		cmocka_unit_test(endpoint_of_ipv4),
		cmocka_unit_test(mapped_endpoint_of_ipv6_is_ipv4),
		cmocka_unit_test(endpoints_go_there_and_back),
		cmocka_unit_test(other_families_have_no_endpoint),
		cmocka_unit_test(hosts_addresses_are_listed),
		cmocka_unit_test(more_addresses_than_room_are_counted),
		cmocka_unit_test(changes_are_told),
	};

	return cmocka_run_group_tests_name("hostaddr", tests, NULL, NULL);
}
