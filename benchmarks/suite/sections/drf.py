"""What a REST framework request pays for its authentication, contestant by contestant.

Each contestant's process has the same view twice, guarded and bare, so the difference
knows nothing of how its process happens to lie in memory.
"""

from __future__ import annotations

from operator import sub

from ..outcome import Chart, Goal, Section, Table
from ..remote import Lab, Worker
from ..rounds import Pace, interleave, median, paired

__all__ = ["CONTESTANTS", "run"]

CONTESTANTS = (
    "bare_verify",
    "ours_token",
    "ours_user",
    "ours_token_cached",
    "ours_user_cached",
    "minimum",
    "pyjwkclient",
    "simplejwt_token",
    "simplejwt_user",
    "simplejwt_pem",
    "drf_oidc_auth",
    "axioms",
    "oauth_toolkit",
    "mozilla",
)
_NEEDED = frozenset(("bare_verify", "ours_token", "ours_user"))
_TOKEN_ONLY = {"RS256": 2.5, "ES256": 1.6, "EdDSA": 1.5}
_OF_SIMPLEJWT = 0.35
# Microseconds of the machine the goals were set on, and of V, which any machine has.
_CACHE_HIT, _CACHE_HIT_OF_V = 10.0, 0.5


def run(lab: Lab, pace: Pace) -> Section:
    """Measure every contestant with every algorithm it knows."""
    section = Section("A REST framework request")
    skipped: dict[tuple[str, str], list[str]] = {}
    for algorithm in _TOKEN_ONLY:
        _run(lab, pace, algorithm, section, skipped)
        lab.dismiss()
    section.notes += [
        f"Skipped: {name} ({', '.join(algorithms)}): {why}"
        for (name, why), algorithms in skipped.items()
    ]
    section.notes.append(
        "Above bare: the guarded view less the same view without authentication, in "
        "the same process and round. V: what one bare `cryptography` verify adds to "
        "the view. Queries and outbound calls: of one request, in a warm process. "
        "mozilla-django-oidc has the issuer check the token, here over loopback; "
        "django-oauth-toolkit looks its own opaque token up and checks no signature."
    )
    return section


def _run(
    lab: Lab,
    pace: Pace,
    algorithm: str,
    section: Section,
    skipped: dict[tuple[str, str], list[str]],
) -> None:
    started = [lab.worker(name, algorithm.lower(), "drf") for name in CONTESTANTS]
    for worker in started:
        worker.settle()
        if worker.skip:
            if worker.name in _NEEDED:
                raise RuntimeError(f"{worker.name}: {worker.skip}")
            skipped.setdefault((worker.name, worker.skip), []).append(algorithm)
    workers = {worker.name: worker for worker in started if not worker.skip}
    runners = {
        (name, job): lambda loops, worker=worker, job=job: worker.run(job, loops)
        for name, worker in workers.items()
        for job in ("bare", "guarded")
    }
    samples = interleave(runners, pace)
    above = {
        name: paired(sub, samples[name, "guarded"], samples[name, "bare"])
        for name in workers
    }
    section.samples |= {
        f"{algorithm} {name} {job}": values for (name, job), values in samples.items()
    }
    guarded = {name: median(samples[name, "guarded"]) for name in workers}
    section.tables.append(_table(algorithm, workers, above, guarded))
    section.goals += _goals(algorithm, above)
    titles = {worker.hello["title"]: above[name] for name, worker in workers.items()}
    section.charts.append(
        Chart(f"{algorithm}: µs a request pays above the bare view", "µs", titles)
    )


def _table(
    algorithm: str,
    workers: dict[str, Worker],
    above: dict[str, float],
    guarded: dict[str, float],
) -> Table:
    columns = (
        algorithm,
        "request, µs",
        "above bare, µs",
        "/ V",
        "/ simplejwt with user",
        "queries",
        "outbound calls",
    )
    unit, simplejwt = above["bare_verify"], above.get("simplejwt_user")
    rows = []
    for name, worker in workers.items():
        cost, hello = above[name], worker.hello
        ratios = [cost / other if other else None for other in (unit, simplejwt)]
        counts = (f"{hello['queries']:g}", f"{hello['calls']:g}")
        rows.append((hello["title"], guarded[name], cost, *ratios, *counts))
    return Table(columns, rows)


def _goals(algorithm: str, above: dict[str, float]) -> list[Goal]:
    share = above["ours_token"] / above["bare_verify"]
    what = f"{algorithm}: token only above bare / V"
    goals = [Goal(what, share, _TOKEN_ONLY[algorithm])]
    for name, title in (("simplejwt_user", "key set"), ("simplejwt_pem", "pasted key")):
        if name in above:
            what = f"{algorithm}: local user / simplejwt with user, {title}"
            share = above["ours_user"] / above[name]
            goals.append(Goal(what, share, _OF_SIMPLEJWT))
    if "ours_token_cached" in above:
        cost = above["ours_token_cached"]
        goals += [
            Goal(f"{algorithm}: token cache hit, µs", cost, _CACHE_HIT),
            Goal(
                f"{algorithm}: token cache hit / V",
                cost / above["bare_verify"],
                _CACHE_HIT_OF_V,
            ),
        ]
    return goals
