# SPDX-License-Identifier: MIT
"""The runtimes: how their agents are started, and what they lack by design.

A runtime that is not built has a reason instead of a command. `lacks` maps a
word of a step, such as ".makefile(", to the reason why it is not there.
"""

import dataclasses
import os
import shutil
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


def lacking(lacks, steps):
    """The reason why one of the steps cannot be done here, or None."""
    for word, reason in lacks.items():
        if any(word in text for text in steps):
            return reason
    return None


def _source(*parts):
    return os.path.join(os.environ["USOCKETD_SRCDIR"], *parts)


def _build(*parts):
    return os.path.join(os.environ["USOCKETD_BUILDDIR"], *parts)


def _agent(name):
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)


def _without_leaks():
    """For interpreters that leave memory behind at their end."""
    return os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"


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


def _absent_c(path):
    return None if os.path.exists(path) else "built without json-c"


def _c():
    path = _build("tests", "conformance", "agent")
    real = _build("tests", "conformance", ".libs", "agent")
    path = real if os.path.exists(real) else path
    return Runtime("C", "C", {"c"}, [path, FD], lacks=C_LACKS, absent=_absent_c(path))


# ---- unmodified programs -----------------------------------------------------

def _preload():
    """C with the kernel's calls, and all of its sockets in the stack."""
    path = _build("tests", "conformance", "agent-plain")
    absent = _absent_c(path)
    if harness.is_sanitized():
        absent = "the sanitizer takes the calls that usocket-run takes"
    return Runtime("preload", "C under `usocket-run`", {"c", "preload"},
                   [harness.program("usocket-run"), "--stack-loopback", "--", path, FD],
                   {"USOCKET_PRELOAD": _build(".libs", "libusocket-preload.so")}, C_LACKS, absent)


# ---- CPython -----------------------------------------------------------------

def _cpython(name, module, personality):
    paths = [_build("client", "python"), _source("client", "quecpython")]
    env = {"PYTHONPATH": ":".join(paths), "PYTHONUTF8": "1",
           "LD_PRELOAD": os.environ.get("LD_PRELOAD"), "ASAN_OPTIONS": _without_leaks()}
    return Runtime(name, f"CPython `{module}`", {"cpython", "python", "script", personality, name},
                   [sys.executable, "-W", "ignore", _agent("agent.py"), FD, module], env, {},
                   None if os.path.exists(_build("client", "python", "usocket", "_core.abi3.so"))
                   else "built without the CPython module")


# ---- MicroPython -------------------------------------------------------------

MP_FORK = "MicroPython has no fork"
MP_LACKS = {"forked(": MP_FORK, "passed(": MP_FORK}


def _absent_micropython(program, is_ffi):
    if not os.path.exists(program):
        return "MicroPython is not there: tools/get-micropython fetches it"
    if is_ffi and harness.is_sanitized():
        return "the stock interpreter cannot load the library of a sanitizer's build"
    return None


def _micropython_c(personality):
    """The interpreter with the modules in C."""
    program = _build("micropython", "unix", "micropython-usocket")
    env = {"MICROPYPATH": ":.frozen:" + _source("client", "quecpython"),
           "ASAN_OPTIONS": _without_leaks() + ":detect_stack_use_after_return=0"}
    return Runtime(f"mp-c-{personality}", f"MicroPython (C) `{personality}`",
                   {"micropython", "script", personality},
                   [program, "-X", "heapsize=64M", _agent("agent.py"), FD, personality], env,
                   MP_LACKS, _absent_micropython(program, False))


def _micropython_ffi(personality):
    """The stock interpreter with the modules over ffi."""
    program = _source(".fetched", "micropython-stock", "run")
    env = {"USOCKET_MICROPYTHON": program,
           "USOCKET_MICROPYTHON_MODULES": _source("client", "mpffi"),
           "USOCKET_QUECPYTHON": _source("client", "quecpython")}
    return Runtime(f"mp-ffi-{personality}", f"MicroPython (ffi) `{personality}`",
                   {"micropython", "script", personality},
                   ["sh", _build("client", "mpffi", "usocket-micropython"), "-X", "heapsize=64M",
                    _agent("agent.py"), FD, personality], env, MP_LACKS,
                   _absent_micropython(program, True))


# ---- Lua ---------------------------------------------------------------------

LUA_SHAPE = "LuaSocket has no such call"
LUA_TYPES = "Lua has no such types"
LUA_LINES = "LuaSocket hands a part over as third result"
LUA_LACKS = {
    "start ": "Lua has no threads", "forked(": "Lua has no fork", "passed(": "Lua has no fork",
    ".readinto(": LUA_SHAPE, ".write(": LUA_SHAPE, ".makefile(": LUA_SHAPE,
    ".gettimeout(": LUA_SHAPE, ".getblocking(": LUA_SHAPE, "other(": "a module of Python's scripts",
    "number_after_with(": "Lua has no with statement", "view(": LUA_TYPES, "array(": LUA_TYPES,
    "buffer(": LUA_TYPES, "become(": "Lua cannot change its user",
    "raises TypeError": LUA_TYPES, "raises ValueError": LUA_TYPES,
    "raises OverflowError": LUA_TYPES, "callback(": "Lua has select()",
}


def _lua(interpreter, version, title):
    folder = _build("client", "lua", version, ".libs")
    env = {"LUA_PATH": _source("client", "lua", "?.lua") + ";;",
           "LUA_CPATH": os.path.join(folder, "?.so") + ";;",
           "LD_PRELOAD": os.environ.get("USOCKETD_SANITIZER_PRELOAD") or None}
    if interpreter == "luajit":
        # Its own allocator is not the sanitizer's to judge.
        env["ASAN_OPTIONS"] = _without_leaks()
    program = shutil.which(interpreter)
    reason = None
    if not program:
        reason = f"{interpreter} is not installed"
    elif not os.path.exists(os.path.join(folder, "usocket.so")):
        reason = f"built without the module for {title}"
    return Runtime(interpreter, title, {"lua"}, [program, _agent("agent.lua"), FD], env, LUA_LACKS,
                   reason)


def runtimes():
    """All of them, in the order of the table's columns."""
    return [_c(), _preload(), _cpython("cpython-usocket", "usocket", "usocket"),
            _cpython("cpython-socket", "usocket.stdsocket", "socket"),
            _micropython_c("usocket"), _micropython_c("socket"),
            _micropython_ffi("usocket"), _micropython_ffi("socket"),
            _lua("lua5.4", "5.4", "Lua 5.4"), _lua("luajit", "5.1", "LuaJIT")]


def agent_env(runtime, socket_path):
    env = dict(runtime.env)
    return harness.child_env(USOCKETD_SOCKET=socket_path, PYTHONDONTWRITEBYTECODE="1", **env)
