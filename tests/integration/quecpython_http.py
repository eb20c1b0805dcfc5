# SPDX-License-Identifier: MIT
"""QuecPython's request, against a server that says what the test wants."""

import contextlib
import socket
import threading

from quecpython_support import SlirpCase

OK = b"HTTP/1.1 200 OK\r\n"


class Canned:
    """A kernel's server: reads a request, answers with pieces, closes."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answers = []
        self.requests = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection, contextlib.suppress(OSError):
                    self._serve(connection)

    def _serve(self, connection):
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(65536)
        head, _, body = request.partition(b"\r\n\r\n")
        headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(headers.get(b"Content-Length", 0)):
            body += connection.recv(65536)
        self.requests.append((head.split(b"\r\n")[0].decode(), headers, body))
        for piece in self.answers.pop(0):
            connection.sendall(piece)
        # With nothing unread there is no RST.
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


class Requests(SlirpCase):
    def setUp(self):
        super().setUp()
        self.server = self.keep(Canned())
        self.url = f"http://peer.test:{self.server.port}"

    def ask(self, code, *answers):
        """Runs lines of a script, where ask(path) is request.get(); its output."""
        self.server.answers = [a if isinstance(a, list) else [a] for a in answers]
        return self.run_script(
            "import request\n"
            f"URL = '{self.url}'\n"
            "def ask(path='/', **more):\n"
            "    return request.get(URL + path, **more)\n"
            "def error(function, *arguments, **more):\n"
            "    try:\n"
            "        function(*arguments, **more)\n"
            "    except Exception as e:\n"
            "        print(type(e).__name__ if type(e).__name__ == 'ValueError' else e.args[0])\n"
            "    else:\n"
            "        print('no error')\n" + code)

    def test_get(self):
        out = self.ask("r = ask('/a b/ü?q=1#part', headers={'X-Mine': 5, 'Host': 'other'})\n"
                       "print(r.status_code, r.headers['Content-Length'], list(r.text))\n"
                       "print(list(r.text))\n",
                       OK + b"Content-Length: 5\r\nA:1\r\nA: 2\r\n\r\nhello")
        self.assertEqual(out, "200 5 ['hello']\n[]\n")
        line, headers, body = self.server.requests[0]
        self.assertEqual((line, body), ("GET /a%20b/%C3%BC?q=1 HTTP/1.1", b""))
        self.assertEqual(headers, {b"X-Mine": b"5", b"Host": b"other", b"Connection": b"close"})

    def test_pieces_are_of_the_size_wanted(self):
        body = bytes(range(32, 127)) * 10
        out = self.ask("r = ask(sizeof=400, decode=False)\n"
                       "print([len(p) for p in r.content])\n"
                       "print(type(list(ask(decode=False).content)[0]), "
                       "type(list(ask().content)[0]))\n",
                       *[OK + b"Content-Length: 950\r\n\r\n" + body] * 3)
        self.assertEqual(out, "[400, 400, 150]\n<class 'bytes'> <class 'str'>\n")

    def test_characters_are_not_torn(self):
        body = "aä€😀".encode() * 50
        out = self.ask("for size in 1, 2, 3, 5, 7:\n"
                       "    print(''.join(ask(sizeof=size).text) == 'aä€😀' * 50)\n",
                       *[OK + b"Content-Length: %d\r\n\r\n" % len(body) + body] * 5)
        self.assertEqual(out, "True\n" * 5)

    def test_chunked(self):
        pieces = [OK + b"Transfer-Encoding: Chunked\r\n\r\n5\r\nhel", b"lo\r", b"\n",
                  b"6;x=y\r\n world\r\n0\r\nTrailer: 1\r\n\r\n"]
        self.assertEqual(self.ask("print(''.join(ask().text))\n", pieces), "hello world\n")

    def test_to_the_end_of_the_connection(self):
        out = self.ask("print(''.join(ask().text))\n",
                       b"HTTP/1.0 404 Not Found\r\n\r\nno such page")
        self.assertEqual(out, "no such page\n")

    def test_json(self):
        out = self.ask("r = request.post(URL, data={'a': [1, 'ä']})\nprint(r.json()['b'])\n"
                       "request.put(URL, '{}', {'Content-Type': 'text/plain'}).close()\n"
                       "request.patch(URL, b'\\x00\\xff').close()\n"
                       "request.delete(URL).close()\n",
                       *[OK + b'Content-Length: 8\r\n\r\n{"b": 7}'] * 4)
        self.assertEqual(out, "7\n")
        post, put, patch, delete = self.server.requests
        self.assertEqual((post[0], post[1][b"Content-Type"]),
                         ("POST / HTTP/1.1", b"application/json"))
        self.assertEqual(eval(post[2]), {"a": [1, "ä"]})
        self.assertEqual((put[1][b"Content-Type"], put[2]), (b"text/plain", b"{}"))
        self.assertEqual((patch[0], patch[1].get(b"Content-Type"), patch[2]),
                         ("PATCH / HTTP/1.1", None, b"\0\xff"))
        self.assertEqual((delete[0], delete[1].get(b"Content-Length")),
                         ("DELETE / HTTP/1.1", None))

    def test_answers_without_a_body(self):
        out = self.ask("print(list(request.head(URL).text), list(ask().text), list(ask().text))\n",
                       OK + b"Content-Length: 500\r\n\r\n", b"HTTP/1.1 204 None\r\n\r\n",
                       b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi")
        self.assertEqual(out, "[] [] ['hi']\n")

    def test_bad_answers(self):
        bad = [(b"", 104), (b"SSH-2.0-x\r\n", 71), (b"HTTP/1.1 abc\r\n\r\n", 71),
               (OK, 104), (OK + b"A: 1\r\n" * 101 + b"\r\n", 71),
               (b"HTTP/1.1 " + b"9" * 9000, 71)]
        out = self.ask(f"for _ in range({len(bad)}):\n    error(ask)\n", *[b for b, _ in bad])
        self.assertEqual(out.split(), [str(number) for _, number in bad])
        bad = [(OK + b"Content-Length: 5\r\n\r\nhell", 104),
               (OK + b"Content-Length: -5\r\n\r\nhell", 71),
               (OK + b"Content-Length: x\r\n\r\nhell", 71),
               (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhell", 104),
               (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhell", 71),
               (OK + b"Transfer-Encoding: chunked\r\n\r\n", 104)]
        out = self.ask(f"for _ in range({len(bad)}):\n    error(lambda: list(ask().text))\n",
                       *[b for b, _ in bad])
        self.assertEqual(out.split(), [str(number) for _, number in bad])

    def test_bad_requests(self):
        out = self.ask(
            "for url in 'peer.test', 'ftp://peer.test', 'http://', 'http:///x',\\\n"
            "        'http://a@peer.test/', 'http://peer test/', 'http://peer.test:x/':\n"
            "    error(request.get, url)\n"
            "for name, value in ('A', 'b\\r\\nC: d'), ('A:', 'b'), ('A b', 'c'), ('A\\n', 'b'):\n"
            "    error(ask, headers={name: value})\n"
            "error(request.get, 'http://nobody.test/')\n"
            "error(request.get, 'http://peer.test:1/')\n")
        self.assertEqual(out.split(), ["ValueError"] * 11 + ["-3", "111"])
        self.assertEqual(self.server.requests, [])

    def test_time_out(self):
        silent = self.keep(socket.create_server(("127.0.0.1", 0)))
        out = self.ask("import utime\nbegin = utime.ticks_ms()\n"
                       f"error(request.get, 'http://peer.test:{silent.getsockname()[1]}/',"
                       " timeout=0.5)\n"
                       "print(500 <= utime.ticks_diff(utime.ticks_ms(), begin) < 5000)\n")
        self.assertEqual(out, "110\nTrue\n")
