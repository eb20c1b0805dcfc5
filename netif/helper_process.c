/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A daemon that does not read is about to kill the process, or busy: then what
 * does not fit into the pair is lost, lines of the log most of all. Not so the
 * last words, why the process fails: it waits until they are written, or the
 * daemon has gone.
 */
#include "netif/helper_process.h"

#include <stdio.h>
#include <sys/socket.h>

bool helper_process_is_started_by_daemon(void)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(HELPER_FD_PACKETS, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		type == SOCK_SEQPACKET &&
		getsockopt(HELPER_FD_MESSAGES, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		type == SOCK_SEQPACKET;
}

void helper_process_send(const ush_HelperEvent *event)
{
	uint8_t buf[HELPER_MESSAGE_MAX];
	int len = helper_encode_event(event, buf, sizeof(buf));
	int flags = MSG_NOSIGNAL;

	if (event->which_body != ush_HelperEvent_failed_tag)
		flags |= MSG_DONTWAIT;
	if (len >= 0 && send(HELPER_FD_MESSAGES, buf, (size_t)len, flags) < 0)
		return;
}

void helper_process_log(uint32_t level, const char *text)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;

	event.which_body = ush_HelperEvent_log_tag;
	event.body.log.level = level;
	snprintf(event.body.log.text, sizeof(event.body.log.text), "%s", text);
	helper_process_send(&event);
}

void helper_process_pong(uint32_t sequence)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;

	event.which_body = ush_HelperEvent_pong_tag;
	event.body.pong.sequence = sequence;
	helper_process_send(&event);
}
