/* SPDX-License-Identifier: BSD-2-Clause */
/* What rules are in a host value. */
#include <errno.h>

#include "conf_fixture.h"
#include "minato/gateway.h"
#include "minato/guard.h"

#define ENTRIES_MAX 600

static struct minato_entry entries[ENTRIES_MAX];
static size_t indices[ENTRIES_MAX];
static size_t count;

static int keep(void *user, size_t index, struct minato_entry *entry)
{
	(void)user;
	assert_true(count < ENTRIES_MAX);
	indices[count] = index;
	entries[count++] = *entry;
	return 0;
}

static uint16_t program_of(void *user, const char *word)
{
	(void)user;
	return strcmp(word, "curl") == 0 ? 7 : 8;
}

/* Entries of the rules, without those of what is shut anyway. */
static void mean(const char *text, const struct conf_zones *zones)
{
	count = 0;
	if (zones->guest) {
		struct conf_statement s;

		conf_free(&conf);
		for (const char *at = text; *at;) {
			char line[512];

			snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
			s = said(line);
			assert_int_equal(conf_add(&conf, &s), 0);
			at += strcspn(at, "\n");
			at += *at == '\n';
		}
	} else if (read_file(text) != 0) {
		fail_msg("%s", report.fault[0].what);
	}
	assert_int_equal(conf_policy(&conf, zones, keep, NULL), 0);
	while (count > 0 && indices[count - 1] == conf.count)
		count--;
}

static const struct conf_zones gateway = { .guest = false };

static void one_entry(void **state)
{
	const struct minato_entry *e = &entries[0];

	(void)state;
	mean(LINKS "block tcp 20-30 from 203.0.113.0/24 to 198.51.100.1 log\n", &gateway);
	assert_int_equal(count, 1);
	assert_int_equal(indices[0], 2);
	assert_int_equal(e->kind, MINATO_KIND_GUARD);
	assert_int_equal(e->verdict, MINATO_REFUSE);
	assert_int_equal(e->scope, MINATO_SCOPE_ANY);
	assert_int_equal(e->face, MINATO_FACE_ANY);
	assert_int_equal(e->proto, MINATO_TCP);
	assert_int_equal(e->first, 20);
	assert_int_equal(e->last, 30);
	assert_addr(&e->remote, "203.0.113.0");
	assert_int_equal(e->remote_prefix, 120);
	assert_addr(&e->local, "198.51.100.1");
	assert_int_equal(e->local_prefix, 128);
	assert_int_equal(e->order, 1);
	assert_int_equal(e->course, MINATO_COURSE_IN);
	assert_true(e->log);
	assert_int_equal(e->rate_count, 0);
}

static void verdicts(void **state)
{
	(void)state;
	mean(LINKS "forward tcp 22 to 10.0.0.2\nlimit tcp 22 to 9 per hour per source then drop\n"
		   "drop out udp\nallow tcp 22\nblock tcp 22 from lan\n",
	     &gateway);
	assert_int_equal(count, 4);
	assert_int_equal(entries[0].verdict, MINATO_PASS);
	assert_int_equal(entries[0].rate_count, 9);
	assert_int_equal(entries[0].rate_span_s, 3600);
	assert_true(entries[0].rate_each);
	assert_int_equal(entries[0].rate_verdict, MINATO_DROP);
	assert_int_equal(entries[1].verdict, MINATO_DROP);
	assert_int_equal(entries[1].course, MINATO_COURSE_OUT);
	assert_int_equal(entries[1].proto, MINATO_UDP);
	assert_int_equal(entries[1].last, 65535);
	assert_int_equal(entries[2].verdict, MINATO_PASS);
	assert_int_equal(entries[3].verdict, MINATO_REFUSE);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(entries[i].order, i + 1);
}

/* Everything is both protocols with ports, ICMP, and what has neither ports nor types. */
static void everything(void **state)
{
	(void)state;
	mean(LINKS "block everything from wan\n", &gateway);
	assert_int_equal(count, 3);
	assert_int_equal(entries[0].proto, 0);
	assert_int_equal(entries[1].proto, MINATO_ICMP);
	assert_int_equal(entries[2].proto, MINATO_PROTO_OTHER);
	assert_int_equal(entries[2].first, 0);
	assert_int_equal(entries[2].last, 65535);
	assert_int_equal(entries[0].scope, CONF_SCOPE_OUTSIDE);
	assert_int_equal(entries[0].order, entries[1].order);
	assert_int_equal(entries[0].order, entries[2].order);
}

static void protocols_without_ports(void **state)
{
	(void)state;
	mean(LINKS "block out gre, protocol 99 from 10.0.0.0/8\n", &gateway);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(entries[i].proto, MINATO_PROTO_OTHER);
		assert_int_equal(entries[i].first, i == 0 ? 47 : 99);
		assert_int_equal(entries[i].last, entries[i].first);
		assert_int_equal(entries[i].course, MINATO_COURSE_OUT);
	}
}

static void types(void **state)
{
	(void)state;
	mean(LINKS "block ping\nblock ping to 198.51.100.1\nblock ping from 2001:db8::/32\n"
		   "block icmp 42\n",
	     &gateway);
	assert_int_equal(count, 5);
	/* IPv4 alone, or 128 would be asked of it too. */
	assert_int_equal(entries[0].first, 8);
	assert_int_equal(entries[0].local_prefix, 96);
	assert_addr(&entries[0].local, "0.0.0.0");
	assert_int_equal(entries[1].first, 128);
	assert_int_equal(entries[1].local_prefix, 0);
	assert_int_equal(entries[2].first, 8);
	assert_int_equal(entries[3].first, 128);
	assert_int_equal(entries[4].first, 42);
	assert_int_equal(entries[4].proto, MINATO_ICMP);
}

/* Each inside has a scope, each link a face. */
static void zones_of_gateway(void **state)
{
	(void)state;
	mean("inside eth1 10.0.0.1/24\ninside eth2 10.0.1.1/24 named kids\n"
	     "outside eth0 198.51.100.1/24 via 198.51.100.254\n"
	     "block tcp 1 from lan\nblock tcp 2 from kids\nblock out tcp 3 to kids\n"
	     "block tcp 4 to self\nzone office 192.0.2.0/25, 2001:db8::/32\n"
	     "block tcp 5 from office to 198.51.100.1\nblock out tcp 6 to lan\n",
	     &gateway);
	assert_int_equal(entries[0].scope, CONF_SCOPE_INSIDE);
	assert_int_equal(entries[1].scope, 2);
	assert_int_equal(entries[2].face, 1);
	assert_int_equal(entries[2].scope, MINATO_SCOPE_ANY);
	assert_addr(&entries[3].local, "10.0.1.0");
	assert_int_equal(entries[3].local_prefix, 120);
	assert_addr(&entries[4].local, "10.0.0.1");
	assert_addr(&entries[5].local, "10.0.1.1");
	assert_addr(&entries[6].local, "198.51.100.1");
	/* Of two families one is left out. */
	assert_addr(&entries[7].remote, "192.0.2.0");
	assert_int_equal(entries[7].first, 5);
	assert_addr(&entries[8].local, "10.0.0.0");
	assert_addr(&entries[9].local, "10.0.1.0");
	assert_int_equal(count, 10);
}

static bool in_entry(const struct minato_entry *e, const struct minato_addr *addr)
{
	for (unsigned bit = 0; bit < e->local_prefix; bit++) {
		if ((e->local.bytes[bit / 8] ^ addr->bytes[bit / 8]) & (0x80u >> bit % 8))
			return false;
	}
	return true;
}

static void zones_of_guest(void **state)
{
	static const char *const near[] = { "127.0.0.1", "10.9.8.7", "192.168.7.255", "fe80::1" };
	static const char *const far[] = { "1.1.1.1", "192.168.8.0",	"11.0.0.0",
					   "0.0.0.0", "2001:db8::1",	"::",
					   "ff02::1", "255.255.255.255" };
	struct conf_prefix lan[4] = { { address("127.0.0.0"), 104 },
				      { address("10.0.0.0"), 104 },
				      { address("192.168.7.0"), 120 },
				      { address("fe80::"), 10 } };
	const struct conf_zones zones = {
		.guest = true,
		.name = "web",
		.inside = 3,
		.outside = 4,
		.lan_face = 0xf0,
		.wan_face = 0xf1,
		.lan = lan,
		.lan_count = 4,
		.program = program_of,
	};

	(void)state;
	mean("block tcp 1 from wan\nallow tcp 2 from lan\nallow program curl out tcp 3\n"
	     "block tcp 4 to web",
	     &zones);
	assert_int_equal(count, 4);
	assert_int_equal(entries[0].scope, 4);
	assert_int_equal(entries[0].face, 0xf1);
	assert_int_equal(entries[1].face, 0xf0);
	assert_int_equal(entries[2].scope, 3);
	assert_int_equal(entries[2].program, 7);
	assert_int_equal(entries[2].face, MINATO_FACE_ANY);
	assert_int_equal(entries[3].scope, 4);
	mean("block out tcp 5 to wan", &zones);
	for (size_t i = 0; i < 12; i++) {
		struct minato_addr addr = address(i < 4 ? near[i] : far[i - 4]);
		unsigned hits = 0;

		for (size_t k = 0; k < count; k++)
			hits += in_entry(&entries[k], &addr);
		assert_int_equal(hits, i < 4 ? 0 : 1);
	}
}

static int refuse(void *user, size_t index, struct minato_entry *entry)
{
	(void)user;
	(void)index;
	(void)entry;
	return -ENOSPC;
}

/* What is shut anyway stands behind all rules. */
static void shut(void **state)
{
	(void)state;
	mean(LINKS "block tcp 1\n", &gateway);
	assert_int_equal(count, 1);
	assert_int_equal(indices[1], conf.count);
	assert_int_equal(entries[1].order, 2);
	assert_int_equal(entries[1].scope, CONF_SCOPE_OUTSIDE);
	assert_int_equal(entries[1].verdict, MINATO_REFUSE);
	assert_int_equal(entries[1].first, 137);
	assert_int_equal(entries[1].last, 139);
	assert_int_equal(entries[1].proto, 0);
	assert_int_equal(entries[2].first, 445);
	assert_int_equal(conf_policy(&conf, &gateway, refuse, NULL), -ENOSPC);
}

static uint16_t fellow_of(void *user, const char *word)
{
	(void)user;
	return strcmp(word, "db") == 0 ? 3 : strcmp(word, "cache") == 0 ? 4 : 0;
}

static unsigned walks;

static int doors_of(void *user, const char *word, conf_door_fn *each, void *each_user)
{
	const struct conf_door doors[] = {
		{ { address("192.0.2.1"), 128 }, MINATO_TCP, 5430, 5435 },
		{ { address("192.0.2.1"), 128 }, MINATO_UDP, 5432, 5432 },
		{ { address("2001:db8::1"), 128 }, MINATO_TCP, 5430, 5435 },
	};

	int result = 0;

	(void)user;
	walks++;
	for (size_t i = 0; result == 0 && i < 3 && strcmp(word, "db") == 0; i++)
		result = each(each_user, &doors[i]);
	return result;
}

static void other_guests(void **state)
{
	const struct conf_zones zones = {
		.guest = true,
		.name = "web",
		.inside = 3,
		.outside = 4,
		.fellow = fellow_of,
		.doors = doors_of,
	};

	(void)state;
	mean("allow tcp 80 from db, cache\nblock tcp 81 from nobody", &zones);
	assert_int_equal(count, 2);
	assert_int_equal(entries[0].program, 3);
	assert_int_equal(entries[0].scope, 4);
	assert_int_equal(entries[0].face, MINATO_FACE_ANY);
	assert_int_equal(entries[0].course, MINATO_COURSE_IN);
	assert_int_equal(entries[1].program, 4);
	/* Of what it has published, what the rule is about. */
	mean("allow out tcp 5432-5440 to db", &zones);
	assert_int_equal(count, 2);
	assert_int_equal(entries[0].scope, 3);
	assert_int_equal(entries[0].program, MINATO_PROGRAM_NONE);
	assert_int_equal(entries[0].proto, MINATO_TCP);
	assert_int_equal(entries[0].first, 5432);
	assert_int_equal(entries[0].last, 5435);
	assert_addr(&entries[0].local, "192.0.2.1");
	assert_int_equal(entries[0].local_prefix, 128);
	assert_addr(&entries[1].local, "2001:db8::1");
	walks = 0;
	mean("block out everything to db", &zones);
	assert_int_equal(walks, 1);
	assert_int_equal(count, 3);
	assert_int_equal(entries[1].proto, MINATO_UDP);
	assert_int_equal(entries[1].first, 5432);
	mean("allow out tcp 80 to db\nallow out icmp to db\nallow out to cache", &zones);
	assert_int_equal(count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_entry),	  cmocka_unit_test(verdicts),
		cmocka_unit_test(everything),	  cmocka_unit_test(protocols_without_ports),
		cmocka_unit_test(types),	  cmocka_unit_test(zones_of_gateway),
		cmocka_unit_test(zones_of_guest), cmocka_unit_test(other_guests),
		cmocka_unit_test(shut),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
