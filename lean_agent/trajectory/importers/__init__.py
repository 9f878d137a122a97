"""The formats that trajectories come in; each has a file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lean_agent.errors import ConfigurationError
from lean_agent.trajectory.importers.babyai_actions import BABYAI_ACTIONS
from lean_agent.trajectory.importers.evals import EVALS
from lean_agent.trajectory.importers.importer import Importer, Refused, reading
from lean_agent.trajectory.importers.openai_chat import OPENAI_CHAT
from lean_agent.trajectory.importers.react_text import REACT_TEXT
from lean_agent.trajectory.importers.tagged_chat import TAGGED_CHAT
from lean_agent.trajectory.importers.tree_of_thoughts import TREE_OF_THOUGHTS
from lean_agent.trajectory.importers.webshop_react import WEBSHOP_REACT

__all__ = ["IMPORTERS", "Importer", "Refused", "importer_of"]

IMPORTERS: Final[dict[str, Importer]] = {
    importer.name: importer
    for importer in (
        BABYAI_ACTIONS,
        EVALS,
        REACT_TEXT,
        TAGGED_CHAT,
        TREE_OF_THOUGHTS,
        WEBSHOP_REACT,
        OPENAI_CHAT,  # last, as other formats have messages, too
    )
}

_HEAD_BYTES = 65_536


def importer_of(path: Path, name: str | None = None) -> Importer:
    """The one that is named, else the one that recognises the file.

    Raises:
        ConfigurationError: there is none of that name, none recognises it, or it cannot be read.
    """
    known = ", ".join(IMPORTERS)
    if name is not None:
        if name not in IMPORTERS:
            raise ConfigurationError(f"no such format: {name}", hint=f"there are {known}")
        return IMPORTERS[name]
    with reading(path) as file:
        head: str = file.read(_HEAD_BYTES).decode("utf-8", "replace")
    for importer in IMPORTERS.values():
        if importer.recognises(head):
            return importer
    raise ConfigurationError(
        f"{path} is in none of the formats that are known", hint=f"name one with --format: {known}"
    )
