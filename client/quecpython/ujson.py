# SPDX-License-Identifier: MIT
"""MicroPython's name for json, which is what an import of this gives."""

import sys

import json

sys.modules[__name__] = json
