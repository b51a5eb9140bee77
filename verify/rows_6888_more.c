/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 6888, carrier-grade NAT: control, management, exhaustion, the choice of ports. */
#include "verify/rows.h"

#include <stdlib.h>
#include <string.h>

#include "measure/measure.h"

#define IN VERIFY_INSIDE
#define OUT VERIFY_OUTSIDE
#define ALL_PORTS 64512u /* 1024 to 65535 */
#define PICKS 4000u

/* A PCP client asks for a mapping (RFC 6887 11.1). */
void row_6888_R9(struct verify_world *w)
{
	struct verify_packet p = row_udp(w, A(5000), row_at(VERIFY_NAT_INSIDE, 5351));
	const struct verify_packet *got;

	BEGIN(w);
	memset(p.data, 0, 60);
	p.len = 60;
	p.data[0] = 2; /* version */
	p.data[1] = 1; /* MAP */
	p.data[7] = 120;
	p.data[18] = p.data[19] = 0xff;
	memcpy(p.data + 20, "\x0a\0\0\x02", 4);
	memset(p.data + 24, 0x5a, 12); /* nonce */
	p.data[36] = VERIFY_UDP;
	p.data[40] = 0x1f;
	p.data[41] = 0x90;
	row_put(w, IN, &p);
	got = row_look(w, IN);
	NEED(w,
	     got && got->proto == VERIFY_UDP && got->src.port == 5351 && got->len >= 60 &&
		     got->data[1] == 0x81 && got->data[3] == 0,
	     "a PCP MAP request to the NAT got: %.60s; it has no PCP server", row_came(got));
	row_met(w, "a PCP MAP request got a mapping");
}

/* What can be asked and done from outside the packets' way; but no MIB, so it deviates. */
void row_6888_R10(struct verify_world *w)
{
	struct minato_mapping mapping, found;
	struct minato_session session;
	struct verify_end out;
	struct minato *m;
	uint64_t cursor = 0;

	BEGIN(w);
	out = row_map_udp(w, A(5000), TO_X(53));
	m = w->nat->host ? w->nat->host(w->nat->user) : NULL;
	NEED(w, m,
	     "lists of flows by its own protocol (ctnetlink); no NAT-MIB (RFC 4008, 7659), "
	     "no YANG model (RFC 8512)");
	NEED(w, minato_mapping_next(m, &cursor, &mapping) && mapping.outside.port == out.port,
	     "the mapping of A:5000 is not in the walk of mappings");
	NEED(w,
	     minato_mapping_find(m, MINATO_UDP, &mapping.outside, &found) == 0 &&
		     found.inside.port == 5000,
	     "who has %s cannot be asked", row_said(out));
	cursor = 0;
	NEED(w, minato_session_next(m, &cursor, &session) && session.source.port == 5000,
	     "the flow of A:5000 is not in the walk of sessions");
	NEED(w,
	     minato_mapping_end(m, mapping.handle) >= 0 && !row_reaches(w, TO_X(53), out, A(5000)),
	     "a mapping that management ended still works");
	row_deviates(
		w,
		"mappings and sessions are walked, found and ended by its own means (and figures "
		"as OpenMetrics); no NAT-MIB (RFC 4008, 7659), no YANG model (RFC 8512)");
}

/* ---- when nothing is left ---- */

/* Four ports, all given to A; B's packet then. */
static bool exhaust(struct verify_world *w, struct verify_end out[4], struct verify_packet *p)
{
	row_narrow(w, 4);
	if (!row_begin(w))
		return false;
	for (uint16_t i = 0; i < 4; i++) {
		out[i] = row_map_udp(w, A((uint16_t)(5000 + i)), TO_X(53));
		if (!out[i].port) {
			row_deviates(w, "4 ports: A's mapping %d did not leave", i + 1);
			return false;
		}
	}
	*p = row_udp(w, B(6000), TO_X(53));
	row_put(w, IN, p);
	return true;
}

void row_6888_R11a(struct verify_world *w)
{
	const struct verify_packet *got;
	struct verify_end out[4];
	struct verify_packet p;

	if (!exhaust(w, out, &p))
		return;
	got = row_look(w, OUT);
	NEED(w, !got, "4 ports, all in use: B's packet left: %s", row_came(got));
	row_met(w, "4 ports, all in use: B's packet was dropped");
}

void row_6888_R11b(struct verify_world *w)
{
	const struct verify_packet *got;
	struct verify_end out[4];
	struct verify_packet p, quoted;

	if (!exhaust(w, out, &p))
		return;
	got = row_look(w, IN);
	NEED(w, got && got->type == 3 && got->code == 1, "4 ports, all in use: B got: %s",
	     row_came(got));
	NEED(w, !verify_read_quoted(got, &quoted) && row_same(quoted.src, p.src),
	     "host unreachable quotes another packet: %s", row_came(got));
	row_met(w,
		"4 ports, all in use: B got host unreachable, code 1, quoting its packet (see S2)");
}

void row_6888_R11c(struct verify_world *w)
{
	struct verify_told told;
	struct verify_end out[4];
	struct verify_packet p;

	if (!exhaust(w, out, &p))
		return;
	NEED(w, w->nat->told(w->nat->user, &told) == 0 && told.refused > 0,
	     "4 ports, all in use: B was refused, and nobody is told");
	NEED(w, told.inside == VERIFY_HOST(1), "it was told that %s was refused, not B",
	     row_said(row_at(told.inside, 0)));
	row_met(w, "4 ports, all in use: management was told that no port was left for B");
}

void row_6888_R11d(struct verify_world *w)
{
	struct verify_end out[4], now;
	struct verify_packet p;

	if (!exhaust(w, out, &p))
		return;
	for (uint16_t i = 0; i < 32; i++)
		row_map_udp(w, row_host(1 + i, 6000), TO_Y(99));
	for (uint16_t i = 0; i < 4; i++) {
		struct verify_end inside = A((uint16_t)(5000 + i));

		NEED(w, row_reaches(w, TO_X(53), out[i], inside),
		     "33 hosts asked for a fifth port; X then did not reach A:%u", inside.port);
		now = row_map_udp(w, inside, TO_Y(99));
		NEED(w, row_same(now, out[i]), "33 hosts asked for a fifth port; A:%u then was %s",
		     inside.port, row_said(now));
	}
	row_met(w, "4 ports in use, 33 hosts asked for a fifth: the 4 mappings work on, both ways");
}

/* ---- logs ---- */

void row_6888_R12(struct verify_world *w)
{
	struct verify_told told;

	BEGIN(w);
	for (uint16_t i = 0; i < 50; i++)
		row_map_udp(w, A((uint16_t)(5000 + i)), i % 2 ? TO_X(53) : TO_Y(99));
	if (w->nat->told(w->nat->user, &told) < 0) {
		row_met(w, "nothing is logged (who listens to ctnetlink hears of every flow)");
		return;
	}
	NEED(w, told.mapped > 0, "50 mappings were made, and none is told");
	NEED(w, !told.destinations, "messages about mappings name where they went");
	row_met(w, "50 flows to X and Y: %u messages, none with a destination", told.mapped);
}

void row_6888_R14(struct verify_world *w)
{
	struct verify_told told;

	BEGIN(w);
	w->quick = true;
	for (uint16_t i = 0; i < 1000; i++)
		row_map_udp(w, A(5000), row_at(VERIFY_X, (uint16_t)(1000 + i)));
	w->quick = false;
	if (w->nat->told(w->nat->user, &told) < 0) {
		row_met(w, "nothing is logged (who listens to ctnetlink hears of every flow)");
		return;
	}
	NEED(w, told.mapped + told.unmapped < 10, "a thousand flows of A:5000 made %u messages",
	     told.mapped + told.unmapped);
	row_met(w,
		"a thousand flows of A:5000 are %u message: one for the mapping, none for a flow",
		told.mapped);
}

/* ---- the port space ---- */

void row_6888_R13(struct verify_world *w)
{
	uint8_t *seen = calloc(1, 65536);
	uint32_t got = 0, twice = 0;

	w->setup.sessions_max = 70000;
	if (!seen || !row_begin(w)) {
		free(seen);
		return;
	}
	w->quick = true;
	for (uint32_t i = 0; i < ALL_PORTS; i++) {
		struct verify_end inside = row_host(i / 4032, (uint16_t)(2000 + i % 4032));
		struct verify_end out = row_map_udp(w, inside, TO_X(53));

		got += out.port != 0;
		twice += out.port && seen[out.port];
		seen[out.port] = 1;
	}
	free(seen);
	NEED(w, got == ALL_PORTS,
	     "64,512 flows of 16 hosts to one destination: %u were given a port", got);
	NEED(w, twice == 0, "%u ports were given twice", twice);
	row_met(w,
		"64,512 flows of 16 hosts to one destination, by one address: 64,512 ports, none "
		"twice");
}

/*
 * Ports of many hosts' new mappings, in turn. A watcher who knows the inside port and all earlier
 * outside ports guesses the next: by the inside port, and by the predictors of measure/, on the
 * lowest six bits.
 */
static bool pick_ports(struct verify_world *w, uint16_t *symbol, uint32_t *kept, uint16_t *port)
{
	struct measure_dice dice = { 4711 };

	*kept = 0;
	for (uint32_t i = 0; i < PICKS; i++) {
		uint16_t inside = (uint16_t)(1024 + measure_below(&dice, ALL_PORTS));
		struct verify_end out = row_map_udp(w, row_host(i % 200, inside), TO_X(53));

		if (!out.port) {
			row_deviates(w, "mapping %u of %u did not leave", i + 1, PICKS);
			return false;
		}
		*kept += out.port == inside;
		port[i] = out.port;
		symbol[i] = out.port & 63;
	}
	return true;
}

void row_6888_R15(struct verify_world *w)
{
	static uint16_t symbol[PICKS], port[PICKS];
	const struct measure_series series = { symbol, PICKS, MEASURE_GAME_PORTS };
	const struct measure_law law = { 1, 0 };
	struct measure_game game;
	uint32_t kept, low = 0;

	BEGIN(w);
	w->quick = true;
	if (!pick_ports(w, symbol, &kept, port))
		return;
	NEED(w, kept < 10, "%u of %u outside ports are the inside's own", kept, PICKS);
	NEED(w, measure_game(&series, &law, &game) == 0, "the game could not be played");
	/* 62.5 hits by chance; by luck no more than 112 (six deviations). */
	NEED(w, game.hits < 112, "\"%s\" guesses %zu of %u, where chance has %.0f", game.best,
	     game.hits, PICKS, game.bound);
	for (uint32_t i = 0; i < PICKS; i++)
		low += port[i] < 1024 + ALL_PORTS / 2;
	NEED(w, low > PICKS * 45 / 100 && low < PICKS * 55 / 100,
	     "%u of %u ports lie in the lower half", low, PICKS);
	row_met(w,
		"%u new mappings: %u kept the inside port; the best of the predictors guessed "
		"%zu (six "
		"bits), where chance has %.0f",
		PICKS, kept, game.hits, game.bound);
}
