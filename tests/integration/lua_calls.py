# SPDX-License-Identifier: MIT
"""The numbers of failures, times, options and calls that LuaSocket does not have."""

import socket
import struct
import time

import fakedns
import harness
from harness import Tun
from lua_support import SlirpCase, TunCase, in_each_interpreter
from runner import rows

LINGER_0 = struct.pack("ii", 1, 0)
# What scripts begin with.
BEGIN = """
    local usocket = require("usocket")
    local host, port = arg[1], arg[2]
    local function at(...) return select(4, ...) end
    local function client()
        local c = assert(usocket.connect(host, port))
        c:settimeout(5)
        return c
    end
    """


@in_each_interpreter
class _Calls(TunCase):
    def listen(self):
        listener = self.kernel_listener()
        return listener, listener.getsockname()[1]

    def run_client(self, code, *arguments):
        """A script with a kernel's listener: it and the child."""
        listener, port = self.listen()
        child = self.start(self.script(BEGIN + code), self.kernel, str(port),
                           *map(str, arguments))
        return self.accept_kernel(listener), child

    def finish(self, child, text="\n"):
        out, err = child.communicate(text, timeout=40)
        self.assertEqual((child.returncode, err), (0, ""), out)
        return out.splitlines()

    @rows("B6", "G2", "G6", "G9", "K2", "K7", "C2", "C4", "C5", "R4", "R5", "X11", "B3", "B4",
          "B5", "A4", "W6", "O6")
    def test_numbers(self):
        _, port = self.listen()
        self.assertEqual(self.lines(BEGIN + """
            print(at(usocket.connect(host, 1)))
            print(at(usocket.connect("nosuch..invalid", 1)))
            print(at(usocket.connect(host, "nosuchservice")))
            print(at(usocket.connect("::1", port, nil, nil, "inet")))
            print(at(usocket.tcp():getsockname()))
            print(at(usocket.tcp4():getpeername()))
            local s = usocket.tcp()
            print(s:bind("*", 0), at(s:bind("*", 0)))
            local _, taken = s:getsockname()
            print(s:listen(), at(usocket.tcp():bind("0.0.0.0", taken)))
            print(at(usocket.tcp():bind("1.2.3.4", 0)))
            print(at(s:connect(host, port)))
            s:settimeout(0) print(at(s:accept()))
            s:settimeout(0.01) print(at(s:accept()))
            s:close() print(at(s:accept()))
            local c = client()
            print(at(c:connect(host, port)))
            c:settimeout(0.01) print(at(c:receive()))
            c:settimeout(0) print(at(c:receive(5)))
            c:settimeout(0.01, "t") c:settimeout(5) print(at(c:receive("*a")))
            print(at(c:setoption("tcp-fastopen", 1)))
            c:close() print(at(c:receive()), at(c:send("x")), at(c:shutdown()))
            c = usocket.tcp() c:connect(host, 1)
            print(at(c:send("x")))
            local u = usocket.udp() u:setsockname("*", 0)
            u:settimeout(0) print(at(u:receive()))
            u:settimeout(0.01) print(at(u:receivefrom()))
            print(at(u:sendto("x", "255.255.255.255", 9)))
            print(at(u:sendto(("x"):rep(70000), host, 9)))
            u:close() print(at(u:receive()), at(u:sendto("x", host, 9)))
            print(at(usocket.dns.toip("nosuch..invalid")))
            print(at(usocket.protect(function() usocket.try(usocket.connect(host, 1)) end)()))
            """, self.kernel, port), [
                "111", "-2", "-8", "-9", "9", "107", self.one() + "\t22", self.one() + "\t98",
                "99", "106", "11", "110", "9", "106", "110", "11", "110", "92", "9\t9\t9", "107",
                "11", "110", "13", "90", "9\t9", "-2", "111"])

    def one(self):
        """How this Lua writes LuaSocket's 1."""
        return "1.0" if self.interpreter in ("lua5.3", "lua5.4") else "1"

    @rows("B6", "R2", "R3", "W9", "G16")
    def test_end_and_reset_are_told_apart_by_number(self):
        peer, child = self.run_client("""
            local c = client()
            print(c:receive("*l"))
            print(c:receive("*l"))
            print(c:receive("*l"))
            io.read()
            """)
        peer.sendall(b"line\npart")
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual(self.finish(child), [
            "line\tnil\tnil", "nil\tclosed\tpart\t0", "nil\tclosed\t\t0"])

    @rows("B6", "R3", "W9")
    def test_report_reset(self):
        for on, text in (("false", "closed"), ("true", "reset")):
            peer, child = self.run_client("""
                local c = client()
                print(c:setoption("report-reset", arg[3] == "true"),
                      c:getoption("report-reset"))
                io.stdout:flush()
                usocket.select({c}, nil, 10)
                print(c:receive(3, "p"))
                print(c:receive(3))
                print(select(2, c:send("x")))
                """, on)
            self.assertEqual(child.stdout.readline(), f"{self.one()}\t{on}\n")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
            peer.close()
            zero = "0.0" if self.one() == "1.0" else "0"
            self.assertEqual(self.finish(child), [
                f"nil\t{text}\tp\t104", "nil\tclosed\t\t0", f"closed\t{zero}\t32"])

    @rows("G4", "K4", "C5", "R4")
    def test_times(self):
        out = self.lines(BEGIN + """
            local function took(seconds, f, ...)
                local begin = usocket.gettime()
                local results = {f(...)}
                local t = usocket.gettime() - begin
                print(t > seconds - 0.002 and t < seconds + 0.5,
                      type(results[2]) == "string" and results[2], results[4])
            end
            local s = usocket.tcp() s:settimeout(0.2)
            took(0.2, s.connect, s, arg[3], 9)
            s = usocket.bind("*", 0) s:settimeout(0.15)
            took(0.15, s.accept, s)
            local c = client() c:settimeout(0.1)
            took(0.1, c.receive, c, "*a")
            c:settimeout(0.0001)
            took(0, c.receive, c)
            took(0.12, usocket.select, {c}, nil, 0.12)
            took(0.05, usocket.sleep, 0.05)
            local u = usocket.udp() u:setsockname("*", 0) u:settimeout(5) u:settimeout(0.1, "t")
            took(0.1, u.receive, u)
            """, self.kernel, self.listen()[1], self.silent)
        self.assertEqual(out, ["true\ttimeout\t110"] * 4 + ["true\tfalse\tnil"] * 2
                         + ["true\ttimeout\t110"])

    def test_modes_of_time_outs(self):
        """"b" is for each wait, "t" for the call: bytes that drip in tell them apart."""
        for mode, expected in (("b", "abcdef\tnil\tnil"), ("t", "nil\ttimeout\t")):
            peer, child = self.run_client("""
                local c = client()
                c:settimeout(-1)
                c:settimeout(0.8, arg[3])
                print("ready") io.stdout:flush()
                print(c:receive(6))
                """, mode)
            child.stdout.readline()
            with harness.contextlib.suppress(OSError):
                for byte in b"abcdef":
                    time.sleep(0.3)
                    peer.sendall(bytes([byte]))
            out = self.finish(child)[0]
            self.assertTrue(out.startswith(expected), out)

    @rows("R16", "R1", "R7", "R8")
    def test_recv(self):
        peer, child = self.run_client("""
            local c = client()
            print(c:recv(100, "peek"))
            print(c:recv(2, "peek", "dontwait"))
            print(c:recv(3), c:dirty())
            print(c:receive())
            print(c:recv(0), pcall(c.recv, c, -1))
            print(select(2, c:recv(5, "dontwait")))
            print(pcall(c.recv, c, 5, "nosuch"))
            io.stdout:flush()
            print(c:recv(8, "waitall"))
            print(c:recv(4, "waitall", "peek"))
            print(c:recv(100, "waitall"))
            print(c:recv(1))
            c:close()
            print(c:recv(1, "peek"))
            """)
        peer.sendall(b"first line\n")
        out = [child.stdout.readline().rstrip("\n") for _ in range(8)]
        self.assertEqual(out[:7], [
            "first line", "\tnil\tnil", "fi\tnil\tnil", "fir\ttrue", "st line\tnil\tnil",
            "\tfalse\tbad argument #2 to '?' (invalid size)", "timeout\t\t11"])
        self.assertIn("invalid option 'nosuch'", out[7])
        peer.sendall(b"1234")
        time.sleep(0.1)
        peer.sendall(b"5678peektail")
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual(self.finish(child), [
            "12345678\tnil\tnil", "peek\tnil\tnil", "peektail\tnil\tnil", "nil\tclosed\t\t0",
            "nil\tclosed\t\t9"])

    @rows("R16", "R10", "R11", "D1", "D2", "D8")
    def test_datagram_flags(self):
        out = self.lines(BEGIN + """
            local a, b = usocket.udp(), usocket.udp()
            a:setsockname("127.0.0.1", 0) a:settimeout(2)
            local _, p = a:getsockname()
            for _, data in ipairs({"one", "", "three"}) do b:sendto(data, "127.0.0.1", p) end
            print((a:receivefrom(10, "peek")), (a:recv(10)), #a:receive(), a:receive(2))
            print(a:receive(5, "dontwait"))
            print(pcall(a.receive, a, -1))
            """, self.kernel, 1)
        self.assertEqual(out, ["one\tone\t0\tth", "nil\ttimeout\tnil\t11",
                               "false\tbad argument #2 to '?' (invalid size)"])

    @rows("Q1", "Q2", "Q3", "Q4", "Q5", "Q6", "Q8", "Q9", "Q11")
    def test_states(self):
        peer, child = self.run_client("""
            local c = client()
            print(usocket.tcp():getsocketsta(), usocket.tcp4():getsocketsta(),
                  usocket.bind("*", 0):getsocketsta(), c:getsocketsta(), usocket.udp().getsocketsta)
            local s = usocket.tcp() s:settimeout(0) s:connect(arg[3], 9)
            print(s:getsocketsta(), s:getsendacksize())
            c:send("12345")
            for _ = 1, 500 do
                if c:getsendacksize() == 5 then break end
                usocket.sleep(0.01)
            end
            print(c:getsendacksize())
            io.stdout:flush()
            io.read()
            print(c:getsocketsta())
            c:close()
            print(c:getsocketsta(), c:getsendacksize())
            """, self.silent)
        self.assertEqual([child.stdout.readline() for _ in range(3)],
                         ["-1\t0\t1\t4\tnil\n", "2\t-1\n", "5\n"])
        peer.shutdown(socket.SHUT_WR)
        time.sleep(0.2)
        self.assertEqual(self.finish(child), ["7", "-1\t-1"])

    @rows("O2", "O4", "O7", "O9", "O10")
    def test_options(self):
        out = self.lines(BEGIN + """
            local c = client()
            print(c:setoption("keepalive-minutes", 3) ~= nil, c:getoption("keepalive"),
                  c:getoption("tcp-keepidle") == 180, c:getoption("tcp-keepintvl") == 25)
            print(c:setoption("keepalive-minutes", 121))
            print(c:setoption("tcp-keepidle", 0/0))
            print(pcall(c.setoption, c, "tcp-keepidle", "x"))
            print(c:setoption("wait-link", true) ~= nil, c:getoption("wait-link"))
            print(c:getoption("error"))
            c:send("123")
            local info
            for _ = 1, 500 do
                info = c:getoption("tcp-info")
                if info.acked == 3 then break end
                usocket.sleep(0.01)
            end
            print(info.state, info.sent == 3, info.rtt >= 0, type(info.retransmits))
            local u = usocket.udp4()
            print(u:getoption("ip-ttl") == 64)
            local group = {multiaddr = "224.1.1.1", interface = "*"}
            print(u:setoption("ip-add-membership", group) ~= nil,
                  u:setoption("ip-drop-membership", group) ~= nil)
            print(at(u:setoption("ip-drop-membership", group)))
            u = usocket.udp6()
            group = {multiaddr = "ff02::99"}
            print(u:setoption("ipv6-add-membership", group) ~= nil,
                  u:setoption("ipv6-drop-membership", group) ~= nil)
            group.interface = "x"
            print(pcall(u.setoption, u, "ipv6-add-membership", group))
            """, self.kernel, self.listen()[1])
        self.assertEqual(out, [
            "true\ttrue\ttrue\ttrue", "nil\tsetsockopt failed\tnil\t22",
            "nil\tsetsockopt failed\tnil\t22",
            "false\tbad argument #3 to '?' (number expected, got string)",
            "true\ttrue", "nil", "ESTABLISHED\ttrue\ttrue\tnumber", "true",
            "true\ttrue", "99", "true\ttrue",
            "false\tbad argument #3 to '?' (number 'interface' field expected)"])

    @rows("K5", "K10", "A10")
    def test_connect_by_name_without_waiting(self):
        _, port = self.listen()
        out = self.lines(BEGIN + """
            local c = usocket.tcp() c:settimeout(0)
            print(c:connect("localhost", 1))
            usocket.select(nil, {c}, 5)
            print(c:connect("localhost", 1))
            """, self.kernel, port)
        self.assertEqual(out[0], "nil\ttimeout\tnil\t115")
        self.assertEqual(out[1], "nil\tconnection refused\tnil\t111")

    @rows("X7", "G10")
    def test_setfd(self):
        peer, child = self.run_client("""
            local c, d = client(), usocket.tcp()
            local fd = c:getfd()
            print(d:setfd(fd), d:getfd() == fd, d:getfamily())
            print(c:setfd(-1), c:getfd() == -1)
            print(c:setfd(0))
            print(c:setfd(9999))
            print(c:getfd() == -1, pcall(c.setfd, c, "x"))
            c = nil collectgarbage()
            print(d:setoption("tcp-nodelay", true) ~= nil)
            d:connect(host, port) print(d:send("hello") == 5)
            print(d:setfd(fd), d:setfd(0), d:getfd() == fd)
            """)
        self.assertEqual(peer.recv(10), b"hello")
        out = self.finish(child)
        self.assertEqual(out[:4], ["nil\ttrue\tinet4", "nil\ttrue",
                                   "nil\tSocket operation on non-socket\tnil\t88",
                                   "nil\tBad file descriptor\tnil\t9"])
        self.assertEqual(out[4], "true\tfalse\tbad argument #2 to '?' (number expected, got string)")
        self.assertEqual(out[5:7], ["true", "true"])

    @rows("P5", "P7", "P8", "P9")
    def test_select_sees_errors(self):
        out = self.lines(BEGIN + """
            local c = usocket.tcp() c:settimeout(0) c:connect(host, 1)
            local r, w, e = usocket.select({c}, {c}, 10)
            if #w == 0 then r, w, e = usocket.select(nil, {c}, 10) end
            print(w[1] == c, e)
            local l = usocket.bind("*", 0)
            r, w, e = usocket.select({l}, {l}, 0)
            print(#r, #w, e)
            l:close()
            print(select(3, usocket.select({l}, {l}, 0)))
            """, self.kernel, 1)
        self.assertEqual(out, ["true\tnil", "0\t0\ttimeout", "timeout"])

    def test_large_data(self):
        listener, port = self.listen()
        child = self.start(self.script(BEGIN + """
            local c = client()
            local data = assert(c:receive(3000000))
            print(#data, select("#", c:receive(10)))
            local rest = assert(c:receive("*a"))
            local sent = c:send(data .. rest)
            print(#rest, math.floor(sent))
            c:close()
            """), self.kernel, str(port))
        peer = self.accept_kernel(listener)
        data = bytes(range(256)) * 20000
        peer.settimeout(30)
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := peer.recv(1 << 20):
            got += chunk
        self.assertEqual(len(got), len(data) - 10)
        self.assertEqual(got, data[:3000000] + data[3000010:])
        self.assertEqual(self.finish(child), ["3000000\t3", "2119990\t5119990"])


@in_each_interpreter
class _Tun6(TunCase):
    family = 6

    @rows("A8", "D3")
    def test_ipv6(self):
        listener = self.kernel_listener()
        port = listener.getsockname()[1]
        out = self.lines(BEGIN + """
            local c = client()
            print(c:getfamily(), (c:getpeername()) == host, select(3, c:getpeername()))
            c = usocket.tcp6() print(c:connect(host, port) ~= nil, (c:getsockname()) == arg[3])
            local u = usocket.udp() print(u:sendto("x", host, 9) ~= nil, u:getfamily())
            print(select(3, u:getsockname()), (u:getsockname()))
            local s = usocket.bind("::", 0) print((s:getsockname()))
            """, self.kernel, port, self.stack)
        self.assertEqual(out, ["inet6\ttrue\tinet6", "true\ttrue", "true\tinet6", "inet6\t::",
                               "::"])
        self.assertEqual(Tun.KERNEL[6], self.kernel)


@in_each_interpreter
class _Names(SlirpCase):
    """A name server of the test's."""

    @classmethod
    def make_link(cls):
        harness.private_network()
        cls.dns = fakedns.FakeDns()
        cls.addClassCleanup(cls.dns.close)
        return {**super().make_link(),
                "resolver": {"hosts": "none", "timeout": 1, "servers": f"10.0.2.2:{cls.dns.port}"}}

    @rows("A1", "A4", "A5", "A9", "K1", "K10", "D8")
    def test_answers(self):
        self.dns.zone.update({
            ("two.test", fakedns.A): ["192.0.2.1", "192.0.2.2"],
            ("six.test", fakedns.AAAA): ["2001:db8::1"],
            ("alias.test", fakedns.CNAME): ["two.test"],
            ("broken.test", "*"): fakedns.SERVFAIL,
            ("silent.test", "*"): None,
            ("here.test", fakedns.A): ["127.0.0.1"],
        })
        out = self.lines("""
            local usocket = require("usocket")
            local dns = usocket.dns
            local ip, found = dns.toip("two.test")
            table.sort(found.ip)
            print(ip:match("^192%.0%.2%.") ~= nil, found.name, table.concat(found.ip, " "))
            print(dns.tohostname("alias.test"))
            print(dns.getaddrinfo("six.test")[1].family, dns.getaddrinfo("six.test")[1].addr)
            print(dns.toip("six.test"))
            for _, name in ipairs({"none.test", "broken.test", "silent.test"}) do
                print(dns.getaddrinfo(name))
            end
            print(dns.toip("silent.test"))
            print(dns.tohostname("192.0.2.1"))
            print(dns.getnameinfo("192.0.2.1", "80")[1], select(2, dns.getnameinfo("::1", 443)))
            print(dns.getnameinfo("two.test")[2] ~= nil, #dns.getnameinfo(nil, "1"))
            print(usocket.connect("none.test", 80))
            local s = usocket.tcp() s:settimeout(0.2)
            local begin = usocket.gettime()
            print(s:connect("silent.test", 80))
            print(usocket.gettime() - begin < 0.9)
            local l = usocket.bind("here.test", 0)
            print(l:getsockname() == "127.0.0.1")
            local u = usocket.udp()
            print(u:sendto("x", "here.test", 9) ~= nil, u:sendto("x", "none.test", 9))
            """)
        self.assertEqual(out[0], "true\ttwo.test\t192.0.2.1 192.0.2.2")
        self.assertTrue(out[1].startswith("two.test\ttable"), out[1])
        unknown = "host or service not provided, or not known\tnil\t-2"
        self.assertEqual(out[2:], [
            "inet6\t2001:db8::1", "nil\thost not found\tnil\t-2", "nil\t" + unknown,
            "nil\tnon-recoverable failure in name resolution\tnil\t-4",
            "nil\ttemporary failure in name resolution\tnil\t-3",
            "nil\tHost name lookup failure\tnil\t-3", "nil\thost not found\tnil\t-2",
            "192.0.2.1\thttps", "true\t0",
            "nil\t" + unknown, "nil\ttimeout\tnil\t110", "true", "true",
            "true\tnil\t" + unknown])
