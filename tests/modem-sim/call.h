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
struct modem;
struct path_counts;

/* No call yet. NULL with a message on stderr if the network cannot be had. */
struct call *call_new(struct modem *modem);
void call_free(struct call *call);

/*
 * Connects @channel, whose mode is data from now on, with network protocols
 * @pdp, bits of enum pdp. One call at a time.
 */
void call_start(struct call *call, struct channel *channel, unsigned int pdp);

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

/* The network negotiates PPP anew, with what is granted and asked for now. */
void call_renegotiate(struct call *call);

/* Of the calls that follow. */
void call_set_address(struct call *call, struct in_addr address);
struct in_addr call_address(const struct call *call);
/* Who calls is refused, whatever user and password. */
void call_set_refusing(struct call *call, bool is_on);
/* PPP hears nothing and says nothing. */
void call_set_mute(struct call *call, bool is_on);
/* No IP packet passes while PPP stays. */
void call_set_dropping(struct call *call, bool is_on);
/* Calls are answered, or not. */
void call_set_answering(struct call *call, bool is_on);

unsigned int call_count(const struct call *call);
/* Of IP packets: from the host, and to it. */
const struct path_counts *call_sent(const struct call *call);
const struct path_counts *call_received(const struct call *call);

/* ATD*99: what follows it, "***CID#" or "#". Returns how the command ends. */
int call_dial(struct channel *channel, const char *args);
/* The same for +CGDATA="PPP",CID */
int call_dial_data(struct channel *channel, const char *args);

#endif
