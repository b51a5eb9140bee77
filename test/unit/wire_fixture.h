/* SPDX-License-Identifier: BSD-2-Clause */
/* A wire in a network namespace of one's own: a veth pair, made by ip(8); for tests of links. */
#ifndef MINATO_TEST_WIRE_FIXTURE_H
#define MINATO_TEST_WIRE_FIXTURE_H

#include <stdlib.h>

#include "drive/drive.h"
#include "netns_fixture.h"

static unsigned own_uid, own_gid;

/* Before a namespace is entered. */
static inline void remember_self(void)
{
	own_uid = getuid();
	own_gid = getgid();
}

static inline void shell(const char *command)
{
	if (system(command) != 0) {
		fprintf(stderr, "# %s\n", command);
		_exit(1);
	}
}

/* Programs that are executed keep the rights over the namespace only as its root. */
static inline void be_root(void)
{
	char map[64];

	(void)drive_proc_write("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", own_gid);
	(void)drive_proc_write("/proc/self/gid_map", map);
	(void)snprintf(map, sizeof(map), "0 %u 1", own_uid);
	if (drive_proc_write("/proc/self/uid_map", map) < 0)
		_exit(NO_NAMESPACE);
}

/* veth n0 (the link) and f0; no IPv6 of the kernel's, which would chat. */
static inline void lay_wire(void)
{
	be_root();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (system("ip link add n0 type veth peer name f0 2>/dev/null") != 0)
		_exit(NO_NAMESPACE);
	shell("echo 1 > /proc/sys/net/ipv6/conf/n0/disable_ipv6;"
	      "echo 1 > /proc/sys/net/ipv6/conf/f0/disable_ipv6;"
	      "ip link set lo up; ip link set n0 up; ip link set f0 up");
}

#endif
