/* SPDX-License-Identifier: MIT */
/*
 * The AT engine: one command in flight, its deadline, its response, and
 * unsolicited results at any moment.
 */
#ifndef NETIF_MODEM_AT_H
#define NETIF_MODEM_AT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AT_LINE_MAX    512  /* bytes of one line */
#define AT_COMMAND_MAX 400  /* bytes of one command, without its end */
#define AT_REPLY_MAX   2048 /* bytes of all lines of a response */

enum at_status {
	AT_OK,
	AT_CONNECT, /* what follows is data */
	AT_ERROR,   /* with a code, if it is CME or CMS */
	AT_NO_CARRIER,
	AT_BUSY,
	AT_NO_ANSWER,
	AT_NO_DIALTONE,
	AT_TIMEOUT, /* no final result within the deadline */
	AT_CANCELLED,
	AT_STATUS_COUNT,
};

/* No number came with AT_ERROR. */
#define AT_CODE_NONE (-1)

struct at_result {
	enum at_status status;
	int code;	  /* of +CME ERROR, or AT_CODE_NONE */
	const char *text; /* the final result line; "" if there was none */
	/* Lines of the response, each ended by NUL. */
	const char *lines;
	unsigned int n_lines;
};

typedef void (*at_done_fn)(const struct at_result *result, void *arg);

struct at_handlers {
	void (*write)(const void *bytes, size_t len, void *arg);
	/* Call at_expire() in @ms; 0: not any more. */
	void (*arm)(uint32_t ms, void *arg);
	/* An unsolicited result, or what a modem says that nobody asked for. */
	void (*unsolicited)(const char *line, void *arg);
	/* For the log, what was sent and received, secrets still in it; may be NULL. */
	void (*trace)(bool is_sent, const char *line, void *arg);
	void *arg;
};

struct at_command {
	const char *text;   /* without its end */
	const char *prefix; /* of the response's lines; NULL: any line; "": none */
	uint32_t timeout_ms;
	at_done_fn done; /* called exactly once, never within at_send() */
	void *arg;
};

/* Embedded in its owner. */
struct at {
	struct at_handlers handlers;
	bool is_busy;
	struct at_command command; /* prefix and text: copied */
	char text[AT_COMMAND_MAX + 1];
	char prefix[24];
	bool has_prefix;
	char line[AT_LINE_MAX + 1];
	size_t line_len;
	bool is_overlong; /* the rest of the line is dropped */
	char reply[AT_REPLY_MAX];
	size_t reply_len;
	unsigned int n_lines;
};

void at_init(struct at *at, const struct at_handlers *handlers);

/* Returns 0; -EBUSY while a command is in flight; -EMSGSIZE. */
int at_send(struct at *at, const struct at_command *command);

/* Ends the command in flight with AT_CANCELLED, at once. */
void at_cancel(struct at *at);

/* The deadline has passed. */
void at_expire(struct at *at);

/*
 * Bytes from the modem. Returns how many were taken: after CONNECT the rest is
 * data and not for this engine.
 */
size_t at_input(struct at *at, const uint8_t *bytes, size_t len);

/* The first line that begins with @prefix, or NULL. */
const char *at_find_line(const struct at_result *result, const char *prefix);

/* "OK", "timeout" and so on. */
const char *at_status_name(enum at_status status);

#endif
