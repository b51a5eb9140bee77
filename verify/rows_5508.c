/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 5508, ICMP. */
#include "verify/rows.h"

#include <string.h>

#define IN VERIFY_INSIDE
#define OUT VERIFY_OUTSIDE

void row_5508_R1(struct verify_world *w)
{
	const struct verify_packet *got;
	struct verify_packet p;
	struct verify_end out;

	BEGIN(w);
	out = row_map_icmp(w, A(77), VERIFY_X);
	NEED(w, out.port, "A's echo request to X did not leave");
	p = row_echo_reply(w, VERIFY_X, out);
	got = row_through(w, OUT, &p);
	NEED(w,
	     got && got->type == 0 && row_same(got->dst, A(77)) && got->word << 16 == p.word << 16,
	     "X's echo reply: %s", row_came(got));
	NEED(w, got->len == p.len && !memcmp(got->data, p.data, p.len), "the reply was changed");
	row_met(w, "A's echo request 77 left as %s, and X's reply reached A as 77", row_said(out));
}

void row_5508_R1a(struct verify_world *w)
{
	struct verify_end a, b, again;

	BEGIN(w);
	a = row_map_icmp(w, A(77), VERIFY_X);
	b = row_map_icmp(w, B(77), VERIFY_X);
	NEED(w, a.port && b.port, "echo requests of A or B did not leave");
	again = row_map_icmp(w, A(77), VERIFY_Y);
	NEED(w, row_same(a, again), "A's 77 was %u to X, %u to Y", a.port, again.port);
	again = row_map_icmp(w, B(77), VERIFY_Y);
	NEED(w, row_same(b, again), "B's 77 was %u to X, %u to Y", b.port, again.port);
	row_met(w, "A's 77 is %u to X and to Y, B's 77 is %u to both", a.port, b.port);
}

void row_5508_R2(struct verify_world *w)
{
	struct verify_packet p;
	struct verify_end out;

	BEGIN(w);
	out = row_map_icmp(w, A(77), VERIFY_X);
	p = row_echo_reply(w, VERIFY_X, out);
	NEED(w, row_outlives(w, VERIFY_TIMER_ICMP, 59.5, OUT, &p),
	     "X's echo reply did not arrive, less than 60 s later");
	w->setup.nat.icmp_s = 200;
	BEGIN(w);
	out = row_map_icmp(w, A(77), VERIFY_X);
	p = row_echo_reply(w, VERIFY_X, out);
	NEED(w, row_outlives(w, VERIFY_TIMER_ICMP, 195, OUT, &p),
	     "timer set to 200 s: X's echo reply did not arrive after 195 s");
	row_met(w, "X's echo reply arrived after 59.5 s; with the timer at 200 s, after 195 s");
}

/* ---- errors from outside, spoiled or strange ---- */

/* A:5000 > X:53 is on its way; `seen` is how X has it. */
static bool send_first(struct verify_world *w, struct verify_packet *sent,
		       struct verify_packet *seen)
{
	const struct verify_packet *got;

	*sent = row_udp(w, A(5000), TO_X(53));
	row_fill(sent, 40, 8);
	got = row_through(w, IN, sent);
	if (got)
		*seen = *got;
	else
		row_deviates(w, "A:5000 > X:53: nothing left");
	return got;
}

/* What reached A of a port unreachable about `seen`; `spoil` changes it before. */
static const struct verify_packet *error_in(struct verify_world *w,
					    const struct verify_packet *seen,
					    void (*spoil)(struct verify_packet *error))
{
	struct verify_packet error;

	verify_error_about(&error, VERIFY_X, 3, 3, seen);
	if (spoil)
		spoil(&error);
	return row_through(w, OUT, &error);
}

static void spoil_sum(struct verify_packet *error)
{
	error->wrong_sum = true;
}

static void spoil_quoted_ip(struct verify_packet *error)
{
	error->data[10] ^= 0x55;
}

static void spoil_quoted_udp(struct verify_packet *error)
{
	error->data[26] ^= 0x55;
}

void row_5508_R3(struct verify_world *w)
{
	struct verify_packet sent, seen;
	const struct verify_packet *got;

	BEGIN(w);
	if (!send_first(w, &sent, &seen))
		return;
	got = error_in(w, &seen, spoil_sum);
	NEED(w, !got, "port unreachable with a wrong ICMP checksum arrived: %s", row_came(got));
	got = error_in(w, &seen, NULL);
	NEED(w, got, "the same with the right one did not arrive");
	row_met(w, "port unreachable with a wrong ICMP checksum was dropped, with the right one it "
		   "arrived");
}

void row_5508_R3a(struct verify_world *w)
{
	struct verify_packet sent, seen;
	const struct verify_packet *got;

	BEGIN(w);
	if (!send_first(w, &sent, &seen))
		return;
	got = error_in(w, &seen, spoil_quoted_ip);
	NEED(w, !got, "port unreachable that quotes a wrong IP checksum arrived: %s",
	     row_came(got));
	got = error_in(w, &seen, NULL);
	NEED(w, got, "the same with the right one did not arrive");
	row_met(w, "port unreachable that quotes a wrong IP checksum was dropped, with the right "
		   "one it "
		   "arrived");
}

void row_5508_R3b(struct verify_world *w)
{
	static const uint8_t option[] = { 1, 148, 4, 0, 0, 1, 1, 1 }; /* router alert among NOPs */
	struct verify_packet sent, seen, quoted;
	const struct verify_packet *got;

	BEGIN(w);
	if (!send_first(w, &sent, &seen))
		return;
	memcpy(seen.option, option, sizeof(option));
	seen.option_len = sizeof(option);
	got = error_in(w, &seen, NULL);
	NEED(w, got && !verify_read_quoted(got, &quoted),
	     "port unreachable that quotes a packet with 8 bytes of IP options: %s", row_came(got));
	NEED(w,
	     row_same(quoted.src, A(5000)) && row_same(quoted.dst, TO_X(53)) &&
		     quoted.option_len == sizeof(option) &&
		     !memcmp(quoted.option, option, sizeof(option)),
	     "behind IP options the quoted ports were not restored: %s", row_came(got));
	row_met(w,
		"port unreachable that quotes a packet with 8 bytes of IP options arrived, quoting "
		"A:5000");
}

void row_5508_R3c(struct verify_world *w)
{
	struct verify_packet sent, seen, quoted;
	const struct verify_packet *got;

	BEGIN(w);
	if (!send_first(w, &sent, &seen))
		return;
	got = error_in(w, &seen, spoil_quoted_udp);
	NEED(w, got && !verify_read_quoted(got, &quoted) && row_same(quoted.src, A(5000)),
	     "port unreachable that quotes a wrong UDP checksum: %s", row_came(got));
	row_met(w, "port unreachable that quotes a wrong UDP checksum arrived all the same");
}

/* 128 bytes of the quoted packet, then an extension of RFC 4884 (MPLS). */
static void extend(struct verify_packet *error)
{
	static const uint8_t extension[] = { 0x20, 0, 0, 0, 0, 8, 1, 1, 0, 1, 0x21, 0x40 };
	uint16_t sum;

	memset(error->data + error->len, 0, 128u - error->len);
	memcpy(error->data + 128, extension, sizeof(extension));
	error->len = 128 + sizeof(extension);
	sum = verify_sum(error->data + 128, sizeof(extension), 0);
	error->data[130] = (uint8_t)(sum >> 8);
	error->data[131] = (uint8_t)sum;
	error->word = 32u << 16;
}

void row_5508_R3d(struct verify_world *w)
{
	struct verify_packet sent, seen, error, quoted;
	const struct verify_packet *got;

	BEGIN(w);
	if (!send_first(w, &sent, &seen))
		return;
	verify_error_about(&error, VERIFY_X, 11, 0, &seen);
	extend(&error);
	got = row_through(w, OUT, &error);
	NEED(w, got && !verify_read_quoted(got, &quoted) && row_same(quoted.src, A(5000)),
	     "time exceeded with an extension of RFC 4884: %s", row_came(got));
	NEED(w,
	     got->len == error.len && got->word == error.word &&
		     !memcmp(got->data + 68, error.data + 68, error.len - 68u),
	     "padding or extension were changed: %s", row_came(got));
	row_met(w, "time exceeded with padding and an MPLS extension arrived, both unchanged, its "
		   "checksum right");
}

/* ---- errors, in and out ---- */

void row_5508_R4(struct verify_world *w)
{
	struct verify_packet sent, seen, about, error;
	const struct verify_packet *got;

	BEGIN(w);
	if (!send_first(w, &sent, &seen))
		return;
	about = seen;
	about.src.port ^= 0x40;
	verify_error_about(&error, VERIFY_X, 3, 3, &about);
	row_put(w, OUT, &error);
	got = row_look(w, IN);
	NEED(w, !got, "port unreachable about a port that nobody has arrived: %s", row_came(got));
	got = row_look(w, OUT);
	NEED(w, !got, "port unreachable about a port that nobody has was answered: %s",
	     row_came(got));
	got = error_in(w, &seen, NULL);
	NEED(w, got && got->dst.addr == VERIFY_HOST(0), "port unreachable about A:5000: %s",
	     row_came(got));
	row_met(w, "port unreachable about %s was dropped, about %s it reached A",
		row_said(about.src), row_said(seen.src));
}

/* Is the quoted packet byte for byte the one that was sent, but for its hop limit? */
static bool quotes(const struct verify_packet *error, const struct verify_packet *sent)
{
	uint8_t bytes[VERIFY_BYTES_MAX];
	struct verify_packet quoted, as_sent = *sent;

	if (verify_read_quoted(error, &quoted))
		return false;
	as_sent.ttl = quoted.ttl;
	as_sent.id = quoted.id; /* which a NAT may rewrite, RFC 7857 10 */
	return verify_build(&as_sent, bytes) >= error->len &&
	       !memcmp(bytes, error->data, error->len);
}

void row_5508_R4abc(struct verify_world *w)
{
	struct verify_packet sent, seen;
	const struct verify_packet *got;

	BEGIN(w);
	if (!send_first(w, &sent, &seen))
		return;
	got = error_in(w, &seen, NULL);
	NEED(w, got && got->type == 3 && got->code == 3, "X's port unreachable: %s", row_came(got));
	NEED(w, got->dst.addr == VERIFY_HOST(0) && got->src.addr == VERIFY_X,
	     "X's port unreachable to A arrived with other addresses: %s", row_came(got));
	NEED(w, quotes(got, &sent), "it does not quote byte for byte what A sent: %s",
	     row_came(got));
	row_met(w,
		"X's port unreachable reached A from X, type and code kept; what it quotes is A's "
		"packet byte for byte, UDP checksum included");
}

/* X's datagram as A has it. */
static bool answer_first(struct verify_world *w, struct verify_packet *sent,
			 struct verify_packet *seen)
{
	struct verify_end out = row_map_udp(w, A(5000), TO_X(53));
	const struct verify_packet *got;

	*sent = row_udp(w, TO_X(53), out);
	row_fill(sent, 40, 9);
	got = row_through(w, OUT, sent);
	if (got)
		*seen = *got;
	else
		row_deviates(w, "X's answer did not arrive");
	return got;
}

void row_5508_R5(struct verify_world *w)
{
	struct verify_packet sent, seen, error;
	const struct verify_packet *got;

	BEGIN(w);
	if (!answer_first(w, &sent, &seen))
		return;
	seen.dst.port ^= 0x40;
	verify_error_about(&error, VERIFY_HOST(0), 3, 3, &seen);
	got = row_through(w, IN, &error);
	NEED(w, !got, "A's port unreachable about a port without mapping left: %s", row_came(got));
	seen.dst.port ^= 0x40;
	verify_error_about(&error, VERIFY_HOST(0), 3, 3, &seen);
	got = row_through(w, IN, &error);
	NEED(w, got && got->dst.addr == VERIFY_X, "A's port unreachable about X's answer: %s",
	     row_came(got));
	row_met(w, "A's port unreachable about a packet without mapping was dropped, about X's "
		   "answer it "
		   "reached X");
}

void row_5508_R5abc(struct verify_world *w)
{
	struct verify_packet sent, seen, error;
	const struct verify_packet *got;

	BEGIN(w);
	if (!answer_first(w, &sent, &seen))
		return;
	verify_error_about(&error, VERIFY_HOST(0), 3, 3, &seen);
	got = row_through(w, IN, &error);
	NEED(w, got && got->type == 3 && got->code == 3 && got->dst.addr == VERIFY_X,
	     "A's port unreachable: %s", row_came(got));
	NEED(w, got->src.addr == VERIFY_NAT_OUTSIDE, "it left from %s", row_said(got->src));
	NEED(w, quotes(got, &sent), "it does not quote byte for byte what X sent: %s",
	     row_came(got));
	/* From a router inside, which has no mapping of its own. */
	verify_error_about(&error, VERIFY_HOST(9), 11, 0, &seen);
	got = row_through(w, IN, &error);
	NEED(w, got && got->type == 11 && got->src.addr == VERIFY_NAT_OUTSIDE && quotes(got, &sent),
	     "time exceeded of a router inside: %s", row_came(got));
	row_met(w, "errors of A and of a router inside left from 198.51.100.1, type and code kept; "
		   "what "
		   "they quote is X's packet byte for byte");
}

/* Time runs in two sessions; an error about each comes in between. */
void row_5508_R6(struct verify_world *w)
{
	const struct verify_packet *got;
	struct verify_packet sent[2], seen[2], error, reply;
	double limit;

	BEGIN(w);
	limit = row_span(w, VERIFY_TIMER_ICMP, 60);
	for (uint16_t i = 0; i < 2; i++) {
		sent[i] = row_echo(w, A((uint16_t)(77 + i)), VERIFY_X);
		got = row_through(w, IN, &sent[i]);
		NEED(w, got, "A's echo request did not leave");
		seen[i] = *got;
	}
	row_pass(w, limit * 0.6);
	for (uint16_t i = 0; i < 2; i++) {
		verify_error_about(&error, VERIFY_ROUTER, 11, 0, &seen[i]);
		got = row_through(w, OUT, &error);
		NEED(w, got && got->dst.addr == VERIFY_HOST(0),
		     "time exceeded about A's echo request: %s", row_came(got));
	}
	row_pass(w, limit * 0.3);
	reply = row_echo_reply(w, VERIFY_X, seen[0].src);
	got = row_through(w, OUT, &reply);
	NEED(w, got, "an ICMP error ended the query session: X's reply %g s later did not arrive",
	     limit * 0.3);
	row_pass(w, limit * 0.1 + 2);
	reply = row_echo_reply(w, VERIFY_X, seen[1].src);
	got = row_through(w, OUT, &reply);
	NEED(w, !got, "an ICMP error after %g s refreshed it: X's reply arrived after %g s",
	     limit * 0.6, limit + 2);
	row_met(w,
		"time exceeded %g s after an echo request: a reply at %g s arrived, one to the "
		"second request at %g s did not",
		limit * 0.6, limit * 0.9, limit + 2);
}

void row_5508_R7(struct verify_world *w)
{
	struct verify_packet p, error;
	const struct verify_packet *got;
	struct verify_end a, b;

	BEGIN(w);
	a = row_map_udp(w, A(5000), TO_X(53));
	b = row_map_udp(w, B(6000), TO_X(53));
	p = row_udp(w, A(5000), b);
	row_put(w, IN, &p);
	got = row_look(w, IN);
	NEED(w, got && row_same(got->src, a) && row_same(got->dst, B(6000)),
	     "A > B's outside end: %s", row_came(got));
	verify_error_about(&error, VERIFY_HOST(1), 3, 3, got);
	row_put(w, IN, &error);
	got = row_look(w, IN);
	NEED(w, got && got->type == 3 && got->code == 3 && got->dst.addr == VERIFY_HOST(0),
	     "B's port unreachable about it: %s", row_came(got));
	NEED(w, got->src.addr == VERIFY_NAT_OUTSIDE, "A sees B's error come from %s",
	     row_said(got->src));
	NEED(w, quotes(got, &p), "it does not quote byte for byte what A sent: %s", row_came(got));
	row_met(w,
		"B's port unreachable about A's hairpinned datagram reached A from 198.51.100.1, "
		"quoting what A sent");
}

/* ---- errors of the NAT's own ---- */

/* Where the administrator's bound is reached: see S2. */
void row_5508_R8(struct verify_world *w)
{
	struct verify_packet p, quoted;
	const struct verify_packet *got;

	w->setup.nat.host_udp = 4;
	BEGIN(w);
	for (uint16_t i = 0; i < 4; i++)
		NEED(w, row_map_udp(w, A((uint16_t)(5000 + i)), TO_X(53)).port,
		     "the bound is 4 mappings: number %d did not leave", i + 1);
	p = row_udp(w, A(5004), TO_X(53));
	row_put(w, IN, &p);
	got = row_look(w, OUT);
	NEED(w, !got, "beyond the bound of 4 mappings a fifth flow left: %s", row_came(got));
	got = row_look(w, IN);
	NEED(w, got && got->type == 3 && got->code == 13,
	     "beyond the bound of 4 mappings A's fifth flow got: %s", row_came(got));
	NEED(w, !verify_read_quoted(got, &quoted) && row_same(quoted.src, p.src),
	     "code 13 quotes another packet: %s", row_came(got));
	row_met(w, "a fifth flow beyond the host's bound of 4 got unreachable, code 13, quoting it "
		   "(see "
		   "S2)");
}

void row_5508_R9(struct verify_world *w)
{
	const struct verify_packet *got;
	struct verify_packet p;
	struct verify_end out;

	w->setup.nat.icmp_to_inside = false;
	BEGIN(w);
	p = row_udp(w, A(5000), TO_X(53));
	p.ttl = 1;
	row_put(w, IN, &p);
	got = row_look(w, IN);
	NEED(w, !got, "errors to the inside forbidden; a hop limit of 1 got: %s", row_came(got));
	w->setup.nat.icmp_to_inside = true;
	w->setup.nat.icmp_to_outside = false;
	BEGIN(w);
	row_put(w, IN, &p);
	got = row_look(w, IN);
	NEED(w, got && got->type == 11, "errors to the inside allowed; a hop limit of 1 got: %s",
	     row_came(got));
	out = row_map_udp(w, A(5000), TO_X(53));
	p = row_udp(w, TO_X(53), out);
	p.ttl = 1;
	row_put(w, OUT, &p);
	got = row_look(w, OUT);
	NEED(w, !got, "errors to the outside forbidden; a hop limit of 1 got: %s", row_came(got));
	row_met(w,
		"time exceeded to the inside and to the outside can be forbidden apart, and then "
		"is "
		"not sent");
}

/* ---- types ---- */

void row_5508_R10a(struct verify_world *w)
{
	struct verify_packet sent, seen, error;
	const struct verify_packet *got;
	struct verify_end out;

	BEGIN(w);
	if (!send_first(w, &sent, &seen))
		return;
	for (int i = 0; i < 2; i++) {
		verify_error_about(&error, VERIFY_ROUTER, i ? 11 : 3, 1, &seen);
		got = row_through(w, OUT, &error);
		NEED(w, got && got->type == error.type && quotes(got, &sent), "type %u inward: %s",
		     error.type, row_came(got));
	}
	if (!answer_first(w, &sent, &seen))
		return;
	for (int i = 0; i < 2; i++) {
		verify_error_about(&error, VERIFY_HOST(0), i ? 11 : 3, 1, &seen);
		got = row_through(w, IN, &error);
		NEED(w, got && got->type == error.type && quotes(got, &sent), "type %u outward: %s",
		     error.type, row_came(got));
	}
	out = row_map_icmp(w, A(78), VERIFY_X);
	sent = row_echo_reply(w, VERIFY_X, out);
	got = row_through(w, OUT, &sent);
	NEED(w, out.port && got && row_same(got->dst, A(78)), "echo: %s", row_came(got));
	row_met(w,
		"unreachable and time exceeded passed inward and outward, echo request and reply "
		"too");
}

/* All of them "may": they pass translated, or not at all. */
void row_5508_R10b(struct verify_world *w)
{
	static const uint8_t types[] = { 5, 9, 10, 12, 13, 14, 17, 18 };
	struct verify_packet sent, seen, p;
	const struct verify_packet *got;
	char passed[80] = "";

	BEGIN(w);
	if (!send_first(w, &sent, &seen))
		return;
	for (size_t i = 0; i < sizeof(types); i++) {
		char word[8];

		p = row_echo(w, A(90), VERIFY_X);
		p.type = types[i];
		p.word = 0;
		if (verify_is_error(&p)) {
			verify_error_about(&p, VERIFY_ROUTER, types[i], 0, &seen);
			got = row_through(w, OUT, &p);
			NEED(w, !got || quotes(got, &sent), "type %u inward: %s", types[i],
			     row_came(got));
		} else {
			got = row_through(w, IN, &p);
		}
		snprintf(word, sizeof(word), " %u", types[i]);
		if (got)
			strncat(passed, word, sizeof(passed) - strlen(passed) - 1);
	}
	NEED(w, strstr(passed, " 12"), "parameter problem did not pass, nor did the sender hear");
	row_met(w, "of types 5, 9, 10, 12, 13, 14, 17, 18 these passed, translated:%s", passed);
}

void row_5508_R10c(struct verify_world *w)
{
	static const uint8_t types[] = { 15, 16 };
	struct verify_packet sent, seen, p;
	const struct verify_packet *got;

	BEGIN(w);
	if (!send_first(w, &sent, &seen))
		return;
	verify_error_about(&p, VERIFY_X, 4, 0, &seen);
	got = row_through(w, OUT, &p);
	NEED(w, !got, "source quench arrived: %s", row_came(got));
	for (size_t i = 0; i < sizeof(types); i++) {
		p = row_echo(w, A(91), VERIFY_X);
		p.type = types[i];
		got = row_through(w, IN, &p);
		NEED(w, !got, "type %u (information) left: %s", types[i], row_came(got));
	}
	row_met(w, "source quench, information request and reply were dropped");
}

/* How many errors a flood of packets whose hop limit ends here gets at once. */
static uint32_t flood(struct verify_world *w, uint32_t count)
{
	uint32_t errors = 0;

	w->quick = true;
	for (uint32_t i = 0; i < count; i++) {
		struct verify_packet p = row_udp(w, A(5000), TO_X(53));

		p.ttl = 1;
		row_put(w, IN, &p);
		errors += row_look(w, IN) != NULL;
	}
	w->quick = false;
	return errors;
}

void row_5508_R10def(struct verify_world *w)
{
	struct verify_packet p, error;
	const struct verify_packet *got;
	uint32_t errors;

	BEGIN(w);
	p = row_udp(w, A(5000), TO_X(53));
	p.ttl = 1;
	p.tos = 0xb8;
	row_put(w, IN, &p);
	got = row_look(w, IN);
	NEED(w, got && got->type == 11, "a hop limit of 1: %s", row_came(got));
	NEED(w, got->tos >> 5 >= 6 || got->tos == 0xb8,
	     "the error about DS 0xb8 has 0x%02x, neither the same nor of precedence 6 or 7 (RFC "
	     "1812 4.3.2.5)",
	     got->tos);
	verify_error_about(&error, VERIFY_HOST(0), 3, 3, got);
	error.ttl = 1;
	row_put(w, IN, &error);
	got = row_look(w, IN);
	NEED(w, !got, "an ICMP error with a hop limit of 1 was answered with one: %s",
	     row_came(got));
	p.offset = 800;
	row_put(w, IN, &p);
	got = row_look(w, IN);
	NEED(w, !got, "a fragment behind the first was answered with an error: %s", row_came(got));
	errors = flood(w, 20000);
	NEED(w, errors > 0 && errors < 2000,
	     "20,000 packets with a hop limit of 1 at once: %u "
	     "errors",
	     errors);
	row_met(w,
		"none about an ICMP error or a later fragment; DS is RFC 1812's; 20,000 packets at "
		"once brought %u errors",
		errors);
}

void row_5508_R11(struct verify_world *w)
{
	static const uint8_t types[] = { 1, 2, 7, 19, 30, 37, 38, 40, 41, 42, 100, 253, 255 };
	uint32_t passed = 0;

	BEGIN(w);
	for (size_t i = 0; i < sizeof(types); i++) {
		struct verify_packet p = row_echo(w, A(92), VERIFY_X);
		const struct verify_packet *got;

		p.type = types[i];
		p.word = 0;
		got = row_through(w, IN, &p);
		passed += got != NULL;
		p = row_echo(w, row_at(VERIFY_X, 92), VERIFY_NAT_OUTSIDE);
		p.type = types[i];
		p.word = 0;
		got = row_through(w, OUT, &p);
		NEED(w, !got, "type %u from outside, unasked, arrived: %s", types[i],
		     row_came(got));
	}
	row_met(w,
		"13 other types: from inside %u left, no inside address was seen; from outside "
		"none "
		"came in",
		passed);
}
