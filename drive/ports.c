/* SPDX-License-Identifier: BSD-2-Clause */
/* Which ports of the host are fit to be published. */
#include "drive/drive.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_SIZE 65536 /* ip_local_reserved_ports can be long */

static void clear(uint8_t bits[DRIVE_PORTS_BYTES], unsigned long first, unsigned long last)
{
	for (unsigned long port = first; port <= last && port <= UINT16_MAX; port++)
		bits[port / 8] &= (uint8_t) ~(1u << port % 8);
}

void drive_ports_leave(uint8_t bits[DRIVE_PORTS_BYTES], const char *text)
{
	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10);
		unsigned long last = first;

		if (end == text) {
			text++;
			continue;
		}
		/* The kernel writes a list as FIRST-LAST, and the one range as FIRST, a tab, LAST.
		 */
		if (*end == '-' || *end == '\t')
			last = strtoul(end + 1, &end, 10);
		clear(bits, first, last);
		text = end;
	}
}

static void leave_file(uint8_t bits[DRIVE_PORTS_BYTES], const char *path)
{
	char *text = malloc(TEXT_SIZE);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = text && fd >= 0 ? read(fd, text, TEXT_SIZE - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (size > 0) {
		text[size] = '\0';
		drive_ports_leave(bits, text);
	}
	free(text);
}

void drive_ports_fit(uint8_t fit[DRIVE_PORTS_BYTES])
{
	int lowest = drive_port_lowest();

	memset(fit, 0xff, DRIVE_PORTS_BYTES);
	clear(fit, 0, lowest > 0 ? (unsigned long)lowest - 1 : 0);
	leave_file(fit, "/proc/sys/net/ipv4/ip_local_port_range");
	leave_file(fit, "/proc/sys/net/ipv4/ip_local_reserved_ports");
}
