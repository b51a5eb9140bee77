/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of /proc/net/tcp and its like: what is read is a socket that could be. */
#include <errno.h>
#include <string.h>

#include "expect.h"
#include "kernel/kernel.h"

#define LINE_MAX_SIZE 512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char line[LINE_MAX_SIZE];
	size_t len = size < sizeof(line) - 1 ? size : sizeof(line) - 1;

	memcpy(line, data, len);
	line[len] = 0;
	for (int i = 0; i < 2; i++) {
		const uint8_t proto = i ? MINATO_UDP : MINATO_TCP;
		struct kernel_socket socket;
		int result = kernel_line_read(&socket, line, proto);

		expect(result == 0 || result == -EINVAL);
		if (result < 0)
			continue;
		expect(socket.proto == proto);
		expect((int)socket.state >= 0 && socket.state <= MINATO_CLOSING);
		expect(socket.timer <= KERNEL_TIMER_UNKNOWN);
		expect(socket.is6 || (minato_addr_is4(&socket.local.addr) &&
				      minato_addr_is4(&socket.remote.addr)));
		expect(!socket.info && !socket.congestion && !socket.bbr);
	}
	return 0;
}
