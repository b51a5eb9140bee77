/* SPDX-License-Identifier: BSD-2-Clause */
/* unsealed: bind close poll recvfrom sendto socket */
/* A responder outside, for the grader of NATs. */
#include "verify/verify.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
#define ANSWERS_PER_SECOND 1000
#define COOKIE_S 60

struct responder {
	int fd[2]; /* the port, and the next one */
	uint64_t key[2];
	int64_t second; /* the one that is counted */
	uint32_t answers;
};

/* Of an address, in this minute or the one before. */
static uint64_t cookie_of(const struct responder *r, uint32_t addr, int64_t now_s)
{
	uint64_t words[2] = { addr, (uint64_t)(now_s / COOKIE_S) };
	uint8_t bytes[sizeof(words)];

	memcpy(bytes, words, sizeof(bytes));
	return verify_keyed(r->key, bytes, sizeof(bytes));
}

static bool cookie_holds(const struct responder *r, const struct verify_message *m, uint32_t addr,
			 int64_t now_s)
{
	return m->cookie == cookie_of(r, addr, now_s) ||
	       m->cookie == cookie_of(r, addr, now_s - COOKIE_S);
}

static bool may_answer(struct responder *r, int64_t now_s)
{
	if (now_s != r->second) {
		r->second = now_s;
		r->answers = 0;
	}
	return r->answers++ < ANSWERS_PER_SECOND;
}

static void answer(struct responder *r, int fd, const uint8_t *bytes, size_t len,
		   struct sockaddr_in *from)
{
	static uint8_t out[VERIFY_MESSAGE_MAX];
	struct verify_end who = { ntohl(from->sin_addr.s_addr), ntohs(from->sin_port) };
	int64_t now_s = drive_now().ns / SECOND_NS;
	struct verify_message m, reply;

	if (!verify_message_read(bytes, len, &m) || m.kind > VERIFY_SEND)
		return;
	if (m.kind == VERIFY_SEND && (!m.port || !cookie_holds(r, &m, who.addr, now_s)))
		return;
	if (!may_answer(r, now_s))
		return;
	reply = (struct verify_message){ .kind = VERIFY_SEEN, .seen = who };
	memcpy(reply.nonce, m.nonce, sizeof(reply.nonce));
	if (m.kind == VERIFY_SEND) {
		reply.kind = VERIFY_SENT;
		from->sin_port = htons(m.port);
		fd = r->fd[m.other];
	} else {
		reply.cookie = cookie_of(r, who.addr, now_s);
	}
	memset(out, 0, sizeof(out));
	verify_message_write(&reply, out);
	(void)sendto(fd, out, m.full ? len : VERIFY_MESSAGE, MSG_DONTWAIT,
		     (const struct sockaddr *)from, sizeof(*from));
}

static int open_at(uint32_t addr, uint32_t port, struct drive_error *error)
{
	struct verify_end end = { addr, (uint16_t)port };
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(end.port),
				  .sin_addr.s_addr = htonl(addr) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[24];

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	if (fd >= 0) {
		int code = errno;

		close(fd);
		errno = code;
	}
	return drive_fail(error, errno, "cannot listen at %s: %s", verify_end_text(text, end),
			  strerror(errno));
}

static volatile sig_atomic_t ended;

static void end_it(int signo)
{
	(void)signo;
	ended = 1;
}

static void serve(struct responder *r, int64_t end_ns)
{
	static uint8_t bytes[VERIFY_MESSAGE_MAX];

	(void)signal(SIGTERM, end_it);
	(void)signal(SIGINT, end_it);
	while (!ended && drive_now().ns < end_ns) {
		struct pollfd wait[2] = { { r->fd[0], POLLIN, 0 }, { r->fd[1], POLLIN, 0 } };

		(void)poll(wait, 2, 200);
		for (int i = 0; i < 2; i++) {
			struct sockaddr_in from;
			socklen_t size = sizeof(from);
			ssize_t got;

			if (!(wait[i].revents & POLLIN))
				continue;
			got = recvfrom(r->fd[i], bytes, sizeof(bytes), 0, (struct sockaddr *)&from,
				       &size);
			if (got > 0)
				answer(r, r->fd[i], bytes, (size_t)got, &from);
		}
	}
}

int verify_respond(const struct verify_end *at, double seconds, struct drive_error *error)
{
	struct responder r = { .fd = { -1, -1 } };
	int64_t end_ns = seconds > 0 ? drive_now().ns + (int64_t)(seconds * 1e9) : INT64_MAX;
	int result = drive_seed(r.key, sizeof(r.key));

	if (result < 0)
		return drive_fail(error, -result, "no random numbers: %s", strerror(-result));
	r.fd[0] = open_at(at->addr, at->port, error);
	if (r.fd[0] < 0)
		return r.fd[0];
	r.fd[1] = open_at(at->addr, at->port + 1u, error);
	if (r.fd[1] >= 0)
		serve(&r, end_ns);
	result = r.fd[1] < 0 ? r.fd[1] : 0;
	close(r.fd[0]);
	if (r.fd[1] >= 0)
		close(r.fd[1]);
	return result;
}
