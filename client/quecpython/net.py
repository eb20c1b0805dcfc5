# SPDX-License-Identifier: MIT
"""QuecPython's net: registration and signal of the first modem's link.

-1 where there is no modem, or where it does not tell.
"""

from _quecpython import known, modem, refused, registration, told, unknown

__all__ = ["csqQueryPoll", "getApn", "getCellInfo", "getCi", "getConfig", "getLac",
           "getMcc", "getMnc", "getModemFun", "getNetMode", "getServingCi",
           "getServingLac", "getServingMcc", "getServingMnc", "getSignal", "getState",
           "nitzTime", "operatorName", "setApn", "setBand", "setConfig", "setModemFun"]

# How Quectel marks a member that has not been measured.
_RSSI_NONE = 99
_BER_NONE = 99
_NONE = 255

_SIGNALS = "rssi_dbm", "rsrp_dbm", "rsrq_db", "sinr_db"


def csqQueryPoll():
    """The signal as +CSQ counts it (27.007 8.5): 0..31 in steps of 2 dB; 99: not measured."""
    link = modem()
    if not link:
        return -1
    rssi = link.get("rssi_dbm")
    if rssi is None:
        return 99
    return max(0, min(31, (rssi + 113) // 2))


def _or(value, mark):
    return mark if value is None else value


def getSignal(sinrEnable=0):
    """([rssi, bit errors, rscp, ecno], [rssi, rsrp, rsrq, cqi(, sinr)]), in dBm and dB.

    The first list is GSM's and UMTS', the second LTE's.
    """
    link = modem()
    rssi, rsrp, rsrq, sinr = [link.get(key) for key in _SIGNALS]
    if rssi is None and rsrp is None and rsrq is None and sinr is None:
        return -1
    is_lte = rsrp is not None or rsrq is not None or sinr is not None
    old = [_RSSI_NONE if is_lte else rssi, _BER_NONE, _NONE, _NONE]
    lte = [_or(rssi if is_lte else None, _RSSI_NONE), _or(rsrp, _RSSI_NONE),
           _or(rsrq, _NONE), _NONE]
    if sinrEnable:
        lte.append(_or(sinr, _NONE))
    return old, lte


def getState():
    """([state, lac, cid, rat, reject cause, psc] of voice, the same of data)."""
    link = modem()
    data = registration(link)
    if data is None:
        return -1
    place = [known(link.get(key)) for key in ("lac", "cell_id", "rat", "reject_cause")]
    place.append(-1)
    return [known(link.get("voice_registration"))] + place, [data] + place


def operatorName():
    """(long name, short name, mcc, mnc), "" for what is not known of it."""
    link = modem()
    if not link.get("operator"):
        return -1
    return (link["operator"], link.get("operator_short") or "", link.get("mcc") or "",
            link.get("mnc") or "")


getModemFun = told("functionality")
getApn = told("apn")
getServingCi = told("cell_id")
getServingLac = told("lac")

getCellInfo = unknown
getCi = unknown
getConfig = unknown
getLac = unknown
getMcc = unknown
getMnc = unknown
getNetMode = unknown
getServingMcc = unknown
getServingMnc = unknown
nitzTime = unknown

setApn = refused("net", "setApn")
setBand = refused("net", "setBand")
setConfig = refused("net", "setConfig")
setModemFun = refused("net", "setModemFun")
