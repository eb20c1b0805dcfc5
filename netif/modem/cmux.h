/* SPDX-License-Identifier: MIT */
/*
 * The multiplexer of 3GPP TS 27.010, basic option: several channels (DLCs) on
 * one serial line. It knows neither the line nor a clock.
 *
 * The initiator has sent AT+CMUX=0 and got its OK; then:
 *
 *	cmux_start()			CMUX_OPENED for DLCI 0
 *	cmux_open() for each DLC	CMUX_OPENED for it
 *	cmux_write()			the `data` handler
 *	cmux_shut_down()		CMUX_CLOSED for DLCI 0: it is AT again
 *
 * The responder starts as it answers OK, and waits.
 *
 * No handler may call cmux_input(), cmux_expire() or cmux_free(), the `write`
 * handler nothing at all; the others may call the rest.
 */
#ifndef NETIF_MODEM_CMUX_H
#define NETIF_MODEM_CMUX_H

#include "netif/modem/cmux_frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cmux;

/* DLCs are 1 to this; 0 is the multiplexer's own and stands for all of it. */
#define CMUX_DLCI_MAX 7

/* Clause 5.7.2, what AT+CMUX=0 means when it does not say. */
#define CMUX_N1_DEFAULT 31
/* The control channel's messages need so much. */
#define CMUX_N1_MIN 16

/* Bytes that wait in a DLC's queue, at most, and when CMUX_WRITABLE is told. */
#define CMUX_QUEUE_MAX 16384
#define CMUX_QUEUE_LOW 1024

enum cmux_role {
	CMUX_INITIATOR, /* the host */
	CMUX_RESPONDER, /* the modem */
};

/*
 * What happens to a DLC. When it happens to DLCI 0, all other DLCs are closed
 * with it, without events of their own.
 */
enum cmux_event {
	CMUX_OPENED,	   /* by either side */
	CMUX_REFUSED,	   /* the peer does not want it, DM */
	CMUX_SILENT,	   /* no answer; DLCI 0: the peer does not multiplex (any more) */
	CMUX_CLOSED,	   /* by either side, DISC, DM, CLD */
	CMUX_SIGNALS,	   /* the peer's have changed */
	CMUX_CARRIER_LOST, /* CMUX_DV has gone, told after CMUX_SIGNALS */
	CMUX_WRITABLE,	   /* what had to wait is down to CMUX_QUEUE_LOW */
	CMUX_EVENT_COUNT,
};

/* Signals of a DLC, the second octet of MSC, clause 5.4.6.3.7. */
enum cmux_signal {
	CMUX_FC = 0x02,	 /* do not send: flow control */
	CMUX_RTC = 0x04, /* to the modem: DTR, from it: DSR */
	CMUX_RTR = 0x08, /* RTS, CTS */
	CMUX_IC = 0x40,	 /* from the modem: RI */
	CMUX_DV = 0x80,	 /* from the modem: DCD */
};

/* What is 0 takes its default. */
struct cmux_config {
	enum cmux_role role;
	uint16_t n1;	/* of AT+CMUX, CMUX_N1_MIN to _MAX: bytes of data in a frame */
	uint32_t t1_ms; /* until SABM or DISC is sent again; 500 */
	uint32_t t2_ms; /* the same for commands on DLCI 0; 1000 */
	uint8_t n2;	/* times it is sent again; 3 */
	uint8_t n_dlcs; /* responder: DLCs that may be opened; CMUX_DLCI_MAX */
};

struct cmux_handlers {
	/* One or more whole frames to the line. */
	void (*write)(const void *bytes, size_t len, void *arg);
	/*
	 * Whether the line takes more data now, so that the bytes wait in the DLCs'
	 * queues, where they take turns, and not behind each other in the line's.
	 * NULL: always. Once it has said no, cmux_flush() is due.
	 */
	bool (*has_room)(void *arg);
	/* Call cmux_expire() in @ms; 0: not any more. */
	void (*arm)(uint32_t ms, void *arg);
	void (*data)(uint8_t dlci, const uint8_t *bytes, size_t len, void *arg);
	void (*event)(uint8_t dlci, enum cmux_event event, void *arg);
	void *arg;
};

struct cmux_counts {
	uint32_t n_frames, n_bad_sums, n_noise; /* of cmux_decoder */
	uint32_t n_misdirected;			/* that only the other side may send: an echo */
	uint32_t n_unexpected;			/* data for a DLC that is not open */
};

/* NULL when out of memory. */
struct cmux *cmux_new(const struct cmux_config *config, const struct cmux_handlers *handlers);
void cmux_free(struct cmux *mux);

/*
 * The line is the multiplexer's from now on. Initiator: opens DLCI 0. It may be
 * started again after its end.
 */
void cmux_start(struct cmux *mux);

/*
 * Opens a DLC, clause 5.4.1. Returns 0 and CMUX_OPENED, _REFUSED or _SILENT
 * follows; -EINVAL: no such DLC; -ENOTCONN: DLCI 0 is not open; -EALREADY.
 */
int cmux_open(struct cmux *mux, uint8_t dlci);

/* Closes a DLC, clause 5.4.2; what is in its queue is lost. CMUX_CLOSED follows if it was not. */
void cmux_close(struct cmux *mux, uint8_t dlci);

/* Closes everything, clause 5.8.2: CMUX_CLOSED for DLCI 0 follows, answered or not. */
void cmux_shut_down(struct cmux *mux);

/*
 * Queues all of the bytes or none, for frames of at most N1. Returns 0;
 * -ENOTCONN: the DLC is not open; -ENOBUFS: they do not fit, and CMUX_WRITABLE
 * tells when more do. Calls no handler but `write`, `has_room` and `arm`.
 */
int cmux_write(struct cmux *mux, uint8_t dlci, const void *bytes, size_t len);

/*
 * Our signals of an open DLC; CMUX_RTC | CMUX_RTR at first. CMUX_FC stops the
 * peer from sending, without CMUX_RTC a modem hangs up.
 */
void cmux_set_signals(struct cmux *mux, uint8_t dlci, uint8_t signals);

/*
 * Asks whether the peer is there (Test, clause 5.4.6.3.4): if nothing comes
 * in N2 times T2, CMUX_SILENT for DLCI 0 follows.
 */
void cmux_probe(struct cmux *mux);

/* Bytes of the line. Returns how many were taken: after the end the rest is AT. */
size_t cmux_input(struct cmux *mux, const uint8_t *bytes, size_t len);

/* The line takes data again. */
void cmux_flush(struct cmux *mux);

/* Bytes that wait in the DLC's queue. */
size_t cmux_pending(const struct cmux *mux, uint8_t dlci);

/* The time of `arm` has passed. */
void cmux_expire(struct cmux *mux);

bool cmux_is_open(const struct cmux *mux, uint8_t dlci);

/* The peer's signals; 0 until it has sent some. */
uint8_t cmux_signals(const struct cmux *mux, uint8_t dlci);

struct cmux_counts cmux_counts(const struct cmux *mux);

/* "opened", "no answer" and so on. */
const char *cmux_event_name(enum cmux_event event);

/* ---- a modem that was left multiplexing ------------------------------------------- */

/*
 * SABM for DLCI 0, since one that was never opened takes no commands; DISC for
 * each DLC; Close Down; DISC for DLCI 0.
 */
#define CMUX_CLOSE_DOWN_SIZE ((CMUX_DLCI_MAX + 3) * (CMUX_FRAME_OVERHEAD + 2))

/*
 * What brings any modem back to AT, in @out, which has room for @n_flags +
 * CMUX_CLOSE_DOWN_SIZE. As many flags come first: N1 of them fill up a frame in
 * the middle of which the line was left. To be followed by AT, twice: to a
 * modem that was not multiplexing all of this is the beginning of a command.
 * Returns the length.
 */
size_t cmux_make_close_down(uint8_t *out, size_t n_flags);

#endif
