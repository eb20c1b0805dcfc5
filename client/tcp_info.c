/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Linux' struct tcp_info from the connection table's record. Members the table
 * knows nothing of are 0, as they are on Linux before there is a value.
 */
#include "client/holder.h"
#include "client/options.h"

#include <errno.h>
#include <linux/tcp.h>
#include <stdint.h>

/* Linux' state numbers (include/net/tcp_states.h), by ours. */
static const uint8_t linux_states[] = {
	[TABLE_STATE_CLOSED] = 7,
	[TABLE_STATE_LISTEN] = 10,
	[TABLE_STATE_SYN_SENT] = 2,
	[TABLE_STATE_SYN_RCVD] = 3,
	[TABLE_STATE_ESTABLISHED] = 1,
	[TABLE_STATE_FIN_WAIT_1] = 4,
	[TABLE_STATE_FIN_WAIT_2] = 5,
	[TABLE_STATE_CLOSE_WAIT] = 8,
	[TABLE_STATE_CLOSING] = 11,
	[TABLE_STATE_LAST_ACK] = 9,
	[TABLE_STATE_TIME_WAIT] = 6,
};
_Static_assert(sizeof(linux_states) == TABLE_STATE_COUNT, "a number for each state");

/* Segment size that counts of segments are estimated with, in bytes. */
#define USUAL_SEGMENT 1448

static uint8_t linux_state(uint8_t state)
{
	return state < TABLE_STATE_COUNT ? linux_states[state] : linux_states[TABLE_STATE_CLOSED];
}

int option_get_tcp_info(struct holder *h, void *value, socklen_t *len)
{
	const struct table_socket *record = &h->record;
	struct tcp_info info = { .tcpi_state = linux_state(record->state) };

	if (h->view == HOLDER_BLIND)
		return h->error;
	if (holder_was_lost(h))
		info.tcpi_state = linux_state(TABLE_STATE_CLOSED);
	if (record->state == TABLE_STATE_LISTEN) {
		/* As Linux: the accept queue and its limit. */
		info.tcpi_unacked = record->receive_queue;
		info.tcpi_sacked = record->send_queue;
		return option_store(value, len, &info, sizeof(info));
	}
	info.tcpi_snd_mss = USUAL_SEGMENT;
	info.tcpi_rcv_mss = USUAL_SEGMENT;
	info.tcpi_unacked = (record->send_queue + USUAL_SEGMENT - 1) / USUAL_SEGMENT;
	info.tcpi_rtt = record->rtt_us;
	info.tcpi_total_retrans = record->retransmissions;
	info.tcpi_bytes_acked = record->bytes_acked;
	info.tcpi_bytes_received = record->bytes_received;
	info.tcpi_bytes_sent = record->bytes_sent;
	return option_store(value, len, &info, sizeof(info));
}
