# SPDX-License-Identifier: MIT
"""QuecPython's usocket: sockets in the TCP/IP stack of usocketd.

The names, shapes and errors are those of Quectel's page on usocket; every error
is an OSError with a Linux errno in args[0]. Module usocket.stdsocket has the
shapes of Python's own socket, usocket.aio is for asyncio.
"""

from usocket import _core
# pylint: disable=wildcard-import
from usocket._core import *
from usocket._core import _link_control, _link_set, _links
from usocket._core import _wait_link, _watch_close, _watch_links, _watch_next

__all__ = [name for name in vars(_core) if not name.startswith("_")]
__all__.remove("StandardSocket")
__all__.remove("Lookup")
