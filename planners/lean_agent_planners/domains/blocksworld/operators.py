"""The four operators of ``blocksworld-4ops`` on sets of facts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lean_agent_planners.answers import answer_part
from lean_agent_planners.domain import InvalidPlanError
from lean_agent_planners.domains.blocksworld.pddl import Fact

__all__ = ["read_actions", "steps"]

_NAME = re.compile(r"\b(?:pick[-_ ]?up|put[-_ ]?down|unstack|stack)\b")
_NUMBERING = re.compile(r"\b\d+[.)](?=\s)")
_END = re.compile(r"[\n;)]|\.(?:\s|$)")
_FILLING = frozenset(
    ["the", "block", "from", "on", "onto", "off", "of", "top", "table", "then", "and"]
)
_BLOCKS = {"pick-up": 1, "put-down": 1, "stack": 2, "unstack": 2}


def steps(facts: frozenset[Fact]) -> Iterator[tuple[str, frozenset[Fact]]]:
    """Each action that can be made, as "(stack a b)", and the facts after it."""
    empty = ("handempty",)
    for fact in facts:
        match fact:
            case ("ontable", x) if ("clear", x) in facts and empty in facts:
                gone = {fact, ("clear", x), empty}
                yield f"(pick-up {x})", facts - gone | {("holding", x)}
            case ("on", x, y) if ("clear", x) in facts and empty in facts:
                gone = {fact, ("clear", x), empty}
                yield f"(unstack {x} {y})", facts - gone | {("holding", x), ("clear", y)}
            case ("holding", x):
                come = {("clear", x), empty}
                yield f"(put-down {x})", facts - {fact} | come | {("ontable", x)}
                for under in [one[1] for one in facts if one[0] == "clear"]:
                    gone = {fact, ("clear", under)}
                    yield f"(stack {x} {under})", facts - gone | come | {("on", x, under)}
            case _:
                pass


def read_actions(answer: str) -> list[str]:
    """The actions that somebody wrote, as "(stack a b)": "(stack a b)", "unstack(b, c)",
    "pick up block a", "stack a on b".

    Raises:
        InvalidPlanError: an action has too few blocks or too many.
    """
    text = _NUMBERING.sub(" ", answer_part(answer).lower())
    names = list(_NAME.finditer(text))
    actions: list[str] = []
    for number, found in enumerate(names):
        letters = re.sub("[^a-z]", "", found[0])
        name = {"pickup": "pick-up", "putdown": "put-down"}.get(letters, letters)
        end = names[number + 1].start() if number + 1 < len(names) else len(text)
        said = _END.split(text[found.end() : end], maxsplit=1)[0]
        blocks = [word for word in re.findall(r"[\w-]+", said) if word not in _FILLING]
        if len(blocks) != _BLOCKS[name]:
            raise InvalidPlanError(f"{name} takes other blocks than {blocks}")
        actions.append(f"({' '.join([name, *blocks])})")
    return actions
