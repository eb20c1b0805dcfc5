/* SPDX-License-Identifier: MIT */
/*
 * The keys of the configuration's sections but [link NAME]: one const table
 * of names, types and ranges. Used by config.c alone.
 */
#ifndef DAEMON_CONFIG_KEYS_H
#define DAEMON_CONFIG_KEYS_H

#include "daemon/config.h"

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_KEYS_MAX 48

/* Room for the sentence that says what a key expects. */
#define CONFIG_EXPECTED_MAX 160

bool config_keys_has_section(const char *section);

/* A number below CONFIG_KEYS_MAX, or -ENOENT. */
int config_keys_find(const char *section, const char *name);

/*
 * Sets the key of that number. Returns 0, or -EINVAL with what would have
 * been right in @expected ("a number from 1 to 600").
 */
int config_keys_set(struct config *config, int key, const char *value,
	char expected[CONFIG_EXPECTED_MAX]);

#endif
