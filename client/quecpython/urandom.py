# SPDX-License-Identifier: MIT
"""MicroPython's name for random, which is what an import of this gives."""

import sys

import random

sys.modules[__name__] = random
