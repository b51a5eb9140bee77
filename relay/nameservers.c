/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's resolvers, from its resolv.conf(5), as it is now. */
#include "relay/relay.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX 65536u /* what we read of the file at most */
#define LOOK_NS 1000000000
#define DNS_PORT 53

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The zone of a link-local address: a name or a number. 0 if there is no such interface. */
/* unsealed: ioctl */
static uint32_t read_zone(const char *zone)
{
	char *end;
	unsigned long number = strtoul(zone, &end, 10);

	if (*zone >= '0' && *zone <= '9' && *end == '\0' && number <= UINT32_MAX)
		return (uint32_t)number;
	return if_nametoindex(zone);
}

/* The word after "nameserver". What is no address is passed over, as resolvers do. */
static void add_server(struct nameservers *n, const char *word, size_t len)
{
	struct nameserver *server = &n->list[n->count];
	char text[64 + IF_NAMESIZE];
	char *zone;

	if (len == 0 || len >= sizeof(text))
		return;
	memcpy(text, word, len);
	text[len] = '\0';
	zone = strchr(text, '%');
	if (zone)
		*zone++ = '\0';
	if (minato_addr_parse(text, &server->end.addr) < 0)
		return;
	server->end.port = DNS_PORT;
	server->scope_id = zone ? read_zone(zone) : 0;
	n->count++;
}

static void read_line(struct nameservers *n, const char *line, size_t len)
{
	static const char word[] = "nameserver";
	size_t at = sizeof(word) - 1;
	size_t end;

	/* The keyword stands at the very start of the line and a blank follows it. */
	if (len <= at || memcmp(line, word, at) != 0 || !is_blank(line[at]))
		return;
	while (at < len && is_blank(line[at]))
		at++;
	end = at;
	while (end < len && !is_blank(line[end]) && line[end] != ';' && line[end] != '#')
		end++;
	add_server(n, line + at, end - at);
}

void nameservers_parse(struct nameservers *n, const char *text, size_t len)
{
	n->count = 0;
	while (len > 0 && n->count < NAMESERVERS_MAX) {
		const char *newline = memchr(text, '\n', len);
		size_t line = newline ? (size_t)(newline - text) : len;

		read_line(n, text, line);
		line += newline ? 1 : 0;
		text += line;
		len -= line;
	}
}

/* Reads the file whole, as far as FILE_MAX. A file that cannot be read has no servers. */
/* unsealed: read */
static void read_file(struct nameservers *n, int fd)
{
	char *text = malloc(FILE_MAX);
	size_t len = 0;

	n->count = 0;
	if (!text)
		return;
	while (len < FILE_MAX) {
		ssize_t got = read(fd, text + len, FILE_MAX - len);

		if (got <= 0)
			break;
		len += (size_t)got;
	}
	nameservers_parse(n, text, len);
	free(text);
}

/* unsealed: openat newfstatat close */
bool nameservers_look(struct nameservers *n, struct minato_time now)
{
	uint64_t mark[5] = { 0 };
	struct stat st;
	bool changed;
	int fd;

	if (n->looked_ns && now.ns - n->looked_ns < LOOK_NS)
		return false;
	n->looked_ns = now.ns;
	fd = open(n->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &st) == 0) {
		mark[0] = (uint64_t)st.st_dev;
		mark[1] = (uint64_t)st.st_ino;
		mark[2] = (uint64_t)st.st_size;
		mark[3] = (uint64_t)st.st_mtim.tv_sec;
		mark[4] = (uint64_t)st.st_mtim.tv_nsec;
	}
	changed = memcmp(mark, n->mark, sizeof(mark)) != 0;
	if (changed && mark[1])
		read_file(n, fd);
	else if (changed)
		n->count = 0;
	memcpy(n->mark, mark, sizeof(mark));
	if (fd >= 0)
		close(fd);
	return changed;
}
