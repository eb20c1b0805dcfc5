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

/* Prints what it understands. */
void control_usage(void);

/*
 * For who is not the modem: sends the words as one command to the socket at
 * @path, and prints the answer. Returns the exit status.
 */
int control_tell(const char *path, char **words);

#endif
