# SPDX-License-Identifier: MIT
"""MicroPython's name for struct, which is what an import of this gives."""

import sys

import struct

sys.modules[__name__] = struct
