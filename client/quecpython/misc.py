# SPDX-License-Identifier: MIT
"""QuecPython's misc, as far as a gateway's script has any: Power.

A script does not switch a gateway off, on which others run. The module's pins
(PWM, ADC, PowerKey, USB) are not there at all.
"""

import log

__all__ = ["Power"]


def _refused(call):
    def setter(*_):
        log.getLogger("misc").warning("Power.%s refused: the gateway stays on", call)
        return -1
    return setter


def _not_told():
    return 0


class Power:
    powerDown = staticmethod(_refused("powerDown"))
    powerRestart = staticmethod(_refused("powerRestart"))
    # Quectel's number for a reason that is not known.
    powerOnReason = staticmethod(_not_told)
    powerDownReason = staticmethod(_not_told)

    @staticmethod
    def getVbatt():
        return -1
