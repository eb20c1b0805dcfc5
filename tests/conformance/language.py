# SPDX-License-Identifier: MIT
"""The language of the files in cases/: what a case is, and how it is run.

A file is a list of

    case ROW...: title
        not TAG...: the reason why it does not apply there
        only TAG...: the reason why it does not apply elsewhere
        daemon NAME [SECTION.KEY=VALUE...]
        STEP
        ...

    none ROW TAG...: the reason why the row does not apply there

TAGs name runtimes (see runtimes.py) and, as on-LINK, links (networks.py); "all"
is everyone. A STEP is one line:

    NAME[, NAME...] = EXPRESSION         gives names to what comes out
    EXPRESSION                           must not fail
    EXPRESSION == EXPRESSION             or another comparison: must be true
    EXPRESSION raises 110|ValueError     must fail so; "saying 'text'" in its text
    ... takes SECONDS                    never less, and at its best little more:
                                         such a step is run again if it took longer
    start NAME: EXPRESSION               runs it in a thread of the runtime
    blocked NAME                         until that thread waits for something
    join NAME ...                        its end, with any of the endings above
    eventually STEP                      tries until it is true, for some seconds
    each NAME in EXPRESSION: STEP        for each of them
    [TAG...] STEP                        only there ([!TAG...]: everywhere else)

Expressions are Python's. The names in them come from vocabulary.py.
"""

import ast
import dataclasses
import operator
import re

import harness

BEST_OF = 12
WITHIN_S = 0.05
EARLY_S = 0.001
EVENTUALLY_S = 10


class Mistake(Exception):
    """A file of cases that cannot be understood."""


class Failure(Exception):
    """A step that did not come out as it should."""


class RemoteError(Exception):
    """What a call raised in a runtime."""

    def __init__(self, kinds, number, text):
        super().__init__(text)
        self.kinds, self.number, self.text = kinds, number, text

    def __str__(self):
        number = "" if self.number is None else f" {self.number}"
        return f"{self.kinds[0]}{number} ({self.text})"


@dataclasses.dataclass
class Case:
    file: str
    line: int
    rows: list
    title: str
    steps: list = dataclasses.field(default_factory=list)       # (line, text)
    reasons: list = dataclasses.field(default_factory=list)     # (tags, is_only, text)
    daemon: str = "main"

    @property
    def name(self):
        return f"{self.file}:{self.line} {' '.join(self.rows)}: {self.title}"

    def reason_for(self, tags):
        """Why the case does not apply to a runtime with @tags, or None."""
        for named, is_only, text in self.reasons:
            if is_only != bool(named & tags):
                return text
        return None


@dataclasses.dataclass
class Absence:
    row: str
    tags: set
    text: str


# ---- reading -----------------------------------------------------------------

def _split_head(text, where):
    head, colon, rest = text.partition(":")
    if not colon or not rest.strip():
        raise Mistake(f"{where}: a colon and a text are missing")
    return head.split()[1:], rest.strip()


def _take_directive(case, line, where):
    word = line.split(None, 1)[0]
    if word in ("not", "only"):
        tags, text = _split_head(line, where)
        case.reasons.append((set(tags), word == "only", text))
    elif word == "daemon":
        case.daemon = line.split(None, 1)[1]
    else:
        return False
    return True


def read_cases(path, file):
    """The cases and absences of a file."""
    cases, absences = [], []
    with open(path) as f:
        lines = f.read().splitlines()
    for number, raw in enumerate(lines, 1):
        line, where = raw.strip(), f"{file}:{number}"
        if not line or line.startswith("#"):
            continue
        if raw.startswith("case "):
            rows, title = _split_head(line, where)
            cases.append(Case(file, number, rows, title))
        elif raw.startswith("none "):
            (row, *tags), text = _split_head(line, where)
            absences.append(Absence(row, set(tags), text))
        elif not raw.startswith(" ") or not cases:
            raise Mistake(f"{where}: neither a case nor a step of one: {line}")
        elif not (not cases[-1].steps and _take_directive(cases[-1], line, where)):
            cases[-1].steps.append((number, line))
    return cases, absences


# ---- running -----------------------------------------------------------------

OPERATORS = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b, ast.Is: operator.is_, ast.IsNot: operator.is_not,
}
TAGGED = re.compile(r"\[(!?)([\w !-]+)\]\s+(.*)")
ENDING = re.compile(r"""
    ^(?P<body>.*?)
    (?:\s+raises\s+(?P<raises>-?\w+(?:\|-?\w+)*))?
    (?:\s+saying\s+(?P<saying>'[^']*'))?
    (?:\s+takes\s+(?P<takes>[\d.]+))?$""", re.X)
ASSIGNMENT = re.compile(r"^([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*=(?!=)\s*(.*)$")


def _shown(value):
    text = repr(value)
    return text if len(text) < 400 else text[:300] + f"... ({len(text)} characters)"


class Interpreter:
    """Runs a case's steps with the names of a vocabulary."""

    def __init__(self, vocabulary, tags):
        self.vocabulary, self.tags = vocabulary, tags
        self.names = vocabulary.names()

    def run(self, case):
        for number, text in case.steps:
            try:
                self.step(text)
            except Failure as e:
                raise Failure(f"{case.file}:{number}: {text}\n{e}") from e
            except (RemoteError, OSError) as e:
                raise Failure(f"{case.file}:{number}: {text}\nexpected no error\n"
                              f"got      {type(e).__name__}: {e}") from e
            except Exception as e:
                raise Failure(f"{case.file}:{number}: {text}\n{type(e).__name__}: {e}") from e

    def is_meant(self, negated, tags):
        return bool(set(tags.split()) & self.tags) != bool(negated)

    def step(self, text):
        tagged = TAGGED.match(text)
        if tagged:
            if self.is_meant(tagged[1], tagged[2]):
                self.step(tagged[3])
            return
        word, _, rest = text.partition(" ")
        special = {"eventually": self.eventually, "each": self.each, "start": self.start,
                   "blocked": self.vocabulary.wait_blocked}.get(word)
        if special:
            special(rest.strip())
        else:
            self.plain(text)

    def eventually(self, text):
        last = None

        def is_true():
            nonlocal last
            try:
                self.step(text)
            except (Failure, RemoteError, OSError) as e:
                last = e
                return False
            return True
        try:
            harness.eventually(is_true, EVENTUALLY_S)
        except AssertionError:
            raise Failure(f"never within {EVENTUALLY_S} s; at last:\n{last}") from last

    def each(self, text):
        found = re.fullmatch(r"(\w+) in (.*?): (.*)", text)
        if not found:
            raise Failure("each NAME in EXPRESSION: STEP")
        for value in self.evaluate(found[2]):
            self.names[found[1]] = value
            try:
                self.step(found[3])
            except Failure as e:
                raise Failure(f"with {found[1]} = {_shown(value)}\n{e}") from e
            except (RemoteError, OSError) as e:
                raise Failure(f"with {found[1]} = {_shown(value)}\n"
                              f"got      {type(e).__name__}: {e}") from e

    def start(self, text):
        name, _, expression = text.partition(":")
        with self.vocabulary.in_thread(name.strip()):
            self.evaluate(expression.strip())

    def evaluate(self, text):
        code = compile(ast.parse(text.strip(), mode="eval"), "step", "eval")
        return eval(code, self.names)

    def plain(self, text):
        ending = ENDING.match(text)
        if ending["takes"] is None:
            self.once(ending)
            return
        least, best = float(ending["takes"]), None
        within = WITHIN_S * harness.time_scale()
        for _ in range(BEST_OF):
            self.once(ending)
            took = self.vocabulary.seconds()
            if took < least - EARLY_S:
                raise Failure(f"expected not before {least} s\ngot      {took:.4f} s")
            best = took if best is None else min(best, took)
            if best <= least + within:
                return
        raise Failure(f"expected {least} s, {within} s later at most\ngot      {best:.4f} s "
                      "at best")

    def once(self, ending):
        if ending["raises"] is None:
            self.check(ending["body"])
            return
        try:
            value = self.check(ending["body"])
        except (RemoteError, OSError) as e:
            self.check_error(ending, e)
            return
        raise Failure(f"expected an error, {ending['raises']}\ngot      {_shown(value)}")

    def check_error(self, ending, error):
        if isinstance(error, OSError):
            error = RemoteError(["OSError"], error.errno, str(error))
        expected = ending["raises"].split("|")
        numbers = [int(e) for e in expected if e.lstrip("-").isdigit()]
        good = ("OSError" in error.kinds and error.number in numbers or
                any(e in error.kinds for e in expected))
        if good and ending["saying"] and ast.literal_eval(ending["saying"]) not in error.text:
            good = False
        if not good:
            raise Failure(f"expected {ending['raises']} {ending['saying'] or ''}\ngot      {error}")

    def check(self, text):
        """Runs an assignment, a comparison, or an expression, which it returns."""
        if text.startswith("join "):
            name, _, rest = text[5:].strip().partition(" ")
            self.names["_joined"] = self.vocabulary.join(name)
            text = f"_joined {rest}"
        assignment = ASSIGNMENT.match(text)
        if assignment:
            return self.assign([n.strip() for n in assignment[1].split(",")],
                               self.evaluate(assignment[2]))
        tree = ast.parse(text.strip(), mode="eval").body
        if not isinstance(tree, ast.Compare) or len(tree.ops) != 1:
            return self.evaluate(text)
        left = self.evaluate(ast.unparse(tree.left))
        right = self.evaluate(ast.unparse(tree.comparators[0]))
        if not OPERATORS[type(tree.ops[0])](left, right):
            sign = ast.unparse(ast.Compare(ast.Name("x"), tree.ops, [ast.Name("y")]))[2:-2]
            raise Failure(f"expected {sign} {_shown(right)}\ngot      {_shown(left)}")
        return left

    def assign(self, names, value):
        values = [value] if len(names) == 1 else list(value)
        if len(values) != len(names):
            raise Failure(f"expected {len(names)} values\ngot      {_shown(value)}")
        self.names.update(zip(names, values))
        return value
