# SPDX-License-Identifier: MIT
"""The names that cases use: the runtime under test, its peers, the network.

What a case makes ends with it: the runtime's objects, kernel sockets, hosts
played by hand.
"""

import contextlib
import errno
import os
import socket
import subprocess

import harness

from agents import Module, Repeated
from language import Failure, RemoteError
from peers import GUARD_S, Hand, KernelSocket

# A buffer that has no room for so long is full.
FULL_MS = 100
IN, OUT, ERR, HUP, NVAL, RDHUP = 1, 4, 8, 16, 32, 0x2000


# ---- the names ---------------------------------------------------------------

class Vocabulary:
    _ports = 20000

    def __init__(self, stage, agent, lane, network):
        self.stage, self.agent, self.lane, self.network = stage, agent, lane, network
        self.stack = contextlib.ExitStack()
        self.threads = {}
        self.module = Module(agent, "m")

    def close(self):
        self.stack.close()
        if self.agent.is_alive():
            self.agent.command("drop")

    def seconds(self):
        return self.agent.seconds

    def keep(self, thing):
        self.stack.callback(thing.close)
        return thing

    # ---- threads of the runtime ----

    @contextlib.contextmanager
    def in_thread(self, name):
        with self.agent.in_threads() as numbers:
            yield
        if len(numbers) != 1:
            raise Failure("start wants one call")
        self.threads[name] = numbers[0]

    def wait_blocked(self, name):
        number = self.threads[name]
        try:
            harness.eventually(lambda: self.agent.is_blocked(number), 10)
        except AssertionError:
            raise Failure(f"{name} is not blocked: {self.agent.states()}") from None

    def join(self, name):
        return self.agent.result(self.threads.pop(name))

    # ---- the runtime's sockets ----

    def tcp(self, timeout=GUARD_S):
        s = self.module.socket()
        s.settimeout(timeout)
        return s

    def tcp6(self):
        s = self.module.socket(self.module.AF_INET6, self.module.SOCK_STREAM)
        s.settimeout(GUARD_S)
        return s

    def udp(self, timeout=GUARD_S):
        s = self.module.socket(self.module.AF_INET, self.module.SOCK_DGRAM)
        s.settimeout(timeout)
        return s

    def udp6(self):
        s = self.module.socket(self.module.AF_INET6, self.module.SOCK_DGRAM)
        s.settimeout(GUARD_S)
        return s

    def bound_udp(self, ip="127.0.0.1"):
        s = self.udp()
        s.bind((ip, 0))
        return s

    def listening(self, ip="0.0.0.0", backlog=8):
        s = self.tcp()
        s.bind((ip, 0))
        s.listen(backlog)
        return s

    def connected(self, timeout=GUARD_S):
        """The runtime's socket, and the kernel's that it is connected to."""
        listener = self.listener()
        s = self.tcp()
        s.connect(listener.address)
        s.settimeout(timeout)
        return s, self.keep(listener.accept())

    def accepted(self):
        """The runtime's socket, accepted, and the kernel's that has connected."""
        listener = self.listening()
        peer = self.kernel_tcp()
        peer.connect((self.network.STACK[4], self.port_of(listener)))
        s = listener.accept()[0]
        s.settimeout(GUARD_S)
        return s, peer

    def pair(self):
        """Two sockets of the runtime, connected inside the stack."""
        listener = self.listening("127.0.0.1")
        a = self.tcp()
        a.connect(("127.0.0.1", self.port_of(listener)))
        b = listener.accept()[0]
        b.settimeout(GUARD_S)
        listener.close()
        return a, b

    def port_of(self, s):
        return s.getsockname()[1]

    def fill(self, s):
        """Sends on a non-blocking socket until there is room no more, for now."""
        def is_full():
            try:
                while True:
                    s.send(Repeated(b"x", 1000000))
            except RemoteError as e:
                if e.number != errno.EAGAIN:
                    raise
            return self.poll(s, OUT, FULL_MS) == 0
        harness.eventually(is_full, 10)

    def count_datagrams(self, s):
        """Takes datagrams until none is left: how many."""
        s.settimeout(0.5)
        n = 0
        while True:
            try:
                s.recv(2000)
            except RemoteError:
                return n
            n += 1

    def poll(self, s, events, ms=0):
        return self.agent.command("poll", on=s._name, events=events, ms=ms)

    def poll_after_close(self, s, events):
        return self.agent.command("closed_poll", on=s._name, events=events)

    def raw(self, s, name, *args):
        """All results of a Lua method as they are; of a function if @s is None."""
        return self.agent.command("raw", on=s._name if s else None, fn=name,
                                  args=[self.agent.encode(a) for a in args])

    def forked(self, s, name, *args):
        """The call in a forked child."""
        return self.in_other("fork", s, name, args)

    def passed(self, s, name, *args):
        """The call in a child that was sent the descriptor."""
        return self.in_other("pass", s, name, args)

    def in_other(self, word, s, name, args):
        return self.agent.command(word, on=s._name, fn=name, kw={},
                                  args=[self.agent.encode(a) for a in args])

    def become(self, uid):
        """The runtime is another user's from now on."""
        self.agent.command("become", uid=uid)

    def buffer(self, size):
        return self.agent.command("buffer", size=size)

    def view(self, data):
        return self.agent.command("view", data=self.agent.encode(data), memory=True)

    def array(self, data):
        return self.agent.command("view", data=self.agent.encode(data), memory=False)

    def contents(self, buffer):
        return self.agent.command("bytes", on=buffer._name)

    def callback(self):
        return self.agent.command("callback")

    def called(self, callback):
        """What it was called with, a tuple each time."""
        return self.agent.command("called", on=callback._name)

    def forget(self, s):
        """Nobody has the object any more."""
        self.agent.command("drop", on=s._name)

    def number_after_with(self):
        return self.agent.command("with")

    def other(self, name):
        """Another module of the runtime."""
        return Module(self.agent, "module:" + name)

    def flush(self):
        """What the runtime has printed is there for printed()."""
        self.agent.command("flush")

    def printed(self):
        return self.agent.output()

    def script(self, *arguments):
        """Runs one of tests/integration in the runtime's interpreter: its exit code."""
        path = os.path.join(os.environ["USOCKETD_SRCDIR"], "tests", "integration", arguments[0])
        argv, env = self.agent.interpreter
        done = subprocess.run([*argv, path, *arguments[1:]], env=env, capture_output=True,
                              text=True)
        if done.returncode:
            raise Failure(done.stdout + done.stderr)
        return done.returncode

    def requests(self):
        """How many requests of sockets the daemon has logged."""
        return self.stage.daemon.log().count("): Socket")

    # ---- the network ----

    def kernel_tcp(self):
        return self.keep(KernelSocket())

    def listener(self, ip=None, backlog=16):
        ip = ip or self.network.KERNEL[4]
        s = self.keep(KernelSocket(socket.AF_INET6 if ":" in ip else socket.AF_INET))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((ip, 0))
        s.listen(backlog)
        return s

    def kernel_udp(self, ip=None):
        ip = ip or self.network.KERNEL[4]
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        s = self.keep(KernelSocket(family, socket.SOCK_DGRAM))
        s.bind((ip, 0))
        return s

    def closed_port(self, kind=socket.SOCK_STREAM):
        """An address of the kernel where nobody listens."""
        s = KernelSocket(socket.AF_INET, kind)
        s.bind((self.network.KERNEL[4], 0))
        address = s.address
        s.close()
        return address

    def closed_udp_port(self):
        return self.closed_port(socket.SOCK_DGRAM)

    def silent_name(self):
        """A name of which no server says anything, and that nobody has asked for."""
        Vocabulary._ports += 1
        return f"{Vocabulary._ports}.{self.lane}.silent.test"

    def hand_address(self):
        return f"10.9.0.{100 + self.lane}"

    def hand(self):
        """A host that does only what it is told."""
        Vocabulary._ports += 1
        host = self.keep(self.network.host(self.hand_address()))
        return Hand(host, host.ip, Vocabulary._ports)

    def hand_connected(self, window=65535, timeout=GUARD_S):
        hand = self.hand()
        s = self.tcp(0)
        try:
            s.connect(hand.address)
        except RemoteError as e:
            if e.number != errno.EINPROGRESS:
                raise
        hand.serve(window)
        harness.eventually(lambda: self.poll(s, OUT) == OUT)
        s.settimeout(timeout)
        return s, hand

    def kill_daemon(self):
        """As a crash would end it; not for shared ones."""
        self.stage.daemon.kill()
        self.stage.daemon.process = None

    def is_refused_by_stack(self, port):
        with KernelSocket() as s:
            return s.connect_ex((self.network.STACK[4], port)) == errno.ECONNREFUSED

    def names(self):
        network, stage = self.network, self.stage
        own = {name: getattr(self, name) for name in (
            "tcp tcp6 udp udp6 bound_udp listening connected accepted pair port_of poll "
            "poll_after_close forked passed buffer view array contents forget other printed "
            "number_after_with kernel_tcp listener kernel_udp closed_port closed_udp_port hand "
            "hand_connected is_refused_by_stack kill_daemon become count_datagrams script flush "
            "requests callback called raw fill silent_name").split()}
        return {
            **own, "m": self.module, "lane": self.lane, "big": Repeated, "link": stage.link, "daemon": stage.daemon,
            "dns": stage.dns, "socket": self.module.socket,
            "getaddrinfo": self.module.getaddrinfo,
            "KERNEL": network.KERNEL[4], "KERNEL6": network.KERNEL[6], "STACK": network.STACK[4],
            "STACK6": network.STACK[6], "SILENT": network.SILENT[4], "SILENT6": network.SILENT[6],
            "LOOP": "127.0.0.1", "LOOP6": "::1", "ANY": "0.0.0.0",
            "IN": IN, "OUT": OUT, "ERR": ERR, "HUP": HUP, "NVAL": NVAL, "RDHUP": RDHUP,
            "nan": float("nan"), "inf": float("inf"),
        }
