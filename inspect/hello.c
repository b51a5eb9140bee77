/* SPDX-License-Identifier: BSD-2-Clause */
/* The ClientHello of TLS: the name of the server, and what is offered (RFC 8446 4.1.2). */
#include "inspect/inspect.h"

#include <string.h>

#define EXTENSION_SERVER_NAME 0u	  /* RFC 6066 3 */
#define EXTENSION_ALPN 16u		  /* RFC 7301 */
#define EXTENSION_EARLY_DATA 42u	  /* RFC 8446 4.2.10 */
#define EXTENSION_ENCRYPTED_HELLO 0xfe0du /* encrypted_client_hello */
#define NAME_TYPE_HOST 0u
#define RANDOM_SIZE 32u
#define SESSION_ID_MAX 32u

/* Bytes still to be read; `broken` once more was asked for than there is. */
struct reader {
	const uint8_t *at;
	size_t left;
	bool broken;
};

static struct reader take(struct reader *r, size_t len)
{
	struct reader part = { r->at, len, false };

	if (r->broken || len > r->left) {
		r->broken = true;
		return (struct reader){ r->at, 0, true };
	}
	r->at += len;
	r->left -= len;
	return part;
}

static unsigned take8(struct reader *r)
{
	struct reader part = take(r, 1);

	return part.broken ? 0 : part.at[0];
}

static unsigned take16(struct reader *r)
{
	struct reader part = take(r, 2);

	return part.broken ? 0 : (unsigned)(part.at[0] << 8 | part.at[1]);
}

/* RFC 6066 3: a list, in which no more than one name of a type may stand; host_name is the one. */
static const char *read_server_name(struct reader body, struct inspect_wish *wish)
{
	struct reader list = take(&body, take16(&body));
	unsigned type = take8(&list);
	struct reader name = take(&list, take16(&list));

	if (body.broken || name.broken || body.left > 0)
		return "a server_name extension cut short or overlong";
	if (list.left > 0)
		return "more than one server name";
	if (type != NAME_TYPE_HOST)
		return "a server name of an unknown type";
	if (!hostname_read(name.at, name.left, wish->name))
		return "a server name that is no name of a host";
	wish->named = true;
	return NULL;
}

static bool is_printable(struct reader text)
{
	for (size_t i = 0; i < text.left; i++)
		if (text.at[i] <= ' ' || text.at[i] > '~' || text.at[i] == ',')
			return false;
	return true;
}

static const char *read_alpn(struct reader body, struct inspect_wish *wish)
{
	struct reader list = take(&body, take16(&body));
	size_t len = 0;

	if (body.broken || body.left > 0 || list.left == 0)
		return "an ALPN extension cut short or overlong";
	while (list.left > 0) {
		struct reader name = take(&list, take8(&list));

		if (name.broken || name.left == 0)
			return "an empty or cut name in ALPN";
		/* Decorations (GREASE, RFC 8701) are no text; the list is for people. */
		if (!is_printable(name) || len + 1 + name.left > INSPECT_ALPN_MAX)
			continue;
		if (len > 0)
			wish->alpn[len++] = ',';
		memcpy(wish->alpn + len, name.at, name.left);
		len += name.left;
	}
	wish->alpn[len] = '\0';
	return NULL;
}

/* A bit for each extension whose second coming matters; the others may do as they like. */
static const char *read_extension(unsigned type, struct reader body, unsigned *seen,
				  struct inspect_wish *wish)
{
	unsigned bit = type == EXTENSION_SERVER_NAME	 ? 1 :
		       type == EXTENSION_ALPN		 ? 2 :
		       type == EXTENSION_ENCRYPTED_HELLO ? 4 :
							   0;

	/* RFC 8446 4.2: no more than one of a type. */
	if (*seen & bit)
		return "an extension twice";
	*seen |= bit;
	if (type == EXTENSION_SERVER_NAME)
		return read_server_name(body, wish);
	if (type == EXTENSION_ALPN)
		return read_alpn(body, wish);
	if (type == EXTENSION_ENCRYPTED_HELLO)
		wish->hidden = true;
	if (type == EXTENSION_EARLY_DATA)
		wish->early = true;
	return NULL;
}

static const char *read_extensions(struct reader list, struct inspect_wish *wish)
{
	unsigned seen = 0;

	while (list.left > 0) {
		unsigned type = take16(&list);
		struct reader body = take(&list, take16(&list));
		const char *fault;

		if (body.broken)
			return "an extension cut short";
		fault = read_extension(type, body, &seen, wish);
		if (fault)
			return fault;
	}
	return NULL;
}

const char *hello_read(const uint8_t *body, size_t len, struct inspect_wish *wish)
{
	struct reader r = { body, len, false };
	unsigned major = take8(&r);
	struct reader session, suites, methods, extensions;

	take(&r, 1 + RANDOM_SIZE);
	session = take(&r, take8(&r));
	suites = take(&r, take16(&r));
	methods = take(&r, take8(&r));
	if (r.broken)
		return "a ClientHello cut short";
	if (major != 3)
		return "a ClientHello of an unknown version";
	if (session.left > SESSION_ID_MAX || suites.left < 2 || suites.left % 2 != 0 ||
	    methods.left == 0)
		return "a ClientHello with a list of the wrong size";
	/* TLS 1.2 and older may go without (RFC 5246 7.4.1.2). */
	if (r.left == 0)
		return NULL;
	extensions = take(&r, take16(&r));
	if (r.broken || r.left > 0)
		return "extensions cut short or overlong";
	return read_extensions(extensions, wish);
}
