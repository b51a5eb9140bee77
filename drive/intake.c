/* SPDX-License-Identifier: BSD-2-Clause */
/* A ring of slots into which the kernel writes what arrives (TPACKET_V2); who is served first. */
#include "drive/intake.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drive/drive.h"

#define SLOT 2048u
#define SLOTS 8192u /* what comes in some milliseconds in which we do not run */
#define BLOCK 65536u
#define SIZE ((size_t)SLOTS * SLOT)
#define RESERVE 6 /* so that what is behind an Ethernet header is aligned */

#define LOOKS 512u /* at new frames, for one batch */
#define AHEAD 8u   /* of them at once */
#define QUEUED 8u  /* large frames in it: more only evict from the cache what was just read */
/* Of those who wait, in each batch: few, as others wait for its end; more where there are none. */
#define OTHERS_MIN 4u
#define OTHERS_SOME 32u
#define OTHERS_MAX DRIVE_INTAKE_BATCH /* of which nobody went first lately */
/* Who waits: so many at most, and fewer where the queue has not been empty for a while. */
#define WAITING_MAX (SLOTS / 2)
#define SPAN_MAX (SLOTS - SLOTS / 4) /* beyond it those who wait would block the ring */
#define STANDING_MAX 96u
#define STANDING_NS INT64_C(10000000)

/* A crowd is counted among the last frames: what it had halves each AMONG frames. */
#define AMONG 256u
#define FEW 32u /* of strangers: up to an eighth of all */
/* Of a known source: up to half of all, and fewer where such fill the batches by themselves. */
#define SHARE_MAX 256u
#define SHARE_MIN 4u

/*
 * Who waits gets so much of the time (a share of 256) while others are served, and this at once;
 * less where other programs want the processor.
 */
#define TIME_SHARE 160
#define TIME_SHARE_WANTED 24
#define TIME_SHARE_STRANGERS 8 /* the same, where most of those who wait are no one's */
/*
 * Strangers' calls that go before others of theirs, where they are no flood of frames: so much, and
 * so many in a batch.
 */
#define TIME_SHARE_CALLS 4
#define CALLS_MAX 8u
/*
 * The same of a flood of calls, where we answer; where we ask for a proof while there are some who
 * prove themselves; and where there was none lately: those who are there look otherwise then.
 */
#define TIME_SHARE_ANSWERS 24
#define TIME_SHARE_ASKED 24
#define TIME_SHARE_ASKING 8
#define PROVEN_NS INT64_C(10000000000)
#define ANSWERS_MAX 32u
/*
 * Of that time those from networks in which somebody was have so much, before others, and so many
 * in a batch beyond those; a network of many of them leaves half of it to networks of few.
 */
#define TIME_PART_NEAR 192
#define NEAR_MAX 16u
/*
 * Of those who proved themselves in a flood so many begin something, at once and in a second, and
 * so many of those who cannot be asked: real addresses flood as well, and what is called keeps each
 * call that it has answered for seconds, and has a few thousand places.
 */
#define CALLS_AT_ONCE 1024u
#define CALLS_EACH_NS INT64_C(1000000)
/* So many in such a time, if most frames are, although we may be able to hand all of them on. */
#define SPAN_NS INT64_C(16000000)
#define SPAN_HOLDS_NS (4 * SPAN_NS) /* so long it is one still; it may come in gusts */
#define CALLS_SOME 64u
#define TIME_AHEAD_NS 200000
#define PASSED_MAX_NS INT64_C(1000000000)
#define SERVED_NS 20000000 /* that others were served last: strangers' floods are told by it */
#define SERVED_INSIDE_NS 1000000 /* and where many begin at once without being a flood */
#define WANTED 8		 /* so often the processor was taken from us for another program */
#define LATELY_NS 100000000	 /* lately: what it was before that counts half, and so on */
#define ASK_NS 1000000		 /* how often that is asked, at most */
#define REST_NS 20000		 /* in which no more comes than a few of our slots */
#define SALT_SHIFT 28		 /* each 2^28 ns known sources are told apart in another way */

_Static_assert((SLOTS & (SLOTS - 1)) == 0, "slots are counted on and on");

struct drive_intake {
	int fd;
	int bed; /* an epoll of nothing, to rest in; or -1 */
	uint8_t *map;
	uint32_t tail, seen; /* slots, counted on and on */
	uint32_t waiting;    /* between them */
	uint32_t known_wait; /* of these, so many of known sources */
	int64_t since_ns;    /* that some wait */
	int64_t crowded_ns;  /* when more were new than a batch takes */
	uint64_t shed;
	uint32_t held; /* the slots that drive_intake_done gives back */
	uint32_t holds[DRIVE_INTAKE_BATCH + 2];
	uint16_t waits[SLOTS]; /* not yet taken: of that crowd, + 1 */
	bool kept;	       /* the last one seen was taken, but not given back yet */

	uint16_t count[DRIVE_CROWDS];  /* among the last frames */
	uint16_t behind[DRIVE_CROWDS]; /* that wait */
	uint32_t counted;	       /* since all were halved */
	uint32_t sum;		       /* of the counts */
	uint32_t share;		       /* SHARE_MIN to SHARE_MAX */

	int64_t taken_ns;	 /* when a batch was taken last */
	int64_t served_ns;	 /* and one with somebody who went first */
	int64_t owed_ns;	 /* what those who wait have had beyond their share */
	int64_t owed_calls_ns;	 /* and strangers' calls that did not, */
	int64_t owed_answers_ns; /* and those of a flood, */
	int64_t owed_near_ns;	 /* of which from networks in which somebody was */
	int64_t asking_ns;	 /* in the last batch: to ask who makes these */
	int64_t asked_ns;	 /* when the kernel was asked who else wants the processor */
	int64_t switches;	 /* to other programs, until then */
	int64_t wants, halved_ns;
	uint32_t firsts, others;	 /* of the last batch */
	uint32_t calls, answers;	 /* of the firsts: strangers', and those of a flood, */
	uint32_t near;			 /* of which from networks in which somebody was */
	uint32_t given_up;		 /* while it was put together, */
	uint32_t gave_up;		 /* the last of them, a slot */
	bool sifted;			 /* then most of strangers' first calls are given up */
	bool forwards;			 /* it is not we who answer calls */
	int64_t span_ns;		 /* since then are counted, */
	uint32_t frames, called;	 /* without a look at who sends them: frames, calls */
	int64_t flood_ns;		 /* when these were a flood */
	struct drive_safereset *callers; /* where we do not answer calls; else NULL */
	uint64_t asked, answered;
	int64_t proofs_ns, unasked_ns; /* when those that began were all in time */
	int64_t proven_ns;	       /* when somebody was, the last time */
	struct drive_again *again;
	struct drive_looks looks;
	struct drive_known known;
};

static struct tpacket2_hdr *slot_at(const struct drive_intake *intake, uint32_t i)
{
	return (struct tpacket2_hdr *)(void *)(intake->map + (size_t)(i % SLOTS) * SLOT);
}

static bool is_new(const struct drive_intake *intake, uint32_t i)
{
	return __atomic_load_n(&slot_at(intake, i)->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

static void give_back(const struct drive_intake *intake, uint32_t i)
{
	__atomic_store_n(&slot_at(intake, i)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

/* What others wrote lately is fetched while the one before it is looked at. */
static void fetch(const struct drive_intake *intake, uint32_t i)
{
	const uint8_t *slot = intake->map + (size_t)(i % SLOTS) * SLOT;

	__builtin_prefetch(slot);
	__builtin_prefetch(slot + 64);
	__builtin_prefetch(slot + 128);
}

/* ---- making ---- */

/* A predecessor that was killed may have left its ring, which nobody maps any more. */
/* unsealed: setsockopt */
void drive_intake_without(int fd)
{
	const struct tpacket_req none = { 0 };

	(void)setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &none, sizeof(none));
}

/* unsealed: mmap */
static int make_ring(struct drive_intake *intake)
{
	const struct tpacket_req want = {
		.tp_block_size = BLOCK,
		.tp_block_nr = SIZE / BLOCK,
		.tp_frame_size = SLOT,
		.tp_frame_nr = SLOTS,
	};
	const int version = TPACKET_V2, reserve = RESERVE, copy = 1;
	void *map;

	drive_intake_without(intake->fd);
	if (setsockopt(intake->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(intake->fd, SOL_PACKET, PACKET_RESERVE, &reserve, sizeof(reserve)) < 0 ||
	    setsockopt(intake->fd, SOL_PACKET, PACKET_COPY_THRESH, &copy, sizeof(copy)) < 0 ||
	    setsockopt(intake->fd, SOL_PACKET, PACKET_RX_RING, &want, sizeof(want)) < 0)
		return -errno;
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, intake->fd, 0);
	if (map == MAP_FAILED) {
		int result = -errno;

		drive_intake_without(intake->fd);
		return result;
	}
	intake->map = map;
	return 0;
}

/* unsealed: epoll_create1 prctl */
int drive_intake_open(struct drive_intake **out, int fd, bool trusted, bool forwards)
{
	struct drive_intake *intake = calloc(1, sizeof(*intake));
	uint64_t seed[3];
	int result = intake ? drive_seed(seed, sizeof(seed)) : -ENOMEM;

	if (result == 0)
		result = drive_again_new(&intake->again);
	if (result == 0 && forwards)
		result = drive_safereset_new(&intake->callers);
	if (result == 0) {
		intake->fd = fd;
		intake->forwards = forwards;
		intake->flood_ns = -SPAN_HOLDS_NS - 1;
		intake->proven_ns = -PROVEN_NS - 1;
		intake->share = SHARE_MAX;
		drive_known_reset(&intake->known, seed, trusted);
		drive_looks_reset(&intake->looks, seed[2]);
		result = make_ring(intake);
	}
	if (result < 0) {
		if (intake) {
			drive_safereset_free(intake->callers);
			drive_again_free(intake->again);
		}
		free(intake);
		return result;
	}
	intake->bed = epoll_create1(EPOLL_CLOEXEC);
	/* A rest shall not last three times as long. */
	(void)prctl(PR_SET_TIMERSLACK, 1);
	*out = intake;
	return 0;
}

/* unsealed: munmap */
/* syscalls: close */
void drive_intake_close(struct drive_intake *intake)
{
	if (!intake)
		return;
	(void)munmap(intake->map, SIZE);
	if (intake->bed >= 0)
		close(intake->bed);
	drive_safereset_free(intake->callers);
	drive_again_free(intake->again);
	free(intake);
}

/* ---- taking ---- */

static void describe(const struct drive_intake *intake, uint32_t i, struct drive_taken *out)
{
	const struct tpacket2_hdr *slot = slot_at(intake, i);
	uint8_t *bytes = (uint8_t *)slot_at(intake, i) + slot->tp_mac;

	*out = (struct drive_taken){
		.header = bytes - sizeof(struct virtio_net_hdr),
		.bytes = bytes,
		.len = slot->tp_snaplen,
		.where = DRIVE_TAKEN_HERE,
	};
	if (slot->tp_status & TP_STATUS_VLAN_VALID)
		out->vlan = slot->tp_vlan_tci & 0xfff;
	if (slot->tp_status & TP_STATUS_COPY)
		out->where = DRIVE_TAKEN_QUEUED;
	else if (slot->tp_snaplen < slot->tp_len)
		out->where = DRIVE_TAKEN_CUT;
}

static void hold(struct drive_intake *intake, uint32_t i)
{
	intake->holds[intake->held++] = i;
}

/* The tail goes past what nobody waits for any more. */
static void advance(struct drive_intake *intake)
{
	while (intake->tail != intake->seen && !intake->waits[intake->tail % SLOTS])
		intake->tail++;
}

static void put_off(struct drive_intake *intake, uint32_t crowd, struct minato_time now)
{
	if (intake->waiting++ == 0)
		intake->since_ns = now.ns;
	intake->waits[intake->seen % SLOTS] = (uint16_t)(crowd + 1);
	intake->behind[crowd]++;
	intake->known_wait += crowd >= DRIVE_CROWD_KNOWN;
}

/* Whether one more of a flood may begin something, of those that count so. */
static bool may_begin(int64_t *called_ns, struct minato_time now)
{
	const int64_t full = now.ns - CALLS_AT_ONCE * CALLS_EACH_NS;

	if (*called_ns < full)
		*called_ns = full;
	if (*called_ns + CALLS_EACH_NS > now.ns)
		return false;
	*called_ns += CALLS_EACH_NS;
	return true;
}

/* A new frame, of which is known where it belongs. */
struct ahead {
	struct drive_taken taken;
	uint32_t crowd;
	struct drive_call call; /* of a SYN by which a stranger calls */
	bool proven;		/* a call that was kept until its sender was */
};

/* Not where others will not come after it, in a flood of calls; nor is it in its slot if kept. */
static bool may_wait(const struct drive_intake *intake, const struct ahead *a)
{
	return !a->proven && (a->crowd != DRIVE_CROWD_SYN || !intake->sifted);
}

/* It does not go first. */
static void put_behind(struct drive_intake *intake, const struct ahead *a, struct minato_time now)
{
	if (may_wait(intake, a)) {
		put_off(intake, a->crowd, now);
		return;
	}
	/* The last one stays for drive_intake_done, which knows whether it may go. */
	if (intake->given_up > 0)
		give_back(intake, intake->gave_up);
	intake->gave_up = intake->seen;
	intake->shed++;
	intake->given_up++;
}

/* The one at the tail waits no more. */
static void let_go(struct drive_intake *intake)
{
	uint16_t *crowd = &intake->waits[intake->tail % SLOTS];

	intake->behind[*crowd - 1u]--;
	intake->known_wait -= *crowd > DRIVE_CROWD_KNOWN;
	*crowd = 0;
	intake->waiting--;
}

static void count(struct drive_intake *intake, uint32_t crowd)
{
	intake->count[crowd]++;
	intake->sum++;
	if (++intake->counted < AMONG)
		return;
	intake->counted = intake->sum = 0;
	for (uint32_t i = 0; i < DRIVE_CROWDS; i++) {
		intake->count[i] /= 2;
		intake->sum += intake->count[i];
	}
}

static bool is_asking(const struct drive_intake *intake, struct minato_time now)
{
	return intake->callers && drive_safereset_waits(intake->callers, now);
}

/* By a reset somebody proves himself: it stands for the call that was kept. */
static void prove(struct drive_intake *intake, struct ahead *a, struct minato_time now)
{
	a->proven = drive_safereset_proves(intake->callers, &a->taken, now, &a->taken);
	if (!a->proven)
		return;
	intake->proven_ns = now.ns;
	a->crowd = drive_known_crowd_proven(&intake->known, a->taken.bytes, a->taken.len,
					    (uint32_t)(now.ns >> SALT_SHIFT));
}

/* Long frames are of conversations; and they stand in the queue in the order of their slots. */
static void sort(struct drive_intake *intake, struct ahead *a, struct minato_time now)
{
	a->crowd = DRIVE_CROWD_LINK;
	if (a->taken.where == DRIVE_TAKEN_HERE)
		a->crowd = drive_known_crowd(&intake->known, a->taken.bytes, a->taken.len,
					     (uint32_t)(now.ns >> SALT_SHIFT), &a->call);
	if (a->crowd == DRIVE_CROWD_SYN)
		drive_again_fetch(intake->again, a->call.hash);
}

/* Among strangers' calls: one that came before, or is not as the others are. */
static uint32_t crowd_of_call(struct drive_intake *intake, const struct ahead *a,
			      struct minato_time now)
{
	struct drive_look look;

	if (drive_again(intake->again, a->call.hash, now))
		return DRIVE_CROWD_AGAIN;
	look = drive_looks_of(&intake->looks, a->taken.bytes, a->taken.len);
	return drive_looks_note(&intake->looks, look) ? DRIVE_CROWD_RARE : DRIVE_CROWD_SYN;
}

/*
 * Who is most of what comes, as many clients behind one address are, is no flood while he fills no
 * batches: if he waited it would be among the strangers that do, and for the time that they get.
 */
static uint32_t bound_of_known(const struct drive_intake *intake)
{
	const bool strangers_wait = intake->waiting > intake->known_wait;

	return strangers_wait && intake->share == SHARE_MAX ? UINT32_MAX : intake->share;
}

/*
 * Who connects and connects is no flood of frames, but it costs whoever is called. Each call of a
 * stranger may be of such; but if all of them waited for each other, newcomers would wait as long
 * as those do who are too many. So as many as there is time for go at once, and the others wait.
 */
static bool may_call(struct drive_intake *intake)
{
	if (intake->owed_calls_ns > 0 || intake->calls >= CALLS_MAX)
		return false;
	intake->calls++;
	return true;
}

static bool is_time_to_answer(struct drive_intake *intake, const struct drive_call *call)
{
	bool few = call->near && drive_known_few(&intake->known, call->network);

	if (call->near && intake->owed_near_ns <= (few ? 0 : -TIME_AHEAD_NS / 2) &&
	    intake->near < (few ? NEAR_MAX : NEAR_MAX / 2))
		return true;
	return intake->owed_answers_ns <= 0 && intake->answers < ANSWERS_MAX;
}

/* One of a flood of calls; where we do not answer it, its sender is asked. */
static bool may_answer(struct drive_intake *intake, struct ahead *a, struct minato_time now)
{
	if (a->crowd != DRIVE_CROWD_SYN || !intake->sifted ||
	    !is_time_to_answer(intake, &a->call) ||
	    (intake->forwards && !drive_safereset_has_room(intake->callers, a->call.near, now)))
		return false;
	intake->answers++;
	intake->near += a->call.near;
	a->taken.asks = intake->forwards;
	return true;
}

/* Of a crowd none goes before those of it that wait, but for calls. */
static bool goes_first(struct drive_intake *intake, struct ahead *a, struct minato_time now)
{
	uint32_t bound;

	if (a->crowd == DRIVE_CROWD_SYN)
		a->crowd = crowd_of_call(intake, a, now);
	if (a->crowd == DRIVE_CROWD_LINK)
		return true;
	if (a->proven && !may_begin(&intake->proofs_ns, now))
		return false;
	bound = a->crowd < DRIVE_CROWD_KNOWN ? FEW : bound_of_known(intake);
	count(intake, a->crowd);
	if (intake->count[a->crowd] > bound)
		return may_answer(intake, a, now);
	return a->crowd == DRIVE_CROWD_SYN ? may_call(intake) : intake->behind[a->crowd] == 0;
}

/* Whether those who go first fill batches by themselves says how many may. */
static void adapt(struct drive_intake *intake, bool full)
{
	if (full && intake->share > SHARE_MIN)
		intake->share /= 2;
	else if (!full && intake->share < SHARE_MAX)
		intake->share++;
}

/* Calls are looked for also where all is taken in order, as it is while we keep up. */
static void count_frame(struct drive_intake *intake, const struct drive_taken *taken)
{
	intake->frames++;
	intake->called += taken->where == DRIVE_TAKEN_HERE &&
			  drive_known_is_call(taken->bytes, taken->len);
}

/* Whoever is to answer them may not be able to, although we keep up. */
static void judge_span(struct drive_intake *intake, struct minato_time now)
{
	if (now.ns - intake->span_ns < SPAN_NS)
		return;
	if (intake->called >= CALLS_SOME && 2 * intake->called > intake->frames)
		intake->flood_ns = now.ns;
	intake->span_ns = now.ns;
	intake->frames = intake->called = 0;
}

/* Some new ones; what is looked for at each of them in memory is so on its way for all. */
static uint32_t look_ahead(struct drive_intake *intake, struct minato_time now, bool all,
			   struct ahead out[AHEAD])
{
	const bool asking = is_asking(intake, now);
	uint32_t n = 0;

	for (; n < AHEAD && intake->seen + n - intake->tail < SLOTS; n++) {
		if (!is_new(intake, intake->seen + n))
			break;
		fetch(intake, intake->seen + n + 4);
		out[n].proven = false;
		describe(intake, intake->seen + n, &out[n].taken);
		if (!all)
			sort(intake, &out[n], now);
		/* Also of who was sent something meanwhile, and is known. */
		if (asking &&
		    (all || out[n].crowd == DRIVE_CROWD_RST || out[n].crowd >= DRIVE_CROWD_KNOWN))
			prove(intake, &out[n], now);
	}
	return n;
}

static void take_proven(struct drive_intake *intake, const struct drive_taken *call)
{
	drive_safereset_took(call);
	intake->answered++;
}

static uint32_t take_new(struct drive_intake *intake, struct minato_time now,
			 struct drive_taken *out, uint32_t room, bool all)
{
	struct ahead group[AHEAD];
	uint32_t got = 0, queued = 0, looks = 0, n = 1;

	while (n > 0 && looks < LOOKS && got < room && queued < QUEUED) {
		n = look_ahead(intake, now, all, group);
		looks += n;
		for (uint32_t i = 0; i < n && got < room && queued < QUEUED; i++) {
			if (intake->forwards)
				count_frame(intake, &group[i].taken);
			if (all || goes_first(intake, &group[i], now)) {
				queued += group[i].taken.where == DRIVE_TAKEN_QUEUED;
				out[got++] = group[i].taken;
				hold(intake, intake->seen);
				if (group[i].proven)
					take_proven(intake, &group[i].taken);
			} else {
				put_behind(intake, &group[i], now);
			}
			intake->seen++;
		}
	}
	judge_span(intake, now);
	if (intake->given_up > 0)
		hold(intake, intake->gave_up);
	if (!all)
		adapt(intake, got - intake->answers == room);
	return got;
}

static uint32_t take_waiting(struct drive_intake *intake, struct drive_taken *out, uint32_t room)
{
	uint32_t got = 0;

	while (intake->waiting > 0 && got < room) {
		advance(intake);
		describe(intake, intake->tail, &out[got++]);
		hold(intake, intake->tail);
		let_go(intake);
	}
	advance(intake);
	return got;
}

/* What one who is known sends faster than it can be handled delays himself: it may stand. */
static bool are_too_many(const struct drive_intake *intake, struct minato_time now)
{
	bool stands = !intake->known.all && now.ns - intake->since_ns > STANDING_NS;

	return intake->waiting > (stands ? STANDING_MAX : WAITING_MAX) ||
	       (intake->waiting > 0 && intake->seen - intake->tail > SPAN_MAX);
}

/* The oldest go: who sent them has the least hope of an answer yet. */
static void shed(struct drive_intake *intake, struct minato_time now)
{
	for (; are_too_many(intake, now); intake->shed++) {
		advance(intake);
		let_go(intake);
		give_back(intake, intake->tail);
	}
	advance(intake);
}

/*
 * Whether other programs have to wait for us. Where they have processors of their own it is taken
 * some ten times a second, for the kernel's errands; where one shares ours, hundreds of times.
 */
/* syscalls: getrusage */
static bool is_wanted(struct drive_intake *intake, int64_t now)
{
	struct rusage usage;

	if (now - intake->asked_ns > ASK_NS && getrusage(RUSAGE_THREAD, &usage) == 0) {
		intake->asked_ns = now;
		intake->wants += usage.ru_nivcsw - intake->switches;
		intake->switches = usage.ru_nivcsw;
		for (; intake->wants > 0 && now - intake->halved_ns > LATELY_NS;
		     intake->halved_ns += LATELY_NS)
			intake->wants /= 2;
		if (intake->wants == 0)
			intake->halved_ns = now;
	}
	return intake->wants >= WANTED;
}

/*
 * More than half of what comes are strangers' calls: of such that are served they never are, as
 * each goes on. Each that is let through costs whoever answers it far more than us: the processor,
 * which may be ours, and a place among few, so that soon it has none for others or answers all of
 * them without a memory of them (RFC 4987 3.6), which slows their connections. In such a flood the
 * first of each is as good as none: who sent it calls again within a second or so, and is then
 * known by that (again.c); who looks otherwise than the flood does not have to (looks.c). If it is
 * we who answer, that costs no place; then they are given up where others have to wait for it.
 */
static bool is_sifted(const struct drive_intake *intake, struct minato_time now, bool wanted)
{
	const bool crowded = now.ns - intake->crowded_ns <= SERVED_NS;
	const bool served = now.ns - intake->served_ns <= SERVED_NS;

	if (intake->known.all || 2 * intake->count[DRIVE_CROWD_SYN] <= intake->sum)
		return false;
	if (intake->forwards)
		return crowded || now.ns - intake->flood_ns <= SPAN_HOLDS_NS;
	return crowded && wanted && served;
}

/* What was spent, and how much of the time that passed (of 256) is for it. */
static void settle(int64_t *owed_ns, int64_t spent_ns, int64_t passed_ns, int64_t share)
{
	const int64_t owed = *owed_ns + spent_ns - passed_ns * share / 256;

	*owed_ns = owed < -TIME_AHEAD_NS ? -TIME_AHEAD_NS :
		   owed > TIME_AHEAD_NS	 ? TIME_AHEAD_NS :
					   owed;
}

static int64_t part(int64_t ns, uint32_t count, uint32_t all)
{
	return all > 0 ? ns * count / all : 0;
}

static int64_t share_of_answers(const struct drive_intake *intake, bool wanted)
{
	if (!wanted)
		return TIME_SHARE;
	if (!intake->forwards)
		return TIME_SHARE_ANSWERS;
	return intake->taken_ns - intake->proven_ns > PROVEN_NS ? TIME_SHARE_ASKING :
								  TIME_SHARE_ASKED;
}

/* What the last batch took of our time, and for whom. */
static void account(struct drive_intake *intake, struct minato_time now)
{
	int64_t passed = now.ns - intake->taken_ns, spent, share;
	const uint32_t all = intake->firsts + intake->others;
	bool wanted;

	/* The first time, and after a sleep of the host, it is no batch's. */
	if (passed > PASSED_MAX_NS)
		passed = PASSED_MAX_NS;
	intake->taken_ns = now.ns;
	wanted = is_wanted(intake, now.ns);
	intake->sifted = is_sifted(intake, now, wanted);
	share = TIME_SHARE;
	if (wanted)
		share = intake->known.all ? TIME_SHARE_WANTED : TIME_SHARE_STRANGERS;
	settle(&intake->owed_ns, part(passed, intake->others, all), passed, share);
	share = wanted ? TIME_SHARE_CALLS : TIME_SHARE;
	settle(&intake->owed_calls_ns, part(passed, intake->calls, all), passed, share);
	share = share_of_answers(intake, wanted);
	spent = intake->forwards ? intake->asking_ns : part(passed, intake->answers, all);
	intake->asking_ns = 0;
	settle(&intake->owed_answers_ns, spent, passed, share);
	settle(&intake->owed_near_ns, part(spent, intake->near, intake->answers), passed,
	       share * TIME_PART_NEAR / 256);
}

/* How many of those who wait. */
static uint32_t room_for_others(const struct drive_intake *intake, uint32_t firsts)
{
	const int64_t lately = intake->known.all ? SERVED_INSIDE_NS : SERVED_NS;

	if (intake->taken_ns - intake->served_ns > lately)
		return OTHERS_MAX - firsts; /* calls that are answered may have gone first */
	if (intake->owed_ns > 0)
		return 0;
	return firsts > 0 ? OTHERS_MIN : OTHERS_SOME;
}

/* syscalls: epoll_pwait2 */
static void rest(const struct drive_intake *intake)
{
	const struct timespec span = { 0, REST_NS };
	struct epoll_event none;

	if (intake->bed >= 0)
		(void)epoll_pwait2(intake->bed, &none, 1, &span, NULL);
}

/* Lately there were more calls than are handed on without a look at who calls. */
static bool is_called(const struct drive_intake *intake, struct minato_time now)
{
	return intake->sifted || now.ns - intake->flood_ns <= SPAN_HOLDS_NS;
}

uint32_t drive_intake_take(struct drive_intake *intake, struct minato_time now,
			   struct drive_taken out[DRIVE_INTAKE_BATCH])
{
	bool crowded = is_new(intake, intake->seen + DRIVE_INTAKE_BATCH), calm;
	uint32_t room;

	if (intake->kept) {
		intake->kept = false;
		intake->holds[intake->held++] = intake->seen - 1;
	}
	if (crowded)
		intake->crowded_ns = now.ns;
	account(intake, now);
	calm = intake->waiting == 0 && !crowded && !is_called(intake, now);
	room = DRIVE_INTAKE_BATCH - (calm ? 0 : OTHERS_MIN);
	intake->given_up = intake->calls = intake->answers = intake->near = 0;
	intake->firsts = take_new(intake, now, out, room, calm);
	if (intake->firsts > intake->answers && !calm)
		intake->served_ns = now.ns;
	intake->others =
		take_waiting(intake, out + intake->firsts, room_for_others(intake, intake->firsts));
	shed(intake, now);
	if (intake->firsts + intake->others == 0 && intake->waiting + intake->given_up > 0)
		rest(intake);
	return intake->firsts + intake->others;
}

/*
 * The socket is readable while the slot before the kernel's head is not the kernel's: so that one
 * stays with us for as long as others wait.
 */
void drive_intake_done(struct drive_intake *intake)
{
	for (uint32_t i = 0; i < intake->held; i++) {
		if (intake->waiting > 0 && intake->holds[i] == intake->seen - 1)
			intake->kept = true;
		else
			give_back(intake, intake->holds[i]);
	}
	intake->held = 0;
}

void drive_intake_leaves(struct drive_intake *intake, const struct minato_frame_out *frame,
			 struct minato_time now)
{
	drive_known_leaves(&intake->known, frame->extents[0].base, (uint32_t)frame->extents[0].len,
			   frame->len, (uint32_t)(now.ns / 1000000000));
}

uint32_t drive_intake_ask(struct drive_intake *intake, const struct drive_taken *call,
			  struct minato_time now, uint8_t frame[DRIVE_ASKING_MAX])
{
	const uint32_t len = drive_safereset_ask(intake->callers, call, now, frame);

	intake->asked += len > 0;
	return len;
}

bool drive_intake_may_begin(struct drive_intake *intake, struct minato_time now)
{
	return may_begin(&intake->unasked_ns, now);
}

void drive_intake_spent(struct drive_intake *intake, int64_t ns)
{
	intake->asking_ns += ns;
}

void drive_intake_counts(const struct drive_intake *intake, struct drive_intake_counts *out)
{
	*out = (struct drive_intake_counts){
		.shed = intake->shed,
		.asked = intake->asked,
		.answered = intake->answered,
	};
}
