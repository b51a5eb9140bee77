/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers to the question which socket has a pair of ends, from a kernel that says anything: the
 * input are datagrams, each behind its length (2 bytes). Where the first bit of a length is set,
 * the number of the question is put into the header, so that what lies behind it is reached.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "expect.h"
#include "kernel/kernel.h"

#define ANSWERS_MAX 8
#define ANSWER_MAX 4096u

static uint32_t number; /* of the last question: they are counted in kernel_cookie */

static void answer(int fd, const uint8_t *data, size_t size, bool of_question)
{
	uint8_t bytes[ANSWER_MAX];
	uint32_t next = number + 1;

	memcpy(bytes, data, size);
	if (of_question && size >= sizeof(struct nlmsghdr))
		memcpy(bytes + offsetof(struct nlmsghdr, nlmsg_seq), &next, sizeof(next));
	(void)!send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct minato_endpoint local = { minato_addr4(192, 0, 2, 1), 80 };
	const struct minato_endpoint remote = { minato_addr4(192, 0, 2, 2), 40000 };
	struct kernel_exact found = { 0 };
	int ends[2];
	int result;

	expect(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
	/* The very first question throws away what a process before it left. */
	if (number == 0) {
		expect(kernel_cookie(ends[0], MINATO_TCP, &local, &remote, &found) < 0);
		number++;
	}
	for (int i = 0; i < ANSWERS_MAX && size >= 2; i++) {
		const size_t said = (size_t)(data[0] & 0x7f) << 8 | data[1];
		const bool of_question = (data[0] & 0x80) != 0;
		size_t len = said < size - 2 ? said : size - 2;

		len = len < ANSWER_MAX ? len : ANSWER_MAX;
		answer(ends[1], data + 2, len, of_question);
		data += 2 + len;
		size -= 2 + len;
	}
	result = kernel_cookie(ends[0], MINATO_UDP, &local, &remote, &found);
	number++;
	expect(result <= 0 && result > -4096);
	close(ends[0]);
	close(ends[1]);
	return 0;
}
