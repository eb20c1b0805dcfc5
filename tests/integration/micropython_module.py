#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The modules usocket and socket in MicroPython, in C and over ffi."""

import json
import os
import signal
import ssl
import subprocess
import threading
import time

import harness
import runner
from micropython_support import TIMEOUT_S, ScriptCase, both_kinds
from runner import rows
from slirp_support import HOST, echo

PAIR = """
import usocket
listener = usocket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
a = usocket.socket()
a.connect(listener.getsockname())
b = listener.accept()[0]
a.settimeout(10)
b.settimeout(10)
"""

# Calls f() and tells what it raises: the class's name and args[0].
ERROR_OF = """
def error_of(f, *args):
    try:
        return f(*args)
    except Exception as e:
        return type(e).__name__, e.args[0]
"""


@both_kinds
class Modules(ScriptCase):
    @rows("G1", "C1")
    def test_both_names_reach_ours(self):
        lines = self.run_script(
            "import sys\n"
            "import usocket, socket\n"
            "for module in usocket, socket:\n"
            "    print(module.__name__, hasattr(module.socket, 'getsocketsta'))\n"
            "import asyncio\n"
            "import socket as again\n"
            "print(again is socket, usocket.socket is socket.socket)\n")
        self.assertEqual(lines, ["usocket True", "socket True", "True False"])

    def test_no_file_on_the_path_hides_them(self):
        folder = os.path.join(self.daemon.folder, self.kind + "-hide")
        os.mkdir(folder)
        for name in "usocket", "socket":
            with open(os.path.join(folder, name + ".py"), "w") as f:
                f.write("wrong = True\n")
        lines = self.run_script(
            f"import sys\nsys.path.insert(0, {folder!r})\n"
            "import usocket, socket\n"
            "print(hasattr(usocket, 'wrong'), hasattr(socket, 'wrong'))\n")
        self.assertEqual(lines, ["False False"])

    @rows("G1", "C1", "A8")
    def test_shapes_of_the_two(self):
        lines = self.run_script("""
import usocket, socket
for module in usocket, socket:
    for family, host in (module.AF_INET, "127.0.0.1"), (module.AF_INET6, "::1"):
        listener = module.socket(family)
        listener.bind((host, 0))
        listener.listen(1)
        client = module.socket(family)
        client.connect(listener.getsockname())
        accepted = listener.accept()
        print(len(accepted), accepted[1] in (host, client.getsockname()),
              len(listener.getsockname()), isinstance(accepted[0], module.socket))
""")
        self.assertEqual(lines, ["3 True 2 True", "3 True 2 True",
                                 "2 True 2 True", "2 True 4 True"])

    @rows("A1", "A2", "A3", "A5", "A6", "A7", "A9")
    def test_getaddrinfo(self):
        lines = self.run_script(ERROR_OF + f"""
import usocket, socket
print(usocket.getaddrinfo({HOST!r}, 80))
print(usocket.getaddrinfo("peer.test", "80", 0, usocket.SOCK_STREAM))
print(usocket.getaddrinfo("both.test", 80)[0][-1])
print(usocket.getaddrinfo("", 80)[0][-1])
print(error_of(socket.getaddrinfo, "", 80))
print(error_of(usocket.getaddrinfo, "nobody.invalid", 80))
print(error_of(usocket.getaddrinfo, "peer.test", 70000)[0])
print(error_of(usocket.getaddrinfo, "peer.test", "70000")[0])
print(error_of(usocket.getaddrinfo, "peer.test", "no-such-service"))
print(error_of(usocket.getaddrinfo, 5, 80)[0], error_of(usocket.getaddrinfo, "x", 1.5)[0])
""")
        self.assertEqual(lines, [
            f"[(2, 1, 0, '{HOST}', ('{HOST}', 80))]",
            f"[(2, 1, 0, 'peer.test', ('{HOST}', 80))]",
            f"('{HOST}', 80)",
            "('0.0.0.0', 80)",
            "('OSError', -2)",
            # Nobody answers at the name server that is configured.
            "('OSError', -3)",
            "ValueError", "ValueError",
            "('OSError', -8)",
            "TypeError TypeError"])

    @rows("K1", "K2", "A5", "B7", "D8")
    def test_names_in_addresses(self):
        server = self.server(echo)
        lines = self.run_script(ERROR_OF + f"""
import usocket
s = usocket.socket()
s.connect(["peer.test", {server.port}])
s.send("text")
print(s.recv(10))
u = usocket.socket(usocket.AF_INET, usocket.SOCK_DGRAM)
u.bind(("self.test", 0))
u.sendto(b"x", ("self.test", u.getsockname()[1]))
print(u.recvfrom(10) == (b"x", u.getsockname()))
print(error_of(usocket.socket().connect, ("nobody.invalid", 80)))
print(error_of(usocket.socket().connect, ("127.0.0.1", 1)))
""")
        self.assertEqual(lines, ["b'text'", "True", "('OSError', -3)", "('OSError', 111)"])

    @rows("S2", "S3", "S9", "G4", "G7", "R8", "O2", "O6", "O7", "X6")
    def test_bad_arguments(self):
        """The exception that the row names; the socket is usable afterwards."""
        lines = self.run_script(PAIR + ERROR_OF + """
class Odd:
    pass
cases = (
    (usocket.socket, 99), (usocket.socket, 2, 99), (usocket.socket, 2, 1, 17),
    (usocket.socket, 2, 1, 0, 0, 0), (usocket.socket, "x"), (usocket.socket, 1 << 40),
    (a.settimeout, -1), (a.settimeout, float("nan")), (a.settimeout, "1"),
    (a.connect, "x"), (a.connect, 5), (a.connect, ("127.0.0.1",)),
    (a.connect, ("127.0.0.1", 80, 0, 0)), (a.connect, ("127.0.0.1", 70000)),
    (a.connect, ("127.0.0.1", -1)), (a.connect, ("127.0.0.1", "80")), (a.connect, (5, 80)),
    (a.bind, None), (a.recv, -1), (a.recv, "x"), (a.recv,), (a.recvfrom, -1),
    (a.send, 5), (a.send, None), (a.sendall, Odd()), (a.write, 1.5),
    (a.readinto, b"x"), (a.readinto, 5), (a.read, "x"), (a.readline, Odd()),
    (a.listen, "x"), (a.shutdown, 9), (a.makefile, "r"),
    (a.setsockopt, 1, usocket.TCP_KEEPALIVE, 121), (a.setsockopt, 1, usocket.TCP_KEEPALIVE, -1),
    (a.setsockopt, 1, 999, 1), (a.setsockopt, 1, usocket.SO_REUSEADDR, None),
    (a.setsockopt, 1, usocket.SO_REUSEADDR, "abcd"), (a.setsockopt, 1, 20, 1.5),
    (a.getsockopt, 1, 999), (a.getsockopt, 1, usocket.SO_ERROR, -1),
)
for f, *args in cases:
    result = error_of(f, *args)
    print(result[0] if result[0] != "OSError" else result[1])
a.send(b"still here")
print(b.recv(20))
""")
        self.assertEqual(lines, [
            "97", "22", "93", "TypeError", "TypeError", "OverflowError",
            "ValueError", "ValueError", "TypeError",
            "TypeError", "TypeError", "TypeError",
            "TypeError", "ValueError",
            "ValueError", "TypeError", "TypeError",
            "TypeError", "ValueError", "TypeError", "TypeError", "ValueError",
            "TypeError", "TypeError", "TypeError", "TypeError",
            "TypeError", "TypeError", "TypeError", "TypeError",
            "TypeError", "22", "ValueError",
            "22", "22",
            "92", "TypeError",
            "TypeError", "TypeError",
            "92", "ValueError",
            "b'still here'"])

    @rows("G9", "Q8", "G10")
    def test_closed(self):
        lines = self.run_script(PAIR + ERROR_OF + """
print(a.close(), a.close(), a.fileno(), a.getsocketsta())
for f, *args in ((a.recv, 1), (a.send, b"x"), (a.read,), (a.readline,), (a.readinto, bytearray(1)),
                 (a.write, b"x"), (a.sendall, b"x"), (a.settimeout, 1), (a.gettimeout,),
                 (a.getsockname,), (a.listen,), (a.accept,), (a.makefile,),
                 (a.setsockopt, 1, 20, print), (a.getsockopt, 1, usocket.SO_ERROR)):
    result = error_of(f, *args)
    if result != ("OSError", 9):
        print(f, result)
with b as c:
    print(c is b, b.fileno() >= 0)
print(b.fileno())
""")
        self.assertEqual(lines, ["None None -1 -1", "True True", "-1"])

    @rows("M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9", "M10", "M11", "G5", "P5")
    def test_reads_lose_nothing(self):
        lines = self.run_script(PAIR + ERROR_OF + """
import select
b.settimeout(0.05)
a.setsockopt(usocket.IPPROTO_TCP, usocket.TCP_NODELAY, 1)
a.send(b"abc")
print(b.read(10), error_of(b.read, 10))
a.send(b"one ")
print(error_of(b.readline), error_of(b.readline))
poll = select.poll()
poll.register(b, select.POLLIN)
mine = usocket.poll()
mine.register(b, 1)
print([e for _, e in poll.poll(0)], [e for _, e in mine.poll(0)])
a.send(b"line\\nrest")
b.settimeout(10)
print(b.readline(), b.readline(2), b.read(1))
b.setblocking(False)
buffer = bytearray(8)
print(b.readinto(buffer), bytes(buffer[:1]), b.readinto(buffer), b.read(5), b.readline())
a.send(b"0123456789")
b.settimeout(10)
print(b.readinto(buffer, 4), bytes(buffer[:4]), (b.readinto(buffer, 6), bytes(buffer[:6])))
a.send(b"the end")
a.close()
print(b.readline(), b.readline(), b.read(), b.read(-1), b.read(None), b.readall())
""")
        self.assertEqual(lines, [
            "b'abc' ('OSError', 110)",
            "('OSError', 110) ('OSError', 110)",
            "[1] [1]",
            "b'one line\\n' b're' b's'",
            "1 b't' None None None",
            "4 b'0123' (6, b'456789')",
            "b'the end' b'' b'' b'' b'' b''"])

    @rows("O5")
    def test_callback_of_a_socket(self):
        lines = self.run_script(PAIR + """
import time
seen = []
def on_readable(s):
    seen.append((s is b, s.recv(100)))
def wait_for(n):
    for _ in range(1000):
        if len(seen) >= n:
            return
        time.sleep_ms(5)
b.setsockopt(usocket.SOL_SOCKET, 20, on_readable)
for i in range(3):
    a.send(b"%d" % i)
    wait_for(i + 1)
b.setsockopt(usocket.SOL_SOCKET, 20, None)
a.send(b"quiet")
print(b.read(5), seen)
""")
        self.assertEqual(lines, ["b'quiet' [(True, b'0'), (True, b'1'), (True, b'2')]"])

    @rows("O5")
    def test_callback_runs_while_the_script_waits(self):
        """In a call of ours, in a sleep; and the wait goes on afterwards."""
        lines = self.run_script(PAIR + ERROR_OF + """
import _thread, time
seen = []
b.setsockopt(usocket.SOL_SOCKET, 20, lambda s: seen.append(s.recv(100)))
u = usocket.socket(usocket.AF_INET, usocket.SOCK_DGRAM)
u.bind(("127.0.0.1", 0))
u.settimeout(0.6)
def later(data):
    time.sleep_ms(100)
    a.send(data)
for wait in (lambda: error_of(u.recv, 1)), (lambda: time.sleep(0.6)):
    _thread.start_new_thread(later, (b"x",))
    begin = time.ticks_ms()
    wait()
    print(time.ticks_diff(time.ticks_ms(), begin) >= 599, seen)
""")
        self.assertEqual(lines, ["True [b'x']", "True [b'x', b'x']"])

    @rows("O5")
    def test_callbacks_of_threads(self):
        lines = self.run_script(PAIR + """
import _thread, time
pairs, seen = [], []
for _ in range(20):
    c = usocket.socket()
    c.connect(listener.getsockname())
    pairs.append((c, listener.accept()[0]))
lock = _thread.allocate_lock()
ended = []
def work(some):
    for k in range(20):
        for c, d in some:
            d.setsockopt(usocket.SOL_SOCKET, 20, lambda s: seen.append(s.recv(1)))
            d.setsockopt(usocket.SOL_SOCKET, 20, None)
    for c, d in some:
        d.setsockopt(usocket.SOL_SOCKET, 20, lambda s: seen.append(s.recv(1)))
        c.send(b"x")
    with lock:
        ended.append(1)
for i in range(4):
    _thread.start_new_thread(work, (pairs[5 * i:5 * i + 5],))
for _ in range(1000):
    if len(seen) == 20 and len(ended) == 4:
        break
    time.sleep_ms(10)
print(len(seen), len(ended))
""")
        self.assertEqual(lines, ["20 4"])

    @rows("G10")
    def test_close_from_another_thread_wakes_9(self):
        lines = self.run_script(PAIR + ERROR_OF + """
import _thread, time
def close_later():
    time.sleep_ms(100)
    a.close()
a.settimeout(None)
_thread.start_new_thread(close_later, ())
print(error_of(a.recv, 1))
""")
        self.assertEqual(lines, ["('OSError', 9)"])

    @rows("G10")
    def test_collected_socket_is_closed(self):
        lines = self.run_script("""
import gc, os, usocket
def make():
    for _ in range(50):
        s = usocket.socket()
def count():
    return len(list(os.ilistdir("/proc/self/fd")))
usocket.socket().close()
before = count()
make()
def clear_the_stack(n):
    return n and clear_the_stack(n - 1)
clear_the_stack(20)
gc.collect()
# A number of the last ones may still lie about on the stack.
print(count() - before < 5)
""")
        self.assertEqual(lines, ["True"])

    @rows("G2")
    def test_no_daemon_is_19_and_says_how(self):
        lines = self.run_script("""
import usocket
try:
    usocket.socket()
except OSError as e:
    print(e.args[0])
    print(e.args[1])
""", USOCKETD_SOCKET="/nonexistent/usocketd.sock")
        self.assertEqual(lines[0], "19")
        self.assertIn("/nonexistent/usocketd.sock", lines[1])
        self.assertIn("systemctl start usocketd", lines[1])

    def test_interrupt_ends_a_blocked_call(self):
        process = self.start_script(PAIR + """
print("ready")
try:
    a.settimeout(None)
    a.recv(1)
except KeyboardInterrupt:
    b.send(b"x")
    print(a.recv(1))
print("done")
""")
        self.assertEqual(process.stdout.readline(), "ready\n")
        self.eventually(lambda: self.is_waiting(process.pid))
        process.send_signal(signal.SIGINT)
        self.assertEqual(self.result_of(process), ["b'x'"])

    @staticmethod
    def is_waiting(pid):
        return harness.stat_of(pid)[0] == "S"


class ModulesInC(ScriptCase):
    kind = "c"

    def test_interrupts_at_any_moment_leave_sockets_usable(self):
        process = self.start_script(PAIR + """
a.settimeout(0)
buffer = bytearray(1)

def until_interrupt(i):
    try:
        print(i)
        # Allocates nothing: the interpreter's own memory is not the subject.
        while True:
            a.readinto(buffer)
    except KeyboardInterrupt:
        pass

for i in range(1000):
    until_interrupt(i)
a.settimeout(10)
b.send(b"x")
print(a.recv(1))
print("done")
""")
        hung = threading.Timer(TIMEOUT_S * harness.time_scale(), process.kill)
        hung.start()
        self.addCleanup(hung.cancel)
        for i in range(1000):
            self.assertEqual(process.stdout.readline(), f"{i}\n")
            time.sleep(0.0003)
            process.send_signal(signal.SIGINT)
        self.assertEqual(self.result_of(process), ["b'x'"])

    @rows("G5")
    def test_recvfrom_loses_nothing_without_memory(self):
        lines = self.run_script(PAIR + """
import gc
kept = [None] * 70000

# The names of functions take no memory.
def fill():
    n = 0
    try:
        while True:
            kept[n] = object()
            n += 1
    except MemoryError:
        return n

def receive():
    n = fill()
    failed = i = 0
    data = None
    while i < 40 and not data:
        i += 1
        kept[n - i] = None
        gc.collect()
        try:
            data = a.recvfrom(8)
        except MemoryError:
            failed += 1
    while n:
        n -= 1
        kept[n] = None
    return failed, data

b.send(b"12345678")
failed, data = receive()
print(failed > 0, data[0], a.getpeername() == data[1])
""")
        self.assertEqual(lines, ["True b'12345678' True"])


@both_kinds
class Runtime(ScriptCase):
    def test_asyncio_echo_with_200_clients(self):
        lines = self.run_script("""
import asyncio
N = 200
async def serve(reader, writer):
    while True:
        line = await reader.readline()
        if not line:
            break
        writer.write(line)
        await writer.drain()
    writer.close()
    await writer.wait_closed()
async def client(i):
    reader, writer = await asyncio.open_connection("127.0.0.1", 8007)
    for k in range(5):
        line = b"%d %d\\n" % (i, k)
        writer.write(line)
        await writer.drain()
        if await reader.readline() != line:
            raise ValueError("wrong echo")
    writer.close()
    await writer.wait_closed()
    return 1
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 8007, backlog=250)
    print(sum(await asyncio.gather(*[client(i) for i in range(N)])))
    server.close()
asyncio.run(main())
""")
        self.assertEqual(lines, ["200"])

    def test_poll_of_100_idle_sockets_sleeps(self):
        """Counted, not timed: it is woken by nothing until its time is over."""
        process = self.start_script(PAIR + """
import select, sys
pairs = []
for _ in range(50):
    c = usocket.socket()
    c.connect(listener.getsockname())
    pairs.append((c, listener.accept()[0]))
poll = select.poll()
for pair in pairs:
    for s in pair:
        poll.register(s, select.POLLIN)
print("ready")
sys.stdin.readline()
print(poll.poll(1500))
print("ready")
sys.stdin.readline()
print("done")
""")
        self.assertEqual(process.stdout.readline(), "ready\n")
        before = self.switches(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "[]\n")
        self.assertEqual(process.stdout.readline(), "ready\n")
        self.assertLess(self.switches(process.pid) - before, 30)
        process.stdin.write("\n")
        process.stdin.flush()
        self.result_of(process)

    @staticmethod
    def switches(pid):
        with open(f"/proc/{pid}/status") as f:
            for line in f:
                if line.startswith("voluntary_ctxt_switches"):
                    return int(line.split()[1])
        raise AssertionError("no count")

    def certificate(self):
        folder = harness.temporary_folder()
        key, certificate = (os.path.join(folder, "tls." + name) for name in ("key", "pem"))
        if not os.path.exists(certificate):
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                 "-subj", "/CN=peer.test", "-keyout", key, "-out", certificate],
                check=True, capture_output=True)
        return certificate, key

    def test_tls_client(self):
        certificate, key = self.certificate()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        def serve(connection):
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.sendall(tls.recv(100).upper() * 2000)

        server = self.server(serve)
        lines = self.run_script(f"""
import socket, tls as ssl
s = socket.socket()
s.connect(("{HOST}", {server.port}))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.verify_mode = ssl.CERT_NONE
t = context.wrap_socket(s)
t.write(b"hello")
answer = t.read(10000)
print(len(answer), answer == b"HELLO" * 2000)
t.close()
""")
        self.assertEqual(lines, ["10000 True"])

    @rows("W1", "W2", "W12", "W11")
    def test_sends(self):
        """What is sent arrives; what is not is told."""
        total = []

        def count(connection):
            n = 0
            while True:
                data = connection.recv(1 << 20)
                if not data:
                    break
                n += len(data)
            total.append(n)

        server = self.server(count)
        lines = self.run_script(f"""
import usocket
s = usocket.socket()
s.connect(("{HOST}", {server.port}))
data = bytes(1000000)
print(s.send(data), s.write(data), s.sendall(data), s.send(b""))
s.setblocking(False)
s.close()
""")
        self.assertEqual(lines, ["1000000 1000000 None 0"])
        self.eventually(lambda: total)
        self.assertEqual(total, [3000000])

    def test_many_threads(self):
        """Readers and writers of one process, in threads without a common lock."""
        lines = self.run_script("""
import _thread, time, usocket
N, ROUNDS = 8, 100
listener = usocket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(N)
ended = []
def serve(s):
    while True:
        line = s.readline()
        if not line:
            break
        s.sendall(line)
    s.close()
def client(i):
    s = usocket.socket()
    s.connect(listener.getsockname())
    s.settimeout(20)
    good = 0
    for k in range(ROUNDS):
        line = b"%d %d\\n" % (i, k)
        s.sendall(line)
        good += s.readline() == line
    s.close()
    ended.append(good)
for i in range(N):
    _thread.start_new_thread(client, (i,))
for i in range(N):
    _thread.start_new_thread(serve, (listener.accept()[0],))
for _ in range(2000):
    if len(ended) == N:
        break
    time.sleep_ms(10)
print(ended)
""")
        self.assertEqual(lines, [str([100] * 8)])

    def test_links_and_waiting(self):
        lines = self.run_script("""
import json, usocket
print(usocket._wait_link(5), usocket._wait_link(0), usocket._wait_link(None))
print(json.dumps(usocket._links()))
""")
        self.assertEqual(lines[0], "True True True")
        link = json.loads(lines[1])[0]
        self.assertEqual((link["name"], link["driver"], link["state_name"], link["address"]),
                         ("net0", "slirp", "up", "10.0.2.15"))
        self.assertIsNone(link["rssi_dbm"])

    def test_quectels_checknet(self):
        lines = self.run_script("""
import checkNet, log
log.basicConfig(level=log.INFO)
print(checkNet.CheckNetwork("p", "1").wait_network_connected(30))
log.getLogger("x").info("hello %d", 5)
""")
        self.assertEqual(lines, ["(3, 1)", "INFO:x:hello 5"])


if __name__ == "__main__":
    runner.main()
