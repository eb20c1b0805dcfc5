# SPDX-License-Identifier: MIT
"""The SOCKS server: datagrams."""

import socket

import harness
from harness import Tun
from runner import deadline
from socks_support import (NO_LOGIN, OK, UDP, WAIT_S, SocksCase, read_target, target)


class Association:
    def __init__(self, case, client, sock, port=0):
        client.greet(NO_LOGIN)
        code, self.place = client.ask(UDP, "0.0.0.0", port)
        assert code == OK, code
        self.client, self.sock = client, sock
        sock.settimeout(WAIT_S)

    def send(self, host, port, payload, fragment=0):
        self.sock.sendto(bytes([0, 0, fragment]) + target(host, port) + payload, self.place)

    def receive(self):
        data, _ = self.sock.recvfrom(1 << 16)
        assert data[:3] == bytes(3), data[:3]
        source, size = read_target(data[3:])
        return source, data[3 + size:]


@deadline(120)
class Datagrams(SocksCase):
    def udp_socket(self):
        return self.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    def associate(self, **more):
        return Association(self, self.over_port(), self.udp_socket(), **more)

    def kernel_peer(self, family=4):
        peer = self.keep(socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6,
                                       socket.SOCK_DGRAM))
        peer.bind((Tun.KERNEL[family], 0))
        peer.settimeout(WAIT_S)
        return peer

    def test_both_ways(self):
        association = self.associate()
        for family in 4, 6:
            for size in 0, 1, 1400, 20000:
                with self.subTest(family=family, size=size):
                    peer = self.kernel_peer(family)
                    association.send(*peer.getsockname()[:2], b"q" * size)
                    data, source = peer.recvfrom(1 << 16)
                    self.assertEqual((data, source[0]), (b"q" * size, Tun.STACK[family]))
                    peer.sendto(b"a" * size, source)
                    self.assertEqual(association.receive(),
                                     (peer.getsockname()[:2], b"a" * size))

    def test_over_a_path(self):
        association = Association(self, self.over_path(), self.udp_socket())
        peer = self.kernel_peer()
        association.send(*peer.getsockname(), b"x")
        self.assertEqual(peer.recvfrom(9)[0], b"x")

    def test_name(self):
        association = self.associate()
        peer = self.kernel_peer()
        association.send("no.invalid", 9, b"lost")
        association.send("peer.test", peer.getsockname()[1], b"named")
        self.assertEqual(peer.recvfrom(9)[0], b"named")

    def test_fragments_and_nonsense_are_dropped(self):
        association = self.associate()
        peer = self.kernel_peer()
        association.send(*peer.getsockname(), b"first")
        self.assertEqual(peer.recvfrom(9)[0], b"first")
        association.send(*peer.getsockname(), b"part", fragment=1)
        for nonsense in (b"", b"\0", bytes(4), bytes([0, 0, 0, 9, 1, 2, 3, 4]),
                         bytes([0, 0, 0, 3, 9])):
            association.sock.sendto(nonsense, association.place)
        association.send(*peer.getsockname(), b"last")
        self.assertEqual(peer.recvfrom(9)[0], b"last")
        record, = self.records()
        self.assertEqual(record["drops"], 6)

    def test_only_its_client_may_send(self):
        association = self.associate()
        peer = self.kernel_peer()
        association.send(*peer.getsockname(), b"mine")
        self.assertEqual(peer.recvfrom(9)[0], b"mine")
        stranger = self.udp_socket()
        message = bytes(3) + target(*peer.getsockname()) + b"forged"
        stranger.sendto(message, association.place)
        association.send(*peer.getsockname(), b"again")
        self.assertEqual(peer.recvfrom(9)[0], b"again")

    def test_another_user_is_not_the_client(self):
        harness.need_other_users()
        association = self.associate()
        peer = self.kernel_peer()
        message = bytes(3) + target(*peer.getsockname()) + b"forged"

        def send():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(message, association.place)
                # Until it was looked at, its owner must be there.
                input_end.recv(1)
        output_end, input_end = socket.socketpair()
        child = harness.Child(send, uid=1234)
        self.eventually(lambda: self.records()[0]["drops"] == 1, WAIT_S)
        output_end.send(b"x")
        child.result()
        output_end.close()
        input_end.close()
        association.send(*peer.getsockname(), b"mine")
        self.assertEqual(peer.recvfrom(9)[0], b"mine")

    def test_port_that_was_announced(self):
        sock = self.udp_socket()
        sock.bind(("127.0.0.1", 0))
        association = Association(self, self.over_port(), sock, port=sock.getsockname()[1])
        peer = self.kernel_peer()
        other = self.udp_socket()
        other.sendto(bytes(3) + target(*peer.getsockname()) + b"other", association.place)
        association.send(*peer.getsockname(), b"right")
        self.assertEqual(peer.recvfrom(9)[0], b"right")

    def test_ends_with_its_connection(self):
        association = self.associate()
        self.assertEqual(len(self.records()), 1)
        before = self.fds()
        association.client.sock.close()
        self.no_socket_is_left()
        self.eventually(lambda: self.daemon.fds() == before - 4, WAIT_S)

    def test_ends_while_names_are_looked_up(self):
        association = self.associate()
        for i in range(40):
            association.send(f"slow{i}.test", 9, b"never")
        self.eventually(lambda: self.records()[0]["drops"] >= 24, WAIT_S)
        association.client.sock.close()
        self.no_socket_is_left()
