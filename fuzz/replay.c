/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzzer without libFuzzer: over its corpus, then over made-up input.
 * Arguments: folders of inputs; a number is how many to make up.
 */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_SIZE_MAX = 1 << 16, MADE_COUNT = 20000, KEEP_COUNT = 64 };

static uint8_t kept[KEEP_COUNT][2048];
static size_t kept_size[KEEP_COUNT];
static size_t kept_count;

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* A copy of exactly its size lets ASan see a read past the end. */
static void run_one(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_file(const char *path)
{
	static uint8_t data[INPUT_SIZE_MAX];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file)
		return;
	size = fread(data, 1, sizeof data, file);
	fclose(file);
	if (size <= sizeof kept[0] && kept_count < KEEP_COUNT) {
		memcpy(kept[kept_count], data, size);
		kept_size[kept_count++] = size;
	}
	run_one(data, size);
}

static unsigned run_corpus(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	unsigned count = 0;
	char path[4096];

	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		run_file(path);
		count++;
	}
	closedir(dir);
	return count;
}

/* Half of the inputs are random bytes, half are damaged files of the corpus. */
static void run_made(void)
{
	uint8_t data[2048];
	size_t size = random_next() % 512;
	size_t i;

	for (i = 0; i < size; i++)
		data[i] = (uint8_t)random_next();
	if (kept_count && random_next() % 2) {
		size_t which = random_next() % kept_count;

		size = kept_size[which];
		memcpy(data, kept[which], size);
		for (i = random_next() % 8; size && i > 0; i--)
			data[random_next() % size] = (uint8_t)random_next();
		if (size && random_next() % 4 == 0)
			size = random_next() % size;
	}
	run_one(data, size);
}

int main(int argc, char **argv)
{
	unsigned corpus_count = 0;
	long made_count = MADE_COUNT;
	int i;

	printf("1..2\n");
	for (i = 1; i < argc; i++) {
		if (argv[i][0] >= '0' && argv[i][0] <= '9')
			made_count = strtol(argv[i], NULL, 10);
		else
			corpus_count += run_corpus(argv[i]);
	}
	printf("ok 1 - %u files of the corpus\n", corpus_count);
	fflush(stdout);
	for (i = 0; i < made_count; i++)
		run_made();
	printf("ok 2 - %ld made-up inputs\n", made_count);
	return 0;
}
