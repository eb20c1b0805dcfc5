# SPDX-License-Identifier: MIT
"""A client of the daemon that is not the library: it may do as it likes.

Speaks proto/usocket.proto on the rendezvous socket, and on the queues it is
given.
"""

import ctypes
import errno
import os
import select
import socket

from protobuf import field, fixed64, parse_fields

HELLO, SOCKET_NEW, SOCKET_ATTACH, SOCKET_BIND, SOCKET_CONNECT = 2, 3, 4, 5, 6
SOCKET_DISCONNECT, SOCKET_LISTEN, SET_OPTION, GET_OPTION = 7, 8, 9, 10
RESOLVE, WATCH, GET_STATUS = 11, 12, 13
OK, STARTED, MALFORMED, UNKNOWN_REQUEST, VERSION, NOT_PERMITTED = 0, 1, 2, 3, 4, 5
BAD_SOCKET, INVALID, TOO_MANY = 7, 8, 9
QUEUES, NO_REPLY = 1, 32
MESSAGE_MAX = 512

_libc = ctypes.CDLL(None, use_errno=True)


def hello(version_min=1, version_max=1, capabilities=0, program=b"raw"):
    body = field(1, version_min) + field(2, version_max)
    if capabilities:
        body += field(3, capabilities)
    return body + field(4, program)


def socket_new(family=4, kind=1, protocol=0):
    return field(1, family) + field(2, kind) + (field(3, protocol) if protocol else b"")


def of_socket(number, rest=b""):
    return fixed64(1, number) + rest


def ip_address(text, port):
    ip = socket.inet_aton(text)
    return field(1, 4) + field(2, ip) + field(3, port)


class Reply:
    def __init__(self, raw, fds):
        fields = parse_fields(raw)
        self.sequence = fields.get(1, 0)
        self.status = fields.get(2, OK)
        self.body = {n: parse_fields(v) for n, v in fields.items() if isinstance(v, bytes)}
        self.fds = fds

    def socket(self):
        return self.body[4][1]


class RawClient:
    def __init__(self, path, timeout_s=5):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Without a time-out: with one a full backlog would be an error.
        self.socket.connect(path)
        self.socket.settimeout(timeout_s)
        self.sequence = 0
        self.fds = []

    def close(self):
        self.socket.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def request_bytes(self, tag, body=b""):
        self.sequence += 1
        return field(1, self.sequence) + field(tag, body)

    def send(self, raw, fds=()):
        if fds:
            socket.send_fds(self.socket, [raw], list(fds))
        else:
            self.socket.send(raw)

    def receive(self):
        """The next reply; None: the daemon has hung up."""
        try:
            raw, fds, _, _ = socket.recv_fds(self.socket, MESSAGE_MAX, 8)
        except ConnectionResetError:
            return None
        self.fds += fds
        return Reply(raw, list(fds)) if raw else None

    def ask(self, tag, body=b"", fds=()):
        self.send(self.request_bytes(tag, body), fds)
        return self.receive()

    def hello(self, **kwargs):
        return self.ask(HELLO, hello(**kwargs))

    def new_socket(self, **kwargs):
        reply = self.ask(SOCKET_NEW, socket_new(**kwargs))
        return reply.socket(), reply.fds[0]

    def is_dropped(self, timeout_s=5):
        """Whether the daemon hangs up within the time; replies are thrown away."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        while poll.poll(timeout_s * 1000):
            if self.receive() is None:
                return True
        return False


class Queue:
    """The client's end of a message queue, by descriptor."""

    def __init__(self, fd):
        self.fd = fd

    def send(self, raw):
        """False: it is full."""
        if _libc.mq_send(self.fd, raw, len(raw), 0) == 0:
            return True
        number = ctypes.get_errno()
        if number == errno.EAGAIN:
            return False
        raise OSError(number, os.strerror(number))

    def receive(self, timeout_s=5):
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        if not poll.poll(timeout_s * 1000):
            return None
        out = ctypes.create_string_buffer(MESSAGE_MAX)
        n = _libc.mq_receive(self.fd, out, MESSAGE_MAX, None)
        if n < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return Reply(out.raw[:n], [])
