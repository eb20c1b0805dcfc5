#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The packet driver on Ethernet and on raw IP, with the kernel as the network:
DHCP and router advertisements by dnsmasq, an interface that loses its carrier,
goes and comes back, ModemManager and scripts played by scripts."""

import contextlib
import errno
import os
import socket
import tempfile
import time

import harness
import packet_support as support
import runner
import usock
from harness import eventually, ip
from loads import switches_of
from modem_support import fast_environment
from packet_support import (BEYOND, INTERFACE, SERVER, Dnsmasq, Mbim, PacketCase, Veth, Wwan,
                            router_advertisement)
from runner import deadline

MB = 1 << 20
SPEED = 20


# ---- Ethernet -----------------------------------------------------------------

class Dhcp(PacketCase):
    keys = {"router_advertisements": "no"}
    servers = (Dnsmasq.LEASE, Dnsmasq.DNS, "--dhcp-option=26,1400")

    def test_lease_gives_address_router_dns_and_mtu(self):
        self.wait_up()
        link = self.link()
        self.assertRegex(link.address4.text(), r"^10\.7\.0\.5\d$")
        self.assertEqual(link.address4.prefix, 24)
        self.assertEqual(link.gateway4.text(), SERVER[4])
        self.assertEqual(self.dns(), {"10.7.0.53"})
        self.assertEqual(link.mtu, 1400)
        self.passes_data(SERVER[4])
        self.passes_data(BEYOND[4])

    def test_large_transfers_are_exact(self):
        self.wait_up()
        self.transfers(SERVER[4], 24 * MB)
        drops = list(self.link().drops)
        # The kernel joins segments and leaves checksums out; none was refused.
        self.assertEqual(sum(drops), 0, drops)

    def test_carrier_lost_and_back_keeps_connections(self):
        self.wait_up()
        address = self.link().address4.text()
        s, peer = self.passes_data(SERVER[4])
        self.network.unplug()
        self.wait_cause("has no carrier")
        with self.fails(errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN):
            usock.Sock().connect_timeout((SERVER[4], 9), 5000)
        self.network.plug()
        self.wait_up()
        self.assertEqual(self.link().address4.text(), address)
        self.answers(s, peer)

    def test_other_lease_ends_connections(self):
        self.wait_up()
        s, _ = self.passes_data(SERVER[4])
        self.dnsmasq.close()
        self.serve(Dnsmasq.OTHER_LEASE)
        self.network.unplug()
        self.wait_cause("has no carrier")
        self.network.plug()
        eventually(lambda: self.link().address4.text().startswith("10.7.0.8"), 20,
                   "the other lease")
        self.wait_up()
        with self.fails(errno.ECONNABORTED):
            s.recv_timeout(1, 5000)
        self.passes_data(SERVER[4])


class Idle(PacketCase):
    keys = {"router_advertisements": "no"}
    servers = ("--dhcp-range=10.7.0.50,10.7.0.59,255.255.255.0,3600",)
    WINDOW_S = 3

    def make_interface(self):
        self.environment = fast_environment(SPEED)
        network = super().make_interface()
        # The kernel's end tells of its groups now and then.
        support.disable_kernel_ipv6(support.NETWORK_END)
        return network

    def test_lease_wakes_the_daemon_once_a_minute(self):
        self.wait_up()
        # The time after which a quiet link is idle, by the fast clock.
        eventually(lambda: self.wakes(0.5) <= 1, 20, "quiet")
        minutes = self.WINDOW_S * SPEED / 60
        self.assertLessEqual(min(self.wakes(self.WINDOW_S) for _ in range(3)), minutes + 1)

    def wakes(self, seconds):
        before = switches_of(self.daemon.pid)
        time.sleep(seconds)
        return switches_of(self.daemon.pid) - before


class DhcpLifetimes(PacketCase):
    """The daemon's clock is fast, so two minutes of a lease take some seconds."""

    keys = {"router_advertisements": "no"}
    servers = (Dnsmasq.LEASE,)

    def make_interface(self):
        self.environment = fast_environment(SPEED)
        return super().make_interface()

    def acknowledgements(self):
        return self.dnsmasq.text().count("DHCPACK(")

    def test_lease_is_renewed(self):
        self.wait_up()
        s, peer = self.passes_data(SERVER[4])
        eventually(lambda: self.acknowledgements() >= 3, 20, "two renewals")
        self.assertEqual(self.dnsmasq.text().count("DHCPDISCOVER("), 1)
        self.answers(s, peer)

    def test_lease_that_is_not_renewed_ends(self):
        self.wait_up()
        s, _ = self.passes_data(SERVER[4])
        self.dnsmasq.close()
        self.wait_log("the last address has expired")
        with self.fails(errno.ECONNABORTED):
            s.recv_timeout(1, 5000)
        self.serve(Dnsmasq.OTHER_LEASE)
        self.wait_up()
        self.passes_data(SERVER[4])


class NoDhcpServer(PacketCase):
    keys = {"router_advertisements": "no"}

    def test_waits_and_takes_the_first_lease(self):
        self.wait_state(usock.LINK_NEGOTIATING)
        self.wait_cause("asking for an address")
        self.serve(Dnsmasq.LEASE)
        self.wait_up(30)
        self.passes_data(SERVER[4])


class Static(PacketCase):
    keys = {"address": "10.7.0.9/24", "gateway": SERVER[4], "address6": "fd07::9/64",
            "dns": "10.7.0.53"}

    def test_both_families_pass_data(self):
        self.wait_up()
        self.passes_data(SERVER[4])
        self.passes_data(BEYOND[4])
        # Nobody else may have it: that is found out first.
        eventually(self.has_address6, 10, "the IPv6 address")
        self.passes_data(SERVER[6])
        self.assertEqual(self.dns(), {"10.7.0.53"})

    def test_kernel_reaches_our_listeners(self):
        self.wait_up()
        listener = self.keep(usock.Sock())
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        peer = self.keep(socket.create_connection(("10.7.0.9", listener.getsockname()[1]), 10))
        s, _ = listener.accept_timeout(10000)
        self.answers(self.keep(s), peer)


class Ipv6Only(PacketCase):
    keys = {"dhcp": "no"}
    servers = Dnsmasq.ADVERTISES

    def test_router_gives_address_route_and_dns(self):
        self.wait_up(30)
        self.assertTrue(self.address6().startswith("fd07:"), self.address6())
        self.assertEqual(self.link().address4.text(), "")
        self.assertEqual(self.dns(), {"fd07::53"})
        self.assertTrue(self.link().gateway6.text().startswith("fe80:"))
        self.passes_data(SERVER[6])
        self.passes_data(BEYOND[6])

    def test_large_transfers_are_exact(self):
        self.wait_up(30)
        self.transfers(SERVER[6], 16 * MB)

    def test_carrier_lost_and_back_keeps_connections(self):
        self.wait_up(30)
        address = self.address6()
        s, peer = self.passes_data(BEYOND[6])
        self.network.unplug()
        self.wait_cause("has no carrier")
        self.network.plug()
        self.wait_up(30)
        self.assertEqual(self.address6(), address)
        self.answers(s, peer)


class Dual(PacketCase):
    servers = (Dnsmasq.LEASE, Dnsmasq.DNS, *Dnsmasq.ADVERTISES)

    def test_dhcp_and_routers_give_both_families(self):
        self.wait_up()
        eventually(self.has_address6, 20, "an IPv6 address")
        eventually(lambda: self.link().address4.text(), 20, "an IPv4 address")
        self.assertEqual(self.dns(), {"10.7.0.53", "fd07::53"})
        self.passes_data(BEYOND[4])
        self.passes_data(BEYOND[6])


# ---- the interface ---------------------------------------------------------------

class KernelAddress(PacketCase):
    keys = {"address": "10.7.0.9/24"}

    def make_interface(self):
        network = Veth()
        ip("addr", "add", "10.99.0.1/24", "dev", INTERFACE)
        return network

    def test_kernel_address_is_refused_until_it_goes(self):
        self.wait_cause("the kernel has 10.99.0.1: ip addr flush dev " + INTERFACE)
        self.assertNotEqual(self.link().state, usock.LINK_UP)
        self.assertIn("keep NetworkManager", self.daemon.log())
        ip("addr", "flush", "dev", INTERFACE)
        self.wait_up()
        self.passes_data(SERVER[4])

    def test_kernel_address_that_appears_later_takes_the_link_down(self):
        ip("addr", "flush", "dev", INTERFACE)
        self.wait_up()
        ip("addr", "add", "10.99.0.2/24", "dev", INTERFACE)
        self.wait_cause("the kernel has 10.99.0.2")
        ip("addr", "del", "10.99.0.2/24", "dev", INTERFACE)
        self.wait_up()
        self.passes_data(SERVER[4])

    def test_global_ipv6_address_is_refused_too(self):
        ip("addr", "flush", "dev", INTERFACE)
        self.wait_up()
        support.sysctl(f"net/ipv6/conf/{INTERFACE}/disable_ipv6", 0)
        ip("-6", "addr", "add", "fd99::1/64", "dev", INTERFACE, "nodad")
        self.wait_cause(f"sysctl net.ipv6.conf.{INTERFACE}.disable_ipv6=1")
        support.disable_kernel_ipv6(INTERFACE)
        self.wait_up()


class Absent(PacketCase):
    keys = {"address": "10.7.0.9/24"}

    def make_interface(self):
        return None

    def plug_in(self):
        self.network = Veth()
        self.addCleanup(self.network.close)

    def test_interface_is_waited_for(self):
        self.wait_cause(INTERFACE + " is not there")
        self.plug_in()
        self.wait_up()
        self.passes_data(SERVER[4])

    def test_interface_that_goes_and_comes_back(self):
        self.plug_in()
        self.wait_up()
        s, peer = self.connected(SERVER[4])
        # One end takes the other along, and the new one has another index.
        self.network.close()
        self.wait_cause(INTERFACE + " is not there")
        self.network.make()
        self.wait_up()
        self.answers(s, peer)

    def test_interface_that_is_down_is_set_up_once(self):
        self.plug_in()
        self.wait_up()
        ip("link", "set", INTERFACE, "down")
        self.wait_cause(f"{INTERFACE} is down: ip link set {INTERFACE} up")
        ip("link", "set", INTERFACE, "up")
        self.wait_up()

    def test_interface_with_a_small_mtu_is_refused(self):
        self.plug_in()
        self.wait_up()
        ip("link", "set", INTERFACE, "mtu", 1000)
        self.wait_cause(f"the MTU of {INTERFACE} is 1000")
        ip("link", "set", INTERFACE, "mtu", 1400)
        self.wait_up()
        self.assertEqual(self.link().mtu, 1400)

    def test_idle_wait_does_not_wake(self):
        self.wait_cause(INTERFACE + " is not there")
        before = switches_of(self.daemon.pid)
        time.sleep(2)
        self.assertLessEqual(switches_of(self.daemon.pid) - before, 3)


class Flaps(PacketCase):
    servers = (Dnsmasq.LEASE, *Dnsmasq.ADVERTISES)
    CARRIERS, INTERFACES = 40, 20

    @deadline(120)
    def test_many_flaps_leave_nothing_behind(self):
        self.wait_up()
        listener = self.keep(usock.Sock())
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        fds = self.daemon.fds()
        for _ in range(self.CARRIERS):
            self.network.unplug()
            self.wait_cause("has no carrier")
            self.network.plug()
            self.wait_up()
        for _ in range(self.INTERFACES):
            self.network.close()
            self.wait_cause("is not there")
            self.network.make()
            self.wait_up()
        # The last wait for the link has a channel, which ends in a moment.
        eventually(lambda: self.daemon.fds() <= fds, 5, "as many descriptors as before")
        eventually(lambda: self.link().address4.text(), 20, "an IPv4 address")
        peer = self.keep(socket.create_connection(
            (self.link().address4.text(), listener.getsockname()[1]), 10))
        s, _ = listener.accept_timeout(10000)
        self.answers(self.keep(s), peer)


class NoRight(PacketCase):
    keys = {"address": "10.7.0.9/24"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        harness.need_other_users()

    def setUp(self):
        self.network = Veth()
        self.addCleanup(self.network.close)
        self.daemon = harness.Daemon(
            {"link wan": {"driver": "packet", "interface": INTERFACE, **self.keys}},
            uid=harness.OTHER_UID)
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        usock.set_socket_path(self.daemon.socket)

    def test_missing_right_is_named(self):
        self.wait_cause("run with CAP_NET_RAW")


class Rights(PacketCase):
    keys = {"address": "10.7.0.9/24"}
    NET_ADMIN, NET_RAW = 1 << 12, 1 << 13

    @staticmethod
    def rights(daemon):
        with open(f"/proc/{daemon.pid}/status") as f:
            return int(dict(line.split(":\t") for line in f)["CapPrm"], 16)

    def test_rights_are_kept_only_for_links_that_need_them(self):
        self.assertEqual(self.rights(self.daemon) & self.NET_RAW, self.NET_RAW)
        other = harness.Daemon({"link net": {"driver": "tun", "address": "10.9.0.2/24"}},
                               name="other")
        self.addCleanup(other.close)
        other.start()
        self.assertEqual(self.rights(other) & (self.NET_RAW | self.NET_ADMIN), self.NET_ADMIN)
        other.stop()


# ---- raw IP ------------------------------------------------------------------------

class Raw(PacketCase):
    keys = {"address": "10.7.0.9/32", "address6": "fd07::9/128", "dns": "10.7.0.53"}

    def make_interface(self):
        return Wwan(routes=("10.7.0.9", "fd07::9"))

    def test_both_families_pass_data(self):
        self.wait_up()
        self.passes_data(SERVER[4])
        self.passes_data(BEYOND[4])
        self.passes_data(SERVER[6])

    def test_large_transfers_are_exact(self):
        self.wait_up()
        self.transfers(SERVER[4], 8 * MB)


class FramesWithoutArp(Raw):
    def make_interface(self):
        return Mbim(routes=("10.7.0.9", "fd07::9"))


class RawIpv6Only(PacketCase):
    def make_interface(self):
        return Wwan(routes=("fd07:0:0:7::/64",),
                    advertisement=router_advertisement("fd07:0:0:7::"))

    def test_router_gives_address_and_dns(self):
        self.wait_up()
        self.assertTrue(self.address6().startswith("fd07::7:"), self.address6())
        self.assertEqual(self.dns(), {SERVER[6]})
        self.passes_data(SERVER[6])
        self.passes_data(BEYOND[6])

    def test_router_that_withdraws_leaves_the_address(self):
        self.wait_up()
        self.assertEqual(self.link().gateway6.text(), "fe80::1")
        self.network.advertisement = None
        self.network.advertise(router_advertisement("fd07:0:0:7::", lifetime_s=0))
        eventually(lambda: self.link().gateway6.text() == "", 10, "no router")
        self.assertEqual(self.link().state, usock.LINK_UP)


class RawIpv6Lifetimes(PacketCase):
    """The daemon's clock is fast."""

    def make_interface(self):
        self.environment = fast_environment(SPEED)
        return Wwan(routes=("fd07:0:0:7::/64",),
                    advertisement=router_advertisement("fd07:0:0:7::", 60, 60, 40))

    def test_address_that_is_not_renewed_goes(self):
        self.wait_up()
        s, _ = self.passes_data(SERVER[6])
        # Each time the router's lifetime has passed it is asked again.
        since = self.link().since_ns
        with contextlib.suppress(AssertionError):
            eventually(lambda: self.link().since_ns != since, 120 / SPEED)
        self.assertEqual(self.link().since_ns, since)
        self.network.advertisement = None
        self.wait_log("the last address has expired")
        self.network.advertisement = router_advertisement("fd07:0:0:8::")
        self.wait_up()
        with self.fails(errno.ECONNABORTED):
            s.recv_timeout(1, 5000)


# ---- programs that know the bearer -----------------------------------------------------

MODEM_TEXT = """\
modem.dbus-path                         : /org/freedesktop/ModemManager1/Modem/0
modem.generic.state                     : connected
modem.generic.bearers.length            : 2
modem.generic.bearers.value[1]          : /org/freedesktop/ModemManager1/Bearer/0
modem.generic.bearers.value[2]          : /org/freedesktop/ModemManager1/Bearer/1
"""

OTHER_BEARER_TEXT = """\
bearer.dbus-path                        : /org/freedesktop/ModemManager1/Bearer/0
bearer.status.connected                 : no
bearer.status.interface                 : --
bearer.ipv4-config.method               : --
"""

BEARER_TEXT = f"""\
bearer.dbus-path                        : /org/freedesktop/ModemManager1/Bearer/1
bearer.type                             : default
bearer.status.connected                 : yes
bearer.status.interface                 : {INTERFACE}
bearer.ipv4-config.method               : static
bearer.ipv4-config.address              : 10.7.0.9
bearer.ipv4-config.prefix               : 30
bearer.ipv4-config.gateway              : {SERVER[4]}
bearer.ipv4-config.dns.length           : 1
bearer.ipv4-config.dns.value[1]         : 10.7.0.53
bearer.ipv4-config.mtu                  : 1430
bearer.ipv6-config.method               : static
bearer.ipv6-config.address              : fd07::9
bearer.ipv6-config.prefix               : 64
bearer.ipv6-config.gateway              : {SERVER[6]}
bearer.ipv6-config.mtu                  : 1430
"""


class Program:
    """A shell script where the daemon will find it."""

    def __init__(self, name, text):
        self.folder = tempfile.mkdtemp(prefix="bin.", dir=harness.temporary_folder())
        self.path = os.path.join(self.folder, name)
        self.write(text)

    def write(self, text):
        with open(self.path + ".new", "w") as f:
            f.write("#!/bin/sh\n" + text)
        os.chmod(self.path + ".new", 0o755)
        os.rename(self.path + ".new", self.path)


class ModemManager(PacketCase):
    keys = {"bearer": "modemmanager"}

    def make_interface(self):
        return Wwan(routes=("10.7.0.9", "fd07::9"))

    def setUp(self):
        self.mmcli = Program("mmcli", "echo 'error: modem is not enabled'; exit 1\n")
        self.environment = {"PATH": self.mmcli.folder + ":" + os.environ["PATH"]}
        super().setUp()

    def connect(self):
        self.mmcli.write(f"""case "$*" in
"-m any -K") cat <<'END'
{MODEM_TEXT}END
;;
"-b /org/freedesktop/ModemManager1/Bearer/0 -K") cat <<'END'
{OTHER_BEARER_TEXT}END
;;
"-b /org/freedesktop/ModemManager1/Bearer/1 -K") cat <<'END'
{BEARER_TEXT}END
;;
*) echo "asked for $*"; exit 2 ;;
esac
""")

    def test_bearer_gives_addresses_dns_and_mtu(self):
        self.connect()
        self.wait_up()
        link = self.link()
        self.assertEqual(link.address4.text(), "10.7.0.9")
        self.assertEqual(link.address4.prefix, 30)
        self.assertEqual(link.mtu, 1430)
        self.assertEqual(self.address6(), "fd07::9")
        self.assertEqual(self.dns(), {"10.7.0.53"})
        self.passes_data(SERVER[4])
        self.passes_data(SERVER[6])

    def test_what_mmcli_complains_of_is_the_cause(self):
        self.wait_cause("mmcli: error: modem is not enabled")
        self.connect()
        self.wait_up(30)

    def test_interface_that_is_down_is_left_to_modemmanager(self):
        self.connect()
        self.wait_up()
        ip("link", "set", INTERFACE, "down")
        self.wait_cause(INTERFACE + " is down: ModemManager has not connected it")
        ip("link", "set", INTERFACE, "up")
        self.wait_up()
        self.passes_data(SERVER[4])

    def test_no_connected_bearer_is_told(self):
        self.mmcli.write("case \"$*\" in *-m*) cat <<'END'\n" + MODEM_TEXT +
                         "END\n;; *) cat <<'END'\n" + OTHER_BEARER_TEXT + "END\n;; esac\n")
        self.wait_cause("no bearer connected on " + INTERFACE)


class Script(PacketCase):
    def make_interface(self):
        return Wwan(routes=("10.7.0.9",))

    def setUp(self):
        self.script = Program("bearer", f"[ $1 = {INTERFACE} ] || exit 1\n"
                              "echo address=10.7.0.9/32\necho dns = 10.7.0.53\n")
        self.keys = {"config_script": self.script.path}
        super().setUp()

    def test_script_gives_addresses(self):
        self.wait_up()
        self.assertEqual(self.dns(), {"10.7.0.53"})
        self.passes_data(SERVER[4])

    def test_script_that_says_nonsense_is_told(self):
        self.wait_up()
        self.script.write("echo adress=10.7.0.9\n")
        ip("link", "set", INTERFACE, "down")
        self.wait_cause("is down")
        ip("link", "set", INTERFACE, "up")
        self.wait_cause("the script says adress=10.7.0.9")


if __name__ == "__main__":
    runner.main()
