/* SPDX-License-Identifier: MIT */
/*
 * The messages between daemon and link helpers, to and from bytes.
 */
#ifndef PROTO_HELPER_CODEC_H
#define PROTO_HELPER_CODEC_H

#include "proto/helper.pb.h"

#include <stddef.h>
#include <stdint.h>

#define HELPER_MESSAGE_MAX 512 /* bytes */

/* The descriptors a helper is started with. */
#define HELPER_FD_PACKETS  3
#define HELPER_FD_MESSAGES 4

/* Encoders return the number of bytes written, or -EMSGSIZE. */
int helper_encode_command(const ush_HelperCommand *m, uint8_t *buf, size_t size);
int helper_encode_event(const ush_HelperEvent *m, uint8_t *buf, size_t size);
/* Decoders return 0, or -EBADMSG. */
int helper_decode_command(ush_HelperCommand *m, const uint8_t *buf, size_t len);
int helper_decode_event(ush_HelperEvent *m, const uint8_t *buf, size_t len);

#endif
