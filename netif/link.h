/* SPDX-License-Identifier: MIT */
/*
 * Links: each is a descriptor that carries whole packets, made by a driver,
 * with an lwIP netif on top and a record of what it says of itself.
 *
 * A link is configured with key and value pairs, started, and from then on
 * looks after itself: it comes up, and comes up again after failures with
 * growing back-off, until it is stopped. link_enter() is the only writer of
 * its state.
 */
#ifndef NETIF_LINK_H
#define NETIF_LINK_H

#include "proto/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct event_base;
struct link;
struct link_log;
struct netif;

/*
 * Called after each change of a link's state or addresses, and once a second
 * while its counters move. The link is not being changed meanwhile.
 */
typedef void (*link_changed_fn)(struct link *link, void *arg);

/*
 * A new link in state down. @name: 1 to 15 of [a-z0-9_-].
 * Returns NULL when out of memory.
 */
struct link *link_new(const char *name);
void link_free(struct link *link);

/*
 * Takes one line of the link's configuration section. "driver" comes first.
 * Returns 0; -ENOENT for a key that this driver does not know; -EINVAL for a
 * bad value, with a sentence that says what is expected in @error.
 */
int link_set(struct link *link, const char *key, const char *value, char *error, size_t size);

/*
 * The same for a link that may have been started, and only for keys that can be
 * changed then: -EPERM for others. What is set counts from the next try on.
 */
int link_change(struct link *link, const char *key, const char *value, char *error, size_t size);

/*
 * Checks what only the whole section can tell. Returns 0, or -EINVAL with a
 * sentence in @error.
 */
int link_check(const struct link *link, char *error, size_t size);

/*
 * Starts bringing the link up; the first call of @changed comes later, from
 * the loop. Returns 0 or -errno.
 */
int link_start(struct link *link, struct event_base *base, link_changed_fn changed, void *arg);

/* Takes the link down and ends its helper. Addresses go first (see stack.h). */
void link_stop(struct link *link);

/*
 * Takes the link down and brings it up again, as soon as it can be: by what it
 * was told meanwhile, or by restarting the device (a modem: AT+CFUN=1,1).
 * Sockets live on. A link that was taken down by link_down() stays down.
 */
void link_redial(struct link *link, const char *cause);
void link_reset(struct link *link, const char *cause);

/* Takes the link down until link_up(). Sockets live on, as at any failure. */
void link_down(struct link *link, const char *cause);

/* A link that is down, for whatever reason, is tried at once. */
void link_up(struct link *link, const char *cause);

/*
 * A program has somewhere to send to, and no link to send by. Wakes a link that
 * dials on demand. Returns true if waiting for it makes sense: it dials on
 * demand, is not up, and has not been taken down or refused.
 */
bool link_demand(struct link *link);

/* @is_final: @line is the result ("OK", "ERROR", ...), and the last call. */
typedef void (*link_at_fn)(const char *line, bool is_final, void *arg);

/*
 * Sends an AT command of a user's to the link's modem; @answer is called for
 * each line of what it answers, and once with the final result, also when the
 * link goes down meanwhile. Never from within this call.
 * Returns 0; -EOPNOTSUPP if the link is no modem's; -ENETDOWN if there is no AT
 * channel now; -EBUSY while another one is under way; -EINVAL for what is not
 * an AT command of up to 255 characters.
 */
int link_at(struct link *link, const char *command, link_at_fn answer, void *arg);

/*
 * Why a user may not send @command: it would take the line away from the link.
 * NULL: nothing speaks against it.
 */
const char *link_at_harm(const char *command);

/* No more calls for what link_at() has begun. */
void link_at_cancel(struct link *link);

/* Reads along with a link's log; its owner's storage. */
struct link_follower {
	void (*fn)(void *arg); /* a line has been added; the link stays as it is */
	void *arg;
	LIST_ENTRY(link_follower) entry;
};

/* See link_log.h. It lives as long as the link. */
const struct link_log *link_log_of(const struct link *link);
void link_follow(struct link *link, struct link_follower *follower);
void link_unfollow(struct link_follower *follower);

/* Bits of CAP_ of capabilities(7) that the link must be opened with. */
uint32_t link_capabilities(const struct link *link);

/*
 * Whether the prefix of NAT64 is to be looked for: the link is up, has IPv6 and
 * no IPv4, and the configuration leaves it open.
 */
bool link_seeks_nat64(const struct link *link);

/* What was found; family NONE: there is no prefix. Its port is its length. */
void link_set_nat64(struct link *link, const struct address *prefix);

const char *link_name(const struct link *link);
enum table_link_state link_state(const struct link *link);
/* It was taken down, and waits for link_up(). */
bool link_is_held(const struct link *link);
/* Process id of the helper, 0 if there is none. */
int link_helper_pid(const struct link *link);
/* NULL while the link has no netif. */
struct netif *link_netif(const struct link *link);
/* Everything the table shows of it, the sequence left alone. */
void link_describe(const struct link *link, struct table_link *out);

#endif
