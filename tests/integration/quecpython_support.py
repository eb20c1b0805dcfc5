# SPDX-License-Identifier: MIT
"""What the tests of QuecPython's companion modules share: runtimes, scripts, a daemon."""

import http.server
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import unittest

import harness
from ffi_support import Ffi


# ---- runtimes ----------------------------------------------------------------

def start_script(command, env):
    return subprocess.Popen(command, text=True, encoding="utf-8", env=env,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


class CPython:
    """Runs scripts with usocket-python of the build, on the modules of the source."""

    def __init__(self):
        build, source = os.environ["USOCKETD_BUILDDIR"], os.environ["USOCKETD_SRCDIR"]
        self.command = [os.path.join(build, "client/quecpython/usocket-python")]
        self.env = {
            "USOCKET_PYTHON": sys.executable,
            "USOCKET_QUECPYTHON": os.path.join(source, "client/quecpython"),
            "PYTHONPATH": os.path.join(build, "client/python"),
            "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1",
        }

    def skip_reason(self):
        module = os.path.join(self.env["PYTHONPATH"], "usocket/_core.abi3.so")
        return None if os.path.exists(module) else "built without the CPython module"

    def environment(self, **more):
        # Python loads the library of a sanitizer's build.
        preload = os.environ.get("USOCKETD_SANITIZER_PRELOAD")
        if preload:
            more.update(LD_PRELOAD=preload, PYTHONMALLOC="malloc",
                        ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
        return harness.child_env(**self.env, **more)

    def start(self, *arguments, **env):
        return start_script([*self.command, *arguments], self.environment(**env))


class MicroPython:
    """Debian's interpreter as it is; it has the companions and nothing else of ours."""

    def __init__(self):
        source = os.environ["USOCKETD_SRCDIR"]
        self.command = [os.path.join(source, ".fetched/micropython-stock/run")]
        self.env = {"MICROPYPATH": os.path.join(source, "client/quecpython")}

    def skip_reason(self):
        if os.path.exists(self.command[0]):
            return None
        return "MicroPython is not there: tools/get-micropython fetches it"

    def start(self, *arguments, **env):
        return start_script([*self.command, *arguments],
                            harness.child_env(LD_LIBRARY_PATH=None, **self.env, **env))


class MicroPythonFfi(Ffi):
    """The same interpreter with usocketd's modules over ffi, by usocket-micropython."""

    def start(self, *arguments, **env):
        return start_script([self.launcher, *arguments], harness.child_env(**self.env, **env))


class MicroPythonModule:
    """An interpreter with usocketd's modules built in, of the build's."""

    def __init__(self):
        source, build = os.environ["USOCKETD_SRCDIR"], os.environ["USOCKETD_BUILDDIR"]
        self.interpreter = os.path.join(build, "micropython/unix/micropython-usocket")
        self.env = {"MICROPYPATH": os.path.join(source, "client/quecpython")}

    def skip_reason(self):
        if os.path.exists(self.interpreter):
            return None
        return "MicroPython is not there: tools/get-micropython fetches it"

    def start(self, *arguments, **env):
        options = os.environ.get("ASAN_OPTIONS", "")
        # Its collector reads what other stacks have left, and never frees at exit.
        options += ":detect_leaks=0:detect_stack_use_after_return=0"
        env = harness.child_env(**{**self.env, "ASAN_OPTIONS": options, **env})
        return start_script([self.interpreter, *arguments], env)


class Scripts:
    """Runs scripts against self.daemon."""

    runtime = CPython

    @classmethod
    def setUpClass(cls):
        harness.adopt_build_settings()
        cls.run_time = cls.runtime()
        reason = cls.run_time.skip_reason()
        if reason:
            raise unittest.SkipTest(reason)
        super().setUpClass()

    def script(self, code, name="script.py"):
        path = os.path.join(self.daemon.folder, name)
        with open(path, "w") as f:
            f.write(textwrap.dedent(code))
        return path

    def start(self, path, *arguments, **env):
        env = {"USOCKETD_SOCKET": self.daemon.socket, **env}
        child = self.run_time.start(path, *arguments, **env)
        self.addCleanup(self.end, child)
        return child

    @staticmethod
    def end(child):
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        child.communicate()

    def run_file(self, path, *arguments, **env):
        """Its output; it must end well."""
        child = self.start(path, *arguments, **env)
        out, err = child.communicate(timeout=40)
        self.assertEqual((child.returncode, err), (0, ""), out)
        return out

    def run_script(self, code, **env):
        return self.run_file(self.script(code), **env)


def page_server(test, port=0):
    """A kernel's web server of one page; its port and the requests it got."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            requests.append((self.path, self.headers["Host"]))
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def close():
        server.shutdown()
        server.server_close()
        thread.join()
    test.addCleanup(close)
    return server.server_address[1], requests


# ---- Quectel's example -------------------------------------------------------

MANUAL_HOST = "www.tongxinmao.com"


def manual_example():
    """The example on Quectel's page of usocket, byte for byte; it gets a page of MANUAL_HOST."""
    folder = os.environ.get("USOCKETD_SHARED") or os.path.join(
        os.environ["USOCKETD_SRCDIR"], "../shared")
    try:
        with open(os.path.join(folder, "quectel-usocket.md"), "rb") as f:
            return re.search(rb"```python\n(.*?)```", f.read(), re.S).group(1)
    except OSError:
        raise unittest.SkipTest("Quectel's page is not beside the source ($USOCKETD_SHARED)")


class Manual(Scripts):
    """Runs it: the network is 10.0.2.2's, which is this machine's loopback."""

    def runs_the_manuals_example(self):
        code = manual_example()
        _, requests = page_server(self, 80)
        path = os.path.join(self.daemon.folder, "manual.py")
        with open(path, "wb") as f:
            f.write(code)
        out = self.run_file(path)
        self.assertIn("INFO:SOCKET:Network connection successful!\n", out)
        self.assertIn("INFO:SOCKET:send 98 bytes\n", out)
        self.assertRegex(out, r"INFO:SOCKET:recv \d+ bytes:\n")
        self.assertIn("HTTP/1.1 200 OK", out)
        self.assertEqual(requests, [("/News", MANUAL_HOST)])


# ---- slirp -------------------------------------------------------------------

class SlirpCase(Manual, harness.StackCase):
    """A daemon on slirp, in a network of our own; kernel peers are peer.test."""

    @classmethod
    def make_link(cls):
        harness.need_slirp()
        # The peer's port 80 is that of a loopback of our own.
        harness.private_network()
        hosts = os.path.join(harness.temporary_folder(), "hosts")
        with open(hosts, "w") as f:
            f.write(f"10.0.2.2 {MANUAL_HOST} peer.test\n")
        return {"resolver": {"hosts": hosts, "timeout": 2, "servers": "127.0.0.1"},
                "link net0": {"driver": "slirp"}}
