/* SPDX-License-Identifier: BSD-2-Clause */
/* In the place of statefile.c where this program is built without SQLite. */
#include "cmd/gateway/gateway.h"

#include <errno.h>

bool gateway_state_built(void)
{
	return false;
}

int gateway_state_open(struct gateway_state **out, const char *path, struct drive_error *warning,
		       struct drive_error *error)
{
	(void)out;
	warning->text[0] = 0;
	return drive_fail(error, EOPNOTSUPP,
			  "the state file %s: this minato was built without SQLite; changes made "
			  "while the gateway runs are lost when it ends",
			  path);
}

void gateway_state_close(struct gateway_state *state)
{
	(void)state;
}

bool gateway_state_stopped(const struct gateway_state *state)
{
	(void)state;
	return true;
}

int gateway_state_each(struct gateway_state *state,
		       int (*each)(void *user, const char *text, int64_t until_s), void *user,
		       struct drive_error *error)
{
	(void)state;
	(void)each;
	(void)user;
	return drive_fail(error, EOPNOTSUPP, "built without SQLite");
}

int gateway_state_write(struct gateway_state *state, const struct gateway_change *changes,
			size_t count, struct drive_error *error)
{
	(void)state;
	(void)changes;
	(void)count;
	return drive_fail(error, EOPNOTSUPP, "built without SQLite");
}
