/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts longer than a message of the channel, in pieces. */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <string.h>

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
