# SPDX-License-Identifier: MIT
"""Rows of the semantics: datagrams (D, and the UDP rows of K, W, R, B3)."""

import errno
import os
import socket
import struct
import time

import fakelink
import harness
import usock
import wire

from harness import Call, Tun, both_families
from rows_connect import NO_HOST, NO_NET, NO_PORT, POLLIN, UNREACHABLE, HandCase
from runner import rows

# RFC 768 in IPv4; in IPv6 what the stack's buffers hold.
MAX_UDP = {4: 65507, 6: 65487}


class UdpCase(HandCase):
    def kernel_udp(self):
        s = self.kernel_socket(socket.SOCK_DGRAM)
        s.bind((self.kernel, 0))
        return s

    def bound(self):
        s = self.udp()
        s.bind((self.any, 0))
        return s, (self.stack, s.getsockname()[1])

    def closed_port(self):
        s = self.kernel_udp()
        address = self.address_of(s)
        s.close()
        return address


@both_families
class Datagrams(UdpCase):
    @rows("D1", "D3", "R14")
    def test_both_directions(self):
        peer = self.kernel_udp()
        s = self.udp()
        self.assertEqual(s.sendto(b"question", self.address_of(peer)), 8)
        data, name = peer.recvfrom(100)
        self.assertEqual(data, b"question")
        self.assertEqual(name[:2], (self.stack, s.getsockname()[1]))
        peer.sendto(b"answer", name)
        self.assertEqual(s.recvfrom(100), (b"answer", self.address_of(peer)))

    @rows("D1")
    def test_sendmsg_and_recvmsg(self):
        peer = self.kernel_udp()
        s, name = self.bound()
        self.assertEqual(s.sendmsg([b"one ", b"two"], self.address_of(peer)), 7)
        self.assertEqual(peer.recv(100), b"one two")
        peer.sendto(b"three four", name)
        self.assertEqual(s.recvmsg([6, 100]), (b"three four", self.address_of(peer), 0))
        self.assertEqual(s.sendmsg_timeout([b"x"], 1000, self.address_of(peer)), 1)
        self.assertEqual(s.sendto_timeout(b"y", self.address_of(peer), 1000), 1)
        self.assertEqual(peer.recv(100) + peer.recv(100), b"xy")

    @rows("D2", "R11")
    def test_empty_datagram_is_sent_exactly_once(self):
        peer = self.kernel_udp()
        s = self.udp()
        self.assertEqual(s.sendto(b"", self.address_of(peer)), 0)
        s.connect(self.address_of(peer))
        self.assertEqual(s.send(b""), 0)
        self.assertEqual(s.send(b"end"), 3)
        self.assertEqual([peer.recv(10) for _ in range(3)], [b"", b"", b"end"])

    @rows("R11")
    def test_empty_datagram_is_received_and_harmless(self):
        peer = self.kernel_udp()
        s, name = self.bound()
        for data in (b"", b"x", b"", b"y"):
            peer.sendto(data, name)
        got = [s.recvfrom_timeout(10, 20000) for _ in range(4)]
        self.assertEqual([d for d, _ in got], [b"", b"x", b"", b"y"])
        self.assertTrue(all(n == self.address_of(peer) for _, n in got))
        with self.fails(errno.EAGAIN):
            s.recv(1, socket.MSG_DONTWAIT)

    @rows("W7")
    def test_unconnected_send_89(self):
        s = self.udp()
        with self.fails(errno.EDESTADDRREQ):
            s.send(b"x")
        with self.fails(errno.EDESTADDRREQ):
            s.send_timeout(b"x", 100)
        with self.fails(errno.EDESTADDRREQ):
            s.sendmsg([b"x"])
        self.assertEqual(s.sendall_timeout(b"x", 100), (errno.EDESTADDRREQ, 0))

    @rows("W13", "W15")
    def test_sendall_is_one_datagram(self):
        peer = self.kernel_udp()
        s = self.udp()
        s.connect(self.address_of(peer))
        data = os.urandom(20000)
        self.assertEqual(s.sendall_timeout(data, 1000), (0, 20000))
        self.assertEqual(peer.recv(65536), data)

    @rows("W14")
    def test_largest_datagram(self):
        peer = self.kernel_udp()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s = self.udp()
        most = MAX_UDP[self.family]
        data = os.urandom(most)
        self.assertEqual(s.sendto(data, self.address_of(peer)), most)
        self.assertEqual(peer.recv(65536), data)
        for size in (most + 1, 65536, 1 << 20):
            with self.fails(errno.EMSGSIZE):
                s.sendto(bytes(size), self.address_of(peer))

    def test_largest_datagram_is_received(self):
        peer = self.kernel_udp()
        s, name = self.bound()
        data = os.urandom(MAX_UDP[self.family])
        peer.sendto(data, name)
        self.assertEqual(s.recv_timeout(65536, 20000), data)

    @rows("K13")
    def test_port_0_22(self):
        with self.fails(errno.EINVAL):
            self.udp().sendto(b"x", (self.kernel, 0))

    def test_wrong_addresses(self):
        s = self.udp()
        with self.fails(errno.EAFNOSUPPORT):
            s.sendto(b"x", bytes([socket.AF_UNIX, 0]) + bytes(26))
        with self.fails(errno.EINVAL):
            s.sendto(b"x", usock.pack_address((self.kernel, 9))[:7])

    @rows("R4", "R5", "G6")
    def test_timeouts_and_nonblocking(self):
        s, _ = self.bound()

        def with_deadline():
            with self.fails(errno.ETIMEDOUT):
                s.recv_timeout(1, 100)
        self.assert_takes(0.1, with_deadline)
        with self.fails(errno.EAGAIN):
            s.recv(1, socket.MSG_DONTWAIT)
        s.set_timeouts(receive_s=0.1)

        def with_option():
            with self.fails(errno.EAGAIN):
                s.recvfrom(1)
        self.assert_takes(0.1, with_option)
        s.setblocking(False)
        with self.fails(errno.EAGAIN):
            s.recvfrom(1)

    @rows("R10")
    def test_longer_than_n_is_cut_and_told(self):
        peer = self.kernel_udp()
        s, name = self.bound()
        for _ in range(5):
            peer.sendto(b"0123456789", name)
        peer.sendto(b"next", name)
        self.eventually(lambda: s.info().bytes_received == 54)
        self.assertEqual(s.recv(4), b"0123")
        self.assertEqual(s.recv(4, socket.MSG_TRUNC), (10, b"0123"))
        data, _, flags = s.recvmsg([3, 3])
        self.assertEqual((data, flags), (b"012345", socket.MSG_TRUNC))
        data, _, flags = s.recvmsg([10])
        self.assertEqual((data, flags), (b"0123456789", 0))
        self.assertEqual(s.recv(0), b"")
        self.assertEqual(s.recv(100), b"next")

    @rows("R16")
    def test_peek(self):
        peer = self.kernel_udp()
        s, name = self.bound()
        peer.sendto(b"datagram", name)
        s.poll(POLLIN, 20000)
        self.assertEqual(s.recv(4, socket.MSG_PEEK), b"data")
        self.assertEqual(s.recvfrom(100), (b"datagram", self.address_of(peer)))

    @rows("K11")
    def test_connected_takes_from_its_peer_only(self):
        peer, stranger = self.kernel_udp(), self.kernel_udp()
        s, name = self.bound()
        s.connect(self.address_of(peer))
        self.assertEqual(s.getpeername(), self.address_of(peer))
        self.assertEqual(s.getsockname(), name)
        before = s.info().drops
        stranger.sendto(b"strange", name)
        peer.sendto(b"known", name)
        self.assertEqual(s.recv_timeout(100, 20000), b"known")
        self.eventually(lambda: s.info().drops == before + 1)
        self.assertEqual(s.send(b"hello"), 5)
        self.assertEqual(peer.recv(100), b"hello")
        # An explicit destination still counts.
        s.sendto(b"aside", self.address_of(stranger))
        self.assertEqual(stranger.recv(100), b"aside")

    @rows("K11")
    def test_connect_again_changes_the_peer(self):
        a, b = self.kernel_udp(), self.kernel_udp()
        s = self.udp()
        for peer in (a, b):
            s.connect(self.address_of(peer))
            s.send(b"x")
            self.assertEqual(peer.recv(10), b"x")

    @rows("K12")
    def test_unspec_dissolves(self):
        peer, stranger = self.kernel_udp(), self.kernel_udp()
        s = self.udp()
        s.connect(self.address_of(peer))
        s.connect(None)
        with self.fails(errno.ENOTCONN):
            s.getpeername()
        with self.fails(errno.EDESTADDRREQ):
            s.send(b"x")
        stranger.sendto(b"y", (self.stack, s.getsockname()[1]))
        self.assertEqual(s.recv_timeout(10, 20000), b"y")

    @rows("R12")
    def test_queue_is_bounded_and_drops_are_counted(self):
        peer = self.kernel_udp()
        s, name = self.bound()
        for _ in range(400):
            peer.sendto(bytes(1000), name)
        self.eventually(lambda: s.info().bytes_received // 1000 + s.info().drops == 400)
        kept = s.info().bytes_received
        self.assertTrue(16 << 10 < kept <= 128 << 10, kept)
        self.assertGreater(s.info().drops, 0)
        n = 0
        while s.poll(POLLIN) & POLLIN:
            self.assertEqual(len(s.recv(2000)), 1000)
            n += 1
        self.assertEqual(n, kept // 1000)
        peer.sendto(b"room again", name)
        self.assertEqual(s.recv_timeout(100, 20000), b"room again")

    @rows("R12")
    def test_so_rcvbuf_changes_the_queue(self):
        peer = self.kernel_udp()
        s, name = self.bound()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        for _ in range(200):
            peer.sendto(bytes(1000), name)
        self.eventually(lambda: s.info().bytes_received // 1000 + s.info().drops == 200)
        self.assertEqual(s.info().drops, 0)

    @rows("R15", "B3")
    def test_port_unreachable_111_once_if_connected(self):
        s = self.udp()
        s.connect(self.closed_port())
        s.send(b"x")
        with self.fails(errno.ECONNREFUSED):
            s.recv_timeout(1, 20000)
        with self.fails(errno.ETIMEDOUT):
            s.recv_timeout(1, 50)
        s.send(b"x")
        self.eventually(lambda: s.info().error)
        with self.fails(errno.ECONNREFUSED):
            s.send(b"y")
        self.assertEqual(s.send(b"y"), 1)
        self.eventually(lambda: s.info().error)
        self.assertEqual(s.error(), errno.ECONNREFUSED)

    @rows("R15")
    def test_port_unreachable_wakes_a_blocked_receive(self):
        s = self.udp()
        s.connect(self.closed_port())
        waiting = Call(s.recv, 1)
        time.sleep(0.05)
        s.send(b"x")
        with self.fails(errno.ECONNREFUSED):
            waiting.result()

    @rows("R15")
    def test_port_unreachable_is_not_for_unconnected(self):
        s = self.udp()
        s.sendto(b"x", self.closed_port())
        with self.fails(errno.ETIMEDOUT):
            s.recv_timeout(1, 100)
        self.assertEqual(s.error(), 0)

    @rows("R15", "B3")
    def test_unreachable_port_host_net_111_113_101(self):
        for what, number in ((NO_PORT, errno.ECONNREFUSED), (NO_HOST, errno.EHOSTUNREACH),
                             (NO_NET, errno.ENETUNREACH)):
            end = self.wire()
            s = self.udp()
            s.connect((self.hand, 4000))
            s.send(b"anybody?")
            sent = end.expect(lambda p: p.protocol == wire.UDP and p.dport == 4000)
            kind, code = UNREACHABLE[self.family][what]
            end.write(wire.icmp_error(self.kernel, self.stack, kind, code, sent.raw))
            with self.fails(number):
                s.recv_timeout(1, 20000)
            with self.fails(errno.ETIMEDOUT):
                s.recv_timeout(1, 50)

    @rows("B3", "W14")
    def test_fragmentation_needed_90(self):
        end = self.wire()
        s = self.udp()
        s.connect((self.hand, 4005))
        s.send(b"too big for somebody")
        sent = end.expect(lambda p: p.protocol == wire.UDP and p.dport == 4005)
        kind, code = {4: (3, 4), 6: (2, 0)}[self.family]
        end.write(wire.icmp_error(self.kernel, self.stack, kind, code, sent.raw, value=1280))
        with self.fails(errno.EMSGSIZE):
            s.recv_timeout(1, 20000)
        with self.fails(errno.ETIMEDOUT):
            s.recv_timeout(1, 50)

    @rows("R15")
    def test_unreachable_about_another_port_is_ignored(self):
        end = self.wire()
        s = self.udp()
        s.connect((self.hand, 4001))
        s.send(b"anybody?")
        sent = end.expect(lambda p: p.protocol == wire.UDP and p.dport == 4001)
        at = 22 if self.family == 4 else 42
        other = sent.raw[:at] + struct.pack("!H", 4002) + sent.raw[at + 2:]
        kind, code = UNREACHABLE[self.family][NO_PORT]
        end.write(wire.icmp_error(self.kernel, self.stack, kind, code, other))
        with self.fails(errno.ETIMEDOUT):
            s.recv_timeout(1, 100)

    def test_port_nobody_has_is_answered_by_unreachable(self):
        s = self.kernel_socket(socket.SOCK_DGRAM)
        s.connect((self.stack, 1))
        s.send(b"x")
        with self.fails(errno.ECONNREFUSED):
            s.recv(1)

    @rows("G14")
    def test_loopback(self):
        a, b = self.udp(), self.udp()
        b.bind((self.loopback, 0))
        a.sendto(b"x", b.getsockname())
        data, name = b.recvfrom_timeout(10, 20000)
        self.assertEqual((data, name[0]), (b"x", self.loopback))
        b.sendto(b"y", name)
        self.assertEqual(a.recv_timeout(10, 20000), b"y")

    @rows("R15", "G14")
    def test_refused_on_loopback_111(self):
        s = self.udp()
        s.connect((self.loopback, 1))
        s.send(b"x")
        with self.fails(errno.ECONNREFUSED):
            s.recv_timeout(1, 20000)

    @rows("R6", "P2")
    def test_unbound_receive_waits(self):
        s = self.udp()
        with self.fails(errno.ETIMEDOUT):
            s.recv_timeout(1, 50)
        with self.fails(errno.EAGAIN):
            s.recv(1, socket.MSG_DONTWAIT)

    @rows("G10")
    def test_closed_by_another_thread_9(self):
        for receive in (lambda s: s.recv(1), lambda s: s.recv_timeout(1, 10000),
                        lambda s: s.recvmsg([1])):
            s, _ = self.bound()
            waiting = Call(receive, usock.Sock(fd=s.fd))
            time.sleep(0.05)
            s.close()
            with self.fails(errno.EBADF):
                waiting.result()

    def test_order_and_boundaries_are_kept(self):
        peer = self.kernel_udp()
        s = self.udp()
        s.connect(self.address_of(peer))
        sent = [b"%d" % i * (i % 7) for i in range(50)]
        for data in sent:
            s.send(data)
        self.assertEqual([peer.recv(100) for _ in sent], sent)

    def test_hop_limit_and_traffic_class(self):
        end = self.wire()
        s = self.udp()
        if self.family == 4:
            s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 17)
            s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x48)
        else:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 17)
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0x48)
        s.sendto(b"x", (self.hand, 4003))
        p = end.expect(lambda p: p.protocol == wire.UDP and p.dport == 4003)
        self.assertEqual((p.ttl, p.tos), (17, 0x48))


class Broadcast(UdpCase):
    @rows("D6")
    def test_without_so_broadcast_13(self):
        for ip in ("10.9.0.255", "255.255.255.255"):
            s = self.udp()
            with self.fails(errno.EACCES):
                s.sendto(b"x", (ip, 9))
            with self.fails(errno.EACCES):
                s.connect((ip, 9))

    @rows("D6")
    def test_with_so_broadcast_it_is_sent(self):
        end = self.wire()
        for ip in ("10.9.0.255", "255.255.255.255"):
            s = self.udp()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            self.assertEqual(s.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST), 1)
            self.assertEqual(s.sendto(b"x", (ip, 9)), 1)
            p = end.expect(lambda p, ip=ip: p.protocol == wire.UDP and p.dst == ip)
            self.assertEqual((p.src, p.dport, p.payload), (self.stack, 9, b"x"))


@both_families
class Multicast(UdpCase):
    GROUP = {4: "239.1.2.3", 6: "ff05::1:3"}

    group = property(lambda self: self.GROUP[self.family])

    def membership(self, interface=0):
        if self.family == 4:
            return socket.inet_aton(self.group) + struct.pack("=Ii", 0, interface)
        return socket.inet_pton(socket.AF_INET6, self.group) + struct.pack("=I", interface)

    def change(self, s, join, interface=0):
        if self.family == 4:
            option = socket.IP_ADD_MEMBERSHIP if join else socket.IP_DROP_MEMBERSHIP
            s.setsockopt(socket.IPPROTO_IP, option, self.membership(interface))
        else:
            option = socket.IPV6_JOIN_GROUP if join else socket.IPV6_LEAVE_GROUP
            s.setsockopt(socket.IPPROTO_IPV6, option, self.membership(interface))

    def send_to_group(self, end, port, data):
        end.write(wire.udp_packet(self.kernel, self.group, 4100, port, data))

    def test_received_after_joining_only(self):
        end = self.wire()
        s, (_, port) = self.bound()
        self.send_to_group(end, port, b"before")
        # When this has come, that has been dealt with.
        end.write(wire.udp_packet(self.kernel, self.stack, 4100, port, b"marker"))
        self.assertEqual(s.recv_timeout(10, 20000), b"marker")
        self.change(s, join=True)
        self.send_to_group(end, port, b"joined")
        self.assertEqual(s.recvfrom_timeout(10, 20000), (b"joined", (self.kernel, 4100)))
        self.change(s, join=False)
        self.send_to_group(end, port, b"after")
        with self.fails(errno.ETIMEDOUT):
            s.recv_timeout(10, 100)

    def test_joining_by_the_links_index(self):
        end = self.wire()
        s, (_, port) = self.bound()
        with self.fails(errno.ENODEV):
            self.change(s, join=True, interface=9)
        self.change(s, join=True, interface=1)
        self.send_to_group(end, port, b"joined")
        self.assertEqual(s.recvfrom_timeout(10, 20000), (b"joined", (self.kernel, 4100)))
        with self.fails(errno.EADDRNOTAVAIL):
            self.change(s, join=False)
        self.change(s, join=False, interface=1)

    def test_membership_errors(self):
        s = self.udp()
        with self.fails(errno.EADDRNOTAVAIL):
            self.change(s, join=False)
        self.change(s, join=True)
        with self.fails(errno.EADDRINUSE):
            self.change(s, join=True)
        with self.fails(errno.ENOPROTOOPT):
            self.change(self.tcp(), join=True)

    def test_joining_is_reported_to_the_network(self):
        end = self.wire()
        s = self.udp()
        self.change(s, join=True)
        raw = wire.pack_ip(self.group)
        protocol = 2 if self.family == 4 else 0
        end.expect(lambda p: p.raw[9 if self.family == 4 else 6] == protocol and
                   raw in p.raw[20 if self.family == 4 else 40:])

    def test_sent_with_its_own_hop_limit(self):
        end = self.wire()
        s = self.udp()
        for hops in (None, 5):
            if hops and self.family == 4:
                s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, hops)
            elif hops:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, hops)
            s.sendto(b"x", (self.group, 4104))
            p = end.expect(lambda p: p.protocol == wire.UDP and p.dport == 4104)
            self.assertEqual((p.dst, p.ttl), (self.group, hops or 1))


class MulticastInterface(UdpCase):
    """Two links: the TUN, and one whose far end the test is."""

    OTHER, OTHER6 = "10.8.0.2", "fd08::2"

    @classmethod
    def make_link(cls):
        cls.link = fakelink.FakeLink()
        cls.addClassCleanup(cls.link.close)
        return {**super().make_link(), "link net1": cls.link.config()}

    @classmethod
    def daemon_options(cls):
        return {**super().daemon_options(), "env": cls.link.env()}

    @classmethod
    def link_is_up(cls):
        super().link_is_up()
        cls.link.take()
        cls.link.ready(cls.OTHER + "/24", "10.8.0.1", (cls.OTHER6 + "/64",), "fd08::1")
        harness.eventually(lambda: usock.links()[1].state == usock.LINK_UP)

    def sends_by(self, s, group, wires):
        """The number of the wire on which a datagram to @group goes out."""
        s.sendto(b"which", (group, 4105))
        self.eventually(lambda: s.info().send_queue == 0)
        found = []
        for i, end in enumerate(wires):
            if end.wait(lambda p: p.protocol == wire.UDP and p.dport == 4105, 0.3):
                found.append(i)
        self.assertEqual(len(found), 1)
        return found[0]

    def test_ipv4_by_address_or_index(self):
        wires = [self.wire(), self.keep(self.link.wire("10.8.0.1"))]
        any4 = bytes(4)
        s = self.udp()
        option = socket.IPPROTO_IP, socket.IP_MULTICAST_IF
        default = self.sends_by(s, "239.1.2.3", wires)
        self.assertEqual(s.getsockopt_raw(*option, 4), any4)
        for i, ip in enumerate((self.stack, self.OTHER)):
            raw = socket.inet_aton(ip)
            for value in (raw, any4 + raw, any4 + raw + struct.pack("=i", 0),
                          any4 + any4 + struct.pack("=i", i + 1)):
                s.setsockopt(*option, value)
                self.assertEqual(s.getsockopt_raw(*option, 4), raw)
            self.assertEqual(self.sends_by(s, "239.1.2.3", wires), i)
        s.setsockopt(*option, any4)
        self.assertEqual(self.sends_by(s, "239.1.2.3", wires), default)
        for value in (socket.inet_aton("10.77.0.1"), any4 + any4 + struct.pack("=i", 9)):
            with self.fails(errno.EADDRNOTAVAIL):
                s.setsockopt(*option, value)
        with self.fails(errno.EINVAL):
            s.setsockopt(*option, b"abc")
        with self.fails(errno.ENOPROTOOPT):
            self.tcp().setsockopt(*option, any4)

    def test_each_datagram_goes_by_what_was_set_before_it(self):
        wires = [self.wire(), self.keep(self.link.wire("10.8.0.1"))]
        s = self.udp()
        for i in range(40):
            ip = (self.stack, self.OTHER)[i % 2]
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(ip))
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, i + 1)
            s.sendto(b"x", ("239.1.2.3", 4106))
        for i in range(40):
            p = wires[i % 2].expect(lambda p: p.protocol == wire.UDP and p.dport == 4106)
            self.assertEqual(p.ttl, i + 1)

    def test_ipv6_by_index(self):
        wires = [self.wire(), self.keep(self.link.wire("fd08::1"))]
        s = self.keep(usock.Sock(socket.AF_INET6, socket.SOCK_DGRAM))
        option = socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF
        self.assertEqual(s.getsockopt(*option), 0)
        for index in (1, 2):
            s.setsockopt(*option, index)
            self.assertEqual(s.getsockopt(*option), index)
            self.assertEqual(self.sends_by(s, "ff05::1:3", wires), index - 1)
        for index in (3, -1):
            with self.fails(errno.ENODEV):
                s.setsockopt(*option, index)


class Raw(UdpCase):
    """SOCK_RAW: ICMP of our own."""

    @rows("S8")
    def test_ping(self):
        s = self.keep(usock.Sock(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
        request = struct.pack("!BBHHH", 8, 0, 0, 77, 1) + b"echo me"
        request = request[:2] + struct.pack("!H", wire.checksum(request)) + request[4:]
        s.sendto(request, (Tun.KERNEL[4], 0))
        while True:
            data, name = s.recvfrom_timeout(2000, 20000)
            if data[20] == 0:
                break
        self.assertEqual(name[0], Tun.KERNEL[4])
        self.assertEqual(data[0] >> 4, 4)
        self.assertEqual(data[24:], request[4:])

    @rows("S8")
    def test_ping6(self):
        s = self.keep(usock.Sock(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6))
        request = struct.pack("!BBHHH", 128, 0, 0, 77, 1) + b"echo me"
        s.sendto(request, (Tun.KERNEL[6], 0))
        while True:
            data, name = s.recvfrom_timeout(2000, 20000)
            if data[0] == 129:
                break
        self.assertEqual(name[0], Tun.KERNEL[6])
        self.assertEqual(data[4:], request[4:])

    def test_other_protocol_both_ways(self):
        end = self.wire()
        s = self.keep(usock.Sock(socket.AF_INET, socket.SOCK_RAW, 253))
        s.sendto(b"payload", (self.hand, 0))
        p = end.expect(lambda p: p.protocol == 253)
        self.assertEqual((p.dst, p.payload), (self.hand, b"payload"))
        end.write(wire.ip_packet(self.hand, self.stack, 253, b"answer"))
        data, name = s.recvfrom_timeout(100, 20000)
        self.assertEqual((data[20:], name[0]), (b"answer", self.hand))
