/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of a socket, in ss's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "view/view.h"

static char out[VIEW_DETAILS_SIZE];

static const struct view_look plain = { .tcp = true };
static const struct view_look numeric = { .tcp = true, .numeric = true };
static const struct view_look extended = { .tcp = true, .extended = true };

static void assert_timer(uint32_t ms, const char *expected)
{
	const struct view_row row = { .timer = "on", .timer_ms = ms, .retransmits = 2 };
	char whole[64];

	snprintf(whole, sizeof(whole), "timer:(on,%s,2)", expected);
	assert_string_equal(view_timer_word(out, sizeof(out), &row), whole);
}

static void timers_as_ss_rounds_them(void **state)
{
	const struct view_row none = { .timer_ms = 5 };

	(void)state;
	assert_timer(450, "450ms");
	assert_timer(1234, "1.234ms");
	assert_timer(1000, "1sec");
	assert_timer(12345, "12sec");
	assert_timer(63000, "1min3sec");
	assert_timer(63500, "1min3sec");
	assert_timer(599000, "9min59sec");
	assert_timer(600000 + 59000, "10min");
	assert_timer(119 * 60000 + 59000, "119min");
	assert_timer(0, "");
	assert_string_equal(view_timer_word(out, sizeof(out), &none), "");
}

static void ids_of_a_kernel_socket(void **state)
{
	struct view_row row = {
		.inode = 4711,
		.cookie = 0x1a,
		.cgroup = 1,
		.cgroup_path = "/",
		.has_shut = true,
		.peer = { .first = 9 },
		.is6 = true,
	};

	(void)state;
	assert_string_equal(view_ids_word(out, sizeof(out), &row), "ino:4711 sk:1a cgroup:/ <->");
	row.uid = 1000;
	row.mark = 0x10;
	row.shut = 1;
	row.cgroup = 0xab;
	row.cgroup_path = NULL;
	assert_string_equal(view_ids_word(out, sizeof(out), &row),
			    "uid:1000 ino:4711 sk:1a fwmark:0x10 cgroup:unreachable:ab -->");
	row.shut = 2;
	row.peer.first = 0;
	row.v6only = true;
	row.mark = 0;
	row.cgroup = 0;
	assert_string_equal(view_ids_word(out, sizeof(out), &row),
			    "uid:1000 ino:4711 sk:1a v6only:1 <--");
}

static void of_no_socket_nothing_is_said(void **state)
{
	const struct view_row row = { .uid = 5 };

	(void)state;
	assert_string_equal(view_ids_word(out, sizeof(out), &row), "");
}

static void memory(void **state)
{
	const struct view_memory memory = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

	(void)state;
	assert_string_equal(view_memory_word(out, sizeof(out), &memory),
			    "skmem:(r1,rb2,t3,tb4,f5,w6,o7,bl8,d9)");
}

static void a_connection_in_full(void **state)
{
	const struct view_tcp tcp = {
		.timestamps = true,
		.sack = true,
		.ecn = true,
		.congestion = "cubic",
		.wscale = true,
		.snd_wscale = 7,
		.rcv_wscale = 10,
		.rto_us = 204000,
		.rtt_us = 1500,
		.rttvar_us = 750,
		.ato_us = 40000,
		.snd_mss = 1448,
		.pmtu = 1500,
		.rcv_mss = 536,
		.advmss = 1448,
		.snd_cwnd = 10,
		.snd_ssthresh = 7,
		.bytes_sent = 100,
		.bytes_acked = 101,
		.segs_out = 3,
		.segs_in = 2,
		.last_sent_ms = 8,
		.pacing_rate = 1000,
		.delivery_rate = 250000,
		.delivered = 2,
		.app_limited = true,
		.busy_us = 4000,
		.rwnd_limited_us = 2000,
		.unacked = 1,
		.total_retrans = 4,
		.reordering = 3,
		.rcv_space = 14480,
		.min_rtt_us = 16,
		.snd_wnd = 65536,
	};

	(void)state;
	assert_string_equal(
		view_tcp_word(out, sizeof(out), &tcp, &extended),
		"ts sack ecn cubic wscale:7,10 rto:204 rtt:1.5/0.75 ato:40 mss:1448 pmtu:1500 "
		"rcvmss:536 advmss:1448 cwnd:10 ssthresh:7 bytes_sent:100 bytes_acked:101 "
		"segs_out:3 segs_in:2 send 77.2Mbps lastsnd:8 pacing_rate 8.0Kbps delivery_rate "
		"2.0Mbps delivered:2 app_limited busy:4ms rwnd_limited:2ms(50.0%) unacked:1 "
		"retrans:0/4 rcv_space:14480 minrtt:0.016 snd_wnd:65536");
	/* Without -o and -e ss does not say what was negotiated. */
	view_tcp_word(out, sizeof(out), &tcp, &plain);
	assert_memory_equal(out, "cubic wscale", 12);
	assert_non_null(
		strstr(view_tcp_word(out, sizeof(out), &tcp, &numeric), " send 77226667bps "));
}

static void what_is_not_known_is_not_said(void **state)
{
	const struct view_tcp none = { .snd_ssthresh = UINT32_MAX, .reordering = 3 };
	const struct view_tcp bbr = { .snd_ssthresh = UINT32_MAX,
				      .has_bbr = true,
				      .bbr_min_rtt_us = 8,
				      .bbr_pacing_gain = 739 };

	(void)state;
	assert_string_equal(view_tcp_word(out, sizeof(out), &none, &plain), "");
	assert_string_equal(view_tcp_word(out, sizeof(out), &bbr, &numeric),
			    "bbr:(bw:0bps,mrtt:0.008,pacing_gain:2.88672)");
}

static void text_ends_where_the_room_does(void **state)
{
	const struct view_tcp tcp = { .snd_mss = 1448, .pmtu = 1500, .snd_cwnd = 10 };
	char small[12];

	(void)state;
	assert_string_equal(view_tcp_word(small, sizeof(small), &tcp, &plain), "mss:1448 p");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_as_ss_rounds_them),
		cmocka_unit_test(ids_of_a_kernel_socket),
		cmocka_unit_test(of_no_socket_nothing_is_said),
		cmocka_unit_test(memory),
		cmocka_unit_test(a_connection_in_full),
		cmocka_unit_test(what_is_not_known_is_not_said),
		cmocka_unit_test(text_ends_where_the_room_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
