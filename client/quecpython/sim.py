# SPDX-License-Identifier: MIT
"""QuecPython's sim: the SIM of the first modem's link; -1 where there is none.

A PIN is tried by the daemon, once, and not if fewer than three tries are left:
wrong ones block the card for all programs of the gateway. verifyPin() gives it one,
for scripts that may control links; codes of the card are changed by nobody.
"""

import utime

import log
from _quecpython import (POLL_MS, SIM_READY, change, known, modem, reason, refused, sim_status,
                         told, unknown)

__all__ = ["changePin", "disablePin", "enablePin", "genericAccess", "getCurSimid",
           "getIccid", "getImsi", "getPhoneNumber", "getSimDet", "getStatus",
           "readPhonebook", "setCallback", "setSimDet", "setSwitchcardCallback",
           "switchCard", "unblockPin", "verifyPin", "writePhonebook"]


def getStatus():
    """0 no card, 1 ready, 18 starting, 21 not known yet; others say what it waits for."""
    return known(sim_status(modem()))


getImsi = told("imsi")
getIccid = told("iccid")
getPhoneNumber = told("phone_number")

getCurSimid = unknown
getSimDet = unknown
readPhonebook = unknown


SIM_PIN = 2
# What a modem takes to accept a PIN, and the daemon to ask it.
_VERIFY_MS = 30000


def _refuse_pin(why):
    log.getLogger("sim").warning("verifyPin refused: %s", why)
    return -1


def verifyPin(pin):
    """Unlocks the SIM. 0; -1: it asks for no PIN, or does not take this one."""
    link = modem()
    if not link:
        return _refuse_pin(reason())
    if sim_status(link) != SIM_PIN:
        return _refuse_pin("the SIM asks for no PIN")
    if change("sim", "verifyPin", link, ("pin", pin, True)) < 0:
        return -1
    end = utime.ticks_add(utime.ticks_ms(), _VERIFY_MS)
    while utime.ticks_diff(end, utime.ticks_ms()) > 0:
        utime.sleep_ms(POLL_MS)
        link = modem()
        if sim_status(link) == SIM_READY:
            return 0
        if link.get("refused"):
            return -1
    return -1


def _refused(call):
    return refused("sim", call)


enablePin = _refused("enablePin")
disablePin = _refused("disablePin")
changePin = _refused("changePin")
unblockPin = _refused("unblockPin")
genericAccess = _refused("genericAccess")
writePhonebook = _refused("writePhonebook")
setSimDet = _refused("setSimDet")
setCallback = _refused("setCallback")
switchCard = _refused("switchCard")
setSwitchcardCallback = _refused("setSwitchcardCallback")
