# SPDX-License-Identifier: MIT
"""QuecPython's ussl, and request and umqtt over it, against OpenSSL's own servers."""

import contextlib
import os
import socket
import ssl
import subprocess
import threading

import harness
from quecpython_mqtt import CONNECT, PUBLISH, Broker
from quecpython_support import SlirpCase


def make_certificate(folder, name):
    """A certificate that is its own authority, and its key: their files."""
    cert, key = (os.path.join(folder, f"{name}.{end}") for end in ("crt", "key"))
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
         f"subjectAltName=DNS:{name}", "-keyout", key, "-out", cert],
        capture_output=True, text=True, env=harness.child_env())
    if done.returncode:
        raise RuntimeError(done.stderr)
    return cert, key


class Server:
    """Serves each connection, in TLS, with @handler in a thread of its own."""

    def __init__(self, context, handler):
        self.context, self.handler = context, handler
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            connection.settimeout(20)
            with self.context.wrap_socket(connection, server_side=True) as tls:
                self.handler(tls)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class TlsBroker(Broker):
    def __init__(self, context):
        self.context = context
        super().__init__()

    def wrap(self, connection):
        return self.context.wrap_socket(connection, server_side=True)


def end(tls):
    """Says that this is the end, and does not wait for the other to agree."""
    tls.setblocking(False)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.unwrap()


def answer(body):
    def handler(tls):
        request = b""
        while b"\r\n\r\n" not in request:
            request += tls.recv(65536)
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        end(tls)
    return handler


def echo(tls):
    while True:
        data = tls.recv(65536)
        if not data:
            return
        tls.sendall(data)


class Tls(SlirpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cert, cls.key = make_certificate(cls.daemon.folder, "peer.test")
        cls.own = make_certificate(cls.daemon.folder, "own.test")

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context

    def server(self, handler, context=None):
        return self.keep(Server(context or self.context(), handler))

    def ask(self, server, code, trusted=None):
        return self.run_script(
            "import request, umqtt, usocket, ussl, utime\n"
            f"PORT = {server.port}\n"
            "URL = 'https://peer.test:%d/' % PORT\n"
            "def connect():\n"
            "    s = usocket.socket()\n"
            "    s.connect(usocket.getaddrinfo('peer.test', PORT)[0][-1])\n"
            "    return s\n"
            "def wrap(name='peer.test', **more):\n"
            "    return ussl.wrap_socket(connect(), name, **more)\n"
            "def error(function, *arguments, **more):\n"
            "    try:\n"
            "        function(*arguments, **more)\n"
            "    except OSError as e:\n"
            "        print(e.args[0])\n"
            "    else:\n"
            "        print('no error')\n" + code, SSL_CERT_FILE=trusted or self.cert)

    def test_https(self):
        body = bytes(range(256)) * 1000
        out = self.ask(self.server(answer(body)),
                       "r = request.get(URL, decode=False, sizeof=5000)\n"
                       "data = b''.join(r.content)\n"
                       "print(r.status_code, data == bytes(range(256)) * 1000)\n")
        self.assertEqual(out, "200 True\n")

    def test_whom_not_to_trust(self):
        server = self.server(answer(b"x"))
        code = "error(request.get, URL)\nerror(wrap)\n"
        self.assertEqual(self.ask(server, code, self.own[0]), "71\n71\n")
        self.assertEqual(self.ask(server, "error(wrap, 'other.test')\n"), "71\n")
        out = self.ask(server, "try:\n    ussl.wrap_socket(connect())\n"
                               "except ValueError as e:\n    print(e)\n")
        self.assertIn("server_hostname is needed", out)

    def test_server_without_tls(self):
        listener = self.keep(socket.create_server(("127.0.0.1", 0)))

        def serve():
            with listener.accept()[0] as connection:
                connection.sendall(b"SSH-2.0-something\r\n")
                connection.recv(65536)
        threading.Thread(target=serve, daemon=True).start()

        class Port:
            port = listener.getsockname()[1]
        self.assertEqual(self.ask(Port, "error(request.get, URL)\n"), "71\n")

    def test_silent_server_times_out(self):
        listener = self.keep(socket.create_server(("127.0.0.1", 0)))

        class Port:
            port = listener.getsockname()[1]
        out = self.ask(Port, "begin = utime.ticks_ms()\nerror(request.get, URL, timeout=0.4)\n"
                             "print(400 <= utime.ticks_diff(utime.ticks_ms(), begin) < 5000)\n")
        self.assertEqual(out, "110\nTrue\n")

    def test_own_certificate(self):
        context = self.context()
        context.load_verify_locations(self.own[0])
        context.verify_mode = ssl.CERT_REQUIRED
        # So that a refusal is part of the handshake.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        server = self.server(answer(b"hello"), context)
        cert, key = (open(path).read() for path in self.own)
        out = self.ask(server, f"own = {{'cert': {cert!r}, 'key': {key!r}}}\n"
                               "print(list(request.get(URL, ssl_params=own).text))\n"
                               "error(request.get, URL)\n"
                               "error(request.get, URL, ssl_params={'cert': 'x', 'key': 'y'})\n")
        # The server's alert may be lost to the RST right behind it, and what is
        # written meets that one or the end of stream before it.
        self.assertIn(out, [f"['hello']\n{error}\n71\n" for error in (71, 104, 32)])

    def test_calls_of_a_socket(self):
        out = self.ask(self.server(echo), (
            "s = wrap()\n"
            "print(s.write('line\\nrest'), s.readline(), s.recv(2), s.read(2))\n"
            "print(s.send(b'abc') > 0, s.read(3), s.recv(0), s.fileno() >= 0)\n"
            "buf = bytearray(5)\ns.sendall(b'12345678')\n"
            "print(s.readinto(buf), bytes(buf), s.readinto(buf, 2), bytes(buf), s.readline(1))\n"
            "s.settimeout(0.2)\nerror(s.recv, 5)\nerror(s.read, 5)\n"
            "s.write(b'part')\nerror(s.readline)\ns.write(b'\\n')\nprint(s.readline())\n"
            "s.write(b'part')\nprint(s.read(9))\n"
            "s.setblocking(False)\nerror(s.recv, 5)\nprint(s.read(5))\n"
            "s.settimeout(5)\nbig = b'x' * 300000\n"
            "import _thread\n_thread.start_new_thread(s.sendall, (big,))\n"
            "print(s.read(len(big)) == big)\n"
            "s.close()\ns.close()\nerror(s.recv, 1)\nerror(s.write, b'x')\nprint(s.fileno())\n"))
        self.assertEqual(out.splitlines(), [
            "9 b'line\\n' b're' b'st'", "True b'abc' b'' True",
            "5 b'12345' 2 b'67345' b'8'", "110", "110", "110", "b'part\\n'", "b'part'",
            "11", "None", "True", "9", "9", "-1"])

    def test_end_of_the_stream(self):
        def handler(tls):
            tls.sendall(b"last")
            end(tls)
        out = self.ask(self.server(handler),
                       "s = wrap()\nprint(s.read(), s.read(), s.recv(5), s.readline())\n")
        self.assertEqual(out, "b'last' b'' b'' b''\n")

    def test_mqtt(self):
        broker = self.keep(TlsBroker(self.context()))
        out = self.ask(broker, (
            "got = []\nc = umqtt.MQTTClient('me', 'peer.test', PORT, keepalive=1, ssl=True)\n"
            "c.set_callback(lambda topic, msg: got.append(msg))\n"
            "c.connect()\nc.subscribe('t', 1)\nc.publish('t', b'x' * 100000, qos=1)\n"
            "while not got:\n    c.wait_msg()\n"
            "import _thread\n"
            "def later():\n    utime.sleep_ms(1700)\n    c.publish('t', 'later', qos=1)\n"
            "_thread.start_new_thread(later, ())\n"
            "while len(got) < 2:\n    c.wait_msg()\n"
            "print([len(m) for m in got], c.get_mqttsta())\nc.disconnect()\n"))
        self.assertEqual(out, "[100000, 5] 0\n")
        self.assertEqual(len(broker.bodies(CONNECT)), 1)
        # The client has its message; the broker may still be taking the next one.
        self.eventually(lambda: len(broker.bodies(PUBLISH)) == 2)
