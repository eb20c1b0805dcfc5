/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * libslirp parses what programs and the network send, so it runs with nothing
 * to gain. Rights are dropped after the forwarded ports are open, as those
 * below 1024 need one, and before the first packet.
 *
 * Started by root it becomes nobody. Inside a container or user namespace that
 * has no such user it stays what it is, without capabilities.
 */
#include "netif/slirp/rights.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY	    65534
#define DESCRIPTORS 16384

static void end_with_parent(void)
{
	/* The pairs' end is the rule; this covers a daemon that hangs dying. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
}

void rights_prepare(int first_stray)
{
	/* Before Linux 5.9 the daemon's close-on-exec is all there is. */
#ifdef SYS_close_range
	syscall(SYS_close_range, (unsigned int)first_stray, ~0u, 0);
#else
	(void)first_stray;
#endif
	end_with_parent();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	raise_descriptors();
	signal(SIGPIPE, SIG_IGN);
}

static void become_nobody(void)
{
	if (geteuid() != 0)
		return;
	if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
		setresuid(NOBODY, NOBODY, NOBODY) != 0)
		return;
	/* The kernel forgets it when the identity changes. */
	end_with_parent();
}

int rights_drop(void)
{
	become_nobody();
	capng_clear(CAPNG_SELECT_BOTH);
	/* The bounding set can only be changed with CAP_SETPCAP. */
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return -EPERM;
	return 0;
}
