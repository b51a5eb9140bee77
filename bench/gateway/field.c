/* SPDX-License-Identifier: BSD-2-Clause */
/* Three namespaces in a row, and who translates in the middle one. */
#include "bench.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Addresses that are known beforehand: load.c makes frames of its own. */
static const char wires[] =
	"set -e; PATH=$PATH:/usr/sbin:/sbin;"
	"ip link add g0 address 02:00:00:00:01:01 type veth peer name i0 address 02:00:00:00:01:02 "
	"netns $INSIDE;"
	"ip link add g1 address 02:00:00:00:02:01 type veth peer name o0 address 02:00:00:00:02:02 "
	"netns $OUTSIDE;"
	"ip link set lo up; ip link set g0 up; ip link set g1 up";

/* The same control of congestion whatever the machine has by default (field_control). */
#define CONTROL_FILE "/proc/sys/net/ipv4/tcp_congestion_control"
#define CONTROL "echo $BENCH_CC >" CONTROL_FILE ";"

static const char inside[] =
	"set -e; PATH=$PATH:/usr/sbin:/sbin; ip link set lo up; ip link set i0 up;" CONTROL
	"ip addr add 10.0.0.2/16 dev i0; ip route add default via 10.0.0.1";

static const char outside[] = "set -e; PATH=$PATH:/usr/sbin:/sbin; ip link set lo up;" CONTROL
			      "ip link set o0 up; ip addr add 198.51.100.9/24 dev o0";

/* What an administrator would write; source ports as with masquerading, from all of them. */
static const char nft[] = "set -e; PATH=$PATH:/usr/sbin:/sbin;"
			  "echo 1 > /proc/sys/net/ipv4/ip_forward;"
			  "ip addr add 10.0.0.1/16 dev g0;"
			  "for i in $(seq $POOL); do ip addr add 198.51.100.$i/24 dev g1; done;"
			  "if [ $POOL = 1 ]; then to='masquerade to :1024-65535';"
			  "else to=\"snat to 198.51.100.1-198.51.100.$POOL:1024-65535\"; fi;"
			  "nft -f - <<X\n"
			  "table ip nat {\n"
			  "  chain pre {\n"
			  "    type nat hook prerouting priority -100\n"
			  "    $FORWARD\n"
			  "  }\n"
			  "  chain post {\n"
			  "    type nat hook postrouting priority 100\n"
			  "    oifname g1 meta l4proto { tcp, udp } $to\n"
			  "  }\n"
			  "}\n"
			  "X\n";

/* The same of minato; the program's directory and the configuration end with it. */
static const char minato[] =
	"set -e; d=$(mktemp -d); trap 'rm -rf $d' EXIT; PATH=$PATH:/usr/sbin:/sbin; umask 077;"
	"ip link set g0 up; export XDG_RUNTIME_DIR=$d;"
	"{ echo inside g0 10.0.0.1/16 take; echo outside g1 198.51.100.1/24 take;"
	"echo capacity 400000 sessions; echo capacity 400000 mappings;"
	"[ $POOL = 1 ] || echo pool 198.51.100.16/29;"
	"[ -z \"$FORWARD\" ] || echo forward tcp,udp 7000 to 10.0.0.2; } >$d/conf;"
	"\"$BENCH_MINATO\" gateway $d/conf >$d/log 2>&1 & child=$!;"
	"trap 'kill $child 2>/dev/null; wait $child; rm -rf $d' EXIT; trap exit TERM;"
	"wait $child || { cat $d/log >&2; exit 1; }";

/* Whether a namespace may have it: of some a machine lets only its own network have one. */
static bool can_have(const char *control)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		const size_t len = strlen(control);
		int fd = unshare(CLONE_NEWNET) == 0 ? open(CONTROL_FILE, O_WRONLY) : -1;

		_exit(fd >= 0 && write(fd, control, len) == (ssize_t)len ? 0 : 1);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

const char *field_control(void)
{
	static char name[32];
	FILE *file = NULL;

	if (getenv("BENCH_CC"))
		return getenv("BENCH_CC");
	if (can_have("cubic")) {
		strcpy(name, "cubic");
	} else {
		file = fopen(CONTROL_FILE, "r");
		if (!file || fscanf(file, "%31s", name) != 1)
			strcpy(name, "reno");
		if (file)
			fclose(file);
	}
	setenv("BENCH_CC", name, 1);
	return name;
}

static int fresh_namespace(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

void field_enter(const struct field *field, enum place place, int core)
{
	cpu_set_t set;

	/* Which a shell has the time to clean up behind. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (setns(field->ns[place], CLONE_NEWNET) < 0)
		_exit(1);
	if (core < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned)core, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static bool run_in(const struct field *field, enum place place, const char *script)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		field_enter(field, place, -1);
		execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void name_namespace(const char *name, int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	setenv(name, path, 1);
}

bool field_lay(struct field *field)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	bool made = home >= 0;

	field->gateway = -1;
	for (int i = 0; i < PLACES; i++) {
		field->ns[i] = made ? fresh_namespace() : -1;
		made = made && field->ns[i] >= 0;
	}
	if (home >= 0 && (setns(home, CLONE_NEWNET) < 0 || close(home) < 0))
		made = false;
	if (!made) {
		say("network namespaces cannot be made here; be root");
		return false;
	}
	name_namespace("INSIDE", field->ns[INSIDE]);
	name_namespace("OUTSIDE", field->ns[OUTSIDE]);
	made = run_in(field, GATEWAY, wires) && run_in(field, INSIDE, inside) &&
	       run_in(field, OUTSIDE, outside);
	if (!made)
		say("the wires between the namespaces cannot be laid (ip, of iproute2)");
	return made;
}

bool field_start(struct field *field, enum peer peer, int pool, bool forwards)
{
	char text[16];
	bool started = true;

	snprintf(text, sizeof(text), "%d", pool);
	setenv("POOL", text, 1);
	setenv("FORWARD",
	       forwards ? "iifname g1 meta l4proto { tcp, udp } th dport 7000 dnat to 10.0.0.2" :
			  "",
	       1);
	if (peer == NFT) {
		started = run_in(field, GATEWAY, nft);
	} else {
		field->gateway = fork();
		if (field->gateway == 0) {
			field_enter(field, GATEWAY, (int)chosen("BENCH_CORE", -1));
			if (getenv("BENCH_JOIN"))
				join(pool, forwards);
			name_minato();
			execl("/bin/sh", "sh", "-c", minato, (char *)NULL);
			_exit(127);
		}
	}
	if (!started)
		say("nftables is missing (nft), or the kernel has no NAT");
	if (started && !load_ready(field)) {
		say("%s carries nothing", peer == NFT ? "nftables" : "minato");
		started = false;
	}
	return started;
}

void field_clear(struct field *field)
{
	if (field->gateway > 0) {
		kill(field->gateway, SIGTERM);
		waitpid(field->gateway, NULL, 0);
	}
	for (int i = 0; i < PLACES; i++) {
		if (field->ns[i] >= 0)
			close(field->ns[i]);
		field->ns[i] = -1;
	}
	field->gateway = -1;
}
