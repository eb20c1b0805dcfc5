/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What checkNet and its like are made from: each link's record as a dict, where
 * what the link does not know of itself is None, a wait for the link, and a
descriptor that is readable while there are events of links.
 */
#include "usocket_mp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static mp_obj_t text_or_none(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	return len == 0 ? mp_const_none : mp_obj_new_str(text, len);
}

static mp_obj_t signal_or_none(int16_t value)
{
	return value == USOCKET_SIGNAL_UNKNOWN ? mp_const_none : MP_OBJ_NEW_SMALL_INT(value);
}

static mp_obj_t address_or_none(const struct usocket_address *address)
{
	char text[INET6_ADDRSTRLEN];

	if (address->family == AF_UNSPEC ||
		!inet_ntop(address->family, address->ip, text, sizeof(text)))
		return mp_const_none;
	return mp_obj_new_str(text, strlen(text));
}

static mp_obj_t address_list(const struct usocket_address *addresses, size_t n)
{
	mp_obj_t list = mp_obj_new_list(0, NULL);
	size_t i;

	for (i = 0; i < n; i++)
		mp_obj_list_append(list, address_or_none(&addresses[i]));
	return list;
}

static void store_fact(mp_obj_t dict, const struct usocket_script_fact *fact)
{
	mp_obj_t value = mp_const_none;

	if (fact->is_known && fact->is_text)
		value = text_or_none(fact->text, sizeof(fact->text));
	else if (fact->is_known)
		value = mp_obj_new_int_from_ll(fact->number);
	mp_obj_dict_store(dict, MP_OBJ_NEW_QSTR(qstr_from_str(fact->key)), value);
}

static mp_obj_t new_link(const struct usocket_link_info *link)
{
	const char *state = usocket_link_state_name(link->state);
	const struct {
		qstr name;
		mp_obj_t value;
	} items[] = {
		{ MP_QSTR_index, mp_obj_new_int_from_uint(link->index) },
		{ MP_QSTR_name, text_or_none(link->name, sizeof(link->name)) },
		{ MP_QSTR_driver, text_or_none(link->driver, sizeof(link->driver)) },
		{ MP_QSTR_state, MP_OBJ_NEW_SMALL_INT(link->state) },
		{ MP_QSTR_state_name, mp_obj_new_str(state, strlen(state)) },
		{ MP_QSTR_cause, text_or_none(link->cause, sizeof(link->cause)) },
		{ MP_QSTR_default, mp_obj_new_bool(link->is_default) },
		{ MP_QSTR_mtu, mp_obj_new_int_from_uint(link->mtu) },
		{ MP_QSTR_address, address_or_none(&link->address4) },
		{ MP_QSTR_gateway, address_or_none(&link->gateway4) },
		{ MP_QSTR_addresses6, address_list(link->addresses6, link->n_addresses6) },
		{ MP_QSTR_dns, address_list(link->dns, link->n_dns) },
		{ MP_QSTR_operator,
			text_or_none(link->operator_name, sizeof(link->operator_name)) },
		{ MP_QSTR_radio, text_or_none(link->radio, sizeof(link->radio)) },
		{ MP_QSTR_rssi_dbm, signal_or_none(link->rssi_dbm) },
		{ MP_QSTR_rsrp_dbm, signal_or_none(link->rsrp_dbm) },
		{ MP_QSTR_rsrq_db, signal_or_none(link->rsrq_db) },
		{ MP_QSTR_sinr_db, signal_or_none(link->sinr_db) },
	};
	mp_obj_t dict = mp_obj_new_dict(MP_ARRAY_SIZE(items));
	struct usocket_script_fact fact;
	size_t i;

	for (i = 0; i < MP_ARRAY_SIZE(items); i++)
		mp_obj_dict_store(dict, MP_OBJ_NEW_QSTR(items[i].name), items[i].value);
	for (i = 0; usocket_script_link_fact(link, sizeof(*link), (int)i, &fact); i++)
		store_fact(dict, &fact);
	return dict;
}

static int next_link(uint32_t *cursor, struct usocket_link_info *link)
{
	int rc = usocket_next_link(cursor, link, sizeof(*link));

	return rc < 0 ? -errno : rc;
}

static mp_obj_t do_links(void)
{
	mp_obj_t list = mp_obj_new_list(0, NULL);
	struct usocket_link_info link;
	uint32_t cursor = 0;
	int rc;

	for (;;) {
		MP_HELD(rc, next_link(&cursor, &link));
		if (rc < 0)
			mp_raise_session_result(rc);
		if (rc == 0)
			return list;
		mp_obj_list_append(list, new_link(&link));
	}
}
MP_DEFINE_CONST_FUN_OBJ_0(mp_usocket_links_obj, do_links);

static ssize_t do_wait(struct mp_call *c)
{
	return usocket_wait_link(usocket_script_left_ms(&c->call)) < 0 ? -errno : 0;
}

static mp_obj_t do_wait_link(mp_obj_t timeout)
{
	struct mp_call c = { .fn = do_wait };
	ssize_t result = mp_call_run_in(&c, mp_timeout_from(timeout));

	if (result == 0)
		return mp_const_true;
	if (result != -ETIMEDOUT && result != -EAGAIN)
		mp_raise_session_result(result);
	return mp_const_false;
}
MP_DEFINE_CONST_FUN_OBJ_1(mp_usocket_wait_link_obj, do_wait_link);

static void raise_refusal(int result, const struct usocket_refusal *why)
{
	mp_obj_t args[] = {
		MP_OBJ_NEW_SMALL_INT(-result),
		mp_obj_new_str(why->text, strlen(why->text)),
	};

	nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, MP_ARRAY_SIZE(args), args));
}

static mp_obj_t do_link_control(mp_obj_t name, mp_obj_t action)
{
	const char *link = mp_obj_str_get_str(name), *what = mp_obj_str_get_str(action);
	struct usocket_refusal why;
	int rc;

	MP_HELD(rc, usocket_script_link_control(link, what, &why));
	if (rc < 0)
		raise_refusal(rc, &why);
	return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(mp_usocket_link_control_obj, do_link_control);

static mp_obj_t do_link_set(size_t n_args, const mp_obj_t *args)
{
	const char *link = mp_obj_str_get_str(args[0]), *key = mp_obj_str_get_str(args[1]);
	const char *value = mp_obj_str_get_str(args[2]);
	int rc, redial = mp_obj_is_true(args[3]);
	struct usocket_refusal why;

	(void)n_args;
	MP_HELD(rc, usocket_script_link_set(link, key, value, redial, &why));
	if (rc < 0)
		raise_refusal(rc, &why);
	return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_usocket_link_set_obj, 4, 4, do_link_set);

static int watch_links(void)
{
	int fd = usocket_watch_links();

	return fd < 0 ? -errno : fd;
}

static mp_obj_t do_watch_links(void)
{
	int fd;

	MP_HELD(fd, watch_links());
	if (fd < 0)
		mp_raise_session_result(fd);
	return MP_OBJ_NEW_SMALL_INT(fd);
}
MP_DEFINE_CONST_FUN_OBJ_0(mp_usocket_watch_links_obj, do_watch_links);

static int watch_next(int fd, struct usocket_link_event *event)
{
	int rc = usocket_watch_next(fd, event, sizeof(*event));

	return rc < 0 ? -errno : rc;
}

static mp_obj_t do_watch_next(mp_obj_t descriptor)
{
	int fd = (int)mp_obj_get_int(descriptor);
	struct usocket_link_event event;
	const char *state;
	mp_obj_t items[2];
	int rc;

	MP_HELD(rc, watch_next(fd, &event));
	if (rc < 0)
		mp_raise_session_result(rc);
	if (rc == 0)
		return mp_const_none;
	state = usocket_link_state_name(event.state);
	items[0] = mp_obj_new_int_from_uint(event.index);
	items[1] = mp_obj_new_str(state, strlen(state));
	return mp_obj_new_tuple(2, items);
}
MP_DEFINE_CONST_FUN_OBJ_1(mp_usocket_watch_next_obj, do_watch_next);

static mp_obj_t do_watch_close(mp_obj_t descriptor)
{
	if (close((int)mp_obj_get_int(descriptor)) < 0)
		mp_raise_OSError(errno);
	return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(mp_usocket_watch_close_obj, do_watch_close);
