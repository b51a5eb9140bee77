/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of the two text forms a collector wants (RFC 9110 12.5.1). */
#include "cmd/see/metrics.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How much each form is wanted, and how exactly that was said: by its name, "text", or anything. */
struct wish {
	double quality;
	int precision;
};

static void wish_for(struct wish *wish, int precision, double quality)
{
	if (precision < wish->precision ||
	    (precision == wish->precision && quality <= wish->quality))
		return;
	*wish = (struct wish){ quality, precision };
}

/* Whether the range, such as "text/plain", is this one. */
static bool is_range(const char *item, size_t length, const char *range)
{
	return length == strlen(range) && !strncasecmp(item, range, length);
}

/* The q parameter of one item that ends at `end`; 1 where there is none. */
static double quality_of(const char *item, const char *end)
{
	const char *at = item;

	while ((at = memchr(at, ';', (size_t)(end - at))) != NULL) {
		at++;
		while (at < end && isspace((unsigned char)*at))
			at++;
		if (end - at > 2 && tolower((unsigned char)*at) == 'q' && at[1] == '=')
			return strtod(at + 2, NULL);
	}
	return 1;
}

static void read_item(const char *item, const char *end, struct wish *open, struct wish *classic)
{
	double quality = quality_of(item, end);
	size_t length;

	while (item < end && isspace((unsigned char)*item))
		item++;
	length = strcspn(item, "; \t,");
	if (is_range(item, length, "application/openmetrics-text"))
		wish_for(open, 3, quality);
	else if (is_range(item, length, "application/*"))
		wish_for(open, 2, quality);
	/* What a person looks at is shown, not saved. */
	else if (is_range(item, length, "text/plain") || is_range(item, length, "text/html"))
		wish_for(classic, 3, quality);
	else if (is_range(item, length, "text/*"))
		wish_for(classic, 2, quality);
	else if (is_range(item, length, "*/*")) {
		wish_for(open, 1, quality);
		wish_for(classic, 1, quality);
	}
}

bool cmd_accept_classic(const char *accept)
{
	struct wish open = { 0, 0 };
	struct wish classic = { 0, 0 };

	while (accept && *accept) {
		const char *end = accept + strcspn(accept, ",");

		read_item(accept, end, &open, &classic);
		accept = *end ? end + 1 : end;
	}
	return classic.quality > open.quality;
}
