/* SPDX-License-Identifier: BSD-2-Clause */
#include "ports.h"

int bench_idle(void)
{
	return 0;
}
