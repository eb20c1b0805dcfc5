/* SPDX-License-Identifier: MIT */
/*
 * Commands that concern the modem as a device: what it is, reset, error texts.
 */
#ifndef TESTS_MODEM_SIM_DEVICE_H
#define TESTS_MODEM_SIM_DEVICE_H

#include "tests/modem-sim/command.h"

#define DEVICE_IMEI "004999010640000"

/* ATI */
int device_identify(struct channel *channel, const char *args);

/* For the commands of families that do nothing else: OK, and then that. */
int device_reset(struct channel *channel, const char *args);
int device_power_off(struct channel *channel, const char *args);

extern const struct command device_commands[];

#endif
