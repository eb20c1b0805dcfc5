# SPDX-License-Identifier: MIT
"""The links that the cases run on: what the daemon has, and what is behind it.

    tun      a TUN device; its far side is the kernel
    modem    a simulated modem that calls into such a TUN: AT, PPP
    packet   one end of a veth pair; the kernel has the other

The far side is this machine's kernel with the same addresses each time, so a
case does not see which link it is on. `lacks` maps a word of a step to the
reason why this link cannot do it.
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

    def section(self):
        return self.config()

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


NETWORKS = {network.name: network for network in (Tun, Modem, Packet)}
