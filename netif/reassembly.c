/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * lwIP joins fragments before anything has looked at the whole: it takes the
 * protocol from whichever fragment comes first, and the transport header from
 * another. Here fragments are joined before lwIP, and the result passes the
 * ingress stage like any packet.
 *
 * Fragments belong together by addresses, identification, family and protocol.
 * A datagram is a row of fragments sorted by offset; when the row has no gap
 * from 0 to the end of the last one, it is copied into one packet, with the
 * first one's headers. A fragment that overlaps another, or reaches past the
 * end, ends the whole datagram (RFC 5722): nobody honest sends such. An exact
 * repetition is ignored.
 *
 * What waits is bounded in datagrams, fragments and bytes; the oldest go
 * first. There is no timer: what is too old is dropped when the next fragment
 * comes, and until then it is no more than the bound. No ICMP time exceeded is
 * sent.
 */
#include "netif/reassembly.h"

#include "netif/stack.h"

#include "lwip/inet_chksum.h"
#include "lwip/pbuf.h"

#include <stdlib.h>
#include <string.h>

#define DATAGRAMS_MAX 32
#define FRAGMENTS_MAX 128	   /* of one datagram: 64 KB in 512s */
#define BYTES_MAX     (512u << 10) /* of all, as received */
#define AGE_MAX_NS    UINT64_C(30000000000)

struct fragment {
	struct fragment *next;
	struct pbuf *p;
	uint16_t start, end; /* of its data in the datagram */
	uint16_t payload_at;
};

struct key {
	uint8_t family;
	uint8_t protocol;
	uint8_t addresses[32];
	uint32_t id;
};

/* One datagram that waits for fragments; owned by the list. */
struct datagram {
	struct datagram *next; /* newer */
	struct key key;
	uint64_t since_ns;
	struct fragment *fragments; /* by offset */
	unsigned int n_fragments;
	size_t n_bytes; /* as received */
	uint32_t end;	/* of the last fragment; 0: not seen */
};

static struct {
	struct datagram *oldest;
	unsigned int n_datagrams;
	size_t n_bytes;
} reassembly;

static void key_make(struct key *key, const uint8_t *packet, const struct ingress_packet *info)
{
	memset(key, 0, sizeof(*key));
	key->family = info->family;
	key->protocol = info->protocol;
	key->id = info->fragment_id;
	if (info->family == ADDRESS_IPV4)
		memcpy(key->addresses, packet + 12, 8);
	else
		memcpy(key->addresses, packet + 8, 32);
}

static bool key_equal(const struct key *a, const struct key *b)
{
	return a->family == b->family && a->protocol == b->protocol && a->id == b->id &&
		memcmp(a->addresses, b->addresses, sizeof(a->addresses)) == 0;
}

static void fragment_free(struct fragment *f)
{
	pbuf_free(f->p);
	free(f);
}

static void datagram_drop(struct datagram *d)
{
	struct datagram **at;

	for (at = &reassembly.oldest; *at != d; at = &(*at)->next)
		;
	*at = d->next;
	reassembly.n_datagrams--;
	reassembly.n_bytes -= d->n_bytes;
	while (d->fragments) {
		struct fragment *f = d->fragments;

		d->fragments = f->next;
		fragment_free(f);
	}
	free(d);
}

static void drop_old(uint64_t now)
{
	while (reassembly.oldest && now - reassembly.oldest->since_ns > AGE_MAX_NS)
		datagram_drop(reassembly.oldest);
}

/* Makes room for @n_bytes, at the cost of datagrams older than @keep. */
static bool make_room(size_t n_bytes, const struct datagram *keep)
{
	while (reassembly.n_bytes + n_bytes > BYTES_MAX) {
		struct datagram *victim = reassembly.oldest;

		if (victim == keep)
			victim = keep->next;
		if (!victim)
			return false;
		datagram_drop(victim);
	}
	return true;
}

static struct datagram *datagram_new(const struct key *key, uint64_t now)
{
	struct datagram *d, **at;

	if (reassembly.n_datagrams == DATAGRAMS_MAX)
		datagram_drop(reassembly.oldest);
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->key = *key;
	d->since_ns = now;
	for (at = &reassembly.oldest; *at; at = &(*at)->next)
		;
	*at = d;
	reassembly.n_datagrams++;
	return d;
}

static struct datagram *datagram_find(const struct key *key)
{
	struct datagram *d;

	for (d = reassembly.oldest; d && !key_equal(&d->key, key); d = d->next)
		;
	return d;
}

enum insert_result {
	INSERT_DONE,
	INSERT_REPEATED,
	INSERT_CONFLICT,
};

static bool ends_fit(const struct datagram *d, const struct fragment *f, bool is_last)
{
	const struct fragment *other;

	if (!is_last)
		return d->end == 0 || f->end <= d->end;
	if (d->end != 0)
		return d->end == f->end;
	for (other = d->fragments; other; other = other->next) {
		if (other->end > f->end)
			return false;
	}
	return true;
}

static enum insert_result insert(struct datagram *d, struct fragment *f, bool is_last)
{
	struct fragment **at = &d->fragments, *previous = NULL;

	while (*at && (*at)->start < f->start) {
		previous = *at;
		at = &(*at)->next;
	}
	if (*at && (*at)->start == f->start && (*at)->end == f->end)
		return INSERT_REPEATED;
	if ((previous && previous->end > f->start) || (*at && (*at)->start < f->end) ||
		!ends_fit(d, f, is_last) || d->n_fragments == FRAGMENTS_MAX)
		return INSERT_CONFLICT;
	if (is_last)
		d->end = f->end;
	f->next = *at;
	*at = f;
	d->n_fragments++;
	d->n_bytes += f->p->tot_len;
	reassembly.n_bytes += f->p->tot_len;
	return INSERT_DONE;
}

static bool is_complete(const struct datagram *d)
{
	const struct fragment *f;
	uint32_t end = 0;

	if (d->end == 0)
		return false;
	for (f = d->fragments; f; f = f->next) {
		if (f->start != end)
			return false;
		end = f->end;
	}
	return end == d->end;
}

static void put_be16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void header4_finish(uint8_t *header, size_t len, uint32_t total)
{
	uint16_t sum;

	put_be16(header + 2, total);
	put_be16(header + 6, 0);
	put_be16(header + 10, 0);
	sum = inet_chksum(header, (u16_t)len);
	memcpy(header + 10, &sum, sizeof(sum));
}

/*
 * Joins a complete datagram. @info: of the fragment with offset 0, which may
 * not be the one that came last. NULL if it is too long or memory is short.
 */
static struct pbuf *join(const struct datagram *d, uint8_t next_header_at)
{
	const struct fragment *f = d->fragments;
	/* The IPv6 fragment header is left out. */
	size_t header = f->payload_at - (d->key.family == ADDRESS_IPV6 ? 8u : 0u);
	uint8_t *out;
	struct pbuf *p;

	if (header + d->end > UINT16_MAX)
		return NULL;
	p = pbuf_alloc(PBUF_LINK, (u16_t)(header + d->end), PBUF_RAM);
	if (!p)
		return NULL;
	out = p->payload;
	memcpy(out, f->p->payload, header);
	for (; f; f = f->next)
		memcpy(out + header + f->start, (uint8_t *)f->p->payload + f->payload_at,
			(size_t)(f->end - f->start));
	if (d->key.family == ADDRESS_IPV4) {
		header4_finish(out, header, (uint32_t)header + d->end);
	} else {
		put_be16(out + 4, (uint32_t)header + d->end - 40);
		out[next_header_at] = d->key.protocol;
	}
	return p;
}

static uint8_t next_header_of(const struct fragment *first)
{
	const uint8_t *packet = first->p->payload;
	size_t at = 40;
	uint8_t next_header_at = 6;

	/* The ingress stage has walked this chain; it is short. */
	while (packet[next_header_at] != 44) {
		next_header_at = (uint8_t)at;
		at += ((size_t)packet[at + 1] + 1) * 8;
	}
	return next_header_at;
}

static struct pbuf *finish(struct datagram *d)
{
	uint8_t next_header_at = 0;
	struct pbuf *whole;

	if (d->key.family == ADDRESS_IPV6)
		next_header_at = next_header_of(d->fragments);
	whole = join(d, next_header_at);
	datagram_drop(d);
	return whole;
}

static struct fragment *fragment_new(struct pbuf *p, const struct ingress_packet *info)
{
	struct fragment *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->p = p;
	f->payload_at = info->payload_at;
	f->start = info->fragment_offset;
	f->end = (uint16_t)(info->fragment_offset + info->length - info->payload_at);
	return f;
}

struct pbuf *reassembly_put(struct pbuf *p, const struct ingress_packet *info)
{
	uint64_t now = stack_now_ns();
	struct datagram *d;
	struct fragment *f;
	struct key key;

	drop_old(now);
	key_make(&key, p->payload, info);
	f = fragment_new(p, info);
	if (!f) {
		pbuf_free(p);
		return NULL;
	}
	d = datagram_find(&key);
	if (!d)
		d = datagram_new(&key, now);
	if (!d || !make_room(p->tot_len, d)) {
		fragment_free(f);
		return NULL;
	}
	switch (insert(d, f, info->flags & INGRESS_LAST)) {
	case INSERT_DONE:
		return is_complete(d) ? finish(d) : NULL;
	case INSERT_CONFLICT:
		datagram_drop(d);
		break;
	case INSERT_REPEATED:
		break;
	}
	fragment_free(f);
	return NULL;
}

void reassembly_fini(void)
{
	while (reassembly.oldest)
		datagram_drop(reassembly.oldest);
}
