"""The part of ``benchmarks`` that asks an authorization server, timing nothing."""

import sys
from importlib import import_module, util
from pathlib import Path

import pytest

from benchmarks.contestants import Skip, introspection
from benchmarks.suite.remote import Issuer, Lab
from benchmarks.suite.sections.introspection import CONTESTANTS
from django_oidc_rs.conf import parse

MODULES = sorted(
    path.stem
    for path in Path(introspection.__file__).parent.glob("*.py")
    if not path.stem.startswith("_")
)
LANE = {
    "issuer": "http://127.0.0.1:1/one",
    "audience": "https://api.test",
    "database": "/nowhere/one.sqlite3",
    "redis": "redis://127.0.0.1:1/0",
}


def contestant(name):
    return import_module(f"benchmarks.contestants.introspection.{name}")


def test_every_contestant_has_its_file():
    assert sorted(CONTESTANTS) == MODULES


@pytest.mark.parametrize("name", MODULES)
def test_a_contestant_declares_itself(name):
    module = contestant(name)
    assert module.TITLE
    assert isinstance(module.MIDDLEWARE, list)
    assert isinstance(module.APPS, list)
    assert "ES256" in module.ALGORITHMS
    assert callable(module.guarded_view)
    assert all(key.isupper() for key in module.configure(LANE))
    package, _, attribute = module.AUTHENTICATION.rpartition(".")
    # The peers' own are not installed here; the suite has an environment for them.
    if util.find_spec(package.partition(".")[0]):
        assert hasattr(import_module(package), attribute)


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("ours")])
def test_our_settings_have_no_faults(name):
    made = contestant(name).configure(LANE)
    assert [one for one in parse(made["OIDC_RS"])[1] if one.is_error] == []


def test_without_a_redis_nobody_keeps_answers_there():
    with pytest.raises(Skip):
        contestant("ours_cached_redis").configure({**LANE, "redis": None})


def test_a_worker_proves_and_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "benchmarks.suite.settings")
    python = Path(sys.executable)
    lab = Lab(python, tmp_path)
    module = "benchmarks.suite.authorization_server"
    server = Issuer(python, tmp_path, module, "0", log="server.log")
    try:
        worker = lab.worker(
            "introspection.ours_hybrid",
            "es256",
            "introspection",
            users=10,
            issuer=f"{server.base}/one",
        )
        worker.settle()
        assert worker.skip is None
        assert worker.run("requests", 2) > 0
        worker.begin("calls", 100)
        assert worker.end() == {"requests": 10, "questions": 10}
        worker.begin("flood", 3)
        assert worker.end()["statuses"] == {"401": 3}
        worker.begin("revocation", 1)
        seen = worker.end()
        assert seen["GET"] is None
        assert seen["POST"] < 1
    finally:
        server.close()
        lab.close()
