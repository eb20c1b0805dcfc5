# SPDX-License-Identifier: MIT
"""The other ends: sockets of the kernel, and hosts that are played by hand."""

import contextlib
import ctypes
import select
import socket
import struct
import threading
import time

import wire

GUARD_S = 15
SO_ATTACH_FILTER = 26
TRICKLE_S = 0.02


class KernelSocket(socket.socket):
    """A socket of this machine's kernel, on the far side of the link."""

    # What the stack's side calls addresses of this machine, if not as they are.
    names = {}

    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        self.settimeout(GUARD_S)
        self.thread = None

    def close(self):
        """Ends its thread as well: a process that forks must have no others."""
        if self.thread:
            with contextlib.suppress(OSError):
                self.shutdown(socket.SHUT_RDWR)
            self.thread.join()
            self.thread = None
        super().close()

    def start(self, run):
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def bind(self, address):
        """@address as the stack's side calls it."""
        here = {name: ip for ip, name in self.names.items()}
        super().bind((here.get(address[0], address[0]), *address[1:]))

    @property
    def address(self):
        ip, port = self.getsockname()[:2]
        return self.names.get(ip, ip), port

    @property
    def port(self):
        return self.getsockname()[1]

    def accept(self):
        fd, _ = self._accept()
        return KernelSocket(fileno=fd)

    def receive(self, n):
        """Exactly @n bytes, fewer at the end of the stream."""
        parts, left = [], n
        while left:
            part = self.recv(min(left, 1 << 20))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def drain(self):
        """All to the end: its length."""
        n = 0
        while True:
            part = self.recv(1 << 20)
            if not part:
                return n
            n += len(part)

    def reset(self):
        self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def trickle(self, data):
        """Sends @data again and again, in a thread, until it cannot."""
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        def run():
            with contextlib.suppress(OSError):
                while True:
                    self.send(data)
                    time.sleep(TRICKLE_S)
        self.start(run)

    def sip(self, n):
        """Takes @n bytes again and again, in a thread, to the end."""
        def run():
            with contextlib.suppress(OSError):
                while self.recv(n):
                    time.sleep(TRICKLE_S)
        self.start(run)

    def has_data(self):
        return bool(select.select([self], [], [], 0)[0])


def only_for(ip):
    """
    A packet filter (cBPF): what is addressed to @ip, and questions for its
    hardware address; nothing else.
    """
    address = struct.unpack("!I", socket.inet_aton(ip))[0]
    program = [
        (0x28, 0, 0, 0xfffff000),               # ldh the frame's protocol
        (0x15, 0, 2, wire.ETH_P_ARP),           # jeq, else to the test for IP
        (0x20, 0, 0, 24),                       # ld ARP's target
        (0x15, 3, 4, address),
        (0x15, 0, 3, wire.ETH_P_IP),
        (0x20, 0, 0, 16),                       # ld IP's destination
        (0x15, 0, 1, address),
        (0x06, 0, 0, 0x40000),                  # ret: all of it
        (0x06, 0, 0, 0),                        # ret: nothing
    ]
    return b"".join(struct.pack("=HBBI", *row) for row in program)


class Host(wire.TunWire):
    """A host played by hand: it sees only what is sent to its address."""

    def __init__(self, device, ip):
        super().__init__(device)
        self.ip = ip
        code = only_for(ip)
        program = ctypes.create_string_buffer(code)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack(
            "HxxxxxxP" if struct.calcsize("P") == 8 else "HxxP", len(code) // 8,
            ctypes.addressof(program)))


def hardware_address(ip):
    """Of a neighbour that the kernel has spoken to."""
    with open("/proc/net/arp") as f:
        for line in f:
            fields = line.split()
            if fields[0] == ip:
                return bytes.fromhex(fields[3].replace(":", ""))
    raise KeyError(ip)


class VethHost(Host):
    """
    The same on Ethernet, for packets to and from @stack. It answers who asks for
    its hardware address while it waits for packets.
    """

    def __init__(self, device, ip, stack):
        super().__init__(device, ip)
        self.mac = self.socket.getsockname()[4]
        self.stack_mac = hardware_address(stack)

    def read(self):
        raw, (_, protocol, kind, _, _) = self.socket.recvfrom(65536)
        if kind == wire.PACKET_OUTGOING:
            return None
        if protocol != wire.ETH_P_ARP:
            return raw
        if raw[7] == 1:
            self.send(wire.ETH_P_ARP, raw[:6] + b"\0\2" + self.mac + raw[24:28] + raw[8:18])
        return None

    def send(self, protocol, payload):
        self.socket.sendto(payload, (self.device, protocol, 0, 0, self.stack_mac))

    def write(self, packet):
        self.send(wire.ETH_P_IP, packet)


class Hand(wire.HandTcp):
    """One end of a TCP connection, by hand; steps' words for it."""

    @property
    def address(self):
        return self.ip, self.port

    def fin(self):
        self.send(wire.FIN | wire.ACK)

    def data(self):
        """The next segment with data, acknowledged: its bytes."""
        return self.take(self.expect(wire.ACK, matches=lambda p: p.payload))

    def unacknowledged(self):
        """The next segment with data, not acknowledged: its bytes."""
        return self.expect(wire.ACK, matches=lambda p: p.payload).payload

    def sees(self, *flags, within=5):
        """Whether a segment with these flags comes, in @within seconds."""
        return self.wait(sum(getattr(wire, f) for f in flags), timeout_s=within) is not None

    def take_fin(self):
        return self.take(self.expect(wire.FIN))

    def answer(self, data):
        self.send(wire.ACK | wire.PSH, data)

    def unreachable(self, code):
        """Answers a datagram with ICMP "destination unreachable" (RFC 792)."""
        packet = self.wire.expect(lambda p: p.protocol == wire.UDP and p.dst == self.ip)
        self.wire.write(wire.icmp_error(self.ip, packet.src, 3, code, packet.raw))

    def open_window(self, window=65535):
        self.send(wire.ACK, window=window)
