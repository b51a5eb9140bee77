/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim                     2,000 worlds, one TAP case for every 25
 * sim --first N --count C other worlds
 * sim --seed N [--trace]  one world, and what happens in it
 * sim --siege ...         the same, of worlds with a server under siege
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define BLOCK 25u

static struct sim sim;
static bool (*run_world)(struct sim *s, uint64_t seed, bool trace) = sim_run;

/* A broken promise of the library: say in which world, then die. */
void minato_panic(const char *file, int line, const char *what)
{
	printf("# seed %" PRIu64 " at %.6f s: %s:%d: %s\n", sim.seed, (double)sim.now / 1e9, file,
	       line, what);
	fflush(stdout);
	abort();
}

static unsigned run_block(uint64_t first, uint64_t count)
{
	unsigned failed = 0;

	for (uint64_t seed = first; seed < first + count; seed++) {
		if (run_world(&sim, seed, false))
			continue;
		printf("# seed %" PRIu64 ": %s\n", seed, sim.why);
		printf("# sim%s --seed %" PRIu64 " --trace shows how\n",
		       run_world == siege_run ? " --siege" : "", seed);
		failed++;
	}
	return failed;
}

static int run_all(uint64_t first, uint64_t count)
{
	const uint64_t blocks = (count + BLOCK - 1) / BLOCK;
	unsigned failed = 0;

	printf("1..%" PRIu64 "\n", blocks);
	for (uint64_t i = 0; i < blocks; i++) {
		const uint64_t at = first + i * BLOCK;
		const uint64_t left = first + count - at;
		const uint64_t part = left < BLOCK ? left : BLOCK;
		const unsigned bad = run_block(at, part);
		printf("%sok %" PRIu64 " - worlds %" PRIu64 " to %" PRIu64 "\n",
		       bad ? "not " : "", i + 1, at, at + part - 1);
		fflush(stdout);
		failed += bad;
	}
	return failed > 0;
}

static int run_one(uint64_t seed, bool trace)
{
	const bool passed = run_world(&sim, seed, trace);

	printf("seed %" PRIu64 ": %s\n", seed, passed ? "passed" : sim.why);
	return !passed;
}

int main(int argc, char **argv)
{
	uint64_t first = 1, count = 2000, seed = 0;
	bool trace = false, one = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--trace") == 0) {
			trace = true;
			continue;
		}
		if (strcmp(argv[i], "--siege") == 0) {
			run_world = siege_run;
			continue;
		}
		if (i + 1 == argc) {
			fprintf(stderr, "sim [--siege] [--first N] [--count C] | "
					"[--siege] --seed N [--trace]\n");
			return 2;
		}
		const uint64_t value = strtoull(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--seed") == 0) {
			seed = value;
			one = true;
		} else if (strcmp(argv[i], "--first") == 0) {
			first = value;
		} else if (strcmp(argv[i], "--count") == 0) {
			count = value;
		}
		i++;
	}
	return one ? run_one(seed, trace) : run_all(first, count);
}
