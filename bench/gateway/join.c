/* SPDX-License-Identifier: BSD-2-Clause */
/* With BENCH_JOIN: a gateway of the library and the links alone, in place of the program. */
#include "bench.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "drive/drive.h"
#include "minato/gateway.h"

#define LINKS 2u
#define FRAMES 256u
#define SESSIONS 400000u

struct joint {
	struct drive_loop *loop;
	struct minato *host;
	struct drive_link *link[LINKS];
};

struct port {
	struct joint *joint;
	uint32_t link;
};

static void insist(int result, const char *what, const struct drive_error *error)
{
	if (result >= 0)
		return;
	say("%s: %s", what, error && error->text[0] ? error->text : strerror(-result));
	_exit(1);
}

static void ready(void *user, uint32_t events)
{
	const struct port *port = user;
	struct joint *joint = port->joint;

	(void)events;
	drive_link_read(joint->link[port->link], joint->host, drive_loop_now(joint->loop));
}

static struct minato_time turn(void *user, struct minato_time now)
{
	struct joint *joint = user;
	static struct minato_frame_out frames[FRAMES];
	size_t count;
	bool converses = false;

	minato_advance(joint->host, now);
	do {
		count = minato_output(joint->host, now, frames, FRAMES);
		for (uint32_t i = 0; i < LINKS && count > 0; i++)
			drive_link_send(joint->link[i], frames, count);
	} while (count == FRAMES);
	for (uint32_t i = 0; i < LINKS; i++)
		converses |= drive_link_converses(joint->link[i]);
	if (converses)
		drive_loop_expect(joint->loop);
	return minato_deadline(joint->host);
}

static void make_host(struct joint *joint, const struct drive_link_ends *ends)
{
	struct minato_config config;
	void *memory;
	size_t size;

	minato_config_init(&config);
	insist(drive_seed(config.seed, sizeof(config.seed)), "seed", NULL);
	config.sessions_max = SESSIONS;
	config.link_count = LINKS;
	for (uint32_t i = 0; i < LINKS; i++) {
		config.link[i] = (struct minato_link_config){
			.type = MINATO_LINK_ETHERNET,
			.mtu = ends[i].mtu,
			.offloads = ends[i].offloads,
			.scope = (uint8_t)i,
			.role = i == 0 ? MINATO_ROLE_INSIDE : MINATO_ROLE_OUTSIDE,
		};
		memcpy(config.link[i].mac, ends[i].mac, 6);
	}
	size = minato_size(&config);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	insist(size == 0 || memory == MAP_FAILED ? -1 : 0, "memory for the host value", NULL);
	insist(minato_create(memory, size, &config, drive_now(), &joint->host), "host value", NULL);
}

static void configure(struct minato *host, int pool, bool forwards)
{
	struct minato_addr in = minato_addr4(10, 0, 0, 1);
	struct minato_addr out = minato_addr4(198, 51, 100, 1);
	struct minato_entry forward = {
		.kind = MINATO_KIND_FORWARD,
		.scope = 1,
		.face = MINATO_FACE_ANY,
		.local = minato_addr4(198, 51, 100, 1),
		.local_prefix = 128,
		.remote = minato_addr4(0, 0, 0, 0),
		.remote_prefix = 96,
		.first = FIELD_PORT,
		.last = FIELD_PORT,
		.target = { minato_addr4(10, 0, 0, 2), FIELD_PORT },
		.translate = true,
	};
	uint64_t entry;

	insist(minato_address_add(host, 0, &in, 16), "inside address", NULL);
	insist(minato_address_add(host, 1, &out, 24), "outside address", NULL);
	for (int i = 0; i < pool; i++) {
		if (pool > 1)
			out = minato_addr4(198, 51, 100, (uint8_t)(16 + i));
		insist(minato_pool_add(host, 1, &out, 0, 0), "pool", NULL);
	}
	if (forwards)
		insist(minato_entry_add(host, &forward, &entry), "forward", NULL);
}

/* What was counted, for who wonders about a figure. */
static void tell(void *user, const struct signalfd_siginfo *signal)
{
	struct joint *joint = user;

	(void)signal;
	for (uint32_t i = 0; i < minato_counter_count(); i++)
		if (minato_counter(joint->host, i))
			say("%s %lu", minato_counter_name(i),
			    (unsigned long)minato_counter(joint->host, i));
	for (uint32_t i = 0; i < LINKS; i++) {
		struct drive_link_stats s;

		drive_link_stats(joint->link[i], &s);
		say("link %u: in %lu (kernel's drops %lu, malformed %lu, long %lu, no chunk %lu), "
		    "out %lu in %lu (full %lu, down %lu, refused %lu)",
		    i, (unsigned long)s.frames_in, (unsigned long)s.in_dropped,
		    (unsigned long)s.in_malformed, (unsigned long)s.in_long,
		    (unsigned long)s.in_no_chunk, (unsigned long)s.frames_out,
		    (unsigned long)s.sends, (unsigned long)s.out_full, (unsigned long)s.out_down,
		    (unsigned long)s.out_refused);
	}
	say("looks %lu", (unsigned long)drive_loop_looks(joint->loop));
	_exit(0);
}

_Noreturn void join(int pool, bool forwards)
{
	sigset_t term;

	static const char *const names[LINKS] = { "g0", "g1" };
	struct drive_link_ends ends[LINKS];
	struct port ports[LINKS];
	struct joint joint = { .loop = NULL };
	struct drive_error error = { "" };

	insist(drive_loop_new(&joint.loop), "loop", NULL);
	drive_loop_crowd(joint.loop, open("/proc/loadavg", O_RDONLY | O_CLOEXEC));
	for (uint32_t i = 0; i < LINKS; i++) {
		const struct drive_link_plan plan = { .ifname = names[i], .take = true };

		insist(drive_link_make(&ends[i], &plan, &error), names[i], &error);
		ends[i].trusted = i == 0; /* the inside */
		ends[i].forwards = i != 0;
		insist(drive_link_open(&joint.link[i], &ends[i], i), names[i], NULL);
		ports[i] = (struct port){ &joint, i };
		insist((int)(drive_loop_add(joint.loop, drive_link_fd(joint.link[i]), EPOLLIN,
					    ready, &ports[i]) >>
			     62),
		       "watch", NULL);
	}
	(void)prctl(PR_SET_NAME, "bench-join");
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	if (getenv("BENCH_TELL"))
		insist(drive_loop_signals(joint.loop, &term, tell, &joint), "signals", NULL);
	make_host(&joint, ends);
	configure(joint.host, pool, forwards);
	insist(drive_loop_hook(joint.loop, turn, &joint), "hook", NULL);
	insist(drive_loop_run(joint.loop), "loop", NULL);
	_exit(0);
}
