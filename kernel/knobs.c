/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's own rules for ports, from its files in /proc/sys/net/ipv4. */
#include "kernel/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "/proc/sys/net/ipv4/"
#define TEXT_SIZE 65536 /* ip_local_reserved_ports can be long */

static void read_reserved(struct kernel_knobs *knobs, char *text)
{
	memset(knobs->reserved, 0xff, sizeof(knobs->reserved));
	if (drive_proc_text(FOLDER "ip_local_reserved_ports", text, TEXT_SIZE) == 0)
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
	drive_ports_chosen(&knobs->first, &knobs->last);
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

	*knobs = (struct kernel_knobs){ .privileged_below = 1024 };
	return kernel_within(process, &inside, &mapped);
}

bool kernel_port_reserved(const struct kernel_knobs *knobs, uint16_t port)
{
	return knobs->reserved[port / 8] >> port % 8 & 1;
}
