# SPDX-License-Identifier: MIT
"""MicroPython's name for hashlib, which is what an import of this gives."""

import sys

import hashlib

sys.modules[__name__] = hashlib
