/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which gateway has an interface. Two on one would both answer for its addresses and reset each
 * other's connections. A claim is a socket with a name that only exists as long as its owner:
 *
 *   @minato-link/SPACE/INDEX/VLAN/MAC/OWNER.COUNT/GATEWAY
 *
 * Under another MAC address one is another station on the wire, so it may be there.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* What claims of one station have in common. Returns the length. */
static size_t print_station(char *out, size_t size, const struct gateway_link *link)
{
	const uint8_t *mac = link->ends.mac;

	return (size_t)snprintf(out, size,
				"minato-link/%" PRIu64 "/%u/%u/%02x%02x%02x%02x%02x%02x/",
				link->ends.space, link->ends.index, link->said.vlan, mac[0], mac[1],
				mac[2], mac[3], mac[4], mac[5]);
}

/* unsealed: bind close socket */
/* Whoever claims first sees nobody, so of two at the same instant both may be refused. */
static int bind_claim(const char *station, uint64_t owner, const char *gateway)
{
	static unsigned count;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t length;
	int result = 0;

	if (fd < 0)
		return -errno;
	length = (size_t)snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1,
				  "%s%" PRIx64 ".%u/%s", station, owner, count++, gateway);
	if (length >= sizeof(addr.sun_path) - 1)
		length = sizeof(addr.sun_path) - 2;
	if (bind(fd, (const struct sockaddr *)&addr,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) < 0)
		result = -errno;
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

/* The gateway of a claim of that station by another owner, in a line of /proc/net/unix; or NULL. */
static const char *other_in(char *line, const char *station, uint64_t owner)
{
	char *at = strstr(line, " @minato-link/");
	char mine[24];
	size_t length = strlen(station);
	int took = snprintf(mine, sizeof(mine), "%" PRIx64 ".", owner);

	if (!at || strncmp(at + 2, station, length) != 0)
		return NULL;
	at += 2 + length;
	if (strncmp(at, mine, (size_t)took) == 0 || !strchr(at, '/'))
		return NULL;
	at = strchr(at, '/') + 1;
	at[strcspn(at, "\n")] = 0;
	return at;
}

static int refuse_second(const struct gateway_link *link, const char *station, uint64_t owner,
			 struct drive_error *error)
{
	FILE *file = fopen("/proc/self/net/unix", "re");
	char line[512], word[CONF_PATH_SIZE + 64];
	const char *other = NULL;

	while (file && !other && fgets(line, sizeof(line), file))
		other = other_in(line, station, owner);
	if (file)
		(void)fclose(file);
	if (!other)
		return 0;
	return drive_fail(error, EBUSY,
			  "%s is gateway %s's already: two on one interface would break each "
			  "other's connections ('minato stop %s' ends that one; 'mac' makes this "
			  "one another station)",
			  gateway_link_word(&link->said, word, sizeof(word)), other, other);
}

/* unsealed: getpid getrandom */
int gateway_links_claim(struct gateway_links *links, const char *gateway, struct drive_error *error)
{
	static uint64_t owner;
	char station[96];
	int result = 0;

	while (!owner) {
		if (getrandom(&owner, sizeof(owner), 0) < 0)
			owner = (uint64_t)getpid();
	}
	for (size_t i = 0; i < links->count && result == 0; i++) {
		struct gateway_link *link = &links->list[i];

		/* A tap has one program at most: the kernel sees to that. */
		if (link->ends.packet < 0 || link->claim >= 0)
			continue;
		(void)print_station(station, sizeof(station), link);
		link->claim = bind_claim(station, owner, gateway);
		if (link->claim < 0)
			result = drive_fail(error, -link->claim, "a socket: %s",
					    strerror(-link->claim));
		else
			result = refuse_second(link, station, owner, error);
	}
	return result;
}
