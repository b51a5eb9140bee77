/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker that a guest has taken over may say to its keeper. The first byte: whether a client
 * with an order was admitted just now. Then messages: (kind, number, length (2 bytes), bytes of
 * what the message carries)*; a length of 0xffff: one of another size, or with a descriptor.
 *
 * Without a client nothing is bound, reserved or ruled. What the keeper has noted is sound whatever
 * it was told, and each question has one answer.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/guard/scans.h"
#include "cmd/reserve.h"
#include "expect.h"

#define RULE_TEXT "block tcp 25"
#define MESSAGES_MAX 64

static struct cmd_harbour keeper;
static struct drive_loop *loop;
static int worker;
static bool admitted, begun;
static struct conf_report report;

/* Nothing is bound in truth: somebody else has every port. */
int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t size);

int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t size)
{
	expect((admitted || !begun) && fd >= 0 && addr && size >= sizeof(sa_family_t));
	errno = EADDRINUSE;
	return -1;
}

/* The log. */
void __wrap_cmd_say(const char *format, ...);

void __wrap_cmd_say(const char *format, ...)
{
	expect(format[0]);
}

/* ---- what is made for each input ---- */

static void make(void)
{
	static const struct cmd_place place = { .id = 1, .order = UINT64_C(1) << 60 };
	static struct conf_statement one;
	int ends[2];

	memset(&keeper, 0, sizeof(keeper));
	expect(cmd_channel_pair(ends) == 0 && drive_loop_new(&loop) == 0);
	worker = ends[1];
	keeper.hand = (struct cmd_hand){ .channel = ends[0], .ready = true, .pidfd = -1 };
	keeper.netns = -1;
	keeper.seeker.diag = -1;
	keeper.ask = true;
	(void)snprintf(keeper.name, sizeof(keeper.name), "g");
	keeper.plan.subnet.has4 = true;
	keeper.plan.subnet.guest4 = minato_addr4(10, 0, 2, 100);
	keeper.plan.subnet.dns4 = minato_addr4(10, 0, 2, 3);
	expect(conf_statement_read(&one, RULE_TEXT, &report) == 0);
	expect(cmd_ruled_insert(&keeper.ruling, 0, &one, &place) == 0);
	keeper.ruling.last_id = 1;
	if (admitted)
		keeper.admitted = drive_now();
}

static void unmake(void)
{
	relay_publish_free(&keeper.pending);
	relay_publish_free(&keeper.publish);
	drive_reserved_free(&keeper.reserved);
	cmd_ruling_free(&keeper.ruling);
	relay_allow_free(&keeper.allows);
	free(keeper.answers);
	drive_loop_free(loop);
	close(keeper.hand.channel);
	close(worker);
}

/* ---- what holds ---- */

static void check_rules(void)
{
	static struct conf_statement again;
	static char text[CONF_TEXT_SIZE], text_again[CONF_TEXT_SIZE];
	const struct conf *conf = &keeper.ruling.conf;
	uint64_t last = 0;

	for (size_t i = 0; i < conf->count; i++) {
		expect(conf->list[i]->kind == CONF_KIND_RULE);
		(void)conf_print(text, sizeof(text), conf->list[i]);
		expect(conf_statement_read(&again, text, &report) == 0);
		(void)conf_print(text_again, sizeof(text_again), &again);
		expect(strcmp(text, text_again) == 0);
		/* In their sequence, with room for the order of each. */
		expect(keeper.ruling.places[i].order > last);
		last = keeper.ruling.places[i].order;
	}
	if (!admitted)
		expect(conf->count == 1);
}

static void check_reserved(void)
{
	expect(admitted || keeper.reserved.count == 0);
	expect(keeper.reserved.count <= CMD_RESERVED_MAX);
	for (size_t i = 0; i < keeper.reserved.count; i++) {
		const struct drive_reservation *r = &keeper.reserved.list[i];

		expect(r->first >= 1 && r->first <= r->last);
		expect(strnlen(r->note, sizeof(r->note)) < sizeof(r->note));
		json_decref(cmd_reservation_message(r));
	}
}

static void check_keeper(void)
{
	check_rules();
	check_reserved();
	expect(keeper.publish.socket_count == 0 && (admitted || keeper.publish.spec_count == 0));
	expect(keeper.pending.spec_count <= CMD_SPECS_MAX);
	for (uint32_t i = 0; i < keeper.answer_count; i++) {
		const struct cmd_scope_of *one = &keeper.answers[i];

		expect(strnlen(one->name, sizeof(one->name)) < sizeof(one->name));
	}
}

/* What the worker hears. */
static size_t count_answers(uint32_t wanted)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t answers = 0, count;
	uint32_t kind;

	while (cmd_channel_peek(worker, &kind) == 0) {
		expect(cmd_channel_receive(worker, &message, fds, &count) == 1 && count == 0);
		answers += kind == wanted ||
			   (wanted == CMD_TELL_RULED && kind == CMD_TELL_RULE);
		/* What is reached needs no socket. */
		if (kind == CMD_TELL_BOUND && message.number >= 0)
			expect(admitted && message.bound.total == 0);
		if (kind == CMD_TELL_RULED)
			expect(memchr(message.ruled.text, 0, sizeof(message.ruled.text)) != NULL);
		if (kind == CMD_TELL_RULE)
			expect(memchr(message.rule.text, 0, sizeof(message.rule.text)) != NULL);
	}
	return answers;
}

/* ---- what is said ---- */

static void take_message(const struct cmd_message *message)
{
	const bool changing = keeper.ruling.changing != CMD_RULE_NONE;

	switch (message->kind) {
	case CMD_ASK_PROGRAM:
		cmd_witness_look(&keeper, message);
		expect(count_answers(CMD_TELL_PROGRAM) == 1);
		break;
	case CMD_ASK_REMEMBER:
		cmd_asked_keep(&keeper, &message->answer);
		break;
	case CMD_ASK_SPEC:
		(void)cmd_binding_spec(&keeper, message);
		break;
	case CMD_ASK_BIND:
		cmd_binding_bind(&keeper, message->number);
		expect(count_answers(CMD_TELL_BOUND) == 1);
		break;
	case CMD_ASK_MORE:
		cmd_binding_more(&keeper);
		break;
	case CMD_ASK_KEEP:
		cmd_binding_keep(&keeper);
		break;
	case CMD_ASK_RELEASE:
		cmd_binding_release(&keeper, message);
		break;
	case CMD_ASK_RESERVE:
	case CMD_ASK_UNRESERVE:
		(void)cmd_reserving_take(&keeper, message);
		break;
	case CMD_ASK_SCAN:
		keeper.loop = loop;
		(void)cmd_alerting_take(&keeper, message);
		keeper.loop = NULL;
		break;
	case CMD_ASK_RULE_WANTED:
		cmd_ruled_wanted(&keeper, message);
		expect(count_answers(CMD_TELL_RULED) == (changing ? 0 : 1));
		break;
	case CMD_ASK_RULE_DONE:
		cmd_ruled_done(&keeper, message);
		break;
	default:
		break;
	}
	(void)count_answers(0);
}

/* True: the keeper took it for a message. */
static bool send_and_receive(const struct cmd_message *message, bool odd, uint8_t how)
{
	struct cmd_message got;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count;
	int result;

	if (odd && how & 1)
		expect(cmd_channel_send(worker, message, &worker, 1) == 0);
	else
		expect(send(worker, message, sizeof(*message) - odd * (1u + how), 0) > 0);
	result = cmd_channel_receive(keeper.hand.channel, &got, fds, &count);
	cmd_channel_drop(fds, count);
	expect(odd ? result == -EPROTO || count == 1 : result == 1 && count == 0);
	expect(odd || memcmp(&got, message, sizeof(got)) == 0);
	return !odd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cmd_message message;

	if (size == 0)
		return 0;
	admitted = data[0] & 1;
	/* Looks once, with sockets of its own, what the kernel can do. */
	(void)relay_screen_works();
	begun = true;
	make();
	data++;
	size--;
	for (int i = 0; i < MESSAGES_MAX && size >= 4; i++) {
		size_t len = (size_t)data[2] << 8 | data[3];
		const bool odd = len == 0xffff;
		const uint8_t how = data[1];

		memset(&message, 0, sizeof(message));
		message.kind = CMD_ASK_READY + 1u + data[0] % (CMD_ASK_RULE_DONE - CMD_ASK_READY);
		message.number = (int8_t)how;
		data += 4;
		size -= 4;
		len = odd ? 0 : len < size ? len : size;
		len = len < sizeof(message) - offsetof(struct cmd_message, text) ?
			      len :
			      sizeof(message) - offsetof(struct cmd_message, text);
		memcpy((uint8_t *)&message + offsetof(struct cmd_message, text), data, len);
		data += len;
		size -= len;
		if (send_and_receive(&message, odd, how))
			take_message(&message);
		check_keeper();
	}
	unmake();
	return 0;
}
