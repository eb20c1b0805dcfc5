/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * MicroPython raises by longjmp: what C code has in hand is lost then. On Unix
 * an interrupt does so from its signal handler, at any moment. So interrupts
 * are held while the library is in a call; they and MicroPython's own handlers
 * run between the call and its result, here, under an nlr_push that gives the
 * call's owner the chance to take its bytes back before the exception goes on.
 *
 * The deadline is made once. A call that a signal ended is made again with what
 * is left.
 */
#include "usocket_mp.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define TEXT_MAX 512

/* Lets interrupts and handlers run. Returns MP_OBJ_NULL, or what they raised. */
static mp_obj_t run_handlers(void)
{
	nlr_buf_t nlr;

	if (nlr_push(&nlr) != 0)
		return MP_OBJ_FROM_PTR(nlr.ret_val);
	usocket_script_release_interrupts();
	mp_handle_pending(true);
	nlr_pop();
	return MP_OBJ_NULL;
}

void mp_call_undo(struct mp_call *c, ssize_t result)
{
	usocket_script_hold_interrupts();
	c->undo(c, result);
	usocket_script_release_interrupts();
}

static ssize_t run(struct mp_call *c)
{
	mp_obj_t raised;
	ssize_t result;

	do {
		usocket_script_hold_interrupts();
		MP_THREAD_GIL_EXIT();
		result = c->fn(c);
		MP_THREAD_GIL_ENTER();
		raised = run_handlers();
	} while (result == -EINTR && raised == MP_OBJ_NULL);
	if (raised == MP_OBJ_NULL)
		return result;
	if (c->undo)
		mp_call_undo(c, result);
	nlr_raise(raised);
}

ssize_t mp_call_run(struct mp_call *c)
{
	usocket_script_hold_interrupts();
	usocket_script_begin(&c->call, c->script);
	usocket_script_release_interrupts();
	return run(c);
}

ssize_t mp_call_run_in(struct mp_call *c, int64_t timeout_ns)
{
	usocket_script_begin_timeout(&c->call, timeout_ns);
	return run(c);
}

static MP_NORETURN void raise_with_text(ssize_t result, int for_session)
{
	char text[TEXT_MAX];
	mp_obj_t args[2];
	int number;

	number = usocket_script_error((int)result, for_session, text, sizeof(text));
	args[0] = MP_OBJ_NEW_SMALL_INT(number);
	args[1] = mp_obj_new_str(text, strlen(text));
	nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, 2, args));
}

/* Only what needs more than a number has a text, as is MicroPython's way. */
void mp_raise_result(ssize_t result)
{
	if (result > 0 || result == -ENODEV || result == -EPROTONOSUPPORT)
		raise_with_text(result, 0);
	mp_raise_OSError((int)-result);
}

void mp_raise_session_result(ssize_t result)
{
	if (result == -EACCES)
		raise_with_text(result, 1);
	mp_raise_result(result);
}

ssize_t mp_check_result(ssize_t result)
{
	if (result < 0)
		mp_raise_result(result);
	return result;
}

int64_t mp_timeout_from(mp_obj_t object)
{
	int64_t timeout_ns = USOCKET_SCRIPT_WAIT;

	if (object == mp_const_none)
		return timeout_ns;
	switch (usocket_script_timeout((double)mp_obj_get_float(object), &timeout_ns)) {
	case 0:
		return timeout_ns;
	case -ERANGE:
		mp_raise_msg(&mp_type_OverflowError, MP_ERROR_TEXT("timeout is too large"));
	default:
		mp_raise_ValueError(MP_ERROR_TEXT("timeout must be None or at least 0"));
	}
}

int mp_int_from(mp_obj_t object)
{
	mp_int_t value = mp_obj_get_int(object);

	if (value < INT_MIN || value > INT_MAX)
		mp_raise_msg(&mp_type_OverflowError, MP_ERROR_TEXT("integer is too large"));
	return (int)value;
}
