/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that calls everywhere at once, or says what is of nothing: a flood of SYNs or datagrams
 * to places that do not answer, of segments of no connection, of fragments that never become whole.
 * A call is a socket of the host's, a hundred times dearer than the frame, and whatever comes in
 * such numbers fills the guest's own queue, so that all else that it says is lost before its link.
 * So of each sort as much is let through, by chance, as can be served beside the rest; what is for
 * hosts that have answered lately, or to which flows stand, is not of it. Whoever holds the link
 * drops the others before they cost anything (drive/sieve.c), as the config's `surge` is told;
 * until he does, calls are dropped here.
 */
#include "relay/relay.h"

#include <string.h>

#define WINDOW_NS (INT64_C(50) * 1000000)
/* Over after so many windows in a row with a quarter of what it began with. */
#define CALM_WINDOWS 10u
#define ALL UINT32_MAX
/* With more flows than that nobody looks whether all their hosts are known. */
#define FLOWS_MAX 4096u
/* Strays that come whatever is let through go where the sieve lets all through: after so many
   windows in a row it is known, and they are left alone for a while. */
#define FUTILE_WINDOWS 20u
#define ALONE_WINDOWS 200u

/* What begins a surge, in so many windows in a row, and how much of it is let through in one. */
static const struct {
	uint32_t begin_at, windows, goal;
} bounds[SURGE_TIDES] = {
	[SURGE_CALLS] = { 200, 0 /* at once */, 25 },
	/* What is under way when a connection is reset is of nothing, too, but soon over. */
	[SURGE_STRAYS] = { 500, 4, 10 },
};

/* What the host value had and could do nothing with. */
static const char *const stray_names[] = { "drop_closed", "drop_ip_protocol", "drop_icmp_type",
					   "reassembly_victim" };

static struct relay_known *place_of(struct surge *surge, const struct minato_addr *addr)
{
	struct relay_known *oldest = &surge->known[0];

	for (uint32_t i = 0; i < RELAY_KNOWN_MAX; i++) {
		struct relay_known *one = &surge->known[i];

		if (one->answered_ns && minato_addr_equal(&one->addr, addr))
			return one;
		if (one->answered_ns < oldest->answered_ns)
			oldest = one;
	}
	return oldest;
}

static bool is_known(struct surge *surge, const struct minato_addr *addr)
{
	const struct relay_known *place = place_of(surge, addr);

	return place->answered_ns && minato_addr_equal(&place->addr, addr);
}

/* Its place, where it has one now. Who holds the link is told of who is new. */
static struct relay_known *learn(struct surge *surge, const struct minato_addr *addr, int64_t when)
{
	struct relay_known *place = place_of(surge, addr);

	if (place->answered_ns >= when)
		return NULL;
	surge->unsaid |= !place->answered_ns || !minato_addr_equal(&place->addr, addr);
	place->addr = *addr;
	place->answered_ns = when;
	return place;
}

void surge_answered(struct relay *relay, const struct minato_addr *addr)
{
	struct surge *surge = &relay->surge;
	struct relay_known *place = surge->last;

	if (place && minato_addr_equal(&place->addr, addr))
		place->answered_ns = relay->now.ns;
	else if ((place = learn(surge, addr, relay->now.ns)) != NULL)
		surge->last = place;
}

static bool stands(const struct lane *f)
{
	return (f->kind == LANE_OUT || f->kind == LANE_IN || f->kind == LANE_VISITOR) &&
	       f->state == LANE_OPEN;
}

/*
 * Learns those to which something stands, whoever began it. False: not all of them have a place,
 * so that strays cannot be told by where they go from what stands.
 */
static bool learn_lanes(struct relay *relay)
{
	const struct lane_pool *pool = &relay->lanes;
	struct surge *surge = &relay->surge;
	uint32_t count = 0;
	bool all = true;

	for (uint32_t k = 0; all && k < pool->block_count * LANE_BLOCK; k++) {
		const struct lane *f = &pool->blocks[k / LANE_BLOCK][k % LANE_BLOCK];

		if (!stands(f))
			continue;
		(void)learn(surge, &f->far.addr, f->used_ns);
		all = ++count <= FLOWS_MAX;
	}
	for (uint32_t k = 0; all && k < pool->block_count * LANE_BLOCK; k++) {
		const struct lane *f = &pool->blocks[k / LANE_BLOCK][k % LANE_BLOCK];

		all = !stands(f) || is_known(surge, &f->far.addr);
	}
	return all;
}

static bool is_on(const struct surge *surge)
{
	return surge->tide[SURGE_CALLS].on || surge->tide[SURGE_STRAYS].on;
}

bool surge_admits(struct relay *relay, const struct minato_addr *addr)
{
	struct surge *surge = &relay->surge;
	struct surge_tide *calls = &surge->tide[SURGE_CALLS];

	/* Of many hosts behind a gateway one must not make it hard for the others. */
	if (!relay->config.surge || is_known(surge, addr))
		return true;
	calls->count++;
	if (!calls->on || calls->count <= bounds[SURGE_CALLS].goal)
		return true;
	relay_count(relay, RELAY_COUNT_SURGE_SHED);
	return false;
}

static void tell(struct relay *relay)
{
	struct surge *surge = &relay->surge;
	struct relay_surge out = { .on = is_on(surge),
				   .chance = surge->tide[SURGE_CALLS].chance,
				   .strays = surge->tide[SURGE_STRAYS].chance };

	for (uint32_t i = 0; out.on && i < RELAY_KNOWN_MAX; i++) {
		if (surge->known[i].answered_ns)
			out.known[out.known_count++] = surge->known[i].addr;
	}
	/* Else again in the next window. */
	if (relay->config.surge(relay->config.surge_user, &out)) {
		surge->unsaid = false;
		surge->said = out.on;
	}
}

/* What would come without a sieve, and how much of it is let through from now on. */
static bool measure(struct surge_tide *tide, uint32_t begin_at, uint32_t goal)
{
	const double share = (double)tide->chance / (double)ALL;
	const double offered = (double)tide->count / (share > 0 ? share : 1);
	const uint32_t before = tide->chance;
	double chance = offered > goal ? (double)goal / offered : 1;

	/* With few that come through it is a guess: by halves, but at once when too many do. */
	if (tide->count <= goal && chance > 2 * share)
		chance = 2 * share;
	tide->chance = chance >= 1 ? ALL : (uint32_t)(chance * (double)ALL);
	if (tide->chance < ALL / 65536)
		tide->chance = ALL / 65536;
	tide->calm = offered < begin_at / 4.0 ? tide->calm + 1 : 0;
	return tide->chance > before + before / 4 || tide->chance < before - before / 4;
}

/* A window is over, or what came of it is enough to begin. Whether something is to be told. */
static bool turn(struct surge_tide *tide, enum surge_sort sort)
{
	const uint32_t begin_at = bounds[sort].begin_at;
	bool changed = false;

	if (!tide->on) {
		tide->high = tide->count >= begin_at ? tide->high + 1 : 0;
		tide->on = changed = tide->high > 0 && tide->high >= bounds[sort].windows;
		tide->chance = ALL;
		tide->calm = 0;
	}
	if (tide->on)
		changed |= measure(tide, begin_at, bounds[sort].goal);
	if (tide->on && tide->calm >= CALM_WINDOWS) {
		tide->on = false;
		tide->chance = ALL;
		tide->high = 0;
		changed = true;
	}
	tide->count = 0;
	return changed;
}

static uint64_t strays_of(struct relay *relay)
{
	struct surge *surge = &relay->surge;
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(stray_names) / sizeof(stray_names[0]); i++)
		sum += minato_counter(relay->host, surge->index[i]);
	return sum;
}

void surge_begin(struct relay *relay)
{
	struct surge *surge = &relay->surge;

	_Static_assert(sizeof(stray_names) / sizeof(stray_names[0]) == SURGE_STRAY_COUNTERS,
		       "each has an index");
	for (uint32_t k = 0; k < SURGE_TIDES; k++)
		surge->tide[k].chance = ALL;
	for (uint32_t i = 0; i < SURGE_STRAY_COUNTERS; i++) {
		while (surge->index[i] < minato_counter_count() &&
		       strcmp(minato_counter_name(surge->index[i]), stray_names[i]) != 0)
			surge->index[i]++;
	}
	surge->strays = strays_of(relay);
}

static bool is_busy(const struct surge *surge)
{
	return is_on(surge) || surge->said || surge->alone || surge->tide[SURGE_STRAYS].high;
}

static void end_strays(struct surge *surge)
{
	struct surge_tide *tide = &surge->tide[SURGE_STRAYS];

	surge->unsaid |= tide->on;
	*tide = (struct surge_tide){ .chance = ALL };
	surge->futile = 0;
}

/* They are kept out only where that harms nothing that stands, and helps. */
static void end_window_of_strays(struct relay *relay, uint32_t count)
{
	struct surge *surge = &relay->surge;
	struct surge_tide *tide = &surge->tide[SURGE_STRAYS];
	const uint32_t begin_at = bounds[SURGE_STRAYS].begin_at;

	tide->count = count;
	if (surge->alone > 0)
		surge->alone--;
	if (surge->alone > 0 || ((tide->on || count >= begin_at) && !learn_lanes(relay))) {
		end_strays(surge);
		return;
	}
	surge->futile = tide->on && count >= begin_at / 2 ? surge->futile + 1 : 0;
	surge->unsaid |= turn(tide, SURGE_STRAYS);
	if (surge->futile <= FUTILE_WINDOWS)
		return;
	end_strays(surge);
	surge->alone = ALONE_WINDOWS;
}

/* What is on measures itself in each window, and what may begin is counted. */
static void end_window(struct relay *relay, uint64_t strays)
{
	struct surge *surge = &relay->surge;

	end_window_of_strays(relay, (uint32_t)(strays - surge->strays));
	surge->strays = strays;
	surge->unsaid |= turn(&surge->tide[SURGE_CALLS], SURGE_CALLS);
	surge->begun_ns = relay->now.ns;
}

struct minato_time surge_turn(struct relay *relay)
{
	struct surge *surge = &relay->surge;
	struct surge_tide *calls = &surge->tide[SURGE_CALLS];
	const uint64_t strays = relay->config.surge ? strays_of(relay) : surge->strays;
	const int64_t now = relay->now.ns;

	if (!surge->begun_ns && !calls->count && strays == surge->strays)
		return MINATO_NEVER;
	if (!surge->begun_ns)
		surge->begun_ns = now;
	if (now - surge->begun_ns >= WINDOW_NS)
		end_window(relay, strays);
	else if (!calls->on && calls->count >= bounds[SURGE_CALLS].begin_at)
		surge->unsaid |= turn(calls, SURGE_CALLS);
	else
		return (struct minato_time){ surge->begun_ns + WINDOW_NS };
	/* Where strays are kept out that is done. */
	if (calls->on && !surge->tide[SURGE_STRAYS].on)
		(void)learn_lanes(relay);
	if (is_on(surge) ? surge->unsaid : surge->said)
		tell(relay);
	if (!is_busy(surge))
		surge->begun_ns = 0;
	return surge->begun_ns ? (struct minato_time){ surge->begun_ns + WINDOW_NS } : MINATO_NEVER;
}
