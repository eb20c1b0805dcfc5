/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * bind, listen, accept, connect and their like. accept's object is made before
 * the connection is taken: making it may raise, and a connection that nobody
 * holds would be lost.
 */
#include "usocket_mp.h"

static mp_obj_t do_bind(mp_obj_t self, mp_obj_t object)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	struct usocket_script_address address;
	ssize_t result;

	mp_address_from(s, object, &address);
	MP_HELD(result, usocket_script_bind(&s->script, &address));
	mp_check_result(result);
	return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(mp_usocket_bind_obj, do_bind);

static mp_obj_t do_listen(size_t n_args, const mp_obj_t *args)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(args[0]);
	int backlog = n_args > 1 ? mp_int_from(args[1]) : USOCKET_SCRIPT_BACKLOG;
	ssize_t result;

	MP_HELD(result, usocket_script_listen(&s->script, backlog));
	mp_check_result(result);
	return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_listen_obj, 1, 2, do_listen);

struct accept {
	struct mp_usocket *accepted;
	struct usocket_script_address address;
};

static ssize_t do_accept(struct mp_call *c)
{
	struct accept *accept = c->argument;

	return usocket_script_accept(c->script, &c->call, &accept->accepted->script,
		&accept->address);
}

static void undo_accept(struct mp_call *c, ssize_t result)
{
	struct accept *accept = c->argument;

	(void)result;
	usocket_script_close(&accept->accepted->script);
}

static mp_obj_t socket_accept(mp_obj_t self)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	struct accept accept = { .accepted = mp_usocket_new(s->base.type) };
	struct mp_call c = {
		.script = &s->script,
		.fn = do_accept,
		.undo = undo_accept,
		.argument = &accept,
	};
	mp_obj_t items[3], *address;
	size_t n;

	mp_check_result(mp_call_run(&c));
	items[0] = MP_OBJ_FROM_PTR(accept.accepted);
	items[1] = mp_address_new(&accept.address, !is_quectel(s));
	if (!is_quectel(s))
		return mp_obj_new_tuple(2, items);
	mp_obj_get_array(items[1], &n, &address);
	items[1] = address[0];
	items[2] = address[1];
	return mp_obj_new_tuple(3, items);
}
MP_DEFINE_CONST_FUN_OBJ_1(mp_usocket_accept_obj, socket_accept);

static ssize_t do_connect(struct mp_call *c)
{
	return usocket_script_connect_to(c->script, &c->call, c->argument);
}

static ssize_t do_disconnect(struct mp_call *c)
{
	return usocket_script_disconnect(c->script);
}

static mp_obj_t socket_connect(mp_obj_t self, mp_obj_t object)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	struct usocket_script_endpoint endpoint;
	struct mp_call c = { .script = &s->script, .fn = do_connect, .argument = &endpoint };
	ssize_t result;

	if (object == mp_const_none && usocket_script_type(&s->script) != SOCK_STREAM)
		c.fn = do_disconnect;
	else
		mp_endpoint_from(object, usocket_script_family(&s->script), &endpoint);
	result = mp_call_run(&c);
	if (result != 0)
		mp_raise_result(result);
	return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(mp_usocket_connect_obj, socket_connect);

static mp_obj_t do_shutdown(mp_obj_t self, mp_obj_t object)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	int how = mp_int_from(object);
	ssize_t result;

	MP_HELD(result, usocket_script_shutdown(&s->script, how));
	mp_check_result(result);
	return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(mp_usocket_shutdown_obj, do_shutdown);

static mp_obj_t do_getsockname(mp_obj_t self)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	struct usocket_script_address address;
	ssize_t result;

	MP_HELD(result, usocket_script_getsockname(&s->script, &address));
	mp_check_result(result);
	return mp_address_new(&address, !is_quectel(s));
}
MP_DEFINE_CONST_FUN_OBJ_1(mp_usocket_getsockname_obj, do_getsockname);

static mp_obj_t do_getpeername(mp_obj_t self)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	struct usocket_script_address address;
	ssize_t result;

	MP_HELD(result, usocket_script_getpeername(&s->script, &address));
	mp_check_result(result);
	return mp_address_new(&address, !is_quectel(s));
}
MP_DEFINE_CONST_FUN_OBJ_1(mp_usocket_getpeername_obj, do_getpeername);
