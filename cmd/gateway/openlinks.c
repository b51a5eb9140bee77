/* SPDX-License-Identifier: BSD-2-Clause */
/* The links of a gateway, opened by its keeper: in our network namespace or in another one. */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
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

/*
 * Under a MAC address of our own, so that the kernel's own addresses there, and what it forwards
 * between others, do not matter. An interface that is taken has no kernel beside us: its own
 * address serves, and neighbours see the station that they know.
 */
static int open_interface(struct gateway_link *link, const struct conf *conf,
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
		.carry = carry,
	};
	int result = drive_link_make(&link->ends, &plan, error);

	if (result < 0)
		return result;
	link->ends.trusted = !link->said.outside;
	memcpy(link->mac, link->ends.mac, sizeof(link->mac));
	if (!link->said.mtu)
		link->mtu = link->ends.mtu;
	return 0;
}

/* ---- a tap ---- */

static int open_here(struct gateway_link *link, struct drive_error *error)
{
	return drive_netns_tap(link->said.ifname, link->mtu, &link->vnet, error);
}

/* In a child, in the other namespace. */
static int open_there(struct drive_inside *inside)
{
	struct gateway_link *link = inside->answer;
	struct drive_error *error = (struct drive_error *)(link + 1);

	inside->fd = open_here(link, error);
	return inside->fd < 0 ? inside->fd : 0;
}

static int open_elsewhere(struct gateway_link *link, struct drive_error *error)
{
	struct {
		struct gateway_link link;
		struct drive_error error;
	} answer = { *link, { "" } };
	struct drive_inside inside = {
		.work = open_there,
		.answer = &answer,
		.size = sizeof(answer),
		.fd = -1,
	};
	struct drive_target target;
	char word[CONF_PATH_SIZE + 16];
	int result = drive_target_open(&target, space_word(&link->said, word, sizeof(word)), error);

	if (result < 0)
		return result;
	result = drive_inside(target.owner, target.netns, &inside);
	drive_target_close(&target);
	if (result < 0)
		return drive_fail(error, -result, "%s",
				  answer.error.text[0] ? answer.error.text : strerror(-result));
	*link = answer.link;
	return inside.fd;
}

static int open_tap(struct gateway_link *link, struct drive_error *error)
{
	link->fd = link->said.space == CONF_SPACE_OURS ? open_here(link, error) :
							 open_elsewhere(link, error);
	return link->fd < 0 ? link->fd : 0;
}

/* ---- all of them ---- */

bool gateway_link_same(const struct conf_link *a, const struct conf_link *b)
{
	return a->outside == b->outside && a->sort == b->sort && a->space == b->space &&
	       a->space_pid == b->space_pid && a->mtu == b->mtu && a->take == b->take &&
	       a->vlan == b->vlan && !memcmp(a->mac, b->mac, sizeof(a->mac)) &&
	       !strcmp(a->ifname, b->ifname) && !strcmp(a->space_name, b->space_name);
}

static int copy(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* One that is open already. */
static bool share(struct gateway_link *link, const struct gateway_links *old)
{
	for (size_t i = 0; old && i < old->count; i++) {
		const struct gateway_link *one = &old->list[i];
		const struct conf_link said = link->said;

		if (!gateway_link_same(&one->said, &link->said))
			continue;
		*link = *one;
		link->said = said;
		link->fd = copy(one->fd);
		link->claim = copy(one->claim);
		link->ends.packet = copy(one->ends.packet);
		link->ends.sender = copy(one->ends.sender);
		link->ends.watch = copy(one->ends.watch);
		link->ends.filter = copy(one->ends.filter);
		link->ends.carrier = copy(one->ends.carrier);
		return link->fd >= 0 || link->ends.packet >= 0;
	}
	return false;
}

static int open_link(struct gateway_link *link, const struct conf *conf,
		     const struct gateway_links *old, const struct drive_carry *carry,
		     struct drive_error *error)
{
	if (share(link, old))
		return 0;
	return link->said.sort == CONF_LINK_TAP ? open_tap(link, error) :
						  open_interface(link, conf, carry, error);
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
		result = open_link(link, conf, old, carry, error);
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
