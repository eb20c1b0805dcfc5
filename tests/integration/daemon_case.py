# SPDX-License-Identifier: MIT
"""What the tests of the daemon as a process share."""

import os
import subprocess

import harness
import usock

from harness import Case, Daemon

# With the link that is made if none is configured a test would start a helper.
QUIET_LINK = "[link net0]\ndriver = tun\ndevice = quiet0\naddress = 10.7.0.2/24\n"


class DaemonCase(Case):
    """Each test starts what daemons it needs."""

    @classmethod
    def setUpClass(cls):
        harness.adopt_build_settings()
        harness.private_network()

    def setUp(self):
        # Runs after all other cleanups.
        self.addCleanup(self.check_nothing_is_left)

    def check_nothing_is_left(self):
        self.assertEqual(harness.find_leftovers(harness.temporary_folder()), [])

    def daemon(self, config=None, **options):
        if config is None:
            config = {}
        if isinstance(config, dict):
            config.setdefault("link net0", {"driver": "tun", "device": "quiet0",
                                            "address": "10.7.0.2/24"})
        daemon = Daemon(config, **options)
        self.addCleanup(daemon.close)
        return daemon

    def run_daemon(self, *args, env=None):
        return subprocess.run([harness.program("usocketd"), *args], text=True, timeout=20,
                              env=harness.child_env(**(env or {})), stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)

    def folder(self):
        return harness.tempfile.mkdtemp(dir=harness.temporary_folder())

    def file(self, text, folder=None, name="test.conf"):
        path = os.path.join(folder or self.folder(), name)
        with open(path, "wb" if isinstance(text, bytes) else "w") as f:
            f.write(text)
        return path

    def use(self, daemon):
        usock.set_socket_path(daemon.socket)
