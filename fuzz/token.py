"""Fuzz the whole of a token's validation, and its explanation.

The structure-aware half of the mutations signs anew, so that claims are reached.
Findings: an exception that is no ``InvalidToken``, a token accepted that no key of
ours signed or that is expired, two verdicts on one token, a log line out of control.
"""

from __future__ import annotations

from .harness import Target, instrumented, main

with instrumented(__name__):
    from django_oidc_rs.core.access_token import AccessToken
    from django_oidc_rs.core.errors import InvalidToken
    from django_oidc_rs.core.explain import explain

    from .issuers import SERVER
    from .mutators import resign
    from .oracle import demand, demand_good

__all__ = ["TARGET"]

_LONGEST_LOG_LINE = 250


def judge(raw_token: str) -> AccessToken | InvalidToken:
    """Return what the library makes of ``raw_token``."""
    try:
        return SERVER.validate(raw_token)
    except InvalidToken as error:
        return error


def run(data: bytes) -> None:
    """Try one token, in UTF-8 or not."""
    raw_token = data.decode("utf-8", "surrogateescape")
    verdict, explanation = judge(raw_token), explain(SERVER, raw_token)
    if isinstance(verdict, AccessToken):
        demand_good(raw_token, verdict)
        demand(explanation.access_token == verdict, "the explanation differs")
        return
    line = str(verdict)
    demand(line.isascii() and line.isprintable(), "a line of the log is out of control")
    demand(len(line) <= _LONGEST_LOG_LINE, "a line of the log is too long")
    error = explanation.error
    demand(
        error is not None
        and (error.code, error.claim, error.reason)
        == (verdict.code, verdict.claim, verdict.reason),
        "the explanation says another reason",
    )


TARGET = Target(name="token", run=run, mutate=resign)

if __name__ == "__main__":
    main(TARGET)
