/* SPDX-License-Identifier: BSD-2-Clause */
/* An outside made of host sockets: the rootless uplink, the published ports and the resolver. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/filter.h>
#include <net/if.h>
#include <sys/uio.h>

#include "drive/drive.h"
#include "minato/minato.h"

/*
 *   guest program   tap    host value           relay                 the host's kernel
 *        connect  -----> uplink entry -- call --> socket, connect --->  a far server
 *                        (held)       <- answer --- it answered
 *                        (held)       <- refuse --- ECONNREFUSED
 *        listen   <----- transparent  <- connect -- minato_arrive <--- a caller of a published port
 *                        socket                     (forward entry)
 *
 * The relay is one owner of sockets of a host value, and knows it through minato.h alone. It keeps
 * no table of ports: what a packet or a caller meets is looked up in the host value's table, and
 * each handle carries the relay's word. Conventions are drive.h's (0, count or negative errno;
 * `struct drive_error` for what a user can mend; ports in host order).
 *
 * How a program uses it, in this order:
 *
 *   relay_publish_add      each -p; relay_reach_add each --reach (nothing touched yet)
 *   relay_publish_open     bind all host ports              (or say who holds them)
 *   drive_guest_make ...   namespaces, tap                  (takes no descriptor along)
 *   minato_create, minato_address_add (gateway, DNS), minato_route_add
 *   relay_create           entries, DNS sockets
 *   relay_publish_start    callers are accepted from now on
 *   drive_loop_hook(loop, relay_pump, relay)                before the hook that writes the tap
 *   drive_guest_go, drive_loop_run
 */

/* ---- spec.c: the text of -p and --reach ---- */

/* Which protocols a publication is for: bits. */
#define RELAY_TCP 1u
#define RELAY_UDP 2u

enum relay_sort {
	RELAY_PORTS, /* named host ports lead to the guest */
	RELAY_ALL,  /* every host port that is free and fit for it leads to the same of the guest */
	RELAY_AUTO, /* so do those that the guest opens, while they are open */
	RELAY_REACH, /* the other way: ports of the gateway's address lead to the host's loopback */
};

struct relay_run {
	uint16_t first, last;
};

#define RELAY_EXCEPT_MAX 32u
#define RELAY_SPEC_TEXT 640u /* room for the text of any spec */

/* One published port, a run of as many, or all. */
struct relay_spec {
	enum relay_sort sort;
	struct minato_addr addr; /* of the host; meaningless if every */
	bool every;		 /* all addresses, both families */
	bool guest_given;	 /* the text named the port after the colon */
	bool automatic;		 /* for whoever keeps the list: not named by the user */
	bool bare;		 /* its entries are its owner's: callers go where those lead */
	uint8_t protocols;	 /* RELAY_TCP | RELAY_UDP */
	uint16_t first, last;	 /* host ports, 1-65535, first <= last; ALL and AUTO: 1-65535 */
	uint16_t guest;	       /* port at the other end of `first`: the guest's, or of the gateway's
			   address for a reach; the run keeps its offset */
	uint16_t per_source;   /* connections that one source may have by it; 0: any number */
	uint32_t except_count; /* of ALL and AUTO: what is left out */
	struct relay_run except[RELAY_EXCEPT_MAX];
	size_t socket_first, socket_count; /* since relay_publish_open: those of the list */
};

struct relay_published; /* one bound host socket */
struct relay_door;

/* Devices of the host by which hosts of lan come, for ports that are for them alone. */
#define RELAY_DEVICES_MAX 16u
struct relay_devices {
	char name[RELAY_DEVICES_MAX][IFNAMSIZ];
	size_t count;
};

/* What could not be bound, for whoever explains it. */
struct relay_failure {
	int errnum; /* 0: nothing failed */
	size_t spec;
	uint16_t port;		  /* 0: no port in particular */
	uint8_t protocol;	  /* MINATO_TCP or MINATO_UDP */
	uint32_t needed, allowed; /* descriptors, with EMFILE before anything was bound */
};

/* All that is to be published. All zero is an empty list. */
struct relay_publish {
	struct relay_spec *specs;
	size_t spec_count;
	struct relay_published *sockets; /* since relay_publish_open */
	size_t socket_count, socket_room;
	struct relay_failure failure;
	/*
	 * For relay_publish_open, may be NULL: whether a port of the protocol is for lan alone,
	 * which `shut` says as for relay_screen_make. It is then bound at these devices, a socket
	 * for each. One that has an address is not.
	 */
	bool (*near_only)(void *user, uint8_t protocol, uint16_t port, bool shut);
	void *near_user;
	const struct relay_devices *devices; /* borrowed */
	/*
	 * For relay_publish_open, may be NULL: a socket that is bound for the port and the protocol
	 * of `about` already, which the list gets; then what is to be known of it is written there.
	 * Negative: there is none, and one is bound.
	 */
	int (*lend)(void *user, const struct relay_spec *spec, uint16_t port,
		    struct relay_door *about);
	void *lend_user;
};

/*
 * Parses one argument of -p and appends to the list:
 *
 *   [ADDR:]WHAT[,[ADDR:]WHAT...][/tcp|/udp|/both][ at most NUMBER per source]
 *   WHAT is HOST[:GUEST], or all or auto with what they leave out: all,~22,~8000-8099
 *
 * HOST and GUEST are a port or a run FIRST-LAST; ADDR is IPv4, or IPv6 in brackets, and holds for
 * the items after it in the same argument too, so that a list cannot open more than it says.
 * Without ADDR: every address of both families; without GUEST: the same port; without a suffix:
 * TCP. NUMBER is of the connections that one source (an IPv4 address, an IPv6 /64) has at one time
 * by each item, 1-65535; TCP alone has such. On failure nothing is appended and the text names the
 * fault, then repeats the argument with a caret under it (three lines). -EINVAL; -EEXIST for a port
 * published already; -ENOMEM.
 */
int relay_publish_add(struct relay_publish *list, const char *text, struct drive_error *error);
/*
 * Parses one argument of --reach, HOST[:GUEST][,HOST[:GUEST]...][/tcp|/udp|/both]: port GUEST of
 * the gateway's address leads to port HOST of the host's loopback. Otherwise the same.
 */
int relay_reach_add(struct relay_publish *list, const char *text, struct drive_error *error);
/* The spec as text that parses to the same; cut if there is no room. Returns the text. */
const char *relay_spec_text(const struct relay_spec *spec, char *text, size_t size);
/* Whether the spec leaves the port out. */
bool relay_spec_excepts(const struct relay_spec *spec, uint16_t port);
/* Whether `wanted`, which need not say the port after the colon, names this spec. */
bool relay_spec_names(const struct relay_spec *wanted, const struct relay_spec *spec);
/* Whether the two cannot stand beside each other. */
bool relay_spec_meets(const struct relay_spec *a, const struct relay_spec *b);

/* ---- publish.c: the host sockets of published ports ---- */

/*
 * Binds every port of the list for the families the guest has, without accepting yet: callers are
 * refused until relay_publish_start, and no other program can take the port meanwhile. All or
 * nothing; of `all` what others hold is left out. Named ports come first, so that `all` stands
 * beside them. Nothing is bound for AUTO and REACH. -EADDRINUSE;
 * -EACCES for a port below net.ipv4.ip_unprivileged_port_start with the remedy; -EMFILE
 * before anything is bound when `all` needs more descriptors than this process may have, with the
 * number and the remedy (RLIMIT_NOFILE is raised to its hard limit for a while); -EADDRNOTAVAIL,
 * -EAFNOSUPPORT. The error may be NULL: `failure` has what relay_publish_explain needs.
 */
int relay_publish_open(struct relay_publish *list, bool has4, bool has6, struct drive_error *error);
/*
 * Says in words why the list could not be opened; not who holds a port that is taken, which takes a
 * look at the whole host. Returns -errnum.
 */
int relay_publish_explain(const struct relay_publish *list, const struct relay_failure *failure,
			  bool has4, bool has6, struct drive_error *error);
/* Of a failure with a port: where it was to be bound, 1 or 2 places; returns how many. */
size_t relay_publish_places(const struct relay_publish *list, const struct relay_failure *failure,
			    bool has4, bool has6, struct drive_place places[2]);
/* "host port 80/tcp", "host port 80/tcp of 127.0.0.1". Writes into `text` and returns it. */
const char *relay_publish_what(const struct relay_publish *list,
			       const struct relay_failure *failure, char *text, size_t size);
/* The descriptor of the i-th bound socket, i < socket_count; borrowed. */
int relay_publish_fd(const struct relay_publish *list, size_t i);
/* ---- handover.c: lists of bound ports between two processes ---- */

/* A bound socket, as it is told to another process beside its descriptor. */
struct relay_door {
	uint32_t spec; /* its place in the list */
	uint16_t port;
	uint8_t protocol;
	uint8_t screened; /* enum relay_screened */
	bool dual, four, at_device;
};
/* About the i-th socket, i < socket_count. */
void relay_publish_about(const struct relay_publish *list, size_t i, struct relay_door *out);
/*
 * Takes over a socket that another process bound for the list's specs; those of a spec come one
 * after another. -EINVAL for a spec that there is not, -ENOMEM: not taken.
 */
int relay_publish_adopt(struct relay_publish *list, const struct relay_door *door, int fd);
/* Moves all of the second list to the end of the first. 0, or -ENOMEM: nothing is moved. */
int relay_publish_join(struct relay_publish *list, struct relay_publish *more);
/* Closes the sockets of the first spec that `wanted` names, and removes it. False: none is. */
bool relay_publish_drop(struct relay_publish *list, const struct relay_spec *wanted);
bool relay_publish_has(const struct relay_publish *list, enum relay_sort sort);
/* The first spec of `more` that cannot stand beside the list's, or -ENOENT. */
int relay_publish_clash(const struct relay_publish *list, const struct relay_publish *more);

/* ---- publish.c again ---- */

/* Closes what is open and empties the list. Safe at any time; those started live on in the relay.
 */
void relay_publish_free(struct relay_publish *list);

/* ---- screen.c: what the host's kernel refuses before us ---- */

enum relay_screened {
	RELAY_UNSCREENED, /* the rules refuse nobody there whom the kernel could turn away */
	RELAY_SCREENED, /* the kernel drops whom they refuse: no answer, as if nobody were there */
	/* It is bound at devices of lan, by others it is closed; who comes by those all the same is
	   accepted, then reset. */
	RELAY_SCREEN_DEVICES,
	RELAY_SCREEN_LATE, /* the kernel accepts him first; then he is reset */
};
struct relay;
struct relay_prefix;
/* The rules, as entries in their order; where lan is; the scope of what arrives. All borrowed. */
struct relay_screening {
	const struct minato_entry *entries;
	size_t count;
	const struct relay_prefix *lan;
	size_t lan_count;
	/* The host's own addresses: who comes from one may be a guest that a rule names. */
	const struct relay_prefix *own;
	size_t own_count;
	uint8_t outside;
};
/*
 * A filter of the kernel (linux/filter.h) for a socket of a published port. 2,000 steps stay below
 * net.core.optmem_max of old kernels, which such a filter is charged to.
 */
#define RELAY_SCREEN_STEPS 2000u
struct relay_screen {
	size_t count;
	struct sock_filter steps[RELAY_SCREEN_STEPS];
};
/*
 * Makes the filter: it drops just what the first matching rule refuses, and what a rule counts
 * (limits), logs or lets pass it lets come to us. `shut`: whom no rule is about is dropped too, if
 * he is not of lan: it leads to NetBIOS or SMB. 1; 0: nothing would be dropped; -E2BIG: the rules
 * for that port are too many steps.
 */
int relay_screen_make(struct relay_screen *out, const struct relay_screening *rules,
		      uint8_t protocol, uint16_t port, bool shut);
/* Whether the rules refuse at that port all who are not of lan, whoever they are. */
bool relay_screen_near_only(const struct relay_screening *rules, uint8_t protocol, uint16_t port,
			    bool shut);
/* Each is a few kilobytes of the kernel's: so many sockets have one, the others none. */
#define RELAY_SCREENS_MAX 1024u
/*
 * Gives the bound sockets of a list their filters, or takes those away that they had from other
 * rules, and notes which. Of `taken` others are in use. Best before relay_publish_start: until then
 * nobody has come. What has been accepted goes on. So that clients of a UDP port do too, such a
 * port has no filter from then on where rules change while it may have some (`live`).
 */
void relay_screen_list(struct relay_publish *list, const struct relay_screening *rules, bool live,
		       uint32_t taken);
/*
 * For another process than the one that has the sockets: notes at those of the forwards what it
 * makes of them by relay_screen_list with `live`. `works`: what relay_screen_works says there.
 */
void relay_forward_screened(struct relay *relay, const struct relay_screening *rules, bool works);
/*
 * The port of NetBIOS or SMB of the guest (137-139, 445) that this end of the host leads to, or 0.
 * Whom no rule is about, and is not of lan, does not come in there.
 */
uint16_t relay_door_behind(const struct relay *relay, uint8_t protocol,
			   const struct minato_endpoint *local);
/* enum relay_screened of the socket that takes calls to this end of the host, or -ENOENT. */
int relay_door_screened(const struct relay *relay, uint8_t protocol,
			const struct minato_endpoint *local);
/*
 * The spec of that socket if it is bound at devices of lan, and the rules are since such as let
 * others come, who find it closed. Else NULL.
 */
const struct relay_spec *relay_door_outgrown(const struct relay *relay, uint8_t protocol,
					     const struct minato_endpoint *local);
/* In the list: the first such socket that was not asked for; all such count as asked for then. */
const struct relay_spec *relay_publish_outgrown(struct relay_publish *list);
/* The first that is bound at devices of lan at all. */
const struct relay_spec *relay_publish_at_devices(const struct relay_publish *list);
/* RELAY_FACE_LAN or _WAN of a client. */
uint8_t relay_face(const struct relay *relay, const struct minato_addr *client);
/* How many sockets of the list have a filter, or should. */
uint32_t relay_screen_count(const struct relay_publish *list);
/* Whether this kernel does what such a filter says; tried once, by two calls on loopback. */
bool relay_screen_works(void);

/* ---- proxyhead.c: the PROXY protocol ---- */

#define RELAY_PROXY_MAX 108u /* version 1's longest line, with a final zero */
/*
 * Writes the header of version 1 or 2 for a TCP connection of the client to the end that it asked
 * for, both of one family. Returns its length; 0 of any other version.
 */
size_t relay_proxy_header(uint8_t version, const struct minato_endpoint *client,
			  const struct minato_endpoint *asked, uint8_t out[RELAY_PROXY_MAX]);

/* ---- nameservers.c: the host's resolvers ---- */

#define NAMESERVERS_MAX 3u

struct nameserver {
	struct minato_endpoint end;
	uint32_t scope_id;
};
struct nameservers {
	const char *path;
	struct nameserver list[NAMESERVERS_MAX];
	size_t count;
	int64_t looked_ns;
	uint64_t mark[5]; /* device, inode, size, time of the file last read */
};
/* Reads the text of a resolv.conf(5). */
void nameservers_parse(struct nameservers *n, const char *text, size_t len);
/* Reads the file again if it changed; looks at most once per second. True if it was read. */
bool nameservers_look(struct nameservers *n, struct minato_time now);

/* ---- roll.c: what a guest tells other guests of the same user ---- */

/* Ports that are published; those that follow each other are one run. */
#define RELAY_ROLL_DOORS 256u
struct relay_roll_door {
	struct minato_addr addr; /* of the host; any: all of its family, */
	bool dual;		 /* or of both */
	uint8_t protocol;	 /* MINATO_TCP or MINATO_UDP */
	uint16_t first, last;
};
struct relay_roll;
/*
 * Makes one, which is written through `out` by this process and its forks alone; who is given the
 * descriptor may read it. 0 or negative errno.
 */
int relay_roll_new(int *fd, struct relay_roll **out);
/* Whether the descriptor is one that its maker cannot shorten. */
bool relay_roll_is(int fd);
/* To read another one's, of which nothing is believed. 0, -EPROTO, or negative errno. */
int relay_roll_open(int fd, const struct relay_roll **out);
void relay_roll_close(const struct relay_roll *roll);
/* Notes the cookie (SO_COOKIE) of a host socket that calls out. False: there is no place for it. */
bool relay_roll_note(struct relay_roll *roll, uint64_t cookie);
/* It is closed; it is known until others need its place: what it sent may not be read yet. */
void relay_roll_strike(struct relay_roll *roll, uint64_t cookie);
bool relay_roll_has(const struct relay_roll *roll, uint64_t cookie);
/* Changes whenever the doors do. */
uint32_t relay_roll_turn(const struct relay_roll *roll);
/* The doors, RELAY_ROLL_DOORS at most; none while they are being written. */
size_t relay_roll_doors(const struct relay_roll *roll, struct relay_roll_door *out);

/* ---- relay.c ---- */

struct relay;
struct relay_allows;

/* Who calls has no socket any more, and could have been any guest here: it is turned away. */
#define RELAY_CALLER_GONE UINT16_MAX

/* A program of the guest. */
struct relay_program {
	uint32_t pid;	  /* as the guest has it; 0: not known */
	uint32_t holders; /* processes that hold the socket: it is the first of them */
	char path[256];	  /* of its file, or its name in brackets; "": not known */
};

/* What a guest tries, as relay_config's `attempt` is told. */
enum relay_attempt_sort {
	RELAY_ATTEMPT_REFUSED, /* a flow that does not begin, or that is reset in its midst */
	RELAY_ATTEMPT_NAME,    /* a name that it asks for and may not know */
	RELAY_ATTEMPT_ANSWER,  /* an answer with addresses that it may not go to: `to`, port 0 */
	RELAY_ATTEMPT_BEGUN,   /* a flow goes out */
	RELAY_ATTEMPT_ENDED,   /* it is over */
};

struct relay_attempt {
	enum relay_attempt_sort sort;
	enum minato_proto proto;
	struct minato_endpoint guest, to;
	const char *name;   /* that was asked for, or by which the flow goes; NULL: none */
	const char *said;   /* REFUSED in its midst: the name that it said; NULL: none */
	const char *rule;   /* the --allow by which it goes out; NULL: none */
	const char *reason; /* why not, in words; NULL: it may */
	bool allowable;	    /* an --allow of just this would let it out; ANSWER: --allow-private */
	bool shut;	    /* REFUSED: no rule and no --allow was about it: what shuts the rest */
	const struct relay_program *program; /* that tries it; NULL: not known */
	uint64_t flow;			     /* the same at beginning, reset and end; 0: none */
	uint64_t bytes_in, bytes_out;	     /* ENDED: from and to the outside */
	int64_t lasted_ns;		     /* ENDED */
};

/* What is not for the known is to be let through by these chances, of 2^32. */
#define RELAY_KNOWN_MAX 64u
struct relay_surge {
	bool on;
	uint32_t chance; /* of first contacts */
	uint32_t strays; /* of what is of no flow */
	uint32_t known_count;
	struct minato_addr known[RELAY_KNOWN_MAX]; /* who has answered lately */
};

struct relay_asking {
	uint64_t call; /* held; of datagrams that wait: a word for relay_decide alone */
	enum minato_proto proto;
	struct minato_endpoint guest, to;
	const char *name;   /* that led there last; NULL: none did */
	const char *reason; /* why it is not let out, for whoever says no; stays valid */
	bool stray; /* the connection stands, and names `name`, which did not lead there */
};

/* Faces of what arrives at host sockets: the client is near, or not. */
#define RELAY_FACE_LAN 0xf0u
#define RELAY_FACE_WAN 0xf1u
/* Where nothing comes from: for questions about rules without pins (permit.h). */
#define RELAY_FACE_UNPINNED 0xf2u

struct relay_prefix {
	struct minato_addr addr;
	uint8_t length; /* 0..128, of IPv4 96 and its own */
};

/* An inside: its families and addresses, as of a guest, and the scope of its link. */
struct relay_inside {
	struct drive_subnet subnet;
	uint8_t scope;
};

/* A caller of a published TCP port, and the entry that he met, with its word. */
struct relay_caller {
	int fd;
	struct minato_endpoint client, asked;
	uint64_t entry, word;
};

struct relay_config {
	struct minato *host;	 /* borrowed for the relay's life */
	struct drive_loop *loop; /* borrowed likewise */
	/*
	 * The guest's families and addresses. A DNS address of zero: there is no resolver; it may
	 * be the gateway's, of which no port leads to the host then (RELAY_REACH). A guest's of
	 * zero: many hosts share the subnet, and nothing is published.
	 */
	struct drive_subnet subnet;
	uint8_t inside;		 /* scope of the guest's link */
	/* Further insides, of a gateway; the host value hands on between them. Borrowed. */
	const struct relay_inside *further;
	size_t further_count;
	uint8_t outside;	 /* scope of what arrives at host sockets; not `inside` */
	bool host_loopback;	 /* the gateway's address leads to the host's loopback */
	const char *resolv_path; /* NULL: /etc/resolv.conf; borrowed */
	/*
	 * For a relay that cannot read files: called when the guest asks something, at most once
	 * per second, so that whoever can look does, and tells a change by relay_nameservers. Then
	 * resolv_path is not read. May be NULL.
	 */
	void (*look)(void *user);
	void *look_user;
	uint32_t flows_max; /* connections and associations at once; 0: 65,536 */
	/*
	 * For -p auto. The first asks for a host port to be bound as the spec says, which is
	 * answered by relay_auto_opened, at once or later; `again` if it was refused before. It
	 * returns 0, or negative errno: ask later. The second tells that a port bound so is no
	 * longer published. May be NULL: then there is no auto.
	 */
	int (*port_open)(void *user, const struct relay_spec *spec, bool again);
	void (*port_closed)(void *user, const struct relay_spec *spec);
	void *port_user;
	/*
	 * Events of sockets that are not the relay's, for whoever shares the host value. May be
	 * NULL. Words below 2^56 and 0 are free for others; the relay's own have the top byte
	 * RELAY_WORD.
	 */
	void (*other)(void *user, const struct minato_event *event);
	void *other_user;
	/* Where the guest may go (permit.h), borrowed. NULL: wherever it likes. */
	const struct relay_allows *allows;
	bool silent;  /* what none of them lets out hears nothing */
	uint8_t face; /* of the guest's frames: the number of its link */
	/* Told of what the guest tries. May be NULL. The attempt is valid during the call. */
	void (*attempt)(void *user, const struct relay_attempt *attempt);
	void *attempt_user;
	/*
	 * Asked about a TCP flow that `allows` does not let out, with `ask_names` also about UDP:
	 * about each place that an endpoint of the guest writes to. True: it is held until
	 * relay_decide; whoever is asked finds out which program it is. May be NULL.
	 */
	bool (*ask)(void *user, const struct relay_asking *asking);
	/*
	 * Asked which program a held TCP or UDP call is of, where the policy has to know;
	 * relay_program answers. NULL: of none that rules name.
	 */
	void (*program)(void *user, const struct relay_asking *asking);
	bool ask_names; /* every name may be asked for, since a user is asked about flows */
	void *ask_user;
	/*
	 * Asked which program a flow is of, before it is told of; true: the flow (or the answer to
	 * a question, whose word stands in the place of a call) is held until relay_identified,
	 * which may be called at once. Of those that are refused, or of `identify_all`. May be
	 * NULL.
	 */
	bool (*identify)(void *user, uint64_t call, enum minato_proto proto,
			 const struct minato_endpoint *guest, const struct minato_endpoint *to);
	void *identify_user;
	bool identify_all;
	/* A line for the user about what the guest cannot have, each at most once. May be NULL. */
	void (*notice)(void *user, const char *text);
	void *notice_user;
	/* Where clients are near (RELAY_FACE_LAN); borrowed. */
	const struct relay_prefix *lan;
	size_t lan_count;
	/*
	 * Told when the guest begins to call everywhere at once, how that goes on, and when it is
	 * over; surge.c. False: it could not be passed on, and comes again. NULL: it may, as the
	 * hosts of a gateway.
	 */
	bool (*surge)(void *user, const struct relay_surge *surge);
	void *surge_user;
	struct relay_roll *roll; /* to be kept, or NULL; borrowed */
	/*
	 * Asked which other guest calls a published port: its number in rules, as that of a
	 * program, 0, or RELAY_CALLER_GONE. NULL: none.
	 */
	uint16_t (*caller)(void *user, enum minato_proto proto,
			   const struct minato_endpoint *caller,
			   const struct minato_endpoint *local);
	void *caller_user;
	/*
	 * Asked of a TCP caller, by the word of the entry that it met: by which version of the
	 * PROXY protocol its server hears of it, who then sees it come from the gateway; 0: it
	 * comes from its own address. NULL: so do all.
	 */
	uint8_t (*proxy)(void *user, uint64_t word);
	void *proxy_user;
	/*
	 * Told of a TCP caller before anything is done for him. True: somebody else goes on with
	 * him, and has the descriptor, which resets where it is closed as it is. NULL: nobody does.
	 */
	bool (*take)(void *user, const struct relay_caller *caller);
	void *take_user;
};

#define RELAY_WORD 0xa5u

/*
 * Makes a relay and adds its entries to the table, in the scope `inside`: the uplink for TCP,
 * UDP and echo; guards that refuse the host's loopback, "this host", broadcast and the
 * gateway (which stays open with host_loopback); the DNS sockets on the DNS address, which must be
 * an address of the host value by now. Raises RLIMIT_NOFILE of this process to the hard limit: call
 * it after drive_guest_make, so that the guest keeps the caller's. -ENOMEM, and what minato.h's
 * functions say.
 */
int relay_create(struct relay **out, const struct relay_config *config, struct drive_error *error);
/*
 * Ends all flows with a reset to the far side (never a FIN that would make a cut transfer look
 * whole), closes all descriptors, removes the entries. Where the guest had ended its half already,
 * the host's kernel delivers the rest of it.
 */
void relay_free(struct relay *relay);
/* The nameservers are these from now on: the first NAMESERVERS_MAX of them. */
void relay_nameservers(struct relay *relay, const struct nameserver *list, size_t count);
/*
 * These are the host's own addresses and the networks at its links from now on, as far as they are
 * public: answers lead there no more than to private ones, and what led there before does not any
 * more. The first RELAY_NEAR_MAX of them.
 */
#define RELAY_NEAR_MAX 64u
void relay_near(struct relay *relay, const struct relay_prefix *list, size_t count);
/* What lan is from now on, in the place of the config's: borrowed for the relay's life. */
void relay_lan(struct relay *relay, const struct relay_prefix *list, size_t count);
/* Fills in those of the host's addresses; how many there are, which may be more than `room`. */
size_t relay_near_of(const struct drive_hostaddr *own, size_t own_count, struct relay_prefix *list,
		     size_t room);
/*
 * The answer to `ask`: a call goes out as by an --allow of just that name (NULL: that address) and
 * port, or is refused for that reason. False: it has ended meanwhile, and nothing is told of it.
 */
bool relay_decide(struct relay *relay, uint64_t call, const char *name, const char *reason,
		  const struct relay_program *program);
/* The answer to `identify`, NULL: nobody knows. A call that has ended meanwhile is left alone. */
void relay_identified(struct relay *relay, uint64_t call, const struct relay_program *program);

/*
 * ---- relay.c: programs ----
 *
 * The answer to `program`: the number that rules have for it, or MINATO_PROGRAM_NONE. The call goes
 * on, or is refused, as the policy says. One that has ended meanwhile is left alone.
 */
void relay_program(struct relay *relay, uint64_t call, uint16_t program);
struct minato_rule_event;
/* An event of the host value's: what a guard of the relay's refused is told. False: it is none. */
bool relay_walled(struct relay *relay, const struct minato_rule_event *event);
/* The name of the pin whose entry has this word, as steps of an explanation have it; or NULL. */
const char *relay_pinned(const struct relay *relay, uint64_t user);
/* The order of the rule whose name let a flow out by it; 0: it is none's, as of --allow. */
uint64_t relay_pinned_order(const struct relay *relay, uint64_t user, enum minato_proto proto,
			    uint16_t port);

/* ---- auto.c: -p auto ---- */

/*
 * By which the guest's listening sockets are seen; takes the descriptor over, also when it fails.
 * Without it -p auto publishes nothing. 0, or -1 when memory is out.
 */
int relay_auto_listeners(struct relay *relay, const struct drive_listeners *listeners);
/*
 * After it: a port of the guest that a relay before this one had published by itself. As there, a
 * forward that was named later and leads to that port does not stand in its way.
 */
void relay_auto_stood(struct relay *relay, const struct relay_spec *spec);
/* The answer to port_open: the list with its one spec bound, or NULL where that failed. */
void relay_auto_opened(struct relay *relay, struct relay_publish *bound);

/* ---- relay.c: its turn ---- */

/*
 * A drive_hook_fn: sets the host value's time, drains its events, moves bytes both ways and runs
 * the relay's timers. Returns when it wants to be called again at the latest. Add it as a hook
 * *before* the one that calls drive_tap_write and returns minato_deadline.
 */
struct minato_time relay_pump(void *relay, struct minato_time now);

/* ---- forward.c: forwards that stand, added and removed while the guest runs ---- */

/*
 * Lets callers in by every spec of the list, all or nothing: adds the entries of each to the table
 * (one for each family, whatever the length of the run), takes the sockets over from the list
 * (which keeps its specs) and watches them. Can be called again for what is added later.
 * -EADDRINUSE if another entry stands there, -EEXIST if a forward does, or listen's error; the
 * sockets are closed then.
 */
int relay_publish_start(struct relay *relay, struct relay_publish *list, struct drive_error *error);

/* A forward as it stands. */
struct relay_standing {
	struct relay_spec spec;
	uint32_t id;
	bool automatic;		      /* made for a port that the guest opened */
	enum relay_screened screened; /* the worst of its sockets': LATE, if one is */
	size_t socket_count;	      /* host sockets it holds */
	uint32_t flows;		      /* at present */
	uint64_t flows_ever, hits;    /* flows that began, or were to begin, at it */
	uint64_t bytes_in, bytes_out; /* from and to the outside; a reach: from and to the host */
	struct minato_time since;
	struct minato_time used; /* when the last flow began or ended; 0: never */
};
/*
 * Walks the forwards in the order in which they were added; *cursor starts at 0. False after the
 * last. Those that come and go between calls may be missed or seen, none twice.
 */
bool relay_forward_next(const struct relay *relay, uint64_t *cursor, struct relay_standing *out);
/* Works out hits and bytes, which a walk afterwards tells: a look at every row and every flow. */
void relay_forward_count(struct relay *relay);
/* What all forwards carried together that were made for ports that the guest opened. */
struct relay_carried {
	uint64_t bytes_in, bytes_out; /* as in relay_standing, of those that ended too */
	uint64_t forwards_ever;
};
/* Works out bytes, which a walk afterwards tells too: a look at every flow. */
void relay_forward_carried(struct relay *relay, struct relay_carried *out);
/* The id of the forward that `wanted` names, or -ENOENT. */
int64_t relay_forward_find(const struct relay *relay, const struct relay_spec *wanted);
/*
 * Takes it away: its port is free at once, its connections go on. Clients of a UDP port are
 * forgotten, since it is the published socket that they are answered from. -ENOENT.
 */
int relay_forward_remove(struct relay *relay, uint32_t id);

/* How many flows of callers lead there, now; port 0: at any port. A look at every flow. */
uint64_t relay_flows_to(const struct relay *relay, const struct minato_endpoint *guest);

/* What the relay knows about a socket or entry of a listing, beside its struct minato_row. */
enum relay_what {
	RELAY_WHAT_NOTHING,   /* not the relay's */
	RELAY_WHAT_UPLINK,    /* the entry that dials out */
	RELAY_WHAT_GUARD,     /* a guard of the relay */
	RELAY_WHAT_PUBLISHED, /* the entry of a published port */
	RELAY_WHAT_REACH,     /* the entry of a host port that the guest may reach */
	RELAY_WHAT_RESOLVER,  /* a DNS socket */
	RELAY_WHAT_OUT,	      /* a flow of the guest to the outside */
	RELAY_WHAT_IN,	      /* a flow of a caller to the guest */
};

struct relay_about {
	enum relay_what what;
	enum relay_screened screened; /* PUBLISHED: the worst of its sockets' */
	/* The rest is for OUT and IN. */
	struct minato_endpoint near; /* the host socket's own end: the outside port; port 0: none */
	struct minato_endpoint far;  /* its peer (UDP OUT: the latest destination) */
	uint64_t bytes_in, bytes_out; /* from and to the outside */
	struct minato_time since, last;
};

/* The config's `allows` were added to, or some are gone: what names led to is entered anew. */
void relay_allows_changed(struct relay *relay);

/* About the owner's word of a row or event. False (and NOTHING) if it is not the relay's. */
bool relay_about(const struct relay *relay, uint64_t user, struct relay_about *out);
/*
 * Ends the flow of that word: TCP by reset on both sides, UDP by forgetting it. -ENOENT if it is no
 * flow of the relay's.
 */
int relay_cut(struct relay *relay, uint64_t user);

/* Whether this process may open ping sockets, so that the guest can ping. */
bool relay_can_ping(void);
/* What to do where it may not: a line for the user. */
#define RELAY_PING_REMEDY                                                                          \
	"nobody inside can ping: this host lets no program of your group open ping sockets; "      \
	"allow it as root: sysctl -w net.ipv4.ping_group_range=\"0 2147483647\""

#define RELAY_COUNTERS(X)                                                                          \
	X(TCP_OUT, "relay_tcp_out")		    /* calls of the guest that were dialled */     \
	X(TCP_OUT_REFUSED, "relay_tcp_out_refused") /* the far side refused */                     \
	X(TCP_OUT_FAILED, "relay_tcp_out_failed")   /* unreachable, timed out */                   \
	X(TCP_IN, "relay_tcp_in")		    /* callers of published ports */               \
	X(TCP_IN_REFUSED, "relay_tcp_in_refused")   /* the guest's port was closed */              \
	X(TCP_IN_BOUND, "relay_tcp_in_bound")	    /* the source has all that it may */           \
	X(TCP_IN_GONE, "relay_tcp_in_gone")	    /* of a burst, had reset meanwhile */          \
	X(UDP_OUT, "relay_udp_out")		    /* guest endpoints that sent */                \
	X(UDP_IN, "relay_udp_in")		    /* clients of published ports */               \
	X(UDP_EXPIRED, "relay_udp_expired")	    /* idle for five minutes */                    \
	X(UDP_EVICTED, "relay_udp_evicted")	    /* gave way when something ran out */          \
	X(UDP_LOST, "relay_udp_lost")		    /* datagrams no socket had room for */         \
	X(UDP_ERRORS, "relay_udp_errors")	    /* ICMP errors handed to the guest */          \
	X(SURGE_SHED, "relay_surge_shed") /* calls of a guest that called everywhere at once */    \
	X(ROLL_FULL, "relay_roll_full")	  /* sockets that other guests do not know for ours */     \
	X(ECHO_OUT, "relay_echo_out")	  /* guest identifiers that pinged */                      \
	X(ECHO_EXPIRED, "relay_echo_expired")		/* idle for a minute */                    \
	X(ECHO_EVICTED, "relay_echo_evicted")		/* gave way when something ran out */      \
	X(ECHO_LOST, "relay_echo_lost")			/* echoes no socket had room for */        \
	X(ECHO_ERRORS, "relay_echo_errors")		/* ICMP errors handed to the guest */      \
	X(ECHO_FORBIDDEN, "relay_echo_forbidden")	/* for want of a ping socket */            \
	X(REFUSED_INNER, "relay_refused_inner")		/* to the host's inner side */             \
	X(REFUSED_MULTICAST, "relay_refused_multicast") /* to a group: not carried */              \
	X(REFUSED_BROADCAST, "relay_refused_broadcast") /* of a network of the host's */           \
	X(NO_DESCRIPTOR, "relay_no_descriptor")		/* calls turned away for want of one */    \
	X(GAVE_WAY, "relay_gave_way")	    /* callers reset for one whose source holds less */    \
	X(NO_FLOW, "relay_no_flow")	    /* calls turned away at flows_max */                   \
	X(NO_MEMORY, "relay_no_memory")	    /* connections reset for want of payload memory */     \
	X(DENIED, "relay_denied")	    /* flows that no --allow lets out */                   \
	X(DENIED_WORD, "relay_denied_word") /* for what they said, or did not say */               \
	X(DENIED_NAME, "relay_denied_name") /* questions for names not allowed */                  \
	X(UNENTERED, "relay_unentered")	    /* pins that found no room in the table */             \
	X(UNPINNED, "relay_unpinned")	    /* addresses of answers that are not allowed */        \
	X(DNS_QUERIES, "relay_dns_queries")                                                        \
	X(DNS_ANSWERS, "relay_dns_answers")                                                        \
	X(DNS_FAILED, "relay_dns_failed")   /* answered SERVFAIL by the relay itself */            \
	X(DNS_EVICTED, "relay_dns_evicted") /* oldest question given up for a new one */           \
	X(DNS_MALFORMED, "relay_dns_malformed")                                                    \
	X(DNS_STRANGE, "relay_dns_strange") /* answers to no question of ours */

enum relay_counter {
#define X(name, text) RELAY_COUNT_##name,
	RELAY_COUNTERS(X)
#undef X
		RELAY_COUNTER_COUNT
};
/* NULL beyond the last. */
const char *relay_counter_name(unsigned counter);
uint64_t relay_counter(const struct relay *relay, unsigned counter);

/* ========================================================================
 * Inside the folder
 */

/* ---- lane.c: what the relay remembers of one flow ----
 *
 *   kind            state      host socket           socket of the host value
 *   LANE_OUT        DIALLING   connecting            a held call
 *   LANE_IN         CALLING    accepted, not read    connecting to the guest
 *   both            OPEN       connected             connected
 *   both            RESETTING  none: far side reset  until the guest has all that came before
 *   LANE_EXCUSE     OPEN       none                  answers DNS over TCP with SERVFAIL
 *   LANE_STREAM     OPEN       none                  questions over TCP, each weighed by itself
 *   LANE_ENDPOINT   OPEN       unconnected           all that a guest's UDP endpoint sends
 *   LANE_VISITOR     OPEN       the published one     one client of a published UDP port
 *   LANE_ECHO        OPEN       a ping socket         all echoes of a guest's identifier
 */
enum lane_kind {
	LANE_FREE,
	LANE_OUT,
	LANE_IN,
	LANE_EXCUSE,
	LANE_STREAM,
	LANE_ENDPOINT,
	LANE_VISITOR,
	LANE_ECHO,
} __attribute__((packed));

enum lane_state {
	LANE_DIALLING,
	LANE_CALLING,
	LANE_OPEN,
	LANE_RESETTING,
} __attribute__((packed));

/* What only a LANE_VISITOR has. */
struct lane_visit {
	struct minato_endpoint here; /* the host's address that the client wrote to */
	uint16_t caller;	     /* the guest whose socket speaks; 0: any other */
	uint32_t place; /* among the flows of its entry (minato_forward_join); 0: it counts none */
	uint64_t twin;		     /* word of another client that meets the same tuple, or 0 */
};

/* There may be 65,536 of them, most of them idle: every byte counts. */
struct lane {
	struct relay *relay;
	uint64_t socket; /* in the host value; 0: none */
	union {
		int64_t watch;		  /* of fd, in the loop; 0: none */
		struct lane_visit *visit; /* LANE_VISITOR, which has no fd of its own */
	};
	int fd; /* its own, or -1 */
	uint32_t index;
	uint32_t generation : 24;
	enum lane_kind kind;
	enum lane_state state;
	uint8_t server; /* DNS over TCP: 1 + which nameserver is tried; 0: no DNS */
	uint16_t list;	/* by age: where in struct relay the one is that it stands in; 0: none */

	/* Known from edge-triggered events, until a call says otherwise. */
	bool host_readable : 1;
	bool host_writable : 1;
	bool host_hung_up : 1; /* FIN or worse waits behind what is readable */
	bool host_failed : 1;  /* a send failed: end of stream means a reset now */
	bool host_error : 1;   /* UDP: the error queue may hold something */
	bool room_watched : 1; /* its watch tells of room to send */
	bool guest_readable : 1;
	bool guest_reset : 1;
	bool out_done : 1;    /* the guest's FIN went on to the host socket */
	bool in_done : 1;     /* the far side's FIN went on to the guest */
	bool no_segment : 1;  /* this socket's path cannot do UDP_SEGMENT */
	bool guest_class : 1; /* TCP: the guest changed its traffic class */
	bool busy : 1;	      /* stands in the relay's ring of work */
	bool joined : 1;      /* it counts for the guest's host, in that scope */
	uint8_t proxy : 2;    /* LANE_IN: the version of the PROXY protocol, or 0 */
	uint8_t discover;     /* of fd, if its own: enum gram_discover */
	uint8_t scope;

	uint32_t busy_next; /* index + 1 there, or among the free; 0: none */
	union {
		struct {
			uint32_t older, newer; /* likewise in the list, where it is in one */
		};
		uint32_t appetite; /* TCP, open: bytes to ask the host socket for */
		uint32_t asked;	   /* LANE_STREAM: questions that are under way */
	};
	uint32_t since;		      /* its beginning, in steps of 2^LANE_SINCE_SHIFT ns */
	union {
		uint32_t scope_id; /* of an IPv6 link-local far end; 0 otherwise */
		uint32_t place;	   /* LANE_IN: as in lane_visit */
	};
	int64_t used_ns;	      /* last traffic; in a list: since when it waits */
	uint64_t bytes_in, bytes_out; /* from and to the outside */
	union {
		struct relay_published *door; /* LANE_VISITOR, LANE_IN: where it came in */
		struct ticket *ticket; /* LANE_OUT, LANE_ENDPOINT: by what it goes out, or NULL */
	};
	struct relay_forward *forward; /* that it came by; NULL: none */
	uint64_t entry;		       /* LANE_IN: the forward entry it met */
	struct minato_endpoint guest;  /* the guest's end */
	struct minato_endpoint far;    /* the other end, as the guest sees it */
	struct minato_endpoint
		dial; /* LANE_OUT: where we dial. LANE_VISITOR: the client's true end */
};
#define LANE_SINCE_SHIFT 26

/* What callers of published ports hold, by their addresses (rank.c). */
#define RANK_PLACES 1024u
struct rank_link {
	uint32_t next, prev; /* of the same place: index of a lane + 1; 0: none */
	uint16_t place;	     /* plus one; 0: in none */
};
struct rank {
	uint64_t key[2];
	uint32_t count[RANK_PLACES];
	uint32_t first[RANK_PLACES], last[RANK_PLACES]; /* likewise */
	struct rank_link *links; /* by the index of the lane; NULL as long as nobody has called */
	uint32_t link_count;
};

/* Flows by age, the oldest first. */
struct lane_list {
	struct lane *oldest, *newest;
	uint32_t count;
};

#define LANE_BLOCK 64u /* flows allocated at once */

/* The pool: blocks never move, so a flow's address is good for its life. */
struct lane_pool {
	struct lane **blocks;
	uint32_t block_count;
	uint32_t count; /* in use */
	uint32_t max;
	uint32_t free; /* index + 1, linked by busy_next; 0: none */
};

/*
 * A new flow, all else zero. When max are in use the oldest UDP endpoint gives way; NULL when there
 * is none, or memory is out.
 */
struct lane *lane_new(struct relay *relay, enum lane_kind kind);
/*
 * Closes its descriptor, forgets its socket, gives it back. What becomes of the socket in the host
 * value is the caller's decision before.
 */
void lane_free(struct lane *f);
/* Outward: within the bounds of the inside host that calls. False: the call is rejected. */
bool lane_admit(struct lane *f, uint64_t call);
/* Closes its descriptor only. */
void lane_close(struct lane *f);
/* The lane of an index + 1, or NULL for 0. */
struct lane *lane_at(const struct lane_pool *pool, uint32_t place);
/* The word that leads back to it. */
uint64_t lane_word(const struct lane *f);
/* The flow of a word, or NULL if it is no more. */
struct lane *lane_of(const struct relay *relay, uint64_t word);
/* The next younger one in its list, or NULL. */
struct lane *lane_newer(const struct lane *f);
/* Takes it into the ring of work, once. */
void lane_busy(struct lane *f);
/*
 * Takes the first out of the ring; NULL when it is empty. It may be LANE_FREE by now: then it is
 * to be left alone.
 */
struct lane *lane_next_busy(struct relay *relay);
/* Watches its descriptor, edge-triggered; with `room` also for room to send. */
int lane_watch(struct lane *f, bool room);
/* A send found no room: from now on that is watched too. */
void lane_await_room(struct lane *f);
/* Stands it at the young end of a list of its relay, out of whatever list it stood in. */
void lane_touch(struct lane *f, struct lane_list *list);
void lane_unlist(struct lane *f);
/* Frees the blocks; all flows must be free. */
void lane_pool_free(struct lane_pool *pool);

/* ---- rank.c: who holds most, when descriptors or flows are used up ---- */

/* 0, or negative errno. */
int rank_init(struct rank *rank);
void rank_free(struct rank *rank);
/* A caller's lane, with its true end in `dial`, counts for its source: an IPv4 address, or the /64
   of an IPv6 one; and not any more: nothing happens where it did not. */
void rank_join(struct lane *f);
void rank_leave(struct lane *f);
/* Whether this source may have one more connection by the forward (its spec's `per_source`). */
bool rank_admits(const struct relay_forward *forward, const struct minato_addr *who);
/*
 * One of the source with most is reset, the one without traffic for the longest, among 16 of its.
 * For a caller at `who` only if that source has at least two more; NULL: for somebody else, if it
 * has more than 8. False: nobody gave way.
 */
bool rank_yield(struct relay *relay, const struct minato_addr *who);

/* ---- zone.c ---- */

/* RELAY_FACE_LAN or RELAY_FACE_WAN, by the client's own address. */
uint8_t zone_face(const struct relay_config *config, const struct minato_addr *client);

/* The guest that calls, as a number of the config's; 0: another program, or another host. */
uint16_t zone_caller(const struct relay_config *config, enum minato_proto proto,
		     const struct minato_endpoint *caller, const struct minato_endpoint *local);

/*
 * Whether a caller of that face, whom no rule was about, is kept out since the port leads to
 * NetBIOS or SMB of the guest; published under these numbers, they have a rule of their own.
 */
bool zone_shuts(uint8_t face, const struct relay_spec *spec, const struct minato_fate *fate);
/* The same of a port of the spec, for whoever it may be: whether it leads there. */
bool zone_is_shut(const struct relay_spec *spec, uint16_t port);

/* ---- screen.c: for zone.c ---- */

/* Of the port that takes calls to this end of the host, or NULL. */
const struct relay_spec *screen_spec(const struct relay *relay, uint8_t protocol,
				     const struct minato_endpoint *local);

/* ---- turned.c: callers beyond what their source may have ---- */

#define TURNED_MAX 8192u
struct turned_one {
	int64_t until_ns;
	int fd;
};
struct turned {
	int64_t since_ns; /* of `many`, who heard of it at once since then */
	uint32_t many;
	uint32_t first, count; /* in order of `until_ns` */
	struct turned_one *waiting; /* TURNED_MAX; NULL as long as nobody had to */
};
/* Takes the descriptor, of linger 0, and closes it now or later. */
void turned_add(struct relay *relay, int fd);
/* One of them gives his descriptor back. */
bool turned_yield(struct relay *relay);
/* When to look again. */
struct minato_time turned_turn(struct relay *relay);
void turned_free(struct relay *relay);

/* ---- surge.c: a guest that calls everywhere at once ---- */

struct relay_known {
	struct minato_addr addr;
	int64_t answered_ns; /* 0: none */
};
enum surge_sort {
	SURGE_CALLS,  /* first contacts */
	SURGE_STRAYS, /* what is of no flow, and begins none */
	SURGE_TIDES,
};
struct surge_tide {
	bool on;
	uint32_t chance;
	uint32_t count;	     /* in this window */
	uint32_t high, calm; /* windows in a row */
};
#define SURGE_STRAY_COUNTERS 4u
struct surge {
	struct surge_tide tide[SURGE_TIDES];
	bool said, unsaid; /* the config's `surge` knows of one; and knows it otherwise */
	uint32_t futile;   /* windows in a row in which strays came all the same */
	uint32_t alone;	   /* windows in which they are left alone */
	int64_t begun_ns; /* the window; 0: there is none */
	uint64_t strays;  /* the host value's count of them when it began, and the counters: */
	uint32_t index[SURGE_STRAY_COUNTERS];
	struct relay_known known[RELAY_KNOWN_MAX];
	struct relay_known *last;
};
/* When there is a host value. */
void surge_begin(struct relay *relay);
/* This host has answered the guest. */
void surge_answered(struct relay *relay, const struct minato_addr *addr);
/* Whether a call to this host is to be dialled. */
bool surge_admits(struct relay *relay, const struct minato_addr *addr);
struct minato_time surge_turn(struct relay *relay);

/* ---- roll.c: for the others here ---- */

/* Before the first packet of a host socket that calls out, and before it is closed. */
/* False: other guests would not know whose it is. */
bool roll_enter(struct relay *relay, int fd);
void roll_leave(struct relay *relay, int fd);
/* What is published has changed. */
void roll_doors(struct relay *relay);
void roll_begin(struct relay *relay);

/* ---- the insides: 0 is that of the config itself ---- */

static inline size_t inside_count(const struct relay_config *config)
{
	return 1 + config->further_count;
}
static inline const struct drive_subnet *inside_subnet(const struct relay_config *config, size_t i)
{
	return i ? &config->further[i - 1].subnet : &config->subnet;
}
static inline uint8_t inside_scope(const struct relay_config *config, size_t i)
{
	return i ? config->further[i - 1].scope : config->inside;
}
/* The scope of the inside behind which a guest's address is. */
uint8_t target_scope(const struct relay *relay, const struct minato_addr *guest);

/* ---- target.c: where the guest may go ---- */

enum target_verdict {
	TARGET_DIAL,
	TARGET_RESOLVER,  /* port 53 of the DNS address */
	TARGET_REFUSE,	  /* the host's inner side, or nothing of ours there */
	TARGET_ABSENT,	  /* on the guest's own link, where nobody is: host unreachable */
	TARGET_MULTICAST, /* not carried */
};
/* The reach that stands at this destination, and where it leads; NULL: none does. */
struct relay_forward *target_reach(const struct relay *relay, enum minato_proto proto,
				   const struct minato_endpoint *wanted,
				   struct minato_endpoint *dial);
/* Judges the destination; where it is to be dialled, writes the end to dial. */
enum target_verdict target_judge(const struct relay *relay, enum minato_proto proto,
				 const struct minato_endpoint *wanted,
				 struct minato_endpoint *dial);
/* Why it is neither dialled nor answered, in words. */
const char *target_words(const struct relay *relay, const struct minato_endpoint *wanted);
/*
 * Which end the guest sees for a datagram that comes from this end of the outside. False: it may
 * not come in (the host's loopback, unless that is open, or this port of it is).
 */
bool target_seen(const struct relay *relay, const struct minato_endpoint *from,
		 struct minato_endpoint *seen);
/*
 * The end a caller of a published port has for that guest: its own, or the gateway with its port
 * for callers on the host's loopback, those that bear an address of an inside and those with a
 * link-local one. True if it is its own.
 */
bool target_caller(const struct relay_config *config, const struct minato_endpoint *caller,
		   const struct minato_addr *guest, struct minato_endpoint *seen);
/* The gateway's own address on the link of that guest. */
const struct minato_addr *target_gateway(const struct relay_config *config,
					 const struct minato_addr *guest);
/* The reason an errno implies for the guest; false: it should time out by itself. */
bool target_reason(int errnum, enum minato_reason *reason);

/* ---- dial.c, pipe.c, caller.c, excuse.c: TCP ---- */

/* A held call of the guest, to the outside or to the DNS address. */
void dial_call(struct relay *relay, uint64_t call);
/* Options of every host socket that carries a connection, or of a listener of such. */
void dial_options(int fd);
/* The host socket sends in the class that the guest sends in; ECN is each connection's own. */
void dial_class(struct lane *f);
/* The host socket of a dialling flow has news. */
void dial_work(struct lane *f);
/* Moves bytes both ways as far as a turn's share goes. */
void pipe_work(struct lane *f);
/* The connection stands on both sides. */
void pipe_open(struct lane *f);
/* Ends both sides by reset. */
void pipe_abort(struct lane *f);
/*
 * Connects to the guest in the name of `as`; changes its port where that is taken there. 0 and the
 * socket, still connecting if TCP; or negative errno.
 */
int caller_connect(struct relay *relay, enum minato_proto proto, struct minato_endpoint *as,
		   const struct minato_endpoint *guest, uint64_t *out);
/* Callers wait at this listener. */
void caller_accept(struct relay_published *door);
/* Doors that are flooded no more take all callers again; when to come again. */
struct minato_time caller_turn(struct relay *relay);
/* The guest answered or refused. */
void caller_work(struct lane *f);
/* A DNS connection without a nameserver: says so to each question. */
void excuse_open(struct lane *f);
void excuse_work(struct lane *f);

/* ---- gram.c: runs of datagrams on host sockets ---- */

#define GRAM_SIZE_MAX 65535u
#define GRAM_RUN_MAX 65000u   /* bytes in a run: the IP length must hold headers too */
#define GRAM_SEGMENTS_MAX 64u /* UDP_MAX_SEGMENTS of the oldest kernel that has it */
#define GRAM_BATCH 32u	      /* datagrams asked for at once */

/* Where a datagram goes on the host's side. */
struct gram_way {
	int fd;
	bool dual; /* an AF_INET6 socket that carries IPv4 as mapped */
	uint32_t scope_id;
	struct minato_endpoint to;
	struct minato_addr from; /* source to leave from; any: the kernel's choice */
	uint8_t ttl;		 /* 0: the kernel's choice */
	uint8_t traffic_class;	 /* DSCP and ECN */
	bool dont_fragment;	 /* refused where its path is narrower */
	uint8_t *discover;	 /* enum gram_discover of the descriptor, kept beside it */
};

/* What a host socket does with a datagram longer than its path takes. */
enum gram_discover {
	GRAM_DISCOVER_DEFAULT,
	GRAM_DISCOVER_CUT,   /* fragments, and routers may cut it again */
	GRAM_DISCOVER_WHOLE, /* refuses it, and routers do */
};

/* One that came in, or a run of equal ones. */
struct gram {
	struct minato_endpoint from;
	struct minato_addr to; /* the host's address it was written to; any if unknown */
	uint32_t scope_id;
	uint16_t gso_size; /* 0: one datagram */
	uint8_t traffic_class;
	uint8_t ttl; /* 0: the socket does not tell */
	size_t len;
	uint8_t *data;
};

/* The socket options every UDP socket of ours has. `family` AF_INET6 with `dual` takes both. */
int gram_socket(int family, bool dual);
/*
 * Takes a datagram or run (about->gso_size) of the lane's guest to the host's side. Equal ones that
 * follow one another go out as one run, at gram_flush at the latest; so an error comes later: it is
 * reported to the guest as of `about`, its datagram as the guest sent it.
 */
void gram_put(struct lane *f, const struct gram_way *way, const struct minato_datagram *about,
	      const struct minato_extent *extents, size_t count);
/* The same towards the guest: to its end, as from `from`. */
void gram_give(struct lane *f, const struct minato_endpoint *from, const struct gram *gram);
void gram_flush(struct relay *relay);
/* The hop limit a packet of the guest leaves with: one hop is behind it. */
uint8_t gram_ttl(uint8_t ttl);
/*
 * What the guest sent cannot be carried: it hears why, unless that says nothing. `first`: the
 * beginning of it, for the error to quote; may be NULL.
 */
void gram_fail(struct lane *f, const struct minato_datagram *about,
	       const struct minato_extent *first, int errnum);
/*
 * The same of what the host's kernel did not take. A broadcast is counted alone: no error may be
 * sent about one (RFC 1122 3.2.2).
 */
void gram_unsent(struct lane *f, const struct gram_way *way, const struct minato_datagram *about,
		 const struct minato_extent *first, int errnum);
/* Fragments or not is an option of the socket, not of a message: set where the last differed. */
void gram_discover(const struct gram_way *way);
/*
 * Reads up to GRAM_BATCH. Their data lies in the relay's memory until the next call. Returns how
 * many, or negative errno; fewer than GRAM_BATCH: the socket is empty.
 */
int gram_recv(struct relay *relay, int fd, struct gram *grams);
/* One system call: a datagram, or a run of at most GRAM_SEGMENTS_MAX. 0 or negative errno. */
int gram_send(const struct gram_way *way, struct iovec *iov, size_t count, uint16_t gso_size);
#define GRAM_QUOTE_MAX 1232u

/* An entry of the error queue. */
struct gram_fault {
	struct minato_endpoint to;   /* where our datagram went */
	int errnum;		     /* 0: nothing the guest need know */
	uint32_t mtu;		     /* with EMSGSIZE */
	uint8_t type, code;	     /* of the ICMP or ICMPv6 message; 0: the kernel's own word */
	struct minato_addr offender; /* who sent that; any: unknown */
	size_t len;		     /* bytes of our datagram that it quoted */
	uint8_t data[GRAM_QUOTE_MAX];
};
/* Takes the next one. False when there is none. */
bool gram_next_fault(int fd, struct gram_fault *out);
/* Hands it to the guest, which wrote to `to`: counted, and from the true offender. */
void gram_report(struct lane *f, const struct minato_endpoint *to, const struct gram_fault *fault);
/* What minato.h's minato_report wants to know of it. False: nothing to be said. */
bool gram_trouble(const struct relay *relay, const struct gram_fault *fault,
		  struct minato_trouble *out);

/* ---- turn.c: what an endpoint, a visitor and an echo do in a turn ---- */

typedef void turn_carry_fn(struct lane *f, const struct minato_datagram *about,
			   struct minato_extent *extents, size_t count);
typedef void turn_give_fn(struct lane *f, const struct gram *gram);
/* Carries what the guest wrote: datagrams or runs, `share` of them, or the lane is busy. */
void turn_out(struct lane *f, uint32_t share, turn_carry_fn *carry);
/* Gives what waits at the lane's own descriptor, `share` datagrams and the rest of a batch. */
void turn_in(struct lane *f, uint32_t share, turn_give_fn *give);

/* ---- endpoint.c, visitor.c: UDP ---- */

/* A guest's UDP endpoint without a flow spoke: a held call. */
void endpoint_call(struct relay *relay, uint64_t call);
void endpoint_work(struct lane *f);
/* Datagrams of the guest's, or a run of them, go where they may. */
void endpoint_carry(struct lane *f, const struct minato_datagram *about,
		    struct minato_extent *extents, size_t count);
/* Datagrams wait at this published socket. */
void visitor_arrive(struct relay_published *door);
void visitor_work(struct lane *f);
/* Ends a UDP flow. */
void gram_end(struct lane *f);
/* Gives up what has been unused for longest to win a descriptor. False: there is none. */
bool endpoint_evict(struct relay *relay);

/* ---- ping.c: echoes ---- */

/* A guest's identifier without a flow pinged: a held call. */
void ping_call(struct relay *relay, uint64_t call);
void ping_work(struct lane *f);
/* Gives up the identifier unused for longest. False: there is none. */
bool ping_evict(struct relay *relay);

/* ---- dnsmsg.c: the parts of a DNS message that a forwarder needs (RFC 1035 4.1) ---- */

#define DNSMSG_HEADER 12u
#define DNSMSG_NAME_MAX 255u

enum dnsmsg_rcode {
	DNSMSG_FORMERR = 1,
	DNSMSG_SERVFAIL = 2,
	DNSMSG_NXDOMAIN = 3,
	DNSMSG_NOTIMP = 4,
	DNSMSG_REFUSED = 5,
};

struct dnsmsg {
	uint16_t id;
	bool response;
	bool truncated;
	uint8_t opcode;
	uint8_t rcode;
	uint16_t questions;  /* as the header says */
	size_t question_end; /* of the first one; 0: none or not readable */
};
/* False: shorter than a header. */
bool dnsmsg_parse(const uint8_t *data, size_t len, struct dnsmsg *out);
/* Whether both ask the same: name without regard to case, type and class. */
bool dnsmsg_same_question(const uint8_t *a, const uint8_t *b, const struct dnsmsg *ma,
			  const struct dnsmsg *mb);
void dnsmsg_set_id(uint8_t *data, uint16_t id);
/*
 * Makes a response of header and question to the query, in `out`, whose size is >= len. Returns its
 * length.
 */
size_t dnsmsg_excuse(const uint8_t *query, const struct dnsmsg *m, enum dnsmsg_rcode rcode,
		     uint8_t *out);
/* Cuts a response to header and question with TC set. Returns the new length. */
size_t dnsmsg_truncate(uint8_t *data, const struct dnsmsg *m);

/* ---- dns.c: questions over UDP ---- */

struct dns;
int dns_new(struct relay *relay, struct dns **out);
void dns_free(struct dns *dns);
/* Something waits at the DNS sockets in the host value. */
void dns_work(struct dns *dns, uint64_t socket);
/* A question from the guest to this DNS address. */
void dns_ask(struct dns *dns, const struct minato_datagram *from, const uint8_t *data, size_t len);
/* A question of a lane's stream (dnsstream.c), which is weighed as any. */
void dns_ask_for(struct dns *dns, struct lane *stream, const uint8_t *data, size_t len);
/* Of a question that is refused: whose it is, NULL: nobody knows. False: it is none of these. */
bool dns_identified(struct dns *dns, uint64_t word, const struct relay_program *program);
/* Takes the answers that have come, runs the timers; returns the next. */
struct minato_time dns_turn(struct dns *dns);

/* ---- relay.c: the rest ---- */

/* Removed with the relay. */
int relay_entry_add(struct relay *relay, const struct minato_entry *entry);

enum word_tag {
	WORD_LANE,
	WORD_UPLINK,
	WORD_GUARD,
	WORD_PUBLISHED,
	WORD_DNS,
	WORD_REACH,
	WORD_PIN,     /* of an entry: the place of the pin */
	WORD_WAITING, /* of datagrams that wait: a number */
};
uint64_t relay_word(enum word_tag tag, uint64_t value);
/* Whether it is one of a lane. */
bool relay_is_lane(uint64_t word);

/* A bound host socket of a published port. There may be some ten thousand: kept small. */
struct relay_published {
	struct relay_forward *forward; /* NULL before relay_publish_start */
	struct relay_published *busy_next;
	int64_t watch;
	int fd;
	uint16_t port;
	uint8_t protocol; /* MINATO_TCP or MINATO_UDP */
	bool dual;	  /* AF_INET6 and carries IPv4 too */
	bool four;	  /* AF_INET */
	bool at_device;	  /* bound at one device, */
	bool outgrown;	  /* and the rules let others come by now, */
	bool told;	  /* which was said */
	uint8_t discover; /* UDP: enum gram_discover */
	uint8_t screened; /* enum relay_screened */
	bool readable;
	bool busy;	/* stands among the relay's busy doors */
	uint16_t burst; /* TCP: callers that came since then, */
	uint16_t gone;	/* and of them those that had gone */
	int64_t burst_ns;
	uint8_t flooded;	/* how often in a row it was so */
	int64_t speaking_until; /* who says nothing is not accepted, until then; 0: he is */
	int64_t spoke_ns;	/* when that ended last */
};

/* The address it is bound to; :: where dual. */
struct minato_addr publish_addr(const struct relay_published *door);
/* Closes it; it must be watched no more. */
void publish_close(struct relay_published *door);

/* Two families, or the two of a reach. */
#define FORWARD_ENTRIES 2u

/* What stands behind the entries of a published port, a run of them, or a reach. */
struct relay_forward {
	struct relay *relay;
	struct relay_forward *next;
	struct relay_spec spec;
	struct relay_published *doors;
	size_t door_count;
	uint64_t entries[FORWARD_ENTRIES];
	uint32_t entry_count;
	uint32_t id;
	uint32_t flows; /* lanes that point here */
	uint64_t flows_ever, hits;
	uint64_t bytes_in, bytes_out; /* of lanes that ended */
	uint64_t live_in, live_out;   /* of those that live, since relay_forward_count */
	int64_t since_ns, used_ns;
	bool automatic;
	bool gone; /* removed; stays until its last lane ends */
};

/* ---- forward.c: for the others here ---- */

/* The lane came by this forward. */
void forward_join(struct lane *f, struct relay_forward *forward);
/* The lane ends. */
void forward_leave(struct lane *f);
/*
 * Where the entry that a caller has met leads it, and its place there, which it has until it ends.
 * False: a bound is reached, or no server takes it.
 */
bool forward_lead(struct lane *f, const struct minato_fate *met,
		  const struct minato_endpoint *asked);
/* The forward of a word, or NULL. */
struct relay_forward *forward_of(const struct relay *relay, uint64_t value);
/* The worst of the sockets of the forward of that value. */
enum relay_screened forward_screened(const struct relay *relay, uint64_t value);
/* Ends them all; no lane is left. */
void forward_free_all(struct relay *relay);

/* ---- auto.c: for the others here ---- */

struct relay_auto;
/* Looks at what the guest has open, if it is time; when to look again. */
struct minato_time auto_turn(struct relay *relay);
void auto_free(struct relay *relay);

/* ---- reach.c: ports of the gateway that lead to the host's loopback ---- */

/*
 * Guards the gateway's address, but for the ports of the reaches that stand. -ENOSPC, -ENOMEM: it
 * is then closed by target_judge alone, as it is where refusals are told, with the program's name.
 */
int reach_guard(struct relay *relay);
/* Adds the entries of a reach. */
int reach_add(struct relay *relay, struct relay_forward *forward);
/* Where the reach leads that stands at this port of the gateway. NULL: there is none. */
struct relay_forward *reach_dial(const struct relay *relay, enum minato_proto proto,
				 const struct minato_endpoint *wanted,
				 struct minato_endpoint *dial);
/* The port at the gateway of a UDP port of the host's loopback, or 0. */
uint16_t reach_seen(const struct relay *relay, const struct minato_endpoint *from);

struct gram_room; /* where gram.c collects */
int gram_room_new(struct gram_room **out);
void gram_room_free(struct gram_room *room);

struct relay {
	struct relay_config config;
	struct minato *host;
	struct minato_time now;
	struct lane_pool lanes;
	struct lane *busy_first, *busy_last;
	struct lane_list endpoints; /* LANE_ENDPOINT by last use */
	struct lane_list visitors;  /* LANE_VISITOR by last use */
	struct lane_list idlers;    /* LANE_ENDPOINT without a descriptor */
	struct lane_list echoes;    /* LANE_ECHO by last use */
	struct lane_list resetting; /* LANE_RESETTING by start */
	struct rank rank;
	struct surge surge;
	struct turned turned;
	struct relay_forward *forwards; /* in the order in which they were added */
	uint32_t last_forward;		/* the highest id so far */
	struct relay_published *busy_doors;
	uint64_t *entries;
	size_t entry_count;
	struct relay_auto *automatic;
	uint64_t *gateway_guards;
	size_t gateway_guard_count;
	struct gram_room *room;
	struct dns *dns;
	struct permit *permit; /* NULL: nothing is weighed or told */
	struct nameservers nameservers;
	bool told_ping;	   /* the notice that pings are forbidden has been given */
	int spare_fd;	   /* given up for a moment to turn a caller away */
	uint32_t speaking; /* doors with speaking_until */
	uint64_t counters[RELAY_COUNTER_COUNT];
	struct relay_carried carried; /* by automatic forwards that ended */
};

void relay_count(struct relay *relay, enum relay_counter counter);
/* Before a nameserver is chosen: sees that the list is as the host has it. */
void relay_look(struct relay *relay);

#endif
