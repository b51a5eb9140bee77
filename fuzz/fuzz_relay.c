/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The relay whole, in virtual time, between a guest and a kernel that the fuzzer plays.
 *
 *   guest: a host value  <--cable-->  host value + relay  <--calls-->  kernel.c
 *
 * The fuzzer's bytes say what programs in the guest do, what the far sides do, when time goes on,
 * which frames are lost, and when no descriptor is to be had. What must hold:
 *  - every byte arrives as it was said, in order, in both directions;
 *  - an end of stream is seen only by whom all that was said before has reached, and only if the
 *    other side ended it: a cut transfer is a reset;
 *  - once everything is calm, what both sides said and ended arrives, whatever happened before;
 *  - no descriptor is left when the relay is gone.
 * In a hostile world the guest sends whatever it likes as well; then memory alone is judged.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "expect.h"
#include "kernel.h"
#include "relay/permit.h"
#include "relay/relay.h"

#define TALKS 8u
#define ACTIONS_MAX 240u
#define FRAMES 16u
#define FRAME_MAX 65600u
#define MS INT64_C(1000000)
#define FAR_PORT 1000u	  /* of talk 0; the address is 198.51.100.1 */
#define CALLER_PORT 3000u /* of talk 0; the address is 203.0.113.1 */
#define PUBLISHED 8080u
#define SERVED 80u

/* What a world is, by its first byte. */
#define HOSTILE 1u
#define LOSSY 2u
#define PLAIN 4u
#define SLOW 8u
#define CLOSED 16u
#define BY_NAME 32u

/* One connection, as its two ends know it. */
struct talk {
	bool used, inbound;
	uint64_t socket;	  /* of the guest; 0: none yet, or closed */
	struct kernel_file *file; /* of the far side, while it is open */
	uint32_t guest_sent, guest_got, far_sent, far_got;
	bool guest_up, guest_fin, guest_eof, guest_error, guest_gone;
	bool far_up, far_fin, far_reset, far_eof, far_cut;
	bool troubled; /* something was done to it that may end it early */
};

struct world {
	const uint8_t *at;
	size_t left;
	struct minato *guest, *host;
	struct drive_loop *loop;
	struct relay *relay;
	struct relay_allows allows;
	struct minato_time now;
	uint64_t listener, grams;
	struct talk talks[TALKS];
	struct kernel_file *doors[2];
	bool hostile, lossy, calm;
	uint32_t luck;
	uint8_t last[FRAME_MAX]; /* the guest's last frame */
	uint32_t last_len;
};

static struct world world;
static void *memory[2];
static size_t memory_size;

static uint32_t take(void)
{
	if (world.left == 0)
		return 0;
	world.left--;
	return *world.at++;
}

static struct minato_addr text(const char *s)
{
	struct minato_addr addr;

	expect(minato_addr_parse(s, &addr) == 0);
	return addr;
}

static void oracle(bool what)
{
	expect(world.hostile || what);
}

/* ---- making ---- */

static struct minato *make_host(unsigned number, bool plain)
{
	struct minato_config config;
	struct minato *m;

	minato_config_init(&config);
	config.seed[0] = number + 1;
	config.sockets_max = 64;
	config.time_wait_max = 16;
	config.entries_max = 64;
	config.neighbours_max = 8;
	config.routes_max = 8;
	config.chunks_large = 64;
	config.chunks_small = 256;
	config.active_max = 32;
	config.calls_max = 16;
	config.leases_max = 64;
	config.scan_sources_max = 1024;
	config.link_count = 1;
	config.link[0].type = MINATO_LINK_ETHERNET;
	config.link[0].mtu = 1500;
	config.link[0].mac[0] = 2;
	config.link[0].mac[5] = (uint8_t)(number + 1);
	config.link[0].proxy = number == 0;
	config.link[0].any_destination = number == 0;
	if (!plain)
		config.link[0].offloads = MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4 |
					  MINATO_OFFLOAD_TSO6 | MINATO_OFFLOAD_USO4 |
					  MINATO_OFFLOAD_USO6;
	if (!memory[number]) {
		memory_size = minato_size(&config);
		memory[number] = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		expect(memory[number] != MAP_FAILED);
	}
	expect(madvise(memory[number], memory_size, MADV_DONTNEED) == 0);
	expect(minato_create(memory[number], memory_size, &config, world.now, &m) == 0);
	return m;
}

static void make_guest(bool plain)
{
	const struct minato_endpoint served = { .port = SERVED };
	struct minato_addr own = text("10.0.2.100");
	struct minato_addr gateway = text("10.0.2.2");
	struct minato_addr any = text("0.0.0.0");
	struct minato *m = make_host(1, plain);

	world.guest = m;
	expect(minato_address_add(m, 0, &own, 24) == 0);
	expect(minato_route_add(m, &any, 0, &gateway, 0) == 0);
	expect(minato_socket(m, MINATO_TCP, 0, &world.listener) == 0);
	expect(minato_bind(m, world.listener, &served) == 0);
	expect(minato_listen(m, world.listener, 16) == 0);
	expect(minato_socket(m, MINATO_UDP, 0, &world.grams) == 0);
	expect(minato_bind(m, world.grams, &served) == 0);
}

/*
 * What may go out, in a world that is closed: the far sides by their prefix or by a name that leads
 * there, without a look at what the fuzzer says; in a hostile world with one.
 */
static void close_world(struct relay_config *config, bool by_name)
{
	const char *allow = "198.51.100.0/24:all/both";

	if (by_name)
		allow = world.hostile ? "far.example:all/both" : "far.example:all/both/raw";
	expect(relay_allow_add(&world.allows, allow, NULL) == 0);
	config->allows = &world.allows;
}

/* As the harbour of a guest does it. */
static void make_relay(uint32_t flags)
{
	bool plain = flags & PLAIN;
	struct minato_addr far = text("198.51.100.1");
	struct relay_config config = { .outside = 1, .flows_max = 24 };
	struct relay_publish list = { 0 };
	struct minato_addr any = text("0.0.0.0");
	struct minato *m = make_host(0, plain);

	world.host = m;
	expect(drive_subnet_parse(&config.subnet, "10.0.2.0/24", NULL) == 0);
	expect(minato_address_add(m, 0, &config.subnet.gateway4, 24) == 0);
	expect(minato_address_add(m, 0, &config.subnet.dns4, 24) == 0);
	expect(minato_route_add(m, &any, 0, &config.subnet.guest4, 0) == 0);
	expect(drive_loop_new(&world.loop) == 0);
	config.host = m;
	config.loop = world.loop;
	expect(relay_publish_add(&list, "0.0.0.0:8080:80/both", NULL) == 0);
	expect(relay_publish_open(&list, true, false, NULL) == 0);
	for (int i = 0; i < KERNEL_FILES; i++) {
		if (kernel.files[i].port == PUBLISHED)
			world.doors[kernel.files[i].type == KERNEL_GRAM] = &kernel.files[i];
	}
	if (flags & CLOSED)
		close_world(&config, flags & BY_NAME);
	expect(relay_create(&world.relay, &config, NULL) == 0);
	relay_pin(world.relay, "far.example", &far);
	expect(relay_publish_start(world.relay, &list, NULL) == 0);
	relay_publish_free(&list);
	expect(drive_loop_hook(world.loop, relay_pump, world.relay) == 0);
}

/* ---- the far side ---- */

static struct talk *talk_of_file(struct kernel_file *file)
{
	for (uint32_t i = 0; i < TALKS; i++) {
		if (world.talks[i].used && world.talks[i].file == file)
			return &world.talks[i];
	}
	return NULL;
}

/* A connection to the outside is known by its port, one from there by its id. */
static void opened(struct kernel_file *file)
{
	struct sockaddr_in peer;
	uint32_t i = file->id;
	struct talk *t;

	memcpy(&peer, &file->peer, sizeof(peer));
	if (ntohs(peer.sin_port) < CALLER_PORT)
		i = ntohs(peer.sin_port) - FAR_PORT;
	if (i >= TALKS || !world.talks[i].used) {
		oracle(false);
		return;
	}
	t = &world.talks[i];
	oracle(!t->file);
	file->id = i;
	t->file = file;
	t->far_up = true;
}

/* The guest ended its half, and all it said is here: only then may the far side see an end. */
static void judge_end(const struct talk *t, const struct kernel_file *file)
{
	oracle(t->guest_fin && file->out_got == t->guest_sent);
}

static void closed(struct kernel_file *file, bool fin)
{
	struct talk *t = talk_of_file(file);

	if (!t)
		return;
	if ((file->wr_shut && !file->far_reset) || fin)
		judge_end(t, file);
	t->far_eof = t->far_eof || fin || file->wr_shut;
	t->far_cut = !fin;
	t->far_got = file->out_got;
	t->file = NULL;
}

static void far_sends(struct talk *t, uint32_t amount)
{
	if (t->far_fin || t->far_reset)
		return;
	kernel_far_sends(t->file, amount * amount * 4);
	t->far_sent += amount * amount * 4;
}

static void far_ends(struct talk *t)
{
	t->far_fin = true;
	kernel_far_ends(t->file);
}

static void far_resets(struct talk *t)
{
	t->far_reset = true;
	t->troubled = true;
	kernel_far_resets(t->file);
}

/* Also two things in one moment, of which the relay hears at once. */
static void far_acts(struct talk *t, uint32_t what, uint32_t amount)
{
	if (!t->file)
		return;
	if (what == 0 || what == 3 || what == 4)
		far_sends(t, amount);
	if (what == 1 || what == 3)
		far_ends(t);
	if (what == 2 || what == 4)
		far_resets(t);
	if (what == 5)
		kernel_far_reads(t->file, amount * amount * 4);
}

/* ---- the guest ---- */

static void guest_reads(struct talk *t, uint32_t most)
{
	static uint8_t data[65536];
	int64_t got = minato_recv(world.guest, t->socket, data, most, 0);

	if (got > 0) {
		for (int64_t i = 0; i < got; i++)
			oracle(data[i] == kernel_pattern((uint32_t)(t - world.talks), true,
							 t->guest_got + (uint32_t)i));
		t->guest_got += (uint32_t)got;
	} else if (got == 0 && most > 0 && t->guest_up && !t->guest_error) {
		oracle(t->far_fin && t->guest_got == t->far_sent);
		t->guest_eof = true;
	} else if (got < 0 && got != -EAGAIN) {
		t->guest_error = true;
	}
}

static void guest_sends(struct talk *t, uint32_t amount)
{
	static uint8_t data[65536];
	int64_t sent;

	if (t->guest_fin)
		return;
	for (uint32_t i = 0; i < amount; i++)
		data[i] = kernel_pattern((uint32_t)(t - world.talks), false, t->guest_sent + i);
	sent = minato_send(world.guest, t->socket, data, amount, 0);
	if (sent > 0)
		t->guest_sent += (uint32_t)sent;
	else if (sent < 0 && sent != -EAGAIN && sent != -ENOTCONN)
		t->guest_error = true;
}

static void guest_acts(struct talk *t, uint32_t what, uint32_t amount)
{
	if (!t->socket)
		return;
	switch (what) {
	case 0:
		guest_sends(t, amount * amount);
		break;
	case 1:
		guest_reads(t, amount * amount);
		break;
	case 2:
		if (t->guest_up && minato_shutdown(world.guest, t->socket, MINATO_SHUT_WR) == 0)
			t->guest_fin = true;
		break;
	case 3: /* with or without unread data: an end, or a reset */
		minato_close(world.guest, t->socket);
		t->guest_fin = true;
		t->guest_gone = true;
		t->troubled = true;
		t->socket = 0;
		break;
	default:
		minato_abort(world.guest, t->socket);
		t->guest_gone = true;
		t->troubled = true;
		t->socket = 0;
	}
}

static void accept_all(void)
{
	struct minato_endpoint peer;
	uint64_t socket;

	while (minato_accept(world.guest, world.listener, &socket, &peer) == 0) {
		uint32_t i = peer.port - CALLER_PORT;

		if (i >= TALKS || !world.talks[i].used || world.talks[i].socket) {
			oracle(false);
			minato_abort(world.guest, socket);
			continue;
		}
		world.talks[i].socket = socket;
		world.talks[i].guest_up = true;
		minato_set_user(world.guest, socket, i + 1);
	}
}

static void guest_events(void)
{
	struct minato_event event;

	while (minato_event(world.guest, &event)) {
		struct talk *t;

		if (event.socket == world.listener)
			accept_all();
		if (event.user == 0 || event.user > TALKS)
			continue;
		t = &world.talks[event.user - 1];
		if (event.ready & MINATO_CONNECTED && event.socket == t->socket)
			t->guest_up = true;
		if (event.ready & MINATO_ERROR && event.socket == t->socket && !t->guest_up)
			t->guest_error = true;
	}
}

/* ---- the cable ---- */

static bool is_lost(void)
{
	world.luck = world.luck * 1103515245u + 12345u;
	return world.lossy && !world.calm && (world.luck >> 16) % 8 == 0;
}

static uint32_t flatten(const struct minato_frame_out *frame, uint8_t *out)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i < frame->extent_count; i++) {
		expect(len + frame->extents[i].len <= FRAME_MAX);
		memcpy(out + len, frame->extents[i].base, frame->extents[i].len);
		len += (uint32_t)frame->extents[i].len;
	}
	return len;
}

static size_t carry(struct minato *from, struct minato *to)
{
	static uint8_t data[FRAME_MAX];
	struct minato_frame_out out[FRAMES];
	size_t count = minato_output(from, world.now, out, FRAMES);

	for (size_t i = 0; i < count; i++) {
		struct minato_frame in = {
			.data = data,
			.len = flatten(&out[i], data),
			.chunk = MINATO_CHUNK_NONE,
			.gso = out[i].gso,
			.gso_size = out[i].gso_size,
			.csum_trusted = out[i].csum_start != 0,
			.csum_partial = out[i].csum_start != 0,
		};

		if (is_lost())
			continue;
		if (from == world.guest) {
			memcpy(world.last, data, in.len);
			world.last_len = in.len;
		}
		minato_input(to, world.now, &in, 1);
	}
	return count;
}

/* Until nothing moves any more. */
static void settle(void)
{
	int quiet = 0;

	for (int i = 0; i < 80 && quiet < 3; i++) {
		size_t moved = (size_t)drive_loop_turn(world.loop, (struct minato_time){ 0 });

		moved += carry(world.host, world.guest);
		guest_events();
		moved += carry(world.guest, world.host);
		quiet = moved ? 0 : quiet + 1;
	}
}

static void pass_time(int64_t ns)
{
	world.now.ns += ns;
	kernel.now_ns = world.now.ns;
	minato_advance(world.guest, world.now);
}

/* ---- what the bytes say ---- */

/* One that was opened, where there is one. */
static struct talk *open_one(uint32_t byte)
{
	uint32_t i = byte % TALKS;

	for (uint32_t k = 0; k < TALKS && !world.talks[i].used; k++)
		i = (i + 1) % TALKS;
	return &world.talks[i];
}

static void open_talk(uint32_t byte)
{
	uint32_t i = byte % TALKS;
	struct talk *t = &world.talks[i];
	struct sockaddr_in caller = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)(CALLER_PORT + i)),
		.sin_addr = { htonl(0xcb007101) },
	};
	struct minato_endpoint to = { text("198.51.100.1"), (uint16_t)(FAR_PORT + i) };

	if (t->used)
		return;
	*t = (struct talk){ .used = true, .inbound = byte & 0x80 };
	t->troubled = kernel.no_files > 0;
	if (t->inbound) {
		t->used = kernel_calls(world.doors[0], &caller, i);
		return;
	}
	if (minato_socket(world.guest, MINATO_TCP, 0, &t->socket) < 0) {
		t->used = false;
		return;
	}
	minato_set_user(world.guest, t->socket, i + 1);
	if (minato_connect(world.guest, t->socket, &to) != -EINPROGRESS)
		t->guest_error = true;
}

static void trouble_all(void)
{
	for (uint32_t i = 0; i < TALKS; i++)
		world.talks[i].troubled = true;
}

static void answer_dials(int error)
{
	for (int i = 0; i < KERNEL_FILES; i++) {
		struct kernel_file *file = &kernel.files[i];

		if (file->type == KERNEL_STREAM && file->connecting)
			kernel_establish(file, error);
	}
}

static void guest_gram(uint32_t seed, uint32_t len)
{
	struct minato_datagram to = { .remote = { text("198.51.100.9"), 7 } };
	uint8_t data[KERNEL_GRAM_MAX];

	len = 1 + len * 5;
	for (uint32_t i = 0; i < len; i++)
		data[i] = kernel_gram_byte((uint8_t)seed, i);
	if (seed & 1)
		to.remote.port = (uint16_t)(7 + seed % 4);
	minato_send_datagram(world.guest, world.grams, &to, data, len);
}

static void guest_takes_grams(void)
{
	static uint8_t data[65536];
	struct minato_datagram from;
	int64_t got;

	while ((got = minato_recv_datagram(world.guest, world.grams, &from, data, sizeof(data),
					   0)) >= 0) {
		uint32_t size = from.gso_size ? from.gso_size : (uint32_t)got + 1;

		for (int64_t i = 0; i < got; i++)
			oracle(data[i] == kernel_gram_byte(data[i - i % size], (uint32_t)i % size));
	}
}

static void far_gram(uint32_t which, uint32_t seed, uint32_t len)
{
	struct sockaddr_in client = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)(4000 + seed % 8)),
		.sin_addr = { htonl(0xcb007102) },
	};
	struct sockaddr_storage from = { 0 };

	memcpy(&from, &client, sizeof(client));
	if (which & 1) {
		kernel_gram_arrives(world.doors[1], &from, (uint8_t)seed, (uint16_t)(len * 5));
		return;
	}
	for (int i = 0; i < KERNEL_FILES; i++) {
		struct kernel_file *file = &kernel.files[i];

		if (file->type != KERNEL_GRAM || file->last_to.ss_family == 0)
			continue;
		if (which & 2)
			kernel_gram_fails(file);
		else
			kernel_gram_arrives(file, &file->last_to, (uint8_t)seed,
					    (uint16_t)(len * 5));
	}
}

/* A frame of the fuzzer's own, or the guest's last with one byte changed. */
static void hostile_frame(uint32_t len)
{
	struct minato_frame in = { .data = world.last, .chunk = MINATO_CHUNK_NONE };

	if (!world.hostile)
		return;
	if (len & 1) {
		for (in.len = 0; in.len < len && world.left > 0; in.len++)
			world.last[in.len] = (uint8_t)take();
	} else if (world.last_len > 0) {
		in.len = world.last_len;
		world.last[take() % in.len] = (uint8_t)take();
		in.csum_trusted = true;
	}
	if (in.len > 0)
		minato_input(world.host, world.now, &in, 1);
}

static void act(void)
{
	uint32_t what = take();
	uint32_t who = take();

	switch (what % 12) {
	case 0:
		open_talk(who);
		break;
	case 1:
	case 2:
		guest_acts(open_one(who), (what >> 4) % 5, take());
		break;
	case 3:
	case 4:
		far_acts(open_one(who), (what >> 4) % 6, take());
		break;
	case 5:
		kernel.answer = (enum kernel_answer)(who % 5);
		break;
	case 6:
		answer_dials(who & 1 ? (who & 2 ? ETIMEDOUT : EHOSTUNREACH) : 0);
		break;
	case 7:
		kernel.no_files = who % 4;
		trouble_all();
		break;
	case 8:
		guest_gram(who, take());
		break;
	case 9:
		far_gram(what >> 4, who, take());
		break;
	case 10:
		pass_time((what & 0x40 ? 100 : 1) * (int64_t)who * MS);
		break;
	default:
		hostile_frame(who);
	}
	guest_takes_grams();
}

/* ---- calm, and the judgement ---- */

static bool is_over(const struct talk *t)
{
	return !t->used || t->guest_gone || t->guest_error || t->far_reset ||
	       (t->guest_eof && !t->file);
}

static bool calm_turn(void)
{
	bool over = true;

	answer_dials(0);
	settle();
	for (uint32_t i = 0; i < TALKS; i++) {
		struct talk *t = &world.talks[i];

		if (is_over(t))
			continue;
		over = false;
		far_acts(t, 5, 1000);
		far_acts(t, 1, 0);
		guest_acts(t, 1, 255);
		guest_acts(t, 2, 0);
	}
	settle();
	return over;
}

static void judge(const struct talk *t)
{
	if (!t->used || t->troubled || (t->guest_error && !t->guest_up))
		return;
	/* Nothing was done to it: all has arrived, and the ends were ends. */
	oracle(t->guest_eof && !t->guest_error && t->guest_got == t->far_sent);
	oracle(t->far_eof && !t->far_cut && t->far_got == t->guest_sent);
}

static void end_in_calm(void)
{
	world.calm = true;
	kernel.no_files = 0;
	kernel.answer = KERNEL_AT_ONCE;
	for (int i = 0; i < 400 && !calm_turn(); i++)
		pass_time((i < 100 ? 50 : 1000) * MS);
	if (relay_counter(world.relay, RELAY_COUNT_NO_MEMORY) == 0 &&
	    relay_counter(world.relay, RELAY_COUNT_NO_FLOW) == 0) {
		for (uint32_t i = 0; i < TALKS; i++)
			judge(&world.talks[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t flags;

	memset(&world, 0, offsetof(struct world, last));
	world.at = data;
	world.left = size;
	world.now.ns = 100000 * MS;
	world.luck = 1;
	kernel_reset();
	kernel.now_ns = world.now.ns;
	kernel.opened = opened;
	kernel.closed = closed;
	flags = take();
	world.hostile = flags & HOSTILE;
	kernel.hostile = world.hostile;
	world.lossy = flags & LOSSY;
	make_guest(flags & PLAIN);
	make_relay(flags);
	for (uint32_t i = 0; i < ACTIONS_MAX && world.left > 0; i++) {
		act();
		if (!(flags & SLOW) || i % 3 == 0)
			settle();
	}
	end_in_calm();
	relay_free(world.relay);
	relay_allow_free(&world.allows);
	drive_loop_free(world.loop);
	expect(kernel_open_count() == 0);
	return 0;
}
