/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of sockets by number and by name. */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

static const char *const names[MINATO_OPTION_COUNT] = {
#define X(name, text) [MINATO_OPT_##name] = text,
	MINATO_OPTIONS(X)
#undef X
};

const char *minato_option_name(enum minato_option option)
{
	return (uint32_t)option < MINATO_OPTION_COUNT ? names[option] : NULL;
}

static bool same_text(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

int minato_option_by_name(const char *name)
{
	for (int i = 0; i < MINATO_OPTION_COUNT; i++)
		if (same_text(names[i], name))
			return i;
	return -ENOPROTOOPT;
}

/* Options that are one flag of the socket; 0 for the others. */
static uint32_t flag_of(enum minato_option option)
{
	static const uint32_t flags[MINATO_OPTION_COUNT] = {
		[MINATO_OPT_REUSEADDR] = SOCKET_REUSEADDR,
		[MINATO_OPT_REUSEPORT] = SOCKET_REUSEPORT,
		[MINATO_OPT_EXCLUSIVE] = SOCKET_EXCLUSIVE,
		[MINATO_OPT_V6ONLY] = SOCKET_V6ONLY,
		[MINATO_OPT_TRANSPARENT] = SOCKET_TRANSPARENT,
		[MINATO_OPT_HOLD] = SOCKET_HOLD,
	};

	return flags[option];
}

static int set_flag(struct minato *m, struct socket *s,
		    enum minato_option option, int64_t value)
{
	const uint32_t flag = flag_of(option);

	if (value != 0 && value != 1)
		return -EINVAL;
	/* What the claim says of families and sharing is said, and was said by
	   a bind that waits for its port. */
	if ((option == MINATO_OPT_V6ONLY || option == MINATO_OPT_EXCLUSIVE) &&
	    (s->claim != STACK_NONE || s->tuple != STACK_NONE ||
	     (s->flags & SOCKET_LATE)))
		return -EINVAL;
	if (option == MINATO_OPT_HOLD && s->proto != MINATO_TCP)
		return -ENOPROTOOPT;
	s->flags = value ? s->flags | flag : s->flags & ~flag;
	if (s->claim != STACK_NONE)
		port_claim_reuse(host_table(m), s->claim,
				 (s->flags & SOCKET_REUSEADDR) != 0,
				 (s->flags & SOCKET_REUSEPORT) != 0);
	return 0;
}

static int set_buffer(uint32_t *buffer, int64_t value)
{
	if (value < 0 || value > INT32_MAX)
		return -EINVAL;
	*buffer = value == 0		     ? STACK_DATAGRAM_BUFFER :
		  value < MINATO_CHUNK_SMALL ? MINATO_CHUNK_SMALL :
					       (uint32_t)value;
	return 0;
}

static int set_datagrams(struct datagrams *d, enum minato_option option,
			 int64_t value)
{
	const bool is_ttl = option == MINATO_OPT_TTL;

	if (option == MINATO_OPT_RCVBUF)
		return set_buffer(&d->rcvbuf, value);
	if (option == MINATO_OPT_SNDBUF)
		return set_buffer(&d->sndbuf, value);
	if (!is_ttl && option != MINATO_OPT_TRAFFIC_CLASS)
		return -ENOPROTOOPT;
	if (value < (is_ttl ? 1 : 0) || value > 255)
		return -EINVAL;
	*(is_ttl ? &d->ttl : &d->traffic_class) = (uint8_t)value;
	return 0;
}

static int get_datagrams(const struct datagrams *d, enum minato_option option,
			 int64_t *value)
{
	if (option == MINATO_OPT_RCVBUF)
		*value = d->rcvbuf;
	else if (option == MINATO_OPT_SNDBUF)
		*value = d->sndbuf;
	else if (option == MINATO_OPT_TTL)
		*value = d->ttl != 0 ? d->ttl : STACK_TTL;
	else if (option == MINATO_OPT_TRAFFIC_CLASS)
		*value = d->traffic_class;
	else
		return -ENOPROTOOPT;
	return 0;
}

static bool is_read_only(enum minato_option option)
{
	return option == MINATO_OPT_TYPE || option == MINATO_OPT_ACCEPTCONN ||
	       option == MINATO_OPT_ERROR || option == MINATO_OPT_PEER_CLASS;
}

int minato_set(struct minato *m, uint64_t socket, enum minato_option option,
	       int64_t value)
{
	struct tcp_env e = host_env(m);
	uint32_t index;
	struct socket *s = slots_find(m, socket, &index);
	int error;

	if (s == NULL)
		return -EBADF;
	if ((uint32_t)option >= MINATO_OPTION_COUNT || is_read_only(option))
		return -ENOPROTOOPT;
	if (flag_of(option) != 0)
		return set_flag(m, s, option, value);
	if (s->proto != MINATO_TCP)
		return set_datagrams(&s->body.datagrams, option, value);
	error = tcp_set(&e, &s->body.tcp, option, value);
	if (error == 0 && option == MINATO_OPT_MAXSEG)
		s->flags |= SOCKET_MAXSEG;
	if (error == 0 && option == MINATO_OPT_WINDOW_SCALE)
		s->flags |= SOCKET_SCALE;
	flow_settle(m, index);
	return error;
}

static int64_t read_class(struct socket *s)
{
	s->flags &= ~SOCKET_CLASS;
	return (s->flags & SOCKET_PEER_CLASS_MASK) >> SOCKET_PEER_CLASS_SHIFT;
}

int minato_get(struct minato *m, uint64_t socket, enum minato_option option,
	       int64_t *value)
{
	const struct tcp_env e = host_env(m);
	uint32_t index;
	struct socket *s = slots_find(m, socket, &index);

	if (s == NULL)
		return -EBADF;
	if ((uint32_t)option >= MINATO_OPTION_COUNT)
		return -ENOPROTOOPT;
	if (flag_of(option) != 0)
		*value = (s->flags & flag_of(option)) != 0;
	else if (option == MINATO_OPT_TYPE)
		*value = s->proto;
	else if (option == MINATO_OPT_ACCEPTCONN)
		*value = (s->flags & SOCKET_LISTENER) != 0;
	else if (option == MINATO_OPT_PEER_CLASS && s->proto == MINATO_TCP)
		*value = read_class(s);
	else if (option == MINATO_OPT_ERROR)
		*value = minato_error(m, socket);
	else if (s->proto != MINATO_TCP)
		return get_datagrams(&s->body.datagrams, option, value);
	else
		return tcp_get(&e, &s->body.tcp, option, value);
	return 0;
}
