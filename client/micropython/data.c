/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The library decides what is sent, received and kept; here bytes become
 * objects. Those that have left the socket are in hand until their object is
 * made, so both a handler and the lack of memory put them back.
 *
 * A receive of few bytes goes through the stack; for many the library's memory
 * grows with what arrives. The methods read, readinto and readline are not
 * MicroPython's general ones, which lose what they have when the time is over.
 */
#include "usocket_mp.h"

#include "py/stream.h"

#include <errno.h>
#include <string.h>

/* A receive of so many bytes and less needs no memory of its own. */
#define FEW 2048

/* ---- sending ----------------------------------------------------------------- */

struct send {
	mp_buffer_info_t data;
	/* Of sendto only. */
	const struct usocket_script_endpoint *endpoint;
	struct usocket_script_address address; /* len 0: not known yet */
	int name_error;			       /* the resolver's, 0: none */
};

static ssize_t do_write(struct mp_call *c)
{
	struct send *send = c->argument;

	return usocket_script_write(c->script, &c->call, send->data.buf, send->data.len);
}

static ssize_t do_send_some(struct mp_call *c)
{
	struct send *send = c->argument;

	return usocket_script_send(c->script, &c->call, send->data.buf, send->data.len, 0);
}

static ssize_t do_sendall(struct mp_call *c)
{
	struct send *send = c->argument;

	return usocket_script_sendall(c->script, &c->call, send->data.buf, send->data.len, 0);
}

/* The look-up of a name is inside the deadline, as the rest. */
static ssize_t do_sendto(struct mp_call *c)
{
	struct send *send = c->argument;
	int rc = 0;

	if (send->address.len == 0)
		rc = usocket_script_address(c->script, &c->call, send->endpoint, &send->address);
	if (rc != 0) {
		send->name_error = rc > 0 ? rc : 0;
		return rc > 0 ? -EHOSTUNREACH : rc;
	}
	return usocket_script_sendto(c->script, &c->call, send->data.buf, send->data.len, 0,
		&send->address);
}

/* Runs @fn on a buffer of any kind, str included. Returns its result. */
static ssize_t run_send(struct mp_usocket *s, mp_obj_t data, ssize_t (*fn)(struct mp_call *c))
{
	struct send send = { .endpoint = NULL };
	struct mp_call c = { .script = &s->script, .fn = fn, .argument = &send };

	mp_get_buffer_raise(data, &send.data, MP_BUFFER_READ);
	return mp_call_run(&c);
}

static mp_obj_t do_method_send(mp_obj_t self, mp_obj_t data)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);

	return mp_obj_new_int(mp_check_result(
		run_send(s, data, is_quectel(s) ? do_write : do_send_some)));
}
MP_DEFINE_CONST_FUN_OBJ_2(mp_usocket_send_obj, do_method_send);

static mp_obj_t do_method_sendall(mp_obj_t self, mp_obj_t data)
{
	mp_check_result(run_send(MP_OBJ_TO_PTR(self), data, do_sendall));
	return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(mp_usocket_sendall_obj, do_method_sendall);

static mp_obj_t do_method_write(mp_obj_t self, mp_obj_t data)
{
	ssize_t result = run_send(MP_OBJ_TO_PTR(self), data, do_write);

	return result == -EAGAIN ? mp_const_none : mp_obj_new_int(mp_check_result(result));
}
MP_DEFINE_CONST_FUN_OBJ_2(mp_usocket_write_obj, do_method_write);

static mp_obj_t do_method_sendto(mp_obj_t self, mp_obj_t data, mp_obj_t object)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	struct usocket_script_endpoint endpoint;
	struct send send = { .endpoint = &endpoint };
	struct mp_call c = { .script = &s->script, .fn = do_sendto, .argument = &send };
	ssize_t result;

	mp_get_buffer_raise(data, &send.data, MP_BUFFER_READ);
	mp_endpoint_from(object, usocket_script_family(&s->script), &endpoint);
	/* Connected or not: the address does not matter. */
	if (usocket_script_type(&s->script) == SOCK_STREAM)
		c.fn = do_send_some;
	result = mp_call_run(&c);
	if (send.name_error)
		mp_raise_result(send.name_error);
	return mp_obj_new_int(mp_check_result(result));
}
MP_DEFINE_CONST_FUN_OBJ_3(mp_usocket_sendto_obj, do_method_sendto);

/* ---- receiving --------------------------------------------------------------- */

struct receive {
	void *buffer; /* the caller's, or NULL: the library's, in bytes */
	size_t len;
	int flags;
	struct usocket_script_address *address; /* NULL: not wanted */
	bool is_long;				/* the address's shape */
	struct usocket_script_bytes bytes;
};

static ssize_t do_recv(struct mp_call *c)
{
	struct receive *receive = c->argument;

	return usocket_script_recv(c->script, &c->call, receive->buffer, receive->len,
		receive->flags, receive->address);
}

static ssize_t do_recv_bytes(struct mp_call *c)
{
	struct receive *receive = c->argument;

	return usocket_script_recv_bytes(c->script, &c->call, receive->len, receive->flags,
		&receive->bytes, receive->address);
}

static ssize_t do_read(struct mp_call *c)
{
	struct receive *receive = c->argument;

	return usocket_script_read(c->script, &c->call, receive->len, &receive->bytes);
}

static ssize_t do_readinto(struct mp_call *c)
{
	struct receive *receive = c->argument;

	return usocket_script_readinto(c->script, &c->call, receive->buffer, receive->len);
}

static ssize_t do_readline(struct mp_call *c)
{
	struct receive *receive = c->argument;

	return usocket_script_readline(c->script, &c->call, receive->len, &receive->bytes);
}

static void undo_receive(struct mp_call *c, ssize_t result)
{
	struct receive *receive = c->argument;
	const char *data = receive->buffer ? receive->buffer : receive->bytes.data;
	size_t n = receive->buffer ? c->call.done : receive->bytes.len;

	(void)result;
	/* What was only looked at is still there. */
	if (n > 0 && !(receive->flags & MSG_PEEK))
		usocket_script_unread(c->script, data, n);
	usocket_script_bytes_free(&receive->bytes);
}

/* With interrupts held: the allocator must not be left by a jump. */
static void free_bytes(struct receive *receive)
{
	usocket_script_hold_interrupts();
	usocket_script_bytes_free(&receive->bytes);
	usocket_script_release_interrupts();
}

/* The bytes, of recvfrom the pair with their address. */
static mp_obj_t new_result(const struct mp_call *c, const char *data, size_t n)
{
	const struct receive *receive = c->argument;
	mp_obj_t items[2];

	items[0] = mp_obj_new_bytes((const byte *)data, n);
	if (!receive->address)
		return items[0];
	items[1] = mp_address_new(receive->address, receive->is_long);
	return mp_obj_new_tuple(2, items);
}

/* Makes the object of bytes in hand, which go back if that raises. */
static mp_obj_t result_of(struct mp_call *c, const char *data, size_t n)
{
	mp_obj_t object;
	nlr_buf_t nlr;

	if (nlr_push(&nlr) != 0) {
		mp_call_undo(c, 0);
		nlr_jump(nlr.ret_val);
	}
	object = new_result(c, data, n);
	nlr_pop();
	free_bytes(c->argument);
	return object;
}

/* Runs @fn, which fills bytes. Would-block is None if @or_none, else raises. */
static mp_obj_t run_bytes(struct mp_usocket *s, struct receive *receive,
	ssize_t (*fn)(struct mp_call *c), bool or_none)
{
	struct mp_call c = {
		.script = &s->script,
		.fn = fn,
		.undo = undo_receive,
		.argument = receive,
	};
	ssize_t result = mp_call_run(&c);

	if (result >= 0)
		return result_of(&c, receive->bytes.data, receive->bytes.len);
	free_bytes(receive);
	if (result != -EAGAIN || !or_none)
		mp_raise_result(result);
	return mp_const_none;
}

/* The same for a receive of few bytes. */
static mp_obj_t run_few(struct mp_usocket *s, struct receive *receive)
{
	char buffer[FEW];
	struct mp_call c = {
		.script = &s->script,
		.fn = do_recv,
		.undo = undo_receive,
		.argument = receive,
	};
	ssize_t n;

	receive->buffer = buffer;
	n = mp_check_result(mp_call_run(&c));
	return result_of(&c, buffer, (size_t)n);
}

static size_t size_from(mp_obj_t object)
{
	mp_int_t n = mp_obj_get_int(object);

	if (n < 0)
		mp_raise_ValueError(MP_ERROR_TEXT("size must not be negative"));
	return (size_t)n;
}

/* recv(n[, flags]), of recvfrom too. */
static mp_obj_t recv_bytes(size_t n_args, const mp_obj_t *args,
	struct usocket_script_address *address)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(args[0]);
	struct receive receive = {
		.len = size_from(args[1]),
		.address = address,
		.is_long = !is_quectel(s),
	};

	if (n_args > 2)
		receive.flags = mp_int_from(args[2]);
	if (receive.len <= FEW)
		return run_few(s, &receive);
	return run_bytes(s, &receive, do_recv_bytes, false);
}

static mp_obj_t do_method_recv(size_t n_args, const mp_obj_t *args)
{
	return recv_bytes(n_args, args, NULL);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_recv_obj, 2, 3, do_method_recv);

static mp_obj_t do_method_recvfrom(size_t n_args, const mp_obj_t *args)
{
	struct usocket_script_address address = { .len = 0 };

	return recv_bytes(n_args, args, &address);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_recvfrom_obj, 2, 3, do_method_recvfrom);

/* None and negative numbers mean: no limit. */
static size_t limit_from(size_t n_args, const mp_obj_t *args)
{
	mp_int_t n;

	if (n_args < 2 || args[1] == mp_const_none)
		return SIZE_MAX;
	n = mp_obj_get_int(args[1]);
	return n < 0 ? SIZE_MAX : (size_t)n;
}

static mp_obj_t do_method_read(size_t n_args, const mp_obj_t *args)
{
	struct receive receive = { .len = limit_from(n_args, args) };

	return run_bytes(MP_OBJ_TO_PTR(args[0]), &receive, do_read, true);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_read_obj, 1, 2, do_method_read);

static mp_obj_t do_method_readall(mp_obj_t self)
{
	return do_method_read(1, &self);
}
MP_DEFINE_CONST_FUN_OBJ_1(mp_usocket_readall_obj, do_method_readall);

static mp_obj_t do_method_readline(size_t n_args, const mp_obj_t *args)
{
	struct receive receive = { .len = limit_from(n_args, args) };

	return run_bytes(MP_OBJ_TO_PTR(args[0]), &receive, do_readline, true);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_readline_obj, 1, 2, do_method_readline);

static mp_obj_t do_method_readinto(size_t n_args, const mp_obj_t *args)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(args[0]);
	struct receive receive = { .len = limit_from(n_args - 1, args + 1) };
	struct mp_call c = {
		.script = &s->script,
		.fn = do_readinto,
		.undo = undo_receive,
		.argument = &receive,
	};
	mp_buffer_info_t info;
	ssize_t result;

	mp_get_buffer_raise(args[1], &info, MP_BUFFER_WRITE);
	receive.buffer = info.buf;
	if (receive.len > info.len)
		receive.len = info.len;
	result = mp_call_run(&c);
	return result == -EAGAIN ? mp_const_none : mp_obj_new_int(mp_check_result(result));
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_readinto_obj, 2, 3, do_method_readinto);

/* ---- the stream protocol ----------------------------------------------------- */

static mp_uint_t stream_result(ssize_t result, int *error)
{
	if (result >= 0)
		return (mp_uint_t)result;
	*error = (int)-result;
	return MP_STREAM_ERROR;
}

mp_uint_t mp_usocket_stream_read(mp_obj_t self, void *buffer, mp_uint_t size, int *error)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	struct receive receive = { .buffer = buffer, .len = size };
	struct mp_call c = {
		.script = &s->script,
		.fn = do_recv,
		.undo = undo_receive,
		.argument = &receive,
	};

	return stream_result(mp_call_run(&c), error);
}

mp_uint_t mp_usocket_stream_write(mp_obj_t self, const void *data, mp_uint_t size, int *error)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	struct send send = { .data = { .buf = (void *)(uintptr_t)data, .len = size } };
	struct mp_call c = { .script = &s->script, .fn = do_send_some, .argument = &send };

	return stream_result(mp_call_run(&c), error);
}
