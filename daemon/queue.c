/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A queue is created under a name of 128 random bits, exclusively and for its
 * owner only, opened a second time for the other side with just the access
 * that side needs, and unlinked before anybody could have learned the name.
 * From then on it exists as descriptors alone and ends with the last of them.
 *
 * Each end is an open file description of its own, so the daemon's ends never
 * block whatever the client does with its own. The client holds no end that
 * could read its own requests back or forge replies.
 *
 * On Linux a mqd_t is a descriptor, which is what makes all of this possible.
 */
#include "daemon/queue.h"

#include "proto/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

_Static_assert(sizeof(mqd_t) == sizeof(int), "a queue is a descriptor");

#define NAME_SIZE 48

struct queue_pair {
	mqd_t requests; /* read only, non-blocking */
	mqd_t replies;	/* write only, non-blocking */
};

static int random_name(char name[NAME_SIZE])
{
	uint64_t bits[2];

	if (getrandom(bits, sizeof(bits), 0) != sizeof(bits))
		return -errno;
	snprintf(name, NAME_SIZE, "/usocketd-%016" PRIx64 "%016" PRIx64, bits[0], bits[1]);
	return 0;
}

/* Makes one queue: the daemon's end with @access, the client's with the other. */
static int make_queue(int access, mqd_t *ours, int *theirs)
{
	const int client_access = access == O_RDONLY ? O_WRONLY : O_RDONLY;
	struct mq_attr attr = {
		.mq_maxmsg = PROTOCOL_QUEUE_DEPTH,
		.mq_msgsize = PROTOCOL_MESSAGE_MAX,
	};
	char name[NAME_SIZE];
	mqd_t mine, yours;
	int error;

	error = random_name(name);
	if (error < 0)
		return error;
	mine = mq_open(name, access | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC, 0600, &attr);
	if (mine < 0)
		return -errno;
	yours = mq_open(name, client_access | O_CLOEXEC);
	error = -errno;
	mq_unlink(name);
	if (yours < 0) {
		mq_close(mine);
		return error;
	}
	*ours = mine;
	*theirs = yours;
	return 0;
}

int queue_pair_new(struct queue_pair **out, struct queue_client_ends *ends)
{
	struct queue_pair *pair = malloc(sizeof(*pair));
	int r;

	if (!pair)
		return -ENOMEM;
	r = make_queue(O_RDONLY, &pair->requests, &ends->requests);
	if (r < 0)
		goto fail;
	r = make_queue(O_WRONLY, &pair->replies, &ends->replies);
	if (r < 0) {
		mq_close(pair->requests);
		mq_close(ends->requests);
		goto fail;
	}
	*out = pair;
	return 0;
fail:
	free(pair);
	return r;
}

void queue_pair_free(struct queue_pair *pair)
{
	if (!pair)
		return;
	mq_close(pair->requests);
	mq_close(pair->replies);
	free(pair);
}

const char *queue_advice(int error)
{
	switch (-error) {
	case EMFILE:
		return "raise RLIMIT_MSGQUEUE (LimitMSGQUEUE=) or RLIMIT_NOFILE";
	case ENFILE:
		return "raise the sysctl fs.file-max";
	case ENOSPC:
		return "raise the sysctl fs.mqueue.queues_max";
	case EINVAL:
		return "raise the sysctls fs.mqueue.msg_max and msgsize_max to 8 and 512";
	case ENOSYS:
		return "this kernel has no POSIX message queues";
	case EACCES:
	case EPERM:
		return "a security policy forbids message queues";
	}
	return "message queues are not available";
}

int queue_pair_fd(const struct queue_pair *pair)
{
	return pair->requests;
}

ssize_t queue_pair_receive(struct queue_pair *pair, uint8_t *buf)
{
	ssize_t n = mq_receive(pair->requests, (char *)buf, PROTOCOL_MESSAGE_MAX, NULL);

	return n < 0 ? -errno : n;
}

int queue_pair_send(struct queue_pair *pair, const uint8_t *buf, size_t len)
{
	return mq_send(pair->replies, (const char *)buf, len, 0) < 0 ? -errno : 0;
}
