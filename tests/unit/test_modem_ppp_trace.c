/* SPDX-License-Identifier: MIT */
#include "netif/modem/ppp_trace.h"

#include "tests/unit/run_suite.h"

#include <string.h>

#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *frame;
	size_t len;
	const char *text; /* NULL: not told */
} frames[] = {
	{ BYTES("\x7e\xff\x7d\x23\xc0\x21\x7d\x21\x7d\x25\x7d\x20"), "LCP Configure-Request 5" },
	{ BYTES("\xff\x03\xc0\x21\x02\x07\x00\x04"), "LCP Configure-Ack 7" },
	{ BYTES("\x80\x21\x03\x02\x00\x04"), "IPCP Configure-Nak 2" },
	{ BYTES("\xff\x03\x80\x57\x04\x01"), "IPV6CP Configure-Reject 1" },
	{ BYTES("\xff\x03\xc0\x23\x01\x09\x00\x10secret"), "PAP Authenticate-Request 9" },
	{ BYTES("\xff\x03\xc2\x23\x04\xff"), "CHAP Failure 255" },
	{ BYTES("\xff\x03\xc0\x21\x05\x01"), "LCP Terminate-Request 1" },
	{ BYTES("\xff\x03\xc0\x21\x09\x01\x00\x08"), NULL }, /* echo */
	{ BYTES("\xff\x03\xc0\x21\x0a\x01\x00\x08"), NULL },
	{ BYTES("\xff\x03\xc0\x23\x04\x01"), NULL },
	{ BYTES("\xff\x03\x00\x21\x45\x00\x00\x28"), NULL }, /* IPv4 */
	{ BYTES("\xff\x03\xc0\x21\x01"), NULL },
	{ BYTES("\x7e\x7e\x7d"), NULL },
	{ BYTES(""), NULL },
};

START_TEST(frame_is_told_by_name)
{
	char text[PPP_TRACE_MAX];
	bool is_told = ppp_trace_frame(text, (const uint8_t *)frames[_i].frame, frames[_i].len);

	ck_assert_int_eq(is_told, frames[_i].text != NULL);
	if (is_told)
		ck_assert_str_eq(text, frames[_i].text);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("ppp_trace");

	tcase_add_loop_test(tc, frame_is_told_by_name, 0,
		(int)(sizeof(frames) / sizeof(frames[0])));
	return run_suite("modem_ppp_trace", tc);
}
