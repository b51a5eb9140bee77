/* SPDX-License-Identifier: BSD-2-Clause */
/* The tests' own packets: written from the RFCs' pictures, shares nothing with lib/wire. */
#include "trace.h"

#include <string.h>

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static uint32_t add(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint16_t transport_sum(const struct pkt *p, uint8_t proto, const uint8_t *data, size_t len)
{
	size_t n = p->is6 ? 16 : 4;
	uint32_t sum = 0;

	if (p->is6 || proto != 1) {
		sum = add(sum, p->src, n);
		sum = add(sum, p->dst, n);
		sum += proto + (uint32_t)len;
	}
	return fold(add(sum, data, len));
}

static size_t ip_header(const struct pkt *p, uint8_t proto, size_t payload, uint8_t *out)
{
	if (p->is6) {
		memset(out, 0, 8);
		put32(out, 6u << 28 | (uint32_t)p->tos << 20);
		put16(out + 4, (uint32_t)payload);
		out[6] = proto;
		out[7] = p->ttl;
		memcpy(out + 8, p->src, 16);
		memcpy(out + 24, p->dst, 16);
		return 40;
	}
	memset(out, 0, 20);
	out[0] = 0x45;
	out[1] = p->tos;
	put16(out + 2, (uint32_t)payload + 20);
	put16(out + 6, 0x4000);
	out[8] = p->ttl;
	out[9] = proto;
	memcpy(out + 12, p->src, 4);
	memcpy(out + 16, p->dst, 4);
	put16(out + 10, fold(add(0, out, 20)));
	return 20;
}

static size_t build_icmp(const struct pkt *p, uint8_t *out)
{
	/* The error is about what the other side sent: swap the ends. */
	struct pkt inner = { .is6 = p->is6, .ttl = 63 };
	size_t head = p->is6 ? 40 : 20;
	uint8_t *icmp = out + head, *at = icmp + 8;

	memcpy(inner.src, p->dst, 16);
	memcpy(inner.dst, p->src, 16);
	at += ip_header(&inner, 6, 20, at);
	memset(at, 0, 8);
	put16(at, p->dport);
	put16(at + 2, p->sport);
	put32(at + 4, p->inner_seq);
	at += 8;
	icmp[0] = p->icmp_type;
	icmp[1] = p->icmp_code;
	put16(icmp + 2, 0);
	put32(icmp + 4, p->icmp_word);
	size_t len = (size_t)(at - icmp);
	uint8_t proto = p->is6 ? 58 : 1;
	put16(icmp + 2, transport_sum(p, proto, icmp, len));
	return ip_header(p, proto, len, out) + len;
}

size_t pkt_build(const struct pkt *p, uint8_t *out)
{
	if (p->icmp)
		return build_icmp(p, out);
	size_t head = p->is6 ? 40 : 20;
	uint8_t *tcp = out + head;
	size_t tcp_head = 20 + p->options_len, len = tcp_head + p->len;

	put16(tcp, p->sport);
	put16(tcp + 2, p->dport);
	put32(tcp + 4, p->seq);
	put32(tcp + 8, p->ack);
	tcp[12] = (uint8_t)(tcp_head / 4 << 4);
	tcp[13] = p->flags;
	put16(tcp + 14, p->window);
	put16(tcp + 16, 0);
	put16(tcp + 18, p->urgent);
	memcpy(tcp + 20, p->options, p->options_len);
	if (p->len)
		memcpy(tcp + tcp_head, p->payload, p->len);
	uint16_t sum = transport_sum(p, 6, tcp, len);
	put16(tcp + 16, p->bad_checksum ? sum ^ 0x5555u : sum);
	return ip_header(p, 6, len, out) + len;
}

static const char *parse_ip(const uint8_t *d, size_t *len, struct pkt *p, size_t *head)
{
	if (*len < 20)
		return "shorter than an IP header";
	p->is6 = d[0] >> 4 == 6;
	if (p->is6) {
		if (*len < 40 || get16(d + 4) + 40 != *len)
			return "IPv6 length";
		p->tos = (uint8_t)(get32(d) >> 20);
		p->ttl = d[7];
		memcpy(p->src, d + 8, 16);
		memcpy(p->dst, d + 24, 16);
		*head = 40;
		return NULL;
	}
	if (d[0] != 0x45 || get16(d + 2) != *len)
		return "IPv4 header or length";
	if (fold(add(0, d, 20)))
		return "IPv4 checksum";
	p->tos = d[1];
	p->ttl = d[8];
	p->dont_fragment = d[6] & 0x40;
	memcpy(p->src, d + 12, 4);
	memcpy(p->dst, d + 16, 4);
	*head = 20;
	return NULL;
}

const char *pkt_parse(const uint8_t *d, size_t len, struct pkt *p)
{
	size_t head = 0;

	memset(p, 0, sizeof(*p));
	const char *wrong = parse_ip(d, &len, p, &head);
	if (wrong)
		return wrong;
	uint8_t proto = p->is6 ? d[6] : d[9];
	const uint8_t *t = d + head;
	size_t n = len - head;
	if (transport_sum(p, proto, t, n))
		return "transport checksum";
	if (proto == 1 || proto == 58) {
		p->icmp = true;
		p->icmp_type = t[0];
		p->icmp_code = t[1];
		p->icmp_word = get32(t + 4);
		return NULL;
	}
	if (proto != 6)
		return "neither TCP nor ICMP";
	size_t tcp_head = (size_t)(t[12] >> 4) * 4;
	if (n < 20 || tcp_head < 20 || tcp_head > n)
		return "TCP header length";
	if (t[12] & 0x0f)
		return "reserved bits";
	p->sport = (uint16_t)get16(t);
	p->dport = (uint16_t)get16(t + 2);
	p->seq = get32(t + 4);
	p->ack = get32(t + 8);
	p->flags = t[13];
	p->window = (uint16_t)get16(t + 14);
	p->urgent = (uint16_t)get16(t + 18);
	p->options_len = (uint32_t)tcp_head - 20;
	memcpy(p->options, t + 20, p->options_len);
	p->payload = t + tcp_head;
	p->len = (uint32_t)(n - tcp_head);
	return NULL;
}
