/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames by a packet socket, 64 in a call, each from or to another address. */
#include "bench/bytes.h"
#include "flood.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define BATCH 64u
#define IP_AT 14u
#define L4_AT 34u
#define FRAME 60u
#define FRAME_MAX 128u

static uint64_t state = 0x9e3779b97f4a7c15;

static uint64_t draw(void)
{
	uint64_t r = state += UINT64_C(0x9e3779b97f4a7c15);

	r = (r ^ r >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	r = (r ^ r >> 27) * UINT64_C(0x94d049bb133111eb);
	return r ^ r >> 31;
}

/* Where frames go, with what is found out about the wire. */
struct wire {
	struct flood_aim aim;
	uint8_t macs[12]; /* of who takes them, and ours */
};

static const struct wire *wire;

/* How this kernel calls: as clients and newcomers do, which are its own. */
static struct {
	uint8_t bytes[FRAME_MAX];
	uint32_t len, times; /* the frame's; where its timestamp is, or 0 */
} call;

static uint32_t draw_source(void)
{
	return wire->aim.source | ((uint32_t)draw() & (wire->aim.sources - 1));
}

/* In each /16 of the /12 newcomers have the lower half. */
static uint32_t draw_amid(void)
{
	return wire->aim.amid | ((uint32_t)draw() & 0xf7fff);
}

static void put_ip(uint8_t *f, uint8_t proto, uint32_t payload, uint32_t fragment)
{
	const struct flood_aim *aim = &wire->aim;
	uint8_t *ip = f + IP_AT;

	memset(f, 0, FRAME);
	memcpy(f, wire->macs, 12);
	put16(f + 12, ETH_P_IP);
	ip[0] = 0x45;
	put16(ip + 2, 20 + payload);
	put16(ip + 4, (uint32_t)draw());
	put16(ip + 6, fragment);
	ip[8] = 64;
	ip[9] = proto;
	put32(ip + 12, draw_source());
	put32(ip + 16, aim->destination | ((uint32_t)draw() & (aim->destinations - 1)));
	put16(ip + 10, sum(ip, 20, 0) ^ 0xffff);
}

static void put_tcp(uint8_t *f, uint8_t flags)
{
	uint8_t *tcp = f + L4_AT;

	put_ip(f, 6, 24, 0);
	put16(tcp, 1024 + (uint32_t)draw() % 60000);
	put16(tcp + 2, FLOOD_PORT);
	put32(tcp + 4, (uint32_t)draw());
	if (flags & 0x10)
		put32(tcp + 8, (uint32_t)draw());
	tcp[12] = 0x60;
	tcp[13] = flags;
	put16(tcp + 14, 64240);
	put32(tcp + 20, flags & 2 ? 0x020405b4 : 0x01010101);
	put16(tcp + 16, sum(f + IP_AT + 12, 8 + 24, 6 + 24) ^ 0xffff);
}

static void put_call(uint8_t *f, uint32_t source)
{
	const uint32_t segment = call.len - L4_AT;
	uint8_t *ip = f + IP_AT, *tcp = f + L4_AT;

	memcpy(f, call.bytes, call.len);
	put16(ip + 4, (uint32_t)draw());
	put16(ip + 10, 0);
	put32(ip + 12, source);
	put16(ip + 10, sum(ip, 20, 0) ^ 0xffff);
	put16(tcp, 1024 + (uint32_t)draw() % 60000);
	put32(tcp + 4, (uint32_t)draw());
	if (call.times)
		put32(f + call.times, (uint32_t)draw());
	put16(tcp + 16, 0);
	put16(tcp + 16, sum(ip + 12, 8 + segment, 6 + segment) ^ 0xffff);
}

/* How long it is. */
static uint32_t make(enum flood kind, uint8_t *f)
{
	uint8_t *l4 = f + L4_AT;

	switch (kind) {
	case FLOOD_SYN:
		put_tcp(f, 0x02);
		break;
	case FLOOD_SYN_ALIKE:
		put_call(f, draw_source());
		return call.len;
	case FLOOD_SYN_AMID:
		put_call(f, draw_amid());
		return call.len;
	case FLOOD_ACK:
		put_tcp(f, 0x10);
		break;
	case FLOOD_RST:
		put_tcp(f, 0x04);
		break;
	case FLOOD_UDP:
		put_ip(f, 17, 18, 0);
		put32(l4, (uint32_t)draw());
		if (wire->aim.fixed)
			put16(l4 + 2, FLOOD_PORT);
		put16(l4 + 4, 18);
		break;
	case FLOOD_ICMP:
		put_ip(f, 1, 16, 0);
		l4[0] = 8;
		put32(l4 + 4, (uint32_t)draw());
		put16(l4 + 2, sum(l4, 16, 0) ^ 0xffff);
		break;
	case FLOOD_FRAGMENT: /* first ones of datagrams that never become whole */
		put_ip(f, 17, 24, 0x2000);
		put32(l4, (uint32_t)draw());
		put16(l4 + 4, 1400);
		break;
	case FLOOD_CONNECT:
	case FLOOD_NONE:
	case FLOODS:
		break;
	}
	return FRAME;
}

static void insist(bool well, const char *what)
{
	if (well)
		return;
	say("flood: %s: %s", what, strerror(errno));
	_exit(1);
}

/* Of the interface's own, or of its default route: those of a guest are not known beforehand. */
static void find_addresses(struct flood_aim *aim)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq own = { .ifr_addr.sa_family = AF_INET };
	char line[256], name[16];
	unsigned to, via;
	FILE *routes = fopen("/proc/net/route", "re");
	struct sockaddr_in address;

	if (aim->source == 0) {
		strcpy(own.ifr_name, aim->ifname);
		insist(ioctl(fd, SIOCGIFADDR, &own) == 0, aim->ifname);
		memcpy(&address, &own.ifr_addr, sizeof(address));
		aim->source = ntohl(address.sin_addr.s_addr);
	}
	while (aim->via == 0 && routes && fgets(line, sizeof(line), routes))
		if (sscanf(line, "%15s %x %x", name, &to, &via) == 3 && to == 0)
			aim->via = ntohl(via);
	insist(aim->via != 0, "no route");
	close(fd);
	fclose(routes);
}

/* Has the kernel ask for it. */
static void find_neighbour(const struct flood_aim *aim, uint8_t mac[6])
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(9),
					.sin_addr = { htonl(aim->via) } };
	struct arpreq ask = { 0 };
	int tries = 0;

	memcpy(&ask.arp_pa, &to, sizeof(to));
	strcpy(ask.arp_dev, aim->ifname);
	do {
		(void)!sendto(fd, "", 1, 0, (const struct sockaddr *)&to, sizeof(to));
		usleep(20000);
	} while (++tries < 50 && (ioctl(fd, SIOCGARP, &ask) < 0 || !(ask.arp_flags & ATF_COM)));
	insist(ask.arp_flags & ATF_COM, "no neighbour");
	memcpy(mac, ask.arp_ha.sa_data, 6);
	close(fd);
}

static int open_wire(struct wire *w)
{
	const int one = 1;
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	struct ifreq own = { 0 };

	find_addresses(&w->aim);
	find_neighbour(&w->aim, w->macs);
	strcpy(own.ifr_name, w->aim.ifname);
	insist(fd >= 0 && ioctl(fd, SIOCGIFHWADDR, &own) == 0, "packet socket");
	memcpy(w->macs + 6, own.ifr_hwaddr.sa_data, 6);
	to.sll_ifindex = (int)if_nametoindex(w->aim.ifname);
	/* Nothing is to be received. */
	insist(bind(fd, (const struct sockaddr *)&to, sizeof(to)) == 0, "packet socket");
	(void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	return fd;
}

static void find_times(void)
{
	const uint32_t end = L4_AT + (call.bytes[L4_AT + 12] >> 4) * 4u;

	for (uint32_t at = L4_AT + 20; at + 10 <= end && at + 10 <= call.len;) {
		const uint8_t *option = call.bytes + at;

		if (option[0] == 8)
			call.times = at + 2;
		at += option[0] < 2 || option[1] == 0 ? 1 : option[1];
	}
}

static bool is_call(const struct flood_aim *aim, ssize_t len)
{
	const uint8_t *ip = call.bytes + IP_AT;

	return len >= (ssize_t)L4_AT + 20 && get16(call.bytes + 12) == ETH_P_IP && ip[0] == 0x45 &&
	       ip[9] == 6 && get32(ip + 16) == aim->destination &&
	       get16(call.bytes + L4_AT + 2) == FLOOD_PORT && call.bytes[L4_AT + 13] == 2;
}

/* Has the kernel call, and looks at what it sends. */
static void learn_call(const struct flood_aim *aim)
{
	const int heard = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	const int caller = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(FLOOD_PORT),
					.sin_addr = { htonl(aim->destination) } };
	const struct linger none = { 1, 0 };
	struct pollfd wanted = { heard, POLLIN, 0 };
	ssize_t len = 0;

	insist(heard >= 0 && caller >= 0, "sockets");
	(void)connect(caller, (const struct sockaddr *)&to, sizeof(to));
	while (!is_call(aim, len)) {
		insist(poll(&wanted, 1, 1000) == 1, "no call");
		len = recv(heard, call.bytes, sizeof(call.bytes), 0);
	}
	call.len = (uint32_t)len;
	find_times();
	(void)setsockopt(caller, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(caller);
	close(heard);
}

_Noreturn void flood_send(enum flood kind, const struct flood_aim *aim, volatile uint64_t *sent)
{
	static uint8_t frames[BATCH][FRAME_MAX];
	static struct wire own;
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	int fd;

	own.aim = *aim;
	fd = open_wire(&own);
	wire = &own;
	if (kind == FLOOD_SYN_ALIKE || kind == FLOOD_SYN_AMID)
		learn_call(&own.aim);
	memset(messages, 0, sizeof(messages));
	for (uint32_t i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ frames[i], FRAME };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (;;) {
		int count = 0;

		for (uint32_t i = 0; i < BATCH; i++)
			parts[i].iov_len =
				make(kind == FLOOD_NONE ? FLOOD_SYN : kind, frames[i]);
		if (kind != FLOOD_NONE)
			count = sendmmsg(fd, messages, BATCH, 0);
		if (count > 0)
			*sent += (uint64_t)count;
	}
}
