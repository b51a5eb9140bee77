/* SPDX-License-Identifier: BSD-2-Clause */
/* The question of minato why and why-not: read from the command line, and asked. */
#include "cmd/guard/inquiry.h"

#include <string.h>
#include <time.h>

#define HOST_ADDRESSES_MAX 1024u

static int wrong(const struct cmd_command *command, const struct conf_report *report)
{
	return cmd_usage(command, "%s; it is asked as: %s tcp 203.0.113.9 to 198.51.100.1:80",
			 report->count ? report->fault[0].what : "this is no flow", command->name);
}

/* The guest's own address, of the family of what it goes to. */
static bool own_address(char *out, size_t size, const char *name, bool six)
{
	struct drive_error error;
	struct cmd_guest guest;
	bool has = cmd_guest_ask(&guest, name, &error) == 0 &&
		   (six ? guest.view.has6 : guest.view.has4);

	if (has)
		minato_addr_format(six ? &guest.view.addr6 : &guest.view.addr4, out, size);
	cmd_guest_free(&guest);
	return has;
}

/* What is said of a guest, and not as an address. */
static int fill_in(const struct cmd_command *command, struct cmd_why_inquiry *inquiry,
		   const char *name, struct conf_test *flow)
{
	char own[64];
	bool six = !flow->host[0] && !minato_addr_is4(&flow->destination.addr);

	if ((flow->guest || flow->host[0]) && !inquiry->guest)
		return cmd_usage(command, "%s is a gateway: say the address of an inside host",
				 name);
	if (inquiry->guest && (uint8_t)flow->proto == MINATO_PROTO_OTHER)
		return cmd_usage(command,
				 "of a guest tcp, udp and pings are carried, and nothing else");
	if (flow->self)
		return cmd_usage(command, "self has several addresses: say one");
	if (!flow->guest)
		return CMD_GO_ON;
	(void)snprintf(inquiry->host, sizeof(inquiry->host), "%s", flow->host);
	/* A name may have addresses of both families. */
	if (!own_address(own, sizeof(own), name, six) &&
	    !(flow->host[0] && own_address(own, sizeof(own), name, true)))
		return cmd_usage(command, "%s has no address of that family", name);
	(void)minato_addr_parse(own, &flow->source.addr);
	/* That nobody asks about. */
	if (flow->host[0])
		(void)minato_addr_parse(strchr(own, ':') ? "2001:db8::1" : "192.0.2.1",
					&flow->destination.addr);
	return CMD_GO_ON;
}

/*
 * Whence it comes is another guest's name: its calls bear the address that they are for. Writes
 * what stands in its place.
 */
static bool is_fellow(struct cmd_why_inquiry *inquiry, const char *from, const char *to, char *out,
		      size_t size)
{
	struct minato_addr addr;
	size_t length = strcspn(to, "]");

	if (!inquiry->guest || !drive_runtime_name_ok(from) || strchr(from, '.') ||
	    !strcmp(from, "guest") || minato_addr_parse(from, &addr) == 0)
		return false;
	if (to[0] == '[')
		(void)snprintf(out, size, "%.*s", (int)length - 1, to + 1);
	else
		(void)snprintf(out, size, "%.*s", (int)strcspn(to, ":"), to);
	if (minato_addr_parse(out, &addr) < 0)
		return false;
	(void)snprintf(inquiry->caller, sizeof(inquiry->caller), "%s", from);
	return true;
}

/* "tcp A to B:PORT", "icmp TYPE A to B", with an arrow too, read as the packet of a test is. */
int cmd_inquiry_read(const struct cmd_command *command, struct cmd_why_inquiry *inquiry,
		     const char *name, struct conf_statement *out,
		     const struct cmd_operands *operands)
{
	static struct conf_report report;
	char text[CONF_LINE_MAX];
	char source[64];
	char **words = operands->words;
	int count = operands->count;

	if (count >= 6 && !strcmp(words[count - 2], "by")) {
		if (inquiry->guest)
			return cmd_usage(command, "%s is a guest, which has no links to say", name);
		inquiry->link = words[count - 1];
		count -= 2;
	}
	if (count >= 3 && !strcmp(words[count - 1], "-"))
		return cmd_usage(command, "a shell takes the > of -> for itself: say 'to' instead");
	if ((count != 4 && (count != 5 || strcmp(words[0], "icmp") != 0)) ||
	    (strcmp(words[count - 2], "to") != 0 && strcmp(words[count - 2], "->") != 0))
		return cmd_usage(command,
				 "it is asked as: %s tcp 203.0.113.9 to 198.51.100.1:80, or: %s "
				 "ping 203.0.113.9 to 198.51.100.1",
				 command->name, command->name);
	(void)snprintf(inquiry->proto, sizeof(inquiry->proto), "%.15s%s%.32s",
		       count == 4 && !strcmp(words[0], "icmp") ? "ping" : words[0],
		       count == 5 ? " " : "", count == 5 ? words[1] : "");
	(void)snprintf(text, sizeof(text), "test %s from %s to %s passes", inquiry->proto,
		       is_fellow(inquiry, words[count - 3], words[count - 1], source,
				 sizeof(source)) ?
			       source :
			       words[count - 3],
		       words[count - 1]);
	/* A name that is no guest's here is no end. */
	if (conf_statement_read(out, text, &report) < 0 || out->kind != CONF_KIND_TEST ||
	    out->test.caller[0]) {
		(void)snprintf(source, sizeof(source), "%.*s", (int)strcspn(words[count - 1], ":"),
			       words[count - 1]);
		if (inquiry->guest && cmd_fellows_runs(source))
			return cmd_usage(command,
					 "%s is a guest, which is reached at this host's addresses "
					 "by the ports that it publishes: say one, as "
					 "192.0.2.1:8080; 'minato ps' shows the ports",
					 source);
		return wrong(command, &report);
	}
	return fill_in(command, inquiry, name, &out->test);
}

/* The worker knows the instant, and not how the user's clocks are read. */
static void say_block(json_t *step)
{
	time_t until = (time_t)json_real_value(json_object_get(step, "until"));
	json_int_t left_s = json_integer_value(json_object_get(step, "left_s"));
	char at[32], says[128];
	struct tm local;

	if (!localtime_r(&until, &local) || !strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S", &local))
		(void)snprintf(at, sizeof(at), "?");
	(void)snprintf(says, sizeof(says),
		       "blocked as a scanner until %s (%lld s left): see minato scans", at,
		       (long long)left_s);
	json_object_set_new(step, "says", json_string(says));
}

/* An address of this host's. A gateway in its sandbox does not see them. */
static bool is_hosts(const struct minato_addr *addr)
{
	static struct drive_hostaddr own[HOST_ADDRESSES_MAX];
	int count = drive_hostaddr_read(own, HOST_ADDRESSES_MAX);

	for (int i = 0; i < count && i < (int)HOST_ADDRESSES_MAX; i++) {
		if (minato_addr_equal(&own[i].addr, addr))
			return true;
	}
	return false;
}

int cmd_inquiry_ask(struct cmd_why_inquiry *inquiry, const char *name)
{
	const struct conf_test *flow = inquiry->flow;
	struct drive_error error;
	json_t *step;
	size_t i;
	json_t *request = json_pack("{s:s,s:i,s:i,s:o,s:o}", "request", "why", "proto",
				    (int)flow->proto, "type", (int)conf_test_type(flow), "from",
				    view_message_end(&flow->source), "to",
				    view_message_end(&flow->destination));

	if (inquiry->host[0])
		(void)json_object_set_new(request, "name", json_string(inquiry->host));
	if (inquiry->link)
		(void)json_object_set_new(request, "link", json_string(inquiry->link));
	if (!inquiry->guest && is_hosts(&flow->destination.addr))
		(void)json_object_set_new(request, "own", json_true());
	if (inquiry->suppose)
		(void)json_object_set_new(request, "suppose", json_true());
	if (inquiry->caller[0])
		(void)json_object_set_new(request, "caller", json_string(inquiry->caller));
	if (inquiry->caller[0])
		(void)snprintf(inquiry->from, sizeof(inquiry->from), "%s", inquiry->caller);
	else
		minato_addr_format(&flow->source.addr, inquiry->from, sizeof(inquiry->from));
	if (inquiry->host[0])
		(void)snprintf(inquiry->to, sizeof(inquiry->to), "%.63s", inquiry->host);
	else
		minato_addr_format(&flow->destination.addr, inquiry->to, sizeof(inquiry->to));
	inquiry->reply = gateway_ask(name, request, &error);
	if (!inquiry->reply || !json_is_array(json_object_get(inquiry->reply, "steps"))) {
		const char *text = json_string_value(json_object_get(inquiry->reply, "error"));

		cmd_say("%s: %s", name, inquiry->reply ? text ? text : "no answer" : error.text);
		return CMD_FAILED;
	}
	json_array_foreach(json_object_get(inquiry->reply, "steps"), i, step)
	{
		if (json_object_get(step, "left_s"))
			say_block(step);
	}
	return CMD_GO_ON;
}
