/* SPDX-License-Identifier: MIT */
/*
 * A driver that does as the test says, for links whose other end is a pair.
 */
#ifndef TESTS_UNIT_FAKE_DRIVER_H
#define TESTS_UNIT_FAKE_DRIVER_H

#include "netif/link.h"
#include "netif/link_helper.h"
#include "netif/link_private.h"
#include "netif/stack.h"
#include "tests/unit/netif_test.h"

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake {
	int wire; /* the test's end of the latest pair; -1: none */
	int n_opens, n_closes;
	uint64_t opened_ns[8];
	bool refuses;
	enum table_link_reason reason; /* of refusing; NONE: dial */
	enum table_link_step step;     /* of the latest try */
	bool negotiates;	       /* open leads there and no further */
	const char *device;	       /* path of the node, NULL: /dev/null */
	struct helper *helper;	       /* open only starts it; NULL: idle, and open does the rest */
	struct helper idle;
	struct link_parameters parameters;
};

static struct fake *fake_of(const struct link *link)
{
	return link->driver_state;
}

static void fake_ready(struct link *link)
{
	struct fake *fake = fake_of(link);
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fake->wire = pair[0];
	link_ready(link, pair[1], &fake->parameters);
}

static void fake_open(struct link *link)
{
	struct fake *fake = fake_of(link);

	fake->opened_ns[fake->n_opens++ % 8] = stack_now_ns();
	fake->step = link->step;
	if (fake->helper)
		link_helper_open(link, fake->helper, NULL, 0);
	else if (fake->refuses)
		link_fail(link, fake->reason ? fake->reason : TABLE_REASON_DIAL, "refused");
	else if (fake->negotiates)
		link_progress(link, TABLE_LINK_NEGOTIATING, "told");
	else
		fake_ready(link);
}

static void fake_close(struct link *link)
{
	struct fake *fake = fake_of(link);

	fake->n_closes++;
	if (fake->wire >= 0)
		close(fake->wire);
	fake->wire = -1;
}

static const char *fake_device(const struct link *link)
{
	return fake_of(link)->device ? fake_of(link)->device : "/dev/null";
}

static struct helper *fake_helper(const struct link *link)
{
	return fake_of(link)->helper ? fake_of(link)->helper : &fake_of(link)->idle;
}

static const struct link_key fake_keys[] = { { NULL, NULL } };

static const struct link_driver fake_driver = {
	.name = "fake",
	.framing = IPIF_FRAMING_RAW,
	.keys = fake_keys,
	.state_size = sizeof(struct fake),
	.highest_step = TABLE_STEP_POWER,
	.device = fake_device,
	.open = fake_open,
	.close = fake_close,
	.helper = fake_helper,
};

/* NULL: none of that family. */
static void set_addresses(struct link *link, const char *ip4, const char *ip6)
{
	struct link_parameters *p = &fake_of(link)->parameters;

	memset(p, 0, sizeof(*p));
	p->mtu = 1400;
	if (ip4)
		ck_assert_int_eq(link_parse_prefix(&p->address4, ip4), 0);
	if (ip6) {
		ck_assert_int_eq(link_parse_prefix(&p->addresses6[0], ip6), 0);
		p->n_addresses6 = 1;
	}
	ck_assert_int_eq(address_parse_ip(&p->dns[0], "192.0.2.53"), 0);
	p->n_dns = 1;
}

static struct link *make_link(const char *name)
{
	struct link *link = link_new(name);

	ck_assert_ptr_nonnull(link);
	link->driver = &fake_driver;
	link->driver_state = calloc(1, sizeof(struct fake));
	fake_of(link)->wire = -1;
	set_addresses(link, "10.1.0.2/24", "fd01::2/64");
	return link;
}

static void fake_changed(struct link *link, void *arg)
{
	(void)link;
	(void)arg;
}

/* Starts a link whose changes are of no interest. */
static inline void start_fake(struct link *link)
{
	ck_assert_int_eq(link_start(link, base, fake_changed, NULL), 0);
}

static inline bool is_up(void *arg)
{
	return link_state(arg) == TABLE_LINK_UP;
}

static void free_fake(struct link *link)
{
	int wire = fake_of(link)->wire;

	link_free(link);
	if (wire >= 0)
		close(wire);
}

#endif
