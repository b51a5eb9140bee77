/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames by a packet socket, 64 in a call, each from another address of 10.128.0.0/9. */
#include "bench/bytes.h"
#include "flood.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define BATCH 64u
#define IP_AT 14u
#define L4_AT 34u
#define FRAME 60u

static uint64_t state = 0x9e3779b97f4a7c15;

static uint64_t draw(void)
{
	uint64_t r = state += UINT64_C(0x9e3779b97f4a7c15);

	r = (r ^ r >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	r = (r ^ r >> 27) * UINT64_C(0x94d049bb133111eb);
	return r ^ r >> 31;
}

static void put_ip(uint8_t *f, uint8_t proto, uint32_t payload, uint32_t fragment)
{
	uint8_t *ip = f + IP_AT;

	memset(f, 0, FRAME);
	memcpy(f, "\x02\0\0\0\x09\x01\x02\0\0\0\x09\x02\x08\0", IP_AT);
	ip[0] = 0x45;
	put16(ip + 2, 20 + payload);
	put16(ip + 4, (uint32_t)draw());
	put16(ip + 6, fragment);
	ip[8] = 64;
	ip[9] = proto;
	put32(ip + 12, 0x0a800000 | ((uint32_t)draw() & 0x7fffff));
	put32(ip + 16, 0x0a090001);
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

static void make(enum flood kind, uint8_t *f)
{
	uint8_t *l4 = f + L4_AT;

	switch (kind) {
	case FLOOD_SYN:
		put_tcp(f, 0x02);
		break;
	case FLOOD_ACK:
		put_tcp(f, 0x10);
		break;
	case FLOOD_RST:
		put_tcp(f, 0x04);
		break;
	case FLOOD_UDP:
		put_ip(f, 17, 18, 0);
		put32(l4, (uint32_t)draw());
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
	case FLOOD_NONE:
	case FLOODS:
		break;
	}
}

static int open_wire(struct sockaddr_ll *to)
{
	const int one = 1;
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	*to = (struct sockaddr_ll){ .sll_family = AF_PACKET,
				    .sll_protocol = htons(ETH_P_IP),
				    .sll_ifindex = (int)if_nametoindex("c0") };
	(void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	if (fd < 0 || bind(fd, (const struct sockaddr *)to, sizeof(*to)) < 0) {
		say("packet socket: %s", strerror(errno));
		_exit(1);
	}
	return fd;
}

_Noreturn void flood_send(enum flood kind, volatile uint64_t *sent)
{
	static uint8_t frames[BATCH][FRAME];
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	struct sockaddr_ll to;
	const int fd = open_wire(&to);

	memset(messages, 0, sizeof(messages));
	for (uint32_t i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ frames[i], FRAME };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (;;) {
		int count = 0;

		for (uint32_t i = 0; i < BATCH; i++)
			make(kind == FLOOD_NONE ? FLOOD_SYN : kind, frames[i]);
		if (kind != FLOOD_NONE)
			count = sendmmsg(fd, messages, BATCH, 0);
		if (count > 0)
			*sent += (uint64_t)count;
	}
}
