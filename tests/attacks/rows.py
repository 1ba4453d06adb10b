"""The attack catalogue's numbers, by section, and which of them cannot be tried here.

A number stands for one kind of attack; every test's ID begins with its own. Numbers
that are in no section were never given.
"""

from __future__ import annotations

__all__ = ["NOT_APPLICABLE", "SECTIONS"]

SECTIONS: dict[int, tuple[int, ...]] = {
    # Algorithm and signature.
    1: (
        *(1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17),
        *(19, 20, 21, 22, 23, 25, 26, 27),
    ),
    # JOSE header injection.
    2: (28, 29, 31, 32, 33, 34, 35, 37, 38, 39, 40, 41, 43, 44, 45),
    # Token format and parsing.
    3: (46, 47, 49, 50, 51, 52, 53, 55, 56, 57, 58, 59, 61, 62, 63, 64),
    # Claims.
    4: (
        *(65, 67, 68, 69, 70, 71, 73, 74, 75, 76, 77, 79, 80),
        *(81, 82, 83, 85, 86, 87, 88, 89),
    ),
    # Keys, JWK Sets and metadata.
    6: (
        *(107, 109, 110, 111, 112, 113, 115, 116, 117, 118, 119),
        *(121, 122, 123, 124, 125, 127, 128, 129, 130, 131, 133, 134, 135, 136),
    ),
    # Introspection.
    7: (137, 139, 140, 141, 142, 143, 145, 146, 147, 148, 149, 151, 152),
}
"""Section -> the numbers of its rows; ``test_06_*.py`` hold those of section 6."""

NOT_APPLICABLE: dict[int, str] = {
    87: "One-time tokens are not built: nothing remembers the jti of a token.",
    89: "Status lists are not built: a status claim is not read, and nothing fetched.",
}
"""Number -> why no test can bear it, in one sentence."""
