# SPDX-License-Identifier: MIT
"""MicroPython's name for re, which is what an import of this gives."""

import sys

import re

sys.modules[__name__] = re
