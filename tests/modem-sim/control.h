/* SPDX-License-Identifier: MIT */
/*
 * The control socket: faults, while the modem runs.
 */
#ifndef TESTS_MODEM_SIM_CONTROL_H
#define TESTS_MODEM_SIM_CONTROL_H

struct control;
struct modem;

/* NULL with a message on stderr. */
struct control *control_new(struct modem *modem, const char *path);
void control_free(struct control *control);

#endif
