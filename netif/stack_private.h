/* SPDX-License-Identifier: MIT */
/*
 * What the stack offers to the rest of netif/ only.
 */
#ifndef NETIF_STACK_PRIVATE_H
#define NETIF_STACK_PRIVATE_H

/*
 * Around every change that may take an address away from the stack; see
 * stack_address_changing(). The two nest.
 */
void stack_address_change_begin(void);
void stack_address_change_end(void);

#endif
