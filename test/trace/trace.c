/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs trace scripts: each file is a case. See doc/trace.md for the language.
 *
 *   script line --> pump(host value to that instant) --> act, inject or expect
 *                        |
 *                        +--> what came out, with its time, in order
 */
#include "trace.h"

#include "minato/minato.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MAX 4096
#define SOCKETS 8
#define FLOWS 16
#define MTU_MAX 65535

struct sent {
	int64_t at;
	uint32_t len;
	uint8_t *data;
};

struct sock {
	char name;
	uint64_t handle;
	uint32_t sent, received; /* stream offsets, for the pattern */
};

struct flow {
	uint16_t ours, peers;
	uint32_t iss, irs; /* ours, the peer's */
	bool iss_known;
	uint32_t ts_base; /* our first timestamp value */
	bool ts_known;
};

struct world {
	const char *file;
	int line;
	bool is6;
	uint32_t mtu, tolerance_us;
	struct minato_config config;
	struct minato *m;
	void *memory;
	int64_t now, script; /* the host's clock; the script's */
	struct sent out[OUT_MAX];
	uint32_t out_head, out_tail;
	struct sock sock[SOCKETS];
	struct flow flow[FLOWS];
	uint32_t flows;
	uint16_t ours, peers; /* of the current flow */
	uint32_t irs;	      /* the peer's next initial number */
	char why[1024];
	jmp_buf fail;
};

static bool verbose;

__attribute__((noreturn, format(printf, 2, 3))) static void fail(struct world *w, const char *fmt,
								 ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = snprintf(w->why, sizeof(w->why), "%s:%d: ", w->file, w->line);
	vsnprintf(w->why + n, sizeof(w->why) - (size_t)n, fmt, ap);
	va_end(ap);
	longjmp(w->fail, 1);
}

static uint8_t pattern(uint32_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 8));
}

/* --- names ------------------------------------------------------------------ */

struct name {
	const char *text;
	int value;
};

static const struct name errors[] = {
	{ "EAGAIN", EAGAIN },		  { "ECONNRESET", ECONNRESET },
	{ "ECONNREFUSED", ECONNREFUSED }, { "ETIMEDOUT", ETIMEDOUT },
	{ "EPIPE", EPIPE },		  { "ENOTCONN", ENOTCONN },
	{ "EHOSTUNREACH", EHOSTUNREACH }, { "ENETUNREACH", ENETUNREACH },
	{ "EINPROGRESS", EINPROGRESS },	  { "EISCONN", EISCONN },
	{ "EALREADY", EALREADY },	  { "EINVAL", EINVAL },
	{ "EADDRINUSE", EADDRINUSE },	  { "EBADF", EBADF },
	{ "EPROTO", EPROTO },		  { "ENOPROTOOPT", ENOPROTOOPT },
	{ "EMSGSIZE", EMSGSIZE },	  { "ECONNABORTED", ECONNABORTED },
	{ "ENETDOWN", ENETDOWN },	  { "EACCES", EACCES },
	{ NULL, 0 },
};

static const struct name ready_names[] = {
	{ "readable", MINATO_READABLE }, { "writable", MINATO_WRITABLE },
	{ "urgent", MINATO_URGENT },	 { "error", MINATO_ERROR },
	{ "hangup", MINATO_HANGUP },	 { "peer-done", MINATO_PEER_DONE },
	{ "call", MINATO_CALL },	 { "connected", MINATO_CONNECTED },
	{ "drained", MINATO_DRAINED },	 { NULL, 0 },
};

static int lookup(struct world *w, const struct name *names, const char *text, const char *what)
{
	for (; names->text; names++)
		if (!strcmp(names->text, text))
			return names->value;
	fail(w, "unknown %s '%s'", what, text);
}

static const char *error_name(int64_t e)
{
	static char number[32];

	for (const struct name *n = errors; n->text; n++)
		if (n->value == e)
			return n->text;
	snprintf(number, sizeof(number), "errno %lld", (long long)e);
	return number;
}

/* --- the host value and its clock --------------------------------------------- */

static struct minato_addr ours_addr(const struct world *w)
{
	struct minato_addr a = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
	return w->is6 ? a : minato_addr4(192, 0, 2, 1);
}

static struct minato_addr peer_addr(const struct world *w)
{
	struct minato_addr a = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 } };
	return w->is6 ? a : minato_addr4(192, 0, 2, 9);
}

static struct minato_time clock_of(const struct world *w)
{
	return (struct minato_time){ w->now };
}

static void start(struct world *w)
{
	struct minato_addr addr = ours_addr(w), any = w->is6 ? (struct minato_addr){ { 0 } } :
							       minato_addr4(0, 0, 0, 0);

	w->config.link_count = 1;
	w->config.link[0].type = MINATO_LINK_IP;
	w->config.link[0].mtu = w->mtu;
	size_t size = minato_size(&w->config);
	if (!size)
		fail(w, "minato_size refuses the config");
	w->memory = aligned_alloc(64, (size + 63) & ~(size_t)63);
	if (!w->memory)
		fail(w, "no memory");
	memset(w->memory, 0, size);
	int r = minato_create(w->memory, size, &w->config, clock_of(w), &w->m);
	if (r)
		fail(w, "minato_create: %s", error_name(-r));
	if (minato_address_add(w->m, 0, &addr, w->is6 ? 64 : 24))
		fail(w, "minato_address_add");
	if (minato_route_add(w->m, &any, 0, NULL, 0))
		fail(w, "minato_route_add");
}

static void collect(struct world *w)
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

/* Lets the host value live until `until`; true as soon as something came out
   when `stop` asks for that. */
static bool pump(struct world *w, int64_t until, bool stop)
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

/* --- tokens ---------------------------------------------------------------------- */

static char *next_word(char **at)
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

static int64_t number(struct world *w, const char *text, const char *what)
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

static struct sock *find_sock(struct world *w, char name, bool make)
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

static struct flow *find_flow(struct world *w, uint16_t ours, uint16_t peers)
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

/* --- packets in words ---------------------------------------------------------------- */

static uint8_t flag_of(char c)
{
	switch (c) {
	case 'F': return F_FIN;
	case 'S': return F_SYN;
	case 'R': return F_RST;
	case 'P': return F_PSH;
	case 'A': return F_ACK;
	case 'U': return F_URG;
	case 'E': return F_ECE;
	case 'W': return F_CWR;
	default: return 0;
	}
}

static bool parse_flags(const char *text, uint8_t *flags)
{
	*flags = 0;
	for (; *text; text++) {
		if (*text == '-')
			continue;
		if (!flag_of(*text))
			return false;
		*flags |= flag_of(*text);
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

static void ends(const struct world *w, struct pkt *p, bool from_peer)
{
	struct minato_addr o = ours_addr(w), r = peer_addr(w);
	size_t skip = w->is6 ? 0 : 12;

	p->is6 = w->is6;
	memcpy(p->src, (from_peer ? r.bytes : o.bytes) + skip, 16 - skip);
	memcpy(p->dst, (from_peer ? o.bytes : r.bytes) + skip, 16 - skip);
	p->sport = from_peer ? w->peers : w->ours;
	p->dport = from_peer ? w->ours : w->peers;
}

static void feed(struct world *w, const struct pkt *p)
{
	static uint8_t frame[MTU_MAX + 128];
	struct minato_frame in = { .data = frame, .chunk = MINATO_CHUNK_NONE };

	in.len = (uint32_t)pkt_build(p, frame);
	minato_input(w->m, clock_of(w), &in, 1);
	collect(w);
}

/* `icmp TYPE CODE [word N] seq N` */
static void inject_icmp(struct world *w, char *at)
{
	struct flow *f = find_flow(w, w->ours, w->peers);
	struct pkt p = { .icmp = true, .ttl = 64 };

	ends(w, &p, true);
	p.icmp_type = (uint8_t)number(w, next_word(&at), "type");
	p.icmp_code = (uint8_t)number(w, next_word(&at), "code");
	for (char *word = next_word(&at); word; word = next_word(&at)) {
		char *value = next_word(&at);
		if (!strcmp(word, "word"))
			p.icmp_word = (uint32_t)number(w, value, "word");
		else if (!strcmp(word, "seq"))
			p.inner_seq = f->iss + (uint32_t)number(w, value, "seq");
		else
			fail(w, "unknown word '%s'", word);
	}
	feed(w, &p);
}

static void inject_fields(struct world *w, struct flow *f, struct pkt *p, char *at)
{
	for (char *word = next_word(&at); word; word = next_word(&at)) {
		if (!strcmp(word, "bad-checksum")) {
			p->bad_checksum = true;
		} else if (add_option(w, f, p, word)) {
			continue;
		} else {
			char *v = next_word(&at);
			if (!strcmp(word, "seq"))
				p->seq = f->irs + (uint32_t)number(w, v, "seq");
			else if (!strcmp(word, "len"))
				p->len = (uint32_t)number(w, v, "len");
			else if (!strcmp(word, "ack"))
				p->ack = f->iss + (uint32_t)number(w, v, "ack");
			else if (!strcmp(word, "win"))
				p->window = (uint16_t)number(w, v, "win");
			else if (!strcmp(word, "urg"))
				p->urgent = (uint16_t)number(w, v, "urg");
			else if (!strcmp(word, "tos"))
				p->tos = (uint8_t)number(w, v, "tos");
			else
				fail(w, "unknown word '%s'", word);
		}
	}
}

static void inject(struct world *w, char *at)
{
	static uint8_t payload[MTU_MAX];
	struct pkt p = { .ttl = 64, .window = 65535 };
	char *flags = next_word(&at);

	if (flags && !strcmp(flags, "icmp")) {
		inject_icmp(w, at);
		return;
	}
	if (!flags || !parse_flags(flags, &p.flags))
		fail(w, "'<' wants flags out of FSRPAUEW or -");
	struct flow *f = find_flow(w, w->ours, w->peers);
	p.seq = f->irs;
	if (p.flags & F_ACK)
		p.ack = f->iss;
	ends(w, &p, true);
	inject_fields(w, f, &p, at);
	uint32_t first = p.seq - f->irs + (p.flags & F_SYN ? 1 : 0);
	if (p.len > MTU_MAX - 100)
		fail(w, "len %u is too much", p.len);
	for (uint32_t i = 0; i < p.len; i++)
		payload[i] = pattern(first - 1 + i);
	p.payload = payload;
	feed(w, &p);
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
		snprintf(text, sizeof(text), "icmp %u %u word %u", p->icmp_type, p->icmp_code,
			 p->icmp_word);
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

static void learn(struct flow *f, const struct pkt *p)
{
	if (p->flags & F_SYN && !f->iss_known) {
		f->iss = p->seq;
		f->iss_known = true;
	}
	for (uint32_t i = 0; i < p->options_len && !f->ts_known;) {
		const uint8_t *o = p->options + i;
		uint32_t len = o[0] < 2 ? 1 : o[1];
		if (len == 0 || i + len > p->options_len)
			break;
		if (o[0] == 8) {
			f->ts_base = get32(o + 2);
			f->ts_known = true;
		}
		i += len;
	}
}

static void check_payload(struct world *w, const struct flow *f, const struct pkt *p)
{
	uint32_t first = p->seq - f->iss - 1 + (p->flags & F_SYN ? 1 : 0);

	for (uint32_t i = 0; i < p->len; i++)
		if (p->payload[i] != pattern(first + i))
			fail(w, "payload differs at byte %u of: %s", i, say(find_flow(w, w->ours, w->peers), p));
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
	uint8_t flags;
	bool icmp, any_seq;
	int64_t seq, len, ack, win, urg, tos, ttl;
	int64_t icmp_type, icmp_code;
	char *options[24];
	int option_count;
	bool has_options;
};

static void expect_words(struct world *w, struct expectation *e, char *at)
{
	for (char *word = next_word(&at); word; word = next_word(&at)) {
		int64_t *field = !strcmp(word, "seq")  ? &e->seq :
				 !strcmp(word, "len")  ? &e->len :
				 !strcmp(word, "ack")  ? &e->ack :
				 !strcmp(word, "win")  ? &e->win :
				 !strcmp(word, "urg")  ? &e->urg :
				 !strcmp(word, "tos")  ? &e->tos :
				 !strcmp(word, "ttl")  ? &e->ttl :
							 NULL;
		if (field) {
			char *v = next_word(&at);
			if (field == &e->seq && v && !strcmp(v, "*"))
				e->any_seq = true;
			else
				*field = number(w, v, word);
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

static void expect_compare(struct world *w, const struct expectation *e, struct flow *f,
			   const struct pkt *p)
{
	if (e->icmp != p->icmp)
		fail(w, "got: %s", say(f, p));
	if (p->icmp) {
		if (e->icmp_type != p->icmp_type || e->icmp_code != p->icmp_code)
			fail(w, "got: %s", say(f, p));
		return;
	}
	if (e->flags != p->flags)
		fail(w, "flags differ, got: %s", say(f, p));
	if (!e->any_seq && (uint32_t)e->seq != p->seq - f->iss)
		fail(w, "seq differs, got: %s", say(f, p));
	if (e->len != p->len)
		fail(w, "len differs, got: %s", say(f, p));
	if (p->flags & F_ACK && e->ack >= 0 && (uint32_t)e->ack != p->ack - f->irs)
		fail(w, "ack differs, got: %s", say(f, p));
	if (e->win >= 0 && e->win != p->window)
		fail(w, "win differs, got: %s", say(f, p));
	if (e->urg >= 0 && e->urg != p->urgent)
		fail(w, "urgent pointer differs (%u), got: %s", p->urgent, say(f, p));
	if (e->tos >= 0 && e->tos != p->tos)
		fail(w, "traffic class differs (%u), got: %s", p->tos, say(f, p));
	if (e->ttl >= 0 && e->ttl != p->ttl)
		fail(w, "hop limit differs (%u), got: %s", p->ttl, say(f, p));
	if (e->has_options && !options_match(f, p, e->options, e->option_count))
		fail(w, "options differ, got: %s", say(f, p));
	check_payload(w, f, p);
}

static void expect(struct world *w, char *at)
{
	struct expectation e = { .ack = -1, .win = -1, .urg = -1, .tos = -1, .ttl = -1 };
	char *flags = next_word(&at);
	int64_t slack = (int64_t)w->tolerance_us * 1000;
	struct pkt p;

	if (flags && !strcmp(flags, "icmp")) {
		e.icmp = true;
		e.icmp_type = number(w, next_word(&at), "type");
		e.icmp_code = number(w, next_word(&at), "code");
	} else if (!flags || !parse_flags(flags, &e.flags)) {
		fail(w, "'>' wants flags out of FSRPAUEW or -");
	}
	expect_words(w, &e, at);
	if (w->out_head == w->out_tail && !pump(w, w->script + slack, true))
		fail(w, "nothing was sent");
	struct sent s = w->out[w->out_head++ % OUT_MAX];
	const char *wrong = pkt_parse(s.data, s.len, &p);
	if (wrong)
		fail(w, "malformed packet: %s", wrong);
	if (w->ours == 0 && !p.icmp)
		w->ours = p.sport;
	struct flow *f = find_flow(w, w->ours, w->peers);
	if (!p.icmp && (p.sport != w->ours || p.dport != w->peers))
		fail(w, "packet of another flow: %u -> %u", p.sport, p.dport);
	if (!p.icmp)
		learn(f, &p);
	if (s.at < w->script - slack || s.at > w->script + slack)
		fail(w, "came %+.3f ms off: %s", (double)(s.at - w->script) / 1e6, say(f, &p));
	expect_compare(w, &e, f, &p);
	free(s.data);
}

static void quiet(struct world *w)
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

/* --- verbs --------------------------------------------------------------------------------- */

/* `... = RESULT`: number, or the name of an error. Without it >= 0. */
static void result(struct world *w, char *at, int64_t got, int64_t usual)
{
	char *eq = next_word(&at);
	int64_t want = usual;

	if (eq) {
		char *text = next_word(&at);
		if (strcmp(eq, "=") || !text)
			fail(w, "expected '= RESULT', not '%s'", eq);
		want = isdigit((unsigned char)*text) ? number(w, text, "result") :
						       -lookup(w, errors, text, "error");
	}
	if (got != want)
		fail(w, "returned %s%lld, not %s%lld", got < 0 ? error_name(-got) : "",
		     got < 0 ? 0LL : (long long)got, want < 0 ? error_name(-want) : "",
		     want < 0 ? 0LL : (long long)want);
}

static void verb_listen(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, true);
	struct minato_endpoint local = { .addr = ours_addr(w) };
	char *v = next_word(&at);

	local.port = (uint16_t)number(w, v, "port");
	uint32_t backlog = 16;
	v = next_word(&at);
	if (v && !strcmp(v, "backlog"))
		backlog = (uint32_t)number(w, next_word(&at), "backlog");
	if (!s->handle && minato_socket(w->m, MINATO_TCP, 0, &s->handle))
		fail(w, "minato_socket");
	int r = minato_bind(w->m, s->handle, &local);
	if (!r)
		r = minato_listen(w->m, s->handle, backlog);
	if (r)
		fail(w, "listen: %s", error_name(-r));
	w->ours = local.port;
}

static void verb_accept(struct world *w, char name, char *at)
{
	struct sock *l = find_sock(w, 'L', false), *s = find_sock(w, name, true);
	struct minato_endpoint peer;

	int r = minato_accept(w->m, l->handle, &s->handle, &peer);
	result(w, at, r, 0);
	s->sent = s->received = 0;
	struct minato_addr want = peer_addr(w);
	if (!r && !minato_addr_equal(&peer.addr, &want))
		fail(w, "accepted from another address");
	if (!r && peer.port != w->peers)
		fail(w, "accepted from port %u", peer.port);
}

static void verb_connect(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, true);
	struct minato_endpoint peer = { peer_addr(w), w->peers };

	if (!s->handle && minato_socket(w->m, MINATO_TCP, 0, &s->handle))
		fail(w, "minato_socket");
	int r = minato_connect(w->m, s->handle, &peer);
	result(w, at, r, -EINPROGRESS);
	struct minato_endpoint local;
	if (r == -EINPROGRESS && !minato_local(w->m, s->handle, &local))
		w->ours = local.port;
}

static uint32_t send_flags(char **at)
{
	uint32_t flags = 0;
	char *save = *at, *word;

	while ((word = next_word(at))) {
		if (!strcmp(word, "more"))
			flags |= MINATO_MSG_MORE;
		else if (!strcmp(word, "oob"))
			flags |= MINATO_MSG_OOB;
		else if (!strcmp(word, "peek"))
			flags |= MINATO_MSG_PEEK;
		else
			break;
		save = *at;
	}
	if (word) { /* put the word back: undo its terminator */
		size_t n = strlen(word);
		if (word[n + 1])
			word[n] = ' ';
		save = word;
	}
	*at = save;
	return flags;
}

static void verb_send(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, false);
	int64_t len = number(w, next_word(&at), "len");
	uint32_t flags = send_flags(&at);
	uint8_t *data = malloc((size_t)len + 1);

	if (!data)
		fail(w, "no memory");
	for (int64_t i = 0; i < len; i++)
		data[i] = pattern(s->sent + (uint32_t)i);
	int64_t r = minato_send(w->m, s->handle, data, (size_t)len, flags);
	free(data);
	if (r > 0)
		s->sent += (uint32_t)r;
	result(w, at, r, len);
}

static void verb_recv(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, false);
	int64_t len = number(w, next_word(&at), "len");
	uint32_t flags = send_flags(&at);
	uint8_t *data = malloc((size_t)len + 1);

	if (!data)
		fail(w, "no memory");
	int64_t r = minato_recv(w->m, s->handle, data, (size_t)len, flags);
	bool differs = false;
	for (int64_t i = 0; i < r && !(flags & MINATO_MSG_OOB); i++)
		differs |= data[i] != pattern(s->received + (uint32_t)i);
	free(data);
	if (differs)
		fail(w, "received bytes differ");
	if (r > 0 && !(flags & (MINATO_MSG_PEEK | MINATO_MSG_OOB)))
		s->received += (uint32_t)r;
	result(w, at, r, len);
}

static void verb_shutdown(struct world *w, char name, char *at)
{
	char *how = next_word(&at);
	uint32_t bits = how && !strcmp(how, "rd") ? MINATO_SHUT_RD :
			how && !strcmp(how, "wr") ? MINATO_SHUT_WR :
						    MINATO_SHUT_RD | MINATO_SHUT_WR;

	result(w, at, minato_shutdown(w->m, find_sock(w, name, false)->handle, bits), 0);
}

static void verb_set(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, true);
	char *option = next_word(&at);
	int64_t value = number(w, next_word(&at), "value");

	if (!s->handle && minato_socket(w->m, MINATO_TCP, 0, &s->handle))
		fail(w, "minato_socket");
	int o = minato_option_by_name(option ? option : "");
	if (o < 0)
		fail(w, "unknown option '%s'", option ? option : "");
	result(w, at, minato_set(w->m, s->handle, (enum minato_option)o, value), 0);
}

static void verb_get(struct world *w, char name, char *at)
{
	char *option = next_word(&at);
	int64_t value = 0;
	int o = minato_option_by_name(option ? option : "");

	if (o < 0)
		fail(w, "unknown option '%s'", option ? option : "");
	int r = minato_get(w->m, find_sock(w, name, false)->handle, (enum minato_option)o, &value);
	result(w, at, r ? r : value, 0);
}

static void verb_state(struct world *w, char name, char *at)
{
	struct minato_info info;
	char *want = next_word(&at);

	int r = minato_info(w->m, find_sock(w, name, false)->handle, &info);
	if (r)
		fail(w, "minato_info: %s", error_name(-r));
	if (!want || strcmp(want, minato_state_name(info.state)))
		fail(w, "state is %s", minato_state_name(info.state));
}

static void verb_ready(struct world *w, char name, char *at)
{
	int mask = minato_ready(w->m, find_sock(w, name, false)->handle, NULL);

	if (mask < 0)
		fail(w, "minato_ready: %s", error_name(-mask));
	for (char *word = next_word(&at); word; word = next_word(&at)) {
		int bit = lookup(w, ready_names, word + 1, "readiness");
		if (*word != '+' && *word != '-')
			fail(w, "readiness wants + or -");
		if (!(mask & bit) != (*word == '-'))
			fail(w, "%s: mask is 0x%x", word, (unsigned)mask);
	}
}

struct field {
	const char *name;
	int64_t value;
};

static void compare_field(struct world *w, const struct field *fields, size_t count, char *at)
{
	char *name = next_word(&at), *op = next_word(&at);
	int64_t want = number(w, next_word(&at), "value");

	for (size_t i = 0; i < count; i++) {
		if (!name || strcmp(name, fields[i].name))
			continue;
		int64_t v = fields[i].value;
		bool ok = !op		       ? false :
			  !strcmp(op, "=")  ? v == want :
			  !strcmp(op, "<")  ? v < want :
			  !strcmp(op, ">")  ? v > want :
			  !strcmp(op, "<=") ? v <= want :
			  !strcmp(op, ">=") ? v >= want :
					      false;
		if (!ok)
			fail(w, "%s is %lld", name, (long long)v);
		return;
	}
	fail(w, "unknown field '%s'", name ? name : "");
}

static void verb_info(struct world *w, char name, char *at)
{
	struct minato_info i;
	int r = minato_info(w->m, find_sock(w, name, false)->handle, &i);

	if (r)
		fail(w, "minato_info: %s", error_name(-r));
	const struct field fields[] = {
#define I(f) { #f, (int64_t)i.f }
		I(ca_state), I(retransmits), I(probes), I(backoff), I(snd_wscale), I(rcv_wscale),
		I(timestamps), I(sack), I(wscale), I(ecn), I(rto_us), I(ato_us), I(rtt_us),
		I(rttvar_us), I(min_rtt_us), I(snd_mss), I(rcv_mss), I(advmss), I(pmtu), I(unacked),
		I(sacked), I(lost), I(retrans), I(total_retrans), I(reordering), I(snd_cwnd),
		I(snd_ssthresh), I(snd_wnd), I(rcv_wnd), I(notsent_bytes), I(bytes_sent),
		I(bytes_acked), I(bytes_received), I(bytes_retrans), I(segs_out), I(segs_in),
		I(data_segs_out), I(data_segs_in), I(delivered), I(dsack_dups), I(rcv_ooopack),
#undef I
	};
	compare_field(w, fields, sizeof(fields) / sizeof(fields[0]), at);
}

static void verb_counts(struct world *w, char name, char *at)
{
	struct minato_counts c;
	int r = minato_counts(w->m, find_sock(w, name, false)->handle, &c);

	if (r)
		fail(w, "minato_counts: %s", error_name(-r));
	const struct field fields[] = { { "readable", c.readable },
					{ "unsent", c.unsent },
					{ "unacked", c.unacked },
					{ "room", c.room } };
	compare_field(w, fields, 4, at);
}

static void verb_counter(struct world *w, char name, char *at)
{
	struct field fields[256];
	size_t n = 0;

	(void)name;
	for (; n < 256 && n < minato_counter_count(); n++)
		fields[n] = (struct field){ minato_counter_name((uint32_t)n),
					    (int64_t)minato_counter(w->m, (uint32_t)n) };
	compare_field(w, fields, n, at);
}

static void verb_error(struct world *w, char name, char *at)
{
	int e = minato_error(w->m, find_sock(w, name, false)->handle);

	result(w, at, e ? -e : 0, 0);
}

static void verb_close(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, false);

	result(w, at, minato_close(w->m, s->handle), 0);
	s->handle = 0;
}

static void verb_abort(struct world *w, char name, char *at)
{
	struct sock *s = find_sock(w, name, false);

	result(w, at, minato_abort(w->m, s->handle), 0);
	s->handle = 0;
}

/* The next event must be a held call; its handle becomes this socket. */
static void verb_call(struct world *w, char name, char *at)
{
	struct minato_event e;

	(void)at;
	while (minato_event(w->m, &e)) {
		if (!(e.ready & MINATO_CALL))
			continue;
		find_sock(w, name, true)->handle = e.socket;
		return;
	}
	fail(w, "no call");
}

static void verb_answer(struct world *w, char name, char *at)
{
	result(w, at, minato_answer(w->m, find_sock(w, name, false)->handle), 0);
}

static void verb_refuse(struct world *w, char name, char *at)
{
	result(w, at, minato_refuse(w->m, find_sock(w, name, false)->handle), 0);
}

static void verb_ignore(struct world *w, char name, char *at)
{
	result(w, at, minato_ignore(w->m, find_sock(w, name, false)->handle), 0);
}

static void verb_reject(struct world *w, char name, char *at)
{
	enum minato_reason reason = (enum minato_reason)number(w, next_word(&at), "reason");

	result(w, at, minato_reject(w->m, find_sock(w, name, false)->handle, reason), 0);
}

static void verb_flow(struct world *w, char name, char *at)
{
	(void)name;
	w->ours = (uint16_t)number(w, next_word(&at), "our port");
	w->peers = (uint16_t)number(w, next_word(&at), "the peer's port");
	char *word = next_word(&at);
	if (word && !strcmp(word, "isn"))
		w->irs = (uint32_t)number(w, next_word(&at), "isn");
	if (word && !strcmp(word, "new")) { /* the next life of the same tuple */
		struct flow *f = find_flow(w, w->ours, w->peers);
		f->iss_known = f->ts_known = false;
		char *isn = next_word(&at);
		if (isn)
			f->irs = (uint32_t)number(w, isn, "isn");
	}
}

static void verb_tolerance(struct world *w, char name, char *at)
{
	(void)name;
	w->tolerance_us = (uint32_t)number(w, next_word(&at), "microseconds");
}

struct verb {
	const char *name;
	void (*run)(struct world *w, char name, char *at);
	char usual; /* the socket it acts on when none is named */
};

static const struct verb verbs[] = {
	{ "listen", verb_listen, 'L' },	  { "accept", verb_accept, 'C' },
	{ "connect", verb_connect, 'C' }, { "send", verb_send, 'C' },
	{ "recv", verb_recv, 'C' },	  { "shutdown", verb_shutdown, 'C' },
	{ "close", verb_close, 'C' },	  { "abort", verb_abort, 'C' },
	{ "set", verb_set, 'C' },	  { "get", verb_get, 'C' },
	{ "state", verb_state, 'C' },	  { "ready", verb_ready, 'C' },
	{ "info", verb_info, 'C' },	  { "counts", verb_counts, 'C' },
	{ "counter", verb_counter, 'C' }, { "error", verb_error, 'C' },
	{ "call", verb_call, 'C' },	  { "answer", verb_answer, 'C' },
	{ "refuse", verb_refuse, 'C' },	  { "ignore", verb_ignore, 'C' },
	{ "reject", verb_reject, 'C' },	  { "flow", verb_flow, 'C' },
	{ "tolerance", verb_tolerance, 'C' },
};

/* --- a script ----------------------------------------------------------------------------------- */

/* Lines before the first act: what world it is. False when it is none. */
static bool preamble(struct world *w, const char *word, char *at)
{
	if (!strcmp(word, "ipv6"))
		w->is6 = true;
	else if (!strcmp(word, "mtu"))
		w->mtu = (uint32_t)number(w, next_word(&at), "mtu");
	else if (!strcmp(word, "chunks")) {
		w->config.chunks_large = (uint32_t)number(w, next_word(&at), "large");
		w->config.chunks_small = (uint32_t)number(w, next_word(&at), "small");
	} else if (!strcmp(word, "calls")) {
		w->config.calls_max = (uint32_t)number(w, next_word(&at), "calls");
	} else {
		return false;
	}
	return true;
}

static void act(struct world *w, char *word, char *at)
{
	char name = 0;

	if (isupper((unsigned char)word[0]) && word[1] == '.') {
		name = word[0];
		word += 2;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcmp(word, verbs[i].name)) {
			verbs[i].run(w, name ? name : verbs[i].usual, at);
			collect(w);
			return;
		}
	}
	fail(w, "unknown verb '%s'", word);
}

static void run_line(struct world *w, char *line)
{
	char *at = line, *word = next_word(&at);
	double after = 0;

	if (!word || *word == '#')
		return;
	if (!w->m && preamble(w, word, at))
		return;
	if (!w->m)
		start(w);
	if (*word == '+') {
		char *end;
		after = strtod(word + 1, &end);
		if (*end)
			fail(w, "'%s' is no time", word);
		word = next_word(&at);
		if (!word)
			fail(w, "a time without an act");
	}
	w->script += (int64_t)(after * 1e9 + 0.5);
	if (!strcmp(word, ">")) {
		expect(w, at);
		return;
	}
	pump(w, w->script, false);
	if (!strcmp(word, "<"))
		inject(w, at);
	else if (!strcmp(word, "quiet"))
		quiet(w);
	else
		act(w, word, at);
}

static void end_world(struct world *w)
{
	while (w->out_head != w->out_tail)
		free(w->out[w->out_head++ % OUT_MAX].data);
	free(w->memory);
}

static bool run_file(const char *path, char *why, size_t size)
{
	static struct world w;
	static char line[1024];
	FILE *in = fopen(path, "r");
	bool ok = false;

	memset(&w, 0, sizeof(w));
	const char *slash = strrchr(path, '/');
	w.file = slash ? slash + 1 : path;
	w.mtu = 1500;
	w.tolerance_us = 1000;
	w.now = w.script = 100 * INT64_C(1000000000);
	w.peers = 40000;
	w.irs = 1000000;
	minato_config_init(&w.config);
	w.config.sockets_max = 256;
	w.config.time_wait_max = 64;
	w.config.chunks_large = 256;
	w.config.chunks_small = 4096;
	w.config.seed[0] = 0x6d696e61746f;
	w.config.seed[1] = 42;
	if (!in) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return false;
	}
	if (!setjmp(w.fail)) {
		while (fgets(line, sizeof(line), in)) {
			w.line++;
			line[strcspn(line, "\r\n")] = 0;
			if (verbose)
				printf("# %3d  %s\n", w.line, line);
			run_line(&w, line);
		}
		quiet(&w);
		ok = true;
	}
	snprintf(why, size, "%s", w.why);
	fclose(in);
	end_world(&w);
	return ok;
}

int main(int argc, char **argv)
{
	char why[1024];
	int failed = 0, count = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-v")) {
			verbose = true;
			continue;
		}
		bool ok = run_file(argv[i], why, sizeof(why));
		const char *slash = strrchr(argv[i], '/');
		printf("%sok %d - %s\n", ok ? "" : "not ", ++count, slash ? slash + 1 : argv[i]);
		if (!ok) {
			printf("# %s\n", why);
			failed++;
		}
		fflush(stdout);
	}
	printf("1..%d\n", count);
	return failed != 0;
}
