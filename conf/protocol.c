/* SPDX-License-Identifier: BSD-2-Clause */
/* Protocols without ports that a gateway knows, by the words that people have for them. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conf/conf.h"

/* Of two words for one number the first is the one that is written. */
static const struct {
	uint8_t number;
	const char *word;
} protocols[] = {
	{ 4, "ipip" },	 { 4, "ipencap" },   { 33, "dccp" },	{ 41, "6in4" },
	{ 41, "ipv6" },	 { 47, "gre" },	     { 50, "esp" },	{ 51, "ah" },
	{ 88, "eigrp" }, { 89, "ospf" },     { 97, "etherip" }, { 115, "l2tp" },
	{ 132, "sctp" }, { 136, "udplite" }, { 137, "mpls" },	{ 139, "hip" },
};

#define COUNT (sizeof(protocols) / sizeof(protocols[0]))

const char *conf_protocol_word(char out[CONF_PROTOCOL_SIZE], uint8_t number)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (protocols[i].number == number)
			return protocols[i].word;
	}
	(void)snprintf(out, CONF_PROTOCOL_SIZE, "%u", number);
	return out;
}

static bool has_ports_or_types(unsigned int number)
{
	return number == MINATO_TCP || number == MINATO_UDP || number == MINATO_ICMP ||
	       number == 58;
}

bool conf_protocol_read(const char *word, uint8_t *number)
{
	size_t length = strlen(word);
	unsigned int value = 0;

	for (size_t i = 0; i < COUNT; i++) {
		if (strcasecmp(protocols[i].word, word) != 0)
			continue;
		*number = protocols[i].number;
		return true;
	}
	if (length == 0 || length > 3 || strspn(word, "0123456789") != length)
		return false;
	for (size_t i = 0; i < length; i++)
		value = value * 10 + (unsigned int)(word[i] - '0');
	*number = (uint8_t)value;
	return value > 0 && value < 256 && !has_ports_or_types(value);
}

bool conf_protocol_is_plain(const char *word)
{
	uint8_t number;

	/* A family of addresses is no protocol, to those who say it in a rule. */
	return conf_protocol_read(word, &number) && word[strspn(word, "0123456789")] &&
	       strcasecmp(word, "l2tp") != 0 && strcasecmp(word, "ipv6") != 0;
}

const char *conf_protocol_said(char out[CONF_PROTOCOL_SAID_SIZE], uint8_t number)
{
	char word[CONF_PROTOCOL_SIZE];
	const char *name = conf_protocol_word(word, number);

	(void)snprintf(out, CONF_PROTOCOL_SAID_SIZE, "%s%s",
		       conf_protocol_is_plain(name) ? "" : "protocol ", name);
	return out;
}
