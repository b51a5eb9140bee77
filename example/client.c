/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client's verb: connect. Fetches a page from port 80.
 *
 *   client                              from a host in this process
 *   client --tap NAME OURS SERVER PORT  from a server beyond a tap device
 */
#include "link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char request[] = "GET / HTTP/1.0\r\n\r\n";

static uint64_t connect_to(struct minato *m, const char *address, uint16_t port)
{
	struct minato_endpoint server = { .port = port };
	uint64_t socket;

	if (minato_addr_parse(address, &server.addr) < 0 ||
	    minato_socket(m, MINATO_TCP, 0, &socket) < 0)
		return 0;
	/* The answer is an event: connect never waits. */
	int result = minato_connect(m, socket, &server);
	if (result != -EINPROGRESS) {
		fprintf(stderr, "client: connect: %s\n", strerror(-result));
		return 0;
	}
	return socket;
}

enum progress { GOES_ON, DONE, FAILED };

/* Sends the request once connected, prints what comes, ends at the end. */
static enum progress fetch(struct minato *m)
{
	struct minato_event event;

	while (minato_event(m, &event)) {
		if (event.ready & MINATO_ERROR) {
			int error = minato_error(m, event.socket);
			fprintf(stderr, "client: %s\n", strerror(error));
			return FAILED;
		}
		uint64_t sent = 0;
		minato_get_user(m, event.socket, &sent);
		if (event.ready & MINATO_CONNECTED && !sent) {
			minato_send(m, event.socket, request, sizeof(request) - 1, 0);
			minato_set_user(m, event.socket, 1);
		}
		char reply[1024];
		int64_t len;
		while ((len = minato_recv(m, event.socket, reply, sizeof(reply), 0)) > 0)
			fwrite(reply, 1, (size_t)len, stdout);
		if (len == 0) {
			minato_close(m, event.socket);
			return DONE;
		}
	}
	return GOES_ON;
}

static void serve_one(struct minato *m)
{
	static const char page[] = "HTTP/1.0 200 OK\r\n\r\nhello across two hosts\n";
	struct minato_event event;

	while (minato_event(m, &event)) {
		uint64_t client;
		if (minato_accept(m, event.socket, &client, NULL) == 0) {
			minato_send(m, client, page, sizeof(page) - 1, 0);
			minato_shutdown(m, client, MINATO_SHUT_WR);
		}
	}
}

static int over_memory(void)
{
	struct minato *server = host_new("2001:db8::1", 64, 1);
	struct minato *m = host_new("2001:db8::2", 64, 2);
	struct minato_endpoint local = { .port = 80 };
	uint64_t listener;

	if (!server || !m || minato_socket(server, MINATO_TCP, 0, &listener) < 0 ||
	    minato_bind(server, listener, &local) < 0 ||
	    minato_listen(server, listener, 8) < 0) {
		fprintf(stderr, "client: cannot make the two hosts\n");
		return 1;
	}
	struct minato_time now = clock_now();
	enum progress progress = connect_to(m, "2001:db8::1", 80) ? GOES_ON : FAILED;
	for (int turn = 0; turn < 5000 && progress == GOES_ON; turn++) {
		cable_carry(m, server, now);
		serve_one(server);
		progress = fetch(m);
		now.ns += 1000000;
	}
	host_free(server);
	host_free(m);
	return progress == DONE ? 0 : 1;
}

static int over_tap(char **argv)
{
	struct minato *m = host_new(argv[1], 24, 1);
	int tap = tap_open(argv[0]);

	if (!m || tap < 0) {
		fprintf(stderr, "client: %s: %s\n", m ? argv[0] : argv[1],
			m ? strerror(-tap) : "no address");
		return 1;
	}
	enum progress progress =
		connect_to(m, argv[2], (uint16_t)atoi(argv[3])) ? GOES_ON : FAILED;
	while (progress == GOES_ON) {
		if (tap_carry(tap, m, 60000) < 0)
			progress = FAILED;
		else
			progress = fetch(m);
	}
	/* What is still owed (the last FIN and ACK) goes out. */
	for (int64_t until = clock_now().ns + 200000000; clock_now().ns < until;)
		tap_carry(tap, m, 20);
	host_free(m);
	return progress == DONE ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return over_memory();
	if (argc == 6 && strcmp(argv[1], "--tap") == 0)
		return over_tap(argv + 2);
	fprintf(stderr, "usage: client [--tap NAME OURS SERVER PORT]\n");
	return 2;
}
