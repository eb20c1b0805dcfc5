/* SPDX-License-Identifier: MIT */
/*
 * A name server on the test's own stack. What it answers depends on the first
 * label of the name.
 */
#ifndef TESTS_FAKE_DNS_H
#define TESTS_FAKE_DNS_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_pcb;
struct udp_pcb;

struct fake_dns {
	struct udp_pcb *udp;
	struct udp_pcb *stranger; /* another port, for answers nobody asked for */
	struct tcp_pcb *listener;
	uint16_t port;
	unsigned int n_a, n_aaaa, n_tcp; /* questions */
	uint16_t latest_source_port;
	bool refuse_all; /* REFUSED to everything */
	bool mute;	 /* no answer to anything */
};

/*
 * The first label says what comes back:
 *   four    A 192.0.2.1 and .2, TTL 60; no AAAA
 *   both    the same and AAAA 2001:db8::1
 *   six     AAAA only
 *   loop    A 127.0.0.1, TTL 60
 *   alias   CNAME middle.example, CNAME both.example, then as both
 *   brief   A with TTL 1        zero    A with TTL 0
 *   none    exists, no records  nx      NXDOMAIN
 *   fail    SERVFAIL            refused REFUSED
 *   silent  nothing             half    A; silence for AAAA
 *   large   cut off by UDP; 20 A records by TCP
 *   spoof   a stranger says A 6.6.6.6 first, then as four
 *   garbage bytes that are no answer, then as four
 */
void fake_dns_start(struct fake_dns *dns, uint16_t port, bool v6);
void fake_dns_stop(struct fake_dns *dns);

#endif
