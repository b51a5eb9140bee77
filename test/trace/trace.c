/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs trace scripts: each file is a case. See doc/trace.md for the language.
 *
 *   script line --> pump(host value to that instant) --> act, inject or expect
 *                        |
 *                        +--> what came out, with its time, in order
 */
#include "trace.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_MAX 1024

static bool verbose;

/* Lines before the first act: what world it is. False when it is none. */
static bool preamble(struct world *w, const char *word, char *at)
{
	if (!strcmp(word, "ipv6"))
		w->is6 = true;
	else if (!strcmp(word, "mtu"))
		w->mtu = (uint32_t)number(w, next_word(&at), "mtu");
	else if (!strcmp(word, "chunks")) {
		w->config.chunks_large = (uint32_t)number(w, next_word(&at), "large");
		w->config.chunks_small = (uint32_t)number(w, next_word(&at), "small");
	} else if (!strcmp(word, "calls")) {
		w->config.calls_max = (uint32_t)number(w, next_word(&at), "calls");
	} else if (!strcmp(word, "sockets")) {
		w->config.sockets_max = (uint32_t)number(w, next_word(&at), "sockets");
	} else if (!strcmp(word, "time-wait")) {
		w->config.time_wait_max = (uint32_t)number(w, next_word(&at), "time-wait");
	} else {
		return false;
	}
	return true;
}

static void do_word(struct world *w, char *word, char *at)
{
	if (!strcmp(word, ">")) {
		expect(w, at);
		return;
	}
	if (!strcmp(word, ">?")) {
		expect_maybe(w, at);
		return;
	}
	pump(w, w->script, false);
	if (!strcmp(word, "<") || !strcmp(word, "<<"))
		inject(w, at, word[1] == '<');
	else if (!strcmp(word, "quiet"))
		quiet(w);
	else
		act(w, word, at);
}

/* `... times N` at the end of a line: cuts it off. */
static uint32_t cut_times(struct world *w, char *at)
{
	char *last = NULL;

	for (char *p = strstr(at, " times "); p; p = strstr(p + 1, " times "))
		last = p;
	if (!last)
		return 1;
	*last = 0;
	return (uint32_t)number(w, last + strlen(" times "), "times");
}

static void run_line(struct world *w, char *line)
{
	char *at = line, *word = next_word(&at);
	double after = 0;

	if (!word || *word == '#')
		return;
	if (!w->m && preamble(w, word, at))
		return;
	if (!w->m)
		start(w);
	if (*word == '+') {
		char *end;
		after = strtod(word + 1, &end);
		if (*end)
			fail(w, "'%s' is no time", word);
		word = next_word(&at);
		if (!word)
			fail(w, "a time without an act");
	}
	w->script += (int64_t)(after * 1e9 + 0.5);
	uint32_t times = cut_times(w, at);
	for (w->nth = 0; w->nth < times; w->nth++) {
		char again[LINE_MAX];
		snprintf(again, sizeof(again), "%s", at);
		do_word(w, word, again);
	}
}

static bool run_file(const char *path, char *why, size_t size)
{
	static struct world w;
	static char line[LINE_MAX];
	FILE *in = fopen(path, "r");
	bool ok = false;

	memset(&w, 0, sizeof(w));
	const char *slash = strrchr(path, '/');
	w.file = slash ? slash + 1 : path;
	w.mtu = 1500;
	w.tolerance_us = 1000;
	w.now = w.script = 100 * INT64_C(1000000000);
	w.peers = 40000;
	w.irs = 1000000;
	minato_config_init(&w.config);
	w.config.sockets_max = 256;
	w.config.time_wait_max = 64;
	w.config.chunks_large = 256;
	w.config.chunks_small = 4096;
	w.config.seed[0] = 0x6d696e61746f;
	w.config.seed[1] = 42;
	if (!in) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return false;
	}
	if (!setjmp(w.fail)) {
		while (fgets(line, sizeof(line), in)) {
			w.line++;
			line[strcspn(line, "\r\n")] = 0;
			if (verbose)
				printf("# %3d  %s\n", w.line, line);
			run_line(&w, line);
		}
		quiet(&w);
		ok = true;
	}
	snprintf(why, size, "%s", w.why);
	fclose(in);
	forget(&w);
	return ok;
}

static int count, failed;

static void run_case(const char *path)
{
	char why[1024];
	bool ok = run_file(path, why, sizeof(why));
	const char *slash = strrchr(path, '/');

	printf("%sok %d - %s\n", ok ? "" : "not ", ++count, slash ? slash + 1 : path);
	if (!ok) {
		printf("# %s\n", why);
		failed++;
	}
	fflush(stdout);
}

static int is_script(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".trace");
}

static void run_folder(const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, is_script, alphasort);

	for (int i = 0; i < n; i++) {
		char path[4096];
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		run_case(path);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* trace [-v] SCRIPT|FOLDER... */
int main(int argc, char **argv)
{
	struct stat st;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-v"))
			verbose = true;
		else if (!stat(argv[i], &st) && S_ISDIR(st.st_mode))
			run_folder(argv[i]);
		else
			run_case(argv[i]);
	}
	printf("1..%d\n", count);
	return failed != 0;
}
