# SPDX-License-Identifier: MIT
"""Addresses and names: what scripts write, and what C takes."""

import struct
import uctypes

from usocket_ffi import lib

_getaddrinfo = lib._script("i", "getaddrinfo", "ppppip")
_entry = lib._script("i", "entry", "PIp")
_freeaddrinfo = lib.library("v", "usocket_freeaddrinfo", "P")

AF_UNSPEC = 0
AF_INET = 2
AF_INET6 = 10
SOCK_STREAM = 1
AI_PASSIVE = 1
EAI_NONAME = 2

# struct addrinfo: flags, family, type and protocol come first.
_HINTS_SIZE = 48


def _host_bytes(host):
    if isinstance(host, str):
        host = host.encode()
    elif not isinstance(host, bytes):
        raise TypeError("host must be str")
    if b"\0" in host:
        raise ValueError("host has a null character")
    return host + b"\0"


def _unsigned(value, limit, what):
    if not isinstance(value, int):
        raise TypeError("%s must be int" % what)
    if not 0 <= value <= limit:
        raise ValueError("%s must be 0..%d" % (what, limit))
    return value


class Endpoint:
    """struct usocket_script_endpoint of a tuple or list; keeps its text alive."""

    def __init__(self, family, address):
        if not isinstance(address, (tuple, list)):
            raise TypeError("address must be a tuple or list")
        n = len(address)
        if n != 2 and not (n == 4 and family == AF_INET6):
            raise TypeError("address must be (host, port)"
                            + (" or (host, port, flowinfo, scope)"
                               if family == AF_INET6 else ""))
        flowinfo = scope = 0
        port = _unsigned(address[1], 65535, "port")
        if n == 4:
            flowinfo = _unsigned(address[2], 0xFFFFF, "flowinfo")
            scope = _unsigned(address[3], 0xFFFFFFFF, "scope")
        self.host = _host_bytes(address[0])
        self.struct = bytearray(struct.pack(
            "PIII", uctypes.addressof(self.host), port, flowinfo, scope))


def address_of(s, call, endpoint):
    """Makes the address; looks names up inside the call's time."""
    address = bytearray(lib.ADDRESS_SIZE)
    result = lib.waited(lib.address, s, call, endpoint.struct, address)
    if result:
        raise lib.error(result, 1)
    return address


def tuple_of(address, is_long):
    """(host, port), or with @is_long (host, port, flowinfo, scope) for IPv6."""
    host = bytearray(lib.HOST_MAX)
    port = lib.held(lib.address_text, address, host)
    if port < 0:
        return None
    host = lib.text(host)
    if not is_long or struct.unpack_from("H", address, 0)[0] != AF_INET6:
        return host, port
    # struct sockaddr_in6: family, port, flow information, address, scope.
    flowinfo = struct.unpack_from(">I", address, 4)[0]
    scope = struct.unpack_from("I", address, 24)[0]
    return host.split("%", 1)[0], port, flowinfo, scope


def _service_bytes(port):
    """Digits, or a service's name; None: no port."""
    if port is None:
        return None
    if isinstance(port, (int, bool)):
        return b"%d\0" % _unsigned(int(port), 65535, "port")
    if isinstance(port, bytes):
        port = port.decode()
    if not isinstance(port, str):
        raise TypeError("port must be int or str")
    if port.isdigit() and int(port) > 65535:
        raise ValueError("port must be 0..65535")
    if not port or "\0" in port or (port[0] in "+-" and port[1:].isdigit()):
        raise ValueError("port must be 0..65535, or a service's name")
    return port.encode() + b"\0"


def getaddrinfo(is_long, empty_is_any, host, port, family=AF_UNSPEC, type=0, proto=0, flags=0):
    family = lib.int32(family)
    type = lib.int32(type) or SOCK_STREAM
    proto = lib.int32(proto)
    flags = lib.int32(flags)
    service = _service_bytes(port)
    name = b"\0" if host is None else _host_bytes(host)
    if name == b"\0":
        if not empty_is_any and host is not None:
            raise lib.error(EAI_NONAME)
        if empty_is_any:
            flags |= AI_PASSIVE
        family = family or AF_INET
        name = None
    hints = bytearray(_HINTS_SIZE)
    # Quectel's protocols choose nothing, and none fits what is looked up.
    struct.pack_into("iiii", hints, 0, flags, family, type, 0)
    call = bytearray(lib.CALL_SIZE)
    out = bytearray(8)
    lib.begin_timeout(call, -1)
    while True:
        lib.hold()
        try:
            result = _getaddrinfo(call, name, service, hints, 0, out)
            if result == 0:
                head = lib.pointer_at(out, 0)
                try:
                    return _entries(head, (type, proto, name), is_long)
                finally:
                    _freeaddrinfo(head)
        finally:
            lib.release()
        if result != lib.EINTR:
            raise lib.error(result, 1)


def _entries(head, query, is_long):
    type, proto, name = query
    canonical = name[:-1].decode() if name else ""
    entries = []
    while True:
        address = bytearray(lib.ADDRESS_SIZE)
        family = _entry(head, len(entries), address)
        if family == 0:
            return entries
        entries.append((family, type, proto, canonical, tuple_of(address, is_long)))
