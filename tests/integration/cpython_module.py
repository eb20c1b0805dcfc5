#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The CPython module usocket, checkNet, log and example.py, with the real daemon."""

import cpython_calls
import cpython_data
import cpython_runtime
import runner

if __name__ == "__main__":
    runner.main(cpython_calls, cpython_data, cpython_runtime)
