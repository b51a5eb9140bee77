/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A listing again and again: on a terminal as a screen that is left as it was found, whatever ends
 * it; elsewhere as lines, of which each tells a change.
 *
 * Plain ANSI sequences that every terminal of today knows, no library: a heading, lines, and a line
 * of help are all there is to draw.
 */
#include "cmd/see/ss.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000
#define SCREEN_BEGIN "\033[?1049h\033[?25l\033[?7l"
#define SCREEN_END "\033[?7h\033[?25h\033[?1049l"
#define HOME "\033[H"
#define CLEAR_BELOW "\033[J"
#define REVERSE "\033[7m"
#define PLAIN "\033[0m"
/* Lines that are no rows: what is shown, the heading, the keys. */
#define LINES_AROUND 3
#define MESSAGE_MAX 256

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* Signals come only while we wait; so that is all that a handler does. */
static volatile sig_atomic_t got_ending, got_stop, got_size;

static void on_ending(int signo)
{
	got_ending = signo;
}

static void on_stop(int signo)
{
	got_stop = signo;
}

static void on_size(int signo)
{
	got_size = signo;
}

struct screen {
	const struct cmd_watch *plan;
	struct watch watch;
	struct termios modes;
	bool moded;   /* the modes are to be put back */
	bool keys;    /* standard input is the terminal */
	bool held;    /* nothing new is taken */
	bool over;    /* the user has asked for the end */
	int messages; /* what the listing says goes here, not over the screen; or -1 */
	char message[MESSAGE_MAX];
	size_t rows, first;
	sigset_t mask; /* before ours */
	uint64_t told; /* of the watch's turns */
};

/* ---- the terminal ---- */

static void measure(struct screen *screen)
{
	struct winsize size = { 0 };

	screen->rows = 24;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row) {
		screen->rows = size.ws_row;
		screen->watch.look.width = size.ws_col;
	}
}

static void enter_screen(struct screen *screen)
{
	struct termios modes;

	screen->keys = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &screen->modes);
	if (screen->keys) {
		modes = screen->modes;
		modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		modes.c_cc[VMIN] = 1;
		modes.c_cc[VTIME] = 0;
		screen->moded = !tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
	}
	fputs(SCREEN_BEGIN, stdout);
	measure(screen);
}

static void leave_screen(struct screen *screen)
{
	fputs(SCREEN_END, stdout);
	fflush(stdout);
	if (screen->moded)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &screen->modes);
	screen->moded = false;
}

static void handle(int signo, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	sigaction(signo, &action, NULL);
}

/* Signals wait until we do. One that was ignored stays so: whoever started us wanted that. */
static void take_signals(struct screen *screen)
{
	struct sigaction before;
	sigset_t ours;

	sigemptyset(&ours);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
		if (!sigaction(ending[i], NULL, &before) && before.sa_handler == SIG_IGN)
			continue;
		sigaddset(&ours, ending[i]);
		handle(ending[i], on_ending);
	}
	sigaddset(&ours, SIGTSTP);
	sigaddset(&ours, SIGWINCH);
	handle(SIGTSTP, on_stop);
	handle(SIGWINCH, on_size);
	sigprocmask(SIG_BLOCK, &ours, &screen->mask);
}

/* As job control has it: the shell gets its screen, and we ours when it continues us. */
static void stop(struct screen *screen)
{
	leave_screen(screen);
	got_stop = 0;
	raise(SIGSTOP);
	enter_screen(screen);
	got_size = SIGWINCH; /* to be drawn again */
}

/* Ends as the signal would have ended us, so that whoever waits can tell. */
static void end_by(int signo, const sigset_t *mask)
{
	sigset_t mine = *mask;

	handle(signo, SIG_DFL);
	raise(signo);
	sigdelset(&mine, signo);
	sigprocmask(SIG_SETMASK, &mine, NULL);
}

/* ---- what the listing has to say ---- */

/* Its first line is shown; the file begins anew each time. */
static void read_message(struct screen *screen)
{
	char text[MESSAGE_MAX];
	ssize_t length;

	screen->message[0] = 0;
	if (screen->messages < 0)
		return;
	length = pread(screen->messages, text, sizeof(text) - 1, 0);
	if (ftruncate(screen->messages, 0) || lseek(screen->messages, 0, SEEK_SET) < 0 ||
	    length <= 0)
		return;
	text[length] = 0;
	text[strcspn(text, "\n")] = 0;
	memcpy(screen->message, text, strlen(text) + 1);
	view_disarm(screen->message);
}

/* ---- the screen ---- */

static size_t rows_shown(const struct screen *screen)
{
	return screen->rows > LINES_AROUND ? screen->rows - LINES_AROUND : 0;
}

static void put_title(const struct screen *screen)
{
	const struct watch *watch = &screen->watch;
	size_t width = watch->look.width ? watch->look.width : 80;
	time_t now = time(NULL);
	struct tm local;
	char text[512];
	char clock[16] = "";
	size_t length;

	if (localtime_r(&now, &local))
		strftime(clock, sizeof(clock), "%T", &local);
	snprintf(text, sizeof(text), "%s  %zu row%s  +%zu -%zu ~%zu  %s", clock, watch->count,
		 watch->count == 1 ? "" : "s", watch->came, watch->went, watch->differ,
		 screen->plan->title);
	view_disarm(text);
	length = view_bytes_of(text, width);
	printf("%s%.*s%s\033[K\r\n", watch->look.colour ? REVERSE : "", (int)length, text,
	       watch->look.colour ? PLAIN : "");
}

static void put_foot(const struct screen *screen)
{
	const struct watch *watch = &screen->watch;
	size_t below = screen->first + rows_shown(screen);
	size_t width = watch->look.width ? watch->look.width : 80;
	char more[40] = "";
	char text[MESSAGE_MAX];

	if (watch->count > below)
		snprintf(more, sizeof(more), "  %zu more below", watch->count - below);
	if (screen->message[0])
		snprintf(text, sizeof(text), "%s", screen->message);
	else
		snprintf(text, sizeof(text), "q quit  space %s  up/down scroll%s",
			 screen->held ? "go on" : "hold", more);
	printf("%.*s\033[K", (int)view_bytes_of(text, width), text);
}

static void draw(struct screen *screen)
{
	size_t shown = rows_shown(screen);
	size_t count = screen->watch.count;
	size_t last = count > shown ? count - shown : 0;

	if (screen->first > last)
		screen->first = last;
	fputs(HOME, stdout);
	put_title(screen);
	watch_draw_heading(stdout, &screen->watch);
	watch_draw(stdout, &screen->watch, screen->first, shown);
	for (size_t i = count - screen->first; i < shown; i++)
		fputs("\033[K\r\n", stdout);
	put_foot(screen);
	fputs(CLEAR_BELOW, stdout);
	fflush(stdout);
}

static void scroll(struct screen *screen, int64_t lines)
{
	int64_t first = (int64_t)screen->first + lines;

	screen->first = first < 0 ? 0 : (size_t)first;
}

/* Keys of a pager; arrows and the like begin with ESC [. */
static void press(struct screen *screen, const char *keys)
{
	int64_t page = (int64_t)rows_shown(screen);

	if (!strcmp(keys, "\033[A") || !strcmp(keys, "\033OA") || !strcmp(keys, "k"))
		scroll(screen, -1);
	else if (!strcmp(keys, "\033[B") || !strcmp(keys, "\033OB") || !strcmp(keys, "j"))
		scroll(screen, 1);
	else if (!strcmp(keys, "\033[5~") || !strcmp(keys, "b"))
		scroll(screen, -page);
	else if (!strcmp(keys, "\033[6~") || !strcmp(keys, "f"))
		scroll(screen, page);
	else if (!strcmp(keys, "\033[H") || !strcmp(keys, "g"))
		screen->first = 0;
	else if (!strcmp(keys, "\033[F") || !strcmp(keys, "G"))
		screen->first = screen->watch.count;
	else if (!strcmp(keys, " "))
		screen->held = !screen->held;
	else if (strchr("qQ\004", keys[0]))
		screen->over = true;
}

static void read_keys(struct screen *screen)
{
	char keys[16];
	ssize_t length = read(STDIN_FILENO, keys, sizeof(keys) - 1);

	/* The terminal has gone. */
	if (length == 0 || (length < 0 && errno != EINTR && errno != EAGAIN))
		screen->over = true;
	if (length <= 0)
		return;
	keys[length] = 0;
	if (keys[0] == '\033') {
		press(screen, keys);
		return;
	}
	for (ssize_t i = 0; i < length; i++)
		press(screen, (const char[]){ keys[i], 0 });
}

/* ---- the turns ---- */

/* 0, or the exit code of a listing that could not be made. */
static int take_turn(struct screen *screen)
{
	int code;

	watch_begin(&screen->watch);
	code = screen->plan->list(screen->plan->user, &screen->watch);
	if (code == CMD_OK && watch_end(&screen->watch) < 0) {
		cmd_say("out of memory");
		code = CMD_FAILED;
	}
	return code;
}

static int64_t left_ms(struct minato_time until)
{
	int64_t ns = until.ns - drive_now().ns;

	return ns > 0 ? (ns + NS_PER_MS - 1) / NS_PER_MS : 0;
}

/* Waits for a key, a signal, or the time. */
static void wait_for(const struct screen *screen, struct minato_time until, bool *key)
{
	struct pollfd input = { .fd = screen->keys ? STDIN_FILENO : -1, .events = POLLIN };
	int64_t ms = left_ms(until);
	struct timespec time = { ms / 1000, ms % 1000 * NS_PER_MS };

	*key = ppoll(&input, 1, &time, &screen->mask) > 0;
}

/* Until the next turn, or the end. */
static void rest(struct screen *screen, struct minato_time until)
{
	bool key;

	do {
		wait_for(screen, until, &key);
		if (key)
			read_keys(screen);
		if (got_stop)
			stop(screen);
		if (got_size)
			measure(screen);
		if (key || got_size)
			draw(screen);
		got_size = 0;
	} while (!screen->over && !got_ending && left_ms(until));
}

static struct minato_time next_turn(const struct screen *screen)
{
	return (struct minato_time){ drive_now().ns + screen->plan->every_ms * NS_PER_MS };
}

static int run_screen(struct screen *screen)
{
	/* What cannot be listed at all is said before there is a screen. */
	int code = take_turn(screen);

	if (code != CMD_OK)
		return code;
	screen->messages = memfd_create("messages", MFD_CLOEXEC);
	if (screen->messages >= 0)
		cmd_say_to(screen->messages);
	enter_screen(screen);
	while (!screen->over && !got_ending) {
		struct minato_time until = next_turn(screen);

		draw(screen);
		rest(screen, until);
		if (screen->held || screen->over || got_ending)
			continue;
		take_turn(screen);
		read_message(screen);
	}
	leave_screen(screen);
	cmd_say_to(STDERR_FILENO);
	if (screen->messages >= 0)
		close(screen->messages);
	return CMD_OK;
}

/* ---- where there is no terminal ---- */

static void tell(struct screen *screen)
{
	const struct watch *watch = &screen->watch;
	time_t now = time(NULL);
	struct tm utc;
	char clock[32] = "";

	if (watch->turn > 1 && !watch->came && !watch->went && !watch->differ)
		return;
	/* A turn that failed leaves the last one. */
	if (watch->turn == screen->told)
		return;
	screen->told = watch->turn;
	if (gmtime_r(&now, &utc))
		strftime(clock, sizeof(clock), "%FT%TZ", &utc);
	printf("# %s %zu rows +%zu -%zu ~%zu\n", clock, watch->count, watch->came, watch->went,
	       watch->differ);
	watch_tell(stdout, watch);
}

static int run_lines(struct screen *screen)
{
	bool key;
	int code = take_turn(screen);

	while (code == CMD_OK && !got_ending) {
		struct minato_time until = next_turn(screen);

		tell(screen);
		if (fflush(stdout)) {
			code = CMD_FAILED;
			break;
		}
		do
			wait_for(screen, until, &key);
		while (!got_ending && left_ms(until));
		/* A listing that fails for once is said, and tried again. */
		if (!got_ending)
			take_turn(screen);
	}
	return code;
}

int64_t cmd_watch_every(const char *text)
{
	double seconds = 1;
	char *end;

	if (*text) {
		seconds = strtod(text, &end);
		if (end == text || *end)
			return -EINVAL;
	}
	/* So written that what is no number fails too. */
	if (!(seconds >= CMD_WATCH_MS_LEAST / 1000.0 && seconds <= CMD_WATCH_MS_MOST / 1000.0))
		return -EINVAL;
	return (int64_t)(seconds * 1000 + 0.5);
}

int cmd_watch(const struct cmd_watch *plan)
{
	struct screen screen = { .plan = plan, .messages = -1 };
	int code;

	watch_init(&screen.watch, &plan->look);
	take_signals(&screen);
	code = isatty(STDOUT_FILENO) ? run_screen(&screen) : run_lines(&screen);
	watch_free(&screen.watch);
	if (got_ending)
		end_by(got_ending, &screen.mask);
	return code;
}
