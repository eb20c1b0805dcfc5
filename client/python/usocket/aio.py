# SPDX-License-Identifier: MIT
"""Streams, transports and names for asyncio, over the stack of usocketd.

asyncio's own transports run over sockets of usocket.stdsocket; what is here
makes those sockets and resolves names without blocking the loop. asyncio's
calls that take a name (loop.sock_connect(), loop.create_connection()) would
ask the system's resolver: use the ones here, or give them addresses.

The event loop has to be one of selectors, as asyncio's default is.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket as _std
import weakref
from typing import Any, Callable

from usocket import _core, stdsocket

__all__ = ["connect", "create_connection", "create_datagram_endpoint", "create_server",
           "getaddrinfo", "listen", "open_connection", "start_server"]


# The daemon bounds the look-ups that a process has under way; more wait here.
_LOOKUPS_MAX = 8
_lookups: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def _turn() -> asyncio.Semaphore:
    return _lookups.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_LOOKUPS_MAX))


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(fd, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(fd)


async def _finish(lookup) -> list:
    while True:
        await _readable(lookup.fileno())
        with contextlib.suppress(BlockingIOError):
            return lookup.finish()


async def getaddrinfo(host, port, *, family: int = 0, type: int = _std.SOCK_STREAM,
                      proto: int = 0, flags: int = 0) -> list:
    """As usocket.stdsocket.getaddrinfo(), for one type of socket."""
    async with _turn():
        lookup = _core.Lookup(host, port, family, type, proto, flags)
        try:
            return await _finish(lookup)
        finally:
            lookup.cancel()


async def connect(host: str, port: int, *, family: int = 0,
                  local_addr: tuple | None = None) -> stdsocket.socket:
    """A connected, non-blocking socket: the host's addresses are tried in order.

    Raises the last attempt's OSError, or socket.gaierror. For a limit in time
    use asyncio.timeout() or asyncio.wait_for().
    """
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for kind, _, _, _, address in await getaddrinfo(host, port, family=family):
        s = stdsocket.socket(kind)
        try:
            s.setblocking(False)
            if local_addr is not None:
                s.bind(local_addr)
            await loop.sock_connect(s, address)
            return s
        except OSError as e:
            failure = e
            s.close()
        except BaseException:
            s.close()
            raise
    try:
        raise failure or OSError(f"no address of {host}")
    finally:
        del failure


async def listen(host: str | None, port: int, *, family: int = 0,
                 backlog: int = 100) -> stdsocket.socket:
    """A non-blocking socket that listens at the host's first address.

    @host None or "": all addresses of @family, which is AF_INET if 0.
    """
    if not host:
        address: Any = ("", port)
        family = family or _std.AF_INET
    else:
        flags = _std.AI_PASSIVE
        family, _, _, _, address = (await getaddrinfo(host, port, family=family,
                                                      flags=flags))[0]
    s = stdsocket.create_server(address, family=family, backlog=backlog)
    s.setblocking(False)
    return s


def _server_name(host: str, options: dict[str, Any]) -> None:
    if options.get("ssl"):
        options.setdefault("server_hostname", host)


async def create_connection(protocol_factory: Callable[[], asyncio.BaseProtocol], host: str,
                            port: int, *, family: int = 0, local_addr: tuple | None = None,
                            **options):
    """(transport, protocol); options are those of loop.create_connection()."""
    _server_name(host, options)
    s = await connect(host, port, family=family, local_addr=local_addr)
    try:
        return await asyncio.get_running_loop().create_connection(protocol_factory, sock=s,
                                                                  **options)
    except BaseException:
        s.close()
        raise


async def open_connection(host: str, port: int, *, family: int = 0,
                          local_addr: tuple | None = None, **options
                          ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """As asyncio.open_connection(), whose other options (ssl, limit) it takes."""
    _server_name(host, options)
    s = await connect(host, port, family=family, local_addr=local_addr)
    try:
        return await asyncio.open_connection(sock=s, **options)
    except BaseException:
        s.close()
        raise


async def create_server(protocol_factory: Callable[[], asyncio.BaseProtocol],
                        host: str | None, port: int, *, family: int = 0, backlog: int = 100,
                        **options) -> asyncio.Server:
    """As loop.create_server(), at one address; see listen()."""
    s = await listen(host, port, family=family, backlog=backlog)
    try:
        return await asyncio.get_running_loop().create_server(protocol_factory, sock=s,
                                                              backlog=backlog, **options)
    except BaseException:
        s.close()
        raise


async def start_server(client_connected_cb, host: str | None, port: int, *, family: int = 0,
                       backlog: int = 100, **options) -> asyncio.Server:
    """As asyncio.start_server(), at one address; see listen()."""
    s = await listen(host, port, family=family, backlog=backlog)
    try:
        return await asyncio.start_server(client_connected_cb, sock=s, backlog=backlog,
                                          **options)
    except BaseException:
        s.close()
        raise


async def create_datagram_endpoint(protocol_factory: Callable[[], asyncio.BaseProtocol], *,
                                   local_addr: tuple | None = None,
                                   remote_addr: tuple | None = None,
                                   family: int = _std.AF_INET,
                                   allow_broadcast: bool = False):
    """(transport, protocol) of a UDP socket. Hosts may be names."""
    s = stdsocket.socket(family, _std.SOCK_DGRAM)
    try:
        s.setblocking(False)
        if allow_broadcast:
            s.setsockopt(_std.SOL_SOCKET, _std.SO_BROADCAST, 1)
        for attach, address in (s.bind, local_addr), (s.connect, remote_addr):
            if address is None:
                continue
            if address[0]:
                found = await getaddrinfo(*address[:2], family=family, type=_std.SOCK_DGRAM)
                address = found[0][4]
            attach(address)
        return await asyncio.get_running_loop().create_datagram_endpoint(protocol_factory,
                                                                         sock=s)
    except BaseException:
        s.close()
        raise
