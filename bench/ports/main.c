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

static const struct group {
	const char *name;
	int (*run)(void);
	const char *help;
} groups[] = {
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
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

void figure(const char *name, double value, const char *unit)
{
	printf("%s %.*f %s\n", name, value < 10 ? 3 : value < 1000 ? 1 : 0, value, unit);
	fflush(stdout);
}

void figure_of(const char *format, const char *part, double value, const char *unit)
{
	const char *mark = strstr(format, "%s");
	char name[64];

	snprintf(name, sizeof(name), "%.*s%s%s", (int)(mark - format), format, part, mark + 2);
	figure(name, value, unit);
}

void say(const char *format, ...)
{
	va_list args;

	fputs("bench-ports: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
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

static bool named(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return true;
	}
	return false;
}

static bool known(const char *name)
{
	for (size_t i = 0; i < GROUPS; i++) {
		if (strcmp(groups[i].name, name) == 0)
			return true;
	}
	return false;
}

static int usage(FILE *out)
{
	fputs("usage: bench-ports [GROUP...]\nGroups:\n", out);
	for (size_t i = 0; i < GROUPS; i++)
		fprintf(out, "  %-10s %s\n", groups[i].name, groups[i].help);
	return out == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	for (int i = 1; i < argc; i++) {
		if (!known(argv[i])) {
			say("there is no group '%s'", argv[i]);
			return usage(stderr);
		}
	}
	/* What is resident is counted in small pages; look-ups ask for theirs. */
	pages_end();
	for (size_t i = 0; i < GROUPS; i++) {
		if (argc == 1 || named(groups[i].name, argc, argv))
			failed |= groups[i].run();
	}
	return failed ? 1 : 0;
}
