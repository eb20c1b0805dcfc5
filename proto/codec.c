/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Thin typed wrappers over nanopb, so that no caller handles its streams or
 * field tables. Messages are of bounded size and decoded without allocation;
 * unknown fields are skipped, as a newer peer may send them.
 */
#include "proto/codec.h"

#include <errno.h>
#include <pb_decode.h>
#include <pb_encode.h>

static int encode(const pb_msgdesc_t *fields, const void *m, uint8_t *buf, size_t size)
{
	pb_ostream_t stream = pb_ostream_from_buffer(buf, size);

	if (!pb_encode(&stream, fields, m))
		return -EMSGSIZE;
	return (int)stream.bytes_written;
}

static int decode(const pb_msgdesc_t *fields, void *m, const uint8_t *buf, size_t len)
{
	pb_istream_t stream = pb_istream_from_buffer(buf, len);

	if (!pb_decode(&stream, fields, m))
		return -EBADMSG;
	return 0;
}

int codec_encode_request(const usp_Request *m, uint8_t *buf, size_t size)
{
	return encode(usp_Request_fields, m, buf, size);
}

int codec_decode_request(usp_Request *m, const uint8_t *buf, size_t len)
{
	return decode(usp_Request_fields, m, buf, len);
}

int codec_encode_reply(const usp_Reply *m, uint8_t *buf, size_t size)
{
	return encode(usp_Reply_fields, m, buf, size);
}

int codec_decode_reply(usp_Reply *m, const uint8_t *buf, size_t len)
{
	return decode(usp_Reply_fields, m, buf, len);
}

int codec_encode_result(const usp_ResolveResult *m, uint8_t *buf, size_t size)
{
	return encode(usp_ResolveResult_fields, m, buf, size);
}

int codec_decode_result(usp_ResolveResult *m, const uint8_t *buf, size_t len)
{
	return decode(usp_ResolveResult_fields, m, buf, len);
}

int codec_encode_event(const usp_Event *m, uint8_t *buf, size_t size)
{
	return encode(usp_Event_fields, m, buf, size);
}

int codec_decode_event(usp_Event *m, const uint8_t *buf, size_t len)
{
	return decode(usp_Event_fields, m, buf, len);
}

int codec_encode_line(const usp_LinkLine *m, uint8_t *buf, size_t size)
{
	return encode(usp_LinkLine_fields, m, buf, size);
}

int codec_decode_line(usp_LinkLine *m, const uint8_t *buf, size_t len)
{
	return decode(usp_LinkLine_fields, m, buf, len);
}
