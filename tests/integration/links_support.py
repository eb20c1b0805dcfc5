# SPDX-License-Identifier: MIT
"""Several TUN links in one daemon, with one network behind all of them.

The kernel of the test's namespace is the far end of each. The same hosts are
reached by every link, so what came by which shows in the address it came from.
"""

import contextlib
import errno
import socket

import harness
import usock

# Hosts behind all links, and a name server's address.
FAR = {4: "192.0.2.1", 6: "2001:db8::1"}
DNS_PORT = 53
# <linux/in6.h>: a route makes an address the kernel's, but not for bind.
IPV6_FREEBIND = 78


class Way:
    """One link's TUN device and both of its ends."""

    def __init__(self, number, families=(4, 6), **keys):
        self.number = number
        self.name = f"net{number}"
        self.device = f"ust{number}"
        self.families = families
        self.keys = keys
        self.stack = {4: f"10.8{number}.0.2", 6: f"fd8{number}::2"}
        self.kernel = {4: f"10.8{number}.0.1", 6: f"fd8{number}::1"}
        self.is_there = False
        self.restore()

    def config(self):
        keys = {"driver": "tun", "device": self.device}
        if 4 in self.families:
            keys["address"] = self.stack[4] + "/24"
        if 6 in self.families:
            keys["address6"] = self.stack[6] + "/64"
        return {**keys, **self.keys}

    def section(self):
        return {"link " + self.name: self.config()}

    def remove(self):
        """The device is gone, and one that is no TUN is in its place."""
        self.is_there = False
        while True:
            self.close()
            # The daemon may have been faster, and have made one itself.
            with contextlib.suppress(RuntimeError):
                harness.ip("tuntap", "add", "dev", self.device, "mode", "tap")
                return

    def restore(self):
        self.close()
        with contextlib.suppress(RuntimeError):
            harness.ip("tuntap", "add", "dev", self.device, "mode", "tun")
        if 4 in self.families:
            harness.ip("addr", "add", self.kernel[4] + "/24", "dev", self.device)
        if 6 in self.families:
            harness.ip("-6", "addr", "add", self.kernel[6] + "/64", "dev", self.device, "nodad")
        harness.ip("link", "set", self.device, "mtu", 1500, "up")
        self.is_there = True

    def close(self):
        # One that the daemon made is gone with it.
        with contextlib.suppress(RuntimeError):
            harness.ip("link", "del", self.device)


def state_of(way):
    return next(link for link in usock.links() if link.name.decode() == way.name)


def is_up(way):
    return state_of(way).state == usock.LINK_UP


class LinksCase(harness.StackCase):
    """Subclasses make their ways in make_ways()."""

    ways = ()

    @classmethod
    def make_ways(cls):
        raise NotImplementedError

    @classmethod
    def make_link(cls):
        harness.need_tun()
        harness.private_network()
        for family, host in FAR.items():
            size = 32 if family == 4 else 128
            harness.ip(f"-{family}", "addr", "replace", f"{host}/{size}", "dev", "lo")
        cls.ways = cls.make_ways()
        for way in cls.ways:
            cls.addClassCleanup(way.close)
        return {key: value for way in cls.ways for key, value in way.section().items()}

    @classmethod
    def link_is_up(cls):
        usock.wait_link(harness.READY_S * 1000)
        for way in cls.ways:
            cls.wait_up(way)

    @classmethod
    def wait_up(cls, way):
        harness.eventually(lambda: is_up(way), 20, f"{way.name} is up")
        cls.wait_for_kernel(way)

    @staticmethod
    def wait_for_kernel(way):
        """It drops what it sends until it has seen that the device has a carrier."""
        family = way.families[0]

        def is_refused():
            with socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6) as s:
                s.settimeout(0.05)
                return s.connect_ex((way.stack[family], 1)) == errno.ECONNREFUSED
        harness.eventually(is_refused, 20, f"{way.name} answers the kernel")

    def tearDown(self):
        for way in self.ways:
            if not way.is_there:
                way.restore()
        for way in self.ways:
            self.wait_up(way)
        super().tearDown()

    def lose(self, way):
        way.remove()
        self.eventually(lambda: not is_up(way), what=f"{way.name} is down")

    def find(self, way):
        way.restore()
        self.wait_up(way)

    # ---- what is at the far end ----

    def far_listener(self, family=4, host=None):
        s = self.keep(socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.settimeout(10 * harness.time_scale())
        if family == 6:
            s.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        s.bind((host or FAR[family], 0))
        s.listen(16)
        return s

    def far_udp(self, family=4, host=None):
        s = self.keep(socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6,
                                    socket.SOCK_DGRAM))
        s.settimeout(10 * harness.time_scale())
        if family == 6:
            s.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        s.bind((host or FAR[family], 0))
        return s

    def accept(self, listener):
        conn, peer = listener.accept()
        self.keep(conn)
        conn.settimeout(10 * harness.time_scale())
        return conn, peer[0]
