/* SPDX-License-Identifier: BSD-2-Clause */
/* What a flow that was let out is known by, and whether it says first what it was let out for. */
#include "relay/permit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where names are expected to be said. Elsewhere (ssh, a database) the pin alone decides, unless
 * TLS or HTTP is spoken there all the same.
 */
static bool is_web(uint16_t port)
{
	static const uint16_t ports[] = { 80, 443, 8000, 8008, 8080, 8443, 8888 };

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		if (ports[i] == port)
			return true;
	}
	return false;
}

/* ---- one ticket ---- */

static void hold(struct relay *relay, struct ticket *t, const struct pin *pin)
{
	struct pins *pins = permit_pins(relay);
	struct pin *before = t->pin ? pins_at(pins, t->pin) : NULL;
	struct pin *now = NULL;

	t->pin = 0;
	if (pin) {
		t->pin = pins_word(pins, pin);
		now = pins_at(pins, t->pin);
		memcpy(t->name, pin->name, sizeof(t->name));
	}
	if (now)
		pins_hold(pins, now);
	if (before)
		pins_release(pins, before);
}

static void tell(struct relay *relay, const struct ticket *t, struct relay_attempt *attempt)
{
	char rule[RELAY_ALLOW_TEXT];

	attempt->proto = t->proto;
	attempt->guest = t->guest;
	attempt->to = t->to;
	attempt->flow = t->flow;
	if (t->program.pid)
		attempt->program = &t->program;
	if (t->name[0])
		attempt->name = t->name;
	if (t->allow)
		attempt->rule = relay_allow_text(t->allow, rule, sizeof(rule));
	permit_tell(relay, attempt);
}

static struct ticket *make(struct lane *f, enum minato_proto proto,
			   const struct minato_endpoint *to, const struct permit_way *way)
{
	struct relay *relay = f->relay;
	struct ticket *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->flow = permit_number(relay);
	t->proto = proto;
	t->guest = f->guest;
	t->to = *to;
	t->allow = way->allow;
	t->looked_at = way->looked_at;
	t->since_ns = relay->now.ns;
	t->used_ns = relay->now.ns;
	if (permit_program(relay, proto, &f->guest))
		t->program = *permit_program(relay, proto, &f->guest);
	hold(relay, t, way->pin);
	pinned_decided(relay, way->pin, proto, to->port);
	tell(relay, t, &(struct relay_attempt){ .sort = RELAY_ATTEMPT_BEGUN });
	return t;
}

/* And all that was kept of it. */
static void forget_hello(struct ticket *t)
{
	struct ticket_kept *next;

	for (struct ticket_kept *one = t->kept; one; one = next) {
		next = one->next;
		free(one);
	}
	t->kept = NULL;
	t->kept_bytes = 0;
	free(t->quic);
	t->quic = NULL;
}

static void end(struct relay *relay, struct ticket *t)
{
	if (t->asking)
		tell(relay, t,
		     &(struct relay_attempt){
			     .sort = RELAY_ATTEMPT_REFUSED,
			     .said = t->said,
			     .reason = "its connection had gone before it was answered",
		     });
	tell(relay, t,
	     &(struct relay_attempt){
		     .sort = RELAY_ATTEMPT_ENDED,
		     .bytes_in = t->bytes_in,
		     .bytes_out = t->bytes_out,
		     .lasted_ns = relay->now.ns - t->since_ns,
	     });
	hold(relay, t, NULL);
	forget_hello(t);
	free(t);
}

int ticket_take(struct lane *f, const struct permit_way *way)
{
	f->ticket = make(f, MINATO_TCP, &f->far, way);
	return f->ticket ? 0 : -ENOMEM;
}

void ticket_give(struct lane *f)
{
	struct ticket *t = f->ticket;

	f->ticket = NULL;
	while (t) {
		struct ticket *next = t->next;

		if (t->proto == MINATO_TCP) {
			t->bytes_in = f->bytes_in;
			t->bytes_out = f->bytes_out;
		}
		end(f->relay, t);
		t = next;
	}
}

/* ---- what a stream says ---- */

/* Tells what it said and may not. */
static int64_t deny_ticket(struct lane *f, const struct ticket *t, const char *said,
			   const char *reason)
{
	relay_count(f->relay, RELAY_COUNT_DENIED_WORD);
	tell(f->relay, t,
	     &(struct relay_attempt){
		     .sort = RELAY_ATTEMPT_REFUSED,
		     .said = said,
		     .reason = reason,
	     });
	return -EPERM;
}

static int64_t deny(struct lane *f, const char *said, const char *reason)
{
	return deny_ticket(f, f->ticket, said, reason);
}

static int64_t let_all(struct ticket *t)
{
	t->looked_at = false;
	return INT64_MAX;
}

static int64_t let_some(struct ticket *t, size_t len)
{
	if (inspect_stream_over(&t->stream))
		return let_all(t);
	t->cleared = len;
	return (int64_t)len;
}

static const char *reason_of(const struct lane *f, const struct inspect_wish *wish)
{
	static const char *const reasons[2][2] = {
		{ "HTTP for a name that did not lead there",
		  "HTTP for a name that is not allowed" },
		{ "TLS for a name that did not lead there", "TLS for a name that is not allowed" },
	};

	return reasons[wish->sort == INSPECT_TLS]
		      [permit_led(f->relay, &f->ticket->to.addr, wish->name)];
}

/* With --ask the user decides about that name; until then nothing goes on. */
static int64_t ask_or_deny(struct lane *f, const struct inspect_wish *wish, size_t len)
{
	struct ticket *t = f->ticket;
	const char *reason = reason_of(f, wish);

	(void)snprintf(t->said, sizeof(t->said), "%s", wish->name);
	t->granted = false;
	t->asking = permit_ask_said(f->relay, lane_word(f), t, t->said, reason);
	if (!t->asking)
		return deny(f, wish->name, reason);
	t->cleared = len;
	return 0;
}

bool ticket_decide(struct relay *relay, uint64_t word, const char *reason)
{
	struct lane *f = relay_is_lane(word) ? lane_of(relay, word) : NULL;
	struct ticket *t = f && f->kind == LANE_OUT ? f->ticket : NULL;

	if (!relay_is_lane(word))
		return false;
	if (!t || !t->asking)
		return true;
	t->asking = false;
	if (reason) {
		(void)deny(f, t->said, reason);
		pipe_abort(f);
		return true;
	}
	t->granted = true;
	hold(relay, t, NULL);
	memcpy(t->name, t->said, sizeof(t->name));
	(void)let_some(t, t->cleared);
	f->guest_readable = true;
	lane_busy(f);
	return true;
}

static int64_t weigh_wish(struct lane *f, const struct inspect_wish *wish, size_t len)
{
	struct ticket *t = f->ticket;
	bool web = is_web(t->to.port);
	const struct pin *pin;

	if (wish->sort == INSPECT_HTTP2)
		return web ? deny(f, NULL, "HTTP/2 without TLS, whose names nobody can see") :
			     let_all(t);
	if (wish->connects)
		return deny(f, wish->name, "HTTP asks for a tunnel there");
	if (!wish->named && wish->sort == INSPECT_TLS)
		return web ? deny(f, NULL, "TLS that names nobody") : let_all(t);
	if (!wish->named)
		return deny(f, NULL, "HTTP that names nobody");
	pin = permit_named(f->relay, MINATO_TCP, &t->to, wish->name);
	if (!pin && t->granted && strcmp(t->said, wish->name) == 0)
		return let_some(t, len);
	if (!pin)
		return ask_or_deny(f, wish, len);
	hold(f->relay, t, pin);
	return let_some(t, len);
}

/* The length of a known method of HTTP at the head; without `whole` what can become one will do. */
static size_t find_method(const uint8_t *bytes, size_t len, bool whole)
{
	/* clang-format off */
	static const char *const methods[] = {
		"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE",
		"CONNECT", "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN",
		"CHECKOUT", "COPY", "LABEL", "LINK", "LOCK", "M-SEARCH", "MERGE",
		"MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE",
		"NOTIFY", "ORDERPATCH", "PROPFIND", "PROPPATCH", "PURGE", "QUERY",
		"REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "UNBIND",
		"UNCHECKOUT", "UNLINK", "UNLOCK", "UNSUBSCRIBE", "UPDATE",
		"UPDATEREDIRECTREF", "VERSION-CONTROL",
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		size_t own = strlen(methods[i]);

		if (memcmp(bytes, methods[i], own < len ? own : len) != 0)
			continue;
		if (len > own ? httphead_blank(bytes[own]) : !whole)
			return own;
	}
	return 0;
}

static size_t count_blanks(const uint8_t *bytes, size_t len)
{
	size_t count = 0;

	while (count < len && httphead_blank(bytes[count]))
		count++;
	return count;
}

/*
 * Whether these bytes can still become TLS or a request, behind blanks that some pass over. On a
 * port where neither is expected nothing else is kept waiting for more, since its server may be
 * waiting for it.
 */
static bool can_become(const uint8_t *bytes, size_t len)
{
	static const char preface[] = "PRI * HTTP/2";
	size_t blanks = count_blanks(bytes, len);
	size_t left = len - blanks;
	size_t own = left < sizeof(preface) - 1 ? left : sizeof(preface) - 1;

	if (tls_begins(bytes[0]))
		return true;
	bytes += blanks;
	return find_method(bytes, left, false) > 0 || memcmp(bytes, preface, own) == 0;
}

static bool is_url(const uint8_t *word, size_t len)
{
	uint8_t first = word[0] | 0x20;

	return first >= 'a' && first <= 'z' && memmem(word, len, "://", 3) != NULL;
}

/*
 * What is no request of HTTP/1, and would still be served as one: without a version, as of
 * HTTP/0.9, behind which some servers read fields; and one whose first line does not end.
 */
static const char *judge_other(const uint8_t *bytes, size_t len)
{
	size_t at = count_blanks(bytes, len);
	size_t method = find_method(bytes + at, len - at, true);
	size_t end;

	if (method == 0)
		return NULL;
	if (!memchr(bytes, '\n', len < INSPECT_WINDOW ? len : INSPECT_WINDOW))
		return "the head of a request of more than 16 KB";
	at += method;
	at += count_blanks(bytes + at, len - at);
	end = at;
	while (end < len && bytes[end] != '\n' && !httphead_blank(bytes[end]))
		end++;
	if (end == at || (bytes[at] != '/' && !is_url(bytes + at, end - at)))
		return NULL;
	end += count_blanks(bytes + end, len - end);
	return end < len && bytes[end] == '\n' ? "HTTP that names nobody" : NULL;
}

static bool is_done(const struct lane *f)
{
	int ready = minato_ready(f->relay->host, f->socket, NULL);

	return ready < 0 || (uint32_t)ready & MINATO_PEER_DONE;
}

/* Nothing was said yet, on a port where nobody has to say whom he wants. */
static bool is_unexpected(const struct ticket *t)
{
	return !is_web(t->to.port) && t->stream.where == INSPECT_AT_START;
}

/*
 * Line ends before anything else say nothing, and servers of HTTP pass over any number of them:
 * they go on, and what follows is looked at all the same. How many there are at the head.
 */
static size_t count_line_ends(const uint8_t *bytes, size_t len)
{
	size_t count = 0;

	while (count < len && (bytes[count] == '\r' || bytes[count] == '\n'))
		count++;
	return count;
}

static int64_t wait_for_more(struct lane *f, const uint8_t *bytes, size_t len)
{
	struct ticket *t = f->ticket;

	if (is_unexpected(t) && !can_become(bytes, len))
		return let_all(t);
	return is_done(f) ? deny(f, NULL, "it ended before it had said whom it wants") : 0;
}

/* A caller of a published port has none. */
static struct ticket *ticket_of(const struct lane *f)
{
	return f->kind == LANE_OUT ? f->ticket : NULL;
}

int64_t ticket_room(struct lane *f)
{
	struct ticket *t = ticket_of(f);
	uint8_t *bytes;
	struct inspect_wish wish;
	const char *fault = NULL;
	bool unexpected;
	size_t pass = 0;
	int64_t got;

	if (!t || !t->looked_at)
		return INT64_MAX;
	if (t->asking)
		return 0;
	if (t->cleared > 0)
		return (int64_t)t->cleared;
	bytes = permit_room(f->relay);
	got = minato_recv(f->relay->host, f->socket, bytes, TICKET_PEEK,
			  MINATO_MSG_PEEK | MINATO_MSG_INLINE);
	if (got <= 0)
		return 0;
	unexpected = is_unexpected(t);
	if (unexpected && count_line_ends(bytes, (size_t)got) > 0)
		return let_some(t, count_line_ends(bytes, (size_t)got));
	switch (inspect_stream(&t->stream, bytes, (size_t)got, &pass, &wish)) {
	case INSPECT_MORE:
		return wait_for_more(f, bytes, (size_t)got);
	case INSPECT_WISH:
		return weigh_wish(f, &wish, pass);
	case INSPECT_PASS:
		return let_some(t, pass);
	case INSPECT_OTHER:
		if (is_web(t->to.port))
			return deny(f, NULL, "neither TLS nor HTTP");
		if (unexpected)
			fault = judge_other(bytes, (size_t)got);
		return fault ? deny(f, NULL, fault) : let_all(t);
	case INSPECT_MALFORMED:
		break;
	}
	return deny(f, NULL, wish.fault ? wish.fault : "it can be read in two ways");
}

void ticket_passed(struct lane *f, size_t len)
{
	struct ticket *t = ticket_of(f);

	if (t && t->cleared > 0)
		t->cleared -= len < t->cleared ? len : t->cleared;
}

void ticket_heard(struct lane *f, const struct minato_extent *extents, size_t count, size_t len)
{
	struct ticket *t = ticket_of(f);

	if (!t || !t->looked_at)
		return;
	for (size_t i = 0; i < count && len > 0; i++) {
		size_t here = extents[i].len < len ? extents[i].len : len;

		/* What waited for it may go now. */
		if (inspect_heard(&t->stream, extents[i].base, here))
			f->guest_readable = true;
		len -= here;
	}
}

/* ---- datagrams ---- */

static bool same_end(const struct minato_endpoint *a, const struct minato_endpoint *b)
{
	return a->port == b->port && minato_addr_equal(&a->addr, &b->addr);
}

static struct ticket *find(const struct lane *f, const struct minato_endpoint *to)
{
	struct ticket *t = f->ticket;

	while (t && !same_end(&t->to, to))
		t = t->next;
	return t;
}

/* The destination unused for longest gives way. */
static void make_room(struct lane *f)
{
	struct ticket **victim = NULL;
	struct ticket *old;
	size_t count = 0;

	for (struct ticket **at = &f->ticket; *at; at = &(*at)->next) {
		if (!victim || (*at)->used_ns < (*victim)->used_ns)
			victim = at;
		count++;
	}
	if (count < TICKETS_OF_ENDPOINT)
		return;
	old = *victim;
	*victim = old->next;
	end(f->relay, old);
}

static struct ticket *put(struct lane *f, const struct minato_endpoint *to,
			  const struct permit_way *way)
{
	struct ticket *t;

	make_room(f);
	t = make(f, MINATO_UDP, to, way);
	if (!t)
		return NULL;
	t->next = f->ticket;
	f->ticket = t;
	return t;
}

bool ticket_grant(struct lane *f, const struct minato_endpoint *to, const struct permit_way *way)
{
	return find(f, to) || put(f, to, way);
}

/* NULL: it may not go, which was told, or waits: *fate. */
static struct ticket *begin(struct lane *f, const struct minato_datagram *about,
			    const struct minato_extent *extents, size_t count,
			    enum ticket_fate *fate)
{
	const struct minato_endpoint *to = &about->local;
	struct relay *relay = f->relay;
	struct permit_way way;

	if (!permit_judge(relay, MINATO_UDP, to, &way)) {
		*fate = waiting_take(f, about, extents, count, &way) ? TICKET_WAITS :
			way.silent				     ? TICKET_LOST :
								       TICKET_REFUSED;
		if (*fate == TICKET_WAITS)
			return NULL;
		relay_count(relay, RELAY_COUNT_DENIED);
		permit_refused(relay, MINATO_UDP, &f->guest, to, permit_name_of(relay, &to->addr),
			       way.reason);
		return NULL;
	}
	/* QUIC: its client goes on over TCP, where the name can be seen. */
	if (way.looked_at && is_web(to->port) && !inspect_quic_able()) {
		relay_count(relay, RELAY_COUNT_DENIED);
		permit_refused(relay, MINATO_UDP, &f->guest, to, way.pin->name,
			       "QUIC is not looked into: its client goes on over TCP");
		return NULL;
	}
	return put(f, to, &way);
}

static bool weigh_quic_wish(struct lane *f, struct ticket *t, const struct inspect_wish *wish)
{
	const struct pin *pin = NULL;

	if (wish->named)
		pin = permit_named(f->relay, MINATO_UDP, &t->to, wish->name);
	if (!pin) {
		(void)deny_ticket(f, t, wish->named ? wish->name : NULL,
				  wish->named ? "QUIC for a name that did not lead there" :
						"QUIC that names nobody");
		return false;
	}
	if (!hellos_take(permit_hellos(f->relay), t->quic, f->relay->now)) {
		(void)deny_ticket(f, t, wish->name, "QUIC that begins a connection twice");
		return false;
	}
	hold(f->relay, t, pin);
	t->named = true;
	t->kept_goes = true;
	return true;
}

/*
 * One datagram of QUIC. Parts of a hello are kept until it is whole and has named what it may:
 * the server would put together what went on piece by piece. What was weighed may come again
 * until the client says what only follows an answer.
 */
static enum ticket_fate weigh_quic(struct lane *f, struct ticket *t, const uint8_t *data,
				   size_t len)
{
	struct inspect_wish wish = { .fault = NULL };

	if (t->named && !inspect_quic_initial(data, len)) {
		if (!t->kept)
			forget_hello(t);
		return TICKET_GOES;
	}
	if (!t->quic)
		t->quic = calloc(1, sizeof(*t->quic));
	if (!t->quic)
		return TICKET_LOST;
	switch (inspect_quic(t->quic, data, len, &wish)) {
	case INSPECT_MORE:
		return TICKET_WAITS;
	case INSPECT_WISH:
		return weigh_quic_wish(f, t, &wish) ? TICKET_GOES : TICKET_REFUSED;
	case INSPECT_PASS:
		/* What is said again keeps the server waiting for the rest. */
		if (t->named && (!t->quic->gone_on ||
				 hellos_take(permit_hellos(f->relay), t->quic, f->relay->now)))
			return TICKET_GOES;
		/* What follows a hello may overtake it. */
		if (t->quic->begun)
			return TICKET_LOST;
		/* Short headers without one, or nothing at all. */
		(void)deny_ticket(f, t, NULL, "no QUIC that can be looked into");
		return TICKET_REFUSED;
	case INSPECT_OTHER:
		(void)deny_ticket(f, t, NULL, "no QUIC that can be looked into");
		return TICKET_REFUSED;
	case INSPECT_MALFORMED:
		break;
	}
	(void)deny_ticket(f, t, NULL, wish.fault ? wish.fault : "QUIC that is broken");
	return TICKET_REFUSED;
}

/* The bytes of a run, together. False: too many. An empty datagram has an extent without a base. */
static bool gather(uint8_t *data, const struct minato_extent *extents, size_t count, size_t *out)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		if (extents[i].len > TICKET_PEEK - len)
			return false;
		if (extents[i].len > 0)
			memcpy(data + len, extents[i].base, extents[i].len);
		len += extents[i].len;
	}
	*out = len;
	return true;
}

/* Behind what is kept already. */
static enum ticket_fate keep(struct ticket *t, const struct minato_datagram *about,
			     const uint8_t *data, size_t len)
{
	struct ticket_kept **last = &t->kept;
	struct ticket_kept *one;

	if (len > TICKET_KEPT_MAX - t->kept_bytes)
		return TICKET_LOST;
	one = malloc(sizeof(*one) + len);
	if (!one)
		return TICKET_LOST;
	one->next = NULL;
	one->about = *about;
	one->about.len = (uint32_t)len;
	memcpy(one->bytes, data, len);
	while (*last)
		last = &(*last)->next;
	*last = one;
	t->kept_bytes += len;
	t->kept_goes = false;
	return TICKET_WAITS;
}

/* Each datagram of a run, which goes, is kept or lost as a whole. */
static enum ticket_fate weigh_run(struct lane *f, struct ticket *t,
				  const struct minato_datagram *about,
				  const struct minato_extent *extents, size_t count)
{
	uint8_t *data = permit_room(f->relay);
	enum ticket_fate fate;
	size_t at = 0;
	size_t len;
	size_t step;

	if (!gather(data, extents, count, &len))
		return TICKET_LOST;
	step = about->gso_size ? about->gso_size : len;
	/* An empty one is weighed as well. */
	do {
		fate = weigh_quic(f, t, data + at, step < len - at ? step : len - at);
		at += step;
	} while (at < len && fate != TICKET_REFUSED && fate != TICKET_LOST);
	if (fate == TICKET_REFUSED)
		forget_hello(t);
	return fate == TICKET_WAITS ? keep(t, about, data, len) : fate;
}

struct ticket_kept *ticket_kept(struct lane *f, const struct minato_endpoint *to)
{
	struct ticket *t = find(f, to);
	struct ticket_kept *first = t && t->kept_goes ? t->kept : NULL;

	if (!first)
		return NULL;
	t->kept = first->next;
	t->kept_bytes -= first->about.len;
	t->bytes_out += first->about.len;
	return first;
}

enum ticket_fate ticket_datagram(struct lane *f, const struct minato_datagram *about,
				 const struct minato_extent *extents, size_t count)
{
	struct ticket *t = find(f, &about->local);
	enum ticket_fate fate = TICKET_REFUSED;

	if (!t)
		t = begin(f, about, extents, count, &fate);
	if (!t)
		return fate;
	fate = TICKET_GOES;
	t->used_ns = f->relay->now.ns;
	if (t->looked_at && is_web(t->to.port))
		fate = weigh_run(f, t, about, extents, count);
	if (fate == TICKET_GOES)
		t->bytes_out += about->len;
	return fate;
}

enum ticket_fate ticket_opened(struct lane *f, const struct minato_datagram *about)
{
	const struct permit_way way = { .reason = NULL };
	struct ticket *t = find(f, &about->local);

	if (!t)
		t = put(f, &about->local, &way);
	if (!t)
		return TICKET_LOST;
	t->used_ns = f->relay->now.ns;
	t->bytes_out += about->len;
	return TICKET_GOES;
}

bool ticket_comes(struct lane *f, const struct minato_endpoint *from, size_t len)
{
	struct ticket *t = find(f, from);

	if (!t)
		return !permit_is_closed(f->relay);
	t->used_ns = f->relay->now.ns;
	t->bytes_in += len;
	return true;
}
