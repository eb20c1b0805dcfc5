/* SPDX-License-Identifier: MIT */
/*
 * Commands that concern the modem as a device: reset, error texts.
 */
#ifndef TESTS_MODEM_SIM_DEVICE_H
#define TESTS_MODEM_SIM_DEVICE_H

#include "tests/modem-sim/command.h"

extern const struct command device_commands[];

#endif
