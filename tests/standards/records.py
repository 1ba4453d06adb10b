"""What a requirement is, and whether it is held."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = [
    "Requirement",
    "Section",
    "Status",
    "differs",
    "held",
    "not_applicable",
    "not_built",
]


class Status(Enum):
    """What becomes of a requirement in this package."""

    HELD = "held"
    NOT_APPLICABLE = "not applicable"
    NOT_BUILT = "not built"
    NOT_HELD = "not held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One thing that a specification wants of a resource server.

    Attributes:
        number: the section's letter and a number that is never given twice.
        specification: where to read it.
        text: what it wants, in one sentence.
        tests: functions of the section's file, or ``path::function`` below ``tests``.
            Their parameters' ids begin with the number, those of other paths do not.
        profile: the ``PROFILE`` under which it is held, if not under every one.
        reason: why it is not held, or what to know where it is.
    """

    number: str
    specification: str
    text: str
    status: Status
    tests: tuple[str, ...]
    profile: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The requirements of one subject, and the file whose tests hold them."""

    letter: str
    title: str
    file: str
    requirements: tuple[Requirement, ...]


def held(
    number: str,
    specification: str,
    text: str,
    *tests: str,
    profile: str = "",
    note: str = "",
) -> Requirement:
    """Return a requirement that ``tests`` hold; ``note`` says what else to know."""
    return Requirement(
        number=number,
        specification=specification,
        text=text,
        status=Status.HELD,
        tests=tests,
        profile=profile,
        reason=note,
    )


def not_applicable(
    number: str, specification: str, text: str, reason: str, *tests: str
) -> Requirement:
    """Return a requirement whose condition never arises here."""
    return Requirement(
        number=number,
        specification=specification,
        text=text,
        status=Status.NOT_APPLICABLE,
        tests=tests,
        reason=reason,
    )


def not_built(
    number: str, specification: str, text: str, reason: str, *tests: str
) -> Requirement:
    """Return a requirement of a feature that this version does not have."""
    return Requirement(
        number=number,
        specification=specification,
        text=text,
        status=Status.NOT_BUILT,
        tests=tests,
        reason=reason,
    )


def differs(
    number: str, specification: str, text: str, reason: str, *tests: str
) -> Requirement:
    """Return a requirement that is not held on purpose; ``tests`` pin what is."""
    return Requirement(
        number=number,
        specification=specification,
        text=text,
        status=Status.NOT_HELD,
        tests=tests,
        reason=reason,
    )
