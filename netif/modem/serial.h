/* SPDX-License-Identifier: MIT */
/*
 * The modem's serial port: ours alone, and bytes in and out of it.
 */
#ifndef NETIF_MODEM_SERIAL_H
#define NETIF_MODEM_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct serial;

struct serial_handlers {
	void (*input)(const uint8_t *bytes, size_t len, void *arg);
	/* Fewer bytes wait than serial_write() left behind, or none. */
	void (*drained)(void *arg);
	/* The port is gone; @error: positive errno, 0: hung up. Once. */
	void (*lost)(int error, void *arg);
	void *arg;
};

/*
 * Opens and locks the port. Returns 0 with *@serial set, or -errno: -EBUSY if
 * another process has it, -ENOTTY if it is no serial port, -EINVAL for a speed
 * that the system does not know.
 */
int serial_open(struct serial **serial, const char *path, uint32_t baud, bool hardware_flow);
void serial_free(struct serial *serial);

int serial_start(struct serial *serial, struct event_base *base,
	const struct serial_handlers *handlers);

/*
 * Changes the speed; what has not gone out yet is dropped. Returns 0, -EINVAL
 * for one that the system does not know, or -errno.
 */
int serial_set_baud(struct serial *serial, uint32_t baud);

/* Bytes that do not fit into the bounded queue are dropped. */
void serial_write(struct serial *serial, const void *bytes, size_t len);

/* Bytes that wait to be written. */
size_t serial_pending(const struct serial *serial);

/* Data Terminal Ready; a port without it does nothing. */
void serial_set_dtr(struct serial *serial, bool is_on);

#endif
