# SPDX-License-Identifier: MIT
"""Links with IPv6 only: IPv4 goes through NAT64.

The kernel is the NAT64 and the hosts behind it: it takes every address of the
prefix for its own, so what a server there sees is what a translator would.
"""

import errno
import socket
import time

import fakedns
import harness
import usock

from links_support import DNS_PORT, FAR, LinksCase, Way, is_up, state_of
from rows_connect import POLLOUT
from runner import rows

A, AAAA = fakedns.A, fakedns.AAAA
NAME = "ipv4only.arpa"
PREFIX, OTHER_PREFIX = "2001:db8:64::", "2001:db8:65::"
WELL_KNOWN = "64:ff9b::"
# RFC 7335: what a socket shows as its own.
OURS = "192.0.0.2"
HOST = FAR[4]


def mapped(ip4, prefix=PREFIX):
    """The IPv6 address of @ip4 by a prefix of 96 bits."""
    raw = socket.inet_pton(socket.AF_INET6, prefix)[:12] + socket.inet_aton(ip4)
    return socket.inet_ntop(socket.AF_INET6, raw)


class _Nat64Case(LinksCase):
    server = None

    @classmethod
    def make_translator(cls, *prefixes):
        for prefix in prefixes:
            harness.ip("-6", "route", "add", "local", f"{prefix}/96", "dev", "lo")

    @classmethod
    def make_server(cls, way, prefix=PREFIX):
        way.keys["dns"] = way.kernel[6]
        cls.server = fakedns.FakeDns(way.kernel[6], port=DNS_PORT)
        cls.addClassCleanup(cls.server.close)
        cls.tell(prefix)

    @classmethod
    def tell(cls, prefix):
        cls.server.zone[(NAME, AAAA)] = [mapped("192.0.0.170", prefix),
                                         mapped("192.0.0.171", prefix)]
        cls.server.zone[("old.example", A)] = [HOST]

    def prefix_of(self, way):
        nat64 = state_of(way).nat64
        return nat64.text() if nat64.family else None

    def wait_for_prefix(self, way, prefix=PREFIX):
        self.eventually(lambda: self.prefix_of(way) == prefix, 20, "the prefix is found")

    def listener(self, ip4=HOST, prefix=PREFIX):
        return self.far_listener(6, mapped(ip4, prefix))

    def udp_server(self, ip4=HOST, prefix=PREFIX):
        return self.far_udp(6, mapped(ip4, prefix))

    def assert_unreachable(self, make, address=(HOST, 80)):
        with self.fails(errno.EHOSTUNREACH):
            make().connect_timeout(address, 10000)


class Nat64(_Nat64Case):
    @classmethod
    def make_ways(cls):
        way = Way(0, families=(6,))
        cls.make_translator(PREFIX)
        cls.make_server(way)
        return way,

    def setUp(self):
        super().setUp()
        self.wait_for_prefix(self.ways[0])
        self.assertEqual(state_of(self.ways[0]).nat64.prefix, 96)

    @rows("K14", "B1")
    def test_tcp_to_a_literal(self):
        listener = self.listener()
        s = self.tcp()
        s.connect((HOST, listener.getsockname()[1]))
        conn, source = self.accept(listener)
        self.assertEqual(source, self.ways[0].stack[6])
        self.assertEqual(s.getpeername(), (HOST, listener.getsockname()[1]))
        self.assertEqual(s.getsockname()[0], OURS)
        info = s.info()
        self.assertEqual((info.remote.text(), info.local.text()), (HOST, OURS))
        self.assertEqual(info.link, 1)
        s.send(b"there")
        self.assertEqual(conn.recv(10), b"there")
        conn.sendall(b"back")
        self.assertEqual(s.recv_exactly(4), b"back")

    @rows("K14", "K5")
    def test_tcp_without_waiting(self):
        listener = self.listener()
        s = self.tcp(socket.SOCK_NONBLOCK)
        with self.fails(errno.EINPROGRESS):
            s.connect((HOST, listener.getsockname()[1]))
        s.connect_wait(20000)
        self.assertEqual(s.getpeername()[0], HOST)

    @rows("K14", "K2")
    def test_tcp_refused_111_and_again(self):
        s = self.tcp()
        with self.fails(errno.ECONNREFUSED):
            s.connect((HOST, 9))
        listener = self.listener()
        s.connect((HOST, listener.getsockname()[1]))
        self.assertEqual(s.getpeername()[0], HOST)

    @rows("K14", "K1", "A9")
    def test_name_with_ipv4_only(self):
        listener = self.listener()
        s = self.tcp()
        with self.fails(errno.EINPROGRESS):
            s.connect_name("old.example", listener.getsockname()[1])
        s.connect_wait(20000)
        self.assertEqual(s.getpeername()[0], HOST)
        entries = usock.getaddrinfo("old.example", "80", 0, socket.SOCK_STREAM)
        self.assertEqual([e.address[0] for e in entries], [HOST])

    @rows("K14")
    def test_mapped_address_on_an_ipv6_socket(self):
        listener = self.listener()
        s = self.keep(usock.Sock(socket.AF_INET6))
        s.connect(("::ffff:" + HOST, listener.getsockname()[1]))
        self.assertEqual(s.getpeername()[0], "::ffff:" + HOST)
        self.assertEqual(s.getsockname()[0], "::ffff:" + OURS)

    @rows("K14", "D1", "D2")
    def test_udp_unconnected(self):
        server = self.udp_server()
        to = (HOST, server.getsockname()[1])
        u = self.udp()
        for data in (b"ask", b""):
            u.sendto(data, to)
            got, peer = server.recvfrom(10)
            self.assertEqual((got, peer[0]), (data, self.ways[0].stack[6]))
            server.sendto(b"answer", peer)
            self.assertEqual(u.recvfrom(10), (b"answer", to))

    @rows("K14", "K11")
    def test_udp_connected(self):
        server, stranger = self.udp_server(), self.udp_server("192.0.2.2")
        u = self.udp()
        u.connect((HOST, server.getsockname()[1]))
        self.assertEqual(u.getsockname()[0], OURS)
        self.assertEqual(u.getpeername()[0], HOST)
        u.send(b"ask")
        _, peer = server.recvfrom(10)
        stranger.sendto(b"not me", peer)
        server.sendto(b"answer", peer)
        self.assertEqual(u.recv(10), b"answer")

    @rows("K14")
    def test_udp_by_a_mapped_address(self):
        server = self.udp_server()
        u = self.keep(usock.Sock(socket.AF_INET6, socket.SOCK_DGRAM))
        u.sendto(b"ask", ("::ffff:" + HOST, server.getsockname()[1]))
        _, peer = server.recvfrom(10)
        server.sendto(b"answer", peer)
        data, source = u.recvfrom(10)
        self.assertEqual((data, source[0]), (b"answer", "::ffff:" + HOST))

    def test_udp_to_the_ipv6_address_stays_ipv6(self):
        server = self.udp_server()
        u = self.keep(usock.Sock(socket.AF_INET6, socket.SOCK_DGRAM))
        u.sendto(b"ask", (mapped(HOST), server.getsockname()[1]))
        _, peer = server.recvfrom(10)
        server.sendto(b"answer", peer)
        self.assertEqual(u.recvfrom(10)[1][0], mapped(HOST))

    @rows("K14")
    def test_udp_port_unreachable_111(self):
        u = self.udp()
        u.connect((HOST, 9))
        u.send(b"x")
        with self.fails(errno.ECONNREFUSED):
            u.recv_timeout(10, 10000)

    def test_addresses_that_mean_something_here_are_not_sent_there(self):
        for ip in ("127.0.0.1", "169.254.1.1", "240.0.0.1"):
            with self.subTest(ip), self.fails(errno.EHOSTUNREACH, errno.ENETUNREACH,
                                              errno.ECONNREFUSED):
                self.tcp().connect((ip, 9))
        self.assertEqual(state_of(self.ways[0]).is_default,
                         usock.DEFAULT_IPV4 | usock.DEFAULT_IPV6)

    def test_another_prefix_after_the_link_has_returned(self):
        self.make_translator(OTHER_PREFIX)
        self.tell(OTHER_PREFIX)
        old = self.tcp()
        listener = self.listener()
        old.connect((HOST, listener.getsockname()[1]))
        self.lose(self.ways[0])
        self.assertIsNone(self.prefix_of(self.ways[0]))
        self.ways[0].restore()
        self.eventually(lambda: is_up(self.ways[0]), 20)
        self.wait_for_prefix(self.ways[0], OTHER_PREFIX)
        self.wait_up(self.ways[0])
        listener = self.listener(prefix=OTHER_PREFIX)
        s = self.tcp()
        s.connect((HOST, listener.getsockname()[1]))
        self.accept(listener)
        # The old connection is what it was.
        self.assertEqual(old.getpeername()[0], HOST)
        self.tell(PREFIX)
        self.lose(self.ways[0])
        self.find(self.ways[0])
        harness.ip("-6", "route", "del", "local", f"{OTHER_PREFIX}/96", "dev", "lo")


class NoNat64(_Nat64Case):
    """The name server knows no prefix, or nothing at all."""

    config = {"resolver": {"timeout": 2}}

    @classmethod
    def make_ways(cls):
        way = Way(0, families=(6,))
        cls.make_translator(PREFIX)
        cls.make_server(way)
        return way,

    def again(self):
        """The link has just come up; nothing has been answered."""
        self.lose(self.ways[0])
        self.server.forget_queries()
        self.ways[0].restore()
        self.eventually(lambda: is_up(self.ways[0]), 20)

    @rows("K14", "K9")
    def test_no_prefix_113_and_the_server_is_left_alone(self):
        del self.server.zone[(NAME, AAAA)]
        self.addCleanup(self.tell, PREFIX)
        self.again()
        for make in (self.tcp, self.udp):
            self.assert_unreachable(make)
        u = self.udp()
        with self.fails(errno.EHOSTUNREACH):
            u.sendto(b"x", (HOST, 9))
        time.sleep(1)
        # It may have been sent again while the answer was on its way.
        self.assertEqual([name for name, _ in self.server.questions], [NAME])
        self.assertIsNone(self.prefix_of(self.ways[0]))

    @rows("K14")
    def test_answer_that_is_no_prefix_is_none(self):
        self.server.zone[(NAME, AAAA)] = ["2001:db8:66::1", "::ffff:192.0.0.170"]
        self.addCleanup(self.tell, PREFIX)
        self.again()
        self.assert_unreachable(self.tcp)
        self.assertIsNone(self.prefix_of(self.ways[0]))

    @rows("K14", "K9")
    def test_silent_server_holds_a_connect_up_for_seconds_only(self):
        self.server.zone[(NAME, AAAA)] = None
        self.addCleanup(self.tell, PREFIX)
        self.again()
        start = time.monotonic()
        self.assert_unreachable(self.tcp)
        self.assertLess(time.monotonic() - start, 5 * harness.time_scale())
        # From now on it is told at once.
        self.assert_takes(0, lambda: self.assert_unreachable(self.tcp), within=0.5)
        # A few tries, further and further apart.
        self.assertLess(self.server.count(NAME), 10)

    @rows("K14")
    def test_connect_waits_for_the_first_answer(self):
        self.server.zone[(NAME, AAAA)] = None
        self.again()
        listener = self.listener()
        direct, named = self.tcp(), self.tcp()
        waiting = harness.Call(direct.connect_timeout, (HOST, listener.getsockname()[1]), 20000)
        with self.fails(errno.EINPROGRESS):
            named.connect_name("old.example", listener.getsockname()[1])
        self.eventually(lambda: self.server.count(NAME) > 0 and
                        [direct.state(), named.state()] == [2, 2])
        self.assertEqual(named.poll(POLLOUT), 0)
        self.tell(PREFIX)
        waiting.result(20)
        named.connect_wait(20000)
        self.assertEqual([direct.getpeername()[0], named.getpeername()[0]], [HOST, HOST])


class WellKnown(_Nat64Case):
    """A prefix by configuration: nobody is asked. It carries global addresses only."""

    @classmethod
    def make_ways(cls):
        cls.make_translator(WELL_KNOWN)
        way = Way(0, families=(6,), nat64=WELL_KNOWN + "/96")
        cls.make_server(way)
        return way,

    @rows("K14")
    def test_global_addresses_only(self):
        listener = self.listener("8.8.8.8", WELL_KNOWN)
        s = self.tcp()
        s.connect(("8.8.8.8", listener.getsockname()[1]))
        self.assertEqual(s.getpeername()[0], "8.8.8.8")
        for ip in ("10.1.2.3", "192.168.1.1", "100.64.0.1"):
            for make in (self.tcp, self.udp):
                with self.subTest(ip, make=make):
                    self.assert_unreachable(make, (ip, 80))
            with self.subTest(ip), self.fails(errno.EHOSTUNREACH):
                self.udp().sendto(b"x", (ip, 9))
        self.assertEqual(self.server.count(NAME), 0)


class Nat64Beside(_Nat64Case):
    """A link with NAT64 that is better than one with IPv4."""

    @classmethod
    def make_ways(cls):
        way = Way(0, families=(6,), metric=1)
        cls.make_translator(PREFIX)
        cls.make_server(way)
        return way, Way(1, families=(4,))

    @rows("K14")
    def test_the_better_link_carries_ipv4_until_it_goes_down(self):
        self.wait_for_prefix(self.ways[0])
        listener, native = self.listener(), self.far_listener()
        s = self.tcp()
        s.connect((HOST, listener.getsockname()[1]))
        self.assertEqual(s.getsockname()[0], OURS)
        u, server = self.udp(), self.udp_server()
        u.sendto(b"x", (HOST, server.getsockname()[1]))
        server.recvfrom(10)
        # Bound to the other link's address: by that.
        bound = self.tcp()
        bound.bind((self.ways[1].stack[4], 0))
        bound.connect(native.getsockname())
        self.assertEqual(self.accept(native)[1], self.ways[1].stack[4])
        self.lose(self.ways[0])
        s = self.tcp()
        s.connect(native.getsockname())
        self.assertEqual(self.accept(native)[1], self.ways[1].stack[4])
        far = self.far_udp()
        u.sendto(b"y", far.getsockname())
        data, peer = far.recvfrom(10)
        self.assertEqual((data, peer[0]), (b"y", self.ways[1].stack[4]))
        far.sendto(b"z", peer)
        self.assertEqual(u.recvfrom(10), (b"z", far.getsockname()))
