/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a service manager leaves in the environment: the input is LISTEN_PID, LISTEN_FDS,
 * LISTEN_FDNAMES and WATCHDOG_USEC, a line each. Descriptors 3 to 19 are open, but for one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/gateway/gateway.h"
#include "expect.h"

#define FIRST 3
#define HOLE 7
#define END 20
#define ROOM 8

static const char *const names[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
				     "WATCHDOG_USEC" };
static char values[4][4096];

static void open_some(void)
{
	for (int fd = FIRST; fd < END; fd++) {
		int from;

		/* What somebody else has there stays his. */
		if (fd == HOLE || fcntl(fd, F_GETFD) >= 0) {
			if (fd != HOLE)
				expect(fcntl(fd, F_SETFD, 0) == 0);
			continue;
		}
		from = open("/dev/null", O_RDONLY); /* leaks into nothing: nobody is started */
		expect(from >= 0 && from <= END);
		if (from == fd)
			continue;
		expect(dup2(from, fd) == fd && close(from) == 0);
	}
}

/* The lines; those that are not there are not set. "self" as the pid is ours. */
static void set_values(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < 4; i++) {
		const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
		size_t len = end ? (size_t)(end - data) : size;

		values[i][0] = 0;
		(void)unsetenv(names[i]);
		if (size == 0)
			continue;
		len = len < sizeof(values[i]) - 1 ? len : sizeof(values[i]) - 1;
		memcpy(values[i], data, len);
		values[i][len] = 0;
		if (i == 0 && strcmp(values[i], "self") == 0)
			(void)snprintf(values[i], sizeof(values[i]), "%d", (int)getpid());
		expect(setenv(names[i], values[i], 1) == 0);
		len += end && (size_t)(end - data) == len;
		data += len;
		size -= len;
	}
}

/* Decimal digits alone, of 64 bits at most. */
static bool naive_number(const char *text, uint64_t *out)
{
	*out = 0;
	for (const char *at = text; *at; at++) {
		const uint64_t digit = (uint64_t)(*at - '0');

		if (*at < '0' || *at > '9' || *out > (UINT64_MAX - digit) / 10)
			return false;
		*out = *out * 10 + digit;
	}
	return *text != 0;
}

static void check_name(const char *got, size_t which)
{
	const char *at = getenv("LISTEN_FDNAMES"); /* is unset by now */
	char want[sizeof(((struct gateway_passed *)NULL)->name)] = "unknown";
	size_t len;

	expect(at == NULL);
	at = values[2];
	for (; at && which > 0; which--) {
		at = strchr(at, ':');
		at = at ? at + 1 : NULL;
	}
	len = at ? strcspn(at, ":") : 0;
	len = len < sizeof(want) - 1 ? len : sizeof(want) - 1;
	if (at) {
		memcpy(want, at, len);
		want[len] = 0;
	}
	expect(strcmp(got, want) == 0);
}

static void check_passed(bool named)
{
	struct gateway_passed passed[ROOM];
	uint64_t pid, count;
	size_t taken = gateway_passed_take(passed, ROOM);
	size_t at = 0;

	if (!naive_number(values[0], &pid) || pid != (uint64_t)getpid() ||
	    !naive_number(values[1], &count) || count > INT32_MAX - FIRST)
		count = 0;
	for (int fd = FIRST; fd < END; fd++) {
		const bool meant = (uint64_t)(fd - FIRST) < count;

		if (fd == HOLE)
			continue;
		/* What was passed goes to nobody else, if we have a use for it or not. */
		expect(fcntl(fd, F_GETFD) == (meant ? FD_CLOEXEC : 0));
		if (!meant || fd - FIRST >= ROOM)
			continue;
		expect(at < taken && passed[at].fd == fd);
		if (named)
			check_name(passed[at].name, (size_t)(fd - FIRST));
		else
			expect(strcmp(passed[at].name, "unknown") == 0);
		at++;
	}
	expect(at == taken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct minato_time now = { .ns = INT64_C(1) << 60 };
	struct gateway_notify notify;
	uint64_t us;

	open_some();
	set_values(data, size);
	check_passed(getenv("LISTEN_FDNAMES") != NULL);
	for (size_t i = 0; i < 3; i++)
		expect(getenv(names[i]) == NULL);
	expect(setenv("NOTIFY_SOCKET", "@minato-fuzz-nobody", 1) == 0);
	gateway_notify_begin(&notify);
	expect(getenv(names[3]) == NULL && notify.watchdog_ns >= 0);
	if (notify.watchdog_ns > 0) {
		expect(naive_number(values[3], &us) && us > 0);
		expect(us < UINT64_MAX / 500 && (uint64_t)notify.watchdog_ns == us * 500);
		expect(gateway_notify_turn(&notify, now).ns > now.ns);
	}
	gateway_notify_end(&notify);
	return 0;
}
