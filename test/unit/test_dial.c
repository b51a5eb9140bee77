/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's calls: answered as the far side answers, and refused at the host's inner side. */
#include "relay_fixture.h"

#include <netinet/in.h>

#include <sys/resource.h>

static void reaches(const char *text)
{
	int listener = host_socket(SOCK_STREAM, text, 0);
	int far;
	uint64_t s = join(listener, text, &far);
	struct minato_endpoint peer;

	assert_int_equal(minato_peer(w.guest, s, &peer), 0);
	guest_says(s, "hello");
	host_hears(far, "hello");
	host_says(far, "good day");
	guest_hears(s, "good day");
	assert_int_equal(count_of(RELAY_COUNT_TCP_OUT), 1);
	close(far);
	close(listener);
}

static void reaches_ipv4(void **state)
{
	NEED_NETNS();
	reaches("192.0.2.1");
}

static void reaches_ipv6(void **state)
{
	NEED_NETNS();
	reaches("2001:db8::1");
}

static int error_of(uint64_t s)
{
	UNTIL(guest_ready(s) & MINATO_ERROR);
	return minato_error(w.guest, s);
}

static void refused_is_refused(void **state)
{
	NEED_NETNS();
	assert_int_equal(error_of(guest_connect("192.0.2.1", 9)), ECONNREFUSED);
	assert_int_equal(count_of(RELAY_COUNT_TCP_OUT_REFUSED), 1);
}

static void refused_is_refused_ipv6(void **state)
{
	NEED_NETNS();
	assert_int_equal(error_of(guest_connect("2001:db8::1", 9)), ECONNREFUSED);
}

/* The guest is told by this ICMP error, and by no reset. */
static void unreachable(const char *text, uint8_t type, uint8_t code)
{
	uint32_t before = w.icmp_count;

	guest_connect(text, 80);
	UNTIL(w.icmp_count > before);
	assert_int_equal(w.icmp_type, type);
	assert_int_equal(w.icmp_code, code);
	assert_int_equal(w.rst_count, 0);
	assert_int_equal(w.relay->lanes.count, 0);
}

static void unreachable_is_unreachable(void **state)
{
	NEED_NETNS();
	unreachable("198.51.100.1", 3, 0);
	assert_int_equal(count_of(RELAY_COUNT_TCP_OUT_FAILED), 1);
}

static void unreachable_is_unreachable_ipv6(void **state)
{
	NEED_NETNS();
	unreachable("2001:db8:1::1", 1, 0);
}

static void absent_neighbour_is_unreachable(void **state)
{
	NEED_NETNS();
	unreachable("10.0.2.50", 3, 1);
	unreachable("fd00::50", 1, 3);
}

static void gateway_is_closed(void **state)
{
	int listener;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "127.0.0.1", 0);
	assert_int_equal(error_of(guest_connect("10.0.2.2", port_of(listener))), ECONNREFUSED);
	close(listener);
}

static void gateway_is_closed_ipv6(void **state)
{
	int listener;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "::1", 0);
	assert_int_equal(error_of(guest_connect("fd00::2", port_of(listener))), ECONNREFUSED);
	close(listener);
}

static void open_gateway_leads_to_loopback(void **state)
{
	int listener;
	int far;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "127.0.0.1", 0);
	guest_says(join(listener, "10.0.2.2", &far), "inside");
	host_hears(far, "inside");
	close(far);
	close(listener);
}

static void open_gateway_leads_to_loopback_ipv6(void **state)
{
	int listener;
	int far;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "::1", 0);
	guest_says(join(listener, "fd00::2", &far), "inside");
	host_hears(far, "inside");
	close(far);
	close(listener);
}

static void dns_address_has_no_other_port(void **state)
{
	NEED_NETNS();
	assert_int_equal(error_of(guest_connect("10.0.2.3", 80)), ECONNREFUSED);
	assert_int_equal(error_of(guest_connect("fd00::3", 853)), ECONNREFUSED);
}

static void call_taken_back_leaves_nothing(void **state)
{
	uint64_t s;
	int listener;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 0);
	s = guest_connect("192.0.2.1", port_of(listener));
	assert_int_equal(minato_abort(w.guest, s), 0);
	turns(10);
	assert_int_equal(w.relay->lanes.count, 0);
	close(listener);
}

static void many_at_once(void **state)
{
	enum { COUNT = 200 };
	uint64_t s[COUNT];
	int far[COUNT];
	int listener;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 0);
	assert_int_equal(listen(listener, COUNT), 0);
	for (int i = 0; i < COUNT; i++)
		s[i] = guest_connect("192.0.2.1", port_of(listener));
	for (int i = 0; i < COUNT; i++)
		far[i] = host_accept(listener);
	for (int i = 0; i < COUNT; i++) {
		UNTIL(guest_ready(s[i]) & MINATO_CONNECTED);
		guest_says(s[i], "x");
		assert_int_equal(minato_close(w.guest, s[i]), 0);
	}
	for (int i = 0; i < COUNT; i++) {
		host_hears(far[i], "x");
		close(far[i]);
	}
	UNTIL(w.relay->lanes.count == 0);
	close(listener);
}

static void about_tells_the_outside_port(void **state)
{
	struct relay_about about;
	struct minato_row row;
	uint64_t cursor = 0;
	bool found = false;
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	struct minato_endpoint peer;
	int listener;
	int far;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 0);
	guest_says(join(listener, "192.0.2.1", &far), "12345");
	host_hears(far, "12345");
	assert_int_equal(getpeername(far, (struct sockaddr *)&name, &len), 0);
	drive_endpoint_from(&peer, (struct sockaddr *)&name);
	while (minato_row(w.host, &cursor, &row)) {
		if (!relay_about(w.relay, row.user, &about) || about.what != RELAY_WHAT_OUT)
			continue;
		found = true;
		assert_int_equal(about.near.port, peer.port);
		assert_int_equal(about.far.port, port_of(listener));
		assert_int_equal(about.bytes_out, 5);
	}
	assert_true(found);
	close(far);
	close(listener);
}

/* ---- descriptors ---- */

/* No descriptor more than are in use now, until the limit is given back. */
static struct rlimit starve(void)
{
	struct rlimit limit;
	struct rlimit small;
	int next = dup(0);

	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	small = limit;
	small.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
	return limit;
}

static void without_descriptors_a_call_is_rejected(void **state)
{
	struct rlimit limit;

	NEED_NETNS();
	limit = starve();
	guest_connect("192.0.2.1", 80);
	for (int i = 0; i < 100 && !w.icmp_count; i++)
		turn();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(w.icmp_type, 3);
	assert_int_equal(w.icmp_code, 1);
	assert_int_equal(count_of(RELAY_COUNT_NO_DESCRIPTOR), 1);
	assert_int_equal(w.relay->lanes.count, 0);
}

static void the_oldest_endpoint_gives_way_to_a_call(void **state)
{
	struct minato_endpoint local;
	struct minato_datagram to;
	struct rlimit limit;
	uint64_t s;
	int listener;

	NEED_NETNS();
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 0);
	s = guest_socket(MINATO_UDP);
	local = end("10.0.2.100", 5000);
	assert_int_equal(minato_bind(w.guest, s, &local), 0);
	to = (struct minato_datagram){ .remote = end("192.0.2.1", 9999) };
	assert_int_equal(minato_send_datagram(w.guest, s, &to, "x", 1), 1);
	UNTIL(w.relay->endpoints.count == 1);
	limit = starve();
	s = guest_connect("192.0.2.1", port_of(listener));
	for (int i = 0; i < 100 && !(guest_ready(s) & MINATO_CONNECTED); i++)
		turn();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(guest_ready(s) & MINATO_CONNECTED);
	assert_int_equal(count_of(RELAY_COUNT_UDP_EVICTED), 1);
	assert_int_equal(w.relay->endpoints.count, 0);
	close(listener);
}

/* ---- frames that really carry destinations no host would send ---- */

static void put_sum(uint8_t *at, uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

static uint32_t sum_of(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	return sum;
}

/* A SYN or an empty datagram from the guest; the transport's length. */
static size_t transport(uint8_t *at, uint8_t proto, uint32_t pseudo)
{
	size_t len = proto == MINATO_TCP ? 20 : 8;

	memset(at, 0, len);
	at[0] = 0x9c; /* 40000 */
	at[1] = 0x40;
	at[3] = 80;
	if (proto == MINATO_TCP) {
		at[12] = 0x50;
		at[13] = 2;
		at[14] = 0xff;
	} else {
		at[5] = 8;
	}
	pseudo += (uint32_t)(proto + len) + sum_of(at, len);
	put_sum(at + (proto == MINATO_TCP ? 16 : 6), pseudo);
	return len;
}

static void inject(const struct minato_addr *to, uint8_t proto, bool as_ipv6)
{
	uint8_t p[60] = { 0 };
	struct minato_frame frame = { .data = p, .chunk = MINATO_CHUNK_NONE };

	if (!as_ipv6) {
		p[0] = 0x45;
		p[8] = 64;
		p[9] = proto;
		memcpy(p + 12, w.subnet.guest4.bytes + 12, 4);
		memcpy(p + 16, to->bytes + 12, 4);
		frame.len = 20 + (uint32_t)transport(p + 20, proto, sum_of(p + 12, 8));
		p[3] = (uint8_t)frame.len;
		put_sum(p + 10, sum_of(p, 20));
	} else {
		p[0] = 0x60;
		p[6] = proto;
		p[7] = 64;
		memcpy(p + 8, w.subnet.guest6.bytes, 16);
		memcpy(p + 24, to->bytes, 16);
		frame.len = 40 + (uint32_t)transport(p + 40, proto, sum_of(p + 8, 32));
		p[5] = (uint8_t)(frame.len - 40);
	}
	minato_input(w.host, now(), &frame, 1);
	turns(3);
}

/* Neither a flow nor a descriptor comes of it, whatever is said about it. */
static void is_closed(const char *text, bool as_ipv6)
{
	struct minato_addr to = addr(text);

	inject(&to, MINATO_TCP, as_ipv6);
	inject(&to, MINATO_UDP, as_ipv6);
	assert_int_equal(w.relay->lanes.count, 0);
	assert_int_equal(count_of(RELAY_COUNT_TCP_OUT), 0);
	assert_int_equal(count_of(RELAY_COUNT_UDP_OUT), 0);
}

static void refused_aloud(const char *text, bool as_ipv6)
{
	uint32_t icmp = w.icmp_count;
	uint32_t rst = w.rst_count;

	is_closed(text, as_ipv6);
	assert_int_equal(w.rst_count, rst + 1);
	assert_int_equal(w.icmp_count, icmp + 1);
}

static void a_frame_that_is_sound_gets_through(void **state)
{
	struct minato_addr to = addr("192.0.2.1");

	NEED_NETNS();
	inject(&to, MINATO_UDP, false);
	assert_int_equal(count_of(RELAY_COUNT_UDP_OUT), 1);
	inject(&to, MINATO_TCP, false);
	assert_int_equal(count_of(RELAY_COUNT_TCP_OUT), 1);
	to = addr("2001:db8::1");
	inject(&to, MINATO_UDP, true);
	assert_int_equal(count_of(RELAY_COUNT_UDP_OUT), 2);
	inject(&to, MINATO_TCP, true);
	assert_int_equal(count_of(RELAY_COUNT_TCP_OUT), 2);
}

static void loopback4_is_closed(void **state)
{
	NEED_NETNS();
	is_closed("127.0.0.1", false);
	is_closed("127.0.0.53", false);
	is_closed("127.255.255.255", false);
}

static void loopback6_is_closed(void **state)
{
	NEED_NETNS();
	is_closed("::1", true);
}

static void any4_is_closed(void **state)
{
	NEED_NETNS();
	is_closed("0.0.0.0", false);
	is_closed("0.0.0.1", false);
}

static void any6_is_closed(void **state)
{
	NEED_NETNS();
	is_closed("::", true);
}

static void broadcast_is_closed(void **state)
{
	NEED_NETNS();
	is_closed("255.255.255.255", false);
	is_closed("10.0.2.255", false);
	is_closed("10.0.2.0", false);
}

static void mapped_is_closed(void **state)
{
	NEED_NETNS();
	is_closed("::ffff:127.0.0.1", true);
	is_closed("::ffff:0.0.0.0", true);
	is_closed("::ffff:192.0.2.1", true);
}

static void compatible_is_closed(void **state)
{
	NEED_NETNS();
	is_closed("::127.0.0.1", true);
}

static void translated_is_closed(void **state)
{
	NEED_NETNS();
	is_closed("64:ff9b::127.0.0.1", true);
	is_closed("2002:7f00:1::", true);
}

/* The table itself says so, for whoever asks it. */
static void guarded(const char *text, uint16_t port, bool yes)
{
	struct minato_endpoint remote = { w.subnet.guest4, 40000 };
	struct minato_endpoint local = end(text, port);
	struct relay_about about;
	struct minato_fate fate;

	if (!minato_addr_is4(&local.addr))
		remote.addr = w.subnet.guest6;
	for (int i = 0; i < 2; i++) {
		minato_arrive(w.host, INSIDE, 0, i ? MINATO_TCP : MINATO_UDP, &remote, &local,
			      &fate);
		assert_int_equal(fate.kind == MINATO_KIND_GUARD, yes);
		if (!yes)
			continue;
		assert_int_equal(fate.verdict, MINATO_REFUSE);
		assert_true(relay_about(w.relay, fate.user, &about));
		assert_int_equal(about.what, RELAY_WHAT_GUARD);
	}
}

static void guards_stand_in_the_table(void **state)
{
	NEED_NETNS();
	guarded("127.0.0.1", 80, true);
	guarded("127.9.9.9", 80, true);
	guarded("0.0.0.0", 80, true);
	guarded("255.255.255.255", 80, true);
	guarded("10.0.2.255", 80, true);
	guarded("10.0.2.0", 80, true);
	guarded("10.0.2.2", 80, true);
	guarded("10.0.2.3", 52, true);
	guarded("10.0.2.3", 54, true);
	guarded("10.0.2.3", 53, false);
	guarded("::1", 80, true);
	guarded("::", 80, true);
	guarded("fd00::2", 80, true);
	guarded("fd00::3", 853, true);
	guarded("fd00::3", 53, false);
	guarded("192.0.2.1", 80, false);
	guarded("2001:db8::1", 80, false);
}

static void open_loopback_takes_the_gateways_guard_away(void **state)
{
	NEED_NETNS();
	guarded("10.0.2.2", 80, false);
	guarded("fd00::2", 80, false);
	guarded("127.0.0.1", 80, true);
}

static void gateway_refuses_aloud(void **state)
{
	NEED_NETNS();
	refused_aloud("10.0.2.2", false);
	refused_aloud("fd00::2", true);
}

static void open_loopback_opens_the_gateway_only(void **state)
{
	NEED_NETNS();
	is_closed("127.0.0.1", false);
	is_closed("::1", true);
	is_closed("0.0.0.0", false);
	is_closed("::", true);
	is_closed("::ffff:127.0.0.1", true);
}

/* Few hops and the traffic class of the guest's SYN are the host socket's too. */
static void header_of_the_syn(const char *far, uint16_t port, int level, int ttl, int tos)
{
	uint64_t s = guest_socket(MINATO_TCP);
	struct minato_endpoint peer = end(far, port);
	struct lane *f;
	socklen_t len = sizeof(int);
	int value = 0;

	assert_int_equal(minato_set(w.guest, s, MINATO_OPT_TTL, 9), 0);
	assert_int_equal(minato_set(w.guest, s, MINATO_OPT_TRAFFIC_CLASS, 0xb8 | 1), 0);
	assert_int_equal(minato_connect(w.guest, s, &peer), -EINPROGRESS);
	UNTIL(guest_ready(s) & MINATO_CONNECTED);
	f = &w.relay->lanes.blocks[0][0];
	assert_int_equal(f->kind, LANE_OUT);
	assert_int_equal(getsockopt(f->fd, level, ttl, &value, &len), 0);
	assert_int_equal(value, 8);
	assert_int_equal(getsockopt(f->fd, level, tos, &value, &len), 0);
	/* ECN is each connection's own. */
	assert_int_equal(value, 0xb8);
}

static void the_syn_keeps_its_header(void **state)
{
	int fd;

	NEED_NETNS();
	fd = host_socket(SOCK_STREAM, "192.0.2.1", 0);
	header_of_the_syn("192.0.2.1", port_of(fd), IPPROTO_IP, IP_TTL, IP_TOS);
	close(fd);
}

static void the_syn_keeps_its_header_ipv6(void **state)
{
	int fd;

	NEED_NETNS();
	fd = host_socket(SOCK_STREAM, "2001:db8::1", 0);
	header_of_the_syn("2001:db8::1", port_of(fd), IPPROTO_IPV6, IPV6_UNICAST_HOPS, IPV6_TCLASS);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_syn_keeps_its_header),
		CASE(the_syn_keeps_its_header_ipv6),
		CASE(reaches_ipv4),
		CASE(reaches_ipv6),
		CASE(refused_is_refused),
		CASE(refused_is_refused_ipv6),
		CASE(unreachable_is_unreachable),
		CASE(unreachable_is_unreachable_ipv6),
		CASE(absent_neighbour_is_unreachable),
		CASE(gateway_is_closed),
		CASE(gateway_is_closed_ipv6),
		CASE_OPEN(open_gateway_leads_to_loopback),
		CASE_OPEN(open_gateway_leads_to_loopback_ipv6),
		CASE(dns_address_has_no_other_port),
		CASE(call_taken_back_leaves_nothing),
		CASE(many_at_once),
		CASE(about_tells_the_outside_port),
		CASE(without_descriptors_a_call_is_rejected),
		CASE(the_oldest_endpoint_gives_way_to_a_call),
		CASE(a_frame_that_is_sound_gets_through),
		CASE(loopback4_is_closed),
		CASE(loopback6_is_closed),
		CASE(any4_is_closed),
		CASE(any6_is_closed),
		CASE(broadcast_is_closed),
		CASE(mapped_is_closed),
		CASE(compatible_is_closed),
		CASE(translated_is_closed),
		CASE(guards_stand_in_the_table),
		CASE_OPEN(open_loopback_takes_the_gateways_guard_away),
		CASE(gateway_refuses_aloud),
		CASE_OPEN(open_loopback_opens_the_gateway_only),
	};

	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
