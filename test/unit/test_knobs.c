/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's own rules for ports, here and in a namespace of another process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>

#include "kernel/kernel.h"
#include "netns_fixture.h"

static void write_knob(const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	DEMAND(drive_proc_write(path, text) == 0);
}

static void set_knobs(void)
{
	write_knob("ip_local_port_range", "20000 20010");
	write_knob("ip_local_reserved_ports", "8080,9000-9003,65535");
	write_knob("ip_unprivileged_port_start", "80");
}

static void demand_knobs(const struct kernel_knobs *knobs)
{
	DEMAND(knobs->first == 20000 && knobs->last == 20010);
	DEMAND(knobs->privileged_below == 80);
	DEMAND(knobs->reserved_count == 6);
	DEMAND(kernel_port_reserved(knobs, 8080) && kernel_port_reserved(knobs, 9000));
	DEMAND(kernel_port_reserved(knobs, 9003) && kernel_port_reserved(knobs, 65535));
	DEMAND(!kernel_port_reserved(knobs, 8999) && !kernel_port_reserved(knobs, 9004));
	DEMAND(!kernel_port_reserved(knobs, 0));
}

static void read_here(void)
{
	struct kernel_knobs knobs;

	set_knobs();
	DEMAND(kernel_knobs_read(&knobs, 0) == 0);
	demand_knobs(&knobs);
	DEMAND(kernel_knobs_read(&knobs, getpid()) == 0);
	demand_knobs(&knobs);
}

NETNS_CASE(the_rules_here, read_here)

static void read_there(void)
{
	struct kernel_knobs knobs;
	int ends[2];
	pid_t child;
	char go;

	DEMAND(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		enter_netns();
		set_knobs();
		(void)!write(ends[1], "", 1);
		pause();
	}
	close(ends[1]);
	if (read(ends[0], &go, 1) != 1)
		_exit(NO_NAMESPACE);
	DEMAND(kernel_knobs_read(&knobs, child) == 0);
	demand_knobs(&knobs);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	DEMAND(kernel_knobs_read(&knobs, child) == -ESRCH);
}

CHILD_CASE(the_rules_of_another_namespace, read_there)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rules_here),
		cmocka_unit_test(the_rules_of_another_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
