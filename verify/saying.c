/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets in words, one line each. */
#include "verify/verify.h"

#include <stdarg.h>
#include <string.h>

/* Appends; what does not fit is cut. */
static void say(char out[VERIFY_TEXT_SIZE], const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void say(char out[VERIFY_TEXT_SIZE], const char *format, ...)
{
	size_t used = strlen(out);
	va_list args;

	va_start(args, format);
	vsnprintf(out + used, VERIFY_TEXT_SIZE - used, format, args);
	va_end(args);
}

const char *verify_end_text(char out[24], struct verify_end end)
{
	uint32_t a = end.addr;
	int used = snprintf(out, 24, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);

	if (end.port)
		snprintf(out + used, 24 - (size_t)used, ":%u", end.port);
	return out;
}

static void say_ends(char out[VERIFY_TEXT_SIZE], const struct verify_packet *p)
{
	struct verify_end src = p->src, dst = p->dst;
	char a[24], b[24];

	if (p->proto == VERIFY_ICMP)
		src.port = dst.port = 0;
	say(out, "%s > %s", verify_end_text(a, src), verify_end_text(b, dst));
}

static void say_flags(char out[VERIFY_TEXT_SIZE], const struct verify_packet *p)
{
	static const char *const names[] = { "fin", "syn", "rst", "psh", "ack", "urg" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (p->flags & 1u << i)
			say(out, " %s", names[i]);
	}
	say(out, ", seq %u", p->seq);
	if (p->flags & VERIFY_ACK)
		say(out, ", ack %u", p->ack);
}

static void say_icmp(char out[VERIFY_TEXT_SIZE], const struct verify_packet *p)
{
	static const char *const names[] = {
		[0] = "echo reply",
		[3] = "unreachable",
		[4] = "source quench",
		[5] = "redirect",
		[8] = "echo",
		[11] = "time exceeded",
		[12] = "parameter",
		[13] = "timestamp",
		[14] = "timestamp reply",
		[15] = "information",
		[16] = "information reply",
	};
	const char *name = p->type < 17 && names[p->type] ? names[p->type] : "type";
	struct verify_packet quoted;

	say(out, ", %s %u code %u", name, p->type, p->code);
	if (verify_is_query(p))
		say(out, ", identifier %u", p->src.port);
	if (p->type == 3 && p->code == 4)
		say(out, ", mtu %u", p->word & 0xffff);
	if (verify_is_error(p) && !verify_read_quoted(p, &quoted)) {
		say(out, ", about ");
		say_ends(out, &quoted);
	}
}

const char *verify_text(char out[VERIFY_TEXT_SIZE], const struct verify_packet *p)
{
	*out = '\0';
	if (p->proto == VERIFY_UDP || p->proto == VERIFY_TCP || p->proto == VERIFY_ICMP)
		say(out, "%s ",
		    p->proto == VERIFY_UDP ? "udp" :
		    p->proto == VERIFY_TCP ? "tcp" :
					     "icmp");
	else
		say(out, "protocol %u ", p->proto);
	say_ends(out, p);
	if (p->offset)
		say(out, ", fragment at %u", p->offset);
	else if (p->proto == VERIFY_TCP)
		say_flags(out, p);
	else if (p->proto == VERIFY_ICMP)
		say_icmp(out, p);
	if (p->len && !verify_is_error(p))
		say(out, ", %u bytes", p->len);
	if (p->id)
		say(out, ", id %u", p->id);
	if (p->tos)
		say(out, ", tos 0x%02x", p->tos);
	say(out, "%s%s, ttl %u", p->df ? ", df" : "", p->mf ? ", more" : "", p->ttl);
	return out;
}
