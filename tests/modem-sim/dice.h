/* SPDX-License-Identifier: MIT */
/*
 * Chance that can be repeated: the same seed, the same run.
 */
#ifndef TESTS_MODEM_SIM_DICE_H
#define TESTS_MODEM_SIM_DICE_H

#include <stdint.h>

/* Embedded in its owner; the seed at first. */
struct dice {
	uint64_t state;
};

/* 0 to @n - 1. */
uint32_t dice_roll(struct dice *dice, uint32_t n);

#endif
