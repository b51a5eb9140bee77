/* SPDX-License-Identifier: BSD-2-Clause */
/* The head of a request of HTTP/1.x, read as strictly as it may be (RFC 9112 3, 5, 6). */
#include "inspect/inspect.h"

#include <string.h>

#define LEAD_MAX 8u /* line ends before a request, which servers pass over (RFC 9112 2.2) */

/* A piece of the head. */
struct piece {
	const uint8_t *at;
	size_t len;
};

/* What the fields of one request said. */
struct fields {
	bool host, length, coding;
	bool old;		  /* HTTP/1.0 */
	struct inspect_wish said; /* by Host */
};

static bool is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 9110 5.6.2 */
static bool is_token(uint8_t c)
{
	return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool same_word(struct piece a, const char *word)
{
	for (size_t i = 0; i < a.len; i++)
		if (word[i] == '\0' || lower(a.at[i]) != (uint8_t)word[i])
			return false;
	return word[a.len] == '\0';
}

static bool speaks_of_http(struct piece line)
{
	for (size_t i = 0; i + 5 <= line.len; i++)
		if (same_word((struct piece){ line.at + i, 5 }, "http/"))
			return true;
	return false;
}

static enum inspect_verdict broken(struct inspect_wish *wish, const char *fault)
{
	wish->fault = fault;
	return INSPECT_MALFORMED;
}

/* Takes a line off the rest, without its CR LF. MORE, PASS, or MALFORMED at another line end. */
static enum inspect_verdict take_line(struct piece *rest, struct piece *line)
{
	const uint8_t *end = memchr(rest->at, '\n', rest->len);

	if (!end)
		return INSPECT_MORE;
	line->at = rest->at;
	line->len = (size_t)(end - rest->at);
	rest->len -= line->len + 1;
	rest->at = end + 1;
	if (line->len == 0 || line->at[line->len - 1] != '\r')
		return INSPECT_MALFORMED;
	line->len--;
	return INSPECT_PASS;
}

/* ---- fields ---- */

static const char *read_length(struct piece value, struct httphead *head)
{
	/* RFC 9112 6.3: a list of equal numbers could pass, and is what smuggling is made of. */
	if (value.len == 0 || value.len > 18)
		return "a Content-Length that is no number";
	head->length = 0;
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return "a Content-Length that is no number";
		head->length = head->length * 10 + (uint64_t)(value.at[i] - '0');
	}
	return NULL;
}

static const char *read_field(struct piece name, struct piece value, struct fields *seen,
			      struct httphead *head, struct inspect_wish *wish)
{
	if (same_word(name, "host")) {
		if (seen->host)
			return "Host twice";
		seen->host = true;
		return hostname_authority(value.at, value.len, &seen->said);
	}
	if (same_word(name, "content-length")) {
		if (seen->length)
			return "Content-Length twice";
		seen->length = true;
		return read_length(value, head);
	}
	if (same_word(name, "transfer-encoding")) {
		if (seen->coding || !same_word(value, "chunked"))
			return "a Transfer-Encoding other than chunked";
		seen->coding = head->chunked = true;
		return NULL;
	}
	if (same_word(name, "upgrade"))
		wish->upgrades = true;
	return NULL;
}

/* RFC 9112 5.1, 5.2: no space before the colon, no folded line. */
static const char *split_field(struct piece line, struct piece *name, struct piece *value)
{
	size_t colon = 0;
	size_t end = line.len;

	while (colon < line.len && is_token(line.at[colon]))
		colon++;
	if (colon == 0 || colon == line.len || line.at[colon] != ':')
		return "a field whose name is none";
	*name = (struct piece){ line.at, colon };
	for (size_t i = colon + 1; i < end; i++)
		if ((line.at[i] < ' ' && line.at[i] != '\t') || line.at[i] == 0x7f)
			return "a control character in a field";
	colon++;
	while (colon < end && (line.at[colon] == ' ' || line.at[colon] == '\t'))
		colon++;
	while (end > colon && (line.at[end - 1] == ' ' || line.at[end - 1] == '\t'))
		end--;
	*value = (struct piece){ line.at + colon, end - colon };
	return NULL;
}

/* Reads fields until the empty line: MORE, PASS, MALFORMED. */
static enum inspect_verdict read_fields(struct piece *rest, struct fields *seen,
					struct httphead *head, struct inspect_wish *wish)
{
	for (;;) {
		struct piece line, name, value;
		enum inspect_verdict verdict = take_line(rest, &line);
		const char *fault;

		if (verdict == INSPECT_MALFORMED)
			return broken(wish, "a line that does not end with CR LF");
		if (verdict == INSPECT_MORE || line.len == 0)
			return verdict;
		fault = split_field(line, &name, &value);
		if (!fault)
			fault = read_field(name, value, seen, head, wish);
		if (fault)
			return broken(wish, fault);
	}
}

enum inspect_verdict httphead_trailer(const uint8_t *bytes, size_t len, size_t *pass,
				      struct inspect_wish *wish)
{
	struct piece rest = { bytes, len };
	struct fields seen = { 0 };
	struct httphead head = { 0 };
	enum inspect_verdict verdict = read_fields(&rest, &seen, &head, wish);

	*pass = 0;
	if (verdict == INSPECT_PASS && (seen.host || seen.length || seen.coding))
		return broken(wish, "a field of the head in a trailer");
	if (verdict == INSPECT_PASS)
		*pass = len - rest.len;
	return verdict;
}

/* ---- the request line ---- */

/* The authority of http://AUTHORITY/path, by which a server goes instead of Host (3.2.2). */
static const char *read_absolute(struct piece target, struct inspect_wish *wish)
{
	size_t at = 0;
	size_t first;

	while (at < target.len && (is_alnum(target.at[at]) || target.at[at] == '+' ||
				   target.at[at] == '-' || target.at[at] == '.'))
		at++;
	if (at == 0 || target.len - at < 3 || memcmp(target.at + at, "://", 3) != 0)
		return "a request for what is neither a path nor a URL";
	first = at += 3;
	/* Readers differ in whether \ or # ends it: what has them is no host (RFC 3986 3.2). */
	while (at < target.len && target.at[at] != '/' && target.at[at] != '?')
		at++;
	if (at == first)
		return "a URL without a host";
	return hostname_authority(target.at + first, at - first, wish);
}

static const char *read_target(struct piece method, struct piece target, struct inspect_wish *wish)
{
	if (same_word(method, "connect")) {
		const char *fault = hostname_authority(target.at, target.len, wish);

		wish->connects = true;
		return fault ? fault : wish->port == 0 ? "CONNECT without a port" : NULL;
	}
	if (target.at[0] == '/' || (target.len == 1 && target.at[0] == '*'))
		return NULL;
	return read_absolute(target, wish);
}

static const char *read_request_line(struct piece line, struct fields *seen,
				     struct inspect_wish *wish)
{
	static const size_t version_len = 8; /* HTTP/1.1 */
	struct piece method = { line.at, 0 };
	struct piece target, version;

	while (method.len < line.len && is_token(method.at[method.len]))
		method.len++;
	if (method.len == 0 || line.len < method.len + 3 + version_len ||
	    line.at[method.len] != ' ')
		return "a request line that is none";
	version = (struct piece){ line.at + line.len - version_len, version_len };
	if (memcmp(version.at, "HTTP/1.", 7) != 0 || version.at[7] < '0' || version.at[7] > '9' ||
	    version.at[-1] != ' ')
		return "a request of an unknown version";
	seen->old = version.at[7] == '0';
	target.at = method.at + method.len + 1;
	target.len = (size_t)(version.at - 1 - target.at);
	for (size_t i = 0; i < target.len; i++)
		if (target.at[i] <= ' ' || target.at[i] > '~')
			return "a character in a request line that may not be there";
	return read_target(method, target, wish);
}

/* ---- the whole ---- */

/* Host and a target that names one must agree, since servers differ in what they go by. */
static const char *settle(const struct fields *seen, const struct httphead *head,
			  struct inspect_wish *wish)
{
	const struct inspect_wish *host = &seen->said;

	if (!seen->host && !seen->old)
		return "no Host";
	if (seen->coding && (seen->length || seen->old))
		return "Transfer-Encoding beside Content-Length, or in HTTP/1.0";
	if (wish->connects && (head->chunked || head->length > 0))
		return "CONNECT with a body";
	if (wish->named && seen->host &&
	    (!host->named || host->literal != wish->literal ||
	     strcmp(host->name, wish->name) != 0 ||
	     (host->port && wish->port && host->port != wish->port)))
		return "Host is not what the request line names";
	if (!wish->named) {
		wish->named = host->named;
		wish->literal = host->literal;
		wish->port = host->port;
		memcpy(wish->name, host->name, sizeof(wish->name));
	}
	return NULL;
}

/* RFC 9113 3.4 */
static enum inspect_verdict read_preface(const uint8_t *bytes, size_t len, struct httphead *head,
					 struct inspect_wish *wish)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	size_t whole = sizeof(preface) - 1;

	if (memcmp(bytes, preface, len < whole ? len : whole) != 0)
		return broken(wish, "a preface of HTTP/2 that is none");
	if (len < whole)
		return INSPECT_MORE;
	head->len = whole;
	wish->sort = INSPECT_HTTP2;
	return INSPECT_WISH;
}

/* Whether the first line is a request's: OTHER as soon as it cannot be, MORE, PASS. */
static enum inspect_verdict judge_first(struct piece first)
{
	const uint8_t *end = memchr(first.at, '\n', first.len);
	size_t at = 0;

	while (at < first.len && is_token(first.at[at]))
		at++;
	if (at < first.len && !httphead_blank(first.at[at]))
		return INSPECT_OTHER;
	if (!end)
		return INSPECT_MORE;
	first.len = (size_t)(end - first.at);
	return speaks_of_http(first) ? INSPECT_PASS : INSPECT_OTHER;
}

static enum inspect_verdict read_head(const uint8_t *bytes, size_t len, struct httphead *head,
				      struct inspect_wish *wish)
{
	struct piece rest = { bytes, len };
	struct fields seen = { 0 };
	enum inspect_verdict verdict;
	struct piece line;
	size_t lead = 0;
	const char *fault;

	while (lead < len && (bytes[lead] == '\r' || bytes[lead] == '\n'))
		if (++lead > LEAD_MAX)
			return broken(wish, "more line ends before a request than may be there");
	rest.at += lead;
	rest.len -= lead;
	verdict = judge_first(rest);
	if (verdict != INSPECT_PASS)
		return verdict;
	for (size_t i = 0; i < lead; i++)
		if (bytes[i] != (i % 2 ? '\n' : '\r') || lead % 2)
			return broken(wish, "line ends before a request that are none");
	if (rest.len >= 4 && memcmp(rest.at, "PRI ", 4) == 0)
		return read_preface(bytes, len, head, wish);
	if (take_line(&rest, &line) == INSPECT_MALFORMED)
		return broken(wish, "a line that does not end with CR LF");
	fault = read_request_line(line, &seen, wish);
	if (fault)
		return broken(wish, fault);
	verdict = read_fields(&rest, &seen, head, wish);
	if (verdict != INSPECT_PASS)
		return verdict;
	fault = settle(&seen, head, wish);
	if (fault)
		return broken(wish, fault);
	head->len = len - rest.len;
	return INSPECT_WISH;
}

enum inspect_verdict httphead_read(const uint8_t *bytes, size_t len, struct httphead *head,
				   struct inspect_wish *wish)
{
	bool full = len >= INSPECT_WINDOW;
	enum inspect_verdict verdict;

	memset(head, 0, sizeof(*head));
	memset(wish, 0, sizeof(*wish));
	wish->sort = INSPECT_HTTP;
	verdict = read_head(bytes, full ? INSPECT_WINDOW : len, head, wish);
	if (verdict != INSPECT_MORE || !full)
		return verdict;
	if (speaks_of_http((struct piece){ bytes, INSPECT_WINDOW }))
		return broken(wish, "the head of a request of more than 16 KB");
	return INSPECT_OTHER;
}
