/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Other guests that rules name: the worker's side. Who calls a published port from this host is
 * told by the kernel, which has one socket with these ends: the other guest's, if its cookie stands
 * on that guest's roll. What leads to another guest is what that has published, at the addresses of
 * this host as the guest sees them.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "minato/guard.h"

#define STEPS_MAX 8u

/* ---- what the keeper tells ---- */

/* Takes the descriptor over; -1: that guest does not run. */
/* syscalls: close */
void cmd_fellowship_told(struct cmd_worker *worker, const struct cmd_message *message, int fd)
{
	struct cmd_fellows *fellows = &worker->harbour->ruling.fellows;
	const uint32_t index = (uint32_t)message->number - 1;
	struct cmd_fellow *fellow = &fellows->list[index < CMD_FELLOWS_MAX ? index : 0];

	if (index < CMD_FELLOWS_MAX) {
		relay_roll_close(fellow->page);
		fellow->page = NULL;
		(void)snprintf(fellow->name, sizeof(fellow->name), "%s", message->fellow.name);
		if (index >= fellows->count)
			fellows->count = index + 1;
		if (fd >= 0 && relay_roll_open(fd, &fellow->page) < 0)
			fellow->page = NULL;
		if (fellow->page)
			fellow->turn = relay_roll_turn(fellow->page);
		cmd_following_fellows(worker);
	}
	if (fd >= 0)
		close(fd);
}

void cmd_fellowship_own(struct cmd_worker *worker, const struct cmd_message *message)
{
	struct cmd_ruling *ruling = &worker->harbour->ruling;
	size_t count = message->near.count < CMD_LAN_MAX ? message->near.count : CMD_LAN_MAX;

	if (count == ruling->own_count &&
	    !memcmp(ruling->own, message->near.list, count * sizeof(ruling->own[0])))
		return;
	ruling->own_count = count;
	memcpy(ruling->own, message->near.list, count * sizeof(ruling->own[0]));
	cmd_following_fellows(worker);
}

/* Before frames are judged: what others have published meanwhile. */
void cmd_fellowship_look(struct cmd_worker *worker)
{
	struct cmd_fellows *fellows = &worker->harbour->ruling.fellows;
	bool changed = false;

	for (size_t i = 0; i < fellows->count; i++) {
		struct cmd_fellow *fellow = &fellows->list[i];
		uint32_t turn = fellow->page ? relay_roll_turn(fellow->page) : fellow->turn;

		changed |= turn != fellow->turn;
		fellow->turn = turn;
	}
	if (changed)
		cmd_following_fellows(worker);
}

/* ---- who calls ---- */

static bool holds(const struct relay_prefix *prefix, const struct minato_addr *addr)
{
	for (unsigned bit = 0; bit < prefix->length; bit++) {
		if ((prefix->addr.bytes[bit / 8] ^ addr->bytes[bit / 8]) & (0x80u >> bit % 8))
			return false;
	}
	return true;
}

bool cmd_fellowship_is_own(const struct cmd_ruling *ruling, const struct minato_addr *addr)
{
	for (size_t i = 0; i < ruling->own_count; i++) {
		if (holds(&ruling->own[i], addr))
			return true;
	}
	return false;
}

static bool has_rate(struct minato *host, uint64_t rule)
{
	struct minato_entry entry;

	return minato_entry_get(host, rule, &entry) == 0 && entry.rate_count != 0;
}

/* Whether the rules turn this call away if it is the guest's of that number, or count it. */
static bool is_refused(struct cmd_worker *worker, enum minato_proto proto,
		       const struct minato_endpoint *caller, const struct minato_endpoint *local,
		       uint16_t number)
{
	const struct cmd_ruling *ruling = &worker->harbour->ruling;
	struct minato_question question = {
		.scope = CMD_SCOPE_OUTSIDE,
		.face = RELAY_FACE_WAN,
		.proto = (uint8_t)proto,
		.course = MINATO_COURSE_IN,
		.remote = *caller,
		.local = *local,
		.program = number,
	};
	struct minato_step steps[STEPS_MAX];
	size_t count;

	for (size_t i = 0; i < ruling->lan_count; i++) {
		if (holds(&ruling->lan[i], &caller->addr))
			question.face = RELAY_FACE_LAN;
	}
	count = minato_explain(worker->host, &question, steps, STEPS_MAX);
	for (size_t i = 0; i < count; i++) {
		if (steps[i].step == MINATO_STEP_RULE && steps[i].found &&
		    (steps[i].verdict != MINATO_PASS || has_rate(worker->host, steps[i].handle)))
			return true;
	}
	return false;
}

/*
 * Who could be a guest that a rule refuses, and that is not known to run: it is taken for that one.
 * So what is shut to a guest is shut while that starts, and while somebody hides it.
 */
static uint16_t suspect(struct cmd_worker *worker, enum minato_proto proto,
			const struct minato_endpoint *caller, const struct minato_endpoint *local)
{
	const struct cmd_fellows *fellows = &worker->harbour->ruling.fellows;

	for (size_t i = 0; i < fellows->count; i++) {
		uint16_t number = (uint16_t)(i + 1);

		if (fellows->list[i].name[0] && !fellows->list[i].page &&
		    is_refused(worker, proto, caller, local, number))
			return number;
	}
	return MINATO_PROGRAM_NONE;
}

uint16_t cmd_fellowship_caller(void *user, enum minato_proto proto,
			       const struct minato_endpoint *caller,
			       const struct minato_endpoint *local)
{
	struct cmd_worker *worker = user;
	const struct cmd_ruling *ruling = &worker->harbour->ruling;
	const struct cmd_fellows *fellows = &ruling->fellows;
	struct kernel_exact socket = { .uid = worker->harbour->uid };
	bool full = ruling->own_count == CMD_LAN_MAX;
	bool any = false; /* known to run */
	bool named = false;
	uint16_t number = MINATO_PROGRAM_NONE;
	int result;

	for (size_t i = 0; i < fellows->count; i++) {
		any |= fellows->list[i].page != NULL;
		named |= fellows->list[i].name[0] != 0;
	}
	/* Of more addresses than are noted the kernel knows whether one is the host's. */
	if (!named || !(full || cmd_fellowship_is_own(ruling, &caller->addr)))
		return MINATO_PROGRAM_NONE;
	result = fellows->diag < 0 ? -EBADF :
				     kernel_cookie(fellows->diag, proto, caller, local, &socket);
	if (result < 0 && !cmd_fellowship_is_own(ruling, &caller->addr))
		return MINATO_PROGRAM_NONE;
	for (size_t i = 0; i < fellows->count && result == 0; i++) {
		if (fellows->list[i].page && relay_roll_has(fellows->list[i].page, socket.cookie))
			return (uint16_t)(i + 1);
	}
	/* Guests of this user's are his. */
	if (socket.uid == worker->harbour->uid)
		number = suspect(worker, proto, caller, local);
	/* Who is gone may have been one that a rule refuses. */
	return result < 0 && any && !number ? RELAY_CALLER_GONE : number;
}

/* ---- where others are ---- */

/* For all doors, or for one that is there. */
struct looking {
	struct cmd_worker *worker;
	conf_door_fn *each; /* with `user`; its result */
	void *user;
	int result;
	const struct minato_endpoint *there;
	enum minato_proto proto; /* at which it is there */
};

static bool is_there(const struct looking *looking, const struct minato_addr *addr,
		     const struct relay_roll_door *door)
{
	const struct minato_endpoint *there = looking->there;

	return door->protocol == looking->proto && door->first <= there->port &&
	       there->port <= door->last && minato_addr_equal(addr, &there->addr);
}

/* True: that is all. */
static bool give(struct looking *looking, const struct minato_addr *addr,
		 const struct relay_roll_door *door)
{
	const struct conf_door one = {
		.to = { .addr = *addr, .length = 128 },
		.proto = door->protocol,
		.first = door->first,
		.last = door->last,
	};

	if (looking->there)
		return is_there(looking, addr, door);
	looking->result = looking->each(looking->user, &one);
	return looking->result != 0;
}

static bool is_at(const struct relay_roll_door *door, const struct minato_addr *addr)
{
	if (!minato_addr_is_any(&door->addr))
		return minato_addr_equal(&door->addr, addr);
	return door->dual || minato_addr_is4(&door->addr) == minato_addr_is4(addr);
}

static struct minato_addr loopback(bool four)
{
	struct minato_addr six = { .bytes = { [15] = 1 } };

	return four ? minato_addr4(127, 0, 0, 1) : six;
}

/* The gateway's address leads to the loopback: all of it, or by single ports. */
static bool give_gateway(struct looking *looking, const struct relay_roll_door *door, bool four)
{
	const struct cmd_harbour *harbour = looking->worker->harbour;
	const struct drive_subnet *subnet = &harbour->plan.subnet;
	const struct minato_addr *gateway = four ? &subnet->gateway4 : &subnet->gateway6;
	const struct minato_addr inner = loopback(four);
	uint8_t bit = door->protocol == MINATO_TCP ? RELAY_TCP : RELAY_UDP;
	struct relay_standing reach;
	uint64_t cursor = 0;

	if (!(four ? subnet->has4 : subnet->has6) || !is_at(door, &inner))
		return false;
	if (harbour->host_loopback && give(looking, gateway, door))
		return true;
	while (relay_forward_next(looking->worker->relay, &cursor, &reach)) {
		const struct relay_spec *spec = &reach.spec;
		uint32_t first = door->first > spec->first ? door->first : spec->first;
		uint32_t last = door->last < spec->last ? door->last : spec->last;
		struct relay_roll_door seen = { .protocol = door->protocol };

		if (spec->sort != RELAY_REACH || !(spec->protocols & bit) || first > last)
			continue;
		seen.first = (uint16_t)(spec->guest + (first - spec->first));
		seen.last = (uint16_t)(spec->guest + (last - spec->first));
		if (give(looking, gateway, &seen))
			return true;
	}
	return false;
}

/* At the host's addresses but the loopback, which a guest does not reach by these. */
static bool give_door(struct looking *looking, const struct relay_roll_door *door)
{
	const struct cmd_ruling *ruling = &looking->worker->harbour->ruling;

	for (size_t i = 0; i < ruling->own_count; i++) {
		if (ruling->own[i].length == 128 && !drive_addr_is_inner(&ruling->own[i].addr) &&
		    is_at(door, &ruling->own[i].addr) && give(looking, &ruling->own[i].addr, door))
			return true;
	}
	return give_gateway(looking, door, true) || give_gateway(looking, door, false);
}

/* Of the guest of that number. */
static bool look_through(struct looking *looking, uint16_t number)
{
	static struct relay_roll_door doors[RELAY_ROLL_DOORS];
	const struct cmd_fellows *fellows = &looking->worker->harbour->ruling.fellows;
	size_t count = 0;

	if (number && fellows->list[number - 1].page)
		count = relay_roll_doors(fellows->list[number - 1].page, doors);
	for (size_t i = 0; i < count; i++) {
		if (give_door(looking, &doors[i]))
			return true;
	}
	return false;
}

int cmd_fellowship_doors(void *user, const char *word, conf_door_fn *each, void *each_user)
{
	struct cmd_worker *worker = user;
	struct looking looking = { .worker = worker, .each = each, .user = each_user };

	(void)look_through(&looking, cmd_fellows_number(&worker->harbour->ruling.fellows, word));
	return looking.result;
}

const char *cmd_fellowship_at(struct cmd_worker *worker, enum minato_proto proto,
			      const struct minato_endpoint *to)
{
	const struct cmd_fellows *fellows = &worker->harbour->ruling.fellows;
	struct looking looking = { .worker = worker, .there = to, .proto = proto };

	for (size_t i = 0; i < fellows->count; i++) {
		if (look_through(&looking, (uint16_t)(i + 1)))
			return fellows->list[i].name;
	}
	return NULL;
}
