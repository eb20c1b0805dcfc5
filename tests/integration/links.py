#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Several links in one daemon: which is used, and what happens when one goes."""

import errno
import json
import socket
import subprocess
import sys

import fakedns
import harness
import links_nat64
import links_path
import runner
import usock

from links_support import DNS_PORT, FAR, LinksCase, Way, state_of
from runner import rows

A = fakedns.A


class Both(LinksCase):
    """Two links; the second one of the configuration is the better."""

    @classmethod
    def make_ways(cls):
        return Way(0, metric=200), Way(1, metric=100)

    @property
    def better(self):
        return self.ways[1]

    @property
    def other(self):
        return self.ways[0]

    def sock(self, family, kind=socket.SOCK_STREAM):
        return self.keep(usock.Sock(socket.AF_INET if family == 4 else socket.AF_INET6, kind))

    def connected(self, family, bound_to=None):
        """A connection to the far host: usocket, kernel's, where it came from."""
        listener = self.far_listener(family)
        s = self.sock(family)
        if bound_to:
            s.bind((bound_to, 0))
        s.connect(listener.getsockname()[:2])
        return s, *self.accept(listener)

    def assert_carries(self, s, conn):
        s.send(b"there")
        self.assertEqual(conn.recv(10), b"there")
        conn.sendall(b"back")
        self.assertEqual(s.recv_exactly(4), b"back")

    def test_unbound_uses_the_lower_metric(self):
        for family in (4, 6):
            s, conn, source = self.connected(family)
            self.assertEqual(source, self.better.stack[family])
            self.assertEqual(s.getsockname()[0], self.better.stack[family])
            self.assert_carries(s, conn)
            far = self.far_udp(family)
            u = self.sock(family, socket.SOCK_DGRAM)
            u.sendto(b"x", far.getsockname()[:2])
            data, peer = far.recvfrom(10)
            self.assertEqual((data, peer[0]), (b"x", self.better.stack[family]))
            far.sendto(b"y", peer)
            self.assertEqual(u.recvfrom(10), (b"y", far.getsockname()[:2]))

    @rows("S6")
    def test_bound_uses_the_link_that_has_the_address(self):
        for family in (4, 6):
            before = state_of(self.other).bytes_received
            s, conn, source = self.connected(family, self.other.stack[family])
            self.assertEqual(source, self.other.stack[family])
            self.assert_carries(s, conn)
            self.eventually(lambda: state_of(self.other).bytes_received > before)
            far = self.far_udp(family)
            u = self.sock(family, socket.SOCK_DGRAM)
            u.bind((self.other.stack[family], 0))
            u.sendto(b"x", far.getsockname()[:2])
            data, peer = far.recvfrom(10)
            self.assertEqual((data, peer[0]), (b"x", self.other.stack[family]))
            far.sendto(b"y", peer)
            self.assertEqual(u.recvfrom(10)[0], b"y")

    def test_network_of_a_link_goes_before_the_default(self):
        listener = self.far_listener(host=self.other.kernel[4])
        s = self.sock(4)
        s.connect(listener.getsockname())
        self.assertEqual(self.accept(listener)[1], self.other.stack[4])

    def test_listener_hears_on_all_links(self):
        listener = self.sock(4)
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        for way in self.ways:
            peer = self.keep(socket.socket())
            peer.settimeout(10)
            peer.connect((way.stack[4], listener.getsockname()[1]))
            s, _ = listener.accept_timeout(20000)
            self.keep(s)
            self.assertEqual(s.getsockname()[0], way.stack[4])
            self.assert_carries(s, peer)

    def test_default_moves_when_it_goes_down_and_returns(self):
        for family in (4, 6):
            self.assertEqual(self.connected(family)[2], self.better.stack[family])
        self.lose(self.better)
        self.assertEqual(state_of(self.other).is_default,
                         usock.DEFAULT_IPV4 | usock.DEFAULT_IPV6)
        self.assertEqual(state_of(self.better).is_default, 0)
        for family in (4, 6):
            self.assertEqual(self.connected(family)[2], self.other.stack[family])
        self.find(self.better)
        self.assertEqual(state_of(self.other).is_default, 0)
        self.assertEqual((state_of(self.better).rank, state_of(self.other).rank), (1, 2))
        for family in (4, 6):
            self.assertEqual(self.connected(family)[2], self.better.stack[family])

    @rows("G11", "G12")
    def test_connection_stays_with_its_address(self):
        old = {family: self.connected(family) for family in (4, 6)}
        self.lose(self.better)
        moved = self.connected(4)
        self.assert_carries(moved[0], moved[1])
        for family, (s, _, _) in old.items():
            self.assertEqual(s.state(), 4)
            self.assertEqual(s.getsockname()[0], self.better.stack[family])
        old[4][0].send(b"sent while it was away")
        self.find(self.better)
        self.assertEqual(old[4][1].recv(100), b"sent while it was away")
        self.assert_carries(*old[6][:2])
        # That of the other link is not moved back.
        self.assert_carries(*moved[:2])
        self.assertEqual(moved[0].getsockname()[0], self.other.stack[4])

    @rows("K9", "D7", "G11")
    def test_bound_to_a_link_that_is_down_113(self):
        sockets = {}
        for family in (4, 6):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                sockets[family, kind] = self.sock(family, kind)
                sockets[family, kind].bind((self.better.stack[family], 0))
        self.lose(self.better)
        for (family, kind), s in sockets.items():
            with self.subTest(family=family, kind=kind):
                if kind == socket.SOCK_DGRAM:
                    with self.fails(errno.EHOSTUNREACH):
                        s.sendto(b"x", (FAR[family], 9))
                with self.fails(errno.EHOSTUNREACH):
                    s.connect((FAR[family], 9))

    @rows("G11")
    def test_bound_waits_for_its_own_link_if_asked(self):
        s = self.sock(4)
        s.bind((self.better.stack[4], 0))
        s.setsockopt(usock.SOL_USOCKET, usock.SO_WAIT_LINK, 1)
        listener = self.far_listener()
        self.lose(self.better)
        waiting = harness.Call(s.connect_timeout, listener.getsockname(), 30000)
        self.eventually(lambda: s.state() == 2)
        self.find(self.better)
        waiting.result(30)
        self.assertEqual(self.accept(listener)[1], self.better.stack[4])

    def test_connected_udp_follows_the_default(self):
        far = self.far_udp()
        u = self.sock(4, socket.SOCK_DGRAM)
        u.connect(far.getsockname())
        self.assertEqual(u.getsockname()[0], self.better.stack[4])
        self.lose(self.better)
        self.eventually(lambda: u.getsockname()[0] == self.other.stack[4])
        u.send(b"x")
        self.assertEqual(far.recvfrom(10)[1], (self.other.stack[4], u.getsockname()[1]))

    def test_usocketctl_nc_uses_the_link_that_is_named(self):
        for family in (4, 6):
            for more, way in ((), self.better), (("--link", self.other.name), self.other):
                listener = self.far_listener(family)
                host, port = listener.getsockname()[:2]
                nc = subprocess.Popen(
                    [harness.program("usocketctl"), "nc", *more, host, str(port)],
                    env=harness.child_env(USOCKETD_SOCKET=self.daemon.socket),
                    stdin=subprocess.DEVNULL)
                self.addCleanup(nc.wait)
                conn, source = self.accept(listener)
                conn.close()
                self.assertEqual(source, way.stack[family])
                self.assertEqual(nc.wait(20), 0)

    def test_usocketctl_shows_the_default(self):
        env = harness.child_env(USOCKETD_SOCKET=self.daemon.socket)

        def ctl(*args):
            return subprocess.run([harness.program("usocketctl"), *args], env=env, text=True,
                                  check=True, stdout=subprocess.PIPE).stdout
        text = ctl("link")
        self.assertRegex(text, r"(?im)^net1: up for .*, default$")
        self.assertNotRegex(text, r"(?im)^net0: .*default")
        self.assertRegex(text, r"(?m)^    metric +200$")
        links = {link["name"]: link for link in json.loads(ctl("link", "--json"))["links"]}
        self.assertEqual([links["net1"][key] for key in ("default4", "default6", "rank", "metric")],
                         [True, True, 1, 100])
        self.assertEqual((links["net0"]["default"], links["net0"]["rank"]), (False, 2))


class Split(LinksCase):
    """IPv4 on one link, IPv6 on the other: each is the default of its family."""

    @classmethod
    def make_ways(cls):
        return Way(0, families=(6,)), Way(1, families=(4,))

    def test_each_family_has_its_own_default(self):
        self.assertEqual([state_of(way).is_default for way in self.ways],
                         [usock.DEFAULT_IPV6, usock.DEFAULT_IPV4])
        for family, way in ((4, self.ways[1]), (6, self.ways[0])):
            listener = self.far_listener(family)
            s = self.keep(usock.Sock(socket.AF_INET if family == 4 else socket.AF_INET6))
            s.connect(listener.getsockname()[:2])
            self.assertEqual(self.accept(listener)[1], way.stack[family])

    @rows("K9")
    def test_family_whose_link_is_down_113(self):
        self.lose(self.ways[1])
        s = self.keep(usock.Sock())
        with self.fails(errno.EHOSTUNREACH):
            s.connect((FAR[4], 80))


def look_up(name):
    return usock.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)[0].address[0]


class Names(LinksCase):
    """Each link has a name server of its own."""

    @classmethod
    def make_ways(cls):
        cls.servers = []
        ways = []
        for number in (0, 1):
            way = Way(number)
            server = fakedns.FakeDns(way.kernel[4], port=DNS_PORT)
            cls.addClassCleanup(server.close)
            server.zone[("where.example", A)] = [f"198.51.100.{number}"]
            server.zone[(f"only{number}.example", A)] = ["198.51.100.9"]
            way.keys["dns"] = way.kernel[4]
            cls.servers.append(server)
            ways.append(way)
        return ways

    def setUp(self):
        super().setUp()
        for server in self.servers:
            server.forget_queries()
            server.askers.clear()

    def test_the_defaults_server_is_asked_and_no_other(self):
        self.assertEqual(look_up("where.example"), "198.51.100.0")
        self.assertEqual(look_up("only0.example"), "198.51.100.9")
        with self.assertRaises(usock.GaiError) as caught:
            look_up("only1.example")
        self.assertEqual(caught.exception.code, -2)
        self.assertEqual(self.servers[1].queries, [])
        self.assertEqual(set(self.servers[0].askers), {self.ways[0].stack[4]})

    def test_another_link_has_other_answers(self):
        self.assertEqual(look_up("where.example"), "198.51.100.0")
        self.lose(self.ways[0])
        self.assertEqual(look_up("where.example"), "198.51.100.1")
        self.assertEqual(set(self.servers[1].askers), {self.ways[1].stack[4]})
        self.find(self.ways[0])
        self.assertEqual(look_up("where.example"), "198.51.100.0")

    def test_look_up_under_way_is_asked_anew(self):
        self.servers[0].zone[("slow.example", A)] = None
        self.servers[1].zone[("slow.example", A)] = ["198.51.100.7"]
        waiting = harness.Call(look_up, "slow.example")
        self.eventually(lambda: self.servers[0].count("slow.example") > 0)
        self.lose(self.ways[0])
        self.assertEqual(waiting.result(), "198.51.100.7")


class NamesOfTheOther(LinksCase):
    """Only the second link has a name server, and that is far behind it."""

    SERVER = "192.0.2.53"

    @classmethod
    def make_ways(cls):
        harness.ip("addr", "add", f"{cls.SERVER}/32", "dev", "lo")
        cls.server = fakedns.FakeDns(cls.SERVER, port=DNS_PORT)
        cls.addClassCleanup(cls.server.close)
        cls.server.zone[("where.example", A)] = ["198.51.100.1"]
        return Way(0), Way(1, dns=cls.SERVER)

    def test_it_is_asked_on_its_own_link(self):
        self.assertEqual(look_up("where.example"), "198.51.100.1")
        self.assertEqual(set(self.server.askers), {self.ways[1].stack[4]})
        self.assertEqual(state_of(self.ways[0]).rank, 1)
        self.lose(self.ways[1])
        with self.assertRaises(usock.GaiError) as caught:
            look_up("elsewhere.example")
        self.assertEqual(caught.exception.code, -3)
        self.assertEqual(self.server.count("elsewhere.example"), 0)


if __name__ == "__main__":
    runner.main(sys.modules[__name__], links_nat64, links_path)
