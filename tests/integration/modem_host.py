# SPDX-License-Identifier: MIT
"""A host that speaks to a modem by hand, without the daemon: AT lines over the
serial port, PPP with IPCP in HDLC-like framing, and echo requests over that."""

import os
import select
import struct
import termios
import time
import tty

ANSWER_S = 10

LCP, IPCP, IPV6CP, IP4, IP6 = 0xC021, 0x8021, 0x8057, 0x0021, 0x0057
PROTOCOL_REJECT, ECHO_REQUEST = 8, 9
CONF_REQUEST, CONF_ACK, CONF_NAK, TERM_REQUEST = 1, 2, 3, 5
ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT = 133, 134
OPTION_ADDRESS = 3
OPTION_INTERFACE = 1
INTERFACE = bytes.fromhex('02aabbfffeccdd01')
ENDS = ("OK", "ERROR", "NO CARRIER", "CONNECT", "+CME ERROR")


def checksum16(data):
    """The frame check sequence of RFC 1662."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0x8408 if value & 1 else value >> 1
    return value ^ 0xFFFF


def frame(protocol, packet):
    body = struct.pack(">BBH", 0xFF, 0x03, protocol) + packet
    body += struct.pack("<H", checksum16(body))
    out = bytearray(b"~")
    for byte in body:
        out += bytes([0x7D, byte ^ 0x20]) if byte in (0x7D, 0x7E) or byte < 0x20 else bytes([byte])
    return bytes(out + b"~")


def unframe(raw):
    """(protocol, packet) of what stood between two flags, or None if it is none."""
    body, escaped = bytearray(), False
    for byte in raw:
        if byte == 0x7D:
            escaped = True
        else:
            body.append(byte ^ 0x20 if escaped else byte)
            escaped = False
    if len(body) < 6 or checksum16(body[:-2]) != struct.unpack("<H", body[-2:])[0]:
        return None
    body = body[2:] if body[:2] == b"\xff\x03" else body
    return struct.unpack(">H", body[:2])[0], bytes(body[2:-2])


def internet_checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def echo_request(source, target, number, size=56):
    """An ICMP echo request in IPv4; @size is even."""
    icmp = struct.pack(">BBHHH", 8, 0, 0, 1, number) + bytes(size)
    icmp = icmp[:2] + struct.pack(">H", internet_checksum(icmp)) + icmp[4:]
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), number, 0, 64, 1, 0,
                         bytes(source), bytes(target))
    return header[:10] + struct.pack(">H", internet_checksum(header)) + header[12:] + icmp


def icmp6_checksum(packet):
    """0 if that of an ICMPv6 packet is right."""
    payload = packet[40:] + bytes(len(packet) % 2)
    pseudo = packet[8:40] + struct.pack(">II", len(packet) - 40, 58)
    return internet_checksum(pseudo + payload)


def router_solicitation():
    source = bytes.fromhex("fe80000000000000") + INTERFACE
    target = bytes.fromhex("ff020000000000000000000000000002")
    packet = struct.pack(">IHBB", 6 << 28, 8, 58, 255) + source + target
    icmp = struct.pack(">BBHI", ROUTER_SOLICITATION, 0, 0, 0)
    total = icmp6_checksum(packet + icmp)
    return packet + icmp[:2] + struct.pack(">H", total) + icmp[4:]


def echo_number(packet):
    """The sequence number of an echo reply, or None."""
    if packet[9] != 1 or packet[20] != 0:
        return None
    return struct.unpack(">H", packet[26:28])[0]


class Dialogue:
    """AT over whatever has write() and receive()."""

    def __init__(self):
        self.pending = b""

    def read(self, timeout_s=ANSWER_S):
        """What has come, at least a byte; b"" after the timeout."""
        if self.pending:
            data, self.pending = self.pending, b""
            return data
        return self.receive(timeout_s)

    def read_line(self, timeout_s=ANSWER_S):
        """The next line that is not empty, or None."""
        data = b""
        end = time.monotonic() + timeout_s
        while True:
            line, found, rest = data.partition(b"\n")
            if found and line.strip():
                self.pending = rest + self.pending
                return line.strip().decode(errors="replace")
            data = rest if found else data
            if found:
                continue
            more = self.read(max(end - time.monotonic(), 0))
            if not more:
                self.pending = data
                return None
            data += more

    def ask(self, command, timeout_s=ANSWER_S):
        """The lines that answer a command, its echo left out; [] for silence."""
        self.write(command.encode() + b"\r")
        lines = []
        while True:
            line = self.read_line(timeout_s)
            if line is None:
                return lines
            if line != command:
                lines.append(line)
            if line.startswith(ENDS):
                return lines


class Port(Dialogue):
    """The host's end of a serial port."""

    def __init__(self, path):
        super().__init__()
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.fd)
        self.set_speed(termios.B115200)

    def set_speed(self, baud):
        attributes = termios.tcgetattr(self.fd)
        attributes[4] = attributes[5] = baud
        termios.tcsetattr(self.fd, termios.TCSANOW, attributes)

    def close(self):
        os.close(self.fd)

    def write(self, data):
        while data:
            select.select([], [self.fd], [], ANSWER_S)
            data = data[os.write(self.fd, data):]

    def receive(self, timeout_s):
        ready, _, _ = select.select([self.fd], [], [], timeout_s)
        return os.read(self.fd, 65536) if ready else b""


# ---- the multiplexer of TS 27.010, basic option -------------------------------

FLAG = 0xF9
SABM, UA, DM, DISC, UIH = 0x3F, 0x73, 0x1F, 0x53, 0xEF
CLOSE_DOWN = b"\xc3\x01"


def checksum8(data):
    """The frame check sequence of TS 27.010 5.2.1.6."""
    value = 0xFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xE0 if value & 1 else value >> 1
    return 0xFF - value


def mux_frame(dlci, control, info=b""):
    header = bytes([dlci << 2 | 3, control, len(info) << 1 | 1])
    return bytes([FLAG]) + header + info + bytes([checksum8(header), FLAG])


class Cmux:
    """The host's side, on a port whose modem has said OK to AT+CMUX."""

    INFO_MAX = 31

    def __init__(self, port):
        self.port = port
        self.raw = b""
        self.channels = {}
        self.answers = []

    def open(self, dlci):
        """Opens a DLC and returns its dialogue; DLCI 0 first."""
        self.port.write(mux_frame(dlci, SABM))
        self.wait_answer(dlci, UA)
        self.channels[dlci] = Channel(self, dlci)
        return self.channels[dlci]

    def close(self, dlci):
        self.port.write(mux_frame(dlci, DISC))
        self.wait_answer(dlci, UA)

    def close_down(self):
        self.port.write(mux_frame(0, UIH, CLOSE_DOWN))

    def wait_answer(self, dlci, control):
        while (dlci, control) not in self.answers:
            if not self.pump(ANSWER_S):
                raise AssertionError(f"DLC {dlci}: no {control:#x} but {self.answers}")
        self.answers.remove((dlci, control))

    def take(self, dlci, control, info):
        if control & ~0x10 != UIH:
            self.answers.append((dlci, control))
        elif dlci in self.channels:
            self.channels[dlci].heard += info

    def pump(self, timeout_s):
        """Takes what comes; False if nothing does."""
        more = self.port.receive(timeout_s)
        self.raw += more
        while True:
            self.raw = self.raw[max(self.raw.find(bytes([FLAG])), 0):].lstrip(bytes([FLAG]))
            if len(self.raw) < 3 or len(self.raw) < (self.raw[2] >> 1) + 5:
                self.raw = bytes([FLAG]) + self.raw
                return bool(more)
            length = self.raw[2] >> 1
            header, info = self.raw[:3], self.raw[3:3 + length]
            if self.raw[3 + length] != checksum8(header):
                raise AssertionError(f"bad frame: {self.raw.hex()}")
            self.take(header[0] >> 2, header[1], info)
            self.raw = self.raw[4 + length:]


class Channel(Dialogue):
    """One DLC."""

    def __init__(self, mux, dlci):
        super().__init__()
        self.mux = mux
        self.dlci = dlci
        self.heard = b""

    def write(self, data):
        for i in range(0, len(data), Cmux.INFO_MAX):
            self.mux.port.write(mux_frame(self.dlci, UIH, data[i:i + Cmux.INFO_MAX]))

    def receive(self, timeout_s):
        end = time.monotonic() + timeout_s
        while not self.heard:
            left = end - time.monotonic()
            if left <= 0 or not self.mux.pump(left):
                return b""
        data, self.heard = self.heard, b""
        return data


# ---- PPP ------------------------------------------------------------------------

class Ppp:
    """PPP on a port whose modem has said CONNECT; @read and @write carry bytes."""

    def __init__(self, port):
        self.port = port
        self.raw = b""
        self.address = bytes(4)
        self.has = set()

    def send(self, protocol, packet):
        self.port.write(frame(protocol, packet))

    def send_control(self, protocol, code, identifier, data=b""):
        self.send(protocol, struct.pack(">BBH", code, identifier, 4 + len(data)) + data)

    def frames(self, timeout_s=ANSWER_S):
        """Frames as they come; ends when nothing comes for so long."""
        while True:
            while b"~" in self.raw:
                raw, _, self.raw = self.raw.partition(b"~")
                found = unframe(raw)
                if found:
                    yield found
            more = self.port.read(timeout_s)
            if not more:
                return
            self.raw += more

    def wait_for(self, protocol, place, value):
        """The next packet with this octet at this place."""
        for found, packet in self.frames():
            if found == protocol and packet[place] == value:
                return packet
        raise AssertionError(f"no packet of protocol {protocol:#x} with {value} at {place}")

    def request(self, protocol):
        options = {IPCP: struct.pack(">BB4s", OPTION_ADDRESS, 6, self.address),
                   IPV6CP: struct.pack(">BB8s", OPTION_INTERFACE, 10, INTERFACE)}
        self.send_control(protocol, CONF_REQUEST, 1, options.get(protocol, b""))

    def take(self, protocol, packet):
        """One step of a negotiation."""
        code, identifier = packet[0], packet[1]
        data = packet[4:struct.unpack(">H", packet[2:4])[0]]
        if code == CONF_REQUEST:
            self.send_control(protocol, CONF_ACK, identifier, data)
            self.has.add(("theirs", protocol))
        elif code == CONF_ACK:
            self.has.add(("ours", protocol))
        elif code == CONF_NAK and protocol == IPCP:
            self.address = data[2:6]
            self.request(protocol)

    def is_open(self, protocol):
        return {("theirs", protocol), ("ours", protocol)} <= self.has

    def connect(self, network=IPCP):
        """Negotiates LCP, then IPCP, after which `address` is ours, or IPV6CP."""
        self.request(LCP)
        asked = False
        for protocol, packet in self.frames():
            if protocol in (LCP, network):
                self.take(protocol, packet)
            if self.is_open(LCP) and not asked:
                self.request(network)
                asked = True
            if self.is_open(network):
                return self
        raise AssertionError(f"PPP does not get up: {self.has}")

    def ping(self, numbers, target=(10, 0, 2, 2), size=56, quiet_s=3.0):
        """Sends echo requests at once; the numbers of the replies, as they came."""
        for number in numbers:
            self.send(IP4, echo_request(self.address, target, number, size))
        replies = []
        for protocol, packet in self.frames(quiet_s):
            number = echo_number(packet) if protocol == IP4 else None
            if number is not None:
                replies.append(number)
            if len(replies) == len(numbers):
                break
        return replies


def dial(port, network=IPCP):
    answer = port.ask("ATD*99***1#")
    if not answer or not answer[-1].startswith("CONNECT"):
        raise AssertionError(f"no CONNECT but {answer}")
    return Ppp(port).connect(network)
