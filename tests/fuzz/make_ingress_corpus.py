#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_ingress: well-formed packets of every kind.

Usage: make_ingress_corpus.py DIRECTORY
"""
import pathlib
import struct
import sys
from ipaddress import ip_address

MAC = bytes.fromhex("525500000001")
PEER_MAC = bytes.fromhex("525500000002")
ETHERNET, ANSWER, TIMERS, CHECKSUM = 1, 2, 4, 8

US4, PEER4 = "10.0.2.15", "10.0.2.2"
US6, PEER6 = "fec0::15", "fec0::2"
PEER_LL = "fe80::2"


def record(packet, flags=CHECKSUM):
    return struct.pack("!BH", flags, len(packet)) + packet


def ipv4(protocol, payload, dst=US4, src=PEER4, ident=1, fragment=0, options=b"", ttl=64):
    header = struct.pack(
        "!BBHHHBBH", 0x40 | 5 + len(options) // 4, 0, 20 + len(options) + len(payload),
        ident, fragment, ttl, protocol, 0)
    return header + ip_address(src).packed + ip_address(dst).packed + options + payload


def ipv6(protocol, payload, dst=US6, src=PEER6, hops=64):
    return (struct.pack("!IHBB", 6 << 28, len(payload), protocol, hops)
            + ip_address(src).packed + ip_address(dst).packed + payload)


def frame(packet, dst=MAC):
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86dd
    return dst + PEER_MAC + struct.pack("!H", kind) + packet


def arp(operation, sender=PEER4, target=US4):
    return (b"\xff" * 6 + PEER_MAC + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, operation)
            + PEER_MAC + ip_address(sender).packed + bytes(6) + ip_address(target).packed)


def tcp(flags, seq=0x1000, ack=0, payload=b"", options=b"", port=80):
    return struct.pack("!HHIIBBHHH", 4000, port, seq, ack, (5 + len(options) // 4) << 4, flags,
                       65535, 0, 0) + options + payload


def udp(payload, port=53, checksum=1):
    return struct.pack("!HHHH", 4000, port, 8 + len(payload), checksum) + payload


def extension(following, options):
    return bytes([following, (len(options) + 2) // 8 - 1]) + options


def fragment6(following, offset, more, payload, ident=7):
    return struct.pack("!BBHI", following, 0, offset | more, ident) + payload


SYN_OPTIONS = bytes.fromhex("020405b4" "0402" "080a0000000100000000" "01" "030307")
SYN, ACK, PSH, FIN, RST = 2, 16, 8, 1, 4


def tcp_talk(wrap, base_flags):
    """A whole connection: three-way handshake, data out of order, FIN."""
    def seg(flags, seq, payload=b"", options=b"", more=0):
        return record(wrap(tcp(flags, seq, 0, payload, options)), base_flags | ANSWER | more)
    return (seg(SYN, 0x1000, options=SYN_OPTIONS) + seg(ACK, 0x1001)
            + seg(ACK | PSH, 0x1005, b"efgh") + seg(ACK | PSH, 0x1001, b"abcd", more=TIMERS)
            + seg(ACK | FIN, 0x1009) + seg(ACK, 0x100a, more=TIMERS))


def nd_option(kind, body):
    return bytes([kind, (len(body) + 2) // 8]) + body


def seeds():
    lladdr = nd_option(1, PEER_MAC)
    target_lladdr = nd_option(2, PEER_MAC)
    prefix = nd_option(3, bytes([64, 0xc0]) + struct.pack("!III", 3600, 1800, 0)
                       + ip_address("2001:db8::").packed)
    mtu = nd_option(5, bytes(2) + struct.pack("!I", 1400))
    router_alert6 = extension(58, bytes.fromhex("050200000100"))
    pad = bytes.fromhex("010400000000")
    big = udp(b"x" * 3000)

    yield "ip4_tcp", tcp_talk(lambda p: ipv4(6, p), CHECKSUM)
    yield "ip6_tcp", tcp_talk(lambda p: ipv6(6, p), 0)
    yield "ip4_tcp_reset", record(ipv4(6, tcp(SYN))) + record(ipv4(6, tcp(RST, 0x1001)))
    yield "ip4_tcp_closed", record(ipv4(6, tcp(SYN, port=81)))
    yield "ip4_udp", record(ipv4(17, udp(b"hello"))) + record(ipv4(17, udp(b"x", port=9)))
    yield "ip6_udp", record(ipv6(17, udp(b"hello"))) + record(ipv6(17, udp(b"x", port=9)))
    yield "ip4_echo", record(ipv4(1, bytes.fromhex("0800000000010001") + b"ping"))
    yield "ip6_echo", record(ipv6(58, bytes.fromhex("8000000000010001") + b"ping"))
    yield "ip4_unreachable", record(ipv4(1, bytes.fromhex("0303000000000000")
                                         + ipv4(17, udp(b""), PEER4, US4)))
    yield "ip6_unreachable", record(ipv6(58, bytes.fromhex("0104000000000000")
                                         + ipv6(17, udp(b""), PEER6, US6)))
    yield "ip6_too_big", record(ipv6(58, bytes.fromhex("0200000000000500")
                                     + ipv6(17, udp(b""), PEER6, US6)))
    yield "ip4_options", record(ipv4(17, udp(b"hi"), options=bytes.fromhex("010101070704000000000000")))
    yield "ip4_igmp_query", record(ipv4(2, bytes.fromhex("1164ee9b00000000"), "224.0.0.1",
                                        options=bytes.fromhex("94040000"), ttl=1), CHECKSUM | TIMERS)
    yield "ip4_igmp_report", record(ipv4(2, bytes.fromhex("160008fde0010101"), "224.1.1.1", ttl=1))
    yield "ip6_mld_query", record(ipv6(0, router_alert6 + bytes.fromhex("8200000003e80000")
                                       + bytes(16), "ff02::1", PEER_LL, 1), TIMERS)
    yield "ip6_extensions", record(ipv6(0, extension(60, pad) + extension(43, pad)
                                        + extension(17, bytes(6)) + udp(b"hello")))
    yield "ip6_router", record(ipv6(58, bytes.fromhex("8600000040000708") + bytes(8)
                                    + lladdr + prefix + mtu, "ff02::1", PEER_LL, 255), TIMERS)
    yield "ip6_solicit", record(ipv6(58, bytes.fromhex("8700000000000000") + ip_address(US6).packed
                                     + lladdr, "ff02::1:ff00:15", PEER6, 255), TIMERS)
    yield "ip6_dad", record(ipv6(58, bytes.fromhex("8700000000000000") + ip_address(US6).packed,
                                 "ff02::1:ff00:15", "::", 255))
    yield "ip6_advert", (record(ipv6(17, udp(b"hello")))
                         + record(ipv6(58, bytes.fromhex("8800000060000000")
                                       + ip_address(PEER6).packed + target_lladdr, hops=255)))
    yield "ip6_redirect", (record(ipv6(17, udp(b"hello")))
                           + record(ipv6(58, bytes.fromhex("8900000000000000")
                                         + ip_address("fe80::3").packed + ip_address(PEER6).packed
                                         + target_lladdr, src=PEER_LL, hops=255), TIMERS))
    yield "ip4_fragments", b"".join(
        record(ipv4(17, big[o:o + 1480], fragment=o // 8 | (0x2000 if o + 1480 < len(big) else 0)))
        for o in (1480, 0, 2960))
    yield "ip6_fragments", b"".join(
        record(ipv6(44, fragment6(17, o, o + 1448 < len(big), big[o:o + 1448])))
        for o in (2896, 0, 1448))
    yield "ip6_fragments_extension", b"".join(
        record(ipv6(0, extension(44, pad) + fragment6(60, o, o == 0, p))) for o, p in
        ((0, extension(17, pad) + udp(b"z" * 16)[:16]), (24, b"z" * 8)))
    yield "ip6_atomic_fragment", record(ipv6(44, fragment6(17, 0, 0, udp(b"hello"))))
    yield "ip4_other_protocol", record(ipv4(132, bytes(12)))
    yield "ip6_other_protocol", record(ipv6(132, bytes(12)))
    yield "ip6_no_next", record(ipv6(59, b""))
    yield "frame_arp", record(arp(1), ETHERNET) + record(arp(2), ETHERNET)
    yield "frame_ip4", record(frame(ipv4(17, udp(b"hello"))) + bytes(20), ETHERNET | CHECKSUM)
    yield "frame_ip6", tcp_talk(lambda p: frame(ipv6(6, p)), ETHERNET)


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in seeds():
        (directory / name).write_bytes(data)


main()
