# SPDX-License-Identifier: MIT
"""Clients that mean it ill: a good one must not notice anything."""

import ctypes
import errno
import mmap
import os
import re
import resource
import socket
import threading
import time

import harness
import rawclient
import usock

from daemon_case import DaemonCase
from harness import OTHER_UID, Daemon, in_child
from rawclient import (BAD_SOCKET, GET_OPTION, GET_STATUS, HELLO, INVALID, MALFORMED,
                       NO_REPLY, OK, QUEUES, SET_OPTION, SOCKET_ATTACH, SOCKET_BIND,
                       SOCKET_CONNECT, SOCKET_DISCONNECT, SOCKET_LISTEN, TOO_MANY,
                       UNKNOWN_REQUEST, VERSION, Queue, RawClient, of_socket)


class Hostile(DaemonCase):
    """One daemon for all; a good client must not notice anything."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.served = Daemon({"link net0": {"driver": "tun", "device": "quiet0",
                                           "address": "10.7.0.2/24"}})
        cls.addClassCleanup(cls.served.close)
        cls.served.start()
        usock.set_socket_path(cls.served.socket)

    @classmethod
    def tearDownClass(cls):
        cls.served.stop()

    def setUp(self):
        self.good = self.keep(usock.Sock())
        self.eventually(lambda: usock.status().sessions == 1)
        self.before = usock.status()
        self.fds = self.served.fds()

    def tearDown(self):
        self.doCleanups()
        self.assertTrue(self.served.is_running())
        self.eventually(lambda: usock.status().sessions == 1)
        self.eventually(lambda: self.served.fds() <= self.fds)

    def client(self, **kwargs):
        client = self.keep(RawClient(self.served.socket, **kwargs))
        return client

    def greeted(self, **kwargs):
        client = self.client()
        self.reply = client.hello(**kwargs)
        self.assertEqual(self.reply.status, OK)
        return client

    def dropped(self):
        return usock.status().clients_dropped - self.before.clients_dropped

    def good_client_works(self):
        self.good.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        with usock.Sock() as s:
            s.bind(("127.0.0.1", 0))

    # -- before the hello

    def test_garbage_is_dropped(self):
        for raw in (b"\xff" * 40, b"\x0a\xff", b"GET / HTTP/1.0\r\n\r\n", bytes(512),
                    b"\x12\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"):
            client = self.client()
            client.send(raw)
            self.assertTrue(client.is_dropped(), raw)
        self.assertEqual(self.dropped(), 5)
        self.assertGreaterEqual(usock.status().malformed - self.before.malformed, 4)
        self.good_client_works()

    def test_random_bytes_are_survived(self):
        import random
        seeded = random.Random(1)
        for _ in range(300):
            client = self.client()
            client.send(seeded.randbytes(seeded.randrange(1, 512)))
            client.close()
        self.good_client_works()

    def test_no_hello_is_dropped_after_2_s(self):
        clients = [self.client() for _ in range(20)]
        start = time.monotonic()
        self.good_client_works()
        for client in clients:
            self.assertTrue(client.is_dropped(10))
        self.assertGreater(time.monotonic() - start, 1.9)
        self.assertEqual(self.dropped(), 20)

    def test_something_before_the_hello_is_dropped(self):
        client = self.client()
        client.send(client.request_bytes(GET_STATUS))
        self.assertTrue(client.is_dropped())
        self.assertEqual(self.dropped(), 1)

    def test_hang_up_at_any_point(self):
        whole = self.client().request_bytes(HELLO, rawclient.hello())
        for n in range(1, len(whole), 3):
            client = self.client()
            client.send(whole[:n])
            client.close()
        for _ in range(20):
            self.client().close()
        self.good_client_works()

    def test_message_longer_than_the_limit_is_dropped(self):
        for size in (513, 4096, 60000):
            client = self.greeted()
            client.send(bytes(size))
            self.assertTrue(client.is_dropped(), size)

    def test_versions_without_one_in_common(self):
        for low, high in ((2, 9), (0, 0), (99, 100)):
            client = self.client()
            reply = client.hello(version_min=low, version_max=high)
            self.assertEqual(reply.status, VERSION)
            offered = reply.body[3]
            self.assertEqual((offered[2], offered[3]), (1, 1))
            self.assertEqual(reply.fds, [])
            self.assertTrue(client.is_dropped())

    def test_newer_client_gets_what_is_in_common(self):
        client = self.client()
        reply = client.hello(version_min=1, version_max=50)
        self.assertEqual((reply.status, reply.body[3][1]), (OK, 1))

    def test_program_name_is_made_printable(self):
        self.greeted(program=b"evil\x1b[31m\nname")
        client = self.greeted(program=b"\xff\xfe")
        number, _ = client.new_socket()
        self.assertIn(number, [i.id for i in usock.sockets()])
        for info in usock.sockets():
            self.assertNotRegex(info.program, rb"[\x00-\x1f\x7f\xff]")

    # -- descriptors

    def test_descriptors_nobody_asked_for_are_closed_at_once(self):
        client = self.client()
        null = [os.open("/dev/null", os.O_RDONLY) for _ in range(253)]
        client.send(client.request_bytes(HELLO, rawclient.hello()), null)
        self.assertEqual(client.receive().status, OK)
        for _ in range(3):
            client.send(client.request_bytes(GET_STATUS), null)
            self.assertEqual(client.receive().status, OK)
        # The session's own is the only one more.
        self.assertLessEqual(self.served.fds(), self.fds + 1)
        for fd in null:
            os.close(fd)

    def test_descriptors_with_garbage_are_closed(self):
        null = [os.open("/dev/null", os.O_RDONLY) for _ in range(50)]
        for raw in (b"\xff" * 20, bytes(600)):
            client = self.greeted()
            client.send(raw, null)
            self.assertTrue(client.is_dropped())
        for fd in null:
            os.close(fd)

    def test_surplus_descriptors_with_an_attach_are_closed(self):
        client = self.greeted()
        _, fd = client.new_socket()
        reply = client.ask(SOCKET_ATTACH, b"", [fd] * 10)
        self.assertEqual(reply.status, OK)
        self.assertLessEqual(self.served.fds(), self.fds + 2)

    # -- replies that are not read

    def test_client_that_does_not_read_is_dropped(self):
        client = self.greeted()
        client.socket.settimeout(0.5)
        try:
            for _ in range(100000):
                client.send(client.request_bytes(GET_STATUS))
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.good_client_works()
        self.eventually(lambda: self.dropped() == 1)
        self.assertIn("does not read its replies", self.served.log())

    def test_client_that_does_not_read_its_queue_is_dropped(self):
        client = self.greeted(capabilities=QUEUES)
        requests = Queue(self.reply.fds[1])
        n = 0
        while self.dropped() == 0 and n < 100:
            if requests.send(client.request_bytes(GET_STATUS)):
                n += 1
            else:
                time.sleep(0.001)
        self.assertTrue(client.is_dropped())
        self.assertTrue(8 <= n <= 24, n)
        self.good_client_works()

    def test_flood_that_wants_no_replies_holds_nobody_up(self):
        client = self.greeted(capabilities=QUEUES | NO_REPLY)
        requests, replies = Queue(self.reply.fds[1]), Queue(self.reply.fds[2])
        # A socket of the good one's, so that its own requests have these taken first.
        client.ask(SOCKET_ATTACH, b"", [self.good.fd])
        option = of_socket(self.good.id(), rawclient.field(2, 2) + rawclient.field(3, 2))
        self.assertEqual(client.ask(SET_OPTION, option).status, OK)
        flood = client.request_bytes(SET_OPTION, option + rawclient.field(6, 1))
        n_sent, over = 0, threading.Event()

        def send():
            nonlocal n_sent
            while not over.is_set():
                n_sent += requests.send(flood)
        thread = threading.Thread(target=send)
        thread.start()
        try:
            for _ in range(300):
                self.assertEqual(self.good.getsockopt(socket.SOL_SOCKET,
                                                      socket.SO_REUSEADDR), 1)
                self.good_client_works()
        finally:
            over.set()
            thread.join()
        self.assertGreater(n_sent, 300)
        self.assertIsNone(replies.receive(0))
        self.assertEqual(self.dropped(), 0)

    def test_garbage_on_the_queue_is_dropped(self):
        client = self.greeted(capabilities=QUEUES)
        Queue(self.reply.fds[1]).send(b"\xff" * 30)
        self.assertTrue(client.is_dropped())

    def test_queue_has_the_promised_size(self):
        client = self.greeted(capabilities=QUEUES)
        requests, replies = Queue(self.reply.fds[1]), Queue(self.reply.fds[2])
        for raw in (b"x" * 513, b"x" * 8192):
            with self.fails(errno.EMSGSIZE):
                requests.send(raw)
        self.assertTrue(requests.send(client.request_bytes(GET_STATUS)))
        self.assertEqual(replies.receive().status, OK)
        # Each end is for one direction.
        with self.fails(errno.EBADF):
            replies.send(b"x")
        with self.fails(errno.EBADF):
            rawclient._libc.mq_receive(requests.fd, ctypes.create_string_buffer(512), 512,
                                       None) < 0 and self.raise_errno()

    @staticmethod
    def raise_errno():
        raise OSError(ctypes.get_errno(), "mq_receive")

    # -- others' sockets

    def every_request(self, number):
        return ((SOCKET_BIND, rawclient.field(2, rawclient.ip_address("127.0.0.1", 0))),
                (SOCKET_CONNECT, rawclient.field(2, rawclient.ip_address("127.0.0.1", 80))),
                (SOCKET_DISCONNECT, b""), (SOCKET_LISTEN, rawclient.field(2, 1)),
                (SET_OPTION, rawclient.field(2, 2) + rawclient.field(3, 2)),
                (GET_OPTION, rawclient.field(2, 2)))

    def test_ids_alone_give_no_right(self):
        client = self.greeted()
        own, _ = client.new_socket()
        victim = self.good.id()
        # Of another, of a later life of one's own, of nobody.
        for number in (victim, own + (1 << 32), own - (1 << 32), 0, 2**64 - 1, own + 1000):
            for tag, rest in self.every_request(number):
                reply = client.ask(tag, of_socket(number, rest))
                self.assertEqual(reply.status, BAD_SOCKET, (hex(number), tag))
        self.assertEqual(self.good.state(), 0)
        self.assertEqual(client.ask(SOCKET_LISTEN, of_socket(own)).status, OK)

    def test_attach_with_the_descriptor_gives_the_right(self):
        client = self.greeted()
        reply = client.ask(SOCKET_ATTACH, b"", [self.good.fd])
        self.assertEqual((reply.status, reply.socket()), (OK, self.good.id()))
        self.assertEqual(client.ask(SOCKET_LISTEN, of_socket(self.good.id())).status, OK)
        self.eventually(lambda: self.good.state() == 1)

    def test_attach_without_descriptor(self):
        self.assertEqual(self.greeted().ask(SOCKET_ATTACH).status, INVALID)

    def test_attach_with_a_foreign_descriptor(self):
        client = self.greeted()
        ours, theirs = socket.socketpair()
        tcp = socket.socket()
        read_end, write_end = os.pipe()
        for fd in (ours.fileno(), tcp.fileno(), read_end, self.reply.fds[0],
                   client.socket.fileno()):
            self.assertEqual(client.ask(SOCKET_ATTACH, b"", [fd]).status, BAD_SOCKET, fd)
        os.close(read_end)
        os.close(write_end)
        for s in (ours, theirs, tcp):
            s.close()

    def test_attach_with_a_forged_name(self):
        """A pair of one's own whose far end has a name like a channel's."""
        client = self.greeted()
        peer = self.good_name()
        for other in (peer, peer[:-1] + (b"0" if peer[-1:] != b"0" else b"1")):
            far, near = socket.socketpair()
            try:
                far.bind(other)
            except OSError as e:
                # The daemon's end has it already.
                self.assertEqual(e.errno, errno.EADDRINUSE)
            self.assertEqual(client.ask(SOCKET_ATTACH, b"", [near.fileno()]).status,
                             BAD_SOCKET)
            far.close()
            near.close()

    def good_name(self):
        s = socket.socket(fileno=os.dup(self.good.fd))
        name = s.getpeername()
        s.close()
        return name

    def test_attach_with_a_dead_sockets_descriptor(self):
        client = self.greeted()
        other = self.greeted()
        _, fd = other.new_socket()
        near, far = socket.socketpair()
        self.assertEqual(client.ask(SOCKET_ATTACH, b"", [fd]).status, OK)
        near.close()
        far.close()

    # -- odd requests

    def test_second_hello_and_unknown_requests(self):
        client = self.greeted()
        self.assertEqual(client.hello().status, MALFORMED)
        for tag in (98, 99, 1000):
            self.assertEqual(client.ask(tag).status, UNKNOWN_REQUEST)
        self.assertEqual(client.ask(GET_STATUS).status, OK)

    def test_sequence_numbers_are_echoed(self):
        client = self.greeted()
        for number in (0, 7, 7, 2**32 - 1):
            client.send(rawclient.field(1, number) + rawclient.field(GET_STATUS, b""))
            self.assertEqual(client.receive().sequence, number)

    def test_malformed_addresses(self):
        client = self.greeted()
        number, _ = client.new_socket()
        for ip, port in ((b"\1\2\3", 1), (b"\1" * 16, 1), (b"\1\2\3\4", 70000)):
            address = rawclient.field(1, 4) + rawclient.field(2, ip) + rawclient.field(3, port)
            reply = client.ask(SOCKET_BIND, of_socket(number, rawclient.field(2, address)))
            self.assertEqual(reply.status, INVALID, ip)

    def test_writes_into_a_channel_before_connecting(self):
        client = self.greeted()
        number, fd = client.new_socket()
        os.write(fd, b"x" * 5000)
        reply = client.ask(SOCKET_CONNECT,
                           of_socket(number, rawclient.field(2, rawclient.ip_address("127.0.0.1",
                                                                                     1))))
        self.assertEqual(reply.status, rawclient.STARTED)
        self.good_client_works()

    def test_rubbish_in_datagram_channels(self):
        client = self.greeted()
        _, fd = client.new_socket(kind=2)
        s = socket.socket(fileno=os.dup(fd))
        for raw in (b"", b"x", bytes(39), bytes(40), b"\xff" * 40, b"\1" + bytes(39),
                    b"\xff" * 60000):
            try:
                s.send(raw)
            except (BrokenPipeError, ConnectionResetError):
                pass
        socket.send_fds(s, [bytes(40)], [0, 1, 2])
        s.close()
        self.good_client_works()

    def test_descriptors_in_channels_are_not_kept(self):
        client = self.greeted()
        null = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
        for kind in (1, 2):
            _, fd = client.new_socket(kind=kind)
            s = socket.socket(fileno=os.dup(fd))
            for _ in range(5):
                socket.send_fds(s, [bytes(41)], null)
            s.close()
        self.good_client_works()
        self.eventually(lambda: self.served.fds() <= self.fds + 3)
        for fd in null:
            os.close(fd)

    # -- too many

    def test_sessions_beyond_the_users_limit_are_told_or_turned_away(self):
        clients = [self.client() for _ in range(200)]
        told = turned_away = good = 0
        for client in clients:
            try:
                reply = client.hello()
            except OSError:
                reply = None
            if reply is None:
                turned_away += 1
            elif reply.status == TOO_MANY:
                told += 1
            else:
                good += 1
        self.assertEqual(good, 127)
        self.assertGreater(told, 0)
        self.assertEqual(told + turned_away, 73)
        self.good_client_works()

    # -- what a client is given

    def test_table_cannot_be_written(self):
        client = self.greeted()
        table = client.fds[0]
        size = os.fstat(table).st_size
        mmap.mmap(table, size, prot=mmap.PROT_READ).close()
        for path in (f"/proc/self/fd/{table}",):
            with self.fails(errno.EACCES, errno.EPERM):
                fd = os.open(path, os.O_RDWR)
                # Root may open it, but not change a byte.
                try:
                    mmap.mmap(fd, size, prot=mmap.PROT_READ | mmap.PROT_WRITE)
                finally:
                    os.close(fd)
        with self.fails(errno.EPERM, errno.EBADF, errno.EINVAL, errno.EACCES):
            os.ftruncate(table, size + 4096)
        with self.fails(errno.EPERM, errno.EBADF):
            os.write(table, b"x")
        with self.assertRaises(OSError):
            mmap.mmap(table, size, prot=mmap.PROT_READ | mmap.PROT_WRITE)

    def test_descriptors_are_close_on_exec_in_the_daemon(self):
        for fd in os.listdir(f"/proc/{self.served.pid}/fdinfo"):
            if int(fd) <= 2:
                continue
            with open(f"/proc/{self.served.pid}/fdinfo/{fd}") as f:
                flags = int(re.search(r"flags:\s*(\d+)", f.read()).group(1), 8)
            self.assertTrue(flags & os.O_CLOEXEC, os.readlink(
                f"/proc/{self.served.pid}/fd/{fd}"))


class FewDescriptors(DaemonCase):
    def test_daemon_out_of_descriptors_recovers(self):
        harness.need_other_users()

        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        daemon = self.daemon(uid=OTHER_UID, preexec=few).start()
        self.use(daemon)
        kept = self.keep(usock.Sock())
        clients = [RawClient(daemon.socket) for _ in range(60)]
        self.eventually(lambda: "cannot accept clients" in daemon.log() or
                        "turned away" in daemon.log(), 10)
        sockets = []
        with self.fails(errno.EMFILE, errno.ENFILE, errno.ENOBUFS):
            for _ in range(60):
                sockets.append(usock.Sock())
        self.assertEqual(kept.state(), 0)
        for thing in clients + sockets:
            thing.close()

        def new_client():
            with usock.Sock() as s:
                s.bind(("127.0.0.1", 0))
            return True
        self.eventually(lambda: in_child(new_client), 10)
        daemon.stop()
