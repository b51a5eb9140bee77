/* SPDX-License-Identifier: BSD-2-Clause */
/* Which ports of the host can be bound, and which are fit to be published. */
#include "drive/reserved.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int drive_port_probe(const struct drive_place *place, uint16_t port)
{
	const struct minato_endpoint end = { place->addr, port };
	bool stream = place->protocol == IPPROTO_TCP;
	struct sockaddr_storage to;
	socklen_t size = drive_endpoint_to(&to, &end);
	int fd = socket(to.ss_family, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	const int one = 1;
	const int only = place->v6only;
	int result = 0;

	if (fd < 0)
		return -errno;
	/* Of a stream only what listens is in the way, not connections that still close. */
	if (stream && !place->plain)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (to.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	if (bind(fd, (struct sockaddr *)&to, size) < 0)
		result = -errno;
	close(fd);
	return result;
}

int drive_port_read(const char **text)
{
	unsigned long number;
	char *end;

	if (**text < '0' || **text > '9')
		return -EINVAL;
	number = strtoul(*text, &end, 10);
	*text = end;
	return number <= UINT16_MAX ? (int)number : -ERANGE;
}

int drive_port_lowest(void)
{
	if (capng_get_caps_process() == 0 &&
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_BIND_SERVICE))
		return 0;
	return (int)drive_proc_number("/proc/sys/net/ipv4/ip_unprivileged_port_start",
				      IPPORT_RESERVED);
}

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
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		clear(bits, first, last);
		text = end;
	}
}

void drive_ports_chosen(uint16_t *first, uint16_t *last)
{
	unsigned from, to;
	char text[64];

	*first = 32768;
	*last = 60999;
	(void)drive_proc_text("/proc/sys/net/ipv4/ip_local_port_range", text, sizeof(text));
	if (sscanf(text, "%u %u", &from, &to) == 2 && from <= to && to <= UINT16_MAX) {
		*first = (uint16_t)from;
		*last = (uint16_t)to;
	}
}

void drive_ports_fit(uint8_t fit[DRIVE_PORTS_BYTES], uint8_t protocol)
{
	uint8_t bit = protocol == MINATO_TCP ? DRIVE_RESERVED_TCP : DRIVE_RESERVED_UDP;
	int lowest = drive_port_lowest();
	struct drive_reserved reserved;
	uint16_t first, last;

	memset(fit, 0xff, DRIVE_PORTS_BYTES);
	clear(fit, 0, lowest > 0 ? (unsigned long)lowest - 1 : 0);
	drive_ports_chosen(&first, &last);
	clear(fit, first, last);
	drive_reserved_read(&reserved, NULL, NULL);
	for (size_t i = 0; i < reserved.count; i++) {
		if (reserved.list[i].protocols & bit)
			clear(fit, reserved.list[i].first, reserved.list[i].last);
	}
	drive_reserved_free(&reserved);
}
