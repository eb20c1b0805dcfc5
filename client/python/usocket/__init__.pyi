# SPDX-License-Identifier: MIT
"""QuecPython's usocket: sockets in the TCP/IP stack of usocketd.

Every error is an OSError (with its subclass: TimeoutError, ConnectionResetError,
...) that has a Linux errno in args[0]; those of names are socket.gaierror and
the only negative ones. What calls that need the daemon may raise besides: 19
(there is none; the text says where it was looked for), 13 (not permitted), 93
(library and daemon do not fit together), 103 (the daemon has ended).

A call on a closed socket raises 9, also one that was waiting when another
thread closed it.
"""

from typing import Any, Callable, Protocol, SupportsFloat, SupportsIndex
from typing_extensions import Buffer, Self

# (host, port); for IPv6 also (host, port, flowinfo, scope_id). A list will do.
_Address = tuple[str | bytes, int] | tuple[str | bytes, int, int, int] | list[Any]

class _HasFileno(Protocol):
    def fileno(self) -> int: ...

_Descriptor = int | _HasFileno

class socket:
    """A socket in the stack of usocketd, close-on-exec, blocking at first."""

    def __init__(self, af: int = ..., type: int = ..., proto: int = ..., *,
                 fileno: SupportsIndex | None = None) -> None:
        """A TCP socket over IPv4 without arguments.

        @fileno takes over a descriptor that is a usocket; the rest is found out.
        Raises 97 (family), 22 (type), 93 (protocol does not fit), 1 (SOCK_RAW
        without the right), 24 (the process's limit), 105 (the stack is full).
        The link may be down: connect() decides.
        """

    @property
    def family(self) -> int: ...
    @property
    def type(self) -> int: ...
    @property
    def proto(self) -> int: ...

    def bind(self, address: _Address) -> None:
        """Host "": all addresses; port 0: a free one from 49152..65535.

        Raises 98 (in use, also by another process), 99 (not an address of a
        link), 22 (bound before, or connected).
        """

    def listen(self, backlog: int = 8) -> None:
        """@backlog: connections that wait for accept(), clamped to 1..255."""

    def accept(self) -> tuple[socket, str, int]:
        """The next connection: (socket, host, port). The socket is blocking.

        Raises 11 (non-blocking), 110 (time-out), 22 (not listening), 95 (not TCP).
        """

    def connect(self, address: _Address | None) -> None:
        """Connects to an address or a name, all inside the time-out.

        Raises 111 (refused), 110 (time-out; without one after the daemon's
        limit, 75 s by default), 113 (no link is up), 106 (connected already),
        114 (under way), gaierror (the name). Non-blocking: 115; the end is
        writability, with the result in SO_ERROR.
        UDP: sets the peer; None: none any more.
        """

    def shutdown(self, how: int) -> None:
        """SHUT_RD, SHUT_WR or SHUT_RDWR. Raises 107 (not connected)."""

    def close(self) -> None:
        """Again: nothing. TCP delivers what is queued in the background."""

    def detach(self) -> int:
        """Closes the object; its descriptor stays open, and is returned."""

    def getsockname(self) -> tuple[str, int]: ...
    def getpeername(self) -> tuple[str, int]:
        """Raises 107 (no peer)."""

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """What is there, at most @bufsize bytes; b"" at the end of the stream.

        @flags: MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL.
        Raises 11 (non-blocking), 110 (time-out, or the connection was given
        up), 104 (reset by the peer), 103 (our address is gone), 107.
        """

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, tuple[str, int] | None]:
        """As recv(), with the sender's address. What of a datagram does not fit is lost."""

    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        """As recv(), into @buffer; @nbytes 0: as many as it has. The count."""

    def recvfrom_into(self, buffer: Buffer, nbytes: int = 0,
                      flags: int = 0) -> tuple[int, tuple[str, int] | None]: ...

    def read(self, size: int | None = None) -> bytes | None:
        """Reads until there are @size bytes or the stream ends; without @size to the end.

        When the time is over it is the part that has arrived; without any it
        raises 110. Non-blocking: the part, or None.
        """

    def readall(self) -> bytes | None:
        """As read()."""

    def readinto(self, buf: Buffer, nbytes: int = -1) -> int | None:
        """As read(), into @buf, at most @nbytes bytes if not negative. The count."""

    def readline(self, size: int | None = None) -> bytes | None:
        """A line with its newline, at most @size bytes; the rest at the end of the stream.

        When the time is over it raises 110, and the next call goes on there.
        """

    def send(self, data: Buffer | str, flags: int = 0) -> int:
        """Queues all of @data (str: UTF-8) and returns the count of bytes.

        The count is short if the time was over or an error came behind some
        bytes, or non-blocking. Raises 11 or 110 if nothing was queued, 104, 32
        (the connection is over), 107, 113 (no link), 89 (no destination), 90
        (more than 65507 bytes in a datagram), 122 (quota used up).
        """

    def sendall(self, data: Buffer | str, flags: int = 0) -> None:
        """Queues all of @data inside the time-out, or raises. Non-blocking: all or nothing."""

    def sendto(self, data: Buffer | str, *flags_and_address: Any) -> int:
        """sendto(data[, flags], address). The host may be a name."""

    def write(self, data: Buffer | str) -> int | None:
        """As send(), but None where that raises 11."""

    def setsockopt(self, level: int, optname: int,
                   value: int | Buffer | Callable[[socket], object] | None) -> None:
        """Sets an option by the name of this module; @level is not looked at then.

        Option 20 of SOL_SOCKET: @value is called with the socket when something
        has arrived, in a thread of its own; None takes it off.
        Raises 92 (unknown, or not for this type), 22 (value out of range).
        """

    def getsockopt(self, level: int, optname: int, buflen: int = 0) -> Any:
        """An int; bytes if @buflen is not 0 (..1024); a dict of TCP_INFO."""

    def setblocking(self, flag: object) -> None: ...
    def getblocking(self) -> bool: ...
    def settimeout(self, seconds: SupportsFloat | None) -> None:
        """The time for each whole call from now on. None: they wait; 0: non-blocking."""

    def gettimeout(self) -> float | None: ...
    def makefile(self, mode: str = "rb", buffering: object = None) -> Self:
        """The socket itself. @mode: rb, wb or rwb."""

    def fileno(self) -> int:
        """The descriptor, for poll, select and the like; -1 if closed."""

    def getsocketsta(self) -> int:
        """The state: 0 CLOSED, 1 LISTEN, 2 SYN_SENT, 3 SYN_RCVD, 4 ESTABLISHED,
        5 FIN_WAIT_1, 6 FIN_WAIT_2, 7 CLOSE_WAIT, 8 CLOSING, 9 LAST_ACK,
        10 TIME_WAIT; -1 if the socket is closed or not TCP."""

    def getsendacksize(self) -> int:
        """Bytes of this connection's that the peer has acknowledged; -1 without one."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...

class poll:
    """As select.poll(), for usockets and other descriptors together.

    It knows of usockets what select.poll() does not: pending errors (POLLERR),
    sockets that are not connected (POLLHUP), lines that were begun.
    """

    def register(self, fd: _Descriptor, eventmask: int = ...) -> None: ...
    def modify(self, fd: _Descriptor, eventmask: int) -> None:
        """Raises 2 if it is not registered."""

    def unregister(self, fd: _Descriptor) -> None:
        """Raises KeyError if it is not registered."""

    def poll(self, timeout: SupportsFloat | None = None) -> list[tuple[int, int]]:
        """[(descriptor, events), ...] of what is ready; [] when the time is over.

        @timeout: milliseconds; None or negative: waits.
        """

def getaddrinfo(host: str | bytes, port: int | str, family: int = 0, type: int = 0,
                proto: int = 0, flags: int = 0) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    """[(family, type, proto, host, (address, port)), ...]

    IPv4 comes first while a link has it. @host "": the wildcard; @port: a
    number, digits or a service. Raises gaierror -2 (no such name), -3 (no
    answer), -4 (servers failed), -8 (no such service). Waits for at most the
    daemon's limit, 15 s by default.
    """

# Families, types, protocols, levels, flags; options have numbers of their own.
AF_INET: int
AF_INET6: int
SOCK_STREAM: int
SOCK_DGRAM: int
SOCK_RAW: int
IPPROTO_IP: int
IPPROTO_ICMP: int
IPPROTO_TCP: int
IPPROTO_UDP: int
IPPROTO_IPV6: int
IPPROTO_ICMPV6: int
IPPROTO_TCP_SER: int
TCP_CUSTOMIZE_PORT: int
SOL_SOCKET: int
SHUT_RD: int
SHUT_WR: int
SHUT_RDWR: int
MSG_PEEK: int
MSG_DONTWAIT: int
MSG_WAITALL: int
AI_PASSIVE: int
AI_CANONNAME: int
AI_NUMERICHOST: int
AI_NUMERICSERV: int
SO_REUSEADDR: int
TCP_KEEPALIVE: int
SO_KEEPALIVE: int
SO_BROADCAST: int
SO_LINGER: int
SO_RCVBUF: int
SO_SNDBUF: int
SO_ERROR: int
SO_TYPE: int
SO_ACCEPTCONN: int
SO_WAIT_LINK: int
TCP_NODELAY: int
TCP_KEEPIDLE: int
TCP_KEEPINTVL: int
TCP_KEEPCNT: int
TCP_MAXSEG: int
TCP_INFO: int
IP_TTL: int
IP_TOS: int
IP_MULTICAST_TTL: int
IP_MULTICAST_LOOP: int
IP_ADD_MEMBERSHIP: int
IP_DROP_MEMBERSHIP: int
IPV6_V6ONLY: int
IPV6_UNICAST_HOPS: int
IPV6_MULTICAST_HOPS: int
IPV6_MULTICAST_LOOP: int
IPV6_JOIN_GROUP: int
IPV6_LEAVE_GROUP: int
