/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Scripts name what is to be done; that none of the names is wrong is found out
 * before anything is asked of the daemon. A failure always has a text, the
 * daemon's sentence if there is one: scripts print it.
 */
#include "client/script/script.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	int (*act)(const char *link, struct usocket_refusal *why);
} actions[] = {
	{ "up", usocket_link_up },
	{ "down", usocket_link_down },
	{ "reset", usocket_link_reset },
};

/* @rc is what the library's call returned. */
static int end(int rc, struct usocket_refusal *why)
{
	int result = rc < 0 ? -errno : 0;

	if (result < 0 && why->text[0] == '\0')
		usocket_script_error(result, 1, why->text, sizeof(why->text));
	return result;
}

int usocket_script_link_control(const char *link, const char *action, struct usocket_refusal *why)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(action, actions[i].name) == 0)
			return end(actions[i].act(link, why), why);
	}
	strcpy(why->text, "the action is up, down or reset");
	return -EINVAL;
}

int usocket_script_link_set(const char *link, const char *key, const char *value, int redial,
	struct usocket_refusal *why)
{
	return end(usocket_link_set(link, key, value, redial, why), why);
}
