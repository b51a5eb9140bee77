/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's UDP endpoint: one unconnected host socket for all it sends, so one port outside. */
#include "relay/permit.h"
#include "relay/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHARE 512u /* datagrams or runs of an endpoint in a direction per turn */
#define QUESTION_MAX 4096u

void gram_end(struct lane *f)
{
	minato_close(f->relay->host, f->socket);
	lane_free(f);
}

bool endpoint_evict(struct relay *relay)
{
	struct lane *f = relay->endpoints.oldest;

	if (!f)
		return ping_evict(relay);
	relay_count(relay, RELAY_COUNT_UDP_EVICTED);
	gram_end(f);
	return true;
}

/* The host socket, made when the first datagram needs it. */
/* syscalls: close */
static int open_socket(struct lane *f)
{
	int family = minato_addr_is4(&f->guest.addr) ? AF_INET : AF_INET6;
	int fd;

	if (f->fd >= 0)
		return 0;
	do {
		fd = gram_socket(family, false);
	} while ((fd == -EMFILE || fd == -ENFILE) &&
		 (turned_yield(f->relay) || endpoint_evict(f->relay)));
	if (fd < 0) {
		if (fd == -EMFILE || fd == -ENFILE)
			relay_count(f->relay, RELAY_COUNT_NO_DESCRIPTOR);
		return fd;
	}
	if (!roll_enter(f->relay, fd)) {
		close(fd);
		return -ENOBUFS;
	}
	f->fd = fd;
	f->discover = GRAM_DISCOVER_DEFAULT;
	return lane_watch(f, false);
}

static void dial(struct lane *f, const struct minato_endpoint *to,
		 const struct minato_datagram *about, const struct minato_extent *extents,
		 size_t count)
{
	struct gram_way way = {
		.to = *to,
		.ttl = gram_ttl(about->ttl),
		.traffic_class = about->traffic_class,
		.dont_fragment = about->dont_fragment,
		.discover = &f->discover,
	};
	int result = open_socket(f);

	if (result < 0) {
		relay_count(f->relay, RELAY_COUNT_UDP_LOST);
		gram_fail(f, about, &extents[0], -result);
		return;
	}
	way.fd = f->fd;
	f->far = about->local;
	gram_put(f, &way, about, extents, count);
}

static void ask(struct lane *f, const struct minato_datagram *about,
		const struct minato_extent *extents, size_t count)
{
	uint8_t question[QUESTION_MAX];
	struct minato_datagram from = *about;
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		const uint8_t *at = extents[i].base;

		for (size_t k = 0; k < extents[i].len && len < sizeof(question); k++)
			question[len++] = at[k];
	}
	from.remote = f->guest;
	dns_ask(f->relay->dns, &from, question, len);
}

/* Whether anything stands in its way that --allow has not taken away. */
static enum ticket_fate fate_of(struct lane *f, const struct minato_endpoint *to,
				const struct minato_datagram *about,
				const struct minato_extent *extents, size_t count)
{
	if (!f->relay->permit)
		return TICKET_GOES;
	/* What --reach and --host-loopback have opened is open. */
	if (!minato_addr_equal(&to->addr, &about->local.addr))
		return ticket_opened(f, about);
	return ticket_datagram(f, about, extents, count);
}

/* Parts of a hello, of which this is the last. */
static void dial_kept(struct lane *f, const struct minato_endpoint *to,
		      const struct minato_datagram *about)
{
	struct ticket_kept *kept;

	while (f->relay->permit && (kept = ticket_kept(f, &about->local)) != NULL) {
		struct minato_extent extent = { kept->bytes, kept->about.len };

		dial(f, to, &kept->about, &extent, 1);
		free(kept);
	}
}

static void dial_or_not(struct lane *f, const struct minato_endpoint *to,
			const struct minato_datagram *about, const struct minato_extent *extents,
			size_t count)
{
	switch (fate_of(f, to, about, extents, count)) {
	case TICKET_GOES:
		dial_kept(f, to, about);
		dial(f, to, about, extents, count);
		break;
	case TICKET_REFUSED:
		gram_fail(f, about, &extents[0], EACCES);
		break;
	case TICKET_WAITS:
	case TICKET_LOST:
		break;
	}
}

/* It leads nowhere, whatever is allowed. */
static void turn_away(struct lane *f, enum target_verdict verdict,
		      const struct minato_datagram *about, const struct minato_extent *extents)
{
	permit_refused(f->relay, MINATO_UDP, &f->guest, &about->local, NULL,
		       target_words(f->relay, &about->local));
	if (verdict == TARGET_ABSENT) {
		gram_fail(f, about, &extents[0],
			  permit_absent(f->relay, MINATO_UDP) == MINATO_REASON_HOST ? EHOSTUNREACH :
										      EACCES);
	} else if (verdict == TARGET_MULTICAST) {
		relay_count(f->relay, RELAY_COUNT_REFUSED_MULTICAST);
	} else {
		relay_count(f->relay, RELAY_COUNT_REFUSED_INNER);
		gram_fail(f, about, &extents[0], ECONNREFUSED);
	}
}

/* The association takes whatever the guest writes to: each destination is judged anew. */
void endpoint_carry(struct lane *f, const struct minato_datagram *about,
		    struct minato_extent *extents, size_t count)
{
	struct minato_endpoint to;
	enum target_verdict verdict = target_judge(f->relay, MINATO_UDP, &about->local, &to);

	switch (verdict) {
	case TARGET_DIAL:
		dial_or_not(f, &to, about, extents, count);
		break;
	case TARGET_RESOLVER:
		ask(f, about, extents, count);
		break;
	case TARGET_REFUSE:
	case TARGET_ABSENT:
	case TARGET_MULTICAST:
		turn_away(f, verdict, about, extents);
		break;
	}
}

static void take_faults(struct lane *f)
{
	struct gram_fault fault;

	while (gram_next_fault(f->fd, &fault)) {
		struct minato_endpoint seen;

		if (target_seen(f->relay, &fault.to, &seen))
			gram_report(f, &seen, &fault);
	}
	f->host_error = false;
}

static bool may_come(struct lane *f, const struct minato_endpoint *seen, const struct gram *gram)
{
	return !f->relay->permit || ticket_comes(f, seen, gram->len) ||
	       !minato_addr_equal(&seen->addr, &gram->from.addr);
}

static void give(struct lane *f, const struct gram *gram)
{
	struct minato_endpoint seen;

	if (target_seen(f->relay, &gram->from, &seen) && may_come(f, &seen, gram)) {
		surge_answered(f->relay, &seen.addr);
		gram_give(f, &seen, gram);
	}
}

void endpoint_work(struct lane *f)
{
	/* In no list, so that it cannot be the one that gives way to itself. */
	lane_unlist(f);
	if (f->host_error)
		take_faults(f);
	turn_out(f, SHARE, endpoint_carry);
	if (f->fd >= 0)
		turn_in(f, SHARE, give);
	gram_flush(f->relay);
	f->guest_reset = false; /* a pending error of a datagram socket, and no end */
	lane_touch(f, f->fd >= 0 ? &f->relay->endpoints : &f->relay->idlers);
}

static void begin(struct relay *relay, uint64_t call)
{
	struct lane *f = lane_new(relay, LANE_ENDPOINT);

	if (!f) {
		minato_reject(relay->host, call, MINATO_REASON_HOST);
		return;
	}
	f->socket = call;
	f->state = LANE_OPEN;
	minato_peer(relay->host, call, &f->guest);
	minato_local(relay->host, call, &f->far);
	if (!lane_admit(f, call)) {
		lane_free(f);
		return;
	}
	minato_set_user(relay->host, call, lane_word(f));
	if (minato_answer(relay->host, call) < 0) {
		gram_end(f);
		return;
	}
	minato_set(relay->host, call, MINATO_OPT_TRANSPARENT, 1);
	relay_count(relay, RELAY_COUNT_UDP_OUT);
	f->guest_readable = true;
	endpoint_work(f);
}

/* A datagram that may not go makes no endpoint, unless the user is asked about it. */
static void begin_or_not(struct relay *relay, uint64_t call, const struct minato_endpoint *wanted,
			 const struct minato_endpoint *to)
{
	bool opened = !minato_addr_equal(&to->addr, &wanted->addr);
	struct minato_endpoint guest = { .port = 0 };
	struct permit_way way = { .reason = NULL };
	bool passes;

	if (!relay->permit) {
		begin(relay, call);
		return;
	}
	passes = opened || permit_judge(relay, MINATO_UDP, wanted, &way);
	if (!passes && permit_asks_datagrams(relay, &way))
		passes = true;
	else if (permit_identify(relay, call, MINATO_UDP, wanted, !passes))
		return;
	if (passes) {
		begin(relay, call);
		return;
	}
	minato_peer(relay->host, call, &guest);
	relay_count(relay, RELAY_COUNT_DENIED);
	permit_refused(relay, MINATO_UDP, &guest, wanted, permit_name_of(relay, &wanted->addr),
		       way.reason);
	if (way.silent)
		minato_ignore(relay->host, call);
	else
		minato_reject(relay->host, call, MINATO_REASON_PROHIBITED);
}

void endpoint_call(struct relay *relay, uint64_t call)
{
	struct minato_endpoint wanted = { 0 };
	struct minato_endpoint to;
	enum target_verdict verdict;

	if (minato_local(relay->host, call, &wanted) < 0)
		return;
	verdict = target_judge(relay, MINATO_UDP, &wanted, &to);
	switch (verdict) {
	case TARGET_DIAL:
		if (surge_admits(relay, &wanted.addr))
			begin_or_not(relay, call, &wanted, &to);
		else
			minato_ignore(relay->host, call);
		break;
	case TARGET_RESOLVER:
		/* Whoever asks may be refused the name. */
		if (!permit_identify(relay, call, MINATO_UDP, &wanted, permit_is_closed(relay)))
			begin(relay, call);
		break;
	case TARGET_REFUSE:
	case TARGET_ABSENT:
	case TARGET_MULTICAST:
		permit_turn_away(relay, call, MINATO_UDP, &wanted, verdict);
		break;
	}
}
