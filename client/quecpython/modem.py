# SPDX-License-Identifier: MIT
"""QuecPython's modem: texts that identify the device; -1 where there is no modem."""

from _quecpython import told

__all__ = ["getDevFwVersion", "getDevImei", "getDevMAC", "getDevModel",
           "getDevProductId", "getDevSN"]

getDevImei = told("imei")
getDevModel = told("model")
getDevSN = told("serial")
getDevFwVersion = told("firmware")
getDevProductId = told("manufacturer")
getDevMAC = told("mac")
