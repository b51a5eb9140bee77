/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts longer than a message of the channel, in pieces; and notes of several lines. */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* At the end of a note that has no room for more; there is always room for this. */
#define MORE "... and %u more"
#define MORE_SIZE 32u

int gateway_parcel_send(int channel, uint32_t kind, const char *text)
{
	size_t left = strlen(text);
	int result = 0;

	while (left && result == 0) {
		struct cmd_message message = { .kind = kind };
		size_t most = sizeof(message.text.text) - 1;
		size_t piece = left < most ? left : most;

		memcpy(message.text.text, text, piece);
		result = cmd_channel_send(channel, &message, NULL, 0);
		text += piece;
		left -= piece;
	}
	return result;
}

int gateway_parcel_take(struct gateway_parcel *parcel, const struct cmd_message *message)
{
	size_t piece = strnlen(message->text.text, sizeof(message->text.text));

	if (parcel->used + piece >= sizeof(parcel->text))
		return -E2BIG;
	memcpy(parcel->text + parcel->used, message->text.text, piece);
	parcel->used += piece;
	parcel->text[parcel->used] = 0;
	return 0;
}

/* How many lines its end says are missing; *end: where that is said, or the end. */
static unsigned missing(const char *note, size_t *end)
{
	const char *line = strrchr(note, '\n');
	unsigned count = 0;

	*end = strlen(note);
	line = line ? line + 1 : note;
	if (sscanf(line, MORE, &count) != 1 || strncmp(line, "... and ", 8) != 0)
		return 0;
	*end = line > note ? (size_t)(line - note) - 1 : 0;
	return count;
}

void gateway_note_line(char *note, size_t size, const char *format, ...)
{
	char line[GATEWAY_FAULT_SIZE + 64];
	unsigned more;
	size_t used;
	va_list list;

	va_start(list, format);
	(void)vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	more = missing(note, &used);
	if (!more && used + strlen(line) + 1 + MORE_SIZE < size)
		(void)snprintf(note + used, size - used, "%s%s", used ? "\n" : "", line);
	else
		(void)snprintf(note + used, size - used, "%s" MORE, used ? "\n" : "", more + 1);
}

void gateway_note_say(const char *note)
{
	while (*note) {
		int length = (int)strcspn(note, "\n");

		cmd_say("%.*s", length, note);
		note += length;
		note += *note == '\n';
	}
}
