# SPDX-License-Identifier: MIT
"""The links that the cases run on: what the daemon has, and what is behind it.

    tun      a TUN device; its far side is the kernel
    modem    a simulated modem that calls into such a TUN: AT, PPP
    packet   one end of a veth pair; the kernel has the other
    slirp    the host's own network by usocket-slirp

The far side is this machine's kernel, with the same addresses each time but for
slirp, which has names of its own for the host's loopback. `lacks` maps a word of
a step to the reason why this link cannot do it.
"""

import errno
import socket

import harness
import modem_support

from peers import Host, VethHost


def is_answered(ip):
    """The kernel drops what it sends until it has seen that a device has a carrier."""
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET) as s:
        s.settimeout(0.05)
        return s.connect_ex((ip, 1)) == errno.ECONNREFUSED


class Tun(harness.Tun):
    name = "tun"
    title = "a TUN device"
    lacks = {}
    # Addresses of this machine that the stack's side calls otherwise.
    names = {}

    @classmethod
    def tag(cls):
        """What cases call it."""
        return f"on-{cls.name}"

    def section(self):
        return self.config()

    def here(self, ip):
        """What this machine calls the address."""
        return {name: own for own, name in self.names.items()}.get(ip, ip)

    def host(self, ip):
        return Host(self.DEVICE, ip)

    def wait(self):
        harness.eventually(lambda: is_answered(self.STACK[4]), 30, "the stack answers")


class Modem(Tun):
    name = "modem"
    title = "a simulated modem"
    lacks = {}

    def __init__(self):
        modem_support.need_modem()
        super().__init__()
        self.modem = modem_support.Modem("--tun", self.DEVICE, "--address", self.STACK[4],
                                         "--prefix", "fd09::")

    def section(self):
        return {"driver": "modem", "device": self.modem.device, "apn": "internet"}

    def close(self):
        self.modem.close()
        super().close()


class Packet(Tun):
    name = "packet"
    title = "an Ethernet device"
    PEER = "usp0"

    def __init__(self):
        harness.private_network()
        harness.ip("link", "add", self.DEVICE, "type", "veth", "peer", "name", self.PEER)
        harness.ip("addr", "add", self.KERNEL[4] + "/24", "dev", self.PEER)
        harness.ip("-6", "addr", "add", self.KERNEL[6] + "/64", "dev", self.PEER, "nodad")
        for device in (self.DEVICE, self.PEER):
            harness.ip("link", "set", device, "up")

    def section(self):
        return {"driver": "packet", "interface": self.DEVICE, "address": self.STACK[4] + "/24",
                "address6": self.STACK[6] + "/64", "gateway": self.KERNEL[4]}

    def wait(self):
        super().wait()
        # An address on Ethernet is used when it is known that nobody else has it.
        harness.eventually(lambda: is_answered(self.STACK[6]), 30, "the stack answers by IPv6")

    def host(self, ip):
        return VethHost(self.PEER, ip, self.STACK[4])


class Slirp(Tun):
    name = "slirp"
    title = "the host's network"
    lacks = dict.fromkeys(("hand(", "hand_connected(", "accepted(", "STACK",
                           "is_refused_by_stack("), "nobody calls in where addresses are translated")
    STACK = {4: "10.0.2.15", 6: "fec0::15"}
    KERNEL = {4: "10.0.2.2", 6: "fec0::2"}
    SILENT = {4: "10.0.2.200", 6: "fec0::200"}
    names = {"127.0.0.1": "10.0.2.2", "::1": "fec0::2"}

    def __init__(self):
        harness.need_slirp()
        harness.private_network()

    def section(self):
        return {"driver": "slirp"}

    def wait(self):
        """The first connect of a case does."""

    def close(self):
        """The daemon ends the helper."""


NETWORKS = {network.name: network for network in (Tun, Modem, Packet, Slirp)}
