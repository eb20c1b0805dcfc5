# SPDX-License-Identifier: MIT
"""MicroPython's name for binascii, which is what an import of this gives."""

import sys

import binascii

sys.modules[__name__] = binascii
