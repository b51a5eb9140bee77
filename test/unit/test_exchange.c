/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole exchanges over bad wires: every byte arrives once, in order, and both
   ends come to an end. */
#include "tcp_wire.h"

static void exchange(const struct wire_plan *plan, uint64_t up, uint64_t down, int64_t seconds)
{
	struct wire *w = wire_open(plan);

	w->end[0].total = up;
	w->end[1].total = down;
	wire_connect(w);
	wire_run(w, seconds);
	if (!wire_done(w))
		print_error("seed %llu: up %llu of %llu, down %llu of %llu, errors %d %d\n",
			    (unsigned long long)plan->seed, (unsigned long long)w->end[1].got,
			    (unsigned long long)up, (unsigned long long)w->end[0].got,
			    (unsigned long long)down, w->end[0].error, w->end[1].error);
	assert_true(wire_done(w));
	wire_close(w);
}

static void clean_wire(void **state)
{
	const struct wire_plan plan = { .seed = 1, .delay_ns = 5 * NS_PER_MS };

	(void)state;
	exchange(&plan, 1000000, 0, 60);
	exchange(&plan, 0, 1000000, 60);
	exchange(&plan, 500000, 700000, 60);
	exchange(&plan, 0, 0, 60);
	exchange(&plan, 1, 1, 60);
}

static void super_segments(void **state)
{
	const struct wire_plan plan = { .seed = 2,
					.delay_ns = 100 * NS_PER_US,
					.gso_max = 65495,
					.loss = 5 };

	(void)state;
	exchange(&plan, 8000000, 100, 60);
	exchange(&plan, 100, 8000000, 60);
}

static void seeds(struct wire_plan plan, uint64_t first, uint64_t count, uint64_t bytes)
{
	for (plan.seed = first; plan.seed < first + count; plan.seed++)
		exchange(&plan, bytes, bytes / 3, 3600);
}

static void loss_1_percent(void **state)
{
	(void)state;
	seeds((struct wire_plan){ .delay_ns = 10 * NS_PER_MS, .loss = 10 }, 100, 20, 300000);
}

static void loss_10_percent(void **state)
{
	(void)state;
	seeds((struct wire_plan){ .delay_ns = 10 * NS_PER_MS, .loss = 100 }, 200, 40, 100000);
}

static void loss_30_percent(void **state)
{
	(void)state;
	seeds((struct wire_plan){ .delay_ns = 10 * NS_PER_MS, .loss = 300 }, 300, 20, 30000);
}

static void reordering(void **state)
{
	(void)state;
	seeds((struct wire_plan){ .delay_ns = 10 * NS_PER_MS, .late = 100 }, 400, 20, 300000);
}

static void duplication(void **state)
{
	(void)state;
	seeds((struct wire_plan){ .delay_ns = 10 * NS_PER_MS, .dup = 100 }, 500, 20, 300000);
}

static void everything_at_once(void **state)
{
	(void)state;
	seeds((struct wire_plan){ .delay_ns = 20 * NS_PER_MS,
				  .loss = 50,
				  .dup = 50,
				  .late = 200,
				  .gso_max = 30000 },
	      600, 60, 200000);
}

static void without_sack(void **state)
{
	(void)state;
	seeds((struct wire_plan){ .delay_ns = 10 * NS_PER_MS,
				  .loss = 50,
				  .dup = 20,
				  .late = 50,
				  .no_sack = true },
	      700, 40, 100000);
}

static void without_timestamps(void **state)
{
	(void)state;
	seeds((struct wire_plan){ .delay_ns = 10 * NS_PER_MS,
				  .loss = 50,
				  .dup = 20,
				  .late = 50,
				  .no_ts = true },
	      800, 40, 100000);
}

static void with_neither_and_newreno(void **state)
{
	(void)state;
	seeds((struct wire_plan){ .delay_ns = 10 * NS_PER_MS,
				  .loss = 50,
				  .late = 50,
				  .no_ts = true,
				  .no_sack = true,
				  .newreno = true },
	      900, 40, 100000);
}

static void a_narrow_bottleneck(void **state)
{
	(void)state;
	/* 10 Mbit/s, 40 ms, 50 KB of buffer. */
	seeds((struct wire_plan){ .delay_ns = 20 * NS_PER_MS,
				  .ns_per_byte = 800,
				  .queue_bytes = 50000 },
	      1000, 5, 3000000);
}

static void hardly_any_memory(void **state)
{
	(void)state;
	seeds((struct wire_plan){ .delay_ns = 5 * NS_PER_MS,
				  .loss = 30,
				  .late = 100,
				  .active_max = 1,
				  .large = 2 },
	      1100, 20, 300000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_wire),
		cmocka_unit_test(super_segments),
		cmocka_unit_test(loss_1_percent),
		cmocka_unit_test(loss_10_percent),
		cmocka_unit_test(loss_30_percent),
		cmocka_unit_test(reordering),
		cmocka_unit_test(duplication),
		cmocka_unit_test(everything_at_once),
		cmocka_unit_test(without_sack),
		cmocka_unit_test(without_timestamps),
		cmocka_unit_test(with_neither_and_newreno),
		cmocka_unit_test(a_narrow_bottleneck),
		cmocka_unit_test(hardly_any_memory),
	};
	return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
