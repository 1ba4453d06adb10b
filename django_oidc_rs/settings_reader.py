"""Reading a settings dict: every problem at once, each with its place and a hint."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Problem", "Section"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with the settings.

    ``id`` is the system check's number (``E002``); ``deploy`` marks advice that only
    ``check --deploy`` gives.
    """

    id: str
    message: str
    hint: str | None = None
    deploy: bool = False

    @property
    def is_error(self) -> bool:
        """Whether the settings cannot be used."""
        return self.id.startswith("E")


class Section:
    """One dict of the settings: typed reads that note problems instead of raising.

    Args:
        raw: the dict as written; anything else is a problem.
        place: how to name it, ``OIDC_RS["ISSUERS"]["default"]``.
        problems: the list problems go to, shared by all sections.
        keys: the keys that may stand there.
        defaults: values of keys that are not written, a profile's say.
    """

    def __init__(
        self,
        raw: object,
        *,
        place: str,
        problems: list[Problem],
        keys: Iterable[str],
        defaults: Mapping[str, object] | None = None,
    ) -> None:
        """Note unknown keys, with the nearest known one as a hint."""
        self.place = place
        self.problems = problems
        known = sorted(keys)
        if not isinstance(raw, Mapping):
            self.problem("E003", "must be a dict")
            raw = {}
        for key in raw:
            if key not in known:
                close = difflib.get_close_matches(str(key), known, n=1)
                self.problem(
                    "E002",
                    f"has an unknown key {key!r}",
                    hint=f"Did you mean {close[0]!r}?"
                    if close
                    else f"Known keys: {', '.join(known)}.",
                )
        self.values: dict[str, object] = {**(defaults or {}), **raw}
        self.written = frozenset(raw)

    def problem(
        self,
        problem_id: str,
        what: str,
        *,
        key: str | None = None,
        hint: str | None = None,
        deploy: bool = False,
    ) -> None:
        """Note that this section, or its ``key``, is not as it must be."""
        self.problems.append(
            Problem(
                id=problem_id,
                message=f"{self.at(key)} {what}.",
                hint=hint,
                deploy=deploy,
            )
        )

    def at(self, key: str | None) -> str:
        """Return the place of ``key``, as one would write it in Python."""
        return self.place if key is None else f"{self.place}[{key!r}]"

    def text(self, key: str) -> str | None:
        """Return a non-empty string, or None where there is none."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            self.problem("E003", "must be a non-empty string", key=key)
            return None
        return value

    def texts(self, key: str, *, bare: bool = False) -> tuple[str, ...] | None:
        """Return a list of non-empty strings; ``bare`` lets one string stand alone."""
        value = self.values.get(key)
        if value is None:
            return None
        if bare and isinstance(value, str):
            value = [value]
        if not isinstance(value, list | tuple | set | frozenset) or not all(
            isinstance(item, str) and item.strip() for item in value
        ):
            kind = "a string or a list" if bare else "a list"
            self.problem("E003", f"must be {kind} of non-empty strings", key=key)
            return None
        return tuple(value)

    def flag(self, key: str, default: bool) -> bool:  # noqa: FBT001 -- a default value
        """Return True or False."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            self.problem("E003", "must be True or False", key=key)
            return default
        return value

    def number(
        self,
        key: str,
        default: float,
        *,
        least: float,
        most: float,
        problem_id: str = "E011",
    ) -> float:
        """Return a number within bounds."""
        value = self.values.get(key, default)
        if type(value) is not int and type(value) is not float:
            self.problem("E003", "must be a number", key=key)
            return default
        if math.isnan(value) or not least <= value <= most:
            self.problem(
                problem_id, f"must lie between {least:g} and {most:g}", key=key
            )
            return default
        return value

    def mapping(self, key: str) -> dict[str, object]:
        """Return a dict with string keys; empty where there is none."""
        value = self.values.get(key, {})
        if not isinstance(value, Mapping) or not all(
            isinstance(name, str) for name in value
        ):
            self.problem("E003", "must be a dict with strings as keys", key=key)
            return {}
        return dict(value)

    def not_built(self, key: str, what: str) -> None:
        """Refuse a feature that this version does not have: ignoring it is worse."""
        self.problem(
            "E012",
            f"asks for {what}, which this version does not have",
            key=key,
            hint="Remove the setting.",
        )
