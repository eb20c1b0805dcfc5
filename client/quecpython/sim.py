# SPDX-License-Identifier: MIT
"""QuecPython's sim: the SIM of the first modem's link; -1 where there is none.

A PIN is tried by the daemon, from its configuration, and by nobody else: three
wrong ones block the card for all programs of the gateway.
"""

from _quecpython import known, modem, refused, sim_status, told, unknown

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


def _refused(call):
    return refused("sim", call)


enablePin = _refused("enablePin")
disablePin = _refused("disablePin")
verifyPin = _refused("verifyPin")
changePin = _refused("changePin")
unblockPin = _refused("unblockPin")
genericAccess = _refused("genericAccess")
writePhonebook = _refused("writePhonebook")
setSimDet = _refused("setSimDet")
setCallback = _refused("setCallback")
switchCard = _refused("switchCard")
setSwitchcardCallback = _refused("setSwitchcardCallback")
