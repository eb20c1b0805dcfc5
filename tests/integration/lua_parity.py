# SPDX-License-Identifier: MIT
"""One script on LuaSocket and on usocket: what its calls say must be the same."""

import re

from lua_support import SlirpCase, in_each_interpreter
from runner import deadline, rows

# Ports are as they come.
PORT = re.compile(r"\b[1-9]\d{4}\b")


@in_each_interpreter
class _Parity(SlirpCase):
    def say(self, module):
        out = self.run_lua(self.source("parity.lua"), module)
        return PORT.sub("PORT", out).splitlines()

    @deadline(120)
    @rows("B6", "G9", "K2", "K5", "K7", "C5", "R2", "R3", "W9", "W10", "B3", "B4", "B5", "D6")
    def test_same_as_luasocket(self):
        try:
            self.run_lua("-e", "require('socket')")
        except AssertionError:
            self.skipTest("this Lua has no LuaSocket to compare with")
        theirs, ours = self.say("socket"), self.say("usocket")
        self.assertGreater(len(theirs), 400)
        self.assertEqual(theirs, ours)
