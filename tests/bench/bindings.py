# SPDX-License-Identifier: MIT
"""Question 9: each runtime with our module, and with its own on the kernel's sockets."""

import os
import struct
import sys
import unittest

import lua_support
import micropython_support
import paths
from frame import Contender, Group, Unavailable

NAME = "bindings"
TITLE = "script runtimes: MB/s into the script, 1-byte requests a second"

HERE = os.path.dirname(os.path.abspath(__file__))
# traffic.h
HEADER = "=IIIIQ16s"
MAGIC, SOURCE, ECHO = 0x62656e63, 0, 2

VETH = ("veth", paths.Veth, (True,))
TUNS = ("2 TUNs, vnet headers", paths.TwoTuns, (True,))


def header(op, time_ms):
    return struct.pack(HEADER, MAGIC, op, 1, time_ms, 0, b"").hex()


def cpython():
    folders = [os.path.join(os.environ["USOCKETD_BUILDDIR"], "client/python"),
               os.path.join(os.environ["USOCKETD_SRCDIR"], "client/quecpython")]
    return ([sys.executable, os.path.join(HERE, "bindings_client.py")],
            {"PYTHONPATH": ":".join(folders)})


def lua(interpreter):
    def command():
        if not lua_support.has_module(interpreter):
            raise Unavailable(f"{interpreter} is not installed, or its module not built")
        folder = lua_support.module_folder(lua_support.INTERPRETERS[interpreter])
        source = os.environ["USOCKETD_SRCDIR"]
        # Lua 5.1 has it under another name.
        unpack = ["-e", "table.unpack = table.unpack or unpack"]
        return ([interpreter, *unpack, os.path.join(HERE, "bindings_client.lua")],
                {"LUA_PATH": f"{source}/client/lua/?.lua;;", "LUA_CPATH": f"{folder}/?.so;;"})
    return command


def micropython(kind):
    def command():
        try:
            interpreter, env = micropython_support.interpreter(kind)
        except unittest.SkipTest as e:
            raise Unavailable(str(e))
        return [*interpreter, os.path.join(HERE, "bindings_client.py")], env
    return command


def stock_micropython():
    program = os.path.join(os.environ["USOCKETD_SRCDIR"], ".fetched/micropython-stock/run")
    if not os.path.exists(program):
        raise Unavailable("MicroPython is not there: tools/get-micropython fetches it")
    return [program, os.path.join(HERE, "bindings_client.py")], {}


def measure(made, way, runtime, module, time_ms):
    _, kind, args = way

    def one():
        command, env = runtime()
        path = made.get(kind, *args)
        result = path.run_script([
            *command, module, path.target(4), str(paths.PORT), header(SOURCE, time_ms),
            header(ECHO, time_ms), str(time_ms)], env)
        return {"MB/s": result["bytes/s"] / 1e6, "1/s": result["requests/s"]}
    return one


USOCKETD = ("usocketd", paths.Usocketd, (True,))

# A title, ours, the runtime's own: each a name, a runtime, its module.
RUNTIMES = (
    ("CPython", (("usocket", cpython, "usocket"),
                 ("usocket.stdsocket", cpython, "usocket.stdsocket")), (cpython, "socket")),
    ("Lua 5.4", (("usocket", lua("lua5.4"), "usocket"),), (lua("lua5.4"), "socket")),
    ("Lua 5.1", (("usocket", lua("lua5.1"), "usocket"),), (lua("lua5.1"), "socket")),
    ("MicroPython", (("usocket in C", micropython("c"), "usocket"),
                     ("usocket over ffi", micropython("ffi"), "usocket")),
     (stock_micropython, "socket")),
)


def groups(made, quick):
    time_ms = 200 if quick else 1500
    for title, ours, (own, own_module) in RUNTIMES:
        yield Group(NAME, title, [
            *(Contender(name, measure(made, USOCKETD, runtime, module, time_ms), ours=True)
              for name, runtime, module in ours),
            *(Contender("its own, kernel, " + way[0], measure(made, way, own, own_module, time_ms))
              for way in (VETH, TUNS))])
