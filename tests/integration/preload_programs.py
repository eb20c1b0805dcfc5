# SPDX-License-Identifier: MIT
"""Programs of every day, unmodified, over the stack."""

import hashlib
import os
import ssl
import subprocess
import sys

from harness import Tun
from preload_support import PreloadCase, needs, usocket_run
from runner import deadline

BULK = 100 * 1000 * 1000


@deadline(120)
class Clients(PreloadCase):
    def assert_came_from_the_stack(self, server):
        self.assertEqual(set(server.peers), {Tun.STACK[4]})

    def tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate, key = self.certificate()
        context.load_cert_chain(certificate, key)
        return context, certificate

    def url(self, server, path, scheme="http"):
        return f"{scheme}://{Tun.KERNEL[4]}:{server.port}/{path}"

    @needs("curl")
    def test_curl(self):
        server = self.page_server()
        out = os.path.join(self.folder, "page")
        self.run_it("curl", "-sSf", "-o", out, self.url(server, BULK))
        with open(out, "rb") as f:
            self.assertEqual(hashlib.file_digest(f, "sha256").digest(),
                             hashlib.sha256(b"x" * BULK).digest())
        self.assert_came_from_the_stack(server)

    @needs("curl")
    def test_curl_tls(self):
        context, certificate = self.tls()
        server = self.page_server(context)
        said = self.run_it("curl", "-sSf", "--cacert", certificate, "--resolve",
                           f"peer.test:{server.port}:{Tun.KERNEL[4]}",
                           f"https://peer.test:{server.port}/20")
        self.assertEqual(said, "x" * 20)
        self.assert_came_from_the_stack(server)

    @needs("wget")
    def test_wget(self):
        server = self.page_server()
        said = self.run_it("wget", "-q", "-O", "-", self.url(server, 1000))
        self.assertEqual(said, "x" * 1000)
        context, _ = self.tls()
        safe = self.page_server(context)
        said = self.run_it("wget", "-q", "--no-check-certificate", "-O", "-",
                           self.url(safe, 1000, "https"))
        self.assertEqual(said, "x" * 1000)
        self.assert_came_from_the_stack(server)
        self.assert_came_from_the_stack(safe)

    def test_python_urllib_and_asyncio(self):
        server = self.page_server()
        self.script("""
            import asyncio, urllib.request
            url = sys.argv[1]
            assert urllib.request.urlopen(url).read() == b"x" * 100000
            async def fetch():
                r, w = await asyncio.open_connection(KERNEL, int(sys.argv[2]))
                w.write(b"GET /50000 HTTP/1.0\\r\\n\\r\\n")
                data = await r.read()
                w.close()
                return data.endswith(b"x" * 50000)
            async def main():
                assert all(await asyncio.gather(*(fetch() for _ in range(20))))
            asyncio.run(main())
            """, self.url(server, 100000), server.port)
        self.assert_came_from_the_stack(server)

    @needs("openssl")
    def test_openssl_s_client(self):
        context, certificate = self.tls()
        server = self.page_server(context)
        done = subprocess.run(
            [*usocket_run(), "openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile",
             certificate, "-connect", f"{Tun.KERNEL[4]}:{server.port}", "-ign_eof"],
            env=self.environment(), input=b"GET /5 HTTP/1.0\r\n\r\n",
            capture_output=True, timeout=60)
        self.assertTrue(done.stdout.endswith(b"xxxxx"), done)
        self.assert_came_from_the_stack(server)

    @needs("node")
    def test_node(self):
        server = self.page_server()
        said = self.run_it("node", "-e", f"""
            require('http').get('{self.url(server, 30000)}', r => {{
                let n = 0;
                r.on('data', d => n += d.length).on('end', () => console.log(n));
            }});""")
        self.assertEqual(said, "30000\n")
        self.assert_came_from_the_stack(server)


@deadline(120)
class Servers(PreloadCase):
    def test_python_http_server(self):
        port = self.free_port()
        self.start(sys.executable, "-m", "http.server", port, cwd=self.folder)
        with open(os.path.join(self.folder, "page.txt"), "w") as f:
            f.write("a page")
        self.connect_until_served(port).close()
        for _ in range(3):
            s = self.connect_until_served(port)
            s.sendall(b"GET /page.txt HTTP/1.0\r\n\r\n")
            text = b""
            while part := s.recv(4096):
                text += part
            self.assertTrue(text.endswith(b"a page"), text)

    @needs("openssl")
    def test_openssl_s_server(self):
        port = self.free_port()
        certificate, key = self.certificate()
        self.start("openssl", "s_server", "-accept", port, "-cert", certificate, "-key", key,
                   "-www", "-quiet")
        context = ssl.create_default_context(cafile=certificate)
        self.connect_until_served(port).close()
        with context.wrap_socket(self.connect_until_served(port), server_hostname="peer.test") as s:
            s.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b"200 ok", s.recv(1000))

    @needs("node")
    def test_node(self):
        port = self.free_port()
        self.start("node", "-e", f"""
            require('net').createServer(s => s.pipe(s)).listen({port});""")
        s = self.connect_until_served(port)
        for n in (1, 1000, 100000):
            s.sendall(b"x" * n)
            got = 0
            while got < n:
                got += len(s.recv(1 << 16))
