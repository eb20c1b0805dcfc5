#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The SOCKS server: connections through it, and how they end."""

import os
import select
import socket
import struct
import subprocess
import tempfile

import harness
import runner
import socks_hostile
import socks_udp
from harness import Call, Tun, pattern
from runner import deadline
from socks_support import (CONNECT, EXPIRED, NO_HOST, NO_LOGIN, NO_NETWORK, OK, PORT, REFUSED,
                           WAIT_S, Client, SocksCase, target)

LARGE = 5_000_000


def reset(sock):
    """Closes with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@deadline(120)
class Streams(SocksCase):
    def test_bytes_both_ways_at_once(self):
        up, down = pattern(LARGE, 3), pattern(LARGE, 5)
        for way, open_client in self.both_ways():
            with self.subTest(way):
                client, peer = self.through(open_client)

                def send(sock, data):
                    sock.sendall(data)
                    sock.shutdown(socket.SHUT_WR)
                calls = [Call(send, client.sock, up), Call(send, peer, down),
                         Call(Client(peer).read_all)]
                self.assertTrue(client.read_all() == down)
                self.assertTrue(calls[2].result(WAIT_S) == up)
                for call in calls[:2]:
                    call.result(WAIT_S)

    def test_targets(self):
        """IPv4, IPv6, a name, and an address in the place of a name."""
        for host in Tun.KERNEL[4], Tun.KERNEL[6], "peer.test":
            with self.subTest(host):
                listener = self.keep(socket.create_server(
                    ("::", 0), family=socket.AF_INET6, dualstack_ipv6=True))
                port = listener.getsockname()[1]
                client = self.over_port("::1")
                self.assertEqual(client.connect(host, port), OK)
                self.accept_kernel(listener).sendall(b"x")
                self.assertEqual(client.read(1), b"x")
        client = self.over_path()
        client.greet(NO_LOGIN)
        text = Tun.KERNEL[6].encode()
        client.sock.sendall(bytes([5, CONNECT, 0, 3, len(text)]) + text + struct.pack("!H", port))
        code, local = client.read_reply()
        self.assertEqual((code, local[0]), (OK, Tun.STACK[6]))

    def test_next_address_of_a_name_is_tried(self):
        listener = self.kernel_listener()
        client = self.over_port()
        self.assertEqual(client.connect("both.test", listener.getsockname()[1]), OK)
        self.accept_kernel(listener)

    def test_reply_names_our_end(self):
        listener = self.kernel_listener()
        client = self.over_port()
        client.greet(NO_LOGIN)
        _, local = client.ask(CONNECT, *self.address_of(listener))
        self.assertEqual(self.accept_kernel(listener).getpeername(), local)

    def test_byte_by_byte(self):
        listener = self.kernel_listener()
        host, port = self.address_of(listener)
        client = self.over_port()
        for part in bytes([5, 2, 9, NO_LOGIN]) + bytes([5, CONNECT, 0]) + target(host, port):
            client.sock.sendall(bytes([part]))
        self.assertEqual(client.read(2), bytes([5, NO_LOGIN]))
        self.assertEqual(client.read_reply()[0], OK)

    def test_data_sent_ahead_arrives(self):
        for way, open_client in self.both_ways():
            with self.subTest(way):
                listener = self.kernel_listener()
                host, port = self.address_of(listener)
                client = open_client()
                client.sock.sendall(bytes([5, 1, NO_LOGIN, 5, CONNECT, 0]) + target(host, port) +
                                    b"ahead")
                client.sock.shutdown(socket.SHUT_WR)
                peer = Client(self.accept_kernel(listener))
                self.assertEqual(peer.read_all(), b"ahead")
                peer.sock.sendall(b"answer")
                peer.sock.close()
                self.assertEqual(client.read_all()[12:], b"answer")

    def test_server_that_speaks_first(self):
        """What comes with the handshake follows the reply."""
        listener = self.kernel_listener()

        def serve():
            peer, _ = listener.accept()
            with peer:
                peer.sendall(b"banner")
        serving = Call(serve)
        client = self.over_port()
        self.assertEqual(client.connect(*self.address_of(listener)), OK)
        self.assertEqual(client.read_all(), b"banner")
        serving.result()

    def test_slow_reader_is_not_drowned(self):
        client, peer = self.through()
        sent = self.send_until_stuck(peer, 20 * LARGE)
        peer.shutdown(socket.SHUT_WR)
        data = client.read_all()
        self.assertEqual(len(data), len(sent))
        self.assertTrue(data == sent)


@deadline(120)
class Ends(SocksCase):
    def test_peer_closes(self):
        for way, open_client in self.both_ways():
            with self.subTest(way):
                client, peer = self.through(open_client)
                peer.close()
                self.assertEqual(client.sock.recv(1), b"")
                client.sock.close()
                self.no_socket_is_left()

    def test_client_closes(self):
        for way, open_client in self.both_ways():
            with self.subTest(way):
                client, peer = self.through(open_client)
                client.sock.close()
                self.assertEqual(peer.recv(1), b"")
                peer.close()
                self.no_socket_is_left()

    def test_half_closes(self):
        for way, open_client in self.both_ways():
            with self.subTest(way):
                client, peer = self.through(open_client)
                client.sock.shutdown(socket.SHUT_WR)
                self.assertEqual(peer.recv(1), b"")
                peer.sendall(b"still here")
                self.assertEqual(client.read(10), b"still here")
                peer.close()
                self.assertEqual(client.sock.recv(1), b"")
                client.sock.close()
                self.no_socket_is_left()

    def test_peer_resets(self):
        client, peer = self.through()
        peer.sendall(b"last words")
        self.assertEqual(client.read(10), b"last words")
        reset(peer)
        with self.assertRaises(ConnectionResetError):
            client.sock.recv(1)
        self.no_socket_is_left()

    def test_bytes_before_a_reset_are_not_lost(self):
        """The client reads late; the bytes are in its queue by then, or in ours."""
        client, peer = self.through()
        peer.sendall(pattern(100_000, 3))
        self.eventually(lambda: self.records()[0]["bytes_received"] == 100_000, WAIT_S)
        reset(peer)
        self.no_socket_is_left()
        self.assertTrue(client.read(100_000) == pattern(100_000, 3))

    def test_client_resets(self):
        client, peer = self.through()
        reset(client.sock)
        with self.assertRaises(ConnectionResetError):
            peer.recv(1)

    def test_client_closes_with_bytes_unread(self):
        for way, open_client in self.both_ways():
            with self.subTest(way):
                client, peer = self.through(open_client)
                peer.sendall(b"unread")
                self.assertTrue(select.select([client.sock], [], [], WAIT_S)[0])
                client.sock.close()
                with self.assertRaises(ConnectionResetError):
                    peer.recv(1)

    def test_client_is_gone_and_the_peer_sends_on(self):
        client, peer = self.through()
        client.sock.close()
        self.assertEqual(peer.recv(1), b"")
        with self.assertRaises((ConnectionResetError, BrokenPipeError)):
            while True:
                peer.sendall(bytes(65536))

    def test_client_goes_while_connecting(self):
        for way, open_client in self.both_ways():
            for host in self.silent, "slow.test":
                with self.subTest(way, host=host):
                    client = open_client()
                    client.greet(NO_LOGIN)
                    client.sock.sendall(bytes([5, CONNECT, 0]) + target(host, 9))
                    if host == self.silent:
                        self.eventually(lambda: len(self.records()) == 1, WAIT_S)
                    reset(client.sock)
                    self.no_socket_is_left()

    def test_daemon_ends(self):
        client, peer = self.through()
        waiting = self.over_path()
        self.daemon.stop()
        with self.assertRaises(ConnectionResetError):
            peer.recv(1)
        self.assertIn(client.sock.recv(1), (b"",))
        self.assertEqual(waiting.sock.recv(1), b"")
        self.assertFalse(os.path.exists(self.path))
        type(self).daemon.process = None
        self.start_daemon()


@deadline(120)
class Refusals(SocksCase):
    config = {"tcp": {"connect_timeout": 4}}

    def test_refused(self):
        listener = self.kernel_listener()
        address = self.address_of(listener)
        listener.close()
        for way, open_client in self.both_ways():
            with self.subTest(way):
                client = open_client()
                self.assertEqual(client.connect(*address), REFUSED)
                self.assertEqual(client.sock.recv(1), b"")

    def test_no_answer(self):
        self.assertEqual(self.over_port().connect(self.silent, 9), EXPIRED)

    def test_unknown_name(self):
        self.assertEqual(self.over_port().connect("no.invalid", 9), NO_HOST)

    def test_name_server_that_is_silent(self):
        self.assertIn(self.over_port().connect("slow.test", 9), (NO_HOST, EXPIRED))

    def test_network_says_no(self):
        self.assertEqual(self.over_port().connect("2001:db8::1", 9), NO_NETWORK)

    def test_no_link(self):
        def link(what):
            subprocess.run([harness.program("usocketctl"), "link", what, "net0"], check=True,
                           env=harness.child_env(USOCKETD_SOCKET=self.daemon.socket),
                           timeout=WAIT_S)
        link("down")
        try:
            for way, open_client in self.both_ways():
                with self.subTest(way):
                    self.assertEqual(open_client().connect(self.kernel, 9), NO_HOST)
        finally:
            link("up")
            self.link_is_up()


@deadline(120)
class Table(SocksCase):
    def test_owner(self):
        """Of a path the process, of a port its user; and what went through."""
        listener = self.kernel_listener()
        address = self.address_of(listener)

        def use(family, place):
            with socket.socket(family) as sock:
                sock.connect(place)
                client = Client(sock)
                assert client.connect(*address) == OK
                sock.sendall(b"12345")
                assert client.read(3) == b"abc"
                return os.getpid()

        harness.need_other_users()
        os.chmod(harness.temporary_folder(), 0o755)
        for family, place in ((socket.AF_UNIX, self.path), (socket.AF_INET, ("127.0.0.1", PORT))):
            with self.subTest(family):
                child = harness.Child(use, family, place, uid=1234)
                peer = self.accept_kernel(listener)
                self.assertEqual(Client(peer).read(5), b"12345")
                record, = self.records()
                peer.sendall(b"abc")
                pid = child.result()
                self.assertEqual(record["uid"], 1234)
                self.assertEqual(record["state"], "ESTABLISHED")
                self.assertEqual(record["bytes_sent"], 5)
                if family == socket.AF_UNIX:
                    self.assertEqual(record["pid"], pid)
                    self.assertIn("python", record["program"])
                else:
                    self.assertEqual((record["pid"], record["program"]), (0, "socks"))
                peer.close()
                self.no_socket_is_left()

    def test_many_at_once(self):
        listener = self.kernel_listener(backlog=128)
        address = self.address_of(listener)
        before = self.fds()
        pairs = []
        for _ in range(100):
            client = self.over_port()
            self.assertEqual(client.connect(*address), OK)
            pairs.append((client, self.accept_kernel(listener)))
        for i, (client, peer) in enumerate(pairs):
            client.sock.sendall(str(i).encode())
            self.assertEqual(peer.recv(10), str(i).encode())
        self.assertEqual(len(self.records()), 100)
        for client, peer in pairs:
            client.sock.close()
            peer.close()
        self.no_socket_is_left()
        self.eventually(lambda: self.daemon.fds() == before, WAIT_S)


@deadline(120)
class Programs(SocksCase):
    """Programs that know SOCKS, none of them ours."""

    def run_program(self, *command):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=WAIT_S * harness.time_scale(),
                              env=harness.child_env())
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def serve_file(self, data):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        with open(os.path.join(folder, "file"), "wb") as f:
            f.write(data)
        listener = self.kernel_listener()
        port = listener.getsockname()[1]
        listener.close()
        server = subprocess.Popen(["python3", "-m", "http.server", "--bind", Tun.KERNEL[4],
                                   "--directory", folder, str(port)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.eventually(lambda: self.is_served(port), WAIT_S, "the server listens")
        return port

    def test_curl(self):
        data = pattern(LARGE, 13)
        port = self.serve_file(data)
        for proxy in (f"socks5h://127.0.0.1:{PORT}", f"socks5://[::1]:{PORT}",
                      f"socks5h://localhost{self.path}"):
            with self.subTest(proxy):
                host = "peer.test" if "5h" in proxy else Tun.KERNEL[4]
                out = self.run_program("curl", "-sS", "--proxy", proxy,
                                       f"http://{host}:{port}/file")
                self.assertTrue(out == data)

    def test_netcat(self):
        listener = self.kernel_listener()
        host, port = self.address_of(listener)

        def serve():
            peer, _ = listener.accept()
            with peer:
                peer.sendall(b"hello")
        serving = Call(serve)
        out = self.run_program("nc", "-d", "-X", "5", "-x", f"127.0.0.1:{PORT}", host, str(port))
        serving.result()
        self.assertEqual(out, b"hello")


if __name__ == "__main__":
    runner.main(__import__("__main__"), socks_udp, socks_hostile)
