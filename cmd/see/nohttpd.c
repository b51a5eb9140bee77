/* SPDX-License-Identifier: BSD-2-Clause */
/* In the place of httpd.c in a minato without libmicrohttpd: a static one, or by choice. */
#include "cmd/see/metrics.h"

#include <errno.h>

const char *cmd_httpd_version(char *out, size_t size)
{
	snprintf(out, size, "no: built without libmicrohttpd");
	return out;
}

int cmd_httpd_open(struct cmd_httpd **httpd, struct drive_loop *loop, int listener,
		   const struct cmd_page *page, struct drive_error *error)
{
	(void)httpd;
	(void)loop;
	(void)listener;
	(void)page;
	return drive_fail(error, ENOSYS,
			  "this minato was built without libmicrohttpd and serves no metrics; "
			  "'minato metrics --print' prints them");
}

void cmd_httpd_close(struct cmd_httpd *httpd)
{
	(void)httpd;
}
