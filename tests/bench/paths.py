# SPDX-License-Identifier: MIT
"""
The ways from a client to a server that are measured: usocketd's and others'.

A path has a server, which listens in a namespace, and runs clients: what the
stack under test is asked by. It knows whose processor time a measure cost: the
client reports its own, that of the others is read from their clocks before and
after. All of it is in namespaces that live as long as this process has them
open; what it starts ends with it.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import harness
from frame import Unavailable

CLONE_NEWNET = 0x40000000
PORT = 5201
# Of every kernel that sends, its own connections and the daemon's peer.
CONGESTION = "cubic"
PATIENCE_S = 60

TUNSETIFF = 0x400454ca
TUNSETOFFLOAD = 0x400454d0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 0x01, 0x02, 0x04

_libc = ctypes.CDLL(None, use_errno=True)


# ---- namespaces --------------------------------------------------------------

def _checked(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _open_own_network():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class Namespace:
    """A network, new or that of @fd; `with` it this process, and what it starts, is inside."""

    def __init__(self, fd=None):
        if fd is not None:
            self.fd = fd
            return
        outside = _open_own_network()
        try:
            _checked(_libc.unshare(CLONE_NEWNET))
            self.fd = _open_own_network()
            harness.ip("link", "set", "lo", "up")
            # A port that a closed connection keeps is free for the next.
            with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as f:
                f.write("10000 65000")
        finally:
            _checked(_libc.setns(outside, CLONE_NEWNET))
            os.close(outside)

    def __enter__(self):
        self.outside = _open_own_network()
        _checked(_libc.setns(self.fd, CLONE_NEWNET))
        return self

    def __exit__(self, *_):
        _checked(_libc.setns(self.outside, CLONE_NEWNET))
        os.close(self.outside)

    def close(self):
        os.close(self.fd)


def add_addresses(device, number, family_hosts):
    """@number of the network, @family_hosts of ours in it."""
    harness.ip("addr", "add", f"10.{number}.0.{family_hosts}/24", "dev", device)
    harness.ip("-6", "addr", "add", f"fd{number:02d}::{family_hosts}/64", "dev", device, "nodad")
    harness.ip("link", "set", device, "mtu", 1500, "up")


def address(number, host, family):
    return f"10.{number}.0.{host}" if family == 4 else f"fd{number:02d}::{host}"


def open_tun(name, vnet):
    """A TUN device's descriptor, with virtio headers and offloads if @vnet."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    flags = IFF_TUN | IFF_NO_PI | (IFF_VNET_HDR if vnet else 0)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    if vnet:
        fcntl.ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
    return fd


def switch_offloads_off(device):
    harness.run_quietly("ethtool", "-K", device, "tx", "off", "rx", "off", "tso", "off",
                        "gso", "off", "gro", "off", "sg", "off")


# ---- processes ---------------------------------------------------------------

def built(name):
    return os.path.join(os.environ["USOCKETD_BUILDDIR"], "tests", "bench", name)


def built_program(name):
    """Past libtool's wrapper script."""
    real = os.path.join(os.environ["USOCKETD_BUILDDIR"], "tests", "bench", ".libs", name)
    return real if os.path.exists(real) else built(name)


def cpu_seconds(pid):
    """What process @pid has computed, its ended threads included."""
    return time.clock_gettime((~pid << 3) | 2)


def _die_with_parent():
    _libc.prctl(harness.PR_SET_PDEATHSIG, signal.SIGKILL)


def start(command, cores=None, **more):
    """@cores: where it runs, and whatever it starts."""
    def prepare():
        _die_with_parent()
        if cores:
            os.sched_setaffinity(0, cores)

    more.setdefault("stdin", subprocess.DEVNULL)
    more.setdefault("env", harness.child_env())
    return subprocess.Popen(command, preexec_fn=prepare, **more)


def end(process):
    process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()


def kill_quietly(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def pin(pid, cores):
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task), cores)


# ---- paths -------------------------------------------------------------------

class Path:
    """
    @server_network, @client_network: the namespaces of either end.
    @helpers: processes in between, by the name their processor time goes by.
    """

    NAME = ""
    usocket = False

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.helpers = {}
        self.servers = {}
        self.sides = {}
        try:
            self.make()
        except BaseException:
            self.close()
            raise

    def make(self):
        raise NotImplementedError

    def network(self):
        """A new one, as long as the path."""
        namespace = Namespace()
        self.stack.callback(namespace.close)
        return namespace

    def start_helper(self, name, command, **more):
        process = start(command, **more)
        self.stack.callback(end, process)
        self.helpers[name] = process.pid
        return process

    def target(self, family):
        """The server's address as the client knows it."""
        raise NotImplementedError

    def near(self, family):
        """The client's own, as the server's side knows it."""
        raise Unavailable("takes no connections from outside")

    def listen_address(self, family):
        return self.target(family)

    def _traffic(self, what, far, usocket, reverse, options):
        # Not the machine's default, whatever that is; @options may say another.
        flags = ["-c", CONGESTION, *(["-u"] if usocket else [])]
        port = PORT + 1 if reverse else PORT
        return [built_program("traffic"), *flags, *options, what, far, str(port)]

    def start_server(self, what, network, family, where, usocket=False):
        key = what, family
        if key in self.servers:
            return self.servers[key]
        with network:
            process = start(self._traffic(what, where, usocket, what == "answer", ()),
                            stdout=subprocess.PIPE)
        self.stack.callback(end, process)
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{self.NAME}: the server ended with {process.wait()}")
        self.servers[key] = process
        return process

    def server(self, family):
        return self.start_server("serve", self.server_network, family,
                                 self.listen_address(family))

    def pids(self, server):
        return {**self.helpers, "server": server.pid}

    def run(self, what, family=4, options=(), cores=None, reverse=False):
        """
        One measure: what the client printed, and "cpu_NAME" of all others.
        @reverse: a client of the kernel's asks a server in the stack.
        """
        if reverse:
            server = self.start_server("answer", self.client_network, family,
                                       self.near(family), self.usocket)
            network, far, usocket = self.server_network, self.near(family), False
        else:
            network, far, usocket = self.client_network, self.target(family), self.usocket
            server = self.server(family)
        pids = self.pids(server)
        for pid in pids.values():
            pin(pid, cores or os.sched_getaffinity(0))
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        command = self._traffic(what, far, usocket, reverse, options)
        result = self._client(command, network, cores)
        for name, pid in pids.items():
            result["cpu_" + name] = cpu_seconds(pid) - before[name]
        result["cpu_all"] = result["cpu"] + sum(result["cpu_" + name] for name in pids)
        return result

    def _start_client(self, command, network, **more):
        with network:
            return start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         **more)

    def _client(self, command, network, cores):
        return self._result(self._start_client(command, network, cores=cores))

    def run_script(self, command, env):
        """A client that is no `traffic`, with more in its environment: what it printed."""
        self.server(4)
        self.prepare_client()
        return self._result(self._start_client(command, self.client_network,
                                               env=harness.child_env(**env)))

    def prepare_client(self):
        """Before a client is started: what it finds in its environment."""

    def run_many(self, n, what, options):
        """@n clients at once, each in a process of its own: what each printed."""
        self.server(4)
        command = self._traffic(what, self.target(4), self.usocket, False, options)
        clients = [self._start_client(command, self.client_network) for _ in range(n)]
        try:
            return [self._result(client) for client in clients]
        finally:
            for client in clients:
                end(client)

    def _result(self, process):
        try:
            out, err = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise RuntimeError(f"no end in {PATIENCE_S} s")
        if process.returncode:
            said = err.strip() or f"client ended with {process.returncode}"
            raise RuntimeError("\n".join([said, *self.log()]))
        return json.loads(out)

    def log(self):
        """Lines that a process of the path has logged, for when something fails."""
        return []

    @contextlib.contextmanager
    def background(self, what, options):
        """A client that works until the end of the block, or of its time."""
        self.server(4)
        with self.client_network:
            process = start(self._traffic(what, self.target(4), self.usocket, False, options),
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield process
            if process.poll() not in (None, 0):
                raise RuntimeError(f"the {what} in the background failed")
        finally:
            end(process)

    @contextlib.contextmanager
    def many(self, n, options):
        """@n connections of one client: a Steps."""
        server = self.server(4)
        steps = Steps(self, {**self.pids(server)})
        with self.client_network:
            process = start(self._traffic("many", self.target(4), self.usocket, False,
                                          ["-n", str(n), *options]),
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        steps.process = process
        try:
            yield steps
        finally:
            process.stdin.close()
            end(process)

    def close(self):
        self.stack.close()


class Steps:
    """A client that goes on when it is told; what each step cost."""

    def __init__(self, path, pids):
        self.path, self.pids, self.process = path, pids, None
        self.before = self._look()

    def _look(self):
        return {name: cpu_seconds(pid) for name, pid in self.pids.items()}

    def next(self):
        """What the step has printed, and "cpu_NAME" as run() has them."""
        if not select.select([self.process.stdout], [], [], PATIENCE_S)[0]:
            raise RuntimeError(f"no step in {PATIENCE_S} s")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.path.NAME}: the client ended with {self.process.wait()}")
        result, now = json.loads(line), self._look()
        for name, value in now.items():
            result["cpu_" + name] = value - self.before[name]
        result["cpu_all"] = result.get("cpu", 0) + sum(
            result["cpu_" + name] for name in self.pids)
        return result

    def go_on(self):
        self.before = self._look()
        self.process.stdin.write("\n")
        self.process.stdin.flush()


class Usocketd(Path):
    """A client process, the daemon, a TUN device, the kernel's TCP at its other end."""

    usocket = True

    def __init__(self, offload, prefix=(), n_sockets=None, network=None):
        """
        @prefix: a command in front of the daemon; @n_sockets: how many it is to
        allow; @network: where it is, else in one of its own.
        """
        self.offload, self.prefix, self.n_sockets = offload, prefix, n_sockets
        self.given_network = network
        self.NAME = "usocketd, offload" if offload else "usocketd, no offload"
        super().__init__()

    def make(self):
        self.server_network = self.client_network = self.given_network or self.network()
        with self.server_network:
            harness.ip("tuntap", "add", "dev", "ust0", "mode", "tun",
                       *(["vnet_hdr"] if self.offload else []))
            add_addresses("ust0", 41, 1)
            limits = {} if self.n_sockets is None else {
                "sockets_per_session": self.n_sockets, "sockets_per_user": self.n_sockets}
            table = {} if self.n_sockets is None else {"sockets_max": self.n_sockets}
            self.daemon = harness.Daemon({
                "daemon": {"log_level": "warning", **table}, "limits": limits,
                "link net0": {
                    "driver": "tun", "device": "ust0", "gateway": address(41, 1, 4),
                    "address": address(41, 2, 4) + "/24",
                    "address6": address(41, 2, 6) + "/64",
                    "offload": "yes" if self.offload else "no"}}, prefix=self.prefix)
            self.stack.callback(self.daemon.close)
            began = time.monotonic()
            self.daemon.start()
            self.start_s = time.monotonic() - began
        self.helpers["daemon"] = self.daemon.pid

    def prepare_client(self):
        os.environ["USOCKETD_SOCKET"] = self.daemon.socket

    def log(self):
        return [self.daemon.log()]

    def _traffic(self, *args):
        self.prepare_client()
        return super()._traffic(*args)

    def target(self, family):
        return address(41, 1, family)

    def near(self, family):
        return address(41, 2, family)


class Veth(Path):
    """The kernel's TCP in two namespaces."""

    def __init__(self, offload):
        self.offload = offload
        self.NAME = "kernel, veth" if offload else "kernel, veth without offloads"
        super().__init__()

    def make(self):
        self.server_network, self.client_network = self.network(), self.network()
        with self.server_network:
            harness.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1",
                       "netns", f"/proc/{os.getpid()}/fd/{self.client_network.fd}")
        for network, device, host in ((self.server_network, "veth0", 1),
                                      (self.client_network, "veth1", 2)):
            with network:
                add_addresses(device, 42, host)
                if not self.offload:
                    if not shutil.which("ethtool"):
                        raise Unavailable("ethtool is not installed")
                    switch_offloads_off(device)

    def target(self, family):
        return address(42, 1, family)

    def near(self, family):
        return address(42, 2, family)


class Loopback(Path):
    """The kernel's TCP over the loopback device."""

    NAME = "kernel, loopback"

    def make(self):
        self.server_network = self.client_network = self.network()

    def target(self, family):
        return "127.0.0.1" if family == 4 else "::1"

    near = target


class TwoTuns(Path):
    """The kernel's TCP at both ends of two TUN devices with a forwarder between."""

    def __init__(self, offload):
        self.offload = offload
        self.NAME = "kernel, 2 TUNs" + (" with vnet headers" if offload else "")
        super().__init__()

    def make(self):
        self.server_network, self.client_network = self.network(), self.network()
        fds = []
        for network, host in ((self.server_network, 1), (self.client_network, 2)):
            with network:
                fd = open_tun("tun0", self.offload)
                self.stack.callback(os.close, fd)
                fds.append(fd)
                add_addresses("tun0", 43, host)
                harness.ip("link", "set", "tun0", "txqueuelen", 1000)
        self.start_helper("forwarder", [built("forward"), *map(str, fds)], pass_fds=fds)

    def target(self, family):
        return address(43, 1, family)

    def near(self, family):
        return address(43, 2, family)


class LwipSockets(Path):
    """lwIP's own sockets API, its thread in the client's process, on a TUN device."""

    NAME = "lwIP's sockets API"
    usocket = True

    def make(self):
        if not os.path.exists(built("lwip-sockets")):
            raise Unavailable("not built: lwIP's tree has no port for Unix")
        self.server_network = self.client_network = self.network()
        with self.server_network:
            harness.ip("tuntap", "add", "dev", "lwt0", "mode", "tun")
            add_addresses("lwt0", 44, 1)
            harness.ip("link", "set", "lwt0", "txqueuelen", 1000)

    def prepare_client(self):
        os.environ.update(BENCH_TUN="lwt0", BENCH_ADDRESS=address(44, 2, 4),
                          BENCH_GATEWAY=address(44, 1, 4))

    def _traffic(self, what, far, usocket, reverse, options):
        self.prepare_client()
        command = super()._traffic(what, far, usocket, reverse, options)
        return [built("lwip-sockets") if usocket else command[0], *command[1:]]

    def target(self, family):
        if family != 4:
            raise Unavailable("IPv4 only here")
        return address(44, 1, family)


class KernelOnLine(Path):
    """The kernel's TCP over an emulated line; @line: what forward is told of it."""

    NAME = "kernel on a line"

    def __init__(self, line):
        self.line = line
        super().__init__()

    def make(self):
        self.server_network, self.client_network = self.network(), self.network()
        fds = []
        for network, host in ((self.client_network, 2), (self.server_network, 1)):
            with network:
                fd = open_tun("tun0", False)
                self.stack.callback(os.close, fd)
                fds.append(fd)
                add_addresses("tun0", 43, host)
                harness.ip("link", "set", "tun0", "txqueuelen", 1000)
        self.start_helper("line", [built("forward"), *map(str, (*fds, *self.line))], pass_fds=fds)

    def target(self, family):
        return address(43, 1, family)


class UsocketdOnLine(KernelOnLine):
    """usocketd's TUN device; its namespace forwards to the line."""

    NAME = "usocketd on a line"
    usocket = True

    def make(self):
        super().make()
        with self.client_network:
            with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
                f.write("1")
        with self.server_network:
            harness.ip("route", "add", "10.41.0.0/24", "via", address(43, 2, 4))
        self.near_end = Usocketd(True, network=self.client_network)
        self.stack.callback(self.near_end.close)
        self.helpers.update(self.near_end.helpers)

    def _traffic(self, *args):
        return self.near_end._traffic(*args)


class _Translated(Path):
    """A user-space stack that opens the host's sockets for a namespace's packets."""

    PROGRAM = ""

    def make(self):
        if not shutil.which(self.PROGRAM):
            raise Unavailable(f"{self.PROGRAM} is not installed")
        self.server_network = self.network()
        with self.server_network:
            # They look for the host's own address and way out.
            harness.ip("link", "add", "out0", "type", "veth", "peer", "name", "out1")
            harness.ip("addr", "add", "192.0.2.2/24", "dev", "out0")
            harness.ip("link", "set", "out1", "up")
            harness.ip("link", "set", "out0", "up")
            harness.ip("route", "add", "default", "via", "192.0.2.1")
            self.start_translator()
        self.wait_for_device()

    def listen_address(self, family):
        return "127.0.0.1"

    def wait_for_device(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with self.client_network:
                if "default" in harness.ip("route", "show"):
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise Unavailable(f"{self.PROGRAM} did not set up its device")

    def target(self, family):
        if family != 4:
            raise Unavailable("IPv4 only here")
        return self.GATEWAY


class Slirp4netns(_Translated):
    NAME = PROGRAM = "slirp4netns"
    GATEWAY = "10.0.2.2"

    def start_translator(self):
        self.client_network = self.network()
        fd = self.client_network.fd
        self.process = self.start_helper(
            "slirp4netns", ["slirp4netns", "--configure", "--mtu=1500", "--netns-type=path",
                            f"/proc/self/fd/{fd}", "tap0"],
            pass_fds=[fd], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Pasta(_Translated):
    """It makes the namespace itself, for a command: one that only waits."""

    NAME = PROGRAM = "pasta"
    GATEWAY = "192.0.2.1"

    def start_translator(self):
        # As root it would become nobody, who may not look at its child.
        who = ["--runas", "0"] if os.geteuid() == 0 else []
        self.process = self.start_helper(
            "pasta", ["pasta", "-f", "--config-net", *who, "--mtu", "1500", "--ns-ifname", "tap0",
                      "-t", "none", "-u", "none", "-T", "none", "-U", "none", "--",
                      "sleep", "infinity"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client_network = Namespace(self._network_of_child())
        self.stack.callback(self.client_network.close)

    def _network_of_child(self):
        pid = self.process.pid
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            with open(f"/proc/{pid}/task/{pid}/children") as f:
                child = f.read().split()
            if child:
                fd = os.open(f"/proc/{child[0]}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
                if not os.path.samestat(os.fstat(fd), os.stat(f"/proc/{pid}/ns/net")):
                    self.stack.callback(kill_quietly, int(child[0]))
                    return fd
                os.close(fd)
            time.sleep(0.02)
        raise Unavailable("pasta makes no namespace here")


class Paths:
    """Each path is made when it is first needed and kept until the end."""

    def __init__(self):
        self.made = {}

    def get(self, kind, *args):
        key = kind, args
        if key not in self.made:
            try:
                self.made[key] = kind(*args)
            except Unavailable as e:
                self.made[key] = e
        if isinstance(self.made[key], Unavailable):
            raise self.made[key]
        return self.made[key]

    def close(self):
        for path in self.made.values():
            if isinstance(path, Path):
                path.close()
        self.made = {}


# Who is measured where single packets are of no interest, by the name in the table.
WITH_OFFLOAD = (
    ("usocketd, offload", Usocketd, (True,)),
    ("kernel, veth", Veth, (True,)),
    ("kernel, 2 TUNs, vnet headers", TwoTuns, (True,)),
    ("kernel, loopback", Loopback, ()),
    ("slirp4netns", Slirp4netns, ()),
    ("pasta", Pasta, ()),
    ("lwIP's sockets API", LwipSockets, ()),
)
