#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rows of the semantics that the C library shows, against the kernel."""

import rows_clock
import rows_connect
import rows_data
import rows_dgram
import rows_end
import rows_holders
import rows_link
import rows_open
import rows_options
import rows_state
import runner

if __name__ == "__main__":
    runner.main(rows_open, rows_connect, rows_data, rows_dgram, rows_end, rows_options,
                rows_state, rows_holders, rows_link, rows_clock)
