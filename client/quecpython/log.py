# SPDX-License-Identifier: MIT
"""QuecPython's log: lines of LEVEL:name:text."""

import _thread
import sys

__all__ = ["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "NOTSET",
           "basicConfig", "getLogger", "set_output"]

CRITICAL = 50
ERROR = 40
WARNING = 30
INFO = 20
DEBUG = 10
NOTSET = 0

_NAMES = {
    CRITICAL: "CRITICAL",
    ERROR: "ERROR",
    WARNING: "WARNING",
    INFO: "INFO",
    DEBUG: "DEBUG",
}

_level = INFO
_output = None  # what has write(); None: standard output
_loggers = {}
_lock = _thread.allocate_lock()


def basicConfig(level=INFO):
    """Sets the least level that is printed."""
    global _level
    _level = level


def set_output(out):
    """Lets lines go to an object with write(); None: standard output."""
    global _output
    _output = out


def _format(msg, args):
    if not args:
        return msg
    try:
        return msg % args
    except (TypeError, ValueError):
        # A line that does not fit its arguments must not end a script.
        return " ".join([str(part) for part in (msg,) + args])


class Logger:
    def __init__(self, name):
        self.name = name

    def log(self, level, msg, *args):
        if level < _level:
            return
        name = _NAMES.get(level, "LVL%s" % level)
        text = _format(msg, args)
        # One write a line: lines of several threads do not mix.
        (_output or sys.stdout).write("%s:%s:%s\n" % (name, self.name, text))

    def debug(self, msg, *args):
        self.log(DEBUG, msg, *args)

    def info(self, msg, *args):
        self.log(INFO, msg, *args)

    def warning(self, msg, *args):
        self.log(WARNING, msg, *args)

    def error(self, msg, *args):
        self.log(ERROR, msg, *args)

    def critical(self, msg, *args):
        self.log(CRITICAL, msg, *args)


def getLogger(name="root"):
    """The logger of that name, the same one each time."""
    # MicroPython's threads have no interpreter lock.
    with _lock:
        if name not in _loggers:
            _loggers[name] = Logger(name)
        return _loggers[name]
