/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Scripts compare these texts, so they are LuaSocket's to the letter. Tables
 * and nothing else: no Lua here, so that a unit test can look at them.
 */
#include "client/lua/text.h"

#include <errno.h>
#include <netdb.h>
#include <stddef.h>

struct number_text {
	int number;
	const char *text;
};

static const struct number_text errno_texts[] = {
	{ EPIPE, "closed" },
	{ EACCES, "permission denied" },
	{ EADDRINUSE, "address already in use" },
	{ EAGAIN, "timeout" },
	{ ECONNABORTED, "closed" },
	{ ECONNREFUSED, "connection refused" },
	{ ECONNRESET, "closed" },
	{ EINPROGRESS, "timeout" },
	{ EISCONN, "already connected" },
	{ ETIMEDOUT, "timeout" },
	{ 0, NULL },
};

/* EAI_ADDRFAMILY is -9; not all systems' headers show it. */
#define ADDRESS_FAMILY 9

static const struct number_text resolver_texts[] = {
	{ -EAI_BADFLAGS, "invalid value for ai_flags" },
	{ -EAI_NONAME, "host or service not provided, or not known" },
	{ -EAI_AGAIN, "temporary failure in name resolution" },
	{ -EAI_FAIL, "non-recoverable failure in name resolution" },
	{ -EAI_FAMILY, "ai_family not supported" },
	{ -EAI_SOCKTYPE, "ai_socktype not supported" },
	{ -EAI_SERVICE, "service not supported for socket type" },
	{ ADDRESS_FAMILY, "Address family for hostname not supported" },
	{ -EAI_MEMORY, "memory allocation failure" },
	{ 0, NULL },
};

static const struct number_text host_texts[] = {
	{ -EAI_NONAME, "host not found" },
	{ -EAI_AGAIN, "Host name lookup failure" },
	{ 0, NULL },
};

static const char *find_text(const struct number_text *texts, int number)
{
	for (; texts->text; texts++)
		if (texts->number == number)
			return texts->text;
	return NULL;
}

const char *ulua_errno_text(int error)
{
	return find_text(errno_texts, error);
}

const char *ulua_resolver_text(int error)
{
	const char *text = find_text(resolver_texts, error);

	return text ? text : "non-recoverable failure in name resolution";
}

const char *ulua_host_text(int error)
{
	const char *text = find_text(host_texts, error);

	return text ? text : "Unknown server error";
}
