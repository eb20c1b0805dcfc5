/* SPDX-License-Identifier: MIT */
/*
 * The configuration: INI files read with inih, one const table of keys.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include "daemon/limits.h"
#include "netif/log.h"
#include "proto/address.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct link;

#define CONFIG_LINKS_MAX    8
#define CONFIG_SERVERS_MAX  4
#define CONFIG_SOCKS_MAX    4
#define CONFIG_DEFAULT_LINK "net0"

/* A path, or if that is empty a loopback address with its port. */
struct config_socks_place {
	char path[108];
	struct address address;
};

struct config {
	/* [daemon] */
	char socket[108];   /* rendezvous path */
	mode_t socket_mode; /* default 0666 */
	gid_t socket_group; /* (gid_t)-1: unchanged */
	enum log_level log_level;
	bool queues;	      /* offer message queues; default true */
	uint32_t sockets_max; /* table records, 16..65536, default 4096 */

	/* [limits] */
	struct limits limits;
	uint32_t sessions_max; /* of all users */
	gid_t raw_group;       /* may open raw sockets; -1: only root */
	gid_t control_group;   /* may control links; -1: only root and our own user */
	bool low_ports;	       /* ports < 1024 for everyone; default true */

	/* [tcp] */
	uint32_t connect_timeout_s; /* 1..600, default 75 */
	uint32_t linger_s;	    /* 1..600, default 20 */
	uint32_t embryonic_max;	    /* half-open connections of a listener, 1..200 */

	/* [udp] */
	uint32_t receive_buffer; /* bytes, 2048..4194304, default 65536 */

	/* [resolver] */
	struct address servers[CONFIG_SERVERS_MAX]; /* none: the links' */
	uint32_t n_servers;
	uint32_t resolve_timeout_s; /* of a whole look-up, default 15 */
	uint32_t cache_entries;	    /* default 512, 0: no cache */
	char hosts[PATH_MAX];	    /* default /etc/hosts, empty: none */

	/* [socks] */
	struct config_socks_place socks[CONFIG_SOCKS_MAX]; /* where to listen */
	uint32_t n_socks;
	char socks_users[PATH_MAX]; /* file; default empty: no login is asked for */

	/* [link NAME] */
	struct link *links[CONFIG_LINKS_MAX]; /* moved out by the daemon */
	uint32_t n_links;

	uint32_t n_ignored; /* unknown sections and keys that were warned of */
};

/* Defaults for this user: an ordinary one gets paths below XDG_RUNTIME_DIR. */
int config_init(struct config *config);
void config_fini(struct config *config);

/*
 * Reads @path and the *.conf files of @path's directory named like it with
 * ".d" appended, in order of name. Unknown keys are warned of, with file and
 * line; wrong values are errors, with file and line, and all are logged
 * before it fails. A missing @path is an error only if @required.
 * Returns 0 or -errno.
 */
int config_load(struct config *config, const char *path, bool required);

/*
 * Gives a configuration without links the one that works anywhere: driver
 * slirp. Returns 0, -ENODEV if that driver is not built in, or -ENOMEM.
 */
int config_add_default_link(struct config *config);

/*
 * Takes over what may change while running: limits, log level and the
 * settings of [tcp], [udp] and [resolver] that new sockets read.
 */
void config_reload(struct config *config, const struct config *fresh);

#endif
