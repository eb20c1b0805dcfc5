#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usocketctl nc: bytes, ends, failures, and ssh over it; peers are the kernel's sockets."""

import contextlib
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

import harness
import runner
from harness import Call, Tun, TunCase, pattern
from runner import deadline
from ssh_support import SSHD, SshFiles

OK, FAILED, USAGE, UNREACHABLE, DENIED = range(5)

WAIT_S = 60
LARGE = 20_000_000


class NcCase(TunCase):
    @classmethod
    def make_link(cls):
        hosts = os.path.join(harness.temporary_folder(), "hosts")
        with open(hosts, "w") as f:
            f.write(f"{Tun.KERNEL[4]} peer.test\n{Tun.KERNEL[6]} both.test\n"
                    f"{Tun.KERNEL[4]} both.test\n")
        return {**super().make_link(), "resolver": {"hosts": hosts, "timeout": 2,
                                                    "servers": Tun.SILENT[4]}}

    def environment(self, **more):
        return harness.child_env(USOCKETD_SOCKET=self.daemon.socket, **more)

    def nc(self, *args, **more):
        """nc in the background, all three descriptors pipes unless said otherwise."""
        command = [harness.program("usocketctl"), "nc", *map(str, args)]
        pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
        more.setdefault("env", self.environment())
        process = subprocess.Popen(command, **{**pipes, **more})
        self.addCleanup(harness.end_process, process)
        return process

    def run_nc(self, *args, data=b"", expected=OK, **more):
        """nc to its end: what it printed; of a failure what it said."""
        process = self.nc(*args, **more)
        out, said = process.communicate(data, WAIT_S * harness.time_scale())
        self.assertEqual(process.returncode, expected, said)
        if expected == OK:
            self.assertEqual(said, b"")
        return out if expected == OK else said.decode()

    def connected_nc(self, *args, **more):
        """nc, and the kernel's socket that it is connected to."""
        listener = self.kernel_listener()
        host, port = self.address_of(listener)
        process = self.nc(*args, host, port, **more)
        peer = self.accept_kernel(listener)
        peer.settimeout(WAIT_S)
        return process, peer

    @staticmethod
    def receive_all(peer):
        data = bytearray()
        while part := peer.recv(1 << 16):
            data += part
        return bytes(data)

    def assert_ended(self, process):
        self.assertEqual(process.wait(WAIT_S), OK, process.stderr.read())


@deadline(120)
class Bytes(NcCase):
    def test_both_ways_at_once(self):
        process, peer = self.connected_nc()
        up, down = pattern(LARGE, 3), pattern(LARGE, 5)

        def send():
            peer.sendall(down)
            peer.shutdown(socket.SHUT_WR)
        sending, receiving = Call(send), Call(self.receive_all, peer)
        out, said = process.communicate(up, WAIT_S)
        sending.result(WAIT_S)
        self.assertTrue(receiving.result(WAIT_S) == up)
        self.assertTrue(out == down)
        self.assertEqual((process.returncode, said), (OK, b""))

    def test_files(self):
        """A file does not wait, and is no pipe."""
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
            source.write(pattern(1_000_001, 7))
            source.seek(0)
            process, peer = self.connected_nc(stdin=source, stdout=target)
            self.assertTrue(self.receive_all(peer) == pattern(1_000_001, 7))
            peer.sendall(pattern(999_999, 9))
            peer.close()
            self.assert_ended(process)
            target.seek(0)
            self.assertTrue(target.read() == pattern(999_999, 9))

    def test_slow_reader_is_not_drowned(self):
        """What nobody takes stays at the peer."""
        process, peer = self.connected_nc()
        sent = self.send_until_stuck(peer, LARGE * 4)
        peer.settimeout(WAIT_S)
        closing = Call(peer.close)
        process.stdin.close()
        data = process.stdout.read()
        closing.result()
        self.assertEqual(len(data), len(sent))
        self.assertTrue(data == sent)
        self.assert_ended(process)

    def test_peer_that_waits_for_its_own_bytes(self):
        """A reader of output that first wants its own data taken is no deadlock."""
        process, peer = self.connected_nc()
        # Nobody reads the output until all input is in.
        feeding = Call(process.stdin.write, pattern(LARGE, 13))
        peer.sendall(pattern(200_000, 17))
        got = bytearray()
        while len(got) < LARGE:
            got += peer.recv(1 << 16)
        self.assertTrue(bytes(got) == pattern(LARGE, 13))
        feeding.result(WAIT_S)
        process.stdin.close()
        peer.close()
        self.assertTrue(process.stdout.read() == pattern(200_000, 17))
        self.assert_ended(process)

    def test_standard_descriptors_keep_their_flags(self):
        """Others share them: they must not become non-blocking."""
        process, peer = self.connected_nc()
        process.stdin.write(b"x")
        process.stdin.flush()
        self.assertEqual(peer.recv(1), b"x")
        self.assertTrue(os.get_blocking(process.stdin.fileno()))
        self.assertEqual(self.flags_of(process, 0) & os.O_NONBLOCK, 0)
        self.assertEqual(self.flags_of(process, 1) & os.O_NONBLOCK, 0)

    @staticmethod
    def flags_of(process, fd):
        with open(f"/proc/{process.pid}/fdinfo/{fd}") as f:
            return int(f.read().split("flags:")[1].split()[0], 8)


@deadline(120)
class Ends(NcCase):
    def test_end_of_input_is_passed_on(self):
        process, peer = self.connected_nc()
        process.stdin.write(b"question")
        process.stdin.close()
        self.assertEqual(self.receive_all(peer), b"question")
        peer.sendall(b"answer")
        self.assertEqual(process.stdout.read(6), b"answer")
        self.assertIsNone(process.poll())
        peer.close()
        self.assertEqual(process.stdout.read(), b"")
        self.assert_ended(process)

    def test_end_of_peer_is_passed_on(self):
        process, peer = self.connected_nc()
        peer.sendall(b"all there is")
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual(process.stdout.read(), b"all there is")
        self.assertIsNone(process.poll())
        process.stdin.write(b"and here is mine")
        process.stdin.close()
        self.assertEqual(self.receive_all(peer), b"and here is mine")
        self.assert_ended(process)

    def test_option_N_is_taken(self):
        process, peer = self.connected_nc("-N", stdin=subprocess.DEVNULL)
        self.assertEqual(self.receive_all(peer), b"")
        peer.close()
        self.assert_ended(process)

    def test_terminal_ends_with_the_peer(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        process, peer = self.connected_nc(stdin=slave)
        os.close(slave)
        os.write(master, b"hello\n")
        self.assertEqual(peer.recv(100), b"hello\n")
        peer.close()
        self.assert_ended(process)

    def test_reset_is_a_failure(self):
        process, peer = self.connected_nc()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        self.assertEqual(process.wait(WAIT_S), FAILED)
        self.assertIn(b"the peer has ended the connection", process.stderr.read())

    def test_reset_after_the_last_bytes(self):
        """They are not lost, and what was not sent is told."""
        process, peer = self.connected_nc()
        peer.sendall(b"last words")
        self.assertEqual(process.stdout.read(10), b"last words")
        peer.close()
        self.assertEqual(process.stdout.read(), b"")
        with contextlib.suppress(BrokenPipeError):
            while process.poll() is None:
                process.stdin.write(b"x" * 4096)
                process.stdin.flush()
        self.assertEqual(process.wait(WAIT_S), FAILED)
        self.assertIn(b"the peer has ended the connection", process.stderr.read())

    def test_nobody_reads_the_output(self):
        """As with every filter: SIGPIPE, at once and not at the next byte."""
        process, peer = self.connected_nc()
        process.stdout.close()
        self.assertEqual(process.wait(WAIT_S), -signal.SIGPIPE)
        self.assertEqual(self.receive_all(peer), b"")

    def test_nobody_reads_the_output_and_sigpipe_is_ignored(self):
        process, peer = self.connected_nc(restore_signals=False)
        process.stdout.close()
        self.assertEqual(process.wait(WAIT_S), FAILED)
        self.assertIn(b"cannot write standard output: Broken pipe", process.stderr.read())

    def test_output_that_is_full(self):
        with open("/dev/full", "wb") as full:
            process, peer = self.connected_nc(stdout=full)
            peer.sendall(b"x")
            self.assertEqual(process.wait(WAIT_S), FAILED)
        self.assertIn(b"cannot write standard output: No space", process.stderr.read())

    def test_closed_standard_descriptors(self):
        """The socket must not become the program's output."""
        listener = self.kernel_listener()
        host, port = self.address_of(listener)
        shell = subprocess.Popen(["sh", "-c", '"$@" <&- >&- 2>&-', "sh",
                                  harness.program("usocketctl"), "nc", host, str(port)],
                                 env=self.environment())
        self.addCleanup(shell.wait)
        peer = self.accept_kernel(listener)
        self.assertEqual(self.receive_all(peer), b"")
        peer.sendall(b"nobody takes this")
        self.assertEqual(shell.wait(WAIT_S), FAILED)

    def test_quiet_time_ends_it(self):
        process, peer = self.connected_nc("-w", "0.5")
        peer.sendall(b"before")
        self.assertEqual(process.communicate(timeout=WAIT_S), (b"before", b""))
        self.assertEqual(process.returncode, OK)


@deadline(120)
class Inetd(NcCase):
    """One socket is input and output, as of inetd and of Accept=yes."""

    def served(self, kind):
        """nc that serves one end of a socket pair: the other, and nc's peer."""
        if kind == "unix":
            ours, its = socket.socketpair()
        else:
            with socket.create_server(("127.0.0.1", 0)) as server:
                ours = socket.create_connection(server.getsockname())
                its, _ = server.accept()
        self.keep(ours).settimeout(WAIT_S)
        process, peer = self.connected_nc(stdin=its, stdout=its)
        its.close()
        return process, ours, peer

    def test_bytes_and_both_ends(self):
        for kind in "unix", "tcp":
            for first in "client", "server":
                with self.subTest(kind, first=first):
                    self.talk(*self.served(kind), first)

    def talk(self, process, client, server, first):
        one, other = (client, server) if first == "client" else (server, client)
        sending = Call(lambda: (one.sendall(pattern(1_000_000, 19)),
                                one.shutdown(socket.SHUT_WR)))
        self.assertTrue(self.receive_all(other) == pattern(1_000_000, 19))
        sending.result()
        sending = Call(lambda: (other.sendall(pattern(1_000_000, 23)), other.close()))
        self.assertTrue(self.receive_all(one) == pattern(1_000_000, 23))
        sending.result()
        self.assert_ended(process)

    def test_client_that_sends_and_leaves(self):
        process, client, server = self.served("unix")
        client.sendall(b"note")
        client.close()
        self.assertEqual(self.receive_all(server), b"note")
        server.close()
        self.assert_ended(process)


@deadline(120)
class Failures(NcCase):
    def test_refused(self):
        said = self.run_nc(Tun.KERNEL[4], 1, expected=FAILED)
        self.assertEqual(said, "usocketctl: cannot connect to 10.9.0.1 port 1: "
                               "connection refused: nothing listens there\n")

    def test_no_answer(self):
        said = self.run_nc("-w", "0.3", Tun.SILENT[4], 80, expected=FAILED)
        self.assertIn("cannot connect to 10.9.0.66 port 80: no answer in time", said)

    def test_name_unknown(self):
        said = self.run_nc("-w", "1", "nowhere.test", 80, expected=FAILED)
        self.assertIn("nowhere.test", said)

    def test_service_unknown(self):
        said = self.run_nc(Tun.KERNEL[4], "no-such-service", expected=FAILED)
        self.assertTrue(said.startswith("usocketctl: no-such-service: "), said)

    def test_names_are_the_daemons(self):
        listener = self.kernel_listener()
        process = self.nc("peer.test", self.address_of(listener)[1], stdin=subprocess.DEVNULL)
        peer = self.accept_kernel(listener)
        self.assertEqual(peer.getpeername()[0], Tun.STACK[4])
        peer.close()
        self.assert_ended(process)

    def test_next_address_is_tried(self):
        """both.test has IPv6 first, where nobody listens."""
        listener = self.kernel_listener()
        process = self.nc("-w", "20", "both.test", self.address_of(listener)[1],
                          stdin=subprocess.DEVNULL)
        self.accept_kernel(listener).close()
        self.assert_ended(process)
        said = self.run_nc("-6", "both.test", self.address_of(listener)[1], expected=FAILED)
        self.assertIn("connection refused", said)

    def test_zero(self):
        listener = self.kernel_listener()
        self.assertEqual(self.run_nc("-z", *self.address_of(listener)), b"")
        self.run_nc("-z", Tun.KERNEL[4], 1, expected=FAILED)

    def test_link_unknown(self):
        said = self.run_nc("--link", "nope", Tun.KERNEL[4], 1, expected=FAILED)
        self.assertIn("there is no link 'nope'", said)

    def test_wrong_lines(self):
        for args in (), ("one",), ("-w", "x", "a", "1"), ("a", "b", "c"), ("-z", "-l", "5"), \
                ("-uz", "a", "5"), ("-l", "--link", "net0", "5"):
            with self.subTest(args):
                self.assertIn("Try 'usocketctl", self.run_nc(*args, expected=USAGE))

    def test_no_daemon(self):
        said = self.run_nc("a", 1, expected=UNREACHABLE,
                           env=harness.child_env(USOCKETD_SOCKET="/nowhere"))
        self.assertIn("cannot reach usocketd at /nowhere", said)

    def test_daemon_ends(self):
        process, peer = self.connected_nc()
        process.stdin.write(b"x")
        process.stdin.flush()
        self.assertEqual(peer.recv(1), b"x")
        self.daemon.stop()
        self.assertEqual(process.wait(WAIT_S), FAILED)
        self.assertIn(b"usocketd has ended", process.stderr.read())
        self.start_daemon()


class LinkAway(NcCase):
    """The link goes down in the middle of a transfer."""

    def ctl(self, *args):
        subprocess.run([harness.program("usocketctl"), *args], env=self.environment(), check=True,
                       timeout=WAIT_S)

    def link_down(self):
        self.ctl("link", "down", "net0")
        self.addCleanup(self.link_up)

    def link_up(self):
        self.ctl("link", "up", "net0")
        self.ctl("link", "wait", "--timeout", str(WAIT_S), "net0")
        self.eventually(self.is_refused, 20)

    def test_none_from_the_start(self):
        self.link_down()
        said = self.run_nc(Tun.KERNEL[4], 80, expected=FAILED)
        self.assertIn("no link is up", said)

    def test_transfer_goes_on_when_it_is_back(self):
        process, peer = self.connected_nc()
        data = pattern(LARGE // 4, 29)
        feeding = Call(lambda: (process.stdin.write(data), process.stdin.close()))
        got = peer.recv(100_000)
        self.link_down()
        self.link_up()
        got += self.receive_all(peer)
        feeding.result(WAIT_S)
        self.assertTrue(got == data)
        peer.close()
        self.assert_ended(process)

    def test_given_up_after_the_quiet_time(self):
        with tempfile.TemporaryFile() as source:
            source.write(pattern(LARGE, 31))
            source.seek(0)
            process, peer = self.connected_nc("-w", "2", stdin=source)
        peer.recv(100_000)
        self.link_down()
        self.assertEqual(process.wait(WAIT_S), FAILED)
        self.assertIn(b"gave up with bytes that nobody has taken", process.stderr.read())


@deadline(120)
class Listening(NcCase):
    def connect(self, port, family=4):
        self.family = family
        address = (self.stack, port)

        def attempt():
            s = socket.socket(self.af)
            s.settimeout(5)
            if s.connect_ex(address) == 0:
                return s
            s.close()
            return None
        s = self.keep(self.eventually(attempt, 20, "nc listens"))
        s.settimeout(WAIT_S)
        return s

    def free_port(self):
        with contextlib.closing(socket.socket()) as s:
            s.bind((Tun.KERNEL[4], 0))
            return s.getsockname()[1]

    def test_one_connection(self):
        for family, args in (4, ()), (6, ()), (4, ("-4",)), (6, ("-6",)), (4, (Tun.STACK[4],)):
            with self.subTest(family, args=args):
                port = self.free_port()
                process = self.nc("-l", *args, port)
                s = self.connect(port, family)
                s.sendall(b"in")
                s.shutdown(socket.SHUT_WR)
                self.assertEqual(process.communicate(b"out", WAIT_S), (b"in", b""))
                self.assertEqual((self.receive_all(s), process.returncode), (b"out", OK))

    def test_only_one(self):
        port = self.free_port()
        process = self.nc("-l", port)
        first = self.connect(port)
        first.sendall(b"x")
        self.assertEqual(process.stdout.read(1), b"x")
        with socket.socket() as second:
            second.settimeout(5)
            with self.assertRaises(ConnectionRefusedError):
                second.connect((Tun.STACK[4], port))

    def test_nobody_comes(self):
        said = self.run_nc("-l", "-w", "0.2", self.free_port(), expected=FAILED)
        self.assertIn("nobody has connected in time", said)

    def test_address_in_use(self):
        port = self.free_port()
        self.nc("-l", "-4", port)
        self.eventually(lambda: b":%d " % port in subprocess.run(
            [harness.program("usocketctl"), "sockets", "-ln"], env=self.environment(),
            capture_output=True, check=True).stdout, 20)
        said = self.run_nc("-l", "-4", port, expected=FAILED)
        self.assertIn(f"cannot listen on any address port {port}: Address already in use", said)

    def test_datagrams(self):
        port = self.free_port()
        process = self.nc("-l", "-u", "-4", port)
        s = self.kernel_socket(socket.SOCK_DGRAM)
        s.settimeout(0.2)
        s.connect((Tun.STACK[4], port))

        def ask():
            """Until nc is there: refused, or silence."""
            with contextlib.suppress(OSError):
                s.send(b"ping")
                return process.stdin.write(b"pong") and not process.stdin.flush() and s.recv(99)
        self.assertEqual(self.eventually(ask, 20)[:4], b"pong")
        self.assertEqual(process.stdout.read(4), b"ping")


@deadline(120)
class Datagrams(NcCase):
    def test_each_write_is_one(self):
        peer = self.kernel_socket(socket.SOCK_DGRAM)
        peer.bind((Tun.KERNEL[4], 0))
        process = self.nc("-u", *self.address_of(peer))
        for data in b"one", pattern(3000, 37), b"three":
            process.stdin.write(data)
            process.stdin.flush()
            got, address = peer.recvfrom(1 << 16)
            self.assertEqual(got, data)
            peer.sendto(b"", address)
            peer.sendto(data, address)
            self.assertEqual(process.stdout.read(len(data)), data)

    def test_quiet_time_ends_it(self):
        peer = self.kernel_socket(socket.SOCK_DGRAM)
        peer.bind((Tun.KERNEL[4], 0))
        self.assertEqual(self.run_nc("-u", "-w", "0.3", *self.address_of(peer), data=b"x"), b"")
        self.assertEqual(peer.recv(10), b"x")

    def test_refused(self):
        said = self.run_nc("-u", "-w", "20", Tun.KERNEL[4], 1, data=b"x", expected=FAILED)
        self.assertIn("connection with 10.9.0.1 port 1: connection refused", said)


@deadline(180)
class ProxyCommand(NcCase):
    def setUp(self):
        super().setUp()
        if not os.path.exists(SSHD) or not shutil.which("ssh"):
            raise unittest.SkipTest("ssh and sshd are not installed")

    def test_ssh(self):
        folder = tempfile.mkdtemp(prefix="nc.", dir=harness.temporary_folder())
        ssh = SshFiles(folder)
        listener = self.kernel_listener()
        port = self.address_of(listener)[1]
        listener.close()
        server = subprocess.Popen(ssh.server(port, "-o", f"ListenAddress={Tun.KERNEL[4]}"),
                                  env=harness.child_env(), stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        self.eventually(lambda: self.is_served(port), 20, "sshd listens")
        command = f"{harness.program('usocketctl')} nc %h %p"
        client = ["ssh", *ssh.client_options("-o", f"ProxyCommand={command}"), "-p", str(port),
                  "root@peer.test"]
        data = pattern(5_000_000, 41)
        for remote, sent, expected in (("echo $SSH_CLIENT", b"", None), ("cat", data, data)):
            done = subprocess.run([*client, remote], env=self.environment(), input=sent,
                                  capture_output=True, timeout=WAIT_S)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn(b"usocketctl", done.stderr)
            if expected is None:
                self.assertEqual(done.stdout.split()[0].decode(), Tun.STACK[4])
            else:
                self.assertTrue(done.stdout == expected)


if __name__ == "__main__":
    runner.main(sys.modules[__name__])
