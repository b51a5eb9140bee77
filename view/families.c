/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The families of minato's metrics, in the order in which they are printed, each with the samples
 * of every guest together, as both text forms want it.
 */
#include "view/view.h"

#include <ctype.h>
#include <string.h>

struct writer {
	struct view_metrics metrics;
	const struct view_scene *scene;
};

static const char *const protocols[VIEW_PROTOCOLS] = { "tcp", "udp" };
static const uint8_t protocol_numbers[VIEW_PROTOCOLS] = { MINATO_TCP, MINATO_UDP };

/* "FIN-WAIT-1" as a label: "fin_wait_1". Returns `out`. */
static const char *state_label(char *out, size_t size, size_t state)
{
	const char *name = minato_state_name((enum minato_state)state);
	size_t i = 0;

	for (; name[i] && i + 1 < size; i++)
		out[i] = name[i] == '-' ? '_' : (char)tolower((unsigned char)name[i]);
	out[i] = '\0';
	return out;
}

static void sample(struct writer *w, double value, const struct view_label *labels, size_t count)
{
	view_metrics_sample(&w->metrics, value, labels, count);
}

/* ---- what there is of a guest, whatever it counts ---- */

static void write_build(struct writer *w)
{
	static const struct view_family family = { VIEW_INFO, "build", NULL,
						   "The minato that measures." };
	const struct view_label label = { "version", w->scene->version };

	view_metrics_family(&w->metrics, &family);
	sample(w, 1, &label, 1);
}

static void write_up(struct writer *w)
{
	static const struct view_family family = { VIEW_GAUGE, "guest_up", NULL,
						   "Whether the running guest answered." };

	view_metrics_family(&w->metrics, &family);
	for (size_t i = 0; i < w->scene->guest_count; i++) {
		const struct view_measures *guest = &w->scene->guests[i];
		const struct view_label label = { "guest", guest->guest };

		sample(w, guest->up, &label, 1);
	}
}

static void write_start(struct writer *w)
{
	static const struct view_family family = { VIEW_GAUGE, "guest_start_time", "seconds",
						   "When the guest was started, since 1970." };

	view_metrics_family(&w->metrics, &family);
	for (size_t i = 0; i < w->scene->guest_count; i++) {
		const struct view_measures *guest = &w->scene->guests[i];
		const struct view_label label = { "guest", guest->guest };

		if (guest->up)
			sample(w, (double)guest->started_s, &label, 1);
	}
}

/* ---- ports and connections ---- */

static void write_ports(struct writer *w)
{
	static const struct view_family family = {
		VIEW_GAUGE, "ports_in_use", NULL,
		"Different ports of the guest that flows and published ports use."
	};

	view_metrics_family(&w->metrics, &family);
	for (size_t i = 0; i < w->scene->guest_count * VIEW_PROTOCOLS * MINATO_PORT_KIND_COUNT;
	     i++) {
		enum minato_port_kind kind = i % MINATO_PORT_KIND_COUNT;
		size_t proto = i / MINATO_PORT_KIND_COUNT % VIEW_PROTOCOLS;
		const struct view_measures *guest =
			&w->scene->guests[i / MINATO_PORT_KIND_COUNT / VIEW_PROTOCOLS];
		const struct view_label labels[] = { { "guest", guest->guest },
						     { "proto", protocols[proto] },
						     { "kind", minato_port_kind_name(kind) } };

		if (guest->up)
			sample(w, guest->ports[proto][kind], labels, 3);
	}
}

static void write_resting(struct writer *w)
{
	static const struct view_family family = {
		VIEW_GAUGE, "ports_quarantined", NULL,
		"Ports given back that rest before they are chosen again."
	};

	view_metrics_family(&w->metrics, &family);
	for (size_t i = 0; i < w->scene->guest_count; i++) {
		const struct view_measures *guest = &w->scene->guests[i];
		const struct view_label label = { "guest", guest->guest };

		if (guest->up)
			sample(w, (double)guest->ports_resting, &label, 1);
	}
}

static void write_mappings(struct writer *w)
{
	static const char *const mapped[VIEW_MAPPED] = { "tcp", "udp", "icmp" };
	static const struct view_family family = {
		VIEW_GAUGE, "nat_mappings", NULL,
		"Places outside that a gateway's inside hosts have now."
	};

	view_metrics_family(&w->metrics, &family);
	for (size_t i = 0; i < w->scene->guest_count * VIEW_MAPPED; i++) {
		const struct view_measures *guest = &w->scene->guests[i / VIEW_MAPPED];
		const struct view_label labels[] = { { "guest", guest->guest },
						     { "proto", mapped[i % VIEW_MAPPED] } };

		if (guest->up && guest->maps)
			sample(w, (double)guest->mappings[i % VIEW_MAPPED], labels, 2);
	}
}

static void write_states(struct writer *w, const struct view_measures *guest)
{
	char state[24];

	for (size_t i = MINATO_ESTABLISHED; i < VIEW_STATES; i++) {
		const struct view_label labels[] = {
			{ "guest", guest->guest },
			{ "proto", "tcp" },
			{ "state", state_label(state, sizeof(state), i) },
		};

		/* Who listens in the guest, its own kernel knows. */
		if (i != MINATO_LISTEN && i != MINATO_CLOSED)
			sample(w, (double)guest->tcp_states[i], labels, 3);
	}
}

static void write_connections(struct writer *w)
{
	static const struct view_family family = {
		VIEW_GAUGE, "connections", NULL,
		"Flows of the guest by state, as the guest sees them; of UDP and ICMP those that "
		"have not expired."
	};

	view_metrics_family(&w->metrics, &family);
	for (size_t i = 0; i < w->scene->guest_count; i++) {
		const struct view_measures *guest = &w->scene->guests[i];
		const struct view_label udp[] = { { "guest", guest->guest },
						  { "proto", "udp" },
						  { "state", "established" } };
		const struct view_label icmp[] = { { "guest", guest->guest },
						   { "proto", "icmp" },
						   { "state", "established" } };
		const struct view_label other[] = { { "guest", guest->guest },
						    { "proto", "other" },
						    { "state", "established" } };

		if (!guest->up)
			continue;
		write_states(w, guest);
		sample(w, (double)guest->udp_flows, udp, 3);
		sample(w, (double)guest->icmp_flows, icmp, 3);
		if (guest->maps)
			sample(w, (double)guest->other_flows, other, 3);
	}
}

/* ---- counters: which of them, by name, are the samples of a family ---- */

/* A counter that is a sample of its own, with this value of the label. */
struct way {
	const char *name, *value;
};

static void write_ways(struct writer *w, const struct view_family *family, const char *label,
		       const struct way ways[2])
{
	view_metrics_family(&w->metrics, family);
	for (size_t i = 0; i < w->scene->guest_count; i++) {
		const struct view_measures *guest = &w->scene->guests[i];

		for (size_t j = 0; j < guest->counter_count * 2; j++) {
			const struct view_counter *counter = &guest->counters[j / 2];
			const struct view_label labels[] = { { "guest", guest->guest },
							     { label, ways[j % 2].value } };

			if (!strcmp(counter->name, ways[j % 2].name))
				sample(w, (double)counter->value, labels, 2);
		}
	}
}

/* What the host value receives is what the guest sends. */
static void write_link(struct writer *w)
{
	static const struct view_family frames = {
		VIEW_COUNTER, "link_frames", NULL, "Frames of the guest's link; in: to the guest."
	};
	static const struct view_family bytes = { VIEW_COUNTER, "link", "bytes",
						  "Bytes of the guest's link; in: to the guest." };
	static const struct way frame_ways[2] = { { "rx_frames", "out" }, { "tx_frames", "in" } };
	static const struct way byte_ways[2] = { { "rx_bytes", "out" }, { "tx_bytes", "in" } };

	write_ways(w, &frames, "dir", frame_ways);
	write_ways(w, &bytes, "dir", byte_ways);
}

static void write_choices(struct writer *w)
{
	static const struct view_family family = {
		VIEW_COUNTER, "port_alloc_failures", NULL,
		"Ports that the guest's stack could not give: none was left, or not by policy."
	};
	static const struct way ways[2] = { { "ports_exhausted", "exhausted" },
					    { "binds_denied", "denied" } };

	write_ways(w, &family, "reason", ways);
}

/* All other counters, by the beginning of their names; the last group has what is left. */
static const struct group {
	const char *prefix, *label;
	struct view_family family;
} groups[] = {
	{ "drop_",
	  "reason",
	  { VIEW_COUNTER, "drops", NULL, "Packets that were not delivered, by reason." } },
	{ "relay_",
	  "event",
	  { VIEW_COUNTER, "relay_events", NULL,
	    "What happened between the guest and the host's sockets." } },
	{ "tap_",
	  "event",
	  { VIEW_COUNTER, "link_events", NULL, "What happened at the guest's tap." } },
	{ "", "event", { VIEW_COUNTER, "stack_events", NULL, "What happened in the stack." } },
};
#define GROUP_COUNT (sizeof(groups) / sizeof(groups[0]))

/* Not in a group: they have families of their own, or say the same in another place. */
static bool stands_alone(const char *name)
{
	static const char *const alone[] = {
		"rx_frames",	 "rx_bytes",	    "tx_frames",      "tx_bytes",
		"tap_frames_in", "tap_bytes_in",    "tap_frames_out", "tap_bytes_out",
		"delivered",	 "ports_exhausted", "binds_denied",
	};

	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
		if (!strcmp(alone[i], name))
			return true;
	}
	return false;
}

static const struct group *group_of(const char *name)
{
	const struct group *group = groups;

	while (strncmp(group->prefix, name, strlen(group->prefix)))
		group++;
	return group;
}

static void write_group(struct writer *w, const struct group *group)
{
	view_metrics_family(&w->metrics, &group->family);
	for (size_t i = 0; i < w->scene->guest_count; i++) {
		const struct view_measures *guest = &w->scene->guests[i];

		for (size_t j = 0; j < guest->counter_count; j++) {
			const struct view_counter *counter = &guest->counters[j];
			const struct view_label labels[] = {
				{ "guest", guest->guest },
				{ group->label, counter->name + strlen(group->prefix) },
			};

			if (!stands_alone(counter->name) && group_of(counter->name) == group)
				sample(w, (double)counter->value, labels, 2);
		}
	}
}

/* ---- forwards ---- */

static void write_rule_bytes(struct writer *w)
{
	static const struct view_family family = {
		VIEW_COUNTER, "forward", "bytes",
		"Bytes by a forward; in: from the outside. rule auto: all that -p auto opened."
	};

	view_metrics_family(&w->metrics, &family);
	for (size_t i = 0; i < w->scene->guest_count; i++) {
		const struct view_measures *guest = &w->scene->guests[i];

		for (size_t j = 0; j < guest->rule_count; j++) {
			const struct view_rule *rule = &guest->rules[j];
			struct view_label labels[] = { { "guest", guest->guest },
						       { "rule", rule->rule },
						       { "dir", "in" } };

			sample(w, (double)rule->bytes_in, labels, 3);
			labels[2].value = "out";
			sample(w, (double)rule->bytes_out, labels, 3);
		}
	}
}

static void write_rules(struct writer *w)
{
	static const struct view_family family = {
		VIEW_GAUGE, "forward_rules", NULL,
		"Forwards that stand; the first 64 of a guest have metrics of their own."
	};

	view_metrics_family(&w->metrics, &family);
	for (size_t i = 0; i < w->scene->guest_count; i++) {
		const struct view_measures *guest = &w->scene->guests[i];
		const struct view_label label = { "guest", guest->guest };

		if (guest->up)
			sample(w, guest->rules_standing, &label, 1);
	}
	write_rule_bytes(w);
}

/* ---- the host ---- */

static void write_host_sockets(struct writer *w, const struct view_host *host)
{
	static const struct view_family family = { VIEW_GAUGE, "host_sockets", NULL,
						   "Sockets of the host's kernel by state." };
	char word[24];

	view_metrics_family(&w->metrics, &family);
	for (size_t i = 0; i < VIEW_PROTOCOLS * VIEW_STATES; i++) {
		size_t proto = i / VIEW_STATES;
		size_t state = i % VIEW_STATES;
		struct view_label labels[] = { { "proto", protocols[proto] }, { "state", word } };
		bool used = protocol_numbers[proto] == MINATO_TCP ?
				    state != MINATO_CLOSED :
				    state == MINATO_ESTABLISHED || state == MINATO_CLOSED;

		if (state == 0 || !used)
			continue;
		state_label(word, sizeof(word), state);
		/* A UDP socket without a peer, as ss has it. */
		if (state == MINATO_CLOSED)
			labels[1].value = "unconnected";
		sample(w, host->sockets[proto][state], labels, 2);
	}
}

static void write_host_ports(struct writer *w, const struct view_host *host)
{
	static const struct view_family family = { VIEW_GAUGE, "host_ports_in_use", NULL,
						   "Different local ports of the host's sockets." };

	view_metrics_family(&w->metrics, &family);
	for (size_t i = 0; i < VIEW_PROTOCOLS * MINATO_PORT_KIND_COUNT; i++) {
		size_t proto = i / MINATO_PORT_KIND_COUNT;
		enum minato_port_kind kind = i % MINATO_PORT_KIND_COUNT;
		const struct view_label labels[] = { { "proto", protocols[proto] },
						     { "kind", minato_port_kind_name(kind) } };

		sample(w, host->ports[proto][kind], labels, 2);
	}
}

static void write_reserved(struct writer *w, const struct view_host *host)
{
	static const struct view_family family = { VIEW_GAUGE, "host_reserved_ports", NULL,
						   "Ports that no automatic choice takes." };

	view_metrics_family(&w->metrics, &family);
	for (size_t i = 0; i < host->reserved_count; i++) {
		const struct view_label label = { "origin", host->reserved[i].name };

		sample(w, (double)host->reserved[i].value, &label, 1);
	}
}

static void write_host(struct writer *w)
{
	static const struct view_family range = { VIEW_GAUGE, "host_ephemeral_ports", NULL,
						  "Ports from which the host's kernel chooses." };
	const struct view_host *host = w->scene->host;

	if (!host)
		return;
	write_host_sockets(w, host);
	write_host_ports(w, host);
	view_metrics_family(&w->metrics, &range);
	if (host->ephemeral)
		sample(w, host->ephemeral, NULL, 0);
	write_reserved(w, host);
}

int view_scene_write(FILE *out, const struct view_scene *scene, bool classic)
{
	struct writer w = { .scene = scene };

	view_metrics_begin(&w.metrics, out, classic);
	write_build(&w);
	write_up(&w);
	write_start(&w);
	write_ports(&w);
	write_resting(&w);
	write_mappings(&w);
	write_connections(&w);
	write_choices(&w);
	write_link(&w);
	for (size_t i = 0; i < GROUP_COUNT; i++)
		write_group(&w, &groups[i]);
	write_rules(&w);
	write_host(&w);
	return view_metrics_end(&w.metrics);
}
