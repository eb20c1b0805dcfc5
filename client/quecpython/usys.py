# SPDX-License-Identifier: MIT
"""MicroPython's sys: CPython's with print_exception()."""

import sys as _sys
import traceback as _traceback


def print_exception(exception, file=None):
    _traceback.print_exception(exception, file=file or _sys.stdout)


def __getattr__(name):
    return getattr(_sys, name)
