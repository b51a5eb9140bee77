/* SPDX-License-Identifier: BSD-2-Clause */
/* bench-ports [GROUP...]: runs the groups that are named, or all. */
#include "ports.h"

#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "port/port.h"

static const struct group groups[] = {
	/* Memory first: what runs later leaves some behind. */
	{ "idle", bench_idle, "memory of one host with ten million idle connections" },
	{ "insert", bench_insert, "ten million tuples come and go" },
	{ "choose", bench_choose, "ports chosen, beside the kernel's choice in connect()" },
	{ "lookup", bench_lookup, "look-ups, beside rte_hash" },
	{ "entries", bench_entries, "forwards and guards of many addresses on one port" },
	{ "ss", bench_ss, "listing 15,000 sockets, beside iproute2's ss" },
	{ "services", bench_services, "names of ports, both ways" },
	{ "entropy", bench_entropy, "what can be known of the next port" },
};

void figure_of(const char *format, const char *part, double value, const char *unit)
{
	const char *mark = strstr(format, "%s");
	char name[64];

	snprintf(name, sizeof(name), "%.*s%s%s", (int)(mark - format), format, part, mark + 2);
	figure(name, value, unit);
}

double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void *reserve(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory != MAP_FAILED)
		return memory;
	say("%.1f GB of address space are not to be had", (double)size / 1e9);
	exit(1);
}

size_t resident_bytes(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL || fscanf(f, "%*u %lu", &pages) != 1)
		say("/proc/self/statm does not say what is resident");
	if (f != NULL)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

uint64_t scatter(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

struct flow flow_number(uint64_t i)
{
	const uint64_t bits = scatter(i + 1);

	return (struct flow){
		.local = 0x010200c0, /* 192.0.2.1 */
		.remote = (uint32_t)bits,
		.local_port = (uint16_t)(bits >> 32),
		.remote_port = (uint16_t)(bits >> 48),
		.proto = 6,
	};
}

struct port_key key_of(const struct flow *f)
{
	const uint8_t *l = (const uint8_t *)&f->local, *r = (const uint8_t *)&f->remote;

	return (struct port_key){
		.local = minato_addr4(l[0], l[1], l[2], l[3]),
		.remote = minato_addr4(r[0], r[1], r[2], r[3]),
		.local_port = f->local_port,
		.remote_port = f->remote_port,
		.proto = MINATO_TCP,
	};
}

bool raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const bool ok = s >= 0 && ioctl(s, SIOCSIFFLAGS, &request) == 0;

	if (s >= 0)
		close(s);
	return ok;
}

int main(int argc, char **argv)
{
	(void)argc;
	/* What is resident is counted in small pages; look-ups ask for theirs. */
	pages_end();
	return run_groups(groups, sizeof(groups) / sizeof(groups[0]), argv + 1);
}
