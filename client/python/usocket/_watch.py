# SPDX-License-Identifier: MIT
"""setsockopt(SOL_SOCKET, 20, callback): calls when something has arrived.

One thread of the process waits for all sockets that have a callback, with
epoll, edge-triggered: each arrival is told once, whatever the callback does. It
holds sockets weakly, so one that nobody else holds is closed as ever. What a
callback raises is printed, as threading does, and the thread goes on.
"""

import contextlib
import os
import select
import threading
import weakref

# The collector, and with it _forget(), may run wherever memory is taken.
_lock = threading.RLock()
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release,
                    after_in_child=_lock.release)
_watcher = None


class _Watcher:
    def __init__(self):
        self.pid = os.getpid()
        self.epoll = select.epoll()
        self.watched = {}  # descriptor -> (weak reference, callback)
        threading.Thread(target=self._run, name="usocket callbacks", daemon=True).start()

    def set(self, socket, callback):
        fd = socket.fileno()
        if callback is None:
            if self.watched.pop(fd, None):
                # The number may have been a closed socket's before.
                with contextlib.suppress(FileNotFoundError):
                    self.epoll.unregister(fd)
            return
        self.watched[fd] = weakref.ref(socket, lambda gone: self._forget(fd, gone)), callback
        events = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
        try:
            self.epoll.register(fd, events)
        except FileExistsError:
            # What is there already is told anew, as of a new callback.
            self.epoll.modify(fd, events)

    def _forget(self, fd, gone):
        with _lock:
            # Another socket may have the number by now.
            if self.watched.get(fd, (None, None))[0] is gone:
                del self.watched[fd]

    def _run(self):
        while True:
            for fd, _ in self.epoll.poll():
                self._call(fd)

    def _call(self, fd):
        reference, callback = self.watched.get(fd, (None, None))
        socket = reference and reference()
        # A number that was closed may be another socket's by now.
        if socket is None or socket.fileno() != fd:
            return
        try:
            callback(socket)
        except Exception as e:
            threading.excepthook(threading.ExceptHookArgs(
                (type(e), e, e.__traceback__, threading.current_thread())))


def set_callback(socket, callback):
    global _watcher
    with _lock:
        # A forked child has no threads but its own.
        if _watcher is None or _watcher.pid != os.getpid():
            if callback is None:
                return
            _watcher = _Watcher()
        _watcher.set(socket, callback)
