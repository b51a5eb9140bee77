/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * measure: how well a chooser of ports hides its next choice. Statistics over sequences of ports,
 * and the certificate that is made of them.
 *
 * A *source* gives ports towards numbered destinations and takes them back: minato's chooser
 * (lender.c), the kernel's (the program's), or the ideal (ideal.c). A *series* is what it gave,
 * each port as its distance from the lowest: the symbol that everything here counts.
 *
 * Two questions are asked of a series, and both are asked of an ideal one of the same run too:
 *
 *   entropy  what a watcher who knows nothing of the chooser finds: NIST SP 800-90B
 *   game     what one who knows its law of late reuse finds. A watcher of all earlier picks rules
 *            out the ports that this law keeps back; what is left is *eligible*, and to guess among
 *            it blindly hits once in so many. Whoever hits more often has found something.
 *
 * The ideal chooses uniformly among what is eligible under the same law, which is why it can be
 * compared: late reuse is wanted (RFC 6056 3.1) and costs a watcher's doubt, which the line
 * `eligible` shows; any other knowledge is a defect.
 *
 * Functions return 0, or a negative errno number; nothing is printed.
 */
#ifndef MINATO_MEASURE_H
#define MINATO_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "minato/minato.h"

struct measure_series {
	const uint16_t *symbol; /* each below `alphabet` */
	size_t count;
	uint32_t alphabet; /* ports of the range */
};

/* ---- chance.c: what chance alone does ---- */

/* Probability that chi-square with `freedom` degrees is at least this. */
double measure_chi_square_tail(double chi_square, double freedom);
/* Probability that a standard normal is at least this far from 0, on either side. */
double measure_normal_tails(double z);
/* Probability of at least `count` events where `mean` are expected. */
double measure_poisson_tail(size_t count, double mean);
/*
 * SP 800-90B 6.3.7 step 8: the probability of a right guess at which a run of `run` + 1 of them
 * within `tries` comes in one case of a hundred.
 */
double measure_run_bound(size_t run, size_t tries);

/* ---- estimate.c, predict.c, lz78y.c: min-entropy per symbol by SP 800-90B, in bits ---- */

/* name, in words */
#define MEASURE_ESTIMATORS(X)                                                                      \
	X(MOST_COMMON, "most common value")                                                        \
	X(MARKOV, "Markov")                                                                        \
	X(LAG, "lag predictor")                                                                    \
	X(WINDOWS, "multi-window most common")                                                     \
	X(LZ78Y, "LZ78Y predictor")

enum measure_estimator {
#define MEASURE_ESTIMATOR(name, words) MEASURE_##name,
	MEASURE_ESTIMATORS(MEASURE_ESTIMATOR)
#undef MEASURE_ESTIMATOR
		MEASURE_ESTIMATOR_COUNT
};
const char *measure_estimator_words(enum measure_estimator estimator);

/*
 * What an estimator says. Those that predict give two bounds: by how many guesses were right, and
 * by the longest run of right ones; `bits` is the lower, as the standard wants it. With a million
 * symbols of 64 the second changes by half a bit when one run of four happens by chance, so it is
 * judged by its probability, and only `share_bits` is compared with the ideal's.
 */
struct measure_estimate {
	double bits;
	double share_bits; /* equal to `bits` where nothing is predicted */
	size_t tries, hits, run;
	double run_p; /* of a run so long if each guess hits by chance; 1 without prediction */
};

/* 6.3.1. */
struct measure_estimate measure_most_common(const struct measure_series *series);
/*
 * 6.3.3 over the symbols instead of bits: the likeliest sequence of 128, which the standard picks
 * out of six, is found by dynamic programming. For two symbols it is the same. Alphabets up to 256.
 */
int measure_markov(const struct measure_series *series, struct measure_estimate *out);
/* 6.3.8: what came 1 to 128 symbols ago, by the lag that was right most often. */
struct measure_estimate measure_lag(const struct measure_series *series);
/* 6.3.7: the most common of the last 63, 255, 1023, 4095. Alphabets up to 256. */
int measure_windows(const struct measure_series *series, struct measure_estimate *out);
/* 6.3.10: what came most often after the last 1 to 16 symbols. Alphabets up to 256. */
int measure_lz78y(const struct measure_series *series, struct measure_estimate *out);
/* Makes an estimate of a count of right guesses; for whoever predicts. */
struct measure_estimate measure_prediction(size_t tries, size_t hits, size_t run,
					   uint32_t alphabet);
/* All of them, by enum measure_estimator. */
int measure_estimates(const struct measure_series *series,
		      struct measure_estimate out[MEASURE_ESTIMATOR_COUNT]);

/* ---- law.c, game.c: the predictor game; alphabets up to 64 ---- */

#define MEASURE_GAME_PORTS 64

/*
 * A law of late reuse: picks fall into rounds of `round`, and a port of this round, or of the
 * `before` rounds before it, does not come. { 1, 0 } forbids nothing; { 1, w } says that the last w
 * do not come; { n, 0 } is a permutation of n ports, made anew for each round.
 */
struct measure_law {
	uint32_t round;	 /* 1..alphabet */
	uint32_t before; /* they rule out half the alphabet at most */
};
/* Where older rounds count, at least a quarter of the ports must always be eligible. */
bool measure_law_valid(const struct measure_law *law, uint32_t alphabet);
/*
 * The strictest law that the series keeps from its first pick to its last; what a watcher would
 * find. Rounds count from its first pick.
 */
struct measure_law measure_law_of(const struct measure_series *series);

/* Who watches under a law: which ports may come. */
struct measure_watcher {
	struct measure_law law;
	uint64_t all, out;			 /* sets of symbols */
	uint64_t rounds[MEASURE_GAME_PORTS + 1]; /* the last ones, this one included; a ring */
	size_t seen;
};
void measure_watch(struct measure_watcher *watcher, const struct measure_law *law,
		   uint32_t alphabet);
/* The set of symbols that may come next. */
uint64_t measure_eligible(const struct measure_watcher *watcher);
/* Shows the watcher a pick. */
void measure_see(struct measure_watcher *watcher, uint16_t symbol);

struct measure_game {
	struct measure_law law;
	double bound;	   /* the sum of 1 / eligible */
	uint32_t least;	   /* eligible at the worst moment */
	double doubt_bits; /* mean of log2(eligible) */
	size_t hits;	   /* of the best predictor */
	char best[48];	   /* its name */
	double ratio;	   /* hits / bound */
	uint32_t players;  /* predictors */
};
/*
 * As many hits, of `tries` picks with `mean` by chance for each predictor, as the best of `players`
 * reaches without knowing anything once in a thousand games, or more rarely.
 */
size_t measure_game_reach(uint32_t players, double mean, size_t tries);
/*
 * Lets all predictors guess each pick: the last one plus 1..16 and minus 1, linear continuation,
 * what followed the last port the time before and most often, every lag up to twice the alphabet;
 * and the same among what is eligible, with the port unused for longest, the next free one up, and
 * what came most often at this place of a round. -EINVAL for an alphabet above 64 or a law out of
 * bounds.
 */
int measure_game(const struct measure_series *series, const struct measure_law *law,
		 struct measure_game *out);

/* ---- uniform.c: is it even, and are neighbours unrelated? ---- */

struct measure_test {
	double statistic, freedom; /* chi-square; or a normal deviate, with freedom 0 */
	double p;
};
/*
 * All say with `p` how often an ideal series fares worse. Being too even is no fault, since late
 * reuse is: chi-square counts its upper tail alone.
 */
/* How often each port came. */
struct measure_test measure_ports_test(const struct measure_series *series);
/* The same of (low + symbol) mod 2^bits; -EINVAL does not happen for 1 <= bits <= 12. */
struct measure_test measure_bits_test(const struct measure_series *series, uint16_t low,
				      uint32_t bits);
/*
 * Pairs of successive picks (0 and 1, 2 and 3 ...), each sorted into `buckets` (at most 256) of
 * equal width. Where a bucket is one port, pairs of equal ports are left out: late reuse forbids
 * them.
 */
int measure_pairs_test(const struct measure_series *series, uint32_t buckets,
		       struct measure_test *out);
/* How many picks lie between two of the lower half (Knuth, gap test). */
struct measure_test measure_gaps_test(const struct measure_series *series);
/* Runs in one half of the range (Wald and Wolfowitz). */
struct measure_test measure_halves_test(const struct measure_series *series);
/* Runs up and down. */
struct measure_test measure_turns_test(const struct measure_series *series);
/* Steps of 1..reach upwards from pick to pick, against what chance gives; a normal deviate. */
struct measure_test measure_steps_test(const struct measure_series *series, uint32_t reach);

/* ---- reuse.c ---- */

/* Picks from one use of a port to its next, towards one destination. */
struct measure_reuse {
	uint32_t least, p1, median; /* 0 when nothing was used twice */
};
int measure_reuse(const struct measure_series *series, struct measure_reuse *out);

/* ---- leak.c: what one series tells of another ---- */

struct measure_leak {
	double bits; /* mutual information per pick, less what chance alone gives; may be < 0 */
	double error_bits; /* its standard error where there is none */
	double p;
};
/*
 * Of a[i] and b[i]; both of one length, alphabets up to 256. Neighbouring symbols count as one
 * where there are too few pairs to tell all apart.
 */
int measure_leak(const struct measure_series *a, const struct measure_series *b,
		 struct measure_leak *out);

/* ---- sources ---- */

struct measure_source {
	void *user;
	/* Begins anew, as after a start of the host, with ports low..high. */
	int (*open)(void *user, uint16_t low, uint16_t high);
	/* One port towards a destination; -EADDRNOTAVAIL when none is left. */
	int (*take)(void *user, uint32_t destination, uint64_t *lease, uint16_t *port);
	/* Gives it back, its connection known to be closed. */
	void (*give)(void *user, uint64_t lease);
};

/* ---- ideal.c: what a chooser can do at best ---- */

/* A stream of good numbers from a seed; for what is measured with, never for the product. */
struct measure_dice {
	uint64_t state;
};
uint64_t measure_roll(struct measure_dice *dice);
/* Uniform in [0, bound); bound >= 1. */
uint32_t measure_below(struct measure_dice *dice, uint32_t bound);
/* Fills `symbol` with uniform choices among what the law leaves; alphabets up to 64. */
void measure_ideal(uint16_t *symbol, size_t count, uint32_t alphabet, const struct measure_law *law,
		   struct measure_dice *dice);

/* ---- lender.c: minato's chooser as a source ---- */

struct measure_lender;
/* -ENOMEM. To be freed with measure_lender_free, which takes NULL. */
int measure_lender_make(struct measure_lender **out, enum minato_chooser chooser, uint64_t seed);
/* Borrows the lender. */
struct measure_source measure_lender_source(struct measure_lender *lender);
void measure_lender_free(struct measure_lender *lender);

/* ---- record.c: series of a source ---- */

/*
 * Opens the source and takes `count` ports towards one destination, each given back before the
 * next. Whatever the source fails with; -ERANGE for a port out of low..high.
 */
int measure_record(const struct measure_source *source, uint16_t low, uint16_t high,
		   uint16_t *symbol, size_t count);

/* ---- portrait.c: all that is asked of one series of up to 64 ports ---- */

struct measure_portrait {
	size_t count;
	struct measure_estimate estimate[MEASURE_ESTIMATOR_COUNT];
	struct measure_game game;
	struct measure_reuse reuse;
};
/* `law` NULL: the series' own, as measure_law_of finds it. */
int measure_portrait(const struct measure_series *series, const struct measure_law *law,
		     struct measure_portrait *out);
/*
 * The same of ideal series under a law: the estimates are means over several, since one of them has
 * its own luck. The game is of one.
 */
int measure_ideal_portrait(size_t count, uint32_t alphabet, const struct measure_law *law,
			   uint64_t seed, struct measure_portrait *out);
/* The greatest shortfall of an estimator's `share_bits` against the ideal's; at least 0. */
double measure_deficit_bits(const struct measure_portrait *portrait,
			    const struct measure_portrait *ideal);
/* The least run_p of the estimates. */
double measure_runs_p(const struct measure_portrait *portrait);

/* ---- tracking.c: can a page that connects to many places know this host again? ---- */

struct measure_tracking {
	uint32_t destinations;
	double stable_bits; /* 0 where no more repeats than chance has it */
	double p;
};
/*
 * Visits many destinations twice each, then others, then the first again. What repeats more often
 * than by chance (the port, the step between two picks, the difference between two destinations)
 * identifies the host.
 */
int measure_tracking(const struct measure_source *source, uint16_t low, uint16_t high,
		     struct measure_tracking *out);

/* ---- cost.c ---- */

#define MEASURE_LEVELS 6
extern const double measure_levels[MEASURE_LEVELS]; /* 0, 0.5, 0.9, 0.99, 0.999, 0.9999 */
#define MEASURE_CURVE 50

struct measure_cost {
	uint32_t ports;			 /* of the range */
	uint32_t filled;		 /* obtained for one destination until it said full */
	/*
	 * A pick and its release at that occupancy; and a pick and the release of another port that
	 * is held, at random, which is mostly the cost of finding that one in memory.
	 */
	double level_ns[MEASURE_LEVELS], swap_ns[MEASURE_LEVELS];
	double one_percent_ns, half_ns; /* at 1 %, and a little above 50 % */
	double curve_ns[MEASURE_CURVE]; /* at i / MEASURE_CURVE */
	double full_ns;			 /* to answer that none is left */
};
int measure_cost(const struct measure_source *source, uint16_t low, uint16_t high,
		 struct measure_cost *out);
/* Of `count` >= 1 times; brings them into order. */
double measure_median(double *value, size_t count);

/* ---- certificate.c ---- */

#define MEASURE_TESTS_MAX 24
#define MEASURE_LEAKS 4
/* Beyond chance: one certificate of some ten thousand goes wrong by bad luck. */
#define MEASURE_P_LEAST 1e-6
/*
 * With a million picks; the luck of fewer is greater by the root of that, and these bars are as
 * much wider.
 */
#define MEASURE_DEFICIT_MOST 0.05
#define MEASURE_GAME_MOST 1.05
#define MEASURE_PICKS_FULL 1000000

struct measure_plan {
	size_t picks; /* of each series; at least 10,000 */
	uint16_t low; /* of the MEASURE_GAME_PORTS ports */
	uint64_t seed;
	void (*progress)(void *user, const char *what, double share); /* or NULL */
	void *user;
};

struct measure_named_test {
	char name[48];
	struct measure_test test;
};

struct measure_named_leak {
	const char *name;
	struct measure_leak leak;
};

/* name, word, what it says */
#define MEASURE_BARS(X)                                                                            \
	X(ENTROPY, "entropy", "bits that an estimator finds below the ideal")                      \
	X(GAME, "game", "hits of the best predictor over the sum of 1/eligible")                   \
	X(RUNS, "runs", "chance of the longest run of right guesses")                              \
	X(EVEN, "even", "chance of the worst test of evenness")                                    \
	X(LEAKAGE, "leakage", "chance of what one destination tells of another")                   \
	X(TRACKING, "tracking", "bits by which a host is known again")                             \
	X(FILL, "fill", "ports obtained of the whole range")

enum measure_bar {
#define MEASURE_BAR(name, word, text) MEASURE_BAR_##name,
	MEASURE_BARS(MEASURE_BAR)
#undef MEASURE_BAR
		MEASURE_BAR_COUNT
};

struct measure_judgement {
	const char *word, *text;
	double value, limit;
	bool at_least; /* the limit is the least that is good, not the most */
	bool met;
};

struct measure_certificate {
	struct measure_portrait chooser, ideal;
	double deficit_bits;
	uint32_t test_count;
	struct measure_named_test test[MEASURE_TESTS_MAX];
	struct measure_named_leak leak[MEASURE_LEAKS];
	struct measure_tracking tracking;
	struct measure_reuse whole_reuse; /* over the whole range */
	struct measure_cost cost;
	uint16_t *whole; /* the series over 1024..65535, `whole_count` symbols */
	size_t whole_count;
	struct measure_judgement bar[MEASURE_BAR_COUNT];
	bool met; /* all of them */
};
/* Free with measure_certificate_free, after a failure too. -EINVAL for a plan out of bounds. */
int measure_certify(const struct measure_source *source, const struct measure_plan *plan,
		    struct measure_certificate *out);
void measure_certificate_free(struct measure_certificate *certificate);

#endif
