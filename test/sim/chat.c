/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams that say how they should look, and pings. */
#include <errno.h>
#include <string.h>

#include "sim/sim.h"

#define HEAD 12u

static void make(uint8_t *out, uint32_t seed, uint32_t len)
{
	struct dice d = { seed };

	memcpy(out, &seed, 4);
	memcpy(out + 4, &len, 4);
	memcpy(out + 8, "chat", 4);
	for (uint32_t i = HEAD; i < len; i++)
		out[i] = (uint8_t)dice_next(&d);
}

static void check(struct sim *s, uint32_t node, const uint8_t *data, uint32_t len)
{
	static uint8_t want[65536];
	uint32_t seed, says;

	if (len < HEAD) {
		sim_fail(s, "node %u: a datagram of %u bytes that nobody sent", node, len);
		return;
	}
	memcpy(&seed, data, 4);
	memcpy(&says, data + 4, 4);
	if (says != len || len > sizeof(want)) {
		sim_fail(s, "node %u: a datagram of %u bytes, sent as %u", node, len, says);
		return;
	}
	make(want, seed, len);
	if (memcmp(want, data, len) != 0)
		sim_fail(s, "node %u: a datagram came out different", node);
	s->node[node].heard++;
}

static const struct minato_addr *somewhere(struct sim *s, uint32_t node, bool is6)
{
	uint32_t to = dice_below(&s->dice, s->nodes - 1);

	to += to >= node;
	return is6 ? &s->node[to].v6 : &s->node[to].v4;
}

static void ping(struct sim *s, uint32_t node)
{
	static uint8_t data[60000];
	struct minato_datagram to = { 0 };
	const uint32_t len = s->large ? 8 + dice_size(&s->dice, sizeof(data) - 8) : 64;
	const bool is6 = dice_chance(&s->dice, 500);

	data[0] = is6 ? 128 : 8;
	to.remote.addr = *somewhere(s, node, is6);
	minato_send_datagram(s->node[node].m, s->node[node].icmp, &to, data, len);
}

/* How long each datagram of a run is, and how many there are. In some worlds they are longer than
   the links take. */
static uint32_t choose_sizes(struct sim *s, uint32_t *count)
{
	uint32_t each = HEAD + dice_below(&s->dice, 1000);

	*count = dice_chance(&s->dice, 300) ? 1 + dice_below(&s->dice, 10) : 1;
	if (!s->large || dice_chance(&s->dice, 500))
		return each;
	each = HEAD + dice_size(&s->dice, 65507 - HEAD);
	if (*count * each > 65000)
		*count = 1;
	return each;
}

void chat_send(struct sim *s, uint32_t node)
{
	static uint8_t data[66000];
	struct minato_datagram to = { .remote.port = 7000 };
	uint32_t count;
	const uint32_t each = choose_sizes(s, &count);

	if (dice_chance(&s->dice, 200)) {
		ping(s, node);
		return;
	}
	to.remote.addr = *somewhere(s, node, dice_chance(&s->dice, 500));
	if (s->outside && node != 0 && dice_chance(&s->dice, 300))
		minato_addr_parse("198.51.100.9", &to.remote.addr);
	if (dice_chance(&s->dice, 50))
		to.remote.port = 7001; /* closed */
	for (uint32_t i = 0; i < count; i++)
		make(data + (size_t)i * each, (uint32_t)dice_next(&s->dice), each);
	to.gso_size = count > 1 ? (uint16_t)each : 0;
	minato_send_datagram(s->node[node].m, s->node[node].udp, &to, data,
			     (size_t)each * count);
}

void chat_read(struct sim *s, uint32_t node, uint64_t handle)
{
	static uint8_t data[70000];
	struct minato_datagram from;
	int64_t len;

	while (!s->failed) {
		const uint8_t *at = data;
		len = minato_recv_datagram(s->node[node].m, handle, &from, data, sizeof(data), 0);
		if (len == -EAGAIN)
			return;
		if (len < 0)
			continue; /* an ICMP error, told once */
		if (handle == s->node[node].icmp)
			continue;
		while (len > 0) {
			uint32_t part = (uint32_t)len;
			if (from.gso_size != 0 && part > from.gso_size)
				part = from.gso_size;
			check(s, node, at, part);
			at += part;
			len -= part;
		}
	}
}
