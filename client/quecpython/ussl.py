# SPDX-License-Identifier: MIT
"""QuecPython's ussl: TLS over a connected usocket.

Theory of operation

The socket becomes non-blocking. An engine, OpenSSL's in CPython and mbedTLS' in
MicroPython, does what can be done at once; a Stream waits in between, inside of
the deadline of its call, and gives the calls of a socket their meaning. Threads
may read and write at once: the engine is locked for each step, never while
somebody waits.

The server's certificate is always checked, against its name and the system's
authorities, or those in the file that SSL_CERT_FILE names. All that TLS itself
has to complain of is OSError 71 with its text.
"""

import sys

import utime

if sys.implementation.name == "micropython":
    from _quecpython_mbedtls import Engine
else:
    from _quecpython_openssl import Engine

__all__ = ["wrap_socket"]

_EAGAIN = 11
_EBADF = 9
_ETIMEDOUT = 110

_READ_MAX = 16384


class Stream:
    """A connection in TLS, with a socket's calls."""

    def __init__(self, sock, engine, timeout):
        self._sock = sock
        self._engine = engine
        self._timeout = timeout
        self._ahead = b""

    # ---- waiting ----

    def settimeout(self, value):
        if value is not None and not value >= 0:
            raise ValueError("timeout must be None or at least 0")
        self._timeout = value

    def setblocking(self, flag):
        self.settimeout(None if flag else 0)

    def _begin(self):
        """When the call ends, in ticks; None: never."""
        if self._timeout is None:
            return None
        # Up: what is not 0 must not become 0.
        return utime.ticks_add(utime.ticks_ms(), int(self._timeout * 1000 + 0.999))

    def _do(self, end, is_write, step, *arguments):
        """Takes a step of the engine as soon as it can be taken."""
        while True:
            if self._sock is None:
                raise OSError(_EBADF, "closed")
            result = step(*arguments)
            if result is not None:
                return result
            if self._timeout == 0:
                raise OSError(_EAGAIN, "would block")
            left = -1 if end is None else utime.ticks_diff(end, utime.ticks_ms())
            if end is not None and left <= 0:
                raise OSError(_ETIMEDOUT, "timed out")
            self._engine.wait(left, is_write)

    def handshake(self):
        self._do(self._begin(), False, self._engine.handshake)

    # ---- reading ----

    def _take(self, n):
        data, self._ahead = self._ahead[:n], self._ahead[n:]
        return data

    def _receive(self, n, end):
        if self._ahead:
            return self._take(n)
        return self._do(end, False, self._engine.read, min(n, _READ_MAX))

    def recv(self, n):
        return self._receive(n, self._begin()) if n else b""

    def read(self, n=-1):
        """Until there are @n bytes, or the end; a part if the time is over."""
        end, pieces = self._begin(), []
        left = sys.maxsize if n is None or n < 0 else n
        try:
            while left:
                piece = self._receive(left, end)
                if not piece:
                    break
                pieces.append(piece)
                left -= len(piece)
        except OSError as e:
            if not pieces:
                if e.args[0] == _EAGAIN:
                    return None
                raise
        return b"".join(pieces)

    def readinto(self, buf, nbytes=-1):
        size = len(buf) if nbytes < 0 else min(nbytes, len(buf))
        data = self.read(size)
        if data is None:
            return None
        buf[:len(data)] = data
        return len(data)

    def readline(self, n=-1):
        """A part that comes before the time is over stays for the next call."""
        line, end = b"", self._begin()
        limit = sys.maxsize if n is None or n < 0 else n
        try:
            while len(line) < limit and b"\n" not in line:
                piece = self._receive(_READ_MAX, end)
                if not piece:
                    break
                line += piece
        except OSError as e:
            if e.args[0] in (_EAGAIN, _ETIMEDOUT):
                self._ahead = line + self._ahead
            raise
        size = line.find(b"\n") + 1 or len(line)
        size = min(size, limit)
        self._ahead = line[size:] + self._ahead
        return line[:size]

    def wait_readable(self, ms):
        """Whether there is something to read, or the end, within @ms."""
        for wait_ms in (ms, 0):
            data = self._ahead or self._engine.read(_READ_MAX)
            if data is not None:
                self._ahead = data
                return True
            if wait_ms:
                self._engine.wait(wait_ms, False)
        return False

    # ---- writing ----

    def _write(self, data, is_all):
        view, end = memoryview(data.encode() if isinstance(data, str) else data), self._begin()
        size = done = len(view) and self._do(end, True, self._engine.write, view)
        while is_all and size < len(view):
            done = self._do(end, True, self._engine.write, view[size:])
            size += done
        self._do(end, True, self._engine.flush)
        return size

    def send(self, data):
        return self._write(data, False)

    def write(self, data):
        return self._write(data, True)

    def sendall(self, data):
        self._write(data, True)

    # ---- ends ----

    def fileno(self):
        return self._sock.fileno() if self._sock else -1

    def shutdown(self, how):
        if self._sock:
            self._sock.shutdown(how)

    def close(self):
        sock, self._sock = self._sock, None
        if sock:
            self._engine.close()
            sock.close()


def wrap_socket(sock, server_hostname=None, cert=None, key=None, timeout=60):
    """Begins TLS on a connected socket, which is the Stream's from then on.

    @server_hostname must be given: whom the certificate has to name. @cert, @key:
    our own, PEM texts. @timeout: in seconds, of the handshake and later calls.
    """
    if not server_hostname:
        raise ValueError("server_hostname is needed: the certificate is checked for it")
    sock.setblocking(False)
    stream = Stream(sock, Engine(sock, server_hostname, cert, key), timeout)
    stream.handshake()
    return stream
