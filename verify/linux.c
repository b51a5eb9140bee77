/* SPDX-License-Identifier: BSD-2-Clause */
/* unsealed: clone close execve exit_group fcntl getuid ioctl openat pipe2 poll read unshare wait4
   write dup2 clock_nanosleep */
/* Linux's NAT under test: nftables in a network namespace of our own, between two tun devices. */
#include "verify/verify.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SYSCTL "/proc/sys/net/netfilter/nf_conntrack_"
#define SCRIPT_SIZE 8192
/*
 * Packets are mostly through when write returns; where the machine is busy, a little later. Where
 * many are put in quickly, one that came is enough.
 */
#define SETTLE_MS 10
#define SETTLE_QUICK_MS 4

static const char *const names[VERIFY_SIDES] = { "in0", "out0" };

/* Settings behind a timer; the first is the one that counts for a flow as rows make it. */
static const char *const timers[][4] = {
	[VERIFY_TIMER_UDP] = { "udp_timeout", "udp_timeout_stream" },
	[VERIFY_TIMER_TCP_OPENING] = { "tcp_timeout_syn_sent", "tcp_timeout_syn_recv" },
	[VERIFY_TIMER_TCP_OPEN] = { "tcp_timeout_established" },
	[VERIFY_TIMER_TCP_CLOSING] = { "tcp_timeout_fin_wait", "tcp_timeout_close_wait",
				       "tcp_timeout_last_ack", "tcp_timeout_time_wait" },
	[VERIFY_TIMER_TCP_RESET] = { "tcp_timeout_close" },
	[VERIFY_TIMER_ICMP] = { "icmp_timeout" },
};

struct linux_nat {
	struct verify_nat nat;
	int tun[VERIFY_SIDES];
	bool had; /* something came since the last one was put in */
};

/* ---- the namespace and its links ---- */

static int enter(struct drive_error *error)
{
	char map[64];
	uid_t uid = getuid();

	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return drive_fail(error, errno, "no network namespace may be made: %s",
				  strerror(errno));
	snprintf(map, sizeof(map), "0 %u 1", uid);
	(void)drive_proc_write("/proc/self/setgroups", "deny");
	if (drive_proc_write("/proc/self/uid_map", map) < 0)
		return drive_fail(error, EPERM, "the user namespace takes no map");
	return 0;
}

static int open_tun(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		int code = errno;

		close(fd);
		return -code;
	}
	return fd;
}

static void put_addr(struct sockaddr *at, uint32_t addr)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(addr) };

	memcpy(at, &in, sizeof(in));
}

/* Not by ioctl: that changes the prefix by taking the address away for a moment, and masquerade
   then forgets, some time later, the flows that have it. */
static int raise_link(struct drive_rtnl *rtnl, const char *name, uint32_t addr, uint32_t mtu)
{
	struct minato_addr own = minato_addr4((uint8_t)(addr >> 24), (uint8_t)(addr >> 16),
					      (uint8_t)(addr >> 8), (uint8_t)addr);
	int index = drive_rtnl_index(rtnl, name);
	int result = index < 0 ? index : drive_rtnl_addr_add(rtnl, index, &own, 24);

	return result < 0 ? result : drive_rtnl_link_up(rtnl, index, mtu, NULL);
}

static bool add_default(int fd)
{
	char name[] = "out0";
	struct rtentry route = { .rt_flags = RTF_UP, .rt_dev = name };

	put_addr(&route.rt_dst, 0);
	put_addr(&route.rt_genmask, 0);
	return ioctl(fd, SIOCADDRT, &route) == 0;
}

static int raise_links(const struct verify_setup *setup)
{
	uint32_t outside = setup->equal_ranges ? 0x0a0000c8u : VERIFY_NAT_OUTSIDE;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct drive_rtnl *rtnl;
	int result = fd < 0 ? -errno : drive_rtnl_open(&rtnl);

	if (result == 0) {
		result = raise_link(rtnl, names[0], VERIFY_NAT_INSIDE, setup->mtu[0]);
		if (result == 0)
			result = raise_link(rtnl, names[1], outside, setup->mtu[1]);
		drive_rtnl_close(rtnl);
	}
	if (result == 0 && !add_default(fd))
		result = -errno;
	if (fd >= 0)
		close(fd);
	return result;
}

static int make_links(struct linux_nat *linux, const struct verify_setup *setup,
		      struct drive_error *error)
{
	int result;

	for (int side = 0; side < VERIFY_SIDES; side++) {
		linux->tun[side] = open_tun(names[side]);
		if (linux->tun[side] < 0)
			return drive_fail(error, -linux->tun[side], "no tun device: %s",
					  strerror(-linux->tun[side]));
	}
	(void)drive_proc_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	(void)drive_proc_write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	result = raise_links(setup);
	if (result == 0)
		result = drive_proc_write("/proc/sys/net/ipv4/ip_forward", "1");
	return result == 0 ? 0 :
			     drive_fail(error, -result, "the tun devices take no addresses: %s",
					strerror(-result));
}

/* ---- rules ---- */

struct script {
	char text[SCRIPT_SIZE];
	size_t used;
};

static void add(struct script *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct script *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	s->used += (size_t)vsnprintf(s->text + s->used, sizeof(s->text) - s->used, format, args);
	va_end(args);
	if (s->used >= sizeof(s->text))
		s->used = sizeof(s->text) - 1;
}

static const char *word(char out[24], uint32_t addr)
{
	return verify_end_text(out, (struct verify_end){ addr, 0 });
}

static void add_pool(struct script *s, const struct verify_setup *setup, const char *ports)
{
	char a[24];

	if (setup->pool_count == 0) {
		add(s, "masquerade%s%s\n", *ports ? " to " : "", ports);
		return;
	}
	add(s, "snat to jhash ip saddr mod %u map { ", setup->pool_count);
	for (uint32_t i = 0; i < setup->pool_count; i++)
		add(s, "%s%u : %s", i ? ", " : "", i, word(a, setup->pool[i]));
	add(s, " }\n");
}

static void add_nat(struct script *s, const struct verify_setup *setup)
{
	char a[24], ports[24] = "";

	add(s, "table ip nat {\nchain pre { type nat hook prerouting priority dstnat;\n");
	for (uint32_t i = 0; i < setup->forward_count; i++) {
		const struct verify_forward *f = &setup->forward[i];

		add(s, "iifname out0 %s dport %u dnat to %s:%u\n",
		    f->proto == VERIFY_TCP ? "tcp" : "udp", f->port, word(a, f->to.addr),
		    f->to.port);
	}
	add(s, "}\nchain post { type nat hook postrouting priority srcnat;\noifname != out0 "
	       "accept\n");
	if (setup->untranslated)
		add(s, "ip daddr %s accept\n", word(a, setup->untranslated));
	if (setup->low) {
		snprintf(ports, sizeof(ports), ":%u-%u", setup->low, setup->high);
		add(s, "meta l4proto { tcp, udp } ");
		add_pool(s, setup, ports);
	}
	add_pool(s, setup, "");
	add(s, "}\n}\n");
}

/* A bound for each inside host, by what counts connections. */
static void add_bound(struct script *s, const char *proto, uint32_t bound)
{
	if (bound)
		add(s,
		    "iifname in0 ct state new %s%s add @n_%s { ip saddr ct count over %u } "
		    "reject with icmp type admin-prohibited\n",
		    strcmp(proto, "all") ? "ip protocol " : "", strcmp(proto, "all") ? proto : "",
		    proto, bound);
}

static void add_filter(struct script *s, const struct verify_setup *setup)
{
	static const char *const sets[] = { "n_udp", "n_tcp", "n_icmp", "n_all", "n_rate" };
	const struct minato_nat *nat = &setup->nat;

	add(s, "table ip filter {\n");
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		add(s, "set %s { type ipv4_addr; size 4096; flags dynamic; }\n", sets[i]);
	add(s, "chain handed_on { type filter hook forward priority filter; policy drop;\n"
	       "ct state invalid drop\n");
	add_bound(s, "udp", nat->host_udp);
	add_bound(s, "tcp", nat->host_tcp);
	add_bound(s, "icmp", nat->host_icmp);
	add_bound(s, "all", nat->host_sessions);
	if (nat->host_rate)
		add(s,
		    "iifname in0 ct state new add @n_rate { ip saddr limit rate over %u/second "
		    "burst %u packets } drop\n",
		    nat->host_rate, nat->host_burst ? nat->host_burst : nat->host_rate);
	add(s, "ct state established,related accept\niifname in0 accept\nct status dnat accept\n}\n"
	       "chain ours { type filter hook output priority filter;\n");
	if (!nat->icmp_to_inside)
		add(s, "oifname in0 icmp type { destination-unreachable, time-exceeded } drop\n");
	if (!nat->icmp_to_outside)
		add(s, "oifname out0 icmp type { destination-unreachable, time-exceeded } drop\n");
	add(s, "}\nchain to_us { type filter hook input priority filter;\n");
	if (!nat->icmp_to_outside)
		add(s, "iifname out0 ct state new drop\n");
	add(s, "}\n}\n");
}

/* Runs nft with the script on its standard input. */
static int load(const struct script *s, struct drive_error *error)
{
	char nft[] = "nft", file[] = "-f", input[] = "-";
	char *argv[] = { nft, file, input, NULL };
	char said[256] = "";
	int in[2], out[2], status = -1;
	ssize_t got;
	pid_t child;

	if (pipe2(in, O_CLOEXEC) < 0)
		return drive_fail(error, errno, "no pipe: %s", strerror(errno));
	if (pipe2(out, O_CLOEXEC) < 0) {
		close(in[0]);
		close(in[1]);
		return drive_fail(error, errno, "no pipe: %s", strerror(errno));
	}
	child = fork();
	if (child == 0) {
		(void)setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDERR_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	/* Shorter than a pipe holds, so that this does not wait for nft. */
	if (child > 0)
		(void)!write(in[1], s->text, s->used);
	close(in[1]);
	got = child > 0 ? read(out[0], said, sizeof(said) - 1) : -1;
	close(out[0]);
	if (child > 0)
		(void)waitpid(child, &status, 0);
	if (status == 0)
		return 0;
	said[got > 0 ? strcspn(said, "\n") : 0] = '\0';
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return drive_fail(error, ENOENT, "there is no nft");
	return drive_fail(error, EOPNOTSUPP, "nft refuses: %s", said);
}

/* ---- settings ---- */

static void set_timer(enum verify_timer timer, uint32_t seconds, uint32_t by_default)
{
	char path[96], text[16];

	if (seconds == by_default)
		return;
	snprintf(text, sizeof(text), "%u", seconds);
	for (int i = 0; i < 4 && timers[timer][i]; i++) {
		snprintf(path, sizeof(path), SYSCTL "%s", timers[timer][i]);
		(void)drive_proc_write(path, text);
	}
}

static void set_timers(const struct minato_nat *nat, const struct minato_nat *plain)
{
	set_timer(VERIFY_TIMER_UDP, nat->udp_s, plain->udp_s);
	set_timer(VERIFY_TIMER_TCP_OPENING, nat->tcp_opening_s, plain->tcp_opening_s);
	set_timer(VERIFY_TIMER_TCP_OPEN, nat->tcp_established_s, plain->tcp_established_s);
	set_timer(VERIFY_TIMER_TCP_CLOSING, nat->tcp_closing_s, plain->tcp_closing_s);
	set_timer(VERIFY_TIMER_TCP_RESET, nat->tcp_reset_s, plain->tcp_reset_s);
	set_timer(VERIFY_TIMER_ICMP, nat->icmp_s, plain->icmp_s);
}

/* What it cannot be told, or NULL. */
static const char *lacks(const struct verify_setup *setup, const struct minato_nat *plain)
{
	const struct minato_nat *nat = &setup->nat;

	if (nat->udp_filtering == MINATO_FILTER_ADDRESS ||
	    nat->tcp_filtering == MINATO_FILTER_ADDRESS)
		return "address-dependent filtering";
	if (nat->parity)
		return "parity of ports";
	if (nat->udp_short_s)
		return "a shorter timer for chosen ports (but by ct timeout policies)";
	if (nat->other_address)
		return "another address where the paired one is full";
	if (nat->rest_s != plain->rest_s || nat->rests_max != plain->rests_max)
		return "a rest for freed ports";
	if (setup->sessions_max && setup->sessions_max < 4096)
		return "a bound of its own memory here: nf_conntrack_max is the whole machine's";
	return NULL;
}

/* ---- a NAT under test ---- */

static void stop(void *user)
{
	struct linux_nat *linux = user;

	for (int side = 0; side < VERIFY_SIDES; side++) {
		if (linux->tun[side] >= 0)
			close(linux->tun[side]);
		linux->tun[side] = -1;
	}
}

static int start(void *user, const struct verify_setup *setup, struct drive_error *error)
{
	struct linux_nat *linux = user;
	struct minato_nat plain;
	struct script script = { .used = 0 };
	const char *what;
	int result;

	minato_nat_init(&plain);
	what = lacks(setup, &plain);
	if (what)
		return drive_fail(error, EOPNOTSUPP, "it has no setting for %s", what);
	stop(linux);
	/* A new one for each start: no flow of the last one is remembered. */
	if (unshare(CLONE_NEWNET) < 0)
		return drive_fail(error, errno, "no network namespace: %s", strerror(errno));
	result = make_links(linux, setup, error);
	if (result < 0)
		return result;
	add_nat(&script, setup);
	add_filter(&script, setup);
	result = load(&script, error);
	if (result == 0)
		set_timers(&setup->nat, &plain);
	return result;
}

static void put(void *user, enum verify_side side, const uint8_t *bytes, size_t len)
{
	struct linux_nat *linux = user;

	linux->had = false;
	(void)!write(linux->tun[side], bytes, len);
}

static size_t take(void *user, enum verify_side *side, uint8_t bytes[VERIFY_BYTES_MAX], bool quick)
{
	struct linux_nat *linux = user;

	for (int turn = 0; turn < 2; turn++) {
		struct pollfd wait[VERIFY_SIDES];

		for (int i = 0; i < VERIFY_SIDES; i++) {
			ssize_t got = read(linux->tun[i], bytes, VERIFY_BYTES_MAX);

			*side = (enum verify_side)i;
			if (got >= 20 && bytes[0] >> 4 == 4) {
				linux->had = true;
				return (size_t)got;
			}
			wait[i] = (struct pollfd){ linux->tun[i], POLLIN, 0 };
		}
		if (turn == 0 && !(quick && linux->had))
			(void)poll(wait, VERIFY_SIDES, quick ? SETTLE_QUICK_MS : SETTLE_MS);
	}
	return 0;
}

static void pass_time(void *user, double seconds)
{
	struct timespec span = { (time_t)seconds,
				 (long)((seconds - (double)(time_t)seconds) * 1e9) };

	(void)user;
	while (nanosleep(&span, &span) < 0 && errno == EINTR)
		continue;
}

static double timer_of(void *user, enum verify_timer timer, char *name, size_t size)
{
	char path[96];

	(void)user;
	snprintf(name, size, "nf_conntrack_%s", timers[timer][0]);
	snprintf(path, sizeof(path), SYSCTL "%s", timers[timer][0]);
	return (double)drive_proc_number(path, 0);
}

static int told(void *user, struct verify_told *out)
{
	(void)user;
	*out = (struct verify_told){ 0 };
	return -EOPNOTSUPP;
}

struct verify_nat *verify_linux_make(struct drive_error *error)
{
	struct linux_nat *linux;
	static const struct verify_setup nothing;
	struct verify_setup plain = nothing;
	int result = enter(error);

	if (result < 0)
		return NULL;
	linux = calloc(1, sizeof(*linux));
	if (!linux) {
		drive_fail(error, ENOMEM, "out of memory");
		return NULL;
	}
	linux->tun[0] = linux->tun[1] = -1;
	linux->nat = (struct verify_nat){
		.name = "nftables",
		.user = linux,
		.real = true,
		.start = start,
		.put = put,
		.take = take,
		.pass = pass_time,
		.timer = timer_of,
		.told = told,
		.stop = stop,
	};
	minato_nat_init(&plain.nat);
	result = start(linux, &plain, error);
	stop(linux);
	if (result == 0)
		return &linux->nat;
	free(linux);
	return NULL;
}
