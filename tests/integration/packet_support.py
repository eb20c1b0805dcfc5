# SPDX-License-Identifier: MIT
"""What the tests of the packet driver share: the network behind an interface.

Ethernet is a pair of veth devices: the daemon has one end, the kernel, with its
addresses and dnsmasq, is the network at the other. Raw IP is a TUN device that
plays a modem's wwan0: what the daemon sends there is read by a thread and put
into a second TUN device, where the kernel is the network.
"""

import contextlib
import fcntl
import hashlib
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

import harness
import usock
import wire
from harness import StackCase, eventually, ip

INTERFACE = "wan0"
NETWORK_END = "net0"
SERVER = {4: "10.7.0.1", 6: "fd07::1"}
# Behind the network's router, which is the server: on the kernel's loopback.
BEYOND = {4: "10.70.0.1", 6: "fd70::1"}
WAIT_S = 10


def sysctl(name, value):
    with open("/proc/sys/" + name, "w") as f:
        f.write(str(value))


def disable_kernel_ipv6(interface):
    """The kernel would take an address from the routers, too."""
    sysctl(f"net/ipv6/conf/{interface}/disable_ipv6", 1)


def add_addresses(device):
    ip("addr", "add", SERVER[4] + "/24", "dev", device)
    ip("-6", "addr", "add", SERVER[6] + "/64", "dev", device, "nodad")


def make_network():
    """The namespace, and what lies beyond the router."""
    harness.adopt_build_settings()
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root: packet sockets and namespaces")
    harness.private_network()
    if "10.70.0.1" not in ip("addr", "show", "dev", "lo"):
        ip("addr", "add", BEYOND[4] + "/32", "dev", "lo")
        ip("-6", "addr", "add", BEYOND[6] + "/128", "dev", "lo", "nodad")
    sysctl("net/ipv6/conf/all/forwarding", 1)


class Veth:
    """Two Ethernet interfaces, wired to each other."""

    def __init__(self):
        make_network()
        self.make()

    def make(self):
        # As with a modem that is plugged in again: the same hardware address.
        ip("link", "add", INTERFACE, "address", "02:00:00:00:00:07", "type", "veth",
           "peer", "name", NETWORK_END)
        disable_kernel_ipv6(INTERFACE)
        # Else routers have no address to answer from in the first seconds.
        sysctl(f"net/ipv6/conf/{NETWORK_END}/accept_dad", 0)
        add_addresses(NETWORK_END)
        ip("link", "set", NETWORK_END, "up")
        ip("link", "set", INTERFACE, "up")

    def unplug(self):
        """The network's end goes down: the daemon's loses its carrier."""
        ip("link", "set", NETWORK_END, "down")

    def plug(self):
        ip("link", "set", NETWORK_END, "up")
        # The kernel drops a device's IPv6 addresses as it goes down.
        with contextlib.suppress(RuntimeError):
            ip("-6", "addr", "add", SERVER[6] + "/64", "dev", NETWORK_END, "nodad")

    def close(self):
        with contextlib.suppress(RuntimeError):
            ip("link", "del", INTERFACE)


def make_tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    tun, no_packet_information = 1, 0x1000
    request = struct.pack("16sH22x", name.encode(), tun | no_packet_information)
    fcntl.ioctl(fd, 0x400454CA, request)
    return fd


class Wwan:
    """A TUN device as a modem's wwan0, and a thread as the modem."""

    def __init__(self, routes=(), advertisement=None):
        """@routes: addresses of the daemon's; @advertisement: for who asks."""
        harness.need_tun()
        make_network()
        self.advertisement = advertisement
        self.modem = self.make_modem()
        self.network = make_tun(NETWORK_END)
        disable_kernel_ipv6(INTERFACE)
        add_addresses(NETWORK_END)
        for device in (NETWORK_END, INTERFACE):
            ip("link", "set", device, "up")
        for address in routes:
            ip("route", "replace", address, "dev", NETWORK_END)
        self.stop_read, self.stop_write = os.pipe()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def make_modem(self):
        return make_tun(INTERFACE)

    def from_daemon(self):
        return os.read(self.modem, 65536)

    def to_daemon(self, packet):
        with contextlib.suppress(OSError):
            os.write(self.modem, packet)

    def _run(self):
        while True:
            ready, _, _ = select.select([self.modem, self.network, self.stop_read], [], [])
            if self.stop_read in ready:
                return
            if self.network in ready:
                self.to_daemon(os.read(self.network, 65536))
            if self.modem in ready:
                self._pass(self.from_daemon())

    def _pass(self, packet):
        if self.advertisement and is_solicitation(packet):
            self.to_daemon(self.advertisement)
        elif packet:
            with contextlib.suppress(OSError):
                os.write(self.network, packet)

    def advertise(self, advertisement):
        """To nobody in particular, as routers do now and then."""
        self.to_daemon(advertisement)

    def close(self):
        os.write(self.stop_write, b"x")
        self.thread.join()
        for fd in (self.stop_read, self.stop_write, self.modem, self.network):
            os.close(fd)


class Mbim(Wwan):
    """The same behind frames, as the kernel's driver cdc_mbim has them: without
    ARP, whatever their addresses."""

    MODEM_END = "mbim0"

    def make_modem(self):
        ip("link", "add", INTERFACE, "type", "veth", "peer", "name", self.MODEM_END)
        ip("link", "set", INTERFACE, "arp", "off")
        # Like such a modem's: its driver gets packets complete.
        harness.ethtool(INTERFACE, harness.ETHTOOL_STXCSUM, 0)
        disable_kernel_ipv6(self.MODEM_END)
        ip("link", "set", self.MODEM_END, "up")
        words = ip("-oneline", "link", "show", "dev", INTERFACE).split()
        self.mac = bytes.fromhex(words[words.index("link/ether") + 1].replace(":", ""))
        self.frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.frames.bind((self.MODEM_END, 3))
        return self.frames.fileno()

    def from_daemon(self):
        frame, (_, _, kind, *_) = self.frames.recvfrom(65536)
        return b"" if kind == socket.PACKET_OUTGOING else frame[14:]

    def to_daemon(self, packet):
        kind = wire.ETH_P_IPV6 if packet[0] >> 4 == 6 else wire.ETH_P_IP
        with contextlib.suppress(OSError):
            self.frames.send(self.mac + bytes(6) + struct.pack("!H", kind) + packet)

    def close(self):
        os.write(self.stop_write, b"x")
        self.thread.join()
        self.frames.close()
        for fd in (self.stop_read, self.stop_write, self.network):
            os.close(fd)
        ip("link", "del", INTERFACE)


def is_solicitation(packet):
    return len(packet) > 40 and packet[0] >> 4 == 6 and packet[6] == 58 and packet[40] == 133


def router_advertisement(prefix, lifetime_s=1800, valid_s=7200, preferred_s=3600):
    """From a router that has no link-layer address, with its DNS server."""
    source, target = (socket.inet_pton(socket.AF_INET6, a) for a in ("fe80::1", "ff02::1"))
    message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, lifetime_s, 0, 0)
    message += struct.pack("!BBBBIII16s", 3, 4, 64, 0x40, valid_s, preferred_s, 0,
                           socket.inet_pton(socket.AF_INET6, prefix))
    message += struct.pack("!BBHI16s", 25, 3, 0, 600,
                           socket.inet_pton(socket.AF_INET6, SERVER[6]))
    pseudo = source + target + struct.pack("!II", len(message), 58)
    message = message[:2] + struct.pack("!H", wire.checksum(pseudo + message)) + message[4:]
    return struct.pack("!IHBB16s16s", 6 << 28, len(message), 58, 255, source, target) + message


class Dnsmasq:
    """DHCP for IPv4, router advertisements for IPv6, as @options say."""

    LEASE = "--dhcp-range=10.7.0.50,10.7.0.59,255.255.255.0,120"
    OTHER_LEASE = "--dhcp-range=10.7.0.80,10.7.0.89,255.255.255.0,120"
    DNS = "--dhcp-option=option:dns-server,10.7.0.53"
    ADVERTISES = ("--enable-ra", "--dhcp-range=fd07::,ra-only,64,600",
                  "--dhcp-option=option6:dns-server,[fd07::53]")

    def __init__(self, *options):
        program = shutil.which("dnsmasq", path=os.environ["PATH"] + ":/usr/sbin")
        if not program:
            raise unittest.SkipTest("needs dnsmasq (Debian: dnsmasq-base)")
        self.folder = tempfile.mkdtemp(prefix="dnsmasq.", dir=harness.temporary_folder())
        self.log = open(os.path.join(self.folder, "log"), "a+")
        self.process = subprocess.Popen(
            [program, "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
             "--interface=" + NETWORK_END, "--bind-dynamic", "--no-ping", "--no-hosts",
             "--dhcp-authoritative", "--user=root", "--pid-file", "--log-facility=-",
             "--log-dhcp", "--dhcp-leasefile=" + os.path.join(self.folder, "leases"), *options],
            env=harness.child_env(), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(WAIT_S)
        self.log.close()


class PacketCase(StackCase):
    """A network and a daemon for each test; subclasses say what is special."""

    keys = {}
    servers = ()
    environment = {}

    @classmethod
    def setUpClass(cls):
        make_network()

    @classmethod
    def tearDownClass(cls):
        pass

    def make_interface(self):
        return Veth()

    def setUp(self):
        self.network = self.make_interface()
        if self.network:
            self.addCleanup(self.network.close)
        if self.servers:
            self.serve(*self.servers)
        self.daemon = harness.Daemon(
            {"link wan": {"driver": "packet", "interface": INTERFACE, **self.keys}},
            env=self.environment)
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        usock.set_socket_path(self.daemon.socket)

    def tearDown(self):
        self.daemon.stop()

    def serve(self, *options):
        self.dnsmasq = Dnsmasq(*options)
        self.addCleanup(self.dnsmasq.close)

    # ---- the link

    def link(self):
        return usock.links()[0]

    def wait_up(self, within=20):
        usock.wait_link(within * 1000 * harness.time_scale())

    def wait_cause(self, words, within=20):
        eventually(lambda: words in self.link().cause.decode(), within,
                   f"{words} (not: {self.link().cause.decode()})")

    def wait_log(self, words, within=20):
        """For a cause that another follows in no time."""
        eventually(lambda: words in self.daemon.log(), within, words)

    def wait_state(self, state, within=20):
        eventually(lambda: self.link().state == state, within, f"state {state}")

    def dns(self):
        link = self.link()
        return {link.dns[i].text() for i in range(link.n_dns)}

    def address6(self):
        return self.link().addresses6[0].text()

    def has_address6(self):
        return self.link().n_addresses6 > 0

    # ---- data

    def server(self, host):
        s = self.keep(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.settimeout(WAIT_S * harness.time_scale())
        s.bind((host, 0))
        s.listen()
        return s

    def connected(self, host):
        """A usocket and the kernel's socket at the other end."""
        listener = self.server(host)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        s = self.keep(usock.Sock(family))
        s.connect_timeout((host, listener.getsockname()[1]), 20000)
        peer, _ = listener.accept()
        self.keep(peer)
        peer.settimeout(WAIT_S * harness.time_scale())
        return s, peer

    def answers(self, s, peer):
        s.send(b"question")
        self.assertEqual(peer.recv(100), b"question")
        peer.sendall(b"answer")
        self.assertEqual(s.recv_exactly(6), b"answer")

    def passes_data(self, host):
        s, peer = self.connected(host)
        self.answers(s, peer)
        return s, peer

    def transfers(self, host, size):
        """@size bytes each way, one after the other; every byte is compared."""
        s, peer = self.connected(host)
        data = os.urandom(size)
        sender = harness.Call(s.sendall_timeout, data, 60000)
        self.assertEqual(digest(lambda n: peer.recv(n), size), hashlib.sha256(data).digest())
        sender.result(60)
        sender = harness.Call(peer.sendall, data)
        self.assertEqual(digest(lambda n: s.recv_timeout(n, 20000), size),
                         hashlib.sha256(data).digest())
        sender.result(60)


def digest(receive, size):
    total = hashlib.sha256()
    while size > 0:
        data = receive(min(size, 1 << 16))
        if not data:
            raise AssertionError(f"ended {size} bytes early")
        total.update(data)
        size -= len(data)
    return total.digest()
