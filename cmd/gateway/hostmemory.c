/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of a gateway's host value, which outlives the process that works in it. */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "minato gateway"
/* Sessions and mappings where the file says nothing. */
#define SESSIONS_DEFAULT 262144u
#define HOSTS_DEFAULT 65536u
#define ENTRIES_LIVE 8192u
#define ROUTES_LIVE 256u

void gateway_config(struct minato_config *config, const struct conf *conf,
		    const struct gateway_links *links)
{
	uint8_t insides = 0;

	minato_config_init(config);
	config->sessions_max = SESSIONS_DEFAULT;
	config->inside_hosts_max = HOSTS_DEFAULT;
	/* What can be added live, besides what the file says. */
	config->entries_max = ENTRIES_LIVE;
	config->routes_max = ROUTES_LIVE;
	config->scan_sources_max = CMD_SCAN_SOURCES;
	conf_plan(config, conf);
	/* Who says how many there may be wants them to come fast. Over the host's sockets there are
	   none. */
	if (!links->host && conf_capacity(conf, CONF_SESSIONS) > 0)
		config->sessions_first = config->sessions_max < SESSIONS_DEFAULT ?
						 config->sessions_max :
						 SESSIONS_DEFAULT;
	/* Others may take the place of all rules in one step: both stand there then. */
	config->entries_max += conf_rules_count(conf);
	for (size_t i = 0; i < links->count; i++) {
		const struct gateway_link *from = &links->list[i];
		struct minato_link_config *link = &config->link[config->link_count];

		link->type = MINATO_LINK_ETHERNET;
		link->mtu = from->mtu;
		link->role = from->said.outside ? MINATO_ROLE_OUTSIDE : MINATO_ROLE_INSIDE;
		/* Then the relay speaks for the world, as for a guest. */
		if (links->host) {
			link->role = MINATO_ROLE_HOST;
			link->any_destination = true;
		}
		if (from->said.outside)
			link->scope = CONF_SCOPE_OUTSIDE;
		else
			link->scope = insides++ ? insides : CONF_SCOPE_INSIDE;
		memcpy(link->mac, from->mac, sizeof(link->mac));
		config->link_count++;
	}
}

int gateway_memory_new(const struct minato_config *config)
{
	size_t size = minato_size(config);
	struct gateway_head head = { .size = size, .config_size = sizeof(*config) };
	int fd;
	int result = 0;

	if (!size)
		return -EINVAL;
	fd = memfd_create(GATEWAY_MEMORY_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	memcpy(head.magic, MAGIC, sizeof(MAGIC));
	(void)snprintf(head.version, sizeof(head.version), "%s", MINATO_VERSION);
	head.config = *config;
	/* Whoever maps it may rely on its length. */
	if (ftruncate(fd, (off_t)(GATEWAY_HEAD_SIZE + size)) < 0 ||
	    pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		result = errno ? -errno : -EIO;
	if (result < 0)
		close(fd);
	return result < 0 ? result : fd;
}

/* Address space for it, at a multiple of a piece. */
/* unsealed: mmap munmap */
static void *make_place(size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (size + page - 1) / page * page;
	char *all = mmap(NULL, whole + GATEWAY_PIECE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before;

	if (all == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)all % GATEWAY_PIECE;
	if (before > 0)
		(void)munmap(all, before);
	(void)munmap(all + before + whole, GATEWAY_PIECE - before);
	return all + before;
}

/* unsealed: mmap munmap fstat newfstatat */
int gateway_memory_map(int fd, bool write, struct gateway_head **head, size_t *size)
{
	struct stat about;
	void *place, *memory;

	if (fstat(fd, &about) < 0)
		return -errno;
	if (about.st_size <= (off_t)GATEWAY_HEAD_SIZE)
		return -EINVAL;
	place = make_place((size_t)about.st_size);
	if (!place)
		return -errno;
	memory = mmap(place, (size_t)about.st_size, write ? PROT_READ | PROT_WRITE : PROT_READ,
		      MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0);
	if (memory == MAP_FAILED) {
		int result = -errno;

		(void)munmap(place, (size_t)about.st_size);
		return result;
	}
	*head = memory;
	*size = (size_t)about.st_size - GATEWAY_HEAD_SIZE;
	return 0;
}

bool gateway_memory_fits(int fd)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	struct gateway_head head;
	struct stat about;

	if (fcntl(fd, F_GET_SEALS) < 0 || (fcntl(fd, F_GET_SEALS) & seals) != seals)
		return false;
	if (fstat(fd, &about) < 0 || pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return false;
	return !memcmp(head.magic, MAGIC, sizeof(MAGIC)) &&
	       !strncmp(head.version, MINATO_VERSION, sizeof(head.version)) && head.complete == 1 &&
	       head.config_size == sizeof(head.config) &&
	       (uint64_t)about.st_size == GATEWAY_HEAD_SIZE + head.size &&
	       minato_size(&head.config) == head.size;
}
