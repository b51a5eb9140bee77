/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A moment as RFC 3339 writes it, in UTC. A worker writes it too: it has no files, not even that of
 * the time zone, which libc looks for.
 */
#include "cmd/cmd.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define DAY_S 86400
/*
 * The calendar as it is everywhere (proleptic), in eras of 400 years; a year is counted from the
 * 1st of March, so that what differs, the leap day, is its last.
 */
#define ERA_DAYS 146097
#define YEAR_0_TO_1970 719468 /* days */

static void put_day(int64_t days, char out[64])
{
	int64_t since = days + YEAR_0_TO_1970;
	int64_t era = since / ERA_DAYS;
	int64_t day = since % ERA_DAYS;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t month;

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	(void)snprintf(out, 64, "%04d-%02d-%02d", (int)((year + era * 400 + (month >= 10)) % 10000),
		       (int)(month < 10 ? month + 3 : month - 9), (int)day + 1);
}

void cmd_moment(int64_t real_ns, bool thousandths, char *out, size_t size)
{
	int64_t seconds = real_ns / NS_PER_S;
	int left = (int)(seconds % DAY_S);
	char part[8] = "";
	char day[64];

	put_day(seconds / DAY_S, day);
	if (thousandths)
		(void)snprintf(part, sizeof(part), ".%03d", (int)(real_ns % NS_PER_S / NS_PER_MS));
	(void)snprintf(out, size, "%sT%02d:%02d:%02d%sZ", day, left / 3600, left / 60 % 60,
		       left % 60, part);
}
