/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Urgent data received (RFC 9293 3.8.5): the last urgent byte is set apart for
 * MSG_OOB, as Linux does, unless it is wanted inline.
 */
#include "tcp/engine.h"

void urgent_arrive(struct tcp_env *e, struct tcp *c,
		   const struct tcp_arrival *in)
{
	const struct tcp_segment *s = in->s;
	struct tcp_active *a;
	struct seq mark;

	if (!(s->flags & TCP_URG) || s->urgent == 0)
		return;
	a = block_take(e, c);
	if (a == NULL)
		return;
	/* MUST-62: the pointer is one behind the urgent byte. */
	mark = seq_add(s->seq, s->urgent - 1u);
	if (seq_lt(mark, a->tuning.copied) || seq_lt(mark, c->rcv_nxt))
		return;
	if (a->urgent_state != URGENT_NONE && seq_le(mark, a->urgent_in))
		return;
	a->urgent_in = mark;
	a->urgent_state = URGENT_COMING;
	c->signals |= TCP_SIGNAL_URGENT; /* MUST-32: new or advanced */
}

void urgent_take(struct tcp_env *e, struct tcp *c, const struct tcp_arrival *in)
{
	struct tcp_active *a = active_of(e, c);
	uint32_t at;

	if (a->urgent_state != URGENT_COMING)
		return;
	at = seq_sub(a->urgent_in, in->seq);
	if (at >= in->len)
		return;
	a->urgent_byte = in->p->data[in->skip + at];
	a->urgent_state = URGENT_HERE;
	c->signals |= TCP_SIGNAL_URGENT;
}

uint32_t urgent_before(const struct tcp *c, const struct tcp_active *a,
		       uint32_t len)
{
	uint32_t ahead;

	(void)c;
	if (a->urgent_state == URGENT_NONE)
		return len;
	ahead = seq_sub(a->urgent_in, a->tuning.copied);
	return ahead > 0 && ahead < len ? ahead : len;
}
