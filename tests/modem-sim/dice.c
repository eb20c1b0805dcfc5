/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The generator is splitmix64: a counter, stirred.
 */
#include "tests/modem-sim/dice.h"

uint32_t dice_roll(struct dice *dice, uint32_t n)
{
	uint64_t x = dice->state += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((x ^ x >> 31) % n);
}
