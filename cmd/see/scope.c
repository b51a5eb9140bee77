/* SPDX-License-Identifier: BSD-2-Clause */
/* From where a listener can be reached, by the addresses that it and this host have. */
#include "cmd/see/audit.h"

#include <errno.h>
#include <string.h>

static const char *const words[] = {
#define X(name, word) word,
	CMD_SCOPES(X)
#undef X
};

const char *cmd_scope_word(enum cmd_scope scope)
{
	return words[scope];
}

int cmd_scope_read(const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(words[i], word))
			return (int)i;
	}
	return -EINVAL;
}

/* Private (RFC 1918), shared (RFC 6598) and link-local (RFC 3927). */
static bool is_near4(const uint8_t b[4])
{
	return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) ||
	       (b[0] == 192 && b[1] == 168) || (b[0] == 100 && (b[1] & 0xc0) == 64) ||
	       (b[0] == 169 && b[1] == 254);
}

/* Unique local (RFC 4193) and link-local (RFC 4291 2.5.6). */
static bool is_near6(const uint8_t b[16])
{
	return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

enum cmd_scope cmd_scope_of_address(const struct minato_addr *addr)
{
	if (drive_addr_sort(addr) == DRIVE_SORT_LOOPBACK)
		return CMD_SCOPE_LOOPBACK;
	if (minato_addr_is4(addr) ? is_near4(addr->bytes + 12) : is_near6(addr->bytes))
		return CMD_SCOPE_LAN;
	return CMD_SCOPE_EVERYONE;
}

int cmd_ground_read(struct cmd_ground *ground, struct drive_error *error)
{
	int count = drive_hostaddr_read(ground->list, CMD_ADDRESSES_MAX);

	if (count < 0)
		return drive_fail(error, -count, "cannot read this host's addresses: %s",
				  strerror(-count));
	ground->count = count < CMD_ADDRESSES_MAX ? (size_t)count : CMD_ADDRESSES_MAX;
	return 0;
}

enum cmd_scope cmd_scope_of(const struct cmd_ground *ground, const struct cmd_holder *holder)
{
	const struct minato_addr *local = &holder->local.addr;
	enum cmd_scope widest = CMD_SCOPE_LOOPBACK;

	if (*holder->guest)
		return CMD_SCOPE_GUEST;
	if (!minato_addr_is_any(local))
		return cmd_scope_of_address(local);
	for (size_t i = 0; i < ground->count; i++) {
		const struct drive_hostaddr *own = &ground->list[i];
		bool four = minato_addr_is4(&own->addr);
		bool family = minato_addr_is4(local) ? four : !four || !holder->v6only;

		if (!family || own->loopback ||
		    (holder->interface && own->interface != holder->interface))
			continue;
		if (cmd_scope_of_address(&own->addr) > widest)
			widest = cmd_scope_of_address(&own->addr);
	}
	return widest;
}
