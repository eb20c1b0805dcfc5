/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The link to the host's own network, through usocket-slirp: a helper that
 * runs libslirp, which turns our packets into ordinary sockets of the host. No
 * right is needed and no device.
 *
 * open starts the helper, tells it the forwards and starts it; its ready event
 * brings the addresses, and the link is up. A helper that is lost takes the
 * link down; the next try starts another, which gives the same addresses, so
 * the stack's sockets live on. What libslirp knew of their connections is lost
 * with it: the peers' next packets are answered with resets.
 */
#include "netif/link_helper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PROGRAM "usocket-slirp"
/*
 * libslirp ends TCP connections itself, so this is nobody's path MTU; measured
 * best for both directions, three times as fast as 1500.
 */
#define MTU_DEFAULT  16384
#define FORWARDS_MAX 64

struct slirp {
	struct helper helper;
	ush_HelperForward forwards[FORWARDS_MAX];
	unsigned int n_forwards;
};

static struct slirp *slirp_of(const struct link *link)
{
	return link->driver_state;
}

/* ---- configuration ------------------------------------------------------------ */

static int parse_port(const char *text, uint32_t *port)
{
	long number;

	if (link_parse_number(text, 1, UINT16_MAX, &number) != 0)
		return -EINVAL;
	*port = (uint32_t)number;
	return 0;
}

/* Cuts what is behind the last colon off; NULL: there is none. */
static char *cut_last(char *text)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return NULL;
	*colon = '\0';
	return colon + 1;
}

static int parse_host(ush_HelperForward *forward, char *text)
{
	size_t len = strlen(text);
	struct address a;

	if (len == 0 || strcmp(text, "*") == 0)
		return 0;
	if (text[0] == '[' && text[len - 1] == ']') {
		text[len - 1] = '\0';
		text++;
	}
	if (address_parse_ip(&a, text) != 0)
		return -EINVAL;
	forward->has_host = true;
	forward->host.ip.size = a.family == ADDRESS_IPV4 ? 4 : 16;
	memcpy(forward->host.ip.bytes, a.ip, forward->host.ip.size);
	return 0;
}

/* "tcp:HOST:HOSTPORT:PORT" */
static int parse_forward(ush_HelperForward *forward, const char *text)
{
	char copy[128], *host, *port;

	memset(forward, 0, sizeof(*forward));
	snprintf(copy, sizeof(copy), "%s", text);
	if (strncmp(copy, "tcp:", 4) != 0 && strncmp(copy, "udp:", 4) != 0)
		return -EINVAL;
	forward->udp = copy[0] == 'u';
	host = copy + 4;
	port = cut_last(host);
	if (!port || parse_port(port, &forward->port) != 0)
		return -EINVAL;
	port = cut_last(host);
	if (!port || parse_port(port, &forward->host_port) != 0)
		return -EINVAL;
	return parse_host(forward, host);
}

static int add_forward(const char *text, void *arg)
{
	struct slirp *slirp = arg;

	if (slirp->n_forwards == FORWARDS_MAX)
		return -EINVAL;
	if (parse_forward(&slirp->forwards[slirp->n_forwards], text) != 0)
		return -EINVAL;
	slirp->n_forwards++;
	return 0;
}

static int set_forward(struct link *link, const char *value, char *error, size_t size)
{
	struct slirp *slirp = slirp_of(link);
	unsigned int before = slirp->n_forwards;

	if (link_parse_list(value, add_forward, slirp) == 0)
		return 0;
	slirp->n_forwards = before;
	snprintf(error, size,
		"forward is a list of up to %d of tcp:ADDRESS:HOSTPORT:PORT or udp:...",
		FORWARDS_MAX);
	return -EINVAL;
}

static const struct link_key keys[] = {
	{ "forward", set_forward },
	{ NULL, NULL },
};

/* ---- the helper ---------------------------------------------------------------- */

static void on_ready(struct link *link, const ush_HelperReady *ready)
{
	struct slirp *slirp = slirp_of(link);
	struct link_parameters p;

	if (!link_helper_take(&p, ready)) {
		link_fail(link, TABLE_REASON_HELPER, "the helper reports impossible addresses");
		return;
	}
	link_ready(link, helper_take_packets(&slirp->helper), &p);
}

static void on_event(struct helper *helper, const ush_HelperEvent *event, void *arg)
{
	struct link *link = arg;

	(void)helper;
	if (event->which_body == ush_HelperEvent_ready_tag)
		on_ready(link, &event->body.ready);
	else if (event->which_body == ush_HelperEvent_failed_tag)
		link_fail(link, helper_reason(&event->body.failed), "%s",
			event->body.failed.cause);
}

static const struct helper_handlers handlers = {
	.event = on_event,
	.log = link_helper_logged,
	.lost = link_helper_lost,
};

static int send_forwards(struct link *link)
{
	ush_HelperCommand command = ush_HelperCommand_init_zero;
	struct slirp *slirp = slirp_of(link);
	int error = 0;

	command.which_body = ush_HelperCommand_forward_tag;
	for (unsigned int i = 0; i < slirp->n_forwards && !error; i++) {
		command.body.forward = slirp->forwards[i];
		error = helper_send(&slirp->helper, &command);
	}
	return error;
}

static void slirp_init_(struct link *link)
{
	link_helper_init(link, &slirp_of(link)->helper, PROGRAM, &handlers);
}

static void slirp_open(struct link *link)
{
	if (link_helper_open(link, &slirp_of(link)->helper, send_forwards, MTU_DEFAULT) == 0)
		link_progress(link, TABLE_LINK_NEGOTIATING, "helper started");
}

static void slirp_close(struct link *link)
{
	helper_kill(&slirp_of(link)->helper);
}

static void slirp_fini(struct link *link)
{
	helper_fini(&slirp_of(link)->helper);
}

static struct helper *slirp_helper(const struct link *link)
{
	return &slirp_of(link)->helper;
}

const struct link_driver slirp_driver = {
	.name = "slirp",
	.framing = IPIF_FRAMING_ETHERNET,
	.keys = keys,
	.state_size = sizeof(struct slirp),
	.init = slirp_init_,
	.open = slirp_open,
	.close = slirp_close,
	.fini = slirp_fini,
	.helper = slirp_helper,
};
