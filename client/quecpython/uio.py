# SPDX-License-Identifier: MIT
"""MicroPython's name for io, which is what an import of this gives."""

import sys

import io

sys.modules[__name__] = io
