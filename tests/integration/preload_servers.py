# SPDX-License-Identifier: MIT
"""Servers and network tools of every day over the stack; skipped where they are not installed."""

import contextlib
import os
import socket
import subprocess

import fakedns
import harness
from harness import Tun
from preload_support import PreloadCase, needs, usocket_run
from runner import deadline

NGINX = """
daemon off; master_process on; worker_processes 4; pid {folder}/nginx.pid;
error_log stderr; user root;
events {{ worker_connections 64; }}
http {{
    access_log off; sendfile on; tcp_nopush on;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {port} deferred fastopen=4 so_keepalive=on;
        location / {{ root {folder}; }}
        location /behind/ {{ proxy_pass http://127.0.0.1:{behind}/; }}
    }}
}}
"""


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return f.read().split()


class ServerCase(PreloadCase):
    def ask(self, port, data, wanted=None):
        """Sends @data from the kernel's side; the answer, to its end or up to @wanted."""
        s = self.connect_until_served(port)
        s.sendall(data)
        text = b""
        while wanted is None or wanted not in text:
            part = s.recv(1 << 16)
            if not part:
                break
            text += part
        return text

    def get(self, port, path):
        return self.ask(port, b"GET %s HTTP/1.0\r\nHost: x\r\n\r\n" % path)


@deadline(120)
class Tools(ServerCase):
    @needs("nc")
    def test_nc(self):
        listener = self.kernel_listener()
        nc = subprocess.Popen([*usocket_run(), "nc", "-N", Tun.KERNEL[4],
                               str(listener.getsockname()[1])],
                              env=self.environment(), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
        conn = self.accept_kernel(listener)
        self.assertEqual(conn.getpeername()[0], Tun.STACK[4])
        conn.sendall(b"to nc")
        conn.shutdown(socket.SHUT_WR)
        said, _ = nc.communicate(b"from nc", 30)
        self.assertEqual((said, conn.recv(100), nc.returncode), (b"to nc", b"from nc", 0))

    @needs("nc")
    def test_nc_datagrams(self):
        peer = self.kernel_socket(socket.SOCK_DGRAM)
        peer.bind((Tun.KERNEL[4], 0))
        nc = subprocess.Popen([*usocket_run(), "nc", "-u", "-w", "20", Tun.KERNEL[4],
                               str(peer.getsockname()[1])],
                              env=self.environment(), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
        nc.stdin.write(b"ping")
        nc.stdin.flush()
        data, address = peer.recvfrom(100)
        self.assertEqual((data, address[0]), (b"ping", Tun.STACK[4]))
        peer.sendto(b"pong", address)
        self.assertEqual(nc.stdout.read(4), b"pong")
        nc.kill()
        nc.communicate()

    @needs("socat")
    def test_socat_forks_for_each_connection(self):
        port = self.free_port()
        socat = self.start("socat", f"TCP-LISTEN:{port},fork,reuseaddr", "EXEC:cat")
        for n in range(4):
            s = self.connect_until_served(port)
            s.sendall(b"%d" % n)
            s.shutdown(socket.SHUT_WR)
            self.assertEqual(s.recv(10), b"%d" % n)
            self.assertEqual(s.recv(10), b"")
        harness.eventually(lambda: not children_of(socat.pid), what="socat's children have ended")

    @needs("dig")
    def test_dig(self):
        dns = fakedns.FakeDns(Tun.KERNEL[4])
        self.addCleanup(dns.close)
        dns.zone = {("peer.test", fakedns.A): ["192.0.2.5"]}
        said = self.run_it("dig", f"@{Tun.KERNEL[4]}", "-p", dns.port, "+short", "peer.test", "A")
        self.assertEqual(said, "192.0.2.5\n")
        self.assertEqual(set(dns.askers), {Tun.STACK[4]})

    @needs("dig")
    def test_dig_by_tcp(self):
        """It sets TCP_USER_TIMEOUT, and gives up if it cannot."""
        dns = fakedns.FakeDns(Tun.KERNEL[4])
        self.addCleanup(dns.close)
        dns.zone = {("peer.test", fakedns.A): ["192.0.2.5"]}
        said = self.run_it("dig", "+tcp", f"@{Tun.KERNEL[4]}", "-p", dns.port, "+short",
                           "peer.test", "A")
        self.assertEqual(said, "192.0.2.5\n")
        self.assertEqual(dns.queries, [("peer.test", fakedns.A, "tcp")])


@deadline(120)
class Daemons(ServerCase):
    @needs("/usr/sbin/nginx")
    def test_nginx_with_workers_that_are_killed(self):
        harness.need_other_users()
        port = self.free_port()
        server = self.kernel_page_server_on_loopback()
        config = os.path.join(self.folder, "nginx.conf")
        with open(config, "w") as f:
            f.write(NGINX.format(folder=self.folder, port=port, behind=server.port))
        with open(os.path.join(self.folder, "index.html"), "w") as f:
            f.write("from nginx")
        process = self.start("/usr/sbin/nginx", "-c", config, "-p", self.folder)
        for _ in range(3):
            for _ in range(10):
                self.assertTrue(self.get(port, b"/").endswith(b"from nginx"))
            self.assertTrue(self.get(port, b"/behind/20").endswith(b"x" * 20))
            worker = self.workers(process.pid)[0]
            os.kill(worker, 9)
            self.eventually(lambda: worker not in self.workers(process.pid) and
                            len(self.workers(process.pid)) == 4)
        process.terminate()
        process.wait(20)

    def kernel_page_server_on_loopback(self):
        server = self.page_server()
        # The same server, reached by the kernel's loopback.
        forward = socket.create_server(("127.0.0.1", 0))
        self.keep(forward)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    conn, _ = forward.accept()
                    server.process_request(conn, conn.getpeername())
        harness.Call(serve)
        server.port = forward.getsockname()[1]
        return server

    @staticmethod
    def workers(pid):
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(n) for n in f.read().split()]
