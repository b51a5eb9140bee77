/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory with the same pages on both sides of a comparison: of 2 MB where the
 * kernel gives them to who asks (transparent huge pages), as tables of this
 * size have in use; otherwise of 4 KB.
 */
#include "ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define TRIAL (32 * HUGE_PAGE)

/* All of it touched; or NULL. */
static void *map_huge(size_t size)
{
	const size_t rounded = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	char *memory = mmap(NULL, rounded + HUGE_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t slack;

	if (memory == MAP_FAILED)
		return NULL;
	slack = HUGE_PAGE - (uintptr_t)memory % HUGE_PAGE;
	munmap(memory, slack);
	memory += slack;
	if (slack < HUGE_PAGE)
		munmap(memory + rounded, HUGE_PAGE - slack);
	madvise(memory, rounded, MADV_HUGEPAGE);
	for (size_t i = 0; i < rounded; i += 4096)
		((volatile char *)memory)[i] = 0;
	return memory;
}

/* What of this process lies in huge pages, in bytes. */
static size_t huge_bytes(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	char line[128];
	unsigned long kb = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "AnonHugePages: %lu kB", &kb) == 1)
			break;
	}
	if (f != NULL)
		fclose(f);
	return (size_t)kb * 1024;
}

bool pages_are_huge(void)
{
	static int huge = -1;
	size_t before;
	void *trial;

	if (huge >= 0)
		return huge > 0;
	before = huge_bytes();
	trial = map_huge(TRIAL);
	huge = trial != NULL && huge_bytes() - before >= TRIAL / 8 * 7;
	if (trial != NULL)
		munmap(trial, TRIAL);
	say("look-ups: pages of %s on both sides", huge > 0 ? "2 MB" : "4 KB");
	return huge > 0;
}

void pages_begin(void)
{
	prctl(PR_SET_THP_DISABLE, getenv("BENCH_SMALL_PAGES") != NULL, 0, 0, 0);
	(void)pages_are_huge();
}

void pages_end(void)
{
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

void *reserve_populated(size_t size)
{
	const int fd = pages_are_huge() ? -1 : memfd_create("bench-ports", MFD_CLOEXEC);
	void *memory = MAP_FAILED;

	if (pages_are_huge()) {
		memory = map_huge(size);
		if (memory != NULL)
			return memory;
	} else if (fd >= 0 && ftruncate(fd, (off_t)size) == 0) {
		/* As EAL has it without huge pages. */
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
		close(fd);
	}
	if (memory != NULL && memory != MAP_FAILED)
		return memory;
	say("%.1f GB of memory are not to be had", (double)size / 1e9);
	exit(1);
}
