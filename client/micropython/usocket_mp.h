/* SPDX-License-Identifier: MIT */
/*
 * MicroPython's modules usocket and socket from the inside.
 */
#ifndef USOCKET_MP_H
#define USOCKET_MP_H

#include "usocket_script.h"

#include "py/mpthread.h"
#include "py/obj.h"
#include "py/objstr.h"
#include "py/runtime.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Its name before 1.26. */
#ifndef MP_NORETURN
#define MP_NORETURN NORETURN
#endif

/* A socket of either module; which one is its type. On MicroPython's heap. */
struct mp_usocket {
	mp_obj_base_t base;
	struct usocket_script script;
};

/* usocket.socket and socket.socket. */
extern const mp_obj_type_t mp_usocket_type, mp_usocket_socket_type;

/* What usocket.poll() makes. */
extern const mp_obj_type_t mp_usocket_poll_type;

/* The socket, or NULL for another object. */
struct mp_usocket *mp_usocket_of(mp_obj_t object);

/* QuecPython's shapes, or MicroPython's. */
static inline bool is_quectel(const struct mp_usocket *s)
{
	return s->base.type == &mp_usocket_type;
}

/* A new closed socket of a type. */
struct mp_usocket *mp_usocket_new(const mp_obj_type_t *type);

/* ---- call.c ------------------------------------------------------------------ */

/*
 * A call of libusocket: made without the interpreter's lock, with interrupts
 * held, and again after each signal once its handlers have run.
 */
struct mp_call {
	struct usocket_script *script;
	struct usocket_script_call call;
	void *argument;
	/* Makes it; returns as the call does. */
	ssize_t (*fn)(struct mp_call *c);
	/*
	 * A handler raised: takes back what @result says was done (as @fn
	 * returned it, -EINTR included). NULL: nothing has to be.
	 */
	void (*undo)(struct mp_call *c, ssize_t result);
};

/* For what neither waits nor has anything in hand: @result = @expression. */
#define MP_HELD(result, expression)                  \
	do {                                         \
		usocket_script_hold_interrupts();    \
		MP_THREAD_GIL_EXIT();                \
		(result) = (expression);             \
		MP_THREAD_GIL_ENTER();               \
		usocket_script_release_interrupts(); \
	} while (0)

/* Begins with the socket's time-out and makes it. Returns what @fn returned. */
ssize_t mp_call_run(struct mp_call *c);

/* The same with a time-out of its own. */
ssize_t mp_call_run_in(struct mp_call *c, int64_t timeout_ns);

/* Takes a call back that @result was the end of, with interrupts held. */
void mp_call_undo(struct mp_call *c, ssize_t result);

/* Raises OSError for a result below 0 (-errno) or, of names, above. */
MP_NORETURN void mp_raise_result(ssize_t result);

/* The same for calls that open a session with the daemon. */
MP_NORETURN void mp_raise_session_result(ssize_t result);

/* Raises if the result is below 0, else returns it. */
ssize_t mp_check_result(ssize_t result);

/* settimeout()'s argument: None or seconds. Raises what is not. */
int64_t mp_timeout_from(mp_obj_t object);

/* An int that C takes as int. */
int mp_int_from(mp_obj_t object);

/* ---- address.c --------------------------------------------------------------- */

/*
 * (host, port), for IPv6 also (host, port, flowinfo, scope), as a tuple or
 * list. The host's text stays the object's.
 */
void mp_endpoint_from(mp_obj_t object, int family, struct usocket_script_endpoint *endpoint);

/* The host of an address or look-up. */
const char *mp_host_from(mp_obj_t object);

/* The address of a socket's call; names are looked up inside its time-out. */
void mp_address_from(struct mp_usocket *s, mp_obj_t object,
	struct usocket_script_address *address);

/* A tuple, None for no address; IPv6's has four items if @is_long. */
mp_obj_t mp_address_new(const struct usocket_script_address *address, bool is_long);

/* ---- methods and functions --------------------------------------------------- */

MP_DECLARE_CONST_FUN_OBJ_2(mp_usocket_bind_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_listen_obj);
MP_DECLARE_CONST_FUN_OBJ_1(mp_usocket_accept_obj);
MP_DECLARE_CONST_FUN_OBJ_2(mp_usocket_connect_obj);
MP_DECLARE_CONST_FUN_OBJ_2(mp_usocket_shutdown_obj);
MP_DECLARE_CONST_FUN_OBJ_1(mp_usocket_getsockname_obj);
MP_DECLARE_CONST_FUN_OBJ_1(mp_usocket_getpeername_obj);

MP_DECLARE_CONST_FUN_OBJ_2(mp_usocket_send_obj);
MP_DECLARE_CONST_FUN_OBJ_2(mp_usocket_sendall_obj);
MP_DECLARE_CONST_FUN_OBJ_3(mp_usocket_sendto_obj);
MP_DECLARE_CONST_FUN_OBJ_2(mp_usocket_write_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_recv_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_recvfrom_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_read_obj);
MP_DECLARE_CONST_FUN_OBJ_1(mp_usocket_readall_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_readinto_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_readline_obj);

/* For MicroPython's stream protocol. */
mp_uint_t mp_usocket_stream_read(mp_obj_t self, void *buffer, mp_uint_t size, int *error);
mp_uint_t mp_usocket_stream_write(mp_obj_t self, const void *data, mp_uint_t size, int *error);

MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_setsockopt_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_getsockopt_obj);
MP_DECLARE_CONST_FUN_OBJ_1(mp_usocket_getsocketsta_obj);
MP_DECLARE_CONST_FUN_OBJ_1(mp_usocket_getsendacksize_obj);

MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_getaddrinfo_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_socket_getaddrinfo_obj);
MP_DECLARE_CONST_FUN_OBJ_0(mp_usocket_poll_obj);
MP_DECLARE_CONST_FUN_OBJ_0(mp_usocket_links_obj);
MP_DECLARE_CONST_FUN_OBJ_1(mp_usocket_wait_link_obj);
MP_DECLARE_CONST_FUN_OBJ_2(mp_usocket_link_control_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_link_set_obj);
MP_DECLARE_CONST_FUN_OBJ_0(mp_usocket_watch_links_obj);
MP_DECLARE_CONST_FUN_OBJ_1(mp_usocket_watch_next_obj);
MP_DECLARE_CONST_FUN_OBJ_1(mp_usocket_watch_close_obj);

/* The number of a descriptor: an int, or what an object says of itself. */
int mp_fileno_of(mp_obj_t object);

/*
 * Option 20, lwIP's: @callback is called with the socket each time something
 * has arrived; None: no more. A socket with a callback is kept until it is
 * closed.
 */
void mp_watch_set(struct mp_usocket *s, mp_obj_t callback);

/* Before a socket is closed. */
void mp_watch_forget(struct mp_usocket *s);

/*
 * Puts the library's constants behind the @used first entries of a module's
 * globals, which have room for them.
 */
void mp_constants_add(mp_obj_dict_t *globals, size_t used);

/* More than the library has constants. */
#define MP_CONSTANTS_MAX 96

#endif
