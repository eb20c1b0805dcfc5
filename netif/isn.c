/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * RFC 6528: ISN = M + F(local address and port, remote address and port,
 * secret). M counts every 4 microseconds, so that a new connection between
 * the same two ports starts above the old one's numbers; F is a keyed hash,
 * so that nobody who knows one connection's numbers can guess another's. F is
 * SipHash-2-4, made for short inputs and a secret key.
 *
 * lwIP's addon tcp_isn does the same with MD5 from its PPP code, which is not
 * compiled here.
 */
#include "netif/isn.h"

#include "netif/hooks.h"
#include "netif/stack.h"

#include <string.h>

static uint8_t isn_secret[ISN_SECRET_SIZE];

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, unsigned int bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t read_le64(const uint8_t *p)
{
	uint64_t x = 0;
	int i;

	for (i = 7; i >= 0; i--)
		x = x << 8 | p[i];
	return x;
}

static void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

uint64_t isn_hash(const uint8_t key[ISN_SECRET_SIZE], const uint8_t *data, size_t len)
{
	uint64_t k0 = read_le64(key), k1 = read_le64(key + 8);
	struct sip s = {
		.v0 = k0 ^ UINT64_C(0x736f6d6570736575),
		.v1 = k1 ^ UINT64_C(0x646f72616e646f6d),
		.v2 = k0 ^ UINT64_C(0x6c7967656e657261),
		.v3 = k1 ^ UINT64_C(0x7465646279746573),
	};
	uint8_t tail[8] = { 0 };
	size_t n;

	for (n = 0; n + 8 <= len; n += 8)
		sip_word(&s, read_le64(data + n));
	memcpy(tail, data + n, len - n);
	tail[7] = (uint8_t)len;
	sip_word(&s, read_le64(tail));
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

void isn_init(const uint8_t secret[ISN_SECRET_SIZE])
{
	memcpy(isn_secret, secret, sizeof(isn_secret));
}

/* IPv4 as its mapped form: the two address spaces stay apart. */
static void put_address(uint8_t out[16], const ip_addr_t *ip)
{
	if (IP_IS_V6_VAL(*ip)) {
		memcpy(out, ip_2_ip6(ip)->addr, 16);
		return;
	}
	memset(out, 0, 10);
	memset(out + 10, 0xff, 2);
	memcpy(out + 12, &ip_2_ip4(ip)->addr, 4);
}

u32_t isn_make(const ip_addr_t *local_ip, u16_t local_port,
	const ip_addr_t *remote_ip, u16_t remote_port)
{
	uint8_t input[36];

	put_address(input, local_ip);
	put_address(input + 16, remote_ip);
	memcpy(input + 32, &local_port, 2);
	memcpy(input + 34, &remote_port, 2);
	return (u32_t)(isn_hash(isn_secret, input, sizeof(input)) + stack_now_ns() / 4000);
}
