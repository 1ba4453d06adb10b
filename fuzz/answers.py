"""An answer over HTTP as one text: header lines, a blank line, the body."""

from __future__ import annotations

from collections.abc import Mapping

from django_oidc_rs.core.http import FetchedDocument, FetchError

__all__ = ["Answers", "read_answer"]


def read_answer(data: bytes, *, url: str = "https://issuer.test/x") -> FetchedDocument:
    """Return the answer that ``data`` spells, as the HTTP client hands it on.

    Header names are lower-case, and values printable ASCII: the client sees to both.
    The body is what follows the last blank line.
    """
    head, _, body = data.rpartition(b"\n\n")
    headers = {}
    for line in head.decode("latin-1").split("\n"):
        name, _, value = line.partition(":")
        if value.isascii() and value.isprintable():
            headers[name.strip().lower()] = value.strip()
    return FetchedDocument(
        url=url, status=200, body=body, headers=headers, public_address=True
    )


class Answers:
    """A ``Fetch`` that gives prepared answers, in turn, and keeps what was asked."""

    def __init__(self, *answers: FetchedDocument | FetchError) -> None:
        """Take the answers; where they end, there is nobody any more."""
        self._answers = list(answers)
        self.asked: list[tuple[str, bool]] = []

    def __call__(
        self,
        url: str,
        *,
        trusted_address: bool,
        headers: Mapping[str, str] | None = None,
    ) -> FetchedDocument:
        """Return the next answer, or raise it."""
        del headers
        self.asked.append((url, trusted_address))
        answer = self._answers.pop(0) if self._answers else FetchError("dns")
        if isinstance(answer, FetchError):
            raise answer
        return answer
