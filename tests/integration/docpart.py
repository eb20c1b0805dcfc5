# SPDX-License-Identifier: MIT
"""Parts of the documentation that tests write: what has come out of them."""

import difflib


class Part:
    """What a test writes into a page of the documentation, between two marks."""

    def __init__(self, name, text, target):
        self.begin = f"<!-- {name}: written by `make {target}`, not by hand. -->"
        self.end = f"<!-- the end of {name} -->"
        self.text, self.target = text, target

    def _change(self, path):
        with open(path) as f:
            old = f.read()
        head, _, rest = old.partition(self.begin)
        _, found, tail = rest.partition(self.end)
        if not found:
            raise SystemExit(f"{path} has no place for {self.begin}")
        return old, f"{head}{self.begin}\n\n{self.text}\n{self.end}{tail}"

    def write(self, path):
        _, new = self._change(path)
        with open(path, "w") as f:
            f.write(new)

    def differs(self, path):
        """A line for the count; the difference itself is printed."""
        old, new = self._change(path)
        if old == new:
            return []
        print("\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), path,
                                             "what came out", lineterm="")))
        return [f"{path} is not up to date: make {self.target}"]
