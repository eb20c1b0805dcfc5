# SPDX-License-Identifier: MIT
"""MicroPython's name for collections, which is what an import of this gives."""

import sys

import collections

sys.modules[__name__] = collections
