# SPDX-License-Identifier: MIT
"""Rows of the semantics: closed descriptors, and sockets with several holders (G)."""

import ctypes
import errno
import os
import select
import socket
import subprocess
import sys
import time

import usock

from harness import Call, Child, in_child
from rows_data import StreamCase
from runner import rows


class Holders(StreamCase):
    def calls(self, fd):
        """Every call that takes a descriptor."""
        name = usock.pack_address((self.kernel, 9))
        zero = ctypes.create_string_buffer(4)
        four = usock.socklen_t(4)
        out, n = ctypes.create_string_buffer(64), usock.socklen_t(64)
        where = ctypes.cast(out, ctypes.c_void_p), ctypes.byref(n)
        message = usock.Message([b"x"])
        info = usock.SocketInfo()
        sent = ctypes.c_size_t()
        return {
            "bind": (name, 16), "listen": (1,), "connect": (name, 16),
            "accept": (None, None), "accept4": (None, None, 0), "getsockname": where,
            "getpeername": where, "shutdown": (2,), "send": (b"x", 1, 0),
            "sendto": (b"x", 1, 0, name, 16), "sendmsg": (ctypes.byref(message.header), 0),
            "recv": (out, 1, 0), "recvfrom": (out, 1, 0, None, None),
            "recvmsg": (ctypes.byref(message.header), 0),
            "connect_timeout": (name, 16, 10), "connect_wait": (10,),
            "accept_timeout": (None, None, 0, 10), "send_timeout": (b"x", 1, 0, 10),
            "sendall_timeout": (b"x", 1, 0, 10, ctypes.byref(sent)),
            "sendto_timeout": (b"x", 1, 0, name, 16, 10),
            "sendmsg_timeout": (ctypes.byref(message.header), 0, 10),
            "recv_timeout": (out, 1, 0, 10), "recvfrom_timeout": (out, 1, 0, None, None, 10),
            "recvmsg_timeout": (ctypes.byref(message.header), 0, 10),
            "setsockopt": (socket.SOL_SOCKET, socket.SO_REUSEADDR, zero, 4),
            "getsockopt": (socket.SOL_SOCKET, socket.SO_ERROR, zero, ctypes.byref(four)),
            "getsocketsta": (), "getsendacksize": (),
            "socket_info": (ctypes.byref(info), ctypes.sizeof(info)),
        }

    @rows("G9")
    def test_every_call_on_a_closed_descriptor_9(self):
        s = self.tcp()
        fd = s.fd
        s.close()
        for number in (fd, -1, 1 << 20):
            for name, args in self.calls(number).items():
                with self.subTest(call=name, fd=number), self.fails(errno.EBADF):
                    usock.call(name, number, *args)
        with self.fails(errno.EBADF):
            usock.call("close", fd)
        ctypes.set_errno(0)
        self.assertEqual(usock.lib.id(fd), 0)
        self.assertEqual(ctypes.get_errno(), errno.EBADF)

    def test_every_call_on_another_descriptor_88(self):
        ours, theirs = socket.socketpair()
        plain = socket.socket()
        with open("/dev/null") as null:
            for number in (ours.fileno(), plain.fileno(), null.fileno()):
                for name, args in self.calls(number).items():
                    with self.subTest(call=name, fd=number), self.fails(errno.ENOTSOCK):
                        usock.call(name, number, *args)
                with self.fails(errno.ENOTSOCK):
                    usock.Sock(fd=number).state() == -1 and usock._fail()
        for s in (ours, theirs, plain):
            s.close()

    @rows("G10")
    def test_dup_keeps_the_socket(self):
        s, peer = self.connected()
        other = self.keep(usock.Sock(fd=os.dup(s.fd)))
        self.assertEqual(other.id(), s.id())
        s.close()
        other.send(b"x")
        self.assertEqual(peer.recv(1), b"x")
        other.close()
        self.assertEqual(peer.recv(1), b"")

    @rows("G10")
    def test_plain_close_closes_too(self):
        s, peer = self.connected()
        fd, s.fd = s.fd, -1
        os.close(fd)
        self.assertEqual(peer.recv(1), b"")

    @rows("G10")
    def test_after_fork_both_use_it(self):
        s, peer = self.connected()

        def child():
            s.send(b"child")
            answer = s.recv(10)
            # Control too: its own session proves its right by the descriptor.
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return answer, s.state(), s.getpeername()
        running = Child(child)
        self.assertEqual(self.read_all(peer, 5), b"child")
        peer.send(b"for child")
        self.assertEqual(running.result(), (b"for child", 4, self.address_of(peer)))
        # The child's end has not closed it.
        s.send(b"parent")
        self.assertEqual(self.read_all(peer, 6), b"parent")
        self.assertEqual(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), 1)

    @rows("G10")
    def test_what_a_holder_sets_is_there_though_it_ends_at_once(self):
        s, _ = self.connected()

        def child(value):
            # The second is not waited for.
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1 - value)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, value)
        for i in range(30):
            Child(lambda: child(i % 2)).result()
            self.assertEqual(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), i % 2)

    @rows("G10")
    def test_what_a_holder_has_set_is_there_for_whom_it_tells(self):
        s, _ = self.connected()
        ours, theirs = socket.socketpair()

        def child():
            for i in range(200):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, i % 2)
                theirs.send(b"x")
                theirs.recv(1)
        running = Child(child)
        for i in range(200):
            ours.recv(1)
            self.assertEqual(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), i % 2)
            ours.send(b"x")
        running.result()
        ours.close()
        theirs.close()

    @rows("G10")
    def test_it_closes_when_the_last_holder_does(self):
        s, peer = self.connected()
        ours, theirs = socket.socketpair()

        def hold():
            theirs.recv(1)
        child = Child(hold)
        s.close()
        self.assertEqual(select.select([peer], [], [], 0.1)[0], [])
        ours.send(b"x")
        child.result()
        self.assertEqual(peer.recv(1), b"")
        ours.close()
        theirs.close()

    @rows("G10")
    def test_passed_by_scm_rights(self):
        s, peer = self.connected()
        ours, theirs = socket.socketpair()

        def receiver():
            os.close(s.fd)
            _, fds, _, _ = socket.recv_fds(theirs, 1, 1)
            got = usock.Sock(fd=fds[0])
            got.send(b"passed on")
            got.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            got.shutdown(socket.SHUT_WR)
            return got.recv(10), got.state()
        child = Child(receiver)
        socket.send_fds(ours, [b"x"], [s.fd])
        s.close()
        self.assertEqual(self.read_all(peer, 100), b"passed on")
        peer.send(b"answer")
        data, state = child.result()
        self.assertEqual(data, b"answer")
        self.assertIn(state, (5, 6))
        ours.close()
        theirs.close()

    @rows("G10")
    def test_survives_exec(self):
        s, peer = self.connected()
        script = ("import usock, sys\n"
                  "usock.set_socket_path(sys.argv[2])\n"
                  "s = usock.Sock(fd=int(sys.argv[1]))\n"
                  "s.send(b'exec %d' % s.state())\n"
                  "s.shutdown(1)\n")
        env = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.abspath(usock.__file__)))
        subprocess.run([sys.executable, "-c", script, str(s.fd), self.daemon.socket],
                       pass_fds=[s.fd], env=env, check=True)
        self.assertEqual(self.read_all(peer, 100), b"exec 4")

    @rows("G10")
    def test_listener_in_the_child(self):
        listener = self.listening()

        def serve():
            s, _ = listener.accept_timeout(20000)
            s.send(b"served by child")
            s.close()
        child = Child(serve)
        peer = self.kernel_socket()
        peer.connect((self.stack, listener.getsockname()[1]))
        self.assertEqual(self.read_all(peer, 100), b"served by child")
        child.result()

    @rows("G10")
    def test_udp_in_the_child(self):
        s = self.udp()
        s.bind((self.any, 0))
        peer = self.kernel_socket(socket.SOCK_DGRAM)
        peer.bind((self.kernel, 0))
        name = self.address_of(peer)
        in_child(lambda: s.sendto(b"child", name))
        data, source = peer.recvfrom(100)
        self.assertEqual((data, source[1]), (b"child", s.getsockname()[1]))

    def test_second_thread_sends_while_the_first_receives(self):
        s, peer = self.connected()
        receiving = Call(s.recv_exactly, 1 << 20, 10000)
        sending = Call(s.send, bytes(1 << 20))
        echo = Call(self.read_all, peer, 1 << 20)
        Call(peer.sendall, b"y" * (1 << 20))
        self.assertEqual(receiving.result(), b"y" * (1 << 20))
        self.assertEqual(sending.result(), 1 << 20)
        self.assertEqual(len(echo.result()), 1 << 20)

    @rows("G10")
    def test_number_reused_during_a_wait_is_not_confused(self):
        s, _ = self.connected()
        fd = s.fd
        waiting = Call(usock.Sock(fd=fd).recv, 1)
        time.sleep(0.05)
        s.close()
        again, peer = self.connected()
        with self.fails(errno.EBADF):
            waiting.result()
        peer.send(b"x")
        self.assertEqual(again.recv(1), b"x")
