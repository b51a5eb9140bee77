/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames from scattered payload: gathered into one piece, cut without memory. */
#include "hosts.h"
#include "stack/stack.h"

#define PIECES 300u

/* A queue of many tiny stretches, each of a chunk of its own. */
static void scatter(struct minato *m, struct queue *q, uint32_t pieces, uint32_t each)
{
	queue_init(q);
	for (uint32_t i = 0; i < pieces; i++) {
		const uint32_t chunk = chunk_take(&m->payload, 1);
		assert_int_not_equal(chunk, MINATO_CHUNK_NONE);
		for (uint32_t k = 0; k < each; k++)
			chunk_at(&m->payload, chunk)[k] = (uint8_t)(i * each + k);
		assert_true(queue_append(&m->payload, q, chunk, 0, each));
	}
}

static struct emission udp_run(const struct path *path, const struct queue *q, uint16_t gso_size)
{
	struct emission e = {
		.path = path,
		.ip = { .src = addr("10.0.0.1"), .dst = addr("10.0.0.2"), .proto = IP_PROTO_UDP,
			.hop_limit = 64 },
		.transport_len = 8,
		.csum_offset = 6,
		.gso_size = gso_size,
		.data = q,
		.len = q->bytes,
	};

	udp_build(e.transport, 1, 2, 8 + q->bytes);
	return e;
}

static void check_bytes(const struct minato_frame_out *f, uint32_t header, uint32_t from)
{
	static uint8_t bytes[FRAME_MAX];
	const uint32_t len = flat(f, bytes);

	for (uint32_t i = header; i < len; i++)
		assert_int_equal(bytes[i], (uint8_t)(from + i - header));
}

static void exhaust(struct minato *m)
{
	while (chunk_take(&m->payload, MINATO_CHUNK_LARGE) != MINATO_CHUNK_NONE)
		;
	while (pool_take(&m->payload.extents) != POOL_NONE)
		;
}

static void test_gathered(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_IP, 1);
	const struct path path = { .link = 0 };
	struct minato_frame_out f;
	struct emission e;
	struct queue q;
	struct host h;

	(void)state;
	c.link[0].offloads = MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_USO4;
	h = host_new(&c, (struct minato_time){ SECOND });
	scatter(h.m, &q, PIECES, 10);
	exhaust(h.m);
	e = udp_run(&path, &q, 1000);
	assert_true(frames_packet(h.m, &e, 0, &f));
	assert_int_equal(f.extent_count, 2);
	assert_int_equal(f.gso_size, 1000);
	check_bytes(&f, 28, 0);
	/* The second of one output finds the place taken, and no chunk. */
	assert_false(frames_packet(h.m, &e, 1, &f));
	assert_int_equal(counter(h.m, "out_memory"), 1);
	host_end(&h);
}

static void test_cut_without_memory(void **state)
{
	const struct minato_config c = small_config(MINATO_LINK_IP, 1);
	const struct path path = { .link = 0 };
	struct host h = host_new(&c, (struct minato_time){ SECOND });
	struct minato_frame_out f;
	struct emission e;
	struct queue q;

	(void)state;
	scatter(h.m, &q, PIECES, 10);
	exhaust(h.m);
	e = udp_run(&path, &q, 1000);
	assert_true(frames_packet(h.m, &e, 0, &f));
	check_bytes(&f, 28, 0);
	assert_int_equal(f.len, 1028);
	frames_split(h.m, 1, &f);
	check_bytes(&f, 28, 1000);
	frames_split(h.m, 2, &f);
	check_bytes(&f, 28, 2000);
	assert_int_equal(h.m->splitting.count, 0);
	host_end(&h);
}

/* A checksum partial where the link completes it, complete where not. */
static void test_checksums(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_IP, 1);
	const struct path path = { .link = 0 };

	(void)state;
	for (int offload = 0; offload < 2; offload++) {
		struct minato_frame_out f;
		struct sum sum = { 0 };
		struct emission e;
		struct queue q;
		struct host h;
		uint8_t bytes[200];
		uint16_t field;
		c.link[0].offloads = offload ? MINATO_OFFLOAD_CSUM : 0;
		h = host_new(&c, (struct minato_time){ SECOND });
		scatter(h.m, &q, 3, 11);
		e = udp_run(&path, &q, 0);
		assert_true(frames_packet(h.m, &e, 0, &f));
		flat(&f, bytes);
		assert_int_equal(f.csum_start, offload ? 20 : 0);
		sum_pseudo(&sum, &e.ip.src, &e.ip.dst, IP_PROTO_UDP, 41);
		memcpy(&field, bytes + 26, 2);
		if (offload) {
			assert_int_equal(field, sum_fold(&sum));
		} else {
			sum_add(&sum, bytes + 20, 41);
			assert_int_equal(sum_fold(&sum), 0xffff);
		}
		host_end(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gathered),
		cmocka_unit_test(test_cut_without_memory),
		cmocka_unit_test(test_checksums),
	};

	return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
