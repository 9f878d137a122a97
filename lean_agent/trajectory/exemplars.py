"""Which solved examples a task is given, and how many: none where such tasks were easy.

The idea is DynaICL's, that a hard input is worth more examples than an easy one; here the number
follows from how the most similar recorded attempts went, and which are taken from similarity and
DEPO's bonus b (spec: trajectories). Whether examples pay is not measured yet (bench/exemplars.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from lean_agent._paths import trajectories_file
from lean_agent.retrieval.bm25 import Bm25
from lean_agent.retrieval.fusion import reciprocal_rank_fusion
from lean_agent.retrieval.turns import in_turn
from lean_agent.trajectory.estimating import text_tokens
from lean_agent.trajectory.exemplar_text import HEADING_TOKENS, exemplar, told
from lean_agent.trajectory.exporting.conversation import unfit
from lean_agent.trajectory.files import read_trajectories
from lean_agent.trajectory.filtering import Filter
from lean_agent.trajectory.record import Trajectory
from lean_agent.trajectory.scrubbing import Scrubber

__all__ = ["MOST", "TOKENS", "Exemplar", "ExemplarSource", "Exemplars", "fitting"]

TOKENS: Final = 800
MOST: Final = 2
_EASY_TURNS: Final = 3
"""One look-up, the word that it is enough, and the answer."""
_NEAREST: Final = 5
_CANDIDATES: Final = 20


class ExemplarSource(Protocol):
    """What knows examples for a task."""

    async def told(self, task: str) -> str:
        """What the model reads of them before the task; "" for none. The same each time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """A solved example. ``tokens`` is an estimate, a quarter of the text's bytes."""

    id: str
    question: str
    text: str
    tokens: int

    @classmethod
    def of(cls, found: Trajectory) -> Exemplar:
        """Without secrets, home folders and users' names in paths."""
        text = exemplar(Scrubber().trajectory(found))
        return cls(id=found.id, question=found.question, text=text, tokens=text_tokens(text))


@dataclass(frozen=True, slots=True)
class _Attempt:
    question: str
    easy: bool
    rank: float
    example: Exemplar | None


class Exemplars:
    """Chooses from judged trajectories; those that nobody judged are left out.

    Args:
        pool: What was recorded, failures too: they tell that tasks like theirs are hard.
        tokens: The most that the examples of one task may take, estimated.
        most: The most examples of one task.
        keep: What an example must pass.
        easy_turns: An attempt that passed in so many turns was easy.
    """

    def __init__(
        self,
        pool: Iterable[Trajectory],
        *,
        tokens: int = TOKENS,
        most: int = MOST,
        keep: Filter | None = None,
        easy_turns: int = _EASY_TURNS,
    ) -> None:
        keep = keep or Filter(desirable_only=True)
        judged = [found for found in pool if found.passed is not None and unfit(found) is None]
        judged.sort(key=lambda found: found.id)
        self._attempts = [
            _Attempt(
                question=found.question,
                easy=bool(found.passed) and found.turns <= easy_turns,
                rank=keep.rank(found),
                example=Exemplar.of(found) if keep.judge(found) == "kept" else None,
            )
            for found in judged
        ]
        self._tokens = tokens
        self._most = most
        self._index = Bm25.build(found.question for found in judged)

    @classmethod
    def read(cls, path: Path, *, tokens: int = TOKENS, most: int = MOST) -> Exemplars:
        """From a file of trajectories.

        Raises:
            ConfigurationError: it cannot be read, or a line is no trajectory.
        """
        return cls(read_trajectories(path), tokens=tokens, most=most)

    @classmethod
    def of_user(cls, *, tokens: int = TOKENS, most: int = MOST) -> Exemplars:
        """From the user's own recorded runs that were judged (``trajectory.judging``); none where
        nothing is recorded.

        Raises:
            ConfigurationError: as ``read``.
        """
        own = trajectories_file()
        if not own.exists():
            return cls((), tokens=tokens, most=most)
        return cls.read(own, tokens=tokens, most=most)

    def choose(self, task: str) -> list[Exemplar]:
        """The examples for a task, in the order of their ids, so that the same ones are the same
        bytes in every run.

        As many of ``most`` as the share of the most similar attempts that were not easy, none where
        none is similar; by similarity and bonus, one a question, as far as they fit.
        """
        similar = [number for number, _ in self._index.search(task, _CANDIDATES)]
        nearest = similar[:_NEAREST]
        if not nearest:
            return []
        hard = sum(not self._attempts[number].easy for number in nearest)
        wanted = round(self._most * hard / len(nearest))
        usable = [number for number in similar if self._attempts[number].example is not None]
        cheapest = sorted(usable, key=lambda number: -self._attempts[number].rank)
        best = (self._attempts[n].example for n, _ in reciprocal_rank_fusion([usable, cheapest]))
        chosen = fitting((found for found in best if found is not None), self._tokens, wanted)
        return sorted(chosen, key=lambda found: found.id)

    async def told(self, task: str) -> str:
        """See ``ExemplarSource``."""
        chosen = await in_turn(partial(self.choose, task))
        return told(found.text for found in chosen)


def fitting(ranked: Iterable[Exemplar], tokens: int, most: int) -> Sequence[Exemplar]:
    """The first ``most`` that fit together, their heading included, one a question."""
    left = tokens - HEADING_TOKENS
    found: dict[str, Exemplar] = {}
    for example in ranked:
        if len(found) >= most:
            break
        if example.question not in found and example.tokens <= left:
            found[example.question] = example
            left -= example.tokens
    return list(found.values())
