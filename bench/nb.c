/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nb - small network bench tool: one binary, one subcommand per measurement.
 *
 *   nb serve     -p PORT                TCP+UDP service on PORT (dual stack)
 *   nb rr        -a ADDR -p PORT [-c CONNS] [-t SECS] [-s BYTES]
 *   nb crr       -a ADDR -p PORT [-c CONC]  [-t SECS] [-s BYTES]
 *   nb udprr     -a ADDR -p PORT [-t SECS] [-s BYTES]
 *   nb udp       -a ADDR -p PORT [-t SECS] [-s BYTES] [-r PPS] [-R]
 *   nb udpsearch -a ADDR -p PORT [-s BYTES] [-l LOSS_PCT] [-t SECS per trial] [-R]
 *   nb idle      -a ADDR -p PORT -n COUNT [-t HOLD_SECS]
 *   nb first     -a ADDR -p PORT [-T TIMEOUT_SECS] [-0 T0_NS]
 *   nb now                              CLOCK_MONOTONIC in ns
 *   nb unixreq   PATH REQUEST           one request/answer on a unix stream socket
 *
 * TCP service: bytes are echoed; when a read starts with 'Q' the service
 * answers and closes first (so TIME_WAIT stays at the service's side).
 * UDP service: see struct uhdr; counts floods, echoes, or floods back.
 * Every client prints one line of key=value pairs.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000ull
#define BATCH 32
#define MAXPKT 65536

static const char *o_addr = "127.0.0.1";
static int o_port = 7000, o_conns = 1, o_size = 64, o_count = 1000, o_rev;
static double o_secs = 2, o_timeout = 10, o_loss = 1.0, o_rate;
static uint64_t o_t0;

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("error=\"");
	vprintf(fmt, ap);
	if (errno)
		printf(": %s", strerror(errno));
	printf("\"\n");
	va_end(ap);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS + ts.tv_nsec;
}

static void sleep_until(uint64_t t)
{
	struct timespec ts = { t / NS, t % NS };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

static union { struct sockaddr sa; struct sockaddr_in v4; struct sockaddr_in6 v6; } dst;
static socklen_t dstlen;

static void resolve(void)
{
	memset(&dst, 0, sizeof(dst));
	if (inet_pton(AF_INET, o_addr, &dst.v4.sin_addr) == 1) {
		dst.v4.sin_family = AF_INET;
		dst.v4.sin_port = htons(o_port);
		dstlen = sizeof(dst.v4);
	} else if (inet_pton(AF_INET6, o_addr, &dst.v6.sin6_addr) == 1) {
		dst.v6.sin6_family = AF_INET6;
		dst.v6.sin6_port = htons(o_port);
		dstlen = sizeof(dst.v6);
	} else {
		die("bad address %s", o_addr);
	}
}

static int sock(int type, int flags)
{
	int fd = socket(dst.sa.sa_family, type | flags | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static void nodelay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* ---- latency samples ---- */
static uint32_t *lat;
static size_t nlat, caplat;

static void lat_add(uint64_t ns)
{
	if (nlat == caplat) {
		caplat = caplat ? caplat * 2 : 1 << 16;
		lat = realloc(lat, caplat * sizeof(*lat));
		if (!lat)
			die("memory");
	}
	lat[nlat++] = ns > UINT32_MAX ? UINT32_MAX : ns;
}

static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double pct(double p)
{
	size_t i = p / 100 * nlat;

	if (!nlat)
		return 0;
	return lat[i >= nlat ? nlat - 1 : i] / 1e3;
}

/* Why the first operation failed, for the line that says how many did. */
static char first_error[64] = "unknown";

static void note_error(unsigned long errors, const char *stage, int err)
{
	if (errors == 0)
		snprintf(first_error, sizeof(first_error), "%s:%s", stage,
			 err ? strerrorname_np(err) : "closed");
}

static void lat_print(double secs, unsigned long errors)
{
	qsort(lat, nlat, sizeof(*lat), cmp_u32);
	printf("rate=%.1f p50=%.1f p90=%.1f p99=%.1f p999=%.1f max=%.1f n=%zu errors=%lu%s%s\n",
	       nlat / secs, pct(50), pct(90), pct(99), pct(99.9), pct(100), nlat, errors,
	       errors ? " first_error=" : "", errors ? first_error : "");
}

/* ---- UDP protocol ---- */
enum { U_DATA = 1, U_ECHO, U_QUERY, U_PULL, U_REPORT };
struct uhdr {
	uint32_t kind;		/* U_* (all fields little endian: one machine) */
	uint32_t id;		/* test id */
	uint64_t a, b, c;	/* QUERY answer: packets, bytes, ns; PULL: size, pps, ns */
} __attribute__((packed));

static void bigbuf(int fd)
{
	int sz = 4 << 20;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &sz, sizeof(sz)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &sz, sizeof(sz));
	sz = 1 << 20;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &sz, sizeof(sz)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sz, sizeof(sz));
}

/* Send packets of `size' bytes for `ns' at `pps' (0: as fast as it goes). */
static uint64_t flood(int fd, const struct sockaddr *sa, socklen_t sl, uint32_t id,
		      int size, double pps, uint64_t ns)
{
	static char buf[MAXPKT];
	struct uhdr *h = (struct uhdr *)buf;
	struct iovec iov = { buf, size };
	struct mmsghdr m[BATCH];
	uint64_t sent = 0, start = now(), end = start + ns, t;
	int i, k, batch = BATCH;

	if (pps > 0) {		/* about one batch per 200 us, at most BATCH */
		batch = pps / 5000;
		batch = batch < 1 ? 1 : batch > BATCH ? BATCH : batch;
	}
	memset(buf, 'x', size);
	h->kind = U_DATA;
	h->id = id;
	memset(m, 0, sizeof(m));
	for (i = 0; i < BATCH; i++) {
		m[i].msg_hdr.msg_iov = &iov;
		m[i].msg_hdr.msg_iovlen = 1;
		m[i].msg_hdr.msg_name = (void *)sa;
		m[i].msg_hdr.msg_namelen = sl;
	}
	for (;;) {
		t = now();
		if (t >= end)
			break;
		if (pps > 0) {
			uint64_t due = start + (uint64_t)(sent / pps * 1e9);

			if (due > t + 50000) {
				sleep_until(due < end ? due : end);
				continue;
			}
		}
		k = sendmmsg(fd, m, batch, 0);
		if (k < 0) {
			if (errno == ENOBUFS || errno == EAGAIN || errno == ECONNREFUSED || errno == EINTR)
				continue;
			die("sendmmsg");
		}
		sent += k;
	}
	return sent;
}

/* ---- serve ---- */
static void serve_udp(int fd)
{
	static char bufs[BATCH][2048];
	static struct sockaddr_in6 from[BATCH];
	static struct { uint32_t id; uint64_t n, bytes, first, last; } cur;
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	int i, n;

	for (i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ bufs[i], sizeof(bufs[i]) };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &from[i], .msg_namelen = sizeof(from[i]),
						.msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	n = recvmmsg(fd, m, BATCH, MSG_DONTWAIT, NULL);
	for (i = 0; i < n; i++) {
		struct uhdr *h = (struct uhdr *)bufs[i];
		const struct sockaddr *sa = (void *)&from[i];
		socklen_t sl = m[i].msg_hdr.msg_namelen;

		if (m[i].msg_len < sizeof(*h))
			continue;
		switch (h->kind) {
		case U_DATA:
			if (h->id != cur.id) {
				memset(&cur, 0, sizeof(cur));
				cur.id = h->id;
				cur.first = now();
			}
			cur.n++;
			cur.bytes += m[i].msg_len;
			cur.last = cur.n % 16 && i != n - 1 ? cur.last : now();
			break;
		case U_ECHO:
			sendto(fd, bufs[i], m[i].msg_len, 0, sa, sl);
			break;
		case U_QUERY:
			h->kind = U_REPORT;
			h->a = h->b = h->c = 0;
			if (h->id == cur.id) {
				h->a = cur.n;
				h->b = cur.bytes;
				h->c = cur.last - cur.first;
			}
			sendto(fd, h, sizeof(*h), 0, sa, sl);
			break;
		case U_PULL: {
			static uint32_t done;
			uint64_t size = h->a, ns = h->c, sent;
			double pps = h->b;

			if (h->id == done || size < sizeof(*h) || size > 1472 || ns > 30 * NS)
				break;
			done = h->id;
			sent = flood(fd, sa, sl, h->id, size, pps, ns);
			usleep(100000);
			h->kind = U_REPORT;
			h->a = sent;
			for (int k = 0; k < 5; k++) {
				sendto(fd, h, sizeof(*h), 0, sa, sl);
				usleep(5000);
			}
			break;
		}
		}
	}
}

static int listen_any(int type)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(o_port) };
	int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, zero = 0;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)))
		die("bind %d", o_port);
	if (type == SOCK_STREAM && listen(fd, 4096))
		die("listen");
	if (type == SOCK_DGRAM)
		bigbuf(fd);
	return fd;
}

static _Noreturn void cmd_serve(void)
{
	static char buf[1 << 16];
	int ep = epoll_create1(EPOLL_CLOEXEC), ls = listen_any(SOCK_STREAM), us = listen_any(SOCK_DGRAM);
	struct epoll_event ev = { .events = EPOLLIN }, evs[256];
	int i, n, fd;

	ev.data.fd = ls;
	epoll_ctl(ep, EPOLL_CTL_ADD, ls, &ev);
	ev.data.fd = us;
	epoll_ctl(ep, EPOLL_CTL_ADD, us, &ev);
	for (;;) {
		n = epoll_wait(ep, evs, 256, -1);
		for (i = 0; i < n; i++) {
			fd = evs[i].data.fd;
			if (fd == us) {
				serve_udp(us);
			} else if (fd == ls) {
				while ((fd = accept4(ls, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
					nodelay(fd);
					ev.data.fd = fd;
					epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
				}
			} else {
				ssize_t r = recv(fd, buf, sizeof(buf), 0);

				if (r > 0)
					send(fd, buf, r, MSG_NOSIGNAL);
				if (r == 0 || (r < 0 && errno != EAGAIN) || (r > 0 && buf[0] == 'Q'))
					close(fd);
			}
		}
	}
}

/* ---- TCP request/response on kept connections ---- */
static int cmd_rr(void)
{
	struct { int fd; int got; uint64_t t; } *c = calloc(o_conns, sizeof(*c));
	struct epoll_event ev, evs[64];
	static char req[MAXPKT], buf[MAXPKT];
	int ep = epoll_create1(0), i, n;
	uint64_t start, end, t;
	unsigned long errors = 0;

	memset(req, 'E', o_size);
	for (i = 0; i < o_conns; i++) {
		c[i].fd = sock(SOCK_STREAM, 0);
		if (connect(c[i].fd, &dst.sa, dstlen))
			die("connect");
		nodelay(c[i].fd);
		if (o_conns == 1) {
			struct timeval tv = { 3, 0 };

			setsockopt(c[i].fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		}
		ev.events = EPOLLIN;
		ev.data.u32 = i;
		epoll_ctl(ep, EPOLL_CTL_ADD, c[i].fd, &ev);
	}
	start = now();
	end = start + (uint64_t)(o_secs * 1e9);
	if (o_conns == 1) {
		for (t = start; t < end;) {
			uint64_t t1;
			int got = 0;
			ssize_t r;

			if (send(c[0].fd, req, o_size, MSG_NOSIGNAL) != o_size)
				die("send");
			while (got < o_size) {
				r = recv(c[0].fd, buf, o_size - got, 0);
				if (r <= 0)
					die("recv");
				got += r;
			}
			t1 = now();
			lat_add(t1 - t);
			t = t1;
		}
	} else {
		for (i = 0; i < o_conns; i++) {
			c[i].t = now();
			send(c[i].fd, req, o_size, MSG_NOSIGNAL);
		}
		while ((t = now()) < end) {
			n = epoll_wait(ep, evs, 64, 1000);
			for (i = 0; i < n; i++) {
				int k = evs[i].data.u32;
				ssize_t r = recv(c[k].fd, buf, o_size - c[k].got, 0);

				if (r <= 0) {
					errors++;
					close(c[k].fd);
					continue;
				}
				c[k].got += r;
				if (c[k].got == o_size) {
					t = now();
					lat_add(t - c[k].t);
					c[k].got = 0;
					c[k].t = t;
					send(c[k].fd, req, o_size, MSG_NOSIGNAL);
				}
			}
		}
	}
	lat_print((now() - start) / 1e9, errors);
	return 0;
}

/* ---- TCP connect/request/response/close ---- */
static int cmd_crr(void)
{
	struct slot { int fd, got, sentreq; uint64_t t; } *c = calloc(o_conns, sizeof(*c));
	struct epoll_event ev, evs[64];
	static char req[MAXPKT], buf[MAXPKT];
	int ep = epoll_create1(0), i, n;
	uint64_t start = now(), end = start + (uint64_t)(o_secs * 1e9), t, lastscan = start;
	unsigned long errors = 0;

	memset(req, 'Q', o_size);
	for (i = 0; i < o_conns; i++)
		c[i].fd = -1;
	while ((t = now()) < end) {
		for (i = 0; i < o_conns; i++) {
			if (c[i].fd >= 0)
				continue;
			c[i].got = c[i].sentreq = 0;
			c[i].t = now();
			c[i].fd = sock(SOCK_STREAM, SOCK_NONBLOCK);
			if (connect(c[i].fd, &dst.sa, dstlen) && errno != EINPROGRESS) {
				note_error(errors++, "connect", errno);
				close(c[i].fd);
				c[i].fd = -1;
				usleep(1000);
				continue;
			}
			ev.events = EPOLLOUT;
			ev.data.u32 = i;
			epoll_ctl(ep, EPOLL_CTL_ADD, c[i].fd, &ev);
		}
		n = epoll_wait(ep, evs, 64, 100);
		for (i = 0; i < n; i++) {
			struct slot *s = &c[evs[i].data.u32];
			const char *stage = "connect";
			ssize_t r;
			int err = 0;

			if (!s->sentreq) {
				socklen_t l = sizeof(err);

				getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &l);
				if (err)
					goto bad;
				stage = "send";
				if (send(s->fd, req, o_size, MSG_NOSIGNAL) != o_size) {
					err = errno;
					goto bad;
				}
				s->sentreq = 1;
				ev.events = EPOLLIN;
				ev.data.u32 = evs[i].data.u32;
				epoll_ctl(ep, EPOLL_CTL_MOD, s->fd, &ev);
				continue;
			}
			stage = "recv";
			r = recv(s->fd, buf, sizeof(buf), 0);
			if (r > 0) {
				s->got += r;
				continue;
			}
			if (r < 0 && errno == EAGAIN)
				continue;
			err = r < 0 ? errno : 0;
			if (r == 0 && s->got == o_size) {
				lat_add(now() - s->t);
				close(s->fd);
				s->fd = -1;
				continue;
			}
bad:
			note_error(errors++, stage, err);
			close(s->fd);
			s->fd = -1;
		}
		if (t - lastscan > NS / 2) {	/* give up on stuck ones */
			lastscan = t;
			for (i = 0; i < o_conns; i++)
				if (c[i].fd >= 0 && t - c[i].t > 2 * NS) {
					note_error(errors++, "stuck", ETIMEDOUT);
					close(c[i].fd);
					c[i].fd = -1;
				}
		}
	}
	lat_print((now() - start) / 1e9, errors);
	return 0;
}

/* ---- UDP clients ---- */
static int udp_sock(void)
{
	struct timeval tv = { 0, 200000 };
	int fd = sock(SOCK_DGRAM, 0);

	if (connect(fd, &dst.sa, dstlen))
		die("connect");
	bigbuf(fd);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

static int cmd_udprr(void)
{
	static char buf[MAXPKT], in[MAXPKT];
	struct uhdr *h = (struct uhdr *)buf;
	uint64_t start, end, t, seq = 0;
	unsigned long errors = 0;
	int fd = udp_sock();
	ssize_t r;

	memset(buf, 'x', o_size);
	h->kind = U_ECHO;
	start = now();
	end = start + (uint64_t)(o_secs * 1e9);
	for (t = start; t < end; t = now()) {
		h->a = ++seq;
		if (send(fd, buf, o_size, 0) < 0) {
			errors++;
			usleep(1000);
			continue;
		}
		do
			r = recv(fd, in, sizeof(in), 0);
		while (r >= (ssize_t)sizeof(*h) && ((struct uhdr *)in)->a != seq);
		if (r < (ssize_t)sizeof(*h))
			errors++;
		else
			lat_add(now() - t);
	}
	lat_print((now() - start) / 1e9, errors);
	return 0;
}

struct ures { uint64_t sent, got, bytes, ns; };

static int udp_trial(double pps, double secs, struct ures *r)
{
	static char buf[BATCH][2048];
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	struct uhdr q = { 0 };
	struct timespec ts;
	int fd = udp_sock(), i, n, ok = 0;
	uint64_t first = 0, last = 0, give_up;

	clock_gettime(CLOCK_REALTIME, &ts);
	q.id = ts.tv_nsec ^ (getpid() << 16);
	memset(r, 0, sizeof(*r));
	if (!o_rev) {
		r->sent = flood(fd, NULL, 0, q.id, o_size, pps, secs * 1e9);
		usleep(50000);
		for (i = 0; i < 20 && !ok; i++) {
			struct uhdr a;

			q.kind = U_QUERY;
			if (send(fd, &q, sizeof(q), 0) < 0)
				usleep(100000);
			while (recv(fd, &a, sizeof(a), 0) == sizeof(a))
				if (a.kind == U_REPORT && a.id == q.id) {
					r->got = a.a;
					r->bytes = a.b;
					r->ns = a.c;
					ok = 1;
					break;
				}
		}
		close(fd);
		return ok;
	}
	q.kind = U_PULL;
	q.a = o_size;
	q.b = pps;
	q.c = secs * 1e9;
	for (i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ buf[i], sizeof(buf[i]) };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	give_up = now() + (uint64_t)((secs + 3) * 1e9);
	send(fd, &q, sizeof(q), 0);
	while (!ok && now() < give_up) {
		n = recvmmsg(fd, m, BATCH, MSG_WAITFORONE, NULL);
		if (n <= 0) {
			if (!first)
				send(fd, &q, sizeof(q), 0);	/* lost request */
			continue;
		}
		last = now();
		if (!first)
			first = last;
		for (i = 0; i < n; i++) {
			struct uhdr *h = (struct uhdr *)buf[i];

			if (h->id != q.id)
				continue;
			if (h->kind == U_DATA) {
				r->got++;
				r->bytes += m[i].msg_len;
				r->ns = last - first;
			} else if (h->kind == U_REPORT) {
				r->sent = h->a;
				ok = 1;
			}
		}
	}
	close(fd);
	return ok;
}

static void udp_print(const char *name, const struct ures *r)
{
	double s = r->ns / 1e9;

	printf("%s=%.0f mbps=%.1f sent=%lu got=%lu loss=%.2f\n", name, s > 0 ? r->got / s : 0,
	       s > 0 ? r->bytes * 8 / s / 1e6 : 0, (unsigned long)r->sent, (unsigned long)r->got,
	       r->sent ? 100.0 * (1 - (double)r->got / r->sent) : 0);
}

static int cmd_udp(void)
{
	struct ures r;

	if (!udp_trial(o_rate, o_secs, &r))
		die("no report");
	udp_print("pps", &r);
	return 0;
}

/* Highest offered rate whose loss is at most o_loss percent. */
static int cmd_udpsearch(void)
{
	double lo = 0, hi = 0, rate = 8000;
	struct ures r, best = { 0 };
	int i;

	for (i = 0; i < 14; i++) {
		double loss;
		int ok = udp_trial(rate, o_secs, &r);

		loss = r.sent ? 100.0 * (1 - (double)r.got / r.sent) : 100;
		if (ok && loss <= o_loss && r.sent >= 0.9 * rate * o_secs) {
			lo = rate;
			best = r;
		} else {
			hi = rate;
		}
		if (!hi)
			rate *= 2;
		else if (lo && hi / lo < 1.12)
			break;
		else
			rate = lo ? (lo + hi) / 2 : rate / 2;
		usleep(30000);
	}
	udp_print("pps", &best);
	return 0;
}

/* ---- many idle connections ---- */
static int cmd_idle(void)
{
	int *fd = calloc(o_count, sizeof(*fd)), i, up = 0, bad = 0;
	uint64_t t = now();
	struct timeval tv = { 5, 0 };
	char b;

	for (i = 0; i < o_count && bad < 20; i++) {
		fd[i] = socket(dst.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd[i] < 0)
			break;
		setsockopt(fd[i], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		setsockopt(fd[i], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
		if (connect(fd[i], &dst.sa, dstlen) || send(fd[i], "E", 1, MSG_NOSIGNAL) != 1 ||
		    recv(fd[i], &b, 1, 0) != 1) {
			bad++;
			close(fd[i]);
			continue;
		}
		up++;
		if (now() - t > (uint64_t)(o_timeout * 1e9))
			break;
	}
	printf("ready up=%d bad=%d secs=%.3f\n", up, bad, (now() - t) / 1e9);
	fflush(stdout);
	usleep(o_secs * 1e6);
	return 0;
}

/* ---- time to first answered byte ---- */
static int cmd_first(void)
{
	uint64_t t0 = o_t0 ? o_t0 : now(), end = now() + (uint64_t)(o_timeout * 1e9);
	int tries = 0;
	char b;

	while (now() < end) {
		int fd = sock(SOCK_STREAM, SOCK_NONBLOCK);
		struct pollfd p = { fd, POLLOUT, 0 };
		int err = 0;
		socklen_t l = sizeof(err);

		tries++;
		if ((!connect(fd, &dst.sa, dstlen) || errno == EINPROGRESS) && poll(&p, 1, 50) == 1 &&
		    !getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &l) && !err &&
		    send(fd, "E", 1, MSG_NOSIGNAL) == 1) {
			p.events = POLLIN;
			if (poll(&p, 1, 100) == 1 && recv(fd, &b, 1, 0) == 1) {
				printf("ms=%.2f tries=%d\n", (now() - t0) / 1e6, tries);
				return 0;
			}
		}
		close(fd);
		usleep(500);
	}
	errno = 0;
	die("timeout");
	return 1;
}

static int cmd_unixreq(const char *path, const char *req)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char buf[4096];
	ssize_t r;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		die("connect %s", path);
	if (write(fd, req, strlen(req)) < 0)
		die("write");
	shutdown(fd, SHUT_WR);
	while ((r = read(fd, buf, sizeof(buf))) > 0)
		if (write(1, buf, r) < 0)
			break;
	return 0;
}

int main(int argc, char **argv)
{
	const char *cmd = argc > 1 ? argv[1] : "";
	struct rlimit rl;
	int o;

	if (!strcmp(cmd, "now")) {
		printf("%lu\n", (unsigned long)now());
		return 0;
	}
	if (!strcmp(cmd, "unixreq") && argc == 4)
		return cmd_unixreq(argv[2], argv[3]);
	signal(SIGPIPE, SIG_IGN);
	if (!getrlimit(RLIMIT_NOFILE, &rl)) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	argc--;
	argv++;
	while ((o = getopt(argc, argv, "a:p:c:t:s:n:r:l:T:0:R")) != -1) {
		switch (o) {
		case 'a': o_addr = optarg; break;
		case 'p': o_port = atoi(optarg); break;
		case 'c': o_conns = atoi(optarg); break;
		case 't': o_secs = atof(optarg); break;
		case 's': o_size = atoi(optarg); break;
		case 'n': o_count = atoi(optarg); break;
		case 'r': o_rate = atof(optarg); break;
		case 'l': o_loss = atof(optarg); break;
		case 'T': o_timeout = atof(optarg); break;
		case '0': o_t0 = strtoull(optarg, NULL, 10); break;
		case 'R': o_rev = 1; break;
		default: return 2;
		}
	}
	if (o_conns < 1 || o_size < 1 || o_size > MAXPKT || o_count < 1)
		die("bad option");
	if (!strncmp(cmd, "udp", 3) && (o_size < (int)sizeof(struct uhdr) || o_size > 1472))
		die("UDP size must be %zu..1472", sizeof(struct uhdr));
	resolve();
	if (!strcmp(cmd, "serve")) cmd_serve();
	if (!strcmp(cmd, "rr")) return cmd_rr();
	if (!strcmp(cmd, "crr")) return cmd_crr();
	if (!strcmp(cmd, "udprr")) return cmd_udprr();
	if (!strcmp(cmd, "udp")) return cmd_udp();
	if (!strcmp(cmd, "udpsearch")) return cmd_udpsearch();
	if (!strcmp(cmd, "idle")) return cmd_idle();
	if (!strcmp(cmd, "first")) return cmd_first();
	fprintf(stderr, "usage: see the top of nb.c\n");
	return 2;
}
