# SPDX-License-Identifier: MIT
"""What QuecPython's companion modules share: the links, and what is known of them.

Theory of operation

The modules are plain Python that runs in CPython and MicroPython alike. All
that they know of links comes from the module usocket: _links(), the links'
records out of shared memory; _wait_link(), a wait for some link to be up; and
_watch_links() with its two companions, events of the links' states. For that
nothing is asked of the daemon and nothing is kept here, so an answer is as old as
its call. _link_control() and _link_set() change a link, for those who may.

A link is a profile: profile 1 is the link that carries the default route, the
others follow in the order of the configuration. net, sim and modem speak of the
first link that is a modem's.

What a record does not tell is -1, and "" in the place of a text, never a guess.
These keys are looked for; those that a link cannot know are None or not there:

  state_name, operator, radio, rssi_dbm, rsrp_dbm, rsrq_db, sinr_db
  sim_status      QuecPython's number of it, 0..21
  registration    <stat> of +CEREG, +CGREG (3GPP TS 27.007 7.2, 10.1.20), 0..11
  voice_registration, lac, cell_id, rat, reject_cause   of the same commands
  operator_short, mcc, mnc     texts
  functionality   <fun> of +CFUN (27.007 8.2)
  imei, model, serial, firmware, manufacturer, imsi, iccid, phone_number  texts
  ip_type, apn, authentication   QuecPython's numbers and a text

No getter raises. A daemon that is absent is as good as one without links.
"""

import usocket
import utime

import log

# How often something is looked at that sends no event.
POLL_MS = 100

# The states in which a link carries packets.
UP = "up", "degraded"

SIM_READY = 1
SIM_STARTING = 18
SIM_INVALID = 20
SIM_UNKNOWN = 21

# <stat> of 27.007
SEARCHING = 2
REGISTERED_HOME = 1
REGISTERED_ROAMING = 5

# What a modem's link has behind it once it is in one of these states.
_SIM_STATUS = {
    "opening": SIM_UNKNOWN,
    "sim": SIM_STARTING,
    "registering": SIM_READY,
    "dialing": SIM_READY,
    "negotiating": SIM_READY,
    "up": SIM_READY,
    "degraded": SIM_READY,
}


def links():
    """The links' records in the order of their profiles; [] if there is no daemon."""
    try:
        found = usocket._links()
    except OSError:
        return []
    found.sort(key=lambda link: (not link["default"], link["index"]))
    return found


def is_up(link):
    return link["state_name"] in UP


def is_modem(link):
    return link.get("driver") == "modem" or link.get("sim_status") is not None


def modem():
    """The record of the first modem's link, empty if there is none."""
    for link in links():
        if is_modem(link):
            return link
    return {}


def sim_status(link):
    """QuecPython's number, None if the link does not say."""
    status = link.get("sim_status")
    if status is None and is_modem(link):
        status = _SIM_STATUS.get(link["state_name"])
    return status


def registration(link):
    """<stat> of 27.007, None if the link does not say."""
    state = link.get("registration")
    if state is None and is_modem(link) and link["state_name"] == "registering":
        state = SEARCHING
    return state


def known(value):
    return -1 if value is None else value


def told(key):
    """Makes a getter of what the modem's record has under @key."""
    def getter(*_):
        return known(modem().get(key))
    return getter


def unknown(*_):
    """A getter of what no record tells."""
    return -1


def is_before_registration(link):
    return is_modem(link) and link["state_name"] in ("opening", "sim", "registering")


def wait_up(ms):
    """Waits until a link is up, at most @ms; without a daemon a little while."""
    try:
        usocket._wait_link(ms / 1000)
    except OSError:
        utime.sleep_ms(min(ms, POLL_MS))


def reason():
    """Why there is no modem that a script could set."""
    try:
        found = usocket._links()
    except OSError as e:
        return str(e)
    for link in found:
        if is_modem(link):
            return "the modem of link %s is set by usocketd's configuration" % link["name"]
    return "no link has a modem"


def change(module, call, link, *steps):
    """Does what a setter asks of a modem's link; -1, and one line in the log, if it may not.

    Each step is an action, or a key, its value, and whether to redial.
    """
    try:
        for step in steps:
            if isinstance(step, tuple):
                usocket._link_set(link["name"], *step)
            else:
                usocket._link_control(link["name"], step)
    except OSError as e:
        why = e.args[1] if len(e.args) > 1 else e
        log.getLogger(module).warning("%s refused: %s", call, why)
        return -1
    return 0


def refused(module, call):
    """Makes a setter that a shared gateway refuses: -1, and one line in the log."""
    def setter(*_, **_named):
        log.getLogger(module).warning("%s refused: %s", call, reason())
        return -1
    return setter


def connect(host, port, timeout):
    """A connection to the first of the host's addresses that takes one."""
    error = None
    for entry in usocket.getaddrinfo(host, port, 0, usocket.SOCK_STREAM):
        sock = usocket.socket(entry[0], entry[1], entry[2])
        sock.settimeout(timeout)
        try:
            sock.connect(entry[-1])
            return sock
        except OSError as e:
            error = e
            sock.close()
    raise error
