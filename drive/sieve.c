/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A filter at a tap: the kernel drops frames of the guest where it sends them, in the guest's own
 * time, before they are queued (TUNATTACHFILTER). Let through are what stands (TCP but for SYNs),
 * what is for one of the addresses, and by chance as much of the rest as is wanted.
 */
#include "drive/drive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
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
#define FLAGS 13u /* in the header of TCP */

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

/* One in so many of what is left. */
static void put_chance(struct writer *w, const struct drive_sieve *sieve)
{
	put(w, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM), 0, 0);
	put(w, BPF_JMP | BPF_JGT | BPF_K, sieve->chance, 0, 1);
	put_return(w, DROPPED);
	put_return(w, PASSES);
}

/* The part of a family; what is of another one jumps over it. */
static void put_family(struct writer *w, const struct drive_sieve *sieve, bool four)
{
	uint16_t jump;

	put(w, BPF_LD | BPF_H | BPF_ABS, TYPE, 0, 0);
	put(w, BPF_JMP | BPF_JEQ | BPF_K, four ? ETH_P_IP : ETH_P_IPV6, 1, 0);
	jump = w->count;
	put(w, BPF_JMP | BPF_JA, 0, 0, 0);
	/* TCP: what stands passes, whatever its chance. */
	put(w, BPF_LD | BPF_B | BPF_ABS, HEAD + (four ? 9u : 6u), 0, 0);
	put(w, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, four ? 5 : 4);
	if (four)
		put(w, BPF_LDX | BPF_B | BPF_MSH, HEAD, 0, 0);
	put(w, BPF_LD | BPF_B | (four ? BPF_IND : BPF_ABS), HEAD + FLAGS + (four ? 0u : 40u), 0, 0);
	put(w, BPF_ALU | BPF_AND | BPF_K, TCP_SYN_ACK, 0, 0);
	put(w, BPF_JMP | BPF_JEQ | BPF_K, TCP_SYN, 1, 0);
	put_return(w, PASSES);
	put_known(w, sieve, four);
	put_chance(w, sieve);
	if (w->count < STEPS_MAX)
		w->steps[jump].k = w->count - jump - 1u;
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
