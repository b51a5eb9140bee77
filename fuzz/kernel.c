/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel that a fuzzer plays: the calls. */
#include "kernel.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "expect.h"
#include "minato/minato.h"

struct kernel kernel;

/* A guest that forges its own frames gets what it says. */
static void hold(bool what)
{
	expect(kernel.hostile || what);
}

/* With FUZZ_TRACE in the environment: what is called, and what is answered. */
__attribute__((format(printf, 2, 3))) static void trace(const struct kernel_file *file,
							const char *format, ...)
{
	va_list args;

	if (!getenv("FUZZ_TRACE"))
		return;
	fprintf(stderr, "%10.3f ms  %d: ", (double)kernel.now_ns / 1e6, (int)(file - kernel.files));
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	putc('\n', stderr);
}

/* ---- the files ---- */

void kernel_reset(void)
{
	memset(kernel.files, 0, sizeof(kernel.files));
	kernel.no_files = 0;
	kernel.grams_out = 0;
	kernel.answer = KERNEL_AT_ONCE;
}

uint32_t kernel_open_count(void)
{
	uint32_t count = 0;

	for (int i = 0; i < KERNEL_FILES; i++)
		count += kernel.files[i].type != KERNEL_FREE;
	return count;
}

static bool is_fake(int fd)
{
	return fd >= KERNEL_FIRST && fd < KERNEL_FIRST + KERNEL_FILES;
}

/* A call on a descriptor that is not open is a fault of the caller, and never forgiven. */
static struct kernel_file *file_of(int fd)
{
	expect(is_fake(fd));
	expect(kernel.files[fd - KERNEL_FIRST].type != KERNEL_FREE);
	return &kernel.files[fd - KERNEL_FIRST];
}

static int fail(int errnum)
{
	errno = errnum;
	return -1;
}

static int open_file(enum kernel_type type)
{
	if (kernel.no_files > 0) {
		kernel.no_files--;
		return fail(EMFILE);
	}
	for (int i = 0; i < KERNEL_FILES; i++) {
		struct kernel_file *file = &kernel.files[i];

		if (file->type != KERNEL_FREE)
			continue;
		*file = (struct kernel_file){
			.type = type,
			.port = (uint16_t)(20000 + i),
			.out_room = 65536,
		};
		return KERNEL_FIRST + i;
	}
	return fail(EMFILE);
}

uint8_t kernel_pattern(uint32_t id, bool from_far, uint32_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8) * 7 + id * 59 + (from_far ? 101 : 0));
}

uint8_t kernel_gram_byte(uint8_t seed, uint32_t offset)
{
	return (uint8_t)(seed + offset * 13);
}

/* ---- what happens outside ---- */

void kernel_establish(struct kernel_file *file, int error)
{
	if (!file->connecting)
		return;
	file->connecting = false;
	file->error = error;
	file->connected = error == 0;
	file->edge = true;
	if (file->connected)
		kernel.opened(file);
}

void kernel_far_sends(struct kernel_file *file, uint32_t len)
{
	if (!file->connected || file->far_fin || file->far_reset)
		return;
	trace(file, "far side sends %u", len);
	file->in_have += len;
	file->edge = true;
}

void kernel_far_ends(struct kernel_file *file)
{
	if (!file->connected || file->far_fin || file->far_reset)
		return;
	trace(file, "far side ends");
	file->far_fin = true;
	file->edge = true;
}

void kernel_far_resets(struct kernel_file *file)
{
	if (!file->connected || file->far_reset)
		return;
	trace(file, "far side resets");
	file->far_reset = true;
	file->error = ECONNRESET;
	file->edge = true;
}

void kernel_far_reads(struct kernel_file *file, uint32_t room)
{
	file->out_room = room;
	if (room > 0 && file->no_space) {
		file->no_space = false;
		file->edge = true;
	}
}

bool kernel_calls(struct kernel_file *listener, const struct sockaddr_in *caller, uint32_t id)
{
	uint32_t at = listener->caller_count;

	if (at == KERNEL_GRAMS)
		return false;
	memset(&listener->callers[at], 0, sizeof(listener->callers[at]));
	memcpy(&listener->callers[at], caller, sizeof(*caller));
	listener->caller_ids[at] = id;
	listener->caller_count++;
	listener->edge = true;
	return true;
}

void kernel_gram_arrives(struct kernel_file *file, const struct sockaddr_storage *from,
			 uint8_t seed, uint16_t len)
{
	if (file->gram_count == KERNEL_GRAMS)
		return;
	file->grams[file->gram_count++] = (struct kernel_gram){ seed, len, *from };
	file->edge = true;
}

void kernel_gram_fails(struct kernel_file *file)
{
	if (file->last_to.ss_family == 0)
		return;
	file->fault_count++;
	file->error = ECONNREFUSED;
	file->edge = true;
}

/* ---- epoll and time ---- */

static uint32_t state_of(const struct kernel_file *f)
{
	uint32_t state = 0;

	if (f->type == KERNEL_LISTENER)
		return f->caller_count ? EPOLLIN : 0;
	if (f->type == KERNEL_GRAM)
		return (f->gram_count ? EPOLLIN : 0u) | EPOLLOUT | (f->error ? EPOLLERR : 0u);
	if (f->connecting)
		return 0;
	if (!f->connected || f->far_reset)
		state |= EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP;
	if (f->error)
		state |= EPOLLERR;
	if (f->in_have || f->far_fin)
		state |= EPOLLIN;
	if (f->far_fin)
		state |= EPOLLRDHUP | (f->wr_shut ? EPOLLHUP : 0u);
	if (f->out_room > 0)
		state |= EPOLLOUT;
	return state;
}

int __wrap_epoll_create1(int flags);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout);
int __wrap_epoll_pwait2(int epoll, struct epoll_event *events, int max,
			const struct timespec *timeout, const sigset_t *mask);
struct minato_time __wrap_drive_now(void);

int __wrap_epoll_create1(int flags)
{
	(void)flags;
	return open_file(KERNEL_EPOLL);
}

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	struct kernel_file *file = file_of(fd);

	expect(file_of(epoll)->type == KERNEL_EPOLL);
	if (op == EPOLL_CTL_ADD && file->watched)
		return fail(EEXIST);
	if (op != EPOLL_CTL_ADD && !file->watched)
		return fail(ENOENT);
	file->watched = op != EPOLL_CTL_DEL;
	if (!file->watched)
		return 0;
	file->mask = event->events | EPOLLERR | EPOLLHUP;
	file->level = !(event->events & EPOLLET);
	file->word = event->data.u64;
	file->edge = true;
	return 0;
}

int __wrap_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
	int count = 0;

	(void)timeout;
	expect(file_of(epoll)->type == KERNEL_EPOLL);
	for (int i = 0; i < KERNEL_FILES && count < max; i++) {
		struct kernel_file *file = &kernel.files[i];
		uint32_t state;

		if (!file->watched || !(file->edge || file->level))
			continue;
		state = state_of(file) & file->mask;
		file->edge = false;
		if (state)
			events[count++] =
				(struct epoll_event){ .events = state, .data.u64 = file->word };
		if (state)
			trace(file, "ready: %#x", state);
	}
	return count;
}

int __wrap_epoll_pwait2(int epoll, struct epoll_event *events, int max,
			const struct timespec *timeout, const sigset_t *mask)
{
	(void)timeout;
	(void)mask;
	return __wrap_epoll_wait(epoll, events, max, 0);
}

struct minato_time __wrap_drive_now(void)
{
	return (struct minato_time){ kernel.now_ns };
}

/* ---- the verbs ---- */

int __wrap_socket(int family, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *name, socklen_t len);
int __wrap_listen(int fd, int backlog);
int __wrap_connect(int fd, const struct sockaddr *name, socklen_t len);
int __wrap_accept4(int fd, struct sockaddr *name, socklen_t *len, int flags);
int __wrap_shutdown(int fd, int how);
int __wrap_close(int fd);
int __real_close(int fd);
int __wrap_getsockname(int fd, struct sockaddr *name, socklen_t *len);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);

int __wrap_socket(int family, int type, int protocol)
{
	(void)protocol;
	expect(family == AF_INET || family == AF_INET6);
	expect(type & SOCK_NONBLOCK && type & SOCK_CLOEXEC);
	return open_file(type & SOCK_DGRAM && !(type & SOCK_STREAM) ? KERNEL_GRAM : KERNEL_STREAM);
}

int __wrap_bind(int fd, const struct sockaddr *name, socklen_t len)
{
	struct kernel_file *file = file_of(fd);
	struct sockaddr_in four;

	if (len < sizeof(four))
		return fail(EINVAL);
	memcpy(&four, name, sizeof(four)); /* the port has one place in both families */
	file->port = ntohs(four.sin_port);
	return 0;
}

int __wrap_listen(int fd, int backlog)
{
	(void)backlog;
	file_of(fd)->type = KERNEL_LISTENER;
	return 0;
}

static int take_error(struct kernel_file *file)
{
	int error = file->error;

	file->error = 0;
	return error;
}

static int connect_again(struct kernel_file *file)
{
	if (kernel.answer == KERNEL_REFUSED_SOON) {
		kernel_establish(file, ECONNREFUSED);
		return fail(take_error(file));
	}
	if (kernel.answer != KERNEL_SOON)
		return fail(EALREADY);
	kernel_establish(file, 0);
	return 0;
}

int __wrap_connect(int fd, const struct sockaddr *name, socklen_t len)
{
	struct kernel_file *file = file_of(fd);

	memcpy(&file->peer, name, len < sizeof(file->peer) ? len : sizeof(file->peer));
	if (file->type == KERNEL_GRAM)
		return 0;
	expect(!file->connected);
	if (file->connecting)
		return connect_again(file);
	if (kernel.answer == KERNEL_REFUSED)
		return fail(ECONNREFUSED);
	file->connecting = true;
	if (kernel.answer != KERNEL_AT_ONCE)
		return fail(EINPROGRESS);
	kernel_establish(file, 0);
	return 0;
}

int __wrap_accept4(int fd, struct sockaddr *name, socklen_t *len, int flags)
{
	struct kernel_file *door = file_of(fd);
	struct kernel_file *file;
	int accepted;

	(void)flags;
	if (door->caller_count == 0)
		return fail(EAGAIN);
	accepted = open_file(KERNEL_STREAM);
	if (accepted < 0)
		return -1;
	file = file_of(accepted);
	file->peer = door->callers[0];
	file->id = door->caller_ids[0];
	file->port = door->port;
	file->linger_reset = door->linger_reset;
	file->connected = true;
	door->caller_count--;
	memmove(door->callers, door->callers + 1, door->caller_count * sizeof(door->callers[0]));
	memmove(door->caller_ids, door->caller_ids + 1,
		door->caller_count * sizeof(door->caller_ids[0]));
	if (name) {
		memcpy(name, &file->peer, sizeof(struct sockaddr_in));
		*len = sizeof(struct sockaddr_in);
	}
	kernel.opened(file);
	return accepted;
}

int __wrap_shutdown(int fd, int how)
{
	struct kernel_file *file = file_of(fd);

	trace(file, "shutdown %d", how);
	if (file->type == KERNEL_STREAM && how != SHUT_RD && file->connected && !file->far_reset)
		file->wr_shut = true;
	return 0;
}

int __wrap_close(int fd)
{
	struct kernel_file *file;
	bool said;

	if (!is_fake(fd))
		return __real_close(fd);
	file = file_of(fd);
	trace(file, "close, linger %d, unread %u", file->linger_reset, file->in_have);
	/* Data that nobody read is a reset too (RFC 2525 2.17). */
	said = !file->far_reset && !file->linger_reset && file->in_have == 0;
	if (file->type == KERNEL_STREAM && file->connected)
		kernel.closed(file, said);
	file->type = KERNEL_FREE;
	file->watched = false;
	return 0;
}

int __wrap_getsockname(int fd, struct sockaddr *name, socklen_t *len)
{
	const struct kernel_file *file = file_of(fd);
	struct sockaddr_in own = {
		.sin_family = AF_INET,
		.sin_port = htons(file->port),
		.sin_addr = { htonl(0x0a630002) },
	};

	memcpy(name, &own, *len < sizeof(own) ? *len : sizeof(own));
	*len = sizeof(own);
	return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct kernel_file *file = file_of(fd);
	struct linger linger;

	if (level == SOL_SOCKET && name == SO_LINGER && len == sizeof(linger)) {
		memcpy(&linger, value, sizeof(linger));
		file->linger_reset = linger.l_onoff && linger.l_linger == 0;
	}
	return 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct kernel_file *file = file_of(fd);

	if (level != SOL_SOCKET || name != SO_ERROR || *len < sizeof(int))
		return fail(ENOPROTOOPT);
	trace(file, "SO_ERROR: %d", file->error);
	memcpy(value, &file->error, sizeof(int));
	file->error = 0;
	return 0;
}

/* ---- bytes ---- */

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
int __wrap_recvmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags,
		    struct timespec *timeout);

/* What the relay hands on must be what the guest said, in order. */
static ssize_t take_stream(struct kernel_file *file, const struct msghdr *msg)
{
	uint32_t taken = 0;

	expect(!file->wr_shut);
	if (!file->connected || file->far_reset)
		return fail(file->error ? take_error(file) : EPIPE);
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		const uint8_t *at = msg->msg_iov[i].iov_base;

		for (size_t k = 0; k < msg->msg_iov[i].iov_len && taken < file->out_room; k++)
			hold(at[k] == kernel_pattern(file->id, false, file->out_got + taken++));
	}
	file->out_got += taken;
	file->out_room -= taken;
	if (taken > 0)
		return taken;
	file->no_space = true;
	return fail(EAGAIN);
}

static uint16_t segment_of(const struct msghdr *msg)
{
	uint16_t size = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)msg, c)) {
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_SEGMENT)
			memcpy(&size, CMSG_DATA(c), sizeof(size));
	}
	return size;
}

/* Each datagram of a run begins with its seed. */
static ssize_t take_gram(struct kernel_file *file, const struct msghdr *msg)
{
	uint16_t segment = segment_of(msg);
	uint32_t offset = 0;
	uint8_t seed = 0;

	if (file->error)
		return fail(take_error(file));
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		const uint8_t *at = msg->msg_iov[i].iov_base;

		for (size_t k = 0; k < msg->msg_iov[i].iov_len; k++, offset++) {
			uint32_t place = segment ? offset % segment : offset;

			if (place == 0)
				seed = at[k];
			hold(at[k] == kernel_gram_byte(seed, place));
		}
	}
	memset(&file->last_to, 0, sizeof(file->last_to));
	memcpy(&file->last_to, msg->msg_name, msg->msg_namelen);
	kernel.grams_out++;
	return offset;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct kernel_file *file = file_of(fd);

	ssize_t taken;

	expect(flags & MSG_NOSIGNAL);
	taken = file->type == KERNEL_GRAM ? take_gram(file, msg) : take_stream(file, msg);
	trace(file, "sendmsg: %zd", taken);
	return taken;
}

static ssize_t give_stream(struct kernel_file *file, struct msghdr *msg)
{
	uint32_t given = 0;

	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		uint8_t *at = msg->msg_iov[i].iov_base;

		for (size_t k = 0; k < msg->msg_iov[i].iov_len && given < file->in_have; k++)
			at[k] = kernel_pattern(file->id, true, file->in_read + given++);
	}
	file->in_have -= given;
	file->in_read += given;
	if (given > 0)
		return given;
	if (file->error)
		return fail(take_error(file));
	return file->far_fin || file->far_reset || !file->connected ? 0 : fail(EAGAIN);
}

static ssize_t give_fault(struct kernel_file *file, struct msghdr *msg)
{
	struct sock_extended_err fault = {
		.ee_errno = ECONNREFUSED,
		.ee_origin = SO_EE_ORIGIN_ICMP,
		.ee_type = 3,
		.ee_code = 3,
	};
	struct cmsghdr *c = msg->msg_control;

	if (file->fault_count == 0)
		return fail(EAGAIN);
	file->fault_count--;
	file->error = file->fault_count ? ECONNREFUSED : 0;
	memcpy(msg->msg_name, &file->last_to, sizeof(file->last_to));
	expect(msg->msg_controllen >= CMSG_SPACE(sizeof(fault) + sizeof(struct sockaddr_in)));
	memset(c, 0, CMSG_SPACE(sizeof(fault) + sizeof(struct sockaddr_in)));
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_RECVERR;
	c->cmsg_len = CMSG_LEN(sizeof(fault) + sizeof(struct sockaddr_in));
	memcpy(CMSG_DATA(c), &fault, sizeof(fault));
	msg->msg_controllen = c->cmsg_len;
	msg->msg_flags = MSG_ERRQUEUE;
	return 0;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct kernel_file *file = file_of(fd);
	ssize_t given;

	if (flags & MSG_ERRQUEUE)
		return give_fault(file, msg);
	expect(file->type == KERNEL_STREAM);
	given = give_stream(file, msg);
	trace(file, "recvmsg: %zd", given);
	return given;
}

int __wrap_recvmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags,
		    struct timespec *timeout)
{
	struct kernel_file *file = file_of(fd);
	unsigned int given = 0;

	(void)flags;
	(void)timeout;
	if (file->error)
		return fail(take_error(file));
	for (; given < count && given < file->gram_count; given++) {
		const struct kernel_gram *gram = &file->grams[given];
		struct msghdr *msg = &msgs[given].msg_hdr;
		uint8_t *at = msg->msg_iov[0].iov_base;

		expect(msg->msg_iov[0].iov_len >= gram->len);
		for (uint32_t i = 0; i < gram->len; i++)
			at[i] = kernel_gram_byte(gram->seed, i);
		memcpy(msg->msg_name, &gram->from, sizeof(struct sockaddr_in));
		msg->msg_namelen = sizeof(struct sockaddr_in);
		msg->msg_controllen = 0;
		msg->msg_flags = 0;
		msgs[given].msg_len = gram->len;
	}
	file->gram_count -= given;
	memmove(file->grams, file->grams + given, file->gram_count * sizeof(file->grams[0]));
	return given ? (int)given : fail(EAGAIN);
}
