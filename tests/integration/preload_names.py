# SPDX-License-Identifier: MIT
"""The resolver's own calls, names of addresses, look-ups in the background."""

import os
import tempfile

import fakedns
from harness import Call, Tun
from preload_support import PreloadCase
from runner import deadline

# What the scripts begin with.
CALLS = """
HOST_NOT_FOUND, TRY_AGAIN, NO_RECOVERY, NO_DATA = 1, 2, 3, 4
A, PTR, TXT = 1, 12, 16
libc.__h_errno_location.restype = ctypes.POINTER(ctypes.c_int)
libc.__res_state.restype = ctypes.c_void_p

class State(ctypes.Structure):
    _fields_ = [("retrans", ctypes.c_int), ("retry", ctypes.c_int), ("options", ctypes.c_ulong)]

def state():
    assert libc.__res_init() == 0
    return State.from_address(libc.__res_state())

def ask(name, kind=A, call="res_query", size=512):
    room = ctypes.create_string_buffer(size)
    n = getattr(libc, call)(name.encode(), 1, kind, room, size)
    return room.raw[:min(n, size)] if n >= 0 else -libc.__h_errno_location()[0]
"""


@deadline(60)
class Resolver(PreloadCase):
    @classmethod
    def make_link(cls):
        links = super().make_link()
        links["link net0"]["dns"] = Tun.KERNEL[4]
        return links

    def setUp(self):
        super().setUp()
        self.dns = fakedns.FakeDns(Tun.KERNEL[4], port=53)
        self.addCleanup(self.dns.close)
        self.dns.zone = {
            ("one.test", fakedns.A): ["192.0.2.1"],
            ("text.test", fakedns.TXT): [b"\x05hello"],
            ("long.test", fakedns.TXT): [bytes([200]) + b"x" * 200] * 5,
            ("broken.test", fakedns.A): fakedns.SERVFAIL,
            ("silent.test", fakedns.A): None,
            ("1.2.0.192.in-addr.arpa", fakedns.PTR): ["one.test"],
            ("2.2.0.192.in-addr.arpa", fakedns.CNAME): ["2.0-15.2.0.192.in-addr.arpa"],
            ("2.0-15.2.0.192.in-addr.arpa", fakedns.PTR): ["two.test"],
            ("3.2.0.192.in-addr.arpa", fakedns.PTR): ["no host.test"],
            (".".join("100000000000000000000000" "8bd01002") + ".ip6.arpa", fakedns.PTR):
                ["six.test"],
        }

    def ask(self, text, *arguments):
        self.script(CALLS + text, *arguments)

    def test_questions_and_answers(self):
        self.ask("""
assert ask("one.test")[-4:] == bytes([192, 0, 2, 1])
assert ask("text.test", TXT).endswith(b"hello")
assert ask("ONE.test", call="res_search")[-4:] == bytes([192, 0, 2, 1])
assert ask("no.such.test") == -HOST_NOT_FOUND
assert ask("one.test", TXT) == -NO_DATA
assert ask("broken.test") == -TRY_AGAIN
assert ask("one.test", size=11) == -NO_RECOVERY
assert ask("x" * 300) == -NO_RECOVERY
""")
        self.assertEqual(set(self.dns.askers), {Tun.STACK[4]})

    def test_each_of_the_calls(self):
        self.ask("""
state()
statp = ctypes.c_void_p(libc.__res_state())
room = ctypes.create_string_buffer(512)
for call, arguments in (("res_query", (b"one.test", 1, A)),
                        ("res_search", (b"one.test", 1, A)),
                        ("res_querydomain", (b"one", b"test", 1, A)),
                        ("res_nquery", (statp, b"one.test", 1, A)),
                        ("res_nsearch", (statp, b"one.test", 1, A)),
                        ("res_nquerydomain", (statp, b"one", b"test", 1, A))):
    for prefix in "", "__":
        n = getattr(libc, prefix + call)(*arguments, room, 512)
        assert n > 12 and room.raw[n - 4:n] == bytes([192, 0, 2, 1]), call
query = ctypes.create_string_buffer(512)
n = libc.res_mkquery(0, b"one.test", 1, A, None, 0, None, query, 512)
for call, arguments in ("res_send", ()), ("res_nsend", (statp,)):
    got = getattr(libc, call)(*arguments, query, n, room, 512)
    assert room.raw[got - 4:got] == bytes([192, 0, 2, 1]) and room.raw[:2] == query.raw[:2]
""")
        self.assertEqual(set(self.dns.queries), {("one.test", fakedns.A, "udp")})

    def test_truncated_answers_come_by_tcp(self):
        self.dns.truncate_udp = True
        self.ask("""
answer = ask("long.test", TXT, size=4096)
assert answer.count(b"x" * 200) == 5
# A buffer that is too small: what fits, and the TC bit.
answer = ask("long.test", TXT, size=600)
assert len(answer) == 600 and answer[2] & 2
state().options |= 0x20                     # RES_IGNTC
assert ask("long.test", TXT) == -NO_DATA
""")
        self.assertEqual([way for _, _, way in self.dns.queries],
                         ["udp", "tcp", "udp", "tcp", "udp"])

    def test_options_of_the_state(self):
        self.ask("""
s = state()
s.options |= 8                              # RES_USEVC
assert ask("one.test")[-4:] == bytes([192, 0, 2, 1])
s.options ^= 8 | 0x800000                   # RES_USE_DNSSEC
ask("one.test")
""")
        self.assertEqual([way for _, _, way in self.dns.queries], ["tcp", "udp"])
        # An OPT record with the DO bit; 512 is the program's buffer.
        self.assertEqual(self.dns.raw[1][-11:], bytes.fromhex("0000290200000080000000"))
        self.assertEqual(self.dns.raw[1][10:12], b"\0\1")

    def test_silence_is_bounded(self):
        self.ask("""
s = state()
s.retrans, s.retry = 1, 2
start = time.monotonic()
assert ask("silent.test") == -TRY_AGAIN
assert time.monotonic() - start > 1.9
""")
        self.assertEqual(len(self.dns.queries), 2)

    def test_nobody_serves(self):
        self.doCleanups()
        self.ask("""
assert ask("one.test") == -TRY_AGAIN
""")

    def test_names_of_addresses(self):
        self.ask("""
def name(ip, flags=0):
    return socket.getnameinfo((ip, 80), flags)
assert name("192.0.2.1") == ("one.test", "http")
assert name("192.0.2.1", socket.NI_NUMERICHOST) == ("192.0.2.1", "http")
assert name("192.0.2.2") == ("two.test", "http")
assert name("192.0.2.3") == ("192.0.2.3", "http")
assert name("192.0.2.9") == ("192.0.2.9", "http")
assert name("2001:db8::1") == ("six.test", "http")
assert name("::ffff:192.0.2.1") == ("one.test", "http")
assert name("127.0.0.1") == ("localhost", "http")
try:
    name("192.0.2.9", socket.NI_NAMEREQD)
    raise AssertionError
except socket.gaierror as e:
    assert e.errno == socket.EAI_NONAME, e
assert socket.gethostbyaddr("192.0.2.1") == ("one.test", [], ["192.0.2.1"])
try:
    socket.gethostbyaddr("192.0.2.9")
    raise AssertionError
except socket.herror as e:
    assert e.errno == HOST_NOT_FOUND, e
""")


@deadline(60)
class Configured(PreloadCase):
    """Name servers of the daemon's configuration, with a port of its own."""

    @classmethod
    def make_link(cls):
        cls.links = super().make_link()
        cls.dns = fakedns.FakeDns(Tun.KERNEL[4])
        cls.addClassCleanup(cls.dns.close)
        cls.dns.zone = {("one.test", fakedns.A): ["192.0.2.1"]}
        return {**cls.links, "resolver": {"servers": f"{Tun.KERNEL[4]}:{cls.dns.port}"}}

    def test_they_are_asked(self):
        self.script(CALLS + """
assert ask("one.test")[-4:] == bytes([192, 0, 2, 1])
""")


@deadline(60)
class OverIpv6(PreloadCase):
    """The link's name server has an IPv6 address."""

    @classmethod
    def make_link(cls):
        links = super().make_link()
        links["link net0"]["dns"] = Tun.KERNEL[6]
        return links

    def test_it_is_asked(self):
        dns = fakedns.FakeDns(Tun.KERNEL[6], port=53)
        self.addCleanup(dns.close)
        dns.zone = {("one.test", fakedns.A): ["192.0.2.1"]}
        self.script(CALLS + """
assert ask("one.test")[-4:] == bytes([192, 0, 2, 1])
""")
        self.assertEqual(set(dns.askers), {Tun.STACK[6]})


# getaddrinfo_a(3), by ctypes.
BACKGROUND = """
WAIT, NOWAIT = 0, 1
AGAIN, NONAME, INPROGRESS, CANCELED, NOTCANCELED, ALLDONE = -3, -2, -100, -101, -102, -103

class Info(ctypes.Structure):
    pass
Info._fields_ = [("flags", ctypes.c_int), ("family", ctypes.c_int), ("type", ctypes.c_int),
                 ("protocol", ctypes.c_int), ("len", ctypes.c_uint),
                 ("address", ctypes.c_void_p), ("name", ctypes.c_char_p),
                 ("next", ctypes.POINTER(Info))]

class Request(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("service", ctypes.c_char_p),
                ("hints", ctypes.POINTER(Info)), ("result", ctypes.POINTER(Info)),
                ("code", ctypes.c_int), ("reserved", ctypes.c_int * 5)]

    def address(self):
        return socket.inet_ntoa(ctypes.string_at(self.result[0].address + 4, 4))

class Event(ctypes.Structure):
    _fields_ = [("value", ctypes.c_void_p), ("signal", ctypes.c_int), ("notify", ctypes.c_int),
                ("function", ctypes.c_void_p), ("attributes", ctypes.c_void_p),
                ("reserved", ctypes.c_char * 32)]

hints = Info(family=socket.AF_INET, type=socket.SOCK_STREAM)

def requests(*names):
    all = [Request(name.encode(), b"80", ctypes.pointer(hints)) for name in names]
    return all, (ctypes.POINTER(Request) * len(all))(*map(ctypes.pointer, all))
"""


@deadline(60)
class Background(PreloadCase):
    """Look-ups in the background, by the daemon's resolver."""

    @classmethod
    def make_link(cls):
        links = super().make_link()
        links["link net0"]["dns"] = Tun.KERNEL[4]
        return {**links, "resolver": {"timeout": 3}}

    def setUp(self):
        super().setUp()
        self.dns = fakedns.FakeDns(Tun.KERNEL[4], port=53)
        self.addCleanup(self.dns.close)
        self.dns.zone = {(f"n{i}.test", fakedns.A): [f"192.0.2.{i}"] for i in range(40)}
        self.dns.zone["silent.test", "*"] = None

    def ask(self, text, *arguments):
        self.script(BACKGROUND + text, *arguments)

    def tell_of_question(self, name, path):
        """Makes a file at @path once the server has been asked for @name."""
        self.eventually(lambda: self.dns.count(name) > 0, 40)
        with open(path, "w"):
            pass

    def test_wait(self):
        self.ask("""
all, list = requests(*["n%d.test" % i for i in range(40)], "no.test", "127.0.0.1", "localhost")
assert libc.getaddrinfo_a(WAIT, list, len(all), None) == 0
for i, request in enumerate(all[:40]):
    assert request.code == 0 and request.address() == "192.0.2.%d" % i
assert [r.code for r in all[40:]] == [NONAME, 0, 0]
assert all[41].address() == all[42].address() == "127.0.0.1"
assert libc.gai_error(ctypes.byref(all[40])) == NONAME
assert libc.getaddrinfo_a(WAIT, (ctypes.c_void_p * 2)(), 2, None) == 0
assert libc.getaddrinfo_a(7, list, 1, None) == -11 and ctypes.get_errno() == errno.EINVAL
""")
        self.assertEqual(set(self.dns.askers), {Tun.STACK[4]})

    def test_suspend_and_cancel(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        asked = os.path.join(folder, "asked")
        telling = Call(self.tell_of_question, "silent.test", asked)
        self.ask("""
slow, slow_list = requests(*["silent.test"] * 16)
fast, fast_list = requests("n1.test", "n2.test")
now = struct.pack("ll", 0, 1000000)
assert libc.getaddrinfo_a(NOWAIT, slow_list, 16, None) == 0
assert libc.gai_error(ctypes.byref(slow[0])) == INPROGRESS
assert libc.gai_suspend(slow_list, 16, now) == AGAIN
# Until a thread has taken the first one it could still be cancelled.
while not os.path.exists(sys.argv[1]):
    pass
assert libc.gai_cancel(ctypes.byref(slow[0])) == NOTCANCELED
# All threads are taken by now: these wait in the queue.
while any(r.code != INPROGRESS for r in slow):
    pass
assert libc.getaddrinfo_a(NOWAIT, fast_list, 2, None) == 0
assert libc.gai_cancel(ctypes.byref(fast[1])) == CANCELED
assert libc.gai_error(ctypes.byref(fast[1])) == CANCELED
while fast[0].code == INPROGRESS:
    assert libc.gai_suspend(fast_list, 2, None) in (0, ALLDONE)
assert fast[0].code == 0 and fast[0].address() == "192.0.2.1"
assert libc.gai_suspend(fast_list, 2, None) == ALLDONE
while libc.gai_suspend(slow_list, 16, None) != ALLDONE:
    pass
assert {r.code for r in slow} == {AGAIN}
assert libc.gai_cancel(ctypes.byref(slow[0])) == ALLDONE
""", asked)
        telling.result()

    def test_notification(self):
        self.ask("""
all, list = requests("n1.test", "n2.test", "no.test")
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
event = Event(signal=signal.SIGUSR1, notify=0)
assert libc.getaddrinfo_a(NOWAIT, list, 3, ctypes.byref(event)) == 0
assert signal.sigtimedwait([signal.SIGUSR1], 30).si_signo == signal.SIGUSR1
assert [r.code for r in all] == [0, 0, NONAME]
done = threading.Event()
told = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda value: value == 5 and done.set())
event = Event(value=5, notify=2, function=ctypes.cast(told, ctypes.c_void_p))
assert libc.getaddrinfo_a(NOWAIT, list, 3, ctypes.byref(event)) == 0
assert done.wait(30)
assert [r.code for r in all] == [0, 0, NONAME]
""")

    def test_after_fork(self):
        self.ask("""
all, list = requests("n1.test")
assert libc.getaddrinfo_a(WAIT, list, 1, None) == 0
if os.fork() == 0:
    all, list = requests("n2.test")
    assert libc.getaddrinfo_a(WAIT, list, 1, None) == 0 and all[0].address() == "192.0.2.2"
    os._exit(0)
assert os.wait()[1] == 0
""")
