/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * usocket.poll() has select.poll()'s methods, for sockets of these modules,
 * numbers of descriptors and objects that have one. What it says of a socket is
 * what the kernel would say of its own: select.poll(), which sleeps on the
 * descriptor too, knows nothing of pending errors and of bytes that were put
 * back. Objects are kept in a dict with the events that are wanted of them; the
 * set for the library is made anew for each call.
 */
#include "usocket_mp.h"

#include "py/stream.h"

#include <errno.h>
#include <math.h>
#include <poll.h>

struct mp_poll {
	mp_obj_base_t base;
	mp_obj_t wanted; /* dict: object -> events */
};

int mp_fileno_of(mp_obj_t object)
{
	const mp_stream_p_t *stream;
	mp_uint_t fd;
	int error = EBADF;

	if (mp_obj_is_int(object))
		return mp_int_from(object);
	stream = mp_get_stream_raise(object, MP_STREAM_OP_IOCTL);
	fd = stream->ioctl(object, MP_STREAM_GET_FILENO, 0, &error);
	if (fd == MP_STREAM_ERROR)
		mp_raise_OSError(error);
	return (int)fd;
}

static mp_obj_t poll_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
	const mp_obj_t *args)
{
	struct mp_poll *poll;

	(void)args;
	mp_arg_check_num(n_args, n_kw, 0, 0, false);
	poll = mp_obj_malloc(struct mp_poll, type);
	poll->wanted = mp_obj_new_dict(0);
	return MP_OBJ_FROM_PTR(poll);
}

static mp_obj_t new_poll(void)
{
	return poll_make_new(&mp_usocket_poll_type, 0, 0, NULL);
}
MP_DEFINE_CONST_FUN_OBJ_0(mp_usocket_poll_obj, new_poll);

static bool is_registered(const struct mp_poll *poll, mp_obj_t object)
{
	return mp_map_lookup(mp_obj_dict_get_map(poll->wanted), object, MP_MAP_LOOKUP) != NULL;
}

static mp_obj_t poll_register(size_t n_args, const mp_obj_t *args)
{
	struct mp_poll *poll = MP_OBJ_TO_PTR(args[0]);
	int events = n_args > 2 ? mp_int_from(args[2]) : POLLIN | POLLOUT;

	if (!mp_usocket_of(args[1]))
		mp_fileno_of(args[1]);
	mp_obj_dict_store(poll->wanted, args[1], MP_OBJ_NEW_SMALL_INT(events & 0xffff));
	return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(poll_register_obj, 2, 3, poll_register);

static mp_obj_t poll_modify(mp_obj_t self, mp_obj_t object, mp_obj_t events)
{
	struct mp_poll *poll = MP_OBJ_TO_PTR(self);

	if (!is_registered(poll, object))
		mp_raise_OSError(ENOENT);
	mp_obj_dict_store(poll->wanted, object,
		MP_OBJ_NEW_SMALL_INT(mp_int_from(events) & 0xffff));
	return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(poll_modify_obj, poll_modify);

static mp_obj_t poll_unregister(mp_obj_t self, mp_obj_t object)
{
	struct mp_poll *poll = MP_OBJ_TO_PTR(self);

	if (is_registered(poll, object))
		mp_obj_dict_delete(poll->wanted, object);
	return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(poll_unregister_obj, poll_unregister);

struct polled {
	struct usocket_script_poll *polls;
	mp_obj_t *objects;
	size_t n;
};

/* On MicroPython's heap: nothing is lost if something raises. */
static void prepare(struct polled *polled, const struct mp_poll *poll)
{
	const mp_map_t *map = mp_obj_dict_get_map(poll->wanted);
	size_t i, n = 0;

	polled->polls = m_new0(struct usocket_script_poll, map->used + 1);
	polled->objects = m_new(mp_obj_t, map->used + 1);
	for (i = 0; i < map->alloc; i++) {
		struct mp_usocket *s;

		if (!mp_map_slot_is_filled(map, i))
			continue;
		polled->objects[n] = map->table[i].key;
		s = mp_usocket_of(polled->objects[n]);
		if (s)
			polled->polls[n].socket = &s->script;
		else
			polled->polls[n].fd = mp_fileno_of(polled->objects[n]);
		polled->polls[n].events = (short)MP_OBJ_SMALL_INT_VALUE(map->table[i].value);
		n++;
	}
	polled->n = n;
}

static ssize_t do_poll(struct mp_call *c)
{
	struct polled *polled = c->argument;

	return usocket_script_poll(polled->polls, polled->n, &c->call);
}

/* poll()'s argument: milliseconds; None and negative numbers wait. */
static int64_t milliseconds_from(size_t n_args, const mp_obj_t *args)
{
	double ms;

	if (n_args < 2 || args[1] == mp_const_none)
		return USOCKET_SCRIPT_WAIT;
	ms = (double)mp_obj_get_float(args[1]);
	if (isnan(ms))
		mp_raise_ValueError(MP_ERROR_TEXT("timeout must be a number"));
	if (ms < 0 || ms > 1e12)
		return USOCKET_SCRIPT_WAIT;
	return (int64_t)ceil(ms * 1e6);
}

static mp_obj_t poll_poll(size_t n_args, const mp_obj_t *args)
{
	struct polled polled;
	struct mp_call c = { .fn = do_poll, .argument = &polled };
	mp_obj_t list = mp_obj_new_list(0, NULL);
	size_t i;

	prepare(&polled, MP_OBJ_TO_PTR(args[0]));
	mp_check_result(mp_call_run_in(&c, milliseconds_from(n_args, args)));
	for (i = 0; i < polled.n; i++) {
		mp_obj_t items[2] = {
			polled.objects[i],
			MP_OBJ_NEW_SMALL_INT(polled.polls[i].revents),
		};

		if (polled.polls[i].revents)
			mp_obj_list_append(list, mp_obj_new_tuple(2, items));
	}
	return list;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(poll_poll_obj, 1, 2, poll_poll);

static const mp_rom_map_elem_t poll_locals_table[] = {
	{ MP_ROM_QSTR(MP_QSTR_register), MP_ROM_PTR(&poll_register_obj) },
	{ MP_ROM_QSTR(MP_QSTR_modify), MP_ROM_PTR(&poll_modify_obj) },
	{ MP_ROM_QSTR(MP_QSTR_unregister), MP_ROM_PTR(&poll_unregister_obj) },
	{ MP_ROM_QSTR(MP_QSTR_poll), MP_ROM_PTR(&poll_poll_obj) },
	{ MP_ROM_QSTR(MP_QSTR_ipoll), MP_ROM_PTR(&poll_poll_obj) },
};
static MP_DEFINE_CONST_DICT(poll_locals, poll_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
	mp_usocket_poll_type,
	MP_QSTR_poll,
	MP_TYPE_FLAG_NONE,
	make_new, poll_make_new,
	locals_dict, &poll_locals);
