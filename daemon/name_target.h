/* SPDX-License-Identifier: MIT */
/*
 * The name a socket is being connected to: its look-up, and then its
 * addresses, one after the other.
 */
#ifndef DAEMON_NAME_TARGET_H
#define DAEMON_NAME_TARGET_H

#include <stdbool.h>
#include <stdint.h>

struct account;
struct address;
struct name_target;
struct socket_registry;
struct usock;

struct name_target_params {
	struct account *account; /* of who asks; charged one RESOURCE_LOOKUP */
	const char *name;
	uint16_t port;
	bool wait_for_link;
};

/*
 * Starts a connect of @s to a name. When a look-up ends, and once more when the
 * time of the whole connect is over, s->ops->on_name() is called from the loop,
 * never before this returns. Returns 0, -EMFILE (too many look-ups) or -errno.
 */
int name_target_new(struct name_target **out, struct usock *s,
	const struct name_target_params *params);

/*
 * Ends it; on_name() is not called any more. A look-up under way goes on, and
 * stays charged, until it is done: else a client could have any number of them
 * by giving each up at once. NULL is legal.
 */
void name_target_free(struct name_target *target);

/*
 * The links have changed: another network may have other addresses. The next
 * name_target_refresh() looks the name up again; to be called from the run
 * queue, since a link may change in the middle of a look-up.
 */
void name_target_forget(struct name_target *target);

enum name_target_outcome {
	NAME_TARGET_BUSY = 1, /* looking up; on_name() will tell */
};

/* Returns 0 if there is nothing to look up, NAME_TARGET_BUSY or -errno. */
int name_target_refresh(struct name_target *target);

/* The next address of the socket's family to try, with its port. */
bool name_target_next(struct name_target *target, struct address *out);
bool name_target_has_next(const struct name_target *target);
/* Whether none has been handed out yet. */
bool name_target_is_untried(const struct name_target *target);

/*
 * Whether to wait, after none of the addresses could be reached: there is time
 * left, and it is for want of a link and asked for, or of a NAT64 prefix that is
 * being looked for.
 */
bool name_target_waits(const struct name_target *target);

/* What the latest address may take: an equal share of the time left. */
uint32_t name_target_share_ms(const struct name_target *target);

/* Ends those that no socket has any more; no socket may be left. */
void name_targets_fini(struct socket_registry *registry);

#endif
