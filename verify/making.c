/* SPDX-License-Identifier: BSD-2-Clause */
/* The packets that rows send. */
#include "verify/rows.h"

#include <string.h>

#define TEXTS 8

struct verify_end row_host(uint32_t n, uint16_t port)
{
	return row_at(VERIFY_HOST(n), port);
}

struct verify_end row_at(uint32_t addr, uint16_t port)
{
	return (struct verify_end){ addr, port };
}

bool row_same(struct verify_end a, struct verify_end b)
{
	return a.addr == b.addr && a.port == b.port;
}

static struct verify_packet make(struct verify_world *w, uint8_t proto, struct verify_end src,
				 struct verify_end dst)
{
	return (struct verify_packet){
		.src = src, .dst = dst, .proto = proto, .ttl = 64, .id = ++w->id
	};
}

void row_fill(struct verify_packet *p, uint16_t len, uint8_t seed)
{
	p->len = len;
	for (size_t i = 0; i < len; i++)
		p->data[i] = (uint8_t)(seed + i * 7 + i / 251);
}

struct verify_packet row_udp(struct verify_world *w, struct verify_end src, struct verify_end dst)
{
	struct verify_packet p = make(w, VERIFY_UDP, src, dst);

	row_fill(&p, 6, 'a');
	return p;
}

struct verify_packet row_tcp(struct verify_world *w, struct verify_end src, struct verify_end dst,
			     uint8_t flags)
{
	struct verify_packet p = make(w, VERIFY_TCP, src, dst);

	p.flags = flags;
	p.seq = 1000;
	p.window = 60000;
	p.df = true;
	return p;
}

struct verify_packet row_echo(struct verify_world *w, struct verify_end src, uint32_t dst)
{
	struct verify_packet p = make(w, VERIFY_ICMP, src, row_at(dst, src.port));

	p.type = 8;
	p.word = 1;
	row_fill(&p, 16, 'p');
	return p;
}

struct verify_packet row_echo_reply(struct verify_world *w, uint32_t src, struct verify_end dst)
{
	struct verify_packet p = make(w, VERIFY_ICMP, row_at(src, dst.port), dst);

	p.word = 1;
	row_fill(&p, 16, 'p');
	return p;
}

const char *row_said(struct verify_end end)
{
	static char texts[TEXTS][24];
	static size_t turn;

	turn = (turn + 1) % TEXTS;
	return verify_end_text(texts[turn], end);
}

const char *row_came(const struct verify_packet *p)
{
	static char texts[2][VERIFY_TEXT_SIZE];
	static size_t turn;

	turn = (turn + 1) % 2;
	return p ? verify_text(texts[turn], p) : "nothing";
}
