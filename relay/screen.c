/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the rules refuse at a published port, refused by the host's kernel before us. It would
 * answer a SYN by itself, and whom the rules refuse would find the port open, then be reset. A
 * filter at the listening socket sees the SYN with its network header (SKF_NET_OFF), so
 * that the rules for this port are a program there: the kernel drops what they refuse, and answers
 * nothing. Only what begins a connection is looked at, and all datagrams.
 *
 *   load the source, the destination; note whether the source is of lan
 *   rule 1: unlike it? to rule 2. drop, or let it come to us
 *   ...                                                       the same again for IPv6
 *   let it come to us
 *
 * A port that leads to NetBIOS or SMB of the guest has one more rule, the last, against all who are
 * not of lan. Rules that count, log or ask further are ours: what they meet comes to us, and is
 * judged there.
 */
#include "relay/relay.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "minato/guard.h"

#define DROPPED 0u
#define TO_US UINT32_MAX
#define UNKNOWN_YET 0xffu /* where a jump will lead */
/* The scratch memory: words of the source from 0 on, of the destination; is it lan; is it ours? */
#define AT_SOURCE 0u
#define AT_DESTINATION 4u
#define AT_LAN 8u
#define AT_OWN 9u
#define TCP_FLAGS 13u /* RFC 9293 3.1: where they are */
#define TCP_SYN_ACK 0x12u
#define TCP_SYN 0x02u

struct family {
	uint32_t protocol;
	uint32_t words;
	uint32_t source, destination; /* where they are in the network header */
};
static const struct family four = { ETH_P_IP, 1, 12, 16 };
static const struct family six = { ETH_P_IPV6, 4, 8, 24 };

struct writer {
	struct relay_screen *out;
	bool full;
};

static void put(struct writer *w, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	if (w->out->count == RELAY_SCREEN_STEPS) {
		w->full = true;
		return;
	}
	w->out->steps[w->out->count++] = (struct sock_filter){ code, yes, no, k };
}

/* All conditions since `from` that do not hold lead to what comes next. */
static void lead_on(struct writer *w, size_t from)
{
	for (size_t i = from; i < w->out->count; i++) {
		struct sock_filter *step = &w->out->steps[i];

		if (BPF_CLASS(step->code) == BPF_JMP && step->jf == UNKNOWN_YET)
			step->jf = (uint8_t)(w->out->count - i - 1);
	}
}

/* ---- one prefix ---- */

static uint32_t word_of(const struct minato_addr *addr, size_t at)
{
	const uint8_t *b = &addr->bytes[4 * at];

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Whether an address of the family can be in it. An IPv4 address has 96 bits that all have. */
static bool meets(const struct family *family, const struct minato_addr *addr, uint8_t length)
{
	const struct minato_addr all4 = minato_addr4(0, 0, 0, 0);

	if (family == &six)
		return length < 96 || !minato_addr_is4(addr);
	for (unsigned bit = 0; bit < length && bit < 96; bit++) {
		if ((addr->bytes[bit / 8] ^ all4.bytes[bit / 8]) & 0x80u >> bit % 8)
			return false;
	}
	return true;
}

static void put_prefix(struct writer *w, const struct family *family, uint32_t memory,
		       const struct minato_addr *addr, uint8_t length)
{
	for (uint32_t i = 0; i < family->words; i++) {
		size_t at = i + 4 - family->words;
		int bits = (int)length - 32 * (int)at;
		uint32_t mask = bits >= 32 ? UINT32_MAX : ~(UINT32_MAX >> (bits > 0 ? bits : 0));

		if (bits <= 0)
			continue;
		put(w, BPF_LD | BPF_MEM, memory + i, 0, 0);
		if (bits < 32)
			put(w, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
		put(w, BPF_JMP | BPF_JEQ | BPF_K, word_of(addr, at) & mask, 0, UNKNOWN_YET);
	}
}

/* ---- the rules of a port ---- */

/* The rules as a port has them: with its own after all others, where it leads to NetBIOS or SMB. */
struct view {
	const struct relay_screening *rules;
	uint8_t protocol;
	uint16_t port;
	struct minato_entry wall;
	size_t count; /* with the wall, if it has one */
};

static struct view view_of(const struct relay_screening *rules, uint8_t protocol, uint16_t port,
			   bool shut)
{
	return (struct view){
		.rules = rules,
		.protocol = protocol,
		.port = port,
		.wall = { .verdict = MINATO_DROP,
			  .scope = MINATO_SCOPE_ANY,
			  .face = RELAY_FACE_WAN,
			  .proto = protocol,
			  .first = port,
			  .last = port },
		.count = rules->count + (shut ? 1 : 0),
	};
}

static const struct minato_entry *rule_at(const struct view *view, size_t i)
{
	return i < view->rules->count ? &view->rules->entries[i] : &view->wall;
}

static bool is_about(const struct view *view, const struct minato_entry *entry)
{
	return (entry->scope == MINATO_SCOPE_ANY || entry->scope == view->rules->outside) &&
	       entry->course != MINATO_COURSE_OUT &&
	       (entry->proto == 0 || entry->proto == view->protocol) &&
	       entry->first <= view->port && view->port <= entry->last;
}

/* It is about one guest of this host, whom the kernel does not know by name. */
static bool is_of_guest(const struct minato_entry *entry)
{
	return entry->program != MINATO_PROGRAM_NONE;
}

/* It counts or tells of whom it meets, for which we have to see him. */
static bool looks(const struct minato_entry *entry)
{
	return entry->log || entry->rate_count;
}

static bool drops(const struct minato_entry *entry)
{
	return entry->verdict != MINATO_PASS && !looks(entry) && !is_of_guest(entry);
}

/* It refuses, after a look of ours. */
static bool refuses_late(const struct minato_entry *entry)
{
	return !drops(entry) && (entry->verdict != MINATO_PASS ||
				 (entry->rate_count && entry->rate_verdict != MINATO_PASS));
}

static bool is_of_all(const struct minato_entry *entry)
{
	return entry->face == MINATO_FACE_ANY && entry->remote_prefix == 0 &&
	       entry->local_prefix == 0 && !is_of_guest(entry);
}

/* Behind the last that drops nothing is to be said; behind one that is about all neither. */
static size_t end_of(const struct view *view)
{
	size_t end = 0;

	for (size_t i = 0; i < view->count; i++) {
		const struct minato_entry *entry = rule_at(view, i);

		if (!is_about(view, entry))
			continue;
		if (drops(entry))
			end = i + 1;
		if (is_of_all(entry))
			break;
	}
	return end;
}

static void put_rule(struct writer *w, const struct family *family,
		     const struct minato_entry *entry)
{
	size_t from = w->out->count;

	if (!meets(family, &entry->remote, entry->remote_prefix) ||
	    !meets(family, &entry->local, entry->local_prefix))
		return;
	if (entry->face != MINATO_FACE_ANY) {
		put(w, BPF_LD | BPF_MEM, AT_LAN, 0, 0);
		put(w, BPF_JMP | BPF_JEQ | BPF_K, entry->face == RELAY_FACE_LAN, 0, UNKNOWN_YET);
	}
	if (is_of_guest(entry)) {
		put(w, BPF_LD | BPF_MEM, AT_OWN, 0, 0);
		put(w, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, UNKNOWN_YET);
	}
	put_prefix(w, family, AT_SOURCE, &entry->remote, entry->remote_prefix);
	put_prefix(w, family, AT_DESTINATION, &entry->local, entry->local_prefix);
	put(w, BPF_RET | BPF_K, drops(entry) ? DROPPED : TO_US, 0, 0);
	lead_on(w, from);
}

/* 1 there for a source that is in one of the prefixes, else 0; as zone_face. */
static void put_flag(struct writer *w, const struct family *family, uint32_t memory,
		     const struct relay_prefix *list, size_t count)
{
	put(w, BPF_LD | BPF_IMM, 0, 0, 0);
	put(w, BPF_ST, memory, 0, 0);
	for (size_t i = 0; i < count; i++) {
		size_t from = w->out->count;

		if (!meets(family, &list[i].addr, list[i].length))
			continue;
		put_prefix(w, family, AT_SOURCE, &list[i].addr, list[i].length);
		put(w, BPF_LD | BPF_IMM, 1, 0, 0);
		put(w, BPF_ST, memory, 0, 0);
		lead_on(w, from);
	}
}

static bool names_guests(const struct view *view)
{
	bool any = false;

	for (size_t i = 0; i < view->count && !any; i++)
		any = is_of_guest(rule_at(view, i)) && is_about(view, rule_at(view, i));
	return any;
}

static void put_load(struct writer *w, uint32_t memory, uint32_t words, uint32_t offset)
{
	for (uint32_t i = 0; i < words; i++) {
		put(w, BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_NET_OFF + offset + 4 * i, 0, 0);
		put(w, BPF_ST, memory + i, 0, 0);
	}
}

/* The part of a family, which ends by itself; whatever is of another one jumps over it. */
static void put_family(struct writer *w, const struct family *family, const struct view *view)
{
	const struct relay_screening *rules = view->rules;
	size_t end = end_of(view);
	size_t jump;

	put(w, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL), 0, 0);
	put(w, BPF_JMP | BPF_JEQ | BPF_K, family->protocol, 1, 0);
	jump = w->out->count;
	put(w, BPF_JMP | BPF_JA, 0, 0, 0);
	put_load(w, AT_SOURCE, family->words, family->source);
	put_load(w, AT_DESTINATION, family->words, family->destination);
	put_flag(w, family, AT_LAN, rules->lan, rules->lan_count);
	if (names_guests(view))
		put_flag(w, family, AT_OWN, rules->own, rules->own_count);
	for (size_t i = 0; i < end; i++) {
		if (is_about(view, rule_at(view, i)))
			put_rule(w, family, rule_at(view, i));
	}
	put(w, BPF_RET | BPF_K, TO_US, 0, 0);
	if (!w->full)
		w->out->steps[jump].k = (uint32_t)(w->out->count - jump - 1);
}

int relay_screen_make(struct relay_screen *out, const struct relay_screening *rules,
		      uint8_t protocol, uint16_t port, bool shut)
{
	const struct view view = view_of(rules, protocol, port, shut);
	struct writer w = { .out = out };

	out->count = 0;
	if (end_of(&view) == 0)
		return 0;
	if (protocol == MINATO_TCP) {
		put(&w, BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS, 0, 0);
		put(&w, BPF_ALU | BPF_AND | BPF_K, TCP_SYN_ACK, 0, 0);
		put(&w, BPF_JMP | BPF_JEQ | BPF_K, TCP_SYN, 1, 0);
		put(&w, BPF_RET | BPF_K, TO_US, 0, 0);
	}
	put_family(&w, &four, &view);
	put_family(&w, &six, &view);
	put(&w, BPF_RET | BPF_K, TO_US, 0, 0);
	return w.full ? -E2BIG : 1;
}

/* Whether the prefix is one of lan's, or a part of it. */
static bool is_near(const struct relay_screening *rules, const struct minato_entry *entry)
{
	for (size_t i = 0; i < rules->lan_count; i++) {
		const struct relay_config one = { .lan = &rules->lan[i], .lan_count = 1 };

		if (rules->lan[i].length <= entry->remote_prefix &&
		    zone_face(&one, &entry->remote) == RELAY_FACE_LAN)
			return true;
	}
	return false;
}

bool relay_screen_near_only(const struct relay_screening *rules, uint8_t protocol, uint16_t port,
			    bool shut)
{
	const struct view view = view_of(rules, protocol, port, shut);

	for (size_t i = 0; i < view.count; i++) {
		const struct minato_entry *entry = rule_at(&view, i);

		if (!is_about(&view, entry) || entry->face == RELAY_FACE_LAN)
			continue;
		/*
		 * A guest of this host may call any address of it: to the kernel the call comes by
		 * the device that has the address.
		 */
		if (is_of_guest(entry) && entry->verdict != MINATO_PASS && !looks(entry))
			continue;
		if (is_of_guest(entry))
			return false;
		if (drops(entry)) {
			if (entry->remote_prefix == 0 && entry->local_prefix == 0)
				return true;
			continue;
		}
		/* Somebody else may pass, or is to be counted. */
		if (!is_near(rules, entry))
			return false;
	}
	return false;
}

/* ---- at the sockets ---- */

/* unsealed: setsockopt */
static int attach(int fd, struct relay_screen *screen)
{
	const struct sock_fprog program = { (unsigned short)screen->count, screen->steps };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ?
		       -errno :
		       0;
}

/* unsealed: setsockopt */
static void detach(int fd)
{
	const int none = 0;

	(void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
}

static bool meets_late(const struct relay_screening *rules, uint8_t protocol, uint16_t port)
{
	const struct view view = view_of(rules, protocol, port, false);
	bool any = false;

	for (size_t i = 0; i < view.count && !any; i++)
		any = is_about(&view, rule_at(&view, i)) && refuses_late(rule_at(&view, i));
	return any;
}

/* What becomes of a port where no filter is, or none that holds. */
static enum relay_screened without(const struct relay_published *door,
				   const struct relay_screening *rules, int made)
{
	/* Whatever the rules say now, by other devices it is closed. */
	if (door->at_device)
		return RELAY_SCREEN_DEVICES;
	if (made == 0 && !meets_late(rules, door->protocol, door->port))
		return RELAY_UNSCREENED;
	return RELAY_SCREEN_LATE;
}

static enum relay_screened screen_door(struct relay_published *door,
				       const struct relay_screening *rules, bool shut, bool live,
				       uint32_t *left)
{
	struct relay_screen screen;
	int made = relay_screen_make(&screen, rules, door->protocol, door->port, shut);

	if (made > 0 && *left > 0 && !(live && door->protocol == MINATO_UDP) &&
	    attach(door->fd, &screen) == 0) {
		--*left;
		return relay_screen_works() ? RELAY_SCREENED : without(door, rules, made);
	}
	/* What another list of rules has left there. */
	if (door->screened != RELAY_UNSCREENED)
		detach(door->fd);
	return without(door, rules, made);
}

static void note_outgrown(struct relay_published *door, const struct relay_screening *rules,
			  bool shut)
{
	door->outgrown = door->at_device &&
			 !relay_screen_near_only(rules, door->protocol, door->port, shut);
	door->told &= door->outgrown;
}

void relay_screen_list(struct relay_publish *list, const struct relay_screening *rules, bool live,
		       uint32_t taken)
{
	uint32_t left = RELAY_SCREENS_MAX - (taken < RELAY_SCREENS_MAX ? taken : RELAY_SCREENS_MAX);

	for (size_t i = 0; i < list->spec_count; i++) {
		const struct relay_spec *spec = &list->specs[i];

		for (size_t k = 0; k < spec->socket_count; k++) {
			struct relay_published *door = &list->sockets[spec->socket_first + k];
			bool shut = zone_is_shut(spec, door->port);

			note_outgrown(door, rules, shut);
			door->screened = (uint8_t)screen_door(door, rules, shut, live, &left);
		}
	}
}

void relay_forward_screened(struct relay *relay, const struct relay_screening *rules, bool works)
{
	static struct relay_screen screen;
	uint32_t left = RELAY_SCREENS_MAX;

	for (struct relay_forward *f = relay->forwards; f; f = f->next) {
		for (size_t i = 0; i < f->door_count; i++) {
			struct relay_published *door = &f->doors[i];
			bool shut = zone_is_shut(&f->spec, door->port);
			int made =
				relay_screen_make(&screen, rules, door->protocol, door->port, shut);

			note_outgrown(door, rules, shut);
			door->screened = (uint8_t)without(door, rules, made);
			if (made <= 0 || !works || left == 0 || door->protocol == MINATO_UDP)
				continue;
			left--;
			door->screened = RELAY_SCREENED;
		}
	}
}

static const struct relay_published *door_at(const struct relay *relay, uint8_t protocol,
					     const struct minato_endpoint *local)
{
	for (const struct relay_forward *f = relay->forwards; f; f = f->next) {
		for (size_t i = 0; i < f->door_count; i++) {
			const struct relay_published *door = &f->doors[i];

			if (door->protocol == protocol && door->port == local->port &&
			    (door->dual || door->four == minato_addr_is4(&local->addr)) &&
			    (f->spec.every || minato_addr_equal(&f->spec.addr, &local->addr) ||
			     minato_addr_is_any(&f->spec.addr)))
				return door;
		}
	}
	return NULL;
}

const struct relay_spec *screen_spec(const struct relay *relay, uint8_t protocol,
				     const struct minato_endpoint *local)
{
	const struct relay_published *door = door_at(relay, protocol, local);

	return door ? &door->forward->spec : NULL;
}

int relay_door_screened(const struct relay *relay, uint8_t protocol,
			const struct minato_endpoint *local)
{
	const struct relay_published *door = door_at(relay, protocol, local);

	return door ? door->screened : -ENOENT;
}

const struct relay_spec *relay_door_outgrown(const struct relay *relay, uint8_t protocol,
					     const struct minato_endpoint *local)
{
	const struct relay_published *door = door_at(relay, protocol, local);

	return door && door->outgrown ? &door->forward->spec : NULL;
}

static const struct relay_spec *spec_of(const struct relay_publish *list, size_t i)
{
	struct relay_door about;

	relay_publish_about(list, i, &about);
	return &list->specs[about.spec];
}

const struct relay_spec *relay_publish_outgrown(struct relay_publish *list)
{
	const struct relay_spec *first = NULL;

	for (size_t i = 0; i < list->socket_count; i++) {
		struct relay_published *door = &list->sockets[i];

		if (door->outgrown && !door->told && !first)
			first = spec_of(list, i);
		door->told |= door->outgrown;
	}
	return first;
}

const struct relay_spec *relay_publish_at_devices(const struct relay_publish *list)
{
	for (size_t i = 0; i < list->socket_count; i++) {
		if (list->sockets[i].at_device)
			return spec_of(list, i);
	}
	return NULL;
}

uint8_t relay_face(const struct relay *relay, const struct minato_addr *client)
{
	return zone_face(&relay->config, client);
}

uint32_t relay_screen_count(const struct relay_publish *list)
{
	uint32_t count = 0;

	for (size_t i = 0; i < list->socket_count; i++)
		count += list->sockets[i].screened != RELAY_UNSCREENED;
	return count;
}

/* ---- whether the kernel does what it was told ---- */

/* A listener on loopback, and a call to it; `call` is -1 where that failed. */
struct probe {
	int listener, call;
};

/* unsealed: socket bind listen connect getsockname */
static void begin_probe(struct probe *probe, bool shut)
{
	static const struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, DROPPED);
	struct relay_screen screen = { .count = 1, .steps = { nothing } };
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t len = sizeof(name);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	probe->call = -1;
	probe->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe->listener < 0 || (shut && attach(probe->listener, &screen) < 0) ||
	    bind(probe->listener, (struct sockaddr *)&name, len) < 0 ||
	    listen(probe->listener, 1) < 0 ||
	    getsockname(probe->listener, (struct sockaddr *)&name, &len) < 0)
		return;
	probe->call = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe->call >= 0 && connect(probe->call, (struct sockaddr *)&name, len) < 0 &&
	    errno != EINPROGRESS) {
		close(probe->call);
		probe->call = -1;
	}
}

/* Whether it was answered within the time. */
/* unsealed: poll */
static bool is_answered(const struct probe *probe, int ms)
{
	struct pollfd call = { .fd = probe->call, .events = POLLOUT };

	return probe->call >= 0 && poll(&call, 1, ms) > 0;
}

/* unsealed: close */
static void end_probe(struct probe *probe)
{
	if (probe->listener >= 0)
		close(probe->listener);
	if (probe->call >= 0)
		close(probe->call);
}

/* The call to the one that is open comes second: when it is answered the first would have been. */
static bool look(void)
{
	struct probe shut, open;
	bool works;

	begin_probe(&shut, true);
	begin_probe(&open, false);
	works = shut.call >= 0 && is_answered(&open, 200) && !is_answered(&shut, 0);
	end_probe(&shut);
	end_probe(&open);
	return works;
}

bool relay_screen_works(void)
{
	static enum { UNSEEN, WORKS, DOES_NOT } seen;

	if (seen == UNSEEN)
		seen = look() ? WORKS : DOES_NOT;
	return seen == WORKS;
}
