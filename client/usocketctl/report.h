/* SPDX-License-Identifier: MIT */
/*
 * Says on stderr why something failed, and what can be done.
 */
#ifndef CLIENT_USOCKETCTL_REPORT_H
#define CLIENT_USOCKETCTL_REPORT_H

struct usocket_refusal;

/* Reports @error, an errno of the library. Returns the exit code it means. */
int report_error(int error);

/* The same, with what the daemon has said, if it has. */
int report_refusal(int error, const struct usocket_refusal *why);

/* Reports that looking up @name gave @result, an EAI_ number, or @error. */
int report_lookup(const char *name, int result, int error);

#endif
