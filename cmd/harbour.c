/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main loop beside a guest. A wake goes through in this order, so that one turn drains well:
 *
 *   tap readable ---> drive_tap_read: a batch of frames into the host value
 *   host sockets ---> the relay's callbacks mark what is ready
 *   hook 1       ---> relay_pump: events, bytes both ways, the relay's timers
 *   hook 2       ---> drive_tap_write: frames for the guest, one ACK for the batch
 *
 * When the command has ended its last words are still carried out: data and FINs that its sockets
 * had not yet sent, as they would be on any host.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LINK 0
#define SCOPE_INSIDE 0
#define SCOPE_OUTSIDE 1

#define NS_PER_MS INT64_C(1000000)
/* How long to leave the tap alone when the host value has no chunk free. */
#define STARVED_NS NS_PER_MS
/* How often an ending guest's flows are looked at, and for how long at most. */
#define LAST_WORDS_LOOK_NS (2 * NS_PER_MS)
#define LAST_WORDS_NS (5000 * NS_PER_MS)
/* The share of it for far sides that have all and need only close. */
#define LAST_ANSWER_NS (1000 * NS_PER_MS)

/* Locally administered; the last byte as in the addresses. */
static const uint8_t gateway_mac[6] = { 0x02, 0x6d, 0x6e, 0x74, 0x00, 0x02 };
static const uint8_t guest_mac[6] = { 0x02, 0x6d, 0x6e, 0x74, 0x00, 0x64 };

static struct minato_time after(struct minato_time now, int64_t ns)
{
	return (struct minato_time){ now.ns + ns };
}

static struct minato_time earlier(struct minato_time a, struct minato_time b)
{
	return a.ns < b.ns ? a : b;
}

/* ---- the tap ---- */

static void watch_tap(struct cmd_harbour *harbour, bool starved, bool blocked)
{
	if (starved == harbour->starved && blocked == harbour->blocked)
		return;
	harbour->starved = starved;
	harbour->blocked = blocked;
	drive_loop_modify(harbour->loop, harbour->tap_watch,
			  (starved ? 0u : EPOLLIN) | (blocked ? EPOLLOUT : 0u));
}

/* The guest took its link away; the command goes on without. */
static void lose_tap(struct cmd_harbour *harbour)
{
	drive_loop_remove(harbour->loop, harbour->tap_watch);
	harbour->tap_watch = 0;
	if (!harbour->ending)
		cmd_say("the guest's tap0 is gone: it has no network any more");
}

/* Frames read, 0, or -ENOBUFS; a tap that is lost counts as silent. */
static int read_tap(struct cmd_harbour *harbour)
{
	int count;

	if (!harbour->tap_watch)
		return 0;
	count = drive_tap_read(harbour->tap, harbour->host, drive_loop_now(harbour->loop));
	if (count == -ENOBUFS)
		watch_tap(harbour, true, harbour->blocked);
	else if (count < 0)
		lose_tap(harbour);
	return count < 0 ? 0 : count;
}

static void tap_ready(void *user, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		read_tap(user);
}

static void write_tap(struct cmd_harbour *harbour, struct minato_time now)
{
	int result;

	if (!harbour->tap_watch)
		return;
	result = drive_tap_write(harbour->tap, harbour->host, now);
	if (result < 0)
		lose_tap(harbour);
	else
		watch_tap(harbour, harbour->starved, result > 0);
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

static enum remains look_round(struct cmd_harbour *harbour)
{
	enum remains most = REMAINS_NOTHING;
	struct minato_row row;
	uint64_t cursor = 0;

	while (most != REMAINS_DATA && minato_row(harbour->host, &cursor, &row)) {
		enum remains one = remains_of(&row);

		most = one > most ? one : most;
	}
	return most;
}

static bool is_worth_waiting(struct cmd_harbour *harbour, struct minato_time now)
{
	int64_t left = harbour->ending_until.ns - now.ns;

	if (left <= 0 || !harbour->tap_watch)
		return false;
	switch (look_round(harbour)) {
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
static struct minato_time hear_last_words(struct cmd_harbour *harbour, struct minato_time now)
{
	if (read_tap(harbour) > 0)
		return now;
	if (is_worth_waiting(harbour, now))
		return after(now, LAST_WORDS_LOOK_NS);
	drive_loop_stop(harbour->loop, 0);
	return now;
}

static void guest_ended(void *user, uint32_t events)
{
	struct cmd_harbour *harbour = user;
	struct minato_time now = drive_loop_now(harbour->loop);

	(void)events;
	if (harbour->ending)
		return;
	harbour->ending = true;
	harbour->ending_until = after(now, LAST_WORDS_NS);
	/* Ended for good: its descriptor stays readable. */
	drive_loop_remove(harbour->loop, harbour->end_watch);
	harbour->code = drive_guest_reap(&harbour->guest);
}

static struct minato_time turn(void *user, struct minato_time now)
{
	struct cmd_harbour *harbour = user;
	struct minato_time next;

	write_tap(harbour, now);
	if (drive_tap_converses(harbour->tap))
		drive_loop_expect(harbour->loop);
	next = minato_deadline(harbour->host);
	if (harbour->starved) {
		watch_tap(harbour, false, harbour->blocked);
		next = earlier(next, after(now, STARVED_NS));
	}
	if (harbour->ending)
		next = earlier(next, hear_last_words(harbour, now));
	return next;
}

/* ---- making ---- */

static int add_addresses(struct cmd_harbour *harbour)
{
	const struct drive_subnet *subnet = &harbour->plan.subnet;
	struct minato *host = harbour->host;
	int result = 0;

	if (subnet->has4) {
		struct minato_addr any = minato_addr4(0, 0, 0, 0);

		result = minato_address_add(host, LINK, &subnet->gateway4, subnet->prefix4);
		if (!result)
			result = minato_address_add(host, LINK, &subnet->dns4, subnet->prefix4);
		if (!result)
			result = minato_neighbour_add(host, LINK, &subnet->guest4, guest_mac);
		if (!result)
			result = minato_route_add(host, &any, 0, &subnet->guest4, LINK);
	}
	if (!result && harbour->guest.has6) {
		static const struct minato_addr any;

		result = minato_address_add(host, LINK, &subnet->gateway6, subnet->prefix6);
		if (!result)
			result = minato_address_add(host, LINK, &subnet->dns6, subnet->prefix6);
		if (!result)
			result = minato_neighbour_add(host, LINK, &subnet->guest6, guest_mac);
		if (!result)
			result = minato_route_add(host, &any, 0, &subnet->guest6, LINK);
	}
	return result;
}

static int make_host(struct cmd_harbour *harbour, uint32_t offloads)
{
	struct minato_config config;
	struct minato_link_config *link = &config.link[LINK];
	int result;

	minato_config_init(&config);
	result = drive_seed(config.seed, sizeof(config.seed));
	if (result < 0)
		return result;
	config.link_count = 1;
	link->type = MINATO_LINK_ETHERNET;
	link->mtu = harbour->plan.mtu;
	link->offloads = offloads;
	link->scope = SCOPE_INSIDE;
	link->proxy = true;
	link->any_destination = true;
	memcpy(link->mac, gateway_mac, sizeof(link->mac));
	harbour->memory_size = minato_size(&config);
	if (!harbour->memory_size)
		return -EINVAL;
	harbour->memory = mmap(NULL, harbour->memory_size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (harbour->memory == MAP_FAILED) {
		harbour->memory = NULL;
		return -errno;
	}
	result = minato_create(harbour->memory, harbour->memory_size, &config, drive_now(),
			       &harbour->host);
	return result ? result : add_addresses(harbour);
}

static int make_tap(struct cmd_harbour *harbour, struct drive_error *error)
{
	struct drive_offers offers;
	int fd = harbour->guest.tap;
	int result;

	harbour->guest.tap = -1;
	result = drive_tap_open(&harbour->tap, fd, harbour->guest.vnet, LINK);
	if (result < 0)
		return drive_fail(error, -result, "cannot use the tap: %s", strerror(-result));
	drive_tap_offers(harbour->tap, &offers);
	result = make_host(harbour, offers.given);
	if (result < 0)
		return drive_fail(error, -result, "cannot make the host value: %s",
				  strerror(-result));
	return 0;
}

static int make_relay(struct cmd_harbour *harbour, struct drive_error *error)
{
	struct relay_config config = {
		.host = harbour->host,
		.loop = harbour->loop,
		.subnet = harbour->plan.subnet,
		.inside = SCOPE_INSIDE,
		.outside = SCOPE_OUTSIDE,
		.host_loopback = harbour->host_loopback,
	};
	int result;

	config.subnet.has6 = harbour->guest.has6;
	result = relay_create(&harbour->relay, &config, error);
	if (result < 0)
		return result;
	return relay_publish_start(harbour->relay, &harbour->publish, error);
}

static int watch_all(struct cmd_harbour *harbour)
{
	struct cmd_answers answers = cmd_answers_of(harbour);
	int listener = harbour->listener;
	int result;

	harbour->tap_watch = drive_loop_add(harbour->loop, drive_tap_fd(harbour->tap), EPOLLIN,
					    tap_ready, harbour);
	if (harbour->tap_watch < 0)
		return (int)harbour->tap_watch;
	harbour->end_watch =
		drive_loop_add(harbour->loop, harbour->guest.pidfd, EPOLLIN, guest_ended, harbour);
	if (harbour->end_watch < 0)
		return (int)harbour->end_watch;
	result = drive_loop_hook(harbour->loop, relay_pump, harbour->relay);
	if (!result)
		result = drive_loop_hook(harbour->loop, turn, harbour);
	if (result < 0)
		return result;
	harbour->listener = -1;
	return cmd_control_open(&harbour->control, harbour->loop, listener, &answers);
}

int cmd_harbour_signal(struct cmd_harbour *harbour, int signo)
{
	if (!harbour->ending)
		return drive_guest_signal(&harbour->guest, signo);
	if (signo != SIGWINCH && signo != SIGCONT)
		harbour->ending_until = drive_loop_now(harbour->loop);
	return 0;
}

static void pass(void *user, int signo)
{
	cmd_harbour_signal(user, signo);
}

/* Without it the guest's sockets die with its last process, and what they had to say. */
static void keep_netns(struct cmd_harbour *harbour)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)harbour->guest.init);
	harbour->netns = open(path, O_RDONLY | O_CLOEXEC);
}

int cmd_harbour_open(struct cmd_harbour *harbour, struct drive_error *error)
{
	int result;

	harbour->guest = (struct drive_guest){ -1, -1, -1, -1, .has6 = false };
	harbour->netns = -1;
	harbour->passing = (struct cmd_passing){ .pass = pass, .user = harbour, .terminal = -1 };
	harbour->started = drive_now();
	harbour->started_s = time(NULL);
	memcpy(harbour->plan.mac, guest_mac, sizeof(guest_mac));
	result = drive_loop_new(&harbour->loop);
	if (!result)
		result = cmd_passing_begin(&harbour->passing, harbour->loop);
	if (result < 0)
		return drive_fail(error, -result, "cannot make the loop: %s", strerror(-result));
	result = drive_guest_make(&harbour->guest, &harbour->plan, error);
	if (result < 0)
		return result;
	keep_netns(harbour);
	result = make_tap(harbour, error);
	if (!result)
		result = make_relay(harbour, error);
	if (result < 0)
		return result;
	result = watch_all(harbour);
	if (result < 0)
		return drive_fail(error, -result, "cannot watch the guest: %s", strerror(-result));
	return 0;
}

int cmd_harbour_run(struct cmd_harbour *harbour, struct drive_error *error)
{
	int result = drive_guest_go(&harbour->guest, error);

	if (result < 0)
		return result;
	harbour->ran = true;
	result = drive_loop_run(harbour->loop);
	if (result < 0)
		return drive_fail(error, -result, "the loop failed: %s", strerror(-result));
	return harbour->code;
}

void cmd_harbour_close(struct cmd_harbour *harbour)
{
	if (harbour->relay)
		relay_free(harbour->relay);
	relay_publish_free(&harbour->publish);
	drive_guest_end(&harbour->guest);
	if (harbour->netns >= 0)
		close(harbour->netns);
	if (harbour->tap)
		drive_tap_free(harbour->tap);
	/* While the socket still listens, nobody takes its name for a dead one's. */
	drive_runtime_remove(harbour->name);
	if (harbour->control)
		cmd_control_close(harbour->control);
	else if (harbour->listener >= 0)
		close(harbour->listener);
	cmd_passing_end(&harbour->passing);
	if (harbour->loop)
		drive_loop_free(harbour->loop);
	if (harbour->memory)
		munmap(harbour->memory, harbour->memory_size);
}
