# SPDX-License-Identifier: MIT
"""Packets made by hand: whole ones, and ones that lie.

wire.py makes right packets; the functions here take every field that can be
wrong. A packet socket on the TUN's interface puts the result on the link as it
is (Injector).
"""

import random
import socket
import struct

from wire import ACK, ETH_P_IP, ETH_P_IPV6, FIN, PSH, RST, SYN, checksum, pseudo_header


class Injector:
    """Sends packets towards the daemon through the kernel's end of a TUN."""

    def __init__(self, device):
        self.device = device
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        # The device's queue is 500 packets: what does not fit must wait.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)

    def send(self, packet):
        """Returns False if the device had no room and the packet was dropped."""
        proto = ETH_P_IPV6 if packet[:1] and packet[0] >> 4 == 6 else ETH_P_IP
        try:
            self.socket.sendto(packet, (self.device, proto))
        except OSError:
            return False
        return True

    def close(self):
        self.socket.close()


def ip4(src, dst, protocol, payload, options=b"", **fields):
    """fields: length, ihl, identification, fragment, ttl, version, sum."""
    ihl = fields.get("ihl", 5 + len(options) // 4)
    length = fields.get("length", 20 + len(options) + len(payload))
    head = struct.pack("!BBHHHBBH4s4s", fields.get("version", 4) << 4 | ihl, 0, length,
                       fields.get("identification", 1), fields.get("fragment", 0),
                       fields.get("ttl", 64), protocol, 0,
                       socket.inet_aton(src), socket.inet_aton(dst)) + options
    right = checksum(head[:max(ihl * 4, 20)])
    head = head[:10] + struct.pack("!H", fields.get("sum", right)) + head[12:]
    return head + payload


def ip6(src, dst, next_header, payload, **fields):
    """fields: length, hops."""
    return struct.pack("!IHBB16s16s", 6 << 28, fields.get("length", len(payload)),
                       next_header, fields.get("hops", 64),
                       socket.inet_pton(socket.AF_INET6, src),
                       socket.inet_pton(socket.AF_INET6, dst)) + payload


def ip(src, dst, protocol, payload):
    return (ip6 if ":" in src else ip4)(src, dst, protocol, payload)


def tcp(src, dst, flags, options=b"", data=b"", **fields):
    """@src, @dst: (address, port). fields: seq, ack, offset, window."""
    offset = fields.get("offset", 5 + len(options) // 4)
    segment = struct.pack("!HHIIBBHHH", src[1], dst[1], fields.get("seq", 1),
                          fields.get("ack", 0), offset << 4, flags,
                          fields.get("window", 65535), 0, 0) + options + data
    total = checksum(pseudo_header(src[0], dst[0], 6, len(segment)) + segment)
    return segment[:16] + struct.pack("!H", total) + segment[18:]


def tcp_packet(src, dst, flags, options=b"", data=b"", **fields):
    return ip(src[0], dst[0], 6, tcp(src, dst, flags, options, data, **fields))


def udp(src, dst, data, length=None):
    head = struct.pack("!HHHH", src[1], dst[1], length if length is not None else 8 + len(data), 0)
    whole = head + data
    total = checksum(pseudo_header(src[0], dst[0], 17, len(whole)) + whole) or 0xffff
    return head[:6] + struct.pack("!H", total) + data


def icmp4(kind, code, rest):
    message = struct.pack("!BBH", kind, code, 0) + rest
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def icmp6(src, dst, kind, code, rest):
    message = struct.pack("!BBH", kind, code, 0) + rest
    total = checksum(pseudo_header(src, dst, 58, len(message)) + message)
    return message[:2] + struct.pack("!H", total) + message[4:]


# ---- packets that lie --------------------------------------------------------

def _hostile_ip4(us, them, port):
    """@us, @them: addresses; @port: of a listener of ours."""
    syn = tcp((them, 9), (us, port), SYN)
    for n in (1, 8, 19):
        yield ip4(them, us, 6, syn)[:n]
    yield ip4(them, us, 6, syn, ihl=0)
    yield ip4(them, us, 6, syn, ihl=4)
    yield ip4(them, us, 6, syn, ihl=15)
    yield ip4(them, us, 6, syn, length=19)
    yield ip4(them, us, 6, syn, length=65535)
    yield ip4(them, us, 6, syn, sum=0x1234)
    yield ip4(them, us, 6, syn, version=5)
    for options in (b"\x07\x00\x00\x00", b"\x07\xff\x04\x00", b"\x94\x04\x00\x00" * 10,
                    b"\x01\x01\x01\x83", b"\x44\x01\x05\x00", b"\x83\x07\x04\x0a\x00\x00\x01\x00"):
        yield ip4(them, us, 6, syn, options)
    for source in (us, "127.0.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0", "240.0.0.1"):
        yield tcp_packet((source, 9), (us, port), SYN)
        yield ip4(source, us, 17, udp((source, 53), (us, 53), b"x"))
    yield tcp_packet((us, port), (us, port), SYN)
    yield ip4(them, "127.0.0.1", 6, tcp((them, 9), ("127.0.0.1", port), SYN))


def _hostile_tcp(us, them, port):
    peer, here = (them, 9), (us, port)
    for n in (0, 4, 13, 19):
        yield ip(them, us, 6, tcp(peer, here, SYN)[:n])
    for offset in (0, 1, 4, 6, 15):
        yield tcp_packet(peer, here, SYN, offset=offset)
    for options in (b"\x02\x00\x00\x00", b"\x02\x01\x00\x00", b"\x02\x04\x05", b"\x02\xff\x05\xb4",
                    b"\x03\x02\x00\x00", b"\x03\x03\xff\x00", b"\x08\x02\x00\x00", b"\x08\x0a\x00\x00",
                    b"\x05\x02\x00\x00", b"\x05\xfe\x00\x00", b"\x01\x01\x01\x02",
                    b"\x02\x04\x00\x00", b"\x02\x04\x00\x01"):
        padded = options + bytes(-len(options) % 4)
        yield tcp_packet(peer, here, SYN, padded)
    for flags in (0, SYN | FIN, SYN | RST, 0xff, FIN, ACK, RST, PSH, SYN | ACK):
        yield tcp_packet(peer, here, flags, data=b"data")
    yield tcp_packet((them, 0), here, SYN)
    yield tcp_packet(peer, (us, 0), SYN)


def _hostile_datagrams(us, them):
    for length in (0, 7, 9, 65535):
        yield ip(them, us, 17, udp((them, 9), (us, 9), b"", length))
    yield ip(them, us, 17, b"\0\x35\0")
    yield ip(them, us, 17, udp((them, 0), (us, 0), b"x"))


def _hostile_icmp4(us, them, port):
    inner = ip4(us, them, 6, tcp((us, port), (them, 9), ACK))
    for n in (0, 4, 19, 20, 24, 28, len(inner)):
        for kind in (3, 4, 5, 11, 12):
            yield ip4(them, us, 1, icmp4(kind, 4, b"\0\0\0\0" + inner[:n]))
    yield ip4(them, us, 1, icmp4(3, 4, b"\0\0\0\1" + ip4(us, them, 6, b"\0" * 8, ihl=15)))
    yield ip4(them, us, 1, b"\x08")
    yield ip4(them, us, 1, icmp4(8, 0, b""))
    for kind in (0x11, 0x12, 0x16, 0x17, 0x22):
        for n in (1, 7, 8, 12):
            yield ip4(them, "224.0.0.1", 2, icmp4(kind, 0, b"\xff" * 8)[:n], ttl=1)


def _hostile_fragments(us, them):
    more = 0x2000
    yield ip4(them, us, 17, b"x" * 8, fragment=more | 0x1fff)
    yield ip4(them, us, 17, b"x" * 1400, fragment=0x1fff)
    yield ip4(them, us, 17, b"x" * 7, fragment=more)
    yield ip4(them, us, 17, b"", fragment=more)
    for at, n in ((0, 64), (4, 64), (2, 8), (0, 8), (8, 1000)):
        yield ip4(them, us, 17, b"y" * n, fragment=more | at, identification=7)
    yield ip4(them, us, 6, tcp((them, 9), (us, 9), SYN)[:8], fragment=more, identification=8)
    yield ip4(them, us, 6, b"z" * 12, fragment=1, identification=8)
    for i in range(300):
        yield ip4(them, us, 17, b"w" * 64, fragment=more, identification=1000 + i)


def _hostile_ip6(us, them, port):
    syn = tcp((them, 9), (us, port), SYN)
    for n in (1, 39):
        yield ip6(them, us, 6, syn)[:n]
    yield ip6(them, us, 6, syn, length=65535)
    yield ip6(them, us, 6, syn, length=len(syn) - 1)
    yield ip6(them, us, 6, syn, length=0)
    for header in (0, 43, 44, 51, 60, 135):
        for body in (b"", b"\x06", b"\x06\xff" + bytes(6), b"\x06\0\xc2\xff\0\0\0\0",
                     b"\x06\0\x05\xff" + bytes(4), bytes([header, 0]) + bytes(6)):
            yield ip6(them, us, header, body + syn)
    # A chain of the longest kind, every header naming the next of its own.
    yield ip6(them, us, 60, (b"\x3c\0" + bytes(6)) * 150 + b"\x06\0" + bytes(6) + syn)
    yield ip6(them, us, 0, b"\x06\0\xc2\x04" + struct.pack("!I", 100000) + syn, length=0)
    yield ip6(them, us, 43, b"\x06\x02\0\x01\0\0\0\0" +
              socket.inet_pton(socket.AF_INET6, us) + syn)
    for offset, n in ((0x0001, 8), (0xfff9, 1200), (0xfff8, 1200), (0x0001, 7), (0x0009, 1200)):
        yield ip6(them, us, 44, b"\x11\0" + struct.pack("!HI", offset, 5) + b"q" * n)
    for source in (us, "::1", "ff02::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1"):
        yield ip6(source, us, 6, tcp((source, 9), (us, port), SYN))


def _hostile_icmp6(us, them, port):
    inner = ip6(us, them, 6, tcp((us, port), (them, 9), ACK))
    for n in (0, 8, 39, 40, 44, len(inner)):
        for kind in (1, 2, 3, 4):
            body = b"\0\0\0\0" + inner[:n]
            yield ip6(them, us, 58, icmp6(them, us, kind, 0, body))
    # Neighbour discovery and MLD that end early, from far away, with options
    # of length 0 and of a length past the end.
    local = "fe80::1"
    for kind in (130, 131, 132, 133, 134, 135, 136, 137, 143):
        for source, hops in ((them, 64), (local, 255), (local, 64)):
            for rest in (b"", bytes(4), bytes(20), bytes(20) + b"\x01\0", bytes(20) + b"\x01\xff",
                         bytes(12) + b"\x03\x04" + b"\xff" * 30, bytes(12) + b"\x05\x01\0\0\0\0\0\0",
                         bytes(12) + b"\x19\x03\0\0\xff\xff\xff\xff"):
                yield ip6(source, "ff02::1", 58, icmp6(source, "ff02::1", kind, 0, rest),
                          hops=hops)


def hostile(us4, them4, us6, them6, port):
    """Every lie above, against both families."""
    yield from _hostile_ip4(us4, them4, port)
    yield from _hostile_tcp(us4, them4, port)
    yield from _hostile_datagrams(us4, them4)
    yield from _hostile_icmp4(us4, them4, port)
    yield from _hostile_fragments(us4, them4)
    yield from _hostile_ip6(us6, them6, port)
    yield from _hostile_tcp(us6, them6, port)
    yield from _hostile_datagrams(us6, them6)
    yield from _hostile_icmp6(us6, them6, port)


def mutated(packets, count, seed=1):
    """Of each run of the same @seed the same packets, with a few bytes changed."""
    rng = random.Random(seed)
    pool = [p for p in packets if len(p) >= 20]
    for _ in range(count):
        packet = bytearray(rng.choice(pool))
        for _ in range(rng.randint(1, 4)):
            packet[rng.randrange(len(packet))] = rng.randrange(256)
        if rng.random() < 0.2:
            del packet[rng.randrange(1, len(packet)):]
        if packet[0] >> 4 == 4 and len(packet) >= 20 and rng.random() < 0.8:
            # Let most pass the first check, so that the deeper ones are met.
            packet[10:12] = b"\0\0"
            n = max((packet[0] & 15) * 4, 20)
            packet[10:12] = struct.pack("!H", checksum(bytes(packet[:n])))
        yield bytes(packet)


def flood(count, dst, seed=1):
    """SYNs to @dst from @count different places that do not exist."""
    rng = random.Random(seed)
    for _ in range(count):
        source = f"198.18.{rng.randrange(256)}.{rng.randrange(1, 255)}"
        yield tcp_packet((source, rng.randrange(1024, 65536)), dst, SYN, b"\x02\x04\x05\xb4",
                         seq=rng.randrange(1 << 32))
