/* SPDX-License-Identifier: MIT */
/*
 * What the connection table shows as a client's program: printable UTF-8 that
 * can neither forge a line nor move a cursor.
 */
#ifndef DAEMON_PROGRAM_NAME_H
#define DAEMON_PROGRAM_NAME_H

#include "proto/table.h"

#include <sys/types.h>

/* Copies @name; what is not printable becomes '?', no character is cut in two. */
void program_name_set(char out[TABLE_PROGRAM_MAX], const char *name);

/* The kernel's name of the process, "?" if it has none for us. */
void program_name_of_process(char out[TABLE_PROGRAM_MAX], pid_t pid);

#endif
