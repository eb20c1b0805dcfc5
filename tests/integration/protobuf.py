# SPDX-License-Identifier: MIT
"""protobuf's wire format, as much of it as the project's messages use."""


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    """A field of a message: numbers as varint, bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fixed64(number, value):
    return varint(number << 3 | 1) + value.to_bytes(8, "little")


def parse_fields(raw):
    """{number: value} of a message; repeated fields keep their last."""
    fields, at = {}, 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            byte = raw[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n
    while at < len(raw):
        key = number()
        if key & 7 == 1:
            value, at = int.from_bytes(raw[at:at + 8], "little"), at + 8
        else:
            value = number()
        if key & 7 == 2:
            value, at = raw[at:at + value], at + value
        fields[key >> 3] = value
    return fields
