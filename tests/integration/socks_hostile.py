# SPDX-License-Identifier: MIT
"""The SOCKS server: who may use it, and what it makes of bad input."""

import os
import signal
import socket

import harness
from harness import Daemon, Tun
from rows_clock import fastclock_path
from runner import deadline
from socks_support import (BIND, CONNECT, FAILURE, LOGIN, NO_ADDRESS, NO_COMMAND, NO_LOGIN,
                           NO_METHOD, OK, WAIT_S, SocksCase)


@deadline(120)
class BadInput(SocksCase):
    def ends_after(self, *messages):
        """What the server answers to @messages before it closes."""
        client = self.over_port()
        for message in messages:
            client.sock.sendall(message)
        return client.read_all()

    def test_not_socks(self):
        for message in b"GET / HTTP/1.1\r\n\r\n", b"\x04\x01\0\x50\x7f\0\0\1\0", b"\x05\0":
            with self.subTest(message):
                with socket.create_connection(("127.0.0.1", 1080), WAIT_S) as sock:
                    sock.sendall(message)
                    with self.subTest("closed"):
                        try:
                            self.assertEqual(sock.recv(9), b"")
                        except ConnectionResetError:
                            pass

    def test_method_that_is_not_provided(self):
        self.assertEqual(self.ends_after(bytes([5, 1, 1])), bytes([5, NO_METHOD]))
        self.assertEqual(self.ends_after(bytes([5, 1, LOGIN])), bytes([5, NO_METHOD]))

    def test_commands(self):
        for command in BIND, 0, 4, 255:
            with self.subTest(command):
                client = self.over_port()
                client.greet(NO_LOGIN)
                self.assertEqual(client.ask(command, Tun.KERNEL[4], 9)[0], NO_COMMAND)
                self.assertEqual(client.sock.recv(1), b"")

    def test_type_of_address(self):
        client = self.over_port()
        client.greet(NO_LOGIN)
        client.sock.sendall(bytes([5, CONNECT, 0, 2, 1]))
        self.assertEqual(client.read_reply()[0], NO_ADDRESS)

    def test_names_that_are_none(self):
        for name in b"", b"a\0b":
            with self.subTest(name):
                client = self.over_port()
                client.greet(NO_LOGIN)
                client.sock.sendall(bytes([5, CONNECT, 0, 3, len(name)]) + name + b"\0\x50")
                self.assertEqual(client.sock.recv(1), b"")
        client = self.over_port()
        self.assertNotEqual(client.connect("x" * 255, 80), OK)

    def test_port_zero_and_group(self):
        self.assertEqual(self.over_port().connect(Tun.KERNEL[4], 0), NO_ADDRESS)
        self.assertNotEqual(self.over_port().connect("224.0.0.1", 9), OK)

    def test_truncated(self):
        whole = bytes([5, 1, 0, 5, CONNECT, 0, 3, 9]) + b"peer.test\0"
        for n in range(len(whole)):
            client = self.over_port()
            client.sock.sendall(whole[:n])
            client.sock.shutdown(socket.SHUT_WR)
            self.assertEqual(client.read_all(), bytes([5, 0]) if n >= 3 else b"")


@deadline(120)
class Silent(SocksCase):
    """The daemon's clock runs faster."""

    @classmethod
    def daemon_options(cls):
        before = os.environ.get("USOCKETD_SANITIZER_PRELOAD", "")
        return {"env": {"LD_PRELOAD": f"{before} {fastclock_path()}".strip(),
                        "FASTCLOCK": "20"}}

    def test_who_says_nothing_is_dropped(self):
        clients = [self.over_port() for _ in range(20)]
        half = self.over_path()
        half.sock.sendall(bytes([5, 1, NO_LOGIN, 5, CONNECT]))
        self.assertEqual(half.read_all(), bytes([5, NO_LOGIN]))
        for client in clients:
            self.assertEqual(client.sock.recv(1), b"")


@deadline(120)
class Users(SocksCase):
    @classmethod
    def make_link(cls):
        cls.users = os.path.join(harness.temporary_folder(), "users")
        cls.write_users("# who\nann:secret\nbob:pass:word\n")
        cls.socks = {"users": cls.users}
        return super().make_link()

    @classmethod
    def write_users(cls, text, mode=0o600):
        with open(cls.users, "w") as f:
            f.write(text)
        os.chmod(cls.users, mode)

    def setUp(self):
        super().setUp()
        self.listener = self.kernel_listener()

    def tries(self, name, password):
        client = self.over_port()
        self.assertEqual(client.greet(NO_LOGIN, LOGIN), LOGIN)
        code = client.log_in(name, password)
        if code != 0:
            self.assertEqual(client.sock.recv(1), b"")
            return False
        self.assertEqual(client.ask(CONNECT, *self.address_of(self.listener))[0], OK)
        self.accept_kernel(self.listener)
        return True

    def test_logins(self):
        self.assertTrue(self.tries(b"ann", b"secret"))
        self.assertTrue(self.tries(b"bob", b"pass:word"))
        for name, password in ((b"ann", b"Secret"), (b"ann", b"secre"), (b"ann", b"secret2"),
                               (b"ann", b""), (b"", b""), (b"", b"secret"), (b"an", b"secret"),
                               (b"ann\0", b"secret"), (b"ann", b"secret\0"),
                               (b"ann", b"pass:word"), (b"x" * 255, b"y" * 255)):
            with self.subTest(name, password=password):
                self.assertFalse(self.tries(name, password))

    def test_table_shows_the_user(self):
        self.assertTrue(self.tries(b"ann", b"secret"))
        self.assertEqual(self.records()[0]["program"], "ann")

    def test_port_asks_for_it(self):
        self.assertEqual(self.over_port().greet(NO_LOGIN), NO_METHOD)

    def test_path_knows_its_clients(self):
        self.assertEqual(self.over_path().greet(NO_LOGIN), NO_LOGIN)
        self.assertEqual(self.over_path().greet(LOGIN), LOGIN)

    def reload(self, *wanted):
        size = self.daemon.log_size()
        self.daemon.signal(signal.SIGHUP)
        for text in wanted:
            self.eventually(lambda: text in self.daemon.log()[size:], WAIT_S, text)

    def test_reload(self):
        for text, mode, said in (("ann", 0o600, ":1: expected NAME:PASSWORD"),
                                 ("eve:x\n", 0o644, "chmod 640")):
            with self.subTest(said):
                self.write_users(text, mode)
                self.reload(said, "the users that were read before stay")
                self.assertTrue(self.tries(b"ann", b"secret"))
                self.assertFalse(self.tries(b"eve", b"x"))
        self.write_users("eve:x\n")
        self.reload("are read again")
        self.eventually(lambda: self.tries(b"eve", b"x"), WAIT_S)
        self.assertFalse(self.tries(b"ann", b"secret"))
        self.write_users("# who\nann:secret\nbob:pass:word\n")
        self.daemon.signal(signal.SIGHUP)
        self.eventually(lambda: self.tries(b"ann", b"secret"), WAIT_S)


@deadline(120)
class Limits(SocksCase):
    config = {"limits": {"sockets_per_user": 3, "sessions_per_user": 6}}

    def test_sockets(self):
        listener = self.kernel_listener()
        clients = [self.over_port() for _ in range(4)]
        codes = [client.connect(*self.address_of(listener)) for client in clients]
        self.assertEqual(codes, [OK, OK, OK, FAILURE])

    def test_clients_without_a_connection(self):
        first = self.over_port()
        self.assertEqual(first.greet(NO_LOGIN), NO_LOGIN)
        n = 1
        while self.is_let_in():
            n += 1
            self.assertLessEqual(n, 6)
        self.assertIn("[limits] sessions_per_user", self.daemon.log())
        first.sock.close()
        self.eventually(self.is_let_in, WAIT_S, "another one is let in")

    def is_let_in(self):
        try:
            return self.over_port().greet(NO_LOGIN) == NO_LOGIN
        except (EOFError, OSError):
            return False


@deadline(120)
class Configuration(SocksCase):
    def starts_with(self, said, **sections):
        config = {"link net9": {"driver": "tun", "device": "none9", "address": "10.8.0.2/24"},
                  **sections}
        daemon = self.keep(Daemon(config))
        daemon.launch()
        code = daemon.wait()
        self.assertNotEqual(code, 0)
        self.assertIn(said, daemon.log())

    def test_only_loopback(self):
        for place in ("0.0.0.0:1080", "10.9.0.1:1080", "[::]:1080", "relative", "127.0.0.1:0",
                      "1080"):
            with self.subTest(place):
                self.starts_with("listen", socks={"listen": place})

    def test_port_is_open_to_all(self):
        self.starts_with("name a file of users", socks={"listen": "127.0.0.1:1081"},
                         daemon={"socket_mode": "0660"})

    def test_port_is_taken(self):
        self.starts_with("cannot listen on 127.0.0.1:1080: Address already in use",
                         socks={"listen": "127.0.0.1:1080"})

    def test_path_is_taken(self):
        self.starts_with("another usocketd", socks={"listen": self.path})

    def test_users_file(self):
        self.starts_with("cannot read /nonexistent",
                         socks={"listen": "127.0.0.1:1081", "users": "/nonexistent"})
