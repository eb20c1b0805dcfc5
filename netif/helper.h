/* SPDX-License-Identifier: MIT */
/*
 * A link helper: a process of ours that brings packets, started, supervised
 * and ended here.
 */
#ifndef NETIF_HELPER_H
#define NETIF_HELPER_H

#include "netif/log.h"
#include "proto/helper_codec.h"
#include "proto/table.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct event;
struct event_base;
struct helper;

/* Calls come from the loop. The callee may stop the helper. */
struct helper_handlers {
	/* All but pongs and log lines. */
	void (*event)(struct helper *helper, const ush_HelperEvent *event, void *arg);
	/* A line, which the daemon's log has had; may be NULL. Leaves the helper be. */
	void (*log)(enum log_level level, const char *text, void *arg);
	/*
	 * The process has ended, hangs or breaks the protocol; @cause says
	 * which. It has been killed. Not called after helper_stop().
	 */
	void (*lost)(struct helper *helper, const char *cause, void *arg);
};

struct helper_params {
	struct event_base *base;
	const char *program; /* name in the helpers' directory */
	const char *link;    /* whose helper it is, for the log; outlives it */
	const struct helper_handlers *handlers;
	void *arg;
	uint32_t ping_interval_ms; /* also the time to answer in */
};

/* Embedded in the driver's state, which owns it. */
struct helper {
	struct helper_params params; /* program: copied, not pointed to */
	char program[32];
	pid_t pid;    /* 0: no process */
	int pidfd;    /* -1: no process */
	int messages; /* our end; -1: none */
	int packets;  /* our end, until it is taken; -1: none */
	struct event *exited, *readable, *ping;
	struct event *overdue; /* it is to end by itself until then; NULL: it is not */
	uint32_t sequence;     /* of the latest ping */
	bool is_answered;      /* its pong has come */
	bool is_closed;	       /* it has closed its end; why is not known yet */
	bool is_dying;	       /* killed or to end by itself, not reaped yet */
};

void helper_init(struct helper *helper, const struct helper_params *params);

/* Where the program is looked for. */
void helper_path(const struct helper *helper, char *path, size_t size);

/*
 * Starts the process. Returns 0; -EBUSY while the last process has not gone yet; or -errno.
 */
int helper_start(struct helper *helper);

/* Our end of the packet pair, which becomes the caller's; -1: taken, or none. */
int helper_take_packets(struct helper *helper);

/* Why it failed, as far as it says so. */
enum table_link_reason helper_reason(const ush_HelperFailed *failed);

/* Returns 0 or -errno; a helper that does not read its commands is lost. */
int helper_send(struct helper *helper, const ush_HelperCommand *command);

/* Whether the process was killed, or told to end, and has not ended yet. */
bool helper_is_ending(struct helper *helper);

/* Kills the process, if there is one, and forgets it; it is reaped later. */
void helper_kill(struct helper *helper);

/* The same, but closes the pairs and kills it only if it does not end by itself then. */
void helper_end(struct helper *helper);

/*
 * Closes the pair, so that the process ends by itself, waits a moment for
 * that, kills it otherwise, and reaps it. Frees what the helper holds; packets
 * that were taken have been closed before.
 */
void helper_fini(struct helper *helper);

#endif
