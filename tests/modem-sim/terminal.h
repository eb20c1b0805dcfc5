/* SPDX-License-Identifier: MIT */
/*
 * The modem's end of a serial port: a pseudo-terminal under a name of its own.
 */
#ifndef TESTS_MODEM_SIM_TERMINAL_H
#define TESTS_MODEM_SIM_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct terminal;

struct terminal_handlers {
	void (*input)(const uint8_t *bytes, size_t len, void *arg);
	/* Nobody has the port open any more: Data Terminal Ready has gone. */
	void (*closed)(void *arg);
	/* The host has read all that had to wait; from the loop. */
	void (*drained)(void *arg);
	void *arg;
};

/* Not plugged in yet. @path: where it will be found. NULL when out of memory. */
struct terminal *terminal_new(struct event_base *base, const char *path,
	const struct terminal_handlers *handlers);
void terminal_free(struct terminal *terminal);

/* Returns 0, or -1 with a message on stderr. */
int terminal_plug(struct terminal *terminal);
/* The device goes away, under whoever has it open. */
void terminal_unplug(struct terminal *terminal);
bool terminal_is_plugged(const struct terminal *terminal);

/* What is written while nobody reads waits, up to a bound, and is dropped beyond. */
void terminal_write(struct terminal *terminal, const void *bytes, size_t len);
/* Much waits to be read: whoever can wait should, for `drained`. */
bool terminal_is_busy(const struct terminal *terminal);

/* The speed that the host has set, bits/s; 0: none that we know. */
unsigned int terminal_baud(const struct terminal *terminal);

/* Whether the host's bytes are taken, or wait in the port. */
void terminal_set_reading(struct terminal *terminal, bool is_on);

#endif
