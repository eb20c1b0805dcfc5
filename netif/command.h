/* SPDX-License-Identifier: MIT */
/*
 * A program that is run for what it prints.
 */
#ifndef NETIF_COMMAND_H
#define NETIF_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct event;
struct event_base;

#define COMMAND_OUTPUT_MAX 16384

/*
 * The program has ended. @status: 0 to 255 as it exited; -ETIMEDOUT, or
 * -ECHILD if a signal ended it. @output: what it printed, errors included, with
 * a NUL behind it. Comes from the loop; another command may be started.
 */
typedef void (*command_done_fn)(int status, char *output, void *arg);

/* Embedded; owned by who runs it. */
struct command {
	struct event_base *base;
	struct event *readable, *exited, *deadline;
	pid_t pid; /* 0: none */
	int pidfd, output_fd;
	bool is_dying; /* nobody wants to hear of it any more */
	size_t len;
	command_done_fn done;
	void *arg;
	char output[COMMAND_OUTPUT_MAX];
};

void command_init(struct command *command, struct event_base *base);

/* Ends what runs; waits a moment for its end. */
void command_fini(struct command *command);

/*
 * Runs @argv, found by PATH. Returns 0 or -errno: -EBUSY while the last one
 * has not gone yet.
 */
int command_start(struct command *command, const char *const argv[], uint32_t timeout_ms,
	command_done_fn done, void *arg);

/* Ends it; done is not called. */
void command_kill(struct command *command);

#endif
