/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state file of a gateway, after something has written into it: the input overwrites one that
 * is sound, (place (3 bytes), byte)*, and the first byte says how much of it is left. It is opened,
 * or replaced, or why not is said; what is read of it are texts, and it can be written to.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/gateway/gateway.h"
#include "expect.h"

#define SIZE_MAX_OF_FILE 65536u

static char folder[] = "/dev/shm/minato-fuzz-XXXXXX";
static char path[64];
static uint8_t sound[SIZE_MAX_OF_FILE], changed[SIZE_MAX_OF_FILE];
static size_t sound_size;
static struct conf_report report;

static void empty(void)
{
	DIR *list = opendir(folder);
	struct dirent *entry;

	while (list && (entry = readdir(list)) != NULL) {
		if (entry->d_name[0] != '.')
			expect(unlinkat(dirfd(list), entry->d_name, 0) == 0);
	}
	expect(list && closedir(list) == 0);
}

static void leave(void)
{
	empty();
	(void)rmdir(folder);
}

static void make(void)
{
	static const struct gateway_change changes[] = {
		{ .text = "forward tcp 80 to 10.0.0.2" },
		{ .text = "dmz 10.0.0.9", .until_s = 4000000000 },
		{ .text = "block tcp 22 from 203.0.113.0/24" },
	};
	struct gateway_state *state;
	struct drive_error warning = { "" }, error = { "" };
	int fd;

	expect(mkdtemp(folder) != NULL && atexit(leave) == 0);
	(void)snprintf(path, sizeof(path), "%s/state", folder);
	expect(gateway_state_open(&state, path, &warning, &error) == 0);
	expect(gateway_state_write(state, changes, 3, &error) == 0);
	gateway_state_close(state);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	expect(fd >= 0);
	sound_size = (size_t)read(fd, sound, sizeof(sound));
	expect(sound_size > 0 && sound_size < sizeof(sound));
	close(fd);
}

static int take_text(void *user, const char *text, int64_t until_s)
{
	struct conf_statement *one = user;

	expect(text != NULL && until_s >= INT64_MIN);
	(void)conf_statement_read(one, text, &report);
	return 0;
}

static void look(void)
{
	static struct conf_statement one;
	static const struct gateway_change change = { .text = "forward tcp 81 to 10.0.0.2" };
	struct gateway_state *state;
	struct drive_error warning = { "" }, error = { "" };
	int result = gateway_state_open(&state, path, &warning, &error);

	expect(result == 0 || (result < 0 && error.text[0]));
	if (result < 0)
		return;
	(void)gateway_state_stopped(state);
	error.text[0] = 0;
	result = gateway_state_each(state, take_text, &one, &error);
	expect(result == 0 || error.text[0]);
	error.text[0] = 0;
	result = gateway_state_write(state, &change, 1, &error);
	expect(result == 0 || error.text[0]);
	gateway_state_close(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t left;
	int fd;

	if (!sound_size)
		make();
	if (size == 0)
		return 0;
	left = data[0] ? sound_size * data[0] / 256 : sound_size;
	memcpy(changed, sound, sound_size);
	for (data++, size--; size >= 4; data += 4, size -= 4)
		changed[((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) % sound_size] =
			data[3];
	empty();
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	expect(fd >= 0 && write(fd, changed, left) == (ssize_t)left && close(fd) == 0);
	look();
	return 0;
}
