/* SPDX-License-Identifier: MIT */
/*
 * The MicroPython modules usocket and socket, over libusocket.
 *
 * Theory of operation
 *
 * Both are registered as built-ins that no file on the search path hides, and
 * in place of MicroPython's own. usocket has QuecPython's shapes, socket those
 * that MicroPython's libraries expect: accept() gives a pair, send() may be
 * short, IPv6 addresses have four items, '' is no host.
 */
#include "usocket_mp.h"

#define HEAD_MAX 12

static mp_obj_t init_usocket(void);
static mp_obj_t init_socket(void);
static MP_DEFINE_CONST_FUN_OBJ_0(init_usocket_obj, init_usocket);
static MP_DEFINE_CONST_FUN_OBJ_0(init_socket_obj, init_socket);

static mp_rom_map_elem_t usocket_table[HEAD_MAX + MP_CONSTANTS_MAX] = {
	{ MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_usocket) },
	{ MP_ROM_QSTR(MP_QSTR___init__), MP_ROM_PTR(&init_usocket_obj) },
	{ MP_ROM_QSTR(MP_QSTR_socket), MP_ROM_PTR(&mp_usocket_type) },
	{ MP_ROM_QSTR(MP_QSTR_getaddrinfo), MP_ROM_PTR(&mp_usocket_getaddrinfo_obj) },
	{ MP_ROM_QSTR(MP_QSTR_poll), MP_ROM_PTR(&mp_usocket_poll_obj) },
	{ MP_ROM_QSTR(MP_QSTR__links), MP_ROM_PTR(&mp_usocket_links_obj) },
	{ MP_ROM_QSTR(MP_QSTR__wait_link), MP_ROM_PTR(&mp_usocket_wait_link_obj) },
	{ MP_ROM_QSTR(MP_QSTR__link_control), MP_ROM_PTR(&mp_usocket_link_control_obj) },
	{ MP_ROM_QSTR(MP_QSTR__link_set), MP_ROM_PTR(&mp_usocket_link_set_obj) },
	{ MP_ROM_QSTR(MP_QSTR__watch_links), MP_ROM_PTR(&mp_usocket_watch_links_obj) },
	{ MP_ROM_QSTR(MP_QSTR__watch_next), MP_ROM_PTR(&mp_usocket_watch_next_obj) },
	{ MP_ROM_QSTR(MP_QSTR__watch_close), MP_ROM_PTR(&mp_usocket_watch_close_obj) },
};

static mp_rom_map_elem_t socket_table[HEAD_MAX + MP_CONSTANTS_MAX] = {
	{ MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_socket) },
	{ MP_ROM_QSTR(MP_QSTR___init__), MP_ROM_PTR(&init_socket_obj) },
	{ MP_ROM_QSTR(MP_QSTR_socket), MP_ROM_PTR(&mp_usocket_socket_type) },
	{ MP_ROM_QSTR(MP_QSTR_getaddrinfo), MP_ROM_PTR(&mp_usocket_socket_getaddrinfo_obj) },
	{ MP_ROM_QSTR(MP_QSTR_poll), MP_ROM_PTR(&mp_usocket_poll_obj) },
};

#define USOCKET_HEAD 12
#define SOCKET_HEAD  5

/* As MicroPython's constant dicts, but that entries can be added once. */
#define GLOBALS(name, table_name, n)                                  \
	static mp_obj_dict_t name = {                                 \
		.base = { &mp_type_dict },                            \
		.map = {                                              \
			.all_keys_are_qstrs = 1,                      \
			.is_fixed = 1,                                \
			.is_ordered = 1,                              \
			.used = (n),                                  \
			.alloc = (n),                                 \
			.table = (mp_map_elem_t *)(void *)table_name, \
		},                                                    \
	}

GLOBALS(usocket_globals, usocket_table, USOCKET_HEAD);
GLOBALS(socket_globals, socket_table, SOCKET_HEAD);

static mp_obj_t init_usocket(void)
{
	mp_constants_add(&usocket_globals, USOCKET_HEAD);
	return mp_const_none;
}

static mp_obj_t init_socket(void)
{
	mp_constants_add(&socket_globals, SOCKET_HEAD);
	return mp_const_none;
}

const mp_obj_module_t mp_module_of_usocket = {
	.base = { &mp_type_module },
	.globals = &usocket_globals,
};

const mp_obj_module_t mp_module_of_usocket_socket = {
	.base = { &mp_type_module },
	.globals = &socket_globals,
};

MP_REGISTER_MODULE(MP_QSTR_usocket, mp_module_of_usocket);
MP_REGISTER_MODULE(MP_QSTR_socket, mp_module_of_usocket_socket);
