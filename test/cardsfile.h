/* SPDX-License-Identifier: BSD-2-Clause */
/* Cards for tests: a services file of the test's own, and a kernel's usual rules. */
#ifndef TEST_CARDSFILE_H
#define TEST_CARDSFILE_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/see/services.h"

static inline int cardsfile_open(struct cmd_cards *cards, const char *text)
{
	char path[] = "/tmp/test-cards-XXXXXX";
	int fd = mkstemp(path);
	struct drive_error error;
	int result = -1;

	if (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text))
		result = cmd_cards_open(cards, path, &error);
	close(fd);
	unlink(path);
	cards->knobs =
		(struct kernel_knobs){ .first = 32768, .last = 60999, .privileged_below = 1024 };
	return result;
}

/* Cards of what the words find; the count of the hits. */
static inline size_t cardsfile_find(struct cmd_cards *cards, const char *words)
{
	struct drive_error error;
	struct cmd_wanted wanted;
	char copy[128];
	char *list[2] = { copy, NULL };
	struct cmd_operands operands = { *words ? 1 : 0, list };
	size_t count;

	snprintf(copy, sizeof(copy), "%s", words);
	if (cmd_finding_parse(&wanted, &operands, cards, &error) < 0)
		return 0;
	count = cmd_finding_mark(cards, &wanted);
	return cmd_cards_make(cards, wanted.protocols ? wanted.protocols : UINT32_MAX) < 0 ? 0 :
											     count;
}

#endif
