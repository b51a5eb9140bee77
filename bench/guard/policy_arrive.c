/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole arrival of a new flow's first packet at a gateway with ten rules, and with a hundred
 * thousand: minato_input of that one frame. It is a SYN from one of 4,096 inside hosts; 65,536
 * sessions stand, and between two arrivals come 32 packets of any of them, in batches of 8, each of
 * which touches lines of its own, as in a gateway that works. No flow is asked about twice, and each is
 * aimed at some rule of all: cold, but for what all of them share.
 *
 * Rules are those of policy.c with their sides exchanged, IPv4 alone, and their sources inside. They
 * all let in (arrive_pass: mapping, port and session are made) or all drop (arrive_drop: nothing but
 * the verdict is to be had). Both gateways are asked in turn; medians over all arrivals. What reading
 * the clock costs is taken off.
 */
#include "bench.h"
#include "policy.h"

#include "bench/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "minato/gateway.h"

#define HOSTS 4096u
#define STANDING 65536u
#define ARRIVALS 16384u
#define BETWEEN 32u
#define TURN 8u
#define FRAME 60u
#define TCP_SYN 0x02u
#define TCP_ACK 0x10u

struct door {
	struct minato *m;
	size_t size;
	struct minato_time now;
	struct minato_entry *rules;
	uint32_t count;
	double ns[ARRIVALS];
};

struct ends {
	struct minato_addr src, dst;
	uint16_t src_port, dst_port;
};

static struct minato_addr inside_host(uint32_t number)
{
	return minato_addr4(10, 0, (uint8_t)(1 + number / 256), (uint8_t)number);
}

static struct minato_addr anywhere(void)
{
	return minato_addr4((uint8_t)(11 + policy_below(100)), (uint8_t)policy_below(256),
			    (uint8_t)policy_below(256), (uint8_t)policy_below(256));
}

static void write_packet(uint8_t ip[FRAME], const struct ends *e, uint8_t flags)
{
	memset(ip, 0, FRAME);
	ip[0] = 0x45;
	put16(ip + 2, FRAME);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = 6;
	memcpy(ip + 12, e->src.bytes + 12, 4);
	memcpy(ip + 16, e->dst.bytes + 12, 4);
	put16(ip + 10, sum(ip, 20, 0) ^ 0xffff);
	put16(ip + 20, e->src_port);
	put16(ip + 22, e->dst_port);
	put32(ip + 24, 1000);
	ip[32] = 10 << 4;
	ip[33] = flags;
	put16(ip + 34, 65535);
	memset(ip + 40, 1, 20); /* options: nothing */
	put16(ip + 36, sum(ip + 12, FRAME - 12, 6 + FRAME - 20) ^ 0xffff);
}

/* What comes out is looked at by nobody. */
static uint32_t drain(struct door *d)
{
	struct minato_frame_out out[BETWEEN];

	return (uint32_t)minato_output(d->m, d->now, out, BETWEEN);
}

static struct minato_entry outward_rule(uint32_t number, enum minato_verdict verdict)
{
	struct minato_entry e, turned;

	do
		e = policy_rule(number); /* another one of its form */
	while (e.remote_prefix != 0 && !minato_addr_is4(&e.remote) && number++ < UINT32_MAX);
	turned = e;
	turned.local = e.remote;
	turned.local_prefix = e.remote_prefix;
	turned.remote = e.local;
	turned.remote_prefix = e.local_prefix;
	if (turned.remote_prefix != 0) {
		turned.remote = inside_host(policy_below(HOSTS));
		if (turned.remote_prefix < 128)
			turned.remote.bytes[15] = 0;
	}
	turned.course = MINATO_COURSE_OUT;
	turned.verdict = verdict;
	return turned;
}

static bool add_rules(struct door *d, enum minato_verdict verdict)
{
	uint64_t handle;

	d->rules = calloc(d->count, sizeof(d->rules[0]));
	for (uint32_t i = 0; d->rules != NULL && i < d->count; i++) {
		d->rules[i] = outward_rule(i, verdict);
		d->rules[i].order = 1 + i;
		if (minato_entry_add(d->m, &d->rules[i], &handle) != 0)
			return false;
	}
	return d->rules != NULL;
}

static bool open_door(struct door *d, uint32_t count)
{
	const struct minato_addr none = minato_addr4(0, 0, 0, 0);
	struct minato_addr a = minato_addr4(10, 0, 0, 1);
	struct minato_config c;

	minato_config_init(&c);
	c.seed[0] = 1;
	c.seed[1] = 2;
	c.sessions_max = STANDING + 2 * ARRIVALS;
	c.chunks_small = 1024;
	c.chunks_large = 64;
	c.pool_addresses_max = 16;
	c.entries_max = count + 64;
	c.link_count = 2;
	for (uint32_t i = 0; i < 2; i++)
		c.link[i] = (struct minato_link_config){
			.type = MINATO_LINK_IP,
			.mtu = 1500,
			.scope = (uint8_t)i,
			.role = i == 1 ? MINATO_ROLE_OUTSIDE : MINATO_ROLE_INSIDE,
		};
	d->count = count;
	d->now.ns = 1000000000;
	d->size = minato_size(&c);
	d->m = mmap(NULL, d->size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	madvise(d->m, d->size, MADV_HUGEPAGE);
	if (d->m == MAP_FAILED || minato_create(d->m, d->size, &c, d->now, &d->m) != 0)
		return false;
	minato_address_add(d->m, 0, &a, 16);
	a = minato_addr4(198, 51, 100, 1);
	minato_address_add(d->m, 1, &a, 24);
	a.bytes[15] = 254;
	minato_route_add(d->m, &none, 0, &a, 1);
	for (uint8_t i = 1; i <= 8; i++) {
		a.bytes[15] = i;
		minato_pool_add(d->m, 1, &a, 0, 0);
	}
	return true;
}

static void input(struct door *d, uint8_t packets[][FRAME], uint32_t count)
{
	struct minato_frame frames[TURN];

	for (uint32_t i = 0; i < count; i++)
		frames[i] = (struct minato_frame){ .data = packets[i],
						   .len = FRAME,
						   .chunk = MINATO_CHUNK_NONE };
	minato_input(d->m, d->now, frames, count);
}

/* A session that stands, from 0 on. */
static struct ends standing(uint32_t number)
{
	return (struct ends){ .src = inside_host(number % HOSTS),
			      .dst = minato_addr4(203, 0, 113, (uint8_t)(number % 251)),
			      .src_port = (uint16_t)(1024 + number / HOSTS),
			      .dst_port = 8 };
}

static bool make_standing(struct door *d)
{
	uint32_t came = 0;
	uint8_t packet[1][FRAME];

	for (uint32_t i = 0; i < STANDING; i++) {
		const struct ends e = standing(i);
		write_packet(packet[0], &e, TCP_SYN);
		input(d, packet, 1);
		came += drain(d);
		d->now.ns += 1000;
	}
	if (came != STANDING)
		say("of %u sessions %u came about", STANDING, came);
	return came == STANDING;
}

static void come_between(struct door *d)
{
	uint8_t packets[TURN][FRAME];

	for (uint32_t done = 0; done < BETWEEN; done += TURN) {
		for (uint32_t i = 0; i < TURN; i++) {
			const struct ends e = standing(policy_below(STANDING));
			write_packet(packets[i], &e, TCP_ACK);
		}
		input(d, packets, TURN);
		(void)drain(d);
	}
}

/* Of flow `number`, aimed at some rule. */
static struct ends aimed(const struct door *d, uint32_t number)
{
	const struct minato_entry *e = &d->rules[policy_below(d->count)];
	struct ends ends = { .src = inside_host(policy_below(HOSTS)),
			     .dst = anywhere(),
			     .src_port = (uint16_t)(20000 + number),
			     .dst_port = 443 };

	if (e->local_prefix != 0)
		ends.dst = policy_within(e->local, e->local_prefix, false);
	if (e->remote_prefix == 128)
		ends.src = e->remote;
	else if (e->remote_prefix != 0)
		ends.src.bytes[14] = e->remote.bytes[14];
	if (e->last != 0)
		ends.dst_port =
			(uint16_t)(e->first + policy_below((uint32_t)e->last - e->first + 1));
	return ends;
}

/* Its nanoseconds. *out counts the frames that leave. */
static double arrive(struct door *d, uint32_t number, uint32_t *out)
{
	const struct ends e = aimed(d, number);
	uint8_t packet[1][FRAME];
	double begin, end, clock;

	write_packet(packet[0], &e, TCP_SYN);
	come_between(d);
	begin = seconds();
	clock = seconds() - begin;
	begin = seconds();
	input(d, packet, 1);
	end = seconds();
	*out += drain(d);
	d->now.ns += 1000;
	return (end - begin - clock) * 1e9;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(struct door *d)
{
	qsort(d->ns, ARRIVALS, sizeof(d->ns[0]), compare);
	return d->ns[ARRIVALS / 2];
}

static void close_door(struct door *d)
{
	if (d->m != NULL && d->m != MAP_FAILED)
		munmap(d->m, d->size);
	free(d->rules);
}

/* As in a gateway that has been there for a while: what look-ups remember of each port, many rules of
   which differ in nothing else, is there. */
static void ask_each_port(struct door *d)
{
	struct minato_question q = { .proto = MINATO_TCP,
				     .course = MINATO_COURSE_OUT,
				     .program = MINATO_PROGRAM_NONE,
				     .remote = { inside_host(1), 5 },
				     .local = { minato_addr4(203, 0, 113, 1), 0 } };
	struct minato_step steps[8];

	for (uint32_t port = 1; port < 65536; port++) {
		q.local.port = (uint16_t)port;
		(void)minato_explain(d->m, &q, steps, 8);
	}
}

static int measure(enum minato_verdict verdict, const char *const names[3])
{
	static struct door few, many;
	uint32_t left[2] = { 0 };
	bool well;

	few = many = (struct door){ 0 };
	well = open_door(&few, POLICY_FEW) && open_door(&many, POLICY_MANY) &&
	       make_standing(&few) && make_standing(&many) && add_rules(&few, verdict) &&
	       add_rules(&many, verdict);
	if (well) {
		ask_each_port(&few);
		ask_each_port(&many);
	}
	for (uint32_t i = 0; well && i < ARRIVALS; i++) {
		few.ns[i] = arrive(&few, i, &left[0]);
		many.ns[i] = arrive(&many, i, &left[1]);
	}
	if (well) {
		const double a = median(&few), b = median(&many);
		say("%s: %u and %u of %u left", names[0], left[0], left[1], ARRIVALS);
		figure(names[0], a, "ns");
		figure(names[1], b, "ns");
		figure(names[2], b / a, "ratio");
	}
	close_door(&few);
	close_door(&many);
	return well ? 0 : -1;
}

int policy_arrive(void)
{
	static const char *const pass[] = { "policy_arrive_pass_10_ns", "policy_arrive_pass_1e5_ns",
					    "policy_arrive_pass_1e5_vs_10" };
	static const char *const drop[] = { "policy_arrive_drop_10_ns", "policy_arrive_drop_1e5_ns",
					    "policy_arrive_drop_1e5_vs_10" };
	int failed = measure(MINATO_PASS, pass);

	failed |= measure(MINATO_DROP, drop);
	if (failed != 0)
		say("a gateway with rules could not be had");
	return failed;
}
