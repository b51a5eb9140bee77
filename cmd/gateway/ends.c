/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forwards that end here: to a UNIX socket, and those whose server is told who its client is by the
 * PROXY protocol. The client's call is held until the other side stands, so that it hears the
 * truth: a refusal where there is nobody.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* A socket's word: slot (16 bits), generation (32), and which of the end's two sockets it is. */
#define WORD_END (UINT64_C(0xe2) << 56)
#define WORD_SERVER (UINT64_C(1) << 48)
#define WORD_TAG (UINT64_C(0xff) << 56)
#define GENERATION_SHIFT 16
/* Failures are said so often only. */
#define SAID_NS (INT64_C(10) * 1000000000)

static uint64_t word_of(const struct gateway_end *end)
{
	return WORD_END | (uint64_t)end->generation << GENERATION_SHIFT | end->index;
}

static struct gateway_end *end_of(const struct gateway_ends *ends, uint64_t word)
{
	const uint32_t index = (uint16_t)word;
	struct gateway_end *end = index < ends->slots_used ? ends->slots[index] : NULL;

	if (!end || end->dead || end->generation != (uint32_t)(word >> GENERATION_SHIFT))
		return NULL;
	return end;
}

/* ---- the life of an end ---- */

/* One more than was ever in use, or the first that is free. */
static struct gateway_end **free_slot(struct gateway_ends *ends)
{
	if (!ends->slots)
		ends->slots = calloc(GATEWAY_ENDS_MAX, sizeof(ends->slots[0]));
	if (!ends->slots || ends->count >= GATEWAY_ENDS_MAX)
		return NULL;
	if (ends->count == ends->slots_used)
		return &ends->slots[ends->slots_used++];
	for (uint32_t i = 0; i < ends->slots_used; i++) {
		if (!ends->slots[i])
			return &ends->slots[i];
	}
	return NULL;
}

static struct gateway_end *end_new(struct gateway_ends *ends)
{
	struct gateway_end **slot = free_slot(ends);
	struct gateway_end *end = slot ? calloc(1, sizeof(*end)) : NULL;

	if (!end)
		return NULL;
	end->all = ends;
	end->index = (uint32_t)(slot - ends->slots);
	end->generation = ++ends->generation;
	end->fd = -1;
	end->caller.fd = -1;
	end->dialling = true;
	*slot = end;
	ends->count++;
	return end;
}

/* The lists of work and of questions to the keeper may still name it. */
static void end_forget(struct gateway_end *end)
{
	if (!end->dead || end->busy || end->asked)
		return;
	end->all->slots[end->index] = NULL;
	end->all->count--;
	free(end);
}

/* syscalls: close */
static void end_free(struct gateway_end *end)
{
	if (end->fd >= 0) {
		drive_loop_remove(end->all->loop, end->watch);
		close(end->fd);
	}
	end->fd = -1;
	if (end->caller.fd >= 0) {
		drive_loop_remove(end->all->loop, end->caller_watch);
		close(end->caller.fd);
	}
	end->caller.fd = -1;
	if (end->place)
		(void)minato_forward_leave(end->all->host, end->place, &end->client);
	end->place = 0;
	end->dead = true;
	end_forget(end);
}

/* Both sides hear that something was cut off: a socket of the host lingers for no time. */
static void end_cut(struct gateway_end *end)
{
	struct minato *host = end->all->host;

	if (end->dialling)
		(void)minato_refuse(host, end->call);
	else
		(void)minato_abort(host, end->call);
	if (end->server)
		(void)minato_abort(host, end->server);
	end_free(end);
}

/* What became of a caller that no frame told of (scan.h). */
static void note_outcome(const struct gateway_end *end, enum minato_outcome outcome)
{
	const struct relay_caller *caller = &end->caller;

	if (caller->fd >= 0)
		minato_outcome(end->all->host, caller->entry, MINATO_TCP, &caller->client,
			       &caller->asked, outcome);
}

/* Both directions are over: the kernel delivers what it has. */
/* syscalls: setsockopt */
static void end_caller(const struct gateway_end *end)
{
	const struct linger linger = { .l_onoff = 0 };

	if (!end->caller_spoke)
		note_outcome(end, MINATO_OUTCOME_EMPTY);
	(void)setsockopt(end->caller.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void end_work(struct gateway_end *end)
{
	struct minato *host = end->all->host;

	if (gateway_end_pipe(end))
		return;
	if (!end->up_done || !end->down_done) {
		end_cut(end);
		return;
	}
	/* What is on its way is delivered by whoever has it. */
	if (end->caller.fd >= 0)
		end_caller(end);
	else
		(void)minato_close(host, end->call);
	if (end->server)
		(void)minato_close(host, end->server);
	end_free(end);
}

/* ---- the other side stands, or does not ---- */

/* For who asks what became of calls (minato why). */
static void note_dial(const struct gateway_end *end, int errnum)
{
	struct gateway_held *held;

	if (gateway_forward_of(end->all->applied, end->forward, &held))
		held->dial_errnum = errnum;
}

static void end_open(struct gateway_end *end)
{
	struct minato *host = end->all->host;

	note_dial(end, 0);
	note_outcome(end, MINATO_OUTCOME_OPEN);
	/* A socket of the host has answered long ago, and has its options. */
	if (end->call && minato_answer(host, end->call) < 0) { /* the client has given up */
		if (end->server)
			(void)minato_abort(host, end->server);
		end_free(end);
		return;
	}
	if (end->call) {
		(void)minato_set(host, end->call, MINATO_OPT_NODELAY, 1);
		(void)minato_set(host, end->call, MINATO_OPT_KEEPALIVE, 1);
	}
	if (end->server) {
		(void)minato_set(host, end->server, MINATO_OPT_NODELAY, 1);
		(void)minato_set(host, end->server, MINATO_OPT_KEEPALIVE, 1);
	}
	end->dialling = false;
	end->all->opened++;
	end_work(end);
}

static void end_refused(struct gateway_end *end, const char *what, int errnum)
{
	struct gateway_ends *ends = end->all;
	struct minato_time now = drive_loop_now(ends->loop);

	note_dial(end, errnum);
	note_outcome(end, MINATO_OUTCOME_CLOSED);
	if (ends->said.ns == 0 || now.ns - ends->said.ns >= SAID_NS) {
		ends->said = now;
		cmd_say("a client of a forward is refused: cannot connect to %s: %s", what,
			strerror(errnum));
	}
	ends->refused++;
	end_cut(end);
}

static void socket_ready(void *user, uint32_t events)
{
	struct gateway_end *end = user;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP))
		end->readable = true;
	if (events & EPOLLOUT)
		end->writable = true;
	end_work(end);
}

/* syscalls: close */
void gateway_ends_dialled(struct gateway_ends *ends, int result, int fd)
{
	struct gateway_end *end = ends->dial_first;
	struct gateway_held *held;
	const struct conf_statement *one;

	if (!end || end->dead) {
		if (fd >= 0)
			close(fd);
		if (!end)
			return;
	}
	ends->dial_first = end->dial_next;
	if (!end->dial_next)
		ends->dial_last = NULL;
	end->asked = false;
	if (end->dead) {
		end_forget(end);
		return;
	}
	if (result < 0 || fd < 0) {
		one = gateway_forward_of(ends->applied, end->forward, &held);
		end_refused(end, one ? one->forward.path : "its socket",
			    result < 0 ? -result : EIO);
		return;
	}
	end->fd = fd;
	end->writable = true;
	end->readable = true;
	end->watch = drive_loop_add(ends->loop, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				    socket_ready, end);
	if (end->watch < 0)
		end_refused(end, "its socket", (int)-end->watch);
	else
		end_open(end);
}

static int ask_keeper(struct gateway_end *end, const char *path)
{
	struct cmd_message message = { .kind = GATEWAY_ASK_DIAL };
	struct gateway_ends *ends = end->all;
	int result;

	(void)snprintf(message.text.text, sizeof(message.text.text), "%s", path);
	result = cmd_channel_send(ends->channel, &message, NULL, 0);
	if (result < 0)
		return result;
	end->asked = true;
	if (ends->dial_last)
		ends->dial_last->dial_next = end;
	else
		ends->dial_first = end;
	ends->dial_last = end;
	return 0;
}

/* ---- calls ---- */

static int dial_server(struct gateway_end *end, const struct minato_endpoint *at)
{
	struct minato *host = end->all->host;
	uint8_t scope = minato_inside_scope(host, &at->addr);
	int result = minato_socket(host, MINATO_TCP, scope, &end->server);

	if (result < 0) {
		end->server = 0;
		return result;
	}
	(void)minato_set_user(host, end->server, word_of(end) | WORD_SERVER);
	result = minato_connect(host, end->server, at);
	return result == -EINPROGRESS ? 0 : result;
}

/* Where it goes, and its place among those of the forward; or it is refused. */
static bool find_way(struct gateway_end *end, uint64_t entry, struct minato_led *led)
{
	int result = minato_forward_join(end->all->host, entry, led);

	if (result == 0) {
		end->place = led->place;
		end->at = led->target;
		return true;
	}
	if (result == -EHOSTUNREACH) {
		end_refused(end, "a server: all are down or drained", EHOSTUNREACH);
		return false;
	}
	end->all->refused++; /* a bound of the forward, or of one source */
	end_cut(end);
	return false;
}

/* The client's side stands, and so does `led` say who it is. */
static void begin(struct gateway_end *end, const struct conf_forward *forward, uint64_t entry,
		  struct minato_led *led)
{
	char text[80];
	int result;

	end->client = led->client.addr;
	if (!find_way(end, entry, led))
		return;
	end->header_size =
		relay_proxy_header(forward->proxy, &led->client, &led->asked, end->header);
	if (end->call)
		(void)minato_set_user(end->all->host, end->call, word_of(end));
	if (forward->to == CONF_TO_SOCKET) {
		result = ask_keeper(end, forward->path);
		if (result < 0)
			end_refused(end, forward->path, -result);
		return;
	}
	result = dial_server(end, &end->at);
	if (result < 0)
		end_refused(end, gateway_end_words(&end->at, text), -result);
}

static void begin_call(struct gateway_ends *ends, const struct minato_event *event,
		       const struct conf_statement *one, uint64_t entry)
{
	struct minato_led led = { .place = 0 };
	struct gateway_end *end;

	if (minato_peer(ends->host, event->socket, &led.client) < 0 ||
	    minato_local(ends->host, event->socket, &led.asked) < 0)
		return;
	end = end_new(ends);
	if (!end) {
		ends->refused++;
		(void)minato_refuse(ends->host, event->socket);
		return;
	}
	end->forward = event->user;
	end->call = event->socket;
	begin(end, &one->forward, entry, &led);
}

static void take_call(struct gateway_ends *ends, const struct minato_event *event)
{
	struct gateway_held *held;
	const struct conf_statement *one = gateway_forward_of(ends->applied, event->user, &held);
	size_t entry = GATEWAY_WORD_ENTRY(event->user);

	if (one && entry < held->count)
		begin_call(ends, event, one, held->entries[entry]);
	else if (event->ready & MINATO_CALL)
		(void)minato_refuse(ends->host, event->socket);
}

/* ---- callers at sockets of the host ---- */

static void caller_ready(void *user, uint32_t events)
{
	struct gateway_end *end = user;
	bool reset = events & EPOLLERR;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP))
		end->caller_readable = true;
	if (reset && !end->caller_spoke)
		note_outcome(end, MINATO_OUTCOME_ABORTED);
	/* While it is not read, nothing else tells that it has gone. */
	if (reset && (end->dialling || end->up_done))
		end_cut(end);
	else if (!end->dialling)
		end_work(end);
}

/* syscalls: close */
bool gateway_ends_take(void *user, const struct relay_caller *caller)
{
	struct gateway_ends *ends = user;
	struct minato_led led = { .client = caller->client, .asked = caller->asked };
	struct gateway_held *held;
	const struct conf_statement *one = gateway_forward_of(ends->applied, caller->word, &held);
	struct gateway_end *end;

	if (!one || one->forward.to != CONF_TO_SOCKET)
		return false;
	end = end_new(ends);
	if (!end) {
		ends->refused++;
		close(caller->fd);
		return true;
	}
	end->forward = caller->word;
	end->caller = *caller;
	end->caller_watch = drive_loop_add(ends->loop, caller->fd,
					   EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, caller_ready,
					   end);
	if (end->caller_watch > 0) {
		begin(end, &one->forward, caller->entry, &led);
	} else {
		end->caller_watch = 0;
		end_refused(end, one->forward.path, ENOMEM);
	}
	return true;
}

static void server_news(struct gateway_end *end, uint32_t ready)
{
	char text[80];

	if (ready & MINATO_CONNECTED) {
		end_open(end);
		return;
	}
	if (!(ready & (MINATO_ERROR | MINATO_HANGUP)))
		return;
	/* Its socket has no peer any more. */
	end_refused(end, gateway_end_words(&end->at, text),
		    minato_error(end->all->host, end->server));
}

bool gateway_ends_event(struct gateway_ends *ends, const struct minato_event *event)
{
	struct gateway_end *end;

	if ((event->user & WORD_TAG) == GATEWAY_WORD_FORWARD) {
		take_call(ends, event);
		return true;
	}
	if ((event->user & WORD_TAG) != WORD_END)
		return false;
	end = end_of(ends, event->user);
	if (!end)
		return true;
	if (!end->dialling)
		end_work(end);
	else if (event->user & WORD_SERVER)
		server_news(end, event->ready);
	else if (event->ready & (MINATO_ERROR | MINATO_HANGUP))
		end_cut(end);
	return true;
}

struct minato_time gateway_ends_turn(struct gateway_ends *ends, struct minato_time now)
{
	struct gateway_end *end = ends->busy;

	ends->busy = NULL;
	while (end) {
		struct gateway_end *next = end->busy_next;

		end->busy = false;
		if (end->dead)
			end_forget(end);
		else
			end_work(end);
		end = next;
	}
	return ends->busy ? now : MINATO_NEVER;
}

uint64_t gateway_ends_count(const struct gateway_ends *ends, const struct minato_endpoint *at)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < ends->slots_used; i++) {
		const struct gateway_end *end = ends->slots[i];

		count += end && !end->dead && minato_addr_equal(&end->at.addr, &at->addr) &&
			 (!at->port || at->port == end->at.port);
	}
	return count;
}

void gateway_ends_free(struct gateway_ends *ends)
{
	for (uint32_t i = 0; i < ends->slots_used; i++) {
		struct gateway_end *end = ends->slots[i];

		if (!end)
			continue;
		end->busy = false;
		end->asked = false;
		if (end->dead)
			end_forget(end);
		else
			end_cut(end);
	}
	free(ends->slots);
	ends->slots = NULL;
}
