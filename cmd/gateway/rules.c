/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of statements: those of the file, those said while the gateway ran, those in force. */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- one list ---- */

void gateway_rules_free(struct gateway_rules *rules)
{
	for (; rules->conf.count; gateway_breathe())
		conf_remove(&rules->conf, rules->conf.count - 1);
	conf_free(&rules->conf);
	free(rules->until_s);
	free(rules->fleeting);
	free(rules->term);
	*rules = (struct gateway_rules){ .until_s = NULL };
}

struct conf_term *gateway_term_of(struct conf_statement *statement)
{
	if (statement->kind == CONF_KIND_FORWARD)
		return &statement->forward.term;
	if (statement->kind == CONF_KIND_RULE)
		return &statement->rule.term;
	if (statement->kind == CONF_KIND_DRAIN)
		return &statement->drain.term;
	return statement->kind == CONF_KIND_DMZ ? &statement->dmz.term : NULL;
}

static int make_room(struct gateway_rules *rules)
{
	size_t room = rules->until_room ? rules->until_room * 2 : 64;
	int64_t *list;
	uint64_t *term;
	bool *fleeting;

	if (rules->conf.count < rules->until_room)
		return 0;
	list = realloc(rules->until_s, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	rules->until_s = list;
	fleeting = realloc(rules->fleeting, room * sizeof(*fleeting));
	if (!fleeting)
		return -ENOMEM;
	rules->fleeting = fleeting;
	term = realloc(rules->term, room * sizeof(*term));
	if (!term)
		return -ENOMEM;
	rules->term = term;
	rules->until_room = room;
	return 0;
}

/* What was said of an end, as a number: equal where the words are. */
static uint64_t number_of(const struct conf_term *term)
{
	uint64_t rest = term->seconds;

	if (term->sort == CONF_TERM_CLOCK || term->sort == CONF_TERM_DATE)
		rest = (uint64_t)term->hour << 8 | term->minute;
	if (term->sort == CONF_TERM_DATE)
		rest |= (uint64_t)term->year << 32 | (uint64_t)term->month << 24 |
			(uint64_t)term->day << 16;
	return term->sort == CONF_TERM_NONE ? 0 : (uint64_t)term->sort << 56 | rest;
}

int gateway_rules_add(struct gateway_rules *rules, const struct conf_statement *statement,
		      int64_t until_s)
{
	int result = make_room(rules);
	struct conf_statement *mine;
	struct conf_term *term;

	if (result == 0)
		result = conf_add(&rules->conf, statement);
	if (result < 0)
		return result;
	mine = rules->conf.list[rules->conf.count - 1];
	mine->line = statement->line;
	term = gateway_term_of(mine);
	rules->term[rules->conf.count - 1] = term ? number_of(term) : 0;
	/* So that statements can be compared by what they do. */
	if (term)
		*term = (struct conf_term){ .sort = CONF_TERM_NONE };
	rules->until_s[rules->conf.count - 1] = until_s;
	rules->fleeting[rules->conf.count - 1] = false;
	return 0;
}

void gateway_rules_remove(struct gateway_rules *rules, size_t index)
{
	size_t behind = rules->conf.count - index - 1;

	conf_remove(&rules->conf, index);
	memmove(&rules->until_s[index], &rules->until_s[index + 1],
		behind * sizeof(rules->until_s[0]));
	memmove(&rules->fleeting[index], &rules->fleeting[index + 1],
		behind * sizeof(rules->fleeting[0]));
	memmove(&rules->term[index], &rules->term[index + 1], behind * sizeof(rules->term[0]));
}

/* One of an array goes to another place. */
static void shift(void *array, size_t size, size_t from, size_t to)
{
	unsigned char *bytes = array;
	unsigned char one[sizeof(int64_t)];

	memcpy(one, bytes + from * size, size);
	if (from > to)
		memmove(bytes + (to + 1) * size, bytes + to * size, (from - to) * size);
	else
		memmove(bytes + from * size, bytes + (from + 1) * size, (to - from) * size);
	memcpy(bytes + to * size, one, size);
}

void gateway_rules_move(struct gateway_rules *rules, size_t from, size_t to)
{
	shift(rules->conf.list, sizeof(rules->conf.list[0]), from, to);
	shift(rules->until_s, sizeof(rules->until_s[0]), from, to);
	shift(rules->fleeting, sizeof(rules->fleeting[0]), from, to);
	shift(rules->term, sizeof(rules->term[0]), from, to);
}

static int add_all(struct gateway_rules *out, const struct gateway_rules *from,
		   bool (*wanted)(const void *user, const struct conf_statement *, int64_t until_s),
		   const void *user)
{
	int result = 0;

	for (size_t i = 0; i < from->conf.count && result == 0; i++) {
		const struct conf_statement *one = from->conf.list[i];

		gateway_breathe();
		if (!wanted(user, one, from->until_s[i]))
			continue;
		result = gateway_rules_add(out, one, from->until_s[i]);
		if (result == 0) {
			out->fleeting[out->conf.count - 1] = from->fleeting[i];
			out->term[out->conf.count - 1] = from->term[i];
		}
	}
	return result;
}

static bool want_every(const void *user, const struct conf_statement *one, int64_t until_s)
{
	(void)user;
	(void)one;
	(void)until_s;
	return true;
}

int gateway_rules_copy(struct gateway_rules *out, const struct gateway_rules *rules)
{
	int result;

	*out = (struct gateway_rules){ .dmz_off = rules->dmz_off };
	out->conf.files = conf_files_hold(rules->conf.files);
	result = add_all(out, rules, want_every, NULL);
	if (result < 0)
		gateway_rules_free(out);
	return result;
}

bool gateway_rules_replaces(const struct conf_statement *old, const struct conf_statement *new)
{
	if (old->kind != new->kind)
		return false;
	switch (new->kind) {
	case CONF_KIND_NAT:
		return old->nat.key == new->nat.key;
	case CONF_KIND_DMZ:
		return minato_addr_equal(&old->dmz.on, &new->dmz.on);
	case CONF_KIND_FORWARD: /* said once more, with another term */
	case CONF_KIND_DRAIN:
		return conf_same(old, new);
	case CONF_KIND_RULE: /* likewise, or at another place */
		return conf_rule_same(&old->rule, &new->rule) && !strcmp(old->name, new->name);
	case CONF_KIND_LINK:
	case CONF_KIND_ROUTE:
	case CONF_KIND_POOL:
	case CONF_KIND_NEVER:
	case CONF_KIND_CAPACITY:
	case CONF_KIND_LISTEN:
	case CONF_KIND_RESERVE:
	case CONF_KIND_STATE:
	case CONF_KIND_TEST:
	case CONF_KIND_ZONE:
	case CONF_KIND_SET:
	case CONF_KIND_SCANS:
	case CONF_KIND_ALERT:
	case CONF_KIND_COUNT:
		break;
	}
	return false;
}

/* ---- terms ---- */

static int64_t date_end(const struct conf_term *term)
{
	struct tm wanted = {
		.tm_year = term->year - 1900,
		.tm_mon = term->month - 1,
		.tm_mday = term->day,
		.tm_hour = term->hour,
		.tm_min = term->minute,
		.tm_isdst = -1,
	};
	struct tm got = wanted;
	time_t end = mktime(&got);

	/* mktime takes the 31st of June for the 1st of July. */
	if (end == (time_t)-1 || got.tm_mon != wanted.tm_mon || got.tm_mday != wanted.tm_mday)
		return -EINVAL;
	return end;
}

/* The next time after since_s that clocks show it; today or tomorrow. */
static int64_t clock_end(const struct conf_term *term, int64_t since_s)
{
	for (int day = 0; day < 3; day++) {
		time_t since = (time_t)since_s;
		struct tm at;
		time_t end;

		if (!localtime_r(&since, &at))
			return -EINVAL;
		at.tm_mday += day;
		at.tm_hour = term->hour;
		at.tm_min = term->minute;
		at.tm_sec = 0;
		at.tm_isdst = -1;
		end = mktime(&at);
		if (end != (time_t)-1 && end > since)
			return end;
	}
	return -EINVAL;
}

int64_t gateway_term_end(const struct conf_term *term, int64_t since_s)
{
	switch (term->sort) {
	case CONF_TERM_NONE:
		return 0;
	case CONF_TERM_CLOCK:
		return clock_end(term, since_s);
	case CONF_TERM_DATE:
		return date_end(term);
	case CONF_TERM_SPAN:
		return since_s + term->seconds;
	}
	return -EINVAL;
}

int64_t gateway_rules_next(const struct gateway_rules *rules, int64_t now_s)
{
	int64_t next = 0;

	for (size_t i = 0; i < rules->conf.count; i++) {
		int64_t until_s = rules->until_s[i];

		if (until_s > now_s && (!next || until_s < next))
			next = until_s;
	}
	return next;
}

/* ---- terms, from one file to the next ---- */

/* A statement with a term: its text and what is said of its end, as a number. */
struct termed {
	uint64_t hash;
	size_t index;
};

/* FNV-1a of what the statement says, begun with a number. */
static uint64_t text_hash(uint64_t number, const struct conf_statement *one)
{
	static char text[CONF_TEXT_SIZE];
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ number;

	(void)conf_print(text, sizeof(text), one);
	for (const char *at = text; *at; at++)
		hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t hash_of(const struct gateway_rules *rules, size_t index)
{
	return text_hash(rules->term[index], rules->conf.list[index]);
}

static int compare_termed(const void *one, const void *two)
{
	uint64_t a = ((const struct termed *)one)->hash;
	uint64_t b = ((const struct termed *)two)->hash;

	return a < b ? -1 : a > b;
}

/* The list in the order of their numbers, or NULL. */
static struct termed *sort_termed(const struct gateway_rules *rules, size_t *count)
{
	struct termed *list = calloc(rules->conf.count + 1, sizeof(*list));

	*count = 0;
	for (size_t i = 0; list && i < rules->conf.count; i++) {
		if (rules->term[i])
			list[(*count)++] = (struct termed){ hash_of(rules, i), i };
	}
	if (list)
		qsort(list, *count, sizeof(*list), compare_termed);
	return list;
}

/* "line 5: 'forward tcp 80 to 10.0.0.2' is over since 2026-11-27 02:30". */
static void note_over(const struct gateway_rules *file, size_t index, char *note, size_t size)
{
	static char text[CONF_TEXT_SIZE];
	const struct conf_statement *one = file->conf.list[index];
	char where[CONF_WHERE_SIZE], since[32];

	(void)conf_print(text, sizeof(text), one);
	gateway_note_line(note, size, "%.80s: '%.160s' is over since %s",
			  conf_where(where, &file->conf, one->line), text,
			  gateway_until_word(since, sizeof(since), file->until_s[index]));
}

#define OVER_NOTED_MAX 3u

int gateway_terms_keep(struct gateway_rules *file, const struct gateway_rules *old, int64_t now_s,
		       char *note, size_t size)
{
	size_t count, over = 0;
	struct termed *list = sort_termed(old, &count);

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < file->conf.count; i++) {
		const struct termed wanted = { file->term[i] ? hash_of(file, i) : 0, i };
		const struct termed *same = file->term[i] ? bsearch(&wanted, list, count,
								    sizeof(*list), compare_termed) :
							    NULL;

		if (same && conf_same(old->conf.list[same->index], file->conf.list[i]))
			file->until_s[i] = old->until_s[same->index];
		if (file->until_s[i] && file->until_s[i] <= now_s && over++ < OVER_NOTED_MAX)
			note_over(file, i, note, size);
	}
	if (over > OVER_NOTED_MAX)
		gateway_note_line(note, size, "and %zu more are over", over - OVER_NOTED_MAX);
	free(list);
	return 0;
}

/* ---- what is in force ---- */

struct merging {
	const struct gateway_rules *said;
	bool from_file;
	int64_t now_s;
};

/* Whether what was said goes before a statement of the file. */
static bool is_covered(const struct gateway_rules *said, const struct conf_statement *one,
		       int64_t now_s)
{
	if (one->kind == CONF_KIND_DMZ && said->dmz_off)
		return true;
	for (size_t i = 0; i < said->conf.count; i++) {
		const struct conf_statement *other = said->conf.list[i];

		if (other->kind != one->kind || (said->until_s[i] && said->until_s[i] <= now_s))
			continue;
		if (one->kind == CONF_KIND_DMZ && minato_addr_equal(&one->dmz.on, &other->dmz.on))
			return true;
		if (one->kind == CONF_KIND_NAT && one->nat.key == other->nat.key)
			return true;
	}
	return false;
}

static bool want_in_force(const void *user, const struct conf_statement *one, int64_t until_s)
{
	const struct merging *merging = user;

	if (until_s && until_s <= merging->now_s)
		return false;
	return !merging->from_file || !is_covered(merging->said, one, merging->now_s);
}

/* Where a live rule stands among those of the file. */
struct slotted {
	size_t index;  /* in what was said */
	size_t before; /* index in the file; SIZE_MAX: behind all */
};

static size_t first_rule(const struct gateway_rules *file)
{
	size_t first = 0;

	while (first < file->conf.count && file->conf.list[first]->kind != CONF_KIND_RULE)
		first++;
	return first;
}

/* The live rules with their places, in the order in which they were said. */
static size_t slot_rules(struct slotted *out, const struct merging *merging,
			 const struct gateway_rules *file)
{
	const struct gateway_rules *said = merging->said;
	size_t count = 0;
	bool gone;

	for (size_t i = 0; i < said->conf.count; i++) {
		const struct conf_statement *one = said->conf.list[i];

		if (one->kind == CONF_KIND_RULE && want_in_force(merging, one, said->until_s[i]))
			out[count++] = (struct slotted){ i, gateway_place_in(file, one, &gone) };
	}
	return count;
}

static int add_slotted(struct gateway_rules *out, const struct gateway_rules *said,
		       const struct slotted *slotted, size_t count, size_t before)
{
	int result = 0;

	for (size_t i = 0; i < count && result == 0; i++) {
		if (slotted[i].before == before)
			result = gateway_rules_add(out, said->conf.list[slotted[i].index],
						   said->until_s[slotted[i].index]);
	}
	return result;
}

static int add_file(struct gateway_rules *out, const struct gateway_rules *file,
		    struct merging *merging, const struct slotted *slotted, size_t count)
{
	int result = 0;

	for (size_t i = 0; i < file->conf.count && result == 0; i++) {
		const struct conf_statement *one = file->conf.list[i];

		if (one->kind == CONF_KIND_RULE && count)
			result = add_slotted(out, merging->said, slotted, count, i);
		if (result == 0 && want_in_force(merging, one, file->until_s[i]))
			result = gateway_rules_add(out, one, file->until_s[i]);
	}
	/* A file without rules: those before them all. */
	if (result == 0 && first_rule(file) == file->conf.count)
		result = add_slotted(out, merging->said, slotted, count, file->conf.count);
	return result == 0 ? add_slotted(out, merging->said, slotted, count, SIZE_MAX) : result;
}

static bool want_no_rule(const void *user, const struct conf_statement *one, int64_t until_s)
{
	return one->kind != CONF_KIND_RULE && want_in_force(user, one, until_s);
}

/* Live ones get lines of their own while they are judged, by which a fault tells them apart. */
static void number_live(const struct conf *conf, bool begin)
{
	for (size_t i = 0; i < conf->count; i++) {
		struct conf_statement *one = conf->list[i];

		if (begin ? one->line == 0 : one->line >= CONF_LINE_LIVE)
			one->line = begin ? CONF_LINE_LIVE + (uint32_t)i : 0;
	}
}

int gateway_rules_judge(const struct conf *conf, struct conf_report *report)
{
	int result;

	number_live(conf, true);
	result = conf_judge(conf, report);
	if (result == 0)
		result = conf_sets_judge(conf, report);
	number_live(conf, false);
	return result;
}

int gateway_rules_merge(struct gateway_rules *out, const struct gateway_rules *file,
			const struct gateway_rules *said, int64_t now_s, struct conf_report *report)
{
	struct merging merging = { .said = said, .from_file = true, .now_s = now_s };
	struct slotted *slotted = calloc(said->conf.count + 1, sizeof(*slotted));
	int result = slotted ? 0 : -ENOMEM;

	*out = (struct gateway_rules){ .until_s = NULL };
	out->conf.files = conf_files_hold(file->conf.files);
	*report = (struct conf_report){ .count = 0 };
	if (result == 0)
		result =
			add_file(out, file, &merging, slotted, slot_rules(slotted, &merging, file));
	free(slotted);
	merging.from_file = false;
	if (result == 0)
		result = add_all(out, said, want_no_rule, &merging);
	if (result == 0)
		result = gateway_rules_judge(&out->conf, report);
	if (result < 0 && result != -EINVAL)
		gateway_rules_free(out);
	return result;
}

const char *gateway_rule_tag(char out[GATEWAY_RULE_TAG_SIZE], const struct conf_statement *one)
{
	(void)snprintf(out, GATEWAY_RULE_TAG_SIZE, "=%016" PRIx64, text_hash(0, one));
	return out;
}

/* ---- between keeper and worker ---- */

#define FILE_WORD "file " /* before the paths, which come first; statements begin with a number */

int gateway_rules_write(const struct gateway_rules *rules, int fd)
{
	static char text[CONF_TEXT_SIZE];
	const struct conf_files *files = rules->conf.files;
	int result = 0;

	for (size_t i = 0; files && i < files->count && result == 0; i++) {
		if (dprintf(fd, FILE_WORD "%s\n", files->path[i]) < 0)
			result = -errno;
	}
	for (size_t i = 0; i < rules->conf.count && result == 0; i++) {
		(void)conf_print(text, sizeof(text), rules->conf.list[i]);
		if (dprintf(fd, "%" PRId64 " %" PRIu32 " %s\n", rules->until_s[i],
			    rules->conf.list[i]->line, text) < 0)
			result = -errno;
	}
	return result;
}

/* Cuts the line's two numbers off; the statement, or NULL. */
static const char *cut_numbers(char *text, int64_t *until_s, uint32_t *line)
{
	char *end;

	*until_s = strtoll(text, &end, 10);
	if (*end != ' ')
		return NULL;
	*line = (uint32_t)strtoul(end + 1, &end, 10);
	return *end == ' ' ? end + 1 : NULL;
}

static int load_line(struct gateway_rules *out, char *text)
{
	static struct conf_statement statement;
	static struct conf_report report;
	int64_t until_s;
	uint32_t line;
	const char *words;

	if (!strncmp(text, FILE_WORD, strlen(FILE_WORD)))
		return conf_files_add(&out->conf.files, text + strlen(FILE_WORD));
	words = cut_numbers(text, &until_s, &line);
	if (!words || conf_statement_read(&statement, words, &report) < 0)
		return -EPROTO;
	statement.line = line;
	return gateway_rules_add(out, &statement, until_s);
}

/* The first whole line of what was read, made a text; NULL: none. */
static char *take_line(char *text, size_t used, size_t *taken)
{
	char *newline = memchr(text, '\n', used);

	if (!newline)
		return NULL;
	*newline = 0;
	*taken = (size_t)(newline - text) + 1;
	return text;
}

/* syscalls: pread64 */
int gateway_rules_load(struct gateway_rules *out, int fd)
{
	static char text[CONF_TEXT_SIZE + PATH_MAX];
	off_t offset = 0;
	int result = 0;

	*out = (struct gateway_rules){ .until_s = NULL };
	while (result == 0) {
		ssize_t got = pread(fd, text, sizeof(text), offset);
		size_t used = got > 0 ? (size_t)got : 0;
		size_t begin = 0;
		size_t taken = 0;

		if (got < 0)
			result = -errno;
		if (got <= 0)
			break;
		while (result == 0 && take_line(text + begin, used - begin, &taken)) {
			result = load_line(out, text + begin);
			begin += taken;
			gateway_breathe();
		}
		/* A line longer than any statement. */
		if (result == 0 && begin == 0)
			result = -EPROTO;
		offset += (off_t)begin;
	}
	if (result < 0)
		gateway_rules_free(out);
	return result;
}
