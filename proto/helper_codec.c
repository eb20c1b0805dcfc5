// SPDX-License-Identifier: MIT
#include "proto/helper_codec.h"

#include <errno.h>
#include <pb_decode.h>
#include <pb_encode.h>

static int encode(const pb_msgdesc_t *fields, const void *m, uint8_t *buf, size_t size)
{
	pb_ostream_t stream = pb_ostream_from_buffer(buf, size);

	return pb_encode(&stream, fields, m) ? (int)stream.bytes_written : -EMSGSIZE;
}

static int decode(const pb_msgdesc_t *fields, void *m, const uint8_t *buf, size_t len)
{
	pb_istream_t stream = pb_istream_from_buffer(buf, len);

	return pb_decode(&stream, fields, m) ? 0 : -EBADMSG;
}

int helper_encode_command(const ush_HelperCommand *m, uint8_t *buf, size_t size)
{
	return encode(ush_HelperCommand_fields, m, buf, size);
}

int helper_encode_event(const ush_HelperEvent *m, uint8_t *buf, size_t size)
{
	return encode(ush_HelperEvent_fields, m, buf, size);
}

int helper_decode_command(ush_HelperCommand *m, const uint8_t *buf, size_t len)
{
	return decode(ush_HelperCommand_fields, m, buf, len);
}

int helper_decode_event(ush_HelperEvent *m, const uint8_t *buf, size_t len)
{
	return decode(ush_HelperEvent_fields, m, buf, len);
}
