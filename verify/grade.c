/* SPDX-License-Identifier: BSD-2-Clause */
/* unsealed: bind close connect getsockname poll recvfrom sendto socket */
/* What a NAT does that lies between here and two responders outside (RFC 4787, RFC 5780). */
#include "verify/verify.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure/measure.h"

#define TRIES 4
#define ANSWER_MS 250
#define ARRIVE_MS 600
#define ROUND 16 /* idle sockets of one round */
#define BIG 3000 /* bytes: two fragments and more */

struct grader {
	const struct verify_plan *plan;
	struct verify_grade *out;
	struct drive_error *error;
	int fd;			       /* whose mapping is looked at */
	int helper;		       /* who asks responders to send */
	struct verify_message greeted; /* what it heard last */
};

/* ---- sockets ---- */

static int open_socket(struct drive_error *error)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return drive_fail(error, errno, "no socket: %s", strerror(errno));
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in at = { 0 };
	socklen_t size = sizeof(at);

	(void)getsockname(fd, (struct sockaddr *)&at, &size);
	return ntohs(at.sin_port);
}

static void send_to(int fd, const struct verify_end *to, const struct verify_message *m, size_t len)
{
	static uint8_t bytes[VERIFY_MESSAGE_MAX];
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(to->port),
				  .sin_addr.s_addr = htonl(to->addr) };

	memset(bytes, 0, sizeof(bytes));
	verify_message_write(m, bytes);
	(void)sendto(fd, bytes, len, 0, (const struct sockaddr *)&at, sizeof(at));
}

/* The next message on the socket with that nonce; its sender and length where they are wanted. */
static bool hear(int fd, int ms, const uint8_t nonce[16], struct verify_message *out,
		 struct verify_end *from, size_t *len)
{
	static uint8_t bytes[VERIFY_MESSAGE_MAX];
	int64_t end_ns = drive_now().ns + (int64_t)ms * 1000000;

	for (;;) {
		int64_t left_ns = end_ns - drive_now().ns;
		struct pollfd wait = { fd, POLLIN, 0 };
		struct sockaddr_in at;
		socklen_t size = sizeof(at);
		ssize_t got;

		if (left_ns < 0 || poll(&wait, 1, (int)(left_ns / 1000000) + 1) < 0)
			return false;
		got = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&at, &size);
		if (got < 0 || !verify_message_read(bytes, (size_t)got, out) ||
		    memcmp(out->nonce, nonce, sizeof(out->nonce)))
			continue;
		*from = (struct verify_end){ ntohl(at.sin_addr.s_addr), ntohs(at.sin_port) };
		*len = (size_t)got;
		return true;
	}
}

/* Greets a responder; what it answers. `len` of the question, and, with `full`, of the answer. */
static bool greet(int fd, const struct verify_end *to, size_t len, bool full,
		  struct verify_message *out)
{
	struct verify_message m = { .kind = VERIFY_GREET, .full = full };
	struct verify_end from;
	size_t got = 0;

	for (int i = 0; i < TRIES; i++) {
		(void)drive_seed(m.nonce, sizeof(m.nonce));
		send_to(fd, to, &m, len);
		if (hear(fd, ANSWER_MS, m.nonce, out, &from, &got) && out->kind == VERIFY_SEEN)
			return !full || got == len;
	}
	return false;
}

static bool greet_plain(int fd, const struct verify_end *to, struct verify_message *out)
{
	return greet(fd, to, VERIFY_MESSAGE, false, out);
}

/* ---- does something from there reach this socket? ---- */

enum asked { ARRIVED, LOST, UNKNOWN };

/*
 * Has a responder send to the mapping `mapped` of `fd`. The helper's own mapping must have the same
 * outside address, since nothing is sent to others.
 */
static enum asked sent_to(struct grader *g, int fd, struct verify_end mapped, int server,
			  bool other_port)
{
	const struct verify_end *to = &g->plan->server[server];
	struct verify_message m = { .kind = VERIFY_SEND, .other = other_port, .port = mapped.port };
	struct verify_message got;
	struct verify_end from;
	size_t len;

	if (!greet_plain(g->helper, to, &got) || got.seen.addr != mapped.addr)
		return UNKNOWN;
	m.cookie = got.cookie;
	for (int i = 0; i < 2; i++) {
		(void)drive_seed(m.nonce, sizeof(m.nonce));
		send_to(g->helper, to, &m, VERIFY_MESSAGE);
		if (hear(fd, ARRIVE_MS, m.nonce, &got, &from, &len))
			return ARRIVED;
	}
	return LOST;
}

/* ---- mapping, filtering, hairpin ---- */

static int no_answer(struct grader *g, const struct verify_end *who)
{
	char text[24];

	return drive_fail(g->error, ETIMEDOUT,
			  "%s does not answer; is 'minato nat verify --respond' running there?",
			  verify_end_text(text, *who));
}

/* Our address towards them, without a packet. */
static struct verify_end local_end(struct grader *g)
{
	const struct verify_end *to = &g->plan->server[0];
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(to->port),
				  .sin_addr.s_addr = htonl(to->addr) };
	struct verify_end local = { 0, port_of(g->fd) };
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&at, &size) == 0)
		local.addr = ntohl(at.sin_addr.s_addr);
	if (fd >= 0)
		close(fd);
	return local;
}

static bool same(struct verify_end a, struct verify_end b)
{
	return a.addr == b.addr && a.port == b.port;
}

/* A socket of its own: what is kept out may leave traces that change a mapping made later. */
static int grade_filtering(struct grader *g)
{
	struct verify_message seen;
	enum asked other, port;
	int fd = open_socket(g->error);
	int result = fd < 0 ? fd : 0;

	if (result == 0 && (!greet_plain(fd, &g->plan->server[0], &seen) ||
			    !greet_plain(g->helper, &g->plan->server[0], &g->greeted)))
		result = no_answer(g, &g->plan->server[0]);
	if (result == 0) {
		other = sent_to(g, fd, seen.seen, 1, false);
		port = sent_to(g, fd, seen.seen, 0, true);
		g->out->filtering_known = other != UNKNOWN && port != UNKNOWN;
		g->out->filtering = other == ARRIVED ? VERIFY_ENDPOINT_INDEPENDENT :
				    port == ARRIVED  ? VERIFY_ADDRESS_DEPENDENT :
						       VERIFY_ADDRESS_PORT_DEPENDENT;
	}
	if (fd >= 0)
		close(fd);
	return result;
}

static int grade_mapping(struct grader *g)
{
	struct verify_end second = g->plan->server[0];
	struct verify_message port, other;

	second.port++;
	if (!greet_plain(g->fd, &second, &port))
		return no_answer(g, &second);
	if (!greet_plain(g->fd, &g->plan->server[1], &other))
		return no_answer(g, &g->plan->server[1]);
	g->out->mapping = !same(port.seen, g->out->mapped)  ? VERIFY_ADDRESS_PORT_DEPENDENT :
			  !same(other.seen, g->out->mapped) ? VERIFY_ADDRESS_DEPENDENT :
							      VERIFY_ENDPOINT_INDEPENDENT;
	return 0;
}

/* One socket here sends to the outside end of another one here. */
static void grade_hairpin(struct grader *g)
{
	struct verify_message m = { .kind = VERIFY_SENT }, seen, got;
	struct verify_end from;
	size_t len;

	if (!g->out->translated || !greet_plain(g->helper, &g->plan->server[0], &seen))
		return;
	for (int i = 0; i < TRIES && !g->out->hairpin; i++) {
		(void)drive_seed(m.nonce, sizeof(m.nonce));
		send_to(g->helper, &g->out->mapped, &m, VERIFY_MESSAGE);
		g->out->hairpin = hear(g->fd, ANSWER_MS, m.nonce, &got, &from, &len);
	}
	g->out->hairpin_external = g->out->hairpin && same(from, seen.seen);
}

static void grade_fragments(struct grader *g)
{
	struct verify_message got;

	g->out->fragments_out = greet(g->fd, &g->plan->server[0], BIG, false, &got);
	g->out->fragments_in = g->out->fragments_out &&
			       greet(g->fd, &g->plan->server[0], BIG, true, &got);
}

/* ---- many ports ---- */

static void count_port(struct grader *g, uint16_t local, struct verify_end seen, uint32_t *addrs)
{
	struct verify_grade *out = g->out;
	uint32_t i = 0;

	out->parity += seen.port % 2 == local % 2;
	out->preserved += seen.port == local;
	while (i < out->addresses && addrs[i] != seen.addr)
		i++;
	if (i == out->addresses && i < 64)
		addrs[out->addresses++] = seen.addr;
}

/* Of how few ports somebody chooses: then luck keeps the inside's most often. */
#define FEW_PORTS 16384.0

void verify_predict(struct verify_grade *g, const uint16_t *symbol)
{
	const struct measure_series series = { symbol, g->got, MEASURE_GAME_PORTS };
	const struct measure_law law = { 1, 0 };
	struct measure_game game;

	if (g->got < 16 || measure_game(&series, &law, &game) < 0)
		return;
	g->guessed = (uint32_t)game.hits;
	g->chance = game.bound;
	/* The inside port is one more. */
	g->predictors = game.players + 1;
	g->reach = (uint32_t)measure_game_reach(g->predictors, game.bound, g->got);
	g->kept_reach =
		(uint32_t)measure_game_reach(g->predictors, g->got / FEW_PORTS, g->got);
	snprintf(g->predictor, sizeof(g->predictor), "%s", game.best);
}

enum verify_foretold verify_foretold(const struct verify_grade *g)
{
	if (g->predictors == 0)
		return VERIFY_UNJUDGED;
	if (g->preserved > g->kept_reach)
		return VERIFY_BY_INSIDE;
	return g->guessed > g->reach ? VERIFY_BY_ORDER : VERIFY_BY_CHANCE;
}

static int grade_ports(struct grader *g)
{
	uint32_t count = g->plan->ports, addrs[64], misses = 0;
	int *fd = malloc(count * sizeof(*fd));
	uint16_t *symbol = malloc(count * sizeof(*symbol));
	struct verify_message seen;
	struct verify_end first = { 0, 0 };

	/* One after another: the order of the ports is what predictors look at. */
	while (fd && symbol && g->out->asked < count && misses < 8) {
		int one = open_socket(NULL);

		if (one < 0)
			break;
		fd[g->out->asked++] = one;
		if (!greet_plain(one, &g->plan->server[0], &seen)) {
			misses++;
			continue;
		}
		first = g->out->got ? first : seen.seen;
		count_port(g, port_of(one), seen.seen, addrs);
		symbol[g->out->got++] = seen.seen.port & (MEASURE_GAME_PORTS - 1);
	}
	if (fd && symbol && g->out->got > 0) {
		g->out->evicted = !greet_plain(fd[0], &g->plan->server[0], &seen) ||
				  !same(seen.seen, first);
		verify_predict(g->out, symbol);
	}
	for (uint32_t i = 0; fd && i < g->out->asked; i++)
		close(fd[i]);
	free(symbol);
	free(fd);
	return 0;
}

/* ---- timers ---- */

static void sleep_until(int64_t ns)
{
	int64_t left_ns;

	while ((left_ns = ns - drive_now().ns) > 0)
		(void)poll(NULL, 0, (int)(left_ns / 1000000 < 500 ? left_ns / 1000000 + 1 : 500));
}

/* One round: sockets that idle for as many spans between; narrows to where the mapping goes. */
static int time_round(struct grader *g, double low, double high)
{
	struct verify_message seen[ROUND];
	int64_t began[ROUND];
	int fd[ROUND], result = 0;
	bool over = false;

	for (int i = 0; i < ROUND; i++) {
		fd[i] = open_socket(NULL);
		if (fd[i] < 0 || !greet_plain(fd[i], &g->plan->server[0], &seen[i]))
			result = -ETIMEDOUT;
		began[i] = drive_now().ns;
	}
	for (int i = 0; i < ROUND && result == 0 && !over; i++) {
		double span = low + (high - low) * (i + 1) / ROUND;

		sleep_until(began[i] + (int64_t)(span * 1e9));
		if (sent_to(g, fd[i], seen[i].seen, 0, false) == ARRIVED) {
			g->out->lived_s = span;
		} else {
			g->out->over_s = span;
			over = true;
		}
	}
	for (int i = 0; i < ROUND; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
	}
	return result;
}

static int grade_timer(struct grader *g)
{
	double half = g->plan->seconds / 2;
	int result;

	if (g->plan->seconds <= 0)
		return 0;
	result = time_round(g, 0, half);
	if (result == 0 && g->out->over_s > 0)
		result = time_round(g, g->out->lived_s, g->out->over_s);
	else if (result == 0)
		result = time_round(g, half * 0.99, half);
	g->out->timed = result == 0;
	return 0;
}

/* ---- all of it ---- */

const char *verify_dependence_word(enum verify_dependence dependence)
{
	switch (dependence) {
	case VERIFY_ENDPOINT_INDEPENDENT:
		return "endpoint-independent";
	case VERIFY_ADDRESS_DEPENDENT:
		return "address-dependent";
	case VERIFY_ADDRESS_PORT_DEPENDENT:
		return "address-and-port-dependent";
	}
	return "?";
}

static int grade(struct grader *g)
{
	struct verify_message seen;
	int result;

	if (!greet_plain(g->fd, &g->plan->server[0], &seen))
		return no_answer(g, &g->plan->server[0]);
	g->out->local = local_end(g);
	g->out->mapped = seen.seen;
	g->out->translated = !same(g->out->local, seen.seen);
	result = grade_mapping(g);
	if (result == 0)
		result = grade_filtering(g);
	if (result < 0)
		return result;
	grade_hairpin(g);
	grade_fragments(g);
	result = grade_ports(g);
	return result < 0 ? result : grade_timer(g);
}

int verify_grade(const struct verify_plan *plan, struct verify_grade *out,
		 struct drive_error *error)
{
	struct grader g = { .plan = plan, .out = out, .error = error };
	int result;

	*out = (struct verify_grade){ .translated = false };
	g.fd = open_socket(error);
	g.helper = open_socket(error);
	result = g.fd < 0 ? g.fd : g.helper < 0 ? g.helper : grade(&g);
	if (g.fd >= 0)
		close(g.fd);
	if (g.helper >= 0)
		close(g.helper);
	return result;
}
