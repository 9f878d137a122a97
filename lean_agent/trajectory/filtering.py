"""Which trajectories were accurate and cheap enough to be used again.

A file is read twice: once to judge, when no more is kept of a trajectory than its place and its
rank, and once to copy the lines of those that are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

from lean_agent.errors import ConfigurationError
from lean_agent.trajectory import depo
from lean_agent.trajectory.files import read_placed
from lean_agent.trajectory.metrics import ise, isr, tokens_per_step
from lean_agent.trajectory.record import Trajectory

__all__ = ["MIN_ENTITIES", "Filter", "Filtered", "Verdict", "filter_file"]

Verdict = Literal["kept", "unjudged", "failed", "low_isr", "low_ise", "undesirable", "not_in_top"]
"""unjudged: nobody said whether it passed. low_isr, low_ise: not above alpha, beta. undesirable: it
was good, but not in DEPO's desirable group. not_in_top: others rank higher.
"""

MIN_ENTITIES: Final = 10
"""The variance of ISE falls as 1 / |R|: of fewer required entities it says little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """WebLeaper's filter, and DEPO's ranking.

    Kept is what passed with ISR above ``alpha`` and ISE above ``beta``; where a task requires no
    entities neither is defined, and only whether it passed counts. With ``desirable_only`` it must
    be in DEPO's desirable group, too: a reward of ``good`` and more in fewer than ``max_steps``
    turns. ``top`` keeps so many, those with the highest bonus.
    """

    alpha: float = 0.3
    beta: float = 0.1
    desirable_only: bool = False
    good: float = depo.GOOD
    max_steps: int = depo.MAX_STEPS
    top: int | None = None

    def judge(self, found: Trajectory) -> Verdict:
        """Whether it is kept, and if not, why not."""
        if found.passed is None:
            return "unjudged"
        if not found.passed:
            return "failed"
        if found.entities_required:
            if isr(found.entities_required, found.entities_found) <= self.alpha:
                return "low_isr"
            if ise(found.entities_found, found.actions) <= self.beta:
                return "low_ise"
        if self.desirable_only and self._group(found) != "desirable":
            return "undesirable"
        return "kept"

    def rank(self, found: Trajectory) -> float:
        """DEPO's bonus, 0 of what is not desirable."""
        if self._group(found) != "desirable":
            return 0.0
        written = found.written
        return depo.bonus(tokens_per_step(written, found.turns), found.turns)

    def _group(self, found: Trajectory) -> depo.Group | None:
        reward = found.reward if found.reward is not None else float(found.passed or False)
        return depo.group(reward, found.turns, good=self.good, max_steps=self.max_steps)


_Kept = tuple[float, str, int, int]
"""The rank, the best least, the id, and the place in the file."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """What became of a file. ``few_entities`` were judged by fewer than ten required entities."""

    trajectories: int
    steps: int
    verdicts: Mapping[Verdict, int]
    few_entities: int


def filter_file(source: Path, target: Path, chosen: Filter) -> Filtered:
    """Copy the lines of the trajectories that are kept, the best first; equals by their id.

    The same trajectories give the same file, in whatever order they come.

    Raises:
        ConfigurationError: a file cannot be read or written, or a line is no trajectory.
    """
    verdicts: Counter[Verdict] = Counter()
    steps = count = few = 0
    kept: list[_Kept] = []
    for start, length, found in read_placed(source):
        count += 1
        steps += len(found.steps)
        few += 0 < found.entities_required < MIN_ENTITIES
        verdict = chosen.judge(found)
        verdicts[verdict] += 1
        if verdict == "kept":
            kept.append((-chosen.rank(found), found.id, start, length))
    kept = list(_in_order(source, kept))
    if chosen.top is not None and len(kept) > chosen.top:
        verdicts["not_in_top"] = len(kept) - chosen.top
        verdicts["kept"] = chosen.top
        del kept[chosen.top :]
    _copy(source, target, [(start, length) for _, _, start, length in kept])
    return Filtered(count, steps, dict(verdicts), few)


def _in_order(source: Path, kept: list[_Kept]) -> Iterator[_Kept]:
    """By rank and id. Of several with one id, as from two logs of one name, by what the lines say:
    where they stand is not to matter.
    """
    with source.open("rb") as lines:

        def said(one: _Kept) -> bytes:
            lines.seek(one[2])
            return sha256(lines.read(one[3]).rstrip(b"\r\n")).digest()

        for _, equal in groupby(sorted(kept), key=lambda one: one[:2]):
            found = list(equal)
            yield from sorted(found, key=said) if len(found) > 1 else found


def _copy(source: Path, target: Path, places: list[tuple[int, int]]) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        with source.open("rb") as lines, part.open("wb") as file:
            for start, length in places:
                lines.seek(start)
                file.write(lines.read(length).rstrip(b"\r\n") + b"\n")
        part.replace(target)
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
