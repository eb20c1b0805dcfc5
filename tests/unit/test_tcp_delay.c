/* SPDX-License-Identifier: MIT */
/*
 * The window's limit by delay, sample by sample, and against a line that is
 * played here: one segment after the other goes through it, and none is lost.
 */
#include "netif/tcp_delay.h"

#include "tests/unit/netif_test.h"

#include "lwip/priv/tcp_priv.h"

#define MSS	  1460u
#define SECOND_NS 1000000000u
#define PATH_US	  50000u
#define LATE	  5 /* times the path's own */
#define LATE_US	  (LATE * PATH_US)

static struct tcp_pcb pcb;
static struct tcp_delay delay;
static uint64_t now_ns;

static void setup(void)
{
	memset(&pcb, 0, sizeof(pcb));
	memset(&delay, 0, sizeof(delay));
	pcb.mss = MSS;
	pcb.ssthresh = 1000 * MSS;
	now_ns = SECOND_NS;
}

/* All of a window of @n segments is on its way. */
static void window_is(uint32_t n)
{
	pcb.cwnd = n * MSS;
	pcb.snd_nxt = pcb.lastack + pcb.cwnd;
}

static void sample(uint32_t rtt_us)
{
	now_ns += rtt_us * 1000ull;
	tcp_delay_sample(&delay, &pcb, rtt_us, now_ns);
	tcp_delay_acked(&delay, &pcb);
}

START_TEST(window_stays_while_there_is_no_queue)
{
	window_is(100);
	for (int i = 0; i < 1000; i++)
		sample(PATH_US + (uint32_t)i % 60 * 1000);
	ck_assert_uint_eq(pcb.cwnd, 100 * MSS);
	ck_assert_uint_eq(pcb.ssthresh, 1000 * MSS);
	pcb.cwnd = 110 * MSS;
	tcp_delay_acked(&delay, &pcb);
	ck_assert_uint_eq(pcb.cwnd, 110 * MSS);
}
END_TEST

START_TEST(standing_queue_cuts_to_what_the_path_holds)
{
	window_is(100);
	sample(PATH_US);
	sample(LATE_US);
	ck_assert_uint_eq(pcb.cwnd, 100 * MSS);
	sample(LATE_US);
	ck_assert_uint_eq(pcb.cwnd, 100 * MSS / LATE);
	ck_assert_uint_eq(pcb.ssthresh, pcb.cwnd);
}
END_TEST

START_TEST(sample_from_before_the_cut_cuts_no_more)
{
	uint32_t after;

	window_is(100);
	sample(PATH_US);
	sample(LATE_US);
	sample(LATE_US);
	after = pcb.cwnd;
	window_is(after / MSS);
	sample(LATE_US);
	ck_assert_uint_eq(pcb.cwnd, after);
	sample(LATE_US);
	ck_assert_uint_lt(pcb.cwnd, after);
}
END_TEST

START_TEST(one_late_sample_only_stops_the_growth)
{
	window_is(100);
	sample(PATH_US);
	sample(LATE_US);
	pcb.cwnd += MSS;
	tcp_delay_acked(&delay, &pcb);
	ck_assert_uint_eq(pcb.cwnd, 100 * MSS);
	sample(PATH_US);
	pcb.cwnd += MSS;
	tcp_delay_acked(&delay, &pcb);
	ck_assert_uint_eq(pcb.cwnd, 101 * MSS);
	sample(LATE_US);
	ck_assert_uint_eq(pcb.cwnd, 101 * MSS);
}
END_TEST

START_TEST(window_beyond_what_is_sent_is_cut_by_what_is_sent)
{
	window_is(18);
	pcb.cwnd = 1000 * MSS;
	sample(PATH_US);
	sample(LATE_US);
	sample(LATE_US);
	ck_assert_uint_eq(pcb.cwnd, 20 * MSS / LATE);
}
END_TEST

START_TEST(three_segments_are_left)
{
	window_is(4);
	sample(PATH_US);
	sample(LATE_US);
	sample(LATE_US);
	ck_assert_uint_eq(pcb.cwnd, 3 * MSS);
}
END_TEST

START_TEST(window_that_made_a_queue_is_not_tried_again_at_once)
{
	window_is(6);
	sample(PATH_US);
	sample(LATE_US);
	sample(LATE_US);
	ck_assert_uint_eq(pcb.cwnd, 3 * MSS);
	for (int i = 0; i < 15; i++) {
		pcb.cwnd = 7 * MSS;
		sample(PATH_US);
		ck_assert_uint_eq(pcb.cwnd, 5 * MSS);
	}
	pcb.cwnd = 7 * MSS;
	sample(PATH_US);
	ck_assert_uint_eq(pcb.cwnd, 7 * MSS);
}
END_TEST

START_TEST(small_window_is_not_made_larger)
{
	window_is(1);
	sample(PATH_US);
	sample(LATE_US);
	sample(LATE_US);
	ck_assert_uint_eq(pcb.cwnd, MSS);
	ck_assert_uint_eq(pcb.ssthresh, MSS);
}
END_TEST

START_TEST(path_that_has_become_longer_is_found_out)
{
	window_is(3);
	sample(PATH_US);
	for (int i = 0; i < 9; i++)
		sample(LATE_US);
	/* It is the path's own time now: nothing holds the window. */
	window_is(50);
	sample(LATE_US);
	sample(LATE_US);
	pcb.cwnd += MSS;
	tcp_delay_acked(&delay, &pcb);
	ck_assert_uint_eq(pcb.cwnd, 51 * MSS);
}
END_TEST

START_TEST(old_times_are_forgotten)
{
	window_is(100);
	sample(PATH_US);
	for (int i = 0; i < 2; i++) {
		now_ns += 61ull * SECOND_NS;
		sample(LATE_US);
		sample(PATH_US + 100000);
	}
	ck_assert_uint_eq(pcb.cwnd, 100 * MSS);
	now_ns += 61ull * SECOND_NS;
	sample(LATE_US);
	sample(LATE_US);
	ck_assert_uint_eq(pcb.cwnd, 100 * MSS);
}
END_TEST

START_TEST(slow_line_leaves_slow_start_early)
{
	window_is(4);
	sample(500000);
	/* A queue, but a short one: the next sample decides. */
	window_is(7);
	sample(570000);
	pcb.cwnd = 9 * MSS;
	tcp_delay_acked(&delay, &pcb);
	ck_assert_uint_eq(pcb.cwnd, 7 * MSS);
	window_is(20);
	sample(1000000);
	ck_assert_uint_eq(pcb.cwnd, 10 * MSS);
	ck_assert_uint_eq(pcb.ssthresh, 10 * MSS);
}
END_TEST

START_TEST(recovery_has_the_window_for_itself)
{
	window_is(100);
	sample(PATH_US);
	sample(LATE_US);
	tcp_set_flags(&pcb, TF_INFR);
	pcb.cwnd = 120 * MSS;
	sample(LATE_US);
	sample(LATE_US);
	ck_assert_uint_eq(pcb.cwnd, 120 * MSS);
}
END_TEST

/* ---- a line ---------------------------------------------------------------------- */

#define SEGMENTS_MAX 4096

static const struct line {
	uint32_t rate; /* bit/s */
	uint32_t path_us;
} lines[] = {
	{ 64000, 300000 },
	{ 64000, 40000 },
	{ 1000000, 50000 },
	{ 5000000, 40000 },
	{ 20000000, 100000 },
};

/* Slow start and congestion avoidance (RFC 5681 3.1), as lwIP's. */
static void grow(void)
{
	pcb.cwnd += pcb.cwnd < pcb.ssthresh ? MSS : LWIP_MAX(MSS * MSS / pcb.cwnd, 1);
}

/*
 * Sends for @seconds. Returns which share of the line was used in the second half of
 * them, and in @queue_us how long the queue was at most then.
 */
static double run(const struct line *line, unsigned int seconds, uint64_t *queue_us)
{
	static uint64_t sent_us[SEGMENTS_MAX], arrives_us[SEGMENTS_MAX];
	uint64_t segment_us = MSS * 8ull * 1000000 / line->rate;
	uint64_t end_us = seconds * 1000000ull, free_us = 0, now_us = 0, busy_us = 0;
	unsigned int first = 0, next = 0, timed = 0;
	bool is_timed = false;

	*queue_us = 0;
	while (now_us < end_us) {
		while ((next - first + 1) * MSS <= pcb.cwnd) {
			uint64_t begins_us = LWIP_MAX(free_us, now_us);

			/* Not an assertion: Check writes to a file at each. */
			if (next - first >= SEGMENTS_MAX)
				ck_abort_msg("the window is beyond all bounds");
			if (!is_timed) {
				timed = next;
				is_timed = true;
			}
			if (now_us > end_us / 2) {
				*queue_us = LWIP_MAX(*queue_us, begins_us - now_us);
				busy_us += segment_us;
			}
			free_us = begins_us + segment_us;
			sent_us[next % SEGMENTS_MAX] = now_us;
			arrives_us[next++ % SEGMENTS_MAX] = free_us + line->path_us;
		}
		now_us = arrives_us[first % SEGMENTS_MAX];
		pcb.lastack = (first + 1) * MSS;
		pcb.snd_nxt = next * MSS;
		grow();
		if (is_timed && timed == first) {
			is_timed = false;
			tcp_delay_sample(&delay, &pcb,
				(uint32_t)(now_us - sent_us[first % SEGMENTS_MAX]),
				now_us * 1000);
		}
		tcp_delay_acked(&delay, &pcb);
		first++;
	}
	return (double)busy_us / (double)(end_us / 2);
}

START_TEST(line_is_full_and_its_queue_short)
{
	const struct line *line = &lines[_i];
	uint64_t segment_us = MSS * 8ull * 1000000 / line->rate, queue_us;
	double share;

	window_is(3);
	share = run(line, 300, &queue_us);
	ck_assert_double_gt(share, 0.97);
	/* The window grows for two more round trips, by a segment each. */
	ck_assert_uint_lt(queue_us, 150000 + 3 * segment_us);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp_delay");
	TCase *tc = tcase_create("tcp_delay");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, window_stays_while_there_is_no_queue);
	tcase_add_test(tc, standing_queue_cuts_to_what_the_path_holds);
	tcase_add_test(tc, sample_from_before_the_cut_cuts_no_more);
	tcase_add_test(tc, one_late_sample_only_stops_the_growth);
	tcase_add_test(tc, window_beyond_what_is_sent_is_cut_by_what_is_sent);
	tcase_add_test(tc, three_segments_are_left);
	tcase_add_test(tc, window_that_made_a_queue_is_not_tried_again_at_once);
	tcase_add_test(tc, small_window_is_not_made_larger);
	tcase_add_test(tc, path_that_has_become_longer_is_found_out);
	tcase_add_test(tc, old_times_are_forgotten);
	tcase_add_test(tc, slow_line_leaves_slow_start_early);
	tcase_add_test(tc, recovery_has_the_window_for_itself);
	LOOP(tc, line_is_full_and_its_queue_short, lines);
	suite_add_tcase(suite, tc);
	return run_all(suite);
}
