/* SPDX-License-Identifier: BSD-2-Clause */
/* What the keeper tells of the host's networks: to whom, when they change, and when there was no
   room for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "drive/drive.h"
#include "unit/netns_fixture.h"

static struct cmd_harbour harbour;
static int worker; /* its end of the channel */
static uid_t outer;

/* A program that is executed keeps its capabilities only as root of the namespace. */
static void run(const char *command)
{
	static bool mapped;
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1", (unsigned)outer);
	if (!mapped && drive_proc_write("/proc/self/uid_map", map) < 0)
		_exit(NO_NAMESPACE);
	mapped = true;
	DEMAND(system(command) == 0);
}

/* A keeper of a guest that names are shut for, on a host with these addresses. */
static void begin(void)
{
	int ends[2];

	run("ip link set lo up && ip link add one type veth peer name two && "
	    "ip link set one up && ip link set two up && "
	    "ip addr add 10.1.2.3/16 dev one && ip addr add 1.2.3.4/24 dev two");
	DEMAND(cmd_channel_pair(ends) == 0);
	harbour.hand.channel = ends[0];
	worker = ends[1];
	harbour.closed = true;
	DEMAND(drive_loop_new(&harbour.loop) == 0);
	(void)cmd_ruling_look_around(&harbour.ruling);
}

static bool is_silent(void)
{
	uint32_t kind;

	return cmd_channel_peek(worker, &kind) == -EAGAIN;
}

static struct cmd_message heard(uint32_t kind)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count = 0;

	DEMAND(!is_silent());
	DEMAND(cmd_channel_receive(worker, &message, fds, &count) == 1);
	DEMAND(message.kind == kind && count == 0);
	return message;
}

static bool lists(const struct cmd_message *message, const char *text)
{
	struct minato_addr addr;

	DEMAND(minato_addr_parse(text, &addr) == 0);
	for (uint32_t i = 0; i < message->near.count; i++) {
		if (minato_addr_equal(&message->near.list[i].addr, &addr))
			return true;
	}
	return false;
}

static void all_is_told(void)
{
	struct cmd_message message;

	begin();
	DEMAND(cmd_hostlinks_tell(&harbour) == 0);
	message = heard(CMD_TELL_NEAR);
	DEMAND(lists(&message, "1.2.3.0") && !lists(&message, "10.1.0.0"));
	message = heard(CMD_TELL_OWN);
	DEMAND(lists(&message, "10.1.2.3") && lists(&message, "1.2.3.4"));
	message = heard(CMD_TELL_LAN);
	DEMAND(lists(&message, "10.1.0.0") && lists(&message, "127.0.0.0"));
	DEMAND(!lists(&message, "1.2.3.0"));
	DEMAND(is_silent());
}

/* Who may go anywhere, or to private addresses, is kept from none; a gateway's worker nothing. */
static void only_whom_it_concerns(void)
{
	begin();
	harbour.closed = false;
	DEMAND(cmd_hostlinks_tell(&harbour) == 0);
	heard(CMD_TELL_OWN);
	heard(CMD_TELL_LAN);
	DEMAND(is_silent());
	harbour.closed = true;
	harbour.allows.private = true;
	DEMAND(cmd_hostlinks_tell(&harbour) == 0);
	heard(CMD_TELL_OWN);
	heard(CMD_TELL_LAN);
	DEMAND(is_silent());
	harbour.trade = (const struct cmd_trade *)&harbour;
	DEMAND(cmd_hostlinks_tell(&harbour) == 0);
	harbour.trade = NULL;
	DEMAND(is_silent());
	/* There is no worker just now. */
	close(harbour.hand.channel);
	harbour.hand.channel = -1;
	DEMAND(cmd_hostlinks_tell(&harbour) == 0);
}

/* One turn that waits for the kernel. */
static void turn(void)
{
	struct minato_time latest = { drive_now().ns + INT64_C(2000000000) };

	DEMAND(drive_loop_turn(harbour.loop, latest) >= 0);
}

static void what_changes_is_told(void)
{
	struct cmd_message message;

	begin();
	DEMAND(cmd_hostlinks_watch(&harbour) == 0);
	heard(CMD_TELL_NEAR);
	heard(CMD_TELL_OWN);
	message = heard(CMD_TELL_LAN);
	DEMAND(!lists(&message, "192.168.9.0"));
	run("ip addr add 192.168.9.1/24 dev one");
	for (int i = 0; i < 20 && is_silent(); i++)
		turn();
	heard(CMD_TELL_NEAR);
	heard(CMD_TELL_OWN);
	message = heard(CMD_TELL_LAN);
	DEMAND(lists(&message, "192.168.9.0"));
	DEMAND(harbour.ruling.lan_count > 0);
	cmd_hostlinks_close(&harbour);
	DEMAND(harbour.hostlinks.fd == 0);
	drive_loop_free(harbour.loop);
}

/* What finds no room is told as soon as there is some, and not before its time. */
static void no_room(void)
{
	const struct cmd_message filler = { .kind = CMD_TELL_ENDED };
	struct minato_time now = drive_now();
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count, sent = 0;

	begin();
	DEMAND(cmd_hostlinks_turn(&harbour, now).ns == MINATO_NEVER.ns);
	while (cmd_channel_send(harbour.hand.channel, &filler, NULL, 0) == 0)
		sent++;
	DEMAND(cmd_hostlinks_watch(&harbour) == 0);
	now = drive_now();
	DEMAND(cmd_hostlinks_turn(&harbour, now).ns > now.ns);
	for (size_t i = 0; i < sent; i++)
		DEMAND(cmd_channel_receive(worker, &message, fds, &count) == 1);
	DEMAND(is_silent());
	/* It is not time yet. */
	DEMAND(cmd_hostlinks_turn(&harbour, (struct minato_time){ 0 }).ns > 0);
	DEMAND(is_silent());
	now.ns += INT64_C(1000000000);
	DEMAND(cmd_hostlinks_turn(&harbour, now).ns == MINATO_NEVER.ns);
	heard(CMD_TELL_NEAR);
	heard(CMD_TELL_OWN);
	heard(CMD_TELL_LAN);
	DEMAND(is_silent());
}

/* A host with more networks than fit: the first of them, and it is said once. */
static void too_many_networks(void)
{
	struct cmd_message message;

	begin();
	run("for i in $(seq 1 70); do ip addr add 1.3.$i.1/24 dev two; done");
	DEMAND(cmd_hostlinks_tell(&harbour) == 0);
	message = heard(CMD_TELL_NEAR);
	DEMAND(message.near.count == RELAY_NEAR_MAX);
	DEMAND(harbour.hostlinks.full);
}

NETNS_CASE(a_guest_shut_by_name_hears_all, all_is_told)
NETNS_CASE(others_hear_what_concerns_them, only_whom_it_concerns)
NETNS_CASE(changes_are_told, what_changes_is_told)
NETNS_CASE(what_found_no_room_is_told_later, no_room)
NETNS_CASE(there_are_bounds, too_many_networks)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_shut_by_name_hears_all),
		cmocka_unit_test(others_hear_what_concerns_them),
		cmocka_unit_test(changes_are_told),
		cmocka_unit_test(what_found_no_room_is_told_later),
		cmocka_unit_test(there_are_bounds),
	};

	outer = getuid();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
