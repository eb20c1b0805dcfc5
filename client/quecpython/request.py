# SPDX-License-Identifier: MIT
"""QuecPython's request: HTTP/1.1 over usocket, one connection a request.

get, post, put, patch, delete and head return a Response as soon as the header
is there; its body is read while it is asked for, so it may be longer than
memory. The connection ends with the body, with close(), or with the object.

Each wait for the network is at most @timeout seconds: OSError 110. An answer
that is no HTTP, or ends in its middle, is an OSError as well, 71 or 104. https is
ussl's; @ssl_params may hold our own "cert" and "key" for it.
"""

import ujson
from _quecpython import connect

__all__ = ["Response", "delete", "get", "head", "patch", "post", "put"]

_ECONNRESET = 104
_EPROTO = 71

_PORTS = {"http": 80, "https": 443}

_LINE_MAX = 8192
_HEADERS_MAX = 100


# ---- what is asked for ------------------------------------------------------

def _check_name(text):
    for character in text:
        if not "!" <= character <= "~":
            raise ValueError("%r cannot stand in a request" % text)
    return text


def _escape(path):
    """Bytes that a request's line cannot carry, as %XX."""
    return "".join([chr(c) if 0x20 < c < 0x7f else "%%%02X" % c for c in path.encode()])


def _split_host(place):
    """host[:port] or [IPv6][:port]"""
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        port = port[1:] if port.startswith(":") else port
    else:
        host, _, port = place.partition(":")
    if port and not port.isdigit():
        raise ValueError("%r is not a port" % port)
    return _check_name(host), int(port or 0)


def _split_url(url):
    """(scheme, host and port, path)"""
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ValueError("%r is not a URL" % url)
    scheme = scheme.lower()
    if scheme not in _PORTS:
        raise ValueError("%s is not a protocol of this module" % scheme)
    rest = rest.partition("#")[0]
    end = min([rest.find(mark) for mark in "/?" if mark in rest] or [len(rest)])
    place, path = rest[:end], rest[end:]
    if not place or "@" in place:
        raise ValueError("%r names no plain host" % url)
    if not path.startswith("/"):
        path = "/" + path
    return scheme, place, _escape(path)


def _body(data):
    """The bytes, and their type."""
    if data is None:
        return None, None
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data), None
    if not isinstance(data, str):
        data = ujson.dumps(data)
    return data.encode(), "application/json"


def _header_lines(place, headers, body, kind):
    own = {"Host": place, "Connection": "close"}
    if body is not None:
        own["Content-Length"] = str(len(body))
    if kind:
        own["Content-Type"] = kind
    given = {name.lower(): 1 for name in headers}
    lines = [(name, own[name]) for name in own if name.lower() not in given]
    for name, value in lines + list(headers.items()):
        value = str(value)
        if "\r" in value or "\n" in value or ":" in name:
            raise ValueError("header %r has no line's form" % name)
        yield _check_name(name) + ": " + value + "\r\n"


# ---- what is answered -------------------------------------------------------

def _read_line(sock):
    line = sock.readline(_LINE_MAX)
    if not line:
        raise OSError(_ECONNRESET, "the answer ended early")
    if not line.endswith(b"\n"):
        raise OSError(_EPROTO, "the answer has an endless line")
    return line.strip()


def _text(raw):
    try:
        return str(raw, "utf-8").strip()
    except UnicodeError:
        # RFC 9110 5.5: other bytes are opaque; ISO 8859-1 keeps them apart.
        return "".join([chr(c) for c in raw]).strip()


def _read_status(sock):
    parts = _read_line(sock).split(None, 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/") or not parts[1].isdigit():
        raise OSError(_EPROTO, "the answer is no HTTP")
    return int(parts[1])


def _read_headers(sock):
    headers = {}
    for _ in range(_HEADERS_MAX):
        line = _read_line(sock)
        if not line:
            return headers
        name, _, value = line.partition(b":")
        name, value = _text(name), _text(value)
        headers[name] = headers[name] + ", " + value if name in headers else value
    raise OSError(_EPROTO, "the answer has too many headers")


def _number(text, base):
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0:
        raise OSError(_EPROTO, "the answer has no length")
    return number


def _unfinished(data):
    """How many bytes at the end of @data begin a character of UTF-8 that goes on."""
    for i in range(1, min(3, len(data)) + 1):
        byte = data[-i]
        if byte & 0xc0 != 0x80:
            size = 4 if byte >= 0xf0 else 3 if byte >= 0xe0 else 2 if byte >= 0xc0 else 1
            return i if size > i else 0
    return 0


class Response:
    """status_code, headers, and the body by one of text, content and json()."""

    def __init__(self, sock, has_body, decode, sizeof):
        self._sock = sock
        self._decode = decode
        self._sizeof = max(1, sizeof)
        self.status_code = _read_status(sock)
        self.headers = _read_headers(sock)
        while 100 <= self.status_code < 200 and self.status_code != 101:
            self.status_code = _read_status(sock)
            self.headers = _read_headers(sock)
        if not has_body or self.status_code in (101, 204, 304):
            self.close()

    def close(self):
        if self._sock:
            self._sock.close()
            self._sock = None

    def _header(self, wanted):
        for name, value in self.headers.items():
            if name.lower() == wanted:
                return value
        return None

    def _read_exactly(self, left):
        while left:
            data = self._sock.read(min(left, self._sizeof))
            if not data:
                raise OSError(_ECONNRESET, "the answer ended early")
            left -= len(data)
            yield data

    def _read_chunked(self):
        while True:
            left = _number(_read_line(self._sock).partition(b";")[0], 16)
            if not left:
                break
            for data in self._read_exactly(left):
                yield data
            _read_line(self._sock)
        _read_headers(self._sock)

    def _read_to_end(self):
        while True:
            data = self._sock.recv(self._sizeof)
            if not data:
                return
            yield data

    def _pieces(self):
        if not self._sock:
            return
        try:
            length = self._header("content-length")
            if (self._header("transfer-encoding") or "").lower() == "chunked":
                pieces = self._read_chunked()
            elif length is not None:
                pieces = self._read_exactly(_number(length, 10))
            else:
                pieces = self._read_to_end()
            for data in pieces:
                yield data
        finally:
            self.close()

    def _texts(self):
        rest = b""
        for data in self._pieces():
            data = rest + data
            end = len(data) - _unfinished(data)
            rest = data[end:]
            if end:
                yield str(data[:end], "utf-8")
        if rest:
            yield str(rest, "utf-8")

    @property
    def text(self):
        """The body piece by piece, as text."""
        return self._texts()

    @property
    def content(self):
        """The same; with decode=False as bytes."""
        return self._texts() if self._decode else self._pieces()

    def json(self):
        return ujson.loads("".join(self._texts()))


# ---- the calls --------------------------------------------------------------

def _open(scheme, place, timeout, ssl_params):
    host, port = _split_host(place)
    sock = connect(host, port or _PORTS[scheme], timeout)
    if scheme == "http":
        return sock
    try:
        import ussl
        return ussl.wrap_socket(sock, host, timeout=timeout, **(ssl_params or {}))
    except Exception:
        sock.close()
        raise


def _caller(method):
    def call(url, data=None, headers=None, decode=True, sizeof=255, ssl_params=None,
             timeout=60):
        scheme, place, path = _split_url(url)
        body, kind = _body(data)
        head = "%s %s HTTP/1.1\r\n" % (method, path)
        head += "".join(_header_lines(place, headers or {}, body, kind)) + "\r\n"
        sock = _open(scheme, place, timeout, ssl_params)
        try:
            sock.sendall(head.encode() + (body or b""))
            return Response(sock, method != "HEAD", decode, sizeof)
        except Exception:
            sock.close()
            raise
    return call


get = _caller("GET")
post = _caller("POST")
put = _caller("PUT")
patch = _caller("PATCH")
delete = _caller("DELETE")
head = _caller("HEAD")
