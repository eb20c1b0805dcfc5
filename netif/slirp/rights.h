/* SPDX-License-Identifier: MIT */
/*
 * What usocket-slirp may do: at first open the host's ports, then nothing
 * that needs a right.
 */
#ifndef NETIF_SLIRP_RIGHTS_H
#define NETIF_SLIRP_RIGHTS_H

/*
 * At the start: closes descriptors from @first_stray on, ends with the parent,
 * never gains rights, may open many sockets.
 */
void rights_prepare(int first_stray);

/* Gives up capabilities, and root's identity. Returns 0 or -errno. */
int rights_drop(void);

#endif
