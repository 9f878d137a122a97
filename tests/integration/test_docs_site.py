"""The documentation site: built as `make docs` does, whole, and without a word to other hosts."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from support.doc_pages import DOCS, ROOT

import lean_agent

_LOADED = re.compile(
    r'<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)="(https?:)?//[^"]*"'
)


def test_pictures_are_as_they_are_drawn() -> None:
    drawn = runpy.run_path(str(DOCS / "pictures" / "draw.py"))
    assert {path.stem for path in (DOCS / "pictures").glob("*.svg")} == drawn["PICTURES"].keys()
    for name, picture in drawn["PICTURES"].items():
        assert (DOCS / "pictures" / f"{name}.svg").read_text() == drawn["draw"](*picture), name


@pytest.mark.slow
def test_the_site(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--quiet",
            "--site-dir",
            str(tmp_path / "site"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path: path.read_text() for path in (tmp_path / "site").rglob("*.html")}
    assert len(pages) > 30
    for path, text in pages.items():
        assert not _LOADED.search(text), path
    commands = pages[tmp_path / "site" / "commands" / "index.html"]
    assert "lean-agent ledger budget set" in commands  # of the program itself
    assert "lean-agent eval gate" in commands  # of a package that it finds
    names = pages[tmp_path / "site" / "api" / "index.html"]
    for name in lean_agent.__all__:
        assert f'id="lean_agent.{name}"' in names
    assert 'id="lean_agent.Agent.run_sync"' in names  # what it inherits, too
