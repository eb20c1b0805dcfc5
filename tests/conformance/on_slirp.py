#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The conformance suite on the host's own network; see conformance.py."""

import sys

import conformance

if __name__ == "__main__":
    sys.exit(conformance.main(["--link", "slirp", *sys.argv[1:]]))
