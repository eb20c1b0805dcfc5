#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The slirp driver as an ordinary user: sockets, forwards, names, the helper."""

import errno
import os
import signal
import socket
import stat
import struct
import unittest

import fakedns
import harness
import runner
import usock

from fakedns import A, AAAA, CNAME
from harness import OTHER_UID, Call, StackCase, both_families, in_child
from runner import rows

POLLIN, POLLOUT = 1, 4
HOST = {4: "10.0.2.2", 6: "fec0::2"}
GUEST = {4: "10.0.2.15", 6: "fec0::15"}
HERE = {4: "127.0.0.1", 6: "::1"}
GAI_NONAME, GAI_AGAIN, GAI_FAIL, GAI_SERVICE, GAI_SYSTEM = -2, -3, -4, -8, -11
LINGER_0 = struct.pack("ii", 1, 0)


def free_port(kind=socket.SOCK_STREAM, family=4):
    af = socket.AF_INET if family == 4 else socket.AF_INET6
    with socket.socket(af, kind) as s:
        s.bind((HERE[family], 0))
        return s.getsockname()[1]


def has_ipv6_loopback():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
    except OSError:
        return False
    return True


class SlirpCase(StackCase):
    """As root, in a network of its own and as another user; else as it is."""

    forwards = {}

    @classmethod
    def setUpClass(cls):
        harness.need_slirp()
        if os.geteuid() == 0:
            harness.private_network()
        if cls.family == 6 and not has_ipv6_loopback():
            raise unittest.SkipTest("the host has no ::1")
        super().setUpClass()

    @classmethod
    def daemon_options(cls):
        return {"uid": OTHER_UID} if harness.is_real_root() else {}

    @classmethod
    def make_link(cls):
        link = {"driver": "slirp"}
        if cls.forwards:
            link["forward"] = ", ".join(f"{way}:{port}" for way, port in cls.forwards.items())
        return {"link net0": link}

    host = property(lambda self: HOST[self.family])
    here = property(lambda self: HERE[self.family])
    any = property(lambda self: "0.0.0.0" if self.family == 4 else "::")

    def server(self, kind=socket.SOCK_STREAM):
        """A socket of the host, and the address under which the stack finds it."""
        s = self.keep(socket.socket(self.af, kind))
        s.settimeout(10)
        s.bind((self.here, 0))
        if kind == socket.SOCK_STREAM:
            s.listen()
        return s, (self.host, s.getsockname()[1])

    def connected(self):
        listener, address = self.server()
        s = self.tcp()
        s.connect_timeout(address, 20000)
        peer, _ = listener.accept()
        self.keep(peer)
        peer.settimeout(10)
        return s, peer

    def read_all(self, peer, n):
        data = b""
        while len(data) < n:
            part = peer.recv(1 << 20)
            if not part:
                break
            data += part
        return data

    def helper_pid(self):
        """The helper's process, from the kernel's list of the daemon's children."""
        with open(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children") as f:
            children = f.read().split()
        self.assertEqual(len(children), 1)
        return int(children[0])


@both_families
class Sockets(SlirpCase):
    def test_tcp_both_directions(self):
        data = os.urandom(2 << 20)
        s, peer = self.connected()
        self.assertEqual(s.getpeername()[0], self.host)
        self.assertEqual(s.getsockname()[0], GUEST[self.family])
        sending = Call(s.send, data)
        self.assertEqual(self.read_all(peer, len(data)), data)
        self.assertEqual(sending.result(), len(data))
        answering = Call(peer.sendall, data)
        self.assertEqual(s.recv_exactly(len(data)), data)
        answering.result()

    def test_half_close(self):
        s, peer = self.connected()
        s.send(b"question")
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(self.read_all(peer, 100), b"question")
        peer.sendall(b"answer")
        peer.close()
        self.assertEqual(s.recv_exactly(100), b"answer")
        self.assertEqual(s.recv(1), b"")

    def test_reset(self):
        s, peer = self.connected()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
        peer.close()
        with self.fails(errno.ECONNRESET):
            s.recv_timeout(1, 20000)
        self.assertEqual(s.recv(1), b"")

    @rows("K2")
    def test_refused_111(self):
        with self.fails(errno.ECONNREFUSED):
            self.tcp().connect_timeout((self.host, free_port(family=self.family)), 20000)

    def test_udp_both_directions(self):
        peer, address = self.server(socket.SOCK_DGRAM)
        s = self.udp()
        for data in (b"one", b"", os.urandom(1400)):
            s.sendto(data, address)
            got, name = peer.recvfrom(2000)
            self.assertEqual(got, data)
            peer.sendto(data[::-1], name)
            self.assertEqual(s.recvfrom_timeout(2000, 20000), (data[::-1], address))

    def test_many_at_once(self):
        pairs = [self.connected() for _ in range(50)]
        for i, (s, _) in enumerate(pairs):
            s.send(b"%d" % i)
        for i, (_, peer) in enumerate(pairs):
            self.assertEqual(peer.recv(10), b"%d" % i)


class Forwards(SlirpCase):
    @classmethod
    def make_link(cls):
        cls.tcp_port = free_port()
        cls.udp_port = free_port(socket.SOCK_DGRAM)
        cls.forwards = {f"tcp:127.0.0.1:{cls.tcp_port}": 8080,
                        f"udp:127.0.0.1:{cls.udp_port}": 8053}
        return super().make_link()

    def serve(self):
        listener = self.tcp()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.any, 8080))
        listener.listen()
        return listener

    def client(self):
        s = self.keep(socket.socket())
        s.settimeout(10)
        s.connect(("127.0.0.1", self.tcp_port))
        return s

    def test_host_reaches_a_tcp_server(self):
        listener = self.serve()
        client = self.client()
        s, _ = listener.accept_timeout(20000)
        self.keep(s)
        client.sendall(b"hello")
        self.assertEqual(s.recv_exactly(5), b"hello")
        data = os.urandom(1 << 20)
        sending = Call(s.send, data)
        self.assertEqual(self.read_all(client, len(data)), data)
        sending.result()
        s.close()
        self.assertEqual(client.recv(1), b"")

    def test_host_reaches_a_udp_server(self):
        s = self.udp()
        s.bind((self.any, 8053))
        client = self.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        client.settimeout(5)
        client.sendto(b"ask", ("127.0.0.1", self.udp_port))
        data, name = s.recvfrom_timeout(100, 20000)
        self.assertEqual(data, b"ask")
        s.sendto(b"tell", name)
        self.assertEqual(client.recv(100), b"tell")

    def test_server_and_forward_outlive_the_helper(self):
        listener = self.serve()
        restarts = usock.links()[0].restarts
        os.kill(self.helper_pid(), signal.SIGKILL)
        self.eventually(lambda: usock.links()[0].restarts == restarts + 1 and
                        usock.links()[0].state == usock.LINK_UP)
        self.assertEqual(listener.state(), 1)
        client = self.client()
        s, _ = listener.accept_timeout(20000)
        self.keep(s)
        client.sendall(b"again")
        self.assertEqual(s.recv_exactly(5), b"again")


class TakenPort(SlirpCase):
    @classmethod
    def make_link(cls):
        cls.squatter = socket.socket()
        cls.addClassCleanup(cls.squatter.close)
        cls.squatter.bind(("127.0.0.1", 0))
        cls.squatter.listen()
        cls.forwards = {f"tcp:127.0.0.1:{cls.squatter.getsockname()[1]}": 8080}
        return super().make_link()

    def test_link_is_up_all_the_same_and_the_log_says_why(self):
        port = self.squatter.getsockname()[1]
        self.assertRegex(self.daemon.log(), f"<3>.*TCP port {port} of the host cannot be "
                                            "forwarded: Address already in use")
        self.assertEqual(usock.links()[0].state, usock.LINK_UP)


class Helper(SlirpCase):
    slow = True

    def restarted(self, before):
        link = usock.links()[0]
        return link.restarts == before + 1 and link.state == usock.LINK_UP

    def check_socket_lives(self, s):
        peer, address = self.server(socket.SOCK_DGRAM)
        name = s.getsockname()
        s.sendto(b"still me", address)
        self.assertEqual(peer.recv(100), b"still me")
        self.assertEqual(s.getsockname(), name)

    def test_killed_it_is_started_again_and_sockets_live_on(self):
        s = self.udp()
        s.bind((self.any, 0))
        self.check_socket_lives(s)
        tcp, _ = self.connected()
        pid, restarts = self.helper_pid(), usock.links()[0].restarts
        os.kill(pid, signal.SIGKILL)
        self.eventually(lambda: self.restarted(restarts))
        self.assertNotEqual(self.helper_pid(), pid)
        self.assertIn(b"address 10.0.2.15", usock.links()[0].cause)
        self.check_socket_lives(s)
        # What the old helper knew of connections is gone with it.
        self.assertEqual(tcp.state(), 4)
        tcp.send(b"anybody?")
        with self.fails(errno.ECONNRESET):
            tcp.recv_timeout(1, 10000)
        s, peer = self.connected()
        s.send(b"new")
        self.assertEqual(peer.recv(10), b"new")

    def test_stopped_it_is_started_again_and_sockets_live_on(self):
        s = self.udp()
        s.bind((self.any, 0))
        pid, restarts = self.helper_pid(), usock.links()[0].restarts
        os.kill(pid, signal.SIGSTOP)
        # Others are not held up meanwhile.
        usock.status()
        listener = self.tcp()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        self.tcp().connect_timeout(listener.getsockname(), 2000)
        self.eventually(lambda: self.restarted(restarts), 20)
        self.assertNotEqual(self.helper_pid(), pid)
        self.assertIn("the helper does not answer", self.daemon.log())
        self.check_socket_lives(s)

    def test_it_has_no_rights(self):
        with open(f"/proc/{self.helper_pid()}/status") as f:
            status = dict(line.split(":", 1) for line in f)
        self.assertEqual(int(status["CapEff"], 16), 0)
        self.assertEqual(int(status["CapPrm"], 16), 0)
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        self.assertNotEqual(status["Uid"].split()[0], "0")

    def test_it_holds_no_descriptor_of_the_daemons(self):
        folder = f"/proc/{self.helper_pid()}/fd"
        kinds = [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)]
        self.assertLessEqual(sum(k.startswith("socket:") for k in kinds), 2 + 2, kinds)
        self.assertFalse([k for k in kinds if "memfd" in k], kinds)

    def test_it_ends_when_the_daemon_is_killed(self):
        pid = self.helper_pid()
        pidfd = os.pidfd_open(pid)
        self.addCleanup(os.close, pidfd)
        type(self).daemon.kill()
        poll = harness.select.poll()
        poll.register(pidfd, POLLIN)
        self.assertTrue(poll.poll(20000))
        type(self).daemon.process = None
        self.start_daemon()


# ---- names ----------------------------------------------------------------------

class NamesCase(SlirpCase):
    options = {}

    @classmethod
    def make_link(cls):
        cls.dns = fakedns.FakeDns()
        cls.addClassCleanup(cls.dns.close)
        cls.hosts = os.path.join(harness.temporary_folder(), "hosts")
        with open(cls.hosts, "w") as f:
            f.write("192.0.2.77 in.hosts.test alias.hosts.test\n2001:db8::77 in.hosts.test\n")
        return super().make_link()

    @classmethod
    def start_daemon(cls):
        cls.daemon.write_config({
            "link net0": {"driver": "slirp"},
            "resolver": {"servers": f"10.0.2.2:{cls.dns.port}", "hosts": cls.hosts,
                         **cls.options}})
        super().start_daemon()

    def setUp(self):
        super().setUp()
        self.dns.forget()

    def addresses(self, name, family=0, **more):
        entries = usock.getaddrinfo(name, 80, family, socket.SOCK_STREAM, **more) \
            if isinstance(name, bytes) else \
            usock.getaddrinfo(name, "80", family, socket.SOCK_STREAM, **more)
        self.assertTrue(all(e.address[1] == 80 for e in entries))
        return [e.address[0] for e in entries]

    def gai_fails(self, code, *args, **kwargs):
        with self.assertRaises(usock.GaiError) as caught:
            usock.getaddrinfo(*args, **kwargs)
        self.assertEqual(caught.exception.code, code)
        return caught.exception


class Names(NamesCase):
    @rows("A1", "A2", "A9")
    def test_addresses_of_both_families(self):
        self.dns.zone[("both.test", A)] = ["192.0.2.1", "192.0.2.2"]
        self.dns.zone[("both.test", AAAA)] = ["2001:db8::1"]
        found = self.addresses("both.test")
        self.assertEqual(sorted(found), ["192.0.2.1", "192.0.2.2", "2001:db8::1"])
        self.assertEqual(found[0], "2001:db8::1")
        self.assertEqual(sorted(self.addresses("both.test", socket.AF_INET)),
                         ["192.0.2.1", "192.0.2.2"])
        self.assertEqual(self.addresses("both.test", socket.AF_INET6), ["2001:db8::1"])

    @rows("A1")
    def test_entry_for_each_type_without_one_in_the_hints(self):
        self.dns.zone[("types.test", A)] = ["192.0.2.3"]
        entries = usock.getaddrinfo("types.test", "80", socket.AF_INET)
        self.assertEqual([(e.socktype, e.protocol) for e in entries],
                         [(socket.SOCK_STREAM, 6), (socket.SOCK_DGRAM, 17),
                          (socket.SOCK_RAW, 0)])

    def test_cname_is_followed_and_told(self):
        self.dns.zone[("www.alias.test", CNAME)] = ["real.test"]
        self.dns.zone[("real.test", A)] = ["192.0.2.4"]
        entries = usock.getaddrinfo("www.alias.test", "80", socket.AF_INET, socket.SOCK_STREAM,
                                    flags=socket.AI_CANONNAME)
        self.assertEqual(entries[0].address, ("192.0.2.4", 80))
        self.assertEqual(entries[0].canonname, "real.test")

    @rows("A3")
    def test_ports_and_services(self):
        for service, port in (("0", 0), ("65535", 65535), ("http", 80), (None, 0)):
            entries = usock.getaddrinfo("192.0.2.5", service, socktype=socket.SOCK_STREAM)
            self.assertEqual(entries[0].address, ("192.0.2.5", port))
        for service in ("no-such-service", "65536", "-1"):
            self.gai_fails(GAI_SERVICE, "192.0.2.5", service, socktype=socket.SOCK_STREAM)

    @rows("A4", "B3")
    def test_no_such_name_minus_2(self):
        self.gai_fails(GAI_NONAME, "nowhere.test", "80")
        self.dns.zone[("four.test", A)] = ["192.0.2.6"]
        self.gai_fails(GAI_NONAME, "four.test", "80", socket.AF_INET6)

    @rows("B3")
    def test_server_failed_minus_4(self):
        self.dns.zone[("broken.test", "*")] = fakedns.SERVFAIL
        self.gai_fails(GAI_FAIL, "broken.test", "80", socket.AF_INET)

    @rows("A7")
    def test_literals_need_no_query(self):
        self.assertEqual(self.addresses("192.0.2.9"), ["192.0.2.9"])
        self.assertEqual(self.addresses("2001:db8::9"), ["2001:db8::9"])
        self.gai_fails(GAI_NONAME, "example.test", "80", flags=socket.AI_NUMERICHOST)
        self.assertEqual(self.dns.count(), 0)

    @rows("A11")
    def test_only_strict_dotted_quads_are_literals(self):
        for name in ("1.2.3", "1.2.3.256", "0x7f.1", "1.2.3.4.5", "01.2.3.4"):
            self.gai_fails(GAI_NONAME, name, "80", socket.AF_INET)

    @rows("A6")
    def test_no_name_is_loopback_or_wildcard(self):
        self.assertEqual([e.address[0] for e in usock.getaddrinfo(
            None, "80", socktype=socket.SOCK_STREAM)], ["::1", "127.0.0.1"])
        passive = usock.getaddrinfo(None, "80", socktype=socket.SOCK_STREAM,
                                    flags=socket.AI_PASSIVE)
        self.assertEqual({e.address[0] for e in passive}, {"::", "0.0.0.0"})
        self.gai_fails(GAI_NONAME, None, None)

    def test_hosts_file_comes_first(self):
        self.dns.zone[("in.hosts.test", A)] = ["192.0.2.10"]
        self.assertEqual(sorted(self.addresses("in.hosts.test")),
                         ["192.0.2.77", "2001:db8::77"])
        self.assertEqual(self.addresses("ALIAS.hosts.test", socket.AF_INET), ["192.0.2.77"])
        self.assertEqual(self.dns.count("in.hosts.test"), 0)

    def test_one_cache_for_all_programs(self):
        self.dns.zone[("cached.test", A)] = ["192.0.2.11"]
        before = usock.status().cache_hits
        self.addresses("cached.test", socket.AF_INET)
        asked = self.dns.count("cached.test")
        for _ in range(3):
            in_child(lambda: self.addresses("CACHED.test", socket.AF_INET))
        self.assertEqual(self.dns.count("cached.test"), asked)
        self.assertGreaterEqual(usock.status().cache_hits, before + 3)

    def test_cache_honours_the_ttl(self):
        self.dns.ttl = 1
        self.dns.zone[("short.test", A)] = ["192.0.2.12"]
        self.assertEqual(self.addresses("short.test", socket.AF_INET), ["192.0.2.12"])
        self.dns.zone[("short.test", A)] = ["192.0.2.13"]
        self.eventually(lambda: self.addresses("short.test", socket.AF_INET) == ["192.0.2.13"])

    def test_negative_answers_are_kept_too(self):
        self.gai_fails(GAI_NONAME, "negative.test", "80", socket.AF_INET)
        asked = self.dns.count("negative.test")
        self.gai_fails(GAI_NONAME, "negative.test", "80", socket.AF_INET)
        self.assertIn(self.dns.count("negative.test"), (asked, 2 * asked))

    def test_truncated_answer_is_asked_again_over_tcp(self):
        many = [f"192.0.2.{i}" for i in range(20, 36)]
        self.dns.zone[("large.test", A)] = many
        self.dns.truncate_udp = True
        self.assertEqual(sorted(self.addresses("large.test", socket.AF_INET)), sorted(many))
        self.assertGreaterEqual(self.dns.count("large.test", A, "tcp"), 1)

    @rows("A10")
    def test_lookup_without_waiting(self):
        self.dns.zone[("async.test", A)] = ["192.0.2.14"]
        lookup = usock.Lookup("async.test", "80", socket.AF_INET, socket.SOCK_STREAM)
        poll = harness.select.poll()
        poll.register(lookup.fileno(), POLLIN)
        self.assertTrue(poll.poll(20000))
        self.assertEqual(lookup.finish()[0].address, ("192.0.2.14", 80))

    @rows("A7", "A10")
    def test_lookup_of_a_literal_is_ready_at_once(self):
        lookup = usock.Lookup("192.0.2.15", "80", socktype=socket.SOCK_STREAM)
        poll = harness.select.poll()
        poll.register(lookup.fileno(), POLLIN)
        self.assertTrue(poll.poll(0))
        self.assertEqual(lookup.finish()[0].address, ("192.0.2.15", 80))

    @rows("G4", "A10")
    def test_deadlines(self):
        self.dns.zone[("slow.test", "*")] = None

        def wait():
            e = self.gai_fails(GAI_SYSTEM, "slow.test", "80", timeout_ms=100)
            self.assertEqual(e.errno, errno.ETIMEDOUT)
        self.assert_takes(0.1, wait)
        e = self.gai_fails(GAI_SYSTEM, "slow.test", "80", timeout_ms=0)
        self.assertEqual(e.errno, errno.EAGAIN)
        self.assertEqual(usock.getaddrinfo("192.0.2.16", "80", timeout_ms=0)[0].address,
                         ("192.0.2.16", 80))

    @rows("A10")
    def test_waiting_for_a_name_holds_up_nobody(self):
        self.dns.zone[("slower.test", "*")] = None
        self.dns.zone[("quick.test", A)] = ["192.0.2.17"]
        waiting = [Call(usock.getaddrinfo, "slower.test", "80") for _ in range(4)]
        self.eventually(lambda: usock.status().lookups >= 4)

        def others():
            self.assertEqual(self.addresses("quick.test", socket.AF_INET), ["192.0.2.17"])
            in_child(lambda: self.addresses("quick.test", socket.AF_INET))
            s, peer = self.connected()
            s.send(b"x")
            self.assertEqual(peer.recv(1), b"x")
        self.assert_takes(0, others, within=2)
        for call in waiting:
            with self.assertRaises(usock.GaiError) as caught:
                call.result(20)
            self.assertEqual(caught.exception.code, GAI_AGAIN)

    def test_wrong_arguments(self):
        self.gai_fails(-6, "x.test", "80", 99)
        self.gai_fails(-7, "x.test", "80", 0, 77)
        self.gai_fails(-1, "x.test", "80", flags=0x40000000)

    def test_strange_names(self):
        for name in ("", ".", "a..b", "x" * 64 + ".test", "y" * 300, "sp ace.test", "\x01.test"):
            with self.subTest(name=name):
                self.gai_fails(GAI_NONAME, name, "80", socket.AF_INET)


class ConnectByName(NamesCase):
    options = {"timeout": 2}

    def setUp(self):
        super().setUp()
        self.listener = socket.create_server((HERE[4], 0))
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def start(self, kind, name, port=None):
        s = self.tcp() if kind == socket.SOCK_STREAM else self.udp()
        s.setblocking(False)
        with self.fails(errno.EINPROGRESS):
            s.connect_name(name, port or self.port)
        return s

    @rows("K5", "K10")
    def test_connects(self):
        self.dns.zone[("server.test", A)] = [HOST[4]]
        s = self.start(socket.SOCK_STREAM, "server.test")
        s.connect_wait(20000)
        self.assertEqual(s.error(), 0)
        self.assertEqual(s.getpeername(), (HOST[4], self.port))
        peer, _ = self.listener.accept()
        with peer:
            s.send(b"hello")
            self.assertEqual(peer.recv(5), b"hello")

    @rows("K1", "K10")
    def test_next_address_if_one_cannot_be_had(self):
        self.dns.zone[("several.test", A)] = ["10.0.2.99", "255.255.255.255", HOST[4]]
        s = self.start(socket.SOCK_STREAM, "several.test")
        s.connect_wait(60000)
        self.assertEqual(s.getpeername()[0], HOST[4])

    @rows("K2", "K10")
    def test_refused(self):
        self.dns.zone[("server.test", A)] = [HOST[4]]
        s = self.start(socket.SOCK_STREAM, "server.test", free_port())
        self.assertTrue(s.poll(POLLOUT, 20000) & POLLOUT)
        self.assertEqual(s.error(), errno.ECONNREFUSED)

    @rows("K10")
    def test_unknown_name_is_115_then_113(self):
        self.dns.zone[("slow.test", "*")] = None
        self.dns.zone[("broken.test", "*")] = fakedns.SERVFAIL
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            for name in ("nowhere.test", "broken.test", "slow.test", "a..b"):
                with self.subTest(kind=kind, name=name):
                    s = self.start(kind, name)
                    self.assertTrue(s.poll(POLLOUT, 20000) & POLLOUT)
                    self.assertEqual(s.error(), errno.EHOSTUNREACH)
                    self.assertEqual(s.error(), 0)

    @rows("K6", "K10", "Q3")
    def test_meanwhile_it_is_a_connect_under_way(self):
        self.dns.zone[("slow.test", "*")] = None
        s = self.start(socket.SOCK_STREAM, "slow.test")
        self.assertEqual(s.state(), 2)
        self.assertEqual(s.poll(), 0)
        with self.fails(errno.EALREADY):
            s.connect_name("slow.test", self.port)
        with self.fails(errno.EALREADY):
            s.connect((HOST[4], self.port))
        with self.fails(errno.EAGAIN):
            s.send(b"x")
        s.connect(None)
        self.eventually(lambda: s.state() == 0)
        self.dns.zone[("server.test", A)] = [HOST[4]]
        with self.fails(errno.EINPROGRESS):
            s.connect_name("server.test", self.port)
        s.connect_wait(20000)

    @rows("K10", "K11")
    def test_udp_gets_its_peer(self):
        self.dns.zone[("server.test", A)] = [HOST[4]]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind((HERE[4], 0))
            port = peer.getsockname()[1]
            s = self.start(socket.SOCK_DGRAM, "server.test", port)
            s.connect_wait(20000)
            self.assertEqual(s.getpeername(), (HOST[4], port))
            s.send(b"x" * 20000)
            self.assertEqual(len(peer.recv(65536)), 20000)
            # A blocking send waits for the name.
            s.setblocking(True)
            with self.fails(errno.EINPROGRESS):
                s.connect_name("server.test", port)
            s.send(b"later")
            self.assertEqual(peer.recv(65536), b"later")

    @rows("K10")
    def test_close_forgets_it(self):
        self.dns.zone[("slow.test", "*")] = None
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            self.start(kind, "slow.test").close()
        self.eventually(lambda: usock.status().lookups == 0)
        self.eventually(lambda: not usock.sockets())


class SilentServers(NamesCase):
    options = {"timeout": 1}

    @rows("A5", "A10", "B3")
    def test_no_server_answers_minus_3_within_the_limit(self):
        self.dns.zone[("slow.test", "*")] = None
        self.assert_takes(1, lambda: self.gai_fails(GAI_AGAIN, "slow.test", "80",
                                                    socket.AF_INET), within=1, early=0.1)


    def test_cancelled_lookups_are_forgotten_within_the_limit(self):
        self.dns.zone[("slow.test", "*")] = None
        lookups = [usock.Lookup("slow.test", "80") for _ in range(3)]
        self.eventually(lambda: usock.status().lookups == 3)
        with self.assertRaises(usock.GaiError) as caught:
            lookups[0].finish()
        self.assertEqual((caught.exception.code, caught.exception.errno),
                         (GAI_SYSTEM, errno.EAGAIN))
        for lookup in lookups:
            lookup.cancel()
        self.eventually(lambda: usock.status().lookups == 0)


class NoCache(NamesCase):
    options = {"cache_entries": 0}

    def test_every_lookup_is_a_query(self):
        self.dns.zone[("fresh.test", A)] = ["192.0.2.18"]
        for i in range(1, 4):
            self.addresses("fresh.test", socket.AF_INET)
            self.assertEqual(self.dns.count("fresh.test", A), i)


# ---- an ordinary user's daemon ----------------------------------------------------

class OrdinaryUser(SlirpCase):
    """Without a word of configuration."""

    @classmethod
    def make_link(cls):
        return {}

    def test_default_link_is_slirp(self):
        link = usock.links()[0]
        self.assertEqual((link.name, link.driver, link.state),
                         (b"net0", b"slirp", usock.LINK_UP))

    def test_daemon_has_no_rights(self):
        with open(f"/proc/{self.daemon.pid}/status") as f:
            status = dict(line.split(":", 1) for line in f)
        self.assertNotEqual(status["Uid"].split()[0], "0")
        self.assertEqual(int(status["CapEff"], 16), 0)

    def test_socket_is_where_users_look(self):
        home = self.daemon.folder
        second = harness.Daemon("", env={"XDG_RUNTIME_DIR": home}, name="second",
                                **self.daemon_options())
        self.addCleanup(second.close)
        second.start()
        path = os.path.join(home, "usocketd", "usocketd.sock")
        self.assertTrue(stat.S_ISSOCK(os.stat(path).st_mode))
        self.assertEqual(os.stat(os.path.dirname(path)).st_mode & 0o777, 0o700)

        def as_user():
            os.environ["XDG_RUNTIME_DIR"] = home
            os.environ.pop("USOCKETD_SOCKET", None)
            usock.set_socket_path(None)
            return usock.socket_path(), usock.status().daemon_pid
        uid = OTHER_UID if harness.is_real_root() else None
        self.assertEqual(in_child(as_user, uid=uid), (path, second.pid))
        second.stop()
        self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    runner.main()
