/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest, a relay and the host's kernel in one process, for tests of relay/.
 *
 *   guest: a host value          relay's host value        relay      this network namespace
 *   10.0.2.100, fd00::64  -----  gateway .2, DNS .3  ----  sockets -- lo: 127.0.0.1, ::1,
 *   (sockets of the test)        (frames in memory)                   192.0.2.1, 2001:db8::1
 *                                                                     (sockets of the test)
 *
 * The network namespace is the program's own, so ports are free and nothing leaves it.
 */
#ifndef TEST_UNIT_RELAY_FIXTURE_H
#define TEST_UNIT_RELAY_FIXTURE_H

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "minato/guard.h"
#include "relay/relay.h"

#define INSIDE 0
#define OUTSIDE 1
#define FRAME_MAX 70000u
#define PATIENCE_NS INT64_C(5000000000)

struct world {
	struct minato *host; /* the relay's */
	struct minato *guest;
	size_t host_size, guest_size;
	struct drive_loop *loop;
	struct relay *relay;
	struct relay_publish list;
	struct drive_subnet subnet;
	int64_t skew_ns;	      /* added to the clock */
	uint32_t icmp_count;	      /* ICMP errors that the guest was sent */
	uint8_t icmp_type, icmp_code; /* of the last */
	uint32_t rst_count;
};

static struct world w;
static bool have_netns;
/* What the next relay lets out, and who is told; NULL: all, nobody. */
static const struct relay_allows *fixture_allows;
static void (*fixture_attempt)(void *user, const struct relay_attempt *attempt);
/* Who is asked about what is not let out; NULL: nobody. */
static bool (*fixture_ask)(void *user, const struct relay_asking *asking);
/* Who looks for programs. */
static bool (*fixture_identify)(void *user, uint64_t call, enum minato_proto proto,
				const struct minato_endpoint *guest,
				const struct minato_endpoint *to);
static bool fixture_identify_all;
static struct relay_roll *fixture_roll;
/* Which guest calls. */
static uint16_t (*fixture_caller)(void *user, enum minato_proto proto,
				  const struct minato_endpoint *caller,
				  const struct minato_endpoint *local);

static inline struct minato_addr addr(const char *text)
{
	struct minato_addr a;

	assert_int_equal(minato_addr_parse(text, &a), 0);
	return a;
}

/* The first rule, which lets in who calls from outside, whatever it calls; a test narrows it. */
static inline struct minato_entry rule_inward(void)
{
	return (struct minato_entry){
		.kind = MINATO_KIND_GUARD,
		.verdict = MINATO_PASS,
		.scope = OUTSIDE,
		.face = MINATO_FACE_ANY,
		.last = 65535,
		.uid = MINATO_UID_NONE,
		.course = MINATO_COURSE_IN,
		.order = 1,
	};
}

static inline struct minato_endpoint end(const char *text, uint16_t port)
{
	return (struct minato_endpoint){ addr(text), port };
}

static inline struct minato_time now(void)
{
	struct minato_time t = drive_now();

	t.ns += w.skew_ns;
	return t;
}

/* ---- the namespace ---- */

static inline void add_address(struct drive_rtnl *rtnl, const char *text, uint8_t prefix)
{
	struct minato_addr a;

	if (minato_addr_parse(text, &a) == 0)
		drive_rtnl_addr_add(rtnl, 1, &a, prefix);
}

/* Group set-up: the program's own network. */
static inline int enter_netns(void **state)
{
	struct drive_rtnl *rtnl;

	(void)state;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return 0;
	if (drive_rtnl_open(&rtnl) < 0)
		return 0;
	drive_rtnl_link_up(rtnl, 1, 0, NULL);
	add_address(rtnl, "192.0.2.1", 32);
	add_address(rtnl, "2001:db8::1", 128);
	drive_rtnl_close(rtnl);
	have_netns = true;
	return 0;
}

/* ---- the two host values ---- */

static inline struct minato *make_host(const struct minato_config *c, size_t *size)
{
	struct minato *m;
	void *memory;

	*size = minato_size(c);
	assert_true(*size > 0);
	memory = mmap(NULL, *size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(memory != MAP_FAILED);
	assert_int_equal(minato_create(memory, *size, c, now(), &m), 0);
	return m;
}

static inline void end_host(struct minato *m, size_t size)
{
	unpoison(m, size);
	munmap(m, size);
}

static inline void own(struct minato *m, const struct minato_addr *a, uint32_t prefix)
{
	assert_int_equal(minato_address_add(m, 0, a, prefix), 0);
}

static inline void make_hosts(void)
{
	const struct minato_addr any4 = minato_addr4(0, 0, 0, 0);
	const struct minato_addr any6 = { { 0 } };
	struct minato_config c;

	minato_config_init(&c);
	c.seed[0] = 1;
	c.link_count = 1;
	c.link[0] = (struct minato_link_config){
		.type = MINATO_LINK_IP,
		.mtu = 1500,
		.offloads = MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4 | MINATO_OFFLOAD_TSO6 |
			    MINATO_OFFLOAD_USO4 | MINATO_OFFLOAD_USO6,
		.any_destination = true,
	};
	w.host = make_host(&c, &w.host_size);
	own(w.host, &w.subnet.gateway4, 24);
	own(w.host, &w.subnet.dns4, 24);
	own(w.host, &w.subnet.gateway6, 64);
	own(w.host, &w.subnet.dns6, 64);
	c.seed[0] = 2;
	c.link[0].any_destination = false;
	w.guest = make_host(&c, &w.guest_size);
	own(w.guest, &w.subnet.guest4, 24);
	own(w.guest, &w.subnet.guest6, 64);
	minato_route_add(w.guest, &any4, 0, &w.subnet.gateway4, 0);
	minato_route_add(w.guest, &any6, 0, &w.subnet.gateway6, 0);
}

static inline void note_frame(const uint8_t *data, bool to_guest)
{
	bool four = data[0] >> 4 == 4;
	uint8_t proto = four ? data[9] : data[6];
	size_t header = four ? 20 : 40;

	if (!to_guest)
		return;
	if (proto == 1 || (proto == 58 && data[header] < 128)) {
		w.icmp_count++;
		w.icmp_type = data[header];
		w.icmp_code = data[header + 1];
	} else if (proto == 6 && data[header + 13] & 4)
		w.rst_count++;
}

static inline size_t carry(struct minato *from, struct minato *to)
{
	static uint8_t bytes[FRAME_MAX];
	struct minato_frame_out out[32];
	size_t count = minato_output(from, now(), out, 32);

	for (size_t i = 0; i < count; i++) {
		struct minato_frame in = {
			.data = bytes,
			.chunk = MINATO_CHUNK_NONE,
			.gso_size = out[i].gso_size,
			.gso = out[i].gso,
			.csum_trusted = out[i].csum_start != 0,
			.csum_partial = out[i].csum_start != 0,
		};
		for (uint32_t k = 0; k < out[i].extent_count; k++) {
			assert_true(in.len + out[i].extents[k].len <= FRAME_MAX);
			memcpy(bytes + in.len, out[i].extents[k].base, out[i].extents[k].len);
			in.len += (uint32_t)out[i].extents[k].len;
		}
		note_frame(bytes, to == w.guest);
		minato_input(to, now(), &in, 1);
	}
	return count;
}

/* A drive_hook_fn after relay_pump: in the place of the tap. */
static inline struct minato_time carry_all(void *user, struct minato_time unused)
{
	struct minato_time next;

	(void)user;
	(void)unused;
	minato_advance(w.guest, now());
	for (int i = 0; i < 8; i++)
		if (carry(w.host, w.guest) + carry(w.guest, w.host) == 0)
			break;
	next = minato_deadline(w.host);
	if (minato_deadline(w.guest).ns < next.ns)
		next = minato_deadline(w.guest);
	next.ns -= next.ns == MINATO_NEVER.ns ? 0 : w.skew_ns;
	return next;
}

static inline struct minato_time pump(void *user, struct minato_time unused)
{
	struct minato_time next = relay_pump(user, now());

	(void)unused;
	next.ns -= next.ns == MINATO_NEVER.ns ? 0 : w.skew_ns;
	return next;
}

/* ---- set-up and teardown of a case ---- */

static inline void fill_subnet(struct drive_subnet *s)
{
	assert_int_equal(drive_subnet_parse(s, "10.0.2.0/24", NULL), 0);
	assert_int_equal(drive_subnet_parse(s, "fd00::/64", NULL), 0);
}

static inline int begin_with(bool host_loopback, const char *resolv_path)
{
	struct relay_config c = { 0 };

	if (!have_netns)
		return 0;
	memset(&w, 0, sizeof(w));
	fill_subnet(&w.subnet);
	make_hosts();
	assert_int_equal(drive_loop_new(&w.loop), 0);
	c.host = w.host;
	c.loop = w.loop;
	c.subnet = w.subnet;
	c.inside = INSIDE;
	c.outside = OUTSIDE;
	c.host_loopback = host_loopback;
	c.resolv_path = resolv_path ? resolv_path : "/nonexistent";
	c.allows = fixture_allows;
	c.attempt = fixture_attempt;
	c.ask = fixture_ask;
	c.ask_names = fixture_ask;
	c.identify = fixture_identify;
	c.identify_all = fixture_identify_all;
	c.roll = fixture_roll;
	c.caller = fixture_caller;
	assert_int_equal(relay_create(&w.relay, &c, NULL), 0);
	assert_int_equal(drive_loop_hook(w.loop, pump, w.relay), 0);
	assert_int_equal(drive_loop_hook(w.loop, carry_all, NULL), 0);
	return 0;
}

static inline int begin(void **state)
{
	(void)state;
	return begin_with(false, NULL);
}

static inline int begin_open(void **state)
{
	(void)state;
	return begin_with(true, NULL);
}

static inline int finish(void **state)
{
	(void)state;
	if (!have_netns)
		return 0;
	relay_free(w.relay);
	relay_publish_free(&w.list);
	drive_loop_free(w.loop);
	end_host(w.host, w.host_size);
	end_host(w.guest, w.guest_size);
	return 0;
}

#define NEED_NETNS()                                                                               \
	do {                                                                                       \
		(void)state;                                                                       \
		if (!have_netns)                                                                   \
			skip();                                                                    \
	} while (0)

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, finish)
#define CASE_OPEN(f) cmocka_unit_test_setup_teardown(f, begin_open, finish)

/* ---- time ---- */

static inline void turn(void)
{
	struct minato_time soon = drive_now();

	soon.ns += 2000000;
	assert_true(drive_loop_turn(w.loop, soon) >= 0);
}

/* Turns until the condition holds; fails after a while. */
#define UNTIL(condition)                                                                           \
	do {                                                                                       \
		int64_t until_ns = drive_now().ns + PATIENCE_NS;                                   \
		while (!(condition)) {                                                             \
			if (drive_now().ns > until_ns)                                             \
				fail_msg("in vain: %s", #condition);                               \
			turn();                                                                    \
		}                                                                                  \
	} while (0)

static inline void turns(int count)
{
	while (count-- > 0)
		turn();
}

/* ---- sockets of the guest ---- */

static inline uint64_t guest_socket(enum minato_proto proto)
{
	uint64_t s;

	assert_int_equal(minato_socket(w.guest, proto, 0, &s), 0);
	return s;
}

static inline uint64_t guest_connect(const char *text, uint16_t port)
{
	uint64_t s = guest_socket(MINATO_TCP);
	struct minato_endpoint peer = end(text, port);

	assert_int_equal(minato_connect(w.guest, s, &peer), -EINPROGRESS);
	return s;
}

static inline uint64_t guest_listen(uint16_t port)
{
	uint64_t s = guest_socket(MINATO_TCP);
	struct minato_endpoint local = { .port = port };

	assert_int_equal(minato_bind(w.guest, s, &local), 0);
	assert_int_equal(minato_listen(w.guest, s, 128), 0);
	return s;
}

static inline uint32_t guest_ready(uint64_t s)
{
	int ready = minato_ready(w.guest, s, NULL);

	assert_true(ready >= 0);
	return (uint32_t)ready;
}

/* ---- sockets of the host ---- */

static inline int host_socket(int type, const char *text, uint16_t port)
{
	struct minato_endpoint local = end(text, port);
	struct sockaddr_storage name = { 0 };
	socklen_t len = drive_endpoint_to(&name, &local);
	int fd = socket(name.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 128), 0);
	return fd;
}

static inline uint16_t port_of(int fd)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	struct minato_endpoint e;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	assert_true(drive_endpoint_from(&e, (struct sockaddr *)&name));
	return e.port;
}

/* Connects from an address of the host, without waiting. */
static inline int host_connect(int type, const char *from, const char *to, uint16_t port)
{
	struct minato_endpoint local = end(from, 0);
	struct minato_endpoint peer = end(to, port);
	struct sockaddr_storage name = { 0 };
	socklen_t len = drive_endpoint_to(&name, &local);
	int fd = socket(name.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
	len = drive_endpoint_to(&name, &peer);
	if (connect(fd, (struct sockaddr *)&name, len) < 0 && errno != EINPROGRESS)
		fail_msg("connect: %s", strerror(errno));
	return fd;
}

/* Waits for a connection at the listener. */
static inline int host_accept(int listener)
{
	int fd = -1;

	UNTIL((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
	return fd;
}

/* A connection from the guest to a listener of the host. */
static inline uint64_t join(int listener, const char *text, int *far)
{
	uint64_t s = guest_connect(text, port_of(listener));

	*far = host_accept(listener);
	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	return s;
}

/* What recv says in the end: a count, 0 for the end, or -errno. */
static inline ssize_t host_recv(int fd, void *data, size_t len)
{
	int64_t limit = drive_now().ns + PATIENCE_NS;
	ssize_t got;

	while ((got = recv(fd, data, len, MSG_DONTWAIT)) < 0 && errno == EAGAIN) {
		if (drive_now().ns > limit)
			fail_msg("nothing comes to the host's socket");
		turn();
	}
	return got < 0 ? -errno : got;
}

static inline int64_t guest_recv(uint64_t s, void *data, size_t len)
{
	int64_t limit = drive_now().ns + PATIENCE_NS;
	int64_t got;

	while ((got = minato_recv(w.guest, s, data, len, 0)) == -EAGAIN) {
		if (drive_now().ns > limit)
			fail_msg("nothing comes to the guest's socket");
		turn();
	}
	return got;
}

static inline void guest_hears(uint64_t s, const char *text)
{
	char data[256];
	size_t len = 0;

	while (len < strlen(text)) {
		int64_t got = guest_recv(s, data + len, sizeof(data) - len);

		assert_true(got > 0);
		len += (size_t)got;
	}
	assert_int_equal(len, strlen(text));
	assert_memory_equal(data, text, len);
}

static inline void host_hears(int fd, const char *text)
{
	char data[256];
	size_t len = 0;

	while (len < strlen(text)) {
		ssize_t got = host_recv(fd, data + len, sizeof(data) - len);

		assert_true(got > 0);
		len += (size_t)got;
	}
	assert_int_equal(len, strlen(text));
	assert_memory_equal(data, text, len);
}

static inline void guest_says(uint64_t s, const char *text)
{
	assert_int_equal(minato_send(w.guest, s, text, strlen(text), 0), strlen(text));
}

static inline void host_says(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static inline uint64_t count_of(enum relay_counter counter)
{
	return relay_counter(w.relay, counter);
}

#endif
