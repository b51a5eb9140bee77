/* SPDX-License-Identifier: BSD-2-Clause */
/* What both examples need around a host value: memory, time, and two links. */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MTU 1500
#define FRAME_MAX (MTU + 14)

static void config_of(struct minato_config *config, uint8_t mac_tail)
{
	static const uint8_t mac[6] = { 0x02, 'm', 'i', 'n', 'a', 0 };

	memset(config, 0, sizeof(*config));
	minato_config_init(config);
	config->link_count = 1;
	config->link[0].type = MINATO_LINK_ETHERNET;
	config->link[0].mtu = MTU;
	memcpy(config->link[0].mac, mac, 6);
	config->link[0].mac[5] = mac_tail;
}

/* The memory is the caller's: anonymous pages, touched only as they fill. */
struct minato *host_new(const char *address, uint32_t prefix_len, uint8_t mac_tail)
{
	struct minato_config config;
	struct minato_addr addr;
	struct minato *m;

	config_of(&config, mac_tail);
	if (getrandom(config.seed, sizeof(config.seed), 0) != sizeof(config.seed) ||
	    minato_addr_parse(address, &addr) < 0)
		return NULL;
	size_t size = minato_size(&config);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	if (minato_create(memory, size, &config, clock_now(), &m) < 0 ||
	    minato_address_add(m, 0, &addr, prefix_len) < 0) {
		munmap(memory, size);
		return NULL;
	}
	return m;
}

void host_free(struct minato *m)
{
	struct minato_config config;

	config_of(&config, 0);
	munmap(m, minato_size(&config));
}

struct minato_time clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct minato_time){ (int64_t)t.tv_sec * 1000000000 + t.tv_nsec };
}

/* Joins the extents of a frame. What a driver with writev need not do. */
static uint32_t flatten(const struct minato_frame_out *frame, uint8_t *out)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i < frame->extent_count; i++) {
		memcpy(out + len, frame->extents[i].base, frame->extents[i].len);
		len += (uint32_t)frame->extents[i].len;
	}
	return len;
}

static size_t carry_one_way(struct minato *from, struct minato *to, struct minato_time now)
{
	struct minato_frame_out out[32];
	uint8_t data[FRAME_MAX];
	size_t count = minato_output(from, now, out, 32);

	for (size_t i = 0; i < count; i++) {
		struct minato_frame in = {
			.data = data,
			.len = flatten(&out[i], data),
			.chunk = MINATO_CHUNK_NONE,
		};
		minato_input(to, now, &in, 1);
	}
	return count;
}

void cable_carry(struct minato *a, struct minato *b, struct minato_time now)
{
	while (carry_one_way(a, b, now) + carry_one_way(b, a, now) > 0)
		;
}

int tap_open(const char *name)
{
	struct ifreq request;
	int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (tap < 0)
		return -errno;
	memset(&request, 0, sizeof(request));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	request.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (ioctl(tap, TUNSETIFF, &request) < 0) {
		int error = -errno;
		close(tap);
		return error;
	}
	return tap;
}

static int tap_wait(int tap, const struct minato *m, int64_t ms_max)
{
	struct pollfd wanted = { .fd = tap, .events = POLLIN };
	struct minato_time due = minato_deadline(m), now = clock_now();
	int64_t ms = 0;

	if (due.ns > now.ns)
		ms = (due.ns - now.ns) / 1000000 + 1;
	if (ms > ms_max)
		ms = ms_max;
	if (poll(&wanted, 1, (int)ms) < 0 && errno != EINTR)
		return -errno;
	return 0;
}

/* Reads up to 64 frames into leased chunks, which the host value takes over. */
static void tap_read(int tap, struct minato *m)
{
	struct minato_frame frames[64];
	size_t count = 0;

	while (count < 64) {
		struct minato_extent where;
		uint32_t chunk = minato_lease(m, &where);
		if (chunk == MINATO_CHUNK_NONE)
			break;
		ssize_t len = read(tap, where.base, where.len);
		if (len <= 0) {
			minato_unlease(m, chunk);
			break;
		}
		frames[count++] = (struct minato_frame){
			.data = where.base, .len = (uint32_t)len, .chunk = chunk
		};
	}
	minato_input(m, clock_now(), frames, count);
}

int tap_carry(int tap, struct minato *m, int ms_max)
{
	struct minato_frame_out out[32];
	size_t count;

	int error = tap_wait(tap, m, ms_max);
	if (error < 0)
		return error;
	tap_read(tap, m);
	do {
		count = minato_output(m, clock_now(), out, 32);
		for (size_t i = 0; i < count; i++) {
			struct iovec parts[64];
			uint32_t n = out[i].extent_count;
			for (uint32_t e = 0; e < n && e < 64; e++)
				parts[e] = (struct iovec){ out[i].extents[e].base,
							   out[i].extents[e].len };
			/* A full device queue loses the frame, as a cable does;
			   TCP sends it again. */
			if (writev(tap, parts, (int)n) < 0 && errno != EAGAIN)
				return -errno;
		}
	} while (count == 32);
	return 0;
}
