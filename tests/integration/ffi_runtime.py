# SPDX-License-Identifier: MIT
"""
What is special to the modules over ffi; the rest is shown by
micropython_module.py and by the conformance suite.
"""

import signal

import harness
import usock

from ffi_support import PRELUDE, FfiCase
from runner import rows


class Life(FfiCase):
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
        return harness.stat_of(pid)[0] == "S"

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


class Shapes(FfiCase):
    def test_buffers_count_in_bytes_and_must_fit(self):
        self.check("""
import array
s, c = pair()
for data in b"ab", bytearray(b"ab"), memoryview(b"xaby")[1:3], array.array("H", [1]):
    assert s.send(data) == 2
assert c.read(8) == b"ababab\\x01\\x00"
numbers = array.array("H", [0] * 3)
s.send(b"123456"); assert c.readinto(numbers) == 6 and numbers[2] == 0x3635
s.send(b"12"); assert c.readinto(memoryview(numbers)[1:2]) == 2 and numbers[1] == 0x3231
for bad in memoryview(b"const"), "str", [0]:
    raises(TypeError, c.readinto, bad)
for bad in [1], (1,), {}, lambda: 1:
    raises(TypeError, s.send, bad)
raises(ValueError, s.connect, ("127.0.0.1\\x00x", 1))
raises(ValueError, usocket.getaddrinfo, "127.0.0.1\\x00x", 1)
""")

    def test_descriptor_of_another_becomes_a_socket(self):
        self.check("""
import ffi, os
dup = ffi.open(None).func("i", "dup", "i")
s, c = pair()
for module in usocket, socket:
    twin = module.socket(fileno=dup(s.fileno()))
    assert twin.getsocketsta() == 4 and twin.send(b"x") == 1 and c.recv(1) == b"x"
    twin.close()
with open(sys.argv[0]) as f:
    fails(88, lambda: usocket.socket(fileno=f.fileno()))
    assert f.read(1)
fails(9, lambda: usocket.socket(fileno=999))
raises(TypeError, lambda: usocket.socket(fileno="1"))
assert s.send(b"x") == 1
""")

    @rows("O5")
    def test_callbacks_end_with_their_sockets(self):
        self.check("""
from usocket_ffi import callback
l = usocket.socket(); l.bind(("127.0.0.1", 0)); l.listen()
made = []
l.setsockopt(1, 20, lambda x: made.append(x.accept()[0]))
for i in range(5):
    usocket.socket().connect(l.getsockname())
    time.sleep(0.1)
assert len(made) == 5, made
def close(x):
    x.close()
s, c = pair()
c.setsockopt(1, 20, close)
s.send(b"x")
time.sleep(0.2)
assert c.fileno() == -1
l.close()
assert not callback._watches
""")
