# SPDX-License-Identifier: MIT
"""The CPython module: threads, signals, memory, the daemon's absence, companions."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref

import harness
from cpython_support import ModuleCase, python_env, run_python
from runner import rows
from slirp_support import HOST, SILENT, drain, echo

import usocket


# ---- threads, signals --------------------------------------------------------

class Threads(ModuleCase):
    def test_other_threads_run_while_one_waits(self):
        client, _ = self.pair()
        client.settimeout(0.5)
        count = 0
        thread = threading.Thread(target=lambda: self.assertRaises(OSError, client.recv, 1))
        thread.start()
        while thread.is_alive():
            count += 1
        thread.join()
        self.assertGreater(count, 10000)

    def test_signal_handler_runs_and_the_deadline_stays(self):
        client, _ = self.pair()
        client.settimeout(0.5)
        calls = []
        old = signal.signal(signal.SIGALRM, lambda *_: calls.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        try:
            for call in (lambda: client.recv(1), lambda: client.read(5), client.readline):
                calls.clear()
                with self.takes(0.5, 0.6), self.raises(110, TimeoutError):
                    call()
                self.assertGreaterEqual(len(calls), 3)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)

    def test_signal_while_connecting(self):
        s = self.socket()
        s.settimeout(0.5)
        old = signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        try:
            with self.takes(0.5, 0.6), self.raises(110, TimeoutError):
                s.connect((SILENT, 9))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)

    def test_signal_in_a_long_send(self):
        s = self.connect(lambda c: (time.sleep(0.4), drain(c)))
        data = bytes(20000000)
        old = signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        try:
            s.settimeout(None)
            self.assertEqual(s.send(data), len(data))
            s.sendall(data)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
        self.eventually(lambda: s.getsendacksize() == 2 * len(data))

    def test_handler_that_raises_ends_the_call_and_loses_nothing(self):
        client, server = self.pair()

        class Raised(Exception):
            pass

        def handler(*_):
            raise Raised
        old = signal.signal(signal.SIGALRM, handler)
        try:
            for call in (lambda: client.read(10), lambda: client.readinto(bytearray(10)),
                         client.readline):
                server.sendall(b"part")
                signal.setitimer(signal.ITIMER_REAL, 0.2)
                with self.assertRaises(Raised):
                    call()
                self.assertEqual(client.recv(10), b"part")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)

    def test_handler_that_closes(self):
        client, _ = self.pair()
        old = signal.signal(signal.SIGALRM, lambda *_: client.close())
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with self.raises(9):
                client.recv(1)
        finally:
            signal.signal(signal.SIGALRM, old)

    def test_many_threads_on_many_sockets(self):
        server = self.server(echo)
        failures = []

        def work(seed):
            try:
                for _ in range(5):
                    with usocket.socket() as s:
                        s.settimeout(20)
                        s.connect((HOST, server.port))
                        data = bytes([seed]) * 30000
                        s.sendall(data)
                        if s.read(len(data)) != data:
                            failures.append("wrong data")
            except Exception as e:
                failures.append(repr(e))
        threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])

    def test_readers_and_writers_on_one_socket(self):
        client, server = self.pair()
        lines = 400
        got = []

        def read():
            while True:
                line = client.readline()
                if not line:
                    return
                got.append(line)
        readers = [threading.Thread(target=read) for _ in range(4)]
        for t in readers:
            t.start()
        for i in range(lines):
            server.sendall(b"%05d\n" % i)
        server.close()
        for t in readers:
            t.join()
        # Lines may be torn between readers that share one socket, bytes never lost.
        self.assertEqual(len(b"".join(got)), 6 * lines)


# ---- memory ------------------------------------------------------------------

# Run in a process of its own: prints by how much each action makes it grow.
MEMORY_CODE = """
import ctypes, gc, os, warnings
import usocket

class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks "
                "keepcost".split()]

warnings.simplefilter("ignore")
info = ctypes.CDLL(None).mallinfo2
info.restype = Mallinfo2
listener = usocket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()

def refuse(function, *arguments):
    try:
        function(*arguments)
    except Exception:
        pass

def converse():
    client = usocket.socket()
    client.connect(listener.getsockname())
    server = listener.accept()[0]
    server.settimeout(0.001)
    client.sendall(b"a line\\nhalf a line")
    for call, *arguments in ((server.readline,), (server.readline,), (server.recvfrom, 2),
                             (server.read, 100), (server.readinto, bytearray(5)),
                             (client.getsockopt, 6, usocket.TCP_INFO),
                             (client.getsockopt, 1, usocket.SO_ERROR, 4),
                             (client.setsockopt, 1, usocket.SO_REUSEADDR, b"1234"),
                             (client.write, "text"), (server.recv, 1 << 40),
                             (server.recv, 1 << 40)):
        refuse(call, *arguments)
    client.close()
    server.close()

def mistake():
    s = usocket.socket()
    s.setblocking(False)
    for call, *arguments in ((s.recv, -1), (s.recv, 5), (s.bind, 5), (s.bind, ("x", "y")),
                             (s.connect, ("127.0.0.1", 1 << 40)), (s.send, 5),
                             (s.sendto, b"x", 5), (s.accept,), (s.settimeout, -1),
                             (s.setsockopt, 17, usocket.SO_REUSEADDR, b"x"),
                             (s.makefile, "r"), (s.readinto, b""), (usocket.socket, 99),
                             (s.connect, ("10.0.2.2", 0)), (s.bind, ("a\\0b", 1)),
                             (usocket.getaddrinfo, "a\\0b", 5),
                             (usocket.getaddrinfo, "1.2.3.4", "nope")):
        refuse(call, *arguments)

def drop():
    usocket.socket()

def resolve():
    usocket.getaddrinfo("both.test", 80)

def links():
    usocket._links()

for action in converse, mistake, drop, resolve, links:
    # Python keeps things until it has seen all of a path often enough.
    for _ in range(800):
        action()
    gc.collect()
    before = info().uordblks, len(os.listdir("/proc/self/fd"))
    for _ in range(500):
        action()
    gc.collect()
    after = info().uordblks, len(os.listdir("/proc/self/fd"))
    print(action.__name__, after[0] - before[0], after[1] - before[1])
""".replace("\\\\", "\\")


class Memory(ModuleCase):
    def test_nothing_leaks(self):
        # A sanitizer's allocator keeps its own count, and fails the process.
        done = run_python("-c", MEMORY_CODE, PYTHONMALLOC="malloc",
                          ASAN_OPTIONS="detect_leaks=1")
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in done.stdout.splitlines():
            action, n_bytes, n_descriptors = line.split()
            # The least that malloc gives, 32 bytes, each time would be 16000.
            self.assertLess(int(n_bytes), 16000, action)
            self.assertEqual(int(n_descriptors), 0, action)
        self.assertEqual(len(done.stdout.splitlines()), 5)

    def test_module_can_be_loaded_and_dropped(self):
        code = ("import gc, sys\n"
                "for _ in range(50):\n"
                "    import usocket\n    s = usocket.socket()\n    s.close()\n"
                "    del s, usocket, sys.modules['usocket']\n    gc.collect()\n"
                "print('done')\n")
        done = run_python("-c", code)
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)

    def test_class_in_a_cycle_is_collected(self):
        class Mine(usocket.socket):
            pass
        s = Mine()
        number = s.fileno()
        Mine.last = s
        del s, Mine
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()
        with self.assertRaises(OSError):
            os.fstat(number)

    def test_subinterpreter(self):
        try:
            import _xxsubinterpreters as sub
        except ImportError:
            self.skipTest("this Python's interpreters have another module")
        number = sub.create(isolated=False)
        try:
            sub.run_string(number, f"import sys\nsys.path[:0] = {sys.path[:2]!r}\n"
                                   "import usocket\ns = usocket.socket()\n"
                                   "assert s.getsocketsta() == 0\ns.close()\n")
        finally:
            sub.destroy(number)


# ---- the daemon's absence ----------------------------------------------------

class Callbacks(ModuleCase):
    def test_socket_with_a_closed_ones_number_can_drop_its_callback(self):
        s = self.socket()
        fd = s.fileno()
        s.setsockopt(usocket.SOL_SOCKET, 20, lambda _: None)
        s.close()
        s = self.socket()
        self.assertEqual(s.fileno(), fd)
        s.setsockopt(usocket.SOL_SOCKET, 20, None)

    def test_callback_goes_with_its_socket(self):
        def callback(_):
            pass
        s = usocket.socket()
        s.setsockopt(usocket.SOL_SOCKET, 20, callback)
        callback = weakref.ref(callback)
        s.close()
        del s
        gc.collect()
        self.assertIsNone(callback())


class Absence(ModuleCase):
    def test_table_of_descriptors_is_made_large_before_there_are_threads(self):
        """To make it so later costs a process with threads 10 to 20 ms."""
        code = ("import resource\nprint(*resource.getrlimit(resource.RLIMIT_NOFILE))\n"
                "def size():\n"
                "    with open('/proc/self/status') as f:\n"
                "        return dict(line.split(':') for line in f)['FDSize'].strip()\n"
                "print(size())\nimport usocket\nprint(size())\n")
        # As large as its parent needs it: not this process, which has the library's.
        done = subprocess.run(["sh", "-c", '"$0" -c "$1"; exit $?', sys.executable, code],
                              text=True, capture_output=True, env=python_env())
        limit, _, before, after = map(int, done.stdout.split())
        lowest = min(512, limit - 32)
        self.assertLess(before, lowest, done.stderr)
        self.assertGreater(after, lowest)

    def test_absent_daemon_is_19_and_says_where(self):
        code = ("import usocket\n"
                "for call in (usocket.socket, lambda: usocket.getaddrinfo('x', 1),\n"
                "             usocket._links):\n"
                "    try:\n        call()\n"
                "    except OSError as e:\n        print(e.args[0], e.args[1])\n")
        done = run_python("-c", code, USOCKETD_SOCKET="/nowhere/usocketd.sock")
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 3, done.stderr)
        for line in lines:
            self.assertTrue(line.startswith("19 "), line)
            self.assertIn("/nowhere/usocketd.sock", line)
            self.assertIn("systemctl start usocketd", line)

    @rows("G13")
    def test_daemon_dies_and_comes_back(self):
        other = self.other_daemon()
        code = ("import sys, usocket\n"
                "s = usocket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\n"
                "c = usocket.socket()\nc.connect(s.getsockname())\n"
                "print('ready', flush=True)\nsys.stdin.readline()\n"
                "try:\n    c.recv(1)\nexcept OSError as e:\n    print(e.args[0])\n"
                "try:\n    usocket.socket()\nexcept OSError as e:\n    print(e.args[0])\n"
                "print(c.getsocketsta(), flush=True)\nsys.stdin.readline()\n"
                "print(usocket.socket().getsocketsta())\n")
        child = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 env=python_env(USOCKETD_SOCKET=other.socket))
        with child:
            self.assertEqual(child.stdout.readline(), "ready\n")
            other.kill()
            child.stdin.write("\n")
            child.stdin.flush()
            self.assertEqual([child.stdout.readline() for _ in range(3)],
                             ["103\n", "19\n", "0\n"])
            other.start()
            self.assertEqual(child.communicate("\n")[0], "0\n")


# ---- what the companions need ------------------------------------------------

class Companions(ModuleCase):
    def test_links(self):
        link, = usocket._links()
        self.assertEqual((link["name"], link["driver"], link["address"]),
                         ("net0", "slirp", "10.0.2.15"))
        self.assertIsNone(link["rssi_dbm"])
        self.assertTrue(usocket._wait_link(0))
        with self.assertRaises(TypeError):
            usocket._wait_link("x")
