#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The daemon as a process, and what clients can do to it."""

import daemon_hostile
import daemon_queues
import daemon_start
import runner

if __name__ == "__main__":
    runner.main(daemon_start, daemon_queues, daemon_hostile)
