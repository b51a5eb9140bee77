/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes the name of a guest from that of its command. */
#include "cmd/cmd.h"

#include <ctype.h>
#include <string.h>

#define FALLBACK "guest"
/* Room that is left for the "-2" of the second guest of a name. */
#define SUFFIX_ROOM 8

void cmd_guest_name(char name[DRIVE_NAME_SIZE], const char *program)
{
	const char *slash = strrchr(program, '/');
	size_t used = 0;

	for (const char *at = slash ? slash + 1 : program; *at; at++) {
		unsigned char c = (unsigned char)*at;
		bool fits = c < 0x80 && (isalnum(c) || (used && strchr("_.-", c)));

		if (fits && used < DRIVE_NAME_SIZE - SUFFIX_ROOM)
			name[used++] = (char)c;
	}
	name[used] = 0;
	if (!used)
		memcpy(name, FALLBACK, sizeof(FALLBACK));
}
