"""Where the time of one request goes: a clock around each step of ours.

A step's time is its own, without the steps it calls. The clocks are taken away again,
so that the whole request is timed without them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

from ..rounds import median
from . import Job

__all__ = ["STEPS", "Clocks", "attached", "make"]

_CORE = "django_oidc_rs.core"
_REST = "django_oidc_rs.rest_framework"
_DATABASE = "Django's cursor, and SQLite"
_USER = "finding the user, the rest"
_HOOKS = "hooks on the view"

# What is called "" is the bare view's as well, and is left out.
STEPS: tuple[tuple[str, str], ...] = (
    ("reading the header", f"{_CORE}.resource_server:parse_authorization"),
    ("parsing the token", f"{_CORE}.resource_server:parse_jws"),
    ("the signature", f"{_CORE}.jwk:VerificationKey.verify"),
    ("the claims", f"{_CORE}.jwt_validator:check_claims"),
    ("making the access token", f"{_CORE}.jwt_validator:to_access_token"),
    (_DATABASE, "django.db.backends.base.base:BaseDatabaseWrapper.cursor"),
    (_DATABASE, "django.db.backends.utils:CursorWrapper.execute"),
    (_DATABASE, "django.db.backends.utils:CursorWrapper.fetchone"),
    (_DATABASE, "django.db.backends.utils:CursorWrapper.__exit__"),
    ("the identity, from its row", "django_oidc_rs.users:find_identity"),
    ("the user, by Model.from_db", "django.contrib.auth.models:User.from_db"),
    (_USER, "django_oidc_rs.request:resolve_user"),
    (
        "authenticating, the rest",
        f"{_REST}.authentication:AccessTokenAuthentication.authenticate",
    ),
    (_HOOKS, f"{_REST}.authentication:install_hooks"),
    (_HOOKS, f"{_REST}.view_hooks:_ViewHooks.get_permissions"),
    ("", "rest_framework.views:APIView.get_permissions"),
    ("headers of the response", f"{_REST}.view_hooks:mark_private"),
)


class Clocks:
    """Nanoseconds by step, of what ran since ``spent`` was cleared."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.spent: defaultdict[str, int] = defaultdict(int)
        self._below = [0]

    def around(self, step: str, inner: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``inner`` with a clock."""
        spent, below, now = self.spent, self._below, time.perf_counter_ns

        def timed(*args: Any, **kwargs: Any) -> Any:
            below.append(0)
            start = now()
            try:
                return inner(*args, **kwargs)
            finally:
                took = now() - start
                spent[step] += took - below.pop()
                below[-1] += took

        return timed


@contextmanager
def attached(clocks: Clocks) -> Iterator[None]:
    """Put a clock around every step, for as long as this lasts."""
    with ExitStack() as stack:
        for step, path in STEPS:
            module, _, names = path.partition(":")
            owner: Any = import_module(module)
            *parents, name = names.split(".")
            for parent in parents:
                owner = getattr(owner, parent)
            mine = vars(owner).get(name)
            inner = getattr(owner, name, None) or _forwarded(owner, name)
            timed = clocks.around(step, inner)
            is_bound = hasattr(inner, "__self__")
            setattr(owner, name, staticmethod(timed) if is_bound else timed)
            if mine is None:
                stack.callback(delattr, owner, name)
            else:
                stack.callback(setattr, owner, name, mine)
        yield


def _forwarded(owner: Any, name: str) -> Callable[..., Any]:
    """Return a method that the instances of ``owner`` have of somebody else's.

    Raises:
        AttributeError: they have nothing of others: there is no such step.
    """
    forward = owner.__getattr__
    return lambda self, *args: forward(self, name)(*args)


def make(lane: dict[str, Any]) -> tuple[dict[str, Job], dict[str, Any]]:
    """Prove that the view is guarded; return two jobs that give medians, by name.

    In nanoseconds: ``steps`` every step, ``whole`` the ``bare`` and ``guarded`` view.
    """
    from .requests import Wire

    wire = Wire(lane)
    facts = wire.prove("/guarded")
    guarded = wire.caller("/guarded", authorized=True)
    bare = wire.caller("/bare", authorized=False)

    def steps(loops: int) -> Any:
        clocks, found = Clocks(), defaultdict(list)
        with attached(clocks):
            for number in range(2 * loops):
                clocks.spent.clear()
                guarded()
                # The first half is for the interpreter to get used to it.
                if number >= loops:
                    for step, spent in clocks.spent.items():
                        found[step].append(spent)
        return {step: median(spent) for step, spent in found.items() if step}

    def whole(loops: int) -> Any:
        return {"bare": _each(bare, loops), "guarded": _each(guarded, loops)}

    return {"steps": steps, "whole": whole}, facts


def _each(call: Callable[[], object], loops: int) -> float:
    taken = []
    for _ in range(2 * loops):
        start = time.perf_counter_ns()
        call()
        taken.append(time.perf_counter_ns() - start)
    return median(taken[loops:])
