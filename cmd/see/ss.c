/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * minato ss: the sockets of this host's kernel and the ports and connections of the running guests,
 * in the columns of ss. Rows come one after another and are printed as they come.
 */
#include "cmd/see/ss.h"

#include <errno.h>
#include <string.h>

#define AT(field) offsetof(struct ss_options, field)

static const struct cmd_option options[] = {
	{ CMD_FLAG, 't', "tcp", NULL, AT(tcp), 0, 0, "TCP only." },
	{ CMD_FLAG, 'u', "udp", NULL, AT(udp), 0, 0, "UDP only." },
	{ CMD_FLAG, 'l', "listening", NULL, AT(listening), 0, 0,
	  "Only what waits for others: listening programs and published ports." },
	{ CMD_FLAG, 'a', "all", NULL, AT(all), 0, 0,
	  "What waits, what is connected, what is over but rests (TIME-WAIT), a guest's rules." },
	{ CMD_FLAG, 'n', "numeric", NULL, AT(numeric), 0, 0, "Ports and rates as numbers." },
	{ CMD_FLAG, 'r', "resolve", NULL, AT(resolve), 0, 0, "Names of hosts." },
	{ CMD_FLAG, '4', "ipv4", NULL, AT(only4), 0, 0, "IPv4 only." },
	{ CMD_FLAG, '6', "ipv6", NULL, AT(only6), 0, 0, "IPv6 only." },
	{ CMD_FLAG, 'p', "processes", NULL, AT(processes), 0, 0,
	  "Which programs hold the socket." },
	{ CMD_FLAG, 'o', "options", NULL, AT(timers), 0, 0, "The timer that is set." },
	{ CMD_FLAG, 'e', "extended", NULL, AT(extended), 0, 0,
	  "User, inode, cookie, cgroup; of a guest also age, bytes, the outside port." },
	{ CMD_FLAG, 'm', "memory", NULL, AT(memory), 0, 0, "The memory that the socket uses." },
	{ CMD_FLAG, 'i', "info", NULL, AT(info), 0, 0, "What TCP knows of the connection." },
	{ CMD_FLAG, 's', "summary", NULL, AT(summary), 0, 0, "How many sockets there are." },
	{ CMD_FLAG, 'K', "kill", NULL, AT(kill), 0, 0,
	  "Close the connections that the filter says, and list what was closed." },
	{ CMD_FLAG, 'H', "no-header", NULL, AT(no_header), 0, 0, "No heading." },
	{ CMD_FLAG, 'O', "oneline", NULL, AT(oneline), 0, 0, "Each row on one line." },
	{ CMD_TEXT, 'F', "filter", "FILE", AT(filter), 0, 0,
	  "Read a filter from the file too; - is standard input." },
	{ CMD_FLAG, 0, "host", NULL, AT(host), 0, 0, "Of this host only, not of guests." },
	{ CMD_TEXT, 0, "in", "GUEST", AT(guest), 0, 0, "Of this guest only." },
	{ CMD_FLAG, 0, "netstat", NULL, AT(netstat), 0, 0,
	  "As netstat prints them; with -e the user and inode." },
	{ CMD_FLAG, 'W', "wide", NULL, AT(wide), 0, 0, "With --netstat: no address is cut." },
	{ CMD_MAYBE, 0, "watch", "SECONDS", AT(watch), 0, 0,
	  "Again and again, each second or as often as said, with what changes marked." },
	{ CMD_FLAG, 0, "json", NULL, AT(json), 0, 0, "JSON; minato-ss(1) says which members." },
};

/* ---- options of ss that are not here ---- */

static const struct {
	char letter;
	const char *name, *why;
} absent[] = {
	{ 'x', "unix", "minato lists TCP and UDP, not Unix sockets" },
	{ 'w', "raw", "minato lists TCP and UDP, not raw sockets" },
	{ '0', "packet", "minato lists TCP and UDP, not packet sockets" },
	{ 'd', "dccp", "minato lists TCP and UDP, not DCCP" },
	{ 'S', "sctp", "minato lists TCP and UDP, not SCTP" },
	{ 'M', "mptcp", "minato lists the TCP connections that MPTCP is made of" },
	{ 0, "vsock", "minato lists TCP and UDP, not vsock" },
	{ 0, "tipc", "minato lists TCP and UDP, not TIPC" },
	{ 0, "xdp", "minato lists TCP and UDP, not XDP" },
	{ 'f', "family", "-4 and -6 say which family" },
	{ 'A', "query", "-t and -u say which sockets" },
	{ 0, "socket", "-t and -u say which sockets" },
	{ 'E', "events", "minato does not wait for sockets to end" },
	{ 'T', "threads", "-p shows processes, which threads share" },
	{ 'Z', "context", "minato does not show security contexts" },
	{ 'z', "contexts", "minato does not show security contexts" },
	{ 'N', "net",
	  "--in GUEST looks into a guest; ip netns exec NAME minato ss --host into NAME" },
	{ 'b', "bpf", "minato does not show BPF filters" },
	{ 'D', "diag", "--json has what the kernel says" },
	{ 0, "tos", "minato does not show traffic classes" },
	{ 0, "cgroup", "-e shows the cgroup" },
	{ 0, "inet-sockopt", "minato does not show socket options" },
};

static int refuse_absent(const char *word)
{
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		bool whole = word[1] == '-' && !strcmp(word + 2, absent[i].name);
		bool letter = word[1] != '-' && absent[i].letter &&
			      strchr(word + 1, absent[i].letter);

		if (whole)
			return cmd_usage(&cmd_ss, "--%s of ss is not here: %s", absent[i].name,
					 absent[i].why);
		if (letter)
			return cmd_usage(&cmd_ss, "-%c of ss is not here: %s", absent[i].letter,
					 absent[i].why);
	}
	return CMD_GO_ON;
}

/* Before the options are read, so that who knows ss is told what to do instead. */
static int look_for_absent(char *const *argv)
{
	int code = CMD_GO_ON;

	for (size_t i = 1; code == CMD_GO_ON && argv[i] && strcmp(argv[i], "--") != 0; i++) {
		/* Words of a filter and values of options begin otherwise. -F takes the rest. */
		if (argv[i][0] == '-' && argv[i][1] && argv[i][1] != 'F')
			code = refuse_absent(argv[i]);
	}
	return code;
}

/* ---- guests ---- */

static int say_unknown(const char *name)
{
	char hint[256];

	cmd_say("no guest is called %s%s", name, cmd_names_hint(hint, sizeof(hint), name));
	return CMD_REFUSED;
}

static int list_one(struct cmd_ss *ss)
{
	const char *name = ss->chosen->guest;
	struct drive_error error;
	int result = cmd_ss_guest(ss, name, &error);

	if (result == -ENOENT)
		return say_unknown(name);
	if (result < 0)
		cmd_say("%s: %s", name, error.text);
	return result < 0 ? CMD_REFUSED : CMD_OK;
}

/* A guest that ends meanwhile is no failure; what is wrong with one is said. */
static void list_guests(struct cmd_ss *ss, const struct cmd_names *names)
{
	struct drive_error error;

	for (size_t i = 0; i < names->count; i++) {
		int result = cmd_ss_guest(ss, names->list[i], &error);

		if (result < 0 && result != -ENOENT)
			cmd_say("%s: %s", names->list[i], error.text);
	}
}

int cmd_ss_list(struct cmd_ss *ss, const struct cmd_names *names)
{
	int result = 0;

	if (ss->chosen->guest)
		return list_one(ss);
	result = cmd_ss_host(ss);
	if (result >= 0)
		list_guests(ss, names);
	else if (!ferror(stdout)) /* else who prints says it */
		cmd_say("cannot read this host's sockets: %s", strerror(-result));
	return result < 0 ? CMD_FAILED : CMD_OK;
}

/* ---- what is done with the rows ---- */

static int print(struct cmd_ss *ss, const struct cmd_names *names)
{
	struct cmd_ss_print *print = cmd_ss_print_open(ss, !ss->chosen->guest && !names->count);
	int result;
	int code;

	if (!print) {
		cmd_say("out of memory");
		return CMD_FAILED;
	}
	code = cmd_ss_list(ss, names);
	if (ss->chosen->guest && code != CMD_OK) {
		cmd_ss_print_drop(print);
		return code;
	}
	result = cmd_ss_print_close(print);
	if (result < 0)
		cmd_say("cannot write the list: %s", strerror(-result));
	return result < 0 ? CMD_FAILED : code;
}

static int print_kill(struct cmd_ss *ss, const struct cmd_names *names)
{
	struct cmd_ss_kill kill = { cmd_ss_print_open(ss, !ss->chosen->guest && !names->count), 0,
				    0 };
	int code;

	if (!kill.print) {
		cmd_say("out of memory");
		return CMD_FAILED;
	}
	ss->take = cmd_ss_kill;
	ss->user = &kill;
	code = cmd_ss_list(ss, names);
	(void)cmd_ss_print_close(kill.print);
	if (code == CMD_OK)
		cmd_ss_kill_end(&kill);
	return code == CMD_OK && !kill.closed ? CMD_REFUSED : code;
}

static int summary_of(const struct cmd_ss *ss, const char *name)
{
	struct drive_error error;
	int result = cmd_ss_guest_summary(stdout, ss, name, &error);

	if (result == -ENOENT)
		return say_unknown(name);
	if (result < 0)
		cmd_say("%s: %s", name, error.text);
	return result < 0 ? CMD_REFUSED : CMD_OK;
}

static int print_summary(const struct cmd_ss *ss, const struct cmd_names *names)
{
	int result;

	if (ss->chosen->guest)
		return summary_of(ss, ss->chosen->guest);
	result = cmd_ss_summary(stdout);
	if (result < 0) {
		cmd_say("cannot read /proc/self/net: %s", strerror(-result));
		return CMD_FAILED;
	}
	for (size_t i = 0; i < names->count; i++)
		(void)summary_of(ss, names->list[i]);
	return CMD_OK;
}

/* ---- the command ---- */

void cmd_ss_begin(struct cmd_ss *ss, struct cmd_names *names)
{
	const struct ss_options *chosen = ss->chosen;
	struct drive_error error;

	*names = (struct cmd_names){ 0 };
	/* Without a runtime directory there are no guests. */
	if (!chosen->host && !chosen->guest && cmd_names_read(names, &error) < 0)
		cmd_say("%s", error.text);
	if ((chosen->processes || chosen->json) && kernel_owners_read(&ss->owners) < 0)
		cmd_say("out of memory: owners are not shown");
	if (chosen->extended || chosen->json)
		ss->groups = kernel_groups_read();
	(void)kernel_knobs_read(&ss->knobs, 0);
}

void cmd_ss_end(struct cmd_ss *ss, struct cmd_names *names)
{
	kernel_owners_free(ss->owners);
	kernel_groups_free(ss->groups);
	ss->owners = NULL;
	ss->groups = NULL;
	cmd_names_free(names);
}

static int act(struct cmd_ss *ss)
{
	struct cmd_names names;
	int code;

	cmd_ss_begin(ss, &names);
	if (ss->chosen->summary)
		code = print_summary(ss, &names);
	else
		code = ss->chosen->kill ? print_kill(ss, &names) : print(ss, &names);
	cmd_ss_end(ss, &names);
	return code;
}

static int check(const struct ss_options *chosen, const struct filter_program *program)
{
	if (chosen->json && chosen->netstat)
		return cmd_usage(&cmd_ss, "--json and --netstat exclude each other");
	if (chosen->watch && (chosen->json || chosen->netstat || chosen->summary || chosen->kill))
		return cmd_usage(&cmd_ss, "--watch shows the usual listing; it goes without "
					  "--json, --netstat, -s and -K");
	if (chosen->watch && cmd_watch_every(chosen->watch) < 0)
		return cmd_usage(&cmd_ss, "--watch=%s: expected seconds, from 0.1 to 3600",
				 chosen->watch);
	if (chosen->host && chosen->guest)
		return cmd_usage(&cmd_ss, "--host and --in exclude each other");
	if (chosen->kill && !program->count && !program->stated && !chosen->guest)
		return cmd_usage(&cmd_ss, "-K without a filter or --in would close everything; "
					  "'-K state all' says so");
	return CMD_GO_ON;
}

/* netstat lists what rests or begins too, where ss leaves it out. */
static void widen(const struct ss_options *chosen, struct filter_program *program)
{
	if (!chosen->netstat || chosen->all || chosen->listening || program->stated)
		return;
	program->stated = true;
	program->states = FILTER_STATES_CONNECTED;
}

/* The words of the command line, as the title of a screen. */
static void write_title(char *title, size_t size, char *const *argv)
{
	size_t used = 0;

	for (size_t i = 0; argv[i] && used < size; i++) {
		int length = snprintf(title + used, size - used, "%s%s", i ? " " : "", argv[i]);

		used += length > 0 ? (size_t)length : 0;
	}
}

static int run(int argc, char **argv)
{
	static struct filter_program program;
	char title[256];
	struct ss_options chosen = { 0 };
	struct cmd_ss ss = { .chosen = &chosen };
	struct cmd_operands operands;
	int code = look_for_absent(argv);

	(void)argc;
	write_title(title, sizeof(title), argv);
	if (code == CMD_GO_ON)
		code = cmd_parse(&cmd_ss, argv, &chosen, &operands);
	if (code != CMD_GO_ON)
		return code;
	ss.filter = (struct view_filter){
		.tcp = chosen.tcp,
		.udp = chosen.udp,
		.all = chosen.all,
		.listening = chosen.listening,
		.rules = chosen.extended,
		.only4 = chosen.only4,
		.only6 = chosen.only6,
		.program = &program,
	};
	code = cmd_filter_read(&program, &ss.filter, operands.words, chosen.filter);
	if (code == CMD_GO_ON)
		code = check(&chosen, &program);
	if (code != CMD_GO_ON)
		return code;
	widen(&chosen, &program);
	return chosen.watch ? cmd_ss_watch(&ss, title) : act(&ss);
}

const struct cmd_command cmd_ss = {
	.name = "ss",
	.args = "[state S] [filter]",
	.summary = "List ports and connections of this host and the running guests, as ss does.",
	.about =
		"Of a guest all is seen from the guest: local is its side. By default what is "
		"connected; -l what waits for others, -a both. Filters are those of ss(8): state "
		"established '( dport = :https or sport = :ssh )' dst 10.0.0.0/8; minato-ss(1) has "
		"all of them.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.operand = CMD_OPERAND_FILTER,
	.run = run,
};
