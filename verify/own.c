/* SPDX-License-Identifier: BSD-2-Clause */
/* minato as a NAT under test: a host value of two links, in virtual time. */
#include "verify/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64u
#define SECOND_NS INT64_C(1000000000)
#define LATER_MAX 512

/* A packet that left while time passed. */
struct later {
	enum verify_side side;
	size_t len;
	uint8_t bytes[VERIFY_BYTES_MAX];
};

struct own {
	struct verify_nat nat;
	uint64_t seed;
	void *memory;
	struct minato *m;
	struct minato_time now;
	struct later *later; /* LATER_MAX */
	size_t later_count, later_next;
	struct verify_told told;
};

static struct minato_addr addr_of(uint32_t a)
{
	return minato_addr4((uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a);
}

/* ---- start ---- */

static int make_host(struct own *own, const struct verify_setup *setup)
{
	struct minato_config config;
	uintptr_t at;
	size_t size;

	minato_config_init(&config);
	config.seed[0] = own->seed++;
	config.seed[1] = 0x7665726966790000;
	config.sockets_max = 64;
	config.time_wait_max = 256;
	config.entries_max = 64;
	config.chunks_large = 64;
	config.chunks_small = 4096;
	config.active_max = 16;
	config.calls_max = 256;
	config.reassemblies_max = 16;
	config.leases_max = 16;
	config.sessions_max = setup->sessions_max ? setup->sessions_max : 4096;
	config.mappings_max = setup->mappings_max;
	config.inside_hosts_max = 1024;
	config.link_count = VERIFY_SIDES;
	for (uint32_t side = 0; side < VERIFY_SIDES; side++) {
		config.link[side] = (struct minato_link_config){
			.type = MINATO_LINK_IP,
			.mtu = setup->mtu[side] ? setup->mtu[side] : 1500,
			.scope = (uint8_t)side,
			.role = side == VERIFY_INSIDE ? MINATO_ROLE_INSIDE : MINATO_ROLE_OUTSIDE,
		};
	}
	size = minato_size(&config);
	if (size == 0)
		return -EINVAL;
	own->memory = calloc(1, size + ALIGNMENT);
	if (!own->memory)
		return -ENOMEM;
	at = ((uintptr_t)own->memory + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
	return minato_create((void *)at, size, &config, own->now, &own->m);
}

static int add_pool(struct own *own, const struct verify_setup *setup, uint32_t outside)
{
	uint32_t count = setup->pool_count ? setup->pool_count : 1;
	int result = 0;

	for (uint32_t i = 0; i < count && result == 0; i++) {
		struct minato_addr addr = addr_of(setup->pool_count ? setup->pool[i] : outside);

		result = minato_pool_add(own->m, VERIFY_OUTSIDE, &addr, setup->low, setup->high);
	}
	return result;
}

static int add_entries(struct own *own, const struct verify_setup *setup)
{
	int result = 0;

	for (uint32_t i = 0; i < setup->forward_count && result == 0; i++) {
		const struct verify_forward *f = &setup->forward[i];
		struct minato_entry entry = {
			.kind = MINATO_KIND_FORWARD,
			.translate = true,
			.scope = VERIFY_OUTSIDE,
			.face = MINATO_FACE_ANY,
			.proto = f->proto,
			.first = f->port,
			.last = f->port,
			.target = { addr_of(f->to.addr), f->to.port },
		};

		result = minato_entry_add(own->m, &entry, NULL);
	}
	if (setup->untranslated && result == 0) {
		struct minato_entry entry = {
			.kind = MINATO_KIND_ROUTE,
			.scope = VERIFY_INSIDE,
			.face = MINATO_FACE_ANY,
			.local = addr_of(setup->untranslated),
			.local_prefix = 128,
			.last = UINT16_MAX,
		};

		result = minato_entry_add(own->m, &entry, NULL);
	}
	return result;
}

static int set_up(struct own *own, const struct verify_setup *setup)
{
	struct minato_addr inside = addr_of(VERIFY_NAT_INSIDE);
	uint32_t there = setup->equal_ranges ? 0x0a0000c8u : VERIFY_NAT_OUTSIDE;
	struct minato_addr outside = addr_of(there);
	struct minato_addr any = addr_of(0);
	int result = minato_address_add(own->m, VERIFY_INSIDE, &inside, 24);

	if (result == 0)
		result = minato_address_add(own->m, VERIFY_OUTSIDE, &outside, 24);
	if (result == 0)
		result = minato_route_add(own->m, &any, 0, NULL, VERIFY_OUTSIDE);
	if (result == 0)
		result = add_pool(own, setup, there);
	if (result == 0)
		result = minato_nat_set(own->m, &setup->nat);
	if (result == 0)
		result = add_entries(own, setup);
	return result;
}

static void stop(void *user)
{
	struct own *own = user;

	free(own->memory);
	own->memory = NULL;
	own->m = NULL;
	own->later_count = own->later_next = 0;
}

static int start(void *user, const struct verify_setup *setup, struct drive_error *error)
{
	struct own *own = user;
	int result;

	stop(own);
	own->told = (struct verify_told){ 0 };
	own->now.ns = 1000 * SECOND_NS;
	result = make_host(own, setup);
	if (result == 0)
		result = set_up(own, setup);
	if (result < 0)
		return drive_fail(error, -result, "it cannot be set up so: %s", strerror(-result));
	return 0;
}

/* ---- packets and time ---- */

static void put(void *user, enum verify_side side, const uint8_t *bytes, size_t len)
{
	struct own *own = user;
	struct minato_frame frame = {
		.data = bytes, .len = (uint32_t)len, .chunk = MINATO_CHUNK_NONE, .link = side
	};

	minato_input(own->m, own->now, &frame, 1);
}

static size_t next_out(struct own *own, enum verify_side *side, uint8_t *bytes)
{
	struct minato_frame_out frame;
	size_t len = 0;

	if (minato_output(own->m, own->now, &frame, 1) == 0)
		return 0;
	for (uint32_t i = 0; i < frame.extent_count; i++) {
		const struct minato_extent *extent = &frame.extents[i];

		/* Longer than any packet that a row sends: what follows is left out. */
		if (len + extent->len > VERIFY_BYTES_MAX)
			break;
		memcpy(bytes + len, extent->base, extent->len);
		len += extent->len;
	}
	*side = frame.link == VERIFY_INSIDE ? VERIFY_INSIDE : VERIFY_OUTSIDE;
	return len;
}

static size_t take(void *user, enum verify_side *side, uint8_t bytes[VERIFY_BYTES_MAX], bool quick)
{
	struct own *own = user;
	struct later *later;

	(void)quick;
	if (own->later_next == own->later_count) {
		own->later_next = own->later_count = 0;
		return next_out(own, side, bytes);
	}
	later = &own->later[own->later_next++];
	*side = later->side;
	memcpy(bytes, later->bytes, later->len);
	return later->len;
}

static void keep(struct own *own)
{
	struct later spare;
	struct later *later = own->later_count < LATER_MAX ? &own->later[own->later_count] : &spare;

	while ((later->len = next_out(own, &later->side, later->bytes)) > 0) {
		own->later_count += own->later_count < LATER_MAX;
		later = own->later_count < LATER_MAX ? &own->later[own->later_count] : &spare;
	}
}

static void pass_time(void *user, double seconds)
{
	struct own *own = user;
	int64_t end_ns = own->now.ns + (int64_t)(seconds * (double)SECOND_NS);

	while (own->now.ns < end_ns) {
		int64_t next_ns = minato_deadline(own->m).ns;

		if (next_ns <= own->now.ns)
			next_ns = own->now.ns + 1;
		own->now.ns = next_ns < end_ns ? next_ns : end_ns;
		minato_advance(own->m, own->now);
		keep(own);
	}
}

/* ---- what it tells ---- */

static uint32_t number_of(const struct minato_addr *a)
{
	return (uint32_t)a->bytes[12] << 24 | (uint32_t)a->bytes[13] << 16 |
	       (uint32_t)a->bytes[14] << 8 | a->bytes[15];
}

static bool is_destination(const struct minato_addr *a)
{
	uint32_t number = number_of(a);

	return number == VERIFY_X || number == VERIFY_Y;
}

static int told(void *user, struct verify_told *out)
{
	struct own *own = user;
	struct minato_nat_news news;

	while (minato_nat_news(own->m, &news)) {
		own->told.mapped += news.kind == MINATO_NEWS_MAPPED;
		own->told.unmapped += news.kind == MINATO_NEWS_UNMAPPED;
		if (news.kind != MINATO_NEWS_MAPPED && news.kind != MINATO_NEWS_UNMAPPED) {
			own->told.refused++;
			own->told.inside = number_of(&news.inside.addr);
		}
		own->told.destinations |= is_destination(&news.inside.addr) ||
					  is_destination(&news.outside.addr);
	}
	*out = own->told;
	return 0;
}

static struct minato *host_value(void *user)
{
	return ((struct own *)user)->m;
}

struct verify_nat *verify_own_make(uint64_t seed)
{
	struct own *own = calloc(1, sizeof(*own));

	if (!own)
		return NULL;
	own->later = calloc(LATER_MAX, sizeof(*own->later));
	if (!own->later) {
		free(own);
		return NULL;
	}
	own->seed = seed;
	own->nat = (struct verify_nat){
		.name = "minato",
		.user = own,
		.start = start,
		.put = put,
		.take = take,
		.pass = pass_time,
		.told = told,
		.host = host_value,
		.stop = stop,
	};
	return &own->nat;
}

void verify_own_free(struct verify_nat *nat)
{
	struct own *own = nat ? nat->user : NULL;

	if (own) {
		stop(own);
		free(own->later);
		free(own);
	}
}
