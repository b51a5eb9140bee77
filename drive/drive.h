/* SPDX-License-Identifier: BSD-2-Clause */
/* The world as minato sees it: every system call outside relay/ and cmd/ is behind this header. */
#ifndef MINATO_DRIVE_H
#define MINATO_DRIVE_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "minato/minato.h"

struct signalfd_siginfo;

/*
 * Conventions of the whole folder.
 *
 * A function that can fail returns 0 (or a count, a descriptor, an id: said there) or a negative
 * errno number. One that can fail for a reason a user can mend also takes a `struct drive_error`
 * and writes a sentence there that says what failed, why, and what to do about it; it has no final
 * newline and no "minato: " in front. The error may be NULL. Addresses, times and their conventions
 * are minato.h's: IPv4 as ::ffff:a.b.c.d, ports in host order, instants on CLOCK_MONOTONIC, lengths
 * in bytes; but an IPv4 prefix length is 0-32 here, as people write it. Every descriptor made here
 * is close-on-exec and, unless said otherwise, non-blocking.
 */
struct drive_error {
	char text[512];
};

/* ---- error.c ---- */

/*
 * Writes the text, cut to the room there is, and returns -errnum, so that a function can end in
 * `return drive_fail(...)`.
 */
int drive_fail(struct drive_error *error, int errnum, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- clock.c ---- */

/* The time now: CLOCK_MONOTONIC. */
struct minato_time drive_now(void);

/*
 * Fills the memory from getrandom(2): the seed of a host value. Never returns less; 0 or -ENOSYS on
 * a kernel without it.
 */
int drive_seed(void *memory, size_t size);

/* ---- procfile.c: numbers and settings in small files of /proc ---- */

/* Reads what one call gives, with a zero byte behind it: empty on failure, 0 or -errno. */
int drive_proc_text(const char *path, char *text, size_t size);
/* The number the file begins with, or `missing` where there is no file or no number. */
int64_t drive_proc_number(const char *path, int64_t missing);
/* Writes the text in one call, as the kernel wants it. 0 or -errno. */
int drive_proc_write(const char *path, const char *text);

/* ---- headroom.c: how much memory may still be taken ---- */

/*
 * Bytes: what the host has available, and no more than what the bounds of the groups of processes
 * leave in which we are (cgroups of either version). 0 where nothing is known.
 */
uint64_t drive_headroom(void);
/* The same of other files: meminfo, the names of our groups, where those lie. */
uint64_t drive_headroom_at(const char *meminfo, const char *own, const char *groups);

/* ---- loop.c: epoll, one thread ----
 *
 * A turn of the loop is: every hook in the order in which they were added, then one wait until a
 * descriptor is ready or the earliest deadline that the hooks gave, then the callbacks of all that
 * was ready. So a hook is both "after the batch" and "before the wait". A deadline that has passed
 * makes the wait a look without sleeping, and another turn follows.
 */
struct drive_loop;

/* What epoll said: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP. */
typedef void drive_ready_fn(void *user, uint32_t events);
/*
 * Called after each batch; returns the instant at which it wants to be called again at the latest,
 * or MINATO_NEVER.
 */
typedef struct minato_time drive_hook_fn(void *user, struct minato_time now);
/* Called for each signal that arrived. */
typedef void drive_signal_fn(void *user, const struct signalfd_siginfo *signal);

/* Makes a loop; the caller owns it and ends it with drive_loop_free. 0 or negative errno. */
int drive_loop_new(struct drive_loop **loop);
/* Ends the loop. It closes its own descriptors, never those that were added. */
void drive_loop_free(struct drive_loop *loop);

/*
 * Watches fd; events as epoll_ctl takes them, EPOLLET for edge-triggered. Returns an id > 0, or
 * negative errno (-EEXIST: this fd is already watched; -ENOSPC: too many, or more than 64 different
 * callbacks; -ENOMEM). The loop borrows fd:
 * remove it before closing it.
 */
int64_t drive_loop_add(struct drive_loop *loop, int fd, uint32_t events, drive_ready_fn *ready,
		       void *user);
/* Changes the events of a watch; 0, -ENOENT for an id that was removed, or epoll's error. */
int drive_loop_modify(struct drive_loop *loop, int64_t id, uint32_t events);
/*
 * Ends a watch. Allowed at any time, also from inside a callback and for a descriptor whose event
 * waits in the same batch: that event is dropped, even when the place was given to a new watch
 * meanwhile. An old id does nothing.
 */
void drive_loop_remove(struct drive_loop *loop, int64_t id);

/*
 * Ends a watch and closes its descriptor, of which there must be no copy: the kernel then takes it
 * out by itself, which saves a system call. As allowed as removal.
 */
void drive_loop_close(struct drive_loop *loop, int64_t id);

/*
 * Something may follow at once: the next wait looks for it, for at most 50 us, before it sleeps, if
 * the last expected things came as quickly and the processor is not wanted otherwise. To be said
 * in a turn that moved little in both directions; holds for one wait.
 */
void drive_loop_expect(struct drive_loop *loop);
/*
 * Gives the loop an open /proc/loadavg, or -1; it closes it. With it the loop sees that no
 * processor is idle, and does not look then.
 */
void drive_loop_crowd(struct drive_loop *loop, int fd);
/* How often the loop has looked without sleeping. */
uint64_t drive_loop_looks(const struct drive_loop *loop);

/* Adds a hook (at most 8; -ENOSPC). */
int drive_loop_hook(struct drive_loop *loop, drive_hook_fn *hook, void *user);
/*
 * Blocks the signals of the set for this thread and hands them to the callback from now on. Once
 * per loop (-EBUSY). Whoever forks and executes afterwards must unblock them: drive_guest_go and
 * drive_enter do.
 */
int drive_loop_signals(struct drive_loop *loop, const sigset_t *set, drive_signal_fn *arrived,
		       void *user);
/* Turns until drive_loop_stop, whose result it returns, or until epoll fails (negative errno). */
int drive_loop_run(struct drive_loop *loop);
/*
 * One turn that sleeps at most until `latest` (an instant in the past: does not sleep). Returns how
 * many callbacks ran, or negative errno.
 */
int drive_loop_turn(struct drive_loop *loop, struct minato_time latest);
/* Lets drive_loop_run return `result` (>= 0) at the end of this batch, hooks not called again. */
void drive_loop_stop(struct drive_loop *loop, int result);
/* The time read at the last return from the wait: the one `now` for all of a batch. */
struct minato_time drive_loop_now(const struct drive_loop *loop);

/* ---- hostaddr.c: which addresses are the host's, and of what sort ---- */

enum drive_sort {
	DRIVE_SORT_UNICAST,   /* anything not below */
	DRIVE_SORT_ANY,	      /* 0.0.0.0/8 and ::, which a connect takes for this host */
	DRIVE_SORT_LOOPBACK,  /* 127.0.0.0/8, ::1 */
	DRIVE_SORT_MULTICAST, /* 224.0.0.0/4, ff00::/8 */
	DRIVE_SORT_BROADCAST, /* 255.255.255.255 */
};

struct drive_hostaddr {
	struct minato_addr addr;
	uint8_t prefix;	    /* length of the subnet's prefix: 0-32 or 0-128 */
	bool loopback;	    /* on the loopback interface */
	unsigned interface; /* index */
};

/*
 * The sort of an address. IPv4 is minato.h's mapped form, so an IPv6 socket's ::ffff:127.0.0.1 and
 * IPv4's 127.0.0.1 are one and the same here. An IPv4-compatible address (::a.b.c.d) other than ::
 * and ::1 is judged by the IPv4 address in it.
 */
enum drive_sort drive_addr_sort(const struct minato_addr *addr);
/*
 * Whether traffic to it would reach the host's own inner side, or a whole link: any, loopback,
 * broadcast, in either family, mapped or not. A relay refuses these. Multicast is not among them;
 * ask for the sort.
 */
bool drive_addr_is_inner(const struct minato_addr *addr);
/*
 * From a kernel's socket address; a mapped address in an AF_INET6 one becomes IPv4. False for an
 * unknown family.
 */
bool drive_endpoint_from(struct minato_endpoint *end, const struct sockaddr *from);
/* To AF_INET for IPv4, otherwise AF_INET6. Returns the length. */
socklen_t drive_endpoint_to(struct sockaddr_storage *to, const struct minato_endpoint *end);
/* To AF_INET6 always, IPv4 as mapped: for a dual-stack socket. */
socklen_t drive_endpoint_to6(struct sockaddr_storage *to, const struct minato_endpoint *end);

/*
 * Reads the addresses the host has now into the array, `room` of them at most. Returns how many
 * there are, which may be more than room, or negative errno.
 */
int drive_hostaddr_read(struct drive_hostaddr *list, size_t room);
/*
 * A netlink descriptor that becomes readable when addresses or routes of the host change; negative
 * errno. The caller owns it.
 */
int drive_hostaddr_watch(void);
/*
 * Empties the descriptor. Returns 1 if anything changed (or was lost for want of room), 0 if not,
 * negative errno.
 */
int drive_hostaddr_drain(int fd);

/* ---- subnet.c: the guest's addresses ---- */

/*
 * In each family: gateway, which is the host's face to the guest; DNS; guest. Nothing but `has` is
 * valid where `has` is false.
 */
struct drive_subnet {
	bool has4;
	bool has6;
	bool overlaps4; /* the host has routes into every candidate: one was taken all the same */
	bool overlaps6;
	bool routed;	 /* the host has a route to the rest of the world, in a family asked for */
	uint8_t prefix4; /* 1-25 */
	uint8_t prefix6; /* always 64 */
	struct minato_addr network4; /* 10.0.2.0 */
	struct minato_addr gateway4; /* network + 2 */
	struct minato_addr dns4;     /* network + 3 */
	struct minato_addr guest4;   /* network + 100 */
	struct minato_addr network6; /* fd00:: */
	struct minato_addr gateway6; /* network + 2 */
	struct minato_addr dns6;     /* network + 3 */
	struct minato_addr guest6;   /* network + 100, written ::64 */
};

/*
 * Chooses for the families asked for: 10.0.2.0/24 and fd00::/64, or the next one that no address
 * and no route of the host touches (10.0.3.0/24 ... 10.0.255.0/24, then the same places of 172.30,
 * 192.168 and 198.18; fd00:0:0:1::/64 ...). Routes shorter than /8 do not count: they are the
 * default route, whole or cut in pieces as VPNs do. Never fails for want of a free one (see
 * overlaps). A netlink that does not answer counts as a host without routes.
 */
void drive_subnet_choose(struct drive_subnet *subnet, bool want4, bool want6);
/*
 * The user's own subnet: A.B.C.D/N with 1 <= N <= 25, or an IPv6 prefix of length 64; sets that
 * family's half, leaves the other. Bits beyond the mask are cleared. -EINVAL with a text for
 * anything else, also for what meets 0/8, loopback, multicast or 240/4 (so every mask below /3).
 */
int drive_subnet_parse(struct drive_subnet *subnet, const char *text, struct drive_error *error);

#define DRIVE_HOST_NAME_SIZE 254		  /* RFC 1123 2.1: 253, and the final zero */
#define DRIVE_GATEWAY_NAME "host.minato.internal" /* of the gateway, in the guest's /etc/hosts */

/* ---- guest.c, enter.c: a guest made of namespaces, without root ----
 *
 *   caller                                  init: PID 1 of the guest
 *   drive_guest_make  ---- clone --------->  user, network, mount, process, host-name namespaces
 *                     ---- id maps ------->  lo and tap0 with addresses; /proc, /sys, /etc files
 *                     <--- tap descriptor -  waits
 *   (bind ports, start the stack)
 *   drive_guest_go    ---- "go" ---------->  forks and executes the command
 *                     <--- worked or not --
 *   pidfd readable    <--- exit status ----  the command ended; what it left dies with PID 1
 *
 * Init dies with the thread that made it, at once, even if that is killed with SIGKILL; the kernel
 * then kills the rest of the guest. So no process is left whichever side is killed first.
 */

/* A line of the guest's own /etc/hosts. */
struct drive_name {
	struct minato_addr addr;
	char name[DRIVE_HOST_NAME_SIZE];
};

/* What the guest is to be. The strings and arrays are borrowed during drive_guest_make only. */
struct drive_plan {
	struct drive_subnet subnet;
	uint32_t mtu;	      /* of tap0: 68-65521; below 1280 the guest has no IPv6 */
	uint8_t mac[6];	      /* of tap0 */
	const char *ifname;   /* NULL: tap0 */
	bool root;	      /* uid and gid 0 inside; otherwise the caller's own */
	bool subids;	      /* with root: the caller's subordinate ids too, as users 1... */
	bool shut;	      /* what leads past its network is: drive_beside_shut */
	bool keep_resolv;     /* leave /etc/resolv.conf as the host has it */
	bool name_gateway;    /* in /etc/hosts; where the guest has its own it is anyway */
	FILE *resolv_from;    /* whose search domains it has; NULL: the host's resolv.conf */
	const char *hostname; /* NULL: the host's */
	const char *workdir;  /* as the guest sees it; NULL: the caller's */
	const struct drive_name *names; /* before what the host's /etc/hosts has */
	size_t name_count;
	rlim_t files;	   /* soft RLIMIT_NOFILE of the guest; 0: the caller's */
	char *const *argv; /* the command; found by PATH */
	char *const *envp; /* NULL: the caller's environment */
};

struct drive_guest {
	pid_t init;		    /* as seen by the caller */
	int pidfd;		    /* of init: readable when the guest has ended */
	int control;		    /* to init; not for the caller */
	int tap;		    /* tap0, for drive_tap_open; the caller's to close */
	bool has6;		    /* tap0 has its IPv6 address; false where the kernel has none */
	bool vnet;		    /* frames on tap carry the virtio header */
	bool attached;		    /* made by drive_attach_make: init is the helper */
	bool resolved;		    /* /etc/resolv.conf is its own */
	struct drive_error warning; /* what is missing though not needed, in one line; or empty */
};

/*
 * Makes the guest up to the point where only the command is missing. Works for any user, root too
 * (who then keeps all ids inside); all descriptors of the caller except 0, 1 and 2 are closed in
 * the guest. Call it from the thread that lives as long as the guest, and before memory is filled
 * that the copy of this process would then hold on to. 0, or negative errno with a text: -EPERM,
 * -ENOSPC (user namespaces forbidden), -ENOENT, -EACCES (/dev/net/tun) and others. On failure
 * nothing is left. /proc/sys, mounts and files of the host are never touched.
 */
int drive_guest_make(struct drive_guest *guest, const struct drive_plan *plan,
		     struct drive_error *error);
/*
 * Starts the command, with no signal blocked, those ignored that the caller ignored at
 * drive_guest_make, but SIGPIPE as by default. 0, or what execve said: -ENOENT, -EACCES, -ENOEXEC
 * ... with a text; the guest must then be ended. drive_exec_code tells the exit code.
 */
int drive_guest_go(struct drive_guest *guest, struct drive_error *error);
/*
 * Passes a signal to the command (to init, which hands it on). 0, -ESRCH when the guest has ended.
 * Signals a terminal sends reach the guest's foreground processes by themselves: pass on only those
 * for which drive_signal_was_sent.
 */
int drive_guest_signal(const struct drive_guest *guest, int signo);
/*
 * The descriptor that becomes readable when the command was stopped, of a guest that runs; for a
 * loop, and drive_guest_hear.
 */
int drive_guest_ear(const struct drive_guest *guest);
/* The signal that stopped the command; 0: none; -EPIPE: init is gone, watch no longer. */
int drive_guest_hear(const struct drive_guest *guest);
/* Whether a process sent it (kill, sigqueue), as opposed to the kernel on behalf of a terminal. */
bool drive_signal_was_sent(const struct signalfd_siginfo *signal);
/*
 * The exit code of a guest that has ended: 0-255, 128+n when signal n ended the command or init;
 * -EAGAIN while it lives.
 */
int drive_guest_reap(struct drive_guest *guest);
/*
 * Kills what still lives, waits until nothing is left, closes all descriptors but `tap`. Safe to
 * repeat, safe after a failed make.
 */
void drive_guest_end(struct drive_guest *guest);
/*
 * beside.c: from now on this process, and all that come of it, get no socket of AF_VSOCK
 * (EAFNOSUPPORT) and no ring of io_uring (ENOSYS): ways to the outside that no network namespace
 * holds. Needs CAP_SYS_ADMIN in its user namespace. 0 or negative errno.
 */
int drive_beside_shut(void);
/* What shells exit with for a command that could not be executed: 127 for -ENOENT, else 126. */
int drive_exec_code(int result);

/*
 * Enters the guest that this process is in (its init, or of somebody else's sandbox any), as its
 * user: the *caller itself* moves into those of its namespaces that are not its own, and cannot
 * come back, so this is for a process that only waits afterwards, and ends with _exit (a leak
 * checker at exit would look for its threads in the wrong namespace). The working directory becomes
 * `workdir`; with NULL it is kept where the guest has it, otherwise it is /. `shut` is
 * the plan's of the guest. 0 or negative errno with a text.
 */
int drive_enter(pid_t init, const char *workdir, bool shut, struct drive_error *error);
/*
 * Starts a command from there; envp may be NULL, as in a plan. Returns its pid, a child of the
 * caller which dies with it (and *pidfd for a loop), or negative errno with a text; -ENOENT,
 * -EACCES as drive_guest_go.
 */
pid_t drive_enter_start(char *const *argv, char *const *envp, int *pidfd,
			struct drive_error *error);
/* 0-255 or 128+n from a wait status. */
int drive_status_code(int status);

/* ---- namespaces.c, helper.c: a guest made of namespaces that somebody else made ----
 *
 *   caller                                   helper, in the target's namespaces
 *   drive_target_open
 *   drive_attach_make  ---- fork ----------> tap with addresses, resolver
 *                      <--- tap descriptor - waits
 *   pidfd readable     <--- ends ----------- the target has ended
 *   drive_guest_end    ---- end of words --> removes the resolver, ends
 *
 * What was changed in somebody else's namespaces is undone when the caller ends, however it ends:
 * the helper hears of that and outlives it for as long as the undoing takes. Only lo stays up.
 */

/* Namespaces of somebody else, held by descriptors. */
struct drive_target {
	pid_t pid;     /* 0 when it was given as a path */
	int pidfd;     /* of it, or -1 */
	int netns;     /* that is to be served */
	int owner;     /* the user namespace that owns netns; -1 when that is ours */
	int mntns;     /* the process's own; -1: it has ours, or what is mounted there shows up
			  elsewhere */
	int root;      /* the process's root directory, -1 if that is not known */
	int mountinfo; /* of mntns: tells of changes */
	int directory; /* where the path's last part is, or -1 */
	char file[NAME_MAX + 1];
	dev_t dev; /* of netns: who has the same pair has the same namespace */
	ino_t ino;
};

/*
 * Opens the namespaces of a process (a word of digits) or a network namespace (a path). 0, or
 * negative errno with a text: -ESRCH, -ENOENT (nothing is there), -EACCES, -EPERM (somebody
 * else's), -EINVAL (no network namespace), -ENOTSUP (the host's own network).
 */
int drive_target_open(struct drive_target *target, const char *word, struct drive_error *error);
void drive_target_close(struct drive_target *target);
/* Whether what it was named by is still there: the process, or the namespace at that path. */
bool drive_target_lives(const struct drive_target *target);

/* How much is configured. */
enum drive_attach {
	DRIVE_ATTACH_ALL,
	DRIVE_ATTACH_BARE, /* only the tap */
};

/*
 * Gives the target a network as the plan says: subnet, mtu, mac, ifname, keep_resolv. The guest is
 * then as one of drive_guest_make, with nothing to go; `resolved` says whether its resolver is set.
 * -EALREADY: another minato serves it; -EEXIST: it has such an interface; others as
 * drive_guest_make.
 */
int drive_attach_make(struct drive_guest *guest, const struct drive_target *target,
		      const struct drive_plan *plan, enum drive_attach how,
		      struct drive_error *error);

/* ---- userns.c, subids.c, mounts.c, netns.c, init.c, word.c: the pieces of a guest ---- */

/* Appends a sentence to a warning, after "; " where one stands there already. */
void drive_warn(struct drive_error *warning, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Writes the id maps of the child's new user namespace: the caller's own ids, seen as themselves or
 * (`root`) as 0, and where the plan has them the subordinate ids; of a caller who is root and may,
 * all ids that it has. 0 or -errno with a text.
 */
int drive_userns_map(pid_t child, const struct drive_plan *plan, struct drive_error *error);
/*
 * Returns result (a negative errno that `what` failed with), with a text: the setting of this
 * system that forbids user namespaces and how to change it, or else just what failed.
 */
int drive_userns_explain(int result, const char *what, struct drive_error *error);

/* Ids one after the other. */
struct drive_range {
	uint32_t first, count;
};

/*
 * Reads the ranges of a user, by name (may be NULL) or id, from /etc/subuid or a file like it.
 * Returns how many, at most `room`, or -errno.
 */
int drive_subids_read(const char *path, const char *user, uint32_t id, struct drive_range *ranges,
		      int room);
/*
 * Has newuidmap and newgidmap write the id maps of the child: the caller as 0, its subordinate ids
 * from 1 on. 0, or negative errno with a text: -ENOENT (no range, no helper), -EPERM.
 */
int drive_subids_map(pid_t child, struct drive_error *error);

#define DRIVE_ETC_FILES 2 /* resolv.conf, hosts */

/* A file of /etc that the guest has its own of. */
struct drive_etc {
	const char *path; /* NULL: the host's */
	int spare[2];	  /* detached mounts of it, to be put back; -1: none */
	dev_t dev;
	ino_t ino;
};

/*
 * In the guest's new mount namespace: nothing mounted here is seen outside; own /etc/resolv.conf
 * and /etc/hosts, own /proc and /sys. 0 or -errno with a text; warns of what is only a comfort.
 */
int drive_mounts_make(const struct drive_plan *plan, struct drive_etc etc[DRIVE_ETC_FILES],
		      struct drive_error *warning, struct drive_error *error);
/*
 * Puts the files back whose place the host has filled anew: a rename over /etc/resolv.conf outside
 * takes away the guest's mount there. To be called when /proc/self/mountinfo changes (POLLPRI).
 * False while a place is missing, or was renamed over just then: nothing tells when that changes,
 * so it is to be called again after DRIVE_MOUNTS_LOOK_MS.
 */
bool drive_mounts_keep(struct drive_etc *etc, size_t count);
#define DRIVE_MOUNTS_LOOK_MS 100

/*
 * For a mount namespace of somebody else. Stage, in a mount namespace that the caller leaves
 * afterwards, makes a resolv.conf; put mounts it over that of the namespace the caller is in then
 * (-ENOENT where there is none); take removes it, if it is still there. 0 or -errno.
 */
int drive_mounts_stage(const struct drive_plan *plan, struct drive_etc *etc);
int drive_mounts_put(struct drive_etc *etc);
void drive_mounts_take(struct drive_etc *etc);

/* What drive_netns_make made. */
struct drive_netns {
	int tap;
	bool vnet;
	bool has6;
};

/* In the guest's new network namespace: settings, lo, tap0, addresses, routes. */
int drive_netns_make(const struct drive_plan *plan, struct drive_netns *made,
		     struct drive_error *warning, struct drive_error *error);
/*
 * In a network namespace of somebody else: lo up, tap0 with addresses and routes, nothing else
 * changed; with `bare` the tap alone, down, be it new or one that waits for its program. -EEXIST
 * where there is such an interface.
 */
int drive_netns_add(const struct drive_plan *plan, bool bare, struct drive_netns *made,
		    struct drive_error *warning, struct drive_error *error);

/*
 * In the caller's network namespace: makes the tap of that name, or takes one that waits for its
 * program; sets it up, with this MTU unless that is 0. Returns its descriptor, for drive_tap_open;
 * or negative errno with a text: -EBUSY (another program has it), -EEXIST (another interface has
 * the name), -EPERM, -ENODEV (no driver, or none for us).
 */
int drive_netns_tap(const char *name, uint32_t mtu, bool *vnet, struct drive_error *error);
/* Changes the MTU of an interface there. 0, or negative errno with a text. */
int drive_netns_mtu(const char *name, uint32_t mtu, struct drive_error *error);

/* What init and its maker say to each other, a message each; a descriptor may travel beside it. */
struct drive_word {
	int32_t result; /* 0 or -errno */
	bool vnet;
	bool has6;
	bool resolved;
	struct drive_error text; /* the error's, or the warning's */
};

/* Sends the word, and a descriptor beside it unless that is -1. 0 or -errno. */
int drive_word_say(int control, const struct drive_word *word, int fd);
/*
 * Waits for the other side's next word; *fd gets the descriptor beside it, -1 if none. 0, or -errno
 * (-EPIPE: it has ended).
 */
int drive_word_hear(int control, struct drive_word *word, int *fd);

/*
 * By this signal, with the number of another as its value, the maker hands that one on to the
 * command. The other itself would not do: what the calling shell sends to its whole job reaches
 * init too, and the command must not go on before the maker has given it the terminal.
 */
#define DRIVE_HANDED_ON SIGRTMIN

/*
 * The life of PID 1 of the guest, from its first instruction: does not return. Closes everything
 * but 0, 1, 2 and `control`, the other end of drive_guest.control.
 */
_Noreturn void drive_init_main(int control, const struct drive_plan *plan);
/*
 * In a child that is to be the command: unblocks signals and executes, with envp as its environment
 * unless that is NULL; the PATH is that environment's. Returns execve's errno, negative, if that
 * fails.
 */
int drive_init_exec(char *const *argv, char *const *envp);

/* ---- sandbox.c: a process that can do nothing but what it was given descriptors for ---- */

struct drive_sandbox {
	pid_t pid;	     /* as seen by the maker */
	int pidfd;	     /* the maker's to close */
	uint64_t namespaces; /* CLONE_NEW*: those that it has of its own */
	int refused;	     /* why not all: an errno number, or 0 */
};

/*
 * As fork: returns 0 in the child, 1 in the caller, or negative errno. The child has namespaces of
 * its own, as far as this system allows; that of the network stays the caller's.
 */
int drive_sandbox_fork(struct drive_sandbox *sandbox);
/*
 * In the child: closes all descriptors but those to keep (sorts them; -1 counts for nothing), and
 * gives up all that a process has besides them: terminal, files, capabilities. It dies with its
 * maker. Warns of what cannot be had, and goes on; negative errno with a text for what must be.
 */
int drive_sandbox_enter(const struct drive_sandbox *sandbox, int *keep, size_t count,
			struct drive_error *warning);

/*
 * The same for a fork that needs the caller's files and namespaces: stages 2, 3 and 5. 0 or
 * negative errno with a text.
 */
int drive_sandbox_bare(int *keep, size_t count, struct drive_error *error);
/*
 * From now on this process starts no program and no other process, looks into none, joins no
 * namespace, mounts nothing, and makes no memory executable: such calls fail with EPERM. For one
 * that needs too much of its libraries for a list of what it may. 0, or negative errno.
 */
int drive_sandbox_tame(void);

/*
 * From now on this process dies (SIGSYS) at any system call but those in drive_syscalls, and those
 * that matter may have fit arguments only: Internet sockets, memory that cannot be executed, no
 * options that attach programs. 0, or negative errno with a warning.
 */
int drive_sandbox_seal(struct drive_error *warning);

/*
 * The calls of a sealed process, which tools/syscalls finds beside the code that makes them: in
 * drive/, relay/ and cmd/, a comment above the function says `syscalls: recvmsg sendmsg`.
 */
struct drive_syscall {
	int number;
	const char *name;
};
extern const struct drive_syscall drive_syscalls[];
extern const size_t drive_syscall_count;

/* ---- netlink.c: rtnetlink by libmnl; used by the files above, of use to tests ---- */

struct drive_rtnl;

/* A route or address of this network namespace, as drive_rtnl_prefixes reports it. */
struct drive_prefix {
	struct minato_addr addr; /* destination */
	uint8_t length;		 /* 0-32 or 0-128 */
};

/* Opens rtnetlink in the calling thread's network namespace. */
int drive_rtnl_open(struct drive_rtnl **rtnl);
void drive_rtnl_close(struct drive_rtnl *rtnl);
/* Index of the interface, or negative errno (-ENODEV). */
int drive_rtnl_index(struct drive_rtnl *rtnl, const char *name);
/* Sets the link up; mtu 0 leaves that alone, mac NULL that and the length of the queue. */
int drive_rtnl_link_up(struct drive_rtnl *rtnl, int index, uint32_t mtu, const uint8_t *mac);
/* The same without setting it up. */
int drive_rtnl_link_set(struct drive_rtnl *rtnl, int index, uint32_t mtu, const uint8_t *mac);
/* Adds an address; IPv6 without duplicate address detection. */
int drive_rtnl_addr_add(struct drive_rtnl *rtnl, int index, const struct minato_addr *addr,
			uint8_t prefix);
/* Adds the default route of the gateway's family. */
int drive_rtnl_default_add(struct drive_rtnl *rtnl, int index, const struct minato_addr *gateway);
/* Calls back for every unicast and local route and every address of the family, of all tables. */
int drive_rtnl_prefixes(struct drive_rtnl *rtnl, int family,
			void (*each)(void *user, const struct drive_prefix *), void *user);

/* ---- tap.c: frames between a tap descriptor and a host value ---- */

struct drive_tap;
struct drive_capture;

/* What the kernel granted: MINATO_OFFLOAD_* bits. */
struct drive_offers {
	bool vnet;	/* each frame has a virtio header; without it both below are 0 */
	uint32_t taken; /* what the guest may send to us */
	uint32_t given; /* what we may send to the guest: offloads of the link's config */
};

/* Counters since the start. */
struct drive_tap_stats {
	uint64_t frames_in; /* read from the guest */
	uint64_t bytes_in;
	uint64_t frames_out; /* written to the guest */
	uint64_t bytes_out;
	uint64_t out_blocked;  /* times the tap had no room: waited for */
	uint64_t out_refused;  /* frames the kernel would not take (link down, malformed): lost */
	uint64_t in_short;     /* frames shorter than their header: ignored */
	uint64_t in_malformed; /* their virtio header does not fit them: ignored */
	uint64_t in_no_chunk;  /* frames read while the host value had no chunk to lease */
};

/*
 * Takes over fd (closed by drive_tap_free, also when this fails) and asks for offloads, best first,
 * until the kernel grants some. `vnet` as drive_guest said; `link` is the link's number in the host
 * value. 0 or negative errno.
 */
int drive_tap_open(struct drive_tap **tap, int fd, bool vnet, uint32_t link);
void drive_tap_free(struct drive_tap *tap);
void drive_tap_offers(const struct drive_tap *tap, struct drive_offers *offers);
void drive_tap_stats(const struct drive_tap *tap, struct drive_tap_stats *stats);
/*
 * Whether what moved since the last call was a step of a small exchange: a few small frames, and
 * not only in the direction in which the last ones went. See drive_loop_expect.
 */
bool drive_tap_converses(struct drive_tap *tap);
/*
 * The descriptor, for the loop. Watch it level-triggered for EPOLLIN, with EPOLLOUT while
 * drive_tap_write says so.
 */
int drive_tap_fd(const struct drive_tap *tap);
/*
 * Reads one batch (at most 64 frames, at most 8 of them larger than 16 KB) straight into chunks
 * leased from the host value and hands it over by minato_input in one vector. Where the host value
 * has no chunk left it gets one frame that is not in a chunk. Returns the number of frames, 0 when
 * none waits, or negative errno (-EBADFD: the tap is gone).
 */
int drive_tap_read(struct drive_tap *tap, struct minato *host, struct minato_time now);
/*
 * Writes all that the host value has due, one writev for each frame, nothing copied. Returns 0 when
 * all is written, 1 when the tap has no room: call again when it is writable; or negative errno as
 * drive_tap_read. The host value's only link, or its frames for other links are lost (counted as
 * refused): with several, share out minato_output's vector by drive_tap_send.
 */
int drive_tap_write(struct drive_tap *tap, struct minato *host, struct minato_time now);
/*
 * Writes these frames in order. What the tap has no room for is copied and kept (the frames are
 * only valid until the next call on the host value), and 1 is returned: nothing more may be sent
 * until drive_tap_flush returns 0.
 */
int drive_tap_send(struct drive_tap *tap, const struct minato_frame_out *frames, size_t count);
/* Writes what was kept; 0, 1 or negative errno as above. */
int drive_tap_flush(struct drive_tap *tap);

/* Every frame from now on goes to the capture too (borrowed; NULL: none). */
void drive_tap_capture(struct drive_tap *tap, struct drive_capture *capture);

/* ---- vnet.c: what a virtio-net header says of a frame ---- */

struct virtio_net_hdr;

/*
 * Fills in what the header says of the frame, whose data and len are there already. The header is
 * believed only where it fits the frame: false where it does not (the frame is no good: a checksum
 * that lies outside of it, segments without a size or without a checksum to fill in, a kind of
 * segments that was never asked for). A checksum that is still to be filled in, but is not the one
 * of the frame's own transport header (as in a tunnel), is filled in here, in the bytes.
 */
bool drive_vnet_take(const struct virtio_net_hdr *header, struct minato_frame *frame,
		     uint8_t *bytes);
/* The header that describes a frame of ours. */
void drive_vnet_give(const struct minato_frame_out *frame, struct virtio_net_hdr *header);
/* The gso_type of a header; NONE for one that was never asked for. */
enum minato_gso drive_vnet_gso(uint8_t type);

/* ---- coalesce.c: equal datagrams of one flow become one frame ----
 *
 * The kernel's way of a small packet costs several times that of a part of a large one. What may be
 * put together are UDP datagrams next to one another whose headers are equal but for lengths and
 * checksum, whose checksum is still to be filled in, and whose IP identification means nothing
 * (RFC 6864 4.1: "don't fragment" is set) or counts up by one.
 */

#define DRIVE_RUN_MAX 64u	       /* datagrams */
#define DRIVE_RUN_HEADER (14 + 40 + 8) /* the most that headers of a run take */

struct drive_run {
	const struct minato_frame_out *first;
	uint32_t count; /* 0: none was begun */
	uint32_t each;	/* payload of all but the last, which may have less */
	uint32_t len;	/* of the whole frame */
	bool full;
};

/* Begins a run with the frame, alone as yet; false where none can begin with such a frame. */
bool drive_run_begin(struct drive_run *run, const struct minato_frame_out *frame);
/* Takes the frame into the run that was begun, or says false. */
bool drive_run_take(struct drive_run *run, const struct minato_frame_out *frame);
/*
 * Writes the headers of the whole run, first->header_len bytes, with lengths and checksums as a
 * frame with gso MINATO_GSO_UDP and gso_size `each` has them.
 */
void drive_run_header(const struct drive_run *run, uint8_t header[DRIVE_RUN_HEADER]);

/* ---- ethopen.c, silence.c: an interface that exists becomes a link of ours ----
 *
 *   caller                                    the network namespace that has the interface
 *   drive_link_make  --- child, if elsewhere ->  a packet socket on it, what it is like
 *                                                a netlink socket that tells of changes
 *                                                (take) a filter that keeps the kernel silent
 *   drive_link_open  (who moves the frames: maybe a sealed fork)
 *
 * Two stacks then hear what arrives: ours, and the kernel's of that namespace. Nobody notices that
 * as long as the kernel has nothing to say to it: it has none of our addresses, and does not
 * forward. drive_link_make sees to that, and refuses what would end in a quarrel (a kernel that has
 * our address resets our connections). There are two ways around it:
 *
 *   a MAC address of our own: the kernel leaves alone what is for another station. The interface
 *   takes one more address (it becomes promiscuous where it cannot have two).
 *
 *   `take`: a netdev table "minato-IFNAME" of nftables drops all that arrives, after we have seen
 *   it and before the kernel does, VLANs and bridges on the interface included. It belongs to the
 *   socket `filter`: the kernel removes it when the last copy of that is closed, by a kill too.
 *
 * It needs CAP_NET_RAW in the user namespace that owns the network namespace, `take` CAP_NET_ADMIN.
 */

struct drive_carry; /* drive/carry.h */

struct drive_link_plan {
	const char *netns;  /* NULL: the caller's; a name (ip netns), a path, or a pid */
	const char *ifname; /* in there */
	const struct minato_addr *ours; /* addresses that the kernel must not have */
	size_t ours_count;
	const uint8_t *mac; /* ours; NULL: the interface's, so that neighbours see one station */
	bool second_mac;    /* with NULL: one made of the interface's, the same each time */
	uint16_t vlan;	    /* 1-4094: the frames with that tag; 0: those without one */
	bool take;
	bool silent; /* with `take`: a filter of the caller's does it already; none is made */
	const struct drive_carry *carry; /* what the kernel carries for us; NULL: nothing */
};

/* What moves the frames and what is known of the interface. Without pointers: it may be sent. */
struct drive_link_ends {
	int packet;  /* AF_PACKET, bound, with virtio headers */
	int sender;  /* another one, for small frames that leave */
	int watch;   /* rtnetlink */
	int filter;  /* -1: none; keep it open for as long as the kernel shall be silent */
	int carrier; /* what drive_carry_join gave; negative errno: nothing is carried from here */
	uint64_t space; /* the number of its network namespace */
	unsigned index;
	char ifname[16];
	uint8_t mac[6]; /* that frames of ours come from */
	uint16_t vlan;
	uint32_t mtu;
	uint32_t offloads; /* MINATO_OFFLOAD_*: what we may send; the kernel does what the device
			      cannot */
	uint32_t room;	   /* bytes of the socket's receive buffer */
	bool up;
	/*
	 * Who sends here is known, as hosts behind a gateway are: in a flood each has a share.
	 * False: whoever is known by what we sent goes before strangers (intake.h).
	 */
	bool trusted;
	bool forwards; /* what comes is mostly handed on: it is others who answer calls */
};

#define DRIVE_LINK_ENDS_NONE                                                                       \
	((struct drive_link_ends){                                                                 \
		.packet = -1, .sender = -1, .watch = -1, .filter = -1, .carrier = -1 })

/*
 * Makes them. 0, or negative errno with a text: -ENODEV (no such interface), -EPERM (which right
 * is missing and how to give it), -EADDRINUSE (the kernel has the address), -EBUSY (the kernel
 * forwards; another minato took the interface), -EINVAL (names, MAC, VLAN; no Ethernet), and what
 * drive_target_open says of namespaces.
 */
int drive_link_make(struct drive_link_ends *ends, const struct drive_link_plan *plan,
		    struct drive_error *error);
/* The interface's MTU as it is now; 0: there is none. */
uint32_t drive_link_mtu(const struct drive_link_ends *ends);
/* Closes all of them; safe to repeat. */
void drive_link_ends_close(struct drive_link_ends *ends);
/*
 * In the network namespace: drops all that arrives by the interface, until the descriptor that it
 * returns is closed. Negative errno with a text.
 */
int drive_silence(const char *ifname, struct drive_error *error);

/* ---- ethring.c: small frames to a packet socket, many at once; of ethlink.c ---- */

struct iovec;

#define DRIVE_RING_SLOTS 1024u
#define DRIVE_RING_BYTES 2000u /* of a frame, at most */

struct drive_ring {
	uint8_t *map; /* NULL: there is none */
	int fd;
	uint32_t first, next;		  /* slots that wait to be sent, counted on and on */
	uint8_t frames[DRIVE_RING_SLOTS]; /* of the caller's count, in each */
};

/*
 * Gives the socket a ring, which is then the one way to send by it; it borrows the socket. 0, or
 * negative errno: then there is none.
 */
int drive_ring_open(struct drive_ring *ring, int fd);
void drive_ring_close(struct drive_ring *ring);
/* Whether there is a ring, and its next slot is free. */
bool drive_ring_free(const struct drive_ring *ring);
/*
 * Copies a message, virtio header first, into the next slot, which is free, to be sent; it stands
 * for so many frames, 255 at most.
 */
void drive_ring_put(struct drive_ring *ring, const struct iovec *parts, uint32_t count,
		    uint32_t frames);
/*
 * Sends what was put. 0, or negative errno for the last *lost frames, which were not taken. What
 * the kernel finds malformed is lost without a word.
 */
int drive_ring_send(struct drive_ring *ring, uint32_t *lost);

/* ---- ethlink.c: frames between such an interface and a host value ---- */

struct drive_link;

struct drive_link_stats {
	uint64_t frames_in;
	uint64_t bytes_in;
	uint64_t frames_out; /* as the host value put them out */
	uint64_t bytes_out;
	uint64_t sends;	       /* frames as they went out: runs count as one */
	uint64_t in_dropped;   /* by the kernel: we were too slow for the receive buffer */
	uint64_t in_malformed; /* their virtio header does not fit them: ignored */
	uint64_t in_long;      /* longer than a chunk: ignored */
	uint64_t in_vlan;      /* of another VLAN: ignored */
	uint64_t in_no_chunk;  /* taken while the host value had no chunk to lease */
	uint64_t in_shed;      /* in a flood, of senders that are not known: given up */
	uint64_t in_asked;     /* there, calls whose sender was asked whether he is there */
	uint64_t in_answered;  /* and of these, those who are: then handed on */
	uint64_t out_full;     /* the interface's queue had no room: lost */
	uint64_t out_down;     /* the interface is down or gone: lost */
	uint64_t out_refused;  /* the kernel would not take them (too long, malformed): lost */
};

/* How the interface is now. */
struct drive_link_state {
	bool up;   /* set up, and something is at the other end of the wire */
	bool gone; /* it was removed: what arrives and leaves is lost until a link is made anew */
	uint32_t mtu;
	uint8_t mac[6]; /* the interface's */
};

/*
 * Takes over packet, sender and watch of the ends (closed by drive_link_free, also when this
 * fails); the filter stays the caller's. `link` is the link's number in the host value. 0 or
 * -ENOMEM.
 */
int drive_link_open(struct drive_link **out, const struct drive_link_ends *ends, uint32_t link);
void drive_link_free(struct drive_link *link);
/* Watch it for EPOLLIN. An interface that went down makes it readable once. */
int drive_link_fd(const struct drive_link *link);
void drive_link_stats(struct drive_link *link, struct drive_link_stats *stats);
/* As drive_tap_converses; the step before it was a small one too. */
bool drive_link_converses(struct drive_link *link);
/*
 * Reads one batch (at most 64 frames, of large ones 8) and hands it over by minato_input in one
 * vector, large frames in chunks leased from the host value, small ones where the kernel put them
 * (intake.h: in a flood, those who are known go first). Without that ring all go straight into
 * chunks. Where the host value has none left it gets one frame that is not in a chunk. Returns the
 * number of frames that were read, 0 when none waits; less than 0 never: a link that is down has
 * none.
 */
int drive_link_read(struct drive_link *link, struct minato *host, struct minato_time now);
/*
 * Transmits those of the frames that are for this link, in order, runs of datagrams together; those
 * for other links are passed over, so that all links can be given all of minato_output's vector.
 * Never waits: what the interface has no room for is lost, as in any router, and counted.
 */
void drive_link_send(struct drive_link *link, const struct minato_frame_out *frames, size_t count);
/* The descriptor that becomes readable when the interface changes. */
int drive_link_watch(const struct drive_link *link);
/*
 * Empties that descriptor. Returns whether the state is another than before, and in `kernel` the
 * addresses that the namespace's kernel got meanwhile, `room` of them at most, their number in
 * *count: one of ours among them means that the kernel will answer beside us, except under `take`.
 */
bool drive_link_news(struct drive_link *link, struct drive_link_state *state,
		     struct minato_addr *kernel, size_t room, size_t *count);

/* ---- capture.c: frames into a file, as pcapng ---- */

/* A frame as it passes the tap. */
struct drive_captured {
	const struct minato_extent *extents;
	uint32_t extent_count;
	uint32_t len;
	uint16_t csum_start; /* 0: the checksum is complete; else as in the virtio header */
	uint16_t csum_offset;
	bool from_guest;
};

#define DRIVE_CAPTURE_FULL 1

/*
 * Opens the file for a capture, or makes it with mode 0600; never by a symbolic link, never one of
 * another user. What is in it stays until drive_capture_clear. A FIFO that somebody reads, or
 * /dev/fd/N, serves as well. Returns a descriptor above 2, or negative errno with a text.
 */
int drive_capture_create(const char *path, struct drive_error *error);
/* Empties the file. */
void drive_capture_clear(int fd);
/*
 * A writer has died, perhaps in the middle of a block: the file ends with its last whole block
 * again, and the next writer begins there. What is no file of ours stays as it is, and so does what
 * a FIFO has swallowed. 0, or negative errno where the file cannot be read or cut.
 */
int drive_capture_mend(int fd);
/*
 * Begins to write at the descriptor's place (taken over, also on failure; non-blocking if a FIFO).
 * The file does not grow beyond size_max bytes; of each frame the first `snap` bytes are kept (0:
 * all). 0 or -ENOMEM.
 */
int drive_capture_open(struct drive_capture **capture, int fd, uint64_t size_max, uint32_t snap);
/* Writes what is left and the statistics, and closes the file. */
void drive_capture_free(struct drive_capture *capture);
/* Adds a frame. What a FIFO has no room for is dropped and counted in the statistics. */
void drive_capture_frame(struct drive_capture *capture, const struct drive_captured *frame);
/*
 * Writes what has waited for 200 ms, and lowers *next to when it wants to be called again. Returns
 * 0; or, once, why it has stopped: DRIVE_CAPTURE_FULL, or the negative errno of writing.
 */
int drive_capture_turn(struct drive_capture *capture, struct minato_time now,
		       struct minato_time *next);

/* ---- ports.c: which ports of the host can be bound, and are fit to be published ---- */

/*
 * A place a port can be taken at. protocol is IPPROTO_TCP or IPPROTO_UDP; the family's wildcard
 * address for all of it.
 */
struct drive_place {
	struct minato_addr addr;
	uint8_t protocol;
	bool v6only; /* IPv6 wildcard that leaves IPv4 alone */
	bool plain;  /* of a probe: by a stream socket without SO_REUSEADDR */
};

/*
 * Whether the caller could bind the port at this place now: 0, -EADDRINUSE, -EACCES, -EADDRNOTAVAIL
 * ... It binds and lets go.
 */
int drive_port_probe(const struct drive_place *place, uint16_t port);
/*
 * Reads the number of a port and moves *text behind it: 0 to 65535, -ERANGE where it is greater, or
 * -EINVAL where no digit stands there.
 */
int drive_port_read(const char **text);
/*
 * The lowest port this user may bind (net.ipv4.ip_unprivileged_port_start, 0 with
 * CAP_NET_BIND_SERVICE).
 */
int drive_port_lowest(void);

#define DRIVE_PORTS_BYTES 8192 /* a bit for each port */

/*
 * Sets the bit of each port of MINATO_TCP or MINATO_UDP that this user may bind and that is kept
 * for nobody else: from drive_port_lowest up, outside of net.ipv4.ip_local_port_range, not reserved
 * (drive/reserved.h), never 0. Whether another holds it is seen by binding it.
 */
void drive_ports_fit(uint8_t fit[DRIVE_PORTS_BYTES], uint8_t protocol);
/*
 * The range from which the kernel chooses ports for connections, in the caller's network namespace:
 * net.ipv4.ip_local_port_range, or the kernel's default where that cannot be read.
 */
void drive_ports_chosen(uint16_t *first, uint16_t *last);
/* Clears the bits of the ports in a list of the kernel's: "8080,9000-9010". */
void drive_ports_leave(uint8_t bits[DRIVE_PORTS_BYTES], const char *text);

/* ---- inside.c: a few steps in another network namespace ---- */

struct drive_inside {
	/*
	 * Done by a child in the namespace: fills the answer, and the descriptor, which both come
	 * back to the caller; nothing else does. Returns 0 or negative errno.
	 */
	int (*work)(struct drive_inside *inside);
	void *answer; /* borrowed */
	size_t size;  /* of the answer: at most 65536 */
	int fd;	      /* -1: none; else the caller's */
};
/*
 * Forks a child that enters the network namespace and the user namespace that owns it (userns -1:
 * the caller's own), and does the work there. What it returned, or negative errno.
 */
int drive_inside(int userns, int netns, struct drive_inside *inside);

/* ---- listeners.c: what waits for others in a guest's own kernel ---- */

/* A way to ask the kernel of a network namespace, from outside of it. */
struct drive_listeners {
	int fd;		      /* sock_diag, of that namespace */
	uint16_t first, last; /* its net.ipv4.ip_local_port_range, as it was */
};
/* A socket that listens, or for UDP one that is bound and has no peer. */
struct drive_listener {
	struct minato_addr addr;
	bool dual; /* bound to ::, and takes IPv4 as well */
	uint8_t protocol;
	uint16_t port;
};
/*
 * Opens the way into a network namespace, by a child that enters it and the user namespace that
 * owns it; userns is -1 where that is the caller's own. 0, or negative errno. The caller owns the
 * descriptor, which needs no right to be used.
 */
int drive_listeners_open(int userns, int netns, struct drive_listeners *out);
/*
 * Reads the listening sockets of a protocol (IPPROTO_TCP, IPPROTO_UDP), `room` of them at most, in
 * some 15 us where there are few. Never waits. Returns how many, or negative errno.
 */
int drive_listeners_read(const struct drive_listeners *listeners, uint8_t protocol,
			 struct drive_listener *list, size_t room);

/* ---- runtime.c: the user's runtime directory and the sockets in it ---- */

#define DRIVE_PATH_SIZE 256
#define DRIVE_NAME_SIZE                                                                            \
	64 /* with the final zero; letters, digits, ".", "_" and "-", the first a letter or digit  \
	    */

/*
 * Finds or makes the directory: $XDG_RUNTIME_DIR/minato, else /run/user/UID/minato, else
 * /tmp/minato-UID/minato; each ours alone (owner, no symbolic link, mode 0700 set or demanded), or
 * -EPERM with a text.
 */
int drive_runtime_dir(char path[DRIVE_PATH_SIZE], struct drive_error *error);
/* Whether the name may be one. */
bool drive_runtime_name_ok(const char *name);
/*
 * Makes the listening control socket of a guest, mode 0600, and returns it. name is in and out:
 * with `unique`, -2, -3 ... is added until it is one no living guest has; without, a name in use is
 * -EADDRINUSE. A socket whose process is gone is swept.
 */
int drive_runtime_listen(char name[DRIVE_NAME_SIZE], bool unique, struct drive_error *error);
/* Removes the socket file of a guest that ends; before its descriptor is closed. */
void drive_runtime_remove(const char *name);
/*
 * Connects to a guest by name without waiting; the descriptor does not block. -ENOENT,
 * -ECONNREFUSED: it does not listen; -EAGAIN: it is there and busy.
 */
int drive_runtime_try(const char *name);
/* An inotify descriptor that tells of files which come to be in the directory. Negative errno. */
int drive_runtime_watch(void);
/* Connects to a guest by name (blocking descriptor). -ENOENT: no such guest. */
int drive_runtime_connect(const char *name, struct drive_error *error);
/*
 * Calls back with the name of each living guest, in order of name; sweeps the others. Returns how
 * many, or negative errno.
 */
int drive_runtime_list(void (*each)(void *user, const char *name), void *user,
		       struct drive_error *error);
/*
 * 0 if the process at the other end belongs to this user or to root, otherwise -EPERM. pid may be
 * NULL.
 */
int drive_runtime_peer(int fd, pid_t *pid);
/*
 * A descriptor of that process, whose number another one may have by now: who connected, or who
 * called listen(). -ENOPROTOOPT: the kernel has none to give (before Linux 6.5).
 */
int drive_runtime_peer_pidfd(int fd);

/* ---- sieve.c: a tap whose guest calls everywhere at once ---- */

#define DRIVE_SIEVE_KNOWN 80u
/* What is not for the known, nor needed by the link, is let through by these chances, of 2^32. */
struct drive_sieve {
	uint32_t chance; /* what begins a flow: a SYN, a datagram, an echo request */
	uint32_t strays; /* all else; of fragments the lesser of both */
	size_t count;
	struct minato_addr known[DRIVE_SIEVE_KNOWN];
};
/* From now on, in the place of what was set. 0 or negative errno. */
int drive_sieve_set(int tap, const struct drive_sieve *sieve);
void drive_sieve_clear(int tap);

#endif
