/* SPDX-License-Identifier: BSD-2-Clause */
/* A relay that lets out what --allow says, with a nameserver of the test's at 127.0.0.1. */
#ifndef TEST_UNIT_PERMIT_FIXTURE_H
#define TEST_UNIT_PERMIT_FIXTURE_H

#include "relay_fixture.h"

#include "dns_forge.h"
#include "relay/permit.h"

static struct relay_allows allows;
static char resolv[64];
static int nameserver;
static struct forged forged;

/* What was told last, and how often each sort was. */
static struct {
	uint32_t count[RELAY_ATTEMPT_ENDED + 1];
	struct relay_attempt last;
	char name[256], said[256], rule[512], reason[128];
	char program[256];
	uint32_t pid;
} told;

static inline void copy_text(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

static inline void hear_attempt(void *user, const struct relay_attempt *attempt)
{
	(void)user;
	told.count[attempt->sort]++;
	told.last = *attempt;
	copy_text(told.name, sizeof(told.name), attempt->name);
	copy_text(told.said, sizeof(told.said), attempt->said);
	copy_text(told.rule, sizeof(told.rule), attempt->rule);
	copy_text(told.reason, sizeof(told.reason), attempt->reason);
	copy_text(told.program, sizeof(told.program),
		  attempt->program ? attempt->program->path : NULL);
	told.pid = attempt->program ? attempt->program->pid : 0;
}

/* 192.0.2.1 and 2001:db8::1 are the host's here. */
static inline int begin_closed(void **state)
{
	static const char *const texts[] = {
		"api.example:443,80,7,9000", "*.sub.example:9000", "raw.example:80/raw",
		"udp.example:443,9000/udp",  "203.0.113.0/24:22",
	};
	FILE *file;
	int fd;

	(void)state;
	memset(&told, 0, sizeof(told));
	strcpy(resolv, "/tmp/test-permit-XXXXXX");
	fd = mkstemp(resolv);
	if (fd < 0)
		return -1;
	file = fdopen(fd, "w");
	fputs("nameserver 127.0.0.1\n", file);
	fclose(file);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(relay_allow_add(&allows, texts[i], NULL), 0);
	fixture_allows = &allows;
	fixture_attempt = hear_attempt;
	begin_with(false, resolv);
	if (have_netns)
		nameserver = host_socket(SOCK_DGRAM, "127.0.0.1", 53);
	return 0;
}

static inline int finish_closed(void **state)
{
	unlink(resolv);
	if (have_netns)
		close(nameserver);
	finish(state);
	relay_allow_free(&allows);
	return 0;
}

#define CASE_CLOSED(f) cmocka_unit_test_setup_teardown(f, begin_closed, finish_closed)

/* The guest asks; a datagram socket that waits for the answer. */
static inline uint64_t guest_asks(const char *name, uint16_t type)
{
	uint64_t s = guest_socket(MINATO_UDP);
	struct minato_endpoint peer = end("10.0.2.3", 53);

	forge_question(&forged, name, type);
	assert_int_equal(minato_connect(w.guest, s, &peer), 0);
	assert_int_equal(minato_send(w.guest, s, forged.data, forged.len, 0), forged.len);
	return s;
}

/* The nameserver's answer is what `fill` puts behind the question that came. */
static inline void server_answers(void (*fill)(struct forged *f))
{
	static struct forged asked;
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	ssize_t got = -1;

	UNTIL((got = recvfrom(nameserver, asked.data, sizeof(asked.data), MSG_DONTWAIT,
			      (struct sockaddr *)&from, &from_len)) >= 0);
	asked.len = (size_t)got;
	asked.data[2] |= 0x80;
	if (fill)
		fill(&asked);
	assert_int_equal(sendto(nameserver, asked.data, asked.len, 0, (struct sockaddr *)&from,
				from_len),
			 asked.len);
}

/* What the guest hears, and its rcode. */
static inline int guest_reads(uint64_t s, struct dnsanswer *out, const char *name, uint16_t type)
{
	uint8_t data[2048];
	int64_t got = -1;
	struct dnsmsg m;
	struct dnsask ask;

	UNTIL((got = minato_recv(w.guest, s, data, sizeof(data), 0)) > 0);
	assert_true(dnsmsg_parse(data, (size_t)got, &m));
	assert_true(m.response);
	forge_question(&forged, name, type);
	assert_memory_equal(data + 12, forged.data + 12, forged.len - 12);
	assert_true(dnsask_read(data, (size_t)got, &m, &ask));
	if (out && (type == 1 || type == 28))
		assert_true(dnsanswer_read(data, (size_t)got, &m, &ask, out));
	minato_close(w.guest, s);
	return m.rcode;
}

static inline void put_host(struct forged *f)
{
	struct dnsmsg m;
	struct dnsask ask;

	assert_true(dnsmsg_parse(f->data, f->len, &m));
	assert_true(dnsask_read(f->data, f->len, &m, &ask));
	f->len = m.question_end;
	f->data[11] = 0;
	forge_a(f, ask.name.text, 5, 1);
}

/* `name` leads to 192.0.2.1 from now on. */
static inline void pin_host(const char *name)
{
	uint64_t s = guest_asks(name, 1);
	struct dnsanswer answer;

	server_answers(put_host);
	assert_int_equal(guest_reads(s, &answer, name, 1), 0);
	assert_int_equal(answer.addr_count, 1);
}

#endif
