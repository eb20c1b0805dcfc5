/* SPDX-License-Identifier: MIT */
/*
 * Lines of the AT dialogue as the log may have them: without secrets.
 */
#ifndef NETIF_MODEM_MASK_H
#define NETIF_MODEM_MASK_H

#include <stddef.h>

/*
 * Copies @line with PIN and password of commands, and all but the first five
 * digits of what may be an IMSI, ICCID or IMEI, replaced by asterisks.
 */
void mask_line(char *out, size_t size, const char *line);

#endif
