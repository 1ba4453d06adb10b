"""The grammar of the headers this package writes, read strictly.

A small parser of its own: a regular expression in the code under test must not be
judged by itself.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

__all__ = ["Challenge", "IllFormed", "directives", "list_members", "parse_challenge"]

# RFC 9110 section 5.6.2.
_TCHAR = frozenset("!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters)
# RFC 6750 section 3: %x20-21 / %x23-5B / %x5D-7E.
_TEXT = frozenset(map(chr, range(0x20, 0x7F))) - frozenset('"\\')
_ERRORS = {"invalid_request", "invalid_token", "insufficient_scope"}
_ONCE = {"realm", "scope", "error", "error_description", "error_uri"}


class IllFormed(AssertionError):
    """The text does not follow the grammar."""


@dataclass(frozen=True)
class Challenge:
    """One challenge: its scheme and its parameters, names in lower case."""

    scheme: str
    parameters: dict[str, str]


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    @property
    def left(self) -> bool:
        return self.at < len(self.text)

    def expect(self, literal: str) -> None:
        if not self.text.startswith(literal, self.at):
            raise IllFormed(f"{literal!r} expected at {self.at} of {self.text!r}")
        self.at += len(literal)

    def run(self, allowed: frozenset[str]) -> str:
        start = self.at
        while self.left and self.text[self.at] in allowed:
            self.at += 1
        return self.text[start : self.at]

    def token(self) -> str:
        token = self.run(_TCHAR)
        if not token:
            raise IllFormed(f"a token expected at {self.at} of {self.text!r}")
        return token

    def quoted(self) -> str:
        """Read a quoted-string; RFC 6750 leaves no character that needs an escape."""
        self.expect('"')
        text = self.run(_TEXT)
        self.expect('"')
        return text


def parse_challenge(value: str) -> Challenge:
    """Parse the value of WWW-Authenticate as exactly one RFC 6750 challenge."""
    reader = _Reader(value)
    scheme = reader.token()
    reader.expect(" ")
    parameters: dict[str, str] = {}
    while True:
        name = reader.token().lower()
        reader.expect("=")
        if name in parameters:
            raise IllFormed(f"{name} stands twice in {value!r}")
        parameters[name] = reader.quoted()
        if not reader.left:
            break
        reader.expect(", ")
    if scheme != "Bearer" or not set(parameters) <= _ONCE:
        raise IllFormed(value)
    if parameters.get("error", "invalid_token") not in _ERRORS:
        raise IllFormed(value)
    if "error_description" in parameters and "error" not in parameters:
        raise IllFormed(f"a description of no error: {value!r}")
    scopes = parameters.get("scope", "a").split(" ")
    if not all(scopes):
        raise IllFormed(f"scope tokens are separated by single spaces: {value!r}")
    return Challenge(scheme, parameters)


def list_members(value: str) -> list[str]:
    """Return the members of a comma-separated list of tokens, in lower case."""
    members = [member.strip(" \t") for member in value.split(",")]
    for member in members:
        if not member or not _TCHAR.issuperset(member):
            raise IllFormed(f"{member!r} in {value!r}")
    return [member.lower() for member in members]


def directives(value: str) -> set[str]:
    """Return the names of Cache-Control's directives. RFC 9111 section 5.2."""
    return {member.strip().partition("=")[0].lower() for member in value.split(",")}
