"""SECURITY.md: what it points to exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MANUAL = "".join(
    (ROOT / name).read_text("utf-8") for name in ("README.md", "docs/settings.md")
)
TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
LINKS = re.findall(r"\]\(([^)]+)\)", TEXT)
SETTINGS = sorted(set(re.findall(r"`([A-Z][A-Z_]{3,})`", TEXT)))


@pytest.mark.parametrize("link", LINKS)
def test_links_lead_somewhere(link):
    path, _, anchor = link.partition("#")
    page = (ROOT / path).read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    assert not anchor or anchor in {heading.lower() for heading in headings}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_manual_knows_each_setting(name):
    assert f"`{name}`" in MANUAL


def test_the_version_is_the_supported_one():
    version = re.search(
        r'^version = "(\d+\.\d+)', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert f"| {version[1]}.x, latest release | yes |" in TEXT
