# SPDX-License-Identifier: MIT
"""A name server whose every answer the test decides (RFC 1035, UDP and TCP)."""

import contextlib
import select
import socket
import struct
import threading

A, CNAME, PTR, TXT, AAAA = 1, 5, 12, 16, 28
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
TC, AUTHORITATIVE_ANSWER = 0x0200, 0x8580


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode()
                    for label in name.rstrip(".").split(".")) + b"\0"


def decode_question(raw):
    labels, at = [], 12
    while raw[at]:
        labels.append(raw[at + 1:at + 1 + raw[at]].decode(errors="replace"))
        at += 1 + raw[at]
    kind, = struct.unpack_from("!H", raw, at + 1)
    return ".".join(labels).lower(), kind, raw[12:at + 5]


class FakeDns:
    """
    zone: {(name, type): [data...]}, data an address, a name (CNAME, PTR) or bytes; or
    one of the response codes; or None: no answer at all. A name without a row
    does not exist; one with a row of another type has no data.
    """

    def __init__(self, address="127.0.0.1", ttl=300, port=0):
        self.zone = {}
        self.ttl = ttl
        self.truncate_udp = False
        self.queries = []               # (name, type, "udp" or "tcp")
        self.raw = []                   # the same, as they came
        self.questions = set()          # (name, id): repetitions are one
        self.askers = []                # their addresses, by UDP
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.bind((address, port))
        self.port = self.udp.getsockname()[1]
        self.tcp = socket.socket(family)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((address, self.port))
        self.tcp.listen()
        self.wake = socket.socketpair()
        self.clients = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.wake[0].send(b"x")
        self.thread.join()
        for s in (self.udp, self.tcp, *self.wake, *self.clients):
            s.close()

    def forget_queries(self):
        self.queries.clear()
        self.raw.clear()
        self.questions.clear()

    def forget(self):
        self.zone.clear()
        self.forget_queries()
        self.askers.clear()
        self.truncate_udp = False
        self.ttl = 300

    def count(self, name=None, kind=None, way=None):
        return sum(1 for n, k, w in list(self.queries)
                   if name in (None, n) and kind in (None, k) and way in (None, w))

    def _run(self):
        while True:
            ready, _, _ = select.select([self.wake[1], self.udp, self.tcp, *self.clients],
                                        [], [])
            if self.wake[1] in ready:
                return
            with contextlib.suppress(OSError, struct.error, IndexError):
                self._serve(ready)

    def _serve(self, ready):
        if self.udp in ready:
            raw, peer = self.udp.recvfrom(4096)
            self.askers.append(peer[0])
            answer = self._answer(raw, "udp")
            if answer:
                self.udp.sendto(answer, peer)
        if self.tcp in ready:
            self.clients.append(self.tcp.accept()[0])
        for client in [c for c in self.clients if c in ready]:
            raw = client.recv(4096)
            if not raw:
                self.clients.remove(client)
                client.close()
                continue
            answer = self._answer(raw[2:], "tcp")
            if answer:
                client.sendall(struct.pack("!H", len(answer)) + answer)

    def _records(self, name, kind):
        """Answer records for the name, CNAMEs followed."""
        alias = self.zone.get((name, CNAME))
        if isinstance(alias, list):
            return [(name, CNAME, alias[0])] + self._records(alias[0], kind)
        return [(name, kind, data) for data in self.zone.get((name, kind)) or []]

    def _pack(self, name, kind, data):
        if isinstance(data, bytes):
            rdata = data
        elif kind in (CNAME, PTR):
            rdata = encode_name(data)
        else:
            rdata = socket.inet_pton(socket.AF_INET if kind == A else socket.AF_INET6, data)
        return encode_name(name) + struct.pack("!HHIH", kind, 1, self.ttl, len(rdata)) + rdata

    def _answer(self, raw, way):
        name, kind, question = decode_question(raw)
        self.queries.append((name, kind, way))
        self.raw.append(raw)
        self.questions.add((name, raw[:2]))
        row = self.zone.get((name, kind), self.zone.get((name, "*"), []))
        if row is None:
            return None
        code, records, flags = NOERROR, [], AUTHORITATIVE_ANSWER
        if isinstance(row, int):
            code = row
        else:
            records = self._records(name, kind)
            if not records and not any(n == name for n, _ in self.zone):
                code = NXDOMAIN
        if way == "udp" and self.truncate_udp:
            records, flags = [], flags | TC
        header = raw[:2] + struct.pack("!HHHHH", flags | code, 1, len(records), 0, 0)
        return header + question + b"".join(self._pack(*r) for r in records)
