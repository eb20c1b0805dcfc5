# SPDX-License-Identifier: MIT
"""QuecPython's checkNet: waits for the network before a script begins.

What only a modem can tell (its firmware, its SIM, why it was switched on) is
printed as unknown where the link has none.
"""

import usocket

__all__ = ["CheckNetwork", "wait_network_connected", "waitNetworkReady"]

# Stages and sub codes of wait_network_connected().
STAGE_DATA_CALL = 3
DATA_CALL_DOWN = 0
DATA_CALL_UP = 1

_UNKNOWN = "unknown"
_RULE = "=" * 50


def wait_network_connected(timeout_s=60):
    """Waits until a link is up; returns (stage, sub code).

    (3, 1): a link is up; (3, 0): none was within the time.
    """
    if not 1 <= timeout_s <= 3600:
        raise OSError("timeout_s should be in [1, 3600]s!")
    if usocket._wait_link(timeout_s):
        return STAGE_DATA_CALL, DATA_CALL_UP
    return STAGE_DATA_CALL, DATA_CALL_DOWN


waitNetworkReady = wait_network_connected


class CheckNetwork:
    def __init__(self, name, version):
        self.name = name
        self.version = version

    def poweron_print_once(self):
        """Prints what is known of the project and the device."""
        rows = (
            ("PROJECT_NAME", self.name),
            ("PROJECT_VERSION", self.version),
            ("FIRMWARE_VERSION", _UNKNOWN),
            ("POWERON_REASON", _UNKNOWN),
            ("SIM_CARD_STATUS", _UNKNOWN),
        )
        width = max(len(name) for name, _ in rows)
        print(_RULE)
        for name, value in rows:
            print("{:<{}} : {}".format(name, width, value))
        print(_RULE)

    def wait_network_connected(self, timeout_s=60):
        return wait_network_connected(timeout_s)

    waitNetworkReady = wait_network_connected
