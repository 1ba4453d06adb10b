"""What every target shares: the corpus, the limits, and the way into atheris.

A target is one function of bytes. It returns for everything the library is free to
accept or to refuse; whatever it raises is a finding. Only ``main`` needs atheris.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

__all__ = ["Finding", "Mutate", "Target", "corpus", "instrumented", "main", "try_out"]

_CORPUS = Path(__file__).parent / "corpus"
_FOUND = Path(__file__).parent.parent / "build" / "fuzz"

Mutate = Callable[[bytes, int], bytes]
"""Changes octets at random, up to a length: libFuzzer's own mutator, in a run."""


class Finding(AssertionError):
    """The library did what it promises never to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One way into the library.

    Attributes:
        name: of the module, and of its folder of the corpus.
        run: takes one input; raises for a finding.
        mutate: ``(data, random, mutate, max_size) -> data``, where the shape of the
            input is known; its result may be longer and is cut then.
        cpu_seconds: what one input may cost.
        max_length: of an input, in octets.
    """

    name: str
    run: Callable[[bytes], None]
    mutate: Callable[[bytes, Random, Mutate, int], bytes] | None = None
    cpu_seconds: float = 0.5
    max_length: int = 8192


def corpus(name: str) -> list[Path]:
    """Return the inputs that are kept for a target."""
    return sorted((_CORPUS / name).iterdir())


def try_out(target: Target, data: bytes) -> None:
    """Run ``target`` on one input.

    Raises:
        Finding: it took too much CPU time; or what ``target`` itself found.
    """
    # Measured once, because a second run may find in a cache what the first one paid
    # for; without collections, which are no fault of this input.
    gc.disable()
    try:
        start = time.process_time()
        target.run(data)
        spent = time.process_time() - start
    finally:
        gc.enable()
    if spent > target.cpu_seconds:
        raise Finding(f"{len(data)} octets took {spent:.1f} s of CPU time")


def instrumented(module_name: str) -> AbstractContextManager[object]:
    """Have atheris watch the library where it is imported in this context.

    Only where ``module_name`` is ``"__main__"``: tests import the targets as well.
    """
    if module_name != "__main__":
        return nullcontext()
    atheris: Any = import_module("atheris")
    watched = ["django_oidc_rs", "jwt", "email._parseaddr"]
    hook: AbstractContextManager[object] = atheris.instrument_imports(include=watched)
    return hook


def main(target: Target) -> None:
    """Fuzz ``target`` with the options of libFuzzer on the command line.

    New inputs and findings go to ``build/fuzz/``, and nowhere in the tree.
    """
    atheris: Any = import_module("atheris")
    found = _FOUND / target.name
    found.mkdir(parents=True, exist_ok=True)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        # Half of the time blindly: what nobody thought of is not in the structure.
        random = Random(seed)  # noqa: S311 -- of a fuzzer, not of a key
        if target.mutate is None or random.random() < 0.5:
            return bytes(atheris.Mutate(data, max_size))
        return target.mutate(data, random, atheris.Mutate, max_size)[:max_size]

    program, *given = sys.argv
    options = [option for option in given if option.startswith("-")]
    inputs = [option for option in given if not option.startswith("-")]
    arguments = [
        program,
        f"-max_len={target.max_length}",
        f"-timeout={60 * target.cpu_seconds:.0f}",
        f"-artifact_prefix={found}/finding-",
        *options,
        # A file given is one input to try again; else libFuzzer adds to the first.
        *(inputs or [str(_new_folder(found)), str(_CORPUS / target.name)]),
    ]
    atheris.Setup(arguments, lambda data: try_out(target, data), custom_mutator=mutate)
    atheris.Fuzz()


def _new_folder(found: Path) -> Path:
    folder = found / "corpus"
    folder.mkdir(exist_ok=True)
    return folder
