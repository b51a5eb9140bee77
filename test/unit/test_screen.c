/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of a published port as a filter of the kernel: run here step by step beside a naive
 * look through the rules, and at real sockets.
 */
#include "relay_fixture.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <poll.h>

#include "minato/guard.h"

static const struct relay_prefix lan[] = {
	{ { { [10] = 0xff, [11] = 0xff, [12] = 127 } }, 104 },
	{ { { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 1 } }, 112 },
	{ { { 0xfd, 0x12 } }, 16 },
	{ { { [15] = 1 } }, 128 },
};
#define LAN_COUNT (sizeof(lan) / sizeof(lan[0]))
/* This host's own. */
static const struct relay_prefix ours[] = {
	{ { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 1, 1 } }, 128 },
	{ { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127 } }, 104 },
	{ { { 0xfd, 0x12, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1 } }, 128 },
};
#define OWN_COUNT (sizeof(ours) / sizeof(ours[0]))

/* ---- a packet, and the machine that the filter is for ---- */

struct packet {
	struct minato_addr from, to;
	uint8_t flags;
};

static uint32_t load(const struct packet *packet, const struct sock_filter *step)
{
	bool is4 = minato_addr_is4(&packet->from);
	uint32_t word = 0;

	if (step->k == (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL))
		return is4 ? ETH_P_IP : ETH_P_IPV6;
	if (BPF_SIZE(step->code) == BPF_B) {
		assert_int_equal(step->k, 13);
		return packet->flags;
	}
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t at = step->k - (uint32_t)SKF_NET_OFF + i;
		uint32_t source = is4 ? 12 : 8;
		uint32_t size = is4 ? 4 : 16;
		const struct minato_addr *addr = at < source + size ? &packet->from : &packet->to;

		at -= source + (at < source + size ? 0 : size);
		assert_true(at < size);
		word = word << 8 | addr->bytes[16 - size + at];
	}
	return word;
}

/* Whether the filter lets it come. */
static bool runs(const struct relay_screen *screen, const struct packet *packet)
{
	uint32_t memory[BPF_MEMWORDS] = { 0 };
	uint32_t a = 0;

	for (size_t i = 0; i < screen->count; i++) {
		const struct sock_filter *step = &screen->steps[i];

		switch (step->code) {
		case BPF_LD | BPF_W | BPF_ABS:
		case BPF_LD | BPF_B | BPF_ABS:
			a = load(packet, step);
			break;
		case BPF_LD | BPF_IMM:
			a = step->k;
			break;
		case BPF_LD | BPF_MEM:
			a = memory[step->k];
			break;
		case BPF_ST:
			memory[step->k] = a;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= step->k;
			break;
		case BPF_JMP | BPF_JA:
			i += step->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			i += a == step->k ? step->jt : step->jf;
			break;
		case BPF_RET | BPF_K:
			return step->k != 0;
		default:
			fail_msg("no such step: %x", step->code);
		}
	}
	fail_msg("it has no end");
	return false;
}

/* ---- naively ---- */

static bool within(const struct minato_addr *prefix, uint8_t length, const struct minato_addr *addr)
{
	for (unsigned bit = 0; bit < length; bit++) {
		if ((prefix->bytes[bit / 8] ^ addr->bytes[bit / 8]) & 0x80u >> bit % 8)
			return false;
	}
	return true;
}

static bool comes(const struct relay_screening *rules, const struct packet *packet, uint8_t proto,
		  uint16_t port, bool shut)
{
	const struct relay_config config = { .lan = rules->lan, .lan_count = rules->lan_count };
	const struct relay_config here = { .lan = rules->own, .lan_count = rules->own_count };
	bool here_too = zone_face(&here, &packet->from) == RELAY_FACE_LAN;
	uint8_t face = zone_face(&config, &packet->from);

	if (proto == MINATO_TCP && (packet->flags & 0x12) != 0x02)
		return true;
	for (size_t i = 0; i < rules->count; i++) {
		const struct minato_entry *e = &rules->entries[i];

		if ((e->scope != MINATO_SCOPE_ANY && e->scope != rules->outside) ||
		    e->course == MINATO_COURSE_OUT || (e->program && !here_too) ||
		    (e->proto && e->proto != proto) || port < e->first || port > e->last ||
		    (e->face != MINATO_FACE_ANY && e->face != face) ||
		    !within(&e->remote, e->remote_prefix, &packet->from) ||
		    !within(&e->local, e->local_prefix, &packet->to))
			continue;
		/* Which guest of this host it is, is seen here alone. */
		return e->verdict == MINATO_PASS || e->log || e->rate_count || e->program;
	}
	/* No rule is about him. */
	return !shut || !zone_shuts(face, &(struct relay_spec){ 0 },
				    &(struct minato_fate){ .target.port = 445 });
}

/* ---- at random ---- */

static uint32_t seed = 1;
static uint32_t below(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* Few different ones, so that prefixes are met. */
static struct minato_addr any_addr(bool is4)
{
	struct minato_addr addr = { { 0 } };
	static const uint8_t heads[][2] = { { 10, 1 }, { 10, 2 }, { 192, 0 }, { 127, 0 } };
	static const uint8_t heads6[][2] = { { 0xfd, 0x12 }, { 0xfd, 0x13 }, { 32, 1 }, { 0 } };
	uint32_t which = below(4);

	if (is4)
		return minato_addr4(heads[which][0], heads[which][1], (uint8_t)below(3),
				    (uint8_t)below(4));
	addr.bytes[0] = heads6[which][0];
	addr.bytes[1] = heads6[which][1];
	addr.bytes[7] = (uint8_t)below(2);
	addr.bytes[15] = (uint8_t)below(4);
	return addr;
}

static void any_prefix(struct minato_addr *addr, uint8_t *length)
{
	bool is4 = below(2);

	*addr = any_addr(is4);
	*length = (uint8_t)(below(3) == 0 ? 0 : is4 ? 96 + below(33) : below(129));
	for (unsigned bit = *length; bit < 128; bit++)
		addr->bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

static struct minato_entry any_rule(void)
{
	static const uint8_t faces[] = { MINATO_FACE_ANY, RELAY_FACE_LAN, RELAY_FACE_WAN };
	static const uint8_t protos[] = { 0, MINATO_TCP, MINATO_UDP, MINATO_ICMP };
	static const enum minato_verdict verdicts[] = { MINATO_PASS, MINATO_REFUSE, MINATO_DROP };
	struct minato_entry e = {
		.kind = MINATO_KIND_GUARD,
		.verdict = verdicts[below(3)],
		.scope = below(8) ? OUTSIDE :
			 below(2) ? INSIDE :
				    MINATO_SCOPE_ANY,
		.face = faces[below(3)],
		.proto = protos[below(4)],
		.course = (uint8_t)below(3),
		.program = below(8) ? 0 : 7,
		.log = below(8) == 0,
		.rate_count = below(8) == 0,
	};

	any_prefix(&e.remote, &e.remote_prefix);
	if (below(2))
		any_prefix(&e.local, &e.local_prefix);
	e.first = (uint16_t)(below(2) ? 0 : 78 + below(4));
	e.last = (uint16_t)(e.first ? e.first + below(4) : 65535);
	return e;
}

static void as_the_rules_say(void **state)
{
	static struct relay_screen screen;
	struct minato_entry entries[12];
	struct relay_screening rules = { entries, 0, lan, LAN_COUNT, ours, OWN_COUNT, OUTSIDE };
	uint32_t dropped = 0;
	uint32_t made = 0;

	(void)state;
	for (uint32_t round = 0; round < 20000; round++) {
		uint8_t proto = below(2) ? MINATO_TCP : MINATO_UDP;
		bool shut = below(4) == 0;
		int result;

		rules.count = below(13);
		for (size_t i = 0; i < rules.count; i++)
			entries[i] = any_rule();
		result = relay_screen_make(&screen, &rules, proto, 80, shut);
		assert_in_range(result, 0, 1);
		made += (uint32_t)result;
		for (uint32_t i = 0; i < 20; i++) {
			bool is4 = below(2);
			const struct packet packet = { any_addr(is4), any_addr(is4),
						       (uint8_t)(below(4) ? 0x02 : below(64)) };
			bool expected = comes(&rules, &packet, proto, 80, shut);

			if (result == 0)
				assert_true(expected);
			else if (runs(&screen, &packet) != expected)
				fail_msg("round %u: the filter says %s", round,
					 expected ? "drop" : "let it come");
			dropped += !expected;
		}
	}
	/* The rounds were not idle. */
	assert_true(made > 5000 && dropped > 20000);
}

static void too_many_rules(void **state)
{
	static struct relay_screen screen;
	static struct minato_entry entries[1000];
	struct relay_screening rules = { entries, 1000, NULL, 0, ours, OWN_COUNT, OUTSIDE };

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		entries[i] = (struct minato_entry){
			.verdict = MINATO_DROP,
			.scope = OUTSIDE,
			.face = MINATO_FACE_ANY,
			.last = 65535,
			.remote = minato_addr4(10, 9, (uint8_t)(i / 256), (uint8_t)i),
			.remote_prefix = 128,
		};
	assert_int_equal(relay_screen_make(&screen, &rules, MINATO_TCP, 80, false), -E2BIG);
	rules.count = 100;
	assert_int_equal(relay_screen_make(&screen, &rules, MINATO_TCP, 80, false), 1);
	/* Those that let pass and come last say nothing. */
	for (uint32_t i = 0; i < 1000; i++)
		entries[i].verdict = MINATO_PASS;
	assert_int_equal(relay_screen_make(&screen, &rules, MINATO_TCP, 80, false), 0);
}

/* ---- at real sockets ---- */

/* "open", "refused" or "silent". */
static const char *call(const char *from, const char *to, uint16_t port)
{
	struct minato_endpoint local = end(from, 0);
	struct minato_endpoint peer = end(to, port);
	struct sockaddr_storage name = { 0 };
	struct pollfd wait = { .events = POLLOUT };
	socklen_t len = drive_endpoint_to(&name, &local);
	int error = 0;
	socklen_t size = sizeof(error);

	wait.fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(wait.fd, (struct sockaddr *)&name, len), 0);
	len = drive_endpoint_to(&name, &peer);
	(void)connect(wait.fd, (struct sockaddr *)&name, len);
	if (poll(&wait, 1, 100) > 0)
		getsockopt(wait.fd, SOL_SOCKET, SO_ERROR, &error, &size);
	else
		error = ETIMEDOUT;
	close(wait.fd);
	return error == 0 ? "open" : error == ETIMEDOUT ? "silent" : "refused";
}

static struct minato_entry rule(enum minato_verdict verdict, uint8_t face)
{
	return (struct minato_entry){
		.verdict = verdict,
		.scope = OUTSIDE,
		.face = face,
		.last = 65535,
	};
}

static void the_kernel_drops(void **state)
{
	struct minato_entry entries[2] = { rule(MINATO_PASS, RELAY_FACE_LAN),
					   rule(MINATO_REFUSE, MINATO_FACE_ANY) };
	struct relay_screening rules = { entries, 2, lan, LAN_COUNT, ours, OWN_COUNT, OUTSIDE };
	struct relay_publish list = { 0 };

	(void)state;
	NEED_NETNS();
	assert_true(relay_screen_works());
	assert_int_equal(relay_publish_add(&list, "8080", NULL), 0);
	assert_int_equal(relay_publish_open(&list, true, true, NULL), 0);
	relay_screen_list(&list, &rules, false, 0);
	assert_int_equal(list.sockets[0].screened, RELAY_SCREENED);
	assert_int_equal(relay_screen_count(&list), 1);
	assert_int_equal(listen(relay_publish_fd(&list, 0), 16), 0);
	assert_string_equal(call("127.0.0.1", "127.0.0.1", 8080), "open");
	assert_string_equal(call("192.0.2.1", "192.0.2.1", 8080), "silent");
	assert_string_equal(call("192.0.2.1", "127.0.0.1", 8080), "silent");
	assert_string_equal(call("::1", "::1", 8080), "open");
	assert_string_equal(call("2001:db8::1", "2001:db8::1", 8080), "silent");
	/* Other rules, and none: the socket is as it was. */
	entries[0].face = RELAY_FACE_WAN;
	relay_screen_list(&list, &rules, false, 0);
	assert_string_equal(call("127.0.0.1", "127.0.0.1", 8080), "silent");
	assert_string_equal(call("192.0.2.1", "192.0.2.1", 8080), "open");
	rules.count = 0;
	relay_screen_list(&list, &rules, false, 0);
	assert_int_equal(list.sockets[0].screened, RELAY_UNSCREENED);
	assert_string_equal(call("127.0.0.1", "127.0.0.1", 8080), "open");
	relay_publish_free(&list);
}

static bool is_near_only(void *user, uint8_t protocol, uint16_t port, bool shut)
{
	return relay_screen_near_only(user, protocol, port, shut);
}

/* Under another number: no rule is about it, and who is not of lan is kept out all the same. */
static void netbios_behind(void **state)
{
	struct minato_entry entries[1] = { rule(MINATO_PASS, MINATO_FACE_ANY) };
	struct relay_screening rules = { entries, 0, lan, LAN_COUNT, ours, OWN_COUNT, OUTSIDE };
	const struct relay_devices devices = { .name = { "lo" }, .count = 1 };
	struct relay_publish list = { 0 };
	size_t at = 0;

	(void)state;
	NEED_NETNS();
	assert_int_equal(relay_publish_add(&list, "8443-8446:444-447", NULL), 0);
	assert_int_equal(relay_publish_add(&list, "8137:137/udp", NULL), 0);
	assert_int_equal(relay_publish_open(&list, true, true, NULL), 0);
	assert_int_equal(list.socket_count, 5);
	relay_screen_list(&list, &rules, false, 0);
	for (size_t i = 0; i < list.socket_count; i++)
		assert_int_equal(list.sockets[i].screened,
				 list.sockets[i].port == 8444 || list.sockets[i].port == 8137 ?
					 RELAY_SCREENED :
					 RELAY_UNSCREENED);
	while (list.sockets[at].port != 8444)
		at++;
	assert_int_equal(listen(relay_publish_fd(&list, at), 16), 0);
	assert_string_equal(call("127.0.0.1", "127.0.0.1", 8444), "open");
	assert_string_equal(call("192.0.2.1", "192.0.2.1", 8444), "silent");
	assert_string_equal(call("2001:db8::1", "2001:db8::1", 8444), "silent");
	/* A rule about the host's port is the answer, for whom it is about. */
	rules.count = 1;
	relay_screen_list(&list, &rules, false, 0);
	assert_int_equal(list.sockets[at].screened, RELAY_UNSCREENED);
	assert_string_equal(call("192.0.2.1", "192.0.2.1", 8444), "open");
	relay_publish_free(&list);
	assert_false(relay_screen_near_only(&rules, MINATO_TCP, 8444, true));
	entries[0].face = RELAY_FACE_LAN;
	assert_true(relay_screen_near_only(&rules, MINATO_TCP, 8444, true));
	assert_false(relay_screen_near_only(&rules, MINATO_TCP, 8444, false));
	/* Without a filter: at the devices of lan. */
	rules.count = 0;
	list = (struct relay_publish){ .near_only = is_near_only,
				       .near_user = &rules,
				       .devices = &devices };
	assert_int_equal(relay_publish_add(&list, "8444-8445:444-445", NULL), 0);
	assert_int_equal(relay_publish_open(&list, true, true, NULL), 0);
	assert_false(list.sockets[0].at_device);
	assert_true(list.sockets[1].at_device);
	relay_publish_free(&list);
}

/* What has to be seen by us is said to be late, and what refuses nobody is not. */
static void some_are_ours(void **state)
{
	struct minato_entry entries[1] = { rule(MINATO_DROP, RELAY_FACE_WAN) };
	struct relay_screening rules = { entries, 1, lan, LAN_COUNT, ours, OWN_COUNT, OUTSIDE };
	struct relay_publish list = { 0 };

	(void)state;
	NEED_NETNS();
	assert_int_equal(relay_publish_add(&list, "8080", NULL), 0);
	assert_int_equal(relay_publish_open(&list, true, true, NULL), 0);
	entries[0].log = true;
	relay_screen_list(&list, &rules, false, 0);
	assert_int_equal(list.sockets[0].screened, RELAY_SCREEN_LATE);
	entries[0].verdict = MINATO_PASS;
	relay_screen_list(&list, &rules, false, 0);
	assert_int_equal(list.sockets[0].screened, RELAY_UNSCREENED);
	entries[0].rate_count = 3;
	entries[0].rate_verdict = MINATO_REFUSE;
	relay_screen_list(&list, &rules, false, 0);
	assert_int_equal(list.sockets[0].screened, RELAY_SCREEN_LATE);
	relay_publish_free(&list);
}

/* Without a filter: at the devices of lan. */
static void at_devices(void **state)
{
	struct minato_entry entries[2] = { rule(MINATO_PASS, RELAY_FACE_LAN),
					   rule(MINATO_REFUSE, MINATO_FACE_ANY) };
	struct relay_screening rules = { entries, 2, lan, LAN_COUNT, ours, OWN_COUNT, OUTSIDE };
	const struct relay_devices devices = { .name = { "lo" }, .count = 1 };
	const struct relay_devices gone = { .name = { "lo", "nowhere9" }, .count = 2 };
	struct relay_publish list = { .near_only = is_near_only, .near_user = &rules };
	char device[IFNAMSIZ] = "";
	socklen_t len = sizeof(device);

	(void)state;
	NEED_NETNS();
	assert_true(relay_screen_near_only(&rules, MINATO_TCP, 80, false));
	entries[0].face = MINATO_FACE_ANY;
	entries[0].remote = lan[1].addr;
	entries[0].remote_prefix = 120;
	assert_true(relay_screen_near_only(&rules, MINATO_TCP, 80, false));
	entries[0].remote_prefix = 111; /* and somebody beside lan */
	assert_false(relay_screen_near_only(&rules, MINATO_TCP, 80, false));
	entries[0] = rule(MINATO_PASS, RELAY_FACE_LAN);
	entries[1].log = true;
	assert_false(relay_screen_near_only(&rules, MINATO_TCP, 80, false));
	entries[1].log = false;
	/* A guest of this host calls any of its addresses, which other devices have. */
	entries[0].program = 1;
	entries[0].face = MINATO_FACE_ANY;
	assert_false(relay_screen_near_only(&rules, MINATO_TCP, 80, false));
	entries[0].verdict = MINATO_REFUSE;
	assert_true(relay_screen_near_only(&rules, MINATO_TCP, 80, false));
	entries[0] = rule(MINATO_PASS, RELAY_FACE_LAN);

	list.devices = &devices;
	assert_int_equal(relay_publish_add(&list, "8080,127.0.0.1:8081", NULL), 0);
	assert_int_equal(relay_publish_open(&list, true, true, NULL), 0);
	assert_int_equal(list.socket_count, 2);
	assert_int_equal(getsockopt(relay_publish_fd(&list, 0), SOL_SOCKET, SO_BINDTODEVICE, device,
				    &len),
			 0);
	assert_string_equal(device, "lo");
	assert_true(list.sockets[0].at_device);
	/* What is said to be at an address is there. */
	assert_false(list.sockets[1].at_device);
	/* Rules that let others come later do not unbind it, which is said once. */
	relay_screen_list(&list, &rules, false, 0);
	assert_null(relay_publish_outgrown(&list));
	entries[0].face = MINATO_FACE_ANY;
	relay_screen_list(&list, &rules, true, 0);
	assert_int_equal(list.sockets[0].screened, RELAY_SCREEN_DEVICES);
	assert_ptr_equal(relay_publish_outgrown(&list), &list.specs[0]);
	relay_screen_list(&list, &rules, true, 0);
	assert_null(relay_publish_outgrown(&list));
	entries[0].face = RELAY_FACE_LAN;
	relay_screen_list(&list, &rules, true, 0);
	assert_null(relay_publish_outgrown(&list));
	relay_publish_free(&list);
	/* One that is no more: the port is open, and the rules shut it. */
	list.near_only = is_near_only;
	list.near_user = &rules;
	list.devices = &gone;
	assert_int_equal(relay_publish_add(&list, "8080", NULL), 0);
	assert_int_equal(relay_publish_open(&list, true, true, NULL), 0);
	assert_int_equal(list.socket_count, 1);
	assert_false(list.sockets[0].at_device);
	relay_publish_free(&list);
}

/* One port of all addresses of IPv4, and of all of IPv6, to two places. */
static void the_door_of_his_family(void **state)
{
	static struct relay relay;
	struct relay_published doors[2] = {
		{ .port = 8445, .protocol = MINATO_TCP },
		{ .port = 8445, .protocol = MINATO_TCP, .four = true },
	};
	struct relay_forward four = {
		.spec = { .addr = minato_addr4(0, 0, 0, 0), .first = 8445, .guest = 445 },
		.doors = &doors[1],
		.door_count = 1,
	};
	struct relay_forward six = { .spec = { .first = 8445, .guest = 80 },
				     .doors = &doors[0],
				     .door_count = 1,
				     .next = &four };
	struct minato_endpoint local = end("192.0.2.1", 8445);

	(void)state;
	relay.forwards = &six;
	doors[0].forward = &six;
	doors[1].forward = &four;
	assert_int_equal(relay_door_behind(&relay, MINATO_TCP, &local), 445);
	local = end("2001:db8::1", 8445);
	assert_int_equal(relay_door_behind(&relay, MINATO_TCP, &local), 0);
	assert_ptr_equal(screen_spec(&relay, MINATO_TCP, &local), &six.spec);
	/* A door of both families is for both. */
	doors[0].dual = true;
	local = end("192.0.2.1", 8445);
	assert_ptr_equal(screen_spec(&relay, MINATO_TCP, &local), &six.spec);
}

static void datagrams_too(void **state)
{
	struct minato_entry entries[2] = { rule(MINATO_PASS, RELAY_FACE_LAN),
					   rule(MINATO_DROP, MINATO_FACE_ANY) };
	struct relay_screening rules = { entries, 2, lan, LAN_COUNT, ours, OWN_COUNT, OUTSIDE };
	struct relay_publish list = { 0 };
	int near, far;
	char byte;

	(void)state;
	NEED_NETNS();
	assert_int_equal(relay_publish_add(&list, "8080/udp", NULL), 0);
	assert_int_equal(relay_publish_open(&list, true, true, NULL), 0);
	relay_screen_list(&list, &rules, false, 0);
	near = host_socket(SOCK_DGRAM, "127.0.0.1", 7000);
	far = host_socket(SOCK_DGRAM, "192.0.2.1", 7000);
	{
		struct minato_endpoint to = end("192.0.2.1", 8080);
		struct sockaddr_storage name = { 0 };
		socklen_t len = drive_endpoint_to(&name, &to);

		assert_int_equal(sendto(far, "f", 1, 0, (struct sockaddr *)&name, len), 1);
		assert_int_equal(sendto(near, "n", 1, 0, (struct sockaddr *)&name, len), 1);
	}
	assert_int_equal(recv(relay_publish_fd(&list, 0), &byte, 1, 0), 1);
	assert_int_equal(byte, 'n');
	assert_int_equal(recv(relay_publish_fd(&list, 0), &byte, 1, MSG_DONTWAIT), -1);
	close(near);
	close(far);
	relay_publish_free(&list);
}

static void no_more_than_there_may_be(void **state)
{
	struct minato_entry entries[1] = { rule(MINATO_DROP, MINATO_FACE_ANY) };
	struct relay_screening rules = { entries, 1, lan, LAN_COUNT, ours, OWN_COUNT, OUTSIDE };
	struct relay_publish list = { 0 };

	(void)state;
	NEED_NETNS();
	assert_int_equal(relay_publish_add(&list, "8080-8082", NULL), 0);
	assert_int_equal(relay_publish_open(&list, true, true, NULL), 0);
	relay_screen_list(&list, &rules, false, RELAY_SCREENS_MAX - 2);
	assert_int_equal(list.sockets[1].screened, RELAY_SCREENED);
	assert_int_equal(list.sockets[2].screened, RELAY_SCREEN_LATE);
	relay_publish_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_rules_say),
		cmocka_unit_test(too_many_rules),
		cmocka_unit_test(the_kernel_drops),
		cmocka_unit_test(datagrams_too),
		cmocka_unit_test(netbios_behind),
		cmocka_unit_test(the_door_of_his_family),
		cmocka_unit_test(some_are_ours),
		cmocka_unit_test(at_devices),
		cmocka_unit_test(no_more_than_there_may_be),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
