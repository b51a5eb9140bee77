/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 packets by their meaning: built byte by byte, read again with every checksum. */
#include "verify/verify.h"

#include <string.h>

#define IP_LEN 20u
#define TCP_LEN 20u

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* Word by word, as the text of RFC 1071 says. */
static uint32_t add(const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

uint16_t verify_sum(const uint8_t *bytes, size_t len, uint32_t sum)
{
	return (uint16_t)~add(bytes, len, sum);
}

/* Of the pseudo header (RFC 9293 3.1). */
static uint32_t pseudo(const uint8_t *ip, uint8_t proto, size_t len)
{
	return add(ip + 12, 8, 0) + proto + (uint32_t)len;
}

bool verify_is_query(const struct verify_packet *p)
{
	return p->proto == VERIFY_ICMP &&
	       (p->type == 0 || p->type == 8 || (p->type >= 13 && p->type <= 18));
}

bool verify_is_error(const struct verify_packet *p)
{
	return p->proto == VERIFY_ICMP &&
	       (p->type == 3 || p->type == 4 || p->type == 5 || p->type == 11 || p->type == 12);
}

/* ---- building ---- */

static size_t build_tcp(const struct verify_packet *p, uint8_t *at)
{
	size_t len = TCP_LEN + (p->tcp_option_len + 3u) / 4 * 4;

	memset(at, 0, len);
	put16(at, p->src.port);
	put16(at + 2, p->dst.port);
	put32(at + 4, p->seq);
	put32(at + 8, p->ack);
	at[12] = (uint8_t)(len / 4 << 4);
	at[13] = p->flags;
	put16(at + 14, p->window);
	put16(at + 18, p->urgent);
	memcpy(at + TCP_LEN, p->tcp_option, p->tcp_option_len);
	return len;
}

static size_t build_icmp(const struct verify_packet *p, uint8_t *at)
{
	at[0] = p->type;
	at[1] = p->code;
	put16(at + 2, 0);
	put32(at + 4, p->word);
	if (verify_is_query(p))
		put16(at + 4, p->src.port);
	return 8;
}

static size_t build_udp(const struct verify_packet *p, uint8_t *at)
{
	put16(at, p->src.port);
	put16(at + 2, p->dst.port);
	put16(at + 4, p->keep_len ? p->keep_len : 8u + p->len);
	put16(at + 6, p->keep_sum);
	return 8;
}

/* Where the checksum of a protocol lies in its header; 0: it has none here. */
static size_t sum_at(uint8_t proto)
{
	return proto == VERIFY_TCP ? 16 : proto == VERIFY_UDP ? 6 : proto == VERIFY_ICMP ? 2 : 0;
}

static void fill_sum(const struct verify_packet *p, uint8_t *ip, uint8_t *at, size_t len)
{
	size_t where = sum_at(p->proto);
	uint16_t sum;

	if (!where || p->no_sum)
		return;
	sum = verify_sum(at, len, p->proto == VERIFY_ICMP ? 0 : pseudo(ip, p->proto, len));
	if (p->proto == VERIFY_UDP && sum == 0)
		sum = 0xffff;
	put16(at + where, p->wrong_sum ? sum ^ 0x0101u : sum);
}

size_t verify_build(const struct verify_packet *p, uint8_t bytes[VERIFY_BYTES_MAX])
{
	size_t ip_len = IP_LEN + (p->option_len + 3u) / 4 * 4;
	uint8_t *at = bytes + ip_len;
	size_t header = 0;
	uint16_t sum;

	memset(bytes, 0, ip_len);
	bytes[0] = (uint8_t)(0x40 | ip_len / 4);
	bytes[1] = p->tos;
	put16(bytes + 4, p->id);
	put16(bytes + 6, (p->df ? 0x4000u : 0) | (p->mf ? 0x2000u : 0) | p->offset / 8u);
	bytes[8] = p->ttl;
	bytes[9] = p->proto;
	put32(bytes + 12, p->src.addr);
	put32(bytes + 16, p->dst.addr);
	memcpy(bytes + IP_LEN, p->option, p->option_len);
	if (p->offset == 0 && p->proto == VERIFY_TCP)
		header = build_tcp(p, at);
	else if (p->offset == 0 && p->proto == VERIFY_UDP)
		header = build_udp(p, at);
	else if (p->offset == 0 && p->proto == VERIFY_ICMP)
		header = build_icmp(p, at);
	memcpy(at + header, p->data, p->len);
	put16(bytes + 2, (uint32_t)(ip_len + header + p->len));
	if (p->offset == 0 && !p->mf)
		fill_sum(p, bytes, at, header + p->len);
	sum = verify_sum(bytes, ip_len, 0);
	put16(bytes + 10, p->wrong_ip_sum ? sum ^ 0x0101u : sum);
	return ip_len + header + p->len;
}

void verify_error_about(struct verify_packet *out, uint32_t from, uint8_t type, uint8_t code,
			const struct verify_packet *about)
{
	uint8_t bytes[VERIFY_BYTES_MAX];
	size_t len = verify_build(about, bytes);

	*out = (struct verify_packet){ .proto = VERIFY_ICMP, .ttl = 60, .type = type };
	out->code = code;
	out->src.addr = from;
	out->dst.addr = about->src.addr;
	/* As much as fits into 576 bytes (RFC 1812 4.3.2.3). */
	out->len = (uint16_t)(len > 548 ? 548 : len);
	memcpy(out->data, bytes, out->len);
}

/* ---- reading ---- */

static const char *read_tcp(struct verify_packet *p, const uint8_t *at, size_t len, size_t *header)
{
	if (len < 8)
		return "a TCP header cut off";
	p->src.port = get16(at);
	p->dst.port = get16(at + 2);
	p->seq = get32(at + 4);
	*header = len;
	if (len < TCP_LEN)
		return "a TCP header cut off";
	p->ack = get32(at + 8);
	*header = (size_t)(at[12] >> 4) * 4;
	p->flags = at[13];
	p->window = get16(at + 14);
	p->urgent = get16(at + 18);
	if (*header < TCP_LEN || *header > len)
		return "a TCP header of a length that cannot be";
	p->tcp_option_len = (uint8_t)(*header - TCP_LEN);
	memcpy(p->tcp_option, at + TCP_LEN, p->tcp_option_len);
	return NULL;
}

static const char *read_udp(struct verify_packet *p, const uint8_t *at, size_t len, size_t *header)
{
	if (len < 8)
		return "a UDP header cut off";
	p->src.port = get16(at);
	p->dst.port = get16(at + 2);
	*header = 8;
	return NULL;
}

static const char *read_icmp(struct verify_packet *p, const uint8_t *at, size_t len, size_t *header)
{
	if (len < 8)
		return "an ICMP header cut off";
	p->type = at[0];
	p->code = at[1];
	p->word = get32(at + 4);
	if (verify_is_query(p))
		p->src.port = p->dst.port = get16(at + 4);
	*header = 8;
	return NULL;
}

static const char *read_transport(struct verify_packet *p, const uint8_t *at, size_t len)
{
	const char *wrong = NULL;
	size_t header = 0;

	if (p->offset == 0 && p->proto == VERIFY_TCP)
		wrong = read_tcp(p, at, len, &header);
	else if (p->offset == 0 && p->proto == VERIFY_UDP)
		wrong = read_udp(p, at, len, &header);
	else if (p->offset == 0 && p->proto == VERIFY_ICMP)
		wrong = read_icmp(p, at, len, &header);
	if (header > len)
		header = len;
	if (len - header > VERIFY_DATA_MAX)
		return "longer than any that was sent";
	p->len = (uint16_t)(len - header);
	memcpy(p->data, at + header, p->len);
	return wrong;
}

/* The IP header; *ip_len and *total are its length and the packet's. */
static const char *read_ip(struct verify_packet *p, const uint8_t *bytes, size_t len,
			   size_t *ip_len, size_t *total)
{
	uint16_t fragment;

	memset(p, 0, offsetof(struct verify_packet, data));
	if (len < IP_LEN || bytes[0] >> 4 != 4)
		return "no IPv4 packet";
	*ip_len = (size_t)(bytes[0] & 15) * 4;
	*total = get16(bytes + 2);
	fragment = get16(bytes + 6);
	p->tos = bytes[1];
	p->id = get16(bytes + 4);
	p->df = fragment & 0x4000;
	p->mf = fragment & 0x2000;
	p->offset = (uint16_t)((fragment & 0x1fff) * 8);
	p->ttl = bytes[8];
	p->proto = bytes[9];
	p->src.addr = get32(bytes + 12);
	p->dst.addr = get32(bytes + 16);
	if (*ip_len < IP_LEN || *ip_len > len)
		return "an IP header of a length that cannot be";
	p->option_len = (uint8_t)(*ip_len - IP_LEN);
	memcpy(p->option, bytes + IP_LEN, p->option_len);
	if (verify_sum(bytes, *ip_len, 0) != 0)
		return "its IP checksum is wrong";
	return NULL;
}

static bool sum_holds(const struct verify_packet *p, const uint8_t *ip, const uint8_t *at,
		      size_t len)
{
	if (p->proto == VERIFY_UDP && get16(at + 6) == 0)
		return true;
	return verify_sum(at, len, p->proto == VERIFY_ICMP ? 0 : pseudo(ip, p->proto, len)) == 0;
}

const char *verify_read(const uint8_t *bytes, size_t len, struct verify_packet *p)
{
	size_t ip_len, total;
	const char *wrong = read_ip(p, bytes, len, &ip_len, &total);
	const uint8_t *at;

	if (wrong)
		return wrong;
	if (total > len || total < ip_len)
		return "its IP length is not that of the packet";
	at = bytes + ip_len;
	len = total - ip_len;
	wrong = read_transport(p, at, len);
	if (wrong || p->offset || p->mf || !sum_at(p->proto))
		return wrong;
	if (p->proto == VERIFY_UDP && get16(at + 4) != len)
		return "its UDP length is not that of the packet";
	if (!sum_holds(p, bytes, at, len))
		return p->proto == VERIFY_TCP ? "its TCP checksum is wrong" :
		       p->proto == VERIFY_UDP ? "its UDP checksum is wrong" :
						"its ICMP checksum is wrong";
	return NULL;
}

const char *verify_read_quoted(const struct verify_packet *error, struct verify_packet *p)
{
	size_t ip_len, total;
	const char *wrong = read_ip(p, error->data, error->len, &ip_len, &total);

	if (wrong)
		return wrong;
	if (error->len < ip_len + 8)
		return "fewer than 8 bytes behind the quoted IP header";
	total = total < error->len ? total : error->len;
	wrong = read_transport(p, error->data + ip_len, (total > ip_len + 8 ? total - ip_len : 8));
	/* RFC 792: 8 bytes are enough. */
	return wrong && p->proto == VERIFY_TCP && p->len == 0 ? NULL : wrong;
}
