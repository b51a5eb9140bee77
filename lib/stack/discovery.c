/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ARP (RFC 826) and neighbour discovery (RFC 4861 7): who has this address.
 *
 * On a proxy link we answer for every on-link address that no neighbour
 * speaks for. Never for a probe (sender unspecified: RFC 5227 2.1.1, RFC 4862
 * 5.4), which asks whether an address is free: only for our own then.
 */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

static const uint8_t broadcast_mac[6] = { 255, 255, 255, 255, 255, 255 };

/* Do we speak for this address? *proxied: in the name of others. */
static bool answers_for(const struct minato *m, uint32_t link,
			const struct minato_addr *target, bool *proxied)
{
	*proxied = false;
	if (route_is_ours_on(m, link, target))
		return true;
	if (host_nat(m) != NULL && nat_pool_has(host_nat(m), link, target))
		return true;
	*proxied = true;
	return m->link[link].config.proxy &&
	       (m->link[link].config.any_destination ||
		!addr_is_link_local(target)) &&
	       route_on_link(m, link, target) &&
	       !route_is_broadcast(m, link, target) &&
	       !neighbour_speaks(m, link, target);
}

static void send_arp(struct minato *m, uint32_t link, const struct arp *a,
		     const uint8_t *to)
{
	uint8_t bytes[ARP_LEN];
	const uint32_t index = message_take(m);
	struct message *msg;

	if (index == STACK_NONE) {
		host_count(m, COUNTER_OUT_MEMORY);
		return;
	}
	msg = message_at(m, index);
	msg->kind = MESSAGE_ARP;
	msg->link = (uint8_t)link;
	memcpy(msg->remote.addr.bytes, to, 6);
	arp_build(a, bytes);
	if (!message_say(m, msg, bytes, sizeof(bytes))) {
		host_count(m, COUNTER_OUT_MEMORY);
		message_give(m, index);
		return;
	}
	message_control(m, index);
}

static void answer_arp(struct minato *m, uint32_t link, const struct arp *a)
{
	struct arp reply = { .request = false };

	memcpy(reply.sender_mac, m->link[link].config.mac, 6);
	memcpy(reply.sender, a->target, 4);
	memcpy(reply.target_mac, a->sender_mac, 6);
	memcpy(reply.target, a->sender, 4);
	send_arp(m, link, &reply, a->sender_mac);
}

enum drop discovery_arp(struct minato *m, const struct packet *p)
{
	struct arp a;
	struct minato_addr sender, target;
	bool for_us, proxied, probe;

	if (!arp_parse(p->payload, p->payload_len, &a) ||
	    (a.sender_mac[0] & 1) != 0)
		return DROP_ARP;
	sender = addr_from4(a.sender);
	target = addr_from4(a.target);
	probe = minato_addr_is_any(&sender);
	for_us = answers_for(m, p->link, &target, &proxied) &&
		 !(proxied && (probe || minato_addr_equal(&sender, &target)));
	if (!probe) {
		/* RFC 826: whoever is known is refreshed, whoever asks us is
		   learned. */
		enum neighbour_news news = NEWS_OTHER;
		if (a.request && for_us)
			news = NEWS_REQUEST;
		else if (!a.request && p->to_us_mac)
			news = NEWS_REPLY;
		neighbour_heard(m, p->link, &sender, a.sender_mac, news);
	}
	if (a.request && for_us)
		answer_arp(m, p->link, &a);
	return DROP_NONE;
}

void discovery_send(struct minato *m, uint32_t link, const uint8_t *bytes,
		    uint32_t len, const struct minato_addr *src,
		    const struct minato_addr *dst)
{
	const uint32_t index = message_take(m);
	struct message *msg;

	if (index == STACK_NONE) {
		host_count(m, COUNTER_OUT_MEMORY);
		return;
	}
	msg = message_at(m, index);
	msg->kind = MESSAGE_RAW;
	msg->proto = IP_PROTO_ICMP6;
	msg->ttl = 255;
	msg->link = (uint8_t)link;
	msg->scope = m->link[link].config.scope;
	msg->local.addr = *src;
	msg->remote.addr = *dst;
	if (!message_say(m, msg, bytes, len)) {
		host_count(m, COUNTER_OUT_MEMORY);
		message_give(m, index);
		return;
	}
	message_control(m, index);
}

static void send_nd(struct minato *m, uint32_t link, const struct nd *nd,
		    const struct minato_addr *src,
		    const struct minato_addr *dst)
{
	uint8_t bytes[64];
	const uint32_t len = nd_build(nd, src, dst, bytes);

	discovery_send(m, link, bytes, len, src, dst);
}

static void answer_nd(struct minato *m, const struct packet *p,
		      const struct nd *asked, bool proxied)
{
	static const struct minato_addr all_nodes = { { 0xff, 2, [15] = 1 } };
	const struct link *link = &m->link[p->link];
	const bool probe = minato_addr_is_any(&p->src);
	const struct nd reply = {
		.type = ICMP6_NEIGHBOUR_ADVERTISEMENT,
		.target = asked->target,
		.link_addr = link->config.mac,
		.router = link->advertising.on ||
			  link->config.role != MINATO_ROLE_HOST,
		.solicited = !probe,  /* RFC 4861 7.2.4 */
		.override = !proxied, /* 7.2.8 */
	};

	send_nd(m, p->link, &reply, &asked->target,
		probe ? &all_nodes : &p->src);
}

static void solicited_nd(struct minato *m, const struct packet *p,
			 const struct nd *nd)
{
	const bool probe = minato_addr_is_any(&p->src);
	bool proxied;

	if (!answers_for(m, p->link, &nd->target, &proxied) ||
	    (proxied && (probe || minato_addr_equal(&p->src, &nd->target))))
		return;
	if (!probe && nd->link_addr != NULL)
		neighbour_heard(m, p->link, &p->src, nd->link_addr,
				NEWS_REQUEST);
	answer_nd(m, p, nd, proxied);
}

/* RFC 5227 2.3; RFC 4861 7.2.6: not solicited, to all, over what they know. */
int minato_announce(struct minato *m, uint32_t link,
		    const struct minato_addr *addr)
{
	static const struct minato_addr all_nodes = { { 0xff, 2, [15] = 1 } };
	struct arp a = { .request = true };
	struct nd nd = { .type = ICMP6_NEIGHBOUR_ADVERTISEMENT,
			 .target = *addr,
			 .override = true };
	bool proxied;

	if (link >= m->link_count ||
	    m->link[link].config.type != MINATO_LINK_ETHERNET ||
	    !answers_for(m, link, addr, &proxied) || proxied)
		return -EINVAL;
	if (minato_addr_is4(addr)) {
		memcpy(a.sender_mac, m->link[link].config.mac, 6);
		memcpy(a.sender, addr_v4(addr), 4);
		memcpy(a.target, addr_v4(addr), 4);
		send_arp(m, link, &a, broadcast_mac);
		return 0;
	}
	nd.link_addr = m->link[link].config.mac;
	nd.router = m->link[link].advertising.on ||
		    m->link[link].config.role != MINATO_ROLE_HOST;
	send_nd(m, link, &nd, addr, &all_nodes);
	return 0;
}

/* Somebody asks for routers; lib/serve answers (RFC 4861 6.2.6). */
static void solicited_router(struct minato *m, const struct packet *p,
			     const struct nd *nd)
{
	struct advertising *ad = &m->link[p->link].advertising;

	if (!ad->on)
		return;
	if (!minato_addr_is_any(&p->src) && nd->link_addr != NULL)
		neighbour_heard(m, p->link, &p->src, nd->link_addr,
				NEWS_REQUEST);
	ad->solicited = ad->solicited || minato_addr_is_any(&p->src) ? 2 : 1;
	ad->solicitor = p->src;
}

enum drop discovery_nd(struct minato *m, const struct packet *p)
{
	struct nd nd;

	if (m->link[p->link].config.type != MINATO_LINK_ETHERNET ||
	    !nd_parse(p, &nd))
		return DROP_ND;
	if (nd.type == ICMP6_NEIGHBOUR_SOLICITATION)
		solicited_nd(m, p, &nd);
	else if (nd.type == ICMP6_NEIGHBOUR_ADVERTISEMENT)
		neighbour_advertised(m, p->link, &nd);
	else
		solicited_router(m, p, &nd);
	return DROP_NONE;
}

struct minato_addr discovery_solicited(const struct minato_addr *a)
{
	return (struct minato_addr){ { 0xff, 2, [11] = 1, 0xff, a->bytes[13],
				       a->bytes[14], a->bytes[15] } };
}

static void ask_arp(struct minato *m, uint32_t link,
		    const struct minato_addr *target, const uint8_t *mac)
{
	struct arp a = { .request = true };
	struct minato_addr src;

	if (!route_source(m, m->link[link].config.scope, target, &src))
		src = minato_addr4(0, 0, 0, 0);
	memcpy(a.sender_mac, m->link[link].config.mac, 6);
	memcpy(a.sender, addr_v4(&src), 4);
	memcpy(a.target, addr_v4(target), 4);
	send_arp(m, link, &a, mac != NULL ? mac : broadcast_mac);
}

void discovery_ask(struct minato *m, uint32_t link,
		   const struct minato_addr *target, const uint8_t *mac)
{
	const struct link *l = &m->link[link];
	struct nd nd = {
		.type = ICMP6_NEIGHBOUR_SOLICITATION,
		.target = *target,
		.link_addr = l->config.mac,
	};
	struct minato_addr src, dst;

	if (minato_addr_is4(target)) {
		ask_arp(m, link, target, mac);
		return;
	}
	if (!route_source(m, l->config.scope, target, &src))
		src = l->link_local;
	dst = mac != NULL ? *target : discovery_solicited(target);
	send_nd(m, link, &nd, &src, &dst);
}
