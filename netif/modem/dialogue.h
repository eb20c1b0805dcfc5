/* SPDX-License-Identifier: MIT */
/*
 * An AT dialogue on one channel of the modem: the engine of at.h on a clock,
 * for two who take turns, the call and a person.
 */
#ifndef NETIF_MODEM_DIALOGUE_H
#define NETIF_MODEM_DIALOGUE_H

#include "netif/modem/at.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct event_base;

/* Whose command it is; those of the first go first. */
enum dialogue_lane {
	DIALOGUE_CALL,
	DIALOGUE_USER,
	DIALOGUE_LANE_COUNT,
};

struct dialogue_handlers {
	void (*write)(const void *bytes, size_t len, void *arg);
	/* As in at.h. */
	void (*unsolicited)(const char *line, void *arg);
	void (*trace)(bool is_sent, const char *line, void *arg);
	void *arg;
};

/* Embedded in its owner. */
struct dialogue {
	struct at at;
	struct dialogue_handlers handlers;
	struct event *timer;
	enum dialogue_lane lane; /* of the command in flight */
	struct dialogue_pending {
		bool is_there;
		struct at_command command; /* text and prefix: copied, below */
		char text[AT_COMMAND_MAX + 1];
		char prefix[24];
	} lanes[DIALOGUE_LANE_COUNT];
};

/* Returns 0 or -ENOMEM. */
int dialogue_init(struct dialogue *d, struct event_base *base,
	const struct dialogue_handlers *handlers);
void dialogue_fini(struct dialogue *d);

/*
 * Sends the command now or after the one that is in flight. Returns 0; -EBUSY
 * if the lane has a command already; -EMSGSIZE. Its end is told as in at.h, and
 * what it was sent with is copied.
 */
int dialogue_send(struct dialogue *d, enum dialogue_lane lane, const struct at_command *command);

/* Ends the lane's command with AT_CANCELLED if it is not in flight yet. */
void dialogue_cancel_waiting(struct dialogue *d, enum dialogue_lane lane);

/* As at_input(). */
size_t dialogue_input(struct dialogue *d, const uint8_t *bytes, size_t len);

#endif
