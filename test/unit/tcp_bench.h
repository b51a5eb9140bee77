/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bench for one connection: segments in and out as text, virtual time.
 *
 *	in(b, "S 0:0(0) win 32792 <mss 1000,sackOK,ws 7>");
 *	out(b, "S. 0:0(0) ack 1 <mss 1460,sackOK,ws 7>");
 *	in(b, ". 1:1(0) ack 1 win 257");
 *
 * Numbers are relative to both initial sequence numbers. `win` and `<..>` of an
 * expected segment are compared when they are written.
 */
#ifndef TEST_UNIT_TCP_BENCH_H
#define TEST_UNIT_TCP_BENCH_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcp/engine.h"

#define BENCH_IRS 1000000000u

struct bench {
	struct tcp_shared shared;
	struct payload payload;
	void *shared_memory, *payload_memory;
	struct tcp_env env;
	struct tcp c;
	struct tcp_setup setup;
	struct seq iss;
	bool known; /* iss is */
	uint32_t ts_base; /* subtracted from the timestamps we see */
	struct tcp_emit last;
	enum drop why; /* of the last segment in */
	int64_t mark; /* of the last event, for out_at */
};

static inline void *bench_aligned(void *memory)
{
	return (void *)(((uintptr_t)memory + 63) & ~(uintptr_t)63);
}

static inline void bench_open(struct bench *b, uint32_t active_max, uint32_t large)
{
	const struct hash_key secret = { { 1, 2 } };
	const size_t bytes = tcp_shared_bytes(active_max);
	const size_t payload = payload_bytes(large, 2 * large);

	memset(b, 0, sizeof(*b));
	b->shared_memory = calloc(1, bytes + 64);
	b->payload_memory = calloc(1, payload + 64);
	tcp_shared_init(&b->shared, bench_aligned(b->shared_memory), active_max, &secret);
	payload_init(&b->payload, bench_aligned(b->payload_memory), large, 2 * large);
	b->env = (struct tcp_env){ &b->shared, &b->payload, { 1000 * NS_PER_S }, false };
	b->setup = (struct tcp_setup){ .mtu = 1500, .tuple_hash = 0x1234567890abcdef };
	b->mark = b->env.now.ns;
	tcp_init(&b->c);
}

static inline void bench_close(struct bench *b)
{
	board_audit(&b->env, &b->c);
	tcp_destroy(&b->env, &b->c);
	assert_int_equal(b->shared.active.used, 0);
	assert_int_equal(b->shared.records.used, 0);
	assert_int_equal(b->shared.holes.used, 0);
	assert_int_equal(b->payload.large.used, 0);
	assert_int_equal(b->payload.small.used, 0);
	free(b->shared_memory);
	free(b->payload_memory);
}

/* --- text -> segment ------------------------------------------------------------------------- */

static inline uint8_t bench_flags(const char *text, const char **end)
{
	uint8_t flags = 0;

	for (; *text != ' ' && *text != 0; text++) {
		switch (*text) {
		case 'S': flags |= TCP_SYN; break;
		case 'F': flags |= TCP_FIN; break;
		case 'R': flags |= TCP_RST; break;
		case 'P': flags |= TCP_PSH; break;
		case 'U': flags |= TCP_URG; break;
		case 'E': flags |= TCP_ECE; break;
		case 'W': flags |= TCP_CWR; break;
		case '.': flags |= TCP_ACK; break;
		case '-': break;
		default: fail_msg("flag %c", *text);
		}
	}
	*end = text;
	return flags;
}

static inline void bench_option(struct bench *b, const char *text, struct tcp_options *o)
{
	uint32_t x, y;
	int used;

	if (sscanf(text, "mss %u", &x) == 1) {
		o->mss = (uint16_t)x;
	} else if (strncmp(text, "sackOK", 6) == 0) {
		o->sack_permitted = true;
	} else if (sscanf(text, "ws %u", &x) == 1) {
		o->has_wscale = true;
		o->wscale = (uint8_t)x;
	} else if (sscanf(text, "ts %u %u", &x, &y) == 2) {
		o->has_timestamp = true;
		o->tsval = x;
		o->tsecr = y == 0 ? 0 : y + b->ts_base;
	} else if (strncmp(text, "sack ", 5) == 0) {
		for (text += 5; sscanf(text, "%u:%u%n", &x, &y, &used) == 2; text += used) {
			o->sack[o->sack_count].start = seq_add(b->iss, x);
			o->sack[o->sack_count++].end = seq_add(b->iss, y);
			while (text[used] == ' ')
				used++;
		}
	} else {
		fail_msg("option %s", text);
	}
}

static inline uint32_t bench_parse(struct bench *b, const char *text, struct tcp_segment *s)
{
	uint32_t first, end, len, number;
	const char *at;

	memset(s, 0, sizeof(*s));
	s->flags = bench_flags(text, &at);
	if (sscanf(at, " %u:%u(%u)", &first, &end, &len) != 3 || end - first != len)
		fail_msg("numbers: %s", text);
	s->seq = seq_add((struct seq){ BENCH_IRS }, first);
	if ((at = strstr(text, " ack ")) != NULL) {
		assert_int_equal(sscanf(at, " ack %u", &number), 1);
		s->ack = seq_add(b->iss, number);
	}
	if ((at = strstr(text, " win ")) != NULL) {
		assert_int_equal(sscanf(at, " win %u", &number), 1);
		s->window = (uint16_t)number;
	}
	if ((at = strstr(text, " urg ")) != NULL) {
		assert_int_equal(sscanf(at, " urg %u", &number), 1);
		s->urgent = (uint16_t)number;
	}
	for (at = strchr(text, '<'); at != NULL; at = strchr(at, ','))
		bench_option(b, ++at, &s->options);
	return len;
}

static inline uint8_t bench_byte(uint32_t seq)
{
	return (uint8_t)(seq * 7 + (seq >> 8));
}

static uint8_t bench_data[1 << 16];

/* As a super-segment of this many bytes each. */
static inline void in_gso(struct bench *b, const char *text, uint16_t gso_size)
{
	struct tcp_segment s;
	struct tcp_payload p = { .data = bench_data, .chunk = MINATO_CHUNK_NONE };
	uint32_t i;

	p.len = bench_parse(b, text, &s);
	p.gso_size = gso_size;
	for (i = 0; i < p.len; i++)
		bench_data[i] = bench_byte(s.seq.v - BENCH_IRS + i);
	b->mark = b->env.now.ns;
	b->why = tcp_arrive(&b->env, &b->c, &s, &p);
	board_audit(&b->env, &b->c);
}

static inline void in(struct bench *b, const char *text)
{
	in_gso(b, text, 0);
}

/* --- segment -> text ------------------------------------------------------------------------- */

static inline void bench_options_text(struct bench *b, const struct tcp_options *o, char *out)
{
	const char *comma = "";
	uint8_t i;

	out += sprintf(out, "<");
	if (o->mss != 0)
		out += sprintf(out, "mss %u", o->mss), comma = ",";
	if (o->sack_permitted)
		out += sprintf(out, "%ssackOK", comma), comma = ",";
	if (o->has_timestamp)
		out += sprintf(out, "%sts %u %u", comma, o->tsval - b->ts_base, o->tsecr),
			comma = ",";
	if (o->has_wscale)
		out += sprintf(out, "%sws %u", comma, o->wscale), comma = ",";
	if (o->sack_count > 0) {
		out += sprintf(out, "%ssack", comma);
		for (i = 0; i < o->sack_count; i++)
			out += sprintf(out, " %u:%u", o->sack[i].start.v - BENCH_IRS,
				       o->sack[i].end.v - BENCH_IRS);
	}
	sprintf(out, ">");
}

static inline void bench_text(struct bench *b, const struct tcp_emit *m, const char *want,
			      char *out)
{
	const struct tcp_segment *s = &m->segment;
	const uint32_t seq = s->seq.v - b->iss.v;
	const char letters[] = "SFRPUEW";
	const uint8_t bits[] = { TCP_SYN, TCP_FIN, TCP_RST, TCP_PSH, TCP_URG, TCP_ECE, TCP_CWR };
	uint32_t i;

	for (i = 0; i < 7; i++)
		if (s->flags & bits[i])
			*out++ = letters[i];
	if (s->flags & TCP_ACK)
		*out++ = '.';
	out += sprintf(out, " %u:%u(%u)", seq, seq + m->len, m->len);
	if (s->flags & TCP_ACK)
		out += sprintf(out, " ack %u", s->ack.v - BENCH_IRS);
	if (strstr(want, " win ") != NULL)
		out += sprintf(out, " win %u", s->window);
	if (s->flags & TCP_URG)
		out += sprintf(out, " urg %u", s->urgent);
	if (strchr(want, '<') != NULL) {
		*out++ = ' ';
		bench_options_text(b, &s->options, out);
	}
}

static inline void bench_check_payload(struct bench *b, const struct tcp_emit *m)
{
	static uint8_t data[1 << 16];
	uint32_t i;

	if (m->len == 0)
		return;
	queue_copy(&b->payload, m->queue, m->offset, data, m->len);
	for (i = 0; i < m->len; i++)
		assert_int_equal(data[i], bench_byte(m->segment.seq.v - b->iss.v + i));
}

static inline bool bench_next(struct bench *b)
{
	const bool found = tcp_next(&b->env, &b->c, &b->last);

	board_audit(&b->env, &b->c);
	if (!found)
		return false;
	if (!b->known && (b->last.segment.flags & TCP_SYN)) {
		b->iss = b->last.segment.seq;
		b->known = true;
	}
	if (b->ts_base == 0 && b->last.segment.options.has_timestamp)
		b->ts_base = b->last.segment.options.tsval - 1000;
	return true;
}

#define out(b, want) bench_out(b, want, __FILE__, __LINE__)
static inline void bench_out(struct bench *b, const char *want, const char *file, int line)
{
	char got[256] = "nothing";

	if (bench_next(b)) {
		bench_text(b, &b->last, want, got);
		bench_check_payload(b, &b->last);
	}
	b->mark = b->env.now.ns;
	if (strcmp(got, want) != 0) {
		print_error("want: %s\n got: %s\n", want, got);
		_fail(file, line);
	}
}

#define quiet(b) bench_quiet(b, __FILE__, __LINE__)
static inline void bench_quiet(struct bench *b, const char *file, int line)
{
	char got[256];

	if (bench_next(b)) {
		bench_text(b, &b->last, "", got);
		print_error("want: nothing\n got: %s\n", got);
		_fail(file, line);
	}
}

/* --- time ------------------------------------------------------------------------------------ */

/* Time passes; timers run at their instants, what they send stays unsent. */
static inline void wait_us(struct bench *b, int64_t us)
{
	const struct minato_time until = time_after(b->env.now, us * NS_PER_US);

	while (tcp_deadline(&b->env, &b->c).ns <= until.ns) {
		if (tcp_deadline(&b->env, &b->c).ns > b->env.now.ns)
			b->env.now = tcp_deadline(&b->env, &b->c);
		tcp_expire(&b->env, &b->c);
		if (send_pending(&b->env, &b->c))
			break;
	}
	b->env.now = until;
}

static inline void wait_ms(struct bench *b, int64_t ms)
{
	wait_us(b, ms * 1000);
}

/* The next segment comes by timer, that many milliseconds after the last event
   (a segment in or out), within `slack`. */
#define out_at(b, ms, want) bench_out_at(b, ms, want, __FILE__, __LINE__)
static inline void bench_out_at(struct bench *b, int64_t ms, const char *want,
				const char *file, int line)
{
	const int64_t from = b->mark;
	uint32_t steps;
	int64_t after;
	char got[256] = "nothing";

	for (steps = 0; steps < 100; steps++) {
		const struct minato_time at = tcp_deadline(&b->env, &b->c);
		if (at.ns == INT64_MAX)
			break;
		if (at.ns > b->env.now.ns)
			b->env.now = at;
		tcp_expire(&b->env, &b->c);
		if (bench_next(b)) {
			bench_text(b, &b->last, want, got);
			break;
		}
		if (b->c.state == MINATO_CLOSED)
			break;
	}
	b->mark = b->env.now.ns;
	after = (b->env.now.ns - from) / NS_PER_MS;
	if (strcmp(got, want) != 0 || after < ms - 3 || after > ms + 3) {
		print_error("want: %s after %d ms\n got: %s after %d ms\n", want, (int)ms, got,
			    (int)after);
		_fail(file, line);
	}
}

/* --- the usual beginnings -------------------------------------------------------------------- */

static inline void bench_write(struct bench *b, uint32_t len, uint32_t flags)
{
	const struct tcp_active *a = active_of(&b->env, &b->c);
	const struct seq at = a != NULL ? send_written(&b->c, a) : b->c.snd_nxt;
	uint32_t i;

	for (i = 0; i < len; i++)
		bench_data[i] = bench_byte(at.v - b->iss.v + i);
	assert_int_equal(tcp_write(&b->env, &b->c, bench_data, len, flags), len);
	b->mark = b->env.now.ns;
}

static inline void bench_listen(struct bench *b, const char *syn)
{
	struct tcp_segment s;
	struct tcp listener = b->c; /* what the test has set on it */

	tcp_init(&b->c);
	bench_parse(b, syn, &s);
	tcp_passive(&b->env, &b->c, &listener, &b->setup, &s, false);
	extra_drop(&b->env, &listener);
}

/* Ready to go: MSS 1000, scale 7, window 32768, no timestamps. */
static inline void bench_accept(struct bench *b)
{
	bench_listen(b, "S 0:0(0) win 32792 <mss 1000,sackOK,ws 7>");
	out(b, "S. 0:0(0) ack 1 <mss 1460,sackOK,ws 7>");
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257");
	assert_int_equal(tcp_state(&b->c), MINATO_ESTABLISHED);
	quiet(b);
}

/* Without SACK. */
static inline void bench_accept_plain(struct bench *b)
{
	bench_listen(b, "S 0:0(0) win 32792 <mss 1000,ws 7>");
	out(b, "S. 0:0(0) ack 1 <mss 1460,ws 7>");
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257");
	quiet(b);
}

/* With timestamps: ours begin at 1000. */
static inline void bench_accept_ts(struct bench *b)
{
	bench_listen(b, "S 0:0(0) win 32792 <mss 1000,sackOK,ts 100 0,ws 7>");
	out(b, "S. 0:0(0) ack 1 <mss 1460,sackOK,ts 1000 100,ws 7>");
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257 <ts 200 1000>");
	quiet(b);
}

static inline void bench_connect(struct bench *b)
{
	tcp_connect(&b->env, &b->c, &b->setup);
	out(b, "S 0:0(0) <mss 1460,sackOK,ts 1000 0,ws 7>");
}

static inline struct minato_info bench_info(struct bench *b)
{
	struct minato_info i;

	tcp_info(&b->env, &b->c, &i);
	return i;
}

static inline void bench_read(struct bench *b, uint32_t want)
{
	static uint8_t data[1 << 16];

	assert_int_equal(tcp_read(&b->env, &b->c, data, sizeof(data), 0), want);
}

static inline int bench_setup(void **state)
{
	struct bench *b = malloc(sizeof(*b));

	bench_open(b, 8, 64);
	*state = b;
	return 0;
}

static inline int bench_teardown(void **state)
{
	bench_close(*state);
	free(*state);
	return 0;
}

#define bench_test(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

#endif
