# SPDX-License-Identifier: MIT
"""QuecPython's dataCall: the links as profiles, and a callback when one changes.

Dialling is the daemon's: it keeps its links up by itself, for all programs. What
changes a link is for scripts that may control it (control_group in
usocketd.conf(5)), and for modems' links; for others it is refused.

A thread calls the callback. It lives from the first setCallback() until the
first event after setCallback(None), and knows of each link whether it was up.
While there is no daemon it looks for one now and then.
"""

import _thread
import select

import usocket
import utime

import log
from _quecpython import POLL_MS, UP, change, is_modem, is_up, links, reason, refused

__all__ = ["activate", "deactivate", "getInfo", "getPDPContext", "recordApn",
           "setApn", "setAsynMode", "setAutoActivate", "setAutoConnect", "setCallback",
           "setDNSServer", "setDnsserver", "setPDPContext", "start", "stop"]

IPV4, IPV6, IPV4V6 = 0, 1, 2
# Quectel's profiles; further ones exist as far as there are links.
_PROFILES = 3

# How often a daemon that has gone is looked for.
_RETRY_MS = 250

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
    """What the links' events tell of; the daemon may come and go meanwhile."""

    def __init__(self):
        self.fd = None
        # By the link's index: its profile, and whether it was up.
        self.known = {}
        # What the first events say has been so before.
        self.is_first = self.open()

    def open(self):
        try:
            self.fd = usocket._watch_links()
        except OSError:
            return False
        self.poll = select.poll()
        self.poll.register(self.fd, select.POLLIN)
        return True

    def close(self):
        if self.fd is not None:
            usocket._watch_close(self.fd)
            self.fd = None

    def _is_change(self, index, state):
        before = self.known.get(index)
        old = before[1] if before else state if self.is_first else 0
        self.known[index] = _profile(index), state
        return old != state

    def _end(self):
        """The daemon has gone, and the links with it."""
        self.close()
        self.is_first = False
        downs = [(profile, 0) for profile, state in self.known.values() if state]
        self.known = {}
        return sorted(downs)

    def changes(self):
        """Waits for events; (profile, state) of what is not as it was."""
        if self.fd is None and not self.open():
            utime.sleep_ms(_RETRY_MS)
            return []
        self.poll.poll()
        found = []
        try:
            while True:
                event = usocket._watch_next(self.fd)
                if event is None:
                    return found
                index, name = event
                if self._is_change(index, 1 if name in UP else 0):
                    found.append(self.known[index])
        except OSError:
            return found + self._end()


def _profile(index):
    found = links()
    for i in range(len(found)):
        if found[i]["index"] == index:
            return i + 1
    return index + 1


_lock = _thread.allocate_lock()
_callback = None
_is_watching = False


def _tell(fun, change):
    try:
        fun(change)
    except Exception as e:
        log.getLogger("dataCall").error("the callback failed: %r", e)


def _run(watch):
    global _is_watching
    while True:
        changes = watch.changes()
        with _lock:
            fun = _callback
            if fun is None:
                watch.close()
                _is_watching = False
                return
        for change in changes:
            _tell(fun, change)


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
        # Before this returns: a change right after it is told of.
        _thread.start_new_thread(_run, (_Watch(),))
        _is_watching = True
    return 0


# ---- setters ----------------------------------------------------------------

_TYPES = {IPV4: "ip", IPV6: "ipv6", IPV4V6: "ipv4v6"}
_AUTHENTICATIONS = {0: "none", 1: "pap", 2: "chap", 3: "both"}
# Quectel's limit of APN, user and password.
_TEXT_MAX = 64
# How long start() waits for the link.
_START_MS = 60000


def _refuse(call, why):
    log.getLogger("dataCall").warning("%s refused: %s", call, why)
    return -1


def _modem_of(call, profileID):
    """The profile's link if it is a modem's; else None, and the log says why."""
    link = _find(profileID)
    if link and is_modem(link):
        return link
    _refuse(call, "profile %s has no modem" % profileID if any(map(is_modem, links()))
            else reason())
    return None


def _is_text(value):
    return isinstance(value, str) and len(value.encode()) <= _TEXT_MAX


def _set_context(call, profileID, context, redial=True):
    """The keys of a bearer. A call with what is so already leaves the link alone."""
    link = _modem_of(call, profileID)
    if not link:
        return -1
    ipType, apn, user, pwd, auth = context
    if ipType not in _TYPES or auth not in _AUTHENTICATIONS:
        return _refuse(call, "ipType is 0 to 2, auth 0 to 3")
    if not (_is_text(apn) and _is_text(user) and _is_text(pwd)):
        return _refuse(call, "texts have at most %d bytes" % _TEXT_MAX)
    now = link.get("ip_type"), link.get("apn") or "", link.get("authentication")
    redial = redial and not (is_up(link) and now == (ipType, apn, auth))
    return change("dataCall", call, link, ("apn", apn, False),
                  ("pdp_type", _TYPES[ipType], False), ("user", user, False),
                  ("password", pwd, False), ("auth", _AUTHENTICATIONS[auth], redial))


def _act(call, profileID, action):
    link = _modem_of(call, profileID)
    return change("dataCall", call, link, action) if link else -1


def setPDPContext(profileID, ipType, apn, user="", pwd="", auth=0, *_):
    """Sets the bearer, and dials anew if it is another one. 0, or -1."""
    return _set_context("setPDPContext", profileID, (ipType, apn, user, pwd, auth))


def setApn(profileID, ipType, apn, user="", pwd="", auth=0, *_):
    """An older name of setPDPContext()."""
    return _set_context("setApn", profileID, (ipType, apn, user, pwd, auth))


def recordApn(profileID, ipType, apn, user="", pwd="", auth=0, *_):
    """As setPDPContext(), but for the link's next call."""
    return _set_context("recordApn", profileID, (ipType, apn, user, pwd, auth), False)


def activate(profileID):
    """Lets the link come up; it is not waited for. 0, or -1."""
    return _act("activate", profileID, "up")


def deactivate(profileID):
    """Takes the link down until activate(). 0, or -1."""
    return _act("deactivate", profileID, "down")


def start(profileID, ipType, apn, user="", pwd="", auth=0, *_):
    """Sets the bearer and waits until the link is up. 0, or -1."""
    if _set_context("start", profileID, (ipType, apn, user, pwd, auth)) < 0 or \
            _act("start", profileID, "up") < 0:
        return -1
    end = utime.ticks_add(utime.ticks_ms(), _START_MS)
    while utime.ticks_diff(end, utime.ticks_ms()) > 0:
        utime.sleep_ms(POLL_MS)
        link = _find(profileID)
        if link and is_up(link):
            return 0
    return -1


def stop(profileID):
    """An older name of deactivate()."""
    return _act("stop", profileID, "down")


def _set_dns(call, profileID, servers):
    link = _modem_of(call, profileID)
    if not link:
        return -1
    servers = [text for text in servers if text]
    return change("dataCall", call, link,
                  ("dns", ", ".join(servers), list(link["dns"]) != servers))


def setDNSServer(profileID, simID, new_pri, new_sec=""):
    """Name servers of the link, until the daemon ends. 0, or -1."""
    return _set_dns("setDNSServer", profileID, (new_pri, new_sec))


def setDnsserver(profileID, simID, new_pri, new_sec=""):
    """An older name of setDNSServer()."""
    return _set_dns("setDnsserver", profileID, (new_pri, new_sec))


# Links come up by themselves, and that is the configuration's.
setAutoActivate = refused("dataCall", "setAutoActivate")
setAutoConnect = refused("dataCall", "setAutoConnect")
setAsynMode = refused("dataCall", "setAsynMode")
