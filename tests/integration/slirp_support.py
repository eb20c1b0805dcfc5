# SPDX-License-Identifier: MIT
"""What the cases of modules for script languages share: a daemon on slirp, kernel peers.

Kernel sockets on this machine's loopback are 10.0.2.2 behind slirp.
"""

import contextlib
import os
import socket as kernel
import threading

import harness

HOST = "10.0.2.2"
# An address of slirp's network that nobody has, and of which nobody says so.
SILENT = "10.0.2.200"
HOSTS = """
10.0.2.2 peer.test
127.0.0.1 self.test
fec0::2 both.test
10.0.2.2 both.test
"""


class KernelServer:
    """A kernel listener on loopback; each connection runs @handler in a thread."""

    def __init__(self, handler=None):
        self.listener = kernel.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.handler = handler
        if handler:
            threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            self.handler(connection)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(kernel.SHUT_RDWR)
        self.listener.close()


def echo(connection):
    while True:
        data = connection.recv(65536)
        if not data:
            return
        connection.sendall(data)


def drain(connection):
    while connection.recv(65536):
        pass


def slirp_config(folder):
    hosts = os.path.join(folder, "hosts")
    with open(hosts, "w") as f:
        f.write(HOSTS)
    # Nobody answers at the server: names are those of the file.
    return {"resolver": {"hosts": hosts, "timeout": 2, "servers": "127.0.0.1"},
            "link net0": {"driver": "slirp"}}


class SlirpCase(harness.StackCase):
    @classmethod
    def make_link(cls):
        harness.need_slirp()
        return slirp_config(harness.temporary_folder())

    def other_daemon(self, config=None, **options):
        """Another daemon, which only the test's child processes use."""
        daemon = harness.Daemon(config or slirp_config(harness.temporary_folder()),
                                name="other", **options)
        self.addCleanup(daemon.close)
        daemon.start()
        return daemon

    def server(self, handler=None):
        return self.keep(KernelServer(handler))
