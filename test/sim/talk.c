/* SPDX-License-Identifier: BSD-2-Clause */
/* One end of a conversation over TCP: writes, reads and checks what it reads. */
#include <errno.h>
#include <string.h>

#include "sim/sim.h"

#define CHUNK 20000u

uint8_t talk_byte(uint32_t id, int side, uint64_t at)
{
	uint64_t x;

	/* The caller's stream begins with the number of the conversation. */
	if (side == 0 && at < 4)
		return (uint8_t)(id >> (8 * at));
	x = (at / 8 + 1) * 0x9e3779b97f4a7c15u + id * 77u + (uint64_t)side;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 32;
	return (uint8_t)(x >> (8 * (at % 8)));
}

static void fill(const struct flow *f, int side, uint64_t at, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = talk_byte(f->id, side, at + i);
}

static void fail_end(struct sim *s, struct flow *f, int side, int64_t error)
{
	struct end *e = &f->end[side];

	e->state = END_FAILED;
	e->error = (int)-error;
	sim_trace(s, "%u: conversation %u.%d fails: %d", e->node, f->id, side, e->error);
	minato_close(s->node[e->node].m, e->handle);
}

static void check_bytes(struct sim *s, struct flow *f, int side, const uint8_t *data, size_t len)
{
	struct end *e = &f->end[side];

	for (size_t i = 0; i < len; i++) {
		if (data[i] == talk_byte(f->id, !side, e->received + i))
			continue;
		sim_fail(s, "conversation %u.%d: byte %llu is wrong", f->id, side,
			 (unsigned long long)(e->received + i));
		return;
	}
}

static void count_in(struct sim *s, struct end *e, int64_t len)
{
	e->received += (uint64_t)len;
	e->progress_at = s->now;
}

/* Returns 1: something was done, 0: would block, -1: the end is over. */
static int read_in_place(struct sim *s, struct flow *f, int side)
{
	struct end *e = &f->end[side];
	struct minato *m = s->node[e->node].m;
	struct minato_extent x[4];
	const int count = minato_borrow(m, e->handle, x, 4, NULL);
	size_t taken = 0;

	if (count == -EAGAIN)
		return 0;
	if (count < 0) {
		fail_end(s, f, side, count);
		return -1;
	}
	if (count == 0) {
		e->eof = true;
		e->progress_at = s->now;
		return 1;
	}
	for (int i = 0; i < count; i++) {
		size_t len = x[i].len;
		if (i == count - 1)
			len = 1 + dice_below(&s->dice, (uint32_t)len);
		check_bytes(s, f, side, x[i].base, len);
		count_in(s, e, (int64_t)len);
		taken += len;
	}
	if (minato_release(m, e->handle, taken) != 0)
		sim_fail(s, "conversation %u.%d: release of what was borrowed", f->id, side);
	return 1;
}

static int read_copy(struct sim *s, struct flow *f, int side)
{
	static uint8_t data[CHUNK], again[CHUNK];
	struct end *e = &f->end[side];
	struct minato *m = s->node[e->node].m;
	const uint32_t want = dice_size(&s->dice, CHUNK);
	const bool peek = dice_chance(&s->dice, 100);
	int64_t got = minato_recv(m, e->handle, data, want, peek ? MINATO_MSG_PEEK : 0);

	if (got == -EAGAIN)
		return 0;
	if (got < 0) {
		fail_end(s, f, side, got);
		return -1;
	}
	if (got == 0) {
		e->eof = true;
		e->progress_at = s->now;
		return 1;
	}
	check_bytes(s, f, side, data, (size_t)got);
	if (peek) {
		const int64_t second = minato_recv(m, e->handle, again, (size_t)got, 0);
		if (second != got || memcmp(data, again, (size_t)got) != 0)
			sim_fail(s, "conversation %u.%d: a peek of %lld, a read of %lld", f->id,
				 side, (long long)got, (long long)second);
	}
	count_in(s, e, got);
	return 1;
}

static int read_some(struct sim *s, struct flow *f, int side)
{
	if (f->end[side].eof)
		return 0;
	return dice_chance(&s->dice, 400) ? read_in_place(s, f, side) : read_copy(s, f, side);
}

static int64_t write_in_place(struct sim *s, struct flow *f, int side, size_t len, uint32_t flags)
{
	struct end *e = &f->end[side];
	struct minato *m = s->node[e->node].m;
	struct minato_extent x[8];
	int count = minato_reserve(m, e->handle, len, x, 8);
	size_t filled = 0;
	int error;

	if (count < 0)
		return count == -ENOBUFS ? -EAGAIN : count;
	for (int i = 0; i < count; i++) {
		fill(f, side, e->sent + filled, x[i].base, x[i].len);
		filled += x[i].len;
	}
	if (dice_chance(&s->dice, 200))
		filled = dice_below(&s->dice, (uint32_t)filled + 1);
	error = minato_commit(m, e->handle, filled, flags);
	if (error < 0)
		return error == -ENOBUFS ? -EAGAIN : error;
	return (int64_t)filled;
}

static int write_some(struct sim *s, struct flow *f, int side)
{
	static uint8_t data[CHUNK];
	struct end *e = &f->end[side];
	const uint64_t left = e->to_send - e->sent;
	uint32_t len = dice_size(&s->dice, CHUNK);
	const uint32_t flags = left > len && dice_chance(&s->dice, 100) ? MINATO_MSG_MORE : 0;
	int64_t sent;

	if (e->shut || left == 0)
		return 0;
	if (len > left)
		len = (uint32_t)left;
	if (dice_chance(&s->dice, 400)) {
		sent = write_in_place(s, f, side, len, flags);
	} else {
		fill(f, side, e->sent, data, len);
		sent = minato_send(s->node[e->node].m, e->handle, data, len, flags);
	}
	if (sent == -EAGAIN || sent == -ENOBUFS)
		return 0;
	if (sent < 0) {
		fail_end(s, f, side, sent);
		return -1;
	}
	e->sent += (uint64_t)sent;
	e->progress_at = s->now;
	return 1;
}

static int finish(struct sim *s, struct flow *f, int side)
{
	struct end *e = &f->end[side];
	struct minato *m = s->node[e->node].m;
	int error;

	if (e->sent < e->to_send)
		return 0;
	if (e->eof) {
		e->state = END_CLOSED;
		e->progress_at = s->now;
		sim_trace(s, "%u: conversation %u.%d closes", e->node, f->id, side);
		if (minato_close(m, e->handle) != 0)
			sim_fail(s, "close of an open handle");
		return -1;
	}
	if (e->shut)
		return 0;
	error = minato_shutdown(m, e->handle, MINATO_SHUT_WR);
	if (error < 0) {
		fail_end(s, f, side, error);
		return -1;
	}
	e->shut = true;
	e->progress_at = s->now;
	return 1;
}

/* Verbs that a nervous program uses, and their invalid forms. */
static void fiddle(struct sim *s, struct end *e)
{
	static const enum minato_option options[] = {
		MINATO_OPT_NODELAY, MINATO_OPT_CORK, MINATO_OPT_QUICKACK, MINATO_OPT_KEEPALIVE,
	};
	struct minato *m = s->node[e->node].m;
	struct minato_endpoint end;
	struct minato_counts counts;
	struct minato_info info;
	int64_t value;

	switch (dice_below(&s->dice, 8)) {
	case 0:
		minato_set(m, e->handle, options[dice_below(&s->dice, 4)],
			   dice_below(&s->dice, 2));
		/* A cork that stays would hold the last bytes back for long. */
		minato_set(m, e->handle, MINATO_OPT_CORK, 0);
		break;
	case 1:
		minato_get(m, e->handle,
			   (enum minato_option)dice_below(&s->dice, (uint32_t)MINATO_OPT_ERROR),
			   &value);
		break;
	case 2:
		minato_info(m, e->handle, &info);
		minato_counts(m, e->handle, &counts);
		break;
	case 3:
		minato_local(m, e->handle, &end);
		minato_peer(m, e->handle, &end);
		break;
	case 4:
		minato_accept(m, e->handle, &(uint64_t){ 0 }, &end);
		minato_answer(m, e->handle);
		break;
	case 5:
		minato_bind(m, e->handle, &(struct minato_endpoint){ .port = 80 });
		minato_listen(m, e->handle, 5);
		break;
	case 6:
		/* Once it has ended this would begin another. */
		if (minato_info(m, e->handle, &info) == 0 && info.state == MINATO_ESTABLISHED)
			minato_connect(m, e->handle,
				       &(struct minato_endpoint){ s->node[0].v4, 80 });
		break;
	default:
		minato_send(m, dice_next(&s->dice), "x", 1, 0);
		minato_close(m, e->handle + (UINT64_C(1) << 32));
		break;
	}
}

static void end_badly(struct sim *s, struct flow *f, int side)
{
	struct end *e = &f->end[side];
	struct minato *m = s->node[e->node].m;

	e->state = END_ABORTED;
	sim_trace(s, "%u: conversation %u.%d aborts", e->node, f->id, side);
	if (dice_chance(&s->dice, 500))
		minato_abort(m, e->handle);
	else
		minato_close(m, e->handle);
}

/* False while the handshake lasts. */
static bool is_open(struct sim *s, struct flow *f, int side)
{
	struct end *e = &f->end[side];
	const int ready = minato_ready(s->node[e->node].m, e->handle, NULL);
	int error;

	if (e->state == END_OPEN)
		return true;
	if (ready < 0) {
		sim_fail(s, "conversation %u.%d: its handle is gone", f->id, side);
		return false;
	}
	if ((uint32_t)ready & MINATO_ERROR) {
		error = minato_error(s->node[e->node].m, e->handle);
		fail_end(s, f, side, -error);
		return false;
	}
	if (!((uint32_t)ready & MINATO_CONNECTED))
		return false;
	e->state = END_OPEN;
	e->progress_at = s->now;
	return true;
}

void talk_act(struct sim *s, struct flow *f, int side)
{
	struct end *e = &f->end[side];
	int did = 0;

	e->act_at = INT64_MAX;
	if (!is_open(s, f, side))
		return;
	if (!s->calm && dice_chance(&s->dice, 2)) {
		end_badly(s, f, side);
		return;
	}
	if (dice_chance(&s->dice, 50))
		fiddle(s, e);
	for (int i = (int)dice_below(&s->dice, 4); i >= 0 && !s->failed; i--) {
		const int r = dice_chance(&s->dice, 500) ? read_some(s, f, side) :
							   write_some(s, f, side);
		if (r < 0)
			return;
		did |= r;
	}
	/* One of each at least, so that nothing is left to wait for in vain. */
	for (int what = 0; what < 3 && !s->failed; what++) {
		const int r = what == 0 ? read_some(s, f, side) :
			      what == 1 ? write_some(s, f, side) : finish(s, f, side);
		if (r < 0)
			return;
		did |= r;
	}
	if (did)
		e->act_at = s->now + (int64_t)dice_below(&s->dice, 20) * SIM_MS;
	else if (!s->by_events)
		e->act_at = s->now + (1 + (int64_t)dice_below(&s->dice, 2000)) * SIM_MS;
}
