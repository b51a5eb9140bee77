/* SPDX-License-Identifier: BSD-2-Clause */
/* minato attach: a network for namespaces that somebody else made. */
#include "cmd/cmd.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/stat.h>

struct attach_options {
	struct cmd_network network;
	const char *ifname;
	bool bare, keep_resolv;
};

#define AT(field) offsetof(struct attach_options, field)

static const struct cmd_option options[] = {
	{ CMD_TEXT, 0, "ifname", "NAME", AT(ifname), 0, 0,
	  "Name of the interface; tap0 by default." },
	{ CMD_FLAG, 0, "no-config", NULL, AT(bare), 0, 0,
	  "Make the interface only, or take the one that waits there; addresses, routes and "
	  "resolver are yours to set." },
	{ CMD_FLAG, 0, "no-resolv", NULL, AT(keep_resolv), 0, 0,
	  "Leave the target's /etc/resolv.conf alone." },
};

/* ---- what was asked for ---- */

static bool ifname_ok(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len < IFNAMSIZ && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       strcmp(name, "lo") != 0 && strcspn(name, "/:% \t\n") == len;
}

static int plan(struct cmd_harbour *harbour, const struct attach_options *chosen,
		struct cmd_operands *operands)
{
	if (operands->count != 1)
		return cmd_usage(&cmd_attach, operands->count ?
						      "one target only" :
						      "to which process, or network namespace?");
	if (chosen->ifname && !ifname_ok(chosen->ifname))
		return cmd_usage(&cmd_attach,
				 "--ifname \"%s\": the name of an interface has up to %d bytes, "
				 "without spaces, '/', ':' and '%%'",
				 chosen->ifname, IFNAMSIZ - 1);
	harbour->plan.ifname = chosen->ifname;
	harbour->plan.keep_resolv = chosen->keep_resolv;
	harbour->how = chosen->bare ? DRIVE_ATTACH_BARE : DRIVE_ATTACH_ALL;
	return cmd_network_plan(harbour, &chosen->network, &cmd_attach);
}

/* What the guest is called where it has no name: as the process's program, or the path's end. */
static const char *program_of(const struct drive_target *target, char *text, int size)
{
	char path[64];
	FILE *file;

	if (!target->pid)
		return target->file;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)target->pid);
	file = fopen(path, "re");
	if (!file || !fgets(text, size, file))
		text[0] = 0;
	text[strcspn(text, "\n")] = 0;
	if (file)
		fclose(file);
	return text;
}

/* ---- who serves it already ---- */

static bool serves(const char *name, const struct drive_target *target)
{
	struct cmd_guest guest;
	struct stat netns;
	char path[64];
	bool same;

	if (cmd_guest_ask(&guest, name, NULL) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", guest.view.init);
	same = stat(path, &netns) == 0 && netns.st_dev == target->dev &&
	       netns.st_ino == target->ino;
	cmd_guest_free(&guest);
	return same;
}

/* CMD_GO_ON where no guest of this user has the namespace. */
static int refuse_second(const struct drive_target *target, const char *word)
{
	struct cmd_names names;
	int code = CMD_GO_ON;

	if (cmd_names_read(&names, NULL) < 0)
		return CMD_GO_ON;
	for (size_t i = 0; i < names.count && code == CMD_GO_ON; i++) {
		if (!serves(names.list[i], target))
			continue;
		cmd_say("the guest %s serves the network of %s already; end it with 'minato stop "
			"%s'",
			names.list[i], word, names.list[i]);
		code = CMD_REFUSED;
	}
	cmd_names_free(&names);
	return code;
}

/* ---- what is said ---- */

static void tell_family(const char *name, const struct minato_addr *guest, uint8_t prefix,
			const struct minato_addr *gateway)
{
	char address[64];
	char next[64];

	minato_addr_format(guest, address, sizeof(address));
	minato_addr_format(gateway, next, sizeof(next));
	cmd_say("set on %s: address %s/%u, default route by %s", name, address, prefix, next);
}

/* What is left to the caller: a namespace alone has no files, a bare tap no addresses. */
static void tell_rest(const struct cmd_harbour *harbour)
{
	const struct drive_subnet *subnet = &harbour->plan.subnet;
	const char *name = harbour->plan.ifname ? harbour->plan.ifname : "tap0";
	char text[64];

	if (harbour->how == DRIVE_ATTACH_BARE && subnet->has4)
		tell_family(name, &subnet->guest4, subnet->prefix4, &subnet->gateway4);
	if (harbour->how == DRIVE_ATTACH_BARE && harbour->guest.has6)
		tell_family(name, &subnet->guest6, subnet->prefix6, &subnet->gateway6);
	if (harbour->guest.resolved || harbour->plan.keep_resolv)
		return;
	minato_addr_format(subnet->has4 ? &subnet->dns4 : &subnet->dns6, text, sizeof(text));
	if (harbour->target->pid)
		cmd_say("set in the resolv.conf of its programs: nameserver %s", text);
	else
		cmd_say("set in /etc/netns/%s/resolv.conf for 'ip netns exec', or in that of its "
			"programs: nameserver %s",
			harbour->target->file, text);
}

/* ---- running ---- */

static int serve(struct cmd_harbour *harbour, const struct cmd_network *chosen)
{
	struct drive_error error;
	int result = cmd_harbour_open(harbour, &error);

	if (result < 0) {
		cmd_say("%s", error.text);
		return result == -EALREADY || result == -EEXIST || result == -EPERM ? CMD_REFUSED :
										      CMD_FAILED;
	}
	cmd_network_warn(harbour, chosen);
	if (!chosen->quiet)
		tell_rest(harbour);
	return cmd_network_serve(harbour, chosen);
}

static int attach(struct cmd_harbour *harbour, const struct attach_options *chosen, char *word)
{
	static char attach_word[] = "attach";
	char *argv[] = { attach_word, word, NULL };
	char program[DRIVE_NAME_SIZE];
	int code = refuse_second(harbour->target, word);

	harbour->plan.argv = argv;
	if (code == CMD_GO_ON)
		code = cmd_network_begin(harbour, &chosen->network);
	if (code == CMD_GO_ON)
		code = cmd_network_take(harbour, &chosen->network,
					program_of(harbour->target, program, sizeof(program)));
	if (code != CMD_GO_ON)
		return code;
	if (!chosen->network.quiet && !chosen->network.cidr.count && !chosen->bare)
		cmd_network_tell_subnet(&harbour->plan.subnet);
	code = serve(harbour, &chosen->network);
	cmd_harbour_close(harbour);
	return code;
}

static int run(int argc, char **argv)
{
	struct attach_options chosen = { .network = CMD_NETWORK_DEFAULTS };
	struct cmd_harbour harbour = {
		.listener = -1,
		.guest = { .init = -1, .pidfd = -1, .control = -1, .tap = -1 },
		.netns = -1,
		.passing.terminal = -1,
	};
	struct drive_target target;
	struct cmd_operands operands;
	struct drive_error error;
	int code = cmd_parse(&cmd_attach, argv, &chosen, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	code = plan(&harbour, &chosen, &operands);
	if (code == CMD_GO_ON && drive_target_open(&target, operands.words[0], &error) < 0) {
		cmd_say("%s", error.text);
		code = CMD_REFUSED;
	} else if (code == CMD_GO_ON) {
		harbour.target = &target;
		code = attach(&harbour, &chosen, operands.words[0]);
		drive_target_close(&target);
	}
	cmd_network_forget(&harbour);
	return code;
}

const struct cmd_command cmd_attach = {
	.name = "attach",
	.args = "PID|NETNS-PATH",
	.summary = "Give a network to namespaces that are there.",
	.about = "To those of a process (of unshare, bubblewrap, a container), or to a network "
		 "namespace by its path (of 'ip netns'). It serves them until the process ends or "
		 "the path goes, or until it is ended itself, and takes away what it made. Ends "
		 "with 0 then; with 1 when it may not, or a port, the name or the interface is "
		 "taken; with 125 when minato fails.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.shared = &cmd_network_options,
	.shared_offset = AT(network),
	.run = run,
};
