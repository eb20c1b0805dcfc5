/* SPDX-License-Identifier: MIT */
/*
 * Maps the wire's Status to errno and resolver errors, and back.
 */
#ifndef PROTO_STATUS_H
#define PROTO_STATUS_H

#include "proto/usocket.pb.h"

/*
 * Resolver errors as scripts see them (semantics.md B3); the numbers of
 * EAI_NONAME, EAI_AGAIN, EAI_FAIL and EAI_SERVICE.
 */
enum resolve_error {
	RESOLVE_UNKNOWN = -2,
	RESOLVE_AGAIN = -3,
	RESOLVE_FAILED = -4,
	RESOLVE_SERVICE = -8,
};

/* A positive errno; 0 for OK and STARTED; EIO for one this source lacks. */
int status_to_errno(usp_Status status);

/* Negative resolver error, 0 for OK; RESOLVE_FAILED for any other status. */
int status_to_resolve_error(usp_Status status);

/* Takes 0 or -errno; an errno without a status of its own is INTERNAL. */
usp_Status status_from_errno(int error);

/* Takes 0 or enum resolve_error. */
usp_Status status_from_resolve_error(int error);

#endif
