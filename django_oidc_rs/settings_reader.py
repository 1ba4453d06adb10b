"""Reading a settings dict: every problem at once, each with its place and a hint."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from inspect import isasyncgenfunction, isgeneratorfunction
from types import MappingProxyType
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.utils.module_loading import import_string

from .core.access_token import AccessToken
from .core.errors import excerpt

__all__ = ["Problem", "Section", "is_plain"]


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

    def __str__(self) -> str:
        """Say it as ``manage.py check`` does, the hint on a line of its own."""
        hint = f"\n    HINT: {self.hint}" if self.hint else ""
        return f"django_oidc_rs.{self.id}: {self.message}{hint}"


_PATH = "Write the dotted path of a function that takes an access token."


def is_plain(value: object) -> bool:
    """Whether ``value`` is a string that is what it looks like.

    Not empty, no white space around it, no invisible characters in it.
    """
    return (
        isinstance(value, str) and value.isprintable() and value == value.strip() > ""
    )


def _yields(function: object) -> bool:
    return isgeneratorfunction(function) or isasyncgenfunction(function)


class Section:
    """One dict of the settings: typed reads that note problems instead of raising.

    A value that is written but cannot be used is always a problem, None included: it
    is what ``os.environ.get`` leaves where a variable is missing.

    Args:
        raw: the dict as written; anything else is a problem.
        place: how to name it, ``OIDC_RS["ISSUERS"]["default"]``.
        problems: the list problems go to, shared by all sections.
        keys: the keys that may stand there.
        elsewhere: keys that belong somewhere else, and where.
        hint: what to write where ``raw`` is no dict.

    Attributes:
        values: what holds: the written values, over those of a profile.
        written: the keys that were written.
    """

    def __init__(
        self,
        raw: object,
        *,
        place: str,
        problems: list[Problem],
        keys: Iterable[str],
        elsewhere: Mapping[str, str] = MappingProxyType({}),
        hint: str | None = None,
    ) -> None:
        """Note unknown keys, with the nearest known one as a hint."""
        self.place = place
        self.problems = problems
        if not isinstance(raw, Mapping):
            what = f"must be a dict, not {type(raw).__name__}"
            self.problem("E003", what, hint=hint)
            raw = {}
        known = sorted(keys)
        for key in raw:
            if key not in known:
                written = excerpt(key)
                word = written.strip("'").upper()
                close = difflib.get_close_matches(word, known, n=1)
                self.problem(
                    "E002",
                    f"has an unknown key {written}",
                    hint=_hint(close, elsewhere.get(word), known),
                )
        self.values: dict[str, object] = dict(raw)
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

    def wrong(self, key: str, must: str, hint: str | None = None) -> None:
        """Note that the value of ``key`` is not of the kind it must be."""
        if self.values.get(key) is None:
            self.problem(
                "E003",
                f"is None, but must be {must}",
                key=key,
                hint="Leave the key out to have its default. A missing environment "
                "variable is the usual cause.",
            )
        else:
            self.problem("E003", f"must be {must}", key=key, hint=hint)

    def text(self, key: str) -> str | None:
        """Return a string, or None where there is none."""
        values = self._plain(key, [self.values.get(key)], "a non-empty string")
        return values[0] if values else None

    def texts(
        self, key: str, *, bare: bool = False, ordered: bool = False
    ) -> tuple[str, ...] | None:
        """Return a list of strings, or None where there is none.

        ``bare`` lets one string stand alone; ``ordered`` refuses sets, whose order
        differs from process to process.
        """
        value = self.values.get(key)
        if bare and isinstance(value, str):
            value = [value]
        kinds = (list, tuple) if ordered else (list, tuple, set, frozenset)
        return self._plain(
            key,
            list(value) if isinstance(value, kinds) else [None],
            f"{'a string or ' if bare else ''}a list of non-empty strings",
        )

    def _plain(
        self, key: str, values: list[object], must: str
    ) -> tuple[str, ...] | None:
        if key not in self.values:
            return None
        texts = tuple(text for text in values if isinstance(text, str) and text.strip())
        if len(texts) < len(values):
            self.wrong(key, must)
            return None
        if not all(map(is_plain, texts)):
            self.problem(
                "E003",
                "has blanks around it, or invisible characters in it",
                key=key,
                hint="What a file or a web page left there makes comparisons fail.",
            )
            return None
        return texts

    def flag(self, key: str, default: bool) -> bool:  # noqa: FBT001 -- a default value
        """Return True or False."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            self.wrong(key, "True or False")
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
        """Return a number within bounds, which no infinity and no NaN is."""
        value = self.values.get(key, default)
        if type(value) is not int and type(value) is not float:
            self.wrong(key, "a number")
            return default
        if not least <= value <= most:
            self.problem(
                problem_id,
                f"is {excerpt(value)}, but must lie between {least:.10g} and "
                f"{most:.10g}",
                key=key,
            )
            return default
        return value

    def mapping(self, key: str, hint: str | None = None) -> dict[str, object] | None:
        """Return a dict with strings as keys, empty where there is none.

        None where there is something else; the problem is noted.
        """
        value = self.values.get(key, {})
        if not isinstance(value, Mapping) or not all(
            isinstance(name, str) for name in value
        ):
            self.wrong(key, "a dict with strings as keys", hint)
            return None
        return dict(value)

    def section(self, key: str, keys: Iterable[str]) -> Section:
        """Return the section below ``key``; an empty one where there is none."""
        return Section(
            self.values.get(key, {}),
            place=self.at(key),
            problems=self.problems,
            keys=keys,
        )

    def function(
        self, key: str, path: str, *, hint: str | None = None
    ) -> Callable[[AccessToken], Any] | None:
        """Return the function at the dotted ``path``; None where it is of no use."""
        try:
            function: Any = import_string(path)
        except Exception as error:  # noqa: BLE001 -- a module may raise anything
            self.problem(
                "E015",
                f"names {path}, which cannot be imported: "
                f"{type(error).__name__}: {error}",
                key=key,
                hint=hint or _PATH,
            )
            return None
        if not callable(function) or isinstance(function, type):
            self.problem(
                "E015", f"names {path}, which is no function", key=key, hint=_PATH
            )
            return None
        called = (function, type(function).__call__)
        if any(map(iscoroutinefunction, called)) or any(map(_yields, called)):
            # Calling it would run none of its lines, and so refuse nobody.
            self.problem(
                "E015",
                f"names {path}, which must be neither async nor a generator",
                key=key,
                hint="Write a plain function: for async views it runs in a thread.",
            )
            return None
        return function  # type: ignore[no-any-return]


def _hint(close: list[str], elsewhere: str | None, known: list[str]) -> str:
    if elsewhere is not None:
        return f"It belongs into {elsewhere}."
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known keys: {', '.join(known)}."
