# SPDX-License-Identifier: MIT
"""Makes `import usocket` and `import socket` reach usocketd's.

MicroPython takes its built-in usocket whatever the search path holds, unless
there is one in sys.modules already. One line in a boot file puts ours there:
import usocket_boot. The functions are for usocket-micropython, which runs the
interpreter with a command of its own in front of the script's arguments.
"""

import sys


def _install():
    # Ours, whatever other socket.py is in front of it on the path.
    path = list(sys.path)
    sys.modules.pop("socket", None)
    sys.path[:] = [__file__.rpartition("/")[0] or "."]
    try:
        import socket
        from usocket_ffi import usocket
    finally:
        sys.path[:] = path
    sys.modules["usocket"] = usocket


def _take_argument(option):
    """Takes what follows @option; the rest is the script's sys.argv."""
    del sys.argv[0]
    if option:
        del sys.argv[0]
    sys.path.insert(0, "")


def command():
    _take_argument("-c")
    text = sys.argv[0]
    sys.argv[0] = "-c"
    return text


def module():
    _take_argument("-m")
    name = sys.argv[0]
    # False instead of names: the module becomes __main__.
    made = __import__(name, None, None, False)
    if hasattr(made, "__path__"):
        __import__(name + ".__main__", None, None, False)


def standard_input():
    _take_argument(None)
    from usocket_ffi import lib
    is_terminal = lib.library("i", "isatty", "i")(0)
    return "" if is_terminal else sys.stdin.read()


def script():
    _take_argument(None)
    from usocket_ffi import lib
    path = bytearray(4097)
    if lib.library("P", "realpath", "sp")(sys.argv[0], path):
        sys.path[0] = lib.text(path).rpartition("/")[0] or "/"
    return sys.argv[0]


_install()
