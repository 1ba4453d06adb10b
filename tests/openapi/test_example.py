"""The example API's description, and schemathesis looking for what it leaves out."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import schemathesis

from django_oidc_rs.core.issuers import IssuerPolicy
from django_oidc_rs.testing import FakeIssuer

ROOT = Path(__file__).parents[2]
MANAGE = ROOT / "example_project" / "manage.py"
SECONDS = 120
AUDIENCE = "https://orders.example/"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
# Nobody listens there.
DOWN = "http://127.0.0.1:1"
PREPARE = """
import os
from django.contrib.auth.models import User
from django.core.management import call_command
from django_oidc_rs.models import FederatedIdentity
call_command("migrate", verbosity=0)
carol = User.objects.create(username="carol", is_staff=True)
FederatedIdentity.objects.link(os.environ["EXAMPLE_ISSUER"], "carol", carol)
options = ["--validate", "--fail-on-warn", "--format", "openapi-json"]
call_command("spectacular", *options, "--file", "schema.json")
"""


def environment(state, issuer):
    made = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "api.settings",
        "EXAMPLE_AUDIENCE": AUDIENCE,
        "EXAMPLE_ISSUER": issuer,
        "EXAMPLE_STATE": str(state),
        "PYTHONPATH": os.pathsep.join((str(ROOT), *filter(None, sys.path))),
    }
    made.pop("COVERAGE_PROCESS_START", None)
    return made


def issuer_of(identifier):
    return FakeIssuer(
        IssuerPolicy(
            alias="default",
            issuer=identifier,
            audience=frozenset((AUDIENCE,)),
            algorithms=frozenset(("ES256",)),
        )
    )


@contextmanager
def serving_issuer():
    """Serve a fake issuer's metadata, keys and introspection on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            url = issuer.issuer + self.path
            known = issuer.knows(url)
            self.send_response(200 if known else 404)
            self.end_headers()
            if known:
                self.wfile.write(issuer.fetch(url, trusted_address=True).body)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = issuer.introspection.post(
                issuer.issuer + self.path, body=body, headers={}, trusted_address=True
            )
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["content-type"])
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = issuer_of(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def serving_api(state, issuer):
    """Serve the example's API in a process of its own; yield its address."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    with (state / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, MANAGE, "runserver", "--noreload", f"127.0.0.1:{port}"],
            env=environment(state, issuer),
            cwd=state,
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + SECONDS
        address = f"http://127.0.0.1:{port}"
        while not answers(f"{address}/health/"):
            assert process.poll() is None, Path(log.name).read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.URLError:
        return False


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """Both APIs, one of an issuer that is down, and the description as a file."""
    state = tmp_path_factory.mktemp("example")
    with ExitStack() as stack:
        issuer = stack.enter_context(serving_issuer())
        prepared = subprocess.run(
            [
                *(sys.executable, MANAGE, "shell", "--no-imports", "-c"),
                PREPARE,
            ],
            env=environment(state, issuer.issuer),
            cwd=state,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert prepared.returncode == 0, prepared.stdout + prepared.stderr
        apis = {
            each.issuer: stack.enter_context(serving_api(state, each.issuer))
            for each in (issuer, issuer_of(DOWN))
        }
        yield state, issuer, apis


def test_operations_demand_what_they_do(example):
    state, _, _ = example
    described = json.loads((state / "schema.json").read_text())
    assert {
        f"{method} {path}": [each["accessToken"] for each in operation["security"]]
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    } == {
        "get /orders/": [["orders:read"]],
        "post /orders/": [["orders:write"]],
        "get /orders/{id}/": [["orders:read"]],
        "put /orders/{id}/": [["orders:write"]],
        "patch /orders/{id}/": [["orders:write"]],
        "delete /orders/{id}/": [["orders:write"]],
        "get /me/": [[]],
        "get /admin/orders/": [["orders:admin"]],
        "post /imports/": [["orders:import"]],
    }


def test_the_description_is_served(example):
    state, issuer, apis = example
    request = urllib.request.Request(
        f"{apis[issuer.issuer]}/schema/",
        headers={"Accept": "application/vnd.oai.openapi+json"},
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        served = json.load(answer)
    assert served["paths"] == json.loads((state / "schema.json").read_text())["paths"]


def scoped(*names):
    return [f"orders:{name}" for name in names]


STAFF = ("carol", scoped("read", "write", "admin"))
MACHINE = ("test-client", scoped("import"))
# Who calls, how much is tried, which statuses must have been seen.
TRIES = [
    (
        "staff",
        STAFF,
        ["--max-examples=12", "--exclude-path=/imports/"],
        {200, 201, 204, 400, 404},
    ),
    ("machine", MACHINE, ["--max-examples=8", "--include-path=/imports/"], {201, 400}),
]


@pytest.mark.parametrize(
    ("caller", "options", "expected"),
    [pytest.param(*row[1:], id=row[0]) for row in TRIES],
)
def test_schemathesis_finds_nothing_that_is_not_described(
    example, tmp_path, caller, options, expected
):
    state, issuer, apis = example
    run = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("run", state / "schema.json", "--url", apis[issuer.issuer]),
            *("--header", f"Authorization: Bearer {issuer.access_token(*caller)}"),
            *("--checks", ",".join(CHECKS), "--phases=fuzzing", "--seed=1"),
            *("--generation-database=none", "--warnings=off", "--no-color"),
            *("--report=har", "--report-har-path=run.har", *options),
        ],
        cwd=tmp_path,
        env=environment(state, issuer.issuer),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    entries = json.loads((tmp_path / "run.har").read_text())["log"]["entries"]
    seen = {entry["response"]["status"] for entry in entries}
    print(f"{len(entries)} requests: {sorted(seen)}")
    assert seen >= expected


# Who calls whom, and what each operation answers.
REFUSALS = [
    ("nobody", None, False, {401}),
    ("malformed", "Bearer", False, {400}),
    ("invalid", "Bearer x", False, {401}),
    ("unknown", "Bearer x7Qb2kP9LmZ4vT1nR8sW3yC6dF0gHj", False, {401}),
    ("no scope", ("carol", []), False, {200, 403}),
    ("issuer down", ("carol", []), True, {503}),
]


@pytest.mark.parametrize(
    ("caller", "is_down", "expected"),
    [pytest.param(*row[1:], id=row[0]) for row in REFUSALS],
)
def test_schemathesis_knows_every_refusal(example, caller, is_down, expected):
    state, issuer, apis = example
    issuer = issuer_of(DOWN) if is_down else issuer
    if isinstance(caller, tuple):
        caller = f"Bearer {issuer.access_token(*caller)}"
    headers = {} if caller is None else {"Authorization": caller}
    checks = [getattr(schemathesis.checks, name) for name in CHECKS[1:]]
    described = schemathesis.openapi.from_path(state / "schema.json")
    seen = []
    for found in described.get_all_operations():
        operation = found.ok()
        parts = {"path_parameters": {"id": 1}} if "{" in operation.path else {}
        if operation.body:
            parts |= {"body": {"item": "x"}, "media_type": "application/json"}
        case = operation.Case(**parts)
        answer = case.call(base_url=apis[issuer.issuer], headers=headers)
        case.validate_response(answer, checks=checks)
        seen.append(answer.status_code)
    assert len(seen) == 9
    assert set(seen) == expected
