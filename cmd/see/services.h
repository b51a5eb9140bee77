/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of ports, and all that is known of one: what `minato services` shows. */
#ifndef MINATO_CMD_SERVICES_H
#define MINATO_CMD_SERVICES_H

#include "cmd/cmd.h"
#include "cmd/see/holders.h"
#include "drive/reserved.h"
#include "minato/services.h"

/* ---- naming.c: the names of ports on this host ---- */

/*
 * Reads a services file; NULL is that of the host, which may be missing. The result is one block,
 * to be freed. NULL with a text in case of failure.
 */
struct minato_services *cmd_naming_open(const char *path, struct drive_error *error);

/* ---- known.c: what is known of ports beside their names ---- */

/* Whether browsers refuse to go there: the bad ports of the Fetch standard. */
bool cmd_known_refused(uint16_t port);
/* What is risky about the usual program at that port, in one line; or NULL. */
const char *cmd_known_risk(uint8_t proto, uint16_t port);

/* ---- cards.c: all about a port of one protocol ---- */

#define CMD_CARD_NAMES_MAX 12
#define CMD_PROTOCOLS 4 /* TCP, UDP, SCTP, DCCP: in this order everywhere */

/* The IP protocol number and the word of the first, second ... protocol. */
uint8_t cmd_protocol(size_t index);
const char *cmd_protocol_word(uint8_t proto);

struct cmd_card {
	uint16_t port;
	uint8_t proto;
	const char *names[CMD_CARD_NAMES_MAX]; /* the preferred first */
	size_t name_count;
	enum minato_service_state state;
	char text[MINATO_SERVICE_TEXT_SIZE]; /* the description, or empty */
	const struct cmd_holder *holders;    /* borrowed */
	size_t holder_count;
};

/* What cards are made of, and the cards. */
struct cmd_cards {
	struct minato_services *services;
	struct kernel_knobs knobs;
	struct drive_reserved reserved; /* on this host, the kernel's too */
	struct cmd_holders holders;
	/* By protocol and port; enum cmd_hit */
	uint8_t (*hits)[UINT16_MAX + 1];
	struct cmd_card *list;
	size_t count;
};

/*
 * Reads the services file (NULL: the host's) and the kernel's rules. 0 or negative errno with a
 * text; cmd_cards_close is due in either case.
 */
int cmd_cards_open(struct cmd_cards *cards, const char *path, struct drive_error *error);
/* Finds who holds these ports, on this host and in the guests. As cmd_holders_find. */
int cmd_cards_look(struct cmd_cards *cards, uint16_t first, uint16_t last,
		   struct drive_error *error);
/*
 * Makes a card of each hit whose protocol is in the set (MINATO_SERVICE_TCP ...), those of a lower
 * number first, then by port. 0 or -ENOMEM.
 */
int cmd_cards_make(struct cmd_cards *cards, uint32_t protocols);
void cmd_cards_close(struct cmd_cards *cards);

bool cmd_card_privileged(const struct cmd_cards *cards, uint16_t port);
/* What reserves the port, for TCP or for UDP, or NULL. */
const struct drive_reservation *cmd_card_reserved(const struct cmd_cards *cards, uint16_t port);
bool cmd_card_ephemeral(const struct cmd_cards *cards, uint16_t port);

/* ---- finding.c: which ports are meant ---- */

/* Why a port was found; cards come in this order. */
enum cmd_hit {
	CMD_HIT_NOT,
	CMD_HIT_EXACT,	/* its number, or one of its names */
	CMD_HIT_BEGINS, /* a name begins so */
	CMD_HIT_WORDS,	/* names or description have all the words */
};

enum cmd_sought {
	CMD_SOUGHT_ALL,	  /* nothing was said: all that have a name */
	CMD_SOUGHT_PORT,  /* a number */
	CMD_SOUGHT_RANGE, /* numbers: those that have a name, a note or a holder */
	CMD_SOUGHT_NAME,  /* a name that there is */
	CMD_SOUGHT_WORDS, /* a beginning or words */
};

/* What was asked for, as it was understood. */
struct cmd_wanted {
	enum cmd_sought sought;
	uint16_t first, last; /* of numbers; else 0..65535 */
	uint32_t protocols;   /* those that the words name, "80/tcp"; 0: any */
	char text[256];	      /* of NAME and WORDS: without more */
};

/* Understands the words; -EINVAL with a text. */
int cmd_finding_parse(struct cmd_wanted *wanted, const struct cmd_operands *operands,
		      const struct cmd_cards *cards, struct drive_error *error);
/* Marks the hits. The holders of a range are looked for before. Returns how many there are. */
size_t cmd_finding_mark(struct cmd_cards *cards, const struct cmd_wanted *wanted);
/* The name that may have been meant, or NULL. */
const char *cmd_finding_guess(const struct cmd_cards *cards, const char *word);

/* ---- cardtext.c, cardjson.c: how they are shown; each 0, -ENOMEM or -EIO ---- */

/* Each by itself, with all that is known. */
int cmd_cards_show(FILE *out, const struct cmd_cards *cards, const struct view_look *look);
/* A line for each. */
int cmd_cards_list(FILE *out, const struct cmd_cards *cards, const struct view_look *look);
/* As a services file. */
int cmd_cards_export(FILE *out, const struct cmd_cards *cards);
int cmd_cards_json(FILE *out, const struct cmd_cards *cards);
/* A holder as a JSON object: a new reference, or NULL. */
json_t *cmd_holder_json(const struct cmd_holder *holder);

/* ---- proposal.c: a port for a new service ---- */

/*
 * A User Port for that name: unassigned for TCP and UDP, without a name in the services file, not
 * refused by browsers, not in the range or the reservations of this host's kernel, held by nobody.
 * The same name gets the same port, as long as that is free. The port, or negative errno with a
 * text: -EINVAL (no good name), -EEXIST (is a service already), -EADDRNOTAVAIL.
 */
int cmd_propose(const struct cmd_cards *cards, const char *name, struct drive_error *error);

#endif
