/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker of a gateway: moves packets between its links. A wake goes through in this order:
 *
 *   a link readable ---> drive_tap_read: a batch of frames into the host value
 *   hook             ---> minato_output: frames for all links, each run to its own
 *
 * A link that has no room loses what is meant for it meanwhile, as a router's queue does: what
 * others send to each other does not wait for it.
 */
#include "cmd/gateway/gateway.h"
#include "cmd/guard/scans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
/* How long to leave links alone when the host value has no chunk free. */
#define STARVED_NS NS_PER_MS
#define FRAMES 64

static struct minato_time earlier(struct minato_time a, struct minato_time b)
{
	return a.ns < b.ns ? a : b;
}

/* ---- frames ---- */

static void watch_port(struct gateway_port *port, bool starved, bool blocked)
{
	if (starved == port->starved && blocked == port->blocked)
		return;
	port->starved = starved;
	port->blocked = blocked;
	drive_loop_modify(port->worker->base.loop, port->watch,
			  (starved ? 0u : EPOLLIN) | (blocked ? EPOLLOUT : 0u));
}

static void lose_port(struct gateway_port *port)
{
	const struct conf_link *said = &port->worker->keeper->links.list[port->link].said;
	char text[256];

	drive_loop_remove(port->worker->base.loop, port->watch);
	port->watch = 0;
	cmd_say("the link %s is gone; the others go on",
		gateway_link_word(said, text, sizeof(text)));
}

static void read_port(struct gateway_port *port)
{
	struct cmd_worker *base = &port->worker->base;
	struct minato_time now = drive_loop_now(base->loop);
	int count = port->tap ? drive_tap_read(port->tap, base->host, now) :
				drive_link_read(port->eth, base->host, now);

	if (count == -ENOBUFS)
		watch_port(port, true, port->blocked);
	else if (count < 0)
		lose_port(port);
}

static void port_ready(void *user, uint32_t events)
{
	struct gateway_port *port = user;

	if (events & EPOLLOUT) {
		int result = drive_tap_flush(port->tap);

		if (result < 0)
			lose_port(port);
		else
			watch_port(port, port->starved, result > 0);
	}
	if (port->watch && events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		read_port(port);
}

/* As many from the first as go to the same link. */
static size_t run_of(const struct minato_frame_out *frames, size_t count)
{
	size_t run = 1;

	while (run < count && frames[run].link == frames[0].link)
		run++;
	return run;
}

static void write_run(struct gateway_worker *worker, const struct minato_frame_out *frames,
		      size_t count)
{
	struct gateway_port *port = &worker->ports[frames[0].link];
	int result;

	if (port->eth) {
		drive_link_send(port->eth, frames, count);
		return;
	}
	if (!port->watch || port->blocked) {
		worker->out_lost += count;
		return;
	}
	result = drive_tap_send(port->tap, frames, count);
	if (result < 0)
		lose_port(port);
	else if (result > 0)
		watch_port(port, port->starved, true);
}

static void write_all(struct gateway_worker *worker, struct minato_time now)
{
	struct minato_frame_out frames[FRAMES];
	size_t count;

	while ((count = minato_output(worker->base.host, now, frames, FRAMES)) > 0) {
		for (size_t at = 0; at < count;) {
			size_t run = run_of(frames + at, count - at);

			write_run(worker, frames + at, run);
			at += run;
		}
	}
}

/* ---- interfaces that change ---- */

/* A link that flaps is said to so often only; if it is then as it was said to be, no more. */
#define SAID_NS (10000 * NS_PER_MS)

static struct minato_time say_change(struct gateway_port *port, struct minato_time now)
{
	const struct conf_link *said = &port->worker->keeper->links.list[port->link].said;
	const struct minato_time next = { port->said.ns + SAID_NS };
	char text[256];

	if (port->lies == port->down)
		return MINATO_NEVER;
	if (now.ns < next.ns)
		return next;
	gateway_link_word(said, text, sizeof(text));
	cmd_say("the link %s is %s", text, port->lies ? "down" : "up again");
	port->down = port->lies;
	port->said = now;
	return MINATO_NEVER;
}

static void say_state(struct gateway_port *port, const struct drive_link_state *state)
{
	const struct conf_link *said = &port->worker->keeper->links.list[port->link].said;
	char text[256];

	port->lies = !state->up && !state->gone;
	if (!state->gone) {
		(void)say_change(port, drive_loop_now(port->worker->base.loop));
		return;
	}
	port->down = false;
	gateway_link_word(said, text, sizeof(text));
	cmd_say("the link %s is gone; the others go on", text);
}

/* A link of which a smaller one was said keeps to that. */
static void follow_mtu(struct gateway_port *port, const struct drive_link_state *state)
{
	struct gateway_worker *worker = port->worker;
	struct gateway_link *link = &worker->keeper->links.list[port->link];
	uint32_t mtu = state->mtu;
	char text[256];

	if (link->said.mtu && link->said.mtu < mtu)
		mtu = link->said.mtu;
	if (state->gone || mtu == link->mtu)
		return;
	gateway_link_word(&link->said, text, sizeof(text));
	if (minato_link_mtu(worker->base.host, port->link, mtu) < 0) {
		cmd_say("the link %s takes packets of %u bytes: not enough, %u are assumed", text,
			mtu, link->mtu);
		return;
	}
	cmd_say("the link %s takes packets of %u bytes, not of %u any more", text, mtu, link->mtu);
	link->mtu = mtu;
	gateway_carrying_renew(&worker->carrying, port->link, drive_loop_now(worker->base.loop));
}

static bool is_ours(const struct gateway_port *port, const struct minato_addr *addr)
{
	const struct conf_link *said = &port->worker->keeper->links.list[port->link].said;

	for (uint32_t i = 0; i < said->address_count; i++) {
		if (minato_addr_equal(&said->address[i].addr, addr))
			return true;
	}
	return false;
}

static void link_news(void *user, uint32_t events)
{
	struct gateway_port *port = user;
	struct drive_link_state state = { .up = true };
	struct minato_addr kernel[8];
	size_t count = 0;
	char text[64];

	(void)events;
	if (drive_link_news(port->eth, &state, kernel, 8, &count))
		say_state(port, &state);
	follow_mtu(port, &state);
	for (size_t i = 0; i < count && i < 8; i++) {
		if (!is_ours(port, &kernel[i]))
			continue;
		minato_addr_format(&kernel[i], text, sizeof(text));
		cmd_say("the kernel has got %s too, and will answer beside the gateway: take it "
			"away from there",
			text);
	}
}

/* ---- a turn ---- */

/* Sockets of our own: of forwards that end here, and of probes. */
static void take_event(void *user, const struct minato_event *event)
{
	struct gateway_worker *worker = user;

	if (!gateway_ends_event(&worker->ends, event))
		(void)gateway_health_event(&worker->health, event);
}

static struct minato_time serve(struct gateway_worker *worker, struct minato_time now)
{
	struct minato_event event;
	struct minato_time ends = gateway_ends_turn(&worker->ends, now);

	/* Where the host's sockets are the outside, the relay gives us what is not its own. */
	while (!worker->base.relay && minato_event(worker->base.host, &event))
		take_event(worker, &event);
	ends = earlier(ends,
		       gateway_partings_turn(&worker->applied.partings, worker->base.host, now));
	return earlier(ends, gateway_health_turn(&worker->health, now));
}

static struct minato_time turn(void *user, struct minato_time now)
{
	struct gateway_worker *worker = user;
	struct minato_time next;

	minato_advance(worker->base.host, now);
	next = serve(worker, now);
	cmd_scanning_turn(&worker->base);
	cmd_rule_log_turn(&worker->base.rule_log, worker->base.host, now, gateway_rule_place,
			  &worker->applied);
	write_all(worker, now);
	next = earlier(next, gateway_carrying_turn(&worker->carrying, now));
	next = earlier(next, minato_deadline(worker->base.host));
	for (size_t i = 0; i < worker->port_count; i++) {
		struct gateway_port *port = &worker->ports[i];

		if (!port->watch)
			continue;
		next = earlier(next, say_change(port, now));
		if (port->tap ? drive_tap_converses(port->tap) : drive_link_converses(port->eth))
			drive_loop_expect(worker->base.loop);
		if (!port->starved)
			continue;
		watch_port(port, false, port->blocked);
		next = earlier(next, (struct minato_time){ now.ns + STARVED_NS });
	}
	return next;
}

/* ---- the keeper ---- */

/* The host's sockets follow the entries; where they cannot, these go back. */
static int open_doors(struct gateway_worker *worker, const struct gateway_rules *rules,
		      struct drive_error *error)
{
	struct gateway_rules before = { .until_s = NULL };
	int result = gateway_doors_start(&worker->doors, rules, worker->base.relay, error);

	if (result == 0)
		return 0;
	/* What the doors were for, and nothing else, is missing from the list before. */
	result = gateway_rules_copy(&before, rules);
	for (size_t i = before.conf.count; result == 0 && i-- > 0;) {
		if (before.conf.list[i]->kind == CONF_KIND_FORWARD &&
		    !gateway_doors_have(&worker->doors, before.conf.list[i]))
			gateway_rules_remove(&before, i);
	}
	if (result == 0)
		result = gateway_apply(&worker->applied, &before, NULL);
	gateway_rules_free(&before);
	return result < 0 ? -ENOTRECOVERABLE : -EADDRINUSE;
}

#define TURNS_MAX 8u

/* What waits, while a change is under way of which nothing is to be seen. */
static void let_pass(void *user)
{
	struct gateway_worker *worker = user;
	int called = 1;

	for (unsigned i = 0; i < TURNS_MAX && called > 0; i++)
		called = drive_loop_turn(worker->base.loop, (struct minato_time){ 0 });
	write_all(worker, drive_now());
}

/* What is known beside the rules: which servers are down, what is done about scans. */
static void settle(void *user)
{
	struct gateway_worker *worker = user;

	(void)gateway_scans_apply(worker->base.host, &worker->applied.rest, false);
	(void)gateway_health_sync(&worker->health, drive_now());
}

/* What is in force is brought to what the list says, which the keeper then hears. */
/* syscalls: close */
static void take_rules(struct gateway_worker *worker, int fd)
{
	struct cmd_message message = { .kind = GATEWAY_ASK_APPLIED };
	struct gateway_rules rules;
	int result;

	/* The keeper sends one list after the other. */
	if (worker->changing) {
		if (fd >= 0)
			close(fd);
		return;
	}
	worker->changing = true;
	gateway_breath_begin(let_pass, worker);
	result = fd < 0 ? -EBADF : gateway_rules_load(&rules, fd);
	if (fd >= 0)
		close(fd);
	if (result < 0) {
		(void)drive_fail(&message.text, -result, "the list makes no sense: %s",
				 strerror(-result));
	} else {
		result = gateway_apply(&worker->applied, &rules, &message.text);
		if (result == 0 && worker->base.relay)
			result = open_doors(worker, &rules, &message.text);
		gateway_rules_free(&rules);
	}
	if (result < 0)
		gateway_doors_withdraw(&worker->doors);
	gateway_breath_end();
	worker->changing = false;
	write_all(worker, drive_now());
	(void)gateway_carrying_turn(&worker->carrying, drive_now());
	message.number = result;
	(void)cmd_channel_send(worker->base.channel, &message, NULL, 0);
	/* Neither the one nor the other: the next worker begins with what the keeper has. */
	if (result == -ENOTRECOVERABLE)
		drive_loop_stop(worker->base.loop, 1);
}

static void admit_client(struct gateway_worker *worker, const struct cmd_message *message, int fd)
{
	struct minato_owner who = message->client;

	(void)snprintf(who.guest, sizeof(who.guest), "%s", worker->base.harbour->name);
	cmd_control_admit(worker->base.control, fd, &who, (enum cmd_client_right)message->number);
}

/* Descriptors that come along are taken over; -1 where none came. */
static void take_message(struct gateway_worker *worker, const struct cmd_message *message, int fd)
{
	switch (message->kind) {
	case CMD_TELL_CLIENT:
		admit_client(worker, message, fd);
		return;
	case CMD_TELL_NAMESERVERS:
		if (worker->base.relay)
			relay_nameservers(worker->base.relay, message->nameservers.list,
					  message->nameservers.count);
		break;
	case GATEWAY_TELL_RULES:
		take_rules(worker, fd);
		return;
	case GATEWAY_TELL_PIECE:
		(void)gateway_parcel_take(&worker->answer, message);
		break;
	case GATEWAY_TELL_BEAT:
		(void)cmd_channel_send(worker->base.channel,
				       &(struct cmd_message){ .kind = GATEWAY_ASK_BEAT }, NULL, 0);
		break;
	case GATEWAY_TELL_DONE:
		gateway_reply_done(worker, message->number);
		break;
	case GATEWAY_TELL_DOOR:
		gateway_doors_take(&worker->doors, message, fd);
		return;
	case GATEWAY_TELL_DIALLED:
		gateway_ends_dialled(&worker->ends, message->number, fd);
		return;
	default:
		break;
	}
	if (fd >= 0)
		close(fd);
}

static void keeper_says(void *user, uint32_t events)
{
	struct gateway_worker *worker = user;
	struct cmd_message message = { .kind = 0 };
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count = 0;
	uint32_t kind = 0;

	(void)events;
	if (cmd_channel_peek(worker->base.channel, &kind) == -EAGAIN)
		return;
	if (kind == CMD_TELL_CLIENT)
		cmd_control_expect(worker->base.control);
	if (cmd_channel_receive(worker->base.channel, &message, fds, &count) != 1) {
		/* The keeper is gone, or wants another worker. */
		drive_loop_stop(worker->base.loop, 0);
		return;
	}
	if (count > 1)
		cmd_channel_drop(fds + 1, count - 1);
	take_message(worker, &message, count ? fds[0] : -1);
}

/* ---- making ---- */

/* What the other side of the link takes. */
static int open_port(struct gateway_port *port, const struct gateway_link *link, uint32_t *offloads)
{
	struct drive_offers offers;
	int result;

	*offloads = link->ends.offloads;
	if (link->said.sort == CONF_LINK_INTERFACE)
		return drive_link_open(&port->eth, &link->ends, port->link);
	result = drive_tap_open(&port->tap, link->fd, link->vnet, port->link);
	if (result == 0) {
		drive_tap_offers(port->tap, &offers);
		*offloads = offers.given;
	}
	return result;
}

/* The link's own number in the host value is its place in the list. */
static int open_ports(struct gateway_worker *worker, struct minato_config *config)
{
	const struct gateway_links *links = &worker->keeper->links;

	worker->ports = calloc(links->count ? links->count : 1, sizeof(worker->ports[0]));
	if (!worker->ports)
		return -ENOMEM;
	for (size_t i = 0; i < links->count; i++) {
		struct gateway_port *port = &worker->ports[i];
		int result;

		port->worker = worker;
		port->link = (uint32_t)i;
		result = open_port(port, &links->list[i], &config->link[i].offloads);
		if (result < 0)
			return result;
		worker->port_count++;
	}
	return 0;
}

static int make_ends(struct gateway_worker *worker)
{
	worker->health.applied = &worker->applied;
	worker->applied.settle = settle;
	worker->applied.settle_user = worker;
	worker->ends = (struct gateway_ends){
		.host = worker->base.host,
		.loop = worker->base.loop,
		.channel = worker->base.channel,
		.applied = &worker->applied,
	};
	return gateway_health_sync(&worker->health, drive_now());
}

/* In the memory that the keeper holds too. */
static int make_host(struct gateway_worker *worker, struct drive_error *error)
{
	struct gateway_keeper *keeper = worker->keeper;
	struct gateway_head *head;
	struct minato_config config;
	size_t size;
	int result;

	gateway_config(&config, &keeper->standing.conf, &keeper->links);
	result = open_ports(worker, &config);
	if (result == 0)
		result = drive_seed(config.seed, sizeof(config.seed));
	if (result == 0)
		result = gateway_memory_map(keeper->memory, true, &head, &size);
	if (result == 0)
		result = minato_create((uint8_t *)head + GATEWAY_HEAD_SIZE, size, &config,
				       drive_now(), &worker->base.host);
	if (result < 0)
		return drive_fail(error, -result, "cannot make the host value: %s",
				  strerror(-result));
	(void)minato_policy_set(worker->base.host,
				&(struct minato_policy){ .uid = worker->base.harbour->uid });
	cmd_worker_act(&worker->base);
	worker->applied.host = worker->base.host;
	worker->applied.links = &keeper->links;
	worker->applied.flows_max = config.sessions_max / 2;
	result = gateway_apply(&worker->applied, &keeper->standing, error);
	if (result == 0)
		result = gateway_scans_apply(worker->base.host, &keeper->standing.conf, false);
	if (result == 0)
		result = make_ends(worker);
	if (result == 0)
		result = gateway_carrying_begin(&worker->carrying, worker->base.host,
						&keeper->links, keeper->carry);
	/* From now on a successor can make sense of it. */
	head->config = config;
	head->complete = result == 0;
	return result;
}

/* Sessions that the one before us carried. */
/* unsealed: munmap */
static void take_over(struct gateway_worker *worker)
{
	struct gateway_head *head;
	size_t size;

	if (worker->keeper->old_memory < 0 ||
	    gateway_memory_map(worker->keeper->old_memory, false, &head, &size) < 0)
		return;
	(void)gateway_salvage(&worker->applied, head, size, &worker->salvaged, &worker->lost);
	(void)munmap(head, size + GATEWAY_HEAD_SIZE);
}

static int watch_link(struct gateway_port *port, struct drive_loop *loop)
{
	int fd = port->tap ? drive_tap_fd(port->tap) : drive_link_fd(port->eth);

	port->watch = drive_loop_add(loop, fd, EPOLLIN, port_ready, port);
	if (port->watch < 0)
		return (int)port->watch;
	if (port->eth)
		port->news_watch =
			drive_loop_add(loop, drive_link_watch(port->eth), EPOLLIN, link_news, port);
	return port->news_watch < 0 ? (int)port->news_watch : 0;
}

/* ---- the host's sockets as the outside ---- */

static void tell_notice(void *user, const char *text)
{
	const struct gateway_worker *worker = user;

	if (!worker->base.harbour->quiet)
		cmd_say("%s", text);
}

/* The keeper is to look whether this host's nameservers are others now. */
static void look(void *user)
{
	const struct gateway_worker *worker = user;
	const struct cmd_message message = { .kind = CMD_ASK_LOOK };

	(void)cmd_channel_send(worker->base.channel, &message, NULL, 0);
}

/*
 * An inside as the relay knows a guest's subnet. The gateway's own address is that of the resolver
 * too, as hosts expect of a router.
 */
static void describe_inside(const struct conf_link *inside, struct drive_subnet *subnet)
{
	for (uint32_t i = 0; i < inside->address_count; i++) {
		const struct conf_prefix *one = &inside->address[i];
		struct minato_addr network = one->addr;

		for (uint32_t bit = one->length; bit < 128; bit++)
			network.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
		if (minato_addr_is4(&one->addr)) {
			subnet->has4 = true;
			subnet->prefix4 = (uint8_t)(one->length - 96);
			subnet->gateway4 = one->addr;
			subnet->dns4 = one->addr;
			subnet->network4 = network;
		} else {
			subnet->has6 = true;
			subnet->prefix6 = one->length;
			subnet->gateway6 = one->addr;
			subnet->dns6 = one->addr;
			subnet->network6 = network;
		}
	}
}

static uint8_t proxy_of(void *user, uint64_t word)
{
	const struct gateway_worker *worker = user;
	struct gateway_held *held;
	const struct conf_statement *one = gateway_forward_of(&worker->applied, word, &held);

	return one ? one->forward.proxy : 0;
}

static int make_relay(struct gateway_worker *worker, struct drive_error *error)
{
	static struct relay_inside further[CONF_LINKS_MAX];
	const struct gateway_links *links = &worker->keeper->links;
	struct relay_config config = {
		.host = worker->base.host,
		.loop = worker->base.loop,
		.inside = CONF_SCOPE_INSIDE,
		.outside = CONF_SCOPE_OUTSIDE,
		.other = take_event,
		.other_user = worker,
		.notice = tell_notice,
		.notice_user = worker,
		.look = look,
		.look_user = worker,
		.proxy = proxy_of,
		.proxy_user = worker,
		.take = gateway_ends_take,
		.take_user = &worker->ends,
	};
	int result;

	if (!links->host)
		return 0;
	describe_inside(&links->list[0].said, &config.subnet);
	for (size_t i = 1; i < links->count; i++) {
		struct relay_inside *inside = &further[config.further_count++];

		inside->scope = (uint8_t)(CONF_SCOPE_OUTSIDE + i);
		describe_inside(&links->list[i].said, &inside->subnet);
	}
	config.further = further;
	result = relay_create(&worker->base.relay, &config, error);
	if (result == 0)
		result = drive_loop_hook(worker->base.loop, relay_pump, worker->base.relay);
	if (result < 0)
		return result;
	gateway_doors_inherit(&worker->doors, &worker->keeper->doors);
	return gateway_doors_start(&worker->doors, &worker->keeper->standing, worker->base.relay,
				   error);
}

static int watch_all(struct gateway_worker *worker)
{
	struct cmd_answers answers = gateway_answers_of(worker);
	struct drive_loop *loop = worker->base.loop;
	int result;

	for (size_t i = 0; i < worker->port_count; i++) {
		result = watch_link(&worker->ports[i], loop);
		if (result < 0)
			return result;
	}
	worker->channel_watch =
		drive_loop_add(loop, worker->base.channel, EPOLLIN, keeper_says, worker);
	if (worker->channel_watch < 0)
		return (int)worker->channel_watch;
	result = drive_loop_hook(loop, turn, worker);
	if (!result)
		result = cmd_control_open(&worker->base.control, loop, &answers);
	return result;
}

/* The first message only says that all is ready to begin with. */
static void await_begin(struct gateway_worker *worker)
{
	struct cmd_message message = { .kind = 0 };
	int fds[CMD_CHANNEL_FDS_MAX];
	size_t count = 0;

	if (cmd_channel_receive(worker->base.channel, &message, fds, &count) != 1 ||
	    message.kind != CMD_TELL_BEGIN || count)
		_exit(1);
	worker->base.harbour->hand.pid = message.begin.worker;
}

static int make(struct gateway_worker *worker, struct drive_error *error)
{
	int result;

	await_begin(worker);
	result = drive_loop_new(&worker->base.loop);
	if (result < 0)
		return drive_fail(error, -result, "cannot make the loop: %s", strerror(-result));
	drive_loop_crowd(worker->base.loop, worker->base.crowd);
	result = make_host(worker, error);
	if (result < 0)
		return result;
	result = make_relay(worker, error);
	if (result < 0)
		return result;
	take_over(worker);
	result = watch_all(worker);
	if (result < 0)
		return drive_fail(error, -result, "cannot watch the links: %s", strerror(-result));
	return 0;
}

/* ---- the life of a worker ---- */

static int enter(struct gateway_worker *worker, const struct drive_sandbox *sandbox,
		 struct drive_error *error)
{
	const struct gateway_keeper *keeper = worker->keeper;
	size_t doors = gateway_doors_fds(&keeper->doors, NULL);
	int *keep = calloc(4 * CONF_LINKS_MAX + 8 + doors, sizeof(keep[0]));
	size_t count = 0;
	int result;

	if (!keep)
		return drive_fail(error, ENOMEM, "out of memory");
	for (int fd = 0; fd < 3; fd++)
		keep[count++] = fd;
	keep[count++] = worker->base.channel;
	keep[count++] = worker->base.crowd;
	keep[count++] = keeper->memory;
	keep[count++] = keeper->old_memory;
	for (size_t i = 0; i < keeper->links.count; i++) {
		const struct gateway_link *link = &keeper->links.list[i];

		keep[count++] = link->fd;
		keep[count++] = link->ends.packet;
		keep[count++] = link->ends.sender;
		keep[count++] = link->ends.watch;
	}
	count += gateway_doors_fds(&keeper->doors, keep + count);
	result = drive_sandbox_enter(sandbox, keep, count, error);
	free(keep);
	return result;
}

/* How it begins, for the log. */
static void describe(struct gateway_worker *worker, struct drive_error *text)
{
	if (worker->keeper->old_memory < 0)
		(void)drive_fail(text, 0, "%s",
				 worker->keeper->salvaging ? "open sessions are lost" : "");
	else
		(void)drive_fail(text, 0, "%llu sessions go on%s",
				 (unsigned long long)worker->salvaged,
				 worker->lost ? ", some could not be taken over" : "");
}

/* syscalls: exit_group */
void gateway_worker_main(struct cmd_harbour *harbour, const struct drive_sandbox *sandbox,
			 int channel, int saying)
{
	static struct gateway_worker worker;
	struct cmd_message ready = { .kind = CMD_ASK_READY };
	struct drive_error warning = { "" };
	size_t seed = 0;

	worker.base.harbour = harbour;
	worker.base.channel = channel;
	worker.base.orphans.fd = -1;
	worker.keeper = (struct gateway_keeper *)harbour;
	cmd_worker_streams(saying);
	worker.base.crowd = cmd_worker_crowd();
	cmd_say_to(STDERR_FILENO);
	/* jansson would look for a file. */
	(void)drive_seed(&seed, sizeof(seed));
	json_object_seed(seed);
	ready.number = enter(&worker, sandbox, &warning);
	if (ready.number < 0)
		ready.text = warning;
	else
		ready.number = make(&worker, &ready.text);
	if (ready.number == 0) {
		describe(&worker, &ready.text);
		(void)drive_sandbox_seal(&warning);
	}
	if (warning.text[0] && ready.number == 0)
		cmd_say("the process for the traffic is less confined than it should be: %s",
			warning.text);
	if (cmd_channel_send(channel, &ready, NULL, 0) < 0 || ready.number < 0)
		_exit(1);
	_exit(drive_loop_run(worker.base.loop) == 0 ? 0 : 1);
}
