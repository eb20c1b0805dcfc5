/* SPDX-License-Identifier: MIT */
/*
 * A row of the help text.
 */
#ifndef TESTS_MODEM_SIM_HELP_H
#define TESTS_MODEM_SIM_HELP_H

/* @what, and beside it @text, whose lines are put below each other. */
void help_print(const char *what, const char *text);

#endif
