#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The conformance suite over an Ethernet device; see conformance.py."""

import sys

import conformance

if __name__ == "__main__":
    sys.exit(conformance.main(["--link", "packet", *sys.argv[1:]]))
