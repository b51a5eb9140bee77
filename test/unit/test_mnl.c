/* SPDX-License-Identifier: BSD-2-Clause */
/* The netlink calls of a static program do what libmnl's do: compared with the library itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* The file is no part of this build, where libmnl is there: take it in here, under its own names,
   and find the library's by the dynamic linker. */
#include "drive/mnl.c"

/* Sets a function pointer to libmnl's own. */
static void find(const char *name, void *function)
{
	static void *handle;
	void *symbol;

	if (!handle)
		handle = dlopen("libmnl.so.0", RTLD_NOW | RTLD_LOCAL);
	assert_non_null(handle);
	symbol = dlsym(handle, name);
	assert_non_null(symbol);
	memcpy(function, &symbol, sizeof(symbol));
}

/* The same message by both. */
static void messages_are_equal(void **state)
{
	static char ours[256], theirs[256];
	struct nlmsghdr *(*put_header)(void *);
	void *(*put_extra)(struct nlmsghdr *, size_t);
	void (*put)(struct nlmsghdr *, uint16_t, size_t, const void *);
	void (*put_u32)(struct nlmsghdr *, uint16_t, uint32_t);
	void (*put_strz)(struct nlmsghdr *, uint16_t, const char *);
	struct nlmsghdr *a, *b;

	(void)state;
	find("mnl_nlmsg_put_header", &put_header);
	find("mnl_nlmsg_put_extra_header", &put_extra);
	find("mnl_attr_put", &put);
	find("mnl_attr_put_u32", &put_u32);
	find("mnl_attr_put_strz", &put_strz);
	a = mnl_nlmsg_put_header(ours);
	b = put_header(theirs);
	mnl_nlmsg_put_extra_header(a, 7);
	put_extra(b, 7);
	mnl_attr_put_strz(a, 3, "harbour");
	put_strz(b, 3, "harbour");
	mnl_attr_put_u32(a, 5, 0x01020304);
	put_u32(b, 5, 0x01020304);
	mnl_attr_put(a, 9, 3, "abc");
	put(b, 9, 3, "abc");
	mnl_attr_put(a, 10, 0, NULL);
	put(b, 10, 0, NULL);
	assert_int_equal(a->nlmsg_len, b->nlmsg_len);
	assert_memory_equal(ours, theirs, a->nlmsg_len);
}

struct seen {
	unsigned links, attributes;
	uint32_t mtu;
	char name[32];
};

static int take_attribute(const struct nlattr *attr, void *user)
{
	struct seen *seen = user;

	seen->attributes++;
	if (mnl_attr_get_type(attr) == IFLA_MTU)
		seen->mtu = mnl_attr_get_u32(attr);
	if (mnl_attr_get_type(attr) == IFLA_IFNAME)
		memcpy(seen->name, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
	return MNL_CB_OK;
}

static int take_link(const struct nlmsghdr *message, void *user)
{
	struct seen *seen = user;
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);

	seen->links++;
	if (link->ifi_index != 1)
		return MNL_CB_OK;
	return mnl_attr_parse(message, sizeof(*link), take_attribute, seen);
}

/* Asks the kernel for all links, or for one of a name. */
static int ask(struct seen *seen, const char *name)
{
	static char buffer[65536];
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof(*link));
	int result = MNL_CB_OK;

	assert_non_null(nl);
	assert_int_equal(mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID), 0);
	assert_true(mnl_socket_get_portid(nl) != 0);
	message->nlmsg_type = RTM_GETLINK;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (name ? NLM_F_ACK : NLM_F_DUMP));
	message->nlmsg_seq = 7;
	if (name)
		mnl_attr_put_strz(message, IFLA_IFNAME, name);
	assert_true(mnl_socket_sendto(nl, message, message->nlmsg_len) > 0);
	while (result > MNL_CB_STOP) {
		ssize_t got = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));

		assert_true(got > 0);
		result = mnl_cb_run(buffer, (size_t)got, 7, mnl_socket_get_portid(nl), take_link,
				    seen);
	}
	if (result < 0)
		result = -errno;
	mnl_socket_close(nl);
	return result;
}

static void the_kernel_is_understood(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(ask(&seen, NULL), MNL_CB_STOP);
	assert_true(seen.links >= 1);
	assert_true(seen.attributes > 5);
	assert_string_equal(seen.name, "lo");
	assert_int_equal(seen.mtu, 65536);
}

static void one_and_its_acknowledgement(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(ask(&seen, "lo"), MNL_CB_STOP);
	assert_int_equal(seen.links, 1);
	assert_int_equal(ask(&seen, "nothing-like-it"), -ENODEV);
}

/* What the kernel would never send ends the reading, and nothing beyond the bytes is looked at. */
static void damaged_answers(void **state)
{
	struct {
		struct nlmsghdr header;
		int error;
	} cut = { { .nlmsg_len = sizeof(cut), .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = 7 }, -EBUSY };

	(void)state;
	errno = 0;
	assert_int_equal(mnl_cb_run(&cut, sizeof(cut), 7, 0, NULL, NULL), MNL_CB_ERROR);
	assert_int_equal(errno, EBUSY);
	assert_int_equal(mnl_cb_run(&cut, sizeof(cut) - 1, 7, 0, NULL, NULL), MNL_CB_OK);
	cut.header.nlmsg_seq = 8;
	assert_int_equal(mnl_cb_run(&cut, sizeof(cut), 7, 0, NULL, NULL), MNL_CB_ERROR);
	assert_int_equal(errno, EPROTO);
	cut.header.nlmsg_seq = 7;
	cut.header.nlmsg_len = sizeof(cut.header);
	assert_int_equal(mnl_cb_run(&cut, sizeof(cut), 7, 0, NULL, NULL), MNL_CB_ERROR);
	assert_int_equal(errno, EBADMSG);
	cut.header.nlmsg_len = 3;
	assert_int_equal(mnl_cb_run(&cut, sizeof(cut), 7, 0, NULL, NULL), MNL_CB_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_equal),
		cmocka_unit_test(the_kernel_is_understood),
		cmocka_unit_test(one_and_its_acknowledgement),
		cmocka_unit_test(damaged_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
