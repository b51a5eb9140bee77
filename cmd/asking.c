/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks a running guest's minato over its control socket. */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The longest a guest that is alive may take for a line. */
#define PATIENCE_S 2

int cmd_client_open(struct cmd_client *client, const char *name, struct drive_error *error)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = drive_runtime_connect(name, error);
	int result;

	*client = (struct cmd_client){ .fd = -1 };
	if (fd < 0)
		return fd;
	result = drive_runtime_peer(fd, &client->pid);
	if (result < 0) {
		close(fd);
		return drive_fail(error, -result, "the socket of %s belongs to another user", name);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	client->line = malloc(CMD_LINE_MAX);
	if (!client->line) {
		close(fd);
		return drive_fail(error, ENOMEM, "out of memory");
	}
	client->fd = fd;
	return 0;
}

void cmd_client_close(struct cmd_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	free(client->line);
	*client = (struct cmd_client){ .fd = -1 };
}

int cmd_client_send(struct cmd_client *client, json_t *request, struct drive_error *error)
{
	size_t sent = 0;
	size_t size;
	char *text;

	if (request)
		json_object_set_new(request, "v", json_integer(VIEW_JSON_VERSION));
	text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	if (!text)
		return drive_fail(error, ENOMEM, "out of memory");
	size = strlen(text);
	text[size++] = '\n';
	while (sent < size) {
		ssize_t n = send(client->fd, text + sent, size - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		sent += (size_t)n;
	}
	free(text);
	if (sent < size)
		return drive_fail(error, EPIPE, "the guest's minato (pid %d) does not listen",
				  (int)client->pid);
	return 0;
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
		if (got <= 0)
			return drive_fail(error, ECONNRESET, "the guest has ended");
		client->used += (size_t)got;
	}
}

static json_t *fail(json_t *reply, struct drive_error *error, const char *text)
{
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
		return fail(reply, error, complaint);
	if (json_integer_value(json_object_get(reply, "v")) != VIEW_JSON_VERSION)
		return fail(reply, error, "the guest runs under a minato of another version");
	return reply;
}

json_t *cmd_client_ask(struct cmd_client *client, const char *name, struct drive_error *error)
{
	if (cmd_client_send(client, json_pack("{s:s}", "request", name), error) < 0)
		return NULL;
	return cmd_client_next(client, error);
}
