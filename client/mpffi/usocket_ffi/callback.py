# SPDX-License-Identifier: MIT
"""Option 20: a function that is called with the socket when something arrived.

A thread waits in epoll(7), edge-triggered: it reports each arrival once, also
if nobody has read the one before. It never calls the function itself, but has
the interpreter's scheduler do it, in the main thread, between two instructions.
A main thread that sleeps meanwhile gets a signal that does nothing but end its
system call; interpreters run what is scheduled then and go on sleeping. The
signal may come just before the call, so it is sent again until the function ran.

Interpreters without a lock of their own (Unix' has none) do not guard dicts
against two threads, so there is a lock here. The scheduler may call a function
while the main thread has it; then the function's turn comes again.
"""

import _thread
import ffi
import micropython
import os
import struct
import time

from usocket_ffi import lib

_EPOLL_CLOEXEC = 0o2000000
_EPOLL_CTL_ADD = 1
_EPOLL_CTL_DEL = 2
_EPOLL_CTL_MOD = 3
_EVENTS = 1 | 0x2000 | 1 << 31  # EPOLLIN, EPOLLRDHUP, EPOLLET
_SIGURG = 23
_EINTR = 4
_RETRY_MS = 10

_process = ffi.open(None)
_epoll_create = _process.func("i", "epoll_create1", "i")
_epoll_ctl = _process.func("i", "epoll_ctl", "iiip")
_epoll_wait = _process.func("i", "epoll_wait", "ipii")
_kill = _process.func("i", "kill", "ii")
_pid = _process.func("i", "getpid", "")

_lock = _thread.allocate_lock()
_watches = {}  # by descriptor
_epoll = -1


class _Watch:
    def __init__(self, fd, socket, function):
        self.fd = fd
        self.socket = socket
        self.function = function
        self.is_scheduled = False


def _run(watch):
    watch.is_scheduled = False
    if _lock.locked():
        # Reports it once more.
        _epoll_ctl(_epoll, _EPOLL_CTL_MOD, watch.fd, _event(watch.fd))
    elif watch.function is not None:
        watch.function(watch.socket)


def _schedule(watch):
    watch.is_scheduled = True
    while True:
        try:
            micropython.schedule(_run, watch)
            break
        except RuntimeError:  # its queue is full
            _kill(_pid(), _SIGURG)
            time.sleep_ms(_RETRY_MS)


def _wait():
    event = bytearray(16)
    scheduled = []
    while True:
        scheduled = [watch for watch in scheduled if watch.is_scheduled]
        if scheduled:
            _kill(_pid(), _SIGURG)
        n = _epoll_wait(_epoll, event, 1, _RETRY_MS if scheduled else -1)
        if n < 0 and os.errno() != _EINTR:
            return
        if n <= 0:
            continue
        # See _event(): in either layout.
        fd = struct.unpack_from("i", event, 8)[0]
        with _lock:
            watch = _watches.get(fd)
        if watch and not watch.is_scheduled:
            _schedule(watch)
            scheduled.append(watch)


def _event(fd):
    """struct epoll_event, packed on some machines: its number is in each word."""
    return bytearray(struct.pack("Iiii", _EVENTS, fd, fd, fd))


def _start():
    global _epoll
    # A handler that does nothing: abs() takes an int, too.
    _process.func("p", "signal", "ip")(_SIGURG, _process.addr("abs"))
    _epoll = _epoll_create(_EPOLL_CLOEXEC)
    if _epoll < 0:
        raise OSError(os.errno())
    _thread.start_new_thread(_wait, ())


def drop(socket):
    """Forgets a socket's function."""
    fd = socket.fileno()
    with _lock:
        watch = _watches.pop(fd, None)
    socket._watched = False
    if watch:
        watch.function = None
        _epoll_ctl(_epoll, _EPOLL_CTL_DEL, fd, _event(fd))


def set(socket, function):
    socket._check_open()
    if function is not None and not callable(function):
        raise TypeError("value must be a function or None")
    drop(socket)
    if function is None:
        return
    fd = socket.fileno()
    with _lock:
        if _epoll < 0:
            _start()
        _watches[fd] = _Watch(fd, socket, function)
    socket._watched = True
    if _epoll_ctl(_epoll, _EPOLL_CTL_ADD, fd, _event(fd)) < 0:
        error = os.errno()
        drop(socket)
        raise OSError(error)
