/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One entry an address: (family, type, protocol, host, address), with the type
 * and protocol that were asked for and the host as it was given. The library's
 * list is copied entry by entry under an nlr_push, so that it is freed when an
 * object cannot be made.
 */
#include "usocket_mp.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_TEXT_MAX 16

struct query {
	const char *host;    /* NULL: the wildcard */
	const char *service; /* NULL: no port */
	char port_text[PORT_TEXT_MAX];
	struct addrinfo hints;
	mp_obj_t canonical;
	int protocol;
	bool is_long;
	struct addrinfo *result;
};

static ssize_t do_getaddrinfo(struct mp_call *c)
{
	struct query *query = c->argument;

	return usocket_script_getaddrinfo(&c->call, query->host, query->service, &query->hints, 0,
		&query->result);
}

static void undo_getaddrinfo(struct mp_call *c, ssize_t result)
{
	struct query *query = c->argument;

	(void)result;
	usocket_freeaddrinfo(query->result);
}

/* With interrupts held: the allocator must not be left by a jump. */
static void free_result(struct addrinfo *result)
{
	usocket_script_hold_interrupts();
	usocket_freeaddrinfo(result);
	usocket_script_release_interrupts();
}

static MP_NORETURN void raise_bad_port(void)
{
	mp_raise_ValueError(MP_ERROR_TEXT("port must be 0..65535, or a service's name"));
}

/* Digits as they are, so that "70000" is not a service nobody knows. */
static const char *service_from(mp_obj_t object)
{
	const char *service = mp_host_from(object);
	size_t digits = strspn(service, "0123456789");
	bool is_signed = service[0] == '-' || service[0] == '+';

	if (service[0] == '\0' || (is_signed && strspn(service + 1, "0123456789") > 0))
		raise_bad_port();
	if (service[digits] == '\0' && (digits > 5 || strtol(service, NULL, 10) > UINT16_MAX))
		raise_bad_port();
	return service;
}

static void set_port(struct query *query, mp_obj_t object)
{
	mp_int_t port;

	if (object == mp_const_none)
		return;
	if (mp_obj_is_str_or_bytes(object)) {
		query->service = service_from(object);
		return;
	}
	if (!mp_obj_is_int(object))
		mp_raise_TypeError(MP_ERROR_TEXT("port must be int or str"));
	if (!mp_obj_get_int_maybe(object, &port) || port < 0 || port > UINT16_MAX)
		raise_bad_port();
	snprintf(query->port_text, sizeof(query->port_text), "%d", (int)port);
	query->service = query->port_text;
}

static mp_obj_t new_entry(const struct query *query, const struct usocket_script_address *address,
	int family)
{
	mp_obj_t items[5] = {
		MP_OBJ_NEW_SMALL_INT(family),
		MP_OBJ_NEW_SMALL_INT(query->hints.ai_socktype),
		MP_OBJ_NEW_SMALL_INT(query->protocol),
		query->canonical,
		mp_address_new(address, query->is_long),
	};

	return mp_obj_new_tuple(5, items);
}

/* The list of a result, which is freed. */
static mp_obj_t new_list(const struct query *query)
{
	struct usocket_script_address address;
	mp_obj_t list;
	nlr_buf_t nlr;
	unsigned int i;
	int family;

	if (nlr_push(&nlr) != 0) {
		free_result(query->result);
		nlr_jump(nlr.ret_val);
	}
	list = mp_obj_new_list(0, NULL);
	for (i = 0; (family = usocket_script_entry(query->result, i, &address)) != 0; i++)
		mp_obj_list_append(list, new_entry(query, &address, family));
	nlr_pop();
	free_result(query->result);
	return list;
}

static void set_hints(struct query *query, size_t n_args, const mp_obj_t *args)
{
	query->hints.ai_socktype = SOCK_STREAM;
	if (n_args > 2)
		query->hints.ai_family = mp_int_from(args[2]);
	if (n_args > 3 && mp_int_from(args[3]) != 0)
		query->hints.ai_socktype = mp_int_from(args[3]);
	if (n_args > 4)
		query->protocol = mp_int_from(args[4]);
	if (n_args > 5)
		query->hints.ai_flags = mp_int_from(args[5]);
}

static mp_obj_t getaddrinfo_of(size_t n_args, const mp_obj_t *args, bool is_quectels)
{
	struct query query = { .is_long = !is_quectels, .canonical = args[0] };
	struct mp_call c = { .fn = do_getaddrinfo, .undo = undo_getaddrinfo, .argument = &query };
	ssize_t result;

	set_hints(&query, n_args, args);
	set_port(&query, args[1]);
	if (args[0] != mp_const_none)
		query.host = mp_host_from(args[0]);
	else
		query.canonical = MP_OBJ_NEW_QSTR(MP_QSTR_);
	/* Quectel's modules take it for any address. */
	if (query.host && query.host[0] == '\0' && !is_quectels)
		mp_raise_result(-EAI_NONAME);
	result = mp_call_run_in(&c, USOCKET_SCRIPT_WAIT);
	if (result != 0)
		mp_raise_session_result(result);
	return new_list(&query);
}

static mp_obj_t do_usocket_getaddrinfo(size_t n_args, const mp_obj_t *args)
{
	return getaddrinfo_of(n_args, args, true);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_getaddrinfo_obj, 2, 6, do_usocket_getaddrinfo);

static mp_obj_t do_socket_getaddrinfo(size_t n_args, const mp_obj_t *args)
{
	return getaddrinfo_of(n_args, args, false);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_socket_getaddrinfo_obj, 2, 6,
	do_socket_getaddrinfo);
