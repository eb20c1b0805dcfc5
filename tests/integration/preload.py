#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Unmodified programs under usocket-run: its calls, its launcher, servers of every day.

More programs are in tests/programs/programs.list.
"""

import preload_acts
import preload_calls
import preload_exec
import preload_holders
import preload_names
import preload_run
import preload_servers
import runner

if __name__ == "__main__":
    runner.main(preload_acts, preload_calls, preload_exec, preload_holders, preload_names,
                preload_run, preload_servers)
