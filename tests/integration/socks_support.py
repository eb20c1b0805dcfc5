# SPDX-License-Identifier: MIT
"""What the cases of the SOCKS server share: a daemon that listens, a client by hand."""

import json
import os
import socket
import struct
import subprocess

import harness
import usock
from harness import Tun, TunCase

PORT = 1080
OK, FAILURE, NOT_ALLOWED, NO_NETWORK, NO_HOST, REFUSED, EXPIRED, NO_COMMAND, NO_ADDRESS = range(9)
CONNECT, BIND, UDP = 1, 2, 3
NO_LOGIN, LOGIN, NO_METHOD = 0, 2, 255
WAIT_S = 30


def target(host, port):
    """Type, address and port of RFC 1928, a name if @host is no address."""
    for kind, family in (1, socket.AF_INET), (4, socket.AF_INET6):
        try:
            return bytes([kind]) + socket.inet_pton(family, host) + struct.pack("!H", port)
        except OSError:
            pass
    return bytes([3, len(host)]) + host.encode() + struct.pack("!H", port)


def read_target(data):
    """The address and port at the beginning of @data, and how long they are."""
    family, size = {1: (socket.AF_INET, 4), 4: (socket.AF_INET6, 16)}[data[0]]
    port, = struct.unpack_from("!H", data, 1 + size)
    return (socket.inet_ntop(family, data[1:1 + size]), port), 3 + size


class Client:
    """A SOCKS client over the kernel's socket @sock, already connected."""

    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(WAIT_S)

    def read(self, n):
        data = b""
        while len(data) < n:
            part = self.sock.recv(n - len(data))
            if not part:
                raise EOFError(data)
            data += part
        return data

    def read_all(self):
        data = bytearray()
        while part := self.sock.recv(1 << 16):
            data += part
        return bytes(data)

    def greet(self, *methods):
        self.sock.sendall(bytes([5, len(methods), *methods]))
        version, method = self.read(2)
        assert version == 5
        return method

    def log_in(self, name, password):
        self.sock.sendall(bytes([1, len(name)]) + name + bytes([len(password)]) + password)
        version, code = self.read(2)
        assert version == 1
        return code

    def read_reply(self):
        """The code and the address of a reply."""
        head = self.read(4)
        assert head[0] == 5 and head[2] == 0, head
        rest = self.read({1: 4, 4: 16}[head[3]] + 2)
        return head[1], read_target(head[3:] + rest)[0]

    def ask(self, command, host, port):
        self.sock.sendall(bytes([5, command, 0]) + target(host, port))
        return self.read_reply()

    def connect(self, host, port):
        assert self.greet(NO_LOGIN) == NO_LOGIN
        code, _ = self.ask(CONNECT, host, port)
        return code


class SocksCase(TunCase):
    socks = {}
    slow_names = Tun.SILENT[4]

    @classmethod
    def make_link(cls):
        folder = harness.temporary_folder()
        cls.path = os.path.join(folder, "socks")
        hosts = os.path.join(folder, "hosts")
        with open(hosts, "w") as f:
            f.write(f"{Tun.KERNEL[4]} peer.test\n{Tun.KERNEL[6]} both.test\n"
                    f"{Tun.KERNEL[4]} both.test\n")
        return {**super().make_link(),
                "resolver": {"hosts": hosts, "timeout": 2, "servers": cls.slow_names},
                "socks": {"listen": f"127.0.0.1:{PORT}, [::1]:{PORT} {cls.path}", **cls.socks}}

    def over_port(self, host="127.0.0.1"):
        return Client(self.keep(socket.create_connection((host, PORT), WAIT_S)))

    def over_path(self):
        sock = self.keep(socket.socket(socket.AF_UNIX))
        sock.connect(self.path)
        return Client(sock)

    def both_ways(self):
        return (("a port", self.over_port), ("a path", self.over_path))

    def through(self, open_client=None):
        """A client that is connected, and the kernel's socket that it leads to."""
        listener = self.kernel_listener()
        client = (open_client or self.over_port)()
        self.assertEqual(client.connect(*self.address_of(listener)), OK)
        return client, self.accept_kernel(listener)

    def records(self):
        run = subprocess.run([harness.program("usocketctl"), "sockets", "-a", "--json"],
                             env=harness.child_env(USOCKETD_SOCKET=self.daemon.socket),
                             stdout=subprocess.PIPE, check=True, timeout=WAIT_S)
        return json.loads(run.stdout)["sockets"]

    def fds(self):
        """The daemon's descriptors, once each usocketctl's session has ended."""
        self.eventually(lambda: usock.status().sessions == 1, WAIT_S)
        return self.daemon.fds()

    def no_socket_is_left(self):
        self.eventually(lambda: self.records() == [], WAIT_S, "every socket has ended")

    def tearDown(self):
        # What the case kept is closed later; nothing of it may be needed.
        self.doCleanups()
        if self.daemon.is_running():
            self.no_socket_is_left()
        super().tearDown()
