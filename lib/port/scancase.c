/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cases: what is told of a source that has failed more than once, or of any as
 * long as there is room. In sets of eight by a hash of the key; the one gives
 * way that is known least about, and among these the one heard of longest ago.
 */
#include "port/scan.h"

#define MOMENT_NS NS_PER_S /* who tries the same within it does so together */
#define SHARED_MIN 3u
#define STEP_MAX 3u    /* ports from one to the next of a sequence */
#define PATTERN_MIN 4u /* ports, to speak of a pattern */
#define LISTED_PERCENT 6u
#define SWEEP_MIN 4u /* addresses */

/* The ports that lists of what is used most begin with; sorted. */
static const uint16_t most_used[] = {
	21,   22,   23,	  25,	53,    67,    69,    79,   80,	 81,   88,
	110,  111,  113,  119,	123,   135,   137,   139,  143,	 161,  179,
	199,  389,  427,  443,	444,   445,   465,   500,  513,	 514,  515,
	543,  544,  548,  554,	587,   631,   636,   646,  873,	 990,  993,
	995,  1025, 1026, 1027, 1029,  1110,  1433,  1434, 1720, 1723, 1755,
	1900, 2000, 2001, 2049, 2121,  2717,  3000,  3128, 3306, 3389, 4899,
	5000, 5009, 5051, 5060, 5101,  5190,  5353,  5357, 5432, 5631, 5666,
	5800, 5900, 6000, 6001, 6646,  7070,  8000,  8008, 8009, 8080, 8081,
	8443, 8888, 9100, 9999, 10000, 32768, 49152,
};

/* --- places --------------------------------------------------------------- */

static uint32_t set_of(const struct scan *s, uint64_t key, uint32_t *tag)
{
	const uint64_t hash = scan_hash(s, key, 9);

	*tag = (uint32_t)(hash >> 32) | 1;
	return (uint32_t)hash % (SCAN_CASES / SCAN_CASE_LANES) *
	       SCAN_CASE_LANES;
}

struct scan_case *scancase_find(const struct scan *s, uint64_t key)
{
	uint32_t tag;
	const uint32_t first = set_of(s, key, &tag);

	for (uint32_t i = first; i < first + SCAN_CASE_LANES; i++)
		if (s->tags[i] == tag && scan_case_at(s, i)->key == key)
			return scan_case_at(s, i);
	return NULL;
}

/* Whether `a` is less worth keeping than `b`. */
static bool lesser(const struct scan_case *a, const struct scan_case *b)
{
	const uint32_t left = (a->blocked_ns != 0) * 4u + a->recognised * 2u +
			      (a->proven > 0);
	const uint32_t right = (b->blocked_ns != 0) * 4u + b->recognised * 2u +
			       (b->proven > 0);

	if (left != right)
		return left < right;
	if (!a->recognised && a->score != b->score)
		return a->score < b->score;
	return a->latest_ns < b->latest_ns;
}

static void close_case(struct scan *s, struct scan_case *k, uint32_t number)
{
	const uint32_t generation = k->generation + 1;

	s->recognised -= k->recognised;
	s->blocked -= k->blocked_ns != 0;
	s->cases_used--;
	s->tags[number] = 0;
	*k = (struct scan_case){ .generation = generation };
}

/* The place for one of this score, or SCAN_CASES. */
static uint32_t make_room(struct scan *s, uint64_t key, uint32_t score,
			  uint32_t *tag)
{
	const uint32_t first = set_of(s, key, tag);
	uint32_t worst = first;

	for (uint32_t i = first; i < first + SCAN_CASE_LANES; i++) {
		if (scan_case_at(s, i)->key == 0)
			return i;
		if (lesser(scan_case_at(s, i), scan_case_at(s, worst)))
			worst = i;
	}
	if (scan_case_at(s, worst)->score > score)
		return SCAN_CASES;
	close_case(s, scan_case_at(s, worst), worst);
	return worst;
}

static struct minato_addr masked(const struct minato_addr *source,
				 uint32_t level)
{
	struct minato_addr a = *source;

	if (!minato_addr_is4(source))
		memset(a.bytes + 8 - level, 0, 8 + level);
	return a;
}

struct scan_case *scancase_open(struct scan *s, const struct scan_contact *c,
				uint64_t key, uint32_t level,
				const struct scan_source *r,
				struct minato_time now)
{
	uint32_t tag;
	const uint32_t number = make_room(s, key, r->score, &tag);
	struct scan_case *k;

	if (number == SCAN_CASES)
		return NULL;
	k = scan_case_at(s, number);
	*k = (struct scan_case){
		.key = key,
		.generation = k->generation,
		.began_ns = now.ns,
		.latest_ns = now.ns,
		.level = (uint8_t)level,
		.scope = c->scope,
		.source = masked(&c->source, level),
		.refilled_ns = now.ns,
		.tokens = s->policy.slower_per_s,
		.first = UINT16_MAX,
	};
	s->tags[number] = tag;
	s->cases_used++;
	return k;
}

/* --- what is told --------------------------------------------------------- */

/* How many of the list are below this port. */
static size_t listed_below(uint32_t port)
{
	size_t low = 0, high = sizeof(most_used) / sizeof(most_used[0]);

	while (low < high) {
		const size_t mid = (low + high) / 2;
		if (most_used[mid] < port)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_listed(uint16_t port)
{
	const size_t at = listed_below(port);

	return at < sizeof(most_used) / sizeof(most_used[0]) &&
	       most_used[at] == port;
}

bool scancase_tried(const struct scan_case *k, uint16_t port)
{
	for (uint32_t i = 0; i < k->port_count; i++)
		if (k->ports[i] == port)
			return true;
	return false;
}

bool scancase_goes_on(const struct scan_case *k, const struct scan_contact *c)
{
	if (minato_addr_equal(&k->target, &c->target))
		return true;
	for (uint32_t i = 0; i < SCAN_NEAR; i++)
		if (k->near[i] == c->port)
			return true;
	return false;
}

static uint32_t index_of(const uint32_t *list, uint32_t count, uint64_t contact)
{
	uint32_t i = 0;

	while (i < count && list[i] != (uint32_t)contact)
		i++;
	return i;
}

static uint64_t rest_bit(uint64_t contact)
{
	return UINT64_C(1) << (contact >> 58);
}

bool scancase_vouched(const struct scan_case *k, uint64_t contact)
{
	if (index_of(k->vouched, k->vouched_count, contact) < k->vouched_count)
		return true;
	return k->vouched_count == SCAN_VOUCHED &&
	       (k->vouched_rest & rest_bit(contact)) != 0;
}

static uint64_t lower_half(const struct minato_addr *source)
{
	uint64_t half;

	memcpy(&half, source->bytes + 8, sizeof(half));
	return half;
}

/* Neighbours share a /64 as often as one has it alone: who of it verifies is
   told apart, until others do so too. */
static void count_owner(struct scan_case *k, const struct scan_contact *c,
			uint64_t contact, struct minato_time now)
{
	const uint64_t half = lower_half(&c->source);

	if (k->proven == 0 && now.ns >= k->blocked_ns) {
		k->owner = half;
		k->others = 0;
	} else if (k->owner != half) {
		k->others |= rest_bit(contact);
	}
}

bool scancase_covers(const struct scan_case *k,
		     const struct minato_addr *source)
{
	return minato_addr_is4(source) || k->owner == lower_half(source) ||
	       bits_count(k->others) >= SCAN_OTHERS;
}

void scancase_vouch(struct scan_case *k, const struct scan_contact *c,
		    uint64_t contact, struct minato_time now)
{
	const bool known = scancase_vouched(k, contact);
	const bool asks = c->sign == SCAN_QUESTION;

	count_owner(k, c, contact, now);
	/* How what it had begun before a block ends is no evidence for
	   another one. */
	if (now.ns >= k->blocked_ns) {
		k->anew |= !known;
		k->again |= rest_bit(contact);
	}
	if (known)
		return;
	if (k->vouched_count < SCAN_VOUCHED)
		k->vouched[k->vouched_count++] = (uint32_t)contact;
	else
		k->vouched_rest |= rest_bit(contact);
	if (asks && k->asked < SCAN_PROVEN_TOP)
		k->asked++;
}

/* Beyond the list it is for good, which is to the source's advantage. */
bool scancase_take(struct scan_case *k, uint64_t contact)
{
	if (index_of(k->taken, k->taken_count, contact) < k->taken_count)
		return false;
	if (k->taken_count < SCAN_VOUCHED)
		k->taken[k->taken_count++] = (uint32_t)contact;
	return true;
}

bool scancase_give(struct scan_case *k, uint64_t contact)
{
	const uint32_t at = index_of(k->taken, k->taken_count, contact);

	if (at == k->taken_count)
		return false;
	k->taken[at] = k->taken[--k->taken_count];
	return true;
}

/* One more port: its hash is counted in two ways. */
static void add_port(const struct scan *s, struct scan_case *k,
		     const struct scan_contact *c)
{
	const uint64_t hash =
		scan_hash(s, (uint64_t)c->proto << 16 | c->port, 10);
	const uint32_t bit = hash % 512;
	const uint32_t zeros =
		1 + (uint32_t)__builtin_clzll(hash << 16 | UINT64_C(1) << 15);
	uint8_t *most = &k->zeros[hash >> 58];

	k->tried[bit / 64] |= UINT64_C(1) << bit % 64;
	if (*most < zeros)
		*most = (uint8_t)zeros;
	if (k->port_count < MINATO_SCAN_PORTS && !scancase_tried(k, c->port))
		k->ports[k->port_count++] = c->port;
	if (c->port < k->first)
		k->first = c->port;
	if (c->port > k->last)
		k->last = c->port;
	if (k->contacts > 0 && c->port != k->previous) {
		k->up += (uint16_t)(c->port - k->previous) <= STEP_MAX;
		k->listed += is_listed(c->port);
	}
	k->contacts += k->contacts == 0 || c->port != k->previous;
	k->previous = c->port;
}

static void add_target(const struct scan *s, struct scan_case *k,
		       const struct minato_addr *target)
{
	uint64_t word[2];

	memcpy(word, target->bytes, sizeof(word));
	k->targets |= 1u << (scan_hash(s, word[0], word[1]) >> 59);
	k->target = *target;
	if (bits_count(k->targets) >= SWEEP_MIN && k->port_count <= 2)
		k->kinds |= 1u << MINATO_SCAN_SWEEP;
}

static void add_evidence(struct scan_case *k, const struct scan_contact *c)
{
	switch ((enum scan_sign)c->sign) {
	case SCAN_CLOSED:
	case SCAN_SILENT:
		k->closed++;
		break;
	case SCAN_HALF:
		k->half++;
		k->kinds |= 1u << MINATO_SCAN_SYN;
		break;
	case SCAN_PIECE:
		k->kinds |= 1u << MINATO_SCAN_FRAGMENT;
		k->impossible++;
		break;
	case SCAN_IMPOSSIBLE:
	case SCAN_STRAY:
		k->impossible++;
		break;
	case SCAN_EMPTY:
		k->empty++;
		k->kinds |= 1u << MINATO_SCAN_CONNECT;
		break;
	case SCAN_ABORTED:
		k->empty++;
		k->kinds |= 1u << MINATO_SCAN_CONNECT;
		break;
	case SCAN_REFUSED:
		k->verified++;
		k->kinds |= 1u << MINATO_SCAN_CONNECT;
		break;
	case SCAN_QUESTION:
		k->verified++;
		k->kinds |= 1u << MINATO_SCAN_VERSION;
		break;
	case SCAN_BARE:
		k->kinds |= 1u << MINATO_SCAN_VERSION;
		break;
	case SCAN_GOOD:
	case SCAN_USED:
	case SCAN_SIGNS:
		break;
	}
}

/* A connection of one that was forgotten, perhaps: no more is told of it than
   when, and its port to know the next one by. */
void scancase_stray(struct scan_case *k, const struct scan_contact *c,
		    struct minato_time now)
{
	k->latest_ns = now.ns;
	k->source_port = c->source_port;
}

void scancase_add(struct scan *s, struct scan_case *k,
		  const struct scan_contact *c, struct minato_time now)
{
	k->latest_ns = now.ns;
	if (c->sign == SCAN_GOOD || c->sign == SCAN_USED)
		return;
	if (c->tool != MINATO_SCAN_TOOL_UNKNOWN)
		k->tool = c->tool;
	k->source_port = c->source_port;
	k->kinds |= c->kinds;
	add_evidence(k, c);
	if (c->sign == SCAN_BARE && now.ns >= k->blocked_ns)
		k->bare_at |= UINT64_C(1) << c->port % 64;
	if (c->proto != MINATO_ICMP) { /* pings have no port */
		k->near[k->near_count++ % SCAN_NEAR] = c->port;
		add_port(s, k, c);
	}
	add_target(s, k, &c->target);
}

/* --- one sender under several addresses ----------------------------------- */

static void share(struct scan *s, struct scan_case *k)
{
	k->shared++;
	if (k->shared >= SHARED_MIN && k->shared * 2 >= k->contacts)
		k->kinds |= 1u << MINATO_SCAN_DECOY;
	(void)s;
}

void scancase_moment(struct scan *s, struct scan_case *k,
		     const struct scan_contact *c, struct minato_time now)
{
	uint64_t word[5] = { 0 };
	struct scan_moment *m;
	uint64_t hash;

	if (c->stamp == 0 || k->level > 0)
		return;
	memcpy(word, c->target.bytes, 16);
	word[2] = (uint64_t)c->proto << 16 | c->port;
	hash = hash_five(&s->secret, word);
	m = &s->moments[hash % SCAN_MOMENTS];
	if (m->stamp == c->stamp && m->place == (uint32_t)(hash >> 32) &&
	    now.ns - m->at_ns < MOMENT_NS) {
		struct scan_case *other =
			m->key != k->key ? scancase_find(s, m->key) : NULL;
		if (m->key != k->key)
			share(s, k);
		if (other != NULL)
			share(s, other);
		return;
	}
	*m = (struct scan_moment){ now.ns, k->key, c->stamp,
				   (uint32_t)(hash >> 32) };
}

/* --- verdicts and events -------------------------------------------------- */

static uint32_t number_of(const struct scan *s, const struct scan_case *k)
{
	return (uint32_t)(k - scan_case_at(s, 0));
}

static void queue(struct scan *s, struct scan_case *k)
{
	if (k->queued || k->told >= SCAN_TOLD_MAX)
		return;
	if (s->event_tail - s->event_head == SCAN_EVENTS) {
		s->events_lost++;
		return;
	}
	s->events[s->event_tail++ % SCAN_EVENTS] = (uint16_t)number_of(s, k);
	k->queued = true;
}

/* Longer each time: who was let in again and goes on has learned nothing. */
static void block(struct scan *s, struct scan_case *k, struct minato_time now)
{
	uint64_t span_s = s->policy.block_s;

	for (uint32_t i = 0; i < k->blocks && span_s < s->policy.block_max_s;
	     i++)
		span_s *= 2;
	if (span_s > s->policy.block_max_s)
		span_s = s->policy.block_max_s;
	s->blocked += k->blocked_ns == 0;
	k->blocked_ns = now.ns + (int64_t)span_s * NS_PER_S;
	k->blocks++;
	k->anew = false;
	k->again = 0;
	k->bare_at = 0;
	k->news = true;
}

/* Of its own evidence, not of the claims of others in its name: bare requests
   are some where it has asked what none but scanners ask. */
static bool suffices(const struct scan_case *k, uint32_t units)
{
	if (k->asked >= SCAN_ASKED && units >= SCAN_PROVEN / 2)
		units += SCAN_CONTACT_UNITS * bits_count(k->bare_at);
	return units >= SCAN_PROVEN;
}

/*
 * What it was blocked for it was blocked for: another block wants evidence that
 * came after that one. A contact that had verified nothing before is enough; of
 * others as many as for the first block.
 */
static bool goes_on(const struct scan_case *k)
{
	return k->blocks == 0 || k->anew ||
	       suffices(k, SCAN_CONTACT_UNITS * bits_count(k->again));
}

static void settle_block(struct scan *s, struct scan_case *k,
			 struct minato_time now)
{
	if (!suffices(k, k->proven) || k->level > 0)
		return;
	k->blockable = true;
	if (s->policy.answer == MINATO_SCAN_ANSWER_BLOCK &&
	    k->blocked_ns <= now.ns && goes_on(k))
		block(s, k, now);
}

void scancase_verdict(struct scan *s, struct scan_case *k,
		      struct minato_time now)
{
	if (!k->recognised && k->score < scan_line_of(k->level, k->volume))
		return;
	s->recognised += !k->recognised;
	k->news |= !k->recognised;
	k->recognised = true;
	settle_block(s, k, now);
	if (k->news || k->kinds != k->told_kinds)
		queue(s, k);
}

bool scan_event(struct scan *s, struct minato_scan *out)
{
	while (s->event_head != s->event_tail) {
		const uint32_t number =
			s->events[s->event_head++ % SCAN_EVENTS];
		struct scan_case *k = scan_case_at(s, number);
		uint64_t cursor = number;
		if (!k->queued) /* it has given way meanwhile */
			continue;
		k->queued = false;
		k->news = false;
		k->told++;
		k->told_kinds = k->kinds;
		return scan_row(s, &cursor, out);
	}
	return false;
}

/* --- listing -------------------------------------------------------------- */

/* How many different ones leave so many bits of 512 set: the sum of what each
   next bit takes. */
static uint32_t linear_count(const struct scan_case *k)
{
	uint32_t set = 0;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < 8; i++)
		set += bits_count(k->tried[i]);
	for (uint32_t i = 0; i < set; i++)
		sum += (UINT64_C(512) << 16) / (512 - i);
	return (uint32_t)((sum + (1u << 15)) >> 16);
}

/* .709 * 64^2 / sum of 2^-zeros (Flajolet et al. 2007). */
static uint32_t hyper_count(const struct scan_case *k)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < 64; i++)
		sum += UINT64_C(1) << (60 - k->zeros[i]);
	return (uint32_t)(((UINT64_C(2904) << 50) / (sum >> 10)));
}

static uint32_t count_ports(const struct scan_case *k)
{
	uint32_t count = linear_count(k);

	if (count > 1000)
		count = hyper_count(k);
	return count > 65536 ? 65536 : count;
}

/* As linear_count, of 32 bits: MINATO_SCAN_TARGETS_MAX where all are set. */
static uint32_t count_targets(const struct scan_case *k)
{
	const uint32_t set = bits_count(k->targets);
	uint32_t sum = 0;

	for (uint32_t i = 0; i < set; i++)
		sum += (32u << 16) / (32 - i);
	return (sum + (1u << 15)) >> 16;
}

/* Of a narrow run any order meets some of the list: four times as many as such
   a one would are wanted. (Of many ports only some thirty come here.) */
static bool is_of_list(const struct scan_case *k)
{
	const uint64_t by_chance =
		listed_below(k->last + 1u) - listed_below(k->first);
	const uint64_t span = (uint64_t)(k->last - k->first) + 1;

	return (uint64_t)k->listed * 100 >=
		       (uint64_t)k->contacts * LISTED_PERCENT &&
	       k->listed * span >= 4 * k->contacts * by_chance;
}

static enum minato_scan_pattern pattern_of(const struct scan_case *k)
{
	if (k->port_count < PATTERN_MIN)
		return MINATO_SCAN_PATTERN_FEW;
	if (k->up * 2 >= k->contacts)
		return MINATO_SCAN_PATTERN_SEQUENTIAL;
	return is_of_list(k) ? MINATO_SCAN_PATTERN_TOP_LIST :
			       MINATO_SCAN_PATTERN_RANDOM;
}

/* The odds that the walk says, against even ones. */
static uint32_t confidence_of(const struct scan_case *k)
{
	const uint32_t bits = k->score / 2;

	return 1000 - 1000 / (1 + (1u << (bits < 20 ? bits : 20)));
}

static struct minato_addr blocked_of(const struct scan_case *k)
{
	struct minato_addr one = k->source;

	if (k->blocked_ns == 0 || minato_addr_is4(&one) ||
	    bits_count(k->others) >= SCAN_OTHERS)
		return (struct minato_addr){ { 0 } };
	memcpy(one.bytes + 8, &k->owner, sizeof(k->owner));
	return one;
}

void scancase_row(const struct scan *s, const struct scan_case *k,
		  struct minato_scan *out)
{
	static const uint8_t prefixes[SCAN_LEVELS] = { 64, 56, 48 };

	*out = (struct minato_scan){
		.number = (uint64_t)k->generation << 32 | (number_of(s, k) + 1),
		.source = k->source,
		.prefix = minato_addr_is4(&k->source) ? 128 :
							prefixes[k->level],
		.scope = k->scope,
		.recognised = k->recognised,
		.blockable = k->blockable,
		.tool = (enum minato_scan_tool)k->tool,
		.pattern = pattern_of(k),
		.kinds = k->kinds,
		.confidence = confidence_of(k),
		.ports_tried = count_ports(k),
		.first = k->port_count > 0 ? k->first : 0,
		.last = k->last,
		.port_count = k->port_count,
		.target = k->target,
		.targets = count_targets(k),
		.began = { k->began_ns },
		.latest = { k->latest_ns },
		.blocked_until = { k->blocked_ns },
		.blocked = blocked_of(k),
		.blocks = k->blocks,
		.closed = k->closed,
		.half = k->half,
		.impossible = k->impossible,
		.shared = k->shared,
		.empty = k->empty,
		.verified = k->verified,
	};
	memcpy(out->ports, k->ports, sizeof(out->ports));
}

bool scan_row(const struct scan *s, uint64_t *cursor, struct minato_scan *out)
{
	for (; *cursor < SCAN_CASES; (*cursor)++) {
		const uint32_t number = (uint32_t)*cursor;
		if (scan_case_at(s, number)->key == 0)
			continue;
		scancase_row(s, scan_case_at(s, number), out);
		(*cursor)++;
		return true;
	}
	return false;
}

/* What a /64 has added to the prefixes that it is in goes with it: else one
   that is forgotten again and again would name these. */
static void forget_above(struct scan *s, const struct scan_case *k)
{
	const uint32_t most = scan_line_of(0, k->volume) + SCAN_UNIT;
	const uint32_t by = k->score < most ? k->score : most;

	if (minato_addr_is4(&k->source) || k->level > 0)
		return;
	for (uint32_t level = 1; level < SCAN_LEVELS; level++) {
		const uint64_t key = scan_key(s, k->scope, level, &k->source);
		struct scan_source *r = scan_find(s, key);
		struct scan_case *above = scancase_find(s, key);
		if (r == NULL)
			continue;
		r->score = (r->score > by ? r->score - by : 0) & SCAN_TOP;
		if (above != NULL)
			above->score = r->score;
	}
}

bool scan_forget(struct scan *s, uint64_t number)
{
	const uint32_t at = (uint32_t)number - 1;
	struct scan_source *r;
	struct scan_case *k;

	if (at >= SCAN_CASES)
		return false;
	k = scan_case_at(s, at);
	if (k->key == 0 || k->generation != number >> 32)
		return false;
	forget_above(s, k);
	r = scan_find(s, k->key);
	if (r != NULL) {
		*r = (struct scan_source){ 0 };
		s->used--;
	}
	close_case(s, k, at);
	return true;
}

/* --- policy and names ----------------------------------------------------- */

void minato_scan_policy_init(struct minato_scan_policy *policy)
{
	*policy = (struct minato_scan_policy){
		.watch = true,
		.away = true,
		.answer = MINATO_SCAN_ANSWER_SLOWER,
		.slower_per_s = 10,
		.block_s = 600,
		.block_max_s = 86400,
	};
}

void scan_set(struct scan *s, const struct minato_scan_policy *policy)
{
	s->policy = *policy;
	if (policy->answer == MINATO_SCAN_ANSWER_BLOCK)
		return;
	for (uint32_t i = 0; i < SCAN_CASES && s->blocked > 0; i++) {
		struct scan_case *k = scan_case_at(s, i);
		s->blocked -= k->blocked_ns != 0;
		k->blocked_ns = 0;
	}
}

void scan_get(const struct scan *s, struct minato_scan_policy *out)
{
	*out = s->policy;
}
