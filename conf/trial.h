/* SPDX-License-Identifier: BSD-2-Clause */
/* For the files of conf/ that run tests. */
#ifndef MINATO_CONF_TRIAL_H
#define MINATO_CONF_TRIAL_H

#include "conf/reader.h"

/* ---- trialsay.c ---- */

/* Where a client may get, of the servers of a forward; false: only where it got. */
bool trial_server_end(const struct conf_test *test, const struct conf_forward *f, uint32_t index,
		      struct minato_endpoint *out);
/* Whether it is met by what was found, and in words what that was. */
void trial_judge(const struct conf *conf, struct conf_verdict *verdict,
		 const struct conf_test *test, const struct conf_fate *found);

#endif
