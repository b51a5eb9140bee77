/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which binds go together: every pair of sockets is tried in a host value and in the Linux kernel.
 * What comes out fits two small tables (which addresses meet; what two that meet may do), which
 * stand in minato-ports(7). `bind_matrix --write PAGE` writes them there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/pairs.h"

#define BEGIN ".\\\" The tables below are written by the test bind-matrix.\n"
#define END ".\\\" The end of what the test writes.\n"
#define PROTOS 2

static const enum minato_proto protos[PROTOS] = { MINATO_TCP, MINATO_UDP };
static const char *const proto_names[PROTOS] = { "TCP", "UDP" };
static const char *const place_names[PLACES] = {
	[A4] = "IPv4 A", [B4] = "IPv4 B", [ANY4] = "0.0.0.0",	  [A6] = "IPv6 A",
	[B6] = "IPv6 B", [ANY6] = "::",	  [ONLY6] = ":: v6-only", [MAPPED4] = "::ffff:A",
};
static const char *const standing_names[STANDINGS] = { "bound", "connected", "listening",
							"accepted", "TIME-WAIT" };
static const char *const option_names[OPTIONS] = { "-", "A", "P", "AP", "X" };
static const char *const outcome_words[] = { "yes", "bind", "no" };

static int standings_of(int proto)
{
	return protos[proto] == MINATO_TCP ? STANDINGS : STANDINGS_OF_UDP;
}

/* A connection that came by a listener is at one address, wherever that one was bound. */
static enum place place_of_first(const struct pair_of_sockets *pair)
{
	if (pair->standing != ACCEPTED && pair->standing != TIME_WAIT)
		return pair->first;
	return pair->first == A4 || pair->first == ANY4 ? A4 : A6;
}

/* Calls for each pair of one protocol; options up to and without `options`. */
static void each_pair(int proto, int options, void (*call)(int proto, struct pair_of_sockets *))
{
	struct pair_of_sockets p = { .proto = protos[proto], .second_proto = protos[proto] };

	for (int i = 0; i < PLACES_OF_FIRST * PLACES * standings_of(proto) * options * options * 2;
	     i++) {
		int rest = i;

		p.other_user = rest % 2;
		rest /= 2;
		p.second_options = rest % options;
		rest /= options;
		p.first_options = rest % options;
		rest /= options;
		p.second = (enum place)(rest % PLACES);
		rest /= PLACES;
		p.first = (enum place)(rest % PLACES_OF_FIRST);
		p.standing = (enum standing)(rest / PLACES_OF_FIRST);
		call(proto, &p);
	}
}

static const char *words(int proto, const struct pair_of_sockets *p)
{
	static char text[160];

	snprintf(text, sizeof(text), "%s %s %s [%s], then %s [%s]%s", proto_names[proto],
		 standing_names[p->standing], place_names[p->first],
		 option_names[p->first_options], place_names[p->second],
		 option_names[p->second_options], p->other_user ? " of another user" : "");
	return text;
}

/* ---- what a host value does, as two tables ---- */

static bool meet[PLACES_OF_FIRST][PLACES];
static enum outcome cell[PROTOS][STANDINGS][OPTIONS][OPTIONS][2];

static enum outcome foretold(int proto, const struct pair_of_sockets *p)
{
	if (!meet[place_of_first(p)][p->second])
		return NEITHER_FAILS;
	return cell[proto][p->standing][p->first_options][p->second_options][p->other_user];
}

/* Whose addresses meet is seen where nothing is shared; what may be shared, at one address. */
static void learn(int proto, struct pair_of_sockets *p)
{
	const bool plain = p->standing == BOUND && !p->first_options && !p->second_options;

	if (p->first == A4 && p->second == A4)
		cell[proto][p->standing][p->first_options][p->second_options][p->other_user] =
			minato_try(p);
	else if (plain && !p->other_user)
		meet[p->first][p->second] = minato_try(p) != NEITHER_FAILS;
	meet[A4][A4] = true;
}

static void compare_with_tables(int proto, struct pair_of_sockets *p)
{
	const enum outcome outcome = minato_try(p);

	if (outcome != foretold(proto, p))
		fail_msg("%s: %d, not %d as the tables have it", words(proto, p), outcome,
			 foretold(proto, p));
}

static void learn_tables(void)
{
	minato_world();
	for (int proto = 0; proto < PROTOS; proto++)
		each_pair(proto, OPTIONS, learn);
	minato_world_end();
}

static void every_pair_fits_the_tables(void **state)
{
	(void)state;
	for (int proto = 0; proto < PROTOS; proto++) {
		minato_world();
		each_pair(proto, OPTIONS, compare_with_tables);
		minato_world_end();
	}
}

static void tcp_and_udp_do_not_meet(void **state)
{
	(void)state;
	minato_world();
	for (int i = 0; i < PLACES_OF_FIRST * PLACES * PROTOS; i++) {
		const struct pair_of_sockets p = {
			.proto = protos[i % PROTOS],
			.second_proto = protos[(i + 1) % PROTOS],
			.first = (enum place)(i / PROTOS / PLACES),
			.second = (enum place)(i / PROTOS % PLACES),
			.standing = i % PROTOS ? BOUND : LISTENING,
		};
		assert_int_equal(minato_try(&p), NEITHER_FAILS);
	}
	minato_world_end();
}

/* ---- beside the kernel ---- */

/* By what a connection has of its listener. */
static bool outlives_listener(const struct pair_of_sockets *p)
{
	return p->standing == ACCEPTED || p->standing == TIME_WAIT;
}

static bool keeps_wildcard(const struct pair_of_sockets *p, enum outcome ours, enum outcome theirs)
{
	return p->standing == CONNECTED && p->first != A4 && p->first != A6 &&
	       ours != NEITHER_FAILS && theirs == NEITHER_FAILS;
}

static bool is_filed_under_any(const struct pair_of_sockets *p, enum outcome ours,
			       enum outcome theirs)
{
	return outlives_listener(p) && p->first == ANY6 && p->second == ANY4 &&
	       ours == NEITHER_FAILS && theirs != NEITHER_FAILS;
}

static bool forgets_reuseport(const struct pair_of_sockets *p, enum outcome ours,
			      enum outcome theirs)
{
	return outlives_listener(p) && (p->first_options & p->second_options & REUSEPORT) &&
	       ours == BIND_FAILS && theirs == NEITHER_FAILS;
}

/* All of them: a pair that differs and is none of these fails, and so does a count that is off. */
static struct difference {
	bool (*is)(const struct pair_of_sockets *p, enum outcome ours, enum outcome theirs);
	unsigned expected;
	unsigned seen;
	const char *why; /* a sentence of the manual, line by line */
} differences[] = {
	{ keeps_wildcard, 252, 0,
	  "A socket that is bound to a wildcard and connected keeps all addresses, from\n"
	  "which it may connect again; Linux leaves it the one of its connection.\n" },
	{ is_filed_under_any, 39, 0,
	  "An IPv6 connection that a listener on :: has accepted bars 0.0.0.0 in Linux,\n"
	  "which files it under ::; here it does not.\n" },
	{ forgets_reuseport, 153, 0,
	  "A connection that has outlived its listener knows of SO_REUSEADDR alone: over\n"
	  "it a port is bound again with that option, in Linux also by SO_REUSEPORT on\n"
	  "both sides.\n" },
};
#define DIFFERENCES (sizeof(differences) / sizeof(differences[0]))

static unsigned wrong, untried;

static bool explained(const struct pair_of_sockets *p, enum outcome ours, enum outcome theirs)
{
	for (size_t i = 0; i < DIFFERENCES; i++) {
		if (differences[i].is(p, ours, theirs)) {
			differences[i].seen++;
			return true;
		}
	}
	return false;
}

static void compare_with_kernel(int proto, struct pair_of_sockets *p)
{
	const enum outcome theirs = linux_try(p), ours = foretold(proto, p);

	if (theirs == UNTRIED) {
		untried++;
	} else if (theirs != ours && !explained(p, ours, theirs)) {
		wrong++;
		fprintf(stderr, "# %s: here %s, in Linux %s\n", words(proto, p),
			outcome_words[ours], theirs == BROKEN ? "broken" : outcome_words[theirs]);
	}
}

/* Before Linux 6.9 it knew less of addresses, and of whom they are. */
static bool kernel_is_new(void)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 9));
}

static void compare_all(void)
{
	if (!kernel_is_new() || !linux_world())
		_exit(77);
	for (int proto = 0; proto < PROTOS; proto++)
		each_pair(proto, SHARINGS, compare_with_kernel);
	for (size_t i = 0; i < DIFFERENCES; i++) {
		const struct difference *d = &differences[i];

		/* Where there is but one user, fewer pairs were tried. */
		if (untried ? d->seen > 0 : d->seen == d->expected)
			continue;
		wrong++;
		fprintf(stderr, "# %u pairs, not %u: %s", d->seen, d->expected, d->why);
	}
	if (untried)
		fprintf(stderr, "# no other user to be had: %u pairs are untried\n", untried);
	_exit(wrong > 0);
}

static void the_kernel_agrees(void **state)
{
	pid_t child = fork();
	int status = 0;

	(void)state;
	if (child == 0)
		compare_all();
	assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- the manual ---- */

static const enum place columns[] = { A4, B4, ANY4, A6, B6, ANY6, ONLY6 };
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void write_places(FILE *out)
{
	fprintf(out, ".Bd -literal\n%-13s", "first");
	for (size_t i = 0; i < COLUMNS; i++)
		fprintf(out, "%-9s", place_names[columns[i]]);
	fputc('\n', out);
	for (int first = 0; first < PLACES_OF_FIRST; first++) {
		fprintf(out, "%-13s", place_names[first]);
		for (size_t i = 0; i < COLUMNS; i++)
			fprintf(out, "%-9s", meet[first][columns[i]] ? "meets" : ".");
		fputc('\n', out);
	}
	fprintf(out, ".Ed\n");
}

static void write_row(FILE *out, int proto, int standing, int options, const char *names)
{
	fprintf(out, "%-11s%-10s", standing_names[standing], names);
	for (int other = 0; other < 2; other++)
		for (int o = 0; o < OPTIONS; o++)
			fprintf(out, o ? "%-5s" : " %-5s",
				outcome_words[cell[proto][standing][options][o][other]]);
	fputc('\n', out);
}

/* Rows that say the same are one. */
static void write_standing(FILE *out, int proto, int standing)
{
	bool written[OPTIONS] = { false };

	for (int i = 0; i < OPTIONS; i++) {
		char names[32] = "";

		for (int k = i; k < OPTIONS; k++) {
			if (written[k] || memcmp(cell[proto][standing][i], cell[proto][standing][k],
						 sizeof(cell[0][0][0])))
				continue;
			strcat(strcat(names, names[0] ? " " : ""), option_names[k]);
			written[k] = true;
		}
		if (names[0])
			write_row(out, proto, standing, i, names);
	}
}

static void write_options(FILE *out, int proto)
{
	fprintf(out, ".Bd -literal\n%-22s%-26s%s\n%-22s", proto_names[proto],
		"second, of the same user", "of another user", "first");
	for (int i = 0; i < 2 * OPTIONS; i++)
		fprintf(out, i == OPTIONS ? " %-5s" : "%-5s", option_names[i % OPTIONS]);
	fputc('\n', out);
	for (int standing = 0; standing < standings_of(proto); standing++)
		write_standing(out, proto, standing);
	fprintf(out, ".Ed\n");
}

/* No line ends with a space. */
static void strip(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (*from == '\n')
			while (to > text && to[-1] == ' ')
				to--;
		*to++ = *from;
	}
	*to = 0;
}

static char *block(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, BEGIN);
	write_places(out);
	fprintf(out, ".Pp\nWhat two sockets whose addresses meet may do:\n");
	for (int proto = 0; proto < PROTOS; proto++)
		write_options(out, proto);
	fprintf(out, ".Pp\nLinux does the same in all pairs but these:\n.Bl -bullet\n");
	for (size_t i = 0; i < DIFFERENCES; i++)
		fprintf(out, ".It\n%s", differences[i].why);
	fprintf(out, ".El\n" END);
	fclose(out);
	strip(text);
	return text;
}

static const char *page;

static char *read_page(void)
{
	static char text[65536];
	FILE *in = fopen(page, "r");

	assert_non_null(in);
	text[fread(text, 1, sizeof(text) - 1, in)] = 0;
	fclose(in);
	return text;
}

static void the_manual_has_the_tables(void **state)
{
	char *wanted = block(), *got = read_page();
	const char *begin = strstr(got, BEGIN);

	(void)state;
	for (int first = 0; first < PLACES_OF_FIRST; first++)
		assert_int_equal(meet[first][MAPPED4], meet[first][A4]);
	if (begin == NULL || strncmp(begin, wanted, strlen(wanted)) != 0)
		fail_msg("%s is not what was found; bind_matrix --write %s puts it right", page,
			 page);
	free(wanted);
}

static int write_page(void)
{
	char *tables = block(), *text = read_page();
	char *begin = strstr(text, BEGIN), *end = strstr(text, END);
	FILE *out;

	if (begin == NULL || end == NULL) {
		fprintf(stderr, "%s has no place for the tables\n", page);
		return 1;
	}
	out = fopen(page, "w");
	fprintf(out, "%.*s%s%s", (int)(begin - text), text, tables, end + strlen(END));
	free(tables);
	return fclose(out) != 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_fits_the_tables),
		cmocka_unit_test(tcp_and_udp_do_not_meet),
		cmocka_unit_test(the_kernel_agrees),
		cmocka_unit_test(the_manual_has_the_tables),
	};
	const bool write = argc == 3 && strcmp(argv[1], "--write") == 0;

	if (argc != 2 && !write) {
		fprintf(stderr, "usage: bind_matrix [--write] PAGE\n");
		return 2;
	}
	page = argv[argc - 1];
	learn_tables();
	return write ? write_page() : cmocka_run_group_tests_name("bind-matrix", tests, NULL, NULL);
}
