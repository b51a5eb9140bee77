/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets as words: what a script injects, and what it expects. */
#include "trace.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t flag_of(char c)
{
	switch (c) {
	case 'F':
		return F_FIN;
	case 'S':
		return F_SYN;
	case 'R':
		return F_RST;
	case 'P':
		return F_PSH;
	case 'A':
		return F_ACK;
	case 'U':
		return F_URG;
	case 'E':
		return F_ECE;
	case 'W':
		return F_CWR;
	default:
		return 0;
	}
}

/* A small letter leaves its flag open, where the caller has room for that. */
static bool parse_flags(const char *text, uint8_t *flags, uint8_t *open)
{
	*flags = 0;
	for (; *text; text++) {
		uint8_t small = islower((unsigned char)*text) ? flag_of((char)toupper(*text)) : 0;
		if (*text == '-')
			continue;
		if (open && small)
			*open |= small;
		else if (flag_of(*text))
			*flags |= flag_of(*text);
		else
			return false;
	}
	return true;
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint8_t *room_for(struct world *w, struct pkt *p, uint32_t n)
{
	if (p->options_len + n > OPTIONS_MAX)
		fail(w, "options above 40 bytes");
	uint8_t *at = p->options + p->options_len;
	p->options_len += n;
	return at;
}

/* A timestamp: `N` raw for the peer's own, `tN` = our first value plus N ms. */
static uint32_t timestamp(struct world *w, struct flow *f, const char *text)
{
	if (*text == 't') {
		if (!f->ts_known)
			fail(w, "no timestamp of ours was seen yet");
		return f->ts_base + (uint32_t)number(w, text + 1, "timestamp");
	}
	return (uint32_t)number(w, text, "timestamp");
}

static void add_ts(struct world *w, struct flow *f, struct pkt *p, char *value)
{
	char *slash = strchr(value, '/');

	if (!slash)
		fail(w, "ts wants VALUE/ECHO");
	*slash = 0;
	uint8_t *o = room_for(w, p, 10);
	o[0] = 8;
	o[1] = 10;
	put32(o + 2, timestamp(w, f, value));
	put32(o + 6, timestamp(w, f, slash + 1));
}

static void add_sack(struct world *w, struct flow *f, struct pkt *p, char *value)
{
	uint8_t *o = room_for(w, p, 2);

	o[0] = 5;
	o[1] = 2;
	for (char *s = strtok(value, ","); s; s = strtok(NULL, ",")) {
		char *colon = strchr(s, ':');
		if (!colon)
			fail(w, "sack wants START:END");
		*colon = 0;
		uint8_t *b = room_for(w, p, 8);
		put32(b, f->iss + (uint32_t)number(w, s, "sack"));
		put32(b + 4, f->iss + (uint32_t)number(w, colon + 1, "sack"));
		o[1] = (uint8_t)(o[1] + 8);
	}
}

static void add_raw(struct world *w, struct pkt *p, const char *hex)
{
	for (; hex[0] && hex[1]; hex += 2) {
		char two[3] = { hex[0], hex[1], 0 };
		*room_for(w, p, 1) = (uint8_t)strtoul(two, NULL, 16);
	}
}

/* One option word of an injected segment; false when it is none. */
static bool add_option(struct world *w, struct flow *f, struct pkt *p, char *word)
{
	char *value = strchr(word, '=');
	if (value)
		*value++ = 0;
	if (!strcmp(word, "nop")) {
		*room_for(w, p, 1) = 1;
	} else if (!strcmp(word, "eol")) {
		*room_for(w, p, 1) = 0;
	} else if (!strcmp(word, "sackok")) {
		uint8_t *o = room_for(w, p, 2);
		o[0] = 4;
		o[1] = 2;
	} else if (value && !strcmp(word, "mss")) {
		uint32_t v = (uint32_t)number(w, value, "mss");
		uint8_t *o = room_for(w, p, 4);
		o[0] = 2;
		o[1] = 4;
		o[2] = (uint8_t)(v >> 8);
		o[3] = (uint8_t)v;
	} else if (value && !strcmp(word, "ws")) {
		uint8_t *o = room_for(w, p, 3);
		o[0] = 3;
		o[1] = 3;
		o[2] = (uint8_t)number(w, value, "ws");
	} else if (value && !strcmp(word, "ts")) {
		add_ts(w, f, p, value);
	} else if (value && !strcmp(word, "sack")) {
		add_sack(w, f, p, value);
	} else if (value && !strcmp(word, "raw")) {
		add_raw(w, p, value);
	} else {
		return false;
	}
	return true;
}

static void put_addr(struct world *w, uint8_t *out, const char *text)
{
	struct minato_addr a = address(w, text);
	size_t skip = w->is6 ? 0 : 12;

	if (minato_addr_is4(&a) == w->is6)
		fail(w, "'%s' is of the other family", text);
	memcpy(out, a.bytes + skip, 16 - skip);
}

static void ends(const struct world *w, struct pkt *p, bool from_peer)
{
	struct minato_addr o = ours_addr(w), r = peer_addr(w);
	size_t skip = w->is6 ? 0 : 12;

	p->is6 = w->is6;
	memcpy(p->src, (from_peer ? r.bytes : o.bytes) + skip, 16 - skip);
	memcpy(p->dst, (from_peer ? o.bytes : r.bytes) + skip, 16 - skip);
	p->sport = from_peer ? w->peers : w->ours;
	p->dport = from_peer ? w->ours : w->peers;
	/* Of an ICMP error: the other side's packet, seen from its sender. */
	p->inner_sport = p->dport;
	p->inner_dport = p->sport;
}

/* What is said about a packet beside its headers. */
struct manner {
	uint32_t cut; /* bytes missing at its end */
	uint16_t gso;
};

static void add_ip_options(struct world *w, struct pkt *p, const char *hex)
{
	for (; hex && hex[0] && hex[1]; hex += 2) {
		char two[3] = { hex[0], hex[1], 0 };
		if (p->ip_options_len == OPTIONS_MAX)
			fail(w, "IP options above 40 bytes");
		p->ip_options[p->ip_options_len++] = (uint8_t)strtoul(two, NULL, 16);
	}
}

/* Words that any packet takes. False when it is none of them. */
static bool any_field(struct world *w, struct pkt *p, const char *word, char **at)
{
	if (!strcmp(word, "bad-checksum"))
		p->bad_checksum = true;
	else if (!strcmp(word, "len"))
		p->len = (uint32_t)number(w, next_word(at), word);
	else if (!strcmp(word, "tos"))
		p->tos = (uint8_t)number(w, next_word(at), word);
	else if (!strcmp(word, "ttl"))
		p->ttl = (uint8_t)number(w, next_word(at), word);
	else if (!strcmp(word, "from"))
		put_addr(w, p->src, next_word(at));
	else if (!strcmp(word, "to"))
		put_addr(w, p->dst, next_word(at));
	else if (!strcmp(word, "sport"))
		p->sport = (uint16_t)number(w, next_word(at), word);
	else if (!strcmp(word, "dport"))
		p->dport = (uint16_t)number(w, next_word(at), word);
	else if (!strcmp(word, "pieces"))
		p->pieces = (uint32_t)number(w, next_word(at), word);
	else if (!strcmp(word, "backwards"))
		p->backwards = true;
	else if (!strcmp(word, "ip-options"))
		add_ip_options(w, p, next_word(at));
	else
		return false;
	return true;
}

/* `ack N`, or `ack all`, `ack all-N`: of all that was sent and seen. */
static uint32_t acknowledge(struct world *w, const struct flow *f, const char *text)
{
	if (text && !strcmp(text, "all"))
		return f->sent_end;
	if (text && !strncmp(text, "all-", 4))
		return f->sent_end - (uint32_t)number(w, text + 4, "ack");
	return f->iss + (uint32_t)number(w, text, "ack");
}

static bool tcp_field(struct world *w, struct flow *f, struct pkt *p, const char *word, char **at)
{
	if (!strcmp(word, "seq"))
		p->seq = f->irs + (uint32_t)number(w, next_word(at), word);
	else if (!strcmp(word, "ack"))
		p->ack = acknowledge(w, f, next_word(at));
	else if (!strcmp(word, "win"))
		p->window = (uint16_t)number(w, next_word(at), word);
	else if (!strcmp(word, "urg"))
		p->urgent = (uint16_t)number(w, next_word(at), word);
	else if (!strcmp(word, "data-offset"))
		p->data_offset = (uint8_t)number(w, next_word(at), word);
	else
		return false;
	return true;
}

static struct minato_frame *next_frame(struct world *w)
{
	uint8_t *frame = malloc(MTU_MAX + 128);
	struct minato_frame *in;

	if (!frame)
		fail(w, "no memory");
	if (w->batched == BATCH_MAX)
		fail(w, "too many packets at once");
	in = &w->batch[w->batched++];
	*in = (struct minato_frame){ .data = frame, .chunk = MINATO_CHUNK_NONE };
	return in;
}

static void feed_pieces(struct world *w, const struct pkt *p)
{
	static uint8_t whole[MTU_MAX + 128];
	uint32_t head = p->is6 ? 40 : 20 + p->ip_options_len;
	uint32_t total = (uint32_t)pkt_build(p, whole) - head;
	uint32_t count = (total + p->pieces - 1) / p->pieces;

	for (uint32_t i = 0; i < count; i++) {
		struct minato_frame *in = next_frame(w);
		uint32_t n = p->backwards ? count - 1 - i : i;

		in->len = (uint32_t)pkt_cut(p, whole, n * p->pieces,
					    (uint8_t *)(uintptr_t)in->data);
	}
}

static void feed_whole(struct world *w, const struct pkt *p, const struct manner *how)
{
	struct minato_frame *in = next_frame(w);

	in->len = (uint32_t)pkt_build(p, (uint8_t *)(uintptr_t)in->data) - how->cut;
	in->gso_size = how->gso;
	if (how->gso)
		in->gso = p->is6 ? MINATO_GSO_TCP6 : MINATO_GSO_TCP4;
}

/* Hands the packet to the host, after those that were held back; or holds it
   back itself. */
static void feed(struct world *w, const struct pkt *p, const struct manner *how, bool wait)
{
	if (p->pieces)
		feed_pieces(w, p);
	else
		feed_whole(w, p, how);
	if (wait)
		return;
	minato_input(w->m, clock_of(w), w->batch, w->batched);
	for (uint32_t i = 0; i < w->batched; i++)
		free((void *)(uintptr_t)w->batch[i].data);
	w->batched = 0;
	collect(w);
}

static uint8_t *payload_of(struct world *w, const struct pkt *p, uint32_t first)
{
	static uint8_t payload[MTU_MAX];

	if (p->len > MTU_MAX - 200)
		fail(w, "len %u is too much", p->len);
	for (uint32_t i = 0; i < p->len; i++)
		payload[i] = pattern(first + i);
	return payload;
}

/* `icmp TYPE CODE [word N] [seq N] [about udp] [len N] ...` */
static void inject_icmp(struct world *w, char *at, bool wait)
{
	struct flow *f = find_flow(w, w->ours, w->peers);
	struct pkt p = { .icmp = true, .ttl = 64, .inner_seq = f->iss };
	struct manner how = { 0 };

	ends(w, &p, true);
	p.icmp_type = (uint8_t)number(w, next_word(&at), "type");
	p.icmp_code = (uint8_t)number(w, next_word(&at), "code");
	for (char *word = next_word(&at); word; word = next_word(&at)) {
		if (any_field(w, &p, word, &at))
			continue;
		char *value = next_word(&at);
		if (!strcmp(word, "word"))
			p.icmp_word = (uint32_t)number(w, value, word);
		else if (!strcmp(word, "seq"))
			p.inner_seq = f->iss + (uint32_t)number(w, value, word);
		else if (!strcmp(word, "about"))
			p.inner_udp = value && !strcmp(value, "udp");
		else
			fail(w, "unknown word '%s'", word);
	}
	p.payload = payload_of(w, &p, 0);
	feed(w, &p, &how, wait);
}

/* `udp [len N] [udp-length N] [no-checksum] ...` */
static void inject_udp(struct world *w, char *at, bool wait)
{
	struct pkt p = { .udp = true, .ttl = 64 };
	struct manner how = { 0 };

	ends(w, &p, true);
	for (char *word = next_word(&at); word; word = next_word(&at)) {
		if (any_field(w, &p, word, &at))
			continue;
		if (!strcmp(word, "no-checksum"))
			p.no_checksum = true;
		else if (!strcmp(word, "udp-length"))
			p.udp_len = (uint16_t)number(w, next_word(&at), word);
		else
			fail(w, "unknown word '%s'", word);
	}
	p.payload = payload_of(w, &p, 0);
	feed(w, &p, &how, wait);
}

static void inject_tcp(struct world *w, const char *flags, char *at, bool wait)
{
	struct pkt p = { .ttl = 64, .window = 65535 };
	struct manner how = { 0 };

	if (!flags || !parse_flags(flags, &p.flags, NULL))
		fail(w, "'<' wants flags out of FSRPAUEW or -");
	struct flow *f = find_flow(w, w->ours, w->peers);
	p.seq = f->irs;
	if (p.flags & F_ACK)
		p.ack = f->iss;
	ends(w, &p, true);
	for (char *word = next_word(&at); word; word = next_word(&at)) {
		if (any_field(w, &p, word, &at) || tcp_field(w, f, &p, word, &at))
			continue;
		if (!strcmp(word, "cut"))
			how.cut = (uint32_t)number(w, next_word(&at), word);
		else if (!strcmp(word, "gso"))
			how.gso = (uint16_t)number(w, next_word(&at), word);
		else if (!add_option(w, f, &p, word))
			fail(w, "unknown word '%s'", word);
	}
	p.seq += w->nth * p.len;
	while (p.options_len % 4)
		*room_for(w, &p, 1) = 0;
	p.payload = payload_of(w, &p, p.seq - f->irs - (p.flags & F_SYN ? 0 : 1));
	feed(w, &p, &how, wait);
}

void inject(struct world *w, char *at, bool wait)
{
	char *first = next_word(&at);

	if (first && !strcmp(first, "icmp"))
		inject_icmp(w, at, wait);
	else if (first && !strcmp(first, "udp"))
		inject_udp(w, at, wait);
	else
		inject_tcp(w, first, at, wait);
}

/* --- what came out, in words ----------------------------------------------------------- */

static void say_options(const struct flow *f, const struct pkt *p, char *out, size_t size)
{
	size_t n = 0;

	out[0] = 0;
	for (uint32_t i = 0; i < p->options_len && n + 64 < size;) {
		const uint8_t *o = p->options + i;
		uint32_t len = o[0] < 2 ? 1 : o[1];
		if (len == 0 || i + len > p->options_len)
			break;
		if (o[0] == 0)
			n += (size_t)sprintf(out + n, " eol");
		else if (o[0] == 1)
			n += (size_t)sprintf(out + n, " nop");
		else if (o[0] == 2)
			n += (size_t)sprintf(out + n, " mss=%u", o[2] << 8 | o[3]);
		else if (o[0] == 3)
			n += (size_t)sprintf(out + n, " ws=%u", o[2]);
		else if (o[0] == 4)
			n += (size_t)sprintf(out + n, " sackok");
		else if (o[0] == 8)
			n += (size_t)sprintf(out + n, " ts=t%u/%u", get32(o + 2) - f->ts_base,
					     get32(o + 6));
		else if (o[0] == 5)
			for (uint32_t b = 2; b + 8 <= len && n + 64 < size; b += 8)
				n += (size_t)sprintf(out + n, "%s%u:%u", b == 2 ? " sack=" : ",",
						     get32(o + b) - f->irs,
						     get32(o + b + 4) - f->irs);
		else
			n += (size_t)sprintf(out + n, " kind%u", o[0]);
		i += len;
	}
}

static const char *say(struct flow *f, const struct pkt *p)
{
	static char text[512];
	char flags[9], options[256];
	size_t n = 0;

	if (p->icmp) {
		snprintf(text, sizeof(text), "icmp %u %u word %u len %u", p->icmp_type,
			 p->icmp_code, p->icmp_word, p->len);
		return text;
	}
	if (p->udp) {
		snprintf(text, sizeof(text), "udp %u -> %u len %u", p->sport, p->dport, p->len);
		return text;
	}
	for (int i = 0; i < 8; i++)
		if (p->flags & 1u << i)
			flags[n++] = "FSRPAUEW"[i];
	if (!n)
		flags[n++] = '-';
	flags[n] = 0;
	say_options(f, p, options, sizeof(options));
	snprintf(text, sizeof(text), "%s seq %u len %u ack %u win %u%s", flags, p->seq - f->iss,
		 p->len, p->flags & F_ACK ? p->ack - f->irs : p->ack, p->window, options);
	return text;
}

void learn(struct world *w, const struct pkt *p)
{
	if (p->icmp || p->udp)
		return;
	struct flow *f = find_flow(w, p->sport, p->dport);
	if (p->flags & F_SYN && !f->iss_known) {
		f->iss = p->seq;
		f->iss_known = true;
		w->isn_before = w->isn_last;
		w->isn_last = p->seq;
	}
	uint32_t end = p->seq + p->len + (p->flags & (F_SYN | F_FIN) ? 1 : 0);
	if (p->flags & F_SYN || (int32_t)(end - f->sent_end) > 0)
		f->sent_end = end;
	for (uint32_t i = 0; i < p->options_len && !f->ts_known;) {
		const uint8_t *o = p->options + i;
		uint32_t len = o[0] < 2 ? 1 : o[1];
		if (len == 0 || i + len > p->options_len)
			break;
		if (o[0] == 8) {
			f->ts_base = get32(o + 2);
			f->ts_known = true;
			w->ts_before = w->ts_last;
			w->ts_last = f->ts_base;
		}
		i += len;
	}
}

static void check_payload(struct world *w, const struct flow *f, const struct pkt *p)
{
	uint32_t first = p->seq - f->iss - 1 + (p->flags & F_SYN ? 1 : 0);

	if (p->udp || p->icmp)
		first = 0;
	for (uint32_t i = 0; i < p->len; i++)
		if (p->payload[i] != pattern(first + i))
			fail(w, "payload differs at byte %u of: %s", i,
			     say(find_flow(w, w->ours, w->peers), p));
}

/* True when the packet's options are just those words, in that order. A value
   may be left open with `*`. */
static bool options_match(const struct flow *f, const struct pkt *p, char *const *want, int count)
{
	char text[256];
	int n = 0;

	say_options(f, p, text, sizeof(text));
	for (char *s = strtok(text, " "); s; s = strtok(NULL, " "), n++) {
		if (n == count)
			return false;
		const char *g = want[n];
		while (*g && *s && (*g == *s || *g == '*')) {
			if (*g != '*') {
				g++;
				s++;
				continue;
			}
			g++;
			while (*s && *s != *g)
				s++;
		}
		if (*g || *s)
			return false;
	}
	return n == count;
}

struct expectation {
	struct pkt like; /* its kind, flags and ends */
	uint8_t open;	 /* flags not checked */
	bool any_seq;
	int64_t seq, len, ack, win, urg, tos, ttl, df;
	int64_t word;
	char *options[24];
	int option_count;
	bool has_options;
};

static int64_t *field_of(struct expectation *e, const char *word)
{
	return !strcmp(word, "seq")  ? &e->seq :
	       !strcmp(word, "len")  ? &e->len :
	       !strcmp(word, "ack")  ? &e->ack :
	       !strcmp(word, "win")  ? &e->win :
	       !strcmp(word, "urg")  ? &e->urg :
	       !strcmp(word, "tos")  ? &e->tos :
	       !strcmp(word, "ttl")  ? &e->ttl :
	       !strcmp(word, "df")   ? &e->df :
	       !strcmp(word, "word") ? &e->word :
				       NULL;
}

static void expect_words(struct world *w, struct expectation *e, char *at)
{
	for (char *word = next_word(&at); word; word = next_word(&at)) {
		int64_t *field = field_of(e, word);
		if (field) {
			char *v = next_word(&at);
			if (field == &e->seq && v && !strcmp(v, "*"))
				e->any_seq = true;
			else
				*field = number(w, v, word);
		} else if (!strcmp(word, "from")) {
			put_addr(w, e->like.src, next_word(&at));
		} else if (!strcmp(word, "to")) {
			put_addr(w, e->like.dst, next_word(&at));
		} else if (!strcmp(word, "about")) {
			char *v = next_word(&at);
			e->like.inner_udp = v && !strcmp(v, "udp");
		} else if (!strcmp(word, "no-options")) {
			e->has_options = true;
		} else {
			if (e->option_count == 24)
				fail(w, "too many options");
			e->has_options = true;
			e->options[e->option_count++] = word;
		}
	}
}

static void expect_kind(struct world *w, struct expectation *e, char **at)
{
	char *first = next_word(at);

	ends(w, &e->like, false);
	if (first && !strcmp(first, "icmp")) {
		e->like.icmp = true;
		e->like.icmp_type = (uint8_t)number(w, next_word(at), "type");
		e->like.icmp_code = (uint8_t)number(w, next_word(at), "code");
	} else if (first && !strcmp(first, "udp")) {
		e->like.udp = true;
	} else if (!first || !parse_flags(first, &e->like.flags, &e->open)) {
		fail(w, "'>' wants flags out of FSRPAUEW or -");
	}
}

static void compare_ip(struct world *w, const struct expectation *e, struct flow *f,
		       const struct pkt *p)
{
	if (e->like.icmp != p->icmp || e->like.udp != p->udp)
		fail(w, "got: %s", say(f, p));
	if (memcmp(e->like.src, p->src, 16) || memcmp(e->like.dst, p->dst, 16))
		fail(w, "addresses differ, got: %s", say(f, p));
	if (e->tos >= 0 && e->tos != p->tos)
		fail(w, "traffic class differs (%u), got: %s", p->tos, say(f, p));
	if (e->ttl >= 0 && e->ttl != p->ttl)
		fail(w, "hop limit differs (%u), got: %s", p->ttl, say(f, p));
	if (e->df >= 0 && e->df != p->dont_fragment)
		fail(w, "do-not-fragment is %d, got: %s", p->dont_fragment, say(f, p));
}

static void compare_icmp(struct world *w, const struct expectation *e, struct flow *f,
			 const struct pkt *p)
{
	if (e->like.icmp_type != p->icmp_type || e->like.icmp_code != p->icmp_code)
		fail(w, "got: %s", say(f, p));
	if (e->word >= 0 && e->word != p->icmp_word)
		fail(w, "the word differs, got: %s", say(f, p));
	if (pkt_is_echo(p)) {
		if (e->len != p->len)
			fail(w, "len differs, got: %s", say(f, p));
		check_payload(w, f, p);
		return;
	}
	if (e->like.inner_udp != p->inner_udp || e->like.inner_sport != p->inner_sport ||
	    e->like.inner_dport != p->inner_dport)
		fail(w, "an error about another packet (%u -> %u): %s", p->inner_sport,
		     p->inner_dport, say(f, p));
}

static void compare_tcp(struct world *w, const struct expectation *e, struct flow *f,
			const struct pkt *p)
{
	if ((e->like.flags ^ p->flags) & ~(uint32_t)e->open)
		fail(w, "flags differ, got: %s", say(f, p));
	uint32_t seq = (uint32_t)e->seq + w->nth * (uint32_t)e->len;
	if (!e->any_seq && seq != p->seq - f->iss)
		fail(w, "seq differs, got: %s", say(f, p));
	if (e->len != p->len)
		fail(w, "len differs, got: %s", say(f, p));
	if (p->flags & F_ACK && e->ack >= 0 && (uint32_t)e->ack != p->ack - f->irs)
		fail(w, "ack differs, got: %s", say(f, p));
	if (e->win >= 0 && e->win != p->window)
		fail(w, "win differs, got: %s", say(f, p));
	if (e->urg >= 0 && e->urg != p->urgent)
		fail(w, "urgent pointer differs (%u), got: %s", p->urgent, say(f, p));
	if (e->has_options && !options_match(f, p, e->options, e->option_count))
		fail(w, "options differ, got: %s", say(f, p));
	check_payload(w, f, p);
}

static struct sent next_sent(struct world *w, struct pkt *p, int64_t slack)
{
	if (w->out_head == w->out_tail && !pump(w, w->script + slack, true))
		fail(w, "nothing was sent");
	struct sent s = w->out[w->out_head % OUT_MAX];
	const char *wrong = pkt_parse(s.data, s.len, p);
	if (wrong)
		fail(w, "malformed packet: %s", wrong);
	return s;
}

void expect(struct world *w, char *at)
{
	struct expectation e = {
		.ack = -1, .win = -1, .urg = -1, .tos = -1, .ttl = -1, .df = -1, .word = -1
	};
	int64_t slack = (int64_t)w->tolerance_us * 1000;
	struct pkt p;

	expect_kind(w, &e, &at);
	expect_words(w, &e, at);
	struct sent s = next_sent(w, &p, slack);
	if (w->ours == 0 && !p.icmp)
		w->ours = p.sport;
	struct flow *f = find_flow(w, w->ours, w->peers);
	if (!p.icmp && (p.sport != w->ours || p.dport != w->peers))
		fail(w, "packet of another flow: %u -> %u", p.sport, p.dport);
	learn(w, &p);
	if (s.at < w->script - slack || s.at > w->script + slack)
		fail(w, "came %+.3f ms off: %s", (double)(s.at - w->script) / 1e6, say(f, &p));
	compare_ip(w, &e, f, &p);
	if (p.icmp)
		compare_icmp(w, &e, f, &p);
	else if (p.udp && e.len != p.len)
		fail(w, "len differs, got: %s", say(f, &p));
	else if (p.udp)
		check_payload(w, f, &p);
	else
		compare_tcp(w, &e, f, &p);
	free(s.data);
	w->out_head++;
}

void expect_maybe(struct world *w, char *at)
{
	jmp_buf outer;

	memcpy(&outer, &w->fail, sizeof(outer));
	if (!setjmp(w->fail))
		expect(w, at);
	memcpy(&w->fail, &outer, sizeof(outer));
	w->why[0] = 0;
}

void quiet(struct world *w)
{
	struct pkt p;

	if (w->out_head == w->out_tail)
		return;
	struct sent *s = &w->out[w->out_head % OUT_MAX];
	const char *wrong = pkt_parse(s->data, s->len, &p);
	fail(w, "sent though nothing was expected, at %+.3f ms: %s",
	     (double)(s->at - w->script) / 1e6,
	     wrong ? wrong : say(find_flow(w, p.sport, p.dport), &p));
}
