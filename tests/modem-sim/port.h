/* SPDX-License-Identifier: MIT */
/*
 * A serial port of the modem: its terminal, and the channel on it, or several
 * over a multiplexer.
 */
#ifndef TESTS_MODEM_SIM_PORT_H
#define TESTS_MODEM_SIM_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct modem;
struct port;

/*
 * Not plugged in yet. @number: 1, the one at the path that was given, and on.
 * NULL when out of memory.
 */
struct port *port_new(struct modem *modem, unsigned int number);
void port_free(struct port *port);

/* Returns 0, or -1 with a message on stderr. Nothing happens if it is plugged in. */
int port_plug(struct port *port);
void port_unplug(struct port *port);

/* As after power on. */
void port_reset(struct port *port);

/* Left so by somebody else; bits of enum start. */
void port_start(struct port *port, unsigned int start);

/* The line is a multiplexer's from now on. @n1: bytes in a frame; 0: the default. */
void port_multiplex(struct port *port, uint16_t n1);

/* A line that nobody asked for, on each channel that takes commands. */
void port_announce(struct port *port, const char *line);

/* Noise, @len bytes of it. */
void port_rustle(struct port *port, size_t len);
/* The echo of commands, or none. */
void port_set_echo(struct port *port, bool is_on);

/* Adds the bytes from the host and to it. */
void port_count(const struct port *port, uint64_t *in, uint64_t *out);

#endif
