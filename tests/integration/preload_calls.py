# SPDX-License-Identifier: MIT
"""Intercepted calls: column CP of the semantics, made by Python's own socket module."""

import os
import socket
import threading

import harness
from harness import Tun
from preload_support import PreloadCase
from runner import deadline, rows


@deadline(60)
class Streams(PreloadCase):
    @rows("S1", "S4")
    def test_sockets_are_ours_and_have_the_lowest_number(self):
        self.script("""
            low = os.dup(0)
            os.close(low)
            for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
                for family in socket.AF_INET, socket.AF_INET6:
                    s = socket.socket(family, kind)
                    assert s.fileno() == low, (s, low)
                    assert is_ours(s)
                    assert s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == kind
                    assert s.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == family
                    s.close()
            """)

    def test_our_own_descriptors_are_high_and_end_with_exec(self):
        self.script("""
            s = socket.socket()
            own = [int(n) for n in os.listdir("/proc/self/fd") if int(n) > s.fileno() + 1]
            assert own and all(n >= 512 for n in own), own
            assert not any(os.get_inheritable(n) for n in own), own
            """)

    @rows("S2", "S3")
    def test_unknown_kinds(self):
        self.script("""
            fails(errno.EAFNOSUPPORT, socket.socket, 255)
            fails(errno.EINVAL, socket.socket, socket.AF_INET, 99)
            fails(errno.ESOCKTNOSUPPORT, socket.socket, socket.AF_INET, socket.SOCK_SEQPACKET)
            fails(errno.EPROTONOSUPPORT, socket.socket, socket.AF_INET, socket.SOCK_STREAM, 17)
            fails(errno.EPROTONOSUPPORT, socket.socket, socket.AF_INET, socket.SOCK_DGRAM, 6)
            fails(errno.EINVAL, socket.socket, socket.AF_INET, socket.SOCK_STREAM, 300)
            # Quectel's numbers mean nothing here.
            fails(errno.EPROTONOSUPPORT, socket.socket, socket.AF_INET, socket.SOCK_STREAM, 7)
            """)

    def test_others_stay_with_the_kernel(self):
        self.script("""
            for family in socket.AF_UNIX, socket.AF_NETLINK:
                s = socket.socket(family, socket.SOCK_DGRAM)
                assert s.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == family
            a, b = socket.socketpair()
            a.sendall(b"x")
            assert b.recv(5) == b"x"
            """)

    @rows("K2", "K8", "K13", "K7", "C2", "X4", "W6", "D5", "R6")
    def test_errors_are_those_of_linux(self):
        self.script("""
            s = socket.socket()
            fails(errno.ENOTCONN, s.getpeername)
            fails(errno.ENOTCONN, s.shutdown, socket.SHUT_WR)
            fails(errno.ENOTCONN, s.recv, 5)
            fails(errno.EPIPE, s.send, b"x")
            fails(errno.EPIPE, s.sendto, b"x", (KERNEL, 9))
            fails(errno.EINVAL, s.accept)
            fails(errno.ECONNREFUSED, s.connect, (KERNEL, 0))
            fails(errno.ECONNREFUSED, s.connect, (KERNEL, 1))
            fails(errno.EBADF, os.read, 999, 1)
            l = socket.create_server((STACK, 0))
            fails(errno.EISCONN, l.connect, (KERNEL, 9))
            fails(errno.EOPNOTSUPP, socket.socket(type=socket.SOCK_DGRAM).listen)
            a, b = pair()
            fails(errno.EISCONN, a.connect, (KERNEL, 9))
            fails(errno.ENOPROTOOPT, a.getsockopt, socket.SOL_SOCKET, 9999)
            fails(errno.ENOPROTOOPT, a.setsockopt, socket.IPPROTO_IP, 8, 1)
            # Can be set; who then shares a port is told.
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            fails(errno.EADDRINUSE, s.bind, l.getsockname())
            """)

    @rows("K1", "B5", "S2")
    def test_addresses_of_another_shape(self):
        self.script("""
            def raw(f, s, address, n):
                if f(s.fileno(), address, n) < 0:
                    return ctypes.get_errno()
                return 0
            four = struct.pack("=H", socket.AF_INET) + struct.pack("!H", 1) + \
                socket.inet_aton(KERNEL) + bytes(8)
            six = struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", 1, 0) + \
                socket.inet_pton(socket.AF_INET6, "::ffff:" + KERNEL) + bytes(4)
            foreign = struct.pack("=H", 99) + bytes(26)
            for f in libc.connect, libc.bind:
                for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
                    s = socket.socket(type=kind)
                    assert raw(f, s, four, 1) == errno.EINVAL
                    assert raw(f, s, four, 15) == errno.EINVAL
                    assert raw(f, s, None, 16) == errno.EFAULT
                    assert raw(f, s, foreign, 16) == errno.EAFNOSUPPORT
                    assert raw(f, s, six, 28) == errno.EAFNOSUPPORT
                    s = socket.socket(socket.AF_INET6, kind)
                    assert raw(f, s, six, 23) == errno.EINVAL
                    assert raw(f, s, foreign, 28) == errno.EAFNOSUPPORT
                    if kind == socket.SOCK_STREAM or f is libc.bind:
                        assert raw(f, s, four, 16) == errno.EINVAL
            s = socket.socket(socket.AF_INET6)
            assert raw(libc.connect, s, six, 28) == errno.ECONNREFUSED
            s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            assert raw(libc.connect, s, four, 16) == 0
            assert s.getpeername()[:2] == ("::ffff:" + KERNEL, 1)
            """)

    @rows("B3", "B4", "B5", "L3")
    def test_bind_and_listen(self):
        self.script("""
            s = socket.socket()
            s.bind(("", 0))
            fails(errno.EINVAL, s.bind, ("", 0))
            fails(errno.EADDRNOTAVAIL, socket.socket().bind, ("192.0.2.77", 0))
            s.listen()
            fails(errno.EADDRINUSE, socket.socket().bind, s.getsockname())
            t = socket.socket()
            t.listen()
            assert t.getsockname()[1] != 0
            """)

    @rows("R2", "R13", "R7")
    def test_read_and_write_until_the_end(self):
        self.script("""
            a, b = pair()
            os.write(a.fileno(), b"one")
            assert os.read(b.fileno(), 10) == b"one"
            os.writev(a.fileno(), [b"tw", b"o"])
            x, y = bytearray(1), bytearray(8)
            assert os.readv(b.fileno(), [x, y]) == 3 and x + y[:2] == b"two"
            a.sendmsg([b"th", b"ree"])
            assert b.recvmsg(10, 100) == (b"three", [], 0, None)
            a.send(b"four")
            assert b.recvfrom(2) == (b"fo", None)
            assert b.recvfrom(2) == (b"ur", None)
            assert b.recv(0) == b""
            a.shutdown(socket.SHUT_WR)
            assert [b.recv(5) for _ in range(3)] == [b""] * 3
            b.sendall(b"still")
            assert a.recv(5) == b"still"
            """)

    @rows("R16")
    def test_peek_waitall_and_dontwait(self):
        self.script("""
            a, b = pair()
            fails(errno.EAGAIN, b.recv, 5, socket.MSG_DONTWAIT)
            a.sendall(b"abc")
            assert b.recv(2, socket.MSG_PEEK) == b"ab"
            assert b.recv(2, socket.MSG_PEEK) == b"ab"
            threading.Timer(0.1, a.sendall, (b"def",)).start()
            assert b.recv(6, socket.MSG_WAITALL) == b"abcdef"
            fails(errno.EINVAL, b.recv, 1, socket.MSG_OOB)
            fails(errno.EAGAIN, b.recv, 1, socket.MSG_ERRQUEUE)
            """)

    @rows("R3", "R4", "W9", "O9")
    def test_reset_is_told_once(self):
        listener = self.kernel_listener()
        listener.settimeout(20)
        port = listener.getsockname()[1]

        def serve():
            for _ in range(4):
                conn, _ = listener.accept()
                conn.recv(1)
                # SO_LINGER 0: RST.
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                conn.close()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.script("""
            def reset():
                s = socket.create_connection((KERNEL, int(sys.argv[1])))
                s.send(b"x")
                p = select.poll()
                p.register(s, 0)
                assert p.poll(20000) == [(s.fileno(), 24)], "ERR and HUP"
                return s
            s = reset()
            fails(errno.ECONNRESET, s.recv, 5)
            assert s.recv(5) == b"" and s.recv(5) == b""
            fails(errno.EPIPE, s.send, b"y")
            s = reset()
            fails(errno.ECONNRESET, os.read, s.fileno(), 5)
            s = reset()
            fails(errno.ECONNRESET, s.send, b"y")
            fails(errno.EPIPE, s.send, b"y")
            s = reset()
            assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
            assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            """, port)
        thread.join(20)

    @rows("W10")
    def test_sigpipe_unless_told_otherwise(self):
        self.script("""
            seen = []
            signal.signal(signal.SIGPIPE, lambda *a: seen.append(1))
            a, b = pair()
            a.shutdown(socket.SHUT_WR)
            fails(errno.EPIPE, a.send, b"x", socket.MSG_NOSIGNAL)
            assert not seen
            fails(errno.EPIPE, a.send, b"x")
            fails(errno.EPIPE, os.write, a.fileno(), b"x")
            # Python's handlers run a little later.
            time.sleep(0.01)
            assert len(seen) == 2, seen
            fails(errno.EPIPE, socket.socket().send, b"x")
            time.sleep(0.01)
            assert len(seen) == 3, seen
            """)

    @rows("R4", "W3", "K4")
    def test_times(self):
        self.script("""
            a, b = pair()
            a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 100000))
            begin = time.monotonic()
            fails(errno.EAGAIN, a.recv, 5)
            assert 0.099 <= time.monotonic() - begin < 5
            a.settimeout(0.1)
            try:
                a.recv(5)
                raise AssertionError
            except TimeoutError:
                pass
            s = socket.socket()
            s.settimeout(0.2)
            try:
                s.connect((SILENT, 9))
                raise AssertionError
            except TimeoutError:
                pass
            """)

    @rows("K5", "K6")
    def test_connect_without_waiting(self):
        listener = self.kernel_listener()
        self.script("""
            for port, result in (int(sys.argv[1]), 0), (1, errno.ECONNREFUSED):
                s = socket.socket()
                s.setblocking(False)
                assert s.connect_ex((KERNEL, port)) == errno.EINPROGRESS
                p = select.poll()
                p.register(s, select.POLLOUT)
                (_, events), = p.poll(20000)
                assert events == (4 if result == 0 else 28), events
                assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == result
                assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            s = socket.socket()
            s.setblocking(False)
            assert s.connect_ex((SILENT, 9)) == errno.EINPROGRESS
            assert s.connect_ex((SILENT, 9)) == errno.EALREADY
            assert select.select([], [s], [], 0.05) == ([], [], [])
            """, listener.getsockname()[1])

    @rows("P1", "P3", "P5", "P6", "P9")
    def test_poll_select_and_epoll(self):
        self.script("""
            def poll(s, events=5):
                p = select.poll()
                p.register(s, events)
                return dict(p.poll(0)).get(s.fileno(), 0)
            def wait(s, wanted):
                for _ in range(2000):
                    if poll(s) == wanted:
                        return
                    time.sleep(0.01)
                raise AssertionError(poll(s))
            assert poll(socket.socket()) == 20
            # Linux: HUP makes it readable.
            s = socket.socket()
            assert select.select([s], [s], [], 5) == ([s], [s], [])
            l = socket.create_server((STACK, 0))
            assert poll(l) == 0
            assert select.select([l], [l], [], 0) == ([], [], [])
            a = socket.create_connection(l.getsockname())
            wait(l, 1)
            assert select.select([l], [], [], 5) == ([l], [], [])
            b, _ = l.accept()
            assert poll(a) == 4 and poll(b) == 4
            e = select.epoll()
            r, w = os.pipe()
            e.register(a, select.EPOLLIN)
            e.register(r, select.EPOLLIN)
            b.send(b"x")
            os.write(w, b"x")
            wait(a, 5)
            assert sorted(e.poll(5)) == sorted([(a.fileno(), 1), (r, 1)])
            b.close()
            wait(a, 5)
            assert a.recv(1) == b"x" and a.recv(1) == b""
            """)

    @rows("P1", "P8", "K2")
    def test_epoll_shows_a_failed_connect(self):
        """By each of the calls, level- and edge-triggered; registered before or after."""
        self.script('''
            class Event(ctypes.Structure):
                _pack_ = 1 if os.uname().machine == "x86_64" else 0
                _fields_ = ("events", ctypes.c_uint32), ("data", ctypes.c_uint64)

            def wait(call, epoll):
                events = Event * 4
                got = events()
                minute = struct.pack("ll", 60, 0)
                n = {"epoll_wait": lambda f: f(epoll, got, 4, 60000),
                     "epoll_pwait": lambda f: f(epoll, got, 4, 60000, None),
                     "epoll_pwait2": lambda f: f(epoll, got, 4, minute, None)}[call](
                         getattr(libc, call))
                # Python gives data's first half only.
                return [(e.data & 0xffffffff, e.events) for e in got[:n]]

            for call in "epoll_wait", "epoll_pwait", "epoll_pwait2":
                for edge in 0, select.EPOLLET:
                    for before in True, False:
                        s, e = socket.socket(), select.epoll()
                        s.setblocking(False)
                        if before:
                            e.register(s, select.EPOLLOUT | edge)
                            # As Linux: it is not connected.
                            assert wait(call, e.fileno()) == [(s.fileno(), 20)]
                        assert s.connect_ex((KERNEL, 1)) == errno.EINPROGRESS
                        if not before:
                            e.register(s, select.EPOLLOUT | edge)
                        assert wait(call, e.fileno()) == [(s.fileno(), 28)], call
                        assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 111
            ''')

    @rows("P9")
    def test_epoll_never_shows_a_listener_as_writable(self):
        self.script("""
            l, e = socket.create_server((STACK, 0)), select.epoll()
            e.register(l, select.EPOLLIN | select.EPOLLOUT)
            assert e.poll(0.05) == []
            e.modify(l, select.EPOLLOUT)
            assert e.poll(0.05) == []
            e.modify(l, select.EPOLLIN | select.EPOLLOUT)
            a = socket.create_connection(l.getsockname())
            assert e.poll(20) == [(l.fileno(), select.EPOLLIN)]
            """)

    @rows("K5", "P3", "P7")
    def test_epoll_adds_nothing_to_a_connection(self):
        listener = self.kernel_listener()
        self.script('''
            s, e = socket.socket(), select.epoll()
            s.setblocking(False)
            assert s.connect_ex((KERNEL, int(sys.argv[1]))) == errno.EINPROGRESS
            e.register(s, select.EPOLLOUT)
            assert e.poll(60) == [(s.fileno(), 4)]
            assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            assert e.poll(60) == [(s.fileno(), 4)]
            s.send(b"x")
            e.modify(s, select.EPOLLIN)
            assert e.poll(0.05) == []
            ''', listener.getsockname()[1])

    @rows("R15")
    def test_epoll_shows_a_datagrams_error(self):
        self.script('''
            s, e = socket.socket(type=socket.SOCK_DGRAM), select.epoll()
            s.connect((KERNEL, 1))
            e.register(s, select.EPOLLIN)
            assert e.poll(0) == []
            s.send(b"x")
            (fd, events), = e.poll(60)
            assert fd == s.fileno() and events & select.EPOLLERR, events
            fails(errno.ECONNREFUSED, s.recv, 1)
            assert e.poll(0) == []
            ''')

    def test_epoll_with_the_same_data_for_two(self):
        self.script('''
            e = select.epoll()
            event = struct.pack("=IQ", select.EPOLLOUT, 7)
            pair = [socket.socket() for _ in range(2)]
            for s in pair:
                s.setblocking(False)
                assert s.connect_ex((KERNEL, 1)) == errno.EINPROGRESS
                assert libc.epoll_ctl(e.fileno(), 1, s.fileno(), event) == 0
            got = []
            while len(got) < 2:
                got = e.poll(60)
            assert got == [(7, 4), (7, 4)], got
            ''')

    @rows("C1", "C3", "C4", "C6")
    def test_accept(self):
        self.script("""
            l = socket.create_server((STACK, 0))
            l.setblocking(False)
            fails(errno.EAGAIN, l.accept)
            a = socket.create_connection(l.getsockname())
            select.select([l], [], [], 20)
            b, peer = l.accept()
            assert peer == a.getsockname() == b.getpeername()
            assert is_ours(b)
            fails(errno.EOPNOTSUPP, socket.socket(type=socket.SOCK_DGRAM).accept)
            """)

    @rows("X11", "O1", "O4", "O10")
    def test_names_and_options(self):
        self.script("""
            a, b = pair()
            assert a.getsockname() == b.getpeername() and a.getpeername() == b.getsockname()
            a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            assert a.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            a.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            assert a.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            info = a.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
            assert info[0] == 1, "ESTABLISHED"
            """)

    @rows("O6")
    def test_options_that_change_nothing(self):
        self.script('''
            TCP, UDP = ((socket.AF_INET, k) for k in (socket.SOCK_STREAM, socket.SOCK_DGRAM))
            SIX = socket.AF_INET6, socket.SOCK_DGRAM
            for kind, level, option, value, shown in (
                    (TCP, socket.SOL_SOCKET, socket.SO_PRIORITY, 5, 5),
                    (TCP, socket.SOL_SOCKET, socket.SO_OOBINLINE, 1, 1),
                    (UDP, socket.SOL_SOCKET, socket.SO_MARK, 0, 0),
                    (TCP, socket.IPPROTO_TCP, socket.TCP_CORK, 1, 0),
                    (TCP, socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5, 0),
                    (TCP, socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5, 0),
                    (TCP, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5000, 5000),
                    (UDP, socket.IPPROTO_IP, 10, 0, 0),         # IP_MTU_DISCOVER: DONT
                    (UDP, socket.IPPROTO_IP, 10, 5, 0),         # OMIT
                    (UDP, socket.IPPROTO_IP, 11, 0, 0),         # IP_RECVERR
                    (UDP, socket.IPPROTO_IP, 49, 1, 1),         # IP_MULTICAST_ALL
                    (SIX, socket.IPPROTO_IPV6, 23, 1, 1),       # IPV6_MTU_DISCOVER: WANT
                    (SIX, socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 0, 0)):
                s = socket.socket(*kind)
                s.setsockopt(level, option, value)
                got = s.getsockopt(level, option)
                assert got == shown, (level, option, got)
            s = socket.socket(*TCP)
            name = socket.IPPROTO_TCP, socket.TCP_CONGESTION
            assert s.getsockopt(*name, 16).rstrip(bytes(1)) == b"reno"
            s.setsockopt(*name, b"reno")
            fails(errno.ENOENT, s.setsockopt, *name, b"cubic")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"")
            assert s.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16) == b""
            fails(errno.EINVAL, s.setsockopt, socket.IPPROTO_TCP, socket.TCP_CORK, b"x")
            ''')

    @rows("O6")
    def test_options_that_would_change_something_92(self):
        self.script('''
            TCP, UDP = ((socket.AF_INET, k) for k in (socket.SOCK_STREAM, socket.SOCK_DGRAM))
            SIX = socket.AF_INET6, socket.SOCK_DGRAM
            for kind, level, option, value in (
                    (TCP, socket.SOL_SOCKET, socket.SO_MARK, 7),
                    (TCP, socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo"),
                    (UDP, socket.SOL_SOCKET, 29, 1),            # SO_TIMESTAMP
                    (UDP, socket.IPPROTO_IP, 10, 2),            # IP_MTU_DISCOVER: DO
                    (UDP, socket.IPPROTO_IP, 11, 1),            # IP_RECVERR
                    (UDP, socket.IPPROTO_IP, 8, 1),             # IP_PKTINFO
                    (UDP, socket.IPPROTO_IP, 49, 0),            # IP_MULTICAST_ALL
                    (UDP, socket.IPPROTO_TCP, socket.TCP_CORK, 1),
                    (UDP, socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 0),
                    (SIX, socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)):
                fails(errno.ENOPROTOOPT, socket.socket(*kind).setsockopt, level, option, value)
            ''')

    def test_ioctl(self):
        self.script("""
            import fcntl, termios
            def unread(s):
                return struct.unpack("i", fcntl.ioctl(s, termios.FIONREAD, b"1234"))[0]
            a, b = pair()
            assert unread(b) == 0
            a.sendall(b"12345")
            select.select([b], [], [], 20)
            assert unread(b) == 5
            fcntl.ioctl(b, 0x5421, b"\\1\\0\\0\\0")
            b.recv(5)
            fails(errno.EAGAIN, b.recv, 5)
            def unsent(s):
                return struct.unpack("i", fcntl.ioctl(s, termios.TIOCOUTQ, b"1234"))[0]
            assert unsent(a) in (0, 5)
            for _ in range(1000):
                if unsent(a) == 0:
                    break
                time.sleep(0.01)
            assert unsent(a) == 0
            fails(errno.EINVAL, unread, socket.create_server((STACK, 0)))
            u, v = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
            u.bind((STACK, 0))
            assert unread(u) == 0
            for data in b"1234567", b"12":
                v.sendto(data, u.getsockname())
            select.select([u], [], [], 20)
            assert unread(u) == 7
            assert u.recv(100) == b"1234567"
            """)


@deadline(60)
class Datagrams(PreloadCase):
    @rows("D1", "D2", "R10", "R11", "R14", "W7", "K11", "K12", "W14", "D6")
    def test_datagrams(self):
        self.script("""
            u, v = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
            fails(errno.EDESTADDRREQ, v.send, b"x")
            fails(errno.EMSGSIZE, v.sendto, bytes(70000), (KERNEL, 9))
            fails(errno.EACCES, v.sendto, b"x", ("255.255.255.255", 9))
            u.bind((STACK, 0))
            here = u.getsockname()
            assert v.sendto(b"one", here) == 3
            data, peer = u.recvfrom(100)
            assert data == b"one" and peer == (STACK, v.getsockname()[1])
            assert v.sendto(b"", here) == 0
            assert u.recvfrom(100) == (b"", peer)
            v.connect(here)
            v.send(b"longer")
            assert u.recv(3) == b"lon"
            os.write(v.fileno(), b"two")
            assert os.read(u.fileno(), 100) == b"two"
            os.writev(v.fileno(), [b"th", b"ree"])
            x, y = bytearray(2), bytearray(90)
            assert os.readv(u.fileno(), [x, y]) == 5 and x + y[:3] == b"three"
            v.sendmsg([b"fo", b"ur"])
            data, control, flags, address = u.recvmsg(2)
            assert (data, control, flags, address) == (b"fo", [], socket.MSG_TRUNC, peer)
            fails(errno.EAGAIN, u.recv, 1, socket.MSG_DONTWAIT)
            """)

    @rows("R15")
    def test_port_unreachable(self):
        self.script("""
            u = socket.socket(type=socket.SOCK_DGRAM)
            u.connect((KERNEL, 1))
            u.send(b"x")
            p = select.poll()
            p.register(u, select.POLLIN)
            (_, events), = p.poll(20000)
            assert events & select.POLLERR, events
            fails(errno.ECONNREFUSED, u.recv, 5)
            """)

    def test_many_messages_in_one_call(self):
        self.script("""
            class iovec(ctypes.Structure):
                _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]
            class msghdr(ctypes.Structure):
                _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint),
                            ("iov", ctypes.POINTER(iovec)), ("iovlen", ctypes.c_size_t),
                            ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                            ("flags", ctypes.c_int)]
            class mmsghdr(ctypes.Structure):
                _fields_ = [("hdr", msghdr), ("len", ctypes.c_uint)]
            def messages(texts):
                m = (mmsghdr * len(texts))()
                for i, t in enumerate(texts):
                    m[i].hdr.iov = ctypes.pointer(iovec(t, len(t)))
                    m[i].hdr.iovlen = 1
                return m
            u, v = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
            u.bind((STACK, 0))
            v.connect(u.getsockname())
            assert libc.sendmmsg(v.fileno(), messages([b"one", b"three"]), 2, 0) == 2
            time.sleep(0.2)
            room = [ctypes.create_string_buffer(9) for _ in range(3)]
            m = messages([b"123456789"] * 3)
            for i in range(3):
                m[i].hdr.iov[0].base = ctypes.cast(room[i], ctypes.c_char_p)
            assert libc.recvmmsg(u.fileno(), m, 3, 0x10000, None) == 2, "MSG_WAITFORONE"
            assert [m[0].len, m[1].len] == [3, 5]
            assert room[0].value == b"one" and room[1].value == b"three"
            """)


@deadline(60)
class Places(PreloadCase):
    """Which destinations are whose."""

    @rows("G14")
    def test_loopback_is_the_kernels(self):
        self.script("""
            for family, address in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
                l = socket.create_server((address, 0), family=family)
                assert not is_ours(l)
                s = socket.socket(family)
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                s.settimeout(7)
                e = select.epoll()
                e.register(s, select.EPOLLOUT)
                number = s.fileno()
                assert is_ours(s)
                s.connect(l.getsockname())
                assert not is_ours(s) and s.fileno() == number
                assert s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
                assert not s.get_inheritable() and not os.get_blocking(number)
                assert e.poll(5) == [(number, 4)], "epoll follows"
                c, _ = l.accept()
                c.send(b"x")
                assert s.recv(5) == b"x"
            u, v = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
            u.bind(("127.0.0.1", 0))
            v.sendto(b"x", u.getsockname())
            assert u.recv(5) == b"x" and not is_ours(v)
            """)

    def test_a_kernel_socket_leads_nowhere_else(self):
        listener = self.kernel_listener()
        self.script("""
            s = socket.socket()
            s.bind(("127.0.0.1", 0))
            fails(errno.ENETUNREACH, s.connect, (KERNEL, int(sys.argv[1])))
            u = socket.socket(type=socket.SOCK_DGRAM)
            u.sendto(b"x", ("127.0.0.1", 9))
            fails(errno.ENETUNREACH, u.sendto, b"x", (KERNEL, 9))
            fails(errno.ENETUNREACH, u.sendmsg, [b"x"], [], 0, (KERNEL, 9))
            fails(errno.ENETUNREACH, u.connect, (KERNEL, 9))
            # One that serves the stack cannot send to the kernel's loopback too.
            v = socket.socket(type=socket.SOCK_DGRAM)
            v.bind(("", 0))
            fails(errno.ENETUNREACH, v.sendto, b"x", ("127.0.0.1", 9))
            """, listener.getsockname()[1])

    def test_stack_loopback(self):
        self.script("""
            l = socket.create_server(("127.0.0.1", 0))
            assert is_ours(l)
            s = socket.create_connection(l.getsockname())
            assert is_ours(s)
            """, options=["--stack-loopback"])

    def test_deny_and_kernel(self):
        listener = self.kernel_listener()
        self.script("""
            there = KERNEL, int(sys.argv[1])
            fails(errno.EACCES, socket.socket().connect, ("198.51.100.7", 80))
            u = socket.socket(type=socket.SOCK_DGRAM)
            fails(errno.EACCES, u.sendto, b"x", ("198.51.100.7", 80))
            fails(errno.EACCES, socket.socket(socket.AF_INET6).connect,
                  ("::ffff:198.51.100.7", 80))
            s = socket.create_connection(there)
            assert not is_ours(s) and s.getsockname()[0] == KERNEL
            """, listener.getsockname()[1],
            options=["--deny", "198.51.100.0/24", "--kernel", Tun.KERNEL[4]])


@deadline(60)
class Names(PreloadCase):
    @classmethod
    def make_link(cls):
        cls.hosts = os.path.join(harness.temporary_folder(), "hosts")
        with open(cls.hosts, "w") as f:
            f.write("10.9.0.1 peer.test alias.test\nfd09::1 peer.test\n")
        cls.config = {"resolver": {"hosts": cls.hosts}}
        return super().make_link()

    @rows("A2", "A4", "A7")
    def test_look_ups(self):
        self.script("""
            def look(*a, **kw):
                return sorted({i[4][0] for i in socket.getaddrinfo(*a, **kw)})
            assert look("peer.test", 80) == ["10.9.0.1", "fd09::1"]
            assert look("peer.test", 80, socket.AF_INET) == ["10.9.0.1"]
            assert look("127.1", 80) == ["127.0.0.1"]
            assert look("localhost", 80) == ["127.0.0.1", "::1"]
            assert look("a.localhost", None, socket.AF_INET) == ["127.0.0.1"]
            assert look(None, "http", socket.AF_INET) == ["127.0.0.1"]
            try:
                socket.getaddrinfo("no.such.test", 80)
                raise AssertionError
            except socket.gaierror as e:
                assert e.errno in (socket.EAI_NONAME, socket.EAI_AGAIN), e
            assert socket.gethostbyname("peer.test") == "10.9.0.1"
            assert socket.gethostbyname_ex("peer.test")[2] == ["10.9.0.1"]
            assert socket.gethostbyaddr("127.0.0.1")[0] == "localhost"
            try:
                socket.gethostbyaddr("10.9.0.1")
                raise AssertionError
            except socket.herror as e:
                # The link has no name server: try again.
                assert e.errno == 2, e
            assert socket.getnameinfo(("10.9.0.1", 80), 0) == ("10.9.0.1", "http")
            assert socket.getnameinfo(("127.0.0.1", 80), 0) == ("localhost", "http")
            # The older calls, which Python does not make.
            libc.gethostbyname.restype = ctypes.c_void_p
            entry = (ctypes.c_void_p * 4).from_address(libc.gethostbyname(b"peer.test"))
            first = ctypes.c_void_p.from_address(entry[3]).value
            assert ctypes.string_at(first, 4) == bytes([10, 9, 0, 1])
            """)


@deadline(60)
class LinkDown(PreloadCase):
    """Without a link Linux says 101 where scripts get 113."""

    @classmethod
    def make_link(cls):
        super().make_link()
        return {"link net0": {"driver": "packet", "interface": "absent0"}}

    @classmethod
    def link_is_up(cls):
        pass

    @rows("K9", "D7", "G11")
    def test_network_is_unreachable(self):
        self.script("""
            fails(errno.ENETUNREACH, socket.socket().connect, (KERNEL, 80))
            u = socket.socket(type=socket.SOCK_DGRAM)
            fails(errno.ENETUNREACH, u.sendto, b"x", (KERNEL, 80))
            """)
