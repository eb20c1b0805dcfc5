# SPDX-License-Identifier: MIT
"""Where cases run: a daemon, its link, a name server.

    main             shared: a link whose far side is the kernel (networks.py), and a
                     name server
    nolink           shared: its only link never comes up
    own [KEY=VALUE]  the case's alone, without a link: inside the stack only.
                     KEY: SECTION.KEY of the configuration
    link [KEY=VALUE] the case's alone: `link` is its far side
    fast             the case's alone: a TUN, and a daemon whose clock runs a
                     hundred times faster; `link` is the far side
"""

import os

import fakedns
import fakelink
import harness
import networks
import usock
import wire

from peers import Hand, Host

ADDRESS, OTHER, GATEWAY = "10.8.0.2", "10.8.0.3", "10.8.0.1"
ADDRESS6, GATEWAY6, NAT64 = "fd08::2", "fd08::1", "2001:db8:64::"
# A host behind NAT64, and what the link sees of it.
FAR, FAR6 = "192.0.2.1", NAT64 + "c000:201"


class Zone(dict):
    """Below silent.test nobody answers."""

    def get(self, key, default=None):
        if key[0].endswith(".silent.test"):
            return None
        return super().get(key, default)


def zone_of(network):
    four, six = network.KERNEL[4], network.KERNEL[6]
    return Zone({
        ("v4.test", fakedns.A): [four],
        ("both.test", fakedns.A): [four],
        ("both.test", fakedns.AAAA): [six],
        ("two.test", fakedns.A): [four, "10.9.0.9"],
        ("v6.test", fakedns.AAAA): [six],
        ("self.test", fakedns.A): ["127.0.0.1"],
        ("foreign.test", fakedns.A): ["192.0.2.1"],
        ("failing.test", "*"): fakedns.SERVFAIL,
    })


class Stage:
    """@shared: the daemon outlives the case."""

    def __init__(self, daemon, shared, link=None, dns=None):
        self.daemon, self.shared, self.link, self.dns = daemon, shared, link, dns

    def close(self):
        """Ends it; what a daemon must not leave behind is an error."""
        try:
            self.daemon.stop()
        finally:
            self.daemon.close()
            if self.link:
                self.link.close()
            if self.dns:
                self.dns.close()


class Link:
    """The far side of a link that the case moves."""

    ADDRESS, OTHER, GATEWAY, FAR = ADDRESS, OTHER, GATEWAY, FAR

    def __init__(self):
        self.fake = fakelink.FakeLink()
        self.end = None
        self.socket = None
        self.port = 7000

    def config(self):
        """Of the prefix use is made only without IPv4."""
        return {**self.fake.config(), "nat64": NAT64 + "/96"}

    def env(self):
        return self.fake.env()

    def up(self, address=ADDRESS):
        self.fake.take()
        self.change(address)
        self.end = self.fake.wire(GATEWAY)

    def up_with_ipv6_only(self):
        self.fake.take()
        self.fake.ready(None, None, (ADDRESS6 + "/64",), GATEWAY6)
        self.wait(lambda one: one.state == usock.LINK_UP and one.nat64.text() == NAT64)
        self.end = self.fake.wire(GATEWAY6)

    def change(self, address):
        self.fake.ready(address + "/24", GATEWAY)
        self.wait(lambda one: one.state == usock.LINK_UP and one.address4.text() == address)

    def down(self):
        self.fake.drop()
        self.wait(lambda one: one.state != usock.LINK_UP)

    def wait(self, condition):
        """In a child: this process has no session with the daemon."""
        def look():
            usock.set_socket_path(self.socket)
            harness.eventually(lambda: condition(usock.links()[0]))
        harness.in_child(look)

    def hand(self, port=None):
        self.port += 1
        return Hand(self.end, GATEWAY, port or self.port)

    def far_hand(self):
        """Listens at FAR, beyond NAT64."""
        self.port += 1
        return Hand(self.end, FAR6, self.port)

    def answer_datagram(self, data):
        """Of FAR, to the next that comes there."""
        packet = self.end.expect(lambda p: p.protocol == wire.UDP and p.dst == FAR6)
        self.end.write(wire.udp_packet(FAR6, packet.src, packet.dport, packet.sport, data))

    def close(self):
        if self.end:
            self.end.close()
        self.fake.close()


class FastTun(networks.Tun):
    """A TUN of one lane."""

    def __init__(self, lane):
        self.DEVICE = f"ust{lane + 1}"
        self.STACK = {4: f"10.20.{lane}.2", 6: f"fd20:{lane}::2"}
        self.KERNEL = {4: f"10.20.{lane}.1", 6: f"fd20:{lane}::1"}
        super().__init__()
        self.hand = f"10.20.{lane}.77"


class FastLink:
    """The far side of a link whose daemon is in a hurry."""

    def __init__(self, lane):
        self.tun = FastTun(lane)
        self.hosts = []

    def config(self):
        return self.tun.config()

    def env(self):
        """fastclock.so is made by make check."""
        path = os.path.join(os.environ["USOCKETD_BUILDDIR"], "tests", "integration", ".libs",
                            "fastclock.so")
        before = os.environ.get("USOCKETD_SANITIZER_PRELOAD", "")
        return {"LD_PRELOAD": f"{before} {path}".strip(), "FASTCLOCK": "100"}

    def up(self):
        self.tun.wait()

    def hand(self):
        self.hosts.append(Host(self.tun.DEVICE, self.tun.hand))
        return Hand(self.hosts[-1], self.tun.hand, 7000)

    def close(self):
        for host in self.hosts:
            host.close()
        self.tun.close()


def main_stage(network):
    dns = fakedns.FakeDns(network.here(network.KERNEL[4]))
    dns.zone = zone_of(network)
    daemon = harness.Daemon({
        "link net0": network.section(), "tcp": {"linger": 2},
        "resolver": {"hosts": "none", "timeout": 1,
                     "servers": f"{network.KERNEL[4]}:{dns.port}"}})
    return Stage(daemon.start(), True, dns=dns)


def _linkless(sections, **more):
    return harness.Daemon({"link net0": {"driver": "slirp"},
                           "resolver": {"hosts": "none", "timeout": 1, "servers": "127.0.0.1"},
                           **sections}, env={"USOCKETD_LIBEXECDIR": "/nowhere"}, **more).start()


def nolink_stage():
    return Stage(_linkless({}, name="nolink"), True)


def own_stage(text, lane):
    """The stage of one case, by what stands behind `daemon`."""
    name, *settings = text.split()
    sections = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        section, _, key = key.rpartition(".")
        sections.setdefault(section, {})[key] = value
    if name == "own":
        return Stage(_linkless(sections, name="own"), False)
    link = FastLink(lane) if name == "fast" else Link()
    daemon = harness.Daemon({"link net0": link.config(), **sections}, env=link.env(),
                            name=name)
    link.socket = daemon.socket
    return Stage(daemon.start(), False, link=link)
