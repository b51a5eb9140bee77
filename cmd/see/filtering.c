/* SPDX-License-Identifier: BSD-2-Clause */
/* The filter of `minato ss`: its words and file, and what the names in it stand for here. */
#include "cmd/see/services.h"
#include "cmd/see/ss.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- names ---- */

/* The whole world of names, for the callbacks of filter.h. */
struct world {
	const struct view_filter *filter;
	struct minato_services *services;
};

static int service_port(void *user, const char *name)
{
	const struct world *world = user;
	const struct view_filter *filter = world->filter;
	bool both = filter->tcp == filter->udp;
	int tcp = minato_services_port(world->services, MINATO_TCP, name);
	int udp = minato_services_port(world->services, MINATO_UDP, name);

	if (!both)
		return filter->tcp ? tcp : udp;
	if (tcp >= 0 && udp >= 0 && tcp != udp)
		return -ENOTUNIQ;
	return tcp >= 0 ? tcp : udp;
}

static int host_addresses(void *user, const char *name, uint8_t family,
			  struct minato_addr addrs[FILTER_HOSTS_MAX])
{
	(void)user;
	return cmd_resolve_name(name, family, addrs, FILTER_HOSTS_MAX);
}

static int device_index(void *user, const char *name)
{
	unsigned index = if_nametoindex(name);

	(void)user;
	return index ? (int)index : -ENODEV;
}

/* A path within the tree, or one that begins with where the tree is. */
static int group_number(void *user, const char *path, uint64_t *number)
{
	char tree[256];
	char whole[FILTER_WORD_MAX + sizeof(tree)];
	struct stat status;

	(void)user;
	if (kernel_groups_mount(tree, sizeof(tree)) < 0)
		return -ENOENT;
	if (strncmp(path, tree, strlen(tree)) != 0)
		snprintf(whole, sizeof(whole), "%s/%s", tree, path);
	else
		snprintf(whole, sizeof(whole), "%s", path);
	if (stat(whole, &status) < 0)
		return -errno;
	/* The kernel's number of a cgroup is that of its directory. */
	*number = status.st_ino;
	return 0;
}

/* ---- the text ---- */

/* Adds a piece behind what stands there, if there is something, and `between`. */
static int add_text(char *text, size_t size, const char *between, const char *piece,
		    struct drive_error *error)
{
	size_t used = strlen(text);
	int length = snprintf(text + used, size - used, "%s%s", used ? between : "", piece);

	if (length < 0 || (size_t)length >= size - used)
		return drive_fail(error, E2BIG, "the filter is longer than %d bytes",
				  FILTER_TEXT_MAX);
	return 0;
}

static int join_words(char *text, size_t size, char *const *words, struct drive_error *error)
{
	int result = 0;

	text[0] = 0;
	for (size_t i = 0; words[i] && result == 0; i++)
		result = add_text(text, size, " ", words[i], error);
	return result;
}

/* A file stands on lines of its own, behind the words. */
static int add_file(char *text, size_t size, const char *path, struct drive_error *error)
{
	struct cmd_text file;
	int result = cmd_text_read(&file, path, FILTER_TEXT_MAX, error);

	if (result == 0 && strlen(file.bytes) != file.size)
		result = drive_fail(error, EINVAL, "%s is no filter: it holds a zero byte", path);
	if (result == 0)
		result = add_text(text, size, "\n", file.bytes, error);
	free(file.bytes);
	return result;
}

/* ---- what was meant ---- */

static void guess_service(struct cmd_guess *guess)
{
	for (uint32_t i = 0; i < minato_service_count(); i++)
		cmd_guess_try(guess, minato_service_at(i).name);
}

static void complain(const char *text, const struct filter_error *error)
{
	char word[FILTER_WORD_MAX] = "";
	struct cmd_guess guess = { .word = word };
	size_t length = error->length < sizeof(word) ? error->length : sizeof(word) - 1;

	memcpy(word, text + error->at, length);
	if (error->service && strrchr(word, ':'))
		guess.word = strrchr(word, ':') + 1;
	for (size_t i = 0; error->candidates && error->candidates[i]; i++)
		cmd_guess_try(&guess, error->candidates[i]);
	if (error->service)
		guess_service(&guess);
	if (guess.best)
		cmd_say("the filter: %s; did you mean '%s'?", error->what, guess.best);
	else
		cmd_say("the filter: %s", error->what);
	filter_point(stderr, text, error);
}

int cmd_filter_read(struct filter_program *program, const struct view_filter *filter,
		    char *const *words, const char *file)
{
	char text[FILTER_TEXT_MAX + 1];
	struct filter_error wrong;
	struct drive_error error;
	struct world world = { .filter = filter };
	struct filter_names names = {
		&world, service_port, host_addresses, device_index, group_number,
	};
	int result = join_words(text, sizeof(text), words, &error);

	if (!result && file)
		result = add_file(text, sizeof(text), file, &error);
	if (result < 0) {
		cmd_say("%s", error.text);
		return CMD_USAGE;
	}
	world.services = cmd_naming_open(NULL, NULL);
	result = filter_parse(program, text, &names, &wrong);
	free(world.services);
	if (!result)
		return CMD_GO_ON;
	complain(text, &wrong);
	return CMD_USAGE;
}
