/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A filter at a tap: the kernel drops frames of the guest where it sends them, in the guest's own
 * time, before they are queued (TUNATTACHFILTER). Let through are what is for one of the addresses,
 * what the link itself needs, and by chance as much of the rest as is wanted: of what begins a
 * flow by one chance, of what is of none by another.
 */
#include "drive/drive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/ioctl.h>

#define PASSES 0x40000u /* more than any frame has */
#define DROPPED 0u
#define STEPS_MAX 1024u
#define TCP_SYN_ACK 0x12u
#define TCP_SYN 0x02u
/* Where things are in a frame. */
#define TYPE 12u
#define HEAD 14u
#define HEAD6 40u
#define FLAGS 13u /* in the header of TCP */
#define CUT 0x3fffu /* in IPv4's flags: more of it comes, or comes before */

struct writer {
	struct sock_filter steps[STEPS_MAX];
	uint16_t count;
};

static void put(struct writer *w, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	if (w->count < STEPS_MAX)
		w->steps[w->count++] = (struct sock_filter){ code, yes, no, k };
}

static void put_return(struct writer *w, uint32_t k)
{
	put(w, BPF_RET | BPF_K, k, 0, 0);
}

/* A jump of any length, to where `land` is called next. */
static uint16_t put_leap(struct writer *w)
{
	put(w, BPF_JMP | BPF_JA, 0, 0, 0);
	return (uint16_t)(w->count - 1u);
}

static void land(struct writer *w, uint16_t leap)
{
	if (w->count < STEPS_MAX)
		w->steps[leap].k = w->count - leap - 1u;
}

static uint32_t word_of(const struct minato_addr *addr, size_t at)
{
	uint32_t word;

	memcpy(&word, addr->bytes + at, sizeof(word));
	return ntohl(word);
}

/* Passes what is for one of them. */
static void put_known(struct writer *w, const struct drive_sieve *sieve, bool four)
{
	const uint8_t words = four ? 1 : 4;
	const uint32_t where = HEAD + (four ? 16u : 24u);

	for (size_t i = 0; i < sieve->count; i++) {
		const struct minato_addr *addr = &sieve->known[i];

		if (minato_addr_is4(addr) != four)
			continue;
		/* Those of a network differ in the last word. */
		for (uint8_t k = words; k-- > 0;) {
			put(w, BPF_LD | BPF_W | BPF_ABS, where + 4u * k, 0, 0);
			put(w, BPF_JMP | BPF_JEQ | BPF_K, word_of(addr, (four ? 12u : 0u) + 4u * k),
			    0, (uint8_t)(2 * k + 1));
		}
		put_return(w, PASSES);
	}
}

/* Without neighbour discovery and DHCP there is no link: to a group, of the link, to everybody. */
static void put_of_the_link(struct writer *w, bool four)
{
	put(w, BPF_LD | BPF_W | BPF_ABS, HEAD + (four ? 16u : 24u), 0, 0);
	if (four) {
		put(w, BPF_JMP | BPF_JEQ | BPF_K, INADDR_BROADCAST, 0, 1);
	} else {
		put(w, BPF_JMP | BPF_JGE | BPF_K, 0xff000000, 2, 0);
		put(w, BPF_ALU | BPF_AND | BPF_K, 0xffc00000, 0, 0);
		put(w, BPF_JMP | BPF_JEQ | BPF_K, 0xfe800000, 0, 1);
	}
	put_return(w, PASSES);
}

/* Of what is left, so much. */
static void put_chance(struct writer *w, uint32_t chance)
{
	put(w, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM), 0, 0);
	put(w, BPF_JMP | BPF_JGT | BPF_K, chance, 0, 1);
	put_return(w, DROPPED);
	put_return(w, PASSES);
}

/* A is the protocol: leaps where it is this one and, of it, what begins a flow. */
static void put_opener(struct writer *w, bool four, uint8_t proto, uint32_t at, uint8_t mask,
		       uint8_t value, uint16_t *leap)
{
	uint16_t other;

	put(w, BPF_JMP | BPF_JEQ | BPF_K, proto, 1, 0);
	other = put_leap(w);
	if (mask) {
		put(w, BPF_LD | BPF_B | (four ? BPF_IND : BPF_ABS),
		    HEAD + at + (four ? 0u : HEAD6), 0, 0);
		put(w, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
		put(w, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	}
	*leap = put_leap(w);
	/* Else it is of something that stands, or of nothing. */
	if (mask)
		put(w, BPF_LD | BPF_IMM, 0, 0, 0);
	land(w, other);
}

/* The part of a family; what is of another one jumps over it. */
static void put_family(struct writer *w, const struct drive_sieve *sieve, bool four)
{
	const uint32_t less = sieve->chance < sieve->strays ? sieve->chance : sieve->strays;
	uint16_t over, tcp, udp, icmp, cut = 0;

	put(w, BPF_LD | BPF_H | BPF_ABS, TYPE, 0, 0);
	put(w, BPF_JMP | BPF_JEQ | BPF_K, four ? ETH_P_IP : ETH_P_IPV6, 1, 0);
	over = put_leap(w);
	put_of_the_link(w, four);
	put_known(w, sieve, four);
	if (four) {
		put(w, BPF_LD | BPF_H | BPF_ABS, HEAD + 6u, 0, 0);
		put(w, BPF_JMP | BPF_JSET | BPF_K, CUT, 0, 1);
		cut = put_leap(w);
		put(w, BPF_LDX | BPF_B | BPF_MSH, HEAD, 0, 0);
	}
	put(w, BPF_LD | BPF_B | BPF_ABS, HEAD + (four ? 9u : 6u), 0, 0);
	put_opener(w, four, IPPROTO_TCP, FLAGS, TCP_SYN_ACK, TCP_SYN, &tcp);
	put_opener(w, four, IPPROTO_UDP, 0, 0, 0, &udp);
	put_opener(w, four, four ? IPPROTO_ICMP : IPPROTO_ICMPV6, 0, 0xff,
		   four ? ICMP_ECHO : ICMP6_ECHO_REQUEST, &icmp);
	/* A is the protocol, or nothing where it was looked into. */
	if (!four) {
		put(w, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_FRAGMENT, 0, 1);
		cut = put_leap(w);
	}
	put_chance(w, sieve->strays);
	land(w, tcp);
	land(w, udp);
	land(w, icmp);
	put_chance(w, sieve->chance);
	/* Pieces may be of either. */
	land(w, cut);
	put_chance(w, less);
	land(w, over);
}

/* unsealed: ioctl */
int drive_sieve_set(int tap, const struct drive_sieve *sieve)
{
	struct writer w = { .count = 0 };
	struct sock_fprog program = { 0, w.steps };

	if (sieve->count > DRIVE_SIEVE_KNOWN)
		return -EINVAL;
	put_family(&w, sieve, true);
	put_family(&w, sieve, false);
	put_return(&w, PASSES);
	program.len = w.count;
	return ioctl(tap, TUNATTACHFILTER, &program) < 0 ? -errno : 0;
}

/* unsealed: ioctl */
void drive_sieve_clear(int tap)
{
	struct sock_fprog none = { 0, NULL };

	(void)ioctl(tap, TUNDETACHFILTER, &none);
}
