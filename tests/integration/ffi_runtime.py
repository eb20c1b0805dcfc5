# SPDX-License-Identifier: MIT
"""The modules over ffi inside MicroPython: collector, threads, signals, asyncio, tls."""

import os
import signal
import ssl
import subprocess

import usock

from ffi_calls import PRELUDE
from ffi_support import FfiCase
from harness import Call
from runner import rows


class Life(FfiCase):
    def check(self, code, *arguments):
        self.assertEqual(self.run_script(PRELUDE + code, *arguments), "")

    @rows("G10")
    def test_collector_closes(self):
        self.check("""
import os
def count():
    return len(os.listdir("/proc/self/fd"))
def lose():
    for i in range(50):
        s, c = pair()
        s.send(b"part"); c.settimeout(0.01); c.ioctl(3, 1)
        if i % 10 == 0:
            fails(110, c.readline)
usocket.socket()
gc.collect()
before = count()
lose()
for i in range(20): [i] * 50
gc.collect()
assert count() <= before + 6, (before, count())
# What the lost ones had put back is freed when the next socket is made.
from usocket_ffi import base
s = usocket.socket()
assert len(base._with_pending) <= 2, base._with_pending
""")

    def test_collector_does_not_close_the_number_of_another(self):
        self.check("""
for module in usocket, socket:
    for i in range(20):
        s = module.socket()
        number = s.fileno()
        s.close()
        f = open(sys.argv[0])
        assert f.fileno() == number
        s = None
        [[j] * 50 for j in range(50)]
        gc.collect()
        assert f.read(7) == "\\nimport"
        f.close()
""")

    def test_interrupted_script_leaves_nothing_open(self):
        self.check("""
try:
    with usocket.socket() as s:
        raise KeyboardInterrupt
except KeyboardInterrupt:
    assert s.fileno() == -1
""")


class Signals(FfiCase):
    WAITS = {
        "recv": "s.recv(1)",
        "read": "s.read(9)",
        "readline": "s.readline()",
        "accept": "l.accept()",
        "connect": "usocket.socket().connect((sys.argv[1], 7))",
        "sendall": "s.sendall(bytes(300000) * 2) or s.sendall(bytes(600000))",
        "poll": "p.poll()",
        "select": "q.poll()",
    }

    def test_interrupt_ends_each_wait_and_breaks_nothing(self):
        code = PRELUDE + """
import select
l = usocket.socket(); l.bind(("127.0.0.1", 0)); l.listen()
s, c = pair()
p = usocket.poll(); p.register(l, 1)
q = select.poll(); q.register(l, 1)
print("ready")
try:
    while True:
        WAIT
except KeyboardInterrupt:
    print("interrupted")
a, b = pair()
a.send("works"); print(b.recv(5))
"""
        for name, wait in self.WAITS.items():
            with self.subTest(name):
                child = self.start(self.ffi.launcher, "-X", "heapsize=8M",
                                   self.script(code.replace("WAIT", wait)), self.silent)
                self.assertEqual(child.stdout.readline(), "ready\n")
                self.eventually(lambda child=child: self.sleeps(child.pid))
                child.send_signal(signal.SIGINT)
                out, err = child.communicate(timeout=20)
                self.assertEqual((child.returncode, out, err), (0, "interrupted\nb'works'\n", ""))

    @staticmethod
    def sleeps(pid):
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] == "S"

    def test_what_had_arrived_survives_an_interrupt(self):
        listener = self.kernel_listener()
        child = self.start(self.ffi.launcher, self.script(PRELUDE + """
s = usocket.socket(); s.connect((sys.argv[1], int(sys.argv[2])))
for read in lambda: s.read(100), lambda: s.readinto(bytearray(100)), s.readline:
    print("ready")
    try:
        read()
    except KeyboardInterrupt:
        s.settimeout(0.2); print(s.read(100)); s.settimeout(None)
"""), *map(str, self.address_of(listener)))
        peer = self.accept_kernel(listener)
        for i in range(1, 4):
            self.assertEqual(child.stdout.readline(), "ready\n")
            peer.sendall(b"part")
            self.eventually(lambda n=4 * i: self.took_all(child, n))
            child.send_signal(signal.SIGINT)
            self.assertEqual(child.stdout.readline(), "b'part'\n")
        self.assertEqual(child.wait(timeout=20), 0)

    def took_all(self, child, n):
        """It has been sent that much, has nothing left to take, and sleeps again."""
        mine, = [s for s in usock.sockets() if s.pid == child.pid]
        return (mine.bytes_received, mine.receive_queue) == (n, 0) and self.sleeps(child.pid)


class Threads(FfiCase):
    check = Life.check

    @rows("G10", "K15", "X9")
    def test_close_wakes_what_another_thread_waits_for(self):
        self.check("""
import _thread
silent = sys.argv[1], 7
l = usocket.socket(); l.bind(("127.0.0.1", 0)); l.listen()
s, other = pair()
c, another = pair()
u = usocket.socket(2, 2); u.bind(("127.0.0.1", 0))
k = usocket.socket()
for x, f in (l, l.accept), (s, lambda: s.recv(1)), (c, c.readline), (u, lambda: u.recvfrom(1)), (
        k, lambda: k.connect(silent)):
    def close():
        time.sleep(0.2)
        x.close()
    _thread.start_new_thread(close, ())
    takes(0.2, lambda: fails(9, f))
""", self.silent)

    def test_threads_share_the_library(self):
        self.check("""
import _thread
done = []
lock = _thread.allocate_lock()
def echo(c):
    while True:
        line = c.readline()
        if not line:
            break
        c.write(line)
    with lock: done.append(1)
def ask(s):
    for i in range(200):
        s.write(b"line %d\\n" % i)
        assert s.readline() == b"line %d\\n" % i
    s.close()
    with lock: done.append(1)
pairs = [pair() for i in range(4)]
for s, c in pairs:
    _thread.start_new_thread(echo, (c,))
    _thread.start_new_thread(ask, (s,))
for i in range(300):
    gc.collect()
    time.sleep(0.05)
    if len(done) == 8:
        break
assert len(done) == 8, done
""")

    @rows("O5")
    def test_callback(self):
        self.check("""
import _thread
s, c = pair()
calls = []
def on_readable(x):
    calls.append((x is c, x.recv(9)))
c.setsockopt(usocket.SOL_SOCKET, 20, on_readable)
s.send("a"); time.sleep(0.3)
assert calls == [(True, b"a")], calls
def later():
    time.sleep(0.2)
    s.send("b")
_thread.start_new_thread(later, ())
u = usocket.socket(2, 2); u.bind(("127.0.0.1", 0)); u.settimeout(1)
fails(110, u.recv, 1)                   # a wait of ours lets it run
assert calls[1:] == [(True, b"b")], calls
_thread.start_new_thread(later, ())
begin = time.ticks_ms(); time.sleep(1)  # and so does sleeping
assert time.ticks_diff(time.ticks_ms(), begin) >= 999
assert calls[2:] == [(True, b"b")], calls
c.setsockopt(1, 20, None)
s.send("c"); time.sleep(0.2)
assert len(calls) == 3 and c.recv(9) == b"c"
for bad in 1, "x":
    raises(TypeError, c.setsockopt, 1, 20, bad)
l = usocket.socket(); l.bind(("127.0.0.1", 0)); l.listen()
made = []
l.setsockopt(1, 20, lambda x: made.append(x.accept()[0]))
for i in range(5):
    usocket.socket().connect(l.getsockname()); time.sleep(0.1)
assert len(made) == 5, made
l.close()
from usocket_ffi import callback
assert not callback._watches
""")


class Loops(FfiCase):
    check = Life.check

    def test_asyncio_echo(self):
        self.check("""
import asyncio
from random import getrandbits
N = 100
async def serve(reader, writer):
    while True:
        line = await reader.readline()
        if not line:
            break
        writer.write(line); await writer.drain()
    writer.close(); await writer.wait_closed()
async def ask(i):
    reader, writer = await asyncio.open_connection("127.0.0.1", 8000)
    for n in range(3):
        data = b"%d:" % i + b"x" * getrandbits(10) + b"\\n"
        writer.write(data[:5]); await writer.drain()
        writer.write(data[5:]); await writer.drain()
        assert await reader.readline() == data
    writer.close(); await writer.wait_closed()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 8000, 255)
    await asyncio.gather(*[ask(i) for i in range(N)])
    server.close(); await server.wait_closed()
asyncio.run(main())
""")

    def test_idle_poll_uses_no_cpu(self):
        out = self.run_script(PRELUDE + """
import select
pairs = [pair() for i in range(50)]
p = select.poll()
for s, c in pairs:
    p.register(s, select.POLLIN); p.register(c, select.POLLIN)
def ticks():
    return sum(int(n) for n in open("/proc/self/stat").read().split(")")[1].split()[11:13])
begin = ticks()
assert p.poll(3000) == []
print(ticks() - begin)
""")
        self.assertLessEqual(int(out), 2)

    def test_select_wakes_for_what_arrives(self):
        self.check("""
import select
s, c = pair()
p = select.poll(); p.register(c, select.POLLIN)
assert p.poll(0) == []
s.send("x")
assert p.poll(5000) == [(c, 1)] and c.recv(1) == b"x"
s.close()
assert p.poll(5000)[0][1] & 1
""")

    def test_tls(self):
        folder = self.daemon.folder
        pem = os.path.join(folder, "server.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=peer.test", "-keyout", pem, "-out", pem + ".crt"],
                       check=True, stderr=subprocess.DEVNULL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem + ".crt", pem)
        listener = self.kernel_listener()

        def serve(times):
            for _ in range(times):
                with context.wrap_socket(self.accept_kernel(listener), server_side=True) as s:
                    line = b""
                    while not line.endswith(b"\n"):
                        line += s.recv(100)
                    s.sendall(b"got " + line + bytes(20000))

        peer = Call(serve, 3)
        self.check("""
import asyncio, tls
address = sys.argv[1], int(sys.argv[2])
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.verify_mode = tls.CERT_NONE
for module in usocket, socket:
    s = module.socket(); s.connect(address)
    t = context.wrap_socket(s, server_hostname="peer.test")
    t.write(b"line\\n")
    assert t.read(9) == b"got line\\n" and len(t.read(20000)) == 20000
    t.close()
    assert s.fileno() == -1
async def main():
    reader, writer = await asyncio.open_connection(*address, context)
    writer.write(b"line\\n"); await writer.drain()
    assert await reader.readexactly(20009) == b"got line\\n" + bytes(20000)
    writer.close(); await writer.wait_closed()
asyncio.run(main())
""", *self.address_of(listener))
        peer.result()
