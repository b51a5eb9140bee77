/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of ports beside their names: which browsers refuse, and what is risky where. */
#include "cmd/see/services.h"

/* The bad ports of the Fetch standard (2.9, port blocking), in order. */
static const uint16_t refused[] = {
	0,    1,    7,	  9,	11,   13,   15,	  17,	19,   20,   21,	  22,	23,    25,
	37,   42,   43,	  53,	69,   77,   79,	  87,	95,   101,  102,  103,	104,   109,
	110,  111,  113,  115,	117,  119,  123,  135,	137,  139,  143,  161,	179,   389,
	427,  465,  512,  513,	514,  515,  526,  530,	531,  532,  540,  548,	554,   556,
	563,  587,  601,  636,	989,  990,  993,  995,	1719, 1720, 1723, 2049, 3659,  4045,
	4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
};

struct risk {
	uint16_t first, last;
	uint8_t protocols; /* MINATO_SERVICE_TCP ... */
	const char *text;
};

#define TCP MINATO_SERVICE_TCP
#define UDP MINATO_SERVICE_UDP
#define BOTH (TCP | UDP)

/* What is true of the usual program there, in one line; the first that fits counts. */
static const struct risk risks[] = {
	{ 7, 7, UDP, "answers anybody: two such hosts can be set upon each other" },
	{ 17, 17, UDP, "answers anybody with more than it was sent: amplifies attacks" },
	{ 19, 19, BOTH, "sends without end to anybody: amplifies attacks" },
	{ 21, 21, TCP, "passwords and files travel in clear; SFTP (22) encrypts" },
	{ 23, 23, TCP, "all travels in clear, passwords too; SSH (22) encrypts" },
	{ 25, 25, TCP, "a server that relays for anybody is used for spam" },
	{ 53, 53, UDP, "a resolver that answers anybody amplifies attacks" },
	{ 69, 69, UDP, "has no passwords: who reaches it reads files, and may write some" },
	{ 79, 79, TCP, "tells anybody who the users are" },
	{ 80, 80, TCP, "nothing is encrypted; HTTPS (443) encrypts" },
	{ 110, 110, TCP, "passwords travel in clear unless STARTTLS is demanded; 995 encrypts" },
	{ 111, 111, BOTH, "tells anybody which RPC services there are; amplifies attacks" },
	{ 123, 123, UDP, "old servers amplify attacks (monlist)" },
	{ 135, 135, TCP, "Windows RPC: worms came this way; for the LAN alone" },
	{ 137, 139, BOTH, "NetBIOS tells names, users and shares of a host; for the LAN alone" },
	{ 143, 143, TCP, "passwords travel in clear unless STARTTLS is demanded; 993 encrypts" },
	{ 161, 162, UDP, "before version 3 its only password travels in clear" },
	{ 389, 389, TCP, "passwords travel in clear unless StartTLS is demanded; 636 encrypts" },
	{ 389, 389, UDP, "amplifies attacks" },
	{ 445, 445, TCP, "SMB: worms came this way (WannaCry); for the LAN alone" },
	{ 512, 514, TCP, "believes the client's address and name; all travels in clear" },
	{ 514, 514, UDP, "takes log lines from anybody, in clear" },
	{ 515, 515, TCP, "prints for anybody who reaches it" },
	{ 520, 520, UDP, "version 1 believes routes from anybody" },
	{ 873, 873, TCP, "often without a password; all travels in clear" },
	{ 1080, 1080, TCP, "a proxy open to anybody carries anybody's traffic" },
	{ 1433, 1433, TCP, "a database: passwords are guessed around the clock" },
	{ 1434, 1434, UDP, "a worm came this way (Slammer); amplifies attacks" },
	{ 1883, 1883, TCP, "often without a password; all travels in clear; 8883 encrypts" },
	{ 1900, 1900, UDP, "amplifies attacks; for the LAN alone" },
	{ 2049, 2049, BOTH, "without Kerberos it believes the client who the user is" },
	{ 2375, 2375, TCP, "Docker without TLS: who reaches it is root on the host" },
	{ 2376, 2376, TCP, "Docker: who has a client certificate is root on the host" },
	{ 2379, 2380, TCP, "etcd: without client certificates all of a cluster's secrets" },
	{ 3128, 3128, TCP, "a proxy open to anybody carries anybody's traffic" },
	{ 3306, 3306, TCP, "a database: passwords are guessed around the clock" },
	{ 3389, 3389, TCP, "Remote Desktop: guessed and attacked around the clock (BlueKeep)" },
	{ 5060, 5060, BOTH, "scanned for, to make telephone calls at your cost" },
	{ 5353, 5353, UDP, "tells names and services of a host; for the LAN alone" },
	{ 5432, 5432, TCP, "a database: passwords are guessed around the clock" },
	{ 5555, 5555, TCP, "Android's debugger uses it: a shell without a password" },
	{ 5900, 5909, TCP, "VNC: short passwords, and the plain protocol encrypts nothing" },
	{ 5984, 5984, TCP, "CouchDB: old versions let anybody read and write" },
	{ 6000, 6063, TCP, "X11: who may connect sees the screen and reads the keyboard" },
	{ 6379, 6379, TCP, "Redis: often without a password, and it can write files" },
	{ 8883, 8883, TCP, "often without a password" },
	{ 9100, 9100, TCP, "prints for anybody who reaches it" },
	{ 9200, 9200, TCP, "Elasticsearch: old versions let anybody read and write" },
	{ 9300, 9300, TCP, "Elasticsearch: old versions let anybody read and write" },
	{ 10250, 10250, TCP, "Kubernetes' kubelet: runs commands if anonymous access is on" },
	{ 11211, 11211, TCP, "memcached: has no password; anybody reads and writes" },
	{ 11211, 11211, UDP, "memcached: amplifies attacks up to 50,000 times" },
	{ 27017, 27019, TCP, "MongoDB: old versions let anybody read and write" },
};

bool cmd_known_refused(uint16_t port)
{
	size_t low = 0;
	size_t high = sizeof(refused) / sizeof(refused[0]);

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (refused[middle] < port)
			low = middle + 1;
		else
			high = middle;
	}
	return low < sizeof(refused) / sizeof(refused[0]) && refused[low] == port;
}

const char *cmd_known_risk(uint8_t proto, uint16_t port)
{
	uint8_t bit = proto == MINATO_TCP ? TCP : proto == MINATO_UDP ? UDP : 0;

	for (size_t i = 0; i < sizeof(risks) / sizeof(risks[0]); i++) {
		if (port >= risks[i].first && port <= risks[i].last && risks[i].protocols & bit)
			return risks[i].text;
	}
	return NULL;
}
