/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a client of a published port is near. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay/relay.h"

static uint8_t face_of(const struct relay_config *config, const char *text)
{
	struct minato_addr addr;

	assert_int_equal(minato_addr_parse(text, &addr), 0);
	return zone_face(config, &addr);
}

static void faces(void **state)
{
	const struct relay_prefix lan[] = {
		{ minato_addr4(127, 0, 0, 0), 104 },
		{ minato_addr4(192, 168, 7, 0), 120 },
		{ { { 0xfe, 0x80 } }, 10 },
	};
	const struct relay_config config = { .lan = lan, .lan_count = 3 };
	const struct relay_config none = { .lan_count = 0 };

	(void)state;
	assert_int_equal(face_of(&config, "127.0.0.1"), RELAY_FACE_LAN);
	assert_int_equal(face_of(&config, "192.168.7.255"), RELAY_FACE_LAN);
	assert_int_equal(face_of(&config, "192.168.8.0"), RELAY_FACE_WAN);
	assert_int_equal(face_of(&config, "febf::1"), RELAY_FACE_LAN);
	assert_int_equal(face_of(&config, "fec0::1"), RELAY_FACE_WAN);
	assert_int_equal(face_of(&config, "::1"), RELAY_FACE_WAN);
	assert_int_equal(face_of(&none, "127.0.0.1"), RELAY_FACE_WAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(faces) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
