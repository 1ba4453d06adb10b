"""The house rules: what may import what, and what is never called."""

from __future__ import annotations

import ast
import graphlib
import importlib.util
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import django_oidc_rs

PACKAGE = "django_oidc_rs"
ROOT = Path(django_oidc_rs.__file__).parent

# Each layer of the core may import those before it, and its own without a circle.
LAYERS = (
    ("errors", "clock", "base64url", "strict_json", "scopes", "weak_keys", "ecdsa"),
    (
        "retry_after",
        "addresses",
        "transport",
        "line_adapter",
        "http_policy",
        "http_body",
        "http",
    ),
    ("credentials", "challenges", "access_token", "jwk"),
    ("client_assertion", "client_authentication"),
    ("jws", "issuers", "metadata"),
    ("token_kind", "project_validators", "token_cache"),
    ("claims", "keys"),
    ("jwt_validator", "breaker", "signed_answer"),
    ("introspection",),
    ("answers",),
    ("introspection_validator",),
    ("resource_server",),
    ("explain",),
)
RANK = {module: rank for rank, layer in enumerate(LAYERS) for module in layer}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join((PACKAGE, *(part for part in parts if part != "__init__")))


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def statements(tree):
    """Yield every node that runs, leaving out imports for the type checker alone."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        todo.extend(
            child for child in ast.iter_child_nodes(node) if not is_type_checking(child)
        )


class Module:
    """One file of the package and the modules it imports when it runs."""

    def __init__(self, path):
        self.name = module_name(path)
        self.in_core = self.name.startswith(f"{PACKAGE}.core.")
        self.tree = ast.parse(path.read_text("utf-8"))
        package = self.name if path.stem == "__init__" else self.name.rpartition(".")[0]
        self.imports = set()
        for node in statements(self.tree):
            if isinstance(node, ast.Import):
                self.imports.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                source = "." * node.level + (node.module or "")
                source = importlib.util.resolve_name(source, package)
                self.imports.update(
                    name if (name := f"{source}.{alias.name}") in NAMES else source
                    for alias in node.names
                )

    @property
    def ours(self):
        """Modules of this package that this one imports."""
        return {name for name in self.imports if name in NAMES}

    def imports_any(self, *packages):
        return {
            name
            for name in self.imports
            if any(name == each or name.startswith(f"{each}.") for each in packages)
        }

    def room(self):
        """The module of the core this belongs to: ``keys`` for all of ``core.keys``."""
        return self.name.split(".")[2]


PATHS = sorted(ROOT.rglob("*.py"))
NAMES = {module_name(path) for path in PATHS}
MODULES = {module.name: module for module in map(Module, PATHS)}
CORE = [module for module in MODULES.values() if module.in_core]


def run(code):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
    ).stdout


def test_the_rules_look_at_the_whole_package():
    assert {"conf", "wiring", "request", "core.claims", "core.keys.ring"} <= {
        name.removeprefix(f"{PACKAGE}.") for name in MODULES
    }


def test_the_core_runs_without_django():
    """With Django and REST framework out of reach, every module of the core loads."""
    names = [module.name for module in CORE]
    out = run(
        f"""
        import importlib, sys

        class Blocked:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("django", "rest_framework"):
                    raise ImportError(name + " is out of reach")

        sys.meta_path.insert(0, Blocked())
        for name in {names!r}:
            importlib.import_module(name)
        print("django" in sys.modules or "rest_framework" in sys.modules)
        """
    )
    assert out.split() == ["False"]


def test_the_top_level_imports_nothing():
    out = run(
        f"""
        import sys
        before = set(sys.modules)
        import {PACKAGE}
        print(*sorted(set(sys.modules) - before))
        """
    )
    assert out.split() == [PACKAGE]


def test_the_test_kit_loads_nothing_before_django_is_set_up():
    out = run(
        f"""
        import sys
        import {PACKAGE}.testing, {PACKAGE}.testing.plugin, {PACKAGE}.testing.signing
        print("django" in sys.modules)
        """
    )
    assert out.split() == ["False"]


@pytest.mark.parametrize("module", CORE, ids=lambda module: module.name)
def test_the_core_knows_no_django(module):
    assert not module.imports_any("django", "rest_framework", "asgiref")
    outside = {name for name in module.ours if not name.startswith(f"{PACKAGE}.core")}
    # The version, for the User-Agent: the package itself imports nothing.
    assert outside <= {PACKAGE}


@pytest.mark.parametrize("module", CORE, ids=lambda module: module.name)
def test_layers_of_the_core_run_one_way(module):
    for name in module.ours - {PACKAGE, f"{PACKAGE}.core"}:
        assert RANK[MODULES[name].room()] <= RANK[module.room()], name


def test_every_module_of_the_core_has_a_layer():
    assert {module.room() for module in CORE} == set(RANK)


def test_imports_have_no_circles():
    graph = {name: module.ours for name, module in MODULES.items()}
    # A package and what it re-exports belong together.
    for name, imported in graph.items():
        imported.discard(name.rpartition(".")[0])
        imported.discard(name)
    list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", MODULES.values(), ids=lambda module: module.name)
def test_who_imports_whom(module):
    kit, adapter = f"{PACKAGE}.testing", f"{PACKAGE}.rest_framework"
    if not module.name.startswith(kit):
        assert not module.imports_any(kit)
    if not module.name.startswith(adapter):
        assert not module.imports_any(adapter, "rest_framework")
    assert not module.imports_any("drf_spectacular") or (
        module.name == f"{adapter}.schema"
    )
    # Signature primitives alone, where keys are; the kit must not share our mistakes.
    jwt = {"jwt.algorithms", "jwt.exceptions"}
    keys = {f"{PACKAGE}.core.ecdsa", f"{PACKAGE}.core.jwk"}
    assert module.imports_any("jwt") <= (jwt if module.name in keys else set())


@pytest.mark.parametrize("module", MODULES.values(), ids=lambda module: module.name)
def test_pyjwt_neither_decodes_nor_fetches(module):
    for node in ast.walk(module.tree):
        assert getattr(node, "id", None) != "PyJWKClient"
        assert getattr(node, "attr", None) != "PyJWKClient"
        if isinstance(node, ast.ImportFrom):
            assert "PyJWKClient" not in {alias.name for alias in node.names}
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in ("jwt.decode", "jwt.decode_complete")
