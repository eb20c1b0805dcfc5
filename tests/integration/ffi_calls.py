# SPDX-License-Identifier: MIT
"""Rows of the semantics in the modules over ffi: shapes, errors, data, options."""

from ffi_support import FfiCase
from harness import Call
from runner import rows

PRELUDE = """
import gc, sys, time
import usocket, socket

def raises(kind, f, *arguments):
    try:
        f(*arguments)
    except kind as e:
        return e
    raise AssertionError("no %s of %s" % (kind, arguments))

def fails(number, f, *arguments):
    e = raises(OSError, f, *arguments)
    assert e.args[0] == number, e.args

def takes(seconds, f, *arguments):
    begin = time.ticks_ms()
    f(*arguments)
    took = time.ticks_diff(time.ticks_ms(), begin)
    assert seconds * 1000 - 1 <= took < seconds * 1000 + 3000, took

def pair(module=usocket):
    l = module.socket()
    l.bind(("127.0.0.1", 0))
    l.listen()
    s = module.socket()
    s.connect(l.getsockname())
    made = l.accept()
    l.close()
    return s, made[0]
"""


class Calls(FfiCase):
    def check(self, code, *arguments, said=""):
        code, out, err = self.launch(self.script(PRELUDE + code), *map(str, arguments))
        self.assertEqual((code, out, err), (0, "", said))

    @rows("S1", "S2", "S3", "S4", "S8", "S9", "S10", "G2")
    def test_creating(self):
        self.check("""
assert usocket.socket().getsocketsta() == 0
for module in usocket, socket:
    fails(97, module.socket, 99)
    fails(22, module.socket, 2, 99)
    fails(93, module.socket, 2, 1, 17)
    fails(93, module.socket, 2, 2, 6)
    raises(TypeError, module.socket, 2, 1, 0, 0, 0)
    raises(TypeError, module.socket, "2")
    raises(OverflowError, module.socket, 1 << 40)
    for proto in 0, 7, 8:
        for kind in 1, 2:
            module.socket(2, kind, proto).close()
    with module.socket(2, 2) as s:
        assert s.getsocketsta() == -1
    assert s.fileno() == -1
""")

    @rows("G9", "Q8", "X5", "P10")
    def test_closed(self):
        self.check("""
s, c = pair()
s.close(); s.close()
assert (s.fileno(), s.getsocketsta(), s.getsendacksize()) == (-1, -1, -1)
assert repr(s) == "<socket [closed]>"
for f in (s.recv, s.read, s.readline, s.listen, s.shutdown, s.settimeout):
    fails(9, f, 1)
for f in (s.accept, s.getsockname, s.getpeername, s.read, s.makefile, s.gettimeout):
    fails(9, f)
for f in (s.send, s.write, s.sendall):
    fails(9, f, b"x")
for f in (s.bind, s.connect):
    fails(9, f, ("127.0.0.1", 1))
fails(9, s.sendto, b"", ("127.0.0.1", 1))
fails(9, s.setsockopt, 1, usocket.SO_REUSEADDR, 1)
fails(9, s.setsockopt, 1, 20, print)
fails(9, s.readinto, bytearray(1))
assert s.ioctl(3, 1) == 32 and s.ioctl(10, 0) == -9
p = usocket.poll(); p.register(s, 1)
assert p.poll(0) == [(s, 32)]
""")

    @rows("G4")
    def test_timeouts(self):
        self.check("""
s = usocket.socket(2, 2)
s.bind(("127.0.0.1", 0))
for value in -1, float("nan"):
    raises(ValueError, s.settimeout, value)
for value in "1", [], b"1":
    raises(TypeError, s.settimeout, value)
raises(OverflowError, s.settimeout, 1e18)
assert s.gettimeout() is None and s.getblocking()
s.settimeout(0.0005)
fails(110, s.recv, 1)
s.settimeout(0)
assert s.gettimeout() == 0 and not s.getblocking()
fails(11, s.recv, 1)
s.setblocking([1])
assert s.gettimeout() is None
s.settimeout(0.3)
takes(0.3, lambda: fails(110, s.recv, 1))
assert s.gettimeout() == 0.3
""")

    @rows("G7", "K13", "B1", "B2", "B3", "B4", "B5", "L1", "L2", "L3", "L4")
    def test_addresses_and_binding(self):
        self.check("""
s = usocket.socket()
for address in 1, "127.0.0.1", None, ("127.0.0.1",), ("127.0.0.1", 1, 0, 0), (1, 1), ("", "80"):
    raises(TypeError, s.connect, address)
for port in -1, 65536, 1 << 70:
    raises(ValueError, s.connect, ("127.0.0.1", port))
raises(ValueError, s.connect, ("127.0.0.1\\0x", 1))
fails(22, s.connect, ["127.0.0.1", 0])
s.bind(["", 0])
host, port = s.getsockname()
assert host == "0.0.0.0" and 49152 <= port <= 65535
fails(22, s.bind, ("", 0))
fails(98, usocket.socket().bind, ("", port))
fails(99, usocket.socket().bind, ("9.9.9.9", 0))
fails(107, s.getpeername)
for backlog in 0, -1, 1000:
    s.listen(backlog)
fails(95, usocket.socket(2, 2).listen)
l = usocket.socket(); l.listen()
assert l.getsockname()[1] and l.getsocketsta() == 1
six = usocket.socket(usocket.AF_INET6, usocket.SOCK_DGRAM)
six.bind(("::1", 0))
assert len(six.getsockname()) == 2
other = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
other.bind(("::1", 0, 0, 0))
assert len(other.getsockname()) == 4
other.sendto(b"x", six.getsockname())
assert six.recvfrom(9) == (b"x", other.getsockname()[:2])
""")

    @rows("G1", "C1", "C2", "C3", "C4", "C5", "C6", "R13", "R14")
    def test_accept(self):
        self.check("""
for module in usocket, socket:
    l = module.socket()
    fails(22, l.accept)
    fails(95, module.socket(2, 2).accept)
    l.bind(("127.0.0.1", 0)); l.listen()
    l.settimeout(0); fails(11, l.accept)
    l.settimeout(0.2); takes(0.2, lambda: fails(110, l.accept))
    s = module.socket(); s.connect(l.getsockname())
    made = l.accept()
    c = made[0]
    assert isinstance(c, module.socket) and c.gettimeout() is None
    assert made[1:] == (s.getsockname() if module is usocket else (s.getsockname(),))
    s.sendall(b"x")
    assert c.recvfrom(5) == (b"x", s.getsockname())
""")

    @rows("K2", "K4", "K5", "K6", "K7", "G16", "P8", "Q3")
    def test_connecting(self):
        self.check("""
silent = sys.argv[1], 7
s = usocket.socket()
fails(111, s.connect, (sys.argv[2], 9))
s.settimeout(0.3)
takes(0.3, lambda: fails(110, s.connect, silent))
n = usocket.socket(); n.setblocking(False)
fails(115, n.connect, silent)
fails(114, n.connect, silent)
assert n.getsocketsta() == 2
r = usocket.socket(); r.setblocking(False)
fails(115, r.connect, (sys.argv[2], 9))
p = usocket.poll(); p.register(r, 5)
assert p.poll(5000)[0][1] & 28 == 28
assert r.getsockopt(usocket.SOL_SOCKET, usocket.SO_ERROR) == 111
a, b = pair()
fails(106, a.connect, silent)
""", self.silent, self.kernel)

    @rows("K1", "A1", "A2", "A3", "A6", "A7", "A8", "A11")
    def test_names(self):
        self.check("""
assert usocket.getaddrinfo("127.0.0.1", 80) == [(2, 1, 0, "127.0.0.1", ("127.0.0.1", 80))]
assert usocket.getaddrinfo("127.0.0.1", "80", 2, 2, 17)[0][:3] == (2, 2, 17)
assert usocket.getaddrinfo("127.0.0.1", "http")[0][4] == ("127.0.0.1", 80)
assert usocket.getaddrinfo("", 1)[0][4] == ("0.0.0.0", 1)
fails(-2, socket.getaddrinfo, "", 1)
assert usocket.getaddrinfo("::1", 1)[0][4] == ("::1", 1)
assert socket.getaddrinfo("::1", 1)[0][4] == ("::1", 1, 0, 0)
fails(-8, usocket.getaddrinfo, "127.0.0.1", "nonesuch")
for port in 70000, -1, "70000", "-1", "":
    raises(ValueError, usocket.getaddrinfo, "127.0.0.1", port)
for arguments in ("x",), (1, 2), ("x", []), ("x", 1, 0, 0, 0, 0, 0):
    raises(TypeError, usocket.getaddrinfo, *arguments)
""")

    @rows("W1", "W2", "W3", "W4", "W5", "W6", "W7", "W11", "W12", "W15", "G5", "G8", "D1", "D2",
          "D4", "D5", "R10", "R11")
    def test_sending(self):
        self.check("""
import array
big = bytes(300000)
s, c = pair()
s.settimeout(0.3)
n = len(big)
while n == len(big):
    n = s.send(big)
fails(110, lambda: [s.send(big) for i in range(99)])
takes(0.3, lambda: fails(110, s.sendall, big))
s.setblocking(False)
fails(11, lambda: [s.send(big) for i in range(99)]); fails(11, s.sendall, big)
while s.write(big) is not None:
    pass
s.close()
s, c = pair()
assert s.send(b"") == 0 and s.sendall("") is None
s.settimeout(5)
for data in "a\\xe4", b"ab", bytearray(b"ab"), memoryview(b"xaby")[1:3], array.array("H", [1]):
    assert s.send(data) == (3 if isinstance(data, str) else 2)
assert c.read(11) == b"a\\xc3\\xa4ababab\\x01\\x00"
for data in 5, None, [1]:
    raises(TypeError, s.send, data)
assert s.sendto(b"t", ("1.2.3.4", 5)) == 1 and c.recv(5) == b"t"
fails(107, usocket.socket().send, b"x")
fails(107, usocket.socket().sendto, b"x", ("127.0.0.1", 1))
u = usocket.socket(2, 2); u.bind(("127.0.0.1", 0)); u.settimeout(1)
v = usocket.socket(2, 2)
fails(89, v.send, b"x")
assert v.sendto(b"", u.getsockname()) == 0 and u.recv(5) == b""
assert v.sendto(b"abcdef", u.getsockname()) == 6 and u.recv(3) == b"abc"
v.sendto("next", u.getsockname()); assert u.recv(9) == b"next"
""")

    @rows("R1", "R2", "R4", "R5", "R6", "R7", "R8", "R9", "M1", "M2", "M3", "M4", "M5", "M6", "M7",
          "M8", "M9", "M11", "P5", "P6", "Q5", "X1", "X3", "X4")
    def test_receiving(self):
        self.check("""
s, c = pair()
c.settimeout(0.2)
s.send(b"abc\\ndefgh")
time.sleep(0.1)
assert c.recv(0) == b"" and c.readline(2) == b"ab" and c.readline() == b"c\\n"
assert c.read(9) == b"defgh"
fails(110, c.read, 1); fails(110, c.read); fails(110, c.recv, 1)
raises(ValueError, c.recv, -1); raises(TypeError, c.recv, "1"); raises(TypeError, c.recv)
s.send(b"par"); fails(110, c.readline)
assert c.ioctl(3, 5) == 5 and c.ioctl(10, 0) < 0
p = usocket.poll(); p.register(c); assert p.poll(0) == [(c, 5)]
s.send(b"t\\nx"); assert c.readline() == b"part\\n" and c.recv(1 << 40) == b"x"
b = bytearray(4)
s.send(b"123456789"); time.sleep(0.1)
assert c.readinto(b, 2) == 2 and b == b"12\\0\\0"
assert c.readinto(b, 99) == 4 and b == b"3456"
assert c.readinto(b) == 3 and b == b"7896"
for bad in b"const", "str", 5, memoryview(b"const"):
    raises(TypeError, c.readinto, bad)
c.setblocking(False)
assert c.read(5) is None and c.readline() is None and c.readinto(b) is None
fails(11, c.recv, 5)
s.send(b"rest"); time.sleep(0.1); assert c.read(9) == b"rest"
c.settimeout(1)
s.send(b"end"); s.shutdown(usocket.SHUT_WR)
assert c.read(-1) == b"end" and c.readall() == b"" and c.readline() == b"" and c.recv(1) == b""
time.sleep(0.1); assert c.getsocketsta() == 7
c.send(b"back"); assert s.recv(9) == b"back"
fails(107, usocket.socket().recv, 1); fails(107, usocket.socket().shutdown, 2)
assert c.makefile("rwb") is c
raises(ValueError, c.makefile, "r")
""")

    @rows("M10", "R3", "W9")
    def test_reset(self):
        listener = self.kernel_listener()

        def reset():
            peer = self.accept_kernel(listener)
            peer.recv(2)
            peer.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")
            peer.close()

        peer = Call(reset)
        self.check("""
s = usocket.socket(); s.connect((sys.argv[1], int(sys.argv[2]))); s.send("go")
fails(104, s.read); assert s.read() == b""
fails(32, s.send, b"x")
""", *self.address_of(listener))
        peer.result()

    @rows("O1", "O2", "O3", "O4", "O6", "O7", "O8", "O9", "O10", "Q11")
    def test_options(self):
        self.check("""
U = usocket
s, c = pair()
for level in U.SOL_SOCKET, 77:
    s.setsockopt(level, U.SO_REUSEADDR, 1)
    assert s.getsockopt(level, U.SO_REUSEADDR) == 1
    for n in 0, 1, 120:
        s.setsockopt(level, U.TCP_KEEPALIVE, n)
    for n in -1, 121:
        fails(22, s.setsockopt, level, U.TCP_KEEPALIVE, n)
fails(92, U.socket(2, 2).setsockopt, 1, U.TCP_KEEPALIVE, 1)
s.setsockopt(6, U.TCP_NODELAY, b"\\1\\0\\0\\0"); assert s.getsockopt(6, U.TCP_NODELAY) == 1
fails(92, s.setsockopt, 99, 99, 1)
for value in None, "1", [], 1.5:
    raises(TypeError, s.setsockopt, 1, U.SO_REUSEADDR, value)
assert len(s.getsockopt(1, U.SO_LINGER, 8)) == 8
raises(ValueError, s.getsockopt, 1, U.SO_LINGER, 0)
s.send(b"12345"); assert c.recv(9) == b"12345"
time.sleep(0.5)
info = s.getsockopt(6, U.TCP_INFO)
assert (info["state"], info["bytes_sent"], info["bytes_acked"]) == (4, 5, 5), info
assert c.getsockopt(6, U.TCP_INFO)["bytes_received"] == 5
assert s.getsendacksize() == 5
names = dir(U)
for name in ("AF_INET", "AF_INET6", "SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "IPPROTO_TCP",
             "IPPROTO_UDP", "IPPROTO_TCP_SER", "TCP_CUSTOMIZE_PORT", "SOL_SOCKET",
             "SO_REUSEADDR", "TCP_KEEPALIVE", "SO_BROADCAST", "IP_ADD_MEMBERSHIP"):
    assert name in names, name
""", said="usocket: setsockopt: unknown option 99 (level 99): use the names of the module\n")

    def test_links(self):
        self.check("""
link, = usocket._links()
assert (link["name"], link["driver"], link["state_name"], link["default"]) == (
    "net0", "tun", "up", True), link
assert link["address"] == sys.argv[1] and link["gateway"] == sys.argv[2], link
assert sys.argv[3] in link["addresses6"] and link["dns"] == [], link
assert link["mtu"] == 1500 and link["operator"] is None and link["rssi_dbm"] is None, link
assert usocket._wait_link(0) is True and usocket._wait_link(None) is True
raises(ValueError, usocket._wait_link, -1)
""", self.stack, self.kernel, "fd09::2")
