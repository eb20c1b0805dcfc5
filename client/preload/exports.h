/* SPDX-License-Identifier: MIT */
/*
 * The symbols that programs call.
 */
#ifndef CLIENT_PRELOAD_EXPORTS_H
#define CLIENT_PRELOAD_EXPORTS_H

#include <stdbool.h>

/* Whether a program's calls come here, and not to another preloaded library. */
bool exports_are_first(void);

#endif
