# SPDX-License-Identifier: MIT
"""The module socket: MicroPython's shapes."""

from usocket_ffi import base, lib, names, polling

lib.give_constants(__name__)


class socket(base.Socket):

    _long_addresses = True

    @staticmethod
    def _make():
        return socket(None)

    def accept(self):
        return self._accept()

    def send(self, data):
        return lib.check(self._send(lib.send, data, 0))


def getaddrinfo(host, port, *hints):
    return names.getaddrinfo(True, False, host, port, *hints)


def poll():
    return polling.Poll()
