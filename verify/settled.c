/* SPDX-License-Identifier: BSD-2-Clause */
/* Where requirements contradict each other: what a NAT does, and that it does it. */
#include "verify/rows.h"

#include <string.h>

#define IN VERIFY_INSIDE
#define OUT VERIFY_OUTSIDE

/* 4787-R3, 5382-R7 against 7857-U3. */
void row_settled_S1(struct verify_world *w)
{
	struct verify_end ends[4], more;

	row_narrow(w, 4);
	w->setup.nat.overflow = true;
	BEGIN(w);
	for (uint32_t n = 0; n < 4; n++) {
		ends[n] = row_map_udp(w, row_host(n, 5000), row_at(VERIFY_X + n, 53));
		NEED(w, ends[n].port, "4 ports: mapping %u did not leave", n + 1);
		for (uint32_t i = 0; i < n; i++)
			NEED(w, !row_same(ends[i], ends[n]), "%s was shared while ports were free",
			     row_said(ends[n]));
	}
	more = row_map_udp(w, row_host(4, 5000), TO_Y(99));
	NEED(w, more.port, "4 ports, all in use: nothing was shared");
	NEED(w, row_reaches(w, TO_Y(99), more, row_host(4, 5000)),
	     "the answer to who shares went astray");
	NEED(w, !row_reaches(w, row_at(VERIFY_ROUTER, 9), more, row_host(4, 5000)),
	     "who shares a port was reached unasked");
	w->setup.nat.overflow = false;
	BEGIN(w);
	for (uint32_t n = 0; n < 4; n++)
		row_map_udp(w, row_host(n, 5000), row_at(VERIFY_X + n, 53));
	NEED(w, !row_map_udp(w, row_host(4, 5000), TO_Y(99)).port, "overlap off, and still shared");
	row_met(w,
		"no port is shared while one is free; with all 4 in use a fifth host shares one, "
		"outward only, unless overflow is off: then it is refused");
}

/* 5508-R8 against 6888-R11b. */
void row_settled_S2(struct verify_world *w)
{
	const struct verify_packet *got;
	struct verify_packet p;

	row_narrow(w, 4);
	w->setup.nat.host_udp = 3;
	BEGIN(w);
	for (uint16_t i = 0; i < 3; i++)
		row_map_udp(w, A((uint16_t)(5000 + i)), TO_X(53));
	p = row_udp(w, A(5003), TO_X(53));
	row_put(w, IN, &p);
	got = row_look(w, IN);
	NEED(w, got && got->type == 3 && got->code == 13, "beyond A's bound, a port free: %s",
	     row_came(got));
	row_map_udp(w, B(5000), TO_X(53));
	p = row_udp(w, B(5001), TO_X(53));
	row_put(w, IN, &p);
	got = row_look(w, IN);
	NEED(w, got && got->type == 3 && got->code == 1, "within B's bound, no port free: %s",
	     row_came(got));
	w->setup.nat.mark_unreachable = false;
	BEGIN(w);
	for (uint16_t i = 0; i < 4; i++) {
		p = row_udp(w, A((uint16_t)(5000 + i)), TO_X(53));
		row_put(w, IN, &p);
	}
	got = row_look(w, IN);
	NEED(w, !got, "mark_unreachable off: %s", row_came(got));
	row_met(w,
		"beyond A's own bound, which the administrator set: code 13; no port left for B: "
		"code "
		"1; with mark_unreachable off: silence");
}

/* 4787-R4 against 7857-U8. */
void row_settled_S3(struct verify_world *w)
{
	uint32_t odd = 0;

	BEGIN(w);
	for (uint32_t n = 0; n < 64; n++)
		odd += row_map_udp(w, row_host(n, 5001), TO_X(53)).port % 2;
	NEED(w, odd > 10 && odd < 54, "parity not requested: %u of 64 odd ports stayed odd", odd);
	w->setup.nat.parity = true;
	w->setup.low = 20000;
	w->setup.high = 20007;
	w->setup.nat.overflow = false;
	BEGIN(w);
	for (uint32_t n = 0; n < 4; n++)
		NEED(w, row_map_udp(w, row_host(n, 5001), TO_X(53)).port % 2,
		     "parity requested: an odd port became even");
	row_met(w,
		"not requested: %u of 64 odd ports stayed odd (no bit of secrecy is given away); "
		"requested: all",
		odd);
}

/* 6888-R13, R14, R15. */
void row_settled_S4(struct verify_world *w)
{
	struct verify_told told;
	uint32_t near = 0, low = 0;
	uint16_t before = 0;

	row_narrow(w, 2000);
	BEGIN(w);
	w->quick = true;
	for (uint32_t i = 0; i < 2000; i++) {
		struct verify_end out =
			row_map_udp(w, row_host(i % 100, (uint16_t)(5000 + i / 100)), TO_X(53));

		NEED(w, out.port, "2,000 ports: mapping %u did not leave", i + 1);
		near += i && (uint16_t)(out.port - before + 1) < 3;
		low += i < 1000 && out.port < 21000;
		/* As whoever writes a log would, before it is full. */
		if (i % 500 == 499)
			(void)w->nat->told(w->nat->user, &told);
		before = out.port;
	}
	NEED(w, near < 20, "%u of 2,000 ports lie beside the one before", near);
	NEED(w, low > 400 && low < 600, "%u of the first 1,000 ports lie in the lower half", low);
	NEED(w, w->nat->told(w->nat->user, &told) == 0 && told.mapped == 2000,
	     "2,000 mappings are %u messages", told.mapped);
	row_met(w,
		"all 2,000 of 2,000 ports were given, %u beside the one before; %u messages: no "
		"blocks, "
		"so logs cost one line for each mapping",
		near, told.mapped);
}
