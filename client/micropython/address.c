/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Addresses are tuples or lists; both modules take two items, and four for
 * IPv6. Names are resolved by the library. A link-local address keeps its scope
 * in the host's text where a tuple of two items has no other place for it.
 */
#include "usocket_mp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define FLOWINFO_MAX 0xfffff

const char *mp_host_from(mp_obj_t object)
{
	size_t len;
	const char *host;

	if (!mp_obj_is_str_or_bytes(object))
		mp_raise_TypeError(MP_ERROR_TEXT("host must be str"));
	host = mp_obj_str_get_data(object, &len);
	if (strlen(host) != len)
		mp_raise_ValueError(MP_ERROR_TEXT("host has a null character"));
	return host;
}

static uint32_t number_from(mp_obj_t object, uint32_t max, mp_rom_error_text_t range)
{
	mp_int_t value;

	if (!mp_obj_is_int(object))
		mp_raise_TypeError(MP_ERROR_TEXT("port must be int"));
	if (!mp_obj_get_int_maybe(object, &value) || value < 0 || value > (mp_int_t)max)
		mp_raise_ValueError(range);
	return (uint32_t)value;
}

void mp_endpoint_from(mp_obj_t object, int family, struct usocket_script_endpoint *endpoint)
{
	mp_obj_t *items;
	size_t n;

	if (!mp_obj_is_type(object, &mp_type_tuple) && !mp_obj_is_type(object, &mp_type_list))
		mp_raise_TypeError(MP_ERROR_TEXT("address must be a tuple or list"));
	mp_obj_get_array(object, &n, &items);
	if (n != 2 && !(n == 4 && family == AF_INET6))
		mp_raise_TypeError(MP_ERROR_TEXT("address must be (host, port)"));
	*endpoint = (struct usocket_script_endpoint){ .host = NULL };
	endpoint->port = number_from(items[1], UINT16_MAX, MP_ERROR_TEXT("port must be 0..65535"));
	if (n == 4) {
		endpoint->flowinfo = number_from(items[2], FLOWINFO_MAX,
			MP_ERROR_TEXT("flowinfo must be 0..1048575"));
		endpoint->scope = number_from(items[3], UINT32_MAX,
			MP_ERROR_TEXT("scope must be 0..4294967295"));
	}
	endpoint->host = mp_host_from(items[0]);
}

struct make_address {
	const struct usocket_script_endpoint *endpoint;
	struct usocket_script_address *address;
};

static ssize_t make_address(struct mp_call *c)
{
	struct make_address *make = c->argument;

	return usocket_script_address(c->script, &c->call, make->endpoint, make->address);
}

void mp_address_from(struct mp_usocket *s, mp_obj_t object,
	struct usocket_script_address *address)
{
	struct usocket_script_endpoint endpoint;
	struct make_address make = { .endpoint = &endpoint, .address = address };
	struct mp_call c = { .script = &s->script, .fn = make_address, .argument = &make };
	ssize_t result;

	mp_endpoint_from(object, usocket_script_family(&s->script), &endpoint);
	result = mp_call_run(&c);
	if (result != 0)
		mp_raise_session_result(result);
}

static mp_obj_t new_long(const struct usocket_script_address *address, char *host, int port)
{
	const struct sockaddr_in6 *sin6 = (const void *)&address->storage;
	mp_obj_t items[4];

	host[strcspn(host, "%")] = '\0';
	items[0] = mp_obj_new_str(host, strlen(host));
	items[1] = MP_OBJ_NEW_SMALL_INT(port);
	items[2] = mp_obj_new_int_from_uint(ntohl(sin6->sin6_flowinfo));
	items[3] = mp_obj_new_int_from_uint(sin6->sin6_scope_id);
	return mp_obj_new_tuple(4, items);
}

mp_obj_t mp_address_new(const struct usocket_script_address *address, bool is_long)
{
	char host[USOCKET_SCRIPT_HOST_MAX];
	int port = usocket_script_address_text(address, host);
	mp_obj_t items[2];

	if (port < 0)
		return mp_const_none;
	if (is_long && address->storage.ss_family == AF_INET6)
		return new_long(address, host, port);
	items[0] = mp_obj_new_str(host, strlen(host));
	items[1] = MP_OBJ_NEW_SMALL_INT(port);
	return mp_obj_new_tuple(2, items);
}
