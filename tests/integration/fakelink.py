# SPDX-License-Identifier: MIT
"""A link whose helper is the test itself.

The daemon starts a stand-in for usocket-slirp, which hands its two descriptors
over to the test and waits for the link's end. So a test decides when the link
comes up, with which addresses, when they change, and what travels on it. The
messages are those of proto/helper.proto, in protobuf's wire format.
"""

import os
import select
import socket
import sys
import tempfile
import threading

import harness
import wire

from protobuf import field, parse_fields

PING, FORWARD, START = 1, 2, 3
PONG, READY, LOG, FAILED = 1, 2, 3, 4

STAND_IN = """#!{python} -ES
import os, select, socket
s = socket.socket(socket.AF_UNIX)
s.connect({path!r})
socket.send_fds(s, [b"x"], [3, 4])
os.close(3)
p = select.poll()
p.register(4, select.POLLRDHUP)
p.register(s, select.POLLIN)
p.poll()
"""


def address(text):
    """A HelperAddress of "ip/prefix"."""
    ip, _, prefix = text.partition("/")
    return field(1, wire.pack_ip(ip)) + (field(2, int(prefix)) if prefix else b"")


class FakeLink:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="link.", dir=harness.temporary_folder())
        os.chmod(self.folder, 0o755)
        path = os.path.join(self.folder, "helper.sock")
        program = os.path.join(self.folder, "usocket-slirp")
        with open(program, "w") as f:
            f.write(STAND_IN.format(python=sys.executable, path=path))
        os.chmod(program, 0o755)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(4)
        self.connection = None
        self.packets = self.messages = -1
        self.wake = None
        self.thread = None
        self.answers_pings = True

    def config(self):
        return {"driver": "slirp"}

    def env(self):
        return {"USOCKETD_LIBEXECDIR": self.folder}

    def take(self, timeout_s=10):
        """Becomes the helper that the daemon has started."""
        self.drop()
        self.listener.settimeout(timeout_s * harness.time_scale())
        while not self._accept():
            continue
        while START not in parse_fields(os.read(self.messages, 512)):
            continue
        self.wake = socket.socketpair()
        self.thread = threading.Thread(target=self._pump, daemon=True)
        self.thread.start()

    def _accept(self):
        """Whether the helper that has come is one that the daemon still wants."""
        connection, _ = self.listener.accept()
        _, fds, _, _ = socket.recv_fds(connection, 1, 2)
        poll = select.poll()
        poll.register(fds[1], 0)
        if poll.poll(0):
            connection.close()
            for fd in fds:
                os.close(fd)
            return False
        self.connection = connection
        self.packets, self.messages = fds
        return True

    def _pump(self):
        wake, messages = self.wake[1], self.messages
        while True:
            ready, _, _ = select.select([wake, messages], [], [])
            if wake in ready:
                return
            raw = os.read(messages, 512)
            if not raw:
                return
            ping = parse_fields(raw).get(PING)
            if ping is not None and self.answers_pings:
                self._tell(field(PONG, ping))

    def _tell(self, event):
        os.write(self.messages, event)

    def ready(self, address4="10.8.0.2/24", gateway4="10.8.0.1", address6=(), gateway6=None,
              dns=(), mtu=1500):
        """The link is up, or up with something else."""
        body = b""
        if address4:
            body += field(1, address(address4)) + field(2, address(gateway4))
        body += b"".join(field(3, address(a)) for a in address6)
        if gateway6:
            body += field(4, address(gateway6))
        body += b"".join(field(5, address(d)) for d in dns)
        self._tell(field(READY, body + field(6, mtu)))

    def log(self, level, text):
        self._tell(field(LOG, field(1, level) + field(2, text.encode())))

    def failed(self, cause):
        self._tell(field(FAILED, field(1, cause.encode())))

    def wire(self, *addresses):
        """The link's far end, which is all of these hosts."""
        return wire.FrameWire(os.dup(self.packets), addresses)

    def drop(self):
        """The helper is gone."""
        if self.connection is None:
            return
        self.wake[0].send(b"x")
        self.thread.join()
        for end in self.wake:
            end.close()
        os.close(self.packets)
        os.close(self.messages)
        self.connection.close()
        self.connection = None

    def close(self):
        self.drop()
        self.listener.close()
