# SPDX-License-Identifier: MIT
"""Python's own socket module, with sockets in the TCP/IP stack of usocketd.

Names, shapes and errors are those of the standard module: http.client, asyncio
and ssl take its sockets for their own. Names are resolved by the daemon, and
getaddrinfo() gives addresses in the order of RFC 6724. An OSError always has
its Linux errno, also a TimeoutError (110).

What is not about TCP, UDP or IP comes from the standard module or is left out:
there are no AF_UNIX sockets here, no ancillary data and no reverse look-ups.
"""

from __future__ import annotations

import errno
import io
import os
import re
import socket as _std
from typing import Any, BinaryIO, Callable, Iterable, Sequence

from usocket import _core

# Constants are the standard module's; enumerations among them stay such.
_CONSTANT = re.compile(r"(AF_(UNSPEC|INET6?)|SOCK_(STREAM|DGRAM|RAW|CLOEXEC|NONBLOCK)|SOMAXCONN"
                       r"|SOL_(SOCKET|IP|TCP|UDP)|(IPPROTO|SO|TCP|IP|IPV6|AI|EAI|NI|MSG|SHUT"
                       r"|INADDR)_\w+)$")
for _name in filter(_CONSTANT.match, dir(_std)):
    globals()[_name] = getattr(_std, _name)

error = OSError
timeout = TimeoutError
gaierror = _std.gaierror
herror = _std.herror
has_ipv6 = True
# Beyond the standard module: select.poll() that knows of errors and POLLHUP here.
poll = _core.poll

AddressFamily = _std.AddressFamily
SocketKind = _std.SocketKind
MsgFlag = _std.MsgFlag
AddressInfo = _std.AddressInfo
SocketIO = _std.SocketIO
AF_INET, AF_INET6 = _std.AF_INET, _std.AF_INET6
SOCK_STREAM, SOCK_DGRAM, SOCK_RAW = _std.SOCK_STREAM, _std.SOCK_DGRAM, _std.SOCK_RAW

# What does not touch a network.
for _name in ("CMSG_LEN", "CMSG_SPACE", "getprotobyname", "getservbyname", "getservbyport",
              "gethostname", "htonl", "htons", "inet_aton", "inet_ntoa", "inet_ntop",
              "inet_pton", "ntohl", "ntohs", "socketpair"):
    globals()[_name] = getattr(_std, _name)

# The same object: modules of the standard library hand theirs to this one.
_GLOBAL_DEFAULT_TIMEOUT = _std._GLOBAL_DEFAULT_TIMEOUT
_default_timeout: float | None = None

_SENDFILE_BYTES = 65536
# Type and protocol of each entry that getaddrinfo() gives for an address.
_KINDS = ((SOCK_STREAM, _std.IPPROTO_TCP), (SOCK_DGRAM, _std.IPPROTO_UDP), (SOCK_RAW, 0))


def setdefaulttimeout(seconds: float | None) -> None:
    """Sets the time-out that new sockets have; None: they wait."""
    global _default_timeout
    if seconds is not None:
        seconds = float(seconds)
        if not seconds >= 0:
            raise ValueError("timeout must be None or at least 0")
    _default_timeout = seconds


def getdefaulttimeout() -> float | None:
    return _default_timeout


class socket(_core.StandardSocket):
    """A socket of the stack; as socket.socket of the standard library."""

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1,
                 fileno: int | None = None):
        self._io_refs = 0
        self._closed = False
        if fileno is not None:
            super().__init__(fileno=fileno)
            return
        super().__init__(AF_INET if family == -1 else family,
                         SOCK_STREAM if type == -1 else type,
                         # 0 is what fits the type, but for raw sockets.
                         -1 if proto == 0 and type & 0xf != SOCK_RAW else proto)
        if _default_timeout is not None and self.gettimeout() is None:
            self.settimeout(_default_timeout)

    def __repr__(self):
        kind = type(self)
        state = "[closed] " if self.fileno() < 0 else ""
        return (f"<{kind.__module__}.{kind.__qualname__} {state}fd={self.fileno()}, "
                f"family={self.family}, type={self.type}, proto={self.proto}>")

    def __getstate__(self):
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    @property
    def family(self) -> AddressFamily:
        return AddressFamily(super().family)

    @property
    def type(self) -> SocketKind:
        return SocketKind(super().type)

    @property
    def timeout(self) -> float | None:
        return self.gettimeout()

    def listen(self, backlog: int = 128) -> None:
        super().listen(backlog)

    def accept(self) -> tuple[socket, Any]:
        """Takes the next connection: (socket, address). The socket is blocking."""
        connection, address = super().accept()
        accepted = _take_over(socket, connection.detach())
        if _default_timeout is not None:
            accepted.settimeout(_default_timeout)
        return accepted, address

    def connect_ex(self, address) -> int:
        """As connect(), but returns the errno; 0 is success."""
        try:
            self.connect(address)
        except gaierror:
            raise
        except OSError as e:
            return e.errno
        return 0

    def sendmsg(self, buffers: Iterable, ancdata: Iterable = (), flags: int = 0,
                address=None) -> int:
        """Sends the buffers as one piece of data. There is no ancillary data."""
        if list(ancdata):
            raise OSError(errno.EINVAL, "no ancillary data here")
        data = b"".join(buffers)
        return self.send(data, flags) if address is None else self.sendto(data, flags, address)

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0):
        """(data, [], 0, address): there is no ancillary data."""
        data, address = self.recvfrom(bufsize, flags)
        return data, [], 0, address

    def sendfile(self, file: BinaryIO, offset: int = 0, count: int | None = None) -> int:
        """Sends what @file has from @offset on; returns how many bytes that was."""
        if "b" not in getattr(file, "mode", "b"):
            raise ValueError("file should be opened in binary mode")
        if self.type != SOCK_STREAM:
            raise ValueError("only SOCK_STREAM type sockets are supported")
        if self.gettimeout() == 0:
            raise ValueError("non-blocking sockets are not supported")
        if count is not None and count <= 0:
            raise ValueError(f"count must be a positive integer (got {count!r})")
        if offset:
            file.seek(offset)
        total = 0
        try:
            while count is None or total < count:
                wanted = _SENDFILE_BYTES if count is None else min(_SENDFILE_BYTES, count - total)
                data = memoryview(file.read(wanted))
                if not data:
                    break
                while data:
                    sent = self.send(data)
                    total += sent
                    data = data[sent:]
        finally:
            if total and hasattr(file, "seek"):
                file.seek(offset + total)
        return total

    def makefile(self, mode: str = "r", buffering: int | None = None, *,
                 encoding: str | None = None, errors: str | None = None,
                 newline: str | None = None):
        """A file object; the descriptor is closed when it and the socket are."""
        if self.fileno() < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if not set(mode) <= set("rwb"):
            raise ValueError(f"invalid mode {mode!r} (only r, w, b allowed)")
        reads, writes = "r" in mode or "w" not in mode, "w" in mode
        raw = SocketIO(self, ("r" if reads else "") + ("w" if writes else ""))
        self._io_refs += 1
        if buffering is None or buffering < 0:
            buffering = io.DEFAULT_BUFFER_SIZE
        if buffering == 0:
            if "b" in mode:
                return raw
            raise ValueError("unbuffered streams must be binary")
        if reads and writes:
            buffered = io.BufferedRWPair(raw, raw, buffering)
        else:
            buffered = (io.BufferedReader if reads else io.BufferedWriter)(raw, buffering)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(buffered, encoding, errors, newline)
        text.mode = mode
        return text

    def _decref_socketios(self):
        if self._io_refs > 0:
            self._io_refs -= 1
        if self._closed:
            self.close()

    def close(self) -> None:
        self._closed = True
        if self._io_refs <= 0:
            super().close()

    def detach(self) -> int:
        self._closed = True
        return super().detach()

    def __exit__(self, *args):
        # Not the base's, which does not know of files.
        self.close()

    def dup(self) -> socket:
        """Another socket object of the same socket."""
        copy = _take_over(type(self), _dup(self.fileno()))
        copy.settimeout(self.gettimeout())
        return copy

    def get_inheritable(self) -> bool:
        return os.get_inheritable(self.fileno())

    def set_inheritable(self, inheritable: bool) -> None:
        os.set_inheritable(self.fileno(), inheritable)


SocketType = socket


def _dup(fd: int) -> int:
    if fd < 0:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return os.dup(fd)


def _take_over(kind: Callable[..., socket], fd: int) -> socket:
    try:
        return kind(fileno=fd)
    except BaseException:
        os.close(fd)
        raise


def fromfd(fd: int, family: int, type: int, proto: int = 0) -> socket:
    """A socket object of a copy of the descriptor; the rest is found out."""
    return _take_over(socket, _dup(fd))


def close(fd: int) -> None:
    os.close(fd)


# ---- connections -------------------------------------------------------------


def create_connection(address, timeout=_GLOBAL_DEFAULT_TIMEOUT, source_address=None, *,
                      all_errors: bool = False) -> socket:
    """Connects to (host, port), trying the host's addresses one after the other.

    @timeout is each attempt's, in seconds.
    """
    host, port = address
    failures: list[OSError] = []
    for family, kind, proto, _, sockaddr in getaddrinfo(host, port, 0, SOCK_STREAM):
        s = socket(family, kind, proto)
        try:
            if timeout is not _GLOBAL_DEFAULT_TIMEOUT:
                s.settimeout(timeout)
            if source_address:
                s.bind(source_address)
            s.connect(sockaddr)
            return s
        except OSError as e:
            failures.append(e)
            s.close()
        except BaseException:
            s.close()
            raise
    if all_errors:
        raise ExceptionGroup("create_connection failed", failures)
    try:
        raise failures[0]
    finally:
        # No cycle between the exception and this frame.
        failures.clear()


def has_dualstack_ipv6() -> bool:
    """Whether one listener can serve IPv4 and IPv6."""
    try:
        with socket(AF_INET6, SOCK_STREAM) as s:
            s.setsockopt(_std.IPPROTO_IPV6, _std.IPV6_V6ONLY, 0)
    except OSError:
        return False
    return True


def create_server(address, *, family: int = AF_INET, backlog: int | None = None,
                  reuse_port: bool = False, dualstack_ipv6: bool = False) -> socket:
    """A socket that listens at (host, port)."""
    if reuse_port:
        raise ValueError("SO_REUSEPORT not supported on this platform")
    if dualstack_ipv6 and family != AF_INET6:
        raise ValueError("dualstack_ipv6 requires AF_INET6 family")
    s = socket(family, SOCK_STREAM)
    try:
        s.setsockopt(_std.SOL_SOCKET, _std.SO_REUSEADDR, 1)
        if family == AF_INET6:
            s.setsockopt(_std.IPPROTO_IPV6, _std.IPV6_V6ONLY, 0 if dualstack_ipv6 else 1)
        s.bind(address)
        s.listen() if backlog is None else s.listen(backlog)
    except BaseException:
        s.close()
        raise
    return s


# ---- names -------------------------------------------------------------------


def _entry(family, kind, proto, name, sockaddr):
    return AddressFamily(family), SocketKind(kind), proto, name, sockaddr


def _wanted_kinds(type, proto):
    return [(kind, number or proto) for kind, number in _KINDS
            if type in (0, kind) and proto in (0, number or proto)
            and not (kind == SOCK_RAW and proto and not type)]


def getaddrinfo(host, port, family: int = 0, type: int = 0, proto: int = 0,
                flags: int = 0) -> list:
    """The addresses of a host, best first (RFC 6724):
    [(family, type, proto, canonname, sockaddr), ...]

    Waits for at most the daemon's own limit, 15 s by default.
    """
    kinds = _wanted_kinds(int(type), proto)
    if not kinds:
        raise gaierror(_std.EAI_SOCKTYPE, "ai_socktype not supported")
    if host is None and not flags & _std.AI_PASSIVE:
        # No host is this one, but to bind to.
        return [entry for own, host in ((AF_INET6, "::1"), (AF_INET, "127.0.0.1"))
                if family in (0, own)
                for entry in getaddrinfo(host, port, own, type, proto, flags)]
    found = _core._getaddrinfo_standard(host, port, family, kinds[0][0], 0, flags)
    return [_entry(entry[0], kind, number, entry[3], entry[4])
            for entry in found for kind, number in kinds]


def gethostbyname(hostname: str) -> str:
    """The first IPv4 address of a host."""
    if hostname in ("", "<broadcast>"):
        return "255.255.255.255" if hostname else "0.0.0.0"
    return getaddrinfo(hostname, None, AF_INET, SOCK_STREAM)[0][4][0]


def gethostbyname_ex(hostname: str) -> tuple[str, list[str], list[str]]:
    """(name, aliases, IPv4 addresses); no aliases are known."""
    found = getaddrinfo(hostname, None, AF_INET, SOCK_STREAM, 0, _std.AI_CANONNAME)
    return found[0][3] or hostname, [], [entry[4][0] for entry in found]


def getfqdn(name: str = "") -> str:
    """The name as it is, or this machine's: there are no reverse look-ups."""
    return _std.gethostname() if name in ("", "0.0.0.0", "::") else name


def getnameinfo(sockaddr: Sequence, flags: int) -> tuple[str, str]:
    """(host, service). The host stays a number: there are no reverse look-ups."""
    host, port = sockaddr[:2]
    if flags & _std.NI_NAMEREQD:
        raise gaierror(_std.EAI_NONAME, "Name or service not known")
    family = AF_INET6 if ":" in host else AF_INET
    try:
        _std.inet_pton(family, host.partition("%")[0])
    except OSError:
        raise gaierror(_std.EAI_NONAME, "Name or service not known") from None
    if len(sockaddr) > 3 and sockaddr[3] and "%" not in host:
        host = f"{host}%{sockaddr[3]}"
    if flags & _std.NI_NUMERICSERV:
        return host, str(port)
    try:
        return host, _std.getservbyport(port, "udp" if flags & _std.NI_DGRAM else "tcp")
    except OSError:
        return host, str(port)


__all__ = [_name for _name in list(globals())
           if not _name.startswith("_") and _name not in
           ("annotations", "errno", "io", "os", "re", "Any", "BinaryIO", "Callable", "Iterable",
            "Sequence")]
