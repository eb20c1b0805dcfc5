# SPDX-License-Identifier: MIT
"""poll(): as select.poll(), with what the kernel cannot know of usockets.

That is: the end of what was never connected, errors that are pending, lines
that were pushed back. Other objects may be registered too, if they have a
descriptor.
"""

import struct
import uctypes

from usocket_ffi import base, lib

IN_OUT = 5
ONE_SHOT = 1

_FORMAT = "Pihh"
_SIZE = 16 if struct.calcsize("P") == 8 else 12
_ENOENT = 2


def _target(thing):
    """(address of its struct, 0) of a usocket, else (0, descriptor)."""
    if isinstance(thing, base.Socket):
        return uctypes.addressof(thing._s), -1
    if isinstance(thing, int):
        if thing < 0:
            raise ValueError("a descriptor is at least 0")
        return 0, thing
    try:
        return 0, thing.fileno()
    except AttributeError:
        raise TypeError("a usocket, a descriptor or an object with fileno() is required")


class Poll:

    def __init__(self):
        self._registered = {}

    def register(self, thing, events=IN_OUT):
        _target(thing)
        self._registered[id(thing)] = [thing, lib.int32(events)]

    def _entry(self, thing):
        try:
            return self._registered[id(thing)]
        except KeyError:
            raise OSError(_ENOENT)

    def modify(self, thing, events):
        self._entry(thing)[1] = lib.int32(events)

    def unregister(self, thing):
        self._entry(thing)
        del self._registered[id(thing)]

    def _wait(self, timeout, flags):
        entries = list(self._registered.values())
        polled = bytearray(_SIZE * len(entries))
        for i, (thing, events) in enumerate(entries):
            struct.pack_into(_FORMAT, polled, i * _SIZE, *_target(thing), events, 0)
        call = bytearray(lib.CALL_SIZE)
        timeout = -1 if timeout is None or timeout < 0 else int(timeout) * 1000000
        lib.held(lib.begin_timeout, call, timeout)
        lib.check(lib.waited(lib.poll, polled, len(entries), call))
        ready = []
        for i, entry in enumerate(entries):
            events = struct.unpack_from(_FORMAT, polled, i * _SIZE)[3]
            if events:
                ready.append((entry[0], events))
                if flags & ONE_SHOT:
                    entry[1] = 0
        return ready

    def poll(self, timeout=-1):
        return self._wait(timeout, 0)

    def ipoll(self, timeout=-1, flags=0):
        return iter(self._wait(timeout, flags))
