# SPDX-License-Identifier: MIT
"""The table of rows and runtimes: in the terminal, and in the documentation."""

import re

PASS, FAIL, NOTHING = "pass", "FAIL", ""


def rows_of_semantics(text):
    """
    The ids of sections B0 to B6: a row's first cell if it looks like an id; for
    the tables of constants and events, and for modules, what they are called.
    """
    found, section = [], None
    for line in text.splitlines():
        head = re.match(r"### (B\d) ", line)
        if head:
            section = head[1]
        elif section in (None, "B7"):
            continue
        cell = re.match(r"\| ([^|]+?) \|", line)
        if section in ("B1", "B3"):
            if cell and cell[1] not in ("name", "event"):
                found.append(f"{'const' if section == 'B1' else 'event'}-{slug(cell[1])}")
        elif cell and re.fullmatch(r"[A-Z]\d+", cell[1]):
            found.append(cell[1])
        elif section == "B5" and line.startswith("**"):
            found += [f"module-{name}" for name in re.findall(r"\*\*(\w+)\*\*", line)
                      if name != "checkNet"]
        elif section == "B6" and re.match(r"Lua \(|LD_PRELOAD →", line):
            found.append("lua" if line.startswith("Lua") else "preload")
    return found


def slug(text):
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-").lower()


class Table:
    def __init__(self, sections, runtimes, cases, absences, results):
        self.sections, self.runtimes = sections, runtimes
        self.cases, self.absences, self.results = cases, absences, results
        self.reasons = []
        self.cells = {}
        self.titles = {}
        for _, rows in sections:
            for row in rows:
                for runtime in runtimes:
                    self.cells[row, runtime.name] = self.cell(row, runtime)

    # ---- cells ----

    def cell(self, row, runtime):
        """PASS, FAIL, a set of reasons, or NOTHING if nothing was run."""
        if runtime.name not in self.results:
            return NOTHING
        outcomes = [(outcome, text) for i, outcome, text in self.results[runtime.name]
                    if i is not None and row in self.cases[i].rows]
        kinds = {outcome for outcome, _ in outcomes}
        if "failed" in kinds:
            return FAIL
        if "passed" in kinds:
            return PASS
        reasons = [text for _, text in outcomes]
        reasons += [a.text for a in self.absences if a.row == row and
                    a.tags & (runtime.tags | {"all", runtime.name})]
        return list(dict.fromkeys(reasons)) or NOTHING

    def counts(self):
        """Cells that passed or have their reason, and cells that failed."""
        passed = failed = 0
        run = [r for r in self.runtimes if r.name in self.results]
        for _, rows in self.sections:
            for row in rows:
                for runtime in run:
                    cell = self.cells[row, runtime.name]
                    passed += cell not in (FAIL, NOTHING)
                    failed += cell == FAIL
        failed += sum(1 for results in self.results.values() for i, _, _ in results if i is None)
        return passed, failed

    def unanswered(self):
        """Cells of runtimes that ran with neither a case nor a reason."""
        return [key for key, cell in self.cells.items()
                if cell == NOTHING and key[1] in self.results]

    # ---- text ----

    def number_of(self, reason):
        if reason not in self.reasons:
            self.reasons.append(reason)
        return self.reasons.index(reason) + 1

    def shown(self, cell):
        if isinstance(cell, list):
            return " ".join(f"({self.number_of(r)})" for r in cell)
        return cell or "-"

    def as_text(self):
        self.reasons = []
        wide = max(len(row) for _, rows in self.sections for row in rows)
        columns = [r for r in self.runtimes if not r.absent]
        lines = [" " * wide + "  " + "  ".join(r.name for r in columns)]
        for _, rows in self.sections:
            for row in rows:
                cells = [self.shown(self.cells[row, r.name]).ljust(len(r.name)) for r in columns]
                lines.append(f"{row.ljust(wide)}  {'  '.join(cells)}".rstrip())
        lines += [f"({n}) {reason}" for n, reason in enumerate(self.reasons, 1)]
        return "\n".join(lines)

    def title_of(self, row):
        """What the row's first case is called: one that is mainly about it, if any."""
        shown = [c for c in self.cases if row in c.rows]
        shown.sort(key=lambda c: c.rows[0] != row)
        return shown[0].title if shown else ""

    def as_markdown(self):
        self.reasons = []
        lines = []
        for title, rows in self.sections:
            lines += ["", f"### {title}", "",
                      "| row | shown by | " + " | ".join(r.title for r in self.runtimes) + " |",
                      "|---" * (len(self.runtimes) + 2) + "|"]
            for row in rows:
                cells = [self.shown(self.cells[row, r.name]) for r in self.runtimes]
                title = self.title_of(row).replace("|", "\\|")
                lines.append(f"| {row} | {title} | " + " | ".join(cells) + " |")
        lines += ["", "### Why a row does not apply", ""]
        lines += [f"{n}. {reason}" for n, reason in enumerate(self.reasons, 1)]
        return "\n".join(lines[1:]) + "\n"

    def as_note(self, link, own):
        """How the run went on @link, another than the table's."""
        columns = [r for r in self.runtimes if r.name in self.results]
        rows = [row for _, ids in self.sections for row in ids]
        passed = [row for row in rows
                  if all(self.cells[row, r.name] == PASS for r in columns)]
        lines = [f"On {link.title}, in {' and '.join(r.title for r in columns)}: "
                 f"{len(passed)} rows pass in both.", ""]
        reasons = [own, *link.lacks.values(), *(text for case in self.cases
                                                for tags, _, text in case.reasons if link.tag() in tags)]
        for reason in dict.fromkeys(reasons):
            lacking = [row for row in rows
                       if any(reason in self.cells[row, r.name] for r in columns)]
            if lacking:
                lines.append(f"- {reason}: {', '.join(lacking)}")
        return "\n".join(lines) + "\n"
