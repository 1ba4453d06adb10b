"""Clearing the frames of an exception: with DEBUG, error pages show their locals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from traceback import clear_frames, walk_tb

__all__ = ["forget_locals", "forget_our_locals"]


def forget_locals(error: BaseException, outer: BaseException | None) -> None:
    """Clear the frames below, whose locals hold tokens and claims.

    ``outer`` is what the caller is handling: its frames are the caller's, and clearing
    the frame of a coroutine that waits would end it.
    """
    for each in _chain(error, outer):
        clear_frames(each.__traceback__)


def forget_our_locals(error: BaseException, outer: BaseException | None) -> None:
    """Clear the frames of this package alone: the project's may explain its fault."""
    for each in _chain(error, outer):
        for frame, _line in walk_tb(each.__traceback__):
            if str(frame.f_globals.get("__package__")).split(".")[0] == __package__:
                # A frame that still runs cannot be cleared.
                with suppress(RuntimeError):
                    frame.clear()


def _chain(
    error: BaseException | None, outer: BaseException | None
) -> Iterator[BaseException]:
    """Yield ``error`` and what led to it, each once, before ``outer``."""
    # Causes may go in a circle: ``raise error from error``.
    seen = {id(outer)}
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
