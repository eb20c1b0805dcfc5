/* SPDX-License-Identifier: MIT */
/*
 * An AT channel: a dialogue of commands and results, or a call's data.
 */
#ifndef TESTS_MODEM_SIM_CHANNEL_H
#define TESTS_MODEM_SIM_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_LINE_MAX 512

struct channel;
struct command;
struct event;
struct modem;
struct port;

/* What carries the channel's bytes to the host. */
struct channel_carrier {
	void (*write)(const void *bytes, size_t len, void *arg);
	/* Has more to send than it can at once; call_resume() when no longer. */
	bool (*is_busy)(void *arg);
	/* Data Carrier Detect: a call begins or ends. NULL: there is no such line. */
	void (*carrier)(bool is_on, void *arg);
	void *arg;
};

enum channel_mode {
	CHANNEL_COMMAND,
	CHANNEL_DATA,  /* a call's, or left over from before */
	CHANNEL_MUXED, /* the port's multiplexer has the line */
};

/* How errors are told, +CMEE. */
enum channel_errors {
	ERRORS_PLAIN,
	ERRORS_NUMERIC,
	ERRORS_VERBOSE,
};

/* Embedded in its owner. */
struct channel {
	struct modem *modem;
	struct port *port; /* NULL: a multiplexer's channel */
	struct channel_carrier carrier;
	enum channel_mode mode;
	enum channel_errors errors;
	bool has_echo;
	char line[CHANNEL_LINE_MAX];
	size_t line_len;
	uint64_t heard_ms;
	struct event *escape; /* the silence behind "+++" */
	struct event *late;   /* the command in `line` is run */
	bool is_late;
	const struct command *command; /* the one that runs */
};

/* Returns 0, or -1 when out of memory. */
int channel_init(struct channel *channel, struct modem *modem,
	const struct channel_carrier *carrier);
void channel_fini(struct channel *channel);

/* As after power on. A call on the channel ends without a word. */
void channel_reset(struct channel *channel);
/* The same, for what is lost when the host closes its port: a call, half a line. */
void channel_hang_up(struct channel *channel);

void channel_input(struct channel *channel, const uint8_t *bytes, size_t len);

/* A line to the host. */
void channel_say(struct channel *channel, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same, without the line ends around it. */
void channel_print(struct channel *channel, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Noise, @len bytes of it. */
void channel_rustle(struct channel *channel, size_t len);

/* Bytes to the host. */
void channel_write(struct channel *channel, const void *bytes, size_t len);

bool channel_is_busy(const struct channel *channel);

/* Sets the mode to data and back, and DCD with it. */
void channel_set_mode(struct channel *channel, enum channel_mode mode);

/* The network has ended the call that the channel carries. */
void channel_lose_carrier(struct channel *channel);

#endif
