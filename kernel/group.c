/* SPDX-License-Identifier: BSD-2-Clause */
/* What people call a cgroup: the container or the service that its path tells of. */
#include "kernel/kernel.h"

#include <string.h>

#define ID_SHOWN 12 /* of a container's 64 digits, as its own tools show it */

/* A component of the path that begins and ends so is called WORD:what is between. */
static const struct {
	const char *before, *after, *word;
} patterns[] = {
	{ "docker-", ".scope", "docker" },
	{ "libpod-", ".scope", "podman" },
	{ "cri-containerd-", ".scope", "containerd" },
	{ "crio-", ".scope", "crio" },
	{ "machine-", ".scope", "machine" },
	{ "systemd-nspawn@", ".service", "machine" },
	{ "lxc.payload.", "", "lxc" },
	{ "", ".service", NULL },
};

/* Where the component itself is the name, below one of these. */
static const struct {
	const char *parent, *word;
} parents[] = {
	{ "docker", "docker" },
	{ "lxc", "lxc" },
	{ "libpod_parent", "podman" },
};

struct part {
	const char *text;
	size_t length;
};

static bool equals(const struct part *part, const char *text)
{
	return strlen(text) == part->length && memcmp(part->text, text, part->length) == 0;
}

static void put(char *out, const char *word, const char *name, size_t length)
{
	bool is_id = length == 64 && strspn(name, "0123456789abcdef") >= 64;

	if (is_id)
		length = ID_SHOWN;
	(void)snprintf(out, KERNEL_GROUP_SIZE, "%s%s%.*s", word ? word : "", word ? ":" : "",
		       (int)length, name);
}

static bool by_pattern(char *out, const struct part *part)
{
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		size_t before = strlen(patterns[i].before);
		size_t after = strlen(patterns[i].after);

		if (part->length <= before + after ||
		    memcmp(part->text, patterns[i].before, before) != 0 ||
		    memcmp(part->text + part->length - after, patterns[i].after, after) != 0)
			continue;
		/* Of a service all of the name, as systemctl takes it. */
		put(out, patterns[i].word, part->text + before,
		    part->length - before - (patterns[i].word ? after : 0));
		return true;
	}
	return false;
}

static bool by_parent(char *out, const struct part *parent, const struct part *part)
{
	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		if (!equals(parent, parents[i].parent))
			continue;
		put(out, parents[i].word, part->text, part->length);
		return true;
	}
	return false;
}

/* The innermost component that tells something wins; "user@1000.service" tells of a session. */
const char *kernel_group_name(char *out, const char *path)
{
	struct part parent = { "", 0 };
	struct part part = { path, 0 };

	out[0] = 0;
	while (*part.text) {
		part.text += strspn(part.text, "/");
		part.length = strcspn(part.text, "/");
		if (part.length && strncmp(part.text, "user@", 5) != 0 &&
		    !by_parent(out, &parent, &part))
			(void)by_pattern(out, &part);
		parent = part;
		part.text += part.length;
	}
	return out;
}
