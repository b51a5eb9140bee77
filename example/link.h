/* SPDX-License-Identifier: BSD-2-Clause */
/* What both examples need around a host value: memory, time, and two links. */
#ifndef EXAMPLE_LINK_H
#define EXAMPLE_LINK_H

#include "minato/minato.h"

/* A host value with one Ethernet link and one address. NULL: out of memory. */
struct minato *host_new(const char *address, uint32_t prefix_len, uint8_t mac_tail);
void host_free(struct minato *m);

struct minato_time clock_now(void);

/* The memory link: carries what each of two hosts puts out to the other, until
   both are silent. Copies each frame once, as a cable would. */
void cable_carry(struct minato *a, struct minato *b, struct minato_time now);

/* The tap link: opens the device NAME (made beforehand, or made now where the
   caller may). Returns a descriptor or a negative errno number. */
int tap_open(const char *name);
/* Waits until a frame came or the host's deadline is there, at most ms_max, then
   carries frames both ways. Returns 0 or a negative errno number. */
int tap_carry(int tap, struct minato *m, int ms_max);

#endif
