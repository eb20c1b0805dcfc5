/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The child gets its two pair ends as descriptors 3 and 4, /dev/null as input
 * and our stderr, and nothing else: every descriptor of the daemon is
 * close-on-exec, and what is not is closed by the child. Its end is seen on a
 * pidfd, so no SIGCHLD handler is needed that other code would have to know
 * of, and no process id can be taken for another.
 *
 * Life of one process: helper_start() -> running -> gone. It is lost when it
 * exits, closes the message pair, sends what is no message, or does not answer
 * a ping before the next; then it is killed, and `lost` is called once, from the
 * loop. A killed process stays ours (is_dying) until its pidfd says that it
 * can be reaped; until then no other is started in its place. One that is not wanted
 * any more gets END_MS to leave its device in order.
 *
 * The pings cost two wake-ups an interval and are the only ones of an idle
 * helper.
 */
#include "netif/helper.h"

#include "netif/log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#ifndef USOCKETD_LIBEXECDIR
#define USOCKETD_LIBEXECDIR "/usr/libexec/usocketd"
#endif
#define LIBEXECDIR_ENV "USOCKETD_LIBEXECDIR"

/* From the end of the message pair to that of its process, whose status says more. */
#define EXIT_MS 200

/* What a helper gets to end by itself, and a killed one to vanish. */
#define END_MS	  1000
#define KILLED_MS 1000

/* Bytes a pair's send queue holds: some hundred frames. */
#define PACKETS_BUFFER (1 << 20)

/* Lines of log that one helper may send in a row before others get a turn. */
#define MESSAGES_PER_TURN 32

void helper_init(struct helper *helper, const struct helper_params *params)
{
	memset(helper, 0, sizeof(*helper));
	helper->params = *params;
	snprintf(helper->program, sizeof(helper->program), "%s", params->program);
	helper->params.program = helper->program;
	helper->pidfd = -1;
	helper->messages = -1;
	helper->packets = -1;
}

/* ---- the end of a process ---------------------------------------------------- */

static void close_messages(struct helper *helper)
{
	if (helper->readable)
		event_free(helper->readable);
	if (helper->ping)
		event_free(helper->ping);
	helper->readable = NULL;
	helper->ping = NULL;
	if (helper->messages >= 0)
		close(helper->messages);
	helper->messages = -1;
}

static void close_packets(struct helper *helper)
{
	int fd = helper_take_packets(helper);

	if (fd >= 0)
		close(fd);
}

static void close_pairs(struct helper *helper)
{
	close_packets(helper);
	close_messages(helper);
}

static void forget_deadline(struct helper *helper)
{
	if (helper->overdue)
		event_free(helper->overdue);
	helper->overdue = NULL;
}

static void forget_process(struct helper *helper)
{
	forget_deadline(helper);
	if (helper->exited)
		event_free(helper->exited);
	helper->exited = NULL;
	if (helper->pidfd >= 0)
		close(helper->pidfd);
	helper->pidfd = -1;
	helper->pid = 0;
	helper->is_dying = false;
}

/* True if it has ended and is no more. @cause may be NULL. */
static bool reap(struct helper *helper, char *cause, size_t size)
{
	siginfo_t info = { 0 };
	int result;

	result = waitid((idtype_t)P_PIDFD, (id_t)helper->pidfd, &info, WEXITED | WNOHANG);
	/* ECHILD: somebody ignores SIGCHLD, and the kernel has reaped it. */
	if (result == 0 ? info.si_pid == 0 : errno != ECHILD)
		return false;
	if (cause && result != 0)
		snprintf(cause, size, "%s ended", helper->program);
	else if (cause && info.si_code == CLD_EXITED)
		snprintf(cause, size, "%s exited with status %d", helper->program, info.si_status);
	else if (cause)
		snprintf(cause, size, "%s was killed by signal %d", helper->program,
			info.si_status);
	forget_process(helper);
	return true;
}

static void kill_process(struct helper *helper)
{
	if (helper->pidfd < 0)
		return;
	forget_deadline(helper);
	helper->is_dying = true;
	syscall(SYS_pidfd_send_signal, helper->pidfd, SIGKILL, NULL, 0);
}

/* The last thing its caller does: the driver may stop or restart the helper. */
static void lose(struct helper *helper, const char *cause)
{
	helper_kill(helper);
	helper->params.handlers->lost(helper, cause, helper->params.arg);
}

/* ---- messages ---------------------------------------------------------------- */

static void handle_log(const struct helper *helper, const ush_HelperLog *line)
{
	enum log_level level = LOG_LEVEL_DEBUG;

	if (line->level >= LOG_LEVEL_ERROR && line->level <= LOG_LEVEL_DEBUG)
		level = (enum log_level)line->level;
	log_at(level, "link %s: %s: %s", helper->params.link, helper->program, line->text);
	if (helper->params.handlers->log)
		helper->params.handlers->log(level, line->text, helper->params.arg);
}

/* False: the helper is lost or stopped, hands off. */
static bool handle_event(struct helper *helper, const ush_HelperEvent *event)
{
	switch (event->which_body) {
	case ush_HelperEvent_pong_tag:
		if (event->body.pong.sequence == helper->sequence)
			helper->is_answered = true;
		return true;
	case ush_HelperEvent_log_tag:
		handle_log(helper, &event->body.log);
		return true;
	case ush_HelperEvent_ready_tag:
	case ush_HelperEvent_failed_tag:
	case ush_HelperEvent_state_tag:
	case ush_HelperEvent_signal_tag:
	case ush_HelperEvent_identity_tag:
	case ush_HelperEvent_place_tag:
	case ush_HelperEvent_at_answer_tag:
		helper->params.handlers->event(helper, event, helper->params.arg);
		return helper->messages >= 0;
	default:
		return true;
	}
}

static void ping_arm(struct helper *helper, uint32_t delay_ms)
{
	struct timeval t = {
		.tv_sec = (time_t)(delay_ms / 1000),
		.tv_usec = (suseconds_t)(delay_ms % 1000) * 1000,
	};

	event_add(helper->ping, &t);
}

static void take_messages(struct helper *helper, int n_max)
{
	int i;

	for (i = 0; i < n_max; i++) {
		ush_HelperEvent event = ush_HelperEvent_init_zero;
		uint8_t buf[HELPER_MESSAGE_MAX];
		ssize_t n;

		n = recv(helper->messages, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		/* It closed with a ping unread: that is told before its last words. */
		if (n < 0 && errno == ECONNRESET)
			continue;
		if (n <= 0) {
			event_del(helper->readable);
			helper->is_closed = true;
			ping_arm(helper, EXIT_MS);
			return;
		}
		if (helper_decode_event(&event, buf, (size_t)n) != 0) {
			lose(helper, "the helper sent what is no message");
			return;
		}
		if (!handle_event(helper, &event))
			return;
	}
}

static void on_message(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	take_messages(arg, MESSAGES_PER_TURN);
}

static void on_exited(evutil_socket_t fd, short what, void *arg)
{
	struct helper *helper = arg;
	bool was_dying = helper->is_dying;
	char cause[96] = "";

	(void)fd;
	(void)what;
	/* What it said last comes before its end: all that the pair holds. */
	if (!was_dying && helper->messages >= 0 && !helper->is_closed)
		take_messages(helper, INT_MAX);
	if (helper->pidfd < 0 || helper->is_dying != was_dying)
		return;
	if (reap(helper, cause, sizeof(cause)) && !was_dying)
		lose(helper, cause);
}

enum table_link_reason helper_reason(const ush_HelperFailed *failed)
{
	if (failed->reason == TABLE_REASON_NONE || failed->reason >= TABLE_REASON_COUNT)
		return TABLE_REASON_HELPER;
	return (enum table_link_reason)failed->reason;
}

int helper_send(struct helper *helper, const ush_HelperCommand *command)
{
	uint8_t buf[HELPER_MESSAGE_MAX];
	int len;

	if (helper->messages < 0)
		return -ENOTCONN;
	len = helper_encode_command(command, buf, sizeof(buf));
	if (len < 0)
		return len;
	if (send(helper->messages, buf, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

/* When the next ping is due, the last one must have been answered. */
static void on_ping(evutil_socket_t fd, short what, void *arg)
{
	ush_HelperCommand command = ush_HelperCommand_init_zero;
	struct helper *helper = arg;

	(void)fd;
	(void)what;
	if (helper->is_closed) {
		lose(helper, "the helper closed its pair");
		return;
	}
	if (!helper->is_answered) {
		lose(helper, "the helper does not answer");
		return;
	}
	helper->is_answered = false;
	command.which_body = ush_HelperCommand_ping_tag;
	command.body.ping.sequence = ++helper->sequence;
	if (helper_send(helper, &command) != 0) {
		lose(helper, "the helper does not read");
		return;
	}
	ping_arm(helper, helper->params.ping_interval_ms);
}

/* ---- the start of a process -------------------------------------------------- */

void helper_path(const struct helper *helper, char *path, size_t size)
{
	const char *dir = getenv(LIBEXECDIR_ENV);

	snprintf(path, size, "%s/%s", dir && *dir ? dir : USOCKETD_LIBEXECDIR, helper->program);
}

/* Between fork and exec: only async-signal-safe calls. */
static void child(const char *path, int packets, int messages, int failure)
{
	char *argv[] = { (char *)path, NULL };
	sigset_t none;
	int null, error;

	/* Out of the way of 0, 3 and 4 first. */
	packets = fcntl(packets, F_DUPFD_CLOEXEC, 10);
	messages = fcntl(messages, F_DUPFD_CLOEXEC, 10);
	failure = fcntl(failure, F_DUPFD_CLOEXEC, 10);
	null = open("/dev/null", O_RDONLY);
	if (packets < 0 || messages < 0 || failure < 0 || null < 0)
		_exit(127);
	dup2(null, STDIN_FILENO);
	dup2(packets, HELPER_FD_PACKETS);
	dup2(messages, HELPER_FD_MESSAGES);
#ifdef SYS_close_range
	syscall(SYS_close_range, HELPER_FD_MESSAGES + 1, ~0u, 1u << 2 /* CLOEXEC */);
#endif
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(path, argv);
	error = errno;
	if (write(failure, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/*
 * Forks and waits until the child runs its program or has said why it cannot,
 * which takes a moment and no more. Returns the process id, or -errno.
 */
static pid_t spawn(const char *path, int packets, int messages)
{
	int failure[2], error = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(failure, O_CLOEXEC) != 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		child(path, packets, messages, failure[1]);
	error = pid < 0 ? errno : 0;
	close(failure[1]);
	if (pid > 0) {
		do {
			n = read(failure[0], &error, sizeof(error));
		} while (n < 0 && errno == EINTR);
		if (n == (ssize_t)sizeof(error))
			waitpid(pid, NULL, 0);
	}
	close(failure[0]);
	return error ? -error : pid;
}

static int watch(struct helper *helper)
{
	struct event_base *base = helper->params.base;

	helper->exited = event_new(base, helper->pidfd, EV_READ | EV_PERSIST, on_exited,
		helper);
	helper->readable = event_new(base, helper->messages, EV_READ | EV_PERSIST, on_message,
		helper);
	helper->ping = evtimer_new(base, on_ping, helper);
	if (!helper->exited || !helper->readable || !helper->ping)
		return -ENOMEM;
	event_add(helper->exited, NULL);
	event_add(helper->readable, NULL);
	helper->is_answered = true;
	helper->is_closed = false;
	ping_arm(helper, helper->params.ping_interval_ms);
	return 0;
}

static void close_pair(int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static int open_pairs(int packets[2], int messages[2])
{
	const int size = PACKETS_BUFFER;
	int error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, packets) != 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, messages) != 0) {
		error = -errno;
		close_pair(packets);
		return error;
	}
	/* The kernel gives what its limit allows; less is only slower. */
	setsockopt(packets[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(packets[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

static int start_process(struct helper *helper, int packets[2], int messages[2])
{
	char path[512];
	pid_t pid;

	helper_path(helper, path, sizeof(path));
	pid = spawn(path, packets[1], messages[1]);
	if (pid < 0)
		return pid;
	helper->pid = pid;
	helper->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (helper->pidfd < 0) {
		int error = -errno;

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		helper->pid = 0;
		return error;
	}
	fcntl(helper->pidfd, F_SETFD, FD_CLOEXEC);
	return 0;
}

int helper_start(struct helper *helper)
{
	int packet_pair[2], message_pair[2];
	int error;

	if (helper->pidfd >= 0 && !reap(helper, NULL, 0))
		return -EBUSY;
	error = open_pairs(packet_pair, message_pair);
	if (error)
		return error;
	error = start_process(helper, packet_pair, message_pair);
	close(packet_pair[1]);
	close(message_pair[1]);
	if (error) {
		close(packet_pair[0]);
		close(message_pair[0]);
		return error;
	}
	helper->messages = message_pair[0];
	error = watch(helper);
	if (error) {
		close(packet_pair[0]);
		helper_kill(helper);
		return error;
	}
	helper->packets = packet_pair[0];
	return 0;
}

int helper_take_packets(struct helper *helper)
{
	int fd = helper->packets;

	helper->packets = -1;
	return fd;
}

bool helper_is_ending(struct helper *helper)
{
	return helper->is_dying && !reap(helper, NULL, 0);
}

void helper_kill(struct helper *helper)
{
	close_pairs(helper);
	kill_process(helper);
}

static void on_overdue(evutil_socket_t fd, short what, void *arg)
{
	struct helper *helper = arg;

	(void)fd;
	(void)what;
	log_warning("%s (process %d) does not end: killed", helper->program, (int)helper->pid);
	kill_process(helper);
}

void helper_end(struct helper *helper)
{
	const struct timeval limit = { END_MS / 1000, END_MS % 1000 * 1000 };

	close_pairs(helper);
	if (helper->pidfd < 0 || helper->is_dying)
		return;
	helper->is_dying = true;
	helper->overdue = evtimer_new(helper->params.base, on_overdue, helper);
	if (!helper->overdue || event_add(helper->overdue, &limit) < 0)
		kill_process(helper);
}

/* True if the process ended within @timeout_ms. */
static bool await_end(struct helper *helper, int timeout_ms)
{
	struct pollfd p = { .fd = helper->pidfd, .events = POLLIN };
	int n;

	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return reap(helper, NULL, 0);
}

void helper_fini(struct helper *helper)
{
	close_pairs(helper);
	if (helper->pidfd < 0)
		return;
	if ((!helper->is_dying || helper->overdue) && await_end(helper, END_MS))
		return;
	kill_process(helper);
	if (!await_end(helper, KILLED_MS))
		log_warning("%s (process %d) cannot be killed", helper->program, (int)helper->pid);
	forget_process(helper);
}
