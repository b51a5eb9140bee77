/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYN cookies: a call of which nothing is kept. What its SYN offered goes out
 * in the number of the SYN-ACK, sealed by a keyed hash over the ends, the
 * number of the SYN and what is carried, and comes back with the ACK.
 *
 *	without timestamps             with
 *	31      epoch, even or odd     31      epoch, even or odd
 *	30..28  MSS, a class           30..28  MSS, a class
 *	27..25  scale, a class         27..0   seal
 *	24      SACK                   and in the stamp's lowest bits:
 *	23      ECN                    5..2    scale, exact; 1 SACK; 0 ECN
 *	22..0   seal
 *
 * The bits above the seal are mixed with bits of it, so that the numbers of
 * one sender are as good as random (RFC 6528). A class stands for the largest
 * value that is not above what was offered: segments are never larger, nor
 * windows taken for wider, than the peer has said.
 *
 * Two secrets, each derived from the host's for an epoch of 64 s: a cookie is
 * taken for 64 to 128 s. Each ACK that is guessed succeeds with a chance of
 * 2^-23 (2^-28 where it carries timestamps), whoever guesses.
 */
#include "tcp/engine.h"

#define SEAL_BITS 23u
#define SEAL_BITS_STAMPED 28u
#define LABEL UINT64_C(0x636f6f6b69650000)

struct carried {
	uint32_t bits;	 /* of the seal */
	uint32_t number; /* above it */
	uint32_t stamp;
};

/* TCP_MSS_MIN is below all; then what tunnels, links and jumbo frames have. */
static const uint16_t mss_class[8] = {
	TCP_MSS_MIN, TCP_MSS_DEFAULT4, 1220, 1360, 1400, 1440, 1460, 8940
};
/* 0: none was offered; then these. */
static const uint8_t scale_class[8] = { 0, 0, 2, 4, 6, 7, 8, 10 };

static uint32_t class_of_mss(const struct tcp_setup *s, uint16_t mss)
{
	uint32_t class = 7;

	if (mss == 0)
		mss = s->is6 ? TCP_MSS_DEFAULT6 : TCP_MSS_DEFAULT4;
	while (class > 0 && mss_class[class] > mss)
		class --;
	return class;
}

static uint32_t class_of_scale(uint8_t scale)
{
	uint32_t class = 7;

	if (scale == TCP_HALF_NO_SCALE)
		return 0;
	while (class > 1 && scale_class[class] > scale)
		class --;
	return class;
}

static struct hash_key derive(const struct hash_key *secret, uint64_t epoch)
{
	uint64_t words[3] = { LABEL, epoch, 0 };
	struct hash_key key;

	key.k[0] = hash_strong(secret, words, sizeof(words));
	words[2] = 1;
	key.k[1] = hash_strong(secret, words, sizeof(words));
	return key;
}

/* Epochs count from 1, so that there is one before the first. */
static uint64_t epoch_now(struct tcp_env *e)
{
	struct tcp_cookies *k = &e->shared->cookies;
	const uint64_t epoch =
		(uint64_t)(e->now.ns / NS_PER_S) / TCP_COOKIE_EPOCH_S + 1;

	if (k->epoch != epoch) {
		k->key[epoch & 1] = derive(&e->shared->secret, epoch);
		k->key[(epoch - 1) & 1] = derive(&e->shared->secret, epoch - 1);
		k->epoch = epoch;
	}
	return epoch;
}

static uint32_t low(uint32_t value, uint32_t bits)
{
	return value & ((1u << bits) - 1);
}

/* Over all that is carried, and in how many bits. */
static uint32_t seal(const struct tcp_env *e, uint32_t parity,
		     const struct tcp_setup *s, struct seq irs,
		     const struct carried *c)
{
	const uint32_t what = c->bits << 16 | c->number << 8 | c->stamp;
	const uint64_t words[2] = { s->tuple_hash,
				    (uint64_t)irs.v << 32 | what };

	return low((uint32_t)hash_strong(&e->shared->cookies.key[parity], words,
					 sizeof(words)),
		   c->bits);
}

static struct seq compose(uint32_t parity, const struct carried *c,
			  uint32_t tag)
{
	const uint32_t above = low(c->number ^ tag >> 8, 31 - c->bits);

	return (struct seq){ (parity ^ (tag & 1)) << 31 | above << c->bits |
			     tag };
}

static uint32_t number_of(struct seq iss, uint32_t bits)
{
	return low(iss.v >> bits ^ low(iss.v, bits) >> 8, 31 - bits);
}

static uint32_t offers_of(uint32_t scale, const struct tcp_half *h)
{
	return scale << 2 | (uint32_t)h->sack << 1 | h->ecn;
}

void tcp_cookie_make(struct tcp_env *e, const struct tcp_setup *s,
		     struct tcp_half *h, uint32_t *stamp)
{
	const uint32_t parity = epoch_now(e) & 1;
	const uint32_t mss = class_of_mss(s, h->mss);
	const uint32_t scale = class_of_scale(h->wscale);
	struct carried c = { .bits = SEAL_BITS_STAMPED, .number = mss };

	h->mss = mss_class[mss];
	if (h->stamped) {
		c.stamp = offers_of(h->wscale, h);
	} else {
		c.bits = SEAL_BITS;
		c.number = mss << 5 | offers_of(scale, h);
		if (scale > 0)
			h->wscale = scale_class[scale];
	}
	h->iss = compose(parity, &c, seal(e, parity, s, h->irs, &c));
	*stamp = c.stamp;
}

/* What is said there, true or not. */
static void read_carried(const struct carried *c, struct tcp_half *h)
{
	const uint32_t offers = h->stamped ? c->stamp : c->number;

	h->mss = mss_class[low(h->stamped ? c->number : c->number >> 5, 3)];
	h->sack = (offers >> 1 & 1) != 0;
	h->ecn = (offers & 1) != 0;
	if (h->stamped)
		h->wscale = (uint8_t)low(offers >> 2, 4);
	else if (low(offers >> 2, 3) == 0)
		h->wscale = TCP_HALF_NO_SCALE;
	else
		h->wscale = scale_class[low(offers >> 2, 3)];
}

bool tcp_cookie_open(struct tcp_env *e, const struct tcp_setup *s,
		     const struct tcp_segment *ack, struct tcp_half *h)
{
	const struct tcp_options *o = &ack->options;
	const struct seq iss = { ack->ack.v - 1 };
	const uint32_t parity = iss.v >> 31 ^ (iss.v & 1);
	struct carried c = { .bits = SEAL_BITS };

	*h = (struct tcp_half){
		.irs = { ack->seq.v - 1 },
		.iss = iss,
		.stamped = o->has_timestamp,
	};
	if (h->stamped) {
		c.bits = SEAL_BITS_STAMPED;
		c.stamp = low(o->tsecr, TCP_COOKIE_STAMP);
		h->tsval = o->tsval;
	}
	c.number = number_of(iss, c.bits);
	epoch_now(e);
	if (seal(e, parity, s, h->irs, &c) != low(iss.v, c.bits))
		return false;
	read_carried(&c, h);
	return true;
}

void tcp_cookie_say(struct tcp_env *e, const struct tcp *listener,
		    const struct tcp_setup *s, struct tcp_half *h,
		    struct tcp_emit *out)
{
	struct tcp_options *o = &out->segment.options;
	uint32_t stamp, tsval;

	tcp_cookie_make(e, s, h, &stamp);
	tcp_half_say(e, listener, s, h, TCP_HALF_SYN, out);
	if (!o->has_timestamp)
		return;
	/* Never ahead of the clock, or it would go back afterwards. */
	tsval = (o->tsval & ~low(UINT32_MAX, TCP_COOKIE_STAMP)) | stamp;
	o->tsval = (int32_t)(tsval - o->tsval) > 0 ?
			   tsval - (1u << TCP_COOKIE_STAMP) :
			   tsval;
}
