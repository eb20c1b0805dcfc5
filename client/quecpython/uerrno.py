# SPDX-License-Identifier: MIT
"""MicroPython's name for errno, which is what an import of this gives."""

import sys

import errno

sys.modules[__name__] = errno
