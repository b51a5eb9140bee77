/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a kernel knows of ports: its sockets, who holds them, and its own rules; of the network
 * namespace that the caller is in, or of that of another process.
 */
#ifndef MINATO_KERNEL_H
#define MINATO_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "drive/drive.h"
#include "minato/minato.h"

/*
 * Conventions are drive.h's: negative errno, ports in host order, addresses as minato.h has them.
 * `process` names the network namespace to look into: that of this process; 0 is the caller's own.
 */

/* ---- diag.c: the sockets, by sock_diag ---- */

struct tcp_info; /* of <linux/tcp.h> */

/* Bits of a set of states; MINATO_CLOSED is a UDP socket without a peer. */
#define KERNEL_STATE(state) (1u << (state))
/* TCP, bound and neither listening nor connected; listed since Linux 6.8. */
#define KERNEL_STATE_BOUND (1u << 13)
#define KERNEL_STATES_ALL UINT32_MAX

struct kernel_query {
	pid_t process;
	bool tcp, udp;	   /* neither: both */
	bool only4, only6; /* of the socket's own family; neither: both */
	uint32_t states;   /* 0: all */
	uint16_t port;	   /* with this local port only; 0: any */
	bool info;	   /* tcp_info and the name of the congestion control */
	bool memory;	   /* skmem */
	bool chosen;	   /* who chose the local port, without `port`; takes two readings */
};

enum kernel_timer {
	KERNEL_TIMER_OFF,
	KERNEL_TIMER_ON, /* retransmission, and the like */
	KERNEL_TIMER_KEEPALIVE,
	KERNEL_TIMER_TIMEWAIT,
	KERNEL_TIMER_PERSIST,
	KERNEL_TIMER_UNKNOWN,
};

/* Bytes, but for the last. */
struct kernel_memory {
	uint32_t receive_used, receive_max, send_used, send_max;
	uint32_t forward, send_queued, options, backlog;
	uint32_t drops; /* packets */
};

/* What the congestion control BBR has found. */
struct kernel_bbr {
	uint64_t bytes_per_s;
	uint32_t min_rtt_us, pacing_gain, cwnd_gain; /* gains in 1/256 */
};

struct kernel_socket {
	uint8_t proto;		 /* MINATO_TCP, MINATO_UDP */
	bool is6;		 /* of IPv6; with a mapped address it speaks IPv4 all the same */
	bool v6only;		 /* as said by IPv6 sockets that wait for others */
	bool bound;		 /* state MINATO_CLOSED of TCP: KERNEL_STATE_BOUND */
	bool chosen;		 /* the program chose the local port; told if asked for */
	enum minato_state state; /* of UDP ESTABLISHED or CLOSED */
	struct minato_endpoint local, remote; /* remote port 0: none */
	uint32_t interface;		      /* bound to it, or of a link-local address; 0: none */
	uint32_t recv_queue, send_queue;      /* bytes; listening: waiting, and how many can */
	uint32_t uid;	 /* in the caller's user namespace, or 65534 where it has no number there */
	uint32_t inode;	 /* 0: no descriptor leads here (TIME-WAIT, orphans) */
	uint64_t cookie; /* no other socket of this boot has it; 0: not known */
	enum kernel_timer timer;
	uint32_t timer_ms; /* until it is due */
	uint8_t retransmits;
	bool has_shut;
	uint8_t shut;	 /* bits: 1 closed for reading, 2 for writing */
	uint32_t mark;	 /* told only to who may administer the namespace */
	uint64_t cgroup; /* its number; 0: not known */
	bool has_memory;
	struct kernel_memory memory;
	/* Borrowed until the callback returns. */
	const struct tcp_info *info;  /* all of the struct; what the kernel has not is 0. Or NULL */
	const char *congestion;	      /* or NULL */
	const struct kernel_bbr *bbr; /* or NULL */
};

/*
 * Calls `each` for every socket the query asks for, in the kernel's order; other than 0 ends it
 * and is returned. Holds no list: memory does not grow with the sockets. Where the namespace may
 * not be entered, /proc tells: then cookie, interface, mark, cgroup, info and memory are missing.
 * 0, -ESRCH (no such process), or negative errno.
 */
int kernel_sockets(const struct kernel_query *query,
		   int (*each)(void *user, const struct kernel_socket *socket), void *user);

/* ---- exact.c: one socket, by its ends ---- */

/* A descriptor for it, of the namespace of this process. Negative errno. */
int kernel_cookie_open(void);
/* What the kernel says of it. */
struct kernel_exact {
	uint64_t cookie;
	uint32_t uid; /* who made it, as this process sees users */
};
/*
 * The socket with this local end and that remote one; of UDP, the one that would be given a packet
 * which comes from there. Does not wait. 0, -ENOENT, or negative errno.
 */
int kernel_cookie(int fd, enum minato_proto proto, const struct minato_endpoint *local,
		  const struct minato_endpoint *remote, struct kernel_exact *out);

/* ---- within.c: into the network namespace of a process ---- */

#define KERNEL_IDS_MAX 32

/* How the user ids of another user namespace are called in the caller's. */
struct kernel_ids {
	bool mapped; /* false: they are the caller's */
	size_t count;
	struct kernel_id_range {
		uint32_t inside, outside, length;
	} ranges[KERNEL_IDS_MAX];
};

/*
 * Does the work (drive.h, inside.c) in the namespace, in this process where it is the caller's.
 * Sets *mapped when it is done by ids of another user namespace. What the work returned, or
 * negative errno: -ESRCH, -EPERM where the namespace may not be entered.
 */
int kernel_within(pid_t process, struct drive_inside *inside, bool *mapped);
/*
 * A netlink socket of that protocol, made in the namespace: a descriptor of the caller's, or
 * negative errno as kernel_within. `ids` may be NULL.
 */
int kernel_netlink(pid_t process, int protocol, struct kernel_ids *ids);
uint32_t kernel_uid(const struct kernel_ids *ids, uint32_t uid);

/* ---- proclist.c: the sockets, as /proc lists them ---- */

/* The state that the kernel has under this number; what is none of ours is MINATO_CLOSED. */
enum minato_state kernel_state(unsigned number);
/* Reads one line of /proc/net/tcp, tcp6, udp or udp6; -EINVAL for a heading or anything else. */
int kernel_line_read(struct kernel_socket *socket, const char *line, uint8_t proto);
/* As kernel_sockets, by /proc/PROCESS/net alone. */
int kernel_list(const struct kernel_query *query,
		int (*each)(void *user, const struct kernel_socket *socket), void *user);

/* ---- destroy.c: ending a connection ---- */

/*
 * Ends the socket as if it had failed: the peer gets a RST, the program ECONNABORTED. It must be
 * one that kernel_sockets gave of the same process's namespace. 0 or negative errno with a text:
 * -EPERM without CAP_NET_ADMIN there, -ENOENT when it has ended meanwhile, -EOPNOTSUPP where the
 * kernel cannot (CONFIG_INET_DIAG_DESTROY).
 */
int kernel_destroy(const struct kernel_socket *socket, pid_t process, struct drive_error *error);

/* ---- owners.c: which processes hold a socket ---- */

#define KERNEL_GROUP_SIZE 96

struct kernel_process {
	pid_t pid;
	uid_t uid;	   /* effective */
	int64_t started_s; /* seconds since 1970; 0: not known */
	char program[32];
	char group[KERNEL_GROUP_SIZE]; /* kernel_group_name of its cgroup, or empty */
};

/* Describes a process; -ESRCH when there is none. What cannot be read stays 0. */
int kernel_process_read(struct kernel_process *process, pid_t pid);

struct kernel_owner {
	uint32_t inode;
	int fd;
	const struct kernel_process *process;
	const struct kernel_owner *next; /* of the same bucket; see kernel_owners_next */
};

struct kernel_owners;

/*
 * Walks /proc once, and remembers each descriptor of a socket in each process that the caller may
 * look into. 0 or -ENOMEM. Without /proc there are no owners.
 */
int kernel_owners_read(struct kernel_owners **out);
void kernel_owners_free(struct kernel_owners *owners);
/*
 * Who holds the socket with that inode: the first (`before` NULL), and the one after `before`; NULL
 * after the last. Inode 0 has none. `owners` may be NULL. As ss lists them, the latest first.
 */
const struct kernel_owner *kernel_owners_next(const struct kernel_owners *owners, uint32_t inode,
					      const struct kernel_owner *before);

/* ---- program.c: which programs of a guest hold the socket of a flow ---- */

#define KERNEL_RECENT 8u

/* What is kept open to find them; of one network namespace. */
struct kernel_seeker {
	int proc;	/* a list of processes: the guest's own, or this host's */
	int diag;	/* to the kernel, in the network namespace */
	uint64_t netns; /* of this host's processes those with it; 0: all */
	struct kernel_ids ids;
	pid_t recent[KERNEL_RECENT]; /* found lately, the last one first; 0: none */
};

struct kernel_flow {
	enum minato_proto proto;	      /* TCP or UDP */
	struct minato_endpoint local, remote; /* of the guest's socket */
};

#define KERNEL_PROGRAM_PATH 256u

struct kernel_program {
	pid_t pid;    /* as `proc` has it: in a guest made here, the guest's */
	uint32_t uid; /* of the socket, in the caller's user namespace */
	/* Of the executable, by its own mounts; "": not known. Without room it ends in "...". */
	char path[KERNEL_PROGRAM_PATH];
	char command[32];	/* the process's name, which it may choose */
	uint64_t device, inode; /* which file it is; 0: not known, as where the path has no room */
	/*
	 * When the file was last changed, in nanoseconds since 1970: by this it differs from what
	 * is given its number after it was removed, and from what is written over it.
	 */
	int64_t changed_ns;
	bool deleted; /* it has no name any more, or never had (memfd) */
};

/*
 * For the network namespace of the process. `trusted`: it is the first of a PID namespace, and only
 * code of ours has run there, so that its /proc is one: then only its processes are looked at,
 * later too. Else all of this host's that are in that network namespace. 0 or negative errno.
 */
int kernel_seeker_open(struct kernel_seeker *seeker, pid_t process, bool trusted);
void kernel_seeker_close(struct kernel_seeker *seeker);
/*
 * Writes the first `max` processes that hold the flow's socket, and returns how many there are; 0
 * where none can be seen (it is another's, or only a thread with descriptors of its own has it).
 * Not `all`: looks for one only, those found lately first, then the youngest. -ENOENT: there is no
 * such socket, or no more. Of datagram sockets that share a port, the one that an answer would
 * reach. What was true when it was looked at may have ended since. A script's program is its
 * interpreter. Costs a look at every descriptor of every process, until it has what is wanted.
 */
int kernel_program_seek(struct kernel_seeker *seeker, const struct kernel_flow *flow, bool all,
			struct kernel_program *out, size_t max);
/*
 * Whether it runs the file that this path leads to now, here: not what was there before it was
 * replaced, and not what a guest has mounted over its name.
 */
bool kernel_program_is(const struct kernel_program *program, const char *path);
/*
 * What stands for it where it is told: its path, or, where that is not known, the name that it
 * chose itself, in brackets: no path begins so, whatever it chose. Returns `out`.
 */
const char *kernel_program_name(char *out, size_t size, const struct kernel_program *program);

/* ---- group.c: names of cgroups ---- */

/*
 * What people call a cgroup, from its path in /proc/PID/cgroup: "docker:0123456789ab",
 * "podman:...", "lxc:web", "machine:web", "nginx.service"; empty for a user's session and for none.
 * Writes into `out`, of KERNEL_GROUP_SIZE, and returns it.
 */
const char *kernel_group_name(char *out, const char *path);

/* ---- groups.c: paths of cgroups, from their numbers ---- */

struct kernel_groups;

/* Walks the one tree of cgroups (version 2). NULL where there is none, or memory ran out. */
struct kernel_groups *kernel_groups_read(void);
void kernel_groups_free(struct kernel_groups *groups);
/* The path within the tree, "/" for its root; NULL when it has no such cgroup. */
const char *kernel_groups_path(const struct kernel_groups *groups, uint64_t number);
/* Where the tree is mounted; -ENOENT where it is nowhere. */
int kernel_groups_mount(char *out, size_t size);

/* ---- knobs.c: the kernel's own rules for ports ---- */

#define KERNEL_PORTS_BYTES 8192 /* a bit for each port */

struct kernel_knobs {
	uint16_t first, last;		      /* ip_local_port_range: what connect() chooses from */
	uint32_t privileged_below;	      /* ip_unprivileged_port_start: 0..65536 */
	uint8_t reserved[KERNEL_PORTS_BYTES]; /* ip_local_reserved_ports: a bit set for each */
	uint32_t reserved_count;
};

/*
 * Reads them. What a kernel does not say is as it is by default (32768..60999, 1024, none). 0 or
 * negative errno: -ESRCH, -EPERM where the namespace may not be entered.
 */
int kernel_knobs_read(struct kernel_knobs *knobs, pid_t process);
bool kernel_port_reserved(const struct kernel_knobs *knobs, uint16_t port);

#endif
