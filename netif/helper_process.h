/* SPDX-License-Identifier: MIT */
/*
 * A helper's own side of proto/helper.proto: what every helper process does
 * alike.
 */
#ifndef NETIF_HELPER_PROCESS_H
#define NETIF_HELPER_PROCESS_H

#include "proto/helper_codec.h"

#include <stdbool.h>
#include <stdint.h>

/* True if the descriptors that a daemon gives are there. */
bool helper_process_is_started_by_daemon(void);

void helper_process_send(const ush_HelperEvent *event);

/* A line for the daemon's log; @level: enum log_level. */
void helper_process_log(uint32_t level, const char *text);

/* Answers a ping. */
void helper_process_pong(uint32_t sequence);

#endif
