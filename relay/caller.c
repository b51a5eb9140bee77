/* SPDX-License-Identifier: BSD-2-Clause */
/* Callers of published TCP ports: each is connected to the guest from its own address. */
#include "relay/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "minato/guard.h"

#define ACCEPT_SHARE 64 /* callers of a door per turn */
#define BELIEVED 8	/* in each BURST_NS, who are taken without a look */
#define BURST_NS 10000000
/*
 * Where so many of a burst had gone it is a flood of connections. Then, for a second and longer
 * each time, the kernel gives us only those who have said something: the others end before we see
 * them. Who waits for the server's first word gets it a second later, in a flood.
 */
#define GONE_MANY 32
#define SPEAKING_NS INT64_C(1000000000)
#define SPEAKING_DOUBLED 3
#define CALM_NS (4 * SPEAKING_NS) /* after which it is a first time again */

/* What a socket in the guest's scope needs to speak as somebody else. */
static int speak_as(struct minato *host, uint64_t socket, const struct minato_endpoint *as)
{
	minato_set(host, socket, MINATO_OPT_TRANSPARENT, 1);
	/* One caller may come by two published ports from one port of its own. */
	minato_set(host, socket, MINATO_OPT_REUSEADDR, 1);
	return minato_bind(host, socket, as);
}

/* Connects to the guest as `as`. 0 and the socket, or negative errno. */
static int connect_as(struct relay *relay, enum minato_proto proto,
		      const struct minato_endpoint *as, const struct minato_endpoint *guest,
		      uint64_t *out)
{
	uint64_t socket;
	int result = minato_socket(relay->host, proto, target_scope(relay, &guest->addr), &socket);

	if (result < 0)
		return result;
	result = speak_as(relay->host, socket, as);
	if (result == 0)
		result = minato_connect(relay->host, socket, guest);
	if (result < 0 && result != -EINPROGRESS) {
		minato_close(relay->host, socket);
		return result;
	}
	*out = socket;
	return 0;
}

int caller_connect(struct relay *relay, enum minato_proto proto, struct minato_endpoint *as,
		   const struct minato_endpoint *guest, uint64_t *out)
{
	struct minato_endpoint other = { .addr = as->addr, .port = 0 };
	int result = connect_as(relay, proto, as, guest, out);

	if (result == 0 && as->port == 0)
		minato_local(relay->host, *out, as);
	if (result != -EADDRINUSE && result != -EADDRNOTAVAIL && result != -EEXIST)
		return result;
	/* Its port is taken there: another one of the same address. */
	result = connect_as(relay, proto, &other, guest, out);
	if (result == 0)
		minato_local(relay->host, *out, as);
	return result;
}

/* syscalls: close */
static void turn_away(struct relay *relay, int fd)
{
	relay_count(relay, RELAY_COUNT_TCP_IN_REFUSED);
	close(fd); /* with linger 0: a reset */
}

/* The end of the host's that it called. */
/* syscalls: getsockname */
static bool find_asked(int fd, struct minato_endpoint *asked)
{
	struct sockaddr_storage name = { 0 };
	socklen_t len = sizeof(name);

	return getsockname(fd, (struct sockaddr *)&name, &len) == 0 &&
	       drive_endpoint_from(asked, (struct sockaddr *)&name);
}

/* What this caller meets in the table. False: nothing that leads on. */
/* syscalls: getpeername */
static bool meet(struct relay_published *door, const struct minato_endpoint *caller, int fd,
		 struct relay_caller *out, struct minato_fate *fate)
{
	struct relay *relay = door->forward->relay;
	struct sockaddr_storage name = { 0 };
	socklen_t len = sizeof(name);
	struct minato_question question = {
		.scope = relay->config.outside,
		.face = zone_face(&relay->config, &caller->addr),
		.proto = MINATO_TCP,
		.course = MINATO_COURSE_IN,
		.remote = *caller,
	};

	if (!find_asked(fd, &question.local))
		return false;
	question.program = zone_caller(&relay->config, MINATO_TCP, caller, &question.local);
	/*
	 * While it is connected no other socket has its tuple: the one that was looked at is at the
	 * other end. Had it gone meanwhile, that could be one that came later.
	 */
	if (question.program == RELAY_CALLER_GONE ||
	    (question.program && getpeername(fd, (struct sockaddr *)&name, &len) < 0))
		return false;
	minato_judge(relay->host, &question, fate);
	*out = (struct relay_caller){ fd, *caller, question.local, fate->handle, fate->user };
	return fate->kind == MINATO_KIND_FORWARD &&
	       !zone_shuts(question.face, &door->forward->spec, fate);
}

/* Where that sends him. False: nowhere. */
static bool find_way(struct lane *f, const struct minato_fate *fate,
		     const struct minato_endpoint *asked)
{
	struct relay *relay = f->relay;

	if (!forward_lead(f, fate, asked))
		return false;
	if (relay->config.proxy)
		f->proxy = relay->config.proxy(relay->config.proxy_user, fate->user) & 3u;
	if (f->proxy)
		f->far.addr = *target_gateway(&relay->config, &f->guest.addr);
	else
		target_caller(&relay->config, &f->dial, &f->guest.addr, &f->far);
	return true;
}

static void take(struct relay_published *door, int fd, const struct minato_endpoint *caller)
{
	struct relay *relay = door->forward->relay;
	struct relay_caller met;
	struct minato_fate fate;
	struct lane *f;

	/* Its options are the listener's. */
	relay_count(relay, RELAY_COUNT_TCP_IN);
	if (!meet(door, caller, fd, &met, &fate)) {
		turn_away(relay, fd);
		return;
	}
	if (relay->config.take && relay->config.take(relay->config.take_user, &met))
		return;
	if (!rank_admits(door->forward, &caller->addr)) {
		relay_count(relay, RELAY_COUNT_TCP_IN_BOUND);
		turned_add(relay, fd);
		return;
	}
	f = lane_new(relay, LANE_IN);
	if (!f && rank_yield(relay, &caller->addr))
		f = lane_new(relay, LANE_IN);
	if (!f) {
		turn_away(relay, fd);
		return;
	}
	f->state = LANE_CALLING;
	f->dial = *caller;
	f->door = door;
	rank_join(f);
	forward_join(f, door->forward);
	if (!find_way(f, &fate, &met.asked) ||
	    caller_connect(relay, MINATO_TCP, &f->far, &f->guest, &f->socket) < 0) {
		lane_free(f);
		turn_away(relay, fd);
		return;
	}
	minato_set_user(relay->host, f->socket, lane_word(f));
	minato_owner_copy(relay->host, f->socket, f->entry);
	f->fd = fd;
	/* Not read before the guest has answered, but watched: the caller may give up. */
	if (lane_watch(f, false) < 0)
		pipe_abort(f);
}

/* syscalls: accept4 */
static int accept_one(struct relay_published *door, struct minato_endpoint *caller)
{
	struct sockaddr_storage name = { 0 };
	socklen_t len = sizeof(name);
	int fd = accept4(door->fd, (struct sockaddr *)&name, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		drive_endpoint_from(caller, (struct sockaddr *)&name);
	return fd;
}

/*
 * No descriptor is left to accept with. One who is turned away already or the oldest idle UDP flow
 * gives way, or else the spare one does for a moment: then we see who calls. One of those who have
 * more gives way to him, or he learns at once that there is no room, instead of waiting in the
 * backlog.
 */
/* syscalls: close fcntl */
static bool make_room(struct relay_published *door)
{
	struct relay *relay = door->forward->relay;
	struct minato_endpoint caller = { 0 };
	bool yielded;
	int fd;

	if (turned_yield(relay) || endpoint_evict(relay))
		return true;
	if (relay->spare_fd < 0)
		return false;
	close(relay->spare_fd);
	fd = accept_one(door, &caller);
	yielded = fd >= 0 && rank_yield(relay, &caller.addr);
	if (fd >= 0 && !yielded) {
		relay_count(relay, RELAY_COUNT_NO_DESCRIPTOR);
		turn_away(relay, fd);
	}
	relay->spare_fd = fcntl(door->fd, F_DUPFD_CLOEXEC, 0);
	if (yielded)
		take(door, fd, &caller);
	return fd >= 0;
}

/* Whether more come than would be taken without a look. */
static bool is_burst(struct relay_published *door)
{
	const int64_t now = door->forward->relay->now.ns;

	if (now - door->burst_ns > BURST_NS) {
		door->burst_ns = now;
		door->burst = 0;
		door->gone = 0;
	}
	if (door->burst >= BELIEVED)
		return true;
	door->burst++;
	return false;
}

/* syscalls: setsockopt */
static void accept_speakers(struct relay_published *door, int seconds)
{
	(void)setsockopt(door->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

static void note_gone(struct relay_published *door)
{
	struct relay *relay = door->forward->relay;
	const int64_t now = relay->now.ns;

	relay_count(relay, RELAY_COUNT_TCP_IN_GONE);
	if (++door->gone < GONE_MANY || door->speaking_until)
		return;
	if (now - door->spoke_ns > CALM_NS)
		door->flooded = 0;
	accept_speakers(door, 1);
	relay->speaking++;
	door->speaking_until = now + (SPEAKING_NS << door->flooded);
	if (door->flooded < SPEAKING_DOUBLED)
		door->flooded++;
}

/* When that ends, of one door; earlier than `next`, or that. */
static struct minato_time end_speaking(struct relay *relay, struct relay_published *door,
				       struct minato_time next)
{
	if (!door->speaking_until)
		return next;
	if (door->speaking_until > relay->now.ns)
		return door->speaking_until < next.ns ?
			       (struct minato_time){ door->speaking_until } :
			       next;
	accept_speakers(door, 0);
	door->spoke_ns = relay->now.ns;
	door->speaking_until = 0;
	relay->speaking--;
	return next;
}

struct minato_time caller_turn(struct relay *relay)
{
	struct minato_time next = MINATO_NEVER;

	if (!relay->speaking)
		return next;
	for (struct relay_forward *f = relay->forwards; f; f = f->next)
		for (size_t i = 0; i < f->door_count; i++)
			next = end_speaking(relay, &f->doors[i], next);
	return next;
}

/* One that has reset meanwhile, as those of a flood have, is not connected to the guest. */
/* syscalls: recvfrom */
static bool has_gone(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno != EAGAIN && errno != EINTR;
}

/* syscalls: close */
void caller_accept(struct relay_published *door)
{
	for (int i = 0; i < ACCEPT_SHARE; i++) {
		struct minato_endpoint caller = { 0 };
		int fd = accept_one(door, &caller);

		if (fd >= 0 && is_burst(door) && has_gone(fd)) {
			note_gone(door);
			close(fd);
		} else if (fd >= 0) {
			take(door, fd, &caller);
		} else if (errno == EMFILE || errno == ENFILE) {
			if (!make_room(door))
				return;
		} else if (errno == EAGAIN || errno == EBADF || errno == EINVAL) {
			return;
		}
	}
}

/* Before its first byte the server hears who it is. It is the first of an empty buffer too. */
static bool introduce(const struct lane *f)
{
	uint8_t header[RELAY_PROXY_MAX];
	struct minato_endpoint asked;
	size_t size;

	if (!f->proxy)
		return true;
	if (!find_asked(f->fd, &asked))
		return false;
	size = relay_proxy_header(f->proxy, &f->dial, &asked, header);
	return minato_send(f->relay->host, f->socket, header, size, 0) == (int64_t)size;
}

void caller_work(struct lane *f)
{
	struct minato *host = f->relay->host;
	int ready = minato_ready(host, f->socket, NULL);

	if (ready < 0 || f->guest_reset || (uint32_t)ready & MINATO_ERROR) {
		minato_outcome(host, f->entry, MINATO_TCP, &f->dial, &f->guest,
			       MINATO_OUTCOME_CLOSED);
		relay_count(f->relay, RELAY_COUNT_TCP_IN_REFUSED);
		minato_close(host, f->socket);
		lane_free(f);
	} else if (f->host_error) {
		/* The caller has reset, as one who only looks what is open, before the guest could
		   answer. His connection was complete: the host's kernel has made it. */
		minato_outcome(host, f->entry, MINATO_TCP, &f->dial, &f->guest,
			       MINATO_OUTCOME_ABORTED);
		pipe_abort(f);
	} else if ((uint32_t)ready & MINATO_CONNECTED) {
		minato_outcome(host, f->entry, MINATO_TCP, &f->dial, &f->guest,
			       MINATO_OUTCOME_OPEN);
		if (introduce(f))
			pipe_open(f);
		else
			pipe_abort(f);
	}
}
