"""The parts of ``benchmarks`` that measure nothing: no test here times anything."""

import itertools
import json
import operator
import subprocess
import sys
from importlib import import_module, util
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.__main__ import is_whole
from benchmarks.outage.__main__ import is_whole as is_whole_outage
from benchmarks.outage.outcome import Outcome
from benchmarks.outage.report import About
from benchmarks.outage.report import as_markdown as as_outage_page
from benchmarks.outage.scenarios import SCENARIOS
from benchmarks.suite import chart, jobs, load, report, rounds
from benchmarks.suite.jobs import profile
from benchmarks.suite.outcome import Chart, Goal, Section, Table
from benchmarks.suite.place import COMMITTED, TRIED, place
from benchmarks.suite.remote import Lab
from benchmarks.suite.sections import drf
from django_oidc_rs.conf import parse

ROOT = Path(drf.__file__).parents[3]
CONTESTANTS = Path(drf.__file__).parents[2] / "contestants"
MODULES = sorted(
    path.stem for path in CONTESTANTS.glob("*.py") if not path.stem.startswith("_")
)
WRK = """Running 3s test @ http://127.0.0.1:1/
  1 threads and 8 connections
  Latency Distribution
     50%    1.92ms
     99%    3.50ms
  1200 requests in 3.00s, 200KB read
Requests/sec:    400.25
"""


def section():
    return Section(
        "A section",
        tables=[
            Table(("who", "µs", "ratio"), [("ours", 1234.5, 0.5), ("x", 2.0, None)])
        ],
        goals=[Goal("quick", 1.5, 2.0), Goal("flat", 0.5, 0.6, most=False)],
        charts=[Chart("Bars <&>", "µs", {"django-oidc-rs": 2.0, "a": 3.0, "b": 90.0})],
        notes=["A note."],
        samples={"ours": [1.23456]},
    )


def test_turns_are_taken_in_an_order_that_is_reversed_every_other_round():
    turns = []

    def runner(name, nanoseconds):
        def run(loops):
            turns.append(name)
            return nanoseconds * loops

        return run

    pace = rounds.Pace(rounds=3, turn=0.001, repeats=1, load=1)
    samples = rounds.interleave({"a": runner("a", 1000), "b": runner("b", 4000)}, pace)
    assert turns[-6:] == ["a", "b", "b", "a", "a", "b"]
    assert samples == {"a": [1.0] * 3, "b": [4.0] * 3}


def test_rounds_are_compared_pair_by_pair():
    slowed = [1.0, 10.0, 1.0], [2.0, 20.0, 2.0]
    assert rounds.paired(lambda one, two: two / one, *slowed) == 2.0
    assert rounds.median([3.0, 1.0, 2.0]) == 2.0


def test_the_markdown_has_the_goals_first_and_every_row():
    text = report.as_markdown({"date": "today"}, [section()])
    assert text.index("| quick | <= 2 | 1.50 | met |") < text.index("## A section")
    assert "| flat | >= 0.6 | 0.50 | **missed** |" in text
    assert "| ours | 1,234 | 0.50 |" in text
    assert "| x | 2.00 |  |" in text
    assert "A note." in text


def test_the_json_keeps_the_samples():
    made = json.loads(json.dumps(report.as_json({"date": "today"}, {"one": section()})))
    assert made["sections"]["one"]["samples"] == {"ours": [1.235]}
    assert [goal["met"] for goal in made["sections"]["one"]["goals"]] == [True, False]


def test_the_chart_is_well_formed_and_cuts_the_bar_that_would_press_the_others_flat():
    root = ElementTree.fromstring(chart.as_svg(section().charts))
    rects = [one for one in root if one.tag.endswith("rect")][1:]
    widths = [float(one.get("width")) for one in rects]
    texts = {one.text for one in root if one.tag.endswith("text")}
    assert widths[0] < widths[1] < widths[2] < 2 * widths[1]
    assert {"Bars <&>", "django-oidc-rs", "90 µs"} <= texts
    assert len([one for one in root if one.tag.endswith("path")]) == 1


@pytest.mark.parametrize(
    ("quick", "only", "whole"),
    [
        (False, None, True),
        (False, ["introspection"], True),
        (True, None, False),
        (True, ["introspection"], False),
        (False, ["drf"], False),
        (False, ["drf", "introspection"], False),
    ],
)
def test_a_run_is_whole_if_no_file_lacks_figures(quick, only, whole):
    assert is_whole(quick=quick, only=only) is whole


def test_only_a_whole_run_replaces_what_is_committed(tmp_path):
    assert place(None, whole=True) == COMMITTED
    assert place(None, whole=False) == TRIED
    assert place(tmp_path, whole=False) == place(tmp_path, whole=True) == tmp_path
    assert ROOT / "benchmarks" / "results" == COMMITTED
    assert ".cache/" in (ROOT / ".gitignore").read_text().split()
    assert TRIED.is_relative_to(ROOT / ".cache")


@pytest.mark.parametrize(
    "less", [{}, {"quick": True}, {"ours_only": True}, {"scenario": ["down"]}]
)
def test_an_outage_run_is_whole_if_nothing_was_left_out(less):
    options = {"quick": False, "ours_only": False, "scenario": [], **less}
    assert is_whole_outage(SimpleNamespace(**options)) is (not less)


def test_the_page_of_outages_says_where_and_with_what_it_was_made():
    found = Outcome(fetches=6)
    found.exactly("answers", 0, 0)
    outcomes = {"django-oidc-rs": {"cold-down": found}, "simplejwt": {}}
    about = About(
        run={"date": "today", "commit": "abc+"},
        ours={"Python": "3.11.7"},
        others={"django": "5.2.19"},
    )
    chosen = [one for one in SCENARIOS if one.name == "cold-down"]
    page = as_outage_page(about, chosen, outcomes)
    assert "date today, commit abc+." in page
    assert "with Python 3.11.7; the others with django 5.2.19." in page
    assert "then recovery | 6 / 0 % / 0 ms |  |" in page
    assert "| cold-down | answers | = 0 | 0 | met |" in page


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [(["--help"], 0, "--ours-only"), ([], 2, 'pip install -e ".[bench]"')],
)
def test_outages_in_a_python_without_packages(arguments, status, text):
    # -S: no site-packages.
    command = [sys.executable, "-E", "-S", "-m", "benchmarks.outage", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status
    assert text in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_turn_that_was_interrupted_is_taken_again(monkeypatch):
    # The third turn passes without a switch.
    counts = iter([0, 1, 1, 2, 2, 2])
    usage = SimpleNamespace(
        RUSAGE_SELF=0,
        getrusage=lambda who: SimpleNamespace(ru_nivcsw=next(counts)),
    )
    monkeypatch.setattr(jobs, "resource", usage)
    turns = iter([50, 90, 70])
    assert jobs.undisturbed(lambda loops: loops * next(turns))(10) == 700


def test_where_no_turn_is_quiet_the_shortest_counts(monkeypatch):
    counts = itertools.count()
    usage = SimpleNamespace(
        RUSAGE_SELF=0,
        getrusage=lambda who: SimpleNamespace(ru_nivcsw=next(counts)),
    )
    monkeypatch.setattr(jobs, "resource", usage)
    turns = itertools.cycle([90, 50, 70, 80])
    assert jobs.undisturbed(lambda loops: loops * next(turns))(10) == 500


def test_a_step_is_timed_without_those_it_calls(monkeypatch):
    ticks = itertools.count(step=10)
    clock = SimpleNamespace(perf_counter_ns=lambda: next(ticks))
    monkeypatch.setattr(profile, "time", clock)
    clocks = profile.Clocks()
    inner = clocks.around("inner", lambda number: number + 1)
    outer = clocks.around("outer", lambda number: inner(inner(number)))
    assert outer(1) == 3
    assert clocks.spent == {"inner": 20, "outer": 30}


def test_clocks_are_put_around_every_step_and_taken_away():
    def found():
        for _step, path in profile.STEPS:
            module, _, names = path.partition(":")
            *parents, name = names.split(".")
            owner = import_module(module)
            for parent in parents:
                owner = getattr(owner, parent)
            yield vars(owner).get(name)

    before = list(found())
    with profile.attached(profile.Clocks()):
        assert not any(map(operator.is_, before, found()))
    assert all(map(operator.is_, before, found()))


def test_what_wrk_says():
    assert load.parse(WRK) == load.Load(rate=400.25, p99=3.5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        WRK.replace("400.25", "0.00"),
        f"{WRK}  Non-2xx or 3xx responses: 7\n",
    ],
)
def test_a_load_that_was_refused_is_no_figure(text):
    with pytest.raises(RuntimeError):
        load.parse(text)


@pytest.fixture(scope="module")
def lane():
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {
        "issuer": "http://127.0.0.1:1/es256",
        "audience": "https://api.test",
        "algorithm": "ES256",
        "public_key": pem.decode(),
        "tokens": [],
        "subjects": ["user-0000500"],
    }


def test_every_contestant_of_the_table_has_its_file():
    assert set(drf.CONTESTANTS) | {"bare"} == set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_a_contestant_declares_itself(name, lane):
    contestant = import_module(f"benchmarks.contestants.{name}")
    assert contestant.TITLE
    assert isinstance(contestant.MIDDLEWARE, list)
    assert isinstance(contestant.APPS, list)
    assert lane["algorithm"] in contestant.ALGORITHMS
    assert all(key.isupper() for key in contestant.configure(lane))
    # The peers' own are not installed here; the suite has an environment for them.
    module, _, attribute = (contestant.AUTHENTICATION or "").rpartition(".")
    if module and util.find_spec(module.partition(".")[0]):
        assert hasattr(import_module(module), attribute)


@pytest.mark.parametrize("name", ["ours_token", "ours_user"])
def test_our_settings_have_no_faults(name, lane):
    made = import_module(f"benchmarks.contestants.{name}").configure(lane)
    assert [one for one in parse(made["OIDC_RS"])[1] if one.is_error] == []


def test_a_worker_proves_what_it_measures(tmp_path):
    lab = Lab(Path(sys.executable), tmp_path)
    try:
        worker = lab.worker("ours_user", "es256", "drf", users=10)
        worker.settle()
        assert worker.skip is None
        # Nobody was let in with a forged token, or it would not have said hello.
        assert (worker.hello["queries"], worker.hello["calls"]) == (1.0, 0.0)
        assert worker.run("guarded", 2) > 0
    finally:
        lab.close()
