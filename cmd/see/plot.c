/* SPDX-License-Identifier: BSD-2-Clause */
/* Pictures made of letters, for terminals. */
#include "cmd/see/entropy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COLUMNS_MAX 120
#define ROWS_MAX 60
#define INDENT "  "

bool cmd_plot_wide(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		/* The first that is set decides, as for setlocale(3). */
		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

/* UTF-8 of a letter below U+10000 and above U+07FF. */
static void put_letter(FILE *out, unsigned letter)
{
	const char bytes[] = { (char)(0xe0 | letter >> 12), (char)(0x80 | (letter >> 6 & 0x3f)),
			       (char)(0x80 | (letter & 0x3f)), 0 };

	fputs(bytes, out);
}

static void put_edge(FILE *out, int columns)
{
	fputs(INDENT "+", out);
	for (int i = 0; i < columns; i++)
		putc('-', out);
	fputs("+\n", out);
}

/* The bit of a dot in a braille letter, by row and column: U+2800 and on. */
static const uint8_t braille[4][2] = { { 0x01, 0x08 },
				       { 0x02, 0x10 },
				       { 0x04, 0x20 },
				       { 0x40, 0x80 } };

struct canvas {
	int columns, rows;
	uint8_t dots[ROWS_MAX][COLUMNS_MAX];
};

static void set_dot(struct canvas *canvas, double x, double y)
{
	int column = (int)(x * canvas->columns * 2);
	int row = canvas->rows * 4 - 1 - (int)(y * canvas->rows * 4);

	canvas->dots[row / 4][column / 2] |= braille[row % 4][column % 2];
}

static void put_cell(FILE *out, uint8_t dots, bool wide)
{
	static const char shades[] = " .:*#";
	int count = __builtin_popcount(dots);

	if (wide)
		put_letter(out, 0x2800u + dots);
	else
		putc(shades[(count + 1) / 2], out);
}

void cmd_plot_pairs(FILE *out, const struct cmd_plot *plot, const struct measure_series *series)
{
	const uint16_t *symbol = series->symbol;
	double range = series->alphabet;
	struct canvas canvas = { .columns = plot->columns < COLUMNS_MAX ? plot->columns :
									  COLUMNS_MAX,
				 .rows = plot->rows < ROWS_MAX ? plot->rows : ROWS_MAX };

	for (size_t i = 0; i + 1 < series->count; i++)
		set_dot(&canvas, symbol[i] / range, symbol[i + 1] / range);
	put_edge(out, canvas.columns);
	for (int row = 0; row < canvas.rows; row++) {
		fputs(INDENT "|", out);
		for (int column = 0; column < canvas.columns; column++)
			put_cell(out, canvas.dots[row][column], plot->wide);
		fputs("|\n", out);
	}
	put_edge(out, canvas.columns);
}

/* How much of a letter is filled, in eighths. */
static void put_part(FILE *out, double part, bool wide)
{
	int eighths = part >= 1 ? 8 : part <= 0 ? 0 : (int)(part * 8 + 0.5);

	if (eighths == 0)
		putc(' ', out);
	else if (wide)
		put_letter(out, 0x2580u + (unsigned)eighths);
	else
		putc(eighths > 4 ? '#' : '.', out);
}

void cmd_plot_bars(FILE *out, const struct cmd_plot *plot, const double *value, size_t count)
{
	double most = 0;

	for (size_t i = 0; i < count; i++)
		most = value[i] > most ? value[i] : most;
	for (int row = plot->rows; row > 0 && most > 0; row--) {
		fprintf(out, INDENT "%7.0f |", most * row / plot->rows);
		for (size_t i = 0; i < count; i++)
			put_part(out, value[i] / most * plot->rows - (row - 1), plot->wide);
		putc('\n', out);
	}
	fputs(INDENT "      0 +", out);
	for (size_t i = 0; i < count; i++)
		putc('-', out);
	putc('\n', out);
}
