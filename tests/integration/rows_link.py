# SPDX-License-Identifier: MIT
"""Rows of the semantics: the link goes and comes, its address changes, the
daemon ends (G11 to G14, and the link rows of S, B, K, D, Q, P)."""

import errno
import os
import socket
import time

import fakelink
import harness
import usock
import wire

from harness import Call, StackCase, Tun, TunCase, in_child
from rows_connect import POLLERR, POLLHUP, POLLIN, POLLOUT
from runner import rows

ADDRESS, OTHER, GATEWAY = "10.8.0.2", "10.8.0.3", "10.8.0.1"
ADDRESS6, OTHER6, GATEWAY6 = "fd08::2", "fd08::3", "fd08::1"


class LinkCase(StackCase):
    """The test is the link's helper; no link is up unless a test says so."""

    link = None

    @classmethod
    def make_link(cls):
        cls.link = fakelink.FakeLink()
        cls.addClassCleanup(cls.link.close)
        cls.hosts = os.path.join(harness.temporary_folder(), "hosts")
        with open(cls.hosts, "w") as f:
            f.write(f"{GATEWAY} gateway.test\n")
        return {"link net0": cls.link.config(), "resolver": {"hosts": cls.hosts}}

    @classmethod
    def daemon_options(cls):
        return {"env": cls.link.env()}

    @classmethod
    def link_is_up(cls):
        usock.open_session()

    def setUp(self):
        # A fresh daemon: one whose helper was lost waits longer each time.
        if self.daemon.is_running():
            self.daemon.stop()
        self.start_daemon()
        self.link.take()
        self.addCleanup(self.link.drop)
        self.eventually(lambda: usock.links()[0].state == usock.LINK_NEGOTIATING)

    def tearDown(self):
        usock.lib.set_wait_link(0)
        super().tearDown()

    def up(self, address=ADDRESS, address6=ADDRESS6):
        self.link.ready(address + "/24", GATEWAY, (address6 + "/64",), GATEWAY6)
        self.eventually(lambda: usock.links()[0].state == usock.LINK_UP and
                        usock.links()[0].address4.text() == address)
        return self.keep(self.link.wire(GATEWAY, GATEWAY6))

    def change(self, address, address6=ADDRESS6):
        self.link.ready(address + "/24", GATEWAY, (address6 + "/64",), GATEWAY6)
        self.eventually(lambda: usock.links()[0].address4.text() == address and
                        usock.links()[0].addresses6[0].text() == address6)

    def go_down(self):
        self.link.drop()
        self.eventually(lambda: usock.links()[0].state != usock.LINK_UP)

    def connected(self, end, gateway=GATEWAY, port=7000):
        hand = wire.HandTcp(end, gateway, port)
        family = socket.AF_INET6 if ":" in gateway else socket.AF_INET
        s = self.keep(usock.Sock(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
        with self.fails(errno.EINPROGRESS):
            s.connect((gateway, port))
        hand.serve()
        s.connect_wait(20000)
        s.setblocking(True)
        return s, hand


class LinkDown(LinkCase):
    @rows("S5", "B1", "L3")
    def test_socket_bind_and_listen_work(self):
        for family, any_ip in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            s = self.keep(usock.Sock(family))
            s.bind((any_ip, 0))
            s.listen()
            u = self.keep(usock.Sock(family, socket.SOCK_DGRAM))
            u.bind((any_ip, 0))

    @rows("B5")
    def test_the_links_address_is_not_ours_yet_99(self):
        with self.fails(errno.EADDRNOTAVAIL):
            self.tcp().bind(("10.7.0.2", 0))

    @rows("K9", "G11", "B3")
    def test_connect_113_at_once(self):
        for family, ip in ((socket.AF_INET, "10.1.1.1"), (socket.AF_INET6, "2001:db8::1")):
            kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
            self.assert_takes(0, lambda: self.unreachable(
                usock.Sock(family).connect, (ip, 80)), within=0.5)
            self.assert_takes(0, lambda: self.unreachable(
                usock.Sock(family).connect_timeout, (ip, 80), 5000), within=0.5)
            self.unreachable(usock.Sock(family, kind).connect, (ip, 80))

    def unreachable(self, connect, *args):
        self.keep(connect.__self__)
        with self.fails(errno.EHOSTUNREACH):
            connect(*args)

    @rows("D7", "P11", "G11")
    def test_udp_is_writable_and_send_113(self):
        s = self.udp()
        self.assertEqual(s.poll(POLLIN | POLLOUT), POLLOUT)
        with self.fails(errno.EHOSTUNREACH):
            s.sendto(b"x", ("10.1.1.1", 9))
        with self.fails(errno.EHOSTUNREACH):
            s.connect(("10.1.1.1", 9))

    @rows("G14")
    def test_loopback_works(self):
        listener = self.tcp()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        s = self.tcp()
        s.connect(listener.getsockname())
        self.keep(listener.accept_timeout(20000)[0])

    def test_wait_link(self):
        with self.fails(errno.EAGAIN):
            usock.wait_link(0)

        def wait():
            with self.fails(errno.ETIMEDOUT):
                usock.wait_link(100)
        self.assert_takes(0.1, wait)
        waiting = Call(usock.wait_link, 10000)
        time.sleep(0.05)
        self.assertTrue(waiting.is_alive())
        self.up()
        waiting.result()
        usock.wait_link(0)

    @rows("G11")
    def test_connect_waits_for_the_link_if_asked(self):
        for ask in (lambda s: s.setsockopt(usock.SOL_USOCKET, usock.SO_WAIT_LINK, 1),
                    lambda s: usock.lib.set_wait_link(1)):
            s = self.tcp()
            ask(s)
            waiting = Call(s.connect_timeout, (GATEWAY, 7001), 10000)
            self.eventually(lambda s=s: s.state() == 2)
            end = self.up()
            hand = wire.HandTcp(end, GATEWAY, 7001)
            hand.serve()
            waiting.result()
            self.assertEqual(s.state(), 4)
            usock.lib.set_wait_link(0)
            s.close()
            self.go_down()
            self.link.take()

    @rows("K9", "K10")
    def test_connect_to_a_name_115_then_113(self):
        for name in ("gateway.test", "nowhere.test"):
            for s in (self.tcp(), self.udp()):
                with self.fails(errno.EINPROGRESS):
                    s.connect_name(name, 7001)
                with self.fails(errno.EHOSTUNREACH):
                    s.connect_wait(5000)

    @rows("G11", "K10")
    def test_connect_to_a_name_waits_for_the_link_if_asked(self):
        sockets = [self.tcp(), self.udp()]
        for s in sockets:
            s.setsockopt(usock.SOL_USOCKET, usock.SO_WAIT_LINK, 1)
            with self.fails(errno.EINPROGRESS):
                s.connect_name("gateway.test", 7001)
            with self.fails(errno.EINPROGRESS):
                s.connect_wait(0)
        time.sleep(0.05)
        self.assertEqual([s.poll(POLLOUT) for s in sockets], [0, 0])
        end = self.up()
        wire.HandTcp(end, GATEWAY, 7001).serve()
        for s in sockets:
            s.connect_wait(20000)
            self.assertEqual(s.getpeername(), (GATEWAY, 7001))

    @rows("G11")
    def test_waiting_ends_with_the_deadline_110(self):
        s = self.tcp()
        s.setsockopt(usock.SOL_USOCKET, usock.SO_WAIT_LINK, 1)

        def wait():
            with self.fails(errno.ETIMEDOUT):
                s.connect_timeout(("10.1.1.1", 80), 100)
        self.assert_takes(0.1, wait)

    @rows("G11")
    def test_datagrams_wait_for_the_link_if_asked(self):
        s = self.udp()
        s.setsockopt(usock.SOL_USOCKET, usock.SO_WAIT_LINK, 1)
        with self.fails(errno.ETIMEDOUT):
            s.sendto_timeout(b"x", (GATEWAY, 4000), 100)
        waiting = Call(s.sendto_timeout, b"waited", (GATEWAY, 4000), 10000)
        time.sleep(0.05)
        end = self.up()
        packet = end.expect(lambda p: p.protocol == wire.UDP)
        self.assertEqual(packet.payload, b"waited")
        self.assertEqual(waiting.result(), 6)

    @rows("G11")
    def test_environment_sets_the_default(self):
        def default():
            os.environ["USOCKET_WAIT_LINK"] = "1"
            return usock.lib.wait_link_default()
        self.assertEqual(usock.lib.wait_link_default(), 0)
        usock.lib.set_wait_link(1)
        self.assertEqual(usock.lib.wait_link_default(), 1)


class Events(LinkCase):
    def setUp(self):
        super().setUp()
        self.watch = self.keep(usock.Watch())

    def next_state(self):
        poll = harness.select.poll()
        poll.register(self.watch, POLLIN)
        self.assertTrue(poll.poll(20000))
        event = self.watch.next()
        self.assertEqual((event.index, event.name), (0, b"net0"))
        return event

    def wait_state(self, state):
        """The event of @state; others may come before it."""
        for _ in range(20):
            event = self.next_state()
            if event.state == state:
                return event
        self.fail(f"state {state} was not told")

    def test_present_state_comes_first(self):
        self.assertEqual(self.next_state().state, usock.LINK_NEGOTIATING)
        self.assertIsNone(self.watch.next())

    def test_each_change_is_told(self):
        self.assertEqual(self.next_state().state, usock.LINK_NEGOTIATING)
        self.up()
        self.assertEqual(self.next_state().state, usock.LINK_UP)
        self.assertIsNone(self.watch.next())
        self.link.drop()
        self.assertTrue(self.wait_state(usock.LINK_DOWN).cause)
        self.link.take()
        self.up()
        self.wait_state(usock.LINK_UP)

    def test_ends_with_the_daemon(self):
        self.next_state()
        self.link.drop()
        self.daemon.stop()

        def ended():
            try:
                return self.watch.next() and False
            except OSError as e:
                return e.errno == errno.ENODEV
        self.eventually(ended)
        self.start_daemon()


class LinkUp(LinkCase):
    @rows("G11")
    def test_connection_outlives_a_link_that_is_away(self):
        end = self.up()
        s, hand = self.connected(end)
        self.go_down()
        self.assertEqual(s.state(), 4)
        self.assertEqual(s.poll(POLLIN | POLLOUT), POLLOUT)
        self.assertEqual(s.send(b"meanwhile"), 9)
        with self.fails(errno.EHOSTUNREACH):
            self.tcp().connect((GATEWAY, 80))
        self.link.take()
        hand.wire = self.up()
        packet = hand.expect(wire.ACK, timeout_s=10, matches=lambda p: p.payload)
        self.assertEqual(packet.payload, b"meanwhile")
        hand.take(packet)
        hand.send(wire.ACK, b"here I am")
        self.assertEqual(s.recv_timeout(100, 20000), b"here I am")

    @rows("G12", "Q7", "B3")
    def test_address_changed_103(self):
        end = self.up()
        s, _ = self.connected(end)
        waiting, _ = self.connected(end, port=7003)
        blocked = Call(waiting.recv, 1)
        time.sleep(0.05)
        self.change(OTHER)
        self.assertEqual(s.state(), 0)
        self.assertEqual(s.poll(POLLIN | POLLOUT, 1000),
                         POLLIN | POLLOUT | POLLERR | POLLHUP)
        with self.fails(errno.ECONNABORTED):
            s.recv(1)
        self.assertEqual(s.recv(1), b"")
        with self.fails(errno.EPIPE):
            s.send(b"x")
        with self.fails(errno.ECONNABORTED):
            blocked.result()

    @rows("G12")
    def test_address_changed_by_send_103_then_32(self):
        end = self.up()
        s, _ = self.connected(end)
        self.change(OTHER)
        with self.fails(errno.ECONNABORTED):
            s.send(b"x")
        with self.fails(errno.EPIPE):
            s.send(b"x")

    @rows("G12")
    def test_ipv6_address_changed_103(self):
        end = self.up()
        four, _ = self.connected(end)
        six, _ = self.connected(end, gateway=GATEWAY6, port=7004)
        self.change(ADDRESS, OTHER6)
        with self.fails(errno.ECONNABORTED):
            six.recv(1)
        self.assertEqual(four.state(), 4)

    @rows("G12")
    def test_same_address_again_survives(self):
        end = self.up()
        s, hand = self.connected(end)
        six, hand6 = self.connected(end, gateway=GATEWAY6, port=7005)
        self.change(ADDRESS)
        for one, peer in ((s, hand), (six, hand6)):
            self.assertEqual(one.state(), 4)
            peer.send(wire.ACK, b"still here")
            self.assertEqual(one.recv_timeout(100, 20000), b"still here")

    @rows("G12")
    def test_wildcard_listener_stays(self):
        end = self.up()
        listener = self.tcp()
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        port = listener.getsockname()[1]
        self.change(OTHER)
        self.assertEqual(listener.state(), 1)
        hand = wire.HandTcp(end, GATEWAY, 7006)
        hand.dial(OTHER, port)
        s, peer = listener.accept_timeout(20000)
        self.keep(s)
        self.assertEqual(peer, (GATEWAY, 7006))
        self.assertEqual(s.getsockname(), (OTHER, port))

    @rows("G12")
    def test_udp_goes_on_with_the_new_address(self):
        end = self.up()
        s = self.udp()
        s.sendto(b"one", (GATEWAY, 4002))
        first = end.expect(lambda p: p.protocol == wire.UDP)
        self.change(OTHER)
        s.sendto(b"two", (GATEWAY, 4002))
        second = end.expect(lambda p: p.protocol == wire.UDP)
        self.assertEqual((first.src, second.src), (ADDRESS, OTHER))
        self.assertEqual(first.sport, second.sport)

    @rows("G12", "B5")
    def test_connect_in_progress_ends_with_103(self):
        end = self.up()
        hand = wire.HandTcp(end, GATEWAY, 7007)
        s = self.tcp(socket.SOCK_NONBLOCK)
        with self.fails(errno.EINPROGRESS):
            s.connect((GATEWAY, 7007))
        hand.take_syn()
        self.change(OTHER)
        with self.fails(errno.ECONNABORTED):
            s.connect_wait(20000)
        # And it can be used again.
        with self.fails(errno.EINPROGRESS):
            s.connect((GATEWAY, 7007))
        second = wire.HandTcp(end, GATEWAY, 7007)
        second.serve()
        s.connect_wait(20000)
        self.assertEqual(s.getsockname()[0], OTHER)

    @rows("B5")
    def test_bound_address_that_went_away_99(self):
        self.up()
        s = self.tcp()
        s.bind((ADDRESS, 0))
        self.change(OTHER)
        with self.fails(errno.EADDRNOTAVAIL):
            s.connect((GATEWAY, 80))

    def test_link_tells_what_the_helper_said(self):
        self.link.ready(f"{ADDRESS}/24", GATEWAY, (ADDRESS6 + "/64",), GATEWAY6,
                        dns=(GATEWAY, GATEWAY6), mtu=1400)
        self.eventually(lambda: usock.links()[0].state == usock.LINK_UP)
        link = usock.links()[0]
        self.assertEqual((link.name, link.driver, link.mtu, link.is_default),
                         (b"net0", b"slirp", 1400, usock.DEFAULT_IPV4 | usock.DEFAULT_IPV6))
        self.assertEqual((link.address4.text(), link.address4.prefix), (ADDRESS, 24))
        self.assertEqual(link.gateway4.text(), GATEWAY)
        self.assertEqual((link.addresses6[0].text(), link.addresses6[0].prefix), (ADDRESS6, 64))
        self.assertEqual([link.dns[i].text() for i in range(link.n_dns)], [GATEWAY, GATEWAY6])

    def test_failed_helper_takes_the_link_down_with_its_cause(self):
        self.up()
        self.link.failed("out of order")
        self.eventually(lambda: usock.links()[0].state != usock.LINK_UP)
        self.assertIn("out of order", self.daemon.log())


class OneFamily(TunCase):
    """A link with IPv6 only."""

    @classmethod
    def make_link(cls):
        links = super().make_link()
        del links["link net0"]["address"]
        del links["link net0"]["gateway"]
        return links

    @staticmethod
    def is_refused():
        with socket.socket(socket.AF_INET6) as s:
            s.settimeout(0.05)
            return s.connect_ex((Tun.STACK[6], 1)) == errno.ECONNREFUSED

    @rows("K14")
    def test_ipv4_on_an_ipv6_only_link_113(self):
        for make in (self.tcp, self.udp):
            with self.fails(errno.EHOSTUNREACH, errno.ENETUNREACH):
                make().connect(("192.0.2.1", 80))
        s = self.keep(usock.Sock(socket.AF_INET6, socket.SOCK_DGRAM))
        s.connect((Tun.KERNEL[6], 9))
        self.assertEqual(s.getsockname()[0], Tun.STACK[6])


class DaemonGone(TunCase):
    """The daemon is killed and started anew: nothing hangs."""

    def crash(self):
        type(self).daemon.kill()

    def restart(self):
        type(self).daemon.process = None
        self.start_daemon()

    def setUp(self):
        if not self.daemon.is_running():
            self.restart()

    def tearDown(self):
        if not self.daemon.is_running():
            self.restart()

    @rows("G13")
    def test_live_sockets_103_new_ones_19(self):
        s, _ = self.connected()
        u = self.udp()
        u.connect((self.kernel, 9))
        listener = self.listening()
        fresh = self.tcp()
        self.crash()
        for call in (lambda: s.recv(1), lambda: u.recv(1), listener.accept,
                     lambda: fresh.bind(("0.0.0.0", 0)),
                     lambda: fresh.connect((self.kernel, 80))):
            with self.fails(errno.ECONNABORTED):
                call()
        self.assertEqual(s.state(), 0)
        with self.fails(errno.ENODEV):
            self.tcp()
        with self.fails(errno.ENODEV):
            usock.status()
        with self.fails(errno.ENODEV):
            usock.wait_link(0)

    @rows("G13")
    def test_send_103_then_32(self):
        s, _ = self.connected()
        self.crash()
        with self.fails(errno.ECONNABORTED):
            s.send(b"x")
        with self.fails(errno.EPIPE):
            s.send(b"x")
        self.assertEqual(s.recv(1), b"")

    @rows("G13")
    def test_waiting_calls_end_with_103(self):
        s, _ = self.connected()
        u = self.udp()
        u.bind(("0.0.0.0", 0))
        listener = self.listening()
        pending = self.tcp()
        calls = [Call(s.recv, 1), Call(u.recv, 1), Call(listener.accept),
                 Call(s.recv_timeout, 1, 10000), Call(pending.connect, (Tun.SILENT[4], 80))]
        self.eventually(lambda: pending.state() == 2)
        time.sleep(0.05)
        self.crash()
        for call in calls:
            with self.subTest(call=call.function):
                try:
                    self.assertEqual(call.result(), b"")
                except OSError as e:
                    self.assertEqual(e.errno, errno.ECONNABORTED)

    @rows("G13")
    def test_data_that_had_come_is_delivered_first(self):
        s, peer = self.connected()
        peer.send(b"last words")
        self.assertTrue(s.poll(POLLIN, 20000) & POLLIN)
        self.crash()
        self.assertEqual(s.recv_exactly(10), b"last words")
        with self.fails(errno.ECONNABORTED):
            s.recv(1)
        self.assertEqual(s.recv(1), b"")

    @rows("G13", "P7")
    def test_poll_tells(self):
        s, _ = self.connected()
        waiting = Call(s.poll, POLLIN, 10000)
        time.sleep(0.05)
        self.crash()
        self.assertTrue(waiting.result() & POLLIN)
        self.assertEqual(s.poll(POLLIN | POLLOUT),
                         POLLIN | POLLOUT | POLLERR | POLLHUP)

    @rows("G13")
    def test_the_next_socket_finds_the_next_daemon(self):
        old, _ = self.connected()
        self.crash()
        self.restart()
        s, peer = self.connected()
        s.send(b"new")
        self.assertEqual(peer.recv(10), b"new")
        with self.fails(errno.ECONNABORTED):
            old.send(b"x")

    @rows("G13")
    def test_orderly_end_is_seen_the_same(self):
        s, peer = self.connected()
        self.daemon.stop()
        with self.fails(errno.ECONNABORTED):
            s.recv(1)
        # Its peer was told.
        with self.fails(errno.ECONNRESET):
            peer.recv(1)
        with self.fails(errno.ENODEV):
            self.tcp()

    @rows("G13")
    def test_child_of_a_parent_with_a_dead_daemon(self):
        s, _ = self.connected()
        self.crash()
        with self.fails(errno.ECONNABORTED):
            in_child(lambda: s.recv(1))
