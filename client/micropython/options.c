/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Numbers are the library's business (usocket_script.h). lwIP's option 20, a
 * function that is called when something has arrived, is the interpreter's.
 */
#include "usocket_mp.h"

#include <errno.h>
#include <string.h>

/* lwIP's number, at its SOL_SOCKET; scripts write the number. */
#define OPTION_CALLBACK	 20
#define OPTION_VALUE_MAX 1024

static mp_obj_t set_callback(struct mp_usocket *s, mp_obj_t callback)
{
	if (callback != mp_const_none && !mp_obj_is_callable(callback))
		mp_raise_TypeError(MP_ERROR_TEXT("callback must be callable or None"));
	mp_watch_set(s, callback);
	return mp_const_none;
}

static mp_obj_t do_setsockopt(size_t n_args, const mp_obj_t *args)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(args[0]);
	int level = mp_int_from(args[1]), option = mp_int_from(args[2]), number;
	mp_buffer_info_t info;
	socklen_t len;
	ssize_t result;

	(void)n_args;
	if (option == OPTION_CALLBACK && level == SOL_SOCKET && !mp_obj_is_int(args[3]))
		return set_callback(s, args[3]);
	if (mp_obj_is_int(args[3]) || mp_obj_is_bool(args[3])) {
		number = mp_int_from(args[3]);
		info.buf = &number;
		info.len = sizeof(number);
	} else {
		if (mp_obj_is_str(args[3]))
			mp_raise_TypeError(MP_ERROR_TEXT("value must be int or a buffer"));
		mp_get_buffer_raise(args[3], &info, MP_BUFFER_READ);
	}
	len = info.len < OPTION_VALUE_MAX ? (socklen_t)info.len : OPTION_VALUE_MAX;
	MP_HELD(result, usocket_script_setsockopt(&s->script, level, option, info.buf, len));
	mp_check_result(result);
	return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_setsockopt_obj, 4, 4, do_setsockopt);

static void store(mp_obj_t dict, const char *name, mp_obj_t value)
{
	mp_obj_dict_store(dict, mp_obj_new_str(name, strlen(name)), value);
}

/* What is known of the connection; Linux' struct would be mostly zeros. */
static mp_obj_t get_tcp_info(struct mp_usocket *s)
{
	struct usocket_socket_info info;
	mp_obj_t dict = mp_obj_new_dict(0);
	ssize_t result;

	MP_HELD(result, usocket_script_info(&s->script, 1, &info));
	mp_check_result(result);
	store(dict, "state", MP_OBJ_NEW_SMALL_INT(info.state));
	store(dict, "rtt_us", mp_obj_new_int_from_uint(info.rtt_us));
	store(dict, "retransmits", mp_obj_new_int_from_uint(info.retransmissions));
	store(dict, "unacked", mp_obj_new_int_from_uint(info.send_queue));
	store(dict, "bytes_received", mp_obj_new_int_from_ull(info.bytes_received));
	store(dict, "bytes_sent", mp_obj_new_int_from_ull(info.bytes_sent));
	store(dict, "bytes_acked", mp_obj_new_int_from_ull(info.bytes_acked));
	return dict;
}

static mp_obj_t do_getsockopt(size_t n_args, const mp_obj_t *args)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(args[0]);
	int level = mp_int_from(args[1]), option = mp_int_from(args[2]);
	int wanted = n_args > 3 ? mp_int_from(args[3]) : 0, number = 0;
	byte value[OPTION_VALUE_MAX];
	socklen_t len = (socklen_t)wanted;
	ssize_t result;

	if (usocket_script_is_tcp_info(level, option))
		return get_tcp_info(s);
	if (wanted < 0 || wanted > OPTION_VALUE_MAX)
		mp_raise_ValueError(MP_ERROR_TEXT("buflen must be 0..1024"));
	if (wanted > 0) {
		MP_HELD(result, usocket_script_getsockopt(&s->script, level, option, value, &len));
		mp_check_result(result);
		return mp_obj_new_bytes(value, len);
	}
	len = sizeof(number);
	MP_HELD(result, usocket_script_getsockopt(&s->script, level, option, &number, &len));
	mp_check_result(result);
	return mp_obj_new_int(number);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_getsockopt_obj, 3, 4, do_getsockopt);

static mp_obj_t do_getsocketsta(mp_obj_t self)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	int state;

	MP_HELD(state, usocket_script_getsocketsta(&s->script));
	return MP_OBJ_NEW_SMALL_INT(state);
}
MP_DEFINE_CONST_FUN_OBJ_1(mp_usocket_getsocketsta_obj, do_getsocketsta);

static mp_obj_t do_getsendacksize(mp_obj_t self)
{
	struct mp_usocket *s = MP_OBJ_TO_PTR(self);
	int64_t size;

	MP_HELD(size, usocket_script_getsendacksize(&s->script));
	return mp_obj_new_int_from_ll(size);
}
MP_DEFINE_CONST_FUN_OBJ_1(mp_usocket_getsendacksize_obj, do_getsendacksize);
