/* SPDX-License-Identifier: BSD-2-Clause */
/* minato version: what was built in, and what this kernel allows. */
#include "cmd/see/metrics.h"
#include "inspect/inspect.h"
#include "minato/services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The number in a file of /proc/sys, or `absent`. */
static long sysctl_number(const char *path, long absent)
{
	FILE *file = fopen(path, "re");
	char text[32];
	long number = absent;

	if (!file)
		return absent;
	if (fgets(text, sizeof(text), file))
		number = strtol(text, NULL, 10);
	fclose(file);
	return number;
}

static const char *namespaces_word(void)
{
	if (access("/proc/self/ns/user", F_OK))
		return "not in this kernel";
	if (sysctl_number("/proc/sys/user/max_user_namespaces", 1) == 0)
		return "off (user.max_user_namespaces is 0)";
	if (!getuid())
		return "yes";
	if (sysctl_number("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
		return "off (kernel.unprivileged_userns_clone is 0)";
	if (sysctl_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
		return "for programs with an AppArmor profile only";
	return "yes";
}

static const char *tun_word(void)
{
	if (!access("/dev/net/tun", R_OK | W_OK))
		return "yes";
	return errno == ENOENT ? "absent" : "not open to this user";
}

static int run(int argc, char **argv)
{
	struct cmd_operands operands;
	struct utsname kernel;
	char metrics[64];
	int code = cmd_parse(&cmd_version, argv, NULL, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	printf("minato %s\n", MINATO_VERSION);
	printf("library:           jansson %s\n", jansson_version_str());
	printf("metrics:           %s\n", cmd_httpd_version(metrics, sizeof(metrics)));
	printf("names in QUIC:     %s\n", inspect_quic_able() ? "yes (nettle)" : "not told apart");
	printf("names of ports:    IANA, %s (port-numbers %s)\n", minato_service_date(),
	       minato_service_version());
	if (!uname(&kernel))
		printf("kernel:            %s %s\n", kernel.sysname, kernel.release);
	printf("user namespaces:   %s\n", namespaces_word());
	printf("/dev/net/tun:      %s\n", tun_word());
	printf("lowest host port:  %d\n", drive_port_lowest());
	return CMD_OK;
}

const struct cmd_command cmd_version = {
	.name = "version",
	.args = "",
	.summary = "Show the version, what is built in, and what the kernel allows.",
	.run = run,
};
