/* SPDX-License-Identifier: BSD-2-Clause */
/* How many sockets there are: of this host as ss -s counts them from /proc, of a guest its rows. */
#include "cmd/see/ss.h"

#include <errno.h>
#include <string.h>

struct count {
	const char *line, *word; /* in /proc/PID/net/sockstat and sockstat6 */
	long value;
};

enum {
	USED,
	TCP,
	ORPHANS,
	WAITING,
	ALLOCATED,
	UDP,
	RAW,
	FRAGMENTS,
	TCP6,
	UDP6,
	RAW6,
	FRAGMENTS6,
	COUNTS
};

static const struct count counts[COUNTS] = {
	[USED] = { "sockets:", "used", 0 },   [TCP] = { "TCP:", "inuse", 0 },
	[ORPHANS] = { "TCP:", "orphan", 0 },  [WAITING] = { "TCP:", "tw", 0 },
	[ALLOCATED] = { "TCP:", "alloc", 0 }, [UDP] = { "UDP:", "inuse", 0 },
	[RAW] = { "RAW:", "inuse", 0 },	      [FRAGMENTS] = { "FRAG:", "inuse", 0 },
	[TCP6] = { "TCP6:", "inuse", 0 },     [UDP6] = { "UDP6:", "inuse", 0 },
	[RAW6] = { "RAW6:", "inuse", 0 },     [FRAGMENTS6] = { "FRAG6:", "inuse", 0 },
};

/* "TCP: inuse 4 orphan 0 tw 1 alloc 12 mem 2" */
static void read_line(struct count *values, char *line)
{
	char *rest;
	const char *title = strtok_r(line, " \n", &rest);
	const char *word;

	while (title && (word = strtok_r(NULL, " \n", &rest)) != NULL) {
		const char *value = strtok_r(NULL, " \n", &rest);

		for (size_t i = 0; value && i < COUNTS; i++) {
			if (!strcmp(values[i].line, title) && !strcmp(values[i].word, word))
				values[i].value = strtol(value, NULL, 10);
		}
	}
}

static FILE *open_file(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/net/%s", name);
	return fopen(path, "re");
}

static int read_counts(struct count *values, const char *name)
{
	FILE *file = open_file(name);
	char line[512];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		read_line(values, line);
	fclose(file);
	return 0;
}

/* Of two lines "Tcp: ...", the first has the names. */
static long read_established(void)
{
	FILE *file = open_file("snmp");
	char line[512];
	long established = 0;
	bool titled = false;

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "Tcp: ", 5) != 0)
			continue;
		if (titled)
			(void)sscanf(line, "Tcp: %*d %*d %*d %*d %*d %*d %*d %*d %ld",
				     &established);
		titled = true;
	}
	if (file)
		fclose(file);
	return established;
}

static void put_transport(FILE *out, const char *name, long four, long six)
{
	fprintf(out, "%-9s %-9ld %-9ld %ld\n", name, four + six, four, six);
}

int cmd_ss_summary(FILE *out)
{
	struct count v[COUNTS];
	int result;

	memcpy(v, counts, sizeof(v));
	result = read_counts(v, "sockstat");
	if (result < 0)
		return result;
	(void)read_counts(v, "sockstat6"); /* a kernel without IPv6 has none */
	fprintf(out, "Total: %ld\n", v[USED].value);
	fprintf(out, "TCP:   %ld (estab %ld, closed %ld, orphaned %ld, timewait %ld)\n\n",
		v[ALLOCATED].value + v[WAITING].value, read_established(),
		v[ALLOCATED].value - (v[TCP].value + v[TCP6].value - v[WAITING].value),
		v[ORPHANS].value, v[WAITING].value);
	fprintf(out, "%-9s %-9s %-9s %s\n", "Transport", "Total", "IP", "IPv6");
	put_transport(out, "RAW", v[RAW].value, v[RAW6].value);
	put_transport(out, "UDP", v[UDP].value, v[UDP6].value);
	put_transport(out, "TCP", v[TCP].value, v[TCP6].value);
	put_transport(out, "INET", v[RAW].value + v[UDP].value + v[TCP].value,
		      v[RAW6].value + v[UDP6].value + v[TCP6].value);
	put_transport(out, "FRAG", v[FRAGMENTS].value, v[FRAGMENTS6].value);
	fputc('\n', out);
	return ferror(out) ? -EIO : 0;
}

/* ---- of a guest ---- */

/* Rows that are sockets, or published ports. */
struct tally {
	long total, established, closed, waiting;
	long tcp[2], udp[2], icmp[2]; /* of IPv4, of IPv6 */
};

static int count_row(struct cmd_ss *ss, const struct view_row *row)
{
	struct tally *tally = ss->user;
	uint32_t state = filter_state_bit(row);
	bool six = row->is6 || !minato_addr_is4(&row->local.addr);

	if (state == FILTER_STATE_NONE)
		return 0;
	tally->total++;
	if (row->proto == MINATO_UDP)
		tally->udp[six]++;
	if (row->proto == MINATO_ICMP)
		tally->icmp[six]++;
	if (row->proto != MINATO_TCP)
		return 0;
	tally->tcp[six]++;
	tally->established += state == 1u << MINATO_ESTABLISHED;
	tally->closed += state == 1u << MINATO_CLOSED;
	tally->waiting += state == 1u << MINATO_TIME_WAIT;
	return 0;
}

int cmd_ss_guest_summary(FILE *out, const struct cmd_ss *ss, const char *name,
			 struct drive_error *error)
{
	struct tally t = { 0 };
	struct cmd_ss counting = *ss;
	int result;

	counting.filter = (struct view_filter){ .all = true };
	counting.take = count_row;
	counting.user = &t;
	result = cmd_ss_guest(&counting, name, error);
	if (result < 0)
		return result;
	fprintf(out, "Guest: %s\nTotal: %ld\n", name, t.total);
	fprintf(out, "TCP:   %ld (estab %ld, closed %ld, timewait %ld)\n\n", t.tcp[0] + t.tcp[1],
		t.established, t.closed, t.waiting);
	fprintf(out, "%-9s %-9s %-9s %s\n", "Transport", "Total", "IP", "IPv6");
	put_transport(out, "ICMP", t.icmp[0], t.icmp[1]);
	put_transport(out, "UDP", t.udp[0], t.udp[1]);
	put_transport(out, "TCP", t.tcp[0], t.tcp[1]);
	put_transport(out, "INET", t.icmp[0] + t.udp[0] + t.tcp[0],
		      t.icmp[1] + t.udp[1] + t.tcp[1]);
	fputc('\n', out);
	return ferror(out) ? drive_fail(error, EIO, "cannot write the counts") : 0;
}
