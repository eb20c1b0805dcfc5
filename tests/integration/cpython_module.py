#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The CPython module usocket, with the real daemon."""

import os
import sys

import harness
import runner


def is_built():
    folder = os.path.join(os.environ["USOCKETD_BUILDDIR"], "client/python")
    return os.path.exists(os.path.join(folder, "usocket/_core.abi3.so"))


if __name__ == "__main__":
    harness.adopt_build_settings()
    if not is_built():
        print("SKIP cpython_module: built without the CPython module")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(77)
    import cpython_calls
    import cpython_data
    import cpython_runtime
    import cpython_standard
    runner.main(cpython_calls, cpython_data, cpython_runtime, cpython_standard)
