# SPDX-License-Identifier: MIT
"""libusocket by ctypes: every function of usocket.h.

Functions keep their C names without the prefix and raise OSError where the C
call returns -1. Addresses are tuples (ip, port) or (ip, port, scope). Sock
wraps a descriptor. The library is the build's; see path_of_library().
"""

import collections
import ctypes
import errno
import os
import socket as std
import struct

from ctypes import (POINTER, Structure, byref, c_char, c_char_p, c_int, c_int16, c_int32,
                    c_int64, c_int8, c_short, c_size_t, c_ssize_t, c_uint8, c_uint16, c_uint32,
                    c_uint64, c_ulong, c_void_p)

SOL_USOCKET = 0x7573
SO_KEEPALIVE_MINUTES = 1
SO_WAIT_LINK = 2
IPPROTO_TCP_SER = 7
TCP_CUSTOMIZE_PORT = 8
INFO_CONNECTING, INFO_BROADCAST, INFO_ORPHAN = 1, 2, 4
INFO_BOUND, INFO_WAS_CONNECTED, INFO_FIN_RECEIVED = 8, 16, 32
LINK_DOWN, LINK_NEGOTIATING, LINK_UP = 0, 5, 6
DEFAULT_IPV4, DEFAULT_IPV6 = 1, 2

socklen_t = c_uint32


# ---- structures of usocket.h -------------------------------------------------

class Address(Structure):
    _fields_ = [("family", c_uint16), ("port", c_uint16), ("prefix", c_uint16),
                ("reserved", c_uint16), ("scope", c_uint32), ("ip", c_uint8 * 16)]

    def text(self):
        if self.family == std.AF_INET:
            return std.inet_ntop(std.AF_INET, bytes(self.ip[:4]))
        if self.family == std.AF_INET6:
            return std.inet_ntop(std.AF_INET6, bytes(self.ip))
        return ""

    def pair(self):
        return self.text(), self.port


class SocketInfo(Structure):
    _fields_ = [("id", c_uint64), ("type", c_uint8), ("protocol", c_uint8),
                ("state", c_uint8), ("family", c_uint8), ("flags", c_uint32),
                ("error", c_int32), ("pid", c_uint32), ("uid", c_uint32),
                ("link", c_uint32), ("program", c_char * 32), ("local", Address),
                ("remote", Address), ("bytes_received", c_uint64),
                ("bytes_sent", c_uint64), ("bytes_acked", c_uint64),
                ("receive_queue", c_uint32), ("send_queue", c_uint32),
                ("rtt_us", c_uint32), ("retransmissions", c_uint32),
                ("drops", c_uint32), ("reserved", c_uint32), ("created_ns", c_uint64)]


class LinkInfo(Structure):
    _fields_ = [("index", c_uint32), ("state", c_uint8), ("is_default", c_uint8),
                ("n_addresses6", c_uint8), ("n_dns", c_uint8), ("name", c_char * 16),
                ("driver", c_char * 16), ("cause", c_char * 96), ("since_ns", c_uint64),
                ("mtu", c_uint32), ("restarts", c_uint32), ("address4", Address),
                ("gateway4", Address), ("addresses6", Address * 3), ("gateway6", Address),
                ("dns", Address * 4), ("packets_received", c_uint64),
                ("bytes_received", c_uint64), ("packets_sent", c_uint64),
                ("bytes_sent", c_uint64), ("send_drops", c_uint64),
                ("drops", c_uint64 * 9), ("operator_name", c_char * 32),
                ("radio", c_char * 16), ("rssi_dbm", c_int16), ("rsrp_dbm", c_int16),
                ("rsrq_db", c_int16), ("sinr_db", c_int16), ("metric", c_uint32),
                ("rank", c_uint32), ("nat64", Address), ("reason", c_uint8),
                ("step", c_uint8), ("is_refused", c_uint8), ("sim_status", c_int8),
                ("registration", c_int8), ("voice_registration", c_int8),
                ("access_technology", c_int8), ("functionality", c_int8),
                ("ip_type", c_int8), ("authentication", c_int8),
                ("reserved", c_uint8 * 2), ("redials", c_uint32), ("retry_ns", c_uint64),
                ("reject_cause", c_int32), ("area_code", c_int32), ("cell_id", c_int64),
                ("operator_id", c_char * 8), ("manufacturer", c_char * 32),
                ("model", c_char * 32), ("firmware", c_char * 48), ("imei", c_char * 20),
                ("imsi", c_char * 16), ("iccid", c_char * 24), ("apn", c_char * 104),
                ("reserved2", c_uint32)]


class Status(Structure):
    _fields_ = [("version", c_char * 32), ("lwip_version", c_char * 32),
                ("uptime_ms", c_uint64), ("daemon_pid", c_uint32),
                ("sessions", c_uint32), ("sessions_max", c_uint32),
                ("sockets", c_uint32), ("sockets_max", c_uint32),
                ("lookups", c_uint32), ("requests", c_uint64),
                ("malformed", c_uint64), ("clients_dropped", c_uint64),
                ("cache_hits", c_uint64), ("cache_misses", c_uint64),
                ("cache_entries", c_uint32), ("sessions_without_queue", c_uint32),
                ("syn_dropped", c_uint64)]


class LinkEvent(Structure):
    _fields_ = [("index", c_uint32), ("state", c_uint8), ("reason", c_uint8),
                ("is_refused", c_uint8), ("reserved", c_uint8),
                ("name", c_char * 16), ("cause", c_char * 96)]


class Versions(Structure):
    _fields_ = [("library_min", c_uint32), ("library_max", c_uint32),
                ("daemon_min", c_uint32), ("daemon_max", c_uint32),
                ("in_use", c_uint32), ("daemon", c_char * 32)]


class PollFd(Structure):
    _fields_ = [("fd", c_int), ("events", c_short), ("revents", c_short)]


class Iovec(Structure):
    _fields_ = [("base", c_void_p), ("len", c_size_t)]


class Msghdr(Structure):
    _fields_ = [("name", c_void_p), ("namelen", socklen_t), ("iov", POINTER(Iovec)),
                ("iovlen", c_size_t), ("control", c_void_p), ("controllen", c_size_t),
                ("flags", c_int)]


class Addrinfo(Structure):
    pass


Addrinfo._fields_ = [("flags", c_int), ("family", c_int), ("socktype", c_int),
                     ("protocol", c_int), ("addrlen", socklen_t), ("addr", c_void_p),
                     ("canonname", c_char_p), ("next", POINTER(Addrinfo))]

_in_address = (c_char_p, socklen_t)
_out_address = (c_void_p, POINTER(socklen_t))

# Name, result, arguments.
_prototypes = [
    ("socket", c_int, c_int, c_int, c_int),
    ("close", c_int, c_int),
    ("bind", c_int, c_int, *_in_address),
    ("listen", c_int, c_int, c_int),
    ("connect", c_int, c_int, *_in_address),
    ("accept", c_int, c_int, *_out_address),
    ("accept4", c_int, c_int, *_out_address, c_int),
    ("getsockname", c_int, c_int, *_out_address),
    ("getpeername", c_int, c_int, *_out_address),
    ("shutdown", c_int, c_int, c_int),
    ("send", c_ssize_t, c_int, c_void_p, c_size_t, c_int),
    ("sendto", c_ssize_t, c_int, c_void_p, c_size_t, c_int, *_in_address),
    ("sendmsg", c_ssize_t, c_int, POINTER(Msghdr), c_int),
    ("recv", c_ssize_t, c_int, c_void_p, c_size_t, c_int),
    ("recvfrom", c_ssize_t, c_int, c_void_p, c_size_t, c_int, *_out_address),
    ("recvmsg", c_ssize_t, c_int, POINTER(Msghdr), c_int),
    ("connect_timeout", c_int, c_int, *_in_address, c_int),
    ("connect_name", c_int, c_int, c_char_p, c_uint16),
    ("connect_wait", c_int, c_int, c_int),
    ("accept_timeout", c_int, c_int, *_out_address, c_int, c_int),
    ("send_timeout", c_ssize_t, c_int, c_void_p, c_size_t, c_int, c_int),
    ("sendall_timeout", c_int, c_int, c_void_p, c_size_t, c_int, c_int, POINTER(c_size_t)),
    ("sendto_timeout", c_ssize_t, c_int, c_void_p, c_size_t, c_int, *_in_address, c_int),
    ("sendmsg_timeout", c_ssize_t, c_int, POINTER(Msghdr), c_int, c_int),
    ("recv_timeout", c_ssize_t, c_int, c_void_p, c_size_t, c_int, c_int),
    ("recvfrom_timeout", c_ssize_t, c_int, c_void_p, c_size_t, c_int, *_out_address, c_int),
    ("recvmsg_timeout", c_ssize_t, c_int, POINTER(Msghdr), c_int, c_int),
    ("setsockopt", c_int, c_int, c_int, c_int, c_void_p, socklen_t),
    ("getsockopt", c_int, c_int, c_int, c_int, c_void_p, POINTER(socklen_t)),
    ("poll", c_int, POINTER(PollFd), c_ulong, c_int),
    ("adjust_events", c_short, c_int, c_short),
    ("getaddrinfo", c_int, c_char_p, c_char_p, POINTER(Addrinfo), POINTER(POINTER(Addrinfo))),
    ("getaddrinfo_timeout", c_int, c_char_p, c_char_p, POINTER(Addrinfo),
     POINTER(POINTER(Addrinfo)), c_int),
    ("freeaddrinfo", None, POINTER(Addrinfo)),
    ("gai_strerror", c_char_p, c_int),
    ("lookup_start", c_int, c_char_p, c_char_p, POINTER(Addrinfo), POINTER(c_void_p)),
    ("lookup_fd", c_int, c_void_p),
    ("lookup_finish", c_int, c_void_p, POINTER(POINTER(Addrinfo))),
    ("lookup_cancel", None, c_void_p),
    ("wait_link", c_int, c_int),
    ("set_wait_link", None, c_int),
    ("wait_link_default", c_int),
    ("id", c_uint64, c_int),
    ("getsocketsta", c_int, c_int),
    ("getsendacksize", c_int64, c_int),
    ("socket_info", c_int, c_int, POINTER(SocketInfo), c_size_t),
    ("next_socket", c_int, POINTER(c_uint32), POINTER(SocketInfo), c_size_t),
    ("next_link", c_int, POINTER(c_uint32), POINTER(LinkInfo), c_size_t),
    ("watch_links", c_int),
    ("watch_next", c_int, c_int, POINTER(LinkEvent), c_size_t),
    ("state_name", c_char_p, c_int),
    ("link_state_name", c_char_p, c_int),
    ("drop_name", c_char_p, c_int),
    ("status", c_int, POINTER(Status), c_size_t),
    ("versions", None, POINTER(Versions), c_size_t),
    ("open_session", c_int),
    ("socket_path", c_int, c_char_p, c_size_t),
    ("set_socket_path", c_int, c_char_p),
]


def path_of_library():
    """The build's own; what is installed is never tested by accident."""
    build = os.environ["USOCKETD_BUILDDIR"]
    return os.path.join(build, ".libs", "libusocket.so.0")


class _Library:
    """The functions, loaded at first use."""

    def __init__(self):
        self.dll = None

    def load(self):
        self.dll = ctypes.CDLL(path_of_library(), use_errno=True)
        for name, result, *arguments in _prototypes:
            function = getattr(self.dll, "usocket_" + name)
            function.restype = result
            function.argtypes = arguments

    def __getattr__(self, name):
        if self.dll is None:
            self.load()
        return getattr(self.dll, "usocket_" + name)


lib = _Library()


def _fail():
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))


def call(name, *args):
    """Calls a function that returns -1 with errno on failure."""
    ctypes.set_errno(0)
    result = getattr(lib, name)(*args)
    if result == -1:
        _fail()
    return result


# ---- addresses ---------------------------------------------------------------

def pack_address(address):
    """A sockaddr's bytes; bytes are taken as they are, None is AF_UNSPEC."""
    if address is None:
        return struct.pack("=H14x", std.AF_UNSPEC)
    if isinstance(address, bytes):
        return address
    ip, port, *rest = address
    if ":" in ip:
        scope = rest[-1] if rest else 0
        return (struct.pack("=H", std.AF_INET6) + struct.pack("!HI", port, 0) +
                std.inet_pton(std.AF_INET6, ip) + struct.pack("=I", scope))
    return (struct.pack("=H", std.AF_INET) + struct.pack("!H", port) +
            std.inet_aton(ip) + bytes(8))


def unpack_address(raw):
    family, = struct.unpack_from("=H", raw)
    if family == std.AF_INET:
        return std.inet_ntoa(raw[4:8]), struct.unpack_from("!H", raw, 2)[0]
    if family == std.AF_INET6:
        port, = struct.unpack_from("!H", raw, 2)
        scope, = struct.unpack_from("=I", raw, 24)
        ip = std.inet_ntop(std.AF_INET6, raw[8:24])
        return (ip, port, scope) if scope else (ip, port)
    return None


class _OutAddress:
    def __init__(self, size=128):
        self.raw = ctypes.create_string_buffer(max(size, 1))
        self.len = socklen_t(size)

    def args(self):
        return ctypes.cast(self.raw, c_void_p), byref(self.len)

    def value(self):
        return unpack_address(self.raw.raw[:self.len.value]) if self.len.value >= 2 else None


def _buffer(data):
    raw = bytes(data)
    return ctypes.create_string_buffer(raw, len(raw)) if raw else None, len(raw)


# ---- sockets -----------------------------------------------------------------

class Message:
    """A msghdr with the memory it points to."""

    def __init__(self, parts, address=None, name_size=0):
        self.buffers = [ctypes.create_string_buffer(bytes(p), max(len(p), 1)) for p in parts]
        self.iov = (Iovec * max(len(parts), 1))()
        for i, part in enumerate(parts):
            self.iov[i].base = ctypes.cast(self.buffers[i], c_void_p)
            self.iov[i].len = len(part)
        self.header = Msghdr(iov=self.iov, iovlen=len(parts))
        raw = pack_address(address) if address is not None else bytes(name_size)
        self.name = ctypes.create_string_buffer(raw, max(len(raw), 1))
        if raw:
            self.header.name = ctypes.cast(self.name, c_void_p)
            self.header.namelen = len(raw)

    def data(self, n):
        whole = b"".join(b.raw[:self.iov[i].len] for i, b in enumerate(self.buffers))
        return whole[:n]

    def peer(self):
        return unpack_address(self.name.raw[:self.header.namelen])


class Sock:
    """A usocket's descriptor and the calls on it."""

    def __init__(self, family=std.AF_INET, kind=std.SOCK_STREAM, protocol=0, fd=None):
        self.fd = call("socket", family, kind, protocol) if fd is None else fd

    def fileno(self):
        return self.fd

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close_if_open()

    def close(self):
        fd, self.fd = self.fd, -1
        return call("close", fd)

    def close_if_open(self):
        if self.fd >= 0:
            try:
                self.close()
            except OSError as e:
                if e.errno != errno.EBADF:
                    raise

    def bind(self, address):
        raw = pack_address(address)
        call("bind", self.fd, raw, len(raw))

    def listen(self, backlog=8):
        call("listen", self.fd, backlog)

    def connect(self, address):
        raw = pack_address(address)
        call("connect", self.fd, raw, len(raw))

    def connect_timeout(self, address, timeout_ms):
        raw = pack_address(address)
        call("connect_timeout", self.fd, raw, len(raw), timeout_ms)

    def connect_name(self, name, port):
        call("connect_name", self.fd, _encode(name), port)

    def connect_wait(self, timeout_ms):
        call("connect_wait", self.fd, timeout_ms)

    def accept(self):
        out = _OutAddress()
        return Sock(fd=call("accept", self.fd, *out.args())), out.value()

    def accept4(self, flags):
        out = _OutAddress()
        return Sock(fd=call("accept4", self.fd, *out.args(), flags)), out.value()

    def accept_timeout(self, timeout_ms, flags=0):
        out = _OutAddress()
        return Sock(fd=call("accept_timeout", self.fd, *out.args(), flags, timeout_ms)), out.value()

    def accept_no_address(self):
        return Sock(fd=call("accept", self.fd, None, None))

    def getsockname(self):
        out = _OutAddress()
        call("getsockname", self.fd, *out.args())
        return out.value()

    def getpeername(self):
        out = _OutAddress()
        call("getpeername", self.fd, *out.args())
        return out.value()

    def shutdown(self, how):
        call("shutdown", self.fd, how)

    def send(self, data, flags=0):
        return call("send", self.fd, *_buffer(data), flags)

    def send_timeout(self, data, timeout_ms, flags=0):
        return call("send_timeout", self.fd, *_buffer(data), flags, timeout_ms)

    def sendall_timeout(self, data, timeout_ms, flags=0):
        """Returns (error, count): both count also on failure."""
        sent = c_size_t(0)
        ctypes.set_errno(0)
        result = lib.sendall_timeout(self.fd, *_buffer(data), flags, timeout_ms, byref(sent))
        return ctypes.get_errno() if result == -1 else 0, sent.value

    def sendto(self, data, address, flags=0):
        raw = pack_address(address)
        return call("sendto", self.fd, *_buffer(data), flags, raw, len(raw))

    def sendto_timeout(self, data, address, timeout_ms, flags=0):
        raw = pack_address(address)
        return call("sendto_timeout", self.fd, *_buffer(data), flags, raw, len(raw), timeout_ms)

    def sendmsg(self, parts, address=None, flags=0):
        message = Message(parts, address)
        return call("sendmsg", self.fd, byref(message.header), flags)

    def sendmsg_timeout(self, parts, timeout_ms, address=None, flags=0):
        message = Message(parts, address)
        return call("sendmsg_timeout", self.fd, byref(message.header), flags, timeout_ms)

    def recv(self, size, flags=0):
        out = ctypes.create_string_buffer(max(size, 1))
        n = call("recv", self.fd, out, size, flags)
        return out.raw[:min(n, size)] if not flags & std.MSG_TRUNC else (n, out.raw[:min(n, size)])

    def recv_timeout(self, size, timeout_ms, flags=0):
        out = ctypes.create_string_buffer(max(size, 1))
        n = call("recv_timeout", self.fd, out, size, flags, timeout_ms)
        return out.raw[:n]

    def recvfrom(self, size, flags=0):
        out, peer = ctypes.create_string_buffer(max(size, 1)), _OutAddress()
        n = call("recvfrom", self.fd, out, size, flags, *peer.args())
        return out.raw[:n], peer.value()

    def recvfrom_timeout(self, size, timeout_ms, flags=0):
        out, peer = ctypes.create_string_buffer(max(size, 1)), _OutAddress()
        n = call("recvfrom_timeout", self.fd, out, size, flags, *peer.args(), timeout_ms)
        return out.raw[:n], peer.value()

    def recvmsg(self, sizes, flags=0):
        """Returns data, peer, msg_flags."""
        message = Message([bytes(n) for n in sizes], name_size=28)
        n = call("recvmsg", self.fd, byref(message.header), flags)
        return message.data(n), message.peer(), message.header.flags

    def recvmsg_timeout(self, sizes, timeout_ms, flags=0):
        message = Message([bytes(n) for n in sizes], name_size=28)
        n = call("recvmsg_timeout", self.fd, byref(message.header), flags, timeout_ms)
        return message.data(n), message.peer(), message.header.flags

    def recv_exactly(self, size, timeout_ms=20000):
        """Receives @size bytes, or less at the end of the stream."""
        parts = b""
        while len(parts) < size:
            part = self.recv_timeout(size - len(parts), timeout_ms)
            if not part:
                break
            parts += part
        return parts

    def setsockopt(self, level, option, value):
        raw = value if isinstance(value, bytes) else struct.pack("=i", value)
        buffer = ctypes.create_string_buffer(raw, len(raw)) if raw else None
        call("setsockopt", self.fd, level, option, buffer, len(raw))

    def getsockopt_raw(self, level, option, size):
        out, n = ctypes.create_string_buffer(size), socklen_t(size)
        call("getsockopt", self.fd, level, option, out, byref(n))
        return out.raw[:n.value]

    def getsockopt(self, level, option):
        return struct.unpack("=i", self.getsockopt_raw(level, option, 4))[0]

    def error(self):
        return self.getsockopt(std.SOL_SOCKET, std.SO_ERROR)

    def set_timeouts(self, receive_s=None, send_s=None):
        for option, seconds in ((std.SO_RCVTIMEO, receive_s), (std.SO_SNDTIMEO, send_s)):
            if seconds is not None:
                whole = int(seconds)
                self.setsockopt(std.SOL_SOCKET, option,
                                struct.pack("@ll", whole, round((seconds - whole) * 1e6)))

    def setblocking(self, on):
        os.set_blocking(self.fd, on)

    def state(self):
        """getsocketsta() as it is: -1 is an answer here."""
        return lib.getsocketsta(self.fd)

    def acked(self):
        return call("getsendacksize", self.fd)

    def id(self):
        return lib.id(self.fd)

    def info(self):
        info = SocketInfo()
        call("socket_info", self.fd, byref(info), ctypes.sizeof(info))
        return info

    def poll(self, events=0xffff & ~0x20, timeout_ms=0):
        return poll([(self.fd, events)], timeout_ms)[self.fd]


# ---- the rest ----------------------------------------------------------------

def poll(wanted, timeout_ms):
    """@wanted: (fd, events) pairs. Returns revents by fd."""
    fds = (PollFd * len(wanted))()
    for i, (fd, events) in enumerate(wanted):
        fds[i].fd = fd
        fds[i].events = ctypes.c_short(events).value
    call("poll", fds, len(wanted), timeout_ms)
    return {p.fd: p.revents & 0xffff for p in fds}


Entry = collections.namedtuple("Entry", "family socktype protocol address canonname")


class GaiError(Exception):
    def __init__(self, code, number):
        super().__init__(code, number)
        self.code = code
        self.errno = number


def _take_entries(head):
    entries, entry = [], head
    while entry:
        a = entry.contents
        raw = ctypes.string_at(a.addr, a.addrlen)
        name = a.canonname.decode() if a.canonname else None
        entries.append(Entry(a.family, a.socktype, a.protocol, unpack_address(raw), name))
        entry = a.next
    lib.freeaddrinfo(head)
    return entries


def _encode(text):
    return text.encode() if isinstance(text, str) else text


def getaddrinfo(node, service=None, family=0, socktype=0, protocol=0, flags=0,
                timeout_ms=None):
    hints = Addrinfo(flags=flags, family=family, socktype=socktype, protocol=protocol)
    head = POINTER(Addrinfo)()
    args = [_encode(node), _encode(service), byref(hints), byref(head)]
    ctypes.set_errno(0)
    if timeout_ms is None:
        code = lib.getaddrinfo(*args)
    else:
        code = lib.getaddrinfo_timeout(*args, timeout_ms)
    if code:
        raise GaiError(code, ctypes.get_errno())
    return _take_entries(head)


class Lookup:
    def __init__(self, node, service=None, family=0, socktype=0):
        hints = Addrinfo(family=family, socktype=socktype)
        self.handle = c_void_p()
        code = lib.lookup_start(_encode(node), _encode(service), byref(hints),
                                byref(self.handle))
        if code:
            raise GaiError(code, ctypes.get_errno())

    def fileno(self):
        return lib.lookup_fd(self.handle)

    def finish(self):
        head = POINTER(Addrinfo)()
        ctypes.set_errno(0)
        code = lib.lookup_finish(self.handle, byref(head))
        if code:
            raise GaiError(code, ctypes.get_errno())
        return _take_entries(head)

    def cancel(self):
        lib.lookup_cancel(self.handle)


def _iterate(name, kind):
    cursor, info = c_uint32(0), kind()
    found = []
    while call(name, byref(cursor), byref(info), ctypes.sizeof(info)):
        found.append(kind.from_buffer_copy(info))
    return found


def sockets():
    return _iterate("next_socket", SocketInfo)


def links():
    return _iterate("next_link", LinkInfo)


class Watch:
    """A subscription to link events."""

    def __init__(self):
        self.fd = call("watch_links")

    def fileno(self):
        return self.fd

    def close(self):
        os.close(self.fd)

    def next(self):
        """An event, or None: none yet."""
        event = LinkEvent()
        return event if call("watch_next", self.fd, byref(event), ctypes.sizeof(event)) else None


def status():
    s = Status()
    call("status", byref(s), ctypes.sizeof(s))
    return s


def versions():
    v = Versions()
    lib.versions(byref(v), ctypes.sizeof(v))
    return v


def set_socket_path(path):
    call("set_socket_path", path.encode() if path is not None else None)


def socket_path():
    out = ctypes.create_string_buffer(256)
    n = lib.socket_path(out, len(out))
    return out.raw[:n].decode()


def open_session():
    call("open_session")


def wait_link(timeout_ms):
    call("wait_link", timeout_ms)
