# SPDX-License-Identifier: MIT
"""MicroPython's name for os, which is what an import of this gives."""

import sys

import os

sys.modules[__name__] = os
