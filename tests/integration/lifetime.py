#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who dies and what is left: clients, daemons, holders, floods, liars."""

import contextlib
import errno
import os
import random
import select
import signal
import socket
import struct
import sys
import tempfile
import time

import harness
import loads
import packets
import runner
import usock
from loads import memory_of
from runner import deadline

# Within what a dead client's things must be gone, and how much later a single
# one may be on a machine that does other things too.
GONE_S = 0.1
TRIES = 5
SLACK_KIB = 2048


def receive_exactly(sock, size):
    """Of a kernel socket; less only at its end."""
    data = b""
    while len(data) < size and (part := sock.recv(size - len(data))):
        data += part
    return data


def read_until_end(sock, tell=None):
    """Reads a kernel socket to its end, FIN or reset. Returns how much came."""
    total = 0
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(1 << 20):
            total += len(chunk)
            if tell:
                tell(total)
    return total


@deadline(120)
class Kills(loads.LoadCase):
    """kill -9 in the middle of a transfer, 200 times."""

    ROUNDS = 200
    WARM_UP = 20
    ENOUGH = 300000

    def kill_once(self, mode):
        sends, receives = mode != "receiving", mode != "sending"
        client = self.load("stream", host=self.kernel, port=self.port,
                           send=1 << 40 if sends else 0, receive=1 << 40 if receives else 0,
                           mode="threads", check=0)
        peer, _ = self.listener.accept()
        with peer:
            peer.settimeout(10)
            if receives:
                self.feed(peer, client)
            if sends:
                total = 0
                while total < self.ENOUGH:
                    total += len(peer.recv(1 << 20))
            client.kill()
            # What it had sent comes, then FIN or a reset; never nothing.
            read_until_end(peer)
        client.close()

    def feed(self, peer, client):
        """Sends until the client has had enough, and some more is under way."""
        data = bytes(65536)
        peer.setblocking(False)

        def fed():
            with contextlib.suppress(BlockingIOError):
                while True:
                    peer.send(data)
            return any(s.pid == client.pid and s.bytes_received > self.ENOUGH
                       for s in usock.sockets())
        self.eventually(fed)
        peer.settimeout(10)

    def test_200_kills_leave_nothing(self):
        self.listener = self.kernel_listener()
        self.port = self.listener.getsockname()[1]
        modes = ("sending", "receiving", "both")
        before = self.statistics()
        for i in range(self.WARM_UP):
            self.kill_once(modes[i % 3])
        self.comes_back_to(before, 10)
        memory = memory_of(self.daemon.pid)
        for i in range(self.ROUNDS):
            self.kill_once(modes[i % 3])
        self.comes_back_to(before, 10)
        grown = memory_of(self.daemon.pid) - memory
        # A sanitizer keeps freed memory back.
        if not harness.is_sanitized():
            self.assertLess(grown, SLACK_KIB)


@deadline(60)
class Deaths(loads.LoadCase):
    """The client dies at any point: nothing of it is left, within 100 ms."""

    # A name server that never answers, so that look-ups stay under way.
    config = {"resolver": {"servers": harness.Tun.SILENT[4], "timeout": 2}}

    def goes_in_time(self, start):
        """
        start() brings a client to where it is to die and returns it. What it
        holds must be gone GONE_S after its death, at the best of some tries.
        """
        before = self.statistics()
        best = None
        for _ in range(TRIES):
            client = start()
            self.assertNotEqual(self.statistics(), before)
            client.kill()
            dead = time.monotonic()
            self.comes_back_to(before)
            took = time.monotonic() - dead
            best = took if best is None else min(best, took)
            if best <= GONE_S:
                return
        self.fail(f"gone after {best:.3f} s at best")

    def hold(self, kind, count=20, **words):
        words.setdefault("host", "0.0.0.0")

        def start():
            client = self.load("hold", kind=kind, count=count, **words)
            client.line("ready")
            return client
        self.goes_in_time(start)

    def test_with_a_session(self):
        self.hold("session", count=1)

    def test_with_new_sockets(self):
        self.hold("tcp")

    def test_with_bound_datagram_sockets(self):
        self.hold("udp")

    def test_with_memberships(self):
        self.hold("member")

    def test_with_raw_sockets(self):
        self.hold("raw")

    def test_with_listeners(self):
        self.hold("listen")

    def test_while_connecting(self):
        self.hold("connecting", host=self.silent, port=7)

    def test_with_idle_connections(self):
        """FIN is answered at once here, so nothing is left to deliver."""
        echo = self.kernel_load("echo", host=self.kernel)
        self.hold("connected", host=self.kernel, port=echo.port())

    def test_listening_with_untaken_connections(self):
        peers = []

        def start():
            client = self.load("hold", kind="listen", host=self.stack)
            port = int(client.line("ready"))
            for _ in range(5):
                peer = self.kernel_socket()
                peer.connect((self.stack, port))
                peer.send(b"unread")
                peers.append(peer)
            self.eventually(lambda: [s for s in usock.sockets() if s.receive_queue >= 5])
            return client
        self.goes_in_time(start)
        for peer in peers:
            with self.fails(errno.ECONNRESET):
                peer.recv(1)

    def test_with_data_nobody_acknowledges(self):
        """What TCP has still to deliver stays, and only that."""
        listener = self.kernel_listener()
        before = self.statistics()
        client = self.load("stream", host=self.kernel, port=listener.getsockname()[1],
                           send=1 << 40)
        peer = self.accept_kernel(listener)

        def mine():
            return [s for s in usock.sockets() if s.pid == client.pid]
        # The peer reads nothing, so its window is shut at last.
        self.eventually(lambda: mine() and mine()[0].send_queue > 400000)
        client.kill()
        self.eventually(lambda: usock.status().sessions == before["sessions"])
        self.eventually(lambda: [s.flags & usock.INFO_ORPHAN for s in mine()] ==
                        [usock.INFO_ORPHAN])
        sent = mine()[0].bytes_sent
        self.assertGreaterEqual(read_until_end(peer), sent)
        peer.close()
        self.comes_back_to(before)

    def test_with_look_ups_under_way(self):
        """The questions asked stay until DNS gives up; nothing of the client does."""
        before = self.statistics()
        client = self.load("hold", kind="lookup", count=20)
        client.line("ready")
        self.assertEqual(usock.status().lookups, 20)
        client.kill()
        self.eventually(lambda: {**self.statistics(), "lookups": 0} == before)
        self.comes_back_to(before, 10)

    # ---- on the rendezvous socket, byte by byte ----

    HELLO = bytes.fromhex("0801" "1204" "0801" "1001")
    SOCKET_NEW = bytes.fromhex("0802" "1a04" "0804" "1001")
    STATUS = bytes.fromhex("0803" "6a00")

    def raw_client(self):
        s = self.keep(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        s.settimeout(5)
        s.connect(self.daemon.socket)
        return s

    def vanishes(self, act):
        """act(client) says something; then the client closes without a word."""
        before = self.statistics()
        for _ in range(TRIES):
            client = self.raw_client()
            act(client)
            client.close()
            self.comes_back_to(before)

    def open_raw(self, client):
        """A session without queues: all goes by the socket."""
        client.send(self.HELLO)
        data, fds, _, _ = socket.recv_fds(client, 512, 8)
        for fd in fds:
            os.close(fd)
        self.assertTrue(data)
        self.assertEqual(len(fds), 1)

    def test_before_its_hello(self):
        self.vanishes(lambda client: None)

    def test_with_half_a_hello(self):
        self.vanishes(lambda client: client.send(self.HELLO[:5]))

    def test_with_its_hello_unanswered(self):
        self.vanishes(lambda client: client.send(self.HELLO))

    def test_with_hello_and_requests_at_once(self):
        def act(client):
            client.send(self.HELLO)
            for _ in range(5):
                client.send(self.SOCKET_NEW)
        self.vanishes(act)

    def test_between_request_and_reply(self):
        def act(client):
            self.open_raw(client)
            client.send(self.SOCKET_NEW)
            client.send(self.STATUS)
        self.vanishes(act)

    def test_with_a_reply_it_never_took(self):
        def act(client):
            self.open_raw(client)
            client.send(self.SOCKET_NEW)
            self.assertTrue(select.select([client], [], [], 5)[0])
        self.vanishes(act)

    def test_with_descriptors_nobody_asked_for(self):
        def act(client):
            self.open_raw(client)
            with open("/dev/null") as f:
                socket.send_fds(client, [self.STATUS], [f.fileno()] * 200)
            self.assertTrue(client.recv(512))
        self.vanishes(act)

    def test_killed_while_it_asks(self):
        """At moments nobody chose: whatever request it is at."""
        before = self.statistics()
        rng = random.Random(1)
        for _ in range(40):
            client = self.load("threads", only="churn")
            time.sleep(rng.random() * 0.05)
            client.kill()
        self.comes_back_to(before)


@deadline(60)
class Holders(loads.LoadCase):
    """fork, exec, SCM_RIGHTS, dup: whoever holds the descriptor has the socket."""

    def use(self, command):
        port = self.kernel_echo()
        before = self.statistics()
        self.assertEqual(self.load(command, host=self.kernel, port=port).wait()[-1], "done")
        self.comes_back_to(before)

    def test_fork(self):
        self.use("fork")

    def test_exec(self):
        self.use("exec")

    def test_dup(self):
        self.use("dup")

    def test_scm_rights(self):
        port = self.kernel_echo()
        before = self.statistics()
        with tempfile.TemporaryDirectory(dir=harness.temporary_folder()) as folder:
            path = os.path.join(folder, "way")
            taker = self.load("take-over", path=path)
            taker.line("ready")
            giver = self.load("hand-over", path=path, host=self.kernel, port=port)
            giver.line("handed over")
            giver.wait()
            taker.line("taken")
        # The giver is dead, its session gone; its sockets are the taker's.
        self.eventually(lambda: usock.status().sessions == before["sessions"])
        self.assertEqual(usock.status().sockets, before["sockets"] + 2)
        taker.go()
        self.assertEqual(taker.wait(), ["done"])
        self.comes_back_to(before)


@deadline(90)
class DaemonDies(loads.LoadCase):
    """No call hangs; live sockets give 103, the next new one finds the new daemon."""

    config = {"resolver": {"servers": harness.Tun.SILENT[4]}}
    CALLS = {"recv", "poll", "send", "accept", "recvfrom", "connect", "lookup"}

    def test_only_thread(self):
        port = self.kernel_echo()
        self.assertEqual(self.kernel_load("alone", host=self.kernel, port=port).wait(), ["done"])
        client = self.load("alone", host=self.kernel, port=port, bereave=1)
        client.line("waiting")
        # Now or in its recv().
        self.daemon.kill()
        self.assertEqual(client.wait(), ["done"])
        self.start_daemon()

    def bereave(self, end):
        echo = self.kernel_load("echo", host=self.kernel)
        stall = self.kernel_listener()
        client = self.load("bereaved", host=self.kernel, port=echo.port(),
                           stall=stall.getsockname()[1], blackhole=self.silent)
        client.line("ready")
        self.eventually(lambda: usock.status().lookups == 1 and
                        [s for s in usock.sockets() if s.state == 2] and
                        [s for s in usock.sockets() if s.bytes_sent > 1 << 19])
        end()
        results = {}
        while (line := client.line()) != "woken":
            name, result, number = line.split()
            results[name] = (int(result), int(number))
        self.assertEqual(set(results), self.CALLS)
        # EAI_AGAIN, or EAI_SYSTEM with the reason.
        result, number = results.pop("lookup")
        self.assertIn((result, number if result == -11 else 0), ((-3, 0), (-11, errno.ENODEV)))
        for name, outcome in results.items():
            self.assertEqual(outcome, (-1, errno.ECONNABORTED), name)
        client.go()
        while (line := client.line()) != "while-gone":
            name, result, number = line.split()
            # The error has been reported, by the call that was blocked.
            expected = [errno.EPIPE, errno.ENOTCONN]
            if name == "new-socket":
                expected = [errno.ENODEV]
            self.assertIn(int(number), expected, name)
            self.assertEqual(int(result), -1, name)
        self.start_daemon()
        client.go()
        self.assertEqual(client.wait(), ["done"])

    def test_killed(self):
        self.bereave(self.daemon.kill)

    def test_terminated(self):
        self.bereave(self.daemon.stop)

    def test_terminated_during_transfers(self):
        """SIGTERM: ends with status 0 and reports nothing, whatever goes on."""
        listener = self.kernel_listener()
        port = listener.getsockname()[1]
        clients = [self.load("stream", host=self.kernel, port=port, send=1 << 40)
                   for _ in range(4)]
        peers = [self.accept_kernel(listener) for _ in clients]
        for peer in peers:
            receive_exactly(peer, 1 << 20)
        idle = self.load("hold", kind="listen", host=self.stack)
        idle.line("ready")
        self.daemon.stop()
        for client in clients:
            self.assertEqual(client.wait(code=1), [])
            self.assertIn(f"errno {errno.ECONNABORTED},", client.error_text())
        self.start_daemon()

    def test_killed_again_and_again(self):
        """Whatever a client is at when its daemon dies: it never hangs."""
        for i in range(8):
            client = self.load("threads", only="churn", rounds=1 << 20, deadline_s=20)
            self.eventually(lambda: usock.status().requests > 20 + 50 * i)
            self.daemon.kill()
            client.wait(code=1)
            self.start_daemon()


@deadline(90)
class Floods(loads.LoadCase):
    """SYNs from nowhere."""

    SYNS = 20000
    # embryonic_max half-open connections, each a pcb and its segment.
    ROOM_KIB = 4096

    def test_syn_flood(self):
        server = self.load("echo", host=self.stack, backlog=8)
        port = server.port()
        injector = self.keep(packets.Injector(harness.Tun.DEVICE))
        usock.status()
        before, memory = self.statistics(), memory_of(self.daemon.pid)
        for i, syn in enumerate(packets.flood(self.SYNS, (self.stack, port))):
            injector.send(syn)
            # The device's queue is short: let the daemon empty it. Each answer
            # comes within the library's 5 s, or it raises.
            if i % 50 == 0:
                usock.status()
            if i % 1000 == 0:
                self.assertEqual(self.statistics(), before)
        dropped = self.eventually(lambda: usock.status().syn_dropped)
        self.assertGreater(dropped, self.SYNS // 2)
        self.assertEqual(self.statistics(), before)
        if not harness.is_sanitized():
            self.assertLess(memory_of(self.daemon.pid) - memory, self.ROOM_KIB)
        # The flood is over: a genuine client gets in.
        client = self.kernel_socket()
        client.connect((self.stack, port))
        client.sendall(b"genuine")
        self.assertEqual(receive_exactly(client, 7), b"genuine")

    def test_client_gets_in_during_the_flood(self):
        server = self.load("echo", host=self.stack, backlog=8)
        port = server.port()
        injector = self.keep(packets.Injector(harness.Tun.DEVICE))
        client = self.kernel_socket()
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.connect((self.stack, port))
        for i, syn in enumerate(packets.flood(self.SYNS, (self.stack, port), seed=2)):
            injector.send(syn)
            if i % 20 == 0 and select.select([], [client], [], 0.001)[1]:
                break
        client.settimeout(10)
        client.sendall(b"genuine")
        self.assertEqual(receive_exactly(client, 7), b"genuine")


@deadline(90)
class Liars(loads.LoadCase):
    """Packets that lie: the daemon lives, and says what it threw away."""

    def setUp(self):
        super().setUp()
        self.injector = self.keep(packets.Injector(harness.Tun.DEVICE))
        self.port = self.listening(backlog=64).getsockname()[1]

    def lies(self):
        them4, them6 = harness.Tun.HAND[4], harness.Tun.HAND[6]
        return list(packets.hostile(harness.Tun.STACK[4], them4, harness.Tun.STACK[6], them6,
                                    self.port))

    def inject(self, lies):
        """Sends them all, a few at a time, and sees to it that they are taken."""
        for i, packet in enumerate(lies):
            self.injector.send(packet)
            if i % 100 == 99:
                usock.status()

    def is_well(self):
        """Old and new connections of both families go on as ever."""
        for family, host in harness.Tun.KERNEL.items():
            echo = self.keep(loads.Load("echo", kernel=True, host=host))
            client = self.load("many", host=host, port=echo.port(), count=2)
            client.line("open")
            client.go()
            client.wait()
            self.assertEqual(self.load("ping", host=host).wait(), ["answered"], family)
        self.daemon.check(0)

    def drops(self):
        return list(usock.links()[0].drops)

    def test_lies_are_dropped_and_counted(self):
        before = self.drops()
        echo = self.kernel_echo()
        client = self.load("many", host=self.kernel, port=echo, count=2)
        client.line("open")
        self.inject(self.lies())
        client.go()
        client.wait()
        self.is_well()
        moved = [after - b for after, b in zip(self.eventually(
            lambda: self.drops() if self.drops() != before else None), before)]
        names = [usock.lib.drop_name(i).decode() for i, n in enumerate(moved) if n]
        self.assertGreater(sum(moved), 100, moved)
        self.assertGreaterEqual(len(names), 4, names)

    def test_mutations(self):
        self.inject(packets.mutated(self.lies(), 5000))
        self.is_well()

    def test_path_too_narrow_to_be_true(self):
        """Packet Too Big with an MTU no link has must not stop a connection."""
        us, them = harness.Tun.STACK[6], harness.Tun.KERNEL[6]
        listener = self.keep(socket.socket(socket.AF_INET6))
        listener.bind((them, 0))
        listener.listen()
        s = self.keep(usock.Sock(socket.AF_INET6))
        s.connect(listener.getsockname()[:2])
        peer, _ = listener.accept()
        self.keep(peer)
        peer.settimeout(10)
        local, remote = s.getsockname()[1], listener.getsockname()[1]
        quoted = packets.ip6(us, them, 6, packets.tcp((us, local), (them, remote),
                                                      packets.ACK, data=bytes(1000)))
        for mtu in (0, 1, 40, 59, 60, 61, 68, 576, 1279):
            self.injector.send(packets.ip6(them, us, 58, packets.icmp6(
                them, us, 2, 0, struct.pack("!I", mtu) + quoted)))
            s.send(bytes(100000))
            self.assertEqual(len(receive_exactly(peer, 100000)), 100000)
        self.is_well()


if __name__ == "__main__":
    runner.main(sys.modules[__name__])
