/* SPDX-License-Identifier: MIT */
/*
 * Requests, replies and channel messages to and from bytes.
 */
#ifndef PROTO_CODEC_H
#define PROTO_CODEC_H

#include "proto/usocket.pb.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Encoders return the number of bytes written, or -EMSGSIZE.
 * Decoders return 0, or -EBADMSG for bytes that are not such a message.
 */
int codec_encode_request(const usp_Request *m, uint8_t *buf, size_t size);
int codec_decode_request(usp_Request *m, const uint8_t *buf, size_t len);
int codec_encode_reply(const usp_Reply *m, uint8_t *buf, size_t size);
int codec_decode_reply(usp_Reply *m, const uint8_t *buf, size_t len);
int codec_encode_result(const usp_ResolveResult *m, uint8_t *buf, size_t size);
int codec_decode_result(usp_ResolveResult *m, const uint8_t *buf, size_t len);
int codec_encode_event(const usp_Event *m, uint8_t *buf, size_t size);
int codec_decode_event(usp_Event *m, const uint8_t *buf, size_t len);
int codec_encode_line(const usp_LinkLine *m, uint8_t *buf, size_t size);
int codec_decode_line(usp_LinkLine *m, const uint8_t *buf, size_t len);

#endif
