/* SPDX-License-Identifier: BSD-2-Clause */
/* What minato's own stack knows of a connection, in the terms of a listing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "view/view.h"

static void every_number_has_its_place(void **state)
{
	const struct minato_info info = {
		.sack = true,
		.snd_wscale = 7,
		.rto_us = 1,
		.rtt_us = 2,
		.min_rtt_us = 3,
		.snd_mss = 4,
		.snd_cwnd = 5,
		.snd_ssthresh = 6,
		.snd_wnd = 7,
		.bytes_sent = 8,
		.bytes_received = 9,
		.segs_in = 10,
		.last_data_sent_ms = 11,
		.delivery_rate = 12,
		.unacked = 13,
		.total_retrans = 14,
		.rcv_ooopack = 15,
		.notsent_bytes = 16,
	};
	struct view_tcp tcp;

	(void)state;
	memset(&tcp, 0xff, sizeof(tcp));
	view_tcp_from(&tcp, &info);
	assert_true(tcp.sack && !tcp.ecn && !tcp.has_bbr && tcp.snd_wscale == 7);
	assert_true(tcp.rto_us == 1 && tcp.rtt_us == 2 && tcp.min_rtt_us == 3);
	assert_true(tcp.snd_mss == 4 && tcp.snd_cwnd == 5 && tcp.snd_ssthresh == 6);
	assert_true(tcp.snd_wnd == 7 && tcp.bytes_sent == 8 && tcp.bytes_received == 9);
	assert_true(tcp.segs_in == 10 && tcp.last_sent_ms == 11 && tcp.delivery_rate == 12);
	assert_true(tcp.unacked == 13 && tcp.total_retrans == 14 && tcp.rcv_ooopack == 15);
	assert_true(tcp.notsent_bytes == 16 && tcp.pacing_rate == 0 && tcp.busy_us == 0);
	assert_string_equal(tcp.congestion, "cubic");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_has_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
