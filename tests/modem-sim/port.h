/* SPDX-License-Identifier: MIT */
/*
 * A serial port of the modem: its terminal, and the channel on it.
 */
#ifndef TESTS_MODEM_SIM_PORT_H
#define TESTS_MODEM_SIM_PORT_H

#include <stdint.h>

struct modem;
struct port;

/* Not plugged in yet. NULL when out of memory. */
struct port *port_new(struct modem *modem, const char *path);
void port_free(struct port *port);

/* Returns 0, or -1 with a message on stderr. Nothing happens if it is plugged in. */
int port_plug(struct port *port);
void port_unplug(struct port *port);

/* As after power on. */
void port_reset(struct port *port);

/* Left in a call by somebody else. */
void port_start_in_data(struct port *port);

/* A line that nobody asked for, if the port takes commands. */
void port_announce(struct port *port, const char *line);

/* Bytes from the host and to it. */
void port_count(const struct port *port, uint64_t *in, uint64_t *out);

#endif
