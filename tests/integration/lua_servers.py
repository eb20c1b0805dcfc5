# SPDX-License-Identifier: MIT
"""Servers of the kernel's side for LuaSocket's protocols: HTTP, SMTP, FTP."""

import contextlib
import http.server
import socket
import ssl
import threading

from quecpython_tls import make_certificate

HERE = "127.0.0.1"
# What the host is to the stack behind slirp.
SEEN_AS = "10.0.2.2"


def tls_context(folder):
    """A server's, with a certificate of its own for peer.test; and the certificate's file."""
    certificate, key = make_certificate(folder, "peer.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def page_server(test, context=None):
    """
    HTTP, with a context over TLS: a page, an echo of what is posted, a redirect,
    chunks. Its port and requests.
    """
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, body, status=200, **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self):
            requests.append((self.command, self.path, dict(self.headers)))
            if self.path == "/redirect":
                self.answer(b"", 302, Location="/page")
            elif self.path == "/missing":
                self.answer(b"none", 404)
            elif self.path == "/chunks":
                self.chunks()
            elif self.path == "/large":
                self.answer(b"0123456789" * 300000)
            else:
                self.answer(b"hello")

        do_HEAD = do_GET

        def chunks(self):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in b"one ", b"two ", b"three":
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.command, self.path, dict(self.headers)))
            self.answer(body[::-1])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((HERE, 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def close():
        server.shutdown()
        server.server_close()
        thread.join()
    test.addCleanup(close)
    return server.server_address[1], requests


class LineServer:
    """A server of one client at a time that talks in lines."""

    def __init__(self):
        self.listener = socket.create_server((HERE, 0))
        self.port = self.listener.getsockname()[1]
        self.connection = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                self.connection, _ = self.listener.accept()
                self.connection.settimeout(30)
                with self.connection, contextlib.suppress(OSError, ValueError):
                    self.lines = self.connection.makefile("rwb")
                    self.serve()

    def say(self, text):
        self.lines.write(text.encode() + b"\r\n")
        self.lines.flush()

    def hear(self):
        line = self.lines.readline()
        if not line:
            raise ValueError("the client has gone")
        return line.decode().rstrip("\r\n")

    def serve(self):
        raise NotImplementedError

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        if self.connection:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


class MailServer(LineServer):
    """SMTP (RFC 5321); mails: (sender, recipients, lines)."""

    def __init__(self):
        self.mails = []
        super().__init__()

    def serve(self):
        sender, recipients = None, []
        self.say("220 mail.test")
        while True:
            command = self.hear()
            verb = command.split(" ")[0].upper()
            if verb == "EHLO":
                self.say("250-mail.test")
                self.say("250 8BITMIME")
            elif verb == "MAIL":
                sender, recipients = command, []
                self.say("250 ok")
            elif verb == "RCPT":
                if "nobody" in command:
                    self.say("550 no such user")
                    continue
                recipients.append(command)
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                lines = []
                while (line := self.hear()) != ".":
                    lines.append(line)
                self.mails.append((sender, recipients, lines))
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("502 unknown")


class FileServer(LineServer):
    """FTP (RFC 959, RFC 2428), passive only; files: {path: bytes}."""

    def __init__(self, files):
        self.files = files
        super().__init__()

    def serve(self):
        data = None
        self.say("220 files.test")
        while True:
            verb, _, argument = self.hear().partition(" ")
            verb = verb.upper()
            if verb == "USER":
                self.say("331 password?")
            elif verb in ("PASS", "TYPE", "CWD"):
                self.say({"PASS": "230", "TYPE": "200", "CWD": "250"}[verb] + " ok")
            elif verb in ("PASV", "EPSV"):
                data = socket.create_server((HERE, 0))
                data.settimeout(30)
                self.say(self.whereabouts(verb, data.getsockname()[1]))
            elif verb in ("RETR", "STOR", "NLST", "LIST"):
                self.transfer(data, verb, argument)
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("502 unknown")

    @staticmethod
    def whereabouts(verb, port):
        if verb == "EPSV":
            return f"229 at (|||{port}|)"
        return f"227 at ({SEEN_AS.replace('.', ',')},{port // 256},{port % 256})"

    def transfer(self, listener, verb, path):
        if verb == "RETR" and path not in self.files:
            listener.close()
            self.say("550 no such file")
            return
        self.say("150 here it comes")
        connection, _ = listener.accept()
        listener.close()
        with connection:
            if verb == "RETR":
                connection.sendall(self.files[path])
            elif verb == "STOR":
                self.files[path] = b"".join(iter(lambda: connection.recv(65536), b""))
            else:
                connection.sendall("".join(f"{p}\r\n" for p in sorted(self.files)).encode())
        self.say("226 done")
