/* SPDX-License-Identifier: BSD-2-Clause */
/* What run and attach have in common: the options of a guest's network, its name, its ports. */
#include "cmd/gateway/gateway.h"
#include "cmd/see/metrics.h"
#include "cmd/reserve.h"
#include "cmd/see/who.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define MTU_MIN 576   /* RFC 791: what every host takes */
#define MTU_MIN6 1280 /* RFC 8200 5 */
#define MTU_MAX 65521

#define AT(field) offsetof(struct cmd_network, field)

static const struct cmd_option options[] = {
	{ CMD_MANY, 'p', "publish", "PORT", AT(publish), 0, 0,
	  "Publish a port of the guest: [ADDR:]HOST[:GUEST][/tcp|/udp|/both], or a list of them "
	  "with commas. HOST may be a run such as 8000-8099; or all, every free host port; or "
	  "auto, what the guest opens; all,~22 leaves one out. 'PORT at most 20 per source' bounds "
	  "what one address has of it. Can be repeated. By default all addresses and TCP." },
	{ CMD_MANY, 0, "reach", "PORT", AT(reach), 0, 0,
	  "Let a port of the gateway's address lead to a port of the host's loopback: "
	  "HOST[:GUEST][/tcp|/udp|/both], or a list of them with commas; GUEST is the port as the "
	  "guest sees it. Can be repeated." },
	{ CMD_MANY, 0, "allow", "HOST", AT(allow), 0, 0,
	  "Let the guest out to HOST[:PORTS][/tcp|/udp|/both][/raw], and to nothing that is not "
	  "allowed so. HOST is a name, *.NAME for all below it, or an address or prefix; PORTS "
	  "are 80 and 443 by default. Can be repeated." },
	{ CMD_FLAG, 0, "allow-private", NULL, AT(allow_private), 0, 0,
	  "Names of --allow may lead to private networks, this host and its links too." },
	{ CMD_FLAG, 0, "ask", NULL, AT(ask), 0, 0,
	  "Ask the user about each TCP connection that no --allow lets out, by 'minato ask NAME' "
	  "in another terminal; without an answer in 30 seconds it is refused." },
	{ CMD_MANY, 0, "rule", "SENTENCE", AT(rule), 0, 0,
	  "Who may come in by published ports and where the guest may go, as in minato.conf(5): "
	  "'block everything from wan', 'block out to lan'. Of all that match the first decides. "
	  "Can be repeated." },
	{ CMD_TEXT, 0, "rules", "FILE", AT(rules), 0, 0, "The same from a file, behind --rule." },
	{ CMD_TEXT, 0, "audit", "FILE", AT(audit), 0, 0,
	  "Append a line of JSON to this file for all that the guest tries to reach." },
	{ CMD_TEXT, 'n', "name", "NAME", AT(name), 0, 0,
	  "Name of the guest; by default that of the command." },
	{ CMD_NUMBER, 0, "mtu", "BYTES", AT(mtu), MTU_MIN, MTU_MAX,
	  "MTU of the guest's link; 1500 by default. Below 1280 the guest has no IPv6." },
	{ CMD_MANY, 0, "cidr", "SUBNET", AT(cidr), 0, 0,
	  "Subnet of the guest, such as 10.9.8.0/24 or fd12::/64; once for each family. By default "
	  "10.0.2.0/24 and fd00::/64, or the next that the host does not use." },
	{ CMD_FLAG, '4', "ipv4-only", NULL, AT(only4), 0, 0, "No IPv6 in the guest." },
	{ CMD_FLAG, '6', "ipv6-only", NULL, AT(only6), 0, 0, "No IPv4 in the guest." },
	{ CMD_FLAG, 0, "host-loopback", NULL, AT(host_loopback), 0, 0,
	  "Let the gateway's address lead to the host's loopback." },
	{ CMD_TEXT, 0, "capture", "FILE", AT(capture), 0, 0,
	  "Write all frames of the guest's link to this file, in the format pcapng." },
	{ CMD_TEXT, 0, "capture-size", "BYTES", AT(capture_size), 0, 0,
	  "Let the capture end at this size, such as 500k, 20M or 1G; 64M by default." },
	{ CMD_NUMBER, 0, "capture-snap", "BYTES", AT(capture_snap), 14, 65535,
	  "Keep only so many bytes of each frame." },
	{ CMD_TEXT, 0, "metrics", "ADDR:PORT", AT(metrics), 0, 0,
	  "Serve the guest's metrics at http://ADDR:PORT/metrics, as OpenMetrics. Without ADDR: of "
	  "127.0.0.1." },
	{ CMD_FLAG, 'd', "detach", NULL, AT(detach), 0, 0,
	  "Go to the background when all is ready: network up, ports published. Prints the name." },
	{ CMD_TEXT, 0, "log", "FILE", AT(log), 0, 0,
	  "With --detach: append what is printed to this file; otherwise it is lost." },
	{ CMD_NUMBER, 0, "ready-fd", "FD", AT(ready_fd), 3, INT_MAX,
	  "Write \"1\" to this descriptor, and close it, when all is ready." },
	{ CMD_FLAG, 'v', "verbose", NULL, AT(verbose), 0, 0,
	  "Say the addresses and what is published." },
	{ CMD_FLAG, 'q', "quiet", NULL, AT(quiet), 0, 0, "Say nothing but errors." },
};

const struct cmd_shared cmd_network_options = { options, sizeof(options) / sizeof(options[0]) };

static int complain(const struct drive_error *error, int code)
{
	cmd_say("%s", error->text);
	return code;
}

/* ---- what was asked for ---- */

static int plan_subnet(struct drive_subnet *subnet, const struct cmd_network *chosen,
		       const struct cmd_command *command)
{
	struct drive_error error;
	struct drive_subnet given = { 0 };

	drive_subnet_choose(subnet, !chosen->only6, !chosen->only4 && chosen->mtu >= MTU_MIN6);
	for (size_t i = 0; i < chosen->cidr.count; i++) {
		struct drive_subnet only = { 0 };

		if (drive_subnet_parse(&only, chosen->cidr.text[i], &error) < 0)
			return cmd_usage(command, "--cidr: %s", error.text);
		if ((only.has4 && !subnet->has4) || (only.has6 && !subnet->has6))
			return cmd_usage(command, "--cidr %s: the guest is to have no such address",
					 chosen->cidr.text[i]);
		if ((only.has4 && given.has4) || (only.has6 && given.has6))
			return cmd_usage(command, "--cidr %s: once for each family",
					 chosen->cidr.text[i]);
		given.has4 |= only.has4;
		given.has6 |= only.has6;
		drive_subnet_parse(subnet, chosen->cidr.text[i], NULL);
	}
	return CMD_GO_ON;
}

static int plan_ports(struct relay_publish *publish, const struct cmd_network *chosen)
{
	struct drive_error error;

	for (size_t i = 0; i < chosen->publish.count; i++) {
		if (relay_publish_add(publish, chosen->publish.text[i], &error) < 0)
			return complain(&error, CMD_USAGE);
	}
	for (size_t i = 0; i < chosen->reach.count; i++) {
		if (relay_reach_add(publish, chosen->reach.text[i], &error) < 0)
			return complain(&error, CMD_USAGE);
	}
	return CMD_GO_ON;
}

static int plan_allows(struct cmd_harbour *harbour, const struct cmd_network *chosen,
		       const struct cmd_command *command)
{
	struct drive_error error;

	if (chosen->allow_private && !chosen->allow.count && !chosen->ask)
		return cmd_usage(command, "--allow-private goes with --allow HOST or --ask");
	for (size_t i = 0; i < chosen->allow.count; i++) {
		if (relay_allow_add(&harbour->allows, chosen->allow.text[i], &error) < 0)
			return complain(&error, CMD_USAGE);
	}
	harbour->allows.private = chosen->allow_private;
	harbour->closed = chosen->allow.count > 0 || chosen->ask;
	harbour->plan.shut = harbour->closed;
	harbour->ask = chosen->ask;
	/* For the question, for the audit, for the line about what is refused. */
	harbour->seeking = chosen->ask || chosen->audit || (harbour->closed && !chosen->quiet);
	harbour->auditing.path = chosen->audit;
	return CMD_GO_ON;
}

/* Once the guest's own network is known. */
static int check_allows(const struct cmd_harbour *harbour, const struct cmd_network *chosen,
			const struct cmd_command *command)
{
	/* They were read first, one of each. */
	for (size_t i = 0; i < chosen->allow.count; i++) {
		if (relay_allow_is_own(&harbour->allows.list[i], &harbour->plan.subnet))
			return cmd_usage(command,
					 "--allow %s: this is of the guest's own network, where "
					 "nobody else is; --reach PORT opens a port of this host's "
					 "loopback at its gateway, and --cidr gives it another "
					 "network",
					 chosen->allow.text[i]);
	}
	return CMD_GO_ON;
}

int cmd_network_plan(struct cmd_harbour *harbour, const struct cmd_network *chosen,
		     const struct cmd_command *command)
{
	struct drive_error error;
	int code;

	if (chosen->log && !chosen->detach)
		return cmd_usage(command, "--log is for what runs in the background: --detach");
	if (chosen->ready_fd >= 0 && fcntl((int)chosen->ready_fd, F_SETFD, FD_CLOEXEC) < 0)
		return cmd_usage(command, "--ready-fd %ld: %s", chosen->ready_fd, strerror(errno));
	if (chosen->only4 && chosen->only6)
		return cmd_usage(command, "--ipv4-only and --ipv6-only leave no address");
	if (chosen->only6 && chosen->mtu < MTU_MIN6)
		return cmd_usage(command, "--mtu %ld: IPv6 needs %d at least", chosen->mtu,
				 MTU_MIN6);
	if (chosen->name && (!strcmp(chosen->name, "lan") || !strcmp(chosen->name, "wan") ||
			     !strcmp(chosen->name, "self")))
		return cmd_usage(command, "--name %s: %s is a zone of rules, which name guests too",
				 chosen->name, chosen->name);
	if (chosen->name && !drive_runtime_name_ok(chosen->name))
		return cmd_usage(command,
				 "--name %s: a name has up to %d letters, digits, '.', '_' and "
				 "'-', and begins with a letter or digit",
				 chosen->name, DRIVE_NAME_SIZE - 1);
	if (chosen->metrics && cmd_listen_parse(&harbour->exporter.at, chosen->metrics, &error) < 0)
		return cmd_usage(command, "--metrics: %s", error.text);
	harbour->plan.mtu = (uint32_t)chosen->mtu;
	harbour->host_loopback = chosen->host_loopback;
	harbour->quiet = chosen->quiet;
	code = cmd_capture_plan(&harbour->capturing, chosen, command);
	if (code != CMD_GO_ON)
		return code;
	code = plan_allows(harbour, chosen, command);
	if (code == CMD_GO_ON)
		code = plan_ports(&harbour->publish, chosen);
	if (code == CMD_GO_ON)
		code = cmd_ruling_plan(harbour, &chosen->rule, chosen->rules, chosen->name);
	if (code != CMD_GO_ON)
		return code;
	code = plan_subnet(&harbour->plan.subnet, chosen, command);
	return code == CMD_GO_ON ? check_allows(harbour, chosen, command) : code;
}

int cmd_network_begin(struct cmd_harbour *harbour, const struct cmd_network *chosen)
{
	return chosen->detach ? cmd_detach_begin(&harbour->detach, chosen->log) : CMD_GO_ON;
}

/* ---- name and ports ---- */

/* Who has the name; asked of the guest itself. */
static int name_taken(const char *name, const struct drive_error *error)
{
	struct cmd_client client;

	if (cmd_client_open(&client, name, NULL) < 0)
		return complain(error, CMD_REFUSED);
	cmd_say("a guest named %s runs already (pid %d); stop it with 'minato stop %s', or choose "
		"another --name",
		name, (int)client.pid, name);
	cmd_client_close(&client);
	return CMD_REFUSED;
}

/* The ports alone may take more than the soft limit, which the guest keeps. */
static void raise_limit(struct cmd_harbour *harbour)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	harbour->plan.files = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Its process is made now, while there is little that it could take along. */
static int take_metrics(struct cmd_harbour *harbour)
{
	int code = cmd_exporter_take(&harbour->exporter, harbour->name);

	if (code == CMD_GO_ON)
		return code;
	relay_publish_free(&harbour->publish);
	drive_runtime_remove(harbour->name);
	close(harbour->listener);
	return code;
}

int cmd_network_take(struct cmd_harbour *harbour, const struct cmd_network *chosen,
		     const char *program)
{
	const struct drive_subnet *subnet = &harbour->plan.subnet;
	struct drive_error error;
	int lock;

	raise_limit(harbour);
	if (cmd_capture_create(&harbour->capturing, &error) < 0 ||
	    cmd_auditing_open(&harbour->auditing, &error) < 0 ||
	    gateway_alerts_apply(&harbour->alerting, &harbour->ruling.conf, &error) < 0)
		return complain(&error, CMD_FAILED);
	if (cmd_ruling_open(harbour, &harbour->publish, subnet->has6) < 0) {
		(void)cmd_publish_explain(&harbour->publish, &harbour->publish.failure, subnet,
					  false, &error);
		return complain(&error, CMD_REFUSED);
	}
	if (chosen->name)
		snprintf(harbour->name, sizeof(harbour->name), "%s", chosen->name);
	else
		cmd_guest_name(harbour->name, program);
	lock = drive_reserved_lock(false, &error);
	if (lock >= 0) {
		harbour->listener = drive_runtime_listen(harbour->name, !chosen->name, &error);
		close(lock);
	} else {
		harbour->listener = lock;
	}
	if (harbour->listener < 0) {
		relay_publish_free(&harbour->publish);
		if (harbour->listener == -EADDRINUSE)
			return name_taken(harbour->name, &error);
		return complain(&error, CMD_FAILED);
	}
	cmd_reserving_begin(harbour, chosen->quiet);
	return chosen->metrics ? take_metrics(harbour) : CMD_GO_ON;
}

/* ---- what is said ---- */

void cmd_network_tell_route(const struct drive_subnet *subnet)
{
	if (!subnet->routed)
		cmd_say("this host has no default route (see 'ip route'): the guest reaches only "
			"what the host reaches, and the rest as soon as the host has one");
}

void cmd_network_tell_subnet(const struct drive_subnet *subnet)
{
	struct minato_addr usual4 = minato_addr4(10, 0, 2, 0);
	struct minato_addr usual6 = { { 0xfd } };
	char text[64];

	if (subnet->has4 && !minato_addr_equal(&subnet->network4, &usual4)) {
		minato_addr_format(&subnet->network4, text, sizeof(text));
		cmd_say("the host uses 10.0.2.0/24; the guest has %s/%u", text, subnet->prefix4);
	}
	if (subnet->has6 && !minato_addr_equal(&subnet->network6, &usual6)) {
		minato_addr_format(&subnet->network6, text, sizeof(text));
		cmd_say("the host uses fd00::/64; the guest has %s/%u", text, subnet->prefix6);
	}
	if (subnet->overlaps4 || subnet->overlaps6)
		cmd_say("the host has routes to every subnet that could be chosen; name one by "
			"--cidr");
}

static void tell_port(const struct relay_spec *spec, uint8_t proto)
{
	struct view_port port = { .proto = proto };
	uint16_t extent = (uint16_t)(spec->last - spec->first);
	char host[VIEW_WORD_SIZE] = "";
	char first[VIEW_WORD_SIZE];
	char guest[VIEW_WORD_SIZE];

	port.host = (struct view_end){ spec->addr, 128, spec->first, spec->last };
	port.guest =
		(struct view_end){ .first = spec->guest, .last = (uint16_t)(spec->guest + extent) };
	if (!spec->every)
		view_address_word(host, sizeof(host), &port.host);
	cmd_say("published %s%s%s -> %s/%s", host, spec->every ? "" : ":",
		view_port_word(first, sizeof(first), &port.host, proto, NULL),
		view_port_word(guest, sizeof(guest), &port.guest, proto, NULL),
		view_proto_word(proto));
}

void cmd_network_tell(const struct cmd_harbour *harbour)
{
	const struct drive_subnet *subnet = &harbour->plan.subnet;
	char address4[64] = "";
	char address6[64] = "";

	if (subnet->has4)
		minato_addr_format(&subnet->guest4, address4, sizeof(address4));
	if (harbour->guest.has6)
		minato_addr_format(&subnet->guest6, address6, sizeof(address6));
	cmd_say("guest %s has %s%s%s", harbour->name, address4, *address4 && *address6 ? ", " : "",
		address6);
	if (!harbour->warning.text[0])
		cmd_say("its traffic is carried by process %d, in a sandbox: no files, no "
			"capabilities, %zu system calls",
			(int)harbour->hand.pid, drive_syscall_count);
	for (size_t i = 0; i < harbour->publish.spec_count; i++) {
		const struct relay_spec *spec = &harbour->publish.specs[i];
		char text[RELAY_SPEC_TEXT];

		if (spec->sort != RELAY_PORTS) {
			cmd_say("%s %s", spec->sort == RELAY_REACH ? "reaches" : "published",
				relay_spec_text(spec, text, sizeof(text)));
			continue;
		}
		if (spec->protocols & RELAY_TCP)
			tell_port(spec, MINATO_TCP);
		if (spec->protocols & RELAY_UDP)
			tell_port(spec, MINATO_UDP);
	}
	if (!relay_can_ping())
		cmd_say("%s", RELAY_PING_REMEDY);
}

void cmd_network_forget(struct cmd_harbour *harbour)
{
	relay_publish_free(&harbour->publish);
	relay_allow_free(&harbour->allows);
	cmd_ruling_free(&harbour->ruling);
}

void cmd_network_warn(const struct cmd_harbour *harbour, const struct cmd_network *chosen)
{
	if (harbour->guest.warning.text[0] && !chosen->quiet)
		cmd_say("%s", harbour->guest.warning.text);
	if (harbour->warning.text[0] && !chosen->quiet)
		cmd_say("the process for the traffic is less confined than it should be: %s",
			harbour->warning.text);
	cmd_ruling_warn(harbour);
	if (chosen->verbose)
		cmd_network_tell(harbour);
}

/* ---- service ---- */

/* As slirp4netns does it. Nobody there to read is no fault of the guest. */
static void write_ready(long fd)
{
	if (fd < 0)
		return;
	(void)!write((int)fd, "1", 1);
	close((int)fd);
}

int cmd_network_serve(struct cmd_harbour *harbour, const struct cmd_network *chosen)
{
	struct drive_error error;
	int result;

	write_ready(chosen->ready_fd);
	if (cmd_detach_ready(&harbour->detach, harbour->name) < 0)
		return CMD_FAILED;
	result = cmd_harbour_run(harbour, &error);
	if (result < 0)
		return complain(&error, CMD_FAILED);
	/* Nobody waits for the exit code, but whoever reads the log finds it. */
	if (chosen->detach && !chosen->quiet)
		cmd_say("%s has ended with %d", harbour->name, result);
	return result;
}
