/* SPDX-License-Identifier: MIT */
/*
 * The data call: PPP on a channel, and the network behind it.
 */
#ifndef TESTS_MODEM_SIM_CALL_H
#define TESTS_MODEM_SIM_CALL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct call;
struct channel;
struct event_base;
struct options;
struct path_counts;

/* No call yet. NULL with a message on stderr if the network cannot be had. */
struct call *call_new(struct event_base *base, const struct options *options);
void call_free(struct call *call);

/* Connects @channel, whose mode is data from now on. One call at a time. */
void call_start(struct call *call, struct channel *channel);

/* Ends the call without a word to the channel. */
void call_end(struct call *call);

/* The channel of the call; NULL: there is none. */
struct channel *call_channel(const struct call *call);

/* Bytes from the host. */
void call_input(struct call *call, const void *bytes, size_t len);

/* The channel is no longer busy. */
void call_resume(struct call *call);

/* The network ends PPP in order. */
void call_terminate(struct call *call);

/* Of the calls that follow. */
void call_set_address(struct call *call, struct in_addr address);
/* No IP packet passes while PPP stays. */
void call_set_dropping(struct call *call, bool is_on);
/* Calls are answered, or not. */
void call_set_answering(struct call *call, bool is_on);

unsigned int call_count(const struct call *call);
/* Of IP packets: from the host, and to it. */
const struct path_counts *call_sent(const struct call *call);
const struct path_counts *call_received(const struct call *call);

/* ATD*99: whatever follows it. Returns how the command ends. */
int call_dial(struct channel *channel, const char *args);

#endif
