/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames that wait to be handed on: bounded, in turn, and there as long as promised. */
#include "gateway_fixture.h"

static struct gate g;
static struct forge f;

static void send_mark(uint8_t mark)
{
	forge_udp(&f, false, 30);
	f.payload[0] = mark;
	gate_ends(&f, "10.0.0.2", "10.0.2.2");
	gate_send(&g, 0, &f, NULL);
}

static void a_full_queue_drops_the_newest(void **state)
{
	struct minato_config c = gate_config(MINATO_LINK_ETHERNET);
	struct minato_frame_out out[256];
	uint32_t seen = 0;
	size_t count;

	(void)state;
	c.chunks_small = 4096;
	gate_with(&g, &c);
	g.small = true;
	for (uint32_t i = 0; i < 1030; i++) {
		forge_udp(&f, false, 30);
		forge_put32(f.payload, i);
		gate_ends(&f, "10.0.0.2", "10.0.2.2");
		gate_send(&g, 0, &f, NULL);
	}
	assert_int_equal(counter(g.m, "drop_pass_queue"), 6);
	/* Another link's is its own. */
	forge_udp(&f, false, 30);
	gate_ends(&f, "10.0.2.2", "10.0.0.2");
	gate_send(&g, 2, &f, NULL);
	assert_int_equal(counter(g.m, "drop_pass_queue"), 6);
	assert_int_equal(minato_deadline(g.m).ns, g.now.ns);
	do {
		count = minato_output(g.m, g.now, out, 256);
		for (size_t i = 0; i < count; i++) {
			if (out[i].link != 2)
				continue;
			const uint8_t *bytes = out[i].extents[0].base;
			assert_int_equal(bytes[42 + 2] << 8 | bytes[42 + 3], seen);
			seen++;
		}
	} while (count > 0);
	assert_int_equal(seen, 1024);
	assert_spent(&g);
	gate_end(&g);
}

/* Neither what is handed on nor what we have to say waits for all of the other. */
static void our_own_frames_have_their_turn(void **state)
{
	struct minato_config c = gate_config(MINATO_LINK_IP);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 9) };
	struct minato_frame_out out[128];
	uint32_t own = 0;
	uint64_t s;

	(void)state;
	c.chunks_small = 4096;
	gate_with(&g, &c);
	g.small = true;
	s = open_bound(g.m, MINATO_UDP, "10.0.0.1", 7);
	for (uint32_t i = 0; i < 500; i++) {
		forge_udp(&f, false, 30);
		gate_ends(&f, "10.0.0.2", "10.0.2.2");
		gate_send(&g, 0, &f, NULL);
	}
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(minato_send_datagram(g.m, s, &to, "x", 1), 1);
	assert_int_equal(minato_output(g.m, g.now, out, 128), 128);
	for (uint32_t i = 0; i < 128; i++)
		own += out[i].link == 0;
	assert_int_equal(own, 64);
	gate_end(&g);
}

/* A frame shown is there until the next call, whatever comes in between. */
static void a_frame_lasts_until_the_next_output(void **state)
{
	struct minato_frame_out out;
	uint8_t *bytes;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	send_mark(0x42);
	assert_int_equal(minato_output(g.m, g.now, &out, 1), 1);
	bytes = out.extents[0].base;
	assert_int_equal(g.m->payload.large.used, 1);
	send_mark(0x43);
	assert_int_equal(bytes[42], 0x42);
	assert_spent(&g);
	gate_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_queue_drops_the_newest),
		cmocka_unit_test(our_own_frames_have_their_turn),
		cmocka_unit_test(a_frame_lasts_until_the_next_output),
	};

	return cmocka_run_group_tests_name("pass_queue", tests, NULL, NULL);
}
