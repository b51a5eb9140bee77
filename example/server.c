/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server's verbs: bind, listen, accept. A web page on port 80 of a host
 * that lives in this process.
 *
 *   server                     a thousand clients on one port, over memory
 *   server --tap NAME ADDRESS  for curl and other programs, over a tap device
 */
#include "link.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "minato/scan.h"

#define CLIENTS 1000

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

static int must(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "server: %s: %s\n", what, strerror(-result));
		exit(1);
	}
	return result;
}

static uint64_t serve_on(struct minato *m, uint16_t port)
{
	struct minato_endpoint local = { .port = port }; /* any address */
	uint64_t listener;

	must(minato_socket(m, MINATO_TCP, 0, &listener), "socket");
	must(minato_bind(m, listener, &local), "bind");
	must(minato_listen(m, listener, CLIENTS), "listen");
	return listener;
}

static void answer(struct minato *m, uint64_t client)
{
	static const char page[] = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n"
				   "Content-Length: 24\r\n\r\nhello from a minato port";
	char request[2048];
	int64_t len = minato_recv(m, client, request, sizeof(request), 0);

	if (len == -EAGAIN)
		return;
	if (len > 0)
		minato_send(m, client, page, sizeof(page) - 1, 0);
	minato_close(m, client);
}

/* Events name the sockets on which something happened. Returns how many
   connections were accepted. */
static int serve(struct minato *m, uint64_t listener, bool tell)
{
	struct minato_event event;
	int accepted = 0;

	while (minato_event(m, &event)) {
		if (event.socket != listener) {
			answer(m, event.socket);
			continue;
		}
		uint64_t client;
		struct minato_endpoint peer;
		while (minato_accept(m, listener, &client, &peer) == 0) {
			char text[64];
			minato_addr_format(&peer.addr, text, sizeof(text));
			if (tell)
				printf("client %s port %u\n", text, peer.port);
			accepted++;
			answer(m, client); /* its request may be here already */
		}
	}
	fflush(stdout);
	return accepted;
}

/* --- a thousand clients, each a connection of one other host ------------------ */

static int count_pages(struct minato *m, uint64_t *client)
{
	int pages = 0;

	for (int i = 0; i < CLIENTS; i++) {
		char reply[512];
		if (!client[i])
			continue;
		int64_t len = minato_recv(m, client[i], reply, sizeof(reply), 0);
		if (len <= 0)
			continue;
		pages += memcmp(reply, "HTTP/1.0 200", 12) == 0;
		minato_close(m, client[i]);
		client[i] = 0;
	}
	return pages;
}

static int over_memory(void)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	static uint64_t client[CLIENTS];
	struct minato *server = host_new("192.0.2.1", 24, 1);
	struct minato *other = host_new("192.0.2.2", 24, 2);
	struct minato_endpoint to = { minato_addr4(192, 0, 2, 1), 80 };
	int accepted = 0, pages = 0;

	if (!server || !other) {
		fprintf(stderr, "server: no memory for two hosts\n");
		return 1;
	}
	uint64_t listener = serve_on(server, 80);
	for (int i = 0; i < CLIENTS; i++) {
		must(minato_socket(other, MINATO_TCP, 0, &client[i]), "socket");
		if (minato_connect(other, client[i], &to) != -EINPROGRESS)
			must(-EIO, "connect");
	}
	/* Time is an argument: here it simply takes a millisecond per turn. */
	struct minato_time now = clock_now();
	for (int turn = 0; turn < 20000 && pages < CLIENTS; turn++) {
		struct minato_event event;
		cable_carry(server, other, now);
		while (minato_event(other, &event)) {
			/* The owner's word says that the request was sent. */
			if (!(event.ready & MINATO_CONNECTED) || event.user)
				continue;
			minato_send(other, event.socket, request, sizeof(request) - 1, 0);
			minato_set_user(other, event.socket, 1);
		}
		accepted += serve(server, listener, false);
		pages += count_pages(other, client);
		now.ns += 1000000;
	}
	printf("%d connections accepted on port 80, %d pages received\n", accepted, pages);
	host_free(server);
	host_free(other);
	return accepted == CLIENTS && pages == CLIENTS ? 0 : 1;
}

/* Who tries the doors, as the library has recognised it. */
static void tell_scans(struct minato *m)
{
	struct minato_scan scan;
	char text[64];

	while (minato_scan_event(m, &scan)) {
		minato_addr_format(&scan.source, text, sizeof(text));
		printf("scan from %s by %s:", text, minato_scan_tool_name(scan.tool));
		for (int i = 0; i < MINATO_SCAN_KIND_COUNT; i++) {
			if (scan.kinds & 1u << i)
				printf(" %s", minato_scan_kind_name((enum minato_scan_kind)i));
		}
		printf(", %u ports\n", scan.ports_tried);
		fflush(stdout);
	}
}

static int over_tap(const char *name, const char *address)
{
	struct minato *m = host_new(address, 24, 1);
	struct sigaction action = { .sa_handler = on_signal };
	int tap = tap_open(name), error = 0;

	if (!m) {
		fprintf(stderr, "server: '%s' is no address\n", address);
		return 2;
	}
	must(tap, name);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	uint64_t listener = serve_on(m, 80);
	printf("http://%s/ on %s\n", address, name);
	fflush(stdout);
	while (!stop && error == 0) {
		serve(m, listener, true);
		tell_scans(m);
		error = tap_carry(tap, m, 60000);
	}
	host_free(m);
	must(error, name);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return over_memory();
	if (argc == 4 && strcmp(argv[1], "--tap") == 0)
		return over_tap(argv[2], argv[3]);
	fprintf(stderr, "usage: server [--tap NAME ADDRESS]\n");
	return 2;
}
