# SPDX-License-Identifier: MIT
"""Paths that are narrower than the link: nothing hangs."""

import errno
import os
import socket
import struct

import usock
import wire

from harness import Tun, TunCase, both_families
from runner import rows

MTU = 1300


def too_big(router, packet, mtu, sequence=None):
    """The ICMP error of a router that could not pass @packet on."""
    quoted = packet.raw
    if sequence is not None:
        at = 40 if quoted[0] >> 4 == 6 else 20
        quoted = quoted[:at + 4] + struct.pack("!I", sequence & 0xffffffff) + quoted[at + 8:]
    kind, code = (2, 0) if ":" in packet.src else (3, 4)
    return wire.icmp_error(router, packet.src, kind, code, quoted, mtu)


@both_families
class Path(TunCase):
    """The far host is played by the test."""

    # It looks at single segments.
    link_keys = {"offload": "no"}
    # Each test has a host of its own: what is known of a path is kept.
    n_hosts = 0

    def setUp(self):
        super().setUp()
        type(self).n_hosts += 1
        number = 100 + self.n_hosts
        self.host = f"10.9.0.{number}" if self.family == 4 else f"fd09::{number}"
        self.end = self.keep(wire.TunWire(Tun.DEVICE))
        self.headers = 40 if self.family == 4 else 60
        self.data = os.urandom(8000)

    def connected(self):
        hand = wire.HandTcp(self.end, self.host, 7000)
        s = self.keep(usock.Sock(self.af, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
        with self.fails(errno.EINPROGRESS):
            s.connect((self.host, 7000))
        hand.serve(mss=1460)
        s.connect_wait(20000)
        s.setblocking(True)
        return s, hand

    def receive(self, hand, limit, on_larger):
        """
        Takes self.data in by a path on which no packet above @limit passes.
        Returns how long the longest was that did.
        """
        got, longest = b"", 0
        while len(got) < len(self.data):
            packet = hand.expect(wire.ACK, 30, lambda p: p.payload)
            if len(packet.raw) > limit:
                on_larger(packet)
                continue
            if packet.seq != hand.ack & 0xffffffff:
                # Behind one that was lost, or again.
                hand.send(wire.ACK)
                continue
            longest = max(longest, len(packet.raw))
            got += hand.take(packet)
        self.assertEqual(got, self.data)
        return longest

    def complain(self, mtu):
        return lambda packet: self.end.write(too_big(self.kernel, packet, mtu))

    @rows("B3")
    def test_router_that_reports(self):
        s, hand = self.connected()
        s.send(self.data)
        self.assertEqual(self.receive(hand, MTU, self.complain(MTU)), MTU)
        # It costs no time-out: fewer than any would have sent again.
        self.assertEqual(s.error(), 0)

    def test_next_connection_begins_with_it(self):
        s, hand = self.connected()
        s.send(self.data)
        self.receive(hand, MTU, self.complain(MTU))
        s.close()
        hand.expect(wire.FIN)
        hand.peer_port = None
        s, hand = self.connected()
        s.send(self.data)

        def never(packet):
            self.fail(f"{len(packet.raw)} bytes by a path of {MTU}")
        self.assertEqual(self.receive(hand, MTU, never), MTU)

    def test_forged_report_is_not_heeded(self):
        s, hand = self.connected()
        s.send(self.data)
        first = hand.expect(wire.ACK, 10, lambda p: p.payload)
        self.assertEqual(len(first.raw), 1500)
        for sequence in (first.seq - 1, first.seq + 1000000):
            self.end.write(too_big(self.kernel, first, MTU, sequence))
        hand.take(first)
        following = hand.expect(wire.ACK, 10, lambda p: p.payload and p.seq > first.seq + 4000)
        self.assertEqual(len(following.raw), 1500)
        s.close()

    def test_report_of_next_to_nothing_is_bounded(self):
        s, hand = self.connected()
        s.send(self.data)
        first = hand.expect(wire.ACK, 10, lambda p: p.payload)
        self.end.write(too_big(self.kernel, first, 68))
        if self.family == 6:
            # Not one of IPv6: dropped at the door.
            hand.take(first)
            following = hand.expect(wire.ACK, 10, lambda p: p.payload and p.seq > first.seq)
            self.assertEqual(len(following.raw), 1500)
            return
        self.assertEqual(self.receive(hand, 552, lambda packet: None), 552)

    def test_router_that_drops_in_silence(self):
        s, hand = self.connected()
        s.send(self.data)
        self.assertLessEqual(self.receive(hand, 1280, lambda packet: None), 1280)
        self.assertEqual(s.error(), 0)

    def test_mss_follows_the_link(self):
        s, hand = self.connected()
        self.assertEqual(hand.syn.options[:4], struct.pack("!BBH", 2, 4, 1500 - self.headers))
        s.send(self.data)
        first = hand.expect(wire.ACK, 10, lambda p: p.payload)
        self.assertEqual(len(first.payload), 1500 - self.headers)


class PathOfDatagrams(TunCase):
    family = 6

    @rows("B3")
    def test_datagram_that_is_too_big_90_then_in_fragments(self):
        end = self.keep(wire.TunWire(Tun.DEVICE))
        host = "fd09::100"
        s = self.udp()
        s.connect((host, 7000))
        s.send(bytes(1400))
        packet = end.expect(lambda p: p.dst == host and p.protocol == wire.UDP, 10)
        end.write(too_big(self.kernel, packet, MTU))
        with self.fails(errno.EMSGSIZE):
            s.recv_timeout(10, 10000)
        s.send(bytes(1400))
        sizes = [len(end.expect(lambda p: p.dst == host, 10).raw) for _ in range(2)]
        self.assertLessEqual(max(sizes), MTU)
