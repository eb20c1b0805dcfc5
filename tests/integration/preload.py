#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Unmodified programs under usocket-run: its calls, its launcher, programs of every day."""

import preload_calls
import preload_exec
import preload_holders
import preload_names
import preload_programs
import preload_run
import preload_servers
import runner

if __name__ == "__main__":
    runner.main(preload_calls, preload_exec, preload_holders, preload_names,
                preload_programs, preload_run, preload_servers)
