/* SPDX-License-Identifier: BSD-2-Clause */
/* The local end of a socket, and listening there. */
#include "stack/stack.h"

#include <errno.h>

static int claim(struct minato *m, uint32_t index,
		 const struct minato_endpoint *local, bool chosen)
{
	struct socket *s = socket_at(m, index);
	const struct port_claim wanted = {
		.scope = s->scope,
		.proto = s->proto,
		.local = local->addr,
		.port = local->port,
		.v6_only = (s->flags & SOCKET_V6ONLY) != 0,
		.reuse_addr = (s->flags & SOCKET_REUSEADDR) != 0,
		.reuse_port = (s->flags & SOCKET_REUSEPORT) != 0,
		.exclusive = (s->flags & SOCKET_EXCLUSIVE) != 0,
		.chosen = chosen,
		.uid = m->actors.uid,
		.owner = index,
		.user = s->user,
	};
	const int64_t entry = port_bind(host_table(m), &wanted, NULL);
	int error = 0;

	if (entry < 0)
		return (int)entry;
	s->claim = (uint32_t)entry;
	if (s->proto != MINATO_TCP)
		error = port_accepting(host_table(m), s->claim, true);
	if (error < 0)
		slots_drop_claim(m, s);
	return error;
}

/* A port of the table's choice (RFC 6056), for whoever `remote` is or will be;
   NULL: not yet known. */
static int claim_any(struct minato *m, uint32_t index,
		     const struct minato_addr *addr,
		     const struct minato_endpoint *remote)
{
	struct socket *s = socket_at(m, index);
	const struct port_choice choice = {
		.scope = s->scope,
		.proto = s->proto,
		.local = *addr,
		.remote = remote,
		.alone = true,
	};
	struct minato_endpoint local = { *addr, 0 };

	local.port = host_choose_port(m, &choice);
	return local.port == 0 ? -EADDRINUSE :
				 claim(m, index, &local, true);
}

int bind_late(struct minato *m, uint32_t index,
	      const struct minato_endpoint *remote)
{
	struct socket *s = socket_at(m, index);
	const struct minato_addr any = { { 0 } };
	int error;

	if (s->claim != STACK_NONE)
		return 0;
	if (s->flags & SOCKET_LATE) {
		const struct minato_endpoint late = slots_detail(m, s)->late;
		if (late.port != 0)
			error = claim(m, index, &late, false);
		else
			error = claim_any(m, index, &late.addr, remote);
	} else {
		error = claim_any(m, index, &any, remote);
	}
	if (error == 0)
		slots_drop_detail(m, s);
	return error;
}

static int check_local(const struct minato *m, const struct socket *s,
		       const struct minato_addr *addr)
{
	if (minato_addr_is4(addr) && (s->flags & SOCKET_V6ONLY))
		return -EINVAL;
	if (minato_addr_is_any(addr))
		return 0;
	if (addr_is_multicast(addr) || addr_is_broadcast4(addr))
		return -EADDRNOTAVAIL;
	if (s->flags & SOCKET_TRANSPARENT)
		return 0;
	return route_is_ours(m, s->scope, addr) ? 0 : -EADDRNOTAVAIL;
}

/*
 * No port is named: it is chosen when the destination is known (RFC 6056 2.3
 * calls it lazy binding), or when somebody looks, listens or receives. Or an
 * address of somebody else that is shared anyway: nothing but a listener could
 * be in the way, and a connection from there needs its tuple only. So the
 * claim, three quarters of a connection's size, waits for who needs it.
 */
static bool may_wait(const struct minato *m, const struct socket *s,
		     const struct minato_endpoint *local)
{
	const uint32_t shared = SOCKET_TRANSPARENT | SOCKET_REUSEADDR;

	return local->port == 0 ||
	       (s->proto == MINATO_TCP &&
		(s->flags & (shared | SOCKET_EXCLUSIVE)) == shared &&
		!minato_addr_is_any(&local->addr) &&
		!route_is_ours(m, s->scope, &local->addr));
}

int minato_bind(struct minato *m, uint64_t socket,
		const struct minato_endpoint *local)
{
	uint32_t index;
	struct socket *s = slots_find(m, socket, &index);
	int error;

	if (s == NULL)
		return -EBADF;
	if (s->claim != STACK_NONE || s->tuple != STACK_NONE ||
	    (s->flags & SOCKET_LATE))
		return -EINVAL;
	error = check_local(m, s, &local->addr);
	if (error == 0)
		error = policy_bind(m, s, local);
	if (error < 0)
		return error;
	if (!may_wait(m, s, local))
		return claim(m, index, local, false);
	if (!slots_add_detail(m, s))
		return -ENOBUFS;
	s->flags |= SOCKET_LATE;
	slots_detail(m, s)->late = *local;
	return 0;
}

int minato_listen(struct minato *m, uint64_t socket, uint32_t backlog)
{
	uint32_t index;
	struct socket *s = slots_find(m, socket, &index);
	int error;

	if (s == NULL)
		return -EBADF;
	if (s->proto != MINATO_TCP)
		return -EOPNOTSUPP;
	if (s->tuple != STACK_NONE || (s->flags & SOCKET_HELD))
		return -EINVAL;
	if (backlog == 0)
		backlog = 1;
	if (backlog > 65535)
		backlog = 65535;
	if (!(s->flags & SOCKET_LISTENER)) {
		error = bind_late(m, index, NULL);
		if (error < 0)
			return error;
		error = port_accepting(host_table(m), s->claim, true);
		if (error < 0)
			return error;
		if (!slots_add_detail(m, s)) {
			port_accepting(host_table(m), s->claim, false);
			return -ENOBUFS;
		}
		s->flags |= SOCKET_LISTENER;
	}
	slots_detail(m, s)->backlog = backlog;
	return 0;
}

void bind_local(const struct minato *m, const struct socket *s,
		struct minato_endpoint *out)
{
	struct port_claim held;
	struct port_key key;

	*out = (struct minato_endpoint){ 0 };
	if (s->tuple != STACK_NONE && !(s->flags & SOCKET_ASSOCIATION)) {
		slots_key(m, s, &key);
		*out = (struct minato_endpoint){ key.local, key.local_port };
	} else if (s->claim != STACK_NONE &&
		   port_entry_claim(host_table(m), s->claim, &held)) {
		*out = (struct minato_endpoint){ held.local, held.port };
	} else if (s->flags & SOCKET_LATE) {
		*out = slots_detail(m, s)->late;
	}
}

struct minato_addr bind_address(const struct minato *m, const struct socket *s)
{
	struct port_claim held;

	if (s->claim != STACK_NONE &&
	    port_entry_claim(host_table(m), s->claim, &held))
		return held.local;
	if (s->flags & SOCKET_LATE)
		return slots_detail(m, s)->late.addr;
	return (struct minato_addr){ { 0 } };
}

bool bind_peer(const struct minato *m, const struct socket *s,
	       struct minato_endpoint *out)
{
	struct port_key key;

	if (s->tuple == STACK_NONE)
		return false;
	slots_key(m, s, &key);
	*out = (struct minato_endpoint){ key.remote, key.remote_port };
	return true;
}

int minato_local(struct minato *m, uint64_t socket, struct minato_endpoint *out)
{
	uint32_t index;
	struct socket *s = slots_find(m, socket, &index);
	uint32_t first;
	int error;

	if (s == NULL)
		return -EBADF;
	if ((s->flags & SOCKET_LATE) && s->tuple == STACK_NONE) {
		error = bind_late(m, index, NULL);
		if (error < 0)
			return error;
	}
	bind_local(m, s, out);
	/* A held association: where its first datagram was for. */
	if (!(s->flags & SOCKET_ASSOCIATION))
		return 0;
	first = s->body.datagrams.received.head;
	if (first != STACK_NONE)
		*out = message_at(m, first)->local;
	return 0;
}

int minato_peer(struct minato *m, uint64_t socket, struct minato_endpoint *out)
{
	uint32_t index;
	struct socket *s = slots_find(m, socket, &index);

	if (s == NULL)
		return -EBADF;
	return bind_peer(m, s, out) ? 0 : -ENOTCONN;
}
