# SPDX-License-Identifier: MIT
"""The class of both modules' sockets.

What calls mean is the library's; here are MicroPython's shapes. The class has
its own read, readline and so on, which lose nothing when the time is over;
MicroPython's stream protocol reaches the same methods, where None is "would
block", and ioctl, whose answer to request 10 lets select.poll sleep in the
kernel.

An object of a Python class has no finalizer, so each socket keeps a FileIO on
its descriptor, which has one: it closes the descriptor when the collector takes
both. close() has to reach the library instead, which wakes the calls that other
threads wait in; so the FileIO is told that it is closed first, or it would
close a number that may be somebody else's by then. There is no call for that:
its number is overwritten, at a place that is looked for once.
"""

import io
import struct
import uctypes

from usocket_ffi import info, lib, names

# Modules are loaded at once, not when they are needed first: two threads might
# need them at the same time, and the second would find half a module.
try:
    from _thread import allocate_lock
    from usocket_ffi import callback
except ImportError:  # an interpreter without threads
    allocate_lock = callback = None

_EINVAL = -22
_EOPNOTSUPP = -95
_ENOPROTOOPT = 92
_EBADF = lib.EBADF
_EAGAIN = lib.EAGAIN
_EINTR = lib.EINTR

# MicroPython's stream requests.
_STREAM_POLL = 3
_STREAM_CLOSE = 4
_STREAM_GET_FILENO = 10

_POLLNVAL = 32

# lwIP's number for a function that is called when something can be read.
SO_CALLBACK = 20

# struct usocket_script_bytes is behind struct usocket_script_call in one block.
_BYTES_AT = lib.CALL_SIZE
_LEN_AT = _BYTES_AT + struct.calcsize("P")
_DONE_AT = 8
_OPTION_MAX = 1024


def _find_number():
    """Where a FileIO has its descriptor; None: it cannot be found."""
    unlikely = 0x5E3D2C1
    file = io.open(unlikely, "rb")
    words = uctypes.bytearray_at(id(file), 4 * struct.calcsize("P"))
    found = None
    for offset in range(0, len(words), 4):
        if struct.unpack_from("i", words, offset)[0] == unlikely:
            found = offset
            words[offset:offset + 4] = b"\xff\xff\xff\xff"
            break
    if found is None or file.__class__.__name__ != "FileIO":
        return None
    try:
        return None if file.fileno() >= 0 else found
    except ValueError:
        return found


_NUMBER_AT = _find_number()


def _disarm(file):
    if file is not None:
        uctypes.bytearray_at(id(file) + _NUMBER_AT, 4)[:] = b"\xff\xff\xff\xff"


# Structs of sockets that had pushed back bytes: (struct, id of the socket).
_with_pending = {}
_pending_lock = allocate_lock() if allocate_lock else None
_socket_id = lib.library("Q", "usocket_id", "i")


def _with_lock(function, s):
    """
    Does it another time if somebody else is at it: that may be this thread, in
    whose middle the scheduler called something.
    """
    if _pending_lock is None or _pending_lock.acquire(False):
        try:
            function(s)
        finally:
            if _pending_lock:
                _pending_lock.release()


def _free_pending_of_lost(_):
    """Frees what sockets that the collector closed had pushed back."""
    for key in list(_with_pending):
        s, number = _with_pending[key]
        fd = lib.held(lib.fileno, s)
        if fd < 0 or lib.held(_socket_id, fd) != number:
            lib.held(lib.detach, s)
            _with_pending.pop(key, None)


def _note(s):
    _with_pending[uctypes.addressof(s)] = s, lib.held(_socket_id, lib.held(lib.fileno, s))


def _note_pending(s):
    if lib.held(lib.pending, s):
        _with_lock(_note, s)


def _forget(s):
    _with_pending.pop(uctypes.addressof(s), None)


def _item_size(view):
    return len(bytes(view[:1])) if len(view) else 1


def _data(data):
    """What ffi takes as a pointer, and its length in bytes."""
    if isinstance(data, (bytes, bytearray)):
        return data, len(data)
    if isinstance(data, str):
        data = data.encode()
        return data, len(data)
    view = memoryview(data)
    return view, len(view) * _item_size(view)


def _room(buffer):
    """The same for one that is written to."""
    if isinstance(buffer, bytearray):
        return buffer, len(buffer)
    if isinstance(buffer, (str, bytes)):
        raise TypeError("buffer must be writable")
    view = memoryview(buffer)
    if len(view):
        view[0] = view[0]
    return view, len(view) * _item_size(view)


def _limit(n):
    if n is None:
        return lib.NO_LIMIT
    if not isinstance(n, (int, bool)):
        raise TypeError("an integer is required")
    return lib.NO_LIMIT if n < 0 else int(n)


class Socket(io.IOBase):

    # What the two modules' classes say.
    _long_addresses = False

    _watched = False  # callback.py has a function for it

    def __init__(self, af=names.AF_INET, type=names.SOCK_STREAM, proto=-1, *, fileno=None):
        self._s = s = bytearray(lib.SCRIPT_SIZE)
        self._file = None
        lib.init(s)
        if af is None:
            return
        if _with_pending:
            _with_lock(_free_pending_of_lost, s)
        af, type, proto = lib.int32(af), lib.int32(type), lib.int32(proto)
        fd = None if fileno is None else lib.int32(fileno)
        lib.hold()
        try:
            if fd is None:
                result = lib.open_socket(s, af, type, proto)
            else:
                result = lib.adopt(s, fd)
            if result == 0:
                self._guard()
        finally:
            lib.release()
        lib.check(result, 1)

    def _guard(self):
        if _NUMBER_AT is not None:
            self._file = io.open(lib.fileno(self._s), "rb")

    def __repr__(self):
        s = self._s
        fd = lib.held(lib.fileno, s)
        if fd < 0:
            return "<socket [closed]>"
        return "<socket fd=%d, family=%d, type=%d, proto=%d>" % (
            fd, lib.family(s), lib.type_of(s), lib.protocol(s))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    # ---- life

    def close(self):
        if self._watched:
            self._callback(None)
        lib.hold()
        try:
            _disarm(self._file)
            self._file = None
            result = lib.close(self._s)
        finally:
            lib.release()
        if _with_pending:
            _with_lock(_forget, self._s)
        lib.check(result)

    def fileno(self):
        return lib.held(lib.fileno, self._s)

    def makefile(self, mode="rb", buffering=0):
        if mode not in ("rb", "wb", "rwb"):
            raise ValueError("mode must be rb, wb or rwb")
        self._check_open()
        return self

    def _check_open(self):
        if lib.held(lib.fileno, self._s) < 0:
            raise OSError(-_EBADF)

    def ioctl(self, request, argument=0):
        if request == _STREAM_POLL:
            return self._poll(argument)
        if request == _STREAM_CLOSE:
            self.close()
            return 0
        if request == _STREAM_GET_FILENO:
            fd = lib.held(lib.fileno, self._s)
            if fd < 0:
                return _EBADF
            # The kernel does not know of those: be asked instead.
            return _EOPNOTSUPP if lib.held(lib.pending, self._s) else fd
        return _EINVAL

    def _poll(self, events):
        call = bytearray(lib.CALL_SIZE)
        polled = bytearray(struct.pack("Pihh", uctypes.addressof(self._s), -1, events, 0))
        result = lib.waited(lib.poll, polled, 1, call)
        if result < 0:
            return result
        return struct.unpack_from("Pihh", polled, 0)[3]

    # ---- time

    def settimeout(self, value):
        timeout = -1
        if value is not None:
            if isinstance(value, (str, bytes, bytearray)):
                raise TypeError("timeout must be a number or None")
            out = bytearray(8)
            result = lib.held(lib.timeout, float(value), out)
            if result == _EINVAL:
                raise ValueError("timeout must be None or at least 0")
            if result < 0:
                raise OverflowError("timeout is too large")
            timeout = struct.unpack("q", out)[0]
        lib.check(lib.held(lib.settimeout, self._s, timeout))

    def setblocking(self, flag):
        self.settimeout(None if flag else 0)

    def gettimeout(self):
        out = bytearray(8)
        lib.check(lib.held(lib.gettimeout, self._s, out))
        timeout = struct.unpack("q", out)[0]
        return None if timeout < 0 else timeout / 1e9

    def getblocking(self):
        return self.gettimeout() != 0

    def _begin(self):
        """A call with the socket's time-out."""
        call = bytearray(lib.CALL_SIZE)
        lib.held(lib.begin, call, self._s)
        return call

    # ---- connections

    def _endpoint(self, address):
        self._check_open()
        return names.Endpoint(lib.family(self._s), address)

    def bind(self, address):
        s = self._s
        endpoint = self._endpoint(address)
        call = self._begin()
        lib.check(lib.held(lib.bind, s, names.address_of(s, call, endpoint)))

    def listen(self, backlog=8):
        lib.check(lib.held(lib.listen, self._s, lib.int32(backlog)))

    def _accept(self):
        """The new socket and its peer's address."""
        made = self._make()
        call = self._begin()
        address = bytearray(lib.ADDRESS_SIZE)
        while True:
            lib.hold()
            try:
                result = lib.accept(self._s, call, made._s, address)
                if result >= 0:
                    made._guard()
            finally:
                lib.release()
            if result != _EINTR:
                break
        lib.check(result)
        return made, names.tuple_of(address, self._long_addresses)

    def connect(self, address):
        endpoint = self._endpoint(address)
        call = self._begin()
        result = lib.waited(lib.connect_to, self._s, call, endpoint.struct)
        if result:
            raise lib.error(result)

    def shutdown(self, how):
        lib.check(lib.held(lib.shutdown, self._s, lib.int32(how)))

    def _name(self, function):
        address = bytearray(lib.ADDRESS_SIZE)
        lib.check(lib.held(function, self._s, address))
        return names.tuple_of(address, self._long_addresses)

    def getsockname(self):
        return self._name(lib.getsockname)

    def getpeername(self):
        return self._name(lib.getpeername)

    # ---- sending

    def _send(self, function, data, *more):
        data, n = _data(data)
        return lib.waited(function, self._s, self._begin(), data, n, *more)

    def write(self, data):
        result = self._send(lib.write, data)
        return None if result == _EAGAIN else lib.check(result)

    def sendall(self, data):
        lib.check(self._send(lib.sendall, data, 0))

    def sendto(self, data, address):
        if lib.type_of(self._s) == names.SOCK_STREAM:
            # Connected or not: the address does not matter.
            self._endpoint(address)
            return lib.check(self._send(lib.send, data, 0))
        data, n = _data(data)
        endpoint = self._endpoint(address)
        call = self._begin()
        address = names.address_of(self._s, call, endpoint)
        # Of the look-up only the deadline is kept.
        call[8:] = bytes(lib.CALL_SIZE - 8)
        return lib.check(lib.waited(lib.sendto, self._s, call, data, n, 0, address))

    # ---- receiving

    def _bytes(self, function, limit, *address):
        """Calls what fills a struct usocket_script_bytes: bytes, or -errno."""
        s = self._s
        block = bytearray(lib.CALL_SIZE + lib.BYTES_SIZE)
        at = uctypes.addressof(block)
        result = n = 0
        lib.held(lib.begin, at, s)
        try:
            while True:
                lib.hold()
                try:
                    if address:
                        result = function(s, at, limit, 0, at + _BYTES_AT, *address)
                    else:
                        result = function(s, at, limit, at + _BYTES_AT)
                finally:
                    lib.release()
                if result != _EINTR:
                    break
            if result < 0:
                return result
            n = lib.size_at(block, _LEN_AT)
            if n == 0:
                return b""
            return uctypes.bytes_at(lib.pointer_at(block, _BYTES_AT), n)
        except BaseException:
            # Interrupted, or no memory: what has arrived stays in the socket.
            n = lib.size_at(block, _LEN_AT)
            if n:
                lib.held(lib.unread, s, lib.pointer_at(block, _BYTES_AT), n)
                _note_pending(s)
            raise
        finally:
            if lib.pointer_at(block, _BYTES_AT):
                lib.held(lib.bytes_free, at + _BYTES_AT)

    def recv(self, n):
        return self._receive(n, None)

    def recvfrom(self, n):
        address = bytearray(lib.ADDRESS_SIZE)
        data = self._receive(n, address)
        return data, names.tuple_of(address, self._long_addresses)

    def _receive(self, n, address):
        if not isinstance(n, (int, bool)):
            raise TypeError("an integer is required")
        if n < 0:
            raise ValueError("size must not be negative")
        data = self._bytes(lib.recv_bytes, int(n), address)
        return data if isinstance(data, bytes) else lib.check(data)

    def _read(self, function, n):
        data = self._bytes(function, _limit(n))
        if isinstance(data, bytes):
            return data
        return None if data == _EAGAIN else lib.check(data)

    def read(self, n=None):
        return self._read(lib.read, n)

    def readall(self):
        return self._read(lib.read, None)

    def readline(self, n=None):
        try:
            return self._read(lib.readline, n)
        except OSError:
            # A part of a line may be kept for the next call.
            _note_pending(self._s)
            raise

    # ---- options and states

    def _callback(self, function):
        if callback is None:
            raise OSError(_ENOPROTOOPT)
        callback.set(self, function)

    def setsockopt(self, level, option, value):
        level, option = lib.int32(level), lib.int32(option)
        if option == SO_CALLBACK:
            self._callback(value)
            return
        if isinstance(value, (int, bool)):
            value = struct.pack("i", lib.int32(value))
        elif value is None or isinstance(value, str):
            raise TypeError("value must be int or a buffer")
        value, n = _data(value)
        lib.check(lib.held(lib.setsockopt, self._s, level, option, value, n))

    def getsockopt(self, level, option, size=None):
        level, option = lib.int32(level), lib.int32(option)
        if size is None and lib.is_tcp_info(level, option):
            return info.tcp(self._s)
        n = 4 if size is None else lib.int32(size)
        if not 0 < n <= _OPTION_MAX:
            raise ValueError("size must be 1..%d" % _OPTION_MAX)
        value = bytearray(n)
        length = bytearray(struct.pack("I", n))
        lib.check(lib.held(lib.getsockopt, self._s, level, option, value, length))
        if size is None:
            return struct.unpack("i", value)[0]
        return bytes(value[:struct.unpack("I", length)[0]])

    def getsocketsta(self):
        return lib.held(lib.getsocketsta, self._s)

    def getsendacksize(self):
        return lib.held(lib.getsendacksize, self._s)

    def readinto(self, buffer, n=None):
        buffer, room = _room(buffer)
        if n is not None:
            if not isinstance(n, (int, bool)):
                raise TypeError("an integer is required")
            if n < 0:
                raise ValueError("size must not be negative")
            room = min(room, int(n))
        call = self._begin()
        try:
            result = lib.waited(lib.readinto, self._s, call, buffer, room)
        except BaseException:
            done = lib.size_at(call, _DONE_AT)
            if done:
                lib.held(lib.unread, self._s, buffer, done)
                _note_pending(self._s)
            raise
        return None if result == _EAGAIN else lib.check(result)
