/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One host value with ten million connections that do nothing: each opened by
 * a handshake of three segments and accepted. The figure is all that is
 * resident of this process then.
 */
#include "ports.h"

#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "minato/minato.h"

#define COUNT 10000000u
#define SEGMENT 40u /* IPv4 and TCP header */
#define SERVER_PORT 443u

struct wire {
	uint8_t bytes[SEGMENT];
};

/* A segment without payload from client 10.x.y.z; its checksum is trusted. */
static void make_segment(struct wire *w, uint32_t client, uint8_t flags, uint32_t ack)
{
	uint8_t *ip = w->bytes, *tcp = ip + 20;
	uint32_t sum = 0;

	memset(w, 0, sizeof(*w));
	ip[0] = 0x45;
	put16(ip + 2, SEGMENT);
	ip[8] = 64;
	ip[9] = MINATO_TCP;
	put32(ip + 12, 0x0a000000 | client);
	put32(ip + 16, 0xc0000201);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~((sum & 0xffff) + (sum >> 16)));
	put16(tcp, 1024 + (uint32_t)scatter(client) % 60000);
	put16(tcp + 2, SERVER_PORT);
	put32(tcp + 4, client * 77 + (flags & 2 ? 0 : 1));
	put32(tcp + 8, ack);
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	put16(tcp + 14, 65535);
}

static void input(struct minato *m, struct minato_time now, const struct wire *wires, size_t count)
{
	struct minato_frame frames[BATCH];

	for (size_t i = 0; i < count; i++)
		frames[i] = (struct minato_frame){
			.data = wires[i].bytes,
			.len = SEGMENT,
			.chunk = MINATO_CHUNK_NONE,
			.csum_trusted = true,
		};
	minato_input(m, now, frames, count);
}

/* A batch of clients connects. Returns how many were accepted. */
static uint32_t connect_batch(struct minato *m, struct minato_time now, uint64_t listener,
			      uint32_t first)
{
	struct minato_frame_out out[BATCH];
	struct minato_event event;
	struct wire wires[BATCH];
	uint32_t accepted = 0;
	uint64_t handle;
	size_t count;

	for (uint32_t i = 0; i < BATCH; i++)
		make_segment(&wires[i], first + i, 2, 0);
	input(m, now, wires, BATCH);
	count = minato_output(m, now, out, BATCH);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *ip = out[i].extents[0].base;
		make_segment(&wires[i], get32(ip + 16) & 0xffffff, 16, get32(ip + 24) + 1);
	}
	input(m, now, wires, count);
	while (minato_accept(m, listener, &handle, NULL) == 0)
		accepted++;
	while (minato_event(m, &event))
		;
	return accepted;
}

static struct minato *make_host(void *memory, size_t size, const struct minato_config *config,
				uint64_t *listener)
{
	const struct minato_addr all = minato_addr4(0, 0, 0, 0), own = minato_addr4(192, 0, 2, 1);
	const struct minato_endpoint local = { own, SERVER_PORT };
	struct minato *m;

	if (minato_create(memory, size, config, (struct minato_time){ 1 }, &m) != 0 ||
	    minato_address_add(m, 0, &own, 32) != 0 ||
	    minato_route_add(m, &all, 0, NULL, 0) != 0 ||
	    minato_socket(m, MINATO_TCP, 0, listener) != 0 ||
	    minato_bind(m, *listener, &local) != 0 || minato_listen(m, *listener, 1024) != 0)
		return NULL;
	return m;
}

int bench_idle(void)
{
	struct minato_config config;
	uint32_t accepted = 0;
	uint64_t listener;
	struct minato *m;
	void *memory;
	size_t size;

	minato_config_init(&config);
	config.seed[0] = 4;
	config.sockets_max = COUNT + 16;
	config.link_count = 1;
	config.link[0] = (struct minato_link_config){ .type = MINATO_LINK_IP, .mtu = 1500 };
	size = minato_size(&config);
	memory = reserve(size);
	m = make_host(memory, size, &config, &listener);
	if (m == NULL) {
		say("idle: no host");
		return -1;
	}
	for (uint32_t i = 0; i < COUNT; i += BATCH)
		accepted += connect_batch(m, (struct minato_time){ 1000ll * i }, listener, i);
	if (accepted == COUNT)
		figure("idle_1e7_rss_gb", (double)resident_bytes() / 1e9, "GB");
	else
		say("idle: %u of %u connections came up", accepted, COUNT);
	munmap(memory, size);
	return accepted == COUNT ? 0 : -1;
}
