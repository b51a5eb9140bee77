/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP by libmicrohttpd, driven by our loop: no thread. The library is loaded when something is to
 * be served and not before: with what it takes along (TLS, which nobody asks for here) it would
 * make every other start of this program ten times as long.
 */
#include "cmd/see/metrics.h"

#include <dlfcn.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define LIBRARY "libmicrohttpd.so.12"
#define NS_PER_MS INT64_C(1000000)
/* Whoever says nothing for so long is cut off; as many may be there at once. */
#define IDLE_S 10
#define CONNECTIONS_MAX 64

/* The calls that are used, as their header declares them. */
#define CALLS(X)                                                                                   \
	X(MHD_start_daemon)                                                                        \
	X(MHD_stop_daemon)                                                                         \
	X(MHD_run)                                                                                 \
	X(MHD_get_timeout)                                                                         \
	X(MHD_get_daemon_info)                                                                     \
	X(MHD_get_version)                                                                         \
	X(MHD_lookup_connection_value)                                                             \
	X(MHD_create_response_from_buffer)                                                         \
	X(MHD_add_response_header)                                                                 \
	X(MHD_queue_response)                                                                      \
	X(MHD_destroy_response)

static struct {
	void *handle;
#define X(name) __typeof__(name) *name;
	CALLS(X)
#undef X
} library;

struct cmd_httpd {
	struct MHD_Daemon *daemon;
	struct drive_loop *loop;
	struct cmd_page page;
	int64_t watch;
};

/* ---- the library ---- */

static bool find(const char *name, void *place, size_t size)
{
	void *symbol = dlsym(library.handle, name);

	memcpy(place, &symbol, size);
	return symbol != NULL;
}

static bool load(void)
{
	bool found = true;

	if (library.handle)
		return true;
	library.handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library.handle)
		return false;
#define X(name) found = found && find(#name, (void *)&library.name, sizeof(library.name));
	CALLS(X)
#undef X
	if (!found) {
		dlclose(library.handle);
		library.handle = NULL;
	}
	return found;
}

const char *cmd_httpd_version(char *out, size_t size)
{
	if (load())
		snprintf(out, size, "libmicrohttpd %s", library.MHD_get_version());
	else
		snprintf(out, size, "no: %s is not installed", LIBRARY);
	return out;
}

/* ---- answers ---- */

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned code,
			     struct MHD_Response *response)
{
	enum MHD_Result result = MHD_NO;

	if (response)
		result = library.MHD_queue_response(connection, code, response);
	if (response)
		library.MHD_destroy_response(response);
	return result;
}

static struct MHD_Response *text_response(char *text, size_t size, enum MHD_ResponseMemoryMode mode,
					  const char *type)
{
	struct MHD_Response *response = library.MHD_create_response_from_buffer(size, text, mode);

	if (response)
		(void)library.MHD_add_response_header(response, "Content-Type", type);
	return response;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned code, const char *text)
{
	char *copy = strdup(text);
	struct MHD_Response *response;

	if (!copy)
		return MHD_NO;
	response = text_response(copy, strlen(copy), MHD_RESPMEM_MUST_FREE,
				 "text/plain; charset=utf-8");
	if (!response)
		free(copy);
	if (response && code == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)library.MHD_add_response_header(response, "Allow", "GET, HEAD");
	return reply(connection, code, response);
}

static enum MHD_Result give_page(struct cmd_httpd *httpd, struct MHD_Connection *connection)
{
	bool classic = cmd_accept_classic(
		library.MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept"));
	struct MHD_Response *response;
	size_t size = 0;
	char *text = httpd->page.make(httpd->page.user, classic, &size);

	if (!text)
		return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			   "the metrics cannot be had now\n");
	response = text_response(text, size, MHD_RESPMEM_MUST_FREE,
				 classic ? VIEW_CLASSIC_TYPE : VIEW_OPENMETRICS_TYPE);
	if (!response)
		free(text);
	else
		(void)library.MHD_add_response_header(response, "Vary", "Accept");
	return reply(connection, MHD_HTTP_OK, response);
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **context)
{
	static char seen;

	(void)version;
	(void)upload;
	/* Called first for the head alone: a refusal of now would close the connection. */
	if (!*context) {
		*context = &seen;
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (strcmp(url, "/metrics"))
		return say(connection, MHD_HTTP_NOT_FOUND, "the metrics are at /metrics\n");
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
			   "the metrics can be read only: GET or HEAD\n");
	return give_page(user, connection);
}

/* ---- in the loop ---- */

static void ready(void *user, uint32_t events)
{
	struct cmd_httpd *httpd = user;

	(void)events;
	(void)library.MHD_run(httpd->daemon);
}

static struct minato_time turn(void *user, struct minato_time now)
{
	struct cmd_httpd *httpd = user;
	MHD_UNSIGNED_LONG_LONG ms;

	if (library.MHD_get_timeout(httpd->daemon, &ms) != MHD_YES)
		return MINATO_NEVER;
	if (ms == 0) {
		(void)library.MHD_run(httpd->daemon);
		if (library.MHD_get_timeout(httpd->daemon, &ms) != MHD_YES)
			return MINATO_NEVER;
	}
	return (struct minato_time){ now.ns + (int64_t)ms * NS_PER_MS };
}

static int join_loop(struct cmd_httpd *httpd)
{
	const union MHD_DaemonInfo *info =
		library.MHD_get_daemon_info(httpd->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	if (!info)
		return -ENOSYS;
	httpd->watch = drive_loop_add(httpd->loop, info->epoll_fd, EPOLLIN, ready, httpd);
	if (httpd->watch < 0)
		return (int)httpd->watch;
	return drive_loop_hook(httpd->loop, turn, httpd);
}

int cmd_httpd_open(struct cmd_httpd **out, struct drive_loop *loop, int listener,
		   const struct cmd_page *page, struct drive_error *error)
{
	struct cmd_httpd *httpd;
	int result;

	if (!load())
		return drive_fail(error, ENOSYS,
				  "metrics are served by libmicrohttpd, which cannot be loaded "
				  "(%s): install it (Debian: libmicrohttpd12), or use 'minato "
				  "metrics --print'",
				  LIBRARY);
	httpd = calloc(1, sizeof(*httpd));
	if (!httpd)
		return drive_fail(error, ENOMEM, "out of memory");
	*httpd = (struct cmd_httpd){ .loop = loop, .page = *page };
	httpd->daemon = library.MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ITC, 0, NULL, NULL, handle,
						 httpd, MHD_OPTION_LISTEN_SOCKET, listener,
						 MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
						 MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
						 MHD_OPTION_END);
	result = httpd->daemon ? join_loop(httpd) : -EIO;
	if (result == 0) {
		*out = httpd;
		return 0;
	}
	cmd_httpd_close(httpd);
	return drive_fail(error, -result, "libmicrohttpd cannot serve: %s", strerror(-result));
}

void cmd_httpd_close(struct cmd_httpd *httpd)
{
	if (!httpd)
		return;
	if (httpd->daemon)
		library.MHD_stop_daemon(httpd->daemon);
	free(httpd);
}
