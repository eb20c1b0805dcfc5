/* SPDX-License-Identifier: MIT */
/*
 * Whether the dynamic linker will really load the library.
 */
#ifndef CLIENT_USOCKET_RUN_TRIAL_H
#define CLIENT_USOCKET_RUN_TRIAL_H

#include <stddef.h>

/*
 * Lets the dynamic linker of @program list what it would load, @library being
 * preloaded already as far as the environment goes. Nothing of the program
 * runs. Returns 1 if the library is among it; 0 if not, with what the linker
 * said of it in @text; or -errno.
 */
int trial_run(const char *program, const char *library, char *text, size_t size);

#endif
