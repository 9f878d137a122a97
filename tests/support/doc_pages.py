"""The pages of the docs and what stands in their fences.

A guide is done from top to bottom in one folder, against a server on loopback (``test_guides``):
a fence with a title is a file, a line of ``sh`` a command. Of all other pages each line and each
snippet stands for itself and is run with the small model (``test_docs``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DOCS", "GUIDES", "PAGES", "ROOT", "Fence", "commands", "fences"]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_NO_GUIDES = {"local-model.md"}  # it needs the engine
GUIDES = [
    DOCS / "tutorial.md",
    *(page for page in sorted((DOCS / "how-to").glob("*.md")) if page.name not in _NO_GUIDES),
]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *(page for page in sorted(DOCS.rglob("*.md")) if page not in GUIDES),
]
_FENCE = re.compile(
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"\n]+)")?\n(?P<text>.*?)^```',
    re.MULTILINE | re.DOTALL,
)
_BEGINS = re.compile(r"^```\S", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fence:
    """``name`` is the page's and a number; ``title`` the file that it is to be, "" for none."""

    name: str
    language: str
    title: str
    text: str


def fences(page: Path) -> Iterator[Fence]:
    """Every fence of a page; one that cannot be read is an error, not passed over."""
    source = page.read_text(encoding="utf-8")
    found = list(_FENCE.finditer(source))
    assert len(found) == len(_BEGINS.findall(source)), f"{page}: a fence has another form"
    for number, match in enumerate(found, 1):
        yield Fence(f"{page.stem}-{number}", match["language"], match["title"] or "", match["text"])


def commands(text: str) -> list[str]:
    """The lines of a fence of commands."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]
