/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's frames in a file, in the format pcapng (draft-ietf-opsawg-pcapng).
 *
 * Blocks are put together in one buffer and written many at a time. What a frame has still to be
 * done by a network card is done in the copy: a checksum that is not filled in is completed. A
 * super-segment stays one packet, as the guest's kernel handed it over.
 */
#include "drive/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE 262144u
#define FLUSH_NS (INT64_C(200) * 1000000)
#define SECTION_HEADER 0x0a0d0d0au
#define INTERFACE_DESCRIPTION 1u
#define INTERFACE_STATISTICS 5u
#define ENHANCED_PACKET 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define LINK_ETHERNET 1u
#define PACKET_OVERHEAD 48u /* of an enhanced packet block, with its options */
#define STATISTICS_SIZE 72u

struct drive_capture {
	int fd;
	uint64_t size;	   /* of the file, what is in the buffer included */
	uint64_t size_max; /* at the end, statistics included */
	uint32_t snap;
	uint32_t used, done; /* of the buffer; done: written already */
	uint64_t started_ns;
	uint64_t seen, dropped;
	struct minato_time due; /* the buffer is to be written */
	int stopped;		/* 0, or why */
	bool told;
	uint8_t buffer[BUFFER_SIZE];
};

/* ---- the file ---- */

/* unsealed: openat newfstatat geteuid fcntl fchmod ftruncate lseek */

/* A descriptor by its number: how shells name the pipes they make. */
static int inherited(const char *path)
{
	static const char *const places[] = { "/dev/fd/", "/proc/self/fd/" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		size_t length = strlen(places[i]);

		if (strncmp(path, places[i], length) == 0 && path[length] >= '3')
			return fcntl(atoi(path + length), F_DUPFD_CLOEXEC, 3);
	}
	return -1;
}

static int open_file(const char *path, struct drive_error *error)
{
	int fd = inherited(path);
	int moved;

	if (fd < 0)
		fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
			  0600);
	if (fd < 0 && errno == ELOOP)
		return drive_fail(error, ELOOP,
				  "%s is a symbolic link, which may lead into a file of somebody "
				  "else; name the file itself",
				  path);
	if (fd < 0 && errno == ENXIO)
		return drive_fail(error, ENXIO,
				  "%s: nobody reads from it yet; start the reader first", path);
	if (fd < 0)
		return drive_fail(error, errno, "%s: %s", path, strerror(errno));
	if (fd > 2)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return moved < 0 ? drive_fail(error, errno, "%s: %s", path, strerror(errno)) : moved;
}

int drive_capture_create(const char *path, struct drive_error *error)
{
	struct stat info;
	int fd;

	if (strcmp(path, "-") == 0)
		return drive_fail(error, EINVAL,
				  "standard output is the command's; name a file, a FIFO, or in a "
				  "shell >(tshark -r -)");
	fd = open_file(path, error);
	if (fd < 0)
		return fd;
	if (fstat(fd, &info) < 0 || (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode))) {
		close(fd);
		return drive_fail(error, EINVAL, "%s is no file, and no FIFO", path);
	}
	if (S_ISREG(info.st_mode) && info.st_uid != geteuid()) {
		close(fd);
		return drive_fail(error, EPERM, "%s belongs to somebody else, who could read it",
				  path);
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (S_ISREG(info.st_mode) && fchmod(fd, 0600) < 0) {
		close(fd);
		return drive_fail(error, errno, "%s: %s", path, strerror(errno));
	}
	return fd;
}

void drive_capture_clear(int fd)
{
	(void)!ftruncate(fd, 0);
}

/* The end of the last whole block; -EINVAL: these are not blocks of ours. */
static int64_t find_end(int fd, int64_t size)
{
	/* Many blocks are looked at with one call. */
	static uint8_t window[65536];
	int64_t start = 0;
	int64_t filled = 0;
	int64_t at = 0;

	while (size - at >= 8) {
		uint32_t head[2]; /* type and length */

		if (at < start || at + 8 > start + filled) {
			start = at;
			filled = pread(fd, window, sizeof(window), at);
			if (filled < 8)
				return filled < 0 ? -errno : -EIO;
		}
		memcpy(head, window + (at - start), sizeof(head));
		if (at == 0 && head[0] != SECTION_HEADER)
			return -EINVAL;
		/* Cut, or nothing that a reader could get past. */
		if (head[1] < 12 || head[1] % 4 || head[1] > size - at)
			break;
		at += head[1];
	}
	return at;
}

int drive_capture_mend(int fd)
{
	struct stat info;
	char path[32];
	int64_t end;
	int readable;

	if (fstat(fd, &info) < 0)
		return -errno;
	if (!S_ISREG(info.st_mode))
		return 0;
	/* Ours is for writing. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	readable = open(path, O_RDONLY | O_CLOEXEC);
	if (readable < 0)
		return -errno;
	end = find_end(readable, info.st_size);
	close(readable);
	if (end == -EINVAL)
		return 0;
	if (end < 0)
		return (int)end;
	if (end < info.st_size && ftruncate(fd, end) < 0)
		return -errno;
	return lseek(fd, end, SEEK_SET) < 0 ? -errno : 0;
}

/* ---- blocks ---- */

static void put(struct drive_capture *capture, const void *bytes, size_t size)
{
	memcpy(capture->buffer + capture->used, bytes, size);
	capture->used += (uint32_t)size;
	capture->size += size;
}

static void put32(struct drive_capture *capture, uint32_t value)
{
	put(capture, &value, sizeof(value));
}

/* High half first, whatever the byte order. */
static void put_time(struct drive_capture *capture, uint64_t ns)
{
	put32(capture, (uint32_t)(ns >> 32));
	put32(capture, (uint32_t)ns);
}

/* Code, length, and the value filled up to a multiple of four. */
static void put_option(struct drive_capture *capture, uint16_t code, const void *value,
		       uint16_t size)
{
	static const uint8_t zero[4];

	put(capture, &code, sizeof(code));
	put(capture, &size, sizeof(size));
	put(capture, value, size);
	put(capture, zero, (4u - size % 4u) % 4u);
}

/* Both lengths of the block that begins there. */
static void end_block(struct drive_capture *capture, uint32_t start)
{
	uint32_t size = capture->used - start + 4;

	memcpy(capture->buffer + start + 4, &size, sizeof(size));
	put32(capture, size);
}

static uint64_t wall_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void put_headers(struct drive_capture *capture)
{
	static const uint8_t nanoseconds = 9;
	uint32_t start = capture->used;

	put32(capture, SECTION_HEADER);
	put32(capture, 0);
	put32(capture, BYTE_ORDER_MAGIC);
	put32(capture, 1); /* version 1.0 */
	put32(capture, UINT32_MAX);
	put32(capture, UINT32_MAX); /* length of the section: not known */
	put_option(capture, 4, "minato", 6);
	put32(capture, 0);
	end_block(capture, start);
	start = capture->used;
	put32(capture, INTERFACE_DESCRIPTION);
	put32(capture, 0);
	put32(capture, LINK_ETHERNET);
	put32(capture, capture->snap);
	put_option(capture, 2, "tap0", 4);
	put_option(capture, 9, &nanoseconds, 1);
	put32(capture, 0);
	end_block(capture, start);
}

static void put_statistics(struct drive_capture *capture)
{
	uint64_t now = wall_ns();
	uint32_t halves[2] = { (uint32_t)(capture->started_ns >> 32),
			       (uint32_t)capture->started_ns };
	uint32_t start = capture->used;

	put32(capture, INTERFACE_STATISTICS);
	put32(capture, 0);
	put32(capture, 0);
	put_time(capture, now);
	put_option(capture, 2, halves, 8);
	halves[0] = (uint32_t)(now >> 32);
	halves[1] = (uint32_t)now;
	put_option(capture, 3, halves, 8);
	put_option(capture, 4, &capture->seen, 8);
	put_option(capture, 5, &capture->dropped, 8);
	end_block(capture, start);
}

/* ---- writing ---- */

/* syscalls: writev clock_gettime close */

/* Writes what the file takes. What a FIFO has no room for stays. */
static void write_out(struct drive_capture *capture)
{
	while (capture->done < capture->used) {
		const struct iovec rest = { capture->buffer + capture->done,
					    capture->used - capture->done };
		ssize_t wrote = writev(capture->fd, &rest, 1);

		if (wrote > 0) {
			capture->done += (uint32_t)wrote;
		} else if (wrote < 0 && errno == EAGAIN) {
			memmove(capture->buffer, capture->buffer + capture->done,
				capture->used - capture->done);
			capture->used -= capture->done;
			capture->done = 0;
			return;
		} else if (wrote == 0 || errno != EINTR) {
			capture->stopped = wrote < 0 ? -errno : -EIO;
			break;
		}
	}
	capture->used = 0;
	capture->done = 0;
}

static void stop_full(struct drive_capture *capture)
{
	if (BUFFER_SIZE - capture->used < STATISTICS_SIZE)
		write_out(capture);
	if (!capture->stopped && BUFFER_SIZE - capture->used >= STATISTICS_SIZE)
		put_statistics(capture);
	write_out(capture);
	if (!capture->stopped)
		capture->stopped = DRIVE_CAPTURE_FULL;
}

int drive_capture_open(struct drive_capture **out, int fd, uint64_t size_max, uint32_t snap)
{
	struct drive_capture *capture = malloc(sizeof(*capture));
	off_t before = lseek(fd, 0, SEEK_CUR); /* what an earlier writer left */

	if (!capture)
		return -ENOMEM;
	memset(capture, 0, offsetof(struct drive_capture, buffer));
	capture->fd = fd;
	capture->size = before > 0 ? (uint64_t)before : 0;
	capture->size_max = size_max;
	capture->snap = snap;
	capture->started_ns = wall_ns();
	capture->due = MINATO_NEVER;
	put_headers(capture);
	/* Begun anew where an earlier writer had come to the end. */
	if (capture->size + STATISTICS_SIZE > size_max) {
		capture->used = 0;
		capture->stopped = DRIVE_CAPTURE_FULL;
	}
	write_out(capture);
	*out = capture;
	return 0;
}

void drive_capture_free(struct drive_capture *capture)
{
	if (!capture)
		return;
	if (!capture->stopped)
		stop_full(capture);
	close(capture->fd);
	free(capture);
}

int drive_capture_turn(struct drive_capture *capture, struct minato_time now,
		       struct minato_time *next)
{
	if (capture->used == 0 || capture->stopped) {
		capture->due = MINATO_NEVER;
	} else if (capture->due.ns == MINATO_NEVER.ns) {
		capture->due.ns = now.ns + FLUSH_NS;
	} else if (now.ns >= capture->due.ns) {
		write_out(capture);
		capture->due = MINATO_NEVER;
		if (capture->used > 0)
			capture->due.ns = now.ns + FLUSH_NS;
	}
	if (capture->due.ns < next->ns)
		*next = capture->due;
	if (!capture->stopped || capture->told)
		return 0;
	capture->told = true;
	return capture->stopped;
}

/* ---- frames ---- */

/* RFC 1071; the field holds the sum over the pseudo header. */
static void complete_checksum(uint8_t *frame, const struct drive_captured *captured)
{
	uint32_t at = captured->csum_start;
	uint32_t field = at + captured->csum_offset;
	uint64_t sum = 0;
	uint16_t word;

	if (!at || field + 2 > captured->len)
		return;
	for (; at + 1 < captured->len; at += 2) {
		memcpy(&word, frame + at, sizeof(word));
		sum += word;
	}
	if (at < captured->len) {
		word = 0;
		memcpy(&word, frame + at, 1);
		sum += word;
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	word = (uint16_t)~sum;
	if (!word)
		word = 0xffff;
	memcpy(frame + field, &word, sizeof(word));
}

static void put_frame(struct drive_capture *capture, const struct drive_captured *captured)
{
	static const uint8_t zero[4];
	uint32_t start = capture->used;
	uint32_t flags = captured->from_guest ? 2 : 1; /* outbound, inbound */
	uint32_t kept = captured->len;
	uint8_t *frame;

	put32(capture, ENHANCED_PACKET);
	put32(capture, 0);
	put32(capture, 0);
	put_time(capture, wall_ns());
	put32(capture, kept);
	put32(capture, captured->len);
	frame = capture->buffer + capture->used;
	for (uint32_t i = 0; i < captured->extent_count; i++)
		put(capture, captured->extents[i].base, captured->extents[i].len);
	complete_checksum(frame, captured);
	if (capture->snap && kept > capture->snap) {
		capture->used -= kept - capture->snap;
		capture->size -= kept - capture->snap;
		kept = capture->snap;
		memcpy(capture->buffer + start + 20, &kept, sizeof(kept));
	}
	put(capture, zero, (4u - kept % 4u) % 4u);
	put_option(capture, 2, &flags, 4);
	put32(capture, 0);
	end_block(capture, start);
}

void drive_capture_frame(struct drive_capture *capture, const struct drive_captured *captured)
{
	uint32_t need = captured->len + PACKET_OVERHEAD;
	uint32_t kept = captured->len;

	if (capture->stopped)
		return;
	capture->seen++;
	if (capture->snap && kept > capture->snap)
		kept = capture->snap;
	if (capture->size + kept + PACKET_OVERHEAD + STATISTICS_SIZE > capture->size_max) {
		capture->seen--;
		stop_full(capture);
		return;
	}
	if (need > BUFFER_SIZE - capture->used)
		write_out(capture);
	if (need > BUFFER_SIZE - capture->used || capture->stopped)
		capture->dropped++;
	else
		put_frame(capture, captured);
}
