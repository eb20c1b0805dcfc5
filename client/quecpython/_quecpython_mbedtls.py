# SPDX-License-Identifier: MIT
"""MicroPython's TLS, as ussl wants it: steps that never wait.

mbedTLS works on the socket itself, whose stream calls return None when they
would block. It shakes hands in the first read, and has a certificate to show
when that is done.

Its read() goes on until it has all it was asked for or would block. The server's
notice of the end gets lost then if data came right before it, and the end is seen
when the connection itself ends; so recv(), which reads once, goes before where
MicroPython was built with DTLS and has it.
"""

import _thread
import os
import select
import tls

_EPROTO = 71
_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def _pem(text):
    """As mbedTLS counts it: with the NUL at its end."""
    return (text.encode() if isinstance(text, str) else bytes(text)) + b"\0"


def _read_authorities():
    path = os.getenv("SSL_CERT_FILE") or _AUTHORITIES
    with open(path, "rb") as f:
        return _pem(f.read())


class Engine:
    def __init__(self, sock, hostname, cert, key):
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED
        context.load_verify_locations(_read_authorities())
        try:
            if cert:
                context.load_cert_chain(_pem(cert), _pem(key or ""))
        except (OSError, ValueError) as e:
            raise OSError(_EPROTO, "the own certificate: %s" % e)
        # A byte that came with the handshake's end.
        self.first = None
        self.lock = _thread.allocate_lock()
        self.tls = context.wrap_socket(sock, server_hostname=hostname,
                                       do_handshake_on_connect=False)
        self.read_once = getattr(self.tls, "recv", self.tls.read)

    def _step(self, function, *arguments):
        with self.lock:
            try:
                return function(*arguments)
            except OSError as e:
                # mbedTLS' own numbers are negative.
                if e.args[0] < 0:
                    raise OSError(_EPROTO, "TLS: %s" % e)
                raise
            except ValueError as e:
                # Of a certificate.
                raise OSError(_EPROTO, "TLS: %s" % str(e).strip())

    def handshake(self):
        self.first = self._step(self.read_once, 1)
        if self.first == b"":
            raise OSError(_EPROTO, "TLS: the server ended the connection")
        return self.first or self.tls.getpeercert(True) and True

    def read(self, n):
        if self.first:
            data, self.first = self.first, None
            return data
        return self._step(self.read_once, n)

    def write(self, data):
        return self._step(self.tls.write, data)

    def flush(self):
        return True

    def wait(self, ms, is_write):
        poll = select.poll()
        poll.register(self.tls, select.POLLOUT if is_write else select.POLLIN)
        poll.poll(ms)

    def close(self):
        self.tls.close()
