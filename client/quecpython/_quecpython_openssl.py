# SPDX-License-Identifier: MIT
"""CPython's TLS, as ussl wants it: steps that never wait.

OpenSSL works on two memory buffers; this moves what they hold to and from the
socket, which CPython's ssl cannot use by itself.
"""

import os
import select
import ssl
import tempfile
import threading

_EAGAIN = 11
_EPIPE = 32
_EPROTO = 71


def _load_own(context, cert, key):
    """OpenSSL takes files only: one that nobody else can read, for the moment."""
    with tempfile.NamedTemporaryFile("w") as pem:
        pem.write(cert + "\n" + key + "\n")
        pem.flush()
        os.chmod(pem.name, 0o600)
        context.load_cert_chain(pem.name)


class Engine:
    def __init__(self, sock, hostname, cert, key):
        context = ssl.create_default_context()
        try:
            if cert:
                _load_own(context, cert, key or "")
        except ssl.SSLError as e:
            raise OSError(_EPROTO, "the own certificate: %s" % e) from None
        self.sock = sock
        self.lock = threading.Lock()
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.unsent = b""
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=hostname)

    def _fill(self):
        """Whether something came, if only the end."""
        try:
            data = self.sock.recv(65536)
        except OSError as e:
            if e.args[0] == _EAGAIN:
                return False
            raise
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()
        return True

    def _flush(self):
        self.unsent += self.outgoing.read()
        while self.unsent:
            n = self.sock.write(self.unsent)
            if n is None:
                return None
            self.unsent = self.unsent[n:]
        return True

    def _step(self, function, *arguments):
        with self.lock:
            while True:
                try:
                    return function(*arguments)
                except ssl.SSLWantReadError:
                    self._flush()
                    if not self._fill():
                        return None
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return b""
                except ssl.SSLError as e:
                    # What OpenSSL has to tell the server of it.
                    self._flush()
                    raise OSError(_EPROTO, "TLS: %s" % e) from None

    def _handshake(self):
        self.tls.do_handshake()
        return True

    def handshake(self):
        done = self._step(self._handshake)
        if done == b"":
            raise OSError(_EPROTO, "TLS: the server ended the connection")
        return done and self.flush()

    def read(self, n):
        return self._step(self.tls.read, n)

    def write(self, data):
        """All of it goes to the buffer, once that is empty."""
        if not self.flush():
            return None
        n = self._step(self.tls.write, data)
        if n == b"":
            raise OSError(_EPIPE, "the server ended the connection")
        return n

    def flush(self):
        with self.lock:
            return self._flush()

    def wait(self, ms, is_write):
        poll = select.poll()
        poll.register(self.sock, select.POLLIN | (select.POLLOUT if self.unsent else 0))
        poll.poll(ms if ms >= 0 else None)

    def close(self):
        """Lets the server know, if that needs no waiting."""
        with self.lock:
            try:
                self.tls.unwrap()
            except (OSError, ValueError):
                pass
            try:
                self._flush()
            except OSError:
                pass
