# SPDX-License-Identifier: MIT
"""The library's calls, by way of the module ffi.

The flat calls of usocket_script.h are made for this: what C keeps in structs
lives in bytearrays here, which the collector does not move; results are counts
or -errno. Argument counts are not checked by ffi, so each call is listed with
its types once, here.

MicroPython's own handler of SIGINT leaves by longjmp, wherever it came. So every
call of the library is made inside held(), or between hold() and release():
release() is where KeyboardInterrupt is raised, if one came.
"""

import os
import struct
import sys

try:
    import ffi
except ImportError:
    raise ImportError("no module ffi in this MicroPython: it cannot load libusocket; "
                      "use one built with MICROPY_PY_FFI, or with the C module usocket")

SONAME = "libusocket.so.0"

EINTR = -4
EAGAIN = -11
EBADF = -9
ENODEV = -19
EPROTONOSUPPORT = -93

# Sizes, in bytes, and places of what the calls below take.
CALL_SIZE = 24
BYTES_SIZE = 24
ADDRESS_SIZE = 136
HOST_MAX = 64
TEXT_MAX = 512


def _open():
    name = os.getenv("USOCKET_LIBRARY") or SONAME
    try:
        return ffi.open(name)
    except OSError:
        raise ImportError("cannot load %s: install usocketd's library, or name it by "
                          "USOCKET_LIBRARY, or its folder by LD_LIBRARY_PATH" % name)


_library = _open()


def library(result, name, arguments):
    try:
        return _library.func(result, name, arguments)
    except OSError:
        raise ImportError("libusocket has no %s: it is older than these modules; "
                          "install the same release of both" % name)


def _script(result, name, arguments):
    return library(result, "usocket_script_" + name, arguments)


hold = _script("v", "hold_interrupts", "")
release = _script("v", "release_interrupts", "")

init = _script("v", "init", "p")
open_socket = _script("i", "open", "piii")
adopt = _script("i", "adopt", "pi")
close = _script("i", "close", "p")
detach = _script("i", "detach", "p")
fileno = _script("i", "fileno", "p")
family = _script("i", "family", "p")
type_of = _script("i", "type", "p")
protocol = _script("i", "protocol", "p")
timeout = _script("i", "timeout", "dp")
settimeout = _script("i", "settimeout", "pq")
gettimeout = _script("i", "gettimeout", "pp")
begin = _script("v", "begin", "pp")
begin_timeout = _script("v", "begin_timeout", "pq")
address = _script("i", "address", "pppp")
address_text = _script("i", "address_text", "pp")
bind = _script("i", "bind", "pp")
listen = _script("i", "listen", "pi")
accept = _script("i", "accept", "pppp")
connect_to = _script("i", "connect_to", "ppp")
shutdown = _script("i", "shutdown", "pi")
getsockname = _script("i", "getsockname", "pp")
getpeername = _script("i", "getpeername", "pp")
write = _script("l", "write", "pppL")
send = _script("l", "send", "pppLi")
sendall = _script("i", "sendall", "pppLi")
sendto = _script("l", "sendto", "pppLip")
bytes_free = _script("v", "bytes_free", "p")
recv_bytes = _script("l", "recv_bytes", "ppLipp")
read = _script("l", "read", "ppLp")
readinto = _script("l", "readinto", "pppL")
readline = _script("l", "readline", "ppLp")
unread = _script("i", "unread", "ppL")
pending = _script("L", "pending", "p")
poll = _script("i", "poll", "pLp")
setsockopt = _script("i", "setsockopt", "piipI")
getsockopt = _script("i", "getsockopt", "piipp")
is_tcp_info = _script("i", "is_tcp_info", "ii")
getsocketsta = _script("i", "getsocketsta", "p")
getsendacksize = _script("q", "getsendacksize", "p")
_error = _script("i", "error", "iipL")

SCRIPT_SIZE = _script("L", "size", "")()

# size_t without limit, as a number that ffi passes whole.
NO_LIMIT = -1


def held(function, *arguments):
    hold()
    try:
        return function(*arguments)
    finally:
        release()


def waited(function, *arguments):
    """The same for calls that may wait; goes on after signals that raised nothing."""
    while True:
        result = held(function, *arguments)
        if result != EINTR:
            return result


def text(buffer):
    return bytes(buffer).split(b"\0", 1)[0].decode()


def error(result, for_session=0):
    """The exception for a result: -errno, or a resolver error's number."""
    if result < 0 and not for_session and result != ENODEV and result != EPROTONOSUPPORT:
        return OSError(-result)
    buffer = bytearray(TEXT_MAX)
    number = held(_error, result, for_session, buffer, TEXT_MAX)
    return OSError(number, text(buffer))


def check(result, for_session=0):
    if result < 0:
        raise error(result, for_session)
    return result


def int32(value):
    """An argument that C takes as int."""
    if not isinstance(value, (int, bool)):
        raise TypeError("an integer is required")
    if not -0x80000000 <= value <= 0x7FFFFFFF:
        raise OverflowError("integer is too large")
    return int(value)


def pointer_at(buffer, offset):
    return struct.unpack_from("P", buffer, offset)[0]


def size_at(buffer, offset):
    return struct.unpack_from("L", buffer, offset)[0]


def give_constants(module_name):
    """Sets the names that scripts know in a module."""
    module = sys.modules[module_name]
    name_of = _script("s", "constant_name", "I")
    value_of = _script("i", "constant_value", "I")
    i = 0
    while True:
        name = name_of(i)
        if name is None:
            return
        setattr(module, name, value_of(i))
        i += 1
