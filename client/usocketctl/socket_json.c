/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Every socket's object has the same keys. State names are the library's, which
 * are RFC 9293's, with getsocketsta()'s number beside them; what a socket does
 * not have is null.
 */
#include "client/usocketctl/socket_json.h"

#include "client/usocketctl/json.h"
#include "client/usocketctl/socket_show.h"

#include "usocket.h"

#include <inttypes.h>
#include <string.h>

static void add_json_state(struct json_object *object, const struct usocket_socket_info *info)
{
	if (info->type == SOCK_STREAM) {
		unsigned int state = socket_show_state(info);
		const char *name = usocket_state_name((int)state);

		json_add_text(object, "state", name, strlen(name));
		json_add_number(object, "state_number", state);
		return;
	}
	json_add_text(object, "state",
		info->remote.family == AF_UNSPEC ? "UNCONNECTED" : "CONNECTED", 16);
	json_add_null(object, "state_number");
}

static void add_json_counters(struct json_object *object,
	const struct usocket_socket_info *info)
{
	json_add_number(object, "receive_queue", info->receive_queue);
	json_add_number(object, "send_queue", info->send_queue);
	json_add_number(object, "bytes_received", info->bytes_received);
	json_add_number(object, "bytes_sent", info->bytes_sent);
	json_add_number(object, "bytes_acked", info->bytes_acked);
	if (info->rtt_us)
		json_add_number(object, "rtt_us", info->rtt_us);
	else
		json_add_null(object, "rtt_us");
	json_add_number(object, "retransmissions", info->retransmissions);
	json_add_number(object, "drops", info->drops);
}

struct json_object *socket_json_new(const struct usocket_socket_info *info,
	const char *link_name, uint64_t now_ns)
{
	struct json_object *object = json_object_new_object();
	char id[24];

	snprintf(id, sizeof(id), "%" PRIx64, info->id);
	json_add_text(object, "id", id, sizeof(id));
	json_add_text(object, "type", socket_show_type(info), 4);
	json_add_number(object, "protocol", info->protocol);
	json_add_text(object, "family", info->family == AF_INET6 ? "ipv6" : "ipv4", 5);
	add_json_state(object, info);
	json_add_endpoint(object, "local", &info->local);
	json_add_endpoint(object, "remote", &info->remote);
	json_add_number(object, "pid", info->pid);
	json_add_number(object, "uid", info->uid);
	json_add_text(object, "program", info->program, sizeof(info->program));
	json_add_boolean(object, "closed", info->flags & USOCKET_INFO_ORPHAN);
	add_json_counters(object, info);
	json_add_number(object, "error", (uint64_t)info->error);
	if (link_name[0])
		json_add_text(object, "link", link_name, strlen(link_name));
	else
		json_add_null(object, "link");
	json_add_number(object, "age_ms", socket_show_age_ms(info, now_ns));
	return object;
}
