/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A helper is less trusted than the daemon: what it reports is checked before a
 * link is given it. Its end, and its failure to start, are failures of the link,
 * which is then tried again as any other. The try after one that was killed, or told to
 * end, waits for that; if it takes too long, the device is busy.
 */
#include "netif/link_helper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PING_INTERVAL_MS 5000

/* ---- what a helper says ---------------------------------------------------------- */

void link_helper_lost(struct helper *helper, const char *cause, void *arg)
{
	(void)helper;
	link_fail(arg, TABLE_REASON_HELPER, "%s", cause);
}

void link_helper_logged(enum log_level level, const char *text, void *arg)
{
	link_log_text(arg, level, text);
}

static void take_address(struct address *a, const ush_HelperAddress *from)
{
	if (from->ip.size != 4 && from->ip.size != 16)
		return;
	a->family = from->ip.size == 4 ? ADDRESS_IPV4 : ADDRESS_IPV6;
	memcpy(a->ip, from->ip.bytes, from->ip.size);
	a->port = (uint16_t)from->prefix;
}

bool link_helper_take(struct link_parameters *p, const ush_HelperReady *ready)
{
	pb_size_t i;

	memset(p, 0, sizeof(*p));
	p->mtu = ready->mtu;
	if (p->mtu < LINK_MTU_MIN || p->mtu > UINT16_MAX)
		return false;
	take_address(&p->address4, &ready->address4);
	take_address(&p->gateway4, &ready->gateway4);
	take_address(&p->gateway6, &ready->gateway6);
	p->asks_routers = ready->router_advertisements;
	memcpy(p->interface_id, &ready->interface_id, sizeof(p->interface_id));
	/* Either family may be missing. */
	if (p->address4.family == ADDRESS_NONE && ready->address6_count == 0 && !p->asks_routers)
		return false;
	if (p->address4.family &&
		(p->address4.family != ADDRESS_IPV4 || p->address4.port < 1 ||
			p->address4.port > 32))
		return false;
	for (i = 0; i < ready->address6_count && i < TABLE_LINK_ADDRESSES6; i++) {
		take_address(&p->addresses6[i], &ready->address6[i]);
		if (p->addresses6[i].family != ADDRESS_IPV6)
			return false;
		p->n_addresses6++;
	}
	for (i = 0; i < ready->dns_count && i < TABLE_LINK_DNS; i++) {
		take_address(&p->dns[i], &ready->dns[i]);
		p->dns[i].port = 0;
		p->n_dns++;
	}
	return true;
}

/* ---- its life -------------------------------------------------------------------- */

void link_helper_init(struct link *link, struct helper *helper, const char *program,
	const struct helper_handlers *handlers)
{
	const struct helper_params params = {
		.base = link->base,
		.program = program,
		.link = link->name,
		.handlers = handlers,
		.arg = link,
		.ping_interval_ms = PING_INTERVAL_MS,
	};

	helper_init(helper, &params);
}

static int send_start(struct link *link, struct helper *helper, uint32_t mtu)
{
	ush_HelperCommand command = ush_HelperCommand_init_zero;

	command.which_body = ush_HelperCommand_start_tag;
	snprintf(command.body.start.link, sizeof(command.body.start.link), "%s", link->name);
	command.body.start.mtu = link->configured.mtu ? link->configured.mtu : mtu;
	return helper_send(helper, &command);
}

static void fail_to_start(struct link *link, const struct helper *helper, int error)
{
	char path[512];

	if (error == -EBUSY) {
		link_fail(link, TABLE_REASON_DEVICE_BUSY,
			"the last %s (process %d) has been killed but has not ended yet",
			helper->program, (int)helper->pid);
		return;
	}
	helper_path(helper, path, sizeof(path));
	link_fail(link, TABLE_REASON_SYSTEM, "%s: %s", path, strerror(-error));
}

int link_helper_open(struct link *link, struct helper *helper, link_helper_configure_fn configure,
	uint32_t mtu)
{
	int error;

	error = helper_start(helper);
	if (error) {
		fail_to_start(link, helper, error);
		return error;
	}
	error = configure(link);
	if (!error)
		error = send_start(link, helper, mtu);
	if (error)
		link_fail(link, TABLE_REASON_HELPER, "%s takes no commands: %s", helper->program,
			strerror(-error));
	return error;
}
