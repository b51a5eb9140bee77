/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock and the randomness that the host value is given. */
#include "drive/drive.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

/* syscalls: clock_gettime */
struct minato_time drive_now(void)
{
	struct timespec now;

	/* Cannot fail: the clock exists on every Linux. */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (struct minato_time){ (int64_t)now.tv_sec * 1000000000 + now.tv_nsec };
}

/* syscalls: getrandom */
int drive_seed(void *memory, size_t size)
{
	uint8_t *at = memory;

	while (size > 0) {
		ssize_t got = getrandom(at, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		at += got;
		size -= (size_t)got;
	}
	return 0;
}
