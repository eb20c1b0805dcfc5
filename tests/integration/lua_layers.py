# SPDX-License-Identifier: MIT
"""LuaSocket's own http, smtp, ftp, ltn12, url, mime, and LuaSec, unmodified, over usocket."""

import harness

from lua_servers import FileServer, MailServer, page_server, tls_context
from lua_support import SlirpCase, in_each_interpreter
from runner import deadline, rows

BEGIN = """
    local usocket = require("usocket.install")
    assert(require("socket") == usocket)
    local port = arg[1]
    local address = "http://peer.test:" .. port
    """


@in_each_interpreter
class _Layers(SlirpCase):
    def setUp(self):
        super().setUp()
        try:
            self.run_lua("-e", "require('ltn12')")
        except AssertionError:
            self.skipTest("this Lua has no LuaSocket")

    @rows("B6", "A1", "K1")
    def test_http(self):
        port, requests = page_server(self)
        out = self.lines(BEGIN + """
            local http = require("socket.http")
            local body, code, headers, status = http.request(address .. "/page")
            print(body, code, headers["content-length"], status)
            print(http.request(address .. "/redirect"))
            print((http.request(address .. "/chunks")))
            print(select(2, http.request(address .. "/missing")))
            print((http.request(address .. "/post", "abc")))
            print(#http.request(address .. "/large"))
            print(select(2, http.request("http://nosuch..invalid/")))
            print(select(2, http.request("http://peer.test:1/")))
            print(select(4, http.request("http://peer.test:1/")))
            local ok, code = http.request({url = address .. "/head", method = "HEAD"})
            print(ok, code)
            """, port)
        self.assertEqual(out[0], "hello\t200\t5\tHTTP/1.1 200 OK")
        self.assertRegex(out[1], r"^hello\t200\t")
        self.assertEqual(out[2:4], ["one two three", out[3]])
        self.assertTrue(out[3].startswith("404\t"), out[3])
        self.assertEqual(out[4:9], [
            "cba", "3000000", "host or service not provided, or not known\tnil\t-2",
            "connection refused\tnil\t111", "111"])
        self.assertEqual(out[9], "1\t200")
        self.assertEqual([(verb, path) for verb, path, _ in requests], [
            ("GET", "/page"), ("GET", "/redirect"), ("GET", "/page"), ("GET", "/chunks"),
            ("GET", "/missing"), ("POST", "/post"), ("GET", "/large"), ("HEAD", "/head")])
        agent = {k.lower(): v for k, v in requests[0][2].items()}["user-agent"]
        self.assertRegex(agent, r"^usocket \S+ \(LuaSocket 3")

    def test_pumps_of_ltn12(self):
        port, _ = page_server(self)
        out = self.lines(BEGIN + """
            local http, ltn12, mime = require("socket.http"), require("ltn12"), require("mime")
            local parts = {}
            print(http.request({url = address .. "/large",
                sink = ltn12.sink.chain(mime.encode("base64"), (ltn12.sink.table(parts)))}))
            print(#table.concat(parts))
            parts = {}
            local text = ("line\\n"):rep(1000)
            http.request({url = address .. "/post", method = "POST",
                source = ltn12.source.string(text), sink = (ltn12.sink.table(parts)),
                headers = {["content-length"] = #text}})
            print(table.concat(parts) == text:reverse())

            local l = usocket.bind("127.0.0.1", 0)
            local c = usocket.connect("127.0.0.1", (select(2, l:getsockname())))
            local p = l:accept()
            print(ltn12.pump.all(ltn12.source.string(text), usocket.sink("close-when-done", c)))
            parts = {}
            print(ltn12.pump.all(usocket.source("until-closed", p), (ltn12.sink.table(parts))))
            print(table.concat(parts) == text)
            """, port)
        self.assertRegex(out[0], r"^1\t200\t")
        self.assertEqual(out[1:3], ["4000000", "true"])
        self.assertEqual([line.split(".")[0] for line in out[3:]], ["1", "1", "true"])

    def test_http_of_a_server_that_breaks_off(self):
        """A reset is no end: the page is not whole."""
        out = self.lines(BEGIN + """
            local http = require("socket.http")
            local l = usocket.bind("127.0.0.1", 0)
            local c = usocket.connect("127.0.0.1", (select(2, l:getsockname())))
            local p = l:accept()
            local source = usocket.source("until-closed", c)
            p:send("part")
            usocket.select({c}, nil, 5)
            p:setoption("linger", {on = true, timeout = 0})
            p:close()
            usocket.sleep(0.2)
            print(source())
            """, 1)
        self.assertEqual(out, ["nil\tclosed\tnil\t104"])

    @rows("B6", "X7")
    def test_tls_of_luasec(self):
        try:
            self.run_lua("-e", "require('ssl')")
        except AssertionError:
            self.skipTest("this Lua has no LuaSec")
        context, certificate = tls_context(harness.temporary_folder())
        port, _ = page_server(self, context)
        out = self.lines(BEGIN + """
            local https, ssl = require("ssl.https"), require("ssl")
            print(https.request("https://peer.test:" .. port .. "/page"))
            local s = assert(usocket.connect("peer.test", port))
            local t = assert(ssl.wrap(s, {mode = "client", protocol = "any", verify = "peer",
                                          cafile = arg[2]}))
            print(s:getfd() == -1, t:getfd() >= 0)
            t:settimeout(10)
            print(t:dohandshake())
            t:send("GET /large HTTP/1.0\\r\\n\\r\\n")
            print(#usocket.select({t}, nil, 10), (t:receive("*l")))
            repeat until t:receive("*l") == ""
            print(#t:receive(3000000))
            t:close()
            """, port, certificate)
        self.assertTrue(out[0].startswith("hello\t200\t"), out[0])
        self.assertEqual(out[1:], ["true\ttrue", "true", "1\tHTTP/1.1 200 OK", "3000000"])

    @rows("B6")
    def test_smtp(self):
        server = self.keep(MailServer())
        out = self.lines(BEGIN + """
            local smtp = require("socket.smtp")
            local message = {
                headers = {to = "you@mail.test", subject = "hello"},
                body = "first\\r\\n.second\\r\\n",
            }
            local function send(to)
                return smtp.send({from = "<me@mail.test>", rcpt = to,
                    source = smtp.message(message), server = "peer.test", port = port})
            end
            print(send({"<you@mail.test>", "<they@mail.test>"}))
            print(send("<nobody@mail.test>"))
            """, server.port)
        self.assertEqual(out, ["1", "nil\t550 no such user"])
        [(sender, recipients, lines)] = server.mails
        self.assertIn("<me@mail.test>", sender)
        self.assertEqual(len(recipients), 2)
        self.assertIn("Subject: hello", lines)
        # The dot of a line is doubled on the way (RFC 5321 4.5.2).
        self.assertEqual(lines[lines.index(""):][:3], ["", "first", "..second"])
        self.assertTrue(any(line.startswith("X-Mailer: usocket") for line in lines), lines)

    @deadline(90)
    @rows("B6")
    def test_ftp(self):
        server = self.keep(FileServer({"a.txt": b"content of a"}))
        out = self.lines(BEGIN + """
            local ftp = require("socket.ftp")
            local at = "ftp://user:secret@peer.test:" .. port .. "/"
            print(ftp.get(at .. "a.txt;type=i"))
            print(ftp.get(at .. "none.txt;type=i"))
            print(ftp.put(at .. "b.txt;type=i", ("xyz"):rep(50000)))
            print(#ftp.get(at .. "b.txt;type=i"))
            """, server.port)
        self.assertEqual(out[:2], ["content of a", "nil\t550 no such file"])
        self.assertEqual([line.split(".")[0] for line in out[2:]], ["150000", "150000"])
        self.assertEqual(server.files["b.txt"], b"xyz" * 50000)
