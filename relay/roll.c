/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's roll: memory that its worker writes and those of other guests read. It has the cookies
 * of the worker's own host sockets that call out, each from before the first packet of it leaves
 * until long after it is closed, and the ports that are published. A cookie is the kernel's number
 * of one socket, which no other one has until the next boot: one that stands here too long is
 * nobody's.
 *
 * Only who mapped it before it was sealed writes it (F_SEAL_FUTURE_WRITE), and nobody makes it
 * shorter under its readers.
 */
#include "relay/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x6d6e746f524f4c31u
/* Of 8 cookies, a line of the processor; a cookie stands in one of a few that follow its own. */
#define BUCKETS 16384u
#define SLOTS 8u
#define PROBES 12u

__extension__ typedef unsigned __int128 wide;

struct relay_roll {
	uint64_t magic;
	uint64_t noted;	       /* cookies, ever */
	_Atomic uint32_t turn; /* odd while doors are written */
	_Atomic uint32_t door_count;
	struct relay_roll_door doors[RELAY_ROLL_DOORS];
	uint64_t key[4]; /* of the hash */
	uint32_t ends;	 /* of sockets, ever; never 0 once there was one */
	_Alignas(64) _Atomic uint64_t cookies[BUCKETS * SLOTS];
	uint32_t closed[BUCKETS * SLOTS]; /* which of `ends` it was; 0: it is open */
};

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

/* Beyond what files may have (ulimit -f) there is an error, and no signal that ends us. */
/* unsealed: ftruncate rt_sigaction */
static int make_long(int memory, off_t size)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	int result;

	if (sigaction(SIGXFSZ, &ignore, &before) < 0)
		return -1;
	result = ftruncate(memory, size);
	(void)sigaction(SIGXFSZ, &before, NULL);
	return result;
}

/* unsealed: memfd_create mmap close fcntl */
int relay_roll_new(int *fd, struct relay_roll **out)
{
	struct relay_roll *roll = MAP_FAILED;
	int memory = memfd_create("minato-roll", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint64_t key[4];
	int result;

	if (memory < 0)
		return -errno;
	result = drive_seed(key, sizeof(key));
	if (result < 0) {
		close(memory);
		return result;
	}
	if (make_long(memory, sizeof(*roll)) == 0)
		roll = mmap(NULL, sizeof(*roll), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (roll == MAP_FAILED || fcntl(memory, F_ADD_SEALS, SEALS) < 0 ||
	    fcntl(memory, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0) {
		result = -errno;
		if (roll != MAP_FAILED)
			munmap(roll, sizeof(*roll));
		close(memory);
		return result;
	}
	memcpy(roll->key, key, sizeof(key));
	roll->magic = MAGIC;
	*fd = memory;
	*out = roll;
	return 0;
}

/* unsealed: fcntl newfstatat */
bool relay_roll_is(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat about;

	return seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &about) == 0 &&
	       about.st_size == (off_t)sizeof(struct relay_roll);
}

/* syscalls: mmap munmap */
int relay_roll_open(int fd, const struct relay_roll **out)
{
	struct relay_roll *roll = mmap(NULL, sizeof(*roll), PROT_READ, MAP_SHARED, fd, 0);

	if (roll == MAP_FAILED)
		return -errno;
	if (roll->magic != MAGIC) {
		munmap(roll, sizeof(*roll));
		return -EPROTO;
	}
	*out = roll;
	return 0;
}

/* syscalls: munmap */
void relay_roll_close(const struct relay_roll *roll)
{
	if (roll)
		munmap((void *)(uintptr_t)roll, sizeof(*roll));
}

/* ---- cookies ---- */

/*
 * A guest sees how its sockets' cookies follow each other: without a key it could fill all places
 * that one may take.
 */
static uint32_t bucket_of(const struct relay_roll *roll, uint64_t cookie)
{
	wide product = (wide)(cookie + roll->key[0]) * (roll->key[1] | 1);

	product = (wide)(((uint64_t)(product >> 64) ^ (uint64_t)product) + roll->key[2]) *
		  (roll->key[3] | 1);
	return (uint32_t)((uint64_t)(product >> 64) ^ (uint64_t)product) % BUCKETS;
}

/* The place of a cookie, as a number; -1: it has none. */
static int32_t find(const struct relay_roll *roll, uint64_t cookie)
{
	uint32_t bucket = bucket_of(roll, cookie);

	for (uint32_t i = 0; i < PROBES * SLOTS; i++) {
		uint32_t at = (bucket * SLOTS + i) % (BUCKETS * SLOTS);

		if (atomic_load_explicit(&((struct relay_roll *)(uintptr_t)roll)->cookies[at],
					 memory_order_acquire) == cookie)
			return (int32_t)at;
	}
	return -1;
}

/* A free one, or that of the socket that was closed first. */
static int32_t place_for(const struct relay_roll *roll, uint64_t cookie)
{
	uint32_t bucket = bucket_of(roll, cookie);
	int32_t best = -1;

	for (uint32_t i = 0; i < PROBES * SLOTS; i++) {
		uint32_t at = (bucket * SLOTS + i) % (BUCKETS * SLOTS);

		if (!atomic_load_explicit(&((struct relay_roll *)(uintptr_t)roll)->cookies[at],
					  memory_order_relaxed))
			return (int32_t)at;
		if (roll->closed[at] &&
		    (best < 0 || (int32_t)(roll->closed[at] - roll->closed[best]) < 0))
			best = (int32_t)at;
	}
	return best;
}

bool relay_roll_note(struct relay_roll *roll, uint64_t cookie)
{
	int32_t at = cookie ? place_for(roll, cookie) : -1;

	if (at < 0)
		return false;
	roll->closed[at] = 0;
	atomic_store_explicit(&roll->cookies[at], cookie, memory_order_release);
	roll->noted++;
	return true;
}

static void close_place(struct relay_roll *roll, uint32_t at)
{
	if (++roll->ends == 0)
		roll->ends = 1;
	roll->closed[at] = roll->ends;
}

void relay_roll_strike(struct relay_roll *roll, uint64_t cookie)
{
	int32_t at = cookie ? find(roll, cookie) : -1;

	if (at >= 0)
		close_place(roll, (uint32_t)at);
}

bool relay_roll_has(const struct relay_roll *roll, uint64_t cookie)
{
	return cookie && find(roll, cookie) >= 0;
}

/* syscalls: getsockopt */
static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0 ? 0 : cookie;
}

bool roll_enter(struct relay *relay, int fd)
{
	if (!relay->config.roll || relay_roll_note(relay->config.roll, cookie_of(fd)))
		return true;
	relay_count(relay, RELAY_COUNT_ROLL_FULL);
	return false;
}

void roll_leave(struct relay *relay, int fd)
{
	if (relay->config.roll)
		relay_roll_strike(relay->config.roll, cookie_of(fd));
}

/* ---- doors ---- */

static bool follows(const struct relay_roll_door *door, const struct relay_published *next,
		    const struct minato_addr *addr)
{
	return door->protocol == next->protocol && door->dual == next->dual &&
	       door->last + 1u == next->port && minato_addr_equal(&door->addr, addr);
}

/* Those of one forward; its doors come by their ports. Returns how many there are now. */
static uint32_t add_doors(const struct relay_forward *f, struct relay_roll_door *list,
			  uint32_t count)
{
	for (size_t i = 0; i < f->door_count && count < RELAY_ROLL_DOORS; i++) {
		const struct relay_published *door = &f->doors[i];
		struct minato_addr addr = f->spec.every ? publish_addr(door) : f->spec.addr;

		if (door->fd < 0)
			continue;
		if (f->spec.every && door->four)
			addr = minato_addr4(0, 0, 0, 0);
		if (count && follows(&list[count - 1], door, &addr)) {
			list[count - 1].last = door->port;
			continue;
		}
		list[count++] = (struct relay_roll_door){
			.addr = addr,
			.protocol = door->protocol,
			.dual = door->dual,
			.first = door->port,
			.last = door->port,
		};
	}
	return count;
}

void roll_doors(struct relay *relay)
{
	struct relay_roll *roll = relay->config.roll;
	uint32_t count = 0;

	if (!roll)
		return;
	atomic_fetch_or(&roll->turn, 1u);
	atomic_thread_fence(memory_order_seq_cst);
	for (const struct relay_forward *f = relay->forwards; f; f = f->next) {
		if (!f->gone)
			count = add_doors(f, roll->doors, count);
	}
	atomic_store(&roll->door_count, count);
	atomic_fetch_add(&roll->turn, 1u);
}

void roll_begin(struct relay *relay)
{
	struct relay_roll *roll = relay->config.roll;

	if (!roll)
		return;
	/* What the worker before this one had is closed. */
	for (uint32_t i = 0; roll->noted && i < BUCKETS * SLOTS; i++)
		close_place(roll, i);
	roll_doors(relay);
}

uint32_t relay_roll_turn(const struct relay_roll *roll)
{
	return atomic_load(&((struct relay_roll *)(uintptr_t)roll)->turn);
}

/* Those that are doors: of another one's memory nothing is believed, not even that a flag is 0 or
   1. */
static uint32_t keep_doors(struct relay_roll_door *list, uint32_t count)
{
	uint32_t kept = 0;
	uint8_t flag;

	for (uint32_t i = 0; i < count; i++) {
		memcpy(&flag, &list[i].dual, sizeof(flag));
		list[i].dual = flag != 0;
		if ((list[i].protocol == MINATO_TCP || list[i].protocol == MINATO_UDP) &&
		    list[i].first && list[i].first <= list[i].last)
			list[kept++] = list[i];
	}
	return kept;
}

size_t relay_roll_doors(const struct relay_roll *roll, struct relay_roll_door *out)
{
	struct relay_roll *page = (struct relay_roll *)(uintptr_t)roll;
	uint32_t turn = relay_roll_turn(roll);
	uint32_t count = atomic_load(&page->door_count);

	if (turn & 1 || count > RELAY_ROLL_DOORS)
		return 0;
	memcpy(out, page->doors, count * sizeof(out[0]));
	atomic_thread_fence(memory_order_seq_cst);
	count = keep_doors(out, count);
	/* It is being written: who reads looks again when it has another turn. */
	return relay_roll_turn(roll) == turn ? count : 0;
}
