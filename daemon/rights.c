/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The daemon runs as an ordinary user, with no rights at all; as a user of
 * its own with two capabilities; or as root. In the last two cases it keeps
 * what its links need to be opened again later, and what a helper needs to
 * leave root behind; the rest goes. A helper of an ordinary user gets no
 * capabilities, one of root becomes another user; none gains rights by exec.
 */
#include "daemon/rights.h"

#include "daemon/config.h"
#include "netif/log.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* The kernel counts about 9.5 KB for a session's pair of queues. */
#define QUEUE_BYTES_PER_SESSION 16384
/* Rendezvous socket, two queue ends, and what is under way. */
#define FILES_PER_SESSION 4
#define FILES_OTHER	  256

static const capng_type_t sets = CAPNG_EFFECTIVE | CAPNG_PERMITTED;

static const struct {
	unsigned int capability;
	bool by_links; /* only if one of them needs it */
} kept[] = {
	{ CAP_NET_ADMIN, true },	 /* TUN devices */
	{ CAP_NET_RAW, true },		 /* packet sockets */
	{ CAP_NET_BIND_SERVICE, false }, /* forwarded ports of the host below 1024 */
	{ CAP_SETUID, false },		 /* a helper leaves root */
	{ CAP_SETGID, false },
	{ CAP_SETPCAP, false },
	{ CAP_KILL, false }, /* and is ended then */
};

/* The kernel refuses a higher hard limit to all but CAP_SYS_RESOURCE. */
static void raise_limit(int resource, const char *name, rlim_t wanted)
{
	struct rlimit limit, higher;

	if (getrlimit(resource, &limit) < 0)
		return;
	higher = limit;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted)
		higher.rlim_max = wanted;
	higher.rlim_cur = higher.rlim_max;
	if (setrlimit(resource, &higher) == 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(resource, &limit) < 0)
		log_warning("%s cannot be raised: %s", name, strerror(errno));
	else
		log_info("%s is %llu; for all that is configured %llu would be needed", name,
			(unsigned long long)limit.rlim_max, (unsigned long long)wanted);
}

void rights_raise_limits(const struct config *config)
{
	raise_limit(RLIMIT_NOFILE, "RLIMIT_NOFILE",
		(rlim_t)config->sockets_max +
			(rlim_t)config->sessions_max * FILES_PER_SESSION + FILES_OTHER);
	if (config->queues)
		raise_limit(RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE",
			(rlim_t)config->sessions_max * QUEUE_BYTES_PER_SESSION);
}

void rights_keep_from_helpers(void)
{
	/* Without ambient capabilities in the kernel there are none to clear. */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* One that the daemon has, and has a use for. */
static bool is_kept(size_t i, uint32_t links)
{
	if (kept[i].by_links && !(links & 1u << kept[i].capability))
		return false;
	return capng_have_capability(CAPNG_PERMITTED, kept[i].capability);
}

void rights_drop(uint32_t links)
{
	bool keep[sizeof(kept) / sizeof(kept[0])];

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_warning("PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
	if (capng_get_caps_process() < 0) {
		log_warning("capabilities cannot be read: none are given up");
		return;
	}
	if (capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE)
		return;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		keep[i] = is_kept(i, links);
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (keep[i])
			capng_update(CAPNG_ADD, sets, kept[i].capability);
	}
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		log_warning("capabilities cannot be given up");
}
