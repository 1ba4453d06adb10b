"""The table of requirements as a page: ``python -m tests.standards.conformance``.

Writes ``docs/conformance.md``; with ``-`` it prints it instead.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from .requirements import SECTIONS, Requirement, Section, Status

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"

_HEAD = """\
# Conformance

What the specifications want of an OAuth 2.0 resource server, and the tests that hold \
it here. This page is made from the tests' own data by \
`python -m tests.standards.conformance`; a test fails where the two differ, or where a \
row names a test that does not exist.

A number is a requirement's name in this project: the letter of its section, and a \
number that is never given twice. Letters and numbers left out belong to \
specifications of which this version implements nothing: DPoP, \
certificate-bound tokens, resource metadata, logout, security events, status lists. \
Settings for them are errors. A token bound to a key (`cnf`) is refused; a `status` \
claim is ignored, as every unknown claim is.

Every test's id begins with the number it holds, so that

```bash
python -m pytest tests/standards -k B7
```

runs those of one requirement. The sentences are a summary in our own words; the \
specifications decide.

| status | |
|---|---|
| held | the tests named here fail if it is not |
| not applicable | its condition never arises here |
| not built | it is about a feature that this version does not have |
| not held | on purpose, for the reason given |
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([_HEAD, _counts(), *map(_section, SECTIONS)])


def _counts() -> str:
    """Return how many requirements of each section have which status."""
    rows = [
        [f"[{section.title}](#{_anchor(section)})", *_row_of_counts(section)]
        for section in SECTIONS
    ]
    totals = [str(sum(int(row[n]) for row in rows)) for n in range(1, len(Status) + 1)]
    names = [status.value for status in Status]
    return _table(["section", *names], [*rows, ["all", *totals]])


def _row_of_counts(section: Section) -> list[str]:
    count = Counter(requirement.status for requirement in section.requirements)
    return [str(count[status]) for status in Status]


def _heading(section: Section) -> str:
    return f"{section.letter}: {section.title}"


def _anchor(section: Section) -> str:
    """Return the id that GitHub gives the heading."""
    kept = (c for c in _heading(section).lower() if c.isalnum() or c in " -_")
    return "".join(kept).replace(" ", "-")


def _section(section: Section) -> str:
    link = f"[`{section.file}`](../tests/standards/{section.file})"
    rows = [
        [
            requirement.number,
            requirement.text,
            requirement.specification,
            _status(requirement),
            _tests(requirement),
        ]
        for requirement in section.requirements
    ]
    head = ["", "requirement", "specification", "status", "tests"]
    return f"## {_heading(section)}\n\nTests: {link}\n\n{_table(head, rows)}"


def _status(requirement: Requirement) -> str:
    profile = requirement.profile
    status = requirement.status.value + (
        f' with `"PROFILE": "{profile}"`' if profile else ""
    )
    return f"{status}. {requirement.reason}" if requirement.reason else status


def _tests(requirement: Requirement) -> str:
    """Return the tests; of those here, the rows that bear the number."""
    return "<br>".join(
        f"`{test}`" if "/" in test else f"`{test}[{requirement.number}…]`"
        for test in requirement.tests
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n"
        for line in lines
    )


def main(arguments: list[str]) -> None:
    """Write the page, or print it for ``-``."""
    if arguments == ["-"]:
        sys.stdout.write(page())
        return
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
