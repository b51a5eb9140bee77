/* SPDX-License-Identifier: BSD-2-Clause */
/* Making a host value: sizes, wrong configs, and that a byte copy works on. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

static void test_defaults(void **state)
{
	struct minato_config c = { 0 };
	struct minato_config d;

	(void)state;
	minato_config_init(&d);
	assert_int_equal(d.sockets_max, 65536);
	assert_int_equal((uint64_t)d.chunks_large * MINATO_CHUNK_LARGE +
				 (uint64_t)d.chunks_small * MINATO_CHUNK_SMALL,
			 64u << 20);
	/* Zero takes the default. */
	assert_int_equal(minato_size(&c), minato_size(&d));
}

static void test_wrong_configs(void **state)
{
	const struct minato_config good = small_config(MINATO_LINK_ETHERNET, 1);
	struct minato_config c;

	(void)state;
	assert_true(minato_size(&good) > 0);
	c = good;
	c.link_count = MINATO_LINKS_MAX + 1;
	assert_int_equal(minato_size(&c), 0);
	c = good;
	c.link[0].mtu = 575;
	assert_int_equal(minato_size(&c), 0);
	c.link[0].mtu = 65536;
	assert_int_equal(minato_size(&c), 0);
	c = good;
	c.link[0].scope = 16;
	assert_int_equal(minato_size(&c), 0);
	c = good;
	c.link[0].mac[0] = 1;
	assert_int_equal(minato_size(&c), 0);
	c = good;
	c.link[0].offloads = MINATO_OFFLOAD_TSO4;
	assert_int_equal(minato_size(&c), 0);
	c.link[0].offloads = 1u << 20;
	assert_int_equal(minato_size(&c), 0);
	c = good;
	c.link[0].type = (enum minato_link_type)7;
	assert_int_equal(minato_size(&c), 0);
	c = good;
	c.sockets_max = UINT32_MAX;
	assert_int_equal(minato_size(&c), 0);
}

/* Each number may be as large as it may be, whatever the others are. */
static void test_largest(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);

	(void)state;
	c.sockets_max = c.time_wait_max = c.entries_max = c.leases_max = 1u << 24;
	assert_true(minato_size(&c) > 0);
	c.leases_max++;
	assert_int_equal(minato_size(&c), 0);
}

static void test_create_refuses(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	struct host h = host_new(&c, (struct minato_time){ 0 });
	struct minato *m;

	(void)state;
	assert_int_equal(minato_create((char *)h.m + 1, h.size, &c, (struct minato_time){ 0 }, &m),
			 -EINVAL);
	assert_int_equal(minato_create(h.m, h.size - 1, &c, (struct minato_time){ 0 }, &m),
			 -ENOMEM);
	assert_int_equal(minato_create(h.m, h.size, &c, (struct minato_time){ -1 }, &m), -EINVAL);
	c.link[0].mtu = 1;
	assert_int_equal(minato_create(h.m, h.size, &c, (struct minato_time){ 0 }, &m), -EINVAL);
	host_end(&h);
}

/* Blueprint 4: an idle connection is 192 bytes, a timer 16, TIME-WAIT 32. */
static void test_shapes(void **state)
{
	(void)state;
	assert_true(sizeof(struct socket) <= 192);
	assert_int_equal(sizeof(struct waiting), 32);
	assert_int_equal(sizeof(struct message) % 8, 0);
	assert_int_equal(sizeof(struct neighbour) % 8, 0);
	assert_int_equal(sizeof(struct detail) % 8, 0);
}

/* Capacity costs nothing until it is used. */
static void test_memory_untouched(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	struct host h;
	size_t resident = 0;
	static unsigned char pages[1u << 20];
	size_t count;

	(void)state;
	c.sockets_max = 1u << 20;
	c.time_wait_max = 1u << 20;
	c.chunks_large = 4096;
	c.chunks_small = 65536;
	h = host_new(&c, (struct minato_time){ 0 });
	count = (h.size + 4095) / 4096;
	assert_true(count < sizeof(pages));
	assert_int_equal(mincore(h.m, h.size, pages), 0);
	for (size_t i = 0; i < count; i++)
		resident += pages[i] & 1;
	/* Of some hundred megabytes less than one is touched. */
	assert_true(count > 100000);
	assert_true(resident < 256);
	host_end(&h);
}

/* ASan sees neither the poison of the old memory nor the copy. */
__attribute__((no_sanitize("address"), noinline)) static void copy_bytes(void *to, const void *from,
									  size_t size)
{
	volatile uint64_t *out = to;
	const volatile uint64_t *in = from;

	for (size_t i = 0; i < size / 8; i++)
		if (in[i] != 0)
			out[i] = in[i];
}

static void move(struct host *h)
{
	void *memory = mmap(NULL, h->size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(memory != MAP_FAILED);
	copy_bytes(memory, h->m, h->size & ~(size_t)7);
	unpoison(h->m, h->size);
	assert_int_equal(mprotect(h->m, h->size, PROT_NONE), 0);
	h->m = memory;
}

/* No pointer is stored inside: connections, timers and queues work on. */
static void test_byte_copy_works_on(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	const uint64_t u = open_bound(p.b.m, MINATO_UDP, "::", 53);
	const uint64_t v = open_socket(p.a.m, MINATO_UDP);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 53) };
	static char data[200000], got[200000];
	uint64_t s, c = join(&p, l, "10.0.0.2", 80, &s);
	size_t received = 0, sent = 0;

	(void)state;
	memset(data, 'm', sizeof(data));
	for (int i = 0; i < 200 && received < sizeof(data); i++) {
		int64_t n = minato_send(p.a.m, c, data + sent, sizeof(data) - sent, 0);
		if (n > 0)
			sent += (size_t)n;
		minato_send_datagram(p.a.m, v, &to, "ping", 4);
		/* Half way between the queues, both move. */
		carry(&p, true);
		if (i % 7 == 0) {
			move(&p.a);
			move(&p.b);
		}
		pass(&p, 20 * MILLI);
		n = minato_recv(p.b.m, s, got + received, sizeof(got) - received, 0);
		if (n > 0)
			received += (size_t)n;
	}
	assert_int_equal(received, sizeof(data));
	assert_memory_equal(got, data, sizeof(data));
	assert_int_equal(minato_recv(p.b.m, u, got, 10, 0), 4);
	assert_int_equal(minato_close(p.a.m, c), 0);
	move(&p.a);
	assert_int_equal(minato_close(p.b.m, s), 0);
	pass(&p, 61 * SECOND);
	assert_int_equal(p.a.m->sockets.used, 1);
	pair_end(&p);
}

static void test_time_never_goes_back(void **state)
{
	const struct minato_config c = small_config(MINATO_LINK_ETHERNET, 1);
	struct host h = host_new(&c, (struct minato_time){ 10 * SECOND });

	(void)state;
	minato_advance(h.m, (struct minato_time){ 20 * SECOND });
	minato_advance(h.m, (struct minato_time){ 5 * SECOND });
	assert_int_equal(h.m->now.ns, 20 * SECOND);
	assert_int_equal(minato_deadline(h.m).ns, INT64_MAX);
	host_end(&h);
}

/* Timers are armed: nothing is run before its time, and all of it returns. */
static void test_negative_time_is_no_time(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_endpoint peer = end("10.0.0.2", 80);
	const uint64_t c = open_socket(p.a.m, MINATO_TCP);
	struct minato_frame_out frames[4];
	int64_t deadline;

	(void)state;
	assert_int_equal(minato_connect(p.a.m, c, &peer), -EINPROGRESS);
	assert_int_equal(minato_output(p.a.m, (struct minato_time){ -7 }, frames, 4), 1);
	deadline = minato_deadline(p.a.m).ns;
	assert_true(deadline > p.a.m->now.ns && deadline < INT64_MAX);
	minato_advance(p.a.m, (struct minato_time){ -1 });
	minato_advance(p.a.m, (struct minato_time){ INT64_MIN });
	minato_input(p.a.m, (struct minato_time){ INT64_MIN }, NULL, 0);
	assert_int_equal(minato_deadline(p.a.m).ns, deadline);
	assert_true(p.a.m->now.ns >= 0);
	pair_end(&p);
}

/* Two values of one seed do the same; another seed does not. */
static void test_seed(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_IP, 1);
	struct minato_endpoint local[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct host h;
		uint64_t s;
		c.seed[0] = i == 2 ? 8 : 7;
		h = host_new(&c, (struct minato_time){ SECOND });
		s = open_bound(h.m, MINATO_UDP, "::", 0);
		assert_int_equal(minato_local(h.m, s, &local[i]), 0);
		host_end(&h);
	}
	assert_int_equal(local[0].port, local[1].port);
	assert_int_not_equal(local[0].port, local[2].port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_wrong_configs),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_create_refuses),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_memory_untouched),
		cmocka_unit_test(test_byte_copy_works_on),
		cmocka_unit_test(test_time_never_goes_back),
		cmocka_unit_test(test_negative_time_is_no_time),
		cmocka_unit_test(test_seed),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
