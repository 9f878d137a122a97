"""What kinds of tools a task comes with: those that read, those that compute, the caller's own."""

from __future__ import annotations

from collections.abc import Set
from hashlib import sha256
from typing import Final

__all__ = ["COMPUTING", "READING", "kinds", "own_tools"]

READING: Final = frozenset({"search", "read_file", "list_files"})
COMPUTING: Final = frozenset({"calculator", "python"})
_BUILT_IN: Final = READING | COMPUTING | {"plan"}
_MAX_NAMES = 60


def own_tools(tools: Set[str]) -> Set[str]:
    """Those that do not come with lean-agent."""
    return tools - _BUILT_IN


def kinds(tools: Set[str], *, has_files: bool) -> str:
    """The kinds that are there, "files+computing" for example; "" for none.

    A caller's own tools stand in it by their names: what they are good for, nobody can know of
    others.
    """
    found = (
        ("files", has_files),
        ("reading", bool(tools & READING)),
        ("computing", bool(tools & COMPUTING)),
        (_named(own_tools(tools)), bool(own_tools(tools))),
    )
    return "+".join(name for name, there in found if there)


def _named(own: Set[str]) -> str:
    names = ",".join(sorted(own))
    if len(names) <= _MAX_NAMES:
        return names
    return f"{len(own)} tools {sha256(names.encode()).hexdigest()[:12]}"
