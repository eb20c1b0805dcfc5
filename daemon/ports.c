/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * A port table maps a local port to the sockets registered on it. One table
 * a protocol; raw sockets have no ports. A socket is in at most one table,
 * once; the socket layer registers at bind, connect or accept and releases
 * when the socket dies. lwIP's own duplicate check is switched off for our
 * pcbs (they all carry SOF_REUSEADDR), this table is the authority.
 *
 * A dynamic port that is released rests until PORTS_RESTING_MAX later ones were.
 * Its last peer may be in TIME_WAIT, and not every peer's TCP lets a new SYN
 * end that: libslirp's and BSD's of old refuse the connection while its ISN lies
 * in the old one's window.
 *
 * A program that closes a socket may bind another one to its port at once: its
 * request can come before the loop has seen the close. So sockets that would be in
 * the way are looked at first, and those that nobody holds any more are served.
 *
 * TCP connections in TIME_WAIT have no socket any more. They are found in lwIP's
 * list, where the uid travels in an ext argument: an explicit bind must not take
 * their port from another user, and a dynamic port is rather another one.
 */
#include "daemon/ports.h"

#include "daemon/inet.h"
#include "daemon/tcp_private.h"

#include <errno.h>
#include <event2/event.h>
#include <lwip/priv/tcp_priv.h>
#include <stdlib.h>
#include <sys/random.h>

/* Random picks before every dynamic port is tried in turn. */
#define RANDOM_PICKS 64

struct port_entry {
	struct port_entry *next; /* in the same bucket */
	struct usock_list sockets;
	uint16_t port;
};

/* Where the pointer to the entry is, or, NULL, to be put. */
static struct port_entry **table_at(struct port_table *table, uint16_t port)
{
	struct port_entry **at = &table->buckets[port % PORTS_BUCKETS];

	while (*at && (*at)->port != port)
		at = &(*at)->next;
	return at;
}

struct usock *ports_first(struct port_table *table, uint16_t port)
{
	const struct port_entry *entry = *table_at(table, port);

	return entry ? LIST_FIRST(&entry->sockets) : NULL;
}

static int table_insert(struct port_table *table, struct usock *s, const struct address *local)
{
	struct port_entry **at = table_at(table, local->port);

	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return -ENOBUFS;
		(*at)->port = local->port;
		LIST_INIT(&(*at)->sockets);
	}
	LIST_INSERT_HEAD(&(*at)->sockets, s, port_link);
	s->ports = table;
	s->bound = *local;
	return 0;
}

static bool is_dynamic(uint16_t port)
{
	return port >= PORTS_DYNAMIC_FIRST;
}

static bool port_rests(const struct port_table *table, uint16_t port)
{
	unsigned int i = port - PORTS_DYNAMIC_FIRST;

	return table->rests[i / 8] & 1u << i % 8;
}

static void port_flip_rest(struct port_table *table, uint16_t port)
{
	unsigned int i = port - PORTS_DYNAMIC_FIRST;

	table->rests[i / 8] ^= (uint8_t)(1u << i % 8);
}

/* In place of the one that has rested longest. */
static void port_rest(struct port_table *table, uint16_t port)
{
	uint16_t *at = &table->resting[table->next_resting];

	if (!is_dynamic(port) || port_rests(table, port))
		return;
	if (table->n_resting == PORTS_RESTING_MAX)
		port_flip_rest(table, *at);
	else
		table->n_resting++;
	*at = port;
	port_flip_rest(table, port);
	table->next_resting = (table->next_resting + 1) % PORTS_RESTING_MAX;
}

static bool is_dual_stack(const struct usock *s, const struct address *local)
{
	return s->record.family == ADDRESS_IPV6 && address_is_any(local) &&
		!socket_option(s, usp_Option_OPTION_V6ONLY);
}

/* Whether a packet could be for either. */
static bool addresses_overlap(const struct usock *a, const struct address *la,
	const struct usock *b, const struct address *lb)
{
	struct address ua = address_unmap_v4(la), ub = address_unmap_v4(lb);

	if (is_dual_stack(a, la) || is_dual_stack(b, lb))
		return true;
	if (ua.family != ub.family)
		return false;
	return address_is_any(&ua) || address_is_any(&ub) || address_ip_equal(&ua, &ub);
}

static bool is_listening(const struct usock *s)
{
	return s->record.state == TABLE_STATE_LISTEN;
}

/* Both asked for it, one user's, and no listener among them: as Linux. */
static bool may_share(const struct usock *a, const struct usock *b)
{
	return socket_option(a, usp_Option_OPTION_REUSE_ADDRESS) &&
		socket_option(b, usp_Option_OPTION_REUSE_ADDRESS) &&
		a->record.uid == b->record.uid && !is_listening(a) && !is_listening(b);
}

/* Whether it was closed, and with that is dead. */
static bool is_closed_now(struct usock *s)
{
	if (s->channel < 0 || !socket_channel_hung_up(s))
		return false;
	s->ops->on_channel(s, EV_READ | EV_CLOSED);
	if (!s->dead)
		s->ops->service(s);
	return s->dead;
}

/* A listener takes those along that nobody has accepted: so from the start again. */
static void ports_end_closed(struct port_table *table, const struct usock *s, uint16_t port)
{
	struct usock *other = ports_first(table, port);

	while (other) {
		if (other != s && is_closed_now(other))
			other = ports_first(table, port);
		else
			other = LIST_NEXT(other, port_link);
	}
}

static bool ports_conflict(struct port_table *table, const struct usock *s,
	const struct address *local)
{
	struct usock *other = ports_first(table, local->port);

	for (; other; other = LIST_NEXT(other, port_link))
		if (other != s && !may_share(s, other) &&
			addresses_overlap(s, local, other, &other->bound))
			return true;
	return false;
}

/*
 * A connection in TIME_WAIT keeps its port from an explicit bind, unless the
 * same user asks with SO_REUSEADDR (semantics.md B9).
 */
static bool ports_time_wait(const struct usock *s, const struct address *local)
{
	const struct tcp_pcb *pcb;

	for (pcb = tcp_tw_pcbs; pcb; pcb = pcb->next)
		if (pcb->local_port == local->port &&
			!(socket_option(s, usp_Option_OPTION_REUSE_ADDRESS) &&
				tcp_pcb_uid(pcb) == s->record.uid))
			return true;
	return false;
}

static bool ports_free(struct port_table *table, const struct usock *s,
	const struct address *local)
{
	if (ports_conflict(table, s, local)) {
		ports_end_closed(table, s, local->port);
		if (ports_conflict(table, s, local))
			return false;
	}
	return table != &s->registry->tcp_ports || !ports_time_wait(s, local);
}

/*
 * The port rests, or some connection in TIME_WAIT has it, here or, if it was with
 * the stack itself, as its peer's: better not so soon again.
 */
static bool ports_were_used(const struct port_table *table, uint16_t port)
{
	const struct tcp_pcb *pcb;

	if (port_rests(table, port))
		return true;
	for (pcb = tcp_tw_pcbs; pcb; pcb = pcb->next)
		if (pcb->local_port == port || pcb->remote_port == port)
			return true;
	return false;
}

/* For a dynamic port: nobody at all is on it, and at random nobody was. */
static int ports_pick(struct port_table *table, uint16_t *port)
{
	uint16_t start = 0;

	for (uint32_t i = 0; i < RANDOM_PICKS + PORTS_DYNAMIC; i++) {
		if (i <= RANDOM_PICKS && getrandom(&start, sizeof(start), 0) != sizeof(start))
			return -ENOBUFS;
		*port = (uint16_t)(PORTS_DYNAMIC_FIRST +
			(start + (i > RANDOM_PICKS ? i : 0)) % PORTS_DYNAMIC);
		if (!*table_at(table, *port) &&
			(i > RANDOM_PICKS || !ports_were_used(table, *port)))
			return 0;
	}
	return -EADDRINUSE;
}

int ports_bind(struct port_table *table, struct usock *s, const struct address *local)
{
	struct address a = *local;
	int r;

	if (a.port == 0) {
		r = ports_pick(table, &a.port);
		if (r < 0)
			return r;
	} else if (!ports_free(table, s, &a)) {
		return -EADDRINUSE;
	}
	return table_insert(table, s, &a);
}

int ports_adopt(struct port_table *table, struct usock *s, const struct address *local)
{
	return table_insert(table, s, local);
}

void ports_release(struct usock *s)
{
	struct port_table *table = s->ports;
	struct port_entry **at, *entry;

	if (!table)
		return;
	at = table_at(table, s->bound.port);
	entry = *at;
	LIST_REMOVE(s, port_link);
	s->ports = NULL;
	if (entry && LIST_EMPTY(&entry->sockets)) {
		port_rest(table, entry->port);
		*at = entry->next;
		free(entry);
	}
}

static bool listeners_conflict(const struct usock *s)
{
	struct usock *other = ports_first(s->ports, s->bound.port);

	for (; other; other = LIST_NEXT(other, port_link))
		if (other != s && is_listening(other) &&
			addresses_overlap(s, &s->bound, other, &other->bound))
			return true;
	return false;
}

int ports_check_listen(const struct usock *s)
{
	if (!listeners_conflict(s))
		return 0;
	ports_end_closed(s->ports, s, s->bound.port);
	return listeners_conflict(s) ? -EADDRINUSE : 0;
}

void ports_fini(struct port_table *table)
{
	for (size_t i = 0; i < PORTS_BUCKETS; i++) {
		while (table->buckets[i]) {
			struct port_entry *entry = table->buckets[i];

			table->buckets[i] = entry->next;
			free(entry);
		}
	}
}
