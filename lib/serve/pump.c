/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames and time: the stack first, then the servers that stand on it. */
#include "serve/serve.h"

void minato_input(struct minato *m, struct minato_time now,
		  const struct minato_frame *frames, size_t count)
{
	input_frames(m, now, frames, count);
	advertise_run(m);
}

size_t minato_output(struct minato *m, struct minato_time now,
		     struct minato_frame_out *frames, size_t count)
{
	minato_advance(m, now);
	return output_frames(m, now, frames, count);
}

void minato_advance(struct minato *m, struct minato_time now)
{
	host_advance(m, now);
	advertise_run(m);
}

struct minato_time minato_deadline(const struct minato *m)
{
	return time_min(host_deadline(m), advertise_deadline(m));
}
