/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One struct and one set of methods make two classes: usocket.socket with
 * QuecPython's shapes and socket.socket with MicroPython's; a method that
 * differs looks at its object's class. The object has a finalizer, so a socket
 * that nobody holds is closed.
 *
 * MicroPython's streams (ssl, asyncio, print(file=)) come through the stream
 * protocol. Its select sleeps in the kernel on the number that GET_FILENO
 * gives; while bytes are put back, which the kernel does not know, there is no
 * number and it asks the socket itself.
 */
#include "usocket_mp.h"

#include "py/stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

struct mp_usocket *mp_usocket_of(mp_obj_t object)
{
	mp_obj_t native = mp_obj_cast_to_native_base(object,
		MP_OBJ_FROM_PTR(&mp_usocket_type));

	if (native == MP_OBJ_NULL)
		native = mp_obj_cast_to_native_base(object,
			MP_OBJ_FROM_PTR(&mp_usocket_socket_type));
	return native == MP_OBJ_NULL ? NULL : MP_OBJ_TO_PTR(native);
}

struct mp_usocket *mp_usocket_new(const mp_obj_type_t *type)
{
	struct mp_usocket *s = mp_obj_malloc_with_finaliser(struct mp_usocket, type);

	usocket_script_init(&s->script);
	return s;
}

enum argument {
	ARGUMENT_FAMILY,
	ARGUMENT_TYPE,
	ARGUMENT_PROTOCOL,
	ARGUMENT_FILENO,
};

static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
	const mp_obj_t *args)
{
	static const mp_arg_t allowed[] = {
		{ MP_QSTR_af, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(AF_INET) } },
		{ MP_QSTR_type, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(SOCK_STREAM) } },
		{ MP_QSTR_proto, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(-1) } },
		{ MP_QSTR_fileno, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
	};
	mp_arg_val_t values[MP_ARRAY_SIZE(allowed)];
	struct mp_usocket *s;
	ssize_t result;

	mp_arg_parse_all_kw_array(n_args, n_kw, args, MP_ARRAY_SIZE(allowed), allowed, values);
	s = mp_usocket_new(type);
	if (values[ARGUMENT_FILENO].u_obj != mp_const_none) {
		int fd = mp_fileno_of(values[ARGUMENT_FILENO].u_obj);

		MP_HELD(result, usocket_script_adopt(&s->script, fd));
	} else {
		int family = mp_int_from(values[ARGUMENT_FAMILY].u_obj);
		int kind = mp_int_from(values[ARGUMENT_TYPE].u_obj);
		int protocol = mp_int_from(values[ARGUMENT_PROTOCOL].u_obj);

		MP_HELD(result, usocket_script_open(&s->script, family, kind, protocol));
	}
	if (result < 0)
		mp_raise_session_result(result);
	return MP_OBJ_FROM_PTR(s);
}

static void print(const mp_print_t *print, mp_obj_t self, mp_print_kind_t kind)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	int fd;

	(void)kind;
	MP_HELD(fd, usocket_script_fileno(&s->script));
	if (fd < 0)
		mp_printf(print, "<socket [closed]>");
	else
		mp_printf(print, "<socket fd=%d, family=%d, type=%d, proto=%d>", fd,
			usocket_script_family(&s->script), usocket_script_type(&s->script),
			usocket_script_protocol(&s->script));
}

/* ---- life -------------------------------------------------------------------- */

static ssize_t close_socket(struct mp_usocket *s)
{
	ssize_t result;

	MP_HELD(result, usocket_script_close(&s->script));
	return result;
}

/* For the collector, which runs inside of what takes memory. */
static mp_obj_t do_del(mp_obj_t self)
{
	mp_check_result(close_socket(MP_OBJ_TO_PTR(self)));
	return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(del_obj, do_del);

static mp_obj_t do_close(mp_obj_t self)
{
	mp_watch_forget(MP_OBJ_TO_PTR(self));
	mp_check_result(close_socket(MP_OBJ_TO_PTR(self)));
	return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(close_obj, do_close);

static mp_obj_t do_exit(size_t n_args, const mp_obj_t *args)
{
	(void)n_args;
	return do_close(args[0]);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(exit_obj, 4, 4, do_exit);

static mp_obj_t do_fileno(mp_obj_t self)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	int fd;

	MP_HELD(fd, usocket_script_fileno(&s->script));
	return MP_OBJ_NEW_SMALL_INT(fd);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fileno_obj, do_fileno);

/* The file object of a socket is the socket. */
static mp_obj_t do_makefile(size_t n_args, const mp_obj_t *args)
{
	static const char *const modes[] = { "rb", "wb", "rwb" };
	struct mp_usocket *s = MP_OBJ_TO_PTR(args[0]);
	const char *mode = n_args > 1 ? mp_obj_str_get_str(args[1]) : "rb";
	size_t i;
	int fd;

	MP_HELD(fd, usocket_script_fileno(&s->script));
	if (fd < 0)
		mp_raise_OSError(EBADF);
	for (i = 0; i < MP_ARRAY_SIZE(modes); i++)
		if (strcmp(mode, modes[i]) == 0)
			return args[0];
	mp_raise_ValueError(MP_ERROR_TEXT("mode must be rb, wb or rwb"));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(makefile_obj, 1, 3, do_makefile);

/* ---- time -------------------------------------------------------------------- */

static void set_timeout(struct mp_usocket *s, int64_t timeout_ns)
{
	ssize_t result;

	MP_HELD(result, usocket_script_settimeout(&s->script, timeout_ns));
	mp_check_result(result);
}

static mp_obj_t do_settimeout(mp_obj_t self, mp_obj_t timeout)
{
	set_timeout(MP_OBJ_TO_PTR(self), mp_timeout_from(timeout));
	return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(settimeout_obj, do_settimeout);

static mp_obj_t do_setblocking(mp_obj_t self, mp_obj_t flag)
{
	set_timeout(MP_OBJ_TO_PTR(self), mp_obj_is_true(flag) ? USOCKET_SCRIPT_WAIT : 0);
	return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(setblocking_obj, do_setblocking);

static int64_t get_timeout(struct mp_usocket *s)
{
	int64_t timeout_ns;
	ssize_t result;

	MP_HELD(result, usocket_script_gettimeout(&s->script, &timeout_ns));
	mp_check_result(result);
	return timeout_ns;
}

static mp_obj_t do_gettimeout(mp_obj_t self)
{
	int64_t timeout_ns = get_timeout(MP_OBJ_TO_PTR(self));

	if (timeout_ns == USOCKET_SCRIPT_WAIT)
		return mp_const_none;
	return mp_obj_new_float((mp_float_t)timeout_ns / (mp_float_t)1e9);
}
static MP_DEFINE_CONST_FUN_OBJ_1(gettimeout_obj, do_gettimeout);

static mp_obj_t do_getblocking(mp_obj_t self)
{
	return mp_obj_new_bool(get_timeout(MP_OBJ_TO_PTR(self)) != 0);
}
static MP_DEFINE_CONST_FUN_OBJ_1(getblocking_obj, do_getblocking);

/* ---- the stream protocol ----------------------------------------------------- */

static mp_uint_t stream_poll(struct mp_usocket *s, mp_uint_t events, int *error)
{
	struct usocket_script_poll poll = { .socket = &s->script, .events = (short)events };
	struct usocket_script_call call;
	int n;

	usocket_script_begin_timeout(&call, 0);
	MP_HELD(n, usocket_script_poll(&poll, 1, &call));
	if (n >= 0)
		return (mp_uint_t)poll.revents;
	*error = -n;
	return MP_STREAM_ERROR;
}

static mp_uint_t stream_fileno(struct mp_usocket *s, int *error)
{
	size_t pending;
	int fd;

	MP_HELD(fd, usocket_script_fileno(&s->script));
	MP_HELD(pending, usocket_script_pending(&s->script));
	if (fd >= 0 && pending == 0)
		return (mp_uint_t)fd;
	*error = fd < 0 ? EBADF : EOPNOTSUPP;
	return MP_STREAM_ERROR;
}

static mp_uint_t stream_ioctl(mp_obj_t self, mp_uint_t request, uintptr_t arg, int *error)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	ssize_t result;

	switch (request) {
	case MP_STREAM_POLL:
		return stream_poll(s, arg, error);
	case MP_STREAM_GET_FILENO:
		return stream_fileno(s, error);
	case MP_STREAM_FLUSH:
		return 0;
	case MP_STREAM_CLOSE:
		mp_watch_forget(s);
		result = close_socket(s);
		if (result == 0)
			return 0;
		*error = (int)-result;
		return MP_STREAM_ERROR;
	default:
		*error = EINVAL;
		return MP_STREAM_ERROR;
	}
}

static const mp_stream_p_t stream = {
	.read = mp_usocket_stream_read,
	.write = mp_usocket_stream_write,
	.ioctl = stream_ioctl,
};

/* ---- the classes ------------------------------------------------------------- */

static const mp_rom_map_elem_t locals_table[] = {
	{ MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&del_obj) },
	{ MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&mp_identity_obj) },
	{ MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&exit_obj) },
	{ MP_ROM_QSTR(MP_QSTR_accept), MP_ROM_PTR(&mp_usocket_accept_obj) },
	{ MP_ROM_QSTR(MP_QSTR_bind), MP_ROM_PTR(&mp_usocket_bind_obj) },
	{ MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&close_obj) },
	{ MP_ROM_QSTR(MP_QSTR_connect), MP_ROM_PTR(&mp_usocket_connect_obj) },
	{ MP_ROM_QSTR(MP_QSTR_fileno), MP_ROM_PTR(&fileno_obj) },
	{ MP_ROM_QSTR(MP_QSTR_getblocking), MP_ROM_PTR(&getblocking_obj) },
	{ MP_ROM_QSTR(MP_QSTR_getpeername), MP_ROM_PTR(&mp_usocket_getpeername_obj) },
	{ MP_ROM_QSTR(MP_QSTR_getsendacksize), MP_ROM_PTR(&mp_usocket_getsendacksize_obj) },
	{ MP_ROM_QSTR(MP_QSTR_getsocketsta), MP_ROM_PTR(&mp_usocket_getsocketsta_obj) },
	{ MP_ROM_QSTR(MP_QSTR_getsockname), MP_ROM_PTR(&mp_usocket_getsockname_obj) },
	{ MP_ROM_QSTR(MP_QSTR_getsockopt), MP_ROM_PTR(&mp_usocket_getsockopt_obj) },
	{ MP_ROM_QSTR(MP_QSTR_gettimeout), MP_ROM_PTR(&gettimeout_obj) },
	{ MP_ROM_QSTR(MP_QSTR_listen), MP_ROM_PTR(&mp_usocket_listen_obj) },
	{ MP_ROM_QSTR(MP_QSTR_makefile), MP_ROM_PTR(&makefile_obj) },
	{ MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&mp_usocket_read_obj) },
	{ MP_ROM_QSTR(MP_QSTR_readall), MP_ROM_PTR(&mp_usocket_readall_obj) },
	{ MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_usocket_readinto_obj) },
	{ MP_ROM_QSTR(MP_QSTR_readline), MP_ROM_PTR(&mp_usocket_readline_obj) },
	{ MP_ROM_QSTR(MP_QSTR_recv), MP_ROM_PTR(&mp_usocket_recv_obj) },
	{ MP_ROM_QSTR(MP_QSTR_recvfrom), MP_ROM_PTR(&mp_usocket_recvfrom_obj) },
	{ MP_ROM_QSTR(MP_QSTR_send), MP_ROM_PTR(&mp_usocket_send_obj) },
	{ MP_ROM_QSTR(MP_QSTR_sendall), MP_ROM_PTR(&mp_usocket_sendall_obj) },
	{ MP_ROM_QSTR(MP_QSTR_sendto), MP_ROM_PTR(&mp_usocket_sendto_obj) },
	{ MP_ROM_QSTR(MP_QSTR_setblocking), MP_ROM_PTR(&setblocking_obj) },
	{ MP_ROM_QSTR(MP_QSTR_setsockopt), MP_ROM_PTR(&mp_usocket_setsockopt_obj) },
	{ MP_ROM_QSTR(MP_QSTR_settimeout), MP_ROM_PTR(&settimeout_obj) },
	{ MP_ROM_QSTR(MP_QSTR_shutdown), MP_ROM_PTR(&mp_usocket_shutdown_obj) },
	{ MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_usocket_write_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
	mp_usocket_type,
	MP_QSTR_socket,
	MP_TYPE_FLAG_NONE,
	make_new, make_new,
	print, print,
	protocol, &stream,
	locals_dict, &locals);

MP_DEFINE_CONST_OBJ_TYPE(
	mp_usocket_socket_type,
	MP_QSTR_socket,
	MP_TYPE_FLAG_NONE,
	make_new, make_new,
	print, print,
	protocol, &stream,
	locals_dict, &locals);
