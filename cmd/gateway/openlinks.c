/* SPDX-License-Identifier: BSD-2-Clause */
/* The links of a gateway, opened by its keeper: in our network namespace or in another one. */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MTU_DEFAULT 1500u

const char *gateway_link_word(const struct conf_link *link, char *text, size_t size)
{
	char where[CONF_PATH_SIZE + 32] = "";

	switch (link->space) {
	case CONF_SPACE_OURS:
		break;
	case CONF_SPACE_NAME:
	case CONF_SPACE_PATH:
		(void)snprintf(where, sizeof(where), " in namespace %s", link->space_name);
		break;
	case CONF_SPACE_PID:
		(void)snprintf(where, sizeof(where), " in the namespace of process %u",
			       link->space_pid);
		break;
	}
	(void)snprintf(text, size, "%s%s%s", link->sort == CONF_LINK_TAP ? "tap " : "",
		       link->sort == CONF_LINK_HOST ? "host" : link->ifname, where);
	return text;
}

/*
 * Locally administered, and the same each time, so that neighbours need not learn a new one when
 * the gateway is started again: FNV-1a of what the link is called.
 */
static void make_mac(uint8_t mac[6], const struct conf_link *link)
{
	char word[256];
	uint32_t hash = 2166136261u;

	gateway_link_word(link, word, sizeof(word));
	for (const char *at = word; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 16777619u;
	mac[0] = 0x02;
	mac[1] = 0x6d;
	for (int i = 0; i < 4; i++)
		mac[2 + i] = (uint8_t)(hash >> 8 * i);
}

/* The word by which drive/ finds the namespace; NULL: ours. */
static const char *space_word(const struct conf_link *link, char *text, size_t size)
{
	if (link->space == CONF_SPACE_OURS)
		return NULL;
	if (link->space == CONF_SPACE_PID)
		(void)snprintf(text, size, "%u", link->space_pid);
	else if (link->space == CONF_SPACE_NAME)
		(void)snprintf(text, size, "/run/netns/%s", link->space_name);
	else
		(void)snprintf(text, size, "%s", link->space_name);
	return text;
}

/* ---- which of those that are open it is ---- */

/* The number of the network namespace; 0 where that cannot be told. */
static uint64_t space_number(const struct conf_link *said)
{
	char word[CONF_PATH_SIZE + 16];
	char path[CONF_PATH_SIZE + 32];
	struct stat about;

	if (said->space == CONF_SPACE_OURS)
		(void)snprintf(path, sizeof(path), "/proc/self/ns/net");
	else if (said->space == CONF_SPACE_PID)
		(void)snprintf(path, sizeof(path), "/proc/%u/ns/net", said->space_pid);
	else
		(void)snprintf(path, sizeof(path), "%s", space_word(said, word, sizeof(word)));
	return stat(path, &about) == 0 ? about.st_ino : 0;
}

/* One namespace may be called by many words. */
static bool is_in(const struct gateway_link *link, const struct conf_link *said)
{
	if (link->said.space == said->space && link->said.space_pid == said->space_pid &&
	    !strcmp(link->said.space_name, said->space_name))
		return true;
	return link->space != 0 && space_number(said) == link->space;
}

static bool is_named(const struct gateway_link *link, const struct conf_link *said)
{
	return !strcmp(link->said.ifname, said->ifname) && is_in(link, said);
}

/*
 * Whether what is open serves for that: on which side the link is, and what it is told to take, are
 * no matter of the descriptors.
 */
static bool serves(const struct gateway_link *link, const struct conf_link *said)
{
	return link->said.sort == said->sort && link->said.take == said->take &&
	       link->said.vlan == said->vlan &&
	       !memcmp(link->said.mac, said->mac, sizeof(said->mac)) && is_named(link, said);
}

static const struct gateway_link *find(const struct gateway_links *links,
				       const struct conf_link *said)
{
	for (size_t i = 0; links && i < links->count; i++) {
		if (serves(&links->list[i], said))
			return &links->list[i];
	}
	return NULL;
}

static int copy(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* The filter that keeps the kernel silent on that interface, for all that is of it; or -1. */
static int filter_of(const struct gateway_links *links, const struct conf_link *said)
{
	for (size_t i = 0; links && i < links->count; i++) {
		const struct gateway_link *one = &links->list[i];

		if (one->ends.filter >= 0 && is_named(one, said))
			return one->ends.filter;
	}
	return -1;
}

/* What an interface takes may be less than what was said. */
static void settle_mtu(struct gateway_link *link)
{
	const uint32_t said = link->said.mtu;

	if (link->said.sort == CONF_LINK_TAP)
		link->mtu = said ? said : MTU_DEFAULT;
	else
		link->mtu = said && said < link->ends.mtu ? said : link->ends.mtu;
}

void gateway_links_look(struct gateway_links *links)
{
	for (size_t i = 0; i < links->count; i++) {
		struct gateway_link *link = &links->list[i];
		const uint32_t mtu = drive_link_mtu(&link->ends);

		if (link->said.sort != CONF_LINK_INTERFACE || mtu == 0)
			continue;
		link->ends.mtu = mtu;
		settle_mtu(link);
	}
}

static bool share(struct gateway_link *link, const struct gateway_links *old)
{
	const struct gateway_link *one = find(old, &link->said);
	const struct conf_link said = link->said;

	if (!one)
		return false;
	*link = *one;
	link->said = said;
	link->ends.trusted = !said.outside;
	link->ends.forwards = said.outside;
	link->fd = copy(one->fd);
	link->claim = copy(one->claim);
	link->ends.packet = copy(one->ends.packet);
	link->ends.sender = copy(one->ends.sender);
	link->ends.watch = copy(one->ends.watch);
	link->ends.filter = copy(one->ends.filter);
	link->ends.carrier = copy(one->ends.carrier);
	settle_mtu(link);
	return link->fd >= 0 || link->ends.packet >= 0;
}

/* ---- an interface that is there ---- */

#define OURS_MAX 64u

/* What of the list is ours on this link: its own addresses, and those for translations. */
static size_t list_ours(const struct conf *conf, const struct conf_link *link,
			struct minato_addr ours[OURS_MAX])
{
	size_t count = 0;

	for (uint32_t i = 0; i < link->address_count; i++)
		ours[count++] = link->address[i].addr;
	for (size_t i = 0; i < conf->count && link->outside; i++) {
		struct minato_addr addr;
		uint32_t bits;

		if (conf->list[i]->kind != CONF_KIND_POOL)
			continue;
		addr = conf->list[i]->pool.addresses.addr;
		bits = 128u - conf->list[i]->pool.addresses.length;
		for (uint32_t n = 0; count < OURS_MAX && n < 1u << (bits < 6 ? bits : 6); n++) {
			ours[count++] = addr;
			addr.bytes[15]++;
		}
	}
	return count;
}

/* It would go with the descriptor that the tap is given up with. */
static int judge_own_tap(const struct gateway_links *old, const struct conf_link *said,
			 struct drive_error *error)
{
	for (size_t i = 0; old && i < old->count; i++) {
		if (old->list[i].said.sort == CONF_LINK_TAP && is_named(&old->list[i], said))
			return drive_fail(error, EBUSY,
					  "%s is a tap that this gateway serves, and no interface "
					  "of somebody else's: stop the gateway, make an interface "
					  "of that name, and start it again",
					  said->ifname);
	}
	return 0;
}

/*
 * Under a MAC address of our own, so that the kernel's own addresses there, and what it forwards
 * between others, do not matter. An interface that is taken has no kernel beside us: its own
 * address serves, and neighbours see the station that they know.
 */
static int open_interface(struct gateway_link *link, const struct conf *conf, int filter,
			  const struct drive_carry *carry, struct drive_error *error)
{
	static const uint8_t none[6] = { 0 };
	const bool has_mac = memcmp(link->said.mac, none, sizeof(none)) != 0;
	struct minato_addr ours[OURS_MAX];
	char word[CONF_PATH_SIZE + 16];
	const struct drive_link_plan plan = {
		.netns = space_word(&link->said, word, sizeof(word)),
		.ifname = link->said.ifname,
		.ours = ours,
		.ours_count = list_ours(conf, &link->said, ours),
		.mac = has_mac ? link->said.mac : NULL,
		.second_mac = !has_mac && !link->said.take,
		.vlan = (uint16_t)link->said.vlan,
		.take = link->said.take,
		.silent = filter >= 0,
		.carry = carry,
	};
	int result = drive_link_make(&link->ends, &plan, error);

	if (result < 0)
		return result;
	if (link->said.take && filter >= 0)
		link->ends.filter = copy(filter);
	link->ends.trusted = !link->said.outside;
	link->ends.forwards = link->said.outside;
	link->space = link->ends.space;
	memcpy(link->mac, link->ends.mac, sizeof(link->mac));
	settle_mtu(link);
	return 0;
}

/* ---- a tap ---- */

/* What is done in the link's network namespace. 0 or negative errno. */
typedef int visit_fn(struct gateway_link *link, struct drive_error *error);

struct visit {
	struct gateway_link link;
	struct drive_error error;
	visit_fn *work;
};

static int open_here(struct gateway_link *link, struct drive_error *error)
{
	link->fd = drive_netns_tap(link->said.ifname, link->mtu, &link->vnet, error);
	return link->fd < 0 ? link->fd : 0;
}

/* One that was made beforehand its maker may have set up, and we may not. */
static int set_mtu_here(struct gateway_link *link, struct drive_error *error)
{
	const int result = drive_netns_mtu(link->said.ifname, link->mtu, error);

	return result == -EPERM ? 0 : result;
}

/* In a child, in the other namespace. */
static int work_there(struct drive_inside *inside)
{
	struct visit *visit = inside->answer;
	int result = visit->work(&visit->link, &visit->error);

	inside->fd = visit->link.fd;
	return result;
}

static int work_in_space(struct gateway_link *link, visit_fn *work, struct drive_error *error)
{
	struct visit visit = { .link = *link, .work = work };
	struct drive_inside inside = {
		.work = work_there,
		.answer = &visit,
		.size = sizeof(visit),
		.fd = -1,
	};
	struct drive_target target;
	char word[CONF_PATH_SIZE + 16];
	int result;

	if (link->said.space == CONF_SPACE_OURS)
		return work(link, error);
	visit.link.fd = -1;
	result = drive_target_open(&target, space_word(&link->said, word, sizeof(word)), error);
	if (result < 0)
		return result;
	result = drive_inside(target.owner, target.netns, &inside);
	drive_target_close(&target);
	if (result < 0)
		return drive_fail(error, -result, "%s",
				  visit.error.text[0] ? visit.error.text : strerror(-result));
	link->vnet = visit.link.vnet;
	if (inside.fd >= 0)
		link->fd = inside.fd;
	return 0;
}

static int open_tap(struct gateway_link *link, struct drive_error *error)
{
	link->space = space_number(&link->said);
	return work_in_space(link, open_here, error);
}

/* The tap that `old` has too is to take as much as `link` says. */
static int change_mtu(struct gateway_link *link, const struct gateway_links *old,
		      struct drive_error *error)
{
	const struct gateway_link *one = find(old, &link->said);

	if (!one || link->said.sort != CONF_LINK_TAP || one->mtu == link->mtu)
		return 0;
	return work_in_space(link, set_mtu_here, error);
}

int gateway_links_change(struct gateway_links *links, const struct gateway_links *old,
			 struct drive_error *error)
{
	int result = 0;
	size_t done = 0;

	while (done < links->count && result == 0)
		result = change_mtu(&links->list[done++], old, error);
	/* The last one is as it was. */
	for (size_t i = 0; result < 0 && i + 1 < done; i++) {
		const struct gateway_link *one = find(old, &links->list[i].said);

		if (!one)
			continue;
		links->list[i].mtu = one->mtu;
		if (links->list[i].said.sort == CONF_LINK_TAP)
			(void)work_in_space(&links->list[i], set_mtu_here, NULL);
	}
	return result;
}

/* ---- all of them ---- */

bool gateway_link_same(const struct conf_link *a, const struct conf_link *b)
{
	return a->outside == b->outside && a->sort == b->sort && a->space == b->space &&
	       a->space_pid == b->space_pid && a->mtu == b->mtu && a->take == b->take &&
	       a->vlan == b->vlan && !memcmp(a->mac, b->mac, sizeof(a->mac)) &&
	       !strcmp(a->ifname, b->ifname) && !strcmp(a->space_name, b->space_name);
}

/* The last one of the links: those before it are open. */
static int open_link(struct gateway_links *links, const struct conf *conf,
		     const struct gateway_links *old, const struct drive_carry *carry,
		     struct drive_error *error)
{
	struct gateway_link *link = &links->list[links->count - 1];
	int filter;
	int result;

	if (share(link, old))
		return 0;
	if (link->said.sort == CONF_LINK_TAP)
		return open_tap(link, error);
	filter = filter_of(links, &link->said);
	if (filter < 0)
		filter = filter_of(old, &link->said);
	result = judge_own_tap(old, &link->said, error);
	return result < 0 ? result : open_interface(link, conf, filter, carry, error);
}

int gateway_links_open(struct gateway_links *links, const struct conf *conf,
		       const struct gateway_links *old, const struct drive_carry *carry,
		       struct drive_error *error)
{
	int result = 0;

	*links = (struct gateway_links){ .count = 0 };
	for (size_t i = 0; i < conf->count && result == 0; i++) {
		struct gateway_link *link = &links->list[links->count];

		if (conf->list[i]->kind != CONF_KIND_LINK)
			continue;
		if (conf->list[i]->link.sort == CONF_LINK_HOST) {
			links->host = true;
			continue;
		}
		*link = (struct gateway_link){ .said = conf->list[i]->link, .fd = -1, .claim = -1 };
		link->ends = DRIVE_LINK_ENDS_NONE;
		link->mtu = link->said.mtu ? link->said.mtu : MTU_DEFAULT;
		make_mac(link->mac, &link->said);
		links->count++;
		result = open_link(links, conf, old, carry, error);
	}
	if (result < 0)
		gateway_links_close(links);
	return result;
}

void gateway_links_close(struct gateway_links *links)
{
	for (size_t i = 0; i < links->count; i++) {
		if (links->list[i].fd >= 0)
			close(links->list[i].fd);
		if (links->list[i].claim >= 0)
			close(links->list[i].claim);
		drive_link_ends_close(&links->list[i].ends);
	}
	links->count = 0;
}
