/* SPDX-License-Identifier: MIT */
/*
 * Messages of the DNS to and from the resolver's name servers, over our sockets.
 */
#ifndef CLIENT_PRELOAD_DNS_H
#define CLIENT_PRELOAD_DNS_H

#include <stdbool.h>
#include <stddef.h>

struct dns_manner {
	bool by_tcp;	      /* at once, not only when an answer is truncated */
	bool takes_truncated; /* and do not ask again by TCP */
	int n_tries;	      /* of each server */
	int wait_ms;	      /* for each answer */
};

/* The header, RFC 1035 4.1.1. */
static inline unsigned int dns_code(const unsigned char *message)
{
	return message[3] & 0x0f;
}

static inline bool dns_is_truncated(const unsigned char *message)
{
	return message[2] & 0x02;
}

static inline unsigned int dns_n_answers(const unsigned char *message)
{
	return (unsigned int)message[6] << 8 | message[7];
}

/*
 * Sends @query and waits for its answer. One that says that the server cannot help
 * (SERVFAIL, NOTIMP, REFUSED) is passed over as long as there is another to ask.
 * Returns its length, of which at most @size bytes are in @answer (the TC bit says
 * if it is more); or -errno: ETIMEDOUT, ECONNREFUSED (there is no name server, or
 * none is there), EINVAL (no query).
 */
int dns_exchange(const unsigned char *query, size_t len, unsigned char *answer, size_t size,
	const struct dns_manner *manner);

#endif
