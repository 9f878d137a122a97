"""The feedback loop: a model writes a domain's functions, tests judge them, it mends them.

After AutoToS (arXiv 2408.11326), for small models: each function is learned by itself and kept
once it passes its own tests; it is written several times over before the best writing is mended,
and every other call writes it anew, for small models seldom mend what they have once got wrong. A
conversation holds the task, one writing and what is wrong with it, no more: they repeat what they
see.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from lean_agent.messages import Message
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent_planners.domain import Domain
from lean_agent_planners.thought_of_search import prompts
from lean_agent_planners.thought_of_search.checking import (
    Complaint,
    joined,
    judged,
    together,
)

__all__ = ["Ask", "Learned", "learn"]

Ask = Callable[[ModelRequest], Awaitable[ModelResponse]]

_OUTPUT_TOKENS = 500
_TEMPERATURE = 0.7
_WARMER = 0.1  # for each time that the same text came again
_HOTTEST = 1.2
_MEND_EVERY = 3  # calls for a function: the others write it anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """``code`` passed every test; None: nothing did. ``writer`` is the number of the model that
    wrote last, ``failed`` what the tests said."""

    code: str | None
    calls: int
    seconds: float
    failed: tuple[str, ...]
    writer: int


async def learn(
    domain: Domain,
    *asks: Ask,
    calls: int = 30,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _line: None,
) -> Learned:
    """Have the functions of a domain written.

    Args:
        domain: What judges them.
        asks: One call of a model each, the smallest first: where its calls are used up, the next
            goes on from what was written. Whoever gives them charges them.
        calls: How many each may have.
        seed: Of the first call; each later one has another.
        tell: Is told what each test said, a line each.

    Raises:
        LeanAgentError: a call failed.
    """
    began = time.perf_counter()
    work = _Work(domain, asks, calls, seed, tell)
    code: str | None = None
    while code is None and (work.has_calls or work.is_written):
        code = await work.go_on()
    return Learned(
        code=code,
        calls=work.calls,
        seconds=time.perf_counter() - began,
        failed=tuple(work.failed),
        writer=max(work.calls - 1, 0) // calls,
    )


@dataclass(slots=True)
class _Writing:
    """One text of a function. ``complaint`` is None while it passes all that it was put to."""

    text: str
    score: float
    complaint: Complaint | None
    mends: int = 0


@dataclass(slots=True)
class _Work:
    domain: Domain
    asks: Sequence[Ask]
    limit: int
    seed: int
    tell: Callable[[str], None]
    calls: int = 0
    failed: list[str] = field(default_factory=list[str])
    repeated: Counter[str] = field(default_factory=Counter[str])
    asked: Counter[str] = field(default_factory=Counter[str])
    written: defaultdict[str, list[_Writing]] = field(
        default_factory=lambda: defaultdict[str, list[_Writing]](list)
    )

    @property
    def has_calls(self) -> bool:
        return self.calls < self.limit * len(self.asks)

    @property
    def is_written(self) -> bool:
        """Each part has a text that passes its own tests."""
        return all(
            any(one.complaint is None for one in self.written[part]) for part in self.domain.parts
        )

    async def go_on(self) -> str | None:
        """One call for the first function that has no text that passes, or a test of all."""
        passing: dict[str, _Writing] = {}
        for function in self.domain.parts:
            good = [one for one in self.written[function] if one.complaint is None]
            if not good:
                return await self._write(function, passing)
            passing[function] = good[0]
        return await self._test(passing)

    async def _write(self, function: str, passing: dict[str, _Writing]) -> None:
        """A new text of the function, from nothing or from the best one that failed."""
        self.asked[function] = count = self.asked[function] + 1
        best = max(self.written[function], key=lambda one: one.score - one.mends / 8, default=None)
        messages = prompts.write(
            self.domain, function, {name: one.text for name, one in passing.items()}
        )
        if best is not None and best.complaint is not None and count % _MEND_EVERY == 0:
            messages = prompts.mend(messages, best.text, best.complaint.text)
            best.mends += 1
        temperature = min(_TEMPERATURE + _WARMER * self.repeated[function], _HOTTEST)
        text = prompts.function_of(await self._reply(messages, temperature), function)
        if text is None:
            self._tell(Complaint(function, "no code block defines it"))
        elif any(text == one.text for one in self.written[function]):
            self.repeated[function] += 1
            self._tell(Complaint(function, "it is the same again"))
        else:
            result = await judged(text, self.domain, function)
            self.written[function].append(_Writing(text, result.score, result.complaint))
            if result.complaint is not None:
                self._tell(result.complaint)

    async def _test(self, passing: dict[str, _Writing]) -> str | None:
        code = joined({name: one.text for name, one in passing.items()}, self.domain)
        complaint = await together(code, self.domain)
        if complaint is None:
            return code
        for name, one in passing.items():
            if (name == "is_goal") == (complaint.function == "is_goal"):
                one.complaint = complaint
        self._tell(complaint)
        return None

    async def _reply(self, messages: list[Message], temperature: float) -> str:
        ask = self.asks[self.calls // self.limit]
        request = ModelRequest(
            messages=tuple(messages),
            max_output_tokens=_OUTPUT_TOKENS,
            temperature=temperature,
            seed=self.seed * 1_000 + self.calls,
            enough=prompts.complete,
        )
        self.calls += 1
        return (await ask(request)).message.content

    def _tell(self, wrong: Complaint) -> None:
        line = f"call {self.calls}: {wrong.function}: {wrong.text}"
        self.failed.append(line)
        self.tell(line)
