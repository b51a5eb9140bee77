/* SPDX-License-Identifier: BSD-2-Clause */
/* Router advertisements: at start, again in time, and to whoever asks. */
#include <errno.h>

#include "hosts.h"

struct ra {
	bool seen;
	uint8_t to[16];
	uint32_t len;
	uint8_t bytes[200];
};

static struct host advertising(struct minato_time now)
{
	const struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	const struct minato_addr prefix = addr("fd00::"), dns = addr("fd00::3");
	struct host h = host_new(&c, now);

	assert_int_equal(minato_advertise(h.m, 0, &prefix, &dns), 0);
	return h;
}

static struct ra next_ra(struct minato *m, struct minato_time now)
{
	static uint8_t bytes[FRAME_MAX];
	struct minato_frame_out f;
	struct ra ra = { 0 };
	uint32_t len;

	if (minato_output(m, now, &f, 1) == 0)
		return ra;
	len = flat(&f, bytes);
	assert_int_equal(bytes[14 + 6], 58);
	assert_int_equal(bytes[14 + 7], 255);
	assert_int_equal(bytes[54], 134);
	ra.seen = true;
	ra.len = len - 54;
	assert_true(ra.len < sizeof(ra.bytes));
	memcpy(ra.to, bytes + 14 + 24, 16);
	memcpy(ra.bytes, bytes + 54, ra.len);
	return ra;
}

static bool has_option(const struct ra *ra, uint8_t type)
{
	for (uint32_t at = 16; at + 8 <= ra->len; at += ra->bytes[at + 1] * 8u) {
		if (ra->bytes[at] == type)
			return true;
		assert_int_not_equal(ra->bytes[at + 1], 0);
	}
	return false;
}

static void test_at_start(void **state)
{
	const struct minato_time now = { SECOND };
	const struct minato_addr all = addr("ff02::1");
	struct host h = advertising(now);
	struct ra ra;

	(void)state;
	assert_true(minato_deadline(h.m).ns <= now.ns);
	ra = next_ra(h.m, now);
	assert_true(ra.seen);
	assert_memory_equal(ra.to, all.bytes, 16);
	assert_int_equal(ra.bytes[6] << 8 | ra.bytes[7], 1800);
	assert_true(has_option(&ra, 1));  /* our MAC */
	assert_true(has_option(&ra, 3));  /* prefix */
	assert_true(has_option(&ra, 5));  /* MTU */
	assert_true(has_option(&ra, 25)); /* DNS */
	assert_false(next_ra(h.m, now).seen);
	host_end(&h);
}

static void test_again(void **state)
{
	struct minato_time now = { SECOND };
	struct host h = advertising(now);

	(void)state;
	next_ra(h.m, now);
	for (int i = 0; i < 5; i++) {
		const int64_t at = minato_deadline(h.m).ns;
		assert_in_range(at - now.ns, 200 * SECOND, 600 * SECOND);
		now.ns = at;
		assert_true(next_ra(h.m, now).seen);
	}
	host_end(&h);
}

static void solicit(struct minato *m, struct minato_time now, const char *from)
{
	uint8_t f[14 + 40 + 8] = { 0x33, 0x33, 0, 0, 0, 2, 2, 9 };
	const struct minato_addr src = addr(from), dst = addr("ff02::2");
	const struct minato_frame frame = {
		.data = f, .len = sizeof(f), .chunk = MINATO_CHUNK_NONE, .csum_trusted = true
	};
	uint32_t sum = 58 + 8 + 133 * 256;

	f[12] = 0x86;
	f[13] = 0xdd;
	f[14] = 0x60;
	f[19] = 8;
	f[20] = 58;
	f[21] = 255;
	memcpy(f + 22, src.bytes, 16);
	memcpy(f + 38, dst.bytes, 16);
	f[54] = 133;
	for (int i = 22; i < 54; i += 2)
		sum += (uint32_t)f[i] << 8 | f[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	f[56] = (uint8_t)(~sum >> 8);
	f[57] = (uint8_t)~sum;
	minato_input(m, now, &frame, 1);
}

/* Unicast to one that names itself: its MAC is asked for first. */
static void test_solicited(void **state)
{
	struct minato_time now = { SECOND };
	const struct minato_addr guest = addr("fe80::9");
	const uint8_t mac[6] = { 2, 9 };
	struct host h = advertising(now);
	struct ra ra;

	(void)state;
	next_ra(h.m, now);
	assert_int_equal(minato_neighbour_add(h.m, 0, &guest, mac), 0);
	solicit(h.m, now, "fe80::9");
	ra = next_ra(h.m, now);
	assert_true(ra.seen);
	assert_memory_equal(ra.to, guest.bytes, 16);
	host_end(&h);
}

/* To all after an anonymous question, but not too often. */
static void test_solicited_anonymously(void **state)
{
	struct minato_time now = { SECOND };
	struct host h = advertising(now);

	(void)state;
	next_ra(h.m, now);
	solicit(h.m, now, "::");
	assert_false(next_ra(h.m, now).seen);
	assert_int_equal(minato_deadline(h.m).ns, now.ns + 3 * SECOND);
	now.ns += 3 * SECOND;
	assert_true(next_ra(h.m, now).seen);
	host_end(&h);
}

static void test_silent_unless_told(void **state)
{
	const struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	const struct minato_time now = { SECOND };
	struct host h = host_new(&c, now);

	(void)state;
	solicit(h.m, now, "::");
	assert_false(next_ra(h.m, now).seen);
	assert_int_equal(minato_deadline(h.m).ns, INT64_MAX);
	host_end(&h);
}

static void test_refuses(void **state)
{
	const struct minato_config c = small_config(MINATO_LINK_IP, 1);
	struct host h = host_new(&c, (struct minato_time){ SECOND });
	struct host e = advertising((struct minato_time){ SECOND });
	const struct minato_addr v4 = addr("10.0.0.1");

	(void)state;
	assert_int_equal(minato_advertise(h.m, 0, NULL, NULL), -EINVAL);
	assert_int_equal(minato_advertise(e.m, 1, NULL, NULL), -EINVAL);
	assert_int_equal(minato_advertise(e.m, 0, &v4, NULL), -EINVAL);
	assert_int_equal(minato_advertise(e.m, 0, NULL, &v4), -EINVAL);
	host_end(&h);
	host_end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_start),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_solicited),
		cmocka_unit_test(test_solicited_anonymously),
		cmocka_unit_test(test_silent_unless_told),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests_name("advertise", tests, NULL, NULL);
}
