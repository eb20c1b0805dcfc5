# SPDX-License-Identifier: MIT
"""The module usocket: QuecPython's shapes."""

from usocket_ffi import base, info, lib, names, polling

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
    return polling.Poll()


def _links():
    return info.links()


def _wait_link(seconds):
    return info.wait_link(seconds)


def _link_control(name, action):
    info.link_control(name, action)


def _link_set(name, key, value, redial):
    info.link_set(name, key, value, redial)


def _watch_links():
    return info.watch_links()


def _watch_next(fd):
    return info.watch_next(fd)


def _watch_close(fd):
    return info.watch_close(fd)


__name__ = "usocket"
