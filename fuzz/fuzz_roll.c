/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The roll of another guest, whose worker is not believed: the input overwrites its memory, (place
 * (3 bytes), byte)*, with what it takes to be read at all. Doors that are read are doors.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.h"
#include "relay/relay.h"

#define CHANGES_MAX 512

static uint8_t *memory; /* of the one that writes it */
static size_t memory_size;
static int roll_fd = -1;

static void make(void)
{
	struct relay_roll *roll;
	struct stat about;

	expect(relay_roll_new(&roll_fd, &roll) == 0);
	expect(relay_roll_is(roll_fd) && fstat(roll_fd, &about) == 0);
	memory = (uint8_t *)roll;
	memory_size = (size_t)about.st_size;
}

static void read_it(void)
{
	static struct relay_roll_door doors[RELAY_ROLL_DOORS];
	const struct relay_roll *roll;
	size_t count, both = 0;

	if (relay_roll_open(roll_fd, &roll) < 0)
		return;
	count = relay_roll_doors(roll, doors);
	expect(count <= RELAY_ROLL_DOORS);
	for (size_t i = 0; i < count; i++) {
		both += doors[i].dual;
		expect(doors[i].protocol == MINATO_TCP || doors[i].protocol == MINATO_UDP);
		expect(doors[i].first != 0 && doors[i].first <= doors[i].last);
	}
	expect(both <= count);
	(void)relay_roll_turn(roll);
	for (uint64_t cookie = 1; cookie < 64; cookie++)
		(void)relay_roll_has(roll, cookie);
	relay_roll_close(roll);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t place[CHANGES_MAX];
	uint8_t was[CHANGES_MAX];
	size_t changes = 0;

	if (!memory)
		make();
	for (; size >= 4 && changes < CHANGES_MAX; data += 4, size -= 4) {
		const uint32_t at = (uint32_t)(data[0] << 16 | data[1] << 8 | data[2]);

		place[changes] = (uint32_t)(at % memory_size);
		was[changes] = memory[place[changes]];
		memory[place[changes++]] = data[3];
	}
	read_it();
	while (changes-- > 0)
		memory[place[changes]] = was[changes];
	return 0;
}
