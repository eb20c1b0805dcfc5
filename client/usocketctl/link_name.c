/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Most gateways have one link, or one with a modem: it need not be named. A name
 * that is wrong is told here, with those that would be right.
 */
#include "client/usocketctl/link_name.h"

#include "client/usocketctl/report.h"
#include "client/usocketctl/text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define MODEM_DRIVER "modem"

static void print_names(void)
{
	struct usocket_link_info link;
	char name[TEXT_ESCAPED_MAX(sizeof(link.name))];
	uint32_t cursor = 0;

	fputs("Links:", stderr);
	while (usocket_next_link(&cursor, &link, sizeof(link)) == 1)
		fprintf(stderr, " %s",
			text_escape(name, sizeof(name), link.name, sizeof(link.name)));
	fputs("\n", stderr);
}

static int complain(const char *name, int n)
{
	char shown[TEXT_ESCAPED_MAX(64)];

	if (name)
		fprintf(stderr, "usocketctl: there is no link '%s'\n",
			text_escape(shown, sizeof(shown), name, strlen(name)));
	else
		fputs(n ? "usocketctl: name the link\n" : "usocketctl: no links are configured\n",
			stderr);
	if (n)
		print_names();
	return CTL_EXIT_FAILED;
}

int link_name_find(const char *name, struct usocket_link_info *link)
{
	struct usocket_link_info next;
	int rc, n = 0, n_modems = 0;
	uint32_t cursor = 0;

	while ((rc = usocket_next_link(&cursor, &next, sizeof(next))) == 1) {
		bool is_modem = strcmp(next.driver, MODEM_DRIVER) == 0;

		if (name && strcmp(next.name, name) == 0) {
			*link = next;
			return CTL_EXIT_OK;
		}
		if (n == 0 || (is_modem && n_modems == 0))
			*link = next;
		n++;
		n_modems += is_modem;
	}
	if (rc < 0)
		return report_error(errno);
	if (!name && (n == 1 || n_modems == 1))
		return CTL_EXIT_OK;
	return complain(name, n);
}
