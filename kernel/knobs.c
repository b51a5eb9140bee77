/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's own rules for ports, from its files in /proc/sys/net/ipv4. */
#include "kernel/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/proc/sys/net/ipv4/"
#define TEXT_SIZE 65536 /* ip_local_reserved_ports can be long */

static int read_text(const char *path, char *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, TEXT_SIZE - 1);
	int result = got < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = 0;
	return result;
}

static void read_range(struct kernel_knobs *knobs, char *text)
{
	unsigned first, last;

	if (read_text(FOLDER "ip_local_port_range", text) == 0 &&
	    sscanf(text, "%u %u", &first, &last) == 2 && first <= last && last <= UINT16_MAX) {
		knobs->first = (uint16_t)first;
		knobs->last = (uint16_t)last;
	}
}

static void read_reserved(struct kernel_knobs *knobs, char *text)
{
	memset(knobs->reserved, 0xff, sizeof(knobs->reserved));
	if (read_text(FOLDER "ip_local_reserved_ports", text) == 0)
		drive_ports_leave(knobs->reserved, text);
	for (size_t i = 0; i < sizeof(knobs->reserved); i++) {
		knobs->reserved[i] = (uint8_t)~knobs->reserved[i];
		knobs->reserved_count += (uint32_t)__builtin_popcount(knobs->reserved[i]);
	}
}

static int read_all(struct drive_inside *inside)
{
	struct kernel_knobs *knobs = inside->answer;
	char *text = malloc(TEXT_SIZE);

	if (!text)
		return -ENOMEM;
	read_range(knobs, text);
	read_reserved(knobs, text);
	knobs->privileged_below = (uint32_t)drive_proc_number(FOLDER "ip_unprivileged_port_start",
							      knobs->privileged_below);
	free(text);
	return 0;
}

int kernel_knobs_read(struct kernel_knobs *knobs, pid_t process)
{
	struct drive_inside inside = { read_all, knobs, sizeof(*knobs), -1 };
	bool mapped;

	*knobs = (struct kernel_knobs){ .first = 32768, .last = 60999, .privileged_below = 1024 };
	return kernel_within(process, &inside, &mapped);
}

bool kernel_port_reserved(const struct kernel_knobs *knobs, uint16_t port)
{
	return knobs->reserved[port / 8] >> port % 8 & 1;
}
