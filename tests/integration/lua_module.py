#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Lua module, in each Lua that it was built for.

What LuaSocket does as well is one script that runs on both; the rest are
scripts against the real daemon.
"""

import lua_calls
import lua_layers
import lua_parity
import lua_runtime
import runner

if __name__ == "__main__":
    runner.main(lua_parity, lua_calls, lua_layers, lua_runtime)
