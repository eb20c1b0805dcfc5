# SPDX-License-Identifier: MIT
"""QuecPython's dataCall: the links as profiles, and a callback when one changes.

Dialling is the daemon's: it keeps its links up by itself, for all programs, so
what would change a link here is refused.

A thread calls the callback. It lives from the first setCallback() until the
first change after setCallback(None), and knows of each profile whether it was
up. A binding that cannot tell of changes (no usocket._watch_links) is looked at
four times a second.
"""

import _thread
import usocket
import utime

import log
from _quecpython import is_up, links, refused

__all__ = ["activate", "deactivate", "getInfo", "getPDPContext", "recordApn",
           "setApn", "setAsynMode", "setAutoActivate", "setAutoConnect", "setCallback",
           "setDNSServer", "setDnsserver", "setPDPContext", "start", "stop"]

IPV4, IPV6, IPV4V6 = 0, 1, 2
# Quectel's profiles; further ones exist as far as there are links.
_PROFILES = 3

_LOOK_MS = 250

# ---- what is known of a profile ---------------------------------------------

_NOWHERE = {IPV4: "0.0.0.0", IPV6: "::"}


def _find(profileID):
    """The profile's link; {}: a profile without one; None: no such profile."""
    found = links()
    if not found or profileID not in range(1, max(_PROFILES, len(found)) + 1):
        return None
    return found[profileID - 1] if profileID <= len(found) else {}


def _address(link, kind):
    if kind == IPV4:
        return link["address"]
    for text in link["addresses6"]:
        if not text.lower().startswith("fe80:"):
            return text
    return None


def _describe(link, kind):
    nowhere = _NOWHERE[kind]
    address = _address(link, kind) if link and is_up(link) else None
    if not address:
        return [0, 0, nowhere, nowhere, nowhere]
    servers = [text for text in link["dns"] if (":" in text) == (kind == IPV6)]
    servers += [nowhere, nowhere]
    return [1, 0, address, servers[0], servers[1]]


def getInfo(profileID, ipType):
    """(profile, ipType, [state, 0, address, dns, dns]), with two lists for ipType 2.

    -1: no such profile, or no daemon.
    """
    link = _find(profileID)
    if link is None or ipType not in (IPV4, IPV6, IPV4V6):
        return -1
    if ipType == IPV4V6:
        return profileID, ipType, _describe(link, IPV4), _describe(link, IPV6)
    return profileID, ipType, _describe(link, ipType)


def getPDPContext(profileID):
    """(ipType, apn, user, password, authentication); the two secrets are never told."""
    link = _find(profileID) or {}
    context = [link.get(key) for key in ("ip_type", "apn", "authentication")]
    if None in context:
        return -1
    return context[0], context[1], "", "", context[2]


# ---- the callback -----------------------------------------------------------

class _Watch:
    """Waits for a change of the links; the daemon may come and go meanwhile."""

    def __init__(self):
        self.watch = None
        self.open()

    def open(self):
        try:
            self.watch = usocket._watch_links()
        except (AttributeError, OSError):
            self.watch = None
        return self.watch is not None

    def wait(self):
        """Returns when there may be something new."""
        if self.watch is None:
            # A watch tells of what comes after its begin only.
            if not self.open():
                utime.sleep_ms(_LOOK_MS)
            return
        try:
            self.watch.wait(None)
        except OSError:
            # The daemon has gone, so the links have.
            self.watch.close()
            self.watch = None


_lock = _thread.allocate_lock()
_callback = None
_is_watching = False


def _states():
    return [1 if is_up(link) else 0 for link in links()]


def _changes(before, now):
    """(profile, state) of what is not as it was; a profile that is gone is down."""
    for i in range(max(len(before), len(now))):
        old = before[i] if i < len(before) else 0
        new = now[i] if i < len(now) else 0
        if old != new:
            yield i + 1, new


def _tell(fun, change):
    try:
        fun(change)
    except Exception as e:
        log.getLogger("dataCall").error("the callback failed: %r", e)


def _run(watch, before):
    global _is_watching
    while True:
        watch.wait()
        with _lock:
            fun = _callback
            if fun is None:
                _is_watching = False
                return
        now = _states()
        for change in _changes(before, now):
            _tell(fun, change)
        before = now


def setCallback(fun):
    """Lets @fun be called with (profile, 1 or 0) when one goes up or down.

    None: no longer. Returns 0, or -1 for what cannot be called.
    """
    global _callback, _is_watching
    if fun is not None and not callable(fun):
        return -1
    with _lock:
        _callback = fun
        if fun is None or _is_watching:
            return 0
        # In this order, so that no change falls between.
        watch = _Watch()
        _thread.start_new_thread(_run, (watch, _states()))
        _is_watching = True
    return 0


# ---- what is refused --------------------------------------------------------

def _refused(call):
    return refused("dataCall", call)


setPDPContext = _refused("setPDPContext")
setAutoActivate = _refused("setAutoActivate")
setAutoConnect = _refused("setAutoConnect")
setDNSServer = _refused("setDNSServer")
activate = _refused("activate")
deactivate = _refused("deactivate")

# Older names.
start = _refused("start")
stop = _refused("stop")
setApn = _refused("setApn")
recordApn = _refused("recordApn")
setAsynMode = _refused("setAsynMode")
setDnsserver = _refused("setDnsserver")
