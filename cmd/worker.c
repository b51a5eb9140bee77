/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker: the main loop beside a guest. A wake goes through in this order, so that one turn
 * drains well:
 *
 *   tap readable ---> drive_tap_read: a batch of frames into the host value
 *   host sockets ---> the relay's callbacks mark what is ready
 *   hook 1       ---> relay_pump: events, bytes both ways, the relay's timers
 *   hook 2       ---> drive_tap_write: frames for the guest, one ACK for the batch
 *
 * When the command has ended its last words are still carried out: data and FINs that its sockets
 * had not yet sent, as they would be on any host.
 */
#include "cmd/gateway/gateway.h"
#include "cmd/reserve.h"
#include "cmd/guard/scans.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "relay/permit.h"

#define LINK 0
#define SCOPE_INSIDE CMD_SCOPE_INSIDE
#define SCOPE_OUTSIDE CMD_SCOPE_OUTSIDE

#define NS_PER_MS INT64_C(1000000)
/* How long to leave the tap alone when the host value has no chunk free. */
#define STARVED_NS NS_PER_MS
/* How often an ending guest's flows are looked at, and for how long at most. */
#define LAST_WORDS_LOOK_NS (2 * NS_PER_MS)
#define LAST_WORDS_NS (5000 * NS_PER_MS)
/* The share of it for far sides that have all and need only close. */
#define LAST_ANSWER_NS (1000 * NS_PER_MS)

/* Locally administered; the last byte as in the address. */
static const uint8_t gateway_mac[6] = { 0x02, 0x6d, 0x6e, 0x74, 0x00, 0x02 };

static struct minato_time after(struct minato_time now, int64_t ns)
{
	return (struct minato_time){ now.ns + ns };
}

static struct minato_time earlier(struct minato_time a, struct minato_time b)
{
	return a.ns < b.ns ? a : b;
}

/* ---- the tap ---- */

static void rewatch_tap(struct cmd_worker *worker)
{
	const bool silent = worker->starved || worker->modest.resting;

	drive_loop_modify(worker->loop, worker->tap_watch,
			  (silent ? 0u : EPOLLIN) | (worker->blocked ? EPOLLOUT : 0u));
}

static void watch_tap(struct cmd_worker *worker, bool starved, bool blocked)
{
	if (starved == worker->starved && blocked == worker->blocked)
		return;
	worker->starved = starved;
	worker->blocked = blocked;
	rewatch_tap(worker);
}

/* The guest took its link away; the command goes on without. */
static void lose_tap(struct cmd_worker *worker)
{
	drive_loop_remove(worker->loop, worker->tap_watch);
	worker->tap_watch = 0;
	if (!worker->ending)
		cmd_say("the guest's tap0 is gone: it has no network any more");
}

/* Frames read, 0, or -ENOBUFS; a tap that is lost counts as silent. */
static int read_tap(struct cmd_worker *worker)
{
	int count;

	if (!worker->tap_watch)
		return 0;
	cmd_fellowship_look(worker);
	count = drive_tap_read(worker->tap, worker->host, drive_loop_now(worker->loop));
	if (count == -ENOBUFS)
		watch_tap(worker, true, worker->blocked);
	else if (count < 0)
		lose_tap(worker);
	return count < 0 ? 0 : count;
}

static void tap_ready(void *user, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		read_tap(user);
}

static void write_tap(struct cmd_worker *worker, struct minato_time now)
{
	int result;

	if (!worker->tap_watch)
		return;
	result = drive_tap_write(worker->tap, worker->host, now);
	if (result < 0)
		lose_tap(worker);
	else
		watch_tap(worker, worker->starved, result > 0);
}

/* ---- the end ---- */

/*
 * How much of a flow is still to be said. The guest's processes are gone, so each of its sockets
 * has sent FIN or RST as soon as its data is out.
 */
enum remains {
	REMAINS_NOTHING,
	REMAINS_ANSWER, /* all is handed on; the far side has not yet closed */
	REMAINS_DATA,	/* data or FIN are not yet out of the guest, or not handed on */
};

static enum remains remains_of(const struct minato_row *row)
{
	if (row->kind != MINATO_KIND_SOCKET || row->proto != MINATO_TCP || !row->remote.port)
		return REMAINS_NOTHING;
	switch (row->state) {
	case MINATO_ESTABLISHED:
	case MINATO_FIN_WAIT_1:
	case MINATO_FIN_WAIT_2:
		return REMAINS_DATA;
	case MINATO_CLOSE_WAIT:
		return row->recv_queue ? REMAINS_DATA : REMAINS_ANSWER;
	case MINATO_LAST_ACK:
	case MINATO_CLOSING:
	case MINATO_TIME_WAIT:
		return row->recv_queue ? REMAINS_DATA : REMAINS_NOTHING;
	case MINATO_SYN_SENT:
	case MINATO_SYN_RECEIVED:
	case MINATO_CLOSED:
	case MINATO_LISTEN:
		return REMAINS_NOTHING;
	}
	return REMAINS_NOTHING;
}

static enum remains look_round(struct cmd_worker *worker)
{
	enum remains most = REMAINS_NOTHING;
	struct minato_row row;
	uint64_t cursor = 0;

	while (most != REMAINS_DATA && minato_row(worker->host, &cursor, &row)) {
		enum remains one = remains_of(&row);

		most = one > most ? one : most;
	}
	return most;
}

static bool is_worth_waiting(struct cmd_worker *worker, struct minato_time now)
{
	int64_t left = worker->ending_until.ns - now.ns;

	if (left <= 0 || !worker->tap_watch)
		return false;
	switch (look_round(worker)) {
	case REMAINS_NOTHING:
		return false;
	case REMAINS_ANSWER:
		return left > LAST_WORDS_NS - LAST_ANSWER_NS;
	case REMAINS_DATA:
		return true;
	}
	return false;
}

/* When to look again, or stops the loop. */
static struct minato_time hear_last_words(struct cmd_worker *worker, struct minato_time now)
{
	if (read_tap(worker) > 0)
		return now;
	if (is_worth_waiting(worker, now))
		return after(now, LAST_WORDS_LOOK_NS);
	drive_loop_stop(worker->loop, 0);
	return now;
}

/* ---- the keeper ---- */

static void end_soon(struct cmd_worker *worker, int64_t ns)
{
	worker->ending = true;
	worker->ending_until = after(drive_loop_now(worker->loop), ns);
}

static void take_listeners(struct cmd_worker *worker, const struct cmd_message *message, int fd)
{
	struct cmd_harbour *harbour = worker->harbour;
	struct drive_listeners listeners = message->listeners;

	listeners.fd = fd;
	if (fd < 0 || relay_auto_listeners(worker->relay, &listeners) < 0)
		return;
	while (harbour->stood_count > 0)
		relay_auto_stood(worker->relay, &harbour->stood[--harbour->stood_count]);
}

/* What it asks for is this guest's. */
static void admit_client(struct cmd_worker *worker, const struct cmd_message *message, int fd)
{
	struct minato_owner who = message->client;

	(void)snprintf(who.guest, sizeof(who.guest), "%s", worker->harbour->name);
	cmd_control_admit(worker->control, fd, &who, (enum cmd_client_right)message->number);
}

/* Descriptors that come along are taken over; -1 where none came. */
/* syscalls: close */
static void take_message(struct cmd_worker *worker, const struct cmd_message *message, int fd)
{
	switch (message->kind) {
	case CMD_TELL_NAMESERVERS:
		relay_nameservers(worker->relay, message->nameservers.list,
				  message->nameservers.count);
		break;
	case CMD_TELL_NEAR:
		relay_near(worker->relay, message->near.list, message->near.count);
		break;
	case CMD_TELL_LAN:
		cmd_following_lan(worker, message);
		break;
	case CMD_TELL_OWN:
		cmd_fellowship_own(worker, message);
		break;
	case CMD_TELL_FELLOW:
		cmd_fellowship_told(worker, message, fd);
		return;
	case CMD_TELL_CLIENT:
		admit_client(worker, message, fd);
		return;
	case CMD_TELL_LISTENERS:
		take_listeners(worker, message, fd);
		return;
	case CMD_TELL_RELEASED:
		cmd_orders_released(worker);
		break;
	case CMD_TELL_ORPHANS:
		cmd_orphans_take(&worker->orphans, fd);
		return;
	case CMD_TELL_PROGRAM:
		cmd_witness_told(worker, message);
		break;
	case CMD_TELL_RULE:
	case CMD_TELL_RULED:
		cmd_ruled_told(worker, message);
		break;
	case CMD_TELL_ENDED:
		end_soon(worker, LAST_WORDS_NS);
		break;
	case CMD_TELL_HURRY:
		end_soon(worker, 0);
		break;
	default:
		break;
	}
	if (fd >= 0)
		close(fd);
}

static void keeper_says(void *user, uint32_t events)
{
	struct cmd_worker *worker = user;
	struct cmd_message message = { .kind = 0 };
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count = 0;
	uint32_t kind = 0;

	(void)events;
	if (cmd_channel_peek(worker->channel, &kind) == -EAGAIN)
		return;
	if (kind == CMD_TELL_CLIENT)
		cmd_control_expect(worker->control);
	if (cmd_channel_receive(worker->channel, &message, fds, &count) != 1) {
		/* The keeper is gone. */
		drive_loop_stop(worker->loop, 0);
		return;
	}
	if (message.kind == CMD_TELL_BOUND) {
		cmd_orders_bound(worker, &message, fds, count);
		return;
	}
	if (count > 1)
		cmd_channel_drop(fds + 1, count - 1);
	take_message(worker, &message, count ? fds[0] : -1);
}

/* A guest that floods is left alone for a while, where others would have to wait. */
static struct minato_time be_modest(struct cmd_worker *worker, struct minato_time now)
{
	const bool rested = worker->modest.resting;
	struct minato_time next;

	if (!worker->tap_watch || worker->ending)
		return MINATO_NEVER;
	next = cmd_modest_turn(worker, now);
	if (rested != worker->modest.resting)
		rewatch_tap(worker);
	return next;
}

static struct minato_time turn(void *user, struct minato_time now)
{
	struct cmd_worker *worker = user;
	struct minato_time next;
	struct minato_time orphans =
		cmd_orphans_turn(&worker->orphans, worker->host, SCOPE_INSIDE, now);
	struct minato_time asked = cmd_asked_turn(worker, now);

	cmd_orders_pay(worker);
	cmd_scanning_turn(worker);
	cmd_rule_log_turn(&worker->rule_log, worker->host, now, cmd_ruling_place, worker);
	write_tap(worker, now);
	if (drive_tap_converses(worker->tap))
		drive_loop_expect(worker->loop);
	next = earlier(earlier(minato_deadline(worker->host), orphans), asked);
	next = earlier(next, be_modest(worker, now));
	if (worker->starved) {
		watch_tap(worker, false, worker->blocked);
		next = earlier(next, after(now, STARVED_NS));
	}
	if (worker->ending)
		next = earlier(next, hear_last_words(worker, now));
	if (worker->capture)
		cmd_capture_turn(worker->capture, &worker->harbour->capturing, now, &next);
	return next;
}

/* ---- making ---- */

static int add_addresses(struct cmd_worker *worker)
{
	const struct drive_subnet *subnet = &worker->harbour->plan.subnet;
	struct minato *host = worker->host;
	int result = 0;

	if (subnet->has4) {
		struct minato_addr any = minato_addr4(0, 0, 0, 0);

		result = minato_address_add(host, LINK, &subnet->gateway4, subnet->prefix4);
		if (!result)
			result = minato_address_add(host, LINK, &subnet->dns4, subnet->prefix4);
		if (!result)
			result = minato_neighbour_add(host, LINK, &subnet->guest4,
						      worker->harbour->plan.mac);
		if (!result)
			result = minato_route_add(host, &any, 0, &subnet->guest4, LINK);
	}
	if (!result && worker->harbour->guest.has6) {
		static const struct minato_addr any;

		result = minato_address_add(host, LINK, &subnet->gateway6, subnet->prefix6);
		if (!result)
			result = minato_address_add(host, LINK, &subnet->dns6, subnet->prefix6);
		if (!result)
			result = minato_neighbour_add(host, LINK, &subnet->guest6,
						      worker->harbour->plan.mac);
		if (!result)
			result = minato_route_add(host, &any, 0, &subnet->guest6, LINK);
	}
	return result;
}

void cmd_worker_act(struct cmd_worker *worker)
{
	const struct cmd_harbour *harbour = worker->harbour;
	struct minato_owner owner = {
		.uid = harbour->uid,
		.pid = (uint32_t)harbour->pid,
		.started_s = harbour->started_s,
		.program = "minato",
	};

	(void)snprintf(owner.guest, sizeof(owner.guest), "%s", harbour->name);
	(void)minato_act_as(worker->host, &owner);
}

/* unsealed: mmap */
static int make_host(struct cmd_worker *worker, uint32_t offloads)
{
	struct minato_config config;
	struct minato_link_config *link = &config.link[LINK];
	size_t size;
	void *memory;
	int result;

	minato_config_init(&config);
	result = drive_seed(config.seed, sizeof(config.seed));
	if (result < 0)
		return result;
	config.scan_sources_max = CMD_SCAN_SOURCES;
	config.entries_max += cmd_ruling_entries(worker->harbour);
	if (worker->harbour->closed)
		config.entries_max += PINNED_ENTRIES_MAX;
	config.link_count = 1;
	link->type = MINATO_LINK_ETHERNET;
	link->mtu = worker->harbour->plan.mtu;
	link->offloads = offloads;
	link->scope = SCOPE_INSIDE;
	link->proxy = true;
	link->any_destination = true;
	memcpy(link->mac, gateway_mac, sizeof(link->mac));
	size = minato_size(&config);
	if (!size)
		return -EINVAL;
	/* Ours alone: what a dead worker leaves behind is not to be believed by the next. */
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	result = minato_create(memory, size, &config, drive_now(), &worker->host);
	if (result)
		return result;
	/* Who may have which port the kernels of host and guest have said already. */
	(void)minato_policy_set(worker->host,
				&(struct minato_policy){ .uid = worker->harbour->uid });
	cmd_worker_act(worker);
	result = cmd_ruling_enter(worker, SIZE_MAX);
	if (result == 0)
		result = cmd_ruling_resolver(worker);
	if (result == 0)
		result = gateway_scans_apply(worker->host, &worker->harbour->ruling.conf, true);
	return result == 0 ? add_addresses(worker) : result;
}

static int make_tap(struct cmd_worker *worker, int fd, struct drive_error *error)
{
	struct drive_offers offers;
	int result = drive_tap_open(&worker->tap, fd, worker->harbour->guest.vnet, LINK);

	if (result < 0)
		return drive_fail(error, -result, "cannot use the tap: %s", strerror(-result));
	drive_tap_offers(worker->tap, &offers);
	result = make_host(worker, offers.given);
	if (result < 0)
		return drive_fail(error, -result, "cannot make the host value: %s",
				  strerror(-result));
	return 0;
}

static void look(void *user)
{
	struct cmd_worker *worker = user;
	const struct cmd_message message = { .kind = CMD_ASK_LOOK };

	(void)cmd_channel_send(worker->channel, &message, NULL, 0);
}

static void tell_notice(void *user, const char *text)
{
	const struct cmd_worker *worker = user;

	if (!worker->harbour->quiet)
		cmd_say("%s", text);
}

/* The first of those that hold the socket speaks for all. */
static void tell_program(void *user, uint64_t call, const struct cmd_holding *holding)
{
	struct cmd_worker *worker = user;
	const struct kernel_program *first = &holding->list[0];
	struct relay_program program = { .pid = 0 };

	if (holding->count > 0) {
		program.pid = (uint32_t)first->pid;
		program.holders = (uint32_t)holding->count;
		(void)kernel_program_name(program.path, sizeof(program.path), first);
	}
	/* What is told of the flow meanwhile is about the same socket: it is not sought again. */
	worker->asked.deciding = holding;
	relay_identified(worker->relay, call, holding->count > 0 ? &program : NULL);
	worker->asked.deciding = NULL;
}

static bool seek_program(void *user, uint64_t call, enum minato_proto proto,
			 const struct minato_endpoint *guest, const struct minato_endpoint *to)
{
	const struct cmd_whose wanted = {
		.flow = { .proto = proto, .local = *guest, .remote = *to },
	};

	cmd_witness_ask(user, &wanted, tell_program, user, call);
	return true;
}

static void take_attempt(void *user, const struct relay_attempt *attempt)
{
	struct cmd_worker *worker = user;

	if (attempt->shut)
		cmd_ruling_shut(worker, attempt);
	cmd_attempts_take(&worker->attempts, attempt);
}

static int make_relay(struct cmd_worker *worker, struct drive_error *error)
{
	struct cmd_harbour *harbour = worker->harbour;
	const struct conf_statement *closing = cmd_ruling_closing(&harbour->ruling);
	struct relay_config config = {
		.host = worker->host,
		.loop = worker->loop,
		.subnet = harbour->plan.subnet,
		.inside = SCOPE_INSIDE,
		.outside = SCOPE_OUTSIDE,
		.host_loopback = harbour->host_loopback,
		.look = look,
		.look_user = worker,
		.allows = harbour->closed ? &harbour->allows : NULL,
		.silent = closing && closing->rule.verb == CONF_DROP,
		.face = LINK,
		.lan = harbour->ruling.lan,
		.lan_count = harbour->ruling.lan_count,
		.roll = harbour->ruling.fellows.own,
		.caller = cmd_fellowship_caller,
		.caller_user = worker,
		.surge = cmd_sieving_ask,
		.surge_user = worker,
		.notice = tell_notice,
		.notice_user = worker,
		.port_open = cmd_orders_port_open,
		.port_closed = cmd_orders_port_closed,
		.port_user = worker,
	};
	int result;

	config.subnet.has6 = harbour->guest.has6;
	worker->attempts = (struct cmd_attempts){
		.audit = harbour->auditing.path ? harbour->auditing.out : -1,
		.worker = worker,
		.quiet = harbour->quiet,
		.guest = harbour->name,
	};
	if (harbour->closed || harbour->auditing.path) {
		config.attempt = take_attempt;
		config.attempt_user = worker;
	}
	if (harbour->seeking) {
		config.identify = seek_program;
		config.identify_user = worker;
	}
	config.ask_user = worker;
	cmd_asked_begin(worker);
	if (harbour->ask || harbour->auditing.path)
		config.ask = cmd_asked_take;
	config.ask_names = harbour->ask;
	config.program = cmd_asked_program;
	/* Flows bear what lets them out: it stays where it is. */
	if (harbour->closed && relay_allow_reserve(&harbour->allows, CMD_RULE_NAMES) < 0)
		return drive_fail(error, ENOMEM, "out of memory");
	result = relay_create(&worker->relay, &config, error);
	if (result < 0)
		return result;
	/* Names of the guest's /etc/hosts are never asked for. */
	for (size_t i = 0; i < harbour->plan.name_count; i++)
		relay_pin(worker->relay, harbour->plan.names[i].name, &harbour->plan.names[i].addr);
	return relay_publish_start(worker->relay, &harbour->publish, error);
}

static int watch_all(struct cmd_worker *worker)
{
	struct cmd_answers answers = cmd_answers_of(worker);
	int result;

	worker->tap_watch =
		drive_loop_add(worker->loop, drive_tap_fd(worker->tap), EPOLLIN, tap_ready, worker);
	if (worker->tap_watch < 0)
		return (int)worker->tap_watch;
	worker->channel_watch =
		drive_loop_add(worker->loop, worker->channel, EPOLLIN, keeper_says, worker);
	if (worker->channel_watch < 0)
		return (int)worker->channel_watch;
	result = drive_loop_hook(worker->loop, relay_pump, worker->relay);
	if (!result)
		result = drive_loop_hook(worker->loop, turn, worker);
	if (!result)
		result = cmd_control_open(&worker->control, worker->loop, &answers);
	return result;
}

/* Waits for the keeper's first message; returns the tap. */
static int await_tap(struct cmd_worker *worker)
{
	struct cmd_message message;
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count;

	/* Without a keeper there is nothing to do. */
	if (cmd_channel_receive(worker->channel, &message, fds, &count) != 1 ||
	    message.kind != CMD_TELL_BEGIN || count != 1)
		_exit(1);
	worker->harbour->guest.init = message.begin.init;
	worker->harbour->guest.vnet = message.begin.vnet;
	worker->harbour->guest.has6 = message.begin.has6;
	worker->harbour->hand.pid = message.begin.worker;
	return fds[0];
}

static int begin_capture(struct cmd_worker *worker, struct drive_error *error)
{
	int result = cmd_capture_begin(&worker->capture, &worker->harbour->capturing);

	if (result < 0)
		return drive_fail(error, -result, "cannot begin the capture: %s",
				  strerror(-result));
	drive_tap_capture(worker->tap, worker->capture);
	return 0;
}

static int make(struct cmd_worker *worker, struct drive_error *error)
{
	int tap = await_tap(worker);
	int result = drive_loop_new(&worker->loop);

	if (result < 0)
		return drive_fail(error, -result, "cannot make the loop: %s", strerror(-result));
	drive_loop_crowd(worker->loop, worker->crowd);
	result = make_tap(worker, tap, error);
	if (!result)
		result = begin_capture(worker, error);
	if (!result)
		result = make_relay(worker, error);
	if (result < 0)
		return result;
	result = cmd_reserving_apply(worker);
	if (result < 0)
		return drive_fail(error, -result, "cannot keep reserved ports free: %s",
				  strerror(-result));
	result = watch_all(worker);
	if (result < 0)
		return drive_fail(error, -result, "cannot watch the guest: %s", strerror(-result));
	return 0;
}

/* ---- the life of a worker ---- */

/* Nothing to read, nothing to write to; what goes wrong is said to the keeper. */
/* unsealed: openat dup2 */
void cmd_worker_streams(int saying)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(saying, 2) < 0)
		_exit(1);
}

/* How many want to run is all that can be read there, and the sandbox has no files. */
/* unsealed: openat */
int cmd_worker_crowd(void)
{
	return open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
}

static int enter(struct cmd_worker *worker, const struct drive_sandbox *sandbox,
		 struct drive_error *error)
{
	const struct relay_publish *publish = &worker->harbour->publish;
	size_t count = 0;
	int *keep = calloc(publish->socket_count + 8, sizeof(*keep));
	int result;

	if (!keep)
		return drive_fail(error, ENOMEM, "out of memory");
	for (int fd = 0; fd < 3; fd++)
		keep[count++] = fd;
	keep[count++] = worker->channel;
	if (worker->harbour->capturing.fd)
		keep[count++] = worker->harbour->capturing.fd;
	if (worker->harbour->ruling.fellows.diag > 0)
		keep[count++] = worker->harbour->ruling.fellows.diag;
	if (worker->crowd >= 0)
		keep[count++] = worker->crowd;
	if (worker->harbour->auditing.path)
		keep[count++] = worker->harbour->auditing.out;
	for (size_t i = 0; i < publish->socket_count; i++)
		keep[count++] = relay_publish_fd(publish, i);
	result = drive_sandbox_enter(sandbox, keep, count, error);
	free(keep);
	return result;
}

int cmd_worker_signal(struct cmd_worker *worker, int signo)
{
	const struct cmd_message message = { .kind = CMD_ASK_SIGNAL, .number = signo };

	return cmd_channel_send(worker->channel, &message, NULL, 0);
}

/* syscalls: exit_group */
_Noreturn void cmd_worker_main(struct cmd_harbour *harbour, const struct drive_sandbox *sandbox,
			       int channel, int saying)
{
	struct cmd_worker worker = {
		.harbour = harbour,
		.channel = channel,
		.orphans = { .fd = -1 },
	};
	struct cmd_message ready = { .kind = CMD_ASK_READY };
	size_t seed = 0;

	cmd_worker_streams(saying);
	worker.crowd = cmd_worker_crowd();
	cmd_say_to(STDERR_FILENO);
	/* The keeper tells anew who runs. */
	for (size_t i = 0; i < harbour->ruling.fellows.count; i++)
		harbour->ruling.fellows.list[i].page = NULL;
	/* jansson would look for a file. */
	(void)drive_seed(&seed, sizeof(seed));
	json_object_seed(seed);
	ready.number = enter(&worker, sandbox, &ready.text);
	if (ready.number == 0)
		ready.number = make(&worker, &ready.text);
	/* Before the guest's first frame: its command waits for us. */
	if (ready.number == 0)
		(void)drive_sandbox_seal(&ready.text);
	if (cmd_channel_send(channel, &ready, NULL, 0) < 0 || ready.number < 0)
		_exit(1);
	if (drive_loop_run(worker.loop) < 0)
		_exit(1);
	cmd_asked_end(&worker);
	relay_free(worker.relay);
	cmd_attempts_end(&worker.attempts);
	drive_capture_free(worker.capture);
	_exit(0);
}
