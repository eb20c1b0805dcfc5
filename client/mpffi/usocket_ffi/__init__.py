# SPDX-License-Identifier: MIT
"""What the modules usocket and socket share; see lib.py and base.py."""
