#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The conformance suite over a simulated modem; see conformance.py."""

import sys

import conformance

if __name__ == "__main__":
    sys.exit(conformance.main(["--link", "modem", *sys.argv[1:]]))
