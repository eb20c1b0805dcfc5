#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_program: small ELF files of this machine, and scripts.

Usage: make_program_corpus.py DIRECTORY
"""
import pathlib
import struct
import sys

# elf(5), 64 bits, little-endian.
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
SECTION = struct.Struct("<IIQQQQIIQQ")
X86_64, AARCH64 = 62, 183
PT_INTERP, PT_NOTE = 3, 4


def elf(linker, section=b".text", machine=X86_64, padding=0):
    segments_at = HEADER.size + padding
    sections_at = segments_at + SEGMENT.size
    text_at = sections_at + 2 * SECTION.size
    text = (linker + b"\0" if linker else b"") + section + b"\0"
    header = HEADER.pack(b"\x7fELF\x02\x01\x01", 3, machine, 1, 0, segments_at, sections_at, 0,
                         HEADER.size, SEGMENT.size, 1, SECTION.size, 2, 1)
    size = len(linker) + 1 if linker else 0
    segment = SEGMENT.pack(PT_INTERP if linker else PT_NOTE, 4, text_at, 0, 0, size, size, 1)
    names = SECTION.pack(size, 3, 0, 0, text_at, len(text), 0, 0, 1, 0)
    return header + bytes(padding) + segment + bytes(SECTION.size) + names + text


SEEDS = {
    "glibc": elf(b"/lib64/ld-linux-x86-64.so.2"),
    "unaligned": elf(b"/lib64/ld-linux-x86-64.so.2", padding=3),
    "musl": elf(b"/lib/ld-musl-x86_64.so.1"),
    "static": elf(b""),
    "go": elf(b"", b".go.buildinfo"),
    "go_dynamic": elf(b"/lib64/ld-linux-x86-64.so.2", b".go.buildinfo"),
    "machine": elf(b"/lib/ld-linux-aarch64.so.1", machine=AARCH64),
    "cut": elf(b"/lib64/ld-linux-x86-64.so.2")[:100],
    "script": b"#!/bin/sh\nexit 0\n",
    "script_env": b"#! \t/usr/bin/env python3\r\n",
    "script_long": b"#!/" + b"a" * 300,
    "neither": b"hello\n",
}


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (directory / name).write_bytes(data)


if __name__ == "__main__":
    main()
