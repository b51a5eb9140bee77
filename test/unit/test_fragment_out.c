/* SPDX-License-Identifier: BSD-2-Clause */
/* What is longer than its path takes: cut, put together by the other host, numbered. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

static uint8_t sent[66000], got[66000];

/* What the filter saw of fragments from a. */
struct seen {
	uint32_t fragments, largest;
	bool whole; /* something above no fragment at all */
};

static bool look(void *user, bool from_a, uint8_t *frame, uint32_t *len)
{
	struct seen *s = user;
	const bool is6 = frame[0] >> 4 == 6;
	const bool cut = is6 ? frame[6] == 44 : ((frame[6] & 0x3f) | frame[7]) != 0;

	if (!from_a)
		return true;
	if (*len > s->largest)
		s->largest = *len;
	s->fragments += cut;
	s->whole = s->whole || !cut;
	/* Never with "don't fragment", and no fragment of one (RFC 8021). */
	if (cut && !is6)
		assert_int_equal(frame[6] & 0x40, 0);
	if (cut && is6)
		assert_true((frame[42] | (frame[43] & 0xf9)) != 0);
	return true;
}

static void fill(void)
{
	for (uint32_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 13 + i / 251);
}

static void exchange(struct pair *p, const char *to, uint32_t len, uint16_t gso_size)
{
	const uint64_t a = open_socket(p->a.m, MINATO_UDP);
	const uint64_t b = open_bound(p->b.m, MINATO_UDP, "::", 53);
	const struct minato_datagram where = { .remote = end(to, 53), .gso_size = gso_size };
	uint32_t done = 0;

	assert_int_equal(minato_send_datagram(p->a.m, a, &where, sent, len), len);
	settle(p);
	while (done < len) {
		const uint32_t want = gso_size && len - done > gso_size ? gso_size : len - done;
		assert_int_equal(minato_recv_datagram(p->b.m, b, NULL, got, sizeof(got), 0), want);
		assert_memory_equal(got, sent + done, want);
		done += want;
	}
	minato_close(p->a.m, a);
	minato_close(p->b.m, b);
	assert_int_equal(p->a.m->messages.used, 0);
	minato_output(p->a.m, p->now, NULL, 0);
	assert_int_equal(p->a.m->payload.small.used + p->a.m->payload.large.used, 0);
	assert_int_equal(p->a.m->payload.extents.used, 0);
}

/* Around each border, over links that are plain and links that are not. */
static void test_sizes(void **state)
{
	static const uint32_t sizes[] = { 1452, 1453, 1472, 1473, 2952,	 2953,
					  8000, 9001, 60000, 65506, 65507 };
	static const uint32_t offloads[] = { 0, MINATO_OFFLOAD_CSUM };

	(void)state;
	fill();
	for (uint32_t o = 0; o < 2; o++)
		for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			for (int is6 = 0; is6 < 2; is6++) {
				struct minato_config c = small_config(MINATO_LINK_IP, 1);
				struct seen s = { 0 };
				struct pair p;
				const bool fits = sizes[i] + (is6 ? 48 : 28) <= 1500;
				c.link[0].offloads = offloads[o];
				p = pair_with(&c, &c);
				p.filter = look;
				p.user = &s;
				exchange(&p, is6 ? "fd00::2" : "10.0.0.2", sizes[i], 0);
				assert_int_equal(s.whole, fits);
				assert_true(s.largest <= 1500);
				assert_int_equal(counter(p.a.m, "fragments_out"), s.fragments);
				assert_int_equal(counter(p.a.m, "fragmented"), !fits);
				pair_end(&p);
			}
}

/* A run whose datagrams are longer than the link takes. */
static void test_run(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	struct seen s = { 0 };

	(void)state;
	fill();
	p.filter = look;
	p.user = &s;
	exchange(&p, "10.0.0.2", 60000, 9000);
	exchange(&p, "fd00::2", 60000, 9000);
	exchange(&p, "fd00::2", 5000, 2500);
	assert_int_equal(counter(p.a.m, "fragmented"), 7 + 7 + 2);
	assert_false(s.whole);
	pair_end(&p);
}

/* Nothing comes between the fragments, and one at a time is enough to get them all. */
static void test_one_by_one(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 53) };
	struct minato_frame_out out;
	uint32_t offset = 0, id = 0;

	(void)state;
	minato_send_datagram(p.a.m, a, &to, sent, 20000);
	minato_send_datagram(p.a.m, a, &to, sent, 20);
	while (minato_output(p.a.m, p.now, &out, 1) == 1) {
		const uint8_t *ip = out.extents[0].base;
		const uint32_t at = ((ip[6] & 0x1fu) << 8 | ip[7]) * 8;
		assert_int_equal(at, offset);
		if (offset > 0)
			assert_int_equal(id, ip[4] << 8 | ip[5]);
		id = (uint32_t)ip[4] << 8 | ip[5];
		assert_int_equal(minato_deadline(p.a.m).ns, p.now.ns);
		offset += out.len - 20;
		if ((ip[6] & 0x20) == 0)
			break;
	}
	assert_int_equal(offset, 20008);
	assert_int_equal(minato_output(p.a.m, p.now, &out, 1), 1);
	assert_int_equal(out.len, 48);
	pair_end(&p);
}

/* A ping of any length is answered. */
static void test_echo(void **state)
{
	for (int is6 = 0; is6 < 2; is6++) {
		struct pair p = pair_new(MINATO_LINK_IP);
		const uint64_t a = open_socket(p.a.m, MINATO_ICMP);
		const char *name = is6 ? "fd00::2" : "10.0.0.2";
		const struct minato_datagram to = { .remote = end(name, 0) };
		const uint32_t len = is6 ? 65535 : 65515;

		(void)state;
		fill();
		memset(sent, 0, 8);
		sent[0] = is6 ? 128 : 8;
		assert_int_equal(minato_send_datagram(p.a.m, a, &to, sent, len + 1), -EMSGSIZE);
		assert_int_equal(minato_send_datagram(p.a.m, a, &to, sent, len), len);
		settle(&p);
		assert_int_equal(minato_recv_datagram(p.a.m, a, NULL, got, sizeof(got), 0), len);
		assert_memory_equal(got + 8, sent + 8, len - 8);
		assert_int_equal(counter(p.b.m, "fragmented"), 1);
		pair_end(&p);
	}
}

/* RFC 6864: no value twice before all were used, and other ends see others. */
static void test_ids(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_addr src = addr("10.0.0.1"), dst = addr("10.0.0.2"),
				 other = addr("10.0.0.3"), six = addr("fd00::2");
	static uint8_t used[65536];
	uint32_t near = 0, same = 0;
	uint32_t last = 0;

	(void)state;
	memset(used, 0, sizeof(used));
	for (uint32_t i = 0; i < 65536; i++) {
		const uint32_t id = fragment_out_id(p.a.m, &src, &dst);
		assert_true(id < 65536);
		assert_int_equal(used[id]++, 0);
		near += id - last < 256 || last - id < 256;
		last = id;
		p.a.m->fragment_count--;
		same += fragment_out_id(p.a.m, &src, &other) == id;
	}
	assert_true(near < 1500); /* 511 by chance */
	assert_true(same < 20);	  /* 1 by chance */
	last = fragment_out_id(p.a.m, &src, &six);
	assert_true(last > 65535 || fragment_out_id(p.a.m, &src, &six) > 65535);
	pair_end(&p);
}

/* Who forbids it hears that it would be needed. */
static void test_dont_fragment(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	struct minato_datagram to = { .remote = end("fd00::2", 53), .dont_fragment = true };

	(void)state;
	assert_int_equal(minato_send_datagram(p.a.m, a, &to, sent, 1453), -EMSGSIZE);
	assert_int_equal(minato_send_datagram(p.a.m, a, &to, sent, 1452), 1452);
	to.gso_size = 1453;
	assert_int_equal(minato_send_datagram(p.a.m, a, &to, sent, 5000), -EMSGSIZE);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes), cmocka_unit_test(test_run),
		cmocka_unit_test(test_one_by_one), cmocka_unit_test(test_echo),
		cmocka_unit_test(test_ids), cmocka_unit_test(test_dont_fragment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
