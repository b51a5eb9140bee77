/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes to a gateway's control socket, all the way: the client's lines, the worker that reads
 * them, its messages to the keeper, the keeper's change of what is in force, and back. The first
 * byte says who the client is and how the worker fares; the rest is what the client sends.
 *
 * Whoever sends a line hears one. Without the right to order, nothing is ordered. What the worker
 * sends is never what its keeper would kill it for. What stands can be printed and read again, and
 * of a change that was refused nothing does.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cmd/gateway/gateway.h"
#include "cmd/guard/scans.h"
#include "cmd/reserve.h"
#include "expect.h"

#define FILE_TEXT                                                                                  \
	"inside tap in0 10.0.0.1/24\n"                                                             \
	"outside tap out0 198.51.100.1/24 via 198.51.100.254\n"                                    \
	"forward tcp 80 to 10.0.0.2\n"                                                             \
	"block tcp 22 from 203.0.113.0/24\n"
#define TURNS 12

enum how { ASKS = 1, INSIDE = 2, FAILS = 4, SPLIT = 8, LATE = 16 };

static struct gateway_keeper keeper;
static struct gateway_worker worker;
static struct drive_loop *loop;
static char path[32];
static char *no_words[] = { NULL };
static struct conf_report report;
static void *memory;
static size_t memory_size;
static int client = -1;
static size_t orders, answers, lines, ends_of_reply;
static enum how how;

/* ---- what is made once, and anew ---- */

static void make_file(void)
{
	int fd = memfd_create("conf", MFD_CLOEXEC);

	expect(fd >= 0 && write(fd, FILE_TEXT, strlen(FILE_TEXT)) == (ssize_t)strlen(FILE_TEXT));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
}

static void make_host(void)
{
	struct minato_config c;

	minato_config_init(&c);
	c.sockets_max = c.time_wait_max = c.entries_max = c.neighbours_max = c.routes_max = 64;
	c.chunks_large = 16;
	c.chunks_small = c.active_max = c.calls_max = 64;
	c.leases_max = c.inside_hosts_max = c.sessions_max = 64;
	c.scan_sources_max = 1024;
	c.pool_addresses_max = 1;
	c.link_count = 2;
	for (int i = 0; i < 2; i++)
		c.link[i] = (struct minato_link_config){
			.type = MINATO_LINK_IP,
			.mtu = 1500,
			.scope = (uint8_t)i,
			.role = i ? MINATO_ROLE_OUTSIDE : MINATO_ROLE_INSIDE,
		};
	if (!memory) {
		memory_size = minato_size(&c);
		memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		expect(memory_size > 0 && memory != MAP_FAILED);
	}
	expect(madvise(memory, memory_size, MADV_DONTNEED) == 0);
	expect(minato_create(memory, memory_size, &c, drive_now(), &worker.base.host) == 0);
}

static void make_keeper(void)
{
	static char fault[GATEWAY_ORDER_MAX];
	struct cmd_answers told;
	int ends[2];

	memset(&keeper, 0, sizeof(keeper));
	expect(drive_loop_new(&loop) == 0);
	expect(cmd_channel_pair(ends) == 0);
	keeper.path = path;
	keeper.entries_room = 1 << 20;
	keeper.harbour.hand = (struct cmd_hand){ .channel = ends[0], .ready = true, .pidfd = -1 };
	keeper.harbour.plan.argv = no_words;
	keeper.harbour.netns = -1;
	expect(gateway_file_read(&keeper.file, path, fault, sizeof(fault)) == 0);
	expect(gateway_rules_merge(&keeper.standing, &keeper.file, &keeper.said, time(NULL),
				   &report) == 0);
	worker = (struct gateway_worker){ .keeper = &keeper };
	worker.applied.links = &keeper.links;
	worker.base.harbour = &keeper.harbour;
	worker.base.channel = ends[1];
	worker.base.loop = loop;
	make_host();
	told = gateway_answers_of(&worker);
	expect(cmd_control_open(&worker.base.control, loop, &told) == 0);
}

static void unmake(void)
{
	struct gateway_pending *pending = &keeper.pending;

	cmd_control_close(worker.base.control);
	gateway_order_forget(&keeper);
	expect(!pending->busy);
	gateway_rules_free(&keeper.file);
	gateway_rules_free(&keeper.said);
	gateway_rules_free(&keeper.standing);
	cmd_alerting_clear(&keeper.harbour.alerting);
	drive_reserved_free(&keeper.harbour.reserved);
	drive_loop_free(loop);
	free(worker.base.reserved.entries);
	free(worker.uses);
	free(worker.places);
	close(keeper.harbour.hand.channel);
	close(worker.base.channel);
	close(client);
}

/* The log. */
void __wrap_cmd_say(const char *format, ...);

void __wrap_cmd_say(const char *format, ...)
{
	static char text[65536];
	va_list list;

	va_start(list, format);
	expect(vsnprintf(text, sizeof(text), format, list) > 0);
	va_end(list);
}

/* ---- what stands ---- */

static uint64_t sum_of(const struct gateway_rules *rules)
{
	static struct conf_statement again;
	static char text[CONF_TEXT_SIZE], text_again[CONF_TEXT_SIZE];
	uint64_t sum = rules->conf.count;

	for (size_t i = 0; i < rules->conf.count; i++) {
		expect(conf_print(text, sizeof(text), rules->conf.list[i]) < sizeof(text));
		expect(conf_statement_read(&again, text, &report) == 0);
		(void)conf_print(text_again, sizeof(text_again), &again);
		expect(strcmp(text, text_again) == 0);
		for (const char *at = text; *at; at++)
			sum = (sum ^ (uint8_t)*at) * 0x100000001b3u;
	}
	return sum;
}

/* ---- the two processes ---- */

/* The worker tries what it is given, and says how that went. */
static void apply(int fd)
{
	struct gateway_rules rules = { .until_s = NULL };
	struct cmd_message done = { .kind = GATEWAY_ASK_APPLIED };
	const uint64_t before = sum_of(&keeper.standing);

	expect(gateway_rules_load(&rules, fd) == 0);
	expect(sum_of(&rules) == sum_of(&keeper.pending.standing));
	gateway_rules_free(&rules);
	if (how & LATE)
		keeper.harbour.admitted.ns -= (CMD_ORDER_MS + 1) * INT64_C(1000000);
	if (how & FAILS) {
		done.number = -ENOSPC;
		(void)snprintf(done.text.text, sizeof(done.text.text), "no room");
	}
	expect(gateway_order_applied(&keeper, &done) == 0);
	expect(!(how & FAILS) || sum_of(&keeper.standing) == before);
}

static bool worker_hears(void)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	uint32_t kind;
	size_t count;

	if (cmd_channel_peek(worker.base.channel, &kind) < 0)
		return false;
	expect(cmd_channel_receive(worker.base.channel, &message, fds, &count) == 1);
	if (kind == GATEWAY_TELL_RULES) {
		expect(count == 1);
		apply(fds[0]);
	} else if (kind == GATEWAY_TELL_PIECE) {
		expect(gateway_parcel_take(&worker.answer, &message) == 0);
	} else {
		expect(kind == GATEWAY_TELL_DONE && worker.busy);
		answers++;
		gateway_reply_done(&worker, message.number);
	}
	cmd_channel_drop(fds, count);
	return true;
}

static void take_order(void)
{
	const uint64_t before = sum_of(&keeper.standing);

	expect(!(how & (ASKS | INSIDE)) && ++orders == 1);
	expect(gateway_order_take(&keeper) == 0);
	/* Nothing stands before the worker has it. */
	expect(sum_of(&keeper.standing) == before);
}

static bool keeper_hears(void)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	uint32_t kind;
	size_t count;

	if (cmd_channel_peek(keeper.harbour.hand.channel, &kind) < 0)
		return false;
	expect(cmd_channel_receive(keeper.harbour.hand.channel, &message, fds, &count) == 1);
	expect(count == 0);
	if (kind == GATEWAY_ASK_PIECE)
		expect(gateway_parcel_take(&keeper.parcel, &message) == 0);
	else if (kind == GATEWAY_ASK_ORDER)
		take_order();
	else if (kind == CMD_ASK_RESERVE || kind == CMD_ASK_UNRESERVE)
		expect(!(how & (ASKS | INSIDE)) &&
		       cmd_reserving_take(&keeper.harbour, &message) == 0);
	else
		expect(kind == CMD_ASK_SIGNAL && message.number > 0 && message.number < NSIG &&
		       !(how & INSIDE));
	return true;
}

/* ---- the client ---- */

static void check_line(const char *line, size_t len)
{
	json_t *object = json_loadb(line, len, 0, NULL);

	expect(json_is_object(object));
	expect(json_integer_value(json_object_get(object, "v")) == 1);
	ends_of_reply += json_is_true(json_object_get(object, "done"));
	lines++;
	json_decref(object);
}

/* False at the end. */
static bool client_hears(void)
{
	static char text[CMD_LINE_MAX * 2];
	static size_t used;
	ssize_t got = recv(client, text + used, sizeof(text) - used, MSG_DONTWAIT);
	char *end;

	if (got > 0)
		used += (size_t)got;
	while ((end = memchr(text, '\n', used)) != NULL) {
		const size_t len = (size_t)(end - text);

		check_line(text, len);
		used -= len + 1;
		memmove(text, end + 1, used);
	}
	expect(used < sizeof(text));
	if (got == 0)
		expect(used == 0);
	return got != 0 && (got > 0 || errno == EAGAIN);
}

static void go_on(int turns)
{
	const struct minato_time past = { 0 };

	while (turns-- > 0) {
		expect(drive_loop_turn(loop, past) >= 0);
		while (keeper_hears() || worker_hears())
			turns = TURNS;
		if (!client_hears())
			return;
	}
}

static void admit(void)
{
	int ends[2];

	expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	client = ends[0];
	if (!(how & (ASKS | INSIDE))) {
		keeper.harbour.admitted = drive_now();
		keeper.harbour.orders_due++;
	}
	cmd_control_expect(worker.base.control);
	cmd_control_admit(worker.base.control, ends[1], &(struct minato_owner){ .pid = 7 },
			  how & INSIDE ? CMD_CLIENT_INSIDE :
			  how & ASKS   ? CMD_CLIENT_ASKS :
					 CMD_CLIENT_ORDERS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t half;

	if (size == 0)
		return 0;
	if (!path[0])
		make_file();
	how = (enum how)data[0];
	data++;
	size = size - 1 < 16384 ? size - 1 : 16384;
	orders = answers = lines = ends_of_reply = 0;
	make_keeper();
	admit();
	half = how & SPLIT ? size / 2 : size;
	(void)send(client, data, half, MSG_NOSIGNAL);
	go_on(TURNS);
	(void)send(client, data + half, size - half, MSG_NOSIGNAL);
	go_on(TURNS);
	expect(orders == answers && !worker.busy && !keeper.pending.busy);
	expect(!memchr(data, '\n', size) || (lines > 0 && ends_of_reply > 0));
	expect(how & (ASKS | INSIDE) ? keeper.said.conf.count == 0 : true);
	unmake();
	return 0;
}
