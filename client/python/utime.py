# SPDX-License-Identifier: MIT
"""MicroPython's utime, as far as Python's own time module has no such names."""

import time as _time
from time import localtime, mktime, sleep, time

__all__ = ["localtime", "mktime", "sleep", "sleep_ms", "sleep_us", "ticks_add",
           "ticks_diff", "ticks_ms", "ticks_us", "time"]

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


def ticks_add(ticks, delta):
    return (ticks + delta) % _PERIOD


def ticks_diff(end, start):
    """end - start; right while they are less than half a period apart."""
    return (end - start + _PERIOD // 2) % _PERIOD - _PERIOD // 2
