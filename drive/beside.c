/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets that no network namespace holds: those of AF_VSOCK lead to the machine that this one is a
 * virtual one of. A guest that may only go where it was told to shall not have them; nor a ring of
 * io_uring, which makes sockets past any filter of system calls.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drive/drive.h"

#define LOAD(field)                                                                                \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define SAY(errnum) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (errnum))
#define LOWER_HALF (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4u : 0u)
#define LOAD_FIRST                                                                                 \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                                                         \
		 (uint32_t)offsetof(struct seccomp_data, args[0]) + LOWER_HALF)

#define X32_BIT 0x40000000u
/* Of 32-bit x86, whose programs run on a 64-bit kernel too. */
#define I386_SOCKET 359
#define I386_SOCKETCALL 102
#define SOCKETCALL_SOCKET 1 /* its arguments are in memory, where they cannot be looked at */

static struct sock_filter program[] = {
	/* 0 */ LOAD(nr),
	/* 1 */ BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~X32_BIT),
	/* 2 */ IS(SYS_io_uring_setup, 14, 0), /* the same number everywhere */
	/* 3 */ BPF_STMT(BPF_MISC | BPF_TAX, 0),
	/* 4 */ LOAD(arch),
	/* 5 */ IS(AUDIT_ARCH_I386, 2, 0),
	/* 6 */ BPF_STMT(BPF_MISC | BPF_TXA, 0),
	/* 7 */ IS(SYS_socket, 3, 8),
	/* 8: i386 */ BPF_STMT(BPF_MISC | BPF_TXA, 0),
	/* 9 */ IS(I386_SOCKET, 1, 0),
	/* 10 */ IS(I386_SOCKETCALL, 2, 5),
	/* 11: a socket */ LOAD_FIRST,
	/* 12 */ IS(AF_VSOCK, 2, 3),
	/* 13: socketcall */ LOAD_FIRST,
	/* 14 */ IS(SOCKETCALL_SOCKET, 2, 1),
	/* 15 */ SAY(EAFNOSUPPORT),
	/* 16 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	/* 17 */ SAY(ENOSYS),
};

int drive_beside_shut(void)
{
	const struct sock_fprog filter = {
		.len = sizeof(program) / sizeof(program[0]),
		.filter = program,
	};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0 ? -errno : 0;
}
