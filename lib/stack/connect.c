/* SPDX-License-Identifier: BSD-2-Clause */
/* Active opens: the local end is chosen, the tuple taken, the SYN owed. */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

static int check_peer(const struct minato *m, const struct socket *s,
		      const struct minato_endpoint *peer)
{
	struct next_hop hop;

	/* MUST-46 */
	if (addr_is_multicast(&peer->addr) || addr_is_broadcast4(&peer->addr))
		return -EACCES;
	if (minato_addr_is_any(&peer->addr) || addr_is_loopback(&peer->addr) ||
	    (minato_addr_is4(&peer->addr) && (s->flags & SOCKET_V6ONLY)))
		return -ENETUNREACH;
	if (peer->port == 0 && s->proto != MINATO_ICMP)
		return -EINVAL;
	/* There is no loopback inside a host value. */
	if (route_is_ours(m, s->scope, &peer->addr) ||
	    !route_find(m, s->scope, STACK_LINK_ANY, &peer->addr, &hop))
		return -ENETUNREACH;
	if (route_is_broadcast(m, hop.link, &peer->addr))
		return -EACCES;
	return 0;
}

/* Both ends, with local port 0 where one is still to be chosen. MUST-44. */
static int make_key(const struct minato *m, const struct socket *s,
		    const struct minato_endpoint *peer, struct port_key *key)
{
	struct minato_endpoint local;

	bind_local(m, s, &local);
	if (s->tuple != STACK_NONE)
		local.addr = bind_address(m, s);
	/* Only :: is of both families. */
	if (minato_addr_is4(&local.addr) != minato_addr_is4(&peer->addr) &&
	    (minato_addr_is4(&local.addr) || !minato_addr_is_any(&local.addr)))
		return -EAFNOSUPPORT;
	if (minato_addr_is_any(&local.addr) &&
	    !route_source(m, s->scope, &peer->addr, &local.addr))
		return -EADDRNOTAVAIL;
	*key = (struct port_key){
		.local = local.addr,
		.remote = peer->addr,
		.local_port = local.port,
		.remote_port = peer->port,
		.scope = s->scope,
		.face = MINATO_FACE_ANY,
		.proto = s->proto,
	};
	return 0;
}

/* Takes the tuple, in the place of one in TIME-WAIT if that may be. */
static int take_tuple(struct minato *m, uint32_t index,
		      const struct port_key *key, struct tcp_setup *setup)
{
	int error = slots_add_tuple(m, index, key);

	if (error == -EEXIST && waits_reuse(m, key, &setup->isn_above)) {
		setup->above = true;
		error = slots_add_tuple(m, index, key);
	}
	return error;
}

static int choose_and_take(struct minato *m, uint32_t index,
			   struct port_key *key, struct tcp_setup *setup)
{
	const struct minato_endpoint remote = { key->remote, key->remote_port };
	const struct port_choice choice = {
		.scope = key->scope,
		.proto = key->proto,
		.local = key->local,
		.remote = &remote,
	};
	const bool chosen = key->local_port == 0;
	int error;

	if (chosen)
		key->local_port = host_choose_port(m, &choice);
	if (key->local_port == 0)
		return -EADDRNOTAVAIL;
	/* The identifier stands on both sides. */
	if (key->proto == MINATO_ICMP)
		key->remote_port = key->local_port;
	error = take_tuple(m, index, key, setup);
	if (chosen && error == 0)
		socket_at(m, index)->flags |= SOCKET_CHOSEN;
	return error;
}

/* Options that say what is in use, not what was asked for, until set. */
static bool is_own_choice(const struct socket *s, enum minato_option option)
{
	if (option == MINATO_OPT_MAXSEG)
		return (s->flags & SOCKET_MAXSEG) != 0;
	if (option == MINATO_OPT_WINDOW_SCALE)
		return (s->flags & SOCKET_SCALE) != 0;
	return true;
}

/* After a failure the connection begins anew, with the options it had. */
static void renew(struct minato *m, struct socket *s)
{
	struct tcp_env e = host_env(m);
	int64_t had[MINATO_OPTION_COUNT];
	bool has[MINATO_OPTION_COUNT];
	int64_t standard;

	for (int i = 0; i < MINATO_OPTION_COUNT; i++)
		has[i] = is_own_choice(s, (enum minato_option)i) &&
			 tcp_get(&e, &s->body.tcp, (enum minato_option)i,
				 &had[i]) == 0;
	tcp_destroy(&e, &s->body.tcp);
	memset(&s->body.tcp, 0, sizeof(s->body.tcp));
	tcp_init(&s->body.tcp);
	for (int i = 0; i < MINATO_OPTION_COUNT; i++) {
		const enum minato_option option = (enum minato_option)i;
		if (has[i] &&
		    tcp_get(&e, &s->body.tcp, option, &standard) == 0 &&
		    standard != had[i])
			tcp_set(&e, &s->body.tcp, option, had[i]);
	}
}

static int connect_stream(struct minato *m, uint32_t index,
			  const struct minato_endpoint *peer)
{
	struct socket *s = socket_at(m, index);
	struct tcp_env e = host_env(m);
	struct tcp_setup setup = { 0 };
	struct port_key key;
	int error;

	if (s->flags & SOCKET_LISTENER)
		return -EISCONN;
	if (s->tuple != STACK_NONE)
		return tcp_state(&s->body.tcp) == MINATO_SYN_SENT ? -EALREADY :
								    -EISCONN;
	error = make_key(m, s, peer, &key);
	if (error == 0)
		error = choose_and_take(m, index, &key, &setup);
	if (error == -EEXIST)
		return -EADDRNOTAVAIL;
	if (error < 0)
		return error;
	/* The ISN covers both ends, so only now. */
	const struct seq above = setup.isn_above;
	const bool reused = setup.above;
	check(flow_setup(m, &key, &setup));
	setup.above = reused;
	setup.isn_above = above;
	if (s->flags & SOCKET_OPENED)
		renew(m, s);
	s->flags = (s->flags & ~(SOCKET_ERROR | SOCKET_URGENT)) | SOCKET_OPENED;
	host_count(m, COUNTER_CONNECTS);
	tcp_connect(&e, &s->body.tcp, &setup);
	flow_settle(m, index);
	return -EINPROGRESS;
}

/* Takes the tuple in the place of the one it has; without it that stays. */
static int change_peer(struct minato *m, uint32_t index, struct port_key *key)
{
	struct socket *s = socket_at(m, index);
	const uint32_t chosen = s->flags & SOCKET_CHOSEN;
	const bool had = s->tuple != STACK_NONE;
	struct tcp_setup unused = { 0 };
	struct port_key before = { 0 };
	int error;

	if (had)
		slots_key(m, s, &before);
	slots_drop_tuple(m, s);
	error = choose_and_take(m, index, key, &unused);
	if (error < 0 && had)
		check(slots_add_tuple(m, index, &before) == 0);
	s->flags |= chosen; /* the port is the same */
	return error;
}

static int connect_datagrams(struct minato *m, uint32_t index,
			     const struct minato_endpoint *peer)
{
	struct socket *s = socket_at(m, index);
	struct minato_endpoint to = *peer;
	struct port_key key;
	int error;

	if (s->flags & SOCKET_ASSOCIATION)
		return -EISCONN;
	error = make_key(m, s, &to, &key);
	if (error < 0)
		return error;
	error = change_peer(m, index, &key);
	if (error < 0)
		return error == -EEXIST ? -EADDRNOTAVAIL : error;
	/* From now on only this peer is heard. */
	if (s->claim != STACK_NONE)
		port_accepting(host_table(m), s->claim, false);
	events_raise(m, index);
	return 0;
}

int minato_connect(struct minato *m, uint64_t socket,
		   const struct minato_endpoint *peer)
{
	uint32_t index;
	struct socket *s = slots_find(m, socket, &index);
	int error;

	if (s == NULL)
		return -EBADF;
	if (s->flags & SOCKET_HELD)
		return -EISCONN;
	error = check_peer(m, s, peer);
	if (error < 0)
		return error;
	if (s->proto == MINATO_TCP)
		return connect_stream(m, index, peer);
	return connect_datagrams(m, index, peer);
}
