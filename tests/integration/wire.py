# SPDX-License-Identifier: MIT
"""Packets made by hand, for what no kernel would send.

A Wire is the far end of a link: it sees the packets the stack sends and puts
packets of the test's own in. HandTcp plays one end of a TCP connection on it.
"""

import dataclasses
import os
import select
import socket
import struct
import time

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ETH_P_ALL, ETH_P_IP, ETH_P_ARP, ETH_P_IPV6 = 3, 0x0800, 0x0806, 0x86dd
PACKET_OUTGOING = 4
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pack_ip(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def ip_packet(src, dst, protocol, payload, ttl=64):
    if ":" in src:
        return (struct.pack("!IHBB", 6 << 28, len(payload), protocol, ttl) +
                pack_ip(src) + pack_ip(dst) + payload)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, ttl, protocol,
                         0) + pack_ip(src) + pack_ip(dst)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def pseudo_header(src, dst, protocol, length):
    if ":" in src:
        return pack_ip(src) + pack_ip(dst) + struct.pack("!II", length, protocol)
    return pack_ip(src) + pack_ip(dst) + struct.pack("!BBH", 0, protocol, length)


def with_checksum(src, dst, protocol, segment, at):
    total = checksum(pseudo_header(src, dst, protocol, len(segment)) + segment)
    return segment[:at] + struct.pack("!H", total) + segment[at + 2:]


def tcp_packet(src, dst, sport, dport, seq, ack, flags, payload=b"", window=65535, options=b""):
    options += b"\1" * (-len(options) % 4)
    offset = (20 + len(options)) // 4
    segment = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff,
                          offset << 4, flags, window, 0, 0) + options + payload
    return ip_packet(src, dst, TCP, with_checksum(src, dst, TCP, segment, 16))


def udp_packet(src, dst, sport, dport, payload):
    segment = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    return ip_packet(src, dst, UDP, with_checksum(src, dst, UDP, segment, 6))


def icmp_error(src, dst, kind, code, quoted, value=0):
    """An ICMP or ICMPv6 error about the packet @quoted."""
    body = struct.pack("!BBHI", kind, code, 0, value) + quoted[:1200 if ":" in src else 28]
    if ":" in src:
        return ip_packet(src, dst, ICMPV6, with_checksum(src, dst, ICMPV6, body, 2))
    return ip_packet(src, dst, ICMP, body[:2] + struct.pack("!H", checksum(body)) + body[4:])


@dataclasses.dataclass
class Packet:
    """A packet as the stack sent it; TCP's and UDP's fields where it has them."""
    raw: bytes
    src: str = ""
    dst: str = ""
    protocol: int = 0
    sport: int = 0
    dport: int = 0
    seq: int = 0
    ack: int = 0
    flags: int = 0
    window: int = 0
    ttl: int = 0
    tos: int = 0
    options: bytes = b""
    payload: bytes = b""


def parse_packet(raw):
    p = Packet(raw)
    if raw[0] >> 4 == 6:
        p.src = socket.inet_ntop(socket.AF_INET6, raw[8:24])
        p.dst = socket.inet_ntop(socket.AF_INET6, raw[24:40])
        p.protocol, p.ttl, body = raw[6], raw[7], raw[40:]
        p.tos = (raw[0] & 15) << 4 | raw[1] >> 4
    else:
        p.src, p.dst = socket.inet_ntoa(raw[12:16]), socket.inet_ntoa(raw[16:20])
        length, = struct.unpack_from("!H", raw, 2)
        p.protocol, p.ttl, p.tos, body = raw[9], raw[8], raw[1], raw[(raw[0] & 15) * 4:length]
    if p.protocol == TCP and len(body) >= 20:
        p.sport, p.dport, p.seq, p.ack, offset, p.flags, p.window = struct.unpack_from(
            "!HHIIBBH", body)
        p.options, p.payload = body[20:(offset >> 4) * 4], body[(offset >> 4) * 4:]
    elif p.protocol == UDP and len(body) >= 8:
        p.sport, p.dport = struct.unpack_from("!HH", body)
        p.payload = body[8:]
    else:
        p.payload = body
    return p


# ---- wires -------------------------------------------------------------------

class Wire:
    """Base: subclasses give read() (one IP packet or None) and write()."""

    def fileno(self):
        raise NotImplementedError

    def read(self):
        raise NotImplementedError

    def write(self, packet):
        raise NotImplementedError

    def wait(self, matches, timeout_s=5):
        """The next packet for which matches(packet); others are thrown away."""
        left = timeout_s
        while True:
            # In small steps: a machine that stood still gets the time back.
            start = time.monotonic()
            ready = select.select([self], [], [], min(max(left, 0), 0.05))[0]
            left -= min(time.monotonic() - start, 0.05)
            if not ready and left <= 0:
                return None
            raw = self.read() if ready else None
            if raw is None:
                continue
            packet = parse_packet(raw)
            if matches(packet):
                return packet

    def expect(self, matches, timeout_s=5):
        packet = self.wait(matches, timeout_s)
        if packet is None:
            raise AssertionError("the packet that was waited for has not come")
        return packet


class TunWire(Wire):
    """
    The kernel's end of a TUN device, by AF_PACKET. The kernel drops what is
    addressed to hosts it is not, without a word: those are the test's.
    """

    def __init__(self, device):
        self.device = device
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                    socket.htons(ETH_P_ALL))
        self.socket.bind((device, ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)

    def fileno(self):
        return self.socket.fileno()

    def close(self):
        self.socket.close()

    def read(self):
        raw, (_, _, kind, _, _) = self.socket.recvfrom(65536)
        return None if kind == PACKET_OUTGOING else raw

    def write(self, packet):
        protocol = ETH_P_IPV6 if packet[0] >> 4 == 6 else ETH_P_IP
        self.socket.sendto(packet, (self.device, protocol))


class FrameWire(Wire):
    """
    The far end of an Ethernet link, one frame a message on @fd. Answers for
    every address in @addresses (ARP, neighbour discovery).
    """

    MAC = bytes.fromhex("525500000001")

    def __init__(self, fd, addresses):
        self.fd = fd
        self.addresses = {pack_ip(a) for a in addresses}
        self.stack_mac = b"\xff" * 6

    def fileno(self):
        return self.fd

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def read(self):
        frame = os.read(self.fd, 65536)
        if len(frame) < 14:
            return None
        self.stack_mac = frame[6:12]
        kind, = struct.unpack_from("!H", frame, 12)
        if kind == ETH_P_ARP:
            self.answer_arp(frame[14:])
            return None
        if kind == ETH_P_IPV6 and frame[14 + 6] == ICMPV6 and frame[54] == 135:
            self.answer_neighbour(frame[14:])
            return None
        return frame[14:] if kind in (ETH_P_IP, ETH_P_IPV6) else None

    def send_frame(self, kind, payload):
        os.write(self.fd, self.stack_mac + self.MAC + struct.pack("!H", kind) + payload)

    def answer_arp(self, arp):
        sender, target = arp[8:18], arp[24:28]
        if arp[7] == 1 and target in self.addresses and sender[6:] != target:
            self.send_frame(ETH_P_ARP, arp[:6] + b"\0\2" + self.MAC + target + sender)

    def answer_neighbour(self, packet):
        asker, target = packet[8:24], packet[48:64]
        if target not in self.addresses or asker == bytes(16):
            return
        src = socket.inet_ntop(socket.AF_INET6, target)
        dst = socket.inet_ntop(socket.AF_INET6, asker)
        body = struct.pack("!BBHI", 136, 0, 0, 0x60000000) + target + b"\2\1" + self.MAC
        self.send_frame(ETH_P_IPV6, ip_packet(
            src, dst, ICMPV6, with_checksum(src, dst, ICMPV6, body, 2), ttl=255))

    def write(self, packet):
        self.send_frame(ETH_P_IPV6 if packet[0] >> 4 == 6 else ETH_P_IP, packet)


# ---- TCP by hand -------------------------------------------------------------

class HandTcp:
    """One end of a connection; nothing happens that is not told to."""

    def __init__(self, wire, ip, port):
        self.wire, self.ip, self.port = wire, ip, port
        self.peer = self.peer_port = None
        self.seq = 1000000
        self.ack = 0
        self.syn = None

    def is_ours(self, packet, flags=0):
        return (packet.protocol == TCP and packet.dst == self.ip and
                packet.dport == self.port and packet.flags & flags == flags and
                (self.peer_port is None or packet.sport == self.peer_port))

    def expect(self, flags, timeout_s=5, matches=lambda p: True):
        """The next segment with all of @flags."""
        return self.wire.expect(lambda p: self.is_ours(p, flags) and matches(p), timeout_s)

    def wait(self, flags=0, timeout_s=1, matches=lambda p: True):
        return self.wire.wait(lambda p: self.is_ours(p, flags) and matches(p), timeout_s)

    def send(self, flags, payload=b"", options=b"", window=65535, seq=None, ack=None):
        self.wire.write(tcp_packet(
            self.ip, self.peer, self.port, self.peer_port,
            self.seq if seq is None else seq, self.ack if ack is None else ack,
            flags, payload, window, options))
        if seq is None:
            self.seq += len(payload) + bool(flags & SYN) + bool(flags & FIN)

    def take_syn(self, timeout_s=5):
        self.syn = self.expect(SYN, timeout_s)
        self.peer, self.peer_port = self.syn.src, self.syn.sport
        self.ack = self.syn.seq + 1
        return self.syn

    def answer_syn(self, window=65535, mss=1400):
        self.send(SYN | ACK, options=struct.pack("!BBH", 2, 4, mss), window=window)

    def serve(self, window=65535, mss=1400):
        """Takes a connect, up to the ACK that ends the handshake."""
        self.take_syn()
        self.answer_syn(window, mss)
        self.expect(ACK)

    def dial(self, ip, port):
        """Connects to a listener of the stack."""
        self.send_syn(ip, port)
        answer = self.expect(SYN | ACK)
        self.take_syn_ack(answer)

    def send_syn(self, ip, port):
        self.peer, self.peer_port = ip, port
        self.send(SYN, options=struct.pack("!BBH", 2, 4, 1400))

    def take_syn_ack(self, answer):
        self.ack = answer.seq + 1
        self.send(ACK)

    def take(self, packet, acknowledge=True):
        """Takes a segment's data (and FIN) in and acknowledges it."""
        self.ack = packet.seq + len(packet.payload) + bool(packet.flags & FIN)
        if acknowledge:
            self.send(ACK)
        return packet.payload

    def reset(self):
        self.send(RST | ACK)
