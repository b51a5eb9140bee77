/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks a running guest's minato over its control socket. */
#include "cmd/cmd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The longest a guest that is alive may take for a line. */
#define PATIENCE_S 2
/* How often and in which steps to wait for another worker. */
#define TRIES_MAX 20
#define TRY_MS 50

static int join(struct cmd_client *client, struct drive_error *error)
{
	struct timeval patience = {
		.tv_sec = client->patience_s ? (time_t)client->patience_s : PATIENCE_S,
	};
	int fd = drive_runtime_connect(client->name, error);
	int result;

	if (fd < 0)
		return fd;
	result = drive_runtime_peer(fd, &client->pid);
	if (result < 0) {
		close(fd);
		return drive_fail(error, -result, "the socket of %s belongs to another user",
				  client->name);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	client->fd = fd;
	return 0;
}

int cmd_client_open(struct cmd_client *client, const char *name, struct drive_error *error)
{
	int result;

	*client = (struct cmd_client){ .fd = -1 };
	if (snprintf(client->name, sizeof(client->name), "%s", name) >= (int)sizeof(client->name))
		return drive_fail(error, ENOENT, "no guest is called %s", name);
	result = join(client, error);
	if (result < 0)
		return result;
	client->line = malloc(CMD_LINE_MAX);
	if (!client->line) {
		cmd_client_close(client);
		return drive_fail(error, ENOMEM, "out of memory");
	}
	return 0;
}

void cmd_client_wait(struct cmd_client *client, unsigned seconds)
{
	const struct timeval patience = { .tv_sec = (time_t)seconds };

	client->patience_s = seconds;
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

void cmd_client_close(struct cmd_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	free(client->line);
	free(client->request);
	*client = (struct cmd_client){ .fd = -1 };
}

bool cmd_client_is_inside(const struct cmd_client *client, struct drive_error *error)
{
	/* Whose minato is not in our pid namespace has no number here. */
	if (client->fd < 0 || client->pid != 0)
		return false;
	(void)drive_fail(error, EPERM, "%s", CMD_INSIDE_TEXT);
	return true;
}

static bool send_all(const struct cmd_client *client, const char *text, size_t size)
{
	size_t sent = 0;

	while (sent < size) {
		ssize_t n = send(client->fd, text + sent, size - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		sent += (size_t)n;
	}
	return true;
}

/*
 * The end came before any answer: whoever was to give it may have died, and another is there soon.
 * Asks that one. False when the guest itself is gone, or it happens too often.
 */
static bool ask_again(struct cmd_client *client)
{
	while (client->request && client->tries++ < TRIES_MAX) {
		close(client->fd);
		client->fd = -1;
		(void)poll(NULL, 0, TRY_MS);
		if (join(client, NULL) < 0)
			return false;
		if (send_all(client, client->request, strlen(client->request)))
			return true;
	}
	return false;
}

int cmd_client_send(struct cmd_client *client, json_t *request, struct drive_error *error)
{
	size_t size;
	char *text;

	if (request)
		json_object_set_new(request, "v", json_integer(VIEW_JSON_VERSION));
	text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	if (!text)
		return drive_fail(error, ENOMEM, "out of memory");
	size = strlen(text);
	free(client->request);
	client->request = realloc(text, size + 2);
	client->tries = 0;
	if (!client->request) {
		free(text);
		return drive_fail(error, ENOMEM, "out of memory");
	}
	memcpy(client->request + size, "\n", 2);
	if (send_all(client, client->request, size + 1) || ask_again(client))
		return 0;
	return drive_fail(error, EPIPE, "the guest's minato (pid %d) does not listen",
			  (int)client->pid);
}

/* Reads until the buffer holds a whole line; its length without the newline, or negative. */
static ssize_t read_line(struct cmd_client *client, struct drive_error *error)
{
	for (;;) {
		char *newline = memchr(client->line, '\n', client->used);
		ssize_t got;

		if (newline)
			return newline - client->line;
		if (client->used == CMD_LINE_MAX)
			return drive_fail(error, EMSGSIZE, "the guest's answer is too long");
		got = recv(client->fd, client->line + client->used, CMD_LINE_MAX - client->used, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return drive_fail(error, ETIMEDOUT,
					  "the guest's minato (pid %d) does not answer",
					  (int)client->pid);
		if (got <= 0 && ask_again(client))
			continue;
		if (got <= 0 && client->pid == 0)
			return drive_fail(error, ECONNRESET,
					  "it answers nobody inside of a guest, since it was begun "
					  "with --allow or --ask; ask outside");
		if (got <= 0)
			return drive_fail(error, ECONNRESET, "the guest has ended");
		free(client->request);
		client->request = NULL;
		client->used += (size_t)got;
	}
}

static json_t *fail(struct cmd_client *client, json_t *reply, struct drive_error *error,
		    const char *text)
{
	client->refused = true;
	drive_fail(error, EPROTO, "%s", text);
	json_decref(reply);
	return NULL;
}

json_t *cmd_client_next(struct cmd_client *client, struct drive_error *error)
{
	const char *complaint;
	ssize_t length;
	json_t *reply;

	client->used -= client->parsed;
	memmove(client->line, client->line + client->parsed, client->used);
	client->parsed = 0;
	length = read_line(client, error);
	if (length < 0)
		return NULL;
	client->parsed = (size_t)length + 1;
	reply = json_loadb(client->line, (size_t)length, 0, NULL);
	complaint = json_string_value(json_object_get(reply, "error"));
	if (complaint)
		return fail(client, reply, error, complaint);
	if (json_integer_value(json_object_get(reply, "v")) != VIEW_JSON_VERSION)
		return fail(client, reply, error,
			    "the guest runs under a minato of another version");
	return reply;
}

json_t *cmd_client_ask(struct cmd_client *client, const char *name, struct drive_error *error)
{
	if (cmd_client_send(client, json_pack("{s:s}", "request", name), error) < 0)
		return NULL;
	return cmd_client_next(client, error);
}
