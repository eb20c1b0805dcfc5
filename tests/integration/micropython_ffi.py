#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The modules over ffi: the launcher, whose modules scripts get, what ffi may spoil."""

import ffi_launcher
import ffi_runtime
import runner

if __name__ == "__main__":
    runner.main(ffi_launcher, ffi_runtime)
