/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace: scripts of timed segments, run against the public API on one host
 * value with a bare IP link, under a virtual clock. doc/trace.md tells the
 * language. The packet code here is the tests' own, so that a mistake in
 * lib/wire cannot hide itself.
 */
#ifndef TEST_TRACE_TRACE_H
#define TEST_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define F_FIN 0x01u
#define F_SYN 0x02u
#define F_RST 0x04u
#define F_PSH 0x08u
#define F_ACK 0x10u
#define F_URG 0x20u
#define F_ECE 0x40u
#define F_CWR 0x80u

#define OPTIONS_MAX 40

/* A TCP segment or ICMP error between the script's two hosts. */
struct pkt {
	bool is6;
	bool icmp;
	uint8_t icmp_type, icmp_code;
	uint32_t icmp_word;
	uint8_t tos, ttl;
	bool dont_fragment;
	uint8_t src[16], dst[16]; /* as on the wire, 4 or 16 bytes */
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window, urgent;
	uint8_t options[OPTIONS_MAX];
	uint32_t options_len;
	const uint8_t *payload;
	uint32_t len;
	/* of an ICMP error: the packet inside */
	uint32_t inner_seq;
	bool bad_checksum; /* building: spoil it */
};

size_t pkt_build(const struct pkt *p, uint8_t *out);
/* NULL, or what is wrong with it; verifies every checksum. */
const char *pkt_parse(const uint8_t *data, size_t len, struct pkt *p);

#endif
