/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the word that was meant when a word is unknown. */
#include "cmd/cmd.h"

#include <string.h>

#define WORD_MAX 40
/* A mistake of one letter in three, and of two at most, is still a slip of the finger. */
#define LETTERS_PER_SLIP 3
#define SLIPS_MAX 2

static size_t least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

size_t cmd_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t na = strlen(a);
	size_t nb = strlen(b);

	if (na > WORD_MAX || nb > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			row[j] = least(above[j] + 1, row[j - 1] + 1,
				       above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1, row[j]);
		}
	}
	return rows[na % 3][nb];
}

void cmd_guess_try(struct cmd_guess *guess, const char *candidate)
{
	size_t length = strlen(guess->word);
	size_t allowed = length / LETTERS_PER_SLIP;
	size_t distance = cmd_distance(guess->word, candidate);

	if (allowed > SLIPS_MAX)
		allowed = SLIPS_MAX;
	/* A beginning of at least three letters counts as one slip. */
	if (length >= LETTERS_PER_SLIP && !strncmp(guess->word, candidate, length))
		distance = distance ? 1 : 0;
	if (distance > allowed || (guess->best && distance >= guess->distance))
		return;
	guess->best = candidate;
	guess->distance = distance;
}
