# SPDX-License-Identifier: MIT
"""Programs under usocket-run where there is no network but the daemon's."""

import contextlib
import functools
import hashlib
import http.server
import json
import os
import random
import re
import signal
import ssl
import subprocess
import threading

import fakedns
import harness
from harness import Tun
from preload_support import PreloadCase, usocket_run
from quecpython_tls import make_certificate
from ssh_support import SshFiles

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = {"small": 3 * 1000 * 1000, "big": 100 * 1000 * 1000}
PROGRAM_S = 90
END_S = 10
TCP_LISTEN = "0A"


def fill_in(text, values):
    """Puts in what is between braces, where it is known; shells and nginx have theirs."""
    return re.sub(r"\{(\w+)\}", lambda m: str(values.get(m[1], m[0])), text)


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def kernel_listens(port):
    for name in "tcp", "tcp6", "udp", "udp6":
        with open(f"/proc/self/net/{name}") as f:
            for line in f.readlines()[1:]:
                _, local, _, state = line.split()[:4]
                if (int(local.rsplit(":", 1)[1], 16) == port and
                        (state == TCP_LISTEN or name.startswith("udp"))):
                    return True
    return False


class ProgramCase(PreloadCase):
    """Programs with files to carry; each kind has a place on either side."""

    @classmethod
    def make_link(cls):
        hosts = os.path.join(harness.temporary_folder(), "hosts")
        with open(hosts, "w") as f:
            f.write(f"{Tun.KERNEL[4]} peer.test\n")
        return {**super().make_link(), "resolver": {"hosts": hosts}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        harness.need_other_users()
        cls.values = {"folder": cls.folder, "here": HERE}
        for name, size in SIZES.items():
            cls.values[name] = path = os.path.join(cls.folder, name)
            with open(path, "wb") as f:
                f.write(random.Random(size).randbytes(size))
        cls.values["cert"], cls.values["key"] = make_certificate(cls.folder, "peer.test")
        cls.ssh = SshFiles(cls.folder)
        cls.make_repository()

    @classmethod
    def make_repository(cls):
        folder = os.path.join(cls.folder, "repository")
        os.mkdir(folder)
        os.link(cls.values["small"], os.path.join(folder, "file"))
        for args in (["init", "-q"], ["add", "file"],
                     ["-c", "user.name=x", "-c", "user.email=x", "commit", "-q", "-m", "x"],
                     ["update-server-info"]):
            harness.run_quietly("git", "-C", folder, *args)

    @classmethod
    def ctl(cls, *args):
        done = subprocess.run([harness.program("usocketctl"), "-s", cls.daemon.socket, *args,
                               "--json"], env=harness.child_env(), check=True,
                              capture_output=True, text=True, timeout=20)
        return json.loads(done.stdout)

    def stack_listens(self, port):
        return any(s["local"]["port"] == port and (s["type"] == "udp" or s["state"] == "LISTEN")
                   for s in self.ctl("sockets", "-a")["sockets"])

    @classmethod
    def link_bytes(cls):
        """As the daemon counts them, some time ago."""
        link, = cls.ctl("link")["links"]
        return link["bytes_received"] + link["bytes_sent"]

    @staticmethod
    def device_bytes():
        """As the kernel counts them in the link's device, now."""
        with open("/proc/self/net/dev") as f:
            for line in f:
                name, _, counts = line.partition(":")
                if name.strip() == Tun.DEVICE:
                    return int(counts.split()[0]) + int(counts.split()[8])
        raise AssertionError("the link's device is not there")

    def command(self, text, in_stack):
        """A command's arguments: in the stack, where the kernel has no interface, or not."""
        stack = ["unshare", "--net", "--", *usocket_run()] if in_stack else []
        return [*stack, "bash", "-o", "pipefail", "-c", text]

    def settings(self):
        """Nothing of the user's own is read."""
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        return self.environment(HOME=self.folder, PATH=path, GIT_CONFIG_NOSYSTEM="1")

    def serve(self, text, in_stack, log):
        """Starts a server; it and what it has started end with the test."""
        with open(log, "wb") as out:
            process = subprocess.Popen(
                self.command("exec " + text, in_stack), env=self.settings(),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        self.addCleanup(self.end_group, process)
        return process

    @staticmethod
    def end_group(process):
        """Its own ways of ending first; none of its group is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def wait_for_server(self, process, port, in_stack, log):
        listens = self.stack_listens if in_stack else kernel_listens

        def is_up():
            if process.poll() is not None:
                with open(log, errors="replace") as f:
                    self.fail(f"the server ended with {process.returncode}: {f.read()}")
            return listens(port)
        self.eventually(is_up, 20, "the server listens")

    def run_client(self, text, in_stack):
        """What it has printed."""
        done = subprocess.run(self.command(text, in_stack), env=self.settings(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PROGRAM_S)
        said = done.stdout.decode(errors="replace")
        self.assertEqual(done.returncode, 0, said)
        return said

    # ---- peers of the kernel's side: their ports ----

    def peer_pages(self, context=None):
        handler = functools.partial(Files, directory=self.folder)
        server = http.server.ThreadingHTTPServer((Tun.KERNEL[4], 0), handler)
        server.daemon_threads = True
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def peer_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.values["cert"], self.values["key"])
        return self.peer_pages(context)

    def peer_dns(self):
        dns = self.keep(fakedns.FakeDns(Tun.KERNEL[4]))
        dns.zone = {("peer.test", fakedns.A): ["192.0.2.5"]}
        return dns.port
