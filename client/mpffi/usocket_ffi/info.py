# SPDX-License-Identifier: MIT
"""What shared memory shows: links, and a connection's counters.

Members of records are read at their places; later versions of the library only
append to them.
"""

import math
import os
import struct
import time

from usocket_ffi import lib, names

_next_link = lib.library("i", "usocket_next_link", "ppL")
_wait_link = lib.library("i", "usocket_wait_link", "i")
_state_name = lib.library("s", "usocket_link_state_name", "i")
_link_control = lib._script("i", "link_control", "ssp")
_link_set = lib._script("i", "link_set", "sssip")
_link_fact = lib._script("i", "link_fact", "pLip")
_info = lib._script("i", "info", "pip")
_watch_links = lib.library("i", "usocket_watch_links", "")
_watch_next = lib.library("i", "usocket_watch_next", "ipL")
# The C library's, which libusocket stands on.
_close = lib.library("i", "close", "i")

_ETIMEDOUT = 110
_SIGNAL_UNKNOWN = -32768

# struct usocket_link_info and struct usocket_address.
_LINK_SIZE = 936
_ADDRESS_SIZE = 28
_INFO_SIZE = 176
# struct usocket_script_fact.
_FACT_SIZE = 160
# struct usocket_refusal.
_REFUSAL_SIZE = 256
# struct usocket_link_event.
_EVENT_SIZE = 120


def _text(record, offset, size):
    text = lib.text(record[offset:offset + size])
    return text or None


def _address(record, offset):
    """Its text; None: there is none."""
    family = struct.unpack_from("H", record, offset)[0]
    scope = struct.unpack_from("I", record, offset + 8)[0]
    ip = record[offset + 12:offset + 28]
    sockaddr = bytearray(lib.ADDRESS_SIZE)
    if family == names.AF_INET:
        struct.pack_into("H", sockaddr, 0, family)
        sockaddr[4:8] = ip[:4]
        struct.pack_into("I", sockaddr, 128, 16)
    elif family == names.AF_INET6:
        struct.pack_into("H", sockaddr, 0, family)
        sockaddr[8:24] = ip
        struct.pack_into("I", sockaddr, 128, 28)
    else:
        return None
    return names.tuple_of(sockaddr, False)[0]


def _addresses(record, offset, n):
    return [_address(record, offset + i * _ADDRESS_SIZE) for i in range(n)]


def _signal(record, offset):
    value = struct.unpack_from("h", record, offset)[0]
    return None if value == _SIGNAL_UNKNOWN else value


def _fact(fact):
    if not fact[9]:
        return None
    return _text(fact, 32, 128) if fact[8] else struct.unpack_from("q", fact, 0)[0]


def _link(record):
    found = _common(record)
    fact = bytearray(_FACT_SIZE)
    i = 0
    while _link_fact(record, _LINK_SIZE, i, fact):
        found[_text(fact, 10, 22)] = _fact(fact)
        i += 1
    return found


def _common(record):
    state = record[4]
    return {
        "index": struct.unpack_from("I", record, 0)[0],
        "name": _text(record, 8, 16),
        "driver": _text(record, 24, 16),
        "state": state,
        "state_name": _state_name(state),
        "cause": _text(record, 40, 96),
        "default": bool(record[5]),
        "mtu": struct.unpack_from("I", record, 144)[0],
        "address": _address(record, 152),
        "gateway": _address(record, 180),
        "addresses6": _addresses(record, 208, record[6]),
        "dns": _addresses(record, 320, record[7]),
        "operator": _text(record, 544, 32),
        "radio": _text(record, 576, 16),
        "rssi_dbm": _signal(record, 592),
        "rsrp_dbm": _signal(record, 594),
        "rsrq_db": _signal(record, 596),
        "sinr_db": _signal(record, 598),
    }


def _with_errno(function, *arguments):
    """A call that tells errno: its result, or -errno."""
    lib.hold()
    try:
        result = function(*arguments)
        return -os.errno() if result < 0 else result
    finally:
        lib.release()


def links():
    cursor = bytearray(4)
    found = []
    while True:
        record = bytearray(_LINK_SIZE)
        result = _with_errno(_next_link, cursor, record, _LINK_SIZE)
        if result == 0:
            return found
        if result > 0:
            found.append(_link(record))
        elif result != lib.EINTR:
            raise lib.error(result, 1)


def wait_link(seconds):
    """True as soon as a link is up, False when the time is over."""
    left_ms = -1
    if seconds is not None:
        seconds = float(seconds)
        if not seconds >= 0:
            raise ValueError("seconds must be None or at least 0")
        left_ms = min(math.ceil(seconds * 1000), 0x7FFFFFFF)
        end = time.ticks_add(time.ticks_ms(), left_ms)
    while True:
        result = _with_errno(_wait_link, left_ms)
        if result == 0:
            return True
        if result in (-_ETIMEDOUT, lib.EAGAIN):
            return False
        if result != lib.EINTR:
            raise lib.error(result, 1)
        if left_ms > 0:
            left_ms = max(0, time.ticks_diff(end, time.ticks_ms()))


def _change(function, *arguments):
    why = bytearray(_REFUSAL_SIZE)
    result = lib.held(function, *arguments, why)
    if result < 0:
        raise OSError(-result, lib.text(why))


def link_control(name, action):
    _change(_link_control, name, action)


def link_set(name, key, value, redial):
    _change(_link_set, name, key, value, 1 if redial else 0)


def watch_links():
    """A descriptor that is readable while there are events of links."""
    fd = _with_errno(_watch_links)
    if fd < 0:
        raise lib.error(fd, 1)
    return fd


def watch_next(fd):
    """(index, state's name); None: none yet."""
    event = bytearray(_EVENT_SIZE)
    result = _with_errno(_watch_next, lib.int32(fd), event, _EVENT_SIZE)
    if result < 0:
        raise lib.error(result, 1)
    if result == 0:
        return None
    return struct.unpack_from("I", event, 0)[0], _state_name(event[4])


def watch_close(fd):
    lib.check(_with_errno(_close, lib.int32(fd)))


def tcp(s):
    """TCP_INFO as named values."""
    record = bytearray(_INFO_SIZE)
    lib.check(lib.held(_info, s, 1, record))
    received, sent, acked = struct.unpack_from("QQQ", record, 120)
    rtt_us, retransmissions = struct.unpack_from("II", record, 152)
    return {
        "state": record[10],
        "rtt_us": rtt_us,
        "retransmits": retransmissions,
        "unacked": struct.unpack_from("I", record, 148)[0],
        "bytes_received": received,
        "bytes_sent": sent,
        "bytes_acked": acked,
    }
