# SPDX-License-Identifier: MIT
"""usocket.stdsocket and usocket.aio under what Python programs use: http.client,
urllib, ssl, selectors, asyncio."""

import ast
import asyncio
import contextlib
import http.client
import os
import selectors
import signal
import socket as kernel
import ssl
import subprocess
import threading
import unittest
import unittest.mock
import urllib.request

import harness
from cpython_support import ModuleCase
from runner import rows
from slirp_support import HOST, SILENT, KernelServer, drain, echo

import usocket
from usocket import aio, stdsocket

PAGE = b"<html>" + b"x" * 100000 + b"</html>"
CLIENTS = 50
WAIT_S = 30


def serve_page(connection):
    request = b""
    while b"\r\n\r\n" not in request:
        data = connection.recv(4096)
        if not data:
            return
        request += data
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n"
                       b"Connection: close\r\n\r\n" % len(PAGE) + PAGE)


def make_certificate():
    """A key with a self-signed certificate for peer.test; returns the file's name."""
    folder = harness.temporary_folder()
    name = os.path.join(folder, "peer.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=peer.test", "-addext", "subjectAltName=DNS:peer.test,DNS:self.test",
                    "-keyout", name + ".key", "-out", name],
                   check=True, capture_output=True, timeout=60)
    with open(name, "a") as f, open(name + ".key") as key:
        f.write(key.read())
    return name


class StandardCase(ModuleCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificate = make_certificate()
        cls.client_tls = ssl.create_default_context(cafile=cls.certificate)
        cls.server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.server_tls.load_cert_chain(cls.certificate)

    def standard(self, *args, **more):
        s = self.keep(stdsocket.socket(*args, **more))
        s.settimeout(WAIT_S)
        return s

    def standard_pair(self):
        listener = self.keep(stdsocket.create_server(("127.0.0.1", 0)))
        client = self.keep(stdsocket.create_connection(listener.getsockname(), WAIT_S))
        server = self.keep(listener.accept()[0])
        listener.close()
        server.settimeout(WAIT_S)
        return client, server

    def run_async(self, coroutine):
        async def bounded():
            return await asyncio.wait_for(coroutine, 2 * WAIT_S)
        return asyncio.run(bounded())


# ---- shapes ------------------------------------------------------------------

class Shapes(StandardCase):
    @rows("C1", "C6")
    def test_accept_gives_a_pair(self):
        listener = self.keep(stdsocket.create_server(("127.0.0.1", 0)))
        client = self.keep(stdsocket.create_connection(listener.getsockname()))
        conn, address = listener.accept()
        self.keep(conn)
        self.assertIs(type(conn), stdsocket.socket)
        self.assertEqual(address, client.getsockname())
        self.assertIsNone(conn.gettimeout())
        self.assertEqual((conn.family, conn.type), (kernel.AF_INET, kernel.SOCK_STREAM))

    @rows("G8")
    def test_str_is_no_data(self):
        client, _ = self.standard_pair()
        for call in (lambda: client.send("x"), lambda: client.sendall("x"),
                     lambda: client.sendto("x", ("127.0.0.1", 1))):
            self.assertRaises(TypeError, call)

    @rows("G7")
    def test_port_out_of_range(self):
        for port in -1, 65536, 1 << 70:
            self.assertRaises(OverflowError, self.standard().connect, ("127.0.0.1", port))

    @rows("A8")
    def test_ipv6_addresses_have_four_parts(self):
        listener = self.keep(stdsocket.create_server(("::1", 0), family=kernel.AF_INET6))
        address = listener.getsockname()
        self.assertEqual(address, ("::1", address[1], 0, 0))
        client = self.standard(kernel.AF_INET6)
        client.connect(address)
        _, peer = listener.accept()
        self.assertEqual(peer, client.getsockname())
        self.assertEqual(client.getpeername(), address)

    @rows("A4", "K10")
    def test_unknown_name_is_gaierror(self):
        # Nobody answers at the name server.
        for call in (lambda: stdsocket.getaddrinfo("none.test", 80),
                     lambda: self.standard().connect(("none.test", 80))):
            with self.assertRaises(stdsocket.gaierror) as caught:
                call()
            self.assertIs(stdsocket.gaierror, kernel.gaierror)
            self.assertIn(caught.exception.args[0], (kernel.EAI_NONAME, kernel.EAI_AGAIN))

    def test_getaddrinfo_has_an_entry_for_each_type(self):
        found = stdsocket.getaddrinfo(HOST, 80)
        self.assertEqual([entry[1:] for entry in found],
                         [(kernel.SOCK_STREAM, 6, "", (HOST, 80)),
                          (kernel.SOCK_DGRAM, 17, "", (HOST, 80)),
                          (kernel.SOCK_RAW, 0, "", (HOST, 80))])
        self.assertEqual(stdsocket.getaddrinfo(HOST, "http", proto=6),
                         [(kernel.AF_INET, kernel.SOCK_STREAM, 6, "", (HOST, 80))])
        self.assertEqual([entry[4][0] for entry in stdsocket.getaddrinfo(None, 80, proto=6)],
                         ["::1", "127.0.0.1"])
        found = stdsocket.getaddrinfo(None, 80, kernel.AF_INET, 0, 6, kernel.AI_PASSIVE)
        self.assertEqual(found[0][4], ("0.0.0.0", 80))
        self.assertRaises(stdsocket.gaierror, stdsocket.getaddrinfo, "", 80)
        self.assertRaises(ValueError, stdsocket.getaddrinfo, HOST, 70000)

    @rows("A9")
    def test_names_are_in_the_daemons_order(self):
        found = stdsocket.getaddrinfo("both.test", 1, type=kernel.SOCK_STREAM)
        self.assertEqual({entry[0] for entry in found}, {kernel.AF_INET, kernel.AF_INET6})
        self.assertEqual(stdsocket.gethostbyname("peer.test"), HOST)
        self.assertEqual(stdsocket.gethostbyname_ex("peer.test")[2], [HOST])
        self.assertEqual(stdsocket.gethostbyname(""), "0.0.0.0")

    def test_getnameinfo_gives_numbers(self):
        self.assertEqual(stdsocket.getnameinfo((HOST, 80), 0), (HOST, "http"))
        self.assertEqual(stdsocket.getnameinfo(("fe80::1", 1, 0, 2), kernel.NI_NUMERICSERV),
                         ("fe80::1%2", "1"))
        self.assertRaises(stdsocket.gaierror, stdsocket.getnameinfo, (HOST, 80),
                          kernel.NI_NAMEREQD)

    def test_default_timeout(self):
        self.addCleanup(stdsocket.setdefaulttimeout, None)
        stdsocket.setdefaulttimeout(7)
        self.assertEqual(self.keep(stdsocket.socket()).gettimeout(), 7)
        self.assertEqual(stdsocket.getdefaulttimeout(), 7)
        self.assertRaises(ValueError, stdsocket.setdefaulttimeout, -1)

    def test_constants_are_the_systems(self):
        self.assertEqual(stdsocket.SO_REUSEADDR, kernel.SO_REUSEADDR)
        s = self.standard()
        s.setsockopt(stdsocket.SOL_SOCKET, stdsocket.SO_KEEPALIVE, 1)
        s.setsockopt(stdsocket.IPPROTO_TCP, stdsocket.TCP_NODELAY, 1)
        self.assertEqual(s.getsockopt(stdsocket.SOL_SOCKET, stdsocket.SO_KEEPALIVE), 1)
        self.assertEqual(s.getsockopt(stdsocket.SOL_SOCKET, stdsocket.SO_TYPE),
                         stdsocket.SOCK_STREAM)

    def test_dup_detach_and_fromfd(self):
        client, server = self.standard_pair()
        copy = self.keep(client.dup())
        client.close()
        copy.sendall(b"still here")
        self.assertEqual(server.recv(100), b"still here")
        again = self.keep(stdsocket.fromfd(copy.fileno(), copy.family, copy.type))
        fd = copy.detach()
        self.assertEqual(copy.fileno(), -1)
        os.close(fd)
        again.sendall(b"and here")
        self.assertEqual(server.recv(100), b"and here")
        self.assertRaises(OSError, copy.dup)

    @rows("D9")
    def test_udp(self):
        a, b = (self.standard(kernel.AF_INET, kernel.SOCK_DGRAM) for _ in range(2))
        for s in a, b:
            s.bind(("127.0.0.1", 0))
        a.sendto(b"one", b.getsockname())
        a.sendto(b"two", 0, b.getsockname())
        a.sendmsg([b"th", b"ree"], [], 0, b.getsockname())
        buffer = bytearray(10)
        self.assertEqual(b.recvfrom(10), (b"one", a.getsockname()))
        self.assertEqual(b.recvfrom_into(buffer), (3, a.getsockname()))
        self.assertEqual(b.recvmsg(10), (b"three", [], 0, a.getsockname()))
        self.assertRaises(OSError, a.sendmsg, [b"x"], [(1, 1, b"")])

    @rows("R16")
    def test_flags(self):
        client, server = self.standard_pair()
        client.sendall(b"abc")
        self.assertEqual(server.recv(10, stdsocket.MSG_PEEK), b"abc")
        self.assertEqual(server.recv(10), b"abc")
        with self.raises(11, BlockingIOError):
            server.recv(10, stdsocket.MSG_DONTWAIT)
        threading.Timer(0.1, client.sendall, [b"def"]).start()
        client.sendall(b"abc")
        self.assertEqual(server.recv(6, stdsocket.MSG_WAITALL), b"abcdef")

    def test_connect_ex(self):
        s = self.standard()
        s.settimeout(0.2)
        self.assertEqual(s.connect_ex((SILENT, 9)), 110)
        s.setblocking(False)
        self.assertEqual(s.connect_ex((SILENT, 9)), 115)

    def test_create_connection_tries_all(self):
        server = self.server(drain)
        s = self.keep(stdsocket.create_connection(("both.test", server.port), 10))
        self.assertEqual(s.getpeername(), (HOST, server.port))
        self.assertEqual(s.gettimeout(), 10)
        server.close()
        with self.assertRaises(ConnectionRefusedError):
            stdsocket.create_connection((HOST, server.port), 10)


class Stubs(unittest.TestCase):
    def test_stubs_name_all_that_is_public(self):
        name = os.path.join(os.environ["USOCKETD_SRCDIR"],
                            "client/python/usocket/__init__.pyi")
        with open(name) as f:
            tree = ast.parse(f.read())
        classes = {node.name: {item.name for item in node.body
                               if isinstance(item, ast.FunctionDef)}
                   for node in tree.body if isinstance(node, ast.ClassDef)}
        names = classes.keys() | {node.name for node in tree.body
                                  if isinstance(node, ast.FunctionDef)}
        names |= {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
        self.assertEqual(set(usocket.__all__) - names, set())
        for kind in usocket.socket, usocket.poll:
            public = {item for item in vars(kind) if not item.startswith("_")}
            self.assertEqual(classes[kind.__name__] - {"__init__", "__enter__", "__exit__"},
                             public)


# ---- files -------------------------------------------------------------------

class Files(StandardCase):
    @rows("X5")
    def test_file_keeps_the_socket(self):
        client, server = self.standard_pair()
        file = client.makefile("rb")
        client.close()
        server.sendall(b"line\nrest")
        server.close()
        self.assertEqual(file.readline(), b"line\n")
        self.assertEqual(file.read(), b"rest")
        self.assertGreaterEqual(client.fileno(), 0)
        file.close()
        self.assertEqual(client.fileno(), -1)
        with self.raises(9):
            client.makefile()

    @rows("X6")
    def test_modes(self):
        client, server = self.standard_pair()
        with client.makefile("rw", encoding="utf-8", newline="\n") as text:
            text.write("grüß\n")
            text.flush()
            self.assertEqual(server.recv(100).decode(), "grüß\n")
            server.sendall("ä\n".encode())
            self.assertEqual(text.readline(), "ä\n")
        with client.makefile("wb", buffering=0) as raw:
            raw.write(b"raw")
            self.assertEqual(server.recv(100), b"raw")
        self.assertRaises(ValueError, client.makefile, "a")
        self.assertRaises(ValueError, client.makefile, "r", 0)

    def test_sendfile(self):
        client, server = self.standard_pair()
        name = os.path.join(harness.temporary_folder(), "file")
        with open(name, "wb") as f:
            f.write(PAGE)
        received = bytearray()
        reader = threading.Thread(target=lambda: received.extend(server.makefile("rb").read()))
        reader.start()
        with open(name, "rb") as f:
            self.assertEqual(client.sendfile(f, 6), len(PAGE) - 6)
        client.shutdown(stdsocket.SHUT_WR)
        reader.join()
        self.assertEqual(received, PAGE[6:])


# ---- the standard library over it ----------------------------------------------

class Library(StandardCase):
    def test_http_client(self):
        server = self.server(serve_page)
        with unittest.mock.patch.object(http.client, "socket", stdsocket):
            connection = http.client.HTTPConnection("peer.test", server.port, timeout=WAIT_S)
            self.addCleanup(connection.close)
            connection.request("GET", "/")
            self.assertIsInstance(connection.sock, stdsocket.socket)
            answer = connection.getresponse()
            self.assertEqual((answer.status, answer.read()), (200, PAGE))

    def test_urllib(self):
        server = self.server(serve_page)
        with unittest.mock.patch.object(http.client, "socket", stdsocket):
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"http://peer.test:{server.port}/", timeout=WAIT_S) as answer:
                self.assertEqual(answer.read(), PAGE)

    def test_https(self):
        tls = self.server_tls

        def serve(connection):
            with tls.wrap_socket(connection, server_side=True) as secure:
                serve_page(secure)

        server = self.server(serve)
        with unittest.mock.patch.object(http.client, "socket", stdsocket):
            connection = http.client.HTTPSConnection("peer.test", server.port, timeout=WAIT_S,
                                                     context=self.client_tls)
            self.addCleanup(connection.close)
            connection.request("GET", "/")
            self.assertEqual(connection.getresponse().read(), PAGE)

    def test_ssl_server_and_client(self):
        client, server = self.standard_pair()
        result = []

        def serve():
            with self.server_tls.wrap_socket(server, server_side=True) as secure:
                result.append(secure.recv(100))
                secure.sendall(PAGE)
                secure.unwrap().close()

        thread = threading.Thread(target=serve)
        thread.start()
        with self.client_tls.wrap_socket(client, server_hostname="peer.test") as secure:
            secure.sendall(b"hello")
            self.assertEqual(secure.makefile("rb").read(len(PAGE)), PAGE)
            self.assertEqual(secure.recv(1), b"")
        thread.join()
        self.assertEqual(result, [b"hello"])

    def test_selectors(self):
        client, server = self.standard_pair()
        for kind in selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector:
            with kind() as selector:
                selector.register(server, selectors.EVENT_READ, "server")
                self.assertEqual(selector.select(0), [])
                client.sendall(b"x")
                (key, events), = selector.select(10)
                self.assertEqual((key.data, events), ("server", selectors.EVENT_READ))
                self.assertEqual(server.recv(10), b"x")

    def test_signal_raises_out_of_a_wait(self):
        class Stop(Exception):
            pass

        def on_alarm(*_):
            raise Stop

        client, server = self.standard_pair()
        old = signal.signal(signal.SIGALRM, on_alarm)
        self.addCleanup(signal.signal, signal.SIGALRM, old)
        server.sendall(b"part")
        for call in (lambda: client.recv(10, stdsocket.MSG_WAITALL),
                     lambda: client.recv_into(bytearray(10), 0, stdsocket.MSG_WAITALL),
                     lambda: client.makefile("rb").read(10)):
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            self.assertRaises(Stop, call)
            if call.__code__.co_names[0] == "recv":
                self.assertEqual(client.recv(4, stdsocket.MSG_PEEK), b"part")


# ---- asyncio -----------------------------------------------------------------

async def greet(reader, writer):
    with contextlib.closing(writer):
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()


async def talk(reader, writer, i):
    for n in range(5):
        line = b"client %d line %d\n" % (i, n)
        writer.write(line)
        await writer.drain()
        assert await reader.readline() == line.upper()
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


class Asyncio(StandardCase):
    def test_streams_of_many(self):
        async def main():
            server = await aio.start_server(greet, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]

            async def client(i):
                await talk(*await aio.open_connection("self.test", port), i)

            async with server:
                await asyncio.gather(*(client(i) for i in range(CLIENTS)))
        self.run_async(main())

    def test_streams_to_kernel_peers(self):
        port = self.server(echo).port

        async def client(i):
            reader, writer = await aio.open_connection("peer.test", port)
            self.assertEqual(writer.get_extra_info("peername"), (HOST, port))
            data = b"%d" % i * 20000
            writer.write(data)
            self.assertEqual(await reader.readexactly(len(data)), data)
            writer.close()
            await writer.wait_closed()

        async def main():
            await asyncio.gather(*(client(i) for i in range(CLIENTS)))
        self.run_async(main())

    def test_tls_streams(self):
        async def main():
            server = await aio.start_server(greet, "", 0, ssl=self.server_tls)
            port = server.sockets[0].getsockname()[1]
            async with server:
                reader, writer = await aio.open_connection("self.test", port,
                                                           ssl=self.client_tls)
                writer.write(b"over tls\n")
                self.assertEqual(await reader.readline(), b"OVER TLS\n")
                writer.close()
        self.run_async(main())

    def test_loop_calls(self):
        async def main():
            loop = asyncio.get_running_loop()
            listener = self.keep(stdsocket.create_server(("127.0.0.1", 0)))
            listener.setblocking(False)
            client = self.keep(stdsocket.socket())
            client.setblocking(False)
            accepting = asyncio.ensure_future(loop.sock_accept(listener))
            await loop.sock_connect(client, listener.getsockname())
            server, _ = await accepting
            self.keep(server)
            sending = asyncio.ensure_future(loop.sock_sendall(client, PAGE))
            received = bytearray()
            while len(received) < len(PAGE):
                received += await loop.sock_recv(server, 65536)
            await sending
            self.assertEqual(received, PAGE)
            reader, writer = await asyncio.open_connection(sock=client)
            await loop.sock_sendall(server, b"to the stream\n")
            self.assertEqual(await reader.readline(), b"to the stream\n")
            writer.close()
        self.run_async(main())

    def test_datagrams(self):
        class Echo(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport

            def datagram_received(self, data, address):
                self.transport.sendto(data.upper(), address)

        class Once(asyncio.DatagramProtocol):
            def __init__(self):
                self.answer = asyncio.get_running_loop().create_future()

            def datagram_received(self, data, _):
                self.answer.set_result(data)

        async def main():
            server, _ = await aio.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
            port = server.get_extra_info("sockname")[1]
            client, once = await aio.create_datagram_endpoint(
                Once, remote_addr=("self.test", port))
            client.sendto(b"ping")
            self.assertEqual(await once.answer, b"PING")
            client.close()
            server.close()
        self.run_async(main())

    @rows("A10")
    def test_lookup_does_not_block_the_loop(self):
        async def main():
            ticks = 0
            looking = asyncio.ensure_future(aio.getaddrinfo("none.test", 80))
            while not looking.done():
                await asyncio.sleep(0.01)
                ticks += 1
            self.assertRaises(kernel.gaierror, looking.result)
            self.assertGreater(ticks, 5)
            found = await aio.getaddrinfo("peer.test", 80)
            self.assertEqual([entry[4] for entry in found], [(HOST, 80)])
            looking = asyncio.ensure_future(aio.getaddrinfo("none.test", 80))
            await asyncio.sleep(0.05)
            looking.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await looking
        self.run_async(main())

    def test_connect_can_be_given_up(self):
        async def main():
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(aio.open_connection(SILENT, 9), 0.3)
            with self.assertRaises(ConnectionRefusedError):
                server = KernelServer()
                server.close()
                await aio.open_connection(HOST, server.port)
        self.run_async(main())
