#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""MicroPython's modules usocket and socket over ffi, in the stock interpreter."""

import ffi_calls
import ffi_launcher
import ffi_runtime
import runner

if __name__ == "__main__":
    runner.main(ffi_launcher, ffi_calls, ffi_runtime)
