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

	if (proto != 1) {
		sum = add(sum, p->src, n);
		sum = add(sum, p->dst, n);
		sum += proto + (uint32_t)len;
	}
	return fold(add(sum, data, len));
}

static size_t ip_header(const struct pkt *p, uint8_t proto, size_t payload, uint8_t *out)
{
	size_t head = 20 + p->ip_options_len;

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
	out[0] = (uint8_t)(4u << 4 | head / 4);
	out[1] = p->tos;
	put16(out + 2, (uint32_t)(head + payload));
	put16(out + 6, 0x4000);
	out[8] = p->ttl;
	out[9] = proto;
	memcpy(out + 12, p->src, 4);
	memcpy(out + 16, p->dst, 4);
	memcpy(out + 20, p->ip_options, p->ip_options_len);
	put16(out + 10, fold(add(0, out, head)));
	return head;
}

bool pkt_is_echo(const struct pkt *p)
{
	return p->icmp && (p->is6 ? p->icmp_type == 128 || p->icmp_type == 129 :
				    p->icmp_type == 0 || p->icmp_type == 8);
}

/* The first bytes of what the other side sent: the ends are swapped. */
static size_t build_inner(const struct pkt *p, uint8_t *at)
{
	struct pkt inner = { .is6 = p->is6, .ttl = 63 };

	memcpy(inner.src, p->dst, 16);
	memcpy(inner.dst, p->src, 16);
	size_t head = ip_header(&inner, p->inner_udp ? 17 : 6, 20, at);
	uint8_t *t = at + head;
	put16(t, p->inner_sport);
	put16(t + 2, p->inner_dport);
	if (p->inner_udp)
		put32(t + 4, 20u << 16);
	else
		put32(t + 4, p->inner_seq);
	return head + 8;
}

static size_t build_icmp(const struct pkt *p, uint8_t *icmp)
{
	uint8_t proto = p->is6 ? 58 : 1;
	size_t len = 8;

	icmp[0] = p->icmp_type;
	icmp[1] = p->icmp_code;
	put16(icmp + 2, 0);
	put32(icmp + 4, p->icmp_word);
	if (pkt_is_echo(p)) {
		memcpy(icmp + 8, p->payload, p->len);
		len += p->len;
	} else {
		len += build_inner(p, icmp + 8);
	}
	uint16_t sum = transport_sum(p, proto, icmp, len);
	put16(icmp + 2, p->bad_checksum ? sum ^ 0x5555u : sum);
	return len;
}

static size_t build_udp(const struct pkt *p, uint8_t *udp)
{
	size_t len = 8 + p->len;

	put16(udp, p->sport);
	put16(udp + 2, p->dport);
	put16(udp + 4, p->udp_len ? p->udp_len : (uint32_t)len);
	put16(udp + 6, 0);
	memcpy(udp + 8, p->payload, p->len);
	uint16_t sum = transport_sum(p, 17, udp, len);
	if (!sum)
		sum = 0xffff;
	if (!p->no_checksum)
		put16(udp + 6, p->bad_checksum ? sum ^ 0x5555u : sum);
	return len;
}

static size_t build_tcp(const struct pkt *p, uint8_t *tcp)
{
	size_t head = 20 + p->options_len, len = head + p->len;

	put16(tcp, p->sport);
	put16(tcp + 2, p->dport);
	put32(tcp + 4, p->seq);
	put32(tcp + 8, p->ack);
	tcp[12] = (uint8_t)((p->data_offset ? p->data_offset : head / 4) << 4);
	tcp[13] = p->flags;
	put16(tcp + 14, p->window);
	put16(tcp + 16, 0);
	put16(tcp + 18, p->urgent);
	memcpy(tcp + 20, p->options, p->options_len);
	if (p->len)
		memcpy(tcp + head, p->payload, p->len);
	uint16_t sum = transport_sum(p, 6, tcp, len);
	put16(tcp + 16, p->bad_checksum ? sum ^ 0x5555u : sum);
	return len;
}

size_t pkt_build(const struct pkt *p, uint8_t *out)
{
	uint8_t proto = p->udp ? 17 : !p->icmp ? 6 : p->is6 ? 58 : 1;
	uint8_t *at = out + (p->is6 ? 40 : 20 + p->ip_options_len);
	size_t len = p->icmp ? build_icmp(p, at) : p->udp ? build_udp(p, at) : build_tcp(p, at);

	return ip_header(p, proto, len, out) + len;
}

size_t pkt_cut(const struct pkt *p, const uint8_t *whole, uint32_t offset, uint8_t *out)
{
	uint32_t head = p->is6 ? 40 : (whole[0] & 15u) * 4;
	uint32_t total = p->is6 ? get16(whole + 4) : get16(whole + 2) - head;
	bool more = total - offset > p->pieces;
	uint32_t len = more ? p->pieces : total - offset;
	uint32_t extra = p->is6 ? 8 : 0;

	memcpy(out, whole, head);
	memcpy(out + head + extra, whole + head + offset, len);
	if (p->is6) {
		put16(out + 4, len + extra);
		out[6] = 44;
		out[head] = whole[6];
		out[head + 1] = 0;
		put16(out + head + 2, offset | more);
		put32(out + head + 4, 0x12345678);
	} else {
		put16(out + 2, head + len);
		put16(out + 4, 0x1234);
		put16(out + 6, offset / 8 | (more ? 0x2000u : 0));
		put16(out + 10, 0);
		put16(out + 10, fold(add(0, out, head)));
	}
	return head + extra + len;
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

static const char *parse_icmp(const uint8_t *t, size_t n, struct pkt *p)
{
	if (n < 8)
		return "ICMP header length";
	p->icmp = true;
	p->icmp_type = t[0];
	p->icmp_code = t[1];
	p->icmp_word = get32(t + 4);
	p->payload = t + 8;
	p->len = (uint32_t)n - 8;
	if (pkt_is_echo(p))
		return NULL;
	size_t head = p->is6 ? 40 : 20;
	if (n < 8 + head + 8)
		return "too little of the packet in an ICMP error";
	const uint8_t *ip = t + 8;
	uint8_t proto = p->is6 ? ip[6] : ip[9];
	if (!p->is6)
		head = (size_t)(ip[0] & 15) * 4;
	p->inner_udp = proto == 17;
	p->inner_sport = (uint16_t)get16(ip + head);
	p->inner_dport = (uint16_t)get16(ip + head + 2);
	return NULL;
}

static const char *parse_udp(const uint8_t *t, size_t n, struct pkt *p)
{
	if (n < 8 || get16(t + 4) != n)
		return "UDP length";
	if (!get16(t + 6))
		return "UDP without a checksum";
	p->udp = true;
	p->sport = (uint16_t)get16(t);
	p->dport = (uint16_t)get16(t + 2);
	p->payload = t + 8;
	p->len = (uint32_t)n - 8;
	return NULL;
}

static const char *parse_tcp(const uint8_t *t, size_t n, struct pkt *p)
{
	if (n < 20)
		return "TCP header length";
	size_t head = (size_t)(t[12] >> 4) * 4;
	if (head < 20 || head > n)
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
	p->options_len = (uint32_t)head - 20;
	memcpy(p->options, t + 20, p->options_len);
	p->payload = t + head;
	p->len = (uint32_t)(n - head);
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
	if (proto == 1 || proto == 58)
		return parse_icmp(t, n, p);
	if (proto == 17)
		return parse_udp(t, n, p);
	return proto == 6 ? parse_tcp(t, n, p) : "neither TCP, UDP nor ICMP";
}
