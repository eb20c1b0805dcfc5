/* SPDX-License-Identifier: MIT */
/*
 * An interface as the kernel shows it, by rtnetlink(7): asked for, and watched.
 */
#ifndef NETIF_INTERFACE_H
#define NETIF_INTERFACE_H

#include "netif/ingress.h"

#include "proto/address.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct event_base;

struct interface {
	int index;	   /* 0: there is none of this name */
	unsigned int type; /* ARPHRD_ of <net/if_arp.h> */
	uint32_t mtu;
	bool is_up; /* by its administrator */
	bool has_carrier;
	bool has_neighbours; /* to ask for by ARP: not IFF_NOARP */
	bool has_mac;
	uint8_t mac[INGRESS_MAC_SIZE];
	/* One that the kernel itself uses; family NONE: there is none. */
	struct address kernel_address;
};

/* Returns 0, also if there is none; -errno if the kernel cannot be asked. */
int interface_query(struct interface *out, const char *name);

/* Sets it up. Returns 0 or -errno. */
int interface_set_up(const char *name);

/*
 * Takes what messages of the kernel say of the interface called @name into
 * @out. Returns 0; 1 if the last of an answer was among them; -errno: the
 * kernel's refusal, or -EBADMSG.
 */
int interface_take(struct interface *out, const char *name, const void *messages, size_t len);

/* True if messages of the kernel tell of this interface, or of one of its name. */
bool interface_is_concerned(const char *name, int index, const void *messages, size_t len);

/* The interface may be another than when it was last asked for. From the loop. */
typedef void (*interface_changed_fn)(void *arg);

/* Embedded; owned by who watches. */
struct interface_watch {
	struct event *readable; /* NULL: not watching */
	int fd;
	int index; /* of when it was last asked for */
	char name[IFNAMSIZ];
	interface_changed_fn changed;
	void *arg;
};

/* Returns 0 or -errno. */
int interface_watch_start(struct interface_watch *watch, struct event_base *base, const char *name,
	interface_changed_fn changed, void *arg);
void interface_watch_stop(struct interface_watch *watch);

#endif
