/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the guest may go, and as whom the outside appears to it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relay/relay.h"

static struct minato_addr addr(const char *text)
{
	struct minato_addr a;

	assert_int_equal(minato_addr_parse(text, &a), 0);
	return a;
}

static struct relay_config config(void)
{
	struct relay_config c = { .host_loopback = false };

	c.subnet = (struct drive_subnet){
		.has4 = true,
		.has6 = true,
		.prefix4 = 24,
		.prefix6 = 64,
		.network4 = addr("10.0.2.0"),
		.gateway4 = addr("10.0.2.2"),
		.dns4 = addr("10.0.2.3"),
		.guest4 = addr("10.0.2.100"),
		.network6 = addr("fd00::"),
		.gateway6 = addr("fd00::2"),
		.dns6 = addr("fd00::3"),
		.guest6 = addr("fd00::64"),
	};
	return c;
}

static enum target_verdict judge(const struct relay_config *c, const char *text, uint16_t port,
				 struct minato_endpoint *dial)
{
	struct minato_endpoint wanted = { addr(text), port };
	struct minato_endpoint ignored;
	const struct relay relay = { .config = *c };

	return target_judge(&relay, MINATO_TCP, &wanted, dial ? dial : &ignored);
}

static void is(const char *text, enum target_verdict verdict)
{
	struct relay_config c = config();

	if (judge(&c, text, 80, NULL) != verdict)
		fail_msg("%s is judged %d instead of %d", text, judge(&c, text, 80, NULL), verdict);
	c.host_loopback = true; /* which opens the gateway's address only */
	assert_int_equal(judge(&c, text, 80, NULL), verdict);
}

static void the_world_is_dialled(void **state)
{
	struct relay_config c = config();
	struct minato_endpoint dial;
	struct minato_addr want = addr("192.0.2.1");

	(void)state;
	is("192.0.2.1", TARGET_DIAL);
	is("2001:db8::1", TARGET_DIAL);
	assert_int_equal(judge(&c, "192.0.2.1", 443, &dial), TARGET_DIAL);
	assert_int_equal(dial.port, 443);
	assert_true(minato_addr_equal(&dial.addr, &want));
}

static void a_lan_is_dialled(void **state)
{
	(void)state;
	is("192.168.1.5", TARGET_DIAL);
	is("10.0.3.1", TARGET_DIAL);
	is("172.16.0.1", TARGET_DIAL);
	is("fd12:3456::1", TARGET_DIAL);
}

static void loopback4_is_refused(void **state)
{
	(void)state;
	is("127.0.0.1", TARGET_REFUSE);
	is("127.0.0.53", TARGET_REFUSE);
	is("127.255.255.254", TARGET_REFUSE);
}

static void loopback6_is_refused(void **state)
{
	(void)state;
	is("::1", TARGET_REFUSE);
}

static void any4_is_refused(void **state)
{
	(void)state;
	is("0.0.0.0", TARGET_REFUSE);
	is("0.1.2.3", TARGET_REFUSE);
}

static void any6_is_refused(void **state)
{
	(void)state;
	is("::", TARGET_REFUSE);
}

static void compatible_forms_are_refused(void **state)
{
	(void)state;
	is("::127.0.0.1", TARGET_REFUSE);
}

static void mapped_forms_are_ipv4(void **state)
{
	(void)state;
	is("::ffff:127.0.0.1", TARGET_REFUSE);
	is("::ffff:0.0.0.0", TARGET_REFUSE);
	is("::ffff:192.0.2.1", TARGET_DIAL);
}

static void translated_loopback_is_refused(void **state)
{
	(void)state;
	is("64:ff9b::127.0.0.1", TARGET_REFUSE);
	is("64:ff9b::169.254.169.254", TARGET_REFUSE);
	is("64:ff9b::192.0.2.1", TARGET_DIAL);
	is("2002:7f00:1::1", TARGET_REFUSE);
	is("2002:c000:201::1", TARGET_DIAL);
}

static void broadcast_is_refused(void **state)
{
	(void)state;
	is("255.255.255.255", TARGET_REFUSE);
	is("10.0.2.255", TARGET_REFUSE);
	is("10.0.2.0", TARGET_REFUSE);
}

static void multicast_is_not_carried(void **state)
{
	(void)state;
	is("224.0.0.251", TARGET_MULTICAST);
	is("239.255.255.250", TARGET_MULTICAST);
	is("ff02::fb", TARGET_MULTICAST);
}

static void neighbours_are_absent(void **state)
{
	(void)state;
	is("10.0.2.50", TARGET_ABSENT);
	is("fd00::50", TARGET_ABSENT);
	is("fe80::1", TARGET_ABSENT);
	is("169.254.169.254", TARGET_ABSENT);
}

static void itself_is_refused(void **state)
{
	(void)state;
	is("10.0.2.100", TARGET_REFUSE);
	is("fd00::64", TARGET_REFUSE);
}

static void port_zero_is_refused(void **state)
{
	struct relay_config c = config();

	(void)state;
	assert_int_equal(judge(&c, "192.0.2.1", 0, NULL), TARGET_REFUSE);
}

static void gateway_is_closed(void **state)
{
	struct relay_config c = config();

	(void)state;
	assert_int_equal(judge(&c, "10.0.2.2", 80, NULL), TARGET_REFUSE);
	assert_int_equal(judge(&c, "fd00::2", 80, NULL), TARGET_REFUSE);
}

static void gateway_leads_to_loopback_if_open(void **state)
{
	struct relay_config c = config();
	struct minato_endpoint dial;
	struct minato_addr four = addr("127.0.0.1");
	struct minato_addr six = addr("::1");

	(void)state;
	c.host_loopback = true;
	assert_int_equal(judge(&c, "10.0.2.2", 8080, &dial), TARGET_DIAL);
	assert_true(minato_addr_equal(&dial.addr, &four));
	assert_int_equal(dial.port, 8080);
	assert_int_equal(judge(&c, "fd00::2", 8080, &dial), TARGET_DIAL);
	assert_true(minato_addr_equal(&dial.addr, &six));
}

static void dns_address_is_the_resolver(void **state)
{
	struct relay_config c = config();

	(void)state;
	assert_int_equal(judge(&c, "10.0.2.3", 53, NULL), TARGET_RESOLVER);
	assert_int_equal(judge(&c, "fd00::3", 53, NULL), TARGET_RESOLVER);
	assert_int_equal(judge(&c, "10.0.2.3", 54, NULL), TARGET_REFUSE);
	assert_int_equal(judge(&c, "10.0.2.3", 853, NULL), TARGET_REFUSE);
}

static void a_family_without_addresses_hides_none(void **state)
{
	struct relay_config c = config();

	(void)state;
	c.subnet.has4 = false;
	assert_int_equal(judge(&c, "10.0.2.2", 80, NULL), TARGET_DIAL);
	assert_int_equal(judge(&c, "fd00::2", 80, NULL), TARGET_REFUSE);
}

static void odd_prefix_lengths(void **state)
{
	struct relay_config c = config();

	(void)state;
	c.subnet.prefix4 = 22;
	c.subnet.network4 = addr("10.0.0.0");
	assert_int_equal(judge(&c, "10.0.3.50", 80, NULL), TARGET_ABSENT);
	assert_int_equal(judge(&c, "10.0.3.255", 80, NULL), TARGET_REFUSE);
	assert_int_equal(judge(&c, "10.0.2.255", 80, NULL), TARGET_ABSENT);
	assert_int_equal(judge(&c, "10.0.4.1", 80, NULL), TARGET_DIAL);
	c.subnet.prefix4 = 1;
	c.subnet.network4 = addr("0.0.0.0");
	assert_int_equal(judge(&c, "128.0.0.1", 80, NULL), TARGET_DIAL);
	assert_int_equal(judge(&c, "100.0.0.1", 80, NULL), TARGET_ABSENT);
}

static bool seen(const struct relay_config *c, const char *from, struct minato_endpoint *as)
{
	struct minato_endpoint end = { addr(from), 5000 };
	const struct relay relay = { .config = *c };

	return target_seen(&relay, &end, as);
}

static void outside_is_seen_as_it_is(void **state)
{
	struct relay_config c = config();
	struct minato_endpoint as;
	struct minato_addr want = addr("192.0.2.1");

	(void)state;
	assert_true(seen(&c, "192.0.2.1", &as));
	assert_true(minato_addr_equal(&as.addr, &want));
	assert_int_equal(as.port, 5000);
}

static void loopback_does_not_come_in(void **state)
{
	struct relay_config c = config();
	struct minato_endpoint as;

	(void)state;
	assert_false(seen(&c, "127.0.0.1", &as));
	assert_false(seen(&c, "::1", &as));
	assert_false(seen(&c, "0.0.0.0", &as));
}

static void open_loopback_is_seen_as_gateway(void **state)
{
	struct relay_config c = config();
	struct minato_endpoint as;

	(void)state;
	c.host_loopback = true;
	assert_true(seen(&c, "127.0.0.1", &as));
	assert_true(minato_addr_equal(&as.addr, &c.subnet.gateway4));
	assert_true(seen(&c, "::1", &as));
	assert_true(minato_addr_equal(&as.addr, &c.subnet.gateway6));
	assert_int_equal(as.port, 5000);
	assert_false(seen(&c, "0.0.0.0", &as));
}

static void nobody_comes_as_a_neighbour(void **state)
{
	struct relay_config c = config();
	struct minato_endpoint as;

	(void)state;
	assert_false(seen(&c, "10.0.2.3", &as));
	assert_false(seen(&c, "10.0.2.100", &as));
}

static bool caller(const char *from, struct minato_endpoint *as)
{
	struct relay_config c = config();
	struct minato_endpoint end = { addr(from), 5000 };

	return target_caller(&c, &end,
			     minato_addr_is4(&end.addr) ? &c.subnet.guest4 : &c.subnet.guest6, as);
}

static void callers_keep_their_address(void **state)
{
	struct minato_endpoint as;
	struct minato_addr want = addr("192.0.2.7");

	(void)state;
	assert_true(caller("192.0.2.7", &as));
	assert_true(minato_addr_equal(&as.addr, &want));
	assert_true(caller("2001:db8::7", &as));
}

static void loopback_callers_come_as_gateway(void **state)
{
	struct relay_config c = config();
	struct minato_endpoint as;

	(void)state;
	assert_false(caller("127.0.0.1", &as));
	assert_true(minato_addr_equal(&as.addr, &c.subnet.gateway4));
	assert_int_equal(as.port, 5000);
	assert_false(caller("127.1.2.3", &as));
	assert_false(caller("::1", &as));
	assert_true(minato_addr_equal(&as.addr, &c.subnet.gateway6));
}

static void callers_with_the_guests_address_come_as_gateway(void **state)
{
	struct relay_config c = config();
	struct minato_endpoint as;

	(void)state;
	assert_false(caller("10.0.2.100", &as));
	assert_true(minato_addr_equal(&as.addr, &c.subnet.gateway4));
	assert_false(caller("fd00::64", &as));
	assert_true(minato_addr_equal(&as.addr, &c.subnet.gateway6));
}

static void link_local_callers_come_as_gateway(void **state)
{
	struct relay_config c = config();
	struct minato_endpoint as;

	(void)state;
	assert_false(caller("fe80::7", &as));
	assert_true(minato_addr_equal(&as.addr, &c.subnet.gateway6));
	assert_false(seen(&c, "fe80::7", &as));
}

static void reason_of(int errnum, enum minato_reason want)
{
	enum minato_reason reason;

	assert_true(target_reason(errnum, &reason));
	assert_int_equal(reason, want);
}

static void reasons(void **state)
{
	enum minato_reason reason;

	(void)state;
	reason_of(ENETUNREACH, MINATO_REASON_NETWORK);
	reason_of(EADDRNOTAVAIL, MINATO_REASON_NETWORK);
	reason_of(EHOSTUNREACH, MINATO_REASON_HOST);
	reason_of(EACCES, MINATO_REASON_PROHIBITED);
	reason_of(EPERM, MINATO_REASON_PROHIBITED);
	reason_of(ENOPROTOOPT, MINATO_REASON_PROTOCOL);
	reason_of(ECONNREFUSED, MINATO_REASON_PORT);
	reason_of(EMFILE, MINATO_REASON_HOST);
	assert_false(target_reason(ETIMEDOUT, &reason));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_world_is_dialled),
		cmocka_unit_test(a_lan_is_dialled),
		cmocka_unit_test(loopback4_is_refused),
		cmocka_unit_test(loopback6_is_refused),
		cmocka_unit_test(any4_is_refused),
		cmocka_unit_test(any6_is_refused),
		cmocka_unit_test(compatible_forms_are_refused),
		cmocka_unit_test(mapped_forms_are_ipv4),
		cmocka_unit_test(translated_loopback_is_refused),
		cmocka_unit_test(broadcast_is_refused),
		cmocka_unit_test(multicast_is_not_carried),
		cmocka_unit_test(neighbours_are_absent),
		cmocka_unit_test(itself_is_refused),
		cmocka_unit_test(port_zero_is_refused),
		cmocka_unit_test(gateway_is_closed),
		cmocka_unit_test(gateway_leads_to_loopback_if_open),
		cmocka_unit_test(dns_address_is_the_resolver),
		cmocka_unit_test(a_family_without_addresses_hides_none),
		cmocka_unit_test(odd_prefix_lengths),
		cmocka_unit_test(outside_is_seen_as_it_is),
		cmocka_unit_test(loopback_does_not_come_in),
		cmocka_unit_test(open_loopback_is_seen_as_gateway),
		cmocka_unit_test(nobody_comes_as_a_neighbour),
		cmocka_unit_test(callers_keep_their_address),
		cmocka_unit_test(loopback_callers_come_as_gateway),
		cmocka_unit_test(callers_with_the_guests_address_come_as_gateway),
		cmocka_unit_test(link_local_callers_come_as_gateway),
		cmocka_unit_test(reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
