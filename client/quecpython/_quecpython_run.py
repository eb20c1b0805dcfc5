# SPDX-License-Identifier: MIT
"""Runs a script in CPython whose indentation only MicroPython takes.

usage: _quecpython_run.py SCRIPT [ARGUMENT]...

Theory of operation

Scripts for QuecPython, Quectel's own examples among them, mix tabs and spaces
where a tab goes to the next multiple of eight columns. CPython refuses that
(TabError). So what it refuses is compiled once more with those tabs made
spaces, but for the insides of strings; the script's own modules likewise. All
else is as if Python ran the script by itself.
"""

import importlib.machinery as machinery
import io
import os
import sys
import tokenize
import types

_TAB = 8


def _expand(line):
    body = line.lstrip(" \t")
    return line[:len(line) - len(body)].expandtabs(_TAB) + body


def without_tabs(source):
    """@source with its indentation in spaces; lines inside of strings as they were."""
    before = source.splitlines(keepends=True)
    after = [_expand(line) for line in before]
    for token in tokenize.generate_tokens(io.StringIO("".join(after)).readline):
        for row in range(token.start[0], token.end[0]):
            if row < len(before):
                after[row] = before[row]
    return "".join(after)


def compile_script(data, path):
    try:
        return compile(data, path, "exec", dont_inherit=True)
    except TabError:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return compile(without_tabs(data.decode(encoding)), path, "exec", dont_inherit=True)


class _Loader(machinery.SourceFileLoader):
    def source_to_code(self, data, path, **_):
        return compile_script(data, path)


def _let_imports_have_tabs():
    finder = machinery.FileFinder.path_hook(
        (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES),
        (_Loader, machinery.SOURCE_SUFFIXES),
        (machinery.SourcelessFileLoader, machinery.BYTECODE_SUFFIXES))
    sys.path_hooks.insert(0, finder)
    sys.path_importer_cache.clear()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    path = sys.argv[1]
    try:
        with open(path, "rb") as script:
            data = script.read()
    except OSError as e:
        sys.exit("usocket-python: cannot open %s: %s" % (path, e.strerror))
    sys.argv = sys.argv[1:]
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    _let_imports_have_tabs()
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = __builtins__
    sys.modules["__main__"] = module
    exec(compile_script(data, path), module.__dict__)


if __name__ == "__main__":
    main()
