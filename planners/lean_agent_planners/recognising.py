"""Which domain a task belongs to, by its form alone: no model is asked.

A domain finds its instance in the text; what stands around it must ask for a solution and for
nothing else, or plan mode must have been forced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from lean_agent.errors import ConfigurationError
from lean_agent.planner import Recognised
from lean_agent_planners.domain import Domain

__all__ = ["recognise"]

_LONGEST_TASK = 30_000
_LARGEST_FILE = 1_000_000

_SOLVE = re.compile(
    r"\b(?:solv\w*|solution|plans?|moves?|push\w*|stack|arrange|rearrange|reach\w*|mak(?:e|ing)|get"
    r"|obtain|form|combine|us(?:e|ing)|play|find|fill\w*|complete|finish|answer|decide|tell me"
    r"|determine|true or false|goals?|game|puzzle)\b",
    re.I,
)
_OTHER = re.compile(
    r"\b(?:how many|how does|count|number of (?:ways|solutions|blocks|stones)|explain|describe"
    r"|summari[sz]e|translate|convert|rewrite|generate|invent|similar|python|program|code"
    r"|functions?|scripts?|algorithm|why|who|when|whether (?:it|this)|what (?:is|are|does|do)|mean"
    r"|mistakes?|errors?|bugs?|wrong|valid|syntax|difficult|compare|review|check)\b",
    re.I,
)


def recognise(
    domains: Iterable[Domain], task: str, files: Sequence[Path] = (), *, forced: bool = False
) -> Recognised | None:
    """The first domain that finds an instance of its own in the task, or in one file beside it.

    Unless ``forced`` the rest of the task must ask for a solution and nothing else. A file is read
    only if the task asks for one, and must hold an instance as a whole.
    """
    if len(task) > _LONGEST_TASK:
        return None
    domains = list(domains)
    for domain in domains:
        excerpt = domain.find(task)
        if excerpt is None or not _reads(domain, excerpt.instance):
            continue
        if forced or _asks_for_a_solution(excerpt.around):
            return Recognised(domain=domain.name, instance=excerpt.instance)
    if forced or (files and _SOLVE.search(task) and not _OTHER.search(task)):
        texts = [*([task] if forced else []), *map(_content, files)]
        found = [(d.name, text) for text in texts for d in domains if text and _reads(d, text)]
        if len(found) == 1 or (found and forced):
            return Recognised(domain=found[0][0], instance=found[0][1])
    return None


def _asks_for_a_solution(around: str) -> bool:
    rest = around.strip(" \t\r\n`.:;,!?\"'")
    return not rest or (_SOLVE.search(rest) is not None and _OTHER.search(rest) is None)


def _reads(domain: Domain, text: str) -> bool:
    try:
        domain.encode(text)
    except ConfigurationError:
        return False
    return True


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8") if file.stat().st_size <= _LARGEST_FILE else ""
    except (OSError, UnicodeError):
        return ""
