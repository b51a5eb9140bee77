/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk of each source, and where its 16 bytes stand: in one of two lines of
 * four by a keyed hash. Where all eight are taken the one gives way that says
 * least, so that sources of one failure, as a flood with forged ones makes
 * them, displace each other and nobody who has failed more often.
 */
#include "port/scan.h"

#define OVERLOOKED                                                             \
	128u	       /* of reports beyond the budget, for one that is taken */
#define ENTER_MASK 15u /* one in 16 of those who are no better gets in */
#define LAST_SHIFT 36u /* 68.7 s */
#define LAST_WEEK 8802u /* in these */
#define REST_BUSY 9u
#define REST_QUIET 315u
#define VOLUME_BUSY 4u
#define VOLUME_TOP 15u
#define LAST_YOUNG 16u
#define FILTER_FULL 24u /* of its 32 bits */
#define FILTER_HALF 16u
#define MISS_SHIFT 8u
#define AWAY_UP 2u
#define AWAY_DOWN 3u
#define AWAY_SCATTERED 1u
#define RAISED_TOP 19u
#define KNOCKED_MIN 2u
#define KNOCKED_STEPS 4u
#define RESTORED_MAX (2 * SCAN_UNIT) /* of what a sketch remembers */

/* What a sign does to the walk: steps up, verified units, of which contacts of
   the same port it is one. */
struct weight {
	uint8_t steps, units, domain;
};
static const struct weight weights[SCAN_SIGNS] = {
	[SCAN_CLOSED] = { 1, 0, 0 },
	[SCAN_SILENT] = { 1, 0, 0 },
	[SCAN_HALF] = { 1, 0, 0 },
	[SCAN_IMPOSSIBLE] = { 2, 0, 5 },
	[SCAN_STRAY] = { 1, 0, 0 },
	[SCAN_PIECE] = { 1, 0, 0 },
	[SCAN_EMPTY] = { 0, 0, 3 },
	[SCAN_ABORTED] = { 1, SCAN_CONTACT_UNITS, 3 },
	[SCAN_REFUSED] = { 1, SCAN_CONTACT_UNITS, 3 },
	[SCAN_QUESTION] = { 1, SCAN_CONTACT_UNITS, 4 },
	[SCAN_BARE] = { KNOCKED_STEPS, 0, 4 },
	[SCAN_GOOD] = { 0, 0, 1 },
	[SCAN_USED] = { 0, 0, 2 },
};

/* --- making --------------------------------------------------------------- */

static uint32_t line_count(uint32_t sources_max)
{
	uint32_t lines = 1024 / SCAN_LANES;

	while (lines < sources_max / SCAN_LANES)
		lines *= 2;
	return lines;
}

static size_t whole(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

size_t scan_bytes(uint32_t sources_max)
{
	return whole(sizeof(struct scan)) +
	       line_count(sources_max) * sizeof(struct scan_line) +
	       whole(SCAN_CASES * sizeof(struct scan_case)) +
	       whole(sketch_bytes(line_count(sources_max) * SCAN_LANES));
}

struct scan *scan_init(void *memory, uint32_t sources_max,
		       const struct hash_key *key)
{
	struct scan *s = memory;
	const uint32_t lines = line_count(sources_max);
	int64_t at = (int64_t)whole(sizeof(*s));

	s->lines = lines;
	s->lines_at = at;
	at += (int64_t)(lines * sizeof(struct scan_line));
	s->cases_at = at;
	at += (int64_t)whole(SCAN_CASES * sizeof(struct scan_case));
	sketch_init(&s->sketch, at, lines * SCAN_LANES);
	hash_secret_init(&s->secret, key);
	for (uint64_t i = 0; i < SCAN_LEVELS; i++)
		s->salt[i] = hash_strong(key, &i, sizeof(i)) | 1;
	s->chance = hash_strong(key, key, sizeof(*key)) | 1;
	s->up = s->down = SCAN_UNIT;
	minato_scan_policy_init(&s->policy);
	return s;
}

/* --- keys ----------------------------------------------------------------- */

/*
 * The address itself: an IPv4 one in the lower half, where no prefix of IPv6
 * that is routed has anything else than zeros in the upper one. Scope and
 * level are mixed in by secret words, so that nobody can choose an address
 * whose key is another's.
 */
uint64_t scan_key(const struct scan *s, uint8_t scope, uint32_t level,
		  const struct minato_addr *source)
{
	uint64_t key = 0;

	if (minato_addr_is4(source)) {
		for (uint32_t i = 12; i < 16; i++)
			key = key << 8 | source->bytes[i];
	} else {
		for (uint32_t i = 0; i < 8 - level; i++)
			key |= (uint64_t)source->bytes[i] << (56 - 8 * i);
	}
	key ^= s->salt[level] * (scope + 1u);
	return key != 0 ? key : 1;
}

uint64_t scan_hash(const struct scan *s, uint64_t a, uint64_t b)
{
	const uint64_t word[2] = { a, b };

	return hash_pair(&s->secret, word);
}

/*
 * By how much sessions raise the line, by their doublings. Most by the first
 * hundred: hundreds of people who come within a minute miss at several ports
 * within seconds, and no more ports come later.
 */
static const uint8_t raised[VOLUME_TOP + 1] = {
	0,  2,	4,  6,	10, 13, 15,	    15,
	16, 16, 17, 17, 18, 18, RAISED_TOP, RAISED_TOP
};
_Static_assert(SCAN_TOP >= RAISED_TOP + SCAN_LEVELS * SCAN_LINE,
	       "every line can be crossed");

uint32_t scan_line_of(uint32_t level, uint32_t volume)
{
	return SCAN_LINE * (level + 1) + raised[volume];
}

/* What is counted once of a source: a port of an address, by how it ended. */
static uint64_t contact_hash(const struct scan *s, uint64_t key,
			     const struct scan_contact *c, uint8_t domain)
{
	uint64_t word[5] = { 0 };

	memcpy(word, c->target.bytes, 16);
	word[2] = (uint64_t)domain << 32 | (uint64_t)c->proto << 16 | c->port;
	word[3] = key;
	return hash_five(&s->secret, word);
}

/* --- places --------------------------------------------------------------- */

static struct scan_line *line_at(const struct scan *s, uint64_t hash)
{
	return (struct scan_line *)scan_part(s, s->lines_at) +
	       (hash & (s->lines - 1));
}

struct scan_source *scan_find(const struct scan *s, uint64_t key)
{
	const uint64_t hash = scan_hash(s, key, 0);
	struct scan_line *first = line_at(s, hash);
	struct scan_line *second = line_at(s, hash >> 32);

	__builtin_prefetch(second, 1);
	for (uint32_t i = 0; i < SCAN_LANES; i++)
		if (first->lane[i].key == key)
			return &first->lane[i];
	for (uint32_t i = 0; i < SCAN_LANES; i++)
		if (second->lane[i].key == key)
			return &second->lane[i];
	return NULL;
}

void scan_seek(const struct scan *s, uint8_t scope,
	       const struct minato_addr *source)
{
	const uint64_t hash = scan_hash(s, scan_key(s, scope, 0, source), 0);

	__builtin_prefetch(line_at(s, hash), 1);
	__builtin_prefetch(line_at(s, hash >> 32), 1);
}

static uint32_t taken(const struct scan_line *line)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < SCAN_LANES; i++)
		count += line->lane[i].key != 0;
	return count;
}

/* How much is lost with it. */
static uint32_t worth(const struct scan_source *r)
{
	return r->score + 8u * r->proven;
}

static uint16_t units_since(const struct scan_source *r, struct minato_time now)
{
	return (uint16_t)((uint16_t)(now.ns >> LAST_SHIFT) - r->last);
}

/* The one that says least; among equals the one that has rested longest. */
static struct scan_source *victim_of(struct scan_line *lines[2],
				     struct minato_time now)
{
	struct scan_source *worst = &lines[0]->lane[0];

	for (uint32_t i = 1; i < 2 * SCAN_LANES; i++) {
		struct scan_source *r =
			&lines[i / SCAN_LANES]->lane[i % SCAN_LANES];
		if (worth(r) < worth(worst) ||
		    (worth(r) == worth(worst) &&
		     units_since(r, now) > units_since(worst, now)))
			worst = r;
	}
	return worst;
}

static uint32_t next_chance(struct scan *s)
{
	s->chance ^= s->chance << 13;
	s->chance ^= s->chance >> 7;
	s->chance ^= s->chance << 17;
	return (uint32_t)(s->chance >> 32);
}

/*
 * May it have the victim's place? Not where the victim has failed more often.
 * Where both are alike, and the victim is young, one in 16: whoever has got in
 * then stays long enough to be seen again.
 */
static bool displaces(struct scan *s, uint32_t value,
		      const struct scan_source *victim, struct minato_time now)
{
	if (worth(victim) > value)
		return false;
	return worth(victim) < value || units_since(victim, now) > LAST_YOUNG ||
	       (next_chance(s) & ENTER_MASK) == 0;
}

static struct scan_source fresh(uint64_t key, const struct scan_case *k,
				uint32_t counted, struct minato_time now)
{
	struct scan_source r = { .key = key };
	uint32_t before = (counted > 1 ? counted - 1 : 0) * SCAN_UNIT;

	r.last = (uint16_t)(now.ns >> LAST_SHIFT);
	if (before > RESTORED_MAX)
		before = RESTORED_MAX;
	r.score = before & SCAN_TOP;
	if (k != NULL) { /* it has lost its place, and nothing else */
		r.seen = k->seen;
		r.score = k->score & SCAN_TOP;
		r.proven = k->proven & SCAN_PROVEN_TOP;
		r.volume = k->volume & VOLUME_TOP;
		r.cased = true;
	}
	return r;
}

/*
 * Of two full lines: moves one of theirs to its other line, where that has
 * room. Not worth looking for once all is nearly full.
 */
static struct scan_source *shift(struct scan *s, struct scan_line *lines[2])
{
	if (s->used >= s->lines * SCAN_LANES / 64 * 63)
		return NULL;
	for (uint32_t i = 0; i < 2 * SCAN_LANES; i++) {
		struct scan_source *r =
			&lines[i / SCAN_LANES]->lane[i % SCAN_LANES];
		const uint64_t hash = scan_hash(s, r->key, 0);
		struct scan_line *other = line_at(s, hash);
		if (other == lines[i / SCAN_LANES])
			other = line_at(s, hash >> 32);
		for (uint32_t n = 0; n < SCAN_LANES; n++) {
			if (other->lane[n].key != 0)
				continue;
			other->lane[n] = *r;
			return r;
		}
	}
	return NULL;
}

/* A place for a source that fails, or NULL. */
static struct scan_source *place(struct scan *s, uint64_t key, uint64_t contact,
				 struct minato_time now)
{
	const uint64_t hash = scan_hash(s, key, 0);
	struct scan_line *lines[2] = { line_at(s, hash),
				       line_at(s, hash >> 32) };
	struct scan_line *line = lines[taken(lines[1]) < taken(lines[0])];
	const struct scan_case *k = scancase_find(s, key);
	struct scan_source *r = NULL;
	uint32_t counted = 0;

	for (uint32_t i = 0; i < SCAN_LANES && r == NULL; i++)
		if (line->lane[i].key == 0)
			r = &line->lane[i];
	if (r == NULL)
		r = shift(s, lines);
	s->used += r != NULL;
	if (r == NULL) {
		struct scan_source made;
		counted = sketch_add(s, key, contact);
		r = victim_of(lines, now);
		made = fresh(key, k, counted, now);
		if (!displaces(s, worth(&made) + (k == NULL ? SCAN_UNIT : 0), r,
			       now)) {
			s->unplaced++;
			return NULL;
		}
		s->displaced++;
	}
	*r = fresh(key, k, counted, now);
	return r;
}

/* --- what is learned ------------------------------------------------------ */

/*
 * How often those miss who then come in. Where that is often, a failure says
 * less: the steps are twice log2((1 - theta1) / (1 - theta0)) and twice
 * log2(theta0 / theta1), rounded, with theta1 = .2 and theta0 no more than .8.
 * A handshake vouches for each, so nobody can teach it anything in another's
 * name.
 */
static void learn(struct scan *s, uint32_t misses)
{
	const int32_t now = (int32_t)(65536u * misses / (misses + 1));

	s->miss_rate =
		(uint32_t)((int32_t)s->miss_rate +
			   (now - (int32_t)s->miss_rate) / (1 << MISS_SHIFT));
	s->up = s->miss_rate > 65536 * 36 / 100 ? 2 :
		s->miss_rate > 65536 * 24 / 100 ? 3 :
						  SCAN_UNIT;
	s->down = s->miss_rate > 65536 * 32 / 100 ? 3 : SCAN_UNIT;
}

/* --- the walk ------------------------------------------------------------- */

static void lower(struct scan_source *r, uint32_t by)
{
	r->score = (r->score > by ? r->score - by : 0) & SCAN_TOP;
}

/* Evidence grows old, by one failure a week. */
static void grow_old(struct scan_source *r, struct minato_time now)
{
	const uint32_t weeks = units_since(r, now) / LAST_WEEK;

	if (weeks == 0)
		return;
	lower(r, weeks * SCAN_UNIT);
	r->proven = (r->proven > weeks ? r->proven - weeks : 0) &
		    SCAN_PROVEN_TOP;
	r->volume = (r->volume > weeks ? r->volume - weeks : 0) & VOLUME_TOP;
	if (r->score == 0)
		r->seen = 0;
	r->last = (uint16_t)(now.ns >> LAST_SHIFT);
}

static uint32_t bit_of(uint64_t contact)
{
	return 1u << (contact >> 59);
}

#define USE_UNITS 2u

static void raise(struct scan_source *r, uint32_t units)
{
	const uint32_t proven = (uint32_t)r->proven + units;

	r->proven = (proven < SCAN_PROVEN_TOP ? proven : SCAN_PROVEN_TOP) &
		    SCAN_PROVEN_TOP;
}

/*
 * Who uses a port as it is meant takes back what it has shown elsewhere. Not
 * where it has asked what is there: of the many probes that come then some look
 * like use, and who asks more would be known less.
 */
static void take_back(struct scan *s, struct scan_source *r,
		      struct scan_case *k, const struct scan_contact *c,
		      uint64_t contact)
{
	const uint64_t asked =
		contact_hash(s, r->key, c, weights[SCAN_QUESTION].domain);

	/* The filter is what others fill who forge its address: where there is
	   a list, that is asked first. */
	if ((k == NULL || k->taken_count == SCAN_VOUCHED) &&
	    (r->seen & bit_of(contact)) != 0)
		return;
	if (k != NULL && scancase_vouched(k, asked))
		return;
	if (r->proven < USE_UNITS)
		r->proven = 0;
	else if (k == NULL || scancase_take(k, contact))
		r->proven = (r->proven - USE_UNITS) & SCAN_PROVEN_TOP;
}

/* A session in which bytes came: see the head of scan.h. The count is Morris's:
   each is counted with the chance that its doubling has. */
static void used(struct scan *s, struct scan_source *r, uint32_t bit,
		 struct minato_time now)
{
	const uint32_t chances = (1u << r->volume) - 1;
	const uint32_t rest = r->volume >= VOLUME_BUSY ? REST_BUSY : REST_QUIET;

	if (r->volume < VOLUME_TOP && (next_chance(s) & chances) == 0)
		r->volume = (r->volume + 1u) & VOLUME_TOP;
	r->seen |= bit;
	if (r->score == 0 || units_since(r, now) < rest)
		return;
	lower(r, SCAN_UNIT);
	r->last = (uint16_t)(now.ns >> LAST_SHIFT);
	if (r->score == 0)
		r->seen = 0;
}

/* Verified: each contact once, by the list that only its owner fills. */
static void prove(const struct scan *s, struct scan_source *r,
		  struct scan_case *k, const struct scan_contact *c,
		  uint64_t contact)
{
	const struct weight *w = &weights[c->sign];

	if (w->units == 0 || (k != NULL ? scancase_vouched(k, contact) :
					  (r->seen & bit_of(contact)) != 0))
		return;
	raise(r, w->units);
	if (k != NULL && c->sign == SCAN_QUESTION &&
	    scancase_give(k, contact_hash(s, r->key, c,
					  weights[SCAN_USED].domain)))
		raise(r, USE_UNITS);
}

/* One that goes to very many places, and is welcome at most: a filter that is
   full would hide from then on where it is not. */
static bool is_overfull(const struct scan_source *r, uint32_t bits)
{
	return bits_count(r->seen) >= bits && r->score < SCAN_LINE / 2;
}

static void fail(struct scan_source *r, const struct weight *w, uint32_t up,
		 uint32_t bit, struct minato_time now)
{
	const uint32_t score = (uint32_t)r->score + w->steps * up;

	r->score = (score < SCAN_TOP ? score : SCAN_TOP) & SCAN_TOP;
	r->last = (uint16_t)(now.ns >> LAST_SHIFT);
	r->seen |= bit;
	if (is_overfull(r, FILTER_FULL))
		r->seen = bit;
}

/*
 * Completed. Where the filter swallows that, how the same connection ends is
 * swallowed too: else who ends by RST, as balancers do, would be charged for
 * what it was not given.
 */
static void good(struct scan *s, struct scan_source *r,
		 const struct scan_contact *c, uint32_t bit)
{
	if (!c->away)
		learn(s, r->score < SCAN_LINE ? r->score / SCAN_UNIT : 0);
	if (is_overfull(r, FILTER_HALF))
		r->seen = 0;
	if (r->seen & bit)
		r->seen |= bit_of(contact_hash(s, r->key, c,
					       weights[SCAN_ABORTED].domain));
	else
		lower(r, c->away ? AWAY_DOWN : s->down);
	r->seen |= bit;
}

/*
 * At a port that it has half-opened before, as others, it only asks what is
 * there: nmap -sV, which looks which ports are open, then visits each. Honest
 * callers do not know to answer a SYN-ACK by a RST; so the visit takes back
 * nothing, and two ports are enough.
 */
static bool has_knocked(const struct scan *s, const struct scan_source *r,
			const struct scan_case *k, const struct scan_contact *c)
{
	const uint64_t half =
		contact_hash(s, r->key, c, weights[SCAN_HALF].domain);

	return k != NULL && k->half >= KNOCKED_MIN &&
	       scancase_tried(k, c->port) && (r->seen & bit_of(half)) != 0;
}

/* Half-bits of a failure: see the head of scan.h. */
static uint32_t steps_up(const struct scan *s, const struct scan_case *k,
			 const struct scan_contact *c)
{
	if (c->sign == SCAN_SILENT)
		return s->up / 2;
	if (!c->away)
		return s->up;
	return k == NULL || scancase_goes_on(k, c) ? AWAY_UP : AWAY_SCATTERED;
}

static void step(struct scan *s, struct scan_source *r, struct scan_case *k,
		 const struct scan_contact *c, uint64_t contact,
		 struct minato_time now)
{
	struct weight w = weights[c->sign];
	const uint32_t bit = bit_of(contact);

	grow_old(r, now);
	if (c->sign == SCAN_USED) {
		take_back(s, r, k, c, contact);
		used(s, r, bit, now);
		return;
	}
	if (c->sign == SCAN_GOOD) {
		good(s, r, c, bit);
		return;
	}
	prove(s, r, k, c, contact);
	if (w.steps == 0 || (r->seen & bit))
		return;
	if (c->sign == SCAN_QUESTION && has_knocked(s, r, k, c))
		w.steps = KNOCKED_STEPS;
	fail(r, &w, steps_up(s, k, c), bit, now);
}

/* --- reports -------------------------------------------------------------- */

bool scan_listens_now(struct scan *s, int64_t tick)
{
	if (s->tick != tick) {
		s->tick = tick;
		s->left = SCAN_BUDGET;
		s->overlooked -= s->gap;
		s->gap = 0;
	}
	if (s->left > 0) {
		s->left--;
	} else {
		s->gap = next_chance(s) % (2 * OVERLOOKED);
		s->overlooked += s->gap;
	}
	return s->policy.watch;
}

/* Whether it is told of in the listing. */
static bool wants_case(const struct scan *s, const struct scan_source *r,
		       uint32_t level)
{
	if (level > 0)
		return r->score >= scan_line_of(level, r->volume);
	return r->score >= 2 * SCAN_UNIT || r->proven > 0 ||
	       (r->score > 0 && s->cases_used < SCAN_CASES / 2);
}

/*
 * A stray segment counts where its sender uses one port of its own for several
 * of ours, or by its looks: connections that were forgotten have one each.
 */
static bool is_astray(const struct scan_case *k, const struct scan_contact *c)
{
	return c->sign == SCAN_STRAY && c->tool == MINATO_SCAN_TOOL_UNKNOWN &&
	       (k == NULL || k->source_port != c->source_port);
}

/*
 * A bare request asks nothing more than any monitor and balancer does, unless
 * its sender has knocked before. Anybody may have knocked in its name: so it
 * verifies nothing by itself.
 */
static struct scan_contact told_by_bare(const struct scan *s,
					const struct scan_source *r,
					const struct scan_case *k,
					const struct scan_contact *bare)
{
	struct scan_contact c = *bare;

	if (r == NULL || !has_knocked(s, r, k, bare))
		c.sign = SCAN_USED;
	return c;
}

/* False: the next level is not to hear of it. */
static bool note_at(struct scan *s, const struct scan_contact *c,
		    uint32_t level, struct minato_time now)
{
	const uint64_t key = scan_key(s, c->scope, level, &c->source);
	struct scan_source *r = scan_find(s, key);
	struct scan_case *k = r != NULL && r->cased ? scancase_find(s, key) :
						      NULL;
	struct scan_contact told;
	uint64_t contact;
	bool astray;

	if (c->sign == SCAN_BARE) {
		told = told_by_bare(s, r, k, c);
		c = &told;
	}
	contact = contact_hash(s, key, c, weights[c->sign].domain);
	if (r == NULL && c->sign == SCAN_GOOD && level == 0 && !c->away)
		learn(s, 0);
	if (r == NULL && weights[c->sign].steps == 0)
		return true;
	if (r == NULL)
		r = place(s, key, contact, now);
	if (r == NULL)
		return true;
	if (k == NULL && r->cased)
		k = scancase_find(s, key);
	astray = level == 0 && is_astray(k, c);
	if (!astray)
		step(s, r, k, c, contact, now);
	if (k == NULL && (wants_case(s, r, level) || c->sign == SCAN_STRAY))
		k = scancase_open(s, c, key, level, r, now);
	r->cased = k != NULL;
	if (k != NULL) {
		if (weights[c->sign].units != 0)
			scancase_vouch(k, c, contact, now);
		k->score = r->score;
		k->proven = r->proven;
		k->volume = r->volume;
		k->seen = r->seen;
		if (astray) /* to know the next one by, and no kind */
			scancase_stray(k, c, now);
		else
			scancase_add(s, k, c, now);
		scancase_moment(s, k, c, now);
		scancase_verdict(s, k, now);
	}
	return r->score < scan_line_of(0, r->volume);
}

static void note(struct scan *s, const struct scan_contact *c,
		 struct minato_time now)
{
	const uint32_t levels = minato_addr_is4(&c->source) ? 1 : SCAN_LEVELS;

	s->noted++;
	for (uint32_t level = 0; level < levels; level++)
		if (!note_at(s, c, level, now))
			return;
}

/*
 * Beyond the budget a report waits for the next one, while its source's lines
 * are on their way: nobody reads a verdict that fast then.
 */
void scan_note(struct scan *s, const struct scan_contact *c,
	       struct minato_time now)
{
	check(c->sign < SCAN_SIGNS);
	if (!s->policy.watch || (c->away && !s->policy.away))
		return;
	if (c->sign == SCAN_SILENT && sketch_opened(s, c))
		return;
	if (s->waits)
		note(s, &s->waiting, now);
	s->waits = s->left == 0 && s->gap > 0 && weights[c->sign].units == 0;
	if (!s->waits) {
		note(s, c, now);
		return;
	}
	s->waiting = *c;
	scan_seek(s, c->scope, &c->source);
}

/* --- what others ask ------------------------------------------------------ */

/* The recognised case of a source, of the lowest level that has one. */
static struct scan_case *recognised(const struct scan *s, uint8_t scope,
				    const struct minato_addr *source)
{
	const uint32_t levels = minato_addr_is4(source) ? 1 : SCAN_LEVELS;

	for (uint32_t level = 0; level < levels; level++) {
		struct scan_case *k =
			scancase_find(s, scan_key(s, scope, level, source));
		if (k != NULL && k->recognised)
			return k;
	}
	return NULL;
}

bool scan_of(const struct scan *s, uint8_t scope,
	     const struct minato_addr *source, struct minato_scan *out)
{
	const struct scan_case *k = recognised(s, scope, source);

	if (k == NULL)
		return false;
	scancase_row(s, k, out);
	if (!scancase_covers(k, source)) {
		out->blocked_until = (struct minato_time){ 0 };
		out->blocked = (struct minato_addr){ { 0 } };
	}
	return true;
}

bool scan_may_answer(struct scan *s, uint8_t scope,
		     const struct minato_addr *source, struct minato_time now)
{
	const uint32_t rate = s->policy.slower_per_s;
	const int64_t token_ns = NS_PER_S / rate;
	struct scan_case *k;
	int64_t earned;

	if (s->recognised == 0 ||
	    s->policy.answer == MINATO_SCAN_ANSWER_NOTHING)
		return true;
	k = recognised(s, scope, source);
	if (k == NULL ||
	    (s->policy.answer_s != 0 &&
	     now.ns - k->latest_ns > (int64_t)s->policy.answer_s * NS_PER_S))
		return true;
	if (s->policy.answer != MINATO_SCAN_ANSWER_SLOWER)
		return false;
	earned = (now.ns - k->refilled_ns) / token_ns;
	if (earned > 0) {
		k->refilled_ns += earned * token_ns;
		k->tokens = earned >= rate ? rate :
					     k->tokens + (uint32_t)earned;
		if (k->tokens > rate)
			k->tokens = rate;
	}
	if (k->tokens == 0)
		return false;
	k->tokens--;
	return true;
}

bool scan_is_blocked(struct scan *s, uint8_t scope,
		     const struct minato_addr *source, struct minato_time now)
{
	struct scan_case *k;

	if (s->blocked == 0)
		return false;
	k = recognised(s, scope, source);
	if (k == NULL || k->blocked_ns == 0)
		return false;
	if (now.ns < k->blocked_ns)
		return scancase_covers(k, source);
	k->blocked_ns = 0;
	s->blocked--;
	return false;
}
