# SPDX-License-Identifier: MIT
"""QuecPython's utime, on CPython's time. MicroPython has one of its own."""

import os as _os
import time as _time
from time import sleep

__all__ = ["getTimeZone", "localtime", "mktime", "setTimeZone", "sleep", "sleep_ms",
           "sleep_us", "ticks_add", "ticks_cpu", "ticks_diff", "ticks_ms", "ticks_us",
           "time"]

# Ticks wrap around, as on a small machine: scripts must use ticks_diff().
_PERIOD = 1 << 30


def sleep_ms(ms):
    sleep(ms / 1000)


def sleep_us(us):
    sleep(us / 1000000)


def ticks_ms():
    return _time.monotonic_ns() // 1000000 % _PERIOD


def ticks_us():
    return _time.monotonic_ns() // 1000 % _PERIOD


ticks_cpu = ticks_us


def ticks_add(ticks, delta):
    return (ticks + delta) % _PERIOD


def ticks_diff(end, start):
    """end - start; right while they are less than half a period apart."""
    return (end - start + _PERIOD // 2) % _PERIOD - _PERIOD // 2


def time():
    """Whole seconds."""
    return int(_time.time())


def localtime(secs=None):
    """(year, month, day, hour, minute, second, day of the week, day of the year)."""
    return tuple(_time.localtime(secs))[:8]


def mktime(date):
    """Seconds of what localtime() gives."""
    return int(_time.mktime(tuple(date)[:8] + (-1,)))


def getTimeZone():
    """Hours east of UTC."""
    return _time.localtime().tm_gmtoff // 3600


def setTimeZone(offset):
    """Sets them, for this process. Returns 0, or -1 beyond -12..12."""
    if offset not in range(-12, 13):
        return -1
    # POSIX counts west of UTC.
    _os.environ["TZ"] = "<%+03d>%d" % (offset, -offset)
    _time.tzset()
    return 0
