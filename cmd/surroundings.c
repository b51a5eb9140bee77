/* SPDX-License-Identifier: BSD-2-Clause */
/* What a command finds around it besides its network: names of hosts, and its environment. */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUEST_VARIABLE "MINATO_NAME"
/* Where the user has no other address in mind than that of the host's face to the guest. */
#define GATEWAY_WORD "gateway"

/* ---- --hosts ---- */

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/*
 * RFC 1123 2.1: labels of 1 to 63 letters, digits and hyphens, no hyphen at an end; and what looks
 * like an address is one.
 */
static bool is_host_name(const char *name, size_t length)
{
	size_t label = 0;
	bool digits = true; /* in this label */

	if (length == 0 || length >= DRIVE_HOST_NAME_SIZE)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (name[i] == '.') {
			if (label == 0 || name[i - 1] == '-')
				return false;
			label = 0;
			digits = true;
			continue;
		}
		if (!is_alnum(name[i]) && (name[i] != '-' || label == 0))
			return false;
		digits = digits && name[i] >= '0' && name[i] <= '9';
		if (++label > 63)
			return false;
	}
	return label > 0 && !digits && name[length - 1] != '-';
}

static int add_name(struct cmd_hosts *hosts, const char *name, size_t length,
		    const struct minato_addr *addr)
{
	struct drive_name *grown =
		reallocarray(hosts->list, hosts->count + 1, sizeof(hosts->list[0]));

	if (!grown)
		return -ENOMEM;
	hosts->list = grown;
	grown[hosts->count].addr = *addr;
	snprintf(grown[hosts->count].name, DRIVE_HOST_NAME_SIZE, "%.*s", (int)length, name);
	hosts->count++;
	return 0;
}

static int add_gateway(struct cmd_hosts *hosts, const char *name, size_t length,
		       const struct drive_subnet *subnet)
{
	int result = 0;

	if (subnet->has4)
		result = add_name(hosts, name, length, &subnet->gateway4);
	if (!result && subnet->has6)
		result = add_name(hosts, name, length, &subnet->gateway6);
	return result;
}

int cmd_hosts_add(struct cmd_hosts *hosts, const char *text, const struct drive_subnet *subnet,
		  struct drive_error *error)
{
	size_t length = strcspn(text, "=");
	struct minato_addr addr;
	int result;

	if (!text[length])
		return drive_fail(error, EINVAL, "%s: what is its address? NAME=ADDRESS", text);
	if (!is_host_name(text, length))
		return drive_fail(error, EINVAL,
				  "\"%.*s\" is no host name: letters, digits and '-' in parts of "
				  "at most 63 between dots, at most %d in all, the last part not "
				  "only digits",
				  (int)length, text, DRIVE_HOST_NAME_SIZE - 1);
	if (!strcmp(text + length + 1, GATEWAY_WORD))
		result = add_gateway(hosts, text, length, subnet);
	else if (minato_addr_parse(text + length + 1, &addr) < 0)
		return drive_fail(error, EINVAL,
				  "\"%s\" is no address: such as 192.0.2.7 or 2001:db8::7, or "
				  "the word " GATEWAY_WORD,
				  text + length + 1);
	else
		result = add_name(hosts, text, length, &addr);
	return result < 0 ? drive_fail(error, -result, "%s", strerror(-result)) : 0;
}

void cmd_hosts_free(struct cmd_hosts *hosts)
{
	free(hosts->list);
	*hosts = (struct cmd_hosts){ 0 };
}

/* ---- --env ---- */

int cmd_environment_check(const struct cmd_many *settings, struct drive_error *error)
{
	for (size_t i = 0; i < settings->count; i++) {
		const char *text = settings->text[i];

		if (*text == '=' || !strchr(text, '='))
			return drive_fail(error, EINVAL,
					  "\"%s\": NAME=VALUE sets a variable (all others are "
					  "the command's anyway; 'env -u NAME' before the "
					  "command takes one away)",
					  text);
	}
	return 0;
}

/* Whether both set the same variable. */
static bool is_same_variable(const char *a, const char *b)
{
	size_t length = strcspn(a, "=");

	return !strncmp(a, b, length + 1);
}

/* In the place of an earlier setting of the same variable, or at the end. */
static void set(char **all, size_t *count, char *setting)
{
	size_t i = 0;

	while (i < *count && !is_same_variable(setting, all[i]))
		i++;
	all[i] = setting;
	*count += i == *count;
}

char **cmd_environment_make(const struct cmd_many *settings, const char *guest)
{
	static char own[sizeof(GUEST_VARIABLE) + DRIVE_NAME_SIZE];
	size_t count = 0;
	char **all;

	while (environ[count])
		count++;
	all = calloc(count + settings->count + 2, sizeof(*all));
	if (!all)
		return NULL;
	memcpy(all, environ, count * sizeof(*all));
	snprintf(own, sizeof(own), "%s=%s", GUEST_VARIABLE, guest);
	set(all, &count, own);
	for (size_t i = 0; i < settings->count; i++)
		set(all, &count, (char *)(uintptr_t)settings->text[i]);
	return all;
}
