"""ReAct and Reflexion logs as text: Question, then Thought, Action and Observation, numbered.

A question that was failed before is followed by what was learnt from that (``Reflections:``); it is
kept as instructions. ``Finish[...]`` is the answer, and the log's own verdict on it counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from lean_agent.trajectory.importers.importer import Refused, checked, reading
from lean_agent.trajectory.record import Source, Step, Trajectory

__all__ = ["REACT_TEXT"]

_QUESTION: Final = "Question: "
_ANSWER: Final = "Correct answer:"
_RULE = re.compile(r"-{5,}.*-{5,}\s*")
_PART = re.compile(r"(Thought|Action|Observation) (\d+):\s?(.*)", re.DOTALL)
_ACTION = re.compile(r"(\w+)\[(.*)\]", re.DOTALL)
_AGAIN: Final = "You have attempted to answer following question before and failed."
_PARTS: Final = ("Thought", "Action", "Observation")
_NOT_FOUND = re.compile(r"Could not find |Invalid Action|No more results|The last page Searched")

_Block = list[tuple[int, str]]


class _ReactText:
    name = "react-text"
    about = "ReAct and Reflexion logs as text"

    def recognises(self, head: str) -> bool:
        return "\nThought 1:" in head and (head.startswith(_QUESTION) or f"\n{_QUESTION}" in head)

    def read(self, path: Path) -> Iterator[Trajectory | Refused]:
        for block in _blocks(path):
            yield checked(partial(_convert, block, path.name), block[0][0])


def _blocks(path: Path) -> Iterator[_Block]:
    """The lines of each record, numbered; what stands before the first is one of its own."""
    block: _Block = []
    with reading(path) as file:
        for number, raw in enumerate(file, 1):
            line = raw.decode("utf-8", "surrogateescape")
            if _RULE.fullmatch(line) or (not block and not line.strip()):
                continue
            if line.startswith(_QUESTION) and block:
                yield block
                block = []
            block.append((number, line))
    if block:
        yield block


def _convert(block: _Block, file: str) -> Trajectory:
    line = block[0][0]
    if not block[0][1].startswith(_QUESTION):
        raise ValueError("it does not begin with 'Question: '")
    opening, sections = _sections(block)
    question, again, learnt = opening.removeprefix(_QUESTION).partition(_AGAIN)
    last_line, answer = sections.pop()
    if not answer.startswith(_ANSWER):
        raise ValueError(f"line {last_line}: it ends without {_ANSWER!r}")
    steps = _steps(sections)
    verdict = steps[-1].observation
    passed = steps[-1].kind == "answer" and verdict == "Answer is CORRECT"
    return Trajectory(
        id=f"react-text:{file}:{line}",
        task_id=question.strip(),
        question=question.strip(),
        answers=[answer.removeprefix(_ANSWER).strip()],
        instructions=f"{again}{learnt}".strip(),
        steps=steps,
        output=steps[-1].arguments["argument"] if steps[-1].kind == "answer" else "",
        ending="answered" if passed else "wrong" if steps[-1].kind == "answer" else "limit",
        reward=float(passed),
        passed=passed,
        source=Source(format="react-text", file=file, line=line),
    )


def _sections(block: _Block) -> tuple[str, list[tuple[int, str]]]:
    """What stands before the first thought, then each part with the line that it begins on."""
    opening = ""
    sections: list[tuple[int, str]] = []
    for number, line in block:
        if _PART.match(line) or line.startswith(_ANSWER):
            sections.append((number, line))
        elif sections:
            sections[-1] = (sections[-1][0], sections[-1][1] + line)
        else:
            opening += line
    if not sections:
        raise ValueError("there is neither a thought nor an action")
    return opening, sections


def _steps(sections: Sequence[tuple[int, str]]) -> list[Step]:
    texts: list[str] = []
    for number, (line, section) in enumerate(sections):
        turn, part = divmod(number, len(_PARTS))
        wanted = f"{_PARTS[part]} {turn + 1}"
        found = _PART.match(section)
        if found is None or f"{found[1]} {found[2]}" != wanted:
            raise ValueError(f"line {line}: {section[:20].strip()!r} where {wanted!r} is due")
        texts.append(found[3].strip())
    if not texts or len(texts) % len(_PARTS):
        raise ValueError("it ends in the middle of a step")
    parts = [texts[first::3] for first in range(3)]
    return [_step(turn, *texts) for turn, texts in enumerate(zip(*parts, strict=True))]


def _step(turn: int, thought: str, action: str, observation: str) -> Step:
    found = _ACTION.fullmatch(action)
    if found is None:
        raise ValueError(f"Action {turn + 1} is {action[:40]!r}, not name[argument]")
    name, argument = found.groups()
    answers = name == "Finish"
    return Step(
        turn=turn,
        kind="answer" if answers else "act",
        action=name,
        arguments={"argument": argument},
        thought=thought,
        observation=observation,
        is_error=_NOT_FOUND.match(observation) is not None,
        reward=float(observation == "Answer is CORRECT") if answers else None,
    )


REACT_TEXT = _ReactText()
