# SPDX-License-Identifier: MIT
"""The runtimes: how their agents are started, and what they lack by design.

A runtime that is not built has a reason instead of a command. `lacks` maps a
word of a step, such as ".makefile(", to the reason why it is not there.
"""

import dataclasses
import glob
import os
import sys

import harness

FD = "@FD@"


@dataclasses.dataclass
class Runtime:
    name: str
    title: str
    tags: set
    argv: list = None
    env: dict = dataclasses.field(default_factory=dict)
    lacks: dict = dataclasses.field(default_factory=dict)
    absent: str = None

    def lacking(self, steps):
        """The reason why one of the steps cannot be done here, or None."""
        for word, reason in self.lacks.items():
            if any(word in text for text in steps):
                return reason
        return None


def _source(*parts):
    return os.path.join(os.environ["USOCKETD_SRCDIR"], *parts)


def _build(*parts):
    return os.path.join(os.environ["USOCKETD_BUILDDIR"], *parts)


def _agent(name):
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)


# ---- C -----------------------------------------------------------------------

C_STREAMS = "C reads with recv: lines and whole reads are stdio's (fdopen)"
C_TYPES = "C's compiler checks types"
C_TIMES = "C gives each call its deadline; sockets have O_NONBLOCK and SO_RCVTIMEO"
C_LACKS = {
    ".read(": C_STREAMS, ".readinto(": C_STREAMS, ".readline(": C_STREAMS,
    ".readall(": C_STREAMS, ".write(": C_STREAMS, ".makefile(": C_STREAMS,
    "buffer(": C_STREAMS, ".gettimeout(": C_TIMES, ".getblocking(": C_TIMES,
    "other(": "a script's module", "forget(": "C has no garbage collection",
    "number_after_with(": "C has no with statement", "raises TypeError": C_TYPES,
    "raises ValueError": C_TYPES, "raises OverflowError": C_TYPES,
    "view(": C_TYPES, "array(": C_TYPES,
}


def _c():
    path = _build("tests", "conformance", "agent")
    real = _build("tests", "conformance", ".libs", "agent")
    path = real if os.path.exists(real) else path
    return Runtime("C", "C", {"c"}, [path, FD], lacks=C_LACKS,
                   absent=None if os.path.exists(path) else "built without json-c")


# ---- CPython -----------------------------------------------------------------

def _cpython(name, module, personality, lacks):
    found = glob.glob(_build("client", "python", "**", ".libs", "*.abi3.so"), recursive=True)
    paths = [_build("client", "python", ".libs"), _source("client", "python"),
             _source("client", "quecpython")]
    env = {"PYTHONPATH": ":".join(paths), "PYTHONUTF8": "1",
           "LD_PRELOAD": os.environ.get("LD_PRELOAD")}
    return Runtime(name, f"CPython `{module}`", {"cpython", "python", "script", personality},
                   [sys.executable, "-W", "ignore", _agent("agent.py"), FD, module], env, lacks,
                   None if found else "built without the CPython module")


def runtimes():
    """All of them, in the order of the table's columns."""
    found = [_c(), _cpython("cpython-usocket", "usocket", "usocket", {})]
    return found


def agent_env(runtime, socket_path):
    env = dict(runtime.env)
    return harness.child_env(USOCKETD_SOCKET=socket_path, PYTHONDONTWRITEBYTECODE="1", **env)
