/* SPDX-License-Identifier: MIT */
/*
 * libslirp, its configuration, timers and poll descriptors, and the frames
 * that wait for the daemon to take them.
 */
#ifndef NETIF_SLIRP_BACKEND_H
#define NETIF_SLIRP_BACKEND_H

#include "proto/helper.pb.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backend;

/* A line for the daemon's log; @level is an enum log_level. */
typedef void (*backend_log_fn)(uint32_t level, const char *text);

/* Frames go to the descriptor @packets. NULL when out of memory. */
struct backend *backend_new(int packets, uint32_t mtu, backend_log_fn log);
void backend_free(struct backend *backend);

/* Returns 0, or -errno when the host's port cannot be had. */
int backend_add_forward(struct backend *backend, const ush_HelperForward *forward);

/* What the daemon is to know of the link. */
void backend_describe(const struct backend *backend, ush_HelperReady *ready);

/* A frame from the stack. */
void backend_input(struct backend *backend, const uint8_t *frame, size_t len);

/*
 * Waits until something is to be done and does libslirp's part of it. @own are
 * descriptors of the caller, polled too. Returns 0 or -errno.
 */
int backend_poll(struct backend *backend, struct pollfd *own, size_t n_own);

#endif
