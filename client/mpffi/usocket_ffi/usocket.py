# SPDX-License-Identifier: MIT
"""The module usocket: QuecPython's shapes."""

from usocket_ffi import base, lib, names

lib.give_constants(__name__)


class socket(base.Socket):

    @staticmethod
    def _make():
        return socket(None)

    def accept(self):
        made, address = self._accept()
        return made, address[0], address[1]

    def send(self, data):
        return lib.check(self._send(lib.write, data))


def getaddrinfo(host, port, *hints):
    return names.getaddrinfo(False, True, host, port, *hints)


def poll():
    from usocket_ffi import polling
    return polling.Poll()


def _links():
    from usocket_ffi import info
    return info.links()


def _wait_link(seconds):
    from usocket_ffi import info
    return info.wait_link(seconds)


__name__ = "usocket"
