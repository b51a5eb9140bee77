/* SPDX-License-Identifier: BSD-2-Clause */
/* minato entropy: the certificate of a chooser, and the kernel's choices beside it. */
#ifndef MINATO_CMD_ENTROPY_H
#define MINATO_CMD_ENTROPY_H

#include "cmd/cmd.h"
#include "measure/measure.h"

extern const struct cmd_command cmd_entropy;

/* ---- kernelpicks.c: how this host's kernel chooses ---- */

/* Bounds of what is measured, in time and descriptors. */
#define CMD_KERNEL_PICKS_MS 8000
#define CMD_KERNEL_COST_MS 25000
/* As many ports as Linux has by default, where that many descriptors may be open. */
#define CMD_KERNEL_PORTS_MAX 28232
#define CMD_KERNEL_PICKS_MAX 1000000
#define CMD_KERNEL_LOW 32768

/*
 * What connect() costs with a port that the kernel chooses, and with one that was bound before;
 * medians, in ns. `level_ns` is the difference, in the order of measure_levels: the choice alone.
 * What descriptors and time did not allow is 0.
 */
struct cmd_kernel_cost {
	uint32_t ports;
	uint32_t filled; /* of them, when time or ports were over */
	double connect_ns;
	double level_ns[MEASURE_LEVELS];
	double half_ns; /* a little above half, as measure_cost has it */
};

/* In memory that a child shares with us; ended by munmap, see cmd_kernel_free. */
struct cmd_kernel {
	int result;    /* of the child: 0 or negative errno */
	char what[64]; /* what it was doing then */
	bool own; /* in a network namespace of its own; else the host's, by IP_LOCAL_PORT_RANGE */
	uint16_t low; /* of the MEASURE_GAME_PORTS ports */
	size_t count;
	struct cmd_kernel_cost cost;
	uint16_t symbol[CMD_KERNEL_PICKS_MAX];
};

/*
 * Connects over loopback from ports that the kernel chooses among few, at most `picks` times, then
 * from a wider range that fills up; in a child, in a network namespace that it makes if it may.
 * NULL with a text when it cannot.
 */
struct cmd_kernel *cmd_kernel_measure(size_t picks, struct drive_error *error);
void cmd_kernel_free(struct cmd_kernel *kernel);

/* Both measured alike: the kernel, and minato with as many picks and ports. */
struct cmd_beside {
	const struct cmd_kernel *kernel;
	struct measure_portrait theirs, their_ideal, ours, our_ideal;
	struct measure_cost cost; /* ours over the kernel's wider range */
};

/* ---- entropytext.c, entropyjson.c ---- */

struct cmd_entropy_report {
	const char *chooser;
	struct measure_plan plan;
	const struct measure_certificate *certificate;
	const struct cmd_beside *beside; /* NULL without --kernel */
	bool plot;
	struct view_look look;
};

int cmd_entropy_text(FILE *out, const struct cmd_entropy_report *report);
int cmd_entropy_json(FILE *out, const struct cmd_entropy_report *report);

/* ---- plot.c: pictures made of letters ---- */

struct cmd_plot {
	int columns, rows; /* in letters, the frame apart */
	bool wide;	   /* letters beyond ASCII */
};
/* Whether the terminal's locale has them. */
bool cmd_plot_wide(void);
/*
 * Prints each symbol (across) and the one after it (up) as dots in a frame; if wide in braille, 2 x
 * 4 dots a letter.
 */
void cmd_plot_pairs(FILE *out, const struct cmd_plot *plot, const struct measure_series *series);
/* Prints each value as a column, from 0 up to the greatest, with that scale beside it. */
void cmd_plot_bars(FILE *out, const struct cmd_plot *plot, const double *value, size_t count);

#endif
