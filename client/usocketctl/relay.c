/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Two flows, each with a buffer of its own that is filled when it is empty and
 * emptied before it is filled again: what one side does not take the other is not
 * asked for. Either may end while the other goes on.
 *
 * Standard input and output are left as they are: O_NONBLOCK would change them
 * for the shell too. A read is made after poll() has called it ready. A write
 * must not wait either, since a program at the other end of two pipes may be
 * waiting for its own bytes to be taken: sockets are written with MSG_DONTWAIT,
 * pipes and terminals by PIPE_BUF bytes, for which a ready pipe has room.
 *
 * A pipe that nobody reads any more shows as POLLERR, also when there is nothing
 * to write; waiting for what nobody wants would be wrong. SIGPIPE then ends the
 * process, as a write would have.
 *
 * After a failed send there may be bytes that the peer sent before it left, so
 * the other flow goes on to its end.
 */
#include "client/usocketctl/relay.h"

#include "usocket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_SIZE 65536
/* The largest datagram that IPv6 and IPv4 carry. */
#define DATAGRAM_MAX 65487

enum {
	INPUT,
	OUTPUT,
	SOCKET,
	N_FDS
};

struct flow {
	bool has_ended; /* its source has */
	bool is_over;	/* and its sink knows */
	size_t start, end;
	char bytes[BUFFER_SIZE];
};

struct relay {
	int fd;
	bool is_stream;
	mode_t output_mode; /* of standard output: st_mode */
	bool input_is_terminal;
	int send_error; /* errno; 0: none */
	struct flow out, in;
};

static bool is_empty(const struct flow *flow)
{
	return flow->start == flow->end;
}

static bool wants_source(const struct flow *flow)
{
	return !flow->has_ended && is_empty(flow);
}

/* What a source or a sink says to do later. */
static bool is_later(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* Takes @n, what a read returned. Returns false for an error that counts. */
static bool fill(struct flow *flow, ssize_t n, bool zero_ends)
{
	if (n < 0)
		return is_later(errno);
	flow->start = 0;
	flow->end = (size_t)n;
	flow->has_ended = n == 0 && zero_ends;
	return true;
}

/* The same for a write. */
static bool drain(struct flow *flow, ssize_t n)
{
	if (n < 0)
		return is_later(errno);
	flow->start += (size_t)n;
	return true;
}

/* ---- from input to the socket ------------------------------------------- */

static void end_sending(struct relay *r, int error)
{
	if (r->send_error == 0)
		r->send_error = error;
	r->out.start = r->out.end;
	r->out.has_ended = true;
	r->out.is_over = true;
}

static void send_some(struct relay *r)
{
	struct flow *flow = &r->out;
	ssize_t n = usocket_send_timeout(r->fd, flow->bytes + flow->start,
		flow->end - flow->start, 0, 0);

	if (!drain(flow, n))
		end_sending(r, errno);
}

/* A datagram socket has no end to send. */
static void pass_input_end(struct relay *r)
{
	r->out.is_over = true;
	if (r->is_stream && usocket_shutdown(r->fd, SHUT_WR) < 0)
		end_sending(r, errno);
}

static bool carry_out(struct relay *r, const struct pollfd *fds)
{
	struct flow *flow = &r->out;
	size_t room = r->is_stream ? sizeof(flow->bytes) : DATAGRAM_MAX;

	if (fds[INPUT].revents && wants_source(flow) &&
		!fill(flow, read(STDIN_FILENO, flow->bytes, room), true))
		return false;
	if (!is_empty(flow))
		send_some(r);
	if (flow->has_ended && is_empty(flow) && !flow->is_over)
		pass_input_end(r);
	return true;
}

/* ---- from the socket to output ------------------------------------------ */

static ssize_t write_some(const struct relay *r, const char *bytes, size_t len)
{
	if (S_ISSOCK(r->output_mode))
		return send(STDOUT_FILENO, bytes, len, MSG_DONTWAIT);
	if (!S_ISREG(r->output_mode) && len > PIPE_BUF)
		len = PIPE_BUF;
	return write(STDOUT_FILENO, bytes, len);
}

/* Of a socket that is input too only the half that is written to. */
static void pass_peer_end(struct relay *r)
{
	int nowhere;

	r->in.is_over = true;
	if (S_ISSOCK(r->output_mode)) {
		shutdown(STDOUT_FILENO, SHUT_WR);
		return;
	}
	/* The number must not come to stand for something else. */
	nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0)
		close(STDOUT_FILENO);
	if (nowhere >= 0)
		close(nowhere);
}

static bool is_unread_pipe(const struct relay *r, const struct pollfd *fds)
{
	return S_ISFIFO(r->output_mode) && !r->in.is_over && fds[OUTPUT].revents & POLLERR;
}

static enum relay_end carry_in(struct relay *r, const struct pollfd *fds)
{
	struct flow *flow = &r->in;

	if (is_unread_pipe(r, fds)) {
		raise(SIGPIPE);
		errno = EPIPE;
		return RELAY_OUTPUT_ERROR;
	}
	if (fds[SOCKET].revents && wants_source(flow) &&
		!fill(flow, usocket_recv_timeout(r->fd, flow->bytes, sizeof(flow->bytes), 0, 0),
			r->is_stream))
		return RELAY_SOCKET_ERROR;
	if (!is_empty(flow) && fds[OUTPUT].revents &&
		!drain(flow, write_some(r, flow->bytes + flow->start, flow->end - flow->start)))
		return RELAY_OUTPUT_ERROR;
	if (flow->has_ended && is_empty(flow) && !flow->is_over)
		pass_peer_end(r);
	return RELAY_DONE;
}

/* ---- both --------------------------------------------------------------- */

/*
 * A descriptor of which nothing is wanted is left out, since poll() would tell of
 * its hang-up again and again; but not a pipe, which might lose its reader.
 */
static void want(const struct relay *r, struct pollfd *fds)
{
	short of_socket = (short)((wants_source(&r->in) ? POLLIN : 0) |
		(is_empty(&r->out) ? 0 : POLLOUT));
	short of_output = is_empty(&r->in) ? 0 : POLLOUT;
	bool watches_output = of_output || (S_ISFIFO(r->output_mode) && !r->in.is_over);

	fds[INPUT] = (struct pollfd){
		.fd = wants_source(&r->out) ? STDIN_FILENO : -1,
		.events = POLLIN,
	};
	fds[OUTPUT] = (struct pollfd){
		.fd = watches_output ? STDOUT_FILENO : -1,
		.events = of_output,
	};
	fds[SOCKET] = (struct pollfd){ .fd = of_socket ? r->fd : -1, .events = of_socket };
}

/*
 * Who sits at a terminal would not see that the peer has ended. Datagrams have no
 * end; a peer that is not there ends them.
 */
static bool is_complete(const struct relay *r)
{
	if (!r->is_stream)
		return r->send_error != 0;
	return r->in.is_over && (r->out.is_over || r->input_is_terminal);
}

static enum relay_end run(struct relay *r, int quiet_ms)
{
	struct pollfd fds[N_FDS];
	enum relay_end end;
	int n;

	while (!is_complete(r)) {
		want(r, fds);
		n = usocket_poll(fds, N_FDS, quiet_ms);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return RELAY_SOCKET_ERROR;
		if (n == 0)
			return is_empty(&r->in) && is_empty(&r->out) ? RELAY_DONE : RELAY_STALLED;
		if (!carry_out(r, fds))
			return RELAY_INPUT_ERROR;
		end = carry_in(r, fds);
		if (end != RELAY_DONE)
			return end;
	}
	return RELAY_DONE;
}

enum relay_end relay(int fd, int type, int quiet_ms)
{
	struct relay r = { .fd = fd, .is_stream = type == SOCK_STREAM };
	enum relay_end end;
	struct stat st;

	r.output_mode = fstat(STDOUT_FILENO, &st) == 0 ? st.st_mode : 0;
	r.input_is_terminal = isatty(STDIN_FILENO);
	end = run(&r, quiet_ms);
	if (r.send_error != 0 && (end == RELAY_DONE || end == RELAY_SOCKET_ERROR)) {
		errno = r.send_error;
		return RELAY_SOCKET_ERROR;
	}
	return end;
}
