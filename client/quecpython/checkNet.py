# SPDX-License-Identifier: MIT
"""QuecPython's checkNet: waits for the network before a script begins.

Stages 1 (SIM) and 2 (registration) are a modem's; any other link is in stage 3
from the start. With several links, the one that has come furthest counts. What
only a modem can tell (its firmware, its SIM, why it was switched on) is printed
as unknown where the links have none.
"""

import utime

import log
import misc
import modem
import sim
from _quecpython import (POLL_MS, REGISTERED_HOME, REGISTERED_ROAMING, SIM_INVALID,
                         SIM_READY, SIM_STARTING, SIM_UNKNOWN, is_before_registration,
                         is_modem, is_up, links, reason, registration, sim_status,
                         wait_up)

__all__ = ["CheckNetwork", "wait_network_connected", "waitNetworkReady"]

# Stages, and sub codes of the third.
STAGE_SIM = 1
STAGE_REGISTRATION = 2
STAGE_DATA_CALL = 3
DATA_CALL_DOWN = 0
DATA_CALL_UP = 1

# (stage, sub code, whether to wait on is of no use)
_READY = STAGE_DATA_CALL, DATA_CALL_UP, True
_DOWN = STAGE_DATA_CALL, DATA_CALL_DOWN, False

_UNKNOWN = "unknown"
_RULE = "=" * 50


def _stage_of(link):
    if is_up(link):
        return _READY
    # A modem that is down for a while says nothing of its SIM: stage 3.
    status = sim_status(link)
    if status not in (None, SIM_READY):
        return STAGE_SIM, status, status not in (SIM_STARTING, SIM_INVALID, SIM_UNKNOWN)
    state = registration(link)
    if state is None and is_before_registration(link):
        state = -1
    if state not in (None, REGISTERED_HOME, REGISTERED_ROAMING):
        return STAGE_REGISTRATION, state, False
    return _DOWN


def _look():
    """The furthest stage of all links, and for how long its state is good at most."""
    found = links()
    # With no link, or no daemon, one may still come.
    best = max([_stage_of(link) for link in found] or [_DOWN],
               key=lambda stage: (stage[0], stage == _READY, not stage[2]))
    needs_polls = any(is_modem(link) for link in found)
    return best, POLL_MS if needs_polls else 3600000


def wait_network_connected(timeout_s=60):
    """Waits until a link is up; returns (stage, sub code).

    (3, 1): a link is up; (3, 0): none was within the time. (1, SIM's status) and
    (2, state of the registration): a modem was not further at the end.
    """
    if not 1 <= timeout_s <= 3600:
        raise OSError("timeout_s should be in [1, 3600]s!")
    end = utime.ticks_add(utime.ticks_ms(), int(timeout_s * 1000))
    while True:
        (stage, code, is_final), good_ms = _look()
        left_ms = utime.ticks_diff(end, utime.ticks_ms())
        if is_final or left_ms <= 0:
            break
        wait_up(min(left_ms, good_ms))
    if not links():
        log.getLogger("checkNet").warning("no network: %s", reason())
    return stage, code


waitNetworkReady = wait_network_connected


def _shown(value, nothing):
    return _UNKNOWN if value == nothing else value


class CheckNetwork:
    def __init__(self, name, version):
        self.name = name
        self.version = version

    def poweron_print_once(self):
        """Prints what is known of the project and the device."""
        rows = (
            ("PROJECT_NAME", self.name),
            ("PROJECT_VERSION", self.version),
            ("FIRMWARE_VERSION", _shown(modem.getDevFwVersion(), -1)),
            ("POWERON_REASON", _shown(misc.Power.powerOnReason(), 0)),
            ("SIM_CARD_STATUS", _shown(sim.getStatus(), -1)),
        )
        print(_RULE)
        for name, value in rows:
            print("{:<16} : {}".format(name, value))
        print(_RULE)

    def wait_network_connected(self, timeout_s=60):
        return wait_network_connected(timeout_s)

    waitNetworkReady = wait_network_connected
