/* SPDX-License-Identifier: BSD-2-Clause */
/* The scripted world: one host value, its clock, its sockets, what came out. */
#include "trace.h"

#include "base/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void fail(struct world *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = snprintf(w->why, sizeof(w->why), "%s:%d: ", w->file, w->line);
	vsnprintf(w->why + n, sizeof(w->why) - (size_t)n, fmt, ap);
	va_end(ap);
	longjmp(w->fail, 1);
}

uint8_t pattern(uint32_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 8));
}

struct minato_addr ours_addr(const struct world *w)
{
	struct minato_addr a = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
	return w->is6 ? a : minato_addr4(192, 0, 2, 1);
}

struct minato_addr peer_addr(const struct world *w)
{
	struct minato_addr a = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 } };
	return w->is6 ? a : minato_addr4(192, 0, 2, 9);
}

struct minato_time clock_of(const struct world *w)
{
	return (struct minato_time){ w->now };
}

void forget(struct world *w)
{
	for (; w->out_head != w->out_tail; w->out_head++)
		free(w->out[w->out_head % OUT_MAX].data);
	for (uint32_t i = 0; i < w->batched; i++)
		free((void *)(uintptr_t)w->batch[i].data);
	w->batched = 0;
	if (w->memory) {
		unpoison(w->memory, w->size);
		munmap(w->memory, w->size);
	}
	w->memory = NULL;
	w->m = NULL;
	memset(w->sock, 0, sizeof(w->sock));
}

void start(struct world *w)
{
	struct minato_addr addr = ours_addr(w),
			   any = w->is6 ? (struct minato_addr){ { 0 } } : minato_addr4(0, 0, 0, 0);

	forget(w);
	w->config.link_count = 1;
	w->config.link[0].type = MINATO_LINK_IP;
	w->config.link[0].mtu = w->mtu;
	w->size = minato_size(&w->config);
	if (!w->size)
		fail(w, "minato_size refuses the config");
	w->memory = mmap(NULL, w->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->memory == MAP_FAILED) {
		w->memory = NULL;
		fail(w, "no memory");
	}
	int r = minato_create(w->memory, w->size, &w->config, clock_of(w), &w->m);
	if (r)
		fail(w, "minato_create: %s", error_name(-r));
	if (minato_address_add(w->m, 0, &addr, w->is6 ? 64 : 24))
		fail(w, "minato_address_add");
	if (minato_route_add(w->m, &any, 0, NULL, 0))
		fail(w, "minato_route_add");
}

void collect(struct world *w)
{
	struct minato_frame_out f[8];
	size_t n;

	do {
		n = minato_output(w->m, clock_of(w), f, 8);
		for (size_t i = 0; i < n; i++) {
			struct sent *s = &w->out[w->out_tail % OUT_MAX];
			if (w->out_tail - w->out_head == OUT_MAX)
				fail(w, "more than %d packets unread", OUT_MAX);
			s->at = w->now;
			s->len = f[i].len;
			s->data = malloc(f[i].len);
			if (!s->data)
				fail(w, "no memory");
			uint32_t at = 0;
			for (uint32_t e = 0; e < f[i].extent_count; e++) {
				memcpy(s->data + at, f[i].extents[e].base, f[i].extents[e].len);
				at += (uint32_t)f[i].extents[e].len;
			}
			if (at != f[i].len)
				fail(w, "extents sum to %u, len says %u", at, f[i].len);
			w->out_tail++;
		}
	} while (n == 8);
}

bool pump(struct world *w, int64_t until, bool stop)
{
	for (int turns = 0; turns < 1000000; turns++) {
		collect(w);
		if (stop && w->out_tail != w->out_head)
			return true;
		int64_t due = minato_deadline(w->m).ns;
		if (due > until)
			break;
		if (due > w->now)
			w->now = due;
		minato_advance(w->m, clock_of(w));
	}
	if (minato_deadline(w->m).ns <= until)
		fail(w, "the deadline does not move on");
	if (until > w->now)
		w->now = until;
	minato_advance(w->m, clock_of(w));
	collect(w);
	return w->out_tail != w->out_head;
}

char *next_word(char **at)
{
	char *p = *at;

	while (*p == ' ' || *p == '\t')
		p++;
	if (!*p)
		return NULL;
	char *word = p;
	while (*p && *p != ' ' && *p != '\t')
		p++;
	if (*p)
		*p++ = 0;
	*at = p;
	return word;
}

int64_t number(struct world *w, const char *text, const char *what)
{
	char *end;

	if (!text)
		fail(w, "%s is missing", what);
	errno = 0;
	long long v = strtoll(text, &end, 0);
	if (*end || end == text || errno)
		fail(w, "%s: '%s' is no number", what, text);
	return v;
}

struct minato_addr address(struct world *w, const char *text)
{
	struct minato_addr a;

	if (!text || minato_addr_parse(text, &a))
		fail(w, "'%s' is no address", text ? text : "");
	return a;
}

struct sock *find_sock(struct world *w, char name, bool make)
{
	for (int i = 0; i < SOCKETS; i++)
		if (w->sock[i].name == name)
			return &w->sock[i];
	if (!make)
		fail(w, "no socket '%c'", name);
	for (int i = 0; i < SOCKETS; i++) {
		if (!w->sock[i].name) {
			w->sock[i].name = name;
			return &w->sock[i];
		}
	}
	fail(w, "too many sockets");
}

struct flow *find_flow(struct world *w, uint16_t ours, uint16_t peers)
{
	for (uint32_t i = 0; i < w->flows; i++)
		if (w->flow[i].ours == ours && w->flow[i].peers == peers)
			return &w->flow[i];
	if (w->flows == FLOWS)
		fail(w, "too many flows");
	struct flow *f = &w->flow[w->flows++];
	*f = (struct flow){ .ours = ours, .peers = peers, .irs = w->irs };
	return f;
}
