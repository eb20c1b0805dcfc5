# SPDX-License-Identifier: MIT
"""The module inside Lua: signals, garbage, many descriptors, foreign objects, no daemon."""

import contextlib
import os
import resource
import signal
import socket
import time

import fakedns
import harness

from lua_servers import page_server
from lua_support import SlirpCase, in_each_interpreter
from runner import deadline, rows

BLOCKING = {
    "receive": "c:receive()",
    "receive_all": "c:settimeout(60) c:receive('*a')",
    "recv": "c:recv(10, 'waitall')",
    "send": "c:send(('x'):rep(5e7))",
    "accept": "l:accept() l:accept()",
    "select": "usocket.select({c}, nil)",
    "sleep": "usocket.sleep(60)",
    "datagram": "local u = usocket.udp() u:setsockname('*', 0) u:receivefrom()",
    "coroutine": "coroutine.wrap(function() c:receive() end)()",
}


class Interrupts:
    """Ctrl-C while a script waits."""

    def interrupt(self, code):
        child = self.start(self.script("""
            local usocket = require("usocket")
            local l = usocket.bind("127.0.0.1", 0)
            local c = usocket.connect("127.0.0.1", (select(2, l:getsockname())))
            print("ready") io.stdout:flush()
            """ + code))
        self.assertEqual(child.stdout.readline(), "ready\n")
        self.eventually(lambda: self.sleeps(child.pid), what="the script waits")
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
        return child.returncode, out, err

    @staticmethod
    def sleeps(pid):
        """Twice, as it may also sleep for a moment in a request."""
        states = []
        for _ in range(2):
            time.sleep(0.03)
            states.append(harness.stat_of(pid)[0])
        return states == ["S", "S"]


@in_each_interpreter
class _Runtime(Interrupts, SlirpCase):
    @deadline(120)
    def test_interrupt_from_the_keyboard(self):
        for name, code in BLOCKING.items():
            with self.subTest(name):
                status, _, err = self.interrupt(code)
                self.assertIn("interrupted!", err)
                self.assertEqual(status, 1)

    def test_interrupt_while_bytes_flow(self):
        """The signal finds the script at work, not in a wait, and the flow then ends."""
        def take(peer, n):
            while n > 0 and (data := peer.recv(min(n, 1 << 16))):
                n -= len(data)

        def give(peer, n):
            peer.sendall(bytes(n))
        for flow, code in ((take, "c:send(('x'):rep(5e7))"), (give, "c:receive('*a')")):
            with self.subTest(code), socket.create_server(("127.0.0.1", 0)) as listener:
                child = self.start(self.script(f"""
                    local usocket = require("usocket")
                    local c = usocket.connect("10.0.2.2", {listener.getsockname()[1]})
                    {code}
                    """))
                peer, _ = listener.accept()
                with peer:
                    flow(peer, 1 << 20)
                    child.send_signal(signal.SIGINT)
                    # More than all buffers on the way hold.
                    with contextlib.suppress(ConnectionError):
                        flow(peer, 16 << 20)
                    _, err = child.communicate(timeout=20)
                self.assertIn("interrupted!", err)
                self.assertEqual(child.returncode, 1)

    def test_a_signal_without_a_hook_ends_no_call(self):
        child = self.start(self.script("""
            local usocket = require("usocket")
            local l = usocket.bind("127.0.0.1", 0)
            print("ready") io.stdout:flush()
            l:settimeout(1)
            local begin = usocket.gettime()
            print((select(2, l:accept())), usocket.gettime() - begin > 0.99)
            """))
        child.stdout.readline()
        for _ in range(20):
            child.send_signal(signal.SIGSTOP)
            child.send_signal(signal.SIGCONT)
            child.send_signal(signal.SIGWINCH)
        out, err = child.communicate(timeout=20)
        self.assertEqual((child.returncode, out, err), (0, "timeout\ttrue\n", ""))

    def test_an_interrupted_call_leaves_the_socket_usable(self):
        status, out, err = self.interrupt("""
            local p = l:accept()
            p:send("what arrived ")
            print(pcall(c.receive, c, "*l", "prefix "))
            print(c:dirty(), #usocket.select({c}, nil, 5))
            p:send("is still there\\n")
            print(c:receive(), c:dirty())
            print(p:send(("x"):rep(20000)) == 20000, #c:receive(20000))
            """)
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^false\t.*interrupted!\ntrue\t1\nwhat arrived is still there\t"
                              r"false\ntrue\t20000\n$")

    @rows("G10")
    def test_garbage_is_closed(self):
        out = self.lines("""
            local usocket = require("usocket")
            local l = usocket.bind("127.0.0.1", 0)
            local _, port = l:getsockname()
            for i = 1, 300 do
                -- Local ports of our own: one that chance takes twice may be refused.
                local c = assert(usocket.connect("127.0.0.1", port, "127.0.0.1", 20000 + i))
                assert(l:accept()):settimeout(0)
                usocket.udp4()
                pcall(c.receive, c, {})
                pcall(c.setoption, c, "linger", {})
                pcall(usocket.connect, "127.0.0.1", port, nil, nil, "bad")
                usocket.connect("127.0.0.1", 1)
                if i % 10 == 0 then collectgarbage() collectgarbage() end
            end
            local c = usocket.connect("127.0.0.1", port)
            local p = l:accept()
            c = nil
            collectgarbage() collectgarbage()
            p:settimeout(10)
            print((select(2, p:receive())))
            print(collectgarbage("count") < 5000)
            """)
        self.assertEqual(out, ["closed", "true"])

    @deadline(90)
    def test_errors_while_much_is_held(self):
        """Lua's errors jump out of calls: what they held must be freed."""
        out = self.lines("""
            local usocket = require("usocket")
            local l = usocket.bind("127.0.0.1", 0)
            local c = usocket.connect("127.0.0.1", (select(2, l:getsockname())))
            local p = l:accept()
            local broken = {{getfd = function() error("broken") end}}
            for i = 1, 3000 do
                pcall(usocket.select, {c, p, broken[1]}, nil, 0)
                pcall(usocket.dns.getaddrinfo, "127.0.0.1")
                pcall(usocket.dns.toip, nil)
                pcall(p.receive, p, 1e16)
                pcall(c.send, c, "x", "y")
                pcall(usocket.newtry(error), nil, "x")
            end
            print("done")
            """)
        self.assertEqual(out, ["done"])

    def test_more_than_1024_descriptors(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 3000:
            self.skipTest("the limit of descriptors is below 3000")
        path = self.script("""
            local usocket = require("usocket")
            local files = {}
            for i = 1, 1500 do files[i] = assert(io.open("/dev/null")) end
            local l = usocket.bind("127.0.0.1", 0)
            local c = usocket.connect("127.0.0.1", (select(2, l:getsockname())))
            local p = l:accept()
            p:send("x")
            local r = usocket.select({l, c, p}, nil, 5)
            print(c:getfd() > 1024, #r, r[1] == c, usocket._SETSIZE >= 2500)
            """)
        child = self.start("-c", f"ulimit -n 2500; exec {self.interpreter} {path}", command="sh")
        out, err = child.communicate(timeout=30)
        self.assertEqual((child.returncode, out, err), (0, "true\t1\ttrue\ttrue\n", ""))

    def test_select_takes_foreign_objects(self):
        out = self.lines("""
            local usocket = require("usocket")
            local ok, luasocket = pcall(require, "socket")
            local l = usocket.bind("127.0.0.1", 0)
            local c = usocket.connect("127.0.0.1", (select(2, l:getsockname())))
            local p = l:accept()
            p:send("x")
            local wrapped = setmetatable({}, {__index = {
                getfd = function() return c:getfd() end,
                dirty = function() return false end}})
            local r = usocket.select({wrapped, p}, nil, 5)
            print(#r, r[1] == wrapped)
            -- A descriptor that is not open is ready: its owner's next call tells.
            r = usocket.select({{getfd = function() return 7777 end}}, nil, 5)
            print(#r)
            if ok then
                local server = luasocket.bind("127.0.0.1", 0)
                local client = luasocket.connect("127.0.0.1", (select(2, server:getsockname())))
                local r2, w2 = usocket.select({server, c}, {client}, 5)
                print(#r2, #w2)
                print(#luasocket.select({c}, nil, 5))
            else
                print("2\\t1") print("1")
            end
            """)
        self.assertEqual(out, ["1\ttrue", "1", "2\t1", "1"])

    def test_select_keeps_what_it_polls(self):
        out = self.lines("""
            local usocket = require("usocket")
            local set = {}
            for i = 1, 50 do set[i] = usocket.udp4() end
            set[51] = {getfd = function()
                for i = #set, 1, -1 do set[i] = nil end
                collectgarbage() collectgarbage()
                return -1
            end}
            print(#usocket.select(set, nil, 0.01), #set)
            """)
        self.assertEqual(out, ["0\t0"])

    def test_objects_stay_among_themselves(self):
        out = self.lines("""
            local usocket = require("usocket")
            local c, u = usocket.tcp(), usocket.udp()
            print(pcall(c.getfd, u))
            print(pcall(u.getfd, c))
            print(pcall(c.close, io.stdout))
            print(pcall(c.send, setmetatable({}, getmetatable(c)), "x"))
            print(pcall(getmetatable(c).__gc, 5))
            print(pcall(getmetatable(c).__tostring, {}))
            getmetatable(c).__gc(c)
            getmetatable(c).__gc(c)
            """)
        for line, text in zip(out, ["tcp{any}", "udp{any}", "tcp{any}", "tcp{client}", "tcp{any}",
                                    "tcp{any}"]):
            self.assertRegex(line, rf"^false\tbad argument #1 to .*\({text} expected\)$")
        self.assertEqual(len(out), 6)

    def test_without_a_daemon(self):
        out = self.lines("""
            local usocket = require("usocket")
            local s = usocket.tcp()
            print(s:connect("127.0.0.1", 1))
            print(usocket.tcp4())
            print(usocket.bind("*", 0))
            print(usocket.dns.toip("peer.test"))
            print(usocket.udp():sendto("x", "127.0.0.1", 1))
            """, USOCKETD_SOCKET="/nowhere/usocketd.sock")
        for line in out:
            self.assertRegex(line, r"^nil\tcannot reach usocketd at /nowhere/usocketd.sock: "
                                   r"is it running\? Start it with .*\tnil\t19$")
        self.assertEqual(len(out), 5)

    def test_the_daemon_ends_and_comes_back(self):
        child = self.start(self.script("""
            io.stdout:setvbuf("line")
            local usocket = require("usocket")
            local l = usocket.bind("127.0.0.1", 0)
            local c = usocket.connect("127.0.0.1", (select(2, l:getsockname())))
            print("ready")
            print(c:receive())
            print(io.read())
            print(usocket.bind("127.0.0.1", 0) ~= nil)
            """))
        self.assertEqual(child.stdout.readline(), "ready\n")
        self.daemon.stop()
        self.assertEqual(child.stdout.readline(), "nil\tclosed\t\t103\n")
        self.start_daemon()
        out, err = child.communicate("again\n", timeout=20)
        self.assertEqual((child.returncode, out, err), (0, "again\ntrue\n", ""))

    def test_names_in_protected_calls(self):
        """protect() lets coroutines switch where this Lua can."""
        out = self.lines("""
            local usocket = require("usocket")
            local f = usocket.protect(function()
                usocket.try(nil, coroutine.yield("yielded"))
            end)
            local co = coroutine.create(function() return f() end)
            print(coroutine.resume(co))
            print(coroutine.resume(co, "text"))
            """)
        if self.interpreter == "lua5.1":
            self.assertIn("yield", out[0])
        else:
            self.assertEqual(out, ["true\tyielded", "true\tnil\ttext"])


@in_each_interpreter
class _Unanswered(Interrupts, SlirpCase):
    """Names that nobody answers for."""

    @classmethod
    def make_link(cls):
        harness.private_network()
        cls.dns = fakedns.FakeDns()
        cls.dns.zone["silent.test", "*"] = None
        cls.addClassCleanup(cls.dns.close)
        return {**super().make_link(),
                "resolver": {"hosts": "none", "timeout": 14,
                             "servers": f"10.0.2.2:{cls.dns.port}"}}

    def test_interrupt_of_a_look_up(self):
        for code in ("usocket.dns.toip('silent.test')",
                     "usocket.connect('silent.test', 80)",
                     "usocket.udp():sendto('x', 'silent.test', 9)"):
            with self.subTest(code):
                status, _, err = self.interrupt(code)
                self.assertIn("interrupted!", err)
                self.assertEqual(status, 1)


class ToBeClosed(SlirpCase):
    """Which came with Lua 5.4."""

    def test_to_be_closed(self):
        out = self.lines("""
            local usocket = require("usocket")
            local kept
            do
                local s <close> = usocket.tcp4()
                kept = s
                print(s:getfd() >= 0)
            end
            print(kept:getfd() == -1)
            """)
        self.assertEqual(out, ["true", "true"])


@in_each_interpreter
class _Launcher(SlirpCase):
    def launch(self, *arguments, **env):
        launcher = os.path.join(os.environ["USOCKETD_BUILDDIR"], "client/lua/usocket-lua")
        return self.run_lua(*arguments, command=launcher, USOCKET_LUA=self.interpreter, **env)

    def test_socket_is_usocket(self):
        path = self.script("""
            local socket = require("socket")
            print(socket == require("usocket"), socket == require("socket.core"), ...)
            print(socket._VERSION:match("LuaSocket 3"), arg[0]:match("[^/]*$"), arg[1])
            """)
        self.assertEqual(self.launch(path, "a", "b").splitlines(), [
            "true\ttrue\ta\tb", "LuaSocket 3\tscript.lua\ta"])
        self.assertEqual(self.launch("-e", "print(require('socket') == require('usocket'))"),
                         "true\n")

    def test_example(self):
        port, _ = page_server(self)
        example = os.path.join(os.environ["USOCKETD_SRCDIR"], "client/lua/example.lua")
        child = self.start(example, "peer.test", str(port), "/page")
        out, err = child.communicate(timeout=30)
        self.assertEqual((child.returncode, err), (0, "state 4\n"))
        self.assertTrue(out.startswith("HTTP/1."), out)
        self.assertTrue(out.endswith("hello"), out)
        child = self.start(example)
        self.assertEqual(child.communicate(timeout=30),
                         ("", "usage: example.lua HOST [PORT [PATH]]\n"))
        self.assertEqual(child.returncode, 2)
