"""JSON objects, strictly: UTF-8, unique members, finite numbers, bounded depth.

RFC 7515 section 4 and RFC 7519 section 4 let a parser refuse duplicate members; RFC
7493 (I-JSON) forbids lone surrogates. Parsers that differ on such texts are how one
token gets two meanings.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import NoReturn

__all__ = ["FrozenDict", "StrictJsonError", "freeze", "loads_frozen", "loads_object"]

_MAX_DEPTH = 32
_WHITESPACE = " \t\r\n"
_BRACKET = re.compile(r"[\[\]{}]")
# Possessive, and content with the end of the text: no input makes it look twice.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)


class StrictJsonError(ValueError):
    """The bytes are not one strict JSON object."""


class FrozenDict(dict[str, object]):
    """A dict that cannot change; ``json.dumps``, pickle and copy treat it as a dict."""

    __slots__ = ()

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError("verified claims cannot be changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> FrozenDict:
        """Return itself: nothing in it can change."""
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> FrozenDict:
        """Return itself: nothing below it can change either."""
        return self

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, object]]]:
        """Pickle as a call with a plain dict; the default would set items."""
        return FrozenDict, (dict(self),)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise StrictJsonError("duplicate member")
    return members


def _unique_frozen(pairs: list[tuple[str, object]]) -> FrozenDict:
    members = FrozenDict(pairs)
    if len(members) != len(pairs):
        raise StrictJsonError("duplicate member")
    return members


def _unique_frozen_arrays(pairs: list[tuple[str, object]]) -> FrozenDict:
    return _unique_frozen(
        [
            (name, _array(value)) if type(value) is list else (name, value)
            for name, value in pairs
        ]
    )


def _array(items: list[object]) -> tuple[object, ...]:
    return tuple([_array(item) if type(item) is list else item for item in items])


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise StrictJsonError("number out of range")
    return number


def _no_constant(text: str) -> NoReturn:
    raise StrictJsonError(f"{text} is no JSON")


def _decoder(
    hook: Callable[[list[tuple[str, object]]], dict[str, object]],
) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=hook, parse_float=_finite, parse_constant=_no_constant
    )


_plain, _frozen, _frozen_arrays = map(
    _decoder, (_unique, _unique_frozen, _unique_frozen_arrays)
)


def loads_object(data: bytes) -> dict[str, object]:
    """Parse ``data`` as one JSON object.

    Raises:
        StrictJsonError: not UTF-8, not JSON, not an object, a duplicate member, a
            non-finite number, an integer too long to parse, a lone surrogate, or
            nesting deeper than 32 levels.
    """
    value = _loads(data, _plain, _plain)
    if type(value) is not dict:
        raise StrictJsonError("not an object")
    return value


def loads_frozen(data: bytes) -> FrozenDict:
    """Do as ``loads_object``, and give what ``freeze`` would make of it."""
    # Most tokens have no array, and need no look at every value.
    value = _loads(data, _frozen, _frozen_arrays)
    if type(value) is not FrozenDict:
        raise StrictJsonError("not an object")
    return value


def _loads(
    data: bytes, decoder: json.JSONDecoder, for_arrays: json.JSONDecoder
) -> object:
    try:
        text = data.decode().strip(_WHITESPACE)
        arrays = "[" in text
        if arrays or text.find("{", 1) > 0:
            _check_depth(text)
        value, end = (for_arrays if arrays else decoder).raw_decode(text)
        if end != len(text):
            raise StrictJsonError("not JSON")
        if "\\" in text:
            # An escape may smuggle a lone surrogate past the UTF-8 decoder.
            json.dumps(value, ensure_ascii=False).encode()
    except StrictJsonError:
        raise
    except UnicodeError:
        raise StrictJsonError("not UTF-8") from None
    except ValueError:
        # JSONDecodeError and the integer-length guard (CVE-2020-10735) are ValueErrors.
        raise StrictJsonError("not JSON") from None
    return value


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the parser sees it.

    It recurses in C: a few thousand brackets end a process whose threads have small
    stacks, before any RecursionError.
    """
    if text.count("[") + text.count("{") <= _MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > _MAX_DEPTH:
            raise StrictJsonError("nested too deeply")


def freeze(members: Mapping[str, object]) -> FrozenDict:
    """Return ``members`` with every object a ``FrozenDict`` and every array a tuple.

    Raises:
        StrictJsonError: nested deeper than 32 levels.
    """
    return FrozenDict((name, _freeze(item, 1)) for name, item in members.items())


def _freeze(value: object, depth: int) -> object:
    if depth > _MAX_DEPTH:
        raise StrictJsonError("nested too deeply")
    if isinstance(value, dict):
        return FrozenDict(
            (name, _freeze(item, depth + 1)) for name, item in value.items()
        )
    if isinstance(value, list | tuple):
        return tuple(_freeze(item, depth + 1) for item in value)
    return value
