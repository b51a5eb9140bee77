/* SPDX-License-Identifier: BSD-2-Clause */
/* Where this program itself listens: ADDR:PORT, bound as a published port is. */
#include "cmd/see/metrics.h"
#include "cmd/see/who.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64

static int parse_port(uint16_t *port, const char *text)
{
	int number = drive_port_read(&text);

	if (number < 1 || *text)
		return -EINVAL;
	*port = (uint16_t)number;
	return 0;
}

/* "[::1]" or "127.0.0.1" or "*"; nothing is the loopback. */
static int parse_address(struct minato_addr *addr, const char *text, size_t length)
{
	bool brackets = length > 2 && text[0] == '[' && text[length - 1] == ']';
	char copy[64];

	*addr = minato_addr4(127, 0, 0, 1);
	if (length == 0)
		return 0;
	*addr = (struct minato_addr){ { 0 } };
	if (length == 1 && *text == '*')
		return 0;
	if (brackets) {
		text++;
		length -= 2;
	}
	if (length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	/* An IPv6 address without brackets could hide where it ends. */
	if (minato_addr_parse(copy, addr) < 0 || minato_addr_is4(addr) == brackets)
		return -EINVAL;
	return 0;
}

int cmd_listen_parse(struct minato_endpoint *at, const char *text, struct drive_error *error)
{
	const char *colon = strrchr(text, ':');
	const char *port = colon ? colon + 1 : text;
	size_t length = colon ? (size_t)(colon - text) : 0;

	if (parse_port(&at->port, port) == 0 && parse_address(&at->addr, text, length) == 0)
		return 0;
	return drive_fail(error, EINVAL,
			  "%s is no ADDR:PORT, such as 127.0.0.1:9100, [::1]:9100 or :9100 (of "
			  "127.0.0.1); *:9100 is every address",
			  text);
}

/* As -p has it. */
static void spec_text(const struct minato_endpoint *at, char *text, size_t size)
{
	bool four = minato_addr_is4(&at->addr);
	char addr[64];

	minato_addr_format(&at->addr, addr, sizeof(addr));
	if (minato_addr_is_any(&at->addr) && !four)
		snprintf(text, size, "%u", at->port);
	else
		snprintf(text, size, four ? "%s:%u" : "[%s]:%u", addr, at->port);
}

int cmd_listen_open(const struct minato_endpoint *at, struct drive_error *error)
{
	const struct drive_subnet both = { .has4 = true, .has6 = true };
	struct relay_publish list = { 0 };
	const int on = 1;
	char text[80];
	int result;
	int fd = -1;

	spec_text(at, text, sizeof(text));
	result = relay_publish_add(&list, text, error);
	if (result == 0) {
		result = relay_publish_open(&list, true, true, NULL);
		if (result < 0)
			(void)cmd_publish_explain(&list, &list.failure, &both, false, error);
	}
	if (result == 0) {
		fd = fcntl(relay_publish_fd(&list, 0), F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			result = drive_fail(error, errno, "%s: %s", text, strerror(errno));
	}
	if (result == 0) {
		/* For what lingers of an earlier one, which listen looks at again. */
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (listen(fd, BACKLOG) < 0)
			result = drive_fail(error, errno, "%s: %s", text, strerror(errno));
	}
	relay_publish_free(&list);
	if (result == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return result;
}
