/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel that a fuzzer plays: sockets, epoll and the clock of whoever is linked with it.
 *
 * The calls are replaced at link time (--wrap, see meson.build); its descriptors begin at
 * KERNEL_FIRST, all others go on to the real one. Time is what the fuzzer sets. Readiness is
 * edge-triggered as Linux has it: whatever changes makes the whole state of the descriptor be
 * reported once more.
 */
#ifndef FUZZ_KERNEL_H
#define FUZZ_KERNEL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define KERNEL_FIRST 1000000
#define KERNEL_FILES 160
#define KERNEL_GRAMS 8
#define KERNEL_GRAM_MAX 1400

enum kernel_type {
	KERNEL_FREE,
	KERNEL_EPOLL,
	KERNEL_STREAM,
	KERNEL_LISTENER,
	KERNEL_GRAM,
};

struct kernel_gram {
	uint8_t seed;
	uint16_t len;
	struct sockaddr_storage from;
};

struct kernel_file {
	enum kernel_type type;
	struct sockaddr_storage peer; /* of a connect; of a caller */
	uint16_t port;		      /* its own, made up */
	/* What epoll knows. */
	bool watched, edge, level;
	uint32_t mask;
	uint64_t word;
	/* Streams. */
	bool connecting, connected;
	int error;		   /* pending: SO_ERROR */
	uint32_t in_have, in_read; /* bytes that wait, and that were read */
	uint32_t out_got, out_room;
	bool no_space; /* a send found no room: its coming back is an edge */
	bool far_fin, far_reset;
	bool wr_shut, linger_reset;
	uint32_t id; /* of the pattern; the fuzzer's */
	/* Listeners: callers that wait. */
	struct sockaddr_storage callers[KERNEL_GRAMS];
	uint32_t caller_ids[KERNEL_GRAMS];
	uint32_t caller_count;
	/* Datagrams that wait, and errors about those that left. */
	struct kernel_gram grams[KERNEL_GRAMS];
	uint32_t gram_count;
	struct sockaddr_storage last_to; /* where the last datagram went */
	uint32_t fault_count;
};

/* How a connect that begins now goes on: SOON is when it is asked for again. */
enum kernel_answer {
	KERNEL_AT_ONCE,
	KERNEL_SOON,
	KERNEL_LATER,
	KERNEL_REFUSED,
	KERNEL_REFUSED_SOON,
};

struct kernel {
	struct kernel_file files[KERNEL_FILES];
	int64_t now_ns;
	enum kernel_answer answer;
	uint32_t no_files; /* this many calls for a descriptor fail */
	uint32_t grams_out;
	bool hostile; /* what the guest says is not judged */
	/*
	 * A stream was connected (or a caller's accepted); it was closed: by FIN, or else by
	 * reset.
	 */
	void (*opened)(struct kernel_file *file);
	void (*closed)(struct kernel_file *file, bool fin);
};

extern struct kernel kernel;

/* Nothing open, time as it was. */
void kernel_reset(void);
/* Descriptors in use. */
uint32_t kernel_open_count(void);
/* The byte at this place of what one side of a conversation says. */
uint8_t kernel_pattern(uint32_t id, bool from_far, uint32_t offset);
/* The byte of a datagram. */
uint8_t kernel_gram_byte(uint8_t seed, uint32_t offset);

/* What happens outside. */
void kernel_establish(struct kernel_file *file, int error); /* ends a connecting one */
void kernel_far_sends(struct kernel_file *file, uint32_t len);
void kernel_far_ends(struct kernel_file *file);
void kernel_far_resets(struct kernel_file *file);
void kernel_far_reads(struct kernel_file *file, uint32_t room);
bool kernel_calls(struct kernel_file *listener, const struct sockaddr_in *caller, uint32_t id);
void kernel_gram_arrives(struct kernel_file *file, const struct sockaddr_storage *from,
			 uint8_t seed, uint16_t len);
void kernel_gram_fails(struct kernel_file *file);

#endif
