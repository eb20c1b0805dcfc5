# SPDX-License-Identifier: MIT
"""sshd and ssh for tests: nothing of theirs is read or written outside a folder."""

import os
import subprocess

import harness

SSHD = "/usr/sbin/sshd"


class SshFiles:
    """Keys of a server and of a user in @folder, and command lines that use them."""

    def __init__(self, folder):
        harness.need_other_users()
        # sshd does not start without it.
        os.makedirs("/run/sshd", exist_ok=True)
        self.key, self.host = (os.path.join(folder, name) for name in ("key", "host"))
        for path in self.key, self.host:
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)

    def server(self, port, *more):
        return [SSHD, "-D", "-e", "-p", str(port), "-h", self.host, "-f", "/dev/null",
                "-o", f"AuthorizedKeysFile={self.key}.pub", "-o", "StrictModes=no",
                "-o", "Subsystem=sftp internal-sftp", "-o", "UsePAM=no",
                "-o", "PermitRootLogin=yes", "-o", "UseDNS=no", *more]

    def client_options(self, *more):
        return ["-i", self.key, "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=INFO",
                "-o", "BatchMode=yes", "-F", "/dev/null", *more]
