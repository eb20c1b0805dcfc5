// SPDX-License-Identifier: MIT
/* The traffic's calls by libusocket: those behind -u. */
#include "usocket.h"

#include "traffic.h"

const struct traffic_calls traffic_usocket = {
	.socket = usocket_socket,
	.close = usocket_close,
	.bind = usocket_bind,
	.listen = usocket_listen,
	.connect = usocket_connect,
	.accept = usocket_accept,
	.send = usocket_send,
	.recv = usocket_recv,
	.setsockopt = usocket_setsockopt,
};
